"""Fields: at rest, equivariant, and true to their formulas. Runs over the registry."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skflow.fields import (
    FIELDS,
    CriticGradient,
    DenoiserDifference,
    Discriminator,
    FDivergence,
    KernelScoreDifference,
    LearnedDenoiser,
    Limits,
    Stein,
    make_field,
)
from skflow.fields._conditional import ConditionalState
from skflow.fields._population import MovingRows
from skflow.fields._sum import SumState
from skflow.fields._terms import DifferenceState, Mean
from skflow.flow import LiveFlow, StepSizes
from skflow.flow._groups import Groups
from skflow.kernels import KernelSum, kernel_gradient, kernel_mean, log_kernel_density
from skflow.metrics import maximum_mean_discrepancy

# One row a field; variants of a field are rows of their own.
ROWS = {
    "kernel": make_field("kernel"),
    "kernel-row": KernelScoreDifference(normalization="row"),
    "denoiser": DenoiserDifference(LearnedDenoiser(Ridge(), batch_size=200)),
    "observed": DenoiserDifference("kernel", source="observed"),
    "refreshed": DenoiserDifference(
        LearnedDenoiser(MLPRegressor(hidden_layer_sizes=(8,)), n_updates=3),
        source="learned",
        n_updates=2,
    ),
    "critic": CriticGradient(LogisticRegression()),
    "discriminator": Discriminator(
        MLPClassifier(hidden_layer_sizes=(16,), batch_size=100), n_rounds=5, batch_size=50
    ),
    "score": make_field("score"),
    "entropy": make_field("entropy"),
    "sum": make_field("sum"),
    "divergence": make_field("divergence"),
    "chi2": FDivergence("chi2"),
    "stein": make_field("stein"),
    "stein-wide": Stein(bandwidth=4.0),
    "mmd": make_field("mmd"),
    "laplace": make_field("laplace"),
    "sliced": make_field("sliced"),
}
# What is not true of every field, and of which it is.
DIFFERENCES = {
    "kernel",
    "kernel-row",
    "sum",
    "divergence",
    "mmd",
}  # of two means, where kernels are wide
AT_REST = {*DIFFERENCES, "chi2", "laplace", "sliced"}
# Trained fields see a random sample of the target; their answers are as exact as training is.
TRAINED = {"denoiser", "refreshed", "critic", "discriminator"}
RANDOM = {"sliced"}  # directions are drawn; test_sliced.py compares their mean
ALL = set(ROWS)


def fields(names):
    """Run a test over the named rows only."""
    return pytest.mark.parametrize("field", sorted(names), indirect=True)


@pytest.fixture(params=ROWS)
def field(request):
    return clone(ROWS[request.param])


@pytest.fixture
def tables():
    rng = np.random.default_rng(0)
    return rng.normal(3, 1, (90, 3)), rng.normal(0, 2, (70, 3))  # target, source


def velocity(field, X, Y, sigma=0.8, Z=None, seed=0, batch_size=None, weight=None):
    state = begin(field, X, sigma, seed=seed, weight=weight, batch_size=batch_size)
    return state.velocity(Y if Z is None else Z, Y, sigma)


def begin(field, X, sigma, seed=0, weight=None, **limits):
    field.fit(X, np.array([sigma]), sample_weight=weight)
    return field.start(np.random.default_rng(seed), Limits(**limits))


def test_every_field_has_its_row():
    assert {type(field) for field in ROWS.values()} == set(FIELDS.values())


@fields(AT_REST)
def test_at_rest_where_source_is_target(field, tables):
    X, _ = tables
    Z = X + np.random.default_rng(1).normal(size=X.shape)
    for queries in (X, Z):
        assert np.abs(velocity(field, X, X.copy(), Z=queries)).max() < 1e-14
    assert np.abs(velocity(field, X, tables[1])).max() > 0.05  # and not everywhere


# What scaling the data by c does to the velocity: a displacement scales by c.
SCALING = {"mmd": lambda c: 1 / c}
ROUNDING = {"laplace": 1e-6}  # of a distance near zero, where the kernel has a kink


@fields(ALL - {"stein-wide"})  # whose kernel stays as wide
def test_shift_and_scale_equivariance(field, tables, request):
    X, Y = tables
    v = velocity(field, X, Y)
    name = request.node.callspec.params["field"]
    factor = SCALING.get(name, lambda c: c)(7)
    # regressors learn in single precision
    atol = 1e-4 * max(1, np.abs(v).max()) if name in TRAINED else ROUNDING.get(name, 1e-11)
    np.testing.assert_allclose(velocity(field, X + 50, Y + 50), v, atol=atol)
    np.testing.assert_allclose(velocity(field, 7 * X, 7 * Y, 7 * 0.8), factor * v, atol=7 * atol)


@fields(ALL - TRAINED - RANDOM)
def test_rotation_equivariance(field, tables, request):
    X, Y = tables
    v = velocity(field, X, Y)
    Q = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    atol = ROUNDING.get(request.node.callspec.params["field"], 1e-11)
    np.testing.assert_allclose(velocity(field, X @ Q, Y @ Q), v @ Q, atol=atol)


@fields(ALL - TRAINED)
def test_order_of_the_target_does_not_matter_and_that_of_the_source_carries_over(
    field, tables, request
):
    X, Y = tables
    atol = ROUNDING.get(request.node.callspec.params["field"], 1e-12)
    v, order = velocity(field, X, Y), np.random.default_rng(3).permutation(len(Y))
    np.testing.assert_allclose(velocity(field, X[::-1].copy(), Y), v, atol=atol)
    np.testing.assert_allclose(velocity(field, X, Y[order]), v[order], atol=atol)


def full_step(field, X, Y, sigma=0.8):
    state = begin(field, X, sigma)
    v = state.velocity(Y, Y, sigma)
    return v if field.has_unit_step else state.full_step() * v


@pytest.mark.parametrize("seed", range(3))
@fields(ALL - TRAINED - {"entropy"})  # which does not see the target
def test_fields_say_how_far_out_they_attract(field, seed):
    """Of the way to the target a full step goes at least half, for Stein's, or next to nothing."""
    rng, far = np.random.default_rng(seed), np.array([100.0, 0, 0])
    X, Y = rng.normal(size=(90, 3)), rng.normal(size=(70, 3))
    all_far = full_step(field, X + far, Y)[:, 0].max() / 100
    one_far = full_step(field, X, np.vstack([-far, Y]))[0, 0] / 100
    for share, is_full in [(all_far, field.is_normalized), (one_far, field.pulls_lone_rows)]:
        # measured 0.49 to 2, and 0 to 0.03
        assert share > 0.4 if is_full else abs(share) < 0.1


