"""Files that are either whole or absent: written beside their place, flushed to the disk, then renamed."""

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from secrets import randbits
from typing import Any

from joblineage.errors import DataError

LITTER = re.compile(
    r"\.DS_Store|Thumbs\.db|desktop\.ini|\._.+|\.nfs\w+|\..+\.sw[a-z]|.+~|#.+#|\.#.+|\.~lock\..+#", re.I
)
"""Names of files that file browsers, file servers and editors leave beside others; .dvcignore names them too."""
Status = list[int]
"""Of a file: size, time of content, time of change, inode."""
DEEPEST = 100
"""Lists and mappings that may lie within one another in JSON or YAML; more ends readers of the value in a RecursionError."""
TOO_DEEP = f"it is nested too deeply (more than {DEEPEST} lists and mappings within one another)"


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path; on success it becomes `path` at once, on an error nothing is left.

    The temporary file is in the same folder (a rename must not cross file systems).

    Parameters
    ----------
    path : str or Path
        The file.

    Yields
    ------
    Path
        The temporary path to write to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{randbits(63)}.tmp")  # other machines may write here, too
    try:
        yield temporary
        with open(temporary, "r+b") as file:  # Windows flushes only what is open for writing
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:  # a full disk says so without a name
        if error.filename is None or str(error.filename) == str(temporary):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def not_over(path: Path | None, *read: Path | None) -> None:
    """Refuse a file to write that is one of those to be read: it would be lost.

    Parameters
    ----------
    path : Path or None
        The file to write; None where nothing is written.
    *read : Path or None
        The files to be read.

    Raises
    ------
    DataError
        They are one file, under whatever name.
    """
    if path is None or not path.exists():
        return
    if any(source is not None and source.exists() and path.samefile(source) for source in read):
        raise DataError(str(path), ["would be written over while it is read: give another name for what is written"])


def check_output(path: Path | None, endings: Iterable[str], *read: Path | None) -> None:
    """Refuse a file to write that has another ending, or that is one of those to be read (`not_over`).

    Parameters
    ----------
    path : Path or None
        The file to write; None where nothing is written.
    endings : iterable of str
        Endings that it may have, in whatever case.
    *read : Path or None
        The files to be read.

    Raises
    ------
    DataError
        It is such a file.
    """
    if path is None:
        return
    if path.suffix.lower() not in map(str.lower, endings):
        text = f"ends in {path.suffix or 'nothing'}, expected {' or '.join(endings)} for what is written"
        raise DataError(str(path), [text])
    not_over(path, *read)


def read_bytes(path: str | Path) -> bytes:
    """Read a regular file; links are followed.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    bytes
        What it holds.

    Raises
    ------
    OSError
        It cannot be read, or is none: of a folder nothing can be read, and a pipe would be waited for.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return Path(path).read_bytes()


def write_bytes(path: str | Path, data: bytes, mode: int = 0o666) -> None:
    """Write bytes whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file.
    data : bytes
        What to write.
    mode : int
        Permissions; with 0o600 nobody but the owner can ever read it.
    """
    with whole_file(path) as temporary, open(temporary, "wb", opener=partial(os.open, mode=mode)) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Write text in UTF-8, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file.
    text : str
        The text.
    """
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as `json_text`, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file.
    value : object
        Anything that JSON can hold.
    """
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """Give indented JSON with sorted keys; NaN is refused (it is not JSON).

    Parameters
    ----------
    value : object
        Anything that JSON can hold.

    Returns
    -------
    str
        The text, with a line feed at its end.

    Raises
    ------
    ValueError
        The value holds NaN or infinity.
    """
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def parse_json(text: str | bytes, **hooks: Any) -> Any:
    """Read JSON text.

    Parameters
    ----------
    text : str or bytes
        The text; bytes are UTF-8.
    **hooks : object
        Options of `json.loads`.

    Returns
    -------
    object
        The value.

    Raises
    ------
    ValueError
        It is none, or lists lie too deep within one another.
    """
    text = text if isinstance(text, str) else text.decode()
    try:
        value = json.loads(text, **hooks)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if text.count("[") + text.count("{") <= DEEPEST:
        return value  # the walk costs as much as the parser
    level = [value]
    for _ in range(DEEPEST + 1):
        blocks = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        if not (level := [inner for block in blocks for inner in block]):
            return value
    raise ValueError(TOO_DEEP)


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    object
        The value.

    Raises
    ------
    DataError
        It holds none, or lists that lie too deep within one another.
    """
    try:
        return parse_json(Path(path).read_bytes())
    except ValueError as error:
        raise DataError(str(path), [f"is not valid JSON: {error}"]) from error


