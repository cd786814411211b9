"""Kernel sums: accuracy against a double loop, identities, bits, and rows far away."""

import multiprocessing
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
import sklearn
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from threadpoolctl import threadpool_info, threadpool_limits

from skflow.fields._laplace import LAPLACE
from skflow.kernels import (
    KernelSum,
    _threads,
    compute_threads,
    kernel_gradient,
    kernel_mean,
    log_kernel_density,
    mean_distance,
)
from skflow.kernels._cached import cached_balance
from skflow.kernels._dense import SINGLE_TOL
from skflow.kernels._pruned import pruning_pays
from skflow.kernels._threads import n_cores, parallel_for
from skflow.kernels._tiles import (
    LEAST_BLOCK,
    MOST_VALUES,
    TILE_ROWS,
    blocks,
    compiled,
    exponential_sums,
)


@pytest.fixture(autouse=True, params=["compiled loops", "without numba"])
def loops(request, monkeypatch):
    """Every test here runs with numba's loops and without."""
    compiled.cache_clear()
    if request.param == "without numba":
        monkeypatch.delattr("skflow.kernels._compiled", raising=False)
        monkeypatch.setitem(sys.modules, "skflow.kernels._compiled", None)
        assert compiled() is None
    else:
        pytest.importorskip("numba")
        assert compiled() is not None
    yield request.param
    compiled.cache_clear()


def loop(Z, X, sigma, weight=None):
    """Kernel mean and log density, one pair at a time in float64."""
    Z, X = np.asarray(Z, float), np.asarray(X, float)
    w = np.ones(len(X)) if weight is None else np.asarray(weight, float)
    mean, log_density = np.empty((len(Z), X.shape[1])), np.empty(len(Z))
    for i, z in enumerate(Z):
        exponent = np.array([-np.sum((z - x) ** 2) / (2 * sigma**2) for x in X])
        kernel = w * np.exp(exponent - exponent.max())
        mean[i] = kernel @ X / kernel.sum()
        log_density[i] = np.log(kernel.sum() / w.sum()) + exponent.max()
    return mean, log_density - X.shape[1] / 2 * np.log(2 * np.pi * sigma**2)


def random_case(seed):
    """Rows of any number, width and scale; every third case has each row twice."""
    rng = np.random.default_rng(seed)
    N, M, d = rng.integers(1, 300), rng.integers(1, 60), rng.integers(1, 40)
    X = rng.standard_normal((N, d)) * 10 ** rng.uniform(-2, 2)
    Z = X[rng.integers(N, size=M)] + rng.choice([0, 0.1, 3]) * X.std() * rng.standard_normal((M, d))
    if seed % 3 == 0:
        X = np.repeat(X, 2, axis=0)
    weight = rng.uniform(0.1, 3, len(X)) if seed % 2 else None
    return Z, X, weight


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mean_agrees_with_a_double_loop(seed, dtype):
    # 8 eps (1 + R²/σ²) R is the rounding of ‖z‖² - 2z·x + ‖x‖² carried into the weights; the
    # largest error over 40 seeds was 0.13 of it.
    Z, X, weight = random_case(seed)
    Z, X = Z.astype(dtype), X.astype(dtype)
    R, scale = np.linalg.norm(X.astype(float), axis=1).max(), float(X.std()) or 1.0
    for exponent in (-6, -3, -1, 0, 1, 3, 6):
        sigma = scale * 10.0**exponent
        mean = kernel_mean(Z, X, sigma, sample_weight=weight)
        assert mean.dtype == dtype
        error = np.abs(mean - loop(Z, X, sigma, weight)[0]).max()
        assert error <= 8 * np.finfo(dtype).eps * (1 + (R / sigma) ** 2) * R


@pytest.mark.parametrize("seed", range(12))
def test_float64_is_accurate_to_1e_12_at_the_scale_of_the_data(seed):
    Z, X, weight = random_case(seed)
    sigma = float(X.std()) or 1.0
    mean, log_density = loop(Z, X, sigma, weight)
    error = np.abs(kernel_mean(Z, X, sigma, sample_weight=weight) - mean).max()
    assert error <= 1e-12 * np.abs(X).max()
    actual = log_kernel_density(Z, X, sigma, sample_weight=weight)
    np.testing.assert_allclose(actual, log_density, rtol=1e-12, atol=1e-12)


def test_far_queries_get_their_nearest_row():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3))
    direction = rng.standard_normal((40, 3))
    for dtype in (np.float32, np.float64):
        x = X.astype(dtype)
        # 10⁶ bandwidths away along a direction the nearest row is the one furthest out that way
        Z = (direction * 1e6).astype(dtype)
        nearest = x[np.argmax(Z.astype(float) @ x.T.astype(float) / 1e6, axis=1)]
        np.testing.assert_allclose(kernel_mean(Z, x, 1e-3), nearest, rtol=1e-6)
        assert np.isfinite(log_kernel_density(Z, x, 1e-3)).all()
        # and among the rows themselves it is the row itself
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(kernel_mean(x, x, 1e-6), x, rtol=0, atol=4 * eps)


