"""The six classes, their order, and the soft labels made from a clip's emotions and saliences."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

CLASSES = ("ang", "disg", "fea", "hap", "sad", "neu")
"""Class order of every array and table (the challenge kit's order, index 0-5)."""

EMOTIONS = CLASSES[:5]
"""The emotions that can be part of a blend; neutral never is."""

NEUTRAL = CLASSES.index("neu")

NAMES = dict(zip(CLASSES, ("anger", "disgust", "fear", "happiness", "sadness", "neutral"), strict=True))


def soft_labels(clips: "pd.DataFrame") -> np.ndarray:
    """Soft labels of clips: salience / 100 on a blend's two emotions, 1 on a single's one.

    Parameters
    ----------
    clips : table with columns emotion_1, emotion_2, emotion_1_salience, emotion_2_salience
        (the second emotion empty for a single; saliences in percent).

    Returns
    -------
    (n_clips, 6) float64, rows sum to 1, columns in the order of ``CLASSES``.
    """
    index = {name: k for k, name in enumerate(CLASSES)}
    labels = np.zeros((len(clips), len(CLASSES)))
    rows = np.arange(len(clips))
    single = clips["emotion_2"].isna().to_numpy()
    first = clips["emotion_1"].map(index).to_numpy()
    labels[rows, first] = np.where(single, 1.0, clips["emotion_1_salience"].to_numpy(float) / 100.0)
    blend = ~single
    second = clips.loc[blend, "emotion_2"].map(index).to_numpy()
    labels[rows[blend], second.astype(int)] = clips.loc[blend, "emotion_2_salience"].to_numpy(float) / 100.0
    return labels


def check_labels(table: "pd.DataFrame", where: str) -> list[str]:
    """Every fault of a table of labels, as sentences naming row and clip; an empty list when all is well.

    Parameters
    ----------
    table : columns clip, emotion_1, emotion_2, emotion_1_salience, emotion_2_salience and, optionally, mix (0 / 1).
        The second emotion and its salience are empty for a single; a single's own salience is 100 or empty.
        Saliences are in percent, above 0, and sum to 100.
    where : what to name in front of each fault (a file's name); "" for nothing.
    """
    import pandas as pd  # not above: whoever needs the classes' names alone, as the audit does, need not wait for it

    start = f"{where}: " if where else ""
    needed = ("clip", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience")
    missing = [name for name in needed if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns))
        return [f"{start}column {name!r} is missing (found: {found})" for name in missing]

    faults = []
    names = table["clip"].astype(str).to_numpy()
    first, second = table["emotion_1"], table["emotion_2"]
    blend = second.notna().to_numpy()

    def tell(bad: "pd.Series | np.ndarray", what: str, shown: "pd.Series | None" = None) -> None:
        for row in np.flatnonzero(np.asarray(bad, dtype=bool)):
            found = "" if shown is None else f", found {shown.iloc[row]}"
            faults.append(f"{start}row {row + 1}, clip {names[row]}: {what}{found}")

    tell(table["clip"].duplicated(), "the clip stands in more than one row")
    tell(~first.isin(CLASSES), f"emotion_1 must be one of {', '.join(CLASSES)}", first)
    tell(blend & (first == "neu").to_numpy(), "neutral is never part of a blend")
    tell(blend & (second == "neu").to_numpy(), "neutral is never part of a blend")
    tell(blend & ~second.isin(CLASSES).to_numpy(), f"emotion_2 must be one of {', '.join(EMOTIONS)} or empty", second)
    tell(blend & (first == second).to_numpy(), "emotion_2 equals emotion_1", second)

    written = {name: table[name].notna().to_numpy() for name in ("emotion_1_salience", "emotion_2_salience")}
    percent = {name: pd.to_numeric(table[name], errors="coerce").to_numpy(float, na_value=np.nan) for name in written}
    for name, given in written.items():
        tell(given & ~np.isfinite(percent[name]), f"{name} must be a number in percent", table[name])
        tell(blend & ~given, f"{name} of a blend is empty")
        tell(given & (percent[name] <= 0), f"{name} must lie above 0", table[name])
    one, two = percent["emotion_1_salience"], percent["emotion_2_salience"]
    total = pd.Series(one + two)
    tell(blend & np.isfinite(total.to_numpy()) & (total != 100).to_numpy(), "the saliences do not sum to 100", total)
    tell(~blend & np.isfinite(one) & (one != 100), "the salience of a single must be 100 or empty", pd.Series(one))
    tell(~blend & written["emotion_2_salience"], "a second salience without a second emotion")

    if "mix" in table.columns:
        mix = pd.to_numeric(table["mix"], errors="coerce").to_numpy(float, na_value=np.nan)
        known = np.isin(mix, (0.0, 1.0))
        tell(~known, "mix must be 0 or 1", table["mix"])
        tell(known & (mix == 1) & ~blend, "mix says blend, but there is no second emotion")
        tell(known & (mix == 0) & blend, "mix says single, but there is a second emotion", second)
    return faults
