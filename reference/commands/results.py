"""results: every optimiser on every task."""

from argparse import RawDescriptionHelpFormatter

from ..training import results as grid
from .shared import fill, refusing, require_page, save


def add(commands):
    """Its options."""
    command = commands.add_parser(
        "results", help="run every optimizer on every task, and make a page of what came of it",
        formatter_class=RawDescriptionHelpFormatter,
        description="Train every task by every optimizer from several starts, for equal times of "
                    "the processor and\nequal epochs. Medians, ranges, pictures, and the papers' "
                    "claims beside what was measured.", epilog=grid.EPILOG)
    grid.add_options(command)
    command.set_defaults(run=run)


def run(arguments):
    """Run every optimiser on every task, and make the page and its pictures; the exit status."""
    text = None if arguments.into is None else require_page(arguments.into)
    with refusing(ValueError):
        jobs, missing = grid.ran(arguments)
    print("\n".join(grid.summary(jobs, missing, arguments.out)))
    if arguments.pictures is not None:
        plot_results(arguments, jobs)
    if text is not None:
        fill(arguments.into, text, grid.page(arguments, jobs, missing))
    return 0


def plot_results(arguments, jobs):
    """A picture for every task."""
    from .. import plotting
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    for task, runs in grid.drawn(arguments, jobs):
        figure = plotting.results(runs, list(grid.OPTIMIZERS), f"{task}, {arguments.size}",
                                  arguments.seconds)
        save(figure, arguments.pictures / f"{task}.png", dpi=80)
