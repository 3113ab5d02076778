"""Orders and answers of the wrong kinds, or of values that cannot be: refused by name, never a traceback."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from cluster_maps import Inline, helped, with_workers, write_maps

import niicorr.cluster.session as session
import niicorr.compute.plan as plan
from niicorr.cluster import connection, orders, work
from niicorr.errors import InputError, ResourceError


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return write_maps(tmp_path_factory.mktemp("maps"), 17)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan, "TILE", 8)
    monkeypatch.setattr(session, "LEAST", 8)
    orders.forget()
    yield tmp_path
    orders.forget()


def with_field(*keys, value):
    def change(fields):
        inner = fields
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
    return change


def without(name):
    return lambda fields: fields.pop(name)


READING = [
    (with_field("folder", value=5), "it.folder is 5"), (with_field("versions", "numpy", value=2), "numpy is 2"),
    (with_field("cache", value=None), "it.cache is None"), (with_field("sets", value=[]), r"it.sets is \[\]"),
    (with_field("sets", "z", value=[]), "sets is 'z'"), (with_field("sets", "x", 0, value="map"), "is 'map'"),
    (with_field("sets", "x", 0, value=["map", 1, 0]), r"sets.x\[0\] is "),
    (with_field("sets", "x", 0, 0, value=3), r"sets.x\[0\] is 3"),
    (with_field("sets", "x", 1, 1, value=True), r"sets.x\[1\] is True"),
    (with_field("sets", "x", 1, 1, value=-4), r"sets.x\[1\] holds -4 maps"),
    (with_field("sets", "x", 2, 2, value=10**6), "from number 1000000 on"),
    (with_field("sets", "x", 2, 3, value=1), r"sets.x\[2\] is 1"), (with_field("volumes", value=7), "volumes is 7"),
    (with_field("background", value="dark"), "background is 'dark'"),
    (with_field("background", value=[0]), r"background is \[0\]"),
    (with_field("background", value=float("inf")), "background is inf"),
    (with_field("zeros", value="maybe"), "zeros is 'maybe'"),
    (with_field("max_map_size", value=0), "max_map_size is 0"),
    (with_field("max_map_size", value=10**30), "a number of 31 digits"), (without("cache"), "it has no cache"),
    (with_field("colour", value=1), "it has 'colour', which is not known"),
]
PLACING = [
    (with_field("grid", value=None), "it.grid is None"),
    (with_field("grid", "shape", value=[0, 4, 4]), "grid.shape is"),
    (with_field("grid", "shape", value=[1.5, 4, 4]), r"shape\[0\] is 1.5"),
    (with_field("grid", "affine", 0, 0, value=float("nan")), "grid.affine"),
    (lambda fields: fields["grid"].pop("affine"), "grid has no affine"),
    (with_field("interpolation", value="sinc"), "interpolation is 'sinc'"),
    (with_field("resample_option", value=True), "resample_option is True"),
    (with_field("naive_step", value=-1), "naive_step is -1"), (with_field("n_maps", value="9"), "n_maps is '9'"),
    (with_field("piece", value=0), "piece is 0"), (with_field("by_shape", value=[[1]]), r"by_shape\[0\] is \[1\]"),
    (with_field("by_shape", value=[[[4, 4], None]]), r"by_shape\[0\] is of shape"),
    (with_field("by_shape", value=[[[4, 4, 4], {"shape": [4, 4, 4]}]]), r"by_shape\[0\] has no affine"),
    (with_field("by_shape", value=[[[4, 4, 4], 8]]), r"by_shape\[0\] is 8"), (without("reference"), "no reference"),
]
COMPARING = [
    (with_field("x", value="z"), "x is 'z'"), (with_field("y", value=1), "y is 1"),
    (with_field("method", value="kendall"), "method is 'kendall'"),
    (with_field("threshold", value=-1), "threshold is -1"),
    (with_field("threshold", value=float("nan")), "threshold is nan"),
    (with_field("held", value="weights"), "held is"),
    (with_field("held", value=["../rows"]), r"held is '\.\./rows'"),
    (with_field("null", value="moran"), "null is 'moran'"),
    (without("null"), "it has no null"),
]


@pytest.mark.parametrize(("name", "before", "change", "words"), [
    *(("reading.json", "read", *case) for case in READING), *(("placing.json", "place", *case) for case in PLACING),
    *(("comparing-0.json", "tile", *case) for case in COMPARING)])
def test_an_order_of_wrong_fields_is_refused_by_name(maps, monkeypatch, name, before, change, words):
    def damage(what, order):
        if what == before:
            path = os.path.join(order[0], name)
            with open(path) as file:
                fields = json.load(file)
            change(fields)
            with open(path, "w") as file:
                json.dump(fields, file)

    with_workers(monkeypatch, Inline(damage))
    with pytest.raises(InputError, match=rf"{name.replace('.', chr(92) + '.')} is damaged: .*{words}"):
        helped(maps, null="none", volumes="1:3")


@pytest.mark.parametrize("fields", [[], None, 5, "text"])
@pytest.mark.parametrize(("name", "read"), [("reading.json", orders.reading), ("placing.json", orders.placing)])
def test_an_order_that_is_no_object_is_refused_by_name(place, name, read, fields):
    (place / name).write_text(json.dumps(fields))
    with pytest.raises(InputError, match=rf"{name} is damaged"):
        read(str(place))


@pytest.mark.parametrize(("name", "change", "words"), [
    ("weights", lambda values: values * 0, "not positive"), ("weights", lambda values: values * np.nan, "not positive"),
    ("covariates", lambda values: values * np.nan, "not finite"), ("weights", lambda values: values[1:], "shape")])
def test_weights_and_covariates_that_cannot_be_are_refused_by_name(maps, monkeypatch, name, change, words):
    def damage(what, order):
        if what == "tile":
            path = os.path.join(order[0], f"comparing-0-{name}.npy")
            np.save(path, change(np.load(path)))

    with_workers(monkeypatch, Inline(damage))
    options = {"weights": maps[0]} if name == "weights" else {"partial": [maps[0]]}
    with pytest.raises(InputError, match=rf"comparing-0-{name}\.npy is damaged: .*{words}"):
        helped(maps[1:], null="none", volumes="1:3", **options)


@pytest.mark.parametrize(("stem", "change"), [
    ("support_of", lambda values: values + 10**6), ("support_of", lambda values: values - 10**6),
    ("moments", lambda values: values * np.inf), ("moments", lambda values: -values),
    ("moments", lambda values: values[:, 1:])])
def test_facts_of_a_set_that_do_not_fit_are_refused_by_name(maps, monkeypatch, stem, change):
    def damage(what, order):
        if what == "tile":
            path = os.path.join(order[0], f"x-{stem}.npy")
            np.save(path, change(np.load(path)))

    with_workers(monkeypatch, Inline(damage))
    with np.errstate(invalid="ignore"), pytest.raises(InputError, match=rf"x-{stem}\.npy is damaged: "):
        helped(maps, null="none", volumes="1:3")


class Answering(Inline):
    """Workers whose answer to one kind of task is another than it should be."""

    def __init__(self, kind, change):
        super().__init__()
        self._kind, self._change = kind, change

    def send(self, what, order):
        answer = super().send(what, order)
        return self._change(answer) if what.__name__ == self._kind else answer


def of(**changes):
    return lambda answer: replace(answer, **{name: change(getattr(answer, name)) for name, change in changes.items()})


ANSWERS = [
    ("read", lambda answer: None, "it is None"), ("read", lambda answer: (None, ""), "files is None"),
    ("read", lambda answer: ([], 5), "fault is 5"),
    ("read", lambda answer: (["/etc"], ""), "'/etc' is none of the files"),
    ("read", lambda answer: ([3], ""), r"files\[0\] is 3"),
    ("tile", lambda answer: None, "it is None"), ("tile", of(r=lambda r: r.tolist()), r"r is \[\["),
    ("tile", of(r=lambda r: r[1:]), "r is an array of float64 of shape"),
    ("tile", of(r=lambda r: r.astype("f4")), "r is not among"),
    ("tile", of(r=lambda r: r * 0 + 2), "r is not among"),
    ("tile", of(r=lambda r: r.astype(object)), "r is an array of object"),
    ("tile", of(n=lambda n: n * 1.0), "n is an"),
    ("tile", of(n=lambda n: -n), "n is less than 0"),
    ("tile", of(x_constant=lambda c: c + 1), "x_constant is an array"),
    ("tile", of(y_constant=lambda c: None), "y_constant is None"),
    ("tile", of(doubtful=lambda d: np.array([[0, 99]])), "doubtful names cells"),
    ("tile", of(doubtful=lambda d: np.array([[-1, 0]])), "doubtful names cells"),
    ("tile", of(doubtful=lambda d: np.array([1])), "doubtful is an array"),
    ("describe", lambda answer: {}, r"it is \{\}"), ("describe", of(of=lambda of: of[1:]), "of is an array"),
    ("describe", of(of=lambda of: of - 10**6), "of names masks below 0"),
    ("describe", of(coefficients=lambda c: c.astype("c16")), "coefficients is an array of complex128"),
    ("describe", of(traits=lambda t: "none"), "directions is None"),
    ("describe", of(traits=lambda t: replace(t, squares=t.squares[1:])), "squares is an array"),
]


@pytest.mark.parametrize(("kind", "change", "words"), ANSWERS)
def test_an_answer_of_wrong_fields_is_refused(maps, monkeypatch, kind, change, words):
    with_workers(monkeypatch, Answering(kind, change))
    with pytest.raises(ResourceError, match=rf"a worker handed over what is not .*{words}.*install the same niicorr"):
        helped(maps, volumes="1:3", null="effective" if kind == "describe" else "none")


@pytest.mark.parametrize(("answer", "words"), [
    (None, "it is None"), ({}, "it has no host"), ({"versions": []}, r"versions is \[\]"), ({"sees": 1}, "sees is 1"),
    ({"versions": {"numpy": 2}}, "numpy is 2"), ({"writes": "yes"}, "writes is 'yes'"), ({"host": b"x"}, "host is b"),
    ({"more": 1}, "'more', which is not known")])
def test_a_worker_that_introduces_itself_wrongly_is_named(place, answer, words):
    class Client:
        def run(self, what, folder, token, on_error):
            told = {**what(folder, token), **answer} if answer else answer
            return {"tcp://one": told}

    with pytest.raises(ResourceError, match=rf"tcp://one is none of niicorr {work.__version__} \(.*{words}"):
        connection._introduced(Client(), str(place))
