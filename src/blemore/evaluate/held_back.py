"""Judge submissions for generated actors against the truth of the test clips, which no step of the study reads.

Test actors are never seen in training, and their clips carry no name: what the challenge alone can say of real test
clips can be said here of generated ones.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from blemore.challenge.files import EXTENSION
from blemore.challenge.submission import check
from blemore.datasets.template import read_submission
from blemore.scoring.columns import clip_names
from blemore.scoring.intervals import FEWEST_PERSONS, interval_over_persons
from blemore.scoring.labels import CLASSES, check_labels
from blemore.scoring.metrics import ACCURACIES, scores, true_saliences
from blemore.scoring.model_name import FINAL
from blemore.scoring.persons import accuracies, accuracy_intervals, sums_of_persons
from blemore.scoring.rows import Rows
from joblineage.errors import DataError, refuse

NOTE = "The test clips show generated actors: these figures say that the workflow works, and nothing about BLEMORE."


def judge(
    submissions: Mapping[str, str | Path], truth_json: str | Path, clusters: pd.DataFrame | None
) -> dict[str, Any]:
    """Scores of submissions on the held-back truth, their difference, and how well persons were distinguished.

    Parameters
    ----------
    submissions : mapping of str to (str or Path)
        {variant ("inductive", "transductive"): submission as .json or .zip, with every test clip}.
    truth_json : str or Path
        The demo's truth.json: {"test": {"test_0001.mov": {"person", "mix", "emotion_1", ...}, ...}}.
    clusters : DataFrame or None
        Columns clip and cluster, one row per clip that was assigned; clips without a row are counted, not judged.

    Returns
    -------
    dict of str to object
        "variants" {variant: acc_presence, acc_salience, score, clips, blends, interval, interval_reason}; "difference"
        transductive minus inductive {acc_presence, acc_salience, score, interval, interval_reason}, paired over
        persons; None unless both are there; "clusters" {purity, adjusted_rand, clusters, persons, clips,
        without_cluster} or None; "note" a sentence. An interval holds [low, high] of each accuracy, 90 %, over
        "persons". It is None with fewer than two persons, and "interval_reason" says so. Purity is the share of clips
        that show their cluster's commonest person: it rises with the number of clusters, the adjusted Rand index does
        not.

    Raises
    ------
    DataError
        A file is not in its form, a clip is missing, unknown or doubled; the message names file and clip.
    OSError
        A file cannot be read.
    """
    truth = _read_truth(truth_json)
    person, persons = pd.factorize(truth["person"], sort=True)
    no_fold = np.full(len(truth), FINAL)
    rows = Rows(np.zeros((len(truth), 0)), true_saliences(truth), no_fold, person, tuple(persons))
    variants, sums = {}, {}
    for variant, path in submissions.items():
        said = _read_saliences(path, truth["clip"])
        sums[variant] = sums_of_persons(rows, said)
        variants[variant] = scores(said, rows.truth) | _interval(sums[variant])
    difference = None
    if {"inductive", "transductive"} <= set(variants):
        difference = {key: variants["transductive"][key] - variants["inductive"][key] for key in ACCURACIES}
        difference |= _interval(sums["inductive"], sums["transductive"])
    judged = None if clusters is None else _judge_clusters(clusters, truth)
    return {"variants": variants, "difference": difference, "clusters": judged, "note": NOTE}


def _interval(sums: np.ndarray, after: np.ndarray | None = None) -> dict[str, Any]:
    """ "persons", "interval" and "interval_reason" of the accuracies of sums (persons, 4), or of what others gain over them."""
    if len(sums) < FEWEST_PERSONS:
        reason = f"{len(sums)} person(s): an interval over persons needs at least {FEWEST_PERSONS}"
        return {"persons": len(sums), "interval": None, "interval_reason": reason}
    if after is None:
        return accuracy_intervals(sums) | {"interval_reason": None}

    def gained(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        return np.stack(accuracies(after), axis=-1) - np.stack(accuracies(before), axis=-1)

    limits = interval_over_persons(gained, sums, after).T.tolist()
    return {"persons": len(sums), "interval": dict(zip(ACCURACIES, limits, strict=True)), "interval_reason": None}


def _judge_clusters(clusters: pd.DataFrame, truth: pd.DataFrame) -> dict[str, Any]:
    refuse("clusters", (f"column {name!r} is missing" for name in ("clip", "cluster") if name not in clusters.columns))
    table = pd.DataFrame({"clip": clip_names(clusters["clip"]), "cluster": clusters["cluster"].to_numpy()})
    clip = table["clip"]
    faults = [f"clip {name}: is in more than one row" for name in clip[clip.duplicated()]]
    faults += [f"clip {name}: no such test clip" for name in clip[~clip.isin(truth["clip"])]]
    faults += [f"clip {name}: its cluster is empty" for name in clip[table["cluster"].isna()]]
    refuse("clusters", faults if len(table) else ["no row"])
    table = table.merge(truth[["clip", "person"]], on="clip", validate="one_to_one")
    commonest = pd.crosstab(table["cluster"], table["person"]).max(axis=1)
    return {
        "purity": float(commonest.sum() / len(table)),
        "adjusted_rand": float(adjusted_rand_score(table["person"], table["cluster"])),
        "clusters": int(table["cluster"].nunique()),
        "persons": int(table["person"].nunique()),
        "clips": len(table),
        "without_cluster": len(truth) - len(table),
    }


def _read_truth(path: str | Path) -> pd.DataFrame:
    """Labels and person of each test clip, sorted by clip, checked."""
    value = read_submission(path)
    test = value.get("test") if isinstance(value, dict) else None
    if not isinstance(test, dict) or not test:
        raise DataError(str(path), ['expected {"test": {clip: {"person": ..., "emotion_1": ..., ...}, ...}}'])
    wrong = {clip: row for clip, row in test.items() if not isinstance(row, dict)}
    refuse(path, (f"clip {clip}: expected its labels, found {row!r}" for clip, row in wrong.items()))
    table = pd.DataFrame([{"clip": clip} | row for clip, row in test.items()])
    table["clip"] = clip_names(table["clip"])
    nobody = clip_names(clip for clip, row in test.items() if row.get("person") is None)
    refuse(path, check_labels(table, "") + [f"clip {clip}: no person" for clip in nobody])
    return table.sort_values("clip", kind="stable", ignore_index=True)


def _read_saliences(path: str | Path, clips: pd.Series) -> np.ndarray:
    """(n, 6) saliences in percent of a submission, in the order of `clips`; strictly checked."""
    refuse(path, check(path, clips))
    said = {
        clip: {entry["emotion"]: float(entry["salience"]) for entry in emotions}
        for clip, emotions in read_submission(path)["predictions"].items()
    }
    keys = [f"{clip}{EXTENSION}" for clip in clips]
    return pd.DataFrame([said[key] for key in keys], columns=list(CLASSES)).fillna(0.0).to_numpy()
