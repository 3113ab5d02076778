"""What a scheduler may be called."""

from __future__ import annotations

import pytest

from niicorr.cluster.address import Scheduler, scheduler_of
from niicorr.errors import UsageError


@pytest.mark.parametrize(
    ("text", "local", "n_workers", "url"),
    [
        ("local", True, None, None),
        ("local:12", True, 12, None),
        ("tcp://10.0.0.1:8786", False, None, "tcp://10.0.0.1:8786"),
        ("tls://node:8786", False, None, "tls://node:8786"),
        ("node-7.cluster:8786", False, None, "tcp://node-7.cluster:8786"),
        ("scheduler.json", False, None, None),
        ("./local:2", False, None, None),
        ("locality", False, None, None),
    ],
)
def test_what_it_means(text, local, n_workers, url):
    found = scheduler_of(text)
    assert (found.local, found.n_workers, found.url) == (local, n_workers, url)


def test_a_file_that_looks_like_an_address_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "node:8786").write_text("{}")
    assert scheduler_of("node:8786").url is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "no name"),
        ("a\0b", "no name"),
        ("smoke://hill", "no address of a scheduler"),
        ("tcp://", "no address of a scheduler"),
        ("local:0", "at least one worker"),
        (".", "a folder"),
        (5, "a text, not int"),
    ],
)
def test_anything_else_is_refused(value, words):
    with pytest.raises(UsageError, match=words):
        scheduler_of(value)


def test_one_that_was_made_stays_as_it_is():
    made = Scheduler("local:2", "/scratch")
    assert scheduler_of(made) is made


@pytest.mark.parametrize("text", ["tcp://1.2.3.4", "tcp://[::1", "tcp://127.0.0.1:abc", "tcp://host:99999", "tls://h:0"])
def test_an_address_without_a_port_is_refused_before_anything_is_tried(text):
    with pytest.raises(UsageError, match="has no port"):
        Scheduler(text)


@pytest.mark.parametrize("text", ["tcp://[::1]:8786", "tls://node-1.example:8786/", "tcp://10.0.0.1:8786"])
def test_addresses_with_a_port_are_taken(text):
    assert Scheduler(text).url == text
