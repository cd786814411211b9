r"""A linear generator, trained by plain gradient steps.

.. math:: g(ξ) = B ξ + μ, \qquad
          B ← B - λ Σ_i (g(ξ_i) - y_i) ξ_i^⊤, \quad μ ← μ - λ Σ_i (g(ξ_i) - y_i)

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
algorithm 2 and appendix D.4.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skflow._draws import make_generator
from skflow._utils import check_scale, is_checked

__all__ = ["LinearGenerator"]


@dataclasses.dataclass(eq=False, repr=False)
class LinearGenerator(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Linear regression that is updated by plain gradient steps.

    ``partial_fit`` takes one step of size λ down half the squared error, summed over the rows:

    .. math:: θ ← θ - \frac{λ}{2} ∇_θ Σ_i \|B ξ_i + μ - y_i\|^2

    ``fit`` goes to the minimum at once, by least squares.

    Parameters
    ----------
    learning_rate : float, default=1e-3
        Step size λ, on the sum over the rows. Steps converge for λ below two over the largest
        eigenvalue of Σ ξ ξ^⊤, about 2 / n_rows for inputs of unit variance.
    init_scale : float, default=0.1
        Standard deviation of the entries of B before the first step; μ starts at zero.
    random_state : int, RandomState instance or None, default=None
        Seed of B before the first step.

    Attributes
    ----------
    coef_ : ndarray of shape (n_outputs, n_features)
        B.
    intercept_ : ndarray of shape (n_outputs,)
        μ.
    n_features_in_ : int
        Number of inputs.

    References
    ----------
    Weber (2023), arXiv:2304.12906, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.generators import LinearGenerator
    >>> xi = np.random.default_rng(0).normal(size=(1000, 1))
    >>> g = LinearGenerator(learning_rate=1e-3, random_state=0)
    >>> for _ in range(20):
    ...     g = g.partial_fit(xi, np.hstack([2 * xi + 1, -xi]))
    >>> g.coef_.round(3).tolist(), (g.intercept_ + 0).round(3).tolist()
    ([[2.0], [-1.0]], [1.0, 0.0])
    """

    learning_rate: float = 1e-3
    init_scale: float = 0.1
    random_state: Any = None

    def fit(self, X: ArrayLike, y: ArrayLike) -> LinearGenerator:
        """Fit by least squares.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Inputs ξ.
        y : array-like of shape (n_rows, n_outputs) or (n_rows,)
            Outputs.

        Returns
        -------
        self : LinearGenerator
            The fitted regressor.
        """
        X, y = self._validate(X, y, reset=True)
        self._flat = y.ndim == 1
        y = y.reshape(len(X), -1)
        mean_X, mean_y = X.mean(axis=0), y.mean(axis=0)
        self.coef_ = np.linalg.lstsq(X - mean_X, y - mean_y, rcond=None)[0].T
        self.intercept_ = mean_y - self.coef_ @ mean_X
        return self

    def initialize_coef(self, X: ArrayLike, y: ArrayLike) -> LinearGenerator:
        """Draw the coefficients from which the first step starts.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Inputs, of which the number of columns counts.
        y : array-like of shape (n_rows, n_outputs) or (n_rows,)
            Outputs, likewise.

        Returns
        -------
        self : LinearGenerator
            The regressor.
        """
        X, y = self._validate(X, y, reset=True)
        self._flat = y.ndim == 1
        shape = (1 if self._flat else y.shape[1], X.shape[1])
        scale = check_scale(self.init_scale, name="init_scale")
        self.coef_ = scale * make_generator(self.random_state).standard_normal(shape)
        self.intercept_ = np.zeros(shape[0])
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> LinearGenerator:
        """Take one gradient step.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Inputs ξ.
        y : array-like of shape (n_rows, n_outputs) or (n_rows,)
            Outputs.

        Returns
        -------
        self : LinearGenerator
            The regressor after the step.

        Raises
        ------
        ValueError
            If ``learning_rate`` or ``init_scale`` is not a positive, finite number.
        """
        rate = check_scale(self.learning_rate, name="learning_rate")
        if not hasattr(self, "coef_"):
            self.initialize_coef(X, y)
        X, y = self._validate(X, y, reset=False)
        error = self._outputs(X) - y.reshape(len(X), -1)
        self.coef_ = self.coef_ - rate * error.T @ X
        self.intercept_ = self.intercept_ - rate * error.sum(axis=0)
        return self

    def predict(self, X: ArrayLike) -> NDArray:
        """Return ``B ξ + μ``.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Inputs ξ.

        Returns
        -------
        y : ndarray of shape (n_rows, n_outputs) or (n_rows,)
            Outputs.
        """
        check_is_fitted(self)
        if not self._is_as_before(X):
            X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        outputs = self._outputs(X)
        return outputs[:, 0] if self._flat else outputs

    def _outputs(self, X: NDArray) -> NDArray:
        return X @ self.coef_.T + self.intercept_

    def _is_as_before(self, X: ArrayLike) -> TypeGuard[NDArray]:
        """Whether X needs no check: in a short step scikit-learn's takes longer than the step."""
        has_names = hasattr(self, "feature_names_in_")
        return is_checked(X) and not has_names and X.shape[1] == self.n_features_in_

    def _validate(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[NDArray, NDArray]:
        if not reset and self._is_as_before(X) and is_checked(y) and len(y) == len(X):
            return X, y
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], multi_output=True, reset=reset
        )
        return X, y.astype(np.float64, copy=False)
