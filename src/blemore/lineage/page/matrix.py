"""Persons x models: who was fitted on whom, and who judged whom, as a table that fits a page.

Models that saw and judged the same persons share a row. Persons who stay unnamed share a column where they stand alike.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from blemore.lineage.page.chain import Chain
from blemore.lineage.store import Store
from blemore.seen import ENROLMENT, HANDED_ON, IN_SAMPLE, LABEL_FREE, UNKNOWN

FITTED, JUDGED, BOTH, NEITHER = "fitted", "judged", "both", ""
SIGNS = {
    FITTED: ("■", "fitted on"),
    JUDGED: ("○", "judged, not fitted on"),
    BOTH: ("✕", "fitted on and judged"),
    NEITHER: ("·", "neither"),
}
NO_COLUMN = (*LABEL_FREE, ENROLMENT, IN_SAMPLE, HANDED_ON, UNKNOWN)
"""Kinds that may be fitted on whom they serve, by design, or of which there is no fit to show; `lineage leaks` has them."""
TEST = "test clips"
"""Column of the clips whose persons nobody knows."""


@dataclass(frozen=True)
class Row:
    """Models of one kind that saw and judged the same: their names, and a cell per column."""

    kind: str
    models: list[str]
    cells: list[str]


@dataclass(frozen=True)
class Matrix:
    """columns : names or counts of persons; fits : number of fits; leaks : fits that judge a person they were fitted on;
    without : models of which nobody says whom they were fitted on."""

    columns: list[str]
    rows: list[Row]
    fits: int
    persons: int
    leaks: list[str]
    without: list[str]


def matrix(
    store: Store, chain: Chain, clips: pd.DataFrame | None, hides: Callable[[str], bool], outside: list[str]
) -> Matrix | None:
    """The table; None where clips cannot be told persons (no clips table), or no job says whom it was fitted on."""
    if clips is None:
        return None
    persons = {
        str(clip): str(person) if split == "train" else TEST
        for clip, person, split in zip(clips["clip"], clips["person"], clips["split"], strict=True)
    }
    seen: dict[str, dict[str, str]] = {}
    kinds: dict[str, str] = {}
    without = set(outside)
    for record in chain.records.values():
        for one in record["split"]["models"]:
            if one["kind"] == UNKNOWN:
                without.add(one["model"])
            if one["kind"] in NO_COLUMN:
                continue
            try:
                sides = {
                    side: {persons.get(clip, TEST) for clip in store.get_json(one[side])} for side in ("on", "judges")
                }
            except (FileNotFoundError, ValueError):  # the list is lost: `verify` names it
                without.add(one["model"])
                continue
            seen[f"{one['model']} {one['kind']}"] = _cells(sides)
            kinds[f"{one['model']} {one['kind']}"] = one["kind"]
    if not seen:
        return None
    everybody = sorted({person for cells in seen.values() for person in cells} - {TEST})
    everybody += [TEST] if any(TEST in cells for cells in seen.values()) else []
    leaks = sorted(name for name, cells in seen.items() if BOTH in cells.values())
    named = [one for one in everybody if not hides(one)]
    columns = {one: [one] for one in named} | _alike(seen, [one for one in everybody if hides(one)])
    rows: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, cells in seen.items():
        rows[(kinds[name], *(cells.get(one[0], NEITHER) for one in columns.values()))].append(name)
    return Matrix(
        list(columns),
        [Row(kind, [_short(name, kind) for name in names], list(cells)) for (kind, *cells), names in rows.items()],
        len(seen),
        len([one for one in everybody if one != TEST]),
        leaks,
        sorted(without),
    )


def _cells(sides: Mapping[str, set[str]]) -> dict[str, str]:
    both = sides["on"] & sides["judges"]
    return {
        one: BOTH if one in both else FITTED if one in sides["on"] else JUDGED for one in sides["on"] | sides["judges"]
    }


def _alike(seen: Mapping[str, dict[str, str]], hidden: list[str]) -> dict[str, list[str]]:
    """{"3 persons": persons who stand alike in every row}, unnamed."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for person in hidden:
        groups[tuple(cells.get(person, NEITHER) for cells in seen.values())].append(person)
    ordered = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))  # in no order of names
    return {
        f"group {k}: {len(group)} person{'s' if len(group) > 1 else ''}": group
        for k, (_, group) in enumerate(ordered, start=1)
    }


def _short(name: str, kind: str) -> str:
    return name.removesuffix(f" {kind}")
