"""What -x and -y take: files, folders, patterns, manifests, volumes, pairs; and what they refuse."""

import numpy as np
import pytest
from promised_files import AFFINE, BRAIN, SHAPE, noise, related, write_analyze, write_nifti
from promised_numbers import only, table

RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]
A = noise(401)
B = related(402, A)
FOUR = np.stack([related(410 + i, A, 0.2 * i) for i in range(4)], axis=-1)
VOLUMES = [FOUR[..., i] for i in range(4)]


def test_a_folder_is_its_maps_in_the_order_of_their_names(study):
    for name, data in (("c.nii", A), ("a.nii.gz", B), ("b.img", A)):
        study.x(name, data)
    (study.tmp / "x" / "readme.txt").write_text("no map")
    (study.tmp / "x" / "dataset_description.json").write_text("{}")
    study.x_paths = [str(study.tmp / "x")]
    study.y("y.nii", B)
    outcome = study.run(*RAW).must_be([B, A, A], [B])
    assert outcome.x_labels == ["a", "b", "c"]


def test_a_folder_without_maps_is_refused(study):
    (study.tmp / "x").mkdir()
    (study.tmp / "x" / "readme.txt").write_text("no map")
    study.x_paths = [str(study.tmp / "x")]
    study.y("y.nii", B)
    study.run(*RAW).must_refuse("x")


def test_a_quoted_pattern_is_expanded_in_order(study):
    for name in ("m10.nii", "m2.nii", "n1.nii", "m1.nii.gz"):
        study.x(name, related(420 + len(name), A))
    study.x_paths = [str(study.tmp / "x" / "m*.nii*")]
    study.y("y.nii", B)
    outcome = study.run(*RAW)
    assert outcome.code == 0, outcome
    assert sorted(outcome.x_labels) == ["m1", "m10", "m2"]


def test_a_mix_of_everything_accumulates(study):
    study.x("folder/a.nii", A)
    study.x("folder/b.nii", B)
    study.x("p1.nii", VOLUMES[0])
    study.x("single.nii", VOLUMES[1])
    x = study.tmp / "x"
    y = study.y("y.nii", B)
    argv = ["-x", x / "folder", "-x", str(x / "p*.nii"), x / "single.nii", "-y", y, "-x", y]
    outcome = study.call("run", *argv, "-o", study.out, "--null", "none", "--no-figures", *RAW)
    outcome.must_be([A, B, VOLUMES[0], VOLUMES[1], B], [B])
    assert outcome.x_labels == ["a", "b", "p1", "single", "y"]


def test_hundreds_of_files(study):
    maps = [related(500 + i, A[:6, :6, :6], 0.5) for i in range(300)]
    for i, data in enumerate(maps):
        study.x(f"m{i:03}.nii", data.astype("f4"))
    study.y("y.nii", B[:6, :6, :6])
    outcome = study.run(*RAW).must_be([m.astype("f4") for m in maps], [B[:6, :6, :6]])
    assert outcome.x_labels == [f"m{i:03}" for i in range(300)]


# Manifests


def test_a_manifest_names_and_orders(study):
    paths = {name: study.x(f"{name}.nii", data) for name, data in (("p", A), ("q", B))}
    manifest = study.tmp / "maps.tsv"
    manifest.write_text(f"label\tpath\ttracer\nsecond\t{paths['q']}\tDASB\nfirst\t{paths['p']}\tFDOPA\n")
    study.x_paths = [str(manifest)]
    study.y("y.nii", B)
    outcome = study.run(*RAW).must_be([B, A], [B])
    assert outcome.x_labels == ["second", "first"]
    assert "DASB" in (study.out / "run.json").read_text()


