"""Draw cases by seed and number, run them, and count what came of them."""

import contextlib
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.attacks.forked import CPU_SECONDS, Ending

TRACEBACK = "Traceback (most recent call last)"
STATUSES = (0, 1, 2, 3)
PROGRESS = 100
"""Cases from one line on the standard error to the next."""
MOST_OUTPUT = 50_000
"""Characters; who prints more has printed what was altered as a whole."""
Run = Callable[[Random], tuple[str, Ending, str | None]]
"""Do the case: return what was done, how the command ended, and what is wrong with that, or None."""


@dataclass(frozen=True)
class Case:
    """A combination that is attacked; its details are drawn when it runs."""

    target: str
    command: str
    mutation: str
    run: Run


@dataclass(frozen=True)
class Found:
    """What came of one case."""

    number: int
    case: Case
    done: str
    ending: Ending
    complaint: str | None


def draw(cases: Sequence[Case], seed: int) -> list[Case]:
    """Return the cases in the order of a seed."""
    return Random(seed).sample(list(cases), len(cases))


def run(cases: Sequence[Case], seed: int, numbers: Sequence[int]) -> Iterator[Found]:
    """Run the cases of these numbers; beyond the last, they begin again with other details."""
    order = draw(cases, seed)
    for number in numbers:
        case = order[number % len(order)]
        yield Found(number, case, *case.run(Random(f"{seed} {number}")))


def attack(cases: Sequence[Case], seed: int, number: int) -> "Tally":
    """Run so many cases: print each bad one at once, and the progress to the standard error."""
    tally, started = Tally(), time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):  # what has been found until then is shown
        for found in run(cases, seed, range(number)):
            tally.add(found)
            if found.complaint:
                what = f"{found.case.command}, {found.case.mutation}, {found.done}: {found.complaint}"
                print(f"--case {found.number}: {what}", flush=True)
            n_done = found.number + 1
            if n_done % PROGRESS == 0:
                seconds = time.monotonic() - started
                print(f"{n_done:,} of {number:,} cases, {len(tally.bad)} bad, {seconds:.0f} s", file=sys.stderr)
    return tally


def judge_ending(ending: Ending) -> str | None:
    """Say what is wrong with how a command ended, or return None."""
    said = ending.out + ending.err
    if ending.killed_by == signal.SIGXCPU or ending.seconds >= CPU_SECONDS:
        return f"hang: {ending.seconds:.0f} s of the processor"
    if ending.killed_by is not None:
        return f"crash: signal {ending.killed_by}"
    if TRACEBACK in said:
        return f"traceback: {find_error(said)}"
    if ending.status not in STATUSES:
        return f"status {ending.status}"
    if ending.status and not ending.err.strip() and not ending.out.strip():
        return f"silence: status {ending.status} without a word"
    return f"flood: {len(said):,} characters" if len(said) > MOST_OUTPUT else None


def find_error(said: str) -> str:
    """Return the error of the first traceback, which all others come from, and the last line of ours in it."""
    trace = said.split(TRACEBACK)[1]
    places = re.findall(r'File "[^"]*?/(bikeml/[\w/]+\.py)", line (\d+)', trace)
    errors = re.findall(r"^[A-Za-z_][\w.]*(?:: .*)?$", trace, re.MULTILINE)
    return f"{(errors or ['?'])[0][:150]} at {':'.join(places[-1]) if places else '?'}"


@dataclass
class Tally:
    """Counts of cases by command and by target, and the bad ones."""

    n_cases: Counter[tuple[str, str]] = field(default_factory=Counter)
    n_bad: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    bad: list[Found] = field(default_factory=list)

    def add(self, found: Found) -> None:
        """Count one case."""
        place = (found.case.command, found.case.target)
        self.n_cases[place] += 1
        if found.complaint:
            self.n_bad[(*place, found.complaint.partition(":")[0])] += 1
            self.bad.append(found)

    def describe(self) -> Iterator[str]:
        """Yield a line for each command and target with its counts, and one with their sums."""
        width = max((len(command) for command, _ in self.n_cases), default=0)
        for place in sorted(self.n_cases):
            kinds = Counter({kind: count for (*where, kind), count in self.n_bad.items() if tuple(where) == place})
            yield f"{place[0]:<{width}}  {place[1]:<26}{self.n_cases[place]:>5}  {_show(kinds)}".rstrip()
        sums: Counter[str] = Counter()
        for (*_, kind), count in self.n_bad.items():
            sums[kind] += count
        yield f"{self.n_cases.total()} cases, {len(self.bad)} bad{': ' if sums else ''}{_show(sums)}"


def _show(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
