"""The individuals that were found, as later steps read them."""

from pathlib import Path

import pandas as pd

from joblineage.files import read_json


def read_clusters(clusters: str | Path | None, summary: str | Path | None) -> pd.DataFrame | None:
    """The clusters that `run.find_individuals` found; None where individuals were not distinguished, or are not here.

    Parameters
    ----------
    clusters, summary : its two files; empty where cluster numbers are not here (they are private).
    """
    if not clusters or not summary or not read_json(summary)["active"]:
        return None
    return pd.read_parquet(clusters)
