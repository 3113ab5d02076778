"""The short help: a page or two, true, and with a name for everything that it leaves out."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys

import pytest

from niicorr.cli.brief import BRIEFS
from niicorr.cli.main import main
from niicorr.cli.parser import make_parser, parse

COMMANDS = sorted(BRIEFS)
SHORTENED = [name for name in COMMANDS if name and BRIEFS[name].groups]


def parser_of(command):
    parser = make_parser()
    for word in command.split():
        parser = parser.commands[word]
    return parser


def shown(command, monkeypatch, columns=80):
    monkeypatch.setenv("COLUMNS", str(columns))
    return parser_of(command).short_help()


def test_every_command_has_one():
    def names(parser, command):
        yield command
        for name, below in parser.commands.items():
            yield from names(below, f"{command} {name}".strip())

    assert set(names(make_parser(), "")) == set(BRIEFS)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", COMMANDS)
def test_it_fits_on_a_page_or_two(command, columns, monkeypatch):
    lines = shown(command, monkeypatch, columns).splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= columns
    assert "\ue000" not in "".join(lines)


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_terminal_is_too_narrow(command, columns, monkeypatch):
    plain = parser_of(command)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    coloured = parser_of(command)
    for parser in (plain, coloured):
        for columns_ in (columns, 80):
            monkeypatch.setenv("COLUMNS", str(columns_))
            for text in (parser.short_help(), parser.format_help()):
                assert "usage" in text
                assert len(text.splitlines()) > 5


@pytest.mark.parametrize("command", SHORTENED)
def test_it_names_every_option_once(command, monkeypatch):
    text = shown(command, monkeypatch).partition("\n\n")[2]
    text = text[re.search(r"examples:\n(  .*\n)+", text).end():]  # past usage and examples
    named = re.findall(r"(?<![\w-])--?[a-z][\w-]*", text)
    for action in parser_of(command)._actions:
        if action.dest in ("help", "help_all") or not action.option_strings:
            continue
        count = sum(name in action.option_strings for name in named)
        assert count == min(2, len(action.option_strings)) or count == 1, (action.option_strings, count)


@pytest.mark.parametrize("command", SHORTENED)
def test_it_names_no_option_that_there_is_not_and_every_word_of_those_there_are(command, monkeypatch):
    text, parser = shown(command, monkeypatch), parser_of(command)
    known = {name for action in parser._actions for name in action.option_strings}
    assert set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", text)) <= known | {"--help-all"}
    for option in BRIEFS[command].groups.values():
        for words in option:
            names = [word.rstrip(",") for word in words.split() if word.startswith("-")]
            assert set(names) <= known, words
    if command != "search":  # which says which of the methods it can
        for action in parser._actions:
            assert all(str(word) in text for word in action.choices or ()), action.option_strings


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_calls(command):
    calls = "\n".join(BRIEFS[command].examples).replace("\\\n", " ").splitlines()
    for call in calls:
        words = re.search(r"niicorr completion \w+", call)[0].split() if command == "completion" else shlex.split(call)
        assert words[0] == "niicorr"
        if words[-1] != "--help":
            assert parse(words[1:]).command == (words[1] if command == "" else command.split()[0])


def test_help_all_tells_of_every_option(capsys):
    assert main(["run", "--help-all"]) == 0
    text = capsys.readouterr().out
    for words in ("basc7 … basc444", "Benjamini-Hochberg", "{two-sided,greater,less}"):
        assert words in text
    assert text.count("\n") > 90


def test_check_has_no_figures_and_says_so(monkeypatch):
    text = shown("check", monkeypatch)
    assert "figures:" not in text
    also = text[text.index("also, told by"):]
    assert all(option in also for option in ("without effect", "--format", "--no-figures", "-o DIR"))
    assert "niicorr-out" not in text


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["rois", "--help-all"]])
def test_people_get_it_in_colour_and_the_words_are_the_same(argv, monkeypatch):
    ours, theirs = pty.openpty()
    environment = {name: text for name, text in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    environment |= {"TERM": "xterm-256color", "COLUMNS": "80"}
    with subprocess.Popen([sys.executable, "-m", "niicorr", *argv], stdout=theirs, stdin=subprocess.DEVNULL,
                          env=environment) as process:
        os.close(theirs)
        said = b""
        try:
            while more := os.read(ours, 65536):
                said += more
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    assert process.returncode == 0
    coloured = said.decode().replace("\r\n", "\n")
    assert "\x1b[36m" in coloured
    assert "\x1b[1m" in coloured
    plain = subprocess.run([sys.executable, "-m", "niicorr", *argv], capture_output=True, text=True, env=environment,
                           check=True).stdout
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert bare.split() == plain.split()
