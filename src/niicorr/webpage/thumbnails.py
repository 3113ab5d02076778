"""Small pictures of maps: three planes through the middle of the mask, its outline, and which side is which.

Pixels are looked up, not drawn: where each one takes its voxel from is found once for all maps.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from niicorr.plot.colormaps import VIK
from niicorr.plot.slices import LETTERS, slices, two_sided
from niicorr.result.vectors import squeezed
from niicorr.webpage.colours import spread

if TYPE_CHECKING:
    from niicorr.result.vectors import Quantised
    from niicorr.space import Grid
    from niicorr.typing import BitArray, IntArray

LONGEST = 104
"""Pixels along the longest side of the mask."""

GAP, MARGIN = 6, 3
"""Pixels between planes, and around each."""

VIRIDIS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")
"""For maps of one sign: Smith and van der Walt's colours, which are in the public domain."""

_SHADES, _OUTLINE, _LETTER = 240, 241, 242
_GREY = "#8b9099"
"""Stands out on white and on black."""

_HATCH = 4
"""Every fourth diagonal of pixels is grey where a map has no data."""

_GLYPHS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
    "P": ("11110", "10001", "10001", "11110", "10000", "10000", "10000"),
    "A": ("01110", "10001", "10001", "11111", "10001", "10001", "10001"),
}


@dataclass(frozen=True, eq=False)
class Planes:
    """Where the pixels of a thumbnail come from.

    Attributes
    ----------
    feature : ndarray of int, shape (height, width)
        Which voxel of the mask a pixel shows; −1 where none.
    ink : ndarray of uint8, shape (height, width)
        Outline and letters as entries of the palette; 0 elsewhere.
    """

    feature: IntArray
    ink: BitArray

    def png(self, picture: Quantised) -> bytes:
        """Draw a map of 8 bits: a PNG with a palette and a transparent background."""
        known = picture.steps[np.maximum(self.feature, 0)]
        inside = self.feature >= 0
        rows, columns = np.indices(self.feature.shape)
        hatch = (rows + columns) % _HATCH == 0
        shown = np.where(inside & (known > 0), _shades(picture)[known], self.ink)
        shown = np.where(inside & (known == 0) & hatch, np.uint8(_OUTLINE), shown)
        colours = spread(VIK if two_sided(picture.low, picture.high) else VIRIDIS, _SHADES)
        return _png(shown.astype(np.uint8), ["#000000", *colours, _GREY, _GREY])


def planes(grid: Grid, voxels: IntArray) -> Planes:
    """Find where pixels come from.

    Parameters
    ----------
    grid : Grid
        The grid of comparison.
    voxels : ndarray of int, shape (n,)
        The mask's voxels in it, flattened in Fortran order.
    """
    cut = slices(grid, voxels, longest=LONGEST, margin=MARGIN)
    height = max(len(plane.feature) for plane in cut)
    feature = np.full((height, sum(plane.feature.shape[1] + GAP for plane in cut) - GAP), -1, dtype=np.int32)
    ink = np.zeros(feature.shape, dtype=np.uint8)
    left = 0
    for plane, letters in zip(cut, LETTERS, strict=True):
        rows, columns = plane.feature.shape
        above = (height - rows) // 2
        place = np.s_[above : above + rows, left : left + columns]
        feature[place] = plane.feature
        ink[place][plane.border] = _OUTLINE
        if grid.known:
            _write(ink[:, left : left + columns], letters[0], 1)
            _write(ink[:, left : left + columns], letters[1], columns - 6)
        left += columns + GAP
    return Planes(feature, ink)


def _write(ink: BitArray, letter: str, left: int) -> None:
    glyph = np.array([[char == "1" for char in row] for row in _GLYPHS[letter]])
    if ink.shape[0] > glyph.shape[0] and 0 <= left <= ink.shape[1] - glyph.shape[1]:
        ink[-1 - glyph.shape[0] : -1, left : left + glyph.shape[1]][glyph] = _LETTER


def _shades(picture: Quantised) -> BitArray:
    """Return the entry of the palette for each step; 0 for missing."""
    values = np.linspace(picture.low / 2, picture.high / 2, 255)  # halved: the span of 1e308 must not overflow
    low, high = picture.low / 2, picture.high / 2
    if two_sided(low, high):
        low, high = -max(-low, high), max(-low, high)
    share = (values - low) / (high - low) if high > low else np.full(255, 0.5)
    return np.concatenate([[0], 1 + np.rint(share * (_SHADES - 1))]).astype(np.uint8)


def _png(pixels: BitArray, palette: list[str]) -> bytes:
    """Write a PNG of 8 bits; the first colour is transparent."""
    height, width = pixels.shape
    lines = np.zeros((height, width + 1), dtype=np.uint8)  # each line begins with its filter, which is none
    lines[:, 1:] = pixels
    colours = b"".join(bytes.fromhex(colour[1:]) for colour in palette)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, data) for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", colours),
            (b"tRNS", b"\0"),
            (b"IDAT", squeezed(lines.tobytes())),
            (b"IEND", b""),
        ))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
