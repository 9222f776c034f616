"""One generated actor: shape, skin, hair and clothes put together once, then drawn frame by frame."""

import colorsys
from dataclasses import dataclass

import numpy as np

from blemore.demo import geometry, rasteriser
from blemore.demo.expressions import UNITS, sparse_displacements
from blemore.demo.hair import STYLES, grow, scalp_cover
from blemore.demo.head import load_head, random_shape
from blemore.demo.skin import (
    eye_coordinates,
    map_coordinates,
    paint_eye,
    paint_skin,
    paint_strands,
    random_complexion,
    wrinkles,
)

LIDS_FOLLOW = 3.5
"""Strength of the lids' own movement per radian of upward or downward gaze."""
TEETH_BEHIND = -0.05
"""Depth (dm) by which teeth and tongue yield to lips that lie on them."""
VISIBILITY_SAMPLES = 768
"""Resolution at which hidden hair is found."""
MOUTH_INSIDE = np.array([0.22, 0.07, 0.07])
TEETH, TONGUE = np.array([0.95, 0.92, 0.86]), np.array([0.62, 0.30, 0.30])


@dataclass(frozen=True)
class Pose:
    """Where head, trunk and eyes are in one frame. Angles in radians, lengths in dm.

    pitch > 0 looks down, yaw > 0 to the actor's left, roll > 0 tilts to the actor's right; shift : (x, y, z);
    shrug : 1 lifts the shoulders by 0.22 dm; lean > 0 forward; gaze : (sideways, downwards)
    """

    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shrug: float = 0.0
    lean: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)


