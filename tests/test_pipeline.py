"""The road as a whole: options checked at its door, provenance at its end."""

from __future__ import annotations

import json
import warnings
from contextlib import nullcontext

import numpy as np
import pytest

from niicorr import preparing
from niicorr.bare_arrays import is_matrix
from niicorr.errors import DomainWarning, InputError, ResourceError, UnusableMapsError, UsageError
from niicorr.machine import versions
from niicorr.options import Options
from niicorr.pipeline import check, correlate

AFFINE = np.diag([18.0, 18, 18, 1])


def volume(seed, shape=(9, 8, 7)):
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    return np.where((at**2).sum(axis=0) < 0.9, np.random.default_rng(seed).standard_normal(shape) + 5, -1.0)


MAPS = [(volume(k), AFFINE) for k in range(3)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"colour": "red"}, "unknown option 'colour'"),
        ({"zeros": "maybe"}, "zeros is one of auto, data, missing"),
        ({"background": "grey"}, "background is auto, none or a number"),
        ({"background": True}, "background is auto, none or a number, not True"),
        ({"background": 10**400}, "background is a number that float64 holds"),
        ({"threshold": True, "method": "dice"}, "threshold is a number from 0 on, not True"),
        ({"jobs": 0}, "jobs is .* 1"),
        ({"jobs": "2"}, "jobs"),
        ({"volumes": 5}, "volumes"),
        ({"masker": object()}, "fitted NiftiMasker"),
    ],
)
def test_wrong_options_are_usage_errors(options, words):
    with pytest.raises(UsageError, match=words):
        correlate(MAPS[:1], MAPS[1:], **options)


def test_mask_and_masker_exclude_each_other():
    with pytest.raises(UsageError, match="not both"):
        correlate(MAPS[:1], masker=object(), mask="none")


def test_options_resolve_to_strict_json():
    given = Options(background=float("nan"), mask=MAPS[0], grid="a\udcff.nii")
    resolved = json.loads(json.dumps(given.resolved(), allow_nan=False))
    assert (resolved["background"], resolved["mask"], resolved["grid"]) == ("nan", "<tuple>", "a\\xff.nii")
    assert set(resolved) == set(Options.__dataclass_fields__)


def test_what_counts_as_numbers_alone():
    assert is_matrix(np.zeros(3))
    assert is_matrix(np.zeros((2, 3)))
    assert not is_matrix(np.zeros((2, 3, 4)))
    assert not is_matrix([np.zeros(3)])


def test_a_result_tells_how_it_came_about():
    result = correlate(MAPS[:2], MAPS[2:], command="niicorr run", null="none")
    provenance = result.provenance
    assert provenance.command == "niicorr run"
    assert {"headers", "read", "extract", "correlate", "total"} <= set(provenance.timings)
    assert provenance.versions["numpy"] == np.__version__
    assert versions().keys() >= {"niicorr", "python", "platform"}
    assert {d.topic for d in provenance.decisions} >= {"grid", "mask"}
    assert result.sensitivity is not None, "there was a background"
    np.testing.assert_array_equal(result.mask, MAPS[0][0] != -1)


def test_progress_counts_every_map():
    asked, done = [], []

    def progress(total, what):
        asked.append((total, what))
        return nullcontext(done.append)

    correlate(MAPS[:2], MAPS[2:], progress=progress, null="none")
    assert asked[0] == (3, "reading maps")
    assert sum(done[:3]) == 3


def test_warnings_are_raised_once_and_kept_and_can_be_left_out():
    noise = (np.random.default_rng(0).standard_normal((6, 6, 6)), AFFINE)
    with pytest.warns(DomainWarning, match="no map shows an outline") as caught:
        result = correlate([noise], null="none")
    assert [str(w.message) for w in caught] == list(result.warnings)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert correlate([noise], warn=False, null="none").warnings == result.warnings


def test_one_bad_file_in_both_sets_is_named_once():
    with pytest.raises(UnusableMapsError) as caught:
        correlate(["gone.nii", MAPS[0]], ["gone.nii"])
    assert [p.path for p in caught.value.problems] == ["gone.nii"]
    assert caught.value.total == 3


def test_check_answers_what_correlate_would():
    report = check(MAPS[:2], MAPS[2:])
    assert report.refusal is None
    assert [r.coverage for r in (*report.x_maps, *report.y_maps)] == [1, 1, 1]
    refused = check([MAPS[0], "gone.nii"])
    assert refused.refusal.startswith("1 path leads to no map:\n  gone.nii  no such file or folder: check the path\n")
    assert refused.x_maps[1].error.startswith("no such file")
    assert refused.y_maps == ()
    assert check([MAPS[0], "gone.nii"], on_error="skip").refusal is None


