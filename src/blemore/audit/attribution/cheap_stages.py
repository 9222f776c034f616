"""The cheap stages again, in this process: stored probabilities -> fusion -> calibration -> out-of-fold decisions."""

import inspect
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from blemore.audit.attribution.factors import CLIPS, Found
from blemore.decide.run import calibrate
from blemore.evaluate.summary import FUSED
from blemore.fusion.run import Fused, fuse
from blemore.params.parts import AUTO, FUSION_METHOD
from blemore.scoring.labels import CLASSES
from blemore.scoring.persons import sums_of_persons
from blemore.scoring.rows import Rows
from blemore.tables import labelled, usable
from joblineage import declare


def fusion(study: Found) -> tuple[pd.DataFrame, Fused]:
    """The clips that some table has, fused anew: no encoder of this mixture was run on the others."""
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
        return clips, fuse(tables, clips, study.options, families=study.families, seed=study.seed)


def sums(fused: tuple[pd.DataFrame, Fused], kappas: Sequence[float], persons: Sequence[str]) -> np.ndarray:
    """(persons, 4) as `persons.sums_of_persons`, of the out-of-fold decisions of variant "global".

    Parameters
    ----------
    fused : as `fusion` gives it; kappas : as for `decide.run.calibrate`.
    persons : names in a fixed order; one without a clip here has a row of 0.
    """
    clips, made = fused
    with _as_in_a_job():
        decisions = calibrate(made.views, made.probabilities, clips, kappas).decisions
    rows = Rows.of(labelled(clips))
    found = sums_of_persons(rows, rows.lookup(decisions[decisions["variant"] == FUSED]))
    return pd.DataFrame(found, index=rows.persons).reindex(persons, fill_value=0.0).to_numpy()


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

    What a method draws hangs on the name of its fit (`fusion.base.Labelled`), so one that never reads it cannot draw.
    """
    names = list(options["candidates"]) if options["method"] == AUTO else [options["method"]]
    return [name for name in names if re.search(r"\.name\b", inspect.getsource(FUSION_METHOD.load(name)))]
