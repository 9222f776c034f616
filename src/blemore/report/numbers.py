"""Numbers that know where they come from: each is shown with the file and the JSON pointer it was read at.

A page made with these can be checked by a machine: `<data value="0.37512"
data-source="metrics.json#/variants/global/score">.375</data>` is right when the file holds that value at that place and
the shown text is the value, rounded.
"""

import json
from collections.abc import Iterator
from typing import Any

import jinja2
from markupsafe import Markup

from blemore.encoders.labels import label
from joblineage.errors import DataError

MINUS, THIN_SPACE = "\u2212", "\u202f"


class Spot:
    """A place in one of the study's files.

    file : the file's name; pointer : RFC 6901, "" for the whole file; value : what is found there.
    `spot["key"]` (in a template also with a dot) goes one step deeper.
    """

    __slots__ = ("file", "pointer", "value")

    def __init__(self, file: str, value: Any, pointer: str = ""):
        self.file, self.value, self.pointer = file, value, pointer

    def __getitem__(self, key: str | int) -> "Spot":
        """One step deeper. Raises DataError, naming file and key, where there is no such step."""
        inside = isinstance(self.value, list | dict)
        there = key in self.value if isinstance(self.value, dict) else inside and 0 <= int(key) < len(self.value)
        if not there:
            raise DataError(self.file, [f"{self.pointer or 'the whole file'}: there is no {key!r}"])
        step = str(key).replace("~", "~0").replace("/", "~1")
        return Spot(self.file, self.value[key], f"{self.pointer}/{step}")

    def maybe(self, key: str) -> "Spot | None":
        """One step deeper, or None where the step is missing or null: a block that was not computed."""
        return self[key] if self.value.get(key) is not None else None

    def each(self) -> Iterator["Spot"]:
        """All places one step deeper, in the file's order."""
        keys = list(self.value) if isinstance(self.value, dict) else range(len(self.value))
        return (self[key] for key in keys)

    @property
    def last(self) -> str:
        """The last step that led here: a name such as an encoder's."""
        return self.pointer.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")

    @property
    def source(self) -> str:
        return f"{self.file}#{self.pointer}"


def rounded(value: float, digits: int | None = 3, signed: bool = False) -> str:
    """A number as it is shown: no zero before the point, a real minus, thousands parted; `digits` None: as it is."""
    if isinstance(value, int) and digits is None:
        body = f"{abs(value):,}".replace(",", THIN_SPACE)
    else:
        body = repr(abs(float(value))) if digits is None else f"{abs(value):,.{digits}f}".replace(",", THIN_SPACE)
        body = body.removeprefix("0") if body.startswith("0.") else body
    if not any(digit in body for digit in "123456789"):
        return body
    return (MINUS if value < 0 else "+" if signed else "") + body


def number(spot: Spot, digits: int | None = 3, signed: bool = False) -> Markup:
    """One number with its source; a dash where the file says null. Raises DataError for anything else."""
    if spot.value is None:
        return Markup('<span class="none" title="not known">\u2013</span>')
    if isinstance(spot.value, bool) or not isinstance(spot.value, int | float):
        raise DataError(spot.file, [f"{spot.pointer}: expected a number, found {spot.value!r}"])
    shown = rounded(spot.value, digits, signed)
    return Markup('<data value="{}" data-source="{}">{}</data>').format(json.dumps(spot.value), spot.source, shown)


def whole(spot: Spot) -> Markup:
    """A count, with its source."""
    return number(spot, digits=None)


def interval(spot: Spot, signed: bool = False) -> Markup:
    """[low, high] with their sources; nothing where the file says null."""
    if spot.value is None:
        return Markup("")
    low, high = (number(spot[k], signed=signed) for k in (0, 1))
    return Markup('<span class="interval">[{}, {}]</span>').format(low, high)


def text(spot: Spot) -> Markup:
    """A text of the file, word for word; a dash where the file says null."""
    if spot.value is None:
        return Markup('<span class="none" title="not known">\u2013</span>')
    return Markup('<span data-source="{}">{}</span>').format(spot.source, str(spot.value))


def name(spot: Spot) -> Markup:
    """The last step that led to a place (an encoder's name, a fold's number); lines may break after an underscore."""
    parts = Markup("<wbr>").join(Markup.escape(f"{part}_") for part in spot.last.split("_"))
    return Markup('<span class="name" data-key="{}">{}</span>').format(spot.source, parts[:-1])


def words(spot: Spot) -> Markup:
    """The last step that led to a place, as words: "random groups" of random_groups."""
    return Markup('<span class="name" data-key="{}" data-words>{}</span>').format(
        spot.source, spot.last.replace("_", " ")
    )


def encoder(spot: Spot) -> Markup:
    """An encoder's label, over its code name; the name is the text at a place, or else the last step that led there."""
    named = isinstance(spot.value, str)
    where, code = ("source", spot.value) if named else ("key", spot.last)
    tag = Markup('<span class="name" data-{}="{}" data-encoder title="{}">{}</span>')
    return tag.format(Markup(where), spot.source, code, label(code))


def anything(spot: Spot, digits: int | None = None) -> Markup:
    """A value of any kind: number, text, yes or no, or a list of such with their names; `digits` as of `rounded`, for fractions."""
    value = spot.value
    if isinstance(value, bool):
        return Markup('<span data-source="{}">{}</span>').format(spot.source, "yes" if value else "no")
    if isinstance(value, int | float):
        return number(spot, digits if isinstance(value, float) else None)
    if isinstance(value, list):
        return Markup(", ").join(anything(item, digits) for item in spot.each()) if value else Markup("none")
    if isinstance(value, dict):
        rows = [Markup("<dt>{}</dt><dd>{}</dd>").format(name(item), anything(item, digits)) for item in spot.each()]
        return Markup('<dl class="pairs">{}</dl>').format(Markup("").join(rows)) if rows else Markup("none")
    return text(spot)


class _Environment(jinja2.Environment):
    """Lets filters such as `sort(attribute="value")` reach a spot's own attributes, and not only its keys."""

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Spot) and argument in ("value", "last"):
            return getattr(obj, argument)
        return super().getitem(obj, argument)


def environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    """Templates in which a wrong name is an error, with what renders a spot."""
    templates = _Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.globals.update(
        {function.__name__: function for function in (number, whole, interval, text, name, words, encoder, anything)}
    )
    return templates
