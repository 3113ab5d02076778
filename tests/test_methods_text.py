"""The methods paragraph: every fact of the result, the references it cites, and nothing else."""

from __future__ import annotations

import dataclasses
import re
import warnings
from itertools import product
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import niicorr as nc
from niicorr._version import __version__
from niicorr.images.inspect import FACE_SHARE, VOLUME_SHARE
from niicorr.images.resample import VALID_WEIGHT
from niicorr.nulls.surrogate import FACTORS as drawn_factors
from niicorr.nulls.traces import GAUSSIANS
from niicorr.records import Decision, MapRecord, Provenance
from niicorr.result import CorrelationResult, Sensitivity
from niicorr.result.citations import REFERENCES
from niicorr.result.methods import Methods, methods
from niicorr.result.methods_nulls import FACTORS
from niicorr.space import Grid
from niicorr.typing import Alternative
from strategies import MODEST, seeds

METHODS = ("pearson", "spearman", "cosine", "concordance", "bicor", "dice")
NULLS = ("none", "effective", "gsm", "surrogate", "independent")
"""Of voxels; regions have two more."""
SIDES = get_args(Alternative)
GRID = Grid((30, 40, 30), np.diag([3.0, 3, 3, 1]))
VERSIONS = {"niicorr": "9.8.7", "python": "3.99.1", "numpy": "2.77", "scipy": "1.66", "nibabel": "5.55"}
OPTIONS = {"fdr": "bh", "alternative": "two-sided", "n_surrogates": 1000, "seed": 17}
INFERRED = ("n_effective", "ci_low", "ci_high", "p", "p_fdr", "p_fwe")

BY_METHOD = {"pearson": "Pearson K (1895)", "spearman": "Spearman C (1904)", "concordance": "Lin LI (1989)",
             "bicor": "Langfelder P", "dice": "Dice LR (1945)"}
T_TEST = {"Clifford P", "Dutilleul P", "Schoenberg IJ", "Holm S"}
BY_NULL = {"none": set(), "effective": T_TEST, "gsm": T_TEST, "independent": {"Student (1908)", "Holm S"},
           "surrogate": {"Schoenberg IJ", "Dietrich CR", "Nichols TE"}}


def maps(*labels, **fields):
    return tuple(MapRecord(label=label, path=f"{label}.nii", **fields) for label in labels)


def made(rows=3, columns=5, method="pearson", null="effective", seed=0, options=None, **fields):
    """A result with every column filled, on a grid with a mask."""
    rng = np.random.default_rng(seed)
    shape = (rows, columns)
    p = rng.uniform(0.001, 1, shape)
    inferred = {"n_effective": rng.uniform(53, 1633, shape), "ci_low": -p, "ci_high": p, "p": p, "p_fdr": p,
                "p_fwe": p}
    mask = np.zeros(GRID.shape, dtype=bool)
    mask.reshape(-1)[:27_965] = True
    fields = {"x_maps": maps(*(f"x{j}" for j in range(columns))), "y_maps": maps(*(f"y{i}" for i in range(rows))),
              "grid": GRID, "mask": mask, "inferred": {} if null == "none" else inferred,
              "provenance": Provenance({**OPTIONS, **(options or {})}, None, VERSIONS), **fields}
    if fields.get("same_set"):
        fields["y_maps"] = fields["x_maps"]
    return CorrelationResult(rng.uniform(-1, 1, shape), np.full(shape, 27_965), method=method, null=null, **fields)


def text(result):
    """The paragraph with ordinary spaces."""
    return methods(result).text.replace("\N{NO-BREAK SPACE}", " ")


def without(result, *names):
    return result.replace(inferred={k: v for k, v in result.inferred.items() if k not in names})


def deciding(*decisions):
    return tuple(Decision(topic, words) for topic, words in decisions)


def cited(words):
    """Every citation in the text, by its brackets."""
    inside = "; ".join(re.findall(r"\(([^()]*\b(?:18|19|20)\d\d)\b[^()]*\)", words))
    return set(re.findall(r"[A-Z][A-Za-z& .]+?, (?:18|19|20)\d\d", inside))


# --- references ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "null", "side", "same_set"), list(product(METHODS, NULLS, SIDES, (False, True))))
def test_right_references_and_no_others(method, null, side, same_set):
    result = made(4, 4, method, null, options={"alternative": side}, same_set=same_set)
    found = methods(result)
    expected = {BY_METHOD[method]} if method in BY_METHOD else set()
    expected |= BY_NULL[null]
    if null != "none":
        expected |= {"Fisher RA", "Benjamini Y & Hochberg"}
    if null in ("effective", "gsm", "surrogate"):
        expected |= {"Afyouni S"}
    assert {next(e for e in expected if full.startswith(e)) for full in found.references} == expected
    assert len(found.references) == len(expected)
    assert cited(found.text) == {words for words, full in REFERENCES.items() if full in found.references}
    assert "nan" not in str(found)
    assert "None" not in str(found)
    assert not re.search(r"  |\( |\.\.|,,|,\.| ,|\(\)| \.", found.text)
    assert found.text.count("(") == found.text.count(")")
    assert "\n" not in found.text


