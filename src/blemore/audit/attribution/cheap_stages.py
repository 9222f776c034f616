"""The cheap stages again, in this process: stored probabilities -> fusion -> calibration -> out-of-fold decisions."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from blemore.decide.run import calibrate
from blemore.decide.scored import Labelled
from blemore.evaluate.summary import FUSED
from blemore.fusion.run import Fused, fuse
from blemore.params.parts import AUTO, FUSION_METHOD
from blemore.scoring.labels import CLASSES
from blemore.scoring.persons import sums_of_persons
from blemore.tables import usable
from joblineage import declare


@dataclass(frozen=True)
class Start:
    """What the cheap stages start from.

    clips : clips table; tables : probabilities table of each encoder; families : family of each.
    options, seed : as for `fusion.run.fuse`; kappas : as for `calibration.run.calibrate`.
    """

    clips: pd.DataFrame
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    families: Mapping[str, str]
    options: Mapping[str, Any]
    seed: int
    kappas: Sequence[float]


@dataclass(frozen=True)
class Fusion:
    """The clips of a start that some table has, fused."""

    clips: pd.DataFrame
    made: Fused


def fusion(start: Start) -> Fusion:
    """Fuse anew. Clips that no table has are left out: no encoder of this mixture was run on them."""
    clips, tables = _fitting(start.clips, start.tables)
    with _as_in_a_job():
        made = fuse(tables, clips, start.options, families=start.families, seed=start.seed)
    return Fusion(clips, made)


def sums(fused: Fusion, kappas: Sequence[float], persons: Sequence[str]) -> np.ndarray:
    """(persons, 4) as `persons.sums_of_persons`, of the out-of-fold decisions of variant "global".

    Parameters
    ----------
    kappas : as for `calibration.run.calibrate`.
    persons : names in a fixed order; one without a clip here has a row of 0.
    """
    with _as_in_a_job():
        decisions = calibrate(fused.made.views, fused.made.probabilities, fused.clips, kappas).decisions
    labelled = Labelled.of(fused.clips, 0, 1)
    decided = labelled.values(decisions[decisions["variant"] == FUSED])
    number = {name: k for k, name in enumerate(persons)}
    who = np.array([number[labelled.persons[one]] for one in labelled.who])
    return sums_of_persons(decided, labelled.truth, who, len(persons))


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


def _fitting(clips: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Tables of one study on the clips of another: the clips that both have; person and fold as the clips table says."""
    known = set(usable(clips)["clip"])
    kept = {name: table.loc[table["clip"].isin(known), ["clip", *CLASSES]] for name, table in tables.items()}
    there = {clip for table in kept.values() for clip in table["clip"]}
    lost = (clips["quarantine"] == "") & ~clips["clip"].isin(there)
    return clips[~lost].reset_index(drop=True), {name: table for name, table in kept.items() if len(table)}


def draws_at_random(options: Mapping[str, Any]) -> list[str]:
    """The fusion methods among those asked for that draw at random.

    What a method draws hangs on the name of its fit (`fusion.base.Labelled`), so one that never reads it cannot draw.
    """
    names = list(options["candidates"]) if options["method"] == AUTO else [options["method"]]
    return [name for name in names if any("name" in one.__code__.co_names for one in _functions(name))]


def _functions(method: str) -> list[FunctionType]:
    module = FUSION_METHOD.load(method)
    functions = [one for one in vars(module).values() if isinstance(one, FunctionType)]
    return [one for one in functions if one.__module__ == module.__name__]
