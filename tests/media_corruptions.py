"""Clips with random damage: prepared without a crash, in bounded time and memory, and what decoder or container report is said.

`python tests/media_corruptions.py BATCH [COUNT]` tries COUNT (50) of them, always the same ones for a batch, and prints how many
ended how.
"""

import json
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from av.stream import Stream
from media_samples import OPTIONS, moving_bar
from media_variants import NO_FACE, Nobody, sound, write

from blemore.media.prepare import Prepared, prepare_clip
from blemore.tables import remarks_of
from joblineage.capture import peak_memory

LONGEST = 60
"""Seconds after which preparing one clip of 2 s counts as hanging."""

MOST_MEMORY = 1e9
"""Bytes of a process that prepares 2 s of 192 x 144 px, libraries included (about .4e9)."""

OFF, SHARE = 12.0, 0.15
"""A picture is wrong from this mean distance (grey values) on, a clip from this share of wrong pictures, or of wrong sound."""

LAG = 16
"""Samples (1 ms) by which sound may come at another time and still be right: Matroska's stamps are no finer."""

SHORT = 0.25
"""s by which a track may end before the length that its header promises."""

SET_ASIDE, REMARKED, WHOLE, UNSEEN = "set aside", "remarked", "as good as whole", "changed, nothing reported"

Damage = Callable[[random.Random, bytearray, int, int], None]


def flip_bits(rng: random.Random, data: bytearray, first: int, last: int) -> None:
    for _ in range(rng.choice((1, 10, 100))):
        data[rng.randrange(first, last)] ^= 1 << rng.randrange(8)


def zero(rng: random.Random, data: bytearray, first: int, last: int) -> None:
    data[first:last] = bytes(last - first)


def noise(rng: random.Random, data: bytearray, first: int, last: int) -> None:
    data[first:last] = rng.randbytes(last - first)


def leave_out(rng: random.Random, data: bytearray, first: int, last: int) -> None:
    del data[first:last]


def repeat(rng: random.Random, data: bytearray, first: int, last: int) -> None:
    data[first:first] = data[first:last]


def cut(rng: random.Random, data: bytearray, first: int, last: int) -> None:
    del data[first:]


def overwrite(rng: random.Random, data: bytearray, first: int, last: int) -> None:
    place = rng.randrange(len(data) - (last - first) + 1)
    data[first:last] = data[place : place + last - first]


DAMAGES: tuple[Damage, ...] = (flip_bits, zero, noise, leave_out, repeat, cut, overwrite)

BASES = {
    "mp4": {},
    "faststart.mp4": {"options": {"movflags": "+faststart"}},
    "fragments.mp4": {"options": {"movflags": "+frag_keyframe+empty_moov"}},
    "hevc.mp4": {"codec": "libx265"},
    "mov": {"codec": "mjpeg", "form": "yuvj420p", "full": True, "sound_codec": "pcm_s16le"},
    "mkv": {"sound_codec": "flac"},
    "webm": {"codec": "libvpx-vp9", "sound_codec": "libopus"},
    "avi": {"codec": "mpeg4", "sound_codec": "libmp3lame"},
    "ts": {},
    "mpg": {"codec": "mpeg2video", "sound_codec": "mp2"},
}


