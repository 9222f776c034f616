"""The process that judges clips for the page: one bundle, one job after the other, JSON lines in and out.

A process of its own can be ended in the middle of a clip, and takes nothing with it if a file or the memory ends it.
"""

import base64
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blemore.decide.chains import INDUCTIVE
from blemore.predict.answers import ClipAnswer, Decision, Predictions
from blemore.predict.bundle import BALANCED, FEWEST, Bundle
from blemore.predict.cost import seconds_per_clip
from blemore.scoring.labels import CLASSES, NAMES
from joblineage.errors import DataError
from joblineage.files import parse_json

ANSWERS = 36
"""Possible answers: 6 single emotions, 10 pairs in 3 proportions each."""


def main(folder: str) -> None:
    """Load the bundle, say what it is, then answer each job that stdin holds, until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        bundle = Bundle.load(folder)
    except DataError as fault:
        _write(answers, {"fault": "; ".join(fault.faults)})
        return
    _write(answers, {"about": about(bundle)})
    for line in sys.stdin:
        _write(answers, judged(bundle, parse_json(line)))


def about(bundle: Bundle) -> dict[str, Any]:
    """What the page says of the bundle."""
    seconds, unknown = seconds_per_clip(bundle.contents)
    said = bundle.about
    return {
        "encoders": said["fusion"]["encoders"],
        "left_out": said["left_out"],
        "learned_from": said["learned_from"],
        "dataset": said["dataset"],
        "right": said["scores"][INDUCTIVE]["acc_presence"],
        "seconds": {"clip": seconds, "unknown": unknown, "longest": said["media"]["max_seconds"]},
        "emotions": {name: NAMES[name] for name in CLASSES},
        "person": {"fewest": FEWEST, "schedule": BALANCED},
    }


def judged(bundle: Bundle, job: Mapping[str, Any]) -> dict[str, Any]:
    """The answers to a job, or its fault.

    job : "clips", paths; "person" and "schedule", as of `Bundle.predict`.
    """
    tempfile.tempdir = str(Path(job["clips"][0]).parent)  # what is made of a clip goes with it
    try:
        predictions = bundle.predict(job["clips"], person=job["person"], schedule=job["schedule"])
    except DataError as fault:  # of the request; a clip's own is an answer
        return {"fault": "; ".join(fault.faults)}
    except (MemoryError, OSError) as fault:
        return {"fault": str(fault) or "not enough memory for these clips"}
    return for_page(predictions, bundle.about["models"][INDUCTIVE])


def for_page(predictions: Predictions, decoder: Mapping[str, Any]) -> dict[str, Any]:
    """Answers in the order of their numbers, each with its sentences and its pictures (base64); decoder : `Decoder.to_json`."""
    document = predictions.to_json()
    for said, answer in zip(document["clips"], predictions.answers, strict=True):
        del said["file"]
        said["pictures"] = [base64.b64encode(jpeg).decode() for jpeg in answer.clip.pictures]
        if answer.decision is not None:
            said["answer"] |= {"chances": answer.decision.chances(), "why": why(answer, decoder)}
            if answer.corrected is not None:
                said["corrected"]["chances"] = answer.corrected.chances()
    return document


def why(answer: ClipAnswer, decoder: Mapping[str, Any]) -> str:
    """Why it is this answer, in one sentence."""
    assert isinstance(answer.decision, Decision)
    blend = f"That the clip shows a blend at all has probability {answer.decision.p_blend:.2f}"
    if decoder["decoder"] == "expected":
        if not decoder["blend_share"]:
            return "The study learned from clips of one emotion each: of the 6 single emotions this one is the most probable."
        return f"{blend}; of the {ANSWERS} possible answers this one has the largest expected Score."
    return f"{blend}; the answer follows from the fused probabilities by the challenge's two thresholds."


def _write(answers: Any, value: Mapping[str, Any]) -> None:
    answers.write(json.dumps(value, allow_nan=False) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
