"""Rows of cells as lines of text and as a table in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["as_html", "as_text", "shown_rows"]

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