def test_list_is_alphabetical_and_each_entry_tells_where_to_find_it():
    assert list(REFERENCES) == sorted(REFERENCES)
    for words, full in REFERENCES.items():
        author, year = re.match(r"(\w+).*, (\d{4})$", words).groups()
        assert full.startswith(author)
        assert f"({year})" in full
        assert re.search(r"doi:10\.\d{4,}/\S+[^.]$|https://www\.jstor\.org/stable/\d+$", full)


@pytest.mark.parametrize(("fdr", "present", "absent"), [
    ("bh", "Benjamini Y & Hochberg", "Yekutieli"), ("by", "Benjamini Y & Yekutieli", "Hochberg")])
def test_false_discovery_rate_by_the_procedure_used(fdr, present, absent):
    found = str(methods(made(options={"fdr": fdr})))
    assert present in found
    assert absent not in found


def test_full_form_is_paragraph_then_references():
    found = methods(made())
    assert str(found).split("\n") == [found.text, "", "References", *found.references]
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.text = ""
    assert str(Methods("a", ("b", "c"))) == "a\n\nReferences\nb\nc"


# --- how many, with what --------------------------------------------------------------------------


def test_maps_pairs_and_software():
    words = text(made())
    assert words.startswith("Each of 5 brain maps (set x) was compared with each of 3 (set y), 15 pairs in all, with "
                            "niicorr 9.8.7 (Python 3.99.1, NumPy 2.77, SciPy 1.66, NiBabel 5.55).")


def test_set_with_itself():
    words = text(made(4, 4, same_set=True))
    assert words.startswith("Each of 4 brain maps was compared with every other, 6 pairs in all, with")
    assert "all 6 tests" in words
    assert "set x" not in words


def test_large_numbers_are_grouped_by_spaces_that_do_not_break():
    assert "n = 27\N{NO-BREAK SPACE}965 voxels" in methods(made()).text


def test_version_of_the_program_where_none_is_recorded():
    words = text(made(null="none", provenance=Provenance()))
    assert f"with niicorr {__version__}. " in words


def test_one_map_with_one():
    words = text(made(1, 1))
    assert words.startswith("One brain map (set x) was compared with one (set y) with niicorr")
    assert "The pair was compared over the voxels valid in both maps" in words
    assert "adjusted" not in words


@pytest.mark.parametrize(("rows", "columns", "same_set"), [(0, 0, False), (0, 3, False), (1, 1, True), (0, 0, True)])
def test_no_pair_at_all(rows, columns, same_set):
    words = text(made(rows, columns, same_set=same_set))
    assert words.startswith("There was no pair of maps to compare with niicorr")
    assert "Each" not in words


def test_arrays_have_features_and_no_brain():
    words = text(made(grid=None, mask=None, null="independent"))
    assert "n = 27 965 features" in words
    assert "the features valid in both maps" in words
    assert "Where features repeat each other, as neighbouring voxels of brain maps do, p is far too small." in words
    assert not re.search("voxels valid|mask|grid|NiBabel|of 5 brain maps", words)


def test_skipped_maps_are_named_and_not_counted():
    bad = maps("a\n", "b", "c", "d", "e", "f", "g", error="broken")
    result = made(3, 12, x_maps=(*maps(*"12345"), *bad), y_maps=(*maps("u", "v"), *maps("w", error="broken")))
    words = text(result)
    assert words.startswith("Each of 5 brain maps (set x) was compared with each of 2 (set y), 10 pairs in all")
    assert ("Of the maps given, 8 could not be used and were left out (set x: a\\n, b, c, d, e and 2 more; set y: w)."
            in words)
    assert "all 10 tests" in words


def test_one_name_too_many_is_counted():
    words = text(made(1, 7, x_maps=(*maps("z"), *maps(*"abcdef", error="broken"))))
    assert "6 could not be used and were left out (set x: a, b, c, d, e and 1 more)." in words


def test_nobody_is_left_out_where_none_was():
    assert "left out" not in text(made())


def test_pairs_without_a_number_tell_why():
    result = made(notes={(0, 0): "fewer than 3 common voxels (n = 0)", (1, 1): "x constant over the common voxels",
                         (2, 2): "x constant over the common voxels", (0, 1): "low overlap: 9 of the 99 voxels"})
    for cell in ((0, 0), (1, 1), (2, 2)):
        result.estimate[cell] = np.nan
        result.counts[cell] = 0
    words = text(result)
    assert "No value exists for 3 pairs (1 with fewer than 3 voxels in common and 2 with a map constant over them)." \
        in words
    assert "n = 27 965 voxels" in words


def test_dice_without_any_value_above_the_threshold():
    result = made(method="dice", notes={(0, 0): "neither map exceeds the threshold 3 in any common voxel"})
    result.estimate[0, 0] = np.nan
    assert "No value exists for 1 pair (1 with no value above the threshold in either map)." in text(result)


def test_empty_pairs_of_a_set_count_once_and_those_of_skipped_maps_not_at_all():
    few = "fewer than 3 common voxels (n = 0)"
    every = {(i, j): few for i in range(4) for j in range(4)}
    result = made(4, 4, same_set=True, notes=every, x_maps=(*maps("a", "b", "c"), *maps("d", error="broken")))
    result.estimate[:] = np.nan
    assert "No value exists for 3 pairs (3 with fewer than 3 voxels in common)." in text(result)


def test_range_of_n():
    result = made()
    result.counts[0, 0] = 1_234
    assert "(n from 1 234 to 27 965 voxels)" in text(result)


# --- grid and mask --------------------------------------------------------------------------------

WHAT = "30×40×30 voxels of 3×3×3 mm, RAS"


def spaced(decision):
    """The decision as it is written today, digits in threes; older results have it without spaces."""
    return re.sub(r"\d{4,}", lambda found: f"{int(found[0]):,}".replace(",", "\N{NO-BREAK SPACE}"), decision)


@pytest.mark.parametrize(("decision", "words"), [
    (f"all 8 maps are on one grid: {WHAT}", f"All maps were on one grid: {WHAT}."),
    (f"the maps come on 3 grids; compared on the coarsest: {WHAT}, as a has it",
     f"The maps came on 3 grids and were compared on the coarsest: {WHAT}."),
    (f"the maps of set x come on 2 grids; compared on the one that most maps have that covers all: {WHAT}, as a has it",
     f"The maps of set x came on 2 grids and were compared on the most common that covers all maps: {WHAT}."),
    (f"the maps come on 2 grids; compared on the first of them: {WHAT}, as a has it",
     f"The maps came on 2 grids and were compared on the first: {WHAT}."),
    (f"that of the mask: {WHAT}", f"Maps were compared on the grid of the mask: {WHAT}."),
    (f"that of /home/me/my (1).nii (--grid): {WHAT}",
     f"Maps were compared on the grid of my (1).nii, as specified: {WHAT}."),
    (f"all 3 maps of set y are on one grid: {WHAT}", f"Maps were compared on the grid of set y: {WHAT}."),
    (f"all 3000 maps of set x are on one grid: {WHAT}", f"Maps were compared on the grid of set x: {WHAT}."),
    (f"all 3000 maps are on one grid: {WHAT}", f"All maps were on one grid: {WHAT}."),
    (f"the maps come on 1200 grids; compared on the coarsest: {WHAT}, as a has it",
     f"The maps came on 1 200 grids and were compared on the coarsest: {WHAT}."),
    (f"that of the one map of set x: {WHAT}", f"Maps were compared on the grid of set x: {WHAT}."),
    ("something new", f"Maps were compared on a grid of {WHAT}."),
])
def test_grid(decision, words):
    for told in (decision, spaced(decision)):
        result = made(provenance=Provenance({}, None, {}, (Decision("grid", told),)))
        assert words in text(result)
        assert "/home" not in text(result)


def test_grid_without_orientation():
    words = text(made(grid=Grid(GRID.shape, GRID.affine, known=False)))
    assert "30×40×30 voxels of 3×3×3 mm, orientation unknown" in words
    assert "?" not in words


HELD = "27 965 of the grid's 36 000 voxels"


@pytest.mark.parametrize(("decision", "words"), [
    ("27965 of 36000 voxels: inside at least half of all 8 maps",
     f"The mask held {HELD}: those inside at least half of all 8 maps."),
    ("27965 of 36000 voxels: inside at least half of the 6 of 8 maps that show an outline",
     f"The mask held {HELD}: those inside at least half of the 6 maps (of 8) that show an outline."),
    ("27965 of 36000 voxels: inside at least half of the 6000 of 8000 maps that show an outline",
     f"The mask held {HELD}: those inside at least half of the 6 000 maps (of 8 000) that show an outline."),
    ("as given: my.nii (1 voxel)", f"The mask was given (my.nii) and held {HELD}."),
    ("27965 of 36000 voxels: inside at least half of the one map", f"The mask held {HELD}: those inside the map."),
    ("as given: C:\\data\\my (2).nii (27965 voxels)", f"The mask was given (my (2).nii) and held {HELD}."),
    ("as given: a/m.nii (999 voxels); brought to the grid (nearest voxel): 27965 voxels",
     f"The mask was given (m.nii, brought to the grid by nearest neighbour) and held {HELD}."),
    ("MNI152 brain mask (nilearn's): 27965 voxels", f"The mask was the MNI152 brain mask of nilearn 0.9: {HELD}."),
    ("no map shows an outline; headers say MNI152, so its brain mask is used: 27965 voxels",
     f"The mask was the MNI152 brain mask of nilearn 0.9: {HELD}."),
    ("something new", f"The mask held {HELD}."),
])
def test_mask(decision, words):
    for told in (decision, spaced(decision)):
        result = made(provenance=Provenance({}, None, {"nilearn": "0.9"}, (Decision("mask", told),)))
        assert words in text(result)


@pytest.mark.parametrize(("decision", "words"), [
    ("all 36000 voxels of the grid may count (--mask none)", "No mask was applied: all 36 000 voxels of the grid"),
    ("all 36000 voxels of the grid: no map shows an outline",
     "As no map showed an outline, all 36 000 voxels of the grid counted, also those outside the brain."),
])
def test_whole_grid(decision, words):
    whole = np.ones(GRID.shape, dtype=bool)
    assert words in text(made(mask=whole, provenance=Provenance({}, None, {}, (Decision("mask", decision),))))


