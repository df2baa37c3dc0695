"""Roots B B^T = S of the loss Hessian: their columns are cotangents that need no S between."""

from ..arrays import functions as F
from ..derivatives.jacobian import of_all_places
from ..network.losses import diagonal, softmax


def softmax_root(objective, z):
    """sqrt(w_n m/R) (diag(sqrt(p)) - p sqrt(p)^T), the diagonal as sqrt(p) (1 - p)."""
    p, other = softmax(z)
    r = F.sqrt(p)
    root = diagonal(r * other) - p[..., :, None] * r[..., None, :] * (1 - F.identity(p))
    mass = F.sum(F.constant(objective.beside(objective.targets, z), z), -1)
    return F.sqrt(objective.weighted(mass))[..., None, None] * root


def as_cotangents(B, z):
    """The columns of B (N, ..., C, C) as cotangents (M, N, ...) of z (N, ...) of M numbers each."""
    B = of_all_places(B, z)                                                          # (N, M, M)
    return F.reshape(F.swapaxes(F.swapaxes(B, -1, -2), -2, -3), B.shape[-1:] + z.shape)
