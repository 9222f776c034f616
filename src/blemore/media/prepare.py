"""Prepare one shard of clips: each clip is decoded once, and everything the encoders need is made from that."""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from blemore.media.crops import body_boxes, centre_box, face_crop, square_crop
from blemore.media.decode import BadClip, OpenClip, Sound, decoded, open_clip
from blemore.media.detectors import Detector, load_detector
from blemore.media.pictures import Sampler, Shape, even_times, jpeg, no_higher, rgb_picture, shape_of
from blemore.media.piece import cut_piece, small_frame
from blemore.media.schemas import KINDS, POINTS, PROBE
from blemore.media.track import Track, track_face
from joblineage.errors import MissingDataError
from joblineage.files import sha256, whole_file

log = logging.getLogger(__name__)

Row = dict[str, Any]
Prepared = dict[str, list[Row]]  # kind -> rows of one clip


def prepare_shard(clips: Mapping[str, Path], options: Mapping[str, Any], **outputs: Path) -> None:
    """Decode the clips of a shard and write one Parquet file per kind asked for, rows sorted by clip (and sample).

    A clip that cannot be used is only listed in `probe`, with the reason in the column `quarantine`.

    Parameters
    ----------
    clips : name -> file.
    options : `faces` {detector, frames, size, every, detect_height, quality}, `body` {frames, size, quality},
        `audio` {rate}, `piece` {seconds, height, fps}; sizes in px, rate in Hz, quality 1..100.
    outputs : kind -> the file to write; `schemas.KINDS` says which kinds there are and what they hold.

    Raises
    ------
    MissingDataError : a clip's file is not there, or the detector needs something that is not installed.
    """
    absent = [f"clip {name}: no file {path}" for name, path in sorted(clips.items()) if not Path(path).is_file()]
    if absent:
        raise MissingDataError("clips", absent)
    cv2.setNumThreads(1)
    detector = load_detector(options["faces"]["detector"])
    with ExitStack() as files:
        writers = {}
        for kind, path in outputs.items():
            temporary = files.enter_context(whole_file(path))
            # JPEG, H.264 and noise do not shrink further; a dictionary of them would only be a second copy.
            writer = pq.ParquetWriter(temporary, KINDS[kind], compression="NONE", use_dictionary=False)
            writers[kind] = files.enter_context(writer)
        for number, (name, path) in enumerate(sorted(clips.items()), start=1):
            prepared = prepare_clip(name, Path(path), options, detector, outputs)
            log.info("clip %d/%d %s%s", number, len(clips), name, _remark(prepared))
            for kind, rows in prepared.items():
                if rows and kind in writers:
                    writers[kind].write_table(pa.Table.from_pylist(rows, KINDS[kind]))


def _remark(prepared: Prepared) -> str:
    if prepared["probe"][0]["quarantine"]:
        return f": set aside, {prepared['probe'][0]['quarantine']}"
    if "faces" in prepared and not any(row["detected"] for row in prepared["faces"]):
        return ": no face found, the middle of the picture is taken"
    return ""


def prepare_clip(
    name: str, path: Path, options: Mapping[str, Any], detector: Detector, kinds: Collection[str] = KINDS
) -> Prepared:
    """The rows of some kinds, and of `probe`, from one decoding; see `prepare_shard`. Of a bad clip `probe` alone."""
    facts: Row = dict.fromkeys(PROBE.names) | {"clip": name, "bytes": path.stat().st_size, "sha256": sha256(path)}
    try:
        with open_clip(path) as clip:
            facts |= clip.facts()
            media = decode_media(clip, options, kinds)
    except BadClip as reason:
        return {"probe": [facts | {"quarantine": str(reason)}]}
    width, height = media.shape.shown
    facts |= {"width": width, "height": height, "rotation": media.shape.rotation, "quarantine": ""}
    return {"probe": [facts], **rows_of_media(name, media, options, detector, kinds)}


