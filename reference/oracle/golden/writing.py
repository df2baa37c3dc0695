"""write: a pack of test vectors, each number twice, in npz and in JSON, and a manifest of all."""

import json
import os
import shutil
import sys
from dataclasses import is_dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from ...arrays.checks import require_theta
from ...network.objective import Objective
from ...problems.files import save_npz
from ...training.coding import settings
from . import cases as bundled
from .asked import ARGUMENTS, ASKED
from .digits import surety
from .models import encode, encode_loss
from .names import NAME, keys_of
from .reading import JSON_BYTES, NPZ_BYTES
from .stated import CONVENTIONS

FORMAT = 1


def write(folder, cases=None, certify=False, progress=None):
    """Write a pack: manifest.json, and CASE.npz and CASE.json of each case.

    Parameters
    ----------
    folder : path-like
        Absent or empty; it appears whole or not at all.
    cases : sequence of str, or dict, optional
        Names of `golden.CASES`, all if omitted; or {name: (objective, theta)} of your own, with v,
        u and the damping drawn for them.
    certify : bool
        Prove by balls how far each number is from the exact one, where that is possible: minutes.
        Otherwise digits that two independent routes agree to are recorded.
    progress : callable, optional
        Called with the name of each case, before it, and of each quantity.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    ValueError
        For an unknown case, a name that is no file's, or a folder that holds something.
    TypeError
        For a layer that is none of this package, or cases that are no names and no such pairs.

    Notes
    -----
    Written twice on one machine, a pack is the same to the last byte.  Elsewhere sums round
    differently, within the recorded radius, and `diff` is what compares.
    """
    folder, posed = Path(folder), _posed(cases)
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty; write a pack where nothing is.")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give a folder that does not exist.")
    if not folder.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {folder.parent}; make it first.")
    temporary = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
    try:
        manifest = _written(temporary, posed, certify, progress or (lambda *_: None))
        temporary.chmod(0o755)
        if folder.is_dir():
            folder.rmdir()
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return manifest


def _posed(cases):
    """{name: (objective, theta, arguments)}."""
    if isinstance(cases, str):
        raise TypeError(f"cases is the string {cases!r}; pass a list of names, [{cases!r}].")
    for name, pair in cases.items() if isinstance(cases, dict) else ():
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], Objective)):
            raise TypeError(f"case {name!r} is a {type(pair).__name__}; pass a pair (objective, "
                            "theta), with a ref.Objective.")
    if isinstance(cases, dict):
        rng = np.random.default_rng(bundled.SEED)
        posed = {name: (o, t, bundled.arguments(o, t, rng)) for name, (o, t) in cases.items()}
    else:
        posed = {name: bundled.case(name) for name in (cases or bundled.CASES)}
    for name, (objective, theta, _) in posed.items():
        if not NAME.fullmatch(name) or name == "manifest":
            raise ValueError(f"{name!r} is no name of a case: it names files, so use letters, "
                             "digits, - and _.")
        require_theta(objective, theta)
        if theta.dtype != float or objective.x.dtype not in (float, int):
            raise ValueError(f"case {name} is in {theta.dtype} and {objective.x.dtype}; packs hold "
                             "float64: objective.to(\"float64\"), theta.astype(float).")
    return posed


def _written(folder, posed, certify, progress):
    entries, files = {}, {}
    for name, given in posed.items():
        arrays, entries[name] = _case(name, given, certify, progress)
        save_npz(folder / f"{name}.npz", **arrays)
        (folder / f"{name}.json").write_bytes(json_twin(name, arrays))
        for file in (f"{name}.npz", f"{name}.json"):
            data = (folder / file).read_bytes()
            if len(data) > (NPZ_BYTES if file.endswith("npz") else JSON_BYTES):
                raise ValueError(f"case {name} takes {len(data)} bytes, more than a reader takes; "
                                 "packs are for small nets, of some hundred parameters.")
            files[file] = {"bytes": len(data), "sha256": sha256(data).hexdigest()}
    manifest = {"format": FORMAT, "package": "curvature-reference",
                "version": sys.modules[__package__.partition(".")[0]].__version__,
                "conventions": CONVENTIONS, "files": files, "cases": entries}
    text = json.dumps(manifest, indent=1, allow_nan=False) + "\n"
    (folder / "manifest.json").write_text(text, "utf-8", newline="\n")
    return manifest


