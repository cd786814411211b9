"""A linear generator learns a Gaussian in 50 dimensions, under noise far wider than the data.

The model optimisation of Weber (2023), appendix D.4. The target is x = B ξ + μ, ξ of 25 dimensions;
the generator is of the same form, and sees target rows only, never the ξ they were made of. It is
trained by 1000 steps of the paper's settings, at a constant variance γ of ten times the mean
distance of the first outputs to their nearest target rows. Less noise is faster, but leaves the
learnt covariance too small; more noise is slower.

The paper does not say how many target rows there are; here they are 4096. Errors are those of B̂B̂ᵀ
(relative, in the Frobenius norm) and of μ̂ (root mean square), against BBᵀ and μ themselves.

Prints a table over five seeds, another one of more and less noise, and writes
``linear_generator.png`` into the current directory.
"""

import os
import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import gaussian_kde
from sklearn.neighbors import NearestNeighbors

from skflow import SDFlowGenerator
from skflow.fields import KernelScoreDifference
from skflow.generators import LinearGenerator
from skflow.metrics import nearest_neighbor_ratio
from skflow.schedules import ConstantSchedule

FAST = "SKFLOW_FAST" in os.environ
SEEDS, N_ROWS, N_STEPS, N_STAGES = (2, 512, 10, 2) if FAST else (5, 4096, 1000, 20)
NOISE_SEEDS = 1 if FAST else 2  # of the sweep
NOISE = {"γ/100": 0.01, "γ/10": 0.1, "γ": 1.0, "10 γ": 10.0}


def problem(seed):
    """B, μ, the target's rows and γ."""
    rng = np.random.default_rng(seed)
    B, mu = rng.normal(0, 0.5, (50, 25)), rng.normal(10, 1, 50)
    target = rng.normal(size=(N_ROWS, 25)) @ B.T + mu
    first = rng.normal(size=(1024, 25)) @ rng.normal(0, 0.1, (25, 50))
    nearest = NearestNeighbors(n_neighbors=1).fit(target)
    return B, mu, target.astype(np.float32), 10 * nearest.kneighbors(first)[0].mean()


def covariance_error(flow, B):
    B_hat = flow.generator_.coef_
    return np.linalg.norm(B_hat @ B_hat.T - B @ B.T) / np.linalg.norm(B @ B.T)


def train(seed, factor):
    """The trained flow, its figures, and its covariance error after every stage."""
    B, mu, target, gamma = problem(seed)
    flow = SDFlowGenerator(
        LinearGenerator(learning_rate=1e-3, init_scale=0.1),
        latent_dim=25,
        field=KernelScoreDifference("row"),
        schedule=ConstantSchedule(np.sqrt(factor * gamma)),
        n_steps=N_STEPS // N_STAGES,
        n_epochs=1,
        step_size=1.0,
        align=None,
        n_noise=1,
        batch_size=1024,
        match_marginals=False,
        warm_start=True,  # a fit is a stage, and the next goes on from there
        random_state=np.random.RandomState(seed),
    )
    seconds, errors = 0.0, [1.0]
    for _ in range(N_STAGES):
        start = time.perf_counter()
        flow.fit(target)
        seconds += time.perf_counter() - start
        errors.append(covariance_error(flow, B))
    B_hat, mu_hat = flow.generator_.coef_, flow.generator_.intercept_
    samples = flow.sample(len(target), random_state=0)
    figures = {
        "correlation": np.corrcoef((B @ B.T).ravel(), (B_hat @ B_hat.T).ravel())[0, 1],
        "covariance error": errors[-1],
        "variance ratio": np.trace(B_hat @ B_hat.T) / np.trace(B @ B.T),
        "mean error": np.sqrt(np.mean((mu_hat - mu) ** 2)),
        "copy": nearest_neighbor_ratio(samples, target),
        "seconds": seconds,
    }
    return flow, figures, errors


results = {
    (name, seed): train(seed, factor)
    for name, factor in NOISE.items()
    for seed in range(SEEDS if name == "γ" else NOISE_SEEDS)
}

