"""From fused probabilities to decisions, honestly: what decides a fold's clips was fitted on the other folds.

Two variants. "global": one pair of thresholds for everybody. "person_offset": each person's posteriors are first
moved towards the training prior, without looking at labels (`person_offset`). A test clip's name carries no identity: it gets
the second variant only where individuals were found among the test clips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from blemore.decide import person_offset
from blemore.decide.problem import Decided, decide_shared
from blemore.scoring.decoding import decode
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.rows import Rows
from blemore.scoring.thresholds import commonest_decision
from blemore.tables import class_rows, labelled
from joblineage.errors import refuse

VARIANTS = ("global", "person_offset")
DECISION_COLUMNS = ("clip", "split", "person", "fold", "variant", "decided_by", *CLASSES)
OFFSET_COLUMNS = ("person", "fold", "clips", *CLASSES)


@dataclass(frozen=True)
class Calibrated:
    """What calibration makes.

    thresholds : {variant: {"final": {"alpha", "beta"}, "folds": {"0": {"alpha", "beta"}, ...}}}
    decisions : one row per usable clip and variant, saliences in percent as integers; test clips have the variant
        "person_offset" only where individuals were given. `decided_by` is "model", or "prior" for a quarantined test
        clip: the commonest label of the training clips.
    offsets : one row per training person, the offsets that moved the person's own decisions, and the number of clips;
        then one row per individual of the test clips, named "test 0", ..., with fold NO_FOLD.
    """

    thresholds: dict[str, Any]
    decisions: pd.DataFrame
    offsets: pd.DataFrame


def calibrate(
    views: pd.DataFrame,
    probabilities: pd.DataFrame,
    clips: pd.DataFrame,
    kappas: Sequence[float],
    *,
    individuals: pd.DataFrame | None = None,
) -> Calibrated:
    """Fit thresholds and offsets for each fold left out and for all train clips, and decide with them.

    Parameters
    ----------
    views : as made by `fusion.run.fuse`: all train clips for each outer fold, and for the final one.
    probabilities : the fused probabilities table; its test rows are decided with the final thresholds.
    clips : clips table of the study.
    kappas : strengths of the person offset to choose from besides off (`person_offset.decide`).
    individuals : clip and cluster, who is who among the test clips; a clip without a row is decided as in "global".
        Without any row (nobody could be told apart) all are. None: nobody knows, or nobody may know.

    Raises
    ------
    DataError : a view is missing, or holds other clips than the usable train clips of the study.
    """
    rows = rows_of_views(views, clips)
    decided = {"global": decide_shared(rows)}
    decided["person_offset"], offsets = person_offset.decide(rows, kappas)
    tables = [_decisions(labelled(clips), made.saliences[0], variant, "model") for variant, made in decided.items()]
    fold = np.zeros(len(rows.persons), dtype=np.int64)
    fold[rows.person] = rows.fold
    judging = np.stack([offsets[outer][number] for number, outer in enumerate(fold.tolist())])
    of_train = _offset_table(rows.persons, fold, rows.person, judging)
    test, own_offsets = _test_decisions(probabilities, clips, rows, decided, individuals)
    return Calibrated(
        thresholds={variant: _thresholds(made) for variant, made in decided.items()},
        decisions=pd.concat([*tables, *test], ignore_index=True).sort_values(
            ["clip", "variant"], kind="stable", ignore_index=True
        ),
        offsets=pd.concat([of_train, own_offsets], ignore_index=True),
    )


def rows_of_views(views: pd.DataFrame, clips: pd.DataFrame) -> Rows:
    """The labelled clips of a study, with the values (outers, n, 6) of its views; a DataError as for `calibrate`."""
    train = labelled(clips)
    rows, names = Rows.of(train), train["clip"]
    values, faults = [], []
    for outer in rows.outers:
        view = views[views["outer"] == outer].set_index("clip")
        faults += [f"view {outer}: no row for clip {name}" for name in names if name not in view.index]
        faults += [f"view {outer}: clip {name} is no usable train clip" for name in view.index.difference(names)]
        faults += [f"view {outer}: clip {name} has two rows" for name in view.index[view.index.duplicated()]]
        if not faults:
            values.append(view.loc[names, list(CLASSES)].to_numpy(float))
    refuse("fused views", faults)
    return replace(rows, values=np.stack(values))


def _test_decisions(
    probabilities: pd.DataFrame,
    clips: pd.DataFrame,
    rows: Rows,
    decided: Mapping[str, Decided],
    individuals: pd.DataFrame | None,
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """Decisions of all test clips (those with probabilities by the model, the quarantined ones by the prior) for each
    variant that they can have, and the offsets of their individuals."""
    test = clips[clips["split"] == "test"]
    known = test["clip"].isin(probabilities["clip"])
    lost = test[~known & (test["quarantine"] == "")]
    refuse("fused probabilities", [f"test clip {name}: no row" for name in lost["clip"]])
    by_model, quarantined = test[known], test[~known]
    values = probabilities.set_index("clip").loc[by_model["clip"], list(CLASSES)].to_numpy(float)
    shown = Rows.of(by_model, values).to_judge(ModelName.of("calibration", FINAL, "global"))
    saliences = {"global": decode(shown.values, *decided["global"].thresholds[FINAL])}
    offsets = pd.DataFrame(columns=list(OFFSET_COLUMNS))
    if individuals is not None:
        number = individuals.set_index("clip")["cluster"].reindex(by_model["clip"]).to_numpy(float)
        found = np.isfinite(number)
        groups, who = np.unique(number[found].astype(int), return_inverse=True)
        prior = rows.truth.mean(axis=0) / 100
        personal = saliences["global"].copy()
        own = shown.to_judge(ModelName.of("calibration", FINAL, "person_offset"), found)
        as_global = ModelName.of("calibration", FINAL, "person_offset as global")
        rows.to_fit(as_global, "thresholds")
        shown.to_judge(as_global, ~found)
        transductive = ModelName.of("calibration", FINAL, "offsets")
        own.to_fit(transductive, "offsets").to_judge(transductive)
        personal[found], moved = person_offset.decide_new(own.values, who, prior, decided["person_offset"])
        saliences["person_offset"] = personal
        offsets = _offset_table([f"test {group}" for group in groups], FINAL, who, moved)
    commonest = ModelName.of("calibration", FINAL, "commonest label")
    prior_label = commonest_decision(rows.to_fit(commonest, "prior").truth)
    Rows.of(quarantined).to_judge(commonest)
    by_prior = np.tile(prior_label, (len(quarantined), 1))
    tables = [_decisions(by_model, made, variant, "model") for variant, made in saliences.items()]
    return [*tables, *(_decisions(quarantined, by_prior, variant, "prior") for variant in saliences)], offsets


def _decisions(clips: pd.DataFrame, saliences: np.ndarray, variant: str, decided_by: str) -> pd.DataFrame:
    table = class_rows(clips, saliences).assign(variant=variant, decided_by=decided_by)
    return table[list(DECISION_COLUMNS)]


def _offset_table(persons: Sequence[str], fold: np.ndarray | int, who: np.ndarray, offsets: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {"person": persons, "fold": fold, "clips": np.bincount(who), **dict(zip(CLASSES, offsets.T, strict=True))}
    )


def _thresholds(decided: Decided) -> dict[str, Any]:
    pairs = {outer: dict(zip(("alpha", "beta"), pair, strict=True)) for outer, pair in decided.thresholds.items()}
    return {"final": pairs.pop(FINAL), "folds": {str(outer): pair for outer, pair in pairs.items()}}
