"""Text that a spreadsheet would run: a cell of CSV that begins with = + - @ (or a tab or line end) counts as a formula there.

Such a text gets an apostrophe before it where we write it, and loses it where we read it. Numbers stay as they are.
"""

import csv
import re
from collections.abc import Iterable
from typing import Any, Literal

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""With apostrophes before it, so that a text which has one of its own comes back with it."""
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def guarded(cell: Any) -> Any:
    """A cell as it is written, with an apostrophe before text that a spreadsheet would run.

    Parameters
    ----------
    cell : object
        The cell's value.

    Returns
    -------
    object
        The value to write; anything but such text stays as it is.

    Examples
    --------
    >>> from blemore.scoring.formulas import guarded
    >>> guarded("=SUM(A1)"), guarded("-0.5"), guarded("A101")
    ("'=SUM(A1)", '-0.5', 'A101')
    """
    runs = isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if runs else cell


def bare(cell: Any) -> Any:
    """A cell that was written by `guarded`, as it was.

    Parameters
    ----------
    cell : object
        The cell as it was read.

    Returns
    -------
    object
        The value without the apostrophe.
    """
    return cell[1:] if isinstance(cell, str) and cell.startswith("'") and FORMULA.match(cell) else cell


def quoting(cells: Iterable[Any]) -> Literal[0, 2]:
    """How the `csv` module, and pandas with it, must quote a table of these texts.

    Before Python 3.13 a lone CR parts two lines.

    Parameters
    ----------
    cells : iterable of object
        All cells of the table.

    Returns
    -------
    {0, 2}
        `csv.QUOTE_MINIMAL` or `csv.QUOTE_NONNUMERIC`.
    """
    return csv.QUOTE_NONNUMERIC if any(isinstance(cell, str) and "\r" in cell for cell in cells) else csv.QUOTE_MINIMAL
