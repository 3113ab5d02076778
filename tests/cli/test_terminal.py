"""What people see after a run and after a check, on a terminal and in a log."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from niicorr.cli.account import strongest_pairs
from niicorr.cli.matrix_view import ROWS
from niicorr.cli.page import Page, columns, plain
from niicorr.cli.terminal import Terminal
from niicorr.records import Decision, MapRecord, Provenance
from niicorr.result import CorrelationResult, Sensitivity

FILES = ("correlations.csv", "pairs.tsv", "maps.tsv", "mask.nii.gz", "heatmap.png", "heatmap.svg", "run.json")
ESCAPE = re.compile(r"\x1b\[[\d;]*m")
COLOUR = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-7]|38|9[0-7])(?:;[\d;]*)?m")
HOSTILE = (
    "[red]bold[/red]",
    "esc\x1b[31mred\x1b[0m",
    "new\nline",
    "return\rline",
    "over\u202eride",
    "half\udcff",
    "=cmd|' /C calc'!A0",
)


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


def map_record(label, background=0.0, share=0.71, decisions=(), **known):
    known = {
        "shape": (57, 66, 40),
        "voxel_mm": (3.0, 3.0, 3.0),
        "orientation": "LAS",
        "dtype": "float64",
        "n_voxels": 31021,
        "coverage": 1.0,
        **known,
    }
    return MapRecord(
        label,
        f"/data/{label}.nii.gz",
        background=background,
        background_share=share,
        decisions=tuple(decisions),
        **known,
    )


def zeros(number):
    text = f"{number} zeros are missing: values end abruptly there (edge 0.{number % 100:02d})"
    return Decision("zeros", text)


def question(nx=20, ny=4, **changes):
    """The question's data: twenty experiments, four activity maps."""
    rng = np.random.default_rng(7)
    r = np.tanh(rng.normal(0, 0.3, (ny, nx)))
    values = {
        "estimate": r,
        "counts": np.full((ny, nx), 31021),
        "x_maps": tuple(map_record(f"exp_{i:02d}", decisions=[zeros(106400 + i)]) for i in range(nx)),
        "y_maps": tuple(map_record(f"pet_{i}", background=-1.0, share=0.53) for i in range(ny)),
        "sensitivity": Sensitivity(np.clip(r + 0.2, -1, 1), 1, np.full(r.shape, np.nan)),
        "provenance": Provenance(
            decisions=(
                Decision("grid", "all 24 maps share one grid"),
                Decision("mask", "the 31 021 voxels (21 %) inside at least half of the 24 maps"),
            )
        ),
        **changes,
    }
    return CorrelationResult(**values)


def shown(result, stream=None, *, out="out", **options):
    stream = stream or io.StringIO()
    Terminal.make(stream, **options).run_report(result, out=out, files=FILES, seconds=0.84)
    return ESCAPE.sub("", stream.getvalue())


def checked(
    x_maps, y_maps=(), *, stream=None, refusal=None, same_set=False, decisions=(), warnings=(), **options
):
    stream = stream or io.StringIO()
    terminal = Terminal.make(stream, **options)
    terminal.check_report(x_maps, y_maps, decisions, warnings, refusal=refusal, same_set=same_set)
    return ESCAPE.sub("", stream.getvalue())


def words(text):
    """The text with its lines joined, for sentences that may be folded anywhere."""
    return " ".join(text.split())


# --- the account of a run


@pytest.mark.parametrize(("width", "lines"), [(80, 46), (100, 42), (120, 42)])
def test_twenty_by_four_fits_one_screen(monkeypatch, width, lines):
    monkeypatch.setenv("COLUMNS", str(width))
    text = shown(question(), Tty()).splitlines()
    assert len(text) <= lines
    assert max(map(columns, text)) <= width


