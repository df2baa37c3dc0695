"""The bench as a command: its options, its lines and its JSON."""

import argparse
import json
import math
import os
import platform
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..arrays.transfer import HOMES
from ..options import positive, seconds
from ..problems.files import replacing
from . import races, scaling, threads
from .device_bench import PROBLEMS as ON_DEVICE
from .peers import NAMES
from .timing import race

EPILOG = """examples:
  python -m reference bench --peers jax,torch --rounds 5 --out results
  python -m reference bench --problems chain16,chain,chain196 --threads 1,2 --budget 20 \\
      --peers jax,torch,curvlinops,backpack \\
      --quantities hessian,gauss_newton,hessian_blocks,gauss_newton_blocks
  python -m reference bench --problems chain16,chain,chain196 --quantities kfac \\
      --peers jax,torch,curvlinops,backpack --threads 1,2
  python -m reference bench --problems chain16,chain,chain196,autoencoder,autoencoder32 \\
      --quantities gradient,hvp,ggnvp --peers jax,torch,curvlinops,backpack --threads 1,2
  python -m reference bench --problems kbfgs
  python -m reference bench --scaling --out docs/pictures
  python -m reference bench --backend cupy --out results"""


def add_options(command):
    """The options of the command, on an argparse parser."""
    command.add_argument("--backend", default="numpy", choices=HOMES,
                         help="cupy: race on the GPU, timed by its own events (default numpy)")
    command.add_argument("--peers", type=lambda text: text.split(","), metavar="NAMES",
                         help=f"comma-separated, among {', '.join(NAMES)}; they must be installed "
                         "(default none; on the GPU jax and torch, if installed with CUDA)")
    command.add_argument("--problems", type=_among("problem", {**races.PROBLEMS, **ON_DEVICE}),
                         metavar="NAMES", help=f"comma-separated, among {', '.join(races.PROBLEMS)}"
                         f" (default chain), on the GPU {', '.join(ON_DEVICE)} (default all)")
    command.add_argument("--quantities", type=_among("quantity", races.NAMES),
                         default=list(races.NAMES), metavar="NAMES",
                         help=f"comma-separated, among {', '.join(races.NAMES)} (default all)")
    command.add_argument("--rounds", type=positive, default=7, metavar="N", help="default 7")
    command.add_argument("--budget", type=seconds, default=math.inf, metavar="SECONDS",
                         help="of one run of a peer: a matrix that takes longer is timed by two "
                         "parts of it, and the time extrapolated and marked (default: no limit)")
    command.add_argument("--threads", type=_counts, default=[], metavar="N,...",
                         help="run once for each number, in a process that is bound to so many "
                         "processors and whose libraries have so many threads; writes to "
                         "DIR/threads-N")
    command.add_argument("--scaling", action="store_true", help="instead of a race: time and "
                         "memory of the reference against P and N")
    command.add_argument("--json", action="store_true",
                         help="print one JSON object instead of a table")
    command.add_argument("--out", type=Path, metavar="DIR",
                         help="also write DIR/bench.json, DIR/bench-cupy.json of the GPU, or "
                         "DIR/scaling.json and scaling.png")


# ---- options ----

def _among(kind, choices):
    """Names of some kind, comma-separated, without repetition."""
    def names(text):
        for name in text.split(","):
            if name not in choices:
                raise argparse.ArgumentTypeError(f"no {kind} {name!r}; choose among "
                                                 f"{', '.join(choices)}")
        return list(dict.fromkeys(text.split(",")))
    return names


def _counts(text):
    return [positive(count) for count in text.split(",")]


def completed(arguments):
    """The arguments with the problems and peers that go without saying.

    Raises
    ------
    ValueError
        For what the backend has not.
    """
    on_device = arguments.backend == "cupy"
    known = ON_DEVICE if on_device else races.PROBLEMS
    arguments.problems = arguments.problems or (list(known) if on_device else ["chain"])
    if not on_device:
        arguments.peers = arguments.peers or []
    for name in arguments.problems:
        if name not in known:
            raise ValueError(f"--backend {arguments.backend} has no problem {name!r}; choose among "
                             f"{', '.join(known)}.")
    if on_device and (arguments.threads or arguments.scaling):
        raise ValueError("--threads and --scaling are of the processor; leave them out, or leave "
                         "out --backend cupy.")
    return arguments


# ---- runs ----

def raced(arguments, show, say):
    """Shows the table of one task after the other, then the machine; or one JSON object.

    Raises
    ------
    Absent
        If a peer is unknown or not installed.
    """
    results = []
    for task, contestants in races.tasks(np.random.default_rng(0), arguments.peers,
                                         arguments.problems, arguments.quantities):
        say(f"{task}: {len(contestants)} contestants, {arguments.rounds} rounds")
        timings = race(task, contestants, arguments.rounds, arguments.budget)
        results += timings
        if not arguments.json:
            show("\n".join([f"\n{task}", *map(line, timings)]))
    finish(arguments, "bench.json", show, timings=[asdict(r) for r in results])


def line(timing):
    """One contestant: milliseconds, its ratio to the reference, and what there is to say of it."""
    if timing.seconds is None:
        return f"  {timing.contestant:<60}{timing.note:>24}"
    return (f"  {timing.contestant:<60}{timing.seconds * 1e3:10.2f} ms {timing.ratio:8.2f} x"
            f"  {timing.note}").rstrip()


def grown(arguments, show, say):
    """([Growth, ...], operations a second): shows the exponents of each quantity as they come."""
    rate, results = scaling.operation_rate(), []
    for growth in scaling.growths(np.random.default_rng(0)):
        results.append(growth)
        say(f"{growth.quantity} against {growth.against}")
        if not arguments.json:
            slopes = "".join(f"{name:>12} {slope:5.2f}"
                             for name, slope in growth.exponents.items())
            show(f"{growth.quantity:<20} ~ {growth.against}^{slopes}")
    finish(arguments, "scaling.json", show, operations_per_second=rate,
           growths=[asdict(growth) for growth in results])
    return results, rate


def finish(arguments, name, show, **content):
    """Shows the machine, or all as JSON; writes the JSON as a file, whole or not at all."""
    text = json.dumps({"machine": machine(), **content}, indent=1)
    show(text if arguments.json else f"\n{machine()}")
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        with replacing(arguments.out / name) as temporary:
            temporary.write(text.encode())


# ---- one process per number of threads ----

def in_children(arguments, show):
    """The command once per number of threads, each into a folder of its own; the worst status."""
    statuses = []
    for count in arguments.threads:
        if not arguments.json:
            show(f"\n== {count} thread{'s' * (count > 1)} ==")
        out = arguments.out and arguments.out / f"threads-{count}"
        statuses.append(threads.run_held(spelled(arguments, out), count))
    return max(statuses)


def spelled(arguments, out):
    """The command line of a child."""
    named = {"peers": arguments.peers, "problems": arguments.problems,
             "quantities": arguments.quantities}
    options = {**{name: ",".join(values) for name, values in named.items()},
               "rounds": arguments.rounds, "budget": arguments.budget, "out": out or ""}
    given = [text for name, value in options.items() if value != ""
             for text in (f"--{name}", str(value))]
    return ["bench", *given, *[f"--{name}" for name in ("scaling", "json")
                               if getattr(arguments, name)]]


# ---- where ----

def machine():
    """What the times were taken on."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return (f"{platform.machine()}, {threads.available()} of {os.cpu_count()} CPUs, "
            f"Python {platform.python_version()}, NumPy {np.__version__}, "
            f"{blas['name']} {blas['version']}")
