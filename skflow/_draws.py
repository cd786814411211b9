"""Draws of rows, evenly, shuffled, or from a function of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skflow._utils import check_rows


def draw_evenly(share: NDArray, n: int, rng: np.random.Generator) -> NDArray:
    """Places of n rows drawn in proportion to their weights, one from each of n equal shares.

    ``share`` is the cumulative sum of the weights.
    """
    level = (np.arange(n) + rng.random()) / n
    place = np.searchsorted(share, level * share[-1], side="right")
    return np.minimum(place, len(share) - 1)


def draw_shuffled(weight: NDArray, n: int, rng: np.random.Generator) -> NDArray:
    """Places of n rows drawn in proportion to their weights, whatever order they are in."""
    order = rng.permutation(len(weight))
    return order[draw_evenly(np.cumsum(weight[order]), n, rng)]


def order_within_blocks(n: int, rng: np.random.Generator) -> NDArray:
    """An order of n rows of an even sequence in which every k-th row is no longer in one half.

    Rows are shuffled in blocks of 64, so the first rows are spread as evenly as before.
    """
    return np.argsort(np.arange(n) // 64 + rng.random(n))


def call_for_rows(
    draw: Callable[[int, np.random.Generator], ArrayLike],
    n: int,
    rng: np.random.Generator,
    *,
    name: str,
    n_features: int,
) -> NDArray:
    """Return the n rows of ``draw(n, rng)``, a user's function, or say what is wrong with them."""
    rows = check_rows(draw(n, rng), name=name, n_features=n_features)
    if len(rows) != n:
        raise ValueError(f"{name}(n, rng) returned {len(rows)} rows, but n={n} were asked.")
    return rows


def draw_rows(rows: NDArray, n: int, rng: np.random.Generator) -> NDArray:
    """Draw n rows; none twice before all have been drawn."""
    order = [rng.permutation(len(rows)) for _ in range(-(-n // len(rows)))]
    return rows[np.concatenate(order)[:n]]


def make_generator(random_state: Any) -> np.random.Generator:
    """Return a numpy Generator seeded from scikit-learn's ``random_state`` convention."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    try:
        legacy = check_random_state(random_state)
    except ValueError:
        raise ValueError(
            "random_state must be an integer from 0 to 2**32 - 1, a RandomState or Generator of "
            f"NumPy, or None, got {random_state!r}."
        ) from None
    return np.random.default_rng(legacy.randint(0, 2**32, size=4, dtype=np.uint32))
