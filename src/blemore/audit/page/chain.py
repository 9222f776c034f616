"""The jobs that the page tells of, and how they fold: steps, in each a box per rule, encoders as rows with a box per fold."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blemore.planning.steps import RULE
from joblineage.files import parse_yaml
from joblineage.graph import Graph
from joblineage.store import Store, key
from joblineage.verdict import WORST_FIRST, Finding, Verdict

EXECUTED, REUSED = "executed", "reused"
BELOW = "below"
"""State of a job that is sound itself but used what is not."""
STATES = (*(verdict.value for verdict in WORST_FIRST[:-1]), BELOW, EXECUTED, REUSED)
"""States of jobs, the worst first."""
ENCODERS = "encoders"
"""The steps that work encoder by encoder are one block of the chain."""
PER_ENCODER = ("embed", "encode")
OTHER = "other"


@dataclass
class Box:
    """The jobs of a rule, or an encoder's job for a fold. state : their worst; reused only where all of them are."""

    label: str
    state: str = REUSED
    records: list[str] = field(default_factory=list)


@dataclass
class Block:
    """A step: its boxes by row, then by label; rows have names only where encoders are distinguished.

    uses : names of the blocks that made what its jobs read.
    """

    name: str
    rows: dict[str, dict[str, Box]] = field(default_factory=lambda: defaultdict(dict))
    uses: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Chain:
    """Records in an order in which makers stand before readers.

    records : {id: record}; made : {path: id}; steps : {id: step}; states : {id: one of STATES};
    fresh : ids of those that the last run made, or the one that is under way; blocks : in the steps' order.
    """

    records: dict[str, dict[str, Any]]
    made: dict[str, str]
    steps: dict[str, str]
    states: dict[str, str]
    fresh: set[str]
    blocks: list[Block]


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
        names = graph.ordered(graph.records)
    else:
        names = graph.chain(artifact) if artifact in store.makers else []
    records = {name: graph.records[name] for name in names}
    makers = {out["path"]: name for name, record in records.items() for out in record["outputs"]}
    of_rule, order = _study_steps(store)
    steps = {name: of_rule.get(record["job"]["rule"], OTHER) for name, record in records.items()}
    fresh = set(store.pending)
    if not fresh and not under_way and store.last_run:
        fresh = set(store.last_run["executed"])
    states = _states(records, fresh, list(findings))
    return Chain(records, makers, steps, states, fresh & set(records), _blocks(graph, steps, states, order))


def _study_steps(store: Store) -> tuple[dict[str, str], list[str]]:
    """{rule: step} and the steps' order, of the study as the last run had it: a step is a file of rules and a stage."""
    kept = store.last_run["study"] if store.last_run else {}
    texts = {path: store.get(name).decode() for path, name in kept.items() if store.has(name)}
    if store.pending or "dvc.yaml" not in texts:  # a run under way: the files as they are
        there = [Path("dvc.yaml"), *sorted(path.relative_to(store.root) for path in store.root.glob("rules/*.smk"))]
        texts = {
            path.as_posix(): (store.root / path).read_text("utf-8") for path in there if (store.root / path).is_file()
        }
    of_rule = {
        rule: Path(path).stem for path, text in texts.items() if path.endswith(".smk") for rule in RULE.findall(text)
    }
    return of_rule, list((parse_yaml(texts.get("dvc.yaml", "")) or {"stages": {}})["stages"])


def _blocks(graph: Graph, steps: Mapping[str, str], states: Mapping[str, str], order: list[str]) -> list[Block]:
    place = {step: k for k, step in enumerate(order)}
    of = {name: ENCODERS if step in PER_ENCODER else step for name, step in steps.items()}
    blocks: dict[str, Block] = {}
    for name in sorted(steps, key=lambda job: place.get(steps[job], len(place))):
        job, row = graph.records[name]["job"], ""
        label = job["rule"]
        if of[name] == ENCODERS:
            row = next((value for wild, value in job["wildcards"].items() if wild != "fold"), label)
            label = f"fold {job['wildcards']['fold']}" if "fold" in job["wildcards"] else label
        box = blocks.setdefault(of[name], Block(of[name])).rows[row].setdefault(label, Box(label))
        box.records.append(name)
        box.state = min(box.state, states[name], key=STATES.index)
    for block in blocks.values():
        used = {of[above] for name in steps if of[name] == block.name for above in graph.above(name)}
        block.uses = [other for other in blocks if other in used and other != block.name]
    return list(blocks.values())


def _states(records: Mapping[str, dict[str, Any]], fresh: set[str], findings: list[Finding]) -> dict[str, str]:
    """What each job is shown as: the worst that was found of it, else whether the last run made it."""
    states = {}
    for name, record in records.items():
        known = {key(record), name, f"lineage/records/{name}.json", *(out["path"] for out in record["outputs"])}
        verdicts = {finding.verdict for finding in findings if finding.node in known}
        if record["status"] == "tainted":
            verdicts.add(Verdict.TAINTED)
        worst = next((verdict for verdict in WORST_FIRST if verdict in verdicts), None)
        below = any(key(record) in finding.follows for finding in findings)
        states[name] = worst.value if worst else BELOW if below else EXECUTED if name in fresh else REUSED
    return states
