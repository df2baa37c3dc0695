"""identify: quantities of a small net under orders and factors, told from the array alone."""

import numpy as np
import pytest

import reference as ref
from tests.curvature.brute import NETS

OBJECTIVE, THETA = NETS["dense"]()
N, P = OBJECTIVE.N, THETA.size
V = np.random.default_rng(3).standard_normal(P)
BIASES = [4, 9, *range(12, P, 3)]
WEIGHTS = [i for i in range(P) if i not in BIASES]
H, G = ref.dense(ref.hessian(OBJECTIVE, THETA)), ref.dense(ref.gauss_newton(OBJECTIVE, THETA))
EMPIRICAL = ref.dense(ref.fisher(OBJECTIVE, THETA, "empirical"))
FACTORS = ref.kfac(OBJECTIVE, THETA)
TORCH = [0, 1, 2, 3, 5, 6, 7, 8, 4, 9,                        # (2, 5) and (7, 3), the bias last
         *(10 + 3 * o + i for o in range(7) for i in range(2)), *range(12, P, 3)]


def by_columns(block, O, I):
    return block.reshape(O, I, O, I).transpose(1, 0, 3, 2).reshape(O * I, O * I)


CASES = {
    "hessian": (H, "the Hessian H"), "scaled": (G / N, "the Gauss-Newton matrix G, times 1/N"),
    "order": (EMPIRICAL[np.ix_(TORCH, TORCH)], "the empirical Fisher matrix, parameters are in "
              "PyTorch's order, each weight row by row and then its bias"),
    "block": (N * by_columns(G[:10, :10], 2, 5), "block 0 of the Gauss-Newton matrix G, each "
              "matrix is written column by column, as weights (in, out) and then a bias are, "
              "times N"),
    "weights": (H[np.ix_(WEIGHTS, WEIGHTS)], "the Hessian H, biases are left out"),
    "gradient": (OBJECTIVE.grad(THETA)[10:], "the gradient, matrix 1"),
    "diagonal": (np.diagonal(H), "the diagonal of the Hessian H"),
    "factor": (7 * FACTORS[0].A, "K-FAC's A of matrix 0, times C"),
    "inverse": (np.linalg.inv(FACTORS[0].G), "the inverse of K-FAC's G of matrix 0"),
    "product": (np.kron(FACTORS[0].A, FACTORS[0].G), "K-FAC's G kron A of matrix 0, each matrix "
                "is written column by column, as weights (in, out) and then a bias are"),
    "list": ([X for K in FACTORS for X in (K.G / N, K.A)], "the K-FAC factors G, A, G times 1/N"),
    "jacobian": (ref.jacobian(OBJECTIVE, THETA).transpose(1, 0, 2), "the Jacobian J, its axes are "
                 "outputs, examples, parameters"),
    "float32": (H.astype("float32"), "the Hessian H"),
}


@pytest.mark.parametrize("case", CASES)
def test_quantities_are_known_by_their_numbers(case):
    array, text = CASES[case]
    assert ref.identify(array, OBJECTIVE, THETA).best.text == text


def test_products_need_their_arguments():
    assert ref.identify(H @ V, OBJECTIVE, THETA).best is None
    found = ref.identify(H @ V, OBJECTIVE, THETA, arguments={"v": V})
    assert found.best.text == "the product H v"
    damped = FACTORS[1].inv(0.1, "pi").dense()
    assert ref.identify(damped, OBJECTIVE, THETA, arguments={"damping": 0.1}).best.text == (
        "the K-FAC inverse, damped, block 1")


def test_what_coincides_is_told_together():
    """With the softmax, Gauss-Newton is the type-2 Fisher matrix; in the last block, H as well."""
    assert ref.identify(G, OBJECTIVE, THETA).best.also == ("the Fisher matrix (type 2)",)
    last = ref.identify(G[10:, 10:], OBJECTIVE, THETA)
    assert {last.best.text, *last.best.also} == {
        f"block 1 of the {name}" for name in ("Hessian H", "Gauss-Newton matrix G",
                                              "Fisher matrix (type 2)")}
    assert "the same at this point" in str(last)


def test_what_is_nothing_is_told_so():
    noise = np.random.default_rng(0).standard_normal((P, P))
    assert str(ref.identify(noise, OBJECTIVE, THETA)) == "none of the known quantities fits"
    near = ref.identify(H + 1e-3 * noise, OBJECTIVE, THETA)
    assert near.best is None and near.nearest.quantity == "hessian" and "nearest" in str(near)
    with pytest.raises(ValueError, match="not finite"):
        ref.identify(np.nan * H, OBJECTIVE, THETA)
