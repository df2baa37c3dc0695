"""The names and shapes of arrays in Flax and Keras: which entry of theta each entry is.

Both keep weights (in, out) and kernels (*places, in, out).  Entries are only moved, never changed:
what would need a sum, as the two biases of an LSTM that Keras has as one, is refused.
"""

import numpy as np

from .affine import Dense
from .cells import GatedAfter
from .compose import leaves
from .convolution import Conv1d, Conv2d
from .direction import Direction
from .embedding import Embedding
from .normalise import Normalisation

LAYOUTS = ("torch", "flax", "keras")
NORM = {"flax": {"weight": "scale", "bias": "bias"}, "keras": {"weight": "gamma", "bias": "beta"}}
TABLE = {"flax": "embedding", "keras": "embeddings"}
GATES = {3: (1, 0, 2), 4: (0, 1, 2, 3), 1: (0,)}        # Keras: z r h of our r z n, i f c o of ours


def require_layout(layout):
    """ValueError unless it is one of LAYOUTS."""
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}; got {layout!r}.")


def arranged(net, layout):
    """{name: int array} of `net.entries()`, by the names and in the shapes of a layout."""
    require_layout(layout)
    found, groups = {}, {}
    for name, entries in net.entries().items():
        prefix, _, own = name.rpartition(".")
        groups.setdefault(prefix, {})[own] = entries
    for prefix, arrays in groups.items():
        leaf = _leaf(net, next(iter(arrays.values())))
        for own, entries in _of(leaf, arrays, layout).items():
            found[".".join(filter(None, (prefix, own)))] = entries
    return found


def _leaf(net, entries):
    """The layer whose matrix holds these entries."""
    at, own = int(entries.min()), iter(net.owners)
    for leaf in leaves(net):
        for _ in leaf.shapes:
            s = net.layout.slices[next(own)]
            if s.start <= at < s.stop:
                return leaf
    raise ValueError("these entries belong to no layer.")


def _of(leaf, arrays, layout):
    """One layer's arrays, {own name: entries}."""
    if isinstance(leaf, (Dense, Conv1d, Conv2d)) and set(arrays) <= {"weight", "bias"}:
        w = arrays["weight"]
        kernel = np.transpose(w, (*range(2, w.ndim), 1, 0))
        return {"kernel": kernel, **{key: b for key, b in arrays.items() if key == "bias"}}
    if isinstance(leaf, Embedding):
        return {TABLE[layout]: arrays["weight"]}
    if isinstance(leaf, Normalisation):
        return {NORM[layout][key]: a for key, a in arrays.items()}
    if isinstance(leaf, Direction) and layout == "keras" and len(arrays) <= 4:
        return _recurrent(leaf, arrays)
    raise ValueError(f"the {layout} layout of {leaf} is not known here; pass its arrays in "
                     "PyTorch's, and the others by the names of net.entries().")


def _recurrent(leaf, arrays):
    """kernel (I, g H), recurrent_kernel (H, g H), and bias (2, g H) of a GRU."""
    def gates(entries):
        return entries.reshape(-1, leaf.hidden, *entries.shape[1:])[list(GATES[leaf.cell.gates])]
    named = {key.partition("_l0")[0]: gates(a).reshape(a.shape) for key, a in arrays.items()}
    found = {"kernel": named["weight_ih"].T, "recurrent_kernel": named["weight_hh"].T}
    if leaf.bias and not isinstance(leaf.cell, GatedAfter):
        raise ValueError("Keras has one bias here where PyTorch has two: their sum alone acts, and "
                         "neither can be told from it; build the layer with bias=False.")
    return found | ({"bias": np.stack([named["bias_ih"], named["bias_hh"]])} if leaf.bias else {})
