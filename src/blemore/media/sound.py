"""The sound of a clip as one channel on the clip's clock; what had to be decided on the way is remarked."""

import av
import numpy as np

JITTER = 0.005
"""Time stamps may be this far (s) from where the last frame of sound ended and still mean "goes on"."""
FULL_SCALE = 32768.0
"""int16 value of amplitude 1."""

HALF = 0.5**0.5
WEIGHTS = {"FL": HALF, "FR": HALF, "FLC": HALF, "FRC": HALF, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0, "BC": HALF}
SURROUND = 0.5
"""Weights of more than two channels in one (ITU-R BS.775, table 2: 3/2 to 1/0); other channels count as surround."""

USUAL = {6: ["FL", "FR", "FC", "LFE", "BL", "BR"], 8: ["FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"]}
"""The usual order, for files that say none; any other number of channels counts as surround."""

ONE_SIDED = 0.01
"""A channel whose level lies below this share of the other's is empty: the other one alone is the sound."""
CANCELLED = 0.25
"""Where the mean of two channels has less than this share of the louder one's level, they cancel each other."""

BROKEN = 100.0
"""An amplitude that no recording has: such numbers, NaN and infinity count as lost samples."""
OVER = 0.001
"""Share of the samples beyond full scale up to which they are cut there, as decoders' overshoot; from there on all is scaled."""
ENOUGH = 0.95
"""Share of the clip's length from which on sound that begins late or ends early goes without a remark."""


