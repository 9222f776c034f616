"""What each encoder of a bundle says of prepared clips, by the functions by which the study predicted its test clips."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from blemore.encoders.base import build
from blemore.encoders.embedding import embed
from blemore.encoders.settings import shards_of
from blemore.learning.folds import mean_of_folds
from blemore.learning.heads.run import judged, read_features, read_heads
from blemore.predict.contents import Contents
from blemore.tables import probability_rows
from joblineage.progress import Steps


def encoder_table(contents: Contents, name: str, clips: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
    """Probabilities table of one encoder: the mean of its fold models; without clips that it cannot judge.

    Parameters
    ----------
    clips : clips table (`media.clips_table`), sorted by clip.
    files : prepared media of the kinds that the encoder reads, kind by kind (`settings.shards_of`).
    """
    learning = contents.about["encoders"][name]["network"]["learning"]
    return (_frozen if learning == "frozen" else _finetuned)(contents, name, clips, files)


def _finetuned(contents: Contents, name: str, clips: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
    from safetensors.torch import load_file

    from blemore.encoders.device import advise_when_full, use_one_thread
    from blemore.learning.training.loop import predict
    from blemore.learning.training.media import read_media

    rows, folds = [], contents.about["folds"]
    with advise_when_full(name), Steps(name, folds, every=folds) as steps:
        network = build(contents.settings(name), name).to(use_one_thread())
        media = read_media(shards_of(contents.settings(name), files), clips["clip"], network.preprocessing)
        for fold in range(folds):
            network.load_state_dict(load_file(contents.model(name, f"fold{fold}")))
            rows.append(probability_rows(clips, predict(network, media, name)))
            steps.advance(1)
    return mean_of_folds(pd.concat(rows, ignore_index=True), clips)


def _frozen(contents: Contents, name: str, clips: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
    settings = contents.about["encoders"][name]["head"]
    heads = read_heads(contents.model(name, "heads"), settings, contents.about["folds"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "features.parquet")
        embed(contents.settings(name), clips, files, path, seed=contents.about["seed"])
        values = pq.read_table(path)["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        if np.isnan(values).all():  # not one clip that it can judge
            return probability_rows(clips[:0], np.zeros((0, 6)))
        x, present = read_features(path, clips["clip"], settings)
    clips = clips[present].reset_index(drop=True)
    return probability_rows(clips, judged(x, clips, heads, name))
