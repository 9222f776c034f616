"""From fused probabilities to decisions, honestly: what decides a fold's clips was fitted on the other folds.

Two variants. "global": one pair of thresholds for everybody. "person_offset": each person's posteriors are first
moved to the training prior, without looking at labels (`offsets`). A test clip's name carries no identity, so test
clips are decided by the global variant only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blemore.calibration.offsets import apply_offsets, fit_offsets
from blemore.calibration.thresholds import commonest_decision, fit
from blemore.decoding import decode
from blemore.errors import DataError
from blemore.fusion.run import FINAL
from blemore.labels import CLASSES
from blemore.metrics import true_saliences
from blemore.surface import Chosen
from blemore.tables import usable

VARIANTS = ("global", "person_offset")
DECISION_COLUMNS = ("clip", "split", "person", "fold", "variant", "decided_by", *CLASSES)
OFFSET_COLUMNS = ("person", "fold", "clips", *CLASSES)


@dataclass(frozen=True)
class Calibrated:
    """What calibration makes.

    thresholds : {variant: {"final": {"alpha", "beta"}, "folds": {"0": {"alpha", "beta"}, ...}}}
    decisions : one row per usable clip and variant (test clips: "global" only), saliences in percent as integers;
        `decided_by` is "model", or "prior" for a quarantined test clip: the commonest label of the training clips.
    offsets : one row per training person, the offsets that moved the person's own decisions, and the number of clips.
    """

    thresholds: dict[str, Any]
    decisions: pd.DataFrame
    offsets: pd.DataFrame


def calibrate(
    views: pd.DataFrame, probabilities: pd.DataFrame, clips: pd.DataFrame, options: Mapping[str, Any]
) -> Calibrated:
    """Fit thresholds and offsets for each fold left out and for all train clips, and decide with them.

    Parameters
    ----------
    views : as made by `fusion.run.fuse`: all train clips under the weights of each fold left out, and the final ones.
    probabilities : the fused probabilities table; its test rows are decided with the final thresholds.
    clips : clips table of the study.
    options : `kappa`, in clips, of `offsets.fit_offsets`.

    Raises
    ------
    DataError : a view is missing, or holds other clips than the usable train clips of the study.
    """
    labelled = usable(clips)
    labelled = labelled[labelled["split"] == "train"].sort_values("clip", kind="stable").reset_index(drop=True)
    truth, fold = true_saliences(labelled), labelled["fold"].to_numpy()
    who, persons = pd.factorize(labelled["person"], sort=True)
    folds = np.unique(fold).tolist()
    by_view = _values_of_views(views, labelled["clip"], [FINAL, *folds])

    thresholds: dict[str, Any] = {variant: {"folds": {}} for variant in VARIANTS}
    decided = {variant: np.zeros((len(labelled), len(CLASSES)), dtype=np.int64) for variant in VARIANTS}
    offset_rows = np.zeros((len(persons), len(CLASSES)))
    for outer in (FINAL, *folds):
        fitted_on, reported = (
            fold != outer,
            fold == outer,
        )  # the final view is fitted on everything, and reports nothing
        prior = truth[fitted_on].mean(axis=0) / 100
        offsets = fit_offsets(by_view[outer], who, prior, kappa=options["kappa"])
        offset_rows[who[reported]] = offsets[who[reported]]
        values = {"global": by_view[outer], "person_offset": apply_offsets(by_view[outer], offsets[who])}
        for variant in VARIANTS:
            chosen = fit(values[variant][fitted_on], truth[fitted_on])
            if outer == FINAL:
                thresholds[variant]["final"] = _pair(chosen)
            else:
                thresholds[variant]["folds"][str(outer)] = _pair(chosen)
                decided[variant][reported] = decode(values[variant][reported], chosen.alpha, chosen.beta)

    tables = [_decisions(labelled, decided[variant], variant, "model") for variant in VARIANTS]
    tables += _test_decisions(probabilities, clips, thresholds["global"]["final"], commonest_decision(truth))
    offsets = labelled.groupby("person")["fold"].agg(fold="first", clips="size").reset_index()
    offsets[list(CLASSES)] = offset_rows
    return Calibrated(
        thresholds=thresholds,
        decisions=pd.concat(tables, ignore_index=True).sort_values(
            ["clip", "variant"], kind="stable", ignore_index=True
        ),
        offsets=offsets[list(OFFSET_COLUMNS)],
    )


def _values_of_views(views: pd.DataFrame, names: pd.Series, outers: list[int]) -> dict[int, np.ndarray]:
    """{outer: (n, 6) probabilities in the order of `names`}."""
    values, faults = {}, []
    for outer in outers:
        view = views[views["outer"] == outer].set_index("clip")
        faults += [f"view {outer}: no row for clip {name}" for name in names if name not in view.index]
        faults += [f"view {outer}: clip {name} is no usable train clip" for name in view.index.difference(names)]
        faults += [f"view {outer}: clip {name} has two rows" for name in view.index[view.index.duplicated()]]
        if not faults:
            values[outer] = view.loc[names, list(CLASSES)].to_numpy(float)
    if faults:
        raise DataError("fused views", faults)
    return values


def _test_decisions(
    probabilities: pd.DataFrame, clips: pd.DataFrame, thresholds: Mapping[str, float], prior: np.ndarray
) -> list[pd.DataFrame]:
    """Decisions of all test clips: those with probabilities by the model, the quarantined ones by the prior."""
    test = clips[clips["split"] == "test"]
    known = test["clip"].isin(probabilities["clip"])
    lost = test[~known & (test["quarantine"] == "")]
    if len(lost):
        raise DataError("fused probabilities", [f"test clip {name}: no row" for name in lost["clip"]])
    by_model = test[known]
    values = probabilities.set_index("clip").loc[by_model["clip"], list(CLASSES)].to_numpy(float)
    quarantined = test[~known]
    return [
        _decisions(by_model, decode(values, thresholds["alpha"], thresholds["beta"]), "global", "model"),
        _decisions(quarantined, np.tile(prior, (len(quarantined), 1)), "global", "prior"),
    ]


def _decisions(clips: pd.DataFrame, saliences: np.ndarray, variant: str, decided_by: str) -> pd.DataFrame:
    table = clips[["clip", "split", "person", "fold"]].reset_index(drop=True)
    table = table.assign(variant=variant, decided_by=decided_by)
    table[list(CLASSES)] = saliences
    return table[list(DECISION_COLUMNS)]


def _pair(chosen: Chosen) -> dict[str, float]:
    return {"alpha": chosen.alpha, "beta": chosen.beta}
