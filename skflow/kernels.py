r"""Gaussian kernel sums: the only place that pairs every row with every row.

.. math::

    K(z, x; σ) = \exp(-‖z - x‖² / 2σ²)

    D(z; σ) = \frac{Σ_j w_j K(z, x_j; σ)\, x_j}{Σ_j w_j K(z, x_j; σ)}          [Weber 2023, eq. 16]

    \log p(z; σ) = \log Σ_j w_j K(z, x_j; σ) - \log Σ_j w_j - \tfrac{d}{2} \log 2πσ²

``D`` is the kernel mean, which is the ideal denoiser ``E[x | z]`` of rows blurred by N(0, σ²I);
``p`` is the kernel density estimate. Nothing of size (queries × rows) is ever held: the queries
are cut into tiles of a fixed, padded number of rows, which threads take in turn, and each tile runs
over the rows in blocks that stay in the cache. One block is two matrix products around an
in-place exponential, ``V @ exp(Bᵀ @ A)``, with the squared norms folded into ``A`` and ``B``.

A tile's arithmetic does not depend on what else is in it, so a row of the result has the same bits
whatever its neighbours and however many threads there are.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from threadpoolctl import LibController, ThreadpoolController

from skflow._utils import check_rows, check_scale, check_weights, normalize_weights

__all__ = [
    "KernelSum",
    "compute_threads",
    "kernel_gradient",
    "kernel_mean",
    "log_kernel_density",
    "mean_distance",
]

TILE_ROWS = 128  # queries of one tile; always padded to this many
# Queries that one matrix product takes side by side. Some BLAS kernels round the columns of a wider
# product differently according to their position; in groups as narrow as this none does.
LANES = {np.dtype(np.float32): 16, np.dtype(np.float64): 64}
SLAB_ROWS = 2**16  # queries prepared at a time
BLOCK_BYTES = 2**19  # one tile's kernel values: half of a common per-core cache
ROUNDING = 2.0**-6  # largest tolerated rounding error of an exponent in the fast path


# ---------------------------------------------------------------------------------------- threads
class _Threads:
    """What is shared by the process: the pool of workers, and the hold on BLAS.

    The first flow holds BLAS to one thread, the last one to end lets go of it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_cores = joblib.cpu_count()
        self.holds = 0
        self.before: list[int] = []
        self._pool: ThreadPoolExecutor | None = None
        self._libraries: list[LibController] = []

    @property
    def libraries(self) -> list[LibController]:
        if not self._libraries:  # scanning the loaded libraries costs milliseconds: once
            self._libraries = ThreadpoolController().lib_controllers
        return self._libraries

    @property
    def pool(self) -> ThreadPoolExecutor:
        with self.lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    self.n_cores, thread_name_prefix="skflow", initializer=self._start_worker
                )
            return self._pool

    @contextmanager
    def hold_blas(self) -> Iterator[None]:
        blas = [library for library in self.libraries if library.user_api == "blas"]
        with self.lock:
            self.holds += 1
            if self.holds == 1:
                self.before = [library.num_threads for library in blas]
                _set_threads(blas, [1] * len(blas))
        try:
            yield
        finally:
            with self.lock:
                self.holds -= 1
                if self.holds == 0:
                    _set_threads(blas, self.before)

    def _start_worker(self) -> None:
        """Hold the libraries whose limits belong to a thread, in a thread of our own for good."""
        own = [
            library
            for library in self.libraries
            if library.user_api == "blas" and getattr(library, "threading_layer", "") == "openmp"
        ]
        _set_threads(own, [1] * len(own))


def _set_threads(libraries: list[LibController], numbers: list[int]) -> None:
    for library, number in zip(libraries, numbers, strict=True):
        # threadpoolctl lets only one thread change OpenBLAS while that thread lives; here flows in
        # several threads share one hold, and whichever of them is the last has to end it
        change = getattr(library, "_real_set_num_threads", library.set_num_threads)
        change(number)


_threads = _Threads()
_scratch = threading.local()
_n_threads: ContextVar[int | None] = ContextVar("skflow_n_threads", default=None)


