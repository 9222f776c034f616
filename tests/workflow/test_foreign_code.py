"""Code that somebody put beside the study's own is refused before the first job, and found by `verify`."""

import importlib.util
import marshal
import os
from pathlib import Path

import pytest

from blemore.study import STUDY
from joblineage.store import Store
from joblineage.verdict import Verdict
from joblineage.verify import verify

from .conftest import Study

pytestmark = pytest.mark.slow

LATER = "src/blemore/report/page.py"


def refused(study: Study) -> str:
    """What a run that must not begin says."""
    done = study.run("snakemake", "--cores", "1", "submission", check=False)
    assert done.returncode
    assert not (study.folder / "results/report/index.html").exists()
    return done.stdout + done.stderr


def plant(source: Path, text: str) -> Path:
    """A compiled file of that text with the source's time and size."""
    compiled = Path(importlib.util.cache_from_source(str(source)))
    head = b"".join(int(number).to_bytes(4, "little") for number in (0, source.stat().st_mtime, source.stat().st_size))
    compiled.parent.mkdir(exist_ok=True)
    compiled.write_bytes(importlib.util.MAGIC_NUMBER + head + marshal.dumps(compile(text, str(source), "exec")))
    return compiled


def test_planted_code_never_runs_and_the_study_ends_in_the_same_bytes(study: Study) -> None:
    root, before = study.folder, study.payload()
    ran = root / "ran"
    trace = f"open({str(ran)!r}, 'w').close()\n"
    (root / "results/report/index.html").unlink()
    strangers = [root / "src" / name for name in ("imagehash.py", "usercustomize.py")]
    for path in strangers:
        path.write_text(trace)
    found = {one.node: one.verdict for one in verify(Store(root, STUDY)).findings}
    said = refused(study)
    for path in strangers:
        name = path.relative_to(root).as_posix()
        assert f"{name}: no module of this study" in said
        assert found[name] is Verdict.UNRECORDED
        path.unlink()
    (root / "matplotlibrc").write_text("axes.facecolor: red\n")
    assert "matplotlibrc: a library would take its settings from it: remove it" in refused(study)
    assert (Verdict.UNRECORDED, "matplotlibrc") in {
        (one.verdict, one.node) for one in verify(Store(root, STUDY)).findings
    }
    (root / "matplotlibrc").unlink()
    source = root / LATER
    compiled = plant(source, trace + source.read_text())
    assert f"{os.path.relpath(compiled, root)}: was not compiled from its source; removed" in refused(study)
    assert not compiled.exists()
    for name in (
        "matplotlib.py",
        "rules/matplotlib.py",
        ".snakemake/scripts/jinja2.py",
    ):
        (root / name).write_text(trace)
    study.submission()
    assert not ran.exists()
    assert study.payload() == before
    assert verify(Store(root, STUDY)).findings == []
