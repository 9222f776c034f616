"""One clip: perform, draw, and write it as a .mov file (H.264 and AAC)."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from demoactors.actor import Actor, Pose
from demoactors.expressions import UNITS
from demoactors.performance import FPS, display_weights, face_curves, poses
from demoactors.schedule import EMOTIONS, Display
from demoactors.style import Style, generator
from demoactors.voice import RATE, vocalise
from demoactors.writing import whole_file

VIDEO_OPTIONS = {"preset": "veryfast", "crf": "21", "threads": "1", "x264-params": "mbtree=0"}
"""One thread: more would change the bytes with the number of cores. No macroblock tree: with it, one encoding in
several differs from the others of the same pictures (measured with libx264 as PyAV 18.1.0 ships it; 0 of 180 without)."""
AUDIO_FRAME = 1024
VIGOUR = (0.75, 1.05)


def write_clip(path: Path, actor: Actor, style: Style, display: Display, options: Mapping, seed: int) -> None:
    """Play `display` and write it to `path`, whole or not at all.

    Everything random derives from `seed` and the display's name, with separate streams for face, voice and movement.
    """
    streams = ("face", "voice", "movement", "common")
    face, voice_noise, movement, common = (generator(seed, display.name, stream) for stream in streams)
    frames = int(common.uniform(*options["seconds"]) * FPS)
    in_face, in_voice = display_weights(face, voice_noise, display, style, common.uniform(*VIGOUR))
    voice = vocalise(voice_noise, style, in_voice, frames / FPS)
    strengths = face_curves(face, in_face, style, voice, frames)
    moves = poses(movement, in_face, style, voice, frames)
    pictures = (actor.frame(strengths[k], moves[k], options["size"]) for k in range(frames))
    write_mov(path, pictures, options["size"], voice.samples)


def rehearse(actor: Actor, style: Style) -> None:
    """Use every kernel once, on a small picture and a short sound that nobody keeps."""
    actor.frame(np.zeros(len(UNITS), np.float32), Pose(), 8)
    vocalise(np.random.default_rng(0), style, np.zeros(len(EMOTIONS)), 0.5)


def write_mov(path: Path, pictures: Iterable[np.ndarray], size: int, samples: np.ndarray) -> None:
    """Write pictures (size, size, 3) uint8 RGB at FPS and samples (n,) float32 at RATE; the same input, the same bytes."""
    with whole_file(path) as file, av.open(str(file), "w", format="mov", options={"fflags": "+bitexact"}) as mov:
        video = mov.add_stream("libx264", FPS, VIDEO_OPTIONS, width=size, height=size, pix_fmt="yuv420p")
        video.codec_context.thread_count = 1
        video.codec_context.flags |= av.codec.context.Flags.bitexact
        audio = mov.add_stream("aac", rate=RATE, layout="mono")
        audio.codec_context.thread_count = 1
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            mov.mux(video.encode(frame))
        mov.mux(video.encode())
        for start in range(0, len(samples), AUDIO_FRAME):
            sound = av.AudioFrame.from_ndarray(samples[None, start : start + AUDIO_FRAME], format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = RATE, start, Fraction(1, RATE)
            mov.mux(audio.encode(sound))
        mov.mux(audio.encode())
