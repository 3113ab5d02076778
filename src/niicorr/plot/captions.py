"""The words around a heatmap: what it shows, over how many voxels, and what a reader must know first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from niicorr.plot.labels import shorten_middle
from niicorr.plot.significance import LEVELS, Significance
from niicorr.records import NO_OUTLINE
from niicorr.tables import printable

if TYPE_CHECKING:
    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray

LONGEST_REASON = 160
"""Letters of a reason that stands in the small print."""

CORRECTIONS = {"bh": "Benjamini–Hochberg", "by": "Benjamini–Yekutieli"}
SIDES = {"greater": " of r > 0", "less": " of r < 0"}


def title(result: CorrelationResult) -> str:
    """Return the title: the method and how many maps."""
    method = result.measure.name
    method = method[0].upper() + method[1:]
    n_x, n_y = len(result.x_maps), len(result.y_maps)
    if result.same_set:
        return f"{method} among {n_x} brain maps"
    return f"{method} of {n_x} × {n_y} brain maps"


def method_label(result: CorrelationResult, vmax: float) -> str:
    """Return the label of the colour bar: the number, and how far the colours reach."""
    symbol = result.measure.symbol
    limit = f"{vmax:.3g}".removeprefix("0") if vmax < 1 else f"{vmax:g}"
    return f"{symbol}\n(colours span ±{limit})"


def axis_label(name: str, n: int, step: int) -> str:
    """Return the label of an axis: the set, its size, and which maps are named."""
    maps = "map" if n == 1 else "maps"
    if step == 1:
        return f"{name} ({n} {maps})"
    ending = {1: "st", 2: "nd", 3: "rd"}.get(step % 10 if step // 10 % 10 != 1 else 0, "th")
    return f"{name} ({n} {maps}, every {step}{ending} named)"


def footer(result: CorrelationResult) -> str:
    """Return the line below: voxels per cell, how many cells carry a note, and the null model."""
    numbered = np.isfinite(result.estimate)
    if result.same_set:
        numbered &= ~np.eye(len(numbered), dtype=bool) if len(numbered) > 1 else True
    counts = result.counts[numbered]
    parts = []
    if counts.size:
        low, high = grouped(counts.min()), grouped(counts.max())
        unit = " voxels" if result.grid is not None else ""
        parts.append(f"n = {low if low == high else f'{low} to {high}'}{unit} per cell")
    known = result.inferred.get("n_effective", np.empty(0))
    known = known[np.isfinite(known)]
    if known.size:
        low, high = (grouped(round(float(n))) for n in (known.min(), known.max()))
        parts.append(f"n_effective {low if low == high else f'{low} to {high}'}")
    noted = sum(bool(np.isfinite(result.estimate[cell])) for cell in result.notes)
    if noted:
        # Such as "zeros matter" or "low overlap": the number alone looks firmer than it is.
        parts.append(f"{noted} cells carry a note in pairs.tsv" if noted > 1 else "1 cell carries a note in pairs.tsv")
    parts += [d.text for d in result.decisions if d.topic == "partial" and d.text.startswith("covariates: ")]
    return "; ".join([*parts, result.null_text])


def legend(result: CorrelationResult, marks: Significance, *, starred: bool) -> str:
    """Return what stars and fading mean, and which correction they rest on.

    Parameters
    ----------
    result : CorrelationResult
        With p-values.
    marks : Significance
        What is marked.
    starred : bool
        Whether stars are drawn; large maps are only faded.
    """
    options = result.provenance.options
    fdr = str(options.get("fdr", "bh"))
    tests = "1 test" if marks.n_tests == 1 else f"{grouped(marks.n_tests)} tests"
    how = f"({CORRECTIONS.get(fdr, fdr)} over {tests}{SIDES.get(str(options.get('alternative')), '')})"
    levels = [f"{level:g}".removeprefix("0") for level in LEVELS]
    if not marks.stars.any():
        return f"Faded: no cell reaches q ≤ {levels[0]} {how}"
    if starred:
        text = ", ".join(f"{'*' * count} q ≤ {level}" for count, level in enumerate(levels, 1))
        return f"{text} {how}" + (f"; faded: q > {levels[0]}" if marks.faded.any() else "")
    return f"Faded: q > {levels[0]} {how}" if marks.faded.any() else f"All tested cells reach q ≤ {levels[0]} {how}"


def grouped(number: int) -> str:
    """Return a count with its digits in groups of three that no line break parts."""
    return f"{int(number):,}".replace(",", "\N{NO-BREAK SPACE}")


def missing_line(result: CorrelationResult, missing: BoolArray) -> str | None:
    """Return what hatched cells mean: the reason if all share one, else where the reasons stand."""
    if not missing.any():
        return None
    reasons = {result.notes.get((int(i), int(j)), "") for i, j in np.argwhere(missing)} - {""}
    if len(reasons) == 1:
        return f"Hatched (–): no number: {shorten_middle(printable(reasons.pop()), LONGEST_REASON)}"
    return "Hatched (–): no number; the column “note” of pairs.tsv says why"


def headline(result: CorrelationResult) -> str | None:
    """Return the warning that heads the figure: that background may have been correlated with background."""
    if result.warnings and NO_OUTLINE in result.warnings[0]:
        return printable(result.warnings[0])
    return None
