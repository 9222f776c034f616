"""What people hand in: an array, a table of any kind or a file; two of them are matched by their clips."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from blemore.challenge.files import as_truth, read_predictions, read_truth
from blemore.datasets.names import TEST_NAME, parse_name
from blemore.scoring.columns import Table, numbers, our_names, texts
from blemore.scoring.formulas import guarded, quoting
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import true_saliences
from blemore.scoring.persons import folds_over_persons
from blemore.scoring.reading import once
from blemore.scoring.rows import Rows
from blemore.tables import as_probabilities, class_values, probability_columns
from joblineage.errors import DataError, refuse
from joblineage.files import whole_file


@dataclass(frozen=True)
class Side:
    """What was handed in.

    where : what messages call it.
    columns : of a table, with the clips' names; empty for an array.
    values : (n, 6) probabilities, or saliences in percent.
    """

    where: str
    columns: Mapping[str, Any]
    values: np.ndarray


Given = str | Path | np.ndarray | Table | Side
"""A path; an array (n, 6) in the order of ``CLASSES``; or a table with a row per clip: a pandas DataFrame, a pyarrow Table, a
mapping of columns. What was read before is a `Side`."""


def probabilities(given: Given, logits: bool = False) -> Side:
    """Probabilities as a file's (`tables.as_probabilities`); `logits`: they are logits, whose softmax is taken."""
    if isinstance(given, Side):
        return given
    where = _where(given, "probabilities")
    if isinstance(given, str | Path):
        columns: Mapping[str, Any] = probability_columns(given, logits=logits)
    elif isinstance(given, np.ndarray):
        values = _six(given)
        numbered = {"clip": np.arange(1, len(values) + 1), **by_class(values)}
        return Side(where, {}, class_values(as_probabilities(numbered, where, logits=logits)))
    else:
        columns = as_probabilities(_columns(given, where), where, logits=logits)
    return Side(where, columns, class_values(columns))


def rows(probabilities_: Given, truth: Given, person: Any, fold: Any) -> tuple[Rows, str]:
    """Labelled clips, values (n, 6), with persons and folds; and where the folds come from: "given", "truth" or "made"."""
    shown = labels(truth)
    side = matched(probabilities(probabilities_), shown)
    names, who = np.unique(persons(shown, side) if person is None else texts(person), return_inverse=True)
    source = "given" if fold is not None else "truth" if "fold" in shown.columns else "made"
    if source == "made":
        place = folds_over_persons(who)
    else:
        number = numbers(shown.columns["fold"] if fold is None else fold)
        clips = shown.columns.get("clip", range(len(who)))
        wrong = np.flatnonzero(~(number >= 0) | (number % 1 != 0))
        refuse(
            shown.where, (f"clip {clips[k]}: fold must be a whole number from 0, found {number[k]:g}" for k in wrong)
        )
        place = number.astype(int)
    return Rows(side.values, shown.values, place, who, tuple(names.tolist())), source


def labels(given: Given) -> Side:
    """Labels as saliences, checked as a file's (`challenge.files.as_truth`); a table's test clips are left aside."""
    if isinstance(given, Side):
        return given
    where = _where(given, "truth")
    if isinstance(given, np.ndarray):
        return Side(where, {}, _six(given))
    if isinstance(given, str | Path):
        columns: Mapping[str, Any] = read_truth(given)
    else:
        columns = _columns(given, where)
        if "split" in columns:
            columns = _rows(columns, np.array([split != "test" for split in columns["split"]], dtype=bool))
        columns = as_truth(columns, where)
    return Side(where, columns, true_saliences(columns))


def predictions(given: Given) -> Side:
    """Decisions as saliences."""
    where = _where(given, "predictions")
    if isinstance(given, np.ndarray):
        return Side(where, {}, _six(given))
    if isinstance(given, str | Path):
        names, saliences = read_predictions(given)
        return Side(where, {"clip": names}, saliences)
    columns = _columns(given, where)
    return Side(where, columns, class_values(columns))


