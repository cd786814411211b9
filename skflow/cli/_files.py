"""Files: known by their endings, checked before the work, written as a whole or not at all."""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from skflow._utils import check_memory
from skflow.cli._shell import CommandError

__all__ = [
    "check_cells",
    "check_output",
    "check_writable",
    "is_text",
    "packed",
    "replacing",
    "separator_of",
]

CELL_BYTES = 200  # of memory that a value takes from being read until it is written, at least
ENDINGS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t", ".parquet": None}


def separator_of(path: Path) -> str | None:
    """Return what a file's ending says that its columns are separated by; None for Parquet.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    separator : str or None
        A comma or a tab.
    """
    for ending, separator in ENDINGS.items():
        if path.name.lower().endswith(ending):
            return separator
    raise CommandError(f"{path} is of no known format. Known endings: {', '.join(ENDINGS)}.")


def is_text(path: Path) -> bool:
    """Whether a file's name says that it holds text."""
    return separator_of(path) is not None


def check_output(path: Path, inputs: Sequence[Path], escapes: bool) -> None:
    """Find out before the work whether its result can be written, without touching anything."""
    if escapes and not is_text(path):
        raise CommandError(f"--escape-formulas is for text, which {path} is not.")
    separator_of(path)
    check_writable(path, inputs)


def check_writable(path: Path, others: Sequence[Path]) -> None:
    """Raise an error unless a file can be written that is none of the others."""
    real = _real(path)
    if real.exists() and any(other.exists() and real.samefile(other) for other in others):
        raise CommandError(f"{path} is an input: the output needs a name of its own.")
    if real.exists() and not real.is_file():
        raise CommandError(f"cannot write {path}: it is not a file.")
    if real.exists() and not os.access(real, os.W_OK):
        raise CommandError(f"cannot write {path}: Permission denied.")
    probe = _temporary(real)
    try:
        probe.touch(exist_ok=False)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}.") from None
    finally:
        _remove(probe)


def check_cells(path: Path, n_cells: float) -> None:
    """Refuse a table that as a whole would not fit into memory, before it is read."""
    check_memory(
        CELL_BYTES * n_cells,
        f"{path} as a whole",
        "take fewer columns (--columns), or move a Parquet file in parts (--chunk-rows 100000)",
    )


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is written under another name, and renamed if all goes well."""
    real = _real(path)
    temporary = _temporary(real)
    try:
        with open(temporary, "xb") as file:
            yield file
        if real.exists():
            shutil.copymode(real, temporary)
        os.replace(temporary, real)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or error}.") from None
    finally:
        _remove(temporary)


@contextmanager
def packed(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """Pack what is written to a file, if its ending says so."""
    if path.suffix.lower() == ".gz":
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as archive:  # no time stamp
            yield archive  # type: ignore[misc]
    else:
        yield file


def _remove(path: Path) -> None:
    with suppress(OSError):  # what could not be made cannot be removed
        path.unlink(missing_ok=True)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # a link stays a link: what it points to is written


def _temporary(real: Path) -> Path:
    return real.with_name(f".skflow-{secrets.token_hex(8)}.tmp")
