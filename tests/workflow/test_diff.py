"""`blemore lineage diff` names the cause of a single change. Most runs are recorded with stand-ins for outputs (stand_in.py),
some are real; in each case one thing is really changed in the workspace."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from blemore.study import STUDY
from joblineage.comparing import Comparison
from joblineage.outcome import Outcome
from joblineage.run_view import of_run
from joblineage.store import Store

from . import stand_in
from .conftest import Study, clone

pytestmark = pytest.mark.slow

CLIP = "data/demo/train/A901_ang_int4_ver1.mov"
Edit = Callable[[Study], object]


def param(*names: str, value: object) -> Edit:
    """An edit of one number in params.yaml."""

    def change(values: dict) -> None:
        for name in names[:-1]:
            values = values[name]
        values[names[-1]] = value

    return lambda study: study.edit_params(change)


def text(path: str, old: str, new: str) -> Edit:
    """An edit of one place in a file."""

    def change(study: Study) -> None:
        file = study.folder / path
        said = file.read_text()
        assert said.count(old) == 1
        file.write_text(said.replace(old, new))

    return change


def content(path: str) -> Edit:
    """Other bytes in a file."""
    return lambda study: (study.folder / path).write_bytes((study.folder / path).read_bytes() + b"\n")


def package(name: str, version: str) -> Edit:
    """Another version in the lock file."""

    def change(study: Study) -> None:
        file = study.folder / "requirements.lock"
        lines = file.read_text().splitlines(keepends=True)
        found = [k for k, line in enumerate(lines) if line.startswith(f"{name}==")]
        assert len(found) == 1
        before, _, rest = lines[found[0]].partition("==")
        lines[found[0]] = f"{before}=={version}{rest[len(rest.split(' ')[0].rstrip()) :]}"
        file.write_text("".join(lines))

    return change


CHANGES: dict[str, tuple[Edit, str]] = {
    "learning rate": (
        param("encoders", "videomae", "tiny", "learning_rate", value=0.05),
        "encoders.videomae.tiny.learning_rate: 0.001 -> 0.05; 2 trainings and ",
    ),
    "layers": (
        param("encoders", "wav2vec2_prosody", "tiny", "layers", value=[1, 4]),
        "encoders.wav2vec2_prosody.tiny.layers: [2,4] -> [1,4]; 1 job and ",
    ),
    "head": (
        param("encoders", "face_geometry", "head", value="mlp"),
        "encoders.face_geometry.head: (absent) -> mlp; 1 job and ",
    ),
    "seed": (param("seed", value=18), "seed: 17 -> 18; "),
    "fusion method": (param("fusion", "method", value="simplex"), "fusion.method: auto -> simplex; "),
    "fusion strength": (param("fusion", "simplex", "l2", value=0.1), "fusion.simplex.l2: 0.05 -> 0.1; "),
    "offset strengths": (
        param("calibration", "personal", "kappas", value=[10]),
        "calibration.personal.kappas: [2] -> [10]; ",
    ),
    "encoder added": (param("encoders", "hubert", "enabled", value=True), "encoders.hubert.enabled: false -> true; "),
    "encoder removed": (param("encoders", "s4d", "enabled", value=False), "encoders.s4d.enabled: true -> false; "),
    "shards": (param("media", "shards", value=3), "media.shards: 2 -> 3; "),
    "picture quality": (
        param("media", "samples", "faces", "quality", value=80),
        "media.samples.faces.quality: 92 -> 80; 3 jobs and ",
    ),
    "preferred submission": (
        param("submission", "prefer", value="transductive"),
        "submission.prefer: inductive -> transductive; ",
    ),
    "folds": (param("demo", "folds", value=4), "demo.folds: 2 -> 4; "),
    "a person more": (param("demo", "train_actors", value=5), "demo.train_actors: 4 -> 5; "),
    "persons of an outside model": (content("outside/theirs.json"), "input outside/theirs.json: "),
    "outside table": (content("outside/theirs.csv"), "input outside/theirs.csv: "),
    "checkpoint": (content("weights/vmae/model.safetensors"), "checkpoint weights/vmae/model.safetensors: "),
    "fusion code": (
        text("src/blemore/fusion/simplex.py", "\nimport numpy as np\n", "\nimport numpy as np  # \n"),
        "module src/blemore/fusion/simplex.py: ",
    ),
    "shared code": (
        text("src/blemore/scoring/labels.py", "\nimport numpy as np\n", "\nimport numpy as np  # \n"),
        "module src/blemore/scoring/labels.py: ",
    ),
    "template": (
        content("src/blemore/report/templates/overview.html.j2"),
        "module src/blemore/report/templates/overview.html.j2: ",
    ),
    "package": (package("scipy", "1.0.0"), "package scipy: "),
    "clip": (content(CLIP), f"input {CLIP}: "),
}


def prepare(study: Study) -> None:
    """A study with every kind of encoder: finetuned, frozen with layers, frozen with a head, from outside, from a file."""

    def change(values: dict) -> None:
        values["demo"].update(train_actors=4)
        values["encoders"]["face_geometry"]["enabled"] = True
        values["encoders"]["theirs"] = {
            "enabled": True,
            "module": "precomputed",
            "learning": "given",
            "file": "outside/theirs.csv",
            "persons": "outside/theirs.json",
        }
        frozen = values["encoders"]["videomae_frozen"]
        frozen.update(enabled=True, weights="pretrained", pretrained={"checkpoint": "weights/vmae"})

    study.edit_params(change)
    (study.folder / "weights/vmae").mkdir()
    for path in ("outside/theirs.csv", "outside/theirs.json", "weights/vmae/config.json"):
        (study.folder / path).write_text("{}")
    (study.folder / "weights/vmae/model.safetensors").write_bytes(b"numbers")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> tuple[Path, dict[str, tuple[str, str]]]:
    """A workspace changed step by step, {change: ids of the runs before and after it}."""
    study = clone(tmp_path_factory.mktemp("recorded") / "study")
    prepare(study)
    before, pairs = stand_in.run(study.folder), {}
    for name, (edit, _) in CHANGES.items():
        edit(study)
        after = stand_in.run(study.folder)
        pairs[name] = before, after
        before = after
    return study.folder, pairs


def between(folder: Path, a: str, b: str) -> Outcome:
    store = Store(folder, STUDY)
    return Outcome(Comparison(of_run(store, a), of_run(store, b)))


@pytest.mark.parametrize("name", CHANGES)
def test_the_first_sentence_names_the_one_change(recorded, name: str) -> None:
    folder, pairs = recorded
    told = between(folder, *pairs[name])
    assert told.sentence().startswith(CHANGES[name][1])
    assert len(told.causes) == 1
    assert told.idle == []


def test_all_changes_at_once_are_told_apart(recorded) -> None:
    folder, pairs = recorded
    ids = list(pairs.values())
    told = between(folder, ids[0][0], ids[-1][1])
    words = [start for _, start in CHANGES.values()]
    found = [told.cause(one) for one in told.causes]
    missing = [start for start in words if not any(one.startswith(start.partition(";")[0]) for one in found)]
    assert missing == []
    assert len(found) == len(CHANGES)


def test_a_real_change_is_named_and_its_score_divided_by_exact_replays(study: Study) -> None:
    change = param("encoders", "wav2vec2_prosody", "tiny", "layers", value=[1, 4])
    change(study)
    study.submission()
    done = study.run("blemore", "lineage", "diff", "previous", "last", "--attribute", "--json")
    said = json.loads(done.stdout)
    assert said["sentence"].startswith("encoders.wav2vec2_prosody.tiny.layers: [2,4] -> [1,4]; 1 job and ")
    began = [job["job"] for job in said["jobs"] if not job["after"]]
    assert began == ["fit_head/frozen=wav2vec2_prosody"]
    split = said["attribution"]
    assert [one["factor"] for one in split["shares"]] == ["wav2vec2_prosody"]  # its old table is DVC's by now
    assert split["unstored"] == []
    assert split["replayed"] == [split["before"], split["after"]]
    assert split["shares"][0]["share"] == pytest.approx(split["after"] - split["before"], abs=1e-12)
