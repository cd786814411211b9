"""Tables of which some columns are kept: age and sex stay, the others are moved given them."""

import pickle

import numpy as np
import pandas as pd
import pytest

from skflow import SDFlowGenerator, TableTransport
from skflow.cli import main
from skflow.metrics import energy_distance, energy_floor

KEPT = ["age", "sex"]


def people(side, rng, n=1000, like=None):
    """Height, weight, habit and events depend on age and sex, whose distributions differ."""
    ages = rng.beta(*((4, 2) if side == "target" else (2, 4)), n)
    women = rng.random(n) < (0.7 if side == "target" else 0.3)
    age, sex = np.round(18 + 60 * ages), np.where(women, "f", "m")
    if like is not None:
        age, sex = like["age"].to_numpy(), like["sex"].to_numpy()
    height = 100 + 40 * np.log(age / 10) + 8 * (sex == "m") + rng.normal(0, 3, len(age))
    smokes = rng.random(len(age)) < np.where(age > 45, 0.6, 0.1)
    return pd.DataFrame(
        {
            "age": age,
            "sex": sex,
            "height": height,
            "weight": np.exp(3 + 0.01 * height + rng.normal(0, 0.1, len(age))),
            "smokes": np.where(smokes, "yes", "no"),
            "events": rng.poisson(age / 20),
        }
    )


def problem(seed):
    """Target, source as it was measured, and as it is."""
    rng = np.random.default_rng(seed)
    target, rows = people("target", rng), people("source", rng)
    truth = people("source", rng, like=rows)
    measured = rows.assign(
        height=1.1 * rows["height"] - 5,
        weight=0.8 * rows["weight"] + 3,
        smokes=np.where(rng.random(len(rows)) < 0.3, "yes", rows["smokes"]),
        events=rows["events"] + (rng.random(len(rows)) < 0.5),
    )
    return target, measured, truth


def floors(moved, truth):
    """Distance from the truth of the ages that the target has, too."""
    inside = (truth["age"] > 35).to_numpy()
    encoder = TableTransport(random_state=0).fit(truth)
    a, b = encoder.encode(moved[inside]), encoder.encode(truth[inside])
    return energy_distance(a, b) / energy_floor(b, len(a))


@pytest.mark.parametrize("seed", range(2))
def test_mixed_columns_arrive_given_others(seed):
    target, source, truth = problem(seed)
    moved = TableTransport(condition_on=KEPT, random_state=0).fit(target).transform(source)
    pd.testing.assert_frame_equal(moved[KEPT], source[KEPT])
    # measured 0.66 and 0.72; unmoved 65, moved with all columns kept out of sight 58, by sex 170
    assert floors(moved, truth) < 1.5
    inside = truth["age"] > 35
    share = (moved["smokes"] == "yes")[inside].mean() - (truth["smokes"] == "yes")[inside].mean()
    assert abs(share) < 0.05  # 0.013
    assert moved["events"].dtype == target["events"].dtype


def test_frozen_flows_and_samples():
    target, source, truth = problem(0)
    transport = TableTransport(condition_on=KEPT, random_state=0).fit(target, X_source=source)
    moved = transport.transform(source)
    pd.testing.assert_frame_equal(moved[KEPT], source[KEPT])
    assert floors(moved, truth) < 2
    some = source.iloc[40:50]
    again = pickle.loads(pickle.dumps(transport)).transform(some)
    pd.testing.assert_frame_equal(again, moved.iloc[40:50])
    assert list(transport.sample(5).columns) == list(target.columns)
    assert transport.condition_on_ == KEPT
    assert list(transport.columns_) == ["height", "weight", "smokes", "events"]


def test_groups_may_have_kept_columns_too():
    target, source, truth = problem(1)
    transport = TableTransport(by="sex", condition_on=["age"], random_state=0).fit(target)
    moved = transport.transform(source)
    pd.testing.assert_frame_equal(moved[KEPT], source[KEPT])
    assert floors(moved, truth) < 2  # measured 0.7


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"condition_on": ["agee"]}, "condition_on names 'agee'"),
        ({"condition_on": ["age"], "columns": ["age", "height"]}, "in one of them only"),
        ({"condition_on": ["sex"], "by": "sex"}, "in one of them only"),
        (
            {"condition_on": ["age", "sex", "height", "weight", "smokes", "events"]},
            "no column to move",
        ),
    ],
)
def test_bad_columns(params, message):
    target, _, _ = problem(0)
    with pytest.raises(ValueError, match=message):
        TableTransport(**params).fit(target)


