"""Inverses damped by another rule, or wrongly, and inverses that were not taken.

Ours are (G + s I)^-1 (x) (A + t I)^-1 with the shifts (s, t) of the rule that was asked for.
"""

import numpy as np

from ....curvature.damping import ON_THE_PRODUCT, balance
from ....curvature.kron import Kron
from ..hypotheses import CONVENTION, ERROR, content
from ..kronecker import INVERSES, ours, seen


def damped(name, kind, says, advice="", cost=1.0):
    """Registers (K, lam, case, l) -> what stands for the damped inverse, or None."""
    def register(function):
        def arrays(case):
            def invert(K, lam, l):
                try:
                    return function(K, lam, case, l)
                except (np.linalg.LinAlgError, ValueError, ZeroDivisionError):
                    return None
            return seen(case, ours(case), invert)
        content(name, kind, says, advice, INVERSES, cost)(arrays)
        return function
    return register


def factored(case):
    """Whether the subject shows the factors of an inverse, which some inverses do not have."""
    return case.subject.name == "kfac_factor_inverses"


# ---- the rules of the package, where another was asked for ----

def _rule(rule, says):
    @damped(f"damped by '{rule}'", CONVENTION, says, f"Ask for rule={rule!r}.")
    def by_rule(K, lam, case, l):
        if rule == case.options.get("rule", "pi") or factored(case) and rule in ("exact",
                                                                                 "marquardt"):
            return None
        return K.inv(lam, rule)


_rule("pi", "damping is sqrt(lam)/pi on G and sqrt(lam) pi on A, pi of mean traces")
_rule("pi frobenius", "damping is balanced by Frobenius norms")
_rule("pi spectral", "damping is balanced by spectral norms")
_rule("factored", "sqrt(lam) is added to both factors, without pi")
_rule("per factor", "all of lam is added to each factor")
_rule("exact", "lam is added to the product, exactly")
_rule("marquardt", "lam times the diagonal of the product is added: Marquardt's, not Levenberg's")


# ---- other shifts: (G, A, lam) -> on G, on A ----

def _shifted(name, kind, says, advice, rule, cost=1.0):
    @damped(name, kind, says, advice, cost)
    def shifted(K, lam, case, l):
        s, t = rule(K.G, K.A, lam)
        return K.inv((float(s), float(t)), "shifts")


def _trace_pi(G, A):
    return (np.trace(A) / np.trace(G)) ** 0.5


PI = "Take pi = sqrt((tr A/I)/(tr G/O)): sqrt(lam)/pi on G, sqrt(lam) pi on A."
_shifted("no damping", ERROR, "nothing was added before inverting", "Add the damping.",
         lambda G, A, lam: (0, 0))
_shifted("pi of traces", CONVENTION, "pi is of traces, not of mean traces: dimensions are left out",
         PI, lambda G, A, lam: (lam ** .5 / _trace_pi(G, A), lam ** .5 * _trace_pi(G, A)))
_shifted("pi squared", ERROR, "pi^2 stands for pi", PI,
         lambda G, A, lam: (lam ** .5 / balance(G, A) ** 2, lam ** .5 * balance(G, A) ** 2))
_shifted("lam without root", ERROR, "lam/pi and lam pi are added, without the root of lam", PI,
         lambda G, A, lam: (lam / balance(G, A), lam * balance(G, A)))
_shifted("lam without root, pi squared", ERROR,
         "lam/pi^2 and lam pi^2 are added: neither root was taken", PI,
         lambda G, A, lam: (lam / balance(G, A) ** 2, lam * balance(G, A) ** 2))
_shifted("pi upside down", ERROR, "pi multiplies the damping of G and divides that of A", PI,
         lambda G, A, lam: (lam ** .5 * balance(G, A), lam ** .5 / balance(G, A)))
_shifted("only G damped by lam", ERROR, "lam is added to G alone", PI, lambda G, A, lam: (lam, 0))
_shifted("only A damped by lam", ERROR, "lam is added to A alone", PI, lambda G, A, lam: (0, lam))
_shifted("only G damped", ERROR, "sqrt(lam) is added to G alone", PI,
         lambda G, A, lam: (lam ** .5, 0))
_shifted("only A damped", ERROR, "sqrt(lam) is added to A alone", PI,
         lambda G, A, lam: (0, lam ** .5))


# ---- other dampings ----

def _other_damping(name, kind, says, advice, change, cost=1.0):
    @damped(name, kind, says, advice, cost)
    def other(K, lam, case, l):
        changed = change(lam, case)
        return None if changed is None else K.inv(changed, case.options.get("rule", "pi"))


