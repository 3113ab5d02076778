"""The methods paragraph of a result, ready to paste into a paper, with the references it cites.

Every sentence is drawn from what the result itself carries: its maps with their decisions, its options, its
numbers. What an older result does not record is left out rather than assumed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr._version import __version__
from niicorr.records import FEW, NO_OUTLINE
from niicorr.result.citations import REFERENCES
from niicorr.tables import printable

if TYPE_CHECKING:
    from niicorr.records import MapRecord
    from niicorr.result.correlation import CorrelationResult
    from niicorr.typing import BoolArray, Float64Array

NAMED = 5
"""So many maps, covariates or background values are named; of more, the rest is counted."""

FACTORS = 8
"""Noises that the surrogates of one draw share (`niicorr.nulls.surrogate`, which would import scipy)."""

MEASURES = {
    "pearson": "Pearson's correlation coefficient r (Pearson, 1895)",
    "spearman": "Spearman's rank correlation coefficient r (Spearman, 1904), equal values sharing their average rank",
    "cosine": "the cosine of the two maps, not centred",
    "concordance": "Lin's concordance correlation coefficient (Lin, 1989)",
    "bicor": "the biweight midcorrelation r (Langfelder & Horvath, 2012)",
    "dice": "the Dice coefficient (Dice, 1945)",
}

CORRELATIONS = frozenset({"pearson", "spearman", "bicor"})
"""Those whose value is called r."""

ZERO_REASONS = {
    "end abruptly": "whose values end abruptly at them",
    "taper off": "whose values taper off towards them",
    "thresholded": "thresholded maps",
    "two values": "maps of two values",
}
"""Why zeros were read as they were: words of the decision, and how the paragraph says it."""

FDR = {
    "bh": " by the Benjamini–Hochberg procedure (Benjamini & Hochberg, 1995)",
    "by": " by the Benjamini–Yekutieli procedure (Benjamini & Yekutieli, 2001)",
}

SIDES = {
    "two-sided": "two-sided p-values",
    "greater": "one-sided p-values (for positive values)",
    "less": "one-sided p-values (for negative values)",
}

FIT = "a nugget and 15 Gaussians, whose mixtures are the isotropic autocovariances valid in every dimension " \
    "(Schoenberg, 1938)"

ANATOMY = "anatomy that both follow is a true correlation under it"


@dataclass(frozen=True)
class Methods:
    """What to say of a result in a paper.

    Attributes
    ----------
    text : str
        One paragraph; its citations are in brackets, author and year.
    references : tuple of str
        What the paragraph cites, in alphabetical order.
    """

    text: str
    references: tuple[str, ...]

    def __str__(self) -> str:
        """The paragraph, an empty line, and the list of references."""
        return "\n".join([self.text, "", "References", *self.references])


def methods(result: CorrelationResult) -> Methods:
    """Tell how a result was made: one paragraph in the past tense, and the references it cites.

    Parameters
    ----------
    result : CorrelationResult
        In memory or restored from a folder; options that an older one does not record are left out.
    """
    facts = _Facts(result)
    parts = (_opening, _left_out, _grid, _brought_to_grid, _mask, _background, _zeros, _common, _undefined,
             _similarity, _zeros_matter, _null, _intervals, _adjusted)
    text = " ".join(sentence for part in parts for sentence in part(facts))
    return Methods(text, tuple(full for cited, full in REFERENCES.items() if cited in text))


@dataclass(frozen=True, eq=False)
class _Facts:
    """What several sentences need of a result."""

    result: CorrelationResult

    @property
    def options(self) -> dict[str, Any]:
        return self.result.provenance.options

    @cached_property
    def maps(self) -> tuple[MapRecord, ...]:
        """Every map that was used; one that is in both sets twice."""
        result = self.result
        given = result.x_maps if result.same_set else (*result.x_maps, *result.y_maps)
        return tuple(record for record in given if not record.error)

    @property
    def units(self) -> str:
        return "features" if self.result.grid is None else "voxels"

    @property
    def value(self) -> str:
        return "r" if self.result.method in CORRELATIONS else "the similarity"

    @property
    def sizes(self) -> tuple[int, int]:
        """How many maps of x and of y were used."""
        n_x, n_y = (sum(not record.error for record in maps) for maps in (self.result.x_maps, self.result.y_maps))
        return n_x, n_y

    @cached_property
    def pairs(self) -> BoolArray:
        """Each pair of used maps once, shape (rows y, columns x)."""
        x_used, y_used = (np.array([not record.error for record in maps], dtype=np.bool_)
                          for maps in (self.result.x_maps, self.result.y_maps))
        pairs = np.logical_and.outer(y_used, x_used)
        return np.tril(pairs, -1) if self.result.same_set else pairs

    @cached_property
    def numbered(self) -> BoolArray:
        """Those of them that have a number."""
        return np.asarray(self.pairs & np.isfinite(self.result.estimate))

    def inferred(self, name: str) -> Float64Array:
        """Return what was inferred, each pair once; empty where nothing was."""
        values = self.result.inferred.get(name)
        return np.empty(0) if values is None else values[self.pairs & np.isfinite(values)]

    @cached_property
    def n_tests(self) -> int:
        return 0 if self.result.null == "none" else self.inferred("p").size

    def decided(self, topic: str) -> str:
        """Return the first thing decided on a topic about all maps together."""
        return next((decision.text for decision in self.result.decisions if decision.topic == topic), "")

    def decided_on_maps(self, topic: str) -> list[str]:
        """Return what was decided about single maps, one text for each map and decision."""
        return [decision.text for record in self.maps for decision in record.decisions if decision.topic == topic]


def _opening(facts: _Facts) -> Iterator[str]:
    result, (n_x, n_y) = facts.result, facts.sizes
    kind = "map" if result.grid is None else "brain map"
    n_pairs = int(np.count_nonzero(facts.pairs))
    in_all = f", {_whole(n_pairs)} pairs in all," if n_pairs > 1 else ""
    if not n_pairs:
        what = "There was no pair of maps to compare"
    elif result.same_set:
        what = f"Each of {_whole(n_x)} {kind}s was compared with every other{in_all}"
    else:
        subject = f"Each of {_whole(n_x)} {kind}s" if n_x > 1 else f"One {kind}"
        what = f"{subject} (set x) was compared with {f'each of {_whole(n_y)}' if n_y > 1 else 'one'} (set y){in_all}"
    yield f"{what} with {_software(facts)}."


def _software(facts: _Facts) -> str:
    versions = facts.result.provenance.versions
    wanted = {"python": "Python", "numpy": "NumPy"}
    wanted |= {"scipy": "SciPy"} if facts.n_tests else {}
    wanted |= {"nibabel": "NiBabel"} if facts.result.grid is not None else {}
    others = ", ".join(f"{name} {versions[key]}" for key, name in wanted.items() if key in versions)
    return f"niicorr {versions.get('niicorr', __version__)}{others and f' ({others})'}"


def _left_out(facts: _Facts) -> Iterator[str]:
    result = facts.result
    sets = {"": result.x_maps} if result.same_set else {"set x: ": result.x_maps, "set y: ": result.y_maps}
    bad = {name: [printable(record.label) for record in maps if record.error] for name, maps in sets.items()}
    count = sum(map(len, bad.values()))
    if count:
        named = "; ".join(name + _some(labels) for name, labels in bad.items() if labels)
        yield f"Of the maps given, {_whole(count)} could not be used and {_was(count)} left out ({named})."


def _grid(facts: _Facts) -> Iterator[str]:
    if facts.result.grid is None:
        return
    what = facts.result.grid.describe().replace("???", "orientation unknown")
    how = facts.decided("grid")
    several = re.match(r"the maps(?: of set ([xy]))? come on (\d+) grids; compared on (.+?)( that covers all)?:", how)
    whose = re.match(r"(that of the mask)|that of (.+) \(--grid\)|(?:all \d+ maps|that of the one map) of set ([xy])\b",
                     how)
    if several:
        which = {"the one that most maps have": "the most common", "the first of them": "the first"}
        yield (f"The maps{f' of set {several[1]}' if several[1] else ''} came on {several[2]} grids and were compared "
               f"on {which.get(several[3], several[3])}{' that covers all maps' if several[4] else ''}: {what}.")
    elif whose:
        of = "of the mask" if whose[1] else f"of set {whose[3]}" if whose[3] else f"of {_file(whose[2])}, as specified"
        yield f"Maps were compared on the grid {of}: {what}."
    elif re.match(r"all \d+ maps are on one grid", how):
        yield f"All maps were on one grid: {what}."
    else:
        yield f"Maps were compared on a grid of {what}."


def _brought_to_grid(facts: _Facts) -> Iterator[str]:
    resampled = Counter(text.rpartition(": ")[2] for text in facts.decided_on_maps("resample"))
    if resampled:
        ways = [f"by {re.sub('^averaged', 'averaging', how)}" for how in resampled]
        if len(ways) > 1:
            ways = [f"{way} ({_whole(n)})" for way, n in zip(ways, resampled.values(), strict=True)]
        count = resampled.total()
        yield (f"To this grid, {_maps(count)} {_was(count)} resampled {_listed(ways)}; missing voxels had no weight, "
               "and a voxel was valid where at least half of the weight was.")
    placed = facts.decided_on_maps("grid")
    moved = sum("nothing interpolated" in text for text in placed)
    if moved:
        yield (f"Without interpolation, {_maps(moved)} {_was(moved)} brought to it by reordering axes or by whole "
               "voxels.")
    blind = sum("no orientation" in text for text in placed)
    if blind:
        header = "header tells" if blind == 1 else "headers tell"
        yield f"Voxels of {_maps(blind)} whose {header} no orientation were matched by their place in the array."


def _mask(facts: _Facts) -> Iterator[str]:
    mask, grid = facts.result.mask, facts.result.grid
    if mask is None or grid is None:
        return
    held, of = int(np.count_nonzero(mask)), grid.size
    narrowed = next((match for decision in facts.result.decisions if (match := re.match(
        r"(\d+) of the mask's (\d+) voxels do not count: their (.+)", decision.text))), None)
    left, held = held, int(narrowed[2]) if narrowed else held
    voxels = f"all {_whole(of)} voxels of the grid" if held == of else (
        f"{_whole(held)} of the grid's {_whole(of)} voxels")
    how = facts.decided("mask")
    half = re.search(r"inside at least half of (?:the (\d+) of (\d+) maps that|(.+)$)", how)
    given = re.match(r"as given: (.+) \(\d+ voxels\)", how)
    if half and half[1]:
        yield (f"The mask held {voxels}: those inside at least half of the {half[1]} maps (of {half[2]}) that show an "
               "outline.")
    elif half:
        inside = "the map" if half[3] == "the one map" else f"at least half of {half[3]}"
        yield f"The mask held {voxels}: those inside {inside}."
    elif given:
        brought = ", brought to the grid by nearest neighbour" if "nearest voxel" in how else ""
        yield f"The mask was given ({_file(given[1])}{brought}) and held {voxels}."
    elif "MNI152" in how:
        nilearn = f"nilearn {facts.result.provenance.versions.get('nilearn', '')}".strip()
        yield f"The mask was the MNI152 brain mask of {nilearn}: {voxels}."
    elif "--mask none" in how:
        yield f"No mask was applied: {voxels} counted."
    elif NO_OUTLINE in how:
        yield f"As {NO_OUTLINE.replace('shows', 'showed')}, {voxels} counted, also those outside the brain."
    else:
        yield f"The mask held {voxels}."
    if narrowed:
        why = narrowed[3].replace(" is ", " was ").replace(" are ", " were ")
        yield f"Of these, {_whole(int(narrowed[1]))} did not count because their {why}, which left {_whole(left)}."


def _background(facts: _Facts) -> Iterator[str]:
    values = [record.background for record in facts.maps if record.background is not None]
    texts = facts.decided_on_maps("background")
    if texts and "--background none" in texts[0]:
        yield "No background value was looked for."
    elif texts and texts[0].endswith("(--background)"):
        yield f"The value {_listed(dict.fromkeys(map(_value, values)))} was specified as background."
    elif texts and values:
        found = Counter(map(_value, values)).most_common()
        told = _listed([f"{value} in {_maps(n)}" for value, n in found]) if len(found) <= NAMED else (
            f"{_whole(len(found))} different values in {_maps(len(values))}")
        none = len(texts) - len(values)
        without = f"; {_maps(none)} had none" if none else ""
        yield ("The background of a map was taken to be the most common value on the faces of its volume, if at least "
               f"a quarter of these and a tenth of the volume held it: {told}{without}.")
    elif texts:
        yield "No map had a background, a value held by a quarter of the faces and a tenth of the volume."
    coded = any(value != 0 and np.isfinite(value) for value in values)
    not_finite = sum(any(d.topic == "missing" for d in m.decisions) or not np.isfinite(m.background or 0)
                     for m in facts.maps)
    these = f"NaN and infinite values (in {_maps(not_finite)})"
    if coded:
        yield f"Voxels of a background other than 0 were missing{f', and so were {these}' if not_finite else ''}."
    elif not_finite:
        yield f"{these} were missing."


def _zeros(facts: _Facts) -> Iterator[str]:
    texts = facts.decided_on_maps("zeros")
    read: dict[str, Counter[str]] = {}
    for text in texts:
        match = re.search(r"zeros are (data|missing)\b(.*)", text)
        if match:
            reason = next((said for words, said in ZERO_REASONS.items() if words in match[2]), "")
            read.setdefault(match[1], Counter())[reason] += 1
    if not read:
        return
    if "(--" in texts[0]:
        why = "0 being the background specified" if "--background" in texts[0] else "as specified"
        yield f"Exact zeros, found in {_maps(len(texts))}, counted as {next(iter(read))}, {why}."
        return
    told = [f"as {reading} in {_maps(why.total())}{_because(why)}" for reading, why in sorted(read.items())]
    yield f"Exact zeros counted {_listed(told)}."


def _because(reasons: Counter[str]) -> str:
    known = [(reason, n) for reason, n in reasons.most_common() if reason]
    if len(known) == len(reasons) == 1:
        return f" ({known[0][0]})"
    return f" ({', '.join(f'{_whole(n)} {reason}' for reason, n in known)})" if known else ""


def _common(facts: _Facts) -> Iterator[str]:
    counts = facts.result.counts[facts.numbered]
    if counts.size:
        low, high = int(counts.min()), int(counts.max())
        n = f"n = {_whole(low)}" if low == high else f"n from {_whole(low)} to {_whole(high)}"
        each = "Each pair" if np.count_nonzero(facts.pairs) > 1 else "The pair"
        yield f"{each} was compared over the {facts.units} valid in both maps ({n} {facts.units})."


def _undefined(facts: _Facts) -> Iterator[str]:
    empty = facts.pairs & ~facts.numbered
    count = int(np.count_nonzero(empty))
    if count:
        notes = [note for cell, note in facts.result.notes.items() if empty[cell]]
        few = sum("fewer than 3 common" in note for note in notes)
        constant = sum("constant over" in note for note in notes)
        told = [f"{_whole(few)} with fewer than 3 {facts.units} in common"] * bool(few)
        told += [f"{_whole(constant)} with a map constant over them"] * bool(constant)
        below = sum("neither map exceeds the threshold" in note for note in notes)
        told += [f"{_whole(below)} with no value above the threshold in either map"] * bool(below)
        yield f"No value exists for {_maps(count, 'pair')}{f' ({_listed(told)})' if told else ''}."


def _similarity(facts: _Facts) -> Iterator[str]:
    method, options = facts.result.method, facts.options
    text = f"Similarity was measured by {MEASURES.get(method, f'the method “{printable(method)}”')}"
    threshold, weights, covariates = options.get("threshold"), options.get("weights"), _covariates(facts)
    if method == "dice" and isinstance(threshold, int | float):
        text += f" of the {facts.units} whose absolute value exceeds {_value(threshold)}"
    if weights:
        # A map given in memory is recorded by its type alone, such as <Nifti1Image>.
        named = "" if str(weights).startswith("<") else f" ({_file(str(weights))})"
        text += f", with {facts.units} weighted by a map of weights{named}"
    if covariates:
        n, ranked = len(covariates), ", all as ranks," if method == "spearman" else ""
        known = [_file(name) for name in covariates if not name.startswith("<")]
        named = f" ({_some(known)})" if len(known) == n else ""
        what = "a covariate map" if n == 1 else f"{_whole(n)} covariate maps"
        if isinstance(options["partial"], str) and n == 1 and not known:
            what = "covariate maps"  # a list recorded by its type, such as <list>, tells no number
        text += f", after {what}{named} had been regressed{ranked} out of both maps of each pair"
    yield f"{text}."
    if "each map's own voxels" in facts.decided("method"):
        what = "ranks" if method == "spearman" else "transforms"
        yield f"Where two maps had data in different voxels, {what} were those over each map's own."
    flat = sum("at least half of its values are equal" in text for text in facts.decided_on_maps("method"))
    if flat:
        yield (f"At least half of the values are equal in {_maps(flat)}, whose deviations from the mean were taken, as "
               "in Pearson's r.")


def _covariates(facts: _Facts) -> list[str]:
    given = facts.options.get("partial") or []
    names = [given] if isinstance(given, str) else [str(name) for name in given]
    told = " ".join(decision.text for decision in facts.result.decisions if decision.topic == "partial")
    counted = re.search(r"(\d+) covariate maps? regressed out", told)
    if counted and int(counted[1]) != len(names):
        # A folder or a pattern stands for several.
        return ["<map>"] * int(counted[1])
    return names


def _zeros_matter(facts: _Facts) -> Iterator[str]:
    sensitivity = facts.result.sensitivity
    count = 0 if sensitivity is None else int(np.count_nonzero(np.isfinite(sensitivity.zeros_matter) & facts.numbered))
    if count:
        yield (f"Reading the zeros of one map the other way would have moved {facts.value} by more than .1, or changed "
               f"its sign, in {_maps(count, 'pair')}.")


def _null(facts: _Facts) -> Iterator[str]:
    null = facts.result.null
    if null == "none":
        return
    told = {"effective": _modified_t_test, "gsm": _modified_t_test, "surrogate": _surrogates,
            "independent": _independent}
    if not facts.n_tests:
        yield "No pair was tested, so there are no p-values."
    elif null in told:
        yield from told[null](facts)
    else:
        yield f"The {_p_values(facts)} came from the null model “{printable(null)}”."


def _p_values(facts: _Facts) -> str:
    return SIDES.get(str(facts.options.get("alternative")), "p-values")


def _freedom(facts: _Facts, n: str) -> str:
    """Say how many degrees of freedom there are; collinear covariates take none."""
    return f"{n} − 2 degrees of freedom{', less 1 for each independent covariate' if _covariates(facts) else ''}"


def _modified_t_test(facts: _Facts) -> Iterator[str]:
    whose = "the ranks of the two maps" if facts.result.method == "spearman" else "the two maps"
    yield (f"To allow for spatial autocorrelation, {_p_values(facts)} came from the modified t-test (Clifford et al., "
           f"1989; Dutilleul, 1993): t = r √(ν/(1 − r²)) with ν = {_freedom(facts, 'n_effective')}.")
    yield ("The number of independent values that r rests on is n_effective = 1 + 1/Var(r), at most n, where Var(r) is "
           "the variance of r between two independent random fields.")
    # With one mask the traces are those of every pair; with many, those of a common mask may stand in.
    mask, counts = facts.result.mask, facts.result.counts[facts.pairs]
    one_mask = mask is not None and bool((counts == np.count_nonzero(mask)).all())
    exact = "exact " if one_mask and not (_covariates(facts) or facts.options.get("weights")) else ""
    yield (f"Var(r) was found from the autocovariances of {whose}, each fitted by {FIT}, and from the {exact}traces of "
           "the demeaned covariance matrices, by fast Fourier transform.")
    robust = facts.result.null == "effective"
    if robust:
        yield "It was corrected for anisotropy, local smoothness and local amplitude as far as both maps share them."
    yield from _effective_range(facts)
    if robust:
        yield f"The null hypothesis is that the two maps are independent random fields; {ANATOMY}."
    else:
        yield ("The null hypothesis is that the two maps are independent, stationary, isotropic random fields; "
               f"{ANATOMY}, and where both are uneven in the same places, p-values are too small.")


def _effective_range(facts: _Facts) -> Iterator[str]:
    values = facts.inferred("n_effective")
    if values.size:
        low, high, middle = (_rounded(float(f(values))) for f in (np.min, np.max, np.median))
        few = int(np.count_nonzero(values < FEW))
        below = f"; in {_maps(few, 'pair')} it was below 10, little to go by" if few and values.size > 1 else ""
        ranged = f"{low} to {high} (median {middle})" if values.size > 1 else low
        yield f"n_effective was {ranged}{below}."


def _surrogates(facts: _Facts) -> Iterator[str]:
    result, options, value = facts.result, facts.options, facts.value
    draws, seed = options.get("n_surrogates"), options.get("seed")
    # Maps that were left out count where the sets are compared in size.
    name = "x" if len(result.x_maps) < len(result.y_maps) else "y"
    n, other = facts.sizes if name == "x" else facts.sizes[::-1]
    whose = "the set" if result.same_set else f"set {name}{', the smaller one,' if n < other else ''}"
    of = "the map's ranks" if result.method == "spearman" else "the map"
    counted = f"{_whole(draws)} draws" if isinstance(draws, int) else "draws"
    seeded = f" (seed {seed})" if isinstance(seed, int) else ""
    yield (f"To allow for spatial autocorrelation, {_p_values(facts)} came from {counted} of surrogate maps{seeded}: "
           f"for each map of {whose} a Gaussian random field was drawn by circulant embedding (Dietrich & Newsam, "
           "1997) and given the map's own values by rank, such that it had the autocovariance of "
           f"{of}, fitted by {FIT}.")
    if n > 1:
        how = "as" if n <= FACTORS else f"as nearly as {FACTORS} common noises allow as"
        yield f"The fields of one draw were correlated with each other {how} the maps of the set are."
    if _covariates(facts):
        yield ("They stood for what the covariates leave of the maps, and the covariates were regressed out of them "
               "again (Freedman & Lane, 1983).")
    far = {"two-sided": "|r| was at least" if value == "r" else f"{value} was at least as far from 0 as",
           "greater": f"{value} was at least", "less": f"{value} was at most"}
    reached = far.get(str(options.get("alternative")), f"{value} was at least as extreme as")
    floor = f", never below 1/{_whole(1 + draws)}" if isinstance(draws, int) else ""
    yield f"With b the number of the N draws in which {reached} that observed, p = (1 + b)/(1 + N){floor}."
    if facts.inferred("n_effective").size:
        yield "The number of independent values that r rests on is n_effective = 1 + 1/mean(r²) over draws, at most n."
        yield from _effective_range(facts)
    yield ("The null hypothesis is that the two maps are independent, the one drawn being a stationary random field; "
           f"{ANATOMY}.")


def _independent(facts: _Facts) -> Iterator[str]:
    weighted = ", n being (Σw)²/Σw² of the weights w" if facts.options.get("weights") else ""
    yield (f"As if all {facts.units} were independent, {_p_values(facts)} came from Student's t with "
           f"{_freedom(facts, 'n')} (Student, 1908){weighted}.")
    yield ("Neighbouring voxels of brain maps repeat each other, so that p is far too small." if facts.result.grid else
           "Where features repeat each other, as neighbouring voxels of brain maps do, p is far too small.")


def _intervals(facts: _Facts) -> Iterator[str]:
    if not (facts.n_tests and facts.inferred("ci_low").size):
        return
    fisher = "Approximate 95\N{NO-BREAK SPACE}% intervals came from Fisher's z (Fisher, 1915) with"
    if facts.result.null == "independent":
        yield f"{fisher} n; they are too narrow for the same reason."
    else:
        yield (f"{fisher} n_effective in place of n, which holds for a true correlation near 0 (Afyouni et al., "
               "2019).")


def _adjusted(facts: _Facts) -> Iterator[str]:
    if facts.n_tests < 2:
        return
    ways = []
    if facts.inferred("p_fdr").size:
        ways.append(f"for the false discovery rate{FDR.get(str(facts.options.get('fdr')), '')}")
    if facts.inferred("p_fwe").size:
        side = facts.options.get("alternative")
        extreme = "most extreme value in the tested direction" if side in ("greater", "less") else (
            "largest |r|" if facts.value == "r" else "largest distance from 0")
        how = "Holm's procedure (Holm, 1979)" if facts.result.null != "surrogate" else (
            f"the {extreme} of all pairs in each draw (Nichols & Holmes, 2002)")
        ways.append(f"for the family-wise error by {how}")
    notes = [note for cell, note in facts.result.notes.items() if facts.numbered[cell]]
    reasons = {"same file": "of one and the same file",
               "too few for the null model": f"with too few {facts.units} in common for it"}
    untested = ""
    for words, why in reasons.items():
        if count := sum(words in note for note in notes):
            untested += f"; {_maps(count, 'pair')} {why} {_was(count)} not tested"
    if ways:
        yield f"The p-values of all {_whole(facts.n_tests)} tests were adjusted {_listed(ways)}{untested}."


def _whole(n: int) -> str:
    return f"{int(n):,}".replace(",", "\N{NO-BREAK SPACE}")


def _rounded(value: float) -> str:
    return f"{value:.1f}" if value < FEW else _whole(round(value))


def _value(value: float) -> str:
    return "NaN" if np.isnan(value) else f"{value:.6g}".replace("inf", "infinity").replace("-", "−")


def _maps(n: int, what: str = "map") -> str:
    return f"1 {what}" if n == 1 else f"{_whole(n)} {what}s"


def _was(n: int) -> str:
    return "was" if n == 1 else "were"


def _file(path: str) -> str:
    return printable(re.split(r"[/\\]", path)[-1])


def _listed(items: Iterable[str]) -> str:
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def _some(names: list[str]) -> str:
    more = len(names) - NAMED
    return _listed([*names[:NAMED], f"{_whole(more)} more"] if more > 0 else names)
