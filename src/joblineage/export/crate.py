"""RO-Crate 1.1 of a finished study, by the profile Provenance Run Crate 0.5: the run, its jobs, their files.

The zip's bytes hang on the study and its private names alone: entries are sorted, times are those of the run.
"""

import io
import json
import zipfile
from datetime import datetime
from pathlib import Path

from joblineage.export.description import Description
from joblineage.export.payload import Payload, payload
from joblineage.export.told import Told
from joblineage.files import write_bytes

METADATA = "ro-crate-metadata.json"


def write_crate(told: Told, out: Path) -> Payload:
    """Write the crate, whole or not at all; what went in and what stayed out.

    Raises
    ------
    DataError : a file of the study is gone, or is no longer what its record says.
    """
    held = payload(told)
    said = json.dumps(Description(told, held).written(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write_bytes(out, zipped({**held.files, METADATA: said.encode()}, told.run["time"]["end"]))
    return held


def zipped(files: dict[str, bytes], time: str) -> bytes:
    """A zip of `files`, sorted, all of them from `time` (ISO 8601)."""
    moment = datetime.fromisoformat(time)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(path, moment.timetuple()[:6])
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, data)
    return target.getvalue()
