"""Open a clip once, know its timeline before anything is decoded, then decode it in one pass.

The timeline comes from the packets alone (reading them costs nothing beside decoding), so the frames wanted
are known beforehand whatever the frame rate does, and no frame is ever sought.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

ENOUGH = 0.9
"""Share of the promised length, and of the frames, that must be there; a clip with less is truncated."""
JITTER = 0.005
"""Time stamps may be this far (s) from where the last frame of sound ended and still mean "goes on"."""
FULL_SCALE = 32768.0
"""int16 value of amplitude 1."""


class BadClip(Exception):
    """The clip cannot be used; the message is the reason written into the table."""


@dataclass
class OpenClip:
    """An open clip whose packets are read and not yet decoded.

    Times are seconds from the first video frame. `packets` are consumed by `decoded`.
    """

    container: av.container.InputContainer
    video: av.VideoStream
    audio: av.AudioStream | None
    packets: deque[av.Packet]
    first: float  # s, the container's time of the first video frame
    times: np.ndarray  # (n_frames,) s, ascending, 0 first
    duration: float  # s, up to the end of the last video frame

    def facts(self) -> dict[str, Any]:
        """The probe columns known without decoding; width and height are the stored ones."""
        sound = self.audio
        return {
            "container": self.container.format.name,
            "video_codec": self.video.codec_context.name,
            "width": self.video.width,
            "height": self.video.height,
            "fps": len(self.times) / self.duration,
            "duration": self.duration,
            "audio_codec": None if sound is None else sound.codec_context.name,
            "audio_rate": None if sound is None else sound.rate,
            "audio_channels": None if sound is None else sound.channels,
        }


@contextmanager
def open_clip(path: Path) -> Iterator[OpenClip]:
    """Open a clip and read its packets.

    Raises
    ------
    BadClip : zero bytes, no container, no video, or (not here but in `decoded`) frames that cannot be decoded.
    """
    if path.stat().st_size == 0:
        raise BadClip("zero bytes")
    with ExitStack() as opened:
        try:
            clip = _read(opened.enter_context(av.open(str(path), metadata_errors="replace")))
        except av.FFmpegError as error:
            raise BadClip(f"cannot be decoded: {error.strerror}") from error
        yield clip


def _read(container: av.container.InputContainer) -> OpenClip:
    videos = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not videos:
        raise BadClip("no video stream")
    video = videos[0]
    if video.codec_context is None:
        raise BadClip("cannot be decoded: no decoder for its video codec")
    audio = next((stream for stream in container.streams.audio if stream.codec_context is not None), None)
    used = [video] if audio is None else [video, audio]
    for stream in used:
        # Several clips are prepared side by side, one process each: threads would only cost.
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.thread_count = 1
    packets = deque(container.demux(used))
    shown = [packet for packet in packets if packet.stream is video and packet.size and not packet.is_discard]
    stamps = sorted(_stamp(packet) for packet in shown)
    if len(stamps) < 2:
        raise BadClip("no video stream: a single picture" if stamps else "no video stream: it holds no frame")
    first = stamps[0]
    times = np.array(stamps) - first
    last = max(shown, key=_stamp)
    gap = float(last.duration * last.time_base) if last.duration else float(np.median(np.diff(times)))
    clip = OpenClip(container, video, audio, packets, first, times, float(times[-1]) + gap)
    _check_length(clip)
    return clip


def _stamp(packet: av.Packet) -> float:
    """Time of a packet in s: when it is shown, or (AVI knows no more) when it is decoded."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    if stamp is None:
        raise BadClip("cannot be decoded: a frame without a time")
    return float(stamp * packet.time_base)


