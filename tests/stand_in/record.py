"""What CuPy offers: its functions' parameters and its ufuncs' types, read from an installed CuPy.

    python -m tests.stand_in.record          writes tests/stand_in/record.json

No device is needed.  The record lets tests know CuPy's limits where CuPy is not installed; where
it is, a test compares the two.
"""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path

FILE = Path(__file__).with_name("record.json")
MODULES = ("cupy", "cupy.linalg", "cupyx", "cupyx.scipy.special")
KINDS = set("?bBhHiIlLqQefdFD")


def parameters(function):
    """Names of a function's parameters, "*" before what takes any number; None if unknown."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [("*" if p.kind == p.VAR_POSITIONAL else "") + p.name for p in found]


def of_method(method):
    """The same of a compiled method, from the first line of its docstring."""
    line = (method.__doc__ or "").split("\n")[0]
    inside = re.search(r"\(self(?:, )?(.*)\)", line)
    if not inside:
        return None
    return [part.split("=")[0].split()[-1] for part in inside[1].split(", ") if part]


def types(ufunc):
    """The loops of a ufunc among the types that this package uses, "dd->d"."""
    return [t for t in ufunc.types if set(t) - set("->") <= KINDS]


def record():
    """{"version", "modules": {module: {name: parameters or types}}, "methods": {name: parameters}}.

    A list of types is told by its arrows; None is known to exist, with parameters unknown.
    """
    cupy = import_module("cupy")
    modules = {module: {} for module in MODULES}
    for module, names in modules.items():
        found = import_module(module)
        for name in sorted(n for n in dir(found) if not n.startswith("_")):
            thing = getattr(found, name)
            if isinstance(getattr(thing, "types", None), list):
                names[name] = types(thing)
            elif callable(thing) and not inspect.isclass(thing):
                names[name] = parameters(thing)
            elif inspect.isclass(thing):
                names[name] = "class"
    methods = {name: of_method(getattr(cupy.ndarray, name)) for name in dir(cupy.ndarray)}
    return {"version": cupy.__version__, "modules": modules, "methods": methods}


if __name__ == "__main__":
    FILE.write_text(json.dumps(record(), indent=0) + "\n", "utf-8")
    print(f"wrote {FILE.name}")