@pytest.mark.parametrize("written", [str, spaced])
def test_weights_and_covariates_narrow_the_mask(written):
    decisions = deciding(("mask", written("30000 of 36000 voxels: inside at least half of all 8 maps")),
                         ("partial", "covariates: a, b"),
                         ("partial", written("2035 of the mask's 30000 voxels do not count: their weight is 0 or "
                                             "covariates are missing")))
    words = text(made(provenance=Provenance({}, None, {}, decisions)))
    assert "The mask held 30 000 of the grid's 36 000 voxels: those inside at least half of all 8 maps. Of" in words
    assert ("Of these, 2 035 did not count because their weight was 0 or covariates were missing, which left 27 965."
            in words)


def test_one_voxel_that_does_not_count():
    told = deciding(("weights", spaced("1 of the mask's 27966 voxels does not count: its weight is 0 or missing")))
    words = text(made(provenance=Provenance({}, None, {}, told)))
    assert "Of these, 1 did not count because its weight was 0 or missing, which left 27 965." in words


def test_one_zero():
    x = tuple(MapRecord("m", "", decisions=deciding(("zeros", f"in the volume, 1 zero is {why}"))) for why in (ABRUPT,))
    assert "Exact zeros counted as missing in 1 map" in text(made(1, 1, x_maps=x, y_maps=maps("y")))


def test_resampled_and_rearranged_maps_are_counted():
    x = (*maps("a", "b", decisions=deciding(("resample", "resampled from 2×2×2 to 3×3×3 mm: linear interpolation"))),
         *maps("c", decisions=deciding(
             ("resample", "resampled from 1×1×1 to 3×3×3 mm: averaged over the larger voxels"))),
         *maps("d", decisions=deciding(
             ("grid", "reordered exactly (LAS to RAS) by whole voxels, nothing interpolated"))),
         *maps("e", decisions=deciding(("grid", "no orientation in the header: taken voxel by voxel, by its shape"))),
         *maps("f", decisions=deciding(("resample", "resampled from 2×2×2 to 3×3×3 mm: x")), error="broken"))
    words = text(made(3, 6, x_maps=x))
    assert ("To this grid, 3 maps were resampled by linear interpolation (2) and by averaging over the larger voxels "
            "(1); missing voxels had no weight, and a voxel was valid where at least half of the weight was.") in words
    assert "Without interpolation, 1 map was brought to it" in words
    assert "Voxels of 1 map whose header tells no orientation were matched by their place in the array." in words
    assert not re.search("resampled|interpolation|no orientation", text(made()))


# --- missing data ---------------------------------------------------------------------------------


def found(*values):
    return tuple(MapRecord(f"m{k}", "", background=value, decisions=deciding(
        ("background", "none found: no value …" if value is None else f"{value} in 60% of the volume")))
        for k, value in enumerate(values))


def test_backgrounds_are_counted():
    words = text(made(1, 5, x_maps=found(-1.0, -1.0, 0.0, float("nan"), None), y_maps=maps("y")))
    assert "a tenth of the volume held it: −1 in 2 maps, 0 in 1 map and NaN in 1 map; 1 map had none." in words
    assert ("Voxels of a background other than 0 were missing, and so were NaN and infinite values (in 1 map)."
            in words)


def test_many_backgrounds_are_counted_not_listed():
    words = text(made(1, 7, x_maps=found(*np.linspace(-7.0, -1.0, 7)), y_maps=maps("y")))
    assert "held it: 7 different values in 7 maps. Voxels of a background other than 0 were missing." in words


def test_background_of_zero_is_not_called_missing():
    words = text(made(1, 2, x_maps=found(0.0, 0.0), y_maps=maps("y")))
    assert "held it: 0 in 2 maps." in words
    assert "missing" not in words


@pytest.mark.parametrize(("decision", "value", "words"), [
    ("none looked for (--background none)", None, "No background value was looked for."),
    ("-999 in 60% of the volume (--background)", -999.0, "The value −999 was specified as background."),
    ("none found: no value fills a quarter of the faces and a tenth of the volume", None, "No map had a background"),
])
def test_background_as_it_was_asked_for(decision, value, words):
    x = maps("a", "b", background=value, decisions=deciding(("background", decision)))
    result = text(made(1, 2, x_maps=x, y_maps=maps("y")))
    assert words in result
    assert "most common value" not in result


def test_values_that_are_not_finite_are_counted():
    x = (*maps("a", decisions=deciding(("missing", "9 voxels are NaN or infinite: missing"))), *maps("b"))
    assert "NaN and infinite values (in 1 map) were missing." in text(made(1, 2, x_maps=x, y_maps=maps("y")))


def zero(*whys):
    return tuple(MapRecord(f"m{k}", "", decisions=deciding(("zeros", f"in the volume, 9 zeros are {why}")))
                 for k, why in enumerate(whys))


ABRUPT = "missing: values end abruptly there (edge 0.98, floor 0.01)"
TAPER = "data: values taper off towards them (edge 0.20, floor 0.01)"
CUT = "data: the map is thresholded (edge 0.98, floor 0.41)"


@pytest.mark.parametrize(("whys", "words"), [
    ((ABRUPT, ABRUPT), "Exact zeros counted as missing in 2 maps (whose values end abruptly at them)."),
    ((ABRUPT, TAPER, CUT, CUT), "Exact zeros counted as data in 3 maps (2 thresholded, 1 whose values taper off "
     "towards them) and as missing in 1 map (whose values end abruptly at them)."),
    (("data: the map has two values",), "Exact zeros counted as data in 1 map (of two values)."),
    (("data: a reason of another version", TAPER),
     "Exact zeros counted as data in 2 maps (1 whose values taper off towards them)."),
    (("data: a reason of another version",), "Exact zeros counted as data in 1 map."),
    (("data (--zeros data)",) * 2, "Exact zeros, found in 2 maps, counted as data, as specified."),
    (("missing (--background 0)",),
     "Exact zeros, found in 1 map, counted as missing, 0 being the background specified."),
])
def test_zeros(whys, words):
    assert words in text(made(1, len(whys), x_maps=zero(*whys), y_maps=maps("y")))


def test_zeros_of_maps_that_were_left_out_are_not_counted():
    x = (*zero(ABRUPT), dataclasses.replace(zero(ABRUPT)[0], label="bad", error="broken"))
    assert "as missing in 1 map (" in text(made(1, 2, x_maps=x, y_maps=maps("y")))


def test_other_reading_of_zeros():
    other = np.full((3, 5), np.nan)
    other[1, 2] = 0.3
    words = text(made(sensitivity=Sensitivity(other, 1, other)))
    assert "would have moved r by more than .1, or changed its sign, in 1 pair." in words
    square = np.full((3, 3), 0.3)
    same = made(3, 3, "dice", same_set=True, sensitivity=Sensitivity(square, 1, square))
    assert "would have moved the similarity by more than .1, or changed its sign, in 3 pairs." in text(same)
    assert "moved" not in text(made(sensitivity=Sensitivity(other, 1, np.full((3, 5), np.nan))))


def test_numbers_of_the_rules_are_those_of_the_program():
    assert (FACE_SHARE, VOLUME_SHARE, VALID_WEIGHT, GAUSSIANS) == (0.25, 0.1, 0.5, 15)


# --- similarity -----------------------------------------------------------------------------------


def test_weights_covariates_and_threshold_only_where_there_are_any():
    plain = text(made(method="spearman"))
    assert not re.search("weight|covariate|exceeds|Freedman", plain)
    words = text(made(method="spearman", options={"weights": "/a/gm.nii.gz", "partial": ["b/grey.nii", "age.nii"],
                                                  "threshold": 2.5}))
    assert "with voxels weighted by a map of weights (gm.nii.gz)" in words
    assert "after 2 covariate maps (grey.nii and age.nii) had been regressed, all as ranks, out of both maps" in words
    assert "n_effective − 2 degrees of freedom, less 1 for each independent covariate" in words
    assert "exceeds" not in words
    assert "exact traces" in plain
    assert "exact traces" not in words


def test_threshold_of_dice():
    assert "Dice coefficient (Dice, 1945) of the voxels whose absolute value exceeds 2.5." in text(
        made(method="dice", options={"threshold": 2.5}))
    assert "exceeds" not in text(made(method="dice"))


@pytest.mark.parametrize(("partial", "words"), [
    ("a/one.nii", "after a covariate map (one.nii) had been"), (["<Nifti1Image>"], "after a covariate map had been"),
    (["<Nifti1Image>", "b.nii"], "after 2 covariate maps had been"), ("<list>", "after covariate maps had been")])
def test_covariates_given_in_memory(partial, words):
    assert words in text(made(options={"partial": partial}))


def test_names_of_files_are_made_printable():
    words = text(made(options={"weights": "a/b\x1b[31m.nii", "partial": ["c\n.nii"]}))
    assert "(b\\x1b[31m.nii)" in words
    assert "(c\\n.nii)" in words


def test_weights_given_in_memory():
    assert "weighted by a map of weights." in text(made(options={"weights": "<Nifti1Image>"}))


def test_covariates_with_surrogates_cite_their_method():
    assert "Freedman" in str(methods(made(null="surrogate", options={"partial": ["a.nii"]})))
    assert "Freedman" not in str(methods(made(null="surrogate")))
    assert "Freedman" not in str(methods(made(options={"partial": ["a.nii"]})))


def test_what_the_method_could_not_do_everywhere():
    own = deciding(("method", "ranks were taken over each map's own voxels, not anew for each pair, in 8 cells …"))
    words = text(made(method="spearman", provenance=Provenance({}, None, {}, own)))
    assert "Where two maps had data in different voxels, ranks were those over each map's own." in words
    flat = maps("a", "b", decisions=deciding(("method", "at least half of its values are equal: for bicor its …")))
    words = text(made(1, 2, method="bicor", x_maps=flat))
    assert "At least half of the values are equal in 2 maps, whose deviations from the mean were taken" in words
    assert not re.search("each map's own|half of the values", text(made(method="bicor")))


def test_weighted_voxels_taken_for_independent():
    assert "n being (Σw)²/Σw² of the weights w" in text(made(null="independent", options={"weights": "w.nii"}))
    assert "Σ" not in text(made(null="independent"))


