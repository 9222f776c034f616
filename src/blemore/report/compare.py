"""Two studies of the same clips side by side, on one page: figures, the paired difference per person, parameters that differ.

What the page computes is its block `comparison.json`, which is embedded in it; all else is read at the studies' own files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blemore.report import inputs, numbers
from blemore.report.identities import GENERATED, Identities, identities
from blemore.report.numbers import Spot
from blemore.report.page import environment
from blemore.report.policy import inline, policy
from blemore.scoring.persons import accuracies, gain_and_interval, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.tables import labelled, read_clips, read_probabilities
from joblineage.errors import DataError, MissingDataError, refuse
from joblineage.files import read_json, read_yaml

FILES = {
    "params": "params.yaml",
    "metrics": "results/metrics.json",
    "clips": "results/clips/clips.parquet",
    "probabilities": "results/fusion/probabilities.parquet",
    "decisions": "results/calibration/decisions.parquet",
}
"""What is read of each study."""
BLOCK = "comparison.json"


@dataclass(frozen=True)
class Study:
    """A finished study's files.

    name : "A" or "B"; folder : its name, without the path to it.
    rows : its labelled clips, sorted by name; decided : {variant: saliences (n, 6) in percent of these rows}.
    """

    name: str
    folder: str
    params: dict[str, Any]
    metrics: dict[str, Any]
    clips: pd.DataFrame
    probabilities: pd.DataFrame
    rows: Rows
    decided: dict[str, np.ndarray]


def read_study(name: str, folder: Path) -> Study:
    """Read the study in a folder.

    Raises
    ------
    MissingDataError : it lacks files; all of them are named.
    DataError : a file differs from `contract.yaml`.
    """
    lacking = [file for file in FILES.values() if not (folder / file).is_file()]
    if lacking:
        advice = "a finished study has them: `snakemake submission` makes them, `dvc pull` brings them"
        raise MissingDataError(str(folder), [*(f"{file} is missing" for file in lacking), advice])
    path = {key: folder / file for key, file in FILES.items()}
    clips, decisions = read_clips(path["clips"]), pd.read_parquet(path["decisions"])
    rows = Rows.of(labelled(clips))
    parts = decisions[decisions["split"] == "train"].groupby("variant", sort=True)
    return Study(
        name,
        folder.resolve().name,
        read_yaml(path["params"]),
        inputs.checked("metrics", str(path["metrics"]), read_json(path["metrics"])),
        clips,
        read_probabilities(path["probabilities"]),
        rows,
        {str(variant): rows.lookup(part) for variant, part in parts},
    )


def same_clips(one: Study, other: Study) -> None:
    """Refuse two studies that did not decide the same labelled clips of the same persons: no difference is paired then."""
    where = f"{one.folder} and {other.folder}"
    names = [one.metrics["dataset"], other.metrics["dataset"]]
    if names[0] != names[1]:
        raise DataError(where, [f"A is a study of {names[0]}, B of {names[1]}: expected the same clips in both"])
    clips = [labelled(study.clips)["clip"].to_numpy() for study in (one, other)]
    first, second = map(set, clips)
    only = [
        f"{len(extra)} labelled clips are used in {name} only, such as {min(extra)}"
        for name, extra in (("A", first - second), ("B", second - first))
        if extra
    ]
    advice = "both must use the same clips: the same data set options, and none set aside in one of them only"
    refuse(where, [*only, advice] if only else [])
    persons = [np.array(study.rows.persons)[study.rows.person] for study in (one, other)]
    differ = (one.rows.truth != other.rows.truth).any(axis=1) | (persons[0] != persons[1])
    if differ.any():
        text = f"person or label of {int(differ.sum())} clips differ, first of {clips[0][differ][0]}: they are not the same clips"
        raise DataError(where, [text])


def comparison(first: Study, other: Study, who: Identities) -> dict[str, Any]:
    """What is computed of two studies of the same clips.

    Returns
    -------
    "variants": {variant of both: "gain" B minus A, "interval" of the Score's, "persons", "gaining", "losing" and "equal"
    persons by Score, "each": {person: "a", "b", "difference" in Score}, the largest gain first}; "only": variants of one
    study alone; "params": {dotted key: {"a", "b"}} that differ, as text, null where a study lacks the key.
    """
    variants = {name: _paired(first, other, name, who) for name in first.decided if name in other.decided}
    flat = [dict(_flat(study.params)) for study in (first, other)]
    differ = [key for key in dict.fromkeys([*flat[0], *flat[1]]) if flat[0].get(key) != flat[1].get(key)]
    return {
        "variants": variants,
        "only": sorted(set(first.decided) ^ set(other.decided)),
        "params": {key: {"a": flat[0].get(key), "b": flat[1].get(key)} for key in differ},
    }


def _paired(first: Study, other: Study, variant: str, who: Identities) -> dict[str, Any]:
    before, after = (sums_of_persons(study.rows, study.decided[variant]) for study in (first, other))
    scores = np.stack([accuracies(before)[2], accuracies(after)[2]], axis=1)  # (persons, 2)
    change = scores[:, 1] - scores[:, 0]
    each = {
        who.label(first.rows.persons[k]): {
            "a": float(scores[k, 0]),
            "b": float(scores[k, 1]),
            "difference": float(change[k]),
        }
        for k in np.argsort(-change, kind="stable")
    }
    signs = {"gaining": change > 0, "losing": change < 0, "equal": change == 0}
    return gain_and_interval(before, after) | {word: int(sign.sum()) for word, sign in signs.items()} | {"each": each}


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """("encoders.s4d.tiny.epochs", "10") of every value in a mapping."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, str(value)


def page(a: Path, b: Path) -> str:
    """The HTML of the comparison of the studies in two folders; the same inputs give the same bytes.

    Raises
    ------
    MissingDataError : a study is not there, or not finished.
    DataError : the studies' clips differ, or the page would name somebody it must not.
    """
    one, other = read_study("A", a), read_study("B", b)
    same_clips(one, other)
    who = identities(one.metrics["dataset"], one.clips, one.probabilities, "none")
    facts = comparison(one, other, who)
    own = inline([Path(numbers.__file__).with_name("templates")])
    html = environment().get_template("compare.html.j2").render(
        inline=own,
        policy=policy(own),
        generated=one.metrics["dataset"] == GENERATED,
        studies=[
            (study, Spot(f"{study.name}/results/metrics.json", study.metrics), Spot(f"{study.name}/params.yaml", study.params))
            for study in (one, other)
        ],
        who=who,
        facts=Spot(BLOCK, facts),
        block=facts,
    )  # fmt: skip
    html = who.scrub(html) if who.neutral else html  # a parameter may name somebody
    who.check(html)
    return html
