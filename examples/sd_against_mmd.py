"""Score-difference flow against MMD gradient flow, on the question mark.

The first experiment of Weber (2023), appendix D.1: 500 rows of a Gaussian are moved onto 1024 rows
of 30 Gaussians along a question mark, in 500 steps of the paper's settings. The source lies (a) on
the target's mean, (b) twelve units away. MMD flow comes in three variants: noise tied to
the bandwidth, as in the paper; Arbel's, with a fixed bandwidth and noise of its own; and sliced MMD
flow (Hertrich et al. 2024), whose kernel has no bandwidth, without noise.

Prints a table over five seeds and writes ``sd_against_mmd_steps.png``, ``sd_against_mmd_cfd.png``
and ``sd_against_mmd_neighbors.png`` into the current directory.
"""

import os
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import gaussian_kde
from sklearn.neighbors import NearestNeighbors

from skflow import MMDFlowSampler, SDFlowSampler
from skflow.datasets import make_question_mark
from skflow.fields import KernelScoreDifference
from skflow.metrics import (
    characteristic_function_distance,
    energy_distance,
    energy_floor,
    floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)
from skflow.plotting import ConvergenceDisplay
from skflow.schedules import ConstantSchedule, CosineSchedule, LinearSchedule

FAST = "SKFLOW_FAST" in os.environ
SEEDS, N_STEPS, N_HELD_OUT = (2, 25, 500) if FAST else (5, 500, 4096)
N_SOURCE = 500
CASES = {"a": ("(a) overlapping", [0, 0, 0]), "b": ("(b) twelve units away", [12, 0, 0])}

paper = {
    "schedule": CosineSchedule(sigma_max=2.0, sigma_min=0.5**0.5),
    "n_steps": N_STEPS,
    "first_step_norm": 0.5,
    "align": None,
    "match_marginals": False,
    "n_noise": 1,
    "batch_size": None,
}
one_sided = KernelScoreDifference("row")

# Bandwidth, first noise level and step size of Arbel's variant: the lowest CFD for each case among
# σ = 1, 2, 4, noise from 2, 5, 10 down to 0.1 and η = 1, 5, 25 σ² (for b also σ = 6, 8, noise from
# 20, η = 0.04, 0.2 σ²).
ARBEL = {"a": (1.0, 2.0, 5.0), "b": (4.0, 10.0, 16.0)}


def samplers(case, seed):
    sigma, noise, eta = ARBEL[case]
    arbel = {**paper, "first_step_norm": None, "step_size": eta, "n_noise": 4}
    arbel["schedule"] = ConstantSchedule(sigma)
    return {
        "SD, all rows": SDFlowSampler(one_sided, **paper, random_state=seed),
        "SD, batches of 128": SDFlowSampler(
            one_sided, **{**paper, "batch_size": 128}, random_state=seed
        ),
        "SD, defaults, 50 steps": SDFlowSampler(random_state=seed),
        "MMD, defaults": MMDFlowSampler(n_steps=N_STEPS, random_state=seed),
        "MMD, defaults, not aligned": MMDFlowSampler(
            n_steps=N_STEPS, align=None, random_state=seed
        ),
        "MMD, tied": MMDFlowSampler(**paper, random_state=seed),
        "MMD, tied, batches of 128": MMDFlowSampler(
            **{**paper, "batch_size": 128}, random_state=seed
        ),
        "MMD, Arbel": MMDFlowSampler(noise=LinearSchedule(noise, 0.1), **arbel, random_state=seed),
        "MMD, sliced": SDFlowSampler(
            "sliced", n_steps=N_STEPS, align=None, match_marginals=False, random_state=seed
        ),
    }


def tables(case, seed):
    target = make_question_mark(1024, random_state=seed)
    noise = np.random.default_rng(seed).normal(size=(N_SOURCE, 3))
    return target, target.mean(axis=0) + CASES[case][1] + noise


held_out = make_question_mark(N_HELD_OUT, random_state=1000)
cfd = partial(characteristic_function_distance, scale=1.0)
fresh = make_question_mark(N_SOURCE + N_HELD_OUT, random_state=1001)
cfd_floor, e_floor = floor(cfd, fresh, N_SOURCE, n_draws=40), energy_floor(held_out, N_SOURCE)

paths, results = {}, {}
for case, (title, _) in CASES.items():
    for seed in range(SEEDS):
        target, source = tables(case, seed)
        for name, flow in samplers(case, seed).items():
            path = [source, *flow.fit(target).staged_transform(source)]
            moved = path[-1]
            results.setdefault((title, name), []).append(
                (
                    cfd(moved, held_out) / cfd_floor,
                    energy_distance(moved, held_out) / e_floor,
                    nearest_neighbor_ratio(moved, target),
                    transport_cost_ratio(source, moved),
                    moved.var(axis=0).sum() / target.var(axis=0).sum(),
                )
            )
            if seed == 0:
                paths[case, name] = path

