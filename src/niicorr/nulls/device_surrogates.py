"""Surrogates drawn on a device: fields and their order are found there, by the same steps.

Random numbers come from the processor, so that a draw is the same draw wherever it is made; what is rounded otherwise
may exchange values of neighbouring ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Protocol

import numpy as np

from niicorr.nulls.surrogate import Surrogates
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray


class Arrays(Protocol):
    """What is needed of a device."""

    @property
    def xp(self) -> Any:
        """Its array namespace."""

    @property
    def lock(self) -> Lock:
        """Held by the thread that works with it."""

    def hold(self, values: np.ndarray[Any, Any], dtype: Any = None) -> Any:
        """Copy an array onto the device."""

    def bring_home(self, array: Any) -> Float64Array:
        """Copy real values of the device into memory."""


@dataclass(frozen=True, eq=False)
class DeviceSurrogates:
    """The surrogates of `niicorr.nulls.surrogate`, drawn on a device.

    Parameters
    ----------
    plain : Surrogates
        What they are drawn from.
    device : Device
        Where.
    """

    plain: Surrogates
    device: Arrays

    @property
    def usable(self) -> BoolArray:
        """Which maps have surrogates."""
        return self.plain.usable

    @property
    def draw_bytes(self) -> int:
        """Memory that drawing takes, rows apart; and about what it takes on the device."""
        return self.plain.draw_bytes

    def draw(self, number: int, maps: IntArray) -> FloatArray:
        """Draw twice, as `Surrogates.draw` does."""
        of, usable = self.plain, self.plain.usable
        rows = np.zeros((2, len(maps), of.n_features), np.result_type(*of.values) if of.values else np.float32)
        noises = np.stack(of.shared_noises(number)).reshape(len(of.loadings[0]), -1) if len(maps) else None
        with self.device.lock:
            shared = None if noises is None else self.device.hold(noises)
        for k, i in enumerate(maps):
            if not usable[i]:
                continue
            own = of.own_noise(number, int(i)) if of.own[i] > 0 else None  # by many threads at once
            with self.device.lock:
                drawn = self._draw(int(i), shared, own)
            rows[:, k, of.features[of.inside[i]]] = drawn
        return rows

    def _draw(self, index: int, shared: Any, own: Any) -> Float64Array:
        """Make two fields of noise, and give each the values of the map, rank for rank."""
        of, device, xp = self.plain, self.device, self.device.xp
        torus = of.torus
        noise = device.hold(of.loadings[index].astype(np.complex64)[None]) @ shared
        if own is not None:
            noise += device.hold((of.own[index] * own).reshape(1, -1))
        spectrum = (self._first * device.hold(of.coefficients[index].astype(np.float32)[None])) @ self._others
        spectrum = xp.reshape(spectrum, torus.shape)
        amplitude = xp.sqrt(xp.where(spectrum > 0, spectrum, xp.zeros_like(spectrum)))
        a, b, c = torus.lattice.shape
        box = xp.fft.ifftn(xp.reshape(noise, torus.shape) * amplitude)[:a, :b, :c]
        inside = xp.take(xp.reshape(box, (-1,)), device.hold(torus.lattice.places[of.inside[index]], np.int64), axis=0)
        order = xp.argsort(xp.stack([xp.real(inside), xp.imag(inside)]), axis=1)
        ranks = xp.argsort(order, axis=1)
        drawn = xp.take(device.hold(of.values[index]), xp.reshape(ranks, (-1,)), axis=0)
        return device.bring_home(xp.reshape(drawn, ranks.shape))

    @cached_property
    def _first(self) -> Any:
        return self.device.hold(self.plain.torus.factors[0])

    @cached_property
    def _others(self) -> Any:
        return self.device.hold(self.plain.torus.factors[1])
