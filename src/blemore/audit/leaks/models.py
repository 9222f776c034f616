"""The declared models of a study: who was fitted on which clips, who judges which, and where the two meet."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from blemore.scoring.model_name import ModelName
from joblineage import declare
from joblineage.store import Store
from joblineage.verdict import Finding, Verdict

TEST = "test clips"
"""Stands for the persons of the test clips, who are not named."""
OUTSIDE = "outside"
"""Kind of a fit that was made elsewhere, by a sidecar's word."""
NO_FIT = (declare.IN_SAMPLE, declare.UNKNOWN, declare.HANDED_ON, declare.UNDECLARED)
SHOWN = 3
"""Clips that a finding names."""

Follows = Callable[[Iterable[str]], tuple[str, ...]]
"""Ids of records -> names of their jobs and of those whose results depend on them."""


@dataclass(frozen=True)
class ClipsTable:
    """What the clips table says, clip by clip.

    person : `TEST` for a test clip; fold : -1 for a test clip; usable : {clip: sha256 of its file} of those that were
    not set aside.
    """

    person: Mapping[str, str]
    fold: Mapping[str, int]
    usable: Mapping[str, str]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> "ClipsTable":
        """From the rows of a clips table."""
        rows = list(rows)
        return cls(
            {row["clip"]: TEST if row["split"] == "test" else str(row["person"]) for row in rows},
            {row["clip"]: int(row["fold"]) for row in rows},
            {row["clip"]: str(row.get("sha256", row["clip"])) for row in rows if not row["quarantine"]},
        )

    def persons(self, clips: Iterable[str]) -> set[str]:
        """Training persons among the clips'."""
        return {self.person[clip] for clip in clips if clip in self.person} - {TEST}

    def test(self, clips: Iterable[str]) -> list[str]:
        """The test clips among them."""
        return sorted(clip for clip in clips if self.person.get(clip) == TEST)

    def place(self, clip: str) -> str:
        """Where it stands: "fold 0" or "the test split"."""
        return "the test split" if self.person[clip] == TEST else f"fold {self.fold[clip]}"


@dataclass
class Declared:
    """One model: what the records say of its name, taken together.

    fits : {kind: clips that it was fitted on}; judges : clips that it judges; jobs : ids of the records.
    """

    name: ModelName
    fits: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    judges: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)

    @property
    def inner(self) -> bool:
        """Whether it serves a choice inside the training clips, and makes no row that is reported."""
        return self.name.inner is not None

    @cached_property
    def labelled(self) -> dict[str, set[str]]:
        """Fits that looked at labels, or at statistics, of other persons' clips: {kind: clips}."""
        not_these = (*NO_FIT, *declare.LABEL_FREE)
        return {kind: on for kind, on in self.fits.items() if kind not in not_these}

    @cached_property
    def learned(self) -> set[str]:
        """All clips of the `labelled` fits."""
        return {clip for on in self.labelled.values() for clip in on}

    @property
    def reports(self) -> bool:
        """Whether rows that it judges may be in a table as they are: fitted, and for one fold or for test clips."""
        return not self.inner and len(self.name.folds or ()) < 2 and bool(self.labelled)


def declared(store: Store, names: Iterable[str]) -> tuple[dict[str, Declared], list[str]]:
    """The models that the records of these ids declare, {name: model}, and what could not be read."""
    models: dict[str, Declared] = {}
    lost: set[str] = set()

    @cache
    def listed(name: str) -> frozenset[str]:
        return store.samples(name)

    for record in names:
        for fit in store.records[record]["split"]["models"]:
            model = models.setdefault(fit["model"], Declared(ModelName.parse(fit["model"])))
            model.jobs.add(record)
            try:
                model.fits[fit["kind"]] |= listed(fit["on"])
                model.judges |= listed(fit["judges"])
            except (FileNotFoundError, ValueError):
                lost.add(f"{fit['model']}: its list of clips is gone from the lineage (`verify` names it)")
    return models, sorted(lost)


def findings(models: Iterable[Declared], clips: ClipsTable, follows: Follows) -> Iterator[Finding]:
    """Every model that judges somebody it was fitted on, that strays from its fold, or that was fitted on a test clip."""
    for model in models:
        for what in (*_overlap(model, clips), *_strays(model, clips), *_others(model, clips)):
            yield Finding(Verdict.LEAK, str(model.name), what, follows(model.jobs))


def met(model: Declared, clips: ClipsTable) -> set[str]:
    """Persons whom the model was fitted on and judges; `TEST` if it was fitted on test clips."""
    both = clips.persons(model.learned) & clips.persons(model.judges)
    return both | ({TEST} if clips.test(model.learned) else set())


def _overlap(model: Declared, clips: ClipsTable) -> Iterator[str]:
    judged = clips.persons(model.judges)
    for kind, on in model.labelled.items():
        if both := clips.persons(on) & judged:
            its = [clip for clip in model.judges if clips.person.get(clip) in both]
            yield f"fitted on {_list(both)}, whom it judges ({kind}; clips {some(its)})"


def _strays(model: Declared, clips: ClipsTable) -> Iterator[str]:
    """Its place says which fold it leaves out: it was fitted on none of it, and judges no other."""
    left_out = model.name.folds
    if left_out is None or declare.IN_SAMPLE in model.fits:
        return
    for kind, on in model.labelled.items():
        inside = [clip for clip in on if clips.fold.get(clip) in left_out]
        if inside and not clips.persons(on) & clips.persons(model.judges):  # else `_overlap` has said it
            yield f"fitted on clips of the fold that it leaves out ({kind}): {some(inside)}"
    inner = model.inner
    strange = [
        clip
        for clip in model.judges
        if clips.person.get(clip, TEST) != TEST and (clips.fold[clip] in left_out) == inner
    ]
    if strange:
        places = _list({clips.place(clip) for clip in strange})
        yield f"it judges clips of {places}, which are not its own to judge: {some(strange)}"


def _others(model: Declared, clips: ClipsTable) -> Iterator[str]:
    """Test clips among what it learned from; clips that no table knows; a judge without a declaration."""
    for kind, on in model.fits.items():
        if kind not in declare.LABEL_FREE and (tested := clips.test(on)):
            yield f"fitted on test clips ({kind}): {some(tested)}"
    strange = model.judges.union(*model.fits.values()) - clips.person.keys()
    if strange:
        yield f"it speaks of clips that the clips table does not know: {some(strange)}"
    if set(model.fits) <= {declare.HANDED_ON, declare.UNDECLARED}:
        yield f"it judges {len(model.judges)} clips, and nobody declares whom it was fitted on"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def some(clips: Iterable[str]) -> str:
    """The first few of these clips, and how many more there are."""
    names = sorted(clips)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
