"""What two runs' Scores were made from, the changes between them as factors that can be swapped, and any mixture made again.

A mixture goes through the cheap stages again, in this process: stored probabilities -> fusion -> calibration ->
out-of-fold decisions.
"""

import inspect
import io
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from blemore.decide.chains import inductive
from blemore.decide.run import rows_of_views
from blemore.fusion.run import Fused, fuse
from blemore.params.parts import AUTO, FUSION_METHOD
from blemore.scoring.labels import CLASSES
from blemore.scoring.persons import sums_of_persons
from blemore.tables import ROSTER_COLUMNS, check_probabilities, usable
from joblineage import declare
from joblineage.restoring import Restorer
from joblineage.run_view import RunView
from joblineage.store import Document

CLIPS, OPTIONS, DECODING, SEED = "clips table", "fusion options", "decoding", "seed of the fusion"
COUNTED = [*ROSTER_COLUMNS, "quarantine"]
"""Columns of the clips table that fusion, calibration and score look at."""
STAGES = ("fuse", "decide", "score")


@dataclass(frozen=True)
class Found:
    """What a run's Score was made from, as far as it is stored.

    files : the probabilities table of each encoder, and the clips table under `CLIPS`: {"path", "sha256"} of each.
    tables : those of them whose bytes are to be had.
    families : family of each encoder; options, seed : as for `fusion.run.fuse`; decoding : as for `decide.chains.inductive`.
    """

    files: Mapping[str, Document]
    tables: Mapping[str, pd.DataFrame]
    families: Mapping[str, str]
    options: Mapping[str, Any]
    seed: int
    decoding: str

    def has(self, part: str) -> bool:
        """Whether what the run says of an encoder, or of the clips, is stored: its table, or that it has none."""
        return part in self.tables or part not in self.files


def found(side: RunView, restorer: Restorer) -> Found:
    """What a run fused, and how.

    Raises
    ------
    KeyError : the run has no record of fusion or calibration.
    """
    fuse = side.records["fuse"]
    files = {PurePath(input_["path"]).parent.name: input_ for input_ in fuse["inputs"] if input_["role"] == "tables"}
    files[CLIPS] = next(input_ for input_ in fuse["inputs"] if input_["role"] == "clips")
    tables = {}
    for name, file in files.items():
        data = restorer.find(file["path"], file["sha256"])
        if data is not None:
            tables[name] = pd.read_parquet(io.BytesIO(data))
            if name != CLIPS:
                check_probabilities(tables[name], file["path"])
    study = fuse["params"]["values"]["study"]
    decoding = study.get("decoding", "exact")  # before there was a choice
    return Found(files, tables, study["families"], study["options"], study["seed"], decoding)


def factors(a: Found, b: Found) -> dict[str, frozenset[str]]:
    """The changes that can be swapped: what differs and is stored on both sides, by name, encoders first.

    Other folds of the same persons, or no encoder in common, cannot be distinguished from the probabilities: one factor.

    Returns
    -------
    {factor: the parts that are swapped together: names of encoders, "clips table", "fusion options", ...}.
    """
    encoders = sorted({*a.files, *b.files} - {CLIPS})
    changed = [name for name in encoders if _differs(a, b, name) and a.has(name) and b.has(name)]
    groups = {name: {name} for name in changed}
    if not {*a.files} & {*b.files} - {CLIPS} and groups:
        groups = {"the encoders": {*changed}}
    if CLIPS in a.tables and CLIPS in b.tables:
        old, new = (side.tables[CLIPS] for side in (a, b))
        if not _counted(old).equals(_counted(new)):
            if _other_folds(old, new):
                groups = {"folds, and the probabilities trained in them": {CLIPS, *changed}}
            else:
                groups[CLIPS] = {CLIPS}
    common = {*a.families} & {*b.families} - {*changed}
    same_families = all(a.families[name] == b.families[name] for name in common)
    others = {OPTIONS: a.options != b.options or not same_families}
    others |= {DECODING: a.decoding != b.decoding, SEED: a.seed != b.seed}
    groups |= {name: {name} for name, differs in others.items() if differs}
    return {name: frozenset(parts) for name, parts in groups.items()}


