"""A grid search sees copying only if its score does.

Three schedules and up to six last bandwidths are compared on seven tables by four scores, all
in one pass. As the last bandwidth shrinks, samples turn into copies of training rows. The energy
distance to held-out rows hardly notices, since to them a copied training row is as good as a fresh
one; ``fit_without_copying`` weighs it by how far the copy ratio is from 1, and does.

Prints what either score picks, and how much worse it finds the best flow that copies (copy ratio
below 0.7). Writes ``grid_search.png`` into the current directory. Figures are means over folds, ±
standard errors; the copy ratio is that of the score ``copying``, which inverts ratios above 1.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skflow import SDFlowSampler
from skflow.bandwidth import resolve_bandwidth
from skflow.datasets import make_clusters, make_question_mark
from skflow.metrics import energy_distance, energy_floor
from skflow.model_selection import get_scorers

FAST = "SKFLOW_FAST" in os.environ
PICKERS = ("energy", "fit_without_copying")
TABLES = {
    "iris": load_iris().data,
    "wine": load_wine().data,
    "diabetes": np.delete(load_diabetes().data, 1, axis=1),  # less the one column of two values
    "cancer": load_breast_cancer().data,
    "digits": load_digits().data,
    "12 clusters": make_clusters(500, random_state=0),
    "question mark": make_question_mark(500, random_state=0),
}
SCHEDULES, WIDTHS = ("geometric", "karras", "cosine"), (0.1, 0.3, 1, 1.5, 2, 3)
N_FOLDS, N_SAMPLES = 3, 200
if FAST:
    TABLES = {"wine": TABLES["wine"]}
    SCHEDULES, WIDTHS, N_FOLDS, N_SAMPLES = ("geometric",), (0.1, 1), 2, 100


def over_floor(samples, X):
    return energy_distance(samples, X) / energy_floor(X, len(samples))


def search(X):
    """Last bandwidths, by scorer an array (schedules, widths, folds), the default bandwidth."""
    Z = scale(X)
    rms, nn = (resolve_bandwidth(name, Z) for name in ("rms", "nn"))
    widths = [w for w in WIDTHS if w * nn < 0.9 * rms]  # the RMS radius is where a flow begins
    found = GridSearchCV(
        make_pipeline(StandardScaler(), SDFlowSampler(n_reference=N_SAMPLES, random_state=0)),
        {
            "sdflowsampler__schedule": SCHEDULES,
            "sdflowsampler__schedule__sigma_min": [f"{w}*nn" for w in widths],
        },
        scoring=get_scorers(*PICKERS, "copying", "two_sample", over_floor, n_samples=N_SAMPLES),
        refit="fit_without_copying",
        cv=KFold(N_FOLDS, shuffle=True, random_state=0),
        n_jobs=None if FAST else 2,
    ).fit(X)
    scores = {}
    for name in [*PICKERS, "copying", "two_sample", "over_floor"]:
        folds = [found.cv_results_[f"split{k}_test_{name}"] for k in range(N_FOLDS)]
        scores[name] = np.stack(folds, axis=-1).reshape(len(SCHEDULES), len(widths), N_FOLDS)
    scores["copy"] = np.exp(scores["copying"])
    return widths, scores, SDFlowSampler().fit(Z).schedule_.sigma_min_ / nn


def best(score, among=True):
    """Schedule and width with the best mean over the folds."""
    return np.unravel_index(np.where(among, score.mean(axis=-1), -np.inf).argmax(), score.shape[:2])


def pm(values):
    return f"{values.mean():.2f} ± {values.std(ddof=1) / np.sqrt(len(values)):.2f}"


results = {name: search(X) for name, X in TABLES.items()}
ROW = "{:13} {:20} {:10} {:8} {:13} {:13} {:13} {}"
print(
    ROW.format("table", "picked by", "schedule", "σ_min", "energy/floor", "copy", "accuracy", ""),
    end="",
)
print("best copier")
for name, (widths, scores, _) in results.items():
    copies = scores["copy"].mean(axis=-1) < 0.7
    for picker in PICKERS:
        pick, copier = best(scores[picker]), best(scores[picker], among=copies)
        print(
            ROW.format(
                name,
                picker,
                SCHEDULES[pick[0]],
                f"{widths[pick[1]]} nn",
                pm(-scores["over_floor"][pick]),
                pm(scores["copy"][pick]),
                pm(0.5 - scores["two_sample"][pick]),
                "× " + pm(scores[picker][copier] / scores[picker][pick]),
            )
        )
print("\naccuracy: of a forest that tells samples from held-out rows; best copier: its score over")
print("the pick's, fold by fold (1: as good)")

COLORS = {"geometric": "#c8324a", "karras": "#5aa6a0", "cosine": "#2f5f9e"}
PICKS = {  # marker, its size, which line of the lower panels it lies on
    "energy": ("s", 11, "over_floor"),
    "fit_without_copying": ("o", 6, "fit_without_copying"),
}
figure, axes = plt.subplots(
    2, len(TABLES), figsize=(18, 6), sharex=True, sharey="row", layout="constrained", squeeze=False
)
for j, (name, (widths, scores, default)) in enumerate(results.items()):
    top, bottom = axes[:, j]
    for i, schedule in enumerate(SCHEDULES):
        style = {"color": COLORS[schedule], "markersize": 3.5}
        top.plot(widths, scores["copy"][i].mean(axis=-1), "o-", label=schedule, **style)
        bottom.plot(widths, -scores["fit_without_copying"][i].mean(axis=-1), "o-", **style)
        bottom.plot(widths, -scores["over_floor"][i].mean(axis=-1), "o:", **style)
    for picker, (marker, size, line) in PICKS.items():
        i, k = best(scores[picker])
        style = {"color": "black", "markersize": size, "fillstyle": "none", "linestyle": ""}
        label = "picked by " + picker.replace("_", " ")
        top.plot(widths[k], scores["copy"][i, k].mean(), marker, label=label, **style)
        bottom.plot(widths[k], -scores[line][i, k].mean(), marker, **style)
    for axis in (top, bottom):
        axis.axvline(default, color="#b9c0cc", linewidth=0.8, zorder=0)
        axis.axhline(1, color="black", linewidth=0.8, linestyle="--", zorder=0)
        axis.set(xscale="log", yscale="log")
        axis.set_xticks(WIDTHS, [f"{w:g}" for w in WIDTHS])
        axis.yaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
    top.set_title(name, fontsize=11)
    bottom.set_xlabel("last bandwidth / nn")
axes[0, 0].set(ylabel="copy ratio", yticks=[0.1, 0.2, 0.5, 1])
axes[1, 0].set(ylabel="energy / floor (dotted), × copying", yticks=[1, 2, 5, 10])
axes[0, -1].legend(frameon=False, fontsize=8, loc="lower right")
figure.savefig("grid_search.png", dpi=110)
