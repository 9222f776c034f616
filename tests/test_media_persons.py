"""Who is shown: faces that stand upright, one person throughout, nobody where there is nobody; and `blemore media check`."""

import json

import av
import cv2
import numpy as np
import pytest
from media_samples import OPTIONS, talking_face, write_clip
from media_variants import VARIANTS
from test_media_faces import face_at

from blemore.cli import main
from blemore.media.detectors import Face, load_detector
from blemore.media.persons import is_face, one_person
from blemore.media.prepare import prepare_clip
from blemore.media.track import track_face


@pytest.fixture(scope="module")
def talking():
    """Every fourth picture of the talking face, 144 px."""
    with av.open(str(talking_face())) as container:
        return [frame.to_ndarray(format="rgb24")[:, 16:160] for frame in container.decode(video=0)][::4]


def clip_of(path, pictures, seconds=1.2):
    """A clip that shows the pictures one after the other."""

    def draw(time, width, height):
        picture = pictures[int(time / seconds * len(pictures))]
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)

    return write_clip(path, seconds=seconds, size=(256, 256), draw=draw)


@pytest.mark.thorough
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_clip_that_lies_or_stands_on_its_head_is_turned_and_says_so(tmp_path, talking, turn):
    detector = load_detector("mtcnn")
    upright = prepare_clip("a", clip_of(tmp_path / "up.mov", talking), OPTIONS, detector)
    lying = [np.ascontiguousarray(np.rot90(picture, turn // 90)) for picture in talking]  # to the other side
    found = prepare_clip("a", clip_of(tmp_path / "lying.mov", lying), OPTIONS, detector)
    probe = found["probe"][0]
    assert f"turned by {turn} degrees" in probe["remarks"]
    assert (probe["rotation"], probe["face_share"]) == (turn, 1.0)
    for kind in ("faces", "body"):
        one, other = (
            cv2.imdecode(np.frombuffer(rows[kind][5]["jpeg"], np.uint8), cv2.IMREAD_COLOR).astype(int)
            for rows in (upright, found)
        )
        assert np.abs(one - other).mean() < 0.5 * np.abs(one[::-1, ::-1] - other).mean(), kind


def test_points_that_make_no_upright_face_are_none():
    face = face_at(10, 10)
    assert is_face(face)

    def turned(degrees):
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return Face(face.box, (face.landmarks - 30) @ turn.T + 30)

    assert is_face(turned(30))
    assert not is_face(turned(90))
    assert not is_face(turned(180))
    assert not is_face(Face(face.box, face.landmarks * [-1, 1]))
    assert not is_face(Face(face.box, np.tile(face.landmarks.mean(axis=0), (5, 1))))


def two_people(count=9):
    """Pictures of two unlike textured squares; the one on the left is the larger at first, then the other."""
    rng = np.random.default_rng(0)
    textures = [cv2.GaussianBlur(rng.integers(40, 255, (60, 60), np.uint8), (0, 0), 2) for _ in range(2)]
    pictures, faces = [], []
    for k in range(count):
        sizes = (52, 48) if k < count / 3 else (48, 52)
        picture = np.zeros((120, 240, 3), np.uint8)
        both = []
        for x, size, texture in zip((20, 150), sizes, textures, strict=True):
            picture[30 : 30 + size, x : x + size] = cv2.resize(texture, (size, size))[..., None]
            both.append(face_at(x, 30, size))
        pictures.append(picture)
        faces.append(sorted(both, key=lambda face: -face.box[3]))
    return pictures, faces


def test_of_several_faces_one_person_is_taken_throughout_and_a_tie_is_remarked():
    pictures, faces = two_people()
    person = one_person(pictures, dict(enumerate(faces)))
    assert {face.box[0] for face in person.values()} == {150}  # the larger one of most pictures

    class Both:
        def find(self, picture):
            return next(found for shown, found in zip(pictures, faces, strict=True) if shown is picture)

    track = track_face(pictures, Both(), every=2)
    assert track.faces == 2
    assert track.boxes[:, 0] == pytest.approx(150, abs=2)
    assert track.remark.startswith("several faces of like size: the one around (17")


def test_a_small_face_behind_the_person_is_counted_and_goes_without_a_remark():
    pictures, faces = two_people()
    small = [[one[0], Face(one[1].box * 0.5, one[1].landmarks * 0.5)] for one in faces]

    class Both:
        def find(self, picture):
            return next(found for shown, found in zip(pictures, small, strict=True) if shown is picture)

    track = track_face(pictures, Both(), every=2)
    assert (track.faces, track.remark) == (2, "")


@pytest.mark.thorough
def test_a_title_card_is_no_face_and_the_nearest_sample_takes_its_place(tmp_path, talking):
    card = np.full((144, 144, 3), 30, np.uint8)
    cv2.putText(card, "take 3", (10, 80), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    pictures = [card] * 10 + talking[10:]
    found = prepare_clip("a", clip_of(tmp_path / "a.mov", pictures), OPTIONS, load_detector("mtcnn"))
    rows, probe = found["faces"], found["probe"][0]
    shown = [row["detected"] or row["tracked"] for row in rows]
    assert not any(shown[:5])
    assert all(shown[6:])
    first = shown.index(True)
    assert all(row["jpeg"] == rows[first]["jpeg"] for row in rows[:first])
    assert probe["face_share"] == pytest.approx(np.mean(shown))
    assert "the nearest one is taken on the others" in probe["remarks"]


@pytest.mark.thorough
def test_media_check_says_of_files_what_a_run_would_say_and_draws_a_sheet(tmp_path, talking, capsys):
    good, bad = clip_of(tmp_path / "good.mov", talking), VARIANTS["a text that names a clip"].make(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["media", "check", str(good), str(bad), "--json", "--sheet", str(tmp_path / "sheet.png")])
    assert end.value.code == 1
    said = json.loads(capsys.readouterr().out)
    assert said[str(good)]["quarantine"] == ""
    assert said[str(good)]["face_share"] == 1
    assert said[str(bad)]["quarantine"].startswith("no container")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape[1] == 16 * 96
    assert sheet.std() > 30
    with pytest.raises(SystemExit) as end:
        main(["media", "check", str(good)])
    assert not end.value.code
    said = capsys.readouterr().out
    assert "usable: 256 x 256" in said
    assert "- no sound track" in said


def test_media_check_names_a_file_that_is_not_there(capsys):
    with pytest.raises(SystemExit) as end:
        main(["media", "check", "gone.mov"])
    assert end.value.code == 1
    assert "no file gone.mov" in capsys.readouterr().err
