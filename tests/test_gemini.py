"""What embedding with Gemini promises: nothing is paid for twice, no key gets out, no clip leaves without leave."""

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from gemini_server import (
    BLOCK,
    KEY,
    PRICE,
    SERVICE,
    Server,
    make_pieces,
    prepare,
    run,
    vector,
    write_pieces,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from blemore.gemini.commands import app
from blemore.gemini.service import ENDPOINT, api_key, check_url
from blemore.gemini.stand_in import Answer, error
from blemore.gemini.store import Cache, Ledger, alone, cache_key
from joblineage.errors import DataError, MissingDataError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def outside(monkeypatch, tmp_path):
    prepare(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def pieces():
    return make_pieces(60)


def command(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def embed(server, folder, cache, *more):
    return command("embed", "--pieces", folder, "--cache", cache, "--base-url", server.url, "--rpm", 60_000,
                   "--dimensions", 128, *more)  # fmt: skip


# What is paid for is kept


@pytest.mark.thorough
def test_a_second_run_asks_for_nothing(tmp_path, pieces, monkeypatch):
    folder = write_pieces(tmp_path / "pieces", pieces[:12])
    with Server() as server:
        first = embed(server, folder, tmp_path / "cache", "--out", tmp_path / "a.parquet")
        assert first.exit_code == 0, first.output
        assert "12 vectors made" in first.output
        assert len(server.asked) == 12
        assert set(server.lengths) == {1}
    monkeypatch.delenv("GOOGLE_API_KEY")  # all hits need no key, and no server: this one is gone
    second = embed(server, folder, tmp_path / "cache", "--out", tmp_path / "b.parquet")
    assert second.exit_code == 0, second.output
    assert "0 vectors made, 12 were in the cache" in second.output
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    table = pd.read_parquet(tmp_path / "a.parquet")
    for clip, mp4 in pieces[:12]:
        found = table.set_index("clip").loc[clip, "features"]
        np.testing.assert_allclose(found, vector(mp4, 128), atol=1e-6)
    assert json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"shape"]) == [128]
    assert Ledger(tmp_path / "cache/ledger.jsonl").spent() == pytest.approx(12 * PRICE)


@pytest.mark.thorough
def test_after_kill_9_only_what_is_missing_is_sent(tmp_path, pieces):
    folder = write_pieces(tmp_path / "pieces", pieces[:40])
    cache = tmp_path / "cache"
    with Server(latency=0.2) as server:
        program = "from blemore.gemini.commands import app; app()"
        options = ["--pieces", folder, "--cache", cache, "--base-url", server.url, "--rpm", 60_000, "--dimensions", 128]
        child = subprocess.Popen(
            [sys.executable, "-c", program, "embed", *map(str, options)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ,
        )
        while len(server.asked) < 12:
            assert child.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        time.sleep(0.6)  # what was under way ends at the server
        sent = len(server.asked)
        service = replace(SERVICE, base_url=server.url)
        kept = {mp4 for _, mp4 in pieces[:40] if Cache(cache).vector(cache_key(mp4, service), 128) is not None}
        assert 0 < len(kept) < 40
        server.latency = 0
        again = embed(server, folder, cache)
        assert again.exit_code == 0, again.output
        second = server.asked[sent:]
    assert len(second) == len(set(second)) == 40 - len(kept)
    assert not kept & set(second)
    assert sent + len(second) - 40 <= 4  # the concurrency
    ledger = Ledger(cache / "ledger.jsonl")
    assert ledger.spent() == pytest.approx(PRICE * (sent + len(second)), abs=4 * PRICE)
    assert ledger.spent() >= PRICE * 40 - 1e-9


def test_equal_pieces_are_asked_for_once(tmp_path, pieces):
    with Server() as server:
        vectors, _ = run(tmp_path, server).vectors([("a", pieces[0][1]), ("b", pieces[0][1]), ("c", pieces[1][1])])
        assert len(server.asked) == 2
    assert (vectors[0] == vectors[1]).all()
    assert (vectors[0] != vectors[2]).any()


@given(data=st.data())
@settings(max_examples=20)
def test_a_cache_key_changes_with_all_that_decides_a_vector(data):
    mp4 = data.draw(st.binary(max_size=20))
    key = cache_key(mp4, SERVICE)
    assert key == cache_key(mp4, replace(SERVICE, concurrency=9, max_usd=1.0, requests_per_minute=5))
    others = [
        replace(SERVICE, model="another"),
        replace(SERVICE, dimensions=256),
        replace(SERVICE, base_url="http://127.0.0.1:1"),
        replace(SERVICE, backend="stand-in"),
    ]
    keys = [key, cache_key(mp4 + b"x", SERVICE), *(cache_key(mp4, other) for other in others)]
    assert len(set(keys)) == len(keys)


def test_a_broken_cache_file_counts_as_missing(tmp_path, pieces):
    with Server() as server:
        first, _ = run(tmp_path, server).vectors(pieces[:2])
        path = next((tmp_path / "cache/vectors").rglob("*.npy"))
        path.write_bytes(path.read_bytes()[:-9])
        again, _ = run(tmp_path, server).vectors(pieces[:2])
        assert len(server.asked) == 3
    assert (first == again).all()


def test_a_ledger_line_cut_by_a_kill_is_passed_over_and_costs_what_it_may_have_cost(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    done, failed, _ = (ledger.sent(key * 64, SERVICE, 1.0) for key in "abc")
    ledger.done(done, 1.0, "a hash")
    ledger.failed(failed, 0.0, "HTTP 500")
    with open(ledger.path, "a") as file:
        file.write('{"event": "do')
    assert ledger.spent() == 2.0  # of the third request nobody knows
    ledger.sent("d" * 64, SERVICE, 1.0)
    assert ledger.spent() == 3.0
    assert len(list(ledger.lines())) == 6


def test_only_one_run_at_a_time_asks_for_a_cache(tmp_path):
    waited, order = threading.Event(), []

    def second():
        with alone(tmp_path, waited.set):
            order.append("second")

    with alone(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


# The key


def test_the_key_is_in_no_log_no_ledger_and_no_message(tmp_path, pieces, caplog, capfd):
    """Google's own messages repeat it, for a suspended account for one."""
    message = f"Permission denied: Consumer 'api_key:{KEY}' has been suspended."
    faults = {
        2: "hang up",
        4: Answer(500, error(500, "INTERNAL", message)),
        7: Answer(403, error(403, "PERMISSION_DENIED", message)),
    }
    caplog.set_level(logging.DEBUG)
    with Server(lambda number, mp4: faults.get(number)) as server, pytest.raises(DataError) as caught:
        run(tmp_path, server, concurrency=1).vectors(pieces[:9])
    assert "Consumer 'api_key:[key]'" in str(caught.value)
    assert caplog.records
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + "".join(capfd.readouterr())
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in shown + written
    assert KEY[8:20] not in shown + written


@pytest.mark.parametrize(
    ("google", "gemini", "found"),
    [(" a\n", "b", "a"), (" \t", "b", "b"), (None, "b", "b"), (None, None, None), ("  ", "\n", None)],
)
def test_google_api_key_comes_first_and_a_blank_key_is_none(monkeypatch, google, gemini, found):
    for name, value in (("GOOGLE_API_KEY", google), ("GEMINI_API_KEY", gemini)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    if found is None:
        with pytest.raises(MissingDataError, match="GOOGLE_API_KEY"):
            api_key()
    else:
        assert api_key() == found


def test_without_a_key_nothing_is_sent(tmp_path, pieces, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "   ")
    with Server() as server:
        with pytest.raises(MissingDataError, match="no API key"):
            run(tmp_path, server).vectors(pieces[:2])
        assert not server.asked


def test_key_and_pieces_never_go_unencrypted_over_a_network():
    for good in (ENDPOINT, "http://127.0.0.1:8080", "http://localhost:1"):
        check_url(good)
    for bad in ("http://example.org", "ftp://example.org", "example.org"):
        with pytest.raises(DataError):
            check_url(bad)


# The plan


@pytest.mark.parametrize("arguments", [["plan"], ["plan", "--json"], ["embed", "--dry-run"]])
def test_a_plan_opens_no_socket_needs_no_key_and_writes_nothing(arguments, tmp_path, pieces, monkeypatch):
    folder = write_pieces(tmp_path / "pieces", pieces[:10])
    service = replace(SERVICE, dimensions=128)
    cache = Cache(tmp_path / "cache")
    cache.keep(cache_key(pieces[0][1], service), vector(pieces[0][1], 128))
    (folder / "broken.mp4").write_bytes(b"no video")
    before = sorted(tmp_path.rglob("*"))

    def refuse(*_args, **_kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.delenv("GOOGLE_API_KEY")
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    result = command(*arguments, "--pieces", folder, "--cache", tmp_path / "cache", "--dimensions", 128, "--rpm", 3)
    assert result.exit_code == 0, result.output
    if "--json" in arguments:
        plan = json.loads(result.output)
        assert (plan["pieces"], plan["hits"], plan["misses"], plan["refused"]) == (11, 1, 9, 1)
        assert plan["usd"] == pytest.approx(9 * PRICE)
        assert plan["minutes"] == pytest.approx(3)
    else:
        for said in (
            "1 of 11 pieces are there",
            "9 pieces, 18 s",
            ENDPOINT,
            "$0.01",
            "3.0 minutes",
            "check before use",
        ):
            assert said in result.output
    assert sorted(tmp_path.rglob("*")) == before


def write_study(folder, **changed):
    """A study's folder with the project's parameters, but the top keys `changed`."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text()) | changed
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    shutil.copytree(ROOT / "schemas", folder / "schemas")


@pytest.mark.parametrize("subcommand", ["plan", "embed"])
def test_the_commands_refuse_what_the_start_of_the_workflow_refuses(subcommand, tmp_path, pieces):
    folder = write_pieces(tmp_path / "pieces", pieces[:2])
    write_study(tmp_path, gemini=BLOCK | {"max_usd": float("nan"), "dimension": 128})
    result = command(subcommand, "--pieces", folder)
    assert isinstance(result.exception, DataError)
    assert "gemini.max_usd: found nan, expected a number from 0" in str(result.exception)
    assert "gemini.dimension: unknown key, did you mean 'dimensions'?" in str(result.exception)


@pytest.mark.parametrize(
    ("option", "value"), [("--dimensions", 64), ("--rpm", 0), ("--max-usd", -1), ("--max-usd", "inf")]
)
def test_an_option_out_of_range_is_refused(option, value, tmp_path):
    result = command("plan", option, value)
    assert result.exit_code == 2
    assert option in result.output


def test_a_limit_that_is_no_number_allows_nothing(tmp_path, pieces):
    with Server() as server:
        result = embed(server, write_pieces(tmp_path / "pieces", pieces[:2]), tmp_path / "cache", "--max-usd", "nan")
        assert "spending limit" in str(result.exception)
        assert not server.asked


def test_options_that_are_not_given_come_from_the_study(tmp_path, pieces):
    folder = write_pieces(tmp_path / "pieces", pieces[:2])
    write_study(tmp_path, gemini=BLOCK | {"dimensions": 256})
    plan = json.loads(command("plan", "--pieces", folder, "--json").output)
    assert plan["dimensions"] == 256
    assert plan["minutes"] == pytest.approx(2 / 300)


def test_clips_of_real_people_are_not_sent_by_hand_without_approval_either(tmp_path, pieces):
    folder = write_pieces(tmp_path / "pieces", pieces[:2])
    write_study(tmp_path, dataset="blemore", gemini=BLOCK)
    result = command("embed", "--pieces", folder, "--cache", tmp_path / "cache")
    assert isinstance(result.exception, DataError)
    assert "gemini.transfer_approved" in str(result.exception)


def test_pieces_come_from_the_workflows_shards_too(tmp_path, pieces):
    folder = tmp_path / "shards"
    folder.mkdir()
    for k in (0, 1):
        clips, files = zip(*pieces[3 * k : 3 * k + 3], strict=True)
        pq.write_table(pa.table({"clip": clips, "mp4": files}), folder / f"{k:03d}.parquet")
    with Server() as server:
        assert embed(server, folder, tmp_path / "cache").exit_code == 0
        assert set(server.asked) == {mp4 for _, mp4 in pieces[:6]}


@pytest.mark.parametrize("content", [None, "shard"])
def test_a_folder_without_pieces_is_named(content, tmp_path):
    folder = tmp_path / "pieces"
    folder.mkdir()
    if content:
        pq.write_table(pa.table({"clip": ["a"], "jpeg": [b""]}), folder / "000.parquet")
    result = command("plan", "--pieces", folder)
    assert isinstance(result.exception, DataError)
    assert str(folder) in str(result.exception)


def test_what_a_service_gave_is_closed_to_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    with alone(tmp_path / "cache/gemini"):
        assert (tmp_path / "cache/gemini").stat().st_mode & 0o077 == 0
