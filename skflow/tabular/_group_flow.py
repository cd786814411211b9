r"""The rows of one group, or of a whole table: encoded, half whitened, moved, and decoded.

.. math:: \text{rows} → z → W z → \text{flow} → W^{-1} y → \text{match} → \text{rows}
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skflow._draws import draw_evenly
from skflow.metrics import nearest_neighbor_ratio
from skflow.samplers import SDFlowSampler
from skflow.tabular._encoder import Matches, TableEncoder
from skflow.tabular._last_bandwidth import with_last_bandwidth
from skflow.tabular._noise import RowNoise
from skflow.tabular._plain import PlainState
from skflow.tabular._whitening import HalfWhitening

if TYPE_CHECKING:
    import pandas

__all__ = ["SAMPLED_ROWS", "GroupFlow", "flow_of", "make_flow"]

SAMPLED_ROWS = 500  # fewest samples that shares are learned on: no fewer are moved together anyway
MAP_ROWS = 2000  # most source rows that the maps of a frozen flow are learned on
# From so many rows of a target on they are moved in single precision, which takes half the time,
# unless a source reaches farther than this: coordinates of a target are of order one.
SINGLE_ROWS, SINGLE_REACH = 3000, 1e3


def flow_of(spec: Any) -> Any:
    """Return the flow of tables; see ``flow`` of `TableTransport`."""
    return SDFlowSampler(step_size=1.0) if spec is None else spec


def make_flow(spec: Any, random_state: Any, verbose: Any) -> Any:
    """Return an unfitted flow of tables, with the table's seed if it has none of its own."""
    flow = clone(flow_of(spec))
    params = flow.get_params()
    if params.get("random_state", 0) is None:
        flow.set_params(random_state=random_state)
    if verbose and "verbose" in params:
        flow.set_params(verbose=verbose)
    return flow