def damaged(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """Name of the damage, and the changed bytes; in the first and last kilobytes (headers, indices) as often as elsewhere."""
    changed, size = bytearray(data), len(data)
    place = rng.choice((rng.randrange(min(4000, size)), rng.randrange(size), size - 1 - rng.randrange(min(4000, size))))
    length = min(rng.choice((1, 16, 256, 4096, size // 10)), size - place)
    damage = rng.choice(DAMAGES)
    damage(rng, changed, place, place + max(1, length))
    return damage.__name__, bytes(changed)


def wrongs(found: Prepared, right: Prepared) -> list[str]:
    """What came out otherwise than of the whole clip."""
    faults = []
    one, other = (_pictures(rows) for rows in (found, right))
    off = np.mean([np.abs(a.astype(int) - b).mean() > OFF for a, b in zip(one, other, strict=True)])
    if off > SHARE:
        faults.append(f"{off:.0%} of its pictures are wrong")
    heard, meant = (np.frombuffer(rows["audio"][0]["samples"], "<i2") / 32768 for rows in (found, right))
    if abs(len(heard) - len(meant)) > SHARE * len(meant):
        faults.append(f"it lasts {len(heard) / 16000:.2f} s")
    length = min(len(heard), len(meant)) // 800 * 800
    levels = _levels(meant[:length])
    apart = np.min([_levels(meant[:length] - np.roll(heard[:length], k)) for k in range(-LAG, LAG + 1)], axis=0)
    lost = np.mean(apart > 0.5 * levels + 0.01)
    if lost > SHARE:
        faults.append(f"{lost:.0%} of its sound is wrong")
    return faults


def _levels(wave: np.ndarray) -> np.ndarray:
    """Root mean square of each 50 ms: (n,) -> (n // 800,)."""
    return np.sqrt(np.mean(np.reshape(wave, (-1, 800)) ** 2, axis=1))


def _pictures(rows: Prepared) -> list[np.ndarray]:
    return [cv2.imdecode(np.frombuffer(row["jpeg"], np.uint8), cv2.IMREAD_COLOR) for row in rows["body"]]


def attempt(rng: random.Random, folder: Path, clean: dict[str, tuple[bytes, Prepared]]) -> tuple[str, str, str]:
    """One damaged clip: what was done, how it ended, what is at fault with that ("" nothing)."""
    name = rng.choice(sorted(BASES))
    data, right = clean[name]
    how, changed = damaged(rng, data)
    path = folder / f"clip.{name}"
    path.write_bytes(changed)
    signal.alarm(LONGEST)
    found = prepare_clip("clip", path, OPTIONS, Nobody())
    signal.alarm(0)
    probe, what = found["probe"][0], f"{how} of {name}"
    if probe["quarantine"]:
        thought_of = not probe["quarantine"].startswith("cannot be prepared")
        return what, SET_ASIDE, "" if thought_of else f"an exception that nobody thought of: {probe['quarantine']}"
    if any(one != NO_FACE for one in remarks_of(probe)):
        return what, REMARKED, ""
    report = reported(path)
    ended = UNSEEN if wrongs(found, right) else WHOLE
    return what, ended, f"nothing was said, but {report}" if report else ""


def reported(path: Path) -> str:
    """What decoder or container say of a file to whoever reads it plainly; "" nothing."""
    av.logging.set_level(av.logging.ERROR)
    with av.logging.Capture() as errors:
        try:
            with av.open(str(path)) as container:
                streams = [one for one in container.streams if one.type in ("video", "audio")]
                for stream in streams:
                    stream.thread_type = "NONE"
                packets = [packet for packet in container.demux(streams) if packet.size]
                concealed = any(frame.is_corrupt for packet in packets for frame in packet.decode())
                lengths = [_length(stream, packets) for stream in streams]
        except av.FFmpegError as error:
            return f"reading it fails: {error.strerror}"
        finally:
            av.logging.set_level(None)
    short = [f"a track lasts {found:.2f} of {told:.2f} s" for found, told in lengths if found < told - SHORT]
    return "; ".join([*(text for _, _, text in errors), *(["a picture is concealed"] if concealed else []), *short])


def _length(stream: Stream, packets: list[av.Packet]) -> tuple[float, float]:
    """(read, promised) length of a track, s; (0, 0) where its header promises none."""
    stamps = [one.pts for one in packets if one.stream is stream and one.pts is not None]
    if stream.duration is None or len(stamps) < 2:
        return 0.0, float((stream.duration or 0) * stream.time_base)
    return float((max(stamps) - min(stamps)) * stream.time_base), float(stream.duration * stream.time_base)


def batch(number: int, count: int) -> tuple[Counter[str], list[str]]:
    """{how it ended: number of clips}, and the faults of one batch."""
    av.logging.set_level(None)
    ends, faults = Counter({SET_ASIDE: 0, REMARKED: 0, WHOLE: 0, UNSEEN: 0}), []
    with tempfile.TemporaryDirectory() as place:
        folder, clean = Path(place), {}
        for name, how in BASES.items():
            path = write(folder / f"clip.{name}", draw=_shown, waves=[sound(1, 1)], **how)
            clean[name] = path.read_bytes(), prepare_clip("clip", path, OPTIONS, Nobody())
        for k in range(count):
            what, ended, fault = attempt(random.Random(f"{number} {k}"), folder, clean)
            ends[ended] += 1
            faults += [f"batch {number}, {k}: {what}: {fault}"] if fault else []
    if (memory := peak_memory()) > MOST_MEMORY:
        faults.append(f"batch {number}: {memory / 1e9:.2f} GB of memory")
    return ends, faults


def _shown(time: float, width: int, height: int) -> np.ndarray:
    """The moving bar over soft texture: something for an encoder to do."""
    texture = np.random.default_rng(5).integers(0, 60, (height // 4, width // 4, 3), dtype=np.uint8)
    return cv2.add(moving_bar(time, width, height), cv2.resize(texture, (width, height)))


if __name__ == "__main__":
    how_they_ended, found_faults = batch(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 50)
    print("\n".join([*found_faults, json.dumps(how_they_ended)]))
    sys.exit(bool(found_faults))
