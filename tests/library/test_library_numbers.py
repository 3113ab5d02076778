"""What a search tells is what a run of the same maps tells: r, n, n_effective, p and the notes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from made_maps import AFFINE, MASK, SHAPE, volume, write, write_maps, write_mask, write_new
from scipy import stats

import niicorr as nc
from niicorr import matrix
from niicorr.cli.main import main
from niicorr.library import adding, finding

COMPLETE, FEW, MANY = "all maps fill the mask", "few masks", "many masks"
ONE_MAP = 16 * int(MASK.sum()) - 1
"""So few bytes make a matrix small that two maps are none: rows of float32, as of thousands of maps."""

TOPS = {COMPLETE: lambda seed: None, FEW: lambda seed: None if seed % 3 else 10, MANY: lambda seed: 6 + seed % 9}


def together(new, maps, library, mask, **options):
    """Rows of a search joined to those of a run."""
    found = nc.search(new, library, top=None, **options).to_frame()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nc.DomainWarning)
        run = nc.correlate(new, maps, mask=mask, **options).to_frame()
    both = found.merge(run, left_on=["query", "map"], right_on=["x", "y"], suffixes=("", "_run"))
    assert len(both) == len(run) == len(found)
    return both


def assert_same(both, columns=("r", "n", "n_effective", "p"), rtol=0.0):
    for name in columns:
        here, there = both[name].to_numpy(float), both[f"{name}_run"].to_numpy(float)
        np.testing.assert_allclose(here, there, rtol=rtol, atol=rtol)
    assert both["note"].fillna("").tolist() == both["note_run"].fillna("").tolist()


@pytest.mark.parametrize(("kind", "rtol"), [(COMPLETE, 1e-12), (FEW, 1e-12), (MANY, 1e-5)])
@pytest.mark.parametrize("rows", ["float64", "float32"])
def test_numbers_are_those_of_a_run(kind, rtol, rows, tmp_path, monkeypatch):
    if rows == "float32":
        monkeypatch.setattr(matrix, "SMALL", ONE_MAP)
        rtol = 1e-5
    mask, maps = write_mask(tmp_path), write_maps(tmp_path / "maps", range(14), TOPS[kind])
    new = write_new(tmp_path / "new", (None, None if kind == COMPLETE else 9))
    nc.index(maps, tmp_path / "library", mask=mask)
    assert nc.open_library(tmp_path / "library").shards[0].dtype == {"float32": "<f4", "float64": "<f8"}[rows]
    both = together(new, maps, tmp_path / "library", mask)
    assert_same(both, rtol=rtol)
    np.testing.assert_allclose(both["r"], both["r_run"], rtol=0, atol=1e-12 if rows == "float64" else 1e-6)
    assert both["p"].notna().all()
    if kind != COMPLETE:
        assert both["note"].str.contains("zeros matter").any()
        assert both["n"].nunique() > 1


def test_additions_one_by_one_come_to_the_same(tmp_path):
    mask, maps, new = write_mask(tmp_path), tmp_path / "maps", write_new(tmp_path / "new", (None, 9))
    for seeds in (range(5), range(5, 6), range(6, 11)):
        write_maps(maps, seeds, TOPS[FEW])
        nc.index(maps, tmp_path / "library", **({"mask": mask} if 0 in seeds else {}))
    assert len(nc.open_library(tmp_path / "library").shards) == 3
    # Spectra are multiplied a few at a time, in float32: of others beside them the last digits change.
    both = together(new, str(maps), tmp_path / "library", mask)
    assert_same(both, ("r", "n"), rtol=1e-12)
    assert_same(both, ("n_effective", "p"), rtol=1e-5)


def test_a_mask_that_no_map_fills_lays_the_null_out(tmp_path):
    """A run knows only the voxels that its maps fill; a library those of its mask."""
    mask, maps = write_mask(tmp_path), write_maps(tmp_path / "maps", range(4), lambda seed: 11)
    new = write_new(tmp_path / "new", (11,))
    nc.index(maps, tmp_path / "library", mask=mask)
    both = together(new, maps, tmp_path / "library", mask)
    assert_same(both, ("r", "n"), rtol=1e-12)
    np.testing.assert_allclose(both["n_effective"], both["n_effective_run"], rtol=0.05)


@pytest.mark.parametrize("rows", ["float64", "float32"])
def test_pairs_that_vary_little_over_what_they_share_are_exact(rows, tmp_path, monkeypatch):
    """The new map covers a corner, where the library's map hardly varies against the rest of it."""
    if rows == "float32":
        monkeypatch.setattr(matrix, "SMALL", ONE_MAP)
    mask = write_mask(tmp_path)
    corner = MASK & (np.arange(SHAPE[2]) < 5)
    values = volume(1).astype(np.float64) * 100
    values[corner] = 700 + (1e-3 if rows == "float64" else 1e-1) * volume(2)[corner]
    (tmp_path / "maps").mkdir()
    write(tmp_path / "maps" / "a.nii.gz", values)
    write(tmp_path / "maps" / "b.nii.gz", volume(9))
    new = np.where(corner, volume(2) + volume(3), 0)
    path = write(tmp_path / "new.nii.gz", new)
    nc.index(tmp_path / "maps", tmp_path / "library", mask=mask)
    found = nc.search(path, tmp_path / "library", zeros="missing", top=None).to_frame().set_index("map").loc["a"]
    expected = stats.pearsonr(new[corner].astype(np.float64), values[corner])[0]
    assert found.n == corner.sum()
    assert abs(expected) > 0.3
    assert found.r == pytest.approx(expected, abs=1e-6)
    library = nc.open_library(tmp_path / "library")
    held = library.maps(np.array([0])).exact(0)
    np.testing.assert_allclose(held, values.ravel("F")[library.features.indices], rtol=1e-9)


