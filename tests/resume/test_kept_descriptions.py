"""Descriptions that wait for the next run are taken for what they are of, and for nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from niicorr.nulls.descriptions import arrays_of
from niicorr.nulls.effective import Description
from niicorr.resume import nulls as module
from niicorr.resume.nulls import KeptNull

OF = np.array([0, 1, 0])


def kept_null(monkeypatch, found):
    """A null model that an earlier run has kept something of."""
    monkeypatch.setattr(module, "features_digest", lambda _matrix: "f")
    monkeypatch.setattr(module, "map_digests", lambda _matrix, **_how: ["m"])
    kept = []
    pieces = SimpleNamespace(find=lambda *_key: found, asked=lambda *_what: None, keep=lambda *what: kept.append(what))
    anew = Description(OF, np.ones((3, 2)), None)
    null = SimpleNamespace(supports=SimpleNamespace(of=lambda _matrix: OF), describe=lambda _matrix, _jobs: anew)
    return KeptNull(pieces, null, Description, None, None), anew, kept


def test_what_is_of_these_maps_is_taken(monkeypatch):
    before = Description(OF.copy(), np.full((3, 2), 7.0), None)
    null, _, kept = kept_null(monkeypatch, list(arrays_of(before)))
    np.testing.assert_array_equal(null.describe(None).coefficients, before.coefficients)
    assert not kept


@pytest.mark.parametrize("of", [OF + 2**40, -1 - OF, 1 - OF, OF[:2], OF.astype(float) + 0.5])
def test_what_names_other_masks_is_made_anew(monkeypatch, of):
    null, anew, kept = kept_null(monkeypatch, list(arrays_of(Description(of, np.full((3, 2), 7.0), None))))
    assert null.describe(None) is anew
    assert len(kept) == 1
