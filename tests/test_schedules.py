"""Schedules: both ends, monotony, each curve's own law, equivariance, errors."""

import numpy as np
import pytest
from sklearn.base import clone

from skflow.bandwidth import resolve_bandwidth
from skflow.schedules import (
    SCHEDULES,
    ConstantSchedule,
    CosineSchedule,
    GeometricSchedule,
    KarrasSchedule,
    LinearSchedule,
    make_schedule,
)

X = np.random.default_rng(0).normal(size=(80, 3))
FALLING = [name for name in SCHEDULES if name != "constant"]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("n_steps", [1, 2, 3, 50])
def test_both_ends_and_monotony(name, n_steps):
    schedule = make_schedule(name).fit(X)
    sigmas = schedule.sigmas(n_steps)
    assert sigmas.shape == (n_steps,)
    assert sigmas[0] == schedule.sigma_max_
    if n_steps > 1:
        assert sigmas[-1] == schedule.sigma_min_
    assert (np.diff(sigmas) <= 0).all()
    assert (sigmas > 0).all()


@pytest.mark.parametrize("name", FALLING)
@pytest.mark.parametrize("n_steps", [2, 3])
def test_ends_are_exact_whatever_the_curve_rounds_to(name, n_steps):
    sigmas = make_schedule(name).set_params(sigma_max=1e8, sigma_min=1e-4).fit(X).sigmas(n_steps)
    assert (sigmas[0], sigmas[-1]) == (1e8, 1e-4)


def test_laws():
    s = np.linspace(0, 1, 20)
    ends = {"sigma_max": 4.0, "sigma_min": 0.5}
    np.testing.assert_allclose(LinearSchedule(**ends).fit(X).sigmas(20), 4 - 3.5 * s)
    np.testing.assert_allclose(
        np.diff(np.log(GeometricSchedule(**ends).fit(X).sigmas(20)), 2), 0, atol=1e-13
    )
    # the paper's form: γ(t) = γ_max cos(πt/2), t linear on [0, (2/π) arccos(γ_min/γ_max)]
    t = np.linspace(0, 2 / np.pi * np.arccos(0.25 / 16), 20)
    np.testing.assert_allclose(
        CosineSchedule(**ends).fit(X).sigmas(20) ** 2, 16 * np.cos(np.pi * t / 2)
    )
    karras = KarrasSchedule(**ends, rho=3).fit(X).sigmas(20)
    np.testing.assert_allclose(np.diff(karras ** (1 / 3), 2), 0, atol=1e-13)
    np.testing.assert_allclose(KarrasSchedule(**ends, rho=1).fit(X).sigmas(20), 4 - 3.5 * s)
    np.testing.assert_array_equal(ConstantSchedule(0.7).fit(X).sigmas(3), [0.7] * 3)


@pytest.mark.parametrize("name", SCHEDULES)
def test_auto_scales_with_the_data_and_counts_weights(name):
    sigmas = make_schedule(name).fit(X).sigmas(10)
    np.testing.assert_allclose(
        make_schedule(name).fit(100 * X + 7).sigmas(10), 100 * sigmas, rtol=1e-9
    )
    weight = np.random.default_rng(1).integers(0, 3, len(X))
    weighted = make_schedule(name).fit(X, sample_weight=weight).sigmas(10)
    repeated = make_schedule(name).fit(np.repeat(X, weight, axis=0)).sigmas(10)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12)


@pytest.mark.parametrize("name", FALLING)
def test_named_ends(name):
    schedule = make_schedule(name).set_params(sigma_max="2*rms", sigma_min="nn").fit(X)
    assert schedule.sigma_max_ == 2 * resolve_bandwidth("rms", X)
    assert schedule.sigma_min_ == resolve_bandwidth("nn", X)
    assert clone(schedule).get_params()["sigma_min"] == "nn"


@pytest.mark.parametrize("name", FALLING)
def test_the_auto_sigma_min_gives_way_to_the_sigma_max_that_was_asked_for(name):
    narrow = make_schedule(name).set_params(sigma_max=1e-3).fit(X)
    assert narrow.sigma_max_ == narrow.sigma_min_ == 1e-3


@pytest.mark.parametrize("name", FALLING)
def test_the_auto_sigma_max_gives_way_to_the_sigma_min_that_was_asked_for(name):
    wide = make_schedule(name).set_params(sigma_min="2*rms").fit(X)
    np.testing.assert_array_equal(wide.sigmas(5), [2 * resolve_bandwidth("rms", X)] * 5)


