"""Conjugate gradients, MINRES and Lanczos against exact answers, in their vectors' precision."""

import numpy as np
import pytest
import scipy.sparse.linalg

from reference.arrays import ball
from reference.arrays.krylov import cg, lanczos, length, minres

TYPES = {"float32": np.float32, "float64": np.float64, "longdouble": np.longdouble}
each_type = pytest.mark.parametrize("dtype", TYPES.values(), ids=TYPES)


def rotation(n, dtype=float, seed=0):
    """An orthogonal matrix, as a product of exact-as-can-be Householder reflections."""
    Q = np.eye(n, dtype=dtype)
    for v in np.random.default_rng(seed).standard_normal((3, n)).astype(dtype):
        Q = Q - (2 / (v @ v)) * np.outer(Q @ v, v)
    return Q


def definite(values, dtype=float):
    Q = rotation(len(values), dtype)
    return (Q * np.asarray(values, dtype)) @ Q.T


def counted(A):
    def product(v):
        product.count += 1
        return A @ v
    product.count = 0
    return product


# ---- conjugate gradients ----

@each_type
def test_cg_solves_to_its_tolerance_in_the_precision_of_b(dtype):
    A = definite(np.linspace(1, 50, 20), dtype)
    x, tol = np.arange(20).astype(dtype), 100 * np.finfo(dtype).eps
    result = cg(lambda v: A @ v, A @ x, tol=tol)
    assert result.reason == "converged" and result.x.dtype == result.residual.dtype == dtype
    size = np.sqrt((A @ x) @ (A @ x))
    assert np.array_equal(result.residual, A @ x - A @ result.x)
    assert np.sqrt(result.residual @ result.residual) <= 2 * tol * size      # smallest eigenvalue 1
    assert np.abs(result.x - x).max() <= 2 * tol * size


@pytest.mark.parametrize("distinct", [1, 2, 3, 5])
def test_cg_needs_as_many_products_as_there_are_distinct_eigenvalues(distinct):
    A = definite(np.resize(np.arange(1.0, distinct + 1), 30))
    assert cg(lambda v: A @ v, np.ones(30), tol=1e-12).iterations == distinct


def test_cg_starts_where_it_is_told_and_leaves_that_unchanged():
    A = definite(np.linspace(1, 9, 8))
    b, start = np.ones(8), np.full(8, 0.3)
    start.flags.writeable = b.flags.writeable = False
    assert cg(lambda v: A @ v, A @ start, x=start).iterations == 0
    product = counted(A)
    assert cg(product, b, x=start, maxiter=3).iterations == 3
    assert product.count <= 3 + 2                              # one for each end's residual


def test_cg_stops_at_a_direction_of_negative_curvature_and_says_so():
    A = definite([-1.0, 2.0, 3.0, 4.0])
    result = cg(lambda v: A @ v, np.ones(4))
    assert result.reason == "negative curvature"
    np.testing.assert_array_equal(result.residual, np.ones(4) - A @ result.x)
    assert result.direction @ A @ result.direction < 0
    first = cg(lambda v: -v, np.ones(3))
    assert first.reason == "negative curvature" and first.iterations == 0 and not first.x.any()
    assert cg(lambda v: 0 * v, np.ones(3)).reason == "negative curvature"    # singular: p A p = 0


def test_cg_never_claims_convergence_on_nan():
    assert cg(lambda v: np.nan * v, np.ones(3)).reason != "converged"
    assert cg(lambda v: v, np.full(3, np.nan)).reason != "converged"


def test_cg_says_when_it_ran_out_of_iterations():
    A = definite(np.linspace(1, 1e4, 30))
    for maxiter in (0, 1, 4):
        result = cg(lambda v: A @ v, np.ones(30), maxiter=maxiter)
        assert (result.reason, result.iterations) == ("iterations", maxiter)
    assert cg(lambda v: A @ v, np.zeros(30)).reason == "converged"


def test_cg_runs_on_balls():
    with ball.precision(200):
        A = ball.exact(np.array([[4.0, 1.0], [1.0, 3.0]]))
        result = cg(lambda v: A @ v, ball.exact(np.array([1.0, 2.0])), tol=1e-40)
        assert result.reason == "converged"
        assert (ball.distance(11 * result.x, np.array([1.0, 7.0])) < 1e-40).all()


def test_scipys_cg_takes_the_same_steps():
    A, b = definite(np.linspace(1, 50, 20)), np.arange(1.0, 21)
    for k in (1, 2, 5, 10):
        x = scipy.sparse.linalg.cg(A, b, rtol=0, maxiter=k)[0]
        assert np.abs(cg(lambda v: A @ v, b, tol=0, maxiter=k).x - x).max() <= 1e-13 * 20


# ---- preconditioned ----

@each_type
def test_a_preconditioner_changes_the_way_and_not_the_answer(dtype):
    """With M = D^-1 the iterates are D^-1/2 times those of D^-1/2 A D^-1/2 without."""
    D = np.linspace(1, 9, 12).astype(dtype) ** 4
    root = np.sqrt(D)
    A = root[:, None] * definite(np.linspace(1, 3, 12), dtype) * root
    b, eps = np.arange(1, 13).astype(dtype), np.finfo(dtype).eps
    scaled = A / root / root[:, None]
    for k in (1, 2, 4):
        plain = cg(lambda v: scaled @ v, b / root, tol=0, maxiter=k)
        aided = cg(lambda v: A @ v, b, tol=0, maxiter=k, M=lambda r: r / D)
        assert aided.x.dtype == dtype
        assert np.abs(root * aided.x - plain.x).max() <= 1e3 * eps * np.abs(plain.x).max()
    few = cg(lambda v: A @ v, b, tol=1e3 * eps, M=lambda r: r / D)
    assert few.reason == "converged"
    assert few.iterations < cg(lambda v: A @ v, b, tol=1e3 * eps).iterations
    exact = cg(lambda v: D * v, b, tol=10 * eps, M=lambda r: r / D)
    assert (exact.reason, exact.iterations) == ("converged", 1)


def test_a_preconditioner_that_is_not_definite_is_said_to_be():
    result = cg(lambda v: v, np.ones(3), M=lambda r: -r)
    assert (result.reason, result.iterations) == ("indefinite preconditioner", 0)


# ---- MINRES ----

def indefinite(dtype=float):
    return definite(np.concatenate([-np.linspace(1, 20, 8), np.linspace(2, 50, 12)]), dtype)


def least_residual(A, b, k):
    """The smallest |b - A x| for x in span(b, A b, ..., A^(k-1) b), by an orthonormal basis."""
    basis = [b]
    for _ in range(k - 1):
        basis.append(A @ basis[-1] / np.linalg.norm(basis[-1]))
    K = np.linalg.qr(np.array(basis).T)[0]
    y = np.linalg.lstsq(A @ K, b, rcond=None)[0]
    return K @ y, np.linalg.norm(b - A @ K @ y)


@each_type
def test_minres_solves_indefinite_systems_in_the_precision_of_b(dtype):
    A, eps = indefinite(dtype), np.finfo(dtype).eps
    x, tol = np.arange(20).astype(dtype), 100 * eps
    result = minres(lambda v: A @ v, A @ x, tol=tol)
    assert result.reason == "converged" and result.x.dtype == result.residual.dtype == dtype
    assert np.array_equal(result.residual, A @ x - A @ result.x)
    size = np.sqrt((A @ x) @ (A @ x))
    assert np.sqrt(result.residual @ result.residual) <= 10 * tol * size
    assert np.abs(result.x - x).max() <= 10 * tol * size                   # |A^-1| = 1


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_every_iterate_of_minres_has_the_least_residual_and_is_scipys(k):
    A, b = indefinite(), np.arange(1.0, 21)
    result = minres(lambda v: A @ v, b, tol=0, maxiter=k)
    x, residual = least_residual(A, b, k)
    assert (result.reason, result.iterations) == ("iterations", k)
    assert np.abs(result.x - x).max() <= 1e-12 * np.abs(x).max()            # A^k b, |A| = 50
    assert abs(np.linalg.norm(result.residual) / residual - 1) <= 1e-13
    theirs = scipy.sparse.linalg.minres(A, b, rtol=0, maxiter=k)[0]
    assert np.abs(result.x - theirs).max() <= 1e-13 * np.abs(x).max()


def test_residuals_of_minres_fall_where_cg_finds_negative_curvature():
    A, b = indefinite(), np.ones(20)
    assert cg(lambda v: A @ v, b).reason == "negative curvature"
    sizes = [np.linalg.norm(minres(lambda v: A @ v, b, tol=0, maxiter=k).residual)
             for k in range(12)]
    assert all(later <= earlier * (1 + 1e-14) for earlier, later in zip(sizes, sizes[1:]))


def test_minres_says_singular_where_b_is_outside_the_range_and_x_is_of_least_squares():
    A = definite([0.0, 0.0, -1.0, 2.0, 3.0])
    b = np.ones(5)
    result = minres(lambda v: A @ v, b)
    assert result.reason == "singular" and np.linalg.norm(A @ result.residual) <= 1e-9
    least = np.linalg.norm(b - A @ np.linalg.lstsq(A, b)[0])
    assert abs(np.linalg.norm(result.residual) - least) <= 1e-12
    inside = minres(lambda v: A @ v, A @ b)
    assert inside.reason == "converged" and np.abs(A @ inside.x - A @ b).max() <= 1e-9
    assert minres(lambda v: 0 * v, b).reason == "singular"


def test_minres_starts_where_it_is_told_and_says_when_it_ran_out():
    A = indefinite()
    b, start = np.ones(20), np.full(20, 0.3)
    start.flags.writeable = b.flags.writeable = False
    assert minres(lambda v: A @ v, A @ start, x=start).iterations == 0
    product = counted(A)
    assert minres(product, b, x=start, maxiter=3).iterations == 3
    assert product.count == 3 + 2
    assert minres(lambda v: A @ v, b, maxiter=0).reason == "iterations"
    assert minres(lambda v: A @ v, np.zeros(20)).reason == "converged"
    assert minres(lambda v: np.nan * v, b).reason == "iterations"           # never converged


def test_minres_counts_the_product_that_showed_singularity():
    product = counted(definite([0.0, 0.0, -1.0, 2.0, 3.0]))
    result = minres(product, np.ones(5))
    assert (result.reason, result.iterations) == ("singular", product.count - 2)


def test_minres_stops_without_a_warning_at_an_exact_eigenvector():
    result = minres(lambda v: 2 * v, np.array([1.0, 0.0, 0.0]))             # |A v - 2 v| = 0
    assert (result.reason, result.iterations, *result.x) == ("converged", 1, 0.5, 0, 0)


# ---- both ----

both = pytest.mark.parametrize("method", [cg, minres])


@both
def test_the_last_product_allowed_may_be_the_one_that_converges(method):
    A = definite(np.resize([1.0, 2.0, 3.0], 30))
    result = method(lambda v: A @ v, np.ones(30), tol=1e-12, maxiter=3)
    assert (result.reason, result.iterations) == ("converged", 3)


@both
def test_the_tolerance_is_a_part_of_b_wherever_it_starts(method):
    A, x = definite(np.linspace(1, 9, 8)), np.ones(8)
    near = x + 1e-6 * np.cos(np.arange(8))                      # |r| <= 9 * 3e-6 < 1e-4 |b|
    assert method(lambda v: A @ v, A @ x, x=near, tol=1e-4).iterations == 0


@both
@pytest.mark.parametrize("dtype, scale", [(np.float32, 1e-22), (np.float32, 1e30),
                                          (np.float64, 1e-160), (np.float64, 1e200)])
def test_squares_of_b_that_vanish_or_overflow_cost_no_digit(method, dtype, scale):
    A, b = definite(np.linspace(1, 9, 8), dtype), np.cos(np.arange(8)).astype(dtype)
    scale = 2.0 ** np.round(np.log2(scale))                     # exact: the same to the last bit
    one, other = (method(lambda v: A @ v, b * dtype(s), tol=1e-5) for s in (1, scale))
    assert other.reason == one.reason == "converged" and one.iterations == other.iterations > 3
    assert np.array_equal(one.x * dtype(scale), other.x)
    assert np.array_equal(one.residual * dtype(scale), other.residual)
    again = method(lambda v: A @ v, b * dtype(scale), x=other.x, tol=1e-5)
    assert again.iterations == 0


@both
@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_nor_do_those_of_the_matrix(method, scale):
    A, b = definite(np.linspace(1, 9, 8), np.float32), np.cos(np.arange(8)).astype(np.float32)
    result = method(lambda v: np.float32(scale) * (A @ v), b, tol=1e-4)
    assert result.reason == "converged"
    assert length(b - np.float32(scale) * (A @ result.x)) <= 2e-4 * length(b)


