"""Which files a pattern names. `fnmatch`'s `*` crosses "/", `pathlib.PurePath.match` at a path's end only."""

from collections.abc import Iterable
from pathlib import PurePosixPath


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns names a file.

    Parameters
    ----------
    path : below the study's folder, with "/".
    patterns : "tables/*.json", a whole path: `*` stays within one folder; "tables/raw/", all that lies below a
        folder; "*.cost.json", without "/": the file's name, in any folder.
    """
    return any(_matches(path, one) for one in patterns)


def _matches(path: str, pattern: str) -> bool:
    if pattern.endswith("/"):
        return path.startswith(pattern)
    whole = f"/{pattern}" if "/" in pattern else pattern  # from "/" on, `match` compares all parts of a path
    return PurePosixPath("/", path).match(whole)
