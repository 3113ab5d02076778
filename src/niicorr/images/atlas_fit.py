"""Whether an atlas fits what it is laid over: many regions lost or left out tell that they lie in different spaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from niicorr.numerals import integer, percent, plural
from niicorr.space import SCANNER, Grid

MANY = 0.1
"""Where a larger share of the regions is lost or left out, it is a warning."""


@dataclass(frozen=True)
class Fit:
    """What of an atlas a run or a map lacks.

    Parameters
    ----------
    label : str
        Of the run or map.
    lost : int
        Regions without a voxel on its grid.
    short : int
        Regions of which it has data in too few voxels.
    grid : Grid or None
        Its own.
    """

    label: str
    lost: int
    short: int
    grid: Grid | None

    @property
    def lacking(self) -> int:
        """Regions it has no value for."""
        return self.lost + self.short


def fit_warning(fits: Sequence[Fit], atlas: str, total: int, what: str, min_coverage: float, *, template: bool) -> str:
    """Say that runs or maps lack many regions; empty where none does.

    Parameters
    ----------
    fits : sequence of Fit
        One for each run or map.
    atlas : str
        Its path.
    total : int
        Regions it has.
    what : {'run', 'map'}
        What was laid under it.
    min_coverage : float
        The share of a region that must have data.
    template : bool
        Whether the atlas is in the space of a template.
    """
    poor = [fit for fit in fits if fit.lacking > MANY * total]
    if not poor:
        return ""
    worst = max(poor, key=lambda fit: fit.lacking)  # the first of equal ones
    kinds = [(worst.lost, "without a voxel on its grid"),
             (worst.short, f"with data in less than {percent(min_coverage)} of their voxels")]
    told = [how if n == worst.lacking else f"{integer(n)} {how}" for n, how in kinds if n]
    others = len(poor) - 1
    besides = f", and {plural(others, f'other {what}')} {'lacks' if others == 1 else 'lack'} many" if others else ""
    text = (f"{worst.label} lacks {integer(worst.lacking)} of the {integer(total)} regions of {atlas} "
            f"({', '.join(told)}){besides}")
    native = [fit for fit in poor if fit.grid is not None and fit.grid.space_code == SCANNER] if template else []
    if native:
        header = "its header" if worst in native else f"the header of {native[0].label}"
        return (f"{text}: {header} says scanner space and the atlas's that of a template, so is the {what} in the "
                "space of the atlas? Bring one to the other first if it is not")
    return f"{text}: check that it is in the space of the atlas and covers the brain, or lower --min-coverage"
