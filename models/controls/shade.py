"""Colour the face layer's pixels: where skin comes from, and the paint of eyes and mouth. Compiled."""

from typing import Final

import numpy as np
from numba import njit

from models.controls.eyes import REACH_RAD

SKIN, EYE_RIGHT, EYE_LEFT, CAVITY, TONGUE, TEETH = range(6)
"""How a pixel is coloured."""
DARK: Final = (0.37, 0.18, 0.18)
LIT: Final = (0.86, 0.60, 0.59)
"""Flesh around the tongue and on it, over the colour of teeth."""
TONGUE_HALF_WIDTH, TONGUE_HEIGHT = 0.95, 1.3
"""Of the lit dome, over half the opening's width and over its height."""


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def shade(  # type: ignore[no-untyped-def]
    triangle, barycentric, triangles, kinds, photo, attributes, inside, eyes, at_rest, enamel,  # noqa: ANN001
    source, skin, paint, painted, mouth, flesh, sharp,  # noqa: ANN001
) -> None:  # fmt: skip
    """Colour each pixel of a box by the triangle that lies there, -1 where none does.

    `photo`, `attributes`, `kinds`, `inside`, `eyes` and `enamel` are `FaceLayer`'s, `at_rest` is
    `unmoved`'s of either eye. What is written: `source` and `skin` as in `FacePixels`; `paint`, the colour of
    eyes and mouth, where `painted` becomes 1; `mouth`, 1 inside the lips; `flesh`, 1 where there is neither
    lip nor tooth, and no colour yet; and `sharp`, how far the photo itself shows what is painted.
    """
    height, width = triangle.shape
    texels = eyes.shape[1]
    photo_here = np.zeros(5, np.float32)
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t < 0:
                continue
            b0, b1, b2 = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            sx = b0 * photo[i, 0] + b1 * photo[j, 0] + b2 * photo[k, 0]
            sy = b0 * photo[i, 1] + b1 * photo[j, 1] + b2 * photo[k, 1]
            source[y, x, 0], source[y, x, 1] = sx, sy
            a0 = b0 * attributes[i, 0] + b1 * attributes[j, 0] + b2 * attributes[k, 0]
            a1 = b0 * attributes[i, 1] + b1 * attributes[j, 1] + b2 * attributes[k, 1]
            a2 = b0 * attributes[i, 2] + b1 * attributes[j, 2] + b2 * attributes[k, 2]
            kind = kinds[t]
            if kind == SKIN:
                skin[y, x] = a0
                continue
            painted[y, x] = 1.0
            if kind in (EYE_RIGHT, EYE_LEFT):
                sharp[y, x] = 1.0
                u = (a0 + REACH_RAD) / (2 * REACH_RAD) * texels - 0.5
                v = (a1 + REACH_RAD) / (2 * REACH_RAD) * texels - 0.5
                _sample(eyes[kind - 1], u, v, paint[y, x])
            else:
                mouth[y, x] = 1.0
                if kind in (CAVITY, TONGUE):
                    flesh[y, x] = 1.0
                    continue
                _tooth(a0, a1, a2, enamel, paint[y, x])
            _sample_photo(inside, sx - 0.5, sy - 0.5, photo_here)
            edges = at_rest[kind - 1] if kind in (EYE_RIGHT, EYE_LEFT) else np.float32(0.0)
            shown = photo_here[3] + edges * (photo_here[4] - photo_here[3])
            sharp[y, x] = max(sharp[y, x], shown)
            for c in range(3):
                paint[y, x, c] += shown * (photo_here[c] - paint[y, x, c])


