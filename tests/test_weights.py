"""Promises of `blemore weights`: everything missing or wrong is said at once, nothing is assumed, no network is asked."""

import copy
import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import yaml
from typer.testing import CliRunner

from blemore.encoders.settings import origin, weights_settings
from blemore.encoders.weight_files import local_files
from blemore.params.check import check_params, read_schema
from blemore.weights.catalogue import checkpoints, entry_of, licences, study_settings
from blemore.weights.check import missing_checkpoints, state
from blemore.weights.commands import app
from joblineage.errors import DataError, MissingDataError
from joblineage.files import sha256

ROOT = Path(__file__).resolve().parents[1]
VOICE = {"name": "voice", "module": "wav2vec2", "scale": "pretrained", "learning": "frozen"}
FACE = {"name": "face", "module": "vitmoe", "scale": "pretrained", "learning": "finetuned"}


@pytest.fixture
def params():
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    """An empty local cache of the hub, and no checkpoint in the working folder."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path):
    """A complete folder of a Wav2Vec2 network, as far as anyone can tell without loading it."""
    place = tmp_path / "wav2vec2-small"
    place.mkdir()
    (place / "config.json").write_text(json.dumps({"model_type": "wav2vec2"}))
    safetensors.numpy.save_file({"weight": np.zeros(4, np.float32)}, place / "model.safetensors")
    return place


def write(params, tmp_path):
    """A study's folder with these parameters."""
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas", dirs_exist_ok=True)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    return str(path)


def test_the_parameters_name_only_checkpoints_that_are_known(params):
    full_size = copy.deepcopy(params) | {"weights": "pretrained"}
    full_size["gemini"]["backend"] = "api"
    unknown = [
        settings["name"]
        for settings in study_settings(full_size)
        if ("checkpoint" in settings or "service" in settings) and not entry_of(settings)
    ]
    assert unknown == []


def test_every_known_checkpoint_says_its_terms_or_that_they_are_unknown():
    for name, entry in checkpoints().items():
        assert set(entry["licence"]) == {"code", "original_code", "weights", "forbids", "said_by"}, name
        assert entry["source"].startswith("https://"), name
        assert date.fromisoformat(entry["looked_up"]), name
        for digest in filter(None, entry["files"].values()):
            assert len(digest) == 64, name
        assert entry["revision"] is None or len(entry["revision"]) == 40, name


def test_every_missing_checkpoint_of_a_study_is_listed_at_once_each_with_its_switch(params):
    params["weights"] = "pretrained"
    settings = study_settings(params)
    faults = missing_checkpoints(settings)
    wanted = [one["name"] for one in settings if "checkpoint" in one]
    assert len(wanted) >= 9
    assert len(faults) == len(wanted)
    for name, fault in zip(wanted, faults, strict=True):
        assert fault.startswith(f"encoder {name}: no ")
        assert fault.endswith(f"switch it off with encoders: {name}: enabled: false")


def test_a_small_study_needs_no_checkpoint(params):
    assert missing_checkpoints(study_settings(params)) == []


@pytest.mark.parametrize("weights", ["tiny", "pretrained"])
@pytest.mark.parametrize("name", ["voice", "expression"])
def test_a_network_without_a_small_form_is_switched_on_by_one_word_and_wants_its_weights_at_either_scale(
    params, name, weights
):
    for other, entry in params["encoders"].items():
        entry["enabled"] = other == name
    params["weights"] = weights
    check_params(params, read_schema(ROOT / "schemas/params.schema.yaml"))
    (settings,) = study_settings(params)
    assert (settings["scale"], origin(params, name)) == ("pretrained", "pretrained")
    (fault,) = missing_checkpoints([settings])
    assert fault.startswith(f"encoder {name}: no file weights/")
    assert f"`blemore weights fetch {name}` gets it" in fault


def test_a_checkpoint_that_is_there_is_no_fault(folder):
    assert missing_checkpoints([VOICE | {"checkpoint": str(folder)}]) == []


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda place: (place / "config.json").unlink(), "holds no config.json"),
        (lambda place: (place / "model.safetensors").unlink(), "holds no model.safetensors or pytorch_model.bin"),
        (lambda place: (place / "model.safetensors").write_bytes(b"\x10" + bytes(40)), "safetensors"),
        (lambda place: (place / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec"), "git-lfs"),
        (lambda place: (place / "config.json").write_text("<html>"), "web page"),
        (lambda place: (place / "config.json").write_text('{"model_type": "videomae"}'), "module wav2vec2 reads wav2vec2"),
    ],
)  # fmt: skip
def test_a_wrong_folder_is_told_for_what_is_wrong_with_it(folder, damage, fault):
    damage(folder)
    settings = VOICE | {"checkpoint": str(folder)}
    assert fault in missing_checkpoints([settings])[0]
    assert state(settings)["state"] == "wrong"


