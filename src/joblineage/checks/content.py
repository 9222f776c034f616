"""Are the files still those of the records? Unchanged ones are known by their status, changed ones by hash.

A status is size, times and inode; the time of change (ctime) cannot be set back by a program, so an edit with a restored
mtime is seen. What a whole new disk or a privileged hand can hide is found by `--deep`, which reads every byte.
"""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from joblineage.files import parse_json, sha256, write_text

CACHE = "cache/lineage/status.json"
Sums = dict[str, str | None]


def sums(root: Path, paths: Iterable[str], *, deep: bool) -> tuple[Sums, int]:
    """{path: sha256, None where there is no such file} and how many bytes were read.

    Parameters
    ----------
    deep : read every byte, whatever the status says.
    """
    known = _read(root / CACHE)
    found: Sums = {}
    status = {}
    ask = []
    for path in sorted(set(paths)):
        try:
            about = os.stat(root / path)
        except (FileNotFoundError, NotADirectoryError):
            found[path] = None
            continue
        status[path] = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
        old = known.get(path)
        if old and old[:4] == status[path] and not deep:
            found[path] = old[4]
        else:
            ask.append(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets other threads run
        found.update(zip(ask, pool.map(lambda path: sha256(root / path), ask), strict=True))
    read = sum(status[path][0] for path in ask)
    unseen = [path for path in ask if path in known and _looks_the_same(known[path], [*status[path], found[path]])]
    if unseen and not make_dvc_look(root, unseen):
        ask = [path for path in ask if path not in unseen]  # for the next look
    if ask:
        known |= {path: [*status[path], found[path]] for path in ask}
        write_text(root / CACHE, json.dumps({path: known[path] for path in sorted(known)}))
    return found, read


def _read(path: Path) -> dict[str, list]:
    try:
        return dict(parse_json(path.read_text()))
    except (OSError, ValueError):
        return {}


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