def _after_fork() -> None:
    """A forked child inherits no threads and no held lock: it starts with none."""
    global _threads
    parent, _threads = _threads, _Threads()
    parent.lock = threading.Lock()
    if parent.holds:
        blas = [library for library in parent.libraries if library.user_api == "blas"]
        _set_threads(blas, parent.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _available_threads() -> int:
    """Cores this process may use: OMP_NUM_THREADS, threadpoolctl and joblib may have bounded it."""
    openmp = [
        library.num_threads
        for library in _threads.libraries
        if library.user_api == "openmp" and library.num_threads
    ]
    return max(1, min([_threads.n_cores, *openmp]))


@contextmanager
def compute_threads(n_jobs: int | None = None) -> Iterator[int]:
    """Fix the number of threads for every kernel sum inside the block.

    BLAS is held to one thread meanwhile, because the tiles are spread over threads here. The hold
    is global to the process; flows may run side by side, and inside a block further blocks cost
    next to nothing.

    Parameters
    ----------
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. ``None`` is the surrounding block's
        number, or all cores that OMP_NUM_THREADS, threadpoolctl and joblib leave to this process.

    Yields
    ------
    n_threads : int
        The number of threads that kernel sums in this block use.
    """
    outer = _n_threads.get()
    available = _available_threads() if outer is None else outer
    n_threads = available if n_jobs is None else min(available, joblib.effective_n_jobs(n_jobs))
    with _threads.hold_blas():
        token = _n_threads.set(n_threads)
        try:
            yield n_threads
        finally:
            _n_threads.reset(token)


def _for_each_tile(n_tiles: int, tile: Callable[[int], None], n_threads: int) -> None:
    """Call ``tile`` with 0 … n_tiles - 1, dealt out to the threads in turn."""
    n_threads = min(n_threads, n_tiles)

    def work(worker: int) -> None:
        for i in range(worker, n_tiles, n_threads):
            tile(i)

    futures = [_threads.pool.submit(work, worker) for worker in range(1, n_threads)]
    work(0)
    for future in futures:
        future.result()


def _tiles(A: NDArray) -> NDArray:
    """Cut queries (n, k) into padded tiles of lanes, (n_tiles, groups, k, lanes)."""
    lanes, n_tiles = LANES[A.dtype], -(-len(A) // TILE_ROWS)
    padded = np.zeros((n_tiles * TILE_ROWS, A.shape[1]), A.dtype)
    padded[: len(A)] = A
    shape = n_tiles, TILE_ROWS // lanes, lanes, A.shape[1]
    return np.ascontiguousarray(padded.reshape(shape).swapaxes(2, 3))


def _rows(tiles: NDArray, n: int) -> NDArray:
    """Join tiles (n_tiles, groups, k, lanes) to the first n rows, (n, k)."""
    return tiles.swapaxes(2, 3).reshape(-1, tiles.shape[2])[:n]


def _blocks(A: NDArray, B: NDArray) -> Iterator[tuple[slice, NDArray]]:
    """The products of one tile A with B, block by block, in a buffer that the thread keeps.

    A block fits the cache, and all cores' blocks together scikit-learn's ``working_memory``
    (all cores', not this call's threads', so that the bits do not depend on their number).
    """
    allowed = get_config()["working_memory"] * 2**20 / _threads.n_cores
    step = max(16, int(min(BLOCK_BYTES, allowed)) // (TILE_ROWS * B.itemsize))
    buffers = _scratch.__dict__.setdefault("buffers", {})
    if buffers.get(B.dtype, A[:0]).size < TILE_ROWS * step:
        buffers[B.dtype] = np.empty(TILE_ROWS * step, B.dtype)
    for start in range(0, B.shape[1], step):
        columns = slice(start, min(start + step, B.shape[1]))
        shape = len(A), columns.stop - start, A.shape[2]
        E = buffers[B.dtype][: shape[1] * TILE_ROWS].reshape(shape)
        yield columns, np.matmul(B[:, columns].T, A, out=E)


def _stream(
    A: NDArray, B: NDArray, V: NDArray, kernel: Callable[[NDArray], NDArray], n_threads: int
) -> NDArray:
    """Sum ``V @ kernel(Bᵀ @ A)`` over the blocks of B, for all tiles A, in float64."""
    totals = np.empty((*A.shape[:2], len(V), A.shape[3]))

    def tile(i: int) -> None:
        total: NDArray = np.zeros(1)
        with np.errstate(over="ignore", invalid="ignore"):  # judged by the caller
            for columns, E in _blocks(A[i], B):
                total = total + V[:, columns] @ kernel(E)
        totals[i] = total

    _for_each_tile(len(A), tile, n_threads)
    return totals


def _vectorized_exp2() -> bool:
    """Whether NumPy computes 2ˣ with this processor's wide instructions: then it is the fastest.

    A property of the processor and not a timing, so that every process takes the same path.
    """
    try:
        from numpy.lib.introspect import opt_func_info
    except ImportError:  # NumPy < 2
        return False
    loops = opt_func_info(func_name="^exp2$").get("exp2", {})
    kinds = [loops.get(signature, {}).get("current", "baseline") for signature in ("ff", "dd")]
    return not any(kind.startswith("baseline") for kind in kinds)


# The exponential of the kernel: E holds exponents of this base.
EXP, LOG_BASE = (np.exp2, np.log(2.0)) if _vectorized_exp2() else (np.exp, 1.0)


# ------------------------------------------------------------------------------------ kernel sums
class KernelSum:
    r"""Gaussian kernel sums over one set of rows, prepared once for many queries.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
        The rows that are summed over.

    sample_weight : ndarray of shape (n_rows,), default=None
        Positive weights of the rows; they are normalised to sum to one.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
        X.
    log_weight : ndarray of shape (n_rows,)
        Logarithms of the normalised weights.
    """

    def __init__(self, X: NDArray, sample_weight: NDArray | None = None) -> None:
        weight = normalize_weights(sample_weight, len(X))
        self.rows = X
        self.n_rows, self.n_features = X.shape
        self.dtype = X.dtype
        self.log_weight = np.log(weight)  # (n_rows,)
        # Squared norms are taken about the mean, far from which they would drown the distances,
        # and in units of a power of two near the radius, so that none over- or underflows.
        self.center = weight @ X.astype(np.float64, copy=False)
        self.unit = 2.0 ** np.frexp(np.abs(X - self.center).max())[1]
        self._radius = float(np.sqrt(self._inside(X)[1].max()))
        self.radius = self._radius * self.unit

    def _inside(self, Z: NDArray) -> tuple[NDArray, NDArray]:
        """Rows about the mean, in units of the radius and float64; and their squared norms."""
        z = (Z - self.center) / self.unit
        return z, np.einsum("ij,ij->i", z, z)

    def sums(
        self,
        Z: NDArray,
        sigma: float,
        *,
        log_weight: NDArray | None = None,
        log_scale: NDArray | None = None,
        moment: bool = True,
    ) -> tuple[NDArray, NDArray]:
        r"""Kernel mean and log of the kernel sum, in one pass.

        .. math:: D(z_i) = Σ_j W_{ij} x_j / Σ_j W_{ij}, \quad  s_i = \log Σ_j W_{ij}, \quad
                  W_{ij} = w_j e^{g_j} K(z_i, x_j; σ)

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features)
            Queries.
        sigma : float
            Bandwidth, in the units of the data.
        log_weight : ndarray of shape (n_rows,), default=None
            The g, on top of the rows' own weights (zero if None).
        log_scale : ndarray of shape (n_queries,), default=None
            A guess of -s. It changes no result; a good guess keeps the terms in the range of the
            fast path when g is large.
        moment : bool, default=True
            Whether to compute D.

        Returns
        -------
        mean : ndarray of shape (n_queries, n_features), dtype of X
            D, or a (n_queries, 0) array if ``moment`` is False.
        log_sum : ndarray of shape (n_queries,), float64
            s.
        """
        bias = self.log_weight if log_weight is None else self.log_weight + log_weight
        top = float(bias.max())
        x, square = self._inside(self.rows)
        # the first d + 1 rows of B are also the second product's V = [x, 1]ᵀ
        B = np.vstack([x.T, np.ones(self.n_rows), -square / 2, bias - top])
        with np.errstate(over="ignore"):  # a weight too small for float32 is none
            fast = B.astype(self.dtype, copy=False)
        sigma = np.float64(sigma) / self.unit
        mean = np.empty((len(Z), self.n_features if moment else 0), self.dtype)
        log_sum = np.empty(len(Z))
        with compute_threads() as n_threads:
            for start in range(0, len(Z), SLAB_ROWS):
                slab = slice(start, min(start + SLAB_ROWS, len(Z)))
                with np.errstate(over="ignore"):
                    z, square = self._inside(Z[slab])
                scale = np.zeros(len(z)) if log_scale is None else log_scale[slab] + top
                good, D, s = self._fast_sums(fast, z, square, sigma, scale, moment, n_threads)
                if not good.all():
                    far = z[~good], square[~good]
                    D[~good], s[~good] = self._safe_sums(B, *far, sigma, moment, n_threads)
                mean[slab] = D * self.unit + (self.center if moment else 0.0)
                log_sum[slab] = s
        log_sum += top
        return mean, log_sum

    def gradient(self, Z: NDArray, sigma: float) -> tuple[NDArray, NDArray]:
        r"""Gradient of the kernel sum, and the kernel sum.

        .. math:: ∇S(z) = Σ_j w_j K(z, x_j; σ) (x_j - z) / σ² = S(z) (D(z) - z) / σ²

        Parameters
        ----------
        Z : ndarray of shape (n_queries, n_features)
            Queries.
        sigma : float
            Bandwidth.

        Returns
        -------
        gradient : ndarray of shape (n_queries, n_features), dtype of X
            Zero where the sum underflows.
        total : ndarray of shape (n_queries,), float64
            The sum S.
        """
        mean, log_sum = self.sums(Z, sigma)
        factor = np.exp(log_sum - 2 * np.log(sigma))
        return ((mean - Z) * factor[:, None]).astype(self.dtype), np.exp(log_sum)

    def _fast_sums(
        self,
        B: NDArray,
        z: NDArray,
        square: NDArray,
        sigma: float,
        scale: NDArray,
        moment: bool,
        n_threads: int,
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Sum without a maximum pass; say for which queries that was accurate."""
        reach = np.sqrt(square) + self._radius
        info = np.finfo(B.dtype)
        good = reach <= sigma * np.sqrt(2 * ROUNDING / info.eps)  # eps · reach²/2σ² ≤ ROUNDING
        if not good.any():
            return good, np.empty((len(z), self.n_features if moment else 0)), np.empty(len(z))
        gamma = np.full(len(z), sigma**-2.0 if sigma < 1e150 else 0.0)
        with np.errstate(over="ignore"):  # the queries for which this matters are not good
            A = _tiles(self._queries(z, gamma, scale - square * gamma / 2).astype(B.dtype))
        V = B[0 if moment else self.n_features : self.n_features + 1]
        sums = _rows(_stream(A, B, V, lambda E: EXP(E, out=E), n_threads), len(z))
        mass = sums[:, -1]
        good &= (mass > info.tiny ** (3 / 4)) & (mass < info.max ** (3 / 4))
        with np.errstate(all="ignore"):
            return good, sums[:, :-1] / mass[:, None], np.log(mass) - scale

    def _safe_sums(
        self,
        B: NDArray,
        z: NDArray,
        square: NDArray,
        sigma: float,
        moment: bool,
        n_threads: int,
    ) -> tuple[NDArray, NDArray]:
        """Sum in float64 under a running maximum: nothing over- or underflows."""
        reach = np.sqrt(square) + self._radius
        with np.errstate(divide="ignore", over="ignore"):  # σ may be too small to be squared
            gamma = np.minimum(1 / np.square(sigma), np.minimum(1e290 / reach**2, 1e290))
        A = _tiles(self._queries(z, gamma, np.zeros(len(z))))
        V = B[0 if moment else self.n_features : self.n_features + 1]
        totals = np.empty((*A.shape[:2], len(V), A.shape[3]))
        tops = np.empty((*A.shape[:2], 1, A.shape[3]))

        def tile(i: int) -> None:
            top, total = np.full(1, -np.inf), np.zeros(1)
            for columns, E in _blocks(A[i], B):
                higher = np.maximum(top, E.max(axis=1, keepdims=True))
                EXP(np.subtract(E, higher, out=E), out=E)
                total = total * EXP(top - higher) + V[:, columns] @ E
                top = higher
            totals[i], tops[i] = total, top

        _for_each_tile(len(A), tile, n_threads)
        sums, top = _rows(totals, len(z)), _rows(tops, len(z))[:, 0]
        mass = sums[:, -1]
        return sums[:, :-1] / mass[:, None], np.log(mass) + LOG_BASE * top - square * gamma / 2

    def _queries(self, z: NDArray, gamma: NDArray, offset: NDArray) -> NDArray:
        """A = [γz, offset, γ, 1] in the base of `EXP`: A @ B is -‖z - x‖²/2σ² + bias."""
        columns = [z * gamma[:, None], offset[:, None], gamma[:, None], np.ones((len(z), 1))]
        return np.hstack(columns) / LOG_BASE


def kernel_mean(
    Z: ArrayLike,
    X: ArrayLike,
    sigma: float,
    *,
    sample_weight: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> NDArray:
    r"""Gaussian kernel mean: the ideal denoiser of the rows X.

    .. math:: D(z; σ) = Σ_j w_j K(z, x_j; σ) x_j / Σ_j w_j K(z, x_j; σ) = E[x | z = x + σε]

    The rounding error is of the order of ``eps · (1 + R²/σ²) · R``, R being the radius of the
    data. A query so far away that all its weights underflow gets its nearest row.

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_features)
        Queries.
    X : array-like of shape (n_rows, n_features)
        Rows that are averaged.
    sigma : float
        Bandwidth σ > 0, in the units of the data.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights; a row of weight two counts as two rows.
    n_jobs : int, default=None
        Upper bound on the threads; None is all available cores. The result does not depend on it.

    Returns
    -------
    mean : ndarray of shape (n_queries, n_features)
        D(z; σ), float32 if both Z and X are float32, else float64.

    Raises
    ------
    ValueError
        If an array is empty or not finite, the widths differ, σ is not positive and finite, or
        the weights are negative or all zero.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eq. 16.

    Examples
    --------
    >>> from skflow.kernels import kernel_mean
    >>> kernel_mean([[0.0], [10.0]], [[-1.0], [1.0]], sigma=1.0).round(3)
    array([[0.],
           [1.]])
    """
    Z, rows = _prepare(Z, X, sigma, sample_weight)
    with compute_threads(n_jobs):
        return rows.sums(Z, sigma)[0]


def log_kernel_density(
    Z: ArrayLike,
    X: ArrayLike,
    sigma: float,
    *,
    sample_weight: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> NDArray:
    r"""Log of the Gaussian kernel density estimate.

    .. math:: \log p(z; σ) = \log \frac{Σ_j w_j K(z, x_j; σ)}{Σ_j w_j} - \tfrac{d}{2} \log 2πσ²

    Its gradient in z is the score, ``(D(z; σ) - z) / σ²`` (Tweedie).

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_features)
        Queries.
    X : array-like of shape (n_rows, n_features)
        Rows of the estimate.
    sigma : float
        Bandwidth σ > 0, in the units of the data.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights; a row of weight two counts as two rows.
    n_jobs : int, default=None
        Upper bound on the threads; None is all available cores. The result does not depend on it.

    Returns
    -------
    log_density : ndarray of shape (n_queries,)
        Natural logarithm of the density; float32 if both Z and X are float32, else float64.

    Raises
    ------
    ValueError
        As `kernel_mean`.

    References
    ----------
    Weber (2023), arXiv:2304.12906, section 2.

    Examples
    --------
    >>> from skflow.kernels import log_kernel_density
    >>> log_kernel_density([[0.0]], [[0.0]], sigma=1.0).round(4)
    array([-0.9189])
    """
    Z, rows = _prepare(Z, X, sigma, sample_weight)
    with compute_threads(n_jobs):
        log_sum = rows.sums(Z, sigma, moment=False)[1]
    log_norm = rows.n_features * (0.5 * np.log(2 * np.pi) + np.log(sigma))
    return (log_sum - log_norm).astype(rows.dtype, copy=False)


def kernel_gradient(
    Z: ArrayLike,
    X: ArrayLike,
    sigma: float,
    *,
    sample_weight: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> NDArray:
    r"""Gradient of the Gaussian kernel's mean over the rows X.

    .. math:: ∇_z \frac{Σ_j w_j K(z, x_j; σ)}{Σ_j w_j}
              = \frac{Σ_j w_j K(z, x_j; σ) (x_j - z) / σ²}{Σ_j w_j}

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_features)
        Queries.
    X : array-like of shape (n_rows, n_features)
        Rows of the sum.
    sigma : float
        Bandwidth σ > 0, in the units of the data.
    sample_weight : array-like of shape (n_rows,), default=None
        Non-negative weights; a row of weight two counts as two rows.
    n_jobs : int, default=None
        Upper bound on the threads; None is all available cores. The result does not depend on it.

    Returns
    -------
    gradient : ndarray of shape (n_queries, n_features)
        In the unit of one over a length; zero for queries so far away that the sum underflows.

    Raises
    ------
    ValueError
        As `kernel_mean`.

    References
    ----------
    Weber (2023), arXiv:2304.12906, eq. 46.

    Examples
    --------
    >>> from skflow.kernels import kernel_gradient
    >>> kernel_gradient([[0.0]], [[1.0]], sigma=1.0).round(4)
    array([[0.6065]])
    """
    Z, rows = _prepare(Z, X, sigma, sample_weight)
    with compute_threads(n_jobs):
        return rows.gradient(Z, sigma)[0]


def mean_distance(
    X: NDArray,
    Y: NDArray,
    *,
    weight_X: NDArray | None = None,
    weight_Y: NDArray | None = None,
    n_jobs: int | None = None,
) -> float:
    r"""Weighted mean Euclidean distance between the rows of two tables, in float64.

    .. math:: Σ_{ij} u_i w_j ‖x_i - y_j‖, \quad Σ u = Σ w = 1

    Parameters
    ----------
    X, Y : ndarray of shape (n_rows, n_features)
        The two tables.
    weight_X, weight_Y : ndarray of shape (n_rows,), default=None
        Non-negative weights of their rows.
    n_jobs : int, default=None
        Upper bound on the threads; None is all available cores.

    Returns
    -------
    distance : float
        The mean.
    """
    u, w = normalize_weights(weight_X, len(X)), normalize_weights(weight_Y, len(Y))
    center = w @ Y.astype(np.float64)
    y = Y - center
    B = np.vstack([-2 * y.T, np.ones(len(y)), np.einsum("ij,ij->i", y, y)])
    means = np.empty(len(X))

    def distance(E: NDArray) -> NDArray:
        return np.sqrt(np.maximum(E, 0, out=E), out=E)

    with compute_threads(n_jobs) as n_threads:
        for start in range(0, len(X), SLAB_ROWS):
            x = X[start : start + SLAB_ROWS] - center
            A = _tiles(np.column_stack([x, np.einsum("ij,ij->i", x, x), np.ones(len(x))]))
            totals = _stream(A, B, w[None], distance, n_threads)
            means[start : start + SLAB_ROWS] = _rows(totals, len(x))[:, 0]
    return float(u @ means)


def _prepare(
    Z: ArrayLike, X: ArrayLike, sigma: float, sample_weight: ArrayLike | None
) -> tuple[NDArray, KernelSum]:
    """Validate the arguments of the public functions."""
    X = check_rows(X, name="X")
    Z = check_rows(Z, name="Z", n_features=X.shape[1])
    check_scale(sigma, name="sigma")
    weight = check_weights(sample_weight, X)
    if weight is not None:
        weight = normalize_weights(weight, len(X))
        X, weight = X[weight > 0], weight[weight > 0]
    if Z.dtype != X.dtype:
        Z, X = Z.astype(np.float64), X.astype(np.float64)
    return Z, KernelSum(X, weight)
