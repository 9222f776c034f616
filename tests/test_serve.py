"""Promises of `blemore serve` without a browser: who is answered, how much may be sent, turns, and that nothing is kept."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, FormData, web
from typer.testing import CliRunner

from blemore import cli
from blemore.predict.serve.app import Limits, application, hosts_of
from blemore.predict.serve.turns import Turns
from joblineage.errors import DataError

WORKER = """
import json, os, sys, time
say = lambda value: print(json.dumps(value), flush=True)
say({"about": {"pid": os.getpid()}})
for line in sys.stdin:
    clips = [open(path, "rb").read().decode() for path in json.loads(line)["clips"]]
    if "sleep" in clips: time.sleep(60)
    if "die" in clips: sys.exit(1)
    say({"fault": "no memory"} if "full" in clips else {"clips": clips, "pid": os.getpid(), "job": json.loads(line)})
"""
"""Answers with what the clips hold; some contents make it slow, end it, or fail."""


class Server:
    """A running page; `ask` posts clips, each given by its content."""

    def __init__(self, session: ClientSession, turns: Turns, address: str):
        self.session, self.turns, self.address = session, turns, address

    async def ask(self, *clips: str, headers: Any = None, **fields: str) -> tuple[int, list[dict[str, Any]]]:
        form = FormData(fields, default_to_multipart=True)
        for clip in clips:
            form.add_field("clip", clip.encode(), filename="clip")
        async with self.session.post(f"{self.address}/predict", data=form, headers=headers) as reply:
            return reply.status, [json.loads(line) for line in (await reply.text()).splitlines()]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a question to a server; in the end it keeps no file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def run(
        question: Callable[[Server], Awaitable[None]], seconds: float = 30, waiting: int = 8, size: int = 1000
    ) -> None:
        async def all_of_it() -> None:
            turns = Turns([sys.executable, "-c", WORKER], seconds=seconds, waiting=waiting)
            hosts: list[str] = []
            app = application(turns, await turns.start(), Limits(size, 30, 3), hosts)
            runner = web.AppRunner(app, handler_cancellation=True)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            hosts += hosts_of("127.0.0.1", port)
            async with ClientSession() as session:
                await asyncio.wait_for(question(Server(session, turns, f"http://127.0.0.1:{port}")), 30)
            await runner.cleanup()
            await turns.stop()

        asyncio.run(all_of_it())
        assert list(tmp_path.iterdir()) == []

    return run


def test_clips_are_answered_in_their_order_with_the_person_and_the_schedule_that_were_given(serve):
    async def question(page: Server) -> None:
        status, states = await page.ask("b", "a", person="somebody", schedule="balanced")
        assert status == 200
        assert {one["state"] for one in states[:-1]} <= {"waiting", "running"}
        assert states[-1]["state"] == "done"
        assert states[-1]["clips"] == ["b", "a"]
        job = states[-1]["job"]
        assert (job["person"], job["schedule"]) == ("somebody", "balanced")
        assert [Path(path).name for path in job["clips"]] == ["000", "001"]

    serve(question)


@pytest.mark.parametrize(
    ("headers", "words"),
    [({"Host": "elsewhere.example"}, "this page is at"), ({"Origin": "http://elsewhere.example"}, "another page")],
)
def test_another_host_name_and_another_page_are_refused(serve, headers, words):
    async def question(page: Server) -> None:
        status, (said,) = await page.ask("a", headers=headers)
        assert status == 403
        assert words in said["fault"]

    serve(question)


def test_what_is_too_large_too_much_empty_or_no_form_is_refused_with_the_reason(serve):
    async def question(page: Server) -> None:
        for clips, status, words in [
            (["x" * 1001], 413, "more than 0.001 MB"), (["x" * 600, "x" * 600], 413, "--megabytes"),
            (["a"] * 4, 413, "more than 3 clips"), ([], 400, "no clip"),
        ]:  # fmt: skip
            found, (said,) = await page.ask(*clips, other="field")
            assert (found, words in said["fault"]) == (status, True)
        async with page.session.post(f"{page.address}/predict", data=b"raw") as reply:
            assert reply.status == 415
        torn = {"Content-Type": "multipart/form-data; boundary=x"}
        async with page.session.post(f"{page.address}/predict", data=b"no form", headers=torn) as reply:
            assert reply.status == 400

    serve(question)


@pytest.mark.thorough
def test_jobs_take_turns_and_more_than_may_wait_are_sent_away(serve):
    async def question(page: Server) -> None:
        first = asyncio.create_task(page.ask("sleep"))
        while not page.turns.line:
            await asyncio.sleep(0.05)
        second = asyncio.create_task(page.ask("a"))
        while len(page.turns.line) < 2:
            await asyncio.sleep(0.05)
        status, (said,) = await page.ask("b")
        assert (status, "2 others wait" in said["fault"]) == (503, True)
        first.cancel()
        _, states = await second
        assert states[0] == {"state": "waiting", "ahead": 1}
        assert states[-1]["clips"] == ["a"]

    serve(question, waiting=1)


@pytest.mark.thorough
def test_a_job_that_takes_too_long_ends_with_the_limit_and_the_next_one_is_answered_by_a_fresh_process(serve):
    async def question(page: Server) -> None:
        _, states = await page.ask("sleep")
        assert states[-1]["state"] == "failed"
        assert "--minutes" in states[-1]["fault"]
        _, states = await page.ask("a")
        assert states[-1]["clips"] == ["a"]

    serve(question, seconds=0.6)


def test_a_process_that_ends_and_a_fault_of_the_machine_are_answers_and_others_go_on(serve):
    async def question(page: Server) -> None:
        _, states = await page.ask("die")
        assert "too little memory" in states[-1]["fault"]
        _, states = await page.ask("full")
        assert states[-1]["fault"] == "no memory"
        _, states = await page.ask("a")
        assert states[-1]["state"] == "done"

    serve(question)


def test_an_upload_that_breaks_off_leaves_no_file_and_no_turn(serve, tmp_path):
    async def question(page: Server) -> None:
        port = int(page.address.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 900\r\n"
        form = '--x\r\nContent-Disposition: form-data; name="clip"; filename="a"\r\n\r\nhalf a cl'
        writer.write(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n{form}".encode())
        await writer.drain()
        while not list(tmp_path.iterdir()):
            await asyncio.sleep(0.02)
        writer.close()
        while list(tmp_path.iterdir()):
            await asyncio.sleep(0.02)
        assert page.turns.line == []

    serve(question)


def test_the_page_forbids_what_is_not_its_own_and_says_its_limits(serve):
    async def question(page: Server) -> None:
        async with page.session.get(page.address) as reply:
            assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
            assert reply.headers["Cache-Control"] == "no-store"
            text = await reply.text()
        assert "agreed" in text
        assert "://" not in text
        async with page.session.get(f"{page.address}/about") as reply:
            assert (await reply.json())["limits"] == {"bytes": 1000, "clips": 3}

    serve(question)


def test_only_names_of_the_address_that_is_served_are_answered():
    assert hosts_of("127.0.0.1", 80) == ["127.0.0.1:80", "localhost:80", "[::1]:80"]
    assert hosts_of("192.168.0.7", 8000) == ["192.168.0.7:8000"]
    assert hosts_of("::1", 8000)[0] == "[::1]:8000"
    assert hosts_of("localhost", 8000)[0] == "localhost:8000"
    for every in ("0.0.0.0", "::"):
        with pytest.raises(DataError, match="every address"):
            hosts_of(every, 8000)


def test_a_bundle_that_is_none_and_every_address_are_refused_before_anything_is_served(tmp_path):
    called = ["serve", "--bundle", str(tmp_path)]
    assert CliRunner().invoke(cli.app, ["serve"]).exit_code == 2
    with pytest.raises(DataError, match="every address"):
        cli.app([*called, "--host", "0.0.0.0"], standalone_mode=False)
    with pytest.raises(DataError, match="is no bundle"):
        cli.app(called, standalone_mode=False)
