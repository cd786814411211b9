"""A far-off Gaussian cloud flows onto a question mark.

500 rows of a Gaussian, twelve units away, are moved onto 1024 rows of 30 Gaussians along a question
mark in three dimensions. Nothing is tuned. Writes ``question_mark.png`` and, with the flow in
motion, ``question_mark.gif`` into the current directory, and prints how well the rows arrived.
"""

import os

import numpy as np

from skflow import SDFlowSampler
from skflow.datasets import make_question_mark
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)
from skflow.plotting import FlowPathDisplay, animate

FAST = "SKFLOW_FAST" in os.environ

target = make_question_mark(300 if FAST else 1024, random_state=0)
held_out = make_question_mark(1000 if FAST else 5000, random_state=1)
source = np.random.default_rng(0).normal(size=(200 if FAST else 500, 3))
source += target.mean(axis=0) + np.array([12, 0, 0])

flow = SDFlowSampler(random_state=0).fit(target)
display = FlowPathDisplay.from_estimator(flow, source, columns=[0, 2], steps=[0, 1, 5, 10, 20, 50])
display.figure_.savefig("question_mark.png", dpi=150)
animate(flow, source, "question_mark.gif", columns=[0, 2])

moved = flow.transform(source)
floor = energy_floor(held_out, len(moved))
fit, before = (energy_distance(rows, held_out) / floor for rows in (moved, source))
print("fit       energy distance to held-out rows, as a multiple of what fresh rows show:")
print(f"          {fit:.2f} (the source: {before:.0f})")
print(f"copy      nearest-neighbour ratio: {nearest_neighbor_ratio(moved, target):.2f} (fresh: 1)")
print(f"scramble  transport cost ratio: {transport_cost_ratio(source, moved):.3f} (shortest: 1)")
