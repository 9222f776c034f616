"""The challenge's own file forms: the truth (`train_metadata.csv`) and the predictions (JSON)."""

import io
import struct
import zipfile
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from blemore.scoring import spelling
from blemore.scoring.columns import clip_names, missing_columns, numbers, read_columns, repeated, texts
from blemore.scoring.labels import CLASSES, check_labels, emotion_names
from blemore.scoring.reading import load_json, once, read_bytes, shown, shown_name
from joblineage.errors import DataError, refuse

ROOT_FILE = "submission_template.json"
"""The one file that the uploaded zip holds."""

MOST_BYTES = 1 << 25
"""Of a file of predictions; those of 594 clips take a hundredth of it."""

PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

EXTENSION = ".mov"
"""What the names of clips end with in prediction files."""

Emotions = list[dict[str, Any]]
"""One clip's prediction: [{"emotion": "ang", "salience": 70.0}, {"emotion": "sad", "salience": 30.0}]."""


def read_truth(path: str | Path) -> dict[str, np.ndarray]:
    """Read labels in the form of the challenge's train_metadata.csv, checked.

    Returns
    -------
    Columns, sorted by clip: clip (without extension), emotion_1, emotion_2 (text, "" for none), emotion_1_salience,
    emotion_2_salience (float64, percent; 100 and NaN for singles).

    Raises
    ------
    DataError : a column is missing, a label is wrong (each fault names row and clip), or there is no row.
    """
    table: dict[str, Any] = dict(read_columns(path))
    refuse(path, missing_columns(table, ("clip", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience")))
    table["clip"] = clip_names(table["clip"])
    table |= {name: emotion_names(table[name]) for name in ("emotion_1", "emotion_2")}
    faults = check_labels(table, "")
    if not faults and not table["clip"]:
        faults = ["no row"]
    refuse(path, faults)
    labels = {name: texts(table[name]) for name in ("clip", "emotion_1", "emotion_2")}
    labels |= {name: numbers(table[name]) for name in ("emotion_1_salience", "emotion_2_salience")}
    labels["emotion_1_salience"][labels["emotion_2"] == ""] = 100.0
    order = np.argsort(labels["clip"], kind="stable")
    return {name: column[order] for name, column in labels.items()}


def read_json(path: str | Path, strict: bool = False) -> Any:
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
            if [entry.filename for entry in entries] != [ROOT_FILE]:
                found = ", ".join(shown(entry.filename) for entry in entries[:5]) or "none"
                more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
                what = f"the zip must hold one file, {ROOT_FILE}, in its root; it holds: {found}{more}"
                raise DataError(where, [what])
            if entries[0].flag_bits & 0x1:
                raise DataError(where, ["is encrypted: pack it without a password"])
            if entries[0].compress_type not in PACKED:
                raise DataError(where, ["is packed in an unusual way: pack it as an ordinary zip (deflate)"])
            with archive.open(entries[0]) as file:
                unpacked = file.read(MOST_BYTES + 1)
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error) as error:
        raise DataError(where, [f"is not a readable zip: {error}"]) from error
    if len(unpacked) > MOST_BYTES:
        raise DataError(where, [f"unpacks to more than {MOST_BYTES >> 20} MB"])
    return unpacked


def read_template(path: str | Path) -> list[str]:
    """The keys that a submission must have, as the challenge's template lists them: {"predictions": {key: []}}.

    The challenge's own template holds made-up predictions in place of []: whatever they are, only the keys count.
    """
    return list(_predictions(read_json(path), str(path), '{"predictions": {"test_0001.mov": [], ...}}'))


def _predictions(value: Any, where: str, form: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("predictions"), dict):
        raise DataError(where, [f"expected {form}, found {shown(value)}"])
    return value["predictions"]


def read_predictions(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Read predictions for scoring, from JSON or the challenge's zip.

    The outer key "predictions" and the extensions of the names may be missing. Emotions may be spelt in full. Saliences
    are numbers in percent and need not be 30, 50, 70 or 100 (`submission.check` is the strict reading).

    Returns
    -------
    Clip names without extension, and their (n, 6) float64 saliences in percent.

    Raises
    ------
    DataError : not such a file, a clip twice, an emotion unknown or twice, a salience that is no number in 0.5..100.
    """
    value = read_json(path)
    if not (isinstance(value, dict) and "predictions" not in value):
        value = _predictions(value, str(path), '{"predictions": {clip: [{"emotion": ..., "salience": ...}, ...]}}')
    names = np.array(clip_names(value), dtype=object)
    doubled = (f"clip {shown_name(name)}" for name in names[repeated(names)])
    faults = once(doubled, "stands more than once, with and without extension")
    saliences = np.zeros((len(value), len(CLASSES)))
    wrong = Faults()
    for row, (clip, emotions) in enumerate(value.items()):
        emotions = _in_our_words(emotions)
        if not wrong.of(clip, emotion_faults(emotions)):
            for entry in emotions:
                saliences[row, CLASSES.index(entry["emotion"])] = float(entry["salience"])
    refuse(path, faults + wrong.lines())
    return names.tolist(), saliences


def _in_our_words(emotions: Any) -> Any:
    """Emotions spelt in full by the challenge's short names; what is no prediction stays."""
    if not isinstance(emotions, list):
        return emotions
    return [
        entry | {"emotion": spelling.emotion(entry["emotion"])}
        if isinstance(entry, dict) and isinstance(entry.get("emotion"), str)
        else entry
        for entry in emotions
    ]


class Faults:
    """Faults of clips, each said once: with its first clip, what stands there, and how many more have it."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def of(self, clip: str, faults: list[tuple[str, str]]) -> bool:
        """Take up a clip's faults, (what is wrong, what stands there in place of "{}"); whether there is any."""
        for what, found in faults:
            self._found[what].append((clip, found))
        return bool(faults)

    def lines(self) -> list[str]:
        """One sentence a fault."""
        said = []
        for what, places in self._found.items():
            said += once((f"clip {shown_name(clip)}" for clip, _ in places), what.replace("{}", places[0][1]))
        return said


def emotion_faults(emotions: Any) -> list[tuple[str, str]]:
    """What makes one clip's prediction unreadable: its form, an unknown or doubled emotion, a salience that is none.

    Returns
    -------
    For `Faults`: (what is wrong, what stands there in place of "{}") of each fault.
    """
    form = '{"emotion": ..., "salience": ...}'
    if not isinstance(emotions, list) or not emotions:
        return [(f"expected a list of {form}, found {{}}", shown(emotions))]
    faults = []
    for entry in emotions:
        if not isinstance(entry, dict) or set(entry) != {"emotion", "salience"}:
            faults.append((f"expected {form}, found {{}}", shown(entry)))
            continue
        if entry["emotion"] not in CLASSES:
            faults.append((f"unknown emotion {{}}; there are: {', '.join(CLASSES)}", shown(entry["emotion"])))
        if not _is_percent(entry["salience"]):
            faults.append(("salience must be a number in percent, found {}", shown(entry["salience"])))
    named = [] if faults else [entry["emotion"] for entry in emotions]
    doubled = sorted({name for name in named if named.count(name) > 1})
    return faults + [("emotion {} stands twice", repr(name)) for name in doubled]


def emotions_of(saliences: np.ndarray) -> Emotions:
    """The challenge's form of one clip's (6,) saliences in percent; emotions in class order, saliences as floats."""
    shares = zip(CLASSES, saliences.tolist(), strict=True)
    return [{"emotion": name, "salience": float(share)} for name, share in shares if share]


def _is_percent(value: Any) -> bool:
    # The kit rounds to whole percents; what rounds to 0 would be an emotion that is there and is not.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.5 < value <= 100
