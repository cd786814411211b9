"""SD flow: what it reaches, on the papers' data and on Gaussians."""

import numpy as np
import pytest

from skflow import SDFlowSampler
from skflow.datasets import make_clusters, make_grid, make_question_mark
from skflow.fields import KernelScoreDifference, Limits, make_field
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)


@pytest.mark.parametrize("make", [make_question_mark, make_grid, make_clusters])
def test_defaults_fit_without_copying_or_scrambling(make):
    """A far-off Gaussian onto each data set: five seeds, against held-out target rows."""
    fit, own, copy, scramble = [], [], [], []
    for seed in range(5):
        X = make(1024, random_state=seed)
        held_out = make(4096, random_state=100 + seed)
        d = X.shape[1]
        source = np.random.default_rng(seed).normal(size=(1024, d)) + X.mean(axis=0)
        source[:, 0] += 25
        moved = SDFlowSampler(random_state=seed).fit(X).transform(source)
        # The target rows are themselves a draw: what they are away from held-out rows varies from
        # draw to draw by half and more, so the flow is measured against its own draw.
        floor = energy_floor(held_out, len(X))
        fit.append(energy_distance(moved, held_out) / floor)
        own.append(energy_distance(X, held_out) / floor)
        copy.append(nearest_neighbor_ratio(moved, X))
        scramble.append(transport_cost_ratio(source, moved, max_rows=500))
    # measured (question mark, grid, clusters): fit 1.24, 1.07, 0.76, over twenty seeds 0.90, 0.95,
    # 0.83, and above the own draw by 0.01, 0.05, 0.02; smallest copy ratio 0.87, 0.76, 0.92; mean
    # scramble 1.006, 1.000, 1.000
    assert np.mean(fit) < 1.3
    assert np.mean(fit) < np.mean(own) + 0.15
    assert min(copy) > 0.6
    assert np.mean(scramble) < 1.03


@pytest.mark.parametrize("seed", range(3))
def test_gaussian_onto_gaussian_reaches_the_closed_form(seed):
    """The optimal map between Gaussians is affine; the flow is to find it from rows alone."""
    rng = np.random.default_rng(seed)
    X = rng.normal([4, -1], [1.0, 0.5], (1500, 2))
    Y = rng.normal([0, 0], [0.5, 1.0], (1500, 2))
    moved = SDFlowSampler(align=None, random_state=0).fit(X).transform(Y)
    expected = np.array([4, -1]) + Y * [2.0, 0.5]
    error = np.sqrt(((moved - expected) ** 2).sum(axis=1).mean())
    # the map's own sampling error: measured 0.11 to 0.13 over six seeds, of a spread of 1.12
    assert error < 0.2
    np.testing.assert_allclose(moved.mean(axis=0), X.mean(axis=0), atol=0.02)  # 0.008
    np.testing.assert_allclose(np.cov(moved.T), np.cov(X.T), atol=0.04)  # measured 0.012


def noise_to_signal(field, X, Y, sigma, batch_size=None, weight=None):
    field.fit(X, np.array([sigma]), weight)
    state = field.start(np.random.default_rng(0), Limits(batch_size))
    state.velocity(Y, Y, sigma)
    return state.noise_to_signal()


