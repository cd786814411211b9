"""Six generative systems on scikit-learn's handwritten digits.

Franceschi et al. (2023) compare diffusion, Discriminator Flow, a generative adversarial network
(GAN) and Score GAN on images by Fréchet distances. Here the same four stand beside score-difference
(SD) flow, as a sampler and as a generator, on the 8 × 8 digits: half of the 1797 are learnt from,
the other half are held out. The denoisers see 5000 batches (12000 is the default for 64 columns);
all else is the defaults.

The score-based samplers are nearest, SD flow in moments and diffusion in all that a random forest
sees; nobody copies.

Prints a table, and writes ``digits_systems.png`` into the current directory.
"""

import os
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import NearestNeighbors

from skflow import (
    DiffusionSampler,
    DiscriminatorFlowSampler,
    GANGenerator,
    ScoreGANGenerator,
    SDFlowGenerator,
    SDFlowSampler,
)
from skflow.fields import LearnedDenoiser
from skflow.metrics import frechet_distance, nearest_neighbor_ratio

FAST = "SKFLOW_FAST" in os.environ
N_SHOWN = 10

digits = load_digits().data / 16
pca = PCA(20).fit(digits)
rows = np.random.default_rng(0).permutation(digits)
target, held_out = rows[: len(rows) // 2], rows[len(rows) // 2 :]

denoiser = LearnedDenoiser(n_updates=20 if FAST else 5000)
short = {"n_epochs": 1, "n_steps": 5} if FAST else {}
SYSTEMS = {
    "SD flow": SDFlowSampler(),
    "SD generator": SDFlowGenerator(**short),
    "diffusion": DiffusionSampler(denoiser),
    "Discriminator Flow": DiscriminatorFlowSampler(**({"n_rounds": 10} if FAST else {})),
    "GAN": GANGenerator(**short),
    "Score GAN": ScoreGANGenerator(denoiser=denoiser, **short),
}


def accuracy(X, Y):
    """How often a random forest tells the tables apart: 0.5 is chance."""
    forest = RandomForestClassifier(20 if FAST else 100, random_state=0)
    labels = np.repeat([0, 1], [len(X), len(Y)])
    return cross_val_score(forest, np.concatenate([X, Y]), labels, cv=5).mean()


def measure(name, X, seconds):
    fit = frechet_distance(pca.transform(X), pca.transform(held_out))
    copy = nearest_neighbor_ratio(X, target, fresh=held_out)
    print(
        f"| {name} | {fit:.3f} | {accuracy(X, held_out):.2f} | {copy:.2f} | {seconds} |", flush=True
    )


print("| system | Fréchet | two-sample accuracy | copy | CPU seconds |")
print("|---|---|---|---|---|")
measure("(the rows learnt from)", target, "")
samples = {}
for name, system in SYSTEMS.items():
    begin = time.process_time()
    X = samples[name] = system.set_params(random_state=0).fit(target).sample(len(held_out))
    measure(name, X, f"{time.process_time() - begin:.0f}")

# -------------------------------------------------------------------------------------- the figure
neighbors = NearestNeighbors(n_neighbors=1).fit(target)
figure, axes = plt.subplots(len(SYSTEMS), 2, figsize=(11, 3.6), layout="constrained")
for row, (name, X) in zip(axes, samples.items(), strict=True):
    shown = X[:N_SHOWN]
    nearest = target[neighbors.kneighbors(shown)[1][:, 0]]
    for axis, images in zip(row, (shown, nearest), strict=True):
        strip = np.pad(images.reshape(-1, 8, 8), ((0, 0), (0, 0), (1, 1)))
        axis.imshow(np.hstack(strip), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
axes[0, 0].set_title("samples", fontsize=10)
axes[0, 1].set_title("the nearest digits that were learnt from", fontsize=10)
figure.savefig("digits_systems.png", dpi=120)
