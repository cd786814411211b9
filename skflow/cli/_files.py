"""Tables from files and to files: read with clear errors, written as a whole or not at all."""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from skflow.tabular import import_pandas

if TYPE_CHECKING:
    import pandas

__all__ = [
    "CommandError",
    "Table",
    "check_output",
    "is_text",
    "read_table",
    "replacing",
    "write_table",
]


class CommandError(ValueError):
    """Input that the command cannot work with; the message is for the user."""


@dataclass(frozen=True)
class Table:
    """A file's rows: with types, and for text formats also letter by letter."""

    path: Path
    frame: pandas.DataFrame
    text: pandas.DataFrame | None = None

    @property
    def names(self) -> list[str]:
        """Its columns."""
        return list(self.frame.columns)

    def __str__(self) -> str:
        return f"{self.path} ({len(self.frame)} rows)"


@dataclass(frozen=True)
class Text:
    """CSV and its relatives; gzipped where the name ends in .gz."""

    separator: str
    name: str = "CSV"

    def read(self, path: Path) -> Table:
        with _open(path) as file:
            if b"\0" in file.read(2**16):
                raise ValueError("it holds binary data")
        pandas = import_pandas()
        shared: dict[str, Any] = {"sep": self.separator, "low_memory": False}
        plain = {**shared, "dtype": str, "keep_default_na": False}
        header = pandas.read_csv(path, header=None, nrows=1, **plain).iloc[0]
        frame = pandas.read_csv(path, float_precision="round_trip", **shared)
        text = pandas.read_csv(path, **plain)
        if not isinstance(frame.index, pandas.RangeIndex):
            raise ValueError("its rows hold more values than its first line has names")
        twice = header[header.duplicated()]
        if len(twice):
            raise ValueError(f"two of its columns are called {twice.iloc[0]!r}")
        frame.columns = text.columns = pandas.Index(header)  # read_csv gives blanks other names
        return Table(path, frame, text)

    def write(self, frame: pandas.DataFrame, file: Any) -> None:
        frame.to_csv(file, index=False, sep=self.separator, lineterminator="\n")


@dataclass(frozen=True)
class Parquet:
    """Parquet, by pyarrow."""

    name: str = "Parquet"

    def read(self, path: Path) -> Table:
        frame = import_pandas().read_parquet(path, engine="pyarrow")
        named = [name for name in frame.index.names if name is not None]
        return Table(path, frame.reset_index(level=named) if named else frame)

    def write(self, frame: pandas.DataFrame, file: Any) -> None:
        frame.to_parquet(file, engine="pyarrow")


FORMATS: dict[str, Text | Parquet] = {
    ".csv": Text(","),
    ".csv.gz": Text(","),
    ".tsv": Text("\t", name="TSV"),
    ".tsv.gz": Text("\t", name="TSV"),
    ".parquet": Parquet(),
}


def is_text(path: Path) -> bool:
    """Whether a file's name says that it holds text."""
    return isinstance(_format(path), Text)


def _format(path: Path) -> Text | Parquet:
    for suffix, known in FORMATS.items():
        if path.name.lower().endswith(suffix):
            return known
    raise CommandError(f"{path} is of no known format. Known endings: {', '.join(FORMATS)}.")


def _open(path: Path) -> Any:
    return gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb")


def read_table(path: Path) -> Table:
    """Read a file, or say in one line why not."""
    form = _format(path)
    try:
        table = form.read(path)
    except ImportError:
        raise CommandError(
            f'reading {path} needs pandas and pyarrow: pip install "scikit-sdflow[table]".'
        ) from None
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}.") from None
    except (ValueError, EOFError, zlib.error) as error:
        raise CommandError(f"{path} is not a {form.name} file: {error}.") from None
    if not len(table.frame):
        raise CommandError(f"{path} has no rows.")
    return table


def check_output(path: Path, inputs: Sequence[Path]) -> None:
    """Find out before the work whether its result can be written, without touching anything."""
    _format(path)
    real = _real(path)
    if real.exists() and any(other.exists() and real.samefile(other) for other in inputs):
        raise CommandError(f"{path} is an input: the output needs a name of its own.")
    if real.exists() and not real.is_file():
        raise CommandError(f"cannot write {path}: it is not a file.")
    if real.exists() and not os.access(real, os.W_OK):
        raise CommandError(f"cannot write {path}: Permission denied.")
    probe = _temporary(real)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}.") from None


def write_table(frame: pandas.DataFrame, path: Path) -> None:
    """Write a table to a file: it is there as a whole, or as it was."""
    with replacing(path) as file:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:  # no time stamp
                _format(path).write(frame, packed)
        else:
            _format(path).write(frame, file)


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
        temporary.unlink(missing_ok=True)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # a link stays a link: what it points to is written


def _temporary(real: Path) -> Path:
    return real.with_name(f".skflow-{secrets.token_hex(8)}.tmp")
