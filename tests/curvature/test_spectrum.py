"""Eigenvalues and what they tell: products against dense truth, and truths known beforehand."""

from functools import lru_cache

import numpy as np
import pytest
import scipy.linalg
from scipy.sparse.linalg import LinearOperator, aslinearoperator, eigsh

import reference as ref
from reference.arrays.krylov import lanczos
from tests.curvature import brute

EPS = np.finfo(float).eps
MATRICES = {"H": ref.hessian, "G": ref.gauss_newton,
            "F": lambda o, t: ref.fisher(o, t, "empirical")}
OPERATORS = [("dense", "H"), ("convolutional", "H"), ("words", "F")]    # the rest: arrays, faster


@lru_cache
def problem(net):
    if net == "pooled digits":
        return ref.problems.ZOO[net](np.random.default_rng(0))
    return brute.NETS[net]()


@lru_cache
def operator(net, name):
    return MATRICES[name](*problem(net))


each_net = pytest.mark.parametrize("net", [*brute.NETS, "pooled digits"])
each_matrix = pytest.mark.parametrize("name", MATRICES)
each_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rng(seed=0):
    return np.random.default_rng(seed)


def turned(values, dtype=float):
    """A symmetric matrix with these eigenvalues, to 10 eps of the largest."""
    Q = np.linalg.qr(rng(5).standard_normal((len(values),) * 2))[0]
    M = (Q * np.asarray(values, float)) @ Q.T
    return ((M + M.T) / 2).astype(dtype)


def opaque(M):
    """M by products alone."""
    return LinearOperator(M.shape, matvec=lambda v: M @ v, matmat=lambda V: M @ V, dtype=M.dtype)


# ---- all eigenvalues ----

@pytest.mark.parametrize("net", ["dense", "convolutional", "words"])
def test_eigenvalues_are_those_of_the_definition(net):
    truth = np.linalg.eigvalsh(brute.fisher(*problem(net)).astype(float))
    found = ref.eigenvalues(operator(net, "G"))
    assert np.abs(found - truth).max() <= len(truth) * EPS * truth[-1]


@each_net
@each_matrix
def test_traces_of_powers_are_sums_of_powers(net, name):
    M, values = ref.columns(operator(net, name)), ref.eigenvalues(operator(net, name))
    size, P = np.abs(values).max(), len(values)
    assert abs(np.trace(M) - values.sum()) <= P * P * EPS * size
    assert abs((M * M).sum() - (values * values).sum()) <= P * P * EPS * size ** 2
    assert np.array_equal(values, np.sort(values))
    some = ref.eigenvalues(operator(net, name), (1, 3))
    assert np.abs(some - values[1:4]).max() <= P * EPS * size


@each_type
def test_eigenvalues_keep_the_precision_of_the_matrix(dtype):
    values = np.array([-2, 0, 1, 3, 7])
    found = ref.eigenvalues(turned(values, dtype))
    assert found.dtype == dtype
    assert np.abs(found - values).max() <= 5 * 7 * np.finfo(dtype).eps
    if dtype == np.float32:
        assert np.abs(found - values).max() > EPS * 7                     # not float64 in disguise


# ---- the outermost, by products ----

@each_net
@each_matrix
def test_extreme_eigenpairs_are_those_of_the_dense_matrix(net, name):
    B, values = operator(net, name), ref.eigenvalues(operator(net, name))
    B, size = B if (net, name) in OPERATORS else opaque(ref.dense(B)), np.abs(values).max()
    for which, truth in (("largest", values[-3:]), ("smallest", values[:3]),
                         ("both", np.r_[values[:3], values[-3:]])):
        pairs = ref.extreme_eigenpairs(B, 3, rng(), which)
        bound = pairs.residuals + len(values) * EPS * size
        assert (np.abs(pairs.values - truth) <= bound).all()
        assert pairs.residuals.max() <= 1e-10 * size
        identity = pairs.vectors.T @ pairs.vectors
        assert np.abs(identity - np.eye(len(truth))).max() <= 100 * EPS


