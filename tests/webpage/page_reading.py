"""Read a page back, by other means than those that wrote it: the parts of the HTML, and the arrays in its JSON."""

from __future__ import annotations

import base64
import json
import zlib
from html.parser import HTMLParser

import numpy as np

import niicorr as nc

AFFINE = np.array([[-4.0, 0, 0, 30], [0, 4, 0, -40], [0, 0, 4, -20], [0, 0, 0, 1]])
"""Left is right in these arrays."""

SHAPE = (14, 18, 12)


class Parts(HTMLParser):
    """Elements with their attributes, and the text of each script and style."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.raw, self._open = [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open = (tag, dict(attrs), [])

    def handle_data(self, data):
        if self._open:
            self._open[2].append(data)

    def handle_endtag(self, tag):
        if self._open and tag == self._open[0]:
            self.raw.append((tag, self._open[1], "".join(self._open[2])))
            self._open = None

    def data(self):
        """The JSON value of the page."""
        (text,) = [text for tag, attrs, text in self.raw if attrs.get("id") == "niicorr-data"]
        return json.loads(text, parse_constant=refuse)

    def code(self, tag):
        """Texts of what is run or styles: scripts other than data, or style sheets."""
        return [text for name, attrs, text in self.raw if name == tag and attrs.get("type") != "application/json"]

    def policy(self):
        (content,) = [attrs["content"] for tag, attrs in self.tags
                      if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"]
        return {part.split()[0]: part.split()[1:] for part in content.split(";") if part.strip()}


def refuse(word):
    raise ValueError(f"{word} is no JSON")


def array(packed):
    """An array of the page."""
    values = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"], validate=True)), packed["dtype"])
    if packed.get("delta"):
        values = (np.cumsum(values, dtype=np.int64) % 256).astype(np.uint8)
    return values.reshape(packed["shape"])


def own_units(entry):
    """A map of the page, NaN where missing."""
    steps = array(entry["data"]).astype(float)
    return np.where(steps > 0, entry["lo"] + (steps - 1) / 254 * (entry["hi"] - entry["lo"]), np.nan)


def data_of(path):
    """The JSON value of a page on disk."""
    with open(path, encoding="utf-8", newline="") as file:
        return Parts(file.read()).data()


def images(count, seed, offset=0.0, holes=False):
    """Smooth maps in an ellipsoid, 0 outside, as (array, affine)."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*(np.linspace(-1.15, 1.15, n) for n in SHAPE), indexing="ij"))
    inside = (at**2).sum(axis=0) < 1
    maps = []
    for k in range(count):
        field = gaussian_filter(rng.standard_normal(SHAPE), 1.2) * 9 + offset
        field[field == 0] = 1e-3
        if holes and k == 0:
            field[:, :, 3] = np.nan
        maps.append((np.where(inside, field, 0.0), AFFINE))
    return maps


def small(null="gsm", **options):
    """A result of 4 × 3 small maps, the first of x with a slab of NaN."""
    return nc.correlate(images(4, 1, holes=True), images(3, 2, offset=6.0), null=null, warn=False, **options)
