"""A pack that was written: its cases as objectives, its numbers, and whether it is whole."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ...network.objective import Objective
from .asked import ARGUMENTS
from .models import decode, decode_loss
from .names import NAME
from .reading import NPZ_BYTES, Bad, arrays_of, read_bytes, read_json, read_npz
from .writing import FORMAT, told


@dataclass(frozen=True, eq=False)
class Posed:
    """A case of a pack.

    Attributes
    ----------
    name : str
    objective : Objective
    theta : array (P,)
    arguments : dict
        v (P,), u as the outputs, damping.
    arrays : dict
        {name: array} of CASE.npz, inputs and answers.
    quantities : dict
        {quantity: entry of the manifest}.
    """

    name: str
    objective: Any
    theta: Any
    arguments: dict
    arrays: dict = field(repr=False)
    quantities: dict = field(repr=False)


@dataclass(frozen=True, eq=False)
class Pack:
    """A folder and its manifest."""

    folder: Path
    manifest: dict = field(repr=False)

    @property
    def cases(self):
        """Names."""
        return list(self.manifest["cases"])

    def case(self, name):
        """The Posed case; ValueError for an unknown name or a damaged file."""
        if name not in self.manifest["cases"]:
            raise ValueError(f"{self.folder} has no case {name!r}, but {', '.join(self.cases)}.")
        arrays, entry = self.arrays(name), self.manifest["cases"][name]
        try:
            objective = Objective(decode(entry["model"]), decode_loss(entry["loss"]), arrays["x"],
                                  arrays["y"], arrays.get("weights"), entry["reduction"],
                                  entry["l2"])
            arguments = {key: arrays[key] if arrays[key].ndim else arrays[key].item()
                         for key in ARGUMENTS}
            return Posed(name, objective, arrays["theta"], arguments, arrays, entry["quantities"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self.folder}, case {name}: its manifest is damaged: "
                             f"{type(error).__name__}: {error}.") from error

    def arrays(self, name):
        """{name: array} of CASE.npz; ValueError unless each is as the manifest tells it."""
        path = self.folder / f"{name}.npz"
        arrays, entry = read_npz(path), self.manifest["cases"][name]
        return {key: _as_told(path, key, arrays.get(key), one) for key, one in _keys(entry)}


def load(folder):
    """The Pack in a folder.

    Raises
    ------
    ValueError
        Without a manifest, or with one of another format.
    """
    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        raise ValueError(f"{folder} is no pack: there is no manifest.json; golden write makes one.")
    manifest = read_json(folder / "manifest.json")
    if manifest.get("format") != FORMAT:
        raise ValueError(f"{folder} is a pack of format {str(manifest.get('format'))[:20]}; this "
                         f"version reads format {FORMAT}: write it again, or use its own version.")
    cases = manifest.get("cases")
    if not (isinstance(cases, dict) and isinstance(manifest.get("files"), dict)
            and all(map(NAME.fullmatch, cases)) and all(map(_is_entry, cases.values()))):
        raise ValueError(f"{folder}: the manifest is damaged: it lists no cases and files.")
    return Pack(folder, manifest)


def load_case(folder, name):
    """(objective, theta, {argument: value}) of one case of the pack in a folder."""
    posed = load(folder).case(name)
    return posed.objective, posed.theta, posed.arguments


def verify(folder):
    """What is wrong with a pack, one line each: files and arrays that are not as the manifest says.

    Its JSON twins must hold the same numbers, to the last bit.  An empty list is a whole pack.
    """
    pack, wrong = load(folder), []
    for file, expected in pack.manifest["files"].items():
        stem, _, ending = str(file).rpartition(".")
        if stem not in pack.manifest["cases"] or ending not in ("npz", "json"):
            wrong.append(f"{file}: no file of a case")
            continue
        try:
            data = read_bytes(pack.folder / file, NPZ_BYTES)
        except (OSError, ValueError) as error:
            wrong.append(f"{file}: {error}")
            continue
        if not isinstance(expected, dict) or sha256(data).hexdigest() != expected.get("sha256"):
            wrong.append(f"{file}: its sha256 is not the manifest's")
    for name in pack.cases:
        wrong += _unlike_twins(pack, name)
    return wrong


def _unlike_twins(pack, name):
    try:
        arrays = pack.arrays(name)
        twin = arrays_of(read_json(pack.folder / f"{name}.json"))
        return [f"{name}.json: {key} is not as in {name}.npz" for key, a in arrays.items()
                if not _same(a, twin.get(key))]
    except (OSError, ValueError) as error:
        return [str(error)]


def _same(a, b):
    return isinstance(b, np.ndarray) and a.shape == b.shape and np.array_equal(a, b)


def _is_entry(entry):
    return (isinstance(entry, dict) and isinstance(entry.get("inputs"), dict)
            and isinstance(entry.get("quantities"), dict)
            and all(isinstance(each, dict) and isinstance(each.get("keys"), dict)
                    for each in entry["quantities"].values()))


def _keys(entry):
    """(name, what the manifest tells of it) of every array of a case."""
    yield from entry["inputs"].items()
    for quantity in entry["quantities"].values():
        yield from quantity["keys"].items()


def _as_told(path, key, array, expected):
    if array is None or isinstance(array, Bad):
        raise ValueError(f"{path}: {key} {'is missing' if array is None else array.why}.")
    found = told(array)
    if not isinstance(expected, dict) or any(found[each] != expected.get(each) for each in found):
        raise ValueError(f"{path}: {key} is not what the manifest says; the pack is damaged or was "
                         "changed: write it again.")
    return array
