"""A study's versions in an object store: moto's S3 server on loopback, DVC's own commands, and what goes wrong there."""

import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WITHOUT = "needs moto's server and dvc-s3, which only the developers' lock has"
pytest.importorskip("dvc_s3", reason=WITHOUT)
moto_server = pytest.importorskip("moto.server", reason=WITHOUT)

import moto.settings
from moto.core.responses import ActionAuthenticatorMixin
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

pytestmark = pytest.mark.slow

FILES, SIZE = 24, 50_000
BUCKETS = ("study", "other")
STORE = s3_backends["123456789012"]["aws"]
"""Of moto, in this process."""
OBJECTS = FILES + 1
"""With the list of the folder."""
PATIENCE = 120
"""Seconds after which a test gives up."""


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """No line for each request."""


class Server:
    """S3 on loopback.

    before : is called with the method and path of each request; it may wait, or return True to have "503 Slow Down" said.
    moved : (method, path) of each object that was stored or given.
    """

    def __init__(self) -> None:
        self.before: Callable[[str, str], bool] = lambda method, path: False
        self.moved: list[tuple[str, str]] = []
        self._app = moto_server.DomainDispatcherApplication(moto_server.create_backend_app)
        self._http = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def _answer(self, request: dict, start: Callable) -> object:
        method, path = request["REQUEST_METHOD"], request["PATH_INFO"]
        if self.before(method, path):
            request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0))
            start("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"]
        answer = self._app(request, start)
        if method in ("GET", "PUT") and "/files/md5/" in path:
            self.moved.append((method, path))
        return answer

    def close(self) -> None:
        self._http.shutdown()


class Workspace:
    """A folder under DVC, versioned without git, whose default remote is a folder of the bucket."""

    def __init__(self, folder: Path, remote: str):
        self.folder, self.data = folder, folder / "data"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DVC_"))}
        self.environment |= {"HOME": str(folder), "DVC_SITE_CACHE_DIR": str(folder / "site"), "AWS_MAX_ATTEMPTS": "2"}
        self.environment |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        (folder / ".dvc").mkdir(parents=True, exist_ok=True)
        self.point(remote)

    def point(self, remote: str, bucket: str = "study") -> None:
        """Have the default remote be a bucket of the server at `remote`."""
        (self.folder / ".dvc/config").write_text(
            "[core]\n  no_scm = true\n  analytics = false\n  remote = shared\n"
            f"['remote \"shared\"']\n  url = s3://{bucket}/versions\n  endpointurl = {remote}\n  region = us-east-1\n"
        )

    def begin(self, *command: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "dvc", *command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def dvc(self, *command: str) -> tuple[int, str]:
        """Exit status and what was said."""
        process = self.begin(*command)
        said = process.communicate(timeout=PATIENCE)[0]
        return process.returncode, said

    def kill_in_the_middle(self, server: Server, method: str, *command: str) -> int:
        """Kill DVC with all its threads once a third of the objects is through; how many were."""
        through = [0]
        third, killed = threading.Event(), threading.Event()
        lock = threading.Lock()

        def stop(asked: str, path: str) -> bool:
            if asked == method and "/files/md5/" in path and not path.endswith(".dir"):
                with lock:
                    through[0] += 1
                    held = through[0] > FILES // 3
                if held:
                    third.set()
                    killed.wait(PATIENCE)
            return False

        server.before, server.moved = stop, []
        process = self.begin(*command)
        assert third.wait(PATIENCE)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        server.before = lambda *_: False
        killed.set()
        return FILES // 3

    def content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.data.iterdir()} if self.data.exists() else {}


def made(folder: Path, remote: str) -> Workspace:
    """A workspace with a versioned folder of files; nothing was pushed."""
    workspace = Workspace(folder, remote)
    drawn = random.Random(17)
    workspace.data.mkdir()
    for k in range(FILES):
        (workspace.data / f"{k}.bin").write_bytes(drawn.randbytes(SIZE))
    assert workspace.dvc("add", "--quiet", "data") == (0, "")
    return workspace


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    for bucket in BUCKETS:
        STORE.create_bucket(bucket, "us-east-1")
    yield server
    server.close()


