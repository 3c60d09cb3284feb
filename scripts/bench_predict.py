"""
Measure what predicting takes: ten rows beyond the imports, and a table of a million rows in time and memory.

    python scripts/bench_predict.py [--only PART ...] [--rows N] [--repeat N]

few   whole processes, in turns: `predict` of ten rows, and a process that imports what it imports and ends
many  `predict` of a large table
"""

import sys
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench_scale import draw_table
from harness import alternate, code, measure, parse, show, spread

PREDICT = ["predict", "run=latest", "output=out.csv"]
LIST = Path("modules.txt")


def predict() -> None:
    """Predict as the command line says, and write which modules were imported."""
    import atexit

    from bikeml.cli import start

    atexit.register(lambda: LIST.write_text("\n".join(sys.modules)))
    sys.exit(start(sys.argv[1:]))


def import_all() -> None:
    """Import the modules that were written down."""
    import contextlib
    import importlib

    for name in LIST.read_text().split():
        with contextlib.suppress(Exception):  # modules that only their parents can import
            importlib.import_module(name)


def main() -> None:
    rows = {"type": int, "default": 1_000_000, "help": "of the large table"}
    arguments = parse(__doc__, ["few", "many"], rows=rows)
    with TemporaryDirectory() as name:
        folder = Path(name)
        measure(["-m", "bikeml", "model=gbr"], folder)
        if "few" in arguments.only:
            draw_table(10, folder / "few.csv")
            ours = partial(measure, code("bench_predict.predict", *PREDICT, "data.path=few.csv"), folder)
            pairs = alternate(ours, partial(measure, code("bench_predict.import_all"), folder), arguments.repeat)
            whole = f"{median(here.clock for here, _ in pairs):.2f} s"
            beyond = f"{spread(here.clock - there.clock for here, there in pairs)} s beyond the imports"
            show("10 rows", whole, beyond, wanted="under 1.5 s")
        if "many" in arguments.only:
            draw_table(arguments.rows, folder / "many.csv")
            found = measure(["-m", "bikeml", *PREDICT, "data.path=many.csv"], folder)
            show(f"{arguments.rows:,} rows", f"{found.clock:.1f} s", f"{found.memory:.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
