"""Heads of text files: their encoding and what separates columns, told by the first lines."""

from __future__ import annotations

import codecs
import csv
import io

__all__ = ["encoding_of", "find_separator", "spoken"]

LINES = 20  # of which so many lines say what separates it
SEPARATORS = ",;\t|"
SPOKEN = {"\t": "tabs", ";": "';'", ",": "','", "|": "'|'"}
BOMS = {  # the longer ones first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(head: bytes, given: str | None) -> str:
    """Return the encoding that a file's first bytes tell, or the one given, or UTF-8."""
    found = (name for mark, name in BOMS.items() if head.startswith(mark))
    return next(found, given or "utf-8")


def find_separator(text: str, usual: str) -> str:
    """Return what separates a file's columns: the usual one, unless the first lines object."""
    widths = {mark: _width(text, mark) for mark in dict.fromkeys([usual, *SEPARATORS])}
    if widths[usual] > 1:
        if usual != ";" and widths[";"] > 1:
            raise ValueError(
                f"its lines may be separated by {spoken(usual)} or by ';': say by which (--sep)"
            )
        return usual
    best = max(widths, key=widths.__getitem__)
    return best if widths[best] > 1 else usual


def _width(text: str, mark: str) -> int:
    """Return into how many fields a mark cuts all of the first lines alike, or 0."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    try:
        records = [record for record, _ in zip(reader, range(LINES), strict=False) if record]
    except csv.Error:  # a very long cell
        return 0
    n = len(records[0]) if records else 0
    fits = (len(r) == n or (len(r) == n + 1 and not r[-1]) for r in records)
    return n if all(fits) else 0


def spoken(separator: str) -> str:
    """Return the name of a separator, for messages."""
    return SPOKEN.get(separator, repr(separator))
