"""Decoded frames as upright RGB pictures, and the choice of the frames to keep."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type

from blemore.media.colour import scaled_rgb

KEPT_SIDE = 1080
KEPT_PIXELS = 1080 * 1920
"""Longest short side of a kept picture, px, and most pixels: a crop of 224 px needs no more, and 16 stay within 100 MB."""


@dataclass(frozen=True)
class Shape:
    """How the stored frames of a clip are shown: stored size in square pixels, the turn that sets them upright, a mirror."""

    width: int  # px, before the turn
    height: int
    rotation: int  # degrees clockwise, 0 | 90 | 180 | 270
    mirrored: bool = False  # left and right change places after the turn

    @property
    def shown(self) -> tuple[int, int]:
        """(width, height) as shown, px."""
        return (self.height, self.width) if self.rotation % 180 else (self.width, self.height)

    def scaled(self, factor: float, multiple: int = 1) -> tuple[int, int]:
        """(width, height) before the turn, scaled, rounded to a multiple (encoders want even sizes)."""
        width, height = (multiple * max(1, round(side * factor / multiple)) for side in (self.width, self.height))
        return width, height

    def turned(self, degrees: int) -> "Shape":
        """The shape of what is shown, turned clockwise once more."""
        turn = -degrees if self.mirrored else degrees  # a turn before a mirror is one to the other side after it
        return replace(self, rotation=(self.rotation + turn) % 360)


def shape_of(frame: av.VideoFrame, aspect: Fraction | None) -> Shape:
    """Shape from a clip's first frame and the video stream's pixel aspect (width / height; None or 0: square)."""
    a, b, c, d = _display_matrix(frame)
    mirrored = a * d - b * c < 0
    if mirrored:  # the turn comes first, then left and right change places: the first column's sign
        a, c = -a, -c
    rotation = round(np.degrees(np.arctan2(b, a)) / 90) * 90 % 360
    return Shape(round(frame.width * float(aspect)) if aspect else frame.width, frame.height, rotation, mirrored)


def _display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """a, b, c, d of a frame's display matrix: it shows x, y at (a x + c y, b x + d y), y downwards."""
    data = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]  # by type, which PyAV's stubs leave out
    if data is None:
        return 1, 0, 0, 1
    values = np.frombuffer(data, np.int32)  # 3 x 3, rows: (a, b, u), (c, d, v), (x, y, w)
    a, b, c, d = (int(values[k]) for k in (0, 1, 3, 4))
    return (a, b, c, d) if a * d - b * c else (1, 0, 0, 1)


def upright(picture: np.ndarray, rotation: int, mirrored: bool = False) -> np.ndarray:
    """A picture (H, W, 3) turned clockwise by 0, 90, 180 or 270 degrees, then mirrored."""
    turned = np.rot90(picture, -rotation // 90) if rotation else picture
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def rgb_picture(frame: av.VideoFrame, shape: Shape, side: int = KEPT_SIDE) -> np.ndarray:
    """(H, W, 3) uint8 RGB (BT.709), upright, its short side at most `side`; scaled before the conversion, in one go."""
    area = shape.width * shape.height
    factor = min(1.0, side / min(shape.width, shape.height), (KEPT_PIXELS / area) ** 0.5)
    return upright(scaled_rgb(frame, *shape.scaled(factor)), shape.rotation, shape.mirrored)


def even_times(times: np.ndarray, duration: float, count: int) -> np.ndarray:
    """The frame times nearest to the middles of `count` equal parts of the clip; s, ascending.

    A clip of fewer frames than `count` has some of them several times.
    """
    middles = (np.arange(count) + 0.5) * duration / count
    after = np.clip(np.searchsorted(times, middles), 1, len(times) - 1)
    before = after - 1
    nearest = np.where(middles - times[before] <= times[after] - middles, before, after)
    return times[nearest]


class Sampler:
    """Keeps what is made of the frames that belong to the wanted times, while a clip is decoded.

    A time belongs to the first frame from it on (in place of one that could not be decoded to the next one, at the end
    to the last one), or with `shown` to the frame that is shown then, the last one up to it.

    wanted : s, ascending.
    make : what is kept of a frame, from (its time in s, frame, shape); made once for equal ones.
    """

    def __init__(self, wanted: np.ndarray, make: Callable[[float, av.VideoFrame, Shape], Any], *, shown: bool = False):
        self._wanted = np.unique(wanted)
        self._make = make
        self._shown = shown
        self._last: tuple[float, av.VideoFrame, Shape] | None = None
        self.kept: list[Any] = []  # one per wanted time

    def take(self, time: float, frame: av.VideoFrame, shape: Shape) -> None:
        """Look at one decoded frame, in order of time."""
        if self._shown:  # the one before it was shown until now
            self._serve(np.searchsorted(self._wanted, time - 1e-6))
        self._last = time, frame, shape
        if not self._shown:
            self._serve(np.searchsorted(self._wanted, time + 1e-6, side="right"))

    def finish(self) -> None:
        """Serve the wanted times that lie behind the last frame decoded."""
        self._serve(len(self._wanted))

    def _serve(self, number: np.integer | int) -> None:
        due = int(number) - len(self.kept)
        if due > 0 and self._last is not None:
            self.kept += [self._make(*self._last)] * due

    def at(self, times: np.ndarray) -> list[Any]:
        """What is kept of each wanted time asked for."""
        return [self.kept[k] for k in np.searchsorted(self._wanted, times)]


def no_higher(picture: np.ndarray, height: int) -> np.ndarray:
    """The picture, shrunk to at most `height` px high."""
    factor = height / picture.shape[0]
    if factor >= 1:
        return picture
    size = max(1, round(picture.shape[1] * factor)), height
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def jpeg(picture: np.ndarray, quality: int) -> bytes:
    """JPEG file (4:2:0) of an RGB picture (H, W, 3) uint8; quality 1..100."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()
