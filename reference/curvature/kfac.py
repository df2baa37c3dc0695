"""K-FAC: each diagonal block of the Fisher matrix as one Kronecker product [MG15].

    F_ll = E[(g p^T) as a vector, times its transpose] ~ E[g g^T] (x) E[p p^T] = G (x) A.

The expectation of a product is replaced by the product of expectations.  Scaling: A is a mean over
examples; G carries the 1/R of the loss, so that G (x) A approximates the block of F itself.

A matrix used at T places per example (a convolution, a recurrence) has sum_t g_t p_t^T for its
gradient, and there are two ways to factor it [EIT23]:

    expand    places count as examples:          A = mean_nt p p^T,    G = sum_nt E[g g^T]
    reduce    p ~ its mean, g ~ its sum over t:  A = mean_n pbar pbar^T, G = sum_n E[gsum gsum^T]
"""

from ..arrays import functions as F
from ..arrays.checks import require_choice, require_theta
from ..arrays.linalg import symmetric
from ..arrays.transfer import follows
from ..derivatives.jacobian import of_all_places, unit_cotangents
from ..network.uses import flat
from .gauss_newton import KINDS, output_fisher, scores
from .kron import Kron, KronBlocks
from .roots import as_cotangents, softmax_root

SETTINGS = ("expand", "reduce")


@follows
def kfac(objective, theta, kind="type-2", rng=None, samples=1, setting="expand"):
    """[Kron(G, A), ...], one per weight matrix, with G (x) A ~ the diagonal block of the Fisher.

    Parameters
    ----------
    objective : Objective
        Whose layers with weights tell patches and gradients.
    theta : array (P,)
    kind : "type-2", "mc", "empirical" or "ggn"
        Whose second moment G is: as in `fisher`; "ggn" takes the loss Hessian instead.
    rng, samples
        As in `fisher`, for "mc".
    setting : "expand" or "reduce"
        How matrices used at several places per example are treated; the same for T = 1.

    Returns
    -------
    list of Kron, or KronBlocks for matrices whose rows fall into groups
        expand: A = sum_nt w_n p p^T/(T sum_n w_n) and G = (1/R) sum_nt w_n E[g g^T].
        reduce: the same for the mean of p and the sum of g over t, weighted as the labels are.

    Notes
    -----
    For a matrix that is used once and has one group of rows, equal to the block of what `kind`
    averages for N = 1 and T = 1 (Fisher of that kind, or Gauss-Newton for "ggn").  The type-2 block
    also for deep linear networks that are the same for all examples, with squared error and T = 1,
    one label per place (expand) or the mean over places as output (reduce), if no window above the
    matrix mixes its places.

    Labels at the same places as p with weights w_nt of their own, 0 if ignored, weight A: p p^T in
    `expand`; in `reduce` the mean sum_t w_nt p/sum_t w_nt, and among examples sum_t w_nt.
    Elsewhere an example weighs as the mean over its labels.  What a mask skips counts as a place.
    """
    require_theta(objective, theta)
    require_setting(setting)
    uses, middle = statistics(objective, theta, kind, rng, samples)
    return [product([factors(objective, p, g, middle, setting) for p, g in use.pairs()])
            for use in uses]


@follows
def kflr(objective, theta, setting="expand"):
    """[Kron(G, A), ...] with G the second moment by the exact loss Hessian S = d^2 loss_n/dz^2.

    `kfac` of kind "ggn", which approximates the blocks of the Gauss-Newton matrix [BRB17].

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    setting : "expand" or "reduce"
        As in `kfac`.

    Returns
    -------
    list of Kron, or KronBlocks for matrices whose rows fall into groups
        For cross-entropy (binary too), squared error and Poisson the same as `kfac` of type 2.
        Another matrix for `Gaussian`, which learns its variance and whose G may be indefinite;
        `Huber` has it alone, as no Fisher matrix.
    """
    return kfac(objective, theta, "ggn", setting=setting)


def require_setting(setting):
    """ValueError unless it is one of SETTINGS."""
    require_choice("setting", setting, SETTINGS)


