"""Solving and factoring against exact rational answers, never in fewer digits than came in."""

from fractions import Fraction

import flint
import numpy as np
import pytest

from reference.arrays import ball, linalg

TYPES = {"float32": np.float32, "float64": np.float64, "longdouble": np.longdouble}
COMPLEX = {"complex64": np.complex64, "complex128": np.complex128, "clongdouble": np.clongdouble}
each_type = pytest.mark.parametrize("dtype", TYPES.values(), ids=TYPES)
each_complex = pytest.mark.parametrize("dtype", COMPLEX.values(), ids=COMPLEX)


def rational(A):
    """The exact rational matrix of a float matrix."""
    entries = [flint.fmpq(*map(int, np.asarray(t)[()].as_integer_ratio())) for t in A.flat]
    return flint.fmpq_mat(*A.shape, entries)


def floats(Q, dtype):
    """A rational matrix of small numerators and denominators, each entry correctly rounded."""
    entries = [dtype(int(q.p)) / dtype(int(q.q)) for q in Q.entries()]
    return np.array(entries, dtype).reshape(Q.nrows(), Q.ncols())


def hilbert(n):
    return flint.fmpq_mat(n, n, [flint.fmpq(1, i + j + 1) for i in range(n) for j in range(n)])


def well_conditioned(n=7, definite=False):
    """Entries of few bits, so that every type holds the same matrix; condition about 10."""
    A = np.round(np.random.default_rng(0).standard_normal((n, n)) * 64) / 64
    return (A @ A.T if definite else A) + 4 * np.eye(n)


def error(x, exact):
    """|x - exact|/|exact| in the largest entry, exact rational."""
    off = rational(x) - exact
    largest = [max(abs(Fraction(int(q.p), int(q.q))) for q in Q.entries()) for Q in (off, exact)]
    return float(largest[0] / largest[1])


# ---- solve and inverse ----

@each_type
@pytest.mark.parametrize("columns", [(), (1,), (3,)])
def test_solve_is_the_rational_solution_and_keeps_the_type(dtype, columns):
    A = well_conditioned().astype(dtype)
    b = (np.arange(7 * int(np.prod(columns))).reshape((7, *columns)) - 3).astype(dtype)
    A.flags.writeable = b.flags.writeable = False
    x = linalg.solve(A, b)
    assert x.dtype == dtype and x.shape == b.shape
    exact = rational(A).solve(rational(b.reshape(7, -1)))
    bound = 7 * np.linalg.cond(A.astype(float)) * np.finfo(dtype).eps
    assert error(x.reshape(7, -1), exact) <= bound


@each_type
def test_inverse_is_the_rational_inverse_and_keeps_the_type(dtype):
    A = well_conditioned().astype(dtype)
    assert linalg.inverse(A).dtype == dtype
    bound = 7 * np.linalg.cond(A.astype(float)) * np.finfo(dtype).eps
    assert error(linalg.inverse(A), rational(A).inv()) <= bound


@each_complex
def test_complex_step_through_solve_is_minus_inverse_times_dA_times_x(dtype):
    A, V, b = well_conditioned(), np.diag(np.arange(7.0)), np.arange(7.0)
    h = 1e-20 if dtype != np.complex64 else 1e-10
    real = np.finfo(dtype).dtype.type
    x = linalg.solve((A + 1j * h * V).astype(dtype), b.astype(real))
    assert x.dtype == dtype
    inverse = rational(A).inv()
    exact = -1 * inverse * rational(V) * inverse * rational(b[:, None])
    assert error((x.imag / real(h))[:, None], exact) <= 500 * np.finfo(dtype).eps      # 7 cond^2


@pytest.mark.parametrize("n", [5, 12])
def test_balls_enclose_the_inverse_of_the_hilbert_matrix(n):
    """Condition 1e16 at n = 12: float64 has no digit left, 200 bits prove 80."""
    with ball.precision(200):
        H = np.array([flint.arb(q) for q in hilbert(n).entries()], object).reshape(n, n)
        inverse, truth = linalg.inverse(H), hilbert(n).inv()
        assert inverse.shape == (n, n)
        for t, q in zip(inverse.flat, truth.entries()):
            assert t.contains(q) and t.rel_accuracy_bits() > 80
        b = linalg.solve(H, H @ ball.exact(np.arange(float(n))))
        assert b.shape == (n,) and all(t.contains(k) for k, t in enumerate(b))


