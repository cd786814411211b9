"""Does a flow get stuck in the nearest mode? A grid of 25 Gaussians.

Weber (2023), appendix D.2: 1024 rows of a Gaussian, nearest to the top-left component of a grid of
25 and far from all others, are moved onto 1024 rows of the grid in 1000 steps. A mode counts as
covered if at least 15 rows end within 4 standard deviations of its centre.

Prints a table over five seeds and writes ``grid_modes.png`` into the current directory.
"""

import os
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from skflow import MMDFlowSampler, SDFlowSampler
from skflow.datasets import make_grid
from skflow.fields import KernelScoreDifference
from skflow.metrics import (
    characteristic_function_distance,
    energy_distance,
    energy_floor,
    floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)
from skflow.schedules import ConstantSchedule, CosineSchedule, LinearSchedule

FAST = "SKFLOW_FAST" in os.environ
SEEDS, N_STEPS, N_ROWS, N_HELD_OUT = (2, 30, 400, 500) if FAST else (5, 1000, 1024, 4096)
STD = 0.3

paper = {
    "schedule": CosineSchedule(sigma_max=10**0.5, sigma_min=0.5**0.5),
    "n_steps": N_STEPS,
    "first_step_norm": 0.5,
    "align": None,
    "match_marginals": False,
    "n_noise": 1,
    "batch_size": None,
}
# Arbel's bandwidth, first noise level and step size: the best of 18 settings, σ = 1, 2, 4, noise
# from 5, 10, 20, η = 1, 5 σ².
arbel = {**paper, "first_step_norm": None, "step_size": 20.0, "n_noise": 2}
arbel["schedule"] = ConstantSchedule(2.0)
flows = {
    "SD": SDFlowSampler(KernelScoreDifference("row"), **paper),
    "SD, defaults, 50 steps": SDFlowSampler(),
    "MMD, defaults": MMDFlowSampler(n_steps=N_STEPS),
    "MMD, defaults, not aligned": MMDFlowSampler(n_steps=N_STEPS, align=None),
    "MMD, tied": MMDFlowSampler(**paper),
    "MMD, Arbel": MMDFlowSampler(noise=LinearSchedule(10.0, 0.1), **arbel),
    "MMD, sliced": SDFlowSampler("sliced", n_steps=N_STEPS, align=None, match_marginals=False),
}

_, centers = make_grid(1, return_centers=True)
held_out = make_grid(N_HELD_OUT, random_state=1000)
cfd = partial(characteristic_function_distance, scale=1.0)
cfd_floor = floor(cfd, make_grid(N_ROWS + N_HELD_OUT, random_state=1001), N_ROWS)
e_floor = energy_floor(held_out, N_ROWS)


def rows_per_mode(rows):
    distance = np.linalg.norm(rows[:, None] - centers, axis=2)
    near = distance.min(axis=1) < 4 * STD
    return np.bincount(distance[near].argmin(axis=1), minlength=len(centers))


paths, results = {}, {}
for seed in range(SEEDS):
    target = make_grid(N_ROWS, random_state=seed)
    source = np.random.default_rng(seed).normal([-16, 16], 1, (N_ROWS, 2))
    for name, flow in flows.items():
        path = [source, *flow.set_params(random_state=seed).fit(target).staged_transform(source)]
        moved = path[-1]
        counts = rows_per_mode(moved)
        results.setdefault(name, []).append(
            (
                (counts >= 15).sum(),
                counts.min(),
                cfd(moved, held_out) / cfd_floor,
                energy_distance(moved, held_out) / e_floor,
                nearest_neighbor_ratio(moved, target),
                transport_cost_ratio(source, moved),
                moved.var(axis=0).sum() / target.var(axis=0).sum(),
            )
        )
        if seed == SEEDS - 1:
            paths[name] = path

print(f"{N_STEPS} steps, {N_ROWS} rows onto {N_ROWS}; means over {SEEDS} seeds; CFD and energy to")
print(f"{N_HELD_OUT} held-out rows, over what fresh rows show\n")
print("| method | modes (worst) | fewest rows in one | CFD | energy | copy | scramble | variance |")
print("|---|---|---|---|---|---|---|---|")
for name, rows in results.items():
    modes, fewest, fit, energy, copy, scramble, variance = np.mean(rows, axis=0)
    least = np.min(rows, axis=0)
    print(
        f"| {name} | {modes:.1f} ({least[0]:.0f}) | {least[1]:.0f} | {fit:.2f} | {energy:.3g} "
        f"| {copy:.2f} | {scramble:.2f} | {variance:.2f} |"
    )

# ----------------------------------------------------------------------------------------- figure
COLORS = {
    "SD": "#c8324a",
    "MMD, tied": "#2f5f9e",
    "MMD, Arbel": "#5aa6a0",
    "MMD, sliced": "#e8a33d",
}
figure, axes = plt.subplots(2, 4, figsize=(13, 6.4), height_ratios=[1.25, 1], layout="constrained")
for axis, (name, color) in zip(axes[0], COLORS.items(), strict=True):
    moved = paths[name][-1]
    axis.scatter(*target.T, s=5, color="#b9c0cc", linewidths=0)
    axis.scatter(*moved.T, s=5, color=color, linewidths=0)
    axis.set(aspect="equal", xlim=(-36, 16), ylim=(-16, 36), xticks=[], yticks=[])
    axis.spines[:].set_color("#d8dce2")
    axis.set_title(f"{name}: {(rows_per_mode(moved) >= 15).sum()} of 25 modes", fontsize=10)
    outside = np.mean((np.abs(moved - [-10, 10]) > 26).any(axis=1))
    if outside >= 0.005:
        axis.set_xlabel(f"{outside:.0%} of the rows are outside", fontsize=8)
steps = np.unique(np.round(np.geomspace(1, N_STEPS, 60)).astype(int)) - 1
measures = {
    "CFD over that of fresh rows": lambda rows: cfd(rows, held_out) / cfd_floor,
    "energy distance over that of fresh rows": lambda rows: (
        energy_distance(rows, held_out) / e_floor
    ),
    "variance over the target's": lambda rows: rows.var(axis=0).sum() / target.var(axis=0).sum(),
}
for axis, (title, measure) in zip(axes[1, :3], measures.items(), strict=True):
    for name, color in COLORS.items():
        axis.plot(steps + 1, [measure(paths[name][k]) for k in steps], color=color, label=name)
    axis.axhline(1, color="black", linewidth=0.8, linestyle="--")
    axis.set(xscale="log", yscale="log", xlabel="step")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_title(title, fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
axes[1, 3].legend(*axes[1, 0].get_legend_handles_labels(), loc="center left", frameon=False)
axes[1, 3].set_axis_off()
figure.savefig("grid_modes.png", dpi=110)
