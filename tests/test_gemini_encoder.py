"""Gemini as an encoder of a study, its stand-in, and what of its settings is refused."""

import hashlib
import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gemini_server import BLOCK, Server, make_pieces, prepare, vector
from media_samples import moving_bar, write_clip

from blemore.gemini.service import ENDPOINT, check_service
from blemore.gemini.stand_in import StandIn, look, vector_of
from blemore.gemini.store import Ledger
from joblineage.errors import DataError

APPROVED = {"by": "A. Head", "date": "2026-11-02", "basis": "consent form 4"}


@pytest.fixture(autouse=True)
def outside(monkeypatch, tmp_path):
    prepare(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def pieces():
    return make_pieces(3)


def test_the_stand_in_sees_one_picture_a_second_and_says_the_same_always():
    still = make_pieces(1, shade=60)[0][1]
    assert look(still).shape == (2, 24, 24)
    first = vector_of(still, 128)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(first, vector_of(still, 128))
    program = "import sys; sys.path[:0] = sys.argv[1:]\n"
    program += "from gemini_server import make_pieces; from blemore.gemini.stand_in import vector_of\n"
    program += (
        "import hashlib; print(hashlib.sha256(vector_of(make_pieces(1, shade=60)[0][1], 128).tobytes()).hexdigest())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, os.path.dirname(__file__)], check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == hashlib.sha256(first.tobytes()).hexdigest()


def test_alike_pictures_lie_nearer_than_others(tmp_path):
    def piece(name, shift):
        path = write_clip(tmp_path / name, draw=lambda time, width, height: moving_bar(time + shift, width, height))
        return vector_of(path.read_bytes(), 256)

    here, near, far = piece("a.mp4", 0.0), piece("b.mp4", 0.02), piece("c.mp4", 1.0)
    assert here @ near > here @ far


def shard(folder, pieces):
    path = folder / "000.parquet"
    clips, files = zip(*pieces, strict=True)
    pq.write_table(pa.table({"clip": clips, "mp4": files}), path)
    return path


def build(**changes):
    from blemore.encoders.gemini import build

    service = BLOCK | {"dataset": "demo"} | changes
    return build({"name": "gemini", "module": "gemini", "media": "pieces", "learning": "frozen", "service": service})


@pytest.mark.thorough
def test_the_encoder_with_the_stand_in_needs_no_key_and_says_what_it_is(tmp_path, pieces, monkeypatch, caplog):
    monkeypatch.delenv("GOOGLE_API_KEY")
    threads = threading.active_count()
    encoder = build()
    rows = dict(encoder.read(shard(tmp_path, [*pieces[:3], ("broken", b"no video")])))
    clips = [encoder.decode(raw) for raw in rows.values()]
    features = encoder.embed(clips)
    assert features.shape == (4, 128)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:3], [vector_of(mp4, 128) for _, mp4 in pieces[:3]], atol=1e-6)
    assert np.isnan(features[3]).all()
    assert encoder.remark(clips[0]).startswith("stand-in")
    assert encoder.remark(clips[3]) == "not embedded: no readable video"
    assert "STAND-IN" in caplog.text
    assert threading.active_count() == threads  # the server is gone
    np.testing.assert_array_equal(build().embed(clips), features)
    np.testing.assert_array_equal(build().embed(clips[1:2]), features[1:2])  # a row depends on its own clip alone
    assert (tmp_path / "cache/gemini-stand-in/vectors").is_dir()
    assert not (tmp_path / "cache/gemini").exists()


def test_the_encoder_with_the_api_asks_the_service_and_keeps_who_approved(tmp_path, pieces, monkeypatch):
    from blemore.encoders.gemini import Gemini, NamedPiece

    encoder = build(backend="api", dataset="blemore", transfer_approved=APPROVED)
    assert encoder.run.service.base_url == ENDPOINT
    with Server() as server:
        encoder = Gemini(replace(encoder.run.service, base_url=server.url))
        features = encoder.embed([NamedPiece(*piece) for piece in pieces[:3]])
    np.testing.assert_allclose(features, [vector(mp4, 128) for _, mp4 in pieces[:3]], atol=1e-6)
    assert encoder.remark(NamedPiece(*pieces[0])) == ""
    notes = [line for line in Ledger(tmp_path / "cache/gemini/ledger.jsonl").lines() if line["event"] == "note"]
    assert notes[0]["approved"] == "A. Head, 2026-11-02, consent form 4"


@pytest.mark.parametrize("off", ["off", False])
def test_an_encoder_that_is_off_cannot_be_built(off):
    with pytest.raises(DataError, match="switch the encoder off"):
        build(backend=off)


@pytest.mark.parametrize(
    ("changes", "dataset", "said"),
    [
        ({}, "demo", []),
        ({"backend": "off"}, "blemore", []),
        ({"backend": False}, "blemore", []),
        ({"backend": "api"}, "demo", []),
        ({"backend": "api", "transfer_approved": APPROVED}, "blemore", []),
        ({}, "blemore", ["stand-in says nothing about real faces"]),
        ({}, "anything_else", ["not used with dataset anything_else"]),
        ({"backend": "api"}, "blemore", ["transfer_approved"]),
        ({"backend": "api"}, "anything_else", ["transfer_approved"]),
    ],
)
def test_who_may_be_asked_depends_on_whose_clips_they_are(changes, dataset, said):
    faults = check_service(BLOCK | changes, dataset)
    assert len(faults) == len(said)
    for part, fault in zip(said, faults, strict=True):
        assert part in fault


def test_the_check_of_the_settings_loads_nothing_heavy():
    program = "import sys, blemore.gemini.service, blemore.gemini.commands\n"
    program += "print([name for name in ('torch', 'google.genai', 'av', 'numpy', 'pandas') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[]"


def test_a_local_server_answers_wrong_requests_as_the_service_does(pieces):
    with StandIn() as server:
        assert server.answer("/v1beta/models/x:generateContent", {}, b"{}").status == 404
        path = "/v1beta/models/gemini-embedding-2:batchEmbedContents"
        assert server.answer(path, {}, b"{}").status == 403
        assert server.answer(path, {"x-goog-api-key": "k"}, b"{").status == 400
