"""What null models tell of maps of regions: columns, notes, decisions."""

import re
import warnings

import numpy as np
import pytest

import niicorr as nc
from niicorr.analysis import analyse, silent
from niicorr.compute.similarity import Similarity
from niicorr.draws import count_directions, count_draws
from niicorr.inference import benjamini_hochberg, fisher_interval, holm, pvalues
from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.distances import distances
from niicorr.nulls.regional import regional_null
from niicorr.records import NullModel
from niicorr.significance import infer

P = 45
COORDS = np.random.default_rng(0).uniform(-60, 60, (P, 3))
VOLUMES = np.exp(np.random.default_rng(1).normal(8, 1, P))
KERNEL = np.exp(-(distances(COORDS) ** 2) / (2 * 20.0**2))
NULLS = ["effective", "gsm", "surrogate", "moran", "variogram"]


def maps(count, seed):
    return np.random.default_rng(seed).normal(size=(count, P)) @ KERNEL


def placed(values, coords=COORDS, volumes=VOLUMES):
    return MapMatrix.from_array(values, features=Features(len(coords), centroids=coords, volumes=volumes))


def inferred(x, y=None, null="effective", similarity=None, **options):
    similarity, jobs = similarity or Similarity(), options.pop("jobs", 1)
    model = NullModel(**{"null": null, "n_surrogates": 19, **options})
    other = x if y is None else y
    found = similarity(x, other)
    tested = np.isfinite(found.r)
    if y is None:
        np.fill_diagonal(tested, False)
    return infer(x, other, found, tested, similarity=similarity, model=model, same_set=y is None, jobs=jobs,
                 memory=2**30, progress=silent)


def sizes(x, y, similarity=None, **options):
    similarity = similarity or Similarity()
    x, y, n = similarity.base(x), similarity.base(y), similarity(x, y).n
    null = regional_null(x, y, x.features.centroids, **{"volumes": x.features.volumes, **options})
    return null.size(null.describe(x), null.describe(y), n)


def flags(found):
    """All remarks as (row, column, text)."""
    return [(i, j, layer.text(i, j)) for layer in found.notes for i, j in np.argwhere(layer.cells).tolist()]


@pytest.mark.parametrize("null", ["effective", "gsm"])
@pytest.mark.parametrize("method", ["pearson", "spearman", "bicor"])
def test_every_number_follows_from_r_and_the_independent_values(null, method):
    x, y, similarity = placed(maps(4, 0)), placed(maps(3, 1)), Similarity(method)
    found, r = inferred(x, y, null, similarity), similarity(x, y).r
    size = sizes(x, y, similarity, model="gsm" if null == "gsm" else "robust")
    expected = {"n_effective": size.n_effective, "p": pvalues(r, size.n_effective)}
    expected["ci_low"], expected["ci_high"] = fisher_interval(r, size.n_effective)
    expected["p_fdr"], expected["p_fwe"] = benjamini_hochberg(expected["p"]), holm(expected["p"])
    assert found.columns.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found.columns[name], values, err_msg=name)
    assert found.decisions == ()
    assert (size.n_effective < P / 2).any(), "neighbouring regions repeat each other"


def test_sizes_of_regions_reach_the_null():
    a, b = maps(4, 0), maps(3, 1)
    one, other = (inferred(placed(a, volumes=v), placed(b, volumes=v)).columns["p"] for v in (VOLUMES, None))
    assert not np.allclose(one, other)


def test_many_maps_are_sized_up_in_pieces():
    x, y = placed(maps(70, 2)), placed(maps(66, 3))
    np.testing.assert_allclose(inferred(x, y).columns["n_effective"], sizes(x, y).n_effective, rtol=1e-9)
    np.testing.assert_array_equal(inferred(x, y, jobs=3).columns["p"], inferred(x, y).columns["p"])


@pytest.mark.parametrize("beside", [{"weights": VOLUMES}, {"covariates": maps(3, 4)},
                                    {"weights": VOLUMES, "covariates": maps(3, 4)}], ids=["weights", "partial", "both"])
