"""Tables that nobody thinks of, moved by every estimator: no crash, and nothing silent.

A case is two different tables. Whatever they hold, the result is finite, has the dtype and names of
what went in, is constant where the target is, and comes as near to the target as it should; or else
an error names the argument, or a warning says that rows did not arrive.

More cases, with other seeds: ``SKFLOW_FUZZ=1000 pytest tests/test_fuzz.py``, a thousand a test.
"""

import dataclasses
import os
import re
import tempfile
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier, MLPRegressor

import skflow
from skflow.fields import LearnedDenoiser
from skflow.metrics import energy_distance, energy_floor

N_CASES = int(os.environ.get("SKFLOW_FUZZ", 0))  # 0: few, and always the same
FLOORS = 5.0  # energy distances of a result, where fresh rows have 1 in the mean
SHAPES = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "uniform": lambda rng, n: rng.uniform(-1, 1, n),
    "skewed": lambda rng, n: np.exp(rng.standard_normal(n)),
    "heavy": lambda rng, n: rng.standard_t(1.5, n),
    "clusters": lambda rng, n: 100 * rng.integers(3, size=n) + rng.standard_normal(n),
    "whole": lambda rng, n: rng.integers(-3, 9, n).astype(float),
    "flag": lambda rng, n: (rng.random(n) < 0.2).astype(float),
    "constant": lambda rng, n: np.zeros(n),
}


@dataclasses.dataclass
class Case:
    """Two tables, weights of the target's rows, and how the tables are given."""

    shapes: tuple  # of the columns
    target: np.ndarray
    source: np.ndarray
    weight: np.ndarray | None
    container: str

    def __repr__(self):
        return (
            f"Case({self.source.shape} -> {self.target.shape}, {self.target.dtype}, "
            f"{self.container}, weighted={self.weight is not None}, {self.shapes})"
        )


