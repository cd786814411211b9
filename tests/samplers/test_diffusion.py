"""Diffusion and Langevin dynamics against closed forms on Gaussians."""

import warnings

import numpy as np
import pytest
from scipy.stats import norm

import skflow
from skflow.fields import TargetScore, WeightedSum
from skflow.kernels import log_kernel_density
from skflow.schedules import ConstantSchedule, KarrasSchedule

MEAN, STD = 5.0, 2.0


@pytest.fixture
def target():  # gives the scale of bandwidths; the denoisers here know the distribution itself
    return np.random.default_rng(0).normal(MEAN, STD, (400, 1))


def denoiser(Z, sigma):
    """The exact denoiser of N(MEAN, STD²)."""
    return Z + sigma**2 * (MEAN - Z) / (STD**2 + sigma**2)


def score(Z, sigma):
    """A denoiser whose score is that of N(MEAN, STD²), not blurred."""
    return Z + sigma**2 * (MEAN - Z) / STD**2


# ------------------------------------------------------------------------------------ diffusion
@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2)])
def test_the_order_of_convergence(target, solver, order):
    Y = np.linspace(-20, 30, 20)[:, None]
    # dy/dσ = σ (y - m) / (s² + σ²): y - m shrinks like the blurred target's standard deviation
    exact = MEAN + (Y - MEAN) * np.sqrt((STD**2 + 0.1**2) / (STD**2 + 10.0**2))
    errors = []
    for n_steps in (20, 40, 80, 160):
        flow = skflow.DiffusionSampler(
            denoiser, schedule=KarrasSchedule(10.0, 0.1), n_steps=n_steps, solver=solver, align=None
        )
        at_sigma_min = list(flow.fit(target).staged_transform(Y))[-2]  # before the step to zero
        errors.append(np.abs(at_sigma_min - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders[-1], order, atol=0.1)  # measured 1.004 and 2.025


def test_thirteen_evaluations(target):
    calls = []

    def counted(Z, sigma):
        calls.append(sigma)
        return denoiser(Z, sigma)

    flow = skflow.DiffusionSampler(counted, random_state=0).fit(target)
    flow.transform(target + 1)
    assert len(calls) == 13
    np.testing.assert_allclose(calls[::2], flow.sigmas_, rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7])
def test_the_stochastic_family_has_the_same_marginals(target, alpha):
    if alpha:  # the moving rows' own score is a kernel estimate, hence the tolerance
        n, atol = 1500, 0.15
    else:
        n, atol = 20000, 0.05
    rng = np.random.default_rng(1)
    sigma_max = 10.0
    Y = rng.normal(MEAN, np.hypot(STD, sigma_max), (n, 1))
    flow = skflow.DiffusionSampler(
        denoiser,
        schedule=KarrasSchedule(sigma_max, 0.1),
        n_steps=60,
        alpha=alpha,
        align=None,
        random_state=0,
    ).fit(target)
    for k, moved in enumerate(flow.staged_transform(Y)):
        if k in (10, 30, 59):
            sigma = [*flow.sigmas_, 0.0][k + 1]
            assert abs(moved.mean() - MEAN) < 4 * np.hypot(STD, sigma) / np.sqrt(n)
            assert moved.std() == pytest.approx(np.hypot(STD, sigma), rel=atol)


def test_the_exact_flow_follows_the_probability_flow(target):
    rng = np.random.default_rng(1)
    Y = rng.normal(MEAN, np.hypot(STD, 10), (3000, 1))
    common = {"schedule": KarrasSchedule(10.0, 0.5), "n_steps": 60, "align": None}
    ode = skflow.DiffusionSampler(denoiser, **common).fit(target).transform(Y)
    exact = skflow.DiffusionSampler(denoiser, alpha=1.0, **common).fit(target).transform(Y)
    # the same rows, not only the same distribution; a kernel estimate makes the tails differ
    middle = np.abs(Y - MEAN)[:, 0] < 15
    assert np.abs(exact - ode)[middle].mean() < 0.1 * STD


def test_without_alignment_a_row_moves_by_itself(target):
    Y = np.random.default_rng(1).normal(MEAN, 10, (50, 1))
    flow = skflow.DiffusionSampler(align=None).fit(target)
    moved = flow.transform(Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one row is no population, and need not be
        np.testing.assert_allclose(flow.transform(Y[3:4]), moved[3:4], atol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": 1.5}, r"alpha must be None or in \[0, 1\], got 1.5"),
        ({"alpha": 0.5, "solver": "heun"}, "alpha=0.5 is solved by steps of its own"),
        ({"solver": "rk4"}, "solver='rk4' is not known. Known: 'auto', 'heun', 'euler'"),
        ({"denoiser": "kernal"}, "denoiser='kernal' is not known. Known: 'kernel', 'learned'"),
    ],
)
def test_bad_parameters(target, parameters, message):
    with pytest.raises(ValueError, match=message):
        skflow.DiffusionSampler(**parameters).fit(target)