def json_twin(name, arrays):
    """The arrays as JSON, one a line; a float is the shortest text that reads back as itself."""
    lines = [f"{json.dumps(key)}: " + json.dumps(
        {"dtype": str(a.dtype), "shape": list(a.shape), "data": a.reshape(-1).tolist()},
        allow_nan=False) for key, a in arrays.items()]
    head = f'{{"format": {FORMAT}, "case": {json.dumps(name)}, "arrays": {{\n'
    return (head + ",\n".join(lines) + "\n}}\n").encode()


# ---- one case ----

def _case(name, given, certify, progress):
    """(arrays, entry of the manifest)."""
    objective, theta, arguments = given
    net = objective.net
    inputs = {"x": objective.x, "y": objective.y, "weights": objective.weights, "theta": theta,
              **{argument: arguments[argument] for argument in ARGUMENTS}}
    inputs |= {f"entries.{key}": entries for key, entries in net.entries().items()}
    inputs = {key: _plain(a) for key, a in inputs.items() if a is not None}
    arrays, quantities = dict(inputs), {}
    for quantity, asked in ASKED.items():
        progress(name, quantity)
        found = _answered(quantity, asked, given, certify)
        if found is not None:
            quantities[quantity], answers = found
            arrays |= answers
    entry = {
        "files": [f"{name}.npz", f"{name}.json"],
        "seed": bundled.SEED if name in bundled.CASES else None, "model": encode(net),
        "loss": encode_loss(objective.loss), "reduction": objective.reduction,
        "l2": float(objective.l2), "N": objective.N, "P": int(theta.size),
        "output_shape": list(map(int, objective.output_shape)),
        "matrices": [list(map(int, shape)) for shape in net.layout.shapes],
        "parameters": {key: list(entries.shape) for key, entries in net.entries().items()},
        "inputs": {key: told(a) for key, a in inputs.items()}, "quantities": quantities}
    return arrays, entry


def _answered(quantity, asked, given, certify):
    """(entry, arrays) of a quantity; None where it is not defined for the case, or not finite."""
    objective, theta, arguments = given
    given = objective, theta, *(arguments[name] for name in asked.subject.arguments)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            pieces = asked.pieces(*given)
    except (ValueError, TypeError, NotImplementedError):
        return None                    # as K-FAC factors of examples that are coupled
    arrays = [_plain(piece.array) for piece in pieces]
    if not all(np.isfinite(a).all() for a in arrays):
        return None                    # as a trajectory that diverges
    named = dict(zip(keys_of(quantity, pieces), arrays))
    entry = {"title": asked.subject.title, "arguments": list(asked.subject.arguments),
             "options": {name: _option(value) for name, value in asked.options.items()}, "keys": {
                 key: {**told(a), "axes": [axis[0] for axis in piece.axes]}
                 for (key, a), piece in zip(named.items(), pieces)},
             "route": asked.route, **surety(asked, arrays, given, certify)}
    return entry, named


def _option(value):
    """As JSON; an optimizer by its name and its hyper-parameters."""
    return {"type": type(value).__name__, **settings(value)} if is_dataclass(value) else value


def _plain(a):
    """A row-major array of float64 or int64."""
    a = np.asarray(a)
    return np.array(a, "int64" if a.dtype.kind in "iub" else "float64", order="C")


def told(a):
    """What the manifest says of an array; the hash is of its little-endian bytes."""
    return {"dtype": str(a.dtype), "shape": list(a.shape),
            "sha256": sha256(a.astype(a.dtype.newbyteorder("<")).tobytes()).hexdigest()}
