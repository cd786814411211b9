r"""The gradient of a critic's output in its input, by the chain rule from the output backwards.

.. math:: h = f_K ∘ … ∘ f_1, \qquad g_K = 1, \qquad
          g_{k-1} = g_k^\top \frac{∂f_k}{∂z}(z_{k-1}), \qquad ∇h(z) = g_0

z is a row, h the critic's output (a logit, or a regressor's prediction), f_k the steps of a
pipeline or the layers of a network, z_k = f_k(z_{k-1}) from z_0 = z. One function, `pull_back`,
knows the step g_k → g_{k-1} of every kind of estimator.

References
----------
Griewank, A., & Walther, A. (2008). Evaluating Derivatives: Principles and Techniques of Algorithmic
Differentiation (2nd ed., chapter 3). SIAM.
"""

from __future__ import annotations

from functools import singledispatch
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import SGDRegressor
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection._search import BaseSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, NuSVC, NuSVR
from sklearn.utils.validation import check_is_fitted

from skflow._utils import check_rows

__all__ = ["critic_output", "input_gradient", "pull_back"]

# name: the activation, and its derivative as a function of its value
ACTIVATIONS: dict[str, tuple[Any, Any]] = {
    "identity": (lambda x: x, lambda a: 1),
    "logistic": (expit, lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "relu": (lambda x: np.maximum(x, 0), lambda a: a > 0),
    "exp": (np.exp, lambda a: a),
}


def input_gradient(estimator: Any, Z: ArrayLike) -> tuple[NDArray, NDArray]:
    r"""Output of a critic and its gradient, at every row.

    .. math:: h_i = h(z_i), \qquad g_i = ∇h(z_i)

    Parameters
    ----------
    estimator : object
        A fitted classifier of two classes or regressor of one output that `pull_back` knows.
    Z : array-like of shape (n_rows, n_features)
        Rows.

    Returns
    -------
    h : ndarray of shape (n_rows,)
        The output, see `critic_output`. Like the gradient float32 if Z is, float64 otherwise.
    gradient : ndarray of shape (n_rows, n_features)
        The gradient, per unit of Z.

    Raises
    ------
    TypeError
        If the gradient of the estimator, or of a step of it, is not known.
    ValueError
        If the estimator has other than two classes, or more than one output.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> Z = np.random.default_rng(0).normal(size=(100, 2))
    >>> critic = make_pipeline(StandardScaler(), LogisticRegression()).fit(Z, Z[:, 0] > 0)
    >>> h, gradient = input_gradient(critic, Z)
    >>> bool(np.allclose(h, critic.decision_function(Z)))
    True
    >>> bool(np.allclose(gradient, critic[-1].coef_ / critic[0].scale_))
    True
    """
    Z = check_rows(Z, name="Z", n_features=getattr(estimator, "n_features_in_", None))
    classes = getattr(estimator, "classes_", None)
    if classes is not None and len(classes) != 2:
        raise ValueError(
            f"{estimator!r} tells {len(classes)} classes apart, but a critic tells two: fit it to "
            "labels of two values."
        )
    h = np.asarray(critic_output(estimator, Z))
    if h.size != len(Z):
        raise ValueError(
            f"{estimator!r} has an output of shape {h.shape} for {len(Z)} rows, but a critic has "
            "one number a row: fit it to one column."
        )
    gradient = np.asarray(pull_back(estimator, Z, np.ones((len(Z), 1), Z.dtype)))
    if gradient.shape != Z.shape:
        raise ValueError(
            f"pull_back of {estimator!r} gave shape {gradient.shape} for rows of shape {Z.shape}."
        )
    return h.reshape(-1).astype(Z.dtype, copy=False), gradient.astype(Z.dtype, copy=False)


@singledispatch
def pull_back(estimator: Any, Z: NDArray, G: NDArray) -> NDArray:
    r"""Row by row the product of a cotangent and the Jacobian of an estimator.

    .. math:: g_i = G_i^\top \frac{∂f}{∂z}(z_i)

    f is a transformer's ``transform``, a classifier's logit or a regressor's ``predict``, in the
    sense of `critic_output`. Known are scikit-learn's linear models, networks (also skorch's),
    support vector machines of kernel "rbf" or "linear", linear scalers, PCA, Nystroem of kernel
    "rbf", RBFSampler and PolynomialFeatures, pipelines of them and searches over them.
    ``pull_back.register`` teaches it others: see the example. Where f has a kink, it is one of
    the two one-sided derivatives.

    Parameters
    ----------
    estimator : object
        A fitted estimator; its class decides which formula is used.
    Z : ndarray of shape (n_rows, n_features)
        Rows.
    G : ndarray of shape (n_rows, n_outputs)
        The cotangent of every row; ``n_outputs`` is one unless the estimator is a transformer.

    Returns
    -------
    pulled : ndarray of shape (n_rows, n_features)
        The products.

    Raises
    ------
    TypeError
        If the Jacobian of the estimator, or of a step of it, is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator, TransformerMixin
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> class Squares(TransformerMixin, BaseEstimator):
    ...     def fit(self, X, y=None):
    ...         return self
    ...     def transform(self, X):
    ...         return X**2
    >>> @pull_back.register(Squares)
    ... def pull_back_squares(estimator, Z, G):
    ...     return 2 * Z * G
    >>> Z = np.array([[1.0], [2.0], [3.0]])
    >>> critic = make_pipeline(Squares(), LinearRegression()).fit(Z, 5 * Z[:, 0] ** 2)
    >>> pull_back(critic, Z, np.ones((3, 1))).round(6)
    array([[10.], [20.], [30.]])
    """
    if not _is_net(estimator):
        raise _refusal(estimator)
    rows, h = _net_output(estimator, Z)
    cotangent = h.new_tensor(G).reshape(-1)
    (pulled,) = import_module("torch").autograd.grad(h, rows, cotangent)
    return pulled.numpy()


@singledispatch
def critic_output(estimator: Any, Z: NDArray) -> NDArray:
    """Output of a critic: the function whose gradient is asked for.

    ``decision_function`` where there is one, the logit ``log p_1 - log p_0`` of an MLPClassifier
    (from its last layer: it does not saturate), a regressor's ``predict``; the last step's of a
    pipeline, the best estimator's of a search. Positive speaks for ``classes_[1]``. Of a skorch net
    it is the module's output if that is one column, and the difference of the two columns if it is
    two, of their logarithms where they are probabilities (NeuralNetClassifier with NLLLoss).
    ``critic_output.register`` teaches it others, as `pull_back`.

    Parameters
    ----------
    estimator : object
        A fitted classifier of two classes or regressor of one output.
    Z : ndarray of shape (n_rows, n_features)
        Rows.

    Returns
    -------
    h : ndarray of shape (n_rows,) or (n_rows, 1)
        The outputs.

    Raises
    ------
    TypeError
        If the estimator has only classes or probabilities to give.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import MLPClassifier
    >>> Z = np.random.default_rng(0).normal(size=(100, 2))
    >>> critic = MLPClassifier(5, solver="lbfgs", random_state=0).fit(Z, Z[:, 0] + Z[:, 1] > 0)
    >>> h = critic_output(critic, 1e3 * Z[:1])
    >>> critic.predict_proba(1e3 * Z[:1]), bool(abs(h) > 100)
    (array([[1., 0.]]), True)
    """
    if _is_net(estimator):
        return _net_output(estimator, Z)[1].detach().cpu().numpy()
    if hasattr(estimator, "decision_function"):
        return estimator.decision_function(Z)
    if hasattr(estimator, "predict") and not hasattr(estimator, "classes_"):
        return estimator.predict(Z)
    raise _refusal(estimator)


def _refusal(estimator: Any) -> TypeError:
    """Say what an estimator lacks, and what there is instead."""
    if pull_back.dispatch(type(estimator)) is not pull_back.dispatch(object):
        return TypeError(
            f"{estimator!r} has no output to follow: it needs a decision_function, a regressor's "
            "predict, or a function registered with skflow.fields.critic_output.register."
        )
    known = ", ".join(sorted(kind.__name__ for kind in pull_back.registry if kind is not object))
    return TypeError(
        f"{estimator!r} has no input gradient. Known are {known}, their subclasses and skorch's "
        "nets; register another class with skflow.fields.pull_back.register."
    )


# Compositions: the chain rule itself


def _walk(pipeline: Pipeline, Z: NDArray) -> list[tuple[Any, Any]]:
    """List the steps of a pipeline, each with its input."""
    pairs: list[tuple[Any, Any]] = []
    for _, step in pipeline.steps:
        if step is None or step == "passthrough":
            continue
        if pairs:
            before, rows = pairs[-1]
            if isinstance(before, ClassifierMixin):  # a logit is known of it, not its transform
                raise TypeError(
                    f"{before!r} has an input gradient as the last step of a pipeline only."
                )
            Z = before.transform(rows)
        pairs.append((step, Z))
    return pairs


@pull_back.register(Pipeline)
def _pull_back_pipeline(pipeline: Pipeline, Z: NDArray, G: NDArray) -> NDArray:
    for step, rows in reversed(_walk(pipeline, Z)):
        G = pull_back(step, np.asarray(rows), G)
    return G


@critic_output.register(Pipeline)
def _pipeline_output(pipeline: Pipeline, Z: NDArray) -> NDArray:
    step, rows = _walk(pipeline, Z)[-1]
    return critic_output(step, rows)


@pull_back.register(BaseSearchCV)
def _pull_back_search(search: BaseSearchCV, Z: NDArray, G: NDArray) -> NDArray:
    check_is_fitted(search, "best_estimator_")
    return pull_back(search.best_estimator_, Z, G)


@critic_output.register(BaseSearchCV)
def _search_output(search: BaseSearchCV, Z: NDArray) -> NDArray:
    check_is_fitted(search, "best_estimator_")
    return critic_output(search.best_estimator_, Z)


# Critics


@pull_back.register(LinearClassifierMixin)
@pull_back.register(LinearModel)
@pull_back.register(SGDRegressor)
def _pull_back_linear(model: Any, Z: NDArray, G: NDArray) -> NDArray:
    coef = model.coef_
    return G @ np.atleast_2d(coef.toarray() if hasattr(coef, "toarray") else coef)


@pull_back.register(SVC)
@pull_back.register(NuSVC)
@pull_back.register(SVR)
@pull_back.register(NuSVR)
def _pull_back_svm(svm: Any, Z: NDArray, G: NDArray) -> NDArray:
    if svm.kernel == "linear":
        return _pull_back_linear(svm, Z, G)
    _check_rbf(svm, "'rbf' and 'linear'")
    return _pull_back_rbf(svm.support_vectors_, G @ svm.dual_coef_, svm._gamma, Z)


def _pull_back_rbf(C: NDArray, W: NDArray, gamma: float, Z: NDArray) -> NDArray:
    """``Σ_j W_ij ∂k(z_i, c_j)/∂z_i`` of the kernel ``k(z, c) = exp(-γ |z - c|²)``."""
    center = C.mean(axis=0)  # the differences below would lose digits to a far origin
    Z, C = Z - center, C - center
    A = W * rbf_kernel(Z, C, gamma=gamma)  # (n_rows, n_centers)
    return 2 * gamma * (A @ C - A.sum(axis=1, keepdims=True) * Z)


def _check_rbf(estimator: Any, known: str) -> None:
    if estimator.kernel != "rbf":
        raise TypeError(
            f"{estimator!r} has no input gradient: of {type(estimator).__name__} it is known for "
            f"kernel {known} only."
        )


def perceptron_layers(mlp: Any, Z: NDArray) -> list[tuple[str, NDArray]]:
    """Values of the layers, input and output included, each with its activation's name."""
    check_is_fitted(mlp)
    out = "identity" if isinstance(mlp, MLPClassifier) else mlp.out_activation_
    names = [mlp.activation] * (len(mlp.coefs_) - 1) + [out]
    layers = [("identity", np.asarray(Z))]
    for W, b, name in zip(mlp.coefs_, mlp.intercepts_, names, strict=True):
        layers.append((name, ACTIVATIONS[name][0](layers[-1][1] @ W + b)))
    return layers


@pull_back.register(MLPClassifier)
@pull_back.register(MLPRegressor)
def _pull_back_mlp(mlp: Any, Z: NDArray, G: NDArray) -> NDArray:
    layers = perceptron_layers(mlp, Z)[1:]
    for (name, a), W in zip(reversed(layers), reversed(mlp.coefs_), strict=True):
        G = (G * ACTIVATIONS[name][1](a)) @ W.T
    return G


@critic_output.register(MLPClassifier)
def _mlp_output(mlp: MLPClassifier, Z: NDArray) -> NDArray:
    return perceptron_layers(mlp, Z)[-1][1]


# Transformers


@pull_back.register(StandardScaler)
@pull_back.register(RobustScaler)
def _pull_back_scaler(scaler: Any, Z: NDArray, G: NDArray) -> NDArray:
    return G if scaler.scale_ is None else G / scaler.scale_


@pull_back.register(MaxAbsScaler)
def _pull_back_max_abs(scaler: MaxAbsScaler, Z: NDArray, G: NDArray) -> NDArray:
    clip = getattr(scaler, "clip", False)  # which older scikit-learn does not have
    return G / scaler.scale_ * (np.abs(Z) <= scaler.scale_ if clip else 1)


@pull_back.register(MinMaxScaler)
def _pull_back_min_max(scaler: MinMaxScaler, Z: NDArray, G: NDArray) -> NDArray:
    low, high = scaler.feature_range
    T = Z * scaler.scale_ + scaler.min_
    return G * scaler.scale_ * ((low <= T) & (high >= T) if scaler.clip else 1)


@pull_back.register(PCA)
def _pull_back_pca(pca: PCA, Z: NDArray, G: NDArray) -> NDArray:
    if pca.whiten:
        deviation = np.sqrt(pca.explained_variance_)
        G = G / np.maximum(deviation, np.finfo(deviation.dtype).eps)  # as PCA's transform
    return G @ pca.components_


@pull_back.register(Nystroem)
def _pull_back_nystroem(nystroem: Nystroem, Z: NDArray, G: NDArray) -> NDArray:
    _check_rbf(nystroem, "'rbf'")
    gamma = nystroem.gamma
    if gamma is None:
        gamma = (nystroem.kernel_params or {}).get("gamma")
    if gamma is None:
        gamma = 1 / Z.shape[1]
    return _pull_back_rbf(nystroem.components_, G @ nystroem.normalization_, gamma, Z)


@pull_back.register(RBFSampler)
def _pull_back_rbf_sampler(sampler: RBFSampler, Z: NDArray, G: NDArray) -> NDArray:
    W = sampler.random_weights_  # (n_features, n_components)
    slope = -np.sin(Z @ W + sampler.random_offset_) * np.sqrt(2 / W.shape[1])
    return (G * slope) @ W.T


@pull_back.register(PolynomialFeatures)
def _pull_back_polynomial(polynomial: PolynomialFeatures, Z: NDArray, G: NDArray) -> NDArray:
    pulled = np.empty(Z.shape, np.result_type(Z, G))
    for j, power in enumerate(polynomial.powers_.T):  # (n_outputs,)
        k = power > 0
        lowered = polynomial.powers_[k]
        lowered[:, j] -= 1
        monomials = np.prod(Z[:, None, :] ** lowered, axis=2)  # (n_rows, n_outputs with z_j)
        pulled[:, j] = ((G[:, k] * power[k]) * monomials).sum(axis=1)
    return pulled


# Nets of skorch, which is not imported: they are known by what they have


def _is_net(estimator: Any) -> bool:
    return hasattr(estimator, "module_") and hasattr(estimator, "infer")


def _net_output(net: Any, Z: NDArray) -> tuple[Any, Any]:
    """Rows and outputs of a net as tensors that autograd connects."""
    torch = import_module("torch")
    dtype = next((p.dtype for p in net.module_.parameters()), None)
    rows = torch.tensor(np.asarray(Z), dtype=dtype, requires_grad=True)
    net.module_.eval()  # as in predict: no dropout, and no row depends on another
    out = net.infer(rows)
    out = out[0] if isinstance(out, tuple) else out
    if out.ndim == 2 and out.shape[1] == 2 and isinstance(net, ClassifierMixin):
        if isinstance(net.criterion_, torch.nn.NLLLoss):  # probabilities: skorch's loss takes logs
            out = torch.log(out + torch.finfo(out.dtype).eps)
        out = out[:, 1] - out[:, 0]
    return rows, out if out.ndim == 1 else out.squeeze(1)
