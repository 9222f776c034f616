"""The head asset: one mesh of head and shoulders, its action targets and its directions of identity.

Provenance and licence of `head.npz`: see HEAD.md. Unit of length: decimetre. Axes: x to the actor's left, y up,
z towards the camera.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

ASSET = Path(__file__).with_name("head.npz")
STEPS_PER_DM = 1000
EYE_HEIGHT = 7.355
EYE_DEPTH = 1.18
"""Where every actor's eyes stand (y, z): the template's place, so that painted features and camera fit everybody."""

IDENTITY_SPREAD = 0.28
IDENTITY_LIMIT = 0.56
MILD = {  # identity directions that would soon look like a caricature, or open the lips at rest
    "head-fat-incr": 0.8,
    "head-scale-horiz-incr": 0.5,
    "head-age-incr": 0.8,
    "mouth-trans-up": 0.5,
    "mouth-lowerlip-height-incr": 0.5,
    "mouth-upperlip-height-incr": 0.5,
    "mouth-lowerlip-volume-incr": 0.6,
    "mouth-upperlip-volume-incr": 0.6,
    "mouth-angles-up": 0.4,
    "eyebrows-angle-up": 0.5,
    "eye-epicanthus-in": 0.8,
    "ear-wing-incr": 0.6,
}
UPWARD_ONLY = ("eye-scale-incr",)
RESTING_SMILE = 0.12
"""Share of a smile in every face at rest: without it the mesh looks cross."""
TEETH_NARROWED, TEETH_BACK, TEETH_BENT = 0.80, 0.04, {"upper_teeth": (0.8, 1.2), "lower_teeth": (0.8, -2.4)}
"""The asset's rows of teeth are wider than its mouth and would show at its corners: they are drawn in, set back by so
many dm, and bent backwards and out of sight (up, down) by so many dm per squared dm from the middle."""
TONGUE_MOVED = (0.0, -0.05, -0.14)
"""dm: else it would lie on the lower teeth."""
HEAD_OUTLINES = ("oval", "rectangular", "round", "square", "triangular", "diamond")


@dataclass(frozen=True)
class Head:
    """The mesh at rest and everything that can move it.

    template : (n, 3) float32, the mean adult
    triangles : (t, 3) int32, counter-clockwise seen from outside
    parts : name -> (n,) bool; body, left_eye, right_eye, upper_teeth, lower_teeth, tongue, left_lash_upper ...
    masks : name -> (n,) float32 in [0, 1]; lips, inside_mouth, ears, openness (share of the sky a vertex sees)
    macro : build -> (3, n, 3) float32, displacements from the base mesh to three adult shapes
    identity : name -> (n, 3) float32 displacement
    units : name -> (n, 3) float32 displacement of one facial action at full strength
    """

    base: np.ndarray
    template: np.ndarray
    triangles: np.ndarray
    parts: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    macro: dict[str, np.ndarray]
    identity: dict[str, np.ndarray]
    units: dict[str, np.ndarray]


@cache
def load_head() -> Head:
    """The asset, read once per process."""
    with np.load(ASSET, allow_pickle=False) as asset:
        stored = {name: asset[name] for name in asset.files}

    def lengths(name: str) -> np.ndarray:
        return stored[name].astype(np.float32) / STEPS_PER_DM

    base = lengths("vertices")
    macro = {build: lengths(f"macro_{build}") for build in ("female", "male")}
    return Head(
        base=base,
        template=base + (macro["female"].mean(axis=0) + macro["male"].mean(axis=0)) / 2,
        triangles=stored["triangles"].astype(np.int32),
        parts={str(name): stored["part"] == k for k, name in enumerate(stored["part_names"])},
        masks={name: stored[f"mask_{name}"].astype(np.float32) / 255 for name in ("lips", "inside_mouth", "ears")}
        | {"openness": stored["openness"].astype(np.float32) / 255},
        macro=macro,
        identity=dict(zip(map(str, stored["identity_names"]), lengths("identity"), strict=True)),
        units=dict(zip(map(str, stored["unit_names"]), lengths("units"), strict=True)),
    )


def random_shape(rng: np.random.Generator, build: str) -> np.ndarray:
    """A new person's mesh at rest: (n, 3) float32, eyes at the common place.

    A random mixture of three adult shapes of `build` ("female" or "male") plus random steps along all identity directions.
    """
    head = load_head()
    mixture = rng.dirichlet([0.45] * 3)
    shape = head.base + np.tensordot(mixture, head.macro[build], 1)
    for name, direction in head.identity.items():
        if name.removeprefix("head-") in HEAD_OUTLINES:
            step = max(0.0, rng.normal(-0.1, 0.2))
        else:
            step = float(np.clip(rng.normal(0, IDENTITY_SPREAD), -IDENTITY_LIMIT, IDENTITY_LIMIT))
            step = abs(step) * 0.6 if name in UPWARD_ONLY else step * MILD.get(name, 1.0)
        shape = shape + step * direction
    shape = shape + RESTING_SMILE * head.units["mouthSmile"]
    for row, (backwards, upwards) in TEETH_BENT.items():
        teeth = head.parts[row]
        aside = shape[teeth, 0] ** 2
        shape[teeth, 1] += upwards * aside
        shape[teeth, 2] -= TEETH_BACK + backwards * aside
        shape[teeth, 0] *= TEETH_NARROWED
    shape[head.parts["tongue"]] += TONGUE_MOVED
    eyes = head.parts["left_eye"] | head.parts["right_eye"]
    _, height, depth = shape[eyes].mean(axis=0)
    return (shape + np.array([0, EYE_HEIGHT - height, EYE_DEPTH - depth])).astype(np.float32)
