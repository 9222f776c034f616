"""The tab "Lineage" of the study's report: what `blemore lineage report` says of a file's chain while the report is made.

Asked in a process of its own, as `job.run_first` does: code that looks at a job's chain is not what the job's result
depends on, and records are not an input of a job.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from markupsafe import Markup

from blemore.report.numbers import Spot
from blemore.report.page import SECTIONS
from joblineage.files import parse_json

TAB = {"lineage": "Lineage"}
FOLDER = Path(__file__).with_name("templates")
"""Of the tab's templates."""
FACTS = r'id="lineage-facts">(.*?)</script>'
"""The block of numbers within the tab: the page's head takes the commits out of it. Its name is that of
`answers.FILE`, whose code does not belong to the job."""


def with_lineage(artifact: str) -> dict[str, Any]:
    """The arguments of `report.page.build` that add the tab about the chain of `artifact`.

    Where there are no records (results that came without them) the tab says so.
    """
    command = [sys.executable, "-m", "blemore.cli", "lineage", "report", artifact, "--part"]
    about = os.environ | {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, env=about, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        tab: dict[str, Any] = {"lineage": None, "facts": None, "fault": done.stderr.strip().splitlines()[-3:]}
    else:
        block = re.search(FACTS, done.stdout)
        facts = Spot("lineage.json", parse_json(block[1])) if block else None
        tab = {"lineage": Markup(done.stdout), "facts": facts, "fault": None}
    return {"sections": SECTIONS | TAB, "more": tab, "folders": [FOLDER]}
