"""The lineage of a study, or of one of its files, on one page, or as a part of the report."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from blemore.audit.leaks.audit import CLIPS
from blemore.audit.leaks.matrix import SIGNS
from blemore.audit.page import answers
from blemore.audit.page.chain import STATES, Chain, chain
from blemore.audit.page.matrix import trained_on
from blemore.encoders.labels import label
from blemore.report import numbers
from blemore.report.identities import GENERATED, NOBODY, WITHHELD, Identities, read_publications
from blemore.report.numbers import Spot
from blemore.report.policy import inline, policy
from blemore.tables import read_clips
from joblineage.errors import DataError
from joblineage.files import parse_yaml, sha256
from joblineage.graph import Graph
from joblineage.store import Store
from joblineage.verdict import Verdict
from joblineage.verify import Report

FOLDER = Path(__file__).with_name("templates")
PARAMS = "params.yaml"
MEANING = {
    Verdict.OK: "Files, records, code and parameters agree.",
    Verdict.STALE: "Something that went in has changed since: parts would be made again.",
    Verdict.TAMPERED: "A file, a record or a statement about them was changed after it was made.",
    Verdict.MISSING: "Something that the records name is missing here.",
    Verdict.UNRECORDED: "There are files that no job is known to have made.",
    Verdict.TAINTED: "An input changed while a job was reading it.",
    Verdict.LEAK: "A model judged a person, or a clip, that it had been fitted on.",
    Verdict.INCOMPLETE: "A run ended early, or is at work: some parts are still to be made.",
    Verdict.WITHDRAWN: "Something still depends on a person or a clip whose consent was withdrawn.",
}
"""What a verdict says, in a sentence."""


@dataclass(frozen=True)
class Check:
    """A run of `verify`: what it said, and when (UTC, as in a record)."""

    report: Report
    at: str


def page(root: Path, check: Check, artifact: str | None = None, *, inside: bool = False) -> str:
    """HTML of the page about the whole present study, or about the chain of one of its files.

    Parameters
    ----------
    inside : without a page around it, for a report that is being made: the run that makes it is still under way.

    Raises
    ------
    DataError : there are no records, or the page would name somebody whose publication is not recorded.
    """
    template = "content.html.j2" if inside else "page.html.j2"
    store = Store(root)
    shown = chain(store, check.report.findings, artifact, under_way=inside)
    if not shown.records:
        advice = "no record to show: `snakemake submission` makes them, `dvc pull` brings them"
        raise DataError(str(store.folder), [advice])
    params = _params(store)
    clips = _clips(root, shown)
    who, scrub = _names(params, clips, root)
    facts = answers.answers(store, shown, params, clips)
    own = inline([Path(numbers.__file__).with_name("templates"), FOLDER])
    html = _environment(scrub).get_template(template).render(
        inline=own,
        policy=policy(own),
        facts=Spot(answers.FILE, facts),
        block=facts,
        params=Spot(PARAMS, params),
        check=check,
        said=check.report.verdict.value,
        meaning=MEANING[check.report.verdict],
        trained_on=trained_on(Graph(store), artifact, who.hides) if clips is not None else None,
        signs=SIGNS,
        generated=params["dataset"] == GENERATED,
        artifact=artifact,
        inside=inside,
        blocks=shown.blocks,
        states=[state for state in STATES if state in shown.states.values()],
        records={name: answers.shown(store, shown, name) for name in shown.records},
    )  # fmt: skip
    who.check(html)
    return html


def _params(store: Store) -> dict[str, Any]:
    """The parameters of the study whose records these are."""
    kept = store.last_run["study"].get(PARAMS) if store.last_run and not store.pending else None
    if kept and store.has(kept):
        return dict(parse_yaml(store.get(kept)))
    return dict(parse_yaml((store.root / PARAMS).read_text("utf-8")))


def _clips(root: Path, shown: Chain) -> pd.DataFrame | None:
    """The clips table, if it is there and is the one that the records speak of."""
    maker = shown.made.get(CLIPS)
    known = {out["path"]: out["sha256"] for out in shown.records[maker]["outputs"]} if maker else {}
    path = root / CLIPS
    return read_clips(path) if path.is_file() and known.get(CLIPS) == sha256(path) else None


def _names(params: dict[str, Any], clips: pd.DataFrame | None, root: Path) -> tuple[Identities, Callable[[str], str]]:
    """Whose name the page may show, and what takes the other names, and those of raw files, out of a text.

    The rule of the report (`report.identities`), without its neutral numbers: persons who stay unnamed are counted
    together. A row each, with the folds that they were trained and judged in, would tell more than the report does.
    """
    if params["dataset"] == GENERATED:
        return Identities({}, frozenset()), lambda text: text
    persons = set() if clips is None else set(clips.loc[clips["split"] == "train", "person"])
    published = (params.get("report") or {}).get("publication_list")
    listed = {row["person"] for row in read_publications(root / published)} if published else set()
    who = Identities(dict.fromkeys(sorted(persons - listed), NOBODY), frozenset())
    raw = re.compile(rf"(data/{re.escape(params['dataset'])}/)[^\s\"'<>,;:]+")
    return who, lambda text: who.scrub(raw.sub(rf"\1{WITHHELD}", text))


def _environment(scrub: Callable[[str], str]) -> jinja2.Environment:
    environment = numbers.environment(jinja2.FileSystemLoader(FOLDER))
    environment.filters.update(scrub=scrub, moment=moment, span=span, size=size, label=label)
    return environment


def moment(time: str | None) -> str:
    """A record's time as people read it: "2026-11-25 12:00:31 UTC"."""
    return f"{time[:10]} {time[11:19]} UTC" if time else "unknown"


def span(seconds: float) -> str:
    """A duration in words: "42.1 s", "3 min 20 s", "5 h 12 min"."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def size(count: int) -> str:
    """A file's size in words: "912 B", "23.3 kB", "5.1 MB"."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} B"
