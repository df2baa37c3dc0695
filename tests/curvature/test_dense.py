"""The assembled matrix, the columns of products, and autograd's Hessian are one matrix."""

import numpy as np
import pytest

from reference import (Dense, Objective, ReLU, Sequential, Sigmoid, Sine, Softplus, SquaredError,
                       Tanh, block, blocks, columns, dense, fisher, gauss_newton, hessian)
from reference.arrays.precision import eps
from reference.curvature import assembly
from reference.curvature.point import point
from tests.derivatives.cases import LOSSES, distance, make, small, wide

CHAINS = {
    "one layer": (Dense(5, 4),),
    "one layer without bias": (Dense(5, 4, bias=False),),
    "one hidden layer": (Dense(5, 3), Tanh(), Dense(3, 4)),
    "without biases": (Dense(5, 3, bias=False), Tanh(), Dense(3, 4, bias=False)),
    "biases here and there": (Dense(5, 3), Tanh(), Dense(3, 2, bias=False), Sine(), Dense(2, 4)),
    "begins elementwise": (Tanh(), Dense(5, 3), Tanh(), Dense(3, 4)),
    "ends elementwise": (Dense(5, 3), Tanh(), Dense(3, 4), Softplus()),
    "begins and ends elementwise": (Sine(), Dense(5, 4), Tanh(), Sine()),
    "two elementwise in a row": (Dense(5, 3), Tanh(), Softplus(), Dense(3, 4), Sine(), Tanh()),
    "dense directly after dense": (Dense(5, 3), Dense(3, 2), Dense(2, 4)),
    "four layers": (Dense(5, 3), Tanh(), Dense(3, 2), Dense(2, 3), Sigmoid(), Dense(3, 4)),
    "one unit": (Dense(5, 1), Tanh(), Dense(1, 4)),
}
TYPES = {"float32": np.float32, "float64": np.float64, "longdouble": np.longdouble}
WEIGHTS = np.random.default_rng(1).random(7)

each_chain = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
each_loss = pytest.mark.parametrize("loss", LOSSES)


@each_loss
@each_chain
def test_assembly_columns_and_autograd_are_one_hessian(chain, loss):
    objective, theta = make(chain, LOSSES[loss], weights=WEIGHTS, l2=0.3)
    assert point(objective, theta).cut == 0
    truth = columns(hessian(*wide(objective, theta)))
    for H in (dense(hessian(objective, theta)), columns(hessian(objective, theta)),
              columns(hessian(objective, theta, route="autograd"))):
        assert distance(H, truth) <= 45 * eps(float)


@each_loss
@each_chain
def test_assembly_and_columns_are_one_gauss_newton_matrix(chain, loss):
    objective, theta = make(chain, LOSSES[loss], weights=WEIGHTS, l2=0.3)
    matrices = [gauss_newton] if loss == "Huber" else [gauss_newton, fisher]
    for matrix in matrices:
        truth = columns(matrix(*wide(objective, theta)))
        assert distance(dense(matrix(objective, theta)), truth) <= 45 * eps(float)
        assert distance(columns(matrix(objective, theta)), truth) <= 45 * eps(float)


@pytest.mark.parametrize("dtype", TYPES.values(), ids=TYPES)
@each_chain
def test_assembly_keeps_the_precision(chain, dtype):
    objective, theta = make(chain, LOSSES["CrossEntropy"], weights=WEIGHTS, l2=0.3)
    objective, theta = objective.to(dtype), theta.astype(dtype)
    for matrix in (hessian, gauss_newton, fisher):
        truth = columns(matrix(*wide(objective, theta)))
        whole = dense(matrix(objective, theta))
        assert whole.dtype == dtype and distance(whole, truth) <= 45 * eps(dtype)
        parts = blocks(matrix(objective, theta), objective.net.layout)
        assert all(part.dtype == dtype for part in parts)
        assert columns(matrix(objective, theta)).dtype == dtype


@pytest.mark.parametrize("matrix", [hessian, gauss_newton, fisher])
@each_chain
def test_blocks_are_slices_of_the_dense_matrix(chain, matrix):
    objective, theta = make(chain, LOSSES["CrossEntropy"], weights=WEIGHTS, l2=0.3)
    operator, layout = matrix(objective, theta), objective.net.layout
    whole = dense(operator)
    assert len(blocks(operator, layout)) == len(layout.slices)
    for part, s in zip(blocks(operator, layout), layout.slices):
        assert part.shape == whole[s, s].shape
        for found in (part, block(operator, s)):
            assert np.abs(found - whole[s, s]).max() <= 45 * eps(float) * np.abs(whole).max()


