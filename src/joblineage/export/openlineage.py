"""OpenLineage events of a finished study, one JSON a line: START and COMPLETE of each job, inside those of the run."""

import uuid
from pathlib import Path

import attr
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    JobFacet,
    RunFacet,
    dataset_version_dataset,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
)
from openlineage.client.serde import Serde

from joblineage.export import told as telling
from joblineage.export.told import Thing, Told
from joblineage.files import write_text

NAMESPACE = "blemore"
FILES = "file"
PRODUCER = "urn:blemore:lineage-export"
STUDY = "study"


@attr.define
class LineageRecordRunFacet(RunFacet):
    """What no facet of OpenLineage has place for."""

    record: str
    """sha256 of the lineage record, or of the run's document."""
    rule: str
    commit: str
    """git commit, or "unknown"."""
    environment: str
    """sha256 of the list of installed packages, or "unknown"."""
    parameters: dict[str, object] = attr.field(factory=dict)

    @staticmethod
    def _get_schema() -> str:
        return "urn:blemore:facet:lineage-record:1"


def write_openlineage(told: Told, out: Path) -> int:
    """Write the events, whole or not at all; how many."""
    found = events(told)
    write_text(out, "".join(Serde.to_json(event) + "\n" for event in found))
    return len(found)


def events(told: Told) -> list[RunEvent]:
    """The study's START, each job's START and COMPLETE, makers before readers, the study's COMPLETE."""
    whole = Job(NAMESPACE, STUDY, facets=_kind("DAG"))
    run = Run(_uuid(told.run_id), facets=_run_facets(told))
    time = told.run["time"]
    found = [_event(RunState.START, time["start"], run, whole)]
    for job in told.jobs:
        found += _job(told, job)
    return [*found, _event(RunState.COMPLETE, time["end"], run, whole)]


def _job(told: Told, job: telling.Job) -> list[RunEvent]:
    record = job.record
    facets: dict[str, RunFacet] = {
        "parent": parent_run.ParentRunFacet(
            run=parent_run.Run(_uuid(told.run_id)), job=parent_run.Job(NAMESPACE, STUDY), producer=PRODUCER
        ),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            version=record["agent"]["snakemake"], name="Snakemake", producer=PRODUCER
        ),
        "blemore_record": LineageRecordRunFacet(
            record=job.id,
            rule=job.rule,
            commit=record["code"]["commit"] or "unknown",
            environment=record["environment"],
            parameters=told.persons.shown(record["params"]["values"]),
            producer=PRODUCER,
        ),
    }
    run, it = Run(_uuid(job.id), facets=facets), Job(NAMESPACE, job.name, facets=_kind("JOB"))
    inputs = [_input(thing) for _, thing in (*job.used, *job.code)]
    return [
        _event(RunState.START, record["time"]["start"], run, it, inputs=inputs),
        _event(RunState.COMPLETE, record["time"]["end"], run, it, inputs, [_output(thing) for _, thing in job.made]),
    ]


def _event(
    state: RunState,
    time: str,
    run: Run,
    job: Job,
    inputs: list[InputDataset] | None = None,
    outputs: list[OutputDataset] | None = None,
) -> RunEvent:
    return RunEvent(
        eventType=state, eventTime=time, run=run, job=job, producer=PRODUCER, inputs=inputs or [], outputs=outputs or []
    )


def _run_facets(told: Told) -> dict[str, RunFacet]:
    commit = ", ".join(told.commits) or "unknown"
    about = LineageRecordRunFacet(
        record=told.run_id, rule=STUDY, commit=commit, environment="unknown", producer=PRODUCER
    )
    return {"blemore_record": about}


def _kind(name: str) -> dict[str, JobFacet]:
    kind = job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="SNAKEMAKE", jobType=name, producer=PRODUCER
    )
    return {"jobType": kind}


def _version(thing: Thing) -> dict[str, DatasetFacet]:
    return {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=thing.sha256, producer=PRODUCER)
    }


def _input(thing: Thing) -> InputDataset:
    size = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
        size=thing.size, fileCount=thing.count or 1, producer=PRODUCER
    )
    return InputDataset(FILES, thing.path, facets=_version(thing), inputFacets={"inputStatistics": size})


def _output(thing: Thing) -> OutputDataset:
    size = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        size=thing.size, fileCount=thing.count or 1, producer=PRODUCER
    )
    return OutputDataset(FILES, thing.path, facets=_version(thing), outputFacets={"outputStatistics": size})


def _uuid(name: str) -> str:
    """A run's id in OpenLineage, always the same for a record."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:blemore:{name}"))
