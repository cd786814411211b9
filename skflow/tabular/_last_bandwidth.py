r"""Where the bandwidths of a table's flow end: nearly as far from copies as fresh rows are.

.. math:: r(σ_n) = 0.9, \qquad σ_n ≤ σ_\text{auto}

r is the copy ratio of rows that a flow makes whose bandwidths end with σ: their median distance to
the nearest target row, over that among target rows. A kernel of the automatic bandwidth sees nearly
all rows of a table of many categories, and new rows have hardly anything of what goes together
there. They are also farther from the target's rows than these are from each other, which says how
much narrower the kernel may become.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skflow._draws import draw_shuffled
from skflow._utils import is_auto
from skflow.flow import MATCHED_ROWS
from skflow.samplers import SDFlowSampler

__all__ = ["with_last_bandwidth"]

TRIAL_ROWS = 2000  # target rows of a trial; flows of longer tables compare groups of so many
# Copy ratio of new rows. Fresh ones have about 1, and flows of few columns, whose bandwidth is the
# automatic one, 0.8 to 0.95. With 1 in place of 0.9 trees tell new rows of churn with 0.70 in place
# of 0.63, of youth with 0.59 in place of 0.56 (docs/quality.md).
COPY_RATIO = 0.9
NARROWEST, HALVINGS = 0.25, 4  # smallest part of the automatic bandwidth; trials between them
TRIED = "kernel", "laplace"  # whose bandwidth this is


def with_last_bandwidth(
    flow: Any,
    Y: NDArray,
    weight: NDArray | None,
    copying_of: Callable[[NDArray], Callable[[NDArray], float]],
    rng: np.random.Generator,
) -> Any:
    """Return the flow, whose last bandwidth is where new rows are nearly as far as fresh ones.

    Parameters
    ----------
    flow : estimator
        The flow. It stays as it is unless its schedule is "auto", and its field a kernel mean's.
    Y : ndarray of shape (n_rows, n_coordinates)
        The target's rows, as the flow will see them.
    weight : ndarray of shape (n_rows,) or None
        Their weights.
    copying_of : callable
        Of the target rows of the trial; it returns what gives moved rows their copy ratio.
    rng : numpy.random.Generator
        Draws the rows of the trial.

    Returns
    -------
    flow : estimator
        Not fitted.
    """
    is_ours = isinstance(flow, SDFlowSampler) and is_auto(flow.schedule) and flow.field in TRIED
    if not is_ours or len(Y) < MATCHED_ROWS:
        return flow
    if len(Y) > TRIAL_ROWS:
        share = np.ones(len(Y)) if weight is None else weight
        Y, weight = Y[draw_shuffled(share, TRIAL_ROWS, rng)], None
    if np.ptp(Y, axis=0).max(initial=0) == 0:
        return flow
    copy_ratio = copying_of(Y)
    trial, seed = clone(flow).set_params(verbose=0, n_reference=len(Y)), int(rng.integers(2**31))

    def is_far_enough() -> bool:
        with warnings.catch_warnings():  # of a trial nobody needs to know that it failed
            warnings.simplefilter("ignore", UserWarning)
            new = trial.fit(Y, sample_weight=weight).sample(len(Y), random_state=seed)
        return copy_ratio(new) >= COPY_RATIO

    if not is_far_enough():
        return flow
    widest = wide = float(trial.sigmas_[-1])
    narrow = NARROWEST * wide
    for _ in range(HALVINGS):
        middle = float(np.sqrt(wide * narrow))
        trial.set_params(schedule__sigma_min=middle)
        wide, narrow = (middle, narrow) if is_far_enough() else (wide, middle)
    return flow if wide == widest else flow.set_params(schedule__sigma_min=wide)
