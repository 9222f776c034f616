"""Are the loaded files of this environment as they were installed? Hashed once, then known by their status.

A distribution's RECORD holds the sha256 of its files. The standard library and compiled files have no such list: they are
taken as they were when they were first seen.
"""

import base64
import csv
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from joblineage.bytecode import compiled, differs, status
from joblineage.files import sha256, write_text

EDITED = "changed since it was installed"
UNOWNED = "of no installed distribution"
CHANGED = "changed since it was first seen"
COMPILED = "not compiled from its source"
TOOLS = ("_virtualenv.py", "_virtualenv.pth")
"""Put into an environment by what makes it."""
NUMERIC = (".json", ".npy", ".npz", ".onnx", ".pb", ".pt", ".pth", ".safetensors", ".xml", ".yaml")
"""Endings of a distribution's files that decide what it computes, besides modules and compiled libraries."""
Owner = tuple[str, str]
"""Folder of the distribution (name-version.dist-info), and sha256 as RECORD spells it."""


class Installed:
    """The folders of installed distributions and the standard library, with what is known of their files.

    What is known lies beside other programs' caches, one file for each environment, a line for each file: its name and
    what `_seen`, `sums` or `_data` keep of it, parted by tabs. JSON would take four times as long to read.

    Parameters
    ----------
    known : what this process, or the one it is a fork of, has read already.
    """

    def __init__(self, known: dict[str, str] | None = None) -> None:
        # Before any folder that may lie within.
        self.sites = [
            folder for folder in dict.fromkeys(sys.path) if folder.endswith("-packages") and os.path.isdir(folder)
        ]
        self.standard = list(dict.fromkeys(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")))
        self.folders = tuple(f"{site}{os.sep}" for site in (*self.sites, *self.standard))
        name = hashlib.sha256(f"{sys.prefix} {sys.version}".encode()).hexdigest()[:16]
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.places = [home / "joblineage" / f"{name}.tsv", Path("cache/lineage/installed.tsv")]
        self.changed = False
        self.known = self._remembered() if known is None else known

    def _remembered(self) -> dict[str, str]:
        for place in self.places:
            with suppress(OSError, UnicodeDecodeError):
                lines = (line.partition("\t") for line in place.read_text("utf-8").split("\n"))
                return {name: rest for name, _, rest in lines}
        return {}

    def keep(self) -> None:
        """Write what is known, if there is anything new; where no place can be written, the next job looks again."""
        for place in self.places if self.changed else []:
            with suppress(OSError):
                write_text(place, "\n".join(f"{name}\t{rest}" for name, rest in self.known.items()))
                return

    def home(self, path: str) -> str | None:
        """The folder of this environment that holds a file; None: none does."""
        if not path.startswith(self.folders):
            return None
        return next(site for site in (*self.sites, *self.standard) if path.startswith(f"{site}{os.sep}"))

    def named(self, path: str) -> str:
        """The file's name on any machine: "site-packages/numpy/__init__.py"."""
        home = self.home(path)
        return f"{os.path.basename(home)}/{os.path.relpath(path, home)}" if home else os.path.basename(path)

    def foreign(self, loaded: Iterable[str]) -> dict[str, str]:
        """{file: why} of those that are not as they were installed.

        Parameters
        ----------
        loaded : modules' files. What their distributions need besides, and what runs at each start of Python (.pth), is
            looked at too.
        """
        owners = set()
        reasons = {}
        starts = (entry.path for site in self.sites for entry in os.scandir(site) if entry.name.endswith(".pth"))
        for path in (*loaded, *starts):
            owner, reasons[path] = self._seen(path)
            owners.add(owner)
        for owner in owners - {""}:
            reasons |= {path: self._seen(path)[1] for path in self._data(owner)}
        return {path: why for path, why in reasons.items() if why}

    def sums(self) -> dict[str, str]:
        """{distribution folder: sha256 over the files that it installed}, as its RECORD says: the same on each machine."""
        hashes: dict[str, str] = {}
        for site in self.sites:
            for entry in os.scandir(site):
                if entry.name.endswith(".dist-info") and entry.name not in hashes:
                    record = f"{entry.path}/RECORD"
                    if (about := status(record)) is None:
                        continue
                    said = self.known.get(record, "").split("\t")
                    if len(said) != 2 or said[0] != about:
                        said = [about, _sum(_read(record), entry.name)]
                        self._know(record, *said)
                    if said[-1]:
                        hashes[entry.name] = said[-1]
        return hashes

    def _know(self, name: str, *said: str) -> None:
        self.known[name] = "\t".join(said)
        self.changed = True

    def _seen(self, path: str) -> tuple[str, str]:
        """(owner, why it is foreign or "") of a file; known by its status and that of its compiled file."""
        about = status(path)
        cached = status(compiled(path)) if path.endswith(".py") else None
        now = f"{about}, {cached}"
        old = self.known.get(path, "").split("\t")
        if len(old) != 4 or old[0] != now:
            old = [now, *self._look(path, about is not None, cached is not None, old if len(old) == 4 else None)]
            self._know(path, *old)
        return old[1], old[3]

    def _look(self, path: str, there: bool, cached: bool, old: list[str] | None) -> tuple[str, str, str]:
        """(owner, sha256 when first seen, why it is foreign or ""); `old` is what was known before."""
        if not there:
            return "", "", EDITED  # gone
        site = next((site for site in self.sites if path.startswith(f"{site}{os.sep}")), None)
        if site is None:
            owner, first = "", old[2] if old else sha256(path)
            why = CHANGED if old and sha256(path) != first else ""
        else:
            first = ""
            owner, right = self._owners.get(path, ("", ""))
            if not owner:
                why = "" if self._lenient(site, path) else UNOWNED
            else:
                why = "" if _base64(path) == right else EDITED
        if not why and old and old[1] == owner and cached and differs(path, compiled(path)):
            why = COMPILED
        return owner, first, why

    def _lenient(self, site: str, path: str) -> bool:
        """Whether a file may have no owner: other installers (conda, the system's) list their files elsewhere."""
        own = site in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
        return not own or os.path.basename(path) in TOOLS or os.path.isdir(os.path.join(sys.prefix, "conda-meta"))

    @cached_property
    def _owners(self) -> dict[str, Owner]:
        """{file: its owner} of all that is installed."""
        owners: dict[str, Owner] = {}
        for site in self.sites:
            for entry in os.scandir(site):
                if entry.name.endswith(".dist-info") and os.path.isfile(f"{entry.path}/RECORD"):
                    for name, right in _read(f"{entry.path}/RECORD"):
                        owners.setdefault(os.path.join(site, name), (entry.name, right))
        return owners

    def _data(self, owner: str) -> list[str]:
        """Files of a distribution that decide what it computes, modules aside."""
        if owner not in self.known:
            files = (path for path, (name, _) in self._owners.items() if name == owner)
            named = ((path, os.path.basename(path)) for path in files)
            self._know(owner, *(path for path, name in named if ".so" in name or name.endswith(NUMERIC)))
        return [path for path in self.known[owner].split("\t") if path.startswith(self.folders)]


def _read(record: str) -> Iterator[tuple[str, str]]:
    """(file, sha256 in base64) of every file that a RECORD has a hash of."""
    with open(record, encoding="utf-8", newline="") as lines:
        for line in lines:
            if '"' in line:
                name, said, *_ = next(csv.reader([line]))
            else:
                name, said = line.split(",", 2)[:2]
            if said.startswith("sha256="):
                yield name, said.removeprefix("sha256=")


def _sum(files: Iterable[tuple[str, str]], folder: str) -> str:
    """One hash over what a distribution brought; not what its installation adds, such as programs with a machine's paths."""
    lines = sorted(f"{name},{said}" for name, said in files if not name.startswith(("..", folder, "__editable__")))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def _base64(path: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(sha256(path))).rstrip(b"=").decode()
