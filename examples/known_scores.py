"""Kernel means, denoisers and critics, measured against a score that is known.

The target is a mixture of five Gaussians, whose blurred score σ²∇log p(z;σ) has a closed form; the
source is a Gaussian of the same spread s, moved by s along the first column. From 1000 rows of
each, the score is estimated by a kernel mean and by a learned denoiser, and the score difference by
these two and by the slopes of three critics. The errors are those at fresh rows z = y + σε,
relative to the size of the truth: an estimate that is always zero has an error of 1.

Over most of the bandwidths of SD flow's defaults the kernel mean, which needs no training, is the
best; where σ is narrower it knows its own rows only, and the denoiser, which is learnt in half a
minute, is better by far. The slopes of critics are poor score differences: the best of the three, a
perceptron, is off by 30 to 80 per cent of the truth.

Prints a table over two seeds, and writes ``known_scores.png`` into the current directory.
"""

import os
import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skflow import SDFlowSampler
from skflow.datasets import make_clusters, make_ring
from skflow.fields import CriticGradient, LearnedDenoiser, TargetScore

FAST = "SKFLOW_FAST" in os.environ
SEEDS, N_ROWS, N_FRESH, N_UPDATES = (1, 300, 500, 5) if FAST else (2, 1000, 2000, 100)
LEVELS = np.geomspace(0.03, 3, 3 if FAST else 7)  # σ, in units of the target's deviation s
learned = LearnedDenoiser(n_updates=50) if FAST else LearnedDenoiser()


class Mixture:
    """Equal Gaussians, and the score of the mixture at every σ."""

    def __init__(self, draw, std):
        self.draw, self.std = draw, std
        self.centers = draw(1, 0, return_centers=True)[1]
        self.mean = self.centers.mean(axis=0)
        self.s = np.sqrt(std**2 + np.sum((self.centers - self.mean) ** 2) / self.centers.size)
        self.source_mean = self.mean + self.s * np.eye(len(self.mean))[0]

    def score(self, Z, sigma):
        """σ²∇log p(z;σ): rows are drawn to the centres by their posterior probabilities."""
        variance = self.std**2 + sigma**2
        squares = np.sum((Z[:, None] - self.centers) ** 2, axis=2)
        shares = softmax(-squares / (2 * variance), axis=1)
        return sigma**2 / variance * (shares @ self.centers - Z)

    def source_score(self, Z, sigma):
        return sigma**2 / (self.s**2 + sigma**2) * (self.source_mean - Z)

    def draw_source(self, n, seed):
        rng = np.random.default_rng(seed)
        return self.source_mean + self.s * rng.normal(size=(n, len(self.mean)))


PROBLEMS = {
    "ring, 2-d": Mixture(lambda n, seed, **more: make_ring(n, random_state=seed, **more), 0.5),
    "clusters, 10-d": Mixture(
        lambda n, seed, **more: make_clusters(n, n_clusters=5, random_state=seed, **more), 1.0
    ),
}
CRITICS = {
    "quadratic critic": make_pipeline(
        StandardScaler(), PolynomialFeatures(2), LogisticRegression(max_iter=1000)
    ),
    "kernel critic": make_pipeline(
        StandardScaler(), Nystroem(random_state=0), LogisticRegression(C=10, max_iter=1000)
    ),
    "perceptron critic": MLPClassifier((64, 64), learning_rate_init=2e-3, alpha=1e-3),
}


def relative_error(estimate, exact):
    return np.sqrt(np.sum((estimate - exact) ** 2) / np.sum(exact**2))


