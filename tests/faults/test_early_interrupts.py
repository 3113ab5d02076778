"""Interrupts from the first moment on: no traceback of ours, no half-written result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from faulty_runs import hidden

from interrupted_runs import contents, write_maps

PROGRAM = [sys.executable, "-c", "from niicorr.__main__ import program; program()"]
"""As the script that pip installs."""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_maps(tmp_path_factory.mktemp("early") / "maps", 12)


def argv(paths, out):
    return [*PROGRAM, "run", "-x", *paths, "-o", str(out), "-q", "--no-figures", "--no-report"]


def interrupted_after(seconds, command, number=signal.SIGINT):
    """Send a signal so long after the start; return the exit status and what was said."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(seconds)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    return process.returncode, said


def test_at_twenty_moments_within_half_a_second(tmp_path, paths):
    out = tmp_path / "out"
    subprocess.run(argv(paths, out), check=True)
    older = contents(out)
    seen = set()
    for k in range(20):
        code, said = interrupted_after(0.025 * k, argv(paths, out))
        seen.add(code)
        # Before its first line of ours, Python answers an interrupt itself; its traceback then knows none of our files.
        assert "Traceback" not in said or "niicorr/cli" not in said.replace("\\", "/"), said
        assert "This is a bug" not in said
        assert code in (130, -signal.SIGINT, 0, 1) if "Traceback" in said else (130, -signal.SIGINT, 0), said
        assert contents(out) == older
        assert hidden(tmp_path) == []
    assert 130 in seen or -signal.SIGINT in seen


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
@pytest.mark.parametrize("made", ["ImportError", "KeyError"])
def test_a_library_that_makes_another_error_of_an_interrupt(number, code, made):
    """Numpy's loading in C does."""
    start = (
        "import os, sys\n"
        "class Hook:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'niicorr.cli.commands':\n"
        "            try:\n"
        f"                os.kill(os.getpid(), {int(number)})\n"
        "                for _ in range(10**6): pass\n"
        "            except BaseException:\n"
        f"                raise {made}('no') from None\n"
        "sys.meta_path.insert(0, Hook())\n"
        "sys.argv = ['niicorr', 'run', '-x', 'a.nii']\n"
        "from niicorr.__main__ import program\n"
        "program()\n"
    )
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    assert "nothing was written" in done.stderr


def test_an_interrupt_while_the_program_loads_ends_it_without_a_word():
    start = (
        "import os, sys\n"
        "class Hook:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'niicorr.cli.main':\n"
        "            os.kill(os.getpid(), 2)\n"
        "sys.meta_path.insert(0, Hook())\n"
        "sys.argv = ['niicorr', 'run', '-x', 'a.nii']\n"
        "from niicorr.__main__ import program\n"
        "program()\n"
    )
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_whoever_wants_no_interrupts_gets_none(tmp_path, paths):
    """A shell that starts a job in the background lets it ignore them."""
    command = ["sh", "-c", 'trap "" INT HUP; exec "$@"', "sh", *argv(paths, tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(0.05)
        for _ in range(10):
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 0, said
    assert os.path.exists(tmp_path / "out" / "run.json")


def test_an_interrupt_that_python_cannot_pass_on_comes_again():
    """What is raised in a callback of a weak reference goes nowhere."""
    start = (
        "import os, sys, time, weakref\n"
        "import niicorr.cli.commands as commands\n"
        "class Some: pass\n"
        "def demo(*_):\n"
        "    some = Some()\n"
        "    callback = weakref.ref(some, lambda _: (os.kill(os.getpid(), 15), [None for _ in range(1000)]))\n"
        "    del some\n"
        "    time.sleep(30)\n"
        "commands.demo = demo\n"
        "sys.argv = ['niicorr', 'demo']\n"
        "from niicorr.__main__ import program\n"
        "program()\n"
    )
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 143, done
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_first_call_after_the_command_ended_changes_nothing(number):
    """It once came in the `__exit__` of a with, and was shown as a traceback."""
    start = (
        "import signal, sys\n"
        "import niicorr.cli.main as module\n"
        "seen = []\n"
        "def look(frame, event, _):\n"
        "    if event == 'call' and not seen:\n"
        "        seen.append(frame.f_code.co_name)\n"
        f"        signal.raise_signal({int(number)})\n"
        "def main(*_):\n"
        "    sys.setprofile(look)\n"
        "    return 0\n"
        "module.main = main\n"
        "from niicorr.__main__ import program\n"
        "program()\n"
    )
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def ended(demo, then):
    """How a program ends whose command is this, and that does the other thing when Python clears its modules."""
    start = (
        "import atexit, os, sys, time\n"
        "import niicorr.cli.commands as commands\n"
        "class Last:\n"
        "    def __del__(self, kill=os.kill, pid=os.getpid(), sleep=time.sleep):\n"
        f"        {then}\n"
        "sys.last = Last()\n"
        f"def demo(*_): {demo}\n"
        "commands.demo = demo\n"
        "sys.argv = ['niicorr', 'demo']\n"
        "from niicorr.__main__ import program\n"
        "program()\n"
    )
    return subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("demo", "code"), [("return 0", 0), ("os.kill(os.getpid(), 15); time.sleep(9)", 143)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_python_clears_its_modules_changes_no_code(demo, code, number):
    done = ended(demo, f"kill(pid, {int(number)}); sleep(0.05)")
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr


def test_an_interrupt_that_leaves_an_exec_ends_with_a_code(tmp_path):
    """As those of dataclasses and named tuples: Python remembers it, and kills itself in the end if run as a module."""
    (tmp_path / "started.py").write_text(
        "import os, sys, time\n"
        "import niicorr.cli.commands as commands\n"
        "commands.demo = lambda *_: exec('os.kill(os.getpid(), 2); time.sleep(9)')\n"
        "sys.argv = ['niicorr', 'demo']\n"
        "from niicorr.__main__ import program\n"
        "program()\n")
    done = subprocess.run([sys.executable, "-m", "started"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 130, done
    assert "interrupted; nothing was written" in done.stderr


@pytest.mark.parametrize("doing", [30, 60, 90])
def test_whoever_presses_twice_leaves_nothing_half_done_either(tmp_path, paths, doing):
    """Here every thing that is done to files from some moment on is preceded by one more interrupt."""
    start = (
        "import os, sys\n"
        "left = int(sys.argv.pop(1))\n"
        "def hook(event, _):\n"
        "    global left\n"
        "    if event in ('open', 'os.mkdir', 'os.rename', 'os.remove', 'os.rmdir', 'os.scandir', 'shutil.rmtree'):\n"
        "        left -= 1\n"
        "        if left <= 0: os.kill(os.getpid(), 2)\n"
        "import niicorr.library, niicorr.cli.search, niicorr.cli.search_table, niicorr.cli.main\n"
        "sys.addaudithook(hook)\n"
        "from niicorr.__main__ import program\n"
        "program()\n"
    )
    command = [sys.executable, "-c", start, str(doing), "index", *paths, "-o", str(tmp_path / "library"), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130, done
    assert hidden(tmp_path) == []
    assert "Traceback" not in done.stderr
