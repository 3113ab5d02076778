"""What libraries stumble over while they load, variables and limits; each is told in one message instead."""

from __future__ import annotations

import os
import sys
import time

from niicorr.errors import ResourceError, UsageError
from niicorr.numerals import bytes_text

LEAST_ADDRESSES = 512 * 2**20
"""Bytes of address space: with less, OpenBLAS may wait for more for ever while scipy loads (seen up to 400 MB)."""


def demand_addresses() -> None:
    """Refuse a limit of address space within which the libraries cannot be loaded; raises `ResourceError`."""
    try:
        import resource
    except ImportError:  # no such limits
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESSES:
        raise ResourceError(f"this process may have {bytes_text(limit)} of address space (ulimit -v), too little for "
                            "the libraries that niicorr loads: let it have 1 GB or more")


def demand_epoch() -> None:
    """Refuse a time that numpy, which scipy loads whole, would stumble over; raises `UsageError`."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        time.gmtime(0 if epoch is None else int(epoch))
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"the variable SOURCE_DATE_EPOCH is {epoch!r}, not a whole number of seconds: set it to one, "
                         "or unset it") from None


def demand_backend() -> None:
    """Load matplotlib, and refuse the name of a backend that it does not know; raises `UsageError`."""
    if "matplotlib" in sys.modules:  # else it looks at the variable now, and never again
        return
    try:
        import matplotlib  # noqa: F401
    except ValueError:
        # What it has loaded of itself so far would stand in the way of the next attempt.
        for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
            del sys.modules[name]
        backend = os.environ.get("MPLBACKEND")
        if not backend:
            raise
        raise UsageError(f"the variable MPLBACKEND is {backend!r}, which matplotlib does not know: set it to a name "
                         "that it knows, such as agg, or unset it") from None
