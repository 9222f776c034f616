"""The demo's actors: names, labels and folds agree, clips keep their secrets, and faces and voices mean what they say."""

import fcntl
import json
import math
import subprocess
import sys
import tempfile
from itertools import combinations
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import yaml

from blemore.datasets import demo
from blemore.scoring.labels import EMOTIONS
from blemore.tables import NO_FOLD
from demoactors import make, schedule
from demoactors.expressions import INDEX, UNITS, emotion_matrix, limit_mouth
from demoactors.head import load_head

OPTIONS = {
    "train_actors": 3,
    "test_actors": 1,
    "folds": 3,
    "intensities": [4],
    "neutral": 1,
    "ratios": 3,
    "unusual": {},
    "seconds": [1.0, 1.2],
    "size": 160,
}
SEED = 5
SAMPLE = ("ang_int4", "hap_int4", "neu_sit1", "mix_fea_sad_70_30")


def display(actor: str, wanted: str) -> schedule.Display:
    return next(d for d in schedule.displays(actor, OPTIONS) if wanted in d.name)


def decode(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (T, h, w, 3) uint8 and samples (n,) float32 of a clip."""
    with av.open(str(path)) as clip:
        pictures = np.stack([frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)])
    with av.open(str(path)) as clip:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in clip.decode(audio=0)])
    return pictures, samples


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Tables, all test clips and a few train clips (the first picture compiles the renderer)."""
    folder = tmp_path_factory.mktemp("demo")
    make.make_tables(OPTIONS, SEED, folder)
    for name in SAMPLE:
        make.make_clip("A901", display("A901", name), folder / f"train/A901_{name}_ver1.mov", OPTIONS, SEED)
    test_options = OPTIONS | {"seconds": [0.5, 0.5], "size": 64}
    make.make_test(test_options, SEED, folder)
    return folder


@pytest.fixture(scope="module")
def truth(root) -> dict:
    return json.loads((root / "truth.json").read_text())


@pytest.mark.thorough
def test_names_columns_and_folds_make_a_faultless_roster(root):
    roster = demo.roster(root, **OPTIONS)
    assert sorted(roster["file"]) == demo.clip_files(root, OPTIONS)
    train = roster[roster["split"] == "train"]
    assert set(train["person"]) == {"A901", "A902", "A903"}
    assert (roster.loc[roster["split"] == "test", "fold"] == NO_FOLD).all()


def test_no_person_appears_in_two_folds_and_every_fold_has_clips(root):
    table = pd.read_csv(root / "train_metadata.csv")
    persons = table["filename"].str.split("_").str[0]
    assert len(table.assign(person=persons)[["person", "fold"]].drop_duplicates()) == persons.nunique()
    assert set(table["fold"]) == set(range(OPTIONS["folds"]))


def test_metadata_has_the_challenge_columns_and_nothing_else(root):
    table = pd.read_csv(root / "train_metadata.csv")
    assert list(table.columns) == [
        "filename", "fold", "mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience",
    ]  # fmt: skip
    blends = table[table["mix"] == 1]
    assert (blends["emotion_1_salience"] + blends["emotion_2_salience"] == 100).all()
    assert (
        table.loc[table["mix"] == 0, ["emotion_2", "emotion_1_salience", "emotion_2_salience"]].isna().to_numpy().all()
    )


def test_every_actor_shows_all_thirty_blends_each_emotion_and_neutral(root):
    pairs = {
        (*pair, share, 100 - share)
        for pair in combinations(("ang", "disg", "fea", "hap", "sad"), 2)
        for share in (30, 50, 70)
    }
    table = pd.read_csv(root / "train_metadata.csv")
    for _, clips in table.groupby(table["filename"].str.split("_").str[0]):
        blends = clips[clips["mix"] == 1]
        found = blends[["emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]].itertuples(index=False)
        assert {tuple(row) for row in found} == pairs
        assert set(clips.loc[clips["mix"] == 0, "emotion_1"]) == {*EMOTIONS, "neu"}


def test_the_usual_schedule_has_54_clips_named_as_blemore_names_them():
    options = OPTIONS | {"intensities": [1, 2, 3, 4], "neutral": 4}
    names = [d.name for d in schedule.displays("A901", options)]
    assert len(names) == len(set(names)) == 54
    assert {"A901_ang_int1_ver1", "A901_neu_sit4_ver1", "A901_mix_ang_disg_50_50_ver1"} <= set(names)


def test_ratios_of_the_pairs_are_dealt_round_over_actors():
    options = OPTIONS | {"ratios": 1}
    shown = [d for actor in ("A901", "A902", "A903") for d in schedule.displays(actor, options) if len(d.emotions) == 2]
    assert len(shown) == len({(d.emotions, d.saliences) for d in shown}) == 30
    for actor in ("A901", "A902"):
        ratios = [d.saliences[0] for d in schedule.displays(actor, options) if len(d.emotions) == 2]
        assert sorted(map(ratios.count, (30, 50, 70))) == [3, 3, 4]


def test_actors_of_an_unusual_schedule_show_what_its_name_says():
    options = OPTIONS | {"ratios": 1, "unusual": {"A901": "no_blends", "A902": "blends_only", "A903": "three_emotions"}}
    none, only, three = (schedule.displays(actor, options) for actor in ("A901", "A902", "A903"))
    assert {len(d.emotions) for d in none} == {0, 1}
    assert len(none) == 21
    assert {len(d.emotions) for d in only} == {2}
    assert len(only) == 20
    assert {name for d in three for name in d.emotions} == {"ang", "disg", "fea"}
    assert len(three) == 22
    assert len({d.name for d in (*none, *only, *three)}) == 63


def test_the_data_card_counts_what_the_demo_makes():
    repository = Path(__file__).parents[1]
    options = yaml.safe_load((repository / "params.yaml").read_text())["demo"]
    shown = [d for actor in schedule.actors(options, "train") for d in schedule.displays(actor, options)]
    blends, tests = sum(len(d.emotions) == 2 for d in shown), len(schedule.test_names(options))
    card = (repository / "docs/data_card.md").read_text()
    assert f"- **Clips**: {len(shown) + tests} .mov files" in card
    assert (
        f"{len(shown)} are labelled ({len(shown) - blends} single emotions or neutral, {blends} blends), {tests} are"
        in card
    )
    assert f"{options['train_actors']} training and {options['test_actors']} test actors" in card


def test_test_clips_carry_no_identity_in_name_or_container(root, truth):
    persons = {row["person"] for row in truth["test"].values()}
    for name in demo.test_files(OPTIONS):
        path = root / name
        assert path.name in truth["test"]
        with av.open(str(path)) as clip:
            told = str(dict(clip.metadata)) + "".join(str(dict(stream.metadata)) for stream in clip.streams)
        assert not any(person in told for person in persons)
        assert not any(person.encode() in path.read_bytes() for person in persons)
        assert "creation_time" not in told


def test_only_the_truth_file_knows_the_test_labels(root, truth):
    template = json.loads((root / "submission_template.json").read_text())
    assert template == {"predictions": {name.removeprefix("test/"): [] for name in demo.test_files(OPTIONS)}}
    assert set(truth["test"]) == set(template["predictions"])
    assert "test_" not in (root / "train_metadata.csv").read_text()
    in_order = [truth["test"][name]["emotion_1"] for name in sorted(truth["test"])]
    unshuffled = [make._labels(d)["emotion_1"] for d in schedule.displays("A904", OPTIONS)]
    assert sorted(in_order) == sorted(unshuffled)
    assert in_order != unshuffled


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_another_process(root, tmp_path):
    again = tmp_path / "again.mov"
    code = (
        "import sys; from pathlib import Path; from demoactors import make, schedule\n"
        f"options = {OPTIONS!r}\n"
        "shown = next(d for d in schedule.displays('A901', options) if 'hap_int4' in d.name)\n"
        f"make.make_clip('A901', shown, Path(sys.argv[1]), options, {SEED})"
    )
    subprocess.run([sys.executable, "-c", code, str(again)], check=True)
    assert again.read_bytes() == (root / "train/A901_hap_int4_ver1.mov").read_bytes()
    other = tmp_path / "other.mov"
    make.make_clip("A901", display("A901", "hap_int4"), other, OPTIONS, SEED + 1)
    assert other.read_bytes() != again.read_bytes()


@pytest.mark.thorough
@pytest.mark.parametrize("name", SAMPLE)
def test_picture_and_sound_are_real_and_equally_long(root, name):
    pictures, samples = decode(root / f"train/A901_{name}_ver1.mov")
    with av.open(str(root / f"train/A901_{name}_ver1.mov")) as clip:
        video, audio = clip.streams.video[0], clip.streams.audio[0]
        assert (video.codec.name, audio.codec.name) == ("h264", "aac")
        seconds = [float(stream.duration * stream.time_base) for stream in (video, audio)]
    assert pictures.shape[1:] == (160, 160, 3)
    assert abs(seconds[0] - seconds[1]) <= 1 / 25 + 1024 / 16000
    assert abs(len(pictures) / 25 - seconds[0]) < 1e-3
    assert pictures.std() > 10
    assert np.abs(np.diff(pictures.astype(int), axis=0)).mean() > 0.1
    assert np.sqrt(np.mean(samples**2)) > 0.005
    assert np.abs(samples).max() < 0.999
    assert abs(samples.mean()) < 1e-3


def heights(actor: str, strengths: np.ndarray) -> dict[str, float]:
    """Height (dm) of the mouth corners above the middle of the lips' line, and of the inner brow ends."""
    from demoactors.actor import Pose

    head = load_head()
    template = head.template
    points = make.cast(actor, SEED).vertices(limit_mouth(strengths), Pose())[: len(template)]
    lips = head.parts["body"] & (head.masks["lips"] > 0.5)
    corner = lips & (np.abs(template[:, 0]) > 0.98 * np.abs(template[lips, 0]).max())
    brow = head.parts["body"] & (template[:, 2] > 1.2)
    brow &= np.hypot(np.abs(template[:, 0]) - 0.15, template[:, 1] - 7.57) < 0.05
    return {"corner": float(points[corner, 1].mean()), "brow": float(points[brow, 1].mean())}


@pytest.mark.thorough
@pytest.mark.parametrize("actor", ["A901", "A902", "A903", "A904"])
def test_smiles_rise_frowns_fall_and_sad_brows_are_oblique(actor):
    rest = heights(actor, np.zeros(len(UNITS)))
    shown = {e: heights(actor, row) for e, row in zip(EMOTIONS, emotion_matrix(), strict=True)}
    assert shown["hap"]["corner"] > rest["corner"] + 0.05
    assert shown["sad"]["corner"] < rest["corner"] - 0.03
    assert shown["sad"]["brow"] > rest["brow"] + 0.03
    assert shown["ang"]["brow"] < rest["brow"] - 0.03


def test_played_clips_show_what_they_are_called():
    from demoactors.performance import display_weights, face_curves, poses
    from demoactors.style import generator
    from demoactors.voice import vocalise

    def apex(actor, emotion):
        shown, style = display(actor, f"{emotion}_int4"), make.actor_style(actor, SEED)
        face, sound = generator(SEED, shown.name, "face"), generator(SEED, shown.name, "voice")
        in_face, in_voice = display_weights(face, sound, shown, style, 1.0)
        voice = vocalise(sound, style, in_voice, 1.6)
        moves = poses(generator(SEED, shown.name, "movement"), in_face, style, voice, 40)
        assert max(abs(move.yaw) for move in moves) <= 0.38
        return face_curves(face, in_face, style, voice, 40)[15:30].mean(axis=0)

    own_unit = {"ang": 23, "hap": 12, "sad": 15, "fea": 2}
    actors = [f"A{901 + k}" for k in range(8)]
    mean = {emotion: np.mean([apex(actor, emotion) for actor in actors], axis=0) for emotion in own_unit}
    for emotion, unit in own_unit.items():
        others = [mean[other][INDEX[unit]] for other in own_unit if other != emotion]
        assert mean[emotion][INDEX[unit]] > max(others) + 0.2


def test_a_neutral_mouth_stays_closed():
    from demoactors.expressions import OPENING_UNITS
    from demoactors.performance import face_curves
    from demoactors.voice import vocalise

    rng, style = np.random.default_rng(0), make.actor_style("A901", SEED)
    voice = vocalise(rng, style, np.zeros(5), 1.6)
    curves = face_curves(rng, np.zeros(5), style, voice, 40)
    assert curves[:, list(OPENING_UNITS)].max() < 0.1


def test_a_louder_voice_is_a_stronger_emotion_not_a_clipped_one():
    from demoactors.voice import vocalise

    style = make.actor_style("A902", SEED)
    loudness = {}
    for k, emotion in enumerate(EMOTIONS):
        weights = np.eye(5)[k] * 1.2
        samples = vocalise(np.random.default_rng(k), style, weights, 2.0).samples
        assert np.isfinite(samples).all()
        assert (np.abs(samples) > 0.98).mean() < 1e-3
        loudness[emotion] = float(np.sqrt(np.mean(samples**2)))
    assert loudness["ang"] > loudness["sad"]


def test_an_actors_style_depends_on_seed_and_name_alone():
    one, same, other = (make.actor_style("A903", seed) for seed in (1, 1, 2))
    assert np.array_equal(one.prominence, same.prominence)
    assert not np.array_equal(one.prominence, other.prominence)


def test_the_data_set_module_starts_without_heavy_imports():
    code = "import sys, blemore.datasets.demo; print([m for m in ('numba', 'cv2', 'av', 'torch', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_renderer_rounds_as_mathematics_does():
    from demoactors.rasteriser import _ceil, _floor

    for x in np.array([-3.5, -3, -0.25, 0, 0.25, 2, 2.75, 511.5], np.float32):
        assert (_floor(x), _ceil(x)) == (math.floor(x), math.ceil(x))


def test_every_sample_sees_the_nearest_triangle_that_covers_it():
    from demoactors import rasteriser

    rng, size, count = np.random.default_rng(3), 48, 60
    points = rng.uniform(-8, size + 8, (3 * count, 3)).astype(np.float32)
    triangles = np.arange(3 * count, dtype=np.uint32).reshape(count, 3)
    material = np.full(count, rasteriser.HAIR, np.int8)  # seen from both sides
    depth = np.full((size, size), -np.inf, np.float32)
    seen = np.full((size, size), rasteriser.NOTHING, np.int32)
    rasteriser.visible_triangles(points, triangles, material, np.zeros(3 * count, np.float32), depth, seen)

    y, x = np.mgrid[:size, :size] + 0.5
    corners = points[triangles].astype(float)
    margin, z = np.empty((2, count, size, size))
    for t, ((ax, ay, az), (bx, by, bz), (cx, cy, cz)) in enumerate(corners):
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        a = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
        b = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
        margin[t], z[t] = np.minimum(np.minimum(a, b), 1 - a - b), a * az + b * bz + (1 - a - b) * cz
    clear = (np.abs(margin) > 1e-3).all(axis=0)  # no edge passes within rounding
    nearest = np.where(margin > 0, z, -np.inf)
    assert clear.mean() > 0.8
    assert np.array_equal(seen[clear], np.where((margin > 0).any(axis=0), nearest.argmax(axis=0), -1)[clear])
    covered = clear & (seen >= 0)
    assert np.allclose(depth[covered], nearest.max(axis=0)[covered], atol=1e-2)


def test_wrinkles_hold_no_numbers_that_are_slow_to_add():
    from demoactors.skin import wrinkles

    _, folds = wrinkles()
    assert np.abs(folds[folds != 0]).min() > np.finfo(np.float32).tiny


@pytest.mark.slow
def test_an_actor_who_is_cast_has_every_kernel_compiled(tmp_path):
    code = (
        "import sys; from pathlib import Path; from numba.core.dispatcher import Dispatcher\n"
        "from demoactors import make, schedule\n"
        f"options = {OPTIONS | {'seconds': [0.5, 0.5], 'size': 64}!r}\n"
        f"make.cast('A901', {SEED})\n"
        "from demoactors import geometry, rasteriser, voice\n"
        "kernels = [k for m in (geometry, rasteriser, voice) for k in vars(m).values() if isinstance(k, Dispatcher)]\n"
        "ready = lambda: [len(k.signatures) for k in kernels]\n"
        "before = ready()\n"
        f"make.make_clip('A901', schedule.displays('A901', options)[0], Path(sys.argv[1]), options, {SEED})\n"
        "print(before == ready(), sum(before) > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.mov")], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "True"]


def test_only_one_process_at_a_time_compiles(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with make._one_process():
        (lock,) = tmp_path.iterdir()
        with lock.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert other.readable()
