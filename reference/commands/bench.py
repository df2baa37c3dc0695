"""bench: races against other frameworks, and how the reference scales."""

from argparse import RawDescriptionHelpFormatter

from ..arrays.cuda import NoDevice
from ..oracle import bench as benching
from ..oracle import device_command as on_device
from ..oracle.peers import Absent
from .shared import refusing, save, say, show


def add(commands):
    """Its options."""
    command = commands.add_parser(
        "bench", help="time dense matrices and products, beside peers and the matrix product",
        formatter_class=RawDescriptionHelpFormatter,
        description="Race the reference against other frameworks in one process: interleaved "
                    "rounds, medians, ratios.",
        epilog=benching.EPILOG)
    benching.add_options(command)
    command.set_defaults(run=run)


def run(arguments):
    """Race every task, or measure how the reference scales, and return the exit status."""
    with refusing(ValueError):
        arguments = benching.completed(arguments)
    if arguments.backend == "cupy":
        with refusing(NoDevice, MemoryError):
            return on_device.raced(arguments, show, say)
    if arguments.threads:
        return benching.in_children(arguments, show)
    if arguments.scaling:
        plot_scaling(arguments.out, *benching.grown(arguments, show, say))
        return 0
    with refusing(Absent):
        benching.raced(arguments, show, say)
    return 0


def plot_scaling(folder, growths, rate):
    """The picture beside its numbers."""
    if folder is not None:
        from .. import plotting
        save(plotting.scaling(growths, rate), folder / "scaling.png", dpi=110)
