"""One generated actor: shape, skin, hair and clothes put together once, then drawn frame by frame."""

import colorsys
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from demoactors import geometry, rasteriser
from demoactors.expressions import UNITS, sparse_displacements
from demoactors.head import random_shape
from demoactors.skin import paint_eye, paint_skin, paint_strands, random_complexion, wrinkles
from demoactors.surface import build_surface

LIDS_FOLLOW = 3.5
"""Strength of the lids' own movement per radian of upward or downward gaze."""
VISIBILITY_SAMPLES = 768
"""Resolution at which hidden hair is found."""


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


class Actor:
    """A person made from `rng`, with a build ("female" or "male") and one of `hair.HAIRCUTS`.

    All randomness is spent here: frames have none.
    """

    def __init__(self, rng: np.random.Generator, build: str, haircut: str):
        self._look = random_complexion(rng, build)
        self._surface = build_surface(rng, random_shape(rng, build), self._look, haircut)
        self._maps = (paint_skin(rng, self._look), paint_eye(self._look), paint_strands(rng))
        self._build_light(rng)
        self._background: dict[int, np.ndarray] = {}
        self._drop_hidden_hair()

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

    def elsewhere(self, rng: np.random.Generator) -> "Actor":
        """The same person in other clothes, before another wall, in other light and a little moved, all drawn from `rng`."""
        other = copy(self)
        other._build_light(rng)
        other._background = {}
        return other

    def _backdrop(self, size: int) -> np.ndarray:
        if size not in self._background:
            row, column = np.mgrid[0:size, 0:size] / size
            spot = 1.15 - 0.45 * np.hypot(column - 0.5 + 0.25 * self._lamp[0], row - 0.4)
            self._background[size] = np.clip(self._wall * spot[..., None] * 255, 0, 255).astype(np.uint8)
        return self._background[size]

    def vertices(self, strengths: np.ndarray, pose: Pose) -> np.ndarray:
        """Place of every vertex, (n + hair, 3) float32 in dm, for unit strengths (n_units,) and a pose."""
        surface, (sideways, downwards) = self._surface, pose.gaze
        strengths = np.array(strengths, np.float32)
        strengths[UNITS.index(64)] += LIDS_FOLLOW * max(0.0, downwards)
        strengths[UNITS.index(63)] += LIDS_FOLLOW * max(0.0, -downwards)
        gaze = geometry.rotation(downwards, sideways, 0)
        points = geometry.express(surface.rest, *sparse_displacements(), strengths, surface.eye, gaze)
        head, trunk = self._turns(pose)
        shift = np.array(pose.shift, np.float32)
        geometry.move(points, surface.head_share, surface.shoulder_share, head, trunk, shift, np.float32(pose.shrug))
        return points

    @staticmethod
    def _turns(pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        return geometry.rotation(pose.pitch, pose.yaw, pose.roll), geometry.rotation(pose.lean, 0, pose.roll * 0.15)

    def _drop_hidden_hair(self) -> None:
        """Forget strands that no turn of the head ever shows: most of them lie below others."""
        shown = np.zeros(len(self._surface.triangles), bool)
        shown[: self._surface.skin_triangles] = True
        rest = np.zeros(len(UNITS), np.float32)
        for yaw in (-0.38, -0.15, 0.15, 0.38):
            for pitch in (-0.2, 0.2):
                seen, _, _ = self._see(self.vertices(rest, Pose(pitch=pitch, yaw=yaw)), VISIBILITY_SAMPLES)
                shown[np.unique(seen[seen >= 0])] = True
        whole = self._surface
        self._surface = replace(whole, triangles=whole.triangles[shown], material=whole.material[shown])

    def _see(self, points: np.ndarray, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each of samples x samples sees of moved vertices: triangle, depth, and the projected vertices."""
        surface, shown = self._surface, geometry.project(points, samples, self._zoom, self._offset)
        depth = np.full((samples, samples), -np.inf, np.float32)
        seen = np.full((samples, samples), rasteriser.NOTHING, np.int32)
        rasteriser.visible_triangles(shown, surface.triangles, surface.material, surface.bias, depth, seen)
        return seen, depth, shown

    def frame(self, strengths: np.ndarray, pose: Pose, size: int) -> np.ndarray:
        """The picture (size, size, 3) uint8 RGB of unit strengths (n_units,) and a pose."""
        surface = self._surface
        points = self.vertices(strengths, pose)
        head, trunk = self._turns(pose)
        normals = geometry.normals_of(points, surface.triangles, surface.skin_triangles)
        lit = geometry.light(
            normals, surface.kind, surface.openness, surface.albedo, surface.tangents, surface.normals, trunk @ head,
            self._lamp, self._half, self._lamps, self._ambient,
        )  # fmt: skip
        seen, depth, shown = self._see(points, size * rasteriser.SAMPLES)
        units, patterns = wrinkles()
        folds = rasteriser.mix_folds(np.clip(strengths[units], 0, 1.2).astype(np.float32), patterns)
        return rasteriser.resolve(
            seen, depth, self._backdrop(size), shown, surface.triangles, surface.material, surface.uv, surface.cover,
            lit, self._maps, folds, self._colours,
        )  # fmt: skip
