"""The output folder, written whole or not at all.

Work happens under a hidden name on the same file system. A folder that does not exist yet is renamed into
place in one step; an existing one (empty, or holding niicorr's ``run.json``) gets its files one rename each,
``run.json`` last, with signals held back meanwhile. Files niicorr did not write are never touched.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from niicorr.errors import TOO_MANY_FILES, ResourceError, UsageError, told_on
from niicorr.numerals import integer
from niicorr.record_text import parsed

RECORD = "run.json"
REPLACING = "replacing"
"""An entry that a record has while the files beside it are being replaced; whoever finds it met a killed process."""

_ANNOUNCED = ".announced"

PROGRAM = "niicorr"
"""Who wrote it: its entry ``program``."""

LIBRARY = "library.json"
"""What a folder of `niicorr.library` holds in place of it."""

CALIBRATION = "calibration"
"""What the entry ``kind`` says where a folder holds no correlations but a calibration of null models."""

FIGURE = re.compile(r"(heatmap|connectome)\.(png|svg|pdf)")
PAGE = re.compile(r"report(_maps_\d+)?\.(html|js)")
"""What is drawn again, by name; all other files of a result stay as written, and have hashes in its record."""

LEFT_BEHIND = 3600.0
"""Seconds after which what is not complete was left by a process that died: a living one writes on."""

LARGEST_RECORD = 2**30
"""Bytes of the largest ``run.json`` that is looked into."""

_MARK = ".niicorr-"

_MADE: set[str] = set()
"""Hidden places that this process has named and not yet removed."""

_INTERRUPTS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


class OutputFolder:
    """A folder in the making; use it with ``with``, write into ``work``, then ``commit``.

    Parameters
    ----------
    path : str
        Where the result is to be.
    inputs : iterable of str
        Files that are read; none may lie in the folder.
    overwrite : bool
        Whether an older result there is replaced.
    own : iterable of str
        Entries that do not count when the folder is checked (the demo's data).

    Raises
    ------
    UsageError
        Where the folder holds something else, before anything is read.
    ResourceError
        No permission or no room.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        inputs: Iterable[str] = (),
        overwrite: bool = True,
        own: Iterable[str] = (),
    ) -> None:
        if not isinstance(path, str | os.PathLike):
            raise UsageError(f"the output is the path of a folder, not {type(path).__name__}")
        self.path = os.fspath(path).rstrip(os.sep) or os.fspath(path)
        if not self.path:
            raise UsageError("the name of the output folder is empty: name one with -o")
        if "\0" in self.path:
            raise UsageError("the name of the output folder holds a NUL byte, which no folder's name can")
        self.work = ""
        self.committed = False
        self._own = set(own)
        self._created: list[str] = []
        self._check(inputs, overwrite)

    def __enter__(self) -> OutputFolder:
        try:
            with _resources(self.path):
                parent = os.path.abspath(self.path)
                if not os.path.isdir(parent):
                    parent = os.path.dirname(parent)
                    self._make_parents(parent)
                sweep(parent)
                self.work = hidden_place(parent)
                make_folder(self.work)
        except BaseException:
            self._clean()
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and self.committed:
            error.add_note(written_note(self.path))
        try:
            self._clean()
        except BaseException as late:  # a signal that came meanwhile
            if self.committed:
                late.add_note(written_note(self.path))
            raise
        if isinstance(error, OSError) and not isinstance(error, ResourceError):
            raise ResourceError(resource_text(self.path, error)) from None

    def commit(self, *, same_numbers: bool = False) -> list[str]:
        """Put the finished files in place; return their names.

        With ``same_numbers`` the older result is only drawn again: whatever becomes of this, it can be loaded.
        """
        names = sorted(os.listdir(self.work), key=lambda name: (name == RECORD, name))
        with _resources(self.path), signals_held():
            if not os.path.isdir(self.path) and self._renamed():
                self.committed = True
                return names
            old = written_files(self.path)
            self._check_places(names, old)
            self._announce(names, old, same_numbers)
            # The record comes last of all: until then the older one names what is to be replaced or to go.
            for name in old - set(names):
                with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                    os.remove(os.path.join(self.path, name))
            for name in names:
                os.replace(os.path.join(self.work, name), os.path.join(self.path, name))
            self.committed = True
        return names

    def _announce(self, names: list[str], old: set[str], same_numbers: bool) -> None:
        """Say in the older record what is going to be replaced: a process killed at that leaves no riddle."""
        record = _read_record(self.path)
        if record:  # else the folder was empty
            place, both = os.path.join(self.work, _ANNOUNCED), sorted(old.union(names))
            with open(place, "w", encoding="utf-8") as file:
                mixed = {} if same_numbers else {REPLACING: True, "hashes": dict.fromkeys(both)}
                json.dump({**record, **mixed, "files": both}, file)
            os.replace(place, os.path.join(self.path, RECORD))

    def _renamed(self) -> bool:
        """Rename the work to the result; False where another run was there first, whose files are replaced then."""
        os.chmod(self.work, 0o777 & ~_umask())
        try:
            os.rename(self.work, self.path)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY) and os.path.isdir(self.path):
                return False
            raise
        return True

    def _clean(self) -> None:
        if self.work:
            remove(self.work)
        for folder in reversed(self._created):
            with contextlib.suppress(OSError):  # not empty any more: it is in use
                os.rmdir(folder)

    def _check_places(self, names: list[str], old: set[str]) -> None:
        """Refuse before the first file is replaced if one of them is not ours to replace."""
        for name in names:
            place = os.path.join(self.path, name)
            if os.path.lexists(place) and (name not in old or os.path.isdir(place)):
                raise UsageError(f"{place} was not written by niicorr and would be overwritten: move it, or name "
                                 "another folder with -o; nothing was changed")

    @told_on("docs/reference/files.md")
    def _check(self, inputs: Iterable[str], overwrite: bool) -> None:
        path = self.path
        if os.path.lexists(path) and not os.path.isdir(path):
            raise UsageError(f"{path} is a file, not a folder: name another with -o")
        if not os.path.isdir(path):
            return
        with _resources(path):
            entries = {name for name in os.listdir(path) if not name.startswith(_MARK)} - self._own
        ours = RECORD in entries and is_result(path)
        if entries and not ours:
            raise UsageError(f"{path} holds files that are not a niicorr result (such as {sorted(entries)[0]!r}): "
                             "name another folder with -o")
        if ours and not overwrite:
            raise UsageError(f"{path} holds a result already")
        inside = os.path.realpath(path) + os.sep
        for file in inputs:
            if "\0" not in file and os.path.realpath(file).startswith(inside):
                raise UsageError(f"{path} holds the input {file}: name another folder with -o")

    def _make_parents(self, parent: str) -> None:
        missing = []
        while not os.path.isdir(parent):
            if os.path.lexists(parent):
                raise NotADirectoryError(errno.ENOTDIR, "not a folder", parent)
            missing.append(parent)
            parent = os.path.dirname(parent)
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):  # another run was there first
                make_folder(folder)
                self._created.append(folder)


