"""Find the individuals among the test clips, whose names say nothing about who shows them.

What tells persons apart is learned from the training persons; the clusters hold test clips only, and no cluster is ever
compared with a training person. Descriptors of faces live in this function alone: neither written nor logged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from blemore.individuals.permission import APPROVAL, why_off
from blemore.individuals.quality import FEWEST_PERSONS, Quality, fit, quality
from blemore.params.parts import DESCRIPTOR, OFF
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.rows import Rows
from blemore.tables import usable
from joblineage import declare
from joblineage.errors import refuse


@dataclass(frozen=True)
class Individuals:
    """What is found.

    clusters : clip, cluster (int64 0.., in the order of the first clip's name); test clips with a face only.
    summary : JSON-able; {"active", "reason", "descriptor", "approved", "trusted", "trust",
        "train": {"persons", "clips", "purity", "adjusted_rand", "splits"},
        "test": {"clips", "without_face", "clusters", "sizes"}}; unknown figures are None.
    """

    clusters: pd.DataFrame
    summary: dict[str, Any]


def find_individuals(
    clips: pd.DataFrame,
    face_shards: Sequence[Path],
    *,
    descriptor: str | bool,
    approved: Mapping[str, Any] | None,
    dataset: str,
    trust: float,
    seed: int,
) -> Individuals:
    """Cluster the test clips by who shows them, and say how far that can be trusted.

    Parameters
    ----------
    clips : clips table of the study; quarantined clips are left out.
    face_shards : faces files (`media.schemas.FACES`); read only where individuals may be told apart.
    descriptor : name of a module of this package, or "off" or False.
    approved : {by, date, basis}, or None; needed for every data set but the demo.
    dataset : name of the data set.
    trust : least adjusted Rand index, measured on training persons, of clusters to be used.
    seed : decides, with names alone, how training persons are split.

    Raises
    ------
    DataError : no such descriptor, a clip that no faces file holds, or something that the descriptor needs is missing.
    """
    reason = why_off(descriptor, approved, dataset)
    summary: dict[str, Any] = {
        "active": not reason,
        "reason": reason,
        "descriptor": None if descriptor in OFF else str(descriptor),
        "approved": {name: str(approved[name]) for name in APPROVAL if name in approved} if approved else None,
        "trusted": False,
        "trust": float(trust),
        "train": {"persons": 0, "clips": 0, "purity": None, "adjusted_rand": None, "splits": 0},
        "test": {"clips": 0, "without_face": 0, "clusters": 0, "sizes": []},
    }
    if reason:
        return Individuals(_table([], []), summary)
    known = usable(clips)
    train, test = (known[known["split"] == split].sort_values("clip", kind="stable") for split in ("train", "test"))
    with threadpool_limits(1):  # sums of several threads differ in their last digits
        described = _described(DESCRIPTOR.load(str(descriptor)).describe(face_shards), known["clip"])
        learned = _of_persons(described, train)
        shown = [clip for clip in test["clip"] if clip in described]
        summary["train"] |= {"persons": len(learned.persons), "clips": len(learned)}
        summary["test"] |= {"clips": len(test), "without_face": len(test) - len(shown)}
        if summary["train"]["persons"] < 2:
            summary["reason"] = "Unknown: fewer than two training persons with two clips or more that show a face."
            return Individuals(_table([], []), summary)
        name = f"{seed}/individuals"
        clusters = np.zeros(0, int)
        if shown:
            clusters = fit(learned.values, learned.person, seed=name).clusters(_descriptors(described, shown))
        for kind, on in (("space", learned.clip), ("clusters", shown)):
            declare.fitted(ModelName.of("individuals", FINAL, kind), kind, on, shown)
        reached = quality(learned, seed=name)
    sizes = sorted(np.bincount(clusters).tolist(), reverse=True)
    summary["train"] |= asdict(reached)
    summary["test"] |= {"clusters": len(sizes), "sizes": sizes}
    summary["trusted"] = reached.adjusted_rand is not None and reached.adjusted_rand >= trust
    summary["reason"] = _how(reached, trust)
    return Individuals(_table(shown, clusters), summary)


def _described(described: tuple[list[str], np.ndarray, np.ndarray], expected: pd.Series) -> dict[str, np.ndarray]:
    """Clip -> descriptor, of the clips that have one."""
    names, descriptors, can_be_used = described
    missing = sorted(set(expected) - set(names))
    refuse("faces", [f"clip {name}: in no faces file; prepare the clips again" for name in missing])
    return {name: row for name, row, good in zip(names, descriptors, can_be_used, strict=True) if good}


def _of_persons(described: Mapping[str, np.ndarray], train: pd.DataFrame) -> Rows:
    """Descriptors, values (n, d), of training persons; a person with one clip cannot say what varies. No label is read."""
    known = train[train["clip"].isin(list(described))]
    known = known[known.groupby("person")["clip"].transform("size") > 1]
    person, persons = pd.factorize(known["person"], sort=True)
    values, nothing = _descriptors(described, known["clip"]), np.zeros((len(known), len(CLASSES)))
    return Rows(values, nothing, known["fold"].to_numpy(), person, tuple(persons), known["clip"].to_numpy())


def _descriptors(described: Mapping[str, np.ndarray], clips: Sequence[str] | pd.Series) -> np.ndarray:
    return np.array([described[clip] for clip in clips])


def _table(clips: Sequence[str], clusters: Sequence[int] | np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"clip": pd.Series(clips, dtype="str"), "cluster": np.asarray(clusters, np.int64)})


def _how(reached: Quality, trust: float) -> str:
    """One sentence on how the clusters came about and whether they are trusted."""
    how = "Test clips clustered by their faces; what tells persons apart was learned from the training persons"
    if reached.adjusted_rand is None:
        return f"{how}; not trusted: with fewer than {FEWEST_PERSONS} of them nothing is left to measure quality on."
    verdict = "trusted" if reached.adjusted_rand >= trust else "not trusted"
    return f"{how}; {verdict}: on persons left out the adjusted Rand index is {reached.adjusted_rand:.3f}."
