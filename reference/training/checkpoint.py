"""Checkpoints: where a run stands, as one npz file of numbers; the last two are kept.

    checkpoint-00000120.npz     after 120 steps: `code`, JSON as bytes, and `a0`, `a1`, ...

Each is written whole or not at all, and read with distrust: see problems/files.py.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import is_finite, is_whole
from ..arrays.transfer import to_host
from ..problems.files import load_npz, save_npz
from .coding import decode, encode

FORMAT = 1
KEPT = 2
_NAME = re.compile(r"checkpoint-(\d{8,})\.npz")


@dataclass(frozen=True, eq=False)
class Progress:
    """theta (P,) and the optimiser's state, after `epoch` whole epochs and `step` steps more.

    `steps` were taken in all, in `seconds` that leave evaluation and writing out.
    """

    theta: Any
    state: Any
    epoch: int = 0
    step: int = 0
    steps: int = 0
    seconds: float = 0.0


_FIELDS = ("theta", "state", "epoch", "step", "steps", "seconds")


def name_of(steps):
    """The file's name after so many steps."""
    return f"checkpoint-{steps:08d}.npz"


def listed(folder):
    """Checkpoints of a folder, the latest first."""
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(_NAME.fullmatch(path.name)[1]), reverse=True)


def save(folder, at, record, config):
    """Write a checkpoint, and then remove all but the last two; its path.

    Parameters
    ----------
    folder : Path
    at : Progress
    record : tuple of arrays
        Of record.Record.arrays.
    config : dict
        As JSON takes it.
    """
    values = tuple(getattr(at, name) for name in _FIELDS)
    code, arrays = encode((values, tuple(record)))
    text = json.dumps({"format": FORMAT, "config": config, "arrays": len(arrays), "value": code})
    path = folder / name_of(at.steps)
    save_npz(path, code=np.frombuffer(text.encode(), "uint8"),
             **{f"a{k}": to_host(array) for k, array in enumerate(arrays)})
    for old in listed(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load(path):
    """(Progress, record arrays, config) of a file.

    Raises
    ------
    ValueError
        If the file is damaged, naming it.
    """
    try:
        head = json.loads(load_npz(path, ["code"])["code"].tobytes())
        if head["format"] != FORMAT:
            raise ValueError(f"its format is {head['format']!r}, not {FORMAT}.")
        names = [f"a{k}" for k in range(head["arrays"])]
        values, record = decode(head["value"], list(load_npz(path, names).values()))
        at = Progress(**dict(zip(_FIELDS, values, strict=True)))
        _require_progress(at, path)
        return at, record, dict(head["config"])
    except FileNotFoundError:
        raise
    except Exception as error:                  # a hostile file raises nearly anything
        raise ValueError(f"checkpoint {path} cannot be read: {error}") from error


def _require_progress(at, path):
    """What can be said of a Progress without its task."""
    if not (hasattr(at.theta, "dtype") and at.theta.ndim == 1 and at.theta.dtype.kind == "f"
            and np.isfinite(at.theta).all()):
        raise ValueError("its theta is no vector of finite numbers.")
    if not (all(is_whole(count, 0) for count in (at.epoch, at.step, at.steps))
            and is_finite(at.seconds) and at.seconds >= 0):
        raise ValueError(f"its counts, {at.epoch}, {at.step} and {at.steps}, or seconds, "
                         f"{at.seconds}, are no numbers of 0 or more.")
    if path.name != name_of(at.steps):
        raise ValueError(f"it is of step {at.steps}, as its name does not say.")


def latest(folder, say, check=lambda *found: None):
    """What `load` gives of the latest checkpoint that is whole; None if there is none at all.

    Parameters
    ----------
    folder : Path
    say : callable
        Told of each that is damaged.
    check : callable, optional
        check(Progress, record arrays, config): TypeError or ValueError of what no run left.

    Raises
    ------
    ValueError
        If there are some and all are damaged.
    """
    damaged = None
    for path in listed(folder):
        try:
            found = load(path)
            _asked(check, path, found)
            return found
        except ValueError as error:
            damaged = error
            say(f"{error} Falling back to the one before.")
    if damaged is not None:
        raise ValueError(f"{damaged} No other is left in {folder}; begin again elsewhere.")
    return None


def _asked(check, path, found):
    try:
        check(*found)
    except (TypeError, ValueError) as error:
        raise ValueError(f"checkpoint {path} is damaged: {error}") from error
