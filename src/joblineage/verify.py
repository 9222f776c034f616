"""Is this study what its records say? Every level of the audit, one verdict, the first bad node named."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from joblineage import capture
from joblineage.checks import claims, complete, content, places, staleness, structure
from joblineage.errors import DataError
from joblineage.files import parse_yaml
from joblineage.graph import Graph
from joblineage.planned import study_at_work
from joblineage.store import FOLDER, Store, key
from joblineage.study import Study
from joblineage.verdict import WORST_FIRST, Finding, Verdict, worst


@dataclass(frozen=True)
class Report:
    """What verification found.

    findings : worst first, then upstream before downstream; empty: all is as recorded.
    notes : what is no fault: another environment, files in the private store, what could not be compared.
    checked : {"records", "files", "bytes"}: how much was looked at.
    level : "status" (files known by their status where unchanged) or "deep" (every byte read).
    """

    findings: list[Finding]
    notes: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=lambda: {"records": 0, "files": 0, "bytes": 0})
    level: str = "status"

    @property
    def verdict(self) -> Verdict:
        """The worst verdict found."""
        return worst(self.findings)

    def refuse(self, done: str, workspace: Path) -> None:
        """Raise a DataError that names the first finding, if any: with it nothing is "signed" or "exported"."""
        if self.findings:
            first = self.findings[0]
            raise DataError(str(workspace), [f"not {done}: {first.verdict.value} {first.node}: {first.what}"])


def verify(
    store: Store,
    artifact: str | None = None,
    *,
    deep: bool = False,
    key_file: Path | None = None,
    plan: bool | None = None,
) -> Report:
    """Check the whole study, or the chain that one of its files came from.

    Parameters
    ----------
    store : the study's records.
    artifact : a path below the study's folder.
    deep : read every byte instead of trusting the files' status.
    key_file : public key (PEM) with which the last run must be signed.
    plan : whether Snakemake may be asked which jobs an edit concerns, which executes the study's Snakefile; None: where
        code of the study is at work anyway (`planned.study_at_work`).

    Raises
    ------
    DataError : there are no records, or none of `artifact`.
    """
    root, study = store.root, store.study
    if not store.records:
        raise DataError(str(store.folder), [f"no lineage records: run `snakemake {study.target}` first, or `dvc pull`"])
    graph = Graph(store)
    if artifact is not None and artifact not in store.makers:
        if (root / artifact).exists():
            return Report([Finding(Verdict.UNRECORDED, artifact, "no record made this file")])
        raise DataError(artifact, ["no such file, and no record made one of this name"])
    chain = set(graph.chain(artifact)) if artifact else set(graph.records)

    away = not_here(root, study)
    paths = {file["path"] for name in chain for side in ("inputs", "outputs") for file in graph.records[name][side]}
    found, read = content.sums(root, paths, deep=deep)
    bad, absent = content.outputs(graph, found, away, chain)
    findings = [*structure.check(store), *bad, *content.inputs(graph, found, away, chain)]
    findings += places.strangers(store) if artifact is None else []
    findings += claims.snakemake(root, graph, chain)
    notes = complete.unnamed(store)
    for bad, more in (
        staleness.check(graph, chain, artifact, ask=study_at_work(root) if plan is None else plan),
        claims.dvc(store),
        claims.git(root, graph, chain),
    ):
        findings += bad
        notes += more
    notes += environments(graph, chain)
    if absent:
        notes.append(f"{len(absent)} files are not here (they lie in the private store): {absent[0]}, ...")
    if key_file is not None:
        from joblineage import signing

        findings += signing.check(store, key_file)
    for checker in study.checkers:
        bad, more = checker(root, graph, chain, artifact, findings)
        findings += bad
        notes += more
    checked = {"records": len(chain), "files": len(paths) - len(absent), "bytes": read}
    return Report(_sorted(findings, graph), notes, checked, "deep" if deep else "status")


def not_here(root: Path, study: Study) -> list[str]:
    """Outputs of dvc.yaml that go to the private store and are not in this workspace.

    None where only some of them are missing, unless the parameters say that they are absent: a clone without that store has none.
    """
    try:
        params = parse_yaml((root / study.settings).read_text())
        stages = dvc_stages(root, params)
    except (OSError, yaml.YAMLError, KeyError):
        return []
    outs = [next(iter(out.items())) for stage in stages.values() for out in stage["outs"] if isinstance(out, dict)]
    private = [path for path, options in outs if options.get("remote") == "private"]
    away = [path for path in private if not (root / path).exists()]
    return away if away == private or study.absent(params) else []


def dvc_stages(root: Path, params: Mapping[str, Any]) -> dict[str, Any]:
    """The stages of dvc.yaml, "${name}" filled in from the parameters' top level."""
    text = re.sub(r"\$\{(\w+)\}", lambda found: str(params[found[1]]), (root / "dvc.yaml").read_text())
    return dict(parse_yaml(text)["stages"])


