"""The words around a heatmap: what it shows, over how many voxels, and what a reader must know first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from niicorr.numerals import listed
from niicorr.plot.labels import power_text, set_name, shorten_middle
from niicorr.plot.significance import LEVELS, Significance
from niicorr.plot.zeros import DAGGER
from niicorr.records import NO_OUTLINE
from niicorr.result.same_files import noted_cells
from niicorr.result.sentences import OTHERWISE, counted, zeros_matter
from niicorr.tables import printable

if TYPE_CHECKING:
    from niicorr.plot.layout import Names
    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray

LONGEST_REASON = 160
"""Letters of a reason that stands in the small print."""

CORRECTIONS = {"bh": "Benjamini–Hochberg", "by": "Benjamini–Yekutieli"}
SIDES = {"greater": " of r > 0", "less": " of r < 0"}

FEW_REGIONS = 3
"""So many regions that no map has are named below the cells; of more the count is told."""


def title(result: CorrelationResult) -> str:
    """Return the title: the method and how many maps or regions."""
    method = result.measure.name
    method = method[0].upper() + method[1:]
    n_x, n_y = grouped(len(result.x_maps)), grouped(len(result.y_maps))
    if result.series:
        return f"{method} among {n_x} regions"
    regions = f" ({grouped(len(result.parcellation.regions))} regions)" if result.parcellation is not None else ""
    if result.same_set:
        return f"{method} among {n_x} brain maps{regions}"
    return f"{method} of {n_x} × {n_y} brain maps{regions}"


def method_label(result: CorrelationResult, vmax: float, exponent: int | None = None) -> str:
    """Return the label of the colour bar: the number, its unit if it has one, and how far the colours reach."""
    symbol = result.measure.symbol
    if exponent:
        return f"{symbol}, in units of {power_text(exponent)}\n(colours span ±{vmax / 10.0**exponent:.3g})"
    limit = f"{vmax:.3g}".removeprefix("0") if vmax < 1 else f"{vmax:g}"
    return f"{symbol}\n(colours span ±{limit})"


def set_names(result: CorrelationResult) -> tuple[str, str]:
    """Return what the columns and the rows are called: the folders of the maps, or the atlas of the regions."""
    if not result.series:
        return set_name(result.x_maps, "x maps"), set_name(result.y_maps, "y maps")
    path = result.parcellation.path if result.parcellation is not None else ""
    file = os.path.basename(path.rstrip("/"))
    atlas = shorten_middle(printable(file.split(".nii")[0] or file))
    return atlas, atlas


def axis_label(name: str, names: Names, n: int, regions: bool = False, by: str = "") -> str:
    """Return the label of an axis: the set, its size, and which of its maps or regions are named.

    Parameters
    ----------
    name : str
        Of the set; may be empty for regions.
    names : Names
        What is written along the axis.
    n : int
        Rows or columns.
    regions : bool
        Whether they are regions.
    by : str
        What they are grouped by, where they are.
    """
    members = f"{grouped(n)} {'region' if regions else 'map'}{'' if n == 1 else 's'}"
    if by:
        members += f" by {by}"
    elif names.step > 1:
        step = names.step
        ending = {1: "st", 2: "nd", 3: "rd"}.get(step % 10 if step // 10 % 10 != 1 else 0, "th")
        members += f", every {step}{ending} named"
    return f"{name} ({members})" if name else members


def footer(result: CorrelationResult) -> str:
    """Return the line below: what n is in each cell, how many cells carry a note, and the null model."""
    numbered = np.isfinite(result.estimate)
    if result.same_set and len(numbered) > 1:
        np.fill_diagonal(numbered, False)
    counts, parts = result.counts, []
    if numbered.any():
        low, high = (grouped(n) for n in (counts.min(where=numbered, initial=counts.max()),
                                          counts.max(where=numbered, initial=0)))
        unit = "" if result.unit == "feature" else f" {result.unit}s"
        runs = f" of {len(result.series)} runs" if len(result.series) > 1 else ""
        parts.append(f"n = {low if low == high else f'{low} to {high}'}{unit}{runs} per cell")
    effective = result.inferred.get("n_effective", np.empty(0))
    known = np.isfinite(effective)
    if known.any():
        low, high = (grouped(round(float(n))) for n in (effective.min(where=known, initial=np.inf),
                                                        effective.max(where=known, initial=-np.inf)))
        parts.append(f"n_effective {low if low == high else f'{low} to {high}'}")
    noted = int(np.count_nonzero(result.remarks.cells & np.isfinite(result.estimate)))
    if noted:
        # Such as "zeros matter" or "low overlap": the number alone looks firmer than it is.
        what = "pair" if result.series else "cell"
        parts.append(f"{grouped(noted)} {what}s carry a note in pairs.tsv" if noted > 1 else
                     f"1 {what} carries a note in pairs.tsv")
    parts += _missing_regions(result)
    parts += [d.text for d in result.decisions if d.topic == "partial" and d.text.startswith("covariates: ")]
    return "; ".join([*parts, result.null_text])


def _missing_regions(result: CorrelationResult) -> list[str]:
    """Return how many regions no map has a value of, by name where they are few; nothing where there are none."""
    regions = result.parcellation
    if regions is None or regions.values is None:
        return []
    gone = np.flatnonzero(~np.isfinite(regions.values).any(axis=0))
    if not gone.size:
        return []
    names = [shorten_middle(printable(regions.names[k])) for k in gone[:FEW_REGIONS]]
    named = f": {listed(names)}" if gone.size <= FEW_REGIONS else " (regions.tsv)"
    return [f"{grouped(gone.size)} of {grouped(len(regions.regions))} regions {'is' if gone.size == 1 else 'are'} "
            f"missing in every map{named}"]


def legend(result: CorrelationResult, marks: Significance, *, starred: bool, halved: bool = False) -> str:
    """Return what stars and fading mean, and which correction they rest on.

    Parameters
    ----------
    result : CorrelationResult
        With p-values.
    marks : Significance
        What is marked.
    starred : bool
        Whether stars are drawn; large maps are only faded.
    halved : bool
        Whether cells are faded below the diagonal alone.
    """
    options = result.provenance.options
    fdr = str(options.get("fdr", "bh"))
    tests = "1 test" if marks.n_tests == 1 else f"{grouped(marks.n_tests)} tests"
    how = f"({CORRECTIONS.get(fdr, fdr)} over {tests}{SIDES.get(str(options.get('alternative')), '')})"
    levels = [f"{level:g}".removeprefix("0") for level in LEVELS]
    below = " below the diagonal" if halved else ""
    if not marks.n_tests:
        return f"Faded{below}: no p-value; the column “note” of pairs.tsv says why"
    or_none = " or no p-value" if marks.untested else ""
    if not marks.stars.any():
        return f"Faded{below}: no {'pair' if halved else 'cell'} reaches q ≤ {levels[0]} {how}"
    if starred:
        text = ", ".join(f"{'*' * count} q ≤ {level}" for count, level in enumerate(levels, 1))
        return f"{text} {how}" + (f"; faded{below}: q > {levels[0]}{or_none}" if marks.faded.any() else "")
    if not marks.faded.any():
        return f"All tested {'pairs' if halved else 'cells'} reach q ≤ {levels[0]} {how}"
    if halved:
        return f"Above the diagonal all pairs; below it those with q > {levels[0]}{or_none} are faded {how}"
    return f"Faded: q > {levels[0]}{or_none} {how}"


def zeros_line(result: CorrelationResult, *, marked: bool) -> str:
    """Return how many pairs rest on how zeros are read, and what a dagger means where cells carry it."""
    count, total = zeros_matter(result), int(counted(result).sum())
    pairs = f"{grouped(count)} of {grouped(total)} {'pair' if total == 1 else 'pairs'}"
    if marked:
        return f"{DAGGER} {OTHERWISE} ({pairs})"
    return f"{pairs} {OTHERWISE} (“zeros matter” in pairs.tsv)"


def same_files_line(result: CorrelationResult, same: BoolArray) -> str:
    """Return how many pairs are of one and the same file or, where some files only hold the same, of one map."""
    count = int((counted(result) & same).sum())
    what = f"of one and the same {'map' if noted_cells(result) else 'file'}"
    pairs = f"pair is {what} and does" if count == 1 else f"pairs are {what} and do"
    return f"{grouped(count)} {pairs} not count in the span of the colours"


def grouped(number: int) -> str:
    """Return a count with its digits in groups of three that no line break parts."""
    return f"{int(number):,}".replace(",", "\N{NO-BREAK SPACE}")


def missing_line(result: CorrelationResult, missing: BoolArray) -> str | None:
    """Return what hatched cells mean: the reason if all share one, else where the reasons stand."""
    if not missing.any():
        return None
    reasons: set[str] = set()
    for i in np.flatnonzero(missing.any(axis=1)):
        reasons |= {result.notes.get((int(i), int(j)), "") for j in np.flatnonzero(missing[i])} - {""}
        if len(reasons) > 1:  # of millions, the first two tell
            break
    if len(reasons) == 1:
        return f"Hatched (–): no number: {shorten_middle(printable(reasons.pop()), LONGEST_REASON)}"
    return "Hatched (–): no number; the column “note” of pairs.tsv says why"


def headline(result: CorrelationResult) -> str | None:
    """Return the warning that heads the figure: that background may have been correlated with background."""
    if result.warnings and NO_OUTLINE in result.warnings[0]:
        return printable(result.warnings[0])
    return None
