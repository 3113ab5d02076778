"""A flipped bit of a gzip stream is noticed, or makes no difference; nibabel shows how often it would."""

import gzip

import pytest

from . import bit_flips
from .bit_flips import flip_campaign, streams

FLIPS, BESIDE = 3000, 300


def test_no_flipped_bit_changes_anything_silently():
    flips = flip_campaign(FLIPS, beside=BESIDE)
    assert not flips.ours.silent, str(flips)
    assert flips.ours.refused + flips.ours.unchanged == FLIPS
    # Bits of time, system and name in the header of the stream mean nothing.
    assert 0 < flips.ours.unchanged < 0.05 * FLIPS
    # The same flips do change numbers where nobody looks at the checksum.
    assert len(flips.theirs.silent) > 0.3 * BESIDE
    assert "silently changed" in str(flips)


def test_a_reader_that_reads_less_than_all_is_found(monkeypatch):
    def careless(path):
        import zlib

        with open(path, "rb") as file:
            return (zlib.decompressobj(31).decompress(file.read(), 4000),)

    monkeypatch.setattr(bit_flips, "_ours", careless)
    monkeypatch.setattr(bit_flips, "MapError", Exception)
    assert flip_campaign(200, beside=0).ours.silent


@pytest.mark.parametrize("name", list(streams()))
def test_streams_are_sound_and_differ(name):
    found = streams()
    assert gzip.decompress(found[name])[344:348] == b"n+1\0"
    assert len(set(found.values())) == len(found)