def mixed(a: Found, b: Found, at_b: Collection[str]) -> Found | None:
    """A study whose parts `at_b` are those of B, the others those of A; a part stored on one side only is that side's.

    Returns
    -------
    None where a part is stored on neither side.
    """

    def of(part: str) -> Found:
        return b if part in at_b else a

    files, tables, families = {}, {}, {}
    for name in sorted({*a.files, *b.files}):
        side = of(name)
        if not side.has(name):
            side = a if side is b else b
        if name in side.files:
            if name not in side.tables:
                return None
            files[name], tables[name] = side.files[name], side.tables[name]
            if name != CLIPS:
                families[name] = (side if _differs(a, b, name) else of(OPTIONS)).families[name]
    return Found(files, tables, families, of(OPTIONS).options, of(SEED).seed, of(DECODING).decoding)


def persons(a: Found, b: Found) -> list[str]:
    """Names of the persons of both runs' training clips, sorted."""
    tables = [side.tables[CLIPS] for side in (a, b) if CLIPS in side.tables]
    return sorted({name for clips in tables for name in clips.loc[clips["split"] == "train", "person"]})


def fusion(study: Found) -> tuple[pd.DataFrame, Fused]:
    """The clips that some table has, fused again: no encoder of this mixture was run on the others."""
    # Tables of one study on the clips of another: those that both have; person and fold as the clips table says.
    clips = study.tables[CLIPS]
    known, tables = set(usable(clips)["clip"]), {}
    for name in study.families:
        table = study.tables[name]
        tables[name] = table.loc[table["clip"].isin(known), ["clip", *CLASSES]]
    tables = {name: table for name, table in tables.items() if len(table)}
    there = {clip for table in tables.values() for clip in table["clip"]}
    clips = clips[(clips["quarantine"] != "") | clips["clip"].isin(there)].reset_index(drop=True)
    with _as_in_a_job():
        return clips, fuse(
            tables, clips, study.options, decoding=study.decoding, families=study.families, seed=study.seed
        )


def sums(fused: tuple[pd.DataFrame, Fused], decoding: str, persons: Sequence[str]) -> np.ndarray:
    """(persons, 4) as `persons.sums_of_persons`, of the out-of-fold decisions of variant "inductive".

    Parameters
    ----------
    fused : as `fusion` gives it; decoding : as for `decide.chains.inductive`.
    persons : names in a fixed order; one without a clip here has a row of 0.
    """
    clips, combined = fused
    with _as_in_a_job():
        rows = rows_of_views(combined.views, clips)
        by_person = sums_of_persons(rows, inductive(rows, decoding, rows.folds).saliences)
    return pd.DataFrame(by_person, index=rows.persons).reindex(persons, fill_value=0.0).to_numpy()


@contextmanager
def _as_in_a_job() -> Iterator[None]:
    """One thread (more may end in other last digits); what a job would log or declare is not said again."""
    logging.disable(logging.WARNING)
    try:
        with threadpool_limits(1):
            yield
    finally:
        logging.disable(logging.NOTSET)
        declare.forget()


def draws_at_random(options: Mapping[str, Any]) -> list[str]:
    """The fusion methods among those asked for that draw at random.

    What a method draws depends on the name of its fit (`fusion.base.Labelled`), so one that never reads it cannot draw.
    """
    names = list(options["candidates"]) if options["method"] == AUTO else [options["method"]]
    return [name for name in names if re.search(r"\.name\b", inspect.getsource(FUSION_METHOD.load(name)))]


def _differs(a: Found, b: Found, name: str) -> bool:
    sums = [side.files[name]["sha256"] if name in side.files else None for side in (a, b)]
    both = name in a.tables and name in b.tables
    return sums[0] != sums[1] and not (both and a.tables[name].equals(b.tables[name]))


def _counted(clips: pd.DataFrame) -> pd.DataFrame:
    return clips[COUNTED].sort_values("clip", ignore_index=True)


def _other_folds(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    old, new = (usable(side).set_index("clip")["fold"] for side in (a, b))
    common = old.index.intersection(new.index)
    return not old[common].equals(new[common])
