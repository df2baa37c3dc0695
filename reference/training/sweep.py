"""Optimisers x tasks x seeds, one job each, over any executor: the numbers do not depend on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import require_choice, require_whole, shown
from ..problems.tasks import DTYPES, TASKS
from ..problems.tasks import task as posed
from ..problems.training import SIZES
from .arguments import require_executor, require_names
from .defaults import OPTIMIZERS, make
from .record import EPOCH
from .trainer import Diverged, train


@dataclass(frozen=True)
class Job:
    """One run: a task by name and size, an optimiser by name with fields, a seed, a limit."""

    task: str
    optimizer: str
    seed: int
    epochs: int
    size: str = "tiny"
    dtype: str = "float64"
    data: Any = None
    fields: tuple = ()

    def __post_init__(self):
        for name, choices in (("task", TASKS), ("optimizer", OPTIMIZERS), ("size", SIZES),
                              ("dtype", DTYPES)):
            require_choice(name, getattr(self, name), choices)
        require_whole("seed", self.seed, 0)
        require_whole("epochs", self.epochs, 1)


@dataclass(frozen=True, eq=False)
class Result:
    """theta (P,) and the epochs' columns of a Job; theta None and a reason if it diverged."""

    job: Job
    theta: Any
    epochs: dict
    reason: str = ""


def sweep(tasks, optimizers, seeds, epochs, executor=None, size="tiny", dtype="float64", data=None):
    """A Result for every task, optimiser and seed, in this order.

    Parameters
    ----------
    tasks : sequence of str
        Names of problems.TASKS.
    optimizers : sequence of str, or dict
        Names of OPTIMIZERS, or name -> {field: value}.
    seeds : sequence of int
    epochs : int
    executor : concurrent.futures.Executor, optional
        Processes, threads, or a cluster's; its machines must have the package and, with `data`,
        the files, and the same number of threads for matrix products.
    size, dtype, data
        As problems.task takes them.

    Returns
    -------
    list of Result

    Raises
    ------
    TypeError, ValueError
        Before the first run, if a name, a seed or the number of epochs is none, or the executor
        cannot map; and as `make` and `train` refuse.
    """
    for name, values in (("tasks", tasks), ("optimizers", optimizers), ("seeds", seeds)):
        require_names(name, values)
    require_executor(executor)
    for name, values in optimizers.items() if isinstance(optimizers, dict) else ():
        if not isinstance(values, dict):
            raise TypeError(f"the fields of {name} are {shown(values)}; pass a dict, as "
                            "{'length': 0.1}.")
    chosen = dict(optimizers) if isinstance(optimizers, dict) else {o: {} for o in optimizers}
    jobs = [Job(task, name, seed, epochs, size, dtype, data, tuple(sorted(values.items())))
            for task in tasks for name, values in chosen.items() for seed in seeds]
    return list((map if executor is None else executor.map)(ran, jobs))


def ran(job):
    """The Result of a Job, wherever it runs."""
    task = posed(job.task, job.size, job.data, job.dtype)
    optimizer, batch = make(job.optimizer, task, dict(job.fields))
    try:
        at, log = train(task, optimizer, epochs=job.epochs, seed=job.seed, batch=batch)
    except Diverged as error:
        return Result(job, None, {}, str(error))
    return Result(job, at.theta, dict(zip(EPOCH, np.array(log.until(at)[1]).T)))