@fields(ALL - TRAINED)
def test_integer_weights_equal_repeated_rows(field, tables):
    X, Y = tables
    weight = np.random.default_rng(4).integers(0, 4, len(X)).astype(float)
    run = field.fit(X, np.array([0.8]), sample_weight=weight).start(np.random.default_rng(0))
    repeated = np.repeat(X, weight.astype(int), axis=0)
    np.testing.assert_allclose(
        run.velocity(Y, Y, 0.8), velocity(field, repeated, Y), rtol=0, atol=1e-12
    )


@fields(DIFFERENCES)
def test_a_very_wide_kernel_moves_every_row_by_the_difference_of_the_means(field, tables, request):
    X, Y = tables
    sigma = 1e7
    unit = sigma**2 if request.node.callspec.params["field"] == "mmd" else 1  # v is per σ²
    v = unit * velocity(field, X, Y, sigma)
    np.testing.assert_allclose(v, np.tile(X.mean(0) - Y.mean(0), (len(Y), 1)), atol=1e-11)


def test_a_run_leaves_the_field_as_it_is(field, tables):
    X, Y = tables
    first = velocity(field, X, Y)
    run = field.start(np.random.default_rng(0))
    for sigma in (0.8, 0.5, 0.3):
        run.velocity(Y, Y, sigma)
    again = field.start(np.random.default_rng(0)).velocity(Y, Y, 0.8)
    np.testing.assert_array_equal(again, first)


