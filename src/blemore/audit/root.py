"""Under which run the records of a study prove where its files came from."""

from pathlib import Path

from joblineage.store import Store


def last_run(root: Path) -> str | None:
    """Id of the study's last run, which covers every record up to it (docs/lineage.md); None where no run was recorded."""
    return next(iter(Store(root).line), None)
