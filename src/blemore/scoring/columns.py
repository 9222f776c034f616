"""Tables without pandas: any mapping of columns, be it a dict of lists or a DataFrame.

A command's work takes some hundredths of a second, the import of pandas a third of one.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from joblineage.errors import DataError

Table = Mapping[str, Any]
"""Columns by their names, all of one length; a DataFrame is one too."""

EMPTY = ("None", "nan", "<NA>")
"""What stands for an empty cell in a list or in pandas, as text."""

EMPTY_IN_CSV = {"", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "-NaN", "-nan"}
EMPTY_IN_CSV |= {"#N/A", "#N/A N/A", "#NA", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
"""What pandas takes for an empty cell, too."""

TRUE_FALSE = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


def read_columns(path: str | Path) -> dict[str, list[Any]]:
    """Read a table from a .parquet file, or from any other as CSV with commas and a header; None where a cell is empty.

    In CSV a column of numbers holds int or float, the float64 nearest to what is written (pandas' own reader can miss it
    by the last bit); clip and filename stay text. Cells that a row lacks at its end are empty: Excel leaves them out.

    Raises
    ------
    OSError : the file cannot be opened.
    DataError : it holds something else, or a column twice.
    """
    path = Path(path)
    data = path.read_bytes()
    try:
        names, columns = _parquet(data) if path.suffix == ".parquet" else _csv(data)
    except (ValueError, OverflowError, OSError) as error:
        raise DataError(str(path), [f"cannot be read: {error}"]) from error
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise DataError(str(path), [f"column {name!r} stands more than once" for name in doubled])
    return dict(zip(names, columns, strict=True))


def _parquet(data: bytes) -> tuple[list[str], list[list[Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read()
    except pa.ArrowException as error:
        raise ValueError(error) from error
    return table.column_names, [column.to_pylist() for column in table.columns]  # to numpy it would import pandas


def _csv(data: bytes) -> tuple[list[str], list[list[Any]]]:
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: not in UTF-8") from error
    rows, read = list[list[str]](), 0
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):  # else a line without anything
                rows.append(row)
                row += [""] * (len(rows[0]) - len(row))
                if len(row) > len(rows[0]):
                    raise ValueError(f"{len(row)} cells between commas, expected {len(rows[0])} as in the header")
            read = reader.line_num
    except (ValueError, csv.Error) as error:
        raise ValueError(f"line {read + 1}: {error}") from error
    if not rows:
        raise ValueError("Empty, expected a header")
    columns = zip(*rows, strict=True)
    return rows[0], [_typed(name, cells) for name, *cells in columns]


def _typed(name: str, cells: list[str]) -> list[Any]:
    """A column's cells as the first kind that fits all of them: int, float, bool or text; None where empty."""
    filled = [None if cell in EMPTY_IN_CSV else cell for cell in cells]
    if name in ("clip", "filename") or "_" in "".join(cells):  # Python would read 1_0 as ten
        return filled
    for kind in (int, float, TRUE_FALSE.__getitem__):
        try:
            return [None if cell is None else kind(cell) for cell in filled]
        except (ValueError, KeyError):
            pass
    return filled


def texts(column: Iterable[Any]) -> np.ndarray:
    """(n,) object, the cells as text, "" where empty."""
    return np.array([_text(cell) for cell in column], dtype=object)


def numbers(column: Iterable[Any]) -> np.ndarray:
    """(n,) float64, NaN where a cell is empty or no number."""
    return np.array([_number(cell) for cell in column], dtype=float)


def repeated(names: Iterable[str]) -> np.ndarray:
    """(n,) bool: the same name stands in an earlier row."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(name, row) < row for row, name in enumerate(names)], dtype=bool)


def clip_names(names: Iterable[Any]) -> list[str]:
    """Clip names without folder and video extension."""
    return [re.sub(r"^.*/|\.(mov|mp4|MOV|MP4)$", "", _text(name)) for name in names]


def _text(cell: Any) -> str:
    text = cell.decode() if isinstance(cell, bytes) else str(cell)
    return "" if text in EMPTY and not isinstance(cell, str) else text


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan
