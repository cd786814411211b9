r"""Move the rows of a table.

.. math:: \text{source table} → \text{encode} → \text{flow} → \text{decode} → \text{moved table}

Everything is fitted on the target.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skflow._draws import make_generator
from skflow._utils import (
    NamedPartsMixin,
    check_count,
    check_weights,
    distinct_rows,
    lookup,
    unfitted_on_failure,
    unwrap_source,
    warn,
)
from skflow.advice import find_alike
from skflow.tabular._checks import (
    as_list,
    check_complete,
    check_frame,
    check_known,
    check_labels,
    groups_of,
    quoted,
)
from skflow.tabular._encoder import TableEncoder
from skflow.tabular._frames import import_pandas, in_library, to_pandas
from skflow.tabular._group_flow import flow_of, make_flow
from skflow.tabular._groups import Groups
from skflow.tabular._imputer import impute_table, sample_given
from skflow.tabular._noise import RowNoise
from skflow.tabular._plain import PlainState
from skflow.tabular._report import TableReport, report_on

if TYPE_CHECKING:
    import pandas

__all__ = ["TableTransport"]

MISSING_RULES = {"keep": False, "raise": True}  # whether missing values are refused


@dataclasses.dataclass(eq=False, repr=False)
class TableTransport(PlainState, TransformerMixin, NamedPartsMixin, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    r"""Move the rows of one data frame onto another, whatever their columns hold.

    ``fit`` learns the target, and ``transform`` moves source rows. Moved rows have the *target's*
    columns, dtypes and categories. They keep the *source's* index, row order and column order, and
    columns that do not take part are unchanged. Numbers are standardised by the target and
    categories one-hot encoded, so results do not depend on the unit of a column.

    - Numeric columns keep their dtype. Values on a common grid (whole numbers, prices to the cent,
      masses to 25 g) stay on it. A smallest or largest value that several target rows share is
      taken for a bound. Atoms of a column that has no grid, such as the zeros among rainfall
      amounts, keep their share.
    - Categories, text and booleans become one of the target's values. A row whose value the target
      does not have gets the value that suits its other columns.
    - Dates and durations move like numbers.
    - A column that is constant in the target comes out constant.

    ``transform`` moves all rows of a table together, as one population. After ``fit(target,
    X_source=source)`` it moves every row on its own, through the frozen flow of that source. A row
    then has the same result in any subset, order or chunk, so tables may be larger than memory, or
    on many machines. The dither of a row depends on its index label in this case, so the label has
    to be the same in every subset.

    Parameters
    ----------
    flow : estimator, default=None
        The flow: ``fit(X)``, ``transform(X)``, ``sample(n)`` and ``score(X)`` on arrays. None is
        ``SDFlowSampler(step_size=1.0)``, with full steps: shrunk steps would stop too early for a
        flag or a category, whose signal is small beside the noise of many columns.
        ``set_params(flow__n_steps=…)`` works on it, too. The last bandwidth of a `SDFlowSampler`
        whose schedule is "auto" is lowered until new rows are no farther from the target's rows
        than these are from each other. A generator such as ``SDFlowGenerator()`` moves rows only if
        ``X_source`` is given to ``fit``.
    columns : list of str, default=None
        The columns that are moved; None is all of the target's. The source must have them all.
    by : str or list of str, default=None
        Columns of groups: each group of the source is moved onto the same group of the target, by
        a flow of its own.
    condition_on : list of str, default=None
        Columns that stay as they are, such as age and sex. The others get the distribution that
        they have in the target *given* these, also if the kept columns are distributed differently
        in source and target; see `SDFlowSampler`. Moved values are then the target's values nearest
        to where the flow leads, and shares are not corrected.
    missing : {"keep", "raise"}, default="keep"
        "keep" treats a missing value as another category: moved rows get the target's share of
        missing values. "raise" refuses tables with missing values.
    random_state : int, RandomState instance or None, default=None
        Seed of the dither, and of the flow unless that has its own.
    verbose : int, default=0
        1 shows the flow's progress bar on a terminal.

    Attributes
    ----------
    columns_ : list
        The columns that are moved.
    by_, condition_on_ : list
        The columns of groups, and those that stay as they are.
    classes_, class_shares_, source_weight_ : ndarrays or None
        With ``y_source`` its classes, their shares in the target, and weights of the source rows,
        which sum to their number.
    encoder_ : TableEncoder
        The columns as coordinates to measure distances in.
    encoders_ : dict of tuple to TableEncoder
        The columns as the flow of every group sees them; without ``by`` the only group is ``()``.
    flows_ : dict of tuple to estimator
        The flow of every group, fitted to its encoded, half whitened rows.
    target_ : ndarray of shape (n_distinct_rows, n_coordinates)
        The distinct target rows of all groups, as ``encode`` returns them.
    target_weight_ : ndarray of shape (n_distinct_rows,)
        Their weights, summing to one.
    n_features_in_ : int
        Number of the target's columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names.

    See Also
    --------
    SDFlowSampler : The same for arrays of numbers.

    Notes
    -----
    The fitted state is made of lists, numbers, text and arrays, so that skops can store it:

    .. code-block:: python

        skops.io.dump(transport, "transport.skops")
        unknown = skops.io.get_untrusted_types(file="transport.skops")
        transport = skops.io.load("transport.skops", trusted=unknown)

    Every name in ``unknown`` has to be one of skflow's, or ``numpy.dtype``; trust no others. Those
    of tables are, in ``skflow.tabular``, ``_transport.TableTransport``, ``_groups.Groups``,
    ``_group_flow.GroupFlow``, ``_encoder.TableEncoder``, ``_encoder.Matches``,
    ``_numbers.Number``, ``_numbers.NumberMatch``, ``_categories.Category``,
    ``_relations.Relation``, ``_relations.Trend``, ``_relations.Pairs``, ``_relations.Dependency``,
    ``_products.Product``, ``_combinations.Combinations``,
    ``_bend.Bend``, ``_whitening.HalfWhitening``, ``_frames.Restore``, ``_values.Typed``, and of
    ``_kinds`` ``Missing``, ``Integer``, ``Float``, ``Decimals``, ``Instant``, ``Date``,
    ``Duration``, ``Period`` and ``Category``. In ``skflow.flow`` they are ``_atoms.JointAtom``,
    ``_marginals.Marginal`` and ``_marginals.MonotoneMap``. All others are the flow's own.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skflow import TableTransport
    >>> rng = np.random.default_rng(0)
    >>> target = pd.DataFrame({
    ...     "kind": rng.choice(["bun", "roll"], 200, p=[0.75, 0.25]),
    ...     "grams": rng.normal(60, 5, 200).round().astype(int),
    ... })
    >>> source = pd.DataFrame({
    ...     "id": np.arange(100),
    ...     "kind": rng.choice(["bun", "roll"], 100),
    ...     "grams": rng.normal(80, 10, 100).round().astype(int),
    ... })
    >>> moved = TableTransport(random_state=0).fit(target).transform(source)
    >>> moved.dtypes.equals(source.dtypes), moved["id"].equals(source["id"])
    (True, True)
    >>> abs(moved["grams"].mean() - target["grams"].mean()) < 1
    np.True_
    >>> abs((moved["kind"] == "bun").mean() - 0.75) < 0.1
    np.True_
    """

    # as for the samplers: with metadata routing a source is passed on without being asked for
    __metadata_request__fit = {"X_source": True, "y_source": True}  # noqa: RUF012 (scikit-learn's own idiom)

    flow: Any = None
    _: dataclasses.KW_ONLY
    columns: Sequence[Hashable] | None = None
    by: Hashable | Sequence[Hashable] | None = None
    condition_on: Sequence[Hashable] | None = None
    missing: str = "keep"
    random_state: Any = None
    verbose: int = 0

    _output = "default"  # the library of frames that are returned

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"flow": flow_of}

    # ------------------------------------------------------------------------------------ fit
    def fit(
        self,
        X: Any,
        y: None = None,
        *,
        X_source: Any = None,
        y_source: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> TableTransport:
        """Learn the target, and the way of a source onto it if one is given.

        Parameters
        ----------
        X : DataFrame
            Target rows.
        y : None
            Ignored.
        X_source : DataFrame, default=None
            Source rows, of every group of the target; in a cross-validation
            ``skflow.model_selection.whole(X_source)``. If given, ``transform`` moves every row on
            its own, through the flow of these rows, which is frozen.
        y_source : array-like of shape (n_source_rows,), default=None
            Classes of the source rows. The target's class shares are then estimated without labels,
            and source rows weighted so that theirs agree; see `SDFlowSampler.fit`.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the target rows; a row of weight two counts as two rows.

        Returns
        -------
        self : TableTransport
            The fitted transport.

        Raises
        ------
        TypeError
            If X is not a DataFrame.
        ValueError
            If X is empty, or a column occurs twice, is unknown, has infinite values or a dtype that
            cannot be moved, or if X_source does not fit; the message names it.

        Warns
        -----
        UserWarning
            If X_source and X do not differ, as far as a quick test of at most 500 rows of either
            can tell; or if a column of X looks like something else than it was taken for.
        """
        with unfitted_on_failure(self):
            return self._fit(X, X_source, y_source, sample_weight)

    def _fit(
        self,
        X: Any,
        X_source: Any,
        y_source: ArrayLike | None,
        sample_weight: ArrayLike | None,
    ) -> TableTransport:
        lookup(MISSING_RULES, self.missing, name="missing")
        X, restore = to_pandas(X, "target")
        self._restore = restore.without_rows()
        check_frame(X, "target")
        X_source, is_whole = unwrap_source(X_source)
        if X_source is not None:
            X_source = to_pandas(X_source, "X_source")[0]
        weight = check_weights(sample_weight, X)
        if weight is not None:
            X, weight = X[weight > 0], weight[weight > 0]
        self._choose_columns(X)
        self._seed = make_generator(self.random_state).integers(2**32, size=4)
        Z = self._fit_encoders(X, weight)
        self._is_frozen = X_source is not None
        sources = {} if X_source is None else self._check_source(X_source, whole=True)
        if self._is_frozen:
            self._groups.check_all_in(sources)
        if X_source is not None and weight is None:  # rows of unlike weights are no draw to test
            sentence = find_alike(self.encoder_.encode(X_source), Z)
            if sentence:
                warn(f"{sentence}.")
        labels = check_labels(X_source, y_source)
        self._fit_groups(X, weight, X_source, sources, labels, is_whole=is_whole)
        return self

    def _fit_groups(
        self,
        X: pandas.DataFrame,
        weight: NDArray | None,
        X_source: pandas.DataFrame | None,
        sources: dict[tuple, NDArray],
        labels: NDArray | None,
        *,
        is_whole: bool,
    ) -> None:
        """Fit the flow of every group, and keep what was found of class shares over all groups."""
        self.source_weight_ = None if labels is None else np.empty(len(labels))
        for group, positions in groups_of(X, self.by_).items():
            part, weights = X.iloc[positions], None if weight is None else weight[positions]
            group_flow = self._groups.flows[group]
            Z = group_flow.encoder.encode(part, self._noise(part), name="target")
            source = y = None
            if X_source is not None:
                rows = X_source.iloc[sources[group]]
                source = rows, self._noise(rows)
                y = None if labels is None else labels[sources[group]]
            group_flow.fit(self._make_flow(), Z, weights, source, is_whole, self._rng(3), y)
            if self.source_weight_ is not None:
                self.source_weight_[sources[group]] = group_flow.flow.source_weight_
        self.classes_, self.class_shares_ = None, None
        if labels is not None:
            self.classes_, place = np.unique(labels, return_inverse=True)
            self.class_shares_ = np.bincount(place, weights=self.source_weight_) / len(place)

    def _choose_columns(self, X: pandas.DataFrame) -> None:
        """Find out which columns are moved, and which make groups."""
        self.by_ = as_list(self.by)
        self.condition_on_ = as_list(self.condition_on)
        aside = [*self.by_, *self.condition_on_]
        rest = [column for column in X.columns if column not in aside]
        self.columns_ = rest if self.columns is None else as_list(self.columns)
        check_known(X, columns=self.columns_, by=self.by_, condition_on=self.condition_on_)
        check_complete(X, self.by_, "target")
        if self.missing == "raise":
            check_complete(X, self._seen, "target")
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]

    def _fit_encoders(self, X: pandas.DataFrame, weight: NDArray | None) -> NDArray:
        """Learn the columns of the target, of every group, and the groups' shares; encode it."""
        self.encoder_ = TableEncoder(X, self.columns_, weight=weight, other=True)
        for sentence in self.encoder_.doubts(X):
            warn(sentence)
        Z = self.encoder_.encode(X, name="target")
        self.target_, self.target_weight_ = distinct_rows(Z, weight)
        self._given = None
        if self.condition_on_:
            self._given = TableEncoder(X, self.condition_on_, weight=weight, other=True)
        columns = self._seen, self.condition_on_
        self._groups = Groups(X, weight, self.by_, *columns, self._kinds)
        return Z

    @property
    def _seen(self) -> list:
        """The columns that a flow sees: those that move, and those that it is given."""
        return [*self.columns_, *self.condition_on_]

    @property
    def _kinds(self) -> dict:
        """What the columns hold that a flow sees."""
        return {**self.encoder_.kinds, **({} if self._given is None else self._given.kinds)}

    @property
    def encoders_(self) -> dict[tuple, TableEncoder]:
        """The columns as the flow of every group sees them."""
        return {name: flow.encoder for name, flow in self._groups.flows.items()}

    @property
    def flows_(self) -> dict[tuple, Any]:
        """The flow of every group."""
        return {name: flow.flow for name, flow in self._groups.flows.items()}

    def _make_flow(self) -> Any:
        return make_flow(self.flow, self.random_state, self.verbose)

    def _rng(self, stream: int) -> np.random.Generator:
        """Generator of the dither (0), samples (2), rows for maps (3) or missing values (4)."""
        return np.random.default_rng([*self._seed, stream])

    # ------------------------------------------------------------------------------ transform
    def fit_transform(
        self,
        X: Any,
        y: None = None,
        *,
        X_source: Any = None,
        y_source: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Any:
        """Fit, and return X as it is: the target is where it should be.

        Parameters
        ----------
        X : DataFrame
            Target rows.
        y : None
            Ignored.
        X_source : DataFrame, default=None
            Source rows, see ``fit``.
        y_source : array-like of shape (n_source_rows,), default=None
            Their classes, see ``fit``.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the target rows.

        Returns
        -------
        X : DataFrame
            A copy of X.
        """
        self.fit(X, X_source=X_source, y_source=y_source, sample_weight=sample_weight)
        return X.copy() if hasattr(X, "copy") else X.clone()

    def transform(self, X: Any) -> Any:
        """Move source rows onto the target.

        Parameters
        ----------
        X : DataFrame
            Source rows. Further columns may hold anything.

        Returns
        -------
        moved : DataFrame
            Row i is row i of X, moved: the index, the order of rows and columns and the further
            columns are those of X, everything else is the target's.

        Raises
        ------
        TypeError
            If X is not a DataFrame.
        ValueError
            If X is empty, or lacks a column or has infinite values in it, or has a group that the
            target does not have, or the flow is a generator that was fitted without a source.

        Warns
        -----
        UserWarning
            If categories of X are not among the target's.
        """
        X, restore = to_pandas(X, "source")
        rows = self._check_source(X, whole=not self._is_frozen)
        if not all(getattr(flow, "has_source_", True) for flow in self.flows_.values()):
            raise ValueError(
                f"flow={type(self.flow).__name__} was trained to map a prior, not a source: "
                "give X_source to fit, then transform maps its rows and others like them."
            )
        columns = self._groups.move(X, rows, self._noise)
        moved = X.copy()
        for column in self.columns_:
            moved[column] = columns[column]
        untouched = [column for column in moved.columns if column not in self.columns_]
        return in_library(restore(moved, keep=untouched, like=self._restore), self._output)

    def _noise(self, part: pandas.DataFrame) -> RowNoise:
        """The dither of rows: of equal places, or labels, the same in the target and a source.

        So a table that is moved onto itself stays where it is.
        """
        labels = part.index if self._is_frozen else import_pandas().RangeIndex(len(part))
        return RowNoise(labels, self._rng(0))

    def _check_source(
        self, X: pandas.DataFrame, *, whole: bool = False, complete: bool | None = None
    ) -> dict[tuple, NDArray]:
        """Return the positions of every group's rows, or say what is amiss.

        In a whole source, categories that the target does not have are a warning.
        """
        check_is_fitted(self)
        check_frame(X, "source")
        for name, columns in ("by", self.by_), ("condition_on", self.condition_on_):
            missing = [c for c in columns if c not in X.columns]
            if missing:
                raise ValueError(
                    f"source lacks the column(s) {quoted(missing)} of {name}={columns}."
                )
        check_complete(X, self.by_, "source")
        self.encoder_.check(X, "source")
        if self.missing == "raise" if complete is None else complete:
            check_complete(X, self._seen, "source")
        if whole:
            self.encoder_.warn_of_unknown(X)
            if self._given is not None:
                self._given.warn_of_unknown(X)
        return self._groups.rows_of(X, "source")

    def encode(self, X: Any) -> NDArray:
        """Coordinates of a table's rows in the target's unit-free space, to measure distances in.

        Every column is a block of total variance one (of the target). Nothing is dithered, so that
        a copy of a row lies at distance zero from it.

        Parameters
        ----------
        X : DataFrame
            A table that has the columns that are moved.

        Returns
        -------
        Z : ndarray of shape (n_rows, n_coordinates)
            Numbers are standardised, categories are corners of a simplex; those that the target
            does not have share a corner of their own.
        """
        check_is_fitted(self)
        return self.encoder_.encode(to_pandas(X, "table")[0])

    # --------------------------------------------------------------------------------- sample
    def sample(self, n_samples: int = 1, random_state: Any = None, *, given: Any = None) -> Any:
        """Draw new rows of the target's distribution.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; None is the seed of the estimator.
        given : dict or DataFrame, default=None
            By name of a column a value, or n_samples of them, that the new rows have there, such as
            ``{"age": 40, "sex": "f"}``. The other columns are drawn from the target's distribution
            given these; see `SDFlowSampler.sample`. With ``by`` its columns have to be given. A
            date may be text, such as "2024-03-01" or "2024-03-01T12:30Z". A given state comes only
            with its cities, and a given city with its state.

        Returns
        -------
        samples : DataFrame
            The columns of ``by`` and those that are moved, in the target's order. Groups are drawn
            with the probabilities that they have in the target.

        Raises
        ------
        ValueError
            If ``given`` names an unknown column, has a value that the column cannot have, or
            another number of values than n_samples, or the flow is a generator.

        Warns
        -----
        UserWarning
            If a given number or date lies outside of the target's range, or given values do not
            occur together where one determines the other.

        Examples
        --------
        >>> import pandas as pd
        >>> from skflow import TableTransport
        >>> table = pd.DataFrame({"age": range(20, 80), "height": range(160, 220)})
        >>> transport = TableTransport(random_state=0).fit(table)
        >>> new = transport.sample(3, given={"age": 40})
        >>> new["age"].tolist()
        [40, 40, 40]
        >>> bool(new["height"].between(175, 185).all())
        True
        """
        check_is_fitted(self)
        n_samples = check_count(n_samples, name="n_samples")
        rng = self._rng(2) if random_state is None else make_generator(random_state)
        if given is not None:
            return sample_given(self, n_samples, rng, given)
        samples = self._groups.sample(n_samples, rng, is_seeded=random_state is not None)
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
        rng = self._rng(4) if random_state is None else make_generator(random_state)
        return impute_table(self, X, rng)

    def report(self, source: Any, moved: Any) -> TableReport:
        """Report on moved rows: one page, with figures, that a notebook shows.

        It compares source, moved rows and target, column by column and in pairs of columns, asks a
        classifier what still gives the moved rows away, and tells copying and cost. The target's
        rows are those that were fitted to; fresh ones would be a little farther off.

        Parameters
        ----------
        source : DataFrame of shape (n_rows, n_columns)
            Source rows.
        moved : DataFrame of shape (n_rows, n_columns)
            The same rows, moved: ``transform(source)``.

        Returns
        -------
        report : TableReport
            The page: ``report.save("report.html")`` writes it, ``report.html`` is its text.

        Raises
        ------
        ImportError
            If matplotlib or Jinja2 is missing.
        ValueError
            If the tables differ in length, or lack a column.

        Examples
        --------
        >>> import pandas as pd
        >>> from skflow import TableTransport
        >>> target = pd.DataFrame({"grams": range(60)})
        >>> source = pd.DataFrame({"grams": range(30, 90)})
        >>> transport = TableTransport(random_state=0).fit(target)
        >>> report = transport.report(source, transport.transform(source))
        >>> report.html[:15]
        '<!doctype html>'
        """
        check_is_fitted(self)
        return report_on(self, to_pandas(source, "source")[0], to_pandas(moved, "moved")[0])

    def score(
        self, X: pandas.DataFrame, y: None = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score of the flow on encoded target rows: higher is better.

        Parameters
        ----------
        X : DataFrame
            Target rows, best held out from ``fit``.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the rows of X, for a flow whose ``score`` takes them.

        Returns
        -------
        score : float
            For the samplers minus the energy distance, without unit, between X and samples; with
            ``by`` the mean over the groups of X, each row counting alike or as its weight says.
        """
        X = to_pandas(X, "target")[0]
        rows = self._check_source(X)
        return self._groups.score(X, rows, check_weights(sample_weight, X), self._noise)

    # ---------------------------------------------------------------------------------- names
    def set_output(self, *, transform: str | None = None) -> TableTransport:
        """Choose the library of the frames that ``transform`` and ``sample`` return.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            The library; "default" is that of the source's frame, and of the target's for samples.

        Returns
        -------
        self : TableTransport
            The transport.

        Raises
        ------
        ValueError
            If another container is asked for.
        """
        if transform not in (None, "default", "pandas", "polars"):
            raise ValueError(
                f"transform={transform!r} is not known to TableTransport, which returns data "
                "frames. Known: 'default', 'pandas', 'polars'."
            )
        if transform is not None:
            self._output = transform
        return self

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the source's columns.

        Returns
        -------
        names : ndarray of shape (n_columns,)
            The source's columns, which stay where they are; without them the target's columns that
            take part.
        """
        check_is_fitted(self)
        names = self._names_out() if input_features is None else input_features
        return np.asarray(names, dtype=object)

    def _names_out(self) -> list:
        known = {*self.by_, *self._seen}
        return [c for c in self.feature_names_in_ if c in known]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # data frames only
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags
