"""The code that a rule lists as its input is the code that its job loads."""

import json
import re
from pathlib import Path

import pytest
import yaml

from .conftest import Study

pytestmark = pytest.mark.slow


def records(study: Study) -> list[dict]:
    """Snakemake's record of every output of the study."""
    files = (path for path in (study.folder / ".snakemake/metadata").rglob("*") if path.is_file())
    return [json.loads(path.read_text()) for path in files]


def loaded_files(study: Study, log: str) -> set[str]:
    """Files, with any code in them, of the package's modules that a job had loaded at its end."""
    names = re.search(r"INFO modules (.*)", (study.folder / log).read_text())[1].split()
    paths = [Path("src", *name.split(".")) for name in names]
    files = [path / "__init__.py" if (study.folder / path).is_dir() else path.with_suffix(".py") for path in paths]
    return {str(path) for path in files if (study.folder / path).stat().st_size}


def test_every_module_that_a_job_loads_is_among_its_inputs(finished: Study) -> None:
    seen = set()
    for record in records(finished):
        missing = loaded_files(finished, record["log"][0]) - set(record["input"])
        assert not missing, f"rule {record['rule']} loads {sorted(missing)}, which it does not list"
        seen.add(record["rule"])
    assert {"demo_actor", "prepare_shard", "embed_clips", "train_fold", "fuse", "write_submission"} <= seen


def test_an_encoder_lists_its_own_family_only(finished: Study) -> None:
    entries = yaml.safe_load((finished.folder / "params.yaml").read_text())["encoders"]
    families = {entry["module"] for entry in entries.values() if entry["enabled"]}
    checked = 0
    for record in records(finished):
        if record["rule"] in ("train_fold", "embed_clips"):
            encoder = Path(record["log"][0]).parts[2].removesuffix(".log")
            listed = {Path(path).stem for path in record["input"] if path.startswith("src/blemore/encoders/")}
            assert listed & families == {entries[encoder]["module"]}
            checked += 1
    assert checked
