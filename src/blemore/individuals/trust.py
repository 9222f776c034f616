"""Whether found individuals may be used for decisions."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from blemore.files import read_json


def usable_clusters(clusters: str | Path | Sequence[str], summary: str | Path | Sequence[str]) -> pd.DataFrame | None:
    """The clusters that decisions may use, as `run.find_individuals` made both files.

    Parameters
    ----------
    clusters, summary : empty lists where the clusters are not here.

    Returns
    -------
    None where individuals were not told apart, or nobody here knows; without any row where the clusters are not trusted, so that every test
    clip is decided as if nobody knew.
    """
    if isinstance(clusters, Sequence) and not clusters:
        return None
    said, table = read_json(summary), pd.read_parquet(clusters)
    if not said["active"]:
        return None
    return table if said["trusted"] else table.iloc[:0]
