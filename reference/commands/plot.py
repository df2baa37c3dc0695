"""plot: the runs of a folder beside each other."""

from pathlib import Path

from ..training import command as training
from .shared import refusing, require_picture, save, warn


def add(commands):
    """Its options."""
    command = commands.add_parser("plot", help="draw the losses of the runs that train left in DIR",
                                  epilog="example: python -m reference plot runs/digits-tiny")
    command.add_argument("folder", type=Path, metavar="DIR")
    command.add_argument("--out", type=Path, metavar="FILE", help="default DIR/losses.png")
    command.set_defaults(run=run)


def run(arguments):
    """Draw the runs of a folder beside each other."""
    if arguments.out is not None:
        require_picture(arguments.out, "--out")
    plot_losses(arguments.folder, arguments.out)
    return 0


def plot_losses(folder, path):
    """The picture of the runs in a folder, by default in it."""
    with refusing(ValueError):
        task, runs = training.runs_in(folder)
    from .. import plotting
    path = path or folder / "losses.png"
    save(plotting.losses(runs, task), path, dpi=110)
    warn(f"wrote {path}")
