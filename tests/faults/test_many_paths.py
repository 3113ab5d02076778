"""Twenty thousand paths from a shell or a manifest: all there, told apart, in time that grows with their number."""

from __future__ import annotations

import sys

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc
from niicorr.images.discover import discover

MANY = 20_000


def names(count):
    return [f"study/sub-{k // 100:03d}/sub-{k // 100:03d}_contrast-{k % 100:02d}_stat.nii" for k in range(count)]


def calls(work):
    """How many functions the work calls: as good as a clock, and the same on every machine."""
    count = 0

    def seen(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.fixture
def manifest(tmp_path):
    def written(count):
        path = tmp_path / f"{count}.tsv"
        path.write_text("path\tgroup\n" + "".join(f"{name}\tg{k % 7}\n" for k, name in enumerate(names(count))))
        return str(path)

    return written


def test_all_are_found_and_told_apart(manifest):
    for given in (names(MANY), manifest(MANY)):
        sources = discover(given)
        assert len(sources) == MANY
        assert len({source.label for source in sources}) == MANY
        assert sources[101].label == "sub-001_contrast-01"


@pytest.mark.parametrize("paths", [[f"a/{k}/map.nii" for k in range(MANY)], [f"a/map{k % 2}.nii" for k in range(MANY)],
                                   ["\0"] * MANY], ids=["folders", "twice", "none"])
def test_equal_names_are_told_apart(paths):
    sources = discover(paths)
    assert len({source.label for source in sources}) == len(sources) == (2 if paths[2] == paths[0] != "\0" else MANY)


@pytest.mark.parametrize("kind", ["arguments", "manifest", "folders"])
def test_the_work_grows_with_their_number(manifest, kind):
    of = {"arguments": names, "manifest": manifest, "folders": lambda count: [f"a/{k}/map.nii" for k in range(count)]}
    few, many = (calls(lambda count=count: discover(of[kind](count))) for count in (1000, 4000))
    assert many < 4.5 * few


def test_a_run_grows_with_the_number_of_files(tmp_path):
    head = nib.Nifti1Image(np.zeros((5, 5, 4), np.float32), np.diag([8.0, 8, 8, 1])).to_bytes()[:352]
    rng = np.random.default_rng(0)
    counts = (250, 1000)
    for count in counts:
        (tmp_path / str(count)).mkdir()
        for k in range(count):
            values = rng.standard_normal(100).astype(np.float32)
            (tmp_path / str(count) / f"map{k:05d}.nii").write_bytes(head + values.tobytes())
    one = str(tmp_path / "1000" / "map00000.nii")

    def correlated(count):
        result = nc.correlate(str(tmp_path / str(count)), one, null="none", mask="none", warn=False, jobs=1)
        assert result.estimate.shape == (1, count)
        result.save(tmp_path / f"out{count}")

    correlated(counts[0])  # which imports what is needed
    few, many = (calls(lambda count=count: correlated(count)) for count in counts)
    assert many < 4.5 * few
