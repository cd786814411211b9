"""A classifier behind a flow is fitted in January and predicts February, in another process.

January's rows are labelled, and the reference. In February the instrument is another one: every
column has a gain and an offset of its own, or, in a second run, loses 80 % of the column before it,
too, as after an overdone correction for crosstalk. Standardising undoes the first, not the second.

The usual pipeline moves all rows of February as one population. It is saved, and a new process
loads it and predicts the same. For rows that come one by one a second pipeline is fitted with the
first half of February as ``X_source``: it freezes the flow, and every later row is moved alone.

Prints accuracies on the second half of February, means ± standard errors over splits of the breast
cancer table, and how many predictions differ. No label of February is used.
"""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler, scale

from skflow import SDFlowSampler

FAST = "SKFLOW_FAST" in os.environ
N_SPLITS, N_SINGLE, N_STEPS = (2, 5, 10) if FAST else (10, 20, 50)
NEW_PROCESS = """
import sys, joblib
saved = joblib.load(sys.argv[1])
joblib.dump([model.predict(rows) for model, rows in saved], sys.argv[1])
"""
sklearn.set_config(enable_metadata_routing=True)  # X_source has to pass the scaler


def pipeline(with_flow):
    flow = [("flow", SDFlowSampler(n_steps=N_STEPS, random_state=0))] if with_flow else []
    steps = [("scaler", StandardScaler()), *flow, ("classifier", LogisticRegression())]
    return Pipeline(steps, transform_input=["X_source"])


def gains(Z, rng):
    return Z * rng.uniform(0.7, 1.4, Z.shape[1]) + rng.normal(size=Z.shape[1])


def crosstalk(Z, rng):
    return gains(Z - 0.8 * np.roll(Z, 1, axis=1), rng)


def in_new_process(saved):
    """Predictions of saved pipelines, [(model, rows), ...], by another Python."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "january.joblib")
        joblib.dump(saved, file)
        subprocess.run([sys.executable, "-c", NEW_PROCESS, file], check=True)
        return joblib.load(file)


X, y = load_breast_cancer(return_X_y=True)
accuracy, saved, predicted, n_differ = {}, [], [], 0
for drift, split in product((gains, crosstalk), range(N_SPLITS)):
    january, february, y_january, y_february = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=split
    )
    mean, deviation = january.mean(axis=0), january.std(axis=0)
    rng = np.random.default_rng(split)
    drifted = mean + deviation * drift((february - mean) / deviation, rng)
    half = len(february) // 2

    without, batch = (pipeline(with_flow).fit(january, y_january) for with_flow in (False, True))
    frozen = pipeline(True).fit(january, y_january, X_source=drifted[:half])
    saved += [(batch, drifted), (frozen, drifted[half:])]
    predicted += [model.predict(rows) for model, rows in saved[-2:]]
    together, later = predicted[-2:]
    alone = [frozen.predict(row[None])[0] for row in drifted[half:][:N_SINGLE]]
    n_differ += np.sum(alone != later[:N_SINGLE])
    for name, labels in {
        "no drift": without.predict(february)[half:],
        "not moved": without.predict(drifted)[half:],
        "standardised": without.predict(mean + deviation * scale(drifted))[half:],
        "flow, all of February": together[half:],
        "flow, frozen": later,
    }.items():
        right = np.mean(labels == y_february[half:])
        accuracy.setdefault(name, {}).setdefault(drift, []).append(right)

print(f"{'':23}gains           gains, crosstalk")
for name, by_drift in accuracy.items():
    cells = [
        f"{np.mean(a):.3f} ± {np.std(a, ddof=1) / N_SPLITS**0.5:.3f}" for a in by_drift.values()
    ]
    print(f"{name:23}" + "   ".join(cells))

again = in_new_process(saved)
n_new = sum(np.sum(a != b) for a, b in zip(again, predicted, strict=True))
print(f"\npredictions that differ in a new process:  {n_new} of {sum(map(len, again))}")
print(f"predictions that differ one row at a time: {n_differ} of {2 * N_SPLITS * N_SINGLE}")
