"""Hair: a painted scalp with a soft hairline, and several hundred tufts that grow over the head as narrow ribbons."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from demoactors.head import Head

CENTRE = np.array([0.0, 7.45, 0.35])
"""Middle of the skull (dm); directions of growth and distances from the head are measured from here."""

HAIRLINE_ANGLES = (0, 28, 48, 62, 76, 90, 112, 140, 180)
HAIRLINE_HEIGHTS = (8.10, 8.06, 7.86, 7.62, 7.30, 7.36, 7.10, 6.72, 6.55)
"""Height of the hairline (dm) at angles (degrees) around the head, from the forehead to the nape."""
DOWN = np.array([0.0, -1.0, 0.0])
LONG_STEPS, SHORT_STEPS = 9, 6
"""Points along a tuft."""
FOREHEAD_ANGLES = 55
SOFT_EDGE = 0.20
"""Width (dm) over which the hairline thins out."""


@dataclass(frozen=True)
class Haircut:
    """How hair grows. Lengths in dm.

    tufts : how many; length, sides : on top and on the sides; volume : distance of the outer layer from the skin;
    sweep : -1..1 sideways combing; forward : 1 combed to the face, -1 to the back; fall : pull downwards;
    curl : random turning per step; width : of a tuft; raise_line : hairline moved up at the forehead
    """

    tufts: int
    length: float
    sides: float
    volume: float
    sweep: float
    forward: float
    fall: float
    curl: float
    width: float
    raise_line: float


HAIRCUTS = {
    "crop": Haircut(480, 0.26, 0.14, 0.05, 0.25, 0.55, 0.1, 0.12, 0.065, 0.0),
    "swept": Haircut(480, 0.75, 0.22, 0.13, 0.8, -0.1, 0.25, 0.05, 0.085, 0.02),
    "brushed_back": Haircut(480, 0.80, 0.45, 0.12, 0.1, -0.9, 0.1, 0.05, 0.080, 0.04),
    "curly": Haircut(700, 0.30, 0.24, 0.22, 0.0, 0.1, 0.0, 1.1, 0.085, 0.0),
    "long": Haircut(460, 2.6, 2.2, 0.14, 0.75, -0.35, 0.9, 0.07, 0.115, 0.0),
    "bob": Haircut(460, 1.45, 1.15, 0.16, 0.7, -0.2, 0.9, 0.06, 0.115, 0.0),
    "tied": Haircut(460, 1.3, 0.9, 0.05, 0.1, -1.0, 0.0, 0.04, 0.085, 0.0),
    "receding": Haircut(400, 0.22, 0.16, 0.045, 0.1, -0.3, 0.1, 0.12, 0.065, 0.22),
    "shaved": Haircut(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.05, 0.03),
}
SUITED = {
    "female": ("long", "bob", "tied", "curly", "swept"),
    "male": ("crop", "brushed_back", "swept", "receding", "curly", "shaved"),
}
"""Haircuts dealt round to actors of each build, so that even few actors look different."""


@dataclass(frozen=True)
class Tufts:
    """Ribbons as a mesh. points, tangents, normals : (m, 3); uv : (m, 2); shade : (m,) brightness; triangles : (k, 3)."""

    points: np.ndarray
    tangents: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    shade: np.ndarray
    triangles: np.ndarray


def scalp_cover(template: np.ndarray, cut: Haircut) -> np.ndarray:
    """(n,) float32: 1 inside the hairline, 0 outside, -1.. far outside; about 0.5 on the line itself."""
    x, y, z = (template - CENTRE).T
    angle = np.degrees(np.arctan2(np.abs(x), z))
    line = np.interp(angle, HAIRLINE_ANGLES, HAIRLINE_HEIGHTS)
    aside = 0.6 + 0.8 * np.clip((angle - 15) / 20, 0, 1)
    line = line + cut.raise_line * np.clip((FOREHEAD_ANGLES + 20 - angle) / 30, 0, 1) * aside
    return np.clip(0.5 + (y + CENTRE[1] - line) / SOFT_EDGE, -1.5, 1.0).astype(np.float32)


def _roots(
    rng: np.random.Generator, shape: np.ndarray, head: Head, cover: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Random places on the scalp: points (count, 3), outward normals (count, 3)."""
    rooted = (cover > 0.42) & (head.template[:, 2] > -0.2)  # the camera never sees the back of the head
    triangles = head.triangles[rooted[head.triangles].all(axis=1)]
    corner = shape[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(normal, axis=1)
    chosen = rng.choice(len(triangles), size=count, p=area / area.sum())
    weight = rng.dirichlet([1, 1, 1], size=count)
    return (corner[chosen] * weight[..., None]).sum(axis=1), normal[chosen] / area[chosen, None]


def grow(rng: np.random.Generator, shape: np.ndarray, head: Head, cover: np.ndarray, cut: Haircut) -> Tufts:
    """Let `Haircut.tufts` tufts grow from the scalp of a head of `shape` (n, 3), never into the head.

    Each step adds the combing direction, the pull downwards and some curl, then keeps the tip outside the skull,
    whose distance from CENTRE is read from the nearest vertices.
    """
    steps = LONG_STEPS if cut.length > 1 else SHORT_STEPS
    skull = head.parts["body"] & (head.template[:, 1] > 6.3) & (head.masks["inside_mouth"] < 0.5)
    ray = shape[skull] - CENTRE
    distance = np.linalg.norm(ray, axis=1)
    tree = cKDTree(ray / distance[:, None])

    root, normal = _roots(rng, shape, head, cover, cut.tufts)
    side_height = np.clip((root[:, 1] - 7.55) / 0.45, 0, 1)
    length = (cut.sides + (cut.length - cut.sides) * side_height) * rng.uniform(0.75, 1.15, len(root))
    layer = rng.uniform(0.1, 1.0, len(root))
    parting = 0.22 * np.sign(cut.sweep) if cut.sweep else 0.0
    away = np.tanh((root[:, 0] - parting) / 0.12)
    if abs(cut.sweep) > 0 and cut.fall < 0.5:
        away = np.where(root[:, 1] > 7.75, np.sign(cut.sweep) * -1.0 + 0.35 * away, away)
    heading = np.stack([abs(cut.sweep) * away, np.full(len(root), -0.15), np.full(len(root), cut.forward)], axis=1)
    heading += rng.normal(0, 0.08, heading.shape)
    taken = [root + normal * 0.004]
    for step in range(1, steps):
        gone = step / (steps - 1)
        outward = taken[-1] - CENTRE
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        pull = cut.fall * min(1.0, 1.6 * gone)
        heading = (1 - pull) * heading + pull * DOWN + cut.curl * rng.normal(0, 0.5, heading.shape)
        before_face = np.clip((8.05 - taken[-1][:, 1]) / 0.2, 0, 1) * np.clip((taken[-1][:, 2] - 0.75) / 0.3, 0, 1)
        aside = [1.5 * np.sign(taken[-1][:, 0]), np.zeros(len(root)), np.full(len(root), -0.8)]
        heading = heading + before_face[:, None] * np.stack(aside, axis=1)
        on_head = np.clip((taken[-1][:, 1:2] - 6.9) / 0.4, 0, 1)
        heading = heading - on_head * outward * (heading * outward).sum(axis=1, keepdims=True)
        heading /= np.linalg.norm(heading, axis=1, keepdims=True) + 1e-6
        point = taken[-1] + heading * (length / (steps - 1))[:, None]
        out = point - CENTRE
        reach = np.linalg.norm(out, axis=1)
        near, index = tree.query(out / reach[:, None], k=4)
        weight = 1 / (near + 0.02)
        surface = (distance[index] * weight).sum(axis=1) / weight.sum(axis=1)
        shell = surface + 0.012 + cut.volume * layer * min(1.0, 2.2 * gone)
        hangs = np.clip((7.2 - point[:, 1]) / 0.4, 0, 1)  # below the ears hair falls free of the head
        wanted = np.where(point[:, 1] < 6.4, reach, np.maximum(shell, hangs * reach + (1 - hangs) * shell))
        taken.append(CENTRE + out / reach[:, None] * wanted[:, None])
    path = np.stack(taken, axis=1)  # (tufts, steps, 3)
    x, y, z = np.abs(path[..., 0]), path[..., 1], path[..., 2]
    over_face = (x < 0.60) & (y < 7.72) & (z > 0.8)
    too_low = (y < 6.95) & (cut.length < 1.4)  # short hair that would stand out below the ears
    kept = ~(over_face | too_low).any(axis=1)
    return _ribbons(rng, path[kept], layer[kept], cut.width)


def _ribbons(rng: np.random.Generator, path: np.ndarray, layer: np.ndarray, width: float) -> Tufts:
    """Ribbons along paths (tufts, steps, 3), tapering at both ends; deeper layers and roots are darker."""
    tufts, steps, _ = path.shape
    tangent = np.gradient(path, axis=1)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-6
    outward = path - CENTRE
    outward /= np.linalg.norm(outward, axis=2, keepdims=True)
    side = np.cross(tangent, outward) + 0.15 * rng.normal(size=(tufts, 1, 3))
    side /= np.linalg.norm(side, axis=2, keepdims=True) + 1e-6
    along = np.linspace(0, 1, steps)
    taper = np.clip(0.55 + 3 * along, 0, 1) * (1 - 0.6 * along**3)
    half = side * (width / 2 * rng.uniform(0.6, 1.3, (tufts, 1)) * taper)[..., None]
    points = np.stack([path - half, path + half], axis=2)  # (tufts, steps, 2, 3)
    normal = np.cross(side, tangent)
    normal *= np.sign((normal * outward).sum(axis=2, keepdims=True))
    u0 = rng.uniform(0, 0.8, (tufts, 1))
    uv = np.stack(np.broadcast_arrays(np.stack([u0, u0 + 0.2], axis=2), along[:, None]), axis=3)
    depth = (0.55 + 0.45 * layer)[:, None] * (0.78 + 0.22 * np.minimum(1, 2.5 * along))
    shade = np.broadcast_to((depth * rng.uniform(0.86, 1.14, (tufts, 1)))[..., None], (tufts, steps, 2))
    corner = np.arange(tufts * steps * 2).reshape(tufts, steps, 2)
    a, b, c, d = corner[:, :-1, 0], corner[:, :-1, 1], corner[:, 1:, 0], corner[:, 1:, 1]
    triangles = np.stack([np.stack(three, axis=-1) for three in ((a, b, c), (b, d, c))]).reshape(-1, 3)

    def twice(vectors: np.ndarray) -> np.ndarray:
        return np.repeat(vectors[:, :, None], 2, axis=2).reshape(-1, 3).astype(np.float32)

    return Tufts(
        points=points.reshape(-1, 3).astype(np.float32),
        tangents=twice(tangent),
        normals=twice(normal),
        uv=uv.reshape(-1, 2).astype(np.float32),
        shade=shade.reshape(-1).astype(np.float32),
        triangles=triangles.astype(np.int32),
    )
