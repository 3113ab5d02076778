"""The same on a real GPU, where there is one: each library that drives one, its precision and its memory.

Without a GPU these are skipped; what they try is tried with arrays in the processor's memory by `test_device`.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from niicorr import matrix
from niicorr.compute import device as module
from niicorr.compute import plan, sums
from niicorr.compute.device import Device
from niicorr.compute.similarity import Similarity
from niicorr.draws import count_draws
from niicorr.matrix import Features, MapMatrix
from niicorr.records import NullModel
from niicorr.space import Grid

SHAPE = (20, 24, 18)
N = int(np.prod(SHAPE))
FEATURES = Features(N, Grid(SHAPE, np.diag([6.0, 6.0, 6.0, 1])), np.arange(N))
KINDS = {
    "pearson": Similarity(), "spearman": Similarity("spearman"), "cosine": Similarity("cosine"),
    "concordance": Similarity("concordance"), "bicor": Similarity("bicor"), "dice": Similarity("dice", 0.4),
    "weighted": Similarity(weights=np.random.default_rng(1).random(N) + 0.1),
    "partial": Similarity(covariates=np.random.default_rng(2).standard_normal((2, N))),
}


@pytest.fixture(params=["_torch", "_cupy"], ids=["PyTorch", "CuPy"])
def gpu(request):
    found = getattr(module, request.param)()
    if not isinstance(found, Device):
        pytest.skip(found)
    return found


def some_maps(seed, count, gaps="none"):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, *SHAPE))
    for axis in (1, 2, 3):
        values = values + np.roll(values, 1, axis) + np.roll(values, -1, axis)
    values = values.reshape(count, N) + 3 * rng.standard_normal(N)
    if gaps == "few":
        values[(rng.random((3, N)) < 0.1)[np.arange(count) % 3]] = np.nan
    if gaps == "many":
        values[rng.random(values.shape) < 0.1] = np.nan
    return MapMatrix.from_array(values, features=FEATURES)


@pytest.mark.parametrize("gaps", ["none", "few", "many"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_gives_the_processors_numbers(monkeypatch, gpu, kind, gaps):
    monkeypatch.setattr(plan, "DEVICE_TILE", 64)
    monkeypatch.setattr(sums, "CHUNK", 1000)
    x, y = some_maps(0, 150, gaps), some_maps(1, 90, gaps)
    for pair in ((x, y), (x, x)):
        expected, found = KINDS[kind](*pair), KINDS[kind](*pair, device=gpu)
        np.testing.assert_allclose(found.r, expected.r, rtol=0, atol=1e-6)
        for name in ("n", "x_constant", "y_constant", "own"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert found.decisions == ()


def test_products_keep_the_digits_of_float32_whatever_the_program_asked_for():
    found = module._torch()
    if not isinstance(found, Device):
        pytest.skip(found)
    import torch

    x, y = some_maps(2, 600), some_maps(3, 600)
    assert x.rows.dtype == np.float32
    expected = Similarity()(x, y).r
    matmul = torch.backends.cuda.matmul
    before, matmul.allow_tf32 = matmul.allow_tf32, True
    try:
        rounded = Similarity()(x, y, device=replace(found, exactly=nullcontext)).r
        exact = Similarity()(x, y, device=found).r
    finally:
        matmul.allow_tf32 = before
    assert np.abs(rounded - expected).max() > 1e-6, "this GPU does not round: nothing is tested"
    np.testing.assert_allclose(exact, expected, rtol=0, atol=1e-6)


def test_a_full_gpu_gets_less_at_once_and_it_is_said(monkeypatch, gpu):
    monkeypatch.setattr(plan, "DEVICE_TILE", 512)
    monkeypatch.setattr(plan, "LEAST_TILE", 16)
    x, y = some_maps(4, 1024, "many"), some_maps(5, 1024, "many")
    expected, promised = Similarity()(x, y), gpu.free()
    with limited(gpu, 2**26):
        found = Similarity()(x, y, device=replace(gpu, free=lambda: promised))
    np.testing.assert_allclose(found.r, expected.r, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found.n, expected.n)
    (decision,) = found.decisions
    assert "ran out of memory: its products were made in smaller parts" in decision.text


class limited:
    """Let a library have only so many bytes more of its GPU than it has."""

    def __init__(self, gpu, more):
        self.torch, self.more = "PyTorch" in gpu.name, more

    def __enter__(self):
        if self.torch:
            import torch

            torch.cuda.empty_cache()
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + self.more) / total)
        else:
            import cupy

            self.pool = cupy.get_default_memory_pool()
            self.pool.free_all_blocks()
            self.pool.set_limit(size=self.pool.total_bytes() + self.more)

    def __exit__(self, *_error):
        if self.torch:
            import torch

            torch.cuda.set_per_process_memory_fraction(1.0)
        else:
            self.pool.set_limit(size=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gaps", ["none", "few"])
def test_a_gpu_counts_the_processors_surrogates(monkeypatch, gpu, kind, gaps):
    monkeypatch.setattr(sums, "CHUNK", 1000)
    y = some_maps(7, 3, gaps)
    monkeypatch.setattr(matrix, "SMALL", 0)
    x, similarity = some_maps(6, 5, gaps), KINDS[kind]
    assert x.rows.dtype != y.rows.dtype
    r = similarity(x, y)
    expected, found = (
        count_draws(x, y, r, np.isfinite(r.r), similarity=similarity, jobs=2, memory=2**30, device=device,
                    model=NullModel("surrogate", n_surrogates=60, seed=4),
                    progress=lambda _total, _what: nullcontext(lambda _done: None)) for device in (None, gpu))
    # One draw in a cell may fall on the other side of r, or of a limit: rounding.
    np.testing.assert_allclose(found.p, expected.p, rtol=0, atol=1.01 / 61)
    np.testing.assert_allclose(found.p_fwe, expected.p_fwe, rtol=0, atol=1.01 / 61)
    (decision,) = found.decisions
    assert decision.text == f"surrogates on {gpu.name}: drawn there from random numbers of the processor"
