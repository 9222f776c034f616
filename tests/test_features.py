"""Features that others made: a folder as the organisers give it becomes rows, probabilities and a submission, or is refused."""

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_study
import yaml

from blemore.cli import main
from blemore.datasets.features import read_features, statistics
from blemore.datasets.withdrawn import Withdrawn
from blemore.encoders import embedding
from blemore.learning.folds import check_persons
from blemore.learning.heads.run import fit_head
from blemore.params.check import check_params, read_schema
from blemore.scoring.labels import CLASSES
from blemore.tables import check_probabilities, read_probabilities
from joblineage.errors import DataError, MissingDataError

WIDTH = 5


@pytest.fixture
def clips() -> pd.DataFrame:
    """Of four persons in two folds; three test clips."""
    return small_study.make_clips(persons=4, folds=2, tests=3)


def frames(row: int, emotion: str | None, width: int = WIDTH) -> np.ndarray:
    """(T, width) float32: noise, and the clip's first emotion in a value of its own."""
    values = np.random.default_rng(row).normal(scale=0.3, size=(3 + row % 4, width))
    values[:, CLASSES.index(emotion) % width if emotion else 0] += 3
    return values.astype(np.float32)


@pytest.fixture
def folders(clips, tmp_path) -> list[Path]:
    """As the organisers give them: a folder of training and one of test clips, some files with an axis of 1 too many."""
    made = [tmp_path / "pre_extracted_train_data/ImageBind_train", tmp_path / "pre_extracted_test_data/ImageBind_test"]
    for folder in made:
        folder.mkdir(parents=True)
    for row, clip in enumerate(clips.itertuples()):
        values = frames(row, clip.emotion_1 if isinstance(clip.emotion_1, str) else None)
        np.save(made[clip.split == "test"] / f"{clip.clip}.npy", values[None] if row % 2 else values)
    return made


def run(*arguments, capsys, code: int = 0) -> str:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert (end.value.code or 0) == code, said
    return said.out + said.err


def known(clips: pd.DataFrame) -> dict[str, bool]:
    return dict.fromkeys(clips["clip"], True)


def test_the_organisers_folders_become_the_kit_s_seven_statistics_of_every_clip(clips, folders):
    found = read_features(folders, known(clips))
    assert found.clips == sorted(clips["clip"])
    assert found.values.shape == (len(clips), 7 * WIDTH)
    row = clips.index[clips["clip"] == "A901_2"][0]
    shown = frames(row, "fea").astype(float)
    expected = [shown.mean(axis=0), shown.std(axis=0), *np.percentile(shown, [10, 25, 50, 75, 90], axis=0)]
    np.testing.assert_allclose(found.values[found.clips.index("A901_2")], np.concatenate(expected), rtol=1e-6)
    assert not found.few


def test_a_zip_of_the_folders_gives_the_same_bytes(clips, folders, tmp_path):
    with zipfile.ZipFile(tmp_path / "features.zip", "w") as archive:
        for path in sorted(path for folder in folders for path in folder.iterdir()):
            archive.write(path, path.relative_to(tmp_path))
    for name, paths in (("folders", folders), ("zip", [tmp_path / "features.zip"])):
        read_features(paths, known(clips)).write(tmp_path / f"{name}.npz")
    assert (tmp_path / "folders.npz").read_bytes() == (tmp_path / "zip.npz").read_bytes()


