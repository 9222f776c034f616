"""Sphinx's settings of the site. `make docs` builds it into build/docs; nothing on a page is loaded from elsewhere.

The sources' folder is the repository's, so that README.md is a page and every link works on the code host as well.
"""

import sys
from pathlib import Path

from sphinx.application import Sphinx

REPOSITORY = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("src", "tools")]
import reference

project = "blemore"
author = "The blemore authors"
html_title = "blemore"
highlight_language = "text"
default_role = "code"  # of docstrings
smartquotes = False  # messages and commands stand here as they are printed and typed
html_theme = "furo"
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]

root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "benchmarks/*.md", "docs/**.md", "src/*/*.md"]
PAGES = {"README.md", "CONTRIBUTING.md", "benchmarks", "docs", "src"}
exclude_patterns = sorted({path.name for path in REPOSITORY.iterdir()} - PAGES)  # else Sphinx walks through them

myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"  # the docstrings say what things are
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
html_extra_path = ["site"]  # index.html, which leads to the start page
html_copy_source = False
html_show_sphinx = False
html_search_scorer = str(REPOSITORY / "docs/scorer.js")


def setup(app: Sphinx) -> None:
    """What is generated takes the place of `<!-- commands -->` and the like in docs/reference, and is written nowhere."""
    app.connect("source-read", _fill)


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    if page.startswith("docs/reference/"):
        source[0] = reference.filled(source[0])
    if page == "benchmarks/demo":  # its first line is README's
        source[0] = f"# The demo, part by part\n\n{source[0]}"
