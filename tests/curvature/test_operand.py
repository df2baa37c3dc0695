"""What is asked of products: one scale for all, symmetry, and names that are known."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

import reference as ref
from reference.curvature import operand
from tests.curvature.test_spectrum import EPS, each_type, opaque, rng, turned

VALUES = [-1, 1, 2, 3.0]
POWERS = pytest.mark.parametrize("power, dtype", [(-1000, float), (-650, float), (650, float),
                                                  (1000, float), (-76, np.float32),
                                                  (76, np.float32)])
BY_PRODUCTS = {"extreme": lambda B: ref.extreme_eigenpairs(B, 1, rng()),
               "condition": lambda B: ref.condition_number(B, rng()),
               "negative curvature": lambda B: ref.negative_curvature(B, rng()),
               "density": lambda B: ref.spectral_density(B, rng()),
               "diagonal": lambda B: ref.diagonal_estimate(B, 10, rng(), "xdiag")}


# ---- one scale ----

@POWERS
def test_a_power_of_two_passes_through_eigenpairs(power, dtype):
    M = turned(np.linspace(-1, 2, 50), dtype)
    few, scaled = (ref.extreme_eigenpairs(opaque(B), 2, rng(), "both", steps=10)
                   for B in (M, np.ldexp(M, power)))
    assert few.residuals.max() > 1e-3                           # so that squares of them count
    assert np.array_equal(scaled.values, np.ldexp(few.values, power))
    assert np.array_equal(scaled.residuals, np.ldexp(few.residuals, power))
    assert np.array_equal(scaled.vectors, few.vectors)


@POWERS
def test_condition_and_negative_curvature_have_no_scale(power, dtype):
    M = np.ldexp(np.diag(VALUES), power).astype(dtype)
    eps = np.finfo(dtype).eps
    for draws in (None, rng()):
        assert abs(ref.condition_number(M, draws) - 3) <= 20 * eps
        found = ref.negative_curvature(M, draws)
        assert abs(np.ldexp(found.curvature, -power) + 1) <= 20 * eps
        assert np.ldexp(found.residual, -power) <= 20 * eps
    assert ref.inertia(M) == (1, 0, 3)


def test_residuals_of_small_matrices_are_not_zero():
    M = turned(np.linspace(-1, 2, 20), np.float32)
    small = ref.extreme_eigenpairs(M * np.float32(2.0 ** -70), 1, rng(), steps=5)
    assert small.residuals[0] > 1e-3 * 2.0 ** -70


def test_lengths_are_those_of_the_definition():
    V = rng().standard_normal((7, 3)) * [1e-200, 1, 1e200]
    truth = [float(np.sqrt((v * v).sum())) for v in V.T.astype(np.longdouble)]
    assert np.abs(operand.lengths(V) / truth - 1).max() <= 10 * EPS
    assert abs(operand.lengths(V[:, 0]) / truth[0] - 1) <= 10 * EPS
    assert np.array_equal(operand.lengths(np.zeros((4, 2))), [0, 0])


# ---- symmetry, of what acts by products ----

@pytest.mark.parametrize("call", BY_PRODUCTS.values(), ids=BY_PRODUCTS)
@each_type
def test_operators_that_are_not_symmetric_are_refused(call, dtype):
    M = turned(np.linspace(-1, 3, 30), dtype)
    call(opaque(M))
    skew = rng(3).standard_normal(M.shape)
    tilted = 10 * max(1e-6, np.finfo(dtype).eps ** 0.5) * (skew - skew.T)
    for B in (tilted + M, skew, skew - skew.T):
        with pytest.raises(ValueError, match="not symmetric"):
            call(aslinearoperator(B.astype(dtype)))


def test_what_rounding_does_to_symmetry_is_allowed():
    """Products of a float32 matrix of condition 1e6, in a basis of their own."""
    M = turned(np.logspace(-6, 0, 60), np.float32)
    for B in (M, M @ M, np.zeros((5, 5), np.float32), np.ones((1, 1), np.float32)):
        for call in BY_PRODUCTS.values():
            call(opaque(B))


# ---- limits, and bad questions ----

@pytest.mark.parametrize("question", [ref.eigenvalues, ref.inertia, ref.condition_number,
                                      ref.negative_curvature])
def test_the_limit_of_memory_is_that_of_the_dense_matrix(question):
    B = opaque(turned(VALUES))
    with pytest.raises(MemoryError, match="pass limit="):
        question(B, limit=100)
    question(B, limit=ref.room(B))
    with pytest.raises(ValueError, match="limit is 'all'"):
        question(B, limit="all")


def test_bad_questions_are_refused():
    M, g = turned(VALUES), np.ones(4)
    for call, error, words in [
            (lambda: ref.eigenvalues(M, 3), ValueError, r"subset \(3,\) is no"),
            (lambda: ref.extreme_eigenpairs(M, 1, rng(), ["both"]), ValueError, "largest, small"),
            (lambda: ref.negative_curvature(M, gradient=g + 0j), ValueError, "complex128"),
            (lambda: ref.negative_curvature(-M @ M, gradient=[1.0]), TypeError, "a list"),
            (lambda: ref.negative_curvature(M @ M, gradient=g[:2]), ValueError, "gradient")]:
        with pytest.raises(error, match=words):
            call()
