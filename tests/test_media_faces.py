"""What face and body crops promise: the face found, kept in place, and an honest word where it was not."""

import sys
import types

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_samples import OPTIONS, outputs, talking_clip, talking_face, write_clip

from blemore.media.crops import EYE_LINE, body_boxes, face_crop, square_crop
from blemore.media.detectors import LANDMARKS, Face, load_detector
from blemore.media.prepare import prepare_shard
from blemore.media.shards import read_frames
from blemore.media.track import follow, track_face
from joblineage.errors import DataError, MissingDataError


def prepare(folder, path, **faces):
    files = outputs(folder)
    prepare_shard({"clip": path}, OPTIONS | {"faces": OPTIONS["faces"] | faces}, **files)
    return pd.read_parquet(files["faces"]), pd.read_parquet(files["body"])


@pytest.fixture(scope="module")
def detected(tmp_path_factory):
    """The real talking face, detected on every sample."""
    folder = tmp_path_factory.mktemp("detected")
    return *prepare(folder, talking_face(), every=1), read_frames([folder / "faces.parquet"], 320)["clip"]


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The real talking face, detected on every fourth sample."""
    folder = tmp_path_factory.mktemp("followed")
    return *prepare(folder, talking_face()), read_frames([folder / "faces.parquet"], 320)["clip"]


def points(table):
    return table[[f"{name}_{axis}" for name in LANDMARKS for axis in "xy"]].to_numpy().reshape(-1, 5, 2)


@pytest.mark.thorough
def test_the_detector_alone_finds_a_real_talking_face_on_every_sample(detected):
    assert detected[0]["detected"].all()
    assert not detected[0]["tracked"].any()


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["detected", "followed"])
def test_the_eyes_of_a_real_talking_face_stay_level_and_in_place(way, request):
    crops = request.getfixturevalue(way)[2]  # (16, 320, 320, 3): twice the size, for the measure's own precision
    detector = load_detector("mtcnn")
    eyes = np.stack([detector.find(crop)[0].landmarks[:2] for crop in crops]) / 2  # px of a 160 px crop
    line = eyes[:, :, 1].mean(axis=1)
    assert np.abs(line - line.mean()).max() < 3
    assert line.mean() == pytest.approx(EYE_LINE * 160, abs=3)
    assert eyes[:, :, 0].mean() == pytest.approx(80, abs=3)
    assert np.abs(np.degrees(np.arctan2(*(eyes[:, 1] - eyes[:, 0]).T[::-1]))).max() < 5


def test_following_finds_what_detecting_would_have_found(detected, followed):
    table = followed[0]
    assert 4 <= table["detected"].sum() <= 8
    assert (table["detected"] ^ table["tracked"]).all()
    truth = points(detected[0])
    apart = np.linalg.norm(points(table)[:, :2].mean(axis=1) - truth[:, :2].mean(axis=1), axis=1)
    assert np.median(apart) < 0.06 * table["width"].median()
    assert apart.max() < 0.15 * table["width"].median()


def test_a_picture_without_a_face_or_too_small_for_one_gives_no_face():
    for picture in (np.full((100, 120, 3), 90, np.uint8), np.zeros((10, 10, 3), np.uint8)):
        assert load_detector("mtcnn").find(picture) == []


def test_a_clip_without_a_face_gives_its_middle_and_says_so(tmp_path, caplog):
    path = write_clip(tmp_path / "clip.mov", size=(96, 64))
    with caplog.at_level("INFO"):
        faces, body = prepare(tmp_path, path)
    assert not faces[["detected", "tracked"]].any(axis=None)
    assert faces[["x", "y", "width", "height"]].drop_duplicates().to_numpy().tolist() == [[16, 0, 64, 64]]
    assert np.isnan(points(faces)).all()
    assert len(body) == 16
    assert "no face found" in caplog.text


def face_at(x, y, size=40.0):
    """A face whose box is a square at (x, y)."""
    shares = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])
    return Face(np.array([x, y, size, size], float), np.array([x, y]) + shares * size)


class Patches:
    """A detector for textured squares on black; it counts its calls and may miss some pictures."""

    def __init__(self, blind=()):
        self.blind, self.seen = blind, []

    def find(self, picture):
        number = int(picture[0, 0, 0])  # the pictures below carry their number in the first pixel
        self.seen.append(number)
        ys, xs = np.nonzero(picture[1:, :, 1])
        return [] if number in self.blind or not len(xs) else [face_at(xs.min(), ys.min() + 1)]


def sliding(count, step=3):
    """Pictures of a textured square that moves `step` px a sample, and a jump in the middle."""
    texture = np.random.default_rng(0).integers(60, 255, (40, 40), dtype=np.uint8)
    pictures, places = [], []
    for k in range(count):
        x, y = 30 + step * k + (6 if k % 4 == 2 else 0), 40 + k
        picture = np.zeros((160, 240, 3), np.uint8)
        picture[y : y + 40, x : x + 40] = cv2.GaussianBlur(texture, (0, 0), 2)[..., None]
        picture[0, 0, 0] = k
        pictures.append(picture)
        places.append((x, y))
    return pictures, np.array(places)


def test_a_moving_face_is_followed_between_detections():
    pictures, places = sliding(13)
    detector = Patches()
    track = track_face(pictures, detector, every=4)
    assert detector.seen == [0, 4, 8, 12]
    assert np.flatnonzero(track.detected).tolist() == [0, 4, 8, 12]
    assert (track.tracked == ~track.detected).all()
    assert np.abs(track.boxes[:, :2] - places).max() < 1


def test_where_detection_fails_the_neighbours_are_tried():
    pictures, places = sliding(13)
    track = track_face(pictures, Patches(blind={4, 5, 12}), every=4)
    assert np.flatnonzero(track.detected).tolist() == [0, 3, 8, 11]
    assert track.tracked[[4, 5, 12]].all()
    assert np.abs(track.boxes[:, :2] - places).max() < 1


def test_where_following_fails_the_detector_looks_again():
    pictures, places = sliding(9)
    pictures[2][40:100] = np.roll(pictures[2][40:100], 110, axis=1)  # it jumps away for one sample
    detector = Patches()
    track = track_face(pictures, detector, every=4)
    assert track.detected[2]
    assert track.boxes[2, 0] == pytest.approx(places[2, 0] + 110)


def test_a_face_of_another_size_is_not_taken_for_the_persons():
    pictures, _ = sliding(9)
    detector = Patches()
    find = detector.find
    detector.find = lambda picture: [face_at(100, 10, 12)] if picture[0, 0, 0] == 4 else find(picture)
    track = track_face(pictures, detector, every=2)
    assert not track.detected[4]
    assert track.boxes[4, 2] == pytest.approx(40, abs=2)


def test_smoothing_stills_a_face_at_rest_and_lets_a_moving_one_go():
    rng = np.random.default_rng(3)
    pictures = [np.zeros((100, 100, 3), np.uint8)] * 16
    rest = follow(pictures, [face_at(20 + dx, 20 + dy) for dx, dy in rng.normal(0, 0.8, (16, 2))], 1)
    assert rest.landmarks[:, 0].std(axis=0).max() < 0.6
    moving = follow(pictures, [face_at(2.0 * k, 20) for k in range(16)], 1)
    assert np.abs(moving.landmarks[:, 0, 0] - (2.0 * np.arange(16) + 12)).max() < 1.5


@given(angle=st.floats(-30, 30), eyes=st.floats(30, 200), x=st.floats(250, 350), y=st.floats(200, 280))
def test_a_face_crop_has_level_eyes_at_a_fixed_place(angle, eyes, x, y):
    shares = np.array([[-0.5, 0], [0.5, 0], [0, 0.6], [-0.4, 1.1], [0.4, 1.1]]) * eyes
    a = np.radians(angle)
    landmarks = shares @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + [x, y]
    picture = np.zeros((480, 600, 3), np.uint8)
    for channel, eye in enumerate(landmarks[:2]):
        plane = np.zeros((480, 600), np.uint8)
        cv2.circle(plane, tuple(np.rint((eye - 0.5) * 16).astype(int).tolist()), round(eyes * 16 / 8), 255, -1, shift=4)
        picture[..., channel] = plane
    crop = face_crop(picture, landmarks, 160).astype(float)
    found = []
    for channel in range(2):
        weights = crop[..., channel]
        ys, xs = np.mgrid[:160, :160]
        found.append(((xs * weights).sum() / weights.sum() + 0.5, (ys * weights).sum() / weights.sum() + 0.5))
    (left_x, left_y), (right_x, right_y) = found
    assert left_y == pytest.approx(right_y, abs=1)
    assert (left_y + right_y) / 2 == pytest.approx(EYE_LINE * 160, abs=1)
    assert (left_x + right_x) / 2 == pytest.approx(80, abs=1)
    assert left_x < right_x


def test_a_face_at_the_edge_or_gone_still_gives_a_crop():
    picture = np.full((100, 100, 3), 90, np.uint8)
    for x in (-500, -20, 0, 99, 700):
        crop = face_crop(picture, face_at(x, 30).landmarks, 64)
        assert crop.shape == (64, 64, 3)
        assert (crop == 90).all()


boxes = st.tuples(st.floats(0, 1800), st.floats(0, 900), st.floats(40, 500))


@pytest.mark.thorough
@given(st.lists(boxes, min_size=1, max_size=6), st.integers(200, 2000), st.integers(200, 1100))
def test_body_boxes_are_squares_that_follow_the_face_and_stay_in_the_picture(faces, width, height):
    faces = np.array([(x % width, y % height, size, size * 1.3) for x, y, size in faces])
    found = body_boxes(faces, width, height)
    assert (found[:, 2:] == found[0, 2]).all()
    side = found[0, 2]
    assert side <= max(width, height) + 1e-6
    for x, limit in ((found[:, 0], width), (found[:, 1], height)):
        if side <= limit:
            assert (x >= -1e-6).all()
            assert (x + side <= limit + 1e-6).all()
        else:
            np.testing.assert_allclose(x, (limit - side) / 2)


def test_the_body_crop_of_a_wide_picture_keeps_arms_and_full_height():
    face = np.array([[900.0, 200, 200, 260]])  # a person in a 1080p picture
    box = body_boxes(face, 1920, 1080)[0]
    assert box[1] <= 0
    assert box[1] + box[3] >= 1080
    assert box[0] + box[2] / 2 == pytest.approx(1000)
    assert box[2] >= 5 * 260  # a metre and more, arms included
    to_the_left = body_boxes(face - [500, 0, 0, 0], 1920, 1080)[0]
    assert to_the_left[0] == 0  # kept inside the picture


def test_outside_the_picture_a_body_crop_is_black():
    picture = np.full((50, 100, 3), 200, np.uint8)
    crop = square_crop(picture, np.array([0.0, -25, 100, 100]), 80)
    assert (crop[:19] == 0).all()
    assert (crop[21:59] == 200).all()
    assert (crop[61:] == 0).all()


def test_retinaface_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "uniface", None)
    with pytest.raises(MissingDataError, match="pip install uniface"):
        load_detector("retinaface")


def fake_uniface(monkeypatch, weights, faces):
    """uniface as it is built: a package with constants and a model store."""

    class Network:
        def __init__(self, *, model_name, confidence_threshold, providers):
            assert providers == ["CPUExecutionProvider"]

        def detect(self, image):
            assert image[0, 0].tolist() == [0, 0, 255]  # red, in its order
            return faces

    package, constants, store = (types.ModuleType(f"uniface{part}") for part in ("", ".constants", ".model_store"))
    package.RetinaFace = Network
    constants.RetinaFaceWeights = types.SimpleNamespace(MNET_V2=types.SimpleNamespace(value="retinaface_mnet_v2"))
    store.get_cache_dir = lambda: str(weights)
    for module in (package, constants, store):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_retinaface_without_weights_says_how_to_get_them(monkeypatch, tmp_path):
    fake_uniface(monkeypatch, tmp_path, [])
    with pytest.raises(MissingDataError, match=r"retinaface_mnet_v2\.onnx"):
        load_detector("retinaface")


def test_retinaface_gives_the_largest_face_first_and_leaves_out_tiny_ones(monkeypatch, tmp_path):
    def face(left, size):
        return types.SimpleNamespace(
            bbox=np.array([left, 10, left + size, 10 + size]),
            landmarks=face_at(left, 10, size).landmarks,
            confidence=0.97,
        )

    (tmp_path / "retinaface_mnet_v2.onnx").write_bytes(b"weights")
    fake_uniface(monkeypatch, tmp_path, [face(5, 20), face(60, 50), face(0, 3)])
    picture = np.zeros((100, 120, 3), np.uint8)
    picture[..., 0] = 255
    found = load_detector("retinaface").find(picture)
    assert [face.box.tolist() for face in found] == [[60, 10, 50, 50], [5, 10, 20, 20]]
    np.testing.assert_allclose(found[0].landmarks, face_at(60, 10, 50).landmarks)


def test_an_unknown_detector_is_refused_with_the_known_ones():
    with pytest.raises(DataError, match="mtcnn, retinaface"):
        load_detector("haar")


@pytest.mark.thorough
def test_the_face_of_a_small_clip_is_found_too(tmp_path):
    faces, _ = prepare(tmp_path, talking_clip(tmp_path / "clip.mov", seconds=1.0, side=128))
    assert (faces["detected"] | faces["tracked"]).all()
