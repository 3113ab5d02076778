"""Workers change no number: each phase against the same without them, the workers being this process."""

from __future__ import annotations

import mmap
import os
import shutil

import nibabel
import numpy as np
import pandas as pd
import pytest
from cluster_maps import SHAPE, Inline, alone, assert_same, helped, of_workers, volume, with_workers, write_maps

import niicorr.cluster.session as session
import niicorr.compute.plan as plan
from niicorr import extraction, matrix
from niicorr.cluster import orders, work
from niicorr.cluster.tiles import pays
from niicorr.errors import InputError, ResourceError, UsageError
from niicorr.nulls import descriptions


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    return write_maps(folder, 17), write_maps(folder, 6, first=60)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder of its own to work in, and tiles and shards so small that there are several."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan, "TILE", 16)
    monkeypatch.setattr(session, "LEAST", 8)
    return tmp_path


@pytest.fixture
def workers(monkeypatch):
    return with_workers(monkeypatch, Inline())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"null": "gsm", "method": "spearman", "volumes": "all"},
        {"null": "none", "method": "bicor", "volumes": "all", "zeros": "missing"},
        {"null": "none", "method": "dice", "volumes": "1:4", "zeros": "data"},
        {"null": "none", "method": "concordance", "volumes": "all", "background": 0.0, "mask": "none"},
        {"null": "surrogate", "n_surrogates": 9, "volumes": "all", "interpolation": "nearest"},
    ],
)
def test_every_number_is_the_same(maps, workers, options):
    options = {"volumes": "all", **options}
    assert_same(alone(*maps, **options), helped(*maps, **options))
    assert workers.count("tile") == 2
    assert workers.count("place") > 3


def test_also_in_single_precision(maps, workers, monkeypatch):
    monkeypatch.setattr(matrix, "SMALL", 0)
    one, other = alone(*maps, volumes="all"), helped(*maps, volumes="all")
    assert_same(one, other)
    assert other.comparison.x.rows.dtype == np.float32
    assert workers.count("describe") == 2


def test_maps_that_do_not_fit_lie_in_a_file(maps, workers, monkeypatch):
    monkeypatch.setattr(extraction, "ROWS", 0)
    one, other = alone(*maps, volumes="all"), helped(*maps, volumes="all")
    assert_same(one, other)
    holder = other.comparison.x.rows
    while isinstance(holder, np.ndarray | memoryview):
        holder = holder.obj if isinstance(holder, memoryview) else holder.base
    assert isinstance(holder, mmap.mmap)
    assert workers.count("describe") == 2


def test_of_a_set_with_itself(maps, workers):
    one, other = alone(maps[0], volumes="all"), helped(maps[0], volumes="all")
    assert_same(one, other)
    assert workers.count("tile") == 3
    assert of_workers(other) == ("1 worker of local:2, 2 threads in all, read the maps, multiplied them and described "
                                 "them for the null model; all else was done here")


def test_with_weights_and_covariates(maps, workers):
    weights = (np.abs(volume(500)), np.diag([12.0, 12, 12, 1]))
    how = {"partial": [maps[1][0]], "weights": weights, "method": "spearman", "volumes": "all", "null": "effective"}
    x = maps[0]
    assert_same(alone(x, maps[1][1:5], **how), helped(x, maps[1][1:5], **how))
    assert workers.count("tile") == 2
    assert workers.count("describe") == 2


def test_pieces_of_descriptions_may_be_of_any_size(maps, workers, monkeypatch):
    monkeypatch.setattr(descriptions, "PIECE", 5)
    assert_same(alone(*maps, volumes="all"), helped(*maps, volumes="all"))
    assert workers.count("describe") == 5 + 2


def test_what_pays_is_not_told_by_the_null_model_alone(maps, workers, monkeypatch):
    # Here all is described by the client, which has the maps as they were extracted, not their ranks.
    monkeypatch.setattr("niicorr.cluster.nulls.pays", lambda *_: False)
    how = {"method": "spearman", "null": "effective", "volumes": "all"}
    assert_same(alone(*maps, **how), helped(*maps, **how))
    assert workers.count("describe") == 0


