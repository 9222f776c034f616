"""Tables without pandas: any mapping of columns, be it a dict of lists or a DataFrame.

A command's work takes some hundredths of a second, the import of pandas a third of one.
"""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from blemore.errors import DataError

Table = Mapping[str, Any]
"""Columns by their names, all of one length; a DataFrame is one too."""

EMPTY = ("None", "nan", "<NA>")
"""What stands for an empty cell in a list or in pandas, as text."""


def read_columns(path: str | Path) -> dict[str, list[Any]]:
    """Read a table from a .parquet file, or from any other as CSV with commas and a header; None where a cell is empty.

    Numbers are the float64 nearest to what is written (pandas' own reader of CSV can miss it by the last bit).

    Raises
    ------
    OSError : the file cannot be opened.
    DataError : it holds something else, or a column twice.
    """
    import pyarrow as pa

    path = Path(path)
    data = path.read_bytes()
    try:
        table = _parquet(data) if path.suffix == ".parquet" else _csv(data)
        names = table.column_names
    except (pa.ArrowException, ValueError, OSError) as error:
        raise DataError(str(path), [f"cannot be read: {error}"]) from error
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise DataError(str(path), [f"column {name!r} stands more than once" for name in doubled])
    return table.to_pydict()  # pyarrow's ways to numpy would import pandas


def _parquet(data: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(data)).read()


def _csv(data: bytes) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    names = {"clip": pa.string(), "filename": pa.string()}
    return csv.read_csv(
        pa.BufferReader(data),
        csv.ReadOptions(use_threads=False),  # threads would leave the row's number out of messages
        convert_options=csv.ConvertOptions(column_types=names, strings_can_be_null=True),
    )


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
    text = str(cell)
    return "" if text in EMPTY and not isinstance(cell, str) else text


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan
