"""Products on a device: the same code on the strictest array library, on PyTorch, and on one that runs out of memory.

No GPU is needed: what is written for one is tried with arrays of these libraries in the processor's memory.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import replace
from time import sleep
from types import SimpleNamespace

import numpy as np
import pytest

from devices import LIBRARIES, OutOfMemoryError, grudging, on, strict
from niicorr import matrix
from niicorr.compute import device as module
from niicorr.compute import on_device, plan, sums, tiles
from niicorr.compute.device import WORTH, choose_device, ran_out
from niicorr.compute.similarity import Correlation, Similarity
from niicorr.compute.sums import Block
from niicorr.errors import ResourceError, UsageError
from niicorr.matrix import MapMatrix
from niicorr.threads import in_order

N = 300
KINDS = {
    "pearson": {}, "spearman": {}, "cosine": {}, "concordance": {}, "bicor": {}, "dice": {"threshold": 0.4},
    "weighted": {"method": "pearson", "weights": np.random.default_rng(1).random(N) + 0.1},
    "partial": {"method": "pearson", "covariates": np.random.default_rng(2).standard_normal((2, N))},
}


@pytest.fixture(params=LIBRARIES.values(), ids=LIBRARIES)
def xp(request):
    return request.param()


def some_maps(seed, count, gaps):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, N)) + 0.7 * rng.standard_normal(N)
    if gaps == "few":
        values[(rng.random((3, N)) < 0.1)[np.arange(count) % 3]] = np.nan
    if gaps == "many":
        values[rng.random(values.shape) < 0.1] = np.nan
    return MapMatrix.from_array(values)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(plan, "DEVICE_TILE", 8)
    monkeypatch.setattr(plan, "LEAST_TILE", 2)
    monkeypatch.setattr(sums, "CHUNK", 100)


@pytest.mark.parametrize("small", [0, matrix.SMALL], ids=["float32", "float64"])
@pytest.mark.parametrize("gaps", ["none", "few", "many"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_device_gives_the_processors_numbers(monkeypatch, small_tiles, xp, kind, gaps, small):
    monkeypatch.setattr(matrix, "SMALL", small)
    similarity = Similarity(**{"method": kind, **KINDS[kind]})
    x, y = some_maps(0, 11, gaps), some_maps(1, 9, gaps)
    for pair in ((x, y), (x, x)):
        expected, found = similarity(*pair), similarity(*pair, device=on(xp))
        np.testing.assert_allclose(found.r, expected.r, rtol=0, atol=1e-6 if small == 0 else 1e-12)
        for name in ("n", "x_constant", "y_constant", "own"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert found.decisions == ()


@pytest.mark.parametrize("gaps", ["none", "many"])
def test_the_memory_of_a_device_changes_no_byte_while_whole_tiles_fit(monkeypatch, small_tiles, xp, gaps):
    x, y = some_maps(2, 30, gaps), some_maps(3, 20, gaps)
    held, here = [], on(xp)
    monkeypatch.setattr(tiles, "device_sums", lambda *a, **k: held.append(len(a[-1])) or tiles_device_sums(*a, **k))
    roomy = Similarity()(x, y, device=here)
    assert held == [12]
    sizes = Similarity()._sizes(*(Similarity()._side(m) for m in (x, y)))
    least = plan.device_bytes(sizes, 8, 8, 8)
    tight = Similarity()(x, y, device=replace(here, free=lambda: 1.01 * least / module.SHARE))
    assert held == [12] + [1] * 12
    assert tight.r.tobytes() == roomy.r.tobytes()
    assert tight.decisions == ()


tiles_device_sums = tiles.device_sums


@pytest.mark.parametrize("gaps", ["none", "many"])
def test_a_device_that_runs_out_of_memory_gets_less_at_once_and_it_is_said(small_tiles, xp, gaps):
    x, y = some_maps(4, 30, gaps), some_maps(5, 20, gaps)
    done = []
    similarity = Similarity()
    for pair in ((x, y), (x, x)):
        expected = similarity(*pair)
        found = similarity(*pair, device=grudging(xp, 450))
        np.testing.assert_allclose(found.r, expected.r, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(found.n, expected.n)
        (decision,) = found.decisions
        assert decision.topic == "device"
        done.append(decision.text)
    side = {"none": 2, "many": 4}[gaps]
    assert done[0] == f"a device ran out of memory: its products were made in smaller parts, of {side} × {side} maps"


@pytest.mark.parametrize("same", [False, True], ids=["two sets", "one set"])
@pytest.mark.parametrize("gaps", ["none", "few", "many"])
def test_threads_that_gather_and_finish_change_no_byte(monkeypatch, small_tiles, xp, gaps, same):
    monkeypatch.setattr(plan, "PAYS", 0)
    monkeypatch.setattr(on_device, "RUN", 1)
    x = some_maps(2, 30, gaps)
    y = x if same else some_maps(3, 20, gaps)
    memory, threads = [], []
    here = replace(on(xp), beside=lambda size: (memory.append(size), np.full(size, 255, np.uint8))[1])
    monkeypatch.setattr(on_device, "in_order", lambda of, items, n: (threads.append(n), in_order(of, items, n))[1])
    alone, together = (Similarity()(x, y, device=here, jobs=jobs) for jobs in (1, 3))
    assert threads == [1, 3]
    assert len(memory) == 2 * 2 * (1 if same else 2) * (1 if gaps == "none" else 2), "two of each, once a run"
    assert together.r.tobytes() == alone.r.tobytes()
    np.testing.assert_array_equal(together.n, alone.n)
    np.testing.assert_allclose(alone.r, Similarity()(x, y).r, rtol=0, atol=1e-12)


def test_threads_are_never_ahead_of_the_device_by_more_than_a_chunk(monkeypatch):
    monkeypatch.setattr(sums, "CHUNK", 50)
    x, taken, ahead = Block.of(some_maps(2, 9, "none")), [], []
    monkeypatch.setattr(on_device, "RUN", 1)
    copy = np.copyto

    def watched(target, values):
        ahead.append(int(np.flatnonzero((x.rows == values[0, 0]).any(axis=0))[0]) // 50 - len(taken))
        copy(target, values)

    monkeypatch.setattr(np, "copyto", watched)
    for chunk in on_device._chunks(on(strict()), [x], np.float64, False, 16):
        sleep(0.02)
        taken.append(chunk)
    assert max(ahead) == 1
    np.testing.assert_array_equal(np.concatenate([np.asarray(rows) for ((rows, _),) in taken], axis=1), x.rows)


class Places:
    """Takes notice of tiles."""

    def __init__(self):
        self.of = []

    def known(self, _sizes, _tiles):
        return iter(())

    def keep(self, tile, outcome):
        assert outcome.r.shape == (tile[0].stop - tile[0].start, tile[1].stop - tile[1].start)
        self.of.append(tile)


def test_the_memory_of_the_machine_moves_no_tile_of_a_device(monkeypatch, small_tiles):
    monkeypatch.setattr(plan, "TILE", 4)
    panels = []
    monkeypatch.setattr(tiles, "device_sums", lambda *a, **k: panels.append(len(a[1])) or tiles_device_sums(*a, **k))
    x, y = some_maps(2, 30, "none"), some_maps(3, 20, "none")
    roomy, tight = Places(), Places()
    similarity, device = Similarity("spearman"), on(strict())
    found = [similarity(x, y, device=device, memory=memory, elsewhere=places)
             for memory, places in ((10**9, roomy), (1, tight))]
    assert panels == [30] + 3 * [8, 8, 8, 6]
    assert sorted(map(str, roomy.of)) == sorted(map(str, tight.of))
    assert found[0].r.tobytes() == found[1].r.tobytes()


def test_a_lack_of_memory_beside_the_device_is_not_laid_at_its_door(monkeypatch, small_tiles):
    def full(*_given):
        raise MemoryError

    monkeypatch.setattr(Similarity, "outcome", full)
    with pytest.raises(MemoryError):
        Similarity()(some_maps(8, 3, "none"), some_maps(9, 3, "none"), device=on(strict()))


def test_tiles_that_are_done_are_not_made_again_when_memory_runs_out(monkeypatch, small_tiles):
    xp = strict()
    made, calls = [], []

    def once(device, x, y, weights, wanted, **how):
        for k, outcome in enumerate(tiles_device_sums(device, x, y, weights, wanted, **how)):
            if k == 2 and not calls:
                calls.append(1)
                raise OutOfMemoryError
            made.append(outcome[0])
            yield outcome

    monkeypatch.setattr(tiles, "device_sums", once)
    x, y = some_maps(6, 30, "none"), some_maps(7, 20, "none")
    found = Similarity()(x, y, device=on(xp))
    assert len(made) == 12
    np.testing.assert_allclose(found.r, Similarity()(x, y).r, rtol=0, atol=1e-12)
    assert len(found.decisions) == 1


class Pieces(Places):
    """Knows the first of the tiles that it is asked for, and takes notice of others."""

    def __init__(self, outcomes=()):
        super().__init__()
        self.outcomes, self.wanted = outcomes, []

    def known(self, _sizes, wanted):
        self.wanted = wanted
        return iter(zip(wanted, self.outcomes, strict=False))


@pytest.mark.parametrize("same", [False, True], ids=["two sets", "one set"])
def test_a_lack_of_memory_in_between_is_no_reason_to_count_or_keep_a_cell_twice(monkeypatch, small_tiles, same):
    calls, counted, filled = [], [], []

    def interrupted(device, x, y, weights, wanted, **how):
        for k, outcome in enumerate(tiles_device_sums(device, x, y, weights, wanted, **how)):
            if k == 2 and not calls:
                calls.append(1)
                # So little is left then that tiles have to be smaller.
                monkeypatch.setattr(tiles, "planned_on_device", lambda *_: plan.DevicePlan(12, 8, 4, 1000))
                raise OutOfMemoryError
            yield outcome

    monkeypatch.setattr(tiles, "device_sums", interrupted)
    x = some_maps(6, 30, "none")
    y = x if same else some_maps(7, 20, "none")
    expected = Similarity()(x, y)
    of_x = Similarity().block(x).part(slice(0, 8))
    of_y = of_x if same else Similarity().block(y).part(slice(0, 8))
    keeper, place = Pieces([Similarity().tile(of_x, of_y)]), Correlation.place
    monkeypatch.setattr(Correlation, "place", lambda self, tile, o: (filled.append(tile), place(self, tile, o)))
    found = Similarity()(x, y, device=on(strict()), elsewhere=keeper,
                         progress=lambda total, _what: nullcontext(lambda n: counted.append(n / total)))
    assert sum(counted) == pytest.approx(1)
    cells = np.zeros(found.r.shape, int)
    for tile in filled:
        cells[tile] += 1
    assert (cells[np.tril_indices_from(cells)] if same else cells).max() == 1
    assert len(keeper.of) == 2
    assert all(any(tile == one for one in keeper.wanted[1:]) for tile in keeper.of)
    np.testing.assert_allclose(found.r, expected.r, rtol=0, atol=1e-12)
    assert found.decisions[0].text.endswith("of 4 × 4 maps")


def test_a_device_without_memory_is_an_error_that_says_so(small_tiles):
    with pytest.raises(ResourceError, match=r"a device has too little memory left \(0 MiB\).*--device cpu"):
        Similarity()(some_maps(8, 3, "none"), some_maps(9, 3, "none"), device=on(strict(), 1000))
    with pytest.raises(ResourceError, match="too little memory"):
        Similarity()(some_maps(8, 9, "none"), some_maps(9, 9, "none"), device=grudging(strict(), 1))


def test_other_errors_of_a_device_are_not_taken_for_a_lack_of_memory(small_tiles, monkeypatch):
    def broken(*_given, **_how):
        raise RuntimeError("device-side assert")

    monkeypatch.setattr(tiles, "device_sums", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        Similarity()(some_maps(8, 3, "none"), some_maps(9, 3, "none"), device=on(np))


def test_products_are_made_in_full_precision(small_tiles, xp):
    inside = []

    class Exactly(nullcontext):
        def __enter__(self):
            inside.append("begun")

        def __exit__(self, *_error):
            inside.append("ended")

    Similarity()(some_maps(0, 3, "none"), some_maps(1, 3, "none"), device=replace(on(xp), exactly=Exactly))
    assert inside == ["begun", "ended"]


def test_values_come_home_from_memory_that_numpy_cannot_read(monkeypatch):
    strict()

    class Far:
        def __dlpack_device__(self):
            return 2, 0

        def to_device(self, device, /, stream=None):
            assert device == "cpu"
            return np.arange(3.0)

    import array_api_compat

    monkeypatch.setattr(array_api_compat, "to_device", lambda array, device: array.to_device(device))
    np.testing.assert_array_equal(on(np).bring_home(Far()), [0, 1, 2])


def test_a_row_that_cannot_be_written_is_copied(xp):
    row = np.arange(4.0)
    row.flags.writeable = False
    np.testing.assert_array_equal(on(xp).bring_home(on(xp).hold(row)), row)


def test_what_says_that_memory_ran_out():
    assert ran_out(OutOfMemoryError())
    assert not ran_out(MemoryError()), "that of the processor"
    assert not ran_out(RuntimeError("out of memory"))


# Which device is chosen.


@pytest.fixture
def libraries(monkeypatch):
    """Stand-ins for PyTorch and CuPy; those not given are not installed."""

    def install(**given):
        monkeypatch.setattr(module, "find_spec", given.get)
        wrapped = {name: SimpleNamespace(__name__=name) for name in given}
        monkeypatch.setitem(sys.modules, "array_api_compat", SimpleNamespace(**wrapped))
        for name, library in given.items():
            monkeypatch.setitem(sys.modules, name, library)
            monkeypatch.setitem(sys.modules, f"array_api_compat.{name}", wrapped[name])

    monkeypatch.delenv("CUPY_TF32", raising=False)
    return install


def some_torch(available=True, cuda="13.0", free=8 * 2**30):
    return SimpleNamespace(
        __version__="2.13.0", version=SimpleNamespace(cuda=cuda), device=lambda *place: place,
        backends=SimpleNamespace(cuda=SimpleNamespace(matmul=SimpleNamespace(fp32_precision="tf32"))),
        cuda=SimpleNamespace(
            is_available=lambda: available, current_device=lambda: 0, get_device_name=lambda _place: "NVIDIA H100",
            mem_get_info=lambda _place: (free, 2 * free), memory_reserved=lambda _place: 500,
            memory_allocated=lambda _place: 200))


def some_cupy(count=1):
    runtime = SimpleNamespace(getDeviceCount=lambda: count, memGetInfo=lambda: (1000, 2000),
                              getDeviceProperties=lambda _id: {"name": b"NVIDIA A100"})
    cuda = SimpleNamespace(runtime=runtime, Device=lambda: SimpleNamespace(id=0))
    return SimpleNamespace(__version__="14.0", cuda=cuda,
                           get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: 30))


def test_the_processor_is_asked_nothing(monkeypatch):
    monkeypatch.setattr(module, "find_spec", None)
    assert choose_device("cpu", 1e20) == (None, None)


def test_small_work_stays_on_the_processor_without_a_look_at_any_library(monkeypatch):
    monkeypatch.setattr(module, "find_spec", None)
    device, decision = choose_device("auto", WORTH / 2)
    assert device is None
    assert decision.topic == "device"
    assert decision.text == "products on the processor: they are too small for a GPU to be faster"


def test_without_any_library_auto_takes_the_processor_and_cuda_says_what_is_missing(libraries):
    libraries()
    device, decision = choose_device("auto", 2 * WORTH)
    assert device is None
    assert decision.text == "products on the processor: PyTorch is not installed; CuPy is not installed"
    with pytest.raises(UsageError) as caught:
        choose_device("cuda", 1)
    assert str(caught.value) == (
        "device cuda is not to be had: PyTorch is not installed; CuPy is not installed. Install PyTorch with CUDA (pip "
        "install 'niicorr[gpu]') or CuPy, or leave out --device cuda")


@pytest.mark.parametrize(
    ("library", "reason"),
    [(some_torch(False, None), "PyTorch 2.13.0 is built without CUDA"),
     (some_torch(False), "PyTorch 2.13.0 finds no CUDA device (is there a driver, and what says CUDA_VISIBLE_DEVICES?"),
     ], ids=["of another build", "without a device"])
def test_a_pytorch_without_cuda_says_why(libraries, library, reason):
    libraries(torch=library)
    with pytest.raises(UsageError) as caught:
        choose_device("cuda", 1)
    assert reason in str(caught.value)


def test_pytorch_as_it_is_here():
    library = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'niicorr[gpu]')")
    if library.cuda.is_available():
        device, _ = choose_device("cuda", 1)
        x, y = some_maps(0, 30, "many"), some_maps(1, 20, "many")
        np.testing.assert_allclose(Similarity()(x, y, device=device).r, Similarity()(x, y).r, rtol=0, atol=1e-6)
    else:
        with pytest.raises(UsageError, match=rf"PyTorch {library.__version__.replace('+', '.')} .*CUDA"):
            choose_device("cuda", 1)


@pytest.mark.parametrize("option", ["cuda", "auto"])
def test_a_gpu_of_pytorch_is_taken_and_named(libraries, option):
    libraries(torch=some_torch(), cupy=some_cupy())
    device, decision = choose_device(option, 2 * WORTH)
    assert device.name == "NVIDIA H100 (PyTorch 2.13.0)"
    assert device.free() == 8 * 2**30 + 300, "what PyTorch keeps for itself but does not use counts as free"
    assert decision.text == ("products on NVIDIA H100 (PyTorch 2.13.0), in the precision of the rows, added up in "
                             "float64")


@pytest.mark.parametrize(("name", "before", "exact"), [("fp32_precision", "tf32", "ieee"), ("allow_tf32", True, False)])
def test_pytorch_does_not_round_before_it_multiplies_and_gets_its_setting_back(libraries, name, before, exact):
    library = some_torch()
    settings = library.backends.cuda.matmul = SimpleNamespace(**{name: before})
    libraries(torch=library)
    device, _ = choose_device("cuda", 1)
    with device.exactly():
        assert getattr(settings, name) == exact
    assert getattr(settings, name) == before
    with pytest.raises(KeyError), device.exactly():
        raise KeyError
    assert getattr(settings, name) == before


def test_cupy_is_taken_where_pytorch_has_no_gpu(libraries):
    libraries(torch=some_torch(False), cupy=some_cupy())
    device, _ = choose_device("cuda", 1)
    assert device.name == "NVIDIA A100 (CuPy 14.0)"
    assert device.free() == 1030


@pytest.mark.parametrize("cupy", [some_cupy(0), SimpleNamespace()], ids=["no device", "no driver"])
def test_cupy_without_a_device_says_so(libraries, cupy):
    libraries(cupy=cupy)
    with pytest.raises(UsageError, match="CuPy finds no CUDA device"):
        choose_device("cuda", 1)


def test_cupy_that_rounds_is_not_taken(libraries, monkeypatch):
    libraries(cupy=some_cupy())
    monkeypatch.setitem(os.environ, "CUPY_TF32", "1")
    with pytest.raises(UsageError, match="unset CUPY_TF32"):
        choose_device("cuda", 1)


def test_what_is_held_has_the_type_that_was_asked_for(xp):
    held = on(xp).hold(np.arange(4, dtype=np.int16), np.float32)
    assert held.dtype == xp.float32
    np.testing.assert_array_equal(np.asarray(held), [0, 1, 2, 3])
