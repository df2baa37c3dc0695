"""Every array function that may meet device arrays, held against what CuPy has (record.json).

    python -m tests.device.audit_page       writes tests/device/audit.md

Read from the source by ast: calls of `np.name`, of `library(x).name`, `cupy.name` and
`namespace(x).name`, and of methods that arrays have.  What CuPy lacks, and what makes or needs
arrays on the host, is an offence unless HOST says why it never meets a device array.
"""

import ast
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .host_only import HOST

ROOT = Path(__file__).parents[2]
DEVICE = ROOT / "reference/arrays/device.py"
RECORD = json.loads((ROOT / "tests/stand_in/record.json").read_text("utf-8"))
FOLDERS = ("arrays", "network", "derivatives", "curvature", "optim", "training")
FILES = ("problems/batches.py",)
OTHERS = ("ball", "tape", "bicomplex", "onnx", "torch")        # other systems; readers of files

# NumPy's functions that look at no argument's kind: given device arrays, they convert, and fail.
MAKERS = {"array", "asarray", "asanyarray", "ascontiguousarray", "arange", "zeros", "ones", "full",
          "empty", "eye", "identity", "tri", "linspace", "frombuffer", "frompyfunc", "fromiter",
          "triu_indices", "tril_indices"}
HIDDEN = {"item", "tolist", "tobytes", "tofile", "dump"}       # round trips that nobody sees
ASIDE = {"errstate", "broadcast_shapes", "result_type", "issubdtype", "iterable", "can_cast",
         "dtype", "finfo", "iinfo", "ndim", "size", "shape"}                # of no entries
STRINGS = {"partition", "index", "count", "copy", "dumps", "format"}     # methods of text and json
BOTH = {"f", "d"}
CUPY = re.compile(r"cupy|_cupy\(\)|import_module\('cupy'\)"
                  r"|(library|namespace)\([^()]*(\([^()]*\))?\)")


@dataclass(frozen=True)
class Use:
    """One call: of a function of `numpy` or `cupy`, or of a "method", with these keywords."""

    file: str
    function: str
    kind: str
    name: str
    keywords: tuple

    @property
    def shown(self):
        dot = {"numpy": "np.", "cupy": "cupy.", "method": "."}[self.kind]
        return f"{dot}{self.name}" + (f"({', '.join(k + '=' for k in self.keywords)})"
                                      if self.keywords else "")


def sources():
    """{path in the package: source}."""
    root = ROOT / "reference"
    paths = [p for f in FOLDERS for p in sorted((root / f).glob("*.py"))]
    paths += [root / file for file in FILES]
    return {str(p.relative_to(root)): p.read_text("utf-8") for p in paths
            if not any(word in p.name for word in OTHERS)}


# ---- what is used ----

@cache
def uses(file, source):
    """Every Use in one file."""
    found = []
    _visit(ast.parse(source), "", file, found)
    return found


def _visit(node, function, file, found):
    for child in ast.iter_child_nodes(node):
        inside = function
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            inside = f"{function}.{child.name}".lstrip(".")
        if isinstance(child, ast.Attribute):
            kind, name = _named(child)
            called = isinstance(node, ast.Call) and node.func is child
            keywords = tuple(k.arg for k in node.keywords if k.arg) if called else ()
            if kind in ("numpy", "cupy") or kind == "method" and called:
                found.append(Use(file, inside, kind, name, keywords))
        if isinstance(child, ast.ImportFrom) and (child.module or "").split(".")[0] == "numpy":
            found += [Use(file, inside, "numpy", a.name, ()) for a in child.names]
        _visit(child, inside, file, found)


def _named(node):
    """The kind and the name of an attribute: ("numpy", "linalg.norm"), ("method", "sum")."""
    path = ast.unparse(node.value)
    if path == "np" or path.startswith("np.") and path.removeprefix("np.").isidentifier():
        full = ".".join([*path.split(".")[1:], node.attr])
        return ("aside" if isinstance(getattr(np, path[3:] or "pi", None), type)
                and path != "np" else "numpy"), full
    if CUPY.fullmatch(path):
        return ("aside" if node.attr.startswith("__") else "cupy"), node.attr
    known = hasattr(np.ndarray, node.attr) and not node.attr.startswith("__")
    return ("method" if known else "aside"), node.attr


