"""What the end of a flow still misses of the target: joint atoms, and single columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skflow.flow._atoms import JointAtom, gather, radii_of
from skflow.flow._marginals import MATCHED_ROWS, MonotoneMap, missing_maps
from skflow.flow._target import TargetView

__all__ = ["Finish"]


@dataclass(frozen=True)
class Finish:
    """Joint atoms that rows are gathered on, and a map of every column; each row is on its own.

    Parameters
    ----------
    atoms : sequence of JointAtom
        The target's joint atoms.
    radii : sequence of float
        Distances within which rows are gathered on them.
    maps : sequence of MonotoneMap or None
        By column; None leaves it as it is.
    """

    atoms: Sequence[JointAtom] = ()
    radii: Sequence[float] = ()
    maps: Sequence[MonotoneMap | None] = field(default_factory=list)

    @classmethod
    def of(cls, moved: NDArray, view: TargetView, weight: NDArray | None = None) -> Finish:
        """What moved rows miss.

        Parameters
        ----------
        moved : ndarray of shape (n_rows, n_features)
            Rows at the end of their flow, in the units of the data.
        view : TargetView
            The target.
        weight : ndarray of shape (n_rows,), default=None
            Positive weights of the rows.

        Returns
        -------
        finish : Finish
            For fewer than 30 rows the values of constant columns, and nothing else.
        """
        if len(moved) < MATCHED_ROWS:
            return cls.of_constants(view)
        if view.stands_for is not None:
            # estimated weights know a column's distribution less well than the flow does
            some = view.stands_for
            weight = None if weight is None else weight[some]
            return cls(maps=missing_maps(moved[some], view.marginals, weight, ties_only=True))
        atoms = view.atoms if weight is None else ()
        radii = radii_of(atoms, moved)
        maps = missing_maps(gather(moved, atoms, radii), view.marginals, weight)
        return cls(atoms, radii, maps) if any(m is not None for m in maps) else cls()

    @classmethod
    def of_constants(cls, view: TargetView) -> Finish:
        """The values of constant columns, which steps only approach.

        Parameters
        ----------
        view : TargetView
            The target.

        Returns
        -------
        finish : Finish
            Every row gets them, whatever it is moved with.
        """
        return cls(
            maps=[m.map_from(m.values) if len(m.values) == 1 else None for m in view.marginals]
        )

    def __call__(self, moved: NDArray) -> NDArray:
        """Rows that have what they missed.

        Parameters
        ----------
        moved : ndarray of shape (n_rows, n_features)
            Rows at the end of their flow.

        Returns
        -------
        finished : ndarray of shape (n_rows, n_features)
            A new array.
        """
        finished = np.array(gather(moved, self.atoms, self.radii))
        for y, match in zip(finished.T, self.maps, strict=False):
            if match is not None:
                y[:] = match(y)
        return finished
