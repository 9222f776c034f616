"""The declared models of a study: who was fitted on which clips, who judged which, and where the two meet."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import pandas as pd

from blemore import seen
from blemore.lineage.store import Store
from blemore.lineage.verdict import Finding, Verdict

TEST = "test clips"
"""Stands for the persons of the test clips, whom nobody names."""
NO_FIT = (seen.IN_SAMPLE, seen.UNKNOWN, seen.HANDED_ON, seen.UNDECLARED)
SHOWN = 3
"""Clips that a finding names."""
_INNER, _FOLD, _FOLDS = re.compile(r"inner\d+"), re.compile(r"fold(\d+)"), re.compile(r"folds ([\d,]+)")


@dataclass(frozen=True)
class Clips:
    """What the clips table says of each usable clip: person (`TEST` for a test clip) and fold."""

    person: Mapping[str, str]
    fold: Mapping[str, int]

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Clips":
        """From a clips table; a clip that was set aside is known too, as decisions name it."""
        test = (table["split"] == "test").to_numpy()
        persons = table["person"].astype(str).where(~test, TEST)
        return cls(
            dict(zip(table["clip"], persons, strict=True)),
            dict(zip(table["clip"], table["fold"].astype(int), strict=True)),
        )

    def persons(self, clips: Iterable[str]) -> set[str]:
        """Training persons among the clips'."""
        return {self.person[clip] for clip in clips if clip in self.person} - {TEST}

    def test(self, clips: Iterable[str]) -> set[str]:
        """The test clips among them."""
        return {clip for clip in clips if self.person.get(clip) == TEST}


@dataclass
class Model:
    """One model: what its name's records say of it, taken together.

    fits : {kind: clips that it was fitted on}; judges : clips that it judges; jobs : ids of the records.
    """

    name: str
    fits: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    judges: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)

    @property
    def parts(self) -> list[str]:
        """[step, place, what of it, ...]: "s4d/fold0/inner1" is of step "s4d", place "fold0"."""
        return self.name.split("/")

    @property
    def place(self) -> str:
        """ "fold0", "folds 0,1", "final" or another word."""
        return self.parts[1] if len(self.parts) > 1 else ""

    @property
    def inner(self) -> bool:
        """Whether it serves a choice inside the training clips, and makes no row that is reported."""
        return any(_INNER.fullmatch(part) for part in self.parts[2:])

    @property
    def folds(self) -> set[int] | None:
        """Folds that its place names; empty for "final"; None where the place is none."""
        one, several = _FOLD.fullmatch(self.place), _FOLDS.fullmatch(self.place)
        if one or several:
            return {int(number) for number in (one or several)[1].split(",")}  # type: ignore[index]
        return set() if self.place == "final" else None

    @property
    def labelled(self) -> dict[str, set[str]]:
        """Fits that looked at labels, or at statistics, of other persons' clips: {kind: clips}."""
        not_these = (*NO_FIT, *seen.LABEL_FREE, seen.ENROLMENT)
        return {kind: on for kind, on in self.fits.items() if kind not in not_these}

    @cached_property
    def learned(self) -> set[str]:
        """All clips of the `labelled` fits."""
        return {clip for on in self.labelled.values() for clip in on}

    @property
    def reports(self) -> bool:
        """Whether rows that it judges may stand in a table as they are: something was fitted, and none of it in sample."""
        return not self.inner and not self.place.startswith("folds ") and bool(self.labelled)


def declared(store: Store, names: Iterable[str]) -> tuple[dict[str, Model], list[str]]:
    """The models that the records of these ids declare, {name: model}, and what could not be read."""
    models: dict[str, Model] = {}
    lost: list[str] = []

    @cache
    def listed(name: str) -> frozenset[str] | None:
        try:
            return frozenset(store.get_json(name))
        except (FileNotFoundError, ValueError):
            return None

    for record in names:
        for one in store.records[record]["split"]["models"]:
            model = models.setdefault(one["model"], Model(one["model"]))
            on, judges = listed(one["on"]), listed(one["judges"])
            if on is None or judges is None:
                lost.append(f"{one['model']}: its list of clips is gone from the lineage (`verify` names it)")
                continue
            model.fits[one["kind"]] |= on
            model.judges |= judges
            model.jobs.add(record)
    return models, sorted(set(lost))


def findings(models: Mapping[str, Model], clips: Clips, follows: Any) -> Iterator[Finding]:
    """Every model that judges somebody it was fitted on, that strays from its fold, or that was fitted on a test clip.

    Parameters
    ----------
    follows : ids of records -> names of the jobs whose results hang on them.
    """
    for model in models.values():
        for what in (*_overlap(model, clips), *_strays(model, clips), *_others(model, clips)):
            yield Finding(Verdict.LEAK, model.name, what, follows(model.jobs))


def met(model: Model, clips: Clips) -> set[str]:
    """Persons whom the model was fitted on and judges; by clips for an enrolment."""
    judged = clips.persons(model.judges)
    both = {person for on in model.labelled.values() for person in clips.persons(on) & judged}
    return both | clips.persons(model.fits.get(seen.ENROLMENT, set()) & model.judges)


def _overlap(model: Model, clips: Clips) -> Iterator[str]:
    judged = clips.persons(model.judges)
    for kind, on in model.labelled.items():
        if both := clips.persons(on) & judged:
            its = sorted(clip for clip in model.judges if clips.person.get(clip) in both)
            yield f"fitted on {_list(both)}, whom it judges ({kind}; clips {some(its)})"
    if same := model.fits.get(seen.ENROLMENT, set()) & model.judges:
        yield f"enrolled {_list(clips.persons(same))} with clips that it judges: {some(sorted(same))}"


def _strays(model: Model, clips: Clips) -> Iterator[str]:
    """Its place says which fold it leaves out: it was fitted on none of it, and judges no other."""
    left_out = model.folds
    if left_out is None or seen.IN_SAMPLE in model.fits:
        return
    for kind, on in model.labelled.items():
        inside = sorted(clip for clip in on if clips.fold.get(clip) in left_out)
        if inside and not clips.persons(on) & clips.persons(model.judges):  # else `_overlap` has said it
            yield f"fitted on clips of the fold that it leaves out ({kind}): {some(inside)}"
    wanted = (lambda fold: fold not in left_out) if model.inner else (lambda fold: fold in left_out)
    strange = sorted(
        clip for clip in model.judges if clips.person.get(clip, TEST) != TEST and not wanted(clips.fold[clip])
    )
    if strange:
        found = _list({f"fold {clips.fold[clip]}" for clip in strange})
        yield f"it judges clips of {found}, which are not its own to judge: {some(strange)}"


def _others(model: Model, clips: Clips) -> Iterator[str]:
    """Test clips among what it learned from; clips that no table knows; a judge of whom nothing is said."""
    for kind, on in model.fits.items():
        if kind not in seen.LABEL_FREE and (tested := clips.test(on)):
            yield f"fitted on test clips ({kind}): {some(sorted(tested))}"
    strange = {clip for group in (model.judges, *model.fits.values()) for clip in group} - set(clips.person)
    if strange:
        yield f"it speaks of clips that the clips table does not know: {some(sorted(strange))}"
    if set(model.fits) <= {seen.HANDED_ON, seen.UNDECLARED}:
        yield f"it judges {len(model.judges)} clips, and nobody declares whom it was fitted on"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def some(clips: list[str]) -> str:
    """The first few of these clips, and how many more there are."""
    more = f" and {len(clips) - SHOWN} more" if len(clips) > SHOWN else ""
    return ", ".join(clips[:SHOWN]) + more
