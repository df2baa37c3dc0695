"""The names of layers and of their arrays, PyTorch's, and theta from arrays under these names."""

from collections.abc import Mapping

import numpy as np

from ..arrays.checks import require_finite, require_float, require_shape

STATISTICS = "running_mean", "running_var", "num_batches_tracked"       # PyTorch's, of BatchNorm


def distinct(layers, names):
    """One name for each layer: "0", "1", ... if None; two equal names are both empty."""
    names = tuple(map(str, range(len(layers)))) if names is None else tuple(names)
    if len(names) != len(layers):
        raise ValueError(f"{len(layers)} layers got {len(names)} names: {names}.")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"names are strings, got {name!r}.")
        if name and names.count(name) > 1:
            raise ValueError(f"two layers have the name {name!r}; give each its own.")
    return names


def merged(named):
    """{name: array} of pairs (name, array); ValueError if two have one name."""
    merged = {}
    for name, array in named:
        if name in merged:
            raise ValueError(f"two arrays have the name {name!r}, since layers have equal or empty "
                             "names; give each layer with weights its own.")
        merged[name] = array
    return merged


def read_only(array):
    """A view that cannot be written through: what is written there would be theta."""
    if isinstance(array, np.ndarray):                     # others know no such flag
        array = array.view()
        array.flags.writeable = False
    return array


def flat_names(arrays):
    """{"a.b": array} of a dict of dicts, as Flax has them; "params" on top is left out."""
    if not isinstance(arrays, Mapping):
        return arrays
    if set(arrays) == {"params"}:
        arrays = arrays["params"]
    found = {}
    for name, value in arrays.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{key}": each for key, each in flat_names(value).items()}
        else:
            found[name] = value
    return found


def assembled(where, size, arrays):
    """theta (size,) from {name: array}, whose entries are those `where` of theta."""
    if not isinstance(arrays, Mapping):
        raise TypeError(f"arrays is a {type(arrays).__name__}; pass {{name: array}}, as net.named "
                        "gives it.")
    arrays = {name: np.asanyarray(array) for name, array in arrays.items()}
    _require_names(where, size, arrays)
    for name, array in arrays.items():
        require_float(name, array)
        require_shape(name, array.shape, where[name].shape, "the network")
        if array.dtype.kind != "O":
            require_finite(name, array)
    theta = np.zeros(size, np.result_type(*arrays.values()))
    for name, array in arrays.items():
        theta[where[name]] = array
    for name, array in arrays.items():
        if not np.array_equal(theta[where[name]], array):
            raise ValueError(f"{name} shares a matrix with another name but not its entries.")
    return theta


def _require_names(where, size, arrays):
    """Every entry of theta has a name; of a shared matrix one suffices."""
    given = np.zeros(size, bool)
    for name in where.keys() & arrays.keys():
        given[where[name]] = True
    missing = [name for name, index in where.items() if not given[index].all()]
    unknown = [name for name in arrays if name not in where]
    if missing or unknown:
        hint = (" Running statistics are no parameters: drop them, and pass them to BatchNorm as "
                "mean= and variance=.")
        told = any(str(name).endswith(STATISTICS) for name in unknown)
        raise ValueError(f"missing names {missing} and unknown names {unknown}; "
                         f"the network's are {sorted(where)}.{hint * told}")
