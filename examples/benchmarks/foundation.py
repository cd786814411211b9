"""The figures that the defaults, the kernel sums and the metrics are held to.

Prints three tables: what the default flow reaches on three data sets (fit, copy, scramble), how
long a flow of 500 steps takes, and the memory of the metrics on 10⁵ against 10⁵ rows.

    python examples/benchmarks/foundation.py            all (about three minutes)
    python examples/benchmarks/foundation.py quality speed memory    any of them
"""

import resource
import sys
import time

import numpy as np
from sklearn.datasets import make_swiss_roll

from skflow import SDFlowSampler
from skflow.datasets import make_clusters, make_grid, make_question_mark
from skflow.fields import KernelScoreDifference
from skflow.metrics import (
    characteristic_function_distance,
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)

SEEDS = 20
JOBS = {
    "question mark, 3-d": (make_question_mark, [12, 0, 0]),
    "25-grid, 2-d": (make_grid, [-25, 25]),
    "12 clusters, 10-d": (make_clusters, [30] + 9 * [0]),
}


def quality():
    """A far-off Gaussian of 1024 rows onto 1024 target rows, against 4096 held-out rows."""
    print(
        "\nDefaults, 50 steps, 1024 rows onto 1024; mean ± standard deviation over", SEEDS, "seeds"
    )
    print("fit: energy to held-out rows / floor; own draw: the same for the target rows themselves")
    row = "{:20} {:>14} {:>14} {:>14} {:>14} {:>14}"
    print(row.format("", "fit", "fit, 5 seeds", "own draw", "copy", "scramble"))
    for name, (make, offset) in JOBS.items():
        figures = []
        for seed in range(SEEDS):
            X, held_out = make(1024, random_state=seed), make(4096, random_state=100 + seed)
            noise = np.random.default_rng(seed).normal(size=X.shape)
            source = X.mean(axis=0) + offset + noise
            moved = SDFlowSampler(random_state=seed).fit(X).transform(source)
            floor = energy_floor(held_out, len(moved))
            figures.append(
                (
                    energy_distance(moved, held_out) / floor,
                    energy_distance(X, held_out) / floor,
                    nearest_neighbor_ratio(moved, X),
                    transport_cost_ratio(source, moved),
                )
            )
        mean, deviation = np.mean(figures, axis=0), np.std(figures, axis=0, ddof=1)
        fit, own, copy, scramble = (
            f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, deviation, strict=True)
        )
        first = f"{np.mean(figures[:5], axis=0)[0]:.3f}"
        print(row.format(name, fit, first, own, copy, scramble), flush=True)


def speed():
    """Median of five runs of 500 steps: Swiss roll onto question mark, 1024 rows, float64."""
    X = make_question_mark(1024, random_state=0)
    source = make_swiss_roll(1024, random_state=0)[0]
    paper = {"align": None, "n_noise": 1, "schedule": "cosine", "batch_size": None}
    paper["match_marginals"] = False
    flows = {
        "two-sided weights (default)": SDFlowSampler(n_steps=500, random_state=0),
        "one-sided, the paper's settings": SDFlowSampler(
            KernelScoreDifference("row"), n_steps=500, random_state=0, **paper
        ),
    }
    print("\n500 steps, Swiss roll onto question mark, 1024 rows each, float64, all rows")
    for name, flow in flows.items():
        flow.fit(X)
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            flow.transform(source)
            seconds.append(time.perf_counter() - start)
        print(f"{name:34} {np.median(seconds):6.2f} s", flush=True)


def memory():
    """Peak memory of the process, before and after each metric on 10⁵ × 10⁵ rows."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(100_000, 10)), rng.normal(0.1, 1, (100_000, 10))

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

    print(f"\n10⁵ rows against 10⁵, 10-d: {peak():.0f} MB before")
    metrics = [
        energy_distance,
        characteristic_function_distance,
        nearest_neighbor_ratio,
        transport_cost_ratio,
    ]
    for metric in metrics:
        start = time.perf_counter()
        metric(X, Y)
        seconds = time.perf_counter() - start
        print(f"{metric.__name__:34} {seconds:6.1f} s   peak {peak():.0f} MB", flush=True)


if __name__ == "__main__":
    for name in sys.argv[1:] or ["quality", "speed", "memory"]:
        {"quality": quality, "speed": speed, "memory": memory}[name]()
