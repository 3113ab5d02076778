"""Maps averaged over the regions of an atlas; loaded only where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from niicorr.compute.similarity import Similarity
from niicorr.errors import InputError
from niicorr.images.atlas import Atlas
from niicorr.images.atlas_fit import Fit, fit_warning
from niicorr.images.beside import Beside
from niicorr.images.region_names import listed
from niicorr.images.region_runs import in_mni, in_template
from niicorr.images.regions import MIN_COVERAGE, Regional, region_averages, regional_means
from niicorr.images.survey import Survey
from niicorr.matrix import MapMatrix
from niicorr.numerals import integer, percent, plural
from niicorr.options import Options
from niicorr.records import Decision
from niicorr.result import Parcellation
from niicorr.typing import BoolArray


@dataclass(frozen=True, eq=False)
class Averaged:
    """Sets of maps in regions, and what is to be computed of them.

    Parameters
    ----------
    matrices : list of MapMatrix
        One for each set.
    similarity : Similarity
        With weights and covariates of regions.
    parcellation : Parcellation
        The regions.
    decisions : tuple of Decision
        What was decided of them.
    warnings : tuple of str
        What the reader must know first.
    """

    matrices: list[MapMatrix]
    similarity: Similarity
    parcellation: Parcellation
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...] = ()


def averaged(sets: list[Survey], atlas: Atlas, beside: Beside, options: Options, jobs: int) -> Averaged:
    """Average sets of maps over regions; weights and covariates, too.

    Raises
    ------
    InputError
        Where no map has data in any region.
    """
    sampling, min_coverage = beside.sampling, min_coverage_of(options)
    means = [regional_means(s, sampling, atlas, min_coverage=min_coverage, resample_option=options.resample, jobs=jobs)
             for s in sets]
    weights, covariates = (None if values is None else region_averages(values, sampling, atlas)
                           for values in (beside.weights, beside.covariates))
    matrices = [part.matrix for part in means]
    similarity = Similarity(options.method, float(options.threshold), weights, covariates)
    keep = np.ones(len(atlas), dtype=bool)
    for values in (weights, covariates):
        if values is not None:
            keep &= np.isfinite(values).reshape(-1, len(atlas)).all(axis=0)
    if not keep.all():
        matrices, similarity = [matrix.within(keep) for matrix in matrices], similarity.on(keep)
    parcellation = _parcellation(sets, means, atlas)
    return Averaged(matrices, similarity, parcellation, tuple(_coverage_decisions(parcellation, min_coverage, keep)),
                    fitting(sets, means, atlas, options))


def fitting(sets: list[Survey], means: list[Regional], atlas: Atlas, options: Options) -> tuple[str, ...]:
    """Question an atlas of which maps lack many regions; those that hold no voxel of their own are no news."""
    there = np.array([region.n_voxels > 0 for region in atlas.regions])
    lost = there & (atlas.held == 0)
    fits = [Fit(reading.record.label, int(lost.sum()), int((there & ~lost & np.isnan(row)).sum()), reading.grid)
            for s, part in zip(sets, means, strict=True)
            for reading, row in zip(s.readings, part.values, strict=True) if reading.problem is None]
    text = fit_warning(fits, atlas.path, len(atlas), "map", min_coverage_of(options), template=in_template(atlas))
    return (text,) if text else ()


def min_coverage_of(options: Options) -> float:
    """Which share of a region a map must cover."""
    return MIN_COVERAGE if options.min_coverage is None else float(options.min_coverage)


def _parcellation(sets: list[Survey], means: list[Regional], atlas: Atlas) -> Parcellation:
    labels = tuple(label for s in sets for label in s.maps.labels)
    coverage = np.concatenate([part.coverage for part in means])
    if not (coverage > 0).any():
        raise InputError(f"no map has data in any region of {atlas.path}: check that atlas and maps are in one space")
    return Parcellation(atlas.path, atlas.regions, atlas.held, labels, coverage,
                        np.concatenate([part.values for part in means]), in_mni(atlas))


def _coverage_decisions(parcellation: Parcellation, min_coverage: float, keep: BoolArray) -> Iterator[Decision]:
    """Say which regions no map has, and which do not count for want of a weight or a covariate."""
    n, names = len(parcellation.regions), parcellation.names
    values = parcellation.values
    assert values is not None  # of maps there are
    yield Decision("atlas", f"a map's value of a region is its mean over the region's voxels with data; missing where "
                   f"they are less than {percent(min_coverage)} of it")
    without = [names[k] for k in np.flatnonzero(~np.isfinite(values).any(axis=0) & (parcellation.n_voxels > 0))]
    if without:
        yield Decision("atlas", f"{integer(len(without))} of {plural(n, 'region')} "
                       f"{'is' if len(without) == 1 else 'are'} missing in every map: {listed(without)}")
    if not keep.all():
        dropped = [names[k] for k in np.flatnonzero(~keep)]
        yield Decision("atlas", f"{integer(len(dropped))} of {plural(n, 'region')} "
                       f"{'does' if len(dropped) == 1 else 'do'} not count, since weights or covariates have no "
                       f"value there: {listed(dropped)}")