@pytest.mark.parametrize("sigma", [1e-300, 1e-160, 1e-30])
def test_the_narrowest_bandwidths_give_the_nearest_row(sigma):
    X = np.random.default_rng(0).standard_normal((50, 2))
    mean = kernel_mean(X[::-1] + 0.01, X, sigma)
    np.testing.assert_allclose(mean, X[::-1], atol=1e-15)
    assert np.isfinite(log_kernel_density(X + 0.01, X, sigma)).all()


@pytest.mark.parametrize("sigma", [1e30, 1e160, 1e300])
def test_the_widest_bandwidths_give_the_mean(sigma):
    X = np.random.default_rng(0).standard_normal((50, 2))
    expected = np.tile(X.mean(axis=0), (50, 1))
    np.testing.assert_allclose(kernel_mean(X + 0.1, X, sigma), expected, atol=1e-15)
    assert np.isfinite(log_kernel_density(X + 0.1, X, sigma)).all()
    assert np.isfinite(kernel_gradient(X + 0.1, X, sigma)).all()


@pytest.mark.parametrize(
    ("dtype", "unit"),
    [
        (np.float32, 2.0**66),
        (np.float32, 2.0**-60),
        (np.float64, 2.0**530),
        (np.float64, 2.0**-530),
    ],
)
def test_the_unit_of_the_data_changes_no_bit(dtype, unit):
    rng = np.random.default_rng(0)
    Z, X = (rng.standard_normal((n, 3)).astype(dtype) for n in (200, 300))
    for sigma in (0.01, 0.7):
        scaled = kernel_mean((Z * unit).astype(dtype), (X * unit).astype(dtype), sigma * unit)
        np.testing.assert_array_equal(scaled / dtype(unit), kernel_mean(Z, X, sigma))


def test_huge_weights_do_not_overflow():
    rng = np.random.default_rng(0)
    Z, X = rng.standard_normal((20, 3)), rng.standard_normal((200, 3))
    huge = kernel_mean(Z, X, 0.7, sample_weight=np.full(200, 1e308))
    np.testing.assert_allclose(huge, kernel_mean(Z, X, 0.7), atol=1e-14)


def test_one_row_is_its_own_mean():
    X = np.array([[3.0, -2.0]])
    np.testing.assert_array_equal(kernel_mean(np.zeros((5, 2)), X, 0.1), np.tile(X, (5, 1)))


# A sum over other blocks, of values up to 100: rounding only
BLOCKS = {np.float32: 1e-4, np.float64: 1e-12}


def test_bits_depend_neither_on_neighbours_nor_on_threads():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        X = rng.standard_normal((1500, 7)).astype(dtype)
        Z = 2 * rng.standard_normal((3 * TILE_ROWS + 17, 7)).astype(dtype)
        Z[::5] *= 50  # these take the safe path, their neighbours the fast one
        for sums in (kernel_mean, log_kernel_density):
            whole = sums(Z, X, 0.5)
            order = rng.permutation(len(Z))
            np.testing.assert_array_equal(sums(Z[order], X, 0.5), whole[order])
            for part in (slice(0, 1), slice(7, 8), slice(100, 300)):
                np.testing.assert_array_equal(sums(Z[part], X, 0.5), whole[part])
            np.testing.assert_array_equal(sums(Z, X, 0.5, n_jobs=1), whole)
            with sklearn.config_context(working_memory=0.1):  # other blocks: only rounding differs
                np.testing.assert_allclose(
                    sums(Z, X, 0.5), whole, rtol=50 * np.finfo(dtype).eps, atol=BLOCKS[dtype]
                )


def test_integer_weights_equal_repeated_rows_and_zero_weight_absence():
    rng = np.random.default_rng(0)
    X, Z = rng.standard_normal((40, 3)), rng.standard_normal((30, 3))
    weight = rng.integers(0, 4, len(X))
    repeated = np.repeat(X, weight, axis=0)
    for sums in (kernel_mean, log_kernel_density):
        weighted = sums(Z, X, 0.7, sample_weight=weight)
        np.testing.assert_allclose(weighted, sums(Z, repeated, 0.7), rtol=0, atol=1e-13)


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_tweedie_the_gradient_of_the_log_density_is_the_score(sigma):
    rng = np.random.default_rng(1)
    X, Z = rng.standard_normal((200, 4)), 1.5 * rng.standard_normal((20, 4))
    score = (kernel_mean(Z, X, sigma) - Z) / sigma**2
    h = 1e-5
    for j, e in enumerate(np.eye(4)):
        slope = log_kernel_density(Z + h * e, X, sigma) - log_kernel_density(Z - h * e, X, sigma)
        # central differences: h² third derivatives ~ 1e-9, rounding 1e-15 / h ~ 1e-10
        np.testing.assert_allclose(slope / (2 * h), score[:, j], atol=1e-7)


def test_divergence_of_the_mean_is_the_posterior_variance():
    rng = np.random.default_rng(2)
    X, Z, sigma = rng.standard_normal((150, 3)), rng.standard_normal((20, 3)), 0.6
    h, divergence = 1e-5, np.zeros(len(Z))
    for j, e in enumerate(np.eye(3)):
        ahead, behind = kernel_mean(Z + h * e, X, sigma), kernel_mean(Z - h * e, X, sigma)
        divergence += (ahead - behind)[:, j] / (2 * h)
    W = np.exp(-((Z[:, None] - X) ** 2).sum(axis=2) / (2 * sigma**2))
    W /= W.sum(axis=1, keepdims=True)
    variance = (W @ X**2 - (W @ X) ** 2).sum(axis=1)  # tr Cov(x | z)
    np.testing.assert_allclose(divergence, variance / sigma**2, atol=1e-7)


