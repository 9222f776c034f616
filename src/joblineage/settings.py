"""Changes of jobs under the names that the settings have for them.

A field of a job's parameters comes from the file of settings, often under another name and in several jobs. Where the
settings differ too, a change bears its key there; what was derived from that key (a list of source files, the names of
entries, jobs that came or went) is the same change.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile

from joblineage.comparing import CHANGED, Comparison, Job
from joblineage.reasons import ABSENT, Change, parameters

TAKING_PART = ("", ".enabled", ".learning")
"""Keys of an entry that decide which jobs it has; the whole entry too, where it is new."""


class Settings:
    """What differs in the settings of two runs.

    changes : the changed keys; empty where a side's settings are not kept.
    """

    def __init__(self, comparison: Comparison):
        self.a, self.b = comparison.a, comparison.b
        study = self.b.store.study
        before, after = (side.study(study.settings) for side in (self.a, self.b))
        self.changes = [] if before is None or after is None else parameters(before, after)
        self.other_data = any(one.name == study.other_data for one in self.changes)
        self.listed, self.takes_entry = study.entries or ("", ())

    def named(self, job: Job) -> list[Change]:
        """What began at a job, under the names of what was changed."""
        wildcards = (self.b.records.get(job.key) or self.a.records[job.key])["job"]["wildcards"]
        if job.how != CHANGED:
            setting = self._deciding(wildcards) or (None if job.after else self._only())
            return [setting] if setting else [*job.own]
        known = [(change, self._setting(change, wildcards)) for change in job.own]
        settings = [setting for _, setting in known if setting]
        rest = [change for change, setting in known if not setting]
        if settings:  # parameters all come from the settings: one that is not found there was derived from one that is
            derived = [one for one in rest if one.setting or one.kind == "code list" or self._listed_otherwise(one)]
            rest = [one for one in rest if one not in derived]
        elif len({change.kind for change in rest}) > 1:  # a source file came because another one now asks for it
            rest = [change for change in rest if change.kind != "code list"]
        whose = next((value for name, value in wildcards.items() if name in self.takes_entry), job.key.split("/")[0])
        return settings + [replace(one, name=f"{one.name} of {whose}") if one.setting else one for one in rest]

    def _setting(self, change: Change, wildcards: Mapping[str, str]) -> Change | None:
        """The changed key that a changed field comes from."""
        if not change.setting:
            derived = change.kind == "code list" or self._listed_otherwise(change)
            return (self._deciding(wildcards) or self._only()) if derived else None
        words = change.name.split(".")
        same = [one for one in self.changes if (one.before, one.after) == (change.before, change.after)]
        # a setting of one entry is about that entry's jobs; other settings are about every job
        about = {None, *words, *wildcards.values()}
        same = [one for one in same if self._entry(one) in about] or same

        def common_end(one: Change) -> int:
            pairs = zip(reversed(one.name.split(".")), reversed(words), strict=False)
            return len([*takewhile(lambda pair: pair[0] == pair[1], pairs)])

        best = max(same, key=common_end, default=None)
        if best is not None and (len(same) == 1 or best.name.split(".")[-1] == words[-1]):
            return best
        return next((one for one in self.changes if self._entry(one) in words), None)

    def _entry(self, setting: Change) -> str | None:
        """The entry that a setting is about."""
        words = setting.name.split(".")
        return words[1] if self.listed and words[0] == self.listed and len(words) > 1 else None

    def _deciding(self, wildcards: Mapping[str, str]) -> Change | None:
        """The setting that decides whether a job with these wildcards is there: its entry's, or the number of them."""
        entries = {f"{self.listed}.{value}{key}" for value in wildcards.values() for key in TAKING_PART}
        there = [one for one in self.changes if one.name in entries]
        many = [one for one in self.changes if any(word in one.name.rpartition(".")[2] for word in wildcards)]
        return next(iter([*there, *many]), None)

    def _only(self) -> Change | None:
        return self.changes[0] if len(self.changes) == 1 else None

    def _listed_otherwise(self, change: Change) -> bool:
        """Whether an input came or went without being new: both runs know it, or some job makes it, or the study is
        of another data set."""
        if change.kind != "input" or ABSENT not in (change.before, change.after):
            return False
        file = (change.name, change.after if change.before == ABSENT else change.before)
        made = change.name in self.a.makers or change.name in self.b.makers
        return made or self.other_data or (file in self.a.read and file in self.b.read)