def test_longdouble_solves_the_hilbert_matrix_better_than_float64():
    errors = []
    for dtype in (np.float64, np.longdouble):
        H = floats(hilbert(8), dtype)
        errors.append(error(linalg.inverse(H), rational(H).inv()))
    assert errors[1] < errors[0] / 100 and errors[1] < 1e-7          # condition 1.5e10, eps 1e-19


# ---- singular ----

SINGULAR = {"zero": np.zeros((3, 3)), "1 x 1": np.zeros((1, 1)),
            "rank 2": np.array([[1.0, 2, 3], [4, 5, 6], [5, 7, 9]])}


# LAPACK meets a pivot of rounding size in "rank 2", and says nothing
@pytest.mark.parametrize("A, dtype", [
    (A, dtype) for A in SINGULAR.values() for dtype in [*TYPES.values(), *COMPLEX.values()]
    if not A.any() or dtype not in linalg.LAPACK])
def test_exactly_singular_matrices_are_refused(A, dtype):
    with pytest.raises(np.linalg.LinAlgError, match="[Ss]ingular"):
        linalg.solve(A.astype(dtype), np.ones(len(A), dtype))


@pytest.mark.parametrize("A", SINGULAR.values(), ids=SINGULAR)
def test_balls_say_that_invertibility_is_not_proven(A):
    with pytest.raises(np.linalg.LinAlgError, match="not proven invertible at this precision"):
        linalg.solve(ball.exact(A), ball.exact(np.ones(len(A))))


def test_pivots_are_chosen_by_size_and_scaling_is_no_singularity():
    A = np.array([[1e-25, 1.0], [1.0, 1.0]], np.longdouble)
    assert np.abs(linalg.solve(A, A @ np.array([1, 2], np.longdouble)) - [1, 2]).max() < 1e-18
    tiny = np.eye(3, dtype=np.longdouble) * np.longdouble(2) ** -1000
    assert np.array_equal(linalg.inverse(tiny), np.eye(3) * np.longdouble(2) ** 1000)


@pytest.mark.parametrize("shape", [(2, 3), (4,), (2, 2, 2)])
def test_only_square_matrices_are_solved(shape):
    with pytest.raises(ValueError, match="expected a square matrix, got shape"):
        linalg.solve(np.ones(shape), np.ones(2))


# ---- Cholesky ----

@each_type
def test_cholesky_is_lower_and_its_square_is_the_matrix(dtype):
    A = well_conditioned(definite=True).astype(dtype)
    L = linalg.cholesky(A)
    assert L.dtype == dtype and np.array_equal(L, np.tril(L))
    assert error(L @ L.T, rational(A)) <= 8 * np.finfo(dtype).eps


def test_cholesky_of_balls_encloses_the_factor_of_the_hilbert_matrix():
    with ball.precision(200):
        H = np.array([flint.arb(q) for q in hilbert(9).entries()], object).reshape(9, 9)
        L = linalg.cholesky(H)
        assert all(t.contains(q) for t, q in zip((L @ L.T).flat, hilbert(9).entries()))
        assert L[3, 7].is_zero()
    with ball.precision(20):                                        # condition 5e11: not proven
        with pytest.raises(np.linalg.LinAlgError):
            linalg.cholesky(H)


@pytest.mark.parametrize("convert", [*TYPES.values(), ball.exact])
def test_cholesky_refuses_what_is_not_positive_definite(convert):
    for A in ([[1.0, 2.0], [2.0, 1.0]], [[0.0]], [[-1.0]]):
        with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
            linalg.cholesky(convert(np.array(A)))


def test_eigh_refuses_to_downcast():
    with pytest.raises(TypeError, match="would lose digits; cast to float64 explicitly"):
        linalg.eigh(np.eye(2, dtype=np.longdouble))


def test_symmetric_is_symmetric_to_the_last_bit():
    A = np.random.default_rng(1).standard_normal((5, 5))
    assert np.array_equal(linalg.symmetric(A), linalg.symmetric(A).T)
