"""Results as they are read: lines of text, a table in a notebook, a dataframe, a dictionary for JSON."""

from __future__ import annotations

import math
from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customervalue._typing import AnyArray

__all__ = ["Table", "as_cell", "as_html", "as_text", "freeze", "plain", "shown_rows"]

#: Tables with more rows than this are cut in the middle when they are shown.
_SHOWN = 12


def as_text(title: str, rows: Sequence[Sequence[str]]) -> str:
    """A title and aligned columns; the first row is the head.

    Examples
    --------
    >>> print(as_text("Ages", [["age", "at risk"], ["6", "21"]]))
    Ages
      age  at risk
      6    21
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join([title, *(f"  {line}" for line in lines)])


def as_html(title: str, rows: Sequence[Sequence[str]]) -> str:
    """The same as an HTML table with a caption.

    Examples
    --------
    >>> as_html("Ages", [["age"], ["6"]])
    '<table><caption>Ages</caption><tr><th>age</th></tr><tr><td>6</td></tr></table>'
    """
    head, *body = rows
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in body)
    caption = "<br>".join(escape(line.strip()) for line in title.split("\n"))
    return f"<table><caption>{caption}</caption><tr>{top}</tr>{lines}</table>"


def shown_rows(size: int) -> list[int | None]:
    """Which rows of a long table to show; None stands for those in the middle that are not.

    Examples
    --------
    >>> shown_rows(3)
    [0, 1, 2]
    >>> shown_rows(100)
    [0, 1, 2, 3, 4, 5, None, 94, 95, 96, 97, 98, 99]
    """
    if size <= _SHOWN:
        return list(range(size))
    half = _SHOWN // 2
    return [*range(half), None, *range(size - half, size)]


def as_cell(value: Any) -> str:
    """A value as it is shown: counts in full, other numbers to four digits or two decimals, NaN as a dash.

    Examples
    --------
    >>> as_cell(1234567), as_cell(0.123456), as_cell(98765.432), as_cell(float("nan")), as_cell("Ann")
    ('1,234,567', '0.1235', '98,765.43', '-', 'Ann')
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return str(value)
    number = float(value)
    if math.isnan(number):
        return "-"
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    return f"{number:,.2f}" if abs(number) >= 100 else f"{number:.4g}"


def freeze(result: Any) -> None:
    """Make the arrays of a dataclass read-only."""
    for f in fields(result):
        value = getattr(result, f.name)
        if isinstance(value, np.ndarray):
            value.setflags(write=False)


def plain(value: Any) -> Any:
    """A value as JSON knows it: lists, dictionaries, texts and finite numbers; NaN and infinities as None.

    Examples
    --------
    >>> plain({"low": np.array([0.5, np.nan]), "n": np.int64(2)})
    {'low': [0.5, None], 'n': 2}
    """
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, dict):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "iub":
        return value.tolist()
    if isinstance(value, (np.ndarray, list, tuple)):
        return [plain(entry) for entry in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, np.generic):
        return plain(value.item())
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return (value if math.isfinite(value) else None) if isinstance(value, float) else str(value)


class Table:
    """Base of frozen dataclasses of arrays that are read as a table.

    A subclass says what its columns are (`_table`) and what to write above them (`_title`).

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False, repr=False)
    ... class Shares(Table):
    ...     brand: tuple[str, ...]
    ...     share: np.ndarray
    ...     def _title(self):
    ...         return "Shares"
    ...     def _table(self):
    ...         return {"brand": np.array(self.brand, dtype=object), "share": self.share}
    >>> Shares(("ours", "theirs"), np.array([0.25, 0.75]))
    Shares
      brand   share
      ours    0.25
      theirs  0.75
    """

    def __post_init__(self) -> None:
        freeze(self)

    def _title(self) -> str:
        raise NotImplementedError

    def _table(self) -> Mapping[str, AnyArray]:
        """Name -> column, all of one length."""
        raise NotImplementedError

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the table.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.wallet import opportunity
        >>> opportunity([5, 2], [10, 2], share_target=0.8).to_frame()["share"]
        array([0.5, 1. ])
        """
        return _columns.to_frame(self._table(), backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows; NaN and infinities as None.

        Returns
        -------
        dict
            Attribute -> value.

        Examples
        --------
        >>> from customervalue.wallet import opportunity
        >>> opportunity([5, 2], [10, 2], share_target=0.8).to_dict()["share"]
        [0.5, 1.0]
        """
        return {f.name: plain(getattr(self, f.name)) for f in fields(self) if not f.name.startswith("_")}  # type: ignore[arg-type]

    def _rows(self) -> list[list[str]]:
        """The head and the rows to show, as texts."""
        columns = self._table()
        size = len(next(iter(columns.values())))
        gap = ["..." for _ in columns]
        body = (gap if i is None else [as_cell(column[i]) for column in columns.values()] for i in shown_rows(size))
        return [[name.replace("_", " ") for name in columns], *body]

    def __repr__(self) -> str:
        return as_text(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._rows())
