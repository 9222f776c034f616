"""Whether individuals may be told apart at all, and whether decisions may use those that were found."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemore.params.parts import OFF
from joblineage.files import read_json

if TYPE_CHECKING:
    import pandas as pd

APPROVAL = ("by", "date", "basis")
FREE = "demo"
"""The one data set without real people."""


def why_off(descriptor: str | bool, approved: Mapping[str, Any] | None, dataset: str) -> str:
    """One sentence on why individuals are not told apart; empty where they may be.

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


def usable_clusters(clusters: str | Path | None, summary: str | Path | None) -> "pd.DataFrame | None":
    """The clusters that decisions may use, as `run.find_individuals` made both files.

    Parameters
    ----------
    clusters, summary : empty where cluster numbers are not here (they are private).

    Returns
    -------
    None where nobody knows, or individuals were not told apart; without any row where the clusters are not trusted, so
    that every test clip is decided as if nobody knew.
    """
    if not clusters or not summary:
        return None
    import pandas as pd  # every start of the workflow imports this module, to ask `why_off`

    said, table = read_json(summary), pd.read_parquet(clusters)
    if not said["active"]:
        return None
    return table if said["trusted"] else table.iloc[:0]
