"""One data set into another and back: Swiss roll and question mark.

Weber (2023), appendix D.3: a flow needs no Gaussian at either end. 1024 rows of a Swiss roll are
moved onto 1024 rows of a question mark in 500 steps with the paper's settings, and the other way
round. Neither table is scaled; both lie where they are drawn.

Prints how well the rows arrived and how long it took, and writes ``interpolation.png`` into the
current directory.
"""

import os
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_swiss_roll

from skflow import SDFlowSampler
from skflow.datasets import make_question_mark
from skflow.fields import KernelScoreDifference
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)
from skflow.schedules import ConstantSchedule, CosineSchedule

FAST = "SKFLOW_FAST" in os.environ
N_STEPS, N_ROWS, N_HELD_OUT, REPEATS = (30, 300, 500, 1) if FAST else (500, 1024, 4096, 3)

paper = {
    "n_steps": N_STEPS,
    "first_step_norm": 0.5,
    "align": None,
    "match_marginals": False,
    "n_noise": 1,
    "batch_size": None,
    "random_state": 0,
}
one_sided = KernelScoreDifference("row")
flows = {
    "paper: variance 4 to 0.5": SDFlowSampler(
        one_sided, schedule=CosineSchedule(sigma_max=2.0, sigma_min=0.5**0.5), **paper
    ),
    "the same, σ = 1 throughout": SDFlowSampler(one_sided, schedule=ConstantSchedule(1.0), **paper),
    "defaults, 500 steps": SDFlowSampler(n_steps=N_STEPS, random_state=0),
    "defaults, 50 steps": SDFlowSampler(random_state=0),
}
make = {
    "Swiss roll": lambda n, seed: make_swiss_roll(n, random_state=seed)[0],
    "question mark": lambda n, seed: make_question_mark(n, random_state=seed),
}
ways = [("Swiss roll", "question mark"), ("question mark", "Swiss roll")]

print(f"{N_ROWS} rows onto {N_ROWS}, {N_STEPS} steps, double precision, median of {REPEATS} runs\n")
print("| from | to | settings | energy | copy | scramble | seconds | processor seconds |")
print("|---|---|---|---|---|---|---|---|")
drawn = {}
for start, end in ways:
    source, target = make[start](N_ROWS, 0), make[end](N_ROWS, 0)
    held_out = make[end](N_HELD_OUT, 1000)
    for name, flow in flows.items():
        times = []
        for _ in range(REPEATS):
            begin = np.array([time.perf_counter(), time.process_time()])
            moved = flow.fit(target).transform(source)
            times.append([time.perf_counter(), time.process_time()] - begin)
        seconds, cpu = np.median(times, axis=0)
        fit = energy_distance(moved, held_out) / energy_floor(held_out, N_ROWS)
        print(
            f"| {start} | {end} | {name} | {fit:.2f} | {nearest_neighbor_ratio(moved, target):.2f} "
            f"| {transport_cost_ratio(source, moved):.3f} | {seconds:.2f} | {cpu:.2f} |"
        )
        drawn.setdefault((start, end), [source, *flow.staged_transform(source)])

# The roll is drawn along its axis, so that its spiral shows; the mark as one reads it.
STAGES = [round(share * N_STEPS) for share in (0, 0.02, 0.1, 0.25, 0.5, 1)]
figure, axes = plt.subplots(2, len(STAGES), figsize=(12, 4.6), layout="constrained")
for row, ((start, end), path) in zip(axes, drawn.items(), strict=True):
    depth = path[0][:, 0].argsort().argsort()  # a row keeps the color of where it began
    for axis, step in zip(row, STAGES, strict=True):
        moved = path[step]
        axis.scatter(moved[:, 0], moved[:, 2], c=depth, cmap="viridis", s=4, linewidths=0)
        axis.set(aspect="equal", xlim=(-12, 14), ylim=(-13, 16), xticks=[], yticks=[])
        axis.spines[:].set_color("#d8dce2")
        axis.set_title(f"step {step}", fontsize=9)
    row[0].set_ylabel(f"{start} to\n{end}", fontsize=10)
figure.savefig("interpolation.png", dpi=100)
