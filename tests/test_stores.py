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
from types import ModuleType

import pytest

WITHOUT = "no moto or dvc-s3 here: stores are not tested against an S3 server (the developers' lock has both)"


def optional(module: str) -> ModuleType:
    """The module, or all tests here are skipped."""
    return pytest.importorskip(module, reason=WITHOUT)


optional("dvc_s3")
moto_server, moto_settings, moto_responses, moto_s3 = map(
    optional, ("moto.server", "moto.settings", "moto.core.responses", "moto.s3.models")
)
serving = optional("werkzeug.serving")

pytestmark = pytest.mark.slow

FILES, SIZE = 24, 50_000
BUCKETS = ("study", "other")
STORE = moto_s3.s3_backends["123456789012"]["aws"]
"""Of moto, in this process."""
OBJECTS = FILES + 2
"""With the list of the folder and a file that lies beside it."""
PATIENCE = 120
"""Seconds after which a test gives up."""


class Quiet(serving.WSGIRequestHandler):
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
        self._http = serving.make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def _answer(self, request: dict, start: Callable) -> object:
        method, path = request["REQUEST_METHOD"], request["PATH_INFO"]
        moved = self.moved  # of a test's part in which the request came, whenever it is answered
        if self.before(method, path):
            request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0))
            start("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"]
        answer = self._app(request, start)
        if method in ("GET", "PUT") and "/files/md5/" in path:
            moved.append((method, path))
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
            "  connect_timeout = 1\n"
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

    def kill_in_the_middle(self, server: Server, method: str, *command: str) -> None:
        """Kill DVC with all its threads once a third of the objects is through."""
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
                    return killed.wait(PATIENCE)  # nothing more gets through
            return False

        server.before, server.moved = stop, []
        process = self.begin(*command)
        assert third.wait(PATIENCE)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        server.before = lambda *_: False
        killed.set()

    def content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.data.iterdir()} if self.data.exists() else {}


def made(folder: Path, remote: str) -> Workspace:
    """A workspace with a versioned folder of files; nothing was pushed."""
    workspace = Workspace(folder, remote)
    drawn = random.Random(17)
    workspace.data.mkdir()
    for k in range(FILES):
        (workspace.data / f"{k}.bin").write_bytes(drawn.randbytes(SIZE))
    (folder / "note").write_text("a file of its own")
    assert workspace.dvc("add", "--quiet", "data", "note") == (0, "")
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
    """A workspace that was pushed. The last test takes an object away, and brings it back."""
    workspace = made(tmp_path_factory.mktemp("pushed"), server.url)
    code, said = workspace.dvc("push")
    assert (code, f"{OBJECTS} files pushed" in said) == (0, True), said
    return workspace


@pytest.fixture
def clone(pushed: Workspace, server: Server, tmp_path: Path) -> Workspace:
    """Another workspace, in which nothing lies but what git would bring."""
    workspace = Workspace(tmp_path / "clone", server.url)
    for name in ("data.dvc", "note.dvc"):
        shutil.copy(pushed.folder / name, workspace.folder)
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
    clone.kill_in_the_middle(server, "GET", "pull")
    assert clone.content() == {}
    server.moved = []
    assert clone.dvc("pull")[0] == 0
    assert clone.content() == pushed.content()
    fetched = sum(method == "GET" and not path.endswith(".dir") for method, path in server.moved)
    assert 0 < fetched <= FILES


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
    monkeypatch.setattr(moto_settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
    monkeypatch.setattr(moto_responses.ActionAuthenticatorMixin, "request_count", 1)
    code, said = clone.dvc("pull")
    assert code
    assert "Forbidden" in said
    assert clone.content() == {}


def seconds(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def test_a_server_that_gives_no_answer_is_named_within_20_seconds(clone: Workspace) -> None:
    start = seconds(lambda: clone.dvc("pull"))
    shutil.rmtree(clone.folder / ".dvc/cache")
    said: list = []
    with socket.socket() as nobody, socket.socket() as first, socket.socket() as second:
        nobody.bind(("127.0.0.1", 0))
        nobody.listen(0)
        for one in (first, second):  # fill the queue: who comes later is not even refused
            one.setblocking(False)
            one.connect_ex(nobody.getsockname())
        port = nobody.getsockname()[1]
        clone.point(f"http://127.0.0.1:{port}")
        assert seconds(lambda: said.extend(clone.dvc("pull"))) < 20 + start
    assert said[0]
    assert f"127.0.0.1:{port}" in said[1]


def test_one_lost_object_is_named_all_others_are_fetched_and_it_can_be_pushed_again(
    pushed: Workspace, clone: Workspace
) -> None:
    objects = STORE.buckets["study"].keys
    (listed,) = (key for key in objects if key.endswith(".dir"))
    key = min(key for key in objects if key != listed and len(objects[key].value) == SIZE)
    lost = "".join(key.split("/")[-2:])
    del objects[key]
    code, said = clone.dvc("pull")
    assert code
    assert lost in said
    assert (clone.content(), (clone.folder / "note").exists()) == ({}, False)
    # Fetched it is; `dvc checkout` brings back all but the folder that is not whole.
    assert len([path for path in (clone.folder / ".dvc/cache").rglob("*") if path.is_file()]) == OBJECTS - 2
    assert "data" in clone.dvc("checkout")[1]
    assert (clone.content(), (clone.folder / "note").exists()) == ({}, True)
    # Who has the object cannot simply push it again: where the list of a folder lies, DVC takes the rest for there.
    assert "up to date" in pushed.dvc("push")[1]
    del objects[listed]
    code, said = pushed.dvc("push")
    assert (code, "2 files pushed" in said) == (0, True), said
    assert clone.dvc("pull")[0] == 0
    assert clone.content() == pushed.content()
