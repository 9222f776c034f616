"""Promises that generated faces and sounds cannot prove: clips of real people, kept outside of git, are prepared rightly."""

from pathlib import Path

import cv2
import faces
import numpy as np
import pytest
import real_people
from media_samples import OPTIONS

from blemore.media.detectors import load_detector
from blemore.media.prepare import Prepared, prepare_clip
from blemore.tables import remarks_of

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(bool(real_people.missing()), reason=real_people.HOW),
]
SHOWN = {real_people.SAD_THEN_LAUGHS: 16, real_people.SMILES: 16, real_people.FACE_THEN_TITLE: 6}
"""Samples of 16 that show a face, counted by eye."""


@pytest.fixture(scope="module")
def prepared() -> dict[str, Prepared]:
    detector = load_detector("mtcnn")
    return {name: prepare_clip("clip", real_people.FOLDER / name, OPTIONS, detector) for name in SHOWN}


def path(name: str) -> Path:
    return real_people.FOLDER / name


@pytest.mark.parametrize("name", SHOWN)
def test_a_real_face_is_held_on_every_sample_that_shows_it_hands_before_it_or_not(prepared, name):
    rows, probe = prepared[name]["faces"], prepared[name]["probe"][0]
    held = [row["detected"] or row["tracked"] for row in rows]
    assert held == [True] * SHOWN[name] + [False] * (16 - SHOWN[name])
    assert probe["quarantine"] == ""
    assert (probe["faces"], probe["face_share"]) == (1, SHOWN[name] / 16)


@pytest.mark.parametrize("name", SHOWN)
def test_the_eyes_of_a_real_person_stay_level(prepared, name):
    detector = load_detector("mtcnn")
    crops = [
        cv2.imdecode(np.frombuffer(row["jpeg"], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        for row in prepared[name]["faces"]
    ]
    heights = np.array([found[0].landmarks[:2, 1].mean() for found in map(detector.find, crops) if found])
    assert len(heights) >= 12
    assert np.abs(heights - heights.mean()).max() < 6  # px of 160; her head bows while her hands are before it


@pytest.mark.parametrize("name", SHOWN)
def test_the_pictures_of_the_piece_are_those_that_the_file_shows_at_that_time(prepared, name):
    assert faces.frames_off(path(name), prepared[name]) == 0


@pytest.mark.parametrize("name", [real_people.SMILES, real_people.FACE_THEN_TITLE])
def test_the_sound_of_a_real_clip_is_there_and_on_the_pictures_clock(prepared, name):
    assert not prepared[name]["audio"][0]["silent"]
    assert abs(faces.sound_off(path(name), prepared[name])) < 1


def test_what_is_odd_about_real_clips_is_remarked_and_nothing_else(prepared):
    said = {name: remarks_of(rows["probe"][0]) for name, rows in prepared.items()}
    assert said == {
        real_people.SAD_THEN_LAUGHS: ["its sound track is silent"],
        real_people.SMILES: [],
        real_people.FACE_THEN_TITLE: [
            "sound for 62% of its length, silence in the rest",
            "a face on 38% of the samples: the nearest one is taken on the others",
        ],
    }


def test_a_measure_of_sync_that_finds_no_lag_would_be_worthless(prepared):
    rows = prepared[real_people.SMILES]
    late = np.roll(np.frombuffer(rows["audio"][0]["samples"], "<i2"), 800).tobytes()
    assert faces.sound_off(path(real_people.SMILES), rows | {"audio": [{"samples": late}]}) == pytest.approx(50, abs=1)
    moved = rows["pieces"][0] | {"start": rows["pieces"][0]["start"] - 0.3}
    assert faces.frames_off(path(real_people.SMILES), rows | {"pieces": [moved]}) > 2
