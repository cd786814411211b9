"""A report on moved rows: one page of HTML that needs nothing else."""

from __future__ import annotations

import base64
import io
import platform
import warnings
from collections.abc import Hashable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray

from skflow._utils import draw_evenly
from skflow.plotting import CorrelationDisplay, MarginalsDisplay, NearestNeighborDisplay
from skflow.plotting._base import import_matplotlib
from skflow.plotting._columns import Column, read_columns
from skflow.plotting._correlation import associations
from skflow.tabular._encoder import TableEncoder
from skflow.tabular._measures import MAX_ROWS, Quality, blocks_of, measure, quality_of
from skflow.tabular._tells import tell_apart
from skflow.tabular._verdict import verdict_on

__all__ = ["TableReport", "import_jinja2", "make_report", "report_on"]

FITTED = (
    "They are distances to the rows that the flow was fitted to; to fresh ones they would be a "
    "little longer."
)
DAY = 86400e9  # in ns
FEW_ROWS = 30
MOST_COLUMNS = 24  # with a picture of their own
MOST_CORRELATED = 20  # in the picture of correlations
MOST_VALUES = 6  # of a category, with a share of their own


class TableReport:
    """A report as a page: a notebook shows it, ``save`` writes it.

    Parameters
    ----------
    html : str
        The page. It loads nothing, and runs no script.

    Examples
    --------
    >>> from skflow.tabular import TableReport
    >>> TableReport("<!doctype html><p>all is well</p>").html
    '<!doctype html><p>all is well</p>'
    """

    def __init__(self, html: str) -> None:
        self.html = html

    def save(self, path: str | Path) -> Path:
        """Write the page to a file.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        path : Path
            The same.
        """
        Path(path).write_bytes(self.html.encode("utf-8", "backslashreplace"))
        return Path(path)

    def _repr_html_(self) -> str:
        """A frame of its own, so that its style and a notebook's leave each other alone."""
        style = "width:100%;height:720px;border:1px solid #d8dce2"
        return f'<iframe sandbox srcdoc="{escape(self.html)}" style="{style}"></iframe>'


def import_jinja2() -> Any:
    """Return jinja2, or say which extra has it."""
    try:
        import jinja2
    except ImportError:
        raise ImportError(
            "a report is written with Jinja2, which is not installed: "
            'pip install "scikit-sdflow[table,plot]".'
        ) from None
    return jinja2


def report_on(transport: Any, source: Any, moved: Any) -> TableReport:
    """Return the report of `TableTransport.report`."""
    if len(source) != len(moved):
        raise ValueError(
            f"moved has {len(moved)} rows, but source has {len(source)}: row i of moved is to be "
            "row i of source, moved."
        )
    encoder, seed = transport.encoder_, int(transport._seed[0])
    rng = np.random.default_rng(seed)
    tables = {"before": source, "after": moved, "target": _target_of(transport, rng)}
    Z, moved_Z, Y = (encoder.encode(t, name=n) for n, t in _some(tables, rng).items())
    quality = Quality("All columns are constant in the target.")
    if encoder.width:
        figures = measure(encoder, Z, moved_Z, Y, None, None, rng)
        quality = quality_of(encoder, ["before", "after"], figures, FITTED)
    rest = [name for name in source.columns if name not in transport.columns_]
    return make_report(
        encoder,
        tables,
        quality,
        title="Rows moved onto a target table",
        facts={
            "source": f"{len(source)} rows",
            "target": f"{len(transport.target_)} distinct rows",
            "moved": ", ".join(map(str, transport.columns_)),
            "untouched": ", ".join(map(str, rest)) or "none",
        },
        notes=_notes(transport, source),
        settings={"transport": transport, "random_state": transport.random_state},
        seed=seed,
    )


def _target_of(transport: Any, rng: np.random.Generator) -> Any:
    """The target's rows, in proportion to their weights: as many as there were, unless many."""
    weight = transport.target_weight_
    n = min(round(1 / weight.min()), 4 * MAX_ROWS)
    rows = draw_evenly(np.cumsum(weight), n, rng)
    return transport.encoder_.decode(transport.target_).iloc[rows]


def _notes(transport: Any, source: Any) -> list[str]:
    notes = [
        f"The target has no {column} {', '.join(map(repr, values[:MOST_VALUES]))}"
        f"{' and others' * (len(values) > MOST_VALUES)}: such rows got the {column} that goes with "
        "their other values."
        for column, values in transport.encoder_.unknown(source).items()
    ]
    if transport.by_:
        groups = ", ".join(map(str, transport.by_))
        notes.append(
            f"Rows stayed in their groups of {groups}. The figures here are over all groups, so "
            "they also show how the groups' shares differ from the target's."
        )
    return notes


