"""What ``--help`` shows: examples, what most calls need, and the names of all the rest, on a page or two.

``--help-all`` shows every option in full, from the parser itself. Imports nothing heavy.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

LEAST_WIDTH = 11
"""Columns that argparse gives to the help of an option at least: of one or two its margin would leave none."""

_UNBROKEN = "\ue000"
"""Stands for a space between an option and its value, where lines must not be folded."""

_MAPS = "maps: files, folders, patterns, .tsv manifests with a column `path`"
_JOBS = {"--jobs N": "threads (processors, at most 8)", "--memory SIZE": "such as 2G (60 %% of what is free)"}
_TALK = {"-v, --verbose": "every decision about every map", "-q, --quiet": "errors only",
         "--json": "a summary on standard output"}
_FIGURES = {"--order ORDER": "of rows and columns: {choices}",
            "--format LIST": "of png, svg and pdf, with commas between (png,svg)",
            "--no-figures": "write no figures (the page is written)"}
_SETS = {"-x MAP...": "columns of the heatmap", "-y MAP...": "rows of the heatmap; left out: the set against itself"}
_DOMAIN = {"--mask WHAT": "which voxels may count: auto, none, mni152 or a file",
           "--background VALUE": 'what means "no data here": auto, none or a number',
           "--zeros WHAT": "an exact zero in the mask: {choices}"}
_ATLAS = {"--atlas FILE|NAME": "means of regions: an image, or aal, schaefer200, yeo7…"}
_METHOD = {"--method NAME": "{choices}", "--partial FILE...": "covariate maps, regressed out of both maps of a pair"}
_ON_ERROR = {"--on-error WHAT": "a bad file: stop, or skip it and name it"}


class Brief(NamedTuple):
    """The short help of a command.

    Attributes
    ----------
    usage : str
        What stands behind the program's name.
    examples : tuple of str
        Calls that work as they stand, but for names of files.
    groups : mapping
        Titles of groups, each with options or commands and what they are for; ``{choices}`` stands for the words that
        an option takes, its default first, ``{help}`` for what the full help says. Empty: that is short enough.
    """

    usage: str
    examples: tuple[str, ...]
    groups: Mapping[str, Mapping[str, str]] = {}


_RUN_GROUPS: dict[str, dict[str, str]] = {
    _MAPS: {**_SETS, "-o, --out DIR": "the result, written whole or not at all (niicorr-out)"},
    "what counts": {**_DOMAIN, **_ATLAS, **_METHOD, "--null NAME": "how p-values are found: {choices}", **_ON_ERROR},
    "figures": _FIGURES,
    "machine": {**_JOBS, "--cache DIR": "keep maps as they were read, for later runs",
                "--resume": "continue an interrupted run, and keep work for that"},
    "what is said": _TALK,
}

BRIEFS: dict[str, Brief] = {
    "": Brief(
        "[-h] [--version] COMMAND ...",
        ("niicorr demo -o niicorr-demo",
         "niicorr run -x experiments/*.nii -y activity/*.nii.gz -o out/",
         "niicorr run --help"),
        {"compare": dict.fromkeys(("demo", "check", "run", "rois"), "{help}"),
         "find": dict.fromkeys(("index", "search"), "{help}"),
         "look after": dict.fromkeys(("report", "calibrate", "cache", "completion"), "{help}"),
         "options": {"-h, --help": "this page, or that of a command", "--version": "the version"}}),
    "run": Brief(
        "-x MAP... [-y MAP...] [-o DIR] [options]",
        ("niicorr run -x experiments/*.nii -y activity/*.nii.gz -o out/",
         "niicorr run -x maps/ --order cluster --format png,pdf -o out/",
         "niicorr run -x a/ -y b/ --atlas schaefer200 --method spearman -o out/"),
        _RUN_GROUPS),
    "check": Brief(
        "-x MAP... [-y MAP...] [options]",
        ("niicorr check -x experiments/*.nii -y activity/*.nii.gz",
         "niicorr check -x experiments/ -y activity/ --zeros data -v"),
        # It takes the words of run, so that these can stay when run becomes check; figures are none of its business.
        {title: _SETS if title == _MAPS else options for title, options in _RUN_GROUPS.items() if title != "figures"}
        | {"machine": _JOBS}),
    "calibrate": Brief(
        "-x MAP... [-y MAP...] [-o DIR] [options]",
        ("niicorr calibrate -x experiments/ -y activity/ -o calibration/",
         "niicorr calibrate -x experiments/ -y activity/ --repeats 20 --jobs 4"),
        {_MAPS: {**_SETS, "-o, --out DIR": "rates and figure (niicorr-calibration)"},
         "what counts": {**_DOMAIN, **_METHOD, "--repeats N": "blocks of random maps (what gives 4000 pairs, 5 to 50)",
                         "--seed N": "from which all random maps follow (0)"},
         "machine": _JOBS, "what is said": _TALK}),
    "rois": Brief(
        "BOLD... --atlas FILE|NAME [-o DIR] [options]",
        ("niicorr rois bold.nii.gz --atlas aal.nii.gz -o rois/",
         "niicorr rois run-1.nii.gz run-2.nii.gz --atlas schaefer200 --kind partial",
         "niicorr rois bold.nii.gz --atlas aal --confounds confounds.tsv \\",
         "             --strategy motion6 wm_csf --high-pass 0.008 -o rois/"),
        {"runs, and the result": {
            "BOLD...": "4-D images, several are several runs; or series that are ready (.csv, .tsv, .txt, .1D, .npy, "
            ".ptseries.nii)",
            "-o, --out DIR": "the result, written whole or not at all (niicorr-rois)"},
         "regions": {"--atlas FILE|NAME": "an image, or aal, schaefer200, yeo7…; images need one",
                     "--labels FILE": "names of its regions (one beside it that fits is found)"},
         "cleaning, by nilearn; nothing unless asked for": {
            "--confounds TSV...": "what to regress out: a table for each run",
            "--strategy WHAT...": "what of it, such as motion6 wm_csf scrub, or columns",
            "--detrend": "take a straight line off every series",
            "--high-pass HZ": "take slower changes out", "--low-pass HZ": "take faster changes out",
            "--t-r S": "seconds from volume to volume (the header's)"},
         "comparison": {"--kind NAME": "{choices}", "--null NAME": "how p-values are found: {choices}"},
         "figures": _FIGURES, "machine": _JOBS, "what is said": _TALK}),
    "index": Brief(
        "MAP... [-o DIR] [options]",
        ("niicorr index maps/ -o library/", "niicorr index more/*.nii.gz -o library/ --on-error skip"),
        {_MAPS: {"MAP...": "only those whose content is new are added",
                 "-o, --out DIR": "the library (niicorr-library)"},
         "how maps are read, chosen when the library is made": {**_DOMAIN, **_ON_ERROR},
         "machine": _JOBS, "what is said": _TALK}),
    "search": Brief(
        "MAP... [--in DIR] [options]",
        ("niicorr search new.nii.gz --in library/",
         "niicorr search new/*.nii.gz --in library/ --top 50 -o found.tsv"),
        {_MAPS: {"MAP...": "the new maps"},
         "where, and what is shown": {
             "--in DIR": "the library (niicorr-library)", "--top N|all": "how many for each new map (20)",
             "-o, --out FILE.tsv|DIR": "a table, or a folder with it and how it came about",
             "--verify": "check every byte of the library first"},
         "comparison": {"--method NAME": "pearson, cosine, concordance", "--null NAME": "how p-values are found: "
                        "{choices}", "--sort WHICH": "which come first: {choices}"},
         "machine": _JOBS, "what is said": _TALK}),
    "demo": Brief("[-o DIR] [options]", ("niicorr demo -o niicorr-demo",)),
    "report": Brief("DIR [options]", ("niicorr report out/ --order cluster --format pdf",
                                      "niicorr report out/ --no-figures --report-maps top:20")),
    "cache": Brief("ACTION DIR [options]", ("niicorr cache info kept/", "niicorr cache clear kept/")),
    "cache info": Brief("DIR [options]", ("niicorr cache info kept/",)),
    "cache clear": Brief("DIR [options]", ("niicorr cache clear kept/",)),
    "completion": Brief("SHELL", ('eval "$(niicorr completion bash)"          in ~/.bashrc',
                                  'eval "$(niicorr completion zsh)"           in ~/.zshrc, after compinit',
                                  "niicorr completion fish | source           in ~/.config/fish/config.fish")),
}
"""By command."""


def brief_help(parser: argparse.ArgumentParser, brief: Brief) -> str:
    """Lay out the short help of a command."""
    page = parser.formatter_class(prog=parser.prog)
    page.add_usage(f"%(prog)s {brief.usage}", [], [])
    page.add_text(told(parser.description, brief))
    shown: set[str] = set()
    for title, options in brief.groups.items():
        page.start_section(title)
        for words, text in options.items():
            page.add_argument(_shown(words, text, parser))
            shown |= set(words.replace(",", " ").split())
        page.end_section()
    page.start_section(f"also, told by {parser.prog} --help-all")
    for title, names in _others(parser, shown):
        page.add_argument(argparse.Action([], "", metavar=title, help=names))
    page.end_section()  # which shows nothing where nothing is in it
    page.add_text(parser.epilog)
    return page.format_help().replace(_UNBROKEN, " ")


def told(description: str | None, brief: Brief) -> str:
    """Put examples below what a command does."""
    calls = "\n".join(f"  {call}" for call in brief.examples)
    return f"{description}\n\n{'examples' if len(brief.examples) > 1 else 'example'}:\n{calls}"


def _shown(words: str, text: str, parser: argparse.ArgumentParser) -> argparse.Action:
    """Make what a formatter takes for an argument; all its names are one, since argparse repeats the value."""
    names, _, value = words.rpartition(" ")
    if value.startswith("-") or not names:
        names, value = words, ""
    if text == "{help}":
        (text,) = [str(command.help) for action in parser._actions if isinstance(action, argparse._SubParsersAction)
                   for command in action._choices_actions if command.dest == words]
    if "{choices}" in text:
        action = _action(parser, words.split(maxsplit=1)[0].rstrip(","))
        first = [action.default] if action.default in (action.choices or ()) else []
        choices = [*first, *(word for word in action.choices or () if word not in first)]
        text = text.format(choices=", ".join(choices))
    if not words.startswith("-"):
        return argparse.Action([], "", metavar=words, help=text)
    return argparse.Action([names], "", nargs=None if value else 0, metavar=value or None, help=text)


def _action(parser: argparse.ArgumentParser, name: str) -> argparse.Action:
    (action,) = [action for action in parser._actions if name in action.option_strings]
    return action


def _others(parser: argparse.ArgumentParser, shown: set[str]) -> Iterator[tuple[str, str]]:
    """Titles of groups, and the options of each that are not shown, with what each takes."""
    for group in parser._action_groups:
        title = (group.title or "").partition(":")[0].partition(",")[0]
        names = [_invocation(action) for action in group._group_actions
                 if action.option_strings and not {*action.option_strings} & {*shown, "-h", "--help-all"}]
        if names:
            yield title, ", ".join(names)


def _invocation(action: argparse.Action) -> str:
    value: Any = "|".join(map(str, action.choices)) if action.choices else action.metavar
    if action.nargs == 0 or value is None:
        return action.option_strings[-1]
    value = {"?": f"[{value}]", "+": f"{value}..."}.get(str(action.nargs), value)
    return f"{action.option_strings[0]}{_UNBROKEN}{value}"


def formatter(*, colour: bool) -> type[argparse.HelpFormatter]:
    """Colours for people; rich costs a third of the start-up, so pipes get argparse's own layout."""
    if not colour:
        return _Plain
    from rich_argparse import RawDescriptionRichHelpFormatter

    class Coloured(RawDescriptionRichHelpFormatter):
        # Of a terminal's own colours, which can be read on light and on dark.
        styles: ClassVar[dict[str, Any]] = {**RawDescriptionRichHelpFormatter.styles, "argparse.groups": "bold",
                                            "argparse.prog": "default", "argparse.args": "cyan",
                                            "argparse.metavar": "green"}
        group_name_formatter = str  # not Title Case
        help_markup = text_markup = False  # brackets are brackets

        def __init__(self, prog: str, **how: Any) -> None:
            super().__init__(prog, **{"width": _width(), **how})

        def add_text(self, text: Any) -> None:
            super().add_text(_folded(text, self._width))

    return Coloured


class _Plain(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str, **how: Any) -> None:
        super().__init__(prog, **{"width": _width(), **how})

    def add_text(self, text: str | None) -> None:
        super().add_text(_folded(text, self._width))

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """As Python 3.13 and rich do it: a value once, behind the last name."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False, break_long_words=False)


def _width() -> int:
    """Return the columns of the terminal but for a margin, as argparse does, and never too few."""
    import shutil  # argparse, too, loads it only to show help

    return max(shutil.get_terminal_size().columns - 2, LEAST_WIDTH)


def _folded(text: str | None, width: int) -> str | None:
    """Fold paragraphs, and leave examples, which are indented, as they are."""
    lines = text.splitlines() if text else []
    return "\n".join(textwrap.fill(line, width) if line[:1].strip() else line for line in lines) or None
