"""What a worker hands over comes back as it was, or is refused by the name of the file that does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from niicorr.cluster.shards import read_shard, write_shard
from niicorr.errors import InputError
from niicorr.images.extract import extract
from niicorr.images.mapset import read_maps
from niicorr.images.sampling import choose_sampling
from niicorr.images.survey import survey


@pytest.fixture
def shard(tmp_path):
    """Three maps with zeros that were read by rule, and another outline each."""
    rng, held = np.random.default_rng(0), []
    for k in range(3):
        values = rng.standard_normal((8, 8, 8)) + 4
        values[: k + 1] = 0
        held.append((values, np.diag([3.0, 3, 3, 1])))
    read = survey(read_maps(held))
    matrix = extract(read, choose_sampling(read), naive_step=2)
    assert matrix.zeros
    write_shard(str(tmp_path / "x-00000000"), matrix)
    return tmp_path / "x-00000000", matrix


def test_what_was_written_comes_back(shard):
    path, matrix = shard
    found = read_shard(str(path), matrix.features.n)
    for name in ("rows", "center", "scale", "support_of", "naive"):
        np.testing.assert_array_equal(getattr(found, name), getattr(matrix, name))
    np.testing.assert_array_equal(np.unpackbits(found.supports, axis=1, count=matrix.features.n), matrix.supports)
    assert dict(zip(found.zeros_of.tolist(), found.zeros_are_data.tolist(), strict=True)) == {
        k: reading == "data" for k, (reading, _) in matrix.zeros.items()}


def sources(change):
    """An edit of ``maps.json``."""
    def edit(path):
        told = json.loads((path / "maps.json").read_text())
        (path / "maps.json").write_text(json.dumps(change(told)))

    return edit


def array(name, change):
    """An edit of an array: what it becomes."""
    def edit(path):
        np.save(path / f"{name}.npy", change(np.load(path / f"{name}.npy")))

    return edit


def with_value(value, at=0):
    def change(values):
        values[..., at] = value
        return values

    return change


@pytest.mark.parametrize(("edit", "name"), [
    (sources(lambda told: told[:2]), "maps.json"), (sources(lambda told: {"a": 1, "b": 2, "c": 3}), "maps.json"),
    (sources(lambda told: [["x"]] * 3), "maps.json"), (sources(lambda told: [[1, True]] * 3), "maps.json"),
    (sources(lambda told: [[None, 1]] * 3), "maps.json"), (sources(lambda told: [None] * 3), "maps.json"),
    (lambda path: (path / "maps.json").write_text("[" * 100_000), "maps.json"),
    (lambda path: (path / "maps.json").unlink(), "maps.json"),
    (array("moments", lambda a: a[:, :2]), "moments.npy"), (array("moments", with_value(np.nan)), "moments.npy"),
    (array("moments", with_value(np.inf)), "moments.npy"), (array("moments", with_value(-1.0)), "moments.npy"),
    (array("support_of", lambda a: a[:2]), "support_of.npy"), (array("support_of", with_value(3)), "support_of.npy"),
    (array("support_of", with_value(-1)), "support_of.npy"), (array("naive", lambda a: a[:2]), "naive.npy"),
    (array("zeros_of", with_value(3)), "zeros_of.npy"), (array("zeros_of", with_value(-1)), "zeros_of.npy"),
    (array("zeros", lambda a: a[1:]), "zeros.npy"), (array("zeros_are_data", lambda a: a[1:]), "zeros_are_data.npy"),
    (array("rows", lambda a: a[:, 1:]), "rows.npy"), (array("supports", lambda a: a[:, 1:]), "supports.npy"),
])
def test_parts_that_do_not_fit_are_refused_by_name(shard, edit, name):
    path, matrix = shard
    edit(path)
    with pytest.raises(InputError, match=rf"x-00000000/{name.replace('.', '[.]')} is damaged"):
        read_shard(str(path), matrix.features.n)
