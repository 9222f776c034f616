"""Promises of the file of decoded clips that the folds of an encoder share."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import small_study

from blemore.encoders.pictures import Pictures
from blemore.learning.training import media as training_media
from blemore.learning.training.loop import train_fold
from blemore.learning.training.media import Media, forget_media, read_media
from joblineage import declare
from joblineage.errors import DataError

PICTURES = Pictures(count=8, size=32)
SETTINGS = {
    "name": "s4d", "module": "vitmoe", "media": "faces", "learning": "finetuned", "scale": "tiny",
    "epochs": 1, "batch": 8, "learning_rate": 1e-3,
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    clips = small_study.make_clips(persons=4, folds=2, tests=4)
    return clips, small_study.write_pictures(clips, tmp_path_factory.mktemp("faces"), side=32)


@pytest.fixture
def decodings(monkeypatch):
    """The clips that are decoded from now on, counted."""
    counted = []
    decode = Pictures.decode
    monkeypatch.setattr(Pictures, "decode", lambda self, raw: counted.append(1) or decode(self, raw))
    return counted


def train(study, folder, fold, shared=None):
    """Train a fold; the bytes of what was written."""
    folder.mkdir()
    files = {"probabilities": "rows.parquet", "curve": "curve.csv", "weights": "weights.safetensors"}
    paths = {kind: folder / name for kind, name in files.items()}
    train_fold(SETTINGS, *study, fold=fold, seed=17, state=folder / "state.pt", shared=shared, **paths)
    return {kind: path.read_bytes() for kind, path in paths.items()}


@pytest.mark.thorough
def test_folds_that_share_decoded_clips_give_the_bytes_of_folds_trained_alone(study, tmp_path, decodings):
    alone = [train(study, tmp_path / f"alone{fold}", fold) for fold in (0, 1)]
    assert len(decodings) == 2 * len(study[0])
    decodings.clear()
    shared = tmp_path / "cache" / "shared"
    assert [train(study, tmp_path / f"together{fold}", fold, shared) for fold in (0, 1)] == alone
    assert len(decodings) == len(study[0])


def test_a_second_reader_decodes_nothing_and_finds_the_same_clips_in_its_own_order(study, tmp_path, decodings):
    clips, shards = study
    first = read_media(shards, clips["clip"], PICTURES, shared=tmp_path / "shared")
    decodings.clear()
    again = read_media([], clips["clip"][::-1], PICTURES, shared=tmp_path / "shared")
    np.testing.assert_array_equal(np.stack(list(again)), np.stack(list(first))[::-1])
    assert list(again.digests) == list(first.digests)[::-1]
    assert not decodings


def test_readers_at_once_wait_for_the_one_that_decodes(study, tmp_path, decodings):
    clips, shards = study
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: read_media(shards, clips["clip"], PICTURES, 1, tmp_path / "shared"), range(4)))
    assert len(decodings) == len(clips)
    assert all(media.digests == found[0].digests for media in found)


def test_a_shared_file_with_a_changed_clip_is_made_anew_and_one_that_is_used_is_declared(study, tmp_path, decodings):
    clips, shards = study
    shared = tmp_path / "shared"
    first = read_media(shards, clips["clip"], PICTURES, shared=shared)
    clip = first[0].tobytes()
    declare.begin()
    read_media(shards, clips["clip"], PICTURES, shared=shared)
    assert [Path(one["path"]).parent for one in declare.taken(list)] == [shared]
    shared.write_bytes(shared.read_bytes().replace(clip, bytes(255 - value for value in clip)))
    declare.begin()
    decodings.clear()
    again = read_media(shards, clips["clip"], PICTURES, shared=shared)
    assert again[0].tobytes() == clip
    assert len(decodings) == len(clips)
    assert declare.taken(list) is None
    declare.forget()


@pytest.mark.parametrize("kept", [0, 8, 0.5, -1])
def test_a_half_written_file_is_never_used(study, tmp_path, kept):
    clips, shards = study
    shared = tmp_path / "shared"
    whole = read_media(shards, clips["clip"], PICTURES, shared=shared)
    data = shared.read_bytes()
    shared.unlink()  # else the clips that are mapped would go with it
    shared.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    assert read_media(shards, clips["clip"], PICTURES, shared=shared).digests == whole.digests
    assert shared.read_bytes() == data


def test_a_reader_that_fails_leaves_no_file(study, tmp_path):
    clips, shards = study
    with pytest.raises(DataError, match="not in the prepared files"):
        read_media(shards[1:], clips["clip"], PICTURES, shared=tmp_path / "shared")
    assert not (tmp_path / "shared").exists()


def test_a_file_of_other_clips_or_of_another_preprocessing_is_made_anew(study, tmp_path):
    clips, shards = study
    shared = tmp_path / "shared"
    read_media(shards, clips["clip"][:3], PICTURES, shared=shared)
    assert len(read_media(shards, clips["clip"], PICTURES, shared=shared)) == len(clips)
    closer = Pictures(count=8, size=16, border=8)
    assert read_media(shards, clips["clip"], closer, shared=shared)[0].shape[1:3] == (16, 16)


def test_a_choice_of_clips_is_no_copy(study, tmp_path):
    clips, shards = study
    media = read_media(shards, clips["clip"], PICTURES, shared=tmp_path / "shared")
    chosen = media.where((np.arange(len(media)) % 2).astype(bool))
    assert len(chosen) == len(media) // 2
    assert all(np.shares_memory(chosen[k], media[2 * k + 1]) for k in range(len(chosen)))
    assert not chosen[0].flags.writeable


def test_looking_at_all_clips_costs_no_memory_that_lasts(tmp_path, monkeypatch):
    monkeypatch.setattr(training_media, "MAPPED", 2**20)

    class Made(Pictures):
        def read(self, shard):
            return ((f"c{k:02}", k) for k in range(32))

        def decode(self, raw):
            return np.full((16, 64, 64, 16), raw, np.uint8)  # 1 MB

    names = small_study.pd.Series([f"c{k:02}" for k in range(32)])
    shared = tmp_path / "shared"
    media = read_media([Path("shard")], names, Made(count=8, size=64), shared=shared)
    assert mapped(shared) < 2**20  # finding where the clips lie costs none either
    assert [int(clip.max()) for clip in media] == list(range(32))
    assert mapped(shared) < 4 * 2**20


def mapped(path):
    """Bytes of a mapped file that count as this process's memory."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    starts = [k for k, line in enumerate(lines) if line.endswith(str(path))]
    assert starts
    return sum(1024 * int(next(line for line in lines[k:] if line.startswith("Rss:")).split()[1]) for k in starts)


def test_clips_of_the_process_s_own_memory_have_the_digests_of_those_in_a_file(study, tmp_path):
    clips, shards = study
    media = read_media(shards, clips["clip"], PICTURES, shared=tmp_path / "shared")
    assert Media.of(list(media)).digests == list(media.digests)


def test_a_forgotten_file_is_gone_with_its_lock_and_what_a_killed_process_left(study, tmp_path):
    clips, shards = study
    shared = tmp_path / "shared"
    media = read_media(shards, clips["clip"], PICTURES, shared=shared)
    (tmp_path / ".shared.999.tmp").write_bytes(b"half")
    forget_media(shared)
    assert not list(tmp_path.iterdir())
    assert media[0].any()