@st.composite
def cases(draw, max_rows=300, least=1):
    sizes = st.integers(least, min(12, max_rows)) | st.integers(least, max_rows)
    n, m, d = draw(sizes), draw(sizes), draw(st.integers(1, 3) | st.integers(1, 20))
    shapes = tuple(draw(st.lists(st.sampled_from(list(SHAPES)), min_size=d, max_size=d)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reach = draw(st.sampled_from([0, 0, 1, 3, 12]))  # of the columns' scales, in powers of ten
    scale = 10.0 ** rng.uniform(-reach, reach, d)
    offset = draw(st.sampled_from([0, 0, 1.0, 1e3, 1e9])) * rng.choice([-1.0, 0.0, 1.0], d)
    tables = [table(rng, rows, shapes) for rows in (n, m)]
    if draw(st.booleans()) and d > 2:  # a column that others make up
        for X in tables:
            X[:, -1] = X[:, 0] - 2 * X[:, 1]
    if draw(st.booleans()):  # rows that occur often
        tables = [X[rng.integers(len(X), size=len(X)) // 2] for X in tables]
    drift = draw(st.sampled_from([0.0, 1.0, 100.0, 1e6]))
    tables[1] = tables[1] * 10.0 ** rng.uniform(-1, 1, d) + drift * rng.standard_normal(d)
    dtype = draw(st.sampled_from([np.float64, np.float64, np.float32]))
    offsets = offset, draw(st.sampled_from([0, 1, 1])) * offset
    target, source = ((X * scale + b).astype(dtype) for X, b in zip(tables, offsets, strict=True))
    weight = None
    if draw(st.booleans()):
        weight = rng.exponential(size=n) * (rng.random(n) < 0.7)
        weight[0] = 1.0
    return Case(shapes, target, source, weight, draw(st.sampled_from(CONTAINERS)))


def table(rng, n, shapes):
    return np.column_stack([SHAPES[shape](rng, n) for shape in shapes])


# --------------------------------------------------------------------------- ways to give a table
CONTAINERS = ["array", "array", "fortran", "read-only", "memory-mapped", "pandas", "polars"]


def contained(X, container):
    """The table as a user may have it."""
    names = [f"column {j}" for j in range(X.shape[1])]
    if container == "fortran":
        return np.asfortranarray(X)
    if container == "read-only":
        X = X.copy()
        X.flags.writeable = False
    if container == "memory-mapped":
        with tempfile.TemporaryFile() as file:
            mapped = np.memmap(file, X.dtype, "w+", shape=X.shape)
            mapped[:] = X
            return mapped
    if container == "pandas":
        return pd.DataFrame(X, columns=names, index=np.arange(len(X)) + 7)
    if container == "polars":
        return pytest.importorskip("polars").DataFrame(dict(zip(names, X.T, strict=True)))
    return X


# --------------------------------------------------------------------------------------- the oracle
def n_draws(weight, n_rows):
    """Effective number of rows."""
    return n_rows if weight is None else weight.sum() ** 2 / np.sum(weight**2)


def floors(moved, target, weight=None):
    """Energy distance to the target in floors, in standard deviations of the target's columns."""
    w = np.ones(len(target)) if weight is None else weight
    w, n = w / w.sum(), n_draws(weight, len(target))
    X, Y = (np.asarray(Z, np.float64) - target[0].astype(np.float64) for Z in (target, moved))
    mean = w @ X
    scale = np.sqrt(w @ (X - mean) ** 2)
    varied = scale > 1e-9 * np.abs(X).max(axis=0)
    if not varied.any() or n < 1.5:
        return 0.0
    X, Y = (((Z - mean) / np.where(varied, scale, 1))[:, varied] for Z in (X, Y))
    return energy_distance(Y, X, weight_Y=w) / energy_floor(X, len(Y), weight_Y=w * n)


def run(move, case, names):
    """What ``move()`` returns, and its warnings; or None if an error names one of the arguments."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)  # of old libraries, of each other
        try:
            moved = move()
        except ValueError as error:
            if not re.search(rf"\b({'|'.join(names)})\b", str(error)):
                raise
            return None, []
    assert {w.category for w in caught} <= {UserWarning}, [str(w.message) for w in caught]
    assert np.isfinite(np.asarray(moved)).all()
    return moved, [str(w.message) for w in caught]


def as_array(dtype, case):
    """The dtype of checked rows: scikit-learn does not look at that of polars."""
    return np.dtype(np.float64) if case.container == "polars" else dtype


def check_columns(moved, case, dtype):
    """Container, names, index and dtype are those of what went in."""
    rows = np.asarray(moved)
    assert rows.shape[1] == case.target.shape[1]
    assert rows.dtype == dtype
    if case.container in ("pandas", "polars"):
        assert type(moved).__module__.startswith(case.container)
        assert list(moved.columns) == [f"column {j}" for j in range(rows.shape[1])]
    constant = (case.target == case.target[0]).all(axis=0)
    np.testing.assert_array_equal(rows[:, constant], case.target[:1, constant].repeat(len(rows), 0))


# ------------------------------------------------------------------------------------- the samplers
SAMPLERS = {
    "sd": skflow.SDFlowSampler(),
    "sliced": skflow.SDFlowSampler("sliced"),
    "laplace": skflow.SDFlowSampler("laplace"),
    "mmd": skflow.MMDFlowSampler(n_steps=100),
    "svgd": skflow.SVGDSampler(n_steps=50),
    "langevin": skflow.LangevinSampler(n_steps=100),
    "diffusion": skflow.DiffusionSampler(),
    "discriminator": skflow.DiscriminatorFlowSampler(
        MLPClassifier(hidden_layer_sizes=(8,), batch_size=50), n_rounds=3, n_steps=5
    ),
}
LEARNED = {"discriminator"}
ARGUMENTS = ["X", "X_source", "sample_weight"]


def many(n):
    """So many cases that are always the same, or SKFLOW_FUZZ others."""
    return settings(
        max_examples=N_CASES or n,
        derandomize=not N_CASES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def moved_by(name, case, way):
    """Rows that a sampler moves in one of three ways, and what it said."""
    sampler = clone(SAMPLERS[name]).set_params(random_state=0)
    if case.container in ("pandas", "polars"):
        sampler.set_output(transform=case.container)
    X, Y = contained(case.target, case.container), contained(case.source, case.container)

    def move():
        source = Y if way == "frozen" else None
        sampler.fit(X, X_source=source, sample_weight=case.weight)
        return sampler.sample(len(Y)) if way == "sample" else sampler.transform(Y)

    moved, said = run(move, case, [*ARGUMENTS, *sampler.get_params()])
    if moved is not None and way != "sample":
        check_columns(moved, case, as_array(case.source.dtype, case))
    return moved, said


@pytest.mark.parametrize("way", ["transform", "frozen", "sample"])
@many(20)
@given(case=cases())
def test_a_score_difference_flow_arrives(way, case):
    moved, said = moved_by("sd", case, way)
    assert moved is not None  # it has no reason to refuse any table
    if way == "frozen" and any("far from the target" in message for message in said):
        assert len(np.unique(case.source, axis=0)) < len(case.source)  # equal rows go one way
        return
    least = min(len(moved), n_draws(case.weight, len(case.target)))
    # fresh rows have 1 in the mean, but a few rows may have 6
    assert floors(moved, case.target, case.weight) <= (FLOORS if least >= 10 else 2 * FLOORS)


@pytest.mark.parametrize("way", ["transform", "frozen"])
@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"sd"}))
@many(6)
@given(case=cases())
def test_a_sampler_arrives_or_says_so(name, way, case):
    moved, said = moved_by(name, case, way)
    if moved is None or name in LEARNED:
        return
    far = floors(moved, case.target, case.weight) > FLOORS
    assert not far or any("far from the target" in message for message in said)


# ---------------------------------------------------------------------- generators, frames, classes
SMALL = MLPRegressor(hidden_layer_sizes=(8,))
GENERATORS = {
    "sd": skflow.SDFlowGenerator(SMALL, n_steps=3, n_epochs=1, batch_size=50),
    "gan": skflow.GANGenerator(SMALL, n_steps=3, n_epochs=1, batch_size=50),
    "score-gan": skflow.ScoreGANGenerator(
        SMALL, denoiser=LearnedDenoiser(SMALL, n_updates=3), n_updates=1, n_steps=3, n_epochs=1
    ),
}


@pytest.mark.parametrize("name", GENERATORS)
@many(6)
@given(case=cases())
def test_a_generator_returns_rows_like_the_targets(name, case):
    generator = clone(GENERATORS[name]).set_params(random_state=0)
    X = contained(case.target, case.container)

    def move():
        return generator.fit(X, sample_weight=case.weight).sample(len(case.source))

    moved, _ = run(move, case, [*ARGUMENTS, *generator.get_params()])
    if moved is not None:
        assert moved.shape == case.source.shape
        assert moved.dtype == as_array(case.target.dtype, case)


@pytest.mark.parametrize("container", ["pandas", "polars"])
@many(6)
@given(case=cases(max_rows=120))
def test_a_table_keeps_its_columns(container, case):
    case.container = container
    transport = skflow.TableTransport(random_state=0)
    X, Y = contained(case.target, container), contained(case.source, container)

    def move():
        return transport.fit(X, sample_weight=case.weight).transform(Y)

    moved, _ = run(move, case, [*ARGUMENTS, *X.columns])
    if moved is not None:
        check_columns(moved, case, case.target.dtype)


@many(6)
@given(case=cases(max_rows=120, least=12))
def test_rare_classes_get_rows(case):
    X = contained(case.target, case.container)
    y = np.arange(len(X)) < max(4, len(X) // 4)
    sampler = skflow.SDFlowOverSampler(random_state=0)
    moved, _ = run(lambda: sampler.fit_resample(X, y)[0], case, [*ARGUMENTS, "y"])
    rows = np.asarray(moved)
    np.testing.assert_array_equal(rows[: len(X)], case.target)
    constant = (case.target == case.target[0]).all(axis=0)
    np.testing.assert_array_equal(rows[:, constant], rows[:1, constant].repeat(len(rows), 0))


def test_every_estimator_is_tried():
    tried = {*SAMPLERS.values(), *GENERATORS.values()}
    tried = {type(estimator).__name__ for estimator in tried}
    others = {"SDFlowOverSampler", "TableTransport", "__version__"}
    assert tried | others == set(skflow.__all__)


# ------------------------------------------------------------------------------------ longer tables
@pytest.mark.slow
@pytest.mark.parametrize(("n", "m", "d"), [(4000, 6000, 3), (30_000, 9000, 8), (5000, 30_000, 2)])
@pytest.mark.parametrize("way", ["transform", "frozen", "sample"])
def test_long_tables_arrive(n, m, d, way):
    rng = np.random.default_rng(n)
    shapes = tuple(rng.choice(list(SHAPES), d))
    tables = [table(rng, rows, shapes) for rows in (n, m)]
    scale = 10.0 ** rng.uniform(-3, 3, d)
    case = Case(shapes, tables[0] * scale, (2 * tables[1] + 5) * scale, None, "array")
    moved, said = moved_by("sd", case, way)
    assert not said
    some = rng.choice(n, 3000, replace=False)
    assert floors(moved[rng.permutation(len(moved))[:3000]], case.target[some]) <= FLOORS
