"""How near two tables of probabilities are that were made on different machines."""

from pathlib import Path

from blemore.scoring.labels import CLASSES

TOLERANCE = 1e-6
"""Largest difference of a probability that another processor may make."""


def near(recorded: Path, repeated: Path) -> str | None:
    """How near two tables of probabilities are; None where they are none, or too far apart."""
    import numpy as np
    import pandas as pd

    if recorded.suffix != ".parquet":
        return None
    one, other = pd.read_parquet(recorded), pd.read_parquet(repeated)
    if not {"clip", *CLASSES} <= set(one.columns) or list(one["clip"]) != list(other["clip"]):
        return None
    first, second = (table[list(CLASSES)].to_numpy() for table in (one, other))
    apart, changed = np.abs(first - second).max(), int((first.argmax(axis=1) != second.argmax(axis=1)).sum())
    if apart > TOLERANCE:
        return None
    return f"probabilities within {apart:.1e} (tolerance {TOLERANCE:.0e}), {changed} clips with another first class"
