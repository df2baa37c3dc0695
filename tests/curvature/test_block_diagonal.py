"""The block-diagonal part of a matrix, as an operator."""

import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import reference as ref
from reference.arrays.precision import eps
from tests.curvature.whole import TOLERANCE, off
from tests.derivatives.cases import directions, distance, small

each_groups = pytest.mark.parametrize("groups", ["matrices", "weights and biases", "whole"])


def masked(M, groups):
    """M with 0 between different groups."""
    mask = np.zeros(M.shape, bool)
    for group in groups:
        mask[np.ix_(group, group)] = True
    return np.where(mask, M, 0)


@each_groups
@pytest.mark.parametrize("matrix", [ref.hessian, ref.gauss_newton, ref.fisher])
def test_it_is_the_matrix_without_what_is_between_groups(matrix, groups):
    objective, theta = small(l2=0.1)
    operator, groups = matrix(objective, theta), ref.partition(objective.net, groups)
    M = ref.dense(operator)
    B, truth = ref.block_diagonal(operator, groups), masked(M, groups)
    assert isinstance(B, LinearOperator) and B.shape == M.shape and B.dtype == float
    for found in (ref.dense(B), ref.columns(B)):
        assert off(found, truth, M) <= TOLERANCE
    assert off(ref.diagonal(B), np.diagonal(M), M) <= TOLERANCE
    assert len(B.blocks) == len(B.partition) == len(groups)
    for block, group in zip(B.blocks, B.partition):
        assert off(block, M[np.ix_(group, group)], M) <= TOLERANCE


def test_a_layout_is_a_partition_and_its_blocks_lie_one_after_the_other():
    objective, theta = small()
    H, layout = ref.hessian(objective, theta), objective.net.layout
    B = ref.block_diagonal(H, layout)
    assert np.array_equal(ref.dense(B), block_diag(*ref.blocks(H, layout)))
    for found, block in zip(ref.blocks(B, layout), B.blocks):
        assert np.array_equal(found, block)
        found[:] = 0                                      # a copy: B stays what it is
    assert np.array_equal(ref.dense(B), block_diag(*ref.blocks(H, layout)))
    with pytest.raises(ValueError, match="read-only"):
        B.blocks[0][0, 0] = 1


def test_scipy_multiplies_and_adds_it():
    objective, theta = small()
    groups = ref.partition(objective.net, "weights and biases")
    B = ref.block_diagonal(ref.hessian(objective, theta), groups)
    M, V = ref.dense(B), directions(theta, 5).T
    damped = B + 0.5 * aslinearoperator(np.eye(34))
    assert distance(B @ V, M @ V) <= TOLERANCE and distance(B @ V[:, 0], M @ V[:, 0]) <= TOLERANCE
    assert distance(ref.dense(damped), M + 0.5 * np.eye(34)) <= TOLERANCE
    assert distance(ref.dense(B @ B), M @ M) <= TOLERANCE


def test_groups_may_be_in_any_order():
    objective, theta = small()
    H = ref.hessian(objective, theta)
    places = np.random.default_rng(0).permutation(34)
    B, M = ref.block_diagonal(H, (places[:5], places[5:20], places[20:])), ref.dense(H)
    assert off(ref.dense(B), masked(M, B.partition), M) <= TOLERANCE
    assert off(B @ M, ref.dense(B) @ M, M) <= TOLERANCE
    assert np.array_equal(ref.diagonal(B), np.diagonal(ref.dense(B)))


def test_it_solves_block_by_block():
    objective, theta = small()
    G, groups = ref.gauss_newton(objective, theta), ref.partition(objective.net, [[1], [0]])
    B, b = ref.block_diagonal(G, groups), directions(theta)[0]
    x = ref.solve(B, b, damping=0.1)
    truth = np.linalg.solve(ref.dense(B) + 0.1 * np.eye(34), b)
    assert distance(x, truth) <= 1e-12                    # condition number up to 100


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_precision_is_kept(dtype):
    objective, theta = small()
    objective, theta = objective.to(dtype), theta.astype(dtype)
    B = ref.block_diagonal(ref.hessian(objective, theta), objective.net.layout)
    assert B.dtype == (B @ theta).dtype == ref.dense(B).dtype == ref.diagonal(B).dtype == dtype
    assert distance(B @ theta, ref.dense(B) @ theta) <= 45 * eps(dtype)


def test_balls_prove_its_products():
    objective, theta = small()
    v = directions(theta)[0]

    def product(o, t, v):
        groups = ref.partition(o.net, "weights and biases")
        return ref.block_diagonal(ref.gauss_newton(o, t), groups) @ v
    assert ref.certify(product, objective, theta, v).digits > 13


def test_what_is_between_groups_is_missing():
    objective, theta = small()
    H = ref.hessian(objective, theta)
    B = ref.block_diagonal(H, objective.net.layout)
    assert distance(ref.dense(B), ref.dense(H)) > 1e-2


def test_the_limit_is_that_of_the_blocks():
    objective, theta = small()
    with pytest.raises(MemoryError, match="2 blocks of up to 18 rows"):
        ref.block_diagonal(ref.hessian(objective, theta), objective.net.layout, limit=1000)


def test_it_keeps_its_places_when_the_partition_is_written_on():
    objective, theta = small()
    groups = [np.arange(20), np.arange(20, theta.size)]
    B = ref.block_diagonal(ref.gauss_newton(objective, theta), groups)
    before = B @ theta
    groups[0][:] = groups[0][::-1].copy()
    assert (B @ theta == before).all()
    with pytest.raises(ValueError, match="read-only"):
        B.partition[0][0] = 1
