"""The study's report: one HTML page that needs no server, no network and no other file.

Every number on it is rendered by `numbers`, which adds the file and the place that it was read at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from blemore import figures
from blemore.drawing import svg
from blemore.labels import CLASSES, NAMES
from blemore.report import inputs, numbers
from blemore.report.examples import KINDS, examples
from blemore.report.identities import GENERATED, ExampleFrames, Identities, identities
from blemore.report.numbers import Spot
from blemore.report.scales import scale
from blemore.tables import read_clips, read_probabilities

PathLike = str | Path
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
    metrics: PathLike,
    encoders: PathLike,
    licences: PathLike,
    weights: PathLike,
    probabilities: PathLike,
    views: PathLike,
    thresholds: PathLike,
    decisions: PathLike,
    clips: PathLike,
    quarantine: PathLike,
    costs: Sequence[PathLike],
    study: Mapping[str, Any],
    faces: Sequence[PathLike] = (),
    reliability: PathLike | None = None,
    individuals: PathLike | None = None,
    held_back: PathLike | None = None,
    uploads: Mapping[str, Any] | None = None,
    example_frames: ExampleFrames = "demo_only",
    published: PathLike | None = None,
    sections: Sequence[Section] = SECTIONS,
    more: Mapping[str, Any] | None = None,
) -> str:
    """The page's HTML; the same inputs give the same bytes.

    Parameters
    ----------
    metrics, encoders, licences : metrics.json, encoders.csv, licences.json.
    weights, probabilities, views : what fusion made; thresholds, decisions : what calibration made.
    clips, quarantine : clips table, and the CSV of the clips set aside.
    costs : cost files of embedding and training jobs.
    study : the parameters to show, at least dataset, weights and seed; nested blocks are shown as such.
    faces : files of face crops, read only for persons whose frames may be shown.
    reliability, individuals, held_back : JSON files; None (or an empty list) where the study makes none.
    uploads : summary of the ledger of uploads, {"uploads", "files", "scored", "best", "warning"}, or None.
    example_frames, published : whose frames and names are shown (`identities.identities`).
    sections : the tabs in their order; a further one brings its template part, and its data in `more`.

    Raises
    ------
    DataError : a file differs from `contract.yaml`, is of another study, or the page would name somebody it must not.
    """
    clip_table, fused = read_clips(clips), read_probabilities(probabilities)
    decided = pd.read_parquet(decisions)
    decided = decided[decided["variant"] == DECIDED]
    who = identities(study["dataset"], clip_table, fused, example_frames, published or None)

    read: dict[str, Any] = {
        "metrics": Spot("metrics.json", inputs.read_block("metrics", metrics)),
        "encoders": Spot("encoders.csv", inputs.read_encoders(encoders)),
        "licences": Spot("licences.json", inputs.read_block("licences", licences)),
        "weights": Spot("weights.json", inputs.read_block("weights", weights)),
        "thresholds": Spot("thresholds.json", inputs.read_block("thresholds", thresholds)),
        "quarantine": Spot("quarantine.csv", _quarantined(quarantine, who)),
        "study": Spot("params.yaml", inputs.checked("study", "study", dict(study))),
        "uploads": _maybe("uploads", inputs.checked("uploads", "uploads", uploads)),
        "reliability": _maybe("reliability.json", inputs.read_block("reliability", reliability)),
        "individuals": _maybe("summary.json", inputs.read_block("individuals", individuals)),
        "held_back": _maybe("held_back.json", inputs.read_block("held_back", held_back)),
        "costs": [Spot(file, cost) for file, cost in inputs.read_costs(costs).items()],
    }
    inputs.same_study(read["metrics"].value, study)
    read["metrics"].value["persons"] = _persons(read["metrics"].value.get("persons"), who)

    page = _environment().get_template("page.html.j2").render(
        **read,
        sections=sections,
        generated=study["dataset"] == GENERATED,
        who=who,
        kinds=KINDS,
        examples=examples(clip_table, fused, decided, who, faces),
        example_frames=example_frames,
        drawings=_drawings(read, pd.read_parquet(views), clip_table, decided),
        more=more or {},
    )  # fmt: skip
    who.check(page)
    return page


def _maybe(file: str, value: Any) -> Spot | None:
    return None if value is None else Spot(file, value)


def _quarantined(path: PathLike, who: Identities) -> list[dict[str, str]]:
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


class _Environment(jinja2.Environment):
    """Lets filters such as `sort(attribute="value")` reach a spot's own attributes, and not only its keys."""

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Spot) and argument in ("value", "last"):
            return getattr(obj, argument)
        return super().getitem(obj, argument)


@cache
def _environment() -> jinja2.Environment:
    """With its compiled templates kept, for whoever makes several pages."""
    environment = _Environment(
        loader=jinja2.PackageLoader("blemore.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    helpers = {key: getattr(numbers, key) for key in ("number", "whole", "interval", "text", "name", "anything")}
    environment.globals.update(helpers, scale=scale, classes=CLASSES, class_names=NAMES)
    return environment
