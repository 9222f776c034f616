"""Promises of a bundle: it judges as its study did, clip by clip, whatever else is asked for; and it refuses what is not it."""

import doctest
import json
import shutil
import socket
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import predict_study
import pytest
import yaml
from media_samples import tone, write_clip
from typer.testing import CliRunner

from blemore import Bundle, cli
from blemore.decide.chains import decide_persons
from blemore.media.prepare import prepare_clip
from blemore.predict import bundle as bundle_module
from blemore.predict.contents import CARD, MANIFEST, read_contents
from blemore.predict.drawing import draw_predictions, save_picture
from blemore.predict.fusing import personal, single
from blemore.predict.making import make_bundle
from blemore.predict.timeline import prepare_windows
from blemore.scoring.labels import CLASSES
from blemore.tables import read_probabilities
from joblineage.errors import DataError, MissingDataError

pytestmark = pytest.mark.slow  # the study takes ten seconds to make


@pytest.fixture(scope="module")
def study(made_once) -> Path:
    return made_once("predict_study", predict_study.make_with_bundle)


@pytest.fixture(scope="module")
def bundle(study) -> Bundle:
    return Bundle.load(study / "bundle")


@pytest.fixture
def copy(study, tmp_path) -> Path:
    return Path(shutil.copytree(study / "bundle", tmp_path / "bundle"))


def clips_of(study: Path) -> list[Path]:
    return sorted((study / "raw").glob("test_*.mov"))


def rows_of(answers, encoder: str | None = None) -> np.ndarray:
    found = [one.probabilities if encoder is None else one.encoders[encoder] for one in answers]
    return np.array([[row[name] for name in CLASSES] for row in found])


def kept(study: Path, path: str) -> np.ndarray:
    table = read_probabilities(study / "results" / path)
    return table[table["split"] == "test"].sort_values("clip")[list(CLASSES)].to_numpy()


@pytest.mark.parametrize("name", ["Bundle", "Bundle.predict", "Bundle.timeline"])
def test_an_example_of_the_docstrings_gives_what_it_says(name, study, tmp_path, monkeypatch):
    (tmp_path / "our-study").symlink_to(study / "bundle")
    write_clip(tmp_path / "clip.mp4", seconds=2.4, size=(144, 144), wave=tone(2.4, 16000), rate=16000)
    monkeypatch.chdir(tmp_path)
    documented = {case.name: case for case in doctest.DocTestFinder().find(bundle_module, globs={})}
    case = documented.pop(f"blemore.predict.bundle.{name}")
    assert case.examples
    assert doctest.DocTestRunner().run(case).failed == 0


def test_a_study_s_own_test_clips_get_the_very_bytes_that_the_study_gave_them(study, bundle):
    found = bundle.predict(clips_of(study)).answers
    for name in predict_study.PARAMS["encoders"]:
        np.testing.assert_array_equal(rows_of(found, name), kept(study, f"encoders/{name}/probabilities.parquet"))
    np.testing.assert_array_equal(rows_of(found), kept(study, "fusion/probabilities.parquet"))
    decided = pd.read_parquet(study / "decisions.parquet").query("split == 'test' and variant == 'inductive'")
    for one, row in zip(found, decided.to_dict("records"), strict=True):
        assert one.decision.saliences == {name: row[name] for name in CLASSES if row[name]}
        assert one.decision.p_presence == row["p_presence"]


