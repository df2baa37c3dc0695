"""A matrix block by block."""

import tracemalloc

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

import reference as ref
from reference.curvature import parts
from tests.curvature.whole import CASES, TOLERANCE, off, problem, whole
from tests.derivatives.cases import small


def made_up(blocks, layout):
    """The symmetric matrix whose upper block triangle that is; each pair must come once."""
    M, seen = np.full((layout.size,) * 2, np.nan), set()
    for (l, m), block in blocks:
        assert l <= m and (l, m) not in seen
        seen.add((l, m))
        rows, columns = layout.slices[l], layout.slices[m]
        M[rows, columns] = block
        M[columns, rows] = block.T
    return M


@pytest.mark.parametrize("name, matrix", CASES)
def test_the_streamed_blocks_make_up_the_matrix(name, matrix):
    net, operator, truth = whole(name, matrix)
    M = made_up(ref.stream(operator, net.layout), net.layout)
    assert off(M, truth, truth) <= TOLERANCE
    assert np.array_equal(M, M.T) or operator.parts is None


@pytest.mark.parametrize("name", ["Dense", "LSTM"])
def test_of_any_operator_by_products(name):
    net, operator, truth = whole(name, "hessian")
    for other in (aslinearoperator(truth), operator + aslinearoperator(np.zeros(truth.shape))):
        assert off(made_up(ref.stream(other, net.layout), net.layout), truth, truth) <= TOLERANCE
    other = ref.Sequential(ref.Dense(net.layout.size - 1, 1)).layout
    assert off(made_up(ref.stream(operator, other), other), truth, truth) <= TOLERANCE


def deep(rng, *before, width=8, layers=14, shape=(8,)):
    """`before`, and many equal Dense layers: no block is more than a small part of the matrix."""
    hidden = [layer for _ in range(layers) for layer in (ref.Dense(width, width), ref.Tanh())]
    net = ref.Sequential(*before, *hidden)
    x = rng.standard_normal((5, *shape))
    y = rng.standard_normal((5, *net.output_shape(shape)))
    objective = ref.Objective(net, ref.SquaredError(), x, y)
    return objective, net.initial(rng)


PROBLEMS = {
    "chain": lambda rng: deep(rng),
    "behind a convolution": lambda rng: deep(
        rng, ref.Conv1d(2, 4, 3), ref.Tanh(), ref.Flatten(-2), shape=(2, 4)),
    "at places": lambda rng: deep(rng, shape=(2, 8)),
    "behind a norm": lambda rng: deep(rng, ref.LayerNorm(8)),
}


def peak(make):
    """The largest number of bytes held at a time."""
    make()                                                # what is made once is made
    tracemalloc.start()
    try:
        make()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("matrix", [ref.hessian, ref.gauss_newton], ids=lambda m: m.__name__)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_peak_is_far_below_the_matrix(name, matrix):
    objective, theta = PROBLEMS[name](np.random.default_rng(0))
    operator, layout = matrix(objective, theta), objective.net.layout
    held = peak(lambda: [None for _ in ref.stream(operator, layout)])
    assert held < operator.shape[0] ** 2 * 8 / 3
    assert peak(lambda: ref.dense(operator)) > operator.shape[0] ** 2 * 8
    for (l, m), block in ref.stream(operator, layout):
        assert block.shape == tuple(s.stop - s.start for s in (layout.slices[l], layout.slices[m]))


def test_holding_all_blocks_would_be_seen():
    objective, theta = PROBLEMS["chain"](np.random.default_rng(0))
    operator, layout = ref.hessian(objective, theta), objective.net.layout
    assert peak(lambda: list(ref.stream(operator, layout))) > operator.shape[0] ** 2 * 8 / 3


def test_a_block_is_made_when_it_is_asked_for(monkeypatch):
    objective, theta = small()
    made, column = [], parts.chain_column
    monkeypatch.setattr(parts, "chain_column", lambda *given: made.append(given[3])
                        or column(*given))
    blocks = ref.stream(ref.hessian(objective, theta), objective.net.layout)
    assert made == []
    (l, m), block = next(blocks)
    assert (l, m) == (0, 0) and block.shape == (18, 18) and made == [0]
    assert [pair for pair, _ in blocks] == [(0, 1), (1, 1)] and made == [0, 1]


def test_bad_input_is_refused_before_the_first_block():
    objective, theta = problem("Dense")
    H = ref.hessian(objective, theta)
    with pytest.raises(TypeError, match="operator is a Objective"):
        ref.stream(objective, objective.net.layout)
    with pytest.raises(TypeError, match="layout is a Sequential; pass net.layout"):
        ref.stream(H, objective.net)
    with pytest.raises(ValueError, match="layout has 10 parameters but the operator has shape"):
        ref.stream(H, ref.Sequential(ref.Dense(4, 2)).layout)