@pytest.mark.parametrize("n", [1, 2, 7])
@each_chain
def test_any_number_of_examples_will_do(chain, n):
    objective, theta = make(chain, LOSSES["Gaussian"], n=n)
    for matrix in (hessian, gauss_newton, fisher):
        operator = matrix(objective, theta)
        assert distance(dense(operator), columns(operator)) <= 45 * eps(float)


def test_many_examples_of_a_narrow_network_find_room():
    """Products of patches are then larger than any block."""
    rng = np.random.default_rng(0)
    net = Sequential(Dense(1, 2), Tanh(), Dense(2, 1), Tanh(), Dense(1, 2), Tanh(), Dense(2, 1))
    objective = Objective(net, SquaredError(), rng.standard_normal((200, 1)),
                          rng.standard_normal((200, 1)))
    theta = net.initial(rng)
    H = hessian(objective, theta)
    assert distance(dense(H), columns(H)) <= 45 * eps(float)


@each_chain
def test_batches_of_examples_add_up(chain, monkeypatch):
    """Three batches of 3, 3 and 1 examples, or thereabouts: as many as fit in little room."""
    objective, theta = make(chain, LOSSES["Gaussian"], n=7)
    widths = sum(W[0] for W in objective.net.layout.shapes)
    monkeypatch.setattr(assembly, "BATCH", 3 * widths ** 2)
    for matrix in (hessian, gauss_newton):
        operator = matrix(objective, theta)
        assert distance(dense(operator), columns(operator)) <= 45 * eps(float)
        for part, s in zip(blocks(operator, objective.net.layout), objective.net.layout.slices):
            assert np.abs(part - columns(operator)[s, s]).max() <= (
                45 * eps(float) * np.abs(columns(operator)).max())


@pytest.mark.parametrize("name, size", [("TILE", 1), ("TILE", 4), ("TILE", 12), ("PIECE", 1),
                                        ("PIECE", 7 * 4 * 2)])
@each_chain
def test_blocks_are_made_of_tiles_of_any_size(chain, name, size, monkeypatch):
    """As they are of wide layers, three tiles and more: here (6, 6) in tiles of 1, 2 and 3."""
    objective, theta = make(chain, LOSSES["CrossEntropy"], weights=WEIGHTS, l2=0.3)
    for matrix in (hessian, gauss_newton):
        truth = columns(matrix(*wide(objective, theta)))
        monkeypatch.setattr(assembly, name, size)
        assert distance(dense(matrix(objective, theta)), truth) <= 45 * eps(float)
        monkeypatch.undo()


def test_examples_of_weight_zero_change_nothing():
    objective, theta = make(CHAINS["one hidden layer"], LOSSES["CrossEntropy"], reduction="sum")
    w = np.array([1.0, 0, 1, 1, 0, 1, 1])
    masked, _ = make(CHAINS["one hidden layer"], LOSSES["CrossEntropy"], reduction="sum", weights=w)
    for matrix in (hessian, gauss_newton, fisher):
        kept = dense(matrix(objective.batch(w > 0), theta))
        assert distance(dense(matrix(masked, theta)), kept) <= 45 * eps(float)


def test_the_slope_of_a_kink_is_taken_as_on_its_left():
    """Pre-activations exactly 0: every way has to agree on which side they lie."""
    objective, theta = make((Dense(5, 3), ReLU(), Dense(3, 4)), LOSSES["CrossEntropy"])
    theta = theta.copy()
    theta[:12] = 0                                        # two dead units
    H = dense(hessian(objective, theta))
    assert distance(columns(hessian(objective, theta)), H) <= 45 * eps(float)
    assert not H[:12].any()


def test_a_route_that_is_asked_for_is_taken_all_the_way():
    """`dense` of another route than the default must not be the assembly in its name."""
    objective, theta = small()
    for route in ("autograd", "central difference"):
        H = hessian(objective, theta, route=route)
        assert (dense(H) == columns(H)).all()
    assert distance(dense(H), dense(hessian(objective, theta))) > 45 * eps(float)


def test_autograd_would_see_a_wrong_entry():
    objective, theta = small()
    H = dense(hessian(objective, theta))
    H[3, 4] *= 1 + 1e-6
    truth = columns(hessian(objective, theta, route="autograd"))
    assert distance(H, truth) > 45 * eps(float)
