"""Equal decisions of many maps, told once."""

from __future__ import annotations

from niicorr.result.alike import gathered


def test_sentences_that_differ_in_numbers_only_are_told_once():
    found = gathered(
        [
            ("a", "5 of 9 voxels (edge .72, −3 to −1)"),
            ("b", "7 of 9 voxels (edge 1.21, −3 to −1)"),
            ("c", "mask_2mm.nii is used"),
            ("d", "mask_3mm.nii is used"),
            ("e", "57×66×40 voxels"),
            ("f", "57×66×41 voxels"),
            ("g", "31 021 zeros"),
            ("h", "9 000 zeros"),
        ]
    )
    assert {remark.text: remark.count for remark in found} == {
        "5 to 7 of 9 voxels (edge .72 to 1.21, −3 to −1)": 2,
        "9 000 to 31 021 zeros": 2,
        "mask_2mm.nii is used": 1,
        "mask_3mm.nii is used": 1,
        "57×66×40 voxels": 1,
        "57×66×41 voxels": 1,
    }


def test_names_of_regions_are_no_numbers_to_be_merged():
    found = gathered([("a", "1 of 9 regions missing, less than 50 % of it covered: region 1 (0%)"),
                      ("b", "1 of 9 regions missing, less than 50 % of it covered: region 7 (3%)")])
    assert [remark.count for remark in found] == [1, 1]
