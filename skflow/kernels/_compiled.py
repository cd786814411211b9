r"""The sums over all pairs in one loop, compiled for this processor.

.. math:: S_i = Σ_j V_j e^{E_{ij}}, \qquad E_{ij} = Σ_k A_{ki} B_{kj}

Exponents never leave the nearest cache, and matrix products as thin as these run at a third of the
speed that a processor has. Importing this module needs numba. A loop is compiled when it is first
called with a precision, for about a second, and kept on disk.

.. math:: 2^t = 2^n 2^f, \qquad n = ⌊t⌉, \quad |f| ≤ \tfrac12

2^f is Taylor's polynomial, economised by Chebyshev's to a remainder below the rounding of the
values, and 2^n is written into the bits of its exponent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic, overload, register_jitable
from numpy.polynomial.chebyshev import cheb2poly
from numpy.typing import NDArray

from skflow.kernels._threads import n_cores

__all__ = ["CompiledSums", "exponential"]

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]  # set when numba is imported
    raise ImportError("numba is told not to compile (NUMBA_DISABLE_JIT)")

QUERIES = 128  # queries of a tile
BLOCK = 256  # times four rows whose terms add up in the values' precision, before they do in double
TURNS = 8  # how often a core comes for more work
LEAST_PAIRS = 2**17  # of a turn: to wake a thread takes as long as fewer
# What exponents have values in single precision: zero below, infinity above.
SINGLE_RANGE = -127 * math.log(2), 128.01 * math.log(2)
# A product and a sum may be one instruction, and 1 / 0 is no error.
OPTIONS: Any = {"error_model": "numpy", "fastmath": {"contract"}}
# Degrees of the polynomial: its remainder is 2e-9 in single and 3e-18 in double precision.
PRECISIONS: dict[Any, tuple[Any, Any, Any, int]] = {
    numba.float32: (np.float32, np.int32, np.float16, 6),
    numba.float64: (np.float64, np.int64, np.float32, 11),
}


@intrinsic
def _wide(typing: Any) -> Any:
    """Let the loops of the calling function have instructions for 512 bits, where there are any.

    LLVM keeps to 256 unless a function says so, for which numba has no option. Sums take 0.5 to
    0.8 of the time. If a later llvmlite keeps attributes in another way, nothing but this is lost.
    """

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        with suppress(Exception):
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return numba.types.none(), lower


def _rounder(real: Any) -> Any:
    """A number: the last digits of a sum with it hold the rounded summand and 2^n's bias."""
    info = np.finfo(real)
    return real(1.5 * 2.0**info.nmant + info.maxexp - 1)


# From a number that holds n in double precision to one that does in single.
TO_SINGLE = float(_rounder(np.float32)) - float(_rounder(np.float64))


def _terms(degree: int) -> tuple[float, ...]:
    """Coefficients of 2^f, |f| ≤ 1/2, the highest first."""
    terms = np.array([math.log(2) ** k / math.factorial(k) for k in range(degree + 3)])
    for k in (degree + 2, degree + 1):  # T_k(2f) takes the highest power and leaves little
        T = cheb2poly([0] * k + [1]) * 2.0 ** np.arange(k + 1)
        terms = (terms - terms[k] / T[k] * T)[:k]
    return tuple(terms[::-1].tolist())


def _reduce(x: Any) -> Any:
    """Return f and a number that holds n, e^x = 2^n 2^f, within the range in which 2^n is one."""


def _reduce_2(t: Any) -> Any:
    """Return the same of 2^t."""


def _join(f: Any, held: Any) -> Any:
    """Return 2^n 2^f, off by a rounding; zero where n is the least."""


@overload(_reduce, jit_options=OPTIONS)
def _reduce_in(x: Any) -> Any:
    real, _, few_digits, _ = PRECISIONS[x]
    info, rounder = np.finfo(real), _rounder(real)
    lowest, highest = (real(n * math.log(2)) for n in (info.minexp - 1, info.maxexp + 0.01))
    # log 2 in two parts, of which the first has so few digits that n times it is exact
    per_log_2, high = real(1 / math.log(2)), real(few_digits(math.log(2)))
    low = real(np.log(np.longdouble(2)) - np.longdouble(high))

    def reduce(x: Any) -> Any:
        x = lowest if x < lowest else x  # NaN stays as it is
        x = highest if x > highest else x
        held = real(x * per_log_2 + rounder)
        n = held - rounder
        return ((x - n * high) - n * low) * per_log_2, held

    return reduce


