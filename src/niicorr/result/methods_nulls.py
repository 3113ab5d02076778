"""What a methods paragraph tells of p-values: the null model, intervals, corrections for many tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from niicorr.numerals import integer, listed, plural
from niicorr.records import FEW
from niicorr.result.methods_facts import Facts, covariates_of, rounded, was
from niicorr.result.same_files import SAME_FILE, SAME_VALUES
from niicorr.tables import printable
from niicorr.words import DRAWN

FACTORS = 8
"""Noises that the surrogates of one draw share (`niicorr.nulls.surrogate`, which would import scipy)."""

FDR = {
    "bh": " by the Benjamini–Hochberg procedure (Benjamini & Hochberg, 1995)",
    "by": " by the Benjamini–Yekutieli procedure (Benjamini & Yekutieli, 2001)",
}

SIDES = {
    "two-sided": "two-sided p-values",
    "greater": "one-sided p-values (for positive values)",
    "less": "one-sided p-values (for negative values)",
}

GAUSSIANS = {False: 15, True: 10}
"""How many an autocovariance is made of: of voxels, of regions (`niicorr.nulls`, which would import scipy)."""

FIT = "a nugget and {} Gaussians, whose mixtures are the isotropic autocovariances valid in every dimension " \
    "(Schoenberg, 1938)"

LEVEL = 0.05
"""What is counted as found."""

ANATOMY = "anatomy that both follow is a true correlation under it"


def sentences_on_nulls(facts: Facts) -> Iterator[str]:
    """Tell how p-values, intervals and adjusted p-values were found."""
    for part in (_null, intervals, adjusted, how_sure):
        yield from part(facts)


def _null(facts: Facts) -> Iterator[str]:
    null = facts.result.null
    if null == "none":
        return
    told = {"effective": _modified_t_test, "gsm": _modified_t_test, "surrogate": _surrogates,
            "moran": _regional_surrogates, "variogram": _regional_surrogates, "independent": _independent}
    if not facts.n_tests:
        yield "No pair was tested, so there are no p-values."
    elif null in told:
        yield from told[null](facts)
    else:
        yield f"The {p_values(facts)} came from the null model “{printable(null)}”."


def p_values(facts: Facts) -> str:
    """Name the p-values by their side."""
    return SIDES.get(str(facts.options.get("alternative")), "p-values")


def _freedom(facts: Facts, n: str) -> str:
    """Say how many degrees of freedom there are; collinear covariates take none."""
    return f"{n} − 2 degrees of freedom{', less 1 for each independent covariate' if covariates_of(facts) else ''}"


def _modified_t_test(facts: Facts) -> Iterator[str]:
    whose = "the ranks of the two maps" if facts.result.method == "spearman" else "the two maps"
    yield (f"To allow for spatial autocorrelation, {p_values(facts)} came from the modified t-test (Clifford et al., "
           f"1989; Dutilleul, 1993): t = r √(ν/(1 − r²)) with ν = {_freedom(facts, 'n_effective')}.")
    yield ("The number of independent values that r rests on is n_effective = 1 + 1/Var(r), at most n, where Var(r) is "
           "the variance of r between two independent random fields.")
    # With one mask the traces are those of every pair; with many, those of a common mask may stand in.
    mask, counts = facts.result.mask, facts.result.counts[facts.pairs]
    one_mask = mask is not None and bool((counts == np.count_nonzero(mask)).all())
    exact = "exact " if one_mask and not (covariates_of(facts) or facts.options.get("weights")) else ""
    robust, regional = facts.result.null == "effective", facts.result.parcellation is not None
    if regional:
        yield (f"Var(r) was found from the autocovariances of {whose} over the regions' centres, each fitted by "
               f"{FIT.format(GAUSSIANS[True])}, "
               "allowing for the regions' sizes, and from the exact traces of the demeaned covariance matrices.")
    else:
        yield (f"Var(r) was found from the autocovariances of {whose}, each fitted by "
               f"{FIT.format(GAUSSIANS[False])}, and from the {exact}traces of the "
               "demeaned covariance matrices, by fast Fourier transform.")
    if robust and regional:
        yield "It was corrected for local smoothness and local amplitude as far as both maps share them."
    elif robust:
        yield "It was corrected for anisotropy, local smoothness and local amplitude as far as both maps share them."
    yield from effective_range(facts)
    fields = "means over regions of independent" if regional else "independent"
    if robust:
        yield f"The null hypothesis is that the two maps are {fields} random fields; {ANATOMY}."
    else:
        yield (f"The null hypothesis is that the two maps are {fields}, stationary, isotropic random fields; "
               f"{ANATOMY}, and where both are uneven in the same places, p-values are too small.")


def effective_range(facts: Facts) -> Iterator[str]:
    """Tell the numbers of independent values."""
    values = facts.inferred("n_effective")
    if values.size:
        low, high, middle = (rounded(float(f(values))) for f in (np.min, np.max, np.median))
        few = int(np.count_nonzero(values < FEW))
        below = f"; in {plural(few, 'pair')} it was below 10, little to go by" if few and values.size > 1 else ""
        ranged = f"{low} to {high} (median {middle})" if values.size > 1 else low
        yield f"n_effective was {ranged}{below}."


def _surrogates(facts: Facts) -> Iterator[str]:
    result, options, value = facts.result, facts.options, facts.value
    draws, seed = options.get("n_surrogates"), options.get("seed")
    # Maps that were left out count where the sets are compared in size.
    name = "x" if len(result.x_maps) < len(result.y_maps) else "y"
    n, other = facts.sizes if name == "x" else facts.sizes[::-1]
    whose = "the set" if result.same_set else f"set {name}{', the smaller one,' if n < other else ''}"
    of = "the map's ranks" if result.method == "spearman" else "the map"
    counted = f"{integer(draws)} draws" if isinstance(draws, int) else "draws"
    seeded = f" (seed {seed})" if isinstance(seed, int) else ""
    regional = result.parcellation is not None
    drawn = ("by a square root of the fitted covariance matrix of the regions" if regional else
             "by circulant embedding (Dietrich & Newsam, 1997)")
    yield (f"To allow for spatial autocorrelation, {p_values(facts)} came from {counted} of surrogate maps{seeded}: "
           f"for each map of {whose} a Gaussian random field was drawn {drawn} and given the map's own "
           f"values by rank, such that it had the autocovariance of {of}, fitted by {FIT.format(GAUSSIANS[regional])}.")
    if n > 1:
        how = "as" if n <= FACTORS else f"as nearly as {FACTORS} common noises allow as"
        yield f"The fields of one draw were correlated with each other {how} the maps of the set are."
    if covariates_of(facts):
        yield ("They stood for what the covariates leave of the maps, and the covariates were regressed out of them "
               "again (Freedman & Lane, 1983).")
    yield _counting(facts, draws, value)
    if facts.inferred("n_effective").size:
        yield "The number of independent values that r rests on is n_effective = 1 + 1/mean(r²) over draws, at most n."
        yield from effective_range(facts)
    yield ("The null hypothesis is that the two maps are independent, the one drawn being a stationary random field; "
           f"{ANATOMY}.")


def _regional_surrogates(facts: Facts) -> Iterator[str]:
    options = facts.options
    draws, seed = options.get("n_surrogates"), options.get("seed")
    counted_draws = f"{integer(draws)} draws" if isinstance(draws, int) else "draws"
    seeded = f" (seed {seed})" if isinstance(seed, int) else ""
    how = {"moran": "by Moran spectral randomisation of the eigenvectors of the regions' inverse distances (Wagner & "
                    "Dray, 2015), which keeps its mean, its variance and Moran's I",
           "variogram": "by shuffling its values and smoothing them until the variogram follows that of the map (Burt "
                        "et al., 2020)"}[facts.result.null]
    yield (f"To allow for spatial autocorrelation, {p_values(facts)} came from {counted_draws} of surrogate "
           f"maps{seeded}, made of each map {how}.")
    yield _counting(facts, draws, facts.value)
    yield ("Maps of set x and maps of set y were randomised in turn, and the larger of the two p-values was taken."
           if not facts.result.same_set else
           "Either map of a pair was randomised in turn, and the larger of the two p-values was taken.")
    if facts.inferred("n_effective").size:
        yield from effective_range(facts)
    yield (f"The null hypothesis is that the two maps are independent, the one drawn being equally smooth everywhere; "
           f"{ANATOMY}.")


def _counting(facts: Facts, draws: object, value: str) -> str:
    far = {"two-sided": "|r| was at least" if value == "r" else f"{value} was at least as far from 0 as",
           "greater": f"{value} was at least", "less": f"{value} was at most"}
    reached = far.get(str(facts.options.get("alternative")), f"{value} was at least as extreme as")
    floor = f", never below 1/{integer(1 + draws)}" if isinstance(draws, int) else ""
    return f"With b the number of the N draws in which {reached} that observed, p = (1 + b)/(1 + N){floor}."


def _independent(facts: Facts) -> Iterator[str]:
    weighted = ", n being (Σw)²/Σw² of the weights w" if facts.options.get("weights") else ""
    yield (f"As if all {facts.units} were independent, {p_values(facts)} came from Student's t with "
           f"{_freedom(facts, 'n')} (Student, 1908){weighted}.")
    yield (f"Neighbouring {facts.units} of brain maps repeat each other, so that p is far too small."
           if facts.result.grid is not None else
           "Where features repeat each other, as neighbouring voxels of brain maps do, p is far too small.")


def intervals(facts: Facts) -> Iterator[str]:
    """Tell how intervals were found."""
    if not (facts.n_tests and facts.inferred("ci_low").size):
        return
    fisher = "Approximate 95\N{NO-BREAK SPACE}% intervals came from Fisher's z (Fisher, 1915) with"
    if facts.result.null == "independent":
        yield f"{fisher} n; they are too narrow for the same reason."
    else:
        yield (f"{fisher} n_effective in place of n, which holds for a true correlation near 0 (Afyouni et al., "
               "2019).")


def adjusted(facts: Facts) -> Iterator[str]:
    """Tell how p-values were adjusted for many tests."""
    if facts.n_tests < 2:
        return
    ways = []
    if facts.inferred("p_fdr").size:
        ways.append(f"for the false discovery rate{FDR.get(str(facts.options.get('fdr')), '')}")
    if facts.inferred("p_fwe").size:
        side = facts.options.get("alternative")
        extreme = "most extreme value in the tested direction" if side in ("greater", "less") else (
            "largest |r|" if facts.value == "r" else "largest distance from 0")
        how = "Holm's procedure (Holm, 1979)" if facts.result.null not in DRAWN else (
            f"the {extreme} of all pairs in each draw (Nichols & Holmes, 2002)")
        ways.append(f"for the family-wise error by {how}")
    reasons = {SAME_FILE: "of one and the same file", SAME_VALUES: "of files with the same values",
               "too few for the null model": f"with too few {facts.units} in common for it"}
    untested = ""
    for words, why in reasons.items():
        if count := int(np.count_nonzero(facts.result.remarks.saying(words) & facts.numbered)):
            untested += f"; {plural(count, 'pair')} {why} {was(count)} not tested"
    if ways:
        yield f"The p-values of all {integer(facts.n_tests)} tests were adjusted {listed(ways)}{untested}."


def how_sure(facts: Facts) -> Iterator[str]:
    """Tell what came of the tests: how many pairs survive, how many of them by chance, how wide intervals are."""
    if facts.result.null == "independent" or not facts.n_tests:
        return  # of the former p and intervals have been said to be worth nothing
    q, fwe = facts.inferred("p_fdr"), facts.inferred("p_fwe")
    if q.size > 1:
        found, sure = int(np.count_nonzero(q <= LEVEL)), int(np.count_nonzero(fwe <= LEVEL))
        chance = ", of which at most one in twenty is expected to be there by chance alone" if found else ""
        also = f"; the family-wise p was in {integer(sure)}" if fwe.size else ""
        yield f"The adjusted p (false discovery rate) was at most {LEVEL} in {plural(found, 'pair')}{chance}{also}."
    ends = [facts.result.inferred.get(name) for name in ("ci_low", "ci_high")]
    if ends[0] is None or ends[1] is None:
        return
    half = ends[1][facts.pairs]  # in place: there may be millions
    half -= ends[0][facts.pairs]
    half /= 2
    half = half[np.isfinite(half)]
    if half.size:
        low, high, middle = (f"{float(f(half)):.2f}" for f in (np.min, np.max, np.median))
        wide = f"{low} to {high} (median {middle})" if half.size > 1 and low != high else middle
        yield f"The half-width of an interval, which tells how sure {facts.value} is, was {wide}."
