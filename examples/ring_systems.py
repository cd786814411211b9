"""Every system on a ring of five Gaussians, at eight times along its way.

Samplers (red) move rows of the Gaussian that fits the ring; the times are sevenths of their steps.
Generators (blue) return rows of a prior; theirs are (k/7)² of their training. The number of the
step is in the corner. Arrows are velocities of single rows, longest ones cut; of the score GAN they
are its two scores at a bandwidth of 0.2: orange up the target's, green down that of its own rows.
The tint is darker where rows are to go: the critic's logit, log p - log q for score differences,
log p where only the target's score drives rows, and for MMD flows the difference of the two kernel
sums.

Score-difference flow and discriminator flow arrive early and stay; Langevin dynamics and diffusion
arrive at the end, because their rows are noisy until then. SVGD leaves rows between the modes.
Of the generators that of score differences has the shapes; the score GAN and the GAN find all modes
and draw them together. (No marginals are matched.)

Prints a table and writes ``ring_systems.png`` into the current directory.
"""

import os
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from scipy.spatial.distance import cdist
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skflow import (
    DiffusionSampler,
    DiscriminatorFlowSampler,
    GANGenerator,
    LangevinSampler,
    MMDFlowSampler,
    ScoreGANGenerator,
    SDFlowGenerator,
    SDFlowSampler,
    SVGDSampler,
)
from skflow.datasets import make_ring
from skflow.fields import LearnedDenoiser, critic_output, input_gradient
from skflow.kernels import kernel_mean, log_kernel_density
from skflow.metrics import characteristic_function_distance, floor

FAST = "SKFLOW_FAST" in os.environ
N_TARGET, N_ROWS, N_HELD_OUT = (500, 300, 1000) if FAST else (2000, 1000, 4000)
TIMES = np.linspace(0, 1, 8)
ARROWS_AT = 1, 3  # of the eight
N_ARROWS, N_SHOWN = 36, 400
SIGMA = 0.2  # of the two scores of the score GAN
SHORTEST = 0.4  # bandwidth of a background: narrower ones show single rows

target = make_ring(N_TARGET, random_state=0)
center = target.mean(axis=0)
held_out = make_ring(N_HELD_OUT, random_state=1)
cfd = partial(characteristic_function_distance, scale=1.0)
lowest = floor(cfd, make_ring(N_ROWS + N_HELD_OUT, random_state=2), N_ROWS)
rng = np.random.default_rng(0)
source = rng.multivariate_normal(center, np.cov(target.T), N_ROWS)
latents = rng.standard_normal((N_ROWS, 2))

LIMIT = 7.8
line = np.linspace(-LIMIT, LIMIT, 60)
grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)


def log_ratio(Y, sigma):
    sigma = max(sigma, SHORTEST)
    return log_kernel_density(grid, target, sigma) - log_kernel_density(grid, Y, sigma)


def witness(Y, sigma):  # what MMD flow climbs, but for a factor
    p, q = (np.exp(log_kernel_density(grid, rows, sigma)) for rows in (target, Y))
    return p - q


def sliced_witness(Y, sigma):
    return cdist(grid, Y).mean(axis=1) - cdist(grid, target).mean(axis=1)


def log_target(Y, sigma):
    return log_kernel_density(grid, target, max(sigma, SHORTEST))


# --------------------------------------------------------------------------- samplers on their way
# a frame: rows, their velocities (or two of them), what they climb, and the step
def sampler_frames(flow, climbed):
    flow.set_params(random_state=0).fit(target)
    path = [source, *flow.staged_transform(source)]
    for k in np.round(TIMES * flow.n_steps).astype(int):
        Y, sigma = path[k] - center, float(flow.sigmas_[min(k, flow.n_steps - 1)])
        v = flow.field_.start(np.random.default_rng(0)).velocity(Y, Y, sigma)
        yield path[k], [v], climbed(path[k], sigma), k