def test_weights_and_covariates_reach_the_null(beside):
    x, y, similarity = placed(maps(4, 5)), placed(maps(3, 6)), Similarity(**beside)
    found, size = inferred(x, y, similarity=similarity), sizes(x, y, similarity, **beside)
    np.testing.assert_array_equal(found.columns["n_effective"], size.n_effective)
    taken = len(beside.get("covariates", ()))
    np.testing.assert_array_equal(found.columns["p"],
                                  pvalues(similarity(x, y).r, size.n_effective, n_covariates=taken))
    assert not np.allclose(size.n_effective, sizes(x, y).n_effective, rtol=1e-3)
    ranked = Similarity("spearman", **beside)
    again = inferred(x, y, similarity=ranked).columns["n_effective"]
    how = dict(beside, **{"covariates": ranked.ranked_covariates} if taken else {})
    np.testing.assert_array_equal(again, sizes(x, y, ranked, **how).n_effective)


def test_as_many_covariates_as_regions_leave_no_p():
    x, y = placed(maps(2, 5)[:, :12], COORDS[:12], None), placed(maps(1, 6)[:, :12], COORDS[:12], None)
    covariates = np.random.default_rng(7).normal(size=(10, 12))
    found = inferred(x, y, similarity=Similarity(covariates=covariates))
    assert np.isnan(found.columns["p"]).all()
    assert {text for _, _, text in flags(found) if "degree" in text} == {
        "no p-value: 10 covariates leave no degree of freedom"}


@pytest.mark.parametrize("null", ["moran", "variogram"])
def test_the_larger_of_two_directions(null):
    x, y = placed(maps(3, 8)), placed(maps(2, 9))
    found = inferred(x, y, null, n_surrogates=120, seed=3)
    similarity = Similarity()
    draws = count_directions(x, y, similarity(x, y), np.ones((2, 3), bool), similarity=similarity,
                             model=NullModel(null, n_surrogates=120, seed=3), jobs=1, memory=2**30, progress=silent)
    columns = found.columns
    np.testing.assert_array_equal(columns["p_x_random"], draws.x_random.p)
    np.testing.assert_array_equal(columns["p_y_random"], draws.y_random.p)
    np.testing.assert_array_equal(columns["p"], np.maximum(draws.x_random.p, draws.y_random.p))
    np.testing.assert_array_equal(columns["p_fwe"], draws.larger.p_fwe)
    np.testing.assert_array_equal(columns["p_fdr"], benjamini_hochberg(columns["p"]))
    np.testing.assert_array_equal(columns["n_effective"], draws.larger.n_effective)
    # Moran's signs turn x as they would turn y; but ranks are given out anew, and regions may be missing.
    assert np.array_equal(columns["p_x_random"], columns["p_y_random"]) == (null == "moran")
    ranked = inferred(x, y, null, Similarity("spearman"), n_surrogates=120, seed=3).columns
    assert (ranked["p_x_random"] != ranked["p_y_random"]).any()
    low, high = fisher_interval(similarity(x, y).r, columns["n_effective"])
    np.testing.assert_array_equal([columns["ci_low"], columns["ci_high"]], [low, high])
    swapped = inferred(y, x, null, n_surrogates=120, seed=3).columns
    np.testing.assert_array_equal(swapped["p_x_random"], columns["p_y_random"].T)
    np.testing.assert_array_equal(swapped["p"], columns["p"].T)


@pytest.mark.parametrize("null", NULLS)
def test_a_set_against_itself(null):
    x = placed(maps(4, 10))
    found = inferred(x, null=null, n_surrogates=30)
    p, below = found.columns["p"], np.tril_indices(4, -1)
    assert np.isnan(np.diag(p)).all()
    np.testing.assert_array_equal(p, p.T)
    np.testing.assert_array_equal(found.columns["p_fdr"][below], benjamini_hochberg(p[below]))
    if null in ("moran", "variogram"):
        one, other = found.columns["p_x_random"], found.columns["p_y_random"]
        # Above the diagonal x and y have changed places.
        np.testing.assert_array_equal(one, other.T)
        np.testing.assert_array_equal(np.maximum(one, other), p)
        two = inferred(x, placed(maps(4, 10)), null, n_surrogates=30).columns
        np.testing.assert_array_equal(one[below], two["p_x_random"][below])


