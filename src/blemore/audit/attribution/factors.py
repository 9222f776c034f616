"""What two runs' Scores were made from, and the changes between them as factors that can be swapped one by one."""

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import pandas as pd

from blemore.audit.attribution.cheap_stages import Start
from blemore.tables import ROSTER_COLUMNS, check_probabilities, usable
from joblineage.restoring import Restorer
from joblineage.sides import Side
from joblineage.store import Document

CLIPS, OPTIONS, CALIBRATION, SEED = "clips table", "fusion options", "calibration options", "seed of the fusion"
COUNTED = [*ROSTER_COLUMNS, "quarantine"]
"""Columns of the clips table that fusion, calibration and score look at."""
STAGES = ("fuse", "decide", "score")


@dataclass(frozen=True)
class Found:
    """What a run's Score was made from, as far as it is stored.

    tables : probabilities table of each encoder; None where its bytes are not to be had.
    paths : of each encoder's table; sums : its sha256.
    """

    clips: pd.DataFrame | None
    tables: Mapping[str, pd.DataFrame | None]
    paths: Mapping[str, str]
    sums: Mapping[str, str]
    families: Mapping[str, str]
    options: Mapping[str, Any]
    seed: int
    kappas: list[float]


@dataclass(frozen=True)
class Factor:
    """Changes that are swapped together.

    name : of the encoder whose probabilities changed, or of what else did.
    parts : "clips table", "fusion options", ..., or an encoder's name.
    """

    name: str
    parts: frozenset[str]


def found(side: Side, restorer: Restorer) -> Found:
    """What a run fused, and how.

    Raises
    ------
    KeyError : the run has no record of fusion or calibration.
    """
    fuse, decide = side.records["fuse"], side.records["decide"]
    files = {PurePath(one["path"]).parent.name: one for one in fuse["inputs"] if one["role"] == "tables"}
    clips = next(one for one in fuse["inputs"] if one["role"] == "clips")
    study = fuse["params"]["values"]["study"]
    return Found(
        clips=_table(clips, restorer),
        tables={name: _probabilities(one, restorer) for name, one in files.items()},
        paths={name: one["path"] for name, one in files.items()},
        sums={name: one["sha256"] for name, one in files.items()},
        families=study["families"],
        options=study["options"],
        seed=study["seed"],
        kappas=decide["params"]["values"]["kappas"],
    )


def _table(file: Document, restorer: Restorer) -> pd.DataFrame | None:
    data = restorer.find(file["path"], file["sha256"])
    return None if data is None else pd.read_parquet(io.BytesIO(data))


def _probabilities(file: Document, restorer: Restorer) -> pd.DataFrame | None:
    table = _table(file, restorer)
    if table is not None:
        check_probabilities(table, file["path"])
    return table


def factors(a: Found, b: Found) -> list[Factor]:
    """The changes that can be swapped: what differs and is stored on both sides, by name, encoders first.

    Other folds of the same persons, or no encoder in common, cannot be told apart from the probabilities: one factor.
    """
    changed = [name for name in sorted({*a.tables, *b.tables}) if _differs(a, b, name)]
    changed = [name for name in changed if _stored(a, name) and _stored(b, name)]
    groups = {name: {name} for name in changed}
    if not {*a.tables} & {*b.tables} and groups:
        groups = {"the encoders": {*changed}}
    clips = [side.clips[COUNTED].sort_values("clip", ignore_index=True) for side in (a, b) if side.clips is not None]
    if a.clips is not None and b.clips is not None and not clips[0].equals(clips[1]):
        if _other_folds(a.clips, b.clips):
            groups = {"folds, and the probabilities trained in them": {CLIPS, *changed}}
        else:
            groups[CLIPS] = {CLIPS}
    common = {*a.families} & {*b.families} - {*changed}
    same_families = all(a.families[name] == b.families[name] for name in common)
    others = {OPTIONS: a.options != b.options or not same_families}
    others |= {CALIBRATION: a.kappas != b.kappas, SEED: a.seed != b.seed}
    groups |= {name: {name} for name, differs in others.items() if differs}
    return [Factor(name, frozenset(members)) for name, members in groups.items()]


def lost(a: Found, b: Found) -> dict[str, list[str]]:
    """{encoder or "clips table": the sides, "A" and "B", whose bytes are not to be had}."""
    missing: dict[str, list[str]] = {}
    for letter, side in {"A": a, "B": b}.items():
        tables = [name for name in sorted(side.tables) if not _stored(side, name)]
        for name in [*tables, *([CLIPS] if side.clips is None else [])]:
            missing.setdefault(name, []).append(letter)
    return missing


def mixed(a: Found, b: Found, at_b: Collection[str]) -> Start | None:
    """A study whose parts `at_b` are those of B, the others those of A; a part stored on one side only is that side's.

    Returns
    -------
    None where a part is stored on neither side.
    """

    def of(part: str) -> Found:
        return b if part in at_b else a

    clips = of(CLIPS).clips
    if clips is None:
        clips = b.clips if a.clips is None else a.clips
    tables, families = {}, {}
    for name in sorted({*a.tables, *b.tables}):
        side = of(name)
        if not _stored(side, name):
            side = a if side is b else b
        if name in side.tables:
            table = side.tables[name]
            if table is None:
                return None
            tables[name] = table
            changed = _differs(a, b, name)
            families[name] = (side if changed else of(OPTIONS)).families[name]
    if clips is None:
        return None
    return Start(clips, tables, families, of(OPTIONS).options, of(SEED).seed, of(CALIBRATION).kappas)


def persons(a: Found, b: Found) -> list[str]:
    """Names of the persons of both runs' training clips, sorted."""
    tables = [side.clips for side in (a, b) if side.clips is not None]
    return sorted({name for clips in tables for name in clips.loc[clips["split"] == "train", "person"]})


def _stored(side: Found, name: str) -> bool:
    """Whether a side has what it says of an encoder: its table, or that it has none."""
    return name not in side.tables or side.tables[name] is not None


def _differs(a: Found, b: Found, name: str) -> bool:
    if a.sums.get(name) == b.sums.get(name):
        return False
    old, new = a.tables.get(name), b.tables.get(name)
    return old is None or new is None or not old.equals(new)


def _other_folds(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    old, new = (usable(side).set_index("clip")["fold"] for side in (a, b))
    common = old.index.intersection(new.index)
    return not old[common].equals(new[common])
