"""The folder beside a result in the making: what an interrupted run left is found there, what this one does is kept.

Nothing that goes wrong in here ends a run. Where the folder cannot be written, or the disk is full, no more is kept,
and that is said; what is damaged is made again.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from niicorr.compute.device import Device
from niicorr.compute.similarity import Similarity
from niicorr.compute.sums import CHUNK
from niicorr.errors import UsageError, told_on
from niicorr.images.cache import layout
from niicorr.images.cache.index import Index
from niicorr.images.cache.store import Cache, open_cache
from niicorr.matrix import MapMatrix
from niicorr.numerals import integer, listed, plural
from niicorr.records import Decision
from niicorr.resume.draws import KeptDraws
from niicorr.resume.keys import context, digest, features_digest, map_digests
from niicorr.resume.nulls import Described, KeptNull, Null
from niicorr.resume.pieces import Arrays, is_piece, piece_name, read_piece, write_piece
from niicorr.resume.tiles import KeptTiles
from niicorr.rights import make_folders
from niicorr.tables import folder_named, path_text
from niicorr.typing import Float64Array

MAPS = "maps"
"""The folder in it that is a cache of maps."""

LONGEST = 200
"""Bytes of a name to which something may be added."""

KINDS = {"map": ("map", "maps"), "tile": ("tile", "tiles"),
         "null": ("piece of the null model", "pieces of the null model"), "draws": ("surrogate", "surrogates")}
"""What is kept, one and several."""

D = TypeVar("D", bound=Described)


def place_of(out: str) -> str:
    """Return where a run that writes to a folder keeps its work: beside it, or in it where it is there already.

    What was begun beside stays beside. The name follows from the folder's, so that the next call finds it.
    """
    path = os.path.abspath(out)
    parent, name = os.path.split(path)
    if len(os.fsencode(name)) > LONGEST:
        name = hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
    beside = os.path.join(parent, f".{name}.niicorr-resume")
    return os.path.join(path, ".niicorr-resume") if os.path.isdir(path) and not os.path.isdir(beside) else beside


@told_on("docs/tutorials/thousands.md")
def open_kept(folder: Any) -> KeptWork:
    """Open the folder of an interrupted run, which is made as soon as there is something to keep.

    Parameters
    ----------
    folder : path or KeptWork
        The folder.

    Raises
    ------
    UsageError
        Where it holds something else. All other trouble is told by `KeptWork.decisions`; the run goes on without.
    """
    if isinstance(folder, KeptWork):
        return folder
    path = folder_named("resume", folder)
    if not path or "\0" in path:
        raise UsageError("resume needs the name of a folder")
    if os.path.islink(path):
        raise UsageError(f"{path_text(path)} is a link, not a folder that an interrupted run left: remove it, or name "
                         "another")
    if os.path.lexists(path) and not os.path.isdir(path):
        raise UsageError(f"{path_text(path)} is a file, not a folder that an interrupted run left: remove it, or name "
                         "another")
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        names = []
    except OSError as error:
        return KeptWork(path, (), unusable=error.strerror or str(error))
    others = sorted(name for name in names if (name == MAPS) != os.path.isdir(os.path.join(path, name)) or not (
        name == MAPS or is_piece(name)))
    if others:
        raise UsageError(f"{path_text(path)} holds files that no interrupted run left (such as "
                         f"{path_text(others[0])!r}): name another folder")
    return KeptWork(path, names)


class KeptWork(os.PathLike[str]):
    """Work kept from an interrupted run to the next; made by `open_kept`. Several threads may use it at once.

    Parameters
    ----------
    folder : str
        Where it is.
    names : iterable of str
        What is in it.
    unusable : str
        Why it is neither read nor written; empty where it is.
    """

    def __init__(self, folder: str, names: Iterable[str], *, unusable: str = "") -> None:
        self.folder = folder
        self._names, self._fault = frozenset(names), unusable
        self.begun = any(not name.startswith(".") for name in self._names if name != MAPS) or self._has_maps()
        self._lock = threading.Lock()
        self._found: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._made: Counter[str] = Counter()
        self._damaged = 0
        self._maps: Cache | None = None
        self._digests: WeakKeyDictionary[MapMatrix, dict[bool, list[bytes]]] = WeakKeyDictionary()

    def __fspath__(self) -> str:
        return self.folder

    # --- maps

    def _has_maps(self) -> bool:
        with suppress(OSError):
            return any(name.endswith(layout.INDEX) for name in os.listdir(self._maps_folder))
        return False

    def maps(self) -> Cache:
        """Return the cache of maps in it."""
        if self._maps is None:
            try:
                self._maps = open_cache(os.path.join(self.folder, MAPS))
            except UsageError as error:  # somebody put something else there
                self._fault = self._fault or str(error)
                self._maps = Cache(self.folder, Index(), unusable=str(error))
        return self._maps

    # --- tiles

    def tiles(self, similarity: Similarity, x: MapMatrix, y: MapMatrix, device: Device | None, jobs: int) -> KeptTiles:
        """Return the tiles of a comparison: those that are there, and a place for those that are made."""
        exactly = similarity.method in ("spearman", "bicor", "dice")
        common = context("tile", similarity.method, float(similarity.threshold), similarity.weights,
                         similarity.covariates, None if device is None else device.name, y is x, CHUNK, exactly)
        digest_y = self._of_maps(y, exactly, jobs)
        return KeptTiles(self, common, digest_y, digest_y if y is x else self._of_maps(x, exactly, jobs))

    # --- null models

    def null(self, null: Null[D], kind: type[D], x: MapMatrix, y: MapMatrix, *what: Any) -> KeptNull[D]:
        """Return a null model that does not describe maps that an interrupted run has; see `KeptNull`."""
        return KeptNull(self, null, kind, x, y, *what)

    def draws(self, maps: MapMatrix, fixed: MapMatrix, r: Float64Array, *what: Any) -> KeptDraws:
        """Return what was counted of surrogates of some maps against others.

        Parameters
        ----------
        maps, fixed : MapMatrix
            Those that are randomised, and those that are not.
        r : ndarray, shape (maps, fixed), float64
            What they really came to.
        *what
            What the counts depend on beyond them: similarity, null model, cells that count.
        """
        common = context("draws", features_digest(maps), r, maps is fixed, *what)
        return KeptDraws(self, digest((common, *self._of_maps(maps, True, 1), *self._of_maps(fixed, True, 1))))

    # --- pieces

    def find(self, kind: str, key: bytes) -> list[np.ndarray[Any, Any]] | None:
        """Return the arrays of a piece; None where it has to be made."""
        name = piece_name(kind, key.hex())
        if name not in self._names:
            return None
        arrays = read_piece(self.folder, name)
        if arrays is None:
            with self._lock:
                self._damaged += 1
        return arrays

    def keep(self, kind: str, key: bytes, arrays: Arrays, count: int = 1) -> None:
        """Keep what was made, unless there is no room or permission any more."""
        if self._fault:
            return
        try:
            make_folders(self.folder)
            write_piece(self.folder, piece_name(kind, key.hex()), arrays)
        except OSError as error:
            self._fault = self._fault or error.strerror or str(error)
        else:
            with self._lock:
                self._made[kind] += count

    def asked(self, kind: str, found: int, total: int) -> None:
        """Take notice of how many pieces were wanted, and how many of them were there."""
        with self._lock:
            self._found[kind] += found
            self._asked[kind] += total

    # --- what is said of it, and its end

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What the interrupted run was good for, and what was wrong with what it left."""
        texts = []
        found, asked = self._found.copy(), self._asked.copy()
        if self._maps is not None:
            found["map"], asked["map"] = self._maps.served
        if found.total():
            of = [f"{integer(found[kind])} of {_several(asked[kind], kind)}" for kind in KINDS if asked[kind]]
            texts.append(f"an interrupted run was continued: {listed(of)} had been kept")
        elif self.begun:
            texts.append("what an interrupted run left does not belong to these maps and options: all was done anew")
        if self._damaged:
            texts.append(f"{plural(self._damaged, 'file')} of what an interrupted run left "
                         f"{'was' if self._damaged == 1 else 'were'} damaged: the numbers in "
                         f"{'it' if self._damaged == 1 else 'them'} were made anew")
        fault = self._fault or ("" if self._maps is None else self._maps.fault)
        if fault:
            texts.append(f"{path_text(self.folder)} could not be written ({fault}): had this run been interrupted, not "
                         "all of it could have been continued")
        return tuple(Decision("resume", text) for text in texts)

    @property
    def full(self) -> bool:
        """Whether there was no room, or no permission, for all that should have been kept."""
        return bool(self._fault or (self._maps is not None and self._maps.fault))

    @cached_property
    def _maps_folder(self) -> str:
        return os.path.join(self.folder, MAPS)

    def size(self) -> int:
        """Bytes of all files in it."""
        total = 0
        for place in self._places():
            with suppress(OSError):
                total += os.lstat(place).st_size
        return total

    def counts(self) -> str:
        """Say what this run found in it, and added to it."""
        done = self._found + self._made
        if self._maps is not None:
            done["map"] = self._maps.served[0] + self._maps.added
        parts = [_several(done[kind], kind) for kind in KINDS if done[kind]]
        return listed(parts) if parts else ""

    def make_room(self) -> None:
        """Remove the maps: they take most of the room, and can be had from their files."""
        self._remove(self._of_maps_folder())
        with suppress(OSError):
            os.rmdir(self._maps_folder)

    def remove(self) -> None:
        """Remove all that is kept; files of others stay."""
        self.make_room()
        self._remove(self._places())
        with suppress(OSError):
            os.rmdir(self.folder)

    def _remove(self, places: Iterator[str]) -> None:
        for place in places:
            with suppress(OSError):
                os.remove(place)

    def _places(self) -> Iterator[str]:
        """Yield the files in it that are ours."""
        with suppress(OSError):
            yield from (os.path.join(self.folder, name) for name in os.listdir(self.folder) if is_piece(name))
        yield from self._of_maps_folder()

    def _of_maps_folder(self) -> Iterator[str]:
        with suppress(OSError):
            if not os.path.islink(self._maps_folder):
                yield from (os.path.join(self._maps_folder, name) for name in os.listdir(self._maps_folder)
                            if layout.ours(name))

    def _of_maps(self, matrix: MapMatrix, exactly: bool, jobs: int) -> list[bytes]:
        known = self._digests.setdefault(matrix, {})
        if exactly not in known:
            known[exactly] = map_digests(matrix, exactly=exactly, jobs=jobs)
        return known[exactly]


def _several(count: int, kind: str) -> str:
    one, several = KINDS[kind]
    return f"{integer(count)} {one if count == 1 else several}"
