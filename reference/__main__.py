"""The command line: arguments in, text out, no mathematics."""

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from .arrays.memory import keep_freed
from .oracle import bench as benching
from .oracle import check as oracle
from .oracle import layer_table, map_page, recorded
from .oracle import identify_command as identifying
from .oracle import peer_command as judging
from .oracle.check_text import HEADER, line, report, summary
from .oracle.golden import command as packs
from .oracle.museum import command as museum
from .oracle.conventions import command as conventions
from .oracle.layer_text import (BEGIN, END, cell, layer_header, layer_line, markdown_line,
                                with_block)
from .oracle.peers import Absent
from .oracle.quantities import QUANTITIES
from .problems.files import replacing
from .training import Interrupted
from .training import command as training
from .training import results as grid
from .training.interrupts import once


class Refused(Exception):
    """What the user asked for cannot be done; the message is the whole explanation."""


# ---- check ----

def check(arguments):
    """Run the self-check, print its rows as they come, and return the exit status."""
    if arguments.peer:
        return judged(arguments)
    if arguments.plot is not None:
        require_picture(Path(arguments.plot))
    rows, problem = [], None
    with workers(arguments.workers) as executor:
        for row in watched(oracle.check(arguments.seed, executor), arguments.json):
            rows.append(row)
            if not arguments.json:
                if row.problem != problem:
                    problem = row.problem
                    print(f"\n{problem}\n{HEADER}")
                print(line(row), flush=True)
    print(json.dumps(report(rows), indent=1) if arguments.json else summary(rows))
    if arguments.plot is not None:
        plot_step_sizes(arguments.plot, arguments.seed)
    return 0 if all(row.passed for row in rows) else 1


def judged(arguments):
    """Judge a peer's answers instead."""
    watch = partial(watched, quiet=arguments.json or arguments.markdown)
    try:
        with workers(arguments.workers, get_context("spawn")) as executor:     # torch has threads
            return judging.run(arguments, executor, partial(print, flush=True), watch)
    except Absent as error:
        raise Refused(error) from None


def workers(count, context=None):
    """An executor of that many processes; none for 1."""
    return ProcessPoolExecutor(count, context) if count > 1 else nullcontext()


def watched(rows, quiet):
    """The rows, with a status line on a terminal that shows only where they do not."""
    show = quiet and sys.stderr.isatty()
    for count, row in enumerate(rows, 1):
        if show:
            print(f"\r{count} rows, {row.problem}: {row.title:<40}", end="", file=sys.stderr)
        yield row
    if show:
        print(file=sys.stderr)


def require_picture(path, option="--plot"):
    """Refused unless a picture can be written there: before the work, not after."""
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise Refused(f"{option} writes .png, .pdf or .svg, got {path.name!r}.")
    if not path.parent.is_dir():
        raise Refused(f"{option}: there is no folder {path.parent}.")
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise Refused(f"{option}: cannot write in {path.parent}: {error.strerror}.") from None
    if path.is_dir():
        raise Refused(f"{option}: {path} is a folder.")


def plot_step_sizes(path, seed):
    """The picture of errors against step length, written whole or not at all."""
    from . import plotting
    from .oracle.step_sizes import step_size_errors
    path = Path(path)
    where = oracle.point("digits", np.random.default_rng(seed))
    steps = np.logspace(0, -18, 73)
    errors = step_size_errors(where.objective, where.theta, where.arguments["v"], steps)
    axes = plotting.step_sizes(steps, errors)
    with replacing(path) as temporary:
        axes.figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)
    print(f"wrote {path}", file=sys.stderr)


# ---- layers ----

def layers(arguments):
    """Measure and print the table of layers, or put it into a page; return the exit status."""
    if arguments.into is not None:
        page = require_page(arguments.into)
        if not recorded.RECORD.is_file():
            raise Refused(f"--into: PyTorch's answers are not here ({recorded.RECORD.name} is no "
                          "part of an installed package); run this in a checkout.")
    rows, style = [], markdown_line if arguments.markdown or arguments.into else layer_line
    lines = layer_header(style)
    show = print if arguments.into is None else lambda line: None
    show("\n".join(lines))
    with workers(arguments.workers) as executor:
        for row in layer_table.rows(executor=executor):
            rows.append(row)
            lines.append(style(row.name, map(cell, row.cells.values())))
            show(lines[-1])
            if arguments.into is not None or not sys.stdout.isatty():
                progress(f"{len(rows)} of {len(layer_table.LAYERS)}: {row.name}")
    say("")
    if arguments.into is not None:
        with replacing(arguments.into) as temporary:
            temporary.write(with_block(page, lines).encode())
    failed = [row.name for row in rows if not row.passed]
    for name in failed:
        print(f"FAILED: {name}", file=sys.stderr)
    return 1 if failed else 0


# ---- map ----

DRAWN = "tanh", "deep linear, squared error"


