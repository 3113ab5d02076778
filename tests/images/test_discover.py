"""From what a user names to a list of maps with unique labels."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import niicorr as nc
from niicorr.errors import InputError
from niicorr.images.discover import discover, make_unique, shorten
from niicorr.images.load import FileFacts, volumes
from niicorr.words import IMAGE_SUFFIXES
from strategies import MODEST

parts = st.sampled_from(["a", "b", "a.nii", "a#2", "b/a"])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def touch(*names):
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()

    return touch


def paths(inputs):
    return [source.path for source in discover(inputs)]


def labels(inputs):
    return [source.label for source in discover(inputs)]


def test_folders_hold_all_images_below_them_but_hidden_ones(here):
    here("f/b.nii", "f/a.nii.gz", "f/sub/c.mgz", "f/notes.txt", "f/._b.nii", "f/.hidden/d.nii", "f/x.hdr", "f/x.img")
    found = paths("f")
    assert found == ["f/a.nii.gz", "f/b.nii", "f/sub/c.mgz", "f/x.hdr"]
    assert paths("f/") == found


def test_patterns_files_and_lists_keep_their_order(here):
    here("b.nii", "a.nii", "sub/deep/c.nii", "odd[1].nii")
    assert paths("*.nii") == ["a.nii", "b.nii", "odd[1].nii"]
    assert paths("**/c.nii") == ["sub/deep/c.nii"]
    assert paths(["b.nii", ("a.nii",), Path("sub")]) == ["b.nii", "a.nii", "sub/deep/c.nii"]
    assert paths("odd[1].nii") == ["odd[1].nii"]
    assert paths(iter(["b.nii"])) == ["b.nii"]


def test_what_matches_nothing_is_a_problem_of_its_own(here):
    here("empty/notes.txt", "a.nii")
    pattern, folder, missing, good = discover(["*.mgz", "empty", "gone.nii", "a.nii"])
    assert "no file matches" in pattern.problem.text
    assert "no image in this folder" in folder.problem.text
    assert missing.problem is None  # reading the header will say so
    assert good.problem is None


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_a_folder_is_looked_through_for_all_that_is_read(here, suffix):
    here("empty/notes.txt")
    (folder,) = discover("empty")
    assert suffix in folder.problem.advice.removeprefix("looked for ").split(", ")
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    kind = {".mg": nib.MGHImage, ".ni": nib.Nifti1Image}.get(suffix[:3], nib.Nifti1Pair)
    name = suffix.replace(".mgh.gz", ".mgz")  # nibabel knows it by that name alone
    Path("maps").mkdir()
    kind(values, np.diag([2, 2, 2, 1])).to_filename(f"maps/m{name}")
    Path(f"maps/m{name}").rename(f"maps/m{suffix}")
    (source,) = discover("maps")
    (volume,) = volumes(nc.read_maps(source.path).files[0].header, [0], FileFacts())
    np.testing.assert_array_equal(volume, values)


def of_niicorr(folder, record, **fields):
    (Path(folder) / record).write_text(json.dumps({"program": "niicorr", **fields}))


@pytest.mark.parametrize(("record", "what"), [("run.json", "a result of niicorr"),
                                              ("library.json", "a library of niicorr index")])
def test_a_result_is_no_set_of_maps(here, record, what):
    here("a.nii", "out/mask.nii.gz", "out/correlations.csv")
    of_niicorr("out", record, files=["mask.nii.gz", "correlations.csv", "run.json", "../a.nii", 5])
    for named in ("out", "out/", "ou*"):
        (source,) = discover(named)
        assert source.problem.text.startswith(f"{what}, not a set of maps: ")
    result, gone, good = discover(["out", "empty*", "a.nii"])  # all that is wrong at once
    assert result.problem is not None
    assert gone.problem is not None
    assert good.problem is None
    assert paths("out/mask.nii.gz") == paths("out/*.nii.gz") == ["out/mask.nii.gz"]  # who names it means it


@pytest.mark.parametrize("record", ["run.json", "library.json"])
def test_maps_beside_a_result_are_taken_without_what_is_its_own(here, record):
    here("out/mask.nii.gz", "out/mine.nii", "out/data/b.nii", "out/data/mask.nii.gz")
    of_niicorr("out", record, files=["mask.nii.gz", "run.json"])
    found = discover("out")
    assert [source.path for source in found] == ["out/data/b.nii", "out/data/mask.nii.gz", "out/mine.nii"]
    assert {(d.topic, d.text) for source in found for d in source.decisions} == {
        ("file", "mask.nii.gz in out is niicorr's own and was left out")}
    assert discover(["out", "out/mine.nii"])[2].decisions[1].text == "is named more than once and used once"
    of_niicorr("out", record, program="other")
    assert "out/mask.nii.gz" in paths("out")


def test_many_images_of_a_result_are_counted(here):
    names = ["mask.nii.gz", *(f"contribution_{k}.nii.gz" for k in range(1200))]
    here("out/z.nii", *(f"out/{name}" for name in names))
    of_niicorr("out", "run.json", files=names)
    (source,) = discover("out")
    assert source.decisions[0].text == ("contribution_0.nii.gz, contribution_1.nii.gz, contribution_10.nii.gz and "
                                        "1\u00a0198 more in out are niicorr's own and were left out")


@pytest.mark.parametrize("nothing", [[], (), [[], []]])
def test_nothing_named(nothing):
    with pytest.raises(InputError, match="no maps were named"):
        discover(nothing)


@pytest.mark.parametrize("wrong", [3, None, object(), np.zeros((2, 3, 4)), [1.5], {"a": 1}.keys()])
def test_what_is_no_map_is_named_by_its_type(wrong):
    if isinstance(wrong, type({}.keys())):
        assert [s.path for s in discover(wrong)] == ["a"]
        return
    with pytest.raises(InputError, match="cannot read maps from"):
        discover(wrong)


def test_the_home_folder(here, monkeypatch, tmp_path):
    here("home/a.nii")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert paths("~/a.nii") == [str(tmp_path / "home" / "a.nii")]


def test_images_and_arrays_in_memory():
    image = nib.Nifti1Image(np.zeros((2, 2, 2), "f4"), np.eye(4))
    pair = (np.zeros((2, 2, 2)), np.eye(4))
    found = discover([image, pair, [image]])
    assert [s.image for s in found] == [image, pair, image]
    assert [s.path for s in found] == ["image 0", "image 1", "image 2"]
    assert len({s.label for s in found}) == 3
    (single,) = discover(pair)
    assert single.image is pair


def test_names_of_columns_in_quotes(here):
    """As R writes them."""
    here("a.nii", "b.nii")
    Path("set.tsv").write_text('"path"\t"label"\n"a.nii"\t"one"\n"b.nii"\t"two"\n')
    assert [source.label for source in discover("set.tsv")] == ["one", "two"]


def test_names_of_columns_are_told_without_what_a_terminal_obeys(here):
    Path("set.tsv").write_bytes(b"pa\x1b[31mth\n" + b"x" * 500 + b"\n")
    (source,) = discover("set.tsv")
    assert "(columns: pa\\x1b[31mth)" in source.problem.reason


def test_manifests(here):
    here("study/maps/a.nii", "study/b.nii", "c.nii")
    text = "path\tlabel\tage\n maps/a.nii\tfirst\t30\nb.nii\t\t\nc.nii\t third \t50\n\t\t\ngone.nii\tx\t1\n"
    Path("study/set.tsv").write_text("\ufeff" + text, encoding="utf-8")
    found = discover("study/set.tsv")
    assert [s.path for s in found] == ["study/maps/a.nii", "study/b.nii", "c.nii", "study/set.tsv", "study/gone.nii"]
    assert [s.label for s in found[:3]] == ["first", "b", "third"]
    assert found[0].metadata == {"age": "30"}
    assert found[3].problem.text == "line 5 has no path"


@pytest.mark.parametrize("text", ["", "path\n", "file\ta\nx.nii\t1\n", "path,label\nx.nii,a\n"])
def test_a_manifest_without_paths_says_which_columns_it_has(here, text):
    Path("set.tsv").write_text(text)
    (found,) = discover("set.tsv")
    assert "column `path`" in found.problem.text


def test_tables(here):
    frame = pd.DataFrame({"path": ["a.nii", Path("b.nii"), "c.nii"], "label": ["one", None, np.nan], "age": [1, 2, 3]})
    found = discover(frame)
    assert [s.label for s in found] == ["one", "b", "c"]
    assert [s.metadata for s in found] == [{"age": "1"}, {"age": "2"}, {"age": "3"}]
    with pytest.raises(InputError, match="no column `path`"):
        discover(pd.DataFrame({"file": ["a.nii"]}))


def test_a_missing_path_in_a_table_is_an_error_of_ours():
    with pytest.raises(InputError):
        discover(pd.DataFrame({"path": ["a.nii", np.nan]}))


def test_a_file_named_twice_is_used_once_and_that_is_said(here):
    here("a.nii", "b.hdr", "b.img")
    once, other = discover(["a.nii", "b.nii", "a.nii", "a.nii"])
    assert [d.topic for d in once.decisions] == ["file"]
    assert other.decisions == ()
    assert paths(["b.img", "b.hdr"]) == ["b.img"]
    assert paths(["a.nii", os.path.abspath("a.nii")]) == ["a.nii"]


def test_one_file_under_two_labels_is_two_maps(here):
    here("a.nii")
    Path("set.tsv").write_text("path\tlabel\na.nii\tone\na.nii\ttwo\n")
    assert labels("set.tsv") == ["one", "two"]


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["sub-01_task-a_bold", "sub-02_task-a_bold"], ["sub-01", "sub-02"]),
        (["sub-01_pet", "sub-01_ses-2_pet"], ["sub-01_pet", "sub-01_ses-2_pet"]),
        (["sub-01_pet"], ["sub-01_pet"]),
        (["sub-01_pet", "fear"], ["sub-01_pet", "fear"]),
        (["sub-01_t-a_pet", "sub-01_t-b_spect"], ["t-a_pet", "t-b_spect"]),
        (["sub-01_pet", "sub-01_pet"], ["sub-01_pet", "sub-01_pet"]),
    ],
)
def test_bids_names_are_shortened_to_what_differs(names, short):
    assert shorten(names) == short


def test_equal_names_are_told_apart_by_what_differs():
    assert make_unique(["m", "m"], ["a/x/m.nii", "b/x/m.nii"]) == ["a/x/m", "b/x/m"]
    assert make_unique(["m", "m", "n"], ["a/m.nii", "b/m.nii", "a/n.nii"]) == ["a/m", "b/m", "n"]
    assert make_unique(["m", "m"], ["a/m.nii", "a/m.nii.gz"]) == ["m.nii", "m.nii.gz"]
    assert make_unique(["m", "m", "m#2"], ["i", "i", "j"]) == ["m", "m#3", "m#2"]


@MODEST
@given(st.lists(st.tuples(parts, st.lists(parts, min_size=1, max_size=3)), max_size=8))
def test_labels_are_always_unique_and_never_changed_without_need(drawn):
    names = [label for label, _ in drawn]
    unique = make_unique(names, ["/".join(folders) for _, folders in drawn])
    assert len(set(unique)) == len(names)
    # A label that was unique keeps its name; where another's longer form is the same, it gets a number.
    alone = [(new, old) for new, old in zip(unique, names, strict=True) if names.count(old) == 1]
    assert all(new == old or new.rpartition("#")[0] == old for new, old in alone)


def test_labels_are_text_that_can_be_shown(here):
    here("esc\x1b[31m.nii", os.fsdecode(b"half\xff.nii"))
    assert labels("*.nii") == ["esc\\x1b[31m", "half\\xff"]


def test_a_list_that_holds_itself_is_refused():
    class Endless(list):
        def __iter__(self):
            return iter([self])

    with pytest.raises(InputError, match="a list of maps holds itself"):
        discover(Endless())


def test_lists_that_hold_each_other_and_lists_without_end_are_refused():
    one, deep = [], ["a.nii"]
    two = [one]
    one.append(two)
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InputError, match="a list of maps holds itself"):
        discover(one)
    with pytest.raises(InputError, match="lists of maps lie more than 100 deep in each other: give one list"):
        discover(deep)
    shared = ["a.nii"]
    for _ in range(99):
        shared = [shared]
    assert paths([shared[0], shared[0]]) == ["a.nii"]


def test_an_image_whose_file_name_cannot_be_had_has_none():
    class Lost(nib.Nifti1Image):
        def get_filename(self):
            raise RuntimeError

    (found,) = discover(Lost(np.zeros((2, 2, 2), "f4"), np.eye(4)))
    assert found.path == "image 0"


@pytest.mark.parametrize(("encoding", "told"), [
    ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-32-le", "UTF-32"), ("utf-32-be", "UTF-32")])
def test_a_manifest_in_another_encoding_is_told_which(here, encoding, told):
    Path("set.tsv").write_bytes("\ufeffpath\na.nii\n".encode(encoding))
    (found,) = discover("set.tsv")
    assert found.problem.text == f"the manifest is {told}: save it as UTF-8"


@pytest.mark.parametrize(("frame", "words"), [
    (pd.DataFrame([["a.nii"]], columns=pd.MultiIndex.from_tuples([("path", "a")])), "columns of 2 levels"),
    (pd.DataFrame([["a.nii", "b.nii"]], columns=["path", "path"]), "two columns of the DataFrame have one name")])
def test_tables_whose_columns_are_not_plain_names(frame, words):
    with pytest.raises(InputError, match=words):
        discover(frame)


def test_a_folder_that_a_link_leads_back_to_is_searched_once(here, tmp_path):
    here("maps/a.nii", "maps/deep/b.nii")
    os.symlink(tmp_path / "maps", tmp_path / "maps" / "deep" / "again")
    assert [os.path.basename(source.path) for source in discover("maps")] == ["a.nii", "b.nii"]


def test_manifests_that_cannot_be_used_say_why(here, tmp_path):
    (tmp_path / "twice.tsv").write_text("path\tage\tage\na.nii\t1\t2\n")
    (source,) = discover("twice.tsv")
    assert source.problem.text == "two columns of the manifest have one name: name each column once"
    (tmp_path / "long.tsv").write_text("path\n" + "x" * 200_000 + "\n")
    (source,) = discover("long.tsv")
    assert "the manifest cannot be read (field larger than field limit" in source.problem.text
    (tmp_path / "nul.tsv").write_text("path\na\0b.nii\n")
    (source,) = discover("nul.tsv")
    assert source.problem is not None


def test_a_label_that_several_rows_have_is_dropped_and_said(tmp_path):
    for name in ("fear", "anger", "joy"):
        (tmp_path / f"{name}.nii").touch()
    manifest = tmp_path / "maps.tsv"
    manifest.write_text("path\tlabel\nfear.nii\ta\nanger.nii\ta\njoy.nii\tb\n")
    fear, anger, joy = discover(str(manifest))
    assert [source.label for source in (fear, anger, joy)] == ["fear.nii", "anger.nii", "b"]
    assert [d.text for d in fear.decisions] == ["the label a is that of several maps: this one is called fear.nii"]
    assert len(anger.decisions) == 1
    assert joy.decisions == ()
