"""The numbers that a face is known by: built-in ones and a network's on drawn faces, ArcFace through a stand-in."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx_file import write_face_network
from sklearn.metrics import adjusted_rand_score

from blemore.individuals import arcface, builtin, sface
from blemore.individuals.quality import fit
from blemore.individuals.run import find_individuals
from blemore.media.crops import EYE_LINE, FACE_SIDE
from blemore.media.schemas import FACES, POINTS
from blemore.tables import NO_FOLD
from joblineage.errors import MissingDataError


def drawn_face(number: int, clip: int) -> np.ndarray:
    """A cartoon (160, 160, 3) uint8 of person `number`, before a wall of the clip's own colour."""
    who, there = np.random.default_rng(number), np.random.default_rng([number, clip])
    picture = np.full((160, 160, 3), there.integers(0, 256, 3), np.uint8)
    skin, hair = who.integers(90, 230, 3), who.integers(0, 90, 3)
    cv2.ellipse(picture, (80, 84), (48, 70), 0, 0, 360, skin.tolist(), -1)
    for x in (58, 102):
        cv2.line(picture, (x - 12, 52 + int(who.integers(-4, 4))), (x + 12, 52), hair.tolist(), int(who.integers(2, 8)))
        cv2.circle(picture, (x, 64), 4, who.integers(0, 120, 3).tolist(), -1)
    cv2.ellipse(
        picture, (80, 113), (int(there.integers(8, 14)), int(there.integers(1, 9))), 0, 0, 360, (120, 40, 40), -1
    )
    return np.clip(picture * there.uniform(0.8, 1.1), 0, 255).astype(np.uint8)


def faces_rows(clips: dict[str, np.ndarray | None], samples: int = 4) -> list[dict]:
    """Rows of a faces file: each clip shows one picture, or no face."""
    unit = 160 / FACE_SIDE
    points = np.array([[-0.5, 0], [0.5, 0], [0, 0.6], [-0.4, 1.1], [0.4, 1.1]]) * unit + 160 * np.array([0.5, EYE_LINE])
    rows = []
    for clip, picture in clips.items():
        shown = np.zeros((160, 160, 3), np.uint8) if picture is None else picture
        data = cv2.imencode(".jpg", shown[..., ::-1])[1].tobytes()
        known = points * 2.0 + 30.0 if picture is not None else np.full((5, 2), np.nan)  # of a larger picture
        for k in range(samples):
            values = dict(zip((name for name, _ in POINTS), known.ravel(), strict=True))
            box = {"x": 0.0, "y": 0.0, "width": 1.0, "height": 1.0}
            seen = {"detected": picture is not None, "tracked": False}
            rows.append({"clip": clip, "frame": k, "time": k / 4, **box, **seen, **values, "jpeg": data})
    return rows


def write_faces(path: Path, rows: list[dict]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, FACES), path)
    return path


def test_the_builtin_descriptor_does_not_depend_on_the_order_of_shards_or_rows(tmp_path):
    shown = {f"clip{k}": drawn_face(k % 3, k) for k in range(6)}
    rows = faces_rows(shown)
    half = len(rows) // 2
    shards = [write_faces(tmp_path / "0.parquet", rows[:half]), write_faces(tmp_path / "1.parquet", rows[half:])]
    names, values, usable = builtin.describe(shards)
    mixed = [rows[k] for k in np.random.default_rng(0).permutation(len(rows))]
    again = builtin.describe([write_faces(tmp_path / "mixed.parquet", mixed)])
    turned = builtin.describe(shards[::-1])
    assert names == sorted(shown) == again[0] == turned[0]
    assert values.dtype == float
    assert np.isfinite(values).all()
    assert usable.all()
    np.testing.assert_array_equal(values, again[1])
    np.testing.assert_array_equal(values, turned[1])


@pytest.mark.thorough
def test_the_builtin_descriptor_finds_drawn_persons_whose_walls_and_light_change(tmp_path):
    shown = {f"{who:02d}_{k}": drawn_face(who, k) for who in range(14) for k in range(8)}
    names, values, _ = builtin.describe([write_faces(tmp_path / "0.parquet", faces_rows(shown, samples=1))])
    person = np.array([name[:2] for name in names])
    learned = person < "08"
    clusters = fit(values[learned], person[learned], seed="s").clusters(values[~learned])
    assert adjusted_rand_score(person[~learned], clusters) >= 0.9


def test_what_lies_outside_the_face_does_not_matter_to_the_builtin_descriptor():
    picture = drawn_face(3, 0)
    row, column = np.mgrid[0:160, 0:160]
    outside = ((column - 80) / 60) ** 2 + ((row - 84) / 80) ** 2 > 1  # the corners: clothes, hair, wall
    other = picture.copy()
    other[outside] = (255, 0, 255)
    np.testing.assert_allclose(builtin.describe_picture(other), builtin.describe_picture(picture), atol=0.05)


@pytest.mark.parametrize("module", [builtin, arcface, sface])
def test_a_clip_without_a_face_is_not_usable(module, tmp_path, monkeypatch):
    stand_in(monkeypatch)
    monkeypatch.chdir(tmp_path)
    write_face_network(sface.WEIGHTS)
    shown = {"a": None, "b": drawn_face(1, 1), "c": None}
    names, values, usable = module.describe([write_faces(tmp_path / "0.parquet", faces_rows(shown))])
    assert names == ["a", "b", "c"]
    assert usable.tolist() == [False, True, False]
    assert values.shape[0] == 3
    nobody = module.describe([write_faces(tmp_path / "1.parquet", faces_rows({"a": None}))])
    assert nobody[2].tolist() == [False]


