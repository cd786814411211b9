"""Torch modules, wrapped by skorch, are generators like any other regressor."""

import numpy as np
import pytest

from skflow import SDFlowGenerator
from skflow.datasets import make_ring
from skflow.metrics import energy_distance

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")


class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(2, 32), torch.nn.LeakyReLU(0.2), torch.nn.Linear(32, 2)
        )

    def forward(self, xi):
        return self.layers(xi)


def test_a_torch_module_is_a_generator():
    net = skorch.NeuralNetRegressor(
        Module, lr=3e-3, optimizer=torch.optim.Adam, batch_size=128, train_split=None, verbose=0
    )
    torch.manual_seed(0)
    torch.set_num_threads(1)
    X = make_ring(300, random_state=0)
    flow = SDFlowGenerator(net, batch_size=512, n_steps=20, n_epochs=3, random_state=0).fit(X)
    assert type(flow.generator_) is skorch.NeuralNetRegressor  # not wrapped, updated
    start = np.random.default_rng(0).multivariate_normal(X.mean(axis=0), np.cov(X.T), 500)
    assert energy_distance(flow.sample(500), X) < 0.5 * energy_distance(start, X)
