"""A GPU for the products: whether there is one, and what it takes to use it.

PyTorch is asked first, CuPy second; neither is imported unless a GPU was asked for. Both are used through
array-api-compat, so what is done there is written once, in words of the array API standard.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

from niicorr.errors import UsageError
from niicorr.records import Decision
from niicorr.typing import ByteArray, DeviceOption, Float64Array

WORTH = 2e12
"""Additions and multiplications that a processor does in about the time in which a GPU gets ready."""

SHARE = 0.8
"""Of the memory free on a device; its libraries want some for themselves."""

CPU = 1
"""What DLPack calls memory that numpy can read."""


def _plain(size: int) -> ByteArray:
    """Memory as any other."""
    return np.empty(size, np.uint8)


@dataclass(frozen=True, eq=False)
class Device:
    """Where products can be made other than in numpy.

    Parameters
    ----------
    name : str
        What it is, with the library that drives it.
    xp : module
        Its array namespace.
    place : object
        What the namespace calls the device.
    free : callable
        Tells how many bytes are free on it.
    exactly : callable
        Gives a context in which float32 products keep the digits of float32.
    beside : callable
        Gives so many bytes of memory that the device copies fast from.
    lock : Lock
        Held by the thread that works with it, where there are several: precision is a setting of the whole process.
    """

    name: str
    xp: Any
    place: Any
    free: Callable[[], int]
    exactly: Callable[[], AbstractContextManager[None]] = nullcontext
    beside: Callable[[int], ByteArray] = _plain
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def hold(self, values: np.ndarray[Any, Any], dtype: Any = None) -> Any:
        """Copy an array onto the device, as values of another type if need be."""
        # What is read-only, or lies in a file, is copied first. The device gets a copy of its own also where it is the
        # processor under another name, since memory beside it is written again.
        return self.xp.asarray(np.require(values, dtype, ["C", "W"]), device=self.place, copy=True)

    def bring_home(self, array: Any) -> Float64Array:
        """Copy float64 values of the device into memory."""
        from array_api_compat import to_device

        here = array if array.__dlpack_device__()[0] == CPU else to_device(array, "cpu")
        return np.asarray(np.from_dlpack(here), dtype=np.float64)


def choose_device(option: DeviceOption, work: float) -> tuple[Device | None, Decision | None]:
    """Find the device that products are made on, and say so.

    Parameters
    ----------
    option : {'cpu', 'cuda', 'auto'}
        ``auto`` takes a GPU where there is one and the work is worth it.
    work : float
        Additions and multiplications to be done.

    Returns
    -------
    Device or None
        None for the processor.
    Decision or None
        None where nothing was decided.

    Raises
    ------
    UsageError
        Where ``cuda`` cannot be had; it says what is missing.
    """
    if option == "cpu":
        return None, None
    if option == "auto" and work < WORTH:
        return None, Decision("device", "products on the processor: they are too small for a GPU to be faster")
    reasons = []
    for find in (_torch, _cupy):
        found = find()
        if isinstance(found, Device):
            return found, Decision("device", f"products on {found.name}, in the precision of the rows, added up in "
                                   "float64")
        reasons.append(found)
    if option == "cuda":
        raise UsageError(f"device cuda is not to be had: {'; '.join(reasons)}. Install PyTorch with CUDA (pip install "
                         "'niicorr[gpu]') or CuPy, or leave out --device cuda")
    return None, Decision("device", f"products on the processor: {'; '.join(reasons)}")


def ran_out(error: BaseException) -> bool:
    """Whether an error says that a device has no memory left; libraries agree on its name, not on its class."""
    return type(error).__name__ == "OutOfMemoryError"


def _torch() -> Device | str:
    """PyTorch's GPU, or why there is none."""
    if find_spec("torch") is None:
        return "PyTorch is not installed"
    try:
        import torch
    except (ImportError, OSError) as error:  # a build that does not fit the machine
        return f"PyTorch cannot be imported ({error})"
    if not torch.cuda.is_available():
        without = torch.version.cuda is None and getattr(torch.version, "hip", None) is None
        return (f"PyTorch {torch.__version__} is built without CUDA" if without else
                f"PyTorch {torch.__version__} finds no CUDA device (is there a driver, and what says "
                "CUDA_VISIBLE_DEVICES?)")
    import array_api_compat.torch as xp

    place = torch.device("cuda", torch.cuda.current_device())

    def free() -> int:
        # What torch keeps for itself but does not use is free for us, too.
        spare = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
        return int(torch.cuda.mem_get_info(place)[0]) + int(spare)

    name = f"{torch.cuda.get_device_name(place)} (PyTorch {torch.__version__})"

    def beside(size: int) -> ByteArray:
        try:
            return np.asarray(torch.empty(size, dtype=torch.uint8, pin_memory=True).numpy())
        except RuntimeError:  # the system lets only so much memory be held in place
            return _plain(size)

    return Device(name, xp, place, free, lambda: _without_tf32(torch.backends.cuda.matmul), beside)


@contextmanager
def _without_tf32(matmul: Any) -> Iterator[None]:
    """Keep PyTorch from rounding float32 to ten bits before it multiplies, whatever the program asked for."""
    name, exact = ("fp32_precision", "ieee") if hasattr(matmul, "fp32_precision") else ("allow_tf32", False)
    before = getattr(matmul, name)
    setattr(matmul, name, exact)
    try:
        yield
    finally:
        setattr(matmul, name, before)


def _cupy() -> Device | str:
    """CuPy's GPU, or why there is none."""
    if find_spec("cupy") is None:
        return "CuPy is not installed"
    if os.environ.get("CUPY_TF32", "0") not in ("", "0"):
        return "CuPy would round float32 to ten bits (unset CUPY_TF32)"
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CUDARuntimeError, ImportError: each build has its own way to find no driver
        return f"CuPy finds no CUDA device ({error})"
    if not count:
        return "CuPy finds no CUDA device"
    import array_api_compat.cupy as xp

    place = cupy.cuda.Device()
    properties = cupy.cuda.runtime.getDeviceProperties(place.id)

    def free() -> int:
        pool = cupy.get_default_memory_pool()
        return int(cupy.cuda.runtime.memGetInfo()[0]) + int(pool.free_bytes())

    return Device(f"{properties['name'].decode()} (CuPy {cupy.__version__})", xp, place, free)
