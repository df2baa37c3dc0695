"""Truths of the exercises on one layer, and the slips that are told by name.

Truths come from the package's layer and from complex steps; solutions are written out otherwise.
"""

import numpy as np

from ...network.affine import Dense
from ...network.losses import CrossEntropy
from .formula import Slip


# ---- truths, by the package's layer and by complex steps ----

def dense(W, x):
    """The layer that W and x are of."""
    D = x.shape[-1]
    return Dense(D, W.shape[-2], W.shape[-1] != D)


def forward(W, x):
    """s (N, O)."""
    return dense(W, x).forward(W, x)


def jvp(W, x, RW, Rx):
    """Im s(W + i h RW, x + i h Rx)/h, direction by direction."""
    if RW.ndim == 3:
        return np.stack([jvp(W, x, *each) for each in zip(RW, Rx)])
    return forward(W + 1e-20j * RW, x + 1e-20j * Rx).imag / 1e-20


def vjp(W, x, ds):
    """(dW, dx)."""
    return dense(W, x).vjp(W, x, ds, ds)


def softmax(z, y):
    """(g, H)."""
    loss = CrossEntropy()
    y, _ = loss.targets(y, z.shape)
    return loss.gradient(z, y), loss.hessian(z, y)


# ---- slips ----

def W0(W, x):
    """W without its bias column."""
    return W[..., :x.shape[-1]]


def first_column_bias(W, x):
    """(x, 1) in the other order, (1, x)."""
    ones = np.ones((len(x), W.shape[-1] - x.shape[-1]))
    return np.concatenate([ones, x], axis=1)


ANALYTIC = "The formula must be analytic: .T, not .conj().T, .H or vdot."

FORWARD = (
    Slip("W is conjugated", ANALYTIC, lambda W, x: forward(W.conj(), x)),
    Slip("x is conjugated", ANALYTIC, lambda W, x: forward(W, x.conj())),
    Slip("W0 is conjugated, and the bias is not", ANALYTIC,
         lambda W, x: forward(W, x) + x @ (W0(W, x).conj() - W0(W, x)).T),
    Slip("W0 is not transposed", "Rows of x are examples: s_n = W0 x_n is a row of x W0^T.",
         lambda W, x: forward(W, x) + x @ (W0(W, x) - W0(W, x).T)),
    Slip("the bias is left out", "The last column of W is b: add it to every row of x W0^T.",
         lambda W, x: x @ W0(W, x).T),
    Slip("the first column of W is taken for the bias", "W = (W0 b): the last column is b.",
         lambda W, x: first_column_bias(W, x) @ W.T),
    Slip("the last column of W is added as a bias, and there is none",
         "Compare W.shape[1] with x.shape[1].", lambda W, x: x @ W0(W, x).T + W[:, -1]),
    Slip("the bias is subtracted", "Add it.",
         lambda W, x: 2 * x @ W0(W, x).T - forward(W, x)),
    Slip("the bias is added twice", "Once is enough.",
         lambda W, x: 2 * forward(W, x) - x @ W0(W, x).T))

JVP = (
    Slip("the part of x is missing: it is RW p alone", "s depends on x as well: add W0 Rx.",
         lambda W, x, RW, Rx: jvp(W, x, RW, 0 * Rx)),
    Slip("the part of W is missing: it is W0 Rx alone", "s depends on W as well: add RW p.",
         lambda W, x, RW, Rx: jvp(W, x, 0 * RW, Rx)),
    Slip("the tangent of the bias is left out", "The last column of RW belongs to the constant 1.",
         lambda W, x, RW, Rx: jvp(W, x, RW, Rx) - (
             RW[..., None, :, -1] if RW.shape[-1] > x.shape[-1] else 0)),
    Slip("the constant 1 is given the tangent 1", "A constant has the tangent 0: W0 Rx, not "
         "W (Rx, 1).", lambda W, x, RW, Rx: jvp(W, x, RW, Rx) + (
             W[:, -1] if W.shape[-1] > x.shape[-1] else 0)),
    Slip("b is added in place of its tangent", "The last column of RW is the tangent of b.",
         lambda W, x, RW, Rx: jvp(W, x, RW, Rx) + (
             (W - RW)[..., None, :, -1] if RW.shape[-1] > x.shape[-1] else 0)),
    Slip("RW Rx, a product of two tangents, is added", "It is of second order in e: leave it out.",
         lambda W, x, RW, Rx: jvp(W, x, RW, Rx) + Rx @ np.swapaxes(W0(RW, x), -1, -2)),
    Slip("it is RW Rx, a product of two tangents", "Product rule: RW p + W0 Rx.",
         lambda W, x, RW, Rx: Rx @ np.swapaxes(W0(RW, x), -1, -2)),
    Slip("it is s itself, no derivative", "Leave W p out: its tangent is RW p + W0 Rx.",
         lambda W, x, RW, Rx: forward(W, x)))

