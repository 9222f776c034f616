"""The files that the page is made from, read and checked against `contract.yaml`."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd

from blemore.params.schema import expected
from blemore.report.numbers import Spot
from blemore.scoring.formulas import bare
from joblineage.errors import DataError, refuse
from joblineage.files import parse_yaml, read_json, read_yaml

CONTRACT, RULES = "src/blemore/report/contract.yaml", "rules/report.smk"
TABLES = ("clips", "costs", "curves", "decisions", "encoders", "probabilities", "quarantine", "software", "views")
"""Inputs that are no JSON file."""
OPTIONAL_TABLES = ("faces", "published")
NO_FILES = ("study", "uploads")
"""Blocks of the contract that are handed over as values."""


def check_names(files: Mapping[str, Any]) -> None:
    """Refuse inputs that nothing reads, and the lack of one that the page needs; say where to add it.

    Raises
    ------
    DataError : naming all of them.
    """
    blocks = json_blocks()
    needed = [name for name in blocks if "null" not in _contract()[name].get("type", "")]
    missing = [*(name for name in TABLES if name not in files), *(name for name in needed if not files.get(name))]
    faults = [
        f"input {name!r} is read by nothing: add a block {name!r} to {CONTRACT} that states what the JSON file holds, "
        f"and show it in a template beside it; the blocks there are {', '.join(blocks)}"
        for name in sorted(set(files) - {*TABLES, *OPTIONAL_TABLES, *blocks})
    ]
    faults += [f"input {name!r} is missing: add it to REPORTED" for name in missing]
    refuse(RULES, faults)


def json_blocks() -> list[str]:
    """The contract's blocks that are JSON files: the inputs of the same names."""
    return sorted(set(_contract()) - {"$defs", *TABLES, *NO_FILES})


def checked(part: str, where: str, value: Any) -> Any:
    """`value` as it is, if it has the structure that `contract.yaml` states for `part`.

    Raises
    ------
    DataError : the file and the key (a JSON pointer) of everything that differs, or a part that the contract lacks.
    """
    if part not in _contract():
        raise DataError(CONTRACT, [f"there is no block {part!r}: add one that states what {where} holds"])
    schema = {**_contract()[part], "$defs": _contract()["$defs"]}
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    faults = [_fault(error) for error in sorted(errors, key=lambda error: [str(key) for key in error.absolute_path])]
    refuse(where, faults)
    return value


@cache
def _contract() -> dict[str, Any]:
    """`contract.yaml`, parsed once for the dozen files that are checked."""
    return parse_yaml(files("blemore.report").joinpath("contract.yaml").read_text("utf-8"))


def _fault(error: jsonschema.ValidationError) -> str:
    while error.context:  # of several allowed forms, the one that fits best says more than "none of them"
        error = max(error.context, key=lambda inner: len(inner.absolute_path))
    where = "".join(f"/{key}" for key in error.absolute_path) or "the whole file"
    if error.validator == "required":
        return f"{where}: {error.message.replace(' is a required property', ' is missing')}"
    if error.validator in ("type", "enum"):
        shown = repr(error.instance)
        shown = f"{shown[:57]}..." if len(shown) > 60 else shown
        return f"{where}: expected {expected({error.validator: error.validator_value})}, found {shown}"
    return f"{where}: {error.message}"


def read_block(part: str, path: str | Path | None) -> Spot | None:
    """A JSON file, checked; None where there is no such file in this study."""
    return Spot(Path(path).name, checked(part, Path(path).name, read_json(path))) if path else None


def read_encoders(path: str | Path) -> dict[str, dict[str, Any]]:
    """encoders.csv: {encoder: {column: value}}, in the file's order; an empty cell is None."""
    table = pd.read_csv(path)
    if "encoder" not in table.columns:
        raise DataError(Path(path).name, ["column 'encoder' is missing"])
    plain = table.astype(object).where(table.notna(), None).set_index("encoder")  # cells as JSON knows them
    cells = {name: {key: bare(cell) for key, cell in row.items()} for name, row in plain.to_dict("index").items()}
    return checked("encoders", Path(path).name, cells)


def baselines(dataset: str) -> Spot | None:
    """`baselines.yaml`: what was published of BLEMORE; None for every other data set."""
    if dataset != "blemore":
        return None
    return Spot("baselines.yaml", parse_yaml(files("blemore.report").joinpath("baselines.yaml").read_text("utf-8")))


def read_curves(path: str | Path) -> pd.DataFrame:
    """results/plots/curves.csv: encoder, fold, epoch, loss, inner_loss of every trained encoder; empty where there is none."""
    table = pd.read_csv(path)
    columns = ("encoder", "fold", "epoch", "loss", "inner_loss")
    refuse(Path(path).name, [f"column {name!r} is missing" for name in columns if name not in table.columns])
    return table


def last_epochs(curves: pd.DataFrame) -> dict[str, dict[int, Spot]]:
    """{encoder: {fold: the row of its last epoch}}; a row's place is its number in the file, from 0."""
    by_encoder: dict[str, dict[int, Spot]] = {}
    rows = curves.astype(object).where(curves.notna(), None).to_dict("index")  # cells as JSON knows them
    for last in curves.groupby(["encoder", "fold"])["epoch"].idxmax():
        row = {name: bare(cell) for name, cell in rows[last].items()}
        by_encoder.setdefault(row["encoder"], {})[row["fold"]] = Spot("curves.csv", row, f"/{last}")
    return by_encoder


def read_software(path: str | Path) -> Spot:
    """CITATION.cff: what this software is called, by whom and in which version."""
    return Spot(Path(path).name, checked("software", Path(path).name, read_yaml(path)))


def read_costs(paths: Sequence[str | Path]) -> dict[str, dict[str, Any]]:
    """Each job's cost by its file: "features/hubert.cost.json", "s4d/fold0.cost.json"."""
    costs = {f"{Path(path).parent.name}/{Path(path).name}": read_json(path) for path in paths}
    return checked("costs", "cost files", dict(sorted(costs.items())))


def same_study(metrics: Mapping[str, Any], study: Mapping[str, Any]) -> None:
    """Refuse metrics of another study than the one that the parameters name."""
    faults = [
        f"/{key}: {metrics[key]!r}, the parameters say {study[key]!r}"
        for key in ("dataset", "weights")
        if metrics[key] != study[key]
    ]
    refuse("metrics.json", faults)
