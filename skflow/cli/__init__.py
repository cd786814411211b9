"""The ``skflow`` command: tables in, tables and a report out.

``skflow transport SOURCE TARGET -o OUT``, ``skflow sample TARGET -n N -o OUT``,
``skflow compare A B``. Tables go to files, reports to standard output, everything else to standard
error: one line and exit code 2 for input that it cannot work with.
"""

from __future__ import annotations

import argparse
import codecs
import csv
import os
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from skflow import __version__
from skflow.advice import find_alike
from skflow.cli._chunks import ParquetRows, check_parquet, frame_of, write_moved
from skflow.cli._files import check_output
from skflow.cli._page import check_page, write_page
from skflow.cli._report import MIN_ROWS, as_text, compare_quality, of_groups, transport_quality
from skflow.cli._shell import CommandError, Stopped, join, say, show, stopping, visible
from skflow.cli._tables import Rows, load, notes_of, open_table, write_like, write_new
from skflow.cli._text import TextOptions, TextRows
from skflow.generators import SDFlowGenerator
from skflow.tabular import TableTransport

__all__ = ["main"]

REFERENCE_ROWS = 2000  # of either table: where the samplers' own rule stops, too

ABOUT = """\
Moves the rows of one table onto another: afterwards they are distributed like the rows of that
target table, in every column and every combination of columns, and each row stays as near to where
it was as the target allows. Numbers, whole numbers, text and yes/no may be mixed. Reads and writes
CSV (.csv, .tsv, also with .gz; dates there as 2024-03-01) and Parquet (.parquet).
"""

EXAMPLES = """\
examples, to be run in a copy of the repository:
  # penguins of one island, moved onto those of another; rowid is an identifier, not a measurement
  skflow transport examples/data/penguins_biscoe.csv examples/data/penguins_dream.csv \\
      --ignore rowid -o moved.csv

  # females onto females, males onto males
  skflow transport examples/data/penguins_biscoe.csv examples/data/penguins_dream.csv \\
      --ignore rowid --by sex -o moved.csv

  # a table larger than memory, 100000 rows at a time
  skflow transport source.parquet target.parquet --chunk-rows 100000 -o moved.parquet

  # 500 new penguins
  skflow sample examples/data/penguins_dream.csv -n 500 --ignore rowid -o new.csv

  # the same by a generator: worth its training for very many rows
  skflow sample examples/data/penguins_dream.csv -n 100000 --generator --ignore rowid \\
      --no-report -o new.csv

  # the same with a report to show: figures, shares, what still differs
  skflow transport examples/data/penguins_biscoe.csv examples/data/penguins_dream.csv \\
      --ignore rowid -o moved.csv --report report.html

  # how far apart are the two islands, and what did moving change?
  skflow compare examples/data/penguins_biscoe.csv examples/data/penguins_dream.csv \\
      --after moved.csv --ignore rowid
"""

NUMBERS = """\
what the numbers mean:
  before, after  energy distance to the target, before and after moving: 0 where two distributions
                 agree. Columns are first scaled to variance 1, so that units do not matter.
                 transport and sample measure to held-out thirds of the target, compare to all of
                 it, so their floors differ.
  floor          the distance that as many fresh rows of the target would show, by chance alone.
  x floor        the distance as a multiple of the floor: about 1 is as good as it gets. Chance can
                 change the figure of a single comparison by half of it and more.
  p              compare: how often chance alone makes two tables differ as much as these do, by
                 1000 random divisions of the rows of both. Columns are tests of their own, adjusted
                 (Holm): all of p <= 0.05 differ, with at most 5 % risk that any does not.
  copy           how near the new rows are to target rows, against how near those are to each
                 other: 0 for copies, about 1 for fresh rows.
  scramble       how far rows were moved, against the shortest way to the same result: 1 is the
                 shortest. Handing out target rows at random would fit, too, but scramble.
"""


# ---------------------------------------------------------------------------------------- commands
def _transport(args: argparse.Namespace) -> None:
    check_output(args.output, [args.source, args.target])
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
    load([source, target], columns, args.by)
    transport = _make_transport(args, columns)
    if args.generator:
        target_rows = _groups_to_reach(target.frame, source.frame, args.by)
        transport.fit(target_rows, X_source=source.frame)
    else:
        transport.fit(target.frame)
    moved = transport.transform(source.frame)
    write_like(args.output, source, target, columns, moved)
    _report_transport(args, transport, source, target, moved)


