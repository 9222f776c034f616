"""Clips with random damage: prepared without a crash, in bounded time and memory, and never wrong without a word.

`python tests/media_corruptions.py BATCH [COUNT]` tries COUNT (50) of them, always the same ones for a batch.
"""

import random
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from media_samples import OPTIONS, moving_bar
from media_variants import NO_FACE, Nobody, sound, write

from blemore.media.prepare import Prepared, prepare_clip

LONGEST = 60
"""Seconds after which preparing one clip of 2 s counts as hanging."""

MOST_MEMORY = 1.5e9
"""Bytes of a process that prepares 2 s of 192 x 144 px, libraries included (about .4e9)."""

OFF, SHARE = 12.0, 0.15
"""A picture is wrong from this mean distance (grey values) on, a clip from this share of wrong pictures, or of wrong sound."""

UNNOTICED = "unnoticed"

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
    levels, apart = (
        np.sqrt(np.mean(np.reshape(x[:length], (-1, 800)) ** 2, axis=1))
        for x in (meant, meant[:length] - heard[:length])
    )
    lost = np.mean(apart > 0.5 * levels + 0.01)
    if lost > SHARE:
        faults.append(f"{lost:.0%} of its sound is wrong")
    return faults


def _pictures(rows: Prepared) -> list[np.ndarray]:
    return [cv2.imdecode(np.frombuffer(row["jpeg"], np.uint8), cv2.IMREAD_COLOR) for row in rows["body"]]


def attempt(rng: random.Random, folder: Path, clean: dict[str, tuple[bytes, Prepared]]) -> tuple[str, str, list[str]]:
    """One damaged clip: what was done, what was said of it ("" nothing), what is at fault with that."""
    name = rng.choice(sorted(BASES))
    data, right = clean[name]
    how, changed = damaged(rng, data)
    path = folder / f"clip.{name}"
    path.write_bytes(changed)
    signal.alarm(LONGEST)
    found = prepare_clip("clip", path, OPTIONS, Nobody())
    signal.alarm(0)
    probe = found["probe"][0]
    remarks = [one for one in probe["remarks"].split("; ") if one and one != NO_FACE]
    said = probe["quarantine"] or "; ".join(remarks)
    if probe["quarantine"].startswith("cannot be prepared"):
        return f"{how} of {name}", said, ["an exception that nobody thought of"]
    wrong = [] if said else wrongs(found, right)
    if wrong and unnoticed(path, data, folder):
        return f"{how} of {name}", UNNOTICED, []
    return f"{how} of {name}", said, wrong


def unnoticed(path: Path, whole: bytes, folder: Path) -> bool:
    """Whether a file has the times and sizes of the whole one's packets and its decoder finds nothing wrong with their contents.

    Most codecs have no checksum: such damage could be seen by eye alone.
    """
    (folder / f"whole.{path.name}").write_bytes(whole)
    found = []
    frames: list[av.VideoFrame | av.AudioFrame] = []
    av.logging.set_level(av.logging.ERROR)
    with av.logging.Capture() as errors:
        for one in (folder / f"whole.{path.name}", path):
            with av.open(str(one)) as container:
                packets = [packet for packet in container.demux() if packet.size]
                found.append([(packet.stream.index, packet.pts, packet.size) for packet in packets])
                frames = [frame for packet in packets for frame in packet.decode()]
    av.logging.set_level(None)
    return found[0] == found[1] and not any(frame.is_corrupt for frame in frames) and not errors


def batch(number: int, count: int) -> list[str]:
    """The faults of one batch."""
    av.logging.set_level(None)
    faults = []
    with tempfile.TemporaryDirectory() as place:
        folder, clean = Path(place), {}
        for name, how in BASES.items():
            path = write(folder / f"clip.{name}", draw=_shown, waves=[sound(1, 1)], **how)
            clean[name] = path.read_bytes(), prepare_clip("clip", path, OPTIONS, Nobody())
        said_nothing = missed = 0
        for k in range(count):
            what, said, wrong = attempt(random.Random(f"{number} {k}"), folder, clean)
            said_nothing += not said
            missed += said == UNNOTICED
            faults += [f"batch {number}, {k}: {what}: {fault}, said: {said!r}" for fault in wrong]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if memory > MOST_MEMORY:
        faults.append(f"batch {number}: {memory / 1e9:.1f} GB of memory")
    told = count - said_nothing - missed
    print(f"{count} damaged clips: {told} set aside or remarked, {said_nothing} as good as whole, {missed} unnoticed")
    return faults


def _shown(time: float, width: int, height: int) -> np.ndarray:
    """The moving bar over soft texture: something for an encoder to do."""
    texture = np.random.default_rng(5).integers(0, 60, (height // 4, width // 4, 3), dtype=np.uint8)
    return cv2.add(moving_bar(time, width, height), cv2.resize(texture, (width, height)))


if __name__ == "__main__":
    found_faults = batch(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 50)
    print("\n".join(found_faults))
    sys.exit(bool(found_faults))
