"""What comes from outside: features in the challenge kit's form, and finished probability tables.

Beside either may lie a sidecar that names the persons whom the outside model was trained on (`folds.check_persons`).
With it, no person is judged by a model that saw them, or the job ends; without it nobody knows, and every report says so.
"""

import logging
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from blemore.datasets.template import UNREADABLE
from blemore.encoders.base import Embedder
from blemore.params.families import Family
from blemore.scoring.columns import clip_names, repeated
from blemore.scoring.labels import CLASSES
from blemore.scoring.reading import once
from blemore.tables import foreign_rows, probability_rows, read_probabilities, usable
from joblineage.errors import DataError, MissingDataError, refuse

FAMILY = Family(
    kind="outside", note="features or probabilities made elsewhere; under which terms is not known here", code=None
)


def build(settings: Mapping) -> "Precomputed":
    """Make the embedder for features from settings["file"].

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.

    Returns
    -------
    Precomputed
        The embedder.
    """
    return Precomputed()


class Precomputed(Embedder):
    """The rows of an `.npz` file with X (n_clips, n_features) and filenames (n_clips,)."""

    batch = 1024

    def read(self, shard: Path) -> Iterator[tuple[str, np.ndarray]]:
        """(clip, features) of the file.

        Raises
        ------
        MissingDataError, DataError : no such file; not such a file; arrays of other shapes, doubled names, NaN.
        """
        x, names = _arrays(shard)
        faults = []
        if x.ndim != 2 or names.ndim != 1 or len(x) != len(names):
            faults.append(f"expected X (n, d) and filenames (n,), found {x.shape} and {names.shape}")
        elif x.dtype.kind not in "fiu":
            faults.append(f"expected numbers in X, found {x.dtype}")
        else:
            names = np.array(clip_names(names), dtype=object)
            faults += once((f"clip {name}" for name in names[repeated(names)]), "is in more than one row")
            endless = ~np.isfinite(x).all(axis=1)
            faults += once((f"clip {name}" for name in names[endless]), "a feature is NaN or infinite")
        if faults:
            raise DataError(str(shard), faults)
        yield from zip(names, x.astype(np.float32), strict=True)

    def embed(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """The features as they are."""
        return np.stack(clips)


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if not Path(path).exists():
        raise MissingDataError(str(path), ["no such file: put the features there, or switch the encoder off"])
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in ("X", "filenames") if name not in file.files]
            if missing:
                names = ", ".join(file.files)
                raise DataError(str(path), [f"array {name!r} is missing (found: {names})" for name in missing])
            return file["X"], file["filenames"]
    except DataError:
        raise
    except (*UNREADABLE, MemoryError, TypeError, SyntaxError, tokenize.TokenError) as error:
        advice = "save numbers and text only, np.savez(path, X=X, filenames=np.array(names, dtype=str))"
        raise DataError(str(path), [f"cannot be read ({error}); {advice}"]) from error


def take_over(path: Path, clips: pd.DataFrame) -> pd.DataFrame:
    """A finished probabilities table as a table of this study.

    Parameters
    ----------
    path : a table with at least clip and the six classes; out-of-fold rows for train clips. Clips that were set aside
        are left out; a usable clip may be missing, the fusion then goes without this table for it. Test clips must be
        among the rows where the study has any.
    clips : clips table.

    Raises
    ------
    MissingDataError, DataError : no such file; rows that break the table's contract, name unknown clips or disagree with
        the study's persons, splits or folds; no row of a test clip.
    """
    if not Path(path).exists():
        raise MissingDataError(str(path), ["no such file: put the table there, or switch the encoder off"])
    table = read_probabilities(path)
    faults = foreign_rows(table, clips)
    good = usable(clips).sort_values("clip").reset_index(drop=True)
    kept = good[good["clip"].isin(table["clip"])].reset_index(drop=True)
    tests = int((good["split"] == "test").sum())
    if tests and "test" not in set(kept["split"]):
        faults.append(f"no row of the {tests} test clips, which the submission needs: add the model's rows for them")
    refuse(path, faults)
    if len(kept) < len(good):
        logging.warning("%s: %d of %d usable clips have no row", path, len(good) - len(kept), len(good))
    values = table.set_index("clip").loc[kept["clip"], list(CLASSES)].to_numpy(float)
    return probability_rows(kept, values)
