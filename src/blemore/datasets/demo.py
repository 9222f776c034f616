"""The data set `demo`: generated actors with BLEMORE's names and tables, so that everything runs without a download.

The clips are computed from the options alone. No score on them says anything about BLEMORE.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from blemore.datasets.withdrawn import NOBODY, Withdrawn
from demoactors import schedule

if TYPE_CHECKING:  # the workflow imports this module at each start: pandas only when a roster is made
    import pandas as pd

CITATION = "Generated actors of this software: nothing else is to be cited for them"
"""What a study of it cites."""
TABLES = ("train_metadata.csv", "submission_template.json")
"""Files besides the clips."""
CLIP_BYTES = 90_000
"""Typical size of a clip that is not made yet."""
TURNS = len(schedule.SALIENCES)
"""After so many actors the ratios of the pairs come again."""
SECONDS_OF_MAKING, SECONDS_OF_PREPARING = 0.62, 0.37
"""CPU seconds to make a clip; to decode it, find its face and keep its samples; benchmarks/README.md."""


def making_jobs(options: Mapping) -> int:
    """Jobs that make the clips and their tables: one a usual training actor, one for the others, one for all tests, one for the tables."""
    usual = [actor for actor in train_actors(options) if _turn_of(actor, options) is not None]
    return len(usual) + (len(usual) < options["train_actors"]) + 2


def train_actors(options: Mapping) -> list[str]:
    """Ids of the training actors, "A901" .."""
    return schedule.actors(options, "train")


def actor_files(actor: str, options: Mapping) -> list[str]:
    """Clip files of one training actor, below the data set's root, sorted."""
    return sorted(f"train/{display.name}.mov" for display in schedule.displays(actor, options))


def files_of_turn(options: Mapping, turn: int) -> list[str]:
    """What `actor_files` gives for the actors of a turn (0, 1 or 2: the ratios change from actor to actor), "{actor}" for the name."""
    actor = f"A{schedule.FIRST_ACTOR + turn}"
    return [file.replace(actor, "{actor}") for file in actor_files(actor, {**options, "unusual": {}})]


def _turn_of(actor: str, options: Mapping) -> int | None:
    """An actor's turn; the first for all who show every ratio, None for an unusual schedule."""
    if actor in options["unusual"]:
        return None
    return schedule.number_of(actor) % TURNS if options["ratios"] < TURNS else 0


def _is_whole(actor: str, options: Mapping, withdrawn: Withdrawn) -> bool:
    """Whether no clip of the actor was withdrawn."""
    files = actor_files(actor, options)
    return withdrawn.kept(files) == files


def whole_actors(options: Mapping, withdrawn: Withdrawn, turn: int) -> list[str]:
    """Ids of the training actors of a turn of whom no clip was withdrawn."""
    mine = [actor for actor in train_actors(options) if _turn_of(actor, options) == turn]
    return [actor for actor in mine if _is_whole(actor, options, withdrawn)]


def cut_files(options: Mapping, withdrawn: Withdrawn) -> list[str]:
    """What is left of the other training actors: of another schedule, or with some clips withdrawn."""
    return [
        file
        for actor in train_actors(options)
        if _turn_of(actor, options) is None or not _is_whole(actor, options, withdrawn)
        for file in withdrawn.kept(actor_files(actor, options))
    ]


def test_files(options: Mapping) -> list[str]:
    """Test clip files below the data set's root, sorted."""
    return [f"test/{name}" for name in schedule.test_names(options)]


def clip_files(root: Path, options: Mapping) -> list[str]:
    """All clip files below the data set's root, withdrawn ones too, sorted; they need not exist yet."""
    train = [file for actor in train_actors(options) for file in actor_files(actor, options)]
    return sorted(train + test_files(options))


def roster(
    root: Path, withdrawn: Withdrawn = NOBODY, *, folds: int, train_actors: int, test_actors: int, intensities: list[int],
    neutral: int, ratios: int, unusual: dict[str, str], seconds: list[float], size: int,
) -> pd.DataFrame:  # fmt: skip
    """Read the roster (``tables.ROSTER_COLUMNS``) of all clips, names and tables checked against each other.

    Parameters
    ----------
    root : Path
        Folder of the data set.
    withdrawn : Withdrawn
        Whose clips are passed over, whether they lie there or not.
    folds : int, >= 2
        Number of folds.
    train_actors, test_actors : int
        Actors for training, and actors whose clips are test clips.
    intensities : list of int, 1..4
        Intensities at which each actor shows each of the five emotions.
    neutral : int, 1..4
        Neutral clips of each actor.
    ratios : int, 1..3
        Ratios in which each actor shows each pair of emotions.
    unusual : dict of str to str
        Actors with another schedule than the others.
    seconds : list of float, s
        Shortest and longest clip; changes no name.
    size : int, px
        Width and height of the pictures; changes no name.

    Returns
    -------
    DataFrame
        One row per clip.
    """
    from blemore.datasets.roster import read_roster

    options = dict(folds=folds, train_actors=train_actors, test_actors=test_actors, intensities=intensities)
    options |= dict(neutral=neutral, ratios=ratios, unusual=unusual)
    return read_roster(root, clip_files(root, options), folds=folds, withdrawn=withdrawn)


def how_to_get(root: Path) -> str | None:
    """None: nothing has to be fetched, the workflow makes the clips."""
    return None
