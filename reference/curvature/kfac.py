"""K-FAC: each diagonal block of the Fisher matrix as one Kronecker product [MG15].

    F_ll = E[(g p^T) as a vector, times its transpose] ~ E[g g^T] (x) E[p p^T] = G (x) A.

The expectation of a product is replaced by the product of expectations.  Scaling: A is a mean over
examples; G carries the 1/R of the loss, so that G (x) A approximates the block of F itself.
"""

from ..arrays import functions as F
from ..arrays.checks import require_theta
from ..arrays.linalg import symmetric
from ..network.affine import Affine, samples as flat
from .gauss_newton import KINDS, output_fisher, scores
from .kron import Kron


def kfac(objective, theta, kind="type-2", rng=None, samples=1):
    """[Kron(G, A), ...], one per weight matrix, with G (x) A ~ the diagonal block of the Fisher.

    Parameters
    ----------
    objective : Objective
        With affine layers and outputs (N, C).
    theta : array (P,)
    kind : "type-2", "mc", "empirical" or "ggn"
        Whose second moment G is: as in `fisher`; "ggn" takes the loss Hessian instead.
    rng, samples
        As in `fisher`, for "mc".

    Returns
    -------
    list of Kron
        A = sum_n w_n p_n p_n^T/sum_n w_n and G = (1/R) sum_n w_n E[g_n g_n^T].

    Notes
    -----
    Equal to the block of the Gauss-Newton matrix for N = 1, for one affine layer with squared
    error, and for deep linear networks with squared error.
    """
    require_theta(objective, theta)
    return [Kron(symmetric(output_factor(g, middle)), symmetric(input_factor(objective, p)))
            for p, g, middle in _statistics(objective, theta, kind, rng, samples)]


def _statistics(objective, theta, kind, rng, samples):
    """Per weight layer: patches p (N, T, I), cotangents g (M, N, T, O), and how to pair the M."""
    net, z = objective.net, objective.outputs(theta)
    if z.ndim != 2:
        raise ValueError(f"kfac needs outputs (N, C), got {z.shape}; reshape them in the network.")
    dz, middle = _cotangents(objective, z, kind, rng, samples)
    xs = net.forward(theta, objective.x)
    dxs = net.vjp(theta, xs, dz)[1]
    for layer, x, dy in zip(net.layers, xs, dxs[1:]):
        if layer.shape is None:
            continue
        if not isinstance(layer, Affine):
            raise TypeError(f"{layer} is not affine: K-FAC does not apply to it.")
        yield with_time(layer.patches(x), 2), with_time(dy, 3), middle


def with_time(a, ndim):
    """(..., N, D) -> (..., N, 1, D); layers at T places have the axis already."""
    return a[..., None, :] if a.ndim == ndim else a


def _cotangents(objective, z, kind, rng, samples):
    """C unit cotangents with the middle matrix S (N, C, C), or M scores with None."""
    if kind in ("type-2", "ggn"):
        S = (objective.output_hessian(z) if kind == "ggn"
             else output_fisher(objective, z, kind))
        return F.identity(z)[:, None, :] + F.zeros_like(z), S
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, ggn; got {kind!r}.")
    s = scores(objective, z, kind, rng, samples)
    return s, objective.weighted(F.ones_like(s[0, ..., 0])) / len(s)


def input_factor(objective, p):
    """A = sum_n w_n p_n p_n^T/sum_n w_n (I, I), averaged over places."""
    w = objective.example_weights
    if w is None:
        return F.transpose(flat(p, 2)) @ flat(p, 2) / (objective.N * p.shape[-2])
    w = F.constant(w, p)
    total = F.sum(w, -1) * p.shape[-2]
    return F.transpose(flat(p * w[:, None, None], 2)) @ flat(p, 2) / total


def output_factor(g, middle):
    """G = sum_nt of g^T S g (O, O), for g (M, N, T, O) and S (N, M, M), or weights (N,)."""
    if middle.ndim == 3:
        Sg = F.einsum("ncd,dnto->cnto", middle, g)
    else:
        Sg = g * middle[:, None, None]
    return F.transpose(flat(Sg, 3)) @ flat(g, 3)
