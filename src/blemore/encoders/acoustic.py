"""Prosody without a network: statistics of pitch, level, voice quality, rhythm and spectrum over a clip.

features: functionals (the default): FEATURES below, from `descriptors`. A
descriptor is summed up over the frames where it means something; where no frame does (a whisper has no pitch) its
statistics are 0. egemaps: the 88 functionals of eGeMAPS v02 from openSMILE, for research only and installed apart.

All but "level" are the same for a louder recording. A silent or very short clip gives finite numbers, too.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from blemore.encoders.base import Embedder
from blemore.encoders.descriptors import CEPSTRA, HOP, QUALITY, RATE, SPECTRAL, Tracks, tracks
from blemore.encoders.sound import Sound
from blemore.params.families import Family
from joblineage.errors import MissingDataError

FRAME = HOP / RATE
"""Seconds between frames."""
SPREAD = ("mean", "std", "p20", "p80")
MODULATION = ((1, 3), (3, 6), (6, 12))
"""Hz; slow syllables, fast syllables and laughter, tremor."""
FEATURES = (
    "level", "level_std", "level_p20", "level_p50", "level_slope", "level_rise", "level_fall",
    *(f"level_modulation_{low}_{high}" for low, high in MODULATION),
    "share_sounding", "share_voiced", "sounds_per_second", "sound_seconds", "sound_seconds_std", "pause_seconds",
    *(f"pitch_{name}" for name in (*SPREAD, "slope", "range", "rise", "fall", "tremor")),
    "jitter_mean", "jitter_p80", "shimmer_mean", "shimmer_p80",
    *(f"{track}_{name}" for track in QUALITY for name in SPREAD),
    *(f"{track}_{name}" for track in (*SPECTRAL, "flux") for name in SPREAD),
    *(f"mfcc{k}_{name}" for name in ("mean", "std", "change") for k in range(1, CEPSTRA)),
)  # fmt: skip
"""Names of the functionals, in order. Levels in dB (only "level" re full scale, the others re the clip's loudest
frames), pitch in semitones, slopes per second, rise and fall per 10 ms frame, jitter and shimmer as the mean change
between voiced neighbours (semitones, dB); the descriptors' units are listed in `descriptors.Tracks`."""

FAMILY = Family(
    kind="computed",
    note="computed from the sound, no weights",
    other_code={"egemaps": "openSMILE's own, for research only"},
    seconds={"frozen": 0.022},
)


def build(settings: Mapping, *, features: Literal["functionals", "egemaps"] = "functionals") -> "Functionals | Egemaps":
    """Make the embedder for one kind of features.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.
    features : {"functionals", "egemaps"}
        Our own, or openSMILE's eGeMAPS (the extra of that name, research licence).

    Returns
    -------
    Functionals or Egemaps
        The embedder.
    """
    return Egemaps(settings["name"]) if features == "egemaps" else Functionals()


