r"""Numbers that are products of two others, such as a total of quantity and price, or quotients.

.. math:: u_j = u(c \, x_a x_b^{\pm 1}) + s r_j

u(·) is the coordinate of a value. The residual r is moved, and u_j is put together again from the
two columns that the row ends with. Without a residual the number is computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow._utils import normalize_weights
from skflow.tabular._frames import extended, import_pandas
from skflow.tabular._numbers import Number
from skflow.tabular._plain import PlainState
from skflow.tabular._relations import LINKED, NEARLY

__all__ = ["Product", "products"]

GLANCED_ROWS = 500  # of which pairs of columns are chosen
WORTH_A_LOOK = 0.05  # share of the variance that a product may leave there
DIGITS = range(1, 7)  # significant ones of a factor; the fewest that make all rows exact are taken
MOST_FACTORS = 60  # columns that are looked at, whose pairs and targets are looked at together


class Product(PlainState):
    """A number that is a product of two others, or a quotient, but for a small residual.

    Parameters
    ----------
    names : tuple of two names
        The factors, which may be one.
    power : int
        1, or -1 if the second one divides.
    factor : float
        What the product is multiplied by.
    codec : Number
        The number's codec.
    scale : float, default=0.0
        Standard deviation of the residual, which is dithered; 0 where there is none.
    """

    def __init__(
        self, names: tuple[Any, Any], power: int, factor: float, codec: Number, scale: float = 0.0
    ) -> None:
        self.names, self.power, self.factor = names, power, factor
        self.codec, self.scale = codec, scale

    def __call__(self, columns: Mapping[Any, Any]) -> NDArray:
        """Compute the product; NaN where it is not finite."""
        a, b = (_floats(columns[name]) for name in self.names)
        with np.errstate(all="ignore"):
            value = self.factor * (a * b if self.power > 0 else a / b)
        return np.where(np.isfinite(value), value, np.nan)

    def fitted(self, columns: Mapping[Any, Any]) -> NDArray:
        """The number's coordinates in rows with these factors, without residuals."""
        return self.codec.encode(import_pandas().Series(self(columns)))[:, 0]

    def coordinates(self, columns: Mapping[Any, Any], residual: NDArray) -> NDArray:
        """The number's coordinates in rows with these factors and residuals."""
        return self.fitted(columns) + self.scale * residual


def products(
    codecs: Mapping[Any, Any],
    plain: Mapping[Any, Any],
    numbers: Sequence[Any],
    weight: NDArray | None,
) -> dict[Any, Product]:
    """Find numbers that are products of two others, or quotients, up to next to nothing.

    Parameters
    ----------
    codecs : mapping of name to codec
        Of all columns.
    plain : mapping of name to Series
        Their values.
    numbers : sequence of names
        The numbers that are looked at; those with missing values and dates are not.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.

    Returns
    -------
    products : dict of name to Product
        Of some of the numbers; no factor is among them.
    """
    columns = {
        c: _floats(plain[c])
        for c in numbers
        if plain[c].dtype.kind in "iuf" and codecs[c].width == 1 and not plain[c].isna().any()
    }
    if not 2 <= len(columns) <= MOST_FACTORS:
        return {}
    w = normalize_weights(weight, len(next(iter(columns.values()))))
    tried = []
    for name, names, power in _candidates(columns):
        product, share = _product(codecs[name], plain, name, names, power, w)
        if product is not None:
            tried.append((share, name, product))
    found: dict[Any, Product] = {}
    used: set[Any] = set()
    for _, name, product in sorted(tried, key=lambda t: t[0]):
        if name not in found and name not in used and not found.keys() & set(product.names):
            found[name] = product
            used |= set(product.names)
    return found


def _floats(column: Any) -> NDArray:
    """Values of a column; NaN where they are missing."""
    x, missing = extended(column)
    return np.where(missing, np.nan, x).astype(np.float64)


def _candidates(columns: Mapping[Any, NDArray]) -> list[tuple[Any, tuple[Any, Any], int]]:
    """Columns and pairs of others, of whose product or quotient a glance leaves little."""
    step = -(-len(next(iter(columns.values()))) // GLANCED_ROWS)
    some = {c: x[::step] / (np.abs(x[::step]).max() or 1) for c, x in columns.items()}
    pairs = [(a, b, 1) for a, b in combinations_with_replacement(some, 2)]
    pairs += [(a, b, -1) for a in some for b in some if a != b and (some[b] != 0).all()]
    V = np.array([some[a] * some[b] ** power for a, b, power in pairs])
    found = []
    for name, x in some.items():
        size = np.maximum(np.sum(V**2, axis=1), np.finfo(float).tiny)
        left = x @ x - (V @ x) ** 2 / size
        for i in np.flatnonzero(left < WORTH_A_LOOK * len(x) * x.var()):
            a, b, power = pairs[i]
            if name not in (a, b):
                found.append((name, (a, b), power))
    return found


def _product(
    codec: Number,
    plain: Mapping[Any, Any],
    name: Any,
    names: tuple[Any, Any],
    power: int,
    weight: NDArray,
) -> tuple[Product | None, float]:
    """The product of two columns that a number is, and the share of variance that it leaves."""
    x, a, b = (_floats(plain[c]) for c in (name, *names))
    v = a * b**power
    factor = float((weight * v) @ x / ((weight * v) @ v))
    rounding = codec.step / 2 * (1 + LINKED)
    shorter = [float(f"{factor:.{digits}g}") for digits in DIGITS]
    exact = [f for f in shorter if np.max(np.abs(x - f * v)) <= rounding]
    product = Product(names, power, exact[0] if exact else factor, codec)
    u, dithered = (codec.encode(plain[name], rng)[:, 0] for rng in (None, np.random.default_rng(0)))
    fitted = product.fitted(plain)
    variance = weight @ u**2
    share = float(weight @ (u - fitted) ** 2 / variance)
    if exact or np.max((u - fitted) ** 2) < LINKED * variance:
        return product, share
    product.scale = float(np.sqrt(weight @ (dithered - fitted) ** 2))
    return (product if share <= NEARLY else None), share
