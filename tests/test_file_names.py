"""Names of files made of labels."""

from __future__ import annotations

import pytest

from niicorr.result.file_names import distinct_names, plain_name


@pytest.mark.parametrize(("label", "plain"), [
    ("sub-07_pet", "sub-07_pet"), ("Präkuneus", "Prakuneus"), ("a/b\\c:d", "a-b-c-d"), ("..", "map"), ("", "map"),
    ("Ω", "map"), ("-x. ", "x"), ("two  words", "two-words"),
])
def test_names_keep_of_labels_what_every_system_takes(label, plain):
    assert plain_name(label, "map") == plain


def test_names_that_differ_in_case_alone_are_numbered():
    def maker(label):
        return lambda number: label if number == 1 else f"{label}_{number}"

    assert distinct_names(map(maker, ["a", "A", "a_2", "b", "a"])) == ["a", "A_2", "a_2_2", "b", "a_3"]
