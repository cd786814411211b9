"""Two generators of one size learn a ring of five Gaussians, one of them without an adversary.

An `SDFlowGenerator` stands beside a `GANGenerator`, a generative adversarial network whose critic
has the Wasserstein loss with a gradient penalty, both with their defaults. Both regress a
multilayer perceptron onto its own rows after they were moved: a gradient step on a generator's loss
is such a regression (Weber, 2023). The score difference moves them here, the slope of a critic,
itself in training, there. Rows are shown as the generators return them, without the map of
marginals that ends ``sample`` by default.

Prints what became of the modes for five seeds, and writes ``ring_generators.png`` into the current
directory.
"""

import os
import time

import matplotlib.pyplot as plt
import numpy as np

from skflow import GANGenerator, SDFlowGenerator
from skflow.datasets import make_ring
from skflow.metrics import characteristic_function_distance, floor, nearest_neighbor_ratio

FAST = "SKFLOW_FAST" in os.environ
SEEDS = range(2 if FAST else 5)
STD = 0.5  # of a mode

target, centers = make_ring(2000, std=STD, return_centers=True, random_state=0)
held_out = make_ring(8000, std=STD, random_state=1)


def cfd(X, Y):
    return characteristic_function_distance(X, Y, scale=1.0)


lowest = floor(cfd, make_ring(10000, std=STD, random_state=2), 2000)
size = {"n_epochs": 1, "n_steps": 10} if FAST else {}
generators = {
    "score difference": SDFlowGenerator(match_marginals=False, **size),
    "GAN": GANGenerator(match_marginals=False, **size),
}

print("| generator | seed | modes | smallest | largest | on a mode | CFD | copy | seconds |")
print("|---|---|---|---|---|---|---|---|---|")
samples = {}
for name, generator in generators.items():
    for seed in SEEDS:
        begin = time.perf_counter()
        Y = samples[name, seed] = generator.set_params(random_state=seed).fit(target).sample(2000)
        seconds = time.perf_counter() - begin
        near = np.linalg.norm(Y[:, None] - centers, axis=2) < 3 * STD
        share = near.mean(axis=0)
        print(
            f"| {name} | {seed} | {(share >= 0.02).sum()} | {share.min():.3f} | {share.max():.3f} "
            f"| {share.sum():.3f} | {cfd(Y, held_out) / lowest:.1f} "
            f"| {nearest_neighbor_ratio(Y, target):.2f} | {seconds:.0f} |",
            flush=True,
        )

shown = {
    "target": target,
    "score difference": samples["score difference", 0],
    "GAN": samples["GAN", 0],
    "GAN, another seed": samples["GAN", 1],
}
figure, axes = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained")
for axis, (name, rows) in zip(axes, shown.items(), strict=True):
    axis.scatter(*rows.T, s=4, color="#b9c0cc" if name == "target" else "#c8324a", linewidths=0)
    axis.set_title(name, fontsize=10)
    axis.set(aspect="equal", xlim=(-8, 8), ylim=(-8, 8), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
figure.savefig("ring_generators.png", dpi=150)