class UmaskError(PermissionError):
    """What was made may not be used by whoever made it."""


def make_folder(path: str) -> None:
    """Make a folder to work in; raises `OSError`, and leaves none that this process could not use then."""
    os.mkdir(path)
    demand_usable(path)


def make_folders(path: str) -> None:
    """Make a folder, unless it is there, and those above it; as `make_folder`."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent and not os.path.exists(parent):
        make_folders(parent)
    try:
        make_folder(path)
    except FileExistsError:
        if not os.path.isdir(path):  # else another process was there first
            raise


def demand_usable(path: str) -> None:
    """Remove what was made just now if the umask took its owner's own rights to it; `UmaskError` says so."""
    if os.access(path, os.R_OK | os.W_OK | (os.X_OK if os.path.isdir(path) else 0)):
        return
    _removed(path)
    mask = _umask()
    raise UmaskError(errno.EACCES, f"the umask {mask:04o} takes from you the rights to what you make: set another "
                     "first, such as umask 022" if mask & 0o700 else os.strerror(errno.EACCES), path)


def hidden_folder(parent: str) -> str:
    """Make a folder for a run to work in, and remove those of killed runs; raises `OSError`."""
    sweep(parent)
    path = hidden_place(parent)
    make_folder(path)
    return path


def hidden_place(parent: str) -> str:
    """Return a place in a folder for what is not complete, told by machine, process and chance; nothing is there."""
    place = os.path.join(parent, f"{machine_mark()}{os.getpid()}-{secrets.token_hex(4)}")
    _MADE.add(os.path.abspath(place))
    return place


