"""A run's folder: its checkpoints, its record, and what it must share with what goes on from it."""

import json
from hashlib import sha256

import numpy as np

from ..arrays.checks import shown
from . import checkpoint, record
from .coding import settings


def configuration(task, optimizer, seed, batch):
    """What two runs must share to be the same run."""
    data = sha256()
    for objective in (task.train, task.test):
        for array in (objective.x, objective.y):
            data.update(np.ascontiguousarray(array).tobytes())
    return json.loads(json.dumps({
        "task": task.name, "size": task.size, "dtype": str(task.dtype), "seed": seed,
        "batch": batch, "optimizer": type(optimizer).__name__, "settings": settings(optimizer),
        "data": data.hexdigest()[:16]}))


def opened(folder, resume, config, say):
    """(Progress, Record) of the folder's latest checkpoint, None without; makes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        require_free(folder)
        return None
    for left in folder.glob(".*.tmp"):          # by a process that was killed while writing
        left.unlink(missing_ok=True)
    found = checkpoint.latest(folder, say)
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
