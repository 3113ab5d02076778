"""Atlases by name, with nilearn's fetchers put aside: nothing here uses a network."""

from __future__ import annotations

import inspect
import subprocess
import sys
from itertools import pairwise

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn import datasets

from niicorr.errors import InputError, UsageError
from niicorr.images.atlas import read_atlas
from niicorr.images.fetch import SHORT, fetch_atlas, find_fetcher, known_names


def image(ids=(1, 2)):
    labels = np.zeros((6, 6, 6), dtype=np.int16)
    for place, k in enumerate(ids):
        labels[place * 2 : place * 2 + 2] = k
    return nib.Nifti1Image(labels, np.diag([2.0, 2, 2, 1]))


def stand_in(monkeypatch, function, result):
    """Put a fetcher aside; returns the arguments it was called with."""
    called = {}

    def fetcher(**arguments):
        called.update(arguments)
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(datasets, function, fetcher)
    return called


def test_every_name_calls_a_fetcher_that_takes_its_arguments():
    names = known_names()
    assert {"aal", "harvard-oxford", "schaefer100", "schaefer200", "schaefer400", "destrieux", "juelich", "basc122",
            "difumo64", "yeo7", "msdl"} <= set(names)
    for name, what in names.items():
        assert what
        fetcher = find_fetcher(name)
        assert fetcher.name == name
        inspect.signature(getattr(datasets, fetcher.function)).bind(**fetcher.arguments, verbose=0)


def test_names_are_told_in_any_spelling():
    for typed, name in (("AAL", "aal"), ("Harvard_Oxford", "harvard-oxford"), ("harvardoxford", "harvard-oxford"),
                        ("Schaefer 200", "schaefer200"), ("schaefer400-17", "schaefer400-17"), ("yeo", "yeo7")):
        assert find_fetcher(typed).name == name
    for short, name in SHORT.items():
        assert find_fetcher(short).name == name
        assert name in known_names()
    assert find_fetcher("schaefer150") is None
    assert find_fetcher("") is None


def test_listing_the_names_imports_nothing_heavy():
    code = ("import sys; from niicorr.images.fetch import known_names; known_names(); "
            "print([m for m in ('numpy', 'nibabel', 'nilearn', 'pandas') if m in sys.modules])")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "function", "result", "names"),
    [
        ("schaefer200", "fetch_atlas_schaefer_2018",
         {"labels": [b"7Networks_LH_Vis_1", b"7Networks_RH_Vis_1"]}, ["7Networks_LH_Vis_1", "7Networks_RH_Vis_1"]),
        ("harvard-oxford", "fetch_atlas_harvard_oxford", {"labels": ["Background", "Frontal Pole", "Insula"]},
         ["Frontal Pole", "Insula"]),
        ("juelich", "fetch_atlas_juelich",
         {"labels": ["x"], "lut": pd.DataFrame({"index": [0, 1, 2], "name": ["Background", "hOc1", "hOc2"]})},
         ["hOc1", "hOc2"]),
        ("destrieux", "fetch_atlas_destrieux_2009", {"labels": [(0, "Background"), (1, "L G_a"), (2, "R G_a")]},
         ["L G_a", "R G_a"]),
        ("basc122", "fetch_atlas_basc_multiscale_2015", {"labels": []}, ["region 1", "region 2"]),
        ("yeo7", "fetch_atlas_yeo_2011", {"lut": pd.DataFrame({"index": [1, 2], "name": ["Vis", "SomMot"]})},
         ["Vis", "SomMot"]),
    ],
)
def test_labels_in_the_forms_nilearn_gives_them(name, function, result, names, monkeypatch):
    called = stand_in(monkeypatch, function, {"maps": image(), **result})
    atlas = read_atlas(name)
    assert list(atlas.names) == names
    assert atlas.path == name
    assert called == {**find_fetcher(name).arguments, "verbose": 0}
    assert f"{name}, as nilearn fetched it" in [d.text for d in atlas.decisions]


def test_labels_with_indices_beside_them(monkeypatch):
    stand_in(monkeypatch, "fetch_atlas_aal",
             {"maps": image((2001, 2002)), "labels": ["B", "A"], "indices": ["2002", "2001"]})
    assert read_atlas("aal").names == ("A", "B")


