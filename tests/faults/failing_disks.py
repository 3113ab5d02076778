"""Disks that fail at a byte of an output, for every output of every command.

    python tests/faults/failing_disks.py

Each file that a command opens to write is let fail, one at a time: after 0 bytes, in its middle and before its last
byte it can grow no more (the system's limit of a file's size, which holds for what libraries in C write, too), and from
its opening on every write fails as on a full disk, then as on a broken one (a filter of system calls, on Linux). The
command must end with exit code 4 and one message that names where the result was to be, the older result must be whole,
nothing half-written or hidden be left, and the rerun be right. What only would have been kept for later (a cache, the
work of ``--resume``) may fail without a word on standard error, if the result is right. The status is 1 where anything
is not as it must be.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import platform
import resource
import struct
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from every_command import COMMANDS, NAMED, Bench, contents, forked, hidden

from niicorr.hidden import machine_mark

WORDS = {errno.EFBIG: "a file would be larger than this system allows", errno.ENOSPC: "no room left on the disk",
         errno.EIO: "the disk failed"}

SYSTEM_CALLS = {"x86_64": (0xC000003E, (1, 18, 20, 74, 75, 285, 296)),
                "aarch64": (0xC00000B7, (64, 68, 66, 82, 83, 47, 70))}
"""Of a kind of processor: its number, and those of write, pwrite64, writev, fsync, fdatasync, fallocate and pwritev."""


def outputs(bench, command):
    """Name the files that a command opens to write, each with its number in that order and the size that it gets."""
    listing = bench.folder / "opened"
    bench.lay(command)
    ended = forked(command.line, bench.place, lambda: (command.prepare(), _list(listing, bench.place)))
    assert ended.code == 0, ended
    lines = [line.rsplit("\t", 1) for line in listing.read_text().splitlines()]
    # Of one that is opened again only what is written last reaches the end.
    last = {name: number for number, (name, _) in enumerate(lines)}
    return [(number, name, int(size)) for number, (name, size) in enumerate(lines) if last[name] == number]


def tried(bench, command, number, name, code, at):
    """Let one output of a command fail; return what is wrong."""
    before, after = bench.expected(command)
    bench.lay(command)

    def fail():
        command.prepare()
        _at_opening(bench.place, number, (lambda: _limit(at)) if code == errno.EFBIG else (lambda: break_(code)))

    ended = forked(command.line, bench.place, fail)
    faults = []
    if "Traceback" in ended.said or "This is a bug" in ended.said or "Exception ignored" in ended.said:
        faults.append(ended.said)
    if left := [each for each in hidden(bench.place) if each != command.kept]:
        faults.append(f"left hidden: {left}")
    try:
        found = contents(bench.place)
    except Exception as error:  # what a half-written file raises is of many kinds
        return [*faults, f"something is not whole: {error!r}"]
    spare = "maps-" in name or "resume" in name or "cache" in name  # of a cache, of kept work
    if ended.code == 0 and (spare and command.argv[0] != "cache"):
        found = {key: value for key, value in found.items() if not key.endswith("/")}
        after = {key: value for key, value in after.items() if not key.endswith("/")}
        faults += [f"done, but {key} is not right" for key in after if found.get(key) != after[key]]
    elif ended.code != 4:
        faults.append(f"ended with {ended.code}: {ended.said}")
    else:
        place = command.place
        if WORDS[code] not in ended.said or place not in ended.said or machine_mark() in ended.said:
            faults.append(f"said {ended.said!r}")
        if ended.said.count("error:") != 1:
            faults.append(f"more than one error: {ended.said!r}")
        if found != before and not command.grows:
            faults.append("the older result is not whole")
        faults += [f"{key} is neither old nor new" for key, value in found.items()
                   if not isinstance(value, int) and value not in (before.get(key), after.get(key))]
    ended = forked(command.line, bench.place, command.prepare)
    if ended.code:
        faults.append(f"the rerun ended with {ended.code}: {ended.said}")
    elif contents(bench.place) != bench.expected(command)[1] or hidden(bench.place):
        faults.append("the rerun left something else than an undisturbed one")
    return faults


def can_break():
    """Whether this system lets a process have its own system calls fail."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            break_(errno.EIO)
            with open(os.devnull, "wb", buffering=0) as file:
                file.write(b".")
        except OSError as error:
            code = 0 if error.errno == errno.EIO else 1
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def break_(code):
    """From now on let every write of this process fail, but those to the three streams."""
    machine, calls = SYSTEM_CALLS[platform.machine()]

    def statement(what, value, yes=0, no=0):
        return struct.pack("HBBI", what, yes, no, value)

    load, equal, more, end = 0x20, 0x15, 0x25, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | code
    tests = [statement(load, 4), statement(equal, machine, 0, len(calls) + 3), statement(load, 0)]
    tests += [statement(equal, call, len(calls) - 1 - k, 0) for k, call in enumerate(calls)]
    # After the last comparison: not one of these calls.
    tests[-1] = statement(equal, calls[-1], 0, 2)
    tests += [statement(load, 16), statement(more, 2, 1, 0), statement(end, allow), statement(end, refuse)]
    program = b"".join(tests)
    text = ctypes.create_string_buffer(program)
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(tests), ctypes.addressof(text)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.syscall({"x86_64": 317, "aarch64": 277}[platform.machine()], 1, 1, head):
        raise OSError(ctypes.get_errno(), "no filter of system calls")


