"""What a matrix takes is stated before it is taken."""

import re
import tracemalloc

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

import reference as ref
from reference.curvature.memory import LIMIT, require_room
from reference.curvature.operator import _room_for_blocks, groups_of
from tests.curvature.test_streaming import peak
from tests.derivatives.cases import small

FACTOR = 3                            # of the estimate, as its docstring states


def classify(layers, shape, N, C=10):
    rng, net = np.random.default_rng(0), ref.Sequential(*layers)
    x = rng.standard_normal((N, *shape))
    y = rng.integers(0, C, (N, *net.output_shape(shape)[:-1]))
    return ref.Objective(net, ref.CrossEntropy(), x, y), 0.3 * rng.standard_normal(net.layout.size)


def tower(*widths):
    return [layer for a, b in zip(widths, widths[1:]) for layer in (ref.Dense(a, b), ref.Tanh())]


PROBLEMS = {
    "two layers": lambda: classify([*tower(40, 16), ref.Dense(16, 10)], (40,), 100),
    "many layers": lambda: classify(tower(20, 12, 12, 12, 12, 12, 10), (20,), 50),
    "many examples": lambda: classify(tower(4, 12, 12, 10), (4,), 2000),
    "convolutions": lambda: classify(
        [ref.Conv2d(1, 4, 3), ref.Tanh(), ref.AvgPool2d(2), ref.Conv2d(4, 6, 2), ref.Tanh(),
         ref.Flatten(), ref.Dense(24, 10)], (1, 8, 8), 30),
    "recurrent": lambda: classify([ref.LSTM(8, 6, last=True), ref.Dense(6, 10)], (8, 8), 30),
    "at places": lambda: classify([*tower(6, 14), ref.Dense(14, 10)], (4, 6), 20),
    "attention": lambda: classify(
        [ref.Dense(4, 6), ref.TransformerEncoderLayer(6, 2, 12, "GELU"), ref.Dense(6, 10)],
        (5, 4), 8),
}
KINDS = {"hessian": ref.hessian, "gauss_newton": ref.gauss_newton,
         "centred": lambda o, t: ref.fisher(o, t, "centred")}

each_problem = pytest.mark.parametrize("problem", PROBLEMS)
each_matrix = pytest.mark.parametrize("matrix", KINDS)


@each_matrix
@each_problem
def test_the_peak_is_within_the_factor_of_the_estimate(problem, matrix):
    objective, theta = PROBLEMS[problem]()
    operator, layout = KINDS[matrix](objective, theta), objective.net.layout
    held = peak(lambda: ref.dense(operator))
    assert held / FACTOR <= ref.room(operator) <= held * FACTOR
    assert held >= theta.size ** 2 * 8
    held, groups = peak(lambda: ref.blocks(operator, layout)), groups_of(operator, layout)
    assert held / FACTOR <= _room_for_blocks(operator, groups) <= held * FACTOR


def test_of_products_with_a_matrix():
    M = aslinearoperator(np.eye(700))
    held = peak(lambda: ref.columns(M))
    assert held / FACTOR <= ref.room(M) <= held * FACTOR
    assert ref.room(M) > 700 ** 2 * 8


def test_a_matrix_beyond_the_limit_is_refused_before_it_is_made():
    objective, theta = PROBLEMS["two layers"]()
    H, layout = ref.hessian(objective, theta), objective.net.layout
    needed = ref.room(H)
    assert ref.dense(H, limit=needed).shape == H.shape
    H.product = H.matrix = H.diagonal = None
    with pytest.raises(MemoryError, match=r"of P = 826 would take about \d+\.\d MiB, more than "
                                          r"the limit of 1.0 MiB; pass limit=\d+ \(bytes\) if "):
        ref.columns(H, limit=2 ** 20)
    for groups in (layout, ref.partition(objective.net, "weights and biases")):
        with pytest.raises(MemoryError, match=r"2 MiB; pass limit|blocks of up to 6\d\d rows"):
            ref.blocks(H, groups, limit=2 ** 20)


def test_the_limit_is_four_gibibytes_unless_given():
    net = ref.Sequential(ref.Dense(7000, 4))
    objective = ref.Objective(net, ref.SquaredError(), np.ones((1, 7000)), np.ones((1, 4)))
    G = ref.gauss_newton(objective, np.ones(net.layout.size))
    assert LIMIT == 4 * 2 ** 30 and ref.room(G) > LIMIT
    tracemalloc.start()
    for take in (ref.dense, ref.columns, lambda B: ref.blocks(B, net.layout)):
        with pytest.raises(MemoryError, match="more than the limit of 4.0 GiB"):
            take(G)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 2 ** 24
    assert ref.diagonal(G).size == net.layout.size             # the diagonal needs no such room


@pytest.mark.parametrize("limit", [0, -1, "4 GiB", None, True, np.nan])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(ValueError, match="limit is .*; pass a positive number of bytes"):
        ref.dense(ref.hessian(*small()), limit=limit)


def test_no_limit_is_infinity():
    require_room("it", 10 ** 15, np.inf)
    assert ref.dense(ref.hessian(*small()), limit=np.inf).shape == (34, 34)


def test_a_wrong_estimate_would_be_seen():
    objective, theta = PROBLEMS["many examples"]()
    H = ref.hessian(objective, theta)
    assert peak(lambda: ref.dense(H)) > FACTOR * theta.size ** 2 * 8     # more than the matrix


def test_what_is_no_operator_is_refused():
    with pytest.raises(TypeError, match="operator is a Objective"):
        ref.room(small()[0])


def test_counts_below_a_kibibyte_are_bytes():
    with pytest.raises(MemoryError, match="about 1000 bytes, more than the limit of 0.5 bytes"):
        require_room("it", 1000, 0.5)


FULL = {"ntk": ref.ntk, "gram": ref.gram,
        "gram_solve": lambda o, t, limit=LIMIT: ref.gram_solve(o, t, t, 0.1, limit=limit),
        "kfac_dense": lambda o, t, limit=LIMIT: ref.kfac_dense(o, t, limit=limit)}


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("problem", ["two layers", "many layers"])
def test_matrices_that_are_made_at_once_state_their_room(name, problem):
    objective, theta = PROBLEMS[problem]()
    held = peak(lambda: FULL[name](objective, theta))
    needed = _needed(lambda: FULL[name](objective, theta, limit=1))
    assert held / FACTOR <= needed <= held * FACTOR
    assert needed == _needed(lambda: FULL[name](objective, theta, limit=needed - 1))
    assert len(FULL[name](objective, theta, limit=needed))


def _needed(make):
    """What the refusal names."""
    with pytest.raises(MemoryError, match=r"pass limit=\d+ \(bytes\) if there is room, or take "
                                          "(fewer examples|the factors)") as refusal:
        make()
    return int(re.search(r"limit=(\d+)", str(refusal.value))[1])