@fields(ALL - TRAINED - RANDOM - {"stein"})  # whose median distance is another in every batch
def test_batches_estimate_the_velocity(field, tables):
    X, Y = tables
    v = velocity(field, X, Y, sigma=4.0)
    np.testing.assert_array_equal(velocity(field, X, Y, sigma=4.0, batch_size=1000), v)
    error = {}
    for batch_size in (15, 60):
        draws = [velocity(field, X, Y, 4.0, seed=s, batch_size=batch_size) for s in range(300)]
        assert np.std(draws, axis=0).mean() > 0.005 * np.abs(v).mean()  # batches do differ: 0.012
        error[batch_size] = np.abs(np.mean(draws, axis=0) - v).mean() / np.abs(v).mean()
    # the bias of a ratio of means falls with the batch: measured 0.017 and 0.003
    # (sinkhorn), 0.009 and 0.004 (row); the gradient of MMD has none but its noise, 0.009 and 0.006
    assert error[60] < 0.01
    assert error[60] < error[15]


@fields(ALL - TRAINED - RANDOM - {"stein", "entropy"})  # which does not see the target
def test_batches_count_weights(field, tables):
    X, Y = tables
    weight = np.where(np.arange(len(X)) < 4, 100.0, 1.0)  # four rows hold most of the mass
    X = X + np.where(weight > 1, 4, 0)[:, None]
    v = velocity(field, X, Y, sigma=4.0, weight=weight)
    draws = [velocity(field, X, Y, 4.0, seed=s, batch_size=45, weight=weight) for s in range(200)]
    error = np.abs(np.mean(draws, axis=0) - v).mean() / np.abs(v).mean()
    uniform = np.abs(velocity(field, X, Y, sigma=4.0) - v).mean() / np.abs(v).mean()
    assert error < 0.03  # measured 0.004 to 0.013
    assert uniform > 0.1  # what ignoring the weights would give


def test_rows_that_are_not_drawn_count_themselves_in(tables):
    X, Y = tables
    sigma, b = 0.9, 15
    state = (
        make_field("entropy")
        .fit(X, np.array([sigma]))
        .start(np.random.default_rng(0), Limits(batch_size=b))
    )
    v = state.velocity(Y, Y, sigma)
    drawn = state.step.q.numbers
    others = np.setdiff1d(np.arange(len(Y)), drawn)
    for i in others:
        expected = Y[i] - kernel_mean(Y[[i]], np.vstack([Y[drawn], Y[[i]]]), sigma)[0]
        np.testing.assert_allclose(v[i], expected, atol=1e-13)
    expected = Y[drawn] - kernel_mean(Y[drawn], Y[drawn], sigma)
    np.testing.assert_allclose(v[drawn], expected, atol=1e-13)
    frozen = state.frozen()(Y, np.arange(len(Y)), Y)
    np.testing.assert_allclose(frozen, v, atol=1e-13)


# ------------------------------------------------------------------------------ score difference
def test_row_weights_give_the_score_difference(tables):
    X, Y = tables
    Z, sigma, h = Y[:20], 0.9, 1e-5
    v = velocity(ROWS["kernel-row"], X, Y, sigma, Z=Z)
    np.testing.assert_allclose(v, kernel_mean(Z, X, sigma) - kernel_mean(Z, Y, sigma), atol=1e-14)

    def log_ratio(z):
        return log_kernel_density(z, X, sigma) - log_kernel_density(z, Y, sigma)

    for j, e in enumerate(np.eye(3)):
        slope = (log_ratio(Z + h * e) - log_ratio(Z - h * e)) / (2 * h)
        np.testing.assert_allclose(sigma**2 * slope, v[:, j], atol=1e-6)


def test_sinkhorn_weights_converge_to_the_entropic_plan(tables, monkeypatch):
    X, Y = tables
    monkeypatch.setattr("skflow.fields._sinkhorn.CARRIED", 1.0)
    sigma = 1.5
    K = -((Y[:, None] - X) ** 2).sum(axis=2) / (2 * sigma**2)
    f = np.zeros(len(Y))
    for _ in range(200):  # the textbook iteration, which has converged after 50
        g = -logsumexp(K + f[:, None] - np.log(len(Y)), axis=0)
        f = -logsumexp(K + g - np.log(len(X)), axis=1)
    plan = np.exp(K + f[:, None] + g) / (len(X) * len(Y))
    field = make_field("kernel").fit(X, np.array([sigma]))
    run = field.start(np.random.default_rng(0))
    for _ in range(200):
        run.velocity(Y, Y, sigma)
    D_p = run.step.answers[0][0]
    np.testing.assert_allclose(D_p, len(Y) * plan @ X, atol=1e-10)
    # columns are even: the mean of all D_p is the mean of the target
    np.testing.assert_allclose(D_p.mean(axis=0), X.mean(axis=0), atol=1e-10)


