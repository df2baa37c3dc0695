"""What `train` and `sweep` are given, refused where it is not what they take."""

from pathlib import Path

from ..arrays.checks import is_finite, is_whole, require_callables, require_objective, shown
from ..optim.step import require_optimizer
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
    require_optimizer(optimizer)
    if not is_whole(seed, 0):
        raise ValueError(f"seed is {shown(seed)}; pass a whole number, 0 or more.")
    if not isinstance(resume, bool):
        raise TypeError(f"resume is {shown(resume)}; pass True or False.")


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