def test_share_of_noise_of_two_means():
    """A wide kernel's velocity is the difference of two means, whose variance is known."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(0.3, 1.0, (90, 3)), rng.normal(0.0, 2.0, (70, 3))
    field = KernelScoreDifference("row")
    v = X.mean(axis=0) - Y.mean(axis=0)  # all rows go one way, along which there is power
    axis = v / np.linalg.norm(v)
    expected = ((X @ axis).var() / len(X) + (Y @ axis).var() / len(Y)) / (v @ v)
    assert noise_to_signal(field, X, Y, 1e4) == pytest.approx(expected, rel=1e-4)
    # rows that repeat are as many draws, whether they are told by weights or not
    weight = np.random.default_rng(1).integers(1, 4, len(X))
    repeated = noise_to_signal(field, np.repeat(X, weight, axis=0), Y, 1e4)
    assert noise_to_signal(field, X, Y, 1e4, weight=weight) == pytest.approx(repeated, rel=1e-9)
    assert noise_to_signal(field, X, Y, 1e4, batch_size=30) is None  # of batches it is not known


@pytest.mark.parametrize("normalization", ["row", "sinkhorn"])
def test_noise_explains_the_velocity_of_rows_of_the_target(normalization):
    """Of independent rows of one distribution about all of it, of far-off ones next to nothing."""
    field = KernelScoreDifference(normalization)
    same, far = [], []
    for seed in range(10):
        X, Y = np.random.default_rng(seed).normal(size=(2, 400, 3))
        same.append(noise_to_signal(field, X, Y, 1.0))
        far.append(noise_to_signal(field, X, Y + 10, 5.0))
    # along the axis where it is least: row 0.53 (0.30 to 0.94), sinkhorn 0.40 (0.17 to 0.61)
    assert 0.2 < np.mean(same) < 1
    assert np.max(far) < 1e-3  # 4e-5


def test_only_kernel_means_of_known_weight_know_their_noise():
    X, Y = np.random.default_rng(0).normal(size=(2, 50, 2))
    for name in ("mmd", "divergence", "score"):
        assert noise_to_signal(make_field(name), X, Y, 1.0) is None
    assert noise_to_signal(KernelScoreDifference(), X, X, 1.0) is None  # at rest there is no share
    assert 0 <= noise_to_signal(KernelScoreDifference(), X, Y, 1e-10) < np.inf
    X[0] = Y[0] = 1e6  # one remote row, and kernel values in single precision
    single = noise_to_signal(
        KernelScoreDifference(), X.astype(np.float32), Y.astype(np.float32), 1.0
    )
    assert single == pytest.approx(noise_to_signal(KernelScoreDifference(), X, Y, 1.0), rel=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_a_source_stops_where_only_noise_is_left(seed):
    X, S = np.random.default_rng(seed).normal(size=(2, 400, 3))

    def moved(n_steps, step_size):
        flow = SDFlowSampler(n_steps=n_steps, step_size=step_size, random_state=0)
        return flow.fit(X).transform(S)

    shrunk, again, full = moved(50, "auto"), moved(200, "auto"), moved(200, 1.0)
    length = [np.linalg.norm(rows - S, axis=1).mean() for rows in (shrunk, again, full)]
    copy = [nearest_neighbor_ratio(rows, X) for rows in (shrunk, again, full)]
    # four times the steps: 1.01 times the way at most, and copy ratios 0.01 apart; without
    # shrinkage 1.14 to 1.25 times the way, and copy ratios lower by 0.08 to 0.10
    assert length[1] < 1.03 * length[0]
    assert length[2] > 1.1 * length[0]
    assert abs(copy[1] - copy[0]) < 0.03
    assert copy[2] < copy[0] - 0.02


@pytest.mark.parametrize("n_columns", [1, 2, 3])
@pytest.mark.parametrize("n_rows", [2001, 4000])
def test_long_tables_of_few_columns_arrive(n_rows, n_columns):
    """Potentials of other batches must not add up: rows once ended hundreds of floors away."""
    fit = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X, S = rng.normal(size=(2, n_rows, n_columns)).astype(np.float32)
        held_out = rng.normal(size=(8000, n_columns))
        moved = SDFlowSampler(random_state=0).fit(X).transform(1.3 * S + 1)
        fit.append(energy_distance(moved, held_out) / energy_floor(held_out, n_rows))
    # the mean of two seeds is 0.97 to 1.6; once 20 to 3000
    assert np.mean(fit) < 3, fit


@pytest.mark.parametrize("seed", [1, 3])
def test_long_tables_with_heavy_tails_arrive(seed):
    """A far-off row must not outweigh all others: one that jumped once took all rows along."""
    rng = np.random.default_rng(seed)
    A = np.random.default_rng(5).normal(size=(8, 8)) / 3 + np.eye(8)
    X, held_out = rng.standard_t(3, (4000, 8)) @ A, rng.standard_t(3, (8000, 8)) @ A
    S = X.mean(axis=0) + 3 * X.std() * np.eye(8)[0] + rng.normal(size=X.shape) * X.std(axis=0)
    moved = SDFlowSampler(random_state=0).fit(X).transform(S)
    fit = energy_distance(moved, held_out) / energy_floor(held_out, len(X))
    # 0.97 to 1.66 with six seeds; without the bound 25 to 6000
    assert fit < 3


@pytest.mark.filterwarnings("ignore:the rows ended far from the target:UserWarning")  # beside atoms
def test_ties_in_the_target_are_as_many_draws():
    """Three values of 1500 rows are no sample of three."""
    rng = np.random.default_rng(0)
    X = np.array([[0.0, 0], [4, 0], [0, 4]])[rng.choice(3, 1500, p=[0.6, 0.3, 0.1])]
    S = rng.normal(3, 1, (1500, 2))
    flows = (SDFlowSampler(step_size=s, match_marginals=False, random_state=0) for s in ("auto", 1))
    energy = [energy_distance(flow.fit(X).transform(S), X) for flow in flows]
    assert energy[0] < 1.6 * energy[1]  # 1.3 times, and 3.2 if a value counted once


def test_noise_is_told_the_same_way_in_rotated_tables():
    """By 128 of the rows, whichever they are: of an exact flow, since its rows are many."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    X, S = rng.normal(size=(300, 3)) * [1, 2, 3], rng.normal(2, 2, (300, 3))
    exact = {"align": None, "match_marginals": False, "random_state": 0}
    flow = SDFlowSampler(KernelScoreDifference(tol=0), **exact)
    moved = flow.fit(X).transform(S)
    np.testing.assert_allclose(flow.fit(X @ Q).transform(S @ Q), moved @ Q, atol=1e-8)
    np.testing.assert_allclose(flow.fit(-X[:, ::-1]).transform(-S[:, ::-1]), -moved[:, ::-1])
    full = SDFlowSampler(KernelScoreDifference(tol=0), step_size=1.0, **exact)
    assert np.abs(full.fit(X).transform(S) - moved).max() > 0.01  # some steps were shorter