def test_the_largest_p_values_are_those_of_the_definition(tmp_path):
    mask, maps, new = write_mask(tmp_path), write_maps(tmp_path / "maps", range(9)), write_new(tmp_path / "new")
    nc.index(maps, tmp_path / "library", mask=mask)
    frame = nc.search(new, tmp_path / "library", top=None).to_frame()
    for _, rows in frame.groupby("query"):  # each new map is adjusted for all maps, on its own
        np.testing.assert_allclose(rows["p_fdr"], stats.false_discovery_control(rows["p"]), rtol=1e-12)
        t = rows["r"] * np.sqrt((rows["n_effective"] - 2) / (1 - rows["r"] ** 2))
        np.testing.assert_allclose(rows["p"], 2 * stats.t.sf(abs(t), rows["n_effective"] - 2), rtol=1e-9)
    few = nc.search(new, tmp_path / "library", top=2).to_frame()
    assert few["p_fdr"].tolist() == frame.groupby("query").head(2)["p_fdr"].tolist()


@pytest.mark.parametrize("method", ["cosine", "concordance"])
def test_other_similarities_are_those_of_a_run(method, tmp_path):
    mask, maps, new = write_mask(tmp_path), write_maps(tmp_path / "maps", range(6)), write_new(tmp_path / "new")
    nc.index(maps, tmp_path / "library", mask=mask)
    both = together(new, maps, tmp_path / "library", mask, method=method)
    assert_same(both, ("r", "n"), rtol=1e-12)
    assert both["p"].isna().all()
    assert nc.search(new, tmp_path / "library", method=method).null == "none"


def test_new_maps_of_another_grid_are_brought_to_the_librarys(tmp_path):
    mask, maps = write_mask(tmp_path), write_maps(tmp_path / "maps", range(6))
    flipped, finer = AFFINE.copy(), AFFINE.copy()
    flipped[0] = [-6, 0, 0, 6 * (SHAPE[0] - 1)]
    finer[:3, :3] /= 2
    (tmp_path / "new").mkdir()
    write(tmp_path / "new" / "flipped.nii.gz", volume(7)[::-1], flipped)
    write(tmp_path / "new" / "fine.nii.gz", volume(8).repeat(2, 0).repeat(2, 1).repeat(2, 2), finer)
    nc.index(maps, tmp_path / "library", mask=mask)
    assert_same(together(str(tmp_path / "new"), maps, tmp_path / "library", mask), rtol=1e-5)
    with pytest.raises(nc.InputError, match=r"fine\.nii\.gz .*grid differs"):
        nc.search(tmp_path / "new", tmp_path / "library", resample="never")


