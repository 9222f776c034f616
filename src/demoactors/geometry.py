"""Numba kernels that move, light and project vertices. Lengths in dm, angles in radians, colours in [0, 1]."""

import math

import numpy as np
from numba import njit

CAMERA_DISTANCE = 22.0
FIELD_WIDTH = 3.5
"""Width of the picture in dm at the depth z = 0 (head, neck and part of the shoulders)."""
LOOK_AT = 7.0
NECK = (6.3, 0.1)
"""Pivot (y, z) of the head's turning."""
WAIST = 4.0
"""Height of the trunk's pivot."""
SHRUG = 0.22
SKIN_SHINE, SKIN_GLOSS = 0.10, 20
EYES, TEETH_LIKE, SKIN, HAIR = 1, 2, 3, 4
"""Kinds of vertices."""
NO_EYE, LEFT_EYE, RIGHT_EYE = -1, 0, 1


def rotation(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """(3, 3) float32: pitch about x, then yaw about y, then roll about z."""
    cx, sx, cy, sy, cz, sz = (f(a) for a in (pitch, yaw, roll) for f in (math.cos, math.sin))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).astype(np.float32)


@njit(cache=True, fastmath=True, error_model="numpy")
def express(
    rest: np.ndarray, starts: np.ndarray, vertex: np.ndarray, displacement: np.ndarray,
    strengths: np.ndarray, eye: np.ndarray, gaze: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Vertices (n, 3) float32 of a face showing `strengths` (n_units,), eyeballs turned by `gaze` (3, 3)."""
    moved = rest.copy()
    for unit in range(strengths.shape[0]):
        strength = strengths[unit]
        if abs(strength) < 1e-3:
            continue
        for k in range(starts[unit], starts[unit + 1]):
            v = vertex[k]
            for axis in range(3):
                moved[v, axis] += strength * displacement[k, axis]
    centre = np.zeros((2, 3), np.float32)
    count = np.zeros(2, np.float32)
    for v in range(eye.shape[0]):
        if eye[v] >= 0:
            count[eye[v]] += 1
            for axis in range(3):
                centre[eye[v], axis] += moved[v, axis]
    for v in range(eye.shape[0]):
        e = eye[v]
        if e >= 0:
            x = moved[v, 0] - centre[e, 0] / count[e]
            y = moved[v, 1] - centre[e, 1] / count[e]
            z = moved[v, 2] - centre[e, 2] / count[e]
            for axis in range(3):
                turned = gaze[axis, 0] * x + gaze[axis, 1] * y + gaze[axis, 2] * z
                moved[v, axis] = centre[e, axis] / count[e] + turned
    return moved


@njit(cache=True, fastmath=True, error_model="numpy")
def move(
    vertices: np.ndarray, head_share: np.ndarray, shoulder_share: np.ndarray,
    head: np.ndarray, trunk: np.ndarray, shift: np.ndarray, shrug: np.float32,
) -> None:  # fmt: skip
    """Turn the head about the neck, lift the shoulders, lean the trunk, shift all. In place on (n, 3) float32."""
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0], vertices[v, 1] - NECK[0], vertices[v, 2] - NECK[1]
        w = head_share[v]
        x1 = x + w * (head[0, 0] * x + head[0, 1] * y + head[0, 2] * z - x)
        y1 = y + w * (head[1, 0] * x + head[1, 1] * y + head[1, 2] * z - y)
        z1 = z + w * (head[2, 0] * x + head[2, 1] * y + head[2, 2] * z - z)
        y1 += NECK[0] + SHRUG * shrug * shoulder_share[v] - WAIST
        z1 += NECK[1]
        vertices[v, 0] = trunk[0, 0] * x1 + trunk[0, 1] * y1 + trunk[0, 2] * z1 + shift[0]
        vertices[v, 1] = trunk[1, 0] * x1 + trunk[1, 1] * y1 + trunk[1, 2] * z1 + shift[1] + WAIST
        vertices[v, 2] = trunk[2, 0] * x1 + trunk[2, 1] * y1 + trunk[2, 2] * z1 + shift[2]


@njit(cache=True, fastmath=True, error_model="numpy")
def normals_of(vertices: np.ndarray, triangles: np.ndarray, count: int) -> np.ndarray:
    """Unit normals (n, 3) float32 from the first `count` triangles (the rest belongs to hair: left zero)."""
    normals = np.zeros_like(vertices)
    for t in range(count):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        ux, uy, uz = vertices[b, 0] - ax, vertices[b, 1] - ay, vertices[b, 2] - az
        vx, vy, vz = vertices[c, 0] - ax, vertices[c, 1] - ay, vertices[c, 2] - az
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            normals[v, 0] += x
            normals[v, 1] += y
            normals[v, 2] += z
    for v in range(vertices.shape[0]):
        length = math.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2) + 1e-12
        for axis in range(3):
            normals[v, axis] /= length
    return normals


@njit(cache=True, fastmath=True, error_model="numpy")
def light(
    normals: np.ndarray, kind: np.ndarray, openness: np.ndarray, albedo: np.ndarray,
    hair_tangents: np.ndarray, hair_normals: np.ndarray, turn: np.ndarray,
    lamp: np.ndarray, half: np.ndarray, lamps: np.ndarray, ambient: np.float32,
) -> np.ndarray:  # fmt: skip
    """Light leaving each vertex: (n, 5) float32 red, green, blue (0-255), added white shine, and the light that arrived.

    Skin: wrapped diffuse light, wrapped further in red (light that wanders below the skin), Blinn shine. Hair:
    Kajiya & Kay (1989), whose shine runs as a ring around the strands.
    lamp, half : (3,) unit vectors towards the key lamp, and half way to the camera; lamps : (2, 3) colours of key
    and fill; hair_tangents, hair_normals : (m, 3) of the last m vertices at rest, turned by `turn` (3, 3).
    """
    n = normals.shape[0]
    first_hair = n - hair_tangents.shape[0]
    out = np.empty((n, 5), np.float32)
    side = 1.0 if lamp[0] > 0 else -1.0
    tangent = np.zeros(3, np.float32)
    normal = np.zeros(3, np.float32)
    for v in range(n):
        shine = 0.0
        is_hair = v >= first_hair
        if is_hair:
            k = v - first_hair
            nx, ny, nz = hair_normals[k, 0], hair_normals[k, 1], hair_normals[k, 2]
            tx, ty, tz = hair_tangents[k, 0], hair_tangents[k, 1], hair_tangents[k, 2]
            for axis in range(3):
                normal[axis] = turn[axis, 0] * nx + turn[axis, 1] * ny + turn[axis, 2] * nz
                tangent[axis] = turn[axis, 0] * tx + turn[axis, 1] * ty + turn[axis, 2] * tz
        else:
            for axis in range(3):
                normal[axis] = normals[v, axis]
        facing = normal[0] * lamp[0] + normal[1] * lamp[1] + normal[2] * lamp[2]
        fill = max(0.0, -0.65 * side * normal[0] + 0.15 * normal[1] + 0.6 * normal[2])
        sky = ambient * (0.82 + 0.18 * normal[1]) * openness[v]
        shade = 0.30 + 0.70 * openness[v]
        toward = normal[0] * half[0] + normal[1] * half[1] + normal[2] * half[2]
        if is_hair:
            along = tangent[0] * lamp[0] + tangent[1] * lamp[1] + tangent[2] * lamp[2]
            ring = tangent[0] * half[0] + tangent[1] * half[1] + tangent[2] * half[2]
            across = math.sqrt(max(0.0, 1 - along * along))
            glow = math.sqrt(max(0.0, 1 - ring * ring))
            red = green = blue = max(0.0, 0.35 + 0.65 * facing) * (0.35 + 0.65 * across)
            shine = 0.16 * glow**24 * max(0.0, 0.25 + 0.75 * toward) * shade
        elif kind[v] == EYES:
            red = green = blue = 0.35 + 0.5 * max(0.0, facing)
        elif kind[v] == TEETH_LIKE:
            red = green = blue = 0.6 + 0.25 * max(0.0, facing)
        else:
            red = max(0.0, (facing + 0.30) / 1.30)
            green = max(0.0, (facing + 0.14) / 1.14)
            blue = max(0.0, (facing + 0.10) / 1.10)
            shine = SKIN_SHINE * max(0.0, toward) ** SKIN_GLOSS * shade
        red = sky + shade * (lamps[0, 0] * red + lamps[1, 0] * fill)
        green = sky + shade * (lamps[0, 1] * green + lamps[1, 1] * fill)
        blue = sky + shade * (lamps[0, 2] * blue + lamps[1, 2] * fill)
        out[v, 0] = 255 * albedo[v, 0] * red
        out[v, 1] = 255 * albedo[v, 1] * green
        out[v, 2] = 255 * albedo[v, 2] * blue
        out[v, 3] = 255 * shine
        out[v, 4] = 255 * green
    return out


@njit(cache=True, fastmath=True, error_model="numpy")
def project(vertices: np.ndarray, size: int, zoom: np.float32, offset: np.ndarray) -> np.ndarray:
    """Pinhole camera: (n, 3) float32 column, row (in samples of a picture `size` wide) and depth (larger is nearer)."""
    out = np.empty_like(vertices)
    for v in range(vertices.shape[0]):
        scale = zoom * size / FIELD_WIDTH * CAMERA_DISTANCE / (CAMERA_DISTANCE - vertices[v, 2])
        out[v, 0] = size / 2 + (vertices[v, 0] + offset[0]) * scale
        out[v, 1] = size / 2 - (vertices[v, 1] - LOOK_AT + offset[1]) * scale
        out[v, 2] = vertices[v, 2]
    return out
