"""The bytes of a file as a run had them: from the workspace, else from DVC's local cache, by hash; nothing is fetched."""

import configparser
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path

import yaml

from joblineage.files import Status, parse_json, parse_yaml, sha256, status_of, whole_file
from joblineage.store import Store, digest
from joblineage.workspace import clear

DVC = ".dvc"
OBJECT = re.compile(r"[0-9a-f]{32}(\.dir)?")
LOCK = "dvc.lock"
SHOWN = 5
"""So many files are named in a line."""


class DvcCache:
    """DVC's local cache of a workspace: every object bears the md5 of its content, that of a folder's list and ".dir"."""

    def __init__(self, root: Path):
        said = configuration(root).get("cache", "dir", fallback="cache")
        self.folder = Path(os.path.normpath(root / DVC / said / "files/md5"))  # counts from the configuration's place

    def place(self, md5: str) -> Path:
        """Where the object of that name lies, or would lie."""
        return self.folder / md5[:2] / md5[2:]

    def objects(self) -> Iterator[os.DirEntry]:
        """Every file that bears an object's name."""
        for folder in os.scandir(self.folder) if self.folder.is_dir() else ():
            if folder.is_dir():
                yield from (entry for entry in os.scandir(folder.path) if OBJECT.fullmatch(folder.name + entry.name))

    def listed(self, md5: str) -> dict[str, str]:
        """{path below it: md5} of a folder that DVC versioned; empty where its list is not here, or not whole."""
        place = self.place(md5)
        if not place.is_file() or not whole(place):
            return {}
        return {entry["relpath"]: entry["md5"] for entry in parse_json(place.read_bytes())}

    @cached_property
    def ever(self) -> dict[str, set[str]]:
        """{path below a folder: md5 of every content that it had} of all versions of all folders."""
        by_path: dict[str, set[str]] = {}
        for entry in self.objects():
            if entry.name.endswith(".dir"):
                for path, md5 in self.listed(Path(entry.path).parent.name + entry.name).items():
                    by_path.setdefault(path, set()).add(md5)
        return by_path

    def damaged(self, known: dict[str, Status]) -> list[Path]:
        """Objects whose content does not have the md5 that they bear as their name.

        Parameters
        ----------
        known : the status of each object that was found whole, by "ab/cdef..."; one that still has it is not read.
            Brought up to date.
        """
        bad, statuses = [], {}
        for entry in self.objects():
            path, status = Path(entry.path), status_of(entry.stat(follow_symlinks=False))
            name = path.relative_to(self.folder).as_posix()
            if known.get(name) == status or (path.is_file() and whole(path)):
                statuses[name] = status
            else:
                bad.append(path)
        known.clear()
        known.update(statuses)
        return sorted(bad)

    def copy(self, md5: str, target: Path, hashed: str) -> bool:
        """Put the object at `target` if it has that sha256; whether it did. Only then the present file is replaced."""
        try:
            with whole_file(target) as temporary:
                shutil.copyfile(self.place(md5), temporary)
                if sha256(temporary) != hashed:
                    raise ValueError(f"{self.place(md5)} is damaged")
                if target.is_dir():
                    clear(target)
        except (FileNotFoundError, IsADirectoryError, ValueError):
            return False
        return True


def whole(place: Path) -> bool:
    """Whether an object's content has the md5 that it bears as its name."""
    with open(place, "rb") as file:
        md5 = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
    return md5 == place.parent.name + place.name.removesuffix(".dir")


class Restorer:
    """Looks for old files in some workspaces."""

    def __init__(self, stores: Sequence[Store]):
        self.stores = list({store.root.resolve(): store for store in stores}.values())

    def find(self, path: str, sha256: str) -> bytes | None:
        """The file that had this sha256 at `path`; None where no workspace holds it."""
        for store in self.stores:
            cache = DvcCache(store.root)
            for place in (store.root / path, *map(cache.place, _md5s(store, sha256))):
                if place.is_file() and digest(data := place.read_bytes()) == sha256:
                    return data
        return None

    def versioned(self, sha256: str) -> bool:
        """Whether a record knows DVC's name of the file, and DVC has a remote that may hold it."""
        remotes = (
            store
            for store in self.stores
            if any("remote" in section for section in configuration(store.root).sections())
        )
        return any(_md5s(store, sha256) for store in remotes)


def _md5s(store: Store, sha256: str) -> list[str]:
    """DVC's names (md5) of the bytes with this sha256, as records say them."""
    outputs = (out for record in store.records.values() for out in record["outputs"])
    return sorted({out["md5"] for out in outputs if out["sha256"] == sha256})


def configuration(root: Path) -> configparser.ConfigParser:
    """DVC's settings in this workspace."""
    read = configparser.ConfigParser(interpolation=None)
    with suppress(configparser.Error, OSError, UnicodeDecodeError):  # DVC says itself what is wrong
        read.read([root / DVC / "config", root / DVC / "config.local"], "utf-8")
    return read


def locked(root: Path) -> dict[str, str] | None:
    """{path: md5} of every output in dvc.lock; None where that cannot be read."""
    try:
        stages = parse_yaml((root / LOCK).read_bytes())["stages"].values()
        files = {
            side: {entry["path"]: entry["md5"] for stage in stages for entry in stage[side]}
            for side in ("deps", "outs")
        }
        return files["outs"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return None


def named(paths: Iterable[str]) -> str:
    """The first of some files, and how many more."""
    names = sorted(paths)
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
