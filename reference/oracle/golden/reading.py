"""Files of strangers: npz and JSON as {name: array}, with nothing executed and nothing believed.

Only a regular file is opened, under a name that we made, and no link; its size is held against a
cap before a byte is read, what its parts declare against another before one is inflated.  Whatever
is wrong with a file as a whole is a ValueError in one sentence; a wrong array is a `Bad` one.
"""

import json
import math
import os
import stat
import zipfile
from dataclasses import dataclass

import numpy as np

from ...problems.files import load_npz
from .names import KEY

JSON_BYTES = 2**24                     # Python's lists and numbers take some twenty times as much
NPZ_BYTES = 2**26
NAMES = 1000                           # in one file
DIGITS = 400                           # of a number's text: more say nothing that a float holds


@dataclass(frozen=True)
class Bad:
    """An array that is none, and why."""

    why: str


# ---- files ----

def files_in(folder):
    """Names in a folder; ValueError without one."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}.")
    return sorted(os.listdir(folder))


def read_bytes(path, most):
    """The bytes of a regular file.

    Raises
    ------
    ValueError
        For a link, a pipe, a device, a folder, or a file of more than `most` bytes.
    """
    if path.is_symlink():
        raise ValueError(f"{path} is a symbolic link, which may lead anywhere; put the file there.")
    flags = os.O_RDONLY | sum(getattr(os, name, 0) for name in (
        "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))     # a pipe would wait for ever
    with os.fdopen(os.open(path, flags), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path} is no regular file.")
        if status.st_size > most:
            raise ValueError(f"{path} has {status.st_size} bytes, more than the {most} allowed.")
        return stream.read(most)


# ---- npz ----

def read_npz(path):
    """{name: array or Bad}."""
    read_bytes(path, NPZ_BYTES)
    names = _members(path)
    try:
        return load_npz(path, names, NPZ_BYTES)
    except ValueError:
        return {name: _one_array(path, name) for name in names}


def _one_array(path, name):
    try:
        return load_npz(path, [name], NPZ_BYTES)[name]
    except ValueError as error:
        return Bad(_one_line(str(error).removeprefix(f"{path}, ")))


def _members(path):
    """The names that a zip file declares; ValueError if it declares what no pack holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except Exception as error:         # noqa: BLE001 - a hostile directory raises nearly anything
        raise ValueError(f"{path} is not an npz file: {_one_line(error)}.") from None
    names = [info.filename for info in infos]
    if len(names) > NAMES:
        raise ValueError(f"{path} holds {len(names)} members, more than the {NAMES} allowed.")
    for name in names:
        if not (name.endswith(".npy") and KEY.fullmatch(name.removesuffix(".npy"))):
            raise ValueError(f"{path} holds a member {name[:60]!r}; names are those of arrays, "
                             "as hvp.npy.")
        if names.count(name) > 1:
            raise ValueError(f"{path} holds {name[:60]!r} more than once; write each array once.")
    declared = sum(info.file_size for info in infos)
    if declared > NPZ_BYTES:
        raise ValueError(f"{path} declares {declared} bytes, more than the {NPZ_BYTES} allowed.")
    return [name.removesuffix(".npy") for name in names]


# ---- JSON ----

def read_json(path):
    """The object in a JSON file, each name once.

    Raises
    ------
    ValueError
        For what is no JSON in UTF-8, too long, too deep, or names something twice.
    """
    data = read_bytes(path, JSON_BYTES)
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_int=_whole)
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply; arrays have a few axes.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {_one_line(error)}.") from None
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as JSON: "
                         f"{_one_line(str(error).rstrip('.'))}.") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}; it must be one JSON object, "
                         "{name: array}.")
    return found


def _once(pairs):
    found = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name[:60]!r} is there twice")
        found[name] = value
    return found


def _whole(text):
    if len(text) > DIGITS:
        raise ValueError(f"a whole number of {len(text)} digits is there; write floats")
    return int(text)


def arrays_of(found):
    """{name: array, Bad, or {parameter: ...}} of a JSON object: ours, or nested lists by name."""
    arrays = found.get("arrays", found)
    if not isinstance(arrays, dict):
        raise ValueError("its \"arrays\" are no object {name: array}.")
    if len(arrays) > NAMES:
        raise ValueError(f"it holds {len(arrays)} names, more than the {NAMES} allowed.")
    return {name: _array(value) for name, value in arrays.items()}


def _array(value):
    """An array from numbers, nested lists, or {"shape", "data"}; by parameter, a dict of them."""
    if isinstance(value, dict):
        if "data" in value:
            return _shaped(value)
        named = {name: _array(each) for name, each in value.items()
                 if not isinstance(each, dict) or "data" in each}
        if not named or len(named) < len(value):
            return Bad("it is an object without numbers; write a list, or {shape, data}")
        return next((a for a in named.values() if isinstance(a, Bad)), named)
    try:
        array = np.array(value)
        if array.dtype.kind in "fiu":
            return array
        strange = _strange(value)
        return Bad(f"it holds a {type(strange[0]).__name__}, not real numbers alone") if strange \
            else np.array(value, float)
    except Exception as error:         # noqa: BLE001 - ragged, too deep, too large
        return Bad(f"its lists make no array: {_one_line(error)}")


def _strange(value):
    """Those of the entries that are no numbers."""
    while isinstance(value, list) and any(isinstance(each, list) for each in value):
        value = [e for each in value for e in (each if isinstance(each, list) else [each])]
    flat = value if isinstance(value, list) else [value]
    return [each for each in flat if type(each) not in (int, float)]


def _shaped(value):
    shape, flat = value.get("shape"), _array(value["data"])
    if isinstance(flat, (Bad, dict)):
        return flat if isinstance(flat, Bad) else Bad("its data are an object, not a list")
    if shape is None:
        return flat
    if not (isinstance(shape, list) and len(shape) <= 16
            and all(type(n) is int and 0 <= n <= 2**31 for n in shape)):
        return Bad(f"its shape is {str(shape)[:60]}, no list of whole numbers")
    if flat.ndim > 1 or math.prod(shape) != flat.size:
        return Bad(f"its shape {shape} and {flat.shape} data do not fit; write data as one list")
    return flat.reshape(shape)


def _one_line(error):
    text = "".join(c if c.isprintable() else "?" for c in " ".join(str(error).split()))
    return text if len(text) <= 160 else text[:160] + " ..."
