"""Sequences: a chaotic series in exact arithmetic steps, and characters of a text."""

from pathlib import Path

import numpy as np

from ..arrays.checks import is_whole, shown
from .files import CAP

_STEP, _DELAY, _EVERY, _SETTLE = 0.1, 170, 60, 10_000    # in units of time; in steps

PARAGRAPH = """\
A curve that bends upward holds its lowest point where the slope is nothing. Walk along it with a
measured stride and you may pass the floor of the valley; walk with too short a stride and evening
comes before the river does. So the careful walker asks of the ground two things: how steep it is,
and how soon it will be less steep. With both in hand she takes one long step to the place where the
slope should end. If the ground was a bowl she stands at the bottom. If it was a saddle she stands
on a ridge, and has learned that a second question needs a second answer: not only how much the
ground bends, but which way. Where it bends down she does not trust the long step. She shortens it,
leans on the part of the hill that she knows, and tries again. Slowly the valley tells its shape, a
little at each step, and what was a wild country becomes a map.
"""


def mackey_glass(n: int) -> np.ndarray:
    """x (n,): dx/dt = 0.2 x(t - 17)/(1 + x(t - 17)^10) - 0.1 x [MG77], a value every 6 time units.

    The equation is replaced by Euler's recurrence with steps of 0.1,
        x_{k+1} = x_k + 0.1 (0.2 x_{k-170}/(1 + x_{k-170}^10) - 0.1 x_k),   x_k = 1.2 for k <= 0,
    which is chaotic by itself; the first 10 000 steps are left out, then every 60th is kept.  The
    tenth power is made of products, so that every machine gives the same numbers to the last bit.

    Parameters
    ----------
    n : int
        How many values.

    Raises
    ------
    ValueError
        If n is no whole number >= 1.

    Examples
    --------
    >>> x = mackey_glass(500)
    >>> x.shape, bool((0.2 < x).all() and (x < 1.4).all())
    ((500,), True)
    """
    if not is_whole(n, 1):
        raise ValueError(f"n={n!r}; write a whole number of at least 1.")
    x = [1.2] * (_DELAY + 1)
    for _ in range(_SETTLE + _EVERY * (n - 1)):
        late = x[-_DELAY - 1]
        square = late * late
        fourth = square * square
        tenth = fourth * fourth * square
        x.append(x[-1] + _STEP * (0.2 * late / (1 + tenth) - 0.1 * x[-1]))
    return np.array(x[_DELAY + _SETTLE::_EVERY])


def steps(values, T: int) -> tuple[np.ndarray, np.ndarray]:
    """x (N, T) and y (N, T): the series cut into pieces of T, and what follows each entry.

    N = (number of values - 1) // T; what is left over at the end is dropped.
    """
    N = (len(values) - 1) // T
    if N < 1:
        raise ValueError(f"a series of {len(values)} values has no piece of {T} steps and a next "
                         f"value; give at least {T + 1}.")
    return values[:N * T].reshape(N, T), values[1:N * T + 1].reshape(N, T)


def characters(text: str) -> tuple[np.ndarray, str]:
    """(codes (n,), alphabet): text[i] = alphabet[codes[i]], the alphabet in order of code points.

    Raises
    ------
    TypeError, ValueError
        If it is no text, or one of fewer than two different characters.
    """
    if not isinstance(text, str):
        raise TypeError(f"text is {shown(text)}; pass a str, such as a file's read_text('utf-8').")
    points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    found, codes = np.unique(points, return_inverse=True)
    if len(found) < 2:
        raise ValueError(f"the text has {len(text)} characters, {len(found)} of them different; "
                         "nothing can be predicted of fewer than 2.")
    return codes.astype(np.int64), "".join(map(chr, found.tolist()))


def load_text(path, max_bytes: int = CAP) -> str:
    """The text of a UTF-8 file, lines ending in one character.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is larger than `max_bytes`, or not UTF-8.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > max_bytes:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, over the {max_bytes} allowed; "
                         "cut it.")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}; convert it.") from error
