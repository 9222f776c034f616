"""Long recordings: decoded once, judged in windows, each as if it were a clip of its own."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pandas as pd

from blemore.media.decode import BadClip, OpenClip, decoded, open_clip
from blemore.media.detectors import load_detector
from blemore.media.prepare import decode_media, find_person, rows_of_media
from blemore.predict.media import BATCH, write_shard
from blemore.scoring.labels import CLASSES
from joblineage.errors import DataError, MissingDataError
from joblineage.progress import Steps

if TYPE_CHECKING:
    from blemore.predict.bundle import Judged

LATE = 1.0
"""s by which sound may follow the picture that it belongs to, in the order of a file."""
ROUNDING = 0.5e-3
"""s by which a frame's time may differ from the start of a window that begins with it."""
SHORTEST = 0.2
"""s; least window."""
DIGITS = 9
"""Of a window's name: its start in ms, so that names sort by time."""


@dataclass(frozen=True)
class Decoded:
    """A packet of a window: decoded already."""

    frame: av.VideoFrame | av.AudioFrame
    stream: Any
    size: int = 1

    def decode(self) -> list[av.VideoFrame | av.AudioFrame]:
        """As `av.Packet.decode`."""
        return [self.frame]


@dataclass(frozen=True)
class Recording:
    """A recording, prepared.

    file : the recording; seconds : its length; rate : Hz of `sound`, (n,) int16 mono.
    windows : {name: (start, end)} in s, in order of time; shards : {kind: files}.
    """

    file: Path
    seconds: float
    rate: int
    sound: np.ndarray
    windows: Mapping[str, tuple[float, float]]
    shards: Mapping[str, list[Path]]


@dataclass(frozen=True)
class Timeline:
    """Probabilities over time.

    table : one row a window: start and end in s, answer_ang, ... in percent, p_presence, p_blend, fused probabilities ang, ... .
    file, seconds, rate, sound : as in `Recording`.
    """

    file: Path
    seconds: float
    rate: int
    sound: np.ndarray
    table: pd.DataFrame

    @classmethod
    def of(cls, recording: Recording, judged: "Judged") -> "Timeline":
        """What was judged of prepared windows."""
        times = pd.DataFrame.from_dict(dict(recording.windows), orient="index", columns=["start", "end"])
        decisions, fused = (part.set_index("clip").loc[times.index] for part in (judged.decisions, judged.fused))
        answers = decisions[list(CLASSES)].add_prefix("answer_")
        table = pd.concat([times, answers, decisions[["p_presence", "p_blend"]], fused[list(CLASSES)]], axis=1)
        return cls(recording.file, recording.seconds, recording.rate, recording.sound, table.reset_index(drop=True))


def prepare_windows(
    path: Path, samples: Mapping[str, Any], kinds: Collection[str], every: float, window: float, folder: Path
) -> Recording:
    """Prepare the windows of a recording in one decoding.

    Parameters
    ----------
    samples : `media.samples` of the study's parameters; kinds : of media that the encoders read.
    every : s from start to start, at most `window`; window : s.
    folder : where the prepared files are written.

    Raises
    ------
    MissingDataError : no such file. DataError : the recording cannot be used; says why.
    """
    if not SHORTEST <= every <= window:
        text = f"found every {every:g} and window {window:g} s"
        raise DataError(str(path), [f"{text}, expected {SHORTEST:g} <= every <= window: else something is passed over"])
    if not path.is_file():
        raise MissingDataError(str(path), ["no such file"])
    cv2.setNumThreads(1)
    detector, wanted = load_detector(samples["faces"]["detector"]), sorted({*kinds, "audio"})
    shards: dict[str, list[Path]] = {kind: [] for kind in wanted}
    windows, rows, sound, rate = {}, [], [], samples["audio"]["rate"]
    samples = {**samples, "max_seconds": float("inf")}
    of_window = {**samples, "max_damaged_share": 1.0}  # damage is judged over the whole recording
    try:
        with open_clip(path, samples) as clip:
            seconds = clip.duration
            starts = window_starts(seconds, every, window)
            with Steps(path.name, len(starts), every=BATCH) as steps:
                for start, part in windows_of(clip, starts, window, samples["max_damaged_share"]):
                    name = f"{round(1000 * start):0{DIGITS}d}"
                    media, track = decode_media(part, of_window, wanted), None
                    if media.faces:
                        media, track = find_person(media, samples["faces"], detector, [])
                    rows.append(rows_of_media(name, media, track, samples, wanted))
                    windows[name] = float(start), float(start + window)
                    heard = np.frombuffer(rows[-1]["audio"][0]["samples"], "<i2")
                    sound.append(heard if len(windows) == len(starts) else heard[: round(every * rate)])
                    if len(rows) == BATCH or len(windows) == len(starts):
                        for kind, file in write_shard(folder, name, rows, wanted).items():
                            shards[kind].append(file)
                        rows = []
                    steps.advance(1)
    except BadClip as reason:
        raise DataError(str(path), [str(reason)]) from reason
    return Recording(path, seconds, rate, np.concatenate(sound), windows, shards)


def window_starts(seconds: float, every: float, window: float) -> np.ndarray:
    """(n,) s, starts of all windows that lie within a recording.

    Raises
    ------
    BadClip : it is shorter than one window.
    """
    if seconds < window:
        raise BadClip(f"lasts {seconds:.1f} s, less than one window of {window:g} s")
    return np.round(np.arange(int((seconds - window) / every + 1e-6) + 1) * every, 6)


def windows_of(clip: OpenClip, starts: np.ndarray, window: float, allowed: float) -> Iterator[tuple[float, OpenClip]]:
    """(start, the window as an open clip of its own) of a recording that is decoded once.

    allowed : largest share of damaged pictures or sound, as for `media.decode.decoded`. Frames are kept as long as a window still needs them.
    """
    held: deque[tuple[float, av.VideoFrame | av.AudioFrame]] = deque()
    due = deque(starts.tolist())
    for time, frame in decoded(clip, allowed):
        while due and time > due[0] + window + LATE:
            yield due[0], _window(clip, held, due[0], window)
            due.popleft()
        while held and due and held[0][0] < due[0] - LATE:
            held.popleft()
        held.append((time, frame))
    for start in due:
        yield start, _window(clip, held, start, window)


def _window(
    clip: OpenClip, held: Collection[tuple[float, av.VideoFrame | av.AudioFrame]], start: float, window: float
) -> OpenClip:
    first, end = start - ROUNDING, start + window - ROUNDING
    inside = (clip.times >= first) & (clip.times < end)
    if inside.sum() < 2:
        raise BadClip(f"fewer than two pictures from {start:.1f} to {start + window:.1f} s")
    packets: Any = deque(  # what `decoded` asks of a packet, each of these can
        Decoded(frame, clip.audio if isinstance(frame, av.AudioFrame) else clip.video)
        for time, frame in held
        if time < end and (time >= first or isinstance(frame, av.AudioFrame))
    )
    times = clip.times[inside] - start
    fresh: dict[str, Any] = {"said": [], "remarks": [], "missing": 0.0, "good_frames": 0, "lost_sound": 0.0}
    return replace(clip, packets=packets, first=clip.first + start, times=times, duration=window, **fresh)
