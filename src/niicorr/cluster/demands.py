"""What orders and answers must hold: files may be damaged, and a worker may be another program than it says.

Each function raises ValueError, which says what is wrong and where; who calls names the file or the worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite, isnan
from typing import Any, get_args

import numpy as np

from niicorr.compute.outcome import TileOutcome
from niicorr.errors import ResourceError
from niicorr.matrix_folder import GRID, demand_all
from niicorr.nulls.effective import Description, Model
from niicorr.record_fields import NUMBER, demand
from niicorr.typing import Interpolation, Method, Resample, Zeros

READING = {"folder": str, "versions": {...: str}, "cache": str, "sets": {...: [list]}, "volumes": (str, type(None)),
           "background": (*NUMBER, str), "zeros": str, "max_map_size": int}
PLACING = {"grid": GRID, "reference": str, "interpolation": str, "by_shape": [list], "resample_option": str,
           "naive_step": int, "n_maps": int, "piece": int}
COMPARING = {"x": str, "y": str, "method": str, "threshold": NUMBER, "held": [str], "null": str}
"""As `niicorr.record_fields.MAP` tells kinds; no field may be missing, and none be there besides."""

FILE = (str, int, int, bool)
SETS = ("x", "y")
HELD = ("weights", "covariates")

INTRODUCTION = {"versions": {...: str}, "host": str, "sees": bool, "writes": bool}


def fields_of(fields: Any, kinds: dict[str, Any]) -> dict[str, Any]:
    """Return an object that has all fields of some kinds, and no others."""
    demand(fields, {**kinds, ...: object}, "it")
    if missing := sorted(set(kinds) - set(fields)):
        raise ValueError(f"it has no {missing[0]}")
    if more := sorted(set(fields) - set(kinds)):
        raise ValueError(f"it has {_told(more[0])}, which is not known")
    for name, kind in kinds.items():
        demand_all(fields[name], kind, name)
    return dict(fields)


def reading(fields: Any) -> None:
    """Refuse an order that tells nothing that can be read."""
    told = fields_of(fields, READING)
    _one_of("zeros", told["zeros"], get_args(Zeros))
    background = told["background"]
    if isinstance(background, str):
        _one_of("background", background, ("auto", "none"))
    elif not (isfinite(background) or isnan(background)):
        raise ValueError(f"background is {background}")
    _at_least("max_map_size", told["max_map_size"], 1)
    for name, files in told["sets"].items():
        _one_of("sets", name, SETS)
        count = 0
        for k, file in enumerate(files):
            where = f"sets.{name}[{k}]"
            if len(file) != len(FILE):
                raise ValueError(f"{where} is {_told(file)}")
            for part, kind in zip(file, FILE, strict=True):
                demand(part, kind, where)
            _, maps, first, usable = file
            if maps < (1 if usable else 0) or first != count:
                raise ValueError(f"{where} holds {maps} maps from number {first} on, after {count} of the files before")
            count += maps


def placing(fields: Any) -> None:
    """Refuse an order that tells no grid, or no way to get there; grids are looked into by who makes them."""
    told = fields_of(fields, PLACING)
    _one_of("interpolation", told["interpolation"], get_args(Interpolation))
    _one_of("resample_option", told["resample_option"], get_args(Resample))
    for name, least in (("naive_step", 0), ("n_maps", 0), ("piece", 1)):
        _at_least(name, told[name], least)
    for k, pair in enumerate(told["by_shape"]):
        where = f"by_shape[{k}]"
        if len(pair) != 2:
            raise ValueError(f"{where} is {_told(pair)}")
        demand(pair[0], [int], where)
        if len(pair[0]) != 3 or min(pair[0]) < 1:
            raise ValueError(f"{where} is of shape {_told(pair[0])}")
        if pair[1] is not None:
            demand(pair[1], GRID, where)
            demand_all(pair[1], GRID, where)


def comparing(fields: Any) -> None:
    """Refuse an order that compares nothing there is, or in no way there is."""
    told = fields_of(fields, COMPARING)
    for name in ("x", "y"):
        _one_of(name, told[name], SETS)
    _one_of("method", told["method"], get_args(Method))
    _one_of("null", told["null"], ("", *get_args(Model)))
    for name in told["held"]:
        _one_of("held", name, HELD)
    if not (isfinite(told["threshold"]) and told["threshold"] >= 0):
        raise ValueError(f"threshold is {told['threshold']}")


def held(name: str, array: np.ndarray[Any, Any]) -> None:
    """Refuse weights that are not positive, and covariates that are no numbers."""
    sound = np.isfinite(array) & ((array > 0) if name == "weights" else True)
    if not sound.all():
        raise ValueError(f"{np.count_nonzero(~sound)} of {array.size} values are not "
                         f"{'positive' if name == 'weights' else 'finite'}")


@contextmanager
def of_worker(what: str) -> Iterator[None]:
    """Let errors say that a worker handed over what is none of what it was asked for."""
    try:
        yield
    except ValueError as error:
        raise ResourceError(f"a worker handed over what is not {what} ({error}): install the same niicorr on all "
                            "workers, and run again") from None


def introduction(answer: Any) -> None:
    """Refuse what is no answer to who a worker is."""
    fields_of(answer, INTRODUCTION)


def read_answer(answer: Any, paths: list[str]) -> tuple[list[str], str]:
    """Return which of the files of a task a worker does not see, and why it could not write the cache."""
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise ValueError(f"it is {_told(answer)}")
    unseen, fault = answer
    demand(unseen, [str], "files")
    demand(fault, str, "fault")
    for path in unseen:
        if path not in paths:
            raise ValueError(f"{_told(path)} is none of the files of its task")
    return unseen, fault


def tile(answer: Any, rows: tuple[int, int], columns: tuple[int, int]) -> TileOutcome:
    """Return the outcome of a tile of these maps of y and of x."""
    if not isinstance(answer, TileOutcome):
        raise ValueError(f"it is {_told(answer)}")
    shape = rows[1] - rows[0], columns[1] - columns[0]
    for name, kinds in (("r", "f"), ("n", "iu"), ("x_constant", "b"), ("y_constant", "b")):
        _array(name, getattr(answer, name), kinds, shape)
    _array("doubtful", answer.doubtful, "iu", (None, 2))
    if answer.r.dtype != np.float64 or (np.abs(answer.r) > 1).any():
        raise ValueError("r is not among −1 and 1")
    if (answer.n < 0).any():
        raise ValueError("n is less than 0")
    if (answer.doubtful < 0).any() or (answer.doubtful >= shape).any():
        raise ValueError(f"doubtful names cells outside of {shape[0]} × {shape[1]}")
    return answer


def description(answer: Any, maps: int) -> Description:
    """Return the description of so many maps."""
    if not isinstance(answer, Description):
        raise ValueError(f"it is {_told(answer)}")
    _array("of", answer.of, "iu", (maps,))
    _array("coefficients", answer.coefficients, "f", (maps, None))
    if (answer.of < 0).any():
        raise ValueError("of names masks below 0")
    if answer.traits is not None:
        for name in ("directions", "windows", "squares"):
            _array(name, getattr(answer.traits, name, None), "f", (maps, None))
    return answer


def _array(name: str, array: Any, kinds: str, shape: tuple[int | None, ...]) -> None:
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} is {_told(array)}")
    if array.dtype.kind not in kinds or array.ndim != len(shape) or any(
            wanted not in (None, found) for wanted, found in zip(shape, array.shape, strict=True)):
        raise ValueError(f"{name} is an array of {array.dtype} of shape {array.shape}")


def _one_of(name: str, value: str, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ValueError(f"{name} is {_told(value)}")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} is {value}")


def _told(value: Any) -> str:
    text = repr(value)
    return ascii(text if len(text) <= 40 else text[:39] + "…")[1:-1]