def test_a_team_without_a_gpu_comes_from_the_folders_to_probabilities_and_a_checked_submission(
    clips, folders, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    labelled = clips[clips["split"] == "train"].rename(columns={"clip": "filename"})
    labelled.drop(columns=["file", "quarantine", "split"]).to_csv("train_metadata.csv", index=False)
    keys = {f"{clip}.mov": [] for clip in clips.loc[clips["split"] == "test", "clip"]}
    Path("submission_template.json").write_text(json.dumps({"predictions": keys}))
    lists = ["--clips", "train_metadata.csv", "--clips", "submission_template.json"]
    run("features", "import", *folders, *lists, "--out", "outside/imagebind.npz", "--unseen", capsys=capsys)
    said = run(
        "features", "fit", "outside/imagebind.npz", "--truth", "train_metadata.csv", "--out", "p.parquet", capsys=capsys
    )
    assert "out-of-fold rows of 32 labelled clips, 3 test clips" in said
    table = read_probabilities("p.parquet")
    check_probabilities(table, "p.parquet", clips["clip"])
    shown = table.merge(clips[["clip", "emotion_1"]].dropna(), on="clip")
    right = np.array(CLASSES)[shown[list(CLASSES)].to_numpy().argmax(axis=1)] == shown["emotion_1"]
    assert right.mean() > 0.5  # the features tell it; chance has a sixth
    test = table[table["split"] == "test"]
    test.to_csv("test.csv", index=False)
    run("decode", "test.csv", "--alpha", 0.1, "--beta", 0.1, "--out", "submission.json", capsys=capsys)
    said = run("check-submission", "submission.json", "--clips", "submission_template.json", capsys=capsys)
    assert said.endswith("ok\n")


def test_in_the_workflow_the_file_is_an_encoder_whose_network_saw_nobody(clips, folders, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    clips.assign(quarantine="").to_parquet("clips.parquet")
    out = Path("outside/imagebind.npz")
    said = run("features", "import", *folders, "--clips", "clips.parquet", "--out", out, "--unseen", capsys=capsys)
    entry = yaml.safe_load(re.search(r"^  (imagebind: .*)$", said, re.M)[1])
    values = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
    values["encoders"] |= entry
    check_params(values, read_schema(Path(__file__).parents[1] / "schemas/params.schema.yaml"))
    settings = {"name": "imagebind", "scale": "tiny", **entry["imagebind"]}
    assert check_persons(Path(settings["persons"]), clips) == {"0": [], "1": []}
    embedding.embed(settings, clips, [out], Path("features.parquet"), seed=1)
    table = fit_head(Path("features.parquet"), clips, settings, seed=1)
    assert table["clip"].tolist() == sorted(clips["clip"])
    train = table[table["split"] == "train"].merge(clips[["clip", "emotion_1"]], on="clip")
    assert (np.array(CLASSES)[train[list(CLASSES)].to_numpy().argmax(axis=1)] == train["emotion_1"]).mean() > 0.5


def test_a_fold_that_stands_twice_in_a_sidecar_hides_nobody(clips, tmp_path):
    judged = clips.loc[clips["fold"] == 0, "person"].iloc[0]
    (tmp_path / "persons.json").write_text(f'{{"0": ["{judged}"], "1": [], "0": []}}')
    with pytest.raises(DataError, match="stands more than once in the file"):
        check_persons(tmp_path / "persons.json", clips.assign(quarantine=""))


def test_without_a_word_on_whom_the_network_saw_nothing_is_claimed(clips, folders, tmp_path, capsys):
    clips.to_parquet(tmp_path / "clips.parquet")
    out = tmp_path / "theirs.npz"
    said = run("features", "import", *folders, "--clips", tmp_path / "clips.parquet", "--out", out, capsys=capsys)
    assert "persons: null}" in said
    assert not out.with_suffix(".json").exists()


def test_missing_strange_and_doubled_names_are_each_said_once_and_nothing_is_written(clips, folders, tmp_path, capsys):
    clips.to_parquet(tmp_path / "clips.parquet")
    (folders[0] / "A900_1.npy").unlink()
    (folders[0] / "A900_2.npy").unlink()
    np.save(folders[0] / "A999_7.npy", np.ones((2, WIDTH)))
    (folders[0] / "again").mkdir()
    np.save(folders[0] / "again/A901_0.npy", np.ones((2, WIDTH)))
    out = tmp_path / "x.npz"
    said = run(
        "features", "import", *folders, "--clips", tmp_path / "clips.parquet", "--out", out, capsys=capsys, code=1
    )
    assert "clip A900_1, and 1 more: no file; every usable clip needs one" in said
    assert "A999_7.npy): not among the study's clips" in said
    assert re.search(r"clip A901_0 \(.*A901_0.npy, .*again/A901_0.npy\): more than one file", said)
    assert not out.exists()


def test_a_clip_that_was_set_aside_needs_no_file_and_a_withdrawn_one_is_passed_over(clips, folders):
    (folders[0] / "A900_1.npy").unlink()
    (folders[0] / "A901_3.npy").write_bytes(b"never read")
    withdrawn = Withdrawn.named(["A901"], [])
    needed = {clip: clip != "A900_1" for clip in clips["clip"] if not withdrawn.holds(clip)}
    found = read_features(folders, needed, withdrawn=withdrawn)
    assert set(found.clips) == {clip for clip, must in needed.items() if must}
    assert found.withdrawn == 8


class Harmful:
    """What a pickle may do when it is opened."""

    def __reduce__(self):
        return Path.touch, (Path("/tmp/blemore-unpickled"),)


def header(shape: str) -> bytes:
    """An `.npy` file whose header promises a shape, with 8 bytes behind it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (2, 1)})
    return file.getvalue().replace(b"(2, 1)", shape.encode(), 1) + bytes(8)


def saved(values, **how) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **how)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (saved(np.array([[Harmful()]], dtype=object), allow_pickle=True), "Python objects, which are never unpickled"),
        (b"\x80\x04]\x94.", "is not an array of NumPy"),
        (b"", "is not an array of NumPy"),
        (saved(np.ones((2, 5)))[:-3], r"is cut short, or longer than its \(2, 5\) numbers"),
        (header("(9, 9)"), "is cut short"),
        (header("(-1, -2)"), "is cut short"),
        (header("(((((("), "is not an array of NumPy"),
        (saved(np.array([["a"]])), "expected numbers, found <U1"),
        (saved(np.ones((0, 5))), r"expected frames by values, found an array of shape \(0, 5\)"),
        (saved(np.ones((2, 3, 5))), r"found an array of shape \(2, 3, 5\)"),
        (saved(np.full((2, 5), np.nan)), "a value is NaN or infinite"),
        (saved(np.full((2, 5), 1e300)), "too large for single precision"),
        (saved(np.ones((2, 4))), "4 values a frame, .* has 5"),
        (saved(np.ones((1, 1 << 15), np.int8)), "32768 values a frame, expected at most 16384"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_by_name_and_never_unpickled(clips, folders, data, said):
    (folders[0] / "A900_3.npy").write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        read_features(folders, known(clips))
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith("clip A900_3 (")
    assert not Path("/tmp/blemore-unpickled").exists()


def test_a_file_that_is_too_large_is_not_read(clips, folders):
    with open(folders[0] / "A900_3.npy", "wb") as file:
        file.truncate((1 << 28) + 1)  # takes no disk
    with pytest.raises(DataError, match=r"A900_3\.npy.: is larger than 256 MB"):
        read_features(folders, known(clips))


def test_a_folder_without_features_is_said_to_hold_none(clips, tmp_path):
    with pytest.raises(MissingDataError, match=r"no \.npy or .csv file, one a clip, is there"):
        read_features([tmp_path], known(clips))


def test_rows_of_one_or_two_frames_are_told_to_need_their_mean_alone(clips, tmp_path, capsys):
    folder = tmp_path / "HiCMAE_train"
    folder.mkdir()
    for row, clip in enumerate(clips["clip"]):
        np.save(folder / f"{clip}.npy", frames(row, None)[: 1 + row % 2])
    clips.to_parquet(tmp_path / "clips.parquet")
    asked = ["features", "import", folder, "--clips", tmp_path / "clips.parquet", "--out", tmp_path / "h.npz"]
    assert "--mean is enough" in run(*asked, capsys=capsys)
    assert f"{len(clips)} clips, {WIDTH} features each" in run(*asked, "--mean", capsys=capsys)


OPENFACE = """emotion_index,gaze_yaw,gaze_pitch,action_units
4,0.25,-0.5,"[0.1, 0, 0, 0, 0, 0, 0, 0.7]"
,,,"[nan, nan, nan, nan, nan, nan, nan, nan]"
1,0.75,-0.5,"[0.3, 0, 0, 0, 0, 0, 0, 0.7]"
"""


def test_openface_tables_give_gaze_units_and_expressions_of_the_frames_with_a_face(tmp_path):
    (tmp_path / "A900_0.csv").write_text(OPENFACE)
    found = read_features([tmp_path], {"A900_0": True}, mean_alone=True)
    expected = [0.5, -0.5, 0.2, 0, 0, 0, 0, 0, 0, 0.7, 0, 0.5, 0, 0, 0.5, 0, 0, 0]
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-6)
    assert found.frames == [2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gaze_yaw\n1\n", "columns 'emotion_index', 'gaze_pitch', 'action_units' are missing"),
        (OPENFACE.replace(", 0.7]", "]"), "7 action units in a frame, expected 8"),
        (OPENFACE.replace("gaze_yaw", "gaze\ryaw"), "is no CSV table"),
        (OPENFACE.replace("4,0.25", "9,0.25"), "emotion_index 9, expected 0 to 7"),
        ("\n".join(OPENFACE.splitlines()[:1] + OPENFACE.splitlines()[2:3]), "no frame shows a face"),
    ],
)
def test_an_openface_table_of_another_form_is_refused(tmp_path, text, said):
    (tmp_path / "A900_0.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_features([tmp_path], {"A900_0": True})


def test_labels_without_features_and_features_without_a_label_are_named(clips, folders, tmp_path, capsys):
    read_features(folders, known(clips)).write(tmp_path / "x.npz")
    labelled = clips[clips["split"] == "train"].iloc[1:]
    labelled = pd.concat([labelled, labelled.iloc[:1].assign(clip="A900_9")])
    labelled.drop(columns=["split"]).to_csv(tmp_path / "t.csv", index=False)
    asked = ["features", "fit", tmp_path / "x.npz", "--truth", tmp_path / "t.csv", "--out", tmp_path / "p.csv"]
    said = run(*asked, capsys=capsys, code=1)
    assert "clip A900_9: has a label, but no features" in said
    assert "clip A900_0: has features, but no label" in said


def test_statistics_of_a_single_frame_are_copies_of_it():
    shown = np.array([[1.0, -2.0]])
    np.testing.assert_array_equal(statistics(shown), [1, -2, 0, 0] + [1, -2] * 5)
