"""Layers put together: one after the other, side by side, and with shared matrices.

A composite is a layer whose fields are layers: its matrices are theirs, in order, its trace keeps
their traces.  `Sequential` is also the network: it places the matrices in theta.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import require_float, require_generator, shown
from .initial import glorot
from .layer import Layer, Trace, Wrapping
from .layout import Layout
from .names import assembled, distinct, flat_names, merged, read_only
from .uses import Shared


def require_layers(layers):
    """TypeError unless all are layers, and not the classes of layers."""
    for i, layer in enumerate(layers):
        if isinstance(layer, (list, tuple)):
            raise TypeError(f"layer {i} is a {type(layer).__name__} of {len(layer)}; unpack it, as "
                            "in Sequential(*layers).")
        if isinstance(layer, type) or not isinstance(layer, Layer):
            raise TypeError(f"layer {i} is {layer!r}; call its constructor, as in Tanh(). "
                            "Layers of your own derive from reference.Layer.")


def placed(i, text):
    """What is said of layer i; within a layer of layers the numbers make a path, as 0.1.2."""
    return f"layer {i}.{text.removeprefix('layer ')}" if text.startswith("layer ") \
        else f"layer {i}: {text}"


class Composite(Layer):
    """What all layers made of `layers` share; `names` go before those of each layer's arrays."""

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    @property
    def couples(self):
        """Whether one of the layers couples the examples."""
        return any(layer.couples for layer in self.layers)

    @property
    def coupling(self):
        """Which of the layers couples the examples, the first."""
        i, layer = next((i, each) for i, each in enumerate(self.layers) if each.couples)
        return placed(i, layer.coupling)

    @property
    def indices(self):
        """Whether a layer takes indices."""
        return any(layer.indices for layer in self.layers)

    @property
    def apart(self):
        """Whether all layers tell per-example derivatives."""
        return all(layer.apart for layer in self.layers)

    @cached_property
    def shapes(self):
        """The layers' shapes, in order."""
        return tuple(shape for layer in self.layers for shape in layer.shapes)

    @cached_property
    def ties(self):
        """The layers' keys, in order."""
        return tuple(key for layer in self.layers for key in layer.ties)

    def shared_out(self, Ws):
        """Ws, as one list for each layer."""
        rest = iter(Ws)
        return [[next(rest) for _ in layer.shapes] for layer in self.layers]

    def start(self, rng, scheme):
        """The layers', in order."""
        return [W for layer in self.layers for W in layer.start(rng, scheme)]

    def parts(self, Ws):
        """The layers' arrays under `prefix.name`; ValueError if two would have one name."""
        return merged((".".join(filter(None, (prefix, name))), array)
                      for prefix, layer, own in zip(self.names, self.layers, self.shared_out(Ws))
                      for name, array in layer.parts(own).items())

    def require_input(self, x):
        """As the first layer."""
        first = self.layers[0] if self.layers else Layer()
        first.require_input(x)


