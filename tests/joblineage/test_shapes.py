"""The checks that are made from the schemas agree with jsonschema; what cannot be written again is refused."""

import json
import random
from copy import deepcopy

import pytest
from jsonschema import Draft202012Validator
from made_records import small_study
from mutations import ODD, _spots
from test_lineage_schemas import RECORD, RUN

from joblineage.files import parse_json
from joblineage.shapes import DEEPEST, anything, checker, compiled


def accepted(check, value) -> bool:
    try:
        check(value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("kind", "schema"), [("record", RECORD), ("run", RUN)])
def test_the_checks_agree_with_jsonschema_on_documents_with_one_odd_value(tmp_path, kind, schema):
    store, chance = small_study(tmp_path).store, random.Random(17)
    known, theirs = list(getattr(store, f"{kind}s").values()), Draft202012Validator(schema)
    assert all(accepted(checker(kind), one) for one in known)
    written = [odd for odd in ODD if accepted(anything, odd)]
    said = set()
    for _ in range(200):
        document = deepcopy(chance.choice(known))
        where, name = chance.choice(list(_spots(document)))
        if chance.random() < 0.2:
            del where[name]
        else:
            where[name] = chance.choice(written)
        valid = theirs.is_valid(document)
        assert accepted(checker(kind), document) == valid, (name, document)
        said.add(valid)
    assert said == {True, False}


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {"\ud800": 1}, [[1, 10**400]]]
)
def test_what_no_canonical_json_can_say_is_refused(value):
    assert not accepted(anything, value)
    assert not accepted(compiled({"type": "object"}, {}), {"field": value})


def test_lists_in_lists_are_read_to_a_depth_that_every_reader_can_follow():
    deep = json.loads("[" * DEEPEST + "]" * DEEPEST)
    assert accepted(anything, deep)
    assert not accepted(anything, [deep])
    with pytest.raises(ValueError, match="too deeply"):
        parse_json(b"[" * 100_000)


def test_a_fault_names_the_field(tmp_path):
    store = small_study(tmp_path).store
    record = deepcopy(next(iter(store.records.values())))
    record["hardware"]["cores"] = "two"
    with pytest.raises(ValueError, match="hardware: cores: expected integer or null"):
        checker("record")(record)


def test_a_word_of_a_schema_that_nothing_checks_is_refused():
    with pytest.raises(NotImplementedError, match="exclusiveMinimum"):
        compiled({"type": "number", "exclusiveMinimum": 0}, {})
