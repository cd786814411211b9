"""Generators of tables by others, called as their authors call them, each with a few settings.

Only the copula knows missing values: the others get a number's missing value as its median and a
flag beside it, a category's as one more level, and give both back. Everyone's numbers are rounded
to the decimals of the target's, and limited to its range where the peer does so itself.

- SMOTE-NC (imbalanced-learn): every row is of the minority, and as many again make up another
  class. Numbers are standardised, since its distances have units. k_neighbors=5 is its default.
- Gaussian copula (SDV): beta marginals are its default.
- Adversarial random forest (arfpy): 30 trees of 5 rows a leaf are its defaults. arfpy 0.1.1 calls
  `numpy.in1d`, which NumPy 2.4 has no more.
- ForestDiffusion: flow matching with 50 levels and 100 trees of depth 7, its defaults, which its
  paper recommends, but 20 noises a row instead of 100. It trains 5000 trees a coordinate, so
  tables of more than 10 one-hot coordinates are left out.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

MISSING = "(missing)"


def is_number(column):
    return column.dtype.kind in "iuf"


def complete(table):
    """The table without missing values: numbers as floats, all else as text, flags last."""
    columns, flags = {}, {}
    for c in table:
        if is_number(table[c]):
            columns[c] = table[c].astype(float).fillna(table[c].median())
            if table[c].isna().any():
                flags[f"{c} missing"] = table[c].isna().map({True: "yes", False: "no"})
        else:
            columns[c] = table[c].astype(object).where(table[c].notna(), MISSING).astype(str)
    return pd.DataFrame(columns | flags).astype(dict.fromkeys(flags, object))


def restored(new, like):
    """What a peer drew from `complete(like)`, with the missing values and decimals of `like`."""
    columns = {}
    for c in like:
        if is_number(like[c]):
            x = as_written(pd.to_numeric(new[c]).astype(float), like[c].dropna())
            flag = new.get(f"{c} missing")
            columns[c] = x if flag is None else x.mask(flag.astype(str) == "yes")
        else:
            values = {str(v): v for v in like[c].dropna().unique()}
            columns[c] = new[c].astype(object).astype(str).map(values)
    return pd.DataFrame(columns)


def as_written(x, like):
    """Rounded to the decimals of `like`; 39.15 is 39.15000153 where it stands so there."""
    k = decimals(like)
    written = dict(zip(like.round(k), like, strict=True))
    return x.round(k).map(lambda v: written.get(v, v))


def decimals(column):
    """How many decimals the numbers have in single precision, 8 at most."""
    x = column.dropna().to_numpy(float)
    return next((k for k in range(8) if np.allclose(x, x.round(k), rtol=1e-6, atol=1e-9)), 8)


def smote_nc(table, n, *, k_neighbors):
    from imblearn.over_sampling import SMOTENC

    rows = complete(table)
    numbers = [c for c in rows if is_number(rows[c])]
    middle, scale = rows[numbers].mean(), rows[numbers].std().replace(0.0, 1.0)
    rows[numbers] = (rows[numbers] - middle) / scale
    both, minority = pd.concat([rows, rows], ignore_index=True), np.repeat([0, 1], len(rows))
    categories = [c for c in rows if c not in numbers]
    smote = SMOTENC(categories, sampling_strategy={1: len(rows) + n}, k_neighbors=k_neighbors)
    drawn = smote.set_params(random_state=0).fit_resample(both, minority)[0][len(both) :]
    drawn[numbers] = drawn[numbers] * scale + middle
    return restored(drawn.reset_index(drop=True), table)


def gaussian_copula(table, n, *, marginals):
    from sdv.metadata import Metadata
    from sdv.single_table import GaussianCopulaSynthesizer

    kinds = {c: "numerical" if is_number(table[c]) else "categorical" for c in table}
    columns = {c: {"sdtype": kind} for c, kind in kinds.items()}
    metadata = Metadata.load_from_dict({"tables": {"target": {"columns": columns}}})
    model = GaussianCopulaSynthesizer(metadata, default_distribution=marginals)
    model.fit({"target": table})
    return restored(model.sample(n)["target"], table)


def adversarial_forest(table, n, *, num_trees, min_node_size):
    from arfpy import arf

    rows = complete(table)
    rows = rows.astype({c: "category" for c in rows if not is_number(rows[c])})
    names = dict(enumerate(rows))
    rows.columns = [f"c{k}" for k in names]
    np.random.seed(0)  # noqa: NPY002  arfpy draws from NumPy's global state
    forest = arf.arf(
        rows, num_trees=num_trees, min_node_size=min_node_size, verbose=False, random_state=0
    )
    forest.forde()
    drawn = forest.forge(n)
    drawn.columns = list(names.values())
    return restored(drawn, table)


def forest_diffusion(table, n, *, duplicate_K):
    from ForestDiffusion import ForestDiffusionModel

    rows = complete(table)
    # Categories first: it finds the columns of category 1 by the text "1_", which "11_" has too.
    rows = rows[sorted(rows, key=lambda c: is_number(rows[c]))]
    levels = {c: np.unique(rows[c]) for c in rows if not is_number(rows[c])}
    codes = rows.assign(**{c: np.searchsorted(v, rows[c]) for c, v in levels.items()})
    place = {c: k for k, c in enumerate(rows)}
    model = ForestDiffusionModel(
        codes.to_numpy(float),
        diffusion_type="flow",
        duplicate_K=duplicate_K,
        n_batch=0,
        bin_indexes=[place[c] for c, v in levels.items() if len(v) == 2],
        cat_indexes=[place[c] for c, v in levels.items() if len(v) > 2],
        int_indexes=[place[c] for c in rows if c not in levels and not decimals(rows[c])],
        n_jobs=1,
        seed=0,
    )
    drawn = pd.DataFrame(model.generate(batch_size=n), columns=list(rows))
    for c, v in levels.items():
        drawn[c] = v[drawn[c].to_numpy(int)]
    return restored(drawn, table)


# name: function, settings, how many one-hot coordinates are too many to wait for
PEERS: dict[str, tuple[Callable, list[dict[str, Any]], float]] = {
    "SMOTE-NC": (smote_nc, [{"k_neighbors": k} for k in (5, 1, 10)], np.inf),
    "copula": (gaussian_copula, [{"marginals": m} for m in ("beta", "gaussian_kde")], np.inf),
    "ARF": (
        adversarial_forest,
        [{"num_trees": 30, "min_node_size": 5}, {"num_trees": 100, "min_node_size": 2}],
        np.inf,
    ),
    "ForestDiffusion": (forest_diffusion, [{"duplicate_K": 20}], 10),
}
