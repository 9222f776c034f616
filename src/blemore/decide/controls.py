"""Controls of the gain that persons bring: the same clips with no person, or no label, to be found.

What is drawn at random for a person depends on the person's name alone.
"""

from dataclasses import replace

import numpy as np

from blemore.scoring.answers import numbers_of
from blemore.scoring.rows import Rows
from blemore.seeds import generator


def random_groups(rows: Rows, name: str, *, within_folds: bool = False) -> Rows:
    """The same clips in random groups of the persons' sizes: a control that no person stands behind.

    Parameters
    ----------
    rows : Rows
        The clips with their values, labels, folds and persons.
    name : str
        Name from which the random numbers derive.
    within_folds : bool
        Whether a group's clips come from its person's fold alone; they then share what the fold's persons have in
        common on average, and what the fold's models have of their own.

    Returns
    -------
    Rows
        The rows with a group in place of each person.
    """
    mixed = _shuffled(rows.person, rows.fold, name) if within_folds else generator(name).permutation(rows.person)
    return replace(rows, person=mixed, clip=None)


def groups_of_same_mix(rows: Rows, name: str) -> Rows:
    """The same clips in random groups, each of which shows what its person shows: as often each answer.

    Parameters
    ----------
    rows : Rows
        The clips with their values, labels, folds and persons.
    name : str
        Name from which the random numbers derive.

    Returns
    -------
    Rows
        The rows with a group in place of each person.
    """
    return replace(rows, person=_shuffled(rows.person, numbers_of(rows.truth), name), clip=None)


def one_group(rows: Rows) -> Rows:
    """The same clips, each fold's as if one person showed them: what is gained is the bias of the fold's own models.

    Parameters
    ----------
    rows : Rows
        The clips with their values, labels, folds and persons.

    Returns
    -------
    Rows
        The rows with their fold in place of each person.
    """
    folds = np.unique(rows.fold)
    names = tuple(f"fold {fold}" for fold in folds.tolist())
    return replace(rows, person=np.searchsorted(folds, rows.fold), persons=names, clip=None)


def permuted_labels(rows: Rows, name: str) -> Rows:
    """The same clips with their labels shuffled within each fold: a control in which nothing can be learned.

    Parameters
    ----------
    rows : Rows
        The clips with their values, labels, folds and persons.
    name : str
        Name from which the random numbers derive.

    Returns
    -------
    Rows
        The rows with other labels.
    """
    return replace(rows, truth=rows.truth[_shuffled(np.arange(len(rows)), rows.fold, name)], clip=None)


def random_mixture(rows: Rows, name: str) -> np.ndarray:
    """Draw some clips of each person, so that what the person shows is a random mixture of the classes.

    Parameters
    ----------
    rows : Rows
        The clips with their values, labels, folds and persons.
    name : str
        Name from which the random numbers derive.

    Returns
    -------
    (n,) bool
        True for a clip that was drawn.
    """
    draw = generator(f"{name}/mixture")
    wanted = draw.dirichlet(np.full(rows.soft.shape[1], 0.5), size=len(rows.persons))  # (persons, 6)
    weights = (rows.soft * wanted[rows.person]).sum(axis=1)
    most = np.zeros(len(rows.persons))
    np.maximum.at(most, rows.person, weights)
    return draw.random(len(rows)) * most[rows.person] < weights


def _shuffled(values: np.ndarray, part: np.ndarray, name: str) -> np.ndarray:
    """Values (n,) shuffled among the rows of each part (n,)."""
    draw, mixed = generator(f"{name}/folds"), values.copy()
    for number in np.unique(part):
        inside = part == number
        mixed[inside] = draw.permutation(values[inside])
    return mixed