def parse_yaml(text: str | bytes) -> Any:
    """Read YAML text; see `joblineage.yaml_text` for what is refused.

    Parameters
    ----------
    text : str or bytes
        The text; bytes are UTF-8.

    Returns
    -------
    object
        The value.

    Raises
    ------
    yaml.YAMLError
        It is no YAML, or refused.
    """
    from joblineage import yaml_text  # many who import this module read none

    return yaml_text.load(text)


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    object
        The value.

    Raises
    ------
    DataError
        It is no YAML, or refused.
    """
    import yaml

    try:
        return parse_yaml(Path(path).read_bytes())
    except yaml.YAMLError as error:
        raise DataError(str(path), [f"is not valid YAML: {error}"]) from error


def close(paths: Iterable[Path], like: Path) -> list[str]:
    """Close files and folders, and so all that lies in the latter, to others.

    A folder that nobody enters closes what is in it. A new mode of each file would be a change to whoever compares by status.

    Parameters
    ----------
    paths : iterable of Path
        Those that are not there are passed over; a link stays as it is, since others may share what it leads to.
    like : Path
        A folder; its group may do what it may do there. Nothing is ever opened.

    Returns
    -------
    list of str
        What could not be closed, in sentences.
    """
    allowed, notes = 0o700 | (like.stat().st_mode & 0o070), []
    for path in paths:
        if path.is_symlink():
            notes.append(f"{path} is a link: who may read what it leads to is not for this study to say")
            continue
        if not path.exists() or not (mode := path.stat().st_mode & 0o777) & ~allowed:
            continue
        with suppress(OSError):  # of another owner, on a disk that is read-only
            path.chmod(mode & allowed)
        if path.stat().st_mode & 0o777 & ~allowed:  # also on a disk that keeps no modes, and says nothing
            notes.append(f"{path} is open to others, and its owner or its disk lets nobody close it here")
    return notes


def status_of(about: os.stat_result) -> Status:
    """What shows a changed file without reading it: a program cannot set back the time of change (ctime).

    Parameters
    ----------
    about : stat_result
        What `os.stat` gave.

    Returns
    -------
    list of int
        Size, time of content, time of change, inode.
    """
    return [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]


def sha256(path: str | Path) -> str:
    """Hash a file's bytes.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    str
        The sha256, 64 hex digits.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(path: str | Path) -> None:
    """Add a file's sha256, 32 bytes, to its end.

    Parameters
    ----------
    path : str or Path
        The file.
    """
    seal = bytes.fromhex(sha256(path))
    with open(path, "ab") as file:
        file.write(seal)


def sealed(path: str | Path) -> str | None:
    """Check a file that ends in the sha256 of all before, as `seal` left it.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    str or None
        The sha256 of the whole file; None where something has changed it since.
    """
    whole, before = hashlib.sha256(), hashlib.sha256()
    left = os.path.getsize(path) - before.digest_size
    with open(path, "rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            before.update(block)
            whole.update(block)
            left -= len(block)
        end = file.read()
    whole.update(end)
    return whole.hexdigest() if end == before.digest() else None


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns names a file.

    `fnmatch`'s `*` crosses "/", `pathlib.PurePath.match` is of a path's end only.

    Parameters
    ----------
    path : str
        A path below the study's folder, with "/".
    patterns : iterable of str
        "tables/*.json", a whole path: `*` stays within one folder; "tables/raw/", all that lies below a folder;
        "*.cost.json", without "/": the file's name, in any folder.

    Returns
    -------
    bool
        True for a match.

    Examples
    --------
    >>> from joblineage.files import matches
    >>> matches("made/a/x.cost.json", ["*.cost.json"]), matches("made/a/x.json", ["made/*.json"])
    (True, False)
    """
    return any(_matches(path, pattern) for pattern in patterns)


def _matches(path: str, pattern: str) -> bool:
    if pattern.endswith("/"):
        return path.startswith(pattern)
    whole = f"/{pattern}" if "/" in pattern else pattern  # from "/" on, `match` compares all parts of a path
    return PurePosixPath("/", path).match(whole)
