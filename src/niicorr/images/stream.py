"""The bytes of a file, inflated where compressed, hashed on the way, and read to the very end.

Compression is told by content, not by name. gzip members follow each other until the file ends, each with
its checksum verified by the inflater; what is not there, not valid or not expected is an error. Memory is
bounded by the buffers of the caller plus one chunk, whatever a stream claims to hold.
"""

from __future__ import annotations

import bz2
import errno
import hashlib
import os
import stat
import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from io import FileIO
from typing import Any, Protocol

from niicorr.errors import NOWHERE, TOO_MANY_FILES, MapError, NoMapError, ResourceError
from niicorr.numerals import integer, plural
from niicorr.tables import printable

_inflate: Any = zlib
with suppress(ImportError):  # no wheel for this machine: the same numbers, slower
    _inflate = import_module("zlib_ng.zlib_ng")

_DAMAGE: tuple[type[Exception], ...] = (zlib.error, _inflate.error, OSError, EOFError)

CHUNK = 1 << 16
"""Compressed bytes taken at once."""

BURST = 1 << 18
"""Inflated bytes taken at once, so that a hostile stream cannot fill the memory in one step."""

TRAILING = 64 * 2**20
"""Bytes after the last voxel, and zeros after a compressed stream, up to which a file is read on (for its checksum)
before it is refused."""

MAX_RATIO = 1100
"""DEFLATE cannot inflate further than 1032 : 1; a header that needs more is lying."""


