"""What `train` and `sweep` are given, refused where it is not what they take."""

from dataclasses import is_dataclass
from pathlib import Path

from ..arrays.checks import (is_finite, is_whole, require_callables, require_choice,
                             require_objective, shown)
from ..optim.step import require_optimizer
from ..problems.tasks import DTYPES
from ..problems.training import Task


def require_run(task, optimizer, seed, resume):
    """TypeError, ValueError for what is no task, optimiser, seed or flag."""
    if not isinstance(task, Task):
        raise TypeError(f"task is {shown(task)}; pass a Task, as problems.task('digits', 'tiny').")
    for objective in (task.train, task.test):
        require_objective(objective)
    sizes = [objective.net.layout.size for objective in (task.train, task.test)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"task {task.name} trains a network of {sizes[0]} parameters and tests "
                         f"one of {sizes[1]}; pose both objectives of one network.")
    require_choice(f"dtype of task {task.name}", task.dtype, DTYPES)
    require_optimizer(optimizer)
    if not is_dataclass(optimizer):
        raise TypeError(f"{type(optimizer).__name__} is no dataclass, whose fields tell one run "
                        "from another; write @dataclass(frozen=True) before it.")
    if not is_whole(seed, 0):
        raise ValueError(f"seed is {shown(seed)}; pass a whole number, 0 or more.")
    if not isinstance(resume, bool):
        raise TypeError(f"resume is {shown(resume)}; pass True or False.")


def require_step(number, optimizer, before, after, info):
    """TypeError unless a step kept theta's shape and precision, and told its loss."""
    name, kinds = type(optimizer).__name__, [(a.dtype, a.shape) for a in (before, after)]
    if kinds[0] != kinds[1]:
        raise TypeError(f"step {number} of {name} made a {shown(after)} of theta, a "
                        f"{shown(before)}; pose the data in the precision of the task.")
    if "loss" not in info:
        raise TypeError(f"the info of {name} has no 'loss', by which a run is recorded; it has "
                        f"{', '.join(info) or 'nothing'}.")


def require_limits(epochs, seconds, until):
    """ValueError unless one of the limits is given, and is one."""
    if epochs is None and seconds is None and until is None:
        raise ValueError("neither epochs nor seconds are given; pass one limit, or both.")
    if until is not None:
        require_callables(until=until)
    if not (epochs is None or is_whole(epochs, 1)):
        raise ValueError(f"epochs is {shown(epochs)}; pass a whole number, at least 1.")
    if not (seconds is None or is_finite(seconds) and seconds > 0):
        raise ValueError(f"seconds is {shown(seconds)}; pass a positive number.")


def batch_size(task, batch):
    """The examples of a mini-batch, as an int; ValueError for none, or more than there are."""
    size = task.batch if batch is None else batch
    if not (is_whole(size, 1) and size <= task.train.N):
        raise ValueError(f"batch is {shown(size)} of {task.train.N} examples; pass a whole number "
                         f"from 1 to {task.train.N}.")
    return int(size)


def folder_of(out):
    """The Path of a run's folder, None for None; TypeError, ValueError for no name of one."""
    if out is None or isinstance(out, Path):
        return out
    if out == "":
        raise ValueError("out is empty; name a folder, as '.' for this one.")
    try:
        return Path(out)
    except TypeError:
        raise TypeError(f"out is {shown(out)}; pass the name of a folder.") from None


def require_names(name, values):
    """TypeError unless these are several, and not one text, whose letters would be taken."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name} is {shown(values)}; pass a list, as [{shown(values)}].")


def require_executor(executor):
    """TypeError unless the executor can map."""
    if not (executor is None or callable(getattr(executor, "map", None))):
        raise TypeError(f"executor is {shown(executor)}; pass an object with a method map, as "
                        "concurrent.futures.ProcessPoolExecutor(2).")