def test_step_sizes_of_ones_own_and_samples_are_left_alone():
    rng = np.random.default_rng(0)
    X, S = rng.normal(size=(100, 2)), rng.normal(3, 2, (80, 2))
    auto, own = (SDFlowSampler(step_size=step, random_state=0).fit(X) for step in ("auto", 1.0))
    np.testing.assert_array_equal(auto.sample(50), own.sample(50))
    assert np.abs(auto.transform(S) - own.transform(S)).max() > 1e-3
    np.testing.assert_array_equal(auto.step_sizes_, np.ones(50))  # the plan, not a source's
    noisy = [SDFlowSampler(step_size=s, n_noise=2, random_state=0) for s in ("auto", 1.0)]
    np.testing.assert_array_equal(*(flow.fit(X).transform(S) for flow in noisy))


@pytest.mark.filterwarnings("ignore:the rows ended far from the target:UserWarning")  # one step
def test_the_papers_settings_are_algorithm_1():
    """One step, written out: z = y + σε, y ← y + η (D_p(z) - D_q(z)) with the clean rows moving."""
    from skflow.kernels import kernel_mean

    rng = np.random.default_rng(0)
    X, Y = rng.normal(3, 1, (60, 2)), rng.normal(0, 1, (50, 2))
    Y = Y[np.argsort(Y[:, 0])]  # the order in which noise is drawn
    flow = SDFlowSampler(
        KernelScoreDifference("row"),
        schedule="constant",
        n_steps=1,
        step_size=0.7,
        align=None,
        n_noise=1,
        batch_size=None,
        match_marginals=False,
        random_state=0,
    ).set_params(schedule__sigma=0.9)
    flow.fit(X)
    noise = flow._rng().standard_normal(Y.shape)  # the flow's own generator
    Z = Y + 0.9 * noise
    expected = Y + 0.7 * (kernel_mean(Z, X, 0.9) - kernel_mean(Z, Y, 0.9))
    np.testing.assert_allclose(flow.transform(Y), expected, atol=1e-12)
