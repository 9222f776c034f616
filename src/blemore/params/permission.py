"""Whether individuals may be distinguished at all."""

from collections.abc import Mapping
from typing import Any

from blemore.params.parts import OFF

APPROVAL = ("by", "date", "basis")
FREE = "demo"
"""The one data set without real people."""


def why_off(descriptor: str | bool, approved: Mapping[str, Any] | None, dataset: str) -> str:
    """One sentence on why individuals are not distinguished; empty where they may be.

    Telling people apart by their faces is biometric processing: for every data set of real people someone has to have
    allowed it.

    Parameters
    ----------
    descriptor : name of a descriptor, or off (YAML reads a bare off as False).
    approved : {by, date, basis}, all of them filled in, or None.
    dataset : name of the data set.
    """
    if descriptor in OFF:
        return "Switched off by individuals.descriptor."
    missing = [name for name in APPROVAL if not str((approved or {}).get(name) or "").strip()]
    if dataset == FREE or not missing:
        return ""
    why = "telling real people apart by their faces is biometric processing and needs individuals.approved"
    return f"Off: {why}; {', '.join(missing)} missing."
