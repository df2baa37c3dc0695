"""Slips of the exercises on a network that the judge's causes do not know, told by name."""

from types import SimpleNamespace

import numpy as np

from .formula import Slip
from .solutions_network import passed


def parts(W1, W2, x, y, V1=None, V2=None):
    """Whatever the formulas are made of, by the letters of the tasks."""
    p1, a, p2, p = passed(W1, W2, x)
    e, H, N = np.eye(p.shape[1])[y], a.shape[1], len(x)
    f = SimpleNamespace(p1=p1, a=a, p2=p2, p=p, e=e, N=N, U=W2[:, :H], g2=(p - e) / N,
                        slope=1 - a**2)
    if V1 is not None:
        f.Ra, f.V = f.slope * (p1 @ V1.T), V2[:, :H]
        f.Rp2 = np.c_[f.Ra, np.zeros((N, p2.shape[1] - H))]
        f.Rz = p2 @ V2.T + f.Rp2 @ W2.T
        f.Rg2 = (p * f.Rz - p * (p * f.Rz).sum(1, keepdims=True)) / N
    return f


# ---- gradient ----

def pulled(change):
    """A slip of the gradient: g2 and the slope are what `change` says."""
    def answer(*arguments):
        f = parts(*arguments)
        g2, slope = change(f)
        return (g2 @ f.U * slope).T @ f.p1, g2.T @ f.p2
    return answer


GRADIENT = (
    Slip("the label is not subtracted: g2 is p/N", "g2 = (p - e_y)/N.",
         pulled(lambda f: (f.p / f.N, f.slope))),
    Slip("the slope of tanh is taken for 1 - a", "tanh' = 1 - a^2.",
         pulled(lambda f: (f.g2, 1 - f.a))),
    Slip("the slope of tanh is taken for a (1 - a), that of the sigmoid", "tanh' = 1 - a^2.",
         pulled(lambda f: (f.g2, f.a * (1 - f.a)))),
    Slip("the slope of tanh is taken at a: 1 - tanh(a)^2", "a is tanh(s) already: 1 - a^2.",
         pulled(lambda f: (f.g2, 1 - np.tanh(f.a)**2))),
    Slip("g2 is (e_y - p)/N", "Derive -log p_y once more: the sign is p - e_y.",
         pulled(lambda f: (-f.g2, f.slope))))


# ---- products ----

def terms(f):
    """The five terms of H v: Gauss-Newton's in HV1, V2's, f'''s; Gauss-Newton's in HV2, Ra's."""
    return {"back": (f.Rg2 @ f.U * f.slope).T @ f.p1, "V2": (f.g2 @ f.V * f.slope).T @ f.p1,
            "bend": -2 * (f.g2 @ f.U * f.a * f.Ra).T @ f.p1, "out": f.Rg2.T @ f.p2,
            "Ra": f.g2.T @ f.Rp2}


def summed(**factors):
    """A slip of H v: some terms times another factor."""
    def answer(*arguments):
        t = {name: factors.get(name, 1) * a for name, a in terms(parts(*arguments)).items()}
        return t["back"] + t["V2"] + t["bend"], t["out"] + t["Ra"]
    return answer


HVP = (
    Slip("in HV2 the term g2^T (Ra, 0) is missing", "dW2 = g2^T p2 is a product: both have an R.",
         summed(Ra=0)),
    Slip("in HV1 the term g2 V2 is missing", "da = g2 W2 is a product: Rda = Rg2 W2 + g2 V2.",
         summed(V2=0)),
    Slip("the terms g2 V2 and g2^T (Ra, 0) are missing", "Products have two terms, each.",
         summed(V2=0, Ra=0)),
    Slip("the slope 1 - a^2 has no R", "R(1 - a^2) = -2 a Ra.", summed(bend=0)),
    Slip("R of the slope has the wrong sign", "R(1 - a^2) = -2 a Ra.", summed(bend=-1)),
    Slip("R of the slope lacks the 2", "R(1 - a^2) = -2 a Ra.", summed(bend=0.5)),
    Slip("in HV2 the term Rg2^T p2 is missing", "dW2 = g2^T p2 is a product: both have an R.",
         summed(out=0)),
    Slip("in HV1 the term Rg2 W2 is missing", "Rda = Rg2 W2 + g2 V2.", summed(back=0)))


def seeded(change):
    """A slip of G v: what goes backwards, and the slope, are what `change` says."""
    def answer(*arguments):
        f = parts(*arguments)
        g2, slope = change(f)
        return (g2 @ f.U * slope).T @ f.p1, g2.T @ f.p2
    return answer


GAUSS_NEWTON = (
    Slip("S is left out: Rz itself goes back", "S Rz = p Rz - p (p . Rz), then backwards.",
         seeded(lambda f: (f.Rz / f.N, f.slope))),
    Slip("the slope is missing on the way back", "da times 1 - a^2.",
         seeded(lambda f: (f.Rg2, 1))),
    Slip("S p Rz is taken with a plus", "S = diag(p) - p p^T.", seeded(lambda f: (
        (f.p * f.Rz + f.p * (f.p * f.Rz).sum(1, keepdims=True)) / f.N, f.slope))),
    Slip("the part of V1 is missing on the way forwards", "Rz = V2 p2 + W2 (Ra, 0).",
         lambda W1, W2, x, y, V1, V2: summed(V2=0, bend=0, Ra=0)(W1, W2, x, y, 0 * V1, V2)),
    Slip("the part of V2 is missing on the way forwards", "Rz = V2 p2 + W2 (Ra, 0).",
         lambda W1, W2, x, y, V1, V2: summed(V2=0, bend=0, Ra=0)(W1, W2, x, y, V1, 0 * V2)))


# ---- Kronecker factors ----

def factors(change):
    """A slip of K-FAC: (weights of labels (N, C), scores (N, C, C), slope) by `change`."""
    def answer(*arguments):
        f = parts(*arguments)
        q, scores, slope = change(f, f.p[:, None, :] - np.eye(f.p.shape[1]))
        back = scores @ f.U * slope[:, None, :]
        return [np.einsum("nc,nci,ncj->ij", q, back, back) / f.N, f.p1.T @ f.p1 / f.N,
                np.einsum("nc,nci,ncj->ij", q, scores, scores) / f.N, f.p2.T @ f.p2 / f.N]
    return answer


KFAC = (
    Slip("the slope is missing in G1", "g1 = (g2 W2) (1 - a^2).",
         factors(lambda f, s: (f.p, s, np.ones_like(f.a)))),
    Slip("labels count alike, 1/C each", "Label c has the probability p_c of the model.",
         factors(lambda f, s: (np.full_like(f.p, 1 / f.p.shape[1]), s, f.slope))),
    Slip("labels are summed without probabilities", "Label c has the probability p_c of the model.",
         factors(lambda f, s: (np.ones_like(f.p), s, f.slope))),
    Slip("the scores are e_c alone: p is missing", "g2 = p - e_c for the label c.",
         factors(lambda f, s: (f.p, s - f.p[:, None, :], f.slope))),
    Slip("A and G have changed places", "Return (G1, A1), (G2, A2).", lambda *arguments: [
        factors(lambda f, s: (f.p, s, f.slope))(*arguments)[k] for k in (1, 0, 3, 2)]))
