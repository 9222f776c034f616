"""The bytes of files that people hand in: there, not empty, of a size that can be, and in a form that can be read."""

import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from joblineage.errors import DataError, MissingDataError
from joblineage.files import parse_json

LIMIT = 1 << 28
"""Most bytes of a file, packed or unpacked; a table of a million clips takes half of it."""

OTHERS = {
    b"PK\x03\x04": "a zip or an Excel workbook: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"BZh": "packed by bzip2: unpack it, or pack it by gzip",
    b"\xfd7zXZ": "packed by xz: unpack it, or pack it by gzip",
    b"(\xb5/\xfd": "packed by zstd: unpack it, or pack it by gzip",
    b"\x93NUMPY": "an array of NumPy: save a table with named columns as CSV",
    b"\x80\x04": "a pickle of Python, which is never opened: save the table as CSV",
    b"\x89HDF": "an HDF5 file: save the table as CSV",
    b"version https://git-lfs": "a pointer of Git LFS: `git lfs pull` brings the file",
    b"<": "a page of HTML or XML, perhaps of a download that needs a login",
    b"{": "JSON, no table",
    b"[": "JSON, no table",
}
"""What files that are no table start with, and what to do."""


def read_bytes(path: str | Path, limit: int = LIMIT) -> bytes:
    """The bytes of a file.

    Parameters
    ----------
    path : str or Path
        The file.
    limit : int, bytes
        Most bytes that are read.

    Returns
    -------
    bytes
        What the file holds.

    Raises
    ------
    MissingDataError
        There is no such file.
    DataError
        It is a directory, or empty, or larger than `limit` bytes.
    OSError
        It cannot be opened for another reason.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(str(path), ["is a directory, expected a file"])
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise MissingDataError(str(path), ["no such file"]) from None
    if not data.strip():
        raise DataError(str(path), ["the file is empty"])
    if len(data) > limit:
        raise DataError(str(path), [f"is larger than {limit >> 20} MB"])
    return data


def table_bytes(path: str | Path) -> bytes:
    """The bytes of a table's file, unpacked where gzip packed them.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    bytes
        What the file holds, unpacked.

    Raises
    ------
    DataError, OSError
        As `read_bytes`; a damaged gzip file, or another kind of file.
    """
    data = read_bytes(path)
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                data = file.read(LIMIT + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(str(path), [f"is a damaged gzip file: {error}"]) from error
        if len(data) > LIMIT:
            raise DataError(str(path), [f"unpacks to more than {LIMIT >> 20} MB"])
    for start, kind in OTHERS.items():
        if data.startswith(start):
            raise DataError(str(path), [f"is {kind}"])
    return data


def decoded(data: bytes) -> str:
    """Text in UTF-8, with or without byte order mark, or in UTF-16 as Windows writes it.

    Parameters
    ----------
    data : bytes
        The bytes of a text file.

    Returns
    -------
    str
        The text.

    Raises
    ------
    ValueError
        Neither; the message names the line.
    """
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        encoding = "utf-32"
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in data[:2]:
        encoding = "utf-16-be" if data[0] == 0 else "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: not in UTF-8; save the file as UTF-8 (Excel: CSV UTF-8)") from error


def load_json(data: bytes, where: str, strict: bool = False) -> Any:
    """Parse JSON: what names a key twice, or holds NaN, is refused instead of half read.

    Parameters
    ----------
    data : bytes
        The bytes of a JSON file.
    where : str
        The file's name, for the message.
    strict : bool
        Whether it must be UTF-8 without byte order mark; else as in `decoded`.

    Returns
    -------
    object
        The value.

    Raises
    ------
    DataError
        It cannot be read, whatever the reason.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            doubled = [shown_name(key) for key, count in counts.items() if count > 1]
            raise DataError(where, once(doubled, "stands more than once in the file"))
        return value

    def refuse(constant: str) -> None:
        raise DataError(where, [f"holds {constant}, which is no JSON number"])

    if strict and data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise DataError(where, ["starts with a byte order mark: save it as UTF-8 without BOM"])
    try:
        text = data.decode() if strict else decoded(data)
        return parse_json(text, object_pairs_hook=unique, parse_constant=refuse)
    except DataError:
        raise
    except UnicodeDecodeError as error:
        raise DataError(where, [f"is not UTF-8 text: {error}"]) from error
    except ValueError as error:  # also nested too deeply, or a number of more digits than Python reads
        raise DataError(where, [f"is not valid JSON: {error}"]) from error


def shown(value: Any) -> str:
    """Any value out of JSON as short text that every terminal can print.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    str
        At most 80 characters.
    """
    try:
        text = json.dumps(value)
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= 80 else f"{text[:77]}..."


def shown_name(name: str) -> str:
    """Give a name as `shown` does, without the quotation marks.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str
        At most 80 characters.
    """
    return shown(name).strip('"')


def once(places: Iterable[str], what: str) -> list[str]:
    """One sentence for a fault, however often it occurs: the first place, and how many more.

    Parameters
    ----------
    places : iterable of str
        Where the fault is found.
    what : str
        What is wrong.

    Returns
    -------
    list of str
        The sentence; empty for no place.

    Examples
    --------
    >>> from blemore.scoring.reading import once
    >>> once(["row 2", "row 7", "row 9"], "the clip has no name")
    ['row 2, and 2 more: the clip has no name']
    """
    listed = list(places)
    if not listed:
        return []
    more = f", and {len(listed) - 1} more" if len(listed) > 1 else ""
    return [f"{listed[0]}{more}: {what}"]
