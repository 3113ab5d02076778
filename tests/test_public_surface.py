"""What users can call is what it was, unless somebody decided otherwise."""

from __future__ import annotations

import difflib

import pytest

from public_surface import FOLDER, api, file_name, helps, texts

RENEW = "if this change is meant: python tests/public_surface.py, and a line in CHANGELOG.md"


def saved(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def told(name, now, before):
    return "\n".join([f"{name} differs; {RENEW}", *difflib.unified_diff(before, now, "as it was", "now", lineterm="")])


def test_every_name_and_signature():
    now, before = api().splitlines(), saved("api.txt").splitlines()
    assert now == before, told("api.txt", now, before)


def test_every_command_has_a_text_and_every_text_a_command():
    assert {path.name for path in FOLDER.iterdir()} == set(texts())


@pytest.mark.parametrize("command", sorted(helps()))
def test_the_help_of_every_command(command):
    name = file_name(command)
    # Words, not lines: where they are folded depends on the versions of rich and argparse.
    now, before = helps()[command].split(), saved(name).split()
    assert now == before, told(name, helps()[command].splitlines(), saved(name).splitlines())
