"""Is the challenge's data whole? What is missing, what is wrong, and what differs from the published record."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from blemore.datasets.blemore import PUBLISHED, clip_files
from blemore.datasets.roster import METADATA, read_roster, read_table, template_clips
from blemore.datasets.template import TEMPLATE
from blemore.datasets.withdrawn import NOBODY, Withdrawn
from blemore.scoring.columns import clip_names
from blemore.tables import NO_FOLD
from joblineage.errors import DataError

NAMED = 20
"""So many clips are named in a message, the others counted."""


@dataclass(frozen=True)
class Published:
    """Sizes of a published record of the challenge's data, in clips."""

    train: int
    test: int
    folds: tuple[int, ...]


BLEMORE = Published(**PUBLISHED, folds=(522, 486, 468, 472, 508))


@dataclass
class Completeness:
    """What lies below a data set's root."""

    train: int = 0  # training clips there
    test: int = 0  # test clips there
    folds: list[int] = field(default_factory=list)  # clips of each fold by the metadata; empty where that is faulty
    missing: list[str] = field(default_factory=list)  # tables, or clips that the tables name
    faults: list[str] = field(default_factory=list)  # what makes the data unusable although it is there
    deviations: list[str] = field(default_factory=list)  # from the published record: not wrong in itself

    @property
    def complete(self) -> bool:
        return not self.missing and not self.faults

    def lines(self) -> list[str]:
        """The check in sentences."""
        folds = f", folds of {', '.join(map(str, self.folds))} clips" if self.folds else ""
        return [
            f"There are {self.train} training clips and {self.test} test clips{folds}.",
            *([f"Missing, {len(self.missing)}: {some(self.missing)}"] if self.missing else []),
            *(f"Wrong: {fault}" for fault in self.faults[:NAMED]),
            *([f"... and {len(self.faults) - NAMED} more faults"] if len(self.faults) > NAMED else []),
            *(f"Note: {deviation}" for deviation in self.deviations),
        ]


def some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def check_data(root: Path, published: Published = BLEMORE, withdrawn: Withdrawn = NOBODY) -> Completeness:
    """Compare clips, tables and the published record's sizes. No clip is opened, nothing is raised.

    Parameters
    ----------
    withdrawn : whose clips are neither missed nor counted.
    """
    root = Path(root)
    files = set(withdrawn.kept(clip_files(root, {})))
    metadata, _ = read_table(root / METADATA, ("clip",))  # read_roster reports its faults
    wanted_test, _ = template_clips(root / TEMPLATE)
    asked = {f"train/{clip}.mov" for clip in clip_names(metadata["clip"].dropna())} if "clip" in metadata else set()
    asked |= {f"test/{clip}.mov" for clip in wanted_test or ()}
    asked = set(withdrawn.kept(asked))
    stems = {Path(file).stem for file in files}
    absent = sorted(file for file in asked if Path(file).stem not in stems)

    check = Completeness(train=_count(files, "train/"), test=_count(files, "test/"))
    check.missing = [name for name in (METADATA, TEMPLATE) if not (root / name).is_file()]
    check.missing += [f"clips in {split}" for split in ("train/", "test/") if not _count(files | asked, split)]
    check.missing += absent
    all_files = sorted([*files, *absent])  # with what is missing put in, only what is wrong besides is a fault
    if METADATA not in check.missing:
        try:
            roster = read_roster(root, all_files, withdrawn=withdrawn)
        except DataError as error:
            check.faults = error.faults
        else:
            check.folds = roster.loc[roster["fold"] != NO_FOLD, "fold"].value_counts().sort_index().tolist()
    check.deviations = _deviations(check, all_files, published)
    return check


def _count(files: Iterable[str], split: str) -> int:
    return sum(file.startswith(split) for file in files)


def _deviations(check: Completeness, files: list[str], published: Published) -> list[str]:
    """Where the sizes differ from the published record's (missing clips counted in)."""
    differing = []
    for split, what, expected in (("train/", "training", published.train), ("test/", "test", published.test)):
        number = _count(files, split)
        if number != expected:
            missing = ", the missing ones counted in," if check.missing else ","
            differing.append(f"{number} {what} clips{missing} the published record has {expected}")
    if check.folds and tuple(check.folds) != published.folds:
        sizes = ", ".join(map(str, check.folds))
        differing.append(f"folds of {sizes} clips, the published record has {', '.join(map(str, published.folds))}")
    return differing
