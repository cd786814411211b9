"""Estimators among the parameters: reached by set_params while they are names or defaults."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skflow import (
    DiffusionSampler,
    DiscriminatorFlowSampler,
    GANGenerator,
    LangevinSampler,
    MMDFlowSampler,
    ScoreGANGenerator,
    SDFlowGenerator,
    SDFlowOverSampler,
    SDFlowSampler,
    SVGDSampler,
    TableTransport,
)
from skflow.fields import (
    CriticGradient,
    DenoiserDifference,
    Discriminator,
    LearnedDenoiser,
    Stein,
    TargetScore,
)
from skflow.schedules import SCHEDULES

FEW = {"n_steps": 2, "n_epochs": 1, "batch_size": 200, "random_state": 0}
FEW_ROUNDS = {"n_steps": 4, "n_rounds": 5, "batch_size": 100, "random_state": 0}
LEARNED = LearnedDenoiser(n_updates=5)
# an estimator, a parameter of a part that is left to its default, the default's own value, another
ROWS = {
    "generator": (SDFlowGenerator(**FEW), "generator__alpha", 0.0, 10.0),
    "generator of a GAN": (GANGenerator(**FEW), "generator__alpha", 0.0, 10.0),
    "critic of a GAN": (GANGenerator(**FEW), "critic__alpha", 0.0, 10.0),
    "regressor as critic": (
        GANGenerator(loss="least_squares", **FEW),
        "critic__learning_rate_init",
        1e-3,
        1e-2,
    ),
    "critic of a sampler": (DiscriminatorFlowSampler(**FEW_ROUNDS), "critic__alpha", 0.0, 10.0),
    "critic of a field": (
        SDFlowSampler("critic", n_steps=3, random_state=0),
        "field__critic__alpha",
        0.0,
        10.0,
    ),
    "regressor of a denoiser": (
        DiffusionSampler(LEARNED, random_state=0),
        "denoiser__regressor__alpha",
        0.0,
        10.0,
    ),
    "regressor of a generator's denoiser": (
        ScoreGANGenerator(denoiser=LEARNED, **FEW),
        "denoiser__regressor__alpha",
        0.0,
        10.0,
    ),
    "schedule": (SDFlowSampler(n_steps=3, random_state=0), "schedule__sigma_min", "auto", 1.0),
    "noise": (
        MMDFlowSampler(n_steps=3, n_noise=1, random_state=0),
        "noise__sigma_min",
        "auto",
        1.0,
    ),
}


@pytest.fixture
def target():
    return np.random.default_rng(0).normal(2.0, 1.0, (200, 2))


@pytest.mark.parametrize("name", ROWS)
def test_a_default_with_its_own_value_stays_what_it_was(name, target):
    estimator, parameter, own, other = ROWS[name]
    expected = clone(estimator).fit(target).sample(50)
    same, different = (clone(estimator).set_params(**{parameter: v}) for v in (own, other))
    assert clone(same).get_params()[parameter] == own
    np.testing.assert_array_equal(clone(same).fit(target).sample(50), expected)
    assert np.abs(different.fit(target).sample(50) - expected).max() > 1e-6
    assert parameter not in estimator.get_params()  # the estimator itself is as it was


@pytest.mark.parametrize("name", ROWS)
def test_defaults_are_searched_through_a_pipeline(name, target):
    estimator, parameter, own, other = ROWS[name]
    step = type(estimator).__name__.lower()
    grid = {f"{step}__{parameter}": [own, other]}
    pipe = make_pipeline(StandardScaler(), clone(estimator))
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(target)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.ptp(search.cv_results_["mean_test_score"]) > 0


def test_all_schedules_are_searched_with_the_same_ends(target):
    grid = [
        {"schedule": ["auto", [3.0, 2.0, 1.0]], "n_steps": [3, 5]},
        {"schedule": [*SCHEDULES], "schedule__sigma_min": ["nn", "3*rms"]},
    ]
    flow = SDFlowSampler(n_steps=3, random_state=0)
    search = GridSearchCV(flow, grid, cv=2, error_score="raise").fit(target)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("estimator", "path", "kind"),
    [
        (CriticGradient(), "critic", MLPClassifier),
        (CriticGradient(loss="least_squares"), "critic", MLPRegressor),
        (Discriminator(), "critic", MLPClassifier),
        (DenoiserDifference(), "denoiser__regressor", MLPRegressor),
        (TargetScore("learned"), "denoiser__regressor", MLPRegressor),
        (Stein("learned"), "denoiser__regressor", MLPRegressor),
        (SVGDSampler(denoiser="learned"), "denoiser__regressor", MLPRegressor),
        (LangevinSampler(denoiser="learned"), "denoiser__regressor", MLPRegressor),
        (SDFlowSampler("denoiser"), "field__denoiser__regressor", MLPRegressor),
        (SDFlowGenerator(field="critic"), "field__critic", MLPClassifier),
        (TableTransport(), "flow", SDFlowSampler),
        (TableTransport(SDFlowGenerator()), "flow__generator", MLPRegressor),
        (SDFlowOverSampler(), "flow", SDFlowSampler),
        (SDFlowOverSampler(TableTransport()), "flow__flow", SDFlowSampler),
    ],
    ids=repr,
)
def test_every_default_part_is_reached(estimator, path, kind):
    estimator = clone(estimator).set_params(**{f"{path}__random_state": 7})
    params = clone(estimator).get_params()
    assert isinstance(params[path], kind)
    assert params[f"{path}__random_state"] == 7


def test_a_default_follows_what_is_set_with_it():
    flow = GANGenerator().set_params(critic__alpha=1.0, loss="least_squares", batch_size=50)
    assert isinstance(flow.critic, MLPRegressor)
    assert flow.critic.batch_size == 100


@pytest.mark.parametrize("estimator", [GANGenerator(), CriticGradient(), Discriminator()], ids=repr)
@pytest.mark.parametrize("order", [1, -1])
def test_a_default_follows_a_part_that_is_set_with_it(estimator, order):
    """A critic's default is the loss's, whose name is set in the same call."""
    params = {"loss__name": "least_squares", "critic__alpha": 1.0}
    flow = clone(estimator).set_params(**dict([*params.items()][::order]))
    assert isinstance(flow.critic, MLPRegressor)
    assert flow.critic.alpha == 1.0
    assert flow.loss.name == "least_squares"


def test_a_nested_default_follows_the_field_that_is_set_with_it():
    flow = SDFlowSampler("critic")
    flow.set_params(field__critic__alpha=1.0, field__loss__name="least_squares")
    assert isinstance(flow.field.critic, MLPRegressor)


def test_a_schedule_given_step_by_step_has_no_ends():
    match = r"schedule=\[3.0, 2.0\] says every bandwidth itself, so schedule__sigma_min"
    with pytest.raises(ValueError, match=match):
        SDFlowSampler(schedule=[3.0, 2.0]).set_params(schedule__sigma_min=1.0)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="Invalid parameter 'beta' for estimator MLPRegressor"):
        SDFlowGenerator().set_params(generator__beta=1.0)
    with pytest.raises(ValueError, match="Invalid parameter 'critic' for estimator SDFlowGen"):
        SDFlowGenerator().set_params(critic__alpha=1.0)
