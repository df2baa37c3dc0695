"""A run's folder: its checkpoints, its record, and what it must share with what goes on from it."""

import json
from contextlib import contextmanager, suppress
from hashlib import sha256
from tempfile import TemporaryFile

import numpy as np

from ..arrays.checks import require_theta, shown
from ..arrays.transfer import to_host
from ..optim.states import require_state
from . import checkpoint, record
from .coding import settings


def configuration(task, optimizer, seed, batch):
    """What two runs must share to be the same run."""
    data = sha256()
    for objective in (task.train, task.test):
        for array in (objective.x, objective.y):
            data.update(np.ascontiguousarray(to_host(array)).tobytes())
    home = {} if isinstance(task.train.x, np.ndarray) else {"home": "cupy"}
    return json.loads(json.dumps(home | {
        "task": task.name, "size": task.size, "dtype": str(task.dtype), "seed": seed,
        "batch": batch, "optimizer": type(optimizer).__name__, "settings": settings(optimizer),
        "data": data.hexdigest()[:16]}))


@contextmanager
def made(folder):
    """The folder, with its parents; what is empty of them after the block vanishes again."""
    if folder is None:
        yield
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _require_writable(folder)
        yield
    finally:
        for each in missing:
            with suppress(OSError):             # not empty, or another run's by now
                each.rmdir()


def _require_writable(folder):
    """OSError, by the folder's name, before the work and not after it."""
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None


def opened(folder, resume, config, say, check):
    """(Progress, Record) of the folder's latest checkpoint that passes `check`; None without."""
    if not resume:
        require_free(folder)
        return None
    for left in folder.glob(".*.tmp"):          # by a process that was killed while writing
        left.unlink(missing_ok=True)
    found = checkpoint.latest(folder, say, lambda at, rows, before: (
        None if _differences("", before, config) else check(at, rows)))
    if found is None:
        if (folder / "record.npz").exists():
            raise ValueError(f"{folder} holds a record but no checkpoint to go on from; write "
                             "elsewhere, or move the record away.")
        return None
    at, rows, before = found
    differ = _differences("", before, config)
    if differ:
        raise ValueError(f"{folder} holds a run of another configuration: {'; '.join(differ)}. "
                         "Resume with the same, or write elsewhere.")
    return at, record.read_back(*rows)


def require_whole_run(task, optimizer, size, at, rows):
    """TypeError, ValueError unless a run of the task, in batches of `size`, can have left this."""
    per_epoch, log = task.train.N // size, record.read_back(*rows)
    if not (at.steps == at.epoch * per_epoch + at.step and at.step <= per_epoch):
        raise ValueError(f"{at.steps} steps in all, and {at.step} after epoch {at.epoch}, with "
                         f"{per_epoch} an epoch, do not add up.")
    if (len(log.steps), len(log.epochs)) != (at.steps, at.epoch + 1):
        raise ValueError(f"its record has {len(log.steps)} steps and {len(log.epochs)} epochs, "
                         f"not {at.steps} and {at.epoch + 1}.")
    require_theta(task.train, at.theta)
    if at.theta.dtype != task.dtype:
        raise ValueError(f"theta holds {at.theta.dtype}, not {task.dtype}.")
    require_state(optimizer, task.train.batch(slice(size)), at.theta, at.state)


def require_free(folder):
    """ValueError if the folder holds a run."""
    if folder.is_dir() and (checkpoint.listed(folder) or (folder / "record.npz").exists()):
        raise ValueError(f"{folder} already holds a run; resume it, or write elsewhere.")


def _differences(prefix, before, now):
    """["field: was a, is b", ...]."""
    found = []
    for name in sorted({*before, *now}):
        a, b = before.get(name), now.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(f"{prefix}{name}.", a, b)
        elif a != b:
            found.append(f"{prefix}{name} was {shown(a)}, is {shown(b)}")
    return found


def save(folder, at, log, config):
    """A checkpoint and the record's files; nothing without a folder."""
    if folder is None:
        return
    rows = log.until(at)
    checkpoint.save(folder, at, rows, config)
    record.write(folder, *rows)


def kept(folder, at, log, config):
    """Save after an interruption, and say what was."""
    if folder is None:
        return f"interrupted after step {at.steps}; nothing was written."
    save(folder, at, log, config)
    return (f"interrupted after step {at.steps} (epoch {at.epoch + 1}); saved in {folder}, resume "
            "to go on from there.")


def good(folder):
    """The end of a sentence: the last good checkpoint, and what to do."""
    found = [] if folder is None else checkpoint.listed(folder)
    where = f"the last good checkpoint is {found[0]}" if found else "there is no checkpoint yet"
    return f"; {where}. Take a shorter step or more damping."
