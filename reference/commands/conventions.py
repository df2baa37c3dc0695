"""conventions: what other libraries mean by their numbers."""

from ..oracle.conventions import command as cards
from .shared import refusing


def add(commands):
    """Its options."""
    command = commands.add_parser("conventions", help="what other libraries mean by their numbers",
                                  epilog=cards.EPILOG)
    cards.add_options(command)
    command.set_defaults(run=run)


def run(arguments):
    """Print cards of conventions."""
    with refusing(ValueError):
        print(cards.told(arguments))
    return 0
