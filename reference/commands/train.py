"""train: a task by one optimiser or several."""

from argparse import RawDescriptionHelpFormatter

from ..arrays.cuda import NoDevice
from ..training import Interrupted
from ..training import command as training
from ..training.interrupts import once
from .plot import plot_losses
from .shared import refusing, show, warn


def add(commands):
    """Its options."""
    command = commands.add_parser(
        "train", help="train a task by one optimiser or several, recorded and resumable",
        formatter_class=RawDescriptionHelpFormatter,
        description="Train a task by each optimiser from the same start. Exit status 0, 1 if a "
                    "number was not\nfinite, 2 if something is refused, 130 after Ctrl-C, which "
                    "saves first.", epilog=training.EPILOG)
    training.add_options(command)
    command.set_defaults(run=run)


def run(arguments):
    """Train by one optimiser after the other, and return the exit status."""
    with once():                                  # what was saved is said, too
        try:
            with refusing(ValueError, TypeError, NoDevice, MemoryError):
                status = training.trained(arguments, show, warn)
        except Interrupted as error:
            warn(error)
            return 130
    if arguments.plot:
        plot_losses(training.folder_of(arguments), None)
    return status
