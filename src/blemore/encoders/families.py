"""What each family of encoders says of itself: `FAMILY = Family(...)` in its own file of this folder, and nowhere else.

A family's file imports torch, which takes seconds. The workflow's start, `blemore plan` and `blemore weights` need none
of that, so they take the declaration from the file's text: an expression of literals, `Family` and `Checkpoint` alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from blemore.errors import DataError

FOLDER = Path(__file__).parent
DECLARATION = re.compile(r"^FAMILY = (Family\(.*?\))\n(?![ )])", re.M | re.S)
KINDS = ("network", "computed", "service", "outside")
OWN = "MIT (this package)"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Published weights, or a service's model, and under which terms. None is "not known here", never "none".

    what : in words. source : the page that tells of it.
    looked_up : the day on which that page was read, as 2026-11-23.
    code, original_code, weights : licences of the code that runs here, of the authors' own code, and of the weights.
    said_by : who states the licence of the weights.
    hub : repository on the Hugging Face hub. revision : its commit.
    files : file name -> sha256, None until two independent public records of the same file agreed.
    parameters : of the network as it is used here, with a head of six classes where it is finetuned.
    """

    what: str
    source: str
    looked_up: str
    code: str | None
    original_code: str | None
    weights: str | None
    said_by: str
    hub: str | None = None
    revision: str | None = None
    files: Mapping[str, str | None] = field(default_factory=dict)
    megabytes: int | None = None
    parameters: int | None = None
    paper: str | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Family:
    """What a family is, what its encoders read, under which terms and at what cost.

    kind : "network" (random weights at `weights: tiny`, else a checkpoint's), "computed" (no weights at all), "service"
        (vectors from elsewhere; asks what the block of params.yaml says that has the family's name), or "outside"
        (features or probabilities that somebody else made).
    note : why no checkpoint is needed; for a service, why its stand-in needs none. Not for networks.
    code : licence of the code where no checkpoint is read; None: not known here.
    form : of a checkpoint: "folder" (as transformers saves it), "file", or "timm" (a file or a repository of timm's).
    model_types : what `model_type` in a folder's config.json may be; empty: anything.
    seconds : learning ("frozen", "finetuned") -> CPU seconds of one clip where no checkpoint is read (of networks, a
        forward pass: `python benchmarks/measure.py small`). Missing: not measured.
    priced_by : the command that says what a service costs.
    checkpoints : name on the hub, of a file or of a model -> what is known of it.
    """

    kind: Literal["network", "computed", "service", "outside"]
    note: str | None = None
    code: str | None = OWN
    form: Literal["folder", "file", "timm"] = "folder"
    model_types: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    priced_by: str | None = None
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise TypeError(f"kind {self.kind!r}: expected one of {', '.join(KINDS)}")
        if self.kind != "network" and self.note is None:
            raise TypeError(f"kind {self.kind} needs a note: why no checkpoint is needed")


@cache
def names() -> tuple[str, ...]:
    """Every family, in order of the alphabet: the files of this folder that declare one."""
    return tuple(file.stem for file in sorted(FOLDER.glob("*.py")) if DECLARATION.search(file.read_text("utf-8")))


@cache
def family(name: str) -> Family:
    """What the family of that name says of itself.

    Raises
    ------
    DataError : there is no such family, or its file does not say what is needed; says what.
    """
    file = FOLDER / f"{name}.py"
    found = DECLARATION.search(file.read_text("utf-8")) if file.is_file() else None
    if found is None:
        raise DataError(
            str(file), [f"no family of encoders: expected FAMILY = Family(...), as {', '.join(names())} have"]
        )
    try:
        return eval(found[1], {"__builtins__": {}, "Family": Family, "Checkpoint": Checkpoint})
    except (NameError, SyntaxError, TypeError) as error:
        raise DataError(str(file), [f"FAMILY: {error} (literals, Family and Checkpoint only)"]) from error


def check_entries(config: Mapping[str, Any]) -> None:
    """Refuse encoders that name what their family has no use for, or lack what it cannot do without.

    Parameters
    ----------
    config : the whole of params.yaml.

    Raises
    ------
    DataError : one fault per entry.
    """
    found = [(name, _fault(config, entry)) for name, entry in config["encoders"].items()]
    if faults := [f"encoders.{name}{fault}" for name, fault in found if fault]:
        raise DataError("params.yaml", faults)


def _fault(config: Mapping[str, Any], entry: Mapping[str, Any]) -> str | None:
    """What is wrong with one entry; None if nothing."""
    module, kind = entry["module"], family(entry["module"]).kind
    if kind == "service" and not isinstance(config.get(module), Mapping):
        return f".module: {module} is a service, but no block {module} says how it is asked"
    if kind != "outside" and (given := [key for key in ("file", "persons") if key in entry]):
        return f".{given[0]}: module {module} reads nothing from outside, leave the key out"
    if kind != "outside" and entry["learning"] == "given":
        return f".learning: found given, but module {module} reads nothing from outside"
    named = [scale for scale in ("tiny", "pretrained") if "checkpoint" in entry.get(scale, {})]
    if kind != "network" and named:
        return f".{named[0]}.checkpoint: module {module} reads none, leave the key out"
    scale = entry.get("weights", config["weights"])
    if kind == "network" and entry["enabled"] and scale == "pretrained" and scale not in named:
        return f".{scale}.checkpoint: missing, module {module} is a network that reads one at this scale"
    return None


def checkpoints() -> dict[str, Checkpoint]:
    """Every checkpoint that a family knows, by name."""
    return {name: one for module in names() for name, one in family(module).checkpoints.items()}
