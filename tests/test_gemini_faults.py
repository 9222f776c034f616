"""What rate, budget and faults of the service mean for a run: each fault of the service, injected by a local server."""

import threading
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from gemini_server import BAD_KEY, DAILY, PRICE, Server, make_pieces, prepare, retry_delay, run, too_many, vector
from hypothesis import given, settings
from hypothesis import strategies as st

from blemore.gemini.client import checked
from blemore.gemini.embedding import TRIES
from blemore.gemini.faults import Failure, Meaning, failure
from blemore.gemini.limits import Budget, Pace, Stopped
from blemore.gemini.stand_in import Answer, error
from joblineage import declare
from joblineage.errors import DataError
from joblineage.files import sha256


@pytest.fixture(autouse=True)
def outside(monkeypatch, tmp_path):
    prepare(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def pieces():
    return make_pieces(60)


def answer(status, name="", message="no", *details):
    return Answer(status, error(status, name, message, *details))


STOPS = {
    "a bad key, which comes as 400": answer(400, "INVALID_ARGUMENT", "API key not valid.", BAD_KEY),
    "401": answer(401, "UNAUTHENTICATED"),
    "403": answer(403, "PERMISSION_DENIED"),
    "404": answer(404, "NOT_FOUND"),
    "a region that is not served, which comes as 400": answer(400, "FAILED_PRECONDITION", "User location"),
    "the daily quota, which comes as 429": too_many(DAILY, retry_delay("20s")),
    "a 429 that asks for hours": too_many(retry_delay("7200s")),
    "a redirection": Answer(302, b"", {"Location": "https://example.org"}),
    "a status that nobody knows": answer(409, "ABORTED"),
    "a vector of another length": Answer(200, {"embeddings": [{"values": [1.0] * 64}]}),
    "two vectors for one piece": Answer(200, {"embeddings": [{"values": [1.0] * 128}] * 2}),
}
AGAIN = {
    "429": too_many(),
    "429 with retryDelay": too_many(retry_delay("0.01s")),
    "429 with Retry-After": too_many(**{"Retry-After": "0"}),
    "408": answer(408),
    "500": answer(500, "INTERNAL"),
    "502 without JSON": Answer(502, b"<html>Bad gateway</html>"),
    "503": answer(503, "UNAVAILABLE"),
    "504": answer(504, "DEADLINE_EXCEEDED"),
    "bad JSON": Answer(200, b'{"embeddings": [{"val'),
    "JSON of another form": Answer(200, b'["no"]'),
    "no vector": Answer(200, {"embeddings": []}),
    "no body": Answer(200, b""),
    "JSON nested too deeply": Answer(200, b"[" * 100_000 + b"]" * 100_000),
    "an error nested too deeply": Answer(503, b'{"error":' * 100_000 + b"1" + b"}" * 100_000),
    "a dropped connection": "hang up",
}
STOPS |= {"a wait without end": Answer(503, {}, {"retry-after": "9" * 400})}
LEAVES = {
    "any other 400": answer(400, "INVALID_ARGUMENT", "The video is corrupt"),
    "413": answer(413, "", "Payload too large"),
    "a vector of zeros": Answer(200, {"embeddings": [{"values": [0.0] * 128}]}),
    "NaN": Answer(200, b'{"embeddings": [{"values": [' + b"NaN, " * 127 + b"1.0]}]}"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", STOPS)
def test_the_run_stops_at_once_at(name, tmp_path, pieces):
    with Server(lambda number, mp4: STOPS[name]) as server:
        with pytest.raises(DataError, match=r"0 vector\(s\) of this run are kept"):
            run(tmp_path, server).vectors(pieces[:9])
        assert len(server.asked) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("name", AGAIN)
def test_a_piece_is_asked_for_again_after(name, tmp_path, pieces):
    with Server(lambda number, mp4: AGAIN[name] if number in (1, 3, 4) else None) as server:
        vectors, reasons = run(tmp_path, server).vectors(pieces[:5])
        assert len(server.asked) == 8
    np.testing.assert_allclose(vectors, [vector(mp4, 128) for _, mp4 in pieces[:5]], atol=1e-6)
    assert reasons == [""] * 5


@pytest.mark.parametrize("name", LEAVES)
def test_one_piece_alone_is_lost_by(name, tmp_path, pieces):
    bad = pieces[3][1]
    with Server(lambda number, mp4: LEAVES[name] if mp4 == bad else None) as server:
        vectors, reasons = run(tmp_path, server).vectors(pieces[:6])
        assert np.isnan(vectors[3]).all()
        assert np.isfinite(np.delete(vectors, 3, 0)).all()
        assert reasons[3]
        assert len(server.asked) == 6
        again, reasons = run(tmp_path, server).vectors(pieces[:6])
        assert len(server.asked) == 6  # the refusal is remembered
    np.testing.assert_array_equal(again, vectors)
    assert reasons[3]


def test_a_refused_first_piece_is_believed_once_another_is_taken(tmp_path, pieces):
    with Server(lambda number, mp4: LEAVES["413"] if number <= 2 else None) as server:
        _, reasons = run(tmp_path, server).vectors(pieces[:4])
    assert [bool(reason) for reason in reasons] == [True, True, False, False]


def test_when_all_first_pieces_are_refused_it_is_our_fault_and_nothing_is_remembered(tmp_path, pieces):
    with Server(lambda number, mp4: LEAVES["any other 400"]) as server:
        with pytest.raises(DataError, match="none was taken"):
            run(tmp_path, server).vectors(pieces[:9])
        assert len(server.asked) == 3
    with Server() as server:
        _, reasons = run(tmp_path, server).vectors(pieces[:9])
        assert reasons == [""] * 9


@pytest.mark.thorough
def test_no_answer_in_time_is_asked_again_and_counted_as_paid(tmp_path, pieces):
    slow = threading.Event()

    def fault(number, mp4):
        if number == 1:
            slow.wait(10)

    with Server(fault) as server:
        patient = run(tmp_path, server, timeout=0.5)
        vectors, _ = patient.vectors(pieces[:2])
        slow.set()
    assert np.isfinite(vectors).all()
    assert patient.ledger.spent() == pytest.approx(3 * PRICE)
    assert any(line.get("reason") == "no answer within 0.5 s" for line in patient.ledger.lines())


def test_without_a_service_the_run_stops_and_says_what_is_kept(tmp_path, pieces):
    with Server(lambda number, mp4: "hang up" if number > 3 else None) as server:
        broken = run(tmp_path, server)
        with pytest.raises(DataError, match=rf"(?s)3 vector\(s\).*kept.*{TRIES} tries failed"):
            broken.vectors(pieces[:20])
    gone = run(tmp_path, server)
    with pytest.raises(DataError, match="no connection to http://127"):
        gone.vectors(pieces[:20])
    assert gone.ledger.spent() == pytest.approx(broken.ledger.spent())  # what was never sent costs nothing


@pytest.mark.thorough
def test_a_piece_on_which_the_service_always_fails_is_put_aside_and_named(tmp_path, pieces):
    with Server(lambda number, mp4: AGAIN["500"] if mp4 == pieces[2][1] else None) as server:
        stubborn = run(tmp_path, server, first_wait=0.01)
        with pytest.raises(DataError, match=r"(?s)59 vector\(s\).*clip002: put aside, HTTP 500"):
            stubborn.vectors(pieces)


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        ([retry_delay("36s")], {}, 36),
        ([retry_delay("0.25s")], {}, 0.25),
        ([], {"retry-after": "7"}, 7),
        ([retry_delay("3s")], {"retry-after": "7"}, 7),
        ([retry_delay("soon")], {"retry-after": "soon"}, None),
        ([], {}, None),
    ],
)
def test_the_wait_that_the_service_asks_for_is_understood(body, headers, wait):
    found = failure(429, error(429, "RESOURCE_EXHAUSTED", "slow down", *body), headers)
    assert (found.meaning, found.wait, found.everybody) == (Meaning.again, wait, True)


def test_a_date_to_wait_for_is_understood():
    at = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    found = failure(503, None, {"retry-after": at})
    assert 30 < found.wait <= 60


@given(
    status=st.integers(300, 599),
    body=st.recursive(
        st.none() | st.booleans() | st.text(max_size=8) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["error", "details", "violations", "status", "reason"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    ),
)
@settings(max_examples=150)
def test_whatever_an_answer_holds_it_has_a_meaning(status, body):
    found = failure(status, body, {})
    if status in (401, 403, 404):
        assert found.meaning is Meaning.stop
    if status >= 500 and not isinstance(body, dict | list):
        assert found.meaning is Meaning.again


@pytest.mark.parametrize("dimensions", [128, 3072])
def test_vectors_come_out_with_norm_one(dimensions):
    whole = np.full(dimensions, 1 / np.sqrt(dimensions))
    assert np.linalg.norm(checked([list(whole)], dimensions)) == pytest.approx(1, abs=1e-6)
    part = [list(whole * 0.7)]  # as earlier models give shorter vectors
    if dimensions == 3072:
        with pytest.raises(Failure, match=r"norm 0\.7"):
            checked(part, dimensions)
    else:
        assert np.linalg.norm(checked(part, dimensions)) == pytest.approx(1, abs=1e-6)


# Rate, concurrency, pauses, money


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@given(rate=st.integers(1, 600), delays=st.lists(st.floats(0, 30), min_size=2, max_size=80))
@settings(max_examples=60)
def test_no_minute_sees_more_requests_than_the_limit(rate, delays):
    fake = FakeTime()
    pace = Pace(rate, threading.Event(), fake.clock, fake.sleep)
    starts = []
    for delay in delays:
        fake.sleep(delay)
        pace.wait()
        starts.append(fake.now)
    for k, start in enumerate(starts):
        assert sum(start <= other < start + 60 - 1e-6 for other in starts[k:]) <= rate


@pytest.mark.thorough
def test_the_server_sees_no_faster_requests_than_the_limit(tmp_path, pieces):
    with Server() as server:
        run(tmp_path, server, requests_per_minute=600).vectors(pieces[:10])
    assert server.times[-1] - server.times[0] > 0.5 * 9 * 0.1  # an even pace, were it not for the way to the server


def test_no_more_requests_are_under_way_than_the_concurrency(tmp_path, pieces):
    with Server(latency=0.02) as server:
        run(tmp_path, server, concurrency=3).vectors(pieces[:20])
    assert 2 <= server.most_under_way <= 3


def test_the_first_request_goes_alone(tmp_path, pieces):
    under_way = []
    with Server(latency=0.1) as server:
        server.fault = lambda number, mp4: under_way.append((number, len(server.asked))) and None
        run(tmp_path, server).vectors(pieces[:8])
    assert under_way[0] == (1, 1)


def test_vectors_that_are_not_those_which_came_are_asked_for_again_and_the_others_declared(tmp_path, pieces, caplog):
    with Server() as server:
        first, _ = run(tmp_path, server).vectors(pieces[:9])
        files = sorted(tmp_path.rglob("*.npy"))
        for path in files[:4]:
            np.save(path, np.random.default_rng(0).normal(size=128).astype(np.float32))
        declare.begin()
        again, _ = run(tmp_path, server).vectors(pieces[:9])
        assert len(server.asked) == 9 + 4
    np.testing.assert_array_equal(again, first)
    assert caplog.text.count("not the vector that came from the service; it is asked for again") >= 4
    assert {one["path"]: one["sha256"] for one in declare.taken(list)} == {str(path): sha256(path) for path in files}
    declare.forget()


@pytest.mark.thorough
def test_a_429_with_a_delay_pauses_all_workers(tmp_path, pieces):
    said = []

    def fault(number, mp4):
        if number == 5:
            said.append(time.monotonic())
            return too_many(retry_delay("1.5s"))
        return None

    with Server(fault) as server:
        vectors, _ = run(tmp_path, server, concurrency=3).vectors(pieces)
    assert np.isfinite(vectors).all()
    during = [at for at in server.times if said[0] < at < said[0] + 1.5]
    assert len(during) <= 2  # what the other two workers had under way; each alone would have sent dozens


def test_a_pause_holds_and_a_stop_ends_all_waiting():
    fake, stop = FakeTime(), threading.Event()
    pace = Pace(None, stop, fake.clock, fake.sleep)
    pace.pause(30)
    pace.pause(5)  # the longer one stays
    pace.wait()
    assert fake.now == pytest.approx(30)
    pace.rest(10)
    assert fake.now == pytest.approx(40)
    stop.set()
    for waiting in (pace.wait, lambda: pace.rest(1)):
        with pytest.raises(Stopped):
            waiting()


def test_the_spending_limit_stops_before_it_is_exceeded_and_keeps_what_is_paid(tmp_path, pieces):
    with Server() as server:
        poor = run(tmp_path, server, max_usd=5.5 * PRICE)
        with pytest.raises(DataError, match=r"spending limit of \$0\.01 is reached.*--max-usd"):
            poor.vectors(pieces[:10])
        assert len(server.asked) == 5 == poor.made
        with pytest.raises(DataError, match="spending limit"):  # the ledger remembers
            run(tmp_path, server, max_usd=5.5 * PRICE).vectors(pieces[:10])
        assert len(server.asked) == 5
        rich = run(tmp_path, server, max_usd=10.0)
        rich.vectors(pieces[:10])
        assert len(server.asked) == 10
        assert rich.made == 5
    assert rich.ledger.spent() == pytest.approx(10 * PRICE)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40), st.floats(0, 5))
def test_a_budget_never_gives_more_than_its_limit(requests, limit):
    budget = Budget(limit, 0.0)
    for usd, paid in requests:
        if budget.take(usd):
            budget.settle(usd, usd if paid else 0.0)
    assert budget.spent <= limit + 1e-6
