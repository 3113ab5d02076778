"""Numbers as people read them."""

from __future__ import annotations

import pytest

from niicorr.numerals import bytes_text, p_text, r_text


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
    ("value", "text"),
    [(0.05, "= .050"), (0.0499, "= .050"), (0.032, "= .032"), (0.0041, "= .0041"), (0.001, "= .0010"), (0.3, "= .30"),
     (0.1049, "= .10"), (0.999, "= 1.0"), (1.0, "= 1.0"), (0.00099, "< .001"), (0.0, "< .001")],
)
def test_probabilities_have_two_digits(value, text):
    assert p_text(value) == text