@dataclass(frozen=True, init=False, repr=False)
class Sequential(Composite):
    """x_0 -> x_1 -> ... -> x_L = z: each layer applied to the output of the one before.

    Parameters
    ----------
    *layers : Layer
    names : sequence of str, optional
        Of each layer, for `named`; "0", "1", ... if omitted, and "" for none.
    """

    layers: tuple
    names: tuple

    def __init__(self, *layers, names=None):
        require_layers(layers)
        for i, layer in enumerate(layers):
            if i and layer.indices:
                raise ValueError(f"layer {i}: {layer} takes indices: it must be the first layer, "
                                 "since only the data of an Objective can be indices.")
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "names", distinct(layers, names))

    # ---- as a layer ----

    def output_shape(self, shape):
        """Shape of one example's output; ValueError naming the layer that does not fit."""
        if not isinstance(shape, (tuple, list)):
            raise TypeError(f"the shape of one example is a tuple, as (3,); got {shown(shape)}.")
        shape = tuple(shape)
        for i, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ValueError as error:
                raise ValueError(placed(i, str(error))) from None
        return shape

    def trace(self, Ws, x):
        """[x_0, ..., x_L], and the layers' own traces."""
        xs, kept = [x], []
        for layer, own in zip(self.layers, self.shared_out(Ws)):
            kept.append(layer.trace(own, xs[-1]))
            xs.append(kept[-1][-1])
        return Trace(xs, kept)

    def pull(self, Ws, trace, dy, data=False):
        """All uses, and the first cotangent."""
        uses, dxs = self.pull_all(Ws, trace, dy, data)
        return uses, dxs[0]

    def pull_all(self, Ws, trace, dy, data=False):
        """All uses, and the cotangents aligned with the trace; dxs[0] is None if x_0 is `data`."""
        uses, dxs, own = [], [dy], self.shared_out(Ws)
        for i in reversed(range(len(self.layers))):
            here, dx = self.layers[i].pull(own[i], trace.kept[i], dxs[0], data and i == 0)
            uses[:0] = here
            dxs.insert(0, dx)
        return uses, dxs

    def batch(self, index):
        """Each layer for the examples `index`."""
        return Sequential(*(layer.batch(index) for layer in self.layers), names=self.names)

    # ---- as a network: a function of theta ----

    @cached_property
    def owners(self):
        """For each matrix of the layers, the number of its block in theta."""
        blocks = {}
        return tuple(blocks.setdefault((i,) if key is None else key, len(blocks))
                     for i, key in enumerate(self.ties))

    @cached_property
    def layout(self):
        """Where each matrix lies in theta: once, if several layers share it."""
        if not self.shapes:
            raise ValueError(f"{self} needs a layer with weights, as Dense(2, 1).")
        first = dict(zip(self.owners[::-1], self.shapes[::-1]))
        for owner, shape in zip(self.owners, self.shapes):
            if shape != first[owner]:
                raise ValueError(f"matrices of shapes {first[owner]} and {shape}, tied by the name "
                                 f"{self.ties[self.owners.index(owner)][0]!r}, "
                                 "must be of one shape.")
        return Layout(tuple(first[owner] for owner in sorted(first)))

    def matrices(self, theta):
        """The matrices of all layers, views of theta (..., P)."""
        require_float("theta", theta)
        if theta.shape[-1:] != (self.layout.size,):
            raise ValueError(f"theta has shape {theta.shape} but the network of "
                             f"{len(self.layers)} layers needs {self.layout.size} parameters on "
                             "the last axis; build it with net.initial(rng).")
        blocks = self.layout.unpack(theta)
        return [blocks[owner] for owner in self.owners]

    def forward(self, theta, x):
        """The trace [x_0, ..., x_L]: the input, every layer's output, the prediction.

        Leading axes of theta (..., P) become leading axes of the trace.
        """
        return self.trace(self.matrices(theta), self.lifted(theta, x))

    def lifted(self, theta, x):
        """The data as constants beside theta, with its leading axes; indices as they are."""
        if x.dtype.kind in "iu":                          # no numbers to compute with
            return x
        return F.constant(F.reshape(x, (1,) * (theta.ndim - 1) + x.shape), theta)

    def backward(self, theta, xs, dz):
        """How each matrix of the layout was used, and the cotangents dxs aligned with the trace.

        dxs[0] is None where the first layer leaves it out: nobody needs the data's cotangent.
        """
        uses, dxs = self.pull_all(self.matrices(theta), xs, dz, data=True)
        gathered = [[] for _ in self.layout.shapes]
        for owner, use in zip(self.owners, uses):
            gathered[owner].append(use)
        return [each[0] if len(each) == 1 else Shared(tuple(each)) for each in gathered], dxs

    def vjp(self, theta, xs, dz):
        """(dz/dtheta)^T dz (..., P), and the cotangents dxs aligned with the trace xs."""
        uses, dxs = self.backward(theta, xs, dz)
        return self.layout.pack([use.total() for use in uses]), dxs

    def initial(self, rng, scheme=glorot):
        """A random theta (P,): as each layer says, most by `scheme(rng, layer)`."""
        require_generator(rng)
        if not callable(scheme):
            raise TypeError(f"scheme is {scheme!r}; pass a function of (rng, layer), such as "
                            "reference.network.initial.he.")
        first = dict(zip(self.owners[::-1], self.start(rng, scheme)[::-1]))
        return self.layout.pack([first[owner] for owner in sorted(first)])

    def named(self, theta, layout="torch"):
        """{name: array}: theta (P,) under the names and in the shapes of torch.nn.Sequential.

        Views that cannot be written: change copies, and give them to `from_named`.  layout "flax"
        or "keras": copies under theirs, weights (in, out), kernels (*places, in, out).
        """
        if layout == "torch":
            return {name: read_only(a) for name, a in self.parts(self.matrices(theta)).items()}
        self.matrices(theta)
        return {name: theta[index] for name, index in self.entries(layout).items()}

    def from_named(self, arrays, layout="torch"):
        """theta (P,) from {name: array}, such as a PyTorch state_dict of NumPy arrays.

        Parameters
        ----------
        arrays : dict
            Of dicts, as Flax has them: names are joined by dots, as "0.kernel".
        layout : "torch", "flax" or "keras"
            Whose names and shapes they have.

        Raises
        ------
        ValueError
            For a name that is missing or unknown, a shape that does not match, entries that are
            not finite, unequal copies of a shared matrix, of which one suffices, and layers whose
            arrays that layout does not have.
        """
        return assembled(self.entries(layout), self.layout.size, flat_names(arrays))

    def entries(self, layout="torch"):
        """{name: int array}: which entry of theta each entry of each named array is."""
        if layout != "torch":
            from .layouts import arranged           # needs the layers, which this file comes before
            return arranged(self, layout)
        blocks = self.layout.unpack(np.arange(self.layout.size))
        return self.parts([blocks[owner] for owner in self.owners])


def leaves(layer):
    """The layers that are not made of layers, in the order of their matrices."""
    if isinstance(layer, Composite):
        return [leaf for each in layer.layers for leaf in leaves(each)]
    return leaves(layer.inner) if isinstance(layer, Wrapping) else [layer]
