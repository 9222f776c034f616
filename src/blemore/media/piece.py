"""The short piece of a clip, for encoders that take a video file: where most happens, as a small MP4."""

import io
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.codec.context import Flags

from blemore.media.colour import scaled_yuv
from blemore.media.pictures import Shape, upright

GREY_WIDTH = 64
"""Width, px, of the grey pictures whose differences measure motion: coarse enough not to see the camera's noise."""

CODEC_NOISE = 2.0
"""Grey values by which a coarse pixel of a still picture may change from frame to frame: the encoder's, not motion."""

CODEC = {"preset": "veryfast", "crf": "23", "threads": "1", "bf": "0", "x264-params": "mbtree=0"}
"""x264: one thread, no macroblock tree (it is not reproducible even so), so that bytes depend on the pictures alone; no
B frames, so that picture times are plain."""

SOUND_BITS = 64_000
"""AAC bit rate, bit/s."""


def small_frame(frame: av.VideoFrame, shape: Shape, height: int) -> av.VideoFrame:
    """A frame of at most that height as shown, px, not yet upright: about 0.3 MB."""
    width, height = shape.scaled(min(1.0, height / shape.shown[1]), multiple=2)
    return scaled_yuv(frame, width, height)


def motion(frames: list[av.VideoFrame]) -> np.ndarray:
    """(n_frames,) mean absolute difference of grey values (0..255) to the frame before; 0 for the first.

    What lies within `CODEC_NOISE` does not count: shares of a still clip's noise would outweigh its sound.
    """
    values = np.zeros(len(frames))
    before = None
    for k, frame in enumerate(frames):
        if k and frame is frames[k - 1]:
            continue
        plane = frame.planes[0]
        data = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]  # a buffer, which PyAV's stubs leave out
        luma = data.reshape(plane.height, plane.line_size)[:, : plane.width]
        size = GREY_WIDTH, max(1, round(GREY_WIDTH * plane.height / plane.width))
        grey = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        if before is not None:
            values[k] = float(np.maximum(np.abs(grey - before) - CODEC_NOISE, 0).mean())
        before = grey
    return values


def loudness(samples: np.ndarray, count: int) -> np.ndarray:
    """(count,) root mean square of the sound during each of `count` equal parts of it."""
    edges = np.linspace(0, len(samples), count + 1).round().astype(int)
    squares = np.concatenate([[0.0], np.cumsum(samples.astype(float) ** 2)])
    return np.sqrt(np.diff(squares[edges]) / np.maximum(np.diff(edges), 1))


def choose_window(moving: np.ndarray, loud: np.ndarray, length: int) -> tuple[int, str]:
    """The stretch of `length` frames with the largest share of the clip's motion plus share of its loudness.

    Both are shares of the clip's total, so neither needs a unit or a weight; a still or silent clip counts 0.
    The earliest of equals wins.

    Returns
    -------
    (first frame, reason): "voice" when its loudness stands out more than its motion, "motion" otherwise,
    "whole" when the clip is no longer than `length`.
    """
    if len(moving) <= length:
        return 0, "whole"
    shares = []
    for values in (moving, loud):
        sums = np.convolve(values, np.ones(length), mode="valid")  # (n - length + 1,)
        shares.append(np.round(sums / values.sum(), 9) if values.sum() > 0 else np.zeros(len(sums)))
    start = int(np.argmax(shares[0] + shares[1]))
    return start, "voice" if shares[1][start] > shares[0][start] else "motion"


def cut_piece(
    frames: list[av.VideoFrame], shape: Shape, samples: np.ndarray, *, rate: int, fps: int, seconds: float
) -> dict[str, Any]:
    """Choose the piece of a clip and encode it.

    Parameters
    ----------
    frames : those shown at k / fps s of the whole clip, as `small_frame` gives them; a repeated one is the same object.
    shape : its turn and mirror set them upright.
    samples : (n,) int16 mono sound of the whole clip at `rate` Hz; all zero: the piece gets no sound track.
    seconds : longest piece.

    Returns
    -------
    start (s), reason (what spoke most for this stretch: "motion", "voice" or "whole") and mp4 (bytes).
    """
    length = round(seconds * fps)
    start, reason = choose_window(motion(frames), loudness(samples, len(frames)), length)
    chosen = frames[start : start + length]
    first = round(start * rate / fps)
    heard = samples[first : first + round(len(chosen) * rate / fps)] if samples.any() else None
    return {"start": start / fps, "reason": reason, "mp4": _mp4(chosen, shape, heard, rate, fps)}


def _mp4(frames: list[av.VideoFrame], shape: Shape, samples: np.ndarray | None, rate: int, fps: int) -> bytes:
    """An MP4 (H.264, AAC) whose bytes depend on nothing but the arguments."""
    file = io.BytesIO()
    width, height = replace(shape, width=frames[0].width, height=frames[0].height).shown
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("libx264", fps, CODEC, width=width, height=height, pix_fmt="yuv420p")
        video.codec_context.thread_count = 1
        video.codec_context.flags |= Flags.bitexact
        if samples is not None:
            audio = container.add_stream("aac", rate, layout="mono", bit_rate=SOUND_BITS)
            audio.codec_context.flags |= Flags.bitexact
        for k, frame in enumerate(frames):
            picture = _upright(frame, shape)
            picture.pts, picture.time_base = k, Fraction(1, fps)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if samples is not None:
            wave = np.ascontiguousarray(samples[None, :].astype(np.float32) / 32768)
            sound = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = rate, 0, Fraction(1, rate)
            fifo = av.AudioFifo()
            fifo.write(sound)
            for part in fifo.read_many(audio.codec_context.frame_size, partial=True):
                container.mux(audio.encode(part))
            container.mux(audio.encode(None))
    return file.getvalue()


def _upright(frame: av.VideoFrame, shape: Shape) -> av.VideoFrame:
    """A frame of its own (one frame may be shown twice and each showing has its own time), set upright."""
    if not (shape.rotation or shape.mirrored):
        return av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
    picture = upright(frame.to_ndarray(format="rgb24"), shape.rotation, shape.mirrored)
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
