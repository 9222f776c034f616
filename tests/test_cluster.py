"""profiles/slurm: what a cluster is asked for."""

import re
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from blemore.params.check import read_params
from blemore.planning.slurm import lines, resources
from blemore.planning.study import plan

REPOSITORY = Path(__file__).parents[1]
PROFILES = {path.parent.name: yaml.safe_load(path.read_text()) for path in REPOSITORY.glob("profiles/*/config.yaml")}
SLURM = PROFILES["slurm"]
STALENESS = ("max-checksum-file-size", "rerun-triggers", "rerun-incomplete")


class Resources(SimpleNamespace):
    """Of a job, as an executor sees them."""

    def get(self, name, default=None):
        return getattr(self, name, default)


def job(rule: str, attempt: int = 1) -> SimpleNamespace:
    """A job of the rule as profiles/slurm has it."""
    asked = [one.split("=", 1) for one in SLURM["default-resources"]]
    asked = dict(asked) | SLURM["set-resources"].get(rule, {})
    numbers = {name: eval(str(value), {"attempt": attempt}) for name, value in asked.items()}
    return SimpleNamespace(name=rule, threads=SLURM["set-threads"].get(rule, 1), resources=Resources(**numbers))


def test_what_is_stale_is_the_same_in_every_profile() -> None:
    assert {str([profile[key] for key in STALENESS]) for profile in PROFILES.values()} == {
        str([SLURM[key] for key in STALENESS])
    }


def test_only_one_machine_s_profile_limits_all_gpus_together() -> None:
    assert [name for name, profile in PROFILES.items() if "resources" in profile] == ["gpu"]


def test_the_profile_s_first_lines_are_what_the_plan_says_of_full_size() -> None:
    full = read_params(REPOSITORY / "params.yaml", dataset="blemore", weights="pretrained")
    said = lines(resources(plan(full, REPOSITORY / "nowhere", gpu_memory=24.0)))
    assert "\n".join(said[1:]) in (REPOSITORY / "profiles/slurm/config.yaml").read_text()


def test_every_attempt_asks_for_more_memory() -> None:
    for rule in ("train_fold", "fuse"):
        first, second = (job(rule, attempt).resources.mem_mb for attempt in (1, 2))
        assert second == 2 * first


def test_a_study_without_networks_asks_for_no_gpu() -> None:
    tiny = read_params(REPOSITORY / "params.yaml")
    assert {one["gpu"] for one in resources(plan(tiny, REPOSITORY, gpu_memory=24.0)).values()} == {0}


def test_rules_named_by_the_profile_are_rules() -> None:
    rules = {name for path in REPOSITORY.glob("rules/*.smk") for name in re.findall(r"rule (\w+):", path.read_text())}
    named = {*SLURM["set-resources"], *SLURM["set-threads"], *(one.split("=")[0] for one in SLURM["groups"])}
    assert named <= rules


@pytest.mark.skipif(
    not find_spec("snakemake_executor_plugin_slurm"), reason="the extra `slurm` is not installed (docs/cluster.md)"
)
@pytest.mark.parametrize("rule", ["train_fold", "embed_clips", "fuse"])
def test_a_line_for_sbatch_asks_for_a_gpu_where_a_rule_does(rule: str) -> None:
    from snakemake_executor_plugin_slurm.submit_string import get_submit_command
    from snakemake_executor_plugin_slurm.utils import set_gres_string

    about = dict.fromkeys(("account", "partition", "workdir"), "") | dict.fromkeys(("run_uuid", "slurm_logfile"), "x")
    one = job(rule)
    line = get_submit_command(one, about | {"comment_str": rule}) + set_gres_string(one)
    assert ("--gpus=1" in line) == (rule != "fuse")
    assert f"--mem {one.resources.mem_mb}" in line
    assert f"-t {one.resources.runtime}" in line
    assert f"--cpus-per-task={one.threads}" in line