def test_a_manifest_without_labels_takes_file_names(study):
    path = study.x("p.nii", A)
    manifest = study.tmp / "maps.tsv"
    manifest.write_text(f"path\n{path}\n")
    study.x_paths = [str(manifest)]
    study.y("y.nii", B)
    assert study.run(*RAW).must_be([A], [B]).x_labels == ["p"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_manifests_from_spreadsheets(study, ending, mark):
    write_nifti(study.work / "p.nii", A)
    manifest = study.work / "maps.tsv"
    manifest.write_bytes(f"{mark}path\tlabel{ending}p.nii\tGroßhirn{ending}".encode())
    study.x_paths = ["maps.tsv"]
    study.y("y.nii", B)
    assert study.run(*RAW).must_be([A], [B]).x_labels == ["Großhirn"]


@pytest.mark.parametrize("text", ["name\tvalue\na\t1\n", "", "path\n"], ids=["no path", "empty", "no rows"])
def test_a_manifest_that_names_nothing_is_refused(study, text):
    (study.tmp / "maps.tsv").write_text(text)
    study.x_paths = [str(study.tmp / "maps.tsv")]
    study.y("y.nii", B)
    study.run(*RAW).must_refuse("maps.tsv")


def test_a_missing_file_of_a_manifest_is_named(study):
    path = study.x("p.nii", A)
    (study.tmp / "maps.tsv").write_text(f"path\n{path}\n{study.tmp / 'absent.nii'}\n")
    study.x_paths = [str(study.tmp / "maps.tsv")]
    study.y("y.nii", B)
    study.run(*RAW).must_refuse("absent.nii")


# Volumes


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".hdr"])
def test_a_4d_file_is_one_map_for_each_volume(study, suffix):
    study.x(f"stack{suffix}", FOUR)
    study.y("y.nii", B)
    outcome = study.run(*RAW).must_be(VOLUMES, [B])
    assert outcome.x_labels == [f"stack[{i}]" for i in range(4)]


def test_scaled_integers_in_4d(study):
    raw = np.rint(FOUR * 500).astype("i2")
    study.x("stack.nii.gz", raw, order=">", fields={"scl_slope": -0.5, "scl_inter": 10})
    study.y("y.nii", B)
    study.run(*RAW).must_be([-0.5 * raw[..., i] + 10 for i in range(4)], [B])


@pytest.mark.parametrize(("text", "chosen"), [("all", [0, 1, 2, 3]), ("1:3", [1, 2]), ("0:1", [0])])
def test_volumes_can_be_chosen_and_keep_their_numbers(study, text, chosen):
    study.x("stack.nii.gz", FOUR)
    study.y("y.nii", B)
    outcome = study.run(*RAW, "--volumes", text).must_be([VOLUMES[i] for i in chosen], [B])
    assert outcome.x_labels == [f"stack[{i}]" for i in chosen]


def test_a_background_is_found_in_every_volume(study):
    data = np.where(BRAIN[..., None], FOUR, np.array([-1.0, 0.0, -4.3, np.nan]))
    study.x("stack.nii.gz", data)
    study.y("y.nii", np.where(BRAIN, B, 0))
    study.run().must_be([only(v, BRAIN) for v in VOLUMES], [only(B, BRAIN)])


def test_singleton_axes_of_5d_are_dropped(study):
    study.x("five.nii", FOUR[..., None, :])
    study.y("y.nii", B)
    outcome = study.run(*RAW).must_be(VOLUMES, [B])
    assert outcome.x_labels == [f"five[{i}]" for i in range(4)]


def test_other_axes_of_5d_are_flattened(study):
    study.x("five.nii", FOUR.reshape(*SHAPE, 2, 2, order="F"))
    study.y("y.nii", B)
    outcome = study.run(*RAW)
    assert outcome.code == 0, outcome
    expected = table(VOLUMES, [B])[0]
    np.testing.assert_allclose(np.sort(outcome.r), np.sort(expected), atol=1e-6)
    assert outcome.x_labels == [f"five[{i}]" for i in range(4)]