def test_log_density_integrates_to_one():
    X = np.array([[-1.0], [0.5], [2.0]])
    grid = np.linspace(-8, 9, 4001)[:, None]
    density = np.exp(log_kernel_density(grid, X, 0.4, sample_weight=[1, 2, 3]))
    assert abs(density.sum() * (grid[1, 0] - grid[0, 0]) - 1) < 1e-12


def test_log_weights_and_scale():
    rng = np.random.default_rng(3)
    X, Z, g = rng.standard_normal((60, 2)), rng.standard_normal((50, 2)), rng.uniform(-3, 3, 60)
    rows = KernelSum(X)
    mean, log_sum = rows.sums(Z, 0.8, log_weight=g)
    expected, log_density = loop(Z, X, 0.8, np.exp(g))
    np.testing.assert_allclose(mean, expected, atol=1e-13)
    log_norm = np.log(2 * np.pi * 0.8**2)
    np.testing.assert_allclose(
        log_sum, log_density + log_norm + np.log(np.exp(g).mean()), atol=1e-12
    )
    # a guess of the scale changes nothing, and rescues potentials beyond the range of exp
    for shift in (0.0, 5000.0):
        scaled = rows.sums(Z, 0.8, log_weight=g + shift, log_scale=-log_sum - shift)
        np.testing.assert_allclose(scaled[0], expected, atol=1e-11)
        np.testing.assert_allclose(scaled[1] - shift, log_sum, atol=1e-11)


def test_weights_say_how_many_rows_they_stand_for():
    X = np.arange(4.0)[:, None]
    assert KernelSum(X).n_draws == 4
    assert KernelSum(X, np.array([1.0, 1, 2, 3])).n_draws == 7
    assert KernelSum(X, np.full(4, 0.25)).n_draws == 4  # shares: the effective number of rows
    assert KernelSum(X, np.array([0.7, 0.1, 0.1, 0.1])).n_draws == pytest.approx(1 / 0.52)


@pytest.mark.parametrize("d", [1, 5])
def test_mean_distance_against_scipy(d):
    rng = np.random.default_rng(4)
    X, Y = rng.standard_normal((300, d)) + 100, rng.standard_normal((411, d)) + 101
    if d == 1:  # ties, within and between
        X[:100] = X[100:200] = Y[:100] = Y[-100:]
    u, w = rng.uniform(size=300), rng.uniform(size=411)
    expected = (u / u.sum()) @ cdist(X, Y) @ (w / w.sum())
    assert abs(mean_distance(X, Y, weight_X=u, weight_Y=w) - expected) < 1e-12 * expected


# ---------------------------------------------------------------------------------------- threads
def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_blas_is_held_inside_and_restored_after():
    before = blas_threads()
    with compute_threads():
        assert set(blas_threads()) == {1}
        with compute_threads(1) as inner:
            assert inner == 1
        assert set(blas_threads()) == {1}
    assert blas_threads() == before
    with pytest.raises(RuntimeError, match="stop"), compute_threads():
        raise RuntimeError("stop")
    assert blas_threads() == before


@pytest.mark.parametrize("first_to_leave", ["main", "other"])
def test_overlapping_flows_hold_blas_to_the_last(first_to_leave):
    before, entered, leave = blas_threads(), threading.Event(), threading.Event()
    rng = np.random.default_rng(0)
    Z, X = (rng.standard_normal((n, 50)).astype(np.float32) for n in (700, 900))
    alone, seen = kernel_mean(Z, X, 2.0), {}

    def other():
        with compute_threads():
            entered.set()
            leave.wait(30)
            seen["threads"] = blas_threads()
            seen["mean"] = kernel_mean(Z, X, 2.0)

    thread = threading.Thread(target=other)
    with compute_threads():
        thread.start()
        assert entered.wait(30)
        if first_to_leave == "other":
            leave.set()
            thread.join()
        held = blas_threads()
    leave.set()
    thread.join()
    assert set(held) == set(seen["threads"]) == {1}
    np.testing.assert_array_equal(seen["mean"], alone)
    assert blas_threads() == before


def test_the_context_of_joblib_is_honoured(monkeypatch):
    monkeypatch.setattr(_threads, "_available_threads", lambda: 8)
    with compute_threads() as n_threads:
        assert n_threads == 8
    for n_jobs in (1, 3, 20):
        with joblib.parallel_config(n_jobs=n_jobs):
            with compute_threads() as n_threads:
                assert n_threads == min(n_jobs, 8)
            with compute_threads(2) as n_threads, compute_threads() as inner:
                assert n_threads == inner == 2  # what was asked for counts more
    with joblib.parallel_config("threading"), compute_threads() as n_threads:
        assert n_threads == 8  # a backend alone bounds nothing


def test_limits_of_threadpoolctl_are_honoured():
    with threadpool_limits(1, user_api="openmp"), compute_threads() as n_threads:
        assert n_threads == 1
    with threadpool_limits(1, user_api="openmp"), compute_threads(4) as n_threads:
        assert n_threads == 1


