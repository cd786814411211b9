"""The tables that decide the defaults: samples, transport, drift, unseen rows.

Every figure is a mean ± standard error over paired splits or seeds. Three sides belong together:
*fit* (energy distance to held-out rows over its floor, the expected distance of as many fresh
rows), *copy* (nearest-neighbour ratio to the rows that were fitted) and *scramble* (centred
transport cost ratio). Samples are also judged by a classifier two-sample test (random forest,
5 folds; 0.5: indistinguishable from held-out rows), moved rows by the accuracy on fresh target rows
of a classifier that was trained on them.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/quality.py                      all
    python examples/benchmarks/quality.py samples tables       some of: samples tables transport
                                                               drift unseen ablations
    python examples/benchmarks/quality.py --splits 5 drift     fewer splits than 20

Slow methods and large tables take a quarter of the splits.
"""

import argparse
import time
import warnings

import numpy as np
import ot
from scipy.linalg import expm
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skflow import SDFlowSampler, TableTransport
from skflow.datasets import make_clusters, make_grid, make_question_mark
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)

# ------------------------------------------------------------------------------------------ data


def real_table(load, drop=()):
    """Three quarters of a real table and the rest, standardised; constant columns left out."""

    def split(seed):
        X = np.delete(load().data, drop, axis=1)
        X, held_out = train_test_split(X, random_state=seed)
        kept = X.std(axis=0) > 0
        scaler = StandardScaler().fit(X[:, kept])
        return scaler.transform(X[:, kept]), scaler.transform(held_out[:, kept])

    return split


def toy(make):
    def split(seed):
        return make(768, random_state=seed), make(256, random_state=1000 + seed)

    return split


SAMPLES = {
    "cancer": real_table(load_breast_cancer),
    "wine": real_table(load_wine),
    "iris": real_table(load_iris),
    "diabetes": real_table(load_diabetes, drop=[1]),  # without its binary column
    "digits": real_table(load_digits),
    "12 clusters, 10-d": toy(make_clusters),
    "question mark, 3-d": toy(make_question_mark),
}
TABLES = {
    "cancer": load_breast_cancer,
    "wine": load_wine,
    "iris": load_iris,
    "diabetes": lambda **kw: load_diabetes(scaled=False, **kw),
}

# --------------------------------------------------------------------------- figures of a result


