"""
Simulate what bikeml says about its figures: coverage, false claims, power and width, beside what they should be.

    python scripts/bench_statistics.py [--only PART ...] [--seed N] [--quick] [--markdown]

Each part draws tables from populations whose truth is known, and calls the functions that runs and sweeps call. It ends
with status 1 if a bar is not met. All parts together take less than 15 minutes on two cores.
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence

# One core for each process: before NumPy is imported, which reads it once.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from simulations import Finding  # noqa: E402 after the threads are set

PARTS: tuple[str, ...] = ("intervals", "comparisons", "predictions", "hints", "structure")
"""Modules of scripts/simulations; each has simulate(seed, share), which yields findings from a share of the draws."""
COLUMNS = ("what", "figure", "before", "measured", "bar", "")


def main() -> int:
    """Run the parts, and print their findings as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seed", type=int, default=0, help="of all draws: 0")
    parser.add_argument("--quick", action="store_true", help="few draws, whose bars decide nothing")
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/simulations.md")
    arguments = parser.parse_args()
    missed, share = 0, 0.01 if arguments.quick else 1.0
    for part in arguments.only:
        started = time.perf_counter()
        print(f"\n### {part}\n" if arguments.markdown else f"\n{part}")
        _print_row(COLUMNS, markdown=arguments.markdown)
        if arguments.markdown:
            _print_row(["---"] * len(COLUMNS), markdown=True)
        for finding in importlib.import_module(f"simulations.{part}").simulate(arguments.seed, share):
            _print_row(_cells(finding), markdown=arguments.markdown)
            missed += not finding.is_met
        print(f"{part}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    print(f"\n{missed} bars are not met" if missed else "\nall bars are met", file=sys.stderr)
    return int(missed > 0 and not arguments.quick)


def _cells(finding: Finding) -> list[str]:
    low, high = finding.at_least, finding.at_most
    bars = [f"at least {low:.3g}" if low is not None else "", f"at most {high:.3g}" if high is not None else ""]
    return [
        finding.what,
        finding.figure,
        "" if finding.before is None else f"{finding.before:.3f}",
        f"{finding.measured:.3f}",
        " and ".join(filter(None, bars)),
        "" if finding.is_met else "not met",
    ]


def _print_row(cells: Sequence[str], *, markdown: bool) -> None:
    if markdown:
        print(f"| {' | '.join(cells)} |", flush=True)
    else:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, (64, 26, 8, 9, 30, 8), strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
