"""Persons x models: whom each model was fitted on, whom it judged, folded to one column per step and fold."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from blemore.audit.leaks.models import TEST, ClipsTable, Declared, met
from joblineage import declare

JUDGED, FITTED, LEAK, UNKNOWN, NEITHER = "judged", "fitted", "leak", "unknown", ""
SIGNS = {
    JUDGED: ("○", "judged, not fitted on"),
    FITTED: ("■", "fitted on"),
    LEAK: ("✕", "leak: fitted on and judged"),
    UNKNOWN: ("?", "unknown"),
    NEITHER: ("·", "neither"),
}
PRETRAINING = "before the study"
"""Stands for whom a network had seen before; unknown where it came trained."""


@dataclass(frozen=True)
class Column:
    """All models of one step that leave out one fold, or that serve the test clips.

    step, place : "s4d", and "fold0" or "final"; pretraining : the network that came trained, None where none did;
    cells : a word per person, as in `SIGNS`.
    """

    step: str
    place: str
    pretraining: str | None
    cells: list[str]


@dataclass(frozen=True)
class Matrix:
    """persons : the rows, all test clips together in the last one; columns : encoders first, then the later steps."""

    persons: list[str]
    columns: list[Column]

    def folded(self) -> dict[str, list[str]]:
        """{step: per person a sign for each fold and one for the model of the test clips, then whether the network's
        past is unknown}: a last row for the latter."""
        steps: dict[str, list[Column]] = defaultdict(list)
        for column in self.columns:
            steps[column.step].append(column)
        return {
            step: [
                *(
                    " ".join(SIGNS[word][0] for word in row)
                    for row in zip(*(model.cells for model in own), strict=True)
                ),
                SIGNS[UNKNOWN if own[0].pretraining else NEITHER][0],
            ]
            for step, own in steps.items()
        }


def matrix(
    models: Iterable[Declared], clips: ClipsTable, pretraining: Mapping[str, str], unknown: Collection[str] = ()
) -> Matrix:
    """The table of these models.

    "judged" says: by models of which none was fitted on this person. What serves several folds at once, or a choice
    among training clips, has no column; the latter shows where it leaks.

    Parameters
    ----------
    pretraining : {step: the network that came trained}.
    unknown : steps whose models were fitted on unknown persons.
    """
    groups: dict[tuple[str, tuple[int, ...]], list[Declared]] = defaultdict(list)
    for model in models:
        name = model.name
        if name.folds is not None and len(name.folds) < 2 and declare.IN_SAMPLE not in model.fits:
            groups[name.step, name.folds].append(model)
    persons = [*sorted(set(clips.person.values()) - {TEST}), TEST]
    columns = [
        Column(step, group[0].name.place, pretraining.get(step), _cells(group, persons, clips, step in unknown))
        for (step, _), group in sorted(groups.items(), key=_order)
    ]
    return Matrix(persons, columns)


def _order(item: tuple[tuple[str, tuple[int, ...]], Any]) -> tuple[int, str, bool, tuple[int, ...]]:
    """Encoders first, then the other steps in their order; folds in theirs, the model of the test clips last."""
    later = ("individuals", "fusion", "calibration", "score", "known fusion", "known calibration", "gain calibration")
    step, folds = item[0]
    return (later.index(step) + 1 if step in later else 0, step, not folds, folds)


def _cells(group: Collection[Declared], persons: list[str], clips: ClipsTable, unknown: bool) -> list[str]:
    outer = [model for model in group if not model.inner]
    judged = {clips.person.get(clip) for model in outer for clip in model.judges}
    fitted = {clips.person.get(clip) for model in outer for clip in model.learned}
    leaks = set().union(*(met(model, clips) for model in group)) | (judged & fitted)

    def cell(person: str) -> str:
        if person in leaks:
            return LEAK
        if unknown:
            return UNKNOWN
        return JUDGED if person in judged else FITTED if person in fitted else NEITHER

    return [cell(person) for person in persons]
