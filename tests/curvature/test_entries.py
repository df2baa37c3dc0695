"""What is no symmetric matrix of entries is refused with what to write instead."""

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import aslinearoperator

import reference as ref
from reference import Kron
from tests.curvature import brute
from tests.curvature.test_kron import kron

SLIGHTLY = np.eye(6) + 4e-7 * np.eye(6, k=1)


@pytest.mark.parametrize("B, instead", [
    (scipy.sparse.eye(6), r"dia_matrix, not an array; pass {}.toarray\(\)"),
    (aslinearoperator(np.eye(6)), r"LinearOperator, not an array; pass reference.dense\({}\)"),
    (Kron(np.eye(2), np.eye(3)), r"Kron, not an array; pass {}.dense\(\)"),
    (Kron(np.eye(2), np.eye(3)).inv(0.1, "marquardt"), r"KronScaled, .* pass {}.dense\(\)"),
], ids=["sparse", "operator", "Kron", "KronScaled"])
def test_what_is_no_array_is_refused_with_the_call_that_makes_it_one(B, instead):
    for name, function in (("B", lambda: ref.nearest_kron(B, (2, 3))),
                           ("G", lambda: Kron(B, np.eye(2)))):
        with pytest.raises(TypeError, match=f"^{name} is a .*{instead.format(name)}.$"):
            function()


def test_solve_says_which_block_is_no_array():
    G = ref.gauss_newton(*brute.dense())
    with pytest.raises(TypeError, match=r"^B\[1\] is a SymmetricOp.* reference.dense\(B\[1\]\)"):
        ref.solve([np.eye(2), G], np.ones(33))


def test_lists_are_named_as_they_are_written():
    for function, name in ((lambda: Kron([[1.0]], np.eye(2)), "G"),
                           (lambda: Kron(np.eye(2), [[1.0]]), "A"),
                           (lambda: ref.solve("matrix", np.ones(2)), "B"),
                           (lambda: ref.solve([kron(), [[1.0]]], np.ones(16)), r"B\[1\]")):
        with pytest.raises(TypeError, match=f"^{name} is a .*; pass numpy.asarray.{name}"):
            function()


@pytest.mark.parametrize("function", [
    ref.eigenvalues, lambda B: ref.nearest_kron(B, (2, 3)), lambda B: ref.solve(B, np.ones(6)),
    lambda B: Kron(B, np.eye(2))], ids=["eigenvalues", "nearest_kron", "solve", "Kron"])
def test_all_take_and_refuse_the_same_asymmetry(function):
    """One of 4e-7, as of a matrix made in float32; not one of 4e-6."""
    function(SLIGHTLY)
    with pytest.raises(ValueError, match="B|G is not symmetric: it differs .* 4.0e-06"):
        function(np.eye(6) + 10 * (SLIGHTLY - np.eye(6)))


def test_a_matrix_without_rows_is_refused():
    with pytest.raises(ValueError, match=r"factor A has shape \(0, 0\); a square matrix"):
        Kron(np.eye(2), np.zeros((0, 0)))


def test_a_matrix_with_another_damping_names_its_own_solve():
    T = ref.kfac_tridiagonal(*brute.dense())
    with pytest.raises(TypeError, match=r"a KronTridiagonal, .* take B.solve\(b, damping\)"):
        ref.solve(T, np.ones(31), 0.1)