@overload(_reduce_2, jit_options=OPTIONS)
def _reduce_2_in(t: Any) -> Any:
    real, rounder = PRECISIONS[t][0], _rounder(PRECISIONS[t][0])
    lowest, highest = real(np.finfo(real).minexp - 1), real(np.finfo(real).maxexp + 0.01)

    def reduce(t: Any) -> Any:
        t = lowest if t < lowest else t
        t = highest if t > highest else t
        held = real(t + rounder)
        return t - (held - rounder), held

    return reduce


@overload(_join, jit_options=OPTIONS)
def _join_in(f: Any, held: Any) -> Any:
    real, bits, _, degree = PRECISIONS[f]
    digits, terms = bits(np.finfo(real).nmant), tuple(real(term) for term in _terms(degree))

    def join(f: Any, held: Any) -> Any:
        p = terms[0]
        for term in terms[1:]:
            p = p * f + term
        return p * bits(real(held).view(bits) << digits).view(real)

    return join


def _exp(x: NDArray) -> None:
    _wide()  # type: ignore[call-arg]  # numba passes the argument
    for i in range(x.size):
        f, held = _reduce(x[i])
        x[i] = _join(f, held)


def _exp_narrowing(x: NDArray, out: NDArray) -> None:
    """In two loops: one would use instructions for double numbers throughout."""
    _wide()  # type: ignore[call-arg]  # numba passes the argument
    F, N = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for start in range(0, x.size, BLOCK):
        part, values = x[start : start + BLOCK], out[start : start + BLOCK]
        for i in range(part.size):
            a = part[i]
            a = SINGLE_RANGE[0] if a < SINGLE_RANGE[0] else a
            a = SINGLE_RANGE[1] if a > SINGLE_RANGE[1] else a
            f, held = _reduce(a)
            F[i] = f
            N[i] = held + TO_SINGLE
        for i in range(part.size):
            values[i] = _join(F[i], N[i])


