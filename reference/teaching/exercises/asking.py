"""A student's function is asked: what it raises, changes or forgets is told, arrays are kept."""

import re
import traceback
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .words import shapes


@dataclass(frozen=True)
class Asked:
    """What came of asking: `given`, unless it is not usable; faults, and warnings of NumPy."""

    usable: bool
    given: Any = None
    faults: list = field(default_factory=list)
    warned: list = field(default_factory=list)


def ask(function, arguments):
    """An Asked: the function gets copies, and is called twice, for the answer must be the same."""
    first, wrong, warned = _called(function, _copies(arguments))
    if wrong:
        return Asked(False, faults=wrong)
    own = _copies(arguments)
    second, wrong, _ = _called(function, own)
    if wrong:
        return Asked(False, faults=["a second call with the same numbers fails: " + wrong[0],
                                    *wrong[1:]])
    changed = [name for name, a in arguments.items() if not _same(a, own[name])]
    faults = [f"it changes its input {', '.join(changed)}: work on a copy "
              f"({changed[0]} = {changed[0]}.copy())."] if changed else []
    pairs = flat(first), flat(second)
    if len(pairs[0]) != len(pairs[1]) or not all(map(_same, *pairs)):
        faults.append("a second call with the same numbers gives another answer: it keeps "
                      "something between calls, or draws random numbers.")
    return Asked(True, first, faults, warned)


def _called(function, arguments):
    """(answer, [], warnings), or (None, what it raised and in which line of the student's, [])."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            answer = kept(function(*arguments.values()))
        except KeyboardInterrupt:                      # the way out of a loop without end
            raise
        except BaseException as failure:               # whatever a student's code does
            return None, raised(function, failure, arguments), []
    told = {" ".join(str(each.message).split()) for each in heard}
    return answer, [], [f"a warning came up: {text}" for text in sorted(told)]


def raised(function, failure, arguments):
    """The exception, the student's own line, and the shapes of what was given."""
    frames = traceback.extract_tb(failure.__traceback__)[1:]
    code = getattr(function, "__code__", None)
    own = [f for f in frames if code is not None and f.filename == code.co_filename] or frames
    try:
        said = plainer(str(failure))
    except Exception:                                  # a student's own exception
        said = "its text cannot be made"
    lines = [f"it raises {type(failure).__name__}: {said}"]
    if own:
        lines.append(f"in line {own[-1].lineno}, in {own[-1].name}: {own[-1].line or ''}".rstrip())
    return [*lines, f"it was given {shapes(arguments)}."]


def plainer(text):
    """NumPy's sentence on a product whose sizes do not fit, in a student's words; others as is."""
    sizes = re.search(r"matmul: .*\(size (\d+) is different from (\d+)\)", text, re.DOTALL)
    return " ".join(text.split()) if sizes is None else (
        f"in a product @ the sizes do not fit: on its left rows have {sizes[2]} entries, on its "
        f"right columns have {sizes[1]}")


# ---- the form of an answer ----

def arranged(given, expected, dtype):
    """(arrays, []): as many as expected, numbers and finite; (None, faults) if it is not so."""
    names = ", ".join(expected)
    if given is None:
        return None, [f"it returns None: is `return {names}` missing?"]
    found = flat(given) if len(expected) > 1 else [given]
    if len(found) != len(expected):
        return None, [counted(given, found, names, len(expected))]
    arrays = []
    for (name, right), a in zip(expected.items(), found):
        try:
            arrays.append(np.array(a))
        except (ValueError, TypeError):
            return None, [f"{name} is no array: its rows have different lengths."]
        wrong = unfit(name, arrays[-1], a, np.asarray(right), dtype)
        if wrong:
            return None, [wrong]
    return exchanged(arrays, expected)


def counted(given, found, names, expected):
    """What a wrong number of arrays is."""
    if not isinstance(given, (tuple, list, np.ndarray)):
        return f"it returns a {type(given).__name__}; expected {expected} arrays: return {names}."
    rows = "" if all(isinstance(a, np.ndarray) for a in found) else (
        " A list of lists counts as one for each row: make arrays of lists.")
    return (f"it returns {len(found)} {'array' if len(found) == 1 else 'arrays'}; expected "
            f"{expected}: {names}.{rows}")


def unfit(name, a, given, right, dtype):
    """What makes an array unusable, or None."""
    if a.dtype.kind not in "fciu":
        what = f"an array of {a.dtype}" if isinstance(given, np.ndarray) else (
            f"a {type(given).__name__}")
        return f"{name} is {what}, not an array of numbers: expected shape {right.shape}."
    if isinstance(given, np.ma.MaskedArray):
        return f"{name} is a masked array: return all its numbers, as a plain array."
    if not np.isfinite(a).all():
        at = [int(i) for i in np.argwhere(~np.isfinite(a))[0]]
        word = "NaN" if np.isnan(a[tuple(at)]) else "infinite"
        return (f"{name}{at if at else ''} is {word} ({int((~np.isfinite(a)).sum())} of {a.size} "
                "entries are not finite): look for 0/0, or an exponential that overflows.")
    if right.dtype.kind == "c" and a.dtype.kind != "c":
        return (f"{name} is {a.dtype}, expected {right.dtype}: the imaginary part is lost. Make "
                "arrays by zeros(..., dtype=x.dtype); no .real, abs or float on the way.")
    if right.dtype.kind != "c" and a.dtype.kind == "c":
        return f"{name} is {a.dtype}, expected {right.dtype}: take .imag or .real at the end."
    if dtype and a.dtype != dtype:
        return (f"{name} is {a.dtype}, expected {dtype} as the input: some array was made in "
                "another precision: write zeros or ones(..., dtype=x.dtype).")
    return None


def exchanged(arrays, expected):
    """(arrays, []); (None, faults) if their shapes are right in another order alone."""
    right = [np.shape(a) for a in expected.values()]
    found = [a.shape for a in arrays]
    if found != right and sorted(found) == sorted(right):
        return None, [f"the arrays are in another order: expected {shapes(expected)}, got shapes "
                      f"{', '.join(map(str, found))}."]
    return arrays, []


def flat(given):
    """The arrays in tuples and lists; a list of numbers is one."""
    if isinstance(given, (tuple, list)) and not (given and all(map(np.isscalar, given))):
        return [leaf for each in given for leaf in flat(each)]
    return [given]


def kept(answer):
    """Copies of the arrays in an answer: a buffer may be used again by the next call."""
    if isinstance(answer, (tuple, list)):
        return [kept(each) for each in answer]
    if hasattr(answer, "__array__") and not isinstance(answer, (np.ndarray, np.generic)):
        return np.array(answer)                        # a tensor
    return answer.copy() if isinstance(answer, np.ndarray) else answer


def _copies(arguments):
    return {name: a.copy() if isinstance(a, np.ndarray) else a for name, a in arguments.items()}


def _same(a, b):
    """Whether arrays or numbers are equal; of other things, whether they are of one type."""
    if isinstance(a, (np.ndarray, np.number)):
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return type(a) is type(b) and (not isinstance(a, (int, float, complex)) or a == b or a != a)
