"""What is changed in a clip leaves its emotion as it is."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blemore.encoders.pictures import as_float, drawn_light, moved, relit
from blemore.encoders.sound import cut_sound


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_pictures_keep_their_frames_alike_and_are_never_turned_upside_down():
    ramp = np.linspace(50, 200, 32).astype(np.uint8)  # darker above
    clips = [np.broadcast_to(ramp[:, None, None], (4, 32, 32, 3)) for _ in range(12)]
    generator = seeded()
    pixels = torch.from_numpy(np.stack(moved(clips, generator)))
    changed = relit(as_float(pixels), drawn_light(12, generator))
    assert torch.equal(changed[:, :1].expand_as(changed), changed)
    assert (changed[..., -1, :] > changed[..., 0, :]).all()
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert len({tuple(clip.flatten().tolist()) for clip in changed}) == 12


def test_about_half_of_the_clips_are_mirrored():
    ramp = np.linspace(50, 200, 32).astype(np.uint8)
    changed = moved([np.broadcast_to(ramp[:, None], (1, 32, 32, 3))] * 200, seeded())
    assert 0.4 < np.mean([clip[0, 0, 0, 0] > clip[0, 0, -1, 0] for clip in changed]) < 0.6


def test_a_shift_moves_by_at_most_a_sixteenth_and_repeats_the_border():
    rows, columns = np.mgrid[:32, :32]
    clip = np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)[None]
    shifts = set()
    for (changed,) in moved([clip] * 200, seeded()):
        down = changed[:, 0, 0].astype(int) - np.arange(32)
        shifts.add(int(down[16]))
        np.testing.assert_array_equal(changed[:, 0, 0], np.clip(np.arange(32) + down[16], 0, 31))
        assert np.array_equal(changed[:, :, 0], np.broadcast_to(changed[:, :1, 0], (32, 32)))
    assert shifts == {-2, -1, 0, 1, 2}


def test_other_light_is_a_gain_and_a_contrast_around_the_mean():
    clips = torch.rand(3, 2, 3, 8, 8, generator=seeded()) * 0.2 + 0.4
    changed = relit(clips.clone(), drawn_light(3, seeded(1)))
    for before, after in zip(clips.flatten(1), changed.flatten(1), strict=True):
        assert torch.corrcoef(torch.stack([before, after]))[0, 1] > 0.999
        assert 0.79 < after.mean() / before.mean() < 1.21


@pytest.mark.thorough
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_a_window_of_sound_is_the_clip_in_its_order_louder_or_softer(samples, length, seed):
    clip = np.random.default_rng(seed).integers(100, 10000, samples).astype(np.int16)
    (window,), ((gain,),) = cut_sound([clip], length, seeded(seed))
    places = np.arange(length)
    starts = range(samples - length + 1) if length <= samples else range(samples)  # repeated only where it is shorter
    assert any(np.array_equal(window, clip[(start + places) % samples]) for start in starts)
    assert 0.5 <= gain <= 2
