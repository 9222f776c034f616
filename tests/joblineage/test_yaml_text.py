"""YAML that could be read in two ways, or that unfolds without end, is refused with its line; so is JSON that is nested too deeply."""

from pathlib import Path

import pytest
import yaml

from joblineage.errors import DataError
from joblineage.files import DEEPEST, parse_json, parse_yaml, read_json, read_yaml

CHAIN = "a0: &a0 [x]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}]\n" for k in range(1, 300))
LAUGHS = "a0: &a0 [x, x, x]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}, *a{k - 1}]\n" for k in range(1, 30))


def test_a_doubled_key_is_refused_with_both_lines() -> None:
    with pytest.raises(yaml.YAMLError, match="line 4: the key 'epochs' stands twice, first in line 2"):
        parse_yaml("tiny:\n  epochs: 10\n  batch: 2\n  epochs: 1000\n")


def test_the_same_key_in_two_blocks_and_over_a_merged_one_is_none_twice() -> None:
    text = "a: &a {epochs: 1}\nb: {<<: *a, epochs: 2}\nc: [{epochs: 3}, {epochs: 4}]\n"
    assert parse_yaml(text) == {"a": {"epochs": 1}, "b": {"epochs": 2}, "c": [{"epochs": 3}, {"epochs": 4}]}


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000, CHAIN])
def test_yaml_nested_too_deeply_is_refused_at_once(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match=r"line \d+: it is nested too deeply"):
        parse_yaml(text)


def test_aliases_that_unfold_without_end_are_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="unfold to more than 1000000 values"):
        parse_yaml(LAUGHS)
    with pytest.raises(yaml.YAMLError, match="line 1: holds itself"):
        parse_yaml("a: &a [*a]")


@pytest.mark.parametrize("text", ["a: 2026-02-31", f"a: {'9' * 5000}"])
def test_a_value_that_cannot_be_is_a_fault_of_the_file(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 500 + "]" * 500])
def test_json_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(text)


def test_what_is_nested_as_deeply_as_allowed_is_read() -> None:
    text = "[" * DEEPEST + "]" * DEEPEST
    assert parse_json(text) == parse_yaml(text)


def test_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("seed: 1\nseed: 2\n")
    for read, words in ((read_yaml, "line 2: the key 'seed'"), (read_json, "is not valid JSON")):
        with pytest.raises(DataError, match=f"params.yaml.*\n.*{words}"):
            read(file)
