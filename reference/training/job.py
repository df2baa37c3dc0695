"""One run of the results, in a process of its own: bounded in time and room, and its end told."""

import json
import platform
import signal
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

import numpy as np
import scipy

from ..problems.files import replacing
from ..problems.tasks import task
from . import record
from .coding import settings
from .defaults import default, make
from .trainer import Diverged, train

STAY, CUT, KILL = 3, 10, 15             # times S: of training, of everything, and no later than
ROOM = 6 * 2 ** 30                      # bytes of addresses for a run, its libraries included


@dataclass(frozen=True)
class Job:
    """A task by name, size, dtype and place of its data; an optimiser by name; a seed; limits."""

    task: str
    optimizer: str
    seed: int
    seconds: float
    epochs: int
    size: str = "small"
    dtype: str = "float32"
    data: str | None = None


class Spent(KeyboardInterrupt):
    """The time that a run may take with everything is over."""


def ran(job, folder):
    """Run a Job and write outcome.json: finished, stopped, diverged, refused or failed, and why.

    Parameters
    ----------
    job : Job
    folder : Path
        Made if need be; holds the record of the losses, where there is any.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told, log = {}, None
    try:
        with spending(CUT * job.seconds):
            posed = task(job.task, job.size, job.data, job.dtype)
            optimizer, batch = make(job.optimizer, posed)
            told = {"batch": batch, "examples": posed.train.N, "settings": settings(optimizer),
                    "parameters": posed.train.net.layout.size}
            at, log = train(posed, optimizer, seed=job.seed, batch=batch, clock=process_time,
                            until=lambda at: enough(job, at))
            told |= {"status": "finished", "message": ""}
    except Diverged as error:
        log = error.record
        told |= {"status": "diverged", "message": str(error).partition(";")[0] + "."}
    except KeyboardInterrupt as error:
        log = getattr(error, "record", None)
        told |= {"status": "stopped", "message": f"cut off in an epoch, {CUT * job.seconds:g} s of "
                 "the processor after the start, evaluation included."}
    except (ArithmeticError, MemoryError, NotImplementedError, TypeError, ValueError) as error:
        told |= {"status": "refused", "message": _sentence(error)}
    except Exception as error:          # whatever else went wrong is told, and stops no other run
        told |= {"status": "failed", "message": _sentence(error)}
    if log is not None and log.epochs:
        record.write(folder, np.array(log.steps).reshape(-1, len(record.STEP)),
                     np.array(log.epochs))
    tell(job, folder, **told)


def enough(job, at):
    """Whether S seconds and E epochs are done, or STAY times S seconds."""
    both = at.seconds >= job.seconds and at.epoch >= job.epochs
    return both or at.seconds >= STAY * job.seconds


def tell(job, folder, status, message, **more):
    """Write outcome.json."""
    text = json.dumps({"job": asdict(job) | {"fields": fields_of(job)},
                       "source": default(job.optimizer, job.task).source, "status": status,
                       "message": message, "machine": machine(), **more}, indent=1)
    with replacing(folder / "outcome.json") as stream:
        stream.write(text.encode())


def fields_of(job):
    """The hyper-parameters that the defaults set, as JSON gives them back."""
    return json.loads(json.dumps(default(job.optimizer, job.task).fields, default=str))


def outcome(job, folder):
    """What `tell` wrote of the same Job; None if nothing, or of another."""
    path = Path(folder) / "outcome.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text("utf-8"))
    return found if found["job"] == asdict(job) | {"fields": fields_of(job)} else None


def _sentence(error):
    return f"{type(error).__name__}: {error}"


# ---- limits ----

@contextmanager
def spending(seconds):
    """Spent is raised in the block once it took so much of the processor's time."""
    def spent(number, frame):
        raise Spent()
    before = signal.signal(signal.SIGPROF, spent)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def bounded(job, folder):
    """`ran` in a process that the system ends if it takes KILL S of its processor, or ROOM."""
    import resource                     # of Unix alone
    signal.signal(signal.SIGINT, signal.SIG_IGN)        # Ctrl-C is for the parent to say
    most = int(process_time() + KILL * job.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    ran(job, folder)


def machine():
    """The processor and the versions that rounding and times depend on."""
    return {"processor": _processor(), "system": platform.system(),
            "Python": platform.python_version(), "NumPy": np.__version__,
            "SciPy": scipy.__version__}


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
