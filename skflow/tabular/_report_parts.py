"""The parts of a report: lines of figures, and pictures."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skflow.plotting import CorrelationDisplay, MarginalsDisplay, NearestNeighborDisplay
from skflow.plotting._base import import_matplotlib
from skflow.plotting._columns import DAY, Column
from skflow.plotting._correlation import associations
from skflow.tabular._measures import NOTHING, Quality

__all__ = ["column_parts", "fit_lines", "neighbors"]

MOST_COLUMNS = 24  # with a picture of their own
MOST_CORRELATED = 20  # in the picture of correlations
MOST_LEVELS = 6  # of a category, with a share of their own

Lines = list[tuple[Any, list[str]]]  # titles and cells


def fit_lines(quality: Quality) -> Lines:
    """Lines of the table of distances: floor, every distance and its multiple of the floor, p."""
    if not quality.figures:
        return []
    lines = []
    names, distances_of = ["whole table", *quality.columns], quality.figures["distances"]
    p = quality.figures.get("pvalues", np.full(len(names), np.nan))
    for name, (floor, *distances), ratios, pvalue in zip(
        names, distances_of, quality.ratios, p, strict=True
    ):
        cells = [_distance(floor)]
        for distance, ratio in zip(distances, ratios, strict=True):
            cells += [_distance(distance), f"{ratio:.2f}" if np.isfinite(ratio) else "–"]
        lines.append((name, cells if np.isnan(pvalue) else [*cells, f"{pvalue:.3f}"]))
    return lines


def _distance(value: float) -> str:
    """A distance; what rounding leaves of none is none."""
    return _number(0.0 if abs(value) <= NOTHING else value)


def _number(value: float) -> str:
    """Four digits; numbers up to a billion are written out."""
    if not np.isfinite(value):
        return "–"
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


# ----------------------------------------------------------------------------------------- values
def value_lines(parts: dict[str, Column]) -> Lines:
    """Lines of a column: shares of its values, or its mean, deviation, zeros and missing values."""
    kind = next(iter(parts.values())).kind
    lines = _shares(parts) if kind == "category" else _moments(parts, kind)
    missing = [part.missing_share for part in parts.values()]
    if any(missing):
        lines.append(("missing", [f"{share:.1%}" for share in missing]))
    return lines


def _shares(parts: dict[str, Column]) -> Lines:
    shares = [part.shares() for part in parts.values()]
    values = list(dict.fromkeys(value for share in reversed(shares) for value in share))
    values.sort(key=lambda value: -max(share.get(value, 0.0) for share in shares))
    lines = [
        (str(value), [f"{share.get(value, 0.0):.1%}" for share in shares])
        for value in values[:MOST_LEVELS]
    ]
    rest = values[MOST_LEVELS:]
    if rest:
        sums = [sum(share.get(value, 0.0) for value in rest) for share in shares]
        lines.append((f"{len(rest)} other values", [f"{share:.1%}" for share in sums]))
    return lines


def _moments(parts: dict[str, Column], kind: str) -> Lines:
    present = [part.present for part in parts.values()]
    means = [float(values.mean()) if len(values) else np.nan for values in present]
    spreads = [float(values.std()) if len(values) else np.nan for values in present]
    lines = [
        ("mean", [_as_written(m, s, kind) for m, s in zip(means, spreads, strict=True)]),
        ("std. dev.", [_as_length(spread, kind) for spread in spreads]),
    ]
    zeros = [float(np.mean(part.values == 0)) for part in parts.values()]
    if kind == "number" and any(zeros):
        lines.append(("zeros", [f"{share:.1%}" for share in zeros]))
    return lines


def _as_written(value: float, spread: float, kind: str) -> str:
    """A mean; of dates the day, and the minute where days hardly differ."""
    if kind != "date" or not np.isfinite(value):
        return _as_length(value, kind)
    unit = "D" if spread > 5 * DAY else "m"
    return str(np.datetime64(int(value), "ns").astype(f"datetime64[{unit}]")).replace("T", " ")


def _as_length(value: float, kind: str) -> str:
    return _number(value) if kind == "number" else f"{_number(value / DAY)} days"


# --------------------------------------------------------------------------------------- pictures
def pictures(columns: dict[Hashable, dict[str, Column]], quality: Quality) -> dict[Hashable, str]:
    """The distributions of columns; of very many those that are farthest from the target."""
    chosen = list(columns)
    if len(chosen) > MOST_COLUMNS and quality.figures:
        worst = dict(zip(quality.columns, np.nan_to_num(quality.ratios[1:, -1]), strict=True))
        kept = set(sorted(chosen, key=lambda c: -worst.get(c, 0.0))[:MOST_COLUMNS])
        chosen = [c for c in chosen if c in kept]
    found = {}
    for name in chosen[:MOST_COLUMNS]:
        display = MarginalsDisplay({name: columns[name]}).plot()
        for legend in display.figure_.legends:
            legend.remove()  # the page has one for all of them
        display.ax_.set_title("")
        found[name] = _as_image(display)
    return found


def correlations(
    columns: dict[Hashable, dict[str, Column]], labels: Mapping[str, str]
) -> dict[str, Any] | None:
    """The picture of associations, and the pairs whose is farthest from the target's."""
    if len(columns) < 2:
        return None
    chosen = dict(list(columns.items())[:MOST_CORRELATED])
    names, tables = list(chosen), next(iter(chosen.values()))
    matrices = {t: associations([parts[t] for parts in chosen.values()]) for t in tables}
    compared = next(name for name in ("after", "before") if name in matrices)
    gap = np.abs(matrices[compared] - matrices["target"])
    gap[~np.tri(len(names), k=-1, dtype=bool) | np.isnan(gap)] = -1
    worst = [np.unravel_index(k, gap.shape) for k in np.argsort(-gap, axis=None)[:3]]
    pairs = [
        ((names[j], names[i]), [f"{matrix[i, j]:.2f}" for matrix in matrices.values()])
        for i, j in worst
        if gap[i, j] >= 0
    ]
    display = CorrelationDisplay({labels.get(t, t): m for t, m in matrices.items()}, names).plot()
    left_out = len(columns) - len(chosen)
    return {"picture": _as_image(display), "pairs": pairs, "left_out": left_out}


def neighbors(Z: dict[str, NDArray], blocks: Mapping[Hashable, slice]) -> str | None:
    """Draw the nearest-neighbor distances of moved rows; None if nothing can be compared."""
    if "after" not in Z or not blocks or len(np.unique(Z["target"], axis=0)) < 2:
        return None
    display = NearestNeighborDisplay.from_tables(Z["after"], Z["target"])
    return _as_image(display)


def _as_image(display: Any) -> str:
    """The display's figure as SVG in a data URI: as an image it runs no script."""
    plt = import_matplotlib("report")
    file = io.BytesIO()
    # text stays text, which browsers have fonts for, whatever its script
    options = {"svg.fonttype": "none", "svg.hashsalt": "skflow"}
    with plt.rc_context(options), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        look = {"transparent": True, "bbox_inches": "tight", "pad_inches": 0.05}
        display.figure_.savefig(file, format="svg", metadata={"Date": None}, **look)
    plt.close(display.figure_)
    return f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}"


def column_parts(
    columns: dict[Hashable, dict[str, Column]], quality: Quality, labels: Mapping[str, str]
) -> dict[str, Any]:
    """What the page says of single columns and of pairs."""
    return {
        "pictures": pictures(columns, quality),
        "n_columns": len(columns),
        "values": {name: value_lines(parts) for name, parts in columns.items()},
        "correlations": correlations(columns, labels),
    }
