"""What a methods paragraph tells of the maps: which, where, over which voxels, and by what similarity."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from niicorr._version import __version__
from niicorr.numerals import integer, listed, plural
from niicorr.records import NO_OUTLINE
from niicorr.result.methods_facts import (
    COUNT,
    NAMED,
    Facts,
    counted,
    covariates_of,
    file_name,
    some,
    value_text,
    was,
)
from niicorr.tables import printable

MEASURES = {
    "pearson": "Pearson's correlation coefficient r (Pearson, 1895)",
    "spearman": "Spearman's rank correlation coefficient r (Spearman, 1904), equal values sharing their average rank",
    "cosine": "the cosine of the two maps, not centred",
    "concordance": "Lin's concordance correlation coefficient (Lin, 1989)",
    "bicor": "the biweight midcorrelation r (Langfelder & Horvath, 2012)",
    "dice": "the Dice coefficient (Dice, 1945)",
}

ZERO_REASONS = {
    "end abruptly": "whose values end abruptly at them",
    "taper off": "whose values taper off towards them",
    "thresholded": "thresholded",
    "two values": "of two values",
    "one value": "of one value",
}
"""Why zeros were read as they were: words of the decision, and how the paragraph says it."""


def sentences_on_maps(facts: Facts) -> Iterator[str]:
    """Tell what was compared, and how its numbers came about."""
    for part in (_opening, _left_out, _grid, _brought_to_grid, _mask, _background, _zeros, _regions, _common,
                 _undefined, _similarity, _zeros_matter):
        yield from part(facts)


def _opening(facts: Facts) -> Iterator[str]:
    result, (n_x, n_y) = facts.result, facts.sizes
    kind = "map" if result.grid is None else "brain map"
    n_pairs = int(np.count_nonzero(facts.pairs))
    in_all = f", {integer(n_pairs)} pairs in all," if n_pairs > 1 else ""
    if not n_pairs:
        what = "There was no pair of maps to compare"
    elif result.same_set:
        what = f"Each of {integer(n_x)} {kind}s was compared with every other{in_all}"
    else:
        subject = f"Each of {integer(n_x)} {kind}s" if n_x > 1 else f"One {kind}"
        what = f"{subject} (set x) was compared with {f'each of {integer(n_y)}' if n_y > 1 else 'one'} (set y){in_all}"
    yield f"{what} with {software(facts)}."


def software(facts: Facts) -> str:
    """Name niicorr and what the numbers were made with."""
    versions = facts.result.provenance.versions
    wanted = {"python": "Python", "numpy": "NumPy"}
    wanted |= {"scipy": "SciPy"} if facts.n_tests else {}
    wanted |= {"nibabel": "NiBabel"} if facts.result.grid is not None else {}
    others = ", ".join(f"{name} {versions[key]}" for key, name in wanted.items() if key in versions)
    return f"niicorr {versions.get('niicorr', __version__)}{others and f' ({others})'}"


def _left_out(facts: Facts) -> Iterator[str]:
    result = facts.result
    sets = {"": result.x_maps} if result.same_set else {"set x: ": result.x_maps, "set y: ": result.y_maps}
    bad = {name: [printable(record.label) for record in maps if record.error] for name, maps in sets.items()}
    count = sum(map(len, bad.values()))
    if count:
        named = "; ".join(name + some(labels) for name, labels in bad.items() if labels)
        yield f"Of the maps given, {integer(count)} could not be used and {was(count)} left out ({named})."


def _grid(facts: Facts) -> Iterator[str]:
    if facts.result.grid is None:
        return
    what = facts.result.grid.describe().replace("???", "orientation unknown")
    how = facts.decided("grid")
    several = re.match(rf"the maps(?: of set ([xy]))? come on {COUNT} grids; compared on (.+?)( that covers all)?:",
                       how)
    whose = re.match(r"that of the (mask|atlas)|that of (.+) \(--grid\)|"
                     rf"(?:all {COUNT} maps|that of the one map) of set ([xy])\b", how)
    if several:
        which = {"the one that most maps have": "the most common", "the first of them": "the first"}
        yield (f"The maps{f' of set {several[1]}' if several[1] else ''} came on {integer(counted(several[2]))} "
               f"grids and were compared on {which.get(several[3], several[3])}"
               f"{' that covers all maps' if several[4] else ''}: {what}.")
    elif whose:
        of = f"of set {whose[4]}" if whose[4] else f"of {file_name(whose[2])}, as specified" if whose[2] else (
            f"of the {whose[1]}")
        yield f"Maps were compared on the grid {of}: {what}."
    elif re.match(f"all {COUNT} maps are on one grid", how):
        yield f"All maps were on one grid: {what}."
    else:
        yield f"Maps were compared on a grid of {what}."


def _brought_to_grid(facts: Facts) -> Iterator[str]:
    resampled = Counter(text.rpartition(": ")[2] for text in facts.decided_on_maps("resample"))
    if resampled:
        ways = [f"by {re.sub('^averaged', 'averaging', how)}" for how in resampled]
        if len(ways) > 1:
            ways = [f"{way} ({integer(n)})" for way, n in zip(ways, resampled.values(), strict=True)]
        count = resampled.total()
        yield (f"To this grid, {plural(count, 'map')} {was(count)} resampled {listed(ways)}; missing voxels had no "
               "weight, and a voxel was valid where at least half of the weight was.")
    placed = facts.decided_on_maps("grid")
    moved = sum("nothing interpolated" in text for text in placed)
    if moved:
        yield (f"Without interpolation, {plural(moved, 'map')} {was(moved)} brought to it by reordering axes or by "
               "whole voxels.")
    blind = sum("no orientation" in text for text in placed)
    if blind:
        header = "header tells" if blind == 1 else "headers tell"
        yield (f"Voxels of {plural(blind, 'map')} whose {header} no orientation were matched by their place in the "
               "array.")


def _mask(facts: Facts) -> Iterator[str]:
    mask, grid = facts.result.mask, facts.result.grid
    if mask is None or grid is None:
        return
    held, of = int(np.count_nonzero(mask)), grid.size
    narrowed = next((match for decision in facts.result.decisions if (match := re.match(
        f"{COUNT} of the mask's {COUNT} voxels do(?:es)? not count: (?:its|their) (.+)", decision.text))), None)
    left, held = held, counted(narrowed[2]) if narrowed else held
    voxels = f"all {integer(of)} voxels of the grid" if held == of else (
        f"{integer(held)} of the grid's {integer(of)} voxels")
    how = facts.decided("mask")
    half = re.search(rf"inside at least half of (?:the {COUNT} of {COUNT} maps that|(.+)$)", how)
    given = re.match(rf"as given: (.+) \({COUNT} voxels?\)", how)
    if half and half[1]:
        yield (f"The mask held {voxels}: those inside at least half of the {integer(counted(half[1]))} maps (of "
               f"{integer(counted(half[2]))}) that show an outline.")
    elif half:
        inside = "the map" if half[3] == "the one map" else f"at least half of {half[3]}"
        yield f"The mask held {voxels}: those inside {inside}."
    elif given:
        brought = ", brought to the grid by nearest neighbour" if "nearest voxel" in how else ""
        yield f"The mask was given ({file_name(given[1])}{brought}) and held {voxels}."
    elif how.startswith("that of the atlas"):
        yield f"The {integer(held)} voxels of the atlas's regions could count."
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
        of_these = counted(narrowed[1])
        yield (f"Of these, {integer(of_these)} did not count because {'its' if of_these == 1 else 'their'} {why}, "
               f"which left {integer(left)}.")


def _regions(facts: Facts) -> Iterator[str]:
    regions = facts.result.parcellation
    if regions is None:
        return
    lost = int(np.count_nonzero(regions.n_voxels == 0))
    without = f" ({integer(lost)} of which hold no voxel on this grid)" if lost else ""
    yield (f"Each map was averaged over the {integer(len(regions.regions))} regions of the atlas "
           f"{file_name(regions.path)}{without}, over the voxels in which it had data.")
    least = facts.options.get("min_coverage")
    share = 0.5 if least is None else float(least)
    yield f"A region was missing for a map that covered less than {share * 100:g}\N{NO-BREAK SPACE}% of it."


def _background(facts: Facts) -> Iterator[str]:
    values = [record.background for record in facts.maps if record.background is not None]
    texts = facts.decided_on_maps("background")
    if texts and "--background none" in texts[0]:
        yield "No background value was looked for."
    elif texts and texts[0].endswith("(--background)"):
        yield f"The value {listed(dict.fromkeys(map(value_text, values)))} was specified as background."
    elif texts and values:
        found = Counter(map(value_text, values)).most_common()
        told = listed([f"{value} in {plural(n, 'map')}" for value, n in found]) if len(found) <= NAMED else (
            f"{integer(len(found))} different values in {plural(len(values), 'map')}")
        none = len(texts) - len(values)
        without = f"; {plural(none, 'map')} had none" if none else ""
        yield ("The background of a map was taken to be the most common value on the faces of its volume, if at least "
               f"a quarter of these and a tenth of the volume held it: {told}{without}.")
    elif texts:
        yield "No map had a background, a value held by a quarter of the faces and a tenth of the volume."
    coded = any(value != 0 and np.isfinite(value) for value in values)
    not_finite = sum(any(d.topic == "missing" for d in m.decisions) or not np.isfinite(m.background or 0)
                     for m in facts.maps)
    these = f"NaN and infinite values (in {plural(not_finite, 'map')})"
    if coded:
        yield f"Voxels of a background other than 0 were missing{f', and so were {these}' if not_finite else ''}."
    elif not_finite:
        yield f"{these} were missing."


def _zeros(facts: Facts) -> Iterator[str]:
    texts = facts.decided_on_maps("zeros")
    read: dict[str, Counter[str]] = {}
    for text in texts:
        match = re.search(r"zeros? (?:is|are) (data|missing)\b(.*)", text)
        if match:
            reason = next((said for words, said in ZERO_REASONS.items() if words in match[2]), "")
            read.setdefault(match[1], Counter())[reason] += 1
    if not read:
        return
    if "(--" in texts[0]:
        why = "0 being the background specified" if "--background" in texts[0] else "as specified"
        yield f"Exact zeros, found in {plural(len(texts), 'map')}, counted as {next(iter(read))}, {why}."
        return
    told = [f"as {reading} in {plural(why.total(), 'map')}{_because(why)}" for reading, why in sorted(read.items())]
    yield f"Exact zeros counted {listed(told)}."


def _because(reasons: Counter[str]) -> str:
    known = [(reason, n) for reason, n in reasons.most_common() if reason]
    if len(known) == len(reasons) == 1:
        return f" ({known[0][0]})"
    return f" ({', '.join(f'{integer(n)} {reason}' for reason, n in known)})" if known else ""


def _common(facts: Facts) -> Iterator[str]:
    counts = facts.result.counts[facts.numbered]
    if counts.size:
        low, high = int(counts.min()), int(counts.max())
        n = f"n = {integer(low)}" if low == high else f"n from {integer(low)} to {integer(high)}"
        each = "Each pair" if np.count_nonzero(facts.pairs) > 1 else "The pair"
        yield f"{each} was compared over the {facts.units} valid in both maps ({n} {facts.units})."


def _undefined(facts: Facts) -> Iterator[str]:
    empty = facts.pairs & ~facts.numbered
    count = int(np.count_nonzero(empty))
    if count:
        few, constant, below = (
            int(np.count_nonzero(facts.result.remarks.saying(words) & empty))
            for words in ("fewer than 3 common", "constant over", "neither map exceeds the threshold"))
        told = [f"{integer(few)} with fewer than 3 {facts.units} in common"] * bool(few)
        told += [f"{integer(constant)} with a map constant over them"] * bool(constant)
        told += [f"{integer(below)} with no value above the threshold in either map"] * bool(below)
        yield f"No value exists for {plural(count, 'pair')}{f' ({listed(told)})' if told else ''}."


def _similarity(facts: Facts) -> Iterator[str]:
    method, options = facts.result.method, facts.options
    text = f"Similarity was measured by {MEASURES.get(method, f'the method “{printable(method)}”')}"
    threshold, weights, covariates = options.get("threshold"), options.get("weights"), covariates_of(facts)
    if method == "dice" and isinstance(threshold, int | float):
        text += f" of the {facts.units} whose absolute value exceeds {value_text(threshold)}"
    if weights:
        # A map given in memory is recorded by its type alone, such as <Nifti1Image>.
        named = "" if str(weights).startswith("<") else f" ({file_name(str(weights))})"
        text += f", with {facts.units} weighted by a map of weights{named}"
    if covariates:
        n, ranked = len(covariates), ", all as ranks," if method == "spearman" else ""
        known = [file_name(name) for name in covariates if not name.startswith("<")]
        named = f" ({some(known)})" if len(known) == n else ""
        what = "a covariate map" if n == 1 else f"{integer(n)} covariate maps"
        if isinstance(options.get("partial"), str) and n == 1 and not known:
            what = "covariate maps"  # a list recorded by its type, such as <list>, tells no number
        text += f", after {what}{named} had been regressed{ranked} out of both maps of each pair"
    yield f"{text}."
    if "each map's own voxels" in facts.decided("method"):
        what = "ranks" if method == "spearman" else "transforms"
        yield f"Where two maps had data in different voxels, {what} were those over each map's own."
    flat = sum("at least half of its values are equal" in text for text in facts.decided_on_maps("method"))
    if flat:
        yield (f"At least half of the values are equal in {plural(flat, 'map')}, whose deviations from the mean were "
               "taken, as in Pearson's r.")


def _zeros_matter(facts: Facts) -> Iterator[str]:
    sensitivity = facts.result.sensitivity
    count = 0 if sensitivity is None else int(np.count_nonzero(np.isfinite(sensitivity.zeros_matter) & facts.numbered))
    if count:
        yield (f"Reading the zeros of one map the other way would have moved {facts.value} by more than .1, or changed "
               f"its sign, in {plural(count, 'pair')}.")
