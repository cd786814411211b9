"""Rows of which some values are given keep to what the target's columns determine of each other.

Going back along the dependencies, a given state leaves only its cities, and these only their
streets. Going forward, a street has its city, and that its state.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skflow._utils import warn
from skflow.tabular._categories import Category
from skflow.tabular._encoder import TableEncoder
from skflow.tabular._frames import import_pandas
from skflow.tabular._numbers import Number
from skflow.tabular._products import Product

if TYPE_CHECKING:
    import pandas

__all__ = ["consistent"]


def consistent(
    drawn: pandas.DataFrame,
    given: pandas.DataFrame,
    encoder: TableEncoder,
    coordinates: Callable[[Hashable], NDArray],
) -> pandas.DataFrame:
    """Return drawn columns that determine what is given, and are what it determines.

    Parameters
    ----------
    drawn : DataFrame of shape (n_rows, n_drawn)
        Drawn columns.
    given : DataFrame of shape (n_rows, n_given)
        Given ones.
    encoder : TableEncoder
        What knows the target's dependencies, trends and relations.
    coordinates : callable
        By name of a drawn column where its rows were drawn; the nearest possible value is taken.

    Returns
    -------
    drawn : DataFrame of shape (n_rows, n_drawn)
        The columns. The parts of a given sum, and the categories of a given trend, stay as drawn.

    Warns
    -----
    UserWarning
        If given values do not occur together in the target.
    """
    kinds = encoder.kinds
    plain = {c: kinds[c].read(x) for table in (given, drawn) for c, x in table.items()}
    before = dict(plain)
    for c, is_possible in _possible(plain, list(given), encoder).items():
        plain[c] = _nearest(plain[c], is_possible, encoder, c, coordinates)
    encoder.read_off(plain, list(given))
    _keep_trends(plain, list(given), encoder)
    for c, relation in encoder.relations.items():
        codec = encoder.codecs[c]
        if c not in given and isinstance(codec, Number):
            plain[c] = codec.computed(relation(plain))
    drawn = drawn.copy()
    for c in drawn.columns:
        if plain[c] is not before[c]:
            drawn[c] = kinds[c].write(plain[c])
    return drawn


def _possible(
    plain: dict[Hashable, pandas.Series], given: list, encoder: TableEncoder
) -> dict[Hashable, NDArray]:
    """Levels of drawn columns that determine what is given: (n_rows, n_levels)."""
    possible: dict[Hashable, NDArray] = {}
    for c, rule in reversed(encoder.dependencies.items()):
        if c in given:
            code = encoder.codecs[c].codes(plain[c])  # type: ignore[union-attr]  # a category
            fits = code[:, None] == rule.codes
            if rule.name in given and (rule(encoder.codecs, plain[rule.name]) != code).any():
                warn(f"given: the target has no row with such values of {c!r} and {rule.name!r}.")
        elif c in possible:
            fits = possible[c][:, rule.codes]
        else:
            continue
        possible[rule.name] = possible.get(rule.name, True) & fits
    return {c: fits for c, fits in possible.items() if c not in given}


def _nearest(
    plain: pandas.Series,
    is_possible: NDArray,
    encoder: TableEncoder,
    column: Hashable,
    coordinates: Callable[[Hashable], NDArray],
) -> pandas.Series:
    """The nearest possible values of a column; a row that has none stays as it is."""
    codec, nearest = encoder.codecs[column], plain
    if isinstance(codec, Category):
        scores = np.where(is_possible, codec.scores(coordinates(column)), -np.inf)
        nearest = codec.values_of(np.argmax(scores, axis=1))
    for rule in encoder.dependencies.values():
        if rule.name == column and rule.values is not None:
            far = np.abs(plain.to_numpy().astype(float)[:, None] - rule.values.astype(float))
            level = np.argmin(np.where(is_possible, far, np.inf), axis=1)
            nearest = import_pandas().Series(rule.values[level])
    return nearest.where(np.asarray(is_possible.any(axis=1)), plain)


def _keep_trends(plain: dict[Hashable, pandas.Series], given: list, encoder: TableEncoder) -> None:
    """Give drawn numbers the values that come with their categories."""
    codes = encoder.codes(plain) if encoder.trends else {}
    for c, trend in encoder.trends.items():
        if isinstance(trend, Product) or c in given:
            continue
        if not trend.scale or trend.pairs is not None:
            y, fitted = encoder.codecs[c].encode(plain[c])[:, 0], trend.fitted(codes)
            residual = (y - fitted) / trend.scale if trend.scale else np.zeros_like(y)
            plain[c] = encoder.codecs[c].decode(trend.coordinates(codes, residual)[:, None])
