"""The report as a page, ``--report report.html``."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skflow.cli._files import check_writable, replacing
from skflow.cli._shell import CommandError, say
from skflow.plotting._base import import_matplotlib
from skflow.tabular import TableEncoder
from skflow.tabular._measures import Quality
from skflow.tabular._report import import_jinja2, kept_by, make_report

__all__ = ["check_page", "write_page"]

PAGE_ENDINGS = ".html", ".htm"
PAGE_WORDS = {  # of a command: title, rows that are compared, what with, names of the tables
    "transport": ("Rows moved onto a target table", "the moved rows", "the target", {}),
    "sample": ("New rows like those of a table", "the new rows", "the target", {"after": "new"}),
    "compare": ("Two tables compared", "the rows of A", "B", {"before": "A", "target": "B"}),
    "compare --after": (
        "A table, moved, compared with its target",
        "the moved rows",
        "B",
        {"before": "A", "after": "C", "target": "B"},
    ),
}


def check_page(path: Path | None, others: Sequence[Path]) -> None:
    """Find out before the work whether a page can be written.

    Parameters
    ----------
    path : Path or None
        The page; None is none.
    others : list of Path
        Files that it must not replace.
    """
    if path is None:
        return
    if path.suffix.lower() not in PAGE_ENDINGS:
        raise CommandError(f"--report {path}: a page ends in {' or '.join(PAGE_ENDINGS)}.")
    import_jinja2()
    import_matplotlib("--report")
    check_writable(path, others)


def write_page(
    args: argparse.Namespace,
    command: str,
    encoder: TableEncoder,
    tables: Mapping[str, Any],
    quality: Quality,
    facts: Mapping[str, Any],
    transport: Any = None,
) -> None:
    """Write the page.

    Parameters
    ----------
    args : Namespace
        What the command was told.
    command : str
        Its name.
    encoder : TableEncoder
        The columns as coordinates.
    tables : dict of str to DataFrame
        The tables "before", "after" and "target", those that there are.
    quality : Quality
        What was measured.
    facts : dict of str to object
        What was done; lists are written with commas.
    transport : TableTransport, default=None
        What moved the rows.
    """
    title, subject, others, labels = PAGE_WORDS[command]
    columns = ", ".join(map(str, encoder.blocks))
    settings = {"command": shlex.join(["skflow", *args.argv]), "seed": args.seed}
    report = make_report(
        encoder,
        tables,
        quality,
        title=title,
        subject=subject,
        others=others,
        labels=labels,
        kept=kept_by(transport) if command == "transport" else (),
        facts={**{name: _as_text(value) for name, value in facts.items()}, "columns": columns},
        notes=args.notes,
        settings=settings if transport is None else {**settings, "transport": transport},
        seed=args.seed,
    )
    with replacing(args.page) as file:
        file.write(report.html.encode("utf-8", "backslashreplace"))
    if not args.quiet:
        say(f"report: {args.page}")


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
