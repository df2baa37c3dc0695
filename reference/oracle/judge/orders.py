"""Orders of theta's entries in other programs: permutations p with theirs = ours[p].

A *base* is where the arrays of a layer lie: weight and bias, by rows or by columns, kernels as
(in, out), layers from the last to the first.  A *variant* is another order of rows or columns of
one kind of layer: the gates of a recurrent cell, pixels before channels in front of a dense layer.
ORDERS has all bases and variants by name, and their products as "base; variant".
"""

from itertools import permutations
from math import prod

import numpy as np

from ...network.affine import Dense
from ...network.compose import Sequential, leaves
from ...network.embedding import Columns
from ...network.padding import Flatten

OURS = "ours"


# ---- bases: of a net alone ----

def _places(net):
    """[W_l as numbers of its entries, ...]."""
    return net.layout.unpack(np.arange(net.layout.size))


def _joined(arrays):
    """The entries of the arrays one after the other, each once, where it is met first."""
    p = np.concatenate([np.ravel(a) for a in arrays])
    return p[np.sort(np.unique(p, return_index=True)[1])]


def is_bias(name):
    """Whether a named array is a bias, as PyTorch calls it."""
    return name.rpartition(".")[2].startswith("bias") or name.endswith("_bias")


def _named(net, key=lambda name: 0, kernels=False):
    """Entries of the named arrays, sorted by `key` where it tells; kernels as (*k, in, out)."""
    entries, tables = net.entries(), _tables(net) if kernels else ()
    return _joined([_kernel(name, entries[name], tables) if kernels else entries[name]
                    for name in sorted(entries, key=key)])


def _kernel(name, a, tables):
    """(O, I, *k) as (*k, I, O); embeddings, a row for each word, are alike everywhere."""
    if a.ndim < 2 or name in tables:
        return a
    return np.transpose(a, (*range(2, a.ndim), 1, 0))


def _tables(net):
    """Names of the arrays that hold a row for each word."""
    found, owners = set(), iter(net.owners)
    for leaf in leaves(net):
        own = [next(owners) for _ in leaf.shapes]
        if isinstance(leaf, Columns):
            s = net.layout.slices[own[0]]
            found |= {name for name, a in net.entries().items() if s.start <= a.min() < s.stop}
    return found


def _layer_of(name):
    return name.rpartition(".")[0]


def _has_bias(net):
    """Whether the last column of W_l is a bias, matrix by matrix."""
    bias = [a.ravel() for name, a in net.entries().items() if is_bias(name)]
    places = np.concatenate(bias) if bias else np.array([], int)
    return [bool(np.isin(W[:, -1], places).all()) for W in _places(net)]


def _bias_first(net):
    """(b W0) for each (W0 b)."""
    return [np.roll(W, 1, axis=1) if b else W for W, b in zip(_places(net), _has_bias(net))]


BASES = {
    OURS: lambda net: np.arange(net.layout.size),
    "torch": _named,
    "weights, then biases": lambda net: _named(net, is_bias),
    "biases, then weights": lambda net: _named(net, lambda name: not is_bias(name)),
    "sorted names": lambda net: _named(net, lambda name: name.split(".")),
    "bias column first": lambda net: _joined(_bias_first(net)),
    "columns": lambda net: _joined([W.T for W in _places(net)]),
    "columns, bias first": lambda net: _joined([W.T for W in _bias_first(net)]),
    "keras": lambda net: _named(net, kernels=True),
    "flax": lambda net: _named(net, lambda name: name.split("."), True),
    "keras, biases last": lambda net: _named(net, is_bias, True),
    "last layer first": lambda net: _joined(_places(net)[::-1]),
    "torch, last layer first": lambda net: _joined(_reversed_layers(net)),
}

SAYS = {
    OURS: "in the same order",
    "torch": "parameters are in PyTorch's order, each weight row by row and then its bias",
    "weights, then biases": "all weights come first, then all biases",
    "biases, then weights": "all biases come first, then all weights",
    "sorted names": "parameters are sorted by name, each bias before its weight",
    "bias column first": "the bias is the first column of each matrix",
    "columns": "each matrix is written column by column, as weights (in, out) and then a bias are",
    "columns, bias first": "each matrix is written column by column, the bias first, as in sorted "
                           "names with weights (in, out)",
    "keras": "weights are (in, out), kernels (height, width, in, out), each followed by its bias",
    "flax": "parameters are sorted by name, weights (in, out) and kernels (height, width, in, out)",
    "keras, biases last": "weights are (in, out), and all biases come last",
    "last layer first": "the matrices are in reverse order",
    "torch, last layer first": "the layers are in reverse order, weight and bias of each as "
                               "PyTorch has them",
}