def test_unknown_methods_and_nulls_are_named():
    words = text(made(method="mutual", null="spin"))
    assert "by the method “mutual”" in words
    assert "two-sided p-values came from the null model “spin”." in words


# --- inference ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_without_a_null_model_nothing_is_said_of_chance(method):
    words = text(made(method=method, null="none"))
    assert not re.search(r"\bp\b|p-value|null|interval|n_effective|adjusted|SciPy|test", words)
    assert text(made(method=method, null="none", inferred=made().inferred)) == words


@pytest.mark.parametrize(("null", "says", "not_says"), [
    ("effective", ["modified t-test", "corrected for anisotropy, local smoothness and local amplitude",
                   "a nugget and 15 Gaussians", "anatomy that both follow is a true correlation"],
     ["stationary", "surrogate", "too small", "1 000"]),
    ("gsm", ["modified t-test", "independent, stationary, isotropic random fields", "p-values are too small",
             "anatomy that both follow is a true correlation"], ["corrected for", "surrogate"]),
    ("surrogate", ["1 000 draws of surrogate maps (seed 17)", "the autocovariance of the map, fitted by",
                   "never below 1/1 001", "|r| was at least", "largest |r| of all pairs",
                   "n_effective = 1 + 1/mean(r²) over draws, at most n. n_effective was",
                   "anatomy that both follow is a true correlation"],
     ["modified t-test", "Holm's", "degrees of freedom", "corrected for"]),
    ("moran", ["1 000 draws of surrogate maps (seed 17)", "Moran spectral randomisation", "never below 1/1 001",
               "the larger of the two p-values", "largest |r| of all pairs"],
     ["modified t-test", "Holm's", "variogram"]),
    ("variogram", ["variogram follows that of the map", "the larger of the two p-values"], ["Moran", "Holm's"]),
    ("independent", ["Student's t with n − 2 degrees of freedom", "As if all voxels were independent",
                     "p is far too small", "too narrow"], ["n_effective", "anatomy", "surrogate", "Gaussians"]),
])
def test_null_models(null, says, not_says):
    words = text(made(null=null))
    assert [s for s in says if s not in words] == []
    assert [s for s in not_says if s in words] == []


def test_surrogates_of_regions_have_their_references():
    for null, author in (("moran", "Wagner HH"), ("variogram", "Burt JB")):
        cited = " ".join(methods(made(null=null)).references)
        assert author in cited
        assert "Nichols TE" in cited
        assert "Dietrich" not in cited
        assert "Holm S" not in cited


@pytest.mark.parametrize("null", NULLS[1:])
def test_sides(null):
    said = {side: text(made(null=null, options={"alternative": side})) for side in SIDES}
    assert "two-sided p-values came" in said["two-sided"]
    assert "one-sided p-values (for positive values) came" in said["greater"]
    assert "one-sided p-values (for negative values) came" in said["less"]
    assert not re.search("sided", text(made(null=null, provenance=Provenance())))


def test_sides_of_surrogates():
    for method, value in (("bicor", "r"), ("cosine", "the similarity")):
        for side, how in (("greater", "at least"), ("less", "at most")):
            words = text(made(method=method, null="surrogate", options={"alternative": side}))
            assert f"in which {value} was {how} that observed" in words
            assert "most extreme value in the tested direction of all pairs" in words
    words = text(made(method="dice", null="surrogate"))
    assert "the similarity was at least as far from 0 as that observed" in words
    assert "by the largest distance from 0 of all pairs in each draw" in words


def test_ranks_have_the_autocovariance():
    assert "autocovariances of the ranks of the two maps" in text(made(method="spearman"))
    assert "autocovariances of the two maps" in text(made(method="pearson"))


    assert "autocovariance of the map's ranks, fitted" in text(made(method="spearman", null="surrogate"))


def test_fields_of_one_draw_are_as_correlated_as_their_noises_allow():
    assert "with each other as the maps of the set are" in text(made(8, 9, null="surrogate"))
    assert "as nearly as 8 common noises allow as the maps of the set are" in text(made(9, 9, null="surrogate"))
    assert "The fields of one draw" not in text(made(1, 9, null="surrogate"))
    assert drawn_factors == FACTORS


@pytest.mark.parametrize(("rows", "columns", "same_set", "whose"), [
    (3, 5, False, "set y, the smaller one,"), (5, 3, False, "set x, the smaller one,"), (4, 4, False, "set y"),
    (4, 4, True, "the set")])
def test_whose_surrogates(rows, columns, same_set, whose):
    assert f"for each map of {whose} a Gaussian" in text(made(rows, columns, null="surrogate", same_set=same_set))


def test_range_of_n_effective():
    result = made(2, 2)
    result.inferred["n_effective"][:] = [[1633.4, 193], [9.04, 57]]
    words = text(result)
    assert "n_effective was 9.0 to 1 633 (median 125); in 1 pair it was below 10, little to go by." in words
    result.inferred["n_effective"][1, 0] = np.nan
    assert "n_effective was 57 to 1 633 (median 193)." in text(result)
    assert "n_effective was" not in text(without(result, "n_effective"))
    one = made(1, 1)
    one.inferred["n_effective"][:] = 5
    assert "n_effective was 5.0. The null" in text(one)


