"""The public surface: what is exported, what importing costs, and every word of every option."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import get_args

import numpy as np
import pytest

import niicorr
from niicorr import words
from niicorr.cli.parser import parse

EXPORTED = """
Calibration CheckReport CorrelationResult DomainWarning IndependenceWarning IndexReport InputError Library MapError
MapMatrix MapSet NiicorrError NiicorrWarning ResourceError Sampling SearchResult Survey UnusableMapsError UsageError
__version__ calibrate check choose_sampling correlate correlate_rois extract heatmap index load open_library read_maps
report search survey
"""

OPTIONS = {"zeros": words.Zeros, "resample": words.Resample, "interpolation": words.Interpolation,
           "method": words.Method, "null": words.Null, "fdr": words.Fdr, "alternative": words.Alternative,
           "on_error": words.OnError, "order": words.Order}
"""Which option takes which words. ZeroReading is what rule 5 answers, no option."""

CHOICES = [(option, word) for option, kind in OPTIONS.items() for word in get_args(kind)]


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_the_exported_names():
    assert niicorr.__all__ == EXPORTED.split()
    assert dir(niicorr) == niicorr.__all__


@pytest.mark.parametrize("name", niicorr.__all__)
def test_every_exported_name_is_there_and_documented(name):
    value = getattr(niicorr, name)
    if name != "__version__":
        assert value.__doc__
        assert value.__module__.startswith("niicorr.")
        assert value.__name__ == name


def test_a_name_that_is_not_there_says_so():
    with pytest.raises(AttributeError, match="has no attribute 'corelate'"):
        _ = niicorr.corelate


def test_importing_loads_nothing_heavy():
    code = "import sys, niicorr; niicorr.__version__; print(*sys.modules)"
    assert not {"numpy", "nibabel", "nilearn", "pandas", "matplotlib", "scipy", "rich"} & set(python(code))


def test_arrays_alone_need_no_image_library():
    code = ("import sys, numpy as np, niicorr as nc; nc.correlate(np.eye(4)[:2], np.eye(4)[2:], null='none'); "
            "print(*sys.modules)")
    loaded = set(python(code))
    assert "niicorr.compute.sums" in loaded
    assert not {"nibabel", "nilearn", "matplotlib", "seaborn", "pandas"} & loaded


def test_no_option_word_is_forgotten_here():
    kinds = {name for name in vars(words) if get_args(getattr(words, name))}
    assert kinds == {"Method", "Null", "Fdr", "Alternative", "Zeros", "ZeroReading", "Resample", "Interpolation",
                     "OnError", "Order", "DeviceOption", "SeriesNull", "SearchMethod", "SearchNull", "Sort"}


@pytest.mark.parametrize(("option", "word"), CHOICES)
def test_the_command_line_takes_every_word(option, word):
    options = parse(["run", "-x", "a.nii", f"--{option.replace('_', '-')}", word])
    assert getattr(options, option) == word


@pytest.mark.parametrize("option", OPTIONS)
def test_the_command_line_shows_every_word_and_refuses_others(option, capsys):
    flag = f"--{option.replace('_', '-')}"
    with pytest.raises(SystemExit):
        parse(["run", "--help"])
    shown = capsys.readouterr().out
    assert all(word in shown[shown.index(flag) :] for word in get_args(OPTIONS[option]))
    if option != "method":  # their other words come with later versions, and are refused by the run
        with pytest.raises(niicorr.UsageError, match=flag):
            parse(["run", "-x", "a.nii", flag, "wrong"])


@pytest.fixture(scope="module")
def maps():
    """Two sets of maps on two grids, with zeros that a rule must read."""
    rng = np.random.default_rng(0)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, 8)] * 3, indexing="ij"))
    volumes = [np.where((at**2).sum(axis=0) < 1, rng.standard_normal((8, 8, 8)) + 5, 0) for _ in range(3)]
    moved = np.diag([20.0, 20, 20, 1])
    moved[0, 3] = 2
    return [(v, np.diag([20.0, 20, 20, 1])) for v in volumes[:2]], [(volumes[2], moved)]


@pytest.mark.parametrize(("option", "word"), CHOICES)
def test_the_library_takes_every_word_and_gives_numbers(maps, option, word):
    x, y = maps
    y = x if (option, word) == ("resample", "never") else y
    given = {option: word} if option != "order" else {}
    if word in ("moran", "variogram"):  # of regions alone: here cubes of two voxels
        cubes = np.arange(64).reshape(4, 4, 4).repeat(2, 0).repeat(2, 1).repeat(2, 2) + 1
        given |= {"atlas": (cubes, np.diag([20.0, 20, 20, 1])), "n_surrogates": 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", niicorr.IndependenceWarning)
        warnings.filterwarnings("ignore", ".*lacks")  # half of the cubes lie outside of the ball
        result = niicorr.correlate(x, y, **{"null": "none", **given})
    assert np.isfinite(result.estimate).all()
    if option == "order":
        assert niicorr.heatmap(result, order=word) is not None
    else:
        assert result.provenance.options[option] == word


@pytest.mark.parametrize("option", [option for option in OPTIONS if option != "order"])
def test_the_library_names_every_word_when_it_refuses_another(option):
    with pytest.raises(niicorr.UsageError) as caught:
        niicorr.correlate(np.eye(3), **{option: "wrong"})
    assert all(word in str(caught.value) for word in get_args(OPTIONS[option]))


def test_each_interpolation_gives_numbers_of_its_own(maps):
    """A word that falls through to another's road is accepted and not obeyed."""
    kinds = [kind for kind in get_args(words.Interpolation) if kind != "auto"]
    found = [niicorr.correlate(*maps, interpolation=kind, null="none").estimate.tobytes() for kind in kinds]
    assert len(set(found)) == len(kinds)
