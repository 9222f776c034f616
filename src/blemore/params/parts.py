"""Parts that a study names: fusion methods, heads, data sets and encoder families, each a module of its folder.

A part's numbers are the keyword-only arguments of one function of its module. The start of the workflow compares them with
params.yaml. It reads them from the source text: loading the modules would cost it seconds of torch and pandas.
"""

import ast
import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from joblineage.errors import DataError

TYPES = {"int": "integer", "float": "number", "str": "string", "bool": "boolean", "None": "null"}
"""Annotation -> type in a JSON Schema."""
NUMBERS = ("int", "float")
BOUND = {"maximum": 10**9}
"""Of a part's number of which the schema of params.yaml says nothing."""


@dataclass(frozen=True)
class PartKind:
    """One kind of parts.

    what : its name in messages.
    room : the folder of the package whose modules are looked through.
    function : a module of that folder is a part if it has this function;
    arguments : with these arguments before the keyword-only ones,
    needs : and these among the latter.
    """

    what: str
    room: str
    function: str
    arguments: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The room."""
        return Path(__file__).parents[1] / self.room

    def names(self) -> list[str]:
        """The parts that there are, sorted."""
        return [file.stem for file in sorted(self.folder.glob("*.py")) if _face(self, file.stem)]

    def file(self, name: str) -> str:
        """Where a part's module lies, as messages name it."""
        return f"src/blemore/{self.room}/{name}.py"

    def missing(self, name: Any) -> str:
        """What is wrong with the name of a part; "" if there is such a part."""
        if isinstance(name, str) and _face(self, name):
            return ""
        known = self.names()
        close = difflib.get_close_matches(str(name), known, n=1)
        nearest = f"; did you mean {close[0]!r}?" if close else "."
        face = f"{self.function}({', '.join([*self.arguments, '*', *self.needs, 'its numbers'])})"
        return (
            f"found {name!r}, which is no {self.what}: there are {', '.join(known)}{nearest} "
            f"For a new one write {self.file(str(name))} with {face}"
        )

    def load(self, name: str) -> ModuleType:
        """The module of a part.

        Raises
        ------
        DataError : there is no such part.
        """
        if fault := self.missing(name):
            raise DataError(self.what, [fault])
        return importlib.import_module(f"blemore.{self.room.replace('/', '.')}.{name}")

    def numbers(self, name: str) -> dict[str, Any]:
        """JSON Schema of a part's numbers: type, from the annotations; required, if without a default; meaning, from the docstring."""
        function = _face(self, name)
        assert function is not None
        text, arguments = ast.get_docstring(function) or "", function.args
        properties, required = {}, []
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            said = re.search(rf"^(?:\w+, )*{argument.arg}(?:, \w+)* : .*((?:\n    .*)+)", text, re.M)
            meant = (
                " ".join(said[1].split()).removesuffix(".")
                if said
                else f"Number of the {self.what} {name}, see {self.file(name)}"
            )
            properties[argument.arg] = {**_type(argument.annotation), "description": meant}
            required += [argument.arg] if default is None else []
        return {
            "description": f"numbers of the {self.what} {name}",
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": arguments.kwarg is not None,
        }


FUSION_METHOD = PartKind("fusion method", "fusion", "fit", ("data",))
HEAD = PartKind("head", "learning/heads", "fit", ("learned", "model", "name"))
DATA_SET = PartKind("data set", "datasets", "roster", ("root", "withdrawn"), ("folds",))
ENCODER_FAMILY = PartKind("encoder family", "encoders", "build", ("settings",))
DESCRIPTOR = PartKind("descriptor of faces", "individuals", "describe", ("face_shards",))

NETWORKS = {"sface": "weights/face_recognition_sface_2021dec.onnx"}
"""{descriptor: the file in the study that its network is read from}."""
OFF = ("off", False)
"""In place of a descriptor's name: nobody is distinguished; YAML reads a bare off as False."""
AUTO = "auto"
"""In place of a fusion method's name: one of the candidates is chosen in inner folds."""
DEFAULT_HEAD = "linear"
"""The head where an encoder's entry names none."""


def own(function: Callable, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that are keyword-only arguments of the function: the numbers of its part."""
    arguments = inspect.signature(function).parameters.values()
    return {
        argument.name: settings[argument.name]
        for argument in arguments
        if argument.kind is argument.KEYWORD_ONLY and argument.name in settings
    }


@cache
def _face(kind: PartKind, name: str) -> ast.FunctionDef | None:
    """The function that makes a module a part; None if the module is not there or is no part."""
    file = kind.folder / f"{name}.py"
    text = file.read_text("utf-8") if file.is_file() else ""
    # That function alone is parsed, up to the next statement at the margin: whole modules would take five times as long.
    match = re.search(rf"^def {kind.function}\(.*?(?=^[^\s)#]|\Z)", text, re.M | re.S)
    function = ast.parse(match[0], str(file)).body[0] if match else None
    if not isinstance(function, ast.FunctionDef):
        return None
    first, numbers = ([argument.arg for argument in group] for group in (function.args.args, function.args.kwonlyargs))
    return function if (*first,) == kind.arguments and {*kind.needs} <= {*numbers} else None


def _type(annotation: ast.expr | None) -> dict[str, Any]:
    """What an annotation says, as JSON Schema: simple types, their unions and lists, and Literal; {} for any other."""
    text = "" if annotation is None else ast.unparse(annotation)
    sides = text.split(" | ")
    if all(side in TYPES for side in sides):
        return {"type": [TYPES[side] for side in sides]} | (BOUND if {*NUMBERS} & {*sides} else {})
    if (listed := re.fullmatch(r"list\[(\w+)\]", text)) and listed[1] in TYPES:
        bound = BOUND if listed[1] in NUMBERS else {}
        return {"type": "array", "items": {"type": TYPES[listed[1]]} | bound, "minItems": 0}
    if chosen := re.fullmatch(r"Literal(\[.*\])(?: \| None)?", text):  # None: the key may be left out
        return {"enum": ast.literal_eval(chosen[1])}
    return {}
