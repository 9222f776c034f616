"""Every row of a table of probabilities or decisions has a declared judge that had seen nothing of the row's fold."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow.parquet as pq

from blemore.audit.leaks.models import TEST, ClipsTable, Declared, Follows, some
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import ModelName
from joblineage import declare
from joblineage.checks import content
from joblineage.store import Store
from joblineage.verdict import Finding, Verdict

WAYS = ("variant", "method")
"""Columns that say which of several ways a row was decided; the judge's name says the same."""
EVERYBODYS = "commonest label"
"""Judge of the clips that were set aside, in every variant."""


def look(
    store: Store, names: Iterable[str], models: Iterable[Declared], clips: ClipsTable, follows: Follows
) -> tuple[list[Finding], int, list[str]]:
    """Look at every table of these records (ids): rows without a judge, or with none that is clean.

    Parameters
    ----------
    models : all that the records declare.

    Returns
    -------
    what was found, the number of rows looked at, and the tables that are not here.
    """
    findings, seen, absent = list[Finding](), 0, []
    tables = [
        (name, out) for name in names for out in store.records[name]["outputs"] if out["path"].endswith(".parquet")
    ]
    sums, *_ = content.sums(store.root, [out["path"] for _, out in tables], deep=False)
    own: dict[str, list[Declared]] = defaultdict(list)
    for model in models:
        if model.reports or declare.UNKNOWN in model.fits:
            for name in model.jobs:
                own[name].append(model)
    learned = {model.name: {clips.fold.get(clip) for clip in model.learned} for many in own.values() for model in many}
    for name, out in tables:
        path = out["path"]
        if sums.get(path) is None:
            absent.append(path)
            continue
        ways = rows_of(store.root / path)
        if ways is None:
            continue
        if sums[path] != out["sha256"]:
            faults = ["it is not what its job wrote: nobody declares who judged its rows"]
        else:
            seen += sum(map(len, ways.values()))
            faults = _faults(ways, own[name], clips, learned)
        findings += [Finding(Verdict.LEAK, path, what, follows([name])) for what in faults]
    return findings, seen, absent


def rows_of(path: Path) -> dict[str, list[str]] | None:
    """{way of deciding: clip of each row} of a table with a value per class; None for another table."""
    columns = pq.read_schema(path).names
    if not {"clip", *CLASSES} <= set(columns):
        return None
    way = next((column for column in WAYS if column in columns), None)
    table = pq.ParquetFile(path).read(["clip", *([way] if way else [])])
    rows: dict[str, list[str]] = defaultdict(list)
    clips = table["clip"].to_pylist()
    for clip, how in zip(clips, table[way].to_pylist() if way else [""] * len(clips), strict=True):
        rows[str(how)].append(clip)
    return rows


def _faults(
    ways: Mapping[str, list[str]], models: list[Declared], clips: ClipsTable, learned: Mapping[ModelName, set]
) -> list[str]:
    """What is wrong with a table's rows. `learned`: {model: folds of the clips that it was fitted on}."""
    faults = []
    for way, rows in ways.items():
        judges: dict[str, list[Declared]] = defaultdict(list)
        for model in models:
            said = model.name.parts[0] if model.name.parts else ""
            if not way or said == EVERYBODYS or said.split(" ")[0] == way:
                for clip in model.judges:
                    judges[clip].append(model)
        bad: dict[str, list[str]] = defaultdict(list)
        for clip in sorted(set(rows)):
            if clip not in clips.person:
                bad["rows of clips that the clips table does not know"].append(clip)
            elif not judges[clip]:
                bad["rows that no declared model judged"].append(clip)
            elif clips.person[clip] != TEST and all(clips.fold[clip] in learned[judge.name] for judge in judges[clip]):
                bad["rows whose judges were all fitted on clips of the same fold"].append(clip)
        faults += [f"{way}: {why}: {some(names)}" if way else f"{why}: {some(names)}" for why, names in bad.items()]
    return faults
