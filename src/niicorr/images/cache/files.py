"""Input files as they stand on disk: which of them are still what they were, and the hash of their bytes.

A file whose absolute path, size, times of change (of content and of inode) and inode number are those of an earlier
run is taken to hold the same bytes, and is not opened at all. As in git, that is not believed of a file that was
changed within two seconds of being looked at, since its times may not tell of a further change; it is hashed again.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from niicorr.errors import MapError
from niicorr.images.cache.content import Content, combined
from niicorr.images.cache.facts import KnownFile, file_key, file_text, known_file
from niicorr.images.cache.fields import UnbelievableError
from niicorr.images.cache.index import FILE, Index, line
from niicorr.images.header import ImageHeader, pair_halves, read_header
from niicorr.images.stream import opened

RACY_NS = 2 * 10**9
"""A file changed less than this ago may change again without its times telling: clocks of file systems are coarse."""

_PIECE = 1 << 20

Stats = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class _Seen:
    """A file of this run: as it stood when its header was read, and what has become known since."""

    stats: Stats
    header: ImageHeader
    max_map_size: int
    lasting: bool
    content: Content | None = None
    written: bool = False


class Files:
    """What is known of the files of a run without opening them.

    Parameters
    ----------
    index : Index
        What earlier runs wrote down.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._seen: dict[str, _Seen] = {}

    def header(self, path: str, *, max_map_size: int) -> ImageHeader:
        """Return a header as `read_header` does, from the index where the file has not changed."""
        now, halves = time.time_ns(), _halves(path)
        stats, seen = _stats(halves), self._seen.get(path)
        if halves is None or stats is None:
            return read_header(path, max_map_size=max_map_size)
        if seen is not None and seen.stats == stats and seen.max_map_size <= max_map_size:
            return seen.header  # of the other set
        key = _key(halves, stats)
        text = self._index.files.get(key)
        if text is not None:
            try:
                known = known_file(text, key, path, halves[-1])
            except UnbelievableError:
                self._index.damaged += 1
            else:
                # What was small enough for a lower limit is so for a higher one.
                if known.max_map_size <= max_map_size:
                    self._seen[path] = _Seen(stats, known.header, known.max_map_size, True, known.content, True)
                    return known.header
        header = read_header(path, max_map_size=max_map_size)
        lasting = all(now - max(mtime, ctime) > RACY_NS for _, mtime, ctime, _ in stats)
        self._seen[path] = _Seen(stats, header, max_map_size, lasting)
        return header

    def content(self, header: ImageHeader) -> Content | None:
        """Return size and hash of a file if any map of it can be in the cache; None where it is to be read anyway."""
        halves, seen = _halves(header.path), self._seen.get(header.path)
        stats = _stats(halves)
        if halves is None or stats is None:
            return None
        if seen is not None and seen.content is not None and seen.stats == stats:
            return seen.content
        if sum(size for size, *_ in stats) not in self._index.sizes:
            return None
        content = _hashed(halves)
        if content is not None:
            self.learn(header, content)
        return content

    def learn(self, header: ImageHeader, content: Content) -> None:
        """Remember the hash of a file that was read to its end, if it did not change meanwhile."""
        seen = self._seen.get(header.path)
        if seen is not None and seen.header is header and _stats(_halves(header.path)) == seen.stats:
            self._seen[header.path] = replace(seen, content=content)

    def news(self) -> Iterator[bytes]:
        """Yield a line for each file that the index does not know yet and that its times will tell of."""
        for path, seen in list(self._seen.items()):
            halves = _halves(path)
            if halves is not None and seen.content is not None and seen.lasting and not seen.written:
                self._seen[path] = replace(seen, written=True)
                known = KnownFile(seen.content, seen.header, seen.max_map_size)
                key = _key(halves, seen.stats)
                yield line(FILE, key, file_text(known, key).encode("ascii"))


def _halves(path: str) -> tuple[str, ...] | None:
    """Return the one or two files of an image; None where one is missing."""
    try:
        header_path, data_path = pair_halves(path)
    except (MapError, ValueError):
        return None
    return (header_path,) if header_path == data_path else (header_path, data_path)


def _stats(halves: tuple[str, ...] | None) -> Stats | None:
    try:
        found = [os.stat(path) for path in halves or ()]
    except (OSError, ValueError):
        return None
    return tuple((s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for s in found) or None


def _key(halves: tuple[str, ...], stats: Stats) -> str:
    return file_key(tuple(os.fsencode(os.path.abspath(path)) for path in halves), stats)


def _hashed(halves: tuple[str, ...]) -> Content | None:
    """Hash the bytes as stored, nothing inflated; None where they cannot be read."""
    total, digests = 0, []
    try:
        for path in halves:
            whole, piece = hashlib.blake2b(digest_size=16), bytearray(_PIECE)
            with opened(path, getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)) as file:
                while got := file.readinto(piece):
                    whole.update(memoryview(piece)[:got])
                    total += got
            digests.append(whole.hexdigest())
    except OSError:
        return None
    return Content(total, digests[0] if len(digests) == 1 else combined(*digests))
