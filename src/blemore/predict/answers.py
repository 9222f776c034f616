"""The answer for each clip: as a table, as JSON, and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from blemore.predict.media import Clip
from blemore.scoring.labels import CLASSES, NAMES


@dataclass(frozen=True)
class Decision:
    """One answer.

    saliences : class -> percent; one emotion of 100, or two that sum to 100.
    p_presence : probability that the set of emotions is right; p_salience : that it is a blend in just these proportions;
    p_blend : that the clip is a blend at all.
    """

    saliences: Mapping[str, int]
    p_presence: float
    p_salience: float
    p_blend: float

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Decision":
        """A row of `decide.run.decisions_table`."""
        saliences = {name: int(row[name]) for name in CLASSES if row[name]}
        return cls(saliences, float(row["p_presence"]), float(row["p_salience"]), float(row["p_blend"]))

    def __str__(self) -> str:
        parts = sorted(self.saliences.items(), key=lambda part: -part[1])
        if len(parts) == 1:
            return NAMES[parts[0][0]]
        (first, more), (second, less) = parts
        how = "in equal parts" if more == less else f"{more}/{less}, {NAMES[first]} dominates"
        return f"{NAMES[first]} and {NAMES[second]} ({how})"

    def chances(self) -> str:
        """How probable it is to be right."""
        right = f"the emotions are right with probability {self.p_presence:.2f}"
        return f"{right}, the proportions too with {self.p_salience:.2f}" if len(self.saliences) > 1 else right


@dataclass(frozen=True)
class ClipAnswer:
    """The answer for one clip.

    clip : what was asked; decision : None where the clip has a fault.
    probabilities : fused, class -> number; encoders : the same of each encoder, None where it could not judge.
    corrected : the decision together with the person's other clips, where that was asked for.
    """

    clip: Clip
    decision: Decision | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    encoders: Mapping[str, Mapping[str, float] | None] = field(default_factory=dict)
    corrected: Decision | None = None

    def to_json(self) -> dict[str, Any]:
        """For JSON: everything."""
        said: dict[str, Any] = {"clip": self.clip.name, "file": str(self.clip.file), "seconds": self.clip.seconds}
        said |= {"fault": self.clip.fault or None, "remarks": self.clip.remarks}
        if self.decision is None:
            return said
        said |= {"answer": _decision(self.decision), "probabilities": dict(self.probabilities)}
        said |= {
            "encoders": {name: None if encoder is None else dict(encoder) for name, encoder in self.encoders.items()}
        }
        return said | ({} if self.corrected is None else {"corrected": _decision(self.corrected)})


@dataclass(frozen=True)
class Predictions:
    """The answers to a call of `Bundle.predict`, in the order of the clips' names.

    left_out : encoders of the study that the bundle is without, and why.
    notes : what is to be known of all of them.
    """

    answers: Sequence[ClipAnswer]
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def failed(self) -> list[ClipAnswer]:
        """Those of clips with a fault."""
        return [answer for answer in self.answers if answer.clip.fault]

    def table(self) -> pd.DataFrame:
        """One row per clip.

        clip, file, seconds, fault and remarks; percent of each emotion in the answer (answer_ang, ...); p_presence, p_salience,
        p_blend; fused probabilities (ang, ...); those of each encoder (s4d_ang, ...); after a correction corrected_ang, ... .
        """
        return pd.DataFrame([_row(answer) for answer in self.answers])

    def to_json(self) -> dict[str, Any]:
        """For JSON: the clips, the encoders left out, the notes."""
        clips = [answer.to_json() for answer in self.answers]
        return {"clips": clips, "left_out": dict(self.left_out), "notes": list(self.notes)}

    def text(self) -> list[str]:
        """Lines for people."""
        lines = []
        for answer in self.answers:
            lines += [f"{answer.clip.name}", *(f"  {line}" for line in _lines(answer))]
        lines += [f"Left out: {name}: {why}." for name, why in self.left_out.items()]
        return [*lines, *self.notes]


def _decision(decision: Decision) -> dict[str, Any]:
    emotions = [{"emotion": name, "salience": percent} for name, percent in decision.saliences.items()]
    chances = {"p_presence": decision.p_presence, "p_salience": decision.p_salience, "p_blend": decision.p_blend}
    return {"emotions": sorted(emotions, key=lambda part: -part["salience"]), **chances, "text": str(decision)}


def _row(answer: ClipAnswer) -> dict[str, Any]:
    said = answer.clip
    row: dict[str, Any] = {"clip": said.name, "file": str(said.file), "seconds": said.seconds, "fault": said.fault}
    row["remarks"] = "; ".join(said.remarks)
    for name, decision in (("answer", answer.decision), ("corrected", answer.corrected)):
        if decision is not None:
            row |= {f"{name}_{emotion}": decision.saliences.get(emotion, 0) for emotion in CLASSES}
    if answer.decision is not None:
        row |= {name: getattr(answer.decision, name) for name in ("p_presence", "p_salience", "p_blend")}
    row |= answer.probabilities
    for name, shares in answer.encoders.items():
        row |= {f"{name}_{emotion}": np.nan if shares is None else shares[emotion] for emotion in CLASSES}
    return row


def _lines(answer: ClipAnswer) -> list[str]:
    if answer.decision is None:
        return [f"no answer: {answer.clip.fault}"]
    lines = [f"{answer.decision}: {answer.decision.chances()}"]
    if answer.corrected is not None:
        lines.append(f"together with the person's other clips: {answer.corrected}: {answer.corrected.chances()}")
    fused = sorted(answer.probabilities.items(), key=lambda part: -part[1])
    lines.append("probabilities " + ", ".join(f"{NAMES[name]} {share:.2f}" for name, share in fused))
    for name, shares in answer.encoders.items():
        if shares is None:
            lines.append(f"  {name:<20} could not judge this clip")
        else:
            first, second = sorted(shares.items(), key=lambda part: -part[1])[:2]
            lines.append(f"  {name:<20} {NAMES[first[0]]} {first[1]:.2f}, {NAMES[second[0]]} {second[1]:.2f}")
    return lines + [f"remark: {remark}" for remark in answer.clip.remarks]
