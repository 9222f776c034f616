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
    known = {} if deep else _read(root / CACHE)
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
        if old and old[:4] == status[path]:
            found[path] = old[4]
        else:
            ask.append(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets other threads run
        found.update(zip(ask, pool.map(lambda path: sha256(root / path), ask), strict=True))
    if ask:
        known |= {path: [*status[path], found[path]] for path in ask}
        write_text(root / CACHE, json.dumps({path: known[path] for path in sorted(known)}))
    return found, sum(status[path][0] for path in ask)


def _read(path: Path) -> dict[str, list]:
    try:
        return dict(parse_json(path.read_text()))
    except (OSError, ValueError):
        return {}
