"""Names in figures."""

import pytest

from niicorr.plot.labels import (
    exponent_of,
    natural_key,
    power_text,
    rounded_up,
    scaled_text,
    set_name,
    shorten_middle,
    shown,
)
from niicorr.records import MapRecord

FAMILIES = ["DejaVu Sans"]


def test_natural_order_survives_any_name():
    names = ["b", "a" + "9" * 5000, "a10", "a02b", "a2", "A3", "", "10", "9", "²", "a"]
    expected = ["", "9", "10", "a", "a2", "a02b", "A3", "a10", "a" + "9" * 5000, "b", "²"]
    assert sorted(names, key=natural_key) == expected


def test_short_names_stay_whole_long_ones_lose_their_middle():
    assert shorten_middle("x" * 40) == "x" * 40
    short = shorten_middle("start" + "x" * 50 + "end")
    assert len(short) == 40
    assert short.startswith("startx")
    assert short.endswith("xend")
    assert short.count("…") == 1


def test_names_that_shorten_alike_are_numbered():
    names = [f"{'a' * 30}{i}{'b' * 30}" for i in range(2)] + ["c"]
    first, second, third = shown(names, FAMILIES)
    assert (first[-4:], second[-4:], third) == (" (1)", " (2)", "c")


def test_characters_without_a_glyph_are_escaped_and_stay_distinct():
    assert shown(["恐れ", "очень", "é"], FAMILIES) == ["\\u6050\\u308c", "очень", "é"]


@pytest.mark.parametrize(
    ("paths", "name"),
    [(["a/experiments/1.nii", "a/experiments/2.nii"], "experiments"), (["1.nii"], "x maps"), (["./1.nii"], "x maps"),
     (["a/1.nii", "b/1.nii"], "x maps"), (["", ""], "x maps"), (["../1.nii"], "x maps"), (["a\x1b/1.nii"], "a\\x1b")],
)
def test_a_set_is_called_by_its_folder(paths, name):
    assert set_name([MapRecord(label=path, path=path) for path in paths], "x maps") == name


@pytest.mark.parametrize(
    ("value", "exponent", "text"),
    [(23456.0, 4, "2.35"), (-23456.0, 4, "−2.35"), (99949.0, 3, "99.9"), (99951.0, 3, "100"), (9.996, 0, "10.0"),
     (-9.994, 0, "−9.99"), (3e-8, -7, ".30"), (-1e-9, -7, "−.01"), (0.0, 5, ".00"), (-12345.0, 0, "−12345")],
)
def test_numbers_of_any_size_are_written_in_units(value, exponent, text):
    assert scaled_text(value, exponent) == text


@pytest.mark.parametrize(("largest", "exponent"), [(0.1, 0), (99.9, 0), (100, 2), (7000, 3), (0.099, -2), (2.1e-7, -7)])
def test_units_leave_one_digit_before_the_point(largest, exponent):
    assert exponent_of(largest) == exponent


@pytest.mark.parametrize(("value", "rounded"), [(1.0, 1.0), (1.01, 1.1), (99.0, 99.0), (99.1, 100.0), (0.0301, 0.031),
                                                (6999.0, 7000.0), (2.1e-7, 2.1e-7), (0.7, 0.7), (3e5, 3e5)])
def test_limits_are_rounded_up_to_two_digits(value, rounded):
    assert rounded_up(value) == rounded


def test_powers_are_written_as_print_does():
    assert [power_text(e) for e in (0, 3, -12)] == ["10⁰", "10³", "10⁻¹²"]
