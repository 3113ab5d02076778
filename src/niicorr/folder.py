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
from collections.abc import Iterable, Iterator

from niicorr.disk import no_folder
from niicorr.errors import ResourceError, UsageError, told_on
from niicorr.hidden import MARK, hidden_place, remove, sweep
from niicorr.interrupts import signals_held
from niicorr.own_files import RECORD, REPLACING, is_result, record_of, written_files
from niicorr.rights import make_folder, resource_text, umask
from niicorr.tables import brief, can_be_path

_ANNOUNCED = ".announced"


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
        if not can_be_path(self.path):
            raise UsageError(f"the output: {brief(self.path)!r} can be the name of no folder")
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
        record = record_of(self.path)
        if record:  # else the folder was empty
            place, both = os.path.join(self.work, _ANNOUNCED), sorted(old.union(names))
            with open(place, "w", encoding="utf-8") as file:
                mixed = {} if same_numbers else {REPLACING: True, "hashes": dict.fromkeys(both)}
                json.dump({**record, **mixed, "files": both}, file)
            os.replace(place, os.path.join(self.path, RECORD))

    def _renamed(self) -> bool:
        """Rename the work to the result; False where another run was there first, whose files are replaced then."""
        os.chmod(self.work, 0o777 & ~umask())
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
            raise UsageError(f"{path} {no_folder(path)}: name another with -o")
        if not os.path.isdir(path):
            return
        with _resources(path):
            entries = {name for name in os.listdir(path) if not name.startswith(MARK)} - self._own
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


@contextlib.contextmanager
def _resources(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(resource_text(path, error)) from None
