"""All that the renderer knows of an actor at rest: the head's vertices first, then the hair's."""

from dataclasses import dataclass

import numpy as np

from demoactors import geometry, rasteriser
from demoactors.expressions import smooth_step
from demoactors.hair import HAIRCUTS, grow, scalp_cover
from demoactors.head import Head, load_head
from demoactors.skin import Complexion, eye_coordinates, map_coordinates

MOUTH_INSIDE = np.array([0.22, 0.07, 0.07])
TEETH, TONGUE = np.array([0.95, 0.92, 0.86]), np.array([0.62, 0.30, 0.30])
UPPER_LASHES, LOWER_LASHES = 0.22, 0.45
"""Brightness of the lashes as a share of the skin's."""
TEETH_BEHIND = -0.05
"""Depth (dm) by which teeth and tongue yield to lips that lie on them."""
LASH_REACH = 0.44
"""Lashes further aside (dm) would stand away from the face and are not drawn."""
NECKLINE, NECKLINE_SPREAD, CLOTH_EDGE = 5.82, 0.08, 14.0
"""Height of the garment's edge (dm), its spread over actors, and its sharpness (per dm)."""
HAIR_OPENNESS = 0.85


@dataclass(frozen=True)
class Surface:
    """n vertices (head and hair) and their triangles.

    rest : (n, 3) float32 dm; triangles : (t, 3) uint32, of which the first `skin_triangles` are not hair
    material : (t,) of `rasteriser`; kind : (n,) of `geometry`; eye : (n,) which eyeball or none
    uv : (n, 2) on the material's map; albedo : (n, 3); openness : (n,) share of the sky that a vertex sees
    cover : (n, 2) share of scalp hair and of cloth; bias : (n,) added depth; head_share, shoulder_share : (n,)
    tangents, normals : (m, 3) of the hair's vertices, the last m
    """

    rest: np.ndarray
    triangles: np.ndarray
    skin_triangles: int
    material: np.ndarray
    kind: np.ndarray
    eye: np.ndarray
    uv: np.ndarray
    albedo: np.ndarray
    openness: np.ndarray
    cover: np.ndarray
    bias: np.ndarray
    head_share: np.ndarray
    shoulder_share: np.ndarray
    tangents: np.ndarray
    normals: np.ndarray


def _regions(head: Head) -> dict[str, np.ndarray]:
    """Name -> (n,) bool: which of the head's vertices belong to it."""
    parts = head.parts
    return {
        "eyes": parts["left_eye"] | parts["right_eye"],
        "teeth": parts["upper_teeth"] | parts["lower_teeth"],
        "upper_lashes": parts["left_lash_upper"] | parts["right_lash_upper"],
        "lower_lashes": parts["left_lash_lower"] | parts["right_lash_lower"],
        "inside": parts["body"] & (head.masks["inside_mouth"] > 0.5),
    }


def build_surface(rng: np.random.Generator, shape: np.ndarray, look: Complexion, haircut: str) -> Surface:
    """Put head, garment and hair together. shape : (head's vertices, 3) from `head.random_shape`."""
    head, regions = load_head(), _regions(load_head())
    template, body = head.template, head.parts["body"]
    scalp = np.where(body & (head.masks["ears"] < 0.4), scalp_cover(template, HAIRCUTS[haircut]), -1.5)
    tufts = grow(rng, shape, head, scalp, HAIRCUTS[haircut])
    cloth = np.where(body & (template[:, 1] < 6.6), _cloth(template, NECKLINE + rng.normal(0, NECKLINE_SPREAD)), -2)
    n, m = len(template), len(tufts.points)
    lashes = regions["upper_lashes"] | regions["lower_lashes"]
    drawn = ~(lashes & (np.abs(template[:, 0]) > LASH_REACH))[head.triangles].any(axis=1)
    eye, uv = np.full(n, geometry.NO_EYE, np.int8), map_coordinates(template)
    for name, number in (("left_eye", geometry.LEFT_EYE), ("right_eye", geometry.RIGHT_EYE)):
        eye[head.parts[name]], uv[head.parts[name]] = number, eye_coordinates(template[head.parts[name]])
    kind = np.where(body & ~regions["inside"], geometry.SKIN, geometry.TEETH_LIKE)
    kind[regions["eyes"]] = geometry.EYES
    hair_material = np.full(len(tufts.triangles), rasteriser.HAIR, np.int8)

    def joined(of_head: np.ndarray, of_hair: np.ndarray | float, kind: type = np.float32) -> np.ndarray:
        return np.concatenate([of_head, np.broadcast_to(of_hair, (m, *of_head.shape[1:]))]).astype(kind)

    return Surface(
        rest=joined(shape, tufts.points),
        triangles=np.concatenate([head.triangles[drawn], tufts.triangles + n]).astype(np.uint32),
        skin_triangles=int(drawn.sum()),
        material=np.concatenate([_materials(head, regions)[drawn], hair_material]),
        kind=joined(kind, geometry.HAIR, np.int8),
        eye=joined(eye, geometry.NO_EYE, np.int8),
        uv=joined(uv, tufts.uv),
        albedo=joined(_albedo(head, regions, look), tufts.shade[:, None] * look.hair),
        openness=joined(_openness(head, regions), HAIR_OPENNESS),
        cover=joined(np.stack([scalp, cloth], axis=1), 0.0),
        bias=joined(np.where(regions["teeth"] | head.parts["tongue"], TEETH_BEHIND, 0.0), 0.0),
        head_share=joined(_head_share(template), smooth_step((tufts.points[:, 1] - 5.2) / 1.4)),
        shoulder_share=joined(_shoulder_share(template), 0.0),
        tangents=tufts.tangents,
        normals=tufts.normals,
    )


