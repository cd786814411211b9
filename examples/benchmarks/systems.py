"""Every system with its defaults on the ring: modes, fit, copying, evaluations, seconds.

    python examples/benchmarks/systems.py                               all, 5 seeds, radii 4 and 5
    python examples/benchmarks/systems.py --seeds 2 --radii 5
    python examples/benchmarks/systems.py --systems "SD flow" GAN       some of them

The ring and its figures are those of ``generators.py``. A cell is the mean over the seeds, and the
worst of them in brackets. *evaluations* are those of the velocity for a row that is drawn, one
prediction for a generator; *fit* and *sample* are seconds, the latter for 2500 rows.
"""

import argparse
import os
from functools import partial

import numpy as np
from generators import ring_figures

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
from skflow.fields import LearnedDenoiser
from skflow.generators import BaseGenerator

FAST = "SKFLOW_FAST" in os.environ

SYSTEMS = {
    "SD flow": SDFlowSampler,
    "MMD flow": MMDFlowSampler,
    "sliced MMD flow": partial(SDFlowSampler, "sliced"),
    "SVGD": SVGDSampler,
    "Langevin": LangevinSampler,
    "diffusion, kernel": DiffusionSampler,
    "diffusion, learned": partial(DiffusionSampler, "learned"),
    "discriminator flow": DiscriminatorFlowSampler,
    "SD generator": SDFlowGenerator,
    "score GAN": ScoreGANGenerator,
    "score GAN, weights (2, 1)": partial(ScoreGANGenerator, weights=(2.0, 1.0)),
    "GAN": GANGenerator,
}
if FAST:  # not the defaults, but every line is run
    few = {"n_epochs": 1, "n_steps": 5}
    SYSTEMS = {
        "SD flow": partial(SDFlowSampler, n_steps=5),
        "diffusion, learned": partial(DiffusionSampler, LearnedDenoiser(n_updates=50)),
        "discriminator flow": partial(DiscriminatorFlowSampler, n_rounds=20),
        "SD generator": partial(SDFlowGenerator, **few),
        "GAN": partial(GANGenerator, **few),
    }

# which of the seeds is the worst, and how many digits to print
WORST = {
    "modes": (min, 1),
    "least": (min, 3),
    "most": (max, 3),
    "within": (min, 3),
    "CFD": (max, 2),
    "absolute CFD": (max, 4),
    "copy": (lambda values: max(values, key=lambda v: abs(np.log(max(v, 1e-12)))), 2),
}


def evaluations(flow):
    """Evaluations of the velocity, or of the generator, that a row costs; all average one draw."""
    if isinstance(flow, BaseGenerator):
        return 1
    return 2 * flow.n_steps - 1 if isinstance(flow, DiffusionSampler) else flow.n_steps


def table(radius, names, seeds):
    heads = [*WORST, "evaluations", "fit", "sample"]
    print(f"\n| ring of radius {radius:g}, seeds: {len(seeds)} | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 1) + "|")
    for name in names:
        figures = [ring_figures(SYSTEMS[name], radius, seed) for seed in seeds]
        cells = []
        for key, (worst, digits) in WORST.items():
            values = [f[key] for f in figures]
            cells.append(f"{np.mean(values):.{digits}f} ({worst(values):.{digits}f})")
        cells.append(f"{evaluations(SYSTEMS[name]())}")
        cells += [f"{np.mean([f[key] for f in figures]):.1f}" for key in ("seconds", "sampling")]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1 if FAST else 5)
    parser.add_argument("--radii", type=float, nargs="+", default=[5] if FAST else [4, 5])
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    arguments = parser.parse_args()
    for radius in arguments.radii:
        table(radius, arguments.systems, range(arguments.seeds))
