"""The challenge's submission: a JSON file with every test clip, and the zip that is uploaded."""

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blemore.challenge.files import EXTENSION, Emotions, emotion_faults, emotions_of, load_json
from blemore.scoring.columns import clip_names
from blemore.scoring.labels import CLASSES
from joblineage.errors import DataError, refuse
from joblineage.files import write_bytes, write_json

if TYPE_CHECKING:
    import pandas as pd

ROOT_FILE = "submission_template.json"
"""The one file that the uploaded zip holds."""
ALLOWED = {(100.0,), (50.0, 50.0), (30.0, 70.0)}
"""Saliences of a prediction in percent, sorted."""
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
"""Fixed, so that the same decisions give the same bytes; the earliest that a zip can hold."""


def read_template(path: str | Path) -> list[str]:
    """The keys that a submission must have, as the challenge's template lists them: {"predictions": {key: []}}."""
    value = load_json(Path(path).read_bytes(), str(path))
    if not isinstance(value, dict) or not isinstance(value.get("predictions"), dict):
        raise DataError(str(path), ['expected {"predictions": {clip: [], ...}}'])
    return list(value["predictions"])


def write(decisions: "pd.DataFrame", keys: Iterable[str]) -> dict[str, dict[str, Emotions]]:
    """The submission for the template's keys, in their order.

    Parameters
    ----------
    decisions : one row per test clip with clip (no extension) and the six saliences in percent; quarantined clips
        included (`decide.run.calibrate` decides them by the commonest label). Other rows must not be there.
    keys : the template's clip names, with extension.

    Returns
    -------
    {"predictions": {"test_0001.mov": [{"emotion": "ang", "salience": 70.0}, {"emotion": "sad", "salience": 30.0}]}}

    Raises
    ------
    DataError : a key without a decision, a decision without a key, two decisions for a clip, or one that is not allowed.
    """
    keys = list(keys)
    names, decided = clip_names(keys), decisions["clip"]
    known = set(decided)
    faults = [f"clip {clip}: two decisions" for clip in decided[decided.duplicated()]]
    faults += [f"clip {clip}: in the template, but not decided" for clip in names if clip not in known]
    faults += [f"clip {clip}: decided, but not in the template" for clip in decided[~decided.isin(names)]]
    refuse("submission", faults)
    saliences = decisions.set_index("clip").loc[names, list(CLASSES)].to_numpy()
    value = {"predictions": {key: emotions_of(row) for key, row in zip(keys, saliences, strict=True)}}
    faults = faults_of(value, keys)
    refuse("submission", faults)
    return value


def write_zip(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write the zip to upload: one root file, `submission_template.json`. The same submission gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(ROOT_FILE, TIMESTAMP)
        entry.compress_type = zipfile.ZIP_STORED  # compressed bytes would depend on zlib's version
        entry.create_system = 3  # Unix, wherever it is written
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")
    write_bytes(path, buffer.getvalue())


def write_checked(decisions: "pd.DataFrame", keys: Iterable[str], json_path: str | Path, zip_path: str | Path) -> None:
    """Write the JSON file and the zip of one variant's decisions, and read the zip again as the challenge would.

    Raises
    ------
    DataError : as `write`, or the written zip would be refused.
    """
    keys = list(keys)
    value = write(decisions, keys)
    write_json(json_path, value)
    write_zip(zip_path, value)
    refuse(zip_path, check(zip_path, keys))


def check(path: str | Path, clips: Iterable[str] | None = None) -> list[str]:
    """Every fault of a submission, each naming its clip; an empty list when the challenge would take it.

    Parameters
    ----------
    path : .json or .zip.
    clips : the test clips, with or without extension (optional: then no clip is missing or unknown).

    Raises
    ------
    OSError : the file does not exist or cannot be read.
    """
    path = Path(path)
    data = path.read_bytes()
    try:
        if path.suffix.lower() == ".zip":
            data = _only_file(data, path.name)
        return faults_of(load_json(data, path.name), clips)
    except DataError as error:
        return error.faults


def faults_of(value: Any, clips: Iterable[str] | None = None) -> list[str]:
    """Every fault of a submission already read (see `check`)."""
    if not isinstance(value, dict) or set(value) != {"predictions"} or not isinstance(value["predictions"], dict):
        return ['expected one outer key: {"predictions": {"test_0001.mov": [...], ...}}']
    predictions = value["predictions"]
    faults = []
    for key, emotions in predictions.items():
        if not key.endswith(EXTENSION):
            faults.append(f"clip {key}: the name must end with {EXTENSION}")
        wrong = emotion_faults(emotions) or _decision_faults(emotions)
        faults += [f"clip {key}: {fault}" for fault in wrong]
    if clips is None:
        return faults if predictions else [*faults, "no clip"]
    expected, found = set(clip_names(clips)), set(clip_names(predictions))
    faults += [f"clip {name}: missing" for name in sorted(expected - found)]
    faults += [f"clip {name}: no such test clip" for name in sorted(found - expected)]
    return faults


def _decision_faults(emotions: Emotions) -> list[str]:
    saliences = [float(entry["salience"]) for entry in emotions]
    named = [entry["emotion"] for entry in emotions]
    faults = []
    if len(named) > 1 and "neu" in named:
        faults.append("neutral is never part of a blend")
    if len(named) > 2:
        faults.append(f"at most two emotions, found {len(named)}")
    elif tuple(sorted(saliences)) not in ALLOWED:
        total = "" if np.isclose(sum(saliences), 100) else f", which sum to {sum(saliences):g}, not 100"
        allowed = "a single has salience 100" if len(named) == 1 else "a blend has 50/50, 70/30 or 30/70"
        faults.append(f"saliences {'/'.join(f'{value:g}' for value in saliences)}{total}: {allowed}")
    return faults


def _only_file(data: bytes, where: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if names != [ROOT_FILE]:
                raise DataError(
                    where,
                    [f"the zip must hold one file, {ROOT_FILE}, in its root; it holds: {', '.join(names) or 'none'}"],
                )
            return archive.read(ROOT_FILE)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: encrypted
        raise DataError(where, [f"is not a readable zip: {error}"]) from error
