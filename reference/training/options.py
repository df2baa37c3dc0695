"""The options of `python -m reference train`."""

import argparse
from ast import literal_eval
from pathlib import Path

from ..arrays.transfer import HOMES
from ..options import finite_seconds, natural, positive
from ..problems.tasks import DTYPES, TASKS
from ..problems.training import SIZES
from .defaults import OPTIMIZERS

EPILOG = f"""examples:
  python -m reference train digits --size tiny --optimizer kbfgs,adam,sgd --plot
  python -m reference train mnist-autoencoder --optimizer kfac --set damping=10 --epochs 20
  python -m reference train mnist-autoencoder --optimizer kfac --set damping=10 --epochs 40 --resume
  python -m reference train mnist-autoencoder --size paper --dtype float32 --backend cupy

tasks: {', '.join(TASKS)}
optimizers: {', '.join(OPTIMIZERS)}"""
EPOCHS = 10
WORDS = {"true": "True", "false": "False", "none": "None"}   # in any case, as --set takes them


def add_options(command):
    """The options of the command, on an argparse parser."""
    command.add_argument("task", metavar="TASK", help="see below")
    command.add_argument("--optimizer", default="kbfgs", metavar="NAMES",
                         help="comma-separated, see below (default kbfgs)")
    command.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", dest="fields",
                         help="a hyper-parameter, of every optimizer that has it, or "
                         "NAME.FIELD=VALUE of one; repeatable")
    command.add_argument("--epochs", type=positive, metavar="N",
                         help=f"in all (default {EPOCHS} without --seconds)")
    command.add_argument("--seconds", type=finite_seconds, metavar="S",
                         help="of training in all; the epoch under way is finished")
    command.add_argument("--size", default="small", metavar="SIZE",
                         help=f"{', '.join(SIZES)} (default small)")
    command.add_argument("--data", type=_place, metavar="PATH", help="where the task's files are "
                         "(default: below the directory that REFERENCE_DATA names)")
    command.add_argument("--dtype", default="float64", metavar="TYPE",
                         help=f"{' or '.join(DTYPES)} (default float64)")
    command.add_argument("--backend", default="numpy", choices=HOMES,
                         help="where the arrays are: numpy, or cupy, on a GPU (default numpy)")
    command.add_argument("--batch", type=positive, metavar="N",
                         help="examples of a mini-batch (default: the task's or the optimizer's)")
    command.add_argument("--seed", type=natural, default=0, metavar="N", help="default 0")
    command.add_argument("--out", type=_place, metavar="DIR", help="holds a folder per optimizer "
                         "(default runs/TASK-SIZE)")
    command.add_argument("--resume", action="store_true",
                         help="go on from the latest checkpoints, if there are any")
    command.add_argument("--workers", type=positive, default=1, metavar="N",
                         help="processes that solve blocks (block-hessian-free; default 1)")
    command.add_argument("--plot", action="store_true", help="also draw DIR/losses.png")
    command.add_argument("--json", action="store_true",
                         help="print one JSON object instead of a table")


# ---- options ----

def _place(text):
    if not text:
        raise argparse.ArgumentTypeError("a place without a name; write . for this folder")
    return Path(text)


def chosen_fields(texts, names):
    """{optimiser: {field: value}} of FIELD=VALUE and NAME.FIELD=VALUE.

    Raises
    ------
    ValueError
        For another form, an optimiser that does not train, or a field that none of them has, or
        that is set twice.
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
            if field in chosen[each]:
                raise ValueError(f"--set {text}: {field} of {each} is set already, to "
                                 f"{chosen[each][field]!r}; set it once.")
            chosen[each][field] = _value(right)
    return chosen


def _fields(name):
    return [field for field, each in OPTIMIZERS[name].__dataclass_fields__.items() if each.compare]


def _has(name, field):
    return field in _fields(name)


def _value(text):
    """A Python literal, or the text itself; true, false and none in any case."""
    try:
        return literal_eval(WORDS.get(text.lower(), text))
    except (ValueError, SyntaxError):
        return text
