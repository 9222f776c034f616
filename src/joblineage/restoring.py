"""The bytes of a file as a run had them: from the workspace, else from DVC's local cache, by hash; nothing is fetched."""

import configparser
from collections.abc import Sequence

from joblineage.store import Store, digest

DVC = ".dvc"


class Restorer:
    """Looks for old files in some workspaces."""

    def __init__(self, stores: Sequence[Store]):
        self.stores = list({store.root.resolve(): store for store in stores}.values())

    def find(self, path: str, sha256: str) -> bytes | None:
        """The file that had this sha256 at `path`; None where no workspace holds it."""
        for store in self.stores:
            said = _configuration(store).get("cache", "dir", fallback="cache")
            cache = store.root / DVC / said / "files" / "md5"  # a path in the configuration counts from its own place
            for place in (store.root / path, *(cache / md5[:2] / md5[2:] for md5 in _md5s(store, sha256))):
                if place.is_file() and digest(data := place.read_bytes()) == sha256:
                    return data
        return None

    def versioned(self, sha256: str) -> bool:
        """Whether a record knows DVC's name of the file, and DVC has a remote that may hold it."""
        remotes = (store for store in self.stores if any("remote" in one for one in _configuration(store).sections()))
        return any(_md5s(store, sha256) for store in remotes)


def _md5s(store: Store, sha256: str) -> list[str]:
    """DVC's names (md5) of the bytes with this sha256, as records say them."""
    made = (out for record in store.records.values() for out in record["outputs"])
    return sorted({out["md5"] for out in made if out["sha256"] == sha256})


def _configuration(store: Store) -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None)
    read.read([store.root / DVC / "config", store.root / DVC / "config.local"])
    return read
