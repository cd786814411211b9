r"""The loop that moves free particles, written once.

.. math:: y ← y + η_k \, v(z; p, q_k, σ_k), \qquad z = y + σ_k ε, \quad k = 1 … n

A sampler names a field and its defaults. It may override the one step and the fitting of its
field, never the loop.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
algorithm 1.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OneToOneFeatureMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from skflow._draws import call_for_rows, draw_evenly, draw_rows, make_generator, order_within_blocks
from skflow._utils import (
    check_count,
    check_memory,
    check_rows,
    is_auto,
    lookup,
    means_and_deviations,
    positive_weights,
    refuse_source_as_y,
    unfitted_on_failure,
    unwrap_source,
    warn,
    warn_if_sliced,
)
from skflow.alignment import (
    gaussian_base,
    uniform_base,
)
from skflow.class_shares import drifted_class_shares
from skflow.fields._score_difference import log_ratio
from skflow.flow import compute_threads
from skflow.flow._atoms import gather, radii_of
from skflow.flow._callbacks import FitTask, ends_callbacks
from skflow.flow._far import warn_if_far
from skflow.flow._given import draw_given, given_values, warn_outside
from skflow.flow._marginals import match_marginals
from skflow.flow._particles import REFERENCE_RANGE, ParticleFlow
from skflow.metrics import energy_distance

__all__ = ["BaseSampler"]

ROW_COPIES = 12  # of the moving rows that are in memory at a time, at least
FEW_ROWS = 10  # a population of fewer rows than this hardly has a shape

BASES = {"gaussian": gaussian_base, "uniform": uniform_base}


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class BaseSampler(OneToOneFeatureMixin, ParticleFlow):
    """Base class of all samplers: parameters in, one loop, rows out.

    Parameters
    ----------
    n_steps : int, default=50
        Number of steps.
    batch_size : int, None or "auto", default="auto"
        Rows of either population that a step's means are estimated from, drawn afresh each step
        (all rows move). None is all rows. "auto" is all rows of tables up to 2000 rows; longer ones
        move in groups of at most 2000 rows, each a population of its own onto 2000 rows of the
        target, the same at all steps. Named bandwidths are computed from as many target rows,
        because a group resolves no finer ones.
    base : {"gaussian", "uniform"}, array-like or callable, default="gaussian"
        Where samples start: the Gaussian with the target's moments, the uniform distribution on
        its bounding box, rows of an array, or ``base(n, rng)``, an array of n rows.
    match_marginals : bool, default=True
        Whether ``sample`` gives every column, rank by rank, the target's quantiles, interpolated:
        this restores shared values, rounding, bounds and tails, which no bandwidth resolves.
        ``transform`` does so in columns that have such values, or that moved rows are farther from
        than fresh rows, if there are 30 rows or more. False returns rows as the flow moved them.
    n_reference : int or "auto", default="auto"
        Fewest rows that ``sample`` moves together, and most rows of ``X_source`` whose paths are
        kept. "auto" is 2000 for a source, and twice the target's rows, between 500 and 2000, for
        samples.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.
    verbose : int, default=0
        1 shows a progress bar on a terminal.
    random_state : int, RandomState instance or None, default=None
        Seed of noise, batches, training and samples.
    condition_on : list of int or str, default=None
        Columns that stay as they are, bit for bit, by number or name. The others end in the
        target's distribution *given* these, though the columns themselves are distributed otherwise
        in source and target: batches are corrected and age is kept. Target rows are weighted by the
        ratio of the columns' densities, so the source's values have to occur in the target too.
        Their units do not matter. ``sample`` keeps only the columns that are ``given``.

    Examples
    --------
    A sampler is its field, and the settings that suit it; "auto" are those that the field names:

    >>> import dataclasses
    >>> import numpy as np
    >>> from skflow.fields import LaplaceMeanShift
    >>> from skflow.samplers import BaseSampler
    >>> @dataclasses.dataclass(eq=False, repr=False, kw_only=True)
    ... class LaplaceSampler(BaseSampler):
    ...     schedule, align, n_noise, noise_level = "auto", "auto", "auto", "auto"
    ...     step_size, first_step_norm, field = "auto", None, LaplaceMeanShift()
    >>> target = np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> samples = LaplaceSampler(random_state=0).fit(target).sample(200)
    >>> np.abs(samples.mean(axis=0) - target.mean(axis=0)).max() < 0.2
    np.True_
    """

    # the source's labels belong to the fit like the source itself
    __metadata_request__fit = {"X_source": True, "y_source": True}  # noqa: RUF012

    n_steps: int = 50
    batch_size: Any = "auto"
    base: Any = "gaussian"
    match_marginals: bool = True
    n_reference: Any = "auto"
    n_jobs: int | None = None
    verbose: int = 0
    random_state: Any = None
    condition_on: Any = None

    # ------------------------------------------------------------------------------------ fit
    @ends_callbacks
    def fit(
        self,
        X: ArrayLike,
        y: None = None,
        *,
        X_source: ArrayLike | None = None,
        y_source: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> BaseSampler:
        """Learn the target, and the way of a source onto it if one is given.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Target rows: what rows will be distributed like.
        y : None
            Ignored.
        X_source : array-like of shape (n_source_rows, n_features), default=None
            Source rows; in a cross-validation ``skflow.model_selection.whole(X_source)``, which no
            fold slices. If given, at most ``n_reference`` of them are moved now, and their paths
            are kept (about ``n_steps · (n_reference · (n_features + 3) + n_rows)`` numbers):
            ``transform`` then moves every row on its own through the frozen flow. scikit-learn's
            callbacks (``set_callbacks``, from scikit-learn 1.9) see every step, and may end the
            flow after it.
        y_source : array-like of shape (n_source_rows,), default=None
            Classes of the source rows. If given, the target's class shares are estimated without
            labels (`skflow.class_shares.drifted_class_shares`), and the source rows are weighted so
            that theirs agree: a class that has become rare stays itself, instead of making room for
            another. ``class_shares_`` and ``source_weight_`` are what was found; a classifier that
            is trained on moved rows should get these weights.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the target rows; a row of weight two counts as two rows.

        Returns
        -------
        self : BaseSampler
            The fitted sampler.

        Raises
        ------
        ValueError
            If X is empty or not finite, or a parameter is out of its range; the message names it.

        Warns
        -----
        UserWarning
            If the reference rows of ``X_source`` ended far from the target, see ``transform``.
        """
        self._check_parameters()
        refuse_source_as_y(X, y)
        X_source, is_whole = unwrap_source(X_source)
        n_steps = 0 if X_source is None else self.n_steps
        task = FitTask(self, X, y, sample_weight, n_steps=n_steps)
        self._recording = None
        with unfitted_on_failure(self):
            n_rows = self._fit_target(X, sample_weight, X_source)
            self._source_as_long = not is_whole and np.shape(X_source)[:1] == (n_rows,)
            self._weigh_source(X_source, y_source)
            if X_source is not None:
                self._end_at(self._record(X_source, task))
        task.end()
        return self

    def _weigh_source(self, X_source: ArrayLike | None, y_source: ArrayLike | None) -> None:
        """Find the weights that give the source the class shares of the target."""
        self.classes_, self.class_shares_, self.source_weight_ = None, None, None
        if y_source is None:
            return
        if X_source is None:
            raise ValueError("y_source was given without X_source: give the rows that it labels.")
        rows = check_rows(X_source, name="X_source", n_features=self.n_features_in_)
        found = drifted_class_shares(rows, y_source, self.target_, self._weight)
        self.classes_, self.class_shares_, self.source_weight_ = found

    @property
    def source_(self) -> NDArray | None:
        """The reference rows of ``X_source``, up to rounding; None if none was given."""
        check_is_fitted(self)
        recording = self._recording
        return None if recording is None else self._restore(recording.start, self._target.dtype)

    def _check_parameters(self) -> None:
        self._check_step_parameters()
        if not is_auto(self.n_reference):
            check_count(self.n_reference, name="n_reference")
        if self.batch_size is not None and not is_auto(self.batch_size):
            check_count(self.batch_size, name="batch_size")
        if isinstance(self.base, str) or self.base is None:
            lookup(BASES, self.base, name="base")

    # ------------------------------------------------------------------------------- transform
    def fit_transform(
        self,
        X: ArrayLike,
        y: None = None,
        *,
        X_source: ArrayLike | None = None,
        y_source: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> NDArray:
        """Fit, and return X as it is: the target is where it should be.

        Flows in which the target does not rest (along a score alone, or a critic's slope) move X
        like any other rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Target rows.
        y : None
            Ignored.
        X_source : array-like of shape (n_source_rows, n_features), default=None
            Source rows, see ``fit``.
        y_source : array-like of shape (n_source_rows,), default=None
            Their classes, see ``fit``.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the target rows.

        Returns
        -------
        X : ndarray of shape (n_rows, n_features)
            A copy of X, or X moved.
        """
        self.fit(X, y, X_source=X_source, y_source=y_source, sample_weight=sample_weight)
        return np.array(check_rows(X, name="X")) if self.field_.fixes_target else self.transform(X)

    def transform(self, X: ArrayLike, *, sample_weight: ArrayLike | None = None) -> NDArray:
        """Move source rows onto the target.

        Without ``X_source`` at ``fit`` the rows are moved as one population, so that a row's result
        depends on the others. With it every row is moved on its own through the frozen flow of the
        reference rows, whatever it comes with: among them it takes the place, and borrows the
        noise, of the one nearest to it at the start. Distinct reference rows arrive where the flow
        brought them.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Source rows.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the rows as a population: a row of weight two counts as two
            rows, one of weight zero is moved, but counts for no other. Through a frozen flow every
            row goes its own way whatever it weighs.

        Returns
        -------
        moved : ndarray of shape (n_rows, n_features)
            Row i is row i of X, moved. float32 stays float32; everything else is float64.

        Warns
        -----
        UserWarning
            If there are too few rows to be a population, or if the population ended far from the
            target: its energy distance, in standard deviations of the columns, is more than five
            times that of fresh rows. Through a frozen flow, if more than half of the rows start far
            from every row of ``X_source``.
        """
        Y, X = self._source(X)
        weight = positive_weights(sample_weight, X)
        with compute_threads(self.n_jobs):  # once for the whole flow
            steps, place, view = self._flow(Y, self._rng(), weight)
            moved = deque(self._shown(steps), maxlen=1).pop()[place]
        moved = self._end(self._restore(moved, X.dtype), view, weight)
        if self._is_population():
            self._warn_if_not_arrived(moved, weight)
        return self._kept_as_in(X, moved)

    def _kept_as_in(self, X: NDArray, moved: NDArray) -> NDArray:
        """Rows with the very values that they had in columns that stay."""
        moved[:, self._view.kept] = X[:, self._view.kept]
        return moved

    def staged_transform(self, X: ArrayLike) -> Iterator[NDArray]:
        """Move source rows, and yield a copy of them after every step.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Source rows.

        Yields
        ------
        moved : ndarray of shape (n_rows, n_features)
            The rows after step 1, 2, …, n_steps; the last equals ``transform(X)``.
        """
        Y, X = self._source(X)
        steps, place, view = self._flow(Y, self._rng())
        for k, moved in enumerate(steps):
            rows = self._restore(moved[place], X.dtype)
            rows = self._end(rows, view) if k == len(self.sigmas_) - 1 else rows
            yield self._kept_as_in(X, rows)

    def _is_population(self) -> bool:
        """Whether a row's way depends on the rows it is moved with."""
        sees_others = self.field_.sees_source or self._fitted_defaults.align is not None
        return self._recording is None and sees_others

    def _source(self, X: ArrayLike) -> tuple[NDArray, NDArray]:
        """Centred rows, and the rows as they came."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False)
        if self._is_population() and len(X) < min(FEW_ROWS, len(self._target)):
            warn(
                f"transform moves rows as one population, and X has only {len(X)} row(s): each "
                "would be taken for a large share of it. Transform more rows together, or give "
                "X_source to fit: then every row is moved on its own."
            )
        check_memory(
            ROW_COPIES * X.nbytes,
            f"moving {len(X)} rows of {X.shape[1]} columns",
            "move fewer rows at a time; with X_source at fit, of which n_reference rows make the "
            "flow, each then goes its own way",
        )
        dtype = X.dtype if self._recording is None else self._recording.start.dtype
        Y = (X - self.center_).astype(dtype)
        self._warn_if_far(Y)
        return Y, X

    def _warn_if_far(self, Y: NDArray) -> None:
        """Warn of rows that start where no reference row did."""
        if self._recording is not None:
            warn_if_far(Y, self._recording.start)

    # ---------------------------------------------------------------------------------- sample
    def sample(self, n_samples: int = 1, random_state: Any = None, *, given: Any = None) -> NDArray:
        """Draw new rows: rows of the base distribution, moved onto the target.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; None is the seed of the estimator.
        given : dict or DataFrame, default=None
            By number or name of a column a value, or n_samples of them, that the new rows have
            there. The other columns are drawn from the target's distribution given these, by a
            conditional flow of residuals of a regression (`skflow.flow`), which is fitted for the
            purpose and ignores ``X_source`` and a ``base`` of one's own.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features)
            New rows. At least ``n_reference`` are moved together, given the target's marginal
            distributions (``match_marginals``), and the first n returned, shuffled. With
            ``X_source`` at ``fit`` they are moved reference rows instead, as ``transform`` moves
            them, none twice before all have been drawn.

        Raises
        ------
        ValueError
            If ``given`` names an unknown column, or has another number of values than n_samples.

        Warns
        -----
        UserWarning
            If a given value lies outside of the target's range, or if the rows that are moved
            together ended far from the target, see ``transform``.
        """
        check_is_fitted(self)
        n_samples = check_count(n_samples, name="n_samples")
        rng = self._rng() if random_state is None else make_generator(random_state)
        if given is not None:
            return self._sample_given(n_samples, rng, given)
        n = n_samples if self._recording is not None else max(n_samples, self._population())
        with compute_threads(self.n_jobs):
            steps, place, view = self._flow(self._draw_base(n, rng), rng, is_source=False)
            Y = deque(self._shown(steps), maxlen=1).pop()[place]
        Y = self._restore(Y, self._target.dtype)
        if self._recording is not None:
            return self._end(Y, view)
        Y = self._matched(Y) if self.match_marginals else Y
        self._warn_if_not_arrived(Y)
        return Y[order_within_blocks(len(Y), rng)[:n_samples]]

    def _sample_given(self, n: int, rng: np.random.Generator, given: Any) -> NDArray:
        """Draw rows that have given values in some columns."""
        names = getattr(self, "feature_names_in_", None)
        kept, values = given_values(given, n, self.n_features_in_, names)
        X, weight = self.target_, self._weight
        drawn = np.delete(np.arange(X.shape[1]), kept)
        for j, x, value in zip(kept, X[:, kept].T, values.T, strict=True):
            warn_outside(int(j) if names is None else names[j], value, x.min(), x.max())
        C = X[:, kept].astype(np.float64)
        scale = means_and_deviations(C, weight)[1]
        scale[scale == 0] = 1.0
        base = (
            lookup(BASES, self.base, name="base") if isinstance(self.base, str) else gaussian_base
        )
        samples = np.empty((n, X.shape[1]), X.dtype)
        samples[:, kept] = values
        samples[:, drawn] = draw_given(
            clone(self).set_params(verbose=0),
            X[:, drawn].astype(np.float64),
            C / scale,
            weight,
            values / scale,
            rng,
            base=base,
            least=self._population(),
        )
        for j in drawn:
            if self.match_marginals and self._marginals[j].has_ties:
                samples[:, j] = self._marginals[j].nearest(samples[:, j])
        return samples

    def _matched(self, Y: NDArray) -> NDArray:
        """Samples with the target's joint atoms and marginal distributions."""
        Y = gather(Y, self._atoms, radii_of(self._atoms, Y))
        return match_marginals(Y, self._marginals)

    def _population(self) -> int:
        """Fewest rows that are moved together to make samples."""
        if is_auto(self.n_reference):
            return int(np.clip(2 * len(self._target), *REFERENCE_RANGE))
        return self.n_reference

    def _draw_base(self, n: int, rng: np.random.Generator) -> NDArray:
        """Centred rows of the base distribution, or of the reference source if there is one."""
        if self._recording is not None:
            recording = self._recording
            if recording.weight is None:
                return draw_rows(recording.start, n, rng)
            return recording.start[draw_evenly(np.cumsum(recording.weight), n, rng)]
        if isinstance(self.base, str):
            draw = lookup(BASES, self.base, name="base")
            return draw(n, self._target, self._weight, rng).astype(self._target.dtype)
        if callable(self.base):
            rows = call_for_rows(self.base, n, rng, name="base", n_features=self.n_features_in_)
        else:
            rows = check_rows(self.base, name="base", n_features=self.n_features_in_)
            rows = draw_rows(rows, n, rng)
        return (rows - self.center_).astype(self._target.dtype)

    # --------------------------------------------------------------------------------- density
    def log_density_ratio(self, X: ArrayLike, bandwidth: Any = "silverman") -> NDArray:
        r"""Log of the target's density over the source's at source rows, both blurred.

        .. math:: \log \frac{p(x; σ)}{q(x; σ)}, \qquad
                  σ² ∇ \log \frac{p(x; σ)}{q(x; σ)} = D_p(x; σ) - D_q(x; σ)

        The score difference is its slope. Its exponential is what a source row should weigh to
        stand for the target, as far as the two kernel densities are to be trusted: in few columns.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Source rows. They are the source q themselves, each left out of its own density, unless
            ``X_source`` was given to ``fit``: then its reference rows are.
        bandwidth : float or str, default="silverman"
            σ: a number in the units of the data or the name of a bandwidth of the target.

        Returns
        -------
        log_ratio : ndarray of shape (n_rows,)
            Natural logarithm of the ratio, float64.

        Warns
        -----
        UserWarning
            If there are too few rows to be a population, and no ``X_source`` was given to ``fit``.
        """
        check_is_fitted(self)
        Y = self._source(X)[0].astype(np.float64)
        source = Y if self._recording is None else self._recording.start
        with compute_threads(self.n_jobs):
            return log_ratio(
                Y, self._target, source, bandwidth, weight=self._weight, leave_out=source is Y
            )

    # ----------------------------------------------------------------------------------- score
    def score(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Minus the energy distance between target rows and moved ones: higher is better.

        It is small for a flow that copies its target, too: `skflow.model_selection` has scores
        that a grid search may trust.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Target rows, best held out from ``fit``.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the rows of X; a row of weight two counts as two rows.

        Returns
        -------
        score : float
            Minus the energy distance between X and the moved reference source, or samples if no
            X_source was given to ``fit``; at most 0.

        Warns
        -----
        UserWarning
            If ``X_source`` at ``fit`` was as long as X: a cross-validation may have sliced it.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        warn_if_sliced(self)
        n = self._population() if self._recording is None else len(self._recording.start)
        return -energy_distance(X, self.sample(n), weight_X=sample_weight, n_jobs=self.n_jobs)
