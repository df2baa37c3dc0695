"""Each term of the estimates, where it is most of what is taken."""

from math import prod

import numpy as np
import pytest

import reference as ref
from reference.curvature import layerwise
from reference.curvature.operator import _room_for_blocks, _room_for_columns, groups_of
from reference.curvature.point import point
from tests.curvature.test_memory import FACTOR, tower
from tests.curvature.test_streaming import peak

MATRICES = {"H": ref.hessian, "G": ref.gauss_newton, "B": ref.positive_curvature}


def ended(*layers, by):
    """A convolution of all the input, and what follows."""
    return [ref.Conv2d(*by), ref.Tanh(), ref.Flatten(), *layers]


def pooled(*by):
    return [ref.Conv2d(*by), ref.Tanh(), ref.AvgPool2d(2)]


TIED = [layer for _ in range(2) for layer in (ref.Tied("a", ref.Dense(12, 12)), ref.Tanh())]
NORMED = [ref.Dense(12, 12), ref.BatchNorm(12), ref.Tanh(), ref.Dense(12, 3)]

# The least estimate/peak, which is missed without the term: matrix, whole or blocks, layers, input.
CASES = {
    "Q of the bottleneck": (0.6, "H", False, ended(ref.Dense(8, 2), by=(2, 8, 3)), (400, 2, 3, 3)),
    "behind the bottleneck": (1.0, "H", False, ended(ref.Dense(50, 8), ref.Tanh(), ref.Dense(8, 8),
                                                     by=(1, 2, 2)), (100, 1, 6, 6)),
    "rows": (0.6, "H", True, ended(ref.Dense(12, 4), by=(2, 12, 3)), (3, 2, 3, 3)),
    "weights": (0.6, "H", False, [ref.LayerNorm(12), *tower(12, 6), ref.Dense(6, 2)], (300, 12)),
    "pre-activations": (0.6, "H", False, [
        ref.Conv1d(6, 3, 4), ref.Tanh(), ref.Conv1d(3, 2, 2), ref.Tanh(), ref.LayerNorm(2),
        ref.Flatten(-2), ref.Dense(4, 3)], (300, 6, 6)),
    "own block": (0.6, "H", True, [*pooled(1, 6, 3), ref.Conv2d(6, 2, 2), ref.Flatten(),
                                   ref.Dense(8, 3)], (300, 1, 8, 8)),
    "steps": (0.9, "H", True, [ref.LSTM(4, 10, last=True), ref.Dense(10, 2)], (3, 2, 4)),
    "S of all layers": (0.6, "G", False, tower(*[12] * 11), (500, 12)),
    "S on its way": (0.9, "G", True, tower(2, 40, 1), (500, 2)),
    "a tile of products": (0.6, "G", True, [ref.Dense(187, 1)], (500, 187)),
    "patches": (0.6, "G", True, [ref.Dense(600, 1)], (1500, 600)),
    "a second chain": (0.6, "G", True, [ref.Dense(2, 2), ref.LayerNorm(2), *tower(2, 30),
                                        ref.Dense(30, 20)], (3, 2)),
    "Jacobian": (0.7, "G", True, ended(ref.Dense(8, 2), by=(2, 8, 3)), (400, 2, 3, 3)),
    "cotangents": (0.6, "G", False, [
        layer for _ in range(3) for layer in (ref.Conv2d(1, 1, 2), ref.Tanh())]
        + [ref.Flatten(), ref.Dense(36, 2)], (100, 1, 9, 9)),
    "rows of J^T S J": (0.6, "G", True, ended(ref.Dense(12, 2), by=(6, 12, 3)), (2, 6, 3, 3)),
    "duals of bends": (0.6, "B", True, ended(ref.Dense(16, 3), by=(1, 4, 3)), (300, 1, 4, 4)),
    "rows of bends": (0.7, "B", False, ended(ref.Dense(8, 90), ref.Tanh(), ref.Dense(90, 3),
                                             by=(1, 8, 3)), (2, 1, 3, 3)),
    "mirrored bends": (0.8, "B", True, ended(ref.Dense(12, 2), by=(8, 12, 3)), (2, 8, 3, 3)),
    "a chain after bends": (0.6, "B", True, ended(*tower(2, 30), ref.Dense(30, 20), by=(1, 2, 3)),
                            (3, 1, 3, 3)),
    "tied, by products": (0.6, "B", True, [*TIED, ref.Dense(12, 3)], (2000, 12)),
    "normed, by products": (0.6, "H", True, NORMED, (2000, 12)),
    "normed, J^T S J": (0.6, "G", True, NORMED, (2000, 12)),
    "data": (0.9, "G", True, [ref.Dense(200, 1), ref.BatchNorm(1)], (2000, 200)),
    "directions": (0.6, "G", True, [ref.Dense(12, 8), ref.BatchNorm(8), ref.Dense(8, 5)], (3, 12)),
}
# The ways of the layers before the chain, where there are several.
WAYS = {"Q of the bottleneck": "by_bottleneck", "behind the bottleneck": "by_bottleneck",
        "weights": "by_weights", "pre-activations": "by_pre_activations",
        "own block": "by_own_block", "steps": "by_steps"}


