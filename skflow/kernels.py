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
from threadpoolctl import ThreadpoolController

from skflow._utils import check_rows, check_scale, check_weights, normalize_weights

__all__ = ["KernelSum", "compute_threads", "kernel_mean", "log_kernel_density", "mean_distance"]

TILE_ROWS = 128  # queries of one tile; always padded to this many
# Queries that one matrix product takes side by side. Some BLAS kernels round the columns of a wider
# product differently according to their position; in groups as narrow as this none does.
LANES = {np.dtype(np.float32): 16, np.dtype(np.float64): 64}
BLOCK_BYTES = 2**19  # one tile's kernel values: half of a common per-core cache
ROUNDING = 2.0**-6  # largest tolerated rounding error of an exponent in the fast path


# ---------------------------------------------------------------------------------------- threads
class _Threads:
    """What is shared by the process: the pool of workers and the hold on BLAS.

    The flow that finds BLAS unheld holds it, and gives it back when it ends: by the same thread,
    because some libraries let only the thread that set a limit undo it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_cores = joblib.cpu_count()
        self.held = False
        self._pool: ThreadPoolExecutor | None = None
        self._libraries: ThreadpoolController | None = None

    @property
    def libraries(self) -> ThreadpoolController:
        if self._libraries is None:  # scanning the loaded libraries costs milliseconds: once
            self._libraries = ThreadpoolController()
        return self._libraries

    @property
    def pool(self) -> ThreadPoolExecutor:
        with self.lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.n_cores, thread_name_prefix="skflow")
            return self._pool

    @contextmanager
    def hold_blas(self) -> Iterator[None]:
        with self.lock:
            mine = not self.held
            if mine:
                limit = self.libraries.limit(limits=1, user_api="blas")
                self.held = True
        try:
            yield
        finally:
            if mine:
                with self.lock:
                    self.held = False
                    limit.restore_original_limits()


_threads = _Threads()
_scratch = threading.local()
_n_threads: ContextVar[int | None] = ContextVar("skflow_n_threads", default=None)


def _after_fork() -> None:
    """A forked child inherits no threads and no held lock: it starts with none."""
    global _threads
    _threads = _Threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _available_threads() -> int:
    """Cores this process may use: OMP_NUM_THREADS, threadpoolctl and joblib may have bounded it."""
    openmp = [
        library.num_threads
        for library in _threads.libraries.lib_controllers
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


def _for_each_tile(n_rows: int, tile: Callable[[slice], None], n_threads: int) -> None:
    """Call ``tile`` with every slice of ``TILE_ROWS`` rows, dealt out to the threads in turn."""
    tiles = [slice(i, min(i + TILE_ROWS, n_rows)) for i in range(0, n_rows, TILE_ROWS)]
    n_threads = min(n_threads, len(tiles))

    def work(worker: int) -> None:
        for rows in tiles[worker::n_threads]:
            tile(rows)

    futures = [_threads.pool.submit(work, worker) for worker in range(1, n_threads)]
    if tiles:
        work(0)
    for future in futures:
        future.result()


def _lanes(A: NDArray) -> NDArray:
    """Cut a tile (TILE_ROWS, k) into groups of lanes, (groups, k, lanes)."""
    lanes = LANES[A.dtype]
    return np.ascontiguousarray(A.reshape(-1, lanes, A.shape[1]).transpose(0, 2, 1))


def _rows(total: NDArray, n: int) -> NDArray:
    """Join the first n rows of (groups, k, lanes) again, to (n, k)."""
    return total.transpose(0, 2, 1).reshape(-1, total.shape[1])[:n]


def _blocks(A: NDArray, B: NDArray) -> Iterator[tuple[slice, NDArray]]:
    """The products of one tile's lanes with B, block by block, in a buffer kept by the thread.

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
        # Squared norms are taken about the mean: far from it they would drown the distances.
        self.center = weight @ X.astype(np.float64, copy=False)
        centered = X - self.center
        square = np.einsum("ij,ij->i", centered, centered)
        self.radius = float(np.sqrt(square.max()))
        # B = [xᵀ; 1; -‖x‖²/2]: its first d + 1 rows are also the second product's V = [x, 1]ᵀ
        self._B = np.vstack([centered.T, np.ones(self.n_rows), -square / 2])

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
        bias = bias - top
        mean = np.empty((len(Z), self.n_features if moment else 0), self.dtype)
        log_sum = np.empty(len(Z))
        scale = np.zeros(len(Z)) if log_scale is None else log_scale + top
        with compute_threads() as n_threads:
            B = np.vstack([self._B, bias])
            fast = B.astype(self.dtype, copy=False)

            def tile(rows: slice) -> None:
                good = self._fast_tile(fast, Z[rows], sigma, scale[rows], mean[rows], log_sum[rows])
                if not good.all():
                    bad = np.flatnonzero(~good) + rows.start
                    mean[bad], log_sum[bad] = self._safe_tile(B, Z[bad], sigma, moment)

            _for_each_tile(len(Z), tile, n_threads)
        if moment:
            mean += self.center.astype(self.dtype)
        log_sum += top
        return mean, log_sum

    def _fast_tile(
        self,
        B: NDArray,
        Z: NDArray,
        sigma: float,
        scale: NDArray,
        mean: NDArray,
        log_sum: NDArray,
    ) -> NDArray:
        """Sum one tile without a maximum pass; say for which rows that was accurate."""
        d, n = self.n_features, len(Z)
        z, square, reach = self._about_center(Z)
        info = np.finfo(B.dtype)
        exact = reach <= sigma * np.sqrt(2 * ROUNDING / info.eps)  # eps · reach²/2σ² ≤ ROUNDING
        if not exact.any():
            return exact
        gamma = 1 / np.float64(sigma) ** 2 if sigma < 1e150 else 0.0  # all weights are equal
        A = np.zeros((TILE_ROWS, d + 3), B.dtype)
        first = 0 if mean.shape[1] else d  # without the moment V is the row of ones alone
        total: NDArray = np.zeros(1)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # judged below
            A[:n, :d] = z * gamma
            A[:n, d] = scale - square * (gamma / 2)
            A[:n, d + 1] = gamma
            A[:n, d + 2] = 1
            for columns, E in _blocks(_lanes(A), B):
                total = total + B[first : d + 1, columns] @ np.exp(E, out=E)
            sums = _rows(total, n)
            mass = sums[:, -1]
            mean[...] = sums[:, :-1] / mass[:, None]
            log_sum[...] = np.log(mass) - scale
        return exact & (mass > info.tiny ** (3 / 4)) & (mass < info.max ** (3 / 4))

    def _safe_tile(
        self, B: NDArray, Z: NDArray, sigma: float, moment: bool
    ) -> tuple[NDArray, NDArray]:
        """Sum any rows in float64 under a running maximum: nothing over- or underflows."""
        d, n = self.n_features, len(Z)
        z, square, reach = self._about_center(Z)
        with np.errstate(divide="ignore", over="ignore"):  # σ may be too small to be squared
            gamma = np.minimum(1 / np.float64(sigma) ** 2, np.minimum(1e290 / reach**2, 1e290))
        A = np.zeros((TILE_ROWS, d + 3))
        A[:n, :d] = z * gamma[:, None]
        A[:n, d + 1] = gamma
        A[:n, d + 2] = 1
        first = 0 if moment else d
        top: NDArray
        total: NDArray
        top, total = np.full(1, -np.inf), np.zeros(1)
        for columns, E in _blocks(_lanes(A), B):
            higher = np.maximum(top, E.max(axis=1, keepdims=True))
            np.exp(np.subtract(E, higher, out=E), out=E)
            total = total * np.exp(top - higher) + B[first : d + 1, columns] @ E
            top = higher
        sums = _rows(total, n)
        mass = sums[:, -1]
        log_sum = np.log(mass) + _rows(top, n)[:, 0] - square * gamma / 2
        return sums[:, :-1] / mass[:, None], log_sum

    def _about_center(self, Z: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Centred queries in float64, their squared norms, and how far their distances reach."""
        z = Z - self.center
        square = np.einsum("ij,ij->i", z, z)
        return z, square, np.sqrt(square) + self.radius


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

    def tile(rows: slice) -> None:
        n = rows.stop - rows.start
        x = X[rows] - center
        A = np.zeros((TILE_ROWS, B.shape[0]))
        A[:n, :-2] = x
        A[:n, -2] = np.einsum("ij,ij->i", x, x)
        A[:n, -1] = 1
        total: NDArray = np.zeros(1)
        for columns, E in _blocks(_lanes(A), B):
            total = total + w[None, columns] @ np.sqrt(np.maximum(E, 0, out=E), out=E)
        means[rows] = _rows(total, n)[:, 0]

    with compute_threads(n_jobs) as n_threads:
        _for_each_tile(len(X), tile, n_threads)
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
        X, weight = X[weight > 0], weight[weight > 0]
    if Z.dtype != X.dtype:
        Z, X = Z.astype(np.float64), X.astype(np.float64)
    return Z, KernelSum(X, weight)
