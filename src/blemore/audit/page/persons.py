"""Whose name the page may show: the rule of the report (`blemore.report.identities`), without its neutral numbers.

Where somebody stays unnamed, persons of one kind are counted together: a row per person, with the folds that it was
trained and judged in, would tell more than the report does.
"""

import re
from pathlib import Path

import pandas as pd

from blemore.report.identities import GENERATED, NOBODY, WITHHELD, Identities, read_publications


class Names:
    """Names of one study's persons.

    Parameters
    ----------
    clips : the clips table; None where it cannot be read: then no name is known, and none is shown.
    published : the publication list, a path below `root`; or None.
    """

    def __init__(self, dataset: str, clips: pd.DataFrame | None, published: str | Path | None, root: Path):
        self.generated = dataset == GENERATED
        self._raw = re.compile(rf"(data/{re.escape(dataset)}/)[^\s\"'<>,;:]+")
        persons = set() if clips is None else set(clips.loc[clips["split"] == "train", "person"])
        listed = {row["person"] for row in read_publications(root / published)} if published else set()
        hidden = set() if self.generated else persons - listed
        self.identities = Identities(dict.fromkeys(sorted(hidden), NOBODY), frozenset())

    def hides(self, person: str) -> bool:
        """Whether this person stays unnamed."""
        return self.identities.hides(person)

    def scrub(self, text: str) -> str:
        """A text without the names of those who stay unnamed, nor those of raw files, which are named after persons."""
        return text if self.generated else self.identities.scrub(self._raw.sub(rf"\1{WITHHELD}", text))
