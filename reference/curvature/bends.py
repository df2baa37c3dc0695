"""Bends b = f''(s) dL/dx of elementwise layers x = f(s), wherever they stand in a network.

A network whose other layers are affine in what they are given, at fixed weights, has no other
second derivatives but these and those of products of two matrices.  Bends are read off one backward
pass, in which elementwise layers tell them; a cotangent of their own is put in by another.
"""

from dataclasses import dataclass
from typing import Any

from ..arrays import functions as F
from ..arrays.checks import require_choice
from ..network.affine import Affine
from ..network.branches import Parallel, Tied
from ..network.compose import Composite, Sequential, leaves
from ..network.elementwise import Elementwise
from ..network.embedding import SinusoidalPositions
from ..network.layer import Layer, Wrapping
from ..network.normalise_channels import BatchNorm
from .contractions import slope_and_bend

PHI = {"abs": F.modulus, "clip": F.positive_part, "zero": F.zeros_like, "identity": lambda b: b}


def require_phi(name):
    """The function of bends of that name."""
    require_choice("phi", name, PHI)
    return PHI[name]


# ---- which networks ----

def strange(net):
    """The first layer that is neither affine nor elementwise, or None."""
    return next((leaf for leaf in leaves(net) if not _is_known(leaf)), None)


def _is_known(leaf):
    evaluated = isinstance(leaf, BatchNorm) and not leaf.couples
    return evaluated or leaf.linear or isinstance(leaf, (Affine, Elementwise, SinusoidalPositions))


def require_bent_by_elements(net):
    """ValueError naming a layer whose second derivative is no diagonal."""
    if (layer := strange(net)) is not None:
        raise ValueError(f"{layer} is neither affine nor elementwise: it has no bends "
                         "f''(s) dL/dx to make positive; take gauss_newton, or say linear = True "
                         "in a layer of your own that is.")


# ---- told and put in on a backward pass ----

@dataclass(frozen=True, eq=False)
class _Bend:
    """What a `_Telling` gives in place of a use."""

    value: Any


@dataclass(frozen=True, eq=False)
class _Telling(Layer):
    """An elementwise layer that tells its bend when it is pulled."""

    layer: Elementwise

    def pull(self, Ws, trace, dy, data=False):
        """The bend, and dx."""
        slope, bend = slope_and_bend([self.layer], trace[0], dy)
        return [_Bend(bend)], slope * dy


@dataclass(frozen=True, eq=False)
class _Pushing(Layer):
    """An elementwise layer that adds a cotangent of its own to dx."""

    layer: Elementwise
    push: Any

    def vjp(self, W, x, y, dy):
        """No weights, and dx = f'(x) dy + push."""
        return None, self.layer.vjp(W, x, y, dy)[1] + self.push


def _with_elements(layer, change):
    """The network with change(leaf) for each of its elementwise layers, in order."""
    if isinstance(layer, Tied):
        return Tied(layer.name, _with_elements(layer.layer, change))
    if not isinstance(layer, Composite):
        return change(layer) if isinstance(layer, Elementwise) else layer
    inner = [_with_elements(each, change) for each in layer.layers]
    if isinstance(layer, Parallel):
        return Parallel(*inner, join=layer.join, axis=layer.axis, names=layer.names)
    return Sequential(*inner, names=layer.names)


def bends(objective, theta, xs):
    """[f''(s_e) dL/dx_e, ...], of the shapes of s_e, for the elementwise layers in order."""
    telling = _with_elements(objective.net, _Telling)
    uses, _ = telling.pull(telling.matrices(theta), xs, objective.dz(xs[-1]), data=True)
    return [use.value for use in uses if isinstance(use, _Bend)]


def inputs(layer, trace):
    """[s_e, ...] of the elementwise layers in order, from a trace of the network."""
    if isinstance(layer, Composite):
        return [s for each, kept in zip(layer.layers, trace.kept) for s in inputs(each, kept)]
    if isinstance(layer, Wrapping):
        return inputs(layer.inner, trace)
    return [trace[0]] if isinstance(layer, Elementwise) else []


def pushing(net, pushes):
    """The network whose backward pass adds each push to the cotangent dL/ds_e."""
    rest = iter(pushes)
    return _with_elements(net, lambda leaf: _Pushing(leaf, next(rest)))