@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_a_row_pays_for_its_way_with_its_potential(eta):
    """With one target row the potential is a parabola, and what is left of it is known."""
    x, Y = np.array([[1.0, 2.0]]), np.array([[0.0, 0.0], [40.0, 0.0], [0.0, -70.0]])
    run = make_field("kernel").fit(x, np.array([1.0])).start(np.random.default_rng(0))
    v = run.velocity(Y, Y, 2.0)
    np.testing.assert_allclose(v, x - Y)  # rows so far apart do not see each other
    moved = Y + eta * v
    f_p, f_q = run._carried_over(moved, 1.0)
    F = ((moved - x) ** 2).sum(axis=1) / (2 * 1.0**2)  # of rows that set out from there
    # half of it is kept, up to a constant that no weight depends on
    np.testing.assert_allclose(np.diff(f_p - f_q), np.diff(0.5 * F), atol=1e-9)
    # three rows that are alone with themselves share one unit of mass
    np.testing.assert_allclose(f_q, np.log(3) / 2)


def test_a_population_s_own_potentials_converge_in_a_few_steps(tables):
    X, Y = tables
    run = make_field("kernel").fit(X, np.array([1.0])).start(np.random.default_rng(0))
    for _ in range(6):
        run.velocity(Y, Y, 1.0)
    f, g = -run.step.answers[1][1], run.step.formula.D_q.log_weight
    np.testing.assert_allclose(f, g, atol=0.01)  # measured 0.002


# -------------------------------------------------------------------------------------------- MMD
def test_normalising_the_weights_of_mmd_gives_the_score_difference(tables):
    X, Y = tables
    sigma = 0.9
    mass = [np.exp(KernelSum(A).sums(Y, sigma)[1])[:, None] for A in (X, Y)]
    pull, push = kernel_gradient(Y, X, sigma), kernel_gradient(Y, Y, sigma)
    np.testing.assert_allclose(velocity(ROWS["mmd"], X, Y, sigma), pull - push, atol=1e-14)
    normalised = sigma**2 * (pull / mass[0] - push / mass[1])
    np.testing.assert_allclose(
        normalised, velocity(ROWS["kernel-row"], X, Y, sigma), rtol=0, atol=1e-12
    )


def test_mmd_velocity_is_the_finite_difference_of_the_squared_mmd(tables):
    X, Y = tables
    sigma, h = 1.1, 1e-5
    v = velocity(ROWS["mmd"], X, Y, sigma)

    def squared_mmd(rows):
        return maximum_mean_discrepancy(rows, X, bandwidth=sigma) ** 2

    for i, j in [(0, 0), (13, 1), (69, 2)]:
        step = np.zeros_like(Y)
        step[i, j] = h
        slope = (squared_mmd(Y + step) - squared_mmd(Y - step)) / (2 * h)
        # moving row i alone changes MMD² by -2/M times the velocity there
        assert -len(Y) / 2 * slope == pytest.approx(v[i, j], abs=1e-7)


@pytest.mark.parametrize("d", [1, 3, 10, 30])
@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("width", [0.2, 0.6, 2.5])
def test_a_full_step_of_mmd_descends(width, shift, d):
    rng, sigma = np.random.default_rng(d), width * d**0.5
    X, Y = rng.normal(size=(60, d)), rng.normal(shift, 0.5, size=(40, d))
    state = make_field("mmd").fit(X, np.array([sigma])).start(rng)
    distances = [maximum_mean_discrepancy(Y, X, bandwidth=sigma)]
    for _ in range(100):
        v = state.velocity(Y, Y, sigma)
        assert state.full_step() >= 2 * sigma**2 / 3 * (1 - 1e-9)  # no kernel sum is more than one
        Y = Y + state.full_step() * v
        distances.append(maximum_mean_discrepancy(Y, X, bandwidth=sigma))
    assert np.diff(distances).max() < 1e-7  # of distances up to one
    assert distances[-1] < distances[0]


