"""Is compiled Python what Python makes of its source? It is loaded in the source's place, and checked by time and size only."""

import json
import marshal
import os
import sys
from collections.abc import Iterable
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

from joblineage.files import parse_json, status_of, write_text

CACHE = "cache/lineage/bytecode.json"


def status(path: str | Path) -> str | None:
    """`files.status_of` in one word; None where there is no file."""
    try:
        return " ".join(map(str, status_of(os.stat(path))))
    except (FileNotFoundError, NotADirectoryError):
        return None


def compiled(source: str) -> str:
    """Where the compiled file of a source lies; `importlib.util.cache_from_source`, in a tenth of the time."""
    if sys.pycache_prefix or sys.flags.optimize:
        return cache_from_source(source)
    folder, name = os.path.split(source)
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"


def planted(root: Path, sources: Iterable[str | Path]) -> list[str]:
    """Compiled files that Python would load, though they are not made of their source; files of a known status are not read.

    Parameters
    ----------
    root : the study's folder, in whose cache the status is kept.
    sources : Python files.
    """
    try:
        known = dict(parse_json((root / CACHE).read_bytes()))
    except (OSError, ValueError, TypeError):
        known = {}
    files, checked = [], {}
    for source in sorted({str(Path(root, source).absolute()) for source in sources}):
        file = compiled(source)
        about = [status(source), status(file)]
        if None in about or known.get(file) == about:
            continue
        if differs(source, file):
            files.append(file)
        else:
            checked[file] = about
    if checked:
        write_text(root / CACHE, json.dumps(known | checked))
    return files


def differs(source: str, file: str) -> bool:
    """Whether Python would load the compiled file, and it is not what Python makes of the source."""
    text, data = Path(source).read_bytes(), Path(file).read_bytes()
    how, said = int.from_bytes(data[4:8], "little"), data[8:16]
    about = os.stat(source)
    now = b"".join((int(number) & 0xFFFFFFFF).to_bytes(4, "little") for number in (about.st_mtime, about.st_size))
    # Python recompiles: other Python, other time or size; or (how 3: named by its source's hash) another source.
    if data[:4] != MAGIC_NUMBER or (how == 0 and said != now) or (how == 3 and said != source_hash(text)):
        return False
    try:
        return bool(marshal.loads(data[16:]) != compile(text, source, "exec", dont_inherit=True))
    except (ValueError, EOFError, TypeError):
        return True
