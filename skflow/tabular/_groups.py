"""The groups of a table: whose rows are where, and what is done to each of them in turn."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skflow._utils import normalize_weights
from skflow.tabular._checks import groups_of, quoted
from skflow.tabular._encoder import TableEncoder
from skflow.tabular._frames import import_pandas
from skflow.tabular._group_flow import GroupFlow
from skflow.tabular._kinds import Kind
from skflow.tabular._noise import RowNoise
from skflow.tabular._plain import PlainState

if TYPE_CHECKING:
    import pandas

__all__ = ["Groups"]


class Groups(PlainState):
    """The groups of a target, each with a flow; without columns of groups all rows are one.

    Parameters
    ----------
    X : DataFrame
        The target.
    weight : ndarray of shape (n_rows,) or None
        Weights of its rows.
    by : list of str
        Columns of groups.
    columns, kept : list of str
        Columns that a flow sees, and those of them that stay as they are.
    kinds : dict of str to Kind
        What these columns hold.

    Attributes
    ----------
    flows : dict of tuple to GroupFlow
        The flow of every group.
    share : ndarray of shape (n_groups,)
        Shares of the target's rows.
    labels : dict of str to Series
        The groups' values in the columns of groups.
    """

    def __init__(
        self,
        X: pandas.DataFrame,
        weight: NDArray | None,
        by: list,
        columns: list,
        kept: list,
        kinds: Mapping[Hashable, Kind],
    ) -> None:
        self.by, rows = by, groups_of(X, by)
        self.flows: dict[tuple, GroupFlow] = {}
        for group, i in rows.items():
            given = None if weight is None else weight[i]
            encoder = TableEncoder(X.iloc[i], columns, weight=given, kinds=kinds, kept=kept)
            self.flows[group] = GroupFlow(encoder, kept)
        first = [positions[0] for positions in rows.values()]
        self.labels = {c: X[c].iloc[first].reset_index(drop=True) for c in by}
        share = normalize_weights(weight, len(X))
        self.share = np.array([share[positions].sum() for positions in rows.values()])

    def rows_of(self, X: pandas.DataFrame, name: str) -> dict[tuple, NDArray]:
        """Positions of every group's rows; the target has to have the groups."""
        rows = groups_of(X, self.by)
        unknown = [", ".join(map(str, group)) for group in rows if group not in self.flows]
        if unknown:
            raise ValueError(
                f"{name} has rows of the group(s) {quoted(unknown)} of by={self.by}, which the "
                "target does not have: leave those rows out, or add such rows to the target."
            )
        return rows

    def check_all_in(self, rows: Mapping[tuple, NDArray]) -> None:
        """Raise an error if a group has no rows: a flow without any cannot be frozen."""
        absent = [", ".join(map(str, group)) for group in self.flows if group not in rows]
        if absent:
            raise ValueError(
                f"X_source has no rows of the group(s) {quoted(absent)} of by={self.by}, which "
                "the target has: leave those rows out of the target, or add such rows to X_source."
            )

    def move(
        self,
        X: pandas.DataFrame,
        rows: Mapping[tuple, NDArray],
        noise: Callable[[pandas.DataFrame], RowNoise],
    ) -> pandas.DataFrame:
        """Source rows, moved, each by the flow of its group; see `GroupFlow.move`."""
        groups = [(self.flows[group], X.iloc[positions]) for group, positions in rows.items()]
        parts = [flow.move(part, noise(part)) for flow, part in groups]
        order = np.argsort(np.concatenate(list(rows.values())))
        return import_pandas().concat(parts, ignore_index=True).iloc[order].set_axis(X.index)

    def sample(
        self, n_samples: int, rng: np.random.Generator, *, is_seeded: bool
    ) -> pandas.DataFrame:
        """New rows of groups that are drawn with their probabilities, and what groups these are.

        ``is_seeded`` says that flows draw with seeds of the generator, instead of their own.
        """
        drawn, parts = rng.choice(len(self.share), n_samples, p=self.share), []
        for g, flow in enumerate(self.flows.values()):
            n = int(np.count_nonzero(drawn == g))
            if n:
                parts.append(flow.sample(n, int(rng.integers(2**31)) if is_seeded else None))
        order, pandas = np.argsort(np.argsort(drawn, kind="stable")), import_pandas()
        moved = pandas.concat(parts, ignore_index=True).iloc[order].reset_index(drop=True)
        labels = {c: first.iloc[drawn].reset_index(drop=True) for c, first in self.labels.items()}
        return pandas.concat([pandas.DataFrame(labels), moved], axis=1)

    def score(
        self,
        X: pandas.DataFrame,
        rows: Mapping[tuple, NDArray],
        weight: NDArray | None,
        noise: Callable[[pandas.DataFrame], RowNoise],
    ) -> float:
        """Mean score of the flows, each row counting alike or as its weight says."""
        share, score = np.ones(len(X)) if weight is None else weight, 0.0
        for group, positions in rows.items():
            positions = positions[share[positions] > 0]  # a row without weight is absent
            if len(positions):
                part, flow = X.iloc[positions], self.flows[group]
                given = {} if weight is None else {"sample_weight": weight[positions]}
                fraction = share[positions].sum() / share.sum()
                score += flow.flow.score(flow.encode(part, noise(part)), **given) * fraction
        return score
