"""What a fitted table draws given some of its values: new rows, and missing cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skflow._utils import make_generator
from skflow.tabular._checks import quoted
from skflow.tabular._conditional import (
    as_in_target,
    check_given,
    draw_rows_given,
    filled,
    impute_rows,
)
from skflow.tabular._encoder import TableEncoder
from skflow.tabular._frames import Restore, import_pandas, in_library, to_pandas
from skflow.tabular._group_flow import SAMPLED_ROWS
from skflow.tabular._groups import Groups

if TYPE_CHECKING:
    import pandas

__all__ = ["ConditionalDraws"]

# of the flow that draws one column, of which there are many; a kernel as wide as this does not
# follow single rows
QUICK = {"n_steps": 10, "schedule": "geometric", "schedule__sigma_min": "silverman"}


class ConditionalDraws(ABC):
    """The part of `TableTransport` that draws some columns given others."""

    flow: Any
    by_: list
    encoder_: TableEncoder
    _given: TableEncoder | None
    _groups: Groups
    _restore: Restore
    _output: str

    @property
    @abstractmethod
    def _seen(self) -> list: ...

    @abstractmethod
    def _make_flow(self) -> Any: ...

    @abstractmethod
    def _rng(self, stream: int) -> np.random.Generator: ...

    @abstractmethod
    def _names_out(self) -> list: ...

    @abstractmethod
    def _check_source(
        self, X: pandas.DataFrame, *, whole: bool = False, complete: bool | None = None
    ) -> dict[tuple, NDArray]: ...

    def _sample_given(self, n: int, rng: np.random.Generator, given: Any) -> Any:
        """Draw rows that have given values in some columns."""
        frame = check_given(given, n, self._names_out())
        absent = [c for c in self.by_ if c not in frame]
        if absent:
            raise ValueError(
                f"given lacks {quoted(absent)} of by={self.by_}: every group has a flow of its "
                "own, so the group has to be given as well."
            )
        parts = []
        for group, positions in self._groups.rows_of(frame, "given").items():
            target, weight = self._groups.flows[group].target()
            seen = [c for c in target.columns if c in frame]
            rows = as_in_target(frame.iloc[positions][seen], target, self._kinds)
            flow = self._make_given_flow()
            part = draw_rows_given(flow, target, weight, rows, self._kinds, rng, SAMPLED_ROWS)
            parts.append(part.set_axis(positions))
        samples = import_pandas().concat(parts).sort_index()
        for c in self.by_:
            samples[c] = frame[c].astype(self._groups.labels[c].dtype)
        return in_library(self._restore(samples[self._names_out()]), self._output)

    def impute(self, X: Any, random_state: Any = None) -> Any:
        """Draw missing values from the target's distribution, given the values of the same row.

        Columns are drawn in turn, each given all others, many times over (chained equations): at
        first by a linear regression, then by a conditional flow of its residuals. Both are fitted
        to the target's rows that have a value there. So no row of the target has to be complete,
        and ``fit(X).impute(X)`` fills in a table by itself. Several draws, each with a
        ``random_state`` of its own, are multiple imputations: their mean estimates a value, their
        spread says how well it is known.

        Parameters
        ----------
        X : DataFrame
            A table that has the target's columns. Further columns may hold anything, and stay.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; None is the seed of the estimator.

        Returns
        -------
        filled : DataFrame
            X, with its index, columns and dtypes, and a value in every cell of the target's
            columns. What was there is there as before.

        Raises
        ------
        TypeError
            If X is not a DataFrame.
        ValueError
            If X lacks a column, or has infinite values or a group that the target does not have, if
            a column has no value at all in the target, or if the flow is a generator.

        Warns
        -----
        UserWarning
            If categories of X are not among the target's; they tell nothing of missing values.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from skflow import TableTransport
        >>> table = pd.DataFrame({"age": np.arange(20.0, 80), "height": np.arange(160.0, 220)})
        >>> table.loc[[5, 50], "height"] = np.nan
        >>> table.loc[20, "age"] = np.nan
        >>> filled = TableTransport(random_state=0).fit(table).impute(table)
        >>> bool((filled.loc[[5, 50], "height"] - [165, 210]).abs().max() < 5)
        True
        >>> filled.isna().sum().tolist()
        [0, 0]
        """
        check_is_fitted(self)
        X, restore = to_pandas(X, "table")
        rng = self._rng(4) if random_state is None else make_generator(random_state)
        rows = self._check_source(X, whole=True, complete=False)
        complete, drawn = X.copy(), []
        missing = [c for c in self._seen if X[c].isna().any()]
        for group, positions in rows.items():
            part = X.iloc[positions]
            if not part[missing].isna().to_numpy().any():
                continue
            target, weight = self._groups.flows[group].target()
            empty = [c for c in target.columns if target[c].isna().all()]
            if empty:
                raise ValueError(
                    f"the target has no value of {quoted(empty)} to draw from: leave the column "
                    "out of columns=[...]."
                )
            part = part[list(target.columns)]
            some = impute_rows(self._make_quick_flow, target, weight, part, self._kinds, rng)
            drawn.append(some.set_axis(positions))
        if drawn:
            values = import_pandas().concat(drawn)
            for c in missing:
                complete[c] = filled(X[c], values[c])
        untouched = [c for c in X.columns if c not in missing]
        return in_library(restore(complete, keep=untouched), self._output)

    @property
    def _kinds(self) -> dict:
        """What the columns hold that a flow sees."""
        return {**self.encoder_.kinds, **({} if self._given is None else self._given.kinds)}

    def _make_given_flow(self) -> Any:
        """A flow like that of the table, for rows of which some values are given."""
        flow = self._make_flow()
        if not {"condition_on", "random_state"} <= set(flow.get_params()):
            raise ValueError(
                f"flow={type(flow).__name__} cannot draw columns given others: choose a sampler, "
                "such as SDFlowSampler()."
            )
        return flow.set_params(verbose=0)

    def _make_quick_flow(self) -> Any:
        """The flow of a single column, of which there are many."""
        flow = self._make_given_flow()
        return flow if self.flow is not None else flow.set_params(**QUICK)
