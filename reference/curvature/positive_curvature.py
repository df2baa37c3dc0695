"""The positive-curvature Hessian: Gauss-Newton plus what each elementwise layer bends [CCC18].

With s_e -> x_e = f(s_e) the elementwise layers, and all others affine in what they are given,

    B = (1/R) sum_n w_n [J^T S J + sum_e (ds_e/dtheta)^T diag(phi(b_e)) (ds_e/dtheta)],
    S = d^2 loss/dz^2,    b_e = f''(s_e) dloss/dx_e    (the bend, entry by entry).

phi = identity leaves out of the Hessian only that two matrices multiply each other, so that its
diagonal blocks are those of the Hessian; abs and max(0, .) make B semidefinite.  Along a chain of
Dense layers the blocks are sum_n C_n(s_l) (x) p_n p_n^T, by one recursion per example:

    C(s) = diag(f') C(x) diag(f') + diag(phi(b)),    C(x_in) = V^T C(s) V    (V: W without bias).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.dual import Dual
from ..arrays.linalg import symmetric
from ..derivatives import dual
from ..derivatives.directions import along
from ..network.affine import Affine
from ..network.branches import Parallel, Tied
from ..network.compose import Composite, Sequential
from ..network.elementwise import Elementwise
from ..network.embedding import SinusoidalPositions
from ..network.layer import Layer, Wrapping
from . import assembly, dense
from .contractions import slope_and_bend
from .operator import SymmetricOperator, point
from .point import point as unfolded

PHI = {"abs": F.modulus, "clip": F.positive_part, "zero": F.zeros_like, "identity": lambda b: b}


def positive_curvature(objective, theta, phi="abs"):
    """B = J^T S J + sum_e (ds_e/dtheta)^T diag(phi(f''(s_e) dL/dx_e)) (ds_e/dtheta) (P, P) [CCC18].

    Parameters
    ----------
    objective : Objective
        Whose network is nonlinear in its elementwise layers alone, and in maxima of windows.
    theta : array (P,)
    phi : "abs", "clip", "zero" or "identity"
        What is done to the bends: |b|; max(0, b); none of them, which is Gauss-Newton; or nothing,
        so that the diagonal blocks are those of the Hessian where each matrix is used once.

    Returns
    -------
    SymmetricOperator
        Per example, without averages; without the weight decay's l2 I.  Positive semidefinite for
        "abs", "clip" and "zero" if the loss is convex in z, and then abs >= clip >= zero, and
        clip >= identity, whatever the loss.

    Raises
    ------
    ValueError
        For another phi, or naming the layer that is neither affine nor elementwise.
    """
    theta = point(objective, theta)
    phi = require_phi(phi)
    require_bent_by_elements(objective.net)
    xs = objective.net.forward(theta, objective.x)
    bends = _bends(objective, theta, xs, phi)

    def product(V):
        moved = objective.net.forward(Dual(theta, V), objective.x)
        bent = _pushed(objective.net, _pushes(objective.net, moved, bends))
        return bent.vjp(theta, xs, dual.derivative(objective.dz, xs[-1], moved[-1].du))[0]
    return SymmetricOperator(theta.size, theta.dtype, product,
                             *_ways(objective, theta, phi, product))


def require_phi(phi):
    """The function of that name."""
    if phi not in PHI:
        raise ValueError(f"phi must be one of {', '.join(PHI)}, got {phi!r}.")
    return PHI[phi]


# ---- which networks ----

def leaves(layer):
    """The layers that are not made of layers, in order."""
    inner = (layer.layers if isinstance(layer, Composite)
             else [layer.inner] if isinstance(layer, Wrapping) else None)
    return [layer] if inner is None else [leaf for each in inner for leaf in leaves(each)]


def strange(net):
    """The first layer that is neither affine nor elementwise, or None."""
    known = Affine, Elementwise, SinusoidalPositions
    return next((leaf for leaf in leaves(net)
                 if not (isinstance(leaf, known) or leaf.linear) or leaf.couples), None)


def require_bent_by_elements(net):
    """ValueError naming a layer whose second derivative is no diagonal."""
    if (layer := strange(net)) is not None:
        raise ValueError(f"{layer} is neither affine nor elementwise: there are no bends "
                         "f''(s) dL/dx to make positive; take gauss_newton or hessian, or say "
                         "linear = True in a layer of your own that is.")


# ---- bends, and products ----

@dataclass(frozen=True, eq=False)
class _Bend:
    """What a layer of `_Told` gives in place of a use."""

    value: Any


@dataclass(frozen=True, eq=False)
class _Told(Layer):
    """An elementwise layer that tells phi(f''(s) dL/dx) when it is pulled."""

    layer: Elementwise
    phi: Any

    def pull(self, Ws, trace, dy, data=False):
        """The bend, and dx."""
        slope, bend = slope_and_bend([self.layer], trace[0], dy)
        return [_Bend(self.phi(bend))], slope * dy


@dataclass(frozen=True, eq=False)
class _Pushed(Layer):
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


def _bends(objective, theta, xs, phi):
    """phi(f''(s_e) dL/dx_e), of the shape of s_e, for each elementwise layer."""
    told = _with_elements(objective.net, lambda leaf: _Told(leaf, phi))
    uses, _ = told.pull(told.matrices(theta), xs, objective.dz(xs[-1]), data=True)
    return [use.value for use in uses if isinstance(use, _Bend)]


def _inputs(layer, trace):
    """[s_e, ...] of the elementwise layers, from a trace."""
    if isinstance(layer, Elementwise):
        return [trace[0]]
    if isinstance(layer, Wrapping):
        return _inputs(layer.inner, trace)
    if not isinstance(layer, Composite):
        return []
    return [s for each, kept in zip(layer.layers, trace.kept) for s in _inputs(each, kept)]


def _pushes(net, moved, bends):
    """phi(b_e) R{s_e}; 0 for layers that no weight precedes."""
    return [b * s.du if isinstance(s, Dual) else 0 for b, s in zip(bends, _inputs(net, moved))]


def _pushed(net, pushes):
    rest = iter(pushes)
    return _with_elements(net, lambda leaf: _Pushed(leaf, next(rest)))


# ---- the dense matrix: the chain at the end assembled, products for what comes before ----

def _ways(objective, theta, phi, product):
    """(matrix, diagonal, layout), as SymmetricOperator takes them."""
    if not dense.is_assembled(objective, theta):
        return dense.NONE
    return (lambda: _matrix(unfolded(objective, theta), phi, product),
            lambda: _blocks(unfolded(objective, theta), phi, product), objective.net.layout)


def _matrix(at, phi, product):
    P, end = at.starts[-1], at.starts[at.cut]
    H = np.empty((P, P), at.z.dtype)
    if end < P:
        Ws, ps, slopes, bends, S, bias = _chain(at, phi)
        H[end:, end:] = assembly.assemble(Ws, ps, slopes, bends, None, S, bias)
    if end:
        rows = along(product, np.eye(end, P, dtype=H.dtype))
        H[:end, :end] = symmetric(rows[:, :end])
        H[:end, end:], H[end:, :end] = rows[:, end:], rows[:, end:].T
    return H


def _blocks(at, phi, product):
    slices, P = at.objective.net.layout.slices, at.starts[-1]
    units = [(s, np.eye(s.stop - s.start, P, s.start, dtype=at.z.dtype)) for s in slices
             if s.stop <= at.starts[at.cut]]
    before = [symmetric(along(product, E)[:, s]) for s, E in units]
    return before + (assembly.assemble_blocks(*_chain(at, phi)) if len(before) < len(slices) else [])


def _chain(at, phi):
    """What `assembly` wants of the chain, its bends after phi."""
    c = dense.chain(at, partial(_bent_run, phi))
    slopes, bends, S = dense.output_curvature(c, at.objective.output_hessian(at.z), True)
    return c.Ws, c.ps, slopes, bends, S, c.bias


def _bent_run(phi, run, s, dx):
    """Of f = f_k(...f_1(s)): f', and the bends phi(f_j'' dL/dx_j) of its layers, seen from s."""
    first, *rest = run
    slope, bend, dy = F.ones_like(s), F.zeros_like(s), dx
    if rest:
        x = first.forward(None, s)
        slope, bend = _bent_run(phi, rest, x, dx)
        dy = slope * dx
    own, bent = slope_and_bend([first], s, dy)
    return own * slope, own * bend * own + phi(bent)