def _in_child(queue, Z, X):
    queue.put((blas_threads(), kernel_mean(Z, X, 0.5), blas_threads()))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork on Windows"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # forking is the point
def test_the_pool_survives_a_fork():
    rng = np.random.default_rng(0)
    Z, X = rng.standard_normal((1000, 3)), rng.standard_normal((800, 3))
    expected = kernel_mean(Z, X, 0.5)  # starts this process' threads
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with compute_threads():  # fork while BLAS is held
        child = context.Process(target=_in_child, args=(queue, Z, X))
        child.start()
    before, mean, after = queue.get(timeout=60)
    child.join()
    np.testing.assert_array_equal(mean, expected)
    assert before == after == blas_threads()  # the child does not inherit its parent's hold


# -------------------------------------------------------------------------------------- bad input
GOOD = np.zeros((3, 2))


@pytest.mark.parametrize("function", [kernel_mean, log_kernel_density, kernel_gradient])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.full((3, 2), np.nan), GOOD, 1.0), "Z contains NaN"),
        ((GOOD, np.full((3, 2), np.inf), 1.0), "X contains infinity"),
        ((np.zeros((3, 5)), GOOD, 1.0), "Z has 5 features, but 2 are expected"),
        ((np.zeros((0, 2)), GOOD, 1.0), "0 sample"),
        ((GOOD, np.zeros((0, 2)), 1.0), "0 sample"),
        ((GOOD, GOOD, 0.0), "sigma must be a positive, finite number, got 0.0"),
        ((GOOD, GOOD, -1.0), "sigma must be"),
        ((GOOD, GOOD, np.inf), "sigma must be"),
        ((GOOD, GOOD, True), "sigma must be"),
        ((GOOD, GOOD, "wide"), "sigma must be a positive, finite number, got 'wide'"),
    ],
)
def test_bad_input(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 2], "sample_weight has shape"),
        ([1, -1, 1], "sample_weight must not be negative"),
        ([0, 0, 0], "sample_weight is zero everywhere"),
        ([1, np.nan, 1], "sample_weight contains NaN"),
    ],
)
def test_bad_weights(weight, message):
    with pytest.raises(ValueError, match=message):
        kernel_mean(GOOD, GOOD, 1.0, sample_weight=weight)


# ------------------------------------------------------------------------------- with a tolerance
def clustered_case(seed, dtype, weighted):
    """Rows and other queries in a few clumps far apart, some queries off all of them."""
    rng = np.random.default_rng(seed)
    d = 2 + seed
    centers = 30 * rng.standard_normal((9, d))
    X = centers[rng.integers(9, size=6000)] + rng.standard_normal((6000, d))
    Z = centers[rng.integers(9, size=4500)] + 1.5 * rng.standard_normal((4500, d))
    Z[::300] *= 3
    weight = rng.uniform(0, 1, len(X)) ** 4 if weighted else None
    return Z.astype(dtype), X.astype(dtype), weight


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-8])
def test_truncated_sums_keep_to_their_bound(seed, dtype, tol):
    Z, X, weight = clustered_case(seed, dtype, weighted=seed > 0)
    diameter = 2 * KernelSum(X).radius
    exact = KernelSum(X.astype(float), weight)
    truncated = KernelSum(X, weight)
    for sigma in (0.05, 0.5, 2.0):
        assert pruning_pays(truncated, KernelSum(Z), sigma, tol)  # otherwise nothing is tested here
        mean, log_sum = truncated.sums(Z, sigma, tol=tol)
        expected, expected_log = exact.sums(Z.astype(float), sigma)
        # of the exponents, as everywhere: eps (1 + R²/σ²)
        rounding = 4 * np.finfo(dtype).eps * (1 + (diameter / 2 / sigma) ** 2)
        if tol >= SINGLE_TOL:
            rounding += 2e-6  # seen: at most 5.8e-7, and 1.2e-6 where BLAS has wide instructions
        short = -np.expm1(log_sum - expected_log)
        assert short.max() <= tol + rounding
        assert short.min() >= -rounding  # nothing is counted twice
        assert np.abs(mean - expected).max() <= (tol + rounding) * diameter


def test_something_is_left_out_and_no_more_than_allowed():
    rng = np.random.default_rng(0)
    rows, Z = KernelSum(rng.uniform(size=(20_000, 2))), rng.uniform(size=(5000, 2))
    exact = rows.sums(Z, 0.01)[1]
    tols = 1e-1, 1e-3, 1e-5
    short = [-np.expm1(rows.sums(Z, 0.01, tol=tol)[1] - exact) for tol in tols]
    for tol, s in zip(tols, short, strict=True):
        assert s.max() <= tol
        assert s.min() > -2e-6  # single precision; seen: -6.5e-7
    assert short[0].max() > 3e-6  # which rounding does not explain; seen: 4.8e-6, 1.2e-5


def test_truncated_sums_with_log_weights_and_the_same_rows_as_queries():
    _, X, _ = clustered_case(1, np.float64, weighted=False)
    g = np.random.default_rng(0).normal(0, 20, len(X))  # potentials differ by hundreds
    rows = KernelSum(X)
    for sigma in (0.3, 1.0):
        assert pruning_pays(rows, rows, sigma, 1e-6)
        mean, log_sum = rows.sums(rows, sigma, log_weight=g, tol=1e-6)
        expected, expected_log = rows.sums(X, sigma, log_weight=g)
        np.testing.assert_allclose(log_sum, expected_log, rtol=0, atol=2e-6)
        assert np.abs(mean - expected).max() <= 2e-6 * 2 * rows.radius