def test_means_over_regions(maps, workers):
    labels = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 13
    how = {"atlas": (labels.astype(np.int16), np.diag([12.0, 12, 12, 1])), "volumes": "all", "null": "none"}
    assert_same(alone(*maps, **how), helped(*maps, **how))
    assert workers.count("read") > 4
    assert workers.count("place") == workers.count("tile") == 0


def test_bad_files_are_named_as_ever(maps, workers, tmp_path):
    cut, no_image = tmp_path / "cut.nii.gz", tmp_path / "text.nii"
    with open(maps[0][0], "rb") as whole:
        cut.write_bytes(whole.read()[:-40])
    no_image.write_text("no image")
    x = [maps[0][0], str(cut), str(no_image), "gone.nii", *maps[0][1:10]]
    how = {"volumes": "all", "on_error": "skip"}
    one = alone(x, maps[1], **how)
    assert_same(one, helped(x, maps[1], **how))
    assert sum(record.error is not None for record in one.x_maps) == 3
    errors = []
    for run in (alone, helped):
        with pytest.raises(InputError) as caught:
            run(x, maps[1], volumes="all")
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert "3 of" in errors[0]


def test_one_file_under_two_names(maps, workers):
    x = pd.DataFrame({"path": [maps[0][0], maps[0][1], maps[0][0]], "label": ["one", "two", "three"]})
    one, other = alone(x, maps[1][:3]), helped(x, maps[1][:3])
    assert_same(one, other)
    assert list(other.r.columns) == ["one", "two", "three"]


def test_tasks_carry_names_and_slices(maps, workers):
    helped(*maps, volumes="all")
    assert len(workers.sizes) > 20
    assert max(workers.sizes) < 1000


def test_nothing_is_left(maps, workers, place):
    result = helped(*maps, volumes="all", null="none", method="spearman")
    assert os.listdir(place) == []
    # What is wanted later comes from the files, and the folder does not come back.
    one = alone(*maps, volumes="all", null="none", method="spearman")
    for k in (0, 3, 18):
        assert result.comparison.x.exact(k).tobytes() == one.comparison.x.exact(k).tobytes()
    assert os.listdir(place) == []


def test_workers_keep_nothing_of_a_run_that_ended(maps, monkeypatch):
    held = []

    def look(what, _order):
        if what == "forget":
            held.append((len(work._held), orders.reading.cache_info().currsize))
            work._held["another run",] = "a block"  # whose run goes on

    with_workers(monkeypatch, Inline(look))
    helped(*maps, volumes="all")
    assert held == [(3, 1)]
    assert list(work._held) == [("another run",)]
    del work._held["another run",]
    for known in (orders.reading, orders.placing, orders.set_facts, orders.comparing, orders._cache):
        assert known.cache_info().currsize == 0


def test_a_cache_is_filled_and_used(maps, workers, tmp_path):
    cache = tmp_path / "cache"
    first = helped(*maps, volumes="all", cache=cache)
    assert os.listdir(tmp_path) == ["cache"]
    second = alone(*maps, volumes="all", cache=cache)
    assert_same(first, second)
    assert any("all 31 maps came from" in d.text for d in second.provenance.decisions)


def test_a_run_is_continued(maps, monkeypatch, tmp_path):
    class Stop(BaseException):
        pass

    def stop(what, _order):
        if what == "describe":
            raise Stop

    kept = str(tmp_path / "kept")
    with_workers(monkeypatch, Inline(stop))
    with pytest.raises(Stop):
        helped(*maps, volumes="all", resume=kept)
    assert sorted(os.listdir(tmp_path)) == ["kept"]
    again = with_workers(monkeypatch, Inline())
    other = helped(*maps, volumes="all", resume=kept)
    assert again.count("tile") == 0
    assert again.count("describe") == 2
    continued = [d for d in other.provenance.decisions if d.topic == "resume"]
    assert "31 of 31 maps, 5 of 5 tiles" in continued[0].text
    one = alone(*maps, volumes="all")
    assert one.r.to_numpy().tobytes() == other.r.to_numpy().tobytes()
    assert one.p.to_numpy().tobytes() == other.p.to_numpy().tobytes()
    assert not os.path.exists(kept)


