"""The house stays tidy: short rules, thin scripts, one stage per step, one list of versions."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from blemore.api import functions
from blemore.audit.page import chain
from blemore.params.check import check_params, read_schema
from joblineage.code import sources

REPOSITORY = Path(__file__).parents[1]
RULE_FILES = sorted((REPOSITORY / "rules").glob("*.smk"))
SCRIPTS = sorted((REPOSITORY / "workflow_scripts").glob("*.py"))
RULE = re.compile(r"^( *)rule (\w+):\n(?:\1[ \t]+.*\n|\n)*", re.M)


def rules() -> dict[str, str]:
    """Every rule's text, by its name."""
    text = "".join(path.read_text() for path in [REPOSITORY / "Snakefile", *RULE_FILES])
    return {match[2]: match[0] for match in RULE.finditer(text)}


@pytest.mark.parametrize("name", rules())
def test_a_rule_has_at_most_15_lines(name: str) -> None:
    assert len([line for line in rules()[name].splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_a_rule_file_has_at_most_110_lines_and_opens_with_its_contract(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 110
    assert text.startswith('"""')
    if path.stem != "common":
        assert "NEEDS" in text.split('"""')[1]
        assert "MAKES" in text.split('"""')[1]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_has_at_most_25_lines_and_the_name_of_its_rule(path: Path) -> None:
    assert path.read_text().count("\n") <= 25
    assert f'"../workflow_scripts/{path.name}"' in rules()[path.stem]


def test_every_plot_has_a_caption_for_the_runners_report() -> None:
    text = (REPOSITORY / "rules/evaluate.smk").read_text()
    plots = re.search(r"for plot in \[(.*?)\]", text)[1].replace('"', "").split(", ")
    captions = {path.stem: path.read_text() for path in (REPOSITORY / "rules/captions").iterdir()}
    assert sorted(captions) == sorted(plots)
    assert all(len(caption.split()) > 15 for caption in captions.values())


def test_every_step_is_one_rule_file_and_one_stage() -> None:
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    included = re.findall(r'include: "rules/(\w+)\.smk"', (REPOSITORY / "Snakefile").read_text())
    assert list(stages) == [name for name in included if name != "common"]
    assert {path.stem for path in RULE_FILES} == set(included)


def test_dvc_finds_no_other_stages_in_this_repository() -> None:
    command = ["dvc", "stage", "list", "--all", "--name-only"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"])


def test_the_lineage_page_knows_the_step_of_every_rule() -> None:
    found = {name: path.stem for path in RULE_FILES for name in chain.RULE.findall(path.read_text())}
    assert {path.stem for path in SCRIPTS} <= set(found)
    assert (found["judge"], found["private_clips"], found["demo_cut"]) == ("report", "data", "data")


def test_a_rule_that_runs_a_script_lists_its_code() -> None:
    for name, text in rules().items():
        if "script:" in text:
            assert "code(" in text, name


def test_every_script_has_sources_that_exist() -> None:
    for path in SCRIPTS:
        found = sources(REPOSITORY, f"workflow_scripts/{path.name}")
        assert "src/joblineage/job.py" in found


def test_the_environment_pins_what_the_lock_pins() -> None:
    lock = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (REPOSITORY / "requirements.lock").read_text(), flags=re.M))
    pinned = yaml.safe_load((REPOSITORY / "envs/blemore.yaml").read_text())["dependencies"][-1]["pip"]
    assert dict(pin.split("==") for pin in pinned).items() <= lock.items()
    developers = re.findall(r"^([a-z0-9._-]+)==(\S+)", (REPOSITORY / "requirements-dev.lock").read_text(), flags=re.M)
    assert all(lock.get(name, version) == version for name, version in developers)


def test_the_citation_names_the_version_and_the_licence_of_the_package() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    package = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert citation["version"] == package["version"]
    assert citation["license"] == package["license"]
    assert [author["name"] for author in citation["authors"]] == ["The blemore authors"]


def test_the_committed_params_obey_their_schema() -> None:
    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    check_params(values, read_schema(REPOSITORY / "schemas/params.schema.yaml"))


def test_json_and_yaml_are_read_by_the_strict_readers_alone() -> None:
    readers = re.compile(r"\bjson\.loads?\(|\byaml\.\w*load\w*\(")
    reading = {path.name for path in (REPOSITORY / "src").rglob("*.py") if readers.search(path.read_text())}
    own = {"planned.py", "warm.py", "stand_in.py"}  # what these wrote themselves
    assert reading - own == {"files.py", "yaml_text.py"}


def test_digits_are_those_from_0_to_9_alone() -> None:
    """Python's own patterns and questions take those of every script: a clip's name in them would be on no list."""
    asking = re.compile(r"\\d|\.is(?:digit|numeric)\(")
    places = [path for folder in ("src", "rules", "schemas", "envs") for path in (REPOSITORY / folder).rglob("*")]
    texts = {path: path.read_text() for path in places if path.suffix in (".py", ".smk", ".yaml", ".json")}
    assert not [path for path, text in texts.items() if asking.search(text)]


def test_what_is_said_goes_through_one_place() -> None:
    """What a file or a cell is called may hold what moves a terminal's cursor."""
    saying = re.compile(r"""(?<![\w.])print\((?!end="")|\btyper\.s?echo\(|\bConsole\(""")
    texts = {path.name: path.read_text() for path in (REPOSITORY / "src").rglob("*.py")}
    found = {name for name, text in texts.items() if saying.search(re.sub(r">>> .*", "", text))}
    assert found == {"telling.py", "planned.py"}  # the latter's JSON is for its own caller


def test_no_init_file_holds_code_but_the_study_s_own_which_names_no_function() -> None:
    holding = [path for path in (REPOSITORY / "src").rglob("__init__.py") if path.stat().st_size]
    assert holding == [REPOSITORY / "src/blemore/__init__.py"]
    assert not [name for name in functions.__all__ if re.search(rf"\b{name}\b", holding[0].read_text())]


def test_fusion_does_not_depend_on_any_encoder() -> None:
    found = sources(REPOSITORY, "workflow_scripts/fuse.py")
    assert "src/blemore/tables.py" in found
    assert not [path for path in found if "/encoders/" in path or "/media/" in path]


def undecided(call: ast.Call) -> bool:
    """Whether a call reads or writes text in the language of the machine."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {one.arg: one.value for one in call.keywords}
    if "encoding" in given:
        return False
    if name == "read_text":
        return not call.args
    if name == "write_text" and isinstance(call.func, ast.Attribute):
        return len(call.args) < 2
    if name == "open" and isinstance(call.func, ast.Name):
        mode = given.get("mode", call.args[1] if len(call.args) > 1 else ast.Constant("r"))
        return not isinstance(mode, ast.Constant) or "b" not in mode.value
    return "text" in given or "universal_newlines" in given


@pytest.mark.thorough
@pytest.mark.parametrize("folder", ["src", "workflow_scripts", "envs", "tools", "examples"])
def test_every_text_is_read_and_written_as_utf_8_whatever_the_machine_s_language(folder: str) -> None:
    texts = {path: path.read_bytes() for path in sorted((REPOSITORY / folder).rglob("*.py"))}
    calls = [
        (str(path), call.lineno)
        for path, text in texts.items()
        if re.search(rb"(read|write)_text|open\(|text=|universal_newlines", text)  # parsing takes its time
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and undecided(call)
    ]
    assert calls == []
