"""What columns share together is found, and moved rows get its share, each on its own."""

import numpy as np
import pytest

from skflow.flow import gather, joint_atoms, radii_of

every_seed = pytest.mark.parametrize("seed", range(3))


def half_zero(n, rng, columns=(0, 1, 3)):
    X = rng.normal(size=(n, 4))
    X[np.ix_(rng.random(n) < 0.5, columns)] = 0
    return X


@every_seed
def test_columns_that_share_a_value_are_found(seed):
    X = half_zero(400, np.random.default_rng(seed))
    (atom,) = joint_atoms(X)
    assert atom.columns.tolist() == [0, 1, 3]
    assert atom.values.tolist() == [0, 0, 0]
    assert atom.share == pytest.approx(np.mean(X[:, 0] == 0))


@every_seed
def test_an_atom_has_what_it_implies_and_nothing_that_only_comes_often(seed):
    rng = np.random.default_rng(seed)
    X = half_zero(400, rng)
    is_zero = X[:, 0] == 0
    count = np.where(is_zero | (rng.random(400) < 0.3), 0.0, rng.poisson(3, 400) + 1.0)
    often = np.where(rng.random(400) < 0.9, 0.0, 1.0)
    (atom,) = joint_atoms(np.column_stack([X, count, often]))
    assert atom.columns.tolist() == [0, 1, 3, 4]
    assert atom.share == pytest.approx(is_zero.mean())


@every_seed
def test_a_weighted_summary_has_the_same_atoms(seed):
    X = half_zero(400, np.random.default_rng(seed), columns=(0, 1, 2, 3))
    rows, weight = np.unique(X, axis=0, return_counts=True)
    (atom,), (same,) = joint_atoms(X), joint_atoms(rows, weight)
    assert atom.columns.tolist() == same.columns.tolist()
    assert atom.share == pytest.approx(same.share)


@every_seed
def test_values_that_meet_by_chance_are_none(seed):
    rng = np.random.default_rng(seed)
    frequent = (rng.random((2000, 4)) < [0.02, 0.03, 0.5, 0.5]).astype(float)
    assert joint_atoms(np.column_stack([frequent, rng.normal(size=2000)])) == []
    assert joint_atoms(rng.normal(size=(300, 3))) == []
    assert joint_atoms(np.zeros((300, 3))) == []  # constant columns


@every_seed
def test_gathered_rows_have_the_share_and_other_columns_stay(seed):
    rng = np.random.default_rng(seed)
    atoms, Y = joint_atoms(half_zero(400, rng)), rng.normal(size=(500, 4))
    radii = radii_of(atoms, Y)
    gathered = gather(Y, atoms, radii)
    is_there = (gathered[:, [0, 1, 3]] == 0).all(axis=1)
    assert is_there.mean() == pytest.approx(atoms[0].share, abs=1 / 500)
    near = np.linalg.norm(Y[:, [0, 1, 3]], axis=1)
    assert near[is_there].max() < near[~is_there].min()
    np.testing.assert_array_equal(gathered[~is_there], Y[~is_there])
    np.testing.assert_array_equal(gathered[:, 2], Y[:, 2])
    np.testing.assert_array_equal(gather(Y[7:9], atoms, radii), gathered[7:9])


def test_without_atoms_nothing_is_copied():
    Y = np.zeros((5, 2))
    assert gather(Y, [], []) is Y
