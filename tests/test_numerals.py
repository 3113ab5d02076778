"""Numbers as people read them."""

from __future__ import annotations

import pytest

from niicorr.numerals import bytes_text, memory_text, number, p_text, r_text, whole


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.424, ".42"), (-0.066, "−.07"), (1.0, "1.00"), (-1.0, "−1.00"), (0.999, "1.00"), (0.0, ".00"), (-0.004, ".00"),
     (-0.0, ".00"), (12.5, "12.50")],
)
def test_numbers_as_papers_print_them(value, text):
    assert r_text(value) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (4096, "4.1 kB"), (56_800_000, "56.8 MB"), (1.24e9, "1.2 GB"),
     (2_500_000_000_000, "2500.0 GB")],
)
def test_bytes_in_words(size, text):
    assert bytes_text(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (0.6, "1 byte"), (1023, "1\u00a0023 bytes"), (1024, "1 KiB"), (2018, "1.97 KiB"),
     (2**20 - 1, "1\u00a0024 KiB"), (2**20, "1 MiB"), (998 * 2**20, "998 MiB"), (1012 * 2**20, "1\u00a0012 MiB"),
     (2**30, "1 GiB"), (6.4 * 2**30, "6.4 GiB"), (180.4 * 2**20, "180 MiB"), (2**61, "2\u00a0097\u00a0152 TiB")],
)
def test_memory_in_the_units_it_is_given_in(size, text):
    assert memory_text(size) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.05, "= .050"), (0.0499, "= .050"), (0.032, "= .032"), (0.0041, "= .0041"), (0.001, "= .0010"), (0.3, "= .30"),
     (0.1049, "= .10"), (0.999, "= 1.0"), (1.0, "= 1.0"), (0.00099, "< .001"), (0.0, "< .001")],
)
def test_probabilities_have_two_digits(value, text):
    assert p_text(value) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), (" -1.5e3 ", -1500), ("+.5", 0.5), ("inf", float("inf")), ("-Infinity", float("-inf")), ("1e999",
     float("inf")), ("\u00a07", 7), ("1_0", None), ("٣", None), ("٣.٥", None), ("１", None), ("", None), ("1,5", None),
     ("0x1", None), ("−1", None), ("1 0", None)],
)
def test_numbers_are_written_in_plain_digits(text, value):
    assert number(text) == value


def test_no_number_is_a_number():
    assert number("NaN") != number("NaN")


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-12", -12), ("007", 7), ("1_0", None), ("٣", None), ("²", None), ("", None), ("-", None), (" 1", None),
     ("1.0", None), ("+1", None), ("9" * 5000, None)],
)
def test_whole_numbers_are_written_in_plain_digits(text, value):
    assert whole(text) == value
