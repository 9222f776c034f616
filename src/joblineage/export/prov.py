"""W3C PROV of a finished study: files are entities, jobs are activities, who ran them and Snakemake are agents."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prov.model import PROV, ProvDocument

from joblineage.export.told import Job, Thing, Told
from joblineage.files import write_text

SPACES = {
    "file": "urn:blemore:file:",
    "record": "urn:blemore:record:",
    "who": "urn:blemore:agent:",
    "blemore": "urn:blemore:",
}


def write_prov(told: Told, out: Path) -> None:
    """Write PROV-JSON, whole or not at all."""
    document = ProvDocument()
    for name, uri in SPACES.items():
        document.add_namespace(name, uri)
    for thing in sorted({thing for job in told.jobs for _, thing in _all(job)}, key=lambda one: one.path):
        _entity(document, thing)
    for job in told.jobs:
        _activity(document, told, job)
    # An agent of many jobs is one agent.
    said = json.loads(str(document.unified().serialize(format="json")))
    write_text(out, json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _entity(document: ProvDocument, thing: Thing) -> None:
    about: dict[str, Any] = {
        "prov:label": thing.path,
        "blemore:sha256": thing.sha256,
        "blemore:size": thing.size,
    }
    if thing.count:
        about |= {"prov:type": PROV["Collection"], "blemore:files": thing.count}
    document.entity(_file(thing), about)


def _activity(document: ProvDocument, told: Told, job: Job) -> None:
    record = job.record
    user, engine = record["agent"]["user"] or "unknown", record["agent"]["snakemake"]
    person, runner = f"who:{quote(user)}", f"who:snakemake-{engine}"
    document.agent(person, {"prov:type": PROV["Person"], "prov:label": user})
    document.agent(runner, {"prov:type": PROV["SoftwareAgent"], "prov:label": f"Snakemake {engine}"})
    about: dict[str, Any] = {
        "prov:label": job.name,
        "blemore:rule": job.rule,
        "blemore:parameters": json.dumps(told.persons.shown(record["params"]["values"]), sort_keys=True),
        "blemore:commit": record["code"]["commit"] or "unknown",
        "blemore:environment": record["environment"],
        "blemore:status": record["status"],
    }
    activity = document.activity(f"record:{job.id}", record["time"]["start"], record["time"]["end"], about)
    document.wasAssociatedWith(activity, runner)
    document.wasAssociatedWith(activity, person)
    for role, thing in (*job.used, *job.code):
        document.used(activity, _file(thing), other_attributes={"prov:role": role})
    for role, thing in job.made:
        document.wasGeneratedBy(_file(thing), activity, record["time"]["end"], other_attributes={"prov:role": role})
        for _, source in job.used:
            document.wasDerivedFrom(_file(thing), _file(source), activity)


def _all(job: Job) -> tuple[tuple[str, Thing], ...]:
    return (*job.used, *job.code, *job.made)


def _file(thing: Thing) -> str:
    return f"file:{quote(thing.path)}"
