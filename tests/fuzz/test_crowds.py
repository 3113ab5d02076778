"""Tables of very many lines, columns or names: work, or room, that grows with their square would never end."""

import pytest

from . import readers
from .seeds import ROWS

N, MANY = 30_000, 100_000

ATLAS = {
    "names": ("plain.txt", b"a\n" * N),
    "one number": ("atlas.tsv", b"1\ta\n" * N),
    "one line": ("plain.txt", b"a " * N),
    "long line over short ones": ("atlas.csv", b"," * N + b"\n1,a" * N),
    "remarks": ("plain.txt", b"# a b\n" * N + b"1 a\n2 b\n7 c"),
    "depth": ("list.json", b"[" * N),
    "names in JSON": ("list.json", b"[" + b",".join([b'"a"'] * N) + b"]"),
    "a column for each row": ("records.json", b"[" + b",".join(b'{"%d":1}' % k for k in range(N)) + b"]"),
    "a long row over short ones": ("list.json", b"[[" + b",".join([b"1"] * N) + b"]" + b",[1]" * N + b"]"),
    "depth of XML": ("fsl.xml", b"<a>" * N),
    "a title for each entry": (
        "fsl.xml", b"<a>" + b"".join(b'<label a%d="1">x</label>' % k for k in range(N)) + b"</a>"),
}
OTHERS = {
    "equal names of series": (
        "series", "series.csv", b",".join([b"a"] * MANY) + (b"\n" + b",".join([b"1"] * MANY)) * 2),
    "a long line of series": ("series", "series.csv", b",".join([b"1"] * N) + b"\n1" * N),
    "equal confounds": ("confounds", "confounds.tsv", (b"\t".join([b"a"] * N) + b"\n") * (ROWS + 1)),
    "many confounds": ("confounds", "confounds.tsv", b"\t".join(b"a%d" % k for k in range(MANY))
                       + (b"\n" + b"\t".join([b"1"] * MANY)) * ROWS),
    "columns of a manifest": ("manifest", "maps.tsv", b"path\t" + b"\t".join(b"%d" % k for k in range(N)) + b"\nx\n"),
    "equal columns": ("manifest", "maps.tsv", b"\t".join([b"path"] * N) + b"\nx\n"),
    "rows of a manifest": ("manifest", "maps.tsv", b"path\tlabel\n" + b"x.nii\ta\n" * N),
}


def ended(shop, reader, files):
    outcome, what, trace = shop.judge(reader, files)
    assert outcome != "finding", f"{what}\n{trace}"


@pytest.mark.parametrize("what", ATLAS)
def test_crowded_tables_of_names(shop, what):
    name, content = ATLAS[what]
    (labels,) = {seed.files["atlas.nii"] for seed in shop.seeds if seed.name == "atlas atlas.tsv"
                 and "atlas.nii" in seed.files}
    ended(shop, "atlas", {"atlas.nii": labels, name: content})


@pytest.mark.parametrize("what", OTHERS)
def test_other_crowded_tables(shop, what, monkeypatch):
    reader, name, content = OTHERS[what]
    if what == "equal confounds":  # the two other choices find the same
        monkeypatch.setitem(readers.READERS, "confounds", lambda folder, names: readers.read_confounds(
            f"{folder}/{names[0]}", ROWS))
    ended(shop, reader, {name: content})
