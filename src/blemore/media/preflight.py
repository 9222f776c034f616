"""How much disk a study will need, before the first hour is spent: an estimate on the large side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from joblineage.errors import DataError

JPEG_BYTES_PER_PIXEL = {75: 0.22, 85: 0.29, 90: 0.36, 95: 0.51, 100: 0.95}
"""Quality -> bytes per pixel, measured with `pictures.jpeg` on 224 px crops of a detailed 720p film; faces need
about two thirds of it (0.25 at 92). Between the qualities: a straight line."""

ROW_BYTES = 150
"""Parquet: box, landmarks, times and page headers of one sample."""

CLIP_SECONDS = 4.0
"""Mean length assumed of a clip, s: the file's size does not show it, and clips last 1 to 30 s."""

PIECE_BITS_PER_PIXEL = 0.15
"""H.264 at the piece's settings, lively picture: bit per pixel and frame; plus the sound's bit rate."""

PIECE_SOUND_BITS = 64_000
PIECE_ASPECT = 16 / 9

WEIGHTS_BYTES = {"tiny": 4e6, "pretrained": 4.1e8}
"""float32 weights of one network: ViT-B with experts has 100 million parameters, the other base models fewer."""

STATE_FACTOR = 3
"""A training state holds the weights and AdamW's two moments."""

FEATURE_BYTES = 25 * 2 * 1024 * 2
"""Features of one clip of a large speech network: mean and deviation of 25 layers, 1024 wide, float16; others less."""

DECODED_FRAMES = 16
DECODED_SIDE = {"tiny": {"faces": 48, "body": 64}, "pretrained": {"faces": 160, "body": 224}}
"""Frames and side in px of a clip as trainings share it, decoded, in one file an encoder; the largest of the networks."""

DECODED_WINDOWS = 2
"""Of a clip of which faces and sound are kept together."""


def estimate(
    clip_bytes: Sequence[int], media: Mapping[str, Any], encoders: Sequence[Mapping[str, Any]], folds: int
) -> dict[str, int]:
    """Bytes per kind that the whole study will lay down.

    Parameters
    ----------
    clip_bytes : size of every raw clip.
    media : `faces`, `body`, `audio` and `piece` options, as `prepare.prepare_shard` takes them.
    encoders : settings of every encoder that takes part, with `learning` and `scale`.
    folds : models of a finetuned encoder.

    Returns
    -------
    raw, faces, body, audio, pieces, encoders (weights fetched, features, models of all folds, one training
    state each), dvc_copy (DVC keeps a second copy of all these), decoded (clips that the folds of an encoder share
    while it is trained, all encoders at once) and total.
    """
    count = len(clip_bytes)
    piece = media["piece"]
    picture_bits = PIECE_BITS_PER_PIXEL * PIECE_ASPECT * piece["height"] ** 2 * piece["fps"]
    sizes = {
        "raw": sum(clip_bytes),
        "faces": count * _crops(media["faces"]),
        "body": count * _crops(media["body"]),
        "audio": count * _sound(media["audio"]),
        "pieces": count * piece["seconds"] * (picture_bits + PIECE_SOUND_BITS) / 8,
        "encoders": sum(_encoder(settings, count, folds) for settings in encoders),
    }
    sizes["dvc_copy"] = sum(sizes.values())
    sizes["decoded"] = count * sum(_decoded(settings, media) for settings in encoders)
    sizes["total"] = sum(sizes.values())
    return {kind: int(np.ceil(size)) for kind, size in sizes.items()}


def _crops(options: Mapping[str, Any]) -> float:
    """Bytes of one clip's crops."""
    per_pixel = np.interp(options["quality"], list(JPEG_BYTES_PER_PIXEL), list(JPEG_BYTES_PER_PIXEL.values()))
    return options["frames"] * (options["size"] ** 2 * float(per_pixel) + ROW_BYTES)


def _sound(options: Mapping[str, Any]) -> float:
    """Bytes of one clip's samples."""
    return CLIP_SECONDS * options["rate"] * 2


def _decoded(settings: Mapping[str, Any], media: Mapping[str, Any]) -> float:
    """Bytes of one clip in the file from which an encoder is trained; none where nothing is."""
    if settings["learning"] != "finetuned":
        return 0
    kinds = [settings["media"]] if isinstance(settings["media"], str) else settings["media"]
    pictures = [DECODED_FRAMES * DECODED_SIDE[settings["scale"]][kind] ** 2 * 3 for kind in kinds if kind != "audio"]
    once = sum(pictures) + (_sound(media["audio"]) if "audio" in kinds else 0)
    return once if len(kinds) == 1 else DECODED_WINDOWS * once


def _encoder(settings: Mapping[str, Any], clips: int, folds: int) -> float:
    """Bytes of an encoder's weights and features, or models."""
    weights = WEIGHTS_BYTES[settings["scale"]]
    sizes = {"given": 0, "frozen": weights + clips * FEATURE_BYTES, "finetuned": weights * (1 + folds + STATE_FACTOR)}
    return sizes[settings["learning"]]


def check_disk(needed: Mapping[str, int], free: int, where: str) -> None:
    """Stop before anything is written when it will not fit.

    Parameters
    ----------
    needed : bytes per kind, from `estimate`.
    free : bytes.
    where : the folder looked at, for the message.

    Raises
    ------
    DataError : less is free than the total needed.
    """
    if needed["total"] <= free:
        return
    parts = ", ".join(f"{kind} {size / 1e9:.1f}" for kind, size in needed.items() if kind != "total")
    what = f"about {needed['total'] / 1e9:.1f} GB will be needed ({parts}), {free / 1e9:.1f} GB are free"
    raise DataError(where, [f"{what}; free some space, or move the study to a larger disk"])
