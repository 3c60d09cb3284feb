"""
Attack what bikeml reads, with altered records and the like, and count what came of it.

    python scripts/attack.py records|models [--seed N] [--cases N] [--short] [--only WORDS] [--case N]

A case is good when the command ends with status 0, 1, 2 or 3 within ten seconds, prints no traceback, and shows no
figure that is not the untouched record's, unless it names what is broken. Each bad case is listed with its number:
`--case N` with the same other options repeats it alone and shows all that the command says.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ |= {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}  # one core, and no line is broken
SHORT = 40


def main() -> int:
    from tests.attacks.kinds import ATTACKS

    arguments = _parse(list(ATTACKS))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    with TemporaryDirectory(prefix="attack-") as folder:
        os.environ["HOME"] = folder
        cases = ATTACKS[arguments.kind](Path(folder).resolve(), is_short=arguments.short)
        cases = [case for case in cases if arguments.only in f"{case.command} {case.target} {case.mutation}"]
        print(f"{len(cases):,} combinations, laid out in {time.monotonic() - started:.0f} s", flush=True)
        if arguments.case is not None:
            return _repeat(cases, arguments.seed, arguments.case)
        status = _attack(cases, arguments.seed, SHORT if arguments.short else arguments.cases)
    print(f"{time.monotonic() - started:.0f} s")
    return status


def _parse(kinds: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=1000, help="how many")
    parser.add_argument("--short", action="store_true", help=f"{SHORT} cases, on what an earlier commit wrote")
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="of the command, file and kind, such as 'report (now)'"
    )
    parser.add_argument("--case", type=int, help="the number of the one to repeat")
    return parser.parse_args()


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
