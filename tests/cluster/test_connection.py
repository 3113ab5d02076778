"""Real workers: processes that come, are killed, are others than they should be, or do not come at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from cluster_maps import alone, assert_same, helped, of_workers, write_maps

import niicorr.cluster.session as session
import niicorr.compute.plan as plan
from niicorr.analysis import silent
from niicorr.cli.main import main
from niicorr.cluster import connection, work
from niicorr.cluster import tasks as tasks_module
from niicorr.cluster.tasks import Tasks
from niicorr.errors import InputError, ResourceError, UsageError

distributed = pytest.importorskip("distributed", reason="distributed is not installed: pip install 'niicorr[dask]'")


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    return write_maps(folder, 26), write_maps(folder, 14, first=60)


@pytest.fixture(scope="module")
def cluster():
    """Two workers, processes of one thread each."""
    with connection._quiet(), connection._own_workers(2) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan, "TILE", 16)
    monkeypatch.setattr(session, "LEAST", 8)
    return tmp_path


def test_a_full_disk_is_named_by_the_folder_that_stays(tmp_path):
    folder = tmp_path / ".niicorr-a-1-ff"
    folder.mkdir()
    with pytest.raises(ResourceError, match=f"^{re.escape(str(tmp_path))}: no room left: free some$"), \
            connection.naming(str(folder), str(tmp_path)):
        raise ResourceError(f"{folder}/x-00000000: no room left: free some")
    with pytest.raises(ResourceError, match=r"^other: no room$"), connection.naming(str(folder), str(tmp_path)):
        raise ResourceError("other: no room")


@pytest.mark.parametrize("what", ["folder", "map", "piece", "scratch"])
def test_what_vanishes_in_the_middle_is_told_by_name_or_changes_nothing(maps, cluster, place, what):
    """A map before it is brought to the grid; the folder where all meet, or a piece in it; a worker's own folder."""
    victim = maps[0][20]
    gone = []

    def vanish():
        (hidden,) = place.glob(".niicorr-*")
        if what == "folder":
            shutil.rmtree(hidden)
        elif what == "piece":
            shutil.rmtree(hidden / "x-00000000")
        elif what == "map":
            shutil.rmtree(hidden / "maps")  # else it is not missed
            os.rename(victim, f"{victim}.away")
        else:
            shutil.rmtree(next(iter(cluster.workers.values())).local_directory)
        gone.append(what)

    @contextmanager
    def progress(_total, doing):
        if doing == "bringing maps to one grid" and what == "map":
            vanish()

        def advance(_steps):
            if doing == ("bringing maps to one grid" if what == "scratch" else "comparing maps") and not gone:
                vanish()

        yield advance

    def run():
        return helped(*maps, volumes="all", scheduler=cluster.scheduler_address, progress=progress)

    try:
        if what == "scratch":
            assert_same(alone(*maps, volumes="all"), run())
        else:
            with pytest.raises(InputError if what == "map" else ResourceError) as caught:
                run()
            text = str(caught.value)
            if what == "map":
                assert text == f"{victim} was gone when a worker was to read it: put it back, and run again"
            else:
                assert text.startswith(f"{place}: ")
                assert "was removed while this run and its workers used it" in text
                assert ".niicorr-" in text
    finally:
        if what == "map":
            os.rename(f"{victim}.away", victim)
    assert gone == [what]
    assert os.listdir(place) == []


def test_a_worker_killed_in_every_phase_changes_nothing(maps, cluster, place):
    killed = []

    @contextmanager
    def progress(_total, what):
        def advance(_steps):
            # A few at a time: after the first outcome of a phase, most of it is still to be done.
            if what not in killed and what in ("reading maps", "bringing maps to one grid", "comparing maps"):
                killed.append(what)
                os.kill(next(nanny.pid for nanny in cluster.workers.values() if nanny.pid), signal.SIGKILL)

        yield advance

    one = alone(*maps, volumes="all")
    other = helped(*maps, volumes="all", scheduler=cluster.scheduler_address, progress=progress)
    assert len(killed) == 3
    assert_same(one, other)
    said = of_workers(other)
    assert "read the maps, multiplied them and described them for the null model" in said
    assert "lost on the way; what was not finished was done again by others" in said
    assert os.listdir(place) == []


