"""check: the self-check, or a verdict on a peer."""

import json
import sys
from argparse import RawDescriptionHelpFormatter
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ..arrays.cuda import NoDevice
from ..arrays.transfer import HOMES
from ..options import natural, positive
from ..oracle import check as oracle
from ..oracle import device_check, device_text
from ..oracle import peer_command as judging
from ..oracle.check_text import HEADER, line, report, summary
from ..oracle.peers import Absent
from .shared import Refused, progress, refusing, require_picture, save, show, warn, workers


def add(commands):
    """Its options."""
    command = commands.add_parser(
        "check", help="compare every quantity by every route, and prove digits by balls",
        formatter_class=RawDescriptionHelpFormatter,
        description="Compute every quantity by every route on real data, compare them, and prove "
                    "digits by ball\narithmetic. Columns are decimal digits of the largest entry. "
                    "Exit status 0 if every row passes, else 1.",
        epilog="examples:\n  python -m reference check --plot steps.png\n"
               "  python -m reference check --backend cupy\n"
               + judging.EXAMPLES + "\nquantities: " + judging.quantities())
    command.add_argument("peer", nargs="?", metavar="PEER", help=judging.PEER)
    judging.add_options(command)
    command.add_argument("--json", action="store_true",
                         help="print one JSON object instead of a table")
    command.add_argument("--backend", default="numpy", choices=HOMES, help="cupy: every quantity "
                         "on the GPU against the host instead, in float64 and float32")
    command.add_argument("--plot", metavar="FILE", help="also draw error against step length")
    command.add_argument("--workers", type=positive, default=1, metavar="N",
                         help="processes (default 1)")
    command.add_argument("--seed", type=natural, default=0,
                         help="of parameters and directions (default 0)")
    command.set_defaults(run=run)


def run(arguments):
    """Run the self-check, print its rows as they come, and return the exit status."""
    if arguments.backend == "cupy":
        return on_device(arguments)
    if arguments.peer:
        return judged(arguments)
    if arguments.plot is not None:
        require_picture(Path(arguments.plot))
    with workers(arguments.workers) as executor:
        rows = table(oracle.check(arguments.seed, executor), arguments.json, HEADER, line)
    print(json.dumps(report(rows), indent=1) if arguments.json else summary(rows))
    if arguments.plot is not None:
        plot_step_sizes(Path(arguments.plot), arguments.seed)
    return 0 if all(row.passed for row in rows) else 1


def table(rows, quiet, header, line):
    """[row, ...], each shown as it comes, unless quiet, under the name of its problem."""
    seen = []
    for row in watched(rows, quiet):
        if not quiet:
            if not seen or row.problem != seen[-1].problem:
                print(f"\n{row.problem}\n{header}")
            show(line(row))
        seen.append(row)
    return seen


def on_device(arguments):
    """The GPU against the host, and the exit status."""
    if arguments.peer or arguments.plot or arguments.workers > 1:
        raise Refused("--backend cupy checks the GPU by itself, in one process; leave out PEER, "
                      "--plot and --workers.")
    with refusing(NoDevice, MemoryError):
        found = device_check.circumstances(arguments.seed)
    if not arguments.json:
        show("\n".join(device_text.opening(found)))
    rows = table(device_check.check(arguments.seed), arguments.json, device_text.HEADER,
                 device_text.line)
    print(json.dumps(device_text.report(found, rows), indent=1) if arguments.json
          else device_text.summary(rows))
    return 0 if all(row.passed for row in rows) else 1


def judged(arguments):
    """Judge a peer's answers instead, or those in a folder."""
    if judging.is_folder(arguments):
        with refusing(ValueError):
            return judging.run_folder(arguments, print, progress)
    watch = partial(watched, quiet=arguments.json or arguments.markdown)
    with refusing(Absent):
        with workers(arguments.workers, get_context("spawn")) as executor:     # torch has threads
            return judging.run(arguments, executor, show, watch)


def watched(rows, quiet):
    """The rows, with a status line on a terminal that shows only where they do not."""
    shown = quiet and sys.stderr.isatty()
    for count, row in enumerate(rows, 1):
        if shown:
            print(f"\r{count} rows, {row.problem}: {row.title:<40}", end="", file=sys.stderr)
        yield row
    if shown:
        print(file=sys.stderr)


def plot_step_sizes(path, seed):
    """The picture of errors against step length."""
    from .. import plotting
    from ..oracle.step_sizes import step_size_errors
    where = oracle.point("digits", np.random.default_rng(seed))
    steps = np.logspace(0, -18, 73)
    errors = step_size_errors(where.objective, where.theta, where.arguments["v"], steps)
    save(plotting.step_sizes(steps, errors).figure, path, dpi=150)
    warn(f"wrote {path}")
