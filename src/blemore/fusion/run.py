"""Fuse the encoders' tables with weights that never saw the clips they are used on.

The weights of fold f are fitted on the out-of-fold rows of all other folds; the final weights, for test clips, on all.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

import blemore.fusion
from blemore.errors import DataError
from blemore.labels import CLASSES, soft_labels
from blemore.tables import PROBABILITY_COLUMNS, check_probabilities, usable

FINAL = -1
"""Value of a view's column `outer` for the weights fitted on all train clips."""

_OWNER = ["person", "split", "fold"]


@dataclass(frozen=True)
class Fused:
    """What fusion makes.

    weights : {"final": {encoder: weight}, "folds": {"0": {encoder: weight}, ...}}
    probabilities : probabilities table; a train clip is fused with its own fold's weights, a test clip with the final ones.
    views : all train clips under each set of weights: a probabilities table with the column `outer`, FINAL or the fold
        that was left out. Whoever fits something for fold f takes the rows of view f that lie in other folds.
    """

    weights: dict[str, Any]
    probabilities: pd.DataFrame
    views: pd.DataFrame


def find_method(name: str) -> ModuleType:
    """The fusion method's module, found by its name; it has `fit` and `apply`."""
    methods = sorted(found.name for found in pkgutil.iter_modules(blemore.fusion.__path__) if found.name != "run")
    if name not in methods:
        raise DataError("fusion", [f"unknown method {name!r}; there are: {', '.join(methods)}"])
    return importlib.import_module(f"blemore.fusion.{name}")


def fuse(tables: Mapping[str, pd.DataFrame], clips: pd.DataFrame, options: Mapping[str, Any]) -> Fused:
    """Fit weights for each fold left out and for all train clips, and fuse with them.

    Parameters
    ----------
    tables : probabilities table of each encoder, train rows out-of-fold; some clips may be missing in some tables.
    clips : clips table of the study; quarantined clips are left out.
    options : `method`, the fusion method's name, and that method's own options.

    Raises
    ------
    DataError : a table names unknown or quarantined clips or disagrees with the clips' folds, a clip has no row in any
        table, only one fold, an unknown method.
    """
    method = find_method(options["method"])
    settings = {name: value for name, value in options.items() if name != "method"}
    clips = usable(clips).sort_values("clip", kind="stable").reset_index(drop=True)
    names = sorted(tables)
    stacked = _stack({name: tables[name] for name in names}, clips)

    train = (clips["split"] == "train").to_numpy()
    fold = clips["fold"].to_numpy()
    folds = sorted(int(value) for value in np.unique(fold[train]))
    if len(folds) < 2:
        raise DataError("fusion", [f"honest weights need at least two folds, found {folds}"])
    soft = soft_labels(clips[train])

    fitted = {FINAL: method.fit(stacked[:, train], soft, **settings)}
    for left_out in folds:
        others = fold[train] != left_out
        fitted[left_out] = method.fit(stacked[:, train][:, others], soft[others], **settings)
    applied = {outer: method.apply(weights, stacked) for outer, weights in fitted.items()}  # each (n, 6)

    own = np.where(train, fold, FINAL)
    probabilities = np.select([(own == outer)[:, None] for outer in fitted], list(applied.values()))
    views = [_table(clips[train], values[train]).assign(outer=outer) for outer, values in applied.items()]
    return Fused(
        weights={
            "final": _named(names, fitted[FINAL]),
            "folds": {str(outer): _named(names, fitted[outer]) for outer in folds},
        },
        probabilities=_table(clips, probabilities),
        views=pd.concat(views, ignore_index=True),
    )


def _stack(tables: Mapping[str, pd.DataFrame], clips: pd.DataFrame) -> np.ndarray:
    """(E, n, 6) probabilities in the order of `clips`; NaN where an encoder lacks a clip."""
    if not tables:
        raise DataError("fusion", ["no encoder to fuse"])
    study = clips.set_index("clip")[_OWNER].add_suffix("_study").reset_index()
    faults = []
    for name, table in tables.items():
        check_probabilities(table, name)
        known = table.merge(study, on="clip", how="left")
        strange = known["split_study"].isna()
        faults += [f"{name}: clip {clip} is no usable clip of the study" for clip in known.loc[strange, "clip"]]
        for column in _OWNER:
            if column not in table.columns:  # a table from outside needs only clips and probabilities
                continue
            other = known[f"{column}_study"]
            differs = ~strange & (known[column] != other) & ~(known[column].isna() & other.isna())
            faults += [
                f"{name}: clip {row['clip']} has {column} {row[column]}, the study says {row[f'{column}_study']}"
                for row in known[differs].to_dict("records")
            ]
    if faults:
        raise DataError("fusion", faults)
    stacked = np.stack([table.set_index("clip")[list(CLASSES)].reindex(clips["clip"]) for table in tables.values()])
    nowhere = np.isnan(stacked).any(axis=2).all(axis=0)
    if nowhere.any():
        raise DataError("fusion", [f"clip {clip}: no encoder has a row for it" for clip in clips["clip"][nowhere]])
    return stacked


def _table(clips: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    table = clips[["clip", "person", "split", "fold"]].reset_index(drop=True)
    table[list(CLASSES)] = values
    return table[list(PROBABILITY_COLUMNS)]


def _named(names: list[str], weights: np.ndarray) -> dict[str, float]:
    return {name: float(weight) for name, weight in zip(names, weights, strict=True)}
