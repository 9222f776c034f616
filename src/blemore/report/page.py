"""The study's report: one HTML page that needs no server, no network and no other file.

Every number on it is rendered by `numbers`, which adds the file and the place that it was read at.
"""

import traceback
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from blemore.decide.chains import INDUCTIVE
from blemore.evaluate import figures
from blemore.evaluate.drawing import svg
from blemore.report import inputs, numbers
from blemore.report.examples import KINDS, examples
from blemore.report.identities import GENERATED, ExampleFrames, Identities, identities, text_rows
from blemore.report.numbers import Spot
from blemore.report.policy import inline, policy
from blemore.report.scales import scale
from blemore.scoring.labels import CLASSES, NAMES
from blemore.scoring.model_name import FINAL
from blemore.scoring.rows import Rows
from blemore.tables import labelled, read_clips, read_probabilities
from joblineage.errors import DataError

TEMPLATES = "src/blemore/report/templates"

SECTIONS = {
    "overview": "Overview",
    "encoders": "Encoders and fusion",
    "decoders": "Decoders",
    "individuals": "Individuals",
    "reliability": "Reliability",
    "examples": "Examples",
    "made": "How it was made",
}
"""{name of a tab, which the template of the same name fills: its title}, in their order."""

WHOLE = ("encoders", "curves")
"""CSV files that the page holds whole, to be saved."""


def build(
    *,
    study: Mapping[str, Any],
    uploads: Mapping[str, Any] | None = None,
    data_set: str | None = None,
    example_frames: ExampleFrames = "demo_only",
    sections: Mapping[str, str] = SECTIONS,
    more: Mapping[str, Any] | None = None,
    folders: Sequence[Path] = (),
    **files: Any,
) -> str:
    """The page's HTML; the same inputs give the same bytes.

    Parameters
    ----------
    study : the parameters to show, at least dataset, weights, seed and report; nested blocks are shown as such.
    uploads : summary of the ledger of uploads, {"uploads", "files", "scored", "best", "warning"}, or None.
    data_set : what a study of this data set cites, as its module says; None: not known.
    example_frames : whose frames and names are shown (`identities.identities`).
    sections : the tabs, as `SECTIONS`; a further one brings its template, and its data in `more`.
    folders : further ones of templates, whose scripts and style sheets are in `more`.
    files : paths by name. JSON files have the names of the blocks of `contract.yaml`; None, or an empty list, where the
        study makes none. The others: encoders (results/encoders.csv); probabilities, views (of fusion); decisions (of
        calibration); curves (results/plots/curves.csv); clips (clips table) and quarantine (CSV of the clips set aside); software (CITATION.cff); costs, a list
        of cost files; if wanted faces, a list of files of face crops, and published, a publication list
        (`identities.identities`).

    Raises
    ------
    DataError : a file that nothing reads or that is missing, a file that differs from `contract.yaml` or is of another
        study, a template that does not fit, or the page would name somebody it must not.
    """
    inputs.check_names(files)
    clips, fused = read_clips(files["clips"]), read_probabilities(files["probabilities"])
    decided = pd.read_parquet(files["decisions"])
    decided = decided[decided["variant"] == INDUCTIVE]
    who = identities(study["dataset"], clips, fused, example_frames, files.get("published") or None)

    quarantine = text_rows(files["quarantine"], ("clip", "file", "quarantine"))  # a reason may name the clip too
    quarantine = [{key: who.scrub(value) for key, value in row.items()} for row in quarantine]
    curves = inputs.read_curves(files["curves"])
    read: dict[str, Any] = {name: inputs.read_block(name, files.get(name)) for name in inputs.json_blocks()}
    read |= {
        "encoders": Spot("encoders.csv", inputs.read_encoders(files["encoders"])),
        "quarantine": Spot("quarantine.csv", quarantine),
        "study": Spot("params.yaml", inputs.checked("study", "study", dict(study))),
        "uploads": Spot("uploads", inputs.checked("uploads", "uploads", uploads)) if uploads is not None else None,
        "baselines": inputs.baselines(study["dataset"]),
        "curves": inputs.last_epochs(curves),
        "software": inputs.read_software(files["software"]),
        "data_set": Spot(f"datasets/{study['dataset']}.py", {"CITATION": data_set}),
        "costs": [Spot(file, cost) for file, cost in inputs.read_costs(files["costs"]).items()],
    }
    inputs.same_study(read["metrics"].value, study)
    read["metrics"].value["persons"] = _persons(read["metrics"].value.get("persons"), who)
    for remarked in read["remarks"].value["remarked"]:
        remarked |= {"clip": who.scrub(remarked["clip"]), "remarks": [who.scrub(text) for text in remarked["remarks"]]}

    whole = {Path(files[name]).name: Path(files[name]).read_bytes() for name in WHOLE}
    own = inline([Path(__file__).with_name("templates"), *folders])
    page = _rendered(
        inline=own,
        policy=policy(own),
        **read,
        sections=sections,
        generated=study["dataset"] == GENERATED,
        who=who,
        kinds=KINDS,
        examples=examples(clips, fused, decided, who, files.get("faces") or ()),
        example_frames=example_frames,
        whole_file={name: _link(name, content) for name, content in whole.items()},
        drawings=_drawings(read, pd.read_parquet(files["views"]), clips, decided, curves),
        more={"facts": None} | dict(more or {}),
    )
    who.check(page + "".join(content.decode() for content in whole.values()))
    return page


