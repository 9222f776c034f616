"""What each family of encoders says of itself: `FAMILY = Family(...)` in its own file of encoders/, and nowhere else.

A family's file imports torch, which takes seconds. So the declaration is taken from the file's text: a call of `Family`
with literals. The published checkpoints are listed in <family>.yaml (`blemore.weights.catalogue`), so that no
network is trained again because a licence was looked up again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from blemore.params.parts import ENCODER_FAMILY
from joblineage.errors import DataError

DECLARATION = re.compile(r"^FAMILY = (Family\(.*?\))\n(?![ )])", re.M | re.S)
KINDS = ("network", "computed", "service", "outside")
OWN = "MIT (this package)"


@dataclass(frozen=True, kw_only=True)
class Family:
    """What a family is, what its encoders read, under which terms and at what cost.

    kind : "network" (small and random at `weights: tiny`, else a checkpoint's), "computed" (no weights at all), "service"
        (vectors from elsewhere; asks what the block of params.yaml says that has the family's name), or "outside"
        (features or probabilities that somebody else made).
    note : why no checkpoint is needed; for a service, why its stand-in needs none. Not for networks.
    media : kinds that its encoders read together, in this order; empty: the one kind that an entry names.
    needs : learning ("frozen", "finetuned") or scale ("tiny", "pretrained") -> keys that an entry's blocks for the scales
        must have then, beside those that every encoder of that learning needs.
    code : licence of the code where no checkpoint is read; None: not known here.
    other_code : choice of `features` -> licence of the code, where it is not the family's own that computes them.
    small : of a network, whether it has a small form; one without has `weights: pretrained` in its entry at every scale.
    form : of a checkpoint: "folder" (as transformers saves it), "file", "timm" (a file or a repository of timm's), or
        "tfjs" (a file of bare numbers and the manifest beside it, as TensorFlow.js saves weights).
    model_types : what `model_type` in a folder's config.json may be; empty: anything.
    seconds : learning ("frozen", "finetuned") -> CPU seconds of one clip where no checkpoint is read (of networks, a
        forward pass: `python benchmarks/measure.py small`). Missing: not measured.
    priced_by : the command that says what a service costs.
    """

    kind: Literal["network", "computed", "service", "outside"]
    note: str | None = None
    media: tuple[str, ...] = ()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    code: str | None = OWN
    other_code: Mapping[str, str] = field(default_factory=dict)
    small: bool = True
    form: Literal["folder", "file", "timm", "tfjs"] = "folder"
    model_types: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    priced_by: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise TypeError(f"kind {self.kind!r}: expected one of {', '.join(KINDS)}")
        if self.kind != "network" and self.note is None:
            raise TypeError(f"kind {self.kind} needs a note: why no checkpoint is needed")


@cache
def family(name: str) -> Family:
    """What the family of that name says of itself.

    Raises
    ------
    DataError : there is no such family, or its file does not say what is needed; says what.
    """
    if fault := ENCODER_FAMILY.missing(name):
        raise DataError("encoders", [fault])
    file = ENCODER_FAMILY.folder / f"{name}.py"
    match = DECLARATION.search(file.read_text("utf-8"))
    if match is None:
        raise DataError(str(file), ["expected FAMILY = Family(...), which says what the family is"])
    try:
        return eval(match[1], {"__builtins__": {}, "Family": Family})
    except (NameError, SyntaxError, TypeError) as error:
        raise DataError(str(file), [f"FAMILY: {error} (a call of Family with literals)"]) from error
