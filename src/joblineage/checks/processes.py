"""What reached the jobs of this study besides the inputs of their rules: foreign code, variables, files of caches."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from joblineage.checks.content import sums
from joblineage.graph import Graph
from joblineage.isolation import strangers
from joblineage.store import Document, key
from joblineage.variables import unusual
from joblineage.verdict import Finding, Verdict


def check(graph: Graph, chain: Iterable[str]) -> tuple[list[Finding], list[str]]:
    """Findings on code that no list names; notes on variables and caches. Older records say nothing of these."""
    root, study = graph.store.root, graph.store.study
    records = [graph.records[name] for name in chain]
    findings = [Finding(Verdict.UNRECORDED, path, why) for path, why in strangers(root, study).items()]
    for (file, why), jobs in _jobs(records, _foreign).items():
        what = f"{why}, and loaded by {_named(jobs)}: remove what that made, and run again without this file"
        findings.append(Finding(Verdict.UNRECORDED, file, what, tuple(jobs)))
    set_ = _jobs(records, lambda record: unusual(record["determinism"].get("variables", {}), study.variables))
    notes = [f"{word} was set, which may change numbers or code: {_named(jobs)}" for word, jobs in set_.items()]
    return findings, [*notes, *_caches(graph, records)]


def _foreign(record: Document) -> list[tuple[str, str]]:
    return [(module["file"], module["why"]) for module in record.get("foreign", [])]


def _jobs(records: Iterable[Document], said: Callable[[Document], Iterable[Any]]) -> dict[Any, list[str]]:
    """{what: names of the jobs it is about}, sorted."""
    jobs: dict[Any, list[str]] = {}
    for record in records:
        for sentence in said(record):
            jobs.setdefault(sentence, []).append(key(record))
    return {sentence: sorted(jobs[sentence]) for sentence in sorted(jobs)}


def _named(jobs: list[str]) -> str:
    return jobs[0] if len(jobs) == 1 else f"{jobs[0]} and {len(jobs) - 1} more"


def _caches(graph: Graph, records: Iterable[Document]) -> list[str]:
    """Files of caches that are other ones than those that went into the results. Most are gone, as they may be."""
    store = graph.store
    taken: dict[str, str] = {}
    for name in sorted({record["taken"] for record in records if record.get("taken")}):
        with suppress(OSError, ValueError, KeyError, TypeError):  # named by `structure`
            taken |= {str(file["path"]): file["sha256"] for file in store.get_json(name)}
    now, *_ = sums(store.root, taken, deep=False)
    other = [path for path, sha256 in sorted(taken.items()) if now.get(path) not in (None, sha256)]
    return [f"{len(other)} files of caches are not those that were taken: {other[0]}, ..."] if other else []
