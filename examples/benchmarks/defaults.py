"""Every field, sampler and generator with its defaults: floors, copy ratio and extent.

    python examples/benchmarks/defaults.py                          all, 5 seeds, 1000 and 5000 rows
    python examples/benchmarks/defaults.py --seeds 2 --rows 1000
    python examples/benchmarks/defaults.py --systems "field mmd" MMDFlowSampler

*Floors* are the energy distance to held-out target rows over its floor, the expected distance of as
many fresh rows: their mean over the seeds, and their worst. What is made of target rows inherits
the luck of their draw, so the first system is the target rows themselves. *own* are samples from
the system's own base, *far* rows of a round Gaussian half as wide as the target, six of its radii
away in every column, moved onto it; what is taught on the rows that it moves is given them as
``X_source``. *copy* is the nearest-neighbour ratio that is furthest from 1, *extent* the largest
distance of a row from the target's mean, in units of that of the target's own rows.
"""

import argparse
import os
import warnings
from functools import partial

import numpy as np

import skflow
from skflow.datasets import make_clusters, make_grid, make_question_mark, make_ring
from skflow.fields import FIELDS
from skflow.generators import BaseGenerator
from skflow.metrics import energy_distance, energy_floor, nearest_neighbor_ratio
from skflow.samplers import BaseSampler

FAST = "SKFLOW_FAST" in os.environ
TAUGHT = BaseGenerator, skflow.DiscriminatorFlowSampler  # on the rows that they will move

TARGETS = {
    "question mark": make_question_mark,
    "ring": make_ring,
    "grid": make_grid,
    "clusters": make_clusters,
}


def estimators(base):
    """The estimators of the package that are of a kind."""
    classes = (getattr(skflow, name) for name in skflow.__all__)
    kind = [cls for cls in classes if isinstance(cls, type) and issubclass(cls, base)]
    return {cls.__name__: cls for cls in kind}


SYSTEMS = {
    "target rows": None,
    **{f"field {name}": partial(skflow.SDFlowSampler, name) for name in sorted(FIELDS)},
    **estimators(BaseSampler),
    **estimators(BaseGenerator),
}


def far_source(X, rng):
    """Rows of a round Gaussian, six radii of the target away from it, half as wide."""
    radius = np.sqrt(X.var(axis=0).sum())
    width = radius / np.sqrt(X.shape[1])
    away = X.mean(axis=0) + 6 * width
    return away + 0.5 * width * rng.standard_normal(X.shape)


def results(make, X, seed):
    """Rows that a system makes of its own base, and of a far source."""
    if make is None:
        return {"own": X}
    own = make(random_state=seed).fit(X).sample(len(X))
    source = far_source(X, np.random.default_rng(seed))
    far = make(random_state=seed)
    if isinstance(far, TAUGHT):
        return {"own": own, "far": far.fit(X, X_source=source).transform(source)}
    return {"own": own, "far": far.fit(X).transform(source)}


def figures(rows, X, held_out):
    """Floors, copy ratio, and extent in units of the target's."""
    center = X.mean(axis=0)
    extent = np.linalg.norm(rows - center, axis=1).max() / np.linalg.norm(X - center, axis=1).max()
    floors = energy_distance(rows, held_out) / energy_floor(held_out, len(rows))
    return floors, nearest_neighbor_ratio(rows, X), extent


def cell(make, target, n, seeds):
    """Worst figures over the seeds, from both beginnings."""
    found = {"own": [], "far": []}
    for seed in range(seeds):
        X, held_out = target(n, random_state=seed), target(10_000, random_state=1000 + seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for start, rows in results(make, X, seed).items():
                found[start].append(figures(rows, X, held_out))
    for start, values in found.items():
        if not values:
            continue
        floors, copies, extents = np.transpose(values)
        copy = max(copies, key=lambda value: abs(np.log(max(value, 1e-12))))
        yield start, np.mean(floors), max(floors), copy, max(extents)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1 if FAST else 5)
    parser.add_argument("--rows", type=int, nargs="+", default=[200] if FAST else [1000, 5000])
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    arguments = parser.parse_args()
    print("| system | rows | target | start | floors, mean | worst | copy | extent |")
    print("|---|---|---|---|---|---|---|---|")
    for system in arguments.systems:
        for n in arguments.rows:
            for target in arguments.targets:
                for start, *values in cell(SYSTEMS[system], TARGETS[target], n, arguments.seeds):
                    row = [system, str(n), target, start, *(f"{value:.2f}" for value in values)]
                    print("| " + " | ".join(row) + " |", flush=True)
