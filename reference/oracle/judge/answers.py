"""Their answer as arrays: from an array, a list or dict of arrays, tensors, or a callable.

A callable is asked twice, on inputs that must come back unchanged; what it prints goes to standard
error, and whatever it raises becomes a fault in one line.  How it sets NumPy's errors is undone;
what it writes past sys.stdout, to file descriptor 1 as C does, cannot be caught.
"""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, field, fields, is_dataclass

import numpy as np

from ...curvature.operator import Symmetric, dense

LONGEST = 160


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of one call, or what was handed over.

    Attributes
    ----------
    arrays : list of arrays
        Real floats, as wide as they came; empty if there is a fault of form.
    names : list of str or None
        Of a dict's keys, in the order of the arrays.
    dtype : dtype
        The narrowest that any of the arrays came in; integers count as float64.
    faults : tuple of str
        What makes the answer unusable or the callable untrustworthy, one line each.
    later : list of arrays, or None
        What a second identical call gave, where it differs.
    """

    arrays: list = field(default_factory=list)
    names: list | None = None
    dtype: np.dtype = np.dtype(float)
    faults: tuple = ()
    later: list | None = None

    @property
    def usable(self):
        """Whether there are numbers to compare."""
        return bool(self.arrays)


def answer_of(theirs, given):
    """The Answer of `theirs`: numbers, or a callable of `given` = (objective, theta, ...)."""
    if hasattr(theirs, "named_modules"):
        return Answer(faults=("this is a module, not what it makes: hand over numbers, or a "
                              "function of (objective, theta, ...) that calls it",))
    return _asked(theirs, given) if callable(theirs) else _read(theirs)


# ---- numbers ----

def _read(theirs):
    """Copies of whatever holds arrays; a fault for what are no real numbers."""
    try:
        found, names = _flat(theirs)
        arrays = [_array(a) for a in found]
    except Exception as failure:                   # whatever a foreign object does
        return Answer(faults=(_line(f"this is no array of real numbers: "
                                    f"{type(failure).__name__}: {failure}"),))
    fault = next(filter(None, map(_unfit, arrays, names or range(len(arrays)))), None)
    if fault or not arrays:
        return Answer(faults=(fault or "there are no numbers in it",))
    dtypes = [np.dtype(float) if a.dtype.kind in "iu" else a.dtype for a in arrays]
    return Answer([a.astype(np.promote_types(a.dtype, float)) for a in arrays], names,
                  min(dtypes, key=lambda d: np.finfo(d).nmant))


def _flat(theirs):
    """The objects in `theirs` that should be arrays, and their names if they have any."""
    if isinstance(theirs, dict):
        return list(theirs.values()), [str(name) for name in theirs]
    if isinstance(theirs, Symmetric):
        return [dense(theirs)], None
    if is_dataclass(theirs) and not isinstance(theirs, type):
        return _flat([getattr(theirs, each.name) for each in fields(theirs)])
    if isinstance(theirs, (list, tuple)) and not (theirs and all(map(np.isscalar, theirs))):
        return [leaf for each in theirs for leaf in _flat(each)[0]], None
    return [theirs], None


def _array(a):
    """A copy as NumPy; PyTorch's tensors that need a gradient are detached, and fetched."""
    if np.ma.is_masked(a):
        raise ValueError(f"{np.ma.count_masked(a)} of its entries are masked; fill them")
    for method in ("detach", "cpu", "numpy", "get", "toarray"):   # PyTorch thrice, CuPy, SciPy
        if not isinstance(a, np.ndarray) and callable(getattr(a, method, None)):
            a = getattr(a, method)()
    return np.array(a)


def _unfit(a, name):
    where = f"array {name}" if not isinstance(name, str) else name
    if a.dtype.kind == "O" and a.ndim == 0:
        return f"{where} is a {type(a.item()).__name__}, not real numbers"
    if a.dtype.kind not in "fiu":
        return f"{where} holds {a.dtype}, not real numbers"
    if a.size == 0:
        return f"{where} is empty"
    if not np.isfinite(a).all():
        wrong = ~np.isfinite(a)
        first = [int(i) for i in np.argwhere(wrong)[0]]
        kind = "nan" if np.isnan(a[tuple(first)]) else "infinite"
        return (f"{int(wrong.sum())} of {a.size} entries of {where} are not finite, the first "
                f"is {kind} at {first}")
    return None


# ---- callables ----

def _asked(function, given):
    """Two calls; faults for changed inputs, and for a second answer unlike the first."""
    inputs = _inputs(given)
    before = [a.copy() for a in inputs]
    first = _call(function, given)
    if not first.usable:
        return first
    second, faults = _call(function, given), []
    if not all(map(np.array_equal, before, _inputs(given))):
        for a, b in zip((*inputs, *_inputs(given)), before * 2):
            if a.shape == b.shape and a.flags.writeable:
                a[...] = b
        faults.append("it changes its inputs: work on copies")
    if not second.usable:
        faults.append(f"a second identical call fails: {second.faults[0]}")
    elif not _same(first.arrays, second.arrays):
        faults.append("a second identical call gives another answer: it keeps state, or draws "
                      "random numbers of its own")
    later = second.arrays if second.usable and faults else None
    return Answer(first.arrays, first.names, first.dtype, tuple(faults), later)


def _call(function, given):
    try:
        with redirect_stdout(sys.stderr), np.errstate():        # which puts back what was set
            return _read(function(*given))          # copied at once: buffers may be used again
    except NotImplementedError:
        raise
    except (Exception, SystemExit) as failure:
        return Answer(faults=(_line(f"it raises {type(failure).__name__}: {failure}"),))


def _inputs(given):
    """Everything that a callable could write on."""
    objective, *others = given
    data = (objective.x, objective.y, objective.weights)
    return [a for a in (*data, *others) if isinstance(a, np.ndarray)]


def _same(first, second):
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def _line(text):
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."
