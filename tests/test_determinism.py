"""Bits of results do not depend on threads, processes, or who else is at work."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import skflow
from skflow.kernels import compute_threads

# Rows for several tiles on every thread, in a narrow table and in a wide one.
PROGRAM = """
import joblib, numpy as np, pandas as pd, skflow, warnings
from sklearn.linear_model import Ridge

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
for d in (2, 40):
    X, S = rng.normal(size=(500, d)), rng.normal(2, 2, (400, d))
    for flow in (
        skflow.SDFlowSampler(n_steps=4, random_state=0),
        skflow.SDFlowSampler("sliced", n_steps=4, random_state=0),
        skflow.SDFlowSampler("laplace", n_steps=4, random_state=0),
        skflow.MMDFlowSampler(n_steps=4, n_noise=2, random_state=0),
        skflow.SVGDSampler(n_steps=4, random_state=0),
        skflow.LangevinSampler(n_steps=4, random_state=0),
        skflow.DiffusionSampler(n_steps=4, random_state=0),
    ):
        flow.set_params(n_reference=300).fit(X)
        print(flow, d, joblib.hash((flow.transform(S), flow.sample(300))))
        print("frozen", joblib.hash(flow.fit(X, X_source=S).transform(S[::2] + 0.1)))
    flow = skflow.SDFlowGenerator(Ridge(), n_steps=3, n_epochs=1, random_state=0).fit(X)
    print(flow, d, joblib.hash(flow.sample(300)))
frame = pd.DataFrame(X[:, :5]).add_prefix("x").assign(c=np.where(X[:, 5] > 0, "a", "b"))
other = pd.DataFrame(S[:, :5]).add_prefix("x").assign(c=np.where(S[:, 5] > 0, "a", "b"))
table = skflow.TableTransport(random_state=0).set_params(flow__n_steps=4).fit(frame)
print("table", joblib.hash(table.transform(other)))
"""
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def test_bits_do_not_depend_on_the_number_of_threads():
    results = []
    for n_threads in ("1", "3"):
        env = {k: v for k, v in os.environ.items() if k not in VARIABLES}
        env |= dict.fromkeys(VARIABLES, n_threads)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        results.append(done.stdout.splitlines())
    assert len(results[0]) == 31
    assert [line for line in results[1] if line not in results[0]] == []


# ------------------------------------------------------------------------ side by side in a process
def estimators():
    rng = np.random.default_rng(0)
    X, S = rng.normal(size=(300, 3)), rng.normal(2, 2, (250, 3))
    names = ["a", "b", "c"]
    table = skflow.TableTransport(random_state=0).set_params(flow__n_steps=5)
    table.fit(pd.DataFrame(X, columns=names))
    yield "table", lambda: table.transform(pd.DataFrame(S, columns=names)).to_numpy()
    frozen = skflow.SDFlowSampler(n_steps=5, random_state=0).fit(X, X_source=S[:200])
    yield "frozen", lambda: frozen.transform(S)
    live = skflow.SDFlowSampler(random_state=0).fit(X)
    yield "live", lambda: live.transform(S)
    yield "samples", lambda: live.sample(100)
    ridge = skflow.SDFlowGenerator(Ridge(), n_steps=3, n_epochs=1, random_state=0).fit(X)
    yield "generator", lambda: ridge.sample(100)


@pytest.mark.filterwarnings("ignore:the rows ended far from the target:UserWarning")
def test_threads_share_fitted_estimators():
    calls = dict(estimators())
    alone = {name: call() for name, call in calls.items()}
    with ThreadPoolExecutor(4) as pool:
        futures = [(name, pool.submit(call)) for _ in range(4) for name, call in calls.items()]
        for name, future in futures:
            np.testing.assert_array_equal(future.result(timeout=120), alone[name], err_msg=name)


@pytest.fixture
def flow():
    return skflow.SDFlowSampler(random_state=0).fit(rows(0, 600))


def rows(seed, n):
    return np.random.default_rng(seed).normal(seed, 1 + seed, (n, 3))


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_workers_of_joblib_return_the_same_bits(flow, backend):
    expected = flow.transform(rows(1, 500))
    parallel = joblib.Parallel(n_jobs=2, backend=backend)
    for moved in parallel(joblib.delayed(flow.transform)(rows(1, 500)) for _ in range(4)):
        np.testing.assert_array_equal(moved, expected)


# ------------------------------------------------------------------------------- a fork in mid-flow
def rest_of(steps, flow, queue):
    queue.put((list(steps)[-1], flow.transform(rows(2, 300))))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork on Windows"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # forking is the point
def test_a_fork_in_mid_flow_goes_on_in_both_processes(flow):
    expected, other = flow.transform(rows(1, 500)), flow.transform(rows(2, 300))
    steps = flow.staged_transform(rows(1, 500))
    for _ in range(20):
        next(steps)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with compute_threads():  # while threads are at work and BLAS is held
        child = context.Process(target=rest_of, args=(steps, flow, queue))
        child.start()
        here = list(steps)[-1]
    there, its_other = queue.get(timeout=120)
    child.join()
    np.testing.assert_array_equal(here, expected)
    np.testing.assert_array_equal(there, expected)
    np.testing.assert_array_equal(its_other, other)


# ---------------------------------------------------------------------------------- no more threads
@pytest.mark.parametrize("depth", [1, 2])
def test_processes_of_a_grid_search_share_the_cores(depth):
    """Workers by joblib's default have a share of the cores each, their own workers none."""

    def n_threads(depth):
        if depth:
            return max(
                joblib.Parallel(n_jobs=2)(joblib.delayed(n_threads)(depth - 1) for _ in "ab")
            )
        with compute_threads() as n:
            return n

    assert n_threads(depth) <= max(1, joblib.cpu_count() // 2)