def chart(arguments):
    """Measure and print the map of the matrices, put it into a page, or draw it."""
    page = None if arguments.into is None else require_page(arguments.into)
    if arguments.plot is not None:
        require_picture(arguments.plot)
        plot_map(arguments.plot)
    if page is not None:
        with replacing(arguments.into) as temporary:
            temporary.write(with_block(page, map_page.lines()).encode())
    if arguments.plot is None and page is None:
        print("\n".join(map_page.lines()))
    return 0


def plot_map(path):
    """The picture of two regimes, written whole or not at all."""
    from . import plotting
    figure = plotting.distances({name: map_page.distances(name) for name in DRAWN})
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=75)
    print(f"wrote {path}", file=sys.stderr)


# ---- pages ----

def require_page(path):
    """The text of a page with one block to fill; Refused without."""
    text = path.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise Refused(f"--into: {path} needs the lines {BEGIN} and {END} once each, in this order.")
    return text


def progress(text):
    """A status line that the next one overwrites, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{text:<72}", end="", file=sys.stderr)


# ---- bench ----

def bench(arguments):
    """Race every task, or measure how the reference scales, and return the exit status."""
    show = partial(print, flush=True)
    if arguments.threads:
        return benching.in_children(arguments, show)
    if arguments.scaling:
        plot_scaling(arguments.out, *benching.grown(arguments, show, say))
        return 0
    try:
        benching.raced(arguments, show, say)
    except Absent as error:
        raise Refused(error) from None
    return 0


def plot_scaling(folder, growths, rate):
    """The picture beside its numbers."""
    if folder is not None:
        from . import plotting
        figure = plotting.scaling(growths, rate)
        with replacing(folder / "scaling.png") as temporary:
            figure.savefig(temporary, format="png", dpi=110)


def say(text):
    """Progress, on a terminal only."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


# ---- golden ----

def golden(arguments):
    """Write, check, compare or verify packs of test vectors, and return the exit status."""
    try:
        return packs.done(arguments, print, progress)
    except ValueError as error:
        raise Refused(error) from None


# ---- train, plot ----

def train(arguments):
    """Train by one optimiser after the other, and return the exit status."""
    with once():                                  # what was saved is said, too
        try:
            status = training.trained(arguments, partial(print, flush=True), warn)
        except (ValueError, TypeError) as error:
            raise Refused(error) from None
        except Interrupted as error:
            warn(error)
            return 130
    if arguments.plot:
        plot_losses(training.folder_of(arguments), None)
    return status


def plot(arguments):
    """Draw the runs of a folder beside each other."""
    if arguments.out is not None:
        require_picture(arguments.out, "--out")
    plot_losses(arguments.folder, arguments.out)
    return 0


def plot_losses(folder, path):
    """The picture of the runs in a folder, by default in it."""
    try:
        task, runs = training.runs_in(folder)
    except ValueError as error:
        raise Refused(error) from None
    from . import plotting
    path = path or folder / "losses.png"
    figure = plotting.losses(runs, task)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=110)
    print(f"wrote {path}", file=sys.stderr)


# ---- results ----

def results(arguments):
    """Run every optimiser on every task, and make the page and its pictures; the exit status."""
    text = None if arguments.into is None else require_page(arguments.into)
    try:
        jobs, missing = grid.ran(arguments)
    except ValueError as error:
        raise Refused(error) from None
    print("\n".join(grid.summary(jobs, missing, arguments.out)))
    if arguments.pictures is not None:
        plot_results(arguments, jobs)
    if text is not None:
        with replacing(arguments.into) as temporary:
            temporary.write(with_block(text, grid.page(arguments, jobs, missing)).encode())
    return 0


def plot_results(arguments, jobs):
    """A picture for every task."""
    from . import plotting
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    for task, runs in grid.drawn(arguments, jobs):
        figure = plotting.results(runs, list(grid.OPTIMIZERS), f"{task}, {arguments.size}",
                                  arguments.seconds)
        with replacing(arguments.pictures / f"{task}.png") as temporary:
            figure.savefig(temporary, format="png", dpi=80)


def warn(text):
    """A line on standard error, wherever that goes."""
    print(text, file=sys.stderr, flush=True)


# ---- the parser ----

