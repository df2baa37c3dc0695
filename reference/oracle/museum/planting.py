"""Spoiled programs: a layer whose way back is another, a loss with another derivative."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...arrays import functions as F
from ...derivatives.routes import gradient, hvp
from ...network.compose import Sequential
from ...network.layer import Layer, Wrapping
from ...network.losses import Loss


@dataclass(frozen=True, eq=False)
class Spoiled(Wrapping):
    """A layer with `back(layer, Ws, trace, dy, uses, dx)` -> (uses, dx) in place of its own."""

    layer: Any
    back: Callable

    @property
    def inner(self):
        """The layer."""
        return self.layer

    def pull(self, Ws, trace, dy, data=False):
        """What `back` makes of the layer's own uses and dx."""
        uses, dx = self.layer.pull(Ws, trace, dy, data)
        uses, dx = self.back(self.layer, Ws, trace, dy, uses, dx)
        return uses, None if data else dx


@dataclass(frozen=True)
class Sloped(Layer):
    """y = f(x) of a line of ACTIVATIONS, with another slope(x, y, upstream) pulled back."""

    layer: Any
    back: Callable

    def forward(self, W, x):
        """f(x)."""
        return self.layer.forward(None, x)

    def vjp(self, W, x, y, dy):
        """dx = back(x, y, dy)."""
        return None, self.back(x, y, dy)


def with_layers(objective, change):
    """The objective with change(i, layer) for each layer of its network."""
    net = objective.net
    layers = [change(i, layer) for i, layer in enumerate(net.layers)]
    return replace(objective, net=Sequential(*layers, names=net.names))


def with_layer(objective, i, layer):
    """The objective with another layer i."""
    return with_layers(objective, lambda k, old: layer if k == i else old)


def spoiled(objective, i, back):
    """The objective with another way back through layer i."""
    return with_layer(objective, i, Spoiled(objective.net.layers[i], back))


def sloped(objective, back):
    """The objective with another way back through every activation: dx = back(x, y, dy)."""
    return with_layers(objective, lambda i, layer: Sloped(layer, back)
                       if hasattr(layer, "slope") else layer)


@dataclass(frozen=True)
class OtherLoss(Loss):
    """A loss with another gradient or Hessian of z, of functions (loss, z, y)."""

    of_gradient: Any = None
    of_hessian: Any = None

    def gradient(self, z, y):
        """The other one, or its own."""
        return self.of_gradient(super(), z, y) if self.of_gradient else super().gradient(z, y)

    def hessian(self, z, y):
        """The other one, or its own."""
        return self.of_hessian(super(), z, y) if self.of_hessian else super().hessian(z, y)


def with_loss(objective, gradient=None, hessian=None):
    """The objective whose loss has other derivatives."""
    loss = objective.loss
    return replace(objective, loss=OtherLoss(loss.name, loss.parameters, gradient, hessian))


def forwards(objective, theta):
    """The gradient of what is computed forwards, whatever the way back is."""
    return gradient(objective, theta, route="complex step")


def hessian_of(objective, theta):
    """H (P, P): the derivative of the backpropagated gradient, row by row."""
    return hvp(objective, theta, np.eye(theta.size))


def frozen(a):
    """A number without its tangent: what was saved, and is taken for a constant."""
    return F.primal(a)


def softmax(z):
    """p, of floats."""
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