@pytest.fixture(scope="module")
def pushed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that was pushed. Tests change neither it nor the bucket."""
    workspace = made(tmp_path_factory.mktemp("pushed"), server.url)
    code, said = workspace.dvc("push")
    assert (code, f"{OBJECTS} files pushed" in said) == (0, True), said
    return workspace


@pytest.fixture
def clone(pushed: Workspace, server: Server, tmp_path: Path) -> Workspace:
    """Another workspace, in which nothing lies but what git would bring."""
    workspace = Workspace(tmp_path / "clone", server.url)
    shutil.copy(pushed.folder / "data.dvc", workspace.folder)
    return workspace


def stored(bucket: str) -> dict[str, bytes]:
    """{md5: object} of a bucket."""
    return {"".join(key.split("/")[-2:]): one.value for key, one in STORE.buckets[bucket].keys.items()}


def whole(objects: dict[str, bytes]) -> bool:
    return all(hashlib.md5(data).hexdigest() == name.removesuffix(".dir") for name, data in objects.items())


def test_what_was_pushed_comes_back_byte_for_byte(pushed: Workspace, clone: Workspace, server: Server) -> None:
    assert whole(stored("study"))
    assert clone.dvc("pull")[0] == 0
    assert clone.content() == pushed.content()


def test_a_pull_that_was_killed_goes_on_and_left_nothing_half_written(
    pushed: Workspace, clone: Workspace, server: Server
) -> None:
    through = clone.kill_in_the_middle(server, "GET", "pull")
    assert clone.content() == {}
    server.moved = []
    assert clone.dvc("pull")[0] == 0
    assert clone.content() == pushed.content()
    fetched = sum(method == "GET" and not path.endswith(".dir") for method, path in server.moved)
    assert FILES - through <= fetched <= FILES


def test_a_push_that_was_killed_goes_on_and_stores_no_half_object(server: Server, tmp_path: Path) -> None:
    workspace = made(tmp_path / "pushing", server.url)
    workspace.point(server.url, "other")
    workspace.kill_in_the_middle(server, "PUT", "push")
    there = stored("other")
    assert whole(there)
    assert len(there) < OBJECTS
    assert not any(name.endswith(".dir") for name in there)  # the list comes last: it promises what it names
    # The second time through a server that refuses every third request.
    asked = [0]

    def throttle(*_: str) -> bool:
        asked[0] += 1
        return asked[0] % 3 == 0

    server.before = throttle
    code, said = workspace.dvc("push")
    shutil.rmtree(workspace.folder / ".dvc/cache")
    before = workspace.content()
    shutil.rmtree(workspace.data)
    pulled = workspace.dvc("pull")
    server.before = lambda *_: False
    assert (code, pulled[0]) == (0, 0), said + pulled[1]
    assert workspace.content() == before
    assert whole(stored("other"))


def test_a_wrong_key_is_named_as_the_reason(clone: Workspace, server: Server, monkeypatch) -> None:
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
    monkeypatch.setattr(ActionAuthenticatorMixin, "request_count", 1)
    code, said = clone.dvc("pull")
    assert code
    assert "ERROR" in said
    print(said)
    assert clone.content() == {}


def test_a_server_that_cannot_be_reached_is_named_within_20_seconds(clone: Workspace) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        nobody.listen(0)
        address = nobody.getsockname()
        with socket.socket() as first, socket.socket() as second:
            for one in (first, second):  # fill the queue: who comes later gets no answer at all
                one.setblocking(False)
                one.connect_ex(address)
            clone.point(f"http://127.0.0.1:{address[1]}")
            began = time.monotonic()
            code, said = clone.dvc("pull")
    print(time.monotonic() - began)
    assert code
    assert f"127.0.0.1:{address[1]}" in said
    assert time.monotonic() - began < 20


def test_one_lost_object_is_named_and_all_others_are_fetched(pushed: Workspace, clone: Workspace, server: Server) -> None:
    lost = sorted(stored("study"))[3].removesuffix(".dir")
    del STORE.buckets["study"].keys[f"versions/files/md5/{lost[:2]}/{lost[2:]}"]
    code, said = clone.dvc("pull")
    assert code
    assert lost in said
    assert clone.content() == {}
    print(said, len(list((clone.folder/".dvc/cache").rglob("*"))))
    print(pushed.dvc("push"))
    print(len(stored("study")))
