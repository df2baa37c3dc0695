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
from ..arrays.namespace import library
from ..arrays.transfer import follows
from ..derivatives import dual
from ..derivatives.directions import AT_ONCE
from . import assembly, dense
from .bends import bends, inputs, pushing, require_bent_by_elements, require_phi
from .chain import chain, output_curvature
from .chain_parts import assemble_diagonal
from .contractions import slope_and_bend
from .operator import point, symmetric_operator
from .point import point as unfolded
from .workspace import passing, workspace


@follows
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
    through = passing(objective, theta, True)

    def product(V):
        moved = net.forward(Dual(theta, V), objective.x)
        pushes = [b * s.du if isinstance(s, Dual) else 0 for b, s in zip(bent, inputs(net, moved))]
        dz = dual.derivative(objective.dz, xs[-1], moved[-1].du)
        return pushing(net, pushes).vjp(theta, xs, dz)[0]
    return symmetric_operator(theta, product, *_ways(objective, theta, phi, product, through),
                              passing=through)


# ---- the dense matrix: the chain at the end assembled, products for what comes before ----

def _ways(objective, theta, phi, product, through):
    """matrix, diagonal, layout, entries, no parts, and work, as SymmetricOperator takes them."""
    def of(make):
        return lambda *whole: make(unfolded(objective, theta), phi, product, *whole)
    if not dense.is_assembled(objective, theta):
        return dense.NONE
    return (of(_matrix), of(_blocks), objective.net.layout, of(_diagonal), None,
            of(partial(_work, through)))


def _matrix(at, phi, product):
    P, end = at.starts[-1], at.starts[at.cut]
    if end == 0:
        return assembly.assemble(*_chain(at, phi, gs=[None]))
    B = library(at.z).empty((P, P), at.z.dtype)
    if end < P:
        B[end:, end:] = assembly.assemble(*_chain(at, phi, gs=[None]))
    for k, rows in _rows(at, product, slice(0, end)):
        B[k] = rows
    B[:end, :end] = symmetric(B[:end, :end])
    B[end:, :end] = B[:end, end:].T
    return B


def _blocks(at, phi, product):
    return _before_chain(at, product) + _of_chain(assembly.assemble_blocks, at, phi)


def _diagonal(at, phi, product):
    before = [np.diagonal(block) for block in _before_chain(at, product)]
    return np.concatenate(before + _of_chain(assemble_diagonal, at, phi))


def _work(through, at, phi, product, whole):
    """Bytes beside the matrix or its blocks: dual traces of some rows, and copies of a part."""
    P, end = at.starts[-1], at.starts[at.cut]
    if end == 0:
        return workspace(at, None, False, whole)
    K, size = min(AT_ONCE, end), at.z.dtype.itemsize
    rows = 3 * size * K * P + through(K)
    return int(max(rows, size * whole * max(2 * end ** 2, 2 * (P - end) ** 2)))


def _rows(at, product, s):
    """Yields (slice k of s, rows k of B), some at a time."""
    for k in range(s.start, s.stop, AT_ONCE):
        n = min(AT_ONCE, s.stop - k)
        yield slice(k, k + n), product(library(at.z).eye(n, at.starts[-1], k, dtype=at.z.dtype))


def _before_chain(at, product):
    """The diagonal blocks of the matrices before the chain, by products."""
    own = [s for s in at.objective.net.layout.slices if s.stop <= at.starts[at.cut]]
    return [symmetric(np.concatenate([rows[:, s] for _, rows in _rows(at, product, s)]))
            for s in own]


def _of_chain(make, at, phi):
    """What `make` makes of the chain, matrix by matrix; nothing without one."""
    return make(*_chain(at, phi)) if at.starts[at.cut] < at.starts[-1] else []


def _chain(at, phi, gs=()):
    """What `assembly` wants of the chain, its bends after phi; with gs, the whole matrix."""
    c = chain(at, partial(_bent_run, phi))
    slopes, bends, S = output_curvature(c, at.objective.output_hessian(at.z), True)
    return c.Ws, c.ps, slopes, bends, *gs, S, c.bias


def _bent_run(phi, run, s, dx):
    """Of f = f_k(...f_1(s)): f', and the bends phi(f_j'' dL/dx_j) of its layers, seen from s."""
    if not run:
        return F.ones_like(s), F.zeros_like(s)
    first, *rest = run
    slope, bend = _bent_run(phi, rest, first.forward(None, s), dx)
    own, bent = slope_and_bend([first], s, slope * dx)
    return own * slope, own * bend * own + phi(bent)
