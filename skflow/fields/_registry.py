"""The fields that have a name: filled by the package, read by whatever takes a field."""

from __future__ import annotations

from typing import Any

from skflow._utils import from_registry
from skflow.fields._base import Field

__all__ = ["FIELDS", "make_field"]

FIELDS: dict[str, type[Field]] = {}


def make_field(field: Any) -> Field:
    """Return a field given by its name or as an object.

    Parameters
    ----------
    field : str or Field
        A name in ``FIELDS``, or a field, which is returned as it is.

    Returns
    -------
    field : Field
        The field.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> from skflow.fields import make_field
    >>> field = make_field("mmd")
    >>> type(field).__name__
    'MMDGradient'
    >>> make_field(field) is field
    True
    """
    return from_registry(FIELDS, field, Field, name="field")