@pytest.mark.parametrize("stream", [io.StringIO, Tty])
def test_everything_is_said_with_and_without_a_terminal(stream):
    text = words(shown(question(), stream()))
    for part in (
        "20 × 4 maps, 80 Pearson correlations in 0.8 s",
        "n = 31 021",
        "read x 20 maps, 57×66×40 voxels of 3×3×3 mm LAS, float64",
        "read y 4 maps",
        "grid all 24 maps share one grid",
        "mask the 31 021 voxels (21 %)",
        "x: 0 in 20 maps (71 % of the volume)",
        "y: −1 in 4 maps (53 % of the volume)",
        "20 maps: 106400 to 106419 zeros are missing: values end abruptly there (edge 0.00 to 0.19)",
        "no p-values (null model: none)",
        "correlations.csv, pairs.tsv",
        "and run.json",
    ):
        assert part in text


def test_warnings_come_first():
    result = question(provenance=Provenance(warnings=("the whole grid counts",)))
    assert shown(result).splitlines()[0].endswith("the whole grid counts")


def test_naive_number_is_told_with_its_sign_flips():
    estimate = np.array([[0.30, -0.32, 0.10]])
    naive = np.array([[0.28, 0.20, np.nan]])
    result = question(
        3,
        1,
        estimate=estimate,
        counts=np.full((1, 3), 99),
        sensitivity=Sensitivity(naive, 1, np.full((1, 3), np.nan)),
    )
    told = ("corrcoef on flattened arrays does, would have been off by up to .52 and changed the sign of "
            "1 of 2 correlations; 1 with interpolated maps have no such number.")
    assert told in words(
        shown(result)
    )


def test_naive_number_from_part_of_the_voxels_says_so():
    result = question()
    sampled = Sensitivity(result.sensitivity.naive, 8, result.sensitivity.zeros_matter)
    assert "one voxel in 8" in words(shown(result.replace(sensitivity=sampled)))


def test_without_sensitivity_nothing_is_claimed():
    assert "corrcoef" not in shown(question(sensitivity=None))


def test_zeros_that_matter_are_counted_and_marked():
    other = np.full((4, 20), np.nan)
    other[1, 3] = other[2, 5] = 0.9
    result = question(sensitivity=Sensitivity(np.zeros((4, 20)), 1, other))
    text = shown(result)
    assert "2 of 80 pairs would change by more than .1 or in sign if zeros were read the other way" in words(
        text
    )
    row = next(line for line in text.splitlines() if line.startswith("exp_03"))
    assert row.count("†") == 1


def test_experiments_are_rows_where_they_are_more():
    text = shown(question())
    rows = [line.split() for line in text.splitlines() if re.match(r"exp_\d\d +[−.]", line)]
    assert len(rows) == 20
    expected = question().estimate[:, 7]
    assert [float(cell.replace("−", "-")) for cell in rows[7][1:]] == pytest.approx(list(expected), abs=0.005)


def test_bars_grow_from_the_centre_to_the_side_of_the_sign():
    result = question(1, 2, estimate=np.array([[0.4], [-0.4]]), counts=np.full((2, 1), 9), sensitivity=None)
    positive, negative = (
        line for line in shown(result, Tty()).splitlines() if re.match(r"pet_\d +[−.]", line)
    )
    left, right = positive.split("│")
    assert "█" in right
    assert "█" not in left
    left, right = negative.split("│")
    assert "█" in left
    assert "█" not in right


def test_log_has_no_bars():
    assert not set("█▌▐│") & set(shown(question()))


@pytest.mark.parametrize(("nx", "ny"), [(1, 1), (20, 9), (4, 300), (300, 300), (0, 0), (3, 0)])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_any_size_fits_the_page(monkeypatch, nx, ny, width):
    monkeypatch.setenv("COLUMNS", str(width))
    text = shown(question(nx, ny), Tty()).splitlines()
    assert len(text) <= 50
    assert max(map(columns, text)) <= width
    assert any(line.startswith("shown ") for line in text) == (
        max(nx, ny) > ROWS or (width == 60 and ny == 9)
    )


