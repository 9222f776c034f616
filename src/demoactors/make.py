"""Make the data set `demo`: the clips of each actor, and the tables.

root/train/A901_ang_int1_ver1.mov ...   root/test/test_0001.mov ...
root/train_metadata.csv   root/submission_template.json
root/truth.json           what the test clips show and every actor's style: for tests and the report, never for training
"""

import os
import tempfile
from collections.abc import Callable, Container, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from demoactors import schedule
from demoactors.schedule import EMOTIONS, Display
from demoactors.style import Style, generator, random_style
from demoactors.writing import whole_file, write_json

if TYPE_CHECKING:  # a cast imports numba, the rest does without
    from demoactors.actor import Actor

BUILDS = ("female", "male")
NOTICE = "Generated actors. Scores on these clips say nothing about BLEMORE."


def _build_of(actor: str) -> str:
    return BUILDS[int(actor.removeprefix("A")) % len(BUILDS)]


def actor_style(actor: str, seed: int) -> Style:
    """The actor's habits; they depend on seed and name alone."""
    return random_style(generator(seed, actor, "style"), _build_of(actor))


def _one_process() -> FileLock:
    """A lock that lets one process of this user on this machine go on at a time; it ends with its process."""
    return FileLock(Path(tempfile.gettempdir()) / f"blemore-demo-{os.getuid()}.lock")


@cache
def cast(actor: str, seed: int) -> "Actor":
    """The actor (`actor.Actor`), put together once per process, with every kernel compiled.

    Compiling takes seconds. Of processes that begin together, one compiles and the others load what it stored.
    """
    from demoactors.actor import Actor
    from demoactors.clip import rehearse
    from demoactors.hair import SUITED

    build = _build_of(actor)
    turn = schedule.number_of(actor) // len(BUILDS) + seed
    with _one_process():
        person = Actor(generator(seed, actor, "looks"), build, SUITED[build][turn % len(SUITED[build])])
        rehearse(person, actor_style(actor, seed))
    return person


def make_clip(actor: str, display: Display, path: Path, options: Mapping, seed: int) -> None:
    """Write one clip of an actor to `path`."""
    from demoactors.clip import write_clip

    write_clip(path, cast(actor, seed), actor_style(actor, seed), display, options, seed)


def make_train(paths: Iterable[Path], options: Mapping, seed: int) -> None:
    """Write the training clips that the paths name, "A901_ang_int1_ver1.mov" .."""
    for path in paths:
        actor = path.name.partition("_")[0]
        (display,) = (display for display in schedule.displays(actor, options) if display.name == path.stem)
        make_clip(actor, display, path, options, seed)


def _shuffled_test(options: Mapping, seed: int) -> dict[str, tuple[str, Display]]:
    """Test file name -> actor and display, in an order that tells nothing."""
    shown = [(a, display) for a in schedule.actors(options, "test") for display in schedule.displays(a, options)]
    order = generator(seed, "test order").permutation(len(shown))
    return {name: shown[k] for name, k in zip(schedule.test_names(options), order, strict=True)}


def make_test(options: Mapping, seed: int, root: Path, only: Container[str] | None = None) -> None:
    """Write the test clips below root/test: the test actors' clips, shuffled and numbered.

    Parameters
    ----------
    only : file names of those to write; None: all.
    """
    for name, (actor, display) in _shuffled_test(options, seed).items():
        if only is None or name in only:
            make_clip(actor, display, Path(root) / "test" / name, options, seed)


def _labels(display: Display) -> dict:
    """The challenge's label columns of one clip; saliences are given for blends only."""
    blend = len(display.emotions) == 2
    first, second = display.emotions if blend else ((*display.emotions, "neu")[0], None)
    salience_1, salience_2 = display.saliences if blend else (None, None)
    return {
        "mix": int(blend), "emotion_1": first, "emotion_2": second, "emotion_1_salience": salience_1,
        "emotion_2_salience": salience_2,
    }  # fmt: skip


def make_tables(options: Mapping, seed: int, root: Path, without: Callable[[str], bool] = lambda clip: False) -> None:
    """Write train_metadata.csv, submission_template.json and truth.json below root. Nothing is rendered.

    Parameters
    ----------
    without : whether a training clip of this name has no row, an actor of this name no style; of test clips all are asked
        for, as by the challenge.
    """
    import pandas as pd  # only the tables need it

    root = Path(root)
    rows = [
        {"filename": display.name, "fold": schedule.fold_of(actor, options)} | _labels(display)
        for actor in schedule.actors(options, "train")
        for display in schedule.displays(actor, options)
        if not without(display.name)
    ]
    table = pd.DataFrame(rows).sort_values("filename", kind="stable")
    table = table.astype({"emotion_1_salience": "Int64", "emotion_2_salience": "Int64"})
    with whole_file(root / "train_metadata.csv") as file:
        table.to_csv(file, index=False, lineterminator="\n")
    test = _shuffled_test(options, seed)
    write_json(root / "submission_template.json", {"predictions": {name: [] for name in sorted(test)}})
    truth: dict = {"notice": NOTICE, "style": {}}
    truth["test"] = {name: {"person": actor} | _labels(display) for name, (actor, display) in test.items()}
    actors = (*schedule.actors(options, "train"), *schedule.actors(options, "test"))
    for actor in (actor for actor in actors if not without(actor)):
        style = actor_style(actor, seed)
        prominence = dict(zip(EMOTIONS, style.prominence.tolist(), strict=True))
        truth["style"][actor] = {"slope": style.slope, "prominence": prominence}
    write_json(root / "truth.json", truth)