def rows_of_media(
    name: str, media: "Media", options: Mapping[str, Any], detector: Detector, kinds: Collection[str] = KINDS
) -> Prepared:
    """The rows of some kinds, without `probe`, of what was decoded; see `prepare_clip`."""
    prepared: Prepared = {}
    height = media.shape.shown[1]
    if media.faces:  # looked for in small pictures, in px of the shown picture
        small = [no_higher(picture, options["faces"]["detect_height"]) for _, picture in media.faces]
        track, factor = track_face(small, detector, options["faces"]["every"]), height / small[0].shape[0]
        track = replace(track, boxes=track.boxes * factor, landmarks=track.landmarks * factor)
    if "faces" in kinds:
        prepared["faces"] = face_rows(name, media, track, options["faces"])
    if "body" in kinds:
        prepared["body"] = body_rows(name, media, track, options["body"])
    rate = options["audio"]["rate"]
    if "audio" in kinds:
        sound = {"rate": rate, "samples": media.samples.astype("<i2").tobytes(), "silent": not media.samples.any()}
        prepared["audio"] = [{"clip": name, **sound}]
    if "pieces" in kinds:
        fps, seconds = options["piece"]["fps"], options["piece"]["seconds"]
        piece = cut_piece(media.small, media.shape.rotation, media.samples, rate=rate, fps=fps, seconds=seconds)
        prepared["pieces"] = [{"clip": name, **piece}]
    return prepared


@dataclass(frozen=True)
class Media:
    """What one pass over a clip leaves in memory."""

    shape: Shape
    faces: list[tuple[float, np.ndarray]]  # (time in s, RGB picture) of the face samples
    body: list[tuple[float, np.ndarray]]  # of the body samples; equal times share their picture
    samples: np.ndarray  # (n,) int16 mono
    small: list[av.VideoFrame]  # at the piece's rate and size
    # Of the three lists those are empty that no kind asked for is made of.


def decode_media(clip: OpenClip, options: Mapping[str, Any], kinds: Collection[str] = KINDS) -> Media:
    """Decode a clip once and keep what is needed of it for the given kinds."""
    looked_at = {"faces": {"faces", "body"} & set(kinds), "body": "body" in kinds}  # a body is found by its face
    face_times, body_times = (
        even_times(clip.times, clip.duration, options[kind]["frames"]) if wanted else np.empty(0)
        for kind, wanted in looked_at.items()
    )
    fps, height = options["piece"]["fps"], options["piece"]["height"]
    piece_times = np.arange(max(1, round(clip.duration * fps)) if "pieces" in kinds else 0) / fps
    crops = Sampler(np.concatenate([face_times, body_times]), lambda time, *one: (time, rgb_picture(*one)))
    small = Sampler(piece_times, lambda _, frame, shape: small_frame(frame, shape, height), shown=True)
    sound, shape = Sound(), None
    for time, frame in decoded(clip):
        if isinstance(frame, av.AudioFrame):
            sound.take(time, frame)
            continue
        shape = shape or shape_of(frame, clip.video.sample_aspect_ratio)
        for sampler in (crops, small):
            sampler.take(time, frame, shape)
    for sampler in (crops, small):
        sampler.finish()
    assert shape is not None, "`decoded` refuses a clip without a picture"
    samples = sound.samples(options["audio"]["rate"], clip.duration)
    return Media(shape, crops.at(face_times), crops.at(body_times), samples, small.kept)


def face_rows(name: str, media: Media, track: Track, options: Mapping[str, Any]) -> list[Row]:
    """Rows of the faces file."""
    rows = []
    for k, (time, picture) in enumerate(media.faces):
        box, landmarks = track.boxes[k], track.landmarks[k]
        if np.isnan(box).any():
            box = centre_box(*media.shape.shown)
            crop = square_crop(picture, centre_box(*picture.shape[1::-1]), options["size"])
        else:
            crop = face_crop(picture, landmarks * (picture.shape[0] / media.shape.shown[1]), options["size"])
        rows.append(
            _sample(name, k, time, box)
            | {"detected": bool(track.detected[k]), "tracked": bool(track.tracked[k])}
            | {column: value for (column, _), value in zip(POINTS, landmarks.ravel().tolist(), strict=True)}
            | {"jpeg": jpeg(crop, options["quality"])}
        )
    return rows


def body_rows(name: str, media: Media, track: Track, options: Mapping[str, Any]) -> list[Row]:
    """Rows of the body file; the box comes from the face, between its samples from their straight line."""
    face_times = [time for time, _ in media.faces]
    times = [time for time, _ in media.body]
    faces = np.stack([np.interp(times, face_times, column) for column in track.boxes.T], axis=1)
    rows = []
    for k, box in enumerate(body_boxes(faces, *media.shape.shown)):
        time, picture = media.body[k]
        crop = square_crop(picture, box * (picture.shape[0] / media.shape.shown[1]), options["size"])
        rows.append(_sample(name, k, time, box) | {"jpeg": jpeg(crop, options["quality"])})
    return rows


def _sample(name: str, frame: int, time: float, box: Sequence[float]) -> Row:
    place = dict(zip(("x", "y", "width", "height"), map(float, box), strict=True))
    return {"clip": name, "frame": frame, "time": time} | place
