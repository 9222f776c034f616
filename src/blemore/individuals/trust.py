"""Whether found individuals may be used for decisions."""

from pathlib import Path

import pandas as pd

from joblineage.files import read_json


def usable_clusters(clusters: str | Path | None, summary: str | Path | None) -> pd.DataFrame | None:
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
    said, table = read_json(summary), pd.read_parquet(clusters)
    if not said["active"]:
        return None
    return table if said["trusted"] else table.iloc[:0]
