"""Conventions at the command line."""

import json
from dataclasses import asdict

from . import CONVENTIONS, convention
from .card import card, markdown, side_by_side

EPILOG = "example: python -m reference conventions curvlinops kfac-pytorch"


def add_options(parser):
    """NAME ..., --markdown and --json."""
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"{', '.join(CONVENTIONS)}; all of them if none is given, and of two "
                             "the rows in which they differ")
    parser.add_argument("--markdown", action="store_true", help="as tables for a page")
    parser.add_argument("--json", action="store_true", help="as records for machines")


def told(arguments):
    """The text for the parsed arguments.

    Raises
    ------
    ValueError
        For a name that is none.
    """
    records = [convention(name) for name in arguments.names or CONVENTIONS]
    if arguments.json:
        return json.dumps([asdict(record) for record in records], indent=1)
    if len(records) == 2:
        return markdown(*records) if arguments.markdown else side_by_side(*records)
    return "\n\n".join(map(markdown if arguments.markdown else card, records))
