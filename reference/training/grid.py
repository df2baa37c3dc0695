"""Every optimiser on every task from several starts, a process and one thread to each run.

    OUT/TASK/OPTIMIZER/SEED/record.npz      the losses, as training/record.py keeps them
    OUT/TASK/OPTIMIZER/SEED/outcome.json    how the run ended, of which job

A run goes on for S seconds and E epochs, whichever is later, but for no more than 3 S; seconds are
of the processor, of `init` and steps.  With evaluation it may take 10 S: then a step under way is
cut off, and a step that cannot be cut is ended by the system.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from shutil import rmtree

from ..problems.sources import locate
from ..problems.tasks import FILES
from . import record
from .job import KILL, Job, bounded, outcome, tell

POOLS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def jobs_of(tasks, optimizers, seeds, **limits):
    """Jobs, the first seed of every task and optimiser before the second of any."""
    return [Job(task, name, seed, **limits)
            for seed in range(seeds) for task in tasks for name in optimizers]


def place(out, job):
    """The folder of a run."""
    return out / job.task / job.optimizer / str(job.seed)


def absent(tasks, size):
    """{task: why} of those whose files are not there."""
    found = {}
    for task in tasks:
        if size != "tiny" and task in FILES:
            try:
                locate(FILES[task])
            except FileNotFoundError as error:
                found[task] = str(error)
    return found


def run_all(jobs, out, workers, done=lambda job: None):
    """Run what is not done yet, `workers` processes at a time.

    Parameters
    ----------
    jobs : list of Job
    out : Path
    workers : int
    done : callable
        Told of each Job when it is over, those of an earlier call too.
    """
    running, halted = set(), threading.Event()
    with one_thread(), ThreadPoolExecutor(workers) as executor:
        try:
            for seed in dict.fromkeys(job.seed for job in jobs):
                futures = {executor.submit(_run, job, out, running, halted): job
                           for job in jobs if job.seed == seed}
                for future in as_completed(futures):
                    future.result()
                    done(futures[future])
        except BaseException:
            halted.set()
            executor.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            raise


def _run(job, out, running, halted):
    """One Job, in a process; nothing where it is done, or cannot end otherwise than seed 0 did."""
    folder = place(out, job)
    if halted.is_set() or done_before(outcome(job, folder)):
        return
    rmtree(folder, ignore_errors=True)  # of other limits, or cut off by Ctrl-C
    folder.mkdir(parents=True)
    if (hopeless := _hopeless(replace(job, seed=0), out)) and job.seed:
        tell(job, folder, **hopeless)
        return
    process = get_context("spawn").Process(target=bounded, args=(job, folder), daemon=True)
    process.start()
    running.add(process)
    if halted.is_set():                 # between the question above and here
        process.terminate()
    process.join()
    running.discard(process)
    if not halted.is_set() and outcome(job, folder) is None:
        tell(job, folder, *_ended(process.exitcode, job))


def _ended(code, job):
    """(status, message) of a process that wrote no outcome."""
    if code >= 0:
        return "failed", f"the process ended with code {code}; standard error says more."
    return "stopped", (f"the system ended the process by signal {-code}: a step was not over "
                       f"{KILL * job.seconds:g} s of the processor after the start, or the "
                       "machine's memory was.")


def done_before(end):
    """Whether a run ended, and need not be tried again: what failed may be mended."""
    return end is not None and end["status"] != "failed"


def _hopeless(first, out):
    """{status, message} of the first seed where no other can end otherwise."""
    found = outcome(first, place(out, first))
    if found is None or found["status"] not in ("refused", "stopped"):
        return None
    path = place(out, first) / "record.npz"
    if found["status"] == "stopped" and path.is_file() and len(record.read(path)["epoch"]) > 1:
        return None
    return {"status": found["status"], "message": found["message"]}


@contextmanager
def one_thread():
    """Processes that are started in the block hold linear algebra to one thread."""
    before = {name: os.environ.get(name) for name in POOLS}
    os.environ.update(dict.fromkeys(POOLS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
