"""Bad rows and heavy tails: what they do to the widest bandwidth.

A flow starts at the RMS radius of its target. One row in a hundred, a hundred radii away, makes
that radius ten times too wide; a Cauchy tail has none. Three rules for the first bandwidth are
compared: "rms"; "0.7*median", the median distance of two rows over √2; and the winsorized RMS
radius, in which distances from the coordinatewise median count at most as much as the 95 % quantile
of them.

Fit, copying and scrambling are measured within four winsorized radii of the good held-out rows;
rows beyond are counted. Prints one table for bad targets and one for good ones, and writes
``outliers.png`` into the current directory.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.preprocessing import scale

from skflow import SDFlowSampler
from skflow.bandwidth import resolve_bandwidth
from skflow.datasets import make_clusters, make_grid, make_question_mark
from skflow.fields import KernelScoreDifference
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)
from skflow.schedules import CosineSchedule, GeometricSchedule

FAST = "SKFLOW_FAST" in os.environ
SEEDS, N_STEPS, N_ROWS = (1, 10, 200) if FAST else (5, 50, 1000)


def winsorized_rms(X, quantile=0.95):
    squares = np.sum((X - np.median(X, axis=0)) ** 2, axis=1)
    return float(np.sqrt(np.minimum(squares, np.quantile(squares, quantile)).mean()))


def make_two_groups(n_samples, random_state):
    """Four rows in five lie in one Gaussian, the others in one 20 standard deviations away."""
    rng = np.random.default_rng(random_state)
    far = rng.uniform(size=(n_samples, 1)) < 0.2
    return rng.normal(size=(n_samples, 5)) + 20 * far * np.eye(5)[0]


def make_cauchy(n_samples, random_state):
    return np.random.default_rng(random_state).standard_cauchy((n_samples, 3))


def draw(make):
    """Target rows and held-out rows, by seed."""
    return lambda seed: (
        make(N_ROWS, random_state=seed),
        make(4 * N_ROWS, random_state=1000 + seed),
    )


def halves(table):
    def split(seed):
        rows = np.random.default_rng(seed).permutation(scale(table))
        return rows[: len(rows) // 2], rows[len(rows) // 2 :]

    return split


def spoil(tables):
    """Put one row in a hundred a hundred RMS radii away, each in its own direction."""

    def spoiled(seed):
        target, held_out = tables(seed)
        rng = np.random.default_rng(seed)
        bad = rng.permutation(len(target))[: max(1, len(target) // 100)]
        direction = rng.normal(size=(len(bad), target.shape[1]))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        target = target.copy()
        target[bad] = 100 * resolve_bandwidth("rms", held_out) * direction
        return target, held_out

    return spoiled


GOOD = {
    "question mark": draw(make_question_mark),
    "grid": draw(make_grid),
    "12 clusters": draw(make_clusters),
    "two far groups": draw(make_two_groups),
    "wine": halves(load_wine().data),
    "cancer": halves(load_breast_cancer().data),
}
BAD = {f"{name}, 1 % bad": spoil(GOOD[name]) for name in ("question mark", "12 clusters")}
BAD["cancer, 1 % bad"] = spoil(GOOD["cancer"])
BAD["Cauchy, 3-d"] = draw(make_cauchy)

SETTINGS = {  # the defaults of both weights, and the same without their alignment
    "two-sided": ("sinkhorn", GeometricSchedule, "auto"),
    "two-sided, not aligned": ("sinkhorn", GeometricSchedule, None),
    "one-sided": ("row", CosineSchedule, "auto"),
    "one-sided, not aligned": ("row", CosineSchedule, None),
}
RULES = {
    "rms": lambda X: "rms",
    "0.7*median": lambda X: "0.7*median",
    "winsorized": winsorized_rms,
}


def measure(moved, source, target, held_out):
    """Fit, copy and scramble near the good rows, and the share of rows elsewhere."""
    center, limit = np.median(held_out, axis=0), 4 * winsorized_rms(held_out)
    near = [np.linalg.norm(rows - center, axis=1) < limit for rows in (moved, target, held_out)]
    good, kept, held_out = moved[near[0]], target[near[1]], held_out[near[2]]
    return (
        energy_distance(good, held_out) / energy_floor(held_out, len(good)),
        nearest_neighbor_ratio(good, kept),
        transport_cost_ratio(source[near[0]], good),
        1 - near[0].mean(),
    )


drawn = {}
for title, data in {"bad": BAD, "good": GOOD}.items():
    print(f"\nTargets with {title} rows; means over {SEEDS} seeds, {N_STEPS} steps\n")
    print("| target | setting | first bandwidth | energy over floor | copy | scramble | far rows |")
    print("|---|---|---|---|---|---|---|")
    for name, tables in data.items():
        for setting, (weights, schedule, align) in SETTINGS.items():
            for rule, sigma_max in RULES.items():
                results, sigma = [], []
                for seed in range(SEEDS):
                    target, held_out = tables(seed)
                    noise = np.random.default_rng(seed).normal(size=target.shape)
                    spread = winsorized_rms(target)
                    source = np.median(target, axis=0) + spread / target.shape[1] ** 0.5 * noise
                    source[:, 0] += 3 * spread
                    flow = SDFlowSampler(
                        KernelScoreDifference(weights),
                        schedule=schedule(sigma_max=sigma_max(target)),
                        n_steps=N_STEPS,
                        align=align,
                        random_state=seed,
                    )
                    moved = flow.fit(target).transform(source)
                    results.append(measure(moved, source, target, held_out))
                    sigma.append(flow.sigmas_[0])
                fit, copy, scramble, far = np.mean(results, axis=0)
                print(
                    f"| {name} | {setting} | {rule}: {np.mean(sigma):.3g} | {fit:.2f} "
                    f"| {copy:.2f} | {scramble:.2f} | {far:.1%} |",
                    flush=True,
                )
                drawn[name, setting, rule] = fit

figure, axes = plt.subplots(1, 4, figsize=(13, 4.2), sharey=True, layout="constrained")
names = [*BAD, *GOOD]
for axis, setting in zip(axes, SETTINGS, strict=True):
    for rule, marker, color in zip(RULES, "osD", ("#c8324a", "#2f5f9e", "#5aa6a0"), strict=True):
        fits = [drawn[name, setting, rule] for name in names]
        place = np.arange(len(names)) + 0.22 * "osD".index(marker) - 0.22
        axis.plot(fits, place, marker, color=color, markersize=5, label=rule)
    axis.axvline(1, color="black", linewidth=0.8, linestyle="--")
    axis.axhspan(-0.5, len(BAD) - 0.5, color="#f3e9ea", zorder=0)
    axis.set(xscale="log", xlim=(0.5, 8), xlabel="energy distance over floor", title=setting)
    axis.set(ylim=(len(names) - 0.5, -0.5))
    axis.minorticks_off()
    axis.set_xticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_yticks(range(len(names)), names)
axes[0].legend(frameon=False, fontsize=9, title="first bandwidth", loc="lower right")
figure.savefig("outliers.png", dpi=120)
