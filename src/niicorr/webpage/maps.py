"""The maps of a page as text: inside of it, or in side files where they are too many.

A side file is a script with one line for each map, which hands it to the page: a page from disk may not read other
files, but may load scripts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from niicorr.plot.slices import two_sided
from niicorr.webpage.packing import deflated_steps, json_text
from niicorr.webpage.words import maps_text

if TYPE_CHECKING:
    from niicorr.result.pictures import MapPictures, Pictures

SIDE_FILE = 8_000_000
"""Characters after which a new side file is begun."""


def characters(pictures: Pictures) -> int:
    """How much room the maps take as text."""
    return sum(_in_base64(side.data.size) for _, side in _sides(pictures))


def maps_inside(pictures: Pictures | None) -> Iterator[str]:
    """Yield the JSON of the maps in pieces, with their bytes."""
    yield from _json(pictures, {}, {"all": "inline", "none": "none"})


def maps_beside(pictures: Pictures, files: dict[tuple[str, int], str]) -> Iterator[str]:
    """Yield the JSON of the maps in pieces, with the names of the files that `write_side_files` put them into."""
    yield from _json(pictures, files, dict.fromkeys((pictures.choice,), "files"))


def write_side_files(pictures: Pictures, folder: str, stem: str) -> dict[tuple[str, int], str]:
    """Write the maps into scripts; return the file of each (set, index)."""
    files: dict[tuple[str, int], str] = {}
    lines: list[str] = []
    size, number = 0, 1

    def put() -> None:
        with open(os.path.join(folder, _side_name(stem, number)), "w", encoding="ascii", newline="\n") as file:
            file.writelines(lines)

    for name, side in _sides(pictures):
        for index, entry in enumerate(_entries(side, pictures.n)):
            if entry is None:
                continue
            if size >= SIDE_FILE:
                put()
                lines, size, number = [], 0, number + 1
            lines.append(f'niicorrMap("{name}",{index},{json_text(entry)});\n')
            size += len(lines[-1])
            files[name, index] = _side_name(stem, number)
    if lines:
        put()
    return files


def _json(pictures: Pictures | None, files: dict[tuple[str, int], str], modes: dict[str, str]) -> Iterator[str]:
    if pictures is None or not pictures.n:
        yield "null"
        return
    yield json_text({"mode": modes.get(pictures.choice, "top"), "text": maps_text(pictures)})[:-1]
    for name, side in _sides(pictures):
        yield f',"{name}":['
        for index, entry in enumerate(_entries(side, pictures.n)):
            if entry is not None and files:
                del entry["data"]
                entry["file"] = files[name, index]
            yield ("," if index else "") + json_text(entry)
        yield "]"
    yield "}"


def _entries(side: MapPictures, n: int) -> Iterator[dict[str, Any] | None]:
    """Yield the maps of one set; None for those that are not shown."""
    for index in range(len(side)):
        packed_map = side.packed(index)
        if not packed_map:
            yield None
            continue
        low, high = float(side.low[index]), float(side.high[index])
        clipped = {"clipped": True} if side.clipped[index] else {}
        yield {"lo": low, "hi": high, "symmetric": two_sided(low, high), **clipped,
               "data": deflated_steps(packed_map, n)}


def _sides(pictures: Pictures) -> list[tuple[str, MapPictures]]:
    return [("x", pictures.x)] + [("y", pictures.y)] * (pictures.y is not pictures.x)


def _side_name(stem: str, number: int) -> str:
    return f"{stem}_maps_{number:04d}.js"


def _in_base64(size: int) -> int:
    return (size + 2) // 3 * 4
