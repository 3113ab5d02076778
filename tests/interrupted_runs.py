"""Maps to run on, runs that are killed, and what of two results must be the same."""

from __future__ import annotations

import json
import os
import signal

import nibabel as nib
import numpy as np

SAME_BYTES = ("correlations.csv", "pairs.tsv", "maps.tsv", "mask.nii.gz")
QUICK = ("--no-figures", "--no-report", "-q")


def write_maps(folder, count, shape=(14, 16, 12), seed=0):
    """Smooth maps in a ball, every fourth with a hole of its own; return their paths."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, k) for k in shape], indexing="ij"))
    inside = (grid**2).sum(axis=0) < 0.9
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k in range(count):
        values = rng.standard_normal(shape)
        for axis in range(3):
            values = values + np.roll(values, 1, axis) + np.roll(values, -1, axis)
        values = np.where(inside, values + 20, 0)
        if k % 4 == 3:
            values[6:8, 6:9, 5] = np.nan
        paths.append(folder / f"map{k:03d}.nii.gz")
        nib.save(nib.Nifti1Image(values.astype(np.float32), np.diag([4.0, 4, 4, 1])), paths[-1])
    return list(map(str, paths))


def record(folder, *, without=("resume",)):
    """What ``run.json`` tells, but for times, what was said on some topics, and how the run was called."""
    with open(os.path.join(folder, "run.json"), encoding="utf-8") as file:
        found = json.load(file)
    found["decisions"] = [d for d in found["decisions"] if d["topic"] not in without]
    for name in ("timings", "command", "digest"):  # the last is of all that
        del found[name]
    del found["options"]["resume"]
    # What else this process has loaded is told, too, and other processes have not.
    used = ("niicorr", "numpy", "scipy", "nibabel")
    found["versions"] = {name: found["versions"].get(name) for name in used}
    return found


def contents(folder):
    """All that two results on the same maps must have in common."""
    files = {}
    for name in SAME_BYTES:
        with open(os.path.join(folder, name), "rb") as file:
            files[name] = file.read()
    with np.load(os.path.join(folder, "report_data.npz"), allow_pickle=False) as arrays:
        stored = {name: (arrays[name].dtype.str, arrays[name].shape, arrays[name].tobytes()) for name in arrays.files}
    return files, stored, record(folder)


def told(folder, topic="resume"):
    """What a result says on a topic."""
    with open(os.path.join(folder, "run.json"), encoding="utf-8") as file:
        return "; ".join(d["text"] for d in json.load(file)["decisions"] if d["topic"] == topic)


def child(work):
    """Do the work in a forked process; return how it ended."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def was_killed(status):
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


class Killer:
    """Ends the process by SIGKILL at the n-th step that it takes."""

    def __init__(self, at):
        self.left = at

    def step(self):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function):
        def call(*args, **kwargs):
            self.step()
            outcome = function(*args, **kwargs)
            self.step()
            return outcome

        return call
