"""Promises of `blemore plan`: every job is counted, what does not fit is said with the line that helps."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
import yaml
from media_samples import write_clip
from snakemake.iocontainers import Namedlist
from typer.testing import CliRunner

from blemore.params.check import check_params, read_schema
from blemore.params.families import family
from blemore.planning.commands import plan as command
from blemore.planning.costs import FRAGMENTS, Clips, advice, constants, forward_passes, gpu_bytes, network_of
from blemore.planning.jobs import estimates
from blemore.planning.study import plan
from blemore.weights.catalogue import checkpoints
from joblineage.errors import DataError, MissingDataError

ROOT = Path(__file__).resolve().parents[1]
NETWORK = {
    "parameters": 100e6,
    "depth": 12,
    "kept_mb_half": 1000,
    "kept_mb_half_checkpointed": 100,
    "kept_mb_single": 1800,
}
VIDEO = {
    "name": "video", "module": "videomae", "scale": "pretrained", "learning": "finetuned",
    "checkpoint": "MCG-NJU/videomae-base-finetuned-kinetics", "epochs": 30, "batch": 8,
}  # fmt: skip


@pytest.fixture
def params():
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture
def full_size(params):
    return params | {"dataset": "blemore", "weights": "pretrained"}


def steps(found):
    return {step["step"]: step for step in found["steps"]}


def test_every_network_of_the_full_size_study_was_measured(full_size, tmp_path):
    missing = plan(full_size, tmp_path)["totals"]["not_measured"]
    services = [name for name, one in full_size["encoders"].items() if family(one["module"]).kind == "service"]
    assert [step for step in missing if step.partition(":")[0] not in (*services, "fuse to submission")] == []
    for name, network in constants()["networks"].items():
        assert network["parameters"] == checkpoints()[name]["parameters"]


def test_a_network_that_reads_two_kinds_of_media_is_priced_by_the_windows_that_it_sees(full_size, tmp_path):
    for name in ("hicmae", "hicmae_frozen"):
        full_size["encoders"][name]["enabled"] = True
    found = steps(plan(full_size, tmp_path))
    clip = constants()["networks"]["hicmae_pretrain_base.pth"]["forward_cpu_seconds"]
    assert found["hicmae_frozen: embed"]["cpu_hours"] == pytest.approx(3050 * clip / 3600, abs=1e-3)
    passes = 2456 * 4 * 50 * 3 + 2456 + 5 * 594
    assert found["hicmae: train 5 folds"]["cpu_hours"] == pytest.approx(passes * clip / 2 / 3600, abs=1e-3)


def test_a_network_that_was_not_measured_is_not_priced_as_its_small_sister(full_size, tmp_path, monkeypatch):
    monkeypatch.setitem(constants(), "networks", {})
    found = plan(full_size, tmp_path)
    assert steps(found)["wavlm: embed"]["cpu_hours"] is None
    assert "wavlm: embed" in found["totals"]["not_measured"]


def test_without_the_clips_the_challenges_published_numbers_are_planned_with(full_size, tmp_path):
    found = plan(full_size, tmp_path)
    assert found["clips"] == {"train": 2456, "test": 594, "folds": 5, "seconds": 4.0, "counted": False}
    assert "published numbers" in found["assumptions"][0]


def test_what_a_data_set_does_not_say_of_its_cost_is_not_measured(full_size, tmp_path, monkeypatch):
    monkeypatch.delattr("blemore.datasets.blemore.SECONDS_OF_PREPARING")
    found = plan(full_size, tmp_path)
    assert steps(found)["prepare the media"]["cpu_hours"] is None
    assert "prepare the media" in found["totals"]["not_measured"]
    monkeypatch.delattr("blemore.datasets.blemore.PUBLISHED")
    with pytest.raises(MissingDataError, match="none were published to plan with"):
        plan(full_size, tmp_path)


def test_clips_that_are_there_are_counted(full_size, tmp_path):
    for file in ("train/A1_ang_int1_ver1.mov", "train/A2_ang_int1_ver1.mov", "test/test_0001.mov"):
        path = tmp_path / "data/blemore" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    found = plan(full_size, tmp_path)
    assert found["clips"] == {"train": 2, "test": 1, "folds": 5, "seconds": 4.0, "counted": True}
    assert found["disk_gb"]["raw"] == 0


def test_the_lengths_of_clips_that_are_there_are_planned_with(full_size, tmp_path):
    files = [f"train/A{k}_ang_int1_ver1.mov" for k in range(1, 4)]
    for seconds, file in zip((1.5, 2.5, 9.0), files, strict=True):
        path = tmp_path / "data/blemore" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(path, seconds=seconds, size=(64, 48))
    short = plan(full_size, tmp_path)
    (tmp_path / "data/blemore" / files[2]).write_bytes(b"no clip")
    shorter = plan(full_size, tmp_path)
    assert short["clips"]["seconds"] == pytest.approx(13 / 3, abs=0.1)
    assert shorter["clips"]["seconds"] == pytest.approx(2.0, abs=0.1)
    for step in ("prepare the media", "wavlm: embed"):
        assert steps(shorter)[step]["cpu_hours"] <= steps(short)[step]["cpu_hours"]
    assert "clips of 2.0 s" in " ".join(shorter["assumptions"])


def test_sound_costs_as_much_as_it_is_long_and_pictures_do_not():
    sound = {"module": "speech", "scale": "pretrained", "checkpoint": "microsoft/wavlm-large", "media": "audio"}
    assert network_of(sound, 8.0)["forward_gflop"] == 2 * network_of(sound, 4.0)["forward_gflop"]
    assert network_of(sound | {"seconds": 4.0}, 8.0) == network_of(sound)
    assert network_of(VIDEO, 8.0) == network_of(VIDEO)


def test_every_enabled_encoder_has_its_jobs_and_a_switched_off_one_has_none(params, tmp_path):
    full = plan(params, tmp_path)
    params["encoders"]["s4d"]["enabled"] = False
    less = plan(params, tmp_path)
    assert full["totals"]["jobs"] - less["totals"]["jobs"] == 1 + 1  # all folds in one, and the job that gathers them
    assert steps(full)["s4d: train 5 folds"]["jobs"] == 1
    assert (
        steps(plan(params | {"weights": "pretrained"}, tmp_path, gpu_memory=24))["videomae: train 5 folds"]["jobs"] == 5
    )
    assert not any(step.startswith("s4d") for step in steps(less))


def test_the_disk_includes_dvcs_copy(full_size, tmp_path):
    disk = plan(full_size, tmp_path)["disk_gb"]
    once = sum(size for kind, size in disk.items() if kind not in ("dvc_copy", "decoded", "total"))
    assert disk["dvc_copy"] == pytest.approx(once, abs=0.05)
    assert disk["total"] == pytest.approx(2 * once + disk["decoded"], abs=0.1)


def test_decoded_clips_need_disk_and_no_memory(full_size, tmp_path):
    found = plan(full_size, tmp_path, gpu_memory=24)
    assert found["disk_gb"]["decoded"] > 3050 * 2 * 16 * 224 * 224 * 3 / 1e9  # VideoMAE's and TimeSformer's alone
    assert steps(found)["videomae: train 5 folds"]["memory_gb"] < 2


def test_hours_grow_with_epochs_clips_and_gradient_checkpointing():
    clips = Clips(train=100, test=10, folds=5)
    assert forward_passes({"learning": "frozen"}, clips) == 110
    training = {"learning": "finetuned", "epochs": 2}
    assert forward_passes(training, clips) == 3 * 100 * 4 * 2 + 100 + 5 * 10
    assert forward_passes(training | {"gradient_checkpointing": True}, clips) == 4 * 100 * 4 * 2 + 100 + 5 * 10


def test_gpu_memory_grows_with_what_goes_through_at_once():
    whole = gpu_bytes(VIDEO, NETWORK)
    assert gpu_bytes(VIDEO | {"micro_batch": 2}, NETWORK) == gpu_bytes(VIDEO, NETWORK, 2)
    assert whole - gpu_bytes(VIDEO, NETWORK, 2) == pytest.approx(6 * 1e9 * FRAGMENTS)


@pytest.mark.parametrize(
    ("gigabytes", "said"),
    [
        (24.0, None),
        (9.0, "set encoders: video: pretrained: micro_batch: 4 (the batch stays 8)"),
        (4.6, "set encoders: video: pretrained: micro_batch: 1 (the batch stays 8)"),
        (3.9, "set encoders: video: pretrained: micro_batch: 4, gradient_checkpointing: true (the batch stays 8)"),
        (1.0, "does not fit, not even one clip at once with gradient_checkpointing: true"),
    ],
)
def test_a_network_that_does_not_fit_is_told_how_it_would(gigabytes, said):
    assert advice(VIDEO, NETWORK, gigabytes * 1e9) == said


def test_what_is_advised_fits():
    for limit in (2.0, 3.0, 4.0, 6.0, 9.0, 12.0):
        said = advice(VIDEO, NETWORK, limit * 1e9)
        if said and "micro_batch" in said:
            changed = yaml.safe_load("{" + said.split("pretrained: ")[1].split(" (")[0] + "}")
            assert gpu_bytes(VIDEO | changed, NETWORK) <= limit * 1e9


def test_a_checkpoint_of_ones_own_is_planned_as_the_modules_known_network():
    own = network_of(VIDEO | {"checkpoint": "weights/mine"})
    assert own == constants()["networks"]["MCG-NJU/videomae-base-finetuned-kinetics"]
    assert network_of(VIDEO | {"checkpoint": "weights/videomae-large"})["depth"] == 24
    assert network_of(VIDEO | {"scale": "tiny"}) is None


def test_hours_on_a_gpu_shrink_with_its_speed_down_to_what_the_networks_can_use(full_size, tmp_path):
    hours = [plan(full_size, tmp_path, gpu_memory=140, gpu_tflops=speed)["totals"]["gpu_hours"] for speed in (35, 70)]
    assert hours[0] == pytest.approx(2 * hours[1], rel=0.01)
    fast = [plan(full_size, tmp_path, gpu_memory=140, gpu_tflops=speed)["totals"]["gpu_hours"] for speed in (400, 990)]
    assert fast[0] == fast[1] < hours[1]


class Job(SimpleNamespace):
    """Snakemake's, as far as it is looked at."""

    def __init__(self, rule, gpu=0, **wildcards):
        named = Namedlist(fromdict=wildcards)
        super().__init__(rule=SimpleNamespace(name=rule), wildcards=named, resources={"gpu": gpu})


