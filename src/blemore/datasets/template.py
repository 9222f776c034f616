"""The challenge's template, which lists the test clips, and the zip or JSON file that it and every submission is."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from blemore.scoring.reading import load_json, read_bytes, shown
from joblineage.errors import DataError
from joblineage.files import json_text, write_bytes

TEMPLATE = "submission_template.json"
"""Its name, and that of the one file in the zip of a submission."""

MOST_BYTES = 1 << 25
"""Of a file of predictions; those of 594 clips take a hundredth of it."""

PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What every program can unpack."""

UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error)
"""What reading a damaged zip raises."""


def read_submission(path: str | Path, strict: bool = False) -> Any:
    """What a file of predictions, or a template, holds: JSON, or the one file of the challenge's zip.

    Parameters
    ----------
    strict : the challenge's own strictness: UTF-8 without byte order mark; .zip is a zip, and nothing else is.

    Raises
    ------
    DataError : it cannot be read, whatever the reason. OSError : it cannot be opened.
    """
    path = Path(path)
    data = read_bytes(path, MOST_BYTES)
    zipped, named = zipfile.is_zipfile(io.BytesIO(data)), path.suffix.lower() == ".zip"
    if strict and zipped and not named:
        raise DataError(str(path), ["is a zip: its name must end with .zip"])
    if zipped or named:
        data = _only_file(data, str(path))
    return load_json(data, str(path), strict)


def _only_file(data: bytes, where: str) -> bytes:
    """The bytes of the one file that the challenge's zip holds."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if [entry.filename for entry in entries] != [TEMPLATE]:
                names = ", ".join(shown(entry.filename) for entry in entries[:5]) or "none"
                more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
                what = f"the zip must hold one file, {TEMPLATE}, in its root; it holds: {names}{more}"
                raise DataError(where, [what])
            if entries[0].flag_bits & 0x1:
                raise DataError(where, ["is encrypted: pack it without a password"])
            if entries[0].compress_type not in PACKED:
                raise DataError(where, ["is packed in an unusual way: pack it as an ordinary zip (deflate)"])
            with archive.open(entries[0]) as file:
                unpacked = file.read(MOST_BYTES + 1)
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(where, [f"is not a readable zip: {error}"]) from error
    if len(unpacked) > MOST_BYTES:
        raise DataError(where, [f"unpacks to more than {MOST_BYTES >> 20} MB"])
    return unpacked


def read_template(path: str | Path) -> list[str]:
    """The keys that a submission must have, as the challenge's template lists them: {"predictions": {key: []}}.

    The challenge's own template holds made-up predictions in place of []: whatever they are, only the keys count.
    """
    return list(predictions_of(read_submission(path), str(path), '{"predictions": {"test_0001.mov": [], ...}}'))


def write_template(path: str | Path, given: Path, clips: Iterable[str]) -> None:
    """Write the template of a study: a copy of the one that is `given`; where there is none, one that asks for the test `clips`.

    Keys end in .mov, whatever the files do: so the challenge's form has it.
    """
    asked: dict[str, Any] = {"predictions": {f"{clip}.mov": [] for clip in sorted(clips)}}
    write_bytes(path, given.read_bytes() if given.exists() else json_text(asked).encode())


def predictions_of(value: Any, where: str, form: str) -> dict[str, Any]:
    """The predictions by clip of a file in its `form`; DataError where it has none."""
    if not isinstance(value, dict) or not isinstance(value.get("predictions"), dict):
        raise DataError(where, [f"expected {form}, found {shown(value)}"])
    return value["predictions"]


def is_written_here(data: bytes) -> bool:
    """Whether this is a submission that this workflow wrote, and no template.

    That there are predictions says nothing: the challenge fills its own template with made-up ones.
    """
    try:
        value = load_json(data, TEMPLATE)
        filled = any(predictions_of(value, TEMPLATE, "").values())
        return filled and data == json_text(value).encode()
    except (ValueError, RecursionError):
        return False