def environments(graph: Graph, chain: set[str]) -> list[str]:
    """What differs between the records' environments and this one: no fault, but bytes may differ when rerun."""
    here, cpu = capture.surroundings(), capture.hardware()["cpu"]
    notes = []
    for name in sorted({graph.records[name]["environment"] for name in chain}):
        try:
            about = graph.store.get_json(name)
            then, now = about["packages"], here["packages"]
            differing = [package for package, version in then.items() if now.get(package) != version]
            added = now.keys() - then.keys()
            parts = [part for part in ("python", "system") if about[part] != here[part]]
            others = [f"{part} {about[part]} (here {here[part]})" for part in parts]
        except (FileNotFoundError, ValueError, KeyError, AttributeError, TypeError):
            continue  # named by `structure`
        if differing:
            others.append(f"{len(differing)} packages in other versions ({differing[0]}, ...)")
        if added:
            others.append(f"{len(added)} packages fewer than here")
        if others:
            notes.append(f"other environment: made with {', '.join(others)}")
        if about["differs_from_lock"]:
            notes.append(f"environment not as locked: {', '.join(about['differs_from_lock'])}")
    for other in sorted({graph.records[name]["hardware"]["cpu"] for name in chain} - {cpu}):
        notes.append(f"other environment: made on {other}, here {cpu}")
    return notes


def _sorted(findings: list[Finding], graph: Graph) -> list[Finding]:
    """Each finding once, with what follows from it; the worst verdict first, then upstream before downstream; dvc.lock last."""
    jobs = {key(one): name for name, one in graph.records.items()}
    made_by = jobs | graph.store.makers
    order = {name: number for number, name in enumerate(graph.ordered(graph.records))}

    def start(finding: Finding) -> list[str]:
        """Records that the finding strikes first."""
        path = finding.node.removeprefix(f"{claims.METADATA} of ")
        record = path.removeprefix(f"{FOLDER}/records/").removesuffix(".json")
        known = made_by.get(path, record)
        if known in graph.records:
            return [known]
        return graph.readers.get(path) or [jobs[name] for name in finding.follows]

    @cache
    def after(name: str) -> set[str]:
        return {name, *graph.after(name)}

    placed = []
    for finding in {(one.node, one.verdict): one for one in reversed(findings)}.values():  # the first of its kind
        struck, node = start(finding), finding.node
        later = sorted({one for name in struck for one in after(name)}, key=order.__getitem__)
        names = tuple(key(graph.records[name]) for name in later if key(graph.records[name]) != node)
        unplaced = len(order) if node == "dvc.lock" else -1  # what it claims follows from the rest
        place = min((order[name] for name in struck), default=unplaced)
        where = (place, not node.startswith(FOLDER), node.startswith(claims.METADATA), node)
        placed.append((WORST_FIRST.index(finding.verdict), where, replace(finding, follows=names)))
    return [finding for *_, finding in sorted(placed, key=lambda one: one[:2])]
