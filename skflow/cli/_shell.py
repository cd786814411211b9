"""Talking to a shell: lines that are short and safe to print, signals that end a run cleanly."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

__all__ = [
    "CommandError",
    "Stopped",
    "brief",
    "discard_unwritable",
    "fail",
    "join",
    "one_line",
    "reason",
    "say",
    "show",
    "stopping",
    "visible",
]

LINE = 400  # most characters of a message: more is not read
LIST = 150  # most characters of a list of names in it
ITEM = 40  # most characters of a value in it
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # the last one is unknown to Windows

# C0, C1, marks of direction, separators of lines, lone surrogates
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?: \(\d+\))?"""
_QUOTED_LIST = re.compile(rf"{_QUOTED}(?:, {_QUOTED}){{4,}}")


class CommandError(ValueError):
    """Input that the command cannot work with; the message is for the user."""


class Stopped(BaseException):
    """The process was told to end, by a signal whose number this is."""


def visible(text: Any) -> str:
    r"""Return text with control characters as their escapes, which no terminal obeys.

    Parameters
    ----------
    text : object
        Anything with a text.

    Returns
    -------
    text : str
        The same, safe to print.

    Examples
    --------
    >>> print(visible("a\x1b[31mred"))
    a\x1b[31mred
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], str(text))


def one_line(message: Any, most: int = LINE) -> str:
    """Return a message as one line of bounded length, lists and at last its middle shortened.

    Parameters
    ----------
    message : object
        Anything with a text.
    most : int, default=400
        How many characters the line may have.

    Returns
    -------
    line : str
        The line.
    """
    line = visible(" ".join(str(message).split()))
    if len(line) > most:
        line = _QUOTED_LIST.sub(_first_three, line)
    if len(line) > most:  # what is wrong stands at the front, what to do about it at the end
        line = f"{line[: most - 165]} ... {line[-160:]}"
    return line


def _first_three(found: re.Match) -> str:
    items = re.findall(_QUOTED, found[0])
    return f"{', '.join(items[:3])} and {len(items) - 3} others"


def brief(text: Any, most: int = ITEM) -> str:
    """Return a text, or its beginning if it is long.

    Parameters
    ----------
    text : object
        Anything with a text.
    most : int, default=40
        How many characters it may have.

    Returns
    -------
    text : str
        The text.
    """
    text = visible(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def join(names: Iterable[Any], word: str = "and") -> str:
    """Return "a, b and c", or "a, b and 7 others".

    Parameters
    ----------
    names : iterable of object
        What to list.
    word : str, default="and"
        The word before the last one.

    Returns
    -------
    text : str
        The list.
    """
    listed = [brief(name) or "''" for name in names]
    shown = [name for i, name in enumerate(listed) if sum(map(len, listed[: i + 1])) + 2 * i < LIST]
    if len(shown) < len(listed):
        n = len(listed) - len(shown)
        return f"{', '.join(shown)} and {n} other{'s' * (n > 1)}"
    *most, last = listed
    return f"{', '.join(most)} {word} {last}" if most else last


def reason(error: Exception) -> str:
    """Return what an error says, without the stop at its end: it stands inside a sentence.

    Parameters
    ----------
    error : Exception
        The error.

    Returns
    -------
    text : str
        Its message.
    """
    return str(error).rstrip(". \n")


def say(line: Any) -> None:
    """Print a line about the run to standard error.

    Parameters
    ----------
    line : object
        The line.
    """
    prefix = "skflow: "
    print(prefix + one_line(line, LINE - len(prefix)), file=sys.stderr)


def show(text: str) -> None:
    """Print lines of a result to standard output.

    Parameters
    ----------
    text : str
        The lines.
    """
    text = "\n".join(map(visible, text.split("\n")))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def discard_unwritable() -> None:
    """Write what waits for standard output, or drop it, because Python would try again at its end.

    It would then end with 120, and with a message of its own.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(text: Any) -> int:
    """Say what is wrong, and return the exit code of it.

    Parameters
    ----------
    text : object
        The error, or its text.

    Returns
    -------
    code : int
        2.
    """
    say(f"error: {text}")
    discard_unwritable()
    return 2


@contextmanager
def stopping() -> Iterator[None]:
    """Raise `Stopped` where a signal would end the process on the spot, and leave its files behind.

    A signal that is ignored (``nohup``) stays so. Only the main thread may set handlers.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        known = (getattr(signal, name) for name in SIGNALS if hasattr(signal, name))
        before = {number: signal.getsignal(number) for number in known}
        before = {n: old for n, old in before.items() if old not in (None, signal.SIG_IGN)}

    def stop(number: int, frame: Any) -> NoReturn:
        for other in before:  # a second one would interrupt the cleaning up
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(number)

    try:
        for number in before:
            signal.signal(number, stop)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
