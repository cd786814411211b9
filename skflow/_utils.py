"""Validation and small helpers shared by every room of the package."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, Generic, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array

from skflow._version import __version__

T = TypeVar("T")

ABSENT = 1e-12  # weight over the largest, of rows that count for nothing
VERSION_MARK = "_skflow_version"  # of stored estimators, beside their attributes
WRAPPERS = {"skflow", "sklearn", "joblib"}  # who stands between a line of a user's and a warning


class cached_value(Generic[T]):
    """A property that is computed once.

    Until Python 3.12 `functools.cached_property` holds one lock for all instances: a thread that
    waits for others inside it, as Dask's do, would stop them all.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)  # found there from now on
        return value


class NamedPartsMixin(BaseEstimator):
    """Estimators among the parameters that may be given by a name, or left to a default.

    A parameter of such a part needs the part's object: ``set_params`` puts it in the place of the
    name or of None first, as in ``set_params(schedule="cosine", schedule__sigma_min="nn")``.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, and the version that they are of."""
        return {**super().__getstate__(), VERSION_MARK: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes; warn if they are of another version."""
        state = dict(state)
        stored_by, own = state.pop(VERSION_MARK, None), __version__
        if stored_by != own:
            by = "an unmarked version of skflow" if stored_by is None else f"skflow {stored_by}"
            warn(
                f"this {type(self).__name__} was stored by {by}, and skflow {own} "
                "may understand its attributes otherwise, or fail: fit it again, or install the "
                "version that has stored it."
            )
        super().__setstate__(state)

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        """Parameters that are such parts, with what makes an object of a name or of None.

        Parts that others depend on come first, as the loss of a critic does.
        """
        return {}

    def set_params(self, **params: Any) -> Any:
        """Set parameters, also those of parts that are still names or left to their defaults.

        Parameters
        ----------
        **params : dict
            Parameters of the estimator and, behind two underscores, of its parts:
            ``schedule__sigma_min="nn"`` turns the name of a schedule into its object first, and a
            part that is None into its default.

        Returns
        -------
        self : estimator
            The estimator.
        """
        own = {name: value for name, value in params.items() if "__" not in name}
        super().set_params(**own)  # first: what a default is may depend on them
        nested = {name: value for name, value in params.items() if name not in own}
        for part, make in self._named_parts().items():
            of_part = {name: nested[name] for name in nested if name.startswith(f"{part}__")}
            if of_part and part in self._get_param_names():
                if not hasattr(getattr(self, part), "set_params"):
                    setattr(self, part, make(getattr(self, part)))
                super().set_params(**of_part)
                nested = {name: nested[name] for name in nested if name not in of_part}
        return super().set_params(**nested)


def check_rows(X: ArrayLike, *, name: str, n_features: int | None = None) -> NDArray:
    """Return X as a finite, non-empty 2-d array of float32 (if it is) or float64."""
    rows = X
    if not is_checked(rows):  # small kernel sums take no longer than scikit-learn's check
        rows = check_array(X, dtype=[np.float64, np.float32], order="C", input_name=name)
    if n_features is not None and rows.shape[1] != n_features:
        raise ValueError(f"{name} has {rows.shape[1]} features, but {n_features} are expected.")
    return rows


def is_checked(X: Any) -> TypeGuard[NDArray]:
    """Whether X is an array that `check_array` would return as it is."""
    return (
        type(X) is np.ndarray
        and X.dtype in (np.float64, np.float32)
        and X.ndim == 2
        and X.size > 0
        and X.flags.c_contiguous
        and bool(np.isfinite(X).all())
    )


def check_tolerance(tol: Any) -> float:
    """Return the share of a kernel sum that may be left out, as a float in [0, 1)."""
    if not isinstance(tol, Real) or not 0 <= float(tol) < 1:
        raise ValueError(f"tol must be a number in [0, 1), 0 leaves nothing out; got {tol!r}.")
    return float(tol)


def check_weights(sample_weight: ArrayLike | None, X: Sized) -> NDArray | None:
    """Return non-negative float64 weights, one a row, not all zero (None stays None)."""
    if sample_weight is None:
        return None
    weight = check_array(
        sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
    )
    if weight.shape != (len(X),):
        raise ValueError(
            f"sample_weight has shape {weight.shape}, but one weight for each of the {len(X)} "
            "rows is expected."
        )
    if weight.min() < 0:
        raise ValueError(f"sample_weight must not be negative, got {weight.min()}.")
    if weight.max() == 0:
        raise ValueError("sample_weight is zero everywhere: at least one row must count.")
    return weight


def positive_weights(sample_weight: Any, X: NDArray) -> NDArray | None:
    """Check weights, and replace zeros by what is nothing beside the others."""
    weight = check_weights(sample_weight, X)
    return None if weight is None else np.maximum(weight, ABSENT * weight.max())


def normalize_weights(weight: NDArray | None, n_rows: int) -> NDArray:
    """Return float64 weights that sum to one (all equal if None)."""
    if weight is None:
        return np.full(n_rows, 1 / n_rows)
    weight = weight / weight.max()  # whose sum cannot overflow
    return weight / weight.sum()


def count_draws(weight: NDArray | None, n_rows: int) -> float:
    """How many independent rows weights stand for: their sum if they count rows.

    At least it is the effective number, (Σw)²/Σw² (Kish), whatever the weights' scale.
    """
    if weight is None:
        return float(n_rows)
    share = weight / weight.max()
    return float(max(min(weight.sum(), 1e15), share.sum() ** 2 / (share @ share)))


def distinct_rows(X: NDArray, sample_weight: NDArray | None = None) -> tuple[NDArray, NDArray]:
    """Merge equal rows and drop those of zero weight.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The table.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights.

    Returns
    -------
    rows : ndarray of shape (n_distinct, n_features)
        The distinct rows, in lexicographic order.
    weight : ndarray of shape (n_distinct,)
        Their total weights, float64, summing to one.
    """
    weight = normalize_weights(sample_weight, len(X))
    rows, weight = X[weight > 0], weight[weight > 0]
    order = lexicographic_order(rows)
    rows = rows[order]
    is_new = np.append(True, np.any(rows[1:] != rows[:-1], axis=1))
    return rows[is_new], np.bincount(np.cumsum(is_new) - 1, weights=weight[order])


def lexicographic_order(X: NDArray) -> NDArray:
    """Numbers of the rows, sorted by the first column, of equals there by the second, and so on.

    Only rows that share their first value need more than one column.
    """
    order = np.argsort(X[:, 0], kind="stable")
    first = X[order, 0]
    is_same = first[1:] == first[:-1]
    tied = np.append(is_same, False) | np.append(False, is_same)
    numbers = order[tied]
    order[tied] = numbers[np.lexsort(X[numbers].T[::-1])]
    return order


def moments(X: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray]:
    """Weighted mean and covariance, in float64."""
    w = normalize_weights(weight, len(X))
    mean = w @ X.astype(np.float64)
    deviation = X - mean
    return mean, (deviation * w[:, None]).T @ deviation


def means_and_deviations(X: NDArray, weight: NDArray) -> tuple[NDArray, NDArray]:
    """Weighted means and standard deviations of columns, (n_features,) each; weights sum to one."""
    mean = weight @ X
    return mean, np.sqrt(weight @ (X - mean) ** 2)


def symmetric_root(C: NDArray, power: float = 0.5) -> NDArray:
    """Power of a symmetric positive semidefinite matrix, up to rounding."""
    value, vector = np.linalg.eigh(C)
    least = np.finfo(np.float64).eps * value[-1] if power < 0 else 0.0
    return (vector * np.maximum(value, least) ** power) @ vector.T


def unwrap_source(X_source: Any) -> tuple[Any, bool]:
    """Take a source out of its wrapping, and say whether it had one.

    A tuple of one table is a table that cross-validation never slices: its length is one, and a
    pipeline's ``transform_input`` transforms what is inside. See `skflow.model_selection.whole`.

    Parameters
    ----------
    X_source : array-like of shape (n_rows, n_features), tuple of one such or None
        What was given to ``fit``.

    Returns
    -------
    rows : array-like of shape (n_rows, n_features) or None
        The table.
    is_whole : bool
        Whether it was wrapped.
    """
    if isinstance(X_source, tuple) and len(X_source) == 1 and np.ndim(X_source[0]) == 2:
        return X_source[0], True
    return X_source, False


def refuse_source_as_y(X: Any, y: Any) -> None:
    """Say what is wrong if a table was given where ``y``, which is ignored, stands.

    One of as many rows might be several labels of a pipeline: then it is a warning.
    """
    shape: Any = getattr(y, "shape", ())
    wanted: Any = getattr(X, "shape", ())
    if len(shape) != 2 or len(wanted) != 2 or shape[1] != wanted[1]:
        return
    advice = "ignored: if it is the source, give it as X_source=..."
    if shape[0] != wanted[0]:
        raise ValueError(f"y has shape {shape} and would be {advice}")
    if shape[1] > 1:
        warn(f"y has the shape of X, {shape}, and is {advice}")


@contextmanager
def unfitted_on_failure(estimator: Any) -> Iterator[None]:
    """Leave an estimator whose fit fails, or is interrupted, without fitted attributes.

    What was set until then would pass for a fitted estimator.
    """
    try:
        yield
    except BaseException:
        for name in [n for n in vars(estimator) if n.endswith("_") and not n.startswith("__")]:
            delattr(estimator, name)
        raise


def check_memory(n_bytes: float, what: str, advice: str) -> None:
    """Raise an error, before anything is allocated, if it takes more memory than there is."""
    most = total_memory()
    if n_bytes > most:
        raise MemoryError(
            f"{what} takes about {n_bytes / 2**30:.1f} GB of memory, and there are "
            f"{most / 2**30:.1f} GB: {advice}."
        )


def total_memory() -> float:
    """Bytes of memory of the machine, infinity where it does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows, and systems that have other names
        return np.inf


def warn(message: str) -> None:
    """Warn, and blame the first line outside of this package and the libraries that wrap it.

    How many frames a call of scikit-learn's has in between depends on its version.
    """
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in WRAPPERS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)