# ----------------------------------------------------------------------------------- displacement
def test_noise_comes_in_antithetic_pairs(tables):
    _, Y = tables
    seen = []

    class Spy:
        def velocity(self, Z, Y, sigma, step):
            seen.append(Z - Y)
            return Z - Y

    flow = LiveFlow(Spy(), np.random.default_rng(0), StepSizes(np.ones(1)))
    moved = flow.displacement(Y, 9.9, noise_level=0.5, n_noise=4)
    np.testing.assert_allclose(moved, 0, atol=1e-15)
    np.testing.assert_allclose(seen[0], -seen[1], atol=1e-14)
    np.testing.assert_allclose(seen[2], -seen[3], atol=1e-14)
    assert abs(np.std(seen[0]) / 0.5 - 1) < 0.2  # 210 draws: four standard errors


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match=r"field='kernal' is not known. Known: 'kernel'"):
        make_field("kernal")
    with pytest.raises(ValueError, match=r"normalization='both' is not known. Known: 'sinkhorn'"):
        KernelScoreDifference("both").fit(np.ones((3, 1)), np.ones(1))


# ----------------------------------------------------------------------------------------- frozen
SHIFTS = [0.1, 1.0, 30.0]  # 30: the new row is alone with itself


# whose bandwidth, or whose potentials, are others where one row is another
@pytest.mark.parametrize("n", [1, 5])
def test_rows_at_one_place_have_no_median_distance_and_go_on(tables, n):
    """Whatever place it is, and however many they are: all are pulled as one row is."""
    X, Y = tables
    moved = velocity(make_field("stein"), X, np.tile(Y[:1], (n, 1)))
    np.testing.assert_allclose(moved, np.tile(moved[:1], (n, 1)), rtol=1e-12)
    shifted = velocity(make_field("stein"), X - Y[0], np.zeros((n, 3)))
    np.testing.assert_allclose(shifted, moved, rtol=1e-6)
    alone = velocity(make_field("stein"), X, Y[:1])
    np.testing.assert_allclose(moved[:1], alone, rtol=1e-9)


@fields(ALL - TRAINED - {"kernel", "stein"})
@pytest.mark.parametrize("i", [0, 13])
@pytest.mark.parametrize("shift", SHIFTS)
def test_a_new_row_takes_the_place_of_the_row_it_is_like(tables, field, shift, i, request):
    X, Y = tables
    sigma = 1.1
    state = begin(field, X, sigma, by_row=True)
    state.velocity(Y, Y, sigma)
    new = Y[[i]] + shift
    population = np.concatenate([Y[:i], new, Y[i + 1 :]])
    expected = begin(clone(field), X, sigma).velocity(population, population, sigma)[i]
    atol = ROUNDING.get(request.node.callspec.params["field"], 1e-10)
    np.testing.assert_allclose(
        state.frozen()(new, np.array([i]), new)[0], expected, rtol=0, atol=atol
    )


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_new_row_takes_a_place_under_the_potentials_that_were_recorded(tables, shift):
    X, Y = tables
    sigma, i = 1.1, np.array([13])
    state = begin(make_field("kernel"), X, sigma, by_row=True)
    for _ in range(2):  # the second step begins with potentials
        state.velocity(Y, Y, sigma)
    frozen = state.frozen()
    new = Y[i] + shift
    population = KernelSum(np.concatenate([Y[:13], new, Y[14:]]))
    q = MovingRows(population, 0.0, None, new, slice(None), len(Y), i)
    expected = frozen.formula(KernelSum(new), frozen.p, q, sigma)
    np.testing.assert_allclose(frozen(new, i, new), expected, rtol=0, atol=1e-12)
    assert np.abs(expected - frozen(Y[i], i, Y[i])).max() > 0.01


def _is_known(state):
    try:
        return state.divergence() is not None
    except TypeError:
        return False


# denoisers by finite differences
KNOW_THEIR_DIVERGENCE = {"kernel", "kernel-row", "score", "entropy", "sum", "denoiser", "refreshed"}


