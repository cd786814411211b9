"""Tiles of queries and blocks of rows: how the sums go over the pairs."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config

from skflow.kernels._threads import n_cores, parallel_for

__all__ = [
    "BLOCK_BYTES",
    "TILE_ROWS",
    "TileSums",
    "blocks",
    "buffer",
    "compiled",
    "cut",
    "distance",
    "distance_factors",
    "exponential",
    "exponential_sums",
    "join",
    "pad_rows",
    "query_factors",
    "row_factors",
    "stream_safely",
]

TILE_ROWS = 128  # queries of one tile, always padded to this many
WIDEST, MANY_TILES = 8, 16  # of few rows a tile may be so many times as wide, if so many are left
# Queries that one matrix product takes side by side. Some BLAS kernels round the columns of a wider
# product differently according to their position; in groups as narrow as this none does. Where a
# row's bits may depend on its neighbours the product is as wide as the tile.
LANES = {np.dtype(np.float32): 16, np.dtype(np.float64): 64}
LEAST_BLOCK = 16  # rows of a block, however little memory there is
BLOCK_BYTES = 2**19  # one tile's kernel values: half of a common per-core cache

_scratch = threading.local()


def cut(A: NDArray, n_rows: int | None = None) -> NDArray:
    """Cut queries (n, k) into padded tiles of lanes, (n_tiles, groups, k, lanes).

    Given the number of rows that they are summed over, tiles are as wide as is fastest: threads
    that take turns with work of less than 0.1 ms wait for each other.
    """
    width = TILE_ROWS
    if n_rows is not None:
        few = BLOCK_BYTES // (4 * TILE_ROWS * n_rows), len(A) // (MANY_TILES * TILE_ROWS)
        width *= max(1, min(WIDEST, *few))
    lanes, n_tiles = LANES[A.dtype] if n_rows is None else width, -(-len(A) // width)
    padded = np.zeros((n_tiles * width, A.shape[1]), A.dtype)
    padded[: len(A)] = A
    shape = n_tiles, width // lanes, lanes, A.shape[1]
    return np.ascontiguousarray(padded.reshape(shape).swapaxes(2, 3))


def join(tiles: NDArray, n: int) -> NDArray:
    """Join tiles (n_tiles, groups, k, lanes) to the first n rows, (n, k)."""
    return tiles.swapaxes(2, 3).reshape(-1, tiles.shape[2])[:n]


def pad_rows(V: NDArray) -> NDArray:
    """Pad values with zeros to rows in fours: products of eleven take half as long again."""
    if len(V) == 1:
        return V
    padded = np.zeros((len(V) + -len(V) % 4, V.shape[1]), V.dtype)
    padded[: len(V)] = V
    return padded


def blocks(A: NDArray, B: NDArray) -> Iterator[tuple[slice, NDArray]]:
    """The blocks of B's columns, each with a buffer of the thread's own for ``Bᵀ @ A``.

    A block fits the cache, and all cores' blocks together scikit-learn's ``working_memory``
    (all cores', not this call's threads', so that the bits do not depend on their number).
    """
    allowed = get_config()["working_memory"] * 2**20 / n_cores()
    step = max(LEAST_BLOCK, int(min(BLOCK_BYTES, allowed)) // (len(A) * A.shape[2] * B.itemsize))
    for start in range(0, B.shape[1], step):
        columns = slice(start, min(start + step, B.shape[1]))
        yield columns, buffer((len(A), columns.stop - start, A.shape[2]), B.dtype)


def buffer(shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """An array of the thread's own, overwritten by the next one of its kind."""
    buffers, size = _scratch.__dict__.setdefault("buffers", {}), math.prod(shape)
    if dtype not in buffers or buffers[dtype].size < size:
        buffers[dtype] = np.empty(size, dtype)
    return np.asarray(buffers[dtype][:size].reshape(shape))


def exponential(E: NDArray, dtype: np.dtype, out: NDArray | None = None) -> NDArray:
    """Exponential of exponents, which may be overwritten.

    In single precision it takes half the time or less, however precise the exponents are.
    """
    if out is None:
        out = E if E.dtype == dtype else buffer(E.shape, dtype)
    loops = compiled()
    if loops is None:
        return np.asarray(np.exp(E, out=out, dtype=dtype, casting="same_kind"))
    loops.exponential(E, out)
    return out


class TileSums:
    """Sums ``V @ kernel(Bᵀ @ Aᵀ)`` for all queries A, one tile of them after the other.

    Parameters
    ----------
    A, B, V : ndarrays of shape (n_queries, k), (k, n_rows), (n_values, n_rows)
        Factors of the queries and of the rows, and what is summed.
    kernel : callable
        A function of an array, which it may overwrite.
    wide : bool, default=True
        Whether a query's bits may depend on the others.
    """

    def __init__(
        self,
        A: NDArray,
        B: NDArray,
        V: NDArray,
        kernel: Callable[[NDArray], NDArray],
        *,
        wide: bool = True,
    ) -> None:
        self.B, self.V, self.kernel, self.n_queries = B, pad_rows(V), kernel, len(A)
        self.tiles = cut(A, B.shape[1] if wide else None)
        self.totals = np.empty((*self.tiles.shape[:2], len(V), self.tiles.shape[3]))

    def __len__(self) -> int:
        return len(self.tiles)

    def add(self, i: int) -> None:
        """Sum over the blocks of B for one tile; the blocks add up in float64."""
        A, total = self.tiles[i], np.zeros(1)
        with np.errstate(over="ignore", invalid="ignore"):  # judged by the caller
            for columns, E in blocks(A, self.B):
                np.matmul(self.B[:, columns].T, A, out=E)
                total = total + self.V[:, columns] @ self.kernel(E)
        self.totals[i] = total[..., : self.totals.shape[2], :]

    def sums(self) -> NDArray:
        """The sums of all tiles in float64, (n_queries, n_values)."""
        return join(self.totals, self.n_queries)


def exponential_sums(B: NDArray, V: NDArray, *, wide: bool) -> Callable[[NDArray], Any]:
    """Return `TileSums` of exponentials as a function of A, compiled where that is faster.

    Exponents are taken in the dtype of B. In wide tiles a query's bits may depend on the others.
    """
    loops = compiled()
    if loops is not None and V.dtype == B.dtype and len(V) <= MOST_VALUES:
        return loops.sums_over(B, V)
    kernel = partial(exponential, dtype=V.dtype)
    return lambda A: TileSums(A.astype(B.dtype), B, V, kernel, wide=wide)


def query_factors(z: NDArray, gamma: NDArray, offset: NDArray) -> NDArray:
    """Factor A = [γz, offset, γ, 1] of queries."""
    columns = [z * gamma[:, None], offset[:, None], gamma[:, None], np.ones((len(z), 1))]
    return np.hstack(columns)


def row_factors(x: NDArray, bias: NDArray) -> NDArray:
    """Factor B = [x, 1, -x²/2, bias] of rows: A @ B is -γ‖z - x‖²/2 + bias + offset + γz²/2."""
    square = np.einsum("ij,ij->i", x, x)
    return np.vstack([x.T, np.ones(len(x)), -square / 2, bias])


def distance_factors(X: NDArray) -> tuple[NDArray, NDArray]:
    """Factors A of queries and B of rows that are summed over: Bᵀ @ Aᵀ is ‖x_i - x_j‖²."""
    square, one = np.einsum("ij,ij->i", X, X), np.ones(len(X))
    return np.column_stack([X, square, one]), np.vstack([-2 * X.T, one, square])


def distance(E: NDArray) -> NDArray:
    """Distances from their squares, in place; rounding may have made these negative."""
    return np.sqrt(np.maximum(E, 0, out=E), out=E)


def stream_safely(
    A: NDArray, B: NDArray, V: NDArray, exponent: Callable[[NDArray], NDArray], n_threads: int
) -> tuple[NDArray, NDArray]:
    """Sum ``V @ exp(exponent(Bᵀ @ A))`` under a running maximum: nothing over- or underflows.

    Returns the sums over ``exp(top)``, and top.
    """
    totals = np.empty((*A.shape[:2], len(V), A.shape[3]))
    tops = np.empty((*A.shape[:2], 1, A.shape[3]))
    V = pad_rows(V)

    def tile(i: int) -> None:
        top, total = np.full(1, -np.inf), np.zeros(1)
        with np.errstate(over="ignore"):  # an exponent of -1e300 is none in single precision
            for columns, E in blocks(A[i], B):
                E = exponent(np.matmul(B[:, columns].T, A[i], out=E))
                higher = np.maximum(top, E.max(axis=1, keepdims=True))
                E = exponential(np.subtract(E, higher, out=E), V.dtype)
                total = total * np.exp(top - higher) + V[:, columns] @ E
                top = higher
        totals[i], tops[i] = total[..., : totals.shape[2], :], top

    parallel_for(len(A), tile, n_threads)
    return totals, tops


# Most values per row that compiled loops sum: of more, matrix products are nearly all of the work,
# and BLAS has the better ones (docs/performance.md has the figures).
MOST_VALUES = 64
# Most values per row of which two sums in single precision take less than one whose kernel values
# are kept for the other.
FEW_VALUES = 24


@cache
def compiled() -> ModuleType | None:
    """The loops that numba compiles, where it is installed.

    Found at the first sum and not before: importing numba takes longer than importing skflow. In
    another thread, where no interrupt leaves numba imported by half.
    """
    with suppress(Exception), ThreadPoolExecutor(1) as other:  # a broken numba costs time only
        return other.submit(import_module, "skflow.kernels._compiled").result()
    return None
