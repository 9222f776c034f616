"""What an encoder's jobs see of params.yaml, and what changes there concern which job."""

import copy
from pathlib import Path

import pytest
import yaml

from blemore.encoders.settings import (
    MEDIA_KINDS,
    enabled_encoders,
    encoder_settings,
    head_settings,
    media_kinds,
    network_settings,
    origin,
    unknown_disjointness,
    weights_settings,
)
from blemore.media.schemas import KINDS

PARAMS = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())


@pytest.fixture
def config():
    return copy.deepcopy(PARAMS)


def test_the_kinds_of_media_are_those_that_can_be_prepared():
    assert list(MEDIA_KINDS) == list(KINDS)


def test_what_no_enabled_encoder_reads_is_not_prepared(config):
    assert media_kinds(config) == ["faces", "body", "audio", "pieces", "probe"]
    config["gemini"]["backend"] = "off"  # `blemore gemini plan` may still be asked
    assert "pieces" in media_kinds(config)
    config["encoders"]["gemini"]["enabled"] = False
    assert media_kinds(config) == ["faces", "body", "audio", "probe"]
    for entry in config["encoders"].values():
        entry["enabled"] = False
    assert media_kinds(config) == ["faces", "probe"]


def test_an_encoder_from_outside_needs_no_media(config):
    for entry in config["encoders"].values():
        entry["enabled"] = False
    given = {
        "enabled": True,
        "module": "precomputed",
        "learning": "given",
        "file": "outside/x.parquet",
        "persons": None,
    }
    config["encoders"]["given"] = given
    assert media_kinds(config) == ["faces", "probe"]


def test_every_encoder_that_is_not_switched_off_takes_part(config):
    assert enabled_encoders(config) == [name for name, entry in config["encoders"].items() if entry["enabled"]]


def test_the_other_scale_s_numbers_concern_nobody(config):
    before = encoder_settings(config, "s4d")
    config["encoders"]["s4d"]["pretrained"]["epochs"] = 99
    assert encoder_settings(config, "s4d") == before
    config["weights"] = "pretrained"
    assert encoder_settings(config, "s4d")["epochs"] == 99


def test_one_encoder_may_have_a_scale_of_its_own(config):
    config["encoders"]["clip"]["weights"] = "pretrained"
    assert encoder_settings(config, "clip")["scale"] == "pretrained"
    assert encoder_settings(config, "hubert")["scale"] == "tiny"


def test_a_switched_off_encoder_and_a_switched_off_service_take_no_part(config):
    before = enabled_encoders(config)
    config["encoders"]["clip"]["enabled"] = False
    config["gemini"]["backend"] = "off"
    assert [name for name in before if name not in enabled_encoders(config)] == ["gemini", "clip"]
    config["gemini"]["backend"] = False  # what YAML 1.1 makes of off
    assert "gemini" not in enabled_encoders(config)


def test_a_choice_of_layers_concerns_the_head_alone(config):
    network, head = network_settings(config, "wavlm"), head_settings(config, "wavlm")
    config["encoders"]["wavlm"]["tiny"]["layers"] = [1, 1]
    assert network_settings(config, "wavlm") == network
    assert head_settings(config, "wavlm") == head | {"layers": [1, 1]}


def test_a_learning_rate_does_not_concern_the_licences(config):
    before = weights_settings(config, "s4d")
    config["encoders"]["s4d"]["tiny"]["learning_rate"] = 0.5
    assert weights_settings(config, "s4d") == before
    config["weights"] = "pretrained"
    assert weights_settings(config, "s4d")["checkpoint"]


def test_switching_on_and_off_changes_no_settings(config):
    before = encoder_settings(config, "s4d")
    config["encoders"]["s4d"]["enabled"] = False
    assert encoder_settings(config, "s4d") == before


def test_only_encoders_of_a_service_see_it_and_the_data_set(config):
    service = encoder_settings(config, "gemini")["service"]
    assert service["backend"] == "stand-in"
    assert service["dataset"] == "demo"
    assert "service" not in encoder_settings(config, "s4d")


def test_every_encoder_says_what_its_figures_can_tell(config):
    found = {name: origin(config, name) for name in config["encoders"]}
    assert {found[name] for name in ("s4d", "timesformer", "videomae", "wav2vec2_finetuned")} == {"finetuned"}
    assert {found[name] for name in ("prosody", "face_geometry")} == {"computed"}
    assert {found[name] for name in ("wavlm", "hubert", "clip", "videomae_frozen", "wav2vec2_prosody")} == {"random"}
    assert found["gemini"] == "stand-in"
    config["weights"] = "pretrained"
    config["gemini"]["backend"] = "api"
    assert origin(config, "wavlm") == "pretrained"
    assert origin(config, "gemini") == "service"


def test_an_outside_table_without_a_sidecar_is_of_unknown_disjointness(config):
    entry = {"enabled": True, "module": "precomputed", "learning": "given", "file": "outside/x.csv", "persons": None}
    config["encoders"] |= {"theirs": entry, "declared": entry | {"persons": "outside/x.json"}}
    assert unknown_disjointness(config) == ["theirs"]
    assert origin(config, "theirs") == "outside"
    config["encoders"]["theirs"]["enabled"] = False
    assert unknown_disjointness(config) == []
