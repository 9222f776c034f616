"""One workspace holds one study: files that no rule of the present study makes are found and removed."""

import re
from collections.abc import Iterable
from pathlib import Path


def orphans(folders: Iterable[Path], made: Iterable[re.Pattern]) -> list[Path]:
    """Files below `folders` that match none of the rules' output patterns (on paths relative to the workspace).

    Left behind by another study (another data set, number of shards, an encoder taken out) or by a killed job.
    """
    made = list(made)
    files = (path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if not any(pattern.match(path.as_posix()) for pattern in made))


def remove(paths: Iterable[Path]) -> None:
    """Remove files and the folders that they leave empty."""
    for path in paths:
        path.unlink()
        for folder in path.parents:
            if folder == Path() or any(folder.iterdir()):
                break
            folder.rmdir()
