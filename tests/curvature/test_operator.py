"""Curvature matrices are SciPy operators: arithmetic, solvers, shapes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, aslinearoperator, cg, eigsh

import reference as ref
from reference import (block, blocks, columns, dense, fisher, gauss_newton, hessian, jacobian,
                       kbfgs_factors, kfac, per_example_gradients)
from reference.arrays.precision import eps
from reference.network.layout import Layout
from tests.derivatives.cases import directions, distance, small

TOLERANCE = 45 * eps(float)


@pytest.fixture(scope="module")
def problem():
    return small(l2=0.1)


@pytest.fixture(scope="module")
def H(problem):
    return hessian(*problem)


@pytest.fixture(scope="module")
def M(H):
    return dense(H)


def test_products_with_vectors_columns_and_matrices(H, M):
    v, V = directions(M[0])[0], directions(M[0], 5).T
    assert isinstance(H, LinearOperator) and H.shape == (34, 34) and H.dtype == float
    assert distance(H @ v, M @ v) <= TOLERANCE
    assert distance(H @ v[:, None], M @ v[:, None]) <= TOLERANCE
    assert distance(H @ V, M @ V) <= TOLERANCE
    assert distance(H.matmat(V), M @ V) <= TOLERANCE
    assert distance(H.rmatvec(v), M.T @ v) <= TOLERANCE
    assert distance(H.rmatmat(V), M.T @ V) <= TOLERANCE
    assert (H @ V[:, :0]).shape == (34, 0) and (H @ V[:, :1]).shape == (34, 1)


def test_more_columns_than_fit_in_one_pass(H, M):
    V = directions(M[0], 131).T
    assert distance(H @ V, M @ V) <= TOLERANCE


def test_arrays_of_any_order_and_stride_are_accepted(H, M):
    V = directions(M[0], 10)
    frozen = V.T.copy()
    frozen.flags.writeable = False
    for W in (V.T, np.asfortranarray(V.T), V.T[:, ::-2], frozen):
        assert distance(H @ W, M @ W) <= TOLERANCE
    assert distance(H @ V[0, ::-1], M @ V[0, ::-1]) <= TOLERANCE


def test_scipy_arithmetic(H, M):
    I = aslinearoperator(np.eye(34))
    sums = {"H + lam I": (H + 0.5 * I, M + 0.5 * np.eye(34)), "2 H": (2 * H, 2 * M),
            "H H": (H @ H, M @ M), "-H": (-H, -M), "H - H/2": (H - 0.5 * H, M / 2),
            "H^T": (H.T, M), "H^*": (H.adjoint(), M), "H^3": (H ** 3, M @ M @ M)}
    for name, (operator, matrix) in sums.items():
        assert distance(dense(operator), matrix) <= TOLERANCE, name
        assert distance(columns(operator), matrix) <= TOLERANCE, name


def test_blocks_of_what_scipy_makes_of_an_operator(problem, H, M):
    layout = problem[0].net.layout
    shifted = H + 0.5 * aslinearoperator(np.eye(34))
    for part, s in zip(blocks(shifted, layout), layout.slices):
        assert distance(part, M[s, s] + 0.5 * np.eye(s.stop - s.start)) <= TOLERANCE
        assert distance(block(shifted, s), part) <= TOLERANCE
    assert distance(block(H, slice(3, 7)), M[3:7, 3:7]) <= TOLERANCE
    assert distance(block(H, [5, 1, 20]), M[np.ix_([5, 1, 20], [5, 1, 20])]) <= TOLERANCE


def test_eigenvalues_by_lanczos_are_those_of_the_dense_matrix(H, M):
    values = eigsh(H, k=3, which="LA", return_eigenvectors=False, v0=np.ones(34))
    assert distance(np.sort(values), np.linalg.eigvalsh(M)[-3:]) <= 1e-12       # eigsh's own tol


def test_conjugate_gradients_solve_the_damped_system(problem):
    G = gauss_newton(*problem) + aslinearoperator(np.eye(34))
    b = directions(problem[1])[0]
    x, info = cg(G, b, rtol=1e-12)
    assert info == 0 and np.linalg.norm(dense(G) @ x - b) <= 1e-11 * np.linalg.norm(b)


def test_float32_stays_float32_and_longdouble_longdouble():
    for dtype in (np.float32, np.longdouble):
        objective, theta = small()
        objective, theta = objective.to(dtype), theta.astype(dtype)
        for matrix in (hessian, gauss_newton, fisher):
            B = matrix(objective, theta)
            assert (B @ theta).dtype == B.dtype == dtype
            assert block(B, slice(0, 3)).dtype == dtype


def test_vectors_of_a_wrong_length_are_refused(H):
    for shape in [(33,), (35,), (33, 2), (34, 2, 1)]:
        with pytest.raises(ValueError):
            H @ np.ones(shape)


def test_what_is_no_operator_layout_or_index_is_refused_in_words(problem, H):
    objective = problem[0]
    for function in (dense, columns, lambda o: block(o, slice(3)), lambda o: blocks(o, None)):
        with pytest.raises(TypeError, match="operator is a Objective; pass a LinearOperator"):
            function(objective)
    for function in (dense, columns, lambda o: block(o, slice(3)), lambda o: blocks(o, None)):
        with pytest.raises(ValueError, match=r"operator has shape \(2, 3\); curvature .* square"):
            function(aslinearoperator(np.ones((2, 3))))
    for wrong in (objective.net, None):
        with pytest.raises(TypeError, match=r"partition is a \w+; pass net.layout, or what part"):
            blocks(H, wrong)
    for index in (None, 3, 1.5, "a", [34], np.ones(3, bool)):
        with pytest.raises(ValueError, match="picks no rows of .*34, 34.*: pass a slice"):
            block(H, index)


def test_a_wrong_product_would_be_seen(H, M):
    assert distance(H @ M[0], (M + np.diag(1e-12 * M.max() * np.ones(34))) @ M[0]) > TOLERANCE


# ---- the point and the layout ----

@pytest.mark.parametrize("matrix", [hessian, gauss_newton, fisher])
def test_an_operator_stays_at_its_point_when_theta_is_written_on(matrix):
    objective, theta = small()
    truth = matrix(objective, theta.copy())
    B = matrix(objective, theta)
    theta *= 1.5
    assert (B @ np.eye(34) == columns(truth)).all() and (dense(B) == dense(truth)).all()
    for part, expected in zip(*(blocks(b, objective.net.layout) for b in (B, truth))):
        assert (part == expected).all()


@pytest.mark.parametrize("function", [hessian, gauss_newton, fisher, kfac, jacobian,
                                      per_example_gradients,
                                      lambda o, t: kbfgs_factors(o, t, 0.1)])
@pytest.mark.parametrize("spoil, error, message", [
    (lambda t: np.stack([t, t]), ValueError, r"theta has shape \(2, 34\) but .* needs \(34,\)"),
    (lambda t: t[1:], ValueError, r"theta has shape \(33,\) but .*; build it with net.initial"),
    (list, TypeError, r"theta is a list; pass numpy.asarray\(theta"),
    (lambda t: t.astype(int), ValueError, r"theta holds int64; write theta.astype\(float"),
], ids=["two", "short", "list", "integers"])
def test_a_theta_of_wrong_shape_or_type_is_refused(function, spoil, error, message):
    objective, theta = small()
    with pytest.raises(error, match=message):
        function(objective, spoil(theta))


def test_an_unknown_route_is_refused_before_any_product(problem):
    with pytest.raises(ValueError, match="no route 'x' to hvp; choose one of dual, complex step"):
        hessian(*problem, route="x")


def test_blocks_follow_the_layout_that_is_given(H, M):
    layout = Layout(((2, 5), (4, 6)))
    assert layout.size == 34
    for part, s in zip(blocks(H, layout), layout.slices):
        assert distance(part, M[s, s]) <= TOLERANCE
    with pytest.raises(ValueError, match=r"layout has 33 parameters but the operator has shape"):
        blocks(H, Layout(((3, 11),)))


@pytest.mark.parametrize("matrix", [hessian, gauss_newton, ref.fisher, ref.positive_curvature])
@pytest.mark.parametrize("data, parameters", [(np.longdouble, float), (float, np.float32)])
def test_the_dtype_is_that_of_the_products(matrix, data, parameters):
    objective, theta = small()
    H = matrix(objective.to(data), theta.astype(parameters))
    assert H.dtype == (H @ np.ones(theta.size, parameters)).dtype == dense(H).dtype == data
    assert ref.room(H) == ref.room(matrix(objective.to(data), theta.astype(data)))


def test_weights_may_be_wider_than_parameters_and_data():
    objective, theta = small()
    objective = replace(objective.to(np.float32), weights=np.ones(objective.N))
    for matrix in (hessian, gauss_newton):
        H = matrix(objective, theta.astype(np.float32))
        assert H.dtype == dense(H).dtype == float


ENTRIES = [hessian, gauss_newton, ref.fisher, ref.positive_curvature, ref.kfac, ref.ekfac,
           ref.kfac_dense, ref.kfac_tridiagonal, ref.bda_pch, ref.ntk, ref.gram, ref.jacobian]


@pytest.mark.parametrize("function", ENTRIES)
def test_what_is_no_objective_and_a_theta_that_is_not_finite_are_refused(function):
    objective, theta = small()
    for wrong in (3, None, objective.net):
        with pytest.raises(TypeError, match="objective is a .*; pass Objective"):
            function(wrong, theta)
    for value in (np.nan, np.inf):
        theta[3] = value
        with pytest.raises(ValueError, match=r"theta has 1 entries that are not finite; .*\[3\]"):
            function(objective, theta)


@pytest.mark.parametrize("question", [dense, ref.columns, ref.room, ref.diagonal,
                                      lambda B: block(B, [0])])
def test_kronecker_products_and_empty_matrices_are_refused_in_words(question):
    for K in (ref.Kron(np.eye(3), np.eye(3)), ref.Kron(np.eye(2), np.eye(3))):
        with pytest.raises(TypeError, match=r"a Kron; pass the array that its .dense\(\) gives"):
            question(K)
    with pytest.raises(ValueError, match=r"shape \(0, 0\); .* not empty"):
        question(np.zeros((0, 0)))
