"""Score GAN on the ring: how often its second denoiser is trained, and how steps are weighted.

    python examples/benchmarks/score_gan.py                  K = 1, 3, 10; 8 and 24 epochs, one seed
    python examples/benchmarks/score_gan.py --updates 1 --epochs 8 --seeds 3

K is the number of batches that the denoiser of the generator's rows is shown in a step (Franceschi
et al. 2023, appendix C.4, find K from 1 to 10 similar). A step is η σ² times the difference of the
scores; the paper weights by σ, which is η in proportion to 1/σ, with a full step at the narrowest.
CFD is that of 2500 samples to as many held-out rows, over that of fresh rows; *within* is the share
within three standard deviations of a mode. No marginals are matched.
"""

import argparse
import os
import time
from functools import partial

import numpy as np

from skflow import ScoreGANGenerator
from skflow.datasets import make_ring
from skflow.metrics import characteristic_function_distance, floor
from skflow.schedules import KarrasSchedule

FAST = "SKFLOW_FAST" in os.environ
N_STEPS, N_DRAWN = (10, 300) if FAST else (100, 2500)
cfd = partial(characteristic_function_distance, scale=1.0)


def figures(K, n_epochs, power, seed):
    """CFD over its floor, share within modes, modes, and seconds."""
    X = make_ring(2000, random_state=seed)
    held_out, centers = make_ring(N_DRAWN, return_centers=True, random_state=500 + seed)
    sigmas = KarrasSchedule(sigma_min="nn_column", rho=3.0).fit(X).sigmas(N_STEPS)
    flow = ScoreGANGenerator(
        n_updates=K,
        n_epochs=n_epochs,
        n_steps=N_STEPS,
        step_size=(sigmas / sigmas[-1]) ** (power - 2),
        match_marginals=False,
        random_state=seed,
    )
    begin = time.perf_counter()
    rows = flow.fit(X).sample(N_DRAWN)
    seconds = time.perf_counter() - begin
    distance = np.linalg.norm(rows[:, None] - centers, axis=2)
    near = distance.min(axis=1) < 1.5
    share = np.bincount(distance.argmin(axis=1)[near], minlength=5) / N_DRAWN
    lowest = floor(cfd, make_ring(2 * N_DRAWN, random_state=900 + seed), N_DRAWN)
    return cfd(rows, held_out) / lowest, near.mean(), np.sum(share > 0.02), seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--updates", type=int, nargs="+", default=[1] if FAST else [1, 3, 10])
    parser.add_argument("--epochs", type=int, nargs="+", default=[1] if FAST else [8, 24])
    parser.add_argument("--powers", type=int, nargs="+", default=[2, 1], help="of σ, in a step")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    print("| weight | K | epochs | CFD | within | modes | seconds |")
    print("|---|---|---|---|---|---|---|")
    for n_epochs in arguments.epochs:
        for power in arguments.powers:
            for K in arguments.updates:
                runs = [figures(K, n_epochs, power, seed) for seed in range(arguments.seeds)]
                fit, within, modes, seconds = np.mean(runs, axis=0)
                print(
                    f"| {'σ²' if power == 2 else 'σ'} | {K} | {n_epochs} | {fit:.2f} "
                    f"| {within:.3f} | {modes:.1f} | {seconds:.0f} |",
                    flush=True,
                )
