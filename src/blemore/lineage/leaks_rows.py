"""Every row of a table of probabilities or decisions has a declared judge that had seen nothing of the row's fold."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from blemore import seen
from blemore.labels import CLASSES
from blemore.lineage import capture
from blemore.lineage.leaks_models import TEST, Clips, Model, some
from blemore.lineage.store import Store
from blemore.lineage.verdict import Finding, Verdict

OF_A_KIND = ("variant", "method")
"""Columns that say which of several ways a row was decided; the judge's name says the same."""
EVERYBODYS = "commonest label"
"""Judge of the clips that were set aside, in every variant."""


@dataclass
class Looked:
    """What was found in the tables: rows looked at; findings; tables that are not here."""

    rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def look(store: Store, names: Iterable[str], models: Mapping[str, Model], clips: Clips, follows: Any) -> Looked:
    """Look at every table of these records (ids): rows without a judge, or with none that is clean.

    Parameters
    ----------
    models : all that the records declare; follows : ids of records -> names of the jobs whose results hang on them.
    """
    looked = Looked()
    for name in names:
        own = [model for model in models.values() if name in model.jobs]
        for output in store.records[name]["outputs"]:
            path = store.root / output["path"]
            if path.suffix != ".parquet":
                continue
            if not path.is_file():
                looked.absent.append(output["path"])
                continue
            columns = pq.read_schema(path).names
            if not {"clip", *CLASSES} <= set(columns):
                continue
            if capture.hashed("", str(path))["sha256"] != output["sha256"]:
                faults = ["it is not what its job wrote: nobody declares who judged its rows"]
            else:
                table = pq.read_table(path, columns=["clip", *({*OF_A_KIND} & {*columns})]).to_pandas()
                looked.rows += len(table)
                faults = _faults(table, own, clips)
            looked.findings += [Finding(Verdict.LEAK, output["path"], what, follows([name])) for what in faults]
    return looked


def _faults(table: pd.DataFrame, models: list[Model], clips: Clips) -> list[str]:
    kinds = [column for column in OF_A_KIND if column in table.columns]
    groups = table.groupby(kinds[0]) if kinds else [(None, table)]
    faults = []
    for kind, rows in groups:
        judges: dict[str, list[Model]] = defaultdict(list)
        for model in models:
            if (model.reports or seen.UNKNOWN in model.fits) and (kind is None or _speaks_of(model, str(kind))):
                for clip in model.judges:
                    judges[clip].append(model)
        bad: dict[str, list[str]] = defaultdict(list)
        for clip in sorted(set(rows["clip"])):
            if why := _why_not(clip, judges[clip], clips):
                bad[why].append(clip)
        about = f"{kinds[0]} {kind}: " if kinds else ""
        faults += [f"{about}{why}: {some(names)}" for why, names in bad.items()]
    return faults


def _speaks_of(model: Model, kind: str) -> bool:
    return len(model.parts) > 2 and (model.parts[2].split(" ")[0] == kind or model.parts[2] == EVERYBODYS)


def _why_not(clip: str, judges: list[Model], clips: Clips) -> str:
    if clip not in clips.person:
        return "rows of clips that the clips table does not know"
    if not judges:
        return "rows that no declared model judged"
    fold = clips.fold[clip]
    if clips.person[clip] == TEST or any(fold not in {clips.fold.get(one) for one in m.learned} for m in judges):
        return ""
    return "rows whose judges were all fitted on clips of the same fold"
