"""A study whose raw clips lie in the private store only: its roster still lists them."""

from pathlib import Path

from blemore.errors import MissingDataError


def clip_files(roster: Path) -> list[str]:
    """Paths of every raw clip below the data set's root, sorted, as `datasets.<name>.clip_files` would find them.

    Raises
    ------
    MissingDataError : no roster either.
    """
    import pyarrow.parquet  # only where it is needed: every start of the workflow imports this module

    if not roster.is_file():
        advice = (
            f"private: absent goes on from what was made before, but {roster} is not here: pull it (docs/private.md)"
        )
        raise MissingDataError("private", [advice])
    files = pyarrow.parquet.read_table(roster, columns=["file"])["file"].to_pylist()
    return sorted(file for file in files if file)
