"""Fitted estimators are stored and loaded: the same bits, and a word if the version is another."""

import copy
import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor

import skflow
from skflow.fields import LearnedDenoiser

SMALL = MLPRegressor(hidden_layer_sizes=(8,))
ESTIMATORS = {
    "sd": skflow.SDFlowSampler(n_steps=5),
    "mmd": skflow.MMDFlowSampler(n_steps=5),
    "svgd": skflow.SVGDSampler(n_steps=5),
    "langevin": skflow.LangevinSampler(n_steps=5),
    "diffusion": skflow.DiffusionSampler(n_steps=5),
    "discriminator": skflow.DiscriminatorFlowSampler(
        MLPClassifier(hidden_layer_sizes=(8,), batch_size=50), n_rounds=3, n_steps=5
    ),
    "sd-generator": skflow.SDFlowGenerator(Ridge(), n_steps=3, n_epochs=1),
    "gan": skflow.GANGenerator(SMALL, n_steps=3, n_epochs=1),
    "score-gan": skflow.ScoreGANGenerator(
        SMALL, denoiser=LearnedDenoiser(SMALL, n_updates=3), n_updates=1, n_steps=3, n_epochs=1
    ),
    "table": skflow.TableTransport(),
    "over-sampler": skflow.SDFlowOverSampler(),
}
pytestmark = pytest.mark.filterwarnings("ignore:the rows ended far from the target:UserWarning")
rng = np.random.default_rng(0)
TARGET, SOURCE = rng.normal(3, 1, (60, 2)), rng.normal(0, 2, (50, 2))


def fitted(name):
    estimator = clone(ESTIMATORS[name]).set_params(random_state=0)
    if name == "over-sampler":
        return estimator.fit(TARGET, np.arange(60) < 20)
    if name == "table":
        frame = pd.DataFrame(TARGET, columns=["a", "b"]).assign(
            c=np.where(TARGET[:, 0] > 3, "x", "y")
        )
        return estimator.fit(frame)
    return estimator.fit(TARGET)


def result(name, estimator):
    if name == "over-sampler":
        return estimator.fit_resample(TARGET, np.arange(60) < 20)[0]
    return np.asarray(estimator.sample(30), object if name == "table" else None)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_loaded_estimator_gives_the_same_bits(name, tmp_path):
    estimator = fitted(name)
    expected = result(name, estimator)
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    copies = pickle.loads(pickle.dumps(estimator)), joblib.load(tmp_path / "estimator.joblib")
    for again in (*copies, copy.deepcopy(estimator)):
        np.testing.assert_array_equal(result(name, again), expected)
        assert vars(again).keys() == vars(estimator).keys()  # the mark is no attribute


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_of_another_version_says_so(name, monkeypatch):
    estimator = fitted(name)
    with monkeypatch.context() as patch:
        patch.setattr(skflow._utils, "__version__", "9.9.9")
        stored = pickle.dumps(estimator)
    message = (
        f"this {type(estimator).__name__} was stored by skflow 9.9.9, and skflow "
        f"{skflow.__version__} .* fit it again"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.warns(UserWarning, match=message):
            again = pickle.loads(stored)
    np.testing.assert_array_equal(result(name, again), result(name, estimator))


def test_an_estimator_without_a_mark_is_older():
    state = fitted("sd").__getstate__()
    assert state.pop("_skflow_version") == skflow.__version__
    with pytest.warns(UserWarning, match="SDFlowSampler was stored by an unmarked version"):
        skflow.SDFlowSampler().__setstate__(state)


def test_another_process_gives_the_same_bits(tmp_path):
    flow = fitted("sd")
    joblib.dump((flow, SOURCE), tmp_path / "flow.joblib")
    code = (
        "import joblib, sys; flow, S = joblib.load(sys.argv[1]);"
        "print(joblib.hash(flow.transform(S)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "flow.joblib"], capture_output=True, text=True
    )
    assert done.stdout.split() == [joblib.hash(flow.transform(SOURCE))], done.stderr


def test_every_estimator_is_stored():
    tried = {type(estimator).__name__ for estimator in ESTIMATORS.values()}
    assert tried | {"__version__"} == set(skflow.__all__)