def discriminator_frames(flow):
    flow.set_params(random_state=0).fit(target)
    path = [source, *flow.staged_transform(source)]
    critic = flow.field_.critic_
    for k in np.round(TIMES * flow.n_steps).astype(int):
        step = min(k, flow.n_steps - 1)
        v = flow.field_.velocity(path[k] - center, np.full(N_ROWS, step))
        t = step / flow.n_steps
        time = np.tile([2 * t - 1, np.sin(np.pi * t), np.cos(np.pi * t)], (len(grid), 1))
        h = critic_output(critic.estimator, critic.inputs(grid - center, time))
        yield path[k], [v], h, k


# --------------------------------------------------------------------- generators in their training
class Keeping:
    """A perceptron that keeps its weights after some of its updates."""

    def partial_fit(self, X, y, **kwargs):
        super().partial_fit(X, y, **kwargs)
        kept = type(self)
        kept.n_updates += 1
        if kept.n_updates in kept.times:
            kept.weights.append([[w.copy() for w in ws] for ws in (self.coefs_, self.intercepts_)])
        return self

    @classmethod
    def at(cls, times):
        cls.times, cls.n_updates, cls.weights = times, 0, []
        return cls


class KeepingRegressor(Keeping, MLPRegressor):
    pass


class KeepingClassifier(Keeping, MLPClassifier):
    pass


def trained(flow, with_critic=False):
    """Fit a generator whose default perceptrons keep their weights; return the steps of TIMES."""
    trial = flow.__class__(n_epochs=1, n_steps=1, n_jobs=1)
    if "denoiser" in trial.get_params():
        trial.set_params(denoiser="kernel")
    params = trial.fit(target).generator_.get_params() | {"random_state": None}
    n_epochs = 10 if flow.n_epochs == "auto" else flow.n_epochs
    times = np.round(TIMES**2 * n_epochs * flow.n_steps).astype(int)[1:]
    flow.set_params(generator=KeepingRegressor.at(times)(**params))
    if with_critic:  # as large as the generator, and shown twice as many rows
        known = MLPClassifier().get_params()
        params = {key: params[key] for key in params if key in known}
        params["batch_size"] *= 2
        flow.set_params(critic=KeepingClassifier.at(times)(**params))
    flow.set_params(match_marginals=False, random_state=0).fit(target)
    start = [[0 * w for w in ws] for ws in KeepingRegressor.weights[0]]
    return list(zip([0, *times], [start, *KeepingRegressor.weights], strict=True))


def returned(flow, weights, xi):
    """What the generator returned when it had these weights."""
    flow.generator_.coefs_, flow.generator_.intercepts_ = weights
    return flow.transform(xi)


def sd_frames(flow):
    for k, weights in trained(flow):
        rows = returned(flow, weights, latents)
        sigma = float(flow.sigmas_[k % flow.n_steps])
        Y = (rows - center).astype(np.float32)
        v = flow.field_.start(np.random.default_rng(0)).velocity(Y, Y, sigma)
        yield rows, [v], log_ratio(rows, sigma), k


def score_gan_frames(flow):
    """Both scores: that of the target as it was learned, that of the rows from 4000 of them."""
    many = np.random.default_rng(1).standard_normal((4000, 2))
    for k, weights in trained(flow):
        rows, others = returned(flow, weights, latents), returned(flow, weights, many)
        D_p = flow.field_.denoiser_(rows - center, SIGMA) + center
        D_q = kernel_mean(rows, others, SIGMA)
        yield rows, [D_p - rows, rows - D_q], log_ratio(others, SIGMA), k


def gan_frames(flow):
    s = np.sqrt(target.var(axis=0).mean())  # the critic sees rows in units of it
    states = trained(flow, with_critic=True)
    critics = [KeepingClassifier.weights[0], *KeepingClassifier.weights]
    critic = MLPClassifier(flow.critic.hidden_layer_sizes)
    critic.partial_fit(target[:2], [0, 1], classes=[0, 1])
    for (k, weights), (critic.coefs_, critic.intercepts_) in zip(states, critics, strict=True):
        rows = returned(flow, weights, latents)
        v = input_gradient(critic, (rows - center) / s)[1]
        yield rows, [v], critic_output(critic, (grid - center) / s), k


