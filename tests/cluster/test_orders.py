"""Orders that somebody damaged on the way to a worker."""

from __future__ import annotations

import pytest

from niicorr.cluster import orders
from niicorr.errors import InputError, ResourceError


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff"])
def test_an_order_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / orders.READING).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"reading\.json is damaged"):
        orders.reading(str(tmp_path))


def test_an_order_that_is_not_seen_is_a_matter_of_disks(tmp_path):
    with pytest.raises(ResourceError, match=r"a worker does not see .*reading\.json"):
        orders.reading(str(tmp_path))
