"""A generator learns a map from source rows to target rows, and applies it to rows it never saw.

Half of the breast cancer data is the target. The other half was measured by another instrument:
every column has its own gain and offset, and a bent copy of another column leaks into it. A flow is
fitted to two thirds of each half, without labels. The last third of the source, which no fit has
seen, is then mapped row by row, and compared with the last third of the target. A classifier that
was trained on the labelled target rows predicts the mapped rows.

Particles do it as well, and are fitted in a thirtieth of the time; the generator then maps a row in
a fiftieth of theirs. Where the drift is mild, standardising is hardly worse.

Prints a table over five splits and writes ``source_map.png`` into the current directory.
"""

import os
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skflow import SDFlowGenerator, SDFlowSampler
from skflow.metrics import (
    energy_distance,
    energy_floor,
    nearest_neighbor_ratio,
    transport_cost_ratio,
)

FAST = "SKFLOW_FAST" in os.environ
SEEDS = 2 if FAST else 5


def drift(X, rng):
    """A bent copy of another column is added to every column, then each has a gain and offset."""
    other = X[:, rng.permutation(X.shape[1])]
    gain, offset = np.exp(0.2 * rng.normal(size=X.shape[1])), 0.5 * rng.normal(size=X.shape[1])
    return gain * (X + np.sqrt(1 + other**2) - 1) + offset


def tables(seed):
    """Target, its labels, held-out target; source; unseen source, its labels, undrifted rows."""
    X, y = load_breast_cancer(return_X_y=True)
    X, clean, y, label = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
    scaler = StandardScaler().fit(X)
    X, clean = scaler.transform(X), scaler.transform(clean)
    drifted = drift(clean, np.random.default_rng(seed))
    thirds = {"test_size": 1 / 3, "random_state": seed}
    target, held_out, y, _ = train_test_split(X, y, stratify=y, **thirds)
    source, new, _, label, _, clean = train_test_split(
        drifted, label, clean, stratify=label, **thirds
    )
    return target, y, held_out, source, new, label, clean


def standardise(target, source):
    """A transformer that gives the source the target's means and standard deviations."""
    scaler, to_target = StandardScaler().fit(source), StandardScaler().fit(target)
    return FunctionTransformer(lambda rows: to_target.inverse_transform(scaler.transform(rows)))


def particles(target, source):
    return SDFlowSampler(random_state=0).fit(target, X_source=source)


def generator(target, source):
    n_epochs = 1 if FAST else "auto"
    return SDFlowGenerator(n_epochs=n_epochs, random_state=0).fit(target, X_source=source)


METHODS = {
    "no move": lambda target, source: FunctionTransformer(),
    "standardise": standardise,
    "SDFlowSampler()": particles,
    "SDFlowGenerator()": generator,
}


def fit_ratio(rows, held_out):
    return energy_distance(rows, held_out) / energy_floor(held_out, len(rows))


results, undrifted, mapped = {}, [], {}
for seed in range(SEEDS):
    target, y, held_out, source, new, label, clean = tables(seed)
    classifier = LogisticRegression(max_iter=2000).fit(target, y)
    undrifted.append((fit_ratio(clean, held_out), classifier.score(clean, label)))
    for name, method in METHODS.items():
        start = time.perf_counter()
        flow = method(target, source)
        fitted = time.perf_counter()
        moved = flow.transform(new)
        done = time.perf_counter()
        results.setdefault(name, []).append(
            {
                "fit": fit_ratio(moved, held_out),
                "fit of seen rows": fit_ratio(flow.transform(source), held_out),
                "copy": nearest_neighbor_ratio(moved, target),
                "scramble": transport_cost_ratio(new, moved),
                "accuracy": classifier.score(moved, label),
                "seconds to fit": fitted - start,
                "seconds to map": done - fitted,
            }
        )
        if seed == 0:
            mapped[name] = moved

# ------------------------------------------------------------------------------------------- table
print(
    f"{len(source)} source rows onto {len(target)} target rows of {target.shape[1]} columns, then"
)
print(
    f"{len(new)} unseen rows; means ± standard errors over {SEEDS} splits; fit: energy distance to"
)
print("held-out target rows, over what fresh rows show\n")
keys = list(results["no move"][0])
print("| method | " + " | ".join(keys) + " |\n" + "|---" * (len(keys) + 1) + "|")
for name, rows in results.items():
    cells = []
    for key in keys:
        values = np.array([row[key] for row in rows])
        error = values.std(ddof=1) / SEEDS**0.5
        time_taken = key.startswith("seconds")
        cells.append(f"{values.mean():.3f}" + ("" if time_taken else f" ± {error:.3f}"))
    print(f"| {name} | " + " | ".join(cells) + " |")
fit, accuracy = np.mean(undrifted, axis=0)
print(f"\nThe same rows without drift: fit {fit:.3f}, accuracy {accuracy:.3f}")

# ------------------------------------------------------------------------------------------ figure
target, _, _, _, new, _, _ = tables(0)
plane = PCA(2).fit(target)
backdrop, before = plane.transform(target), plane.transform(new)
shown = np.concatenate([backdrop, before])
low, high = shown.min(axis=0), shown.max(axis=0)
titles = {
    "no move": "unseen source rows",
    "SDFlowSampler()": "moved by the particles' flow",
    "SDFlowGenerator()": "mapped by the generator",
}
figure, axes = plt.subplots(
    1, 3, figsize=(12, 3.25), sharex=True, sharey=True, layout="constrained"
)
for axis, (name, title) in zip(axes, titles.items(), strict=True):
    after = plane.transform(mapped[name])
    axis.scatter(*backdrop.T, s=9, color="#b9c0cc", linewidths=0, label="target")
    if name != "no move":
        axis.quiver(
            *before.T, *(after - before).T, angles="xy", scale_units="xy", scale=1, width=0.0018,
            headwidth=0, headlength=0, headaxislength=0, color="#d9a0a9",
        )  # fmt: skip
    axis.scatter(*after.T, s=11, color="#c8324a", linewidths=0, label="unseen rows")
    axis.set(title=title, xlabel="first principal component", aspect="equal")
    axis.set(xlim=(low[0] - 1, high[0] + 1), ylim=(low[1] - 1, high[1] + 1), xticks=[], yticks=[])
    outside = np.mean(((after < low - 1) | (after > high + 1)).any(axis=1))
    if outside > 0:
        axis.set_xlabel(f"first principal component ({outside:.0%} of the rows are outside)")
    axis.spines[:].set_color("#d8dce2")
axes[0].set_ylabel("second principal component")
axes[0].legend(frameon=False, fontsize=9, loc="lower right")
figure.savefig("source_map.png", dpi=130)