def test_before_a_first_run_jobs_are_expected_to_take_what_the_plan_says(params, tmp_path):
    entries = {name: one for name, one in params["encoders"].items() if one["enabled"]}
    jobs = [Job("train_fold", finetuned=name) for name, one in entries.items() if one["learning"] == "finetuned"]
    expected = estimates(params, tmp_path, jobs)
    found = plan(params, tmp_path)
    for job in jobs:
        hours = steps(found)[f"{job.wildcards[0]}: train 5 folds"]["cpu_hours"]
        assert expected(job) == pytest.approx(3600 * hours)
        assert expected(Job("train_fold", finetuned=job.wildcards[0], fold="0")) == pytest.approx(720 * hours)
    making = steps(found)["make the clips"]
    assert expected(Job("demo_actor", actor="A901")) == pytest.approx(3600 * making["cpu_hours"] / making["jobs"])
    assert expected(Job("embed_clips", frozen="wavlm")) > 0
    assert expected(Job("fuse")) is None


def test_jobs_that_ask_for_a_gpu_are_expected_to_take_what_they_take_there(full_size, tmp_path):
    job = Job("train_fold", gpu=1, finetuned="videomae", fold="3")
    hours = steps(plan(full_size, tmp_path, gpu_memory=24))["videomae: train 5 folds"]["gpu_hours"]
    assert estimates(full_size, tmp_path, [job])(job) == pytest.approx(3600 * hours / 5)
    slow = Job("train_fold", finetuned="videomae", fold="3")
    assert estimates(full_size, tmp_path, [slow])(slow) > 10 * 3600 * hours / 5


