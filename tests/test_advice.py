"""When not to move: sentences, what they rest on, and the choice between moving and staying."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skflow import SDFlowSampler, TableTransport
from skflow.advice import find_alike, say_alike, say_apart
from skflow.metrics import outlying_share
from skflow.model_selection import CircularValidation
from skflow.model_selection._circular import _simplest

ALIKE = "source and target do not differ"
SHARES = "class shares seem to differ: give y_source to fit, or train on the source as it is"


def quick(**params):
    return SDFlowSampler(n_steps=15, random_state=0, **params)


def classes(rng, n, share=0.5):
    """Two classes of normal rows, five standard deviations apart."""
    y = (np.arange(n) < share * n).astype(int)
    return rng.normal(size=(n, 2)) + 5 * np.c_[y, y], y


# ------------------------------------------------------------------------------------- sentences
def test_sentences():
    assert say_alike(0.41234) == "source and target do not differ (p = 0.41): nothing to move"
    assert say_alike(0.05) is None
    assert say_apart(1 / 3).startswith("33 % of the source's rows lie where the target has no rows")
    assert say_apart(0.19) is None


def test_tables_that_do_not_differ_are_found_so_and_others_are_not():
    alike = drifted = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        X, S = rng.normal(size=(2, 80, 3))
        alike += find_alike(S, X) is not None
        drifted += find_alike(1.6 * S + 0.3, X) is not None
    assert alike >= 88  # 95 are expected: 3 standard errors
    assert drifted <= 5  # measured 0
    assert find_alike(S[:49], X) is None  # too few for a test to tell anything


def test_tables_are_told_when_they_are_fitted():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=120), "k": rng.choice(["a", "b"], 120)})
    halves = frame[:60], frame[60:]
    transport = TableTransport(quick(), random_state=0)
    with pytest.warns(UserWarning, match=rf"^{ALIKE} \(p = [\d.]+\): nothing to move\.$") as caught:
        transport.fit(halves[0], X_source=halves[1])
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transport.fit(halves[0])  # no source
        transport.fit(halves[0][:49], X_source=halves[1])  # too few rows
        transport.fit(halves[0], X_source=halves[1].assign(x=halves[1]["x"] + 1))


# ------------------------------------------------------------------------------------ no overlap
def test_outlying_share_by_hand():
    Y = np.array([[0.0], [2.0], [3.0], [7.0]])  # nearest neighbours at 2, 1, 1 and 4
    X = [[-1.5], [2.5], [11.0], [11.5]]  # at 1.5, 0.5, 4 and 4.5
    assert outlying_share(X, Y, quantile=1) == 0.25
    assert outlying_share(X, Y, quantile=0) == 0.75
    assert outlying_share(np.array(X) + 1e6, Y + 1e6, quantile=1) == 0.25
    with pytest.raises(ValueError, match="Y has 1 row"):
        outlying_share(X, Y[:1])
    with pytest.raises(ValueError, match="quantile must be between 0 and 1, got 99"):
        outlying_share(X, Y, quantile=99)


@pytest.mark.parametrize("d", [1, 2, 10])
def test_outlying_share_of_fresh_rows_is_one_in_a_hundred(d):
    shares = []
    for seed in range(30):
        Y, X = np.random.default_rng(seed).standard_t(3, (2, 300, d))
        shares.append(outlying_share(X, Y))
    assert np.mean(shares) == pytest.approx(0.01, abs=0.008)  # 4 standard errors
    assert all(say_apart(share) is None for share in shares)
    third = np.concatenate([X[:200], X[200:] + 50])
    assert say_apart(outlying_share(third, Y)).startswith(("33 %", "34 %"))


# ------------------------------------------------------------------------- moving, or staying
@pytest.mark.parametrize("seed", range(3))
def test_drifted_rows_are_to_be_moved(seed):
    rng = np.random.default_rng(seed)
    (S, y), (T, _) = classes(rng, 120), classes(rng, 100)
    T = 0.5 * T - [9, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # there is nothing to say
        result = CircularValidation(LogisticRegression(), S, y).compare(quick().fit(T), T)
    assert result.choice == "move"
    assert result.pvalue < 0.01
    assert result.scores["move"] > 0.97 > result.scores["stay"]


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_the_same_population_are_to_stay(seed):
    rng = np.random.default_rng(seed)
    (S, y), (T, _) = classes(rng, 120), classes(rng, 100)
    with pytest.warns(UserWarning, match=rf"^{ALIKE} \(p = [\d.]+\): nothing to move\.$") as caught:
        result = CircularValidation(LogisticRegression(), S, y).compare(quick().fit(T), T)
    assert caught[0].filename == __file__
    assert result.choice == "stay"
    assert result.pvalue > 0.05


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_a_thinned_class_are_to_stay(seed):
    # the labels come back from a round trip of moved rows all the same
    rng = np.random.default_rng(seed)
    (S, y), (T, _) = classes(rng, 120), classes(rng, 100, share=0.15)
    scoring = CircularValidation(KNeighborsClassifier(5), S, y)
    flow = quick().fit(T)
    with pytest.warns(UserWarning, match=f"^{SHARES}"):
        result = scoring.compare(flow, T)
    assert scoring(flow, T) > 0.9
    assert result.choice in ("stay", "reweight")


class Scrambler(SDFlowSampler):
    """Arrives at the target's distribution, in any order."""

    def transform(self, X):
        return np.random.default_rng(0).permutation(super().transform(X))


