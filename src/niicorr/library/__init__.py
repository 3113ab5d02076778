"""A library: many maps made ready once, so that the most similar of them are found in a moment.

A folder that `index` makes and adds to, and that `search` looks through. It holds

- ``library.json``, which says that it is one, of which layout, and how its maps are read;
- ``indices.npy``, the voxels of its mask (``mask.nii.gz`` shows them to people);
- ``shard-000001``, …: maps, each addition in folders of its own: their rows (`niicorr.matrix_folder`), and what the
  null model needs of each map (`niicorr.library.features`).

A library is a result, not a cache: it needs the files it was made of no more. Nothing in it is ever changed. A shard
is made under a hidden name and renamed when it is complete, so a process killed at any moment leaves the library as it
was, and two processes may add at once. A map is known by the hash of its file and its volume.
"""

from niicorr.library.adding import IndexReport, index
from niicorr.library.finding import Hit, SearchResult, search
from niicorr.library.opened import Library, open_library

__all__ = ["Hit", "IndexReport", "Library", "SearchResult", "index", "open_library", "search"]
