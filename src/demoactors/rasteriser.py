"""Numba kernels that turn lit, projected triangles into a picture: find what each sample sees, then shade once."""

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
STRAND_RELIEF = np.float32(0.6)
"""How far strands of the painted scalp reach across the hairline, as a share of its soft edge."""
Corner = tuple[np.uint32, np.uint32]
FOLD_DEPTH = 0.05
"""Samples of one pixel further apart (dm) lie on two sides of a fold and are shaded separately."""


@njit(cache=True, fastmath=True, error_model="numpy")
def visible_triangles(
    points: np.ndarray, triangles: np.ndarray, material: np.ndarray,
    bias: np.ndarray, depth: np.ndarray, seen: np.ndarray,
) -> None:  # fmt: skip
    """Z-buffer: fill `seen` (h, w) int32 with the nearest triangle of each sample, `depth` (h, w) float32 with its depth.

    points : (n, 3) from `geometry.project`; bias : (n,) added to a vertex' depth (teeth stay behind lips).
    Each row's span inside a triangle is computed, not searched: most tufts of hair are long, thin and oblique.
    """
    height, width = seen.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0 or (area > 0 and material[t] != HAIR):  # seen from behind; strands have two sides
            continue
        top = max(0, _ceil(min(ay, by, cy) - HALF))
        bottom = min(height - 1, _floor(max(ay, by, cy) - HALF))
        lowest, highest = max(min(ax, bx, cx) - HALF, ZERO), min(max(ax, bx, cx) - HALF, np.float32(width - 1))
        if bottom < top or _floor(highest) < _ceil(lowest):
            continue
        inverse = ONE / area
        az, bz, cz = points[a, 2] + bias[a], points[b, 2] + bias[b], points[c, 2] + bias[c]
        # the share of a corner is linear in the column and row of a sample: start + row * down + column * across
        across_a, across_b = (by - cy) * inverse, (cy - ay) * inverse
        across_c = -across_a - across_b
        down_a, down_b = (cx - bx) * inverse, (ax - cx) * inverse
        start_a = (bx * cy - cx * by) * inverse + HALF * (across_a + down_a)
        start_b = (cx * ay - ax * cy) * inverse + HALF * (across_b + down_b)
        run_a, run_b, run_c = _reciprocal(across_a), _reciprocal(across_b), _reciprocal(across_c)
        z_across = across_a * az + across_b * bz + across_c * cz
        for row in range(top, bottom + 1):
            share_a, share_b = start_a + np.float32(row) * down_a, start_b + np.float32(row) * down_b
            share_c = ONE - share_a - share_b
            low, high = _narrow(lowest, highest, share_a, across_a, run_a)
            low, high = _narrow(low, high, share_b, across_b, run_b)
            low, high = _narrow(low, high, share_c, across_c, run_c)
            z_row = share_a * az + share_b * bz + share_c * cz
            line = np.uint32(row)
            for place in range(_ceil(low), _floor(high) + 1):
                column = np.uint32(place)
                z = z_row + z_across * np.float32(place)
                if z > depth[line, column]:
                    depth[line, column] = z
                    seen[line, column] = t


@njit(cache=True)
def _floor(x: np.float32) -> int:
    """What math.floor gives, without the call of a C function that numba makes of it."""
    whole = int(x)
    return whole - int(whole > x)


@njit(cache=True)
def _ceil(x: np.float32) -> int:
    """As `_floor`, upwards."""
    whole = int(x)
    return whole + int(whole < x)


@njit(cache=True, fastmath=True, error_model="numpy")
def _reciprocal(x: np.float32) -> np.float32:
    return ONE / x if x != 0 else ZERO


@njit(cache=True, fastmath=True, error_model="numpy")
def _narrow(
    low: np.float32, high: np.float32, share: np.float32, across: np.float32, run: np.float32
) -> tuple[np.float32, np.float32]:
    """The columns from low to high where share + column * across >= 0; run = 1 / across."""
    if across > 0:
        low = max(low, -share * run)
    elif across < 0:
        high = min(high, -share * run)
    elif share < 0:
        high = low - ONE
    return low, high


