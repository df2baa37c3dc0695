"""What a run records: a row per step, a row per epoch, and their files.

    record.csv     a row per epoch
    record.npz     the same columns as epoch_<name>, and those of the steps as step_<name>

Epoch 0 is the start.  Columns of an epoch beyond the first five are means of its steps' finite
numbers.
"""

import csv
from dataclasses import dataclass, field
from io import StringIO
from math import fsum, isfinite, nan

import numpy as np

from ..problems.files import load_npz, replacing, save_npz

STEP = ("loss", "rho", "damping", "length", "accepted", "seconds")
EPOCH = ("epoch", "steps", "seconds", "train_loss", "test_loss",
         "loss", "rho", "damping", "length", "accepted")


@dataclass(frozen=True)
class Record:
    """Rows (loss, rho, damping, length, accepted, seconds) of steps and rows EPOCH of epochs."""

    steps: list = field(default_factory=list)
    epochs: list = field(default_factory=list)

    def add_epoch(self, epoch, steps, seconds, train_loss, test_loss, since):
        """A row, with the means of the steps from number `since` on."""
        means = map(_mean, zip(*(row[:5] for row in self.steps[since:steps])))
        self.epochs.append((epoch, steps, seconds, train_loss, test_loss,
                            *(means if steps > since else [nan] * 5)))

    def until(self, at):
        """(steps (S, 6), epochs (E, 10)): what had been recorded by then."""
        return (np.array(self.steps[:at.steps], float).reshape(-1, len(STEP)),
                np.array(self.epochs[:at.epoch + 1], float).reshape(-1, len(EPOCH)))


def read_back(steps, epochs):
    """The Record of the arrays that `until` gave."""
    if (steps.ndim, epochs.ndim) != (2, 2) or (steps.shape[1], epochs.shape[1]) != (
            len(STEP), len(EPOCH)):
        raise ValueError(f"the record's arrays have shapes {steps.shape} and {epochs.shape}, not "
                         f"(S, {len(STEP)}) and (E, {len(EPOCH)}).")
    return Record([tuple(row) for row in steps.tolist()], [tuple(row) for row in epochs.tolist()])


def row_of(info, seconds):
    """What an info tells of a step; nan for what it does not tell."""
    return *(float(info.get(name, nan)) for name in STEP[:5]), seconds


def columns(steps, epochs):
    """{"epoch_<name>": array, ..., "step_<name>": array, ...}."""
    return {**{f"epoch_{name}": epochs[:, k] for k, name in enumerate(EPOCH)},
            **{f"step_{name}": steps[:, k] for k, name in enumerate(STEP)}}


def write(folder, steps, epochs):
    """record.npz and record.csv, each whole or not at all."""
    save_npz(folder / "record.npz", **columns(steps, epochs))
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(EPOCH)
    for row in epochs.tolist():
        writer.writerow([int(number) if k < 2 else "" if number != number else number
                         for k, number in enumerate(row)])
    with replacing(folder / "record.csv") as stream:
        stream.write(text.getvalue().encode())


def read(path):
    """{name: array} per epoch, of a record.npz.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    found = load_npz(path, [f"epoch_{name}" for name in EPOCH])
    return {name: found[f"epoch_{name}"] for name in EPOCH}


def _mean(numbers):
    finite = [number for number in numbers if isfinite(number)]
    return fsum(finite) / len(finite) if finite else nan