def errors(mixture, seed):
    """Errors by what is estimated, method and level, and seconds by method."""
    X, Y = mixture.draw(N_ROWS, seed), mixture.draw_source(N_ROWS, seed)
    fresh = mixture.draw(N_FRESH, 100 + seed), mixture.draw_source(N_FRESH, 100 + seed)
    sigmas = mixture.s * LEVELS
    begin = time.perf_counter()
    terms = {
        "kernel": [TargetScore().fit(rows, sigmas) for rows in (X, Y)],
        "learned": [
            TargetScore(learned).fit(rows, sigmas, rng=np.random.default_rng(seed))
            for rows in (X, Y)
        ],
    }
    seconds = {"learned": time.perf_counter() - begin}
    result = {}

    def velocity(field, Z, Y, sigma):
        return field.start(np.random.default_rng(seed)).velocity(Z, Y, sigma)

    for sigma in sigmas:
        noise = np.random.default_rng(200 + seed).normal(size=fresh[0].shape)
        on_target, on_source = (rows + sigma * noise for rows in fresh)
        difference = mixture.score(on_source, sigma) - mixture.source_score(on_source, sigma)
        for name, (p, q) in terms.items():
            v = velocity(p, on_target, on_target, sigma)
            exact = mixture.score(on_target, sigma)
            result.setdefault(("score", name), []).append(relative_error(v, exact))
            v = velocity(p, on_source, Y, sigma) - velocity(q, on_source, Y, sigma)
            result.setdefault(("difference", name), []).append(relative_error(v, difference))
        for name, critic in CRITICS.items():
            begin = time.perf_counter()
            field = CriticGradient(critic, blur=True, n_updates=N_UPDATES).fit(X, sigmas)
            v = velocity(field, on_source, Y, sigma)
            seconds[name] = seconds.get(name, 0.0) + (time.perf_counter() - begin) / len(sigmas)
            result.setdefault(("difference", name), []).append(relative_error(v, difference))
    return result, seconds


# ------------------------------------------------------------------------------------------- table
shown = [0, 1, 2] if FAST else [1, 2, 3, 4, 5]
print(f"{N_ROWS} rows, means over {SEEDS} seeds; relative errors by σ/s; seconds to train two")
print("denoisers, or one critic at one σ\n")
print("| target | estimate of | by | " + " | ".join(f"{LEVELS[i]:.2g}" for i in shown) + " | s |")
print("|---" * (4 + len(shown)) + "|")
curves, first_last = {}, {}
for problem, mixture in PROBLEMS.items():
    runs = [errors(mixture, seed) for seed in range(SEEDS)]
    schedule = SDFlowSampler().fit(mixture.draw(N_ROWS, 0)).sigmas_
    first_last[problem] = schedule[0] / mixture.s, schedule[-1] / mixture.s
    for what, name in runs[0][0]:
        curve = curves[problem, what, name] = np.mean([run[0][what, name] for run in runs], axis=0)
        cells = " | ".join(f"{curve[i]:.3f}" for i in shown)
        seconds = np.mean([run[1].get(name, 0.0) for run in runs])
        print(f"| {problem} | {what} | {name} | {cells} | {seconds:.1f} |", flush=True)

# -------------------------------------------------------------------------------------- the figure
COLORS = {
    "kernel": "#2f5f9e",
    "learned": "#c8324a",
    "perceptron critic": "#e8a33d",
    "kernel critic": "#5aa6a0",
    "quadratic critic": "#8d97a8",
}
TITLES = {"score": "score of the target", "difference": "score difference to a Gaussian"}
figure, axes = plt.subplots(2, 2, figsize=(10, 7), sharex=True, sharey=True, layout="constrained")
for row, problem in zip(axes, PROBLEMS, strict=True):
    for axis, (what, title) in zip(row, TITLES.items(), strict=True):
        axis.axvspan(*first_last[problem], color="#eef0f4", linewidth=0)
        axis.axhline(1, color="black", linewidth=0.8, linestyle="--")
        for name, color in COLORS.items():
            if (problem, what, name) in curves:
                curve = curves[problem, what, name]
                axis.plot(LEVELS, curve, color=color, marker="o", markersize=3, label=name)
        axis.set(title=f"{problem}: {title}", xscale="log", yscale="log")
        axis.title.set_fontsize(10)
        axis.spines[["top", "right"]].set_visible(False)
    row[0].set_ylabel("relative error")
for axis in axes[1]:
    axis.set_xlabel("noise level σ, in standard deviations of the target")
axes[0, 1].legend(frameon=False, fontsize=9)
figure.savefig("known_scores.png", dpi=120)
