"""Dates in text files: ``2024-03-01``, alone or with a time of day, as ISO 8601 writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skflow.tabular import import_pandas

if TYPE_CHECKING:
    import pandas

__all__ = ["MOSTLY", "TELLING", "WrittenDates", "find_dates", "stray_dates"]

# The forms that are known: in others, day and month may change places.
FORMS = [
    "%Y-%m-%d",
    *("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"),
]

MOSTLY = 0.9  # share of numbers or dates from which on a column of other values is a mistake
TELLING = 20  # distinct values from which on such a share tells something


@dataclass(frozen=True)
class WrittenDates:
    """One way of writing dates.

    Parameters
    ----------
    form : str
        Its format, as ``strftime`` takes it.
    """

    form: str

    def read(self, cells: pandas.Series) -> pandas.Series:
        """Return a column of such texts as dates, and as missing what is none.

        Parameters
        ----------
        cells : Series of str
            The texts.

        Returns
        -------
        dates : Series
            Dates, in seconds.
        """
        pandas = import_pandas()
        dates = pandas.to_datetime(cells, format=self.form, errors="coerce")
        return pandas.Series(dates.astype("datetime64[s]"), cells.index)

    def write(self, dates: pandas.Series) -> list[str]:
        """Return the texts of dates, and none for missing ones.

        Parameters
        ----------
        dates : Series
            The dates.

        Returns
        -------
        texts : list of str
            Their texts in this form.
        """
        return list(dates.dt.strftime(self.form).fillna(""))


def find_dates(values: Sequence[str]) -> WrittenDates | None:
    """Find the form in which all values are dates.

    Parameters
    ----------
    values : sequence of str
        Distinct values.

    Returns
    -------
    dates : WrittenDates or None
        The form, if there is one.
    """
    for form in FORMS if values else ():
        if not _strays(form, values):
            dates = WrittenDates(form)
            is_day = dates.read(import_pandas().Series(values)).notna()
            return dates if is_day.all() else None
    return None


def stray_dates(values: Sequence[str]) -> list[str]:
    """Return the values that keep others from being dates, if they are few among many.

    Parameters
    ----------
    values : sequence of str
        Distinct values.

    Returns
    -------
    strays : list of str
        The values; none where there are hardly any dates.
    """
    strays = min((_strays(form, values) for form in FORMS), key=len)
    is_mistake = len(values) >= TELLING and len(strays) <= (1 - MOSTLY) * len(values)
    return strays if is_mistake else []


def _strays(form: str, values: Sequence[str]) -> list[str]:
    """Values that are not written in a form."""
    pattern = re.sub("%[mdHMS]", r"\\d\\d", form.replace("%Y", r"\d{4}"))  # with all zeros
    return [value for value in values if not re.fullmatch(pattern, value, re.ASCII)]