def test_a_clip_gets_the_very_bytes_of_the_study_alone_too_and_nothing_leaves_the_machine(study, bundle, monkeypatch):
    def refused(*_: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setenv("GEMINI_API_KEY", "a-key")
    monkeypatch.setattr(socket.socket, "connect", refused)
    alone = bundle.predict(clips_of(study)[1:2]).answers
    for name in predict_study.PARAMS["encoders"]:
        np.testing.assert_array_equal(rows_of(alone, name)[0], kept(study, f"encoders/{name}/probabilities.parquet")[1])
    np.testing.assert_array_equal(rows_of(alone)[0], kept(study, "fusion/probabilities.parquet")[1])


def test_a_bundle_names_no_person_and_no_clip_and_holds_no_picture_or_sound(study):
    for path in (study / "bundle").rglob("*.*"):
        data = path.read_bytes()
        assert path.suffix in (".json", ".md", ".safetensors")
        assert path.suffix == ".safetensors" or b"A90" not in data  # three bytes are among any numbers
        assert b"A900_0" not in data
        assert b"test_00" not in data


@pytest.mark.parametrize("name", ["encoders/hubert/heads.safetensors", "bundle.json", CARD])
def test_a_changed_byte_is_refused_by_the_file_s_name(copy, name):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{name}: its bytes are not those that were bundled"):
        Bundle.load(copy)


def test_a_lost_file_a_strange_one_and_another_format_are_refused_by_name(copy, tmp_path):
    (copy / "licences.json").rename(copy / "terms.json")
    with pytest.raises(DataError) as said:
        Bundle.load(copy)
    assert "licences.json: is not there" in str(said.value)
    assert "terms.json: does not belong to the bundle" in str(said.value)
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(DataError, match="has format 99, this version of blemore reads format 1"):
        Bundle.load(copy)
    with pytest.raises(MissingDataError, match="is no bundle"):
        Bundle.load(tmp_path)


def test_the_bundle_s_score_is_that_of_its_own_out_of_fold_decisions_and_the_card_tells_it(study, bundle):
    from blemore.scoring.metrics import scores
    from blemore.scoring.rows import Rows
    from blemore.tables import labelled, read_clips

    rows = Rows.of(labelled(read_clips(study / "results/clips/clips.parquet")))
    decided = pd.read_parquet(study / "decisions.parquet").query("split == 'train' and variant == 'inductive'")
    told = bundle.about["scores"]["inductive"]
    expected = scores(rows.lookup(decided), rows.truth)
    assert {name: told[name] for name in expected} == expected
    text = (study / "bundle" / CARD).read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    values = {one["type"]: one["value"] for one in front["model-index"][0]["results"][0]["metrics"]}
    assert values["score"] == round(expected["score"], 4)
    for section in (
        "What it is for",
        "What must not be done",
        "Data",
        "Scores",
        "Limits",
        "Persons and consent",
        "Licences",
    ):
        assert f"\n## {section}" in text
    assert "run of lineage" in text
    assert "nothing about real people" in text


def test_a_card_carries_the_non_commercial_licence_of_the_weights_that_others_were_derived_from(bundle):
    from blemore.predict.card import card
    from blemore.weights.catalogue import licences

    params = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
    wanted = ("videomae", "timesformer", "hubert", "prosody")
    full = [{"name": name, "scale": "pretrained", **params["encoders"][name]} for name in wanted]
    terms = licences([one | one.get("pretrained", {}) for one in full])
    text = card(bundle.about, terms)
    assert "NC" in yaml.safe_load(text.split("---\n")[1])["license_name"]
    table = text.partition("## Licences")[2]
    for name in ("videomae", "timesformer"):
        assert any("NC" in line for line in table.splitlines() if line.startswith(f"| {name} "))


def test_a_study_without_kept_heads_with_another_fusion_or_unfinished_is_not_bundled(study, tmp_path):
    own = Path(shutil.copytree(study, tmp_path / "study", ignore=shutil.ignore_patterns("raw", "media", "bundle")))
    with pytest.raises(DataError, match="exists already"):
        make_bundle(study, study / "bundle")
    table = pd.read_parquet(own / "results/fusion/probabilities.parquet")
    table.loc[0, list(CLASSES)] = 1 / 6
    table.to_parquet(own / "results/fusion/probabilities.parquet")
    with pytest.raises(DataError, match=r"fusion/probabilities\.parquet"):
        make_bundle(own, tmp_path / "out")
    shutil.copy(study / "results/fusion/probabilities.parquet", own / "results/fusion")
    (own / "results/encoders/hubert/heads.safetensors").unlink()
    with pytest.raises(MissingDataError, match=r"hubert.*(?s:.*)heads\.safetensors: is not there"):
        make_bundle(own, tmp_path / "out")
    (own / "results/metrics.json").unlink()
    with pytest.raises(MissingDataError, match="no finished study"):
        make_bundle(own, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_each_bad_clip_gets_a_clear_answer_the_others_go_on_and_the_exit_status_tells(study, tmp_path):
    folder, good = tmp_path / "clips", clips_of(study)[0]
    folder.mkdir()
    shutil.copy(good, folder / "good.mov")
    (folder / "cut.mov").write_bytes(good.read_bytes()[:2000])
    (folder / "empty.mov").touch()
    (folder / "notes.txt").write_text("no clip")
    (folder / ".hidden").write_text("passed over")
    write_clip(folder / "nothing.mov", seconds=0.8)
    write_clip(folder / "voice_only.mov", seconds=0.8, wave=tone(0.8, 16000), rate=16000)
    write_clip(folder / "short.mov", seconds=0.2, wave=tone(0.2, 16000), rate=16000)
    write_clip(folder / "hour.mkv", times=np.arange(0, 3600, 60.0), wave=tone(1, 16000), rate=16000)
    out = tmp_path / "answers.json"
    done = CliRunner().invoke(
        cli.app,
        [
            "predict",
            str(folder),
            "--bundle",
            str(study / "bundle"),
            "--out",
            str(out),
            "--picture",
            str(tmp_path / "a.png"),
        ],
    )
    assert done.exit_code == 1
    clips = {one["clip"]: one for one in json.loads(out.read_text())["clips"]}
    assert "decoded" in clips["cut"]["fault"]
    assert clips["empty"]["fault"] == "zero bytes"
    assert clips["notes"]["fault"]
    assert "neither a face nor a sound" in clips["nothing"]["fault"]
    assert f"more than {predict_study.PARAMS['media']['samples']['max_seconds']:.0f} s" in clips["hour"]["fault"]
    assert "--every" in clips["hour"]["fault"]
    answered = {name for name, one in clips.items() if not one["fault"]}
    assert answered == {"good", "voice_only", "short"}
    assert clips["good"]["remarks"] == []
    assert any("no face" in remark for remark in clips["voice_only"]["remarks"])
    assert clips["voice_only"]["encoders"]["face_geometry"] is None
    assert any("lasts 0.2 s" in remark for remark in clips["short"]["remarks"])
    expected = kept(study, "fusion/probabilities.parquet")[0]
    np.testing.assert_array_equal([clips["good"]["probabilities"][name] for name in CLASSES], expected)
    assert "5 of 8 clip(s) have no answer" in done.output
    assert "could not judge" in done.output
    assert cv2.imread(str(tmp_path / "a.png")) is not None


def test_clips_that_are_not_there_and_calls_that_contradict_themselves_are_refused(study, bundle, tmp_path):
    with pytest.raises(MissingDataError, match=r"nowhere\.mov: no such file"):
        bundle.predict([tmp_path / "nowhere.mov"])
    with pytest.raises(MissingDataError, match="holds no file"):
        bundle.predict([tmp_path])
    clip = str(clips_of(study)[0])
    assert CliRunner().invoke(cli.app, ["predict", clip]).exit_code == 2
    there = ["--bundle", str(study / "bundle")]
    assert CliRunner().invoke(cli.app, ["predict", clip, clip, *there, "--every", "0.5"]).exit_code == 2
    refused = CliRunner().invoke(cli.app, ["predict", clip, *there, "--out", "answers.xlsx"])
    assert "expected .json or .csv or .parquet" in str(refused.exception)


def test_a_person_s_clips_are_corrected_together_only_when_asked_beside_the_uncorrected_answer(study, bundle):
    clips = sorted((study / "raw").glob("*.mov"))[:12]
    found = bundle.predict(clips, person="somebody", schedule="balanced")
    assert "assumes that all 12 clips show this one person" in found.notes[0]
    model, alone = personal(bundle.about["models"]), single(bundle.about["models"])
    values = rows_of(found.answers)
    together, _ = decide_persons(model, alone, values, np.zeros(12, int))
    for one, row, own in zip(found.answers, together, alone.decoder.decide(values), strict=True):
        assert one.decision.saliences == {name: percent for name, percent in zip(CLASSES, own, strict=True) if percent}
        assert one.corrected.saliences == {name: percent for name, percent in zip(CLASSES, row, strict=True) if percent}
    assert model.choice.kind == "offset"
    assert all(one.corrected is None for one in bundle.predict(clips[:1]).answers)


def test_a_damaged_one_among_ten_clips_of_a_person_leaves_the_others_uncorrected_and_not_unanswered(
    study, bundle, tmp_path
):
    (tmp_path / "cut.mov").write_bytes(clips_of(study)[0].read_bytes()[:2000])
    clips = [*sorted((study / "raw").glob("*.mov"))[:9], tmp_path / "cut.mov"]
    found = bundle.predict(clips, person="somebody", schedule="balanced")
    assert found.notes == ["Nothing was corrected for somebody: 9 clip(s) can be used, a correction needs 10 at least."]
    assert [one.decision is not None for one in found.answers] == [one.clip.fault == "" for one in found.answers]
    assert len(found.failed) == 1


@pytest.mark.parametrize(
    ("person", "schedule", "words"),
    [
        ("A", None, "go together"),
        (None, "balanced", "go together"),
        ("A", "mine", "found 'mine'"),
        ("A", "balanced", "1 clip"),
    ],
)
def test_a_correction_needs_its_assumption_and_ten_clips(study, bundle, person, schedule, words):
    with pytest.raises(DataError, match=words):
        bundle.predict(clips_of(study)[:1], person=person, schedule=schedule)


def test_a_window_as_long_as_the_clip_holds_the_very_media_of_the_clip(study, tmp_path):
    clip, samples = clips_of(study)[0], predict_study.PARAMS["media"]["samples"]
    from blemore.media.detectors import load_detector

    whole = prepare_clip("x", clip, samples, load_detector("mtcnn"))
    seconds = whole["probe"][0]["duration"]
    made = prepare_windows(clip, samples, ("faces", "body", "audio"), seconds, seconds, tmp_path)
    assert list(made.windows.values()) == [(0.0, seconds)]
    for kind in ("faces", "body"):
        table = pd.read_parquet(made.shards[kind][0])
        assert table["jpeg"].tolist() == [row["jpeg"] for row in whole[kind]]
        np.testing.assert_allclose(table["time"], [row["time"] for row in whole[kind]])
    assert made.sound.astype("<i2").tobytes() == whole["audio"][0]["samples"]


def test_a_recording_is_judged_window_by_window_drawn_and_written(study, bundle, tmp_path):
    out, picture = tmp_path / "a.CSV", tmp_path / "a.PNG"  # endings in capitals are the same endings
    clip = str(clips_of(study)[0])
    options = ["--every", "0.2", "--window", "0.4", "--out", str(out), "--picture", str(picture)]
    done = CliRunner().invoke(cli.app, ["predict", clip, "--bundle", str(study / "bundle"), *options])
    assert done.exit_code == 0, done.output
    table = pd.read_csv(out)
    assert table["start"].tolist() == pytest.approx([0.0, 0.2, 0.4])
    np.testing.assert_allclose(table[list(CLASSES)].sum(axis=1), 1)
    assert "right with" in done.output
    assert "CPU core for each clip" in done.output
    assert cv2.imread(str(picture)) is not None


def test_the_same_answers_give_the_same_picture(study, bundle, tmp_path):
    found = bundle.predict(clips_of(study)[:1])
    for name in ("a", "b"):
        save_picture(draw_predictions(found), tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_study_is_used_through_a_bundle_in_its_cache(study, tmp_path):
    own = Path(shutil.copytree(study, tmp_path / "study", ignore=shutil.ignore_patterns("media", "bundle")))
    out = tmp_path / "a.parquet"
    done = CliRunner().invoke(
        cli.app, ["predict", str(clips_of(study)[2]), "--study", str(own), "--out", str(out), "--json"]
    )
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(
        pd.read_parquet(out)[list(CLASSES)].to_numpy()[0], kept(study, "fusion/probabilities.parquet")[2]
    )
    assert read_contents(own / "cache/bundle").about["lineage"] is None


def test_seconds_of_a_clip_at_full_size_are_minutes_on_a_cpu(bundle):
    from dataclasses import replace

    from blemore.predict.cost import seconds_per_clip

    tiny, _ = seconds_per_clip(bundle.contents)
    params = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
    entries = {name: params["encoders"][name] for name in ("videomae", "wavlm", "prosody")}
    full = {
        name: {"network": {"name": name, "scale": "pretrained", **entry, **entry.get("pretrained", {})}}
        for name, entry in entries.items()
    }
    about = {**bundle.about, "encoders": full, "fusion": {"encoders": list(full)}, "folds": 5, "dataset": "blemore"}
    seconds, unknown = seconds_per_clip(replace(bundle.contents, about=about))
    assert not unknown
    assert tiny < 2 < 20 < seconds < 600


def test_the_notebook_runs_from_a_finished_study_to_answers_table_and_pictures(study, tmp_path, monkeypatch, capsys):
    notebook = json.loads((Path(__file__).parents[1] / "examples/predict.ipynb").read_text())
    (tmp_path / "study").symlink_to(study)
    (tmp_path / "clips").mkdir()
    shutil.copy(clips_of(study)[0], tmp_path / "clips/good.mov")
    (tmp_path / "clips/cut.mov").write_bytes(clips_of(study)[0].read_bytes()[:2000])
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []  # no clip, and no picture of one, is kept in it
            exec("".join(cell["source"]), names)
    said = capsys.readouterr().out
    assert "cut | no answer: " in said
    assert f"good | {names['first'].decision}" in said
    np.testing.assert_array_equal(
        names["table"].set_index("clip").loc["good", list(CLASSES)].astype(float),
        kept(study, "fusion/probabilities.parquet")[0],
    )
    assert len(names["over_time"].table) == 3
