"""One workspace holds one study: what no rule of it makes is removed, what was asked for later is made by itself."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from joblineage.files import parse_json

METADATA = ".snakemake/metadata"
"""Snakemake's notes on each output, in files named after them."""
GIT_ALONE = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_REPLACE_OBJECTS": "1"}
"""Environment in which git fetches nothing (the study's .git/config could name a program for it), and reads what was committed."""


def under_git(root: Path) -> bool:
    """Whether git knows the folder, or one above it; without git DVC versions nothing."""
    return any((folder / ".git").exists() for folder in (root.resolve(), *root.resolve().parents))


def committed(root: Path, path: str) -> Iterator[bytes]:
    """Every version of a file that git's history has, on any branch, each once; none without git."""
    for line in git(root, "rev-list", "--all", "--objects", "--", path).decode().splitlines():
        name, _, listed = line.partition(" ")
        if listed.endswith(path):
            yield git(root, "cat-file", "blob", name)


def git(root: Path, *command: str) -> bytes:
    """What a command of git's prints in a folder; nothing where it fails, or there is no git."""
    try:
        done = subprocess.run(["git", *command], cwd=root, env=os.environ | GIT_ALONE, capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    return b"" if done.returncode else done.stdout


def tracked(root: Path) -> set[str]:
    """Paths of the files that git knows; none without git."""
    listed = git(root, "-c", "core.fsmonitor=false", "ls-files", "-z")  # a monitor is a program that .git/config names
    return {os.fsdecode(path) for path in listed.split(b"\0") if path}


def refused_by_git(root: Path) -> bool:
    """Whether git refuses the folder since it is another user's ("dubious ownership"): it then tells no commit."""
    command = ["git", "rev-parse", "--git-dir"]
    try:
        done = subprocess.run(
            command, cwd=root, env=os.environ | GIT_ALONE | {"LC_ALL": "C"}, capture_output=True, check=False
        )
    except FileNotFoundError:  # no git here
        return False
    return done.returncode != 0 and b"dubious ownership" in done.stderr


def python_for_shells() -> None:
    """Have jobs find this Python where its path has a space: Snakemake hands that path to a shell as it is.

    A path that a shell would divide becomes a name in PATH.
    """
    if shlex.quote(sys.executable) != sys.executable:
        programs, sys.executable = os.path.split(sys.executable)
        os.environ["PATH"] = programs + os.pathsep + os.environ["PATH"]


def orphans(folders: Iterable[Path], patterns: Iterable[re.Pattern]) -> list[Path]:
    """Files below `folders` that match none of the rules' output patterns (on paths relative to the workspace).

    Left behind by another study (other data, another number of parts, an entry taken out) or by a killed job.
    """
    patterns = list(patterns)
    files = (path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if not any(pattern.match(path.as_posix()) for pattern in patterns))


def forget(root: Path, patterns: Iterable[re.Pattern], known: Collection[str]) -> None:
    """Remove Snakemake's metadata of files that no rule makes any longer, and that are not `known` from the study's records."""
    patterns, folder = list(patterns), root / METADATA
    files = [path for path in folder.rglob("*") if path.is_file()]
    abouts = [(path, output_of(path.relative_to(folder).as_posix())) for path in files]
    others = [(path, about) for path, about in abouts if about and about not in known]
    remove(path for path, about in others if not any(pattern.match(about) for pattern in patterns))


def output_of(name: str) -> str | None:
    """The output that a file of Snakemake's is about, given its path below their folder; None for any other name.

    It is base64, parted by folders beginning with @ where it is long.
    """
    try:
        return urlsafe_b64decode(_joined(name)).decode()
    except ValueError:
        return None


def marked(folder: Path) -> Iterator[tuple[Path, str]]:
    """(file, path of the study that it speaks of) below a folder of Snakemake's; files of other names are passed over.

    Base64 can be spelled in several ways: Snakemake reads one, so no other is accepted.
    """
    for file in (path for path in folder.rglob("*") if not path.is_dir()):
        name = file.relative_to(folder).as_posix()
        path = output_of(name)
        if path is not None and urlsafe_b64encode(path.encode()).decode() == _joined(name):
            yield file, path


def _joined(name: str) -> str:
    return "".join(part.removeprefix("@") for part in name.split("/"))


def remove(paths: Iterable[Path]) -> None:
    """Remove files and the folders that they leave empty."""
    for path in paths:
        path.unlink()
        for folder in path.parents:
            if folder == Path() or any(folder.iterdir()):
                break
            folder.rmdir()


def clear(path: Path) -> None:
    """Remove what lies in a file's place: a file, a link, or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def added_later(files: Mapping[str, Sequence[str]], rule: str) -> list[str]:
    """The kinds of files that are made by a rule of their own, since the others were made before they were asked for.

    Snakemake's metadata say who made what is there; files without metadata are being written, or were by a killed job.

    Parameters
    ----------
    files : kind -> its files, relative to the present folder.
    rule : the rule that makes what is added later. What it once made stays its own.
    """
    makers = {kind: {_maker(path) for path in paths if Path(path).is_file()} - {None} for kind, paths in files.items()}
    first = [kind for kind in files if makers[kind] - {rule}]
    return [kind for kind in files if kind not in first] if first else []


def _maker(path: str) -> str | None:
    """The rule whose finished job made a file."""
    fields = read_note(note(path))
    return str(fields["rule"]) if fields else None


STARTED = "incomplete"
"""Folder of Snakemake's notes on outputs that a job has begun to make."""


def note(path: str, kind: str = "metadata") -> Path:
    """Where Snakemake keeps a note on an output: its name in base64, parted by folders beginning with @ where it is long."""
    name = urlsafe_b64encode(path.encode()).decode()
    parts = [name[start : start + 254] for start in range(0, len(name), 254)]
    return Path(".snakemake", kind, *(f"@{part}" for part in parts[:-1]), parts[-1])


def read_note(place: Path) -> dict[str, Any] | None:
    """What a finished job's note says; None where it is not there, or damaged (Snakemake does not write it at once)."""
    try:
        fields = parse_json(place.read_bytes())
    except (OSError, ValueError):
        return None
    return fields if isinstance(fields, dict) and "rule" in fields else None


def notes_apart() -> None:
    """From now on have Snakemake write each note as a file of its own. It writes into what lies there, and where DVC has put
    a link to its cache (its type symlink or hardlink) that would be the cache's object, of every version and study."""
    from snakemake.persistence.file import FilePersistence

    inner = getattr(FilePersistence._io_write, "__wrapped__", FilePersistence._io_write)

    @wraps(inner)
    def write(persistence: Any, folder: str, value: Any, about: str, *mode: int) -> None:
        place = Path(persistence._record_path(folder, about))
        if place.is_symlink() or (place.exists() and place.stat().st_nlink > 1):
            place.unlink()
        inner(persistence, folder, value, about, *mode)

    FilePersistence._io_write = write


def hard_links_replaceable() -> None:
    """From now on have Snakemake replace an output that is a hard link, as it does symbolic ones. DVC takes the right to write
    from what it links to its cache, and where that is missing Snakemake refuses to run the job, unless for root."""
    from snakemake.io import _IOFile

    inner = getattr(_IOFile.protected, "__wrapped__", _IOFile.protected)

    @wraps(inner)
    async def protected(file: Any) -> bool:
        return await inner(file) and os.stat(file.file).st_nlink == 1

    _IOFile.protected = protected