def held_by_worker():
    """How many blocks a worker keeps."""
    return len(work._held)


def test_workers_that_stay_keep_nothing(maps, cluster):
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        helped(*maps, volumes="all", null="none", scheduler=cluster.scheduler_address)
        assert set(client.run(held_by_worker).values()) == {0}


def test_a_worker_that_does_not_answer_is_not_waited_for(cluster):
    """At the end of a run, that is; while it lasts, the scheduler takes what it does for lost."""
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2)
        pid = next(nanny.pid for nanny in cluster.workers.values() if nanny.pid)
        os.kill(pid, signal.SIGSTOP)
        try:
            Tasks(client).everywhere(held_by_worker, (), 0.3)
        finally:
            os.kill(pid, signal.SIGCONT)


def test_the_command_says_no_more_with_workers_than_without(maps, cluster, place, capfd, monkeypatch):
    where = place / "scheduler.json"
    where.write_text(json.dumps({"address": cluster.scheduler_address}))
    common = ["-x", *maps[0], "-y", *maps[1], "--volumes", "all", "--null", "none", "--no-figures", "--no-report"]
    assert main(["run", *common, "--out", "one"]) == 0
    plain = capfd.readouterr()
    assert main(["run", *common, "--out", "two", "--scheduler", str(where), "--jobs", "1"]) == 0
    said = capfd.readouterr()
    ours = re.search(r"^scheduler +[12] workers? of.*\n( .*\n)*", said.err, re.MULTILINE)
    assert ours is not None, said.err
    assert "multiplied them; all else was done here" in re.sub(r"\s+", " ", ours[0])
    seconds = re.compile(r" in [0-9.]+ s")
    rest = said.err.replace(ours[0], "").replace("two/", "one/")
    assert seconds.sub("", rest) == seconds.sub("", plain.err)
    assert said.out == plain.out
    assert sorted(os.listdir(place)) == ["one", "scheduler.json", "two"]
    tables = [(place / out / "correlations.csv").read_bytes() for out in ("one", "two")]
    assert tables[0] == tables[1]
    assert json.loads((place / "two" / "run.json").read_text())["options"]["scheduler"] == str(where)


def test_ctrl_c_leaves_nothing(maps, place):
    """To the whole group, as a terminal sends it: workers must not answer with tracebacks."""
    command = [sys.executable, "-m", "niicorr", "run", "-x", *maps[0], "--volumes", "all", "--scheduler", "local:1",
               "-o", "out"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True) as run:
        while run.poll() is None and not any(place.glob(".niicorr-*/reading.json")):
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGINT)
        said, _ = run.communicate(timeout=60)
    assert (run.returncode, said.split()) == (130, ["error:", "interrupted;", "nothing", "was", "written"])
    assert os.listdir(place) == []


def test_workers_of_another_version_are_refused_by_name(maps, cluster, monkeypatch, place):
    monkeypatch.setattr(work, "versions_here", lambda: {"niicorr": "99.1", "numpy": "0.5"})
    with pytest.raises(ResourceError, match=r"workers? of 2? ?.*cannot do the work") as caught:
        helped(*maps, scheduler=cluster.scheduler_address)
    assert "tcp://127.0.0.1:" in str(caught.value)
    assert "(here 99.1) and numpy" in str(caught.value)
    assert os.listdir(place) == []


class Answering:
    """A client whose workers answer as they are told to."""

    def __init__(self, **changes):
        self.changes = changes

    def run(self, what, folder, token, on_error):
        assert (what, on_error) == (work.introduce, "return")
        if "error" in self.changes:
            return {"tcp://one": self.changes["error"]}
        return {"tcp://one": {**work.introduce(folder, token), "host": "node7", **self.changes}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sees": False}, r"tcp://one on node7 cannot see .*: output, cache and maps must lie on a disk that all"),
        ({"writes": False}, r"tcp://one on node7 cannot write to "),
        ({"error": ModuleNotFoundError("No module named 'niicorr'")}, r"tcp://one cannot run this niicorr .*No module"),
        ({"versions": {}}, r"tcp://one on node7 has niicorr – \(here"),
    ],
)
def test_workers_that_cannot_do_the_work_are_named(changes, words, place):
    with pytest.raises(ResourceError, match=words):
        connection._introduced(Answering(**changes), str(place))