def test_a_file_that_changes_meanwhile_is_noticed(maps, monkeypatch, tmp_path):
    changing = str(tmp_path / "changing.nii.gz")
    shutil.copy(maps[0][0], changing)

    def change(what, _order):
        if what == "place":
            nibabel.save(nibabel.Nifti1Image(volume(77), np.diag([12.0, 12, 12, 1])), changing)

    with_workers(monkeypatch, Inline(change))
    with pytest.raises(InputError, match=r"changing\.nii\.gz was another file when a worker read it"):
        helped([changing, *maps[0][1:4]], maps[1][:3], null="none")


def test_a_worker_that_does_not_see_the_maps(maps, workers, monkeypatch):
    real = os.path.exists
    seen = {"worker": False}

    def read(*order):
        seen["worker"] = True
        try:
            return work_read(*order)
        finally:
            seen["worker"] = False

    work_read = work.read
    monkeypatch.setattr(work, "read", read)
    read.__module__, read.__qualname__ = "niicorr.cluster.work", "read"
    monkeypatch.setattr(os.path, "exists", lambda path: not (seen["worker"] and "map003" in path) and real(path))
    with pytest.raises(ResourceError, match=r"a worker does not see .*map003\.nii\.gz: .*under the same name"):
        helped(*maps, volumes="all")


def test_a_worker_of_another_version_that_comes_later(maps, workers, monkeypatch):
    there = {**work.versions_here(), "numpy": "1.0"}

    def change(what, order):
        if what == "tile":
            orders.reading.cache_clear()
            monkeypatch.setattr(work, "versions_here", lambda: there)

    with_workers(monkeypatch, Inline(change))
    with pytest.raises(ResourceError, match=rf"has numpy 1\.0 \(here|has numpy {np.__version__} \(here 1\.0\)"):
        helped(*maps, volumes="all")


def test_a_full_disk_under_the_cache_is_said_and_changes_nothing(maps, workers, monkeypatch, tmp_path):
    one = alone(*maps, volumes="all")
    cached = orders.Reading.cached

    def full(self, stage):
        cache = cached(self, stage)
        cache._additions.fault = "No space left on device"
        return cache

    monkeypatch.setattr(orders.Reading, "cached", full)
    other = helped(*maps, volumes="all")
    assert_same(one, other)
    assert "a worker could not write the cache (No space left on device): maps were read more than once" in (
        of_workers(other))


def test_a_shard_that_a_lost_worker_left_is_taken(maps, workers, monkeypatch):
    def twice(what, order):
        if what == "place":
            work.place(*order)

    with_workers(monkeypatch, Inline(twice))
    assert_same(alone(*maps, volumes="all", null="none"), helped(*maps, volumes="all", null="none"))


def test_two_workers_may_write_one_shard(maps, monkeypatch):
    done = []

    def twice(what, order):
        if what == "place" and not done:
            path, matrix = work.shard_path(*order[:3]), work._extracted(*order)
            for _ in range(2):
                work.write_shard(path, matrix)
                done.append(os.stat(os.path.join(path, "rows.npy")).st_ino)
            assert not [name for name in os.listdir(order[0]) if name.startswith(".x-")]

    with_workers(monkeypatch, Inline(twice))
    helped(*maps, volumes="all", null="none")
    assert len(done) == 2
    assert done[0] == done[1]


@pytest.mark.parametrize("x", [[(volume(1), np.eye(4))], np.ones((3, 30))])
def test_maps_in_memory_have_no_path(x, workers):
    with pytest.raises(UsageError, match="workers read files"):
        helped(x, null="none")


def test_a_gpu_of_this_machine_does_not_go_with_workers_of_others(maps):
    with pytest.raises(UsageError, match="leave out one of the two"):
        helped(*maps, device="cuda")


@pytest.mark.parametrize(
    ("tiles", "threads", "jobs", "expected"),
    [(1, 2, 1, True), (1, 2, 2, False), (3, 2, 2, False), (4, 2, 2, True), (16, 64, 8, True), (5, 64, 8, False)],
)
def test_who_is_faster(tiles, threads, jobs, expected):
    assert pays(tiles, threads, jobs) is expected


def test_a_cache_that_is_no_path_is_refused_before_workers_are_asked_for(maps, monkeypatch):
    asked = []
    monkeypatch.setattr("niicorr.cluster.connection.connected", lambda *_given, **_options: asked.append(1))
    with pytest.raises(UsageError, match="cache is the path of a folder, not int"):
        helped(*maps, cache=3)
    assert not asked