def test_twenty_by_nine_is_whole_at_eighty_columns_even_with_long_labels(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = question(20, 9)
    long = tuple(
        map_record(f"sub-{i:02d}_task-emotionalregulation_space-MNI152NLin2009cAsym") for i in range(20)
    )
    assert "the first" not in shown(result.replace(x_maps=long), Tty())


def test_labels_cut_alike_are_told_apart_by_their_place(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    long = tuple(
        map_record(f"same_beginning_of_a_name_{i}_and_the_same_long_end_of_a_name") for i in range(20)
    )
    rows = [line for line in shown(question(x_maps=long), Tty()).splitlines() if "…" in line and "│" in line]
    heads = {line.split("  ")[0] for line in rows} | {line[:10] for line in rows}
    assert len(rows) == 20
    assert len(heads) >= 20


def test_empty_cells_are_dashes_with_their_reasons_counted():
    result = question()
    estimate = result.estimate.copy()
    estimate[0, :3] = np.nan
    notes = {
        (0, 0): "2 common voxels, fewer than 3",
        (0, 1): "1 common voxels, fewer than 3",
        (0, 2): "the map is constant",
    }
    text = shown(result.replace(estimate=estimate, notes=notes))
    assert sum(line.count("–") for line in text.splitlines() if line.startswith("exp_")) == 3
    assert (
        "3 of 80 pairs have none (–): 1 to 2 common voxels, fewer than 3 (2); the map is constant (1)"
        in words(text)
    )


def test_strongest_pairs_are_named_with_r_and_n():
    estimate = np.zeros((2, 3))
    estimate[1, 2], estimate[0, 1] = -0.9, 0.7
    text = shown(
        question(3, 2, estimate=estimate, counts=np.array([[9, 8000, 9], [9, 9, 700]]), sensitivity=None)
    )
    start = next(i for i, line in enumerate(text.splitlines()) if line.startswith("strongest"))
    first, second = (words(line) for line in text.splitlines()[start : start + 2])
    assert first == "strongest −.90 exp_02 × pet_1 n = 700"
    assert second == ".70 exp_01 × pet_0 n = 8 000"


@pytest.mark.parametrize(("width", "beside"), [(62, False), (80, False), (100, False), (101, True), (120, True)])
def test_names_of_the_strongest_pairs_are_whole_and_numbers_go_below_where_both_do_not_fit(width, beside):
    x = tuple(map_record(f"whole_brain_comp{k}_full") for k in range(3))
    y = tuple(map_record(f"P943_HC{k}_mean") for k in range(2))
    full = np.full((2, 3), 0.01)
    estimate = np.array([[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]])
    result = question(3, 2, x_maps=x, y_maps=y, estimate=estimate, counts=np.full((2, 3), 221837), sensitivity=None,
                      null="effective", inferred={"n_effective": full * 5000, "ci_low": full, "ci_high": full * 50,
                                                  "p": full, "p_fdr": full * 2, "p_fwe": full})
    lines = [plain(line) for line in strongest_pairs(result, Page(width))]
    assert max(map(len, lines)) <= width
    numbers = "n = 221 837, n_eff 50, .01 to .50, q = .020"
    if beside:
        assert lines[0] == f"strongest    −.60 whole_brain_comp2_full × P943_HC1_mean  {numbers}"
        assert len(lines) == 5
    else:
        assert lines[:2] == ["strongest    −.60 whole_brain_comp2_full × P943_HC1_mean", " " * 18 + numbers]
        assert len(lines) == 10
    assert not [line for line in lines if "…" in line]


def test_what_rests_on_zeros_is_told_with_what_to_do():
    other = np.full((4, 20), np.nan)
    other[0, 0] = 0.5
    told = words(shown(question(sensitivity=Sensitivity(np.full((4, 20), np.nan), 1, other))))
    assert "1 of 80 pairs would change" in told
    assert "(marked †): --zeros data or missing settles it; docs/explanation/zeros.md" in told


def test_a_set_against_itself_counts_each_pair_once():
    r = np.array([[1.0, 0.5, -0.4], [0.5, 1.0, 0.2], [-0.4, 0.2, 1.0]])
    maps = tuple(map_record(f"m{i}") for i in range(3))
    result = CorrelationResult(
        r,
        np.full((3, 3), 50),
        maps,
        maps,
        same_set=True,
        sensitivity=Sensitivity(-r, 1, np.full((3, 3), 0.1)),
    )
    text = words(shown(result))
    assert "3 maps with each other, 3 Pearson correlations in 0.8 s, r from −.40 to .50" in text
    assert "off by up to 1.00 and changed the sign of 3 of 3 correlations" in text
    assert "3 of 3 pairs would change" in text
    assert "read y" not in text


# --- decisions told together


def test_many_different_remarks_are_cut_with_a_pointer():
    words_of = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta")
    maps = tuple(
        map_record(f"m{word}", decisions=[Decision("affine", f"{word} differs")]) for word in words_of
    )
    result = question(7, 4, x_maps=maps)
    text = shown(result)
    assert text.count(" differs") == 4
    assert "3 further remarks on single maps: see maps.tsv" in text
    assert "see the option -v" in shown(result, out=None)


def test_verbose_lists_every_decision_of_every_map():
    maps = tuple(
        map_record(f"m{i}", decisions=[zeros(100 + i), Decision("affine", "the qform is unusable")])
        for i in range(30)
    )
    text = shown(question(30, 4, x_maps=maps), verbose=True)
    for i in range(30):
        assert f"x m{i}\n            zeros: {100 + i} zeros are missing" in text
    assert text.count("affine: the qform is unusable") == 30


def test_backgrounds_of_their_own_are_a_range():
    maps = [map_record(f"m{i}", background=-float(i), share=0.5 + i / 100) for i in range(1, 10)]
    maps += [map_record("nan", background=float("nan")), map_record("pet", background=None)]
    text = words(shown(question(11, 4, x_maps=tuple(maps))))
    assert "x: 10 values from −9 to −1 in 10 maps (51 to 71 % of the volume), none in 1 map" in text


def test_only_all_is_a_hundred_percent():
    maps = (map_record("some", share=0.99996), map_record("all", background=5.0, share=1.0))
    assert "x: 0 in 1 map (99.9 % of the volume), 5 in 1 map (100 %)" in words(
        shown(question(2, 4, x_maps=maps))
    )


def test_skipped_files_are_named_even_when_quiet():
    bad = tuple(MapRecord(f"bad{i}", f"/data/bad{i}.nii", error="gzip stream ends early") for i in range(13))
    result = question(13, 4, x_maps=bad)
    for quiet in (False, True):
        text = shown(result, quiet=quiet)
        assert "13 of 17 maps could not be used" in text
        assert text.count("gzip stream ends early") == 10
        assert "x: /data/bad0.nii: gzip stream ends early" in text
        assert "and 3 more, named in run.json" in text


# --- streams


def test_hostile_names_are_harmless():
    named = tuple(map_record(label, decisions=[Decision("affine", f"{label} is odd")]) for label in HOSTILE)
    tame = tuple(
        map_record(f"m{i}", decisions=[Decision("affine", f"{'abcdefg'[i]} is odd")])
        for i in range(len(HOSTILE))
    )
    for stream in (io.StringIO, Tty):
        text = shown(question(len(HOSTILE), 2, x_maps=named), stream())
        assert not set("\x1b\r\u202e\udcff") & set(text)
        assert "[red]bold[/red]" in text
        assert "esc\\x1b[31mred\\x1b[0m" in text
        assert "new\\nline" in text
        assert len(text.splitlines()) == len(
            shown(question(len(HOSTILE), 2, x_maps=tame), stream()).splitlines()
        )


@pytest.mark.parametrize("terminal", [False, True])
def test_ascii_streams_are_never_given_more(monkeypatch, terminal):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
    named = tuple(map_record(f"é日本_{i}") for i in range(20))
    shown_by = Terminal.make(stream)
    shown_by.run_report(question(x_maps=named), out="où", files=FILES, seconds=1)
    shown_by.check_report(named, (), (), ("−1 is odd…",), refusal="nö", same_set=True)
    shown_by.error("µ → ∞")
    stream.flush()
    text = ESCAPE.sub("", raw.getvalue().decode("ascii"))
    assert "20 x 4 maps" in text
    assert "\\xe9\\u65e5\\u672c_0" in text
    assert "error: u -> \\u221e" in text


def test_wide_letters_keep_the_columns_straight():
    named = tuple(map_record("日本語" if i == 3 else "plain_name") for i in range(20))
    assert columns("日本e\u0301") == 5
    rows = [line for line in shown(question(x_maps=named), Tty()).splitlines() if "│" in line]
    assert len({columns(line.split("│")[0]) for line in rows}) == 1


@pytest.mark.parametrize(("environment", "tty", "color", "rich", "coloured"), [
    ({}, True, None, True, True),
    ({}, False, None, False, False),
    ({}, True, False, True, False),
    ({"NO_COLOR": "1"}, True, None, True, False),
    ({"NO_COLOR": ""}, True, None, True, True),
    ({"NO_COLOR": "1"}, False, None, False, False),
    ({"FORCE_COLOR": "1"}, False, None, True, True),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, None, False, False),
    ({"FORCE_COLOR": "1"}, False, False, False, False),
    ({"TERM": "dumb"}, True, None, False, False),
    ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, None, True, True),
])  # fmt: skip
def test_colour_obeys_stream_environment_and_option(monkeypatch, environment, tty, color, rich, coloured):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Tty() if tty else io.StringIO()
    terminal = Terminal.make(stream, color=color)
    terminal.run_report(question(), out="out", files=FILES, seconds=1)
    text = stream.getvalue()
    assert ("│" in text) == rich
    assert ("\x1b[" in text) == rich
    assert bool(COLOUR.search(text)) == coloured