# ------------------------------------------------------------------------------------- densities
def test_the_density_of_a_gaussian_is_its_own():
    target = np.random.default_rng(0).normal(MEAN, STD, (400, 1))
    target = MEAN + STD * (target - target.mean()) / target.std()  # which the flow begins with
    flow = skflow.DiffusionSampler(denoiser, schedule=KarrasSchedule(10.0, 0.1)).fit(target)
    x = np.linspace(-3, 13, 30)[:, None]
    exact = norm(MEAN, np.hypot(STD, 0.1)).logpdf(x[:, 0])
    np.testing.assert_allclose(flow.score_samples(x), exact, atol=0.1)  # measured 0.05
    fine = skflow.DiffusionSampler(denoiser, schedule=KarrasSchedule(10.0, 0.1), n_steps=200)
    np.testing.assert_allclose(fine.fit(target).score_samples(x), exact, atol=0.005)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_density_of_kernel_denoisers_is_the_kernel_density(weighted):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-2, 0.5, (300, 2)), rng.normal(2, 0.7, (200, 2))])
    weight = rng.uniform(0.5, 2, len(X)) if weighted else None
    schedule = KarrasSchedule("5*rms")  # so wide that nothing but mean and covariance is left
    flow = skflow.DiffusionSampler(schedule=schedule, n_steps=150).fit(X, sample_weight=weight)
    Z = X[::10] + rng.normal(0, 0.5, (50, 2))
    exact = log_kernel_density(Z, X, flow.sigmas_[-1], sample_weight=weight)
    assert exact.std() > 0.5
    np.testing.assert_allclose(flow.score_samples(Z), exact, atol=0.05)  # measured 0.01


@pytest.mark.parametrize("d", [1, 2])
def test_log_density_ratio_of_two_gaussians(d):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(1, 1, (4000, d)), rng.normal(0, 1.3, (4000, d))
    flow, sigma = skflow.SDFlowSampler(random_state=0).fit(X), 0.3
    middle = np.linalg.norm(Y, axis=1) < 2
    exact = [
        norm(m, np.hypot(s, sigma)).logpdf(Y[middle]).sum(axis=1) for m, s in ((1, 1), (0, 1.3))
    ]
    ratio = flow.log_density_ratio(Y, bandwidth=sigma)
    error = np.sqrt(np.mean((ratio[middle] - (exact[0] - exact[1])) ** 2))
    assert error < 0.25  # measured 0.06 (one column) and 0.17, of a spread of 0.9 and 1.2
    flow.fit(X, X_source=Y[:2000])
    frozen = flow.log_density_ratio(Y, bandwidth=sigma)
    error = np.sqrt(np.mean((frozen[middle] - (exact[0] - exact[1])) ** 2))
    assert error < 0.3  # measured 0.05 and 0.18


def test_log_density_ratio_of_equal_densities_is_zero_in_many_columns():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 600, 10))
    ratio = skflow.SDFlowSampler().fit(X).log_density_ratio(Y)
    assert abs(ratio.mean()) < 0.2  # measured 0.02; were a row in its own density, 5.0
    Y[0] = 100  # alone: nothing is known of its density, and no number overflows
    assert np.isfinite(skflow.SDFlowSampler().fit(X).log_density_ratio(Y)).all()


def test_samples_without_alignment_begin_with_noise():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-2, 0.5, (300, 2)), rng.normal(2, 0.5, (300, 2))])
    for align in ("affine", None):
        flow = skflow.DiffusionSampler(align=align, match_marginals=False, random_state=0).fit(X)
        assert flow.sample(1000).std() == pytest.approx(X.std(), rel=0.05)


def test_float32_keeps_its_precision_along_the_stochastic_family(target):
    flow = skflow.DiffusionSampler(alpha=np.float64(0.5), n_steps=5).fit(target.astype(np.float32))
    assert {Y.dtype for Y in flow.staged_transform(target.astype(np.float32))} == {np.dtype("f4")}


# ------------------------------------------------------------------------------------- Langevin
def test_langevin_and_score_difference_flow_share_their_marginals(target):
    """On the way from one Gaussian to another, not only at its end [Weber 2023, eqs. 1-4]."""
    n, sigma, n_steps = 4000, 0.1, 60
    first_mean, first_std = -3.0, 0.5
    Y = np.random.default_rng(1).normal(first_mean, first_std, (n, 1))
    common = {
        "schedule": ConstantSchedule(sigma),
        "n_steps": n_steps,
        "step_size": 1.0,
        "align": None,
        "random_state": 0,
        "batch_size": None,
    }
    field = WeightedSum([(1, TargetScore(score)), (1, "entropy")])
    flows = {
        "langevin": skflow.LangevinSampler(score, **common),
        "sd": skflow.SDFlowSampler(field, n_noise=0, **common),
    }
    level = norm.ppf((np.arange(n) + 0.5) / n)
    for name, flow in flows.items():
        for k, moved in enumerate(flow.fit(target).staged_transform(Y), start=1):
            if k % 20:
                continue
            decay = np.exp(-k * sigma**2 / STD**2)  # the Ornstein-Uhlenbeck process
            mean = MEAN + (first_mean - MEAN) * decay
            std = np.sqrt(STD**2 + (first_std**2 - STD**2) * decay**2)
            error = np.abs(np.sort(moved[:, 0]) - (mean + std * level))
            middle = np.abs(level) < 2
            # measured at most 0.03 (sd) and 0.08 (langevin) of the standard deviation
            assert error[middle].max() < 0.12 * std, name


def test_langevin_tends_to_the_blurred_target(target):
    sigma = 1.5
    flow = skflow.LangevinSampler(
        denoiser, schedule=ConstantSchedule(sigma), n_steps=200, step_size=0.05, random_state=0
    )
    moved = flow.fit(target).transform(np.random.default_rng(1).normal(0, 1, (20000, 1)))
    assert moved.mean() == pytest.approx(MEAN, abs=0.1)
    assert moved.std() == pytest.approx(np.hypot(STD, sigma), rel=0.03)
