"""Names of files: labels are unique, true and harmless, whatever bytes a name holds."""

import csv
import os
import xml.etree.ElementTree as ET

import pytest
from promised_files import BRAIN, nifti_bytes, noise, related, write_nifti

RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]
A = noise(301)
B = related(302, A)

HOSTILE = {
    "newline": "two\nlines.nii",
    "return": "back\rspace.nii",
    "tab": "a\ttab.nii",
    "script": "<script>alert(1)<∕script>.nii",
    "entity": "a&b<c>\"d'.nii",
    "formula": "=cmd|' !A0.nii",
    "plus": "+1.nii",
    "minus": "-1.nii",
    "at": "@SUM(A1).nii",
    "dollar": "$\\frac{1}{0}$.nii",
    "one dollar": "cost$.nii",
    "escape": "\x1b[31mred\x1b[2J.nii",
    "bell": "\x07bell\x9b1m.nii",
    "right to left": "abc\u202egpj.nii",
    "markup": "[bold red]x[/].nii",
    "percent": "%s%n{0}.nii",
    "comma": 'a,"b",c.nii',
    "space": " lead and trail .nii",
    "unicode": "Großhirn_脳_🧠.nii",
    "long": "l" * 240 + ".nii",
    "brackets": "a[0].nii",
    "star": "st*r?.nii",
    "only dots": "a..b...nii",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_name_is_harmless(study, kind):
    study.x(HOSTILE[kind], A)
    study.x("other.nii", B)
    study.y("y.nii", B)
    outcome = study.run(*RAW).must_be([A, B], [B])
    assert len(outcome.matrix[0]) == 3
    assert len(set(outcome.x_labels)) == 2
    assert len(outcome.json) > 1
    assert not set(outcome.err) & {"\x1b", "\x07", "\x9b", "\u202e"}
    assert [len(outcome.maps), len(outcome.pairs), len(outcome.matrix)] == [3, 2, 2]
    for table, delimiter in (("correlations.csv", ","), ("pairs.tsv", "\t"), ("maps.tsv", "\t")):
        with open(study.out / table, newline="", encoding="utf-8") as file:
            for row in csv.reader(file, delimiter=delimiter):
                assert not any(c.startswith(("=", "@", "+", "\t")) for c in row), row
                assert not any(c.startswith("-") and not c[1:2].isdigit() for c in row), row


def test_a_label_that_starts_a_formula_is_escaped(study):
    for name in ("=1+1", "-2", "@x", "+3"):
        study.x(name + ".nii", A)
    study.y("y.nii", B)
    assert study.run(*RAW).x_labels == ["'=1+1", "'-2", "'@x", "'+3"]


def test_plain_names_are_never_altered(study):
    names = ["my map (1)", "fear-vs-neutral", "Z_stat.v2", "µ", "a[0]"]
    for name in names:
        study.x(name + ".nii.gz", A)
    study.y("y.img", B)
    outcome = study.run(*RAW)
    assert outcome.x_labels == names
    assert outcome.y_labels == ["y"]


def test_bytes_that_are_no_text(study, process):
    folder = os.fsencode(study.tmp / "x")
    os.mkdir(folder)
    with open(folder + b"/caf\xe9\xff.nii", "wb") as file:
        file.write(nifti_bytes(A))
    study.x("other.nii", B)
    study.y("y.nii", B)
    options = ["-o", study.out, "--null", "none", *RAW, "--json"]
    outcome = process("run", "-x", folder, "-y", *study.y_paths, *options)
    outcome.must_be([A, B], [B])
    for name in ("correlations.csv", "pairs.tsv", "maps.tsv", "run.json", "heatmap.svg"):
        (study.out / name).read_bytes().decode("utf-8")
    assert "caf" in outcome.x_labels[0]


def test_a_bad_file_whose_name_is_no_text_is_named(study, process):
    name = os.fsencode(study.tmp) + b"/bad\xff.nii"
    with open(name, "wb") as file:
        file.write(b"no image")
    study.y("y.nii", B)
    process("run", "-x", name, "-y", *study.y_paths, "-o", study.out).must_refuse("bad")


def test_a_refusal_cannot_be_painted_over(study):
    """The name of a bad file reaches the terminal without its control characters."""
    path = study.tmp / "x\x1b[2J\x1b[Hok\r.nii"
    path.write_bytes(b"no image")
    study.x_paths.append(str(path))
    study.y("y.nii", B)
    outcome = study.run(*RAW).must_refuse("ok")
    assert not set(outcome.err) & {"\x1b", "\r"}


def test_colliding_stems_stay_apart(study):
    study.x("a.nii", A)
    study.x("a.nii.gz", B)
    study.x("a.hdr", A)
    study.y("y.nii", B)
    outcome = study.run(*RAW).must_be([A, B, A], [B])
    assert len(set(outcome.x_labels)) == 3
    assert all(label.startswith("a") for label in outcome.x_labels)


def test_the_same_stem_in_two_folders_gets_the_folder(study):
    for folder in ("one", "two"):
        study.x(f"{folder}/stat.nii", A)
    study.x("two/other.nii", B)
    study.y("y.nii", B)
    outcome = study.run(*RAW)
    assert len(set(outcome.x_labels)) == 3
    assert "one" in outcome.x_labels[0]
    assert "two" in outcome.x_labels[1]
    assert "stat" in outcome.x_labels[0]
    assert outcome.x_labels[2] == "other"


def test_the_same_stem_and_the_same_folder_names_further_up(study):
    for top in ("alpha", "beta"):
        for low in ("m", "n"):
            study.x(f"{top}/{low}/stat.nii", A)
    study.y("y.nii", B)
    labels = study.run(*RAW).x_labels
    assert len(set(labels)) == 4
    assert all("stat" in label for label in labels)


def test_labels_that_only_escaping_would_make_equal(study):
    study.x("a\x1b.nii", A)
    study.x("a\\x1b.nii", B)
    study.y("y.nii", B)
    outcome = study.run(*RAW).must_be([A, B], [B])
    assert len(set(outcome.x_labels)) == 2


def test_names_equal_but_for_unicode_form(study):
    study.x("caf\u00e9.nii", A)
    study.x("cafe\u0301.nii", B)
    study.y("y.nii", B)
    assert len(set(study.run(*RAW).must_be([A, B], [B]).x_labels)) == 2


def test_bids_names_are_shortened_to_what_differs(study):
    for sub in ("01", "02", "10"):
        study.x(f"sub-{sub}_task-faces_space-MNI152NLin6Asym_stat-z_statmap.nii.gz", A)
    study.y("sub-01_trc-FDOPA_pet.nii.gz", B)
    study.y("sub-01_trc-DASB_pet.nii.gz", B)
    outcome = study.run(*RAW)
    for label, sub in zip(outcome.x_labels, ("01", "02", "10"), strict=True):
        assert f"sub-{sub}" in label
        assert "faces" not in label
        assert "MNI" not in label
    assert "FDOPA" in outcome.y_labels[0]
    assert "DASB" in outcome.y_labels[1]
    assert len(set(outcome.y_labels)) == 2


def test_one_bids_name_alone_keeps_enough_to_know_it(study):
    study.x("sub-01_task-faces_statmap.nii.gz", A)
    study.y("y.nii", B)
    (label,) = study.run(*RAW).x_labels
    assert label


def test_manifest_labels_that_collide_are_made_unique(study):
    paths = [study.x(f"{name}.nii", data) for name, data in (("p", A), ("q", B))]
    manifest = study.tmp / "maps.tsv"
    manifest.write_text("path\tlabel\n" + "".join(f"{p}\tsame\n" for p in paths))
    study.x_paths = [str(manifest)]
    study.y("y.nii", B)
    outcome = study.run(*RAW).must_be([A, B], [B])
    assert len(set(outcome.x_labels)) == 2


def test_hostile_names_in_figures(study, recwarn):
    """Mathtext that does not parse, markup and signs no font has: figures are drawn all the same."""
    for kind in ("dollar", "one dollar", "script", "entity", "newline", "escape", "unicode", "percent"):
        study.x(HOSTILE[kind], BRAIN * (A + 5))
    study.y("$y_{$.nii", B)
    outcome = study.call("run", *study.sets(), "-o", study.out, "--null", "none", "--no-report", *RAW)
    assert outcome.code == 0, outcome
    assert (study.out / "heatmap.png").read_bytes().startswith(b"\x89PNG")
    tree = ET.parse(study.out / "heatmap.svg")
    assert not [e for e in tree.iter() if e.tag.lower().endswith("script")]
    assert "Glyph" not in outcome.err


def test_options_and_names_that_start_with_a_dash(study):
    write_nifti(study.work / "-x.nii", A)
    study.y("y.nii", B)
    study.x_paths = ["./-x.nii"]
    study.run(*RAW).must_be([A], [B])
