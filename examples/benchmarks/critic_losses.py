"""What a critic minimises: losses and gradient penalties on a ring of five Gaussians.

The critic is the default perceptron, and all else the defaults, in `DiscriminatorFlowSampler` and
in `GANGenerator`. λ and g are the strength and the center of the gradient penalty; Franceschi et
al. use the Wasserstein loss with g = 0 and λ = 0.04 on MNIST, 0.05 on CelebA. Errors are
characteristic-function distances to 8000 fresh rows over that of 2000 fresh rows.

Prints means and standard errors of three seeds for flows, of two for generators.

    python examples/benchmarks/critic_losses.py flows
    python examples/benchmarks/critic_losses.py generators
"""

import os
import sys
import time

import numpy as np

from skflow import DiscriminatorFlowSampler, GANGenerator
from skflow.datasets import make_ring
from skflow.fields import CriticLoss
from skflow.metrics import characteristic_function_distance, floor

FAST = "SKFLOW_FAST" in os.environ
STD = 0.5  # of a mode
LOSSES = [
    CriticLoss("non_saturating"),
    CriticLoss("hinge"),
    CriticLoss("wasserstein"),
    CriticLoss("wasserstein", center=1.0),
]
MORE_LOSSES = [
    CriticLoss("log_ratio"),
    CriticLoss("wasserstein", penalty=0.05),
    CriticLoss("hinge", center=1.0),
]


def cfd(X, Y):
    return characteristic_function_distance(X, Y, scale=1.0)


if len(sys.argv) != 2 or sys.argv[1] not in ("flows", "generators"):
    sys.exit(__doc__)
if sys.argv[1] == "flows":
    kind, n_seeds, losses, few = DiscriminatorFlowSampler, 3, LOSSES + MORE_LOSSES, {"n_rounds": 5}
else:
    kind, n_seeds, losses, few = GANGenerator, 2, LOSSES, {"n_epochs": 1}

target = make_ring(2000, std=STD, random_state=0).astype(np.float32)
held_out = make_ring(8000, std=STD, random_state=1)
lowest = floor(cfd, make_ring(10000, std=STD, random_state=2), 2000)
params = {"match_marginals": False, **(few if FAST else {})}
print("| loss | λ | g | CFD over floor | seconds |\n|---|---|---|---|---|")
for loss in losses:
    results, begin = [], time.perf_counter()
    for seed in range(1 if FAST else n_seeds):
        Y = kind(loss=loss, random_state=seed, **params).fit(target).sample(2000)
        results.append(cfd(Y, held_out) / lowest)
    seconds = (time.perf_counter() - begin) / len(results)
    error = np.std(results) / max(len(results) - 1, 1) ** 0.5
    print(
        f"| {loss.name} | {loss.check().strength:g} | {loss.center:g} | {np.mean(results):.2f} "
        f"± {error:.2f} | {seconds:.0f} |",
        flush=True,
    )