def test_networks_beside_labels_and_a_volume_per_region(monkeypatch):
    bumps = np.random.default_rng(0).random((6, 6, 6, 2))
    stand_in(monkeypatch, "fetch_atlas_msdl", {"maps": nib.Nifti1Image(bumps, np.eye(4)), "labels": ["L Aud", "R Aud"],
                                               "networks": ["Aud", "Aud"]})
    atlas = read_atlas("msdl")
    assert [(r.name, r.network, r.hemisphere) for r in atlas.regions] == [("L Aud", "Aud", "L"), ("R Aud", "Aud", "R")]


def test_the_columns_of_difumo(monkeypatch):
    bumps = np.random.default_rng(0).random((6, 6, 6, 2))
    labels = pd.DataFrame({"component": [1, 2], "difumo_names": ["Sulcus RH", "Cuneus"], "gm": [0.1, 0.2],
                           "yeo_networks7": ["VisCent", "Default"], "yeo_networks17": ["A", "B"]})
    stand_in(monkeypatch, "fetch_atlas_difumo", {"maps": nib.Nifti1Image(bumps, np.eye(4)), "labels": labels})
    one, two = read_atlas("difumo").regions
    assert (one.name, one.network, one.hemisphere, two.name) == ("Sulcus RH", "VisCent", "R", "Cuneus")
    assert one.metadata == {"gm": "0.1", "yeo_networks17": "A"}


def test_a_path_from_the_cache_keeps_its_name_and_table(tmp_path, monkeypatch):
    image().to_filename(tmp_path / "cached.nii.gz")
    (tmp_path / "cached.csv").write_text("1,other\n2,another\n")
    stand_in(monkeypatch, "fetch_atlas_schaefer_2018", {"maps": str(tmp_path / "cached.nii.gz"), "labels": ["A", "B"]})
    atlas = read_atlas("schaefer100")
    assert atlas.path == str(tmp_path / "cached.nii.gz")
    assert atlas.names == ("A", "B")


def test_an_older_nilearn_that_gives_all_images_at_once(monkeypatch):
    def fetcher(data_dir=None, verbose=1):
        assert verbose == 0
        return {"thick_7": image(), "thick_17": image((1, 2, 3)), "labels": None}

    monkeypatch.setattr(datasets, "fetch_atlas_yeo_2011", fetcher)
    assert len(read_atlas("yeo7")) == 2
    assert len(read_atlas("yeo17")) == 3


def test_a_name_that_is_none():
    with pytest.raises(UsageError, match="'schaefer150' is neither a file nor the name of an atlas"):
        fetch_atlas("schaefer150")


def nested(*errors):
    """Errors as libraries raise them, each the context of the next."""
    for inner, outer in pairwise(errors):
        outer.__context__ = inner
    return errors[-1]


def kind(name, *parents):
    return type(name, parents or (Exception,), {})


NO_HOST = "HTTPSConnectionPool(host='www.nitrc.org', port=443): Max retries exceeded (NameResolutionError)"
OFFLINE = [
    kind("ConnectionError", OSError)(NO_HOST),
    nested(kind("gaierror", OSError)("no name"), kind("MaxRetryError")("retries"), OSError(NO_HOST)),
    nested(ConnectionError("host='www.nitrc.org' refused"), ValueError("host='www.nitrc.org' no file")),
]


@pytest.mark.parametrize("error", OFFLINE)
def test_offline_it_says_which_files_would_do(error, monkeypatch):
    stand_in(monkeypatch, "fetch_atlas_aal", error)
    with pytest.raises(InputError) as caught:
        read_atlas("aal")
    text = str(caught.value)
    assert text.startswith("atlas aal could not be fetched through nilearn.datasets.fetch_atlas_aal (no connection to "
                           "www.nitrc.org). This machine seems to be offline.")
    assert "--atlas aal.nii.gz --labels aal.xml" in text
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "nilearn_data"), "PermissionError: .*Permission denied"),
        (kind("HTTPError", kind("URLError", OSError))("404 Client Error: Not Found"), "HTTPError: 404 Client Error"),
        (KeyError("x" * 500), "KeyError: 'x{159}…"),
        (ImportError("lxml is missing"), "ImportError: lxml is missing"),
    ],
)
def test_a_fetcher_that_fails_otherwise(error, words, monkeypatch):
    stand_in(monkeypatch, "fetch_atlas_aal", error)
    with pytest.raises(InputError, match=words) as caught:
        read_atlas("aal")
    assert "offline" not in str(caught.value)


def test_a_fetcher_that_returns_no_image(monkeypatch):
    stand_in(monkeypatch, "fetch_atlas_aal", {"labels": ["A"], "description": ""})
    with pytest.raises(InputError, match=r"aal: nilearn returned no image under `maps` \(only description, labels\)"):
        read_atlas("aal")