def problem(layers, shape):
    rng, net = np.random.default_rng(0), ref.Sequential(*layers)
    y = rng.standard_normal((shape[0], *net.output_shape(shape[1:])))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal(shape), y)
    return objective, 0.3 * rng.standard_normal(net.layout.size)


@pytest.mark.parametrize("case", CASES)
def test_every_term_is_in_the_estimate(case):
    least, matrix, whole, layers, shape = CASES[case]
    objective, theta = problem(layers, shape)
    operator, layout = MATRICES[matrix](objective, theta), objective.net.layout
    if whole:
        stated, held = ref.room(operator), peak(lambda: ref.dense(operator))
    else:
        stated = _room_for_blocks(operator, groups_of(operator, layout))
        held = peak(lambda: ref.blocks(operator, layout))
    assert least * held <= stated <= FACTOR * held


@pytest.mark.parametrize("case", WAYS)
def test_these_are_the_ways_that_are_meant(case):
    at = point(*problem(*CASES[case][3:]))
    at = at if CASES[case][2] else at.alone()
    way = layerwise.way(at, next(i for i, Ws in enumerate(at.Ws) if Ws))
    assert getattr(way, "func", way).__name__ == WAYS[case]


@pytest.mark.parametrize("case", ["tied, by products", "a tile of products", "data"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_columns_of_a_matrix_that_has_faster_ways_state_what_products_take(matrix, case):
    layers, shape = CASES[case][3:]
    if matrix == "B" and case == "data":
        layers = layers[:1]
    operator = MATRICES[matrix](*problem(layers, shape))
    held = peak(lambda: ref.columns(operator))
    assert held / FACTOR <= _room_for_columns(operator) <= held * FACTOR


def test_products_are_refused_by_what_passes_through_the_network_for_them():
    objective, theta = problem(NORMED, (2000, 12))
    H = ref.hessian(objective, theta)
    with pytest.raises(MemoryError, match=r"P = 219 would take about 1\d\d\.\d MiB"):
        ref.dense(H, limit=2 ** 26)
    few = [np.arange(k, k + 3) for k in range(0, theta.size, 3)]     # three directions at a time
    held = peak(lambda: ref.blocks(H, few))
    assert held / FACTOR <= _room_for_blocks(H, few) <= held * FACTOR < ref.room(H)


def test_data_that_do_not_move_are_no_dual_numbers():
    objective, theta = problem([ref.Dense(1000, 3), ref.BatchNorm(3)], (20, 1000))
    H = ref.hessian(objective, theta)
    assert prod(objective.x.shape) * 8 < H.passing(1) < 2 * prod(objective.x.shape) * 8
    assert H.passing(65) - H.passing(64) == 2 * 8 * 3 * (3 * 20 + 1)  # s, x_hat, y, and r; and back
