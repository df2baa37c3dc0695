"""The positive-curvature Hessian: Gauss-Newton plus what each elementwise layer bends [CCC18].

With s_e -> x_e = f(s_e) the elementwise layers, and all others affine in what they are given,

    B = (1/R) sum_n w_n [J^T S J + sum_e (ds_e/dtheta)^T diag(phi(b_e)) (ds_e/dtheta)],
    S = d^2 loss/dz^2,    b_e = f''(s_e) dloss/dx_e    (the bend, entry by entry).

With phi = identity, all that is missing from the Hessian is that two matrices multiply each other;
its diagonal blocks are there.  With phi = abs or max(0, .), B is semidefinite.  Along a chain of
Dense layers the blocks are sum_n C_n(s_l) (x) p_n p_n^T, by one recursion per example:

    C(s) = diag(f') C(x) diag(f') + diag(phi(b)),    C(x_in) = V^T C(s) V    (V: W without bias).
"""

from functools import partial

import numpy as np

from ..arrays import functions as F
from ..arrays.dual import Dual
from ..arrays.linalg import symmetric
from ..derivatives import dual
from ..derivatives.directions import along
from . import assembly, dense
from .bends import bends, inputs, pushing, require_bent_by_elements, require_phi
from .contractions import slope_and_bend
from .operator import SymmetricOperator, point
from .point import point as unfolded


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
        Bends are those of single examples, and of one layer each: nothing is averaged before phi.
        Without the weight decay's l2 I.  Positive semidefinite for all but "identity" if the loss
        is convex in z.  In the order of semidefinite differences, for any loss:
        abs >= clip >= zero and clip >= identity.

    Raises
    ------
    ValueError
        For another phi, or naming the layer that is neither affine nor elementwise.
    """
    theta, phi, net = point(objective, theta), require_phi(phi), objective.net
    require_bent_by_elements(net)
    xs = net.forward(theta, objective.x)
    bent = [phi(b) for b in bends(objective, theta, xs)]

    def product(V):
        moved = net.forward(Dual(theta, V), objective.x)
        pushes = [b * s.du if isinstance(s, Dual) else 0 for b, s in zip(bent, inputs(net, moved))]
        dz = dual.derivative(objective.dz, xs[-1], moved[-1].du)
        return pushing(net, pushes).vjp(theta, xs, dz)[0]
    return SymmetricOperator(theta.size, theta.dtype, product,
                             *_ways(objective, theta, phi, product))


# ---- the dense matrix: the chain at the end assembled, products for what comes before ----

def _ways(objective, theta, phi, product):
    """(matrix, diagonal, layout), as SymmetricOperator takes them."""
    shared = len(objective.net.layout.shapes) < len(objective.net.shapes)
    if shared or not dense.is_assembled(objective, theta):
        return dense.NONE
    return (lambda: _matrix(unfolded(objective, theta), phi, product),
            lambda: _blocks(unfolded(objective, theta), phi, product), objective.net.layout)


def _matrix(at, phi, product):
    P, end = at.starts[-1], at.starts[at.cut]
    B = np.empty((P, P), at.z.dtype)
    if end < P:
        Ws, ps, slopes, bends, S, bias = _chain(at, phi)
        B[end:, end:] = assembly.assemble(Ws, ps, slopes, bends, None, S, bias)
    if end:
        rows = along(product, np.eye(end, P, dtype=B.dtype))
        B[:end, :end] = symmetric(rows[:, :end])
        B[:end, end:], B[end:, :end] = rows[:, end:], rows[:, end:].T
    return B


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
        slope, bend = _bent_run(phi, rest, first.forward(None, s), dx)
        dy = slope * dx
    own, bent = slope_and_bend([first], s, dy)
    return own * slope, own * bend * own + phi(bent)
