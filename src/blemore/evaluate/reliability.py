"""Do the fused probabilities mean what they say? Calibration curves of the classes, and of the salience in a blend."""

from typing import Any

import numpy as np
import pandas as pd

from blemore.scoring.decoding import top_two
from blemore.scoring.intervals import interval_over_persons
from blemore.scoring.labels import CLASSES
from blemore.scoring.rows import Rows
from blemore.tables import labelled

BINS = 10
"""Of the probability 0..1, and of the difference between the two largest."""


def reliability(probabilities: pd.DataFrame, clips: pd.DataFrame, note: str | None) -> dict[str, Any]:
    """Calibration of out-of-fold fused probabilities, for results/reliability.json.

    Parameters
    ----------
    probabilities : DataFrame
        Fused probabilities table; its train rows count.
    clips : DataFrame
        Clips table.
    note : str or None
        A warning that belongs to every page that shows the figures.

    Returns
    -------
    dict of str to object
        {"classes": {class: [{"low", "high", "clips", "predicted", "shown"}]}, "expected_calibration_error", "interval"
        of it [low, high], 90 % over "persons", "salience": [{"low", "high", "blends", "even", "towards_larger",
        "towards_smaller"}], "note"}. classes: for each tenth of the probability the mean prediction and the mean soft
        label of the clips in it; empty tenths are left out. Expected calibration error: |predicted - shown| averaged
        over all clips and classes. salience: among the true blends whose pair has the two largest probabilities, by the
        difference of these two, the shares that are 50/50, 70/30 towards the larger, and 70/30 towards the smaller one.
    """
    rows = Rows.of(labelled(clips))
    values, truth = rows.lookup(probabilities), rows.truth
    classes = {
        name: _tenths(values[:, k], "clips", predicted=values[:, k], shown=rows.soft[:, k])
        for k, name in enumerate(CLASSES)
    }
    first, second, _, difference, _ = top_two(values)
    of_first, of_second = truth[np.arange(len(truth)), first], truth[np.arange(len(truth)), second]
    pair = (of_first > 0) & (of_second > 0)
    lead = (of_first - of_second)[pair]  # percent points of the class held for the larger
    return {
        "classes": classes,
        **_calibration_error(rows, values),
        "salience": _tenths(
            difference[pair], "blends", even=lead == 0, towards_larger=lead > 0, towards_smaller=lead < 0
        ),
        "note": note,
    }


def _calibration_error(rows: Rows, values: np.ndarray) -> dict[str, Any]:
    """ "expected_calibration_error" of values (n, 6), "interval" and "persons"."""
    cell = np.arange(len(CLASSES)) * BINS + np.minimum((values * BINS).astype(int), BINS - 1)  # (n, 6) class and tenth
    size = len(CLASSES) * BINS
    off = np.zeros((len(rows.persons), size + 1))  # (persons, cells) predicted minus shown; last the number of values
    np.add.at(off, (rows.person[:, None], cell), values - rows.soft)
    off[:, size] = len(CLASSES) * np.bincount(rows.person, minlength=len(rows.persons))

    def error(total: np.ndarray) -> np.ndarray:
        return np.abs(total[..., :size]).sum(axis=-1) / np.maximum(total[..., size], 1)

    return {
        "expected_calibration_error": float(error(off.sum(axis=0))),
        "interval": np.maximum(interval_over_persons(error, off), 0).tolist(),
        "persons": len(rows.persons),
    }


def _tenths(values: np.ndarray, count: str, **shown: np.ndarray) -> list[dict[str, float | int]]:
    """Per tenth of `values` (n,) that holds any: its ends, how many as `count`, and the means of what is shown (n,)."""
    number = np.minimum((values * BINS).astype(int), BINS - 1)  # 1 belongs to the last one
    return [
        {"low": k / BINS, "high": (k + 1) / BINS, count: int((number == k).sum())}
        | {name: float(values_shown[number == k].mean()) for name, values_shown in shown.items()}
        for k in np.unique(number).tolist()
    ]
