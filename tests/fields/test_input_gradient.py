"""Gradients of critics in their input: finite differences of what the estimators make public."""

import warnings
from functools import cache

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier, SGDRegressor
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, NuSVC, NuSVR
from sklearn.utils import all_estimators

from skflow.fields._input_gradient import critic_output, input_gradient, pull_back

SCALE = np.array([0.5, 1.0, 2.0, 4.0])  # of the columns


def table(seed=0):
    """Two overlapping Gaussians in four dimensions, off the origin and of unlike scales."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], 100)
    return (rng.normal(size=(200, 4)) + 0.7 * y[:, None]) * SCALE + [3, -2, 5, 1], y


def queries(n=20):
    """Rows among and outside those of the table."""
    return np.random.default_rng(1).normal(size=(n, 4)) * 1.7 * SCALE + [3, -2, 5, 1]


def has(cls, **params):
    """The parameters, or none where an older scikit-learn does not know them."""
    return params if set(params) <= set(cls().get_params()) else {}


def linear_models():
    """Every linear model of scikit-learn that takes one output and is to stay there."""
    kinds = [kind for _, kind in all_estimators(["classifier", "regressor"])]
    return {
        kind.__name__: kind(**has(kind, alpha=1e-3))  # a default of 1 leaves some without slope
        for kind in kinds
        if issubclass(kind, LinearClassifierMixin | LinearModel | SGDRegressor)
        and not kind.__name__.startswith(("MultiTask", "PassiveAggressive"))
    }


def mlp(kind, activation="tanh", layers=(7, 5), **params):
    return make_pipeline(
        StandardScaler(),
        kind(
            hidden_layer_sizes=layers,
            activation=activation,
            alpha=0.1,
            max_iter=60,
            random_state=0,
            **params,
        ),
    )


ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
CRITICS = {
    **linear_models(),
    **{f"MLPClassifier-{name}": mlp(MLPClassifier, name) for name in ACTIVATIONS},
    **{f"MLPRegressor-{name}": mlp(MLPRegressor, name) for name in ACTIVATIONS},
    "MLPClassifier-one": mlp(MLPClassifier, layers=(6,)),
    "MLPRegressor-poisson": mlp(MLPRegressor, **has(MLPRegressor, loss="poisson")),
    **{f"{kind.__name__}-rbf": kind() for kind in (SVC, NuSVC, SVR, NuSVR)},
    **{f"{kind.__name__}-linear": kind(kernel="linear") for kind in (SVC, NuSVC, SVR, NuSVR)},
    "SVC-gamma": SVC(gamma=0.03, C=10),
    "scaled": make_pipeline(RobustScaler(), "passthrough", SVC()),
    "long": make_pipeline(
        MinMaxScaler(), PolynomialFeatures(2), PCA(6, whiten=True), mlp(MLPClassifier)
    ),
    "features": make_pipeline(
        StandardScaler(), Nystroem(n_components=30, random_state=0), LogisticRegression()
    ),
    "search": GridSearchCV(
        make_pipeline(StandardScaler(), SVC()), {"svc__C": [0.1, 1]}, cv=2, n_jobs=1
    ),
    "searched-step": make_pipeline(
        MaxAbsScaler(), GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)
    ),
}
TRANSFORMERS = {
    "StandardScaler": StandardScaler(),
    "StandardScaler-shift": StandardScaler(with_std=False),
    "RobustScaler": RobustScaler(),
    "RobustScaler-shift": RobustScaler(with_scaling=False),
    "MinMaxScaler": MinMaxScaler((-2, 3)),
    "MinMaxScaler-clip": MinMaxScaler((-2, 3), clip=True),
    "MaxAbsScaler": MaxAbsScaler(),
    "MaxAbsScaler-clip": MaxAbsScaler(**has(MaxAbsScaler, clip=True)),
    "PCA": PCA(3),
    "PCA-whiten": PCA(3, whiten=True),
    "Nystroem": Nystroem(n_components=20, random_state=0),
    "Nystroem-gamma": Nystroem(gamma=0.05, n_components=20, random_state=0),
    "Nystroem-params": Nystroem(kernel_params={"gamma": 0.05}, n_components=20, random_state=0),
    "RBFSampler": RBFSampler(gamma=0.1, n_components=30, random_state=0),
    "RBFSampler-scale": RBFSampler(gamma="scale", n_components=30, random_state=0),
    "PolynomialFeatures": PolynomialFeatures(3),
    "PolynomialFeatures-interactions": PolynomialFeatures(
        3, interaction_only=True, include_bias=False
    ),
    "pipeline": make_pipeline(
        StandardScaler(), PolynomialFeatures(2), "passthrough", PCA(5, whiten=True)
    ),
}


@cache
def fitted(name):
    estimator = clone((CRITICS | TRANSFORMERS)[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence and deprecation: no concern of these tests
        return estimator.fit(*table())


def public_output(critic):
    """The critic's output by what it makes public."""
    if hasattr(critic, "decision_function"):
        return critic.decision_function
    if hasattr(critic, "predict_proba"):
        return lambda Z: np.diff(np.log(critic.predict_proba(Z)), axis=1)[:, 0]
    return lambda Z: critic.predict(Z)


