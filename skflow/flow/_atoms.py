r"""Joint atoms: what several columns of the target share together.

.. math:: y_{iG} ← a \quad \text{for the share } w \text{ of rows that are nearest to } a
          \text{ in the columns } G

Half of a target's rows may be all zero, or say "no" in one column and 0 in three others. A
bandwidth that suits the other rows does not resolve such a point, and marginal distributions do not
see it: rows near it get the shared value in one column, but not in the next. So the rows that are
nearest to it are gathered before the columns are matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["JointAtom", "gather", "joint_atoms", "radii_of"]

LEAST_SHARE = 0.05  # share of rows from which on a value is looked at
MOST_SHARE = 0.99  # and up to which: more is a constant column
VALUES = 3  # values of a column that are looked at, the commonest ones
TOGETHER = 0.95  # share of the rows with either of two values that have both, if they go together
APART = 0.5  # share of the rows without both that have neither: two frequent values meet by chance
EVIDENCE = 20  # rows that would lack a value by chance, if none does and so others imply it
ATOM_ROWS = 20_000  # rows among which joint atoms are looked for


@dataclass(frozen=True)
class JointAtom:
    """Values of several columns that come together.

    Parameters
    ----------
    columns : ndarray of shape (n_columns,)
        Numbers of the columns.
    values : ndarray of shape (n_columns,)
        Their values.
    share : float
        Of the target's rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.flow import JointAtom
    >>> atom = JointAtom(columns=np.array([0, 2]), values=np.array([0.0, 0.0]), share=0.5)
    >>> atom.distance(np.array([[3.0, 9.0, 4.0]]))
    array([5.])
    """

    columns: NDArray
    values: NDArray
    share: float

    def distance(self, Y: NDArray) -> NDArray:
        """Euclidean distance of every row to the values, in these columns."""
        return np.linalg.norm(Y[:, self.columns] - self.values, axis=1)


def joint_atoms(
    X: NDArray, weight: NDArray | None = None, n_draws: float | None = None
) -> list[JointAtom]:
    """Find what columns share together, the largest shares first.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        The target's rows.
    weight : ndarray of shape (n_rows,), default=None
        Their weights.
    n_draws : float, default=None
        Number of rows that the weights stand for; None is one each.

    Returns
    -------
    atoms : list of JointAtom
        Values, each with the values of other columns that it implies.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.flow import joint_atoms
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> X[:40, :2] = 0.0
    >>> [atom] = joint_atoms(X)
    >>> atom.columns.tolist(), atom.values.tolist(), round(atom.share, 2)
    ([0, 1], [0.0, 0.0], 0.4)
    """
    stride = -(-len(X) // ATOM_ROWS)
    n_draws = (n_draws or len(X)) / stride
    X = X[::stride]
    w = np.ones(len(X)) if weight is None else weight[::stride].astype(np.float64)
    w = w / w.sum()
    column, value = _common_values(X, w)
    if not len(column):
        return []
    has = X[:, column] == value  # (n_rows, n_values)
    share = w @ has
    both = (has * w[:, None]).T @ has
    either = share[:, None] + share - both
    together = (both >= TOGETHER * either) & (1 - either >= APART * (1 - both))
    implies = _implications(share, both, n_draws)
    atoms: list[JointAtom] = []
    is_free = np.ones(len(column), bool)
    for k in np.argsort(-share, kind="stable"):
        member = together[k] & is_free & is_free[k]
        if len(np.unique(column[member])) > 1:
            is_free[member] = False
            member = np.flatnonzero(member | implies[k])
            atom_share = float(w @ has[:, member].all(axis=1))
            atoms.append(JointAtom(column[member], value[member], atom_share))
    return atoms


def _implications(share: NDArray, both: NDArray, n_draws: float) -> NDArray:
    """Whether all rows with one value have another one, which others have not."""
    lack = share[:, None] - both  # rows that have k and not j
    others_lack = 1 - (share - both) / (1 - share[:, None])
    expected = n_draws * others_lack * share[:, None]  # if they met by chance
    return (lack < 0.5 / n_draws) & (expected >= EVIDENCE)


def _common_values(X: NDArray, weight: NDArray) -> tuple[NDArray, NDArray]:
    """Columns and values that many rows share."""
    columns, found = [], []
    for j, x in enumerate(X.T):
        values, place = np.unique(x, return_inverse=True)
        share = np.bincount(place, weights=weight)
        kept = np.argsort(-share, kind="stable")[:VALUES]
        kept = kept[(share[kept] >= LEAST_SHARE) & (share[kept] <= MOST_SHARE)]
        columns += [j] * len(kept)
        found += list(values[kept])
    return np.array(columns, dtype=int), np.array(found)


def radii_of(atoms: Sequence[JointAtom], Y: NDArray) -> list[float]:
    """Distances within which moved rows are gathered, so that every atom has its share of them.

    Parameters
    ----------
    atoms : sequence of JointAtom
        The target's.
    Y : ndarray of shape (n_rows, n_columns)
        Moved rows.

    Returns
    -------
    radii : list of float
        One for each atom.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.flow import JointAtom, radii_of
    >>> atom = JointAtom(columns=np.array([0, 1]), values=np.array([0.0, 0.0]), share=0.5)
    >>> radii_of([atom], np.array([[0.1, 0.0], [0.0, 0.2], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]]))
    [2.0]
    """
    return [float(np.quantile(a.distance(Y), a.share, method="lower")) for a in atoms]


def gather(Y: NDArray, atoms: Sequence[JointAtom], radii: Sequence[float]) -> NDArray:
    """Put the rows that are near to an atom on it, every row on its own.

    Parameters
    ----------
    Y : ndarray of shape (n_rows, n_columns)
        Moved rows.
    atoms : sequence of JointAtom
        The target's.
    radii : sequence of float
        From `radii_of`.

    Returns
    -------
    gathered : ndarray of shape (n_rows, n_columns)
        The rows; Y itself if there are no atoms.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.flow import JointAtom, gather
    >>> atom = JointAtom(columns=np.array([0, 1]), values=np.array([0.0, 0.0]), share=0.5)
    >>> gather(np.array([[0.1, 0.0, 7.0], [2.0, 0.0, 8.0]]), [atom], [0.5])
    array([[0., 0., 7.],
           [2., 0., 8.]])
    """
    if not atoms:
        return Y
    gathered = Y.copy()
    for atom, radius in zip(atoms, radii, strict=True):
        near = np.flatnonzero(atom.distance(Y) <= radius)
        gathered[np.ix_(near, atom.columns)] = atom.values
    return gathered
