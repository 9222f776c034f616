"""The bytes of a file as a run had them: from the workspace, else from DVC's local cache, by hash; nothing is fetched."""

import configparser
from collections.abc import Sequence
from pathlib import Path

from joblineage.store import PARTS, Store, digest

DVC = ".dvc"


class Restorer:
    """Looks for old files in some workspaces."""

    def __init__(self, stores: Sequence[Store]):
        self.stores = list({store.root.resolve(): store for store in stores}.values())

    def find(self, path: str, sha256: str) -> bytes | None:
        """The file that had this sha256 at `path`; None where no workspace holds it."""
        for store in self.stores:
            for place in (store.root / path, *_cached(store, sha256)):
                if place.is_file() and digest(data := place.read_bytes()) == sha256:
                    return data
        return None

    def versioned(self, sha256: str) -> bool:
        """Whether a record knows DVC's name of the file, and DVC has a remote that may hold it."""
        return any(md5s(store, sha256) and _has_remote(store.root) for store in self.stores)


def md5s(store: Store, sha256: str) -> list[str]:
    """DVC's names (md5) of the bytes with this sha256, as records say them."""
    listed = [name for run in store.runs.values() for part in PARTS for name in run[part]]
    records = [store.records[name] for name in {*listed, *store.pending} if name in store.records]
    return sorted({out["md5"] for one in records for out in one["outputs"] if out["sha256"] == sha256})


def _cached(store: Store, sha256: str) -> list[Path]:
    folder = _cache(store.root)
    return [folder / "files" / "md5" / md5[:2] / md5[2:] for md5 in md5s(store, sha256)]


def _cache(root: Path) -> Path:
    """DVC's local cache: `.dvc/cache`, or where the workspace's configuration puts it."""
    said = _configuration(root).get("cache", "dir", fallback="cache")
    return root / DVC / said  # a path in the configuration counts from there


def _has_remote(root: Path) -> bool:
    return any("remote" in section for section in _configuration(root).sections())


def _configuration(root: Path) -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None)
    read.read([root / DVC / "config", root / DVC / "config.local"])
    return read
