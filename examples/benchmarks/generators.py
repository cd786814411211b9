"""Generators: the ring with default settings, real tables beside free particles, other regressors.

    python examples/benchmarks/generators.py                     all studies
    python examples/benchmarks/generators.py ring                one of them
    python examples/benchmarks/generators.py tables --splits 3   fewer splits

The ring has five modes of standard deviation 0.5 and 2000 target rows; 2500 rows are drawn.
*within* is the share of rows within three standard deviations of a mode (0.989 of fresh rows),
*least* and *most* are the shares of the modes, *CFD* and *fit* (energy distance) are taken to
held-out rows and divided by what fresh rows show, *copy* is the nearest-neighbour ratio (0: copies,
1: fresh rows), *accuracy* that of a random forest which tells samples from held-out rows (0.5: it
cannot).
"""

import argparse
import time
from functools import partial

import numpy as np
from quality import SAMPLES, fit_ratio, sd_flow, show, two_sample_accuracy
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from skflow import SDFlowGenerator
from skflow.datasets import make_ring
from skflow.metrics import characteristic_function_distance, nearest_neighbor_ratio

N_DRAWN = 2500


def cfd(X, Y):
    return characteristic_function_distance(X, Y, scale=1.0)


def ring_figures(make, radius, seed):
    """Figures of ``make(random_state=seed)``, fitted to a ring."""
    X = make_ring(2000, radius=radius, random_state=seed)
    start = time.perf_counter()
    flow = make(random_state=seed).fit(X)
    seconds = time.perf_counter() - start
    held_out, centers = make_ring(
        N_DRAWN, radius=radius, return_centers=True, random_state=500 + seed
    )
    fresh = [make_ring(N_DRAWN, radius=radius, random_state=900 + i) for i in range(20)]
    start = time.perf_counter()
    rows = flow.sample(N_DRAWN)
    sampling = time.perf_counter() - start
    absolute = cfd(rows, held_out)
    distance = np.linalg.norm(rows[:, None] - centers, axis=2)
    within = distance.min(axis=1) < 1.5
    share = np.bincount(distance.argmin(axis=1)[within], minlength=5) / N_DRAWN
    return {
        "modes": float(np.sum(share > 0.02)),
        "least": share.min(),
        "most": share.max(),
        "within": within.mean(),
        "CFD": absolute / np.mean([cfd(rows, held_out) for rows in fresh]),
        "absolute CFD": absolute,
        "copy": nearest_neighbor_ratio(rows, X),
        "seconds": seconds,
        "sampling": sampling,
    }


def ring(n_splits):
    """The ring, seed by seed: the worst one counts."""
    print("\n## Ring")
    for radius in (4, 5):
        seeds = {f"seed {s}": [ring_figures(SDFlowGenerator, radius, s)] for s in range(5)}
        show_single(f"radius {radius}", seeds)


def show_single(title, rows):
    keys = list(next(iter(rows.values()))[0])
    print(f"\n| {title} | " + " | ".join(keys) + " |")
    print("|---" * (len(keys) + 1) + "|")
    for name, (figures,) in rows.items():
        digits = {"modes": 0, "within": 3, "absolute CFD": 4, "seconds": 1}
        print(
            f"| {name} | " + " | ".join(f"{figures[k]:.{digits.get(k, 2)}f}" for k in keys) + " |"
        )


def sd_generator(X, n, seed):
    return SDFlowGenerator(random_state=seed).fit(X).sample(n)


def tables(n_splits):
    """Two-sample accuracy on held-out rows, beside the particle sampler's."""
    print("\n## Real tables")
    for task in ("cancer", "wine", "diabetes"):
        results = {
            name: [table_figures(task, make, seed) for seed in range(n_splits)]
            for name, make in {"generator": sd_generator, "particles": sd_flow}.items()
        }
        show(task, results)
    X, _ = SAMPLES["cancer"](0)
    flow = SDFlowGenerator(n_epochs=1, random_state=0).fit(X)
    start = time.perf_counter()
    flow.sample(100_000)
    print(f"\n10⁵ samples of 30 columns: {time.perf_counter() - start:.2f} s")


def table_figures(task, make, seed):
    X, held_out = SAMPLES[task](seed)
    start = time.perf_counter()
    rows = make(X, len(held_out), seed)
    return {
        "accuracy": two_sample_accuracy(rows, held_out, seed),
        "fit": fit_ratio(rows, held_out),
        "copy": nearest_neighbor_ratio(rows, X),
        "seconds": time.perf_counter() - start,
    }


REGRESSORS = {
    "MLPRegressor, default": {},
    "MLPRegressor()": {"generator": MLPRegressor()},
    "Ridge on polynomials of degree 5": {
        "generator": make_pipeline(PolynomialFeatures(5), Ridge(1e-3))
    },
    "RandomForestRegressor, 30 trees": {
        "generator": RandomForestRegressor(n_estimators=30, min_samples_leaf=3)
    },
    "HistGradientBoostingRegressor": {"generator": HistGradientBoostingRegressor(max_iter=50)},
}


def regressors(n_splits):
    """Kinds of regressors on the ring of radius 5, two seeds."""
    print("\n## Regressors")
    results = {
        name: [ring_figures(partial(SDFlowGenerator, **params), 5, seed) for seed in range(2)]
        for name, params in REGRESSORS.items()
    }
    show("ring of radius 5", results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    studies = {f.__name__: f for f in (ring, tables, regressors)}
    parser.add_argument("studies", nargs="*", choices=[*studies, []], default=[])
    parser.add_argument("--splits", type=int, default=8)
    arguments = parser.parse_args()
    for name in arguments.studies or studies:
        studies[name](arguments.splits)
