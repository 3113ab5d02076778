"""Where voxels wait: what becomes of their memory never changes a number."""

from __future__ import annotations

import numpy as np
import pytest

from niicorr import matrix
from niicorr.images import shelf as module
from niicorr.images.extract import extract
from niicorr.images.mapset import read_maps
from niicorr.images.sampling import choose_sampling
from niicorr.images.shelf import Shelf
from niicorr.images.survey import survey

SHAPE = (24, 20, 22)
AFFINE = np.diag([8.0, 8, 8, 1])
AT = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
BALL = (AT**2).sum(axis=0) <= 0.9


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Small maps are treated as large ones are."""
    monkeypatch.setattr(module, "OWN_PAGES", 0)
    monkeypatch.setattr(matrix, "SMALL", 0)


def volume(seed, inside=BALL, offset=5.0, gaps=0.0):
    rng = np.random.default_rng(seed)
    values = (rng.standard_normal(SHAPE) + offset).astype(np.float32)
    values[rng.random(SHAPE) < gaps] = np.nan
    return np.where(inside, values, np.float32(0))



ALIKE = [volume(k) for k in range(6)]
GAPS = [volume(0), *(volume(k, gaps=0.02) for k in range(1, 6))]
OFFSETS = [volume(0), *(volume(k, offset=10.0**k) for k in range(2, 7))]
ONE_STANDS_OUT = [np.where(AT[0] ** 2 + AT[1] ** 2 < 0.3, m, np.nan) if k == 3 else m for k, m in enumerate(ALIKE)]
FIRST_IS_SMALL = [volume(9, AT[0] ** 2 + AT[1] ** 2 < 0.2), *ALIKE]
WIDE = [volume(0).astype(np.float64), *ALIKE[1:]]


def matrices(maps, **chosen):
    """Rows in the memory of the maps if they fit, and rows of maps of which nothing was kept."""
    images = [(m, AFFINE) for m in maps]
    for keep in (float("inf"), 0):
        read = survey(read_maps(images), keep=keep, background=0)
        sampling = choose_sampling(read, **chosen)
        rows = read.shelf._rows
        made = extract(read, sampling, jobs=2, naive_step=5)
        yield made, rows is not None and np.may_share_memory(made.rows, rows)


@pytest.mark.parametrize(("maps", "in_place"), [
    (ALIKE, True), (GAPS, True), (OFFSETS, True), (ONE_STANDS_OUT, True), (FIRST_IS_SMALL, False), (WIDE, False),
], ids=["alike", "gaps", "offsets", "one stands out", "the first is small", "two types"])  # fmt: skip
def test_rows_are_the_same_wherever_voxels_waited(maps, in_place):
    (made, own), (anew, never) = matrices(maps)
    assert own == in_place
    assert not never
    for name in ("rows", "center", "scale", "supports", "support_of", "naive"):
        assert getattr(made, name).tobytes() == getattr(anew, name).tobytes(), name


@pytest.mark.parametrize(("share", "in_place"), [(0.9, True), (0.5, False)])
def test_a_mask_that_leaves_much_out_gets_rows_of_its_own(share, in_place):
    size = np.quantile((AT**2).sum(axis=0)[BALL], share)
    mask = (((AT**2).sum(axis=0) <= size).astype(np.uint8), AFFINE)
    (made, own), (anew, _) = matrices(ALIKE, mask=mask)
    assert own == in_place
    assert made.rows.tobytes() == anew.rows.tobytes()


def test_a_row_of_a_map_that_failed_is_zero():
    images = [(m, AFFINE) for m in ALIKE]
    images[2] = (ALIKE[2], np.diag([5.0, 8, 8, 1]))
    read = survey(read_maps(images), background=0)
    assert read.shelf._rows is not None
    made = extract(read, choose_sampling(survey(read_maps(images[:2]), background=0)), resample_option="never")
    assert made.records[2].error
    assert not made.rows[2].any()
    assert made.rows[3].any()


def test_what_is_taken_without_rows_is_a_copy_whose_pages_go_back(monkeypatch):
    back = []
    monkeypatch.setattr(module, "_give_back", lambda pages, start, stop: back.append((start, stop)))
    read = survey(read_maps([(m, AFFINE) for m in ALIKE]), background=0)
    rows = read.shelf._rows
    taken = read.shelf.take(1)
    assert not np.may_share_memory(taken.values, rows)
    assert back == [(taken.values.nbytes, 2 * taken.values.nbytes)]
    assert read.shelf.rows(rows.shape[1], np.float32) is not None
    assert np.may_share_memory(read.shelf.take(2).values, rows)
    assert read.shelf.rows(rows.shape[1], np.float32) is None  # it has been handed over


def test_only_whole_pages_go_back():
    size = module.mmap.PAGESIZE
    pages = module.pages_of(4 * size)
    pages[:] = b"x" * (4 * size)
    module._give_back(pages, size - 1, 3 * size + 1)
    held = np.frombuffer(pages, "S1").reshape(4, size) == b"x"
    assert held[[0, 3]].all()
    if hasattr(module.mmap, "MADV_DONTNEED"):
        assert not held[1:3].any()


def test_without_addresses_values_stay_where_they_are(monkeypatch):
    def full(_size):
        raise OSError(12, "no memory")

    monkeypatch.setattr(module, "pages_of", full)
    shelf = Shelf(float("inf"), 2)
    voxels = survey(read_maps([(ALIKE[0], AFFINE)]), background=0).shelf.take(0)
    shelf.put(0, voxels)
    assert shelf.take(0).values is voxels.values