@pytest.mark.parametrize("name", ["sigma", "sigma_max", "sigma_min"])
def test_a_constant_schedule_by_any_of_its_names(name):
    schedule = make_schedule("constant").set_params(**{name: "1.5*nn"}).fit(X)
    np.testing.assert_array_equal(schedule.sigmas(3), [1.5 * resolve_bandwidth("nn", X)] * 3)
    both = clone(schedule).set_params(sigma_max="nn", sigma_min="nn", sigma="nn").fit(X)
    assert both.sigma_max_ == both.sigma_min_ == resolve_bandwidth("nn", X)
    ends = ConstantSchedule(sigma_max="rms", sigma_min="nn").fit(X)
    assert ends.sigma_max_ == ends.sigma_min_ == resolve_bandwidth("nn", X)


def test_values_are_the_bandwidths_themselves():
    values = [5.0, 3.0, 3.0, 0.1]
    for given in (values, tuple(values), np.array(values)):
        schedule = make_schedule(given).fit(X)
        np.testing.assert_array_equal(schedule.sigmas(4), values)
        assert (schedule.sigma_max_, schedule.sigma_min_) == (5.0, 0.1)
        np.testing.assert_allclose(schedule.sigmas(7), [5, 4, 3, 3, 3, 1.55, 0.1], rtol=1e-12)
    np.testing.assert_array_equal(make_schedule([0.7]).fit(X).sigmas(3), [0.7] * 3)
    named = clone(make_schedule(["2*rms", "nn"])).fit(100 * X).sigmas(5)
    np.testing.assert_allclose(named, 100 * LinearSchedule("2*rms", "nn").fit(X).sigmas(5))


def test_a_function_of_the_fraction_of_the_way():
    given = make_schedule(lambda s: 4.0 * 0.125**s).fit(X)
    law = GeometricSchedule(4.0, 0.5).fit(X)
    for n_steps in (1, 2, 20):
        np.testing.assert_allclose(given.sigmas(n_steps), law.sigmas(n_steps), rtol=1e-12)


@pytest.mark.parametrize("n_rows", [2, 3])
def test_two_rows_have_a_scale(n_rows):
    rows = X[:n_rows]
    assert make_schedule("linear").fit(rows).sigma_max_ == resolve_bandwidth("rms", rows)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_an_estimator_of_scikit_learn(name):
    """It shows what was set, and is equal to itself alone: caches may tell two apart by hash."""
    one, other = make_schedule(name), make_schedule(name)
    assert repr(one) == f"{type(one).__name__}()"
    assert repr(one.set_params(sigma_max=2.0)) == f"{type(one).__name__}(sigma_max=2.0)"
    assert len({one, other, make_schedule(name).set_params(sigma_max=2.0)}) == 3


def test_errors_of_given_bandwidths():
    with pytest.raises(ValueError, match="noise grows from 1 to 2: noise must not grow"):
        make_schedule([3.0, 1.0, 2.0], name="noise").fit(X)
    with pytest.raises(ValueError, match="schedule grows from 1 to 2:"):  # there first
        make_schedule([4.0, 3.0, 1.0, 2.0, 5.0]).fit(X)
    with pytest.raises(ValueError, match="schedule grows from"):  # its ends alone do not
        make_schedule(lambda s: 1.1 - s + abs(np.sin(4 * s))).fit(X).sigmas(30)
    with pytest.raises(ValueError, match=r"schedule must be a positive, finite number, got -1"):
        make_schedule([3.0, -1.0]).fit(X)
    with pytest.raises(ValueError, match=r"schedule\(s\) must be a positive, finite number, got 0"):
        make_schedule(lambda s: 1 - s).fit(X)
    with pytest.raises(ValueError, match=r"schedule='far' is not known. Known: 'nn'"):
        make_schedule(["far", "nn"]).fit(X)
    for unknown in ([], {}, [[1.0, 2.0]], 3.0, KarrasSchedule):
        with pytest.raises(ValueError, match=r"schedule=.* is not known. Known: 'constant'"):
            make_schedule(unknown)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_single_point_is_a_target_too(name):
    assert (make_schedule(name).fit(np.ones((4, 2))).sigmas(5) > 0).all()


def test_errors():
    with pytest.raises(ValueError, match="sigma_min=2 exceeds sigma_max=1"):
        LinearSchedule(sigma_max=1.0, sigma_min=2.0).fit(X)
    with pytest.raises(ValueError, match=r"sigma_min=100 exceeds sigma_max=1\.74"):
        GeometricSchedule("rms", 100).fit(X)
    with pytest.raises(ValueError, match="sigma_min must be a positive, finite number, got -1"):
        LinearSchedule(sigma_min=-1).fit(X)
    with pytest.raises(ValueError, match="sigma='wide' is not known"):
        ConstantSchedule("wide").fit(X)
    with pytest.raises(ValueError, match="rho must be"):
        KarrasSchedule(rho=0).fit(X).sigmas(4)
    with pytest.raises(ValueError, match=r"schedule='cosin' is not known. Known: 'constant'"):
        make_schedule("cosin")
    with pytest.raises(ValueError, match="n_steps must be an integer of at least 1, got 0"):
        LinearSchedule().fit(X).sigmas(0)
