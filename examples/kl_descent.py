"""KL divergence falls along score-difference flow, at the rate of the Fisher divergence.

The reason for the flow (Weber 2023, section 2.2): along dx = v dt, v = σ²(∇log p - ∇log q), KL(q‖p)
falls as fast as along any velocity of that size, at the rate σ² E_q‖∇log p - ∇log q‖², σ² times the
Fisher divergence [eq. 9]. (The paper's time, with a factor of one half in eq. 4, is twice ours.)

Here both densities are Gaussian mixtures, so that nothing has to be estimated: p, a ring of five
Gaussians, and q, the moving rows, both blurred by σ. KL and the Fisher divergence are sums over a
grid. If all z = y + σε move along v, the slope of KL is the Fisher divergence. What a flow moves
are the rows y, along the mean of v over the noise ε. The rate is the mean square of that then,
which cannot be larger, and the slope that is observed agrees with it.

The second panel follows other velocities from the same start. Per unit of length none lowers KL
faster than the score difference at any moment; MMD and sliced MMD lower distances of their own.

Prints a table and writes ``kl_descent.png`` into the current directory.
"""

import os
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import logsumexp

from skflow import SDFlowSampler
from skflow.datasets import make_ring
from skflow.fields import DenoiserDifference, MMDGradient, SlicedEnergyGradient, Stein
from skflow.kernels import kernel_mean, log_kernel_density
from skflow.schedules import ConstantSchedule

FAST = "SKFLOW_FAST" in os.environ
N_ROWS, N_STEPS, N_GRID, N_NOISE = (60, 10, 50, 16) if FAST else (400, 120, 150, 64)
SIGMA, STD, RADIUS, ETA = 0.7, 0.5, 3.0, 0.04  # 0.04 · v is a small step

centers = make_ring(1, radius=RADIUS, return_centers=True)[1]
variance = STD**2 + SIGMA**2  # of the blurred Gaussians
line = np.linspace(-8, 8, N_GRID)
grid, cell = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2), (line[1] - line[0]) ** 2


def log_p(Z):
    square = np.sum((Z[:, None] - centers) ** 2, axis=2)
    return logsumexp(-square / (2 * variance), axis=1) - np.log(5 * 2 * np.pi * variance)


def D_p(Z, sigma):
    """The exact denoiser: σ²∇log p(z;σ) = D_p(z;σ) - z."""
    log_shares = -np.sum((Z[:, None] - centers) ** 2, axis=2) / (2 * variance)
    shares = np.exp(log_shares - logsumexp(log_shares, axis=1, keepdims=True))
    return Z + sigma**2 / variance * (shares @ centers - Z)


def divergences(Y):
    """KL(q‖p), σ² times the Fisher divergence, and the slope of KL if all z were moved along v."""
    log_q = log_kernel_density(grid, Y, SIGMA)
    q = np.exp(log_q) * cell
    v = D_p(grid, SIGMA) - kernel_mean(grid, Y, SIGMA)
    jacobian = [np.gradient(part.reshape(N_GRID, N_GRID), line, line) for part in v.T]

    def after(h):  # KL when all z have moved by h v: their density falls as volumes grow
        (xy, xx), (yy, yx) = (h * np.array(rows) for rows in jacobian)
        log_volume = np.log((1 + xx) * (1 + yy) - xy * yx).ravel()
        return q @ (log_q - log_volume - log_p(grid + h * v))

    kl, slope = after(0), (after(-1e-3) - after(1e-3)) / 2e-3
    return kl, q @ np.sum(v**2, axis=1) / SIGMA**2, slope


def mean_velocity(Y):
    """Mean of v over the noise of every row."""
    noise = SIGMA * np.random.default_rng(0).normal(size=(N_NOISE, *Y.shape))
    Z = np.concatenate([Y + e for e in np.concatenate([noise, -noise])])
    v = D_p(Z, SIGMA) - kernel_mean(Z, Y, SIGMA)
    return v.reshape(-1, *Y.shape).mean(axis=0)


def path(field, length=None, n_noise=0):
    """Rows after every step; `length` is that of a step, where it is not η v."""
    steps = {"step_size": ETA} if length is None else {"first_step_norm": length}
    flow = SDFlowSampler(
        field,
        schedule=ConstantSchedule(SIGMA),
        n_steps=N_STEPS,
        n_noise=n_noise,
        align=None,
        match_marginals=False,
        random_state=0,
        **steps,
    )
    return [source, *flow.fit(target).staged_transform(source)]


