"""Features of every clip from a frozen encoder: one table for all folds, since nothing is learned from it."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blemore.encoders.ahead import alike, decoded, prefetched
from blemore.encoders.base import Embedder, build
from blemore.encoders.settings import shards_of
from blemore.tables import usable, write_features
from joblineage.errors import refuse
from joblineage.progress import Steps


def embed(
    settings: Mapping, clips: pd.DataFrame, files: Sequence[Path], out: Path, *, seed: int, workers: int = 1
) -> None:
    """Write the features of every usable clip.

    Parameters
    ----------
    settings : the encoder's slice of the parameters, with name and scale.
    clips : clips table.
    files : prepared media of the kinds the encoder reads, kind by kind (`settings.shards_of`).
    out : as `tables.write_features` writes it, sorted by clip.
    seed : decides the random weights of scale "tiny".
    workers : threads that decode ahead of the device.

    Raises
    ------
    DataError : usable clips that are in no shard, or features that are NaN or infinite without a remark.
    """
    encoder = build(settings, seed=f"{seed}/{settings['name']}")
    wanted = set(usable(clips)["clip"])
    features, remarks = embedded(encoder, shards_of(settings, files), wanted, settings["name"], workers)
    names = sorted(wanted)
    looked_in = ", ".join(str(path) for path in files[:3]) + (", ..." if len(files) > 3 else "")
    faults = [f"clip {clip}: not in the prepared files {looked_in}" for clip in names if clip not in features]
    broken = [clip for clip in sorted(features) if not np.isfinite(features[clip]).all() and not remarks[clip]]
    refuse(f"encoder {settings['name']}", [*faults, *(f"clip {clip}: a feature is NaN or infinite" for clip in broken)])
    for remark, number in Counter(remarks[clip] for clip in names if remarks[clip]).items():
        logging.warning("%s: %d clip(s): %s", settings["name"], number, remark)
    write_features(out, names, np.stack([features[clip] for clip in names]), [remarks[clip] for clip in names])


def embedded(
    encoder: Embedder, shards: Sequence[Any], wanted: set[str], title: str, workers: int
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Array and remark of each wanted clip that is in a shard (`settings.shards_of`); progress is shown under `title`."""
    features: dict[str, np.ndarray] = {}
    remarks: dict[str, str] = {}
    with Steps(title, len(wanted), every=100) as steps:
        batches = alike(decoded(encoder, shards, wanted, workers), encoder.batch)
        for names, media, batch in prefetched((names, media, encoder.ready(media)) for names, media in batches):
            features.update(zip(names, encoder.embed(batch), strict=True))
            remarks.update((name, encoder.remark(clip)) for name, clip in zip(names, media, strict=True))
            steps.advance(len(names))
    return features, remarks
