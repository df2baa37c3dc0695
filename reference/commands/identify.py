"""identify: which quantity an array is."""

from argparse import RawDescriptionHelpFormatter

from ..oracle import identify_command as identifying
from .shared import refusing


def add(commands):
    """Its options."""
    command = commands.add_parser(
        "identify", help="which quantity an array is, and in whose convention",
        formatter_class=RawDescriptionHelpFormatter, epilog=identifying.EPILOG)
    identifying.add_options(command)
    command.set_defaults(run=run)


def run(arguments):
    """Say what an array is."""
    with refusing(ValueError):
        return identifying.run(arguments, print)