def test_random_fields_replace_the_smaller_set():
    x, y, similarity = placed(maps(3, 8)), placed(maps(2, 9)), Similarity("cosine")
    found = inferred(x, y, "surrogate", similarity, n_surrogates=50, seed=1)
    draws = count_draws(x, y, similarity(x, y), np.ones((2, 3), bool), similarity=similarity,
                        model=NullModel("surrogate", n_surrogates=50, seed=1), jobs=1, memory=2**30, progress=silent)
    np.testing.assert_array_equal(found.columns["p"], draws.p)
    np.testing.assert_array_equal(found.columns["p_fwe"], draws.p_fwe)
    assert "p_x_random" not in found.columns


def test_as_if_every_region_were_an_observation():
    values = maps(2, 11)
    values[0, :4] = np.nan
    x, y = placed(values), placed(maps(1, 12))
    found = inferred(x, y, "independent")
    np.testing.assert_array_equal(found.columns["n_effective"], [[P - 4, P]])
    # No need of places, nor of ten regions.
    few = inferred(placed(maps(1, 0)[:, :7], np.zeros((7, 3))), placed(maps(1, 1)[:, :7], np.zeros((7, 3))),
                   "independent")
    np.testing.assert_array_equal(few.columns["n_effective"], [[7]])
    assert np.isfinite(few.columns["p"]).all()


@pytest.mark.parametrize("null", NULLS)
def test_regions_that_hold_no_voxel(null):
    """They have no place and no size, and change nothing but which random numbers are taken."""
    x, y = placed(maps(2, 13)), placed(maps(2, 14))
    nothing = np.full((2, 2), np.nan)
    coords, volumes = np.vstack([np.full((2, 3), np.nan), COORDS]), np.append([0.0, 0.0], VOLUMES)
    wide = [placed(np.hstack([nothing, matrix.values]), coords, volumes) for matrix in (x, y)]
    found, plain = inferred(*wide, null, n_surrogates=199), inferred(x, y, null, n_surrogates=199)
    rtol, atol = (1e-9, 0) if null in ("effective", "gsm") else (0, 0.15)
    np.testing.assert_allclose(found.columns["p"], plain.columns["p"], rtol=rtol, atol=atol)
    assert [text for _, _, text in flags(found) if "no p" in text] == []


@pytest.mark.parametrize("null", NULLS)
def test_what_has_no_p_says_why(null):
    # Fewer than 10 regions in common in one cell, and one map that does not vary.
    values = maps(4, 15)
    values[1, 9:], values[2] = np.nan, 5.0
    found = inferred(placed(values), placed(maps(1, 16)), null)
    np.testing.assert_array_equal(np.isnan(found.columns["p"]), [[False, True, True, False]])
    assert [flag for flag in flags(found) if "no p" in flag[2]] == [
        (0, 1, "no p-value: 9 common regions are too few for the null model (10 needed)")]
    # Fewer than 10 regions at all.
    found = inferred(placed(maps(2, 0)[:, :9], COORDS[:9], VOLUMES[:9]),
                     placed(maps(1, 1)[:, :9], COORDS[:9], VOLUMES[:9]), null)
    assert np.isnan(found.columns["p"]).all()
    assert len(flags(found)) == 2
    # All at one place; somewhere; of no size.
    for coords, volumes, text in (
            (np.ones((P, 3)), VOLUMES, f"no p-value: all {P} regions have the same coordinates"),
            (np.where(np.arange(P)[:, None] < 2, np.nan, COORDS), VOLUMES,
             f"no p-value: 2 of {P} regions have no coordinates"),
            (COORDS, np.where(np.arange(P) < 3, np.nan, VOLUMES),
             f"no p-value: 3 of {P} regions have no volume above 0 mm³")):
        found = inferred(placed(maps(2, 0), coords, volumes), placed(maps(1, 1), coords, volumes), null)
        assert np.isnan(found.columns["p"]).all()
        assert flags(found) == [(0, 0, text), (0, 1, text)]


