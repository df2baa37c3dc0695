"""EKFAC: the diagonal of the exact block in K-FAC's eigenbasis, and what follows from that."""

from functools import cache

import numpy as np
import pytest
from scipy.linalg import block_diag

import reference as ref
from reference.arrays.precision import eps
from reference.curvature.ekfac import rotated_squares
from reference.curvature.kron import KronBlocks, KronEigen
from tests.curvature import brute
from tests.derivatives.cases import small

TOLERANCE = 200 * eps(float)          # of sums over N T C^2 terms, which cancel a digit

each_net = pytest.mark.parametrize("net", brute.NETS)
each_kind = pytest.mark.parametrize("kind", ["type-2", "empirical"])
settings = pytest.mark.parametrize("setting", ["expand", "reduce"])


@cache
def exact_blocks(net, kind):
    """By brute force, in longdouble."""
    objective, theta = brute.NETS[net]()
    whole = brute.fisher(objective, theta, kind)
    return [whole[s, s] for s in objective.net.layout.slices]


def norm2(M):
    return (np.asarray(M, np.longdouble) ** 2).sum()


# ---- by brute force ----

@settings
@each_kind
@each_net
def test_values_are_the_diagonal_of_the_block_in_the_eigenbasis_of_the_factors(net, kind, setting):
    objective, theta = brute.NETS[net]()
    krons = ref.kfac(objective, theta, kind, setting=setting)
    for E, K, B in zip(ref.ekfac(objective, theta, kind, setting=setting), krons,
                       exact_blocks(net, kind)):
        assert isinstance(E, KronEigen) and E.shape == K.shape
        for Q, M in (E.Q, K.G), (E.U, K.A):
            turned = Q.T @ M @ Q
            assert brute.distance(Q.T @ Q, np.eye(len(Q))) <= TOLERANCE
            assert np.abs(turned - np.diag(np.diag(turned))).max() <= TOLERANCE * np.abs(M).max()
        basis = np.kron(E.Q, E.U)
        diagonal = np.diag(basis.T @ B @ basis)
        assert brute.distance(E.values.reshape(-1), diagonal) <= TOLERANCE
        assert brute.distance(E.dense(), basis @ np.diag(diagonal) @ basis.T) <= TOLERANCE
        assert not brute.distance(K.eigen().values.reshape(-1), diagonal) <= 1e-3


@settings
@each_net
def test_it_is_closer_than_kfac_by_pythagoras(net, setting):
    """So by projection: no other matrix that is diagonal in the basis is closer."""
    objective, theta = brute.NETS[net]()
    for E, K, B in zip(ref.ekfac(objective, theta, setting=setting),
                       ref.kfac(objective, theta, setting=setting), exact_blocks(net, "type-2")):
        E, K = E.dense(), K.dense()
        assert abs(norm2(B - K) - norm2(B - E) - norm2(E - K)) <= TOLERANCE * norm2(B)
        assert norm2(B - E) < norm2(B - K)
        worse = E + 0.1 * (K - E)
        assert abs(norm2(B - worse) - norm2(B - E) - 0.01 * norm2(E - K)) <= TOLERANCE * norm2(B)


@settings
@each_net
def test_its_trace_is_the_blocks_and_kfacs_is_not(net, setting):
    objective, theta = brute.NETS[net]()
    off = []
    for E, K, B in zip(ref.ekfac(objective, theta, setting=setting),
                       ref.kfac(objective, theta, setting=setting), exact_blocks(net, "type-2")):
        assert abs(E.values.sum() / np.trace(B) - 1) <= TOLERANCE
        off.append(abs(np.trace(K.dense()) / np.trace(B) - 1))
    assert max(off) > 1e-3


# ---- where it is exact ----

@each_kind
@pytest.mark.parametrize("net", ["dense", "deep", "convolutional"])
def test_it_is_the_block_for_one_example_without_places(net, kind):
    objective, theta = brute.NETS[net]()
    objective = objective.batch(slice(0, 1))
    Bs = ref.blocks(ref.fisher(objective, theta, kind), objective.net.layout)
    gaps = [brute.distance(E.dense(), B) for E, B in zip(ref.ekfac(objective, theta, kind), Bs)]
    assert (gaps[0] <= TOLERANCE) == (net != "convolutional")     # there the kernel has 7 places
    assert gaps[-1] <= TOLERANCE