class ByteStream:
    """Sequential bytes of one file.

    Parameters
    ----------
    path : str
        The file.
    chunk : int
        Bytes read at once; small where only a header is wanted.

    Raises
    ------
    MapError
        Where the file cannot be opened, is empty, or its compressed stream is damaged.
    """

    def __init__(self, path: str, chunk: int = CHUNK) -> None:
        self.path = path
        self._chunk = chunk
        self._hash = hashlib.blake2b(digest_size=16)
        try:
            # Never wait for the other end of a pipe: what is no regular file is refused just below.
            self._file = opened(path, getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            kind = NoMapError if isinstance(error, FileNotFoundError) else MapError
            raise kind(path, *_open_fault(path, error)) from None
        except ValueError:  # a NUL byte, or characters that stand for no byte
            raise NoMapError(printable(path), f"{NOWHERE}: no file can have this name",
                             "check the path") from None
        try:
            facts = os.fstat(self._file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise MapError(path, "not a regular file (a pipe or a device)", "save it as a file first")
            self.file_size = facts.st_size
            first = self._raw(chunk)
            if not first:
                raise MapError(path, "the file is empty (0 bytes)", "copy it again")
            self.compression = _compression(first)
            self._source: _Source = (
                _Plain(first) if self.compression is None
                else _Inflater(first, path, bz2.BZ2Decompressor if self.compression == "bzip2" else _gunzip)
            )
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; fewer only at the end of the stream."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(memoryview(buffer))])

    def readinto(self, view: memoryview) -> int:
        """Fill ``view`` as far as the stream goes; return how far."""
        done = 0
        while done < len(view):
            if self.compression is None and self._source.dry:
                # The bulk of an uncompressed file goes straight into the caller's array.
                done += self._straight_into(view[done:])
                break
            piece = self._source.take(len(view) - done, self._more)
            if not piece:
                break
            view[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def skip(self, size: int) -> int:
        """Pass over up to ``size`` bytes; return how many there were."""
        done = 0
        while done < size:
            piece = self._source.take(min(size - done, BURST), self._more)
            if not piece:
                break
            done += len(piece)
        return done

    def drain(self, limit: int) -> int:
        """Read to the end, so that every checksum is verified; return how many bytes were left.

        Stops early once more than ``limit`` came: a stream that never ends must not hold a run up.
        """
        left = 0
        while left <= limit:
            piece = self._source.take(BURST, self._more)
            if not piece:
                break
            left += len(piece)
        return left

    @property
    def digest(self) -> str:
        """BLAKE2b of the file's bytes as stored; of the whole file once drained."""
        return self._hash.hexdigest()

    def _more(self) -> bytes:
        return self._raw(self._chunk)

    def _raw(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except OSError as error:
            raise MapError(self.path, *_open_fault(self.path, error)) from None
        self._hash.update(data)
        return data

    def _straight_into(self, view: memoryview) -> int:
        done = 0
        while done < len(view):
            try:
                got = self._file.readinto(view[done : done + BURST])
            except OSError as error:
                raise MapError(self.path, *_open_fault(self.path, error)) from None
            if not got:
                break
            self._hash.update(view[done : done + got])
            done += got
        return done


def opened(path: str, flags: int) -> FileIO:
    """Open a file for reading with flags of the system; a folder, which can be opened, is closed again."""
    number = os.open(path, os.O_RDONLY | flags)
    try:
        return open(number, "rb", buffering=0)
    except BaseException:
        os.close(number)
        raise


class _Source(Protocol):
    """Gives up to ``size`` bytes at a time, fetching ``more()`` stored ones; none at the end of the stream."""

    @property
    def dry(self) -> bool:
        """Whether nothing fetched is left, so that the file can be read on directly."""

    def take(self, size: int, more: Callable[[], bytes]) -> bytes: ...


class _Plain:
    """Bytes as they are."""

    def __init__(self, first: bytes) -> None:
        self._pending = first

    @property
    def dry(self) -> bool:
        return not self._pending

    def take(self, size: int, more: Callable[[], bytes]) -> bytes:
        data = self._pending or more()
        piece, self._pending = data[:size], data[size:]
        return piece


class _Inflater:
    """Members of a compressed file, one after the other."""

    def __init__(self, first: bytes, path: str, make: Callable[[], Any]) -> None:
        self._path, self._make = path, make
        self._pending, self._member = first, make()
        self._inflated, self._padding, self._ended = 0, 0, False

    @property
    def dry(self) -> bool:
        return False

    def take(self, size: int, more: Callable[[], bytes]) -> bytes:
        while not self._ended:
            try:
                piece: bytes = self._member.decompress(self._pending, min(size, BURST))
            except _DAMAGE as error:
                raise self._damaged(f"the compressed stream is damaged ({str(error).rsplit(': ', 1)[-1]})") from None
            self._pending = getattr(self._member, "unconsumed_tail", b"")
            self._inflated += len(piece)
            if self._member.eof:
                self._next_member(more)
            elif not self._pending and getattr(self._member, "needs_input", True) and not piece:
                self._pending = more()
                if not self._pending:
                    raise self._damaged("the compressed stream ends early")
            if piece:
                return piece
        return b""

    def _next_member(self, more: Callable[[], bytes]) -> None:
        """Go on with the member that follows; zero padding may stand between, nothing else."""
        rest = self._past_padding(self._member.unused_data)
        while not rest:
            data = more()
            if not data:
                self._ended = True
                return
            rest = self._past_padding(data)
        if len(rest) < 4:
            rest += more()
        if _compression(rest) is None:
            raise self._damaged(f"bytes that belong to no compressed stream follow after "
                                f"{integer(self._inflated)} bytes")
        self._member, self._pending = self._make(), rest

    def _past_padding(self, data: bytes) -> bytes:
        """Return what follows the zeros at the beginning; of those, a sparse file may have more than can be read."""
        rest = data.lstrip(b"\0")
        self._padding += len(data) - len(rest)
        if self._padding > TRAILING:
            raise MapError(self._path, f"more than {TRAILING >> 20} MiB of zeros follow after the compressed stream "
                           f"({integer(self._inflated)} bytes inflated)",
                           "the file is not what it seems: copy it again")
        return rest

    def _damaged(self, what: str) -> MapError:
        size = f"{self._inflated / 1e6:.1f} MB" if self._inflated >= 1e6 else plural(self._inflated, "byte")
        size += " inflated so far"
        return MapError(self._path, f"{what}, {size}", "copy the file again")


def _gunzip() -> Any:
    return _inflate.decompressobj(wbits=31)  # 31: gzip header and trailer, whose checksum is verified


def _compression(first: bytes) -> str | None:
    if first[:2] == b"\x1f\x8b":
        return "gzip"
    return "bzip2" if first[:3] == b"BZh" else None


def _open_fault(path: str, error: OSError) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError):
        if os.path.islink(path):
            return "the file that this link leads to is not there", "check where it leads"
        return NOWHERE, "check the path"
    if isinstance(error, PermissionError):
        return "no permission to read it", "ask its owner or change its mode"
    if os.path.isdir(path):
        return "this is a folder, not an image file", "name the files in it"
    if error.errno in (errno.EMFILE, errno.ENFILE):  # which is not the file's fault
        raise ResourceError(f"{path}: {TOO_MANY_FILES}") from None
    return f"cannot be read ({error.strerror or error})", "check the disk or copy the file again"