def _link(name: str, content: bytes) -> Markup:
    """A link that saves a file of the study, byte for byte."""
    address = f"data:text/csv;base64,{b64encode(content).decode()}"
    return Markup('<a class="file" download="{}" href="{}">{}</a>').format(name, address, name)


def _rendered(**values: Any) -> str:
    """The page's template, filled.

    Raises
    ------
    DataError : a template that is not there, or a name in one that the page does not have, with the line.
    """
    try:
        return environment().get_template("page.html.j2").render(**values)
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


def _persons(persons: list[dict[str, Any]] | None, who: Identities) -> list[dict[str, Any]] | dict[str, Any] | None:
    """Scores per person, best first; where somebody stays unnamed, by label instead of by place in the file.

    Of the unnamed also the fold and the numbers of clips are left out: these alone tell some of them apart.
    """
    if persons is None or not who.neutral:
        return persons
    naming = ("person", "fold", "clips", "blends", "usual")
    return {
        who.label(entry["person"]): {
            key: value for key, value in entry.items() if key not in naming or not who.hides(entry["person"])
        }
        for entry in sorted(persons, key=lambda entry: -entry["score"])
    }


def by_gain(persons: Any) -> list[Any]:
    """The persons, first who gains most when all of the person's clips are decided together."""
    return sorted(
        persons.each(),
        key=lambda person: person.value["score"] - (person.value["score_transductive"] or person.value["score"]),
    )


def _drawings(
    read: Mapping[str, Any], views: pd.DataFrame, clips: pd.DataFrame, decisions: pd.DataFrame, curves: pd.DataFrame
) -> dict[str, Markup]:
    """The page's SVG figures by name."""
    rows = Rows.of(labelled(clips))
    values, decided = rows.lookup(views[views["outer"] == FINAL]), rows.lookup(decisions)
    metrics = read["metrics"].value
    drawings = {
        "surface": (
            figures.draw_surface(values, rows.truth, metrics.get("surface")),
            "Heat map of the Score over alpha and beta; the best thresholds stand beside it.",
        ),
        "outcomes": (
            figures.draw_outcomes(decided, rows.truth),
            "Bars, one per true set of emotions: how often the set, a part of it, or nothing was right.",
        ),
        "confusion": (
            figures.draw_confusion(decided, rows.truth),
            "Matrix of true sets of emotions against decided sets, in percent of the true set's clips.",
        ),
    }
    if len(curves):
        drawings["curves"] = (
            figures.draw_curves(curves, columns=2),
            "One panel per trained encoder: loss over epochs, one line per fold. The table below holds the last epochs.",
        )
    if read["reliability"] is not None:
        drawings["calibration"] = (
            figures.draw_calibration(read["reliability"].value["classes"]),
            "One panel per class: mean true share of the class against the probability it was given. "
            "The table below holds the same numbers.",
        )
    return {name: svg(figure, name, alt) for name, (figure, alt) in drawings.items()}


@cache
def environment() -> jinja2.Environment:
    """With its compiled templates kept, for whoever makes several pages."""
    templates = numbers.environment(jinja2.PackageLoader("blemore.report", "templates"))
    templates.globals.update(by_gain=by_gain, scale=scale, classes=CLASSES, class_names=NAMES)
    return templates
