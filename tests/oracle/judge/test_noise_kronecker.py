"""K-FAC of drawn labels agrees within its noise; errors in G are no noise."""

import numpy as np
import pytest

import reference as ref
from tests.curvature.brute import NETS

from .by_hand import matrices, one_beside, outputs, rows, softmax

OBJECTIVE, THETA = NETS["dense"]()
N, EXACT = OBJECTIVE.N, [(K.G, K.A) for K in ref.kfac(OBJECTIVE, THETA)]


def drawn(samples, rng):
    """[(G, A), ...] of labels drawn from the model, by hand: g is what stands at the constant 1."""
    p, (W1, _) = softmax(outputs(OBJECTIVE, THETA)), matrices(OBJECTIVE, THETA)
    G = [np.zeros((2, 2)), np.zeros((7, 7))]
    for _ in range(samples):
        labels = (p.cumsum(1) > rng.random((N, 1))).argmax(1)
        of_labels = rows(OBJECTIVE, THETA, p - np.eye(7)[labels])
        for l, g in enumerate((of_labels[:, 4:10:5], of_labels[:, 12::3])):
            G[l] += g.T @ g / N / samples
    p1 = one_beside(OBJECTIVE.x)
    p2 = one_beside(np.tanh(p1 @ W1.T))
    return [(G[0], p1.T @ p1 / N), (G[1], p2.T @ p2 / N)]


def told(theirs, quantity=ref.kfac, **options):
    return ref.check(theirs, quantity, OBJECTIVE, THETA, **options)


@pytest.mark.parametrize("samples", [1, 10, 1000])
def test_an_estimate_agrees_within_its_noise(samples):
    theirs = drawn(samples, np.random.default_rng(samples))
    report = told(theirs)
    assert report.verdict == "agrees within its noise" and not report.passed
    assert report.explanation.kind == "noise"
    assert "G is a Monte-Carlo estimate" in report.explanation.text
    about = int(report.explanation.text.split("about ")[1].split()[0])
    assert samples / 6 < about < 6 * samples       # |D|^2 of one draw varies by about as much
    assert told(theirs, allow=("noise",)).verdict == "agrees"
    blocks = [np.kron(G, A) for G, A in theirs]
    assert told(blocks, "kfac_blocks").explanation.kind == "noise"


def symmetric(E):
    return E + E.T


WRONG = {
    "one entry": lambda rng: np.diag([0.05, *6 * [0]]),
    "noise of another kind": lambda rng: 0.02 * symmetric(rng.standard_normal((7, 7))),
    "not symmetric": lambda rng: 0.05 * np.triu(rng.standard_normal((7, 7)), 1),
    "off the diagonal": lambda rng: -0.3 * (EXACT[1][0] - np.diag(np.diag(EXACT[1][0]))),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_errors_of_G_are_no_noise(wrong):
    for seed in range(3):
        (G1, A1), (G2, A2) = EXACT
        theirs = [(G1, A1), (G2 + WRONG[wrong](np.random.default_rng(seed)), A2)]
        report = told(theirs)
        assert report.verdict != "agrees within its noise", report.explanation.text


def test_an_estimate_with_another_A_is_none():
    (G1, A1), (G2, A2) = drawn(10, np.random.default_rng(0))
    assert told([(G1, A1), (G2, A2 + 0.01 * np.eye(3))]).verdict == "differs"