def _reversed_layers(net):
    """PyTorch's arrays, layer by layer from the last."""
    entries = net.entries()
    layers = list(dict.fromkeys(map(_layer_of, entries)))
    return [a for layer in reversed(layers) for name, a in entries.items()
            if _layer_of(name) == layer]


# ---- variants: permutations of rows or columns, before a base ----

def gates(letters, order):
    """The rows of recurrent matrices in another order of gates; None for other cells."""
    def p(net, example=None):
        W, found, owners = _places(net), False, iter(net.owners)
        for leaf in leaves(net):
            own = [next(owners) for _ in leaf.shapes]
            if getattr(getattr(leaf, "cell", None), "gates", 0) != len(letters):
                continue
            found = True
            for l in own:
                W[l] = _by_gates(W[l], letters, order, leaf.hidden)
        return _joined(W) if found else None
    return p


def _by_gates(W, letters, order, hidden):
    """Blocks of `hidden` rows reordered; matrices of fewer gates keep those that they have."""
    present = letters[:len(W) // hidden] if len(W) > hidden else letters[-1:]
    blocks = dict(zip(present, W.reshape(len(present), hidden, -1)))
    return np.concatenate([blocks[letter] for letter in order if letter in blocks])


def pixels_first(net, example=None):
    """Columns of a Dense layer behind Flatten, places before channels; None where there is none."""
    if example is None:
        return None
    W, shape, owner, found = _places(net), tuple(example), 0, False
    for layer, following in zip(net.layers, (*net.layers[1:], None)):
        if isinstance(layer, Flatten) and isinstance(following, Dense) and len(shape) > 1:
            l = net.owners[owner]
            inside = W[l][:, :prod(shape)].reshape(-1, *shape)
            moved = np.moveaxis(inside, 1, -1).reshape(len(W[l]), -1)
            W[l], found = np.concatenate([moved, W[l][:, prod(shape):]], axis=1), True
        owner, shape = owner + len(layer.shapes), layer.output_shape(shape)
    return _joined(W) if found else None


LSTM, GRU = "ifgo", "rzn"                          # PyTorch's, and ours

VARIANTS = {f"gates {''.join(order)}": gates(letters, order)
            for letters in (LSTM, GRU) for order in permutations(letters)
            if "".join(order) != letters} | {"pixels first": pixels_first}

VARIANT_SAYS = {name: f"the gates are in the order {' '.join(name[6:])}" for name in VARIANTS} | {
    "pixels first": "images are flattened with the channels last before the dense layer"}


# ---- all of them ----

def _of_base(base):
    return lambda net, example=None: BASES[base](net)


def _product(base, variant):
    """The rows change first: ours[variant] is what the base then arranges."""
    def p(net, example=None):
        moved = VARIANTS[variant](net, example)
        return None if moved is None else moved[BASES[base](net)]
    return p


ORDERS = {base: _of_base(base) for base in BASES} | {
    f"{base}; {variant}" if base != OURS else variant: _product(base, variant)
    for variant in VARIANTS for base in BASES}


def orders(net, example=None):
    """{name: p} of all that apply and differ, under the first name of each.

    Parameters
    ----------
    net : Sequential
    example : tuple of int, optional
        The shape of one example, without which "pixels first" is left out.
    """
    found = {}
    for base in BASES:
        found.setdefault(BASES[base](net).tobytes(), (base, BASES[base](net)))
    for variant, function in VARIANTS.items():
        moved = function(net, example)
        for base in BASES if moved is not None else ():
            name = variant if base == OURS else f"{base}; {variant}"
            p = moved[BASES[base](net)]
            found.setdefault(p.tobytes(), (name, p))
    return dict(found.values())


def says(name):
    """An order in words."""
    base, _, variant = name.partition("; ")
    if base in VARIANT_SAYS:
        return VARIANT_SAYS[base]
    return SAYS[base] + (f", and {VARIANT_SAYS[variant]}" if variant else "")


def require_order(name):
    """ValueError unless name is one of ORDERS."""
    if name not in ORDERS:
        raise ValueError(f"no order {name!r}; choose one of {', '.join(BASES)}, or one of them, a "
                         f"semicolon and {', '.join(list(VARIANTS)[:2])} and so on.")


def order(name, net: Sequential, example=None):
    """p of one order, with theirs = ours[p]; None where the net has no such layer."""
    require_order(name)
    return ORDERS[name](net, example)
