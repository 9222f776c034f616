"""Import the challenge's data from what was downloaded: found by name, sorted, copied whole, checked.

Running it again is always safe: what is already there and equal is kept, what a killed run left half-written is
removed, and a file that differs is refused unless it is to be replaced.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from rich.progress import track

from blemore.datasets.completeness import BLEMORE, Completeness, Published, check_data, some
from blemore.datasets.names import TEST_NAME, parse_name
from blemore.datasets.roster import METADATA
from blemore.datasets.sources import CHUNK, Source, UnreadableError, file_source, find_files, need_space
from blemore.datasets.template import MOST_BYTES, TEMPLATE, is_written_here
from blemore.datasets.withdrawn import NOBODY, Withdrawn
from blemore.scoring.reading import once
from joblineage.errors import refuse
from joblineage.files import close, whole_file
from joblineage.telling import plain_console

SPARE = ".import"
"""Folder below the root for zips unpacked out of zips, gone after the import."""


@dataclass
class Imported:
    """What an import did."""

    root: str
    new: int = 0  # files that were not there before
    linked: int = 0  # of those, hard links instead of copies
    replaced: int = 0
    kept: int = 0  # already there and equal
    bytes: int = 0  # written
    ignored: list[str] = field(default_factory=list)  # found, but none of the challenge's files
    withdrawn: list[str] = field(default_factory=list)  # clips left out because consent was withdrawn
    broken: list[str] = field(default_factory=list)  # could not be read; all others were imported
    notes: list[str] = field(default_factory=list)
    check: Completeness = field(default_factory=Completeness)

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Name a file that proves unreadable, and go on with the others."""
        try:
            yield
        except UnreadableError as error:
            self.broken.append(str(error))

    @property
    def complete(self) -> bool:
        return self.check.complete and not self.broken

    def lines(self) -> list[str]:
        """The report in sentences."""
        written = f"{self.new} new ({self.linked} of them linked), {self.replaced} replaced, {self.kept} already there"
        lines = [f"Imported into {self.root}: {written}; {self.bytes / 1e9:.2f} GB written."]
        if self.ignored:
            lines.append(f"Ignored, {len(self.ignored)} (none of the challenge's files): {some(self.ignored)}")
        if self.withdrawn:
            lines.append(f"Left out, {len(self.withdrawn)} (consent withdrawn): {some(self.withdrawn)}")
        lines += [f"Broken: {fault}" for fault in self.broken] + [f"Note: {note}" for note in self.notes]
        return lines + self.check.lines()


def import_data(
    paths: list[Path],
    root: Path,
    *,
    link: bool = False,
    replace: bool = False,
    published: Published = BLEMORE,
    withdrawn: Withdrawn = NOBODY,
    show_progress: bool = False,
) -> Imported:
    """Bring clips and tables from folders and zips into root/train, root/test and root.

    Parameters
    ----------
    paths : zips and folders as downloaded, in whatever layout.
    root : folder of the data set; made if needed.
    link : hard-link clips that lie unpacked on the same disk instead of copying them.
    replace : replace files that are there but differ.
    published : sizes of the record to compare with.
    withdrawn : whose clips, and rows of the metadata, are left out, whatever their files are called.

    Raises
    ------
    DataError : before anything is written, every fault: a path that is not there, a damaged or locked zip, two
        different files of one name, a file that is there but differs, too little room. A file that cannot be read, or not
        be linked, is named in the report instead; everything else is imported.
    """
    root = Path(root)
    _remove_leftovers(root)
    report = Imported(str(root))
    with find_files(paths, root / SPARE) as sources:
        chosen, report.ignored = _choose(sources)
        chosen = _without(chosen, withdrawn, report)
        to_write = _plan(chosen, root, replace, report, show_progress)
        need_space(root, sum(source.size for source in to_write.values() if not (link and source.path)))
        if to_write:
            root.mkdir(parents=True, exist_ok=True)
            report.notes = close([root], like=root.parent)
        for target, source in _shown(to_write, "Importing", show_progress):
            with report.naming():
                if withdrawn.sha256 and target.suffix == ".mov" and source.sha256 in withdrawn.sha256:
                    report.withdrawn.append(source.shown)
                else:
                    _write(source, target, link, report)
    report.check = check_data(root, published, withdrawn)
    return report


