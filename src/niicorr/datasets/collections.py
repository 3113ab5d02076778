"""Doors to public collections, for who asks: NeuroVault through nilearn, and what neuromaps has fetched before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from niicorr.datasets.example import Example
from niicorr.errors import InputError, UsageError


def neurovault(collection: int, folder: str | None = None, *, most: int | None = None) -> Example:
    """Fetch the images of a NeuroVault collection; nilearn downloads them, or takes them from its folder.

    Parameters
    ----------
    collection : int
        Its number on NeuroVault.
    folder : str, optional
        Where nilearn keeps its data; its own default without it.
    most : int, optional
        No more images than these.

    Returns
    -------
    Example
        x: the images.

    Raises
    ------
    UsageError
        For what is no number of a collection.
    InputError
        Where none could be had.
    """
    if not isinstance(collection, int) or isinstance(collection, bool) or collection < 1:
        raise UsageError(f"a NeuroVault collection is a whole number from 1 on, not {collection!r}")
    from nilearn.datasets import fetch_neurovault_ids  # the network is used only here

    try:
        found: Any = fetch_neurovault_ids(collection_ids=(collection,), data_dir=folder, verbose=0)
    except Exception as error:  # nilearn lets every error of the network through
        raise InputError(f"NeuroVault collection {collection} could not be fetched ({type(error).__name__}: {error}): "
                         "check the network, or name a folder that holds it") from None
    paths = tuple(str(path) for path in found.images)[:most]
    if not paths:
        raise InputError(f"NeuroVault collection {collection} holds no image that could be fetched")
    return Example(paths, about=f"{len(paths)} images of NeuroVault collection {collection}; their licence is "
                   "NeuroVault's (CC0), their authors stand on the collection's page")


def neuromaps(folder: str | None = None, *, source: str = "*", space: str = "MNI152") -> Example:
    """List the volumes that neuromaps has fetched before; neuromaps itself is neither needed nor imported.

    Parameters
    ----------
    folder : str, optional
        neuromaps' data folder; ``$NEUROMAPS_DATA``, else ``~/neuromaps-data``, without it.
    source : str
        Only annotations of this source; a pattern.
    space : str
        Only volumes in this space.

    Returns
    -------
    Example
        y: the volumes, sorted by name.

    Raises
    ------
    InputError
        Where the folder does not exist, or holds none.
    """
    base = Path(folder or os.environ.get("NEUROMAPS_DATA") or "~/neuromaps-data").expanduser()
    if not base.is_dir():
        raise InputError(f"{base}: there is no such folder; let neuromaps fetch annotations first, or name its folder")
    paths = tuple(sorted(str(path) for path in base.glob(f"annotations/{source}/*/{space}/*.nii.gz")))
    if not paths:
        raise InputError(f"{base} holds no annotation of source {source} in space {space}")
    return Example((), paths, f"{len(paths)} annotations that neuromaps fetched to {base}; each has a licence and a "
                   "paper of its own, which neuromaps lists")
