"""The page whatever maps are called: its names come back as they are seen, and no name becomes a part of it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reading import Parts, small

import niicorr as nc
from any_text import FRAGMENTS, any_text, chunks, distinct, hidden, seen
from niicorr.records import Decision
from niicorr.result.picturing import with_pictures
from niicorr.webpage.write import write_report

SOURCES = re.compile(r"'none'|'sha256-[A-Za-z0-9+/]{43}='|data:|blob:|'script'")
"""All that the policy of a page without files beside it may name: no host, no scheme of a network, nothing unsafe."""


@pytest.fixture(scope="module")
def result():
    return with_pictures(small("effective"))


def text_of(result, folder, **how):
    write_report(result, str(folder), **how)
    return (folder / "report.html").read_bytes().decode("utf-8")


@pytest.fixture(scope="module")
def harmless(result, tmp_path_factory):
    return Parts(text_of(result, tmp_path_factory.mktemp("harmless"), title="harmless"))


class Words(Parts):
    """The text of the title and the heading besides."""

    def __init__(self, text):
        self.words, self._inside = {"title": "", "h1": ""}, None
        super().__init__(text)

    def handle_starttag(self, tag, attrs):
        super().handle_starttag(tag, attrs)
        self._inside = tag

    def handle_endtag(self, tag):
        super().handle_endtag(tag)
        self._inside = None

    def handle_data(self, data):
        super().handle_data(data)
        if self._inside in self.words:
            self.words[self._inside] += data


def renamed(result, texts):
    """Everything in a result that comes from outside, called by these texts in turn."""
    at = cycle(texts)

    def called(records):
        return tuple(replace(record, label=f"{seen(next(at))}{k}", path=seen(next(at)), error=None,
                             metadata={seen(next(at)): seen(next(at))}, decisions=(Decision("file", next(at)),))
                     for k, record in enumerate(records))

    provenance = replace(result.provenance, command=next(at), warnings=(next(at),),
                         options={seen(next(at)): [next(at)]}, decisions=(Decision("mask", next(at)),))
    return result.replace(x_maps=called(result.x_maps), y_maps=called(result.y_maps), provenance=provenance,
                          notes={(0, 0): next(at), (1, 1): next(at)})


def must_be_the_same_page(page, other):
    """The same elements with the same attributes, the title aside, and the same scripts and styles."""
    titled = ("aria-label",)
    assert [(tag, {k: v for k, v in attrs.items() if k not in titled}) for tag, attrs in page.tags] == [
        (tag, {k: v for k, v in attrs.items() if k not in titled}) for tag, attrs in other.tags]
    assert [set(attrs) for _, attrs in page.tags] == [set(attrs) for _, attrs in other.tags]
    for kind in ("script", "style"):
        assert page.code(kind) == other.code(kind)


def texts_in(value):
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from texts_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_in(part)
    elif isinstance(value, str):
        yield value


@settings(max_examples=20)
@given(st.lists(any_text, min_size=1, max_size=12), any_text)
def test_any_names_and_any_title(tmp_path_factory, result, harmless, texts, title):
    one = renamed(result, texts)
    text = text_of(one, tmp_path_factory.mktemp("any"), title=title)
    assert not [char for char in text if hidden(char) and char != "\n"]
    page = Words(text)
    must_be_the_same_page(page, harmless)
    data = page.data()
    assert data["x"]["labels"] == list(one.x_labels)
    assert data["y"]["labels"] == list(one.y_labels)
    assert [note for *_, note in data["notes"]] == [seen(note) for note in one.notes.values()]
    assert data["title"] == page.words["title"] == seen(title)
    assert page.words["h1"] == seen(title)
    (label,) = [attrs["aria-label"] for _, attrs in page.tags if attrs.get("id") == "heatmap"]
    assert label.startswith(f"Heatmap of {seen(title)}. Arrow keys")
    assert not [text for text in texts_in(data) if any(map(hidden, text))]


def test_every_character_there_is(tmp_path, harmless):
    names = chunks(4096)
    values = np.random.default_rng(0).standard_normal((len(names), 12))
    one = nc.correlate(nc.MapMatrix.from_array(values, tuple(names)), nc.MapMatrix.from_array(values[:1]), null="none")
    for title in ("".join(names[::2]), "".join(names[1::2])):
        page = Words(text_of(one, tmp_path, title=title))
        assert page.words["title"] == seen(title)
    must_be_the_same_page(page, harmless)
    assert page.data()["x"]["labels"] == list(map(seen, names))


def test_the_data_of_a_page_are_letters_of_ascii_without_markup(tmp_path, result):
    text = text_of(renamed(result, list(FRAGMENTS)), tmp_path)
    (data,) = [text for _, attrs, text in Parts(text).raw if attrs.get("id") == "niicorr-data"]
    assert data.isascii()
    assert not set("<>&") & set(data)


@pytest.mark.parametrize("title", ["harmless", "; script-src *", "' unsafe-inline", "\"><meta http-equiv=refresh>"])
def test_the_policy_names_hashes_and_nothing_that_could_be_fetched(tmp_path, result, title):
    text = text_of(renamed(result, [title, *FRAGMENTS]), tmp_path, title=title)
    page = Parts(text)
    policy = page.policy()
    assert policy["default-src"] == ["'none'"]
    for directive, sources in policy.items():
        assert all(map(SOURCES.fullmatch, sources)), (directive, sources)
    assert set(policy) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action",
                           "require-trusted-types-for", "trusted-types"}
    # It holds for what follows it: nothing but the character set stands before.
    tags = [tag for tag, _ in page.tags]
    policies = [k for k, (_, attrs) in enumerate(page.tags) if "http-equiv" in attrs]
    assert policies == [tags.index("meta") + 1]
    assert not {"script", "style", "link", "base"} & set(tags[: policies[0]])
    assert not [attrs for _, attrs in page.tags if "style" in attrs or any(name.startswith("on") for name in attrs)]


def test_maps_beside_the_page_may_be_loaded_from_where_it_lies_alone(tmp_path, result):
    page = Parts(text_of(result, tmp_path, limit=10))
    (directive,) = [words for name, words in page.policy().items() if name == "script-src"]
    assert [word for word in directive if not SOURCES.fullmatch(word)] == ["file:", "'self'"]


def test_names_that_look_alike_stay_apart(tmp_path):
    names = distinct(FRAGMENTS)
    values = np.random.default_rng(0).standard_normal((len(names), 12))
    one = nc.correlate(nc.MapMatrix.from_array(values, tuple(names)), null="none")
    labels = Parts(text_of(one, tmp_path)).data()["x"]["labels"]
    assert len(set(labels)) == len(names)
