"""Drifting models on handwritten digits: Laplace and Gaussian kernels side by side.

A drifting model (arXiv:2602.04770) is a generator whose outputs are attracted by data and repelled
by each other, and which is regressed onto where they go; one pass makes a sample. With Gaussian
kernels that drift is the difference of two scores (arXiv:2603.07514), so it is score-difference
flow with a generator (Weber 2023, algorithm 2). Proposed since: kernels that narrow geometrically,
and Sinkhorn weights for attraction and repulsion. skflow trains them all on any regressor.

The perceptron is the same, and so are its steps. Half of the 1797 digits are learnt from, the other
half are held out. *Energy* is over that of fresh digits, *accuracy* that of a random forest that
tells samples from held-out digits (0.5 is chance), *copy* the nearest-neighbour ratio.

Prints a table, and writes ``drifting_digits.png`` into the current directory.
"""

import os
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import NearestNeighbors

from skflow import SDFlowGenerator
from skflow.fields import KernelScoreDifference
from skflow.metrics import energy_distance, energy_floor, nearest_neighbor_ratio
from skflow.schedules import ConstantSchedule, GeometricSchedule

FAST = "SKFLOW_FAST" in os.environ
N_SHOWN = 12
short = {"n_epochs": 1, "n_steps": 5} if FAST else {}
fixed = {"schedule": ConstantSchedule("nn")}  # as wide as the distance of neighbours
narrowing = {"schedule": GeometricSchedule("rms", "nn")}

digits = np.random.default_rng(0).permutation(load_digits().data / 16)
target, held_out = digits[: len(digits) // 2], digits[len(digits) // 2 :]
one_sided = {"field": KernelScoreDifference("row"), "n_noise": 0}
DRIFTS = {
    "Laplace, fixed": SDFlowGenerator(field="laplace", **fixed, **short),
    "Laplace, narrowing": SDFlowGenerator(field="laplace", **narrowing, **short),
    "Gaussian, fixed": SDFlowGenerator(**one_sided, **fixed, **short),
    "Gaussian, narrowing": SDFlowGenerator(**one_sided, **narrowing, **short),
    "Sinkhorn, fixed": SDFlowGenerator(**fixed, **short),
    "Sinkhorn, narrowing": SDFlowGenerator(**narrowing, **short),
}


def measure(X):
    """Energy over its floor, accuracy of a forest, and copying."""
    forest = RandomForestClassifier(20 if FAST else 100, random_state=0)
    labels, both = np.repeat([0, 1], [len(X), len(held_out)]), np.concatenate([X, held_out])
    return (
        energy_distance(X, held_out) / energy_floor(held_out, len(X)),
        cross_val_score(forest, both, labels, cv=5).mean(),
        nearest_neighbor_ratio(X, target, fresh=held_out),
    )


def show(name, X, seconds):
    energy, accuracy, copy = measure(X)
    print(f"| {name} | {energy:.2f} | {accuracy:.2f} | {copy:.2f} | {seconds} |", flush=True)


print(f"{len(target)} digits learnt from, one seed\n")
print("| drift | energy | accuracy | copy | seconds |")
print("|---|---|---|---|---|")
show("(the digits learnt from)", target, "")
samples = {}
for name, flow in DRIFTS.items():
    begin = time.perf_counter()
    samples[name] = flow.set_params(random_state=0).fit(target).sample(len(held_out))
    show(name, samples[name], f"{time.perf_counter() - begin:.0f}")

# -------------------------------------------------------------------------------------- the figure
neighbors = NearestNeighbors(n_neighbors=1).fit(target)
figure, axes = plt.subplots(len(DRIFTS), 2, figsize=(11, 3.6), layout="constrained")
for row, (name, X) in zip(axes, samples.items(), strict=True):
    shown = X[:N_SHOWN]
    nearest = target[neighbors.kneighbors(shown)[1][:, 0]]
    for axis, images in zip(row, (shown, nearest), strict=True):
        strip = np.pad(images.reshape(-1, 8, 8), ((0, 0), (0, 0), (1, 1)))
        axis.imshow(np.hstack(strip), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
axes[0, 0].set_title("samples, one pass each", fontsize=10)
axes[0, 1].set_title("the nearest digits that were learnt from", fontsize=10)
figure.savefig("drifting_digits.png", dpi=120)
