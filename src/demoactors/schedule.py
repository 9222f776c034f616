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
UNUSUAL: dict[str, Mapping] = {
    "no_blends": {"intensities": [1, 2, 3, 4], "ratios": 0},
    "blends_only": {"intensities": [], "neutral": 0, "ratios": 2},
    "three_emotions": {"emotions": EMOTIONS[:3], "intensities": [1, 2, 3, 4], "ratios": 3},
}
"""What an actor of another schedule than the usual one shows in place of the options."""


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


def number_of(actor: str) -> int:
    """0 for the first actor, and so on."""
    return int(actor.removeprefix("A")) - FIRST_ACTOR


def fold_of(actor: str, options: Mapping) -> int:
    """Fold of a training actor: the actors are dealt round."""
    return number_of(actor) % options["folds"]


def displays(actor: str, options: Mapping) -> list[Display]:
    """All clips of an actor: each emotion at each intensity, neutral situations, and all pairs of emotions in some ratios.

    Of a pair's three ratios, `options["ratios"]` are shown, others from pair to pair and from actor to actor.
    """
    shown = {"emotions": EMOTIONS, **options, **UNUSUAL.get(options["unusual"].get(actor, ""), {})}
    clips = [
        Display(f"{actor}_{emotion}_int{level}_ver1", (emotion,), (100,), level)
        for emotion in shown["emotions"]
        for level in shown["intensities"]
    ]
    clips += [Display(f"{actor}_neu_sit{k}_ver1") for k in range(1, shown["neutral"] + 1)]
    for number, (first, second) in enumerate(combinations(shown["emotions"], 2), number_of(actor)):
        for share in (SALIENCES[(number + k) % len(SALIENCES)] for k in range(shown["ratios"])):
            name = f"{actor}_mix_{first}_{second}_{share}_{100 - share}_ver1"
            clips.append(Display(name, (first, second), (share, 100 - share)))
    return clips


def test_names(options: Mapping) -> list[str]:
    """File names of the test clips, test_0001.mov ..: they say nothing about actor or emotion."""
    count = sum(len(displays(actor, options)) for actor in actors(options, "test"))
    return [f"test_{k:04d}.mov" for k in range(1, count + 1)]
