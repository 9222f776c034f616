"""Accuracies as sums over persons, so that leaving persons out costs a subtraction."""

from collections.abc import Callable
from typing import Any

import numpy as np

from blemore.scoring.intervals import counted, detectable, interval_over_persons
from blemore.scoring.metrics import ACCURACIES, blends, combine, presence_correct, salience_correct, scores
from blemore.scoring.rows import Rows

FOLDS = 5
"""Folds that are made where there are none."""


def sums_of_persons(rows: Rows, saliences: np.ndarray) -> np.ndarray:
    """What the accuracies are counted from, for each of the rows' persons.

    Parameters
    ----------
    rows : Rows
        The clips with their values, labels, folds and persons.
    saliences : (n, 6) int, percent
        Decided saliences; each row sums to 100.

    Returns
    -------
    (persons, 4) float
        Right sets, clips, right blends, blends.
    """
    truth, persons = rows.truth, len(rows.persons)
    counted = presence_correct(saliences, truth), np.ones(len(truth)), salience_correct(saliences, truth), blends(truth)
    return np.stack([np.bincount(rows.person, values.astype(float), minlength=persons) for values in counted], axis=-1)


def accuracies(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ACC_presence, ACC_salience and Score of sums over clips.

    Parameters
    ----------
    sums : (..., 4) float
        Right sets, clips, right blends, blends.

    Returns
    -------
    presence, salience, score : (...) float, 0..1
        The accuracies; 0 where there is nothing to count.
    """
    right, clips, right_blends, all_blends = np.moveaxis(np.asarray(sums, float), -1, 0)
    presence, salience = right / np.maximum(clips, 1), right_blends / np.maximum(all_blends, 1)
    return presence, salience, np.asarray(combine(presence, salience))


def gains(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Gains in the three accuracies.

    Parameters
    ----------
    before, after : (persons, 4) float
        Sums as `sums_of_persons` gives them.

    Returns
    -------
    dict of str to float, -1..1
        {accuracy: after minus before}.
    """
    own, other = (np.stack(accuracies(part.sum(axis=0))) for part in (before, after))
    return dict(zip(ACCURACIES, (other - own).tolist(), strict=True))


def gain_and_interval(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """Gains in the accuracies, and the interval of the gain in Score.

    Parameters
    ----------
    before, after : (persons, 4) float
        Sums of the same persons, as `sums_of_persons` gives them.

    Returns
    -------
    dict of str to object
        "gain" {accuracy: difference}, "interval" [low, high] of the Score's, 90 %, "persons", how many, and "detectable",
        the gain in Score that so many persons would show in four of five studies.
    """
    interval, persons = interval_over_persons(score_gain, before, after), int(counted(before, after).sum())
    return {
        "gain": gains(before, after),
        "interval": interval.tolist(),
        "persons": persons,
        "detectable": detectable(interval, persons),
    }


def score_gain(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Gain in Score.

    Parameters
    ----------
    before, after : (..., 4) float
        Sums as `accuracies` takes them.

    Returns
    -------
    (...) float, -1..1
        Score after minus Score before.
    """
    return accuracies(after)[2] - accuracies(before)[2]


def entry(rows: Rows, saliences: np.ndarray) -> dict[str, Any]:
    """All accuracies of decisions with their intervals over persons.

    Parameters
    ----------
    rows : Rows
        The clips with their values, labels, folds and persons.
    saliences : (n, 6) int, percent
        In percent.

    Returns
    -------
    dict of str to object
        "acc_presence", "acc_salience", "score", "clips", "blends", "persons", and "interval" {accuracy: [low, high]},
        90 %.
    """
    return scores(saliences, rows.truth) | accuracy_intervals(sums_of_persons(rows, saliences))


def accuracy_intervals(sums: np.ndarray) -> dict[str, Any]:
    """The 90 % interval of each accuracy, over persons.

    Parameters
    ----------
    sums : (persons, 4) float
        Sums as `sums_of_persons` gives them.

    Returns
    -------
    dict of str to object
        "persons", how many, and "interval" {accuracy: [low, high]} within 0..1.
    """
    limits = interval_over_persons(lambda total: np.stack(accuracies(total), axis=-1), sums)  # (2, 3)
    named = dict(zip(ACCURACIES, np.clip(limits, 0, 1).T.tolist(), strict=True))
    return {"persons": int(counted(sums).sum()), "interval": named}


class SumsOfPersons:
    """Sums over each person's clips, in the order of the clips.

    Parameters
    ----------
    who : (n,) int
        Number of each clip's person, 0 to persons - 1.

    Attributes
    ----------
    who : (n,) int
        As given.
    clips : (persons, 1) int
        How many clips each has, at least 1.
    """

    def __init__(self, who: np.ndarray):
        self.who = who
        self.clips = np.maximum(np.bincount(who), 1)[:, None]
        self._order = None if (who[1:] >= who[:-1]).all() else np.argsort(who, kind="stable")
        persons, self._starts = np.unique(who if self._order is None else who[self._order], return_index=True)
        self._persons = slice(None) if len(persons) == len(self.clips) else persons

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(persons, d) of values (n, d); 0 for numbers without a clip."""
        sums = np.zeros((len(self.clips), values.shape[1]))
        if len(values):
            ordered = values if self._order is None else values[self._order]
            sums[self._persons] = np.add.reduceat(ordered, self._starts, axis=0)
        return sums


def settle(
    who: np.ndarray,
    numbers: int,
    most_rounds: int,
    step: Callable[..., tuple[np.ndarray, np.ndarray]],
    *clips: np.ndarray,
) -> np.ndarray:
    """Repeat a step for each person until that person has settled, whoever else has rows here.

    Parameters
    ----------
    who : (n,) int
        Number of each clip's person, 0 to persons - 1.
    numbers : int, > 0
        How many numbers a person has; they begin at 0.
    most_rounds : int, >= 0
        When to end with those that never settle.
    step : callable
        Gets the numbers (q, numbers) of the persons that have not settled, the sums over their m clips, and what is known
        of these clips; gives the next numbers, and who settled with them (q,) bool.
    *clips : (n, ...)
        What is known of each clip.

    Returns
    -------
    (persons, numbers) float64
        The last numbers of each person; 0 for numbers of `who` without a clip.
    """
    state = np.zeros((int(who.max(initial=-1)) + 1, numbers))
    order = np.argsort(who, kind="stable")  # a person's clips side by side
    persons, present = np.unique(who[order], return_inverse=True)  # those with clips
    sums, known = SumsOfPersons(present), [one[order] for one in clips]
    for _ in range(most_rounds):
        state[persons], settled = step(state[persons], sums, *known)
        if settled.all():
            break
        if settled.any():
            going = ~settled[sums.who]
            persons, known = persons[~settled], [one[going] for one in known]
            sums = SumsOfPersons((np.cumsum(~settled) - 1)[sums.who[going]])
    return state


def folds_over_persons(person: np.ndarray, folds: int = FOLDS) -> np.ndarray:
    """Make folds in which all of a person's rows lie together.

    The person with most clips comes first, to the emptiest fold.

    Parameters
    ----------
    person : (n,) int
        Number of each row's person.
    folds : int, >= 1
        Most folds; there are no more than persons.

    Returns
    -------
    (n,) int
        Fold of each row, from 0.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.scoring.persons import folds_over_persons
    >>> folds_over_persons(np.array([0, 0, 0, 1, 1, 2]), folds=2).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    sizes = np.bincount(person)
    filled, fold = np.zeros(min(folds, len(sizes)), int), np.zeros(len(sizes), int)
    for largest in np.argsort(-sizes, kind="stable"):
        fold[largest] = filled.argmin()
        filled[fold[largest]] += sizes[largest]
    return fold[person]
