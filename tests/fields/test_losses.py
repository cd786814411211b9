"""Losses of critics, and the gradient penalty: against finite differences and closed forms."""

from copy import deepcopy

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skflow import DiscriminatorFlowSampler, GANGenerator
from skflow.datasets import make_ring
from skflow.fields import CriticGradient, CriticLoss, input_gradient
from skflow.fields._input_gradient import critic_output
from skflow.fields._losses import (
    LOSSES,
    loss_gradients,
    make_loss,
    penalty_gradients,
    train_perceptron,
)
from skflow.metrics import energy_distance, energy_floor

VALUES = {  # b(h), a(h)
    "log_ratio": (lambda h: np.logaddexp(0, -h), lambda h: np.logaddexp(0, h)),
    "non_saturating": (lambda h: np.logaddexp(0, -h), lambda h: np.logaddexp(0, h)),
    "least_squares": (lambda h: (h - 1) ** 2 / 2, lambda h: h**2 / 2),
    "hinge": (lambda h: np.maximum(0, 1 - h), lambda h: np.maximum(0, 1 + h)),
    "wasserstein": (lambda h: -h, lambda h: h),
}


def perceptron(activation, kind=MLPClassifier):
    """One of two hidden layers with weights that matter, and rows in double precision."""
    rng = np.random.default_rng(3)
    mlp = kind(hidden_layer_sizes=(6, 5), activation=activation, random_state=0, alpha=0.0)
    rows = rng.normal(size=(40, 3))
    mlp.partial_fit(rows, rows[:, 0] > 0, **({"classes": [0, 1]} if kind is MLPClassifier else {}))
    mlp.coefs_ = [rng.normal(size=W.shape) for W in mlp.coefs_]
    mlp.intercepts_ = [rng.normal(size=b.shape) for b in mlp.intercepts_]
    return mlp, rows[:20], rows[20:]


def differences(mlp, value, h=1e-6):
    """Central differences of a value in every weight."""
    found = []
    for weights in (*mlp.coefs_, *mlp.intercepts_):
        slope = np.empty_like(weights)
        for i in np.ndindex(weights.shape):
            before = weights[i]
            weights[i] = before + h
            above = value()
            weights[i] = before - h
            slope[i] = (above - value()) / (2 * h)
            weights[i] = before
        found.append(slope)
    return found


def assert_equal(gradients, expected):
    assert max(np.abs(slope).max() for slope in expected) > 1e-3
    for got, slope in zip((*gradients[0], *gradients[1]), expected, strict=True):
        np.testing.assert_allclose(got, slope, atol=1e-7)  # differences round at 1e-9


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_of_a_loss(name):
    mlp, x, y = perceptron("tanh", MLPRegressor if name == "least_squares" else MLPClassifier)
    b, a = VALUES[name]

    def value():
        return b(critic_output(mlp, x)).mean() + a(critic_output(mlp, y)).mean()

    assert_equal(loss_gradients(mlp, x, y, make_loss(name)), differences(mlp, value))


@pytest.mark.parametrize("n_columns", [2, 3])
@pytest.mark.parametrize("center", [0.0, 1.0])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_the_gradient_of_the_penalty(activation, center, n_columns):
    mlp, x, _ = perceptron(activation)
    loss = CriticLoss("hinge", penalty=0.7, center=center)

    def value():
        length = np.linalg.norm(input_gradient(mlp, x)[1][:, :n_columns], axis=1)
        return 0.7 * np.mean((length - center) ** 2)

    assert_equal(penalty_gradients(mlp, x, loss, n_columns), differences(mlp, value))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_without_a_penalty_it_is_the_training_of_scikit_learn(kind):
    """By twice the loss: a mean over target rows plus one over moving rows, not over all."""
    mlp, x, y = perceptron("relu", kind)
    mlp.set_params(batch_size=40, shuffle=False, solver="sgd", alpha=1e-2)
    rows, labels = np.concatenate([x, y]), np.repeat([1, 0], 20)
    mlp.partial_fit(rows, labels)  # for an optimizer of these weights
    other = deepcopy(mlp)
    del mlp._optimizer, other._optimizer
    mlp.set_params(learning_rate_init=1e-3, momentum=0.0)
    before = [W.copy() for W in mlp.coefs_]
    mlp.partial_fit(rows, labels)
    other.set_params(learning_rate_init=5e-4, momentum=0.0, alpha=2e-2)
    other._optimizer = type(mlp._optimizer)(
        other.coefs_ + other.intercepts_, learning_rate_init=5e-4, momentum=0.0
    )
    name = "log_ratio" if kind is MLPClassifier else "least_squares"
    train_perceptron(other, x, y, make_loss(name), 3, np.random.default_rng(0))
    for old, new, same in zip(before, mlp.coefs_, other.coefs_, strict=True):
        assert np.abs(new - old).max() > 1e-5
        np.testing.assert_allclose(same, new, atol=1e-12)


