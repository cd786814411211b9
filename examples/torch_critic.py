"""A critic written in torch drives a discriminator flow.

skflow does not need torch, but a net of skorch, which gives torch modules scikit-learn's interface,
serves as a critic as it is: ``partial_fit`` teaches it, and torch's autograd gives the slope that
rows follow. Two critics with leaky rectifiers stand beside the default, scikit-learn's perceptron,
on a ring of five Gaussians: skorch's own classifier, and one with a hinge loss and a gradient
penalty, as in generative adversarial networks, which takes a few lines.

All three find the five modes in even shares. The default fits best, presumably because skflow lets
the learning rate of a scikit-learn perceptron fall and averages its weights, while a net of skorch
keeps its own rate. Nets learn in single precision, so the table is given in it.

Prints a table, and writes ``torch_critic.png`` into the current directory. Needs
``pip install torch skorch``.
"""

import os
import sys
import time

import matplotlib.pyplot as plt
import numpy as np

from skflow import DiscriminatorFlowSampler
from skflow.datasets import make_ring
from skflow.metrics import characteristic_function_distance, floor, nearest_neighbor_ratio

try:
    import torch
    from skorch import NeuralNet, NeuralNetClassifier
except ImportError:
    print("this example needs torch and skorch, which are not installed: pip install torch skorch")
    sys.exit(0)

FAST = "SKFLOW_FAST" in os.environ
SEEDS = range(1 if FAST else 2)
N_ROUNDS = 10 if FAST else 1000
STD = 0.5  # of a mode


class Module(torch.nn.Module):
    """Three hidden layers with leaky rectifiers."""

    def __init__(self, n_outputs):
        super().__init__()
        layers, n = [], 5  # two columns, and three for the time
        for width in (128, 128, 128):
            layers += [torch.nn.Linear(n, width), torch.nn.LeakyReLU(0.2)]
            n = width
        self.layers = torch.nn.Sequential(*layers, torch.nn.Linear(n, n_outputs))

    def forward(self, rows):
        return self.layers(rows)


class Hinge(torch.nn.Module):
    """Target rows (1) are to be above 1, moving rows (0) below -1."""

    def forward(self, h, is_target):
        return torch.relu(1 - (2 * is_target - 1) * h[:, 0]).mean()


class PenalizedCritic(NeuralNet):
    """A critic that is steep nowhere between target rows and moving rows."""

    penalty = 0.1

    def get_loss(self, h, is_target, X=None, training=False):
        loss = super().get_loss(h, is_target, X=X, training=training)
        target, moving = X[is_target == 1], X[is_target == 0]
        n = min(len(target), len(moving))
        share = torch.rand(n, 1)
        between = (share * target[:n] + (1 - share) * moving[:n]).requires_grad_()
        (slope,) = torch.autograd.grad(self.module_(between).sum(), between, create_graph=True)
        return loss + self.penalty * (slope**2).sum(dim=1).mean()


shared = {
    "module": Module,
    "optimizer": torch.optim.Adam,
    "optimizer__betas": (0.5, 0.999),
    "lr": 1e-3,
    "batch_size": 1024,  # the rows of a round, which is one step
    "max_epochs": 1,
    "train_split": None,
    "verbose": 0,
}
CRITICS = {
    "scikit-learn's perceptron": (None, 0.5),
    "skorch's classifier": (
        NeuralNetClassifier(criterion=torch.nn.CrossEntropyLoss, module__n_outputs=2, **shared),
        0.5,
    ),
    "hinge loss, gradient penalty": (
        PenalizedCritic(criterion=Hinge, module__n_outputs=1, **shared),
        2.0,
    ),
}

torch.set_num_threads(1)
target, centers = make_ring(2000, std=STD, return_centers=True, random_state=0)
target = target.astype(np.float32)  # torch's precision
held_out = make_ring(8000, std=STD, random_state=1)


def cfd(X, Y):
    return characteristic_function_distance(X, Y, scale=1.0)


lowest = floor(cfd, make_ring(10000, std=STD, random_state=2), 2000)
samples = {}
print("| critic | η | modes | mode shares | on a mode | CFD over floor | copy | seconds |")
print("|---|---|---|---|---|---|---|---|")
for name, (critic, eta) in CRITICS.items():
    results = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        begin = time.perf_counter()
        flow = DiscriminatorFlowSampler(
            critic, step_size=eta, n_rounds=N_ROUNDS, match_marginals=False, random_state=seed
        )
        Y = flow.fit(target).sample(2000)
        seconds = time.perf_counter() - begin
        samples.setdefault(name, Y)
        share = (np.linalg.norm(Y[:, None] - centers, axis=2) < 3 * STD).mean(axis=0)
        copy = nearest_neighbor_ratio(Y, target)
        fit = cfd(Y, held_out) / lowest
        modes = (share >= 0.02).sum()
        results.append((modes, share.min(), share.max(), share.sum(), fit, copy, seconds))
    modes, least, most, near, fit, copy, seconds = np.mean(results, axis=0)
    print(
        f"| {name} | {eta:g} | {modes:.1f} | {least:.2f} to {most:.2f} | {near:.3f} "
        f"| {fit:.2f} | {copy:.2f} | {seconds:.0f} |",
        flush=True,
    )

figure, axes = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained")
for axis, (name, rows) in zip(axes, {"target": target, **samples}.items(), strict=True):
    axis.scatter(*rows.T, s=4, color="#b9c0cc" if name == "target" else "#c8324a", linewidths=0)
    axis.set_title(name, fontsize=10)
    axis.set(aspect="equal", xlim=(-7, 7), ylim=(-7, 7), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
figure.savefig("torch_critic.png", dpi=150)
