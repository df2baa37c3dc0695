"""golden: packs of test vectors, and verdicts on answers to them."""

from argparse import RawDescriptionHelpFormatter

from ..oracle.golden import command as packs
from .shared import progress, refusing


def add(commands):
    """Its options."""
    command = commands.add_parser(
        "golden", help="test vectors for programs in any language, and a verdict on their answers",
        formatter_class=RawDescriptionHelpFormatter,
        description="Packs of test vectors: npz and JSON twins, with a manifest.",
        epilog=packs.EPILOG)
    packs.add_options(command)
    command.set_defaults(run=run)


def run(arguments):
    """Write, check, compare or verify packs of test vectors, and return the exit status."""
    with refusing(ValueError):
        return packs.done(arguments, print, progress)