def _shown(sources: dict[Any, Source], doing: str, show_progress: bool) -> Iterable[tuple[Any, Source]]:
    """(place, source) one after the other, with a bar for people."""
    return track(sources.items(), doing, console=plain_console(stderr=True), disable=not show_progress)


def _place(name: str) -> str | None:
    """Where a file belongs below root; None for what is none of the challenge's files."""
    if name.lower() in (METADATA, TEMPLATE):
        return name.lower()
    clip, extension = os.path.splitext(name)
    if extension.lower() != ".mov":
        return None
    if TEST_NAME.fullmatch(clip):
        return f"test/{clip}.mov"
    try:
        parse_name(clip)
    except ValueError:
        return None
    return f"train/{clip}.mov"


def _choose(sources: list[Source]) -> tuple[dict[str, Source], list[str]]:
    """One source for each place below root, and what was ignored. Different files for one place are refused."""
    chosen: dict[str, Source] = {}
    ignored, faults, submissions = [], [], []
    for source in sources:
        place = _place(source.name)
        if place == TEMPLATE and _is_submission(source):
            submissions.append(source.shown)
        elif place is None:
            ignored.append(source.shown)
        elif place not in chosen:
            chosen[place] = source
        else:
            try:
                if not source.same_as(chosen[place]):
                    two = f"{chosen[place].shown} and {source.shown}"
                    faults.append(f"{place}: two different files on offer, {two}; give one")
            except UnreadableError as error:
                faults.append(str(error))
    if submissions and TEMPLATE not in chosen:
        what = "is a submission that this workflow wrote, not the challenge's template: give the one that came with the data"
        faults += once(submissions, what)
    elif not chosen:
        seen = f"saw {some(ignored)}" if ignored else "saw no file at all"
        faults.append(f"none of the challenge's files found (A*.mov, test_*.mov, {METADATA}, {TEMPLATE}); {seen}")
    refuse("import", faults)
    return chosen, ignored + submissions


def _is_submission(source: Source) -> bool:
    with suppress(UnreadableError):  # reported when it is copied
        return is_written_here(b"".join(islice(source.chunks(), MOST_BYTES // CHUNK)))
    return False


def _without(chosen: dict[str, Source], withdrawn: Withdrawn, report: Imported) -> dict[str, Source]:
    """The sources without withdrawn clips, and the metadata without their rows."""
    kept = withdrawn.kept(chosen)
    report.withdrawn += sorted(chosen[place].shown for place in set(chosen) - set(kept))
    sources = {place: chosen[place] for place in kept}
    if METADATA in sources and withdrawn.entries:
        metadata = sources.pop(METADATA)
        with report.naming():
            sources[METADATA] = metadata.without(withdrawn)
    return sources


def _plan(
    chosen: dict[str, Source], root: Path, replace: bool, report: Imported, show_progress: bool
) -> dict[Path, Source]:
    """What has to be written, by target; counts in the report what is kept. A file that differs is refused."""
    to_write, faults = {}, []
    for place, source in _shown(dict(sorted(chosen.items())), "Comparing", show_progress):
        target = root / place
        with report.naming():
            if target.exists() and source.same_as(file_source(target)):
                report.kept += 1
            elif replace or not target.exists():
                to_write[target] = source
            else:
                faults.append(f"{place}: differs from {source.shown}; --replace takes the new one")
    refuse(root, faults)
    return to_write


def _write(source: Source, target: Path, link: bool, report: Imported) -> None:
    """Copy or link one file, whole or not at all, and count it in the report."""
    there = target.exists()
    linked = link and source.path is not None
    if link and source.path:
        _link(source.path, target)
    else:
        source.copy_to(target)
    report.replaced += there
    report.new += not there
    report.linked += linked and not there
    report.bytes += 0 if linked else source.size


def _link(path: Path, target: Path) -> None:
    try:
        with whole_file(target) as temporary:
            os.link(path.resolve(), temporary)
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be linked ({error.strerror}); leave out --link") from error


def _remove_leftovers(root: Path) -> None:
    """Half-written files of a killed import (a killed process cannot tidy up)."""
    for folder in (root, root / "train", root / "test"):
        for leftover in folder.glob(".*.tmp"):
            leftover.unlink()
