"""Gaussian random fields with a given autocovariance, by circulant embedding.

On a torus a covariance that depends on the lag alone is diagonal in the Fourier basis, so white noise times the
square root of its spectrum is such a field, exactly. The box of voxels is embedded in a torus so large that its
ends, brought together, hardly know of each other. Complex noise gives two independent fields for one transform.

Dietrich CR & Newsam GN (1997), doi 10.1137/S1064827592240555.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft

from niicorr.nulls.lattice import Lattice, Shape
from niicorr.nulls.traces import Atoms
from niicorr.typing import ComplexArray, Float64Array, FloatArray, IntArray

LEFT = 0.02
"""Correlation that the two ends of the box may have across the seam of the torus."""

IMAGES = 3
"""So many turns around the torus are added up on either side: a Gaussian wider than it sees itself again."""


@dataclass(frozen=True, eq=False)
class Torus:
    """A box of voxels embedded in a torus.

    Parameters
    ----------
    lattice : Lattice
        The box.
    atoms : Atoms
        The family of autocovariances.
    shape : tuple of int
        Voxels around the torus along each axis.
    """

    lattice: Lattice
    atoms: Atoms
    shape: Shape

    @property
    def size(self) -> int:
        """Voxels of the torus."""
        return int(np.prod(self.shape))

    def amplitude(self, coefficients: Float64Array) -> FloatArray:
        """Square root of the spectrum of a mixture of atoms, shape of the torus, float32."""
        first, others = self.factors
        spectrum = (first * coefficients.astype(np.float32)) @ others
        # Rounding, and in skewed boxes the cut at half a turn, leave negative crumbs.
        return np.asarray(np.sqrt(np.maximum(spectrum, 0))).reshape(self.shape)

    def field(self, noise: ComplexArray, amplitude: FloatArray) -> FloatArray:
        """Two fields in the box, shape (2, voxels in use), of one complex noise; in its precision."""
        a, b, c = self.lattice.shape
        lines = fft.ifft(noise * amplitude, axis=0, overwrite_x=True)[:a]
        lines = fft.ifft(lines, axis=1, overwrite_x=True)[:, :b]
        box = fft.ifft(lines, axis=2, overwrite_x=True)[..., :c]
        inside = box.reshape(-1)[self.lattice.places]
        return np.stack([inside.real, inside.imag])

    @cached_property
    def factors(self) -> tuple[FloatArray, FloatArray]:
        """Spectra of atoms as a product over atoms, shapes (n, atoms) and (atoms, size / n), float32.

        On perpendicular axes they are that of spectra along the first axis and the other two.
        """
        if not self.lattice.orthogonal:
            return np.ones((1, len(self.atoms)), np.float32), self._spectra.reshape(len(self.atoms), -1)
        first, second, third = (self._line(axis) for axis in range(3))
        others = np.einsum("ka,kb->kab", second, third).reshape(len(self.atoms), -1)
        return np.ascontiguousarray(first.T, dtype=np.float32), others.astype(np.float32)

    def _line(self, axis: int) -> Float64Array:
        """Spectra along one axis, shape (atoms, frequencies); a wrapped Gaussian has no negative ones."""
        n, edge = self.shape[axis], self.lattice.edges[axis]
        steps = np.arange(n)[:, None] + n * np.arange(-IMAGES, IMAGES + 1)
        lines = np.zeros((len(self.atoms), n))
        lines[0, 0] = 1
        for line, width in zip(lines[1:], self.atoms.widths, strict=True):
            line[...] = np.exp(-((steps * edge / width) ** 2) / 2).sum(axis=1)
        return np.asarray(fft.fft(lines, axis=1).real)

    @cached_property
    def _spectra(self) -> FloatArray:
        steps: list[IntArray] = [np.rint(fft.fftfreq(n, 1 / n)).astype(np.intp) for n in self.shape]
        squared = self.lattice.squared_mm(*steps)
        spectra = np.empty((len(self.atoms), *self.shape), np.float32)
        spectra[0] = 1
        for spectrum, width in zip(spectra[1:], self.atoms.widths, strict=True):
            spectrum[...] = fft.fftn(np.exp(squared * (-0.5 / width**2))).real
        return spectra


def torus_for(lattice: Lattice, atoms: Atoms, coefficients: Float64Array) -> Torus:
    """Choose a torus on which fields of these coefficients, shape (maps, atoms), do not meet themselves."""
    extent = float(lattice.edges @ lattice.shape)
    distance = np.linspace(0, extent, 512)
    share = coefficients / np.maximum(coefficients.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    far = (share @ atoms.at(distance**2).T).max(axis=0, initial=0.0) > LEFT
    reach = lattice.reach(float(distance[far].max(initial=0.0)))
    a, b, c = (fft.next_fast_len(n + r) for n, r in zip(lattice.shape, reach, strict=True))
    return Torus(lattice, atoms, (a, b, c))


def white_noise(shape: Shape, seed: int, *key: int) -> ComplexArray:
    """Complex standard white noise, complex64; the same for the same seed and key, whatever else is drawn."""
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))
    return rng.standard_normal((*shape, 2), np.float32).view(np.complex64)[..., 0]