def make_report(
    encoder: TableEncoder,
    tables: Mapping[str, Any],
    quality: Quality,
    *,
    title: str,
    subject: str = "the moved rows",
    others: str = "the target",
    labels: Mapping[str, str] | None = None,
    facts: Mapping[str, Any],
    notes: Sequence[str] = (),
    settings: Mapping[str, Any],
    seed: int = 0,
) -> TableReport:
    """Make the page.

    Parameters
    ----------
    encoder : TableEncoder
        The columns as coordinates.
    tables : dict of str to DataFrame
        The tables "before", "after" and "target", those that there are, the target last. Row i of
        the second is row i of the first, moved.
    quality : Quality
        What was measured.
    title : str
        What the page is about.
    subject, others : str
        What the rows are called, and what they are compared with.
    labels : dict of str to str, default=None
        What the page calls the tables; None calls them by their names.
    facts, settings : dict of str to object
        Lines on what was done, and with what.
    notes : list of str
        Warnings.
    seed : int, default=0
        Of the rows of long tables that are looked at, and of the classifier.

    Returns
    -------
    report : TableReport
        The page.
    """
    jinja2 = import_jinja2()
    rng = np.random.default_rng(seed)
    shown = _some(tables, rng)
    columns = read_columns(shown, list(encoder.codecs), {})
    Z = {name: encoder.encode(table, name=name) for name, table in shown.items()}
    compared = next(name for name in ("after", "before") if name in Z)
    blocks = blocks_of(encoder)
    telling = quality.telling or tell_apart([(Z[compared], Z["target"])], blocks, rng)
    page = {
        "title": title,
        "roles": {name: (labels or {}).get(name, name) for name in tables},
        "verdict": verdict_on(quality, telling, subject, others),
        "facts": facts,
        "quality": quality,
        "fit": _fit_lines(quality),
        "pictures": _pictures(columns, quality),
        "n_columns": len(columns),
        "values": {name: _values(parts) for name, parts in columns.items()},
        "correlations": _correlations(columns, labels or {}),
        "telling": telling,
        "neighbors": _neighbors(Z, blocks),
        "notes": [*notes, *_on_size(tables, shown)],
        "settings": {**settings, "versions": _versions()},
    }
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = files("skflow.tabular").joinpath("report.html").read_text(encoding="utf-8")
    return TableReport(environment.from_string(template).render(page))


def _some(tables: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Rows of long tables, the same ones before and after."""
    shown, kept = {}, {}
    for name, table in tables.items():
        if len(table) not in kept or name == "target":
            kept[len(table)] = np.sort(rng.permutation(len(table))[:MAX_ROWS])
        shown[name] = table.iloc[kept[len(table)]]
    return shown


def _on_size(tables: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    notes = []
    if any(len(tables[name]) > len(shown[name]) for name in tables):
        notes.append(
            f"Pictures and shares are those of {MAX_ROWS} rows of a table, drawn at random."
        )
    least = min(map(len, tables.values()))
    if least < FEW_ROWS:
        notes.append(f"One of the tables has {least} rows only: its figures are mostly chance.")
    return notes


def _versions() -> str:
    from skflow import __version__  # which is known once the package is imported

    versions = {"skflow": __version__, "scikit-learn": sklearn.__version__, "NumPy": np.__version__}
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{named}, Python {platform.python_version()}"


def _fit_lines(quality: Quality) -> list[tuple[Hashable, list[str]]]:
    """Lines of the table of distances: floor, then every distance and its multiple of the floor."""
    if not quality.figures:
        return []
    lines = []
    names = ["whole table", *quality.columns]
    figures = zip(names, quality.figures["distances"], quality.ratios, strict=True)
    for name, (floor, *distances), ratios in figures:
        cells = [_number(floor)]
        for distance, ratio in zip(distances, ratios, strict=True):
            cells += [_number(distance), f"{ratio:.2f}" if np.isfinite(ratio) else "–"]
        lines.append((name, cells))
    return lines


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "–"


# ----------------------------------------------------------------------------------------- values
def _values(parts: dict[str, Column]) -> list[tuple[str, list[str]]]:
    """Lines of a column: shares of its values, or its mean, deviation, zeros and missing values."""
    kind = next(iter(parts.values())).kind
    lines = _shares(parts) if kind == "category" else _moments(parts, kind)
    missing = [part.missing_share for part in parts.values()]
    if any(missing):
        lines.append(("missing", [f"{share:.1%}" for share in missing]))
    return lines


def _shares(parts: dict[str, Column]) -> list[tuple[str, list[str]]]:
    shares = [part.shares() for part in parts.values()]
    values = list(dict.fromkeys(value for share in reversed(shares) for value in share))
    values.sort(key=lambda value: -max(share.get(value, 0.0) for share in shares))
    lines = [
        (str(value), [f"{share.get(value, 0.0):.1%}" for share in shares])
        for value in values[:MOST_VALUES]
    ]
    rest = values[MOST_VALUES:]
    if rest:
        sums = [sum(share.get(value, 0.0) for value in rest) for share in shares]
        lines.append((f"{len(rest)} other values", [f"{share:.1%}" for share in sums]))
    return lines


def _moments(parts: dict[str, Column], kind: str) -> list[tuple[str, list[str]]]:
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
def _pictures(columns: dict[Hashable, dict[str, Column]], quality: Quality) -> dict[Hashable, str]:
    """The distributions of columns; of very many those that are farthest from the target."""
    chosen = list(columns)
    if len(chosen) > MOST_COLUMNS and quality.figures:
        worst = dict(zip(quality.columns, np.nan_to_num(quality.ratios[1:, -1]), strict=True))
        kept = set(sorted(chosen, key=lambda c: -worst.get(c, 0.0))[:MOST_COLUMNS])
        chosen = [c for c in chosen if c in kept]
    pictures = {}
    for name in chosen[:MOST_COLUMNS]:
        display = MarginalsDisplay({name: columns[name]}).plot()
        for legend in display.figure_.legends:
            legend.remove()  # the page has one for all of them
        display.ax_.set_title("")
        pictures[name] = _as_image(display)
    return pictures


def _correlations(
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


def _neighbors(Z: dict[str, NDArray], blocks: Mapping[Hashable, slice]) -> str | None:
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
        display.figure_.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    plt.close(display.figure_)
    return f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}"
