"""A classifier behind a flow predicts drifted rows.

Half of the wine data is the reference. The other half was measured by another instrument: every
column has its own gain and offset. The flow moves the new rows onto the reference before they are
classified; it sees no labels of the new rows.
"""

import os

import numpy as np
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skflow import SDFlowSampler

SEEDS = range(3 if "SKFLOW_FAST" in os.environ else 20)

accuracy = {"without": [], "with": [], "no drift": []}
for seed in SEEDS:
    X, y = load_wine(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
    rng = np.random.default_rng(seed)
    gain, offset = rng.uniform(0.7, 1.4, 13), X.std(axis=0) * rng.normal(size=13)
    drifted = gain * X_new + offset

    without = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    flow = SDFlowSampler(random_state=0)
    with_flow = make_pipeline(StandardScaler(), flow, LogisticRegression()).fit(X, y)
    accuracy["no drift"].append(without.score(X_new, y_new))
    accuracy["without"].append(without.score(drifted, y_new))
    accuracy["with"].append(with_flow.score(drifted, y_new))

print(f"accuracy on drifted rows, mean ± standard error over {len(SEEDS)} splits")
for name, values in accuracy.items():
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    print(f"  {name:9} {np.mean(values):.3f} ± {error:.3f}")
