"""From one latent row to another: a generator's way and a particle flow's.

Franceschi et al. (2023), appendix C.3, find generators smoother than particle models when latent
rows are interpolated, on four systems: diffusion, discriminator flow, GAN and score GAN. Here these
and the two of score differences learn the ring of five Gaussians from the same normal latents. The
flows of particles are frozen, so that they move every row on its own. Pairs of latent rows are
joined in the four ways of that appendix, and the images of the paths are measured.

Prints a table and writes ``latent_interpolation.png`` into the current directory.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import cauchy, chi2

from skflow import (
    DiffusionSampler,
    DiscriminatorFlowSampler,
    GANGenerator,
    ScoreGANGenerator,
    SDFlowGenerator,
    SDFlowSampler,
)
from skflow.datasets import make_ring
from skflow.fields import LearnedDenoiser

FAST = "SKFLOW_FAST" in os.environ
N_PAIRS, N_POINTS = (20, 51) if FAST else (200, 101)


# The four ways of Leśniak et al. (2019), from rows a to rows b, at shares t of the way. Means of
# Cauchy variables are Cauchy variables again: with "Cauchy" in its name, a way between two random
# rows stays distributed like the rows.
def linear(a, b, t):
    return (1 - t) * a + t * b


def spherical(a, b, t):
    cosine = np.sum(a * b, -1, keepdims=True) / (norm(a) * norm(b))
    angle = np.arccos(np.clip(cosine, -1, 1))
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def cauchy_linear(a, b, t):
    a, b = cauchy.ppf(ndtr(a)), cauchy.ppf(ndtr(b))  # every coordinate by its quantile
    return ndtri(cauchy.cdf(linear(a, b, t)))


def spherical_cauchy_linear(a, b, t):
    d = a.shape[-1]  # a squared length of normal rows is chi-squared
    lengths = (cauchy.ppf(chi2.cdf(norm(rows) ** 2, d)) for rows in (a, b))
    length = np.sqrt(chi2.ppf(cauchy.cdf(linear(*lengths, t)), d))
    return length * spherical(a / norm(a), b / norm(b), t)


def norm(rows):
    return np.linalg.norm(rows, axis=-1, keepdims=True)


WAYS = {
    "linear": linear,
    "spherical": spherical,
    "Cauchy-linear": cauchy_linear,
    "spherical Cauchy-linear": spherical_cauchy_linear,
}

target, centers = make_ring(300 if FAST else 2000, return_centers=True, random_state=0)
rng = np.random.default_rng(0)
target = target.astype(np.float32)  # single precision moves rows twice as fast
latents = rng.normal(size=target.shape)
start, end = rng.normal(size=(2, N_PAIRS, 1, 2))
t = np.linspace(0, 1, N_POINTS)[:, None]

denoiser = LearnedDenoiser(n_updates=50) if FAST else LearnedDenoiser()
size = {"n_epochs": 1, "n_steps": 10} if FAST else {}
rounds = {"n_rounds": 20} if FAST else {}
generators = {
    "SD generator": SDFlowGenerator(**size),
    "score GAN": ScoreGANGenerator(denoiser=denoiser, **size),
    "GAN": GANGenerator(**size),
}
particles = {
    "SD flow": SDFlowSampler(),
    "diffusion": DiffusionSampler(denoiser),
    "discriminator flow": DiscriminatorFlowSampler(**rounds),
}
models = {}
for name, flow in (generators | particles).items():
    source = {} if name in generators else {"X_source": latents}
    models[name] = flow.set_params(match_marginals=False, random_state=0).fit(target, **source)

print(f"Median of {N_PAIRS} paths of {N_POINTS} points; on a mode: within 3 std, all points.\n")
print("| interpolation | model | length / distance | largest step / mean step | on a mode |")
print("|---|---|---|---|---|")
images = {}
for way, between in WAYS.items():
    path = between(start, end, t)
    for name, model in models.items():
        image = images[way, name] = model.transform(path.reshape(-1, 2)).reshape(path.shape)
        steps = norm(np.diff(image, axis=1))[..., 0]
        length = np.median(steps.sum(axis=1) / norm(image[:, -1] - image[:, 0])[:, 0])
        jump = np.median(steps.max(axis=1) / steps.mean(axis=1))
        on_mode = np.mean(norm(image[:, :, None] - centers).min(axis=2) < 3 * 0.5)
        print(f"| {way} | {name} | {length:.2f} | {jump:.0f} | {on_mode:.0%} |", flush=True)

colors = ["#c8324a", "#2f6db5", "#2e8b57", "#d98a1f"]  # of the pairs that are drawn
figure, axes = plt.subplots(2, 3, figsize=(10, 7), layout="constrained")
for axis, name in zip(axes.flat, models, strict=True):
    image = images["spherical Cauchy-linear", name]
    axis.scatter(*target.T, s=4, color="#d3d8e0", linewidths=0)
    for points, color in zip(image, colors, strict=False):
        axis.plot(*points.T, "-", color=color, lw=0.7, alpha=0.5)
        axis.plot(*points[:: N_POINTS // 50].T, ".", color=color, ms=4)
    axis.set(aspect="equal", xlim=(-7, 7), ylim=(-7, 7), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.set_title(name, fontsize=10)
axes[0, 0].set_ylabel("generators", fontsize=10)
axes[1, 0].set_ylabel("particles", fontsize=10)
figure.savefig("latent_interpolation.png", dpi=130)
