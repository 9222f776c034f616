"""What a family of encoders is, it says in its own file: nothing else is edited when one comes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from blemore.params import parts
from blemore.params.check import check_params, read_schema
from blemore.params.families import family
from blemore.params.parts import ENCODER_FAMILY
from blemore.planning.study import JOB_SECONDS
from joblineage.errors import DataError

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = read_schema(ROOT / "schemas/params.schema.yaml")
BRIGHTNESS = '''"""How bright each clip is."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from blemore.encoders.base import Embedder
from blemore.params.families import Family
from blemore.media.shards import decode_frames, read_jpegs

FAMILY = Family(kind="computed", note="computed from the prepared pictures, no weights", seconds={"frozen": 36.0})


def build(settings: Mapping) -> "Brightness":
    return Brightness()


class Brightness(Embedder):
    def read(self, shard: Path) -> Iterator[tuple[str, list[bytes]]]:
        return read_jpegs(shard)

    def embed(self, clips: Sequence[list[bytes]]) -> np.ndarray:
        return np.array([[decode_frames(clip, 8).mean()] for clip in clips], np.float32)
'''
ASKED = """
import json, sys
from pathlib import Path
from blemore.encoders.settings import origin, weights_settings
from blemore.params.check import read_params
from blemore.planning.study import plan
from blemore.weights.check import state
from blemore.weights.catalogue import study_settings
from blemore.weights.catalogue import licences
params = read_params(Path("params.yaml"))
(settings,) = [one for one in study_settings(params) if one["name"] == "brightness"]
print(json.dumps({
    "licence": licences([weights_settings(params, "brightness")])["encoders"]["brightness"],
    "origin": origin(params, "brightness"),
    "state": state(settings)["state"],
    "plan": plan(params, Path.cwd()),
    "torch": "torch" in sys.modules,
}))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("weights", ["tiny", "pretrained"])
def test_a_new_computed_family_is_one_file_and_one_entry(tmp_path: Path, weights: str) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    (tmp_path / "src/blemore/encoders/brightness.py").write_text(BRIGHTNESS)
    params = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"weights": weights}
    params["encoders"]["brightness"] = {"enabled": True, "module": "brightness", "media": "faces", "learning": "frozen"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    done = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "src")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["licence"] == {
        "scale": weights, "module": "brightness", "checkpoint": None, "code": "MIT (this package)", "weights": None,
        "note": "computed from the prepared pictures, no weights", "unknown": [],
    }  # fmt: skip
    assert found["origin"] == "computed"  # what encoders.csv and the report say of it
    assert found["state"] == "none needed"
    clips = found["plan"]["clips"]["train"] + found["plan"]["clips"]["test"]
    (step,) = [one for one in found["plan"]["steps"] if one["step"] == "brightness: embed"]
    assert step["cpu_hours"] == pytest.approx((clips * 36.0 + JOB_SECONDS) / 3600, abs=0.01)
    assert not found["torch"]


def test_every_file_that_builds_encoders_says_what_it_is() -> None:
    building = [file.stem for file in ENCODER_FAMILY.folder.glob("*.py") if "\ndef build(settings" in file.read_text()]
    assert sorted({*building} - {"base"}) == ENCODER_FAMILY.names()
    assert all(family(name) for name in ENCODER_FAMILY.names())


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ('Family(kind="magic", note="")', "kind 'magic': expected one of network, computed, service, outside"),
        ('Family(kind="computed")', "kind computed needs a note"),
        ('Family(kind="network", cost=3)', "unexpected keyword argument 'cost'"),
        ('Family(kind="network", form=FORM)', "name 'FORM' is not defined"),
        ('Family(kind="computed", note=open("x").read())', "name 'open' is not defined"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_told_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: str, fault: str
) -> None:
    monkeypatch.setattr(parts, "__file__", str(tmp_path / "params/parts.py"))
    (tmp_path / "encoders").mkdir()
    (tmp_path / "encoders/odd_one.py").write_text(
        f'"""Odd."""\n\nFAMILY = {declared}\n\n\ndef build(settings):\n    ...\n'
    )
    with pytest.raises(DataError, match=r"odd_one\.py") as caught:
        family("odd_one")
    assert fault in str(caught.value)


def test_what_is_no_family_is_told_with_those_that_there_are() -> None:
    for name in ("ahead", "nothing_of_that_name"):
        with pytest.raises(
            DataError, match=rf"'{name}', which is no encoder family: there are {', '.join(ENCODER_FAMILY.names())}"
        ):
            family(name)


@pytest.fixture
def config() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def test_the_default_study_names_what_its_families_need(config: dict[str, Any]) -> None:
    for weights in ("tiny", "pretrained"):
        check_params(config | {"weights": weights}, SCHEMA)


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("clip", {"file": "outside/x.npz"}, "file: module image reads nothing from outside"),
        ("prosody", {"persons": None}, "persons: module acoustic reads nothing from outside"),
        ("prosody", {"learning": "given"}, "learning: found given, but module acoustic reads nothing from outside"),
        ("prosody", {"pretrained": {"checkpoint": "x"}}, "pretrained.checkpoint: module acoustic reads none"),
        ("gemini", {"pretrained": {"checkpoint": "x"}}, "pretrained.checkpoint: module gemini reads none"),
        (
            "clip",
            {"weights": "pretrained", "pretrained": {}},
            "pretrained.checkpoint: missing, expected text",
        ),
        ("voice", {"enabled": True, "weights": "tiny"}, "weights: found tiny, but module voice has no small form"),
    ],
)
def test_what_a_family_has_no_use_for_or_lacks_is_refused(
    config: dict[str, Any], name: str, change: dict[str, Any], fault: str
) -> None:
    config["encoders"][name] |= change
    with pytest.raises(DataError, match=rf"encoders\.{name}\.{fault}"):
        check_params(config, SCHEMA)


def test_a_network_has_a_block_for_full_size_where_the_study_is(config: dict[str, Any]) -> None:
    del config["encoders"]["videomae_frozen"]["pretrained"]
    check_params(config, SCHEMA)
    with pytest.raises(
        DataError, match=r"videomae_frozen\.pretrained: missing, expected a block of keys \(checkpoint\)"
    ):
        check_params(config | {"weights": "pretrained"}, SCHEMA)
    config["encoders"]["videomae_frozen"]["enabled"] = False
    check_params(config | {"weights": "pretrained"}, SCHEMA)


def test_a_service_without_a_block_that_says_how_it_is_asked_is_refused(config: dict[str, Any]) -> None:
    schema = SCHEMA | {"required": [name for name in SCHEMA["required"] if name != "gemini"]}
    del config["gemini"]
    with pytest.raises(DataError, match=r"encoders\.gemini\.module: gemini is a service, but no block gemini"):
        check_params(config, schema)
