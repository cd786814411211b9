"""How long the command takes for 10⁵ rows of 30 mixed columns onto as many others.

    python examples/benchmarks/long_table.py            the report included, as by default
    python examples/benchmarks/long_table.py 20000      with so many rows

Five latent factors make the columns: numbers, amounts, counts, zeros, categories of 3 to 200
levels, flags, a date, missing values. The two tables differ in the factors' means and spreads.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd


def mixed_table(n, seed, shift):
    """n rows of 30 columns."""
    rng, loadings = np.random.default_rng(seed), np.random.default_rng(0)
    Z = rng.standard_normal((n, 5)) * (1 + shift / 2) + shift

    def signal():
        w = loadings.standard_normal(5)
        return Z @ (w / np.linalg.norm(w)) * 0.8 + 0.6 * rng.standard_normal(n)

    columns = {f"number_{i}": signal() for i in range(8)}
    columns |= {f"amount_{i}": np.exp(signal()).round(2) for i in range(5)}
    columns |= {f"count_{i}": rng.poisson(np.exp(0.5 * signal())) for i in range(4)}
    columns |= {
        f"claim_{i}": np.where(signal() < 0.5, 0, np.exp(signal()).round(2)) for i in range(3)
    }
    for levels in (3, 5, 12, 40, 200):
        rank = np.clip((signal() + 3) / 6 * levels, 0, levels - 1).astype(int)
        columns[f"of_{levels}"] = np.char.add("level ", rank.astype(str))
    columns |= {f"flag_{i}": signal() > 0.3 for i in range(3)}
    days = pd.to_timedelta((200 + 100 * signal()).round(), unit="D")
    columns["day"] = pd.Timestamp("2020-01-01") + days
    columns["missing"] = np.where(rng.random(n) < 0.15, np.nan, signal())
    return pd.DataFrame(columns)


def main(n=100_000):
    with tempfile.TemporaryDirectory() as folder:
        source, target, out = (Path(folder, f"{name}.parquet") for name in ("from", "to", "out"))
        mixed_table(n, 1, 0.0).to_parquet(source)
        mixed_table(n, 2, 0.5).to_parquet(target)
        command = [sys.executable, "-m", "skflow", "transport", source, target, "-o", out]
        start = time.perf_counter()
        subprocess.run([str(part) for part in command], check=True)
        seconds = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        moved, goal = pd.read_parquet(out), pd.read_parquet(target)
    text = goal.select_dtypes(exclude=["number", "datetime"]).columns
    gaps = {
        c: moved[c].value_counts(normalize=True).sub(goal[c].value_counts(normalize=True)).abs()
        for c in text
    }
    worst = max(gap.max() for gap in gaps.values())
    print(f"{n} rows of {moved.shape[1]} columns: {seconds:.1f} s, {used.ru_maxrss / 1e6:.2f} GB")
    print(f"processor time {used.ru_utime + used.ru_stime:.1f} s, worst gap of a share {worst:.4f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
