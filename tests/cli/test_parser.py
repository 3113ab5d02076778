"""What a user may type, and what is said when it is wrong."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import get_args

import pytest

from niicorr import words
from niicorr.cli.parser import parse
from niicorr.cli.values import background, formats, positive, size
from niicorr.errors import UsageError
from niicorr.options import Options

RUN = ["run", "-x", "a.nii"]


def test_defaults_of_the_command_line_are_those_of_the_library():
    options, library = parse(RUN), Options()
    for name in Options.__dataclass_fields__:
        assert getattr(options, name) == getattr(library, name), name
    assert (options.x, options.y, options.out, options.order) == (["a.nii"], None, "niicorr-out", "given")


def test_resume_is_for_what_runs(capsys):
    assert parse([*RUN, "--resume"]).resume
    assert parse(["check", *RUN[1:], "--resume"]).resume
    with pytest.raises(UsageError, match="unrecognized arguments: --resume"):
        parse(["calibrate", *RUN[1:], "--resume"])


def test_inputs_accumulate():
    options = parse([*RUN, "b.nii", "-y", "c", "-x", "d", "-y", "e", "f"])
    assert (options.x, options.y) == (["a.nii", "b.nii", "d"], ["c", "e", "f"])


@pytest.mark.parametrize(("short", "long"), [("--mem", "--memory"), ("--n-jobs", "--jobs")])
def test_other_names_of_options(short, long):
    name = long[2:]
    assert getattr(parse([*RUN, short, "3000000"]), name) == getattr(parse([*RUN, long, "3000000"]), name) == 3000000


@pytest.mark.parametrize("words", [["--background", "-1e3"], ["--background=-1000"], ["--background", "-1000"]])
def test_a_negative_background_is_a_number_and_no_option(words):
    assert parse([*RUN, *words]).background == -1000


def test_check_takes_every_option_of_run():
    run, check = parse(RUN), parse(["check", *RUN[1:]])
    assert set(vars(run)) == set(vars(check))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "which command"),
        (["fly"], "fly"),
        (["run"], "-x"),
        (["run", "-x"], "-x"),
        ([*RUN, "--zeros", "maybe"], "--zeros"),
        ([*RUN, "--zero", "data"], "--zero"),
        ([*RUN, "--jobs", "0"], "from 1 on"),
        ([*RUN, "--memory", "much"], "no size"),
        ([*RUN, "--memory", "1K"], "no work fits into less than 1M"),
        ([*RUN, "--memory", "1023K"], "1047552 bytes"),
        ([*RUN, "--format", "gif"], "formats are png, svg and pdf"),
        ([*RUN, "--background", "grey"], "neither auto, none nor a number"),
        ([*RUN, "--background", "1_0"], "'1_0' is neither auto, none nor a number"),
        ([*RUN, "--background", "٣"], "'٣' is neither auto, none nor a number"),
        ([*RUN, "--memory", "٣G"], "'٣G' is no size"), ([*RUN, "--jobs", "٣"], "'٣' is no whole number"),
        ([*RUN, "--threshold", "1_0"], "'1_0' is no number"),
        ([*RUN, "--background"], "--background"),
    ],
)
def test_a_wrong_call_says_what_and_where_to_look(argv, words):
    with pytest.raises(UsageError, match=words) as caught:
        parse(argv)
    assert "--help" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4096", 4096), ("2G", 2**31), ("2GiB", 2**31), ("2gb", 2**31), ("1.5 MiB", 3 * 2**19), ("10k", 10240),
     ("1T", 2**40), ("7B", 7)],
)
def test_sizes(text, expected):
    assert size(text) == expected


@pytest.mark.parametrize("text", ["", "G", "-1", "0", "nan", "inf", "1e400", "2X", "2GG", "9" * 40])
def test_what_is_no_size(text):
    with pytest.raises(argparse.ArgumentTypeError, match="no size"):
        size(text)


def test_other_values():
    assert [background(text) for text in ("auto", "none", "-1", "1e3")] == ["auto", "none", -1, 1000]
    assert str(background("nan")) == "nan"
    assert formats("PNG, svg,png,") == ("png", "svg")
    assert positive("12") == 12
    for text in ("-1", "1.5", "x", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            positive(text)
    with pytest.raises(argparse.ArgumentTypeError):
        formats(",")


@pytest.mark.parametrize("command", [["--help"], ["run", "--help"], ["run", "--help-all"], ["check", "--help"],
                                     ["calibrate", "--help"], ["demo", "--help"], ["rois", "--help"]])
def test_help_is_shown_on_streams_that_lack_characters(command):
    said = subprocess.run([sys.executable, "-m", "niicorr", *command], capture_output=True, check=True,
                          env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    text = said.stdout.decode("ascii")
    assert "usage: niicorr" in text
    if command == ["run", "--help-all"]:
        assert "basc7 ... basc444" in text


@pytest.mark.parametrize(("wrong", "meant"), [("--atals", "--atlas"), ("--methd=dice", "--method"),
                                              ("--no-figure", "--no-figures")])
def test_a_misspelled_option_is_asked_after(wrong, meant):
    with pytest.raises(UsageError, match=f"did you mean {meant}?"):
        parse([*RUN, wrong])
    with pytest.raises(UsageError) as caught:
        parse([*RUN, "--zzzzzz"])
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["rnu", "-x", "a.nii"], "did you mean run?\nSee niicorr --help."),
        (["cache", "inof", "kept"], "did you mean info?\nSee niicorr cache --help."),
        (["cache", "info", "kept", "--jsn"], "did you mean --json?\nSee niicorr cache info --help."),
        (["rois", "bold.nii", "--strateg", "scrub"], "did you mean --strategy?\nSee niicorr rois --help."),
        ([*RUN, "--method", "spaerman"], "did you mean spearman?\nSee niicorr run --help."),
        ([*RUN, "--method", "9"], ")\nSee niicorr run --help."),
        # --atlas is no option of search.
        (["search", "a.nii", "--atals=b.nii"], "unrecognized arguments: --atals=b.nii\nSee niicorr search --help."),
    ])
def test_what_may_have_been_meant_is_of_that_command(argv, said):
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert said in str(caught.value)


@pytest.mark.parametrize(("argv", "call"), [
    (["run", "experiments", "activity"], "niicorr run -x experiments -y activity"),
    (["check", "-o", "my out", "a b/", "c/", "--zeros", "data"],
     "niicorr check -x 'a b/' -y c/ -o 'my out' --zeros data"),
    (["run", "maps/"], "niicorr run -x maps/"),
    (["calibrate", "a/1.nii", "a/2.nii", "b/1.nii"], "niicorr calibrate -x a/1.nii a/2.nii -y b/1.nii"),
    (["run", "a.nii", "b.nii", "c.nii"], "niicorr run -x a.nii b.nii c.nii"),
    (["run", *(f"a/{k}.nii" for k in range(9)), "b/0.nii"], "niicorr run -x a/0.nii a/1.nii … a/8.nii -y b/0.nii"),
    (["run"], "niicorr run -x experiments/ -y activity/"),
    (["run", "-y", "M/activity", "-o", "hx"], "niicorr run -x experiments/ -y M/activity -o hx"),
    (["check", "-y", "M/activity"], "niicorr check -x experiments/ -y M/activity"),
    (["run", "a/", "b/", "-y", "c/"], "niicorr run -x a/ b/ -y c/"),
])
def test_maps_without_x_are_told_with_it(argv, call):
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert str(caught.value) == (f"which maps? Name them with -x, and those of a second set with -y:\n  {call}\n"
                                 f"See niicorr {argv[0]} --help.")


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("number", [["--n-surrogates", "1000"], ["--n-surrogates=20"]])
def test_a_number_of_random_maps_needs_a_null_model(command, number):
    """Were it the default, it was asked for. Who names a model, too, may be trying one after the other."""
    with pytest.raises(UsageError, match=rf"effective draws none(.|\n)*See niicorr {command} --help"):
        parse([command, "-x", "a.nii", *number])
    assert parse([command, "-x", "a.nii"]).n_surrogates == 1000
    for null in get_args(words.Null):
        for argv in ([*number, "--null", null], [f"--null={null}", *number]):
            options = parse([command, "-x", "a.nii", *argv])
            assert (options.null, options.n_surrogates) == (null, int(number[-1].split("=")[-1]))


def test_a_map_that_is_also_the_value_of_an_option_is_moved_nowhere():
    with pytest.raises(UsageError) as caught:
        parse(["run", "maps/", "other/", "-o", "maps/"])
    assert str(caught.value) == ("which maps? Name them with -x, and those of a second set with -y\n"
                                 "See niicorr run --help.")


@pytest.mark.parametrize(("argv", "said"), [
    (["run", "a/", "b/", "--nul", "none"], "unrecognized arguments: a/ b/ --nul none; did you mean --null?"),
    ([*RUN, "-o", "out", "b/"], "unrecognized arguments: b/ (maps stand right behind -x or -y)"),
    (["search", "a.nii", "--in", "lib", "b.nii"], "unrecognized arguments: b.nii\nSee"),
])
def test_words_too_many(argv, said):
    """What follows an option that is not known may be its value: no call is made of it."""
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert str(caught.value).startswith(said)