def test_a_file_that_is_not_the_known_one_is_wrong(tmp_path, folder):
    named = tmp_path / "wavlm-large"  # the known model's name, with other weights
    folder.rename(named)
    (named / "config.json").write_text(json.dumps({"model_type": "wavlm"}))
    (named / "pytorch_model.bin").write_bytes(b"\x80\x02")
    (named / "model.safetensors").unlink()
    settings = VOICE | {"module": "speech", "checkpoint": str(named)}
    told = state(settings)
    assert told["state"] == "wrong"
    assert checkpoints()["microsoft/wavlm-large"]["files"]["pytorch_model.bin"] in told["said"]
    assert told["files"][str(named / "pytorch_model.bin")] == sha256(named / "pytorch_model.bin")


def test_the_parameters_own_sha256_decides(folder):
    settings = VOICE | {"checkpoint": str(folder)}
    right = sha256(folder / "model.safetensors")
    assert state(settings | {"sha256": right})["state"] == "there"
    assert state(settings | {"sha256": "0" * 64})["state"] == "wrong"
    assert "not known here" in state(settings)["said"]


def test_a_job_depends_on_the_files_that_it_loads_and_on_no_others(folder, tmp_path):
    settings = VOICE | {"checkpoint": str(folder)}
    (folder / "README.md").write_text("other")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02")  # safetensors comes first
    assert local_files(settings) == [folder / "config.json", folder / "model.safetensors"]
    assert local_files(VOICE | {"checkpoint": "facebook/wav2vec2-base"}) == []
    assert local_files(VOICE) == []
    (tmp_path / "face.pt").write_bytes(b"\x80\x02")
    assert local_files(FACE | {"checkpoint": "face.pt"}) == [Path("face.pt")]


def test_licences_tell_what_was_loaded_and_what_nobody_said(folder, params):
    params["weights"] = "pretrained"
    params["encoders"]["wav2vec2_prosody"]["pretrained"]["checkpoint"] = str(folder)
    told = licences(study_settings(params))["encoders"]
    assert told["wav2vec2_prosody"]["files"]["model.safetensors"] == sha256(folder / "model.safetensors")
    assert {"code", "weights", "source"} <= set(told["wav2vec2_prosody"]["unknown"])
    assert told["s4d"]["weights"] is None
    assert "weights" in told["s4d"]["unknown"]
    assert told["videomae"]["weights"] == "CC-BY-NC-4.0"
    assert told["prosody"]["unknown"] == []
    assert told == licences(study_settings(params))["encoders"]
    json.dumps(told, allow_nan=False)


def test_features_that_foreign_code_computes_bear_its_licence(params):
    def code() -> str:
        return licences([weights_settings(params, "prosody")])["encoders"]["prosody"]["code"]

    assert code() == "MIT (this package)"
    params["encoders"]["prosody"]["features"] = "egemaps"
    assert "research only" in code()


def test_the_command_ends_with_1_when_something_is_missing_and_with_0_when_nothing_is(params, tmp_path):
    path = write(params, tmp_path)
    assert CliRunner().invoke(app, ["check", "--params", path]).exit_code == 0
    full_size = write(params | {"weights": "pretrained"}, tmp_path)
    done = CliRunner().invoke(app, ["check", "--params", full_size, "--json"])
    assert done.exit_code == 1
    states = {one["encoder"]: one["state"] for one in json.loads(done.stdout)}
    assert states["s4d"] == "missing"
    assert states["prosody"] == "none needed"
    one = CliRunner().invoke(app, ["check", "prosody", "--params", full_size])
    assert one.exit_code == 0


def test_the_command_refuses_what_the_start_of_the_workflow_refuses(params, tmp_path):
    params["encoders"]["s4d"]["tiny"]["epoch"] = params["encoders"]["s4d"]["tiny"].pop("epochs")
    with pytest.raises(DataError) as at_the_start:
        check_params(params, read_schema(ROOT / "schemas/params.schema.yaml"))
    done = CliRunner().invoke(app, ["check", "--params", write(params, tmp_path)])
    assert isinstance(done.exception, DataError)
    assert done.exception.faults == at_the_start.value.faults
    assert any("s4d.tiny.epoch: unknown key, did you mean 'epochs'?" in fault for fault in done.exception.faults)


def test_where_no_parameters_or_no_schema_are_the_command_says_where_to_go(tmp_path):
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone/params.yaml").write_text("seed: 1")
    for place in ("nowhere.yaml", "alone/params.yaml"):
        done = CliRunner().invoke(app, ["check", "--params", str(tmp_path / place)])
        assert isinstance(done.exception, MissingDataError)
        assert "go to the study's folder" in str(done.exception)


def test_the_list_shows_every_known_checkpoint():
    shown = CliRunner().invoke(app, ["list"]).stdout
    assert all(name.split("/")[-1][:20] in shown for name in checkpoints())
    assert json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout).keys() == checkpoints().keys()


def test_looking_for_weights_needs_no_torch():
    code = "import sys; import blemore.weights.check, blemore.weights.catalogue; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