def remove(place: str) -> None:
    """Remove a hidden place with all in it, whatever signals come meanwhile; what cannot be removed stays."""
    with signals_held():
        _removed(place)
        if not os.path.lexists(place):
            _MADE.discard(os.path.abspath(place))


def remove_all() -> None:
    """Remove the hidden places of this process: a signal may come right where one was to be removed."""
    for place in list(_MADE):
        if f"-{os.getpid()}-" in os.path.basename(place):  # or this is a fork, and they are another's
            remove(place)


def disk_time(folder: str) -> float:
    """Return the time by the clock of a folder's disk, in seconds; raises `OSError`."""
    place = hidden_folder(folder)
    try:
        return os.lstat(place).st_mtime
    finally:
        remove(place)


def left_behind(parent: str, names: list[str]) -> list[str]:
    """Name what in a folder nobody has written to for so long that its process died, wherever that ran.

    What time it is says the disk: the clocks of two machines may differ, and that of one may be set. Of a folder that
    is only to be read, nothing is known.
    """
    old: list[str] = []
    with contextlib.suppress(OSError):
        now = disk_time(parent) if names else 0.0
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                if now - os.lstat(os.path.join(parent, name)).st_mtime > LEFT_BEHIND:
                    old.append(name)
    return old


def sync_folder(path: str) -> None:
    """Bring names to the disk, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class NotRegularError(OSError):
    """A pipe or a device, which may never end."""


NOT_REGULAR = "not a regular file but a pipe or a device, as <(…) of a shell gives"
SAVE_IT = "save the table as a file, and name that"


def read_regular(path: str, most: int) -> bytes:
    """Read a file, of a larger one so many bytes; raises `OSError`, for what is none `NotRegularError`."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(number).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", path)
        if not stat.S_ISREG(mode):
            raise NotRegularError(NOT_REGULAR)
        with open(number, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(number)


def machine_mark() -> str:
    """Return how hidden names begin that are given on this machine."""
    return f"{_MARK}{socket.gethostname()[:32]}-"


def _removed(place: str) -> None:
    if os.path.isdir(place) and not os.path.islink(place):
        shutil.rmtree(place, ignore_errors=True)
        with contextlib.suppress(OSError):  # one that may not be looked into can go all the same if nothing is in it
            os.rmdir(place)
    else:
        with contextlib.suppress(OSError):
            os.remove(place)


def sweep(parent: str) -> None:
    """Remove what killed runs of this machine left in a folder; what belongs to a living one stays."""
    prefix = machine_mark()
    for name in os.listdir(parent):
        pid = name[len(prefix) :].split("-")[0] if name.startswith(prefix) else ""
        if pid.isdecimal() and pid.isascii() and not alive(int(pid)):
            _removed(os.path.join(parent, name))


@contextlib.contextmanager
def result_stands(path: str, what: str = "the result in") -> Iterator[None]:
    """Let whatever breaks off in here carry the note that the result was complete before."""
    try:
        yield
    except BaseException as error:
        error.add_note(written_note(path, what))
        raise


def written_note(path: str, what: str = "the result in") -> str:
    """Say that a result is complete, whatever happened after it was written."""
    return f"{what} {path} is complete"


def is_result(path: str) -> bool:
    """Whether a folder holds niicorr's ``run.json``; raises `ResourceError` where that may not be looked at."""
    return _read_record(path).get("program") == PROGRAM


def command_of(path: str) -> str:
    """Return the call that wrote the result in a folder, empty where nobody knows; as `is_result`."""
    command = _read_record(path).get("command")
    return command if isinstance(command, str) else ""


def is_library(path: str) -> bool:
    """Whether a folder holds the ``library.json`` of ``niicorr index``; as `is_result`."""
    return _read_record(path, LIBRARY).get("program") == PROGRAM


def unreadable(place: str) -> ResourceError:
    """Return what to raise where a file or a folder may not be read, which says nothing of what is in it."""
    return ResourceError(f"{place}: no permission to read it: ask its owner or change its mode")


def reachable(path: str) -> bool:
    """Whether this process may look whether something is there."""
    try:
        os.lstat(path)
    except PermissionError:
        return False
    except (OSError, ValueError):  # what is not there may be looked for
        pass
    return True


def resource_text(path: str, error: OSError) -> str:
    """Say what a failed write means and what to do."""
    if isinstance(error, UmaskError):
        return f"{path}: {error.strerror}"
    known = {
        errno.ENOSPC: "no room left on the disk: free some, or name another folder with -o",
        errno.EDQUOT: "the disk quota is used up: free some, or name another folder with -o",
        errno.EACCES: "no permission to write there: name another folder with -o",
        errno.EPERM: "no permission to write there: name another folder with -o",
        errno.EROFS: "the disk is read-only: name another folder with -o",
        errno.ENAMETOOLONG: "the name is too long: name another folder with -o",
        errno.ENOTDIR: "a part of the path is a file: name another folder with -o",
        errno.EFBIG: "a file would be larger than this system allows: name another folder with -o",
        errno.EMFILE: TOO_MANY_FILES,
        errno.ENFILE: TOO_MANY_FILES,
        errno.EIO: "the disk failed (input/output error): see to it, or name another folder with -o",
        errno.ENOENT: "the folder above it is gone: name another folder with -o",
    }
    return f"{path}: {known.get(error.errno or 0, error.strerror or str(error))}"


def written_files(path: str) -> set[str]:
    """Names of an older result's files, as its own record tells them."""
    return own_files(_read_record(path))


def own_files(record: Mapping[str, Any]) -> set[str]:
    """Names of the files that belong to a record; where it has hashes, none that it names besides."""
    names, hashes = record.get("files"), record.get("hashes")
    names = names if isinstance(names, list) else []
    return {n for n in names if isinstance(n, str) and n and "\0" not in n and os.path.basename(n) == n
            and not n.startswith(".")
            and (not isinstance(hashes, dict) or n in hashes or n == RECORD or is_drawn(n))}


def is_drawn(name: str) -> bool:
    """Whether a file of a result is a figure or part of its page."""
    return bool(FIGURE.fullmatch(name) or PAGE.fullmatch(name))


def read_record(path: str, name: str = RECORD, *, most: int = LARGEST_RECORD) -> dict[str, Any]:
    """Read a folder's ``run.json``, or another, of so many bytes at most.

    Raises
    ------
    ResourceError
        Where it may not be looked at.
    OSError
        Where there is none, or a folder or a pipe.
    ValueError
        Where it is no JSON object, or too large; the text says which.
    """
    place = os.path.join(path, name)
    try:
        data = read_regular(place, min(most, os.stat(place).st_size) + 1)  # room is made for as much as is asked for
    except PermissionError:
        raise unreadable(place if os.access(path, os.X_OK) else path) from None
    if len(data) > most:
        raise ValueError(f"it is larger than {integer(most >> 20)} MiB")
    record = parsed(data)
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    return record


def _read_record(path: str, name: str = RECORD) -> dict[str, Any]:
    """Read a folder's ``run.json``, or another; empty where it is none that niicorr could have written.

    Raises
    ------
    ResourceError
        Where it may not be looked at.
    """
    try:
        return read_record(path, name)
    except ResourceError:
        raise
    except (OSError, ValueError):
        return {}


def alive(pid: int) -> bool:
    """Whether there is a process of this number on this machine."""
    if os.name == "nt":  # there, this call would end the process instead of asking after it
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # the second for a number that no process has
        return False
    except OSError:  # it is another user's
        return True
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _resources(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(resource_text(path, error)) from None


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Let interrupts wait; blocking them in this thread would not do, since any other thread may take them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {kind: signal.signal(kind, lambda number, _: came.append(number))
              for kind in _INTERRUPTS}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, signal.SIG_DFL if handler is None else handler)
        for number in came:
            signal.raise_signal(number)
