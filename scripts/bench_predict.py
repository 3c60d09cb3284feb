"""
Measure what predicting takes: ten rows beyond the imports, and a table of a million rows in time and memory.

    python scripts/bench_predict.py [--rows N] [--repeat N]

Whole processes, in turns: `predict` of ten rows, and a process that imports what it imports and ends. The difference is
the median over the rounds, with the smallest and the largest in brackets; memory is the largest resident set.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench_scale import draw_table, measure

PREDICT = """
import atexit, sys
from pathlib import Path
atexit.register(lambda: Path("modules").write_text("\\n".join(sys.modules)))
from bikeml.cli import start
sys.exit(start(["predict", "run=latest", "output=out.csv", "data.path=few.csv"]))
"""
IMPORT = """
import contextlib, importlib
from pathlib import Path
for name in Path("modules").read_text().split():
    with contextlib.suppress(Exception):  # modules that only their parents can import
        importlib.import_module(name)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5, help="how often each is measured")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        measure(["-m", "bikeml", "model=gbr"])
        draw_table(10, Path("few.csv"))
        draw_table(arguments.rows, Path("many.csv"))
        rounds = [(measure(["-c", PREDICT])[0], measure(["-c", IMPORT])[0]) for _ in range(arguments.repeat)]
        beyond = [ours - imports for ours, imports in rounds]
        print(
            f"10 rows     {median(ours for ours, _ in rounds):.2f} s, {median(beyond):.2f} s"
            f" [{min(beyond):.2f}, {max(beyond):.2f}] beyond the imports; under 1.5 s wanted"
        )
        seconds, _, memory = measure(["-m", "bikeml", "predict", "run=latest", "output=out.csv", "data.path=many.csv"])
        print(f"{arguments.rows:,} rows  {seconds:.1f} s, {memory:.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
