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
    """A cell as it is written."""
    runs = isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if runs else cell


def bare(cell: Any) -> Any:
    """A cell that was written by `guarded`, as it was."""
    return cell[1:] if isinstance(cell, str) and cell.startswith("'") and FORMULA.match(cell) else cell


def quoting(cells: Iterable[Any]) -> Literal[0, 2]:
    """How the `csv` module, and pandas with it, must quote a table of these texts: before Python 3.13 a lone CR parts two lines."""
    return csv.QUOTE_NONNUMERIC if any(isinstance(cell, str) and "\r" in cell for cell in cells) else csv.QUOTE_MINIMAL
