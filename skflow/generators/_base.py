r"""The loop that trains a generator, written once.

.. math:: y = g_θ(ξ), \qquad y' = y + η_k \, v(z; p, q, σ_k), \quad z = y + σ_k ε, \qquad
          θ ← θ - \frac{λ_k}{2} ∇_θ \|g_θ(ξ) - y'\|²

The rows are those a generator returns, and the step that moves free particles moves them. Then the
generator learns, like any regressor, to return the moved rows. An epoch goes once down the noise
schedule: wide bandwidths see how much mass every mode has, narrow ones what it looks like.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
algorithm 2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from skflow._draws import make_generator, order_within_blocks
from skflow._utils import (
    check_count,
    check_rows,
    is_auto,
    lookup,
    refuse_source_as_y,
    unfitted_on_failure,
    unwrap_source,
    warn_if_sliced,
)
from skflow.alignment import ALIGNMENTS
from skflow.fields._training import limit_batch_size, make_regressor
from skflow.flow import compute_threads
from skflow.flow._callbacks import FitTask, ends_callbacks
from skflow.flow._far import warn_if_far
from skflow.generators._priors import draw_spread, make_prior
from skflow.generators._regressors import Frame, Learner, default_perceptron
from skflow.generators._training import ALIGNED_ROWS, SCORED_ROWS, GeneratorTraining
from skflow.metrics import energy_distance

__all__ = ["BaseGenerator"]

COMPARED_ROWS = 2000  # of a source, with rows that are mapped later


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class BaseGenerator(GeneratorTraining):
    """Base class of all generators: parameters in, one loop, a regressor out.

    Parameters
    ----------
    generator : regressor, default=None
        Any regressor. One with ``partial_fit`` is updated with every batch, others are fitted anew
        to the last ``window`` batches; one that does a single output is wrapped in
        `sklearn.multioutput.MultiOutputRegressor`. None is an ``MLPRegressor`` with four hidden
        layers of 128, updated in minibatches of 128 rows at a rate of 2e-3.
    latent_dim : int, default=None
        Width of the prior; None is the target's, or that of ``X_source`` or of an array.
    prior : {"normal", "uniform"}, array-like or callable, default="normal"
        What ξ is drawn from: the standard normal distribution, the uniform one on [-1, 1], rows of
        an array, or ``prior(n, rng)``, an array of n rows. ``X_source`` takes its place.
    n_steps : int, default=100
        Steps of an epoch, which goes once down the schedule.
    n_epochs : int or "auto", default="auto"
        Number of epochs. "auto" is 10 for a regressor that is updated, 1 for one that is fitted
        anew.
    learning_rate : float, array of shape (n_epochs * n_steps,) or "auto", default="auto"
        λ, the learning rate of the regressor, in the regressor's own sense. "auto" lets that of an
        ``MLPRegressor`` fall to a twentieth along a cosine, and leaves others as they are.
    align : {"affine", None}, default="affine"
        "affine": the regressor sees standardised inputs, and learns how far rows are from the
        affine map of the prior's Gaussian onto the target's (from the target's mean, if the widths
        differ), in units of the target's scale. None: it sees ξ and returns the rows themselves.
    batch_size : int, default=1024
        Rows of the prior, and of the target, that a step uses, drawn afresh each step.
    window : int, default=4
        Last batches that a regressor without ``partial_fit`` is fitted to.
    match_marginals : bool, default=True
        Whether a generator of a prior ends with a monotone map of every column, which gives it the
        target's quantiles: values that rows share, rounding and bounds come back. It has none if in
        no column target rows share values, or the generator's marginal differs from theirs by more
        than chance explains. A map from ``X_source`` has none either.
    early_stopping : bool, default=False
        Whether to set target rows aside, score the generator on them after every epoch, stop when
        ``n_iter_no_change`` epochs have brought no better score, and keep the best state.
    validation_fraction : float, default=0.1
        Share of the target rows that is set aside.
    n_iter_no_change : int, default=3
        Epochs without a better score before training stops.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last ``fit`` ended.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.
    verbose : int, default=0
        1 shows a progress bar on a terminal.
    random_state : int, RandomState instance or None, default=None
        Seed of prior, noise, batches, samples, and of what is trained unless it has its own.

    Examples
    --------
    A generator is its field, and the settings that suit it; "auto" are those that the field names:

    >>> import dataclasses
    >>> import numpy as np
    >>> from skflow.fields import LaplaceMeanShift
    >>> from skflow.generators import BaseGenerator
    >>> @dataclasses.dataclass(eq=False, repr=False, kw_only=True)
    ... class LaplaceGenerator(BaseGenerator):
    ...     schedule, n_noise, step_size, first_step_norm = "auto", "auto", "auto", None
    ...     field = LaplaceMeanShift()
    >>> target = np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> generator = LaplaceGenerator(n_epochs=1, n_steps=20, batch_size=256, random_state=0)
    >>> samples = generator.fit(target).sample(1000)
    >>> np.abs(samples.mean(axis=0) - target.mean(axis=0)).max() < 0.5
    np.True_
    """

    generator: Any = dataclasses.field(default=None, kw_only=False)
    latent_dim: int | None = None
    prior: Any = "normal"
    n_steps: int = 100
    n_epochs: Any = "auto"
    learning_rate: Any = "auto"
    align: Any = "affine"
    batch_size: int = 1024
    window: int = 4
    match_marginals: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 3
    warm_start: bool = False
    n_jobs: int | None = None
    verbose: int = 0
    random_state: Any = None

    # ------------------------------------------------------------------------------------ fit
    @ends_callbacks
    def fit(
        self,
        X: ArrayLike,
        y: None = None,
        *,
        X_source: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> BaseGenerator:
        """Train the generator until what it returns is distributed like the target.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Target rows.
        y : None
            Ignored.
        X_source : array-like of shape (n_source_rows, latent_dim), default=None
            Source rows; in a cross-validation ``skflow.model_selection.whole(X_source)``. If given,
            they are the prior, and ``transform`` is a map from source to target. They may have
            other columns than the target. scikit-learn's callbacks (``set_callbacks``, from
            scikit-learn 1.9) see every epoch, and may end the training after it.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the target rows; a row of weight two counts as two rows.

        Returns
        -------
        self : BaseGenerator
            The fitted generator.

        Raises
        ------
        TypeError
            If ``generator`` is no regressor.
        ValueError
            If X is empty or not finite, or a parameter is out of its range, or training diverges;
            the message names what to change. After a divergence the generator is as it was before.
            After an interrupt it is as at the end of the last epoch.
        """
        refuse_source_as_y(X, y)
        X_source, is_whole = unwrap_source(X_source)
        self._n_source = np.shape(X_source)[0] if np.ndim(X_source) == 2 else None
        self._check_parameters()
        before = self.__dict__.get("_learner") if self.warm_start else None
        center = self.__dict__.get("center_")
        task = FitTask(self, X, y, sample_weight, n_steps=self._n_epochs())
        with unfitted_on_failure(self), compute_threads(self.n_jobs):
            n_rows = self._fit_target(X, sample_weight, X_source)
            self._source_as_long = not is_whole and np.shape(X_source)[:1] == (n_rows,)
            self.has_source_ = X_source is not None
            prior = self.prior
            if self.has_source_:
                prior = check_rows(X_source, name="X_source", n_features=self.latent_dim)
            self._prior, self.latent_dim_ = make_prior(prior, self.latent_dim, self.n_features_in_)
            # a training that goes on draws other batches than the one before
            self._n_trainings = 1 if before is None else self._n_trainings + 1
            rng = np.random.default_rng([*self._seed, self._n_trainings])
            if before is None or center is None:
                self._learner = self._make_learner(rng)
            else:
                self._learner = self._resume(before, center)
        with compute_threads(self.n_jobs):
            self._train(task, rng)
        task.end()
        return self

    def _check_parameters(self) -> None:
        self._check_step_parameters()
        if self._auto().noise_is_fixed:
            raise ValueError(
                f"field={self.field!r} is for samplers: a generator averages over its noise, and "
                "its rows would shrink together. Choose source='kernel' or 'learned'."
            )
        check_count(self.batch_size, name="batch_size")
        check_count(self.window, name="window")
        check_count(self.n_iter_no_change, name="n_iter_no_change")
        if not is_auto(self.n_epochs):
            check_count(self.n_epochs, name="n_epochs")
        fraction = self.validation_fraction
        if not isinstance(fraction, Real) or not 0 < fraction < 1:
            raise ValueError(
                f"validation_fraction must be a number between 0 and 1, got {fraction!r}."
            )

    def _make_learner(self, rng: np.random.Generator) -> Learner:
        """A fresh regressor, and the coordinates it works in."""
        xi = self._prior(ALIGNED_ROWS if self._n_source is None else self._n_source, rng)
        frame = self._make_frame(xi.astype(np.float64))
        seed = int(rng.integers(2**31))
        inputs = frame.inputs(xi[:100])
        probe = np.random.default_rng(seed).standard_normal((len(inputs), self.n_features_in_))
        generator = self._make_generator(self.generator)
        regressor = make_regressor(generator, inputs, probe, seed=seed, name="generator")
        limit_batch_size(regressor, self._n_drawn())
        learner = Learner(regressor, frame, self.window)
        learner.initialize(xi, self.n_features_in_)
        return learner

    def _named_parts(self) -> dict[str, Callable[[Any], Any]]:
        return {**super()._named_parts(), "generator": self._make_generator}

    def _make_generator(self, spec: Any) -> Any:
        return default_perceptron() if spec is None else spec

    def _make_frame(self, xi: NDArray) -> Frame:
        (latent_dim, d), X = (xi.shape[1], self.n_features_in_), self._target
        if self._fitted_defaults.align is None:  # the generator returns rows, nothing else
            zeros, ones = np.zeros(latent_dim), np.ones(latent_dim)
            return Frame(zeros, ones, np.zeros((latent_dim, d)), -self.center_, 1.0)
        spread = xi.std(axis=0)
        width = np.where(spread > 0, spread, 1.0)
        scale = float(np.sqrt(self._weight @ np.sum(X.astype(np.float64) ** 2, axis=1) / d)) or 1.0
        center, matrix, offset = xi.mean(axis=0), np.zeros((latent_dim, d)), np.zeros(d)
        if latent_dim == d:
            align = lookup(ALIGNMENTS, self._fitted_defaults.align, name="align")
            center, matrix, offset = align(xi, X, self._weight)
        return Frame(center, width, matrix, offset, scale)

    def _resume(self, before: Learner, center: NDArray) -> Learner:
        """The learner of an earlier fit, for the target of this one."""
        if before.frame.matrix.shape != (self.latent_dim_, self.n_features_in_):
            raise ValueError(
                f"warm_start=True goes on with a generator from {before.frame.matrix.shape[0]} to "
                f"{before.frame.matrix.shape[1]} columns, but now {self.latent_dim_} and "
                f"{self.n_features_in_} are asked for: set warm_start=False."
            )
        before.move_offset(center - self.center_)
        return before

    # ------------------------------------------------------------------------------- transform
    def fit_transform(
        self,
        X: ArrayLike,
        y: None = None,
        *,
        X_source: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> NDArray:
        """Fit, and return X as it is if there is a source, else ``transform(X)``.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Target rows.
        y : None
            Ignored.
        X_source : array-like of shape (n_source_rows, latent_dim), default=None
            Source rows, see ``fit``.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weights of the target rows.

        Returns
        -------
        X : ndarray of shape (n_rows, n_features)
            With ``X_source`` a copy of X: the target is where it should be. Without it the rows are
            taken for rows of the prior.
        """
        self.fit(X, y, X_source=X_source, sample_weight=sample_weight)
        return self.transform(X) if X_source is None else np.array(check_rows(X, name="X"))

    def transform(self, X: ArrayLike) -> NDArray:
        """Map rows in a single pass, each by itself.

        Parameters
        ----------
        X : array-like of shape (n_rows, latent_dim)
            Source rows if ``X_source`` was given to ``fit``; rows of the prior otherwise.

        Returns
        -------
        mapped : ndarray of shape (n_rows, n_features)
            Row i is row i of X, mapped. float32 stays float32; everything else is float64.

        Raises
        ------
        ValueError
            If X has another width than the prior.

        Warns
        -----
        UserWarning
            If more than half of the rows start far from every row of ``X_source``.
        """
        check_is_fitted(self)
        if self.latent_dim_ == self.n_features_in_:
            X = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False)
        else:
            X = check_rows(X, name="X", n_features=self.latent_dim_)
        if self._n_source is not None:
            warn_if_far(X, self._prior(min(self._n_source, COMPARED_ROWS), self._rng()))
        return self._generate(X, X.dtype).astype(X.dtype)

    def _generate(self, xi: NDArray, dtype: Any = np.float32) -> NDArray:
        with compute_threads(self.n_jobs):
            Y = self._learner.outputs(xi, dtype) + self.center_
        for y, match in zip(Y.T, self._maps, strict=False):  # no maps where none are needed
            y[:] = match(y)
        return Y

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Names of the columns that ``transform`` returns: the target's.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Ignored, unless the target had no names and as many columns.

        Returns
        -------
        names : ndarray of shape (n_features,)
            The target's column names; "x0", "x1", … if it had none.
        """
        check_is_fitted(self)
        if hasattr(self, "feature_names_in_"):
            return self.feature_names_in_
        if input_features is not None and len(input_features) == self.n_features_in_:
            return np.asarray(input_features, dtype=object)
        return np.asarray([f"x{j}" for j in range(self.n_features_in_)], dtype=object)

    # ---------------------------------------------------------------------------------- sample
    def sample(self, n_samples: int = 1, random_state: Any = None) -> NDArray:
        """Draw new rows: rows of the prior, mapped in a single pass.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; None is the seed of the estimator.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features)
            New rows. Those of a prior that has a name are mapped from a scrambled and shuffled
            Sobol sequence, so together they stand for the distribution better than independent rows
            would; draws of other seeds are independent of them. With ``X_source`` at ``fit`` they
            are mapped source rows, none twice before all have been drawn.
        """
        check_is_fitted(self)
        n_samples = check_count(n_samples, name="n_samples")
        rng = self._rng() if random_state is None else make_generator(random_state)
        with compute_threads(self.n_jobs):  # BLAS may round otherwise on several threads
            xi = draw_spread(self._prior, self._learner.frame.axes, n_samples, rng)
        return self._generate(xi[order_within_blocks(len(xi), rng)]).astype(self._target.dtype)

    def score(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Minus the energy distance between target rows and samples: higher is better.

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
            Minus the energy distance between X and 1000 samples, or the mapped source rows if
            there are fewer; at most 0.

        Warns
        -----
        UserWarning
            If ``X_source`` at ``fit`` was as long as X: a cross-validation may have sliced it.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        warn_if_sliced(self)
        Y = self.sample(min(SCORED_ROWS, self._n_source or SCORED_ROWS))
        return -energy_distance(X, Y, weight_X=sample_weight, n_jobs=self.n_jobs)