def two_sample_accuracy(X, Y, seed):
    """Accuracy of a random forest that tells two tables apart, 5 folds."""
    rows, label = np.concatenate([X, Y]), np.repeat([0, 1], [len(X), len(Y)])
    forest = RandomForestClassifier(random_state=seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return cross_val_score(forest, rows, label, cv=folds).mean()


def fit_ratio(rows, held_out):
    return energy_distance(rows, held_out) / energy_floor(held_out, len(rows))


# --------------------------------------------------------------------------------- generators


def sd_flow(X, n, seed):
    return SDFlowSampler(random_state=seed).fit(X).sample(n)


def gaussian_mixture(X, n, seed):
    """Number of components and kind of covariance by the BIC."""
    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for kind in ("full", "diag"):
            for k in range(1, 11):
                model = GaussianMixture(k, covariance_type=kind, random_state=seed, reg_covar=1e-4)
                fits.append(model.fit(X))
    best = min(fits, key=lambda model: model.bic(X))
    return best.sample(n)[0]


def kernel_density(X, n, seed):
    """Bandwidth by 5-fold cross-validated likelihood."""
    grid = {"bandwidth": np.geomspace(0.03, 3, 25)}
    search = GridSearchCV(KernelDensity(), grid, cv=5).fit(X)
    return search.best_estimator_.sample(n, random_state=seed)


def bootstrap(X, n, seed):
    return X[np.random.default_rng(seed).integers(len(X), size=n)]


GENERATORS = {
    "SDFlowSampler()": sd_flow,
    "GaussianMixture, BIC": gaussian_mixture,
    "KernelDensity, CV": kernel_density,
    "bootstrap": bootstrap,
}


def sample_figures(X, held_out, generate, seed, scale=np.asarray):
    """Figures of as many samples as rows are held out, in the units that ``scale`` returns."""
    start = time.perf_counter()
    rows = generate(X, len(held_out), seed)
    seconds = time.perf_counter() - start
    X, held_out, rows = (scale(table) for table in (X, held_out, rows))
    return {
        "two-sample": two_sample_accuracy(rows, held_out, seed),
        "fit": fit_ratio(rows, held_out),
        "copy": nearest_neighbor_ratio(rows, X),
        "seconds": seconds,
    }


def samples(n_splits):
    """New rows of a table, as many as are held out."""
    print("\n## Samples (arrays)")
    study(
        {
            task: lambda seed, generate, split=split: sample_figures(*split(seed), generate, seed)
            for task, split in SAMPLES.items()
        },
        GENERATORS,
        n_splits,
        mean_of=["cancer", "wine", "iris", "diabetes"],
    )


# ------------------------------------------------------------------------------------- tables


def table_figures(load, generate, seed):
    """The frame as it is loaded, atoms, units and all."""
    frame = load(as_frame=True).data
    train, held_out = train_test_split(frame, random_state=seed)
    scaler = StandardScaler().fit(train)
    return sample_figures(train, held_out, generate, seed, scale=scaler.transform)


def of_table(generate):
    """A generator of standardised arrays, made one of frames."""

    def generate_table(train, n, seed):
        scaler = StandardScaler().set_output(transform="pandas").fit(train)
        rows = scaler.inverse_transform(generate(scaler.transform(train).to_numpy(), n, seed))
        return type(train)(rows, columns=train.columns)

    return generate_table


TABLE_GENERATORS = {
    "TableTransport()": lambda train, n, seed: (
        TableTransport(random_state=seed).fit(train).sample(n)
    ),
    "GaussianMixture, BIC": of_table(gaussian_mixture),
    "KernelDensity, CV": of_table(kernel_density),
    "bootstrap": of_table(bootstrap),
}


def tables(n_splits):
    """New rows of a data frame with its own units and atoms."""
    print("\n## Samples (tables, with atoms)")
    study(
        {
            task: lambda seed, generate, load=load: table_figures(load, generate, seed)
            for task, load in TABLES.items()
        },
        TABLE_GENERATORS,
        n_splits,
        mean_of=list(TABLES),
    )


# ---------------------------------------------------------------------------------- transport


def flow_move(X, source, seed):
    return SDFlowSampler(random_state=seed).fit(X).transform(source)


def no_move(X, source, seed):
    return source


def standardise(X, source, seed):
    deviation = (source - source.mean(axis=0)) / np.maximum(source.std(axis=0), 1e-12)
    return deviation * X.std(axis=0) + X.mean(axis=0)


def gaussian_map(X, source, seed):
    """POT's optimal map between Gaussians, regularised."""
    A, b = ot.gaussian.empirical_bures_wasserstein_mapping(source, X, reg=1e-3)
    return source @ A + b


def emd(X, source, seed):
    return ot.da.EMDTransport(max_iter=10**7).fit(Xs=source, Xt=X).transform(Xs=source)


def sinkhorn(X, source, seed):
    """Entropic plan at 0.05 of the median cost, barycentric projection."""
    C = ot.dist(source, X)
    C /= 0.05 * np.median(C)
    log = ot.bregman.sinkhorn_log([], [], C, 1.0, numItermax=100, log=True, warn=False)[1]
    return softmax(log["log_v"] - C, axis=1) @ X  # the plan's rows may underflow, these do not


def sinkhorn_flow(X, source, seed, n_steps=10, n_scales=8):
    """Gradient flow of the debiased Sinkhorn divergence, full steps, blur 0.1 of the RMS radius.

    Every step anneals the blur from the diameter, as GeomLoss does.
    """
    radius = np.sqrt(X.var(axis=0).sum())

    def projected(Y, X):
        """Barycentres of the entropic plan."""
        C = cdist(Y, X, "sqeuclidean") / 2
        f, last = np.zeros(len(Y)), np.sqrt(2 * C.max())
        for blur in np.geomspace(last, 0.1 * radius, n_scales):
            f *= (last / blur) ** 2  # potentials in units of the blur's square
            g = np.log(len(Y) / len(X)) - logsumexp(f[:, None] - C / blur**2, axis=0)
            f, last = -logsumexp(g - C / blur**2, axis=1), blur
        return softmax(g - C / last**2, axis=1) @ X

    Y = source
    for _ in range(n_steps):
        Y = Y + projected(Y, X) - projected(Y, Y)
    return Y


MOVES = {
    "SDFlowSampler()": flow_move,
    "no move": no_move,
    "standardise": standardise,
    "Gaussian map": gaussian_map,
    "EMD": emd,
    "Sinkhorn": sinkhorn,
    "Sinkhorn flow": sinkhorn_flow,
}

FAR = {
    "question mark": (make_question_mark, [12, 0, 0]),
    "25-grid": (make_grid, [-25, 25]),
    "12 clusters": (make_clusters, [30] + 9 * [0]),
}


def far_figures(make, offset, move, seed):
    """A Gaussian of 1024 rows, far off, onto 1024 target rows, against 4096 held-out rows."""
    X, held_out = make(1024, random_state=seed), make(4096, random_state=100 + seed)
    source = X.mean(axis=0) + offset + np.random.default_rng(seed).normal(size=X.shape)
    return move_figures(X, source, held_out, move, seed)[1]


def move_figures(X, source, held_out, move, seed):
    start = time.perf_counter()
    moved = move(X, source, seed)
    seconds = time.perf_counter() - start
    return moved, {
        "fit": fit_ratio(moved, held_out),
        "copy": nearest_neighbor_ratio(moved, X),
        "scramble": transport_cost_ratio(source, moved),
        "seconds": seconds,
    }


def transport(n_splits):
    print("\n## Transport: a far-off Gaussian, 1024 rows onto 1024")
    study(
        {
            task: lambda seed, move, row=row: far_figures(*row, move, seed)
            for task, row in FAR.items()
        },
        MOVES,
        n_splits,
    )


# -------------------------------------------------------------------------------------- drift


def rotate(X, rng):
    """Rotation by up to 60 degrees in random planes."""
    G = rng.standard_normal((X.shape[1], X.shape[1]))
    A = G - G.T
    return X @ expm(A * (np.pi / 3 / np.linalg.norm(A, 2)))


def rescale(X, rng):
    """Another gain and offset for every column."""
    gain = np.exp(0.4 * rng.standard_normal(X.shape[1]))
    return X * gain + rng.standard_normal(X.shape[1])


def bend(X, rng):
    """To every column is added a bent copy of another one."""
    other = X[:, rng.permutation(X.shape[1])]
    return X + np.sqrt(1 + other**2) - 1


DRIFTS = {"rotated": rotate, "rescaled": rescale, "bent": bend}
LABELLED = {"cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}


def undrifted(X, source, seed):
    """The ceiling: leaves rows that `drift_figures` has not let drift, for this alone."""
    return source


def drift_figures(load, drift, move, seed, even=True):
    """A third is target, a third has drifted and is moved onto it, a third judges the result.

    The thirds have the classes in equal shares (rows drift, classes do not), or are random.

    The moved rows keep their labels; the classifier that is trained on them predicts the last
    third. The target's labels are not used.
    """
    X, y = load(return_X_y=True)
    X = X[:, X.std(axis=0) > 0]
    rng = np.random.default_rng(seed)
    thirds = StratifiedKFold if even else KFold
    folds = thirds(3, shuffle=True, random_state=seed).split(X, y)
    target, source, fresh = (fold for _, fold in folds)
    scaler = StandardScaler().fit(X[target])
    Z = scaler.transform(X)
    source_rows = Z[source] if move is undrifted else drift(Z[source], rng)
    moved, figures = move_figures(Z[target], source_rows, Z[fresh], move, seed)
    classifier = LogisticRegression(max_iter=2000).fit(moved, y[source])
    return {"accuracy": classifier.score(Z[fresh], y[fresh]), **figures}


def drift(n_splits):
    print("\n## Drift: a third of a table, drifted, onto another third")
    drift_study(n_splits, even=True)


def random_thirds(n_splits):
    print("\n## Drift of random thirds, whose shares of the classes differ")
    drift_study(n_splits, even=False)


def drift_study(n_splits, even):
    tasks = {
        f"{table} {kind}": lambda seed, move, row=(load, bent): drift_figures(
            *row, move, seed, even
        )
        for table, load in LABELLED.items()
        for kind, bent in DRIFTS.items()
    }
    ceiling = {"(ceiling: rows that never drifted)": undrifted}
    study(tasks, MOVES | ceiling, n_splits, mean_of=list(tasks))


# ------------------------------------------------------------------------------------- unseen


def unseen_figures(move, seed):
    """2000 source rows are seen at fit, 2000 others moved; 12 clusters in 10 dimensions."""
    X, held_out = (
        make_clusters(2000, random_state=seed),
        make_clusters(2000, random_state=100 + seed),
    )
    source, new = np.random.default_rng(seed).normal(size=(2, 2000, 10)) + np.eye(10)[0] * 20

    def move_new(X, new, seed):
        return move(X, source, new, seed)

    return move_figures(X, new, held_out, move_new, seed)[1]


def flow_unseen(X, source, new, seed):
    return SDFlowSampler(random_state=seed).fit(X, X_source=source).transform(new)


def emd_unseen(X, source, new, seed):
    """POT's rule for unseen rows: the displacement of the nearest seen row."""
    return ot.da.EMDTransport(max_iter=10**7).fit(Xs=source, Xt=X).transform(Xs=new)


def unseen(n_splits):
    print("\n## Unseen rows: 2000 rows of 12 clusters in 10 dimensions")
    study(
        {"12 clusters": lambda seed, move: unseen_figures(move, seed)},
        {"SDFlowSampler(), X_source": flow_unseen, "EMD": emd_unseen},
        n_splits,
    )


# ---------------------------------------------------------------------------------- ablations


def independent_base(X):
    """Independent rows of the Gaussian base, instead of a Sobol sequence."""
    return lambda n, rng: rng.multivariate_normal(X.mean(axis=0), np.cov(X.T), n)


VARIANTS = {
    "default": {},
    "one-sided weights, their recipe": {"field__normalization": "row"},
    "no alignment": {"align": None},
    "an antithetic pair of noise": {"n_noise": 2},
    "cosine schedule": {"schedule": "cosine"},
    "last bandwidth 0.5 nn": {"schedule__sigma_min": "0.5*nn"},
    "last bandwidth 1 nn": {"schedule__sigma_min": "nn"},
    "20 steps": {"n_steps": 20},
    "20 steps, no alignment": {"n_steps": 20, "align": None},
}
SAMPLE_VARIANTS = {
    "marginals as the flow leaves them": {"match_marginals": False},
    "independent base": {"base": independent_base},
}


def variant(params, X, seed):
    """A flow whose defaults are changed, fitted."""
    params = {k: v(X) if v is independent_base else v for k, v in params.items()}
    return SDFlowSampler(random_state=seed).set_params(**params).fit(X)


def variant_move(params):
    return lambda X, source, seed: variant(params, X, seed).transform(source)


def ablations(n_splits):
    """What every part of the defaults is good for, a quarter of the splits."""
    print("\n## Ablations")
    n_splits = max(2, n_splits // 4)
    names = ["cancer", "wine", "iris", "diabetes"]
    sampling = {
        f"samples, {task}": lambda seed, params, split=SAMPLES[task]: sample_figures(
            *split(seed), lambda X, n, seed: variant(params, X, seed).sample(n), seed
        )
        for task in names
    }
    study(sampling, VARIANTS | SAMPLE_VARIANTS, n_splits, mean_of=list(sampling), quiet=True)
    far = {
        f"transport, {task}": lambda seed, params, row=row: far_figures(
            *row, variant_move(params), seed
        )
        for task, row in FAR.items()
    }
    study(far, VARIANTS, n_splits, mean_of=list(far), quiet=True)
    drifted = {
        f"{table} {kind}": lambda seed, params, row=(load, bent): drift_figures(
            *row, variant_move(params), seed
        )
        for table, load in LABELLED.items()
        for kind, bent in DRIFTS.items()
    }
    study(drifted, VARIANTS, n_splits, mean_of=list(drifted), quiet=True)


# -------------------------------------------------------------------------------------- tables


SLOW = {"digits", "12 clusters, 10-d", "question mark, 3-d", "Sinkhorn", "Sinkhorn flow"}


def study(tasks, methods, n_splits, mean_of=(), quiet=False):
    """Run every method on every task and seed; print the tables of tasks, and of their mean."""
    results = {}
    for task, run in tasks.items():
        for name, method in methods.items():
            few = SLOW.intersection({task, name})
            seeds = range(max(2, n_splits // 4) if few else n_splits)
            results[task, name] = [run(seed, method) for seed in seeds]
        if not quiet:
            show(task, {name: results[task, name] for name in methods})
    if mean_of:
        means = {}
        for name in methods:
            seeds = zip(*(results[task, name] for task in mean_of), strict=True)
            means[name] = [
                {key: np.mean([figures[key] for figures in seed]) for key in seed[0]}
                for seed in seeds
            ]
        show(f"mean of {', '.join(mean_of)}", means)
    return results


def show(title, methods):
    """A table of means ± standard errors, a row a method."""
    keys = list(next(iter(methods.values()))[0])
    most = max(map(len, methods.values()))
    print(f"\n| {title} | " + " | ".join(keys) + " |")
    print("|---" * (len(keys) + 1) + "|")
    for name, figures in methods.items():
        cells = []
        for key in keys:
            values = np.array([f[key] for f in figures])
            digits = 2 if key in ("seconds", "fit", "copy") else 3
            error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            cell = f"{values.mean():.{digits}f}"
            cells.append(cell if key == "seconds" else f"{cell} ± {error:.{digits}f}")
        name = name if len(figures) == most else f"{name} ({len(figures)} splits)"
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    every = (samples, tables, transport, drift, random_thirds, unseen, ablations)
    studies = {f.__name__: f for f in every}
    parser.add_argument("studies", nargs="*", choices=[*studies, []], default=[])
    parser.add_argument("--splits", type=int, default=20)
    arguments = parser.parse_args()
    for name in arguments.studies or studies:
        studies[name](arguments.splits)
