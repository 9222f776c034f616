"""Are the loaded files of this environment as they were installed? Hashed once, then known by their status.

A distribution's RECORD holds the sha256 of its files. The standard library and compiled files have no such list: they are
taken as they were when they were first seen.
"""

import base64
import csv
import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from joblineage.bytecode import compiled, differs, status
from joblineage.files import parse_json, sha256, write_text

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

    What is known lies beside other programs' caches, one file for each environment: {"files": {path: [statuses, owner,
    sha256 where it was first seen, why it is foreign or ""]}, "data": {owner: [paths]}, "sums": {RECORD: [status, sum]}}.
    """

    def __init__(self) -> None:
        # Before any folder that may lie within.
        self.sites = [one for one in dict.fromkeys(sys.path) if one.endswith("-packages") and os.path.isdir(one)]
        self.standard = list(dict.fromkeys(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")))
        name = hashlib.sha256(f"{sys.prefix} {sys.version}".encode()).hexdigest()[:16]
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.places = [home / "joblineage" / f"{name}.json", Path("cache/lineage/installed.json")]
        self.changed = False

    @cached_property
    def known(self) -> dict[str, dict[str, Any]]:
        """What earlier jobs have seen."""
        for place in self.places:
            with suppress(OSError, ValueError, TypeError, KeyError):
                read = parse_json(place.read_bytes())
                parts = {part: dict(read[part]) for part in ("files", "data", "sums")}
                if {len(one) for one in parts["files"].values()} <= {4} and {
                    len(one) for one in parts["sums"].values()
                } <= {2}:
                    return parts
        return {"files": {}, "data": {}, "sums": {}}

    def keep(self) -> None:
        """Write what is known, if there is anything new; where no place can be written, the next job looks again."""
        for place in self.places if self.changed else []:
            with suppress(OSError):
                write_text(place, json.dumps(self.known))
                return

    def home(self, path: str) -> str | None:
        """The folder of this environment that holds a file; None: none does."""
        return next((one for one in (*self.sites, *self.standard) if path.startswith(f"{one}{os.sep}")), None)

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
        found = {}
        starts = (entry.path for site in self.sites for entry in os.scandir(site) if entry.name.endswith(".pth"))
        for path in (*loaded, *starts):
            owner, found[path] = self._seen(path)
            owners.add(owner)
        for owner in owners - {""}:
            found |= {path: self._seen(path)[1] for path in self._data(owner)}
        return {path: why for path, why in found.items() if why}

    def sums(self) -> dict[str, str]:
        """{distribution folder: sha256 over the files that it installed}, as its RECORD says: the same on each machine."""
        found: dict[str, str] = {}
        for site in self.sites:
            for entry in os.scandir(site):
                if entry.name.endswith(".dist-info") and entry.name not in found:
                    record = f"{entry.path}/RECORD"
                    if (about := status(record)) is None:
                        continue
                    said = self.known["sums"].get(record)
                    if said is None or said[0] != about:
                        said = self.known["sums"][record] = [about, _sum(_read(record), entry.name)]
                        self.changed = True
                    if said[1]:
                        found[entry.name] = said[1]
        return found

    def _seen(self, path: str) -> tuple[str, str]:
        """(owner, why it is foreign or "") of a file."""
        now = [status(path), status(compiled(path)) if path.endswith(".py") else None]
        old = self.known["files"].get(path)
        if old is None or old[0] != now:
            old = self.known["files"][path] = [now, *self._look(path, now, old)]
            self.changed = True
        return old[1], old[3]

    def _look(self, path: str, now: list, old: list | None) -> tuple[str, str, str]:
        """(owner, sha256 when first seen, why it is foreign or ""); `old` is what was known before."""
        if now[0] is None:
            return "", "", EDITED  # gone
        site = next((one for one in self.sites if path.startswith(f"{one}{os.sep}")), None)
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
        if not why and old and old[1] == owner and now[1] and differs(path, compiled(path)):
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
        if owner not in self.known["data"]:
            files = (path for path, (name, _) in self._owners.items() if name == owner)
            named = ((path, os.path.basename(path)) for path in files)
            self.known["data"][owner] = [path for path, name in named if ".so" in name or name.endswith(NUMERIC)]
            self.changed = True
        return list(self.known["data"][owner])


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
