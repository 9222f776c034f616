"""One workspace holds one study: what no rule of it makes is removed, what was asked for later is made by itself."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
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


def added_later(files: Mapping[str, Sequence[str]], rule: str) -> list[str]:
    """The kinds of files that are made by a rule of their own, since the others were there before they were asked for.

    Parameters
    ----------
    files : kind -> its files, relative to the present folder.
    rule : the rule that makes what is added later. What it once made (says Snakemake's metadata) stays its own.
    """
    absent = [kind for kind, paths in files.items() if not any(Path(path).is_file() for path in paths)]
    later = [
        kind
        for kind, paths in files.items()
        if (kind in absent and len(absent) < len(files)) or any(_made_by(rule, path) for path in paths)
    ]
    return later if len(later) < len(files) else []  # nothing is left that they could be later than


def _made_by(rule: str, path: str) -> bool:
    metadata = Path(".snakemake/metadata", urlsafe_b64encode(path.encode()).decode())
    return metadata.is_file() and json.loads(metadata.read_bytes())["rule"] == rule