def test_each_pair_of_a_set_counts_once():
    result = made(3, 3, same_set=True)
    result.inferred["n_effective"][:] = [[1, 7000, 7000], [50, 1, 7000], [60, 70, 1]]
    assert "n_effective was 50 to 70 (median 60)." in text(result)


def test_untested_pairs():
    result = made(notes={(0, 0): "same file", (1, 1): "same file"})
    for name in INFERRED:
        result.inferred[name][[0, 1], [0, 1]] = np.nan
    words = text(result)
    assert "The p-values of all 13 tests were adjusted" in words
    assert "; 2 pairs of one and the same file were not tested." in words
    assert "same file" not in text(made())
    few = "no p-value: 40 common voxels are too few for the null model (50 needed)"
    assert "tests were adjusted" in text(made(notes={(0, 0): few}))
    assert "; 1 pair with too few voxels in common for it was not tested." in text(made(notes={(0, 0): few}))
    result.estimate[0, 0] = np.nan
    assert "; 1 pair of one and the same file was not tested." in text(result)


@pytest.mark.parametrize("null", NULLS[1:])
def test_where_nothing_was_tested_nothing_is_claimed(null):
    for inferred in ({}, {name: np.full((3, 5), np.nan) for name in INFERRED}):
        found = methods(made(method="cosine", null=null, inferred=inferred))
        assert found.text.endswith("No pair was tested, so there are no p-values.")
        assert found.references == ()


def test_columns_that_are_absent_are_not_spoken_of():
    for null in NULLS[1:]:
        words = text(without(made(null=null), "ci_low", "ci_high", "p_fdr", "p_fwe"))
        assert not re.search("interval|Fisher|adjusted|false discovery|family-wise", words)
    only = text(without(made(), "p_fwe"))
    assert "false discovery rate" in only
    assert "family-wise" not in only


@pytest.mark.parametrize("null", NULLS)
def test_older_results_record_less(null):
    found = methods(made(null=null, provenance=Provenance()))
    words = found.text
    assert not re.search("Benjamini|1 000|1/1|seed|None", str(found))
    assert ("false discovery rate" in words) == (null != "none")


def test_traces_are_called_exact_only_where_there_is_one_mask():
    result = made()
    assert "the exact traces" in text(result)
    result.counts[0, 0] -= 1
    assert "the traces" in text(result)
    assert "exact traces" not in text(result)


@MODEST
@given(seeds, st.integers(0, 4), st.integers(0, 4), st.booleans(), st.sampled_from(METHODS), st.sampled_from(NULLS))
def test_any_pattern_of_missing_cells(seed, rows, columns, same_set, method, null):
    rng = np.random.default_rng(seed)
    rows = columns if same_set else rows
    result = made(rows, columns, method, null, seed, same_set=same_set)
    empty = rng.random(result.estimate.shape) < rng.random()
    result.estimate[empty] = np.nan
    result.counts[empty] = rng.integers(0, 3)
    for values in result.inferred.values():
        values[empty | (rng.random(empty.shape) < 0.3)] = np.nan
    words = text(result)
    assert "nan" not in words
    assert words.endswith(".")
    once = np.tri(rows, columns, -1, dtype=bool) if same_set else np.ones((rows, columns), dtype=bool)
    tests = 0 if null == "none" else int(np.isfinite(result.inferred["p"])[once].sum())
    assert (f"of all {tests} tests" in words) == (
        tests > 1 and any(np.isfinite(result.inferred[n])[once].any() for n in ("p_fdr", "p_fwe")))
    assert (f"No value exists for {int(empty[once].sum())} pair" in words) == bool(empty[once].any())


# --- real runs: the sentences that are read must be the sentences that are written -------------------

AFFINE = np.diag([6.0, 6, 6, 1])


def volume(seed, shape=(14, 15, 13), outside=-1.0, offset=5.0):
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    values = np.random.default_rng(seed).standard_normal(shape) + offset
    return np.where((at**2).sum(axis=0) < 0.9, values, outside)


def run(x, y=None, **options):
    return text(nc.correlate(x, y, warn=False, **{"null": "none", **options}))


def test_run_on_one_grid():
    words = run([(volume(k, outside=0.0), AFFINE) for k in range(3)], [(volume(k), AFFINE) for k in (8, 9)])
    assert words.startswith("Each of 3 brain maps (set x) was compared with each of 2 (set y), 6 pairs in all")
    assert "All maps were on one grid: 14×15×13 voxels of 6×6×6 mm, RAS." in words
    assert "of the grid's 2 730 voxels: those inside at least half of all 5 maps." in words
    assert "held it: 0 in 3 maps and −1 in 2 maps." in words
    assert "Exact zeros counted as missing in 3 maps (whose values end abruptly at them)." in words


