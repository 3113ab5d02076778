"""The output folder: whole or not at all, and nothing of others touched."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from niicorr import folder as module
from niicorr import hidden, rights
from niicorr.errors import InputError, ResourceError, UsageError
from niicorr.folder import OutputFolder
from niicorr.hidden import hidden_folder
from niicorr.own_files import is_result
from niicorr.result.saved import load
from niicorr.rights import UmaskError, make_folder, make_folders, resource_text


@pytest.fixture
def out(tmp_path):
    return tmp_path / "deep" / "out"


def fill(work, **files):
    for name, text in files.items():
        with open(os.path.join(work, name.replace("_", ".")), "w") as file:
            file.write(text)


def record(*files):
    return json.dumps({"program": "niicorr", "files": [*files, "run.json"], "hashes": dict.fromkeys(files, "0" * 32)})


def write(path, **files):
    with OutputFolder(str(path)) as folder:
        fill(folder.work, run_json=record(*(n.replace("_", ".") for n in files)), **files)
        return folder.commit()


def fail(path, error, beside=None):
    """Begin to write, then raise; ``beside`` is a file that another makes in the meantime."""
    with OutputFolder(str(path)) as folder:
        fill(folder.work, a_csv="half")
        if beside:
            (path.parent / beside).touch()
        raise error


def contents(path):
    return {p.name: p.read_text() for p in path.iterdir()}


def test_a_new_folder_appears_at_once_with_its_parents(out):
    with OutputFolder(str(out) + "/") as folder:
        fill(folder.work, a_csv="1", run_json=record("a.csv"))
        assert not out.exists()
        assert os.path.dirname(folder.work) == str(out.parent)
        assert folder.commit() == ["a.csv", "run.json"]
    assert set(contents(out)) == {"a.csv", "run.json"}
    assert os.listdir(out.parent) == ["out"]


def test_a_hidden_folder_goes_with_the_next_run_if_its_own_was_killed(tmp_path):
    made = subprocess.run([sys.executable, "-c", "import sys; from niicorr.hidden import hidden_folder; "
                           "print(hidden_folder(sys.argv[1]))", str(tmp_path)], capture_output=True, text=True,
                          check=True)
    assert os.listdir(tmp_path) == [os.path.basename(made.stdout.strip())]
    mine = hidden_folder(str(tmp_path))
    assert os.listdir(tmp_path) == [os.path.basename(mine)]
    assert os.path.basename(mine).startswith(".")


def test_its_mode_is_that_of_any_new_folder(out):
    write(out, a_csv="1")
    plain = out.parent / "plain"
    plain.mkdir()
    assert out.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing_not_even_parents(out, tmp_path, error):
    with pytest.raises(error):
        fail(out, error())
    assert os.listdir(tmp_path) == []


def test_without_commit_nothing_is_written(out, tmp_path):
    with OutputFolder(str(out)) as folder:
        fill(folder.work, a_csv="1")
    assert os.listdir(tmp_path) == []


def test_parents_that_others_use_meanwhile_stay(out):
    with pytest.raises(ValueError, match="stop"):
        fail(out, ValueError("stop"), beside="of another")
    assert os.listdir(out.parent) == ["of another"]


def test_an_older_result_is_replaced_and_only_its_own_files_removed(out):
    write(out, a_csv="old", b_csv="old")
    (out / "mine.txt").write_text("mine")
    assert write(out, a_csv="new", c_csv="new") == ["a.csv", "c.csv", "run.json"]
    found = contents(out)
    assert {k: v for k, v in found.items() if k != "run.json"} == {"a.csv": "new", "c.csv": "new", "mine.txt": "mine"}
    assert json.loads(found["run.json"])["files"] == ["a.csv", "c.csv", "run.json"]


def test_a_failure_keeps_the_older_result_whole(out):
    write(out, a_csv="old")
    before = contents(out)
    with pytest.raises(ValueError, match="stop"):
        fail(out, ValueError("stop"))
    assert contents(out) == before


@pytest.mark.parametrize("names", [["../victim"], ["/etc/x"], [".hidden"], [""], [3], [None], [".."]])
def test_a_forged_record_cannot_have_other_files_removed(out, names):
    write(out, a_csv="1")
    victim, hidden = out.parent / "victim", out / ".hidden"
    victim.touch()
    hidden.touch()
    forged = ["a.csv", "run.json", *names]
    (out / "run.json").write_text(json.dumps({"program": "niicorr", "files": forged}))
    write(out, a_csv="2")
    assert (out / "a.csv").read_text() == "2"
    assert victim.exists()
    assert hidden.exists()


def test_a_name_without_a_hash_is_not_of_the_result_but_for_figures(out):
    write(out, a_csv="1")
    for name in ("mine.csv", "heatmap.png", "report_maps_0001.js"):
        (out / name).touch()
    forged = {**json.loads((out / "run.json").read_text()), "files": ["a.csv", *sorted(contents(out))]}
    (out / "run.json").write_text(json.dumps(forged))
    write(out, a_csv="2")
    assert sorted(contents(out)) == ["a.csv", "mine.csv", "run.json"]


@pytest.mark.parametrize("files", [3, "a.csv", None, [], ["run.json"]])
def test_what_the_record_does_not_list_is_not_overwritten(out, files):
    write(out, a_csv="mine now", b_csv="1")
    (out / "run.json").write_text(json.dumps({"program": "niicorr", "files": files}))
    before = contents(out)
    with pytest.raises(UsageError, match="would be overwritten"):
        write(out, a_csv="2")
    assert contents(out) == before


@pytest.mark.parametrize("prepare", ["file", "foreign", "foreign record", "no json", "broken link"])
def test_anything_else_is_refused_before_work_begins(tmp_path, prepare):
    path = tmp_path / "out"
    if prepare == "file":
        path.touch()
    elif prepare == "broken link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.mkdir()
        (path / {"foreign": "thesis.txt"}.get(prepare, "run.json")).write_text(
            {"foreign record": '{"program": "other"}'}.get(prepare, "{"))
    with pytest.raises(UsageError, match="-o"):
        OutputFolder(str(path))


def test_inputs_inside_are_refused_by_any_name(out, tmp_path):
    write(out, a_csv="1")
    (out / "map.nii").touch()
    link = tmp_path / "link.nii"
    link.symlink_to(out / "map.nii")
    alias = tmp_path / "alias"
    alias.symlink_to(out)
    for path, file in ((out, out / "map.nii"), (out, link), (alias, out / "map.nii")):
        with pytest.raises(UsageError, match="holds the input"):
            OutputFolder(str(path), inputs=[str(file)])
    OutputFolder(str(out), inputs=[str(out) + "put.nii"])  # a neighbour whose name begins alike


def test_a_result_is_not_replaced_unless_allowed(out):
    write(out, a_csv="1")
    with pytest.raises(UsageError, match="holds a result already"):
        OutputFolder(str(out), overwrite=False)


def test_own_entries_do_not_count(tmp_path):
    (tmp_path / "data").mkdir()
    OutputFolder(str(tmp_path), own=("data",))
    with pytest.raises(UsageError, match="data"):
        OutputFolder(str(tmp_path))


def test_leavings_of_dead_runs_are_swept_and_living_ones_kept(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    prefix = f".niicorr-{socket.gethostname()[:32]}-"
    dead, living = tmp_path / f"{prefix}{process.pid}-aa", tmp_path / f"{prefix}{os.getppid()}-bb"
    elsewhere = tmp_path / f".niicorr-another.host-{process.pid}-cc"
    for path in (dead, living, elsewhere):
        path.mkdir()
        (path / "half.csv").touch()
    write(tmp_path / "out", a_csv="1")
    assert not dead.exists()
    assert living.exists()
    assert elsewhere.exists()


def test_what_was_left_behind_is_told_by_the_clock_of_the_disk(tmp_path, monkeypatch):
    (tmp_path / "new").mkdir()
    (tmp_path / "old").write_text("")
    now = os.lstat(tmp_path / "new").st_mtime
    os.utime(tmp_path / "old", (now - hidden.LEFT_BEHIND - 9, now - hidden.LEFT_BEHIND - 9))
    names = ["gone", "new", "old"]
    assert hidden.left_behind(str(tmp_path), names) == ["old"]
    assert sorted(os.listdir(tmp_path)) == ["new", "old"]
    monkeypatch.setattr(hidden, "disk_time", lambda _: now + 2 * hidden.LEFT_BEHIND)
    assert hidden.left_behind(str(tmp_path), names) == ["new", "old"]

    def only_to_be_read(_parent):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(hidden, "disk_time", only_to_be_read)
    assert hidden.left_behind(str(tmp_path), names) == []


def test_an_empty_folder_with_leavings_of_ours_is_still_empty(tmp_path):
    (tmp_path / ".niicorr-another.host-1-aa").mkdir()
    OutputFolder(str(tmp_path))


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "no room left"), (errno.EACCES, "no permission"), (errno.EROFS, "read-only"),
     (errno.EDQUOT, "quota"), (errno.ENAMETOOLONG, "too long"), (errno.EIO, "the disk failed"),
     (errno.ENXIO, os.strerror(errno.ENXIO))],
)
def test_a_failed_write_says_what_it_means(out, tmp_path, code, words):
    assert words in resource_text("out", OSError(code, os.strerror(code)))
    with pytest.raises(ResourceError, match=words), OutputFolder(str(out)):
        raise OSError(code, os.strerror(code))
    assert os.listdir(tmp_path) == []


def test_a_path_through_a_file_is_a_resource_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError), OutputFolder(str(tmp_path / "file" / "out")):
        pass


@pytest.fixture
def another_thread():
    """Such as those of numpy's BLAS: a signal to the process may reach it there."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield
    end.set()
    thread.join()


