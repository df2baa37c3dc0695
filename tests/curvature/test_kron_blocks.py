"""Products for groups of rows: everything that one product can, against dense matrices."""

import numpy as np
import pytest
from scipy.linalg import block_diag

from reference import Kron
from reference.arrays.precision import eps
from reference.curvature.damping import ON_THE_PRODUCT, RULES
from reference.curvature.kron import KronBlocks, KronEigen
from tests.curvature.test_kron import positive
from tests.derivatives.cases import distance

SIZES, I = (3, 2, 4), 5
TOLERANCE = 45 * eps(float)                       # times the condition number, for inverses
BY_A_NUMBER = [rule for rule in (*RULES, *ON_THE_PRODUCT) if rule != "shifts"]
KRONS = tuple(Kron(positive(O, k, 0.2 + k), positive(I, 9 + k)) for k, O in enumerate(SIZES))
BLOCKS, SINGLE = KronBlocks(KRONS), KRONS[0]
CONDITION = np.linalg.cond(BLOCKS.dense())
LINKED = {
    "itself": BLOCKS, "inverse, pi": BLOCKS.inv(0.1), "inverse, exact": BLOCKS.inv(0.1, "exact"),
    "inverse, marquardt": BLOCKS.inv(0.1, "marquardt"),
    "eigenbasis": BLOCKS.eigen(), "root": BLOCKS.power(0.5),
}


def acts_as_its_matrix(B):
    V = np.random.default_rng(0).standard_normal((2, sum(SIZES), I))
    dense, rows = B.dense(), V.reshape(2, -1)
    return max(distance((B @ V).reshape(2, -1), rows @ dense.T),
               distance(B @ V[0], (dense @ rows[0]).reshape(V[0].shape)),
               distance(B.matvec(rows), rows @ dense.T),
               distance(B.matvec(rows[0]), dense @ rows[0]))


@pytest.mark.parametrize("name", LINKED)
def test_products_act_as_their_dense_matrix_which_is_zero_between_groups(name):
    B = LINKED[name]
    assert B.shape == (sum(SIZES), I) and B.dense().shape == (sum(SIZES) * I,) * 2
    assert (B.dense() == block_diag(*(K.dense() for K in B.blocks))).all()
    assert acts_as_its_matrix(B) <= TOLERANCE
    assert acts_as_its_matrix(KronBlocks(B.blocks[::-1])) <= TOLERANCE        # sizes that differ
    swapped = np.roll(B.dense(), I, axis=0)
    assert distance(swapped, B.dense()) > 0.1


@pytest.mark.parametrize("rule", BY_A_NUMBER)
@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_inverses_are_those_of_each_product_by_every_rule(rule, damping):
    truth = block_diag(*(K.inv(damping, rule).dense() for K in KRONS))
    assert (BLOCKS.inv(damping, rule).dense() == truth).all()
    assert (BLOCKS.inv(damping=damping, rule=rule).dense() == truth).all()
    if damping == 0 or rule == "exact":
        whole = np.linalg.inv(BLOCKS.dense() + damping * np.eye(len(truth)))
        assert distance(truth, whole) <= 10 * TOLERANCE * CONDITION


def test_pi_is_one_for_each_group_and_not_one_for_all():
    """Groups of other scale are damped in proportion to it."""
    first, second = BLOCKS.inv(0.1).blocks[:2]
    assert distance(np.linalg.inv(first.G) - KRONS[0].G,
                    0.1 ** 0.5 / KRONS[0].pi() * np.eye(3)) <= 1e3 * TOLERANCE
    assert abs(KRONS[0].pi() / KRONS[1].pi() - 1) > 0.1
    assert distance(np.linalg.inv(second.A) - KRONS[1].A,
                    0.1 ** 0.5 * KRONS[1].pi() * np.eye(I)) <= 1e3 * TOLERANCE


def test_powers_and_the_eigenbasis_are_those_of_the_whole_matrix():
    half, dense = BLOCKS.power(0.5).dense(), BLOCKS.dense()
    assert distance(half @ half, dense) <= 2 * TOLERANCE
    assert distance(BLOCKS.power(-1).dense(), np.linalg.inv(dense)) <= 10 * TOLERANCE * CONDITION
    eigen = BLOCKS.eigen()
    assert distance(eigen.dense(), dense) <= TOLERANCE
    assert (eigen.inv(0.3).dense() == BLOCKS.inv(0.3, "exact").dense()).all()
    assert (eigen.power(-0.5).dense() == BLOCKS.power(-0.5).dense()).all()


def test_one_group_is_one_product():
    one, V = KronBlocks((SINGLE,)), np.ones((3, I))
    assert one.shape == SINGLE.shape and (one.dense() == SINGLE.dense()).all()
    assert (one @ V == SINGLE @ V).all()
    assert (one.inv(0.1).dense() == SINGLE.inv(0.1).dense()).all()


def test_what_one_group_refuses_all_refuse():
    singular = KronBlocks((SINGLE, Kron(np.zeros((2, 2)), positive(I, 1))))
    for rule in BY_A_NUMBER:
        with pytest.raises(np.linalg.LinAlgError, match="add damping|damp by another rule"):
            singular.inv(0.0, rule)
    with pytest.raises(np.linalg.LinAlgError, match="add damping"):
        singular.power(-1)
    with pytest.raises(ValueError, match="rule must be one of"):
        BLOCKS.inv(0.1, "best")
    with pytest.raises(ValueError, match="damping must be a number"):
        BLOCKS.inv(-1.0)


def test_an_eigenbasis_has_a_shape_and_acts_on_vectors_too():
    E, v = SINGLE.eigen(), np.arange(15.0)
    assert isinstance(E, KronEigen) and E.shape == (3, I)
    assert distance(E.matvec(v), SINGLE.matvec(v)) <= TOLERANCE


def test_blocks_are_products_that_are_rows_of_one_matrix():
    for blocks in ((), (SINGLE, Kron(positive(3, 1), positive(I + 1, 2)))):
        with pytest.raises(ValueError, match=r"blocks have shapes \[.*rows of one matrix"):
            KronBlocks(blocks)
    for blocks in ((1, 2), (SINGLE, SINGLE.dense())):
        with pytest.raises(TypeError, match="a block is a .*; pass Kron"):
            KronBlocks(blocks)
