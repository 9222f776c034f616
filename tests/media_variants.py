"""Clips of one test pattern in many codings, odd and damaged ones among them, each with what preparing it must give.

The pattern: 2 s, four fields of known colours, white and a click at 1 s, a soft tone. `python tests/media_variants.py NAME` prepares one
and prints what came of it.
"""

import io
import json
import struct
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from media_samples import OPTIONS

from blemore.media.prepare import prepare_clip

SECONDS, AT, FPS, RATE = 2.0, 1.0, 25, 48000
COLOURS = ((200, 40, 40), (40, 180, 40), (40, 40, 200), (224, 172, 140))
"""Top left, top right, bottom left, bottom right."""
LEVEL = 0.1 * 2**-0.5
"""Root mean square of the tone."""
CLOCK = Fraction(1, 10000)
NO_FACE = "no face found: the middle of the picture is taken"


ONE_THREAD = {
    "libx264": {"x264-params": "threads=1:mbtree=0"},
    "libx265": {"x265-params": "pools=none:frame-threads=1:log-level=error"},
}
"""Options of encoders that start threads of their own."""


def pattern(time: float, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8."""
    if AT - 1e-6 <= time < AT + 1 / FPS - 1e-6:
        return np.full((height, width, 3), 255, np.uint8)
    picture = np.empty((height, width, 3), np.uint8)
    for k, colour in enumerate(COLOURS):
        rows, columns = (slice(height // 2), slice(height // 2, None)), (slice(width // 2), slice(width // 2, None))
        picture[rows[k // 2], columns[k % 2]] = colour
    return picture


def sound(*gains: float, rate: int = RATE, seconds: float = SECONDS) -> np.ndarray:
    """(channels, n) float32: the tone and the click, one gain a channel."""
    times = np.arange(round(seconds * rate)) / rate
    wave = 0.1 * np.sin(2 * np.pi * 440 * times)
    wave[round(AT * rate) : round((AT + 0.02) * rate)] += 0.7
    return np.outer(gains, wave).astype(np.float32)


def write(
    path: Path, *, times: Sequence[float] | None = None, fps: float = FPS, size: tuple[int, int] = (192, 144),
    codec: str = "libx264", form: str = "yuv420p", matrix: int = 5, full: bool = False, tags: tuple[int, int, int] | None = None,
    deep: Callable[[np.ndarray], np.ndarray] | None = None, waves: Sequence[np.ndarray] = (sound(1, 1),),
    layout: str | None = None, rate: int = RATE, sound_codec: str = "aac", starts: float = 0.0, pace: float = 1.0,
    shift: float = 0.0, second: tuple[int, int] | None = None, frames_of_first: int | None = None, default: int | None = None,
    draw: Callable[[float, int, int], np.ndarray] = pattern, options: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """Write the pattern; the same arguments give the same bytes.

    matrix, tags : ffmpeg's numbers of the YUV matrix, and of (matrix, transfer, primaries) where the file says them.
    deep : RGB uint8 -> uint16 of another transfer.
    waves : one sound track each, begun at `starts` s, with time stamps `pace` times the samples' own.
    shift : s, added to all times.
    second : size of a second video track, which alone shows the pattern; the first holds `frames_of_first` black pictures.
    default : number of the track of each kind that is the default one.
    """
    times = np.arange(round(SECONDS * fps)) / fps if times is None else np.asarray(times)
    regular = np.allclose(np.diff(times), 1 / fps) and not shift
    with av.open(str(path), "w", options={"fflags": "+bitexact"} | (options or {})) as container:
        videos = []
        for shown in (size, second) if second else (size,):
            video = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1000))
            video.width, video.height, video.pix_fmt = *shown, form
            video.codec_context.thread_count = 1  # else the bytes depend on how many cores the machine has
            if codec in ONE_THREAD:
                video.codec_context.options = ONE_THREAD[codec]
            if not regular:
                video.codec_context.time_base = CLOCK
            if tags:
                video.codec_context.colorspace, video.codec_context.color_trc, video.codec_context.color_primaries = (
                    tags
                )
            if full:
                video.codec_context.color_range = 2
            videos.append(video)
        tracks = []
        for wave in waves:
            track = container.add_stream(sound_codec, rate=rate, layout=layout or {1: "mono", 2: "stereo"}[len(wave)])
            if sound_codec in ("opus", "vorbis"):
                track.codec_context.options = {"strict": "-2"}
            tracks.append(track)
        if default is not None:
            for one in (videos, tracks):
                for k, stream in enumerate(one):
                    stream.disposition = int(k == default) if len(one) > 1 else 1
        for k, video in enumerate(videos):
            hidden = second and not k
            for time in times[: frames_of_first if hidden else None]:
                picture = (
                    np.zeros((*size[::-1], 3), np.uint8) if hidden else draw(float(time), video.width, video.height)
                )
                frame = av.VideoFrame.from_ndarray(*((deep(picture), "rgb48le") if deep else (picture, "rgb24")))
                frame = frame.reformat(format=form, dst_colorspace=matrix, dst_color_range=2 if full else 1)
                step = Fraction(1) / Fraction(fps).limit_denominator(1000) if regular else CLOCK
                frame.pts, frame.time_base = round((float(time) + shift) / step), step
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        for track, wave in zip(tracks, waves, strict=True):
            for start in range(0, wave.shape[1], 1024):
                part = np.ascontiguousarray(wave[:, start : start + 1024].T).reshape(1, -1)  # packed: (1, n * channels)
                frame = av.AudioFrame.from_ndarray(part, format="flt", layout=track.layout.name)
                stamp = (start / rate * pace + starts + shift) * rate
                frame.sample_rate, frame.pts, frame.time_base = rate, round(stamp), Fraction(1, rate)
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return path


@dataclass(frozen=True)
class Variant:
    """How a clip is made and what preparing it must give."""

    make: Callable[[Path], Path]  # folder -> the clip's file
    bad: str | tuple[str, ...] = ""  # how the reason begins for which it must be set aside; "" it must be accepted
    remarks: tuple[str, ...] = ()  # all that must be remarked, by their beginnings
    colours: float | None = 6  # grey values that the mean of a field may be off; None: not looked at
    corners: str = "0123"  # which of COLOURS stands top left, top right, bottom left, bottom right
    seconds: float = SECONDS
    level: float | None = LEVEL  # of the sound between .3 and .8 s; None: not looked at
    flash: bool = True  # white and click are looked for


class Nobody:
    """A detector that finds nobody, at once."""

    def find(self, picture: np.ndarray) -> list:
        return []


def check(variant: Variant, folder: Path) -> dict[str, str | float]:
    """Make the clip, prepare it, compare.

    Returns
    -------
    verdict ("plain", "remarked" or "set aside"), said, and, where they were looked at: orientation ("right"), colour (grey
    values that the mean of a field is off at most), picture, sound (ms that white and click are late).

    Raises
    ------
    AssertionError : something came out otherwise, or went without a word.
    """
    path = variant.make(folder)
    found = prepare_clip("clip", path, OPTIONS, Nobody())
    probe = found["probe"][0]
    if variant.bad:
        assert probe["quarantine"].startswith(variant.bad), (probe["quarantine"], probe["remarks"])
        return {"verdict": "set aside", "said": probe["quarantine"]}
    assert not probe["quarantine"], probe["quarantine"]
    remarks = [one for one in probe["remarks"].split("; ") if one != NO_FACE]
    left = [one for one in remarks if one and not one.startswith(variant.remarks or ("-",))]
    assert not left, f"remarked without need: {left}"
    unsaid = [text for text in variant.remarks if not any(one.startswith(text) for one in remarks)]
    assert not unsaid, f"not remarked: {unsaid}; but {remarks}"
    assert abs(probe["duration"] - variant.seconds) < 0.06, probe["duration"]
    seen: dict[str, str | float] = {"verdict": "remarked" if remarks else "plain", "said": "; ".join(remarks)}
    samples = np.frombuffer(found["audio"][0]["samples"], "<i2") / 32768
    assert len(samples) == round(probe["duration"] * OPTIONS["audio"]["rate"])
    if variant.level is not None:
        level = np.sqrt(np.mean(samples[4800:12800] ** 2))
        assert abs(level - variant.level) <= 0.05 * LEVEL, level
    pictures = [
        cv2.imdecode(np.frombuffer(row["jpeg"], np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for row in found["body"]
    ]
    with av.open(io.BytesIO(found["pieces"][0]["mp4"])) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    if variant.colours is not None:
        for picture, allowed in ((frames[5], variant.colours + 4), (pictures[2], variant.colours)):
            found_colours = fields(picture)
            nearest = [np.abs(np.array(COLOURS) - one).sum(axis=1).argmin() for one in found_colours]
            assert "".join(map(str, nearest)) == variant.corners, np.round(found_colours)
            off = [np.abs(one - COLOURS[k]).mean() for one, k in zip(found_colours, nearest, strict=True)]
            assert max(off) <= allowed, np.round(found_colours)
            seen |= {"orientation": "right", "colour": round(float(max(off)), 1)}
    if variant.flash and probe["duration"] < 2.1:
        white = [k / 25 for k, frame in enumerate(frames) if frame.min(axis=2).mean() > 200]
        assert white, "no white picture"
        assert abs(white[0] - AT) <= 0.041, white
        seen["picture"] = round(1000 * (white[0] - AT))
        if variant.level:
            heard = np.flatnonzero(np.abs(samples) > 0.4)[0] / OPTIONS["audio"]["rate"]
            assert abs(heard - AT) < 0.01, heard
            seen["sound"] = round(1000 * float(heard - AT))
    return seen


def fields(picture: np.ndarray) -> list[np.ndarray]:
    """Mean colours of the four fields."""
    shown = picture[picture.max(axis=(1, 2)) > 25]  # without the bars of a square crop
    shown = shown[:, shown.max(axis=(0, 2)) > 25]
    height, width = shown.shape[:2]
    upper, left = slice(height // 6, height // 3), slice(width // 6, width // 3)
    lower, right = slice(-height // 3, -height // 6), slice(-width // 3, -width // 6)
    return [shown[rows, columns].reshape(-1, 3).mean(axis=0) for rows in (upper, lower) for columns in (left, right)]


def plain(name: str, **how) -> Callable[[Path], Path]:
    """Makes the pattern as a file of that name."""
    return lambda folder: write(folder / name, **how)


def edited(make: Callable[[Path], Path], edit: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    """Makes a clip, then changes its bytes."""

    def made(folder: Path) -> Path:
        path = make(folder)
        path.write_bytes(edit(path.read_bytes()))
        return path

    return made


def text(name: str, content: str) -> Callable[[Path], Path]:
    """Makes a text beside a good clip, next.mp4, that it may name."""

    def made(folder: Path) -> Path:
        write(folder / "next.mp4")
        (folder / name).write_text(content)
        return folder / name

    return made


def renamed(name: str) -> Callable[[Path], Path]:
    """Makes a good clip, of a name that ffmpeg could take for a protocol or a row of pictures."""
    return lambda folder: write(folder / "good.mp4").rename(folder / name)


def displayed(*matrix: int) -> Callable[[bytes], bytes]:
    """Puts a, b, c, d of a display matrix into the first track of an MP4."""
    one = 1 << 16
    identity = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    a, b, c, d = (one * value for value in matrix)

    def edit(data: bytes) -> bytes:
        place = data.index(identity, data.index(b"tkhd"))
        return data[:place] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[place + len(identity) :]

    return edit


def hlg(picture: np.ndarray) -> np.ndarray:
    """The pattern as HLG of BT.2020 primaries, white at 75 %: uint16."""
    light = _wide(np.where(picture / 255 < 0.081, picture / 255 / 4.5, ((picture / 255 + 0.099) / 1.099) ** (1 / 0.45)))
    light = light * 0.26496
    high = 0.17883277 * np.log(np.maximum(12 * light - 0.28466892, 1e-9)) + 0.55991073
    return np.rint(np.where(light <= 1 / 12, np.sqrt(3 * light), high) * 65535).astype(np.uint16)


def pq(picture: np.ndarray) -> np.ndarray:
    """The pattern as PQ of BT.2020 primaries, white at 203 cd/m2: uint16."""
    root = (_wide((picture / 255) ** 2.4) * 203 / 10000) ** (2610 / 16384)
    return np.rint(((0.8359375 + 18.8515625 * root) / (1 + 18.6875 * root)) ** 78.84375 * 65535).astype(np.uint16)


def bt2020(picture: np.ndarray) -> np.ndarray:
    """The pattern in BT.2020 primaries: uint16."""
    light = _wide(np.where(picture / 255 < 0.081, picture / 255 / 4.5, ((picture / 255 + 0.099) / 1.099) ** (1 / 0.45)))
    return np.rint(np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099) * 65535).astype(np.uint16)


def _wide(light: np.ndarray) -> np.ndarray:
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    return np.clip(light @ to_2020.T, 0, 1)


def busy(time: float, width: int, height: int) -> np.ndarray:
    """Noise, for large files."""
    return np.random.default_rng(round(time * 1000)).integers(0, 255, (height, width, 3), dtype=np.uint8)


def damaged(kind: str, begin: float, every: int) -> Callable[[Path], Path]:
    """Makes a clip, every so many packets of which ("video", "audio") are overwritten, from a share of them on."""

    def made(folder: Path) -> Path:
        path = write(folder / "clip.mp4", draw=busy if kind == "video" else pattern)
        data = bytearray(path.read_bytes())
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux() if packet.stream.type == kind and packet.size]
        for packet in packets[int(begin * len(packets)) :: every]:
            first, last = packet.pos + packet.size // 3, packet.pos + packet.size
            data[first:last] = np.random.default_rng(packet.pos).bytes(last - first)
        path.write_bytes(bytes(data))
        return path

    return made


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(share * len(data))]


def joined(name: str, *parts: dict) -> Callable[[Path], Path]:
    """Makes transport streams one behind the other in one file."""

    def made(folder: Path) -> Path:
        files = [write(folder / f"part{k}.ts", **part) for k, part in enumerate(parts)]
        (folder / name).write_bytes(b"".join(file.read_bytes() for file in files))
        return folder / name

    return made


def spoiled(value: float, share: float) -> np.ndarray:
    """The sound with a value that is no amplitude in a stretch behind the middle."""
    wave = sound(1, 1)
    begin = int(0.6 * wave.shape[1])
    wave[:, begin : begin + int(share * wave.shape[1])] = value
    return wave


HD = {"size": (1280, 720), "fps": 5, "options": {"preset": "ultrafast"}}
FLOAT = {"sound_codec": "pcm_f32le"}
FRAGMENTS = {"options": {"movflags": "+frag_keyframe+empty_moov"}}
SILENT_PART = np.concatenate([sound(1, 1)[:, : int(0.65 * RATE)]], axis=1)
CANCEL, ONE_SIDE = "its channels cancel each other", "sound on one side alone"

VARIANTS = {
    # Containers and codecs
    "mp4, H.264, AAC": Variant(plain("clip.mp4")),
    "mov, H.264, PCM": Variant(plain("clip.mov", sound_codec="pcm_s16le")),
    "mkv, H.264, FLAC": Variant(plain("clip.mkv", sound_codec="flac")),
    "mp4, H.265": Variant(plain("clip.mp4", codec="libx265")),
    "webm, VP9, Opus": Variant(plain("clip.webm", codec="libvpx-vp9", sound_codec="libopus")),
    "avi, MPEG-4, PCM": Variant(plain("clip.avi", codec="mpeg4", sound_codec="pcm_s16le")),
    "ts, H.264, AAC": Variant(plain("clip.ts")),
    "mpg, MPEG-2, MP2": Variant(plain("clip.mpg", codec="mpeg2video", sound_codec="mp2")),
    "flv, H.264, AAC": Variant(plain("clip.flv", rate=44100, waves=[sound(1, 1, rate=44100)])),
    "wmv": Variant(plain("clip.wmv", codec="wmv2", sound_codec="libmp3lame")),
    "mov, MJPEG, full range": Variant(plain("clip.mov", codec="mjpeg", form="yuvj420p", full=True)),
    "mov, ProRes, 10 bits": Variant(plain("clip.mov", codec="prores_ks", form="yuv422p10le", sound_codec="pcm_s24le")),
    "mkv, FFV1, RGB": Variant(plain("clip.mkv", codec="ffv1", form="bgr0", matrix=0)),
    "fragmented mp4": Variant(plain("clip.mp4", **FRAGMENTS)),
    # What is a clip
    "a text that names a clip": Variant(text("clip.mov", "ffconcat version 1.0\nfile next.mp4\n"), bad="no container"),
    "a playlist": Variant(
        text("clip.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nnext.mp4\n#EXT-X-ENDLIST\n"), bad="no container"
    ),
    "concat: in the name": Variant(renamed("concat:good.mp4")),
    "a pattern in the name": Variant(renamed("clip%03d.mp4")),
    # Orientation
    "turned by 90": Variant(edited(plain("clip.mp4"), displayed(0, 1, -1, 0)), corners="2031"),
    "turned by 180": Variant(edited(plain("clip.mp4"), displayed(-1, 0, 0, -1)), corners="3210"),
    "turned by 270": Variant(edited(plain("clip.mp4"), displayed(0, -1, 1, 0)), corners="1302"),
    "mirrored": Variant(edited(plain("clip.mp4"), displayed(-1, 0, 0, 1)), corners="1032", remarks=("shown mirrored",)),
    "upside down by a mirror": Variant(
        edited(plain("clip.mp4"), displayed(1, 0, 0, -1)), corners="2301", remarks=("shown mirrored",)
    ),
    "transposed": Variant(edited(plain("clip.mp4"), displayed(0, 1, 1, 0)), corners="0213", remarks=("shown mirrored",)),
    "transposed the other way": Variant(
        edited(plain("clip.mp4"), displayed(0, -1, -1, 0)), corners="3120", remarks=("shown mirrored",)
    ),
    # Colour
    "BT.709 without a tag, 720 lines": Variant(plain("clip.mp4", matrix=1, **HD), flash=False),
    "BT.709 with a tag": Variant(plain("clip.mp4", matrix=1, tags=(1, 1, 1))),
    "BT.601 with a tag, 720 lines": Variant(plain("clip.mp4", matrix=5, tags=(6, 6, 6), **HD), flash=False),
    "full range": Variant(plain("clip.mp4", full=True)),
    "4:4:4": Variant(plain("clip.mp4", form="yuv444p")),
    "BT.2020": Variant(
        plain("clip.mkv", codec="ffv1", form="yuv420p10le", matrix=9, tags=(9, 14, 9), deep=bt2020), remarks=("colours are BT.2020",)
    ),
    "HLG": Variant(
        plain("clip.mkv", codec="ffv1", form="yuv420p10le", matrix=9, tags=(9, 18, 9), deep=hlg), remarks=("colours are HLG",)
    ),
    "PQ": Variant(
        plain("clip.mkv", codec="ffv1", form="yuv420p10le", matrix=9, tags=(9, 16, 9), deep=pq), remarks=("colours are PQ",)
    ),
    # Sound
    "5.1, the voice in the centre": Variant(plain("clip.mp4", waves=[sound(0, 0, 1, 0, 0, 0)], layout="5.1")),
    "5.1, the voice left and right": Variant(plain("clip.mp4", waves=[sound(0.7071, 0.7071, 0, 0, 0, 0)], layout="5.1")),
    "6.1, something deep beside": Variant(plain("clip.mkv", waves=[sound(0, 0, 1, 1, 0, 0, 0)], layout="6.1", sound_codec="flac")),
    "antiphase": Variant(plain("clip.mkv", waves=[sound(1, -1)], **FLOAT), remarks=(CANCEL,)),
    "one side": Variant(plain("clip.mkv", waves=[sound(1, 0)], **FLOAT), remarks=(ONE_SIDE,)),
    "NaN": Variant(plain("clip.mkv", waves=[spoiled(np.nan, 0.1)], **FLOAT), remarks=("9600 samples", "sound for 90%")),
    "infinite": Variant(plain("clip.mkv", waves=[spoiled(np.inf, 0.001)], **FLOAT), remarks=("96 samples",)),
    "beyond full scale": Variant(
        plain("clip.mkv", waves=[20 * sound(1, 1)], **FLOAT), remarks=("sound beyond full scale",), level=LEVEL / 0.8
    ),
    "5.1 that does not say its order": Variant(
        plain("clip.mkv", waves=[sound(0, 0, 1, 0, 0, 0)], layout="5.1", **FLOAT), remarks=("more than two channels",)
    ),
    "16 channels, each in a plane of its own": Variant(
        plain("clip.mkv", waves=[sound(*[1] * 16)], layout="hexadecagonal", sound_codec="wavpack"),
        bad="damaged: 100% of its sound cannot be decoded (16 channels, at most 8",
    ),
    "a rate that no recording has": Variant(
        plain("clip.mkv", rate=2_000_000_000, waves=[sound(1, 1)[:, :4096]], sound_codec="pcm_s16le"),
        bad="damaged: 100% of its sound cannot be decoded (2000000000 Hz",
    ),
    "ten samples": Variant(
        plain("clip.mkv", waves=[sound(1, 1)[:, :10]], **FLOAT), remarks=("sound for 0%",), level=0
    ),
    "8 kHz, 8 bits": Variant(plain("clip.mov", rate=8000, waves=[sound(1, rate=8000)], sound_codec="pcm_u8")),
    "sound for a third": Variant(plain("clip.mp4", waves=[SILENT_PART]), remarks=("sound for 3",), level=None, flash=False),
    "sound begins late": Variant(plain("clip.mov", starts=0.9), remarks=("sound for 5",), level=0, flash=False),
    "sound begins after the pictures": Variant(
        plain("clip.mov", starts=3.0), remarks=("no sound at the time of its pictures",), level=0
    ),
    "no sound track": Variant(plain("clip.mp4", waves=[]), remarks=("no sound track",), level=0),
    "a silent track": Variant(plain("clip.mp4", waves=[sound(0, 0)]), remarks=("its sound track is silent",), level=0),
    "a clock that drifts": Variant(
        plain("clip.mkv", pace=0.98, waves=[sound(1, 1, seconds=2.04)], **FLOAT),
        remarks=("the sound's clock is",), flash=False,
    ),
    "two sound tracks, the second default": Variant(
        plain("clip.mkv", waves=[sound(0, 0), sound(1, 1)], default=1), remarks=("2 audio tracks: number 2, the default",)
    ),
    # Which pictures
    "two video tracks, the second default": Variant(
        plain("clip.mkv", size=(160, 120), second=(192, 144), default=1), remarks=("2 video tracks: number 2, the default",)
    ),
    "a cover first": Variant(plain("clip.mkv", size=(160, 120), second=(192, 144), frames_of_first=1)),
    # Time
    "times begin at 5 s": Variant(plain("clip.mkv", shift=5.0)),
    "times begin at 5 s, mp4": Variant(plain("clip.mp4", shift=5.0)),
    "2 fps": Variant(plain("clip.mkv", fps=2), flash=False, colours=None),
    "uneven times": Variant(plain("clip.mkv", times=[*np.arange(0, 1, 0.04), *np.arange(1, 2, 0.1)]), seconds=1.94, flash=False),
    "a jump of 3,000 s": Variant(joined("clip.ts", {}, {"shift": 3000.0}), bad="time jumps by 29"),
    "a jump of 20,000 s": Variant(joined("clip.ts", {}, {"shift": 20000.0}), bad="time jumps by 199"),
    "a jump back": Variant(joined("clip.ts", {"shift": 10.0}, {}), bad="time jumps back by"),
    "a gap of 1 s": Variant(
        plain("clip.mkv", times=[*np.arange(0, 0.6, 0.04), *np.arange(1.6, 2, 0.04)]), bad="damaged: only"
    ),
    "two minutes": Variant(plain("clip.mkv", times=np.arange(0, 121, 0.5), waves=[]), bad="lasts 12"),
    # Sizes
    "another size of the same shape": Variant(
        joined("clip.ts", {"times": np.arange(25) / 25, "waves": [sound(1, 1, seconds=0.9)]},
               {"size": (384, 288), "times": np.arange(25) / 25, "shift": 1.0, "waves": [sound(1, 1, seconds=0.9)], "draw": busy}),
        remarks=("the size of its pictures changes",), seconds=1.92, flash=False, level=None,
    ),
    "another shape": Variant(joined("clip.ts", {}, {"size": (144, 192), "shift": 2.0}), bad="the shape of its pictures changes"),
    # Damage
    "zero bytes": Variant(edited(plain("clip.mp4"), cut(0)), bad="zero bytes"),
    "pictures damaged": Variant(damaged("video", 0.5, 4), bad=("damaged: only", "cannot be decoded: only")),
    "one of the last pictures damaged": Variant(
        damaged("video", 0.94, 100), remarks=("9", "ffmpeg reports"), colours=None, flash=False
    ),
    "sound damaged": Variant(damaged("audio", 0.5, 2), bad="damaged: "),
    "one packet of sound damaged": Variant(damaged("audio", 0.7, 100), remarks=("1.", "ffmpeg reports"), flash=False),
    "cut mp4": Variant(edited(plain("clip.mp4", options={"movflags": "+faststart"}), cut(0.6)), bad="ends after"),
    "cut mkv": Variant(edited(plain("clip.mkv"), cut(0.6)), bad="ends after"),
    "cut avi": Variant(edited(plain("clip.avi", codec="mpeg4", draw=busy), cut(0.6)), bad="ends after"),
    "cut ts": Variant(
        edited(plain("clip.ts"), cut(0.606)), remarks=("the file ends inside", "sound for"), seconds=1.36, flash=False,
    ),
    "cut fragmented mp4": Variant(
        edited(plain("clip.mp4", draw=busy, options={"movflags": "+frag_every_frame+empty_moov"}), cut(0.6)),
        remarks=("the file ends inside", "sound for", "9", "ffmpeg reports"), seconds=1.2, flash=False, colours=None, level=None,
    ),
}  # fmt: skip


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made_in:
        print(json.dumps(check(VARIANTS[sys.argv[1]], Path(made_in))))
