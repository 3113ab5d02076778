"""The result: numbers with their labels, and everything needed to trust and repeat them.

A `CorrelationResult` is what the three verbs end in and what figures, tables and the terminal start from.
"""

from __future__ import annotations

import html
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.numerals import integer, plural
from niicorr.records import Decision, MapRecord, Measure, Provenance, measure_of
from niicorr.result.largest import largest_cells
from niicorr.result.notes import Notes
from niicorr.result.same_files import same_file_cells
from niicorr.space import Grid
from niicorr.tables import printable
from niicorr.typing import BoolArray, Float64Array, IntArray
from niicorr.words import TWO_WAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from niicorr.compute.similarity import Similarity
    from niicorr.matrix import MapMatrix
    from niicorr.result.null_shape import Autocovariances, Histogram
    from niicorr.result.parcellation import Parcellation, RunSeries
    from niicorr.result.pictures import Pictures

NULL_TEXTS = {
    "surrogate": "p by comparison with random maps (null model: surrogate): Gaussian random fields with the "
    "autocovariances, masks and values of the maps",
    "independent": "p and intervals as if every voxel were an independent observation (null model: independent), which "
    "they are not",
    "none": "no p-values (null model: none)",
    "effective": "p and intervals by the modified t-test (null model: effective): two independent random fields with "
    "the maps' own autocovariances, corrected for unevenness that both share",
    "moran": "p by comparison with random maps that keep each map's mean, variance and Moran's I (null model: moran)",
    "variogram": "p by comparison with random maps whose variogram follows that of each map (null model: variogram)",
    "gsm": "p and intervals by the modified t-test (null model: gsm): two independent stationary random fields with "
    "the maps' own autocovariances; unevenness that both share is not seen",
}
"""What the null model assumes, in words."""

SERIES_NULL_TEXTS = {
    "effective": "p and intervals from the effective degrees of freedom of time series (null model: effective): two "
    "independent stationary series with the regions' own spectra, cleaned alike",
    "independent": "p and intervals as if every time point were an independent observation (null model: independent), "
    "which they are not",
    "none": NULL_TEXTS["none"],
}
"""The same, of regions compared by their time series."""

VISIBLE = 0.005
"""Smaller correlations show as .00."""

REPR_SIDE = 12
"""A notebook shows the matrix up to this many rows and columns."""


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """What the domain rules changed.

    Attributes
    ----------
    naive : ndarray, shape (rows y, columns x), float64
        r over the whole grid with background and zeros counted as data (non-finite values as 0); NaN where a map
        was interpolated or is constant, and everywhere if it was not asked for.
    step : int
        Every ``step``-th voxel of the grid was used for it (1: all).
    zeros_matter : ndarray of float64, shape (rows y, columns x)
        r under the other reading of zeros where that differs by more than .1 or in sign; NaN elsewhere.
    """

    naive: Float64Array
    step: int
    zeros_matter: Float64Array

    def largest_error(self, r: Float64Array, *, lower: bool = False) -> tuple[float, int, int]:
        """Largest |naive − r|, how many signs flip, and how many cells (below the diagonal: ``lower``) have both."""
        error, flips, cells = 0.0, 0, 0
        for i, row in enumerate(r):  # no copy of all cells
            right, wrong = (values[:i] if lower else values for values in (row, self.naive[i]))
            both = np.isfinite(wrong) & np.isfinite(right)
            right, wrong = right[both], wrong[both]
            # A number that shows as .00 has no sign to lose.
            visible = (np.abs(wrong) >= VISIBLE) & (np.abs(right) >= VISIBLE)
            flips += int((visible & (np.sign(wrong) * np.sign(right) < 0)).sum())
            error, cells = max(error, float(np.abs(wrong - right).max(initial=0.0))), cells + right.size
        return error, flips, cells


@dataclass(frozen=True, eq=False)
class Comparison:
    """What was compared, and how: the maps as rows, and the similarity."""

    x: MapMatrix
    y: MapMatrix
    similarity: Similarity


