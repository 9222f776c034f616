"""The jobs that the page tells of, and how they fold: steps, in each a box per rule, encoders as rows with a cell per fold."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networkx as nx

from joblineage.files import parse_yaml
from joblineage.graph import Graph
from joblineage.store import Store, key
from joblineage.verdict import WORST_FIRST, Finding, Verdict

EXECUTED, REUSED = "executed", "reused"
BELOW = "below"
"""State of a job that is sound itself but used what is not."""
ENCODERS = "encoders"
"""The steps that work encoder by encoder are one block of the drawing."""
PER_ENCODER = ("embed", "encode")
OTHER = "other"
RULE = re.compile(r"^ *(?:rule|use rule \w+ as) (\w+)(?: with)?:", re.M)
"""A rule's name, also of one that stands below an `if` or that takes after another."""


@dataclass
class Box:
    """One place of the drawing: the jobs of a rule, or an encoder's job for a fold."""

    label: str
    records: list[str] = field(default_factory=list)


@dataclass
class Block:
    """A step: its boxes by row; rows have names only where encoders are told apart."""

    name: str
    rows: dict[str, list[Box]] = field(default_factory=dict)
    rank: int = 0


@dataclass(frozen=True)
class Chain:
    """Records in an order in which makers stand before readers.

    records : {id: record}; made : {path: id}; steps : {id: step}; states : {id: "executed", "reused", "below" or a verdict};
    fresh : ids of those that the last run made, or the one that is under way; blocks : {name: block} in the steps' order; joins : (block, block) where one uses the other's files, none that
    follows from others.
    """

    records: dict[str, dict[str, Any]]
    made: dict[str, str]
    steps: dict[str, str]
    states: dict[str, str]
    fresh: set[str]
    blocks: dict[str, Block]
    joins: list[tuple[str, str]]


def chain(
    store: Store, findings: Iterable[Finding] = (), artifact: str | None = None, *, under_way: bool = False
) -> Chain:
    """The jobs that the file `artifact` came from; all of the present study where None.

    Parameters
    ----------
    findings : what `verify` found; jobs that it names, or whose files it names, bear its verdict.
    under_way : whether the last run has not ended yet.
    """
    graph = Graph(store)
    if artifact is None:
        names = set(graph.records)
    else:
        names = set(graph.chain(artifact)) if artifact in store.makers else set()
    ordered = graph.ordered(names)
    records = {name: graph.records[name] for name in ordered}
    made = {out["path"]: name for name, record in records.items() for out in record["outputs"]}
    of_rule, order = _study_steps(store)
    steps = {name: of_rule.get(record["job"]["rule"], OTHER) for name, record in records.items()}
    blocks = _blocks(records, steps, order)
    joins = _joins(graph, steps, blocks)
    fresh = set(store.pending)
    if not fresh and not under_way and store.last_run:
        fresh = set(store.last_run["executed"])
    return Chain(records, made, steps, _states(records, fresh, list(findings)), fresh & set(records), blocks, joins)


def _study_steps(store: Store) -> tuple[dict[str, str], list[str]]:
    """{rule: step} and the steps' order, of the study as the last run had it: a step is a file of rules and a stage."""
    kept = store.last_run["study"] if store.last_run else {}
    texts = {path: store.get(name).decode() for path, name in kept.items() if store.has(name)}
    if store.pending or "dvc.yaml" not in texts:  # a run under way: the files as they are
        there = [Path("dvc.yaml"), *sorted(path.relative_to(store.root) for path in store.root.glob("rules/*.smk"))]
        texts = {path.as_posix(): (store.root / path).read_text() for path in there if (store.root / path).is_file()}
    of_rule = {
        rule: Path(path).stem for path, text in texts.items() if path.endswith(".smk") for rule in RULE.findall(text)
    }
    return of_rule, list((parse_yaml(texts.get("dvc.yaml", "")) or {"stages": {}})["stages"])


def block_of(step: str) -> str:
    """The block of the drawing that a step's jobs stand in."""
    return ENCODERS if step in PER_ENCODER else step


def _blocks(records: Mapping[str, dict[str, Any]], steps: Mapping[str, str], order: list[str]) -> dict[str, Block]:
    place = {step: k for k, step in enumerate(order)}
    blocks: dict[str, Block] = {}
    ranked = sorted(records, key=lambda name: (place.get(steps[name], len(place)), list(records).index(name)))
    for name in ranked:
        job, block = records[name]["job"], block_of(steps[name])
        rows = blocks.setdefault(block, Block(block)).rows
        if block == ENCODERS:
            row = next((value for wild, value in job["wildcards"].items() if wild != "fold"), job["rule"])
            label = f"fold {job['wildcards']['fold']}" if "fold" in job["wildcards"] else job["rule"]
        else:
            row, label = "", job["rule"]
        boxes = rows.setdefault(row, [])
        box = next((box for box in boxes if box.label == label), None)
        if box is None:
            boxes.append(box := Box(label))
        box.records.append(name)
    for one in blocks.values():
        for boxes in one.rows.values():
            if one.name == ENCODERS:
                boxes.sort(key=lambda box: (steps[box.records[0]] != PER_ENCODER[0], not box.label.startswith("fold ")))
    return blocks


def _joins(graph: Graph, steps: Mapping[str, str], blocks: dict[str, Block]) -> list[tuple[str, str]]:
    """Which block uses which; sets each block's rank: how many blocks lie before it on the longest way."""
    net = nx.DiGraph()
    net.add_nodes_from(blocks)
    for name in steps:
        for above in graph.above(name):
            if above in steps and block_of(steps[above]) != block_of(steps[name]):
                net.add_edge(block_of(steps[above]), block_of(steps[name]))
    if not nx.is_directed_acyclic_graph(net):  # steps that use each other: draw them in their order
        net = nx.DiGraph([(a, b) for a, b in net.edges if list(blocks).index(a) < list(blocks).index(b)])
    for rank, names in enumerate(nx.topological_generations(net)):
        for name in names:
            blocks[name].rank = rank
    place = {name: k for k, name in enumerate(blocks)}
    return sorted(nx.transitive_reduction(net).edges, key=lambda pair: (place[pair[0]], place[pair[1]]))


def _states(records: Mapping[str, dict[str, Any]], fresh: set[str], findings: list[Finding]) -> dict[str, str]:
    """What each job is shown as: the worst that was found of it, else whether the last run made it."""
    states = {}
    for name, record in records.items():
        known = {key(record), name, f"lineage/records/{name}.json", *(out["path"] for out in record["outputs"])}
        found = {finding.verdict for finding in findings if finding.node in known}
        if record["status"] == "tainted":
            found.add(Verdict.TAINTED)
        worst = next((verdict for verdict in WORST_FIRST if verdict in found), None)
        below = any(key(record) in finding.follows for finding in findings)
        states[name] = worst.value if worst else BELOW if below else EXECUTED if name in fresh else REUSED
    return states
