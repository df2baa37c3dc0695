"""What a layer is: a function of its matrices and its input, and the transposed derivative of it.

A layer with at most one matrix says two things, `forward(W, x) -> y` and
`vjp(W, x, y, dy) -> (dW, dx)`; the methods below are written from these.  A layer made of several
parts, or one that would compute twice what it can keep, says `trace` and `pull` instead.

Sample axes (n, t) precede the features; whatever precedes them are leading axes of theta (several
parameter vectors at once; every trace has them) or of the cotangent (several directions).
"""

import numpy as np

from ..arrays.checks import require_float, shown
from .uses import Total


class Trace(list):
    """[x_0, x_1, ..., y]: an input, what was computed on the way, and the output.

    kept : whatever a layer's `pull` wants to find again; of a Sequential, its layers' traces.
    """

    def __init__(self, arrays, kept=None):
        super().__init__(arrays)
        self.kept = kept


class Layer:
    """A function of matrices W and an input x, at any leading axes; a frozen dataclass.

    shape : (O, I) of the one matrix W, or None.
    couples : whether the output of one example depends on the other examples.
    indices : whether x are indices, which data alone can be: such a layer is a network's first.
    linear : whether a layer without weights is linear in x, where no kink is met.
    """

    shape = None
    couples = False
    indices = False
    linear = False

    @property
    def shapes(self):
        """Shapes (O, I) of all matrices of the layer."""
        return () if self.shape is None else (tuple(self.shape),)

    @property
    def coupling(self):
        """The layer that couples the examples, for errors to name."""
        return repr(self)

    @property
    def ties(self):
        """One key per matrix: matrices of equal key in a network are one; None is nobody's."""
        return (None,) * len(self.shapes)

    @property
    def apart(self):
        """Whether per-example derivatives of W can be told, and not their sum alone."""
        return self.shape is None or type(self).pull is not Layer.pull

    def output_shape(self, shape):
        """Shape of one example after this layer; ValueError if it does not fit."""
        return shape

    def trace(self, Ws, x):
        """The Trace from x to y."""
        return Trace([x, self.forward(Ws[0] if Ws else None, x)])

    def pull(self, Ws, trace, dy, data=False):
        """(uses, dx): how each matrix was used, and x's cotangent (None if x is `data`)."""
        dW, dx = self.vjp(Ws[0] if Ws else None, trace[0], trace[-1], dy)
        return ([] if dW is None else [Total(dW, self)]), dx

    def start(self, rng, scheme):
        """The matrices to begin with."""
        return [] if self.shape is None else [scheme(rng, self)]

    def parts(self, Ws):
        """{name: array}: the matrices as PyTorch names and arranges them, entries only moved."""
        return {"weight": Ws[0]} if Ws else {}

    def batch(self, index):
        """This layer for the examples `index`: layers that hold an array per example cut it."""
        return self

    def require_input(self, x):
        """Error unless the data x (N, ...) are what this layer takes, as a network's first."""
        require_float("x", x, "f")


class Wrapping(Layer):
    """A layer made of another one, `inner`, which answers whatever it does not answer itself."""

    def _inner(name):
        return property(lambda self: getattr(self.inner, name), doc=f"The inner layer's {name}.")

    shapes, ties, couples, coupling, indices, apart = map(
        _inner, "shapes ties couples coupling indices apart".split())
    output_shape, trace, pull, start, parts, require_input = map(
        _inner, "output_shape trace pull start parts require_input".split())


class Holding(Layer):
    """A dataclass with eq=False and repr=False, some of whose fields, `arrays`, may be arrays.

    They are copied and read-only, shown by their shape, and equal if their entries are.
    """

    arrays = ()

    def hold(self):
        """Copies of the arrays in their place, once they are checked."""
        for name in self.arrays:
            value = getattr(self, name)
            own = tuple(map(_held, value)) if isinstance(value, tuple) else _held(value)
            object.__setattr__(self, name, own)

    def __repr__(self):
        fields = [(name, getattr(self, name), field.default)
                  for name, field in self.__dataclass_fields__.items()]
        given = [f"{name}={shown(value)}" for name, value, default in fields
                 if (value is not None if name in self.arrays else value != default)]
        return f"{type(self).__name__}({', '.join(given)})"

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        ours, theirs = self._held, other._held
        return (self._settings == other._settings and len(ours) == len(theirs)
                and all(map(np.array_equal, ours, theirs)))

    def __hash__(self):
        return hash((type(self), self._settings))

    def __reduce__(self):                                 # pickled arrays would come back writable
        return type(self), tuple(getattr(self, name) for name in self.__dataclass_fields__)

    @property
    def _settings(self):
        return tuple(getattr(self, name) for name in self.__dataclass_fields__
                     if name not in self.arrays)

    @property
    def _held(self):
        values = [getattr(self, name) for name in self.arrays]
        return [a for value in values for a in (value if isinstance(value, tuple) else (value,))]


def _held(a):
    """A read-only copy of an array: what its owner does to the original changes no layer."""
    if a is None:
        return None
    a = a.copy()
    if isinstance(a, np.ndarray):                         # others know no such flag
        a.flags.writeable = False
    return a
