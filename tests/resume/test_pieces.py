"""Pieces of work on the disk: whole or not there."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest

from niicorr.resume.pieces import HASH, is_piece, piece_name, read_piece, write_piece

NAME = piece_name("tile", "0123456789abcdef" * 2)
ARRAYS = [np.arange(6.0).reshape(2, 3), np.array(3), np.zeros((0, 2), np.int64), np.array([True, False])]


def content(folder):
    with open(folder / NAME, "rb") as file:
        return file.read()


def test_what_was_written_comes_back(tmp_path):
    write_piece(str(tmp_path), NAME, ARRAYS)
    assert os.listdir(tmp_path) == [NAME]
    found = read_piece(str(tmp_path), NAME)
    assert len(found) == len(ARRAYS)
    for a, b in zip(found, ARRAYS, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


def test_any_damage_is_found(tmp_path):
    write_piece(str(tmp_path), NAME, ARRAYS)
    whole = content(tmp_path)
    damaged = [whole[:k] for k in range(0, len(whole), 7)] + [whole + b"\0"]
    damaged += [whole[:k] + bytes([whole[k] ^ 1]) + whole[k + 1 :] for k in range(0, len(whole), 5)]
    for changed in damaged:
        (tmp_path / NAME).write_bytes(changed)
        assert read_piece(str(tmp_path), NAME) is None
    (tmp_path / NAME).write_bytes(whole)
    assert read_piece(str(tmp_path), NAME) is not None


def test_code_is_refused_even_with_its_hash(tmp_path):
    import hashlib
    import io

    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([print], dtype=object), allow_pickle=True)
    body = buffer.getvalue()
    (tmp_path / NAME).write_bytes(body + hashlib.blake2b(body, digest_size=HASH).digest())
    assert read_piece(str(tmp_path), NAME) is None


def test_a_link_a_folder_or_nothing_is_no_piece(tmp_path):
    assert read_piece(str(tmp_path), NAME) is None
    (tmp_path / "elsewhere").mkdir()
    write_piece(str(tmp_path / "elsewhere"), NAME, ARRAYS)
    os.symlink(tmp_path / "elsewhere" / NAME, tmp_path / NAME)
    assert read_piece(str(tmp_path), NAME) is None
    os.remove(tmp_path / NAME)
    (tmp_path / NAME).mkdir()
    assert read_piece(str(tmp_path), NAME) is None


@pytest.mark.parametrize("fails", ["write", "os.replace"])
def test_what_cannot_be_written_leaves_nothing(tmp_path, monkeypatch, fails):
    class Full:
        def __init__(self, *_args, **_more):
            self.path = _args[0]
            with open(self.path, "xb"):
                pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def write(self, _part):
            raise OSError(28, "No space left on device")

    def full(*_args):
        raise OSError(28, "No space left on device")

    if fails == "write":
        monkeypatch.setattr("niicorr.resume.pieces.open", Full, raising=False)
    else:
        monkeypatch.setattr("niicorr.resume.pieces.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_piece(str(tmp_path), NAME, ARRAYS)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("name", "is_one"), [(NAME, True), (f".{NAME}-0123456789abcdef", True), ("tile-1.npy", False),
                                              ("mine.npy", False), (f"{NAME}.bak", False), ("maps", False)])
def test_names(name, is_one):
    assert is_piece(name) == is_one


def test_a_header_of_python_2_is_none_of_ours(tmp_path, recwarn):
    """numpy would read it, and warn without the name of a file."""
    write_piece(str(tmp_path), NAME, [np.zeros((4, 3))])
    body = (tmp_path / NAME).read_bytes()[:-HASH].replace(b"(4, 3), ", b"(4L, 3),", 1)
    (tmp_path / NAME).write_bytes(body + hashlib.blake2b(body, digest_size=HASH).digest())
    assert read_piece(str(tmp_path), NAME) is None
    assert not recwarn.list
