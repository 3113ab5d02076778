"""Numbers as people read them."""

from __future__ import annotations

import pytest

from niicorr.numerals import r_text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.424, ".42"), (-0.066, "−.07"), (1.0, "1.00"), (-1.0, "−1.00"), (0.999, "1.00"), (0.0, ".00"), (-0.004, ".00"),
     (-0.0, ".00"), (12.5, "12.50")],
)
def test_numbers_as_papers_print_them(value, text):
    assert r_text(value) == text
