"""The command line: arguments in, exit status out; what the commands do is in `commands`."""

import argparse
import os
import sys

from .arrays.memory import keep_freed
from .commands import COMMANDS
from .commands.shared import Refused


def parser():
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="python -m reference", description=sys.modules[
        __package__].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return top


def main(arguments=None):
    """Parse, run, and turn what was refused into one sentence and exit status 2."""
    chosen = parser().parse_args(arguments)
    keep_freed()
    try:
        return chosen.run(chosen)
    except BrokenPipeError:                       # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Refused, OSError) as error:
        print(f"error: {said(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(str(error) or "interrupted.", file=sys.stderr)
        return 130


def said(error):
    """What an error says; of one of the system, the path and the reason alone."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}."
    return error


if __name__ == "__main__":
    sys.exit(main())