@pytest.mark.parametrize("sigma", [0.03, 0.003, 0.001])
def test_single_precision_is_not_trusted_with_rows_far_from_a_box(sigma):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(6000, 2)).astype(np.float32)
    Z = (np.array([3, 0.5]) + 1e-5 * rng.uniform(size=(4200, 2))).astype(np.float32)
    rows = KernelSum(X)
    assert pruning_pays(rows, KernelSum(Z), sigma, 1e-6)
    mean, log_sum = rows.sums(Z, sigma, tol=1e-6)
    expected, expected_log = KernelSum(X.astype(float)).sums(Z.astype(float), sigma)
    # what an exponent may round by in single precision; measured 2e-4, and 1e-7 for the narrow two,
    # which are summed in double precision (it was 0.2 when the rows' own distance did not count)
    np.testing.assert_allclose(log_sum, expected_log, rtol=1e-9, atol=2.0**-10)
    np.testing.assert_allclose(mean, expected, rtol=0, atol=2.0**-10)


def test_a_common_part_of_the_log_weights_costs_no_precision():
    rng = np.random.default_rng(0)
    rows = KernelSum(rng.uniform(size=(6000, 2)).astype(np.float32))
    g = rng.normal(0, 1, rows.n_rows)
    near, far = (rows.sums(rows, 0.01, log_weight=g + shift, tol=1e-6)[1] for shift in (0, 1e6))
    np.testing.assert_allclose(far - 1e6, near, rtol=0, atol=1e-6)


def test_one_wild_query_spoils_no_other():
    rng = np.random.default_rng(0)
    rows, Z = KernelSum(rng.uniform(size=(6000, 2))), rng.uniform(size=(5000, 2))
    expected = rows.sums(Z, 0.01, tol=1e-6)
    Z[17] = 1e20
    actual = rows.sums(Z, 0.01, tol=1e-6)
    others = np.arange(len(Z)) != 17
    for a, e in zip(actual, expected, strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a[others], e[others], rtol=0, atol=3e-6)


def test_bandwidths_too_small_to_be_squared():
    X = np.random.default_rng(0).uniform(size=(4500, 2))
    for tol, rounding in [(1e-8, 1e-15), (1e-6, 1e-7)]:
        np.testing.assert_allclose(kernel_mean(X, X, 1e-160, tol=tol), X, rtol=0, atol=rounding)


def test_wide_bandwidths_and_short_tables_are_summed_in_full():
    Z, X, _ = clustered_case(0, np.float64, weighted=False)
    assert not pruning_pays(KernelSum(X), KernelSum(Z), 20.0, 1e-6)
    assert not pruning_pays(KernelSum(X[:1000]), KernelSum(Z), 0.5, 1e-6)
    difference = kernel_mean(Z, X, 20.0, tol=1e-8) - kernel_mean(Z, X, 20.0)
    assert np.abs(difference).max() < 1e-13 * KernelSum(X).radius


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sigma", [0.02, 0.3, 20.0])
def test_single_values_keep_to_the_tolerance(seed, sigma, loops):
    Z, X, weight = clustered_case(seed, np.float64, weighted=True)
    Z, X, weight = Z[:1500], X[:2000], weight[:2000]
    Z[0] = 1e3  # so far away that its sum underflows
    rows = KernelSum(X, weight)
    mean, log_sum = rows.sums(Z, sigma, tol=1e-6)
    exact, exact_log = rows.sums(Z, sigma)
    assert mean.dtype == np.float64
    # seen: at most 0.3 of the tolerance
    assert np.abs(mean - exact).max() <= 1e-6 * 2 * rows.radius
    np.testing.assert_allclose(log_sum, exact_log, rtol=0, atol=1e-6)
    if loops == "without numba":  # whose sums of few columns have double values
        assert np.abs(log_sum - exact_log).max() > 1e-10  # otherwise nothing is tested here


# -------------------------------------------------------------------------------------- variance


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sigma", [0.5, 2.0, 1e3])
def test_variance_is_the_sum_over_squared_weights(dtype, sigma):
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((50, 3)) + 5).astype(dtype)
    Z = (rng.standard_normal((20, 3)) + 4).astype(dtype)
    count, g = rng.integers(1, 4, 50), rng.standard_normal(50)
    rows, axes = KernelSum(X, count), np.linalg.qr(rng.standard_normal((3, 3)))[0][:, :2]
    mean, log_sum = rows.sums(Z, sigma, log_weight=g)
    z, x = Z.astype(float), X.astype(float)
    W = rows.weight * np.exp(g - cdist(z, x, "sqeuclidean") / (2 * sigma**2))
    W /= W.sum(axis=1, keepdims=True)
    D = W @ x
    expected = [w**2 / count @ ((x - m) @ axes) ** 2 for w, m in zip(W, D, strict=True)]
    variance = rows.variance(Z, sigma, mean, log_sum, axes=axes, log_weight=g)
    assert variance.dtype == np.float64
    # of single precision is the mean that it is taken about
    np.testing.assert_allclose(variance, expected, rtol=1e-3 if dtype == np.float32 else 1e-8)


