"""To move a labelled source, or to leave it where it is: what `CircularValidation.compare` chooses.

Accuracy on the target of a support-vector classifier that is trained on the source as it is, drawn
anew with estimated class shares, moved, or as chosen; and how often what was chosen is within 0.02
of the best. The first three tasks are simulators of skada, at their own sizes and 20 seeds. In the
others halves of the cancer table are source and target, of which a class may be thinned to a fifth,
gains and offsets may drift, or both. Between halves of one table ("none") there is nothing to move.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/staying.py
"""

import warnings
from collections import Counter

import numpy as np
from skada.datasets import make_shifted_datasets
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale
from sklearn.svm import SVC

from skflow import SDFlowSampler
from skflow.model_selection import CircularValidation
from skflow.model_selection._circular import STRATEGIES

SEEDS = range(400, 420)  # those below served to choose the rule


def simulated(shift, seed):
    X, y, domain = make_shifted_datasets(
        n_samples_source=20,
        n_samples_target=20,
        shift=shift,
        noise=0.3,
        random_state=seed,
        return_X_y=True,
    )
    return X[domain > 0], y[domain > 0], X[domain < 0], y[domain < 0]


def cancer(change, seed):
    X, y = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(seed)
    S, T, y, truth = train_test_split(scale(X), y, test_size=0.5, random_state=seed, stratify=y)
    if "thinned" in change:
        kept = (truth == 1) | (rng.random(len(truth)) < 0.2)
        T, truth = T[kept], truth[kept]
    if "drift" in change:
        T = T * np.exp(rng.normal(0, 0.5, 30)) + rng.normal(0, 1, 30)
    return S, y, T, truth


def run(S, y, T, truth):
    """Accuracies of all strategies and of the choice, the choice, and what was said."""
    flow, classifier = SDFlowSampler(n_steps=30, random_state=0).fit(T), SVC()
    accuracy = {}
    for name, strategy in STRATEGIES.items():
        Z, labels = strategy(classifier, flow, S, y, T)
        is_one = len(np.unique(labels)) < 2
        found = np.full(len(T), labels[0]) if is_one else classifier.fit(Z, labels).predict(T)
        accuracy[name] = np.mean(found == truth)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        choice = CircularValidation(classifier, S, y).compare(flow, T).choice
    said = [str(warning.message).partition(":")[0].partition(" (")[0] for warning in caught]
    return [*accuracy.values(), accuracy[choice]], choice, said


if __name__ == "__main__":
    print(f"{'':20}{'stay':>9}{'reweight':>9}{'move':>9}{'chosen':>9}{'good':>7}")
    tasks = dict.fromkeys(("covariate_shift", "target_shift", "conditional_shift"), simulated)
    tasks |= dict.fromkeys(("none", "thinned", "drift", "thinned, drift"), cancer)
    for name, make in tasks.items():
        figures, choices, said = [], Counter(), Counter()
        for seed in SEEDS:
            S, y, T, truth = make(name, seed)
            unit = S.std(axis=0)
            accuracies, choice, sentences = run(S / unit, y, T / unit, truth)
            figures.append(accuracies)
            choices[choice] += 1
            said.update(sentences)
        good = np.mean([run[-1] > max(run[:-1]) - 0.02 for run in figures])
        cells = "".join(f"{value:9.3f}" for value in np.mean(figures, axis=0))
        print(f"{name:20}{cells}{good:7.2f}  {dict(choices)} {dict(said)}", flush=True)
