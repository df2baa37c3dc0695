"""What runs of several seeds came to: medians and ranges, a seed that diverged being infinite."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import record
from .grid import place
from .job import outcome

MEASURES = {"training": "train_loss", "test": "test_loss"}


@dataclass(frozen=True, eq=False)
class Run:
    """A Job, what `job.outcome` tells of its end, and the columns of its record, {} without."""

    job: Any
    end: dict
    columns: dict

    @property
    def diverged(self):
        """Whether a number was not finite."""
        return self.end["status"] == "diverged"

    @property
    def epochs(self):
        """Whole epochs recorded."""
        return max(len(self.columns.get("epoch", ())) - 1, 0)


def gathered(jobs, out):
    """{task: {optimizer: [Run of each seed]}} of what is there."""
    found = {}
    for job in jobs:
        end = outcome(job, place(out, job))
        if end is not None:
            path = place(out, job) / "record.npz"
            columns = record.read(path) if path.is_file() else {}
            runs = found.setdefault(job.task, {}).setdefault(job.optimizer, [])
            runs.append(Run(job, end, columns))
    return found


def trained(runs):
    """Whether one of the seeds has an epoch to show, or diverged before."""
    return any(run.epochs or run.diverged for run in runs)


# ---- numbers of one run ----

def after_seconds(run, what):
    """The last loss recorded before the Job's seconds were over; the start's is one."""
    if run.diverged:
        return np.inf
    if not run.columns:
        return np.nan
    last = np.flatnonzero(run.columns["seconds"] <= run.job.seconds)
    return run.columns[MEASURES[what]][last[-1] if len(last) else 0]


def after_epochs(run, what, epochs=None):
    """The loss after so many epochs, the Job's if omitted; nan if there were fewer."""
    if run.diverged:
        return np.inf
    epochs = run.job.epochs if epochs is None else epochs
    return run.columns[MEASURES[what]][epochs] if run.epochs >= epochs else np.nan


def common_epochs(runs):
    """The most epochs, up to the Jobs', that all runs have which did not diverge."""
    return min((min(run.epochs, run.job.epochs) for run in runs if not run.diverged),
               default=runs[0].job.epochs)


def pace(run, what=None):
    """Seconds per epoch, what precedes the first included."""
    return run.columns["seconds"][-1] / run.epochs if run.epochs else np.nan


# ---- numbers of several ----

@dataclass(frozen=True)
class Spread:
    """Median, least and largest."""

    median: float
    low: float
    high: float

    def __str__(self):
        if np.isnan(self.median):
            return "–"
        ends = shown(self.low), shown(self.high)
        return shown(self.median) + ("" if ends[0] == ends[1] else f" ({ends[0]} to {ends[1]})")


def spread(numbers):
    """The Spread of numbers, infinite ones among them; nan if one is."""
    numbers = np.sort(np.array(numbers, float))
    if np.isnan(numbers).any():
        return Spread(np.nan, np.nan, np.nan)
    middle = numbers[(len(numbers) - 1) // 2], numbers[len(numbers) // 2]
    median = middle[0] if middle[0] == middle[1] else sum(middle) / 2
    return Spread(float(median), float(numbers[0]), float(numbers[-1]))


def shown(number):
    """Four digits; the sign of infinity for runs that diverged."""
    return "∞" if number == np.inf else f"{number:.4g}"


def start(by_optimizer):
    """The Spread of training losses before the first step."""
    first = {run.job.seed: run.columns["train_loss"][0]
             for runs in by_optimizer.values() for run in runs if run.columns}
    return spread(list(first.values()) or [np.nan])