def on_the_product(case):
    """Whether the case's rule adds lam to the product, where other rules do not take its root."""
    return case.options.get("rule", "pi") in ON_THE_PRODUCT


_other_damping("lam and l2", CONVENTION, "the weight decay l2 is part of the damping",
               "Say whether damping includes l2.",
               lambda lam, case: lam + case.objective.l2 if case.objective.l2 else None)
_other_damping("twice lam", ERROR, "damping was added twice",
               "Add it to a copy: in place, it grows with each call.", lambda lam, case: 2 * lam)
_other_damping("N lam", CONVENTION, "damping is N times ours, as beside sums over the batch",
               "Divide the damping by N, or take sums in both.",
               lambda lam, case: lam * case.objective.N)
_other_damping("lam/N", CONVENTION, "damping is 1/N of ours", "Multiply the damping by N.",
               lambda lam, case: lam / case.objective.N)
_other_damping("lam squared", ERROR, "lam^2 stands for lam", "lam is added as it is.",
               lambda lam, case: lam * lam if on_the_product(case) else None)
_other_damping("root of lam", ERROR, "sqrt(lam) stands for lam", "lam is added as it is.",
               lambda lam, case: lam ** .5 if on_the_product(case) else None)


@damped("damping shared by places", CONVENTION,
        "sqrt(lam S) is added to A and sqrt(lam/S) to G, S the number of places (ASDL's K-BFGS)",
        "Convert the factors' scale, or pass rule='shifts'.")
def _places(K, lam, case, l):
    places = [use[0][0].shape[-2] for use in case.uses]
    if max(places) == 1:
        return None
    return K.inv(((lam / places[l]) ** 0.5, (lam * places[l]) ** 0.5), "shifts")


@damped("eigenvalues clamped", ERROR, "eigenvalues of the factors are raised to lam, none added to",
        "Add the damping; a clamp leaves larger eigenvalues undamped.")
def _clamped(K, lam, case, l):
    return Kron(*(_function(M, lambda values: 1 / np.maximum(values, lam)) for M in (K.G, K.A)))


@damped("eigenvalues of the product clamped", ERROR,
        "eigenvalues of the product are raised to lam, none added to", "Add the damping.")
def _product_clamped(K, lam, case, l):
    if factored(case):
        return None
    E = K.eigen()
    return type(E)(E.Q, E.U, 1 / np.maximum(E.values, lam))


def _function(M, function):
    values, Q = np.linalg.eigh(M)
    return (Q * function(values)) @ Q.T


# ---- no inverse, or a part of it ----

class _Same:
    """V -> V, where no preconditioner is applied."""

    def __init__(self, K):
        self.shape = K.shape

    def matvec(self, v):
        """v."""
        return v

    def dense(self):
        """I."""
        return np.eye(self.shape[0] * self.shape[1])


def _inverse(K, lam, case):
    return K.inv(lam, case.options.get("rule", "pi"))


@damped("not preconditioned", ERROR, "theirs is the gradient: no inverse was applied",
        "Apply the inverse to the gradient.")
def _plain(K, lam, case, l):
    return _Same(K) if case.subject.name == "kfac_direction" else None


@damped("not inverted", ERROR, "the damped factors were not inverted", "Invert them, or solve.")
def _product(K, lam, case, l):
    inverse = _inverse(K, lam, case)
    if not isinstance(inverse, Kron):
        return None
    return Kron(np.linalg.inv(inverse.G), np.linalg.inv(inverse.A))


@damped("only G inverted", ERROR, "the inverse of G alone was applied", "Apply both: Hg V Ha.")
def _only_G(K, lam, case, l):
    inverse = _inverse(K, lam, case)
    return Kron(inverse.G, np.eye(len(K.A))) if isinstance(inverse, Kron) else None


@damped("only A inverted", ERROR, "the inverse of A alone was applied", "Apply both: Hg V Ha.")
def _only_A(K, lam, case, l):
    inverse = _inverse(K, lam, case)
    return Kron(np.eye(len(K.G)), inverse.A) if isinstance(inverse, Kron) else None


@damped("inverted twice", ERROR, "the inverse was applied twice", "Apply it once.")
def _twice(K, lam, case, l):
    inverse = _inverse(K, lam, case)
    return Kron(inverse.G @ inverse.G, inverse.A @ inverse.A) if isinstance(inverse, Kron) else None


@damped("roots of the inverse", ERROR, "theirs is the inverse's square root",
        "Invert the whole, or multiply by the root once more.")
def _roots(K, lam, case, l):
    inverse = _inverse(K, lam, case)
    return inverse.power(0.5) if isinstance(inverse, Kron) and not factored(case) else None
