"""What null models keep of maps, as lists of arrays and back: arrays, frozen dataclasses, tuples of one kind.

So it can wait in a file, be found by the run that continues this one, or come from a worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

PIECE = 64
"""Maps described at once, wherever that is: fixed, so that no number depends on the memory or on who helped."""

D = TypeVar("D")


def arrays_of(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays of a dataclass in order, and where their number is left open, how many there are."""
    yield from _taken(type(value), value)


def from_arrays(kind: type[D], arrays: Sequence[np.ndarray[Any, Any]]) -> D | None:
    """Put a dataclass together from what `arrays_of` yielded; None where there are more or fewer arrays."""
    rest = iter(arrays)
    try:
        made: D = _made(kind, rest)
    except (StopIteration, TypeError, ValueError):  # too few; an array in the place of a number
        return None
    return made if next(rest, None) is None else None


def _taken(hint: Any, value: Any) -> Iterator[np.ndarray[Any, Any]]:
    if type(None) in get_args(hint):
        yield np.array(value is not None)
        if value is not None:
            yield from _taken(_present(hint), value)
    elif get_origin(hint) is tuple:
        yield np.array(len(value))
        for part in value:
            yield from _taken(get_args(hint)[0], part)
    elif is_dataclass(hint):
        hints = get_type_hints(hint)
        for field in fields(hint):
            yield from _taken(hints[field.name], getattr(value, field.name))
    else:
        yield np.asarray(value)


def _made(hint: Any, arrays: Iterator[np.ndarray[Any, Any]]) -> Any:
    if type(None) in get_args(hint):
        return _made(_present(hint), arrays) if next(arrays).item() else None
    if get_origin(hint) is tuple:
        # A list first: a StopIteration in a generator would be another error.
        return tuple([_made(get_args(hint)[0], arrays) for _ in range(next(arrays).item())])
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{field.name: _made(hints[field.name], arrays) for field in fields(hint)})  # type: ignore[operator]
    return next(arrays)


def _present(hint: Any) -> Any:
    """Return what a value is where it is not None."""
    return next(choice for choice in get_args(hint) if choice is not type(None))
