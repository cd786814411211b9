"""Soak: random jobs one after the other for minutes, in one process, whose memory must stay flat.

A job is a sampler, a field, a generator, a table or a run of the command, with sizes, dtypes and
options that are drawn; what is trained is trained briefly. Results must be finite and of the right
shape, and no job may leave a file. Resident memory is taken after every job. After a warm-up of a
third of the time the medians of the first and the last third of what is left must differ by less
than 32 MB: jobs that kept their rows, or the recordings of their flows, would be seen.

    python examples/benchmarks/soak.py --minutes 60
"""

import argparse
import contextlib
import gc
import io
import pickle
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

import skflow
from skflow import SDFlowSampler, TableTransport
from skflow.cli import main as command
from skflow.fields import FIELDS, DenoiserDifference, Discriminator, LearnedDenoiser
from skflow.metrics import energy_distance

MOST_GROWTH = 32  # MB
SAMPLERS = [
    skflow.SDFlowSampler,
    skflow.MMDFlowSampler,
    skflow.SVGDSampler,
    skflow.LangevinSampler,
    skflow.DiffusionSampler,
    skflow.DiscriminatorFlowSampler,
]
LEARNED = LearnedDenoiser(n_updates=50)
BRIEF = {"denoiser": DenoiserDifference(LEARNED), "discriminator": Discriminator(n_rounds=10)}
GENERATORS = [skflow.SDFlowGenerator, skflow.GANGenerator, skflow.ScoreGANGenerator]


def resident():
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def rows(rng, n, d):
    scale, dtype = 10.0 ** rng.integers(-6, 7), rng.choice([np.float32, np.float64])
    return (scale * (rng.normal(size=(n, d)) + rng.integers(-3, 4))).astype(dtype)


def table(rng, n):
    frame = {
        "x": rng.normal(rng.integers(3), 1, n),
        "n": rng.poisson(4, n),
        "kind": rng.choice(["a", "b", "c"], n),
        "ok": rng.random(n) < 0.5,
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
    }
    return pd.DataFrame(frame)


def move(flow, rng):
    """Fit a flow, move rows through it, freeze it or not, pickle it, draw from it."""
    n, m, d = rng.integers(20, 400), rng.integers(20, 400), rng.integers(1, 6)
    X = rows(rng, n, d)
    S = (X[rng.integers(n, size=m)] * 1.5).astype(X.dtype)
    source = {"X_source": S} if rng.random() < 0.5 else {}
    flow.fit(X, **source)
    if rng.random() < 0.3:
        flow = pickle.loads(pickle.dumps(flow))
    moved = flow.transform(S)
    assert moved.shape == S.shape
    assert np.isfinite(moved).all()
    assert np.isfinite(flow.sample(30)).all()
    assert np.isfinite(energy_distance(X, moved))


def sampler(rng):
    flow = SAMPLERS[rng.integers(len(SAMPLERS))](n_steps=int(rng.integers(2, 12)))
    if "n_rounds" in flow.get_params():
        flow.set_params(n_rounds=10)
    move(flow.set_params(n_jobs=int(rng.integers(1, 3)), random_state=int(rng.integers(99))), rng)


def field(rng):
    name = sorted(FIELDS)[rng.integers(len(FIELDS))]
    move(SDFlowSampler(BRIEF.get(name, name), n_steps=int(rng.integers(2, 8))), rng)


def generator(rng):
    make = GENERATORS[rng.integers(len(GENERATORS))]
    flow = make(n_epochs=1, n_steps=int(rng.integers(3, 15)), random_state=int(rng.integers(99)))
    if "denoiser" in flow.get_params():
        flow.set_params(denoiser=LEARNED)
    X = rng.normal(size=(rng.integers(30, 300), rng.integers(1, 5)))
    source = {"X_source": X + 1} if rng.random() < 0.5 else {}
    made = flow.fit(X, **source).sample(100)
    assert made.shape == (100, X.shape[1])
    assert np.isfinite(made).all()


def mixed(rng):
    source, target = (table(rng, int(rng.integers(60, 400))) for _ in range(2))
    chosen = [{}, {"by": "ok"}, {"condition_on": "kind"}][rng.integers(3)]
    transport = TableTransport(random_state=0, **chosen).set_params(flow__n_steps=5)
    transport.fit(target, **({"X_source": source} if rng.random() < 0.5 else {}))
    moved = transport.transform(source)
    assert list(moved) == list(source)
    assert np.isfinite(moved["x"]).all()
    assert not moved.isna().any().any()
    assert len(transport.sample(50)) == 50
    if rng.random() < 0.2:
        assert transport.report(source, moved).html


def run_command(rng):
    with tempfile.TemporaryDirectory() as name:
        folder, suffix = Path(name), [".csv", ".parquet"][rng.integers(2)]
        paths = [str(folder / f"{stem}{suffix}") for stem in ("source", "target", "out")]
        for path in paths[:2]:
            frame = table(rng, int(rng.integers(60, 400)))
            frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
        options = ["--steps", "3", *(["--no-report"] if rng.random() < 0.8 else [])]
        if suffix == ".parquet" and rng.random() < 0.7:
            options += ["--chunk-rows", "50", "--reference-rows", "40"]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert command(["transport", *paths[:2], "-o", paths[2], *options]) == 0
        assert sorted(path.name for path in folder.iterdir()) == sorted(Path(p).name for p in paths)


JOBS = [sampler, field, generator, mixed, run_command]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # few rows, few steps: that is no news here
    start, seconds = time.monotonic(), 60 * args.minutes
    done, memory, threads = Counter(), [], set()
    while (elapsed := time.monotonic() - start) < seconds:
        k = done.total()
        seed = [args.seed, k]
        job = JOBS[k % len(JOBS)]
        try:
            job(np.random.default_rng(seed))
        except BaseException:
            print(f"{job.__name__}(numpy.random.default_rng({seed})) failed")
            raise
        done[job.__name__] += 1
        gc.collect()
        memory.append((elapsed, resident()))
        threads.add(threading.active_count())
    steady = [size for at, size in memory if at > seconds / 3]
    third = max(1, len(steady) // 3)
    first, last = np.median(steady[:third]), np.median(steady[-third:])
    print(", ".join(f"{n} {name}" for name, n in done.items()), f"in {args.minutes:g} minutes")
    print(
        f"memory: {first:.0f} MB after the warm-up, {last:.0f} MB at the end; largest "
        f"{max(steady):.0f} MB; at most {max(threads)} threads"
    )
    if last - first > MOST_GROWTH:
        raise SystemExit(f"memory has grown by {last - first:.0f} MB, more than {MOST_GROWTH}")


if __name__ == "__main__":
    main()
