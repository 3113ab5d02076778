"""What a methods paragraph tells of regions compared by their time series."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from niicorr.numerals import integer, listed, plural
from niicorr.result.methods_facts import COUNT, Facts, counted, file_name, some, was
from niicorr.result.methods_maps import software
from niicorr.result.methods_nulls import adjusted, effective_range, how_sure, intervals, p_values

SHRUNK = "the covariance being estimated with shrinkage (Ledoit & Wolf, 2004) by "

MEASURES = {
    "pearson": "Pearson's correlation coefficient r (Pearson, 1895)",
    "partial correlation": f"the partial correlation given all other regions, {SHRUNK}",
    "covariance": f"the covariance, {SHRUNK}",
    "tangent": f"the geometric mean of the runs' covariances, from which each run is displaced in tangent space "
    f"(Varoquaux et al., 2010), {SHRUNK}",
}
"""What is computed; a text with an open end is closed by the name of nilearn."""


def sentences_on_rois(facts: Facts) -> list[str]:
    """Tell how series were taken, cleaned and compared, and how sure the numbers are."""
    parts = (_opening, _series, _grid, _missing, _cleaning, _measure, _runs, _undefined, _null, intervals, adjusted,
             how_sure)
    return [sentence for part in parts for sentence in part(facts)]


def _opening(facts: Facts) -> Iterator[str]:
    n, pairs = len(facts.result.x_maps), int(np.count_nonzero(facts.pairs))
    yield (f"The time series of each of {integer(n)} regions was compared with that of every other, {integer(pairs)} "
           f"pair{'s' * (pairs != 1)} in all, with {software(facts)}.")


def _series(facts: Facts) -> Iterator[str]:
    result, n = facts.result, len(facts.result.series)
    lengths = [len(run.values) for run in result.series]
    steps = sorted({run.t_r for run in result.series if run.t_r is not None})
    step = f", TR {steps[0]:g}{f' to {steps[-1]:g}' * (len(steps) > 1)} s" if steps else ""
    least, most = min(lengths), max(lengths)
    long = integer(least) if least == most else f"{integer(least)} to {integer(most)}"
    what = f"one run ({long} time points{step})" if n == 1 else (
        f"{integer(n)} runs ({long} time points each, {integer(sum(lengths))} in all{step})")
    atlas = result.parcellation.path if result.parcellation is not None else ""
    ready = facts.decided("series")
    if ready:
        yield f"Series of {what} had been made beforehand{f' with the atlas {file_name(atlas)}' if atlas else ''}."
        return
    weighted = "weighted by the region's probabilities " if "probabilistic" in _told(facts, "atlas") else ""
    named = "an atlas" if atlas.startswith("image ") or not atlas else f"the atlas {file_name(atlas)}"
    yield (f"Series of {what} were means over the voxels of each region of {named}, {weighted}leaving out voxels "
           "without data.")


def _grid(facts: Facts) -> Iterator[str]:
    told = _told(facts, "atlas")
    if "nearest voxel" in told:
        yield "The atlas was brought to the grid of the run by nearest neighbour."
    elif "interpolated linearly" in told:
        yield "The atlas was brought to the grid of the run by linear interpolation of its probabilities."
    elif "nothing interpolated" in told:
        yield "The atlas was brought to the grid of the run by whole voxels, without interpolation."
    small = re.match(f"{COUNT} of {COUNT} ha(?:s|ve) fewer than {COUNT} voxels", facts.decided("regions"))
    if small:
        yield f"{plural(counted(small[1]), 'region')} had fewer than {small[3]} voxels."


def _missing(facts: Facts) -> Iterator[str]:
    result = facts.result
    gone = [record.label for k, record in enumerate(result.x_maps) if (k, k) in result.notes]
    if gone:
        yield f"{plural(len(gone), 'region')} had no series and {was(len(gone))} left out ({some(gone)})."


def _cleaning(facts: Facts) -> Iterator[str]:
    told = [decision.text for record in facts.result.provenance.beside for decision in record.decisions
            if decision.topic == "cleaning"]
    volumes = facts.options.get("volumes")
    if volumes not in (None, "all"):
        yield f"Only volumes {volumes} (counted from 0) were used."
    if not told:
        yield "Series were used as they are, without cleaning."
        return
    steps = list(dict.fromkeys(text.partition(";")[0] for text in told))
    left = [float(found[1].replace(",", "")) for text in told
            if (found := re.search(rf"; ([\d.e+]+) of {COUNT} degrees of freedom", text))]
    how = steps[0] if len(steps) == 1 else "; ".join(steps[:3]) + ("; and others" if len(steps) > 3 else "")
    freedom = ""
    if left:
        low, high = f"{min(left):.0f}", f"{max(left):.0f}"
        freedom = f", which left {low if low == high else f'{low} to {high}'} degrees of freedom" + (
            " in each run" if len(told) > 1 else "")
    yield f"Series were cleaned with {_nilearn(facts)}: {how}{freedom}."


def _measure(facts: Facts) -> Iterator[str]:
    method = facts.result.method
    what = MEASURES.get(method, f"the method “{method}”")
    yield f"Connectivity was measured by {what}{_nilearn(facts) if what.endswith(' ') else ''}."


def _runs(facts: Facts) -> Iterator[str]:
    n = len(facts.result.series)
    if n > 1 and facts.result.method in ("pearson", "partial correlation"):
        yield (f"Correlations of the {integer(n)} runs were averaged in Fisher's z (Fisher, 1915), weighted by their "
               "effective degrees of freedom; differences between runs are not in the p-values.")
    elif n > 1 and facts.result.method == "covariance":
        yield f"Covariances of the {integer(n)} runs were averaged."


def _undefined(facts: Facts) -> Iterator[str]:
    empty = facts.pairs & ~facts.numbered
    if empty.any():
        reasons = Counter(facts.result.notes.get((i, j), "no reason noted") for i, j in np.argwhere(empty).tolist())
        told = [f"{integer(n)}: {text}" for text, n in reasons.most_common(3)]
        yield f"No value exists for {plural(int(empty.sum()), 'pair')} ({'; '.join(told)})."


def _null(facts: Facts) -> Iterator[str]:
    result = facts.result
    if result.null == "none":
        return
    if not facts.n_tests:
        yield "No pair was tested, so there are no p-values."
        return
    n = len(result.x_maps) - sum((k, k) in result.notes for k in range(len(result.x_maps)))
    less = f" less {integer(n - 2)} for the other regions" if result.method == "partial correlation" else ""
    value = "r" if result.method == "pearson" else "the partial correlation r"
    cleaned = any(d.topic == "cleaning" for record in result.provenance.beside for d in record.decisions)
    if result.null == "independent":
        left = ", n being what cleaning left of the time points" if cleaned else ""
        yield (f"As if all time points were independent, {p_values(facts)} came from Student's t with n − 2 degrees of "
               f"freedom{less} (Student, 1908){left}.")
        yield "Successive volumes repeat each other, so that p is far too small."
        return
    through = ", as cleaning changes it," if cleaned else ""
    yield (f"To allow for temporal autocorrelation, {p_values(facts)} came from t = r √(ν/(1 − r²)) with ν = "
           f"n_effective − 2 degrees of freedom{less}, in the spirit of earlier work on time series (Afyouni et al., "
           "2019).")
    yield (f"The number of independent values that {value} rests on is n_effective = 1 + 1/Var(r), where Var(r) is the "
           "variance of r between two independent stationary series (Clifford et al., 1989), found from the power "
           f"spectra of the two regions, each fitted to its periodogram{through} in bands of frequency.")
    yield from effective_range(facts)
    ways = ["the null hypothesis is that the two series are independent and stationary"]
    if result.method == "partial correlation":
        ways.append("since the estimate is shrunk towards 0, p errs on the side of caution")
    text = listed(ways) if len(ways) == 1 else "; ".join(ways)
    yield f"{text[0].upper()}{text[1:]}."


def _nilearn(facts: Facts) -> str:
    version = facts.result.provenance.versions.get("nilearn", "")
    return f"nilearn {version} (Abraham et al., 2014)".replace("  ", " ")


def _told(facts: Facts, topic: str) -> str:
    return " ".join(decision.text for decision in facts.result.decisions if decision.topic == topic)
