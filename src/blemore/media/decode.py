"""Open a clip once, know its timeline before anything is decoded, then decode it in one pass.

The timeline comes from the packets alone (reading them costs nothing beside decoding), so the frames wanted
are known beforehand whatever the frame rate does, and no frame is ever sought.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition, Stream
from av.video.reformatter import ColorTrc

from blemore.media.containers import BadClip, is_cut, open_container

JUMP = 2.0
STILL = 0.5
"""Seconds without a picture, and at least `UNLIKE` times the usual distance: a jump in time; a gap that is remarked."""
UNLIKE = 10

LARGEST_FILE = 1 << 30
"""Bytes of packets that are held in memory at most: 30 s of ProRes HQ at 1080p."""

MOST_PIXELS = 8192 * 4320
"""Pixels of the largest picture that is decoded, 53 MB each."""

EARLY, EARLY_SHARE = 0.1, 0.02
"""Seconds, and share of the promised length, by which a clip may end early without a remark: containers round."""

MOST_PLANES = 8
"""Channels, each in a plane of its own, that PyAV can read: it looks for the end of a longer list beyond that list."""

LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000
"""Hz of any recording's sound; a damaged header may say billions, and a clip's sound is held at its own rate."""

LASTS = 0.5
"""A track that lasts less than this share of the longest one of its kind is a cover or a preview, not the clip."""


@dataclass
class OpenClip:
    """An open clip whose packets are read and not yet decoded.

    Times are seconds from the first video frame. `packets` are consumed by `decoded`, which counts what was damaged.
    """

    container: av.container.InputContainer
    video: av.VideoStream
    audio: av.AudioStream | None
    packets: deque[av.Packet]
    said: list[Any]  # ffmpeg's errors so far: (level, part, text)
    first: float  # s, the container's time of the first video frame
    times: np.ndarray  # (n_frames,) s, ascending, 0 first
    duration: float  # s, up to the end of the last video frame
    remarks: list[str] = field(default_factory=list)
    missing: float = 0.0  # s, gaps between pictures
    good_frames: int = 0
    lost_sound: float = 0.0  # s, sound whose packets could not be decoded

    def facts(self) -> dict[str, Any]:
        """The probe columns known without decoding; width and height are the stored ones."""
        sound, picture = self.audio, self.video.codec_context
        transfer = picture.color_trc
        return {
            "container": self.container.format.name,
            "video_codec": picture.name,
            "width": self.video.width,
            "height": self.video.height,
            "fps": len(self.times) / self.duration,
            "duration": self.duration,
            "transfer": ColorTrc(transfer).name.lower() if transfer in set(ColorTrc) - {ColorTrc.UNSPECIFIED} else None,
            "audio_codec": None if sound is None else sound.codec_context.name,
            "audio_rate": None if sound is None else sound.rate,
            "audio_channels": None if sound is None else sound.channels,
        }

    @property
    def good_pictures(self) -> float:
        """0..1, share of the pictures that are whole, after decoding: neither damaged, nor missing, nor in a gap."""
        return min(1.0, self.good_frames / len(self.times)) * (1 - self.missing / self.duration)


@contextmanager
def open_clip(path: Path, options: Mapping[str, Any]) -> Iterator[OpenClip]:
    """Open a clip and read its packets.

    Parameters
    ----------
    options : `max_damaged_share` (0..1) and `max_seconds`, as `prepare.prepare_shard` takes them.

    Raises
    ------
    BadClip : no container of video, no video, times that jump, a file that ends early, too long, or (not here but in
        `decoded`) frames that cannot be decoded.
    """
    with _listening() as said, open_container(path) as container:
        clip = _read(container, said)
        if clip.duration > options["max_seconds"]:
            raise BadClip(f"lasts {clip.duration:.1f} s, at most {options['max_seconds']:g} s are taken (max_seconds)")
        _check_length(clip, options["max_damaged_share"])
        if is_cut(path, container.format.name):
            clip.remarks.append("the file ends inside one of its parts: cut off?")
        yield clip


@contextmanager
def _listening() -> Iterator[list[Any]]:
    """The errors that ffmpeg reports meanwhile, (level, part, text) each: much that it conceals it only says there."""
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # else a clip's remarks would depend on the clip before it
    try:
        with av.logging.Capture() as said:
            yield said
    finally:
        av.logging.set_level(before[0])
        av.logging.set_skip_repeated(before[1])


def _read(container: av.container.InputContainer, said: list[Any]) -> OpenClip:
    streams = [stream for stream in container.streams if stream.type in ("video", "audio")]
    streams = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
    if not any(stream.type == "video" for stream in streams):
        raise BadClip("no video stream")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not any(stream.type == "video" for stream in known):
        raise BadClip("cannot be decoded: no decoder for its video codec")
    for stream in known:
        # Several clips are prepared side by side, one process each: threads would only cost.
        stream.codec_context.thread_type = "NONE"
        stream.codec_context.thread_count = 1
    remarks: list[str] = []
    packets = _packets(container, known, remarks)
    video = _choice([stream for stream in known if stream.type == "video"], packets, remarks, at_least=2)
    if video is None:
        has_frame = any(packet.size for packet in packets if packet.stream.type == "video")
        raise BadClip("no video stream: a single picture" if has_frame else "no video stream: it holds no frame")
    audio = _choice([stream for stream in known if stream.type == "audio"], packets, remarks, at_least=1)
    if audio is None:
        has_track = any(stream.type == "audio" for stream in streams)
        remarks.append("its sound track holds nothing that can be decoded" if has_track else "no sound track")
    if video.width * video.height > MOST_PIXELS:
        raise BadClip(f"pictures of {video.width} x {video.height} px are larger than any camera's: make them smaller")
    video.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    used = deque(packet for packet in packets if packet.stream is video or packet.stream is audio)
    shown = [packet for packet in used if packet.stream is video and packet.size and not packet.is_discard]
    first, times, duration, missing = _timeline(shown, remarks)
    return OpenClip(container, video, audio, used, said, first, times, duration, remarks, missing)


def _packets(container: av.container.InputContainer, streams: Sequence[Stream], remarks: list[str]) -> list:
    """All packets of the streams; what was read before a fault counts."""
    packets, size = [], 0
    try:
        for packet in container.demux(streams):
            size += packet.size
            if size > LARGEST_FILE:
                raise BadClip(f"more than {LARGEST_FILE / 1e9:.1f} GB of pictures and sound: make it smaller")
            packets.append(packet)
    except av.FFmpegError as error:
        if not packets:
            raise BadClip(f"cannot be decoded: {error.strerror}") from error
        remarks.append(f"cannot be read to its end ({error.strerror})")
    return packets


def _choice(streams: list, packets: Sequence[av.Packet], remarks: list[str], at_least: int) -> Any:
    """The stream that players show: of those that last, the default one, then the longest, then the first."""
    spans = {}
    for stream in streams:
        stamps = [
            _stamp(packet) for packet in packets if packet.stream is stream and packet.size and not packet.is_discard
        ]
        if len(stamps) >= at_least:
            spans[stream] = max(stamps) - min(stamps)
    lasting = [stream for stream in spans if spans[stream] >= LASTS * max(spans.values())]
    if not lasting:
        return None
    chosen = max(
        lasting, key=lambda stream: (bool(stream.disposition & Disposition.default), spans[stream], -stream.index)
    )
    if len(spans) > 1:
        kind, why = chosen.type, "default" if chosen.disposition & Disposition.default else "longest"
        number = streams.index(chosen) + 1
        remarks.append(f"{len(spans)} {kind} tracks: number {number}, the {why} one, is taken")
    return chosen


def _stamp(packet: av.Packet) -> float:
    """Time of a packet in s: when it is shown, or (AVI knows no more) when it is decoded."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    if stamp is None:
        raise BadClip("cannot be decoded: a frame without a time")
    return float(stamp * packet.time_base)