def _open_tables(args: argparse.Namespace, *paths: Path) -> list[Rows]:
    options = TextOptions(args.sep, args.decimal, args.encoding)
    return [open_table(path, options) for path in paths]


def _transport_chunks(args: argparse.Namespace) -> None:
    """Move every row on its own, through the flow of some, which is frozen."""
    check_parquet(args.output)
    source, target = ParquetRows(args.source), ParquetRows(args.target)
    columns = _shared_columns(args, [source, target])
    for stream, table in enumerate([source, target]):
        rng = np.random.default_rng([args.seed, stream])
        table.sample(columns, args.by, args.reference_rows or REFERENCE_ROWS, rng)
    target.frame = _groups_to_reach(target.frame, source.frame, args.by)
    transport = _make_transport(args, columns).fit(target.frame, X_source=source.frame)
    for flow in transport.flows_.values():  # the rows have a progress bar of their own
        flow.set_params(verbose=0)
    write_moved(args.output, source, target, columns, _move_chunks(args, transport, source))
    _report_transport(args, transport, source, target)


def _groups_to_reach(target: Any, source: Any, by: list[str]) -> Any:
    """Target rows of the groups that the source has; all if it has none, which is an error later.

    Groups without a source have nothing to move, and a flow that is made of both sides needs both.
    """
    kept = of_groups(target, source, by)
    return kept if len(kept) else target


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
            frame = frame_of(chunk, [*args.by, *transport.columns_], n_done)
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
        _note_files(args, [source, target], transport.columns_)
    _note_columns(args, transport, source, target)
    if not (args.generator or is_chunked):  # whose fit saw the source, and said so
        _note_if_alike(args, transport, source, target)
    labels = ["(row labels)"] if isinstance(source, TextRows) and source.has_labels else []
    rest = [*labels, *(name for name in source.names if name not in transport.columns_)]
    if not args.quiet:
        show(f"{args.output}: {source}, moved onto {target}")
        _print_list("moved", transport.columns_)
        _print_list("untouched", rest)
        if is_chunked:
            show(f"  flow: {len(source.frame)} rows onto {len(target.frame)}, drawn at random")
    if not _wants_quality(args):
        return
    quality = transport_quality(
        transport,
        target.frame,
        source.frame,
        is_frozen=args.generator or is_chunked,
        ask_classifier=args.page is not None,
        seed=args.seed,
    )
    if not args.quiet:
        show(as_text(quality))
    if args.page is not None:
        moved = transport.transform(source.frame) if moved is None else moved
        facts = {"source": source, "target": target, "result": args.output, "untouched": rest}
        tables = {"before": source.frame, "after": moved, "target": target.frame}
        write_page(args, "transport", transport.encoder_, tables, quality, facts, transport)


def _wants_quality(args: argparse.Namespace) -> bool:
    return args.report and (args.page is not None or not args.quiet)


def _sample(args: argparse.Namespace) -> None:
    check_output(args.output, [args.target])
    check_page(args.page, [args.target, args.output])
    (target,) = _open_tables(args, args.target)
    columns = _shared_columns(args, [target])
    load([target], columns, args.by)
    frame = target.frame[[name for name in target.names if name in target.frame]]
    transport = _make_transport(args, columns).fit(frame)
    samples = transport.sample(args.n)
    write_new(args.output, target, samples)
    _note_files(args, [target], columns)
    if not args.quiet:
        show(f"{args.output}: {args.n} new rows like {target}")
        _print_list("columns", transport.get_feature_names_out())
    if not _wants_quality(args):
        return
    quality = transport_quality(
        transport,
        frame,
        n_samples=args.n,
        ask_classifier=args.page is not None,
        seed=args.seed,
    )
    if not args.quiet:
        show(as_text(quality))
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
    load(tables, columns, [])
    frames = [table.frame for table in tables]
    encoder, quality = compare_quality(columns, *frames, seed=args.seed)
    _note_files(args, tables, columns)
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
        absent = [column for column in (*args.columns, *args.by) if column not in has]
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
        if column not in (*args.ignore, *args.by) and all(column in known for known in names)
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
        random_state=args.seed,
        verbose=int(not args.quiet and sys.stderr.isatty()),
    )
    return transport.set_params(**{f"flow__{k}": v for k, v in chosen.items() if v is not None})