@register_jitable
def _aligned(size: int, like: NDArray) -> NDArray:
    """An array that starts a line of the cache: vectors across two lines take 1.1 to 1.3 times."""
    space = np.empty(size + 64 // like.itemsize, like.dtype)
    start = (64 - space.ctypes.data % 64) // like.itemsize
    return space[start : start + size]


def _sum_tiles(A: NDArray, B: NDArray, V: NDArray, out: NDArray) -> None:
    """Sum for tiles of queries, four rows, and four of the rows' entries, at a time.

    Both products in one function of their own take 1.15 times the time in single precision.
    """
    _wide()  # type: ignore[call-arg]  # numba passes the argument
    a, E = _aligned(B.shape[1] * QUERIES, A), _aligned(4 * QUERIES, A)
    S = _aligned(V.shape[1] * QUERIES, A)
    for start in range(0, len(B), BLOCK):  # rows stay in the cache for all tiles
        for t in range(len(A)):
            a[:] = A[t].reshape(-1)
            S[:] = 0
            for j in range(start, min(start + BLOCK, len(B))):
                E[:] = 0
                for k in range(0, B.shape[1], 4):
                    z = a[k * QUERIES : (k + 4) * QUERIES]
                    a0, a1, a2, a3 = B[j, k, 0], B[j, k, 1], B[j, k, 2], B[j, k, 3]
                    b0, b1, b2, b3 = B[j, k + 1, 0], B[j, k + 1, 1], B[j, k + 1, 2], B[j, k + 1, 3]
                    c0, c1, c2, c3 = B[j, k + 2, 0], B[j, k + 2, 1], B[j, k + 2, 2], B[j, k + 2, 3]
                    d0, d1, d2, d3 = B[j, k + 3, 0], B[j, k + 3, 1], B[j, k + 3, 2], B[j, k + 3, 3]
                    for i in range(QUERIES):
                        p, q, r, s = z[i], z[QUERIES + i], z[2 * QUERIES + i], z[3 * QUERIES + i]
                        e, f, g, h = E[i], E[QUERIES + i], E[2 * QUERIES + i], E[3 * QUERIES + i]
                        E[i] = e + p * a0 + q * b0 + r * c0 + s * d0
                        E[QUERIES + i] = f + p * a1 + q * b1 + r * c1 + s * d1
                        E[2 * QUERIES + i] = g + p * a2 + q * b2 + r * c2 + s * d2
                        E[3 * QUERIES + i] = h + p * a3 + q * b3 + r * c3 + s * d3
                for i in range(4 * QUERIES):
                    f, held = _reduce_2(E[i])
                    E[i] = _join(f, held)
                for m in range(0, V.shape[1], 4):
                    z = S[m * QUERIES : (m + 4) * QUERIES]
                    a0, a1, a2, a3 = V[j, m, 0], V[j, m, 1], V[j, m, 2], V[j, m, 3]
                    b0, b1, b2, b3 = V[j, m + 1, 0], V[j, m + 1, 1], V[j, m + 1, 2], V[j, m + 1, 3]
                    c0, c1, c2, c3 = V[j, m + 2, 0], V[j, m + 2, 1], V[j, m + 2, 2], V[j, m + 2, 3]
                    d0, d1, d2, d3 = V[j, m + 3, 0], V[j, m + 3, 1], V[j, m + 3, 2], V[j, m + 3, 3]
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


def sums_over(B: NDArray, V: NDArray) -> Callable[[NDArray], CompiledSums]:
    """Return a function of factors A of queries, for any number of them one after the other."""
    fours_B, fours_V = _fours(B), _fours(V)
    return lambda A: CompiledSums(A, fours_B, fours_V, len(V))


class CompiledSums:
    """Sums ``V @ exp((A @ B)ᵀ)``, see `TileSums`; a query's bits depend on no other query.

    Parameters
    ----------
    A : ndarray of shape (n_queries, k), float32 or float64
        Factors of the queries.
    B : ndarray of shape (n_rows / 4, k, 4), float32 or float64
        Factors of the rows in fours, whose precision is that of the sums.
    V : ndarray of shape (n_rows / 4, n_values, 4), dtype of B
        What is summed, in fours.
    n_values : int
        Number of the values without those that fill up the fours.
    """

    def __init__(self, A: NDArray, B: NDArray, V: NDArray, n_values: int) -> None:
        n_tiles, self.shape = -(-len(A) // QUERIES), (len(A), n_values)
        Q = np.zeros((n_tiles * QUERIES, B.shape[1]), B.dtype)
        np.multiply(A, 1 / math.log(2), out=Q[: len(A), : A.shape[1]], casting="same_kind")
        Q = Q.reshape(n_tiles, QUERIES, -1).swapaxes(1, 2)  # exponents of two
        self.Q, self.B, self.V = np.ascontiguousarray(Q), B, V
        self.totals = np.zeros((n_tiles, V.shape[1], QUERIES))
        least = -(-LEAST_PAIRS // (4 * len(B) * QUERIES))
        self.step = max(least, n_tiles // (TURNS * n_cores()))

    def __len__(self) -> int:
        return -(-len(self.Q) // self.step)

    def add(self, i: int) -> None:
        """Sum for some tiles; blocks of rows add up in double precision."""
        part = slice(i * self.step, (i + 1) * self.step)
        _tiles(self.Q[part], self.B, self.V, self.totals[part])

    def sums(self) -> NDArray:
        """The sums of all tiles in float64, (n_queries, n_values)."""
        n_queries, n_values = self.shape
        return self.totals.swapaxes(1, 2).reshape(-1, self.V.shape[1])[:n_queries, :n_values]


def _fours(M: NDArray) -> NDArray:
    """Columns of M in fours, one after the other in memory: (columns / 4, rows, 4), with zeros."""
    (k, n), full = M.shape, M.shape[1] // 4
    fours = np.zeros((-(-n // 4), -(-k // 4) * 4, 4), M.dtype)
    fours[:full, :k] = M[:, : 4 * full].reshape(k, full, 4).swapaxes(0, 1)
    fours[full:, :k, : n - 4 * full] = M[:, 4 * full :]
    return fours