def parser():
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="python -m reference", description=sys.modules[
        __package__].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser(
        "check", help="compare every quantity by every route, and prove digits by balls",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Compute every quantity by every route on real data, compare them, and prove "
                    "digits by ball\narithmetic. Columns are decimal digits of the largest entry. "
                    "Exit status 0 if every row passes, else 1.",
        epilog="examples:\n  python -m reference check --plot steps.png\n"
               + judging.EXAMPLES + "\nquantities: " + judging.quantities())
    one.add_argument("peer", nargs="?", metavar="PEER", help=judging.PEER)
    judging.add_options(one)
    one.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    one.add_argument("--plot", metavar="FILE", help="also draw error against step length")
    one.add_argument("--workers", type=positive, default=1, metavar="N",
                     help="processes (default 1)")
    one.add_argument("--seed", type=natural, default=0,
                     help="of parameters and directions (default 0)")
    one.set_defaults(run=check)
    three = commands.add_parser(
        "layers", help="measure every layer: agreed and proven digits, column by column",
        description="For one small problem per layer and option: the digits that its outputs share "
                    "with PyTorch's, its derivatives with those of other routes, its Kronecker "
                    "factors with loops, and those proven by balls. Exit status 0 if every number "
                    f"reaches {layer_table.WANTED}, else 1.",
        epilog="example: python -m reference layers --into docs/7-layers.md")
    three.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    three.add_argument("--into", type=Path, metavar="FILE",
                       help="put it between the markers of a page instead")
    three.add_argument("--workers", type=positive, default=1, metavar="N",
                       help="processes (default 1)")
    three.set_defaults(run=layers)
    four = commands.add_parser(
        "map", help="measure how far the curvature matrices are from each other, and why",
        description="Distances between curvature matrices on one small problem per regime, and "
                    "the theorems that make some of them equal.",
        epilog="example: python -m reference map --into docs/9-map.md")
    four.add_argument("--into", type=Path, metavar="FILE",
                      help="put the tables between the markers of a page instead")
    four.add_argument("--plot", type=Path, metavar="FILE", help="draw two regimes instead")
    four.set_defaults(run=chart)
    two = commands.add_parser(
        "bench", help="time dense matrices and products, beside peers and the matrix product",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Race the reference against other frameworks in one process: interleaved "
                    "rounds, medians, ratios.",
        epilog=benching.EPILOG)
    benching.add_options(two)
    two.set_defaults(run=bench)
    five = commands.add_parser(
        "train", help="train a task by one optimiser or several, recorded and resumable",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a task by each optimiser from the same start. Exit status 0, 1 if a "
                    "number was not\nfinite, 2 if something is refused, 130 after Ctrl-C, which "
                    "saves first.", epilog=training.EPILOG)
    training.add_options(five)
    five.set_defaults(run=train)
    six = commands.add_parser("plot", help="draw the losses of the runs that train left in DIR",
                              epilog="example: python -m reference plot runs/digits-tiny")
    six.add_argument("folder", type=Path, metavar="DIR")
    six.add_argument("--out", type=Path, metavar="FILE", help="default DIR/losses.png")
    six.set_defaults(run=plot)
    seven = commands.add_parser(
        "results", help="run every optimizer on every task, and make a page of what came of it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train every task by every optimizer from several starts, for equal times of "
                    "the processor and\nequal epochs. Medians, ranges, pictures, and the papers' "
                    "claims beside what was measured.", epilog=grid.EPILOG)
    grid.add_options(seven)
    seven.set_defaults(run=results)
    eight = commands.add_parser(
        "golden", help="test vectors for programs in any language, and a verdict on their answers",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Packs of test vectors: npz and JSON twins, with a manifest.",
        epilog=packs.EPILOG)
    packs.add_options(eight)
    eight.set_defaults(run=golden)
    nine = commands.add_parser("conventions", help="what other libraries mean by their numbers",
                               epilog=conventions.EPILOG)
    conventions.add_options(nine)
    nine.set_defaults(run=show_conventions)
    ten = commands.add_parser(
        "museum", help="documented faults, planted: which are detected and named, by whom",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Faults that public issue trackers report, each planted in a small problem, "
                    "before the judge or\nbefore a checker of yours. Exit status 0 if all are "
                    "detected and nothing right is refused, else 1.", epilog=museum.EPILOG)
    museum.add_options(ten)
    ten.set_defaults(run=show_museum)
    eleven = commands.add_parser(
        "identify", help="which quantity an array is, and in whose convention",
        formatter_class=argparse.RawDescriptionHelpFormatter, epilog=identifying.EPILOG)
    identifying.add_options(eleven)
    eleven.set_defaults(run=show_identified)
    return top


def show_museum(arguments):
    """Show exhibits to the judge or to a checker, or put the museum into a page."""
    if arguments.into is not None:
        page = require_page(arguments.into)
        with replacing(arguments.into) as temporary:
            temporary.write(with_block(page, museum.lines_of_page(progress)).encode())
        return 0
    try:
        return museum.run(arguments, partial(print, flush=True), progress)
    except ValueError as error:
        raise Refused(error) from None


def show_identified(arguments):
    """Say what an array is."""
    try:
        return identifying.run(arguments, print)
    except ValueError as error:
        raise Refused(error) from None


def show_conventions(arguments):
    """Print cards of conventions."""
    try:
        print(conventions.told(arguments))
    except ValueError as error:
        raise Refused(str(error)) from None
    return 0


def natural(text, least=0):
    """A whole number, at least `least`."""
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number >= {least}")
    return int(text)


def positive(text):
    """A whole number, at least 1."""
    return natural(text, 1)


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
