"""A far-off Gaussian cloud flows onto a question mark.

500 rows of a Gaussian, twelve units away, are moved onto 1024 rows of 30 Gaussians along a question
mark in three dimensions. Nothing is tuned. Writes ``question_mark.png`` into the current directory
and prints how well the rows arrived.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

from skflow import SDFlowSampler
from skflow.datasets import make_question_mark
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)

FAST = "SKFLOW_FAST" in os.environ
STAGES = [0, 1, 5, 10, 20, 50]  # steps that are drawn

target = make_question_mark(300 if FAST else 1024, random_state=0)
held_out = make_question_mark(1000 if FAST else 5000, random_state=1)
source = np.random.default_rng(0).normal(size=(200 if FAST else 500, 3))
source += target.mean(axis=0) + np.array([12, 0, 0])

flow = SDFlowSampler(random_state=0).fit(target)
path = [source, *flow.staged_transform(source)]

figure, axes = plt.subplots(
    1, len(STAGES), figsize=(12, 3.6), width_ratios=[2.2, 1, 1, 1, 1, 1], layout="constrained"
)
shown = np.concatenate([target, *path[1:]])[:, [0, 2]]
low, high = shown.min(axis=0) - 0.2, shown.max(axis=0) + 0.2
for axis, step in zip(axes, STAGES, strict=True):
    axis.scatter(*target[:, [0, 2]].T, s=5, color="#b9c0cc", linewidths=0, label="target")
    axis.scatter(*path[step][:, [0, 2]].T, s=5, color="#c8324a", linewidths=0, label="moved rows")
    sigma = f"\nσ = {flow.sigmas_[step - 1]:.2f}" if step else "\nsource and target"
    axis.set_title(f"step {step}{sigma}", fontsize=10)
    axis.set(aspect="equal", xlim=(low[0], 16 if step == 0 else high[0]), ylim=(low[1], high[1]))
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
axes[0].legend(frameon=False, markerscale=3, fontsize=9, loc="lower right")
figure.savefig("question_mark.png", dpi=150)

moved = path[-1]
floor = energy_floor(held_out, len(moved))
fit, before = (energy_distance(rows, held_out) / floor for rows in (moved, source))
print("fit       energy distance to held-out rows, as a multiple of what fresh rows show:")
print(f"          {fit:.2f} (the source: {before:.0f})")
print(f"copy      nearest-neighbour ratio: {nearest_neighbor_ratio(moved, target):.2f} (fresh: 1)")
print(f"scramble  transport cost ratio: {transport_cost_ratio(source, moved):.3f} (shortest: 1)")
