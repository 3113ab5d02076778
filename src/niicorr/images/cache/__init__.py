"""Maps as they were understood, kept in a folder from run to run: what ``--cache DIR`` names.

What reading finds in a map depends on the file's bytes, the volume, and the options ``background`` and ``zeros``
alone, never on the other maps of a run. So it can be kept: the data voxels as they are, one bit per voxel for where
they are, and the few facts beside. Everything after that is computed as without a cache, and is the same to the last
byte. The folder holds

- ``niicorr-cache.json``, which says that it is one, and of which format;
- ``maps-*.npy``, shards: the bytes of many maps one after the other, each an array of uint8 as numpy writes it;
- ``maps-*.jsonl``, an index beside each: a line of JSON for each map and each file, with a checksum of the line.

A shard and its index are written under hidden names and renamed when they are complete; nothing is ever changed in
place and nothing is locked. A process killed at any moment leaves at most a hidden file, and two processes write
shards of their own.
"""