class GroupFlow(PlainState):
    """A flow of rows that are of one group.

    Parameters
    ----------
    encoder : TableEncoder
        The columns as coordinates.
    kept : list of str, default=()
        Columns that stay as they are.
    """

    flow: Any
    _whitening: HalfWhitening
    _matches: Matches | None
    _wide: tuple[NDArray, dict] | None  # what the flow was fitted to, if in single precision
    _is_frozen: bool

    def __init__(self, encoder: TableEncoder, kept: Sequence[Hashable] = ()) -> None:
        self.encoder = encoder
        every = np.arange(encoder.width)
        self._kept = np.concatenate([every[:0], *(every[encoder.blocks[c]] for c in kept)])

    def fit(
        self,
        flow: Any,
        Z: NDArray,
        weight: NDArray | None,
        source: tuple[pandas.DataFrame, RowNoise] | None,
        is_whole: bool,
        rng: np.random.Generator,
        y_source: NDArray | None = None,
    ) -> None:
        """Fit the flow to encoded target rows, and with a source learn the maps that end its way.

        Parameters
        ----------
        flow : estimator
            The flow.
        Z : ndarray of shape (n_rows, n_coordinates)
            Coordinates of the target's rows, dithered.
        weight : ndarray of shape (n_rows,) or None
            Their weights.
        source : (DataFrame, RowNoise) or None
            Source rows, and their dither.
        is_whole : bool
            Whether a cross-validation must not slice them.
        rng : numpy.random.Generator
            Chooses the source rows that maps are learned on.
        y_source : ndarray of shape (n_source_rows,), default=None
            Classes of the source rows.
        """
        self.encoder.learn_residuals(Z, weight)
        self._whitening = HalfWhitening(Z, weight, self._kept)
        self._is_frozen = source is not None
        if len(self._kept):
            self._let_keep(flow)
        given: dict[str, Any] = {} if weight is None else {"sample_weight": weight}
        Y, self._wide, self._matches = self._whitening.apply(Z), None, None
        if source is not None:
            S = self.encode(*source)
            given["X_source"] = (S,) if is_whole else S
            if y_source is not None:
                given["y_source"] = y_source
        if len(Y) >= SINGLE_ROWS and (source is None or _is_near(S)):
            self._wide = None if self._is_frozen else (Y, given)
            Y = Y.astype(np.float32)
        if not len(self._kept):
            flow = with_last_bandwidth(flow, Y, weight, self._copying_of, rng)
        self.flow = flow.fit(Y, **given)
        if self._is_frozen:
            moved = self.flow.transform(self._some_of(S, rng))
            self._matches = self._match(self._whitening.inverse(moved))

    def _let_keep(self, flow: Any) -> None:
        """Tell a flow which coordinates stay."""
        if "condition_on" not in flow.get_params():
            raise ValueError(
                f"flow={type(flow).__name__} cannot keep the columns of condition_on: choose a "
                "sampler, such as SDFlowSampler(), or groups with by=[...]."
            )
        flow.set_params(condition_on=self._kept.tolist())

    def _some_of(self, S: NDArray, rng: np.random.Generator) -> NDArray:
        """The source rows that the maps of a frozen flow are learned on."""
        w = getattr(self.flow, "source_weight_", None)
        if w is not None:  # maps are those of the weighted population
            return S[draw_evenly(np.cumsum(w), min(len(S), MAP_ROWS), rng)]
        return S if len(S) <= MAP_ROWS else S[rng.choice(len(S), MAP_ROWS, replace=False)]

    def _copying_of(self, target: NDArray) -> Callable[[NDArray], float]:
        """What gives moved rows their copy ratio to the rows that a target's coordinates are of."""
        known = self.encoder.encode(self.encoder.decode(self._whitening.inverse(target)))
        if np.ptp(known, axis=0).max() == 0:  # as without the single rare row of a long table
            return lambda _: 0.0

        def copy_ratio(moved: NDArray) -> float:
            Z = self._whitening.inverse(moved)
            rows = self.encoder.decode(Z, self._match(Z))
            return nearest_neighbor_ratio(self.encoder.encode(rows), known)

        return copy_ratio

    def encode(self, part: pandas.DataFrame, noise: RowNoise) -> NDArray:
        """Return half whitened coordinates of rows, dithered."""
        return self._whitening.apply(self.encoder.encode(part, noise))

    def move(self, part: pandas.DataFrame, noise: RowNoise) -> pandas.DataFrame:
        """Return source rows, moved."""
        S, flow = self.encode(part, noise), self.flow
        if self._wide is not None and _is_near(S):
            S = S.astype(np.float32)
        elif self._wide is not None:
            rows, given = self._wide
            flow = clone(flow).fit(rows, **given)
        return self._decode(flow.transform(S))

    def sample(self, n: int, seed: int | None) -> pandas.DataFrame:
        """Return the first n of a population that is large enough for the target's shares."""
        least = n if self._is_frozen else max(n, SAMPLED_ROWS)
        Z = self._whitening.inverse(self.flow.sample(least, random_state=seed))
        return self.encoder.decode(
            Z[:n], self._matches if self._is_frozen else self.encoder.match(Z)
        )

    def target(self) -> tuple[pandas.DataFrame, NDArray]:
        """Return the distinct rows that the flow was fitted to, and their weights."""
        if self._wide is None:
            Y, weight = self.flow.target_, self.flow.target_weight_
        else:
            Y, given = self._wide
            weight = given.get("sample_weight", np.ones(len(Y)))
        return self.encoder.decode(self._whitening.inverse(Y)), weight

    def _decode(self, Y: NDArray) -> pandas.DataFrame:
        """The rows at some half whitened coordinates, with the target's distributions."""
        Z = self._whitening.inverse(Y)
        return self.encoder.decode(Z, self._matches if self._is_frozen else self._match(Z))

    def _match(self, Z: NDArray) -> Matches | None:
        """How moved rows get the target's distributions; given other columns these are others."""
        return None if len(self._kept) else self.encoder.match(Z)


def _is_near(rows: NDArray) -> bool:
    return bool(np.abs(rows).max(initial=0) < SINGLE_REACH)
