"""Whether found individuals may be used for decisions."""

from pathlib import Path

import pandas as pd

from blemore.files import read_json


def usable_clusters(clusters: str | Path, summary: str | Path) -> pd.DataFrame | None:
    """The clusters that decisions may use, as `run.find_individuals` made both files.

    Returns
    -------
    None where individuals were not told apart; without any row where the clusters are not trusted, so that every test
    clip is decided as if nobody knew.
    """
    said, table = read_json(summary), pd.read_parquet(clusters)
    if not said["active"]:
        return None
    return table if said["trusted"] else table.iloc[:0]