@pytest.mark.parametrize("name", ROWS)
def test_a_divergence_is_right_or_not_known(tables, name):
    """Of the last velocity, the population and what was learnt from it staying as they are."""
    X, Y = tables
    sigma, like = 1.1, np.arange(len(Y))
    h, atol = (0.01, 5e-3) if name in TRAINED else (1e-5, 1e-8)  # single precision, kinks
    state = begin(clone(ROWS[name]), X, sigma, by_row=True)
    state.velocity(Y, Y, sigma)
    assert _is_known(state) == (name in KNOW_THEIR_DIVERGENCE)
    if not _is_known(state):
        return
    frozen, total = state.frozen(), np.zeros(len(Y))
    for j, e in enumerate(np.eye(3)):
        ends = [frozen(Y + step * e, like, Y)[:, j] for step in (h, -h)]
        total += (ends[0] - ends[1]) / (2 * h)
    np.testing.assert_allclose(state.divergence(), total, atol=atol)
    assert np.abs(total).max() > 0.2


def _kernels(state):
    """Kernels of all the means that a state is made of."""
    if isinstance(state, SumState):
        return [kernel for _, part in state.parts for kernel in _kernels(part)]
    terms = (state.D_p, state.D_q) if isinstance(state, DifferenceState) else ()
    return [term.kernel for term in terms if isinstance(term, Mean)]


@pytest.mark.parametrize("name", ROWS)
def test_kernel_means_are_those_of_the_kernel_between_pairs(tables, name):
    """And so are their divergence and variance, for rows with weights and log-weights of a step."""
    X, Y = tables
    rng, sigma = np.random.default_rng(0), 0.7
    g, rows = rng.normal(size=len(X)), KernelSum(X, rng.uniform(1, 3, len(X)))
    for kernel in _kernels(begin(clone(ROWS[name]), X, 1.0)):

        def mean_at(Z, kernel=kernel):
            return kernel.mean(rows, KernelSum(Z), sigma, log_weight=g)

        mean, log_sum = mean_at(Y)
        pairs = [kernel.log_pairs(Y, np.tile(x, (len(Y), 1)), sigma) for x in X]
        terms = np.transpose(pairs) + np.log(rows.weight) + g
        W = np.exp(terms - logsumexp(terms, axis=1)[:, None])
        np.testing.assert_allclose(mean, W @ X, atol=1e-10)
        np.testing.assert_allclose(log_sum, logsumexp(terms, axis=1), atol=1e-10)
        way = np.linspace(0, 5, 20)[:, None] * np.ones((1, 3))
        fall = np.diff(kernel.log_pairs(way, 0 * way, sigma))
        assert (fall < 0).all()  # a kernel falls with the distance
        if kernel.divergence is not None:
            total = np.zeros(len(Y))
            for j, e in enumerate(1e-5 * np.eye(3)):
                total += (mean_at(Y + e)[0] - mean_at(Y - e)[0])[:, j] / 2e-5
            divergence = kernel.divergence(rows, Y, sigma, log_weight=g)
            np.testing.assert_allclose(divergence, total, atol=1e-8)
        if kernel.variance is not None:  # Σ W² (u · (x - D))² / m, from draw to draw
            axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
            variance = kernel.variance(rows, Y, sigma, mean, log_sum, axes=axes, log_weight=g)
            off = (X[None] - mean[:, None]) @ axes
            m = rows.weight * rows.n_draws
            expected = np.einsum("ij,ijk->ik", W**2 / m, off**2)
            np.testing.assert_allclose(variance, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_in_its_own_place_has_its_own_velocity(tables, name):
    X, Y = tables
    run = begin(ROWS[name], X, 0.3, by_row=True)
    v = run.velocity(Y, Y, 0.3)
    np.testing.assert_array_equal(run.frozen()(Y, np.arange(len(Y)), Y), v)


@pytest.mark.parametrize("name", ["mmd", "stein"])
def test_queries_that_feel_nothing_have_no_step(name):
    X, Y = np.zeros((5, 2)), np.random.default_rng(0).normal(size=(4, 2))
    state = make_field(name).fit(X, np.array([1.0])).start(np.random.default_rng(0))
    v = state.velocity(Y + 1e6, Y, 1.0)
    assert state.full_step() == 0
    np.testing.assert_array_equal(v, 0)


@pytest.mark.parametrize("wrapper", [ConditionalState, Groups, SumState])
def test_states_of_states_answer_for_the_full_step_themselves(wrapper):
    # what is inherited would be that of a displacement, whatever the state that moves
    assert {"velocity", "frozen", "renew", "full_step", "noise_to_signal"} <= set(vars(wrapper))
