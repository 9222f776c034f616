"""A data set in the layout and naming of CREMA-D, of generated actors: Flash video at another rate and size than the demo's."""

from fractions import Fraction
from pathlib import Path

import av

from blemore.datasets.cremad import CLIPS, EMOTIONS, PERSONS
from demoactors.make import make_clip
from demoactors.schedule import Display

RATE, HERTZ, WIDTH, HEIGHT = 30, 44100, 192, 144
OPTIONS = {"seconds": [0.5, 0.6], "size": 128}


def make_cremad(root: Path, persons: dict[str, object], sentences: tuple[str, ...] = ("DFA",), seed: int = 17) -> None:
    """Write VideoFlash/<person>_<sentence>_<emotion>_XX.flv of each person, and persons.csv; persons : {"1001": fold or "test"}."""
    (root / CLIPS).mkdir(parents=True)
    lines = [f"{person},{fold}\n" for person, fold in persons.items()]
    (root / PERSONS).write_text("person,fold\n" + "".join(lines))
    for person in persons:
        for sentence in sentences:
            for word, emotion in EMOTIONS.items():
                name = f"{person}_{sentence}_{word}_XX"
                shown = () if emotion == "neu" else (emotion,)
                display = Display(name, shown, (100,) * len(shown), 3 if shown else None)
                made = root / f"{name}.mov"
                make_clip(f"A9{person[-2:]}", display, made, OPTIONS, seed)
                as_flash(made, root / CLIPS / f"{name}.flv")
                made.unlink()


def as_flash(source: Path, target: Path) -> None:
    """Write a clip again as Flash video with MP3 sound."""
    with av.open(str(source)) as old, av.open(str(target), "w", format="flv", options={"fflags": "+bitexact"}) as new:
        video = new.add_stream("flv1", RATE, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p", bit_rate=1_000_000)
        audio = new.add_stream("libmp3lame", rate=HERTZ, layout="mono")
        for stream in (video, audio):
            stream.codec_context.thread_count = 1
        frames = [frame.reformat(WIDTH, HEIGHT, "yuv420p") for frame in old.decode(video=0)]
        shown = round(len(frames) * RATE / 25)
        for k in range(shown):
            frame = frames[k * len(frames) // shown]
            frame.pts, frame.time_base = k, Fraction(1, RATE)
            new.mux(video.encode(frame))
        new.mux(video.encode())
        old.seek(0)
        resampler = av.AudioResampler("s16p", "mono", HERTZ, audio.codec_context.frame_size)
        for frame in [*old.decode(audio=0), None]:
            for part in resampler.resample(frame):
                new.mux(audio.encode(part))
        new.mux(audio.encode())