def test_a_direction_is_in_the_units_of_b():
    b = np.array([0.0, 2.0 ** -600])
    result = cg(lambda v: -v, b)
    assert result.reason == "negative curvature" and np.array_equal(result.direction, b)


# ---- Lanczos ----

@each_type
def test_lanczos_is_orthonormal_and_tridiagonalises(dtype):
    A, v = definite(np.linspace(-3, 5, 12), dtype), np.arange(1, 13).astype(dtype)
    Q, T = lanczos(lambda u: A @ u, v, 7)
    eps = np.finfo(dtype).eps
    assert Q.shape == (12, 7) and T.shape == (7, 7) and Q.dtype == T.dtype == dtype
    assert np.abs(Q.T @ Q - np.eye(7)).max() <= 12 * eps
    assert np.abs(Q.T @ A @ Q - T).max() <= 12 * 5 * eps
    assert np.array_equal(T, np.triu(np.tril(T, 1), -1)) and np.array_equal(T, T.T)
    assert np.abs(Q[:, 0] * np.sqrt(v @ v) - v).max() <= 4 * eps * 12


def test_lanczos_has_no_ghosts_in_a_clustered_spectrum_after_all_steps():
    """One eigenvalue far out converges first, and returns as copies once orthogonality is lost."""
    values = np.concatenate([1 + 1e-3 * np.arange(99), [1e3]])
    A = definite(values)
    Q, T = lanczos(lambda u: A @ u, np.random.default_rng(3).standard_normal(100), 100)
    ritz = np.linalg.eigvalsh(T)
    assert np.abs(Q.T @ Q - np.eye(len(T))).max() < 1e-14
    assert (ritz > 2).sum() == 1
    assert np.abs(ritz - values).max() < 1e-12                              # 1e3 eps, some 4 times


def test_plain_three_term_lanczos_has_ghosts_there():
    """The test above can fail: without orthogonalisation the far eigenvalue comes several times."""
    values = np.concatenate([1 + 1e-3 * np.arange(99), [1e3]])
    A, q, before, beta, alphas, betas = definite(values), None, 0, 0, [], []
    q = np.random.default_rng(3).standard_normal(100)
    q = q / np.sqrt(q @ q)
    for _ in range(100):
        w = A @ q - beta * before
        alphas.append(w @ q)
        w = w - alphas[-1] * q
        before, beta = q, np.sqrt(w @ w)
        betas.append(beta)
        q = w / beta
    T = np.diag(alphas) + np.diag(betas[:-1], 1) + np.diag(betas[:-1], -1)
    assert (np.linalg.eigvalsh(T) > 2).sum() > 1


def test_lanczos_stops_at_an_invariant_subspace():
    A = np.diag([1.0, 2.0, 3.0, 4.0])
    Q, T = lanczos(lambda u: A @ u, np.array([1.0, 1.0, 0, 0]), 4)
    assert Q.shape == (4, 2)
    np.testing.assert_allclose(np.linalg.eigvalsh(T), [1, 2], rtol=1e-15)
    assert lanczos(lambda u: 0 * u, np.ones(3), 3)[1].tolist() == [[0.0]]
    assert lanczos(lambda u: A @ u, np.ones(4), 99)[1].shape == (4, 4)


@pytest.mark.parametrize("dtype, power", [(np.float32, -75), (np.float32, 100),
                                          (np.float64, -600), (np.float64, 900)])
def test_lanczos_scales_with_the_matrix_to_the_last_bit(dtype, power):
    A, v = definite([-1.0, 1.0, 2.0, 3.0, 5.0], dtype), np.ones(5, dtype)
    scale = dtype(2) ** dtype(power)
    (Q, T), (Q2, T2) = (lanczos(lambda v: s * (A @ v), v, 4) for s in (dtype(1), scale))
    assert np.array_equal(Q, Q2) and np.array_equal(scale * T, T2)
    assert np.array_equal(lanczos(lambda v: A @ v, scale * v, 4)[0], Q)


@each_type
def test_a_length_has_no_square_that_vanishes_or_overflows(dtype):
    for scale in (np.finfo(dtype).tiny, 1, np.finfo(dtype).max / 8):
        assert length(dtype(scale) * np.array([3, 0, -4], dtype)) == 5 * dtype(scale)
    assert length(np.zeros(3, dtype)) == 0 and np.isnan(length(np.array([1, np.nan], dtype)))
