r"""Rows of a long table, moved in groups.

Every group is a small table of its own, with target rows of its own, the same at all steps. What
these few rows are off by is the error of one group: over the whole table such errors average out.
And the cost is that of so many small tables: linear in the rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skflow.fields._base import Field, Frozen, Run
from skflow.kernels import compute_threads, deal_out

__all__ = ["Groups"]


class Groups(Run):
    """Flows of a field side by side: of k groups the i-th has every k-th row, from the i-th on.

    Parameters
    ----------
    field : Field
        The fitted field.
    n_groups : int
        Number of groups.
    rng : numpy.random.Generator
        Draws their seeds.
    """

    def __init__(self, field: Field, n_groups: int, rng: np.random.Generator) -> None:
        seeds = rng.integers(2**63, size=n_groups)
        self.runs = [field.start(np.random.default_rng(seed)) for seed in seeds]

    def velocity(self, Z: NDArray, Y: NDArray, sigma: float) -> NDArray:
        """Velocities of all rows, each by its group; see `Run.velocity`."""
        v = np.empty_like(Z)

        def group(i: int) -> None:
            run, part = self.runs[i], slice(i, None, len(self.runs))
            self.tell(run)
            y = np.ascontiguousarray(Y[part])
            with compute_threads(1):  # a group is one thread's work, from first to last
                v[part] = run.velocity(y if Z is Y else np.ascontiguousarray(Z[part]), y, sigma)

        with compute_threads() as n_threads:
            deal_out(len(self.runs), group, n_threads)
        return v

    def noise_share(self) -> float | None:
        """Mean share of noise of the groups; see `Run.noise_share`."""
        shares = [run.noise_share() for run in self.runs]
        known = [share for share in shares if share is not None]
        return float(np.mean(known)) if len(known) == len(shares) else None

    def renew(self) -> None:
        """Let every group forget what belongs to single rows."""
        for run in self.runs:
            run.renew()

    def frozen(self) -> Frozen:
        """Refuse: rows that are to be repeated are one group."""
        raise TypeError("a flow in groups is not recorded.")
