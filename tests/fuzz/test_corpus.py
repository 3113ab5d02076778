"""Everything that was ever found, once more: each case must end as it should, and leave no file open."""

import os

import pytest

from .campaign import kept_files
from .handles import open_files

CORPUS = os.path.join(os.path.dirname(__file__), "corpus")
CASES = sorted(f"{reader}/{name}" for reader in os.listdir(CORPUS) for name in os.listdir(os.path.join(CORPUS, reader)))
HARMLESS = {"saved/partial-is-missing", "saved/series-beyond-float32", "saved/signalling-nan",
            "series/header-that-nibabel-mends"}
"""What must be read, without a word on the terminal; all others must be refused."""


def test_there_is_a_corpus():
    assert len(CASES) > 20
    assert set(CASES) > HARMLESS


@pytest.mark.parametrize("case", CASES)
def test_what_was_found_stays_mended(shop, case):
    files = kept_files(os.path.join(CORPUS, case))
    before = open_files()
    outcome, what, trace = shop.judge(case.split("/")[0], files)
    assert open_files() == before
    assert outcome == ("accepted" if case in HARMLESS else "refused"), f"{what}\n{trace}"
