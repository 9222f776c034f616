"""The challenge's own file forms: the truth (`train_metadata.csv`) and the predictions (JSON)."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from blemore.datasets.template import predictions_of, read_submission
from blemore.scoring import spelling
from blemore.scoring.columns import Table, clip_names, missing_columns, numbers, read_columns, repeated, texts
from blemore.scoring.labels import CLASSES, check_labels, emotion_names
from blemore.scoring.reading import once, shown, shown_name
from joblineage.errors import refuse

EXTENSION = ".mov"
"""What the names of clips end with in prediction files."""

Emotions = list[dict[str, Any]]
"""One clip's prediction: [{"emotion": "ang", "salience": 70.0}, {"emotion": "sad", "salience": 30.0}]."""


def read_truth(path: str | Path) -> dict[str, np.ndarray]:
    """Read labels in the form of the challenge's train_metadata.csv, sorted by clip.

    Parameters
    ----------
    path : str or Path
        A .csv or .parquet file.

    Returns
    -------
    dict of str to (n,) ndarray
        Columns as `as_truth` gives them.
    """
    labels = as_truth(read_columns(path), str(path))
    order = np.argsort(labels["clip"], kind="stable")
    return {name: column[order] for name, column in labels.items()}


def as_truth(table: Table, where: str) -> dict[str, np.ndarray]:
    """Labels out of a table with the columns of the challenge's train_metadata.csv, checked.

    Parameters
    ----------
    table : table
        Any mapping of columns with those of the challenge's train_metadata.csv.
    where : str
        The file's name, for messages.

    Returns
    -------
    dict of str to (n,) ndarray
        Columns: clip (without extension), emotion_1, emotion_2 (text, "" for none), emotion_1_salience,
        emotion_2_salience (float64, percent; 100 and NaN for singles); person and fold as they stand there, if they do.

    Raises
    ------
    DataError
        A column is missing, a label is wrong (each fault names row and clip), or there is no row.
    """
    refuse(
        where, missing_columns(table, ("clip", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"))
    )
    columns = {name: table[name] for name in table} | {"clip": clip_names(table["clip"])}
    columns |= {name: emotion_names(columns[name]) for name in ("emotion_1", "emotion_2")}
    faults = check_labels(columns, "")
    if not faults and not columns["clip"]:
        faults = ["no row"]
    refuse(where, faults)
    labels = {name: texts(columns[name]) for name in ("clip", "emotion_1", "emotion_2")}
    labels |= {name: numbers(columns[name]) for name in ("emotion_1_salience", "emotion_2_salience")}
    labels["emotion_1_salience"][labels["emotion_2"] == ""] = 100.0
    return labels | {name: np.array(columns[name], dtype=object) for name in ("person", "fold") if name in columns}


def read_predictions(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Read predictions for scoring, from JSON or the challenge's zip.

    The outer key "predictions" and the extensions of the names may be missing. Emotions may be spelt in full. Saliences
    are numbers in percent and need not be 30, 50, 70 or 100 (`submission.check` is the strict reading).

    Parameters
    ----------
    path : str or Path
        A .json file, or the zip with it.

    Returns
    -------
    clips : list of str
        Clip names without extension.
    saliences : (n, 6) float64, percent
        Their saliences; 0 for an absent class.

    Raises
    ------
    DataError
        Not such a file, a clip twice, an emotion unknown or twice, a salience that is no number in 0.5..100.
    """
    value = read_submission(path)
    if not (isinstance(value, dict) and "predictions" not in value):
        value = predictions_of(value, str(path), '{"predictions": {clip: [{"emotion": ..., "salience": ...}, ...]}}')
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
    """Faults of clips, each said once: with its first clip, what was found, and how many more have it."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def of(self, clip: str, faults: list[tuple[str, str]]) -> bool:
        """Take up a clip's faults.

        Parameters
        ----------
        clip : str
            The clip.
        faults : list of (str, str)
            What is wrong, and what was found in place of "{}".

        Returns
        -------
        bool
            Whether there is any.
        """
        for what, actual in faults:
            self._found[what].append((clip, actual))
        return bool(faults)

    def lines(self) -> list[str]:
        """Give one sentence a fault.

        Returns
        -------
        list of str
            The sentences.
        """
        said = []
        for what, places in self._found.items():
            said += once((f"clip {shown_name(clip)}" for clip, _ in places), what.replace("{}", places[0][1]))
        return said


def emotion_faults(emotions: Any) -> list[tuple[str, str]]:
    """Find what makes one clip's prediction unreadable: its form, an unknown or doubled emotion, a salience that is none.

    Parameters
    ----------
    emotions : object
        The prediction as it was read.

    Returns
    -------
    list of (str, str)
        For `Faults`: what is wrong, and what was found in place of "{}", of each fault.
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
    counts = Counter() if faults else Counter(entry["emotion"] for entry in emotions)
    return faults + [("emotion {} stands twice", repr(name)) for name in CLASSES if counts[name] > 1]


def emotions_of(saliences: np.ndarray) -> Emotions:
    """Give one clip's saliences in the challenge's form.

    Parameters
    ----------
    saliences : (6,) int or float, percent
        Saliences; 0 for an absent class.

    Returns
    -------
    list of dict
        {"emotion", "salience"} in class order, saliences as floats.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.challenge.files import emotions_of
    >>> emotions_of(np.array([70, 0, 0, 0, 30, 0]))
    [{'emotion': 'ang', 'salience': 70.0}, {'emotion': 'sad', 'salience': 30.0}]
    """
    shares = zip(CLASSES, saliences.tolist(), strict=True)
    return [{"emotion": name, "salience": float(share)} for name, share in shares if share]


def _is_percent(value: Any) -> bool:
    # The kit rounds to whole percents; what rounds to 0 would be an emotion that is there and is not.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.5 < value <= 100