class Sound:
    """Collects the decoded sound of a clip; each frame stays where its time stamp puts it.

    So the priming of AAC (sound before time 0) falls away, and a gap in the stream stays a gap.

    duration : s, of the clip's pictures; sound outside is not kept.
    """

    def __init__(self, duration: float) -> None:
        self._duration = duration
        self._chunks: list[tuple[float, int, np.ndarray]] = []  # (s, Hz, (1 or 2, n) float32)
        self._good = 0.0  # s
        self._broken = 0
        self._unordered = False
        self.remarks: list[str] = []

    def take(self, time: float, frame: av.AudioFrame) -> None:
        """Keep one frame of sound that starts at `time` (s from the first video frame)."""
        start, end = max(0.0, time), min(self._duration, time + frame.samples / frame.sample_rate)
        if end <= start:
            return
        values = channel_pair(frame)
        broken = ~(np.abs(values) < BROKEN)
        if broken.any():
            self._broken += int(broken.any(axis=0).sum())
            values = np.where(broken, np.float32(0), values)
        self._unordered = not is_ordered(frame) or self._unordered
        self._good += (end - start) * (1 - float(broken.any(axis=0).mean()))
        self._chunks.append((time, frame.sample_rate, values))

    @property
    def good_share(self) -> float:
        """0..1, share of the clip's length with decoded sound."""
        return min(1.0, self._good / self._duration)

    def samples(self, rate: int) -> np.ndarray:
        """(round(duration * rate),) int16, mono, silence where the file has no sound."""
        length = round(self._duration * rate)
        if not self._chunks:
            self.remarks.append("no sound at the time of its pictures: silence")
            return np.zeros(length, np.int16)
        if self._broken:
            self.remarks.append(
                f"{self._broken} samples of its sound are no amplitudes (NaN or infinite): silence there"
            )
        if self._unordered:
            self.remarks.append("more than two channels in an order that the file does not say: the usual one is taken")
        source = self._chunks[0][1]
        wave = resample(self._one_channel(self._on_the_clock(source)), source, rate)
        wave = np.pad(wave[:length], (0, max(0, length - len(wave))))
        peak = float(np.abs(wave).max(initial=0))
        if np.mean(np.abs(wave) > 1) > OVER:
            self.remarks.append(f"sound beyond full scale (peak {peak:.1f}): scaled down")
            wave = wave / peak
        if self.good_share < ENOUGH:
            self.remarks.append(f"sound for {self.good_share:.0%} of its length, silence in the rest")
        elif not wave.any():
            self.remarks.append("its sound track is silent")
        return np.clip(np.rint(wave * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)

    def _on_the_clock(self, rate: int) -> np.ndarray:
        """(1 or 2, n) float32 at `rate` Hz: runs of sound without a gap, each where its stamps put it."""
        channels = max(len(chunk) for _, _, chunk in self._chunks)
        wave = np.zeros((channels, int(np.ceil(self._duration * rate))), np.float32)
        run: list[np.ndarray] = []
        begin = ends = 0.0  # s, by the stamps
        for time, chunk_rate, values in self._chunks:
            chunk = values
            if chunk_rate != rate:  # a stream may change its rate on the way (broadcast recordings do)
                chunk = np.stack([resample(channel, chunk_rate, rate) for channel in values])
            if run and abs(time - ends) > JITTER:
                self._place(wave, run, begin, ends, rate)
                run = []
            begin = begin if run else time
            run.append(np.broadcast_to(chunk, (channels, chunk.shape[1])))
            ends = time + chunk.shape[1] / rate
        self._place(wave, run, begin, ends, rate)
        return wave

    def _place(self, wave: np.ndarray, run: list[np.ndarray], begin: float, ends: float, rate: int) -> None:
        """Lay a run into the wave; one whose samples and stamps tell different lengths is stretched to its stamps."""
        part = np.concatenate(run, axis=1)  # (channels, n)
        length = part.shape[1]
        drift = ends - begin - length / rate
        if abs(drift) > JITTER:
            length = max(1, round((ends - begin) * rate))
            places = np.linspace(0, part.shape[1] - 1, length)
            part = np.stack([np.interp(places, np.arange(part.shape[1]), channel) for channel in part])
            self.remarks.append(
                f"the sound's clock is {1000 * drift:.0f} ms off its stamps after {ends:.1f} s: stretched"
            )
        start = round(begin * rate)
        inside = slice(max(0, start), max(0, min(start + length, wave.shape[1])))
        wave[:, inside] = part[:, inside.start - start : max(inside.start, inside.stop) - start]

    def _one_channel(self, wave: np.ndarray) -> np.ndarray:
        """(1 or 2, n) -> (n,): the mean of two channels, the louder one where the mean would lose it."""
        if len(wave) == 1:
            return wave[0]
        mean = wave.mean(axis=0, dtype=np.float32)
        levels = np.sqrt(np.mean(wave**2, axis=1, dtype=np.float64))
        louder = int(np.argmax(levels))
        if levels[1 - louder] < ONE_SIDED * levels[louder]:
            self.remarks.append(f"sound on one side alone: channel {louder + 1} is taken")
            return wave[louder]
        if np.sqrt(np.mean(mean**2, dtype=np.float64)) < CANCELLED * levels[louder]:
            self.remarks.append(f"its channels cancel each other (antiphase): channel {louder + 1} is taken")
            return wave[louder]
        return mean


def channel_pair(frame: av.AudioFrame) -> np.ndarray:
    """A frame of sound as floats in about [-1, 1].

    Returns
    -------
    (1, n) float32, or (2, n): left and right, of more channels such that their mean is the mix of `WEIGHTS`.
    """
    values = frame.to_ndarray()  # planar (channels, n), packed (1, n * channels)
    count = frame.layout.nb_channels
    if not frame.format.is_planar:
        values = values.reshape(-1, count).T
    if values.dtype == np.uint8:
        values = (values.astype(np.float32) - 128) / 128
    elif np.issubdtype(values.dtype, np.integer):
        values = values.astype(np.float32) / -float(np.iinfo(values.dtype.name).min)
    values = values.astype(np.float32, copy=False)
    if count <= 2:
        return values
    pair = np.zeros((2, values.shape[1]), np.float32)
    names = [channel.name for channel in frame.layout.channels]
    if not is_ordered(frame):
        names = USUAL.get(count, [""] * count)
    for name, heard in zip(names, values, strict=True):
        weight, side = WEIGHTS.get(name, SURROUND), name.rstrip("C")[-1:]
        if side in ("L", "R"):
            pair["LR".index(side)] += 2 * weight * heard
        else:  # in the middle
            pair += weight * heard
    return pair


def is_ordered(frame: av.AudioFrame) -> bool:
    """Whether the file says which channel is which (needed of more than two)."""
    return frame.layout.nb_channels <= 2 or {"FL", "FR"} <= {channel.name for channel in frame.layout.channels}


def resample(wave: np.ndarray, source: int, rate: int) -> np.ndarray:
    """(n,) float32 at `source` Hz -> (about n * rate / source,) float32, without delay."""
    if source == rate or not len(wave):
        return wave
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[None, :]), format="fltp", layout="mono")
    frame.sample_rate, frame.pts = source, 0
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([np.zeros(0, np.float32), *(part.to_ndarray()[0] for part in parts)])
