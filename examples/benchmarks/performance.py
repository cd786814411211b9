"""How fast, against what the machine can do and against what else a user could pick.

    pip install -r examples/benchmarks/requirements.txt
    python examples/benchmarks/performance.py                 all but the largest (minutes)
    python examples/benchmarks/performance.py kernel small    any of the names in JOBS

All that is compared runs interleaved in one process, and medians are shown: processors change their
speed. "limit" is what this machine needs for the arithmetic alone: the two matrix products of a
block at their own shapes and one exponential a pair, in the cache, divided by the cores.

Peers are called in the fastest of the ways that are known to us; each result is compared with ours.
"""

import os
import resource
import sys
import time
from functools import partial

import numpy as np
from sklearn.datasets import make_swiss_roll
from sklearn.neighbors import KDTree, KernelDensity
from threadpoolctl import threadpool_limits

from skflow import SDFlowSampler
from skflow.datasets import make_clusters, make_question_mark
from skflow.fields import KernelScoreDifference
from skflow.kernels import kernel_mean, log_kernel_density
from skflow.kernels._tiles import exponential
from skflow.metrics import energy_distance, energy_floor, nearest_neighbor_ratio

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


PAUSE = 0.1  # seconds between two jobs


def interleaved(jobs, n_rounds):
    """Median seconds of each job, taken in turn; one round before that does not count.

    After a job OpenMP's and BLAS's threads wait for more in a busy loop, for up to 0.1 s: in the
    pause they go to sleep, so that no job is timed beside them.
    """
    seconds = {name: [] for name in jobs}
    for i in range(n_rounds + 1):
        for name, job in jobs.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            job()
            if i > 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(s)) for name, s in seconds.items()}


def show(title, seconds, base="skflow"):
    print(f"\n{title}")
    for name, s in seconds.items():
        ratio = "" if name == base else f"   {base} takes {seconds[base] / s:.3g} ×"
        print(f"  {name:44} {s:9.4f} s{ratio}", flush=True)


def limit(n_queries, n_rows, d, dtype, tile=128, block=1024):
    """A job of the arithmetic of one block, and how many of them all cores share."""
    rng = np.random.default_rng(0)
    B = rng.normal(0, 0.1, (d + 3, block)).astype(dtype)
    A = rng.normal(0, 0.1, (d + 3, tile)).astype(dtype)
    E = np.empty((block, tile), dtype)
    n_repeats = 50

    def job():
        with threadpool_limits(1, user_api="blas"):
            for _ in range(n_repeats):
                np.matmul(B.T, A, out=E)
                exponential(E, E.dtype)
                B[: d + 1] @ E

    return job, n_queries * n_rows / (tile * block) / n_repeats / CORES


def attention(Z, X, sigma):
    """The kernel mean as torch's attention: queries z/σ², keys x, values x, bias -‖x‖²/2σ².

    Values are padded to the width of the keys: torch takes several times as long for others.
    """
    import torch

    torch.set_num_threads(CORES)
    z, x = torch.from_numpy(Z), torch.from_numpy(X)

    def job():
        one, zero = (f(len(z), 1, dtype=z.dtype) for f in (torch.ones, torch.zeros))
        query = torch.cat([z / sigma**2, one], 1)[None, None]
        bias = -(x * x).sum(1, keepdim=True) / (2 * sigma**2)
        key, value = torch.cat([x, bias], 1)[None, None], torch.cat([x, zero], 1)[None, None]
        attend = torch.nn.functional.scaled_dot_product_attention
        return attend(query, key, value, scale=1.0)[0, 0, :, :-1].numpy()

    return job


def softmax(Z, X, sigma, n_rows=512):
    """The same in plain torch, block by block: distances, softmax, product."""
    import torch

    torch.set_num_threads(CORES)
    z, x = torch.from_numpy(Z), torch.from_numpy(X)

    def job():
        bias = -(x * x).sum(1) / (2 * sigma**2)
        parts = [torch.addmm(bias, part / sigma**2, x.T).softmax(1) @ x for part in z.split(n_rows)]
        return torch.cat(parts).numpy()

    return job


def keops(Z, X, sigma):
    """The kernel mean as a symbolic matrix of KeOps, compiled at its first call."""
    import torch
    from pykeops.torch import LazyTensor

    z, x = torch.from_numpy(Z), torch.from_numpy(X)

    def job():
        z_i, x_j = LazyTensor(z[:, None, :]), LazyTensor(x[None, :, :])
        exponent = -((z_i - x_j) ** 2).sum(-1) / (2 * sigma**2)
        return exponent.sumsoftmaxweight(x_j, axis=1).numpy()

    return job


