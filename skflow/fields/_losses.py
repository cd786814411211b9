r"""What a critic minimises, and how rows follow it.

.. math:: L(θ) = E_x \, b(h(x)) + E_y \, a(h(y)) + λ \, E_{\hat z} (‖∇_z h(\hat z)‖ - g)², \qquad
          \hat z = u x + (1 - u) y, \quad u ∼ U(0, 1)

for target rows x and moving rows y, the critic's output h and its input gradient ∇h. Rows move
along ``-∇c(h)``.

==================  ==================  ==================  ======================  ====  =========
loss                b(h)                a(h)                c(h)                    λ     source
==================  ==================  ==================  ======================  ====  =========
"log_ratio"         log(1 + exp(-h))    log(1 + exp(h))     -h                      0     Weber
"non_saturating"    log(1 + exp(-h))    log(1 + exp(h))     -log sigmoid(h)         0     Goodfellow
"least_squares"     (h - 1)² / 2        h² / 2              (h - 1)² / 2            0     Mao
"hinge"             max(0, 1 - h)       max(0, 1 + h)       -h                      0.05  Lim & Ye
"wasserstein"       -h                  h                   -h                      0.1   Arjovsky
==================  ==================  ==================  ======================  ====  =========

scikit-learn's perceptrons minimise the first three without a penalty. The rest is minimised here,
by their own optimizer: the gradient of the penalty in the weights is back-propagation through the
derivative of h along a direction v, ``∂/∂θ R(∇h) = ∂/∂θ (v · ∇h)`` for ``v = ∂R/∂(∇h)``.

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906.
Goodfellow, I. et al. (2014). Generative Adversarial Networks. arXiv:1406.2661.
Mao, X. et al. (2017). Least Squares Generative Adversarial Networks. arXiv:1611.04076.
Lim, J. H. and Ye, J. C. (2017). Geometric GAN. arXiv:1705.02894.
Arjovsky, M., Chintala, S. and Bottou, L. (2017). Wasserstein GAN. arXiv:1701.07875.
Gulrajani, I. et al. (2017). Improved Training of Wasserstein GANs. arXiv:1704.00028.
Franceschi, J.-Y. et al. (2023). Unifying GANs and Score-Based Diffusion as Generative Particle
Models. arXiv:2305.16150, eqs. 14-15 and tables 4 and 6.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skflow._utils import is_auto, lookup
from skflow.fields._input_gradient import ACTIVATIONS, perceptron_layers, pull_back

__all__ = ["LOSSES", "CriticLoss", "make_loss", "penalty_gradients", "train_perceptron"]

Function = Callable[[NDArray], NDArray]


def _ones(h: NDArray) -> NDArray:
    return np.ones_like(h)


def _minus_ones(h: NDArray) -> NDArray:
    return -np.ones_like(h)


def _minus_sigmoid(h: NDArray) -> NDArray:
    return -expit(-h)


def _sigmoid_of_minus(h: NDArray) -> NDArray:
    return expit(-h)


def _to_one(h: NDArray) -> NDArray:
    return h - 1


def _from_one(h: NDArray) -> NDArray:
    return 1 - h


def _itself(h: NDArray) -> NDArray:
    return h


def _below_one(h: NDArray) -> NDArray:
    return -(h < 1).astype(h.dtype)


def _above_minus_one(h: NDArray) -> NDArray:
    return (h > -1).astype(h.dtype)


# b', a', -c', λ, and whether scikit-learn's perceptrons minimise it
LOSSES: dict[str, tuple[Function, Function, Function, float, bool]] = {
    "log_ratio": (_minus_sigmoid, expit, _ones, 0.0, True),
    "non_saturating": (_minus_sigmoid, expit, _sigmoid_of_minus, 0.0, True),
    "least_squares": (_to_one, _itself, _from_one, 0.0, True),
    "hinge": (_below_one, _above_minus_one, _ones, 0.05, False),
    "wasserstein": (_minus_ones, _ones, _ones, 0.1, False),
}

# second derivative of an activation as a function of its value
BENDS: dict[str, Function] = {
    "identity": np.zeros_like,
    "relu": np.zeros_like,
    "logistic": lambda a: a * (1 - a) * (1 - 2 * a),
    "tanh": lambda a: -2 * a * (1 - a**2),
    "exp": _itself,
}


@dataclasses.dataclass(eq=False, repr=False)
class CriticLoss(BaseEstimator):
    r"""What a critic minimises, with a gradient penalty.

    .. math:: E_x \, b(h(x)) + E_y \, a(h(y)) + λ \, E_{\hat z} (‖∇_z h(\hat z)‖ - g)²

    A name stands for it wherever a loss is taken, and ``set_params(loss__penalty=…)`` turns the
    name into its object. The gradient is in units of what the critic sees: rows in standard
    deviations of the target, without the time.

    Parameters
    ----------
    name : str, default="log_ratio"
        a, b and c: "log_ratio", "non_saturating", "least_squares", "hinge" or "wasserstein".
    penalty : float or "auto", default="auto"
        λ. "auto" is 0.05 for "hinge", 0.1 for "wasserstein" and 0, none, for the others. A penalty
        other than 0, and these two losses, need a perceptron of scikit-learn as critic.
    center : float, default=0.0
        g, the length that the gradient should have. 1 is that of Gulrajani et al.: rows then move
        no slower where they have arrived, so 0 is better for flows.

    References
    ----------
    Gulrajani et al. (2017), arXiv:1704.00028; Franceschi et al. (2023), arXiv:2305.16150.

    Examples
    --------
    >>> from skflow import DiscriminatorFlowSampler
    >>> from skflow.fields import CriticLoss
    >>> flow = DiscriminatorFlowSampler(loss=CriticLoss("hinge", penalty=0.2))
    >>> DiscriminatorFlowSampler(loss="wasserstein").set_params(loss__center=1.0).loss
    CriticLoss(center=1.0, name='wasserstein')
    """

    name: str = "log_ratio"
    penalty: Any = "auto"
    center: float = 0.0

    def check(self) -> CriticLoss:
        """Return the loss, or say which parameter is out of its range."""
        lookup(LOSSES, self.name, name="loss")
        for name, value in (("penalty", self.strength), ("center", self.center)):
            if not isinstance(value, Real) or not 0 <= float(value) < np.inf:
                raise ValueError(
                    f"{name} of a loss must be a finite number of at least 0, got {value!r}."
                )
        return self

    @property
    def strength(self) -> Any:
        """The penalty's λ."""
        return LOSSES[self.name][3] if is_auto(self.penalty) else self.penalty

    @property
    def wants_perceptron(self) -> bool:
        """Whether a critic has to be trained here, because no estimator minimises the loss."""
        return self.strength > 0 or not LOSSES[self.name][4]

    def slope(self, h: NDArray) -> NDArray:
        """``-c'(h)``."""
        return LOSSES[self.name][2](h)