def test_a_source_without_a_kept_column():
    target, source, _ = problem(0)
    transport = TableTransport(condition_on=KEPT, random_state=0).fit(target)
    with pytest.raises(ValueError, match=r"lacks the column.* 'age' of condition_on"):
        transport.transform(source.drop(columns="age"))


def test_kept_values_that_the_target_lacks_are_told():
    target, source, _ = problem(0)
    transport = TableTransport(condition_on=KEPT, random_state=0).fit(target)
    few, unknown = (pytest.warns(UserWarning, match=text) for text in ("condition_on", "sex"))
    with few, unknown:
        transport.transform(source.assign(sex="x"))
    missing = source.assign(age=source["age"].where(source["age"] > 30))
    with pytest.raises(ValueError, match="age"):
        transport.set_params(missing="raise").fit(target).transform(missing)


def test_generators_cannot():
    target, source, _ = problem(0)
    message = "SDFlowGenerator cannot keep the columns of condition_on: choose a sampler"
    with pytest.raises(ValueError, match=message):
        TableTransport(SDFlowGenerator(), condition_on=KEPT).fit(target, X_source=source)


def test_the_command_keeps_columns(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    target, source, _ = problem(0)
    target.iloc[:300].to_csv("target.csv", index=False)
    source.iloc[:300].to_csv("source.csv", index=False)
    args = ["transport", "source.csv", "target.csv", "-o", "out.csv", "--no-report"]
    assert main([*args, "--condition-on", "age,sex"]) == 0
    out = pd.read_csv("out.csv")
    pd.testing.assert_frame_equal(out[KEPT], pd.read_csv("source.csv")[KEPT])
    assert "columns are moved given age and sex" in capsys.readouterr().err
    assert main([*args, "--condition-on", "height,nothing"]) == 2
    assert "has no column nothing" in capsys.readouterr().err
    for name in ("source", "target"):
        pd.read_csv(f"{name}.csv").to_parquet(f"{name}.parquet")
    args = ["transport", "source.parquet", "target.parquet", "-o", "out.parquet", "--no-report"]
    assert main([*args, "--condition-on", "age,sex", "--chunk-rows", "70"]) == 0
    pd.testing.assert_frame_equal(pd.read_parquet("out.parquet")[KEPT], out[KEPT])


def test_class_shares_of_mixed_tables_are_kept():
    rng = np.random.default_rng(0)

    def rows(share, n):
        is_ill = rng.random(n) < share
        table = pd.DataFrame(
            {
                "marker": rng.normal(4.0 * is_ill, 1.0),
                "count": rng.poisson(np.where(is_ill, 9, 3)),
                "region": rng.choice(["n", "s"], n),
            }
        )
        return table, np.where(is_ill, "ill", "well")

    (target, truth), (source, y) = rows(0.15, 700), rows(0.6, 700)
    source = source.assign(marker=3 * source["marker"] - 7, count=2 * source["count"])
    transport = TableTransport(random_state=0).fit(target, X_source=source, y_source=y)
    assert list(transport.classes_) == ["ill", "well"]
    np.testing.assert_allclose(transport.class_shares_[0], np.mean(truth == "ill"), atol=0.04)
    moved, w = transport.transform(source), transport.source_weight_
    plain = TableTransport(random_state=0).fit(target).transform(source)
    for value in ("ill", "well"):
        theirs = target["marker"][truth == value]
        kept, mixed = (x["marker"][y == value] for x in (moved, plain))
        assert abs(kept.mean() - theirs.mean()) < 0.5  # measured 0.1 and 0.2
        assert abs(mixed.mean() - theirs.mean()) > abs(kept.mean() - theirs.mean())
    assert w.sum() == pytest.approx(700)
    with pytest.raises(ValueError, match="y_source has shape"):
        TableTransport().fit(target, X_source=source, y_source=y[:5])
    with pytest.raises(ValueError, match="given without X_source"):
        TableTransport().fit(target, y_source=y)