def series(count):
    return np.stack([noise(430 + i, (6, 6, 6)) for i in range(count)], axis=-1)


@pytest.mark.parametrize("unit", ["sec", "msec"])
def test_a_time_series_is_refused_with_the_way_out(study, unit):
    study.x("bold.nii.gz", series(30), units="mm", time=unit, tr=2.0)
    study.y("y.nii", noise(1, (6, 6, 6)))
    study.run(*RAW).must_refuse("bold.nii.gz", "niicorr rois", "--volumes")


def test_a_time_series_on_request(study):
    data = series(30)
    study.x("bold.nii.gz", data, time="sec", tr=2.0)
    study.y("y.nii", noise(1, (6, 6, 6)))
    outcome = study.run(*RAW, "--volumes", "all")
    outcome.must_be([data[..., i] for i in range(30)], [noise(1, (6, 6, 6))])


@pytest.mark.parametrize(
    ("count", "kwargs"),
    [(20, {"time": "sec", "tr": 2}), (25, {"time": "unknown", "tr": 2}), (25, {"time": "sec", "tr": 0})],
    ids=["twenty", "no unit", "no TR"],
)
def test_what_is_no_time_series_is_a_stack_of_maps(study, count, kwargs):
    data = series(count)
    study.x("stack.nii", data, **kwargs)
    study.y("y.nii", noise(1, (6, 6, 6)))
    study.run(*RAW).must_be([data[..., i] for i in range(count)], [noise(1, (6, 6, 6))])


# Pairs


@pytest.mark.parametrize("write", [write_nifti, write_analyze], ids=["nifti", "analyze"])
@pytest.mark.parametrize("named", [[".hdr"], [".img"], [".hdr", ".img"], [".img", ".hdr"]])
def test_a_pair_is_one_map_whichever_half_is_named(study, named, write):
    path = write(study.tmp / "x" / "pair.hdr", A.astype("f4"))
    study.x_paths = [str(path.with_suffix(suffix)) for suffix in named]
    study.y("y.hdr", B, write=write)
    outcome = study.run(*RAW)
    outcome.must_be([A.astype("f4")], [B.astype("f4") if write is write_analyze else B])
    assert outcome.x_labels == ["pair"]


# A set against itself, and equal files


def test_a_set_against_itself(study):
    maps = [related(440 + i, A, 0.3) for i in range(4)]
    for i, data in enumerate(maps):
        study.x(f"m{i}.nii", np.where(BRAIN, data, -1))
    outcome = study.run()
    assert outcome.code == 0, outcome
    labels = ["m0", "m1", "m2", "m3"]
    assert outcome.x_labels == outcome.y_labels == labels
    r, _ = table(maps, maps, BRAIN)
    np.testing.assert_allclose(outcome.r, r, atol=1e-6)
    assert (np.diag(outcome.r) == 1).all()
    assert np.array_equal(outcome.r, outcome.r.T)
    lower = [(labels[i], labels[j]) for i in range(4) for j in range(i)]
    assert [(p["y"], p["x"]) for p in outcome.pairs] == lower
    assert {p["n"] for p in outcome.pairs} == {str(BRAIN.sum())}
    assert not any("same file" in p["note"] for p in outcome.pairs)
    assert len(outcome.maps) in (4, 8)


def test_a_set_against_itself_with_missing_and_constant_maps(study):
    hole = np.random.default_rng(1).random(SHAPE) < 0.4
    maps = [A, only(B, ~hole), np.full(SHAPE, 2.5), only(related(450, A), hole)]
    for i, data in enumerate(maps):
        study.x(f"m{i}.nii", data)
    outcome = study.run(*RAW)
    assert outcome.code == 0, outcome
    r, n = table(maps, maps)
    lower = np.tril_indices(4, -1)
    np.testing.assert_allclose(outcome.r[lower], r[lower], atol=1e-6)
    assert [int(p["n"]) for p in outcome.pairs] == list(n[lower])
    assert outcome.matrix[3][1] == ""


