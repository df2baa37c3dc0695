"""Faults that were met with no cause in mind: found, named by what they are, or by nothing."""

import numpy as np
import pytest

import reference as ref
from reference.oracle.judge.noise import are_drawn
from tests.curvature.brute import NETS

from .by_hand import hessian, jacobians, mean_gradient, outputs, rows, softmax
from .plain import patches

OBJECTIVE, THETA = NETS["dense"]()
N, P, RNG = OBJECTIVE.N, THETA.size, np.random.default_rng(7)
V = RNG.standard_normal(P)


def told(theirs, quantity, *arguments, point=(OBJECTIVE, THETA), **options):
    """(kind, text) of the best explanation; (None, "") if none fits."""
    report = ref.check(theirs, quantity, *point, *arguments, **options)
    assert report.verdict in ("differs", "agrees within its noise")
    best = report.explanation
    return (best.kind, best.text) if best else (None, "")


def gradient(theta):
    return mean_gradient(OBJECTIVE, theta)


def product(theta, v):
    return gradient(theta + 1e-30j * v).imag / 1e-30


@pytest.mark.parametrize("theirs, quantity, given, text", [
    (gradient(THETA) * N / (N - 1), "gradient", (), "ours x N/(N - 1)"),
    (product(THETA, V / np.linalg.norm(V)), "hvp", (V,), "ours x 1/|v|"),
    (hessian(gradient, THETA).sum(1), "hessian_diagonal", (), "sum of its row")])
def test_numbers_that_chance_could_name_otherwise(theirs, quantity, given, text):
    kind, words = told(theirs, quantity, *given)
    assert kind == "error" and text in words


def test_places_before_inputs():
    """A kernel's window of 7 numbers at 7 places: a mean is over the places."""
    net = ref.Sequential(ref.Conv1d(2, 3, 3), ref.Tanh(), ref.AdaptiveAvgPool1d(1),
                         ref.Flatten(-2), ref.Dense(3, 11))
    x, y = RNG.standard_normal((13, 2, 9)), RNG.integers(11, size=13)
    objective, theta = ref.Objective(net, ref.CrossEntropy(), x, y), RNG.standard_normal(65)
    W, V = theta[:21].reshape(3, 7), theta[21:].reshape(11, 4)
    p = patches(x, 3)
    h = np.tanh(p @ W.T)
    top = np.concatenate([h.mean(1), np.ones((13, 1))], 1)
    r = softmax(top @ V.T) - np.eye(11)[y]
    g = (r @ V[:, :-1])[:, None] / 7 * (1 - h * h)
    G = np.einsum("nso,nsi->oi", g, p) / 13
    G[:, -1] /= 7
    theirs = np.concatenate([G.ravel(), (r.T @ top).ravel() / 13])
    assert told(theirs, "gradient", point=(objective, theta)) == ("error", "0.bias: ours x 1/S")


def test_a_product_elsewhere_is_no_difference_quotient():
    assert told(product(THETA + 0.05 * V, V), "hvp", V) == (None, "")
    kind, text = told((gradient(THETA + 0.01 * V) - gradient(THETA)) / 0.01, "hvp", V)
    assert kind == "precision" and "forward differences, with a step of about 1.0e-02" in text


def test_what_no_draw_of_labels_gives_is_no_noise():
    """A wrong matrix of the loss, weights of labels that are no frequencies, and a fair draw."""
    p = softmax(outputs(OBJECTIVE, THETA))
    g = np.stack([rows(OBJECTIVE, THETA, p - np.eye(7)[c]) for c in range(7)])

    def of_labels(w):
        return np.einsum("nc,cni,cnj->ij", w, g, g) / N
    J, other = jacobians(OBJECTIVE, THETA), np.roll(p, 1, 0)
    S = np.einsum("nc,cd->ncd", other, np.eye(7)) - other[:, :, None] * other[:, None, :]
    assert told(np.einsum("nci,ncd,ndj->ij", J, S, J) / N, "fisher_type2") == (None, "")
    drawn = of_labels(np.stack([RNG.multinomial(20, row) for row in p]) / 20)
    assert told(drawn, "fisher_type2")[0] == "noise"


def test_shares_of_labels():
    p = softmax(outputs(OBJECTIVE, THETA))
    drawn = np.stack([RNG.multinomial(20, row) for row in p]) / 20
    assert are_drawn(drawn, p) and not are_drawn(np.roll(drawn, 3, 1), p)
    same = np.broadcast_to(p.mean(0), p.shape)
    for w in (same, np.full(p.shape, 1 / 7), 2 * drawn - drawn[::-1]):
        assert not are_drawn(w, p)


def test_a_length_that_was_not_asked_for_is_no_convention():
    theirs, theta, m = [], THETA, 0
    for _ in range(3):
        m = 0.9 * m + gradient(theta)
        theta = theta - 0.04 * m
        theirs.append(theta)
    kind, text = told(np.stack(theirs), "trajectory", optimizer=ref.SGD(0.2, 0.9), steps=3)
    assert kind == "error" and "another length" in text
