"""Training as a command: its options, its progress, its table and its JSON."""

import argparse
import json
import math
from ast import literal_eval
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from tqdm import tqdm

from ..problems.tasks import DTYPES, TASKS, task
from ..problems.training import SIZES
from . import record
from .coding import settings
from .defaults import OPTIMIZERS, default, make
from .trainer import Diverged, require_free, train

EPILOG = f"""examples:
  python -m reference train digits --size tiny --optimizer kbfgs,adam,sgd --plot
  python -m reference train mnist-autoencoder --optimizer kfac --set damping=10 --epochs 20
  python -m reference train mnist-autoencoder --optimizer kfac --set damping=10 --epochs 40 --resume

tasks: {', '.join(TASKS)}
optimizers: {', '.join(OPTIMIZERS)}"""
EPOCHS = 10


def add_options(command):
    """The options of the command, on an argparse parser."""
    command.add_argument("task", metavar="TASK", help="see below")
    command.add_argument("--optimizer", default="kbfgs", metavar="NAMES",
                         help="comma-separated, see below (default kbfgs)")
    command.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", dest="fields",
                         help="a hyper-parameter, of every optimizer that has it, or "
                         "NAME.FIELD=VALUE of one; repeatable")
    command.add_argument("--epochs", type=_positive, metavar="N",
                         help=f"in all (default {EPOCHS} without --seconds)")
    command.add_argument("--seconds", type=_seconds, metavar="S",
                         help="of training in all; the epoch under way is finished")
    command.add_argument("--size", default="small", metavar="SIZE",
                         help=f"{', '.join(SIZES)} (default small)")
    command.add_argument("--data", type=Path, metavar="PATH", help="where the task's files are "
                         "(default: below the directory that REFERENCE_DATA names)")
    command.add_argument("--dtype", default="float64", metavar="TYPE",
                         help=f"{' or '.join(DTYPES)} (default float64)")
    command.add_argument("--batch", type=_positive, metavar="N",
                         help="examples of a mini-batch (default: the task's or the optimizer's)")
    command.add_argument("--seed", type=_natural, default=0, metavar="N", help="default 0")
    command.add_argument("--out", type=Path, metavar="DIR", help="holds a folder per optimizer "
                         "(default runs/TASK-SIZE)")
    command.add_argument("--resume", action="store_true",
                         help="go on from the latest checkpoints, if there are any")
    command.add_argument("--workers", type=_positive, default=1, metavar="N",
                         help="processes that solve blocks (block-hessian-free; default 1)")
    command.add_argument("--plot", action="store_true", help="also draw DIR/losses.png")
    command.add_argument("--json", action="store_true",
                         help="print one JSON object instead of a table")


# ---- options ----

def _natural(text, least=0):
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number >= {least}")
    return int(text)


def _positive(text):
    return _natural(text, 1)


def _seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number of seconds")
    return seconds


def chosen_fields(texts, names):
    """{optimiser: {field: value}} of FIELD=VALUE and NAME.FIELD=VALUE.

    Raises
    ------
    ValueError
        For another form, an optimiser that does not train, or a field that none of them has.
    """
    chosen = {name: {} for name in names}
    for text in texts:
        left, equals, right = text.partition("=")
        name, dot, field = left.rpartition(".")
        if not (equals and field) or dot and name not in chosen:
            raise ValueError(f"--set takes FIELD=VALUE or NAME.FIELD=VALUE with one of "
                             f"{', '.join(names)}, got {text!r}.")
        having = [name] if dot else [each for each in names if _has(each, field)]
        if not having:
            raise ValueError(f"--set {text}: no field {field!r}; " + "; ".join(
                f"{each} has {', '.join(_fields(each))}" for each in names) + ".")
        for each in having:
            chosen[each][field] = _value(right)
    return chosen


def _fields(name):
    return [field for field, each in OPTIMIZERS[name].__dataclass_fields__.items() if each.compare]


def _has(name, field):
    return field in _fields(name)


def _value(text):
    """A Python literal, or the text itself."""
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


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
    """
    names, folder = list(dict.fromkeys(arguments.optimizer.split(","))), folder_of(arguments)
    for name in names:
        default(name, arguments.task)
    chosen = chosen_fields(arguments.fields, names)
    posed = task(arguments.task, arguments.size, arguments.data, arguments.dtype)
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
    return ProcessPoolExecutor(count) if count > 1 else nullcontext()


def _run(arguments, posed, name, optimizer, batch, folder, warn):
    """One optimiser's run, as a dict."""
    limit = arguments.epochs or (None if arguments.seconds else EPOCHS)
    total = limit and limit * (posed.train.N // batch)
    reason, rows = "", []
    with tqdm(total=total, desc=name, unit="step", disable=None) as bar:
        def watch(at, per_epoch, row):
            bar.set_postfix_str(_postfix(row), refresh=False)
            bar.update(at.steps - bar.n)
        try:
            _, log = train(posed, optimizer, folder, limit, arguments.seconds, arguments.seed,
                           batch, arguments.resume, watch, warn)
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
