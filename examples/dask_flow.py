"""A frozen flow on Dask: the same rows on many processes, or machines, bit for bit.

``fit(target, X_source=...)`` freezes a flow, and from then on every row is moved on its own. So a
fitted flow needs nothing of Dask: ``map_partitions`` runs it over a data frame, ``map_blocks`` over
an array, in whatever partitions they come. Dask's scheduler hands the work to its workers; here
they are processes of this machine. A data frame's labels have to be the same in all partitions as
in memory, since atoms (whole numbers, categories) are dithered by them.

A grid search runs on the same workers through joblib.

Prints the times, and whether results are the same as in memory. Needs ``pip install ".[dask]"``.
"""

import os
import sys
import time

import joblib
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV

from skflow import SDFlowSampler, TableTransport
from skflow.model_selection import get_scorer

try:
    import dask
    import dask.array
    import dask.dataframe
    from dask.distributed import Client, LocalCluster
except ImportError:
    print('this example needs Dask, which is not installed: pip install ".[dask]"')
    sys.exit(0)

FAST = "SKFLOW_FAST" in os.environ
N_ROWS, N_REFERENCE, N_STEPS = (2000, 100, 5) if FAST else (50_000, 500, 50)
N_PARTITIONS = 8


def flow():
    """One thread a process: the workers share the cores already."""
    return SDFlowSampler(n_steps=N_STEPS, n_jobs=1, random_state=0)


def visits(n_rows, shift, seed):
    """A table of mixed columns."""
    rng = np.random.default_rng(seed)
    minutes = rng.gamma(2, 5 + shift, n_rows)
    devices = {"phone": 0.6 - shift / 10, "tablet": 0.1, "desk": 0.3 + shift / 10}
    return pd.DataFrame(
        {
            "visitor": np.arange(n_rows),
            "minutes": minutes,
            "pages": 1 + rng.poisson(minutes / (3 + shift)),
            "device": rng.choice(list(devices), n_rows, p=list(devices.values())),
        }
    )


def timed(name, run):
    start = time.perf_counter()
    result = run()
    print(f"{name:32}{time.perf_counter() - start:7.1f} s")
    return result


def main():
    target, source = visits(N_REFERENCE, 0, seed=0), visits(N_ROWS, 2, seed=1)
    columns = ["minutes", "pages", "device"]
    transport = TableTransport(flow(), columns=columns, random_state=0)
    transport.fit(target, X_source=source[:N_REFERENCE])

    X, S = (table[["minutes", "pages"]].to_numpy(float) for table in (target, source))
    sampler = flow().fit(X, X_source=S[:N_REFERENCE])
    grid = {"schedule": ["geometric", "karras"], "schedule__sigma_min": ["nn", "1.5*nn"]}
    search = GridSearchCV(flow(), grid, scoring=get_scorer("fit_without_copying"), cv=3)

    # text stays what it is in pandas, so that the tables can be compared
    workers = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        dask.config.set({"dataframe.convert-string": False}),
        LocalCluster(**workers, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        moved = timed("a table, in memory", lambda: transport.transform(source))
        rows = dask.dataframe.from_pandas(source, npartitions=N_PARTITIONS)
        mapped = rows.map_partitions(transport.transform, meta=moved[:0])
        there = timed("  with map_partitions", mapped.compute)
        pd.testing.assert_frame_equal(there, moved, check_exact=True)

        moved = timed("an array, in memory", lambda: sampler.transform(S))
        blocks = dask.array.from_array(S, chunks=(N_ROWS // N_PARTITIONS, S.shape[1]))
        mapped = blocks.map_blocks(sampler.transform, dtype=S.dtype, meta=S[:0])
        there = timed("  with map_blocks", mapped.compute)
        np.testing.assert_array_equal(there, moved)

        here = timed("a grid search, here", lambda: search.fit(X).best_score_)
        with joblib.parallel_config(backend="dask"):
            there = timed("  on Dask's workers", lambda: search.fit(X).best_score_)
        assert there == here
    print("all the same, bit for bit")


if __name__ == "__main__":  # the workers' processes import this file
    main()
