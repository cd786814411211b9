"""Docstrings: parameters that estimators share are described by the same line."""

import inspect

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import _testing

import skflow
from skflow import kernels, metrics
from skflow.generators import BaseGenerator
from skflow.samplers import BaseSampler

pytest.importorskip("numpydoc")

ESTIMATORS = [value for value in vars(skflow).values() if inspect.isclass(value)]
FAMILIES = {
    base.__name__: [kind for kind in ESTIMATORS if issubclass(kind, base)]
    for base in (BaseSampler, BaseGenerator)
}
# parameters of one name that mean different things, and those whose defaults differ
OWN_MEANING = {
    "BaseSampler": ["batch_size", "schedule", "step_size", "first_step_norm"],
    "BaseGenerator": ["generator"],
}
OWN_DEFAULT = "field", "n_steps", "n_epochs", "align", "step_size"


SHARED = [
    (family, name)
    for family, kinds in FAMILIES.items()
    for name in sorted({name for kind in kinds for name in kind._get_param_names()})
    if name not in OWN_MEANING[family]
    and sum(name in kind._get_param_names() for kind in kinds) > 1
]


@pytest.mark.skipif(
    "ignore_types" not in inspect.signature(_testing.assert_docstring_consistency).parameters,
    reason="scikit-learn's comparison cannot leave out types yet",
)
@pytest.mark.parametrize(("family", "name"), SHARED)
def test_shared_parameters_have_one_description(family, name):
    kinds = [kind for kind in FAMILIES[family] if name in kind._get_param_names()]
    _testing.assert_docstring_consistency(kinds, include_params=[name], ignore_types=OWN_DEFAULT)


def test_threads_are_described_once():
    things = {getattr(room, name) for room in (skflow, kernels, metrics) for name in room.__all__}
    things -= {kernels.compute_threads}  # which knows blocks, too
    objects = [t for t in things if callable(t) and "n_jobs" in inspect.signature(t).parameters]
    assert len(objects) == 9 + 4 + 3  # estimators, kernel sums, metrics
    _testing.assert_docstring_consistency(objects, include_params=["n_jobs"])


def test_families_are_whole():
    assert [len(kinds) for kinds in FAMILIES.values()] == [6, 3]
    assert len(SHARED) > 25


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_every_parameter_is_described_once_and_no_other(kind):
    if not issubclass(kind, BaseEstimator):
        pytest.skip("no estimator")
    from numpydoc.docscrape import ClassDoc

    described = [name for entry in ClassDoc(kind)["Parameters"] for name in entry.name.split(", ")]
    assert sorted(described) == sorted(kind._get_param_names())
    defaults = {name: p.default for name, p in inspect.signature(kind).parameters.items()}
    for entry in ClassDoc(kind)["Parameters"]:
        for name in entry.name.split(", "):
            shown = repr(defaults[name]).replace("'", '"')
            assert f"default={shown}" in entry.type
