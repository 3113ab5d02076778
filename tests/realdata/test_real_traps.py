"""One brain, stored in different ways: the number must not depend on the storage."""

from __future__ import annotations

from functools import partial

import nibabel as nib
import numpy as np
import pytest
from realdata_numbers import agree, mni152, pearson, place, read

import niicorr as nc

correlate = partial(nc.correlate, null="none")
"""p-values are another matter, and take their time on many real maps."""

pytestmark = pytest.mark.realdata

BACKGROUNDS = (-0.003, -4.3, -20.7, -1.0)
SCALED = -0.99998
BRAIN_4MM = "MNI152_T1_4mm_brain_mask.nii.gz"


def test_left_right_copies_of_one_picture_correlate_at_1(data):
    folder = data / "odd" / "oro_nifti"
    left, right = (str(folder / f"mni{name}.nii.gz") for name in ("LR", "RL"))
    for x, y in ((left, right), (right, left)):
        result = correlate(x, y, warn=False)
        assert result.r.iloc[0, 0] == pytest.approx(1, abs=1e-6)
        assert result.n.iloc[0, 0] == result.mask.sum()
        assert "reordered exactly" in " ".join(d.text for d in result.y_maps[0].decisions)
    # What a script that ignores the orientation would have found:
    assert pearson(read(left)[0], read(right)[0])[0] < 0.9


def test_nan_outside_and_0_outside_are_one_outline(data):
    """The contrast map holds NaN outside, the t map of the same model 0; their voxels are the same."""
    folder = data / "experiment" / "fmri_analysis_vm"
    contrast, t = folder / "con_0001.nii.gz", folder / "spmP_0001.nii.gz"
    a, b = read(contrast)[0], read(t)[0]
    body = np.isfinite(a)
    np.testing.assert_array_equal(body, b != 0)
    result = correlate(str(contrast), str(t), warn=False)
    np.testing.assert_array_equal(result.mask, body)
    agree(result, {"con_0001": a}, {"spmP_0001": b}, body)


def test_nan_outside_and_0_outside_sisters_without_a_mask(data):
    """Each map alone keeps its outside out: here no mask hides a wrong reading."""
    folder = data / "experiment" / "neurovault_nidm"
    contrast, t = folder / "spm_example_Contrast.nii.gz", folder / "spm_example_TStatistic.nii.gz"
    a, b = read(contrast)[0], read(t)[0]
    result = correlate(str(contrast), str(t), mask="none", warn=False)
    assert result.n.iloc[0, 0] == np.isfinite(a).sum() == 69306
    agree(result, {"spm_example_Contrast": a}, {"spm_example_TStatistic": np.where(b == 0, np.nan, b)})


def test_a_map_coded_both_ways_gives_one_number(data, tmp_path):
    folder = data / "experiment" / "neurovault_nidm"
    image = nib.load(folder / "spm_example_Contrast.nii.gz")
    zeros = np.nan_to_num(image.get_fdata()).astype(np.float32)
    nib.save(nib.Nifti1Image(zeros, image.affine), tmp_path / "spm_example_Contrast.nii")
    other = str(folder / "spm_example_TStatistic.nii.gz")
    found = [correlate(str(path), other, mask=mask, warn=False)
             for path in (folder / "spm_example_Contrast.nii.gz", tmp_path / "spm_example_Contrast.nii")
             for mask in ("auto", "none")]  # fmt: skip
    assert {int(result.n.iloc[0, 0]) for result in found} == {69306}
    assert np.ptp([result.r.iloc[0, 0] for result in found]) < 1e-9


def test_an_excursion_set_coded_with_nan_does_not_cut_the_others(data):
    """1612 voxels have a value, the rest is NaN: its own cells use these, other cells stay as they were."""
    folder = data / "experiment" / "neurovault_nidm"
    names = ("TStatistic", "ExcursionSet", "Contrast")
    t, excursion, contrast = (str(folder / f"spm_example_{name}.nii.gz") for name in names)
    alone = correlate(t, contrast, warn=False)
    together = correlate([t, excursion], contrast, warn=False)
    np.testing.assert_array_equal(together.mask, alone.mask)
    assert together.r.iloc[0, 0] == pytest.approx(alone.r.iloc[0, 0], abs=1e-12)
    assert together.n.iloc[0, 0] == alone.n.iloc[0, 0]
    x_maps = {"spm_example_ExcursionSet": read(excursion)[0]}
    agree(together, x_maps, {"spm_example_Contrast": read(contrast)[0]})
    assert together.n.iloc[0, 1] == 1612
    assert "low overlap" in together.notes[0, 1]

    grey, mask = data / "activity" / "spm12" / "grey.nii.gz", data / "atlas" / "neurovault" / BRAIN_4MM
    wider = correlate([t, excursion], str(grey), mask=str(mask), zeros="data", background="none",
                         interpolation="linear", warn=False)  # fmt: skip
    assert wider.n.iloc[0, 0] > 27900
    assert 500 < wider.n.iloc[0, 1] < 800


@pytest.fixture(scope="module")
def receptors(data):
    """Four receptor maps with their brain mask: label to (values, affine, inside)."""
    found = {}
    for name in ("WAY_HC36_mean", "P943_HC22_mean", "ALT_HC19_mean", "DASB_HC30_mean"):
        values, affine = read(data / "activity" / "neurovault_pet" / f"{name}.nii.gz")
        found[name] = values, affine, mni152(values.shape, affine)
    return found


