"""``python -m tests.fuzz.coverage_guided image``: damage that seeks new paths through the code of a reader.

Needs atheris (``pip install atheris``; Linux, and a Python that it has a wheel for) and runs until it is stopped, or
for ``--seconds``. What it finds is judged as every other case is and kept in ``--keep``; from there it belongs into
``tests/fuzz/corpus``. The inputs that opened new paths stay in ``--work``, to go on from the next time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from random import Random

KINDS = ("image", "atlas", "manifest", "confounds", "series", "saved", "cache", "matrix", "library", "kept", "shard")


def main() -> int:
    """Fuzz one reader."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.coverage_guided", description=__doc__)
    parser.add_argument("reader", choices=KINDS)
    parser.add_argument("--seconds", type=int, default=300, help="how long (300)")
    parser.add_argument("--keep", metavar="DIR", default="fuzz-findings", help="where findings go (fuzz-findings)")
    parser.add_argument("--work", metavar="DIR", default="fuzz-work", help="where inputs go (fuzz-work)")
    options = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print("atheris is not installed (pip install atheris): nothing was run")
        return 2
    with atheris.instrument_imports(include=["niicorr"]):
        from .campaign import Workshop, keep_files
    with Workshop() as shop:
        seeds = [seed for seed in shop.seeds if seed.reader == options.reader]
        # libFuzzer ends its process without a word to Python; this one lives on to clear up.
        child = os.fork()
        if not child:
            _fuzz(atheris, shop, seeds, keep_files, options)
        status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status)


def _fuzz(atheris, shop, seeds, keep_files, options) -> None:
    """An input is two bytes that choose seed and file, and the content of that file; its neighbours are sound."""
    from .mutations import ways

    found: Counter[str] = Counter()
    work = os.path.join(options.work, options.reader)
    os.makedirs(work, exist_ok=True)
    for k, seed in enumerate(seeds):
        for j, name in enumerate(sorted(seed.files)):
            with open(os.path.join(work, f"seed-{k}-{j}"), "wb") as file:
                file.write(bytes((k, j)) + seed.files[name])

    def chosen(data: bytes):
        seed = seeds[data[0] % len(seeds)]
        return seed, sorted(seed.files)[data[1] % len(seed.files)]

    def test(data: bytes) -> None:
        if len(data) < 2:
            return
        seed, name = chosen(data)
        files = seed.files | {name: data[2:]}
        outcome, what, trace = shop.judge(seed.reader, files)
        if outcome == "finding":
            kind = what.split(":")[0] + "".join(line for line in trace.splitlines() if "File " in line)[-200:]
            found[kind] += 1
            if found[kind] == 1:
                keep_files(os.path.join(options.keep, seed.reader, f"guided-{len(found)}"), files)
                print(f"FOUND {what} [{seed.name}]\n{trace}", flush=True)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        if len(data) < 2:
            return bytes(2)
        rng = Random(number)
        if rng.random() < 0.5:
            return data[:2] + atheris.Mutate(data[2:], most - 2)
        return data[:2] + rng.choice(ways(chosen(data)[1]))(rng, data[2:])[: most - 2]

    arguments = [sys.argv[0], work, f"-max_total_time={options.seconds}", "-max_len=20000", "-timeout=40",
                 f"-artifact_prefix={work}/", "-rss_limit_mb=4096", "-print_final_stats=1"]
    atheris.Setup(arguments, test, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
