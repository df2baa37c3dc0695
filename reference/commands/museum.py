"""museum: documented faults before the judge, or before a checker."""

from argparse import RawDescriptionHelpFormatter

from ..oracle.museum import command as museum
from .shared import fill, progress, refusing, require_page, show


def add(commands):
    """Its options."""
    command = commands.add_parser(
        "museum", help="documented faults, planted: which are detected and named, by whom",
        formatter_class=RawDescriptionHelpFormatter,
        description="Faults that public issue trackers report, each planted in a small problem, "
                    "before the judge or\nbefore a checker of yours. Exit status 0 if all are "
                    "detected and nothing right is refused, else 1.", epilog=museum.EPILOG)
    museum.add_options(command)
    command.set_defaults(run=run)


def run(arguments):
    """Show exhibits to the judge or to a checker, or put the museum into a page."""
    if arguments.into is not None:
        page = require_page(arguments.into)
        fill(arguments.into, page, museum.lines_of_page(progress))
        return 0
    with refusing(ValueError):
        return museum.run(arguments, show, progress)
