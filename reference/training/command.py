"""Training as a command: its runs, its progress, its table and its JSON."""

import json
import math
import signal
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from tqdm import tqdm

from ..arrays.cuda import device, sparing
from ..problems.tasks import task
from . import record
from .coding import settings
from .defaults import default, make
from .folder import require_free
from .options import EPILOG, EPOCHS, add_options, chosen_fields
from .trainer import Diverged, train

ADVICE = ("take a smaller --batch, --dtype float32 or a smaller --size; what was saved goes on "
          "with --resume")

__all__ = ["EPILOG", "add_options", "folder_of", "runs_in", "trained"]


def folder_of(arguments):
    """Where the runs are written."""
    return arguments.out or Path("runs") / f"{arguments.task}-{arguments.size}"


# ---- the runs ----

def trained(arguments, show, warn):
    """Trains by one optimiser after the other, shows a table or JSON; 1 if one diverged, else 0.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        For what cannot be trained; all that can be is refused before the first step.
    NoDevice
        For --backend cupy without a GPU.
    MemoryError
        If there is not room enough, here or on the GPU; the message says what to do.
    """
    names, folder = arguments.optimizer.split(","), folder_of(arguments)
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--optimizer names {name!r} {names.count(name)} times; one folder "
                             "holds one run: name it once, or use another --out.")
        default(name, arguments.task)
    chosen = chosen_fields(arguments.fields, names)
    if arguments.backend == "cupy":
        device()
    with sparing(ADVICE):
        return _trained(arguments, names, chosen, folder, show, warn)


def _trained(arguments, names, chosen, folder, show, warn):
    posed = task(arguments.task, arguments.size, arguments.data, arguments.dtype)
    posed = posed.to(arguments.backend)
    with _workers(arguments.workers) as executor:
        made = {name: make(name, posed, chosen[name], arguments.batch, executor) for name in names}
        if not arguments.resume:
            for name in names:
                require_free(folder / name)
        runs = [_run(arguments, posed, name, *made[name], folder / name, warn) for name in names]
    show(json.dumps(_report(posed, arguments, runs), indent=1) if arguments.json
         else "\n".join(table(posed, runs)))
    return 1 if any(run["reason"] for run in runs) else 0


def _workers(count):
    if count == 1:
        return nullcontext()
    # Ctrl-C reaches the whole group of processes; what it means is for this one to say
    return ProcessPoolExecutor(count, initializer=signal.signal,
                               initargs=(signal.SIGINT, signal.SIG_IGN))


def _run(arguments, posed, name, optimizer, batch, folder, warn):
    """One optimiser's run, as a dict."""
    limit = arguments.epochs or (None if arguments.seconds else EPOCHS)
    total = limit and limit * (posed.train.N // batch)
    reason, rows = "", []
    with tqdm(total=total, desc=name, unit="step", disable=None) as bar:
        def progress(at, per_epoch, row):
            bar.set_postfix_str(_postfix(row), refresh=False)
            bar.update(at.steps - bar.n)
        try:
            _, log = train(posed, optimizer, folder, limit, arguments.seconds, arguments.seed,
                           batch, arguments.resume, progress=progress, say=warn)
            rows = log.epochs
        except Diverged as error:
            reason = str(error)
            warn(f"{name}: {reason}")
    if reason and (folder / "record.npz").is_file():
        rows = list(zip(*record.read(folder / "record.npz").values()))
    return {"optimizer": name, "source": default(name, posed.name).source, "batch": batch,
            "settings": settings(optimizer), "reason": reason,
            "epochs": {column: [_number(row[k]) for row in rows]
                       for k, column in enumerate(record.EPOCH)}}


def _postfix(row):
    told = zip(("loss", "rho", "damping"), row)
    return ", ".join(f"{name} {number:.4g}" for name, number in told if not math.isnan(number))


def _number(number):
    """JSON has no NaN."""
    return float(number) if math.isfinite(number) else None


def _report(posed, arguments, runs):
    return {"task": posed.name, "size": posed.size, "dtype": str(posed.dtype), "note": posed.note,
            "seed": arguments.seed, "runs": runs}


def table(posed, runs):
    """Lines: the last row of each run."""
    yield f"{posed.name}, {posed.size}: losses over all examples"
    yield (f"{'optimizer':<26}{'epochs':>7}{'steps':>8}{'seconds':>9}{'training':>13}{'test':>13}")
    for run in runs:
        last = [numbers[-1] if numbers else math.nan for numbers in run["epochs"].values()][:5]
        epoch, steps, seconds, train_loss, test_loss = (math.nan if n is None else n for n in last)
        yield (f"{run['optimizer']:<26}{epoch:>7.0f}{steps:>8.0f}{seconds:>9.1f}{train_loss:>13.6g}"
               f"{test_loss:>13.6g}{'  diverged' if run['reason'] else ''}")


# ---- what was recorded ----

def runs_in(folder):
    """(the folder's name, {run: columns}) of a folder of runs, or of one run.

    Raises
    ------
    ValueError
        If there is no record, or a damaged one.
    """
    within = sorted(folder.iterdir()) if folder.is_dir() else []
    places = [place for place in (folder, *within) if (place / "record.npz").is_file()]
    if not places:
        raise ValueError(f"{folder} holds no record.npz, nor does a folder in it; train writes "
                         "them.")
    return folder.name, {place.name: record.read(place / "record.npz") for place in places}
