"""What each personal calibration gains over shared thresholds, beside controls in which there is no person to find.

The objective is flat: random groups of clips reach other "best" thresholds too, so a gain is nothing without its control.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from blemore.decide import enrolment, person_offset, person_thresholds
from blemore.decide.person_offset import fit_offsets
from blemore.decide.problem import Decided, decide_shared, permuted_labels, random_groups
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import ACCURACIES
from blemore.scoring.model_name import FINAL
from blemore.scoring.persons import INTERVAL, accuracies, draw_persons, sums_of_persons
from blemore.scoring.rows import Rows

WHAT = {
    "person_offset": "class offsets that move each person's mean posterior to the training prior; no label of the person",
    "person_thresholds": "thresholds of each person's own, shrunk towards everybody's; from labelled clips of the person",
    "enrolment": "five emotion-prominence offsets and one slope of each person; from labelled clips of the person",
}
CONTROLS = {
    "random_groups": "random groups of clips in place of the persons, of the same sizes",
    "permuted_labels": "labels dealt out anew among the clips of each fold",
}
LABELLED = ("person_thresholds", "enrolment")
"""Calibrations that are shown labels of the very person."""


def gains(
    rows: Rows,
    options: Mapping[str, Any],
    *,
    seed: int,
    only: Sequence[str] = tuple(WHAT),
    step: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Gain, interval and controls of every personal calibration.

    Parameters
    ----------
    options : "kappas"; "labelled_clips" that a person is enrolled with; "enrolment" {"draws", "spreads"};
        "person_thresholds" {"draws", "weights"}; "controls", how often each control is drawn (at least 2). What only
        calibrations that are left out need may be missing.
    only : which calibrations; all of `WHAT`.
    step : called after each draw of a control.

    Returns
    -------
    {variant: {"what", "uses_labels", "strength" {"final", "folds"}, "clips", "persons", "gain" {"acc_presence",
    "acc_salience", "score"}, "interval" [low, high] of the Score's gain, "controls" {name: {"what", "mean",
    "standard_error", "draws"}}}}. Gains are counted on the clips whose labels were not shown, the same for both sides.
    """
    labelled: dict[str, Any] = {"clips": options.get("labelled_clips"), "name": f"{seed}/enrolled"}
    calibrations: dict[str, Callable[[Rows], Decided]] = {
        "person_offset": lambda rows: person_offset.decide(rows, options["kappas"])[0],
        "person_thresholds": lambda rows: person_thresholds.decide(rows, **options["person_thresholds"], **labelled),
        "enrolment": lambda rows: enrolment.decide(rows, **options["enrolment"], **labelled),
    }
    base, found = decide_shared(rows), {}
    drawn = draw_persons(len(rows.persons), seed)
    for name in only:
        calibrate = calibrations[name]
        decided = calibrate(rows)
        sums = _sums(rows, base, decided)
        of_draws = [accuracies(drawn @ part)[2] for part in sums]
        controls: dict[str, list[float]] = {control: [] for control in CONTROLS}
        for draw in range(options["controls"]):
            tag = f"{seed}/{name}/{draw}"
            mixed = random_groups(rows, tag, within_folds=name == "person_thresholds")
            controls["random_groups"].append(_gain(_sums(mixed, base, calibrate(mixed)))[2])
            mixed = permuted_labels(rows, tag)
            controls["permuted_labels"].append(_gain(_sums(mixed, decide_shared(mixed), calibrate(mixed)))[2])
            step()
        strengths = {str(o): one if isinstance(one, str) else f"{one:g}" for o, one in decided.strengths.items()}
        found[name] = {
            "what": WHAT[name],
            "uses_labels": name in LABELLED,
            "strength": {"final": strengths.pop(str(FINAL)), "folds": strengths},
            "clips": int(decided.judged.any(axis=0).sum()),
            "persons": int((sums[0][:, 1] > 0).sum()),
            "gain": dict(zip(ACCURACIES, _gain(sums), strict=True)),
            "interval": np.quantile(of_draws[1] - of_draws[0], INTERVAL).tolist(),
            "controls": {
                control: {
                    "what": CONTROLS[control],
                    "mean": float(np.mean(values)),
                    "standard_error": float(np.std(values, ddof=1) / np.sqrt(len(values))),
                    "draws": len(values),
                }
                for control, values in controls.items()
            },
        }
    return found


def style(rows: Rows, *, draws: int, seed: int) -> dict[str, dict[str, float]]:
    """How far persons' class offsets lie apart, beside random groups of clips: what is style, and what chance.

    Returns
    -------
    {"offset_sd": {class: standard deviation over persons of the unshrunk offset, in logits}, "offset_sd_random": the
    mean of the same over `draws` random groupings}.
    """
    values, prior = rows.view(FINAL).values, rows.truth.mean(axis=0) / 100

    def spread(who: np.ndarray) -> np.ndarray:
        return fit_offsets(values, who, prior).std(axis=0)

    random = [spread(random_groups(rows, f"{seed}/style/{draw}").person) for draw in range(draws)]
    return {
        "offset_sd": dict(zip(CLASSES, spread(rows.person).tolist(), strict=True)),
        "offset_sd_random": dict(zip(CLASSES, np.mean(random, axis=0).tolist(), strict=True)),
    }


def _gain(sums: Sequence[np.ndarray]) -> list[float]:
    """Gains in the three accuracies, of the base's and the calibration's sums (persons, 4)."""
    own, other = (np.stack(accuracies(part.sum(axis=0))) for part in sums)
    return (other - own).tolist()


def _sums(rows: Rows, base: Decided, decided: Decided) -> tuple[np.ndarray, np.ndarray]:
    """(persons, 4) sums of the base's and of the calibration's decisions, over the clips judged in each draw."""

    def sums(saliences: np.ndarray) -> np.ndarray:
        draws = zip(saliences, decided.judged, strict=True)
        return np.sum([sums_of_persons(rows.where(judged), made[judged]) for made, judged in draws], axis=0)

    return sums(np.broadcast_to(base.saliences[0], decided.saliences.shape)), sums(decided.saliences)