def _note_columns(
    args: argparse.Namespace,
    transport: TableTransport,
    source: Rows,
    target: Rows,
) -> None:
    """Say what the reader of the result should know about its columns."""
    known = {*source.names, *args.ignore}
    only = [] if args.columns else [column for column in target.names if column not in known]
    if only:
        _note(args, f"only the target has {join(only)}: left out")
    for column in transport.columns_:
        both = source.frame[column], target.frame[column]
        if all(len(c) >= MIN_ROWS and c.is_unique and c.dtype.kind != "f" for c in both):
            _note(args, f"{column} never repeats; if it only names the rows, --ignore {column}")
    for column, values in transport.encoder_.unknown(source.frame).items():
        listed = join([*map(repr, values[:3]), *(["others"] if len(values) > 3 else [])])
        _note(
            args,
            f"{'the drawn part of ' * isinstance(target, ParquetRows)}the target has no "
            f"{column} {listed}: such rows get the {column} that goes with their other values",
        )


def _note_if_alike(
    args: argparse.Namespace, transport: TableTransport, source: Rows, target: Rows
) -> None:
    """Say that there was nothing to move."""
    sentence = find_alike(transport.encode(source.frame), transport.encode(target.frame))
    if sentence:
        _note(args, sentence)


def _note_files(args: argparse.Namespace, tables: Sequence[Rows], columns: Sequence[str]) -> None:
    for note in notes_of(tables, columns):
        _note(args, note)


def _note(args: argparse.Namespace, text: str) -> None:
    """Keep a note for the page, and say it."""
    args.notes.append(text)
    if not args.quiet:
        say(f"note: {text}")


def _print_list(title: str, names: Iterable[Any]) -> None:
    text = ", ".join(visible(name) or "''" for name in names) or "none"
    show(textwrap.fill(f"{title}: {text}", 80, initial_indent="  ", subsequent_indent="    "))


