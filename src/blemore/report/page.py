"""The study's report: one HTML page that needs no server, no network and no other file.

Every number on it is rendered by `numbers`, which adds the file and the place that it was read at.
"""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from blemore.evaluate import figures
from blemore.evaluate.drawing import svg
from blemore.report import inputs, numbers
from blemore.report.examples import KINDS, examples
from blemore.report.identities import GENERATED, ExampleFrames, Identities, identities
from blemore.report.numbers import Spot
from blemore.report.scales import scale
from blemore.scoring.labels import CLASSES, NAMES
from blemore.tables import read_clips, read_probabilities
from joblineage.errors import DataError

TEMPLATES = "src/blemore/report/templates"
FINAL = -1
"""Value of a view's column `outer` for the weights that test clips get."""
DECIDED = "global"
"""The variant of decisions that test clips get."""


@dataclass(frozen=True)
class Section:
    """One tab: its name in the hash link, its title, and the template part that fills it."""

    name: str
    title: str
    part: str


SECTIONS = (
    Section("overview", "Overview", "overview.html.j2"),
    Section("encoders", "Encoders and fusion", "encoders.html.j2"),
    Section("thresholds", "Thresholds", "thresholds.html.j2"),
    Section("individuals", "Individuals", "individuals.html.j2"),
    Section("reliability", "Reliability", "reliability.html.j2"),
    Section("examples", "Examples", "examples.html.j2"),
    Section("made", "How it was made", "made.html.j2"),
)


def build(
    *,
    study: Mapping[str, Any],
    uploads: Mapping[str, Any] | None = None,
    example_frames: ExampleFrames = "demo_only",
    sections: Sequence[Section] = SECTIONS,
    more: Mapping[str, Any] | None = None,
    **files: Any,
) -> str:
    """The page's HTML; the same inputs give the same bytes.

    Parameters
    ----------
    study : the parameters to show, at least dataset, weights and seed; nested blocks are shown as such.
    uploads : summary of the ledger of uploads, {"uploads", "files", "scored", "best", "warning"}, or None.
    example_frames : whose frames and names are shown (`identities.identities`).
    sections : the tabs in their order; a further one brings its template part, and its data in `more`.
    files : paths by name. JSON files have the names of the blocks of `contract.yaml`; None, or an empty list, where the
        study makes none. The others: encoders (results/encoders.csv); probabilities, views (of fusion); decisions (of
        calibration); clips (clips table) and quarantine (CSV of the clips set aside); costs, a list of cost files; if
        wanted faces, a list of files of face crops, and published, a publication list (`identities.identities`).

    Raises
    ------
    DataError : a file that nothing reads or that is missing, a file that differs from `contract.yaml` or is of another
        study, a template that does not fit, or the page would name somebody it must not.
    """
    inputs.check_names(files)
    clips, fused = read_clips(files["clips"]), read_probabilities(files["probabilities"])
    decided = pd.read_parquet(files["decisions"])
    decided = decided[decided["variant"] == DECIDED]
    who = identities(study["dataset"], clips, fused, example_frames, files.get("published") or None)

    read: dict[str, Any] = {name: inputs.read_block(name, files.get(name)) for name in inputs.json_blocks()}
    read |= {
        "encoders": Spot("encoders.csv", inputs.read_encoders(files["encoders"])),
        "quarantine": Spot("quarantine.csv", _quarantined(files["quarantine"], who)),
        "study": Spot("params.yaml", inputs.checked("study", "study", dict(study))),
        "uploads": Spot("uploads", inputs.checked("uploads", "uploads", uploads)) if uploads is not None else None,
        "costs": [Spot(file, cost) for file, cost in inputs.read_costs(files["costs"]).items()],
    }
    inputs.same_study(read["metrics"].value, study)
    read["metrics"].value["persons"] = _persons(read["metrics"].value.get("persons"), who)

    page = _rendered(
        **read,
        sections=sections,
        generated=study["dataset"] == GENERATED,
        who=who,
        kinds=KINDS,
        examples=examples(clips, fused, decided, who, files.get("faces") or ()),
        example_frames=example_frames,
        drawings=_drawings(read, pd.read_parquet(files["views"]), clips, decided),
        more=more or {},
    )
    who.check(page)
    return page


def _rendered(**values: Any) -> str:
    """The page's template, filled.

    Raises
    ------
    DataError : a template that is not there, or a name in one that the page does not have, with the line.
    """
    try:
        return _environment().get_template("page.html.j2").render(**values)
    except jinja2.TemplateNotFound as error:
        raise DataError(TEMPLATES, [f"there is no {error}: add it, or correct the section that names it"]) from error
    except jinja2.UndefinedError as error:
        # jinja2 puts the template's own lines into the traceback.
        place = [frame for frame in traceback.extract_tb(error.__traceback__) if "templates" in frame.filename][-1]
        known = ", ".join(sorted(values))
        raise DataError(
            f"{TEMPLATES}/{Path(place.filename).name}, line {place.lineno}",
            [f"{error.message}; the page has {known}. `report.page.build` adds what is missing"],
        ) from error


def _quarantined(path: str | Path, who: Identities) -> list[dict[str, str]]:
    """The clips set aside and why; names of those who stay unnamed are replaced in clip and reason alike."""
    return [{key: who.scrub(value) for key, value in row.items()} for row in inputs.read_quarantine(path)]


def _persons(persons: list[dict[str, Any]] | None, who: Identities) -> list[dict[str, Any]] | dict[str, Any] | None:
    """Scores per person, best first; where somebody stays unnamed, by label instead of by place in the file.

    Of the unnamed also the fold and the numbers of clips are left out: these alone tell some of them apart.
    """
    if persons is None or not who.neutral:
        return persons
    told = ("person", "fold", "clips", "blends")
    return {
        who.label(entry["person"]): {
            key: value for key, value in entry.items() if key not in told or not who.hides(entry["person"])
        }
        for entry in sorted(persons, key=lambda entry: -entry["score"])
    }


def _drawings(
    read: Mapping[str, Any], views: pd.DataFrame, clips: pd.DataFrame, decisions: pd.DataFrame
) -> dict[str, Markup]:
    """The page's SVG figures by name."""
    values, truth = figures.labelled_rows(views[views["outer"] == FINAL], clips)
    decided = figures.labelled_rows(decisions, clips)
    best = read["metrics"].value.get("surface")
    drawings = {
        "surface": (
            figures.draw_surface(values, truth, read["thresholds"].value[DECIDED], best),
            "Heat map of the Score over alpha and beta; the table below holds the thresholds that are marked in it.",
        ),
        "outcomes": (
            figures.draw_outcomes(*decided),
            "Bars, one per true set of emotions: how often the set, a part of it, or nothing was right.",
        ),
        "confusion": (
            figures.draw_confusion(*decided),
            "Matrix of true sets of emotions against decided sets, in percent of the true set's clips.",
        ),
    }
    if read["reliability"] is not None:
        drawings["calibration"] = (
            figures.draw_calibration(read["reliability"].value["classes"]),
            "One panel per class: mean true share of the class against the probability it was given. "
            "The table below holds the same numbers.",
        )
    return {name: svg(figure, name, alt) for name, (figure, alt) in drawings.items()}


@cache
def _environment() -> jinja2.Environment:
    """With its compiled templates kept, for whoever makes several pages."""
    environment = numbers.environment(jinja2.PackageLoader("blemore.report", "templates"))
    environment.globals.update(scale=scale, classes=CLASSES, class_names=NAMES)
    return environment