def make_loss(loss: Any) -> CriticLoss:
    """Return a loss given by its name or as an object.

    Parameters
    ----------
    loss : str or CriticLoss
        A name in ``LOSSES``, or a loss, which is returned as it is.

    Returns
    -------
    loss : CriticLoss
        The loss.

    Raises
    ------
    ValueError
        If the name is unknown, or the penalty or its center is negative or no number.
    """
    return (loss if isinstance(loss, CriticLoss) else CriticLoss(loss)).check()


def train_perceptron(
    mlp: MLPClassifier | MLPRegressor,
    X: NDArray,
    Y: NDArray,
    loss: CriticLoss,
    n_columns: int,
    rng: np.random.Generator,
) -> None:
    """Show a perceptron all rows once, in minibatches, and let its own optimizer take the steps.

    Parameters
    ----------
    mlp : MLPClassifier or MLPRegressor
        A perceptron that has learnt before, and so has weights and an optimizer.
    X, Y : ndarrays of shape (n_rows, n_inputs)
        Target rows, and as many moving rows.
    loss : CriticLoss
        What to minimise.
    n_columns : int
        Columns of the gradient that the penalty sees.
    rng : numpy.random.Generator
        Draws where between x and y the penalty is taken.
    """
    n = 200 if is_auto(mlp.batch_size) else mlp.batch_size  # as in scikit-learn, of both together
    for start in range(0, len(X), max(1, n // 2)):
        batch = slice(start, start + max(1, n // 2))
        x, y = X[batch], Y[batch]
        coefs, intercepts = loss_gradients(mlp, x, y, loss)
        if loss.strength > 0:
            u = rng.random((len(x), 1), dtype=x.dtype)
            more = penalty_gradients(mlp, u * x + (1 - u) * y, loss, n_columns)
            coefs = [a + b for a, b in zip(coefs, more[0], strict=True)]
            intercepts = [a + b for a, b in zip(intercepts, more[1], strict=True)]
        coefs = [g + mlp.alpha / n * W for g, W in zip(coefs, mlp.coefs_, strict=True)]
        mlp._optimizer.update_params(mlp.coefs_ + mlp.intercepts_, coefs + intercepts)


Gradients = tuple[list[NDArray], list[NDArray]]  # of coefs_ and of intercepts_


def loss_gradients(mlp: Any, x: NDArray, y: NDArray, loss: CriticLoss) -> Gradients:
    """Gradients of ``E b(h(x)) + E a(h(y))`` in the weights."""
    b, a, *_ = LOSSES[loss.name]
    layers = perceptron_layers(mlp, np.concatenate([x, y]))
    h = layers[-1][1]
    delta = np.concatenate([b(h[: len(x)]) / len(x), a(h[len(x) :]) / len(y)])
    coefs, intercepts = [], []
    for k in reversed(range(len(mlp.coefs_))):
        name, value = layers[k + 1]
        delta = delta * ACTIVATIONS[name][1](value)
        coefs.append(layers[k][1].T @ delta)
        intercepts.append(delta.sum(axis=0))
        if k:
            delta = delta @ mlp.coefs_[k].T
    return coefs[::-1], intercepts[::-1]


def penalty_gradients(mlp: Any, Z: NDArray, loss: CriticLoss, n_columns: int) -> Gradients:
    r"""Gradients of ``λ E (‖∇h‖ - g)²`` in the weights, ∇h being that in the first columns.

    With the tangents of the layers along v, ``s_k = t_{k-1} W_k`` and ``t_k = φ'(p_k) s_k`` from
    ``t_0 = v``, the last is ``v · ∇h``. It is differentiated from the output backwards.
    """
    V = pull_back(mlp, Z, np.ones((len(Z), 1), Z.dtype))
    V[:, n_columns:] = 0
    length = np.maximum(np.linalg.norm(V, axis=1, keepdims=True), np.finfo(V.dtype).tiny)
    V = (2 * loss.strength / len(Z) * (1 - loss.center / length) * V).astype(Z.dtype)
    layers, s, t = perceptron_layers(mlp, Z), [], [V]
    for (name, value), W in zip(layers[1:], mlp.coefs_, strict=True):
        s.append(t[-1] @ W)
        t.append(ACTIVATIONS[name][1](value) * s[-1])
    by_t, by_value = np.ones_like(t[-1]), np.zeros_like(t[-1])
    coefs, intercepts = [], []
    for k in reversed(range(len(s))):
        name, value = layers[k + 1]
        slope = ACTIVATIONS[name][1](value)
        by_p, by_s = BENDS[name](value) * s[k] * by_t + slope * by_value, slope * by_t
        coefs.append(t[k].T @ by_s + layers[k][1].T @ by_p)
        intercepts.append(by_p.sum(axis=0))
        by_t, by_value = by_s @ mlp.coefs_[k].T, by_p @ mlp.coefs_[k].T
    return coefs[::-1], intercepts[::-1]
