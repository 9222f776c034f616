"""Was anybody judged by a model that had seen them? Answered from what every fit declared (`blemore.seen`).

What is proved: by the declarations, which the masks made that selected the data, no model was fitted on a person (an
enrolment: on a clip) whom it judges, its early stopping, scaler and choices included; each stays with its fold; every
row of a table has a declared judge; no content stands in two folds. What is not: that a declaration is honest, what a
network had seen before the study, and that two clips of other content do not show the same person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from blemore import seen
from blemore.errors import DataError
from blemore.lineage import capture
from blemore.lineage.graph import Graph
from blemore.lineage.leaks_content import COLUMNS, copies, two_folds
from blemore.lineage.leaks_matrix import as_json, table
from blemore.lineage.leaks_models import Clips, Model, declared, findings
from blemore.lineage.leaks_rows import look
from blemore.lineage.store import Store, key
from blemore.lineage.verdict import Finding

ENCODER_RULES = ("train_fold", "fit_head", "take_over")


@dataclass(frozen=True)
class Audit:
    """What `check` found.

    findings : leaks, the judge that is nobody's included; empty: none. table : persons x models
    (`leaks_matrix.table`). unknown : what nobody can say, a sentence each. notes : what is so by design. models, rows,
    clips : how many were looked at. pretraining : {encoder: its checkpoint}.
    """

    findings: list[Finding]
    table: pd.DataFrame
    unknown: list[str]
    notes: list[str]
    models: int
    rows: int
    clips: int
    pretraining: Mapping[str, str]


def check(store: Store, artifact: str | None = None) -> Audit:
    """Look for leaks in the present study.

    Parameters
    ----------
    artifact : a file's path below the study: only the chain that it came from.

    Raises
    ------
    DataError : nothing recorded made the artifact; no clips table is here, or it cannot be read.
    """
    graph = Graph(store)
    if artifact is not None and artifact not in store.makers:
        raise DataError(artifact, ["no recorded job made it"])
    names = graph.chain(artifact) if artifact else graph.ordered(set(graph.records))
    records = {name: graph.records[name] for name in names}
    listed, doubt = _clips_table(store, graph.records)
    clips = Clips.of(listed)
    models, lost = declared(store, names)

    def follows(jobs: Iterable[str]) -> tuple[str, ...]:
        after = {one for name in jobs for one in graph.after(name)} & set(names)
        return tuple(key(records[one]) for one in graph.ordered(after))

    media = [
        (output["role"], store.root / output["path"])
        for record in graph.records.values()
        for output in record["outputs"]
        if record["job"]["rule"] == "prepare_shard" and output["role"] in COLUMNS
    ]
    doubled, unread = copies(listed, media)
    looked = look(store, names, models, clips, follows)
    absent = [path for path in looked.absent if store.root / path not in {path for _, path in media}]
    pretraining = _checkpoints(records.values())
    return Audit(
        findings=[*two_folds(listed), *doubled, *findings(models, clips, follows), *looked.findings],
        table=table(models.values(), clips),
        unknown=[
            *(f"{name}: whom {what} had seen before the study" for name, what in pretraining.items()),
            *_outside(models, records.values()),
            *doubt,
            *lost,
            *unread,
            *(f"{path} is not here: nobody looked whether each of its rows has a judge" for path in absent),
        ],
        notes=_notes(models, records, clips),
        models=len(models),
        rows=looked.rows,
        clips=int((listed["quarantine"] == "").sum()),
        pretraining=pretraining,
    )


def matrix(store: Store, artifact: str | None = None) -> dict[str, list]:
    """Who was seen by whom, for a page.

    Returns
    -------
    {"persons": names, "test clips" last; "models": [{"name": "s4d/fold0", "step": "s4d", "place": "fold0" | "final",
    "pretraining": the checkpoint of which nobody says whom it had seen, or null}]; "cells": for each person a list with
    one word per model: "judged" (and not fitted on), "fitted on", "leak", "unknown" or ""}. Steps are the encoders,
    then individuals, fusion, calibration and score.
    """
    found = check(store, artifact)
    return as_json(found.table, found.pretraining)


def _clips_table(store: Store, records: Mapping[str, Mapping[str, Any]]) -> tuple[pd.DataFrame, list[str]]:
    """The clips table as it is, unchecked: a person in two folds is for us to tell; and whether it may be doubted."""
    tables = [
        output
        for record in records.values()
        for output in record["outputs"]
        if record["job"]["rule"] == "clips" and output["role"] == "clips"
    ]
    if not tables:
        raise DataError(str(store.root), ["no recorded job made a clips table: nobody can say who shows which clip"])
    path = store.root / tables[0]["path"]
    if not path.is_file():
        raise DataError(str(path), ["not here: nobody can say who shows which clip; `dvc pull` brings it"])
    changed = capture.hashed("", str(path))["sha256"] != tables[0]["sha256"]
    doubt = [f"{tables[0]['path']} is not what its job wrote: who shows which clip, and its fold, are not sure"]
    try:
        return pd.read_parquet(path), doubt if changed else []
    except (ValueError, OSError) as error:
        raise DataError(str(path), [f"cannot be read: {error}"]) from error


def _checkpoints(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """{encoder, or what else a network serves: the network that came trained}."""
    found = {}
    for record in records:
        params = record["params"]["values"]
        settings = params.get("encoder") or {}
        if record["model"]:
            found[str(settings["name"])] = str(record["model"]["checkpoint"])
        service = settings.get("service") or {}
        if service and service.get("backend") != "stand-in":
            found[str(settings["name"])] = f"the service's {service.get('model')}"
        if record["job"]["rule"] == "prepare_shard":
            found["face crops"] = f"the face detector {params['samples']['faces']['detector']}"
        descriptor = (params.get("individuals") or {}).get("descriptor")
        if descriptor not in (None, False, "off", "builtin"):
            found["individuals"] = f"the descriptor {descriptor}"
    return dict(sorted(found.items()))


def _outside(models: Mapping[str, Model], records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Encoders from outside of which no sidecar says whom their models were trained on."""
    tables = {model.parts[0] for model in models.values() if seen.UNKNOWN in model.fits}
    features, told = set(), set()
    for record in records:
        settings = record["params"]["values"].get("encoder") or {}
        if record["job"]["rule"] == "embed_clips" and settings.get("file"):
            features.add(settings["name"])
        if record["job"]["rule"] == "fit_head" and any(one["role"] == "persons" for one in record["inputs"]):
            told.add(settings["name"])
    return [
        f"{name}: whom its models from outside were trained on; no sidecar says it"
        for name in sorted(tables | (features - told))
    ]