def test_a_worker_elsewhere_does_not_see_the_folder(place):
    assert work.introduce(str(place / "nowhere"), "token")["sees"] is False
    (place / "token").write_text("another")
    assert work.introduce(str(place), "token")["sees"] is False
    connection._introduced(Answering(), str(place))


@pytest.mark.parametrize(
    ("scheduler", "content", "words"),
    [
        ("tcp://127.0.0.1:9", None, r"no scheduler answers at tcp://127\.0\.0\.1:9 .*start one"),
        ("gone.json", None, "there is no such file"),
        ("odd.json", "[]", "it is not what a scheduler writes"),
        ("odd.json", '{"address": 5}', "it tells no address"),
    ],
)
def test_no_scheduler(scheduler, content, words, monkeypatch, place):
    monkeypatch.setattr(connection, "ANSWER", 0.3)
    if content is not None:
        (place / scheduler).write_text(content)
    with pytest.raises(ResourceError, match=words), connection.connected(scheduler, jobs=1, progress=silent):
        pass
    assert not any(place.glob(".niicorr-*"))


def test_no_workers(place, monkeypatch):
    """A scheduler alone, as long as its workers wait in the queue of the machine."""
    monkeypatch.setattr(tasks_module, "LOOK", 0.2)
    with connection._quiet(), distributed.LocalCluster(n_workers=0, dashboard_address=None) as lonely:
        address = lonely.scheduler_address
        with (pytest.raises(ResourceError, match=f"no worker has come for 0 s: start workers for .* {address}"),
              connection.connected(address, jobs=1, progress=silent, patience=0.2)):
            pass
        # They may also go away, all of them, and not come back; or the scheduler itself.
        lonely.scale(1)
        with distributed.Client(lonely, set_as_default=False) as client:
            client.wait_for_workers(1)
            tasks = Tasks(client, patience=0.3)
            threading.Timer(0.3, lonely.scale, [0]).start()
            with pytest.raises(ResourceError, match="all workers are gone for 0 s"):
                list(tasks.done(time.sleep, [(60,)]))


def test_without_dask(monkeypatch, place):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'niicorr\[dask\]'"), connection.connected(
            "local:1", jobs=1, progress=silent):
        pass
    assert os.listdir(place) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "a worker ran out of memory"),
        (ModuleNotFoundError("No module named 'nibabel'"), "workers lack what niicorr needs"),
        (distributed.KilledWorker("task", None, 3), "4 workers died one after the other over the same piece"),
    ],
)
def test_what_goes_wrong_with_a_task(error, words):
    class Failed:
        status, released = "error", False

        def result(self):
            raise error

        def release(self):
            self.released = True

    class Client:
        def nthreads(self):
            return {"tcp://one": 1}

    failed = Failed()
    with pytest.raises(ResourceError, match=words):
        Tasks(Client()).outcome(failed)
    assert failed.released


def test_a_lost_scheduler_is_said():
    class Client:
        scheduler = None

        def nthreads(self):
            return {"tcp://one": 1}

    class Lost:
        status = "cancelled"

        def release(self):
            pass

    with pytest.raises(ResourceError, match=r"the scheduler .* has gone"):
        Tasks(Client()).outcome(Lost())


def test_dask_is_not_imported_unless_asked_for():
    code = ("import sys, numpy as np, niicorr as nc; nc.correlate(np.eye(4)[:2]); import niicorr.cluster.session; "
            "assert not {'distributed', 'dask'} & set(sys.modules), sorted(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_log_is_as_it_was():
    import logging

    logger = logging.getLogger("distributed.nanny")
    before = logger.level
    with connection._quiet():
        assert logger.level > logging.CRITICAL
    assert logger.level == before
