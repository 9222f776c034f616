"""Was anybody judged by a model that had seen them? Answered from what every fit declared (`joblineage.declare`).

What is proved: by the declarations, which the masks made that selected the data, no model was fitted on a person
whom it judges, its early stopping, scaler and choices included; each stays with its fold; every
row of a table has a declared judge; no content is in two folds. What is not: that a declaration is honest, what a
network had seen before the study, and that two clips of other content do not show the same person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from blemore.audit.leaks import content
from blemore.audit.leaks.matrix import Matrix, matrix
from blemore.audit.leaks.models import OUTSIDE, ClipsTable, Declared, declared, findings
from blemore.audit.leaks.rows import look
from joblineage import declare
from joblineage.checks import content as files
from joblineage.errors import DataError
from joblineage.graph import Graph
from joblineage.store import Store, key
from joblineage.study import Checked
from joblineage.verdict import Finding, Verdict

CLIPS = "results/clips/clips.parquet"
PREPARING = ("prepare_shard", "prepare_later")
BY_DESIGN = {
    "weights": "second order: fusion and calibration for a fold are fitted on rows of other folds, whose encoders "
    "had been trained on that fold's persons (the usual shortcut of stacking; not fully nested)",
    declare.IN_SAMPLE: "in sample: rows that decoders are fitted on, and the figures called in-sample, paper and "
    "surface; no reported row comes from them",
    **dict.fromkeys(
        declare.LABEL_FREE, "without labels: personal models and clusters look at the very clips that they serve"
    ),
}
"""{kind of fit: what such a fit looks at, and may}."""
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Audit:
    """What `check` found.

    findings : leaks, the judge that is nobody's included; empty: none. matrix : persons x models. unknown : what nobody
    can say, a sentence each. notes : what is so by design. checked : {"models", "persons", "clips", "rows"}: how much.
    """

    findings: list[Finding]
    matrix: Matrix
    unknown: list[str]
    notes: list[str]
    checked: dict[str, int]


def check(graph: Graph, artifact: str | None = None, *, media: bool = True) -> Audit:
    """Look for leaks in the present study.

    Parameters
    ----------
    artifact : a file's path below the study: only the chain that it came from.
    media : also compare clips by what they decode to, which reads all prepared sound and faces.

    Raises
    ------
    DataError : nothing recorded made the artifact; no clips table is here, or it cannot be read.
    """
    store = graph.store
    if artifact is not None and artifact not in store.makers:
        raise DataError(artifact, ["no recorded job made it"])
    names = graph.chain(artifact) if artifact else graph.ordered(set(graph.records))
    records = [graph.records[name] for name in names]
    clips, doubt = _clips(store)
    models, lost = declared(store, names)

    def follows(jobs: Iterable[str]) -> tuple[str, ...]:
        after = {later for name in jobs for later in (name, *graph.after(name))} & {*names}
        return tuple(key(graph.records[ordered_name]) for ordered_name in graph.ordered(after))

    prepared = [
        (out["role"], store.root / out["path"])
        for record in graph.records.values()
        for out in record["outputs"]
        if record["job"]["rule"] in PREPARING and out["role"] in content.COLUMNS
    ]
    alike, unread = content.same_media(prepared if media else [])
    of_rows, seen, unseen = look(store, names, models.values(), clips, follows)
    pretraining, silent = _pretraining(records), _silent(models.values(), records)
    absent = set(unseen) - {path.relative_to(store.root).as_posix() for _, path in prepared}
    return Audit(
        findings=[
            *content.two_folds(clips),
            *content.copies(clips, [*content.alike("the same bytes", clips.usable), *alike]),
            *findings(models.values(), clips, follows),
            *of_rows,
        ],
        matrix=matrix(models.values(), clips, pretraining, silent),
        unknown=[
            *(f"{name}: whom {what} had seen before the study" for name, what in pretraining.items()),
            *(f"{name}: whom its models from outside were trained on; no sidecar says it" for name in silent),
            *doubt,
            *lost,
            *unread,
            *(f"{path} is not here: nobody looked whether each of its rows has a judge" for path in sorted(absent)),
        ],
        notes=_notes(models.values()),
        checked={
            "models": len(models),
            "persons": len(clips.persons(clips.person)),
            "clips": len(clips.usable),
            "rows": seen,
        },
    )


def _clips(store: Store) -> tuple[ClipsTable, list[str]]:
    """The clips table as it is, unchecked: a person in two folds is for us to tell; and whether it may be doubted."""
    path = store.root / CLIPS
    if CLIPS not in store.makers or not path.is_file():
        raise DataError(str(path), ["missing, or made by no job: it is unknown who shows which clip (`dvc pull`?)"])
    outputs = store.records[store.makers[CLIPS]]["outputs"]
    recorded = next(out["sha256"] for out in outputs if out["path"] == CLIPS)
    sums, *_ = files.sums(store.root, [CLIPS], deep=False)
    doubt = [f"{CLIPS} is not what its job wrote: who shows which clip, and its fold, are not sure"]
    try:
        return ClipsTable.of(pq.ParquetFile(path).read().to_pylist()), doubt if sums.get(CLIPS) != recorded else []
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise DataError(str(path), [f"no clips table: {error}"]) from error


def _pretraining(records: Iterable[Record]) -> dict[str, str]:
    """{encoder, or what else a network serves: the network that came trained}."""
    networks = {}
    for record in records:
        params = record["params"]["values"]
        settings = params.get("encoder") or {}
        if record["model"]:
            networks[str(settings["name"])] = str(record["model"]["checkpoint"])
        service = settings.get("service") or {}
        if service and service.get("backend") != "stand-in":
            networks[str(settings["name"])] = f"the service's {service.get('model')}"
        if detector := (params.get("samples") or {}).get("faces", {}).get("detector"):
            networks["face crops"] = f"the face detector {detector}"
        descriptor = (params.get("individuals") or {}).get("descriptor")
        if descriptor not in (None, False, "off", "builtin"):
            networks["individuals"] = f"the descriptor {descriptor}"
    return dict(sorted(networks.items()))


def _silent(models: Iterable[Declared], records: Iterable[Record]) -> list[str]:
    """Encoders from outside, tables or features, of which no sidecar says whom their models were trained on."""
    tables = {model.name.step for model in models if declare.UNKNOWN in model.fits}
    features, with_persons = set(), set()
    for record in records:
        settings = record["params"]["values"].get("encoder") or {}
        if record["job"]["rule"] == "embed_clips" and settings.get("file"):
            features.add(settings["name"])
        if record["job"]["rule"] == "fit_head" and any(input_["role"] == "persons" for input_ in record["inputs"]):
            with_persons.add(settings["name"])
    return sorted(tables | (features - with_persons))


def _notes(models: Iterable[Declared]) -> list[str]:
    kinds = {kind for model in models for kind in model.fits}
    notes = list(dict.fromkeys(f"by design, {what}" for kind, what in BY_DESIGN.items() if kind in kinds))
    outside = sorted({model.name.step for model in models if OUTSIDE in model.fits})
    return notes + (
        [f"declared, not proved: the sidecar of {', '.join(outside)} is taken at its word"] if outside else []
    )


def in_verify(root: Path, graph: Graph, chain: set[str], artifact: str | None, earlier: Iterable[Finding]) -> Checked:
    """Findings on who was judged by whom, and why they were not looked for: in records that do not hold, nobody can.

    By the records and small tables alone; what clips decode to is compared by `blemore lineage leaks`.
    """
    if broken := {Verdict.TAMPERED, Verdict.MISSING} & {finding.verdict for finding in earlier}:
        return [], [f"leaks were not looked for: {' and '.join(sorted(broken))} comes first"]
    try:
        return check(graph, artifact, media=False).findings, []
    except DataError as error:
        return [], [f"leaks were not looked for: {error}"]
