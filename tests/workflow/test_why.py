"""`blemore lineage why` and `show` on a real study: each single change is named as the cause, nothing is rerun for it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from joblineage.files import read_json
from joblineage.store import Store

from .conftest import REPOSITORY, Study

pytestmark = pytest.mark.slow

SCORES = "results/metrics.json"


@pytest.fixture(scope="module")
def changing(finished: Study, tmp_path_factory) -> Study:
    """A copy that each test changes and puts back."""
    return finished.copy(tmp_path_factory.mktemp("why") / "study")


@pytest.fixture
def kept(changing: Study) -> Iterator[Study]:
    """The copy, put back as it was at the end."""
    before = {path: path.stat().st_mtime_ns for path in files(changing)}
    saved = changing.folder.with_name("saved")
    yield changing
    changing.git("checkout", "--", ".")
    for path in saved.rglob("*") if saved.is_dir() else ():
        if path.is_file():
            shutil.move(path, changing.folder / path.relative_to(saved))
    shutil.rmtree(saved, ignore_errors=True)
    assert {*before} == {*files(changing)}


def files(study: Study) -> list[Path]:
    return [one for top in ("data", "results") for one in (study.folder / top).rglob("*") if one.is_file()]


def params(change: Callable[[dict], Any]) -> Callable[[Study], None]:
    return lambda study: study.edit_params(change)


def appended(path: str, text: str) -> Callable[[Study], None]:
    def edit(study: Study) -> None:
        keep(study, path)
        with open(study.folder / path, "a") as file:
            file.write(text)

    return edit


def replaced(path: str, old: str, new: str) -> Callable[[Study], None]:
    def edit(study: Study) -> None:
        file = study.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return edit


def deleted(path: str) -> Callable[[Study], None]:
    def delete(study: Study) -> None:
        keep(study, path)
        (study.folder / path).unlink()

    return delete


def keep(study: Study, path: str) -> None:
    """Copy a file that git does not know, with its times, so that it can be put back."""
    target = study.folder.with_name("saved") / path
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(study.folder / path, target)


def why(study: Study, *arguments: str) -> list[dict[str, Any]]:
    return json.loads(study.run("blemore", "lineage", "why", *arguments, "--json").stdout)


def pinned(study: Study, package: str) -> str:
    lines = (study.folder / "requirements.lock").read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))


CLIP = "data/demo/train/A901_ang_int4_ver1.mov"
CHANGES = {
    "a learning rate": (
        params(lambda values: values["encoders"]["s4d"]["tiny"].update(learning_rate=0.05)),
        ("parameter", "encoder.learning_rate", 0.001, 0.05),
        ["score", "gather_folds/finetuned=s4d", "train_fold/finetuned=s4d/fold=0"],
    ),
    "the layers": (
        params(lambda values: values["encoders"]["wav2vec2_prosody"]["tiny"].update(layers=[1, 4])),
        ("parameter", "encoder.layers", [2, 4], [1, 4]),
        ["score", "fit_head/frozen=wav2vec2_prosody"],
    ),
    "a seed": (
        params(lambda values: values.update(seed=18)),
        ("seed", "without_unknown.fusion.seed", 17, 18),
        ["score"],
    ),
    "the fusion method": (
        params(lambda values: values["fusion"].update(method="simplex")),
        ("parameter", "without_unknown.fusion.options.method", "auto", "simplex"),
        ["score"],
    ),
    "the grid of kappas": (
        params(lambda values: values["calibration"]["personal"].update(kappas=[5])),
        ("parameter", "without_unknown.personal.kappas", [2], [5]),
        ["score"],
    ),
    "an encoder removed": (
        params(lambda values: values["encoders"]["videomae"].update(enabled=False)),
        ("parameter", "study.origins.videomae", "finetuned", "(absent)"),
        ["score"],
    ),
    "a line of a module": (
        appended("src/blemore/learning/training/state.py", "# one more line\n"),
        ("module", "src/blemore/learning/training/state.py", None, None),
        ["score", "gather_folds/finetuned=s4d", "train_fold/finetuned=s4d/fold=0"],
    ),
    "a line of a script": (
        appended("workflow_scripts/gather_folds.py", "# one more line\n"),
        ("module", "workflow_scripts/gather_folds.py", None, None),
        ["score", "gather_folds/finetuned=s4d"],
    ),
    "a version in the lock file": (
        lambda study: replaced("requirements.lock", f"\nnumpy=={pinned(study, 'numpy')}", "\nnumpy==1.0.0")(study),
        ("package", "numpy", None, "1.0.0"),
        ["score"],
    ),
    "a clip deleted": (
        deleted(CLIP),
        ("output", CLIP, None, "(missing)"),
        ["score", "clips", "prepare_shard/shard=000", "demo_actor/actor=A901"],
    ),
    "a clip edited": (
        appended(CLIP, "x"),
        ("output", CLIP, None, None),
        ["score", "clips", "prepare_shard/shard=000", "demo_actor/actor=A901"],
    ),
    "weights edited": (
        appended("results/fusion/weights.json", "\n"),
        ("output", "results/fusion/weights.json", None, None),
        ["score", "fuse"],
    ),
    "the scores edited": (appended(SCORES, "\n"), ("output", SCORES, None, None), ["score"]),
}


def test_nothing_has_changed_in_a_study_that_is_finished(kept):
    assert "score is up to date: nothing has changed" in kept.run("blemore", "lineage", "why", SCORES).stdout
    assert [one["state"] for one in why(kept, SCORES)] == ["is up to date"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_single_change_is_named_first_with_the_way_to_it(kept, name):
    change, (kind, what, before, after), chain = CHANGES[name]
    change(kept)
    first = why(kept, SCORES)[0]["causes"][0]
    assert (first["kind"], first["name"]) == (kind, what)
    assert before in (None, first["before"])
    assert after in (None, first["after"])
    assert [*(job for job, _ in first["way"]), first["began"][0]] == chain
    assert ("+# one more line" in first["lines"]) == (kind == "module")


def test_a_job_that_left_the_study_is_told_with_the_setting_that_removed_it(kept):
    kept.edit_params(lambda values: values["encoders"]["videomae"].update(enabled=False))
    (found,) = why(kept, "train_fold/finetuned=videomae/fold=0")
    assert found["state"] == "is no longer part of the study"
    assert found["causes"][0]["name"] == "encoders.videomae.enabled"


def test_a_study_that_was_run_again_says_what_made_its_results_other(study):
    study.edit_params(lambda values: values["fusion"].update(method="uniform"))
    study.submission()
    present, since = why(study, "results/fusion/weights.json")
    assert present["state"] == "is up to date"
    assert since["state"] == "was remade"
    first, *others = since["causes"]
    assert (first["name"], first["after"]) == ("study.options.method", "uniform")
    assert {one["kind"] for one in others} == {"code list"}  # the other methods' modules are no longer used
    assert "src/blemore/fusion/cmaes.py" in {one["name"] for one in others}
    assert "results/fusion/weights.json" in since["outputs"]
    (against,) = why(study, "results/fusion/weights.json", "--against", "previous")
    assert against == since
    assert why(study, "clips", "--against", "previous")[0]["state"] == "is the same record"


def test_the_records_of_a_real_run_have_the_form_of_their_schemas(finished):
    store = Store(finished.folder)
    for kind, documents in (("record", store.records), ("run", store.runs)):
        check = Draft202012Validator(read_json(REPOSITORY / f"src/joblineage/schemas/{kind}.schema.json"))
        assert documents
        assert [fault.message for one in documents.values() for fault in check.iter_errors(one)] == []


def test_the_chain_of_a_real_submission_ends_at_the_generated_actors(finished):
    done = finished.run("blemore", "lineage", "show", "results/submission/submission.zip", "--json")
    rules = {job["job"]["rule"] for job in json.loads(done.stdout)["jobs"]}
    assert {"write_submission", "decide", "fuse", "train_fold", "prepare_shard", "demo_actor", "demo_test"} <= rules
    assert "plot" not in rules