few = {"n_epochs": 1, "n_steps": 49} if FAST else {}
n_steps = {"n_steps": 20} if FAST else {}
denoiser = LearnedDenoiser(n_updates=50) if FAST else LearnedDenoiser()
systems = {
    "SD flow": sampler_frames(SDFlowSampler(), log_ratio),
    "MMD flow": sampler_frames(MMDFlowSampler(**n_steps), witness),
    "sliced MMD": sampler_frames(SDFlowSampler("sliced"), sliced_witness),
    "SVGD": sampler_frames(SVGDSampler(**n_steps), log_target),
    "Langevin": sampler_frames(LangevinSampler(**n_steps), log_target),
    "diffusion": sampler_frames(DiffusionSampler(), log_target),
    "discriminator\nflow": discriminator_frames(
        DiscriminatorFlowSampler(n_rounds=30 if FAST else 1000)
    ),
    "SD generator": sd_frames(SDFlowGenerator(**few)),
    "score GAN": score_gan_frames(ScoreGANGenerator(denoiser=denoiser, **few)),
    "GAN": gan_frames(GANGenerator(loss="non_saturating", **few)),  # a critic that is a classifier
}
GENERATORS = "SD generator", "score GAN", "GAN"

# ------------------------------------------------------------------------------------------ figure
ROWS, RETURNED, TARGET, ARROW = "#c8324a", "#2f5f9e", "#aab2be", "#2b2f36"
PULL, PUSH = "#d9822b", "#3a9a8f"  # along the target's score, against that of the rows
TINT = LinearSegmentedColormap.from_list("tint", ["#ffffff", "#dbe4ef"])


def arrows(axis, rows, v, color):
    length = np.linalg.norm(v, axis=1)
    unit = np.quantile(length, 0.9) or 1.0
    v = 1.5 * v / np.maximum(length, unit)[:, None]
    near = np.flatnonzero(np.abs(rows).max(axis=1) < LIMIT)[:N_ARROWS]
    axis.quiver(
        *rows[near].T,
        *v[near].T,
        color=color,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.008,
        headwidth=3.5,
        headlength=4,
        headaxislength=3.6,
        zorder=3,
    )


print("| CFD over that of fresh rows | " + " | ".join(f"{i} / 7" for i in range(8)) + " |")
print("|---" * 9 + "|")
figure, axes = plt.subplots(
    len(systems), 8, figsize=(11.6, 14), gridspec_kw={"wspace": 0.04, "hspace": 0.04}
)
figure.subplots_adjust(left=0.085, right=0.995, top=0.995, bottom=0.005)
for panels, (name, frames) in zip(axes, systems.items(), strict=True):
    fits = []
    color = RETURNED if name in GENERATORS else ROWS
    for i, (axis, (rows, velocities, climbed, k)) in enumerate(zip(panels, frames, strict=True)):
        fits.append(cfd(rows, held_out) / lowest)
        levels = np.unique(np.quantile(climbed, np.linspace(0, 1, 9)))
        if len(levels) > 1:
            axis.contourf(line, line, climbed.reshape(60, 60), levels, cmap=TINT)
        axis.scatter(*target[:N_SHOWN].T, s=1.5, color=TARGET, linewidths=0)
        axis.scatter(*rows[:N_SHOWN].T, s=2.2, color=color, linewidths=0)
        if i in ARROWS_AT:
            colors = [ARROW] if len(velocities) == 1 else [PULL, PUSH]
            for v, arrow_color in zip(velocities, colors, strict=True):
                arrows(axis, rows, v, arrow_color)
        axis.text(0.04, 0.96, k, transform=axis.transAxes, va="top", fontsize=7, color="#5d6673")
        axis.set(aspect="equal", xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    panels[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    name = name.replace("\n", " ")
    print(f"| {name} | " + " | ".join(f"{fit:.2f}" for fit in fits) + " |", flush=True)
figure.savefig("ring_systems.png", dpi=110)
