"""All clips of one person decided together, as the study's transductive variant does: asked for, never by default."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from blemore.decide.chains import TRANSDUCTIVE, decide_persons
from blemore.decide.personal.choice import OFF
from blemore.decide.personal.schedule import UNUSUAL
from blemore.decide.run import decisions_table
from blemore.predict.answers import ClipAnswer, Decision
from blemore.predict.bundle import BALANCED, FEWEST
from blemore.predict.fusing import personal, single
from blemore.tables import class_values
from joblineage.errors import DataError

if TYPE_CHECKING:
    from blemore.predict.bundle import Judged


def check_call(person: str | None, schedule: str | None, clips: int) -> None:
    """Refuse a correction whose assumption was not stated, an assumption without a correction, and too few clips."""
    if (person is None) != (schedule is None):
        text = "person and schedule go together: a correction is right only under the assumption that schedule names"
        raise DataError("predict", [f"{text}; give --person NAME --schedule {BALANCED}, or neither"])
    if schedule not in (None, BALANCED):
        raise DataError("predict", [f"schedule: found {schedule!r}, expected {BALANCED!r}"])
    if person is not None and clips < FEWEST:
        raise DataError(
            f"person {person}", [f"{clips} clip(s), a correction needs {FEWEST} at least: leave --person out"]
        )


def corrected(
    answers: Mapping[str, ClipAnswer], judged: "Judged", models: Mapping[str, Any], person: str
) -> tuple[dict[str, ClipAnswer], list[str]]:
    """The answers, each with what is decided together with the others beside it; and what that assumes.

    Fewer than ten that can be used are not corrected, and a note says so.

    Parameters
    ----------
    answers, judged : of the person's clips; models : of bundle.json.
    """
    if len(answers) < FEWEST:
        text = f"{len(answers)} clip(s) can be used, a correction needs {FEWEST} at least"
        return dict(answers), [f"Nothing was corrected for {person}: {text}."]
    model, values = personal(models), class_values(judged.fused)
    if model.choice.kind == OFF:
        return dict(answers), [f"Nothing was corrected for {person}: the study found no personal model that helps."]
    who = np.zeros(len(values), int)
    saliences, posterior = decide_persons(model, single(models), values, who)
    rows = decisions_table(judged.fused, saliences, TRANSDUCTIVE, "model", posterior).set_index("clip")
    usual = float(model.usualness(values, who)[0])
    notes = [
        f"Corrected for {person}: assumes that all {len(values)} clips show this one person, and together about the mix of emotions "
        "of the study's own clips, each as often as there. Where they do not, the correction makes answers worse; without it "
        "each clip's own answer stands, in the first line.",
        *(
            [f"Their mix looks unusual for that ({usual:.3f}): rather trust the uncorrected answers."]
            if usual < UNUSUAL
            else []
        ),
    ]
    return {name: replace(answer, corrected=Decision.of(rows.loc[name])) for name, answer in answers.items()}, notes