def test_it_is_kfac_where_that_is_the_block():
    """A deep linear network with squared error: the loss Hessian is the same for all examples."""
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(4, 2), ref.Dense(2, 3))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((7, 4)),
                              rng.standard_normal((7, 3)))
    theta = rng.standard_normal(net.layout.size)
    for E, K in zip(ref.ekfac(objective, theta), ref.kfac(objective, theta)):
        assert brute.distance(E.dense(), K.dense()) <= TOLERANCE


# ---- kinds, groups, precisions ----

@pytest.mark.parametrize("net", ["dense", "convolutional", "words"])
@pytest.mark.parametrize("kind", ["mc", "ggn"])
def test_other_kinds_are_projections_of_their_own_blocks(kind, net):
    N = {"dense": 11}.get(net, 13)
    objective, theta = brute.NETS[net](weights=np.random.default_rng(3).random(N) + 0.5,
                                       reduction="sum")
    whole = (ref.gauss_newton(objective, theta) if kind == "ggn"
             else ref.fisher(objective, theta, kind, np.random.default_rng(4), 2))
    found = ref.ekfac(objective, theta, kind, np.random.default_rng(4), 2)
    for E, B in zip(found, ref.blocks(whole, objective.net.layout)):
        basis = np.kron(E.Q, E.U)
        assert brute.distance(E.values.reshape(-1), np.diag(basis.T @ B @ basis)) <= TOLERANCE
    again = ref.ekfac(objective, theta, "mc", np.random.default_rng(5), 2)
    assert kind == "ggn" or brute.distance(again[0].values, found[0].values) > 1e-3


def test_groups_of_rows_have_an_eigenbasis_each():
    rng = np.random.default_rng(6)
    net = ref.Sequential(ref.Conv2d(4, 6, (1, 2), groups=2), ref.Tanh(), ref.Flatten(-3),
                         ref.Dense(30, 3))
    objective = ref.Objective(net, ref.CrossEntropy(), rng.standard_normal((7, 4, 1, 6)),
                              rng.integers(3, size=7))
    theta = rng.standard_normal(net.layout.size)
    E, K = ref.ekfac(objective, theta)[0], ref.kfac(objective, theta)[0]
    assert isinstance(E, KronBlocks) and E.shape == K.shape
    B = ref.blocks(ref.fisher(objective, theta), net.layout)[0]
    basis = block_diag(*(np.kron(one.Q, one.U) for one in E.blocks))
    values = np.concatenate([one.values.reshape(-1) for one in E.blocks])
    assert brute.distance(values, np.diag(basis.T @ B @ basis)) <= TOLERANCE
    assert abs(values.sum() / np.trace(B) - 1) <= TOLERANCE
    assert norm2(B - E.dense()) < norm2(B - K.dense())


def test_float32_stays_and_what_has_no_eigenvectors_is_refused():
    objective, theta = brute.dense()
    narrow = ref.ekfac(objective.to(np.float32), theta.astype(np.float32))
    for E, wide in zip(narrow, ref.ekfac(objective, theta)):
        assert E.Q.dtype == E.U.dtype == E.values.dtype == np.float32
        assert brute.distance(E.values, wide.values) <= 1e3 * eps(np.float32)
    with pytest.raises(TypeError, match="would lose digits"):
        ref.ekfac(objective.to(np.longdouble), theta.astype(np.longdouble))


def test_what_kfac_refuses_is_refused():
    objective, theta = brute.dense()
    with pytest.raises(ValueError, match="setting must be one of expand, reduce, got 'both'"):
        ref.ekfac(objective, theta, setting="both")
    with pytest.raises(ValueError, match="kind must be one of"):
        ref.ekfac(objective, theta, "exact")
    with pytest.raises(TypeError, match="rng=None is not a generator"):
        ref.ekfac(objective, theta, "mc")
    net = ref.Sequential(ref.Dense(4, 3), ref.BatchNorm(3), ref.Dense(3, 7))
    with pytest.raises(ValueError, match="couples the examples"):
        ref.ekfac(ref.Objective(net, ref.CrossEntropy(), objective.x, objective.y),
                  np.ones(net.layout.size))