def test_gpu_figures_say_that_they_are_estimates(full_size, tmp_path):
    said = " ".join(plan(full_size, tmp_path, gpu_memory=24)["assumptions"])
    assert said.count("an estimate: ") == 2
    assert "GPU" not in " ".join(plan(full_size, tmp_path)["assumptions"])


def test_the_command_answers_what_if_in_words_and_in_json(tmp_path):
    app = typer.Typer()
    app.command()(command)
    what_if = ["--params", str(ROOT / "params.yaml"), "--dataset", "blemore", "--weights", "pretrained"]
    shown = CliRunner().invoke(app, [*what_if, "--gpu-memory", "6"])
    assert shown.exit_code == 0
    assert "micro_batch" in shown.stdout
    plain = CliRunner().invoke(app, what_if).stdout
    assert "GPU time" in plain
    assert re.search(r"in all .* \d+ days .* \d+(\.\d)? h ", plain)
    assert "GPU" not in CliRunner().invoke(app, what_if[:2]).stdout
    found = json.loads(CliRunner().invoke(app, [*what_if, "--json"]).stdout)
    assert found["totals"]["cpu_hours"] > 100
    assert CliRunner().invoke(app, [*what_if[:2], "--weights", "huge"]).exit_code == 1


def test_the_command_refuses_what_the_start_of_the_workflow_refuses(params, tmp_path):
    params["fusion"]["greedy"] = {"bag": 8, "members": 12}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(DataError) as at_the_start:
        check_params(params, read_schema(ROOT / "schemas/params.schema.yaml"))
    with pytest.raises(DataError) as planned:
        command(params=tmp_path / "params.yaml")
    assert planned.value.faults == at_the_start.value.faults
    assert any("fusion.greedy.bag: unknown key, did you mean 'bags'?" in fault for fault in planned.value.faults)
