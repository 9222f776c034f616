"""Numba kernels that turn lit, projected triangles into a picture: find what each sample sees, then shade once."""

import math

import numpy as np
from numba import njit

SAMPLES = 2
"""Samples per pixel along each axis: edges are smooth, yet a pixel inside one surface is shaded only once."""
SKIN, FLAT, EYE, HAIR = 0, 1, 2, 3
"""Materials of triangles: painted skin and cloth, one colour (teeth, tongue, lashes), eyeball, strands of hair."""
NOTHING = -1
ZERO, HALF, ONE, WHITE = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
"""Typed, because a plain number would turn the arithmetic into the slower float64."""
PLAIN = np.float32(180)
"""Skin map value that leaves the skin's colour as it is (`skin.PLAIN`)."""
STRAND_RELIEF = np.float32(0.9)
"""How far strands of the painted scalp reach across the hairline, as a share of its soft edge."""
FOLD_DEPTH = 0.05
"""Samples of one pixel further apart (dm) lie on two sides of a fold and are shaded separately."""


@njit(cache=True, fastmath=True, error_model="numpy")
def visible_triangles(points, triangles, material, bias, depth, seen):
    """Z-buffer: fill `seen` (h, w) int32 with the nearest triangle of each sample, `depth` (h, w) float32 with its depth.

    points : (n, 3) from `geometry.project`; bias : (n,) added to a vertex' depth (teeth stay behind lips).
    Each row's span inside a triangle is computed, not searched: most tufts of hair are long, thin and oblique.
    """
    height, width = seen.shape
    slope, start, run = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0 or (area > 0 and material[t] != HAIR):  # seen from behind; strands have two sides
            continue
        top = max(0, math.ceil(min(ay, by, cy) - HALF))
        bottom = min(height - 1, math.floor(max(ay, by, cy) - HALF))
        lowest, highest = min(ax, bx, cx) - HALF, max(ax, bx, cx) - HALF
        if bottom < top or highest < 0 or lowest > width - 1 or math.floor(highest) < math.ceil(lowest):
            continue
        inverse = ONE / area
        az, bz, cz = points[a, 2] + bias[a], points[b, 2] + bias[b], points[c, 2] + bias[c]
        # the share of a corner at column x (of sample centres) is start + slope * x
        slope[0], slope[1] = (by - cy) * inverse, (cy - ay) * inverse
        slope[2] = -slope[0] - slope[1]
        for edge in range(3):
            run[edge] = ONE / slope[edge] if slope[edge] != 0 else ZERO
        z_slope = slope[0] * az + slope[1] * bz + slope[2] * cz
        for row in range(top, bottom + 1):
            py = row + HALF
            start[0] = ((bx - HALF) * (cy - py) - (cx - HALF) * (by - py)) * inverse
            start[1] = ((cx - HALF) * (ay - py) - (ax - HALF) * (cy - py)) * inverse
            start[2] = ONE - start[0] - start[1]
            low, high = max(lowest, ZERO), min(highest, np.float32(width - 1))
            for edge in range(3):
                if slope[edge] > 0:
                    low = max(low, -start[edge] * run[edge])
                elif slope[edge] < 0:
                    high = min(high, -start[edge] * run[edge])
                elif start[edge] < 0:
                    high = -ONE
            z_row = start[0] * az + start[1] * bz + start[2] * cz
            for column in range(math.ceil(low), math.floor(high) + 1):
                z = z_row + z_slope * np.float32(column)
                if z > depth[row, column]:
                    depth[row, column] = z
                    seen[row, column] = t


@njit(cache=True, fastmath=True, error_model="numpy")
def _corner(picture, u, v):
    """Upper left texel (row, column) around u, v in [0, 1] of a (h, w, channels) picture and the shares to its right and below."""
    height, width = picture.shape[0], picture.shape[1]
    x = min(max(u * np.float32(width) - HALF, ZERO), np.float32(width - 1.001))
    y = min(max(v * np.float32(height) - HALF, ZERO), np.float32(height - 1.001))
    column, row = int(x), int(y)
    return row, column, x - np.float32(column), y - np.float32(row)


@njit(cache=True, fastmath=True, error_model="numpy")
def _texel(picture, row, column, right, below, channel):
    """Bilinear value of one channel at the place given by `_corner`."""
    left_top, right_top = np.float32(picture[row, column, channel]), np.float32(picture[row, column + 1, channel])
    left_low, right_low = (
        np.float32(picture[row + 1, column, channel]),
        np.float32(picture[row + 1, column + 1, channel]),
    )
    upper = left_top + right * (right_top - left_top)
    return upper + below * (left_low + right * (right_low - left_low) - upper)


