"""Populations with heavy tails: how far from held-out rows do default flows end?

The energy distance to held-out rows, five times as many, as a multiple of its floor, over seeds,
1 to 6 columns, and a near source (the same distribution, 1.3 times as wide) and a far one (a
Gaussian, 12 standard deviations off). Beside the worst case: what the target's own rows have there.

    python examples/benchmarks/heavy_tails.py              moved together
    python examples/benchmarks/heavy_tails.py --frozen     other rows, through a frozen flow
"""

import argparse

import numpy as np

from skflow import SDFlowSampler
from skflow.metrics import energy_distance, energy_floor


def zero_inflated(rng, shape):
    return np.where(rng.random(shape) < 0.5, 0.0, rng.lognormal(size=shape))


DRAWS = {
    "t, 1.5 degrees": lambda rng, shape: rng.standard_t(1.5, shape),
    "t, 2 degrees": lambda rng, shape: rng.standard_t(2, shape),
    "t, 3 degrees": lambda rng, shape: rng.standard_t(3, shape),
    "log-normal, σ = 1": lambda rng, shape: rng.lognormal(size=shape),
    "log-normal, σ = 2": lambda rng, shape: rng.lognormal(sigma=2, size=shape),
    "zero-inflated": zero_inflated,
}


def ratios(draw, n, d, seed, *, is_far, is_frozen):
    """Floors of the moved rows, and of the target's own."""
    rng = np.random.default_rng([seed, d, n])
    X, held_out = draw(rng, (n, d)), draw(rng, (5 * n, d))
    S = rng.normal(size=X.shape) - 12 * X.std() if is_far else 1.3 * draw(rng, X.shape) + 0.2
    flow = SDFlowSampler(random_state=0)
    if is_frozen:
        moved = flow.fit(X, X_source=S[: n // 2]).transform(S[n // 2 :])
    else:
        moved = flow.fit(X).transform(S)
    return [
        energy_distance(rows, held_out) / energy_floor(held_out, len(rows)) for rows in (moved, X)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--frozen", action="store_true")
    args = parser.parse_args()
    print("| | rows | mean | worst | the target's own rows there |\n|---|---|---|---|---|")
    for name, draw in DRAWS.items():
        for n in args.rows:
            found = [
                ratios(draw, n, d, seed, is_far=is_far, is_frozen=args.frozen)
                for d in (1, 2, 3, 6)
                for is_far in (False, True)
                for seed in range(args.seeds)
            ]
            worst, own = max(found)
            mean = np.mean([moved for moved, _ in found])
            print(f"| {name} | {n} | {mean:.2f} | {worst:.2f} | {own:.2f} |", flush=True)


if __name__ == "__main__":
    main()
