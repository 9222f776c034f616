"""Find the individuals among the test clips, whose names say nothing about who shows them.

What tells persons apart is learned from the training persons; a cluster holds test clips only, and is never compared with a
training person. The clips of each fold are clustered too, by what other folds' persons taught: what is gained by these
clusters says whether to trust those of the test clips (`decide.trust`). Descriptors of faces live in this function alone:
neither written nor logged.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from blemore.individuals.quality import PersonClusters, fit, purity_and_index
from blemore.params.parts import DESCRIPTOR, OFF
from blemore.params.permission import APPROVAL, why_off
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.rows import Rows
from blemore.tables import usable
from joblineage.errors import refuse

COLUMNS = {"clip": "str", "split": "str", "outer": "int64", "cluster": "int64"}


@dataclass(frozen=True)
class Individuals:
    """What is found.

    clusters : `COLUMNS`; cluster numbers 0.. of clips with a face, of test clips in the order of the first clip's name.
        Training clips of a fold are clustered by what other folds' persons taught: `outer` FINAL, all other folds; `outer`
        a fold, all but that one too. No cluster reaches over folds.
    summary : JSON-able; {"active", "reason", "descriptor", "approved", "train": {"persons", "clips", "purity",
        "adjusted_rand"}, "test": {"clips", "without_face", "clusters", "sizes"}}; unknown figures are None. Purity and
        index are means over folds with several persons.
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
    seed: int,
) -> Individuals:
    """Cluster the test clips by who shows them, and the training clips of each fold by what the others taught.

    Parameters
    ----------
    clips : clips table of the study; quarantined clips are left out.
    face_shards : faces files (`media.schemas.FACES`); read only where individuals may be distinguished.
    descriptor : name of a module of this package, or "off" or False.
    approved : {by, date, basis}, or None; needed for every data set but the demo.
    dataset : name of the data set.
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
        "train": {"persons": 0, "clips": 0, "purity": None, "adjusted_rand": None},
        "test": {"clips": 0, "without_face": 0, "clusters": 0, "sizes": []},
    }
    if reason:
        return Individuals(_table([]), summary)
    known = usable(clips)
    train, test = (known[known["split"] == split].sort_values("clip", kind="stable") for split in ("train", "test"))
    with threadpool_limits(1):  # sums of several threads differ in their last digits
        described = _described(DESCRIPTOR.load(str(descriptor)).describe(face_shards), known["clip"])
        rows, shown = _rows(described, train), _rows(described, test)
        learned = rows.where(np.bincount(rows.person)[rows.person] > 1)  # one clip cannot say what varies
        persons = len(np.unique(learned.person))
        summary["train"] |= {"persons": persons, "clips": len(learned)}
        summary["test"] |= {"clips": len(test), "without_face": len(test) - len(shown)}
        if persons < 2:
            summary["reason"] = "Unknown: fewer than two training persons with two clips or more that show a face."
            return Individuals(_table([]), summary)
        name = f"{seed}/individuals"
        of_train = list(_of_folds(rows, learned, name))
        clusters = _clusters(_taught(learned, (), name), (), shown)
    sizes = sorted(np.bincount(clusters).tolist(), reverse=True)
    judged = [(rows.person[chosen], numbers) for outer, chosen, numbers in of_train if outer == FINAL]
    summary["train"] |= dict(zip(("purity", "adjusted_rand"), purity_and_index(judged), strict=True))
    summary["test"] |= {"clusters": len(sizes), "sizes": sizes}
    summary["reason"] = (
        "Test clips clustered by their faces; what tells persons apart was learned from the training persons."
    )
    names = np.asarray(rows.clip)
    parts = [("train", outer, names[chosen], numbers) for outer, chosen, numbers in of_train]
    return Individuals(_table([("test", FINAL, np.asarray(shown.clip), clusters), *parts]), summary)


def _of_folds(rows: Rows, learned: Rows, name: str) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(outer, (n,) bool rows of a fold, their clusters, numbered on from fold to fold) for each fold and outer fold."""
    numbered = dict.fromkeys(rows.outers, 0)
    for one, other in combinations_with_replacement(rows.folds, 2):
        left = (one,) if one == other else (one, other)
        others = learned.where(~np.isin(learned.fold, left))
        if len(np.unique(others.person)) < 2:
            continue
        taught = _taught(others, left, name)
        for fold, outer in [(one, FINAL)] if one == other else [(one, other), (other, one)]:
            chosen = rows.fold == fold
            clusters = _clusters(taught, left, rows.where(chosen)) + numbered[outer]
            numbered[outer] = int(clusters.max()) + 1
            yield outer, chosen, clusters


def _taught(learned: Rows, left: tuple[int, ...], name: str) -> PersonClusters:
    """What the persons of `learned` teach for the clips of the folds `left` out; (): for the test clips."""
    learned.to_fit(ModelName("individuals", left, ("space",)), "space")
    return fit(learned.values, learned.person, seed="/".join([name, *map(str, left)]))


def _clusters(taught: PersonClusters, left: tuple[int, ...], shown: Rows) -> np.ndarray:
    """(n,) numbers 0.. of the clips' clusters, in the order of the first clips."""
    space, clusters = (ModelName("individuals", left, (kind,)) for kind in ("space", "clusters"))
    shown.to_fit(clusters, "clusters").to_judge(clusters)
    shown.to_judge(space)
    return taught.clusters(shown.values) if len(shown) else np.zeros(0, np.int64)


def _described(described: tuple[list[str], np.ndarray, np.ndarray], expected: pd.Series) -> dict[str, np.ndarray]:
    """Clip -> descriptor, of the clips that have one."""
    names, descriptors, can_be_used = described
    missing = sorted(set(expected) - set(names))
    refuse("faces", [f"clip {name}: in no faces file; prepare the clips again" for name in missing])
    return {name: row for name, row, good in zip(names, descriptors, can_be_used, strict=True) if good}


def _rows(described: Mapping[str, np.ndarray], clips: pd.DataFrame) -> Rows:
    """Descriptors, values (n, d), of the clips that have one. No label is read."""
    known = clips[clips["clip"].isin(list(described))]
    person, persons = pd.factorize(known["person"], sort=True)
    numbers = len(next(iter(described.values()), ()))
    values = np.reshape([described[clip] for clip in known["clip"]], (len(known), numbers))
    nothing = np.zeros((len(known), len(CLASSES)))
    return Rows(values, nothing, known["fold"].to_numpy(), person, tuple(persons), known["clip"].to_numpy())


def _table(parts: Sequence[tuple[str, int, np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """The table of parts (split, outer, clips, clusters)."""
    tables = [
        pd.DataFrame({"clip": clips, "split": split, "outer": outer, "cluster": clusters})
        for split, outer, clips, clusters in parts
    ]
    return pd.concat([pd.DataFrame(columns=list(COLUMNS)), *tables], ignore_index=True).astype(COLUMNS)
