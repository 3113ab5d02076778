"""The summary for --json."""

from __future__ import annotations

import json

import numpy as np

from niicorr.cli.summary import summary
from niicorr.records import Decision, MapRecord, Provenance
from niicorr.result import CorrelationResult, Sensitivity

FILES = ("correlations.csv", "run.json")


def question(nx=20, ny=4, **changes):
    """The question's data: twenty experiments, four activity maps."""
    r = np.tanh(np.random.default_rng(7).normal(0, 0.3, (ny, nx)))
    zeros = Decision("zeros", "106 zeros are missing")
    values = {
        "estimate": r,
        "counts": np.full((ny, nx), 31021),
        "x_maps": tuple(MapRecord(f"exp_{i:02d}", f"/data/{i}.nii", decisions=(zeros,)) for i in range(nx)),
        "y_maps": tuple(MapRecord(f"pet_{i}", f"/data/pet_{i}.nii") for i in range(ny)),
        **changes,
    }
    return CorrelationResult(**values)


def test_summary_is_plain_json():
    result = question()
    estimate = result.estimate.copy()
    estimate[0, 0] = np.nan
    estimate[3, 5] = -0.95
    bad = MapRecord("bad\udcff", "/data/bad\udcff.nii", error="not an image")
    other = np.full((4, 20), np.nan)
    other[1, 1] = 0.5
    result = result.replace(
        estimate=estimate,
        notes={(0, 0): "the map is constant"},
        x_maps=(bad, *result.x_maps[1:]),
        sensitivity=Sensitivity(-estimate, 2, other),
        provenance=Provenance(decisions=(Decision("grid", "one"),), warnings=("odd",)),
    )
    found = json.loads(json.dumps(summary(result, "out", FILES), allow_nan=False).encode("utf-8"))
    assert found["x"] == {
        "maps": 20,
        "skipped": [{"label": "bad\\udcff", "path": "/data/bad\\udcff.nii", "error": "not an image"}],
    }
    assert found["y"] == {"maps": 4, "skipped": []}
    assert found["pairs"] == 80
    assert found["r"] == [-0.95, np.nanmax(estimate)]
    assert found["n"] == [31021, 31021]
    assert len(found["strongest"]) == 5
    assert found["strongest"][0] == {"x": "exp_05", "y": "pet_3", "r": -0.95, "n": 31021}
    assert found["tests"] is None
    assert found["cells_without_number"] == {
        "count": 1,
        "reasons": [{"count": 1, "text": "the map is constant"}],
    }
    assert found["sensitivity"] == {
        "naive_largest_error": 1.9,
        "naive_sign_flips": 79,
        "naive_pairs": 79,
        "step": 2,
        "zeros_matter": 1,
    }
    assert found["decisions"] == [{"topic": "grid", "text": "one"}]
    assert len(found["map_decisions"]) == 19
    assert found["warnings"] == ["odd"]
    assert found["out"] == "out"
    assert found["files"] == list(FILES)
    assert found["null"] == "none"


def test_summary_without_any_number():
    result = question(
        2, 1, estimate=np.full((1, 2), np.nan), counts=np.zeros((1, 2), dtype=int), sensitivity=None
    )
    found = summary(result, None, ())
    assert found["r"] is None
    assert found["n"] is None
    assert found["strongest"] == []
    assert found["sensitivity"] is None
    assert found["cells_without_number"]["count"] == 2
