"""Grid and mask of a comparison by regions: the atlas's, unless others were named (rules 3 and 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from niicorr.errors import InputError, told_on
from niicorr.images.atlas import Atlas
from niicorr.images.region_names import listed
from niicorr.images.sampling import GivenGrid, Sampling, choose_sampling, placeless
from niicorr.images.survey import Survey
from niicorr.numerals import integer, plural
from niicorr.records import Decision
from niicorr.typing import BoolArray, Interpolation


@told_on("docs/tutorials/regions.md")
def sample_atlas(
    x: Survey, y: Survey | None, atlas: Atlas, *, mask: Any = "auto", grid: Any = "auto",
    interpolation: Interpolation = "auto",
) -> tuple[Sampling, Atlas]:
    """Fix grid and mask for one or two sets of maps that will be averaged over regions.

    Parameters
    ----------
    x, y : Survey
        The maps, read.
    atlas : Atlas
        As it was read.
    mask, grid, interpolation
        As for `choose_sampling`; ``grid='auto'`` is the atlas's, ``mask='auto'`` its regions. Of a mask that is
        given, what lies in regions counts.

    Returns
    -------
    Sampling
        Its mask holds voxels of regions only.
    Atlas
        On that grid.

    Raises
    ------
    InputError
        As `choose_sampling`; and where no voxel of a region is left.
    """
    by_regions = isinstance(mask, str) and mask in ("auto", "none")
    if isinstance(grid, str) and grid == "auto":
        grid = GivenGrid(atlas.grid, atlas.path, f"that of the atlas: {atlas.grid.describe()}")
    chosen = choose_sampling(x, y, mask="none" if by_regions else mask, grid=grid, interpolation=interpolation)
    placed = atlas.on(chosen.grid)
    regions = _of_regions(placed)
    counting = np.asfortranarray(chosen.mask & regions)
    if not counting.any():
        raise InputError(f"no voxel of the mask lies in a region of {atlas.path}: check that mask and atlas are in one "
                         "space")
    said = [d for d in chosen.decisions if d.topic != "mask" or not by_regions]
    n = int(np.count_nonzero(counting))
    what = f"the {plural(n, 'voxel')} of its regions" if by_regions else (
        f"{integer(n)} of its {plural(int(np.count_nonzero(chosen.mask)), 'voxel')} {'lies' if n == 1 else 'lie'} in "
        "regions of the atlas; the others do not count")
    said.append(Decision("mask", f"that of the atlas: {what}" if by_regions else what))
    # Where only regions count it is no brain mask, and its size is no cause for questions.
    warnings = tuple(placeless([s for s in (x, y) if s is not None], chosen.grid)) if by_regions else chosen.warnings
    return (replace(chosen, mask=counting, decisions=(*said, *placed.decisions, *_outside(placed, counting)),
                    warnings=(*placed.warnings, *warnings)), placed)


def _of_regions(atlas: Atlas) -> BoolArray:
    if atlas.codes is not None:
        return np.asarray(atlas.codes > 0)
    assert atlas.weights is not None  # an atlas has labels or weights
    inside = np.zeros(atlas.grid.shape, dtype=bool, order="F")
    for volume in atlas.weights:
        inside |= volume > 0
    return inside


def _outside(atlas: Atlas, counting: BoolArray) -> Iterator[Decision]:
    """Name regions of which the mask leaves nothing."""
    held = atlas.held > 0
    if atlas.codes is not None:
        left = np.bincount(atlas.codes[counting], minlength=len(atlas) + 1)[1:] > 0
    else:
        assert atlas.weights is not None  # an atlas has labels or weights
        left = np.array([bool((volume[counting] > 0).any()) for volume in atlas.weights])
    lost = [region.name for region, was, is_left in zip(atlas.regions, held, left, strict=True) if was and not is_left]
    if lost:
        yield Decision("mask", f"{integer(len(lost))} of {plural(len(atlas), 'region')} "
                       f"{'lies' if len(lost) == 1 else 'lie'} outside of the mask: {listed(lost)}")