def test_messages_keep_their_lines_and_escape_the_rest():
    stream = io.StringIO()
    terminal = Terminal.make(stream)
    terminal.error("2 maps:\n  a\x1b[2J  bad\n  [b]  worse")
    terminal.say("done\r")
    assert stream.getvalue() == (
        "error: 2 maps:\n  a\\x1b[2J  bad\n  [b]  worse\ndone\\r\n"
    )


def test_quiet_says_errors_only():
    stream = io.StringIO()
    terminal = Terminal.make(stream, quiet=True)
    terminal.say("a")
    terminal.run_report(question(), out="out", files=FILES, seconds=1)
    terminal.check_report((map_record("a"),), (), (), ("c",), refusal=None, same_set=True)
    assert stream.getvalue() == ""
    terminal.check_report((map_record("a"),), (), (), (), refusal="no orientation", same_set=True)
    terminal.error("d")
    assert stream.getvalue() == "error: no orientation\nerror: d\n"


def test_a_closed_standard_error_is_no_crash(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    Terminal.make().run_report(question(), out="out", files=FILES, seconds=1)


def test_neither_rich_nor_numpy_at_start_and_never_rich_for_a_log():
    code = (
        "import sys, io; from niicorr.cli.terminal import Terminal; "
        "assert not {'rich', 'numpy'} & set(sys.modules); t = Terminal.make(io.StringIO()); t.say('a'); "
        "assert not {'rich', 'numpy'} & set(sys.modules); "
        "from niicorr.records import MapRecord; "
        "t.check_report([MapRecord('a', 'a')], [], [], [], refusal=None, same_set=True); "
        "c = t.progress(3, 'x'); c.__enter__()(3); c.__exit__(None, None, None); "
        "assert 'rich' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- check

LONG = (
    "gzip stream ends early (2.1 of 3.6 MB), the last of its checksums is missing and so are the volumes after "
    "it: copy the file again"
)


def broken(label="fear_042"):
    return MapRecord(label, f"/data/{label}.nii.gz", error=LONG)


def test_check_gives_every_file_a_verdict():
    good = [map_record("anger", decisions=[zeros(106400)]), map_record("joy", decisions=[zeros(106500)])]
    for stream in (io.StringIO(), Tty()):
        text = checked(
            [*good, broken()],
            [map_record("pet", background=None)],
            stream=stream,
            decisions=(Decision("grid", "one grid"),),
            refusal=f"1 of 4 maps cannot be used:\n  {LONG}\nRemove it.",
        )
        rows = {line.split()[1]: line for line in text.splitlines()[1:] if line.startswith(("x ", "y "))}
        anger, joy, fear, pet = (rows[label] for label in ("anger", "joy", "fear_042", "pet"))
        for row in (anger, joy, pet):
            assert "57×66×40" in row
            assert "3×3×3" in row
            assert "LAS" in row
            assert "float64" in row
            assert "31 021 (100 %)" in row
            assert " ok" in row
        assert "0 (71 %)" in anger
        assert "none" in pet
        assert "refused" in fear
        assert f"/data/fear_042.nii.gz: {LONG}" in words(text)
        assert words(text).count(LONG) == 1
        assert "run would refuse this: 1 of 4 maps cannot be used Remove it." in words(text)
        assert "one grid" in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_check_fits_and_cuts_labels_only(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    text = checked([map_record("a" * 90), broken("b" * 20)], stream=Tty(), same_set=True, refusal="no")
    assert f"{'b' * 20}.nii.gz: {LONG}" in words(text)
    # Columns besides the label need seventy: narrower windows fold them.
    assert max(map(columns, text.splitlines())) <= max(width, 86)


def test_check_in_a_log_has_one_uncut_line_for_each_file():
    maps = [map_record("a" * 90, decisions=[zeros(1), zeros(2)]), broken(), broken("fear_043")]
    text = checked(maps, same_set=True, refusal="no", verbose=True).splitlines()
    assert text[1].startswith(f"x    {'a' * 90}  57×66×40")
    assert text[1].endswith(f"ok: {zeros(1).text}; {zeros(2).text}")
    assert text[2].endswith(f"refused: /data/fear_042.nii.gz: {LONG}")
    brief = checked(maps, same_set=True, refusal="no").splitlines()
    assert brief[1].endswith("ok 1")
    assert brief[2:4] == text[2:4]  # one searches a log for what is wrong


def test_check_tells_equal_refusals_once_on_a_terminal():
    maps = [map_record("a", decisions=[zeros(1)]), *(broken(f"fear_{i:03d}") for i in range(12))]
    other = replace(broken("odd"), error="/data/odd.nii.gz: it is odd")
    text = checked([*maps, other], stream=Tty(), same_set=True, refusal="no")
    assert text.count("gzip stream ends early") == 1
    assert len(re.findall(r"^x +fear_\d+ .* refused 2$", text, re.MULTILINE)) == 12
    assert ("remark 2 12 maps (/data/fear_000.nii.gz, /data/fear_001.nii.gz, /data/fear_002.nii.gz and 9 more): "
            f"{LONG}") in words(text)
    assert re.search(r"^x +odd .* refused\n    /data/odd\.nii\.gz: it is odd$", text, re.MULTILINE)
    assert checked(maps, stream=Tty(), same_set=True, verbose=True).count("gzip stream ends early") == 12


@pytest.mark.parametrize("stream", [Tty, io.StringIO])
def test_check_tells_equal_remarks_once(stream):
    maps = [map_record(f"m{i}", decisions=[zeros(106400 + i)]) for i in range(20)]
    text = checked(maps, stream=stream(), same_set=True)
    assert text.count("zeros are missing") == 1
    assert "all 20 maps: 106400 to 106419 zeros are missing" in text
    assert len(re.findall(r"^x +m\d+ .* ok 1$", text, re.MULTILINE)) == 20
    assert checked(maps, stream=Tty(), same_set=True, verbose=True).count("zeros are missing") == 20


def test_check_says_what_run_would_do():
    assert "run would work: 2 maps" in checked([map_record("a")], [map_record("b")])
    assert "run would work without 1 of 2 maps" in checked([map_record("a")], [broken()])
    doubted = {"warnings": ["no number can come of a: all its values are 0; check it, or leave it out"]}
    assert "run would work, with 1 warning: 2 maps" in checked([map_record("a")], [map_record("b")], **doubted)
    assert "1 of 2 maps, left empty, with 1 warning" in words(checked([map_record("a")], [broken()], **doubted))
    assert "run would refuse this: no common grid" in checked(
        [map_record("a")], [map_record("b")], refusal="no common grid"
    )


def test_check_of_one_set_shows_it_once():
    maps = [map_record("a")]
    assert len(re.findall(r"^[xy]  ", checked(maps, maps, same_set=True), re.MULTILINE)) == 1


def test_check_names_are_harmless():
    text = checked([map_record(label) for label in HOSTILE], stream=Tty(), same_set=True)
    assert not set("\x1b\r\u202e\udcff") & set(text)
    assert len(re.findall(r"^x  ", text, re.MULTILINE)) == len(HOSTILE)
