"""The page about the packages and rooms of src/ is true."""

import re
import sys
import tomllib
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tools"))
import house  # noqa: E402

BLEMORE = REPOSITORY / "src/blemore"
ROOMS = {path.stem for path in BLEMORE.glob("*.py") if path.stem != "__init__"}
ROOMS |= {path.parent.name for path in BLEMORE.glob("*/__init__.py")}


def test_the_page_lists_every_room():
    assert set(house.rooms()) == ROOMS


def test_the_study_has_at_most_23_names_at_its_top():
    assert len(ROOMS) <= 23


def test_the_science_is_at_most_12500_lines_of_code():
    science = [count for name, chosen in house.rooms().items() if chosen for count in house.lines(BLEMORE / name)]
    assert 0 < sum(science) <= 12_500


def test_the_page_for_an_hour_s_reading_names_files_that_are_there_with_their_lines_of_code():
    page = (REPOSITORY / "docs/in_an_hour.md").read_text()
    assert 8 <= len(house.LISTED.findall(page)) <= 12
    assert page.count(".py`](../src/blemore/") == len(house.LISTED.findall(page))
    assert page == house.counted(page), "python tools/house.py writes them"


def test_the_long_loops_number_their_steps():
    loops = {
        **{"blemore/learning/training/loop.py": 5, "blemore/fusion/nested.py": 3, "blemore/decide/chains.py": 3},
        **{"blemore/decide/personal/choice.py": 4, "joblineage/verify.py": 6},
    }
    for name, last in loops.items():
        found = [int(step) for step in re.findall(r"^ +# (\d)\. [A-Z]", (BLEMORE.parent / name).read_text(), re.M)]
        assert max(found) == last, name
        assert all(step in (before + 1, 1) for before, step in zip([0, *found], found, strict=False)), name


def test_only_what_audits_the_study_knows_more_of_the_lineage_library_than_its_face():
    parts = ("job", "declare", "errors", "files", "progress", "slurm", "telling", "turns")
    face = {f"joblineage.{part}" for part in parts}
    seen = set()
    for path in BLEMORE.rglob("*.py"):
        if path.relative_to(BLEMORE).parts[0] not in ("audit", "study.py", "cli.py"):
            for module, name in re.findall(r"^ *from (joblineage[.\w]*) import (\w+)", path.read_text(), re.M):
                seen.add(module if module != "joblineage" else f"joblineage.{name}")
    assert seen
    assert seen <= face


def test_at_most_ten_names_of_classes_occur_twice():
    sources = (path.read_text() for path in (REPOSITORY / "src").rglob("*.py"))
    names = Counter(name for text in sources for name in re.findall(r"^class (\w+)", text, re.M))
    assert len([name for name, times in names.items() if times > 1]) <= 10


def test_mypy_covers_every_package_and_benchmark_and_leaves_out_nothing():
    mypy = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["files"] == ["src", "benchmarks"]
    assert "exclude" not in mypy
    assert not any(override.get("ignore_errors") for override in mypy["overrides"])


def test_package_changelog_and_citation_name_the_same_release():
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    cited = (REPOSITORY / "CITATION.cff").read_text()
    released = re.search(r"^date-released: (\S+)$", cited, re.M)[1]
    assert f"\nversion: {version}\n" in cited
    headings = re.findall(r"^## (.*)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.M)
    assert next(one for one in headings if one != "Unreleased") == f"{version}, {released}"
