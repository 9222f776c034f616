"""The words that a file holds, whatever its kind: texts, tables, arrays, pickles; what archives hold, one in another.

Nothing is executed, and of a plain file only a window at a time is in memory.
"""

import bz2
import gzip
import lzma
import pickletools
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from io import BytesIO
from typing import IO, Any

WINDOW = 1 << 24
"""Bytes of a plain file that are searched at a time."""
OVERLAP = 1 << 10
"""Bytes that two windows share, far more than a name has."""
WHOLE = 1 << 31
"""Of tables and pickles, which are read as a whole, the largest."""
MEDIA = (
    *(
        ".mov",
        ".mp4",
        ".m4v",
        ".avi",
        ".flv",
        ".mkv",
        ".webm",
        ".mts",
        ".wav",
        ".flac",
        ".mp3",
        ".m4a",
        ".aac",
        ".ogg",
        ".opus",
    ),
    *(".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic", ".bmp", ".tif", ".tiff"),
)
"""Pictures and sound: nobody is named in them."""
PACKED: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
SEALED = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "RAR", b"\x28\xb5\x2f\xfd": "zstd", b"%PDF-": "PDF"}
"""Kinds that are not opened here."""

Words = tuple[str, bytes, bool]
"""Where ("text", "column clip"), what, and whether it is binary: then a short code in it may be chance."""


class UnreadError(Exception):
    """A file, or a part of one, that cannot be looked into; says why."""


def is_media(name: str) -> bool:
    """Whether a file shows or sounds, by its name's ending."""
    return name.lower().endswith(MEDIA)


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """What a compressed file holds; any other file as it is.

    Raises
    ------
    UnreadError : a kind that is not opened here.
    """
    head = _head(file)
    if sealed := next((name for magic, name in SEALED.items() if head.startswith(magic)), None):
        raise UnreadError(f"{sealed} is not opened here")
    return next((opened(file) for magic, opened in PACKED.items() if head.startswith(magic)), file)


def members(file: IO[bytes]) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]] | None:
    """(name, size, how to open it) of everything in a zip or tar archive; None where it is neither."""
    if _head(file).startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(zipfile.ZipFile(file))
    if _head(file)[257:262] == b"ustar":
        return _tarred(tarfile.open(fileobj=file, mode="r:"))
    return None


def _zipped(archive: zipfile.ZipFile) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    for member in archive.infolist():
        yield member.filename, member.file_size, partial(archive.open, member)


def _tarred(archive: tarfile.TarFile) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    for member in archive:
        yield member.name, member.size, partial(_opened, archive, member)


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    return archive.extractfile(member) or BytesIO(member.linkname.encode())


def words(file: IO[bytes]) -> Iterator[Words]:
    """All that a file says which is neither compressed nor an archive.

    Raises
    ------
    UnreadError : it is no whole file of its kind.
    """
    head = _head(file)
    kinds: dict[bytes, Callable[[IO[bytes]], Iterator[Words]]] = {
        b"PAR1": _parquet,
        b"ARROW1": _arrow,
        b"FEA1": _arrow,
        b"\x93NUMPY": _numpy,
        b"SQLite format 3\0": _sqlite,
        **{bytes([0x80, protocol]): _pickle for protocol in range(2, 6)},
    }
    reader = next((kind for magic, kind in kinds.items() if head.startswith(magic)), _plain)
    yield from reader(file)


def _head(file: IO[bytes]) -> bytes:
    head = file.read(512)
    file.seek(0)
    return head


def _plain(file: IO[bytes]) -> Iterator[Words]:
    """Windows of any other file. A letter is put where one was cut, so that no half of a longer word is taken for a word."""
    data, before = file.read(WINDOW), b""
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # UTF-16
    binary = not wide and b"\0" in data[:8192]
    while data:
        more = file.read(WINDOW)
        window = before + data + (b"x" if more else b"")
        yield "text" if not binary else "bytes", window.replace(b"\0", b"") if wide else window, binary
        if binary and b"\0" in window:  # letters of two or four bytes
            yield "bytes", window.replace(b"\0", b""), True
        before, data = b"x" + window[:-1][-OVERLAP:], more


def _whole(file: IO[bytes]) -> bytes:
    data = file.read(WHOLE + 1)
    if len(data) > WHOLE:
        raise UnreadError("too large")
    return data


def _pickle(file: IO[bytes]) -> Iterator[Words]:
    data = _whole(file)
    try:
        for _, value, _ in pickletools.genops(data):
            if isinstance(value, str):
                yield "text", value.encode("utf-8", "replace"), False
    except ValueError:  # joblib's have arrays in between
        pass
    yield from _plain(BytesIO(data))


def _sqlite(file: IO[bytes]) -> Iterator[Words]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(_whole(file))
        for line in database.iterdump():
            yield "text", line.encode("utf-8", "replace"), False


def _numpy(file: IO[bytes]) -> Iterator[Words]:
    import numpy as np

    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    dtype = read(file)[2]
    yield "field names", str(dtype).encode(), False
    if dtype.hasobject:
        yield from _pickle(file)
    elif dtype.kind in "USV":
        file.seek(0)
        array = np.load(file)
        for part in [array[name] for name in dtype.names] if dtype.names else [array]:
            if part.dtype.kind in "US":
                yield "text", "\n".join(map(str, np.unique(part).tolist())).encode("utf-8", "replace"), False


def _parquet(file: IO[bytes]) -> Iterator[Words]:
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(file)
    yield from _schema(table.schema_arrow)
    for name, kind in zip(table.schema_arrow.names, table.schema_arrow.types, strict=True):
        if not _is_number_or_bytes(kind):
            yield from _column(name, table.read(columns=[name]).column(0))


def _arrow(file: IO[bytes]) -> Iterator[Words]:
    from pyarrow import feather

    table = feather.read_table(file)
    yield from _schema(table.schema)
    for name in table.column_names:
        yield from _column(name, table[name])


def _schema(schema: Any) -> Iterator[Words]:
    about = schema.to_string(truncate_metadata=False, show_field_metadata=True, show_schema_metadata=True)
    yield "column names", about.encode(), False


def _is_number_or_bytes(kind: Any) -> bool:
    import pyarrow

    return bool(
        pyarrow.types.is_primitive(kind) or pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)
    )


def _column(name: str, column: Any) -> Iterator[Words]:
    for values in _texts(column):
        yield f"column {name}", "\n".join(filter(None, values)).encode("utf-8", "replace"), False


def _texts(column: Any) -> Iterator[list[str | None]]:
    """The different texts of a column, also within lists and structures."""
    import pyarrow
    import pyarrow.compute

    kinds, kind = pyarrow.types, column.type
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        yield pyarrow.compute.unique(column).to_pylist()
    elif kinds.is_dictionary(kind):
        yield from (text for chunk in column.chunks for text in _texts(pyarrow.chunked_array([chunk.dictionary])))
    elif kinds.is_struct(kind):
        yield from (
            text for place in range(kind.num_fields) for text in _texts(pyarrow.compute.struct_field(column, [place]))
        )
    elif kinds.is_map(kind):
        parts = [part for chunk in column.chunks for part in (chunk.keys, chunk.items)]
        yield from (text for part in parts for text in _texts(pyarrow.chunked_array([part])))
    elif kinds.is_nested(kind):
        yield from _texts(pyarrow.compute.list_flatten(column))