def _timeline(shown: Sequence[av.Packet], remarks: list[str]) -> tuple[float, np.ndarray, float, float]:
    """Of the packets of the frames shown: first time, times from there on, duration, length of all gaps; in s.

    Raises
    ------
    BadClip : the time jumps, forwards or back, or stands still.
    """
    order = np.array(
        [_stamp(packet) if packet.dts is None else float(packet.dts * packet.time_base) for packet in shown]
    )
    back = np.flatnonzero(np.diff(order) < -STILL)
    if len(back):
        place = order[back[0]] - order[0]
        raise BadClip(f"time jumps back by {-np.diff(order)[back[0]]:.1f} s after {place:.1f} s")
    stamps = sorted(map(_stamp, shown))
    times = np.array(stamps) - stamps[0]
    gaps = np.diff(times)
    usual = float(np.median(gaps))
    last = max(shown, key=_stamp)
    lasts = float(last.duration * last.time_base) if last.duration else usual
    for k in np.flatnonzero(gaps > max(STILL, UNLIKE * usual)):
        if gaps[k] > JUMP:
            raise BadClip(f"time jumps by {gaps[k]:.1f} s after {times[k]:.1f} s")
        remarks.append(f"no picture for {gaps[k]:.1f} s after {times[k]:.1f} s")
    missing = float(np.sum(gaps[gaps > max(STILL, UNLIKE * usual)] - usual))
    if lasts > max(JUMP, UNLIKE * usual):
        lasts = usual  # what a header says of one picture is no picture for so long
    duration = float(times[-1]) + lasts
    if duration <= 0:
        raise BadClip("cannot be decoded: all frames have one time")
    return stamps[0], times, duration, missing