@njit(cache=True, fastmath=True, error_model="numpy")
def _corner(picture: np.ndarray, u: np.float32, v: np.float32) -> tuple[Corner, np.float32, np.float32]:
    """Upper left texel around u, v in [0, 1] of a (h, w, channels) picture: (row, column), shares to its right and below."""
    height, width = picture.shape[0], picture.shape[1]
    x = min(max(u * np.float32(width) - HALF, ZERO), np.float32(width - 1.001))
    y = min(max(v * np.float32(height) - HALF, ZERO), np.float32(height - 1.001))
    column, row = np.uint32(x), np.uint32(y)  # unsigned: no wrap-around to check
    return (row, column), x - np.float32(column), y - np.float32(row)


@njit(cache=True, fastmath=True, error_model="numpy")
def _texel(picture: np.ndarray, corner: Corner, right: np.float32, below: np.float32, channel: int) -> np.float32:
    """Bilinear value of one channel at the place given by `_corner`."""
    row, column = corner
    next_row, next_column = row + np.uint32(1), column + np.uint32(1)
    left, other = np.float32(picture[row, column, channel]), np.float32(picture[row, next_column, channel])
    upper = left + right * (other - left)
    left, other = np.float32(picture[next_row, column, channel]), np.float32(picture[next_row, next_column, channel])
    return upper + below * (left + right * (other - left) - upper)


@njit(cache=True, fastmath=True, error_model="numpy")
def _nearest(picture: np.ndarray, u: np.float32, v: np.float32) -> np.float32:
    """Nearest texel of a (h, w) picture at u, v in [0, 1]."""
    height, width = picture.shape
    column = np.uint32(min(max(u * np.float32(width), ZERO), np.float32(width - 1)))
    row = np.uint32(min(max(v * np.float32(height), ZERO), np.float32(height - 1)))
    return np.float32(picture[row, column])


