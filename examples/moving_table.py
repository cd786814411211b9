"""A table in motion: four measurements of penguins, at every step of a flow.

The penguins of the island of Biscoe are moved onto those of Dream. The left half shows six rows of
the table while their numbers change; the right half shows all rows, and the target in grey. The
flow works on standardised columns, and every step is shown in the units of the table.

Writes ``moving_table.gif`` into the current directory.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.animation import FuncAnimation, PillowWriter
from sklearn.preprocessing import StandardScaler

from skflow import SDFlowSampler

FAST = "SKFLOW_FAST" in os.environ
DATA = Path(__file__).parent / "data"
COLUMNS = {
    "bill_length_mm": "bill length\n(mm)",
    "bill_depth_mm": "bill depth\n(mm)",
    "flipper_length_mm": "flipper\n(mm)",
    "body_mass_g": "body mass\n(g)",
}
X_AXIS, Y_AXIS = "flipper_length_mm", "bill_depth_mm"
SHOWN = [0, 20, 60, 90, 120, 150]  # positions of the rows in the left half
COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]  # Okabe and Ito

biscoe, dream = (
    pd.read_csv(DATA / f"penguins_{island}.csv")[list(COLUMNS)] for island in ("biscoe", "dream")
)
scaler = StandardScaler().fit(dream)
flow = SDFlowSampler(n_steps=8 if FAST else 40, align=None, random_state=0)
flow.fit(scaler.transform(dream))
stages = [biscoe.to_numpy()]
stages += [
    scaler.inverse_transform(rows) for rows in flow.staged_transform(scaler.transform(biscoe))
]

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.6), width_ratios=[1, 1], layout="constrained"
)
left.axis("off")
cells = [["0"] * len(COLUMNS) for _ in SHOWN]
table = left.table(cells, colLabels=list(COLUMNS.values()), cellLoc="right", bbox=[0, 0, 1, 0.92])
table.auto_set_font_size(False)
table.set_fontsize(10)
for (row, _), cell in table.get_celld().items():
    cell.set_edgecolor("#d0d5dd")
    cell.get_text().set_color("#444444" if row == 0 else COLORS[row - 1])

where = [list(COLUMNS).index(name) for name in (X_AXIS, Y_AXIS)]
right.plot(dream[X_AXIS], dream[Y_AXIS], "o", color="#d0d5dd", label="Dream (target)")
(dots,) = right.plot([], [], "o", color="#444444", markersize=3, label="Biscoe, moving")
marks = [right.plot([], [], "o", color=color, markersize=7)[0] for color in COLORS]
both = np.vstack([stages[0], dream.to_numpy()])[:, where]
low, high = both.min(axis=0), both.max(axis=0)
margin = 0.05 * (high - low)
right.set(xlim=(low[0] - margin[0], high[0] + margin[0]))
right.set(ylim=(low[1] - margin[1], high[1] + margin[1]))
right.set(xlabel="flipper length (mm)", ylabel="bill depth (mm)")
right.legend(loc="upper right", frameon=False)
right.spines[["top", "right"]].set_visible(False)


def draw(step):
    rows = stages[step]
    left.set_title(f"six rows of Biscoe after step {step}", fontsize=11)
    for i, position in enumerate(SHOWN):
        for j, value in enumerate(rows[position]):
            text = f"{value:.0f}" if value > 1000 else f"{value:.1f}"
            table[i + 1, j].get_text().set_text(text)
        marks[i].set_data(rows[position, where[0], None], rows[position, where[1], None])
    dots.set_data(*rows[:, where].T)


frames = [0] * 8 + list(range(len(stages))) + [len(stages) - 1] * 16
animation = FuncAnimation(figure, draw, frames=frames)
animation.save("moving_table.gif", writer=PillowWriter(fps=10), dpi=90)