def _head_share(template: np.ndarray) -> np.ndarray:
    """How far a place follows the head: 0 below the neck, 1 above; the chin lies low but is all head."""
    height = template[:, 1]
    neck = np.clip((height - 6.0) / 0.8, 0, 1)
    chin = np.clip((height - 6.07) / 0.25, 0, 1) * np.clip((template[:, 2] - 0.52) / 0.35, 0, 1)
    return smooth_step(np.maximum(neck, chin))


def _shoulder_share(template: np.ndarray) -> np.ndarray:
    away = np.clip((np.abs(template[:, 0]) - 0.5) / 1.0, 0, 1)
    return away * np.clip((6.15 - template[:, 1]) / 0.5, 0, 1)


def _cloth(template: np.ndarray, neckline: float) -> np.ndarray:
    """Share of cloth, beyond [0, 1] away from the garment's edge, which rises towards the shoulders and the back."""
    edge = neckline + 0.30 * np.clip(np.abs(template[:, 0]) - 0.25, 0, 0.6) - 0.15 * (template[:, 2] - 0.5)
    return np.clip((edge - template[:, 1]) * CLOTH_EDGE + 0.5, -2, 3)


def _albedo(head: Head, regions: dict[str, np.ndarray], look: Complexion) -> np.ndarray:
    albedo = np.tile(look.skin, (len(head.template), 1))
    albedo += (head.masks["lips"] * head.parts["body"])[:, None] * (look.lips - look.skin)
    albedo[regions["inside"]], albedo[regions["teeth"]], albedo[head.parts["tongue"]] = MOUTH_INSIDE, TEETH, TONGUE
    albedo[regions["upper_lashes"]] = look.skin * UPPER_LASHES
    albedo[regions["lower_lashes"]] = look.skin * LOWER_LASHES
    albedo[regions["eyes"]] = 1  # the eye map has the colours
    return albedo


def _openness(head: Head, regions: dict[str, np.ndarray]) -> np.ndarray:
    openness = np.clip(head.masks["openness"] * 1.15, 0, 1)
    openness[~head.parts["body"]] = 0.8
    openness[regions["inside"]], openness[head.parts["tongue"]] = 0.45, 0.6
    openness[regions["teeth"]], openness[head.parts["lower_teeth"]] = 0.9, 0.75
    return openness


def _materials(head: Head, regions: dict[str, np.ndarray]) -> np.ndarray:
    """(t,) int8 of all the head's triangles."""
    flat = head.parts["tongue"] | regions["inside"] | regions["teeth"]
    flat |= regions["upper_lashes"] | regions["lower_lashes"]
    material = np.full(len(head.triangles), rasteriser.SKIN, np.int8)
    material[flat[head.triangles].all(axis=1)] = rasteriser.FLAT
    material[regions["eyes"][head.triangles].all(axis=1)] = rasteriser.EYE
    return material
