"""What is told in sentences: grids, and pairs without a number by their reasons."""

from __future__ import annotations

import numpy as np

import niicorr as nc
from niicorr.records import MapRecord
from niicorr.result.sentences import Reason, grid_text, read_text, without_number


def maps(*rows):
    return np.array(rows, dtype=np.float64)


def test_a_grid_without_orientation_is_told_in_words():
    known = MapRecord("a", "a.nii", shape=(5, 6, 7), voxel_mm=(3.0, 3.0, 3.5), orientation="LAS", dtype="int16")
    blind = MapRecord("b", "b.nii", shape=(5, 6, 7), voxel_mm=(3.0, 3.0, 3.5), dtype="int16")
    assert grid_text(known) == "5×6×7 voxels of 3×3×3.5 mm LAS"
    assert read_text([blind]) == "1 map, 5×6×7 voxels of 3×3×3.5 mm, orientation unknown, int16"


def test_reasons_are_counted_the_commonest_first_and_numbers_become_ranges():
    gone = np.nan
    x = maps([1, 2, 3, 5, 4, 9], [gone, gone, gone, gone, 1, 2], [gone, gone, gone, gone, gone, 2], [7] * 6)
    y = maps([2, 1, 4, 3, 6, 5])
    assert without_number(nc.correlate(x, y, warn=False)) == [
        Reason("fewer than 3 common voxels (n = 1 to 2)", 2), Reason("x constant over the common voxels", 1)]


def test_of_a_set_with_itself_each_pair_counts_once_and_no_map_with_itself():
    result = nc.correlate(maps([1, 2, 3, 5], [7] * 4, [4, 1, 2, 9]), warn=False)
    assert sum(reason.count for reason in without_number(result)) == 2


def test_a_cell_without_a_note_is_counted_too():
    result = nc.correlate(maps([1, 2, 3, 5]), maps([7] * 4), warn=False).replace(notes={})
    assert without_number(result) == [Reason("no reason noted", 1)]
