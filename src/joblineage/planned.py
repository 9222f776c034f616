"""What Snakemake would do now: every job of the present study with inputs, outputs and parameters, nothing executed.

It changes global state, so it is asked in a process of its own (`python -m joblineage.planned`, 3 CPU s), but at the
end of a run, which needs that state no more.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblineage.capture import files_of
from joblineage.code import python_path
from joblineage.errors import DataError
from joblineage.files import parse_yaml
from joblineage.record import plain
from joblineage.store import Document, key


@dataclass(frozen=True)
class Planned:
    """A job as the present study has it.

    inputs, outputs : [role, path] in the rule's order, as in a record.
    params : as a record's params.values.
    runs : whether Snakemake would run it now.
    """

    rule: str
    wildcards: dict[str, str]
    inputs: list[list[str]]
    outputs: list[list[str]]
    params: dict[str, Any]
    runs: bool = False

    @classmethod
    def of(cls, job: Any, runs: bool = False) -> "Planned":
        """Snakemake's job."""
        inputs, outputs = ([[*pair] for pair in files_of(listed)] for listed in (job.input, job.output))
        return cls(job.rule.name, dict(job.wildcards_dict), inputs, outputs, plain(dict(job.params.items())), runs)

    def changed(self, record: Document) -> str | None:
        """What is other than when the record was made, besides the files' content: "its parameters changed"."""
        if self.rule != record["job"]["rule"]:
            return "another rule makes its files now"
        if self.params != record["params"]["values"]:
            return "its parameters changed"
        if {path for _, path in self.inputs} != {file["path"] for file in record["inputs"]}:
            return "it reads other files now"
        return None


def planned(root: Path, target: str) -> dict[str, Planned]:
    """{job key: job} of the present study (`store.key`), or of one file's chain; rules without a script left out.

    While a run is at work only a file whose chain is finished can be planned: outputs of others come and go.

    Raises
    ------
    DataError : Snakemake cannot read the study; its message.
    """
    command, about = [sys.executable, "-m", "joblineage.planned", target], {"PYTHONPATH": python_path(root)}
    done = subprocess.run(
        command, cwd=root, env=os.environ | about, capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:]
        raise DataError(str(root), [f"Snakemake cannot plan this study: {' '.join(said)}"])
    jobs = json.loads(done.stdout.splitlines()[-1])
    return {name: Planned(**job) for name, job in jobs.items()}


def study_at_work(root: Path) -> bool:
    """Whether this process runs code of the study anyway: this library lies in its folder, or what was started does.

    Whoever looks at another's study with a library of their own executes nothing of it.
    """
    started = (getattr(sys.modules.get("__main__"), "__file__", None), __file__)
    return any(Path(file).resolve().is_relative_to(root.resolve()) for file in started if file)


def jobs_behind(target: str) -> dict[str, Planned]:
    """`planned` in the present folder, by this process."""
    with planning(target) as dag:
        running = set(dag.needrun_jobs())
        jobs = [Planned.of(job, job in running) for job in dag.jobs if job.rule.script is not None]
    return {key({"job": {"rule": job.rule, "wildcards": job.wildcards}}): job for job in jobs}


def main(target: str) -> None:
    """Print {job key: job} as one line of JSON."""
    print(json.dumps({name: vars(job) for name, job in jobs_behind(target).items()}, sort_keys=True))


def up_to_date(root: Path, target: str) -> bool:
    """Whether a new start of Snakemake would have nothing to do; for the end of a run.

    Snakefile, parameters and files are read again, but in this process: Snakemake itself is loaded here already.
    """
    from snakemake.logging import logger

    handlers = list(logger.handlers)
    try:
        with chdir(root), planning(target) as dag:
            return not any(dag.needrun_jobs())
    finally:
        for handler in handlers:  # which planning took away from the run
            logger.addHandler(handler)


@contextmanager
def planning(target: str) -> Iterator[Any]:
    """Snakemake's jobs behind `target`, in the present folder."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import DAGSettings, OutputSettings, Quietness, RerunTrigger, ResourceSettings

    profile = parse_yaml(Path("profiles/default/config.yaml").read_text("utf-8"))  # decides what is stale
    settings = DAGSettings(
        targets={target},
        rerun_triggers=frozenset(map(RerunTrigger.parse_choice, profile["rerun-triggers"])),
        max_checksum_file_size=10**12,
        force_incomplete=True,
    )
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, enable_file_logging=False)) as api:
        workflow = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=Path("Snakefile"))
        with redirect_stdout(io.StringIO()):
            workflow.dag(dag_settings=settings).summary()
        yield workflow._workflow._dag


if __name__ == "__main__":
    main(sys.argv[1])