class Functionals(Embedder):
    """(len(FEATURES),) float32 of each clip."""

    sound = Sound()
    read, decode = sound.read, sound.decode

    def embed(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([self.of_samples(samples.astype(float) / 32768) for samples in clips]).astype(np.float32)

    def of_samples(self, samples: np.ndarray) -> np.ndarray:
        """Features of (n,) samples in [-1, 1]."""
        return functionals(tracks(samples))

    def remark(self, clip: np.ndarray) -> str:
        """See Embedder: "silent" where there is no sound at all."""
        return "" if clip.any() else "silent"


class Egemaps(Functionals):
    """openSMILE's eGeMAPS v02: (88,) float32 of each clip.

    Raises
    ------
    MissingDataError : the package opensmile is not installed.
    """

    def __init__(self, name: str):
        try:
            import opensmile
        except ImportError as error:
            text = (
                'features: egemaps needs openSMILE, whose licence allows research only: pip install -e ".[egemaps]", '
            )
            raise MissingDataError(f"encoder {name}", [text + "or set features: functionals"]) from error
        kind, level = opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals
        self.smile = opensmile.Smile(feature_set=kind, feature_level=level)

    def of_samples(self, samples: np.ndarray) -> np.ndarray:
        return self.smile.process_signal(samples.astype(np.float32), RATE).to_numpy()[0]


def functionals(audio: Tracks) -> np.ndarray:
    """The numbers that FEATURES names, of one clip."""
    sounding, voiced = audio.sounding, audio.voiced
    values = [*_level(audio), *_rhythm(sounding, voiced), *_pitch(audio)]
    pairs = voiced[1:] & voiced[:-1]
    for track in (audio.pitch, audio.level):
        change = _some(np.abs(np.diff(track))[pairs])
        values += [change.mean(), np.percentile(change, 80)]
    for track in audio.quality.values():
        values += _spread(track[voiced])
    for track in (*audio.spectral.values(), audio.flux):
        values += _spread(track[sounding])
    cepstra = _some(audio.cepstra[sounding])
    change = _some(np.abs(np.diff(audio.cepstra, axis=0))[sounding[1:] & sounding[:-1]])
    values += [*cepstra.mean(axis=0), *cepstra.std(axis=0), *change.mean(axis=0)]
    return np.array(values, float)


def _level(audio: Tracks) -> list[float]:
    loudest = np.percentile(audio.level, 95)
    level = _some((audio.level - loudest)[audio.sounding])
    modulation = [0.0] * len(MODULATION)
    if audio.sounding.any():
        envelope = 10 ** ((audio.level - loudest) / 20)
        power = np.abs(np.fft.rfft(envelope - envelope.mean(), max(512, len(envelope)))) ** 2
        hertz = np.fft.rfftfreq(max(512, len(envelope)), FRAME)
        total = max(power.sum(), 1e-10)
        modulation = [power[(hertz >= low) & (hertz < high)].sum() / total for low, high in MODULATION]
    moves = _slope(audio.level, audio.sounding), *_steps(audio.level, audio.sounding)
    return [loudest, level.std(), *np.percentile(level, (20, 50)), *moves, *modulation]


def _rhythm(sounding: np.ndarray, voiced: np.ndarray) -> list[float]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], sounding, [False]]).astype(int)))
    starts, ends = edges[::2], edges[1::2]
    lengths, pauses = _some((ends - starts) * FRAME), _some((starts[1:] - ends[:-1]) * FRAME)
    shares = sounding.mean(), voiced.sum() / max(1, sounding.sum())
    return [*shares, len(starts) / (len(sounding) * FRAME), lengths.mean(), lengths.std(), pauses.mean()]


def _pitch(audio: Tracks) -> list[float]:
    pitch, voiced = audio.pitch, audio.voiced
    low, high = np.percentile(_some(pitch[voiced]), (5, 95))
    bend = np.abs(np.diff(pitch, 2))[voiced[2:] & voiced[1:-1] & voiced[:-2]]  # trembling bends it all the time
    moves = high - low, *_steps(pitch, voiced), _some(bend).mean()
    return [*_spread(pitch[voiced]), _slope(pitch, voiced), *moves]


def _spread(values: np.ndarray) -> list[float]:
    values = _some(values)
    return [values.mean(), values.std(), *np.percentile(values, (20, 80))]


def _steps(track: np.ndarray, there: np.ndarray) -> list[float]:
    """Mean rise and mean fall between neighbouring frames that are there."""
    steps = np.diff(track)[there[1:] & there[:-1]]
    return [_some(steps[steps > 0]).mean(), _some(steps[steps < 0]).mean()]


def _slope(track: np.ndarray, there: np.ndarray) -> float:
    """Of a straight line through the frames that are there, per second."""
    time = np.flatnonzero(there) * FRAME
    if len(time) < 2:
        return 0.0
    time = time - time.mean()
    return float(time @ track[there] / (time @ time))


def _some(values: np.ndarray) -> np.ndarray:
    """The values (n, ...); a single 0 where there are none."""
    return values if len(values) else np.zeros((1, *values.shape[1:]))