VJP = (
    Slip("W is conjugated", ANALYTIC, lambda W, x, ds: (None, vjp(W.conj(), x, ds)[1])),
    Slip("x is conjugated", ANALYTIC, lambda W, x, ds: (vjp(W, x.conj(), ds)[0], None)),
    Slip("W0 is transposed in dx", "Rows of ds are examples: dx_n = W0^T ds_n is a row of ds W0.",
         lambda W, x, ds: (None, ds @ W0(W, x).T)),
    Slip("ds is conjugated", ANALYTIC, lambda W, x, ds: vjp(W, x, ds.conj())),
    Slip("the bias column is missing", "p = (x, 1): the gradient of b is the last column of dW, "
         "the sum of the rows of ds.", lambda W, x, ds: (ds.T @ x, None)),
    Slip("the bias column is 0", "p ends in a constant 1: that column of dW is the sum of the rows "
         "of ds.", lambda W, x, ds: (vjp(W, np.array(x), ds)[0] * (
             np.arange(W.shape[1]) < x.shape[1]), None)),
    Slip("the bias column comes first", "W = (W0 b): the constant 1 is the last entry of p.",
         lambda W, x, ds: (ds.T @ first_column_bias(W, x), None)),
    Slip("the bias column is a mean over the examples", "Sum the rows of ds, as for W0.",
         lambda W, x, ds: (vjp(W, x, ds)[0] / np.where(np.arange(W.shape[1]) < x.shape[1], 1,
                                                       len(x)), None)),
    Slip("the constant 1 gets a cotangent, too", "x has no such column: ds W0, without the bias.",
         lambda W, x, ds: (None, ds @ W)),
    Slip("there is a column for a bias, and W has none", "Compare W.shape[1] with x.shape[1].",
         lambda W, x, ds: (ds.T @ np.c_[x, np.ones(len(x))], None)),
    Slip("the last column of W is taken for a bias, and there is none",
         "Compare W.shape[1] with x.shape[1].", lambda W, x, ds: (None, ds @ W[:, :-1])),
    Slip("only the first example is in it", "Sum over n: ds^T p.",
         lambda W, x, ds: (vjp(W, x[:1], ds[:1])[0], None)),
    Slip("ds does not enter", "It is the product of the Jacobian's transpose with ds.",
         lambda W, x, ds: vjp(W, x, np.ones_like(ds))))


def on_softmax(change):
    """A slip's answer from p, the label as 0 and 1, and their right answers."""
    def answer(z, y):
        p = np.exp(z - z.max(1, keepdims=True))
        p = p / p.sum(1, keepdims=True)
        return change(p, np.eye(z.shape[1])[y])
    return answer


def outer(a, b):
    """a_n b_n^T, for each n."""
    return a[:, :, None] * b[:, None, :]


def diag(a):
    """diag(a_n), for each n."""
    return a[:, :, None] * np.eye(a.shape[1])


SOFTMAX = (
    Slip("the label is not subtracted", "g_c = p_c - [c = y].",
         on_softmax(lambda p, e: (p, None))),
    Slip("1 is subtracted from every class", "Subtract it at c = y alone.",
         on_softmax(lambda p, e: (p - 1, None))),
    Slip("it is -1/p at the label, the derivative in p", "Go on to z: through the softmax.",
         on_softmax(lambda p, e: (-e / p, None))),
    Slip("it is divided by N, a mean over the batch", "Each example has its own row.",
         on_softmax(lambda p, e: ((p - e) / len(p), outer_hessian(p) / len(p)))),
    Slip("p p^T is missing", "H = diag(p) - p p^T.", on_softmax(lambda p, e: (None, diag(p)))),
    Slip("p p^T is added", "H = diag(p) - p p^T.",
         on_softmax(lambda p, e: (None, diag(p) + outer(p, p)))),
    Slip("diag(p) is missing", "H = diag(p) - p p^T.",
         on_softmax(lambda p, e: (None, -outer(p, p)))),
    Slip("it is the diagonal alone, p (1 - p)", "Classes share the normaliser: -p_c p_d off the "
         "diagonal.", on_softmax(lambda p, e: (None, diag(p * (1 - p))))),
    Slip("it is g g^T, the empirical Fisher matrix", "Differentiate g once more.",
         on_softmax(lambda p, e: (None, outer(p - e, p - e)))),
    Slip("it is summed over the examples", "One matrix for each example: (N, C, C).",
         on_softmax(lambda p, e: (None, outer_hessian(p).sum(0)))))


def outer_hessian(p):
    """diag(p) - p p^T."""
    return diag(p) - outer(p, p)