def _check_length(clip: OpenClip, allowed: float) -> None:
    """Compare the timeline with the length that the header promises: a copy cut short keeps its header."""
    if clip.video.duration is not None and clip.video.time_base is not None:
        end, promised = clip.duration, float(clip.video.duration * clip.video.time_base)
        if clip.video.frames and clip.video.average_rate:  # AVI: what the header says, where the file itself is shorter
            promised = max(promised, float(clip.video.frames / clip.video.average_rate))
    elif clip.container.duration is not None:  # Matroska tells one length for all streams, most writers count from 0
        packets = [packet for packet in clip.packets if packet.size]
        start = min(map(_stamp, packets))
        end = max(clip.first + clip.duration, *map(_stamp, packets)) - start
        promised = clip.container.duration / av.time_base
        promised -= start if 0 < start < promised else 0
    else:
        return
    if end < (1 - allowed) * promised:
        raise BadClip(f"ends after {end:.1f} of {promised:.1f} s")
    if end < min(promised - EARLY, (1 - EARLY_SHARE) * promised):
        clip.remarks.append(f"ends after {end:.2f} of {promised:.2f} s")


def decoded(clip: OpenClip, allowed: float) -> Iterator[tuple[float, av.VideoFrame | av.AudioFrame]]:
    """Decode every packet once; give (time in s, frame) of video and sound as they come.

    A faulty packet is passed over (video: the frame is missing; sound: a gap). A picture that the decoder had to conceal, or
    that follows a missing one, counts as damaged, and so do those that are built on it, up to the next key frame.

    Raises
    ------
    BadClip : after the last frame, when more than the share `allowed` of the video frames, or of the sound, is damaged.
    """
    count, reason, damaged, sound_packets, lost_packets = 0, "", False, 0, 0
    while clip.packets:
        packet = clip.packets.popleft()  # freed as soon as it is decoded
        is_sound = packet.stream is clip.audio
        sound_packets += is_sound and packet.size > 0
        before = len(clip.said)
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            reason = f" ({error.strerror})"
            damaged |= not is_sound
            lost_packets += is_sound
            continue
        for frame in frames:
            if isinstance(frame, av.AudioFrame) and (fault := unreadable(frame)):
                reason = f" ({fault})"
                lost_packets += 1
                continue
            if isinstance(frame, av.VideoFrame):
                damaged = frame.is_corrupt or (damaged and not frame.key_frame)
                clip.good_frames += not damaged and len(clip.said) == before
            if frame.pts is not None and frame.time_base is not None:
                time = float(frame.pts * frame.time_base) - clip.first
            elif isinstance(frame, av.VideoFrame):
                time = float(clip.times[min(count, len(clip.times) - 1)])
            else:
                continue
            count += isinstance(frame, av.VideoFrame)
            yield time, frame
    lost = lost_packets / max(1, sound_packets)
    clip.lost_sound = lost * clip.duration
    _check_damage(clip, count, lost, allowed, reason)


def unreadable(frame: av.AudioFrame) -> str:
    """Why a frame of sound cannot be taken, "" of an ordinary one; damaged AAC is decoded to dozens of planes."""
    if frame.format.is_planar and frame.layout.nb_channels > MOST_PLANES:
        return f"{frame.layout.nb_channels} channels, at most {MOST_PLANES} of its coding can be read"
    if not LOWEST_RATE <= frame.sample_rate <= HIGHEST_RATE:
        return f"{frame.sample_rate} Hz, a recording has {LOWEST_RATE} to {HIGHEST_RATE}"
    return ""


def _check_damage(clip: OpenClip, count: int, lost: float, allowed: float, reason: str) -> None:
    if count < (1 - allowed) * len(clip.times):
        raise BadClip(f"cannot be decoded: only {count} of {len(clip.times)} frames{reason}")
    if clip.good_pictures < 1 - allowed:
        raise BadClip(f"damaged: only {clip.good_pictures:.0%} of its pictures are whole{reason}")
    if lost > allowed:
        raise BadClip(f"damaged: {lost:.0%} of its sound cannot be decoded{reason}")
    if clip.said:
        first = clip.said[0][2].strip().replace(";", ",")
        clip.remarks.append(f"ffmpeg reports {len(clip.said)} error(s), the first: {first}")
    if clip.good_pictures < 1:
        clip.remarks.append(f"{clip.good_pictures:.1%} of its pictures are whole")
    if lost:
        clip.remarks.append(f"{lost:.1%} of its sound cannot be decoded: silence in its place")
