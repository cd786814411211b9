"""Which noise schedule, and how many steps?

Every schedule, on four data sets, with 10 to 500 steps and both kinds of kernel weights; all else
as the defaults have it, in single precision. The constant schedule stays at the bandwidth where the
others end. A step takes four kernel sums with either weights: two two-sided means, or two means at
a pair of noise draws.

Prints a table of all flows and one of their means over the data sets, and writes
``schedule_study.png`` into the current directory.
"""

import os
import time
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from skflow import SDFlowSampler
from skflow.datasets import make_clusters, make_grid, make_question_mark
from skflow.fields import KernelScoreDifference
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)
from skflow.schedules import SCHEDULES, ConstantSchedule, LinearSchedule

FAST = "SKFLOW_FAST" in os.environ
SEEDS, N_ROWS, BUDGETS = (1, 200, (10, 25)) if FAST else (3, 400, (10, 25, 50, 100, 500))
WEIGHTS = {"sinkhorn": "two-sided", "row": "one-sided"}


def draw(make):
    return lambda seed: (make(N_ROWS, random_state=seed), make(2000, random_state=1000 + seed))


def cancer(seed):
    rows = np.random.default_rng(seed).permutation(scale(load_breast_cancer().data))
    return rows[::2], rows[1::2]


# name: (target and held-out rows by seed, offset of the source)
DATA = {
    "question mark, 3-d": (draw(make_question_mark), 12),
    "25-grid, 2-d": (draw(make_grid), 25),
    "12 clusters, 10-d": (draw(make_clusters), 30),
    "breast cancer, 30-d": (cancer, 15),
}

results = {}
for name, (tables, offset) in DATA.items():
    for seed in range(SEEDS):
        target, held_out = tables(seed)
        source = target.mean(axis=0) + np.random.default_rng(seed).normal(size=target.shape)
        source[:, 0] += offset
        last = LinearSchedule().fit(target).sigma_min_
        e_floor = energy_floor(held_out, len(source))
        for weights, schedule, n_steps in product(WEIGHTS, SCHEDULES, BUDGETS):
            flow = SDFlowSampler(
                KernelScoreDifference(weights),
                schedule=ConstantSchedule(last) if schedule == "constant" else schedule,
                n_steps=n_steps,
                random_state=seed,
            ).fit(target)
            start = time.perf_counter()
            moved = flow.transform(source.astype(np.float32))
            seconds = time.perf_counter() - start
            results.setdefault((name, weights, schedule, n_steps), []).append(
                (
                    energy_distance(moved, held_out) / e_floor,
                    nearest_neighbor_ratio(moved, target),
                    transport_cost_ratio(source, moved),
                    seconds,
                )
            )
means = {key: np.mean(rows, axis=0) for key, rows in results.items()}

print(f"{N_ROWS} rows onto {N_ROWS} (breast cancer: 285); means over {SEEDS} seeds")
print("energy over floor · copy · scramble · seconds\n")
print("| data | weights | schedule |", " | ".join(f"{n} steps" for n in BUDGETS), "|")
print("|---|---|---|" + "---|" * len(BUDGETS))
for name, weights, schedule in product(DATA, WEIGHTS, SCHEDULES):
    cells = []
    for n in BUDGETS:
        fit, copy, scramble, seconds = means[name, weights, schedule, n]
        cells.append(f"{fit:.3g} · {copy:.2f} · {scramble:.2f} · {seconds:.2f}")
    print(f"| {name} | {WEIGHTS[weights]} | {schedule} |", " | ".join(cells), "|")

print("\nGeometric mean of the energy over floor over the four data sets\n")
print("| weights | schedule |", " | ".join(f"{n} steps" for n in BUDGETS), "|")
print("|---|---|" + "---|" * len(BUDGETS))
for weights, schedule in product(WEIGHTS, SCHEDULES):
    fits = [
        np.exp(np.mean([np.log(means[name, weights, schedule, n][0]) for name in DATA]))
        for n in BUDGETS
    ]
    print(f"| {WEIGHTS[weights]} | {schedule} |", " | ".join(f"{fit:.2f}" for fit in fits), "|")

COLORS = {
    "constant": "#8d97a8",
    "linear": "#e8a33d",
    "cosine": "#2f5f9e",
    "geometric": "#c8324a",
    "karras": "#5aa6a0",
}
figure, axes = plt.subplots(
    2, len(DATA), figsize=(12, 5.2), sharex=True, sharey=True, layout="constrained"
)
for (i, weights), (j, name) in product(enumerate(WEIGHTS), enumerate(DATA)):
    axis = axes[i, j]
    for schedule, color in COLORS.items():
        curve = [means[name, weights, schedule, n][0] for n in BUDGETS]
        axis.plot(4 * np.array(BUDGETS), curve, "o-", markersize=3.5, color=color, label=schedule)
    axis.axhline(1, color="black", linewidth=0.8, linestyle="--")
    axis.set(xscale="log", yscale="log", ylim=(0.5, 4), yticks=[0.5, 1, 2, 4])
    axis.set_xticks(4 * np.array(BUDGETS), [str(4 * n) for n in BUDGETS])
    axis.yaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.spines[["top", "right"]].set_visible(False)
    if i == 0:
        axis.set_title(name, fontsize=10)
    else:
        axis.set_xlabel("kernel sums")
    if j == 0:
        axis.set_ylabel(f"{WEIGHTS[weights]} weights\nenergy over floor")
axes[0, -1].legend(frameon=False, fontsize=8)
figure.savefig("schedule_study.png", dpi=110)
