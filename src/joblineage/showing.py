"""The chain of an artifact: what made it, and what made what that was made from, as a tree or as JSON."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from joblineage.finding import Artifact
from joblineage.graph import Descent, reached
from joblineage.record import LOGIC
from joblineage.store import Store, key

if TYPE_CHECKING:
    from rich.tree import Tree

FEW = 3
"""So many files of a folder are named; more are counted."""
SHORT = 6
"""So many parameters are shown of a job, and so many jobs named that are shown elsewhere."""


def as_dict(artifact: Artifact, store: Store, depth: int | None = None) -> dict[str, Any]:
    """The chain as JSON knows it, {artifact, record, jobs}: each job once, nearest first, with `depth` (steps above the
    artifact), `above` (ids) and `raw` (inputs that no record made, source files left out).

    Parameters
    ----------
    depth : jobs above the artifact's own that are followed; None for all.
    """
    descent = Descent(store)
    depths = _depths(artifact.record, descent, depth)
    jobs = [{"depth": depths[name], **_job(name, descent)} for name in depths]
    return {"artifact": _made(artifact, store), "record": artifact.record, "jobs": jobs}


def _depths(name: str, descent: Descent, depth: int | None) -> dict[str, int]:
    """{id: steps above record `name`}, nearest first."""
    steps = reached([name], lambda below: descent.above(descent.store.records[below]))
    return {ancestor: far for ancestor, far in steps.items() if depth is None or far <= depth}


def _made(artifact: Artifact, store: Store) -> dict[str, Any] | None:
    return next((out for out in store.records[artifact.record]["outputs"] if out["path"] == artifact.path), None)


def _job(name: str, descent: Descent) -> dict[str, Any]:
    record = descent.store.records[name]
    return {
        "id": name,
        "key": key(record),
        **{part: record[part] for part in ("job", "status", "time", "seeds", "model", "code", "changed_inputs")},
        "params": record["params"]["values"],
        "outputs": record["outputs"],
        "above": descent.above(record),
        "raw": raw(record, descent),
    }


def raw(record: Mapping[str, Any], descent: Descent) -> list[dict[str, Any]]:
    """Inputs of a record that no record made, source files left out."""
    data = (input_ for input_ in record["inputs"] if input_["role"] not in LOGIC)
    return [entry for entry in data if descent.maker(entry["path"], entry["sha256"]) is None]


def tree(artifact: Artifact, store: Store, depth: int | None = None) -> "Tree":
    """The chain as a tree: a job that occurs twice is shown where it is nearest to the artifact."""
    from rich.text import Text
    from rich.tree import Tree

    descent = Descent(store)
    depths = _depths(artifact.record, descent, depth)
    shown: set[str] = set()

    def grow(parent: Tree, name: str) -> None:
        shown.add(name)
        record = store.records[name]
        label = Text(title(record), "bold")
        label.append("".join(f"\n{line}" for line in about(name, record)), "not bold")
        if record["status"] != "ok":
            changed = ", ".join(input_["path"] for input_ in record["changed_inputs"])
            label.append(f"\n{record['status'].upper()}: changed while it worked: {changed}", "bold red")
        branch = parent.add(label)
        above, inputs = descent.above(record), list(folded(raw(record, descent), store))
        if depths[name] == depth:
            if above or inputs:
                branch.add(Text(f"... {len(above)} jobs above, {len(inputs)} raw inputs", "dim"))
            return
        elsewhere = []
        for ancestor in above:
            if ancestor in shown or depths[ancestor] != depths[name] + 1:
                elsewhere.append(title(store.records[ancestor]))
            else:
                grow(branch, ancestor)
        if elsewhere:
            rest = f" and {len(elsewhere) - SHORT} more" if len(elsewhere) > SHORT else ""
            branch.add(Text(f"and, shown elsewhere: {', '.join(elsewhere[:SHORT])}{rest}", "dim"))
        for input_ in inputs:
            branch.add(Text(input_, "green"))

    said = title(store.records[artifact.record])
    if output := _made(artifact, store):
        said = f"{output['path']} ({output['size']} bytes, sha256 {output['sha256'][:16]})"
    root = Tree(Text(said, "bold"))
    grow(root, artifact.record)
    return root


def title(record: Mapping[str, Any]) -> str:
    """Rule and wildcards of a record: "count text=a part=0"."""
    return key(record).replace("/", " ")


def about(name: str, record: Mapping[str, Any]) -> Iterator[str]:
    """What a reader wants to know of a job, two or three lines."""
    time, code = record["time"], record["code"]
    commit = f"commit {code['commit'][:8]}" if code["commit"] else "no commit"
    dirty = f" + {len(code['dirty'])} changed file{'s'[: len(code['dirty']) != 1]}" if code["dirty"] else ""
    yield f"{time['start'][:19].replace('T', ' ')} UTC, {time['seconds']:.1f} s, {commit}{dirty}, record {name[:12]}"
    values = list(leaves(record["params"]["values"]))
    tops = {where.partition(".")[0] for where, _ in values}
    if len(tops) == 1 and all("." in where for where, _ in values):
        values = [(where.partition(".")[2], value) for where, value in values]
    shown = [f"{where} {value}" for where, value in values[:SHORT]]
    shown += [f"{len(values) - SHORT} more"] if len(values) > SHORT else []
    seeds = [f"{where} {seed}" for where, seed in sorted(record["seeds"].items())]
    if shown or seeds:
        yield "; ".join(", ".join(part) for part in (shown, seeds) if part)
    if model := record["model"]:
        files = ", ".join(f"{PurePosixPath(file['path']).name} {file['sha256'][:8]}" for file in model["files"])
        yield f"checkpoint {model['checkpoint']}, revision {model['revision']}, {files or 'files unknown'}"


def leaves(values: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value in short) of nested parameters; seeds, names and checkpoints stand elsewhere."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{where}{name}.")
        elif name not in ("seed", "name", "checkpoint", "revision"):
            text = f"[{len(value)}]" if isinstance(value, list) and len(str(value)) > 40 else str(value)
            yield f"{where}{name}", text if len(text) <= 40 else f"{text[:12]}..."


def folded(files: list[dict[str, Any]], store: Store) -> Iterator[str]:
    """Raw inputs in words: by name where a folder holds few of a role, else counted."""
    groups = defaultdict(list)
    for file in files:
        groups[file["role"], str(PurePosixPath(file["path"]).parent)].append(file)
    for (role, folder), many in sorted(groups.items()):
        if len(many) > FEW:
            yield f"{len(many)} {role} in {folder}/ ({sum(entry['size'] for entry in many) / 2**20:.1f} MiB, raw)"
            continue
        for entry in many:
            changed = "not as its job left it" if entry["path"] in store.makers else "raw"
            yield f"{entry['path']} ({changed}, sha256 {entry['sha256'][:8]})"