@pytest.mark.parametrize("null", ["moran", "variogram"])
def test_a_map_whose_regions_lie_at_one_place(null):
    coords = COORDS.copy()
    coords[:12] = 0
    values = maps(2, 17)
    values[1, 12:] = np.nan
    found = inferred(placed(values, coords), placed(maps(1, 18), coords), null)
    np.testing.assert_array_equal(np.isnan(found.columns["p"]), [[False, True]])
    assert (0, 1, "no p-value: no random maps could be drawn for one of the two") in flags(found)


@pytest.mark.parametrize("null", NULLS)
def test_one_map_against_one(null):
    found = inferred(placed(maps(1, 0)), placed(maps(1, 1)), null)
    assert found.columns["p"].shape == (1, 1)
    assert 0 < found.columns["p"][0, 0] <= 1


def test_what_was_decided_is_told():
    x, y = placed(maps(3, 19)), placed(maps(2, 20))
    moran = inferred(x, y, "moran")
    (said,) = moran.decisions
    assert said.topic == "null"
    assert said.text == ("moran: maps of x were randomised, then those of y; p and p_fwe are the larger of the two, "
                         "n_effective that of the direction in which r scatters more")
    _, of_x, of_y = inferred(x, y, "variogram").decisions
    assert "median of 3 maps of x" in of_x.text
    assert "median of 2 maps of y" in of_y.text
    assert "19 surrogates" in of_x.text
    one = inferred(x, y.part(slice(0, 1)), "variogram").decisions[2].text
    assert re.fullmatch(r"the mean variogram of 19 surrogates is off that of the map of y by \d+ %", one)
    _, of_both = inferred(x, null="variogram").decisions
    assert "median of 3 maps of the set" in of_both.text


def test_poor_fits_of_variograms_are_flagged():
    """Near regions of a wave differ more than far ones; nothing that is smoothed does."""
    wave = np.sin(2 * np.pi * COORDS[:, 0] / 20)
    x, y = placed(np.vstack([maps(1, 21), wave])), placed(maps(2, 23))
    found = inferred(x, y, "variogram", n_surrogates=50)
    flagged = [(i, j, text) for i, j, text in flags(found) if "variograms" in text]
    assert {(i, j) for i, j, _ in flagged} == {(0, 1), (1, 1)}
    assert all(text.startswith("variograms of surrogates are off that of map1 by ") for _, _, text in flagged)
    texts = [decision.text for decision in found.decisions]
    assert "the fit is poor for map1" in texts[1]
    assert "poor" not in texts[2]


def test_many_poor_fits_are_counted(monkeypatch):
    monkeypatch.setattr("niicorr.nulls.variogram.POOR", 0.0)
    found = inferred(placed(maps(5, 24)), placed(maps(1, 25)), "variogram")
    assert found.decisions[1].text.endswith("; the fit is poor for map0, map1, map2 and 2 more")
    (cell,) = [text for i, j, text in flags(found) if (i, j) == (0, 4)]
    assert cell.count("variograms of surrogates are off that of") == 2


@pytest.mark.parametrize("null", NULLS)
def test_through_the_front_door(null, tmp_path):
    x, y = placed(maps(3, 26)), placed(maps(2, 27))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nc.NiicorrWarning)
        result = analyse(x, y, model=NullModel(null, n_surrogates=120))
    for name, values in inferred(x, y, null, n_surrogates=120).columns.items():
        np.testing.assert_array_equal(result.inferred[name], values, err_msg=name)
    result.save(tmp_path / "out")
    header, *rows = (tmp_path / "out" / "pairs.tsv").read_text().splitlines()
    assert header.endswith("note\tp_x_random\tp_y_random") == (null in ("moran", "variogram"))
    assert len(rows) == 6
