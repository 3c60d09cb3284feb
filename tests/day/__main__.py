"""
Live through a day of a large sweep on Azure ML, by moving time, and count what it took.

    python -m tests.day [--cells N] [--nodes N] [--seed N]

Tokens and secrets live an hour, 3 % of the jobs lose their node, another program draws from Resource Manager's bucket,
the launcher is killed twice, and a quota stops it once. tests/day says what is real of it. The accidents are drawn from
the seed; what the threads of two processes do between them is not. The status is 1 where a bar is missed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.azureml import LoopbackAzureML
from tests.day.day import Day
from tests.day.plan import Plan


def main() -> int:
    """Live through the day and print the counts."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.day", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as folder, LoopbackAzureML() as service:
        report = Day(plan, service, Path(folder)).run()
    print(report.show())
    problems = report.find_problems()
    for problem in problems:
        print(f"missed: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
