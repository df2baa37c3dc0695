"""Train a task: epochs of mini-batches, the losses after each, checkpoints, and a record.

Random numbers come from numpy.random.default_rng of

    seed                         theta, by the task's scheme
    [seed, 1, epoch]             the order of the examples, epoch = 1, 2, ...
    [seed, 2, epoch, step]       dropout masks, where the task has any

and nothing else, so no generator is part of a state.  Every step begins with a copy of theta and
state as a checkpoint would give them back: a run that was interrupted ends bit for bit as one that
was not, on the same machine with the same number of threads.
"""

from dataclasses import replace
from functools import partial
from time import perf_counter

import numpy as np

from ..arrays.checks import require_callables, require_theta
from ..arrays.transfer import alongside, wait
from . import record
from .arguments import batch_size, folder_of, require_limits, require_run, require_step
from .checkpoint import Progress
from .coding import decode, encode
from .folder import configuration, good, kept, made, opened, require_whole_run, save
from .interrupts import once

CHUNK = 1000                            # examples whose losses are evaluated at a time


class Diverged(ArithmeticError):
    """A number was not finite; the message names the step and the last good checkpoint.

    `record` is the Record until then.
    """


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the run was saved; the message says where.  `record` is the Record."""


def train(task, optimizer, out=None, epochs=None, seconds=None, seed=0, batch=None, resume=False,
          watch=None, progress=None, say=lambda text: None, clock=perf_counter, until=None):
    """Train until so many epochs are done or seconds spent: (Progress, Record).

    Parameters
    ----------
    task : Task
    optimizer : an optimiser, as KBFGS(...)
    out : path-like, optional
        The run's folder, made if need be.  Without, nothing is written.
    epochs : int, optional
        In all, those before a resumption counted.
    seconds : float, optional
        Of `init` and steps in all, without evaluation and writing; the epoch under way is
        finished.  One of the three limits is needed.
    seed : int
    batch : int, optional
        Examples of a mini-batch, task.batch if omitted; what is left of an epoch's is dropped.
    resume : bool
        Go on from the folder's latest whole checkpoint, from the start if it has none.
    watch : callable, optional
        watch(k, theta, info) after step k, counted from 0, as `run` calls it: for invariants.
    progress : callable, optional
        progress(at, per_epoch, row) after each step: the Progress, the steps of an epoch, and
        (loss, rho, damping, length, accepted, seconds).
    say : callable, optional
        Told of damaged checkpoints.
    clock : callable, optional
        What seconds are read off: time.process_time counts the processor's, of all threads, which
        other work on the machine changes little.
    until : callable, optional
        A further limit: until(at) of the Progress, asked between epochs, ends the run if true.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind; if the folder holds a run and `resume` is False, or one
        of another configuration, or its checkpoints are damaged; or as the optimiser refuses.
    OSError
        If the folder cannot be made or written.
    Diverged
        If a number was not finite, or a step failed.
    Interrupted
        After Ctrl-C; a second one does not stop the saving.
    """
    require_run(task, optimizer, seed, resume)
    require_callables(say=say, clock=clock)
    require_callables(**{name: each for name, each in (("watch", watch), ("progress", progress))
                         if each is not None})
    require_limits(epochs, seconds, until)
    size, folder, seed = batch_size(task, batch), folder_of(out), int(seed)
    config = configuration(task, optimizer, seed, size)
    check = partial(require_whole_run, task, optimizer, size)
    with once(), made(folder):
        found = None if folder is None else opened(folder, resume, config, say, check)
        at, log = _begun(task, optimizer, seed, clock) if found is None else found
        per_epoch = task.train.N // size
        try:
            while not (epochs is not None and at.epoch >= epochs
                       or seconds is not None and at.seconds >= seconds or until and until(at)):
                for at, row, info in _epoch(task, optimizer, size, seed, at, log, folder, clock):
                    if watch is not None:
                        watch(at.steps - 1, at.theta, info)
                    if progress is not None:
                        progress(at, per_epoch, row)
                _evaluated(task, at, at.epoch + 1, log, folder, at.steps - per_epoch)
                at = replace(at, epoch=at.epoch + 1, step=0)
                save(folder, at, log, config)
        except Diverged as error:
            error.record = log
            raise
        except KeyboardInterrupt:
            interrupted = Interrupted(kept(folder, at, log, config))
            interrupted.record = log
            raise interrupted from None
    return at, log


def _epoch(task, optimizer, size, seed, at, log, folder, clock):
    """(Progress, row, info) after each step that is left of the epoch under way."""
    epoch = at.epoch + 1
    order = np.random.default_rng([seed, 1, epoch]).permutation(task.train.N)
    for k in range(at.step, task.train.N // size):
        rng = np.random.default_rng([seed, 2, epoch, k + 1])
        batch = task.redraw(task.train.batch(order[k * size:(k + 1) * size]), rng)
        at, row, info = _advanced(optimizer, batch, at, log, folder, clock)
        log.steps.append(row)
        yield at, row, info


# ---- one step, one evaluation ----

def _advanced(optimizer, objective, at, log, folder, clock):
    """The Progress after one step, its row, and its info."""
    number, before = at.steps + 1, clock()
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            theta, state, info = optimizer.step(objective, at.theta, at.state)
            wait(theta)
    except (ArithmeticError, ValueError) as error:
        if at.steps == 0:               # what the optimiser refuses, it refuses at once
            raise
        raise Diverged(f"{_failure(number, error, log)}{good(folder)}") from error
    elapsed = clock() - before
    require_step(number, optimizer, at.theta, theta, info)
    row = record.row_of(info, elapsed)
    if not np.isfinite(row[0]):
        raise Diverged(f"the loss before step {number} is {row[0]}: the step before was too long"
                       f"{good(folder)}")
    if not np.isfinite(theta).all():
        raise Diverged(f"theta is not finite after step {number}, before which the loss was "
                       f"{row[0]:.6g}{good(folder)}")
    theta, state = as_read((theta, state))
    return Progress(theta, state, at.epoch, at.step + 1, number, at.seconds + elapsed), row, info


def _failure(number, error, log):
    """Why a step failed: of losses that rose, not of what the optimiser then met."""
    first, last = log.steps[0][0], log.steps[-1][0]
    if last <= first:
        return f"step {number} failed: {str(error).rstrip('.')}"
    return (f"step {number} failed, since the loss had risen from {first:.6g} at the first step to "
            f"{last:.6g}: the steps before were too long")


def as_read(value):
    """What a checkpoint would give back."""
    return decode(*encode(value))


def evaluate(objective, theta, chunk=CHUNK):
    """L(theta) over all examples, `chunk` at a time: sum_c R_c L_c/R, and the weight decay once.

    Where a layer couples the examples (batch norm by the batch's own moments), each chunk is a
    batch of its own.
    """
    plain, total = replace(objective, l2=0.0), 0.0
    for start in range(0, objective.N, chunk):
        part = plain.batch(slice(start, min(start + chunk, objective.N)))
        total += float(part.R) * float(part.value(theta))
    return total / float(objective.R) + float(objective.l2) / 2 * float(theta @ theta)


def _evaluated(task, at, epoch, log, folder, since):
    """A row of the epoch's losses."""
    with np.errstate(over="ignore", invalid="ignore"):
        losses = evaluate(task.train, at.theta), evaluate(task.test, at.theta)
    if not np.isfinite(losses[0]):
        raise Diverged(f"the training loss is {losses[0]} after step {at.steps}{good(folder)}")
    log.add_epoch(epoch, at.steps, at.seconds, *losses, since)


# ---- where a run begins ----

def _begun(task, optimizer, seed, clock):
    """Before the first step: theta by the task's scheme, the optimiser's state of all the data."""
    theta = alongside(task.initial(np.random.default_rng(seed)), task.train.x)
    require_theta(task.train, theta)
    before = clock()
    state = optimizer.init(task.train, theta)
    wait(theta)
    at = Progress(*as_read((theta, state)), seconds=clock() - before)
    log = record.Record()
    _evaluated(task, at, 0, log, None, 0)
    return at, log
