"""A JSON Schema in words: what a key means and what it may be."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from joblineage.errors import DataError, refuse

Keys = tuple[str | int, ...]
"""Where a value stands: ("encoders", "s4d", "tiny", "epochs")."""

TYPES = {
    "object": "a block of keys",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def dotted(keys: Keys) -> str:
    """A key's path as people write it: "demo.seconds[0]"."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".") or "the whole file"


@cache
def validator() -> Any:
    """The class of validators, of draft 2020-12.

    Python's own patterns find "^A[0-9]+$" in "A26\\n" too, and take the digits of every script; JSON Schema's do not.
    """
    import jsonschema  # 80 ms

    def pattern(_: Any, wanted: str, instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
        if isinstance(instance, str) and not re.search(wanted.replace("$", r"\Z"), instance, re.ASCII):
            yield jsonschema.ValidationError(f"{instance!r} does not match {wanted!r}")

    return jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": pattern})


def check_list(
    entries: Any,
    schema: Mapping[str, Any],
    where: str,
    words: tuple[str, str],
    faults_of: Callable[[int, Mapping[str, Any]], Iterable[str]] = lambda place, entry: (),
) -> None:
    """Refuse a file that is no list, or of which an entry differs from the schema, or else is wrong in itself.

    Parameters
    ----------
    schema : of the list; a `$comment` of its items says what a `oneOf` of theirs asks for.
    where : the file, for the message.
    words : what the file lists, and what messages call an entry.
    faults_of : (an entry's place, from 1; the entry) -> what the schema cannot say.

    Raises
    ------
    DataError : one fault per wrong entry or key.
    """
    if not isinstance(entries, list):
        raise DataError(where, [f"expected a list of {words[0]}"])
    if not entries:
        return
    faults, strict = [], validator()
    errors = strict(schema, format_checker=strict.FORMAT_CHECKER).iter_errors(entries)
    for error in sorted(errors, key=lambda error: error.absolute_path[0]):
        place, *keys = error.absolute_path
        wrong = schema["items"].get("$comment", "") if error.validator == "oneOf" else error.message
        faults.append(f"{words[1]} {int(place) + 1}{', ' + dotted(tuple(keys)) if keys else ''}: {wrong}")
    faults = faults or [fault for place, entry in enumerate(entries, 1) for fault in faults_of(place, entry)]
    refuse(where, faults)


def part(schema: Mapping[str, Any], keys: Keys) -> Mapping[str, Any]:
    """The part of a schema that speaks of one key; empty where it speaks of none. Local references are followed."""
    node = _resolved(schema, schema)
    for key in keys:
        if isinstance(key, int):
            node = node.get("items", {})
        elif "properties" in node and key in node["properties"]:
            node = node["properties"][key]
        else:
            others = node.get("additionalProperties", {})
            node = others if isinstance(others, Mapping) else {}
        node = _resolved(node, schema)
    return node


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A node with the part that its `$ref` points to ("#/$defs/name"); what the node says itself wins."""
    if "$ref" not in node:
        return node
    target: Any = schema
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return {**_resolved(target, schema), **node}


def meaning(schema: Mapping[str, Any], keys: Keys) -> str:
    """What a key means: its own description, else that of the nearest block around it; "" without any."""
    texts = (part(schema, keys[:length]).get("description") for length in range(len(keys), -1, -1))
    return next(filter(None, texts), "")


def expected(node: Mapping[str, Any]) -> str:
    """What a part of a schema allows, in words: "a whole number from 1 to 1000"."""
    if "enum" in node:
        return f"one of {', '.join(map(str, node['enum']))}"
    if "type" not in node:
        return "another value"
    types = [node["type"]] if isinstance(node["type"], str) else node["type"]
    text = " or ".join(TYPES[name] for name in types)
    if node.get("required"):
        text += f" ({', '.join(node['required'])})"
    limits = (
        ("minimum", "from {}"),
        ("exclusiveMinimum", "above {}"),
        ("maximum", "to {}"),
        ("exclusiveMaximum", "below {}"),
        ("multipleOf", "in steps of {}"),
        ("minLength", "of at least {} character(s)"),
        ("minProperties", "with at least {} entry"),
        ("pattern", "that matches {}"),
        ("format", "that is a {}"),
    )
    words = [text, *(form.format(node[name]) for name, form in limits if name in node)]
    if "items" in node:
        low, high = (node.get(name) for name in ("minItems", "maxItems"))
        words.append(f"of {low} value(s)" if low == high else f"of {low} or more values")
        words.append(f"({'each different and ' if 'uniqueItems' in node else ''}{expected(node['items'])})")
    return " ".join(words)
