"""The command on tables larger than memory: seconds, rows per second, peak memory, and fit.

Source and target are Parquet files of as many rows and 10 columns (a group, whole numbers, and
eight continuous ones, among them rounded ones), made in a temporary folder and removed at the end.
Memory should be constant, and time linear in rows. A row costs as many kernel values as the flow
has steps, times the reference rows of source and target; fewer than by default are used here. The
fit is the energy distance of 3000 moved rows to fresh rows of the target, as a multiple of what
fresh rows have among each other; it is about 1800 before.

    python examples/benchmarks/chunks.py               10⁵, 10⁶ and 10⁷ rows
    python examples/benchmarks/chunks.py 1e5 1e6       any other numbers of rows
    python examples/benchmarks/chunks.py 1e6 --reference-rows=2000    with options of the command
"""

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skflow.metrics import energy_distance, energy_floor
from skflow.tabular import TableEncoder

CHUNK, N_JUDGED = 100_000, 3000
OPTIONS = f"--chunk-rows={CHUNK} --reference-rows=500 --steps=20 --no-report --quiet".split()


def chunk(n, shift, rng):
    """Rows of correlated columns, which differ between source and target by the shift."""
    Z = rng.normal(size=(n, 10)) @ (np.eye(10) + 0.3 * np.eye(10, k=1)) + shift
    columns = {f"x{j}": Z[:, j] for j in range(6)}
    columns |= {f"rounded{j}": np.round(Z[:, j], 2) for j in (6, 7)}
    columns["count"] = rng.poisson(np.exp(np.clip(Z[:, 8] / 4, -3, 3)) + 3)
    columns["group"] = np.array(["red", "green", "blue"])[np.digitize(Z[:, 9], [-0.5, 0.8])]
    return pa.table(columns)


def write(path, n_rows, shift, seed):
    rng = np.random.default_rng(seed)
    with pq.ParquetWriter(path, chunk(1, 0, rng).schema) as writer:
        for start in range(0, n_rows, CHUNK):
            writer.write_table(chunk(min(CHUNK, n_rows - start), shift, rng))


def measure(command):
    """Seconds, processor seconds, and the most memory in GB (at least our own), of a process."""
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)  # of this one child, not the greatest of all
    if status:
        sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    unit = 1 if sys.platform == "darwin" else 1024
    seconds = time.perf_counter() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e9


def fit(path):
    """Energy distance of the first moved rows to fresh ones, over its floor."""
    fresh = chunk(N_JUDGED, 0, np.random.default_rng(2)).to_pandas()
    moved = next(pq.ParquetFile(path).iter_batches(N_JUDGED)).to_pandas()
    encoder = TableEncoder(fresh)
    Z, Y = encoder.encode(moved), encoder.encode(fresh)
    return energy_distance(Z, Y) / energy_floor(Y, len(Z))


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("rows", nargs="*", type=float, default=[1e5, 1e6, 1e7])
chosen, options = parser.parse_known_args()
print(f"skflow transport {' '.join([*OPTIONS, *options])}")
row = "{:>10} {:>10} {:>12} {:>10} {:>12} {:>8} {:>8}"
print(row.format("rows", "seconds", "CPU seconds", "rows/s", "µs a row", "GB", "fit"))
with TemporaryDirectory() as folder:
    source, target, moved = (str(Path(folder, f"{name}.parquet")) for name in ("s", "t", "moved"))
    command = [sys.executable, "-m", "skflow", "transport", source, target, "-o", moved]
    for n_rows in map(int, chosen.rows):
        write(source, n_rows, 2, seed=0)
        write(target, n_rows, 0, seed=1)
        seconds, cpu, memory = measure([*command, *OPTIONS, *options])
        assert pq.read_metadata(moved).num_rows == n_rows
        cells = f"{seconds:.1f}", f"{cpu:.1f}", f"{n_rows / seconds:.0f}"
        each = f"{seconds / n_rows * 1e6:.0f}"
        print(row.format(n_rows, *cells, each, f"{memory:.2f}", f"{fit(moved):.1f}"), flush=True)