@njit(cache=True, fastmath=True, error_model="numpy")
def _shade(t, px, py, points, triangles, material, uv, albedo, lit, cover, maps, folds, colours, out):
    """Add the colour (0-255) of triangle `t` at sample place px, py to `out` (3,)."""
    skin_map, eye_map, strand_map = maps
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
    inverse = ONE / ((bx - ax) * (cy - ay) - (cx - ax) * (by - ay))
    # a pixel's centre may lie just outside the triangle that its sample saw: a little extrapolation is right
    wa = min(max(((bx - px) * (cy - py) - (cx - px) * (by - py)) * inverse, -HALF), ONE + HALF)
    wb = min(max(((cx - px) * (ay - py) - (ax - px) * (cy - py)) * inverse, -HALF), ONE + HALF)
    wc = ONE - wa - wb
    u = wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]
    v = wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]
    shine = wa * lit[a, 3] + wb * lit[b, 3] + wc * lit[c, 3]
    kind = material[t]
    cloth = ZERO
    if kind == SKIN:
        cloth = min(max(wa * cover[a, 1] + wb * cover[b, 1] + wc * cover[c, 1], ZERO), ONE)
    if cloth == ONE:
        for channel in range(3):
            light = wa * lit[a, channel] + wb * lit[b, channel] + wc * lit[c, channel]
            out[channel] += min(WHITE * colours[1, channel] * light, WHITE)
        return
    if kind == SKIN:
        row, column, right, below = _corner(folds, u, v)
        crease = (ONE + _texel(folds, row, column, right, below, 0)) / PLAIN
        row, column, right, below = _corner(skin_map, u, v)
        strands = _texel(skin_map, row, column, right, below, 3) / WHITE
        scalp = wa * cover[a, 0] + wb * cover[b, 0] + wc * cover[c, 0] + (strands - HALF) * STRAND_RELIEF
        scalp = min(max(scalp, ZERO), ONE)
        shine *= (ONE - cloth) * (ONE - HALF * scalp)
        dark = HALF * (ONE + strands)
    elif kind == EYE:
        row, column, right, below = _corner(eye_map, u, v)
    elif kind == HAIR:
        row, column, right, below = _corner(strand_map, u, v)
        streak = HALF + _texel(strand_map, row, column, right, below, 0) / WHITE
        shine *= streak
    for channel in range(3):
        light = wa * lit[a, channel] + wb * lit[b, channel] + wc * lit[c, channel]
        if kind == EYE:
            colour = _texel(eye_map, row, column, right, below, channel) / WHITE
        else:
            colour = wa * albedo[a, channel] + wb * albedo[b, channel] + wc * albedo[c, channel]
            if kind == SKIN:
                colour *= _texel(skin_map, row, column, right, below, channel) * crease
                colour += scalp * (colours[0, channel] * dark - colour)
                colour += cloth * (colours[1, channel] - colour)
            elif kind == HAIR:
                colour *= streak
        out[channel] += min(WHITE * (colour * light + shine), WHITE)


@njit(cache=True, fastmath=True, error_model="numpy")
def resolve(seen, depth, background, points, triangles, material, uv, albedo, lit, cover, maps, folds, colours):
    """Shade what the samples see: (h, w, 3) uint8.

    seen, depth : (2h, 2w) from `visible_triangles`; background : (h, w, 3) uint8; uv : (n, 2);
    albedo : (n, 3); lit : (n, 4) from `geometry.light`; cover : (n, 2) share of scalp hair and of cloth, both cut to
    [0, 1] per pixel; maps : skin (.., .., 4), eye (.., .., 3), strands (.., .., 1), uint8; folds : (.., .., 1) float32
    brightness change by wrinkles; colours : (2, 3) of hair and cloth.
    """
    picture = background.copy()
    height, width = background.shape[0], background.shape[1]
    total = np.zeros(3, np.float32)
    for row in range(height):
        for column in range(width):
            t = seen[2 * row, 2 * column]
            nearest, farthest = depth[2 * row, 2 * column], depth[2 * row, 2 * column]
            empty, smooth, hair = t < 0, t >= 0, t >= 0 and material[t] == HAIR
            for k in range(1, 4):
                other = seen[2 * row + k // 2, 2 * column + k % 2]
                empty = empty and other < 0
                hair = hair and other >= 0 and material[other] == HAIR
                smooth = smooth and other >= 0 and material[other] == material[t]
                z = depth[2 * row + k // 2, 2 * column + k % 2]
                nearest, farthest = max(nearest, z), min(farthest, z)
            if empty:
                continue
            total[:] = 0
            if smooth and not hair and nearest - farthest < FOLD_DEPTH:
                x, y = np.float32(2 * column + 1), np.float32(2 * row + 1)
                _shade(t, x, y, points, triangles, material, uv, albedo, lit, cover, maps, folds, colours, total)
                shaded = 1
            else:
                shaded = 2 if hair else 4  # hair is busy enough for two
                for number in range(shaded):
                    k = number * 3 if hair else number  # the diagonal
                    i, j = 2 * row + k // 2, 2 * column + k % 2
                    if seen[i, j] < 0:
                        for channel in range(3):
                            total[channel] += background[row, column, channel]
                        continue
                    x, y = np.float32(j) + HALF, np.float32(i) + HALF
                    _shade(
                        seen[i, j],
                        x,
                        y,
                        points,
                        triangles,
                        material,
                        uv,
                        albedo,
                        lit,
                        cover,
                        maps,
                        folds,
                        colours,
                        total,
                    )
            for channel in range(3):
                picture[row, column, channel] = np.uint8(max(ZERO, total[channel]) / np.float32(shaded))
    return picture


@njit(cache=True, fastmath=True, error_model="numpy")
def mix_folds(strengths, patterns):
    """Sum of wrinkle patterns (k, h, w) weighted by `strengths` (k,): (h, w, 1) float32."""
    count, height, width = patterns.shape
    out = np.zeros((height, width, 1), np.float32)
    for k in range(count):
        if strengths[k] < 0.02:
            continue
        for row in range(height):
            for column in range(width):
                out[row, column, 0] += strengths[k] * patterns[k, row, column]
    return out