def test_arrays_and_images_are_searched_for_too(tmp_path):
    nc.index([(volume(k), AFFINE) for k in range(5)], tmp_path / "library", mask=(MASK.astype(np.uint8), AFFINE))
    hit = nc.search((volume(3) * 2 + 1, AFFINE), tmp_path / "library", background=1.0).hits[0][0]
    assert hit.rank == 1
    assert hit.record.label == "image 3"
    assert hit.r == pytest.approx(1, abs=1e-6)


def test_maps_without_orientation_are_taken_by_shape(tmp_path):
    import nibabel as nib

    maps = tmp_path / "maps"
    maps.mkdir()
    for k in range(4):
        image = nib.Nifti1Image(volume(k), None)
        image.header["sform_code"] = image.header["qform_code"] = 0
        image.header["pixdim"][1:4] = 6
        nib.save(image, maps / f"m{k}.nii")
    nc.index(maps, tmp_path / "library")
    assert not nc.open_library(tmp_path / "library").features.grid.known
    new = write_new(tmp_path / "new", (None,))
    found = nc.search(new, tmp_path / "library", top=None).to_frame().set_index("map")
    for k in range(4):
        a, b = volume(200, 0.7)[MASK], volume(k)[MASK]
        assert found.loc[f"m{k}", "r"] == pytest.approx(stats.pearsonr(a, b)[0], abs=1e-6)
    nc.index(new, tmp_path / "library")
    assert len(nc.open_library(tmp_path / "library")) == 5


SPIKES = (1e4, 1e8, 1e10, 1e12, 1e16, 1e18, 1e20, 1e100)


def write_spiky(folder):
    """Maps that are one voxel of any size, and a map without data there; returns the folder, the map and the r."""
    (folder / "maps").mkdir()
    first = tuple(np.argwhere(MASK)[0])
    new = volume(300).astype(np.float64)
    rest = MASK.copy()
    rest[first] = False
    expected = {}
    for k, spike in enumerate(SPIKES):
        values = volume(310 + k).astype(np.float64)
        expected[f"s{k}"] = stats.pearsonr(values[rest], new[rest])[0]
        values[first] = spike
        write(folder / "maps" / f"s{k}.nii.gz", values)
    new[first] = 0
    return folder / "maps", write(folder / "new.nii.gz", new), expected


def searched(path, library):
    frame = nc.search(path, library, zeros="missing", null="none", top=None).to_frame()
    return frame.set_index("map")


@pytest.mark.parametrize("rows", ["float64", "float32"])
def test_a_spike_where_the_new_map_has_no_data_costs_no_digits(rows, tmp_path, monkeypatch):
    if rows == "float32":
        monkeypatch.setattr(matrix, "SMALL", ONE_MAP)
    maps, new, expected = write_spiky(tmp_path)
    nc.index(maps, tmp_path / "library", mask=write_mask(tmp_path))
    found = searched(new, tmp_path / "library")
    for label, r in expected.items():
        assert found.r[label] == pytest.approx(r, abs=1e-8)
    both = together(new, maps, tmp_path / "library", tmp_path / "mask.nii.gz", zeros="missing", method="cosine")
    assert_same(both, ("r", "n"), rtol=1e-8)


