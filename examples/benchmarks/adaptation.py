"""Accuracy on an unlabelled target of a classifier that is trained on adapted source rows.

Support-vector classifiers on standardised rows; means over 20 seeds, and how often a method is
below the source alone by more than 0.01. The first four tasks are skada's simulators. In the others
halves of the cancer table are source and target, of which one class may be thinned to a fifth,
gains and offsets of the source may drift, or both; "undrifted" is the source before that. Peers are
skada's adapters, with what their authors have as defaults, in skada's pipelines; "nan" is a peer
that returned missing values.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/adaptation.py
"""

import argparse
import warnings
from functools import partial

import numpy as np
import skada
from skada.datasets import make_shifted_datasets
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skflow import SDFlowSampler
from skflow.class_shares import estimate_class_shares


def simulated(shift, seed):
    X, y, domain = make_shifted_datasets(
        n_samples_source=20,
        n_samples_target=20,
        shift=shift,
        noise=0.3,
        random_state=seed,
        return_X_y=True,
    )
    S, T = X[domain > 0], X[domain < 0]
    return S, S, y[domain > 0], T, y[domain < 0]


def cancer(change, seed):
    rng = np.random.default_rng(seed)
    X, y = load_breast_cancer(return_X_y=True)
    source, target = np.array_split(rng.permutation(len(X)), 2)
    if "thinned" in change:
        target = target[(y[target] == 1) | (rng.random(len(target)) < 0.2)]
    S, T = X[source], X[target]
    drifted = S
    if "drift" in change:
        drifted = S * rng.uniform(0.5, 2, 30) + X.std(axis=0) * rng.normal(0, 1, 30)
    return S, drifted, y[source], T, y[target]


def accuracy(S, y, T, truth, weight=None):
    return SVC().fit(S, y, sample_weight=weight).score(T, truth)


def peer(adapter):
    """A method of skada, in its own pipeline."""

    def method(S, y, T, truth):
        model = SVC().set_fit_request(sample_weight=True)
        model = model.set_score_request(sample_weight=False)
        pipe = skada.make_da_pipeline(adapter(), model)
        X, domain = np.vstack([S, T]), np.repeat([1, -2], [len(S), len(T)])
        masked = np.concatenate([y, np.full(len(T), -1)])
        try:
            pipe.fit(X, masked, sample_domain=domain)
        except ValueError:  # missing values in adapted rows
            return np.nan
        return np.mean(pipe.predict(T, sample_domain=np.full(len(T), -2)) == truth)

    return method


def reweighted(S, y, T, truth):
    """Class shares by EM, on the rows as they are."""
    weight = estimate_class_shares(SVC(probability=True), S, y, T).source_weight
    return accuracy(S, y, T, truth, weight)


def moved(S, y, T, truth):
    return accuracy(SDFlowSampler(random_state=0).fit(T).transform(S), y, T, truth)


def moved_with_labels(S, y, T, truth):
    flow = SDFlowSampler(random_state=0).fit(T, X_source=S, y_source=y)
    return accuracy(flow.transform(S), y, T, truth, flow.source_weight_)


METHODS = {
    "source": accuracy,
    "reweighted": reweighted,
    "CORAL": peer(skada.CORALAdapter),
    "linear OT": peer(skada.LinearOTMappingAdapter),
    "EMD": peer(skada.OTMappingAdapter),
    "Sinkhorn": peer(skada.EntropicOTMappingAdapter),
    "MMDTarS": peer(partial(skada.MMDTarSReweightAdapter, gamma=1.0)),
    "moved": moved,
    "y_source": moved_with_labels,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    tasks = dict.fromkeys(
        ("covariate_shift", "target_shift", "conditional_shift", "subspace"), simulated
    )
    tasks |= dict.fromkeys(("none", "thinned", "drift", "thinned, drift"), cancer)
    print(f"{'':18}" + "".join(f"{name:>11}" for name in ["undrifted", *METHODS]))
    for name, make in tasks.items():
        figures = []
        for seed in range(args.seeds):
            S0, S, y, T, truth = make(name, seed)
            scaler = StandardScaler().fit(T)
            S0, S, T = map(scaler.transform, (S0, S, T))
            results = [method(S, y, T, truth) for method in METHODS.values()]
            figures.append([accuracy(S0, y, T, truth), *results])
        means = np.mean(figures, axis=0)
        worse = np.mean(np.array(figures)[:, 1:] < np.array(figures)[:, [1]] - 0.01, axis=0)
        print(f"{name:18}" + "".join(f"{value:11.3f}" for value in means))
        print(f"{'  below source':18}{'':11}" + "".join(f"{value:11.2f}" for value in worse))
