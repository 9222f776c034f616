"""The documentation as a site: built without a warning, whole, self-contained, and found by the words of new users.

The searches need Chromium and its driver, as the tests of the report page do.
"""

import re
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
import reference
from chromium import SIZES, chromium, needed, show

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[1]
START = "docs/index.html"
QUESTIONS = {
    "install python": "docs/start/install",
    "CUDA out of memory": "docs/troubleshooting",
    "run without GPU": "docs/requirements",
    "how many clips per person": "docs/howto/data_set",
    "Gemini key": "docs/gemini",
    "where is the submission file": "docs/start/first_hour",
    "use my own probabilities": "docs/howto/score",
    "what is salience": "docs/reference/terms",
    "reproduce a result": "docs/howto/audit",
    "resume after kill": "docs/troubleshooting",
    "delete a person's clips": "docs/howto/withdraw",
    "Slurm": "docs/cluster",
    "licence of weights": "docs/limits",
}
"""What new users type into the search -> the page that answers, which has to be the first one found."""
OTHERS = {"CUDA out of memory", "LockException", "Unable to acquire lock", "No space left on device"}
"""Messages in the troubleshooting page that other programs print."""


class Page(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        found = dict(attributes)
        self.anchors |= {found[name] or "" for name in ("id", "name") if name in found}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"] or "")
        elif tag == "link":
            self.loaded.append(found.get("href") or "")
        self.loaded += [found[name] or "" for name in ("src", "srcset", "poster", "data") if name in found]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The site's folder, and what `make docs` said."""
    folder = tmp_path_factory.mktemp("site")
    command = ["make", "--silent", "--old-file=.venv/developer", "docs", f"SITE={folder}"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout + done.stderr
    return folder, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pages(built: tuple[Path, str]) -> dict[str, Page]:
    folder, _ = built
    return {path.relative_to(folder).as_posix(): Page(path.read_text()) for path in folder.rglob("*.html")}


def inside(page: str, link: str) -> tuple[str, str] | None:
    """(path in the site, anchor) that a page's link leads to; None where it leads elsewhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = Path("/", page).parent / unquote(parts.path) if parts.path else Path("/", page)
    return re.sub(r"^/", "", str(Path(path).resolve())), unquote(parts.fragment)


def test_the_site_is_built_without_a_warning(built) -> None:
    folder, said = built
    assert said == ""
    assert (folder / "index.html").is_file()


def test_every_page_in_docs_is_a_page_of_the_site(pages) -> None:
    sources = [path.relative_to(REPOSITORY).with_suffix(".html") for path in (REPOSITORY / "docs").rglob("*.md")]
    assert len(sources) > 40
    assert {path.as_posix() for path in sources} <= set(pages)


def test_every_link_and_anchor_within_the_site_leads_somewhere(built, pages) -> None:
    folder, _ = built
    broken, followed = [], 0
    for name, page in pages.items():
        for link in page.links:
            if found := inside(name, link):
                followed += 1
                path, anchor = found
                known = pages[path].anchors if path in pages else set()
                if not (folder / path).is_file() or (anchor and path in pages and anchor not in known):
                    broken.append(f"{name}: {link}")
    assert followed > 1000
    assert broken == []


def test_every_page_is_at_most_two_clicks_from_the_start(pages) -> None:
    reached = {START}
    for _ in range(2):
        reached |= {
            found[0] for name in reached & set(pages) for link in pages[name].links if (found := inside(name, link))
        }
    assert {name for name in pages if name.startswith("docs/")} - reached == set()


def test_no_page_loads_anything_from_another_host(built, pages) -> None:
    folder, _ = built
    assert [f"{name}: {one}" for name, page in pages.items() for one in page.loaded if not inside(name, one)] == []
    foreign = re.compile(r"url\(\s*['\"]?(?:https?:)?//|@import")
    styles = list(folder.rglob("*.css"))
    assert styles
    assert [path.name for path in styles if foreign.search(path.read_text())] == []


def test_what_would_be_loaded_or_broken_is_found() -> None:
    page = Page('<a href="x.html#one">x</a><a id="two"></a><script src="https://cdn.example/x.js"></script>')
    assert (page.links, page.loaded, page.anchors) == (["x.html#one"], ["https://cdn.example/x.js"], {"two"})
    assert inside("docs/start/a.html", "../b.html#c") == ("docs/b.html", "c")
    assert inside("docs/a.html", "//cdn.example/x.js") is None


def test_the_reference_has_every_command_parameter_and_function(pages) -> None:
    from typer.main import get_command

    import blemore
    from blemore.cli import app

    def walk(command: Any, name: str) -> Iterator[str]:
        yield name
        for key, one in getattr(command, "commands", {}).items():
            yield from walk(one, f"{name}-{key}")

    commands = set(walk(get_command(app), "blemore")) - {"blemore"}
    assert len(commands) > 40
    assert commands <= pages["docs/reference/cli.html"].anchors
    assert {f"blemore.{name}" for name in [*blemore.__all__, "Bundle"]} <= pages["docs/reference/python.html"].anchors
    assert {f"joblineage.{name}" for name in reference.LINEAGE} <= pages["docs/reference/joblineage.html"].anchors


def test_the_reference_of_the_lineage_library_has_what_its_readme_names() -> None:
    readme = (REPOSITORY / "src/joblineage/README.md").read_text()
    rows = re.findall(r"^\| (`joblineage\.[^|]*) \|", readme, re.M)
    named = {name.removeprefix("joblineage.") for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    assert len(named) > 6
    assert all(any(one == name or one.startswith(f"{name}.") for one in reference.LINEAGE) for name in named)


def test_messages_in_the_troubleshooting_page_are_those_of_the_program() -> None:
    texts = [path.read_text() for folder in ("src", "envs") for path in (REPOSITORY / folder).rglob("*.py")]
    text = re.sub(r'"\s*\n\s*f?"', "", "\n".join(texts))  # a message over several lines
    plain = re.sub(r"\s+", " ", re.sub(r"\{[^{}]*\}", "...", text))
    page = (REPOSITORY / "docs/troubleshooting.md").read_text().replace("\\[", "[")
    messages = [row for row in re.findall(r"^\| (.+?) \| ", page, re.M) if row != "message"]
    pieces = {piece.strip(" .,;:") for row in messages for piece in re.split(r"\.\.\.|[;:,] ", row)}
    assert len(messages) > 30
    assert sorted(piece for piece in pieces - OTHERS if len(piece) > 8 and piece not in plain) == []


@pytest.fixture(scope="module")
def address(built: tuple[Path, str]) -> Iterator[str]:
    """Where a server of this machine shows the site."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built[0]))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        driver.set_script_timeout(20)
        yield driver


FIRST = """
const done = arguments[0], look = () => {
  const first = document.querySelector("#search-results ul.search li a");
  first ? done(first.href) : setTimeout(look, 20);
};
look();
"""


@needed
def test_the_words_of_new_users_find_the_page_that_answers_first(browser, address) -> None:
    found = {}
    for question in QUESTIONS:
        browser.get(f"{address}/search.html?q={quote(question)}")
        found[question] = urlsplit(browser.execute_async_script(FIRST)).path.removeprefix("/").removesuffix(".html")
    assert found == QUESTIONS


@needed
@pytest.mark.parametrize("width", SIZES)
def test_pages_fit_into_the_window_and_ask_no_other_host(browser, address, width) -> None:
    browser.get_log("performance")
    for name in ("index", "howto/score", "reference/cli", "reference/parameters", "troubleshooting"):
        show(browser, f"{address}/docs/{name}.html", width)
        page, window = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert page <= window, name
    asked = re.findall(
        r'"request":\{.*?"url":"(\w+:[^"]*)"', " ".join(one["message"] for one in browser.get_log("performance"))
    )
    assert len(asked) > 10
    assert {one for one in asked if not one.startswith((address, "data:", "about:"))} == set()
