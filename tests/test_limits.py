"""Whole numbers that are too large are refused at the door, by the command line and by Python alike."""

from __future__ import annotations

import json

import numpy as np
import pytest

import niicorr as nc
from niicorr.cli.main import main
from niicorr.limits import LARGEST, MOST_REPEATS, MOST_SURROGATES, limit_fault
from niicorr.rois.options import RoiOptions, checked

MAPS = np.random.default_rng(0).normal(size=(3, 40))
HUGE = {"64 bits": 2**63, "200 bits": 2**200, "thousands of digits": 10**5000}


@pytest.mark.parametrize("name", ["seed", "jobs", "memory", "max_map_size", "n_surrogates"])
@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
def test_what_a_saved_result_cannot_hold_is_refused(name, value):
    with pytest.raises(nc.UsageError, match=f"^{name} is at most ") as refusal:
        nc.correlate(MAPS, null="none", **{name: value})
    assert len(str(refusal.value)) < 150


@pytest.mark.parametrize("name", ["jobs", "memory", "max_map_size"])
def test_options_of_regions_have_the_same_limit(name):
    with pytest.raises(nc.UsageError, match=f"^{name} is at most "):
        checked(RoiOptions(**{name: 2**63}))
    assert getattr(checked(RoiOptions(**{name: LARGEST})), name) == LARGEST


@pytest.mark.parametrize("value", [True, 1.5, "3", -1, -(10**5000), None],
                         ids=["True", "1.5", "text", "-1", "thousands of digits", "None"])
def test_what_is_no_whole_number_is_refused_in_a_short_sentence(value):
    with pytest.raises(nc.UsageError, match=r"^seed is a whole number from 0 on, not ") as refusal:
        nc.correlate(MAPS, seed=value)
    assert len(str(refusal.value)) < 80


def test_the_largest_numbers_come_back_from_a_saved_result(tmp_path):
    largest = {"seed": LARGEST, "jobs": LARGEST, "memory": LARGEST, "max_map_size": LARGEST,
               "n_surrogates": MOST_SURROGATES}
    nc.correlate(MAPS, null="none", **largest).save(tmp_path / "out")
    options = nc.load(tmp_path / "out").provenance.options
    assert {name: options[name] for name in largest} == largest
    assert json.loads((tmp_path / "out" / "run.json").read_text())["options"]["seed"] == LARGEST


def test_numpy_numbers_are_numbers(tmp_path):
    nc.correlate(MAPS, null="none", seed=np.int32(3), jobs=np.int64(1)).save(tmp_path / "out")
    assert nc.load(tmp_path / "out").provenance.options["seed"] == 3


@pytest.mark.parametrize("value", [MOST_REPEATS + 1, 10**20])
def test_a_calibration_has_a_limit(value):
    with pytest.raises(nc.UsageError, match=r"^repeats is at most 100.000: "):
        nc.calibrate(MAPS, repeats=value)


@pytest.mark.parametrize(("option", "value", "limit"), [
    ("--seed", "9" * 38, "9 223 372 036 854 775 807"), ("--jobs", "9" * 29, "9 223 372 036 854 775 807"),
    ("--seed", "9" * 5000, "9 223 372 036 854 775 807"), ("--seed", str(2**63), "9 223 372 036 854 775 807"),
    ("--n-surrogates", "1000000000000", "10 000 000"), ("--n-surrogates", "9" * 23, "10 000 000"),
], ids=["seed", "jobs", "seed of thousands of digits", "seed of 64 bits", "surrogates", "more surrogates"])
def test_the_command_line_refuses_them_in_one_line(capsys, option, value, limit):
    assert main(["run", "-x", "nowhere", option, value]) == 2
    said = capsys.readouterr().err.replace("\u00a0", " ").splitlines()[0]
    assert f"is too large: it is at most {limit}: " in said
    assert len(said) < 260


def test_the_command_line_refuses_too_many_blocks(capsys):
    assert main(["calibrate", "-x", "nowhere", "--repeats", "1000000000"]) == 2
    assert "at most 100 000: " in capsys.readouterr().err.replace("\u00a0", " ")


def test_limits_are_where_they_are_said_to_be():
    for name, most in (("n_surrogates", MOST_SURROGATES), ("repeats", MOST_REPEATS), ("seed", LARGEST)):
        assert limit_fault(name, most) == ""
        assert limit_fault(name, most + 1)
    assert np.iinfo(np.int64).max == LARGEST
    # What is said of them: the standard error of a share of .05.
    assert (0.05 * 0.95 / MOST_SURROGATES) ** 0.5 < 1e-4
    assert (0.05 * 0.95 / MOST_REPEATS) ** 0.5 < 1e-3