def normal_tables(n, d, dtype="float32"):
    rng = np.random.default_rng(0)
    Z, X = (rng.standard_normal((n, d)).astype(dtype) for _ in range(2))
    return Z, X, float(np.sqrt(d) / 2)


def kernel():
    """The kernel mean."""
    cases = [
        (10_000, 10, "float32", 9),
        (10_000, 50, "float32", 9),
        (1024, 3, "float32", 101),
        (10_000, 10, "float64", 5),
    ]
    for n, d, dtype, n_rounds in cases:
        Z, X, sigma = normal_tables(n, d, dtype)
        peers = {"torch attention": attention, "torch softmax": softmax, "KeOps": keops}
        jobs = {
            "skflow": partial(kernel_mean, Z, X, sigma, tol=1e-6 if dtype == "float32" else 0.0),
            "skflow, bits of a row on its own (tol=0)": partial(kernel_mean, Z, X, sigma),
        }
        for name, peer in peers.items():
            try:
                job = peer(Z, X, sigma)
                difference = np.abs(job() - kernel_mean(Z, X, sigma)).max()
            except ImportError as error:
                print(f"{name} is left out: {error}")
                continue
            assert difference < 1e-3 * sigma, (name, difference)
            jobs[name] = job
        jobs["limit"], n_blocks = limit(n, n, d, dtype)
        seconds = interleaved(jobs, n_rounds)
        seconds["limit"] *= n_blocks
        show(f"kernel_mean, {n} × {n} rows, {d} features, {dtype}", seconds)


def density():
    """The log density against scikit-learn's."""
    Z, X, sigma = normal_tables(10_000, 10, "float64")
    Z = Z[:1000]
    peer = KernelDensity(bandwidth=sigma).fit(X)
    np.testing.assert_allclose(peer.score_samples(Z), log_kernel_density(Z, X, sigma), rtol=1e-6)
    jobs = {
        "skflow": lambda: log_kernel_density(Z, X, sigma),
        "scikit-learn KernelDensity": lambda: peer.score_samples(Z),
    }
    show("log_kernel_density, 1000 × 10000 rows, 10 features, float64", interleaved(jobs, 5))


def small():
    """The flow of the paper's figure: Swiss roll onto question mark, 500 steps."""
    X = make_question_mark(1024, random_state=0)
    source = make_swiss_roll(1024, random_state=0)[0]
    paper = {"align": None, "n_noise": 1, "schedule": "cosine", "batch_size": None}
    paper["match_marginals"] = False
    one_sided = SDFlowSampler(KernelScoreDifference("row"), n_steps=500, random_state=0, **paper)
    two_sided = SDFlowSampler(n_steps=500, random_state=0)
    one_sided.fit(X), two_sided.fit(X)
    block, n_blocks = limit(1024, 1024, 3, "float64")
    jobs = {
        "skflow": lambda: one_sided.transform(source),
        "skflow, two-sided weights": lambda: two_sided.transform(source),
        "limit": block,
    }
    seconds = interleaved(jobs, 3)
    seconds["limit"] *= 2 * 500 * n_blocks
    show("Swiss roll onto question mark, 1024 rows, 500 steps, float64", seconds)


def transported(solver, source, X):
    """Rows moved along an optimal transport plan of POT."""
    import ot

    cost, uniform = ot.dist(source, X).astype(float), np.full(len(X), 1 / len(X))
    if solver == "EMD":
        plan = ot.emd(uniform, uniform, cost, numItermax=10**7)
    else:
        plan = ot.sinkhorn(uniform, uniform, cost, 0.01 * cost.mean(), method="sinkhorn_log")
    return len(X) * plan @ X


def flowed(source, X, **parameters):
    return SDFlowSampler(random_state=0, **parameters).fit(X).transform(source)