def components(data):
    return [str(data / "experiment" / "ns_semantic" / f"whole_brain_comp{k}_full.nii.gz") for k in (1, 2)]


def test_each_map_with_a_background_of_its_own(data, receptors, tmp_path):
    """Public collections hold another negative constant in most maps; it must not matter which."""
    sets = {"nan": [], "own": []}
    for (name, (values, affine, inside)), ground in zip(receptors.items(), BACKGROUNDS, strict=True):
        for kind, outside in (("nan", np.nan), ("own", ground)):
            (tmp_path / kind).mkdir(exist_ok=True)
            path = tmp_path / kind / f"{name}.nii"
            nib.save(nib.Nifti1Image(np.where(inside, values, outside).astype(np.float32), affine), path)
            sets[kind].append(str(path))
    nan, own = (correlate(components(data), sets[kind], warn=False) for kind in ("nan", "own"))
    for record, ground in zip(own.y_maps, BACKGROUNDS, strict=True):
        assert record.background == pytest.approx(ground, rel=1e-6)
    np.testing.assert_array_equal(own.mask, nan.mask)
    np.testing.assert_array_equal(own.counts, nan.counts)
    np.testing.assert_allclose(own.estimate, nan.estimate, rtol=0, atol=1e-9)

    grid = nan.grid
    x_maps = {}
    for path, label in zip(components(data), nan.x_labels, strict=True):
        values, affine = read(path)
        x_maps[label] = place(np.where(values == 0, np.nan, values), affine, grid.shape, grid.affine)
    y_maps = {name: place(np.where(inside, values, np.nan), affine, grid.shape, grid.affine)
              for name, (values, affine, inside) in receptors.items()}  # fmt: skip
    agree(nan, x_maps, y_maps, nan.mask)


@pytest.mark.parametrize("ground", BACKGROUNDS)
def test_any_background_gives_the_same_r(data, receptors, tmp_path, ground):
    """One map, its outside written with each constant in turn, in no mask but its own."""
    values, affine, inside = receptors["WAY_HC36_mean"]
    r = []
    for outside in (np.nan, ground):
        path = tmp_path / f"{outside}.nii"
        nib.save(nib.Nifti1Image(np.where(inside, values, outside).astype(np.float32), affine), path)
        r.append(correlate(components(data)[0], str(path), mask="none", warn=False))
    assert r[1].n.iloc[0, 0] == r[0].n.iloc[0, 0] > 200_000
    assert r[1].r.iloc[0, 0] == pytest.approx(r[0].r.iloc[0, 0], abs=1e-9)


def test_a_scaled_integer_background(data, receptors, tmp_path):
    """int16 with slope and intercept: −1 was meant, −0.99998 is stored."""
    values, affine, inside = receptors["P943_HC22_mean"]
    lowest, highest = SCALED, float(values[inside].max())
    slope = (highest - lowest) / 65534
    stored = np.where(inside, np.rint((values - lowest) / slope) - 32767, -32767).astype(np.int16)
    image = nib.Nifti1Image(stored, affine)
    image.header.set_slope_inter(slope, lowest + 32767 * slope)
    nib.save(image, tmp_path / "scaled.nii")
    raw = nib.load(tmp_path / "scaled.nii")
    coded = np.asarray(raw.get_fdata())
    assert raw.get_data_dtype() == np.int16
    ground = coded[0, 0, 0]
    nib.save(nib.Nifti1Image(np.where(inside, coded, np.nan), affine), tmp_path / "float.nii")
    scaled, plain = (correlate(components(data), str(tmp_path / f"{name}.nii"), warn=False)
                     for name in ("scaled", "float"))  # fmt: skip
    assert ground == pytest.approx(SCALED, abs=2e-5)
    assert scaled.y_maps[0].background == pytest.approx(ground, rel=1e-6)
    np.testing.assert_array_equal(scaled.counts, plain.counts)
    np.testing.assert_allclose(scaled.estimate, plain.estimate, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("nibabel/example_nifti2.nii.gz", (32, 20, 12)),
        ("nibabel/test.mgz", (3, 4, 5)),
        ("nibabel/example4d.nii.gz", (128, 96, 24)),
        ("neurovault/saccade.I_C.MNI.nii.gz", (91, 109, 91)),
        ("neurovault/TTatlas.nii.gz", (161, 191, 141)),
    ],
    ids=["NIfTI-2", "MGZ", "4-D", "5-D", "5-D big-endian"],
)
def test_volumes_are_maps(data, path, shape):
    """Every voxel of both volumes, as nibabel reads them."""
    file = data / "odd" / path
    result = correlate(str(file), mask="none", zeros="data", background="none", warn=False)
    name = file.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".mgz")
    assert result.x_labels == (f"{name}[0]", f"{name}[1]")
    assert [m.shape for m in result.x_maps] == [shape, shape]
    volumes = {f"{name}[{k}]": read(file, k)[0] for k in (0, 1)}
    np.testing.assert_array_equal(result.counts, np.prod(shape))
    agree(result, volumes, volumes)