@njit(cache=True, fastmath=True, error_model="numpy")
def resolve(
    seen: np.ndarray, depth: np.ndarray, background: np.ndarray, points: np.ndarray, triangles: np.ndarray,
    material: np.ndarray, uv: np.ndarray, cover: np.ndarray, lit: np.ndarray,
    maps: tuple[np.ndarray, np.ndarray, np.ndarray], folds: np.ndarray, colours: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Shade what the samples see: (h, w, 3) uint8.

    seen, depth : (2h, 2w) from `visible_triangles`; background : (h, w, 3) uint8; uv : (n, 2); cover : (n, 2) share of
    scalp hair and of cloth, both cut to [0, 1] per pixel; lit : (n, 5) from `geometry.light`; maps : skin (.., .., 4),
    eye (.., .., 3), strands (.., ..), uint8; folds : (.., ..) float32 brightness change by wrinkles;
    colours : (2, 3) float32 of hair and cloth.
    One long function: numba would count references to every array at each call of one that shades a sample, which
    takes twice the time of the shading.
    """
    skin_map, eye_map, strand_map = maps
    picture = background.copy()
    height, width = background.shape[0], background.shape[1]
    corner, right, below = (np.uint32(0), np.uint32(0)), ZERO, ZERO
    for row in range(height):
        for column in range(width):
            t = seen[2 * row, 2 * column]
            nearest, farthest = depth[2 * row, 2 * column], depth[2 * row, 2 * column]
            empty, smooth, strands_only = t < 0, t >= 0, t >= 0 and material[t] == HAIR
            for k in range(1, 4):
                other = seen[2 * row + k // 2, 2 * column + k % 2]
                empty = empty and other < 0
                strands_only = strands_only and other >= 0 and material[other] == HAIR
                smooth = smooth and other >= 0 and material[other] == material[t]
                z = depth[2 * row + k // 2, 2 * column + k % 2]
                nearest, farthest = max(nearest, z), min(farthest, z)
            if empty:
                continue
            smooth = smooth and not strands_only and nearest - farthest < FOLD_DEPTH
            shaded = 4
            if smooth:  # the pixel's centre will do
                shaded = 1
            elif strands_only:  # busy enough to do with the diagonal, or with one where a single strand fills the pixel
                shaded = 1 if seen[2 * row + 1, 2 * column + 1] == t else 2
            total_red, total_green, total_blue = ZERO, ZERO, ZERO
            for number in range(shaded):
                k = number * 3 if strands_only else number
                i, j = 2 * row + k // 2, 2 * column + k % 2
                if seen[i, j] < 0:
                    total_red += np.float32(background[row, column, 0])
                    total_green += np.float32(background[row, column, 1])
                    total_blue += np.float32(background[row, column, 2])
                    continue
                triangle = np.uint32(seen[i, j])
                middle = ONE if smooth else HALF
                px, py = np.float32(j) + middle, np.float32(i) + middle
                a, b, c = triangles[triangle, 0], triangles[triangle, 1], triangles[triangle, 2]
                ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
                cx, cy = points[c, 0], points[c, 1]
                inverse = ONE / ((bx - ax) * (cy - ay) - (cx - ax) * (by - ay))
                # a pixel's centre may lie just outside the triangle that its sample saw: a little extrapolation is right
                wa = min(max(((bx - px) * (cy - py) - (cx - px) * (by - py)) * inverse, -HALF), ONE + HALF)
                wb = min(max(((cx - px) * (ay - py) - (ax - px) * (cy - py)) * inverse, -HALF), ONE + HALF)
                wc = ONE - wa - wb
                u = wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]
                v = wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]
                red = wa * lit[a, 0] + wb * lit[b, 0] + wc * lit[c, 0]
                green = wa * lit[a, 1] + wb * lit[b, 1] + wc * lit[c, 1]
                blue = wa * lit[a, 2] + wb * lit[b, 2] + wc * lit[c, 2]
                shine = wa * lit[a, 3] + wb * lit[b, 3] + wc * lit[c, 3]
                kind = material[triangle]
                if kind == SKIN:
                    light = wa * lit[a, 4] + wb * lit[b, 4] + wc * lit[c, 4]
                    cloth = min(max(wa * cover[a, 1] + wb * cover[b, 1] + wc * cover[c, 1], ZERO), ONE)
                    if cloth < ONE:
                        crease = (ONE + _nearest(folds, u, v)) / PLAIN
                        corner, right, below = _corner(skin_map, u, v)
                        red *= crease * _texel(skin_map, corner, right, below, 0)
                        green *= crease * _texel(skin_map, corner, right, below, 1)
                        blue *= crease * _texel(skin_map, corner, right, below, 2)
                    hair = wa * cover[a, 0] + wb * cover[b, 0] + wc * cover[c, 0]
                    if hair > -STRAND_RELIEF and cloth < ONE:
                        strands = _texel(skin_map, corner, right, below, 3) / WHITE
                        hair = min(max(hair + (strands - HALF) * STRAND_RELIEF, ZERO), ONE)
                        dark = HALF * (ONE + strands) * light
                        red += hair * (colours[0, 0] * dark - red)
                        green += hair * (colours[0, 1] * dark - green)
                        blue += hair * (colours[0, 2] * dark - blue)
                        shine *= ONE - HALF * hair
                    if cloth > 0:
                        red += cloth * (colours[1, 0] * light - red)
                        green += cloth * (colours[1, 1] * light - green)
                        blue += cloth * (colours[1, 2] * light - blue)
                        shine *= ONE - cloth
                elif kind == EYE:
                    corner, right, below = _corner(eye_map, u, v)
                    red *= _texel(eye_map, corner, right, below, 0) / WHITE
                    green *= _texel(eye_map, corner, right, below, 1) / WHITE
                    blue *= _texel(eye_map, corner, right, below, 2) / WHITE
                elif kind == HAIR:
                    streak = HALF + _nearest(strand_map, u, v) / WHITE
                    red, green, blue, shine = red * streak, green * streak, blue * streak, shine * streak
                total_red += min(red + shine, WHITE)
                total_green += min(green + shine, WHITE)
                total_blue += min(blue + shine, WHITE)
            picture[row, column, 0] = np.uint8(max(ZERO, total_red) / np.float32(shaded))
            picture[row, column, 1] = np.uint8(max(ZERO, total_green) / np.float32(shaded))
            picture[row, column, 2] = np.uint8(max(ZERO, total_blue) / np.float32(shaded))
    return picture


@njit(cache=True, fastmath=True, error_model="numpy")
def mix_folds(strengths: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Sum of wrinkle patterns (k, h, w) weighted by `strengths` (k,): (h, w) float32."""
    count, height, width = patterns.shape
    out = np.zeros((height, width), np.float32)
    for k in range(count):
        if strengths[k] < 0.02:
            continue
        for row in range(height):
            for column in range(width):
                out[row, column] += strengths[k] * patterns[k, row, column]
    return out
