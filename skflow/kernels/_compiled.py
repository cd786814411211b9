r"""The sums over all pairs in one loop, compiled for this processor.

.. math:: S_i = Σ_j V_j e^{E_{ij}}, \qquad E_{ij} = Σ_k A_{ki} B_{kj}

Exponents never leave the nearest cache, and matrix products as thin as these run at a third of the
speed that a processor has. Importing this module needs numba. A loop is compiled when it is first
called with a precision, for about a second, and kept on disk.

.. math:: e^x = 2^n e^r, \qquad n = ⌊x / \log 2⌉, \quad |r| ≤ \tfrac12 \log 2

e^r is Taylor's polynomial, whose remainder is below the rounding of the values, and 2^n is written
into the bits of its exponent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from skflow.kernels._threads import n_cores

__all__ = ["CompiledSums", "exponential"]

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]  # set when numba is imported
    raise ImportError("numba is told not to compile (NUMBA_DISABLE_JIT)")

QUERIES = 128  # queries of a tile
BLOCK = 1024  # rows whose terms add up in the values' precision, before they do in double
TURNS = 8  # how often a core comes for more work
# What exponents have values in single precision: zero below, infinity above.
SINGLE_RANGE = -127 * math.log(2), 128.01 * math.log(2)
# A product and a sum may be one instruction, and 1 / 0 is no error.
OPTIONS: Any = {"error_model": "numpy", "fastmath": {"contract"}}
# Degrees of the polynomial: its remainder is 5e-9 in single and 4e-18 in double precision.
PRECISIONS: dict[Any, tuple[Any, Any, Any, int]] = {
    numba.float32: (np.float32, np.int32, np.float16, 7),
    numba.float64: (np.float64, np.int64, np.float32, 13),
}


def _split(x: Any) -> Any:
    """Return r and n of a number, within the range in which 2^n is one."""


def _join(r: Any, n: Any) -> Any:
    """Return e^r 2^n, off by a rounding; zero where n is the least."""


@overload(_split, jit_options=OPTIONS)
def _split_in(x: Any) -> Any:
    real, _, few_digits, _ = PRECISIONS[x]
    info = np.finfo(real)
    lowest, highest = (real(n * math.log(2)) for n in (info.minexp - 1, info.maxexp + 0.01))
    # log 2 in two parts, of which the first has so few digits that n times it is exact
    per_log_2, high = real(1 / math.log(2)), real(few_digits(math.log(2)))
    low = real(np.log(np.longdouble(2)) - np.longdouble(high))
    rounder = real(1.5 * 2.0**info.nmant)  # a sum with it is rounded to a whole number

    def split(x: Any) -> Any:
        x = lowest if x < lowest else x  # NaN stays as it is
        x = highest if x > highest else x
        n = real(x * per_log_2 + rounder) - rounder
        return (x - n * high) - n * low, n

    return split


@overload(_join, jit_options=OPTIONS)
def _join_in(r: Any, n: Any) -> Any:
    real, bits, _, degree = PRECISIONS[r]
    info = np.finfo(real)
    digits, one = bits(info.nmant), np.ones(1, real).view(bits)[0]
    terms = tuple(real(1 / math.factorial(k)) for k in range(degree, -1, -1))
    holder = real(1.5 * 2.0**info.nmant)  # the last digits of a sum with it hold a whole number

    def join(r: Any, n: Any) -> Any:
        p = terms[0]
        for term in terms[1:]:
            p = p * r + term
        return p * bits((real(n + holder).view(bits) << digits) + one).view(real)

    return join


def _exp(x: NDArray) -> None:
    for i in range(x.size):
        r, n = _split(x[i])
        x[i] = _join(r, n)


def _exp_narrowing(x: NDArray, out: NDArray) -> None:
    """In two loops: one would use instructions for double numbers throughout."""
    R, N = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for start in range(0, x.size, BLOCK):
        part, values = x[start : start + BLOCK], out[start : start + BLOCK]
        for i in range(part.size):
            a = part[i]
            a = SINGLE_RANGE[0] if a < SINGLE_RANGE[0] else a
            a = SINGLE_RANGE[1] if a > SINGLE_RANGE[1] else a
            r, n = _split(a)
            R[i] = r
            N[i] = n
        for i in range(part.size):
            values[i] = _join(R[i], N[i])


def _sum_tiles(A: NDArray, B: NDArray, V: NDArray, out: NDArray) -> None:
    """Sum for tiles of queries, four rows, and four of the rows' entries, at a time.

    Both products in one function of their own take 1.15 times the time in single precision.
    """
    E, S = np.empty(4 * QUERIES, A.dtype), np.empty(len(V) * QUERIES, A.dtype)
    for t in range(len(A)):
        a = A[t].reshape(-1)
        for start in range(0, B.shape[1], BLOCK):
            S[:] = 0
            for j in range(start, min(start + BLOCK, B.shape[1]), 4):
                E[:] = 0
                for k in range(0, len(B), 4):
                    z = a[k * QUERIES : (k + 4) * QUERIES]
                    a0, a1, a2, a3 = B[k, j], B[k, j + 1], B[k, j + 2], B[k, j + 3]
                    b0, b1, b2, b3 = B[k + 1, j], B[k + 1, j + 1], B[k + 1, j + 2], B[k + 1, j + 3]
                    c0, c1, c2, c3 = B[k + 2, j], B[k + 2, j + 1], B[k + 2, j + 2], B[k + 2, j + 3]
                    d0, d1, d2, d3 = B[k + 3, j], B[k + 3, j + 1], B[k + 3, j + 2], B[k + 3, j + 3]
                    for i in range(QUERIES):
                        p, q, r, s = z[i], z[QUERIES + i], z[2 * QUERIES + i], z[3 * QUERIES + i]
                        E[i] += p * a0 + q * b0 + r * c0 + s * d0
                        E[QUERIES + i] += p * a1 + q * b1 + r * c1 + s * d1
                        E[2 * QUERIES + i] += p * a2 + q * b2 + r * c2 + s * d2
                        E[3 * QUERIES + i] += p * a3 + q * b3 + r * c3 + s * d3
                for i in range(4 * QUERIES):
                    n0, n1 = _split(E[i])
                    E[i] = _join(n0, n1)
                for m in range(0, len(V), 4):
                    z = S[m * QUERIES : (m + 4) * QUERIES]
                    a0, a1, a2, a3 = V[m, j], V[m, j + 1], V[m, j + 2], V[m, j + 3]
                    b0, b1, b2, b3 = V[m + 1, j], V[m + 1, j + 1], V[m + 1, j + 2], V[m + 1, j + 3]
                    c0, c1, c2, c3 = V[m + 2, j], V[m + 2, j + 1], V[m + 2, j + 2], V[m + 2, j + 3]
                    d0, d1, d2, d3 = V[m + 3, j], V[m + 3, j + 1], V[m + 3, j + 2], V[m + 3, j + 3]
                    for i in range(QUERIES):
                        p, q, r, s = E[i], E[QUERIES + i], E[2 * QUERIES + i], E[3 * QUERIES + i]
                        z[i] += p * a0 + q * a1 + r * a2 + s * a3
                        z[QUERIES + i] += p * b0 + q * b1 + r * b2 + s * b3
                        z[2 * QUERIES + i] += p * c0 + q * c1 + r * c2 + s * c3
                        z[3 * QUERIES + i] += p * d0 + q * d1 + r * d2 + s * d3
            for m in range(out.shape[1]):
                for i in range(QUERIES):
                    out[t, m, i] += S[m * QUERIES + i]


def _compile(function: Callable[..., None]) -> Callable[..., None]:
    """Compile at the first call with a dtype; the loop holds no lock and has no threads."""
    plain: Callable[..., None] = numba.njit(nogil=True, **OPTIONS)(function)
    try:
        kept = numba.njit(cache=True, nogil=True, **OPTIONS)(function)
    except RuntimeError:  # there is nowhere to keep it
        return plain

    def loop(*args: NDArray) -> None:
        try:
            kept(*args)
        except OSError:  # it could not be kept or read, as on a full disk: nothing was computed
            plain(*args)

    return loop


_in_place, _narrowing, _tiles = _compile(_exp), _compile(_exp_narrowing), _compile(_sum_tiles)


def exponential(x: NDArray, out: NDArray) -> None:
    """Write the exponentials of x to ``out``, off by a rounding; subnormal ones are zero.

    Parameters
    ----------
    x, out : ndarrays of one shape, float32 or float64
        Contiguous; ``out`` may be x itself, and is no more precise than x.
    """
    if x.dtype != out.dtype:
        _narrowing(x.reshape(-1), out.reshape(-1))
        return
    if out is not x:
        out[...] = x
    _in_place(out.reshape(-1))


class CompiledSums:
    """Sums ``V @ exp((A @ B)ᵀ)``, see `TileSums`; a query's bits depend on no other query.

    Parameters
    ----------
    A : ndarray of shape (n_queries, k), float32 or float64
        Factors of the queries.
    B : ndarray of shape (k, n_rows), dtype of A
        Factors of the rows.
    V : ndarray of shape (n_values, n_rows), dtype of A
        What is summed.
    """

    def __init__(self, A: NDArray, B: NDArray, V: NDArray) -> None:
        n_tiles, self.shape = -(-len(A) // QUERIES), (len(A), len(V))
        Q = _padded(A, QUERIES).reshape(n_tiles, QUERIES, -1).swapaxes(1, 2)
        self.Q, self.B, self.V = np.ascontiguousarray(Q), _padded(B, 4), _padded(V, 4)
        self.totals = np.zeros((n_tiles, len(self.V), QUERIES))
        self.step = max(1, n_tiles // (TURNS * n_cores()))

    def __len__(self) -> int:
        return -(-len(self.Q) // self.step)

    def add(self, i: int) -> None:
        """Sum for some tiles; blocks of rows add up in double precision."""
        part = slice(i * self.step, (i + 1) * self.step)
        _tiles(self.Q[part], self.B, self.V, self.totals[part])

    def sums(self) -> NDArray:
        """The sums of all tiles in float64, (n_queries, n_values)."""
        n_queries, n_values = self.shape
        return self.totals.swapaxes(1, 2).reshape(-1, len(self.V))[:n_queries, :n_values]


def _padded(M: NDArray, n_rows: int) -> NDArray:
    """M with zeros up to multiples of so many rows, and of four columns."""
    padded = np.zeros((len(M) + -len(M) % n_rows, M.shape[1] + -M.shape[1] % 4), M.dtype)
    padded[: len(M), : M.shape[1]] = M
    return padded
