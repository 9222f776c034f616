"""The challenge's own file forms: the truth (`train_metadata.csv`) and the predictions (JSON)."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from blemore.scoring.columns import clip_names, numbers, read_columns, repeated, texts
from blemore.scoring.labels import CLASSES, check_labels
from joblineage.errors import DataError, refuse

EXTENSION = ".mov"
"""What the names of clips end with in prediction files."""

Emotions = list[dict[str, Any]]
"""One clip's prediction: [{"emotion": "ang", "salience": 70.0}, {"emotion": "sad", "salience": 30.0}]."""


def read_truth(path: str | Path) -> dict[str, np.ndarray]:
    """Read labels in the form of the challenge's train_metadata.csv, checked.

    Returns
    -------
    Columns, sorted by clip: clip (without extension), emotion_1, emotion_2 (text, "" for none), emotion_1_salience,
    emotion_2_salience (float64, percent; 100 and NaN for singles); person and fold as they stand there, if they do.

    Raises
    ------
    DataError : a column is missing, a label is wrong (each fault names row and clip), or there is no row.
    """
    table = read_columns(path)
    if "filename" not in table and "clip" not in table:
        raise DataError(str(path), [f"column 'filename' is missing (found: {', '.join(table)})"])
    table["clip"] = clip_names(table["filename" if "filename" in table else "clip"])
    faults = check_labels(table, "")
    if not faults and not table["clip"]:
        faults = ["no row"]
    refuse(path, faults)
    labels = {name: texts(table[name]) for name in ("clip", "emotion_1", "emotion_2")}
    labels |= {name: numbers(table[name]) for name in ("emotion_1_salience", "emotion_2_salience")}
    labels["emotion_1_salience"][labels["emotion_2"] == ""] = 100.0
    labels |= {name: np.array(table[name], dtype=object) for name in ("person", "fold") if name in table}
    order = np.argsort(labels["clip"], kind="stable")
    return {name: column[order] for name, column in labels.items()}


def load_json(text: str | bytes, where: str) -> Any:
    """Parse JSON strictly: an object that names a key twice, or holds NaN, is refused instead of half read."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            doubled = sorted({key for key in keys if keys.count(key) > 1})
            raise DataError(where, [f"{key}: stands more than once in the file" for key in doubled])
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise DataError(where, [f"holds {constant}, which is no JSON number"])

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise DataError(where, [f"is not UTF-8 text: {error}"]) from error
    except json.JSONDecodeError as error:
        raise DataError(where, [f"is not valid JSON: {error}"]) from error


def read_predictions(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Read predictions for scoring.

    The outer key "predictions" and the extensions of the names may be missing. Saliences are numbers in percent and
    need not be 30, 50, 70 or 100 (`submission.check` is the strict reading).

    Returns
    -------
    Clip names without extension, and their (n, 6) float64 saliences in percent.

    Raises
    ------
    DataError : not such a file, a clip twice, an emotion unknown or twice, a salience that is no number in 0.5..100.
    """
    value = load_json(Path(path).read_bytes(), str(path))
    if isinstance(value, dict) and isinstance(value.get("predictions"), dict):
        value = value["predictions"]
    if not isinstance(value, dict):
        raise DataError(str(path), ['expected {"predictions": {clip: [{"emotion": ..., "salience": ...}, ...]}}'])
    names = np.array(clip_names(value), dtype=object)
    faults = [f"clip {name}: stands more than once, with and without extension" for name in names[repeated(names)]]
    saliences = np.zeros((len(value), len(CLASSES)))
    for row, (clip, emotions) in enumerate(value.items()):
        wrong = emotion_faults(emotions)
        faults += [f"clip {clip}: {fault}" for fault in wrong]
        if not wrong:
            for entry in emotions:
                saliences[row, CLASSES.index(entry["emotion"])] = float(entry["salience"])
    refuse(path, faults)
    return names.tolist(), saliences


def emotion_faults(emotions: Any) -> list[str]:
    """What makes one clip's prediction unreadable: its form, an unknown or doubled emotion, a salience that is none."""
    if not isinstance(emotions, list) or not emotions:
        return [f'expected a list of {{"emotion": ..., "salience": ...}}, found {json.dumps(emotions)}']
    faults = []
    for entry in emotions:
        if not isinstance(entry, dict) or set(entry) != {"emotion", "salience"}:
            faults.append(f'expected {{"emotion": ..., "salience": ...}}, found {json.dumps(entry)}')
            continue
        if entry["emotion"] not in CLASSES:
            faults.append(f"unknown emotion {json.dumps(entry['emotion'])}; there are: {', '.join(CLASSES)}")
        if not _is_percent(entry["salience"]):
            faults.append(f"salience must be a number in percent, found {json.dumps(entry['salience'])}")
    if not faults:
        named = [entry["emotion"] for entry in emotions]
        faults += [f"emotion {name!r} stands twice" for name in sorted({n for n in named if named.count(n) > 1})]
    return faults


def emotions_of(saliences: np.ndarray) -> Emotions:
    """The challenge's form of one clip's (6,) saliences in percent; emotions in class order, saliences as floats."""
    shares = zip(CLASSES, saliences.tolist(), strict=True)
    return [{"emotion": name, "salience": float(share)} for name, share in shares if share]


def _is_percent(value: Any) -> bool:
    # The kit rounds to whole percents; what rounds to 0 would be an emotion that is there and is not.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.5 < value <= 100
