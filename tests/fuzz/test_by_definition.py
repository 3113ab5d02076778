"""The definition of voxels that readers are judged by agrees with nibabel on sound files."""

import nibabel as nib
import numpy as np
import pytest

from .by_definition import voxels_by_definition


@pytest.fixture(scope="module")
def images(tmp_path_factory, shop):
    folder = tmp_path_factory.mktemp("images")
    found = {seed.name: seed.files for seed in shop.seeds if seed.reader == "image"}
    for files in found.values():
        for name, content in files.items():
            (folder / name).write_bytes(content)
    return folder, found


def test_voxels(images):
    folder, found = images
    defined = 0
    for files in found.values():
        name, *rest = sorted(files)  # .hdr before .img
        values = voxels_by_definition(files[name], files[rest[0]] if rest else None)
        if values is None:
            assert name.startswith(("analyze", "freesurfer"))
            continue
        right = nib.load(folder / name).get_fdata().ravel(order="F")
        np.testing.assert_allclose(values, right, rtol=1e-12)
        defined += 1
    assert defined >= 16


def test_another_slope_gives_other_values(images):
    _, found = images
    data = bytearray(found["image scaled.nii"]["scaled.nii"])
    before = voxels_by_definition(bytes(data), None)
    data[112:116] = np.float32(0.5).tobytes()
    np.testing.assert_allclose(voxels_by_definition(bytes(data), None), 2 * before + 3)
