"""Payloads of the report page made by hand, so that the page is tested on what no analysis here would give it."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
from matplotlib import colormaps as matplotlib_colormaps
from matplotlib.colors import LinearSegmentedColormap, to_hex
from scipy.cluster.hierarchy import average, leaves_list
from scipy.stats import false_discovery_control, norm

from niicorr.plot.colormaps import VIK

SHAPE, AFFINE = (20, 24, 18), ((-8.0, 0.0, 0.0, 76.0), (0.0, 8.0, 0.0, -108.0), (0.0, 0.0, 8.0, -60.0), (0, 0, 0, 1.0))
"""A small grid of 8 mm whose first axis runs from right to left, so that a page that took indices for places fails."""


def packed(values: Any, dtype: str) -> dict[str, Any]:
    """Pack an array as the page unpacks it."""
    array = np.ascontiguousarray(values, dtype=dtype)
    data = base64.b64encode(zlib.compress(array.tobytes(), 6)).decode("ascii")
    return {"dtype": dtype.replace("|", ""), "shape": list(array.shape), "data": data}


def unpacked(entry: dict[str, Any]) -> Any:
    """Take a packed array apart again."""
    return np.frombuffer(zlib.decompress(base64.b64decode(entry["data"])), entry["dtype"]).reshape(entry["shape"])


def script_json(payload: dict[str, Any]) -> str:
    """Write JSON that no script element can be broken out of."""
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def colour_tables() -> dict[str, list[str]]:
    """Return three diverging maps of 256 colours."""
    dark = LinearSegmentedColormap.from_list("dark", ("#8fd0ff", "#2f6fa8", "#1b1f24", "#a9552b", "#ffc89a"))
    vik = LinearSegmentedColormap.from_list("vik", VIK)
    maps = {"vik": vik, "RdBu_r": matplotlib_colormaps["RdBu_r"], "dark": dark}
    return {name: [to_hex(cmap(i / 255)) for i in range(256)] for name, cmap in maps.items()}


def _orders(r: Any, x_labels: list[str], y_labels: list[str], same_set: bool) -> dict[str, Any]:
    filled = np.nan_to_num(r)

    def tree(rows: Any) -> tuple[list[int], Any]:
        if not 2 <= len(rows) <= 400:
            return list(range(len(rows))), None
        linkage = average(rows)
        return [int(i) for i in leaves_list(linkage)], [[int(a), int(b), float(h)] for a, b, h, _ in linkage]

    rows, row_tree = tree(filled)
    cols, col_tree = (rows, row_tree) if same_set else tree(filled.T)
    return {
        "given": {"rows": list(range(len(y_labels))), "cols": list(range(len(x_labels)))},
        "name": {"rows": sorted(range(len(y_labels)), key=y_labels.__getitem__),
                 "cols": sorted(range(len(x_labels)), key=x_labels.__getitem__)},
        "cluster": {"rows": rows, "cols": cols, "row_tree": row_tree, "col_tree": col_tree},
    }


def _records(labels: list[str], coverage: Any, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    return [
        {"path": f"maps/{label}.nii.gz", "shape": list(shape), "voxel_mm": [8.0, 8.0, 8.0], "orientation": "LAS",
         "dtype": "float32", "background": "0", "n_voxels": int(c * 2000), "coverage": float(c),
         "decisions": [{"topic": "background", "text": "0 in 63% of the volume"}], "error": None}
        for label, c in zip(labels, coverage, strict=True)
    ]


def numbers(rows: int, cols: int, seed: int = 1, *, same_set: bool = False) -> dict[str, Any]:
    """Return arrays of a plausible analysis, float64, shape (rows, cols): some structure, some noise, some missing."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(cols, 6)) * np.linspace(1.4, 0.4, 6)
    other = latent if same_set else rng.normal(size=(rows, 6)) * np.linspace(1.2, 0.4, 6)
    r = np.tanh(0.35 * other @ latent.T / 2 + rng.normal(0, 0.04, (rows, cols)))
    if same_set:
        r = (r + r.T) / 2
        np.fill_diagonal(r, 1.0)
    n = rng.integers(40_000, 56_418, (rows, cols))
    n_effective = np.clip(rng.lognormal(5.6, 0.4, (rows, cols)), 4, n)
    if same_set:
        n, n_effective = np.tril(n) + np.tril(n, -1).T, np.tril(n_effective) + np.tril(n_effective, -1).T
    z = np.arctanh(np.clip(r, -0.9999, 0.9999))
    half = 1.96 / np.sqrt(np.maximum(n_effective - 3, 1))
    p = 2 * norm.sf(np.abs(z) * np.sqrt(np.maximum(n_effective - 3, 1)))
    if same_set:
        np.fill_diagonal(p, np.nan)
    q = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return {"r": r, "n": n, "n_effective": n_effective, "ci_low": np.tanh(z - half), "ci_high": np.tanh(z + half),
            "p": p, "q": q, "p_fwe": np.minimum(p * p.size, 1)}


