"""What every start and every end of the workflow pays for."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blemore.lineage.run import _stages_here

REPOSITORY = Path(__file__).parents[1]


def test_a_start_of_the_workflow_loads_no_heavy_library() -> None:
    rules = "".join(path.read_text() for path in sorted((REPOSITORY / "rules").glob("*.smk")))
    imports = re.findall(r"^(?:from blemore.*|import blemore.*)$", rules, re.M)
    assert len(imports) > 5
    code = "\n".join([*imports, "import sys", "print(*{name.split('.')[0] for name in sys.modules})"])
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "blemore" in loaded
    assert not {"pandas", "pyarrow", "networkx", "scipy", "torch", "sklearn"} & set(loaded)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    for path in ("data/demo", "results/media", "results/individuals/clusters.parquet"):
        (tmp_path / path).mkdir(parents=True)
    return tmp_path


def test_where_everything_is_here_dvc_versions_all_stages_at_once(study: Path) -> None:
    assert _stages_here(study) == ["dvc.yaml"]


def test_without_the_private_store_only_stages_that_need_nothing_of_it_are_versioned(study: Path) -> None:
    shutil.rmtree(study / "data")
    shutil.rmtree(study / "results")
    assert _stages_here(study) == ["fuse", "calibrate", "evaluate", "submit", "report"]
