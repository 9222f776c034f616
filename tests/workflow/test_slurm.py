"""A study on a cluster: the same bytes as on one machine, and a head that is killed leaves no jobs that are doubled."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cluster import head, lacking, queued, records, running, untrain, wait
from .conftest import Study
from .mishaps import OK
from .trials import says_so

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(lacking()), reason=lacking())]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, str]]:
    with running(tmp_path / "slurm") as environment:
        if not environment:
            pytest.skip(f"Slurm is installed, and its daemons do not start here ({tmp_path}/slurm/log)")
        yield environment


def test_a_study_whose_head_is_killed_ends_on_the_cluster_with_the_bytes_of_one_machine(
    finished: Study, cluster: dict[str, str], tmp_path: Path
) -> None:
    study = finished.copy(tmp_path / "study", cold=True)
    shutil.rmtree(study.folder / "results/encoders/s4d")  # two folds to train, and what follows; the campaign does all
    untrain(study, cluster, "fusion")
    with head(study) as run:
        wait(lambda: queued(study), run)
        os.killpg(run.pid, signal.SIGKILL)
    left = queued(study)
    refused = study.make(check=False)
    assert refused.returncode
    assert "jobs of a killed run are still in the queue" in refused.stderr
    assert all(job in refused.stderr for job in left)
    assert queued(study) == left  # none was doubled
    assert "cancelled" in study.run("blemore", "recover", "--force").stdout
    assert queued(study) == {}

    with head(study) as run:
        assert run.wait(timeout=1200) == 0, study.folder.with_suffix(".log").read_text()
    assert study.payload() == finished.payload()
    says_so(study, OK)
    assert (study.folder / "dvc.lock").exists()
    assert study.would_run() == {}
    trained = [one for one in records(study, "train_fold") if one["job"]["wildcards"]["finetuned"] == "s4d"]
    assert len(trained) == 2
    on_cluster = [*trained, *records(study, "fuse", "decide")]
    assert all(record["place"]["slurm_job"] and record["job"]["attempt"] == 1 for record in on_cluster)
