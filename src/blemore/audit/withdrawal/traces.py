"""What still names a person or a clip: one search of a workspace, through the names of files and what they hold.

It says what a withdrawal can remove beside the media, and what is left for people to look at. Run again it is the check.
"""

import hashlib
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from blemore.audit.withdrawal import contents
from blemore.scoring.labels import CLASSES
from joblineage.files import sha256
from joblineage.workspace import METADATA, output_of

PASSED_OVER = (
    *("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"),
    *(".import_linter_cache", "node_modules"),
)
"""Folders of what tools remember about source code."""
ENVIRONMENT = ("pyvenv.cfg", "conda-meta")
"""What lies in a folder of installed packages."""
KEYED = (f"{METADATA}/", ".snakemake/incomplete/")
"""Where Snakemake names files after outputs."""
DEEPEST = 4
"""Archives in archives."""
SHOWN = 3
"""So many of the ways in which a file names somebody are listed."""
SUM = re.compile(rb"[0-9a-f]{64}")

Said = tuple[bool, str]
"""Whether it names somebody, or cannot be read; and what."""


@dataclass(frozen=True)
class Trace:
    """A place that names somebody, or may.

    path : below the workspace; of a file, a link or an empty folder.
    what : how it names them.
    """

    path: str
    what: str


@dataclass(frozen=True)
class Traces:
    """What was found: places that name somebody; whole copies of given files; what could not be looked into, and why."""

    named: list[Trace] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    unread: list[Trace] = field(default_factory=list)


class Search:
    """Looks for a person or a clip.

    Parameters
    ----------
    kind, name : "person" or "clip", and which. A3 is not looked for in A31.
    sums : sha256 of clips, which lists name them by.
    copies : {sha256: size} of files of which no copy may stay.
    """

    def __init__(self, kind: str, name: str, sums: Iterable[str] = (), copies: Mapping[str, int] | None = None):
        word, end = re.escape(name.encode()), rb"(?![A-Za-z0-9])"
        longer = b"_(?:" + "|".join([*CLASSES, "mix"]).encode() + b")_" if kind == "person" else end
        # The word comes first in a pattern: so it is searched 40 times as fast as with what stands before it.
        self._words = re.compile(word + b"(?<![A-Za-z0-9]" + word + b")" + end)
        self._in_bytes = re.compile(word + longer)
        self._sums = frozenset(digest.encode() for digest in sums)
        self._copies = copies or {}
        self._sizes = frozenset(self._copies.values())

    def __call__(self, root: Path, passed: Iterable[Path] = (), without: Container[str] = ()) -> Traces:
        """Everything below a workspace.

        Parameters
        ----------
        passed : folders that are left out, beside git's own, those of installed packages and of what tools remember.
        without : files that are left out.
        """
        traces = Traces()
        for path in _walk(root, frozenset(passed)):
            name = path.relative_to(root).as_posix()
            if name in without:
                continue
            if path.is_file() and path.stat().st_size in self._sizes and sha256(path) in self._copies:
                traces.copies.append(name)
                continue
            said = list(self._said(path))
            hits = ["its name"] * self._names(target(name)) + [what for hit, what in said if hit]
            if hits:
                traces.named.append(Trace(name, _some(hits)))
            if faults := [what for hit, what in said if not hit]:
                traces.unread.append(Trace(name, _some(faults)))
        return traces

    def _said(self, path: Path) -> Iterator[Said]:
        """What a file, a link or a folder that cannot be entered says of somebody, or why it cannot be read."""
        try:
            if path.is_symlink():
                yield from [(True, "where it leads")] * self._names(os.readlink(path))
            elif path.is_dir() and path.name == ".git":
                yield False, "another repository's history"
            elif path.is_dir():
                yield from [(False, "closed to you")] * (not os.access(path, os.R_OK | os.X_OK))
            elif path.is_file() and not contents.is_media(path.name):
                with open(path, "rb") as file:
                    yield from self._inside(file)
        except OSError as error:
            yield False, error.strerror or str(error)

    def _inside(self, file: IO[bytes], depth: int = 0) -> Iterator[Said]:
        """What in a file names somebody, or cannot be read."""
        try:
            file = contents.unpacked(file)
            listed = contents.members(file)
            if listed is None:
                hits = ((True, where) for where, data, binary in contents.words(file) if self._holds(data, binary))
                yield from islice(hits, 1)
            elif depth == DEEPEST:
                yield False, "an archive in archives"
            else:
                for name, size, opened in listed:
                    yield from ((hit, f"{name}{what}") for hit, what in self._member(name, size, opened, depth))
        except Exception as error:  # whatever a reader's own library raises: it is reported, and the search goes on
            yield False, str(error) if isinstance(error, contents.UnreadError) else f"{type(error).__name__}: {error}"

    def _member(self, name: str, size: int, opened: Callable[[], IO[bytes]], depth: int) -> Iterator[Said]:
        """The same of a part of an archive; the findings go after its name."""
        try:
            if self._names(name):
                yield True, ""
            elif size in self._sizes and hashlib.sha256(opened().read()).hexdigest() in self._copies:
                yield True, " (a copy)"
            elif not contents.is_media(name):
                yield from ((hit, f" ({what})") for hit, what in self._inside(opened(), depth + 1))
        except Exception as error:
            yield False, f" ({error})"

    def _names(self, text: str) -> bool:
        return bool(self._words.search(os.fsencode(text)))

    def _holds(self, data: bytes, binary: bool) -> bool:
        if binary:
            return bool(self._in_bytes.search(data))
        return bool(self._words.search(data)) or bool(self._sums and not self._sums.isdisjoint(SUM.findall(data)))


def target(path: str) -> str:
    """The path of the output that Snakemake keeps a note about at `path`; any other path as it is."""
    folder = next((prefix for prefix in KEYED if path.startswith(prefix)), None)
    return (folder and output_of(path.removeprefix(folder))) or path


def _some(what: list[str]) -> str:
    return ", ".join(what[:SHOWN]) + f" and {len(what) - SHOWN} more" * (len(what) > SHOWN)


def _walk(root: Path, passed: frozenset[Path]) -> Iterator[Path]:
    """Files, links and folders that cannot be entered, below a folder: empty ones, other repositories, closed ones."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        paths = sorted(folder.iterdir()) if os.access(folder, os.R_OK | os.X_OK) else []
        if not paths:
            yield folder
        for path in paths:
            if path.is_symlink() or not path.is_dir():
                yield path
            elif path.name == ".git":
                yield from [path] * (folder != root)
            elif not (
                path in passed or path.name in PASSED_OVER or any((path / marker).exists() for marker in ENVIRONMENT)
            ):
                waiting.append(path)