@pytest.mark.parametrize("distance", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("sigma", [1e-4, 0.05, 0.5, 5.0, 500.0])
def test_variance_with_a_tolerance(sigma, distance, loops):
    """However far the rows reach: it is a difference of squares."""
    rng = np.random.default_rng(0)
    X, Z, g = rng.standard_normal((1500, 3)), rng.standard_normal((128, 3)), rng.normal(size=1500)
    X[::50] += distance
    Z[0] = 40  # far from all rows
    rows, Z = KernelSum(X), Z + 0.3
    mean, log_sum = rows.sums(Z, sigma, log_weight=g)
    given = {"axes": np.eye(3), "log_weight": g}
    exact = rows.variance(Z, sigma, mean, log_sum, **given)
    variance = rows.variance(Z, sigma, mean, log_sum, tol=1e-6, **given)
    if sigma == 0.5 and distance == 0 and loops == "without numba":
        assert np.abs(variance - exact).max() > 0  # otherwise nothing is tested here
    # of the total, which tells how much of all velocities is noise; seen: up to 2.1e-5, and
    # 4.4e-4 where BLAS has wide instructions
    np.testing.assert_allclose(variance.sum(axis=0), exact.sum(axis=0), rtol=2e-3)


def test_variance_is_what_kernel_means_vary_by_from_draw_to_draw():
    rng = np.random.default_rng(0)
    Z, means, variances = np.array([[0.0, 0.0], [1.0, -1.0], [2.0, 0.0]]), [], []
    for _ in range(2000):
        rows = KernelSum(rng.standard_normal((300, 2)))
        mean, log_sum = rows.sums(Z, 0.7)
        means.append(mean)
        variances.append(rows.variance(Z, 0.7, mean, log_sum, axes=np.eye(2)))
    seen = np.var(means, axis=0)
    # 0.96 to 1.06 of it; a variance of 2000 draws is good to 3 %
    np.testing.assert_allclose(np.mean(variances, axis=0) / seen, 1, atol=0.1)


# --------------------------------------------------------------------------------------- balance


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("sigma", "distance", "is_cached"),
    [(0.2, 0.0, True), (2.0, 0.0, True), (2.0, 60.0, False), (20.0, 60.0, True)],
)
def test_balanced_sums_are_two_sums(dtype, sigma, distance, is_cached):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((700, 3)).astype(dtype)
    Z = (rng.standard_normal((900, 3)) + distance).astype(dtype)
    weight = rng.uniform(0.5, 2, 700)
    f = rng.normal(0, 2, 900)
    x, z = X.astype(float), Z.astype(float)
    log_K = -((z[:, None] - x) ** 2).sum(axis=2) / (2 * sigma**2)
    g = -logsumexp(log_K + f[:, None], axis=0) + np.log(900)
    log_W = log_K + g + np.log(weight / weight.sum())
    s = logsumexp(log_W, axis=1)
    D = np.exp(log_W - s[:, None]) @ x
    rows, queries = KernelSum(X, weight), KernelSum(Z)
    tol = {np.float32: 1e-6, np.float64: 1e-8}[dtype]
    cached = cached_balance(rows, queries, sigma, f, 1e-6, 2)
    exact = rows.balance(queries, sigma, f)
    balanced = rows.balance(queries, sigma, f, tol=tol)
    # an exponent of single precision rounds by eps ‖z - x‖²/2σ²
    rounding = np.finfo(dtype).eps * (1 + log_K.min() ** 2) ** 0.5
    cases = [(exact, rounding), (balanced, rounding)]
    if cached is not None:
        single = rows.balance(queries, sigma, f, tol=1e-6)
        cases.append((single, max(rounding, 1e-6)))
    assert (cached is not None) == is_cached  # some sums may be out of the range
    for (actual_g, actual_D, actual_s), error in cases:
        np.testing.assert_allclose(actual_g, g, rtol=0, atol=10 * error)
        np.testing.assert_allclose(actual_s, s, rtol=0, atol=10 * error)
        np.testing.assert_allclose(actual_D, D, rtol=0, atol=30 * error)


@pytest.mark.parametrize("tol", [1e-8, 1e-6])
def test_outliers_are_balanced_by_other_means(tol):
    rng = np.random.default_rng(0)
    X, Z = rng.standard_normal((500, 3)), rng.standard_normal((400, 3))
    X[[3, 70]], Z[[5, 6, 80]] = [[30, 0, 0], [0, 0, 1e3]], [[0, 40, 0], [0, 0, 900], [3, 3, 3]]
    rows, queries = KernelSum(X, rng.uniform(0.5, 2, 500)), KernelSum(Z)
    f = rng.normal(0, 1, 400)
    f[6], f[80] = 1e4, -30
    is_known, is_served = cached_balance(rows, queries, 1.0, f, tol, 1)[3:]
    np.testing.assert_array_equal(np.flatnonzero(~is_known), [3, 70])
    assert {5, 6} <= set(np.flatnonzero(~is_served))
    kept = rows.balance(queries, 1.0, f, tol=tol)
    scales = 1 + np.abs(kept[0]), 1 + np.abs(X).max(), 1 + np.abs(kept[2])
    for a, b, scale in zip(kept, rows.balance(queries, 1.0, f), scales, strict=True):
        error = np.abs(a - b) / (scale[:, None] if a.ndim == 2 and np.ndim(scale) else scale)
        assert error.max() < {1e-8: 1e-10, 1e-6: 1e-6}[tol]


