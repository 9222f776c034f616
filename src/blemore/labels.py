"""The six classes, their order, and the soft labels made from a clip's emotions and saliences."""

import numpy as np
import pandas as pd

CLASSES = ("ang", "disg", "fea", "hap", "sad", "neu")
"""Class order of every array and table (the challenge kit's order, index 0-5)."""

EMOTIONS = CLASSES[:5]
"""The emotions that can be part of a blend; neutral never is."""

NEUTRAL = CLASSES.index("neu")

NAMES = dict(zip(CLASSES, ("anger", "disgust", "fear", "happiness", "sadness", "neutral"), strict=True))


def soft_labels(clips: pd.DataFrame) -> np.ndarray:
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