# ------------------------------------------------------------------------------------------- table
print(f"{N_STEPS} steps, {N_SOURCE} rows onto 1024; means over {SEEDS} seeds; CFD and energy to")
print(f"{N_HELD_OUT} held-out rows, over what fresh rows show (a CFD of {cfd_floor:.4f})\n")
print("| source | method | CFD ± standard error | energy | copy | scramble | variance ratio |")
print("|---|---|---|---|---|---|---|")
for (title, name), rows in results.items():
    (fit, *others), error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / SEEDS**0.5
    energy, copy, scramble, variance = others
    print(
        f"| {title} | {name} | {fit:.2f} ± {error[0]:.2f} | {energy:.3g} | {copy:.3g} "
        f"| {scramble:.2f} | {variance:.3g} |"
    )
for title, _ in CASES.values():
    sd, mmd = (np.array(results[title, name])[:, 0] for name in ("SD, all rows", "MMD, tied"))
    error = np.std(sd - mmd, ddof=1) / SEEDS**0.5
    print(f"\n{title}: CFD of SD less that of MMD, tied: {np.mean(sd - mmd):.2f} ± {error:.2f}")

# ----------------------------------------------------------------------------------- the evolution
COLORS = {
    "SD, all rows": ("#c8324a", "-"),
    "SD, batches of 128": ("#c8324a", ":"),
    "MMD, defaults": ("#7a5195", "-"),
    "MMD, tied": ("#2f5f9e", "-"),
    "MMD, tied, batches of 128": ("#2f5f9e", ":"),
    "MMD, Arbel": ("#5aa6a0", "-"),
    "MMD, sliced": ("#e8a33d", "-"),
}
STAGES = [0, *(round(share * N_STEPS) for share in (0.04, 0.1, 0.2, 0.4, 1))]
shown = ["SD, all rows", "SD, batches of 128", "MMD, tied", "MMD, Arbel", "MMD, sliced"]
target, _ = tables("b", 0)
figure, axes = plt.subplots(len(shown), len(STAGES), figsize=(12, 8.6), layout="constrained")
for row, name in zip(axes, shown, strict=True):
    for axis, step in zip(row, STAGES, strict=True):
        moved = paths["b", name][step][:, [0, 2]]
        axis.scatter(*target[:, [0, 2]].T, s=3, color="#b9c0cc", linewidths=0)
        axis.scatter(*moved.T, s=4, color=COLORS[name][0], linewidths=0)
        axis.set(aspect="equal", xlim=(-5, 20), ylim=(-6, 13), xticks=[], yticks=[])
        outside = np.mean((np.abs(moved - [7.5, 3.5]) > [12.5, 9.5]).any(axis=1))
        if outside >= 0.005:
            axis.set_xlabel(f"{outside:.0%} of the rows are outside", fontsize=8, labelpad=2)
        axis.spines[:].set_color("#d8dce2")
    row[0].set_ylabel(name, fontsize=10)
for axis, step in zip(axes[0], STAGES, strict=True):
    axis.set_title(f"step {step}", fontsize=10)
figure.savefig("sd_against_mmd_steps.png", dpi=110)

# --------------------------------------------------------------------------------------- the curves
figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
steps = np.unique(np.r_[np.arange(0, N_STEPS, max(1, N_STEPS // 100)), N_STEPS])
for axis, (case, (title, _)) in zip(axes, CASES.items(), strict=True):
    for name, (color, style) in COLORS.items():
        look = {"label": name, "color": color, "linestyle": style, "ax": axis}
        ConvergenceDisplay.from_tables(
            paths[case, name], held_out, steps=steps, metric=cfd, floor=cfd_floor, **look
        )
    axis.set(title=title, ylabel="CFD to held-out rows")
axes[1].get_legend().remove()
axes[1].set_ylabel("")
figure.savefig("sd_against_mmd_cfd.png", dpi=120)

# ------------------------------------------------------------------------------- nearest neighbours
neighbors = NearestNeighbors(n_neighbors=1).fit(target)
fresh_rows = make_question_mark(N_SOURCE, random_state=1002)
distances = {
    "target rows, among themselves": (neighbors.kneighbors()[0], "#8d97a8"),
    "fresh rows": (neighbors.kneighbors(fresh_rows)[0], "black"),
    "SD, all rows": (neighbors.kneighbors(paths["b", "SD, all rows"][-1])[0], "#c8324a"),
    "SD, defaults, 50 steps": (
        neighbors.kneighbors(paths["b", "SD, defaults, 50 steps"][-1])[0],
        "#e8a33d",
    ),
}
figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
grid = np.linspace(0, 0.6, 300)
for name, (distance, color) in distances.items():
    density = gaussian_kde(distance.ravel(), 0.012 / distance.std())(grid)
    label = f"{name} (median {np.median(distance):.3f})"
    if name.startswith("target"):
        axis.fill_between(grid, density, color=color, alpha=0.5, linewidth=0, label=label)
    else:
        axis.plot(grid, density, color=color, label=label)
axis.set(xlabel="distance to the nearest target row", ylabel="density", xlim=(0, 0.6), ylim=0)
axis.spines[["top", "right"]].set_visible(False)
axis.legend(frameon=False, fontsize=9)
figure.savefig("sd_against_mmd_neighbors.png", dpi=120)