def test_mixed_classes_count_against_moving():
    rng = np.random.default_rng(0)
    (S, y), (T, _) = classes(rng, 120), classes(rng, 100)
    T = 0.5 * T + [1, 0]
    flow = Scrambler(n_steps=15, random_state=0).fit(T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever it takes the class shares for
        result = CircularValidation(KNeighborsClassifier(5), S, y).compare(flow, T)
    assert result.choice != "move"
    assert result.scores["move"] < (1 + 2 * 0.65) / 3  # labels of mixed rows are guessed
    assert result.scores["stay"] >= 2 / 3 + 0.15  # and those of others are not


def test_pipelines_tables_and_classifiers_without_probabilities():
    rng = np.random.default_rng(0)
    (S, y), (T, _) = classes(rng, 100), classes(rng, 80)
    T = 0.5 * T - [9, 0]
    names = np.array(["no", "yes"])
    pipeline = make_pipeline(StandardScaler(), quick()).fit(T)
    scoring = CircularValidation(KNeighborsClassifier(5), S, names[y])
    assert scoring.compare(pipeline, T).choice == "move"
    frames = [pd.DataFrame(rows, columns=["a", "b"]) for rows in (S, T)]
    frames[0]["further"] = "x"
    transport = TableTransport(quick(), random_state=0).fit(frames[1])
    of_tables = CircularValidation(KNeighborsClassifier(5), frames[0], names[y])
    assert of_tables.compare(transport, frames[1]).choice == "move"
    with pytest.raises(ValueError, match="y_source has 99 labels for 100 rows of X_source"):
        CircularValidation(KNeighborsClassifier(5), S, y[1:]).compare(pipeline, T)


def test_the_simplest_of_the_best():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 2, (400, 3)).astype(float)
    worse, same = a * (rng.random((400, 1)) < 0.9), a.copy()
    assert _simplest({"stay": a, "reweight": same, "move": worse}) == "stay"
    assert _simplest({"stay": worse, "reweight": a, "move": same}) == "reweight"
    assert _simplest({"stay": worse, "reweight": worse, "move": a}) == "move"
    other = a.copy()  # better in two rows, worse in one: no evidence
    other[np.flatnonzero(a.sum(axis=1) == 0)[:2]] = 1
    other[np.flatnonzero(a.sum(axis=1) == 3)[:1]] = 0
    assert _simplest({"stay": a, "move": other}) == "stay"
