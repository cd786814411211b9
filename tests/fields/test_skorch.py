"""Torch modules, wrapped by skorch, are critics and denoisers like any other estimator."""

import numpy as np
import pytest

from skflow import DiscriminatorFlowSampler
from skflow.datasets import make_ring
from skflow.fields import CriticGradient, LearnedDenoiser, TargetScore
from skflow.metrics import energy_distance

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")


class Module(torch.nn.Module):
    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_inputs, 64),
            torch.nn.LeakyReLU(0.2),
            torch.nn.Linear(64, 64),
            torch.nn.LeakyReLU(0.2),
            torch.nn.Linear(64, n_outputs),
        )

    def forward(self, rows):
        return self.layers(rows)


def make_net(kind, n_inputs, n_outputs, **params):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return kind(
        Module,
        module__n_inputs=n_inputs,
        module__n_outputs=n_outputs,
        optimizer=torch.optim.Adam,
        batch_size=256,
        max_epochs=1,  # of a partial_fit
        train_split=None,
        verbose=0,
        **params,
    )


def make_critic(n_inputs):
    loss = torch.nn.CrossEntropyLoss
    return make_net(skorch.NeuralNetClassifier, n_inputs, 2, criterion=loss, lr=2e-3)


def velocity(field, X, Y, sigma):
    field.fit(X, np.array([sigma]))
    return field.start(np.random.default_rng(0)).velocity(Y, Y, sigma)


def test_a_torch_critic_finds_the_score_difference_of_two_gaussians():
    rng = np.random.default_rng(0)
    X, Y = rng.normal([0, 0], [1, 2], (4000, 2)), rng.normal([2, 0], [1, 1], (4000, 2))
    exact = -Y / [2, 5] - -(Y - [2, 0]) / [2, 2]  # of the Gaussians blurred by σ = 1
    field = CriticGradient(make_critic(2), blur=True, n_updates=10)
    v = velocity(field, *np.float32([X, Y]), 1.0)
    # its size is 1.0, and scikit-learn's perceptron is allowed the same error
    assert np.abs(v - exact).mean() < 0.3


def test_a_torch_module_is_a_denoiser():
    X = np.random.default_rng(0).normal(1, 2, (4000, 2)).astype(np.float32)
    net = make_net(skorch.NeuralNetRegressor, 3, 2, lr=2e-3)
    v = velocity(TargetScore(LearnedDenoiser(net, n_updates=500)), X, X, 1.0)
    assert np.abs(v - (1 - X) / 5).mean() < 0.1  # of a mean size of 0.32


def test_a_torch_critic_drives_a_discriminator_flow():
    X = make_ring(500, random_state=0).astype(np.float32)
    flow = DiscriminatorFlowSampler(make_critic(5), n_rounds=150, random_state=0).fit(X)
    assert type(flow.field_.critic_.estimator) is skorch.NeuralNetClassifier
    source = np.random.default_rng(0).multivariate_normal(X.mean(axis=0), np.cov(X.T), 500)
    moved = flow.transform(source.astype(np.float32))
    assert energy_distance(moved, X) < 0.5 * energy_distance(source, X)
