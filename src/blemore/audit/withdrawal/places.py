"""Where DVC keeps files: the local cache, the remotes. Objects are named by their md5; any remote that DVC knows will do."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from joblineage.errors import refuse
from joblineage.files import parse_json, parse_yaml
from joblineage.workspace import committed


class Place:
    """One store of DVC's.

    name : "local cache", or the remote's name. odb : DVC's object.
    """

    def __init__(self, name: str, odb: Any):
        self.name = name
        self.odb = odb

    def read(self, md5: str) -> bytes | None:
        """An object's bytes; None where it is not there."""
        if not self.odb.exists(md5):
            return None
        with self.odb.fs.open(self.odb.oid_to_path(md5), "rb") as file:
            return bytes(file.read())

    def held(self, md5s: Iterable[str]) -> list[str]:
        """Those objects that are there, sorted."""
        return sorted(self.odb.oids_exist(sorted(md5s)))

    def remove(self, md5s: Iterable[str]) -> None:
        """Remove objects that are there. DVC's own list of what this store holds is forgotten first: it would not send
        them again where a later study makes the same bytes."""
        from dvc_data.hashfile.db import get_index

        get_index(self.odb).clear()
        for md5 in md5s:
            self.odb.delete(md5)


def places(root: Path, remotes: Sequence[str]) -> tuple[list[Place], dict[str, str], list[str]]:
    """DVC's stores of a study.

    Returns
    -------
    the local cache and those remotes that answer; {remote: why it could not be reached}; remotes that were not named.

    Raises
    ------
    DataError : no such remote.
    """
    from dvc.repo import Repo

    repo = Repo(str(root))
    known = sorted(repo.config["remote"])
    unknown = sorted({*remotes} - {*known})
    refuse("--remote", (f"DVC knows no remote {name!r} (known: {', '.join(known) or 'none'})" for name in unknown))
    stores, away = [Place("local cache", repo.cache.local)], {}
    for name in dict.fromkeys(remotes):
        try:
            remote = repo.cloud.get_remote(name)
            remote.fs.ls(remote.path, detail=False)
            stores.append(Place(name, repo.cloud.get_remote_odb(name)))
        except Exception as error:  # whatever a store's own library raises: it is reported, and the others go on
            away[name] = f"{type(error).__name__}: {error}".strip()
    return stores, away, [name for name in known if name not in remotes]


def local_folders(root: Path) -> list[Path]:
    """Where DVC's stores lie that are folders of this machine: the cache, and the remotes, named or not."""
    from dvc.repo import Repo

    repo = Repo(str(root))
    folders = [Path(repo.cache.local.path)]
    for name in repo.config["remote"]:
        with suppress(Exception):  # whatever a store's own library raises: such a store is no folder
            remote = repo.cloud.get_remote(name)
            folders += [Path(remote.path)] * (remote.fs.protocol == "local")
    return folders


def forget(root: Path) -> None:
    """Remove what DVC remembers of the files' names, outside the study's folder; it finds them out again."""
    from dvc.repo import Repo

    folder = Path(Repo(str(root)).site_cache_dir)
    for name in ("hashes", "index", "links"):
        shutil.rmtree(folder / name, ignore_errors=True)


def versions(root: Path, stores: Sequence[Place]) -> Iterator[tuple[str, str]]:
    """(path, md5) of every file that any dvc.lock, in git's history or here, speaks of; folders taken apart.

    The list of a folder that lies in none of the places is passed over.
    """
    stages = [stage for text in _locks(root) for stage in (parse_yaml(text) or {}).get("stages", {}).values()]
    files = [entry for stage in stages for side in ("deps", "outs") for entry in stage.get(side, [])]
    for path, md5 in sorted({(file["path"], file["md5"]) for file in files if "md5" in file}):
        if not md5.endswith(".dir"):
            yield path, md5
            continue
        listed = next((data for place in stores if (data := place.read(md5))), b"[]")
        yield from ((f"{path}/{entry['relpath']}", entry["md5"]) for entry in parse_json(listed))


def _locks(root: Path) -> Iterator[bytes]:
    """Every version of dvc.lock, each once."""
    if (root / "dvc.lock").is_file():
        yield (root / "dvc.lock").read_bytes()
    yield from committed(root, "dvc.lock")
