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

from blemore.media.colour import remark
from blemore.media.containers import BadClip
from blemore.media.crops import body_boxes, centre_box, face_crop, square_crop
from blemore.media.decode import OpenClip, decoded, open_clip
from blemore.media.detectors import Detector, load_detector
from blemore.media.persons import way_up
from blemore.media.pictures import Sampler, Shape, even_times, jpeg, no_higher, rgb_picture, shape_of, upright
from blemore.media.piece import cut_piece, small_frame
from blemore.media.schemas import KINDS, POINTS, PROBE
from blemore.media.sound import Sound
from blemore.media.track import Track, track_face
from blemore.tables import BETWEEN_REMARKS
from joblineage.errors import MissingDataError
from joblineage.files import sha256, whole_file

log = logging.getLogger(__name__)

BODY_KEPT = 2
"""Shorter side of a picture kept for a body crop, in sides of the crop: the crop of the smallest face looked for has .7 of it."""

ODD_ASPECT = 4
"""Pixels more than so many times wider than high, or higher than wide, come from a damaged header."""

SAME_SHAPE = 0.01
"""Pictures of another size are of one shape when their ratios of width to height differ by less than this share."""

Row = dict[str, Any]
Prepared = dict[str, list[Row]]  # kind -> rows of one clip


def prepare_shard(clips: Mapping[str, Path], options: Mapping[str, Any], **outputs: Path) -> None:
    """Decode the clips of a shard and write one Parquet file per kind asked for, rows sorted by clip (and sample).

    A clip that cannot be used is only listed in `probe`, with the reason in the column `quarantine`.

    Parameters
    ----------
    clips : name -> file.
    options : `faces` {detector, frames, size, every, detect_height, quality}, `body` {frames, size, quality},
        `audio` {rate}, `piece` {seconds, height, fps}, max_damaged_share, max_seconds; sizes in px, rate in Hz,
        quality 1..100, share 0..1.
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
            log.info("clip %d/%d %s%s", number, len(clips), name, _said(prepared["probe"][0]))
            for kind, rows in prepared.items():
                if rows and kind in writers:
                    writers[kind].write_table(pa.Table.from_pylist(rows, KINDS[kind]))


def _said(probe: Row) -> str:
    """What the log says of a clip that is not plain."""
    if probe["quarantine"]:
        return f": set aside, {probe['quarantine']}"
    return f": {probe['remarks']}" if probe["remarks"] else ""


def prepare_clip(
    name: str, path: Path, options: Mapping[str, Any], detector: Detector, kinds: Collection[str] = KINDS
) -> Prepared:
    """The rows of some kinds, and of `probe`, from one decoding; see `prepare_shard`. Of a bad clip `probe` alone.

    Raises
    ------
    OSError, MemoryError : the machine failed, not the clip; its name is in the error's notes.
    """
    facts: Row = dict.fromkeys(PROBE.names) | {
        "clip": name,
        "bytes": path.stat().st_size,
        "quarantine": "",
        "remarks": "",
    }
    try:
        facts["sha256"] = sha256(path)
        return _prepared(facts, path, options, detector, kinds)
    except BadClip as reason:
        fault = str(reason)
    except (OSError, MemoryError) as error:
        error.add_note(f"clip {name}: {path}")
        raise
    except Exception as error:  # what nobody thought of costs this clip, not the others of its shard
        log.exception("clip %s: %s", name, path)
        fault = f"cannot be prepared: {type(error).__name__}: {error}"
    return {"probe": [facts | {"quarantine": fault}]}


def _prepared(
    facts: Row, path: Path, options: Mapping[str, Any], detector: Detector, kinds: Collection[str]
) -> Prepared:
    """As `prepare_clip`; what is found out of the clip goes into `facts`, its row of the probe."""
    name = facts["clip"]
    with open_clip(path, options) as clip:
        facts |= clip.facts()
        try:
            media = decode_media(clip, options, kinds)
        finally:
            whole = None if clip.packets else clip.good_pictures  # not known of a clip given up on the way
            facts |= {"good_pictures": whole, "remarks": BETWEEN_REMARKS.join(clip.remarks)}
    remarks = [*clip.remarks, *media.remarks]
    track = None
    if media.faces:
        media, track = find_person(media, options["faces"], detector, remarks)
        facts |= {"faces": track.faces, "face_share": float(track.shown.mean())}
    width, height = media.shape.shown
    facts |= {"width": width, "height": height, "rotation": media.shape.rotation, "good_sound": media.good_sound}
    facts["remarks"] = BETWEEN_REMARKS.join(remarks)
    return {"probe": [facts], **rows_of_media(name, media, track, options, kinds)}


def rows_of_media(
    name: str, media: "Media", track: Track | None, options: Mapping[str, Any], kinds: Collection[str] = KINDS
) -> Prepared:
    """The rows of some kinds, without `probe`, of what was decoded; see `prepare_clip`.

    track : of the person's face; needed for `faces` and `body`.
    """
    prepared: Prepared = {}
    rate = options["audio"]["rate"]
    if track is not None and "faces" in kinds:
        prepared["faces"] = face_rows(name, media, track, options["faces"])
    if track is not None and "body" in kinds:
        prepared["body"] = body_rows(name, media, track, options["body"])
    if "audio" in kinds:
        sound = {"rate": rate, "samples": media.samples.astype("<i2").tobytes(), "silent": not media.samples.any()}
        prepared["audio"] = [{"clip": name, **sound}]
    if "pieces" in kinds:
        fps, seconds = options["piece"]["fps"], options["piece"]["seconds"]
        piece = cut_piece(media.small, media.shape, media.samples, rate=rate, fps=fps, seconds=seconds)
        prepared["pieces"] = [{"clip": name, **piece}]
    return prepared


@dataclass(frozen=True)
class Media:
    """What one pass over a clip leaves in memory."""

    shape: Shape
    faces: list[tuple[float, np.ndarray]]  # (time in s, RGB picture) of the face samples
    body: list[tuple[float, np.ndarray]]  # of the body samples, smaller
    samples: np.ndarray  # (n,) int16 mono
    small: list[av.VideoFrame]  # at the piece's rate and size
    # Of the three lists those are empty that no kind asked for is made of.
    good_sound: float | None = None  # 0..1, share of the length with sound; None: no sound track
    remarks: tuple[str, ...] = ()


def decode_media(clip: OpenClip, options: Mapping[str, Any], kinds: Collection[str] = KINDS) -> Media:
    """Decode a clip once and keep what is needed of it for the given kinds."""
    # A body is found by its face, and the probe says how many faces there are.
    looked_at = {"faces": {"faces", "body", "probe"} & set(kinds), "body": "body" in kinds}
    face_times, body_times = (
        even_times(clip.times, clip.duration, options[kind]["frames"]) if wanted else np.empty(0)
        for kind, wanted in looked_at.items()
    )
    fps, height, side = options["piece"]["fps"], options["piece"]["height"], BODY_KEPT * options["body"]["size"]
    piece_times = np.arange(max(1, round(clip.duration * fps)) if "pieces" in kinds else 0) / fps
    faces = Sampler(face_times, lambda time, *picture: (time, rgb_picture(*picture)))
    body = Sampler(body_times, lambda time, frame, shape: (time, rgb_picture(frame, shape, side)))
    small = Sampler(piece_times, lambda _, frame, shape: small_frame(frame, shape, height), shown=True)
    sound, first, shape = Sound(clip.duration), (0, 0), Shape(0, 0, 0)
    for time, frame in decoded(clip, options["max_damaged_share"]):
        if isinstance(frame, av.AudioFrame):
            sound.take(time, frame)
            continue
        if not any(first):
            aspect = clip.video.sample_aspect_ratio
            if aspect and not 1 / ODD_ASPECT <= aspect <= ODD_ASPECT:
                raise BadClip(f"pixels of {aspect.numerator}:{aspect.denominator} are no camera's")
            first, shape = (frame.width, frame.height), shape_of(frame, aspect)
            clip.remarks += filter(None, [remark(frame), "shown mirrored" if shape.mirrored else ""])
        elif (frame.width, frame.height) != first:
            _check_size(clip, first, (frame.width, frame.height), time)
        for sampler in (faces, body, small):
            sampler.take(time, frame, shape)
    for sampler in (faces, body, small):
        sampler.finish()
    samples = sound.samples(options["audio"]["rate"])
    heard, said = (None, []) if clip.audio is None else (sound.good_share, sound.remarks)
    return Media(shape, faces.at(face_times), body.at(body_times), samples, small.kept, heard, tuple(said))


def _check_size(clip: OpenClip, first: tuple[int, int], now: tuple[int, int], time: float) -> None:
    """Pictures of another size in mid-stream are scaled to the first one's; those of another shape would be squeezed."""
    sizes = f"from {first[0]} x {first[1]} to {now[0]} x {now[1]}"
    if abs(np.log(first[0] / first[1] * now[1] / now[0])) > SAME_SHAPE:
        raise BadClip(f"the shape of its pictures changes after {time:.1f} s {sizes}: cut it there")
    said = f"the size of its pictures changes {sizes}: scaled to the first"
    if said not in clip.remarks:
        clip.remarks.append(said)


