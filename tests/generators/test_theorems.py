"""What the papers prove about generators, as identities."""

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

from skflow import SDFlowGenerator
from skflow.fields import KernelScoreDifference
from skflow.generators import LinearGenerator

RATE = 1e-4


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(200, 4))


def pull(Y):
    """Gradient of the loss Σ Φ(y) with Φ(y) = Σ_j cos(y_j) + |y|²/3, row by row."""
    return -np.sin(Y) + 2 * Y / 3


def loss(Y):
    return np.sum(np.cos(Y)) + np.sum(Y**2) / 3


def gradient(loss_of_theta, theta):
    """Central differences."""
    g = np.empty_like(theta)
    for i in range(theta.size):
        step = np.zeros(theta.size)
        step[i] = 1e-5
        step = step.reshape(theta.shape)
        difference = loss_of_theta(theta + step) - loss_of_theta(theta - step)
        g.flat[i] = difference / 2e-5
    return g


# Weber 2023, eqs. 20-28: one gradient step on a loss of the outputs is the same as moving the
# outputs down its gradient, y' = y - λ₁ ∂L/∂y, and one regression step of rate λ₂ onto y': the
# learning rate is λ₁ λ₂.
@pytest.mark.parametrize("moved_by", [1.0, 0.1])
def test_a_step_on_a_generator_loss_is_a_regression_step_linear(inputs, moved_by):
    g = LinearGenerator(learning_rate=RATE / moved_by, random_state=0)
    g.initialize_coef(inputs, np.zeros((200, 3)))
    B, mu = g.coef_.copy(), g.intercept_.copy()
    Y = g.predict(inputs)
    g.partial_fit(inputs, Y - moved_by * pull(Y))
    by_B = gradient(lambda B_: loss(inputs @ B_.T + mu), B)
    by_mu = gradient(lambda mu_: loss(inputs @ B.T + mu_), mu)
    np.testing.assert_allclose(g.coef_, B - RATE * by_B, atol=1e-8)
    np.testing.assert_allclose(g.intercept_, mu - RATE * by_mu, atol=1e-8)


def test_a_step_on_a_generator_loss_is_a_regression_step_perceptron(inputs):
    # the perceptron's loss is the mean over rows of half the squared error, over its outputs: the
    # factor is put right in how far the outputs move
    n_outputs = 3
    mlp = MLPRegressor(
        hidden_layer_sizes=(5,),
        activation="tanh",
        solver="sgd",
        momentum=0.0,
        alpha=0.0,
        batch_size=200,
        shuffle=False,
        learning_rate_init=1e-12,
        random_state=0,
    )
    mlp.partial_fit(inputs, np.zeros((200, n_outputs)))  # draws the coefficients
    theta = [p.copy() for p in mlp.coefs_ + mlp.intercepts_]

    def outputs(theta):
        W, U, b, c = theta
        return np.tanh(inputs @ W + b) @ U + c

    Y = mlp.predict(inputs)
    np.testing.assert_allclose(outputs(theta), Y, atol=1e-12)
    mlp._optimizer.learning_rate = mlp._optimizer.learning_rate_init = 1.0
    per_output = _loss_is_per_output(inputs)
    mlp.partial_fit(inputs, Y - RATE * 200 * (n_outputs if per_output else 1) * pull(Y))
    for i, after in enumerate(mlp.coefs_ + mlp.intercepts_):
        rest = [*theta]

        def of(p, i=i, rest=rest):
            rest[i] = p
            return loss(outputs(rest))

        np.testing.assert_allclose(after, theta[i] - RATE * gradient(of, theta[i]), atol=1e-8)


def _loss_is_per_output(inputs):
    """Whether the gradient of scikit-learn's squared loss is divided by the number of outputs."""
    mlp = MLPRegressor(hidden_layer_sizes=(2,), solver="sgd", momentum=0.0, shuffle=False, alpha=0)
    mlp.set_params(learning_rate_init=1e-12, batch_size=200)
    mlp.partial_fit(inputs, np.zeros((200, 4)))
    error, before = mlp.predict(inputs), mlp.intercepts_[-1].copy()
    mlp._optimizer.learning_rate = mlp._optimizer.learning_rate_init = 1.0
    mlp.partial_fit(inputs, np.zeros((200, 4)))
    step = (before - mlp.intercepts_[-1]) / error.mean(axis=0)
    return bool(np.allclose(step, 1 / 4, atol=0.01))


# Franceschi et al. 2023, eqs. 12-14: a generator smooths the velocity by its tangent kernel.
def test_a_linear_step_moves_every_row_by_the_kernel_mean_of_all(inputs):
    velocity = np.random.default_rng(1).normal(size=(200, 3))
    g = LinearGenerator(learning_rate=RATE, random_state=0)
    g.initialize_coef(inputs, velocity)
    Y = g.predict(inputs)
    g.partial_fit(inputs, Y + velocity)
    expected = RATE * (inputs @ inputs.T + 1) @ velocity  # λ Σ_j (ξ_i·ξ_j + 1) v_j
    np.testing.assert_allclose(g.predict(inputs) - Y, expected, atol=1e-12)


def test_a_step_of_the_loop_is_the_formula(inputs):
    target = np.random.default_rng(2).normal(3, 1, (150, 4))
    flow = SDFlowGenerator(
        LinearGenerator(learning_rate=RATE, init_scale=0.1, random_state=5),
        field=KernelScoreDifference("row", tol=0.0),
        prior=inputs,
        align=None,
        n_noise=0,
        n_steps=1,
        n_epochs=1,
        step_size=0.7,
        batch_size=200,
        random_state=0,
    ).set_params(schedule="constant", schedule__sigma=2.0)
    g = flow.fit(target).generator_
    start = LinearGenerator(init_scale=0.1, random_state=5)
    B = start.initialize_coef(inputs, inputs).coef_
    Y = inputs @ B.T

    def mean(rows):
        K = np.exp(-np.sum((Y[:, None] - rows[None]) ** 2, axis=2) / (2 * 2.0**2))
        return K @ rows / K.sum(axis=1, keepdims=True)

    error = -0.7 * (mean(target) - mean(Y))
    # the loop works in single precision
    np.testing.assert_allclose(g.coef_, B - RATE * error.T @ inputs, atol=1e-6)
    np.testing.assert_allclose(g.intercept_, -RATE * error.sum(axis=0), atol=1e-6)
    assert np.abs(g.intercept_).max() > 1e-2


def test_a_smaller_step_or_rate_is_the_same_for_plain_gradient_steps(inputs):
    target = np.random.default_rng(4).normal(3, 1, (150, 4))
    coefs = []
    for eta, rate in ((1.0, 1e-4), (0.1, 1e-3)):
        flow = SDFlowGenerator(
            LinearGenerator(), align=None, n_steps=1, n_epochs=1, random_state=0
        ).set_params(step_size=eta, learning_rate=rate)
        coefs.append(flow.fit(target).generator_.coef_)
    np.testing.assert_allclose(*coefs, atol=1e-6)