def payload(rows: int, cols: int, *, same_set: bool = False, x_labels: list[str] | None = None,
            y_labels: list[str] | None = None, values: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return a payload without maps; further arguments replace its entries."""
    values = numbers(rows, cols, same_set=same_set) if values is None else values
    x_labels = [f"map-{i:04d}" for i in range(cols)] if x_labels is None else x_labels
    y_labels = x_labels if same_set else [f"target-{i:04d}" for i in range(rows)] if y_labels is None else y_labels
    dtype = "<f8" if rows * cols <= 40_000 else "<f4"
    whole = {
        "schema": 1, "kind": "maps", "title": f"Pearson correlation of {cols} × {rows} brain maps",
        "sentence": f"{cols} maps (x) were compared with {rows} (y) by Pearson correlation; p by the modified t-test.",
        "head": [{"level": "note", "text": "Simulated numbers."}],
        "facts": [{"label": "pairs", "value": str(rows * cols)}],
        "measure": {"name": "Pearson correlation", "names": "Pearson correlations", "symbol": "Pearson r"},
        "unit": "voxel", "same_set": same_set,
        "null": {"model": "effective", "text": "p and intervals by the modified t-test", "fdr": "bh",
                 "alternative": "two-sided"},
        "x": {"name": "experiments", "labels": x_labels, "groups": {},
              "maps": _records(x_labels, np.ones(cols), SHAPE)},
        "y": {"name": "activity", "labels": y_labels, "groups": {}, "maps": _records(y_labels, np.ones(rows), SHAPE)},
        "cells": {name: packed(v, "<i4" if name == "n" else dtype) for name, v in values.items()},
        "notes": [], "orders": _orders(values["r"], x_labels, y_labels, same_set), "vmax": 0.7,
        "colormaps": colour_tables(), "space": None, "maps": None, "regions": None, "nulls": None, "pairs": {},
        "quality": {"grids": [{"text": "20×24×18 voxels of 8 mm, LAS", "count": cols, "maps": x_labels[:5]}],
                    "sensitivity": None, "mosaic": []},
        "methods": {"text": "Maps were compared.", "references": ["Pearson K (1895). Proc R Soc Lond 58, 240–242."]},
        "run": {"command": "niicorr run -x maps/ -o out/", "version": "0.1.0", "versions": {"numpy": "2.4"},
                "seconds": 1.25, "hashes": [{"path": "maps/a.nii.gz", "size": 12345, "blake2b": "ab" * 16}],
                "options": {"method": "pearson"}},
        "files": {"correlations": "correlations.csv", "pairs": "pairs.tsv"},
    }
    if same_set:
        del whole["y"]
    return {**whole, **changes}


def small_maps(n_x: int = 5, n_y: int = 3, *, seed: int = 3) -> tuple[dict[str, Any], Any]:
    """Return a payload with maps on a small grid, and the maps' bytes, uint8, shape (n_x + n_y, voxels).

    Each map is largest at a place of its own, and one voxel in 20 of the first map is missing.
    """
    rng = np.random.default_rng(seed)
    index = np.indices(SHAPE).reshape(3, -1, order="F").T
    mm = index @ np.array(AFFINE)[:3, :3].T + np.array(AFFINE)[:3, 3]
    inside = ((mm - (0, -18, 8)) ** 2 / np.array((66, 84, 62)) ** 2).sum(1) < 1
    voxels = np.flatnonzero(inside)
    peaks = rng.uniform((-50, -80, -40), (50, 50, 60), (n_x + n_y, 3))
    values = np.exp(-((mm[voxels][None] - peaks[:, None]) ** 2).sum(2) / 2 / 30**2) - 0.2
    values += rng.normal(0, 0.05, values.shape)
    lo, hi = values.min(1, keepdims=True), values.max(1, keepdims=True)
    limit = np.maximum(-lo, hi)
    codes = np.rint(1 + 254 * (values + limit) / (2 * limit)).astype(np.uint8)
    codes[0, ::20] = 0
    entries = [{"lo": float(-limit[i, 0]), "hi": float(limit[i, 0]), "symmetric": True, "data": packed(codes[i], "|u1")}
               for i in range(n_x + n_y)]
    lags = np.arange(0, 90, 6.0)
    curves = np.exp(-(lags[None] ** 2) / (2 * rng.uniform(12, 30, (n_x + n_y, 1)) ** 2))
    deltas = np.diff(voxels, prepend=0)
    x_labels, y_labels = [f"exp-{i + 1:02d}" for i in range(n_x)], [f"act-{i + 1}" for i in range(n_y)]
    made = payload(
        n_y, n_x, x_labels=x_labels, y_labels=y_labels,
        space={"shape": list(SHAPE), "affine": [list(row) for row in AFFINE], "mni": True,
               "voxels": packed(deltas, "<u4"), "template": None},
        maps={"mode": "inline", "x": entries[:n_x], "y": entries[n_x:]},
        nulls={"lags_mm": lags.tolist(), "x": packed(curves[:n_x], "<f4"), "y": packed(curves[n_x:], "<f4"),
               "x_fit": packed(curves[:n_x], "<f4"), "y_fit": packed(curves[n_x:], "<f4")},
        pairs={"0,0": {"slope": 0.5, "intercept": 0.1}},
        notes=[[0, 1, "n_effective 201 instead of 889: both maps are smooth or strong in the same places"]],
    )
    return made, codes


def regions(n: int = 116, *, networks: int = 7, seed: int = 5) -> dict[str, Any]:
    """Return a payload of regions correlated with each other: names, networks, hemispheres, places."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n, 3))
    centroids = directions / np.linalg.norm(directions, axis=1, keepdims=True) * (55, 72, 50) + (0, -18, 12)
    centroids[1::2] = centroids[::2][: n // 2] * (-1, 1, 1)
    names = [f"{'Region'}_{i // 2:02d}_{'LR'[i % 2]}" for i in range(n)]
    network = [f"Network {i // 2 * networks // ((n + 1) // 2)}" for i in range(n)]
    side = ["LR"[i % 2] for i in range(n)]
    courses = rng.normal(size=(n, 90)).cumsum(axis=1)
    return payload(
        n, n, same_set=True, x_labels=names, kind="rois", unit="time point",
        series=[{"label": "run-1", "t_r": 2.0, "values": packed(courses, "<f4")}],
        title=f"Pearson correlation among {n} regions",
        sentence=f"The mean series of {n} regions were correlated with each other.",
        regions={"names": names, "networks": network, "hemispheres": side, "centroids": centroids.round(1).tolist(),
                 "n_voxels": rng.integers(20, 900, n).tolist(), "values": None, "mni": True},
        x={"name": "regions", "labels": names, "groups": {"network": network, "hemisphere": side},
           "maps": _records(names, np.ones(n), SHAPE)},
    )


HOSTILE = (
    "</script><script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>",
    "\"'`><svg/onload=window.pwned=1>",
    "\u202egnp.exe\u202c", "שלום עולם", "مرحبا بالعالم", "javascript:window.pwned=1", "=1+1|cmd", "a/b#c%2F?d&e",
    "{{7*7}}{% raw %}", "<!--", "]]>", "\u2028line", "x" * 300, " ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 🧠", "constructor", "__proto__",
    "<base href='//evil'>", "&lt;b&gt;",
)
"""Names that break pages: markup, directions, formulas, path characters, templates, names of objects."""


def hostile() -> dict[str, Any]:
    """Return a payload all of whose texts are hostile."""
    names = list(HOSTILE)
    made = payload(len(names), len(names), x_labels=names, y_labels=[f"{name} " for name in names])
    bad = HOSTILE[0]
    for side in ("x", "y"):
        made[side]["name"] = HOSTILE[1]
        made[side]["groups"] = {bad: [HOSTILE[i % 3] for i in range(len(names))]}
        for i, record in enumerate(made[side]["maps"]):
            decisions = [{"topic": bad, "text": HOSTILE[2]}]
            record.update(path=names[i], background=bad, error=HOSTILE[1], decisions=decisions)
    made.update(title=bad, sentence=HOSTILE[1], head=[{"level": "warning", "text": HOSTILE[2]}],
                facts=[{"label": bad, "value": HOSTILE[1], "cell": [0, 0]}],
                notes=[[0, 0, bad], [1, 1, HOSTILE[1]]], methods={"text": bad, "references": [HOSTILE[1]]},
                files={"correlations": "javascript:window.pwned=1", "pairs": "pairs.tsv"})
    made["quality"] = {"grids": [{"text": bad, "count": 1, "maps": names}],
                       "sensitivity": {"text": bad, "largest_error": 0.1, "flips": 1, "cells": 2},
                       "mosaic": [{"set": "x", "index": 0, "label": bad, "png": "javascript:window.pwned=1"}]}
    made["run"].update(command=bad, versions={bad: HOSTILE[1]}, options={bad: HOSTILE[1]},
                       hashes=[{"path": bad, "size": 1, "blake2b": HOSTILE[1]}])
    return made
