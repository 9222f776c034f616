"""What an audit can find, and the exit code of each."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The verdict on a file, a record or the whole; `code` is the command's exit code."""

    OK = "OK"
    STALE = "STALE"
    TAMPERED = "TAMPERED"
    MISSING = "MISSING"
    UNRECORDED = "UNRECORDED"
    TAINTED = "TAINTED"
    LEAK = "LEAK"
    WITHDRAWN = "WITHDRAWN"
    INCOMPLETE = "INCOMPLETE"

    @property
    def code(self) -> int:
        """The exit code: 0 for OK, 10 to 17 for the others in the order above."""
        return 0 if self is Verdict.OK else 9 + list(Verdict).index(self)


WORST_FIRST = (
    *(Verdict.TAMPERED, Verdict.WITHDRAWN, Verdict.LEAK, Verdict.TAINTED, Verdict.MISSING, Verdict.UNRECORDED),
    *(Verdict.INCOMPLETE, Verdict.STALE, Verdict.OK),
)
"""Which one names the whole where several were found."""


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Parameters
    ----------
    verdict : Verdict
        The verdict on the node.
    node : str
        The file, record or tool's file that it is about, by the name that people know.
    what : str
        A sentence: what was expected, what was found.
    follows : tuple of str
        Names of jobs whose results depend on it.
    """

    verdict: Verdict
    node: str
    what: str
    follows: tuple[str, ...] = ()


def worst(findings: list[Finding]) -> Verdict:
    """The verdict of the whole.

    Parameters
    ----------
    findings : list of Finding
        What was found.

    Returns
    -------
    Verdict
        The worst of them; OK without any.
    """
    return min((finding.verdict for finding in findings), key=WORST_FIRST.index, default=Verdict.OK)