# --------------------------------------------------------------------------------------- arguments
class _Parser(argparse.ArgumentParser):
    """argparse, with the errors of this command."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (see {self.prog} --help)")


def _parser() -> _Parser:
    layout: dict[str, Any] = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }
    parser = _Parser("skflow", description=ABOUT, epilog=f"{EXAMPLES}\n{NUMBERS}", **layout)
    parser.add_argument("--version", action="version", version=f"skflow {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    parser.set_defaults(run=None)

    transport = commands.add_parser(
        "transport", help="move the rows of one table onto another", epilog=NUMBERS, **layout
    )
    transport.add_argument("source", type=Path, metavar="SOURCE", help="the rows that are moved")
    transport.add_argument("target", type=Path, metavar="TARGET", help="where they are moved to")
    transport.set_defaults(run=_transport)
    _add_chunk_options(transport)

    sample = commands.add_parser(
        "sample", help="make new rows that are distributed like a table", epilog=NUMBERS, **layout
    )
    sample.add_argument("target", type=Path, metavar="TARGET", help="what they are to be like")
    sample.add_argument("-n", type=_integer(1), required=True, metavar="N", help="number of rows")
    sample.set_defaults(run=_sample)

    compare = commands.add_parser(
        "compare", help="measure how far apart two tables are", epilog=NUMBERS, **layout
    )
    compare.add_argument("a", type=Path, metavar="A", help="a table")
    compare.add_argument("b", type=Path, metavar="B", help="the target it is compared with")
    compare.add_argument("--after", type=Path, metavar="C", help="A, moved (row i is row i of A)")
    compare.set_defaults(run=_compare, by=[], quiet=False)
    _add_page_option(compare)

    for command in (transport, sample):
        _add_flow_options(command)
    for command in (transport, sample, compare):
        _add_column_options(command)
        _add_text_options(command)
    return parser


def _add_flow_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="the file to write")
    add("--by", type=_names, default=[], metavar="COL,...", help="stay within groups of equal COL")
    add(
        "--steps",
        type=_integer(1),
        metavar="N",
        help="steps of the flow, or of an epoch (default: 50)",
    )
    add(
        "--generator",
        action="store_true",
        help="train a neural network that makes a row in a single pass: half a minute to train, "
        "then fast for any number of rows",
    )
    add("--schedule", metavar="NAME", help="constant, linear, cosine, geometric or karras")
    add("--sigma-min", type=_number, metavar="X", help='last bandwidth: 0.3, "nn", "1.5*nn", ...')
    measured = command.add_mutually_exclusive_group()
    _add_page_option(measured)
    measured.add_argument(
        "--no-report", dest="report", action="store_false", help="do not measure the result"
    )
    add("--quiet", action="store_true", help="print nothing but errors")


def _add_page_option(command: Any) -> None:
    command.add_argument(
        "--report",
        dest="page",
        type=Path,
        metavar="PAGE",
        help="write a report with figures as a page, such as report.html",
    )


def _add_chunk_options(command: argparse.ArgumentParser) -> None:
    chunks = command.add_argument_group(
        "tables larger than memory",
        "Without --chunk-rows all rows are moved together, as one population. With it a flow of\n"
        "some rows of both tables, drawn at random, is run once, and every row is then moved\n"
        "through it on its own. Memory is that of a chunk, whose size does not change the result.",
    )
    chunks.add_argument(
        "--chunk-rows",
        type=_integer(1),
        metavar="N",
        help="read, move and write N rows at a time (Parquet only), such as 100000",
    )
    chunks.add_argument(
        "--reference-rows",
        type=_integer(10),
        metavar="N",
        help="rows of either table (of every group of --by) that the flow is made of: more fit "
        f"better, and take longer in proportion (default: {REFERENCE_ROWS})",
    )


def _add_column_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "--columns", type=_names, default=[], metavar="COL,...", help="only these columns take part"
    )
    add("--ignore", type=_names_or_none, default=[], metavar="COL,...", help="these columns do not")
    add(
        "--seed",
        type=_integer(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="of all randomness (default: 0)",
    )


def _add_text_options(command: argparse.ArgumentParser) -> None:
    text = command.add_argument_group(
        "text files",
        "For all that are read; without these options each file's first lines and its numbers\n"
        "tell. What is written has the marks of SOURCE, or of TARGET for new rows, and is in\n"
        "UTF-8. In columns of numbers NA, NaN, nan, null, None, N/A and #N/A are missing values.",
    )
    text.add_argument(
        "--sep",
        type=_separator,
        metavar="MARK",
        help="what separates columns: ',', ';', tab, '|' or another mark",
    )
    text.add_argument(
        "--decimal", choices=[".", ","], metavar="MARK", help="what precedes decimals: '.' or ','"
    )
    text.add_argument(
        "--encoding",
        type=_encoding,
        metavar="NAME",
        help="of files that are not in UTF-8 and do not begin with a byte-order mark: latin-1, "
        "cp1252, ...",
    )


def _separator(text: str) -> str:
    mark = "\t" if text in ("tab", "\\t") else text
    if len(mark) != 1 or not mark.isascii() or mark.isalnum() or mark in '"\r\n.+-_':
        raise argparse.ArgumentTypeError(f"must be tab or a mark such as ',' or ';': {text!r}")
    return mark


def _encoding(name: str) -> str:
    try:
        "".encode(name)  # base64 and others are codecs, but not of text
        return codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"is no known encoding, such as utf-8, latin-1 or cp1252: {name!r}"
        ) from None


def _names_or_none(text: str) -> list[str]:
    """The same, and none in an empty text, which also is the name of a column without one."""
    return _names(text) if text else [""]


def _names(text: str) -> list[str]:
    """Column names between commas; a name that holds a comma is quoted, as in CSV."""
    names = next(csv.reader([text]), [])
    if not names:
        raise argparse.ArgumentTypeError("names no column: leave the option out")
    return names


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _integer(minimum: int, maximum: int = 10**9) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {minimum} to {maximum}: {text!r}"
            )
        return int(text)

    return convert


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
        if sys.stdout is not None:
            sys.stdout.flush()
    except Stopped as stopped:
        return 128 + stopped.args[0]
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except MemoryError:
        say("error: there is not enough memory for this: take fewer rows or columns")
        return 2
    except (ValueError, ImportError, OSError) as error:
        say(f"error: {error}")
        return 2
    return 0


def _run(argv: Sequence[str] | None) -> None:
    """Run the command with warnings as lines."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        # of which there is a note, with the file's name
        warnings.filterwarnings("ignore", message="source's column .* that the target's has not")
        notes: list[str] = []

        def hear(message: Any, *_: Any, **__: Any) -> None:
            notes.append(str(message))
            say(f"warning: {message}")

        warnings.showwarning = hear
        parser = _parser()
        args = parser.parse_args(argv)
        args.notes, args.argv = notes, sys.argv[1:] if argv is None else argv
        if args.run is None:
            parser.error("a command is needed: transport, sample or compare")
        args.run(args)
