"""The challenge's submission: a JSON file with every test clip, and the zip that is uploaded."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blemore.challenge.files import (
    EXTENSION,
    Emotions,
    Faults,
    emotion_faults,
    emotions_of,
)
from blemore.datasets.template import TEMPLATE, read_submission, read_template
from blemore.scoring.columns import clip_names, missing_columns, read_columns
from blemore.scoring.labels import CLASSES
from blemore.scoring.reading import once, read_bytes, shown, shown_name
from joblineage.errors import DataError, MissingDataError, refuse
from joblineage.files import json_text, write_bytes, write_json

if TYPE_CHECKING:
    import pandas as pd

ALLOWED = {(100.0,), (50.0, 50.0), (30.0, 70.0)}
"""Saliences of a prediction in percent, sorted."""
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
"""Fixed, so that the same decisions give the same bytes; the earliest that a zip can hold."""


def asked_keys(path: str | Path) -> list[str]:
    """Read the keys that a submission must have.

    Parameters
    ----------
    path : str or Path
        The challenge's template (JSON or zip); or a table with a column of clips, of which the test clips count where
        it says which those are (`clips.parquet`), else all.

    Returns
    -------
    list of str
        Names with extension.
    """
    start = read_bytes(path).lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:2]
    if start == b"PK" or start[:1] in (b"{", b"["):
        return read_template(path)
    table = read_columns(path)
    refuse(path, missing_columns(table, ["clip"]))
    splits = table.get("split", [None] * len(table["clip"]))
    wanted = "test" if "test" in splits else None
    clips = zip(table["clip"], splits, strict=True)
    asked = [clip for clip, split in clips if clip is not None and wanted in (split, None)]
    return [f"{name}{EXTENSION}" for name in clip_names(asked)]


def write(decisions: "pd.DataFrame", keys: Iterable[str]) -> dict[str, dict[str, Emotions]]:
    """Make the submission for the template's keys, in their order.

    Parameters
    ----------
    decisions : DataFrame
        One row per test clip with clip (no extension) and the six saliences in percent; quarantined clips included
        (`decide.run.calibrate` decides them by the commonest label). Other rows must not be there.
    keys : iterable of str
        The template's clip names, with extension.

    Returns
    -------
    dict of str to dict
        {"predictions": {"test_0001.mov": [{"emotion": "ang", "salience": 70.0}, {"emotion": "sad", "salience":
        30.0}]}}.

    Raises
    ------
    DataError
        A key without a decision, a decision without a key, two decisions for a clip, or one that is not allowed.
    """
    keys = list(keys)
    names, decided = clip_names(keys), decisions["clip"]
    known = set(decided)
    faults = once((f"clip {clip}" for clip in decided[decided.duplicated()]), "two decisions")
    faults += once((f"clip {clip}" for clip in names if clip not in known), "in the template, but not decided")
    faults += once((f"clip {clip}" for clip in decided[~decided.isin(names)]), "decided, but not in the template")
    refuse("submission", faults)
    saliences = decisions.set_index("clip").loc[names, list(CLASSES)].to_numpy()
    value = {"predictions": {key: emotions_of(row) for key, row in zip(keys, saliences, strict=True)}}
    faults = faults_of(value, keys)
    refuse("submission", faults)
    return value


def write_zip(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write the zip to upload: one root file, `submission_template.json`.

    The same submission gives the same bytes, as long as zlib packs alike.

    Parameters
    ----------
    path : str or Path
        The zip.
    value : mapping of str to object
        What `write` gave.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(TEMPLATE, TIMESTAMP)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system = 3  # Unix, wherever it is written
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, json_text(value))
    write_bytes(path, buffer.getvalue())


def write_checked(decisions: "pd.DataFrame", keys: Iterable[str], json_path: str | Path, zip_path: str | Path) -> None:
    """Write the JSON file and the zip of one variant's decisions, and read the zip again as the challenge would.

    Parameters
    ----------
    decisions : DataFrame
        As for `write`.
    keys : iterable of str
        The template's clip names, with extension.
    json_path : str or Path
        The JSON file to write.
    zip_path : str or Path
        The zip to write.

    Raises
    ------
    DataError
        As `write`, or the written zip would be refused.
    """
    keys = list(keys)
    value = write(decisions, keys)
    write_json(json_path, value)
    write_zip(zip_path, value)
    refuse(zip_path, check(zip_path, keys))


def check(path: str | Path, clips: Iterable[str] | None = None) -> list[str]:
    """Find every fault of a submission.

    Parameters
    ----------
    path : str or Path
        A .json or .zip file.
    clips : iterable of str or None
        The test clips, with or without extension; with None no clip is missing or unknown.

    Returns
    -------
    list of str
        Each fault once, with the first clip that has it; empty when the challenge would take it.

    Raises
    ------
    """
    try:
        return faults_of(read_submission(path, strict=True), clips)
    except MissingDataError:
        raise
    except DataError as error:
        return error.faults


def faults_of(value: Any, clips: Iterable[str] | None = None) -> list[str]:
    """Find every fault of a submission already read (see `check`).

    Parameters
    ----------
    value : object
        The value out of the JSON file.
    clips : iterable of str or None
        The test clips, with or without extension; with None no clip is missing or unknown.

    Returns
    -------
    list of str
        Each fault once, with the first clip that has it.

    Examples
    --------
    >>> from blemore.challenge.submission import faults_of
    >>> faults_of({"predictions": {"a.mov": [{"emotion": "ang", "salience": 60}, {"emotion": "neu", "salience": 40}]}})
    ['clip a.mov: neutral is never part of a blend', 'clip a.mov: saliences 60/40: a blend has 50/50, 70/30 or 30/70']
    """
    form = '{"predictions": {"test_0001.mov": [...], ...}}'
    if not isinstance(value, dict) or set(value) != {"predictions"} or not isinstance(value["predictions"], dict):
        return [f"expected one outer key: {form}, found {shown(value)}"]
    predictions = value["predictions"]
    keys = None if clips is None else [name if name.endswith(EXTENSION) else f"{name}{EXTENSION}" for name in clips]
    faults = Faults()
    for key, emotions in predictions.items():
        faults.of(key, _key_faults(key) if keys is None else [])
        faults.of(key, emotion_faults(emotions) or _decision_faults(emotions))
    if keys is None:
        return faults.lines() if predictions else ["no clip"]
    return faults.lines() + _unlike(list(predictions), keys)


def _key_faults(key: str) -> list[tuple[str, str]]:
    """What is wrong with a key where it is not given which are expected."""
    if key != f"{Path(key).stem}{EXTENSION}" or "\\" in key:
        return [(f"a key is the name of a clip without folder, with {EXTENSION}", "")]
    return []


def _unlike(keys: list[str], asked: list[str]) -> list[str]:
    """Where the keys of a submission are not those that are asked for, to the letter."""
    there, wanted = set(keys), set(asked)
    right = dict(zip(clip_names(asked), asked, strict=True))
    unknown, second, misspelt = list[str](), list[str](), dict[str, str]()
    for key, name in zip(keys, clip_names(keys), strict=True):
        if key not in wanted and name not in right:
            unknown.append(key)
        elif key not in wanted and (right[name] in there or right[name] in misspelt.values()):
            second.append(key)
        elif key not in wanted:
            misspelt[key] = right[name]
    missing = [key for key in dict.fromkeys(asked) if key not in there and key not in misspelt.values()]
    expected = shown_name(next(iter(misspelt.values()), ""))
    return [
        *once((f"clip {shown_name(key)}" for key in missing), "missing"),
        *once((f"clip {shown_name(key)}" for key in unknown), "no such test clip"),
        *once((f"clip {shown_name(key)}" for key in misspelt), f"not the template's key, which is {expected}"),
        *once((f"clip {shown_name(key)}" for key in second), "a second key of one clip; leave the template's"),
    ]


def _decision_faults(emotions: Emotions) -> list[tuple[str, str]]:
    saliences = [float(entry["salience"]) for entry in emotions]
    named = [entry["emotion"] for entry in emotions]
    faults = []
    if len(named) > 1 and "neu" in named:
        faults.append(("neutral is never part of a blend", ""))
    if len(named) > 2:
        faults.append(("at most two emotions, found {}", str(len(named))))
    elif tuple(sorted(saliences)) not in ALLOWED:
        total = "" if np.isclose(sum(saliences), 100) else f", which sum to {sum(saliences):g}, not 100"
        allowed = "a single has salience 100" if len(named) == 1 else "a blend has 50/50, 70/30 or 30/70"
        faults.append((f"saliences {{}}: {allowed}", f"{'/'.join(f'{value:g}' for value in saliences)}{total}"))
    return faults
