"""Persons x models: whom each model was fitted on, whom it judged, folded to one model per step and fold."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from blemore import seen
from blemore.lineage.leaks_models import TEST, Clips, Model, met

JUDGED, FITTED, LEAK, UNKNOWN, NEITHER = "judged", "fitted on", "leak", "unknown", ""
SIGNS = {JUDGED: "○", FITTED: "■", LEAK: "✕", UNKNOWN: "?", NEITHER: "·"}


@dataclass(frozen=True)
class Column:
    """All models of one step that leave out one fold, or that serve the test clips: "s4d" and "fold0"."""

    step: str
    place: str

    @property
    def name(self) -> str:
        return f"{self.step}/{self.place}"


def table(models: Iterable[Model], clips: Clips) -> pd.DataFrame:
    """Persons (rows, the test clips together in the last one) x columns "step/place", of `SIGNS`' words.

    "judged" says: by models of which none was fitted on this person. Models that serve a choice among training clips
    stand in the fold that they serve where they leak, and in no column else.
    """
    groups: dict[Column, list[Model]] = defaultdict(list)
    for model in models:
        if model.folds is not None and len(model.folds) < 2 and seen.IN_SAMPLE not in model.fits:
            groups[Column(model.parts[0], model.place)].append(model)
    persons = sorted({person for person in clips.person.values() if person != TEST})
    cells = {
        column.name: _cells(group, [*persons, TEST], clips)
        for column, group in sorted(groups.items(), key=lambda one: _order(one[0]))
    }
    return pd.DataFrame(cells, index=pd.Index([*persons, TEST], name="person"))


def _order(column: Column) -> tuple[int, str, int]:
    later = ("individuals", "fusion", "calibration", "score", "known fusion", "known calibration")
    return (later.index(column.step) + 1 if column.step in later else 0, column.step, _number(column.place))


def _number(place: str) -> int:
    """Folds in their order, the model of the test clips last."""
    return int(place.removeprefix("fold")) if place.startswith("fold") else 10**6


def _cells(group: Collection[Model], persons: list[str], clips: Clips) -> dict[str, str]:
    outer = [model for model in group if not model.inner]
    judges = [model for model in outer if model.judges]
    judged = {clips.person.get(clip) for model in judges for clip in model.judges}
    fitted = {clips.person.get(clip) for model in outer for clip in model.learned}
    unknown = any(seen.UNKNOWN in model.fits for model in group)
    leaks = set().union(*(met(model, clips) for model in group))
    leaks |= {TEST} if any(clips.test(model.learned) for model in group) else set()

    def cell(person: str) -> str:
        if person in leaks or (person in judged and person in fitted):
            return LEAK
        if unknown:
            return UNKNOWN
        return JUDGED if person in judged else FITTED if person in fitted else NEITHER

    return {person: cell(person) for person in persons}


def folded(cells: pd.DataFrame) -> pd.DataFrame:
    """The table with one column per step: a sign for each of its folds, then one for the model of the test clips."""
    steps: dict[str, list[str]] = defaultdict(list)
    for name in cells.columns:
        steps[name.split("/")[0]].append(name)
    places = sorted({name.split("/")[1] for name in cells.columns}, key=_number)
    made = {
        step: [
            " ".join(SIGNS[row[f"{step}/{place}"]] for place in places if f"{step}/{place}" in names)
            for row in cells.to_dict("records")
        ]
        for step, names in steps.items()
    }
    return pd.DataFrame(made, index=cells.index)


def as_json(cells: pd.DataFrame, pretraining: Mapping[str, str]) -> dict[str, list]:
    """{"persons": names, "models": [{"name", "step", "place", "pretraining"}], "cells": a list of words per person}.

    pretraining : {step: why nobody knows what its network had seen before}; null for other steps.
    """
    parts = [name.split("/") for name in cells.columns]
    return {
        "persons": cells.index.tolist(),
        "models": [
            {"name": name, "step": step, "place": place, "pretraining": pretraining.get(step)}
            for name, (step, place) in zip(cells.columns, parts, strict=True)
        ],
        "cells": cells.to_numpy().tolist(),
    }
