"""The ``skflow`` command: tables in, tables and a report out.

``skflow transport SOURCE TARGET -o OUT``, ``skflow sample TARGET -n N -o OUT``,
``skflow compare A B``. Tables go to files, reports to standard output, everything else to standard
error: one line and exit code 2 for input that it cannot work with.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skflow.cli._arguments import REFERENCE_ROWS, make_parser
from skflow.cli._chunks import ParquetRows, check_parquet, frame_of, write_moved
from skflow.cli._files import check_output
from skflow.cli._notes import (
    note_columns,
    note_dates,
    note_files,
    note_given,
    note_if_alike,
    note_strays,
    print_list,
)
from skflow.cli._page import check_page, write_page
from skflow.cli._report import as_text, compare_quality, groups_to_reach, transport_quality
from skflow.cli._shell import (
    CommandError,
    Stopped,
    discard_unwritable,
    fail,
    join,
    reason,
    say,
    show,
    stopping,
)
from skflow.cli._tables import Rows, load, open_table, write_like, write_new
from skflow.cli._text import TextOptions, TextRows
from skflow.generators import SDFlowGenerator
from skflow.tabular import TableTransport
from skflow.tabular._measures import Quality

__all__ = ["main"]


# ---------------------------------------------------------------------------------------- commands
def _transport(args: argparse.Namespace) -> None:
    check_output(args.output, [args.source, args.target], args.escape_formulas)
    check_page(args.page, [args.source, args.target, args.output])
    if args.chunk_rows is None:
        _transport_whole(args)
    else:
        _transport_chunks(args)


def _transport_whole(args: argparse.Namespace) -> None:
    """Move all rows as one population."""
    if args.reference_rows is not None:
        raise CommandError("--reference-rows goes with --chunk-rows; without it all rows are used.")
    source, target = _open_tables(args, args.source, args.target)
    columns = _shared_columns(args, [source, target])
    _load(args, [source, target], [*columns, *args.condition_on])
    transport = _make_transport(args, columns)
    if args.generator:
        target_rows = groups_to_reach(target.frame, source.frame, args.by)
        transport.fit(target_rows, X_source=source.frame)
    else:
        transport.fit(target.frame)
    moved = transport.transform(source.frame)
    write_like(args.output, source, target, columns, moved, escapes=args.escape_formulas)
    _report_transport(args, transport, source, target, moved)


def _open_tables(args: argparse.Namespace, *paths: Path) -> list[Rows]:
    options = TextOptions(args.sep, args.decimal, args.encoding)
    return [open_table(path, options) for path in paths]


def _load(args: argparse.Namespace, tables: Sequence[Rows], columns: Sequence[str]) -> None:
    """Read the columns; what a single value makes of one is said before that may be an error."""
    load(tables, columns, args.by)
    note_strays(args, tables, columns)


def _transport_chunks(args: argparse.Namespace) -> None:
    """Move every row on its own, through the flow of some, which is frozen."""
    check_parquet(args.output)
    source, target = ParquetRows(args.source), ParquetRows(args.target)
    columns = _shared_columns(args, [source, target])
    for stream, table in enumerate([source, target]):
        rng = np.random.default_rng([args.seed, stream])
        table.sample(
            [*columns, *args.condition_on], args.by, args.reference_rows or REFERENCE_ROWS, rng
        )
    target.frame = groups_to_reach(target.frame, source.frame, args.by)
    transport = _make_transport(args, columns).fit(target.frame, X_source=source.frame)
    for flow in transport.flows_.values():  # the rows have a progress bar of their own
        flow.set_params(verbose=0)
    write_moved(args.output, source, target, columns, _move_chunks(args, transport, source))
    _report_transport(args, transport, source, target)


def _move_chunks(
    args: argparse.Namespace, transport: TableTransport, source: ParquetRows
) -> Iterator[tuple[Any, Any]]:
    """Yield chunks of the source beside the same rows, moved."""
    from tqdm import tqdm  # with pandas and pyarrow in the same extra

    n_done = 0
    disable = None if transport.verbose else True
    with tqdm(
        total=source.n_rows, unit=" rows", unit_scale=True, disable=disable, leave=False
    ) as bar:
        for chunk in source.chunks(args.chunk_rows):
            seen = [*args.by, *args.condition_on, *transport.columns_]
            frame = frame_of(chunk, seen, n_done)
            yield chunk, transport.transform(frame)
            n_done += len(frame)
            bar.update(len(frame))


def _report_transport(
    args: argparse.Namespace,
    transport: TableTransport,
    source: Rows,
    target: Rows,
    moved: Any = None,
) -> None:
    is_chunked = args.chunk_rows is not None
    if not is_chunked:
        note_files(args, [source, target], transport.columns_)
    note_dates(args, target, transport.columns_)
    note_columns(args, transport, source, target)
    if args.condition_on:
        note_given(args)
    elif not (args.generator or is_chunked):  # whose fit saw the source, and said so
        note_if_alike(args, transport, source, target)
    labels = ["(row labels)"] if isinstance(source, TextRows) and source.has_labels else []
    rest = [*labels, *(name for name in source.names if name not in transport.columns_)]
    if not args.quiet:
        show(f"{args.output}: {source}, moved onto {target}")
        print_list("moved", transport.columns_)
        print_list("untouched", rest)
        if is_chunked:
            show(f"  flow: {len(source.frame)} rows onto {len(target.frame)}, drawn at random")
    if not _wants_quality(args):
        return
    frames, is_frozen = (target.frame, source.frame), args.generator or is_chunked
    quality = _shown_quality(args, transport, *frames, is_frozen=is_frozen)
    if args.page is not None:
        moved = transport.transform(source.frame) if moved is None else moved
        facts = {"source": source, "target": target, "result": args.output, "untouched": rest}
        tables = {"before": source.frame, "after": moved, "target": target.frame}
        write_page(args, "transport", transport.encoder_, tables, quality, facts, transport)


def _shown_quality(
    args: argparse.Namespace, transport: TableTransport, *frames: Any, **options: Any
) -> Quality:
    """Measure the result, and print the figures."""
    ask = args.page is not None
    quality = transport_quality(transport, *frames, ask_classifier=ask, seed=args.seed, **options)
    if not args.quiet:
        show(as_text(quality))
    return quality


def _wants_quality(args: argparse.Namespace) -> bool:
    return args.report and (args.page is not None or not args.quiet)


def _sample(args: argparse.Namespace) -> None:
    check_output(args.output, [args.target], args.escape_formulas)
    check_page(args.page, [args.target, args.output])
    (target,) = _open_tables(args, args.target)
    columns = _shared_columns(args, [target])
    _load(args, [target], columns)
    frame = target.frame[[name for name in target.names if name in target.frame]]
    transport = _make_transport(args, columns).fit(frame)
    samples = transport.sample(args.n)
    write_new(args.output, target, samples, escapes=args.escape_formulas)
    note_files(args, [target], columns)
    note_dates(args, target, columns)
    if not args.quiet:
        show(f"{args.output}: {args.n} new rows like {target}")
        print_list("columns", transport.get_feature_names_out())
    if not _wants_quality(args):
        return
    quality = _shown_quality(args, transport, frame, n_samples=args.n)
    if args.page is not None:
        facts = {"target": target, "result": args.output, "new rows": args.n}
        tables = {"after": samples, "target": frame}
        write_page(args, "sample", transport.encoder_, tables, quality, facts, transport)


def _compare(args: argparse.Namespace) -> None:
    paths = [path for path in (args.a, args.b, args.after) if path is not None]
    check_page(args.page, paths)
    tables = _open_tables(args, *paths)
    columns = _shared_columns(args, tables)
    if args.after is not None and tables[2].n_rows != tables[0].n_rows:
        raise CommandError(f"{tables[2]} is not {tables[0]}, moved: row i has to be row i.")
    _load(args, tables, columns)
    frames = [table.frame for table in tables]
    encoder, quality = compare_quality(columns, *frames, seed=args.seed)
    note_files(args, tables, columns)
    note_dates(args, tables[1], columns)
    for letter, table in zip("ABC", tables, strict=False):
        show(f"{letter}: {table}")
    show(as_text(quality))
    if args.page is not None:
        first, second, *after = frames
        shown = {"before": first, **dict(zip(["after"], after, strict=False)), "target": second}
        command = "compare --after" if after else "compare"
        write_page(args, command, encoder, shown, quality, dict(zip("ABC", tables, strict=False)))


def _shared_columns(args: argparse.Namespace, tables: Sequence[Rows]) -> list[str]:
    """Columns that all tables have and that are to take part, in the target's order."""
    names = [table.names for table in tables]
    for table, has in zip(tables, names, strict=True):
        asked = *args.columns, *args.by, *args.condition_on
        absent = [column for column in asked if column not in has]
        if absent:
            raise CommandError(
                f"{table.path} has no column {join(absent, 'or')}; it has {join(has)}."
            )
    anywhere = {"", *(name for table in names for name in table)}  # row labels may be called ""
    absent = [column for column in args.ignore if column not in anywhere]
    if absent:
        raise CommandError(f"--ignore: there is no column {join(absent, 'or')}.")
    both = [column for column in args.columns if column in args.ignore]
    if both:
        raise CommandError(f"--columns and --ignore both name {join(both)}: choose one of them.")
    columns = args.columns or [
        column
        for column in names[min(1, len(names) - 1)]
        if column not in (*args.ignore, *args.by, *args.condition_on)
        and all(column in known for known in names)
    ]
    if not columns:
        have = "; ".join(f"{t.path} has {join(n)}" for t, n in zip(tables, names, strict=True))
        raise CommandError(f"the tables have no column in common that may be used: {have}.")
    return columns


