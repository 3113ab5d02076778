"""Groups of regions and maps: who stands where, under which name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from region_results import SEVEN, pairs_of_sides, region

from niicorr.plot.groups import SIDE_COLOURS, Strip, grouped, map_strips, region_strips, spread
from niicorr.plot.networks import NOBODYS, YEO_7
from niicorr.records import MapRecord


def records(*columns, names=None):
    """Maps with these columns of a manifest: (title, values)."""
    n = len(columns[0][1])
    return tuple(MapRecord(f"map{i}", "", metadata={title: values[i] for title, values in columns if values[i]})
                 for i in range(n))


def test_networks_and_inside_of_them_hemispheres_in_the_order_of_the_atlas():
    rng = np.random.default_rng(0)
    regions = [region(i, "LR"[rng.integers(2)], SEVEN[rng.integers(7)]) for i in range(60)]
    groups = grouped(region_strips(regions))
    seen = list(dict.fromkeys(r.network for r in regions))
    expected = sorted(range(60), key=lambda i: (seen.index(regions[i].network), regions[i].hemisphere, i))
    assert groups.order.tolist() == expected
    assert (groups.by, list(groups.names)) == ("network", seen)
    assert groups.colours == tuple(YEO_7[name] for name in seen)
    for name, (start, stop) in zip(groups.names, groups.spans, strict=True):
        assert {regions[i].network for i in groups.order[start:stop]} == {name}
    stands = [(regions[i].network, regions[i].hemisphere) for i in groups.order]
    changes = {i for i in range(1, 60) if stands[i] != stands[i - 1]}
    assert changes == {start for start, _ in groups.spans[1:]} | set(groups.inner)


def test_without_networks_hemispheres_so_that_homotopic_regions_line_up():
    regions = [*pairs_of_sides(20), region(20), region(21)]
    groups = grouped(region_strips(regions))
    assert (groups.by, groups.names, groups.spans) == ("hemisphere", ("left", "midline", "right"),
                                                       ((0, 10), (10, 12), (12, 22)))
    left, right = groups.order[:10], groups.order[12:]
    assert (right - left == 1).all(), "each left region as far from the first as its partner on the right"
    assert groups.colours == tuple(SIDE_COLOURS[name] for name in groups.names)
    assert groups.inner == ()


@pytest.mark.parametrize(("x", "side"), [(0.0, "midline"), (-11.0, "midline"), (40.0, "no side"), (np.nan, "no side")])
def test_a_region_without_a_side_is_in_the_midline_if_it_lies_there(x, side):
    regions = [*pairs_of_sides(6), region(6, centroid=(x, 0.0, 0.0))]
    assert side in grouped(region_strips(regions)).names


def test_regions_of_no_network_come_last():
    words = ["", "Vis", "None", "Vis", "No network found", "Default", "Default", "n/a"]
    groups = grouped(region_strips([region(i, network=word) for i, word in enumerate(words)]))
    assert groups.names == ("Vis", "Default", "no network")
    assert groups.spans == ((0, 2), (2, 4), (4, 8))
    assert groups.colours[-1] == NOBODYS


@pytest.mark.parametrize("regions", [
    [region(i) for i in range(48)],
    [region(i, network="Vis") for i in range(9)],
    [region(i, network=f"{i}") for i in range(9)],
    [region(i, network=f"{i // 2}") for i in range(62)],
    [region(i, "L") for i in range(9)],
    pairs_of_sides(2),
    [],
], ids=["nothing", "one network", "a network each", "31 networks", "one side", "one pair", "no region"])  # fmt: skip
def test_what_tells_nothing_apart_makes_no_groups(regions):
    assert region_strips(regions) == ()
    assert grouped(()) is None


def test_maps_by_the_first_column_with_two_to_twenty_values():
    ids, same = [f"{i}" for i in range(30)], ["x"] * 30
    many = [f"{i % 21}" for i in range(30)]
    domain = ["", *(["fear", "pain", "reward"][i % 3] for i in range(29))]
    (strips,) = map_strips(records(("id", ids), ("study", same), ("many", many), ("domain", domain), ("late", domain)))
    (strip,) = strips
    assert (strip.title, strip.names) == ("domain", ("fear", "pain", "reward", "none"))
    groups = grouped(strips)
    assert groups.order[-1] == 0, "the map of which nothing is known"
    assert groups.spans == ((0, 10), (10, 20), (20, 29), (29, 30))
    assert map_strips(records(("id", ids), ("study", same))) == ((),)


def test_a_column_of_both_sets_has_one_meaning_for_each_colour_and_two_columns_share_none():
    x, y = map_strips(records(("domain", list("abab"))), records(("domain", list("bcbc"))))
    shades = [dict(zip(strip.names, strip.colours, strict=True)) for (strip,) in (x, y)]
    assert shades[0]["b"] == shades[1]["b"]
    assert len({*shades[0].values(), *shades[1].values()}) == 3
    x, y = map_strips(records(("domain", list("abab"))), records(("system", list("abab"))))
    assert set(x[0].colours).isdisjoint(y[0].colours)


def test_runs_of_a_strip():
    strip = Strip("t", ("a", "b"), ("#000000", "#ffffff"), (0, 0, 1, 0))
    assert strip.runs() == [(0, 2, 0), (2, 3, 1), (3, 4, 0)]
    assert strip.arranged(np.array([2, 3, 0, 1])).of == (1, 0, 0, 0)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12).map(sorted), st.floats(0.1, 8))
def test_spread_points_keep_their_order_distance_and_bounds(wanted, pitch):
    found = spread(wanted, pitch, 100.0)
    assert (np.diff(found) >= pitch * (1 - 1e-9) - 1e-9).all()
    assert found[0] >= pitch / 2 - 1e-9
    assert found[-1] <= 100 - pitch / 2 + 1e-9
    clear = [pitch / 2 + 1e-9 < a < 100 - pitch / 2 - 1e-9 for a in wanted]
    if all(clear) and (np.diff(wanted) >= pitch).all():
        np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_spread_points_move_as_little_as_possible():
    from scipy.optimize import minimize

    wanted, pitch = np.array([10.0, 10.5, 11.0, 30.0, 30.2, 60.0]), 3.0
    gaps = [{"type": "ineq", "fun": lambda x, i=i: x[i + 1] - x[i] - pitch} for i in range(5)]
    best = minimize(lambda x: ((x - wanted) ** 2).sum(), np.arange(6) * 10.0, constraints=gaps, method="SLSQP")
    np.testing.assert_allclose(spread(wanted, pitch, 100.0), best.x, atol=1e-3)
