"""What may be made, read and written here, and what a refusal of the system means in words."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil

from niicorr.errors import TOO_MANY_FILES, ResourceError


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
    delete(path)
    mask = umask()
    raise UmaskError(errno.EACCES, f"the umask {mask:04o} takes from you the rights to what you make: set another "
                     "first, such as umask 022" if mask & 0o700 else os.strerror(errno.EACCES), path)


def delete(place: str) -> None:
    """Remove a file, or a folder with all in it; what cannot be removed stays."""
    if os.path.isdir(place) and not os.path.islink(place):
        shutil.rmtree(place, ignore_errors=True)
        with contextlib.suppress(OSError):  # one that may not be looked into can go all the same if nothing is in it
            os.rmdir(place)
    else:
        with contextlib.suppress(OSError):
            os.remove(place)


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


def umask() -> int:
    """Return which rights are taken from what this process makes."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
