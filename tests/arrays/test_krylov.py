"""Conjugate gradients and Lanczos against exact answers, in the precision of their vectors."""

import numpy as np
import pytest

from reference.arrays import ball
from reference.arrays.krylov import cg, lanczos

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