# ---- what CuPy has ----

def offence(use):
    """Why a use would fail on a device, or None."""
    if use.kind == "method":
        return _method(use)
    if use.kind == "numpy" and is_no_function(use.name):
        return None
    if use.name.startswith("random."):
        return None if use.name.split(".")[1] in ("default_rng", "Generator") else "global state"
    if use.kind == "numpy" and use.name in MAKERS:
        return "makes an array on the host"
    return _function(use)


def is_no_function(name):
    """Types, constants, and what is asked of types and shapes alone."""
    thing = np
    for part in name.split("."):
        thing = getattr(thing, part, None)
    if thing is None and name not in ("newaxis",):
        return False
    return isinstance(thing, type) or not callable(thing) or name in ASIDE


def _function(use):
    module, _, name = use.name.rpartition(".")
    if module in ("", "linalg"):
        known = RECORD["modules"]["cupy.linalg" if module else "cupy"].get(name, "missing")
    else:                                                          # np.add.at
        known = RECORD["modules"]["cupy"].get(module, "missing") if name == "at" else "missing"
    if use.kind == "cupy" and known == "missing":
        known = _own(use.name)
    if known == "missing":
        return "is not in CuPy"
    if is_ufunc(known):
        strange = set(use.keywords) - {"out", "dtype", "casting"}
        if not strange and not BOTH <= loops(known) and not _logical(known):
            return f"has no float32 and float64 in CuPy, but {' '.join(known)}"
    else:
        strange = set() if known in (None, "class") else set(use.keywords) - set(known)
        if "kwargs" in (known or ()):
            strange = set()
    return f"takes no {', '.join(sorted(strange))} in CuPy" if strange else None


def _own(name):
    """Names that reference/arrays has for device arrays itself, and modules of CuPy."""
    return None if name in ("linalg", "cuda", "ndarray") or name in device_names() else "missing"


@cache
def device_names():
    """What reference/arrays/device.py defines."""
    tree = ast.parse(DEVICE.read_text("utf-8"))
    names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
    return set(names) | {a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom)
                         for a in n.names}


def _method(use):
    if use.name in HIDDEN:
        return "is a round trip that nobody sees"
    known = RECORD["methods"].get(use.name, "missing")
    if known == "missing":
        return "is no method of CuPy's arrays"
    strange = set(use.keywords) - set(known or use.keywords)
    if use.name in STRINGS or not strange:
        return None
    return f"takes no {', '.join(sorted(strange))} in CuPy"


def is_ufunc(known):
    """Whether a record is one of loops."""
    return isinstance(known, list) and bool(known) and "->" in known[0]


def loops(known):
    """The types of a ufunc's first argument."""
    return {types[0] for types in known}


def _logical(known):
    return all(types.endswith("?") for types in known) or "f" not in loops(known) and (
        "?" in loops(known))


# ---- the findings ----

def excuse(use):
    """The reason in HOST why a use never meets a device array, or None."""
    reasons = HOST.get(use.file, {})
    return reasons.get(use.function, reasons.get("*"))


def offences(files):
    """"file:function: np.name ... why" for every use that would fail."""
    return [f"{u.file}:{u.function}: {u.shown} {why}" for file, source in files.items()
            for u in uses(file, source) if (why := offence(u)) and not excuse(u)]


def idle(files):
    """Entries of HOST that excuse nothing."""
    needed = {(u.file, u.function) for file, source in files.items()
              for u in uses(file, source) if offence(u)}
    return sorted(f"{file}:{function}" for file, reasons in HOST.items() for function in reasons
                  if not (any(f == file for f, _ in needed) if function == "*"
                          else (file, function) in needed))
