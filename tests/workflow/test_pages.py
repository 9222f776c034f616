"""The pages in docs/ lead through a study: each command, in the order of the page, as it stands.

`pytest -rP tests/workflow/test_pages.py` prints how long each page's commands took.
"""

import re
import shlex
import shutil
import time
from pathlib import Path

import pytest
import yaml
from page_commands import IN_A_STUDY, PAGES, to_run

from .conftest import Study, with_stores

pytestmark = pytest.mark.slow


def prepare(page: str, study: Study) -> None:
    """What a page asks for besides its commands."""
    shutil.rmtree(study.folder.parent / "our-study", ignore_errors=True)  # another page has made it
    if page == "howto/encoder.md":
        [code] = re.findall(r"^```python\n(.*?)^```", PAGES[page], re.M | re.S)
        [(folder, name)] = re.findall(r"save it in `(src/[\w/]+)` under the name (\w+\.py)", PAGES[page])
        (study.folder / folder / name).write_text(code)
        entry = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```", PAGES[page], re.M | re.S)[1])
        study.edit_params(lambda values: values["encoders"].update(entry))


def test_by_the_docs_alone_one_scores_a_table_predicts_a_clip_audits_a_submission_and_adds_an_encoder(
    guarded: Study, tmp_path: Path
) -> None:
    study = with_stores(guarded, tmp_path)
    for page in IN_A_STUDY:
        prepare(page, study)
        began, commands = time.monotonic(), to_run(page)
        assert commands
        for command in commands:
            done = study.run(*shlex.split(command))
            assert done.stdout + done.stderr, (page, command)
        print(f"{page}: {len(commands)} commands, {time.monotonic() - began:.0f} s")
    assert (study.folder / "answers.csv").is_file()
    assert (study.folder / "lineage.html").is_file()
    encoders = (study.folder / "results/encoders.csv").read_text()
    assert re.search(r"^loud,", encoders, re.M)
