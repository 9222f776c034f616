"""The forms of records and runs, and the hashes that name them."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from made_records import small_study

from joblineage import declare, record
from joblineage.files import read_json
from joblineage.shapes import checker
from joblineage.store import Store, canonical, digest, merkle_root

SCHEMAS = Path(record.__file__).parent / "schemas"
RECORD, RUN = (read_json(SCHEMAS / f"{kind}.schema.json") for kind in ("record", "run"))
USED = {"seconds": 1.5, "cpu_seconds": 1.0, "peak_mb": 100, "device": "cpu", "peak_gpu_mb": 0}

SAFE = 2**53 - 1
"""RFC 8785 knows numbers as doubles: beyond this a whole number is none that it can tell from its neighbours."""
leaf = st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(-SAFE, SAFE) | st.text()
json_values = st.recursive(leaf, lambda one: st.lists(one) | st.dictionaries(st.text(), one), max_leaves=12)
ids = st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), min_size=1, max_size=9, unique=True)


class Named(list):
    """As Snakemake hands files to a script."""

    def __init__(self, **files: str | list[str]):
        super().__init__(path for one in files.values() for path in ([one] if isinstance(one, str) else one))
        self._files = files

    def items(self) -> Any:
        return self._files.items()

    def keys(self) -> Any:
        return self._files.keys()


@pytest.fixture
def written(tmp_path, monkeypatch) -> dict[str, Any]:
    """A record as a job writes it, outside any git repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("clip.mov", "code.py", "model.pt", "out.parquet"):
        Path(name).write_text(name)
    job = SimpleNamespace(
        rule="embed",
        wildcards={"frozen": "net"},
        input=Named(clips=["clip.mov"], weights=["model.pt"], code=["code.py"]),
        output=Named(features="out.parquet"),
        params={"encoder": {"checkpoint": "net", "revision": "abc"}, "seed": 17},
    )
    begun = record.begin(job)
    declare.fitted("net/fold0", "head", ["a", "b"], ["c"])
    (part,) = begun.parts()
    part.done(USED)
    (name,) = begun.end([part])
    return Store().records[name]


def faults(schema: dict[str, Any], document: Any) -> list[str]:
    return [f"{list(one.path)}: {one.message}" for one in Draft202012Validator(schema).iter_errors(document)]


def nulls(value: Any, where: str = "") -> Iterator[str]:
    """Dotted paths of the fields of a record that are null; what users gave as parameters is theirs."""
    if value is None:
        yield where
    elif isinstance(value, dict) and where != "params.values":
        for name, one in value.items():
            yield from nulls(one, f"{where}.{name}".lstrip("."))


def described(schema: dict[str, Any], path: str) -> str:
    for name in path.split("."):
        options = [schema, *schema.get("oneOf", [])]
        schema = next(one["properties"][name] for one in options if name in one.get("properties", {}))
    return schema["description"]


def fields(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field that a schema speaks of."""
    for part in ("properties", "$defs"):
        for name, one in schema.get(part, {}).items():
            yield f"{where}.{name}", one
            yield from fields(one, f"{where}.{name}")
    for one in [schema.get("items"), schema.get("additionalProperties"), *schema.get("oneOf", [])]:
        if isinstance(one, dict):
            yield from fields(one, where)


@pytest.mark.parametrize("schema", [RECORD, RUN], ids=["record", "run"])
def test_every_field_is_described_and_no_other_is_allowed(schema):
    Draft202012Validator.check_schema(schema)
    found = list(fields(schema))
    assert len(found) > 10
    assert [where for where, one in found if not one.get("description")] == []
    open_ones = [where for where, one in found if one.get("type") == "object" and "additionalProperties" not in one]
    assert open_ones == []
    assert schema["additionalProperties"] is False
    assert faults(schema, {"more": 1})


def test_a_record_has_the_form_of_its_schema(written):
    assert faults(RECORD, written) == []


def test_a_null_field_is_listed_as_unknown_or_its_schema_says_when_it_is_null(written):
    found = list(nulls(written))
    assert "code.commit" in found
    for where in found:
        meaning = described(RECORD, where)
        assert where in written["unknown"] or "Null where" in meaning, where
        assert ("Listed in unknown where null" in meaning) == (where in written["unknown"]), where


def test_whatever_is_listed_as_unknown_is_a_field_that_nobody_filled(written):
    for where in written["unknown"]:
        value: Any = written
        for name in where.split("."):
            value = value[name]
        assert not value


def test_made_up_records_and_runs_of_these_tests_have_the_same_form(tmp_path):
    made = small_study(tmp_path).store
    assert [fault for one in made.records.values() for fault in faults(RECORD, one)] == []
    assert [fault for one in made.runs.values() for fault in faults(RUN, one)] == []


@pytest.mark.parametrize(
    ("where", "value"),
    [("status", "fine"), ("job", {"rule": "fuse"}), ("outputs", []), ("environment", "none"), ("more", 1)],
)
def test_a_record_of_another_form_is_refused(written, where, value):
    assert faults(RECORD, written | {where: value})


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "results/../../x", ".."])
def test_an_output_lies_below_the_workspace(written, path):
    """Who brings lost results back writes where a record says."""
    out = written["outputs"][0]
    with pytest.raises(ValueError, match="expected another text"):
        checker("record")(written | {"outputs": [out | {"path": path}]})
    checker("record")(written | {"outputs": [out | {"path": "results/..a/b..csv"}]})


def test_a_record_is_named_by_the_hash_of_its_canonical_json(written):
    (path,) = Path("lineage/records").iterdir()
    assert path.stem == digest(path.read_bytes()) == digest(canonical(written))


@pytest.mark.thorough
@given(json_values)
def test_canonical_json_gives_the_value_back_and_knows_one_spelling(value):
    again = json.loads(canonical(value))
    assert again == value
    assert canonical(again) == canonical(value)


@pytest.mark.thorough
@given(st.dictionaries(st.text(), leaf, max_size=6))
def test_canonical_json_does_not_know_the_order_of_keys(value):
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@given(ids, st.data())
def test_one_changed_record_changes_the_root_of_a_run(names, data):
    at = data.draw(st.integers(0, len(names) - 1))
    other = data.draw(st.binary(min_size=32, max_size=32).map(bytes.hex).filter(lambda one: one != names[at]))
    assert merkle_root([*names[:at], other, *names[at + 1 :]]) != merkle_root(names)


@given(ids, st.data())
def test_the_root_knows_the_order_and_the_number_of_records(names, data):
    shuffled = data.draw(st.permutations(names))
    assert (merkle_root(shuffled) == merkle_root(names)) == (shuffled == names)
    assert merkle_root(names[:-1]) != merkle_root(names)
    assert merkle_root([*names, names[-1]]) != merkle_root(names)
