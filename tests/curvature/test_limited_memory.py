"""K-BFGS(L): the compact form against the updates one after the other, and five steps by script."""

import numpy as np
import pytest
from scipy.optimize import BFGS

import reference as ref
from reference.arrays.precision import eps
from reference.curvature.bfgs import bfgs_inverse, guarded_bfgs_inverse
from reference.curvature.kbfgs import directions, double_damping, step
from reference.curvature.limited_memory import guarded_append, limited
from tests.curvature.test_kbfgs import forward_backward
from tests.derivatives.cases import distance, small

LAM, LENGTH = 0.3, 0.3
TOLERANCE = 45 * eps(float)                       # times a condition number where one inverts


def pairs(K, O, seed=0, dtype=float):
    """K pairs of a matrix with eigenvalues from 0.1 to 10, of very different lengths."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((O, O)))[0]
    S = rng.standard_normal((K, O)) * 10.0 ** rng.integers(-6, 1, (K, 1))
    return S.astype(dtype), (S @ (Q * np.logspace(-1, 1, O)) @ Q.T).astype(dtype)


def one_after_the_other(S, Y):
    H = np.eye(S.shape[1], dtype=S.dtype)
    for s, y in zip(S, Y):
        H = bfgs_inverse(H, s, y)
    return H


# ---- the matrix ----

@pytest.mark.parametrize("K, O", [(1, 1), (1, 5), (3, 5), (5, 3), (17, 7)])
def test_the_compact_form_is_sequential_bfgs(K, O):
    S, Y = pairs(K, O)
    H, truth = ref.LimitedMemory(S, Y, K), one_after_the_other(S, Y)
    assert distance(H.dense(), truth) <= TOLERANCE
    assert (H.dense() == H.dense().T).all() and np.linalg.eigvalsh(H.dense())[0] > 0
    V = np.random.default_rng(1).standard_normal((2, O, 4))
    for v in V[0, :, 0], V[0], V:
        assert distance(H @ v, truth @ v) <= TOLERANCE


def test_the_order_of_the_pairs_matters():
    S, Y = pairs(3, 5)
    H, other = (ref.LimitedMemory(*rows, 3) for rows in ((S, Y), (S[::-1], Y[::-1])))
    assert distance(H.dense(), other.dense()) > 1e-3


def test_a_pair_scaled_is_the_same_pair():
    S, Y = pairs(4, 5)
    c = np.array([[1e-12], [1.0], [-1e9], [3.0]])
    assert distance(ref.LimitedMemory(c * S, c * Y, 4).dense(),
                    ref.LimitedMemory(S, Y, 4).dense()) <= TOLERANCE


def test_appending_is_updating_and_forgets_the_oldest():
    (S, Y), H = pairs(6, 5), limited(np.zeros(5), 4)
    for k in range(6):
        H = H.append(S[k], Y[k])
        kept = slice(max(0, k - 3), k + 1)
        assert (H.S == S[kept]).all() and (H.Y == Y[kept]).all() and H.memory == 4
        assert distance(H.dense(), one_after_the_other(S[kept], Y[kept])) <= TOLERANCE
        assert distance(H @ Y[k], S[k]) <= TOLERANCE * np.linalg.cond(H.dense())
    assert distance(H.dense(), one_after_the_other(S, Y)) > 1e-3


def test_no_pairs_are_the_identity():
    H = limited(np.zeros(3, np.float32), 2)
    assert len(H) == 3 and (H.dense() == np.eye(3)).all() and (H.inv() == np.eye(3)).all()
    assert H.dense().dtype == H.inv().dtype == np.float32
    assert (H @ np.arange(3.0) == np.arange(3.0)).all()


@pytest.mark.parametrize("K", [1, 3, 9])
def test_the_inverse_is_scipys_direct_bfgs(K):
    S, Y = pairs(K, 5)
    direct = BFGS(init_scale=np.eye(5))
    direct.initialize(5, "hess")
    for s, y in zip(S, Y):
        direct.update(s, y)
    H = ref.LimitedMemory(S, Y, K)
    condition = np.linalg.cond(H.dense())
    assert distance(H.inv(), direct.get_matrix()) <= TOLERANCE * condition
    assert distance(H.inv() @ H.dense(), np.eye(5)) <= TOLERANCE * condition
    assert distance(H.inv() @ S[-1], Y[-1]) <= TOLERANCE * condition


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_precision_is_kept(dtype):
    S, Y = pairs(6, 5, dtype=dtype)
    H = ref.LimitedMemory(S, Y, 6)
    truth = one_after_the_other(S.astype(np.longdouble), Y.astype(np.longdouble))
    wide = ref.LimitedMemory(S.astype(np.longdouble), Y.astype(np.longdouble), 6)
    assert H.dense().dtype == H.inv().dtype == (H @ S[0]).dtype == dtype
    assert distance(H.dense(), truth) <= 45 * eps(dtype)
    assert distance(H.inv(), wide.inv()) <= 45 * eps(dtype) * np.linalg.cond(truth.astype(float))


# ---- which pairs are taken ----

def test_the_guards_of_both_kinds_agree():
    s, ones = np.array([1.0, 0, 0]), np.ones(3)
    with np.errstate(invalid="ignore", over="ignore"):
        for y, taken in [(s, True), (-s, False), (1e-5 * s, False), (1e-3 * s, True),
                         (0 * s, False), (np.nan * s, False), (np.inf * ones, False),
                         (1e200 * s, False)]:
            H, dense = limited(s, 2), np.eye(3)
            assert (guarded_append(H, s, y, ones) is not H) == taken
            if np.isfinite(y @ y):
                assert (guarded_bfgs_inverse(dense, s, y, ones) is not dense) == taken
        H = limited(s, 2)
        assert guarded_append(H, 1e160 * s, s, ones) is H             # |s|^2 overflows


# ---- five steps, by script ----

def script(objective, theta, memory, steps=5):
    """algorithm 1 of [GRB20] for 5-3-4 in plain NumPy; Hg from I by its last `memory` pairs."""
    N, mu, E = objective.N, LAM ** 0.5, np.eye
    layers = forward_backward(objective, theta)
    A = [p.T @ p / N for p, _, _ in layers]
    Ha = [np.linalg.inv(a + mu * E(len(a))) for a in A]
    Hg = [E(3), E(4)]
    s, y, kept = [0.0, 0.0], [0.0, 0.0], [[], []]
    for _ in range(steps):
        here = forward_backward(objective, theta)
        D = [-Hg[l] @ (g.T @ p / N) @ Ha[l] for l, (p, _, g) in enumerate(here)]
        theta = theta + LENGTH * np.concatenate([d.reshape(-1) for d in D])
        there = forward_backward(objective, theta)
        for l in range(2):
            p, pbar = here[l][0], here[l][0].mean(0)
            A[l] = 0.9 * A[l] + 0.1 * p.T @ p / N
            s[l] = 0.9 * s[l] + 0.1 * (here[l][1].mean(0) - there[l][1].mean(0))
            y[l] = 0.9 * y[l] + 0.1 * (here[l][2].mean(0) - there[l][2].mean(0))
            a, b, Hy = s[l], y[l], Hg[l] @ y[l]
            if a @ b <= 0.2 * (b @ Hy):
                t = 0.8 * (b @ Hy) / (b @ Hy - a @ b)
                a = t * a + (1 - t) * Hy
            if a @ b <= mu * (a @ a):
                t = (1 - mu) * (a @ a) / (a @ a - a @ b)
                b = t * b + (1 - t) * a
            if a @ b > 1e-4 * (a @ a) * np.linalg.norm(here[l][2].mean(0)):
                kept[l] = (kept[l] + [(a, b)])[-memory:]
            Hg[l] = E(len(Hg[l]))
            for a, b in kept[l]:
                V = E(len(a)) - np.outer(b, a) / (a @ b)
                Hg[l] = V.T @ Hg[l] @ V + np.outer(a, a) / (a @ b)
            a = Ha[l] @ pbar
            b = (A[l] + mu * E(len(a))) @ a
            V = E(len(a)) - np.outer(b, a) / (a @ b)
            Ha[l] = V.T @ Ha[l] @ V + np.outer(a, a) / (a @ b)
    return theta, [(A[l], Ha[l], Hg[l], s[l], y[l]) for l in range(2)]


def walked(objective, theta, memory, steps=5):
    factors = ref.kbfgs_factors(objective, theta, LAM, memory=memory)
    for _ in range(steps):
        theta, factors = step(objective, theta, factors, LAM, LENGTH)
    return theta, [(f.A, f.Ha, f.Hg.dense() if memory else f.Hg, f.s, f.y) for f in factors]


@pytest.mark.parametrize("memory", [None, 1, 2, 5, 100])
def test_five_steps_are_those_of_the_script(memory):
    objective, theta = small()
    (found, factors), (truth, wanted) = (walk(objective, theta, m) for walk, m in
                                         ((walked, memory), (script, memory or 100)))
    assert distance(found, truth) <= TOLERANCE
    for mine, theirs in zip(factors, wanted):
        for a, b in zip(mine, theirs):                   # s and y are differences that cancel
            assert distance(a, b) <= 10 * TOLERANCE


def test_the_script_tells_memories_apart():
    objective, theta = small()
    ends = [script(objective, theta, memory)[0] for memory in (1, 2, 3, 4, 5)]
    assert all(distance(a, b) > 1e-5 for a, b in zip(ends[:-1], ends[1:-1]))
    assert distance(ends[3], ends[4]) == 0               # the fifth pair moves the sixth step


def test_both_kinds_are_the_same_until_a_pair_is_forgotten():
    objective, theta = small()
    for memory, same in ((30, True), (29, False)):
        (a, dense), (b, limited) = (walked(objective, theta, m, 30) for m in (None, memory))
        gap = distance(dense[0][2], limited[0][2])
        assert gap <= 1000 * TOLERANCE if same else gap > 1e-6       # thirty steps of rounding


# ---- the matrix that is approximated ----

@pytest.mark.parametrize("memory", [None, 3])
def test_the_block_is_the_inverse_of_kron_and_satisfies_the_secant_equation(memory):
    objective, theta = small()
    factors = ref.kbfgs_factors(objective, theta, LAM, memory)
    for _ in range(6):
        before, here = factors, theta
        theta, factors = step(objective, theta, factors, LAM, LENGTH)
    inputs = [p.mean(0) for p, _, _ in forward_backward(objective, here)]
    for old, f, pbar in zip(before, factors, inputs):
        block, inverse = f.block(), f.kron()
        condition = np.linalg.cond(inverse.dense())
        assert condition < 1e3
        assert distance(block.dense() @ inverse.dense(), np.eye(len(block.dense()))) <= (
            TOLERANCE * condition)
        s, y = double_damping(old.Hg, f.s, f.y, LAM)
        assert distance(block.G @ s, y) <= TOLERANCE * condition
        assert distance(old.block().G @ s, y) > 1e-3                  # not so of the matrix before
        a, A_LM = old.Ha @ pbar, f.A + np.sqrt(LAM) * np.eye(len(f.A))
        assert distance(block.A @ a, A_LM @ a) <= TOLERANCE * condition
    M = objective.net.layout.unpack(objective.grad(theta))
    for d, m, f in zip(directions(M, factors), M, factors):
        solved = np.linalg.solve(f.block().dense(), -m.reshape(-1))
        assert distance(d.reshape(-1), solved) <= TOLERANCE * condition


def test_balls_prove_steps_with_limited_memory():
    def two_steps(objective, theta):
        factors = ref.kbfgs_factors(objective, theta, LAM, memory=1)
        for _ in range(2):
            theta, factors = step(objective, theta, factors, LAM, LENGTH)
        return theta, [(f.Hg, f.Hg.dense(), f.block()) for f in factors]
    proof = ref.certify(two_steps, *small())
    assert proof.digits >= 14 and len(proof.errors) == 1 + 2 * 5


def test_factors_with_pairs_are_given_to_balls():
    objective, theta = small()
    theta, factors = step(objective, theta, ref.kbfgs_factors(objective, theta, LAM, 3), LAM, 0.1)
    assert ref.certify(ref.kbfgs_update, objective, theta, 0.9 * theta, factors, LAM).digits >= 14


# ---- bad input ----

@pytest.mark.parametrize("memory", [0, -1, 2.0, True, "all"])
def test_a_memory_that_is_no_number_of_pairs_is_refused(memory):
    with pytest.raises(ValueError, match=r"memory must be a whole number of pairs, at least 1"):
        ref.kbfgs_factors(*small(), LAM, memory=memory)


def test_pairs_that_do_not_fit_are_refused():
    S, Y = pairs(3, 5)
    for s, y, memory in ((S, Y[:2], 3), (S[0], Y[0], 3), (S, Y, 2), (S, Y[:, :4], 3)):
        with pytest.raises(ValueError, match=r"pass K pairs as rows of two arrays \(K, O\)"):
            ref.LimitedMemory(s, y, memory)
    with pytest.raises(ValueError, match="S holds int64"):
        ref.LimitedMemory(S.astype(int), Y, 3)


@pytest.mark.parametrize("y", [-1.0, 0.0, np.nan, np.inf])
def test_pairs_without_positive_curvature_are_refused(y):
    S, Y = np.ones((2, 3)), np.array([[1.0] * 3, [y] * 3])
    message = r"pair 1 has s.y = \S+, of which no positive"
    with pytest.raises(ValueError, match=message):
        ref.LimitedMemory(S, Y, 2)
    with pytest.raises(ValueError, match=message):
        ref.LimitedMemory(S[:1], Y[:1], 2).append(S[1], Y[1])


def test_vectors_of_another_length_are_refused_without_pairs_too():
    S = np.ones((1, 3))
    for H in (ref.LimitedMemory(S[:0], S[:0], 1), ref.LimitedMemory(S, S, 1)):
        for shape in ((7,), (7, 3), (3, 1, 2)):
            with pytest.raises(ValueError, match=r"V has shape .*; pass \(3,\)"):
                H @ np.ones(shape)