# ------------------------------------------------------------------------------------------ tables
header = list(results["γ", 0][1])
heading, rule = " | ".join(header), "|---" * (len(header) + 2) + "|"
sampling = []
for seed in range(SEEDS):
    B, mu, target, _ = problem(seed)
    C = np.cov(target.T.astype(float))
    mean_error = np.sqrt(np.mean((target.mean(axis=0, dtype=float) - mu) ** 2))
    sampling.append((np.linalg.norm(C - B @ B.T) / np.linalg.norm(B @ B.T), mean_error))
print(f"{N_STEPS} steps; the target's {N_ROWS} rows themselves have a covariance error of")
print("{:.3f} and a mean error of {:.3f}\n".format(*np.mean(sampling, axis=0)))
print(f"| seed | γ | {heading} |\n{rule}")
rows = [[problem(seed)[3], *results["γ", seed][1].values()] for seed in range(SEEDS)]
for seed, values in [*enumerate(rows), ("mean", np.mean(rows, axis=0))]:
    print(f"| {seed} | {values[0]:.0f} | " + " | ".join(f"{v:.3f}" for v in values[1:]) + " |")
print(f"\n| noise, means over {NOISE_SEEDS} seeds | γ | {heading} |\n{rule}")
for name, factor in NOISE.items():
    means = np.mean([list(results[name, s][1].values()) for s in range(NOISE_SEEDS)], axis=0)
    gamma = factor * np.mean([problem(s)[3] for s in range(NOISE_SEEDS)])
    print(f"| {name} | {gamma:.1f} | " + " | ".join(f"{v:.3f}" for v in means) + " |")

# ------------------------------------------------------------------------------------------ figure
B, mu, target, gamma = problem(0)
flow = results["γ", 0][0]
B_hat, mu_hat = flow.generator_.coef_, flow.generator_.intercept_
figure, axes = plt.subplots(1, 4, figsize=(14, 3.6), layout="constrained")

pairs = [(mu, mu_hat, "mean: μ̂ against μ", 12), (B @ B.T, B_hat @ B_hat.T, "covariance", 3)]
for axis, (true, learnt, title, size) in zip(axes, pairs, strict=False):
    low, high = true.min(), true.max()
    axis.plot([low, high], [low, high], color="black", linewidth=0.8)
    axis.scatter(true.ravel(), learnt.ravel(), s=size, color="#c8324a", linewidths=0, alpha=0.6)
    axis.set(title=title, xlabel="true", ylabel="learnt", aspect="equal")
axes[1].set_title("covariance: B̂B̂ᵀ against BBᵀ")

neighbors = NearestNeighbors(n_neighbors=1).fit(target)
fresh = np.random.default_rng(1000).normal(size=(N_ROWS, 25)) @ B.T + mu
distances = {
    "target rows, among themselves": (neighbors.kneighbors()[0].ravel(), "#8d97a8"),
    "fresh rows": (neighbors.kneighbors(fresh)[0].ravel(), "black"),
    "generated rows": (neighbors.kneighbors(flow.sample(N_ROWS))[0].ravel(), "#c8324a"),
}
grid = np.linspace(4, 18, 300)
for name, (distance, color) in distances.items():
    density = gaussian_kde(distance)(grid)
    label = f"{name}\n(median {np.median(distance):.1f})"
    if name.startswith("target"):
        axes[2].fill_between(grid, density, color=color, alpha=0.5, linewidth=0, label=label)
    else:
        axes[2].plot(grid, density, color=color, label=label)
axes[2].set(title="distance to the nearest target row", xlim=(4, 18), yticks=[])
axes[2].set_ylim(0, 1.65 * axes[2].get_ylim()[1])
axes[2].legend(frameon=False, fontsize=8, loc="upper right")

stages = np.linspace(0, N_STEPS, N_STAGES + 1)
for name, color in zip(NOISE, ["#5aa6a0", "#2f5f9e", "#c8324a", "#e8a33d"], strict=True):
    label = f"{name} = {NOISE[name] * gamma:.{0 if NOISE[name] >= 1 else 1}f}"
    axes[3].plot(stages, results[name, 0][2], color=color, label=label)
axes[3].set(title="relative error of the covariance", xlabel="step", ylim=(0, 1.5))
axes[3].legend(frameon=False, fontsize=8, title="variance of the noise", title_fontsize=8)
for axis in axes:
    axis.spines[["top", "right"]].set_visible(False)
figure.savefig("linear_generator.png", dpi=130)