@pytest.mark.parametrize("which, ends", [("largest", "LA"), ("smallest", "SA")])
def test_arpack_finds_the_same_of_our_operators(which, ends):
    for name in MATRICES:
        B = operator("pooled digits", name)
        if (which, name) == ("smallest", "H") or which == "largest":
            theirs = np.sort(eigsh(B, 3, which=ends, v0=np.ones(B.shape[0]))[0])
            ours = ref.extreme_eigenpairs(B, 3, rng(), which).values
            assert np.abs(ours - theirs).max() <= 1e-12 * np.abs(theirs).max()


def test_multiple_eigenvalues_are_found_as_often_as_they_are_there():
    for values in ([5, 5, 5, 4, 4, 1, 0, 0], np.ones(8), np.zeros(8)):
        pairs = ref.extreme_eigenpairs(turned(values), 4, rng())
        assert np.abs(pairs.values - np.sort(values)[-4:]).max() <= 100 * EPS
    assert len(ref.extreme_eigenpairs(np.eye(5), 5, rng(), "both").values) == 5


def test_one_krylov_space_would_not_have_found_them():
    """Four distinct eigenvalues exhaust it after four steps, and each is in it once."""
    T = lanczos(lambda v: turned([5, 5, 5, 4, 4, 1, 0, 0]) @ v, rng().standard_normal(8), 4)[1]
    assert np.abs(np.linalg.eigvalsh(T) - [0, 1, 4, 5]).max() <= 1e-13
    assert (np.linalg.eigvalsh(T) > 4.5).sum() == 1


def test_residuals_bound_the_error_and_tell_of_too_few_steps():
    B = turned(np.linspace(-1, 1, 200))
    pairs = ref.extreme_eigenpairs(B, 2, rng(), "both", steps=8)
    nearest = np.abs(pairs.values[:, None] - np.linspace(-1, 1, 200)).min(1)
    assert pairs.residuals.max() > 1e-3 and (nearest <= pairs.residuals + 200 * EPS).all()
    assert np.abs(pairs.values[-1] - 1) > 1e-3                     # an eigenvalue, not the largest


def test_few_products_suffice_where_the_ends_are_far_apart():
    """A gap of 1/100 of the spectrum: e^(-2 k sqrt(0.01)) ~ 1e-10 asks for k ~ 115."""
    def counted(v):
        counts.append(1)
        return M @ v
    counts, M = [], turned(np.linspace(0, 1, 400) ** 0.25 - np.r_[np.full(399, 0.01), 0])
    B = LinearOperator(M.shape, matvec=counted, dtype=float)
    pairs = ref.extreme_eigenpairs(B, 1, rng())
    assert abs(pairs.values[0] - 1) <= 1e-13 and sum(counts) <= 2 * 2 * 240


@each_type
def test_extreme_eigenpairs_keep_the_precision_of_the_matrix(dtype):
    values = np.linspace(-1, 3, 50)
    pairs = ref.extreme_eigenpairs(opaque(turned(values, dtype)), 2, rng(), "both")
    assert {a.dtype for a in (pairs.values, pairs.vectors, pairs.residuals)} == {np.dtype(dtype)}
    truth = values[[0, 1, -2, -1]]
    assert np.abs(pairs.values - truth).max() <= 50 * 3 * np.finfo(dtype).eps