def test_rows_at_every_distance_are_balanced_within_the_tolerance():
    """From sums of ordinary size to those that single precision cannot hold."""
    rng = np.random.default_rng(0)
    X, Z = rng.standard_normal((900, 2)), rng.standard_normal((700, 2))
    X[:200, 0], X[:200, 1] = np.linspace(0, 20, 200), 0
    rows, queries, f = KernelSum(X), KernelSum(Z), np.zeros(700)
    assert cached_balance(rows, queries, 1.0, f, 1e-6, 1) is not None
    kept, exact = (rows.balance(queries, 1.0, f, tol=tol) for tol in (1e-6, 0.0))
    assert exact[0].max() > 80  # minus the logarithms of their sums
    # sums up to e^80 and down to e^-80, were they taken for ordinary: 1.7e-6 at least
    assert np.abs(kept[0] - exact[0]).max() < 1e-6
    assert np.abs(kept[2] - exact[2]).max() < 2e-6  # seen: 1.1e-6


def test_balanced_sums_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    rows, queries = (KernelSum(rng.standard_normal((n, 4))) for n in (600, 800))
    one, two = (cached_balance(rows, queries, 1.0, np.zeros(800), 1e-6, n) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_too_many_kernel_values_are_not_kept(monkeypatch):
    rng = np.random.default_rng(0)
    rows, queries = (KernelSum(rng.standard_normal((n, 4))) for n in (600, 800))
    kept = rows.balance(queries, 1.0, np.zeros(800), tol=1e-6)
    monkeypatch.setattr("skflow.kernels._cached.CACHED_BYTES", 10**6)
    assert cached_balance(rows, queries, 1.0, np.zeros(800), 1e-6, 1) is None
    for a, b in zip(kept, rows.balance(queries, 1.0, np.zeros(800), tol=1e-6), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=5e-6)


def test_leaves_hold_every_row_once_and_their_boxes_hold_them():
    X = np.random.default_rng(0).standard_normal((5003, 3))
    leaves = KernelSum(X).leaves
    np.testing.assert_array_equal(np.sort(leaves.numbers[leaves.is_row]), np.arange(len(X)))
    x = KernelSum(X).inside(X)[leaves.numbers]
    assert (x >= leaves.low[:, None]).all()
    assert (x <= leaves.high[:, None]).all()
    assert leaves.is_row.sum(axis=1).min() >= leaves.is_row.shape[1] - 1


@pytest.mark.parametrize("kind", ["normal", "whole numbers", "two values", "over 300 decades"])
def test_rows_that_are_neighbours_in_the_order_of_the_tree_are_close(kind):
    rng = np.random.default_rng(0)
    X = {
        "normal": rng.standard_normal((5003, 3)),
        "whole numbers": rng.poisson(3, (5003, 3)).astype(float),
        "two values": (rng.random((5003, 1)) < 0.6).astype(float),
        "over 300 decades": 10 ** rng.uniform(-300, 0, (5003, 1)),
    }[kind]
    rows = KernelSum(X)
    np.testing.assert_array_equal(np.sort(rows.tree_order), np.arange(len(X)))
    np.testing.assert_allclose(rows.tree_shares, np.arange(1, len(X) + 1) / len(X))
    step, chance = (
        np.linalg.norm(np.diff(X[order], axis=0), axis=1).mean()
        for order in (rows.tree_order, rng.permutation(len(X)))
    )
    # seen: up to 0.2
    assert step < 0.3 * chance


@pytest.mark.parametrize("tol", [-1e-3, 1.0, np.nan, "small"])
def test_bad_tolerance(tol):
    with pytest.raises(ValueError, match=r"tol must be a number in \[0, 1\)"):
        kernel_mean([[0.0]], [[1.0]], 1.0, tol=tol)


# ------------------------------------------------------------------------------------ Laplace
@pytest.mark.parametrize("tau", [1e-3, 0.3, 5.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_laplace_sums_against_their_formula(tau, dtype):
    rng = np.random.default_rng(0)
    X, Z = rng.normal(7, 2, (300, 4)).astype(dtype), rng.normal(5, 3, (150, 4)).astype(dtype)
    weight = rng.uniform(0.5, 2, 300)
    mean, log_sum = LAPLACE.mean(KernelSum(X, weight), KernelSum(Z), tau)
    distance = np.sqrt(((Z[:, None].astype(float) - X) ** 2).sum(axis=2))
    exponent = np.log(weight / weight.sum()) - distance / tau
    top = exponent.max(axis=1, keepdims=True)
    W = np.exp(exponent - top)
    assert mean.dtype == dtype
    atol = 1e-5 if dtype == np.float32 else 1e-9 * max(1, 1 / tau)  # distances round by 1e-15 R²
    np.testing.assert_allclose(mean, (W / W.sum(axis=1, keepdims=True)) @ X, rtol=0, atol=atol)
    expected = top[:, 0] + np.log(W.sum(axis=1))
    np.testing.assert_allclose(log_sum, expected, rtol=1e-12, atol=1e-9)


def test_averages_of_values():
    rng = np.random.default_rng(0)
    X, Z, a = rng.normal(size=(300, 4)), rng.normal(size=(150, 4)), rng.normal(size=(300, 2))
    rows = KernelSum(X)
    mean, log_sum = rows.average(Z, 0.8, a)
    W = np.exp(-((Z[:, None] - X) ** 2).sum(axis=2) / (2 * 0.8**2))
    np.testing.assert_allclose(mean, W @ a / W.sum(axis=1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(log_sum, rows.sums(Z, 0.8)[1], rtol=1e-14)
    D, _ = rows.average(Z, 0.8, X)
    np.testing.assert_allclose(D, rows.sums(Z, 0.8)[0], atol=1e-13)


# -------------------------------------------------------------------------------- compiled loops
@pytest.mark.parametrize("loops", ["compiled loops"], indirect=True)
@pytest.mark.parametrize(
    ("wide", "real", "rounding"),
    [
        (np.float32, np.float32, 1.19e-7),
        (np.float64, np.float64, 2.2e-16),
        (np.float64, np.float32, 1.19e-7),
    ],
)
def test_the_exponential_is_off_by_a_rounding(wide, real, rounding):
    """By the distance of one and the next number; seen: 1.0e-7, 1.7e-16, 8.5e-8."""
    rng, info = np.random.default_rng(0), np.finfo(real)
    low, high = np.log(float(info.tiny)), np.log(float(info.max))
    x = rng.uniform(low + 1, high - 1, 2**17 + 3).astype(wide)
    values = x.copy() if wide is real else np.empty(x.shape, real)
    compiled().exponential(values if wide is real else x, values)
    assert np.abs(values / np.exp(x.astype(np.longdouble)) - 1).max() < rounding
    special = np.array([np.nan, -np.inf, np.inf, 0.0, -1e30, 1e30, 1.1 * low, 1.1 * high], wide)
    values = np.empty(special.shape, real)
    compiled().exponential(special, values)
    np.testing.assert_array_equal(values, [np.nan, 0, np.inf, 1, 0, np.inf, 0, np.inf])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 2), (130, 1025, 4), (700, 4099, 7)])
def test_sums_of_exponentials_against_their_formula(shape, dtype):
    n_queries, n_rows, k = shape
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(n_queries, k)), rng.normal(size=(k, n_rows)).astype(dtype)
    for n_values in (1, 3, MOST_VALUES, MOST_VALUES + 1):
        V = rng.normal(size=(n_values, n_rows)).astype(dtype)
        tiles = exponential_sums(B, V, wide=False)(A)
        parallel_for(len(tiles), tiles.add, 2)
        sums = tiles.sums()
        a, b, v = (M.astype(dtype).astype(float) for M in (A, B, V))
        E = np.exp(a @ b)
        bound = np.finfo(dtype).eps * (E * (1 + np.abs(a) @ np.abs(b))) @ np.abs(v).T
        ratio = np.abs(sums - E @ v.T) / bound
        assert ratio.max() < 8  # seen: 1.8


@pytest.mark.parametrize("loops", ["without numba"], indirect=True)
@pytest.mark.parametrize(("megabytes", "step"), [(1024, 1024), (1 / 8, None), (1e-9, LEAST_BLOCK)])
def test_blocks_fill_the_cache_and_keep_to_the_working_memory(megabytes, step):
    """A block of 64 queries and 1024 rows in double precision has half a megabyte."""
    A, B = np.zeros((8, 3, 8)), np.zeros((3, 5000))
    with sklearn.config_context(working_memory=megabytes):
        found = list(blocks(A, B))
    assert [columns.start for columns, _ in found[1:]] == [
        columns.stop for columns, _ in found[:-1]
    ]
    assert found[-1][0].stop == 5000
    width = found[0][0].stop
    assert found[0][1].shape == (8, width, 8)
    if step is None:  # all cores have one each
        step = max(LEAST_BLOCK, int(megabytes * 2**20 / n_cores()) // 512)
    assert width == step


def test_importing_skflow_and_finding_no_numba_is_no_error():
    """Nothing imports numba before the first sum, and an absent numba costs time only."""
    code = """
import sys
import numpy as np
import skflow.kernels
assert "numba" not in sys.modules
sys.modules["numba"] = None
X = np.random.default_rng(0).normal(size=(300, 3))
print(skflow.kernels.kernel_mean(X[:50], X, 0.5).sum().hex())
"""
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    X = np.random.default_rng(0).normal(size=(300, 3))
    assert np.isclose(float.fromhex(out.stdout), kernel_mean(X[:50], X, 0.5).sum(), rtol=1e-12)


@pytest.mark.parametrize("loops", ["compiled loops"], indirect=True)
def test_loops_compile_where_nothing_can_be_kept(monkeypatch):
    from skflow.kernels import _compiled

    njit = _compiled.numba.njit

    def refusing(*args, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*args, **options)

    monkeypatch.setattr(_compiled.numba, "njit", refusing)
    x = np.linspace(-5, 5, 11)
    values = x.copy()
    _compiled._compile(_compiled._exp)(values)
    np.testing.assert_allclose(values, np.exp(x), rtol=1e-15)
