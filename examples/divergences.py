"""Gradient flows of five f-divergences, from far away onto a ring and onto a question mark.

Every velocity is the score difference times a factor of the ratio r = q/p at the row: 1 for the
Kullback-Leibler divergence KL(q‖p), 2r for χ², 1/r for the reverse Kullback-Leibler divergence,
and so on. Where the factor is larger than at r = 1 a row would overshoot, so it is bounded by its
value there; "not bounded" shows the formula as it stands. Rows start where source rows are, without
alignment.

Prints a table over the seeds, and writes ``divergences.png`` into the current directory.
"""

import os
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from skflow import SDFlowSampler
from skflow.datasets import make_question_mark, make_ring
from skflow.fields import FDivergence
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)
from skflow.plotting import FlowPathDisplay

FAST = "SKFLOW_FAST" in os.environ
SEEDS, N_ROWS, N_HELD_OUT = (2, 150, 500) if FAST else (5, 500, 5000)
STEPS = 0, 5, 15, 49  # shown in the figure
TARGETS = {"ring": make_ring, "question mark": make_question_mark}
NAMES = {
    "kl": "KL(q‖p)",
    "reverse_kl": "KL(p‖q)",
    "chi2": "χ²",
    "jensen_shannon": "Jensen-Shannon",
    "squared_hellinger": "squared Hellinger",
}
FIELDS = {title: partial(FDivergence, name) for name, title in NAMES.items()}
FIELDS["χ², not bounded"] = partial(FDivergence, "chi2", bounded=False)
FIELDS["KL(p‖q), not bounded"] = partial(FDivergence, "reverse_kl", bounded=False)


def figures(moved, source, target, held_out):
    """Floors, copy ratio, scramble, and extent in units of the target's."""
    center = target.mean(axis=0)
    reach = [np.linalg.norm(rows - center, axis=1).max() for rows in (moved, target)]
    return (
        energy_distance(moved, held_out) / energy_floor(held_out, len(moved)),
        nearest_neighbor_ratio(moved, target),
        transport_cost_ratio(source, moved),
        reach[0] / reach[1],
    )


print(f"{N_ROWS} rows of a Gaussian, 5 off in every column, 2 wide; means over {SEEDS} seeds\n")
print("| target | divergence | energy over floor (worst) | copy | scramble | extent |")
print("|---|---|---|---|---|---|")
paths = {}
for kind, make in TARGETS.items():
    for title, field in FIELDS.items():
        found = []
        for seed in range(SEEDS):
            target, held_out = make(N_ROWS, random_state=seed), make(N_HELD_OUT, random_state=99)
            source = np.random.default_rng(seed).normal(5, 2, target.shape)
            flow = SDFlowSampler(field(), align=None, random_state=seed).fit(target)
            path = [source, *flow.staged_transform(source)]
            found.append(figures(path[-1], source, target, held_out))
        paths[kind, title] = path, target
        energy, copy, scramble, extent = np.mean(found, axis=0)
        print(
            f"| {kind} | {title} | {energy:.2f} ({np.max(found, axis=0)[0]:.2f}) | {copy:.2f} "
            f"| {scramble:.2f} | {extent:.2f} |"
        )

figure, axes = plt.subplots(len(STEPS), len(NAMES), figsize=(12, 9.4), layout="constrained")
for panels, title in zip(axes.T, NAMES.values(), strict=True):
    path, target = paths["ring", title]
    FlowPathDisplay.from_tables(path, target, ax=panels, steps=STEPS)
    panels[0].set_title(title, fontsize=10)
    panels[0].get_legend().remove()
    for axis in panels:
        axis.set(xlim=(-9, 12), ylim=(-9, 12))
figure.savefig("divergences.png", dpi=110)