# ---- values of rounding, and bases that are not unique ----

def test_no_value_is_negative_and_powers_are_taken_of_singular_matrices():
    """Softmax gradients sum to 0: one eigenvalue of the last G is 0, up to rounding."""
    for net in brute.NETS:
        for E in ref.ekfac(*brute.NETS[net]()):
            assert E.values.min() >= 0
            root = E.power(0.5).dense()
            assert brute.distance(root @ root, E.dense()) <= TOLERANCE
            damped = E.inv(0.1).dense() @ (E.dense() + 0.1 * np.eye(E.values.size))
            assert np.abs(damped - np.eye(E.values.size)).max() <= 100 * TOLERANCE


def test_values_of_an_indefinite_loss_hessian_keep_their_signs():
    """A learned variance: the Gauss-Newton matrix is not the Fisher matrix, and indefinite."""
    objective, theta = small(loss="Gaussian")
    blocks = ref.blocks(ref.gauss_newton(objective, theta), objective.net.layout)
    found = ref.ekfac(objective, theta, "ggn")
    assert found[1].values.min() < -0.01 * found[1].values.max()
    for E, B in zip(found, blocks):
        basis = np.kron(E.Q, E.U)
        assert brute.distance(E.values.reshape(-1), np.diag(basis.T @ B @ basis)) <= TOLERANCE


def test_a_multiple_eigenvalue_leaves_the_matrix_open_but_not_its_trace_nor_pythagoras():
    """Inputs that are unit vectors: A is a multiple of I, and any basis diagonalises it."""
    net = ref.Sequential(ref.Dense(4, 3, bias=False), ref.Tanh(), ref.Dense(3, 5))
    x, y = np.tile(np.eye(4), (3, 1)), np.arange(12) % 5
    objective = ref.Objective(net, ref.CrossEntropy(), x, y)
    theta = np.random.default_rng(7).standard_normal(net.layout.size)
    E, K = ref.ekfac(objective, theta)[0], ref.kfac(objective, theta)[0]
    B = ref.blocks(ref.fisher(objective, theta), net.layout)[0]
    assert brute.distance(K.A, np.eye(4) / 4) <= TOLERANCE
    turn = np.linalg.qr(np.random.default_rng(8).standard_normal((4, 4)))[0]
    basis = np.kron(E.Q, E.U @ turn)
    other = (basis * np.diag(basis.T @ B @ basis)) @ basis.T
    assert brute.distance(other, E.dense()) > 0.01
    for M in other, E.dense():
        assert abs(np.trace(M) / np.trace(B) - 1) <= TOLERANCE
        gap = norm2(B - K.dense()) - norm2(B - M) - norm2(M - K.dense())
        assert abs(gap) <= TOLERANCE * norm2(B)


# ---- the contraction ----

def test_both_contractions_are_the_loops():
    """A place of zeros adds nothing, but takes the other way; places are summed before squares."""
    rng = np.random.default_rng(9)
    p, g, S = (rng.standard_normal(shape) for shape in ((7, 1, 5), (3, 7, 1, 2), (7, 3, 3)))
    S = S + S.swapaxes(1, 2)
    zero = [np.concatenate([a, 0 * a], axis=-2) for a in (p, g)]
    truth = np.zeros((2, 5))
    for n, o, i, c, d in np.ndindex(7, 2, 5, 3, 3):
        truth[o, i] += S[n, c, d] * g[c, n, 0, o] * g[d, n, 0, o] * p[n, 0, i] ** 2
    assert brute.distance(rotated_squares(p, g, S), truth) <= TOLERANCE
    assert brute.distance(rotated_squares(*zero, S), truth) <= TOLERANCE
    twice = [np.concatenate([a, a], axis=-2) for a in (p, g)]
    assert brute.distance(rotated_squares(*twice, S), 4 * truth) <= TOLERANCE
    w = rng.random(7)
    diagonal = w[:, None, None] * np.eye(3)
    for arrays in (p, g), zero:
        assert brute.distance(rotated_squares(*arrays, w),
                              rotated_squares(*arrays, diagonal)) <= TOLERANCE
