"""The bundle's model card, in the form of the Hugging Face hub: YAML in front, then what a user must know."""

from collections.abc import Mapping
from typing import Any

import yaml

from blemore.scoring.metrics import ACCURACIES

NONCOMMERCIAL = "nc"
"""In the name of a licence of weights that may not be used commercially."""


def card(about: Mapping[str, Any], terms: Mapping[str, Any]) -> str:
    """README.md of a bundle.

    Parameters
    ----------
    about : of bundle.json; terms : as `weights.catalogue.licences` gives them, of the encoders in the bundle.
    """
    demo = about["dataset"] == "demo"
    front = {
        "license": "other",
        "license_name": licence_name(terms),
        "license_link": "licences.json",
        "library_name": "blemore",
        "tags": ["emotion-recognition", "blended-emotions", "video", "audio"],
        "datasets": [about["dataset"]],
        "model-index": [{"name": f"blemore-{about['dataset']}", "results": [_result(about)]}],
    }
    sections = {
        "What it is for": _purpose(about),
        "What must not be done with it": FORBIDDEN,
        "Data": _data(about, demo),
        "Scores": _scores(about, demo),
        "Limits": _limits(about),
        "Persons and consent": _persons(about, demo),
        "Licences": _licences(terms),
        "Where it comes from": _origin(about),
    }
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"---\n{head}---\n\n# Blended emotions in short videos: the {about['dataset']} study\n\n{body}\n"


FORBIDDEN = """\
- No decision about a person: hiring, schooling, insurance, policing, borders, credit, health. It guesses what a face and a voice
  *show*; what somebody feels cannot be read from them. In the European Union, inferring emotions at work or in education is
  prohibited by the AI Act (Regulation 2024/1689, article 5).
- No use on people who do not know of it or have not agreed.
- No claim that a person lies, is ill or is dangerous.
- No use of the personal correction on clips of several people, or where they do not show the mix of emotions that it assumes."""


def licence_name(terms: Mapping[str, Any]) -> str:
    """One line: the strictest of the weights' licences that is known, and whether one is unknown."""
    licences = {encoder["weights"] for encoder in terms["encoders"].values() if encoder["checkpoint"] is not None}
    known = sorted(str(licence) for licence in licences if licence is not None)
    strict = [licence for licence in known if NONCOMMERCIAL in licence.lower().replace("-", " ").split()]
    parts = strict or known or ["MIT (this package)"]
    return "; ".join([*parts, *(["unknown for some weights"] if None in licences else [])])


def _purpose(about: Mapping[str, Any]) -> str:
    return (
        "Research on blended emotions: which of anger, disgust, fear, happiness, sadness and neutral one person shows in a short "
        f"video with sound, and which of two dominates. {len(about['encoders'])} encoders ({', '.join(about['encoders'])}) are fused "
        f"by `{about['fusion']['method']}`.\n\n"
        "```\nblemore predict clip.mp4 --bundle THIS_FOLDER\n```\n\n"
        '```python\nfrom blemore import Bundle\n\nBundle.load("THIS_FOLDER").predict(["clip.mp4"]).table()\n```'
    )


def _data(about: Mapping[str, Any], demo: bool) -> str:
    learned = about["learned_from"]
    shortest, longest = learned["seconds"]
    what = "generated actors, no real person" if demo else "see the data set's own page"
    return (
        f"Data set `{about['dataset']}` ({what}): {learned['clips']} labelled clips of {learned['persons']} persons, "
        f"{shortest:.1f} to {longest:.1f} s long. Acted emotions, one person in front of the camera. No clip is in this folder."
    )


def _scores(about: Mapping[str, Any], demo: bool) -> str:
    lines = ["| decided | " + " | ".join(ACCURACIES) + " |", "|---" * (len(ACCURACIES) + 1) + "|"]
    for name, said in (("each clip by itself", "inductive"), ("all clips of a person together", "transductive")):
        scores = about["scores"][said]
        cells = [
            f"{scores[key]:.3f} ({scores['interval'][key][0]:.3f} to {scores['interval'][key][1]:.3f})"
            if scores[key] is not None
            else "no blends"
            for key in ACCURACIES
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    note = (
        "Of out-of-fold predictions: no model saw the person whom it is scored on; fusion and decoder of a fold were fitted on the "
        "other folds. Intervals: 90 %, over persons. These are the scores of what is in this bundle, "
        "not of the whole study."
    )
    warning = (
        "\n\n**Generated actors: these scores say that the workflow works, and nothing about real people.**"
        if demo
        else ""
    )
    return "\n".join(lines) + f"\n\n{note}{warning}"


def _limits(about: Mapping[str, Any]) -> str:
    lines = [
        "- Acted, clear, frontal, one person: elsewhere the scores do not hold, and the probabilities are not calibrated.",
        "- Other ages, cultures, languages and recording conditions than the data's were never measured.",
        "- Six classes only: what is none of them still gets an answer.",
        "- Probabilities may differ in the sixth digit with the processor, and with the clips that are predicted together.",
    ]
    lines += [f"- Left out: `{name}`, since {why}." for name, why in about["left_out"].items()]
    return "\n".join(lines)


def _persons(about: Mapping[str, Any], demo: bool) -> str:
    whose = "The persons are generated." if demo else (
        "The networks were trained on clips of real people. Nobody is named here and no clip is contained, but weights can hold "
        "traces of what they were trained on: who withdraws consent must be withdrawn in the study (`blemore withdraw`), and the "
        "bundle made again."
    )  # fmt: skip
    return (
        f"{whose} The personal model holds, without a name, how far the mix of answers of each of the "
        f"{about['learned_from']['persons']} training persons departs from the mean. Predicting stores no clip and sends none anywhere."
    )


def _licences(terms: Mapping[str, Any]) -> str:
    lines = [
        "| encoder | weights start from | licence of these weights, and of those derived from them | code |",
        "|---|---|---|---|",
    ]
    for name, encoder in sorted(terms["encoders"].items()):
        start = encoder["checkpoint"] or encoder["note"]
        weights = encoder["weights"] or (
            "unknown: read it before use" if encoder["checkpoint"] else "MIT (this package)"
        )
        lines.append(f"| {name} | {start} | {weights} | {encoder['code'] or 'unknown'} |")
    return "\n".join(lines) + (
        "\n\nFinetuned weights are derived from the checkpoints that they started from, and stay under those licences "
        "(CC-BY-NC: name the authors, no commercial use). All of it, with sources, is in `licences.json`."
    )


def _origin(about: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lineage = about["lineage"] or "none was kept"
    return (
        f"Made by blemore {about['blemore']} ({versions}). Lineage root of the study's last run: `{lineage}`. `manifest.json` has the "
        "sha256 of every file; a changed byte is refused. Please cite arXiv 2603.23650 (the system), arXiv 2601.13225 "
        "(the data set) and arXiv 2409.06154 (the S4D encoder)."
    )


def _result(about: Mapping[str, Any]) -> dict[str, Any]:
    scores = about["scores"]["inductive"]
    metrics = [
        {"type": name, "value": round(scores[name], 4), "name": f"{name}, out-of-fold"}
        for name in ACCURACIES
        if scores[name] is not None
    ]
    data = {"type": about["dataset"], "name": about["dataset"]}
    return {"task": {"type": "video-classification"}, "dataset": data, "metrics": metrics}
