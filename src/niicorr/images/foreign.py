"""Images in memory are objects of other libraries: whatever goes wrong in them becomes an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from niicorr.errors import MapError, NiicorrError, ResourceError
from niicorr.tables import brief


@contextmanager
def named(path: str, what: str, advice: str) -> Iterator[None]:
    """Name the map, and say what was wanted of it, in whatever is raised in this block."""
    try:
        yield
    except NiicorrError:
        raise
    except MemoryError as error:  # no fault of the map, which another machine may well read
        raise ResourceError(f"{path}: {what} for want of memory: give fewer maps at once, or smaller ones") from error
    except Exception as error:
        kind, said = type(error).__name__, brief(str(error))
        raise MapError(path, f"{what} ({kind}: {said})" if said else f"{what} ({kind})", advice) from error


def has(item: Any, name: str) -> bool:
    """Whether an object has an attribute; one that cannot be read is there all the same, and told of later."""
    try:
        getattr(item, name)
    except AttributeError:
        return False
    except Exception:
        return True
    return True