def clusters():
    """12 clusters, 5000 × 10 onto 5000 × 10, defaults, against optimal transport."""
    n = 5000
    held_out = make_clusters(2 * n, random_state=100)
    floor = energy_floor(held_out, n)
    for dtype in ("float32", "float64"):
        X = make_clusters(n, random_state=0).astype(dtype)
        offset = np.array([30] + 9 * [0])
        source = X.mean(axis=0) + offset + np.random.default_rng(0).normal(size=X.shape)
        source = source.astype(dtype)
        jobs = {
            "skflow": partial(flowed, source, X),
            "skflow, all rows at every step": partial(flowed, source, X, batch_size=None),
            "POT, EMD": partial(transported, "EMD", source, X),
            "POT, Sinkhorn": partial(transported, "Sinkhorn", source, X),
        }
        show(f"12 clusters, 5000 × 10 onto 5000 × 10, {dtype}", interleaved(jobs, 3))
        for name, job in jobs.items():
            moved = job()
            fit, copy = energy_distance(moved, held_out) / floor, nearest_neighbor_ratio(moved, X)
            print(f"  {name:44} fit {fit:.2f}, copy {copy:.2f}", flush=True)


def near():
    """Rows left out: 3-d, σ = median nearest-neighbour distance, tol = 1e-6, against all rows."""
    times = []
    sizes = [25_000, 50_000, 100_000, 200_000]
    for dtype in ("float32", "float64"):
        print(f"\nkernel_mean, n × n rows, 3 features, {dtype}, σ = nearest-neighbour distance")
        for n in sizes:
            Z, X, _ = normal_tables(n, 3, dtype)
            sigma = float(np.median(KDTree(X).query(X[:2000], k=2)[0][:, 1]))
            some = 1024  # exact sums take time in proportion to the queries
            seconds = interleaved(
                {
                    "near": partial(kernel_mean, Z, X, sigma, tol=1e-6),
                    "all": partial(kernel_mean, Z[:some], X, sigma),
                },
                3,
            )
            seconds["all"] *= n / some
            times.append(seconds["near"])
            error = np.abs(
                kernel_mean(Z, X, sigma, tol=1e-6)[:some] - kernel_mean(Z[:some], X, sigma)
            )
            print(
                f"  {n:7} rows {seconds['near']:8.3f} s, all rows {seconds['all']:8.1f} s: "
                f"{seconds['all'] / seconds['near']:.0f} × faster, largest difference "
                f"{error.max() / np.ptp(X):.0e} of the extent",
                flush=True,
            )
        slope = np.polyfit(np.log(sizes), np.log(times[-len(sizes) :]), 1)[0]
        print(f"  time grows like rows^{slope:.2f}", flush=True)


def never_slower():
    """Where nothing can be left out, asking for it must cost next to nothing."""
    for n, d in [(4000, 3), (10_000, 10), (10_000, 3)]:
        Z, X, sigma = normal_tables(n, d)
        jobs = {
            "skflow": partial(kernel_mean, Z, X, sigma, tol=1e-6),
            "all rows (tol=0)": partial(kernel_mean, Z, X, sigma),
        }
        show(f"nothing to leave out, {n} × {n} rows, {d} features, float32", interleaved(jobs, 5))


def million(sizes=(20_000, 200_000, 1_000_000)):
    """10⁶ rows × 10 onto 10⁶ rows × 10, float32, defaults; and the same flow of fewer rows."""
    offset = np.array([30] + 9 * [0])
    held_out = make_clusters(20_000, random_state=100)
    floor = energy_floor(held_out, 20_000)
    for n in sizes:
        X = make_clusters(n, random_state=0).astype("float32")
        source = np.random.default_rng(0).standard_normal(X.shape, dtype="float32")
        source += (X.mean(axis=0) + offset).astype("float32")
        start = time.perf_counter()
        flow = SDFlowSampler(random_state=0).fit(X)
        fitted = time.perf_counter()
        moved = flow.transform(source)
        end = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        kept = np.random.default_rng(1).choice(n, 20_000, replace=False)
        fit = energy_distance(moved[kept], held_out)
        copy = nearest_neighbor_ratio(moved[kept[:2000]], X, fresh=held_out[:2000])
        print(
            f"\n{n} × 10 onto {n} × 10, float32: fit {fitted - start:.1f} s, transform "
            f"{end - fitted:.1f} s, peak memory {peak:.2f} GB, energy of 20000 rows {fit:.5f} "
            f"({fit / floor:.2f} floors), copy {copy:.2f}",
            flush=True,
        )


JOBS = {
    job.__name__: job for job in (kernel, density, small, clusters, near, never_slower, million)
}

if __name__ == "__main__":
    for name in sys.argv[1:] or [name for name in JOBS if name != "million"]:
        JOBS[name]()
