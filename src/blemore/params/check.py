"""The study's parameters against their schema: every fault at once, with what was found, expected and meant."""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema

from blemore.params.families import family
from blemore.params.parts import AUTO, DATA_SET, DESCRIPTOR, ENCODER_FAMILY, FUSION_METHOD, HEAD, OFF, PartKind
from blemore.params.permission import why_off
from blemore.params.schema import Keys, dotted, expected, meaning, part, validator
from joblineage.errors import MissingDataError, refuse
from joblineage.files import read_yaml

_STRICT = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
    {  # stricter than JSON Schema: 12.0 is no whole number, and .nan and .inf are no numbers
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        ),
    }
)
_Validator = jsonschema.validators.extend(validator(), type_checker=_STRICT)

SCHEMA = Path("schemas/params.schema.yaml")


def read_schema(path: str | Path) -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) written as YAML."""
    return read_yaml(path)


def read_params(path: Path, **changed: Any) -> dict[str, Any]:
    """The parameters in a file, with the top keys `changed`; what the start of the workflow refuses is refused here, too.

    Their schema lies in schemas/ beside the file, or else where the command is called.

    Raises
    ------
    MissingDataError : no such file, or no schema.
    DataError : as `check_params`.
    """
    schema = next((place for place in (path.parent / SCHEMA, SCHEMA) if place.is_file()), None)
    if schema is None or not path.is_file():
        advice = f"expected {path} and beside it, or here, {SCHEMA}: go to the study's folder"
        raise MissingDataError(str(path), [advice])
    values = read_yaml(path) | changed
    check_params(values, read_schema(schema), str(path))
    return values


def check_config(values: Mapping[str, Any], files: Iterable[str | Path]) -> None:
    """`check_params` of what Snakemake has read of some files: its reader lets the last of two equal keys win.

    Raises
    ------
    DataError : as `check_params`; or a file holds a key twice.
    """
    for file in files:
        read_yaml(file)
    check_params(values, read_schema(SCHEMA))


def check_params(values: Mapping[str, Any], schema: Mapping[str, Any], where: str = "params.yaml") -> None:
    """Refuse parameters that the schema or the parts that they name do not allow, or that contradict each other.

    Parameters
    ----------
    values : the parameters, as read from YAML.
    schema : their schema; only its own `$defs` are followed.
    where : the file's name, for the message.

    Raises
    ------
    DataError : one fault per wrong key: its path ("encoders.s4d.tiny.epochs"), what was found, what is expected, and
        what the key means.
    """
    schema, faults = with_parts(schema, values)
    validator = _Validator(schema, format_checker=_formats(Path(where).parent))
    errors = sorted(validator.iter_errors(values), key=lambda error: dotted(tuple(error.absolute_path)))
    faults += [fault for error in errors for fault in _explain(error, schema)]
    faults += list(_contradictions(values, {keys for keys, _, _ in faults}))
    sentences = []
    for keys, text, meant in faults:
        words = meaning(schema, keys if meant is None else meant)
        sentences.append(f"{dotted(keys)}: {text}" + (f" (meaning: {words})" if words else ""))
    refuse(where, dict.fromkeys(sentences))


def _formats(root: Path) -> jsonschema.FormatChecker:
    """What the schema calls a date or a path: the latter leads out of its folder neither by "..", from "/" on nor by a link."""
    known = jsonschema.FormatChecker(["date"])
    for name, folder in (("path within the study", ""), ("path within outside/", "outside")):
        place = root.resolve() / folder
        known.checks(name)(partial(_lies_below, place, root))
    known.checks("path within the study or from ~/ on")(
        lambda path: _lies_below(root.resolve(), root, path.removeprefix("~/") if isinstance(path, str) else path)
    )
    return known


def _lies_below(place: Path, root: Path, path: Any) -> bool:
    if not isinstance(path, str):
        return True
    below = path.isprintable() and not Path(path).is_absolute() and ".." not in Path(path).parts
    try:
        return below and place in (root / path).resolve().parents
    except (OSError, ValueError):  # a name that no file can have, a link to itself
        return False


TRAINING = (
    "epochs", "batch", "micro_batch", "gradient_checkpointing", "early_stopping", "learning_rate", "weight_decay",
    "layer_decay", "warm_up", "largest_gradient", "seconds",
)  # fmt: skip
"""Numbers of the training loop."""

SCALES = ("tiny", "pretrained")

Fault = tuple[Keys, str, Keys | None]
"""Path of the wrong key, what is wrong, and the key whose meaning helps (None: the key itself)."""


def with_parts(schema: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """The schema with the numbers of every part that the values name, and names of parts that there are not.

    A part's numbers are those of its signature (`parts.PartKind.numbers`); what the schema says of one, such as its range,
    takes the place of its annotation. Those of a fusion method, a data set and a head are in a block of its name, those of an encoder family in the
    encoder's entry, or in its blocks for the scales, which must also have what the family says that it needs
    (`families.Family.needs`).
    """
    # Copies only of what is changed: this runs at every start of the workflow.
    schema = {**schema, "properties": {**schema["properties"]}}
    for name in ("fusion", "encoders"):
        node = schema["properties"][name]
        schema["properties"][name] = {**node, "properties": {**node.get("properties", {})}}
    faults: list[Fault] = []

    def known(kind: PartKind, name: Any, *keys: str) -> bool:
        fault = kind.missing(name)
        faults.extend([(keys, fault, None)] if fault else [])
        return not fault

    def add_block(node: dict[str, Any], kind: PartKind, name: str) -> None:
        numbers, old = kind.numbers(name), node["properties"].get(name, {})
        said = {key: old.get("properties", {}).get(key, number) for key, number in numbers["properties"].items()}
        node["properties"][name] = numbers | old | {"properties": said, "required": numbers["required"]}
        if numbers["required"] or kind is DATA_SET:  # of whom rules read more than the module does
            node["required"] = [*node["required"], name]

    if known(DATA_SET, values.get("dataset"), "dataset"):
        for name in {values["dataset"], *values} & {*DATA_SET.names()}:
            add_block(schema, DATA_SET, name)
    fusion = _block(values, "fusion")
    candidates = fusion.get("candidates")
    listed = candidates if isinstance(candidates, list) else []
    for name in dict.fromkeys(
        method for method in (fusion.get("method"), *listed) if method != AUTO and isinstance(method, str)
    ):
        keys = ("fusion", "method") if name == fusion["method"] else ("fusion", "candidates")
        if known(FUSION_METHOD, name, *keys):
            add_block(schema["properties"]["fusion"], FUSION_METHOD, name)
    descriptor = _block(values, "individuals").get("descriptor", OFF[0])
    if descriptor not in OFF:
        known(DESCRIPTOR, descriptor, "individuals", "descriptor")
    encoders = schema["properties"]["encoders"]
    for name in _block(values, "encoders"):
        entry = _block(values, "encoders", name)
        any_entry = encoders["additionalProperties"]
        node = encoders["properties"][name] = {**any_entry, "properties": {**any_entry["properties"]}}
        head = entry.get("head")
        if head is not None and known(HEAD, head, "encoders", name, "head") and HEAD.numbers(head)["properties"]:
            add_block(node, HEAD, head)
        if "module" in entry and known(ENCODER_FAMILY, entry["module"], "encoders", name, "module"):
            numbers, said = ENCODER_FAMILY.numbers(entry["module"]), family(entry["module"])
            needed = [key for key in numbers["required"] if key not in entry]
            required = ["file", "persons"] if said.kind == "outside" else ["media"]
            required += [] if any(scale in entry for scale in SCALES) else needed
            for scale in SCALES:
                needs = [*said.needs.get(scale, ()), *said.needs.get(str(entry.get("learning")), ())]
                needs = [key for key in needs if key not in entry]
                reads = said.kind == "network" and scale == "pretrained"  # a checkpoint
                used = entry.get("enabled") and entry.get("weights", values.get("weights")) == scale
                required += [scale] if needs or (reads and used) else []
                needs += [*(["checkpoint"] if reads else []), *needed]
                node["properties"][scale] = _with(node["properties"][scale], numbers["properties"], needs)
            encoders["properties"][name] = _with(node, numbers["properties"], required)
    return schema, faults


def _with(node: Mapping[str, Any], properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    """A block of the schema with further keys."""
    keys = {"properties": {**node["properties"], **properties}, "required": [*node.get("required", ()), *required]}
    return {**node, **keys}


def _block(values: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The block at some keys; empty where there is none."""
    block: Any = values
    for key in keys:
        block = block.get(key, {})
        if not isinstance(block, Mapping):
            return {}
    return block


