"""Frames of any colour coding as BT.709 pictures: the matrix of untagged ones, full range, HDR and wide gamut."""

from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

HD_HEIGHT = 720
"""Lines from which an untagged clip is BT.709, below BT.601, as players take it."""

UNTAGGED = 2
"""ffmpeg's number of an unknown matrix."""

TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
"""Linear light, BT.2020 to BT.709 (ITU-R BT.2087)."""

LUMINANCE = 203.0
"""cd/m2 of white in a PQ picture; in an HLG picture white stands at 75 % of the signal (ITU-R BT.2408)."""
HLG_WHITE = 0.75

WIDE: dict[int, str] = {ColorTrc.SMPTE2084: "PQ (HDR)", ColorTrc.ARIB_STD_B67: "HLG (HDR)"}

READ_AS_THEY_ARE: dict[int, str] = {ColorPrimaries.SMPTE431: "DCI-P3", ColorPrimaries.SMPTE432: "Display P3"}
"""Primaries that are taken for BT.709, which is remarked: skin changes by a few grey values."""


def remark(frame: av.VideoFrame) -> str:
    """What is to be said of a frame's colours; "" of ordinary ones."""
    if _is_wide(frame):
        kind = WIDE.get(frame.color_trc, "BT.2020")
        return f"colours are {kind}: brought to BT.709"
    if frame.color_primaries in READ_AS_THEY_ARE:
        return f"colours of {READ_AS_THEY_ARE[frame.color_primaries]}, read as BT.709"
    return ""


def scaled_rgb(frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB, BT.709; scaled by area and converted in one go."""
    if _is_wide(frame):
        deep = _reformat(frame, width, height, "rgb48le").to_ndarray()  # (height, width, 3) uint16
        return _bt709(deep, frame.color_trc)
    return _reformat(frame, width, height, "rgb24").to_ndarray()


def scaled_yuv(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """A small frame in the coding that untagged ones of its size have: yuv420p, BT.601, limited range."""
    if _is_wide(frame):
        frame = av.VideoFrame.from_ndarray(scaled_rgb(frame, width, height), format="rgb24")
    return _reformat(frame, width, height, "yuv420p")


def _reformat(frame: av.VideoFrame, width: int, height: int, form: str) -> av.VideoFrame:
    options: dict[str, Any] = {}
    if _matrix(frame) not in (0, UNTAGGED, Colorspace.ITU601, 6):  # 0: RGB, 6: BT.601 as 5 is
        options["src_colorspace"] = _matrix(frame)
        options["dst_colorspace"] = Colorspace.ITU601
    if frame.color_range == ColorRange.JPEG and form == "yuv420p":
        options |= {"src_color_range": ColorRange.JPEG, "dst_color_range": ColorRange.MPEG}
    return frame.reformat(width=width, height=height, format=form, interpolation="AREA", threads=1, **options)


def _matrix(frame: av.VideoFrame) -> int:
    """ffmpeg's number of the frame's YUV matrix."""
    untagged = frame.colorspace in (UNTAGGED, 3) and not frame.format.is_rgb
    return Colorspace.ITU709 if untagged and max(frame.height, frame.width * 9 / 16) >= HD_HEIGHT else frame.colorspace


def _is_wide(frame: av.VideoFrame) -> bool:
    return (
        frame.color_trc in (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67) or frame.color_primaries == ColorPrimaries.BT2020
    )


def _bt709(picture: np.ndarray, transfer: int) -> np.ndarray:
    """(H, W, 3) uint16 RGB of BT.2020 primaries -> uint8 of BT.709; brighter than white and outside the gamut is cut."""
    signal = np.linspace(0, 1, 1 << 16)
    if transfer == ColorTrc.SMPTE2084:
        light = _pq(signal) / LUMINANCE
    elif transfer == ColorTrc.ARIB_STD_B67:
        light = _hlg(signal) / _hlg(np.array(HLG_WHITE))
    else:
        light = np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45))  # BT.709, BT.2020
    linear = np.clip(light.astype(np.float32)[picture] @ TO_BT709.T, 0, 1)  # (H, W, 3)
    if transfer == ColorTrc.SMPTE2084:  # what a screen shows; the other two say what the camera saw
        return np.rint(255 * linear ** (1 / 2.4)).astype(np.uint8)
    return np.rint(255 * np.where(linear < 0.018, 4.5 * linear, 1.099 * linear**0.45 - 0.099)).astype(np.uint8)


def _hlg(signal: np.ndarray) -> np.ndarray:
    """Light of the scene (0..1) of an HLG signal (0..1), ITU-R BT.2100."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def _pq(signal: np.ndarray) -> np.ndarray:
    """Light of the screen, cd/m2, of a PQ signal (0..1), ITU-R BT.2100."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = signal ** (1 / m2)
    return 10000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
