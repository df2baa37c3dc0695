"""The same computed on the host and there: what is compared, and how."""

from contextlib import nullcontext
from dataclasses import fields, is_dataclass
from importlib import import_module

import numpy as np

from reference.arrays.transfer import move, to_host
from tests.stand_in.modules import installed

# The stand-in's numbers are NumPy's, but the ways differ: einsum is not rearranged, scatter adds in
# another order, CuPy's rule picks other formulas (sigmoid).  Sums of at most some hundred terms
# then differ by less than 1e-13 of the largest entry in float64, and 1e-4 in float32.
TOLERANCE = {"float64": 1e-12, "float32": 5e-5}


def place(kind):
    """A context in which "cupy" is the stand-in, or the real one."""
    return installed() if kind == "stand-in" else nullcontext(import_module("cupy"))


def leaves(value, path=""):
    """(path, array or number) of lists, tuples, dicts and dataclasses, objectives left out."""
    if isinstance(value, (list, tuple)):
        for k, each in enumerate(value):
            yield from leaves(each, f"{path}[{k}]")
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, f"{path}[{key}]")
    elif is_dataclass(value) and not hasattr(value, "value"):
        for each in fields(value):
            yield from leaves(getattr(value, each.name), f"{path}.{each.name}")
    elif hasattr(value, "dtype") and hasattr(value, "strides") or isinstance(value, (int, float)):
        yield path, value


def on_device(value):
    """Paths of what is no device array though it has axes."""
    return [path for path, leaf in leaves(value)
            if type(leaf).__module__ == "numpy" and np.ndim(leaf)]


def differences(there, here, dtype="float64", tolerance=None):
    """What differs by more than the tolerance times the largest entry: path, and by how much."""
    tolerance = TOLERANCE[dtype] if tolerance is None else tolerance
    there, here = list(leaves(there)), list(leaves(here))
    if [path for path, _ in there] != [path for path, _ in here] or not here:
        return [f"other parts: {[p for p, _ in there]}, {[p for p, _ in here]}"]
    return [found for (path, a), (_, b) in zip(there, here)
            if (found := _difference(path, to_host(a), to_host(b), tolerance))]


def _difference(path, a, b, tolerance):
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{path or 'it'} is {a.dtype} {a.shape}, not {b.dtype} {b.shape}"
    off = np.abs(a.astype(complex) - b).max(initial=0)
    if not off <= tolerance * max(np.abs(b).max(initial=0), np.finfo(float).tiny):
        return f"{path or 'it'} is off by {off:.2g} of {np.abs(b).max(initial=0):.2g}"
    return ""


def compared(function, objective, theta, *arrays, dtype="float64", tolerance=None):
    """Errors of function(objective, theta, *arrays) there against here; "" where it refuses alike.

    What is refused on the host must be refused on a device, in the same words.
    """
    objective = objective.to(dtype)
    given = [a.astype(dtype) for a in (theta, *arrays)]
    try:
        here = function(objective, *given)
    except (TypeError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        return _refused_alike(function, objective, given, error)
    there = function(objective.to("cupy"), *(move(a, "cupy") for a in given))
    return differences(there, here, dtype, tolerance) + [
        f"{path or 'it'} is on the host" for path in on_device(there)]


def _refused_alike(function, objective, given, error):
    try:
        function(objective.to("cupy"), *(move(a, "cupy") for a in given))
    except type(error) as other:
        same = str(other)[:40] == str(error)[:40]
        return [] if same else [f"refused as {other!s:.90}, not as {error!s:.90}"]
    return [f"not refused, as on the host: {error}"]
