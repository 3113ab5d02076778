"""A fuzzer of our own readers: sound files are damaged in every way that disks, editors and attackers know.

`seeds` are small sound files, `mutations` the ways to damage them, `readers` read what came of it and judge it,
`campaign` runs many and watches time, memory and open files. Case k of seed s is the same on every machine::

    python -m tests.fuzz 100000            mutations of everything
    python -m tests.fuzz --bit-flips 100000    single bits of gzip streams, beside nibabel
    python -m tests.fuzz --replay 0:4711   one case again
"""