def warn_if_sliced(flow: Any) -> None:
    """Warn if the source of a fitted flow is likely to have been sliced by a cross-validation.

    Its ``_source_as_long`` says whether an unwrapped source had exactly as many rows as the target.
    """
    if getattr(flow, "_source_as_long", False):
        warn(
            f"{type(flow).__name__} was fitted to as many rows of X_source as of X. "
            "Cross-validation takes an X_source as long as X for one value a row of X, and slices "
            "both alike: every fold sees a part of the source. Give "
            "X_source=skflow.model_selection.whole(X_source) to fit, which is never sliced (and "
            "never warned about)."
        )


def is_auto(value: Any) -> bool:
    """Whether a parameter was left to its rule."""
    return isinstance(value, str) and value == "auto"


def check_scale(value: Any, *, name: str) -> float:
    """Return a positive, finite number."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < np.inf:
        raise ValueError(f"{name} must be a positive, finite number, got {value!r}.")
    return float(value)


def check_count(value: Any, *, name: str, minimum: int = 1) -> int:
    """Return an integer of at least ``minimum``."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}.")
    return int(value)


def check_switch(value: Any, *, name: str) -> bool:
    """Return True or False, which NumPy's booleans and 0 and 1 are as well."""
    if not isinstance(value, bool | np.bool_ | Integral) or value not in (0, 1):
        raise ValueError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def lookup(registry: Mapping[str, T], key: Any, *, name: str) -> T:
    """Return ``registry[key]``, or say which keys there are."""
    if not isinstance(key, str) or key not in registry:
        known = ", ".join(repr(known) for known in registry)
        raise ValueError(f"{name}={key!r} is not known. Known: {known}.")
    return registry[key]


def from_registry(registry: Mapping[str, type[T]], spec: Any, base: type[T], *, name: str) -> T:
    """Return an object of class ``base`` given by its name in the registry, or as it is."""
    if isinstance(spec, base):
        return spec
    return lookup(registry, spec, name=name)()


def progress(steps: Iterable[T], *, total: int, verbose: Any, label: str) -> Iterable[T]:
    """Show a progress bar over the steps on a terminal (none in a pipe) if ``verbose``."""
    if not verbose:
        return steps
    try:
        from tqdm import tqdm
    except ImportError:
        raise ImportError(
            f"verbose={verbose!r} draws its progress bar with tqdm, which is not installed: "
            'pip install "scikit-sdflow[table]", or set verbose=0.'
        ) from None
    return tqdm(steps, total=total, desc=label, disable=None, leave=False)