def central_differences(f, Z, step):
    """Gradient of f, with f(Z) of shape (n_rows,), in the units of the columns' scale.

    So that each column counts alike. The error is of the order of step² from the third derivative
    and 1e-16 |f| / step from rounding, a factor 1e3 and more below the 1e-6 that is asked for. A
    kink within a step of a row would show: there is one with a probability of some 1e-3 (20 rows,
    12 units), and the seeds are fixed.
    """
    D = np.empty_like(Z)
    for j in range(Z.shape[1]):
        shift = np.zeros(Z.shape[1])
        shift[j] = step * SCALE[j]
        D[:, j] = (f(Z + shift) - f(Z - shift)) / (2 * step)
    return D


def assert_is_gradient(gradient, f, Z, step=1e-6):
    expected = central_differences(f, Z, step)
    np.testing.assert_allclose(gradient * SCALE, expected, rtol=0, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("name", CRITICS)
def test_gradients_of_critics_are_finite_differences_of_their_output(name):
    critic, Z = fitted(name), queries()
    f = public_output(critic)
    h, gradient = input_gradient(critic, Z)
    assert h.shape == (20,)
    np.testing.assert_allclose(h, f(Z), rtol=1e-9, atol=1e-9 * abs(h).max())
    assert abs(gradient).max() > 1e-4  # a constant would pass the rest
    # libsvm's sums lose up to eight digits; a linear function has no error that grows with the step
    assert_is_gradient(gradient, f, Z, step=1.0 if "-linear" in name else 1e-6)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_cotangents_of_transformers_are_finite_differences_of_their_transform(name):
    transformer, Z = fitted(name), queries()
    G = np.random.default_rng(2).normal(size=transformer.transform(Z).shape)

    def f(Z):
        return (transformer.transform(Z) * G).sum(axis=1)

    assert_is_gradient(pull_back(transformer, Z, G), f, Z)


def test_the_queries_are_clipped_somewhere_and_have_no_gradient_there():
    Z = queries()
    X, _ = table()
    outside = (X.min(axis=0) > Z) | (X.max(axis=0) < Z)
    assert outside.any()
    pulled = pull_back(fitted("MinMaxScaler-clip"), Z, np.ones_like(Z))
    np.testing.assert_array_equal(pulled == 0, outside)


@pytest.mark.parametrize("name", [*CRITICS])
def test_float32_stays_float32(name):
    critic, Z = fitted(name), queries()
    h, gradient = input_gradient(critic, Z)
    h32, gradient32 = input_gradient(critic, Z.astype(np.float32))
    assert h.dtype == gradient.dtype == np.float64
    assert h32.dtype == gradient32.dtype == np.float32
    # float32's 6e-8 in Z, some standard deviations off the origin, times what the steps make of it
    np.testing.assert_allclose(h32, h, rtol=0, atol=1e-4 * abs(h).max())
    np.testing.assert_allclose(gradient32, gradient, rtol=0, atol=1e-4 * abs(gradient).max())


def test_the_chain_rule_is_the_one_of_the_steps():
    pipeline, Z = fitted("scaled"), queries()
    h, gradient = input_gradient(pipeline[-1], pipeline[0].transform(Z))
    h_pipeline, gradient_pipeline = input_gradient(pipeline, Z)
    np.testing.assert_array_equal(h_pipeline, h)
    np.testing.assert_array_equal(gradient_pipeline, gradient / pipeline[0].scale_)


def test_rows_do_not_depend_on_each_other():
    critic, Z = fitted("long"), queries()
    h, gradient = input_gradient(critic, Z)
    h_some, gradient_some = input_gradient(critic, Z[5:8])
    np.testing.assert_allclose(h_some, h[5:8], rtol=1e-12)
    np.testing.assert_allclose(gradient_some, gradient[5:8], rtol=1e-10)


def test_the_second_class_is_the_positive_one():
    X, y = table()
    for critic in (LogisticRegression(), SVC(), mlp(MLPClassifier, max_fun=50, solver="lbfgs")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            critic = clone(critic).fit(X, np.where(y == 1, "a", "b"))  # classes_[1] is y == 0
        h, _ = input_gradient(critic, X)
        assert h[y == 0].mean() > 0 > h[y == 1].mean()


def test_the_logit_of_a_network_does_not_saturate():
    critic = fitted("MLPClassifier-relu")
    Z = 1e6 * (queries() - [3, -2, 5, 1])
    P = critic.predict_proba(Z)
    assert (P.max(axis=1) == 1).sum() > 10  # of 20; some rows see no unit
    h, gradient = input_gradient(critic, Z)
    np.testing.assert_array_equal(h > 0, P[:, 1] > 0.5)
    # far out a relu network is affine along a ray
    h_twice, gradient_twice = input_gradient(critic, 2 * Z)
    np.testing.assert_allclose(h_twice - h, (gradient * Z).sum(axis=1), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(gradient_twice, gradient, rtol=1e-9, atol=1e-12)


def test_a_far_origin_costs_a_kernel_no_digits():
    X, y = table()
    X, Z, far = np.round(X * 1024) / 1024, np.round(queries() * 1024) / 1024, 2.0**20  # exact sums
    critic, G = SVC(gamma=0.1).fit(X, y), np.ones((20, 1))
    expected = pull_back(critic, Z, G)
    critic.support_vectors_ = critic.support_vectors_ + far
    pulled = pull_back(critic, Z + far, G)
    np.testing.assert_allclose(pulled, expected, rtol=0, atol=1e-12 * abs(expected).max())


def test_sparse_coefficients_are_coefficients():
    X, y = table()
    for name in ("SGDClassifier", "SGDRegressor"):
        model = clone(CRITICS[name]).fit(X, y)
        expected = pull_back(model, X, np.ones((200, 1)))
        np.testing.assert_array_equal(pull_back(model.sparsify(), X, np.ones((200, 1))), expected)


def test_columns_of_frames_keep_their_names_inside_a_pipeline():
    pytest.importorskip("pandas")
    X, y = table()
    critic = make_pipeline(StandardScaler(), PCA(3), SVC()).set_output(transform="pandas")
    critic.fit(X, y)
    h, gradient = input_gradient(critic, queries())  # a warning would be an error
    np.testing.assert_allclose(h, critic.decision_function(queries()), rtol=1e-12)
    assert_is_gradient(gradient, critic.decision_function, queries())


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(5, random_state=0),
        GradientBoostingClassifier(n_estimators=2),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    ],
)
def test_what_has_no_gradient_is_refused_by_name(estimator):
    estimator = clone(estimator).fit(*table())
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    with pytest.raises(TypeError, match=rf"^{type(last).__name__}\(.*has no input grad.*") as error:
        input_gradient(estimator, queries())
    for known in ("MLPClassifier", "SVC", "LinearModel", "Pipeline", "pull_back.register"):
        assert known in str(error.value)


@pytest.mark.parametrize(
    ("estimator", "match"),
    [
        (
            SVC(kernel="poly"),
            r"SVC\(kernel='poly'\) has no input gradient.*'rbf' and 'linear' only",
        ),
        (
            make_pipeline(Nystroem(kernel="sigmoid", n_components=9), RidgeClassifier()),
            "Nystroem.*'rbf' only",
        ),
        (make_pipeline(FunctionTransformer(np.tanh), SVC()), "FunctionTransformer.*no input grad"),
        (
            make_pipeline(LinearDiscriminantAnalysis(), LogisticRegression()),
            "LinearDiscriminantAnalysis.*last step",
        ),
    ],
)
def test_what_is_partly_known_is_refused_where_it_is_not(estimator, match):
    with pytest.raises(TypeError, match=match):
        input_gradient(clone(estimator).fit(*table()), queries())


@pytest.mark.parametrize(
    "critic", [LogisticRegression(), make_pipeline(StandardScaler(), SVC())], ids=["plain", "steps"]
)
def test_three_classes_are_refused(critic):
    X, y = table()
    critic = clone(critic).fit(X, y + (X[:, 0] > 4))
    with pytest.raises(ValueError, match=r"^(LogisticRegression|Pipeline)[\s\S]*3 classes.*labels"):
        input_gradient(critic, X)


@pytest.mark.parametrize("model", [LinearRegression(), MLPRegressor(max_iter=500, tol=1)])
def test_two_outputs_are_refused(model):
    X, _ = table()
    with pytest.raises(ValueError, match=r"output of shape \(200, 2\)"):
        input_gradient(clone(model).fit(X, X[:, :2]), X)


def test_two_labels_at_once_are_refused():
    X, y = table()
    with pytest.raises(ValueError, match=r"output of shape \(200, 2\)"):
        input_gradient(RidgeClassifier().fit(X, np.column_stack([y, 1 - y])), X)


@pytest.mark.parametrize("critic", [LogisticRegression(), MLPClassifier(), SVR()])
def test_unfitted_critics_and_other_columns_are_refused(critic):
    with pytest.raises(NotFittedError):
        input_gradient(critic, queries())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        critic = clone(critic).fit(*table())
    with pytest.raises(ValueError, match="3 features, but 4"):
        input_gradient(critic, queries()[:, :3])


def test_users_teach_their_own_estimators():
    class Wave(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return np.sin(X)

    class Bump:
        """No estimator of scikit-learn's at all."""

        def predict(self, Z):
            return np.exp(-(Z**2).sum(axis=1) / 200)

    X, y = table()
    critic = make_pipeline(StandardScaler(), Wave(), LogisticRegression()).fit(X, y)
    for estimator in (critic, Bump()):
        with pytest.raises(TypeError, match="no input gradient"):
            input_gradient(estimator, queries())

    pull_back.register(Wave, lambda estimator, Z, G: G * np.cos(Z))
    pull_back.register(Bump, lambda estimator, Z, G: -G * estimator.predict(Z)[:, None] * Z / 100)
    for estimator in (critic, Bump()):
        h, gradient = input_gradient(estimator, queries())
        f = public_output(estimator)
        np.testing.assert_allclose(h, f(queries()), rtol=1e-12)
        assert_is_gradient(gradient, f, queries())
    with pytest.raises(TypeError, match=r"Known are .*Bump"):
        input_gradient(RandomForestClassifier(2).fit(X, y), X)


def test_users_gradients_are_checked_and_outputs_asked_for():
    class Voter:
        classes_ = np.array([0, 1])

        def predict_proba(self, Z):
            return np.column_stack([1 - Z[:, 0], Z[:, 0]])

    pull_back.register(Voter, lambda estimator, Z, G: np.ones(4))
    with pytest.raises(TypeError, match=r"no output to follow.*critic_output\.register"):
        input_gradient(Voter(), queries())
    critic_output.register(Voter, lambda estimator, Z: Z[:, 0])
    with pytest.raises(
        ValueError, match=r"pull_back of .*shape \(4,\) for rows of shape \(20, 4\)"
    ):
        input_gradient(Voter(), queries())


# skorch's nets; their modules are float64 here, for the differences' sake


def net(kind, n_outputs, last=None, criterion=None):
    torch = pytest.importorskip("torch")
    kind = getattr(pytest.importorskip("skorch"), kind)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    nn = torch.nn
    layers = [nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5)]
    layers += [nn.Linear(8, n_outputs)] + ([] if last is None else [getattr(nn, last)(dim=1)])
    params = {"lr": 0.1, "max_epochs": 3, "train_split": None, "verbose": 0}
    if criterion is not None:
        params["criterion"] = getattr(nn, criterion)
    X, y = table()
    if kind.__name__ != "NeuralNetClassifier":
        y = y.astype(float)
    if "Classifier" not in kind.__name__:
        y = y[:, None]
    return kind(nn.Sequential(*layers).double(), **params).fit(X, y)


def log_odds(net, Z):
    return np.diff(np.log(net.predict_proba(Z)))[:, 0]


def column(net, Z):
    return net.forward(Z).numpy()[:, 0]


NETS = {
    "regressor": (("NeuralNetRegressor", 1), column),
    "plain": (("NeuralNet", 1, None, "MSELoss"), column),
    "binary": (("NeuralNetBinaryClassifier", 1), log_odds),
    "probabilities": (("NeuralNetClassifier", 2, "Softmax"), log_odds),
    "logits": (("NeuralNetClassifier", 2, None, "CrossEntropyLoss"), log_odds),
}


@pytest.mark.parametrize("name", NETS)
def test_nets_are_critics(name):
    params, output = NETS[name]
    critic = net(*params)

    def f(Z):
        return output(critic, Z)

    h, gradient = input_gradient(critic, queries())
    np.testing.assert_allclose(h, f(queries()), rtol=0, atol=1e-12)
    assert_is_gradient(gradient, f, queries())
    again = input_gradient(critic, queries())  # no dropout
    np.testing.assert_array_equal(again[1], gradient)


def test_nets_are_steps_of_pipelines_and_take_rows_of_any_precision():
    critic = net("NeuralNetBinaryClassifier", 1)
    pipeline = Pipeline([("scale", fitted("StandardScaler")), ("net", critic)])
    _, gradient = input_gradient(pipeline, queries())

    def f(Z):
        return log_odds(critic, pipeline[0].transform(Z))

    assert_is_gradient(gradient, f, queries())
    critic.module_.float()
    for dtype in (np.float32, np.float64):
        h, single = input_gradient(pipeline, queries().astype(dtype))
        assert h.dtype == single.dtype == dtype
        np.testing.assert_allclose(single, gradient, rtol=0, atol=1e-5 * abs(gradient).max())


def test_nets_of_three_classes_or_outputs_are_refused():
    torch = pytest.importorskip("torch")
    skorch = pytest.importorskip("skorch")
    X, y = table()
    settings = {"train_split": None, "verbose": 0, "max_epochs": 1}
    for kind, target in ((skorch.NeuralNetClassifier, y + (X[:, 0] > 4)), (skorch.NeuralNet, X)):
        criterion = torch.nn.CrossEntropyLoss if "Classifier" in kind.__name__ else torch.nn.MSELoss
        module = torch.nn.Linear(4, 3 if "Classifier" in kind.__name__ else 4).double()
        critic = kind(module, criterion=criterion, **settings).fit(X, target)
        with pytest.raises(ValueError, match=r"3 classes|shape \(200, 4\)"):
            input_gradient(critic, X)


def test_a_layer_of_torch_agrees_with_scikit_learns_networks():
    torch = pytest.importorskip("torch")
    scaler, critic = fitted("MLPClassifier-tanh")
    Z = torch.tensor(scaler.transform(queries()), requires_grad=True)
    a = Z
    for i, (W, b) in enumerate(zip(critic.coefs_, critic.intercepts_, strict=True)):
        a = (a if i == 0 else torch.tanh(a)) @ torch.tensor(W) + torch.tensor(b)
    a.sum().backward()
    h, gradient = input_gradient(critic, Z.detach().numpy())
    np.testing.assert_allclose(h, a.detach().numpy()[:, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(gradient, Z.grad.numpy(), rtol=0, atol=1e-12)