def matched(side: Side, truth: Side) -> Side:
    """The rows of the truth's clips, in its order; two arrays match row by row. Test clips without a label are left aside.

    Raises
    ------
    DataError : one side lacks a clip of the other.
    TypeError : an array and a table, or arrays of different lengths.
    """
    if bool(side.columns) != bool(truth.columns):
        raise TypeError("give two tables, which are matched by their clips, or two arrays of the same clips")
    if not side.columns:
        if len(side.values) != len(truth.values):
            raise TypeError(f"{len(side.values)} rows of {side.where}, {len(truth.values)} of the {truth.where}")
        return side
    names, known = list(side.columns["clip"]), set(truth.columns["clip"])
    splits = side.columns.get("split", [""] * len(names))
    rows = {
        clip: row
        for row, (clip, split) in enumerate(zip(names, splits, strict=True))
        if clip in known or not (split == "test" or TEST_NAME.fullmatch(clip))
    }
    faults = once((f"clip {clip}" for clip in truth.columns["clip"] if clip not in rows), "not predicted")
    faults += once((f"clip {clip}" for clip in sorted(rows.keys() - known)), f"not in {truth.where}")
    refuse(side.where, faults)
    order = np.array([rows[clip] for clip in truth.columns["clip"]], dtype=int)
    return replace(side, columns=_rows(side.columns, order), values=side.values[order])


def persons(*sides: Side) -> np.ndarray:
    """(n,) names: the column person of the first side that has one; without it what the clips' names say.

    Raises
    ------
    DataError : a clip without a person.
    """
    for side in sides:
        if "person" in side.columns:
            names = texts(side.columns["person"])
            lost = np.flatnonzero(names == "")
            refuse(side.where, (f"clip {side.columns['clip'][row]}: no person" for row in lost))
            return names
    try:
        return np.array([parse_name(clip).person for clip in sides[0].columns["clip"]], dtype=object)
    except (KeyError, ValueError) as error:
        what = ["who shows each clip is not known: a column person is needed (or BLEMORE's names)"]
        raise DataError(sides[0].where, what) from error


def like(given: Given, columns: Mapping[str, Any], values: np.ndarray) -> Any:
    """`columns`, with `values` (n, 6) as those of the classes, as a table of the kind that was given; a DataFrame for a path."""
    table = {**columns, **by_class(values)}
    if hasattr(given, "to_pydict"):
        import pyarrow as pa

        return pa.table(table)
    if isinstance(given, Mapping | Side):
        return table
    import pandas as pd

    return pd.DataFrame(table)


def write(table: Mapping[str, Any], path: Path) -> None:
    """Write columns as .parquet or .csv, whole or not at all. CSV loads no pandas; pyarrow loads it to make a table."""
    with whole_file(path) as temporary:
        if path.suffix == ".parquet":
            import pyarrow as pa
            from pyarrow.parquet import write_table

            write_table(pa.table(dict(table)), temporary)
            return
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            rows = [table, *zip(*table.values(), strict=True)]
            how = quoting(chain(*rows))
            csv.writer(file, lineterminator="\n", quoting=how).writerows(map(guarded, row) for row in rows)


def by_class(values: np.ndarray) -> dict[str, np.ndarray]:
    """{class: (n,)} of values (n, 6)."""
    return dict(zip(CLASSES, values.T, strict=True))


def _columns(table: Any, where: str) -> dict[str, Any]:
    """Its columns, by our names."""
    if not (isinstance(table, Mapping) or hasattr(table, "to_pydict") or hasattr(table, "columns")):
        kinds = "a path, an array (n, 6), or a table: a DataFrame, a pyarrow Table, a mapping of columns"
        raise TypeError(f"{where}: found {type(table).__name__}, expected {kinds}")
    if getattr(getattr(table, "index", None), "name", None) is not None:  # clips in a DataFrame's index
        table = table.reset_index()
    columns = table.to_pydict() if hasattr(table, "to_pydict") else {name: list(table[name]) for name in table}
    return dict(zip(our_names([*map(str, columns)], [*columns.values()], where), columns.values(), strict=True))


def _rows(columns: Mapping[str, Any], chosen: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(column, dtype=object)[chosen] for name, column in columns.items()}


def _six(values: np.ndarray) -> np.ndarray:
    if values.ndim != 2 or values.shape[1] != len(CLASSES):
        raise ValueError(f"expected an array (n, {len(CLASSES)}), found shape {values.shape}")
    return values.astype(float)


def _where(given: Given, name: str) -> str:
    return str(given) if isinstance(given, str | Path) else name