def test_the_same_file_in_both_sets_is_remarked(study):
    study.x("a.nii", A)
    study.x("b.nii", B)
    study.y_paths = [study.x_paths[0]]
    outcome = study.run(*RAW).must_be([A, B], [A])
    assert outcome.note("a", "a") == "same file"
    assert outcome.note("b", "a") == ""
    assert [p["p"] for p in outcome.pairs] == ["", ""]


def test_a_copy_under_another_name_is_the_same_file(study):
    study.x("a.nii.gz", A)
    study.y("copy.nii.gz", A)
    study.y("other.nii.gz", B)
    outcome = study.run(*RAW).must_be([A], [A, B])
    assert outcome.note("a", "copy") == "same file"
    assert outcome.note("a", "other") == ""


@pytest.mark.parametrize("name", ["copy.nii", "copy.nii.bz2"])
def test_a_copy_in_another_container_is_the_same_map(study, name):
    study.x("a.nii.gz", A)
    study.x("b.nii.gz", B)
    study.y(name, A)
    outcome = study.run(*RAW).must_be([A, B], [A])
    assert outcome.note("a", "copy") == "same values"
    assert outcome.note("b", "copy") == ""
    outcome = study.run(*RAW, "--null", "independent", out=study.work / "tested")
    assert [(p["x"], bool(p["p"]), bool(p["p_fdr"])) for p in outcome.pairs] == [("a", False, False), ("b", True, True)]


def test_the_same_volume_of_a_stack_in_both_sets(study):
    """Equal files, but volume 0 against volume 1 is a comparison like any other."""
    study.x("stack.nii", FOUR)
    study.y_paths = list(study.x_paths)
    outcome = study.run(*RAW).must_be(VOLUMES, VOLUMES)
    assert outcome.note("stack[0]", "stack[0]") == "same file"
    assert outcome.note("stack[0]", "stack[1]") == ""


def test_one_map_alone_gives_no_traceback(study):
    study.x("a.nii", A)
    outcome = study.run(*RAW)
    assert outcome.code in (0, 2, 3), outcome


def test_a_file_named_twice_keeps_labels_unique(study):
    path = study.x("a.nii", A)
    study.x("b.nii", B)
    study.x_paths.append(str(path))
    study.y("y.nii", B)
    outcome = study.run(*RAW)
    assert outcome.code == 0, outcome
    assert len(set(outcome.x_labels)) == len(outcome.x_labels)
    assert {"a", "b"} <= {label[0] for label in outcome.x_labels}


# Wrong usage


@pytest.mark.parametrize(
    "options",
    [
        ["--zeros", "maybe"],
        ["--resample", "sometimes"],
        ["--interpolation", "quintic"],
        ["--on-error", "ignore"],
        ["--order", "random"],
        ["--background", "blue"],
        ["--volumes", "x:y"],
        ["--volumes", "5:2"],
        ["--max-map-size", "much"],
        ["--memory", "lots"],
        ["--jobs", "many"],
        ["--format", "doc"],
        ["--no-such-option"],
        ["--null", "nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_two_and_says_what(study, options):
    study.x("x.nii", A)
    study.y("y.nii", B)
    study.run(*RAW, *options).must_refuse(options[0], code=2)


@pytest.mark.parametrize("argv", [[], ["run"], ["run", "-y", "a.nii"], ["nonsense"], ["check"]])
def test_a_call_without_its_verb_or_input_is_wrong_usage(study, argv):
    outcome = study.call(*argv)
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.err


def test_volumes_beyond_the_last_are_refused(study):
    study.x("stack.nii", FOUR, AFFINE)
    study.y("y.nii", B)
    outcome = study.run(*RAW, "--volumes", "10:20")
    outcome.must_refuse("stack.nii", code=outcome.code if outcome.code in (2, 3) else 3)
