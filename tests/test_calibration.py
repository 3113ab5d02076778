"""False-positive rates on the user's grid: what is simulated, what is counted, what is refused."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

import niicorr as nc
from niicorr.calibration import TriedNull, trial
from niicorr.calibration.fields import MAPS, Fields, fields_of, imitated
from niicorr.calibration.rates import COLUMNS
from niicorr.compute.similarity import Similarity
from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.effective import effective_null
from niicorr.options import options_of
from niicorr.space import Grid

SHAPE = (16, 16, 14)
AFFINE = np.diag([8.0, 8, 8, 1])
AT = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
BRAIN = (AT**2).sum(axis=0) < 0.85
OPTIONS = {"mask": (BRAIN.astype("u1"), AFFINE), "background": "none", "zeros": "data", "jobs": 1}


def maps(count, seed, smooth=1.3):
    rng = np.random.default_rng(seed)
    return [(ndimage.gaussian_filter(rng.standard_normal(SHAPE), smooth), AFFINE) for _ in range(count)]


def matrix(values):
    inside = np.flatnonzero(BRAIN.ravel(order="F"))
    return MapMatrix.from_array(values, features=Features(len(inside), Grid(SHAPE, AFFINE), inside))


def noise(count, seed=0, smooth=1.3):
    return np.array([np.ravel(v, order="F")[np.flatnonzero(BRAIN.ravel(order="F"))] for v, _ in
                     maps(count, seed, smooth)])


def rates(calibration):
    return {tried.null: tried.rate(0.05)[0] for tried in calibration.nulls}


@pytest.fixture(scope="module")
def found():
    return nc.calibrate(maps(8, 0), maps(6, 1), repeats=10, **OPTIONS)


def test_the_textbook_fails_and_ours_do_not(found):
    rate = rates(found)
    assert rate["independent"] > 0.4
    for null in ("gsm", "effective", "surrogate"):
        assert 0.005 < rate[null] < 0.12
    verdicts = {tried.null: tried.verdict for tried in found.nulls}
    assert verdicts["independent"] == "liberal"
    assert "liberal" not in {verdicts[null] for null in ("gsm", "effective", "surrogate")}
    assert found.warnings == ()


def test_how_much_was_tried(found):
    assert [(tried.null, tried.p.shape) for tried in found.nulls] == [
        ("independent", (10, 48)), ("gsm", (10, 48)), ("effective", (10, 48)), ("surrogate", (9, 48))]
    assert found.n_maps == (8, 6)
    assert found.provenance.options["repeats"] == 10
    assert found.provenance.options["n_surrogates"] == 99
    assert not {"null", "fdr"} & set(found.provenance.options)
    assert {"read", "extract", "calibrate", "total"} <= set(found.provenance.timings)
    assert found.nulls[0].n_effective == BRAIN.sum() == found.n_voxels
    assert 10 < found.nulls[2].n_effective < BRAIN.sum() / 5
    assert found.text.startswith("10 times, 8 random maps like those of x were compared with 6 like those of y")


def test_the_same_for_a_seed_whatever_the_machine():
    x, y = maps(3, 2), maps(2, 3)
    one, two, small, other = (
        nc.calibrate(x, y, repeats=3, **{**OPTIONS, **how})
        for how in ({}, {"jobs": 2}, {"memory": 1}, {"seed": 1}))
    for mine, threaded, cramped, seeded in zip(one.nulls, two.nulls, small.nulls, other.nulls, strict=True):
        np.testing.assert_array_equal(mine.p, threaded.p)
        np.testing.assert_array_equal(mine.p, cramped.p)
        assert not np.array_equal(mine.p, seeded.p)


def test_more_repeats_go_on_where_fewer_ended(monkeypatch):
    x, y = maps(2, 2), maps(2, 3)
    asked = []
    honest = Fields.draw

    def draw(self, number, *rest):
        asked.append(number)
        return honest(self, number, *rest)

    monkeypatch.setattr(Fields, "draw", draw)
    three, four = (nc.calibrate(x, y, repeats=n, **OPTIONS) for n in (3, 4))
    assert asked == [0, 0, 1, 1] * 2, "x and y of every block are drawn anew"
    np.testing.assert_array_equal(three.nulls[2].p, four.nulls[2].p[:3])
    assert len(np.unique(four.nulls[2].p)) == four.nulls[2].p.size, "no block repeats another"


def test_a_set_by_itself_is_compared_with_others_like_it():
    calibration = nc.calibrate(maps(4, 4), repeats=3, **OPTIONS)
    assert calibration.same_set
    p = calibration.nulls[2].p.reshape(3, 4, 4)
    assert not np.allclose(p, p.transpose(0, 2, 1)), "both sides are drawn anew"
    assert (np.diagonal(p, axis1=1, axis2=2) > 1e-6).all(), "no field meets itself"
    assert "compared with 4 others like them" in calibration.text


def test_random_maps_have_the_maps_values_masks_and_smoothness():
    values = np.concatenate([np.exp(noise(1, smooth=2.5)), noise(1, 5, smooth=0.8)])
    values[0, :200] = np.nan
    real = imitated(matrix(values), "x", 0)
    null = effective_null(real, real)
    drawn = fields_of(real, null, Similarity(), 7, 1).draw(0, 1, lambda _: None)
    assert len(drawn) == 2
    smooth = [null.size(null.describe(m), null.describe(m), np.full((2, 2), 500)).n_effective for m in (real, *drawn)]
    for random, n_effective in zip(drawn, smooth[1:], strict=True):
        np.testing.assert_array_equal(np.sort(random.values), np.sort(real.values))
        np.testing.assert_array_equal(np.isnan(random.values), np.isnan(real.values))
        assert not np.array_equal(random.rows, real.rows)
        assert n_effective[1, 1] > 1.5 * n_effective[0, 0]
        np.testing.assert_allclose(n_effective, smooth[0], rtol=0.6)


def test_fields_are_independent():
    real = imitated(matrix(np.repeat(noise(1), 12, axis=0)), "x", 0)
    null = effective_null(real, real)
    rows = np.concatenate([m.rows for m in fields_of(real, null, Similarity(), 7, 1).draw(0, 1, lambda _: None)])
    r = np.corrcoef(rows)[np.triu_indices(24, 1)]
    assert abs(r.mean()) < 0.02, "copies of one map are imitated by strangers"
    assert 0.01 < r.std() < 0.3


def test_of_many_maps_a_sample_is_imitated():
    many = matrix(np.arange(1.0, MAPS + 9)[:, None] * noise(1))
    one, again, other = (imitated(many, "x", seed) for seed in (0, 0, 1))
    assert len(one) == MAPS
    assert one.labels == again.labels != other.labels
    np.testing.assert_array_equal(one.exact(3), many.exact(many.labels.index(one.labels[3])))


@pytest.mark.parametrize("method", ["spearman", "bicor"])
def test_methods_with_a_formula(method):
    rate = rates(nc.calibrate(maps(5, 8), maps(4, 9), repeats=6, method=method, **OPTIONS))
    assert rate["independent"] > 0.4
    assert rate["effective"] < 0.12


@pytest.mark.parametrize("method", ["cosine", "concordance", "dice"])
def test_methods_without_a_formula_have_surrogates_alone(method):
    x, y = ([(np.maximum(v - 0.03, 0), a) for v, a in maps(4, seed)] for seed in (8, 9))
    (tried,) = nc.calibrate(x, y, repeats=8, method=method, **OPTIONS).nulls
    assert tried.null == "surrogate"
    assert math.isnan(tried.n_effective)
    assert 0 < tried.rate(0.05)[0] < 0.15


def test_dice_sees_the_zeros_of_its_maps():
    """Standard scores put back into own units are not exactly 0; every voxel would count."""
    values = np.maximum(noise(3, smooth=1.5) - 0.03, 0) + 0.0
    real = imitated(matrix(values), "x", 0)
    null = effective_null(real, real)
    similarity = Similarity("dice")
    random, _ = fields_of(real, null, similarity, 7, 1).draw(0, 1, lambda _: None)
    above = similarity.scores(similarity.base(random))
    share = similarity.scores(similarity.base(real)).center
    np.testing.assert_allclose(above.center, share)
    assert (share < 0.9).all()


def test_weights_and_covariates_reach_the_null_models():
    x, y = maps(4, 10), maps(3, 11)
    weights = np.where(AT[0] > 0, 1.0, 0.02) * BRAIN
    plain, weighted, partial = (
        nc.calibrate(x, y, repeats=3, **OPTIONS, **how)
        for how in ({}, {"weights": (weights, AFFINE)}, {"partial": maps(2, 12)}))
    n = [c.nulls[2].n_effective for c in (plain, weighted, partial)]
    assert n[1] < 0.8 * n[0]
    assert weighted.nulls[0].n_effective < plain.nulls[0].n_effective
    assert not np.array_equal(plain.nulls[2].p, partial.nulls[2].p)


def test_the_alternative_reaches_the_p_values():
    x, y = maps(3, 10), maps(3, 11)
    greater, less = (nc.calibrate(x, y, repeats=3, alternative=side, **OPTIONS) for side in ("greater", "less"))
    np.testing.assert_allclose(greater.nulls[2].p + less.nulls[2].p, 1)
    assert greater.alternative == "greater"


def test_rates_errors_and_verdicts():
    p = np.full((10, 100), 0.5)
    p[:5, :8], p[5:, :2] = 0.04, 0.009
    p[0, 99] = np.nan
    tried = TriedNull("gsm", p, 100.0)
    blocks = np.array([8 / 99, 0.08, 0.08, 0.08, 0.08, 0.02, 0.02, 0.02, 0.02, 0.02])
    assert tried.rate(0.05) == pytest.approx((blocks.mean(), blocks.std(ddof=1) / np.sqrt(10)))
    assert tried.rate(0.01)[0] == pytest.approx(0.01)
    assert tried.pairs == 999
    assert np.isnan(replace(tried, floor=0.01).rate(0.001)).all()
    assert replace(tried, floor=0.01).rate(0.01)[0] == pytest.approx(0.01), "a level at the floor can be told"


@pytest.mark.parametrize(
    ("below", "pairs", "verdict"),
    [(5, 100, "holds"), (9, 100, "liberal"), (2, 100, "careful"), (0, 5, "unclear"),
     (1, 8, "unclear")])
def test_verdicts(below, pairs, verdict):
    p = np.full((10 if pairs == 100 else 2, pairs), 0.5)
    p[:, :below] = 0.01
    assert TriedNull("gsm", p, 100.0).verdict == verdict


def test_a_null_model_that_fails_is_warned_of(monkeypatch):
    honest = trial.effective_null

    def wrong(*args, **how):
        null = honest(*args, **how)
        size = type(null).size

        class Careless(type(null)):
            def size(self, x, y, n):
                found = size(self, x, y, n)
                return replace(found, n_effective=20 * found.n_effective)

        return Careless(null.supports, null.stationary, null.unevenness)

    monkeypatch.setattr(trial, "effective_null", wrong)
    with pytest.warns(nc.NiicorrWarning, match="model effective calls .*\u00a0% .* of unrelated maps related") as w:
        calibration = nc.calibrate(maps(6, 0), maps(6, 1), repeats=10, **OPTIONS)
    assert [str(one.message) for one in w] == list(calibration.warnings)
    assert "--null surrogate does better here" in calibration.warnings[0]


def test_progress_is_one_bar_and_reaches_its_end():
    seen = []

    @contextmanager
    def progress(total, what):
        seen.append([total, what, 0])

        def advance(steps):
            seen[-1][2] += steps

        yield advance

    nc.calibrate(maps(3, 0), maps(2, 1), repeats=3, progress=progress, **OPTIONS)
    assert [what for _, what, _ in seen] == ["reading maps", "trying null models"]
    assert seen[1][0] == seen[1][2]


SMALL = BRAIN & (np.cumsum(BRAIN.ravel()).reshape(SHAPE) <= 30)


@pytest.mark.parametrize(
    ("x", "y", "how", "words"),
    [
        (np.eye(3, 60), None, {}, "bare arrays do not tell"),
        (maps(1, 0), None, {}, "there is one map"),
        (maps(2, 0), None, {"mask": (SMALL.astype("u1"), AFFINE)}, "the mask holds 30 voxels; null models need 50"),
        ([(np.full(SHAPE, 2.0), AFFINE)] * 2, maps(1, 0), {}, "every map of x is constant"),
        (maps(1, 0), [(np.where(SMALL, v, np.nan), AFFINE) for v, _ in maps(2, 1)], {},
         r"no map of y has data in 50 voxels of the mask \(the most: 30\)"),
        ([(np.where(AT[0] > 0, v, np.nan), AFFINE) for v, _ in maps(2, 1)],
         [(np.where(AT[0] < 0, v, np.nan), AFFINE) for v, _ in maps(2, 2)], {}, "no pair of maps has 50 voxels"),
    ],
)
def test_what_cannot_be_simulated_is_refused(x, y, how, words):
    with pytest.raises(nc.InputError, match=words):
        nc.calibrate(x, y, **{**OPTIONS, **how})


def test_matrices_of_other_voxels_are_refused():
    x, y = matrix(noise(2)), matrix(noise(2, 1))
    moved = replace(y, features=replace(y.features, indices=y.features.indices + 1))
    with pytest.raises(nc.InputError, match="different voxels"):
        nc.calibrate(x, moved)
    assert nc.calibrate(x, y, repeats=2, jobs=1).nulls[0].pairs == 8


@pytest.mark.parametrize(
    ("how", "words"),
    [({"null": "gsm"}, "null is no option of calibrate"), ({"fdr": "by"}, "fdr is no option"),
     ({"n_surrogates": 9}, "99 are drawn"), ({"repeats": 1}, "repeats is a whole number from 2 on"),
     ({"repeats": 2.5}, "repeats"), ({"colour": 1}, "unknown option 'colour'")])
def test_wrong_calls(how, words):
    with pytest.raises(nc.UsageError, match=words):
        nc.calibrate(maps(2, 0), **how)


def test_constant_maps_are_left_out_and_it_is_said():
    calibration = nc.calibrate([*maps(2, 0), (np.full(SHAPE, 3.0), AFFINE)], maps(2, 1), repeats=2, **OPTIONS)
    assert calibration.n_maps == (2, 2)
    assert "2 random maps like 2 of the 3 of x" in calibration.text


def test_the_table_and_the_folder(found, tmp_path):
    frame = found.to_frame()
    assert tuple(frame.columns) == COLUMNS
    assert frame["rate_05"].tolist() == list(rates(found).values())
    assert "effective" in repr(found)
    out = tmp_path / "out"
    found.save(out)
    assert sorted(path.name for path in out.iterdir()) == ["calibration.tsv", "run.json"]
    header, *lines = (out / "calibration.tsv").read_text().splitlines()
    assert tuple(header.split("\t")) == COLUMNS
    last = dict(zip(COLUMNS, lines[-1].split("\t"), strict=True))
    assert (last["null"], last["rate_001"]) == ("surrogate", "")
    assert float(last["rate_05"]) == rates(found)["surrogate"]
    record = json.loads((out / "run.json").read_text())
    assert (record["program"], record["kind"]) == ("niicorr", "calibration")
    assert record["nulls"][0]["verdict"] == "liberal"
    assert record["nulls"][3]["rate_001"] is None
    assert [len(record[name]) for name in ("x_maps", "y_maps")] == [8, 6]
    with pytest.raises(nc.InputError, match=r"holds a calibration of null models .* its rates are in calibration\.tsv"):
        nc.load(out)
    found.save(out)


def test_the_options_that_it_refuses_are_options_of_correlate():
    for name in trial._NOT_HERE:
        assert hasattr(options_of({}, None), name)
