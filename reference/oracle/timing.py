"""How long contestants take at one task: in one process, interleaved, medians, answers compared.

A contestant is a function () -> answer.  One that is `Divisible` can also be asked for a part, and
where the whole would take longer than the budget its time is the line through two parts, and said
to be.
"""

import time
from dataclasses import dataclass
from typing import Callable

import numpy as np

from .certify import leaves
from .check import agreement

OURS = "reference"
DIRECTIONS, EACH = 32, "at once, each"  # who is called so has its time divided by so many
LEAST = 0.02                           # seconds of runs that a time is the mean of
PATIENCE = 1.0                         # seconds
SAME = {8: 10, 4: 4}                   # digits to share to be worth timing, by bytes of a number
LONGER = 4                             # times as long is the second part as the first
ROOM = 8e9                             # bytes that a form may hold at once


def mean_seconds(function, runs):
    """Of one run, the mean of several."""
    start = time.perf_counter()
    for _ in range(runs):
        function()
    return (time.perf_counter() - start) / runs


@dataclass(frozen=True)
class Clock:
    """How runs are timed: seconds of (function, runs), bytes a form may hold, what precedes one."""

    mean_seconds: Callable = mean_seconds
    room: float = ROOM
    tidy: Callable = lambda: None


HOST = Clock()


@dataclass(frozen=True)
class Timing:
    """Median seconds of one contestant at one task, and how many times the reference's that is.

    Both are None for a contestant that was left out; `note` says so, or what was extrapolated.
    """

    task: str
    contestant: str
    seconds: float
    ratio: float
    note: str = ""


@dataclass(frozen=True)
class Divisible:
    """A contestant whose answer has parts.

    whole : () -> answer
    part : k -> (() -> answer of the first k units)
    expected : (answer of the reference, k, the part's answer) -> what the part should be
    size, step : of units in the whole, and of a part that is worth timing
    unit : what they are, in the plural
    bytes : that the whole holds at one time
    """

    whole: Callable
    part: Callable
    expected: Callable
    size: int
    step: int
    unit: str
    bytes: float = 0

    def __call__(self):
        return self.whole()


def race(task, contestants, rounds, budget=np.inf, clock=HOST):
    """[Timing, ...]: every contestant once per round, after a first run that compares the answers.

    In each round a contestant runs twice, and the second run counts: the first finds the threads
    of the contestant before it still spinning, and its memory not yet given back.  Short runs are
    repeated, since the caches are the contestant's own only after a few.  Whoever takes
    longer than PATIENCE, and half as long again as the fastest peer, runs in the first round only.

    Parameters
    ----------
    task : str
    contestants : dict of functions
        The reference first; the names of peers hold ": ".
    rounds : int
    budget : float
        Seconds of one run of a peer.  A `Divisible` one that needs more is timed by two parts,
        whose answers are compared, and does not run.
    clock : Clock
        A device has its own.

    Raises
    ------
    ValueError
        If a peer's answer is another one.
    """
    answer, seconds, notes = contestants[OURS](), {}, {}
    for name, contestant in contestants.items():
        if getattr(contestant, "bytes", 0) > clock.room:
            notes[name] = f"left out: holds {contestant.bytes / 1e9:.0f} GB at once"
            continue
        clock.tidy()
        try:
            projected = _projected(task, name, contestant, answer, budget, clock)
            if projected <= budget and ": " in name:
                _require_same(task, name, contestant(), answer)
        except MemoryError:
            notes[name] = "left out: out of memory"
            continue
        if projected > budget:
            notes[name] = (f"extrapolated from {LONGER * contestant.step} of {contestant.size} "
                           f"{contestant.unit}")
        seconds[name] = [projected] if projected > budget else []
    del answer
    _run_rounds(contestants, [name for name in seconds if name not in notes], rounds, seconds,
                clock)
    medians = {name: float(np.median(s)) for name, s in seconds.items()}
    return [Timing(task, name, medians.get(name), medians[name] / medians[OURS]
                   if name in medians else None, notes.get(name, "")) for name in contestants]


def _run_rounds(contestants, running, rounds, seconds, clock):
    """Adds every runner's seconds per round."""
    for _ in range(rounds):
        for name in running:
            shared = DIRECTIONS if name.endswith(EACH) else 1
            seconds[name].append(_seconds(contestants[name], clock) / shared)
        rivals = [seconds[name][0] for name in running if ": " in name]
        running = [name for name in running
                   if seconds[name][0] <= max(PATIENCE, 1.5 * min(rivals, default=np.inf))]


def _require_same(task, name, answer, expected):
    """ValueError unless an answer shares the digits of its precision with what is expected."""
    wanted, found = SAME[leaves(expected)[0].dtype.itemsize], agreement(_near(answer), expected)
    if not found >= wanted:
        raise ValueError(f"{task}: {name} shares only {found:.1f} digits with the reference; its "
                         "time would mean nothing.")


def _near(answer):
    """A peer's answer on the host: torch's tensors on a GPU do not come by themselves."""
    if isinstance(answer, list):
        return [_near(each) for each in answer]
    return answer.cpu().numpy() if hasattr(answer, "cpu") else answer


def _projected(task, name, contestant, answer, budget, clock=HOST):
    """Seconds of the whole by the line through two parts; 0 where it is within the budget."""
    if (budget == np.inf or not isinstance(contestant, Divisible)
            or contestant.size < 2 * LONGER * contestant.step):
        return 0
    size, step = contestant.size, contestant.step
    first = _part_seconds(clock, task, name, contestant, answer, step)
    if first * size / step <= budget:                # what the line can reach at most
        return 0
    second = _part_seconds(clock, task, name, contestant, answer, LONGER * step)
    slope = max(second - first, 0) / ((LONGER - 1) * step)           # noise may turn it over
    return second + slope * (size - LONGER * step)


def _part_seconds(clock, task, name, contestant, answer, k):
    """Of a part, after a run that compares its answer; the faster of two runs if they are short."""
    run = contestant.part(k)
    got = run()
    _require_same(f"{task}, {k} {contestant.unit}", name, got, contestant.expected(answer, k, got))
    once = clock.mean_seconds(run, 1)
    return once if once > PATIENCE else min(once, clock.mean_seconds(run, 1))


def leading_rows(answer, k, got):
    """The rows of each matrix of the answer that a part has too."""
    return [whole[:len(part)] for whole, part in zip(_listed(answer), _listed(got))]


def _listed(answer):
    return answer if isinstance(answer, list) else [answer]


def _seconds(function, clock=HOST):
    """Of one run after the first; of several, their mean, if one takes less than LEAST."""
    function()
    once = clock.mean_seconds(function, 1)
    return once if once >= LEAST else clock.mean_seconds(function, 1 + int(LEAST / once))