def _check_length(clip: OpenClip) -> None:
    """Compare the timeline with the length that the header promises: a copy cut short keeps its header."""
    if clip.video.duration is not None and clip.video.time_base is not None:
        end, promised = clip.duration, float(clip.video.duration * clip.video.time_base)
    elif clip.container.duration is not None:  # Matroska tells one length for all streams
        end = max(_stamp(packet) for packet in clip.packets if packet.size) - clip.first
        promised = clip.container.duration / av.time_base
    else:
        return
    if end < ENOUGH * promised:
        raise BadClip(f"ends after {end:.1f} of {promised:.1f} s")


def decoded(clip: OpenClip) -> Iterator[tuple[float, av.VideoFrame | av.AudioFrame]]:
    """Decode every packet once; give (time in s, frame) of video and sound as they come.

    A faulty packet is passed over (video: the frame is missing; sound: a gap).

    Raises
    ------
    BadClip : after the last frame, when fewer than `ENOUGH` of the video frames could be decoded.
    """
    count, reason = 0, ""
    while clip.packets:
        packet = clip.packets.popleft()  # freed as soon as it is decoded
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            reason = f" ({error.strerror})"
            continue
        for frame in frames:
            if frame.pts is not None and frame.time_base is not None:
                time = float(frame.pts * frame.time_base) - clip.first
            elif isinstance(frame, av.VideoFrame):
                time = float(clip.times[min(count, len(clip.times) - 1)])
            else:
                continue
            count += isinstance(frame, av.VideoFrame)
            yield time, frame
    if count < ENOUGH * len(clip.times):
        raise BadClip(f"cannot be decoded: only {count} of {len(clip.times)} frames{reason}")


class Sound:
    """Collects the decoded sound of a clip; each frame stays where its time stamp puts it.

    So the priming of AAC (sound before time 0) falls away, and a gap in the stream stays a gap.
    """

    def __init__(self) -> None:
        self._chunks: list[tuple[float, int, np.ndarray]] = []  # (s, Hz, mono float32)

    def take(self, time: float, frame: av.AudioFrame) -> None:
        """Keep one frame of sound that starts at `time` (s from the first video frame)."""
        self._chunks.append((time, frame.sample_rate, _mono(frame)))

    def samples(self, rate: int, duration: float) -> np.ndarray:
        """(round(duration * rate),) int16, mono, silence where the file has no sound."""
        length = round(duration * rate)
        if not self._chunks:
            return np.zeros(length, np.int16)
        source = self._chunks[0][1]
        wave = _resample(self._on_the_clock(source, duration), source, rate)
        wave = np.pad(wave[:length], (0, max(0, length - len(wave))))
        return np.clip(np.rint(wave * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)

    def _on_the_clock(self, rate: int, duration: float) -> np.ndarray:
        wave = np.zeros(int(np.ceil(duration * rate)), np.float32)
        end = None
        for time, chunk_rate, chunk in self._chunks:
            if chunk_rate != rate:  # a stream may change its rate on the way (broadcast recordings do)
                chunk = _resample(chunk, chunk_rate, rate)
            start = round(time * rate)
            if end is not None and abs(start - end) <= JITTER * rate:
                start = end
            end = start + len(chunk)
            inside = slice(max(0, start), max(0, min(end, len(wave))))
            wave[inside] = chunk[inside.start - start : max(inside.start, inside.stop) - start]
        return wave


def _mono(frame: av.AudioFrame) -> np.ndarray:
    """(n_samples,) float32 in about [-1, 1]: the mean of the channels."""
    values = frame.to_ndarray()  # planar (channels, n), packed (1, n * channels)
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype == np.uint8:
        values = (values.astype(np.float32) - 128) / 128
    elif np.issubdtype(values.dtype, np.integer):
        values = values.astype(np.float32) / -float(np.iinfo(values.dtype.name).min)
    return values.mean(axis=0, dtype=np.float32)


def _resample(wave: np.ndarray, source: int, rate: int) -> np.ndarray:
    """(n,) float32 at `source` Hz -> (about n * rate / source,) float32, without delay."""
    if source == rate or not len(wave):
        return wave
    frame = av.AudioFrame.from_ndarray(wave[None, :], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = source, 0
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])
