"""Colours of networks: those that readers know, and others that differ from them."""

from __future__ import annotations

from itertools import combinations

import pytest

from niicorr.plot.networks import NOBODYS, QUALITATIVE, YEO_7, YEO_17, colours, known_colour


@pytest.mark.parametrize(("name", "rgb"), [("Vis", (120, 18, 134)), ("SomMot", (70, 130, 180)),
                                           ("DorsAttn", (0, 118, 14)), ("SalVentAttn", (196, 58, 250)),
                                           ("Limbic", (220, 248, 164)), ("Cont", (230, 148, 34)),
                                           ("Default", (205, 62, 78))])
def test_the_seven_networks_have_the_colours_of_their_paper(name, rgb):
    assert known_colour(name) == "#{:02x}{:02x}{:02x}".format(*rgb)


@pytest.mark.parametrize(("name", "family"), [
    ("Visual", "Vis"), ("VIS", "Vis"), ("vis_2", "Vis"), ("Somatomotor", "SomMot"), ("Dorsal Attention", "DorsAttn"),
    ("dorsal_attn", None), ("Salience/Ventral Attention", "SalVentAttn"), ("Ventral attention", "SalVentAttn"),
    ("Frontoparietal", "Cont"), ("Control", "Cont"), ("Default Mode", "Default"), ("DMN", "Default"),
    ("Default_PFC", "Default"), ("SalVentAttn_Med", "SalVentAttn"), ("Limbic_OFC", "Limbic"), ("FPN-left", "Cont"),
    ("vandalised", None), ("Contralateral", None), ("Danish", None), ("Cerebellum", None), ("", None), ("7", None),
])  # fmt: skip
def test_tables_spell_them_in_many_ways(name, family):
    assert known_colour(name) == (family and YEO_7[family])


def test_the_seventeen_have_their_own():
    assert colours(list(YEO_17)) == tuple(YEO_17.values())
    assert len(set(YEO_17.values())) == 17


def test_a_family_is_told_apart_as_far_as_it_goes():
    first, second, third = colours(["Default_1", "Default_2", "Default_3"])
    assert first == YEO_7["Default"]
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("names", [[f"community {i}" for i in range(24)], [*YEO_7, "Subcortical", "Cerebellum", ""],
                                   [*YEO_17, "a", "b", "c"]])
def test_no_two_are_alike(names):
    found = colours(names)
    assert len(set(found)) == len(names)
    assert (NOBODYS in found) == ("" in names)


def test_what_is_no_network_of_yeos_looks_like_none_of_them():
    *seven, cerebellum, thalamus = colours([*YEO_7, "Cerebellum", "Thalamus"])
    assert seven == list(YEO_7.values())
    rgb = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in (*seven, cerebellum, thalamus)]
    for a, b in combinations(rgb, 2):
        assert sum(abs(x - y) for x, y in zip(a, b, strict=True)) > 60


def test_colours_that_stand_for_something_else_are_left_out():
    assert set(colours(list("abc"), others=QUALITATIVE[:6])).isdisjoint(QUALITATIVE[:6])


def test_more_names_than_colours_still_get_one():
    assert len(colours([f"community {i}" for i in range(40)])) == 40
