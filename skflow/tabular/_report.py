"""A report on moved rows: one page of HTML that needs nothing else."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

from skflow._draws import draw_evenly
from skflow._version import __version__
from skflow.plotting._columns import read_columns
from skflow.tabular._encoder import TableEncoder
from skflow.tabular._measures import MAX_ROWS, Quality, blocks_of, measure, quality_of
from skflow.tabular._report_parts import MOST_LEVELS, column_parts, fit_lines, neighbors
from skflow.tabular._tells import tell_apart
from skflow.tabular._verdict import verdict_on

__all__ = ["TableReport", "import_jinja2", "kept_by", "make_report", "report_on"]

FITTED = (
    "They are distances to the rows that the flow was fitted to; to fresh ones they would be a "
    "little longer."
)
SMALL_TABLE = 30  # rows of a table, below which its figures are mostly chance


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
        kept=kept_by(transport),
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


def kept_by(transport: Any) -> list[str]:
    """Columns that decide where a row may go, and stay as they are."""
    return [str(name) for name in (*transport.by_, *transport.condition_on_)]


def _target_of(transport: Any, rng: np.random.Generator) -> Any:
    """The target's rows, in proportion to their weights: as many as there were, unless many."""
    weight = transport.target_weight_
    n = min(round(1 / weight.min()), 4 * MAX_ROWS)
    rows = draw_evenly(np.cumsum(weight), n, rng)
    return transport.encoder_.decode(transport.target_).iloc[rows]


def _notes(transport: Any, source: Any) -> list[str]:
    notes = [
        f"The target has no {column} {', '.join(map(repr, values[:MOST_LEVELS]))}"
        f"{' and others' * (len(values) > MOST_LEVELS)}: such rows got the {column} that goes with "
        "their other values."
        for column, values in transport.encoder_.unknown(source).items()
    ]
    if transport.by_:
        groups = ", ".join(map(str, transport.by_))
        notes.append(
            f"Rows stayed in their groups of {groups}. The figures here are over all groups, so "
            "they also show how the groups' shares differ from the target's."
        )
    if transport.condition_on_:
        given = ", ".join(map(str, transport.condition_on_))
        notes.append(
            f"Columns were moved given {given}. The figures here are over all rows, so they also "
            f"show how {given} differ from the target's."
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
    kept: Sequence[str] = (),
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
    kept : sequence of str, default=()
        Columns that rows kept while the others moved.
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
    template, rng = _template(), np.random.default_rng(seed)
    shown = _some(tables, rng)
    columns = read_columns(shown, list(encoder.codecs), {})
    Z, blocks = {n: encoder.encode(t, name=n) for n, t in shown.items()}, blocks_of(encoder)
    *_, compared, target = Z.values()
    telling = quality.telling or tell_apart([(compared, target)], blocks, rng)
    page = {
        "title": title,
        "roles": {name: (labels or {}).get(name, name) for name in tables},
        "verdict": verdict_on(quality, telling, subject, others, kept),
        "facts": facts,
        "quality": quality,
        "fit": fit_lines(quality),
        **column_parts(columns, quality, labels or {}),
        "telling": telling,
        "neighbors": neighbors(Z, blocks),
        "notes": [*notes, *_on_size(tables, shown)],
        "settings": {**settings, "versions": _versions()},
    }
    return TableReport(template.render(page))


def _template() -> Any:
    jinja2 = import_jinja2()
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    text = files("skflow.tabular").joinpath("report.html").read_text(encoding="utf-8")
    return environment.from_string(text)


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
    if least < SMALL_TABLE:
        notes.append(f"One of the tables has {least} rows only: its figures are mostly chance.")
    return notes


def _versions() -> str:
    versions = {"skflow": __version__, "scikit-learn": sklearn.__version__, "NumPy": np.__version__}
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{named}, Python {platform.python_version()}"