def _explain(error: jsonschema.ValidationError, schema: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults behind one validation error."""
    keys = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for name in sorted(str(name) for name in error.instance if name not in known):
            close = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
            new = "" if keys else "; a new block is described in schemas/params.schema.yaml"
            yield (*keys, name), f"unknown key, {advice}{new}", (*keys, *close)
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield (*keys, name), f"missing, expected {expected(part(schema, (*keys, name)))}", None
    elif "propertyNames" in error.absolute_schema_path:
        yield (*keys, error.instance), f"not a name, expected text that matches {error.validator_value}", keys
    else:
        text = f"found {_shown(error.instance)}, expected {expected(part(schema, keys))}"
        yield keys, text + _yaml_advice(error), None


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a block with the keys {', '.join(map(str, value))}" if value else "an empty block"
    return "nothing (null)" if value is None else repr(value)


def _yaml_advice(error: jsonschema.ValidationError) -> str:
    """YAML reads 1e-3 as text: say how to write it."""
    if error.validator == "type" and isinstance(error.instance, str) and "string" not in error.validator_value:
        with suppress(ValueError):
            number = float(error.instance)
            how = "without quotes and with a point before any e"
            return f"; it is text to YAML, write {number}, {how}" if math.isfinite(number) else "; it is text to YAML"
    return ""


def _contradictions(values: Mapping[str, Any], faulty: set[Keys]) -> Iterator[Fault]:
    """Values that are right one by one but not together; what has a fault of its own is passed over."""

    def sound(*keys: str) -> bool:
        return not any(fault[: len(keys)] == keys or keys[: len(fault)] == fault for fault in faulty)

    if sound("demo"):
        demo = values["demo"]
        if demo["train_actors"] < demo["folds"]:
            text = f"found {demo['train_actors']}, expected at least demo.folds, {demo['folds']}"
            yield ("demo", "train_actors"), text, None
        actors = demo["train_actors"] + demo["test_actors"]
        nobody = sorted(name for name in demo["unusual"] if int(name[1:]) > 900 + actors)
        if nobody and demo["train_actors"] >= demo["folds"]:
            text = f"found {', '.join(nobody)}, expected actors from A901 to A{900 + actors}"
            yield ("demo", "unusual"), text, None
        if actors > 99:
            text = f"found {actors} actors together with demo.train_actors, expected at most 99 (A901 to A999)"
            yield ("demo", "test_actors"), text, None
        if demo["seconds"][0] > demo["seconds"][1]:
            yield ("demo", "seconds"), f"found {demo['seconds']}, expected the shorter one first", None
    by_thresholds = sound("decoding") and values["decoding"] in ("exact", "official")
    if by_thresholds and sound("dataset") and not getattr(DATA_SET.load(values["dataset"]), "BLENDS", True):
        text = f"{values['dataset']} has no blends to fit thresholds on"
        yield ("decoding",), f"found {values['decoding']}, expected auto or expected: {text}", None
    if sound("submission") and sound("individuals") and values["submission"]["prefer"] == "transductive":
        individuals = values["individuals"]
        reason = why_off(individuals["descriptor"], individuals["approved"], values["dataset"])
        if reason or values["private"] == "absent":
            text = f"found transductive, which needs individuals to be distinguished. {reason or 'private: absent'}"
            yield ("submission", "prefer"), text, ("individuals",)
    if sound("fusion", "method") and sound("fusion", "candidates"):
        fusion = values["fusion"]
        used = {fusion["method"], *fusion["candidates"]} - {"auto"}
        for name in sorted(set(fusion) - used - {"method", "candidates", "scaling"}):
            close = difflib.get_close_matches(name, used, n=1)
            advice = f"did you mean {close[0]!r}?" if close else f"used are: {', '.join(sorted(used))}"
            yield ("fusion", name), f"numbers of a method that is not used, {advice}", ("fusion", "candidates")
    if ("encoders",) in faulty:
        return
    for name, encoder in values["encoders"].items():
        if not sound("encoders", name):
            continue
        for keys, text in _of_encoder(values, encoder):
            yield ("encoders", name, *keys), text, None
    if not any(encoder["enabled"] for name, encoder in values["encoders"].items() if sound("encoders", name)):
        yield ("encoders",), "all are switched off, expected at least one with enabled: true", None


def _of_encoder(values: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Keys of an encoder's entry and their faults: what would be passed over in silence is refused."""
    module, learning, kind = entry["module"], entry["learning"], family(entry["module"]).kind
    if kind == "service" and not isinstance(values.get(module), Mapping):
        yield ("module",), f"{module} is a service, but no block {module} says how it is asked"
    if kind != "outside":
        together = family(module).media
        if together and entry["media"] != [*together]:
            yield ("media",), f"found {entry['media']}, module {module} reads [{', '.join(together)}]"
        if not together and not isinstance(entry["media"], str):
            yield ("media",), f"found {entry['media']}, module {module} reads one kind"
        why = f"module {module} reads nothing from outside"
        yield from (((key,), f"{why}, leave the key out") for key in ("file", "persons") if key in entry)
        if learning == "given":
            yield ("learning",), f"found given, but {why}"
    if entry["enabled"] and not family(module).small and entry.get("weights", values["weights"]) == "tiny":
        yield ("weights",), f"found tiny, but module {module} has no small form: write pretrained into the entry"
    for scale in SCALES:
        numbers = entry.get(scale, {})
        if kind != "network" and "checkpoint" in numbers:
            yield (scale, "checkpoint"), f"module {module} reads none, leave the key out"
        for key in TRAINING if learning == "frozen" else ():
            if key in numbers:
                yield (scale, key), "a frozen encoder is not trained, leave the key out"
        if "layers" in numbers:
            if learning == "finetuned":
                yield (scale, "layers"), "layers are averaged in frozen encoders only, leave the key out"
            elif numbers["layers"][0] > numbers["layers"][1]:
                yield (scale, "layers"), f"found {numbers['layers']}, expected the lower layer first"
