"""SLSA v1 provenance of a study's products, as an in-toto statement: these files, by these jobs, out of these things."""

from typing import Any

from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import STATEMENT_TYPE_URI, Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage

from joblineage.export.view import View
from joblineage.files import parse_yaml
from joblineage.store import FOLDER

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:joblineage:snakemake-study:1"


def statement(view: View) -> dict[str, Any]:
    """The statement, checked by in-toto's own classes."""
    study, time = view.store.study, view.run["time"]
    things = (thing for job in view.jobs for _, thing in job.made)
    subjects = {thing.path: thing for thing in things if thing.path.startswith(study.products)}
    settings = view.names.shown(parse_yaml(view.store.get(view.run["study"][study.settings])))
    run = _named(f"{FOLDER}/runs/{view.run_id}.json", sha256=view.run_id)
    runners = sorted({job.record["agent"]["runner"] for job in view.jobs})
    engines = {"snakemake": ", ".join(sorted({job.record["agent"]["snakemake"] for job in view.jobs}))}
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"target": study.target, study.settings: settings},
            "resolvedDependencies": _dependencies(view),
        },
        "runDetails": {
            "builder": {"id": f"urn:joblineage:runner:{'+'.join(runners)}", "version": engines},
            "metadata": {"invocationId": view.run_id, "startedOn": time["start"], "finishedOn": time["end"]},
            "byproducts": [run | {"annotations": {"merkleRoot": view.run["root"]}}],
        },
    }
    document = {
        "_type": STATEMENT_TYPE_URI,
        "subject": [_named(path, sha256=subject.sha256) for path, subject in sorted(subjects.items())],
        "predicateType": PREDICATE,
        "predicate": predicate,
    }
    json_format.ParseDict(predicate, Provenance())
    Statement.copy_from_pb(json_format.ParseDict(document, StatementMessage())).validate()
    return document


def _dependencies(view: View) -> list[dict[str, Any]]:
    """Code, settings and lock; the raw data as one; checkpoints and whatever else no job of the study made."""
    dependencies = [_named("code", gitCommit=commit) for commit in view.commits]
    if view.dirty:
        changes = sorted({job.record["code"]["diff"] for job in view.jobs if job.record["code"]["diff"]})
        paths = {"annotations": {"paths": view.dirty}}
        dependencies += [_named("changes to the commit", sha256=change) | paths for change in changes]
    dependencies += [_named(path, sha256=sha256) for path, sha256 in sorted(view.run["study"].items())]
    raw = view.raw
    dependencies.append(_named("data", sha256=raw.sha256) | {"annotations": {"files": raw.count, "bytes": raw.size}})
    known = {*view.store.makers, *(entry["name"] for entry in dependencies)}  # the raw data as one among them
    outside = {(thing.path, thing.sha256) for job in view.jobs for _, thing in job.used if thing.path not in known}
    dependencies += [_named(path, sha256=sha256) for path, sha256 in sorted(outside)]
    models = {(model["checkpoint"], model["revision"]) for job in view.jobs if (model := job.record["model"])}
    dependencies += [_named(name, gitCommit=revision) for name, revision in sorted(models, key=str) if revision]
    return dependencies


def _named(name: str, **digest: str) -> dict[str, Any]:
    return {"name": name, "digest": digest}
