"""Ten thousand damaged files on every change; and that whoever judges them would notice."""

import logging
import os
import time
import warnings

import pytest

from niicorr.errors import InputError

from . import campaign, readers
from .campaign import Workshop, run
from .handles import open_files
from .readers import READERS, WrongError

CASES = 10_000
MOST_GROWTH = 5_000_000


def judged(shop, monkeypatch, read):
    """Judge sound files with another reader in the place of ours."""
    monkeypatch.setitem(READERS, "image", read)
    return shop.judge("image", {"float32.nii": b"x"})


def test_ten_thousand_damaged_files():
    """No exception that is not ours, no hang, nothing absurd accepted, no file left open, no memory lost."""
    account = run(range(CASES))
    assert not account.findings, "\n".join(map(str, account.findings[:5]))
    assert account.cases == CASES
    assert account.leaked_files == 0
    assert account.grown < MOST_GROWTH
    # Damage that every reader notices, or none, would test nothing.
    for reader in READERS:
        assert account.outcomes[f"{reader} accepted"] > 20
        assert account.outcomes[f"{reader} refused"] + account.outcomes[f"{reader} passed over"] > 20


def test_sound_files_are_accepted(shop):
    for seed in shop.seeds:
        assert shop.judge(seed.reader, seed.files) == ("accepted", "", ""), seed.name


def test_a_case_is_the_same_again(shop):
    with Workshop() as other:
        for index in (*range(40), 10**9):
            (seed, files), (same, again) = shop.case(3, index), other.case(3, index)
            assert seed.name == same.name
            if seed.reader == "cache":  # its lines tell of files by their times
                assert {name: len(content) for name, content in files.items()} == {
                    name: len(content) for name, content in again.items()}
            else:
                assert files == again
    assert shop.case(3, 1)[1] != shop.case(4, 1)[1]


def test_an_exception_that_is_not_ours_is_found(shop, monkeypatch):
    def read(folder, names):
        raise KeyError("dim")

    outcome, what, trace = judged(shop, monkeypatch, read)
    assert (outcome, what) == ("finding", "KeyError: 'dim'")
    assert "test_fuzzing.py" in trace


@pytest.mark.parametrize(("text", "what"), [
    ("it is damaged", "without the name"), ("float32.nii: holds \0", "cannot be printed"),
    ("float32.nii: holds \u202e", "cannot be printed"), ("float32.nii: " + "9" * 5000, "letters"),
])
def test_a_refusal_that_helps_nobody_is_found(shop, monkeypatch, text, what):
    def read(folder, names):
        raise InputError(text)

    outcome, told, _ = judged(shop, monkeypatch, read)
    assert outcome == "finding"
    assert what in told


def test_warnings_and_logs_are_found(shop, monkeypatch):
    def warn(folder, names):
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
        return True

    def log(folder, names):
        logging.getLogger("nibabel.global").warning("mended")
        return True

    assert judged(shop, monkeypatch, warn)[:2] == ("finding", "RuntimeWarning: overflow")
    assert judged(shop, monkeypatch, log)[:2] == ("finding", "accepted: logged: mended")


def test_what_does_not_end_is_ended(shop, monkeypatch):
    monkeypatch.setattr(campaign, "STUCK", 0.05)
    outcome, what, _ = judged(shop, monkeypatch, lambda folder, names: time.sleep(20))
    assert outcome == "finding"
    assert what.startswith("StuckError")


def test_what_is_slow_is_found(monkeypatch):
    monkeypatch.setattr(campaign, "SLOW", -1.0)
    account = run(range(2))
    assert [finding.what.split(" for")[0] for finding in account.findings] == ["hangs", "hangs"]
    assert "--replay 0:1" in str(account.findings[1])


def test_open_files_and_lost_memory_are_counted(monkeypatch):
    held, files = [], []

    def read(folder, names):
        held.append(bytearray(200_000))
        if len(held) % 10 == 0:
            files.append(os.open(os.devnull, os.O_RDONLY))
        return True

    for name in READERS:
        monkeypatch.setitem(READERS, name, read)
    monkeypatch.setattr(campaign, "WARM", 10)
    try:
        account = run(range(60))
    finally:
        for number in files:
            os.close(number)
    if open_files():  # elsewhere nothing is counted
        assert account.leaked_files == 5
        assert account.grown > 8_000_000


def test_what_was_found_is_kept(tmp_path, monkeypatch):
    monkeypatch.setitem(READERS, "manifest", lambda folder, names: 1 // 0)
    account = run(range(3), only="manifest", keep=str(tmp_path))
    assert len(account.findings) == 3
    with Workshop() as shop:
        for index in range(3):
            kept = campaign.kept_files(str(tmp_path / "manifest" / f"case-0-{index}"))
            assert kept == shop.case(0, index, "manifest")[1]


def accept(**changed):
    """A maker of affines for `readers._demand_affine`."""
    import numpy as np

    affine = np.diag([3.0, 3, 3, 1])
    for place, value in changed.items():
        affine[int(place[1]), int(place[2])] = value
    readers._demand_affine(affine)


@pytest.mark.parametrize("changed", [{"a00": float("nan")}, {"a00": 0.0}, {"a00": 1e-5}, {"a00": 1e4}, {"a03": 1e6},
                                     {"a30": 1.0}, {"a11": float("inf")}])
def test_absurd_geometries_are_found(changed):
    accept()
    with pytest.raises((WrongError, RuntimeWarning)):
        accept(**changed)
