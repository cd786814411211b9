r"""Score-difference flow.

.. math:: y ← y + η_k \, (D_p(z; σ_k) - D_q(z; σ_k)), \qquad z = y + σ_k ε

References
----------
Weber, R. (2023). The Score-Difference Flow for Implicit Generative Modeling. arXiv:2304.12906,
algorithm 1.
"""

from __future__ import annotations

from typing import Any

from skflow.samplers._base import BaseSampler

__all__ = ["SDFlowSampler"]


class SDFlowSampler(BaseSampler):
    r"""Move rows onto a target table along the score difference.

    .. math:: y ← y + η_k \, σ_k² (∇ \log p(z; σ_k) - ∇ \log q(z; σ_k)), \qquad z = y + σ_k ε

    ``fit`` learns the target p; ``transform`` moves a batch of source rows q, which is *one
    population*: a row's way depends on the rows it is moved with. With ``fit(X, X_source=...)``
    the flow is run at once and frozen, and ``transform`` moves every row on its own. ``sample``
    moves rows of a base distribution. Every "auto" is a function of the target (and of the field),
    so that shifting or uniformly scaling both tables does the same to the result.

    Parameters
    ----------
    field : str or Field, default="kernel"
        The velocity: a name in ``skflow.fields.FIELDS`` or a field.
    schedule : str or Schedule, default="auto"
        The bandwidths σ_k: "constant", "linear", "cosine", "geometric", "karras" or a schedule;
        "auto" is the field's choice. ``set_params(schedule__sigma_min="nn")`` works on names, too.
    n_steps : int, default=50
        Number of steps.
    step_size : float, array of shape (n_steps,) or "auto", default="auto"
        η, without unit: 1 is a full denoiser step. "auto" is the field's choice; the default
        field's is 1, of which the rows of a source take ``max(0, 1 - 0.03 s)``, s being the share
        of the velocity's power that the draw of the rows explains, along the axis where it is
        least: they stop where only noise is left to follow, however many steps there are. Rows of
        a base, and steps with injected noise or with batches (of tables beyond 2000 rows), take
        full steps.
    first_step_norm : float or str, default=None
        If given, η is the constant that makes the mean over rows of the first displacement's norm
        equal this length, a number or a name such as "0.2*rms". Excludes ``step_size``.
    align : {"auto", "affine", None}, default="auto"
        "affine" first applies the optimal map between the Gaussians of source and target (a shift
        where a covariance is degenerate). "auto" is the field's choice.
    n_noise : int or "auto", default="auto"
        Noise draws averaged in a step, in antithetic pairs; 0 injects no noise, 1 is the paper's.
        "auto" is the field's choice.
    batch_size : int, None or "auto", default="auto"
        Rows of either population that a step's means are estimated from, drawn afresh each step
        (all rows move). None is all rows. "auto" is all rows of tables up to 2000 rows; longer ones
        move in groups of at most 2000 rows, each a population of its own onto 2000 rows of the
        target, the same at all steps. Named bandwidths are those of as many target rows: finer
        ones no group resolves.
    base : {"gaussian", "uniform"}, array-like or callable, default="gaussian"
        Where samples start: the Gaussian with the target's moments, the uniform distribution on
        its bounding box, rows of an array, or ``base(n, rng)``, an array of n rows.
    match_marginals : bool, default=True
        Whether ``sample`` gives every column, rank by rank, the target's quantiles, interpolated:
        values that rows share, rounding, bounds and tails come back, which no bandwidth resolves.
        ``transform`` does so in columns that have such values, or that moved rows are farther from
        than fresh rows, if there are 30 rows or more. False returns rows as the flow moved them.
    n_reference : int or "auto", default="auto"
        Fewest rows that ``sample`` moves together, and most rows of ``X_source`` whose paths are
        kept. "auto" is 2000 for a source, and twice the target's rows, between 500 and 2000, for
        samples.
    n_jobs : int, default=None
        Upper bound on the threads; None is all available cores. The result does not depend on it.
    verbose : int, default=0
        1 shows a progress bar on a terminal.
    random_state : int, RandomState instance or None, default=None
        Seed of noise, batches and samples.

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

    def __init__(
        self,
        field: Any = "kernel",
        *,
        schedule: Any = "auto",
        n_steps: int = 50,
        step_size: Any = "auto",
        first_step_norm: float | None = None,
        align: Any = "auto",
        n_noise: Any = "auto",
        batch_size: Any = "auto",
        base: Any = "gaussian",
        match_marginals: bool = True,
        n_reference: Any = "auto",
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.field = field
        self.schedule = schedule
        self.n_steps = n_steps
        self.step_size = step_size
        self.first_step_norm = first_step_norm
        self.align = align
        self.n_noise = n_noise
        self.batch_size = batch_size
        self.base = base
        self.match_marginals = match_marginals
        self.n_reference = n_reference
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state