def test_a_result_that_does_not_fit_is_refused_unless_memory_is_given(monkeypatch):
    monkeypatch.setattr(preparing, "BYTES_PER_CELL", 2**60)
    with pytest.raises(ResourceError, match=r"a result of 2 pairs takes about 2\u00a0097\u00a0152 TiB of memory; .* may"
                                            " be used: compare fewer maps at once, or give --memory, which overrules"):
        correlate(MAPS[:1], MAPS[1:])
    assert correlate(MAPS[:1], MAPS[1:], null="none", memory=2**30).r.shape == (2, 1)


def test_a_path_that_leads_nowhere_is_warned_of_where_it_is_skipped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "broken.nii").write_text("no image")  # it is named, but nobody has mistyped it
    x, how = [MAPS[0], "experimnts", "broken.nii"], {"on_error": "skip", "mask": "none"}
    text = ("x: 1 path leads to no map, and its column stays empty: experimnts (no such file or folder: did you mean "
            "experiments/?)")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert correlate(x, MAPS[1:], null="none", **how).warnings[0] == text
    assert str(caught[0].message) == text
    assert check(x, MAPS[1:], **how).warnings[0] == text
    assert "experimnts" not in str(check(x, MAPS[1:], mask="none").warnings)  # the refusal says it
    many = check(MAPS, [MAPS[0], *(f"gone{k}.nii" for k in range(12))], **how).warnings[0]
    assert many.startswith("y: 12 paths lead to no map, and their rows stay empty: gone0.nii (no such")
    assert many.endswith("gone9.nii (no such file or folder: check the path); 2 more")
    own = check([*MAPS, "gone.nii"], **how).warnings
    assert own[0].startswith("1 path leads to no map, and its row and column stay empty: gone.nii")


def test_skipping_needs_at_least_one_number():
    result = correlate([MAPS[0], "gone.nii"], MAPS[1:], on_error="skip", null="none", warn=False)
    np.testing.assert_array_equal(np.isfinite(result.estimate), [[True, False]] * 2)
    with pytest.raises(UnusableMapsError):
        correlate(["gone.nii"], MAPS[1:], on_error="skip")


@pytest.mark.parametrize(("x", "y", "end"), [
    (["gone.nii"], MAPS[1:], "No map of x is left to compare."),
    (MAPS[:1], ["gone.nii", "lost.nii"], "No map of y is left to compare."),
    (["gone.nii"], ["lost.nii"], "No map of x or of y is left to compare."),
    (["gone.nii"], None, "No map is left to compare."),
    ([MAPS[0], "gone.nii"], [(np.full((9, 8, 7), 3.0), AFFINE)], "No pair of the other maps has a number: every pair "
     "has too little in common, or a constant map."),
])
def test_skipping_is_not_advised_where_it_cannot_help(x, y, end):
    for run in (correlate, check):
        try:
            said = run(x, y, on_error="skip", mask="none").refusal
        except UnusableMapsError as error:
            said = str(error)
        assert said.splitlines()[-1] == end
        assert "--on-error" not in said


def test_skipping_is_advised_where_it_helps():
    assert "leave its cells empty with --on-error skip" in check([MAPS[0], "gone.nii"], MAPS[1:]).refusal
    assert "--on-error" not in check(["gone.nii"], MAPS[1:]).refusal


def test_weights_that_leave_one_value_leave_no_p_and_say_so_without_covariates():
    rng = np.random.default_rng(0)
    found = correlate(rng.standard_normal((1, 30)), rng.standard_normal((1, 30)), null="independent", warn=False,
                      weights=np.where(np.arange(30) == 3, 1.0, 1e-9))
    assert np.isnan(found.inferred["p"][0, 0])
    assert "no p-value: n_effective 1.0 leaves no degree of freedom" in found.notes[0, 0]
    assert "covariates" not in found.notes[0, 0]


def test_weights_and_covariates_of_arrays_are_judged_like_maps():
    rng = np.random.default_rng(0)
    x, y, w = rng.standard_normal((3, 60)), rng.standard_normal((2, 60)), rng.random(60)
    half = np.ma.array(w, mask=np.arange(60) < 30)
    assert set(correlate(x, y, weights=half).n.to_numpy().ravel()) == {30}
    assert set(correlate(x, y, partial=half).n.to_numpy().ravel()) == {30}
    np.testing.assert_allclose(correlate(x, y, weights=w * 1e300).r, correlate(x, y, weights=w).r, atol=1e-12)
    w[0] = 0
    for given in ({"weights": np.array(["a"] * 60)}, {"weights": w[:50]}, {"weights": -w}, {"partial": w + 1j}):
        with pytest.raises(InputError):
            correlate(x, y, **given)
    with pytest.raises(InputError, match="60 features"):
        correlate(x, y[:, :40], weights=w)
    for wrong in ({"seed": True}, {"n_surrogates": True}):
        with pytest.raises(UsageError):
            correlate(x, y, **wrong)


def test_options_are_told_as_they_were_given():
    told = Options(partial=("a.nii", "b.nii"), threshold=np.float32(0.5)).resolved()
    assert told["partial"] == ["a.nii", "b.nii"]
    assert told["threshold"] == 0.5
    assert type(told["threshold"]) is float