@pytest.mark.parametrize("batch_size", [8, 40])
def test_the_penalty_is_taken_between_a_row_and_its_partner(batch_size):
    """Where both sides are the same rows nothing lies between them, wherever it is drawn."""

    def trained(x, y, seed):
        mlp, *_ = perceptron("tanh")
        mlp.set_params(batch_size=batch_size)
        train_perceptron(mlp, x, y, CriticLoss("hinge", 5.0), 3, np.random.default_rng(seed))
        return mlp.coefs_[0]

    _, x, y = perceptron("tanh")
    np.testing.assert_allclose(trained(x, x, seed=0), trained(x, x, seed=1), rtol=1e-9)
    assert np.abs(trained(x, y, seed=0) - trained(x, y, seed=1)).max() > 1e-6


@pytest.mark.parametrize("center", [0.0, 1.0])
def test_a_strong_penalty_gives_the_slope_its_length(center):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(1, 1, (200, 2)), rng.normal(-1, 1, (200, 2))
    loss = CriticLoss("wasserstein", penalty=100.0, center=center)
    field = CriticGradient(loss=loss, n_updates=100).fit(X, np.ones(1))
    run = field.start(rng)
    run.velocity(Y, Y, 1.0)
    length = np.linalg.norm(run.critic.velocity(Y) * run.critic.scale, axis=1)
    # of the optimum for g = 0: a density ratio of at most one over 2λ, of 1e-2; measured 0.01, 1.0
    assert np.median(length) == pytest.approx(center, abs=0.1)


@pytest.mark.parametrize("loss", ["hinge", "wasserstein", CriticLoss("log_ratio", penalty=0.03)])
def test_rows_arrive_by_critics_with_a_penalty(loss):
    X = make_ring(1000, std=0.5, random_state=0).astype(np.float32)
    flow = DiscriminatorFlowSampler(loss=loss, n_rounds=150, random_state=0).fit(X)
    held_out = make_ring(4000, std=0.5, random_state=1)
    far = energy_distance(flow._draw_base(1000, np.random.default_rng(0)), held_out)
    moved = energy_distance(flow.sample(1000), held_out)
    assert moved < 0.2 * far
    assert moved < 10 * energy_floor(held_out, 1000)


def test_parameters_of_a_loss_are_searched():
    flow = DiscriminatorFlowSampler().set_params(loss="hinge", loss__penalty=0.5, critic__alpha=1)
    assert (flow.loss.name, flow.loss.penalty, flow.critic.alpha) == ("hinge", 0.5, 1)
    gan = GANGenerator().set_params(loss__center=1.0)
    assert (gan.loss.name, gan.loss.center) == ("wasserstein", 1.0)


def test_bad_losses_are_refused():
    fit = lambda **params: CriticGradient(**params).fit(np.eye(3), np.ones(1))  # noqa: E731
    with pytest.raises(ValueError, match=r"loss='hing' is not known\. Known: 'log_ratio'"):
        fit(loss="hing")
    with pytest.raises(ValueError, match=r"penalty of a loss must be a finite number .*, got -1"):
        fit(loss=CriticLoss("hinge", penalty=-1))
    with pytest.raises(ValueError, match=r"center of a loss must be a finite number .*, got nan"):
        fit(loss=CriticLoss("hinge", center=np.nan))
    for critic in (LogisticRegression(), MLPClassifier(solver="lbfgs")):
        with pytest.raises(
            TypeError, match=r"loss='hinge' with penalty=0.05 trains scikit-learn's"
        ):
            fit(critic=critic, loss="hinge")
    with pytest.raises(TypeError, match="loss='log_ratio' with penalty=1 trains"):
        fit(critic=LogisticRegression(), loss=CriticLoss(penalty=1.0))