def _notes(models: Mapping[str, Model], records: Mapping[str, Mapping[str, Any]], clips: Clips) -> list[str]:
    kinds = {kind for model in models.values() for kind in model.fits}
    notes = []
    if number := _second_order(models, records, clips):
        notes.append(
            f"by design, second order: {number} models for a fold were fitted on rows of other folds that encoders made "
            "which had been trained on that fold's persons (the usual shortcut of stacking; not fully nested)"
        )
    if seen.IN_SAMPLE in kinds:
        notes.append(
            "by design, in sample: rows that thresholds are fitted on, and the figures called in-sample, paper and "
            "surface; no reported row comes from them"
        )
    if kinds & {*seen.LABEL_FREE}:
        notes.append("by design, without labels: offsets and clusters look at the very clips that they serve")
    if seen.ENROLMENT in kinds:
        notes.append("by design, enrolment: shown some labelled clips of the person, judged on the others")
    if "outside" in kinds:
        names = sorted({model.parts[0] for model in models.values() if "outside" in model.fits})
        notes.append(f"declared, not proved: the sidecar of {', '.join(names)} is taken at its word")
    return notes


def _second_order(models: Mapping[str, Model], records: Mapping[str, Mapping[str, Any]], clips: Clips) -> int:
    """How many models of later steps learned from rows whose encoders had been trained on a person whom they judge."""
    encoders = {name for name, record in records.items() if record["job"]["rule"] in ENCODER_RULES}
    first = [model for model in models.values() if encoders & {*model.jobs} and model.reports]
    behind = [(model.judges, clips.persons(model.learned)) for model in first]
    steps = {model.parts[0] for model in first}
    count = 0
    for model in models.values():
        if model.parts[0] in steps or not model.reports:
            continue
        judged = clips.persons(model.judges)
        count += any(rows & model.learned and persons & judged for rows, persons in behind)
    return count