def test_run_on_several_grids():
    flipped = np.diag([-6.0, 6, 6, 1])
    flipped[0, 3] = 6.0 * 13
    shifted = AFFINE.copy()
    shifted[:3, 3] = 2
    fine = (volume(2, (28, 30, 26)), np.diag([3.0, 3, 3, 1]))
    words = run([(volume(0), AFFINE), (volume(1)[::-1], flipped), fine], [(volume(3), shifted)])
    assert "The maps came on 4 grids and were compared on the coarsest: 14×15×13 voxels of 6×6×6 mm, RAS." in words
    assert ("To this grid, 2 maps were resampled by averaging over the larger voxels (1) and by linear interpolation "
            "(1)" in words)
    assert "Without interpolation, 1 map was brought to it" in words


def test_run_with_everything_specified():
    mask = np.zeros((14, 15, 13))
    mask[4:9, 4:9, 4:9] = 1
    x = [(volume(k, outside=0.0), AFFINE) for k in range(2)]
    words = run(x, mask=(mask, AFFINE), zeros="data", background=-3)
    assert "Maps were compared on the grid of the mask" in words
    assert re.search(r"The mask was given \(.+\) and held 125 of the grid's 2 730 voxels\.", words)
    assert "The value −3 was specified as background." in words
    assert "Exact zeros, found in 2 maps, counted as data, as specified." in words
    words = run(x, mask="none", background=0)
    assert "No mask was applied: all 2 730 voxels of the grid counted." in words
    assert "counted as missing, 0 being the background specified." in words
    assert "No background value was looked for." in run(x, background="none", zeros="missing")


def test_run_on_arrays():
    values = np.random.default_rng(0).standard_normal((3, 40))
    values[0, :5] = np.nan
    words = run(values, values[1:] ** 2)
    assert words.startswith("Each of 3 maps (set x) was compared with each of 2 (set y), 6 pairs in all")
    assert "(n from 35 to 40 features)" in words


@pytest.mark.parametrize(("method", "null", "options"), [
    *((method, null, {}) for method in METHODS for null in NULLS),
    ("spearman", "surrogate", {"partial": [(volume(20), AFFINE)]}),
    ("pearson", "effective", {"weights": (np.abs(volume(21, outside=0.0)), AFFINE)}),
])
def test_run_with_every_method_and_null(method, null, options):
    options |= {"n_surrogates": 3} if null == "surrogate" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nc.IndependenceWarning)
        result = nc.correlate([(volume(k), AFFINE) for k in range(2)], [(volume(9), AFFINE)], method=method, null=null,
                              warn=False, **options)
    found = methods(result)
    words = found.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "nan" not in words
    assert ("of all 2 tests" in words) == (null == "surrogate" or (
        null != "none" and method in ("pearson", "spearman", "bicor")))
    assert ("came from 3 draws" in words) == (null == "surrogate")
    assert ("a covariate map had been regressed, all as ranks, out" in words) == ("partial" in options)
    assert ("weighted by a map of weights" in words) == ("weights" in options)
    assert cited(words) == {words for words, full in REFERENCES.items() if full in found.references}


def test_saved_result_tells_the_same(tmp_path):
    result = nc.correlate([(volume(k), AFFINE) for k in range(4)], null="effective", fdr="by", warn=False)
    assert "all 6 tests" in text(result)
    result.save(tmp_path / "out")
    assert methods(nc.load(tmp_path / "out")) == methods(result)


def test_covariates_of_a_folder_are_counted():
    decision = Decision("partial", "30 covariate maps regressed out of both maps of each pair")
    result = made(options={"partial": ["a/folder"]})
    result = result.replace(provenance=dataclasses.replace(
        result.provenance, decisions=(Decision("partial", "covariates: a, b"), decision)))
    assert "after 30 covariate maps had been regressed out" in text(result)


# --- how sure it is --------------------------------------------------------------------------------


@pytest.mark.parametrize("same_set", [False, True])
def test_what_came_of_it_is_counted_each_pair_once(same_set):
    result = made(6, 6, seed=3, same_set=same_set)
    pairs = np.tril(np.ones((6, 6), bool), -1) if same_set else np.ones((6, 6), bool)
    result = result.replace(inferred={**result.inferred, "p_fdr": result.inferred["p"] / 8,
                                      "p_fwe": result.inferred["p"] / 2})
    found, sure = (int((result.inferred[name][pairs] <= 0.05).sum()) for name in ("p_fdr", "p_fwe"))
    assert 0 < sure < found
    half = result.inferred["ci_high"][pairs]
    words = text(result)
    assert f"The adjusted p (false discovery rate) was at most 0.05 in {found} pairs, of which at most one in " in words
    assert f"the family-wise p was in {sure}." in words
    assert f"was {half.min():.2f} to {half.max():.2f} (median {np.median(half):.2f})." in words


def test_where_nothing_is_found_nothing_is_there_by_chance():
    result = made()
    nothing = result.replace(inferred={**result.inferred, "p_fdr": np.ones((3, 5)), "p_fwe": np.ones((3, 5))})
    assert "was at most 0.05 in 0 pairs; the family-wise p was in 0." in text(nothing)


def test_textbook_values_are_not_counted():
    assert "at most 0.05 in" not in text(made(null="independent"))
    assert "half-width" not in text(made(null="independent"))


def test_one_pair_has_one_width():
    words = text(made(1, 1))
    assert "false discovery" not in words
    assert f"tells how sure r is, was {made(1, 1).inferred['ci_high'][0, 0]:.2f}." in words
