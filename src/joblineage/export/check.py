"""Is a crate still what was written: every file against the sha256 in its metadata, which no validator checks.

Also: lineage documents bear their own hash as a name, the run's Merkle root is that of its records, and results are what
these records say. Who rewrites a file and every mention of it is not found here; a signed run (`sign`) is for that.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from joblineage.errors import DataError
from joblineage.export.crate import METADATA
from joblineage.store import FOLDER, SIGNATURES, digest, merkle_root


def check_crate(crate: Path) -> int:
    """Compare every file of a crate with what the crate says of it; how many were compared.

    Raises
    ------
    DataError : each file that differs, is missing or was added, by path.
    """
    try:
        with zipfile.ZipFile(crate) as file:
            names = Counter(file.namelist())
            held = dict(_read(file, name) for name in names)
        said = json.loads(held.pop(METADATA) or b"")["@graph"]
        described = {unquote(one["@id"]): one for one in said if "File" in _list(one["@type"]) and "sha256" in one}
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise DataError(str(crate), [f"is no crate that `export` wrote: {error!r}"]) from error
    twice = ((name, "is there twice") for name, times in names.items() if times > 1)
    faults = dict([*twice, *_lineage(held), *_files(held, described)])
    if faults:
        raise DataError(str(crate), [f"{name}: {what}" for name, what in sorted(faults.items())])
    return len(held)


def _read(file: zipfile.ZipFile, name: str) -> tuple[str, bytes | None]:
    """A file of the zip; None where its own checksum tells that it is damaged."""
    try:
        return name, file.read(name)
    except zipfile.BadZipFile:
        return name, None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _files(held: dict[str, bytes | None], described: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in held.keys() | described.keys():
        if name not in held:
            yield name, "is missing"
        elif name not in described:
            yield name, "was added: the metadata does not know it"
        else:
            data, one = held[name], described[name]
            if data is None or digest(data) != one["sha256"]:
                found = "is damaged" if data is None else f"has sha256 {digest(data)[:12]}"
                yield name, f"{found}, the metadata says {one['sha256'][:12]}"
            elif str(len(data)) != one.get("contentSize"):
                yield name, f"has {len(data)} bytes, the metadata says {one.get('contentSize')}"


def _lineage(held: dict[str, bytes | None]) -> Iterator[tuple[str, str]]:
    """What the records in the crate say otherwise than the crate."""
    for name, data in held.items():
        path = PurePosixPath(name)
        if path.parts[0] != FOLDER or data is None or name.endswith(SIGNATURES):
            continue
        if path.stem != digest(data):
            yield name, "does not bear its own sha256 as name"
        elif path.parts[1] == "records":
            for out in json.loads(data)["outputs"]:
                made = held.get(out["path"])
                if made is not None and digest(made) != out["sha256"]:
                    yield out["path"], f"is not what its record {path.stem[:12]} says"
        elif path.parts[1] == "runs":
            run = json.loads(data)
            if merkle_root([*run["executed"], *run["reused"]]) != run["root"]:
                yield name, "its Merkle root is not that of its records"