@pytest.mark.parametrize("rows", ["float64", "float32"])
def test_a_library_that_cannot_tell_says_so(rows, tmp_path, monkeypatch, capsys):
    """An older one has no values beside its rows."""
    if rows == "float32":
        monkeypatch.setattr(matrix, "SMALL", ONE_MAP)
    maps, new, expected = write_spiky(tmp_path)
    monkeypatch.setattr(adding, "own_values", lambda _matrix, _fine: {})
    nc.index(maps, tmp_path / "library", mask=write_mask(tmp_path))
    found = searched(new, tmp_path / "library")
    told = found.r.notna()
    assert 1 <= told.sum() < len(SPIKES)
    for label in found.index[told]:
        assert found.r[label] == pytest.approx(expected[label], abs=1e-6)
    silent = found[~told]
    assert len(silent) > 0
    assert silent.note.str.fullmatch("no number: over the common voxels this map varies by less than .*").all()
    assert silent["rank"].tolist() == list(range(told.sum() + 1, len(found) + 1))
    result = nc.search(new, tmp_path / "library", zeros="missing", top=1)
    assert result.without == (len(SPIKES) - told.sum(),)
    assert len(result.hits[0]) == 1
    assert main(["search", new, "--in", str(tmp_path / "library"), "--zeros", "missing"]) == 0
    shown = " ".join("".join(capsys.readouterr()).split())
    assert "nan" not in shown
    assert "too little in common, or constant over it as far as the library can tell" in shown
    # It is asked of the voxels that a pair shares: a map that has the spike, too, is compared with all of them.
    assert searched(maps / "s4.nii.gz", tmp_path / "library").r.notna().all()


@pytest.mark.parametrize("rows", ["float64", "float32"])
def test_maps_are_kept_as_they_are_only_where_rows_do_not_tell_them(rows, tmp_path, monkeypatch):
    if rows == "float32":
        monkeypatch.setattr(matrix, "SMALL", ONE_MAP)
    mask, maps = write_mask(tmp_path), write_maps(tmp_path / "maps", range(6), TOPS[MANY])
    sparse = np.where(np.random.default_rng(0).random(SHAPE) < 0.1, volume(1), 0)
    write(tmp_path / "maps" / "sparse.nii.gz", sparse)
    nc.index(maps, tmp_path / "library", mask=mask, zeros="data")
    spiky = sparse.astype(np.float64)
    spiky[tuple(np.argwhere(MASK)[0])] = 1e20
    more = [write(tmp_path / "spiky.nii.gz", spiky), write(tmp_path / "plain.nii.gz", volume(7))]
    nc.index(more, tmp_path / "library")
    plain, other = nc.open_library(tmp_path / "library").shards
    assert (plain.own, other.own) == ({}, {0: 0})
    held = nc.open_library(tmp_path / "library").maps(np.array([7])).exact(0)
    np.testing.assert_array_equal(held, spiky.ravel("F")[plain.features.indices])


@pytest.mark.parametrize("spiked", ["library", "new"])
def test_what_lies_in_the_gaps_of_the_other_changes_no_p(spiked, tmp_path, monkeypatch):
    """Both are fitted again over the common voxels, as in a run, or have no p and a note."""
    mask, inside = write_mask(tmp_path), np.flatnonzero(MASK)[:6]

    def written(name, seeds, strong):
        for seed in seeds:
            made = volume(seed, 0)
            made.flat[inside] = 5 + 40 * np.tile([1, -1], 3) if strong else 0
            write(tmp_path / f"{name}{seed:03d}.nii.gz", made)
        return [str(tmp_path / f"{name}{seed:03d}.nii.gz") for seed in seeds]

    maps, new = written("m", range(300, 305), spiked == "library"), written("n", (310, 311), spiked == "new")
    nc.index(maps, tmp_path / "library", mask=mask)
    both = together(new, maps, tmp_path / "library", mask)
    assert_same(both, rtol=1e-9)
    assert (both["n"] == MASK.sum() - 6).all()
    assert (both["n_effective"] < 500).all()
    monkeypatch.setattr(finding, "REFIT", 0)
    both = nc.search(new, tmp_path / "library", top=None).to_frame()
    assert both["r"].notna().all()
    assert both[["n_effective", "p", "p_fdr"]].isna().all(axis=None)
    assert both["note"].str.endswith("compare the files with niicorr run").all()
