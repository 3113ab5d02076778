"""Atlases by name, through nilearn's fetchers and its own cache folder.

The names are plain text, so that the command line can list them without importing anything; nilearn is imported, and
the network used, only when an atlas is asked for by name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from niicorr.errors import InputError, UsageError
from niicorr.tables import printable
from niicorr.words import ATLASES

SHORT = {"basc": "basc122", "difumo": "difumo64", "schaefer": "schaefer400", "yeo": "yeo7"}
"""What a family's bare name stands for."""

_SCALES = {
    "schaefer": (100, 200, 300, 400, 500, 600, 700, 800, 900, 1000),
    "basc": (7, 12, 20, 36, 64, 122, 197, 325, 444),
    "difumo": (64, 128, 256, 512, 1024),
    "yeo": (7, 17),
}
_SINGLE: dict[str, tuple[str, dict[str, Any], str]] = {
    "aal": ("fetch_atlas_aal", {"version": "SPM12"}, "automated anatomical labelling, 116 regions"),
    "aal3": ("fetch_atlas_aal", {"version": "3v2"}, "automated anatomical labelling 3, 166 regions"),
    "destrieux": ("fetch_atlas_destrieux_2009", {}, "cortical gyri and sulci, 148 regions"),
    "harvard-oxford": ("fetch_atlas_harvard_oxford", {"atlas_name": "cort-maxprob-thr25-2mm"}, "cortex, 48 regions"),
    "harvard-oxford-sub": ("fetch_atlas_harvard_oxford", {"atlas_name": "sub-maxprob-thr25-2mm"}, "subcortical nuclei"),
    "harvard-oxford-prob": ("fetch_atlas_harvard_oxford", {"atlas_name": "cort-prob-2mm"}, "cortex, probabilities"),
    "juelich": ("fetch_atlas_juelich", {"atlas_name": "maxprob-thr25-2mm"}, "cytoarchitectonic areas"),
    "msdl": ("fetch_atlas_msdl", {}, "39 functional regions, probabilistic"),
}


@dataclass(frozen=True)
class Fetcher:
    """One call of nilearn.

    Attributes
    ----------
    name : str
        What the user types.
    function : str
        In ``nilearn.datasets``.
    arguments : dict
        For it.
    what : str
        The atlas in a few words.
    """

    name: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    what: str = ""


@dataclass(frozen=True, eq=False)
class FetchedAtlas:
    """An atlas as nilearn gives it: path or image, labels in one of their forms, and its name."""

    name: str
    image: Any
    labels: Any


def known_names() -> dict[str, str]:
    """Return every name that can be fetched, with a few words on each; imports nothing."""
    return {one.name: one.what for one in _fetchers()}


def find_fetcher(name: str) -> Fetcher | None:
    """Find an atlas by name, whatever its case, hyphens and spaces; None where there is none of this name."""
    key = _key(name)
    wanted = _key(SHORT.get(key, key))
    return next((one for one in _fetchers() if _key(one.name) == wanted), None)


