"""Whether a document has the form that its schema asks for.

A JSON schema becomes functions, once a process. Of the schema language this knows what our two schemas use. For the 71
records of the demo it takes 0.03 CPU s; fastjsonschema, a fast library for it, takes 0.2, and every run reads them.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from joblineage.files import parse_json

DEEPEST = 50
"""So many objects and lists may lie in one another."""
LARGEST = 2**53
"""Whole numbers are smaller: beyond it a double does not tell them from their neighbours, and canonical JSON has doubles."""
Check = Callable[[Any], None]
"""Raises a ValueError that says what is wrong."""
TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
SAID = {"$schema", "$id", "$defs", "title", "description"}
"""Words of a schema that check nothing."""


@cache
def checker(name: str) -> Check:
    """The check of schemas/<name>.schema.json."""
    schema = parse_json(files("joblineage").joinpath(f"schemas/{name}.schema.json").read_bytes())
    return compiled(schema, schema["$defs"])


def compiled(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Check:
    """The check of a schema. `defs`: what it may refer to."""
    if "$ref" in schema:
        return compiled(defs[schema["$ref"].removeprefix("#/$defs/")], defs)
    checks = [make(schema, defs) for words, make in WORDS.items() if words & schema.keys()]
    if unknown := schema.keys() - SAID - set().union(*WORDS):
        raise NotImplementedError(f"words of a schema that this does not know: {', '.join(sorted(unknown))}")
    if schema.keys().isdisjoint({*OBJECT, *LIST, "enum"}):
        checks.append(anything)  # what lies in it, if it is a list or an object
    if len(checks) == 1:
        return checks[0]

    def check(value: Any) -> None:
        for check in checks:
            check(value)

    return check


def _type(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Check:
    names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    types, said = frozenset(kind for name in names for kind in TYPES[name]), " or ".join(names)

    def check(value: Any) -> None:
        if type(value) not in types:  # no isinstance: True is no number here
            raise ValueError(f"expected {said}")

    return check


def _enum(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Check:
    known = frozenset(schema["enum"])

    def check(value: Any) -> None:
        if type(value) is not str or value not in known:
            raise ValueError(f"expected one of {', '.join(sorted(known))}")

    return check


def _any(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Check:
    options = [compiled(option, defs) for option in schema.get("anyOf", schema.get("oneOf"))]

    def check(value: Any) -> None:
        for option in options:
            try:
                return option(value)
            except ValueError:
                continue
        raise ValueError("expected another form")

    return check


def _text(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Check:
    shortest, pattern = schema.get("minLength", 0), re.compile(schema.get("pattern", "").replace("$", r"\Z"), re.A)

    def check(value: Any) -> None:
        if type(value) is str and (len(value) < shortest or not pattern.search(value)):
            raise ValueError("expected another text")

    return check


def _least(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Check:
    least = schema["minimum"]

    def check(value: Any) -> None:
        if value is not None and value < least:
            raise ValueError(f"expected at least {least}")

    return check


def _object(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Check:
    parts = {name: compiled(part, defs) for name, part in schema.get("properties", {}).items()}
    needed, most, others = frozenset(schema.get("required", ())), schema.get("maxProperties"), schema.get(MORE, True)
    other = _refuse if others is False else anything if others is True else compiled(others, defs)

    def check(value: Any) -> None:
        if type(value) is not dict:
            return
        if not needed <= value.keys():
            raise ValueError(f"{min(needed - value.keys())} is missing")
        if most is not None and len(value) > most:
            raise ValueError("expected fewer fields")
        name = ""
        try:
            for name, inner in value.items():
                if name not in parts:
                    _encoded(name)
                parts.get(name, other)(inner)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    return check


def _list(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Check:
    item = compiled(schema["items"], defs) if "items" in schema else anything
    fewest, unique = schema.get("minItems", 0), schema.get("uniqueItems", False)

    def check(value: Any) -> None:
        if type(value) is not list:
            return
        if len(value) < fewest:
            raise ValueError("expected more entries")
        for inner in value:
            item(inner)
        if unique and len(set(value)) < len(value):
            raise ValueError("an entry stands there twice")

    return check


MORE = "additionalProperties"
OBJECT = frozenset({"properties", "required", MORE, "maxProperties"})
LIST = frozenset({"items", "minItems", "uniqueItems"})
WORDS: Mapping[frozenset[str], Callable[[Mapping[str, Any], Mapping[str, Any]], Check]] = {
    frozenset({"type"}): _type,
    frozenset({"enum"}): _enum,
    frozenset({"anyOf", "oneOf"}): _any,
    frozenset({"pattern", "minLength"}): _text,
    frozenset({"minimum"}): _least,
    OBJECT: _object,
    LIST: _list,
}
"""Words of a schema -> who makes their check. The type comes first: the others rely on it."""


def _refuse(value: Any) -> None:
    raise ValueError("no such field")


def _encoded(value: str) -> None:
    value.isascii() or value.encode()


def _whole(value: int) -> None:
    if not -LARGEST < value < LARGEST:
        raise ValueError("a number without end")


def _finite(value: float) -> None:
    if value - value != 0:
        raise ValueError("no finite number")


PLAIN: Mapping[type, Callable[[Any], None]] = {str: _encoded, int: _whole, float: _finite}


def anything(value: Any, depth: int = DEEPEST) -> None:
    """Any JSON that can be written again: as UTF-8, with finite numbers, not too deep.

    Raises
    ------
    ValueError : it cannot.
    """
    if type(value) in PLAIN:
        PLAIN[type(value)](value)
    elif type(value) in (dict, list):
        if not depth:
            raise ValueError("lists in lists, too deep")
        for inner in [*value, *value.values()] if type(value) is dict else value:
            anything(inner, depth - 1)
