"""Damped inverses by other rules and with known faults, in straight NumPy, are named."""

from itertools import cycle

import numpy as np
import pytest

import reference as ref

from . import plain

LAM = 0.1
ALL = "dense", "two convolutions", "recurrent"


def pi(G, A):
    return ((np.trace(A) / len(A)) / (np.trace(G) / len(G))) ** 0.5


def added(G, A, s, t):
    return np.linalg.inv(G + s * np.eye(len(G))), np.linalg.inv(A + t * np.eye(len(A)))


def rule_pi(G, A, lam=LAM):
    return added(G, A, lam ** 0.5 / pi(G, A), lam ** 0.5 * pi(G, A))


def judged(theirs, subject, name, *arguments, **options):
    return ref.check(theirs, subject, *plain.problem(name), *arguments, **options)


def times(name, pairs):
    """F~^-1 g (P,) of pairs (Hg, Ha)."""
    objective, theta = plain.problem(name)
    Ms = plain.matrices(objective, objective.grad(theta))
    return np.concatenate([(Hg @ M @ Ha).ravel() for (Hg, Ha), M in zip(pairs, Ms)])


@pytest.mark.parametrize("name", ALL)
def test_right_inverses_raise_no_alarm(name):
    pairs = [rule_pi(G, A) for G, A, _ in plain.moments(name)]
    for theirs, subject in (([M for pair in pairs for M in pair], "kfac_factor_inverses"),
                            ([np.kron(*pair) for pair in pairs], "kfac_inverse"),
                            (times(name, pairs), "kfac_direction")):
        assert judged(theirs, subject, name, LAM).verdict == "agrees"
    exact = [np.linalg.inv(np.kron(G, A) + LAM * np.eye(len(G) * len(A)))
             for G, A, _ in plain.moments(name)]
    assert judged(exact, "kfac_inverse", name, LAM, rule="exact").verdict == "agrees"


def clamped(G, A):
    def one(M):
        values, Q = np.linalg.eigh(M)
        return Q @ np.diag(1 / np.maximum(values, LAM)) @ Q.T
    return one(G), one(A)


ROOT = LAM ** 0.5
SHIFTS = {           # K15b and peers.md 2e
    "damped by 'factored'": ("convention", lambda G, A: added(G, A, ROOT, ROOT)),
    "damped by 'per factor'": ("convention", lambda G, A: added(G, A, LAM, LAM)),
    "damped by 'pi frobenius'": ("convention", lambda G, A: (lambda p: added(
        G, A, ROOT / p, ROOT * p))(((A ** 2).sum() / len(A)) ** .25
                                   / ((G ** 2).sum() / len(G)) ** .25)),
    "pi of traces": ("convention", lambda G, A: (lambda p: added(G, A, ROOT / p, ROOT * p))(
        (np.trace(A) / np.trace(G)) ** 0.5)),
    "pi squared": ("error", lambda G, A: added(G, A, ROOT / pi(G, A) ** 2, ROOT * pi(G, A) ** 2)),
    "lam without root": ("error", lambda G, A: added(G, A, LAM / pi(G, A), LAM * pi(G, A))),
    "lam without root, pi squared": ("error", lambda G, A: added(
        G, A, LAM / pi(G, A) ** 2, LAM * pi(G, A) ** 2)),
    "pi upside down": ("error", lambda G, A: added(G, A, ROOT * pi(G, A), ROOT / pi(G, A))),
    "twice lam": ("error", lambda G, A: rule_pi(G, A, 2 * LAM)),
    "eigenvalues clamped": ("error", clamped),
    "only G inverted": ("error", lambda G, A: (rule_pi(G, A)[0], np.eye(len(A)))),
    "only A inverted": ("error", lambda G, A: (np.eye(len(G)), rule_pi(G, A)[1])),
}


@pytest.mark.parametrize("name, fault", list(zip(cycle(ALL), SHIFTS)))  # each net in its turn
def test_shifts_of_factors_are_named(name, fault):
    kind, inverse = SHIFTS[fault]
    pairs = [inverse(G, A) for G, A, _ in plain.moments(name)]
    for theirs, subject in (([np.kron(*pair) for pair in pairs], "kfac_inverse"),
                            (times(name, pairs), "kfac_direction")):
        explanation = judged(theirs, subject, name, LAM).explanation
        assert (explanation.content, explanation.kind) == (fault, kind), subject


@pytest.mark.parametrize("name", ALL)
def test_dampings_of_the_product_are_named(name):
    right = [np.kron(G, A) for G, A, _ in plain.moments(name)]
    for content, kind, rule, inverse in (
            ("damped by 'exact'", "convention", "pi",
             lambda F: np.linalg.inv(F + LAM * np.eye(len(F)))),
            ("damped by 'marquardt'", "convention", "exact",
             lambda F: np.linalg.inv(F + LAM * np.diag(np.diag(F)))),
            ("damped by 'exact'", "convention", "marquardt",
             lambda F: np.linalg.inv(F + LAM * np.eye(len(F)))),
            ("twice lam", "error", "exact",
             lambda F: np.linalg.inv(F + 2 * LAM * np.eye(len(F))))):
        found = judged([inverse(F) for F in right], "kfac_inverse", name, LAM,
                       rule=rule).explanation
        assert (found.content, found.kind) == (content, kind)