def stand_in(monkeypatch: pytest.MonkeyPatch, seen: list | None = None) -> None:
    """A module in the place of uniface whose embedding is the picture's mean colour."""

    class ArcFace:
        def __init__(self, model_name):
            self.model_name = model_name

        def get_normalized_embedding(self, image, landmarks):
            if seen is not None:
                seen.append((image, landmarks))
            mean = image.mean(axis=(0, 1))
            return (mean / np.linalg.norm(mean))[None]  # (1, d), as the library gives it

    package, constants = ModuleType("uniface"), ModuleType("uniface.constants")
    package.ArcFace, constants.ArcFaceWeights = ArcFace, SimpleNamespace(RESNET="resnet")
    monkeypatch.setitem(sys.modules, "uniface", package)
    monkeypatch.setitem(sys.modules, "uniface.constants", constants)


def test_arcface_gets_pictures_in_its_own_order_of_colours_and_landmarks_of_the_crop(tmp_path, monkeypatch):
    seen: list = []
    stand_in(monkeypatch, seen)
    blue = np.zeros((160, 160, 3), np.uint8)
    blue[..., 2] = 200
    _, values, _ = arcface.describe([write_faces(tmp_path / "0.parquet", faces_rows({"a": blue}, samples=3))])
    assert len(seen) == 3
    image, landmarks = seen[0]
    assert image[..., 0].mean() > 150 > image[..., 2].mean()  # BGR
    assert landmarks[:2, 1] == pytest.approx(160 * EYE_LINE, abs=1e-3)
    assert landmarks[:2].mean(axis=0) == pytest.approx([80, 160 * EYE_LINE], abs=1e-3)
    assert landmarks[1, 0] - landmarks[0, 0] == pytest.approx(160 / FACE_SIDE, abs=1e-3)
    assert np.linalg.norm(values[0]) == pytest.approx(1)


def test_without_uniface_the_message_says_what_to_install_and_under_which_licence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uniface", None)
    with pytest.raises(MissingDataError, match=r"pip install uniface.*non-commercial.*descriptor: builtin"):
        arcface.describe([])


def test_weights_that_cannot_be_loaded_are_told_with_their_licence(monkeypatch):
    stand_in(monkeypatch)

    def fails(model_name):
        raise OSError("no network")

    monkeypatch.setattr(sys.modules["uniface"], "ArcFace", fails)
    with pytest.raises(MissingDataError, match=r"no network.*non-commercial"):
        arcface.describe([])


@pytest.mark.thorough
def test_sface_finds_real_data_s_individuals_with_a_network_from_a_file_of_the_real_format(tmp_path, monkeypatch):
    """The file has SFace's form, its weights are random: enough for drawn persons."""
    monkeypatch.chdir(tmp_path)
    write_face_network(sface.WEIGHTS)
    shown = {f"{who:02d}_{k}": drawn_face(who, k) for who in range(12) for k in range(8)}
    faces = write_faces(tmp_path / "faces.parquet", faces_rows(shown, samples=2))
    person = [name[:2] for name in shown]
    clips = pd.DataFrame(
        {"clip": list(shown), "person": person, "split": np.where(np.array(person) < "08", "train", "test")}
    )
    clips["fold"] = np.where(clips["split"] == "train", clips["person"].astype(int) % 4, NO_FOLD)
    approved = {"by": "the board", "date": "2026-03-01", "basis": "consent"}
    found = find_individuals(
        clips.assign(quarantine=""), [faces], descriptor="sface", approved=approved, dataset="blemore", seed=1
    )
    test = found.clusters[found.clusters["split"] == "test"]
    assert len(test) == 32
    assert adjusted_rand_score(test["clip"].str[:2], test["cluster"]) >= 0.9


def test_an_embedding_of_sface_is_a_direction_that_the_landmarks_of_the_crop_decide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_face_network(sface.WEIGHTS)
    rows = faces_rows({"a": drawn_face(1, 1), "b": drawn_face(1, 1)}, samples=2)
    turned = {name: row + 12 for name, row in rows[2].items() if name in ("nose_y", "mouth_left_y", "mouth_right_x")}
    rows = [row | (turned if row["clip"] == "b" else {}) for row in rows]
    _, values, _ = sface.describe([write_faces(tmp_path / "0.parquet", rows)])
    assert np.linalg.norm(values, axis=1) == pytest.approx([1, 1])
    assert abs(values[0] @ values[1]) < 0.9999


@pytest.mark.parametrize("content", [None, b"", b"version https://git-lfs.github.com/spec/v1\n", b"<!doctype html>"])
def test_weights_of_sface_that_are_missing_or_no_network_are_told_with_where_they_come_from(
    tmp_path, monkeypatch, content
):
    monkeypatch.chdir(tmp_path)
    sface.WEIGHTS.parent.mkdir()
    if content is not None:
        sface.WEIGHTS.write_bytes(content)
    with pytest.raises(MissingDataError, match=r"(?s)face_recognition_sface_2021dec\.onnx.*opencv_zoo.*Apache"):
        sface.describe([])
