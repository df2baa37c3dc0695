"""Branches side by side, residual connections, and matrices shared by several layers."""

from dataclasses import dataclass

from ..arrays import functions as F
from .compose import Composite, Sequential, require_layers
from .elementwise import Elementwise
from .layer import Layer, Trace, Wrapping
from .names import distinct
from .uses import added

JOINS = ("add", "concatenate")


@dataclass(frozen=True, init=False, repr=False)
class Parallel(Composite):
    """y = f_1(x) + f_2(x) + ..., or the y_i = f_i(x) one after the other along one axis.

    Parameters
    ----------
    *layers : Layer
        The branches f_i.
    join : "add" or "concatenate"
    axis : int
        Of an example's output, negative: -1 for features, -3 for the channels of images.
    names : sequence of str, optional
        As for Sequential.
    """

    layers: tuple
    join: str
    axis: int
    names: tuple

    def __init__(self, *layers, join="add", axis=-1, names=None):
        require_layers(layers)
        if join not in JOINS or not layers or not (isinstance(axis, int) and axis < 0):
            raise ValueError(f"Parallel needs branches, join one of {', '.join(JOINS)} and a "
                             f"negative axis; got {len(layers)} branches, {join!r}, {axis!r}.")
        names = distinct(layers, names)
        for name, value in zip(("layers", "join", "axis", "names"), (layers, join, axis, names)):
            object.__setattr__(self, name, value)

    def output_shape(self, shape):
        """The common shape, or the shapes joined."""
        shapes = [layer.output_shape(shape) for layer in self.layers]
        if self.join == "add":
            if len(set(shapes)) > 1:
                raise ValueError(f"branches cannot be added: their outputs have shapes {shapes}.")
            return shapes[0]
        if any(len(s) < -self.axis for s in shapes):
            raise ValueError(f"branches cannot be joined along axis {self.axis}, which outputs of "
                             f"shapes {shapes} have not.")
        rests = [s[:self.axis] + s[len(s) + self.axis + 1:] for s in shapes]
        if len(set(rests)) > 1:
            raise ValueError(f"branches cannot be joined along axis {self.axis}: their outputs "
                             f"have shapes {shapes}.")
        wide = list(shapes[0])
        wide[self.axis] = sum(s[self.axis] for s in shapes)
        return tuple(wide)

    def trace(self, Ws, x):
        """[x, y], and the branches' own traces."""
        kept = [layer.trace(own, x) for layer, own in zip(self.layers, self.shared_out(Ws))]
        ys = [trace[-1] for trace in kept]
        return Trace([x, added(ys) if self.join == "add" else self._joined(ys)], kept)

    def pull(self, Ws, trace, dy, data=False):
        """The branches' uses, and the sum of their dx: None if one leaves it out."""
        uses, dxs = [], []
        for layer, own, kept, part in zip(self.layers, self.shared_out(Ws), trace.kept,
                                          self._split(trace.kept, dy)):
            here, dx = layer.pull(own, kept, part, data)
            uses += here
            dxs.append(dx)
        return uses, None if any(dx is None for dx in dxs) else added(dxs)

    def _joined(self, ys):
        turned = [F.swapaxes(y, self.axis, -1) for y in ys]
        return F.swapaxes(F.concatenate(turned), self.axis, -1)

    def _split(self, traces, dy):
        """The cotangent of each branch."""
        if self.join == "add":
            return [dy] * len(traces)
        turned, parts, start = F.swapaxes(dy, self.axis, -1), [], 0
        for trace in traces:
            end = start + trace[-1].shape[self.axis]
            parts.append(F.swapaxes(turned[..., start:end], self.axis, -1))
            start = end
        return parts

    def batch(self, index):
        """Each branch for the examples `index`."""
        return Parallel(*(layer.batch(index) for layer in self.layers), join=self.join,
                        axis=self.axis, names=self.names)

    def require_input(self, x):
        """As every branch."""
        for i, layer in enumerate(self.layers):
            if layer.indices != self.indices:
                raise ValueError(f"branch {i}: {layer} takes numbers, and another branch indices; "
                                 "let an Embedding come before all branches.")
            layer.require_input(x)


def Residual(*layers, names=None):
    """y = x + f(x), f the Sequential of the layers; its names are theirs."""
    if not layers:
        raise ValueError("Residual() has nothing to add to x; give it at least one layer.")
    return Parallel(Elementwise("Identity"), Sequential(*layers, names=names), names=("", ""))


@dataclass(frozen=True)
class Tied(Wrapping):
    """A layer whose matrices are shared with every other Tied layer of the same name in a network.

    Its gradient sums over all uses, and so do Kronecker factors over all places.

    Parameters
    ----------
    name : str
    layer : Layer
    """

    name: str
    layer: Layer

    def __post_init__(self):
        require_layers([self.layer])

    @property
    def inner(self):
        """The layer."""
        return self.layer

    @property
    def ties(self):
        """(name, i) for its matrix i."""
        return tuple((self.name, i) for i in range(len(self.shapes)))

    def batch(self, index):
        """The layer for the examples `index`."""
        return Tied(self.name, self.layer.batch(index))
