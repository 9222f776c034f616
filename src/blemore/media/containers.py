"""Which files are opened as clips, and whether a file ends inside one of its own parts."""

import errno
import struct
from pathlib import Path

import av

CONTAINERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "asf", "flv", "ogg", "mxf")
"""Containers of video (ffmpeg's names; mov is MP4 too, matroska WebM). Each holds its pictures and sound itself: a playlist
or another text that names further files would show what the clip's recorded hash does not cover."""

OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}

TRANSPORT_PACKETS = (188, 192, 204)
"""Bytes of one packet of MPEG-TS: plain, with a time before it, with a checksum behind it."""


class BadClip(Exception):
    """The clip cannot be used; the message is the reason written into the table."""


def open_container(path: Path) -> av.container.InputContainer:
    """Open a file as a container of video.

    Raises
    ------
    BadClip : zero bytes; none of `CONTAINERS`.
    """
    if path.stat().st_size == 0:
        raise BadClip("zero bytes")
    try:
        # A name may hold what ffmpeg takes for a protocol ("concat:a.mp4").
        return av.open(f"file:{path}", metadata_errors="replace", container_options=OPTIONS)
    except av.FFmpegError as error:
        if error.errno == errno.EINVAL:
            raise BadClip(f"no container of a video; these are opened: {', '.join(CONTAINERS)}") from error
        raise BadClip(f"cannot be decoded: {error.strerror}") from error


def is_cut(path: Path, container: str) -> bool:
    """Whether the last box (MP4), chunk (AVI) or packet (MPEG-TS) is longer than what is left of the file."""
    size = path.stat().st_size
    if container == "mpegts":
        return all(size % length for length in TRANSPORT_PACKETS)
    if container == "avi":
        return _end_of_parts(path, size, little=True) > size
    return container.startswith("mov") and _end_of_parts(path, size, little=False) > size


def _end_of_parts(path: Path, size: int, *, little: bool) -> int:
    """Where the last of a file's outer parts ends by its own word: RIFF chunks (little) or MP4 boxes."""
    place = 0
    with open(path, "rb") as file:
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            if little:
                place += 8 + struct.unpack("<I", head[4:8])[0]
                continue
            length = struct.unpack(">I", head[:4])[0]
            if length == 1 and len(head) == 16:  # the length stands behind the name, in 64 bits
                length = struct.unpack(">Q", head[8:])[0]
            if length < 8:  # 0: up to the end
                return size
            place += length
    return place
