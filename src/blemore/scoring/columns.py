"""Tables without pandas: any mapping of columns, be it a dict of lists or a DataFrame; read in every form that people make.

A command's work takes some hundredths of a second, the import of pandas a third of one.
"""

import csv
import io
import math
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from blemore.scoring import spelling
from blemore.scoring.formulas import bare
from blemore.scoring.reading import decoded, table_bytes
from joblineage.errors import DataError, refuse

Table = Mapping[str, Any]
"""Columns by their names, all of one length; a DataFrame is one too."""

EMPTY = ("None", "nan", "<NA>")
"""What stands for an empty cell in a list or in pandas, as text."""

EMPTY_IN_CSV = {"", "<na>", "n/a", "na", "null", "nan", "none", "-nan"}
EMPTY_IN_CSV |= {"#n/a", "#n/a n/a", "#na", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"}
"""What stands for an empty cell in CSV, in small letters."""

TRUE_FALSE = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}

SEPARATORS = ",;\t|"
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
WHOLE = re.compile("[0-9]+")
MOST_ROWS = 10_000_000


def read_columns(path: str | Path, as_text: Collection[str] = ()) -> dict[str, list[Any]]:
    """Read a table as people make them: Parquet, or CSV with commas, semicolons, tabs, bars or spaces; gzipped or not.

    The columns get our names (`spelling`): "Anger" is ang, "filename" is clip. A nameless index of names is clip, too.
    In CSV a column of numbers holds int or float, the float64 nearest to what is written (pandas' own reader can miss it
    by the last bit), also of decimal commas; clip stays text. Cells that a row lacks at its end are empty: Excel leaves
    them out. None is an empty cell.

    Parameters
    ----------
    path : str or Path
        The table's file.
    as_text : collection of str
        Columns, by our names, whose cells are given as they are written.

    Returns
    -------
    dict of str to list
        {column: its cells}, all of one length.

    Raises
    ------
    OSError
        The file cannot be opened.
    DataError
        It is missing, empty or a directory, holds something else, or a column twice.
    """
    where, data = str(path), table_bytes(path)
    parquet = data[:4] == b"PAR1" or Path(path).name.lower().removesuffix(".gz").endswith((".parquet", ".pq"))
    try:
        names, columns = _parquet(data) if parquet else _csv(data)
    except (ValueError, OverflowError, OSError) as error:
        raise DataError(where, [f"cannot be read as {'Parquet' if parquet else 'CSV'}: {error}"]) from error
    table = dict(zip(our_names(names, columns, where), columns, strict=True))
    return table if parquet else {name: _typed(name, cells, as_text) for name, cells in table.items()}


