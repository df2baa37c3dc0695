"""Somebody else's answers: asked twice, on inputs that must come back unchanged, and then judged.

Whatever a peer does, the report goes on: exceptions, exits, printing, answers that are no arrays
of real numbers, answers in a buffer that the next call overwrites.
"""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass

import numpy as np

from .certify import leaves


class NotOffered(Exception):
    """The peer has no function of that name, or says NotImplementedError."""


@dataclass(frozen=True)
class Answer:
    """Arrays of finite real numbers, or a note in one line that says what came instead."""

    arrays: list
    note: str = ""


def ask(peer, name, given, expected):
    """The peer's Answer to the quantity `name` at `given` = (objective, theta, ...).

    Parameters
    ----------
    peer : object
    name : str
    given : tuple
    expected : list of arrays
        Of the shapes that the answer must have.

    Raises
    ------
    NotOffered
    """
    function = getattr(peer, name, None)
    if function is None:
        raise NotOffered(name)
    before = [a.copy() for a in _inputs(given)]
    first = _call(function, given, expected)
    again = _call(function, given, expected)
    if not all(map(np.array_equal, before, _inputs(given))):
        return Answer(first.arrays, "the peer changed its inputs")
    if first.note or not again.note and all(map(np.array_equal, first.arrays, again.arrays)):
        return first
    return Answer(first.arrays, "two identical calls gave different answers"
                  + (f": the second, {again.note}" if again.note else ""))


def _inputs(given):
    """Everything that a peer could write on."""
    objective, *others = given
    data = (objective.x, objective.y, objective.weights)
    return [a for a in (*data, *others) if isinstance(a, np.ndarray)]


def _call(function, given, expected):
    """One call; the answer is copied, for the next call may reuse its memory."""
    try:
        with redirect_stdout(sys.stderr):
            answer = function(*given)
        numbers = isinstance(answer, (list, tuple)) and all(map(np.isscalar, answer))
        arrays = [np.array(a) for a in ([answer] if numbers else leaves(answer))]
    except NotImplementedError:
        raise NotOffered(function) from None
    except (Exception, SystemExit) as failure:                 # the report must go on
        return Answer(expected, _line(f"{type(failure).__name__}: {failure}"))
    fault = next(filter(None, _faults(arrays, expected)), "")
    return Answer(expected if fault else arrays, fault)


def _faults(arrays, expected):
    """What is wrong with the form of an answer."""
    if len(arrays) != len(expected):
        yield f"{len(arrays)} arrays were returned, {len(expected)} are expected"
    for k, (a, e) in enumerate(zip(arrays, expected)):
        if a.shape != e.shape:
            yield f"array {k} has shape {a.shape}, expected {e.shape}"
        elif a.dtype.kind not in "fiu":
            yield f"array {k} holds {a.dtype}, expected real numbers"
        elif not np.isfinite(a).all():
            first = tuple(int(i) for i in np.argwhere(~np.isfinite(a))[0])
            yield (f"{int((~np.isfinite(a)).sum())} of {a.size} entries of array {k} are not "
                   f"finite, the first at {list(first)}")


def _line(text, longest=160):
    """One line of at most so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[:longest] + " ..."
