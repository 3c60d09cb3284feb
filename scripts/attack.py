"""
Attack what bikeml reads, and the places where it runs, and count what came of it.

    python scripts/attack.py KIND|all [--seed N] [--cases N] [--short] [--only WORDS] [--case N]

A case is good when the command ends with status 0, 1, 2 or 3 within ten seconds, prints no traceback, and shows no
figure that is not the untouched record's, unless it names what is broken; each kind adds what else it looks for, such
as a secret or a file outside. Each bad case is listed with its number: `--case N` with the same other options repeats
it alone and shows all that the command says. `all` runs every kind, two at a time.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ |= {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}  # one core, and no line is broken
SHORT, ALL = 12, "all"
CASES = {"records": 900, "models": 600, "surroundings": 300}
"""How many a kind has, if that is not OTHERS."""
OTHERS = 300
AT_ONCE = 2


def main() -> int:
    from tests.attacks.kinds import find_plan, list_kinds

    kinds = list_kinds()
    arguments = _parse(kinds)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    if arguments.kind == ALL:
        return _attack_all(kinds, sys.argv[2:])
    with TemporaryDirectory(prefix="attack-") as folder:
        os.environ["HOME"] = folder
        cases = find_plan(arguments.kind)(Path(folder).resolve(), is_short=arguments.short)
        cases = [case for case in cases if arguments.only in f"{case.command} {case.target} {case.mutation}"]
        print(f"{len(cases):,} combinations, laid out in {time.monotonic() - started:.0f} s", flush=True)
        if arguments.case is not None:
            return _repeat(cases, arguments.seed, arguments.case)
        n_cases = arguments.cases or CASES.get(arguments.kind, OTHERS)
        status = _attack(cases, arguments.seed, SHORT if arguments.short else n_cases)
    print(f"{time.monotonic() - started:.0f} s")
    return status


def _parse(kinds: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=[*kinds, ALL])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, help="how many")
    parser.add_argument("--short", action="store_true", help=f"{SHORT} cases, of those that are laid out in seconds")
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="of the command, file and kind, such as 'report (now)'"
    )
    parser.add_argument("--case", type=int, help="the number of the one to repeat")
    return parser.parse_args()


def _attack_all(kinds: list[str], options: Sequence[str]) -> int:
    """Run each kind in a process of its own, the longest first, and print what each says and the sums."""
    started = time.monotonic()

    def attack(kind: str) -> tuple[str, int, str]:
        done = subprocess.run(
            [sys.executable, __file__, kind, *options], stdout=subprocess.PIPE, text=True, check=False
        )
        print(f"== {kind}\n{done.stdout}", flush=True)
        return kind, done.returncode, done.stdout

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = list(pool.map(attack, sorted(kinds, key=lambda kind: -CASES.get(kind, OTHERS))))
    sums = [0, 0]
    for kind, status, said in ended:
        counts = re.search(r"^([\d,]+) cases, ([\d,]+) bad", said, re.MULTILINE)
        print(f"{kind:<16}{counts[0] if counts else f'ended with status {status} before it had counts'}")
        for i, count in enumerate(counts.groups() if counts else ()):
            sums[i] += int(count.replace(",", ""))
    print(f"{sums[0]:,} cases of {len(kinds)} kinds, {sums[1]:,} bad, {time.monotonic() - started:.0f} s")
    return max(status for _, status, _ in ended)


def _attack(cases: list, seed: int, number: int) -> int:
    from tests.attacks.session import attack

    tally = attack(cases, seed, number)
    print("\n".join(tally.describe()))
    return 1 if tally.bad else 0


def _repeat(cases: list, seed: int, number: int) -> int:
    from tests.attacks.session import run

    (found,) = run(cases, seed, [number])
    print(f"{found.case.command}, {found.case.mutation}, {found.done}\n{found.ending.out}{found.ending.err}", end="")
    print(f"status {found.ending.status}, {found.ending.seconds:.1f} s: {found.complaint or 'good'}")
    return 1 if found.complaint else 0


if __name__ == "__main__":
    sys.exit(main())
