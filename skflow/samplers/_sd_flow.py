r"""Score-difference flow.

.. math:: y ← y + η_k \, (D_p(z; σ_k) - D_q(z; σ_k)), \qquad z = y + σ_k ε

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
algorithm 1.
"""

from __future__ import annotations

import dataclasses

from skflow.samplers._field_sampler import FieldSampler

__all__ = ["SDFlowSampler"]


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class SDFlowSampler(FieldSampler):
    r"""Move rows onto a target table along the score difference.

    .. math:: y ← y + η_k \, σ_k² (∇ \log p(z; σ_k) - ∇ \log q(z; σ_k)), \qquad z = y + σ_k ε

    ``fit`` learns the target p, and ``transform`` moves source rows q. The rows of a call are *one
    population*: the result of a row depends on the rows that it is moved with. With ``fit(X,
    X_source=...)`` the flow is run at once and frozen, and ``transform`` moves every row on its
    own. ``sample`` moves rows of a base distribution. Every "auto" depends on the target (and on
    the field) only, so shifting or uniformly scaling both tables does the same to the result.

    Parameters
    ----------
    field : str or Field, default="kernel"
        The velocity: a name in ``skflow.fields.FIELDS`` or a field.
    schedule : str, Schedule, array-like or callable, default="auto"
        Noise schedule: the bandwidths σ_k, from wide to narrow, see `make_schedule`; "auto" is the
        method's own.
    n_steps : int, default=50
        Number of steps.
    step_size : float, array of shape (n_steps,) or "auto", default="auto"
        Size η of the steps, 1 being a full one; "auto" is the method's own.
    first_step_norm : float or str, default=None
        Length that the first displacement has in the mean; it excludes ``step_size``.
    align : {"auto", "affine", None}, default="auto"
        "affine" begins with the optimal map between the Gaussians of source and target.
    n_noise : int or "auto", default="auto"
        Noise draws averaged in a step, in antithetic pairs; 0 injects no noise.
    batch_size : int, None or "auto", default="auto"
        Rows that a step's means are estimated from; None is all, "auto" groups of 2000.
    base : {"gaussian", "uniform"}, array-like or callable, default="gaussian"
        Where samples start: a distribution, rows, or ``base(n, rng)`` that returns n rows.
    match_marginals : bool, default=True
        Whether rows end in the target's own marginal distributions.
    n_reference : int or "auto", default="auto"
        Fewest rows that samples are moved with, and most rows of ``X_source`` that are kept.
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is that of
        ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl leave,
        as in scikit-learn's OpenMP code. No result depends on it.
    verbose : int, default=0
        1 shows a progress bar on a terminal.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.
    condition_on : list of int or str, default=None
        Columns that stay as they are; the others get the target's distribution given these.

    Attributes
    ----------
    schedule_ : Schedule
        The fitted schedule.
    sigmas_ : ndarray of shape (n_steps,)
        The bandwidths, in the units of the data.
    field_ : Field
        The fitted field; its rows are the target less ``center_``.
    center_ : ndarray of shape (n_features,)
        Mean of the target rows.
    target_ : ndarray of shape (n_distinct_rows, n_features)
        The distinct target rows of positive weight, in the units of the data, up to rounding.
    target_weight_ : ndarray of shape (n_distinct_rows,)
        Their weights, summing to one.
    source_ : ndarray of shape (n_reference_rows, n_features) or None
        The rows of ``X_source`` whose paths are kept, up to rounding; None if none was given.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had string column names.

    References
    ----------
    Weber (2023), arXiv:2304.12906, algorithm 1. The paper's own settings are ``align=None,
    n_noise=1, schedule="cosine", step_size=<number>, batch_size=None, field="kernel",
    field__normalization="row"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow import SDFlowSampler
    >>> rng = np.random.default_rng(0)
    >>> target = rng.normal([5.0, -3.0], [2.0, 0.5], (300, 2))
    >>> source = rng.normal(0.0, 1.0, (200, 2))
    >>> flow = SDFlowSampler(random_state=0).fit(target)
    >>> moved = flow.transform(source)
    >>> np.abs(moved.mean(axis=0) - target.mean(axis=0)).max() < 0.1
    np.True_
    >>> np.abs(moved.std(axis=0) / target.std(axis=0) - 1).max() < 0.1
    np.True_
    """
