"""Kronecker factors with the bias in a block of its own, apart from the weights'."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ....curvature.kron import Kron
from .arrangements_kronecker import has_bias
from ..hypotheses import CONVENTION, content
from ..kronecker import VIEWS, ours, seen


@dataclass(frozen=True)
class Apart:
    """diag(weights, bias) on the rows (W0 b) of a matrix: two products, or their inverses."""

    weights: Any
    bias: Any

    def matvec(self, v):
        """On row-major vectors (O I,)."""
        V = v.reshape(len(v) // (self.weights.shape[1] + 1), -1)
        return np.concatenate([self.weights @ V[:, :-1], self.bias @ V[:, -1:]], 1).ravel()

    def dense(self):
        """(O I, O I)."""
        return np.stack([self.matvec(e) for e in np.eye(
            self.weights.shape[0] * (self.weights.shape[1] + 1))], 1)


def apart(K, change=lambda K: K):
    """Apart of G (x) A0 and G (x) a, the blocks of weights and of the bias, each changed."""
    return Apart(change(Kron(K.G, K.A[:-1, :-1])), change(Kron(K.G, K.A[-1:, -1:])))


@content("bias in a block of its own", CONVENTION,
         "the bias has a block of its own, G, and nothing couples it to the weights",
         "Ours appends 1 to p: another inverse, and another step.",
         ("kfac_blocks", "kfac_inverse", "kfac_direction"))
def _apart(case):
    krons = ours(case)
    with_bias = [has_bias(case, l) for l in range(len(krons))]
    if not any(with_bias) or any(not isinstance(K, Kron) for K in krons):
        return None
    if not VIEWS[case.subject.name].inverse:
        return seen(case, [apart(K) if b else K for K, b in zip(krons, with_bias)])
    rule = case.options.get("rule", "pi")

    def invert(K, lam, l):
        return apart(K, lambda part: part.inv(lam, rule)) if with_bias[l] else K.inv(lam, rule)

    return seen(case, krons, invert)
