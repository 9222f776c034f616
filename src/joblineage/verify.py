"""Is this study what its records say? Every level of the audit, one verdict, the first bad node named."""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from joblineage import capture, present
from joblineage.checks import commits, complete, endings, lock, metadata, places, processes, staleness, structure
from joblineage.errors import DataError
from joblineage.graph import Graph
from joblineage.planned import study_at_work
from joblineage.store import FOLDER, Store, key
from joblineage.verdict import WORST_FIRST, Finding, Verdict, worst
from joblineage.workspace import METADATA


@dataclass(frozen=True)
class Report:
    """What verification found.

    Parameters
    ----------
    findings : list of Finding
        Worst first, then upstream before downstream; empty: all is as recorded.
    notes : list of str
        What is no fault: another environment, files in the private store, what could not be compared.
    checked : dict of str to int
        "records", "files", "bytes": how much was looked at.
    level : {"status", "deep"}
        Files known by their status where unchanged, or every byte read.
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
        """Raise an error that names the first finding, if there is any.

        Parameters
        ----------
        done : str
            What is not done then: "signed", "exported".
        workspace : Path
            The study's folder.

        Raises
        ------
        DataError
            There is a finding.
        """
        if self.findings:
            first = self.findings[0]
            raise DataError(str(workspace), [f"not {done}: {first.verdict.value} {first.node}: {first.what}"])


def verify(
    store: Store,
    artifact: str | None = None,
    *,
    deep: bool = False,
    cache: bool = False,
    key_file: Path | None = None,
    plan: bool | None = None,
) -> Report:
    """Check the whole study, or the chain that one of its files came from.

    Parameters
    ----------
    store : Store
        The study's records.
    artifact : str or None
        A path below the study's folder.
    deep : bool
        Whether to read every byte instead of trusting the files' status.
    cache : bool
        Whether to read every object of DVC's local cache too.
    key_file : Path or None
        Public key (PEM) with which the last run must be signed.
    plan : bool or None
        Whether Snakemake may be asked which jobs an edit concerns, which executes the study's Snakefile; None: where
        code of the study is at work anyway (`planned.study_at_work`).

    Returns
    -------
    Report
        Findings, notes, and how much was looked at.

    Raises
    ------
    DataError
        There are no records, or none of `artifact`.
    """
    # 1. The records to look at: all, or the chain of one file.
    root, study = store.root, store.study
    if not (store.records or store.broken or store.runs):
        raise DataError(str(store.folder), [f"no lineage records: run `snakemake {study.target}` first, or `dvc pull`"])
    graph = Graph(store)
    if artifact is not None and artifact not in store.makers:
        if (root / artifact).exists():
            return Report([Finding(Verdict.UNRECORDED, artifact, "no record made this file")])
        raise DataError(artifact, ["no such file, and no record made one of this name"])
    chain = set(graph.chain(artifact)) if artifact else set(graph.records)

    # 2. What lies here against what the records say; and whether the records fit each other.
    now = present.compare(store, chain if artifact else None, deep=deep)
    changed = [
        difference for difference in now.differences if difference.kind is not present.Kind.FOREIGN
    ]  # `places` looks closer
    records = structure.check(store)
    findings = [*records, *present.findings(store, changed)]
    notes = [*now.notes, *complete.unnamed(store)]
    # 3. Everything else that tells of the study: strange files, stale code and parameters, how runs ended, Snakemake's
    # metadata, dvc.lock, git, and the code that each job's process loaded.
    for bad, more in (
        places.strangers(store) if artifact is None else ([], []),
        staleness.check(graph, chain, artifact, ask=study_at_work(root) if plan is None else plan),
        endings.check(store) if artifact is None else ([], []),
        metadata.check(root, graph, chain, now.sums),
        lock.check(store, whole=not records),
        commits.check(root, graph, chain),
        (commits.strange(store) if artifact is None else [], []),
        processes.check(graph, chain),
    ):
        findings += bad
        notes += more
    # 4. What a run that ended early explains is named so; another environment is a note.
    findings = endings.explained(findings, store)
    notes += environments(graph, chain)
    if now.absent:
        notes.append(f"{len(now.absent)} files are not here (they lie in the private store): {now.absent[0]}, ...")
    # 5. What was asked for besides: DVC's cache, a signature, the project's own checkers.
    if cache:
        stored, more = lock.stored(store)
        findings += stored
        notes += more
    if key_file is not None:
        from joblineage import signing

        findings += signing.check(store, key_file)
    for checker in study.checkers:
        bad, more = checker(root, graph, chain, artifact, findings)
        findings += bad
        notes += more
    # 6. One report, the worst first.
    checked = {"records": len(chain), "files": now.files, "bytes": now.read}
    return Report(_sorted(findings, graph), notes, checked, "deep" if deep else "status")


def environments(graph: Graph, chain: set[str]) -> list[str]:
    """What differs between the records' environments and this one: no fault, but bytes may differ when rerun.

    Parameters
    ----------
    graph : Graph
        The records and what they read and made.
    chain : set of str
        Ids of the records to look at.

    Returns
    -------
    list of str
        Notes, in sentences.
    """
    here, cpu = capture.surroundings(), capture.hardware()["cpu"]
    notes = []
    for name in sorted({graph.records[name]["environment"] for name in chain}):
        try:
            about = graph.store.get_json(name)
            then, now = about["packages"], here["packages"]
            differing = [package for package, version in then.items() if now.get(package) != version]
            other_files = capture.edited(about, here)
            added = now.keys() - then.keys()
            parts = [part for part in ("python", "system") if about[part] != here[part]]
            others = [f"{part} {about[part]} (here {here[part]})" for part in parts]
            lock = sorted(about["differs_from_lock"])
        except (FileNotFoundError, ValueError, KeyError, AttributeError, TypeError):
            continue  # named by `structure`
        if differing:
            others.append(f"{len(differing)} packages in other versions ({differing[0]}, ...)")
        if other_files:
            others.append(f"{len(other_files)} packages of the same version with other files ({other_files[0]}, ...)")
        if added:
            others.append(f"{len(added)} packages fewer than here")
        if others:
            notes.append(f"other environment: made with {', '.join(others)}")
        if lock:
            notes.append(f"environment not as locked: {', '.join(lock)}")
    for other in sorted({graph.records[name]["hardware"]["cpu"] for name in chain} - {cpu}):
        notes.append(f"other environment: made on {other}, here {cpu}")
    return list(dict.fromkeys(notes))  # two may differ in the lock file alone


def _sorted(findings: list[Finding], graph: Graph) -> list[Finding]:
    """Each finding once, with what follows from it; the worst verdict first, then upstream before downstream; dvc.lock last."""
    jobs = {key(record): name for name, record in graph.records.items()}
    made_by = jobs | graph.store.makers
    order = {name: number for number, name in enumerate(graph.ordered(graph.records))}

    def start(finding: Finding) -> list[str]:
        """Records that the finding strikes first."""
        path = finding.node.removeprefix(f"{METADATA} of ")
        record = path.removeprefix(f"{FOLDER}/records/").removesuffix(".json")
        known = made_by.get(path, record)
        if known in graph.records:
            return [known]
        return graph.readers.get(path) or [jobs[name] for name in finding.follows]

    @cache
    def after(name: str) -> set[str]:
        return {name, *graph.after(name)}

    placed = []
    for finding in {
        (finding.node, finding.verdict): finding for finding in reversed(findings)
    }.values():  # the first of its kind
        struck, node = start(finding), finding.node
        later = sorted({job for name in struck for job in after(name)}, key=order.__getitem__)
        names = tuple(key(graph.records[name]) for name in later if key(graph.records[name]) != node)
        unplaced = len(order) if node == "dvc.lock" else -1  # what it claims follows from the rest
        place = min((order[name] for name in struck), default=unplaced)
        where = (place, not node.startswith(FOLDER), node.startswith(METADATA), node)
        placed.append((WORST_FIRST.index(finding.verdict), where, replace(finding, follows=names)))
    return [finding for *_, finding in sorted(placed, key=lambda placed_finding: placed_finding[:2])]