@njit(cache=True, nogil=True)
def _sample(texture, u, v, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    last = texture.shape[0] - 1
    u, v = min(max(u, 0.0), last - 1e-3), min(max(v, 0.0), last - 1e-3)
    x, y = int(u), int(v)
    fx, fy = u - x, v - y
    for c in range(texture.shape[2]):
        top = texture[y, x, c] * (1 - fx) + texture[y, x + 1, c] * fx
        low = texture[y + 1, x, c] * (1 - fx) + texture[y + 1, x + 1, c] * fx
        out[c] = top * (1 - fy) + low * fy


@njit(cache=True, nogil=True)
def _sample_photo(texture, u, v, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Interpolate by Catmull and Rom's cubic, which keeps what a bilinear mean blurs."""
    last = texture.shape[0] - 3
    u, v = min(max(u, 1.0), last + 1.0), min(max(v, 1.0), last + 1.0)
    x, y = min(int(u), last), min(int(v), last)
    out[:] = 0
    for row in range(4):
        across = _cubic(v - (y + row - 1))
        for column in range(4):
            weight = across * _cubic(u - (x + column - 1))
            for c in range(texture.shape[2]):
                out[c] += weight * texture[y + row - 1, x + column - 1, c]
    for c in range(texture.shape[2]):
        out[c] = min(max(out[c], 0.0), 255.0)
    for c in range(3, texture.shape[2]):
        out[c] = min(out[c], 1.0)


@njit(cache=True, nogil=True)
def _cubic(distance):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    d = abs(distance)
    if d < 1:
        return (1.5 * d - 2.5) * d * d + 1
    return ((-0.5 * d + 2.5) * d - 4) * d + 2 if d < 2 else 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def keep_sharp(smooth, paint, soft, sharp) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Soften edges alone: what the photo shows of eyes and teeth keeps its own pixels."""
    for y in range(smooth.shape[0]):
        for x in range(smooth.shape[1]):
            if sharp[y, x] > 0:
                for c in range(3):
                    smooth[y, x, c] += sharp[y, x] * (soft[y, x] * paint[y, x, c] - smooth[y, x, c])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def paint_flesh(flesh, mouth, left, right, enamel, paint) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Colour tongue and lining by place in the mouth, open from column `left` to `right`, lit as enamel is.

    Who speaks has the tongue in the mouth: light makes a dome of it that stands on the lower lip, and around
    it is dark. How deep the lining lies behind it tells nothing (docs/decisions/027-a-tongue.md).
    """
    for x in range(left, right + 1):
        rows = np.flatnonzero(mouth[:, x])
        if len(rows) == 0:
            continue
        top, bottom = rows[0], rows[-1]
        across = (2 * x - left - right) / ((right - left + 1) * TONGUE_HALF_WIDTH)
        for y in range(top, bottom + 1):
            if flesh[y, x] > 0:
                up = (bottom + 0.5 - y) / ((bottom - top + 1) * TONGUE_HEIGHT)
                dome = max(0.0, 1.0 - across * across - up * up)
                for c in range(3):
                    paint[y, x, c] = enamel[c] * (DARK[c] + dome * (LIT[c] - DARK[c]))


@njit(cache=True, nogil=True)
def _tooth(a0, a1, a2, enamel, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Colour a tooth by place along the arch and height; a2 is 1 for the lower ones, which are redder."""
    along = abs(a0)
    edges = (0.0, 8.4, 15.0, 22.5, 29.5, 36.5, 46.0)
    gap = 99.0
    middle, half = 4.2, 4.2
    for n in range(6):
        gap = min(gap, abs(along - edges[n]))
        if edges[n] <= along < edges[n + 1]:
            middle, half = (edges[n] + edges[n + 1]) / 2, (edges[n + 1] - edges[n]) / 2
    bend = (along - middle) / half
    gum = 8.6 - 1.6 * bend * bend
    falloff = max(0.25, 1.0 - (along / 30.0) ** 2 * 0.8)
    line = 1.0 - 0.28 * np.exp(-((gap / 0.35) ** 2))
    rim = 1.0 - 0.18 * np.exp(-((a1 / 0.5) ** 2))
    shade = falloff * line * rim
    pink = min(max((a1 - gum) / 0.8 + 0.5, 0.0), 1.0)
    shade *= 1.0 - 0.35 * min(a1 / 9.0, 1.0)
    out[0] = shade * enamel[0] * (1 - 0.19 * pink)
    out[1] = shade * enamel[1] * (1 - 0.51 * pink) * (1 - 0.12 * a2)
    out[2] = shade * enamel[2] * (1 - 0.46 * pink) * (1 - 0.1 * a2)
