"""``python -m tests.fuzz``: damage many files, and say what came of it; exit code 1 where anything was found."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from .bit_flips import flip_campaign
from .campaign import Account, Finding, Workshop, run
from .readers import READERS

SHOWN = 12


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("number", type=int, nargs="?", default=10_000, help="cases (10 000)")
    parser.add_argument("--seed", type=int, default=0, help="the seed that all cases follow from (0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (0)")
    parser.add_argument("--only", choices=tuple(READERS), help="one reader alone")
    parser.add_argument("--keep", metavar="DIR", help="write the files of every finding there")
    parser.add_argument("--replay", metavar="SEED:CASE", help="run one case again and say how it ends")
    parser.add_argument("--bit-flips", action="store_true", help="flip single bits of gzip streams, beside nibabel")
    options = parser.parse_args()
    if options.replay:
        return _replay(options.replay, options.only, options.keep)
    if options.bit_flips:
        flips = flip_campaign(options.number, options.seed)
        print(flips)
        return 1 if flips.ours.silent else 0
    account = run(range(options.first, options.first + options.number), options.seed, options.only, options.keep)
    _tell(account)
    return 1 if account.findings or account.leaked_files > 0 else 0


def _replay(case: str, only: str | None, keep: str | None) -> int:
    base, _, index = case.partition(":")
    account = run([int(index)], int(base), only, keep)
    with Workshop() as shop:
        seed, files = shop.case(int(base), int(index), only)
        print(seed.name)
        for name, content in files.items():
            same = content == seed.files.get(name)
            print(f"  {name}: {'as it was' if same else f'{len(content)} bytes, begins {content[:60]!r}'}")
    for finding in account.findings:
        print(finding)
    print(*account.outcomes)
    return 1 if account.findings else 0


def _tell(account: Account) -> None:
    print(f"{account.cases} cases in {account.seconds:.0f} s; the slowest took {account.slowest:.2f} s of processor "
          f"time; files left open: {account.leaked_files}; memory grew by {account.grown / 1e6:.2f} MB")
    for outcome, count in sorted(account.outcomes.items()):
        print(f"  {outcome:24} {count:7}")
    kinds: Counter[str] = Counter(_kind(finding) for finding in account.findings)
    print(f"{len(account.findings)} findings of {len(kinds)} kinds")
    for kind, count in kinds.most_common(SHOWN):
        example = next(finding for finding in account.findings if _kind(finding) == kind)
        print(f"\n{count} × {example}")


def _kind(finding: Finding) -> str:
    """Findings from one line of one module are one kind."""
    places = [line.strip() for line in finding.trace.splitlines() if line.strip().startswith("File ")]
    return f"{finding.what.split(':')[0]} {places[-1] if places else finding.what}"


sys.exit(main())
