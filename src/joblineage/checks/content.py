"""Are the files still those of the records? Unchanged ones are known by their status, changed ones by hash.

A status is size, times and inode; the time of change (ctime) cannot be set back by a program, so an edit with a restored
mtime is seen. What a whole new disk or a privileged hand can hide is found by `--deep`, which reads every byte.
"""

import json
import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from joblineage.files import parse_json, read_bytes, sha256, status_of, write_text
from joblineage.store import OBJECT

CACHE = "cache/lineage/status.json"
Sums = dict[str, str | None]


def sums(root: Path, paths: Iterable[str], *, deep: bool) -> tuple[Sums, int, list[str]]:
    """{path: sha256, None where there is no such file}; how many bytes were read; and what else is to be said.

    What another user keeps to themselves is left out of the former, and counted in a sentence.

    Parameters
    ----------
    deep : read every byte, whatever the status says.
    """
    known = _read(root / CACHE)
    hashes: Sums = {}
    status, ask, hidden, notes = {}, [], [], []
    for path in sorted(set(paths)):
        try:
            about = os.stat(root / path)
        except PermissionError:
            hidden.append(path)
            continue
        except (OSError, ValueError):  # the latter: no name that a file can have
            hashes[path] = None
            continue
        status[path] = status_of(about)
        old = known.get(path)
        if old and old[:4] == status[path] and not deep:
            hashes[path] = old[4]
        elif not stat.S_ISREG(about.st_mode):
            hashes[path] = None
        elif os.access(root / path, os.R_OK) or about.st_uid == os.geteuid():
            ask.append(path)
        else:
            hidden.append(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets other threads run
        hashes.update(zip(ask, pool.map(lambda path: _sum(root / path), ask), strict=True))
    read = sum(status[path][0] for path in ask)
    new = {path: [*status[path], hashes[path]] for path in ask if hashes[path]}
    unseen = [path for path in new if path in known and _looks_the_same(known[path], new[path])]
    if unseen and not make_dvc_look(root, unseen):
        new = {path: new[path] for path in new if path not in unseen}  # the next look finds them again
    if new:
        try:
            write_text(root / CACHE, json.dumps(dict(sorted((known | new).items()))))
        except OSError as error:
            notes.append(f"{CACHE} cannot be written ({error.strerror}): each check reads every file again")
    if hidden:
        notes.append(f"{len(hidden)} files may not be read by this user and were not compared: {hidden[0]}, ...")
    return hashes, read, notes


def _sum(path: Path) -> str | None:
    try:
        return sha256(path)
    except OSError:  # our own file, or a broken disk
        return None


def _read(path: Path) -> dict[str, list]:
    """What the last look found; entries of another form are left out."""
    try:
        known = parse_json(read_bytes(path))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {
        name: status
        for name, status in known.items()
        if isinstance(status, list) and len(status) == 5 and _is_sum(status[4])
    }


def _is_sum(value: object) -> bool:
    return isinstance(value, str) and OBJECT.fullmatch(value) is not None


def _looks_the_same(old: list, new: list) -> bool:
    """Whether there are other bytes under the old size, time and inode, which is all that DVC looks at."""
    return (old[0], old[1], old[3]) == (new[0], new[1], new[3]) and old[4] != new[4]


def make_dvc_look(root: Path, paths: Iterable[str]) -> bool:
    """Have DVC read these files when it next needs their hash, instead of taking them for unchanged; whether it will."""
    if not (root / ".dvc").is_dir():
        return True
    try:
        from dvc.repo import Repo  # half a second, for what hardly ever happens

        with Repo(root) as repo:
            for path in paths:
                repo.state.hashes.pop(os.path.join(repo.root_dir, path), None)
    except Exception:  # a DVC that is broken, or that this user may not write to
        return False
    return True