def _limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _at_opening(place, number, fail):
    """Call ``fail`` when a file of some number is opened to be written; the next one's may grow again."""
    count, failed = 0, False

    def hook(event, arguments):
        nonlocal count, failed
        if event == "open" and _to_write(arguments, place):
            if count == number:
                failed = True
                fail()
            elif failed:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            count += 1

    sys.addaudithook(hook)


def _list(listing, place):
    """Write down what is opened to be written, with the sizes that the files have when they are complete."""
    paths, sizes = [], {}

    def hook(event, arguments):
        if event == "open" and _to_write(arguments, place):
            paths.append(os.path.abspath(os.fsdecode(arguments[0])))
        elif event in ("os.rename", "os.remove", "shutil.rmtree", "niicorr.end"):
            for path in paths:
                if os.path.isfile(path):
                    sizes[path] = os.path.getsize(path)
            listing_now()

    def listing_now():
        text = "".join(f"{os.path.relpath(path, place)}\t{sizes.get(path, 0)}\n" for path in paths)
        handle = os.open(listing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(handle, text.encode())
        os.close(handle)

    sys.addaudithook(hook)


def _to_write(arguments, place):
    path, _, flags = arguments
    if not isinstance(path, str | bytes) or not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
        return False
    return os.path.abspath(os.fsdecode(path)).startswith(os.path.join(str(place), ""))


def moments(name, size, codes):
    """Yield how an output of a size is to fail: the error, and after how many bytes."""
    # What tells times is not of one size in every run.
    last = size - 1 - (size // 20 if name.endswith((".json", ".html")) else 0)
    for at in sorted({0, size // 2, max(last, 0)}):
        yield errno.EFBIG, at
    for code in codes:
        yield code, 0


def main():
    """Let every output fail, print what is wrong, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[command.name for command in COMMANDS], metavar="COMMAND")
    options = parser.parse_args()
    codes = (errno.ENOSPC, errno.EIO) if platform.machine() in SYSTEM_CALLS and can_break() else ()
    count = bad = 0
    with tempfile.TemporaryDirectory(prefix="niicorr-disks-") as folder:
        bench = Bench(folder)
        bench.warm()
        for command in [NAMED[name] for name in options.only or NAMED]:
            found = outputs(bench, command)
            for number, name, size in found:
                for code, at in moments(name, size, codes):
                    faults = tried(bench, command, number, name, code, at)
                    count, bad = count + 1, bad + bool(faults)
                    if faults:
                        what = f"{command.name}: {number} {name}, {errno.errorcode[code]} at byte {at} of {size}"
                        print(what, *faults, sep="\n    ", flush=True)
            print(f"{command.name}: {len(found)} outputs", flush=True)
    print(f"{count - bad} of {count} failures of a disk as they must be")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
