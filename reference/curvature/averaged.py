"""Averaged recursions: one curvature matrix C (O, O) per layer, instead of one per example.

Along a chain of Dense and elementwise layers the exact diagonal block is sum_n C_n (x) p_n p_n^T,
with C_n the curvature of one example's loss by s_l (see `positive_curvature`).  Here every step
of the recursion takes the mean over the batch, written mean below and weighted by w_n/sum_n w_n:

    C(z)    = (1/R) sum_n w_n d^2 loss_n/dz^2
    C(s)    = J C(x) J + diag(phi(b)),           J = diag(mean f')                [CCC18]
            = mean(f' f'^T) * C(x) + diag(phi(b))                                 [BRB17]
    b       = (1/R) sum_n w_n f''(s_n) dloss_n/dx_n                    (phi after the mean)
    C(x_in) = V^T C(s) V                                     (V: W without its bias column)

and the block becomes the Kronecker product C(s_l) (x) A_l, A = mean(p p^T) or mean(p) mean(p)^T.
"""

from ..arrays import functions as F
from ..arrays.checks import require_choice, require_theta
from ..arrays.linalg import symmetric
from ..arrays.transfer import follows
from ..network.affine import Dense
from ..network.elementwise import Elementwise
from ..network.uses import places
from .bends import require_phi
from .contractions import slope_and_bend
from .kfac import place_weights
from .kron import Kron
from .point import in_a_row, point


def _second_moment(a, share):
    """mean(a a^T) (D, D), for a (M, D) of shares (M,)."""
    return F.transpose(a * share[:, None]) @ a


def _square_of_mean(a, share):
    """mean(a) mean(a)^T (D, D)."""
    mean = F.sum(a * share[:, None], -2)
    return mean[:, None] * mean


SLOPES = {"mean": _square_of_mean, "outer": _second_moment}              # what multiplies C
INPUTS = {"second moment": _second_moment, "mean": _square_of_mean}      # A


@follows
def bda_pch(objective, theta, phi="abs", slopes="mean", inputs="second moment"):
    """[Kron(C(s_l), A_l), ...]: the block-diagonal positive-curvature Hessian, averaged [CCC18].

    Parameters
    ----------
    objective : Objective
        Whose network is a chain of Dense and elementwise layers, each matrix used once.
    theta : array (P,)
    phi : "abs", "clip", "zero" or "identity"
        Of the averaged bends: as in `positive_curvature`.
    slopes : "mean" or "outer"
        J C J with J = diag(mean f') [CCC18], or mean(f' f'^T) * C [BRB17].
    inputs : "second moment" or "mean"
        A = mean(p p^T), or mean(p) mean(p)^T, of rank one [CCC18].

    Returns
    -------
    list of Kron, one per weight matrix
        On the scale of the block: C carries the 1/R, A is a mean.  Without the weight decay's l2 I.

    Raises
    ------
    ValueError
        For an unknown name, or naming the layer that is neither Dense nor elementwise.

    Notes
    -----
    The block of `positive_curvature` for one example; and for several if f' and d^2 loss/dz^2 are
    the same for all, and no bends, as in deep linear networks with squared error ("second moment").
    Places (N, T, D) count as examples.
    """
    require_theta(objective, theta)
    require_choice("slopes", slopes, SLOPES)
    require_choice("inputs", inputs, INPUTS)
    phi, mean_slopes, moment = require_phi(phi), SLOPES[slopes], INPUTS[inputs]
    _require_chain(objective.net)
    at = point(objective, theta)
    share = _shares(objective, at.z)
    C = F.sum(_samples(objective.output_hessian(at.z), 2), -3)
    factors = []
    for layer, Ws, trace, dy in list(zip(at.layers, at.Ws, at.traces, at.backward[1]))[::-1]:
        if isinstance(layer, Dense):
            A = moment(_samples(layer.patches(trace[0])), share)
            factors.insert(0, Kron(symmetric(C), symmetric(A)))
            V = Ws[0][:, :layer.inputs]
            C = F.transpose(V) @ C @ V
        else:
            slope, bend = map(_samples, slope_and_bend([layer], trace[0], dy))
            C = mean_slopes(slope, share) * C + phi(F.sum(bend, -2)) * F.identity(C)
    return factors


@follows
def kfra(objective, theta):
    """[Kron(C(s_l), A_l), ...]: the Gauss-Newton blocks by BRB17's averaged recursion [BRB17].

    C(s) = mean(f' f'^T) * C(x), C(x_in) = V^T C(s) V, from the mean of d^2 loss/dz^2 on; A is the
    second moment of p.  `bda_pch` with phi "zero" and slopes "outer".

    Parameters
    ----------
    objective : Objective
        Whose network is a chain of Dense and elementwise layers.
    theta : array (P,)

    Returns
    -------
    list of Kron
        The last layer's is that of K-FAC of kind "ggn" always; for one example all are the blocks
        of `gauss_newton`.

    Raises
    ------
    ValueError
        Naming the layer that is neither Dense nor elementwise.
    """
    return bda_pch(objective, theta, "zero", "outer")


# ---- which networks ----

def is_chain(net):
    """Whether there are none but Dense and elementwise layers, each matrix used once."""
    return _stranger(net) is None and len(net.layout.shapes) == len(net.shapes)


def _stranger(net):
    return next((layer for layer in in_a_row(net)
                 if not isinstance(layer, (Dense, Elementwise))), None)


def _require_chain(net):
    if (layer := _stranger(net)) is not None:
        raise ValueError(f"{layer} is neither Dense nor elementwise: one (O, O) matrix per layer "
                         "is defined for chains of these; take kfac, or positive_curvature.")
    if not is_chain(net):
        raise ValueError("a matrix is shared by several layers: the recursion gives one product "
                         "for each use, and no block; take kfac, or untie the layers.")


# ---- examples and places, as one axis ----

def _samples(a, trailing=1):
    """(N, ..., D) -> (M, D): places count as examples; `trailing` axes are kept."""
    return F.reshape(a, (-1,) + a.shape[a.ndim - trailing:])


def _shares(objective, z):
    """w/sum w (M,), of the examples' or the labels' weights."""
    z = places(z, z.ndim - 1)
    w = place_weights(objective, z)
    w = _samples(F.ones_like(z[..., 0]) if w is None else w, 0)
    return w / F.sum(w, -1)
