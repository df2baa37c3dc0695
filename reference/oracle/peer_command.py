"""`check PEER`: its options, and what runs."""

import json
from argparse import Namespace
from pathlib import Path

from ..problems.files import replacing
from . import peer_check, peer_text, peers
from .golden import command as packs

PEER = ("judge a peer on the whole zoo: " + " | ".join(peers.JUDGED) + " | package.module:object, "
        "whose functions gradient(objective, theta), hvp(objective, theta, v), ... are asked | the "
        "folder of another program's answers to a golden pack, with --pack")
EXAMPLES = ("  python -m reference check torch --workers 2\n"
            "  python -m reference check mypackage.module:peer --junit report.xml   (an object "
            "with functions\n      named as the quantities)\n"
            "  python -m reference check my_results --pack pack\n")


def add_options(parser):
    """Of a peer alone."""
    parser.add_argument("--all", action="store_true", help="with PEER: also the problems of "
                        "`layers`, one for every layer and option")
    parser.add_argument("--pack", type=Path, metavar="DIR", help="with a folder of answers: the "
                        "golden pack that they answer, see golden --help")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="with PEER: also write JUnit "
                        "XML")
    parser.add_argument("--markdown", action="store_true", help="with PEER: print a table in "
                        "Markdown")


def is_folder(arguments):
    """Whether a folder of answers is to be judged, and no peer."""
    return arguments.peer not in peers.JUDGED and (
        arguments.pack is not None or Path(arguments.peer).is_dir())


def run_folder(arguments, show, say):
    """As `golden check PACK FOLDER`.

    Raises
    ------
    ValueError, TypeError
        Without --pack, with --all, or for what `golden check` refuses.
    """
    if arguments.pack is None:
        raise ValueError(f"{arguments.peer} is a folder of answers, and to which pack is not said; "
                         "add --pack DIR, the folder that `golden write` made.")
    if arguments.all:
        raise ValueError("--all is of peers, and a pack has its own problems; leave it out.")
    return packs.done(Namespace(
        action="check", folder=arguments.pack, results=Path(arguments.peer), dtype=None, allow=(),
        json=arguments.json, markdown=arguments.markdown, junit=arguments.junit), show, say)


def quantities():
    """The names of all that may be offered."""
    return ", ".join(subject.name for subject in peer_check.asked())


def run(arguments, executor, show, watched):
    """Judge a peer, show the judgements as they come, and return the exit status.

    Parameters
    ----------
    arguments : argparse.Namespace
    executor : concurrent.futures.Executor or None
    show : callable
        Prints one line.
    watched : callable
        (judgements) -> the same, with a status line on a terminal.

    Raises
    ------
    peers.Absent
    OSError
    """
    ways = peers.ways(arguments.peer)
    if not any(callable(getattr(peer, subject.name, None)) for peer in ways.values()
               for subject in peer_check.asked()):
        raise peers.Absent(f"{arguments.peer} offers none of the quantities: {quantities()}.")
    found, problem, quiet = [], None, arguments.json or arguments.markdown
    for each in watched(peer_check.check(arguments.peer, arguments.seed, arguments.all, executor)):
        found.append(each)
        if quiet or not each.offered:
            continue
        if each.problem != problem:
            problem = each.problem
            show(f"\n{problem}")
        show("\n".join([peer_text.line(each), *peer_text.full(each)]))
    if arguments.junit is not None:
        with replacing(arguments.junit) as temporary:
            temporary.write(peer_text.junit(found).encode())
    lines = [json.dumps(peer_text.record(arguments.peer, found), indent=1)] if arguments.json else (
        peer_text.markdown(found) if arguments.markdown else peer_text.summary(found))
    for line in lines:
        show(line)
    return 0 if all(each.passed for each in found) else 1
