"""Which clips an actor shows and how their files are called. Light imports: every start of the workflow reads this."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

EMOTIONS = ("ang", "disg", "fea", "hap", "sad")
"""Anger, disgust, fear, happiness, sadness: what a face and a voice can show, in the order of every array."""
FIRST_ACTOR = 901
"""Demo actors are A901, A902, ...: ids that no actor of the study has."""
SALIENCES = (50, 70, 30)
"""Salience (percent) of a blend's first emotion; the second has the rest."""


@dataclass(frozen=True)
class Display:
    """What one clip shows: emotions (none for neutral, one, or two), saliences in percent, intensity 1-4 or None."""

    name: str
    emotions: tuple[str, ...] = ()
    saliences: tuple[int, ...] = ()
    intensity: int | None = None


def actors(options: Mapping, split: str) -> list[str]:
    """Ids of the actors of `split` ("train" or "test"); test actors come after the train actors."""
    train, test = options["train_actors"], options["test_actors"]
    numbers = range(train) if split == "train" else range(train, train + test)
    return [f"A{FIRST_ACTOR + k}" for k in numbers]


def fold_of(actor: str, options: Mapping) -> int:
    """Fold of a training actor: the actors are dealt round."""
    return (int(actor.removeprefix("A")) - FIRST_ACTOR) % options["folds"]


def displays(actor: str, options: Mapping) -> list[Display]:
    """All clips of an actor: each emotion at each intensity, neutral situations, and all 30 blends."""
    clips = [
        Display(f"{actor}_{emotion}_int{level}_ver1", (emotion,), (100,), level)
        for emotion in EMOTIONS
        for level in options["intensities"]
    ]
    clips += [Display(f"{actor}_neu_sit{k}_ver1") for k in range(1, options["neutral"] + 1)]
    clips += [
        Display(f"{actor}_mix_{first}_{second}_{share}_{100 - share}_ver1", (first, second), (share, 100 - share))
        for first, second in combinations(EMOTIONS, 2)
        for share in SALIENCES
    ]
    return clips


def test_names(options: Mapping) -> list[str]:
    """File names of the test clips, test_0001.mov ..: they say nothing about actor or emotion."""
    count = sum(len(displays(actor, options)) for actor in actors(options, "test"))
    return [f"test_{k:04d}.mov" for k in range(1, count + 1)]