def unknown_name(name: str) -> UsageError:
    """Say that a word is neither a file nor the name of an atlas."""
    known = [*known_names(), *SHORT]
    close = difflib.get_close_matches(name.casefold(), known, n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"Names are {ATLASES}."
    return UsageError(f"{printable(name)!r} is neither a file nor the name of an atlas. {hint}")


def fetch_atlas(name: str) -> FetchedAtlas:
    """Fetch an atlas, or take it from nilearn's cache.

    Parameters
    ----------
    name : str
        One of `known_names`, or the bare name of a family.

    Raises
    ------
    UsageError
        Where no atlas has this name.
    InputError
        Where it cannot be fetched.
    """
    fetcher = find_fetcher(name)
    if fetcher is None:
        raise unknown_name(name)
    try:
        from nilearn import datasets

        bunch = getattr(datasets, fetcher.function)(**_accepted(getattr(datasets, fetcher.function), fetcher))
        return from_bunch(bunch, fetcher)
    except InputError:
        raise
    except Exception as error:  # fetchers fail in as many ways as networks, archives and disks do
        raise InputError(_failure(fetcher, error)) from error


def from_bunch(bunch: Any, fetcher: Fetcher | None = None) -> FetchedAtlas:
    """Take image and labels from what a fetcher of nilearn returned."""
    name = fetcher.name if fetcher else "atlas"
    image = bunch.get("maps")
    if image is None:  # nilearn before 0.12 gives all of Yeo's images at once
        image = bunch.get(f"thick_{name.removeprefix('yeo')}")
    if image is None:
        raise InputError(f"{name}: nilearn returned no image under `maps` (only {', '.join(sorted(bunch))}). Give the "
                         "atlas as a file")
    table = bunch.get("lut")
    labels = bunch.get("labels") if table is None else table
    if table is None and labels is not None and bunch.get("indices") is not None:
        labels = dict(zip(bunch["indices"], labels, strict=True))
    elif bunch.get("networks") is not None and labels is not None and len(bunch["networks"]) == len(labels):
        labels = [{"name": label, "network": net} for label, net in zip(labels, bunch["networks"], strict=True)]
    nameless = labels is None or len(labels) == 0
    return FetchedAtlas(name, image, None if nameless else labels)


def _fetchers() -> Iterator[Fetcher]:
    for name, (function, arguments, what) in _SINGLE.items():
        yield Fetcher(name, function, arguments, what)
    for n in _SCALES["schaefer"]:
        for networks, end in ((7, ""), (17, "-17")):
            yield Fetcher(f"schaefer{n}{end}", "fetch_atlas_schaefer_2018",
                          {"n_rois": n, "yeo_networks": networks, "resolution_mm": 2},
                          f"{n} cortical regions in Yeo's {networks} networks")
    for n in _SCALES["basc"]:
        yield Fetcher(f"basc{n}", "fetch_atlas_basc_multiscale_2015", {"resolution": n, "version": "sym"},
                      f"{n} functional clusters")
    for n in _SCALES["difumo"]:
        yield Fetcher(f"difumo{n}", "fetch_atlas_difumo", {"dimension": n}, f"{n} functional modes, probabilistic")
    for n in _SCALES["yeo"]:
        yield Fetcher(f"yeo{n}", "fetch_atlas_yeo_2011", {"n_networks": n, "thickness": "thick"},
                      f"{n} cortical networks")


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _accepted(function: Any, fetcher: Fetcher) -> dict[str, Any]:
    """Leave out what an older nilearn does not take (it returns all variants at once)."""
    import inspect

    takes = inspect.signature(function).parameters
    any_word = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in takes.values())
    given = {**fetcher.arguments, "verbose": 0}
    return {key: value for key, value in given.items() if any_word or key in takes}


def _failure(fetcher: Fetcher, error: BaseException) -> str:
    reason = " ".join(printable(str(error)).split())
    host = re.search(r"host='([^']+)'", reason)
    reason = f"{type(error).__name__}: {reason[:160]}{'…' if len(reason) > 160 else ''}"
    offline = ""
    if _no_network(error):
        reason = f"no connection to {host.group(1)}" if host else reason
        offline = " This machine seems to be offline."
    stem = fetcher.name
    return (f"atlas {fetcher.name} could not be fetched through nilearn.datasets.{fetcher.function} ({reason})."
            f"{offline} Give the atlas and its table as files, such as --atlas {stem}.nii.gz --labels {stem}.xml, or "
            "fetch it where there is a network and copy nilearn's folder nilearn_data here (NILEARN_DATA names it)")


def _no_network(error: BaseException | None) -> bool:
    """Whether a connection failed, somewhere down the chain of causes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & {"ConnectionError", "Timeout", "TimeoutError", "gaierror", "NameResolutionError", "URLError"}:
            # An answer with an error code came over a network.
            return "HTTPError" not in names or "NameResolutionError" in names
        error = error.__cause__ or error.__context__
    return False