def product(krons):
    """One product, or the KronBlocks of several."""
    return krons[0] if len(krons) == 1 else KronBlocks(tuple(krons))


def factors(objective, p, g, middle, setting):
    """Kron(G, A) from patches p (N, T, I) and gradients g (M, N, T, O)."""
    p, w, g = of_setting(objective, p, g, setting)
    return Kron(symmetric(output_factor(g, middle)), symmetric(second_moment(p, w)))


def of_setting(objective, p, g, setting):
    """p, their weights w or None, and g: as they are, or of one place in "reduce"."""
    w = place_weights(objective, p)
    if setting == "reduce":
        return *_mean_over_places(p, w), F.sum(g, -2)[..., None, :]
    return p, w, g


def statistics(objective, theta, kind, rng, samples):
    """How each matrix is used, by M cotangents (M, N, ...) at once, and how to pair the M."""
    net = objective.net
    if net.couples:
        raise ValueError(f"{net.coupling} couples the examples of a batch: Kronecker factors "
                         "are expectations over examples, and there are none.")
    xs = net.forward(theta, objective.x)
    dz, middle = _cotangents(objective, xs[-1], kind, rng, samples)
    return net.backward(theta, xs, dz)[0], middle


def _cotangents(objective, z, kind, rng, samples):
    """Cotangents (M, N, ...), and what is between them: nothing, S (N, M, M), or weights (N,).

    Columns of a root of S, unit vectors, or scores.
    """
    if kind in ("type-2", "ggn") and objective.loss.name == "CrossEntropy":
        return as_cotangents(softmax_root(objective, z), z), None
    if kind in ("type-2", "ggn") or kind in KINDS and z.ndim > 2:
        S = (objective.output_hessian(z) if kind == "ggn"
             else output_fisher(objective, z, kind, rng, samples))
        return unit_cotangents(z), of_all_places(S, z)
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, ggn; got {kind!r}.")
    s = scores(objective, z, kind, rng, samples)
    return s, objective.weighted(F.ones_like(s[0, ..., 0])) / len(s)


def input_factor(objective, p):
    """A = sum_nt w p p^T/sum_nt w (I, I)."""
    return second_moment(p, place_weights(objective, p))


def place_weights(objective, p):
    """w (N, T) of the labels at the places of p (N, T, I); None if all are 1."""
    w = objective.beside(objective.example_weights, p)
    if w is None:
        return None
    w = F.constant(w.reshape(len(w), -1), p)
    if w.shape != p.shape[-3:-1]:                   # labels elsewhere: an example has their mean
        w = F.broadcast_to(F.sum(w, -1)[:, None] / w.shape[-1], p.shape[-3:-1])
    return w


def _mean_over_places(p, w):
    """sum_t w p/sum_t w (N, 1, I) and sum_t w (N, 1); an example without weight has mean 0."""
    if w is None:
        return F.sum(p, -2)[..., None, :] / p.shape[-2], None
    total = F.sum(w, -1)[..., None]
    mean = F.sum(p * w[..., None], -2) / F.where(F.primal(total) > 0, total, 1)
    return mean[..., None, :], total


def second_moment(p, w):
    """sum_nt w p p^T/sum_nt w (I, I), for weights w (N, T) or None."""
    if w is None:
        return F.transpose(flat(p)) @ flat(p) / (p.shape[-3] * p.shape[-2])
    return F.transpose(flat(p * w[..., None])) @ flat(p) / F.sum(w, (-2, -1))


def output_factor(g, middle):
    """G = sum_nt of g^T S g (O, O) for g (M, N, T, O), S (N, M, M) or weights (N,), or of g^T g."""
    g, Sg = (F.reshape(a, (-1, g.shape[-1])) for a in (g, weighed(g, middle)))
    return F.transpose(Sg) @ g                    # BLAS saves half where both are one array


def weighed(g, middle):
    """S g (M, N, ., .) for g (M, N, ., .) and S (N, M, M), or weights (N,); g itself for None."""
    if middle is None:
        return g
    if middle.ndim == 3:
        return F.einsum("ncd,dnto->cnto", middle, g)
    return g * middle[:, None, None]
