"""Devices without a GPU: arrays of other libraries in the processor's memory."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from niicorr.compute.device import Device


def strict():
    import array_api_strict  # comes with niicorr[test]

    return array_api_strict


def torch():
    pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'niicorr[gpu]')")
    import array_api_compat.torch

    return array_api_compat.torch


LIBRARIES = {"array-api-strict": strict, "torch": torch}


def on(xp, free=10**9):
    return Device("a device", xp, "cpu" if "torch" in xp.__name__ else None, lambda: free)


class OutOfMemoryError(RuntimeError):
    """As PyTorch's: no MemoryError."""


def grudging(xp, most):
    """A device that promises much and gives nothing above a size."""
    def hold(array, **where):
        if array.size > most:
            raise OutOfMemoryError(f"{array.size} values")
        return xp.asarray(array, **where)

    names = {name: getattr(xp, name) for name in dir(xp) if not name.startswith("_")}
    return replace(on(xp), xp=SimpleNamespace(**{**names, "asarray": hold, "__name__": xp.__name__}))