@pytest.mark.parametrize("name", ALL)
def test_no_inverse_is_told(name):
    objective, theta = plain.problem(name)
    found = judged(objective.grad(theta), "kfac_direction", name, LAM).explanation
    assert (found.content, found.kind) == ("not preconditioned", "error")
    direct = [np.kron(*map(np.linalg.inv, rule_pi(G, A))) for G, A, _ in plain.moments(name)]
    found = judged(direct, "kfac_inverse", name, LAM).explanation
    assert (found.content, found.kind) == ("not inverted", "error")
    up = -times(name, [rule_pi(G, A) for G, A, _ in plain.moments(name)])
    found = judged(up, "kfac_direction", name, LAM).explanation
    assert (found.text, found.kind) == ("ours x -1", "error")


def test_a_scale_before_damping_is_told():
    name = "two convolutions"
    N = plain.problem(name)[0].N
    theirs = [np.kron(*rule_pi(G / N ** 2, A)) for G, A, _ in plain.moments(name)]
    found = judged(theirs, "kfac_inverse", name, LAM).explanation
    assert (found.content, found.kind) == ("G of gradients of the mean loss, then damped",
                                           "convention")
    theirs = [np.kron(*rule_pi(G / (N ** 2 * S ** 3), A / S ** 2))
              for G, A, S in plain.moments(name)]
    found = judged(theirs, "kfac_inverse", name, LAM).explanation
    assert found.content == "scales of kfac-pytorch"
    theirs = [np.kron(*added(G, A, (LAM / S) ** 0.5, (LAM * S) ** 0.5))
              for G, A, S in plain.moments(name)]
    assert judged(theirs, "kfac_inverse", name, LAM).explanation.content == \
        "damping shared by places"


def test_weight_decay_in_the_damping_is_told():
    objective, theta = plain.problem("dense")
    decayed = ref.Objective(objective.net, objective.loss, objective.x, objective.y, l2=0.03)
    theirs = [np.kron(*rule_pi(G, A, LAM + 0.03)) for G, A, _ in plain.moments("dense")]
    found = ref.check(theirs, "kfac_inverse", decayed, theta, LAM).explanation
    assert (found.content, found.kind) == ("lam and l2", "convention")


@pytest.mark.parametrize("name", ALL)
def test_a_cholesky_factor_the_wrong_way_round_is_told(name):
    Ls = [np.linalg.cholesky(np.kron(*rule_pi(G, A))) for G, A, _ in plain.moments(name)]
    found = judged([L.T @ L for L in Ls], "kfac_inverse", name, LAM).explanation
    assert (found.content, found.kind) == ("Cholesky factors the wrong way round", "error")


@pytest.mark.parametrize("name", ALL)
def test_a_bias_in_a_block_of_its_own_is_told(name):
    blocks, inverses = [], []
    for G, A, _ in plain.moments(name):
        O, I = len(G), len(A)
        weights = [o * I + i for o in range(O) for i in range(I - 1)]
        biases = [o * I + I - 1 for o in range(O)]
        block, inverse = np.zeros((O * I, O * I)), np.zeros((O * I, O * I))
        for places, a in ((weights, A[:-1, :-1]), (biases, A[-1:, -1:])):
            block[np.ix_(places, places)] = np.kron(G, a)
            inverse[np.ix_(places, places)] = np.kron(*rule_pi(G, a))
        blocks.append(block)
        inverses.append(inverse)
    objective, theta = plain.problem(name)
    found = judged(blocks, "kfac_blocks", name).explanation
    assert (found.content, found.kind) == ("bias in a block of its own", "convention")
    step = np.concatenate([inverse @ M.ravel() for inverse, M in zip(
        inverses, plain.matrices(objective, objective.grad(theta)))])
    for theirs, subject in ((inverses, "kfac_inverse"), (step, "kfac_direction")):
        assert judged(theirs, subject, name, LAM).explanation.content == \
            "bias in a block of its own"


# ---- what leaves no residual ----

def test_damping_that_grows_with_each_call_is_told():
    cached = [np.kron(G, A) for G, A, _ in plain.moments("dense")]

    def drifts(objective, theta, lam):
        for F in cached:
            F += lam * np.eye(len(F))              # in place
        return [np.linalg.inv(F) for F in cached]

    report = judged(drifts, "kfac_inverse", "dense", LAM, rule="exact")
    assert report.verdict == "differs"
    assert "ours with damping 0.2, 0.1 more than was asked for: damping is added in place" in \
        " ".join(report.faults)


def test_sums_that_are_not_cleared_are_told():
    sums = [0 * M for G, A, _ in plain.moments("dense") for M in (G, A)]

    def accumulates(objective, theta):
        for total, M in zip(sums, [M for G, A, _ in plain.moments("dense") for M in (G, A)]):
            total += M
        return sums

    report = judged(accumulates, "kfac", "dense")
    assert "the second answer is 2 times the first: sums are not cleared" in \
        " ".join(report.faults)


def test_zero_over_zero_in_pi_is_told():
    net = ref.Sequential(ref.Dense(3, 2, bias=False), ref.Tanh(), ref.Dense(2, 5))
    x = np.zeros((7, 3))
    objective = ref.Objective(net, ref.CrossEntropy(), x, np.arange(7) % 5)
    theta = np.linspace(-1, 1, net.layout.size)

    def careless(objective, theta, lam):
        with np.errstate(all="ignore"):
            return [np.kron(*[np.full_like(M, np.nan)] * 2) if not np.trace(K.A) else
                    K.inv(lam).dense() for K in ref.kfac(objective, theta) for M in (K.G,)]

    report = ref.check(careless, "kfac_inverse", objective, theta, LAM)
    assert report.verdict == "unusable"
    assert "factor A of matrix 0 is zero" in " ".join(report.faults)
