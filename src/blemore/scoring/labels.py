"""The six classes, their order, and the soft labels made from a clip's emotions and saliences."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from blemore.scoring import spelling
from blemore.scoring.columns import Table, missing_columns, numbers, repeated, texts
from blemore.scoring.reading import once

CLASSES = ("ang", "disg", "fea", "hap", "sad", "neu")
"""Class order of every array and table (the challenge kit's order, index 0-5)."""

EMOTIONS = CLASSES[:5]
"""The emotions that can be part of a blend; neutral never is."""

NEUTRAL = CLASSES.index("neu")

NAMES = dict(zip(CLASSES, ("anger", "disgust", "fear", "happiness", "sadness", "neutral"), strict=True))


def soft_labels(clips: Table) -> np.ndarray:
    """Soft labels of clips: salience / 100 on a blend's two emotions, 1 on a single's one.

    Parameters
    ----------
    clips : table
        Columns emotion_1, emotion_2, emotion_1_salience, emotion_2_salience (the second emotion empty for a single;
        saliences in percent).

    Returns
    -------
    (n, 6) float64, 0..1
        Labels, columns in the order of ``CLASSES``; each row sums to 1.

    Examples
    --------
    >>> from blemore.scoring.labels import soft_labels
    >>> table = {"emotion_1": ["ang", "neu"], "emotion_2": ["sad", ""]}
    >>> soft_labels(table | {"emotion_1_salience": [70, 100], "emotion_2_salience": [30, ""]}).tolist()
    [[0.7, 0.0, 0.0, 0.0, 0.3, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    first, second = texts(clips["emotion_1"]), texts(clips["emotion_2"])
    first_share, second_share = numbers(clips["emotion_1_salience"]) / 100, numbers(clips["emotion_2_salience"]) / 100
    rows, blend = np.arange(len(first)), second != ""
    labels = np.zeros((len(first), len(CLASSES)))
    labels[rows, [CLASSES.index(name) for name in first]] = np.where(blend, first_share, 1.0)
    labels[rows[blend], [CLASSES.index(name) for name in second[blend]]] = second_share[blend]
    return labels


def emotion_names(cells: Iterable[Any]) -> np.ndarray:
    """Emotions in whatever spelling ("Anger", "dis") by the names of ``CLASSES``.

    Parameters
    ----------
    cells : iterable of object
        The emotions as they are written.

    Returns
    -------
    (n,) object
        Strings; "" where a cell is empty, an unknown word as it is.
    """
    return np.array([spelling.emotion(name) for name in texts(cells)], dtype=object)


def check_labels(table: Table, where: str) -> list[str]:
    """Find every fault of a table of labels.

    Parameters
    ----------
    table : table
        Columns clip, emotion_1, emotion_2, emotion_1_salience, emotion_2_salience and, optionally, mix (0 / 1). The
        second emotion and its salience are empty for a single; a single's own salience is 100 or empty. Saliences are
        in percent, above 0, and sum to 100.
    where : str
        What to name in front of each fault (a file's name); "" for nothing.

    Returns
    -------
    list of str
        A sentence for each kind of fault, naming the first row and clip; empty when all is well.
    """
    start = f"{where}: " if where else ""
    needed = ("clip", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience")
    if missing := missing_columns(table, needed):
        return [start + fault for fault in missing]

    faults = []
    names, first, second = (texts(table[name]) for name in ("clip", "emotion_1", "emotion_2"))
    blend = second != ""

    def tell(bad: np.ndarray, what: str, shown: np.ndarray | None = None) -> None:
        rows = np.flatnonzero(bad)
        example = (
            "" if shown is None or not len(rows) else f", found {shown[rows[0]] if shown[rows[0]] != '' else 'nothing'}"
        )
        faults.extend(once((f"{start}row {row + 1}, clip {names[row]}" for row in rows), what + example))

    tell(names == "", "the clip has no name")
    tell(repeated(names), "the clip is in more than one row")
    tell(~np.isin(first, CLASSES), f"emotion_1 must be one of {', '.join(CLASSES)}", first)
    tell(blend & ((first == "neu") | (second == "neu")), "neutral is never part of a blend")
    tell(blend & ~np.isin(second, CLASSES), f"emotion_2 must be one of {', '.join(EMOTIONS)} or empty", second)
    tell(blend & (first == second), "emotion_2 equals emotion_1", second)

    percent = {name: numbers(table[name]) for name in ("emotion_1_salience", "emotion_2_salience")}
    written = {name: texts(table[name]) for name in percent}
    for name, text in written.items():
        given = text != ""
        tell(given & ~np.isfinite(percent[name]), f"{name} must be a number in percent", text)
        tell(blend & ~given, f"{name} of a blend is empty")
        tell(given & (percent[name] <= 0), f"{name} must lie above 0", text)
    salience, other = percent.values()
    total = salience + other
    tell(blend & np.isfinite(total) & (total != 100), "the saliences do not sum to 100", total)
    tell(~blend & np.isfinite(salience) & (salience != 100), "the salience of a single must be 100 or empty", salience)
    tell(~blend & (written["emotion_2_salience"] != ""), "a second salience without a second emotion")

    if "mix" in table:
        mix = numbers(table["mix"])
        known = np.isin(mix, (0.0, 1.0))
        tell(~known, "mix must be 0 or 1", texts(table["mix"]))
        tell(known & (mix == 1) & ~blend, "mix says blend, but there is no second emotion")
        tell(known & (mix == 0) & blend, "mix says single, but there is a second emotion", second)
    return faults
