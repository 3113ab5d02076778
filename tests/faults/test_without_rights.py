"""Rights that are lacking: what may not be read is no other thing, and a umask against its own user leaves nothing."""

from __future__ import annotations

import os
import shutil
import traceback

import pytest
from faulty_runs import Forked, without_rights

import niicorr as nc
from interrupted_runs import write_maps
from niicorr.cli.main import main
from niicorr.hidden import hidden_place, sweep

QUICK = ("-q", "--no-figures", "--no-report", "--null", "none")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Maps, a result, and a library."""
    folder = tmp_path_factory.mktemp("made")
    write_maps(folder / "maps", 3)
    assert main(["run", "-x", str(folder / "maps"), "-o", str(folder / "out"), *QUICK]) == 0
    assert main(["index", str(folder / "maps"), "-o", str(folder / "library"), "-q"]) == 0
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of them, as the working directory."""
    for name in ("maps", "out", "library"):
        shutil.copytree(made / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for root, folders, files in os.walk(tmp_path):
        for name in (*folders, *files):
            os.chmod(os.path.join(root, name), 0o777)


def ended(*argv, umask=0o022):
    def before():
        without_rights()
        os.umask(umask)

    return Forked(*argv, before=before).end()


THE_UMASK = "the umask 0777 takes from you the rights to what you make: set another first, such as umask 022"
MAP = "maps/map000.nii.gz"

COMMANDS = [
    ("run", "-x", "maps", "-o", "new", *QUICK), ("run", "-x", "maps", "-o", "far/away/new", *QUICK),
    ("run", "-x", "maps", "-o", "new", *QUICK, "--cache", "cache"),
    ("run", "-x", "maps", "-o", "new", *QUICK, "--resume"),
    ("index", "maps", "-o", "new", "-q"), ("index", "maps", "-o", "far/away/new", "-q"),
    ("search", MAP, "--in", "library", "-o", "hits.tsv", "-q"), ("search", MAP, "--in", "library", "-o", "new", "-q"),
    ("demo", "-o", "new", "-q"), ("calibrate", "-x", "maps", "-o", "new", "-q"),
]


@pytest.mark.parametrize("umask", [0o777, 0o222, 0o400, 0o177])
@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_a_umask_against_its_own_user_is_told_and_leaves_nothing(here, argv, umask):
    before = sorted(os.listdir(here))
    done = ended(*argv, umask=umask)
    if argv[0] == "search" and "hits.tsv" in argv and umask == 0o177:  # of a file, that leaves enough
        assert (done.code, os.path.isfile("hits.tsv")) == (0, True)
        return
    assert done.code == 4, done.said
    assert THE_UMASK.replace("0777", f"{umask:04o}") in done.said
    assert sorted(os.listdir(here)) == before


def as_another(do):
    """Do something in a process that has no rights and umask 777."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            without_rights()
            os.umask(0o777)
            do()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def test_what_a_run_could_do_without_it_does_without(here):
    """Neither a cache nor kept work is needed."""
    def do():
        result = nc.correlate("maps", null="none", cache="cache", resume="kept", warn=False)
        told = [decision.text for decision in result.provenance.decisions if decision.topic in ("cache", "resume")]
        assert [text.split(" (")[0] for text in told if THE_UMASK in text] == [
            "cache cannot be written", "kept could not be written"], told

    before = sorted(os.listdir(here))
    as_another(do)
    assert sorted(os.listdir(here)) == before


def test_a_page_and_a_saved_result_are_refused(here):
    result = nc.load("out")

    def do():
        for write in (lambda: nc.report(result, "page.html"), lambda: result.save("new")):
            with pytest.raises(nc.ResourceError, match=THE_UMASK):
                write()

    before = sorted(os.listdir(here))
    as_another(do)
    assert sorted(os.listdir(here)) == before


def test_what_older_versions_left_under_such_a_umask_is_swept(here):
    left = hidden_place(str(here)).replace(f"-{os.getpid()}-", f"-{2**22 + 1}-")  # of a process that is not
    os.mkdir(left, 0)
    as_another(lambda: sweep(str(here)))
    assert not os.path.lexists(left)


def test_a_umask_that_only_others_feel_changes_nothing(here):
    assert ended("run", "-x", "maps", "-o", "new", *QUICK, "--resume", "--cache", "cache", umask=0o077).code == 0
    assert os.stat("new").st_mode & 0o777 == 0o700
    assert os.stat("new/run.json").st_mode & 0o777 == 0o600


READ = [
    ("library", ("search", MAP, "--in", "library", "-q"), "library"),
    ("library", ("search", MAP, "--in", "library/further", "-q"), "library/further"),
    ("library", ("index", "maps", "-o", "library", "-q"), "library"),
    ("out", ("report", "out", "-q"), "out"), ("out", ("report", "out/further", "-q"), "out/further"),
    ("out/run.json", ("report", "out", "-q"), "out/run.json"),
    ("out/run.json", ("run", "-x", "maps", "-o", "out", *QUICK), "out/run.json"),
    ("out/report_data.npz", ("report", "out", "-q"), "out/report_data.npz"),
    ("out/mask.nii.gz", ("report", "out", "-q"), "out/mask.nii.gz"),
    *((f"library/{name}", ("search", MAP, "--in", "library", "-q"), f"library/{name}") for name in (
        "library.json", "indices.npy", "shard-000001/shard.json", "shard-000001/pairs.npy", "shard-000001/squares.npy",
        "shard-000001/checksums.npy", "shard-000001/maps", "shard-000001/maps/rows.npy")),
    ("library/mask.nii.gz", ("search", MAP, "--in", "library", "--verify", "-q"), "library/mask.nii.gz"),
]


@pytest.mark.parametrize(("closed", "argv", "named"), READ)
def test_what_may_not_be_read_is_told_as_that(here, closed, argv, named):
    os.chmod(closed, 0)
    done = ended(*argv)
    assert done.code == 4, done.said
    assert f"{named}: no permission to read it: ask its owner or change its mode" in done.said.replace("/ ", "/")


def test_a_table_that_may_not_be_read_is_told_as_that(here):
    (here / "hits.tsv").write_text("query\trank\tmap\n")
    os.chmod("hits.tsv", 0)
    done = ended("search", MAP, "--in", "library", "-o", "hits.tsv", "-q")
    assert (done.code, "hits.tsv: no permission to read it" in done.said) == (4, True)


@pytest.mark.parametrize("closed", ["maps/old/run.json", "maps/old"])
def test_a_folder_among_maps_that_may_not_be_known_is_named(here, closed):
    """It may hold maps, or be an older result, which holds none."""
    shutil.move("out", "maps/old")
    os.chmod(closed, 0)
    done = ended("run", "-x", "maps", "-o", "new", *QUICK)
    assert done.code == 3, done.said
    assert "maps/old this folder cannot be read (Permission denied): ask its owner, or leave it out" in done.said
    assert ended("run", "-x", "maps", "-o", "new", *QUICK, "--on-error", "skip").code == 0
