"""Content decides what runs again: before Snakemake plans, files and parameters are compared with the records.

Snakemake compares checksums of inputs that look newer than the output alone, never those of outputs, and misses a lost
file that no job to run reads. What differs here is forced, whatever the times say; Snakemake plans what follows from it.
"""

from collections.abc import Iterable
from functools import wraps
from pathlib import Path
from typing import Any

from joblineage.store import Store, seconds
from joblineage.workspace import STARTED, note, read_note

Causes = dict[str, dict[str, list[Any]]]
"""{what is wrong, in words: {file or job that it is about: jobs that run again for it}}."""


def by_content(workflow: Any, store: Store) -> None:
    """Have Snakemake run the jobs again of which files or parameters are not those of their record.

    It says first which and why, in a dry run too. A target is looked at with all that it comes from, nothing else. Rules without a
    script leave no records: they are Snakemake's alone.

    Parameters
    ----------
    workflow : object
        Snakemake's workflow, while the Snakefile is read.
    store : Store
        The study's records.
    """
    from snakemake.dag import DAG
    from snakemake.logging import logger

    if not workflow.is_main_process:  # the process of a single job
        return
    inner = getattr(DAG.check_incomplete, "__wrapped__", DAG.check_incomplete)  # a process may read several Snakefiles

    @wraps(inner)
    async def check_incomplete(dag: Any) -> None:
        await inner(dag)
        runs = workflow.executor_plugin is not None  # and is not merely asked what it would do
        causes = concerned(dag.jobs, store) or (unfinished(dag, store) if runs else {})
        for line in sentences(causes):
            logger.info(line)
        again = {job for about in causes.values() for jobs in about.values() for job in jobs}
        dag.forcefiles.update(path for job in again for path in job.output)
        if runs and not workflow.dryrun:
            for job in dag.jobs:
                if job.rule.script is not None and job not in again:
                    await note_again(job, store)

    DAG.check_incomplete = check_incomplete  # is called when the jobs are known, before it is decided which of them run


async def note_again(job: Any, store: Store) -> None:
    """Have Snakemake write its notes on a job again where some are lost or damaged. All is as the job's record says: the
    caller has looked, so no job has to run for it."""
    places = [store.root / note(str(path)) for path in job.output]
    if all(read_note(place) is not None for place in places):
        return
    makers = [store.makers.get(str(path)) for path in job.output]
    begun = any((store.root / note(str(path), STARTED)).exists() for path in job.output)
    if begun or makers[0] is None or None in makers:
        return
    for place in places:
        place.unlink(missing_ok=True)  # Snakemake ends at some that it cannot read
    persistence = job.dag.workflow.persistence
    await persistence.finished(job)
    persistence._clear_cache()
    time = store.records[makers[0]]["time"]
    for path in job.output:
        metadata = persistence.metadata(path)
        metadata.starttime, metadata.endtime = (seconds(time[moment]) for moment in ("start", "end"))
        persistence._write_record(str(path), metadata)


def concerned(jobs: Iterable[Any], store: Store) -> Causes:
    """Which of Snakemake's jobs have to run again, and why.

    A job that made nothing yet is not among them. A Snakemake job may be several instances of its rule, with a record each.
    """
    from joblineage.planned import Planned  # the processes of single jobs load this module and do not come here
    from joblineage.present import SAID, Kind, compare

    scripts = {job: [str(path) for path in job.output] for job in jobs if job.rule.script is not None}
    makers = store.makers
    records = {job: {makers[path] for path in paths if path in makers} for job, paths in scripts.items()}
    job_of: dict[str | None, Any] = {name: job for job, names in records.items() for name in names}
    causes: Causes = {}

    def add(what: str, about: str, job: Any) -> None:
        causes.setdefault(what, {}).setdefault(about, []).append(job)

    for difference in compare(store, filter(None, job_of)).differences:
        add(SAID[difference.kind], difference.path, job_of[difference.record])
    for job, paths in scripts.items():
        now = Planned.of(job)
        for what in sorted(filter(None, {now.changed(store.records[name]) for name in records[job]})):
            add(f"job(s) differ: {what}", named(job), job)
        for path in paths:
            if path in makers:
                continue
            if Path(store.root, path).exists():
                add(SAID[Kind.FOREIGN], path, job)
            elif records[job]:
                add("result(s) were not made yet", path, job)
    return causes


def unfinished(dag: Any, store: Store) -> Causes:
    """The last job runs again where all was made and the run ended before it was written down: only a run with a job to do
    is. Stages of DVC that do not end a study have other targets."""
    jobs = {str(path): job for job in dag.jobs if job.rule.script is not None for path in job.output}
    last = store.last_run
    paths = [path for path in jobs if store.makers.get(path) in store.pending]
    if not paths and last is not None and not last["complete"]:
        paths = list(jobs)
    whole = store.study.target in {rule.name for rule in dag.targetrules} and jobs.keys() <= store.makers.keys()
    if not whole or not paths:
        return {}
    job = jobs[max(paths, key=lambda path: store.records[store.makers[path]]["time"]["end"])]
    return {"run(s) ended before they were written down": {named(job): [job]}}


def sentences(causes: Causes) -> Iterable[str]:
    """A line for each cause: how many files, one of them, how many jobs run again for it, one of them."""
    for what, about in sorted(causes.items()):
        again = list(dict.fromkeys(named(job) for jobs in about.values() for job in jobs))
        yield f"{len(about)} {what} ({_some(sorted(about))}): {len(again)} job(s) run again ({_some(sorted(again))})"


def named(job: Any) -> str:
    """Snakemake's job, by its rule and the values of its wildcards."""
    return " ".join([job.rule.name, *map(str, job.wildcards_dict.values())])


def _some(names: list[str]) -> str:
    return f"{names[0]}{', ...' * (len(names) > 1)}"
