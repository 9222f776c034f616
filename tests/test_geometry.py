"""Promises of the face-track encoder: measures that mean what they are called, whatever the face's size and place."""

import subprocess
import sys

import numpy as np
import pytest
import small_study
from hypothesis import given
from hypothesis import strategies as st

from blemore.encoders import geometry
from blemore.encoders.geometry import COLUMNS, NAMES

FACE = np.array([[40.0, 50], [80, 50], [60, 75], [45, 100], [75, 100]])
"""Two level eyes 40 px apart, nose, corners of the mouth."""


def track(points: np.ndarray, seconds: float = 2.0, height: np.ndarray | float = 120.0) -> np.ndarray:
    """A clip (n, 17) of landmarks (n, 5, 2), every second sample detected."""
    count = len(points)
    box = [
        points[:, :, 0].mean(1) - 50,
        points[:, :, 1].mean(1) - 60,
        np.full(count, 100.0),
        np.broadcast_to(height, count),
    ]
    found = [np.arange(count) % 2 == 0, np.arange(count) % 2 == 1]
    times = np.linspace(0, seconds, count) if count > 1 else np.zeros(1)
    return np.column_stack([times, *box, *found, points.reshape(count, -1)])


def measures(clip: np.ndarray) -> dict[str, float]:
    encoder = geometry.build({})
    return dict(zip(NAMES, encoder.embed([encoder.decode(clip)])[0].tolist(), strict=True))


def turning(angle: float) -> np.ndarray:
    """Rotation by an angle, rad, for points (x right, y down) as rows."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def moving(count: int = 9) -> np.ndarray:
    noise = np.random.default_rng(3)
    return FACE + noise.normal(size=(count, 5, 2)) + noise.normal(scale=8, size=(count, 1, 2)).cumsum(axis=0)


def test_a_face_at_rest_has_its_proportions_and_no_motion():
    found = measures(track(np.stack([FACE] * 8)))
    assert found["roll_mean"] == found["yaw_mean"] == found["mouth_tilt_mean"] == found["mouth_aside_mean"] == 0
    assert found["pitch_mean"] == pytest.approx(0.5)
    assert found["length_mean"] == pytest.approx(50 / 40)
    assert found["mouth_width_mean"] == pytest.approx(30 / 40)
    assert found["nose_to_mouth_mean"] == pytest.approx(25 / 40)
    assert found["detected_share"] == found["tracked_share"] == 0.5
    still = [name for name in NAMES if name.endswith(("_std", "_range", "_slope", "_low", "_high", "_energy"))]
    np.testing.assert_allclose([found[name] for name in still], 0, atol=1e-6)


def test_a_tilted_head_has_its_roll_and_the_same_proportions():
    level, tilted = measures(track(np.stack([FACE] * 8))), measures(track(np.stack([FACE @ turning(0.3)] * 8)))
    assert tilted["roll_mean"] == pytest.approx(0.3)
    for name in ("yaw", "pitch", "length", "mouth_width", "mouth_tilt", "eye_to_corner_uneven"):
        assert tilted[f"{name}_mean"] == pytest.approx(level[f"{name}_mean"], abs=1e-6)


def test_what_turns_widens_and_slants_is_measured_with_its_sign():
    faces = np.stack([FACE] * 5)
    faces[:, 2, 0] += 10  # the nose to the right: the head turned
    faces[:, 4] += (4, 8)  # the right corner of the mouth outward and down
    found = measures(track(faces))
    assert found["yaw_mean"] == pytest.approx(10 / 40)
    assert found["mouth_tilt_mean"] == pytest.approx(8 / 40)
    assert found["mouth_width_mean"] == pytest.approx(np.hypot(34, 8) / 40)
    assert found["eye_to_corner_uneven_mean"] < 0 < found["nose_to_corner_uneven_mean"]


def test_a_steady_walk_has_its_speed_and_no_acceleration():
    steps = np.arange(9)[:, None, None] * np.array([10.0, 0])  # 80 px in 2 s, eyes 40 px apart
    found = measures(track(FACE + steps))
    assert found["head_speed_mean"] == found["head_speed_high"] == pytest.approx(1.0)
    assert found["head_speed_energy"] == pytest.approx(1.0)
    assert found["head_acceleration_high"] == pytest.approx(0, abs=1e-5)
    assert found["place_x_slope"] == pytest.approx(1.0)
    assert found["place_x_range"] == pytest.approx(2.0)
    assert found["mouth_speed_high"] == found["nose_speed_high"] == pytest.approx(0, abs=1e-5)


def test_an_opening_mouth_moves_against_the_eyes():
    faces = np.stack([FACE] * 9)
    faces[:, 3:, 1] += np.arange(9)[:, None] * 2.0  # 16 px in 2 s
    assert measures(track(faces))["mouth_speed_mean"] == pytest.approx(16 / 40 / 2)


def test_coming_near_is_seen_in_the_box():
    found = measures(track(np.stack([FACE] * 5), height=np.array([100.0, 110, 120, 130, 140])))
    assert found["nearness_slope"] > 0
    assert found["nearness_range"] == pytest.approx(np.log(1.4))


@given(scale=st.floats(0.2, 5), right=st.floats(-500, 500), down=st.floats(-500, 500))
def test_neither_the_picture_s_size_nor_the_face_s_place_matters(scale, right, down):
    here = track(moving())
    there = here.copy()
    there[:, 1:5] = here[:, 1:5] * scale + [right, down, 0, 0]
    there[:, 7:] = here[:, 7:] * scale + [right, down] * 5
    one, other = measures(here), measures(there)
    np.testing.assert_allclose(list(other.values()), list(one.values()), rtol=2e-3, atol=2e-3)


def test_a_row_does_not_depend_on_the_other_clips():
    encoder = geometry.build({})
    clips = [track(moving() * factor) for factor in (1.0, 1.5, 0.7)]
    assert np.array_equal(encoder.embed(clips), np.concatenate([encoder.embed([clip]) for clip in clips]))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_clip_of_few_samples_is_measured_too(count):
    found = measures(track(moving(count)))
    assert len(found) == len(NAMES) == len(set(NAMES))
    assert np.isfinite(list(found.values())).all()


def test_eyes_in_one_place_are_a_detector_s_mistake_and_stay_finite():
    faces = np.stack([FACE] * 4)
    faces[1, 1] = faces[1, 0]
    assert np.isfinite(list(measures(track(faces)).values())).all()


def test_a_clip_without_a_face_is_a_row_of_nan_with_a_remark(tmp_path):
    clips = small_study.make_clips(persons=2, tests=1)
    (shard,) = small_study.write_pictures(clips, tmp_path, shards=1, faceless=["A901_2"])
    encoder = geometry.build({})
    tracks = dict(encoder.read(shard))
    assert list(tracks) == list(clips["clip"])
    assert all(samples.shape == (small_study.FRAMES, len(COLUMNS)) for samples in tracks.values())
    rows = dict(zip(tracks, encoder.embed(list(tracks.values())), strict=True))
    assert np.isnan(rows["A901_2"]).all()
    assert encoder.remark(tracks["A901_2"]) == "no face found"
    assert all(
        np.isfinite(row).all() and not encoder.remark(tracks[clip]) for clip, row in rows.items() if clip != "A901_2"
    )


def test_geometry_is_measured_without_torch():
    said = "import sys; from blemore.encoders import geometry; geometry.build({}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", said], check=True)