def _parquet(data: bytes) -> tuple[list[str], list[list[Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if file.metadata.num_rows > MOST_ROWS:
            raise ValueError(f"{file.metadata.num_rows} rows, expected at most {MOST_ROWS}")
        table = file.read()
    except pa.ArrowException as error:
        raise ValueError(error) from error
    return table.column_names, [_cells(column) for column in table.columns]


def _cells(column: Any) -> list[Any]:
    """A Parquet column's cells; `to_numpy` would import pandas. Halves stay halves: `shares` knows their digits."""
    cells = column.to_pylist()
    return [None if cell is None else np.float16(cell) for cell in cells] if str(column.type) == "halffloat" else cells


def _csv(data: bytes) -> tuple[list[str], list[list[Any]]]:
    separator, text = _separated(decoded(data).lstrip("\r\n"))
    file = io.StringIO(text, newline="")
    reader = csv.reader(file, delimiter=separator, skipinitialspace=separator != " ", strict=True)
    rows, lines, read = list[list[str]](), list[int](), 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([*map(bare, row)])
                lines.append(read + 1)
            read = reader.line_num
    except csv.Error as error:
        raise ValueError(f"line {read + 1}: {error}") from error
    if not rows:
        raise ValueError("no line but blank ones, expected a header")
    header, *body = rows
    for row in body:
        while len(row) > len(header) and not row[-1].strip():  # a separator at the end of the line
            row.pop()
    if body and all(len(row) == len(header) + 1 for row in body) and _is_index(header, [row[0] for row in body]):
        header = ["", *header]
    for line, row in zip(lines[1:], body, strict=True):
        if len(row) > len(header):
            hint = "; for decimal commas separate cells by semicolons" if separator == "," else ""
            raise ValueError(f"line {line}: {len(row)} cells, expected {len(header)} as in the header{hint}")
        row += [""] * (len(header) - len(row))
    return header, [list(cells) for cells in zip(*body, strict=True)] or [[] for _ in header]


def _separated(text: str) -> tuple[str, str]:
    """What separates the cells, and the text without Excel's own line about it."""
    first = re.split("[\r\n]", text, maxsplit=1)[0]
    if declared := re.fullmatch('"?sep=(.)"?', first.strip(" "), re.IGNORECASE):
        return declared[1], text[len(first) :]
    separator = max(SEPARATORS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    if separator in first or " " not in first.strip():
        return separator, text
    # Any number of spaces, as R and pandas print a table; Python 3.13 refuses to skip what separates.
    return " ", re.sub(" *([\r\n]+) *", r"\1", re.sub(" +", " ", text.strip(" ")))


def _is_index(header: list[str], cells: list[str]) -> bool:
    """Whether the first cells of rows are the names of rows that R writes below no header."""
    return all(WHOLE.fullmatch(cell.strip()) for cell in cells) or not _clip_header(header)


def _clip_header(names: Iterable[str]) -> str | None:
    """The header of the column of clips."""
    plain = {spelling.plain(name): name for name in reversed(list(names))}
    return next((plain[name] for name in spelling.CLIP if name in plain), None)


def our_names(names: list[str], columns: list[list[Any]], where: str) -> list[str]:
    """Our names of the columns, a column of clips among them where there is one.

    Parameters
    ----------
    names : list of str
        The headers as they are written.
    columns : list of list
        The cells under each header, to tell an index of names from one of numbers.
    where : str
        What a fault is reported under, such as a file's name.

    Returns
    -------
    list of str
        One name for each header.

    Raises
    ------
    DataError
        Two headers mean one column, or the first line holds numbers instead of headers.
    """
    clip = _clip_header(names)
    ours = ["clip" if name == clip else spelling.column(name) for name in names]
    if clip is None:
        nameless = [k for k, name in enumerate(names) if spelling.plain(name) in spelling.NAMELESS]
        named = [k for k in nameless if columns[k] and not np.isfinite(numbers(columns[k])).any()]
        ours = ["clip" if k in named[:1] else name for k, name in enumerate(ours)]
    if not {*ours} & {*spelling.OURS.values(), "clip"} and np.isfinite(numbers(names)).any():
        raise DataError(where, [f"expected a first line with the names of the columns, found {', '.join(names[:8])}"])
    spelt: dict[str, list[str]] = {}
    for name, our in zip(names, ours, strict=True):
        spelt.setdefault(our, []).append(repr(name))
    doubled = [name for name, others in spelt.items() if name and len(others) > 1]
    refuse(where, (f"column {name!r} stands more than once ({', '.join(spelt[name])})" for name in doubled))
    return ours


def _typed(name: str, cells: list[str], as_text: Collection[str]) -> list[Any]:
    """A column's cells as the first kind that fits all of them: int, float, bool or text; None where empty."""
    filled = [None if cell.strip().casefold() in EMPTY_IN_CSV else cell for cell in cells]
    if name == "clip" or name in as_text or _is_words("".join(cells)):
        return filled
    for kind in (int, float, TRUE_FALSE.__getitem__, lambda cell: float(number_text(cell))):
        try:
            return [None if cell is None else kind(cell) for cell in filled]
        except (ValueError, KeyError):
            pass
    return filled


def _is_words(text: str) -> bool:
    """Whether text holds what only Python takes for a part of a number: it would read 1_0 as ten, and Arabic digits."""
    return "_" in text or (
        not text.isascii() and any(character.isdecimal() and not character.isascii() for character in text)
    )


def texts(column: Iterable[Any]) -> np.ndarray:
    """The cells of a column as text.

    Parameters
    ----------
    column : iterable of object
        The cells.

    Returns
    -------
    (n,) object
        Strings; "" where a cell is empty.
    """
    return np.array([_text(cell) for cell in _listed(column)], dtype=object)


def numbers(column: Iterable[Any]) -> np.ndarray:
    """The cells of a column as numbers; "0,25" is a number, and so is "25 %", namely 25.

    Parameters
    ----------
    column : iterable of object
        The cells.

    Returns
    -------
    (n,) float64
        NaN where a cell is empty or no number.

    Examples
    --------
    >>> from blemore.scoring.columns import numbers
    >>> numbers(["0,25", "25 %", "", 3]).tolist()
    [0.25, 25.0, nan, 3.0]
    """
    if getattr(getattr(column, "dtype", None), "kind", "O") in "fiu":
        return np.array(column, dtype=float)
    return np.array([_number(cell) for cell in _listed(column)], dtype=float)


def number_text(cell: str) -> str:
    """A cell as Python writes a number: without percent sign, with a decimal point.

    Parameters
    ----------
    cell : str
        The cell as it is written.

    Returns
    -------
    str
        The text for `float`; a cell that is no number stays as it is.
    """
    text = cell.strip().removesuffix("%").rstrip()
    return text.replace(",", ".") if "," in text and DECIMAL_COMMA.fullmatch(text) else text


def repeated(names: Iterable[str]) -> np.ndarray:
    """Find names that are in an earlier row too.

    Parameters
    ----------
    names : iterable of str
        The names.

    Returns
    -------
    (n,) bool
        True from the second row of a name on.
    """
    first: dict[str, int] = {}
    return np.array([first.setdefault(name, row) < row for row, name in enumerate(names)], dtype=bool)


def clip_names(names: Iterable[Any]) -> list[str]:
    """Clip names without folder and video extension.

    Parameters
    ----------
    names : iterable of object
        Names or paths of clips.

    Returns
    -------
    list of str
        The names of the clips.
    """
    return [spelling.clip(_text(name)) for name in names]


def missing_columns(table: Table, names: Iterable[str]) -> list[str]:
    """One sentence where columns are missing, with those that are there.

    Parameters
    ----------
    table : Table
        Any mapping of columns.
    names : iterable of str
        The columns that are needed.

    Returns
    -------
    list of str
        The sentence; empty where nothing is missing.
    """
    missing = [repr(name) for name in names if name not in table]
    present = ", ".join(repr(str(name)) for name in [*table][:20]) + (", ..." if len([*table]) > 20 else "")
    verb = "columns {} are" if len(missing) > 1 else "column {} is"
    return [f"{verb.format(', '.join(missing))} missing (found: {present})"] if missing else []


def _listed(column: Any) -> Iterable[Any]:
    """The cells, of a pandas Series as a list, which is faster to go through."""
    return column.to_list() if hasattr(column, "to_list") else column


def _text(cell: Any) -> str:
    text = cell.decode() if isinstance(cell, bytes) else str(cell)
    return "" if text in EMPTY and not isinstance(cell, str) else text


def _number(cell: Any) -> float:
    if isinstance(cell, str):
        cell = "" if _is_words(cell) else number_text(cell)
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan
