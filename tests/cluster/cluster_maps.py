"""Small sets of maps with all that makes extraction differ, and workers that are this process."""

from __future__ import annotations

import os
import pickle
from contextlib import contextmanager

import nibabel
import numpy as np
from scipy.ndimage import gaussian_filter

from niicorr.cluster import connection
from niicorr.cluster.session import Cluster
from niicorr.hidden import hidden_folder
from niicorr.pipeline import correlate

SHAPE = (11, 12, 10)
COLUMNS = ("r", "n", "p", "p_fdr", "p_fwe", "n_effective", "ci_low", "ci_high")
INLINE = "local:2"


def volume(seed, shape=SHAPE):
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    values = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.2) + 0.5
    values[(at**2).sum(axis=0) > 1.1] = 0
    if seed % 5 == 1:
        values[: 1 + seed % 3] = 0  # a smaller field of view
    return values.astype(np.float32)


def write_maps(folder, count, first=0):
    """Write maps of two grids, some with gaps; and as the last, a file of several volumes."""
    paths = []
    for k in range(first, first + count - 1):
        affine = np.diag([12.0 * (1.2 if k % 7 == 3 else 1), 12, 12, 1])
        paths.append(str(folder / f"map{k:03d}.nii.gz"))
        nibabel.save(nibabel.Nifti1Image(volume(k), affine), paths[-1])
    paths.append(str(folder / f"stack{first}.nii"))
    stack = np.stack([volume(1000 + first + k) for k in range(5)], axis=-1)
    nibabel.save(nibabel.Nifti1Image(stack, np.diag([12.0, 12, 12, 1])), paths[-1])
    return paths


class Inline:
    """Does tasks at once and here, through a pickle as dask would; remembers them."""

    def __init__(self, before=lambda _what, _order: None):
        self.workers, self.lost, self.sent, self.sizes = {"here": 2}, 0, [], []
        self._before = before

    def done(self, what, orders):
        for order in orders:
            yield order, self.send(what, order)

    def send(self, what, order):
        task = pickle.dumps((what, order))
        self.sizes.append(len(task))
        self.sent.append((what.__name__, *order[1:]))
        self._before(what.__name__, order)
        what, order = pickle.loads(task)
        return pickle.loads(pickle.dumps(what(*order)))

    def everywhere(self, what, order, seconds):
        self.send(what, order)

    def arrived(self, future):
        return future

    def count(self, name):
        return sum(task[0] == name for task in self.sent)


def with_workers(monkeypatch, tasks):
    """Let `correlate` have these workers whatever scheduler is named."""

    @contextmanager
    def connected(scheduler, beside=".", *, jobs, progress):
        cluster = Cluster(tasks, hidden_folder(os.path.abspath(beside)), str(scheduler), jobs, 0.0)
        try:
            yield cluster
            cluster.forget()
        finally:
            cluster.leave()
            connection._remove(cluster._folder)

    monkeypatch.setattr(connection, "connected", connected)
    return tasks


def alone(*maps, **options):
    """Compare maps without workers, in one thread."""
    return correlate(*maps, jobs=1, warn=False, **options)


def helped(*maps, scheduler=INLINE, **options):
    """Compare them with workers."""
    return correlate(*maps, jobs=1, warn=False, scheduler=scheduler, **options)


def assert_same(one, other):
    """Every number to the last bit, every word; but for what is said of the workers themselves."""
    for name in COLUMNS:
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert list(a.columns) == list(b.columns)
            assert a.to_numpy().tobytes() == b.to_numpy().tobytes(), name
    assert one.x_maps == other.x_maps
    assert one.y_maps == other.y_maps
    frames = [result.to_frame() for result in (one, other)]
    assert frames[0].equals(frames[1])
    assert (one.sensitivity is None) == (other.sensitivity is None)
    if one.sensitivity is not None:
        assert one.sensitivity.naive.tobytes() == other.sensitivity.naive.tobytes()
        assert one.sensitivity.zeros_matter.tobytes() == other.sensitivity.zeros_matter.tobytes()
    assert one.provenance.warnings == other.provenance.warnings
    own = [tuple(d for d in result.provenance.decisions if d.topic != "scheduler") for result in (one, other)]
    assert own[0] == own[1]


def of_workers(result):
    """Return what a result says of its workers."""
    return "\n".join(d.text for d in result.provenance.decisions if d.topic == "scheduler")