def _make_transport(args: argparse.Namespace, columns: list[str]) -> TableTransport:
    chosen = {
        "n_steps": args.steps,
        "schedule": args.schedule,
        "schedule__sigma_min": args.sigma_min,
    }
    if not args.generator:  # which learns from all the rows that it is given
        chosen["n_reference"] = getattr(args, "reference_rows", None)
    transport = TableTransport(
        SDFlowGenerator() if args.generator else None,
        columns=columns,
        by=args.by or None,
        condition_on=args.condition_on or None,
        random_state=args.seed,
        verbose=int(not args.quiet and sys.stderr.isatty()),
    )
    return transport.set_params(**{f"flow__{k}": v for k, v in chosen.items() if v is not None})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments; None takes them from the command line.

    Returns
    -------
    code : int
        0, or 2 for input it cannot work with, 130 for an interrupt, 141 for a closed pipe, 128 + n
        for a signal n.

    Examples
    --------
    >>> from skflow.cli import main
    >>> main(["compare", "no-such-file.csv", "no-such-file.csv"])
    2
    """
    try:
        with stopping():
            _run(argv)
        print(end="", flush=True)  # does nothing where there is no standard output
    except Stopped as stopped:
        return 128 + stopped.args[0]
    except BrokenPipeError:  # whoever read our output has seen enough
        discard_unwritable()
        return 141
    except KeyboardInterrupt:
        return 130
    except MemoryError as error:
        text = reason(error) or "out of memory"
        return fail(f"{text} (bounded by --chunk-rows and --reference-rows)")
    except (ValueError, ImportError, OSError) as error:
        return fail(error)
    return 0


def _run(argv: Sequence[str] | None) -> None:
    """Run the command with warnings as lines."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        # of which there is a note, with the file's name
        for told in ("source's column .* that the target does not", "column .* look like dates"):
            warnings.filterwarnings("ignore", message=told)
        notes: list[str] = []

        def hear(message: Any, *_: Any, **__: Any) -> None:
            notes.append(str(message))
            say(f"warning: {message}")

        warnings.showwarning = hear
        parser = make_parser({"transport": _transport, "sample": _sample, "compare": _compare})
        args = parser.parse_args(argv)
        args.notes, args.argv = notes, sys.argv[1:] if argv is None else argv
        if args.run is None:
            parser.error("a command is needed: transport, sample or compare")
        args.run(args)
