"""The encoders side by side: honest scores, weight in the fusion, cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from joblineage.files import read_json

COLUMNS = (
    "encoder",
    "origin",  # finetuned, pretrained, computed, random, stand-in, service, outside
    "disjointness",  # by fold, declared, unknown
    "clips",
    "acc_presence",
    "acc_salience",
    "score",
    "score_low",  # 90 % interval over persons
    "score_high",
    "persons",
    "over_commonest",  # Score minus that of the other folds' commonest label
    "over_commonest_low",
    "over_commonest_high",
    "over_computed",  # Score minus that of the computed encoder that is best on the other folds
    "over_computed_low",
    "over_computed_high",
    "fusion_weight",
    "adds",  # Score that the mean of all encoders gains over that of all but this one
    "adds_low",
    "adds_high",
    "greedy_rank",  # 1: the best alone; then always what adds most
    "greedy_score",  # out-of-fold Score of all up to this one
    "greedy_cpu_seconds",  # of all up to this one
    "personal_bias",  # spread of persons' offsets beyond that of random groups, logits
    "personal_bias_low",
    "personal_bias_high",
    "cpu_seconds",  # of embedding or of all folds' trainings, imports included; differs from run to run
    "peak_mb",
    "note",
)
NOTES = {
    "random": "frozen and never trained: shown, not judged",
    "stand-in": "in place of the service, says nothing about it",
}


def compare(
    metrics: Mapping[str, Any], weights: Mapping[str, Any], costs: Mapping[str, Mapping], worth: Mapping[str, Any]
) -> pd.DataFrame:
    """One row per encoder, best Score first.

    Parameters
    ----------
    metrics : mapping of str to object
        As `evaluate.summary.summarise` makes them.
    weights : mapping of str to object
        As `fusion.run.fuse` makes them; the final ones are shown.
    costs : mapping of str to mapping
        {encoder: {"cpu_seconds", "peak_mb"}}; an encoder from outside has none.
    worth : mapping of str to object
        As `evaluate.worth.worth` makes it.

    Returns
    -------
    DataFrame
        Columns ``COLUMNS``.
    """
    rows, ranks = [], {step["added"]: (k, step) for k, step in enumerate(worth["greedy"]["steps"], 1)}
    for name, entry in metrics["encoders"].items():
        low, high = entry["interval"]["score"]
        own, (rank, step) = worth["encoders"][name], ranks[name]
        notes = [NOTES.get(entry["origin"]), "disjointness unknown" if entry["disjointness"] == "unknown" else None]
        said = [*filter(None, [*notes, metrics["note"]])]
        rows.append(
            {column: entry.get(column) for column in COLUMNS}
            | {"encoder": name, "score_low": low, "score_high": high, "note": "; ".join(said)}
            | _difference("over_commonest", entry["over_commonest"])
            | _difference("over_computed", entry["over_computed"])
            | _difference("adds", own["adds"])
            | _ends("personal_bias", own["bias"]["excess"], own["bias"]["interval"])
            | {"fusion_weight": weights["final"][name]}
            | {"greedy_rank": rank, "greedy_score": step["score"], "greedy_cpu_seconds": step["cpu_seconds"]}
            | {key: costs.get(name, {}).get(key) for key in ("cpu_seconds", "peak_mb")}
        )
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["score", "encoder"], ascending=[False, True], ignore_index=True)


def _difference(column: str, gained: Mapping[str, Any] | None) -> dict[str, float | None]:
    """A gain in Score (`persons.gain_and_interval`) and its interval, as three columns; empty for None."""
    return _ends(column, gained["gain"]["score"], gained["interval"]) if gained else _ends(column, None, (None, None))


def _ends(column: str, value: float | None, interval: Sequence[float | None]) -> dict[str, float | None]:
    low, high = interval
    return {column: value, f"{column}_low": low, f"{column}_high": high}


def read_costs(paths: Sequence[str | Path]) -> dict[str, dict[str, float]]:
    """Costs per encoder: seconds of all folds added, the largest memory.

    Parameters
    ----------
    paths : sequence of str or Path
        {encoder}.cost.json, or {encoder}/fold{number}.cost.json.

    Returns
    -------
    dict of str to dict
        {encoder: {"cpu_seconds", "peak_mb"}}.
    """
    costs: dict[str, dict[str, float]] = {}
    for path in map(Path, paths):
        name = path.parent.name if path.name.startswith("fold") else path.name.removesuffix(".cost.json")
        part, whole = read_json(path), costs.setdefault(name, {"cpu_seconds": 0.0, "peak_mb": 0.0})
        whole["cpu_seconds"] = round(whole["cpu_seconds"] + part["cpu_seconds"], 2)
        whole["peak_mb"] = max(whole["peak_mb"], part["peak_mb"])
    return costs
