"""Features of every clip from a frozen encoder: one table for all folds, since nothing is learned from it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from blemore.encoders.base import build, seed_of
from blemore.errors import DataError
from blemore.files import whole_file
from blemore.tables import usable
from blemore.torch_compat import torch


def embed(settings: Mapping, clips: pd.DataFrame, shards: Sequence[Path], out: Path, *, seed: int) -> None:
    """Write the features of every usable clip.

    Parameters
    ----------
    settings : the encoder's slice of the parameters, with name and scale.
    clips : clips table.
    shards : prepared media files of the kind the encoder reads; one at a time is held in memory.
    out : Parquet, sorted by clip: clip, features (fixed-size list of float32).
    seed : decides the random weights of scale "tiny".

    Raises
    ------
    DataError : usable clips that are in no shard, or features that are NaN or infinite.
    """
    torch.manual_seed(seed_of(f"{seed}/{settings['name']}"))
    encoder = build(settings)
    wanted = set(usable(clips)["clip"])
    features: dict[str, np.ndarray] = {}
    for shard in shards:
        media = {clip: seen for clip, seen in encoder.read(Path(shard)).items() if clip in wanted}
        if media:
            features.update(zip(media, encoder.embed(list(media.values())), strict=True))
    names = sorted(wanted)
    faults = [f"clip {clip}: not in the prepared {settings['media']} files" for clip in names if clip not in features]
    faults += [
        f"clip {clip}: a feature is NaN or infinite" for clip in features if not np.isfinite(features[clip]).all()
    ]
    if faults:
        raise DataError(f"encoder {settings['name']}", faults)
    matrix = np.stack([features[clip] for clip in names])
    values = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel(), pa.float32()), matrix.shape[1])
    with whole_file(out) as temporary:
        pq.write_table(pa.table({"clip": names, "features": values}), temporary)
