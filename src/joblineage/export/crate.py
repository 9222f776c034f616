"""RO-Crate 1.1 of a finished study, by the profile Provenance Run Crate 0.5: written, and checked against itself.

The zip's bytes depend on the study and its private names alone: entries are sorted, times are those of the run.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from joblineage.errors import DataError, refuse
from joblineage.export.description import Description
from joblineage.export.payload import Payload, payload
from joblineage.export.view import View
from joblineage.files import parse_json, whole_file
from joblineage.store import FOLDER, SIGNATURES, digest, merkle_root

METADATA = "ro-crate-metadata.json"


def write_crate(view: View, out: Path) -> Payload:
    """Write the crate, whole or not at all; what went in and what stayed out.

    Raises
    ------
    DataError : a file of the study is gone, or is no longer what its record says.
    """
    held = payload(view)
    said = json.dumps(Description(view, held).written(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    moment = datetime.fromisoformat(view.run["time"]["end"]).timetuple()[:6]
    with whole_file(out) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for path, data in sorted({**held.files, METADATA: said.encode()}.items()):
            entry = zipfile.ZipInfo(path, moment)
            entry.external_attr = 0o644 << 16
            file.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return held


def check_crate(crate: Path) -> int:
    """Compare every file of a crate with the sha256 in its metadata, which no validator does; how many were compared.

    Also: lineage documents bear their own hash as a name, the run's Merkle root is that of its records, and results are
    what these records say. Who rewrites a file and every mention of it is found by the signature of a run (`sign`) alone.

    Raises
    ------
    DataError : each file that differs, is missing or was added, by path.
    """
    try:
        with zipfile.ZipFile(crate) as file:
            names = Counter(file.namelist())
            held = dict(_read(file, name) for name in names)
        said = parse_json(held.pop(METADATA) or b"")["@graph"]
        described = {
            unquote(entity["@id"]): entity for entity in said if "File" in entity["@type"] and "sha256" in entity
        }
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise DataError(str(crate), [f"is no crate that `export` wrote: {error!r}"]) from error
    twice = ((name, "is there twice") for name, times in names.items() if times > 1)
    faults = dict([*twice, *_lineage(held), *_files(held, described)])
    refuse(crate, [f"{name}: {what}" for name, what in sorted(faults.items())])
    return len(held)


def _read(file: zipfile.ZipFile, name: str) -> tuple[str, bytes | None]:
    """A file of the zip; None where its own checksum tells that it is damaged."""
    try:
        return name, file.read(name)
    except zipfile.BadZipFile:
        return name, None


def _files(held: dict[str, bytes | None], described: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in held.keys() | described.keys():
        data, entity = held.get(name), described.get(name)
        if name not in held:
            yield name, "is missing"
        elif entity is None:
            yield name, "was added: the metadata does not know it"
        elif data is None or digest(data) != entity["sha256"]:
            fault = "is damaged" if data is None else f"has sha256 {digest(data)[:12]}"
            yield name, f"{fault}, the metadata says {entity['sha256'][:12]}"
        elif str(len(data)) != entity.get("contentSize"):
            yield name, f"has {len(data)} bytes, the metadata says {entity.get('contentSize')}"


def _lineage(held: dict[str, bytes | None]) -> Iterator[tuple[str, str]]:
    """What the records in the crate say otherwise than the crate."""
    for name, data in held.items():
        path = PurePosixPath(name)
        if path.parts[0] != FOLDER or data is None or name.endswith(SIGNATURES):
            continue
        if path.stem != digest(data):
            yield name, "does not bear its own sha256 as name"
        elif path.parts[1] == "records":
            for out in parse_json(data)["outputs"]:
                output = held.get(out["path"])
                if output is not None and digest(output) != out["sha256"]:
                    yield out["path"], f"is not what its record {path.stem[:12]} says"
        elif path.parts[1] == "runs":
            run = parse_json(data)
            if merkle_root([*run["executed"], *run["reused"]]) != run["root"]:
                yield name, "its Merkle root is not that of its records"
