"""Where the challenge's files come from: folders and zips as downloaded, in whatever layout.

Searched are folders with all below them, the zips in them, and the zips directly inside a zip.
"""

import hashlib
import io
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import IO

from blemore.datasets.withdrawn import Withdrawn
from blemore.scoring.columns import SEPARATORS, clip_names
from blemore.scoring.reading import decoded
from joblineage.errors import DataError, refuse
from joblineage.files import whole_file

CHUNK = 1 << 20
"""Bytes read at a time."""

LOCKED = 0x1
"""Bit of a zip entry's flags: it needs a password."""

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
"""What reading a zip's entry raises when it is damaged, cut off, or packed in a way that Python cannot read."""


@dataclass(frozen=True)
class Source:
    """One file on offer: of a folder, in a zip, or in memory.

    shown : "videos.zip: part1/A26_ang_int1_ver1.mov"; name : last part of its path; size : bytes.
    open : opens it for reading; reading a zip's entry to its end checks its CRC-32.
    path : where a folder's file lies, else None.
    """

    shown: str
    name: str
    size: int
    open: Callable[[], IO[bytes]]
    path: Path | None = None

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces.

        Raises
        ------
        UnreadableError : the file cannot be read to its end.
        """
        try:
            with self.open() as file:
                yield from iter(partial(file.read, CHUNK), b"")
        except (*BROKEN, OSError) as error:
            raise UnreadableError(f"{self.shown}: {_advice(error)}") from error

    @cached_property
    def sha256(self) -> str:  # read once, however often it is compared
        """sha256 of the bytes, as 64 hex digits."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def same_as(self, other: "Source") -> bool:
        """Equal bytes: equal sha256, and nothing less (whoever wants two files of one CRC-32 can make them)."""
        if self.size != other.size:
            return False
        return bool(self.path and other.path and self.path.samefile(other.path)) or self.sha256 == other.sha256

    def copy_to(self, target: Path) -> None:
        """Copy in pieces, whole or not at all."""
        with whole_file(target) as temporary, open(temporary, "wb") as out:
            out.writelines(self.chunks())

    def without(self, withdrawn: Withdrawn) -> "Source":
        """A CSV table without the lines that name a withdrawn clip in any cell, in memory; what stays keeps its bytes."""
        data = without_rows(b"".join(self.chunks()), withdrawn)
        return Source(self.shown, self.name, len(data), partial(io.BytesIO, data))


class UnreadableError(Exception):
    """A file on offer that cannot be read; the message names it and says what to do."""


def without_rows(table: bytes, withdrawn: Withdrawn) -> bytes:
    """A CSV table, whatever separates its cells, without the lines that name a withdrawn clip in any cell."""
    try:
        text = decoded(table)
    except ValueError:  # who reads the table says what is wrong with it
        text = table.decode(errors="surrogateescape")
    lines = text.splitlines(keepends=True)
    cells = {line: re.split(f'[{SEPARATORS}"]', line) for line in lines}
    gone = {line for line in lines if any(withdrawn.holds(clip) for clip in clip_names(cells[line]))}
    return "".join(line for line in lines if line not in gone).encode(errors="surrogateescape") if gone else table


def file_source(path: Path) -> Source:
    """A file of a folder."""
    return Source(str(path), path.name, path.stat().st_size, lambda: path.open("rb"), path=path)


def need_space(folder: Path, size: int) -> None:
    """Refuse (DataError) to write more bytes than are free where `folder` is, or will be."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        needed = f"{size / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB are free"
        raise DataError(str(folder), [f"{needed}; make room, or link unpacked clips of the same disk (--link)"])


@contextmanager
def find_files(paths: Sequence[Path], spare: Path) -> Iterator[list[Source]]:
    """Every file in folders and zips; zips stay open, and zips out of zips lie unpacked in `spare`, inside the context.

    Raises
    ------
    DataError : every path that is not there, every zip that is damaged or locked.
    """
    shutil.rmtree(spare, ignore_errors=True)  # a killed run's
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, spare, ignore_errors=True)
        search = _Search(stack, spare)
        sources = [source for path in paths for source in search.path(Path(path))]
        refuse("import", search.faults)
        yield sources


class _Search:
    def __init__(self, stack: ExitStack, spare: Path):
        self.stack = stack
        self.spare = spare
        self.faults: list[str] = []
        self.unpacked = 0

    def path(self, path: Path) -> Iterator[Source]:
        if path.is_dir():
            for folder, folders, names in os.walk(path, onerror=self.closed):
                folders[:] = sorted(name for name in folders if not _is_junk(name))
                for name in sorted(names):
                    if not _is_junk(name):
                        yield from self.file(Path(folder) / name)
        elif path.is_file():
            yield from self.file(path)
        else:
            self.faults.append(f"{path}: no such file or folder")

    def closed(self, error: OSError) -> None:
        """Name a folder that cannot be looked into; it is never passed over in silence."""
        self.faults.append(f"{error.filename}: cannot be read ({error.strerror})")

    def file(self, path: Path) -> Iterator[Source]:
        if path.suffix.lower() == ".zip":
            yield from self.zip(path, str(path), deep=True)
        elif path.is_file():  # not so: a link that leads nowhere, a socket
            yield file_source(path)

    def zip(self, path: Path, shown: str, deep: bool) -> Iterator[Source]:
        try:
            archive = self.stack.enter_context(zipfile.ZipFile(path))
        except (*BROKEN, OSError) as error:
            self.faults.append(f"{shown}: not a whole zip ({error}); download it again")
            return
        for entry in archive.infolist():
            parts = re.split(r"[\\/]", entry.filename)
            link = stat.S_ISLNK(entry.external_attr >> 16)
            if not parts[-1] or link or any(_is_junk(part) for part in parts):
                continue
            opened = partial(archive.open, entry)
            source = Source(f"{shown}: {entry.filename}", parts[-1], entry.file_size, opened)
            if entry.flag_bits & LOCKED:
                self.faults.append(f"{source.shown}: needs a password; unpack the zip first and give the folder")
                return
            if deep and source.name.lower().endswith(".zip"):
                yield from self.zip_in_zip(source)
            else:
                yield source

    def zip_in_zip(self, source: Source) -> Iterator[Source]:
        need_space(self.spare, source.size)
        self.unpacked += 1
        unpacked = self.spare / f"{self.unpacked}.zip"
        try:
            source.copy_to(unpacked)
        except UnreadableError as error:
            self.faults.append(str(error))
            return
        yield from self.zip(unpacked, source.shown, deep=False)


def _advice(error: Exception) -> str:
    """What to do about a file whose reading raised OSError or one of BROKEN."""
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror})"
    if isinstance(error, NotImplementedError):
        return f"packed in a way that cannot be read here ({error}); unpack the zip first and give the folder"
    return f"damaged ({error}); download its zip again"


def _is_junk(name: str) -> bool:
    """What macOS leaves in folders and zips."""
    return name in ("__MACOSX", ".DS_Store") or name.startswith("._")
