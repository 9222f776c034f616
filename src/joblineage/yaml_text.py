"""A strict reader of YAML: a key twice in one block, endless nesting, and aliases that unfold to millions of values are refused.

PyYAML lets the last of two equal keys win, without a word.
"""

from typing import Any

import yaml

from joblineage.files import DEEPEST

MOST_VALUES = 1_000_000
"""Values that a file may hold, with every alias replaced by what it stands for."""


class _Loader(yaml.CSafeLoader):
    """libyaml's: a lock file takes a tenth of the time of the parser in Python."""

    def construct_document(self, node: yaml.Node) -> Any:
        values, _ = _unfolded(node, {})
        if values > MOST_VALUES:
            raise yaml.YAMLError(f"its aliases unfold to more than {MOST_VALUES} values")
        return super().construct_document(node)


def load(text: str | bytes) -> Any:
    """What YAML text holds.

    Raises
    ------
    yaml.YAMLError : it is no YAML, or holds what this module refuses; the message names the line.
    """
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):  # before its nodes are built, by calls within calls
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.YAMLError(f"line {_line(event)}: it is nested too deeply (more than {DEEPEST} blocks)")
    try:
        return yaml.load(text, _Loader)
    except (ValueError, OverflowError) as error:  # a number of thousands of digits, the 31st of February
        raise yaml.YAMLError(str(error)) from error


def _unfolded(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many values a node stands for, and how many blocks lie within one another.

    known : of each node's id; aliases of a node are the node itself. (0, 0) while it is being counted.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1, 0
    if id(node) not in known:
        known[id(node)] = (0, 0)
        if isinstance(node, yaml.MappingNode):
            _refuse_doubled(node)
        parts = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        inner = [_unfolded(part, known) for part in parts]
        known[id(node)] = (1 + sum(values for values, _ in inner), 1 + max((height for _, height in inner), default=0))
    values, height = known[id(node)]
    if not values:
        raise yaml.YAMLError(f"line {_line(node)}: holds itself, by an alias")
    if height > DEEPEST:
        raise yaml.YAMLError(f"line {_line(node)}: it is nested too deeply (more than {DEEPEST} blocks)")
    return values, height


def _refuse_doubled(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in lines:
                first = lines[key.value]
                raise yaml.YAMLError(f"line {_line(key)}: the key {key.value!r} stands twice, first in line {first}")
            lines[key.value] = _line(key)


def _line(where: yaml.Node | yaml.Event) -> int:
    return int(where.start_mark.line) + 1
