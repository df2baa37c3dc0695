"""Layers one after the other, over an explicit trace."""

from dataclasses import dataclass
from functools import cached_property

from ..arrays import functions as F
from ..arrays.checks import require_float, require_generator
from .affine import Affine
from .initial import glorot
from .layout import Layout


@dataclass(frozen=True, init=False)
class Sequential:
    """x_0 -> x_1 -> ... -> x_L = z: each layer applied to the output of the one before.

    Parameters
    ----------
    *layers
        Objects with `shape`, `output_shape`, `forward(W, x)` and `vjp(W, x, y, dy)`.
    """

    layers: tuple

    def __init__(self, *layers):
        object.__setattr__(self, "layers", layers)
        for i, layer in enumerate(layers):
            if isinstance(layer, type) or not hasattr(layer, "vjp"):
                raise TypeError(f"layer {i} is {layer!r}; call its constructor, as in Tanh().")
            if isinstance(layer, Sequential):
                raise TypeError(f"layer {i} is {layer!r}: a Sequential within a Sequential is not "
                                "supported yet; list its layers instead.")
        if all(layer.shape is None for layer in layers):
            raise ValueError("Sequential needs a layer with weights, as Dense(2, 1).")

    def __repr__(self):
        return f"Sequential({', '.join(map(repr, self.layers))})"

    @cached_property
    def layout(self):
        """Where each weight layer's matrix lies in theta."""
        return Layout(tuple(layer.shape for layer in self.layers if layer.shape is not None))

    def output_shape(self, shape):
        """Shape of one example's output; ValueError naming the layer that does not fit."""
        for i, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ValueError as error:
                raise ValueError(f"layer {i}: {error}") from None
        return shape

    def weights(self, theta):
        """One entry per layer: its matrix W, or None."""
        require_float("theta", theta)
        if theta.shape[-1:] != (self.layout.size,):
            raise ValueError(f"theta has shape {theta.shape} but {self} needs {self.layout.size} "
                             "parameters on the last axis; build it with net.initial(rng).")
        matrices = iter(self.layout.unpack(theta))
        return [None if layer.shape is None else next(matrices) for layer in self.layers]

    def forward(self, theta, x):
        """The trace [x_0, ..., x_L]: the input, every layer's output, the prediction.

        Leading axes of theta (..., P) become leading axes of the trace.
        """
        Ws = self.weights(theta)
        xs = [F.constant(F.reshape(x, (1,) * (theta.ndim - 1) + x.shape), theta)]
        for layer, W in zip(self.layers, Ws):
            xs.append(layer.forward(W, xs[-1]))
        return xs

    def vjp(self, theta, xs, dz):
        """(dz/dtheta)^T dz (..., P), and the cotangents dxs aligned with the trace xs.

        dxs[0] is None if the first layer is affine: nobody needs the data's own cotangent.
        """
        dWs, dxs, Ws = [], [dz], self.weights(theta)
        for i, layer in reversed(list(enumerate(self.layers))):
            vjp = _without_dx if i == 0 and isinstance(layer, Affine) else type(layer).vjp
            dW, dx = vjp(layer, Ws[i], xs[i], xs[i + 1], dxs[0])
            dWs.insert(0, dW)
            dxs.insert(0, dx)
        return self.layout.pack([dW for dW in dWs if dW is not None]), dxs

    def initial(self, rng, scheme=glorot):
        """A random theta (P,), each matrix drawn by `scheme(rng, layer)`; biases as it says."""
        require_generator(rng)
        return self.layout.pack([scheme(rng, layer) for layer in self.layers
                                 if layer.shape is not None])


def _without_dx(layer, W, x, y, dy):
    return layer.weight_vjp(W, x, y, dy), None