def test_a_signal_waits_until_the_files_are_in_place(monkeypatch, out, another_thread):
    write(out, a_csv="old", b_csv="old")
    real, seen = os.replace, []

    def interrupted(source, target):
        if not seen:
            os.kill(os.getpid(), signal.SIGINT)
        seen.append(os.path.basename(target))
        real(source, target)

    monkeypatch.setattr(module.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(out, a_csv="new", b_csv="new")
    assert seen == ["run.json", "a.csv", "b.csv", "run.json"], "the record comes last"
    assert (out / "b.csv").read_text() == "new"


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_run_killed_while_it_replaces_files_leaves_no_riddle(monkeypatch, out, at):
    write(out, a_csv="old")
    older, real, done = contents(out), os.replace, []

    def dies(source, target):
        done.append(target)
        if len(done) == at:
            raise RuntimeError("as if killed")
        real(source, target)

    monkeypatch.setattr(module.os, "replace", dies)
    with pytest.raises(RuntimeError):
        write(out, a_csv="new", b_csv="new")
    monkeypatch.undo()
    if at == 1:
        assert contents(out) == older
    else:
        with pytest.raises(InputError, match="a run was killed while it replaced the older one"):
            load(out)
    write(out, a_csv="new", b_csv="new")
    assert contents(out) == {"a.csv": "new", "b.csv": "new", "run.json": record("a.csv", "b.csv")}


@pytest.mark.parametrize("removed", [False, True])
def test_what_the_new_result_lacks_goes_even_if_the_run_that_replaced_it_was_killed(monkeypatch, out, removed):
    write(out, a_csv="old", b_csv="old", c_csv="old")
    real = os.remove

    def dies(place):
        if removed:
            real(place)
        raise RuntimeError("as if killed")

    monkeypatch.setattr(module.os, "remove", dies)
    with pytest.raises(RuntimeError):
        write(out, a_csv="new")
    monkeypatch.undo()
    write(out, a_csv="new")
    assert contents(out) == {"a.csv": "new", "run.json": record("a.csv")}


def test_a_folder_in_the_place_of_an_old_file_stays(out):
    write(out, a_csv="old", b_csv="old")
    (out / "b.csv").unlink()
    (out / "b.csv").mkdir()
    write(out, a_csv="new")
    assert (out / "b.csv").is_dir()
    assert (out / "a.csv").read_text() == "new"


def test_a_signal_while_all_is_cleared_up_waits_and_says_that_the_result_stands(monkeypatch, out):
    real = rights.shutil.rmtree

    def interrupted(*args, **how):
        os.kill(os.getpid(), signal.SIGINT)
        real(*args, **how)

    write(out, a_csv="old")
    monkeypatch.setattr(rights.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        write(out, a_csv="new")
    assert caught.value.__notes__ == [f"the result in {out} is complete"]
    assert os.listdir(out.parent) == ["out"]


def test_what_is_a_result(tmp_path):
    assert not is_result(str(tmp_path))
    for text, expected in ((record(), True), ("[]", False), ("", False), ('{"program": "x"}', False), ("\xff", False)):
        (tmp_path / "run.json").write_bytes(text.encode("latin-1"))
        assert is_result(str(tmp_path)) is expected


def test_a_parent_that_another_run_makes_meanwhile_will_do(out, monkeypatch):
    make = os.mkdir

    def late(path, *mode):
        monkeypatch.undo()
        make(path)  # the other run's
        return make(path, *mode)

    monkeypatch.setattr(os, "mkdir", late)
    write(out, a_csv="1")
    assert set(contents(out)) == {"a.csv", "run.json"}


def test_folders_are_made_as_far_as_they_are_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("a", os.path.join("a", "b", "c"), os.path.join("a", "b", "c"), str(tmp_path / "d" / "e")):
        make_folders(path)
        assert os.path.isdir(path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_folders(os.path.join("file", "below"))
    with pytest.raises(FileExistsError):
        make_folders("file")
    assert sorted(os.listdir()) == ["a", "d", "file"]


def test_what_is_not_usable_is_not_left(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    before = os.umask(0o277)
    try:
        with pytest.raises(UmaskError, match="the umask 0277 takes from you"):
            make_folder(str(tmp_path / "new"))
        os.umask(0o022)  # then something else is the cause
        with pytest.raises(UmaskError, match="Permission denied"):
            make_folders(str(tmp_path / "new" / "below"))
    finally:
        os.umask(before)
    assert os.listdir(tmp_path) == []
    assert str(resource_text("x", UmaskError(errno.EACCES, "the umask"))) == "x: the umask"


def test_of_two_runs_at_once_the_second_replaces_the_first(tmp_path, monkeypatch):
    out = tmp_path / "out"

    def result(text):
        folder = OutputFolder(str(out))
        folder.__enter__()
        for name in ("run.json", "correlations.csv"):
            with open(os.path.join(folder.work, name), "w") as file:
                file.write(text if name != "run.json" else
                           '{"program": "niicorr", "files": ["correlations.csv", "run.json"]}')
        return folder

    first, second = result("first"), result("second")
    rename = os.rename

    def meanwhile(source, target):
        monkeypatch.undo()
        first.commit()
        rename(source, target)

    monkeypatch.setattr(os, "rename", meanwhile)
    second.commit()
    assert (out / "correlations.csv").read_text() == "second"
    for folder in (first, second):
        folder.__exit__(None, None, None)
    assert sorted(os.listdir(tmp_path)) == ["out"]


@pytest.mark.parametrize("to", ["gone", "out"], ids=["dangling", "looping"])
def test_a_link_that_leads_nowhere_is_called_one(tmp_path, to):
    from niicorr.images.cache.layout import judge
    from niicorr.library.layout import judge_place

    path = str(tmp_path / "out")
    os.symlink(to, path)
    for refuses in (OutputFolder, judge, judge_place):
        with pytest.raises(UsageError, match="out is a link that leads nowhere, not a folder: name another with -"):
            refuses(path)
    os.unlink(path)
    (tmp_path / "file").write_text("")
    os.symlink("file", path)
    with pytest.raises(UsageError, match="out is a file, not a folder"):
        OutputFolder(path)