def test_draws_come_from_the_generator_alone():
    B = operator("dense", "H")
    first, again, other = (ref.extreme_eigenpairs(B, 2, rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.vectors, again.vectors)
    assert not np.array_equal(first.vectors, other.vectors)


# ---- condition ----

def test_the_condition_number_is_the_ratio_of_sizes_definite_or_not():
    for values in ([1, 2, 50], [-1, 2, 50], [-50, -2, -1]):
        assert abs(ref.condition_number(turned(values)) - 50) <= 50 * 50 * 3 * EPS
        assert abs(np.linalg.cond(turned(values)) - 50) <= 50 * 50 * 3 * EPS
    for singular in (turned([0, 2, 50]), np.zeros((3, 3))):
        assert ref.condition_number(singular) == np.inf
    assert ref.condition_number(np.array([[-3.0]])) == 1
    assert np.isfinite(ref.condition_number(turned([1e-12, 1])))
    assert ref.condition_number(turned([1e-12, 1]).astype(np.float32)) == np.inf


@each_net
def test_products_bound_the_condition_number_from_below_and_reach_it_in_all_steps(net):
    M = ref.dense(operator(net, "H"))
    B = aslinearoperator(M + 0.3 * np.eye(len(M)))                        # indefinite, invertible
    exact = ref.condition_number(B)
    bounds = [ref.condition_number(B, rng(), steps) for steps in (5, 10, 20, len(M))]
    assert all(b >= (1 - 1e-12) * a for a, b in zip(bounds, bounds[1:]))     # but for rounding
    tolerance = len(M) * EPS * exact
    assert bounds[-1] <= exact * (1 + tolerance)
    if len(np.unique(np.round(ref.eigenvalues(B), 6))) == len(M):
        assert abs(bounds[-1] / exact - 1) <= 1e-6


def test_ritz_values_of_an_indefinite_matrix_are_no_such_bound():
    """Which is why singular values of B Q are taken: v^T B v = 0 though B is orthogonal."""
    B, v = np.diag([-1.0, 1.0]), np.ones(2) / np.sqrt(2)
    assert abs(v @ B @ v) <= EPS and ref.condition_number(B) == 1
    assert 1 - 10 * EPS <= ref.condition_number(opaque(B), rng(), 1) <= 1 + 10 * EPS


# ---- signs ----

@each_net
@each_matrix
def test_inertia_counts_the_signs(net, name):
    B = operator(net, name)
    found, values = ref.inertia(B), ref.eigenvalues(B)
    assert sum(found) == len(values)
    if name != "H":
        assert found.negative == 0
    shifted = ref.dense(B) + 0.037 * np.eye(len(values))         # no pivot close to zero: Sylvester
    D = scipy.linalg.ldl(shifted)[1]
    signs = np.linalg.eigvalsh(D)
    assert ref.inertia(shifted) == ((signs < 0).sum(), 0, (signs > 0).sum())


def test_the_rank_of_one_examples_gauss_newton_matrix_is_less_than_its_classes():
    objective, theta = problem("dense")
    one = ref.gauss_newton(objective.batch(slice(0, 1)), theta)
    assert ref.inertia(one) == (0, 31 - 6, 6)                    # 7 classes, and p sums to 1
    assert ref.inertia(-ref.dense(one)) == (6, 31 - 6, 0)        # zero is as of |lam|, too
    assert ref.inertia(np.zeros((4, 4))) == (0, 4, 0)
    assert ref.inertia(-np.eye(3)) == (3, 0, 0) and ref.inertia(np.ones((1, 1))) == (0, 0, 1)


@each_net
@pytest.mark.parametrize("products", [False, True])
def test_negative_curvature_is_the_lowest_eigenpair(net, products):
    objective, theta = problem(net)
    H, g = operator(net, "H"), objective.grad(theta)
    M = ref.dense(H)
    lowest = np.linalg.eigvalsh(M)[0]
    H = opaque(M) if products else H
    found = ref.negative_curvature(H, rng() if products else None, g)
    v, size = found.direction, np.linalg.norm(M, 2)
    assert lowest < 0 and abs(found.curvature - lowest) <= len(M) * EPS * size + found.residual
    assert found.residual <= 1e-10 * size
    assert abs(v @ v - 1) <= 100 * EPS and abs(v @ M @ v - lowest) <= 1e-12 * size
    assert g @ v <= 0
    opposite = ref.negative_curvature(H, rng() if products else None, -g)
    assert np.array_equal(opposite.direction, -v)


@pytest.mark.parametrize("draws", [None, rng()])
def test_there_is_none_where_the_matrix_is_semidefinite(draws):
    for M in (np.zeros((1, 1)), np.zeros((4, 4)), np.ones((4, 4)), turned([0, 0, 1, 2])):
        assert ref.negative_curvature(M, draws) is None
    assert ref.negative_curvature(operator("dense", "G"), draws) is None
    assert ref.negative_curvature(turned([-1e-10, 0, 1, 2]), draws).curvature < 0
    assert ref.negative_curvature(-np.ones((1, 1)), draws).curvature == -1


def test_a_hessian_in_float32_has_the_same_answers_to_its_digits():
    objective, theta = problem("dense")
    H, truth = operator("dense", "H"), ref.eigenvalues(operator("dense", "H"))
    H32 = ref.hessian(objective.to(np.float32), theta.astype(np.float32))
    bound = 31 * np.finfo(np.float32).eps * np.abs(truth).max()
    pairs = ref.extreme_eigenpairs(H32, 2, rng(), "both")
    assert ref.eigenvalues(H32).dtype == pairs.values.dtype == np.float32
    assert np.abs(ref.eigenvalues(H32) - truth).max() <= bound
    assert np.abs(pairs.values - truth[[0, 1, -2, -1]]).max() <= bound
    assert abs(ref.negative_curvature(H32, rng()).curvature - truth[0]) <= bound
    assert ref.inertia(H32).negative <= ref.inertia(H).negative      # more of them are zero


# ---- what is refused ----

CALLS = {"eigenvalues": ref.eigenvalues, "inertia": ref.inertia,
         "condition": ref.condition_number, "negative curvature": ref.negative_curvature,
         "extreme": lambda B: ref.extreme_eigenpairs(B, 1, rng()),
         "condition by products": lambda B: ref.condition_number(B, rng()),
         "trace": lambda B: ref.trace(B, 10, rng()),
         "diagonal": lambda B: ref.diagonal_estimate(B, 10, rng()),
         "density": lambda B: ref.spectral_density(B, rng())}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_matrices_that_are_none_are_refused(call):
    for B, error, words in [
            (np.full((3, 3), np.nan), ValueError, "9 entries that are not finite"),
            (opaque(np.full((3, 3), np.nan)), ValueError, "not finite"),
            (np.ones((2, 3)), ValueError, r"shape \(2, 3\)"),
            (np.ones((0, 0)), ValueError, r"shape \(0, 0\)"),
            (np.triu(np.ones((3, 3))), ValueError, "not symmetric"),
            (np.eye(3, dtype=np.longdouble), TypeError, "narrow"),
            (opaque(np.eye(3, dtype=np.longdouble)), TypeError, "narrow"),
            (np.eye(3, dtype=complex), ValueError, "complex128"),
            (np.eye(3, dtype=int), ValueError, "astype"),
            ([[1.0]], TypeError, "list"), (np.ma.masked_array(np.eye(3)), TypeError, "mask")]:
        with pytest.raises(error, match=words):
            call(B)


def test_bad_questions_are_refused():
    B = np.eye(3)
    for call, error, words in [
            (lambda: ref.eigenvalues(B, (1, 3)), ValueError, r"\(1, 3\)"),
            (lambda: ref.eigenvalues(B, (2, 1)), ValueError, r"\(2, 1\)"),
            (lambda: ref.eigenvalues(B, (0.0, 1.0)), ValueError, "first, last"),
            (lambda: ref.extreme_eigenpairs(B, 4, rng()), ValueError, "P = 3, got 4"),
            (lambda: ref.extreme_eigenpairs(B, 0, rng()), ValueError, "got 0"),
            (lambda: ref.extreme_eigenpairs(B, 1, 0), TypeError, "default_rng"),
            (lambda: ref.extreme_eigenpairs(B, 1, rng(), "LA"), ValueError, "largest, smallest"),
            (lambda: ref.extreme_eigenpairs(B, 1, rng(), steps=1), ValueError, "at least 2, got 1"),
            (lambda: ref.condition_number(B, 3), TypeError, "default_rng"),
            (lambda: ref.condition_number(B, rng(), 1.5), ValueError, "1.5"),
            (lambda: ref.negative_curvature(-B, 3), TypeError, "default_rng"),
            (lambda: ref.negative_curvature(-B, gradient=np.ones(2)), ValueError, "gradient")]:
        with pytest.raises(error, match=words):
            call()