target = make_ring(5 * N_ROWS, radius=RADIUS, random_state=0)
source = np.random.default_rng(0).normal([1.5, 0], 0.8, (N_ROWS, 2))

# ------------------------------------------------------------------------------------------- table
rows = path(DenoiserDifference(D_p), n_noise=16)
kl, fisher, slope_z = np.transpose([divergences(Y) for Y in rows])
time = ETA * np.arange(N_STEPS + 1)
slope = -np.gradient(kl, time, edge_order=2)
rate = [np.mean(np.sum(mean_velocity(Y) ** 2, axis=1)) / SIGMA**2 for Y in rows]
print(f"{N_ROWS} rows, σ = {SIGMA}, steps of η = {ETA}; time is the sum of the step sizes\n")
print("| time | KL(q‖p) | -dKL/dt, z moved | σ² Fisher | -dKL/dt, rows moved | mean square / σ² |")
print("|---|---|---|---|---|---|")
for k in np.unique(np.round(np.array([0, 0.04, 0.1, 0.2, 0.4, 0.7, 1]) * N_STEPS).astype(int)):
    values = kl[k], slope_z[k], fisher[k], slope[k], rate[k]
    print(f"| {time[k]:.2f} | " + " | ".join(f"{value:.4f}" for value in values) + " |")
inner = slice(1, -1)
off = np.abs(slope - rate)[inner] / np.array(rate)[inner]
off_z = np.abs(slope_z - fisher) / fisher
print(
    f"\napart in the median: {np.median(off_z):.2%} where z moved, {np.median(off):.2%} for rows;"
)
print(f"KL fell at every step: {bool((np.diff(kl) < 0).all())}")

# ------------------------------------------------------------------------------------- other flows
first = np.linalg.norm(rows[1] - rows[0], axis=1).mean()
paths = {
    "score difference": rows,
    "MMD": path(MMDGradient(), length=first, n_noise=16),
    "sliced MMD": path(SlicedEnergyGradient(500), length=first),
    "SVGD": path(Stein(D_p), length=first),
}
print("\n| velocity | fall of KL per unit of length, at the start | KL after a way of 1 |")
print("|---|---|---|")
curves = {}
for name, Ys in paths.items():
    way = np.cumsum(
        [
            0,
            *(np.sqrt(np.mean(np.sum((b - a) ** 2, axis=1))) for a, b in pairwise(Ys)),
        ]
    )
    curves[name] = way, np.array([divergences(Y)[0] for Y in Ys])
    fall = (curves[name][1][0] - curves[name][1][1]) / way[1]
    after = np.interp(1, *curves[name]) if way[-1] >= 1 else np.nan
    print(f"| {name} | {fall:.2f} | {after:.3f} |", flush=True)

# -------------------------------------------------------------------------------------- the figure
COLORS = {
    "score difference": "#c8324a",
    "MMD": "#2f5f9e",
    "sliced MMD": "#e8a33d",
    "SVGD": "#5aa6a0",
}
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
left.contourf(line, line, np.exp(log_p(grid)).reshape(N_GRID, -1), 8, cmap="Greys", alpha=0.6)
left.scatter(*source.T, s=5, color="#8d97a8", linewidths=0, label="before")
left.scatter(*rows[-1].T, s=5, color="#c8324a", linewidths=0, label="after")
left.set(aspect="equal", xlim=(-5, 5), ylim=(-5, 5), xticks=[], yticks=[])
left.set_title("the target, blurred, and the rows", fontsize=10)
left.legend(frameon=False, fontsize=9, loc="upper right")
middle.plot(time, kl, color="black", linewidth=1, label="KL(q‖p)")
middle.plot(time, fisher, color="#b9c0cc", linewidth=4, label="σ² × Fisher divergence")
middle.plot(time, slope_z, color="#2f5f9e", linestyle="--", label="-dKL/dt, all z moved")
middle.plot(time, rate, color="#f0c9a0", linewidth=4, label="mean square of the rows' v / σ²")
middle.plot(time[inner], slope[inner], "--", color="#c8324a", label="-dKL/dt, rows moved")
middle.set(yscale="log", xlabel="time: sum of the step sizes")
middle.set_title("KL falls at the rate of the theory", fontsize=10)
for name, (way, values) in curves.items():
    right.plot(way, values, color=COLORS[name], label=name)
right.set(xlabel="root mean square length of the way", ylabel="KL(q‖p)", yscale="log")
right.set_title("other velocities, by the length of the way", fontsize=10)
for axis in (middle, right):
    axis.legend(frameon=False, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
figure.savefig("kl_descent.png", dpi=120)
