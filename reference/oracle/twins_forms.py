"""Second ways to parts of matrices and to the covariance of gradients, plain and slow."""

import numpy as np

from ..curvature.hessian import hessian
from ..curvature.operator import columns
from ..derivatives import complex_step
from .twins import gradients_one_by_one, jacobian_by


def hessian_diagonal(objective, theta):
    """Of the matrix made whole by products."""
    return np.diagonal(columns(hessian(objective, theta)))


def gauss_newton_diagonal(objective, theta):
    """sum_nab J[n,a,p] S[n,a,b] J[n,b,p], with the Jacobian by complex steps."""
    J = jacobian_by(complex_step.derivative)(objective, theta)
    SJ = np.einsum("nab,nbp->nap", objective.output_hessian(objective.outputs(theta)), J)
    return np.einsum("nap,nap->p", J, SJ)


def covariance(objective, theta):
    """(1/R) sum_n w_n (g_n - gbar)(g_n - gbar)^T, the mean weighted by w_n too."""
    g = gradients_one_by_one(objective, theta)
    w = objective.weighted(np.ones_like(g[:, 0]))
    g = g - (w / w.sum()) @ g
    return (w * g.T) @ g