def find_person(
    media: Media, options: Mapping[str, Any], detector: Detector, remarks: list[str]
) -> tuple[Media, Track]:
    """Follow the person's face; where none stands upright but some does otherwise, the media are turned first.

    Returns
    -------
    the media, and the track in px of the shown picture.
    """
    small = [no_higher(picture, options["detect_height"]) for _, picture in media.faces]
    track = track_face(small, detector, options["every"])
    if not track.sure and (turn := way_up(small, detector)):
        remarks.append(f"turned by {turn} degrees: its faces stand upright so")
        media = replace(
            media,
            shape=media.shape.turned(turn),
            faces=[(time, upright(picture, turn)) for time, picture in media.faces],
            body=[(time, upright(picture, turn)) for time, picture in media.body],
        )
        small = [no_higher(picture, options["detect_height"]) for _, picture in media.faces]
        track = track_face(small, detector, options["every"])
    factor = media.shape.shown[1] / small[0].shape[0]
    share = float(track.shown.mean())
    if not share:
        remarks.append("no face found: the middle of the picture is taken")
    elif share < 1:
        remarks.append(f"a face on {share:.0%} of the samples: the nearest one is taken on the others")
    remarks += [track.remark] if track.remark else []
    return media, replace(track, boxes=track.boxes * factor, landmarks=track.landmarks * factor)


def face_rows(name: str, media: Media, track: Track, options: Mapping[str, Any]) -> list[Row]:
    """Rows of the faces file."""
    rows = []
    for k, nearest in enumerate(track.nearest()):
        time, picture = media.faces[k][0], media.faces[nearest][1]
        box, landmarks = track.boxes[nearest], track.landmarks[nearest]
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