@dataclass(frozen=True, eq=False)
class CorrelationResult:
    """Every map of set y (rows) with every map of set x (columns).

    Attributes
    ----------
    estimate : ndarray, shape (rows y, columns x), float64
        The similarity; NaN where a cell has no number (then ``notes`` says why). See ``r``.
    counts : ndarray of int, shape (rows y, columns x)
        Features valid in both maps of a cell.
    x_maps, y_maps : tuple of MapRecord
        What is known of each map; ``label`` names it.
    method : str
        The similarity, such as ``pearson``.
    null : str
        How p-values were found; ``none`` where they were not asked for.
    same_set : bool
        Whether the set was compared with itself (x is y; the diagonal is 1 by definition).
    notes : mapping of (row, column) to str
        Remarks on single cells; of an analysis `niicorr.result.notes.Notes`, which makes the text when it is asked for.
    grid : Grid or None
        Where maps were compared; None for bare arrays.
    mask : ndarray of bool, shape ``grid.shape``, or None
        The voxels that could count.
    sensitivity : Sensitivity or None
        What the domain rules changed; None where they changed nothing.
    provenance : Provenance
        Options, versions, decisions, warnings, timings.
    inferred : dict of str to ndarray, shape (rows y, columns x), float64
        ``n_effective``, ``ci_low``, ``ci_high``, ``p``, ``p_fdr``, ``p_fwe``; empty without a null model. NaN where a
        cell was not tested.
    comparison : Comparison or None
        The maps themselves, for `contribution`; None in a result that was loaded.
    parcellation : Parcellation or None
        The regions, where maps were averaged in an atlas, or where regions themselves were compared.
    series : tuple of RunSeries
        Of regions compared by their time series, one for each run; empty elsewhere.
    null_shape : Autocovariances, Histogram or None
        What the null model makes of chance; saved with the pictures.
    pictures : Pictures or None
        What a page shows of the maps (`niicorr.result.picturing.pictures_of`); None where they were not made.
    """

    estimate: Float64Array
    counts: IntArray
    x_maps: tuple[MapRecord, ...]
    y_maps: tuple[MapRecord, ...]
    method: str = "pearson"
    null: str = "none"
    same_set: bool = False
    notes: Mapping[tuple[int, int], str] = field(default_factory=dict)
    grid: Grid | None = None
    mask: BoolArray | None = None
    sensitivity: Sensitivity | None = None
    provenance: Provenance = field(default_factory=Provenance)
    inferred: dict[str, Float64Array] = field(default_factory=dict)
    comparison: Comparison | None = field(default=None, repr=False)
    parcellation: Parcellation | None = field(default=None, repr=False)
    series: tuple[RunSeries, ...] = field(default=(), repr=False)
    null_shape: Autocovariances | Histogram | None = field(default=None, repr=False)
    pictures: Pictures | None = field(default=None, repr=False)

    @cached_property
    def x_labels(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(record.label for record in self.x_maps)

    @cached_property
    def y_labels(self) -> tuple[str, ...]:
        """Names of the rows."""
        return tuple(record.label for record in self.y_maps)

    @cached_property
    def remarks(self) -> Notes:
        """The notes by what they say, to be counted without being spelled out."""
        return Notes.of(self.notes, self.estimate.shape)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided about all maps together (grid, mask, …)."""
        return self.provenance.decisions

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader must know before any number."""
        return self.provenance.warnings

    @property
    def unit(self) -> str:
        """What n counts, in the singular: ``voxel``, ``region``, ``time point``, or ``feature`` of bare arrays."""
        if self.series:
            return "time point"
        return "region" if self.parcellation is not None else "feature" if self.grid is None else "voxel"

    @property
    def measure(self) -> Measure:
        """What the similarity is called: one, several, and on a scale."""
        options, measure = self.provenance.options, measure_of(self.method)
        for option, word in (("weights", "weighted"), ("partial", "partial")):
            if options.get(option):
                measure = Measure(f"{word} {measure.name}", f"{word} {measure.names}", f"{word} {measure.symbol}")
        return measure

    @property
    def null_text(self) -> str:
        """The null model in words, or why there is none."""
        if self.null == "none":
            return next((d.text for d in self.decisions if d.topic == "null"), NULL_TEXTS["none"])
        if self.series and self.null in SERIES_NULL_TEXTS:
            return SERIES_NULL_TEXTS[self.null]
        text = NULL_TEXTS.get(self.null, f"null model: {self.null}")
        if self.unit == "region":
            text = text.replace("two independent", "means over regions of two independent").replace("voxel", "region")
        if self.null in TWO_WAYS:
            text += "; the larger p of two, with the maps of x and with those of y randomised"
            if isinstance(n := self.provenance.options.get("n_surrogates"), int):
                text += f"; {plural(n, 'draw')} each, so p is at least 1/{integer(n + 1)}"
            return text
        if self.null == "surrogate" and isinstance(n := self.provenance.options.get("n_surrogates"), int):
            if not self.same_set:
                text += " of x, the smaller set" if len(self.x_maps) < len(self.y_maps) else " of y"
            text += f"; unevenness that both share is not seen; {plural(n, 'draw')}, so p is at least "
            text += f"1/{integer(n + 1)}"
        return text

    @property
    def r(self) -> pd.DataFrame:
        """The similarities; rows y, columns x."""
        return self._frame(self.estimate)

    @property
    def n(self) -> pd.DataFrame:
        """Features valid in both maps; rows y, columns x."""
        return self._frame(self.counts)

    @property
    def p(self) -> pd.DataFrame:
        """Probability of a correlation at least so far from 0 under the null model; NaN where not tested."""
        return self._inferred("p")

    @property
    def p_fdr(self) -> pd.DataFrame:
        """P adjusted for the false discovery rate over all tested cells."""
        return self._inferred("p_fdr")

    @property
    def p_fwe(self) -> pd.DataFrame:
        """P adjusted for the family-wise error over all tested cells (Holm; with surrogates, maximum statistic)."""
        return self._inferred("p_fwe")

    @property
    def n_effective(self) -> pd.DataFrame:
        """How many independent values each correlation rests on."""
        return self._inferred("n_effective")

    @property
    def ci_low(self) -> pd.DataFrame:
        """Lower end of the approximate 95 % interval (Fisher z with n_effective)."""
        return self._inferred("ci_low")

    @property
    def ci_high(self) -> pd.DataFrame:
        """Upper end of the approximate 95 % interval."""
        return self._inferred("ci_high")

    def methods_text(self) -> str:
        """A paragraph for the methods section of a paper, and the references it cites; also in ``run.json``."""
        from niicorr.result.methods import methods

        return str(methods(self))

    def cells(self) -> Iterator[tuple[int, int]]:
        """(row, column) of every pair once: all cells, or the lower triangle of a set against itself."""
        for i in range(len(self.y_maps)):
            for j in range(i if self.same_set else len(self.x_maps)):
                yield i, j

    def strongest(self, count: int) -> list[tuple[int, int]]:
        """(row, column) of the pairs with the largest absolute r, strongest first; none of one and the same map."""
        rows, columns = largest_cells(self.estimate, count, lower=self.same_set, but=same_file_cells(self))
        return list(zip(rows.tolist(), columns.tolist(), strict=True))

    def to_frame(self) -> pd.DataFrame:
        """One row per pair, with the columns of ``pairs.tsv``."""
        import pandas as pd

        from niicorr.tables import pair_columns

        rows, columns = self._places
        notes = np.full(len(rows), "", dtype=object)
        first = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(self.y_maps)))])
        for i, start, stop in zip(range(len(self.y_maps)), first, first[1:], strict=False):
            for j, text in self.remarks.row(i).items():
                if j < stop - start:
                    notes[start + j] = text
        known = {"x": np.array(self.x_labels, dtype=object)[columns], "y": np.array(self.y_labels, dtype=object)[rows],
                 "r": self.estimate[rows, columns], "n": self.counts[rows, columns], "note": notes,
                 **{name: values[rows, columns] for name, values in self.inferred.items()}}
        unknown = np.full(len(rows), np.nan)
        return pd.DataFrame({name: known.get(name, unknown) for name in pair_columns(self.inferred)})

    def to_xarray(self) -> Any:
        """Everything about every cell as an xarray Dataset (needs xarray: ``pip install niicorr[xarray]``).

        Returns
        -------
        xarray.Dataset
            Dimensions y and x, labelled by map. Variables ``estimate``, ``n``, those of ``n_effective``, ``ci_low``,
            ``ci_high``, ``p``, ``p_fdr`` and ``p_fwe`` that the null model fills, and ``note``. Coordinates
            ``x_path``, ``x_n_voxels``, ``x_coverage`` and columns of manifests, the same of y. Attributes ``method``,
            ``null``, ``null_text``, ``unit``, and, as JSON text, ``versions``, ``decisions`` and ``warnings``.

        Raises
        ------
        UsageError
            Where xarray is not installed.
        """
        from niicorr.result.labelled import dataset_of

        return dataset_of(self)

    def contribution(self, x: str | int, y: str | int) -> Any:
        """Where the similarity of two maps comes from: what each voxel adds to it.

        Parameters
        ----------
        x, y : str or int
            Labels, or positions from 0.

        Returns
        -------
        nibabel.Nifti1Image, float64, or ndarray, shape (features,)
            On the grid of comparison; an array where the maps came as bare arrays. 0 wherever either map has no
            data. The plain sum of the image is r, weights and covariates included; for Pearson's r a voxel adds the
            product of both maps' deviations from their means, over the product of their lengths.

        Raises
        ------
        UsageError
            Where there is no such map.
        InputError
            Where the pair has no number, or the result was loaded from disk.

        Notes
        -----
        Terms are those over the common voxels of the pair. In sets so large that ranks and the like were taken over
        each map's own voxels (the result then says so), they sum to r over the common ones, which differs a little.

        See Also
        --------
        without_regions : the same, by the regions of an atlas.

        Examples
        --------
        >>> import numpy as np, niicorr as nc
        >>> result = nc.correlate(np.array([[1.0, 2, 3, 6]]), np.array([[1.0, 3, 5, 7]]))
        >>> result.contribution(0, "map0").round(3)
        array([0.359, 0.06 , 0.   , 0.538])
        """
        from niicorr.result.contribution import contribution

        return contribution(self, x, y)

    def without_regions(self, x: str | int, y: str | int, atlas: Any) -> pd.DataFrame:
        """What each region of an atlas adds to a similarity, and what is left without it.

        Parameters
        ----------
        x, y : str or int
            Labels, or positions from 0.
        atlas : path, image or (array, affine)
            One volume of whole numbers, 0 in the background; brought to the grid of comparison by nearest voxel.

        Returns
        -------
        DataFrame
            One row for each label: ``region``; ``n``, its common voxels; ``share``, those over all common voxels;
            ``contribution``, the sum of its terms (see `contribution`); ``r_without``, the similarity computed anew
            without its voxels, NaN where fewer than three are left or a map is constant over them. Contributions
            of all regions sum to r where the atlas covers every common voxel.

        Raises
        ------
        UsageError
            Where there is no such map.
        InputError
            Where the pair has no number, the maps no place in space, or the result was loaded from disk; as
            MapError, where the atlas cannot be used.

        Notes
        -----
        ``r - contribution`` is not ``r_without``: without a region the means, ranks and lengths of the maps are
        others. A region that is homogeneous in both maps may add much by lying far from their means.
        """
        from niicorr.result.contribution import without_regions

        return without_regions(self, x, y, atlas)

    def pair(self, x: str | int, y: str | int) -> Any:
        """Return two maps of the result, to be looked at: ``.plot()`` is a figure, ``.view()`` their cell of the page.

        Parameters
        ----------
        x, y : str or int
            Labels, or positions from 0.

        Returns
        -------
        niicorr.webpage.pair.Pair

        Raises
        ------
        UsageError
            Where there is no such map.
        """
        from importlib import import_module

        # Figures and pages lie above results, which know them by name only.
        return import_module("niicorr.webpage.pair").pair(self, x, y)

    def save(self, out: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write the tables, the mask and ``run.json`` into folder ``out``, whole or not at all.

        See Also
        --------
        niicorr.load : read them back.
        """
        from niicorr.folder import OutputFolder
        from niicorr.result.picturing import with_pictures
        from niicorr.result.saved import write_result

        with OutputFolder(out, overwrite=overwrite) as folder:
            write_result(with_pictures(self), folder.work)
            folder.commit()

    def replace(self, **changes: Any) -> CorrelationResult:
        """Return a copy with other fields."""
        return replace(self, **changes)

    @property
    def _places(self) -> tuple[IntArray, IntArray]:
        """Rows and columns of `cells`, as arrays."""
        if self.same_set:
            return np.tril_indices(len(self.y_maps), -1)
        rows, columns = np.indices((len(self.y_maps), len(self.x_maps))).reshape(2, -1)
        return rows, columns

    def _inferred(self, name: str) -> pd.DataFrame:
        return self._frame(self.inferred.get(name, np.full(self.estimate.shape, np.nan)))

    def _frame(self, values: Any) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(values, index=list(self.y_labels), columns=list(self.x_labels))

    def __repr__(self) -> str:
        size = f"{len(self.x_maps)} {'regions' if self.series else 'maps'} with each other" if self.same_set else (
            f"{len(self.x_maps)} × {len(self.y_maps)} maps")
        head = f"CorrelationResult: {size}, {self.measure.names}"
        numbers, counts = self.estimate[self._places], self.counts[self._places]
        numbers = numbers[np.isfinite(numbers)]
        if numbers.size:
            head += f" from {numbers.min():.2f} to {numbers.max():.2f}"
        if counts.size:
            low, high = int(counts.min()), int(counts.max())
            head += f", n = {low}" if low == high else f", n from {low} to {high}"
        return f"{head}; {self.null_text}"

    def _repr_html_(self) -> str:
        """A small table for notebooks: no script, safe on code hosts."""
        rows, columns = len(self.y_maps), len(self.x_maps)
        cut = rows > REPR_SIDE or columns > REPR_SIDE
        head = "".join(f"<th>{_escape(label)}</th>" for label in self.x_labels[:REPR_SIDE])
        body = "".join(
            f"<tr><th>{_escape(self.y_labels[i])}</th>"
            + "".join(_cell(self.estimate[i, j]) for j in range(min(columns, REPR_SIDE)))
            + "</tr>"
            for i in range(min(rows, REPR_SIDE))
        )
        more = f"<p>first {REPR_SIDE} of {rows} rows, {REPR_SIDE} of {columns} columns at most</p>" if cut else ""
        warned = "".join(f"<p><b>Warning</b> {_escape(text)}</p>" for text in self.warnings)
        return (f"<div><p>{_escape(repr(self))}</p>{warned}<table><thead><tr><th></th>{head}</tr></thead>"
                f"<tbody>{body}</tbody></table>{more}</div>")


def _escape(text: str) -> str:
    return html.escape(printable(text))


def _cell(value: float) -> str:
    if not np.isfinite(value):
        return "<td>–</td>"
    # Blue for negative, red for positive, ever fainter towards 0; legible on light and dark pages.
    colour = "178,24,43" if value > 0 else "33,102,172"
    return f'<td style="background:rgba({colour},{min(abs(value), 1) * 0.6:.2f})">{value:.2f}</td>'
