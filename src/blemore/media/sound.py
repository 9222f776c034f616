"""A clip's sound on the clip's clock: mono, resampled, as long as the video, whatever the file holds."""

import av
import numpy as np

JITTER = 0.005
"""Time stamps may be this far (s) from where the last frame of sound ended and still mean "goes on"."""

FULL_SCALE = 32768.0
"""int16 value of amplitude 1."""


class Sound:
    """Collects the decoded sound of a clip; each frame stays where its time stamp puts it.

    So the priming of AAC (sound before time 0) falls away, and a gap in the stream stays a gap.
    """

    def __init__(self) -> None:
        self._chunks: list[tuple[float, int, np.ndarray]] = []  # (s, Hz, mono float32)

    def take(self, time: float, frame: av.AudioFrame) -> None:
        """Keep one frame of sound that starts at `time` (s from the first video frame)."""
        self._chunks.append((time, frame.sample_rate, _mono(frame)))

    def samples(self, rate: int, duration: float) -> np.ndarray:
        """(round(duration * rate),) int16, mono, silence where the file has no sound."""
        length = round(duration * rate)
        if not self._chunks:
            return np.zeros(length, np.int16)
        source = self._chunks[0][1]
        wave = _resample(self._on_the_clock(source, duration), source, rate)
        wave = np.pad(wave[:length], (0, max(0, length - len(wave))))
        return np.clip(np.rint(wave * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)

    def _on_the_clock(self, rate: int, duration: float) -> np.ndarray:
        wave = np.zeros(int(np.ceil(duration * rate)), np.float32)
        end = None
        for time, chunk_rate, chunk in self._chunks:
            if chunk_rate != rate:  # a stream may change its rate on the way (broadcast recordings do)
                chunk = _resample(chunk, chunk_rate, rate)
            start = round(time * rate)
            if end is not None and abs(start - end) <= JITTER * rate:
                start = end
            end = start + len(chunk)
            inside = slice(max(0, start), max(0, min(end, len(wave))))
            wave[inside] = chunk[inside.start - start : max(inside.start, inside.stop) - start]
        return wave


def _mono(frame: av.AudioFrame) -> np.ndarray:
    """(n_samples,) float32 in about [-1, 1]: the mean of the channels."""
    values = frame.to_ndarray()  # planar (channels, n), packed (1, n * channels)
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype == np.uint8:
        values = (values.astype(np.float32) - 128) / 128
    elif np.issubdtype(values.dtype, np.integer):
        values = values.astype(np.float32) / -float(np.iinfo(values.dtype.name).min)
    return values.mean(axis=0, dtype=np.float32)


def _resample(wave: np.ndarray, source: int, rate: int) -> np.ndarray:
    """(n,) float32 at `source` Hz -> (about n * rate / source,) float32, without delay."""
    if source == rate or not len(wave):
        return wave
    frame = av.AudioFrame.from_ndarray(wave[None, :], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = source, 0
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])
