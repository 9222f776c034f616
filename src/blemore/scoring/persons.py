"""Accuracies as sums over persons, so that leaving persons out costs a subtraction."""

from typing import Any

import numpy as np

from blemore.scoring.intervals import counted, interval_over_persons
from blemore.scoring.metrics import ACCURACIES, blends, combine, presence_correct, salience_correct, scores
from blemore.scoring.rows import Rows

FOLDS = 5
"""Folds that are made where there are none."""


def sums_of_persons(rows: Rows, saliences: np.ndarray) -> np.ndarray:
    """(persons, 4) right sets, clips, right blends, blends of each of the rows' persons; saliences (n, 6) in percent."""
    truth, persons = rows.truth, len(rows.persons)
    counted = presence_correct(saliences, truth), np.ones(len(truth)), salience_correct(saliences, truth), blends(truth)
    return np.stack([np.bincount(rows.person, values.astype(float), minlength=persons) for values in counted], axis=-1)


def accuracies(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ACC_presence, ACC_salience and Score, each (...,), of sums (..., 4); 0 where there is nothing to count."""
    right, clips, right_blends, all_blends = np.moveaxis(np.asarray(sums, float), -1, 0)
    presence, salience = right / np.maximum(clips, 1), right_blends / np.maximum(all_blends, 1)
    return presence, salience, np.asarray(combine(presence, salience))


def gains(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Gains in the three accuracies, of sums (persons, 4)."""
    own, other = (np.stack(accuracies(part.sum(axis=0))) for part in (before, after))
    return dict(zip(ACCURACIES, (other - own).tolist(), strict=True))


def gain_and_interval(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """ "gain" in the accuracies, "interval" [low, high] of the Score's, 90 %, and over how many "persons": of paired sums (persons, 4)."""
    return {
        "gain": gains(before, after),
        "interval": interval_over_persons(score_gain, before, after).tolist(),
        "persons": int(counted(before, after).sum()),
    }


def score_gain(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(...) gain in Score, of sums (..., 4)."""
    return accuracies(after)[2] - accuracies(before)[2]


def entry(rows: Rows, saliences: np.ndarray) -> dict[str, Any]:
    """acc_presence, acc_salience, score, clips, blends, persons, and "interval" with [low, high] of each accuracy, 90 % over persons.

    saliences : (n, 6) in percent.
    """
    return scores(saliences, rows.truth) | accuracy_intervals(sums_of_persons(rows, saliences))


def accuracy_intervals(sums: np.ndarray) -> dict[str, Any]:
    """ "persons", and "interval" {accuracy: [low, high]} within 0..1, of sums (persons, 4)."""
    limits = interval_over_persons(lambda total: np.stack(accuracies(total), axis=-1), sums)  # (2, 3)
    named = dict(zip(ACCURACIES, np.clip(limits, 0, 1).T.tolist(), strict=True))
    return {"persons": int(counted(sums).sum()), "interval": named}


class SumsOfPersons:
    """Sums over each person's clips, `who` (n,) 0..persons - 1, in the order of the clips.

    clips : (persons, 1) how many clips each has, at least 1.
    """

    def __init__(self, who: np.ndarray):
        self.clips = np.maximum(np.bincount(who), 1)[:, None]
        self._order = np.argsort(who, kind="stable")
        self._persons, self._starts = np.unique(who[self._order], return_index=True)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(persons, d) of values (n, d); 0 for numbers without a clip."""
        sums = np.zeros((len(self.clips), values.shape[1]))
        if len(values):
            sums[self._persons] = np.add.reduceat(values[self._order], self._starts, axis=0)
        return sums


def folds_over_persons(person: np.ndarray, folds: int = FOLDS) -> np.ndarray:
    """(n,) folds 0.. of rows whose person is numbered in `person` (n,); all of a person's rows lie in one.

    The person with most clips comes first, to the emptiest fold; no more folds than persons.
    """
    sizes = np.bincount(person)
    filled, fold = np.zeros(min(folds, len(sizes)), int), np.zeros(len(sizes), int)
    for one in np.argsort(-sizes, kind="stable"):
        fold[one] = filled.argmin()
        filled[fold[one]] += sizes[one]
    return fold[person]
