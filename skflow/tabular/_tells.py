r"""Whether a classifier tells rows from target rows, and by which columns.

A classifier two-sample test [Lopez-Paz & Oquab 2017]: the area under the ROC curve of a random
forest on rows that it was not trained on. If both tables have one distribution, it is 1/2 up to

.. math:: \text{standard error} = \sqrt{\frac{n + m + 1}{12 \, n m}}          [Mann & Whitney 1947]
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

__all__ = ["Telling", "tell_apart"]

CLASSIFIED_ROWS = 2000  # rows of either table that are looked at
FOLDS, TREES, LEAF = 3, 100, 5
LEAST_PER_FOLD = 10  # rows of either table
CLEAR = 3.0  # standard errors above 1/2 that are no accident


@dataclass(frozen=True)
class Telling:
    """How well rows are told from target rows.

    Parameters
    ----------
    auc : float
        The share of pairs of a row and a target row that a classifier puts right; 1/2 is chance.
    error : float
        Its standard error if both are of one distribution.
    columns : dict of str to float
        By how much it falls if a column is shuffled, the largest falls first; empty unless rows are
        told apart.
    """

    auc: float
    error: float
    columns: dict[Hashable, float]

    @property
    def is_clear(self) -> bool:
        """Whether rows are told apart by more than chance."""
        return self.auc > 0.5 + CLEAR * self.error

    @property
    def is_paired(self) -> bool:
        """Whether rows lie where the other table's are expected, which they were fitted to."""
        return self.auc < 0.5 - CLEAR * self.error


def tell_apart(
    pairs: Sequence[tuple[NDArray, NDArray]],
    blocks: Mapping[Hashable, slice],
    rng: np.random.Generator,
) -> Telling | None:
    """Train classifiers to tell rows from target rows, or return None if there are too few.

    Means over pairs of tables; as pairs may share rows, the error is that of a single one. Target
    rows that the rows were fitted to are an easy test: as the rows lie beside them, each where the
    other's class is expected, the area may fall far below 1/2.
    """
    least = min((len(rows) for pair in pairs for rows in pair), default=0)
    if not blocks or least < LEAST_PER_FOLD * FOLDS:
        return None
    trials = [_Trial(Z, Y, rng) for Z, Y in pairs]
    auc = float(np.mean([trial.area() for trial in trials]))
    telling = Telling(auc, float(np.mean([trial.error for trial in trials])), {})
    if telling.is_clear:
        falls = {c: auc - np.mean([t.area(block) for t in trials]) for c, block in blocks.items()}
        large = {c: float(fall) for c, fall in falls.items() if fall > telling.error}
        telling.columns.update(sorted(large.items(), key=lambda item: -item[1]))
    return telling


class _Trial:
    """Forests that tell the rows of two tables apart, each with the rows it has not seen."""

    def __init__(self, Z: NDArray, Y: NDArray, rng: np.random.Generator) -> None:
        Z, Y = (rows[rng.permutation(len(rows))[:CLASSIFIED_ROWS]] for rows in (Z, Y))
        self.X, self.y = np.concatenate([Z, Y]), np.repeat([1, 0], [len(Z), len(Y)])
        self.error = float(np.sqrt((len(self.X) + 1) / (12 * len(Z) * len(Y))))
        self._seeds = rng.integers(2**31, size=FOLDS + 2).tolist()
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=self._seeds[0])
        self._forests = [
            (self._forest(seed).fit(self.X[train], self.y[train]), test)
            for seed, (train, test) in zip(
                self._seeds[1:], folds.split(self.X, self.y), strict=False
            )
        ]

    def _forest(self, seed: int) -> RandomForestClassifier:
        return RandomForestClassifier(
            TREES, min_samples_leaf=LEAF, class_weight="balanced", random_state=seed
        )

    def area(self, shuffled: slice | None = None) -> float:
        """Return the area under the ROC curve, without what a shuffled block says."""
        X = self.X
        if shuffled is not None:
            X, order = X.copy(), np.random.default_rng(self._seeds[-1]).permutation(len(X))
            X[:, shuffled] = X[order, shuffled]
        probability = np.zeros(len(X))
        for forest, test in self._forests:
            probability[test] = forest.predict_proba(X[test])[:, 1]
        return float(roc_auc_score(self.y, probability))
