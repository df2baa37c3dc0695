"""Lower precision, finite differences and Monte-Carlo noise are told; faults are not excused."""

import numpy as np
import pytest

import reference as ref
from tests.curvature.brute import NETS

from .by_hand import hessian, mean_gradient, outputs, rows, softmax

OBJECTIVE, THETA = NETS["dense"]()
P, RNG = THETA.size, np.random.default_rng(7)
V = RNG.standard_normal(P)
GRADIENT = mean_gradient(OBJECTIVE, THETA)
H = hessian(lambda t: mean_gradient(OBJECTIVE, t), THETA)


def found(theirs, quantity, *arguments):
    best = ref.check(theirs, quantity, OBJECTIVE, THETA, *arguments).explanation
    return (best.kind, best.text) if best else (None, "")


@pytest.mark.parametrize("theirs, quantity, words", [
    (GRADIENT.astype("float32").astype(float), "gradient", "stored in float32"),
    ((H / OBJECTIVE.N).astype("float32").astype(float), "hessian", "stored in float32, and ours x"),
    (GRADIENT.astype("float16").astype(float), "gradient", "stored in float16"),
    (GRADIENT * (1 + 1e-7 * RNG.uniform(-1, 1, P)), "gradient", "computed in float32"),
    (GRADIENT * (1 + 1e-3 * RNG.uniform(-1, 1, P)), "gradient", "computed in TF32 or float16")])
def test_lower_precision(theirs, quantity, words):
    kind, text = found(theirs, quantity)
    assert kind == "precision" and words in text


def test_a_constant_of_float32_is_a_part_in_float32():
    beta = float(np.float32(0.95))
    theirs = [(beta * np.eye(len(K.G)) + (K.G - 0.95 * np.eye(len(K.G))), K.A)
              for K in ref.kfac(OBJECTIVE, THETA)]
    kind, text = found(theirs, "kfac")
    assert kind == "precision" and "a part of it was computed in float32: 9 of" in text
    for off in (1e-4, 1e-12):                      # too large for it, too small for it
        wrong = [(G + (0.95 - beta + off) * np.eye(len(G)), A) for G, A in theirs]
        assert "in part" not in found(wrong, "kfac")[1] and "a part of" not in found(
            wrong, "kfac")[1]


@pytest.mark.parametrize("h", [1e-2, 1e-4])
def test_finite_differences(h):
    def g(t):
        return mean_gradient(OBJECTIVE, t)
    for name, theirs in (("forward", (g(THETA + h * V) - g(THETA)) / h),
                         ("backward", (g(THETA) - g(THETA - h * V)) / h),
                         ("central", (g(THETA + h * V) - g(THETA - h * V)) / (2 * h))):
        kind, text = found(theirs, "hvp", V)
        assert kind == "precision" and f"{name} differences" in text
        assert 0.9 * h < float(text.split("about ")[1].split(",")[0]) < 1.1 * h


def drawn(samples):
    """Fisher matrix of labels drawn from the model, by hand."""
    p = softmax(outputs(OBJECTIVE, THETA))
    F = np.zeros((P, P))
    for _ in range(samples):
        labels = (p.cumsum(1) > RNG.random((len(p), 1))).argmax(1)
        g = rows(OBJECTIVE, THETA, p - np.eye(p.shape[1])[labels])
        F += g.T @ g / len(p) / samples
    return F


@pytest.mark.parametrize("samples", [1, 30])
def test_monte_carlo(samples):
    F = drawn(samples)
    for theirs, quantity, given in ((F, "fisher_type2", ()), (F, "gauss_newton", ()),
                                    (F, "fisher_mc", (3,)), (np.diag(F), "fisher_diagonal", ())):
        kind, text = found(theirs, quantity, *given)
        assert kind == "noise" and "Monte-Carlo" in text and "z = " in text
    signs = RNG.choice([-1.0, 1.0], (samples, P))
    assert found((signs * (signs @ H)).mean(0), "hessian_diagonal")[0] == "noise"


def test_faults_are_no_noise_and_no_rounding():
    """One entry, one row, and everything by a random matrix."""
    G, spoiled = ref.dense(ref.gauss_newton(OBJECTIVE, THETA)), []
    for change in ((3, 4), 3, np.s_[:10, :10]):
        M = G.copy()
        M[change] *= 1.01
        spoiled.append(M)
    E = RNG.standard_normal((P, P))
    spoiled.append(G + 0.03 * np.abs(G).max() * (E + E.T))
    for M in spoiled:
        assert found(M, "fisher_type2")[0] in (None, "error")
    g = GRADIENT / OBJECTIVE.N
    g[3] *= 1.01
    assert found(g.astype("float32"), "gradient")[0] in (None, "error")
