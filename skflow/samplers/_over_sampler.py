r"""New rows for rare classes.

.. math:: \tilde x ∼ \hat p(x \mid c), \quad c \text{ a class of too few rows}

where a flow that is fitted to the rows of class c draws. The interface is imbalanced-learn's.

References
----------
Lemaître, G., Nogueira, F. and Aridas, C. (2017). Imbalanced-learn: A Python Toolbox to Tackle the
Curse of Imbalanced Datasets in Machine Learning. Journal of Machine Learning Research 18(17).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OneToOneFeatureMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from skflow._draws import make_generator
from skflow._utils import NamedPartsMixin, check_count, lookup, unfitted_on_failure
from skflow.samplers._sd_flow import SDFlowSampler

__all__ = ["SDFlowOverSampler"]

# classes to fill up to the size of the largest one, given the rows that every class has
SAMPLING_STRATEGIES: dict[str, Callable[[dict], list]] = {
    "auto": lambda count: [c for c in count if c != _largest(count)],
    "not majority": lambda count: [c for c in count if c != _largest(count)],
    "minority": lambda count: [min(count, key=count.__getitem__)],
    "not minority": lambda count: [c for c in count if c != min(count, key=count.__getitem__)],
    "all": list,
}


def _make_flow(spec: Any) -> Any:
    return SDFlowSampler() if spec is None else spec


def _largest(count: dict) -> Any:
    return max(count, key=count.__getitem__)


class SDFlowOverSampler(OneToOneFeatureMixin, NamedPartsMixin):
    """Give rare classes new rows, which a flow draws from each class's own distribution.

    ``fit_resample(X, y)`` returns all rows of X, followed by new ones. It keeps to the interface of
    imbalanced-learn, whose ``Pipeline`` resamples in ``fit`` only: held-out rows are not touched.

    Parameters
    ----------
    flow : estimator, default=None
        What is fitted to the rows of a class and draws new ones: ``fit(X)`` and ``sample(n)``. None
        is ``SDFlowSampler()``. A flow of arrays sees columns in units of the class's standard
        deviation. ``TableTransport()`` takes data frames with columns of any kind, and missing
        values.
    sampling_strategy : str, float, dict or callable, default="auto"
        Which classes get new rows. "auto" or "not majority": all but the largest, "minority": the
        smallest, "not minority": all but the smallest, "all": all, so that each is as large as the
        largest. A float, for two classes, is the rows of the smaller over those of the larger,
        afterwards. A dict has the number of rows of a class afterwards; a callable returns such a
        dict for y.
    random_state : int, RandomState instance or None, default=None
        Seed of the flows, unless ``flow`` has its own.

    Attributes
    ----------
    sampling_strategy_ : dict
        The number of new rows of every class that gets some.
    flows_ : dict
        The fitted flow of each of them.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X is a data frame.

    See Also
    --------
    SDFlowSampler : The flow.
    TableTransport : The flow for data frames.

    References
    ----------
    Lemaître, Nogueira and Aridas (2017), Journal of Machine Learning Research 18(17).

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import SDFlowOverSampler
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(100, 2)), np.repeat(["common", "rare"], [90, 10])
    >>> X_resampled, y_resampled = SDFlowOverSampler(random_state=0).fit_resample(X, y)
    >>> np.unique(y_resampled, return_counts=True)[1]
    array([90, 90])
    >>> bool((X_resampled[:100] == X).all())
    True
    """

    _sampling_type = "over-sampling"  # as imbalanced-learn has it

    def __init__(
        self, flow: Any = None, *, sampling_strategy: Any = "auto", random_state: Any = None
    ) -> None:
        self.flow = flow
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {"flow": _make_flow}

    def fit(self, X: Any, y: ArrayLike) -> SDFlowOverSampler:
        """Fit a flow to every class that is to get new rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,)
            Their classes.

        Returns
        -------
        self : SDFlowOverSampler
            The fitted over-sampler.

        Raises
        ------
        ValueError
            If y has one class only, a class that is to get new rows has one row only,
            ``sampling_strategy`` is unknown or asks for fewer rows than there are, or X is not what
            the flow takes.
        """
        with unfitted_on_failure(self):
            self._fit(X, y)
        return self

    def _fit(self, X: Any, y: ArrayLike) -> NDArray:
        """Fit the flows; return the classes of all rows."""
        X, labels = self._check(X, y)
        self.sampling_strategy_ = resolve_strategy(self.sampling_strategy, labels)
        rng = make_generator(self.random_state)
        self.flows_: dict[Any, Any] = {}
        self._scalers: dict[Any, StandardScaler | None] = {}
        for c in self.sampling_strategy_:
            part = X[labels == c]
            if len(part) < 2:
                raise ValueError(
                    f"the class {c!r} has 1 row, but new rows like it need at least 2: leave it "
                    "out of sampling_strategy, give it a dict of the other classes, or collect "
                    "more."
                )
            scaler = None if self._takes_frames() else StandardScaler().fit(part)
            flow = clone(_make_flow(self.flow))
            if flow.get_params().get("random_state", 0) is None:
                flow.set_params(random_state=int(rng.integers(2**31)))
            self.flows_[c] = flow.fit(part if scaler is None else scaler.transform(part))
            self._scalers[c] = scaler
        return labels

    def _takes_frames(self) -> bool:
        """Whether the flow takes data frames, and no arrays."""
        return self.flow is not None and not get_tags(self.flow).input_tags.two_d_array

    def _check(self, X: Any, y: ArrayLike) -> tuple[Any, NDArray]:
        """Validate; rows become an array of floats, unless the flow takes frames."""
        if self._takes_frames():
            if not hasattr(X, "iloc"):
                raise TypeError(
                    f"flow={type(self.flow).__name__} takes data frames of pandas, but X is a "
                    f"{type(X).__name__}."
                )
            validate_data(self, X, skip_check_array=True)
            y = column_or_1d(y)
            if len(y) != len(X):
                raise ValueError(f"y has {len(y)} classes, but X has {len(X)} rows.")
        else:
            dtypes = X.dtypes.items() if hasattr(X, "iloc") else ()
            other = [c for c, dtype in dtypes if dtype.kind not in "iufb"]
            if other:
                raise ValueError(
                    f"the columns {other} of X hold no numbers: give flow=TableTransport(), which "
                    "takes columns of any kind."
                )
            X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        return X, np.asarray(y)

    def fit_resample(self, X: Any, y: ArrayLike) -> tuple[Any, Any]:
        """Add new rows of rare classes to a table.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,)
            Their classes.

        Returns
        -------
        X_resampled : array or DataFrame of shape (n_rows_afterwards, n_features)
            The rows of X, followed by new rows, class by class. Columns keep names and dtypes;
            whole numbers are rounded. The index of a data frame is numbered anew.
        y_resampled : array or Series of shape (n_rows_afterwards,)
            Their classes.

        Raises
        ------
        ValueError
            See ``fit``.
        """
        with unfitted_on_failure(self):
            labels = self._fit(X, y)
        new = {c: self._draw(c, n) for c, n in self.sampling_strategy_.items()}
        drawn = np.repeat(list(new), list(self.sampling_strategy_.values())).astype(labels.dtype)
        return _append(X, list(new.values())), _append_labels(y, drawn)

    def _draw(self, c: Any, n: int) -> Any:
        """New rows of a class, in the units of the data."""
        flow, scaler = self.flows_[c], self._scalers[c]
        rows = flow.sample(n)
        return rows if scaler is None else scaler.inverse_transform(rows)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "sampler"
        tags.target_tags.required = True
        tags.input_tags.two_d_array = not self._takes_frames()
        tags.input_tags.allow_nan = self._takes_frames()
        return tags


# --------------------------------------------------------------------------- how many, and of what
def resolve_strategy(strategy: Any, labels: NDArray) -> dict[Any, int]:
    """Numbers of new rows, of the classes that get some, in the order of classes.

    Parameters
    ----------
    strategy : str, float, dict or callable
        See `SDFlowOverSampler`.
    labels : ndarray of shape (n_rows,)
        The classes of all rows.

    Returns
    -------
    n_new : dict
        Class to number.
    """
    classes, counts = np.unique(labels, return_counts=True)
    count = dict(zip(classes.tolist(), counts.tolist(), strict=True))
    if len(count) < 2:
        raise ValueError(f"y needs to have more than 1 class, got 1 class: {classes[0]!r}.")
    if callable(strategy):
        strategy = strategy(labels)
    if isinstance(strategy, Mapping):
        wanted = {c: check_count(n, name=f"sampling_strategy[{c!r}]") for c, n in strategy.items()}
    elif isinstance(strategy, Real) and not isinstance(strategy, bool):
        wanted = _by_ratio(float(strategy), count)
    else:
        chosen = lookup(SAMPLING_STRATEGIES, strategy, name="sampling_strategy")(count)
        wanted = dict.fromkeys(chosen, max(count.values()))
    for c, n in wanted.items():
        if n < count.get(c, np.inf):
            has = f"has {count[c]} rows: ask for no fewer" if c in count else "is not in y"
            raise ValueError(
                f"sampling_strategy asks for {n} rows of the class {c!r}, which {has}."
            )
    return {c: wanted[c] - count[c] for c in count if wanted.get(c, 0) > count[c]}


def _by_ratio(ratio: float, count: dict) -> dict:
    if len(count) != 2:
        raise ValueError(
            f"sampling_strategy={ratio} is a ratio of two classes, but y has {len(count)}: give a "
            "dict of the rows that each is to have."
        )
    if not 0 < ratio <= 1:
        raise ValueError(f"sampling_strategy={ratio} must be in (0, 1] if it is a ratio.")
    most = _largest(count)
    return {c: int(ratio * count[most]) for c in count if c != most}


def _append(X: Any, parts: list) -> Any:
    """X and new rows below, in the kind of table and the dtypes of X."""
    if not hasattr(X, "iloc"):
        rows = np.asarray(X)
        whole = np.concatenate([rows, *(_cast(part, rows.dtype) for part in parts)])
        return whole.tolist() if isinstance(X, list) else whole
    import pandas

    frames = [X]
    for rows in parts:
        columns = rows if hasattr(rows, "iloc") else pandas.DataFrame(rows, columns=X.columns)
        frames.append(pandas.DataFrame({c: _cast(columns[c], t) for c, t in X.dtypes.items()}))
    return pandas.concat(frames, ignore_index=True)


def _append_labels(y: Any, drawn: NDArray) -> Any:
    if not hasattr(y, "iloc"):
        whole = np.concatenate([np.ravel(y), drawn])
        return whole.tolist() if isinstance(y, list) else whole
    import pandas

    if y.ndim == 2:
        new: Any = pandas.DataFrame({c: _cast(drawn, t) for c, t in y.dtypes.items()})
    else:
        new = pandas.Series(drawn, dtype=y.dtype, name=y.name)
    return pandas.concat([y, new], ignore_index=True)


def _cast(values: Any, dtype: Any) -> Any:
    """Values of a dtype; whole numbers are rounded, and stay in its range."""
    if dtype.kind in "iu" and np.asarray(values).dtype.kind == "f":
        info = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
        values = np.clip(np.rint(values), info.min, info.max)
    elif dtype.kind == "b" and np.asarray(values).dtype.kind == "f":
        values = values > 0.5
    return values.astype(dtype)