def _smooth(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _head_share(template: np.ndarray) -> np.ndarray:
    """(n,) how far a place follows the head: 0 below the neck, 1 above; the chin lies low but is all head."""
    height = template[:, 1]
    neck = np.clip((height - 6.0) / 0.8, 0, 1)
    chin = np.clip((height - 6.07) / 0.25, 0, 1) * np.clip((template[:, 2] - 0.52) / 0.35, 0, 1)
    return _smooth(np.maximum(neck, chin)).astype(np.float32)


def _shoulder_share(template: np.ndarray) -> np.ndarray:
    away = np.clip((np.abs(template[:, 0]) - 0.5) / 1.0, 0, 1)
    return (away * np.clip((6.15 - template[:, 1]) / 0.5, 0, 1)).astype(np.float32)


class Actor:
    """A person made from `rng`, with a build ("female" or "male") and one of `hair.STYLES`.

    All randomness is spent here: frames have none.
    """

    def __init__(self, rng: np.random.Generator, build: str, hair_style: str):
        head = load_head()
        self.hair_style = hair_style
        self._shape = random_shape(rng, build)
        self._look = random_complexion(rng, build)
        self._lips = head.masks["lips"] * head.parts["body"]
        self._build_surface(rng)
        self._build_light(rng)
        self._background: dict[int, np.ndarray] = {}
        self._drop_hidden_hair()

    def _build_surface(self, rng: np.random.Generator) -> None:
        head, look, style = load_head(), self._look, STYLES[self.hair_style]
        template, parts = head.template, head.parts
        body = parts["body"]
        cover = np.where(body & (head.masks["ears"] < 0.4), scalp_cover(template, style), -1.5)
        tufts = grow(rng, self._shape, head, cover, style)
        eyes = parts["left_eye"] | parts["right_eye"]
        teeth, tongue = parts["upper_teeth"] | parts["lower_teeth"], parts["tongue"]
        lashes = np.any([mask for name, mask in parts.items() if "lash" in name], axis=0)
        inside = body & (head.masks["inside_mouth"] > 0.5)

        albedo = np.tile(look.skin, (len(template), 1))
        albedo += self._lips[:, None] * (look.lips - look.skin)
        for where, colour in ((inside, MOUTH_INSIDE), (teeth, TEETH), (tongue, TONGUE), (lashes, look.skin * 0.22)):
            albedo[where] = colour
        albedo[eyes] = 1
        hair = tufts.shade[:, None] * look.hair
        openness = np.clip(head.masks["openness"] * 1.15, 0, 1)
        openness[~body] = 0.8
        openness[tongue] = 0.6
        openness[teeth] = 0.9
        openness[inside] = 0.45
        kind = np.full(len(template), geometry.SKIN, np.int8)
        kind[~body | inside] = geometry.TEETH_LIKE
        kind[eyes] = geometry.EYES
        flat = inside | teeth | tongue | lashes
        material = np.full(len(head.triangles), rasteriser.SKIN, np.int8)
        material[flat[head.triangles].all(axis=1)] = rasteriser.FLAT
        material[eyes[head.triangles].all(axis=1)] = rasteriser.EYE
        self._drawn = self._drawn_triangles(head)
        uv = map_coordinates(template)
        for name in ("left_eye", "right_eye"):
            uv[parts[name]] = eye_coordinates(template[parts[name]])
        neckline = 5.82 + rng.normal(0, 0.08)
        line = neckline + 0.30 * np.clip(np.abs(template[:, 0]) - 0.25, 0, 0.6) - 0.15 * (template[:, 2] - 0.5)
        cloth = np.where(body & (template[:, 1] < 6.6), np.clip((line - template[:, 1]) * 14 + 0.5, -2, 3), -2)

        m = len(tufts.points)
        n = len(template)
        self._rest = np.concatenate([self._shape, tufts.points]).astype(np.float32)
        self._triangles = np.concatenate([head.triangles[self._drawn], tufts.triangles + n]).astype(np.uint32)
        self._skin_triangles = int(self._drawn.sum())
        self._material = np.concatenate(
            [material[self._drawn], np.full(len(tufts.triangles), rasteriser.HAIR, np.int8)]
        )
        self._uv = np.concatenate([uv, tufts.uv])
        self._albedo = np.concatenate([albedo, hair]).astype(np.float32)
        self._openness = np.concatenate([openness, np.full(m, 0.85)]).astype(np.float32)
        self._kind = np.concatenate([kind, np.full(m, geometry.HAIR, np.int8)])
        self._cover = np.concatenate([np.stack([cover, cloth], axis=1), np.zeros((m, 2))]).astype(np.float32)
        eye = np.full(n + m, geometry.NO_EYE, np.int8)
        eye[:n][parts["left_eye"]], eye[:n][parts["right_eye"]] = geometry.LEFT_EYE, geometry.RIGHT_EYE
        self._eye = eye
        self._bias = np.zeros(n + m, np.float32)
        self._bias[:n][teeth | tongue] = TEETH_BEHIND
        hair_share = _smooth((tufts.points[:, 1] - 5.2) / 1.4)
        self._head_share = np.concatenate([_head_share(template), hair_share]).astype(np.float32)
        self._shoulder_share = np.concatenate([_shoulder_share(template), np.zeros(m)]).astype(np.float32)
        self._tangents, self._normals = tufts.tangents, tufts.normals
        self._maps = (paint_skin(rng, look), paint_eye(look), paint_strands(rng))

    @staticmethod
    def _drawn_triangles(head) -> np.ndarray:
        """(t,) bool: all but the lashes' outermost corners, which would stand away from the face."""
        lash = np.any([mask for name, mask in head.parts.items() if "lash" in name], axis=0)
        outer = lash & (np.abs(head.template[:, 0]) > 0.44)
        return ~outer[head.triangles].any(axis=1)

    def _build_light(self, rng: np.random.Generator) -> None:
        lamp = np.array([rng.choice([-1, 1]) * rng.uniform(0.25, 0.65), rng.uniform(0.35, 0.6), 0.8])
        self._lamp = (lamp / np.linalg.norm(lamp)).astype(np.float32)
        half = self._lamp + np.array([0, 0, 1])
        self._half = (half / np.linalg.norm(half)).astype(np.float32)
        warm = rng.uniform(-0.04, 0.05)
        key = np.array([1 + warm, 1.0, 1 - warm]) * rng.uniform(0.62, 0.74)
        fill = np.array([0.96, 1.0, 1.05]) * rng.uniform(0.18, 0.26)
        self._lamps = np.stack([key, fill]).astype(np.float32)
        self._ambient = np.float32(rng.uniform(0.36, 0.46))
        cloth = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.75))
        self._colours = np.stack([self._look.hair, cloth]).astype(np.float32)
        self._wall = np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.05, 0.25), rng.uniform(0.35, 0.65)))
        self._offset = np.array([rng.normal(0, 0.08), rng.normal(0, 0.06)], np.float32)
        self._zoom = np.float32(rng.uniform(0.96, 1.06))

    def _backdrop(self, size: int) -> np.ndarray:
        if size not in self._background:
            row, column = np.mgrid[0:size, 0:size] / size
            spot = 1.15 - 0.45 * np.hypot(column - 0.5 + 0.25 * self._lamp[0], row - 0.4)
            self._background[size] = np.clip(self._wall * spot[..., None] * 255, 0, 255).astype(np.uint8)
        return self._background[size]

    def vertices(self, strengths: np.ndarray, pose: Pose) -> np.ndarray:
        """Place of every vertex, (n + hair, 3) float32 in dm, for unit strengths (n_units,) and a pose."""
        sideways, downwards = pose.gaze
        strengths = np.array(strengths, np.float32)
        strengths[UNITS.index(64)] += LIDS_FOLLOW * max(0.0, downwards)
        strengths[UNITS.index(63)] += LIDS_FOLLOW * max(0.0, -downwards)
        gaze = geometry.rotation(downwards, sideways, 0)
        points = geometry.express(self._rest, *sparse_displacements(), strengths, self._eye, gaze)
        head, trunk = self._turns(pose)
        shift = np.array(pose.shift, np.float32)
        geometry.move(points, self._head_share, self._shoulder_share, head, trunk, shift, np.float32(pose.shrug))
        return points

    @staticmethod
    def _turns(pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        return geometry.rotation(pose.pitch, pose.yaw, pose.roll), geometry.rotation(pose.lean, 0, pose.roll * 0.15)

    def _drop_hidden_hair(self) -> None:
        """Forget strands that no turn of the head ever shows: most of them lie below others."""
        shown = np.zeros(len(self._triangles), bool)
        shown[: self._skin_triangles] = True
        rest = np.zeros(len(UNITS), np.float32)
        for yaw in (-0.38, -0.15, 0.15, 0.38):
            for pitch in (-0.2, 0.2):
                points = self.vertices(rest, Pose(pitch=pitch, yaw=yaw))
                seen, _, _ = self._see(points, VISIBILITY_SAMPLES)
                shown[np.unique(seen[seen >= 0])] = True
        self._triangles, self._material = self._triangles[shown], self._material[shown]

    def _see(self, points: np.ndarray, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each of samples x samples sees of moved vertices: triangle, depth, and the projected vertices."""
        shown = geometry.project(points, samples, self._zoom, self._offset)
        depth = np.full((samples, samples), -np.inf, np.float32)
        seen = np.full((samples, samples), rasteriser.NOTHING, np.int32)
        rasteriser.visible_triangles(shown, self._triangles, self._material, self._bias, depth, seen)
        return seen, depth, shown

    def frame(self, strengths: np.ndarray, pose: Pose, size: int) -> np.ndarray:
        """The picture (size, size, 3) uint8 RGB of unit strengths (n_units,) and a pose."""
        points = self.vertices(strengths, pose)
        head, trunk = self._turns(pose)
        normals = geometry.normals_of(points, self._triangles, self._skin_triangles)
        lit = geometry.light(
            normals, self._kind, self._openness, self._albedo, self._tangents, self._normals, trunk @ head,
            self._lamp, self._half, self._lamps, self._ambient,
        )  # fmt: skip
        seen, depth, shown = self._see(points, size * rasteriser.SAMPLES)
        units, patterns = wrinkles()
        folds = rasteriser.mix_folds(np.clip(strengths[units], 0, 1.2).astype(np.float32), patterns)
        return rasteriser.resolve(
            seen, depth, self._backdrop(size), shown, self._triangles, self._material, self._uv, self._cover, lit,
            self._maps, folds, self._colours,
        )  # fmt: skip
