"""Programs held to a number of threads: nothing but a fresh process holds every library to it."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from subprocess import run

POOLS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")


def environment(threads):
    """This process's environment, with every pool of threads set: XLA's is NPROC."""
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    held = dict(os.environ, PYTHONPATH=path, **dict.fromkeys(POOLS, str(threads)))
    if threads == 1:
        flags = (os.environ.get("XLA_FLAGS"), "--xla_cpu_multi_thread_eigen=false")
        held["XLA_FLAGS"] = " ".join(filter(None, flags))
    return held


def run_held(arguments, threads):
    """`python -m reference ARGUMENTS` on the first so many processors; its exit status."""
    with on_processors(threads):
        return run([sys.executable, "-m", "reference", *arguments], check=False,
                   env=environment(threads)).returncode


@contextmanager
def on_processors(count):
    """Children are bound to the first `count` processors of this process, where a system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def available():
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
