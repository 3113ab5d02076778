"""One list of promises, kept by every way into niicorr: grids, types, missing data, names, errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from entry_points import ENTRIES, Map
from promised_files import AFFINE, BRAIN, SHAPE, cut, flip_bit, noise, related, reoriented
from promised_numbers import only, table

A = noise(41, smooth=1.0)
B, C = related(42, A, 0.6), related(43, A, -0.5)
RAW = {"mask": "none", "background": "none", "zeros": "data"}
HOLE = np.zeros(SHAPE, dtype=bool)
HOLE[4:9, 5:11, 3:8] = True


@dataclass(frozen=True)
class Promise:
    """Maps, options, and what must come back: numbers by the definition, or a refusal with these words."""

    x: list[Map]
    y: list[Map]
    options: dict[str, Any] = field(default_factory=dict)
    numbers: tuple[list[Any], list[Any]] | None = None
    tol: float = 1e-6
    said: dict[str, str] = field(default_factory=dict)
    note: dict[tuple[int, int], str] = field(default_factory=dict)
    labels: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    refused: tuple[str, ...] = ()
    not_by: frozenset[str] = frozenset()
    empty: bool = False

    @property
    def damaged(self):
        return any(m.damage or m.header for m in (*self.x, *self.y))


def outside(data, value, where=BRAIN):
    return np.where(where, data, value)


def singular(path):
    content = bytearray(path.read_bytes())
    content[280:328] = np.zeros(12, "<f4").tobytes()  # srow_x, srow_y, srow_z
    path.write_bytes(content)


def no_image(path):
    path.write_text("subject\tage\n1\t31\n")


def gone(path):
    path.unlink()


def huge(path):
    content = bytearray(path.read_bytes())
    content[40:48] = np.array([3, 30000, 30000, 30000], "<i2").tobytes()  # dim
    path.write_bytes(content)


def endless_slope(path):
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([np.inf, 0], "<f4").tobytes()
    path.write_bytes(content)


PROMISES: dict[str, Callable[[], Promise]] = {
    "one grid, no background": lambda: Promise(
        [Map("a.nii", A), Map("b.nii.gz", B)], [Map("c.nii", C)], RAW, ([A, B], [C])),
    "backgrounds of −1 and 0": lambda: Promise(
        [Map("a.nii", outside(A, 0)), Map("b.nii", outside(B, 0))], [Map("c.nii.gz", outside(C + 5, -1))], {},
        ([only(A, BRAIN), only(B, BRAIN)], [only(C, BRAIN)]), said={"c": "-1"}),
    "another background in each map": lambda: Promise(
        [Map("a.nii", outside(A, -999.0)), Map("b.nii", outside(B, -0.99998))], [Map("c.nii", outside(C, np.nan))], {},
        ([only(A, BRAIN), only(B, BRAIN)], [only(C, BRAIN)])),
    "missing data, pair by pair": lambda: Promise(
        [Map("a.nii", only(A, ~HOLE)), Map("b.nii", B)], [Map("c.nii", C)], RAW, ([only(A, ~HOLE), B], [C])),
    "infinities are missing": lambda: Promise(
        [Map("a.nii", np.where(HOLE, np.inf, A))], [Map("c.nii", C)], RAW, ([only(A, ~HOLE)], [C])),
    "a constant map has no number, and a reason": lambda: Promise(
        [Map("a.nii", A), Map("flat.nii", np.full(SHAPE, 3.0))], [Map("c.nii", C)], RAW,
        ([A, np.full(SHAPE, 3.0)], [C]), note={(0, 1): "constant"}, empty=True),
    "mirrored storage": lambda: Promise(
        [Map("a.nii", A)], [Map("c.nii", *reoriented(C, (0, 1, 2), (True, False, False)))], RAW, ([A], [C])),
    "axes in another order": lambda: Promise(
        [Map("a.nii", A)], [Map("c.nii", *reoriented(C, (2, 0, 1), (True, True, False)))], RAW, ([A], [C])),
    "a crop by whole voxels": lambda: Promise(
        [Map("a.nii", A)], [Map("c.nii", C[2:, 1:, :-1], centred_at(2, 1, 0))], {**RAW, "grid": "x"},
        ([A], [np.pad(C[2:, 1:, :-1], ((2, 0), (1, 0), (0, 1)), constant_values=np.nan)])),
    "integers of any size": lambda: Promise(
        [Map("a.nii", np.rint(A * 1000), dtype="int16"), Map("b.nii", np.rint(B * 20 + 128), dtype="uint8")],
        [Map("c.nii", np.rint(C * 1e8), dtype="int32")], RAW,
        ([np.rint(A * 1000), np.rint(B * 20 + 128)], [np.rint(C * 1e8)])),
    "a huge offset": lambda: Promise(
        [Map("a.nii", A + 1e9, dtype="float64")], [Map("c.nii", C * 1e-30, dtype="float64")], RAW,
        ([A + 1e9], [C * 1e-30])),
    "several volumes in a file": lambda: Promise(
        [Map("a.nii", np.stack([A, B], axis=-1))], [Map("c.nii", C)], RAW, ([A, B], [C])),
    "names that need care": lambda: Promise(
        [Map("=1+1 ä b.nii", A), Map("-x<i>.nii", B)], [Map("c$^2$.nii", C)], RAW, ([A, B], [C]),
        labels=(("=1+1 ä b", "-x<i>"), ("c$^2$",)), not_by=frozenset(("run_folders",))),
    "cut files, all named at once": lambda: Promise(
        [Map("cut-one.nii.gz", A, damage=lambda p: cut(p, 0.5)), Map("b.nii", B)],
        [Map("cut-two.nii", C, damage=lambda p: cut(p, 0.5))], refused=("cut-one.nii.gz", "cut-two.nii")),
    "a flipped bit in a gzip": lambda: Promise(
        [Map("flipped.nii.gz", A, damage=lambda p: flip_bit(p, -3000))], [Map("c.nii", C)],
        refused=("flipped.nii.gz",)),
    "a gzip that goes on with rubbish": lambda: Promise(
        [Map("tail.nii.gz", A, damage=lambda p: p.write_bytes(p.read_bytes() + b"rubbish"))], [Map("c.nii", C)],
        refused=("tail.nii.gz",)),
    "no image at all": lambda: Promise(
        [Map("table.nii", A, damage=no_image)], [Map("c.nii", C)], refused=("table.nii",)),
    "an empty file": lambda: Promise(
        [Map("empty.nii", A, damage=lambda p: p.write_bytes(b""))], [Map("c.nii", C)], refused=("empty.nii",)),
    "a singular affine": lambda: Promise(
        [Map("flat-space.nii", A, damage=singular)], [Map("c.nii", C)], refused=("flat-space.nii",)),
    "a header that promises terabytes": lambda: Promise(
        [Map("huge.nii", A, damage=huge)], [Map("c.nii", C)], refused=("huge.nii",)),
    "an infinite slope scales nothing, and that is said": lambda: Promise(
        [Map("slope.nii", A, damage=endless_slope)], [Map("c.nii", C)], RAW, ([A], [C]),
        said={"slope": "scl_slope is inf"}),
    "complex values": lambda: Promise(
        [Map("complex.nii", A.astype(complex))], [Map("c.nii", C)], refused=("complex",)),
    "a map without any data has no number, and a reason": lambda: Promise(
        [Map("a-nothing.nii", np.full(SHAPE, np.nan)), Map("b.nii", B)], [Map("c.nii", C)], RAW,
        ([np.full(SHAPE, np.nan), B], [C]), note={(0, 0): "fewer than 3 common voxels"}, empty=True),
}


def centred_at(*first):
    """The affine of a crop that begins at this voxel."""
    affine = AFFINE.copy()
    affine[:3, 3] = (AFFINE @ [*first, 1])[:3]
    return affine


def cases():
    for name, make in PROMISES.items():
        promise = make()
        for key, entry in ENTRIES.items():
            if key in promise.not_by or (promise.damaged and not entry.files):
                continue
            if not entry.pairs and promise.numbers is not None:
                continue
            if promise.empty and not entry.constant:
                continue
            yield pytest.param(promise, entry, id=f"{name}-{key}")


@pytest.mark.parametrize(("promise", "entry"), list(cases()))
def test_every_entry_keeps_every_promise(study, promise, entry):
    answer = entry.call(study, promise.x, promise.y, **promise.options)
    if promise.refused:
        assert answer.refusal is not None, "it was accepted"
        assert answer.code == 3, answer
        told = "".join(answer.refusal.split())
        for word in promise.refused:
            assert word in told, answer.refusal
        return
    assert answer.refusal is None, answer.refusal
    if not entry.numbers:
        return
    r, n = table(*promise.numbers)
    np.testing.assert_array_equal(answer.n, n)
    np.testing.assert_array_equal(np.isnan(answer.r), np.isnan(r))
    np.testing.assert_allclose(answer.r, r, rtol=0, atol=promise.tol)
    for label, words in promise.said.items() if entry.decisions else ():
        told = answer.said[label] if entry.files else "; ".join(answer.said.values())
        assert words in told.replace("−", "-")  # which tables have, and people do not
    for cell, words in promise.note.items():
        assert words in answer.notes[cell]
    if promise.labels is not None and entry.files:
        assert (tuple(sorted(answer.x_labels)), tuple(sorted(answer.y_labels))) == tuple(
            tuple(sorted(part)) for part in promise.labels)


def test_the_list_has_every_subcommand_that_reads_maps():
    """A command that takes maps and is not named in `entry_points` would keep no promise."""
    from niicorr.cli.parser import make_parser

    (commands,) = [action.choices for action in make_parser()._actions if action.dest == "command"]
    without_maps = {"demo", "report", "cache", "calibrate", "index", "completion"}  # index is tried with search
    named = {name.split("_")[0] for name in ENTRIES}
    assert set(commands) - without_maps - named == set()
