"""Normalisation against plain loops, against each other, and against faults that others made."""

from math import prod, sqrt

import numpy as np
import pytest

from reference import (BatchNorm, CrossEntropy, Dense, GroupNorm, InstanceNorm, LayerNorm,
                       Objective, RMSNorm, Sequential, SquaredError, Tanh, certify, columns, dense,
                       gauss_newton, gradient, hessian, hvp, jacobian, jvp, kfac,
                       per_example_gradients)
from reference.arrays import functions as F
from reference.network import normalise, normalise_channels
from reference.problems.layers import LAYERS
from tests.derivatives.cases import distance

EPS = np.finfo(float).eps
NEAR = 64 * EPS                          # sums of some ten terms, and one cancellation of a digit
rng = np.random.default_rng


# ---- the textbook: loops over sets of entries that share their statistics ----

def by_places(shape, k):
    """One set per place: all entries of the last k axes."""
    for place in np.ndindex(shape[:-k]):
        yield [place + rest for rest in np.ndindex(shape[-k:])]


def by_groups(shape, groups):
    """One set per example and group of channels."""
    size = shape[1] // groups
    for n in range(shape[0]):
        for j in range(groups):
            yield [(n, c, *s) for c in range(j * size, (j + 1) * size)
                   for s in np.ndindex(shape[2:])]


def by_channels(shape):
    """One set per channel."""
    for c in range(shape[1]):
        yield [(n, c, *s) for n in range(shape[0]) for s in np.ndindex(shape[2:])]


def textbook(x, sets, eps, centre=True):
    """x_hat, and the matrix of its derivatives: r (1_ij - 1/n) - r^3 c_i c_j/n in every set."""
    x_hat, J = np.zeros(x.shape), np.zeros(x.shape + x.shape)
    for entries in sets:
        n = len(entries)
        m = sum(x[i] for i in entries) / n if centre else 0.0
        v = sum((x[i] - m) ** 2 for i in entries) / n
        for i in entries:
            x_hat[i] = (x[i] - m) / sqrt(v + eps)
            for j in entries:
                J[i + j] = (((i == j) - (1 / n if centre else 0)) / sqrt(v + eps)
                            - (x[i] - m) * (x[j] - m) / n / sqrt(v + eps) ** 3)
    return x_hat, J


CASES = {                                # layer, shape of x, sets that share, axes of the features
    "LayerNorm": (LayerNorm(5, 0.1), (3, 5), lambda s: by_places(s, 1), (-1,)),
    "LayerNorm, places": (LayerNorm(5), (3, 2, 5), lambda s: by_places(s, 1), (-1,)),
    "LayerNorm, two axes": (LayerNorm((4, 5), 1e-3), (3, 2, 4, 5), lambda s: by_places(s, 2),
                            (-2, -1)),
    "LayerNorm, all axes": (LayerNorm((4, 5)), (3, 4, 5), lambda s: by_places(s, 2), (-2, -1)),
    "LayerNorm without bias": (LayerNorm(5, bias=False), (3, 5), lambda s: by_places(s, 1), (-1,)),
    "LayerNorm, not affine": (LayerNorm(5, affine=False), (3, 5), lambda s: by_places(s, 1), None),
    "RMSNorm": (RMSNorm(5), (3, 2, 5), lambda s: by_places(s, 1), (-1,)),
    "RMSNorm, two axes": (RMSNorm((4, 5), 0.1), (3, 4, 5), lambda s: by_places(s, 2), (-2, -1)),
    "RMSNorm, not affine": (RMSNorm(5, 1e-3, False), (3, 5), lambda s: by_places(s, 1), None),
    "GroupNorm": (GroupNorm(2, 6), (3, 6, 2, 5), lambda s: by_groups(s, 2), (1,)),
    "GroupNorm, 3 groups, (N, C)": (GroupNorm(3, 9, 0.1, spatial=0), (4, 9),
                                    lambda s: by_groups(s, 3), (1,)),
    "GroupNorm without bias": (GroupNorm(2, 4, bias=False, spatial=1), (3, 4, 5),
                               lambda s: by_groups(s, 2), (1,)),
    "GroupNorm, not affine": (GroupNorm(2, 4, affine=False, spatial=3), (2, 4, 2, 1, 3),
                              lambda s: by_groups(s, 2), None),
    "InstanceNorm": (InstanceNorm(3), (2, 3, 2, 5), lambda s: by_groups(s, 3), None),
    "InstanceNorm, affine": (InstanceNorm(3, 0.1, affine=True, spatial=1), (2, 3, 5),
                             lambda s: by_groups(s, 3), (1,)),
    "BatchNorm": (BatchNorm(4), (7, 4), by_channels, (1,)),
    "BatchNorm, (N, C, L)": (BatchNorm(4, 0.1, bias=False, spatial=1), (3, 4, 5), by_channels,
                             (1,)),
    "BatchNorm, images": (BatchNorm(2, spatial=2), (3, 2, 4, 5), by_channels, (1,)),
    "BatchNorm, not affine": (BatchNorm(2, affine=False, spatial=2), (3, 2, 4, 5), by_channels,
                              None),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def drawn(layer, shape, seed=0):
    """Matrices, x of mean 2 and spread 1.5, and a cotangent."""
    g = rng(seed)
    return ([g.standard_normal(s) for s in layer.shapes], 2 + 1.5 * g.standard_normal(shape),
            g.standard_normal(shape))


def pulled(layer, Ws, x, dy):
    """y, dx and [dW]."""
    trace = layer.trace(Ws, x)
    uses, dx = layer.pull(Ws, trace, dy)
    return trace[-1], dx, [use.total() for use in uses]


def error(case):
    """The largest distance of y, dx and dW from the loops."""
    layer, shape, sets, axes = case
    Ws, x, dy = drawn(layer, shape)
    x_hat, J = textbook(x, sets(shape), layer.eps, not isinstance(layer, RMSNorm))
    y, dx, dWs = pulled(layer, Ws, x, dy)
    axes = tuple(a % x.ndim for a in axes or ())
    gain, offset, dW = np.ones(x.shape), np.zeros(x.shape), [np.zeros(W.shape) for W in Ws]
    for i in np.ndindex(x.shape) if Ws else ():
        d = int(np.ravel_multi_index([i[a] for a in axes], [shape[a] for a in axes]))
        gain[i] = Ws[0][d, 0]
        dW[0][d, 0] += dy[i] * x_hat[i]
        if layer.bias:
            offset[i] = Ws[0][d, 1]
            dW[0][d, 1] += dy[i]
    truth = [gain * x_hat + offset, np.tensordot(gain * dy, J, x.ndim), *dW]
    return max(distance(a, b) for a, b in zip([y, dx, *dWs], truth, strict=True))


@each_case
def test_value_and_derivatives_are_those_of_the_textbooks_loops(case):
    assert error(case) <= NEAR


@each_case
def test_output_shapes_are_those_of_the_output(case):
    layer, shape, _, _ = case
    Ws, x, _ = drawn(layer, shape)
    assert layer.output_shape(shape[1:]) == shape[1:] == layer.trace(Ws, x)[-1].shape[1:]


def test_running_statistics_are_constants():
    Ws, x, dy = drawn(BatchNorm(4, spatial=1), (3, 4, 5))
    mean, variance = rng(1).standard_normal(4), rng(1).random(4)
    layer = BatchNorm(4, 1e-3, mean=mean, variance=variance, spatial=1)
    y, dx, (dW,) = pulled(layer, Ws, x, dy)
    for n, c, t in np.ndindex(x.shape):
        r = 1 / sqrt(variance[c] + 1e-3)
        assert abs(y[n, c, t] - Ws[0][c, 0] * (x[n, c, t] - mean[c]) * r - Ws[0][c, 1]) < 1e-13
        assert abs(dx[n, c, t] - Ws[0][c, 0] * r * dy[n, c, t]) < 1e-13
    x_hat = (x - mean[:, None]) / np.sqrt(variance + 1e-3)[:, None]
    assert distance(dW[:, 0], np.einsum("nct,nct->c", dy, x_hat)) <= NEAR
    assert distance(dW[:, 1], np.einsum("nct->c", dy)) <= NEAR
    assert not layer.couples and BatchNorm(4).couples


# ---- faults, which the loops must see ----

def planted(monkeypatch, value=None, vjp=None):
    for module in (normalise, normalise_channels):
        if value:
            monkeypatch.setattr(module, "standardised", value)
        if vjp:
            monkeypatch.setattr(module, "standardised_vjp", vjp)


def unbiased(x, axes, eps):
    n = prod(x.shape[a] for a in axes)
    c = x - normalise.mean(x, axes)
    r = 1 / F.sqrt(normalise.mean(c * c, axes) * n / (n - 1) + eps)
    return c * r, r


def eps_outside(x, axes, eps):
    c = x - normalise.mean(x, axes)
    r = 1 / (F.sqrt(normalise.mean(c * c, axes)) + eps)
    return c * r, r


def no_path_of_the_variance(x_hat, r, g, axes):
    return r * (g - normalise.mean(g, axes))


FAULTS = {
    "statistics are constants": {"vjp": lambda x_hat, r, g, axes: r * g},
    "variance is constant": {"vjp": no_path_of_the_variance},
    "unbiased variance": {"value": unbiased},
    "eps outside the root": {"value": eps_outside},
}


@pytest.mark.parametrize("name", ["LayerNorm", "GroupNorm", "BatchNorm, images"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_loops_see_the_fault(monkeypatch, fault, name):
    planted(monkeypatch, **fault)
    assert error(CASES[name]) > 1e-6


@pytest.mark.parametrize("name", ["LayerNorm", "BatchNorm", "BatchNorm of images"])
def test_a_variance_that_is_constant_at_second_order_is_seen_by_routes_without_it(monkeypatch,
                                                                                  name):
    """The gradient is right, and wrong is only its derivative."""
    objective, theta = LAYERS[name](rng(0))
    v, right = rng(1).standard_normal(theta.size), normalise.standardised_vjp
    assert distance(hvp(objective, theta, v), hvp(objective, theta, v, "hyper-dual")) <= NEAR
    planted(monkeypatch, vjp=lambda x_hat, r, g, axes: right(x_hat, F.primal(r), g, axes))
    assert distance(gradient(objective, theta), gradient(objective, theta, route="dual")) <= NEAR
    assert distance(hvp(objective, theta, v), hvp(objective, theta, v, "hyper-dual")) > 1e-3


def test_cotangents_of_ones_cannot_tell_and_two_numbers_cannot_either(monkeypatch):
    """Why no test here uses them: they pass with a fault."""
    layer, shape, sets, _ = CASES["BatchNorm, images"]
    Ws, x, dy = drawn(layer, shape)
    two, pair = LayerNorm(2, 0.0, affine=False), 3 + x[:, 0, 0, :2]
    planted(monkeypatch, vjp=no_path_of_the_variance)
    assert np.abs(pulled(layer, Ws, x, np.ones(shape))[1]).max() < 1e-14
    assert np.abs(pulled(layer, Ws, x, dy)[1]).max() > 0.1
    monkeypatch.undo()
    y, dx, _ = pulled(two, [], pair, dy[:, 0, 0, :2])
    assert distance(np.abs(y), np.ones(pair.shape)) <= NEAR and np.abs(dx).max() < 1e-13


# ---- theorems ----

def test_layer_norm_ignores_shift_and_scale_so_dx_is_orthogonal_to_ones_and_x_hat():
    layer = LayerNorm(5, eps=0.0, affine=False)
    _, x, dy = drawn(layer, (3, 5))
    y, dx, _ = pulled(layer, [], x, dy)
    assert distance(layer.trace([], 7 + 3 * x)[-1], y) <= 4 * NEAR          # 7 costs a digit
    assert distance(layer.trace([], -3 * x)[-1], -y) <= NEAR
    assert np.abs(dx.sum(-1)).max() < 1e-14 and np.abs((dx * y).sum(-1)).max() < 1e-14
    assert distance((y * y).mean(-1), np.ones(3)) <= NEAR


def test_eps_leaves_dx_orthogonal_to_ones_but_not_to_x_hat():
    """dx . x_hat = eps r^3 g . x_hat."""
    layer = LayerNorm(5, eps=0.1, affine=False)
    _, x, dy = drawn(layer, (3, 5))
    y, dx, _ = pulled(layer, [], x, dy)
    r = 1 / np.sqrt(x.var(-1) + 0.1)
    assert np.abs(dx.sum(-1)).max() < 1e-14
    assert distance((dx * y).sum(-1), 0.1 * r ** 3 * (dy * y).sum(-1)) <= 16 * NEAR


def test_rms_norm_ignores_scale_and_is_layer_norm_of_centred_numbers():
    layer = RMSNorm(5, 0.0, affine=False)
    _, x, dy = drawn(layer, (3, 5))
    y, dx, _ = pulled(layer, [], x, dy)
    assert distance(layer.trace([], 3 * x)[-1], y) <= NEAR
    assert np.abs((dx * x).sum(-1)).max() < 1e-14
    c = x - x.mean(-1, keepdims=True)
    assert distance(RMSNorm(5, 1e-5, affine=False).trace([], c)[-1],
                    LayerNorm(5, affine=False).trace([], x)[-1]) <= NEAR


def equal(one, other, x, dy, turn=lambda a: a):
    """Whether other(turn x) = turn one(x), and the same for dx; neither has an affine part."""
    y, dx, _ = pulled(one, [], x, dy)
    other_y, other_dx, _ = pulled(other, [], turn(x), turn(dy))
    return max(distance(other_y, turn(y)), distance(other_dx, turn(dx))) <= NEAR


def test_the_layers_are_one_another_where_they_share_their_sets():
    _, x, dy = drawn(LayerNorm(6), (4, 6))
    assert equal(GroupNorm(1, 6, affine=False, spatial=0), LayerNorm(6, affine=False), x, dy)
    assert equal(BatchNorm(6, affine=False), LayerNorm(4, affine=False), x, dy, lambda a: a.T)
    _, x, dy = drawn(LayerNorm(6), (3, 6, 2, 5))
    assert equal(GroupNorm(1, 6, affine=False), LayerNorm((6, 2, 5), affine=False), x, dy)
    assert equal(InstanceNorm(6), LayerNorm((2, 5), affine=False), x, dy)
    assert equal(InstanceNorm(6), BatchNorm(6, affine=False, spatial=2), x[:1], dy[:1])
    Ws, x, dy = drawn(LayerNorm(6), (4, 6))
    pairs = zip(pulled(GroupNorm(1, 6, spatial=0), Ws, x, dy), pulled(LayerNorm(6), Ws, x, dy))
    assert all(distance(np.array(a), np.array(b)) <= NEAR for a, b in pairs)


def test_in_training_the_weights_before_batch_norm_matter_by_their_direction_alone():
    """dL/db = 0, and dL/dw is orthogonal to w, for every row (w b) of W."""
    objective, theta = net_with(BatchNorm(5, eps=0.0))
    dW, W = (objective.net.layout.unpack(a)[0] for a in (objective.grad(theta), theta))
    assert np.abs(dW[:, -1]).max() < 1e-15
    assert np.abs((dW * W)[:, :-1].sum(-1)).max() < 1e-15 and np.abs(dW).max() > 0.01


# ---- the batch as a whole ----

def net_with(*layers, shape=(7, 4)):
    g = rng(2)
    net = Sequential(Dense(4, 5), *layers, Tanh(), Dense(5, 3))
    x, y = g.standard_normal(shape), g.integers(0, 3, shape[:-1])
    return Objective(net, CrossEntropy(), x, y), 0.7 * g.standard_normal(net.layout.size)


def test_evaluation_with_the_batchs_own_statistics_is_the_same_value_and_another_derivative():
    training, theta = net_with(BatchNorm(5))
    s = training.net.forward(theta, training.x)[1]
    evaluation, _ = net_with(BatchNorm(5, mean=s.mean(0), variance=s.var(0)))
    assert abs(training.value(theta) - evaluation.value(theta)) <= NEAR
    assert distance(training.grad(theta), evaluation.grad(theta)) > 1e-2
    assert distance(training.grad(theta)[25:], evaluation.grad(theta)[25:]) <= NEAR


@pytest.mark.parametrize("ask", [per_example_gradients, jacobian, kfac])
def test_what_is_one_examples_alone_is_refused_in_training_and_given_in_evaluation(ask):
    with pytest.raises(ValueError, match="couples the examples of a batch"):
        ask(*net_with(BatchNorm(5)))
    ask(*net_with(BatchNorm(5, mean=np.zeros(5), variance=np.ones(5))))


def test_coupling_is_seen_through_composites():
    couples = Sequential(Dense(4, 5), Sequential(Sequential(BatchNorm(5))), Dense(5, 3)).couples
    assert couples and not Sequential(Dense(4, 5), GroupNorm(1, 5, spatial=0)).couples


def test_hessian_in_training_is_one_matrix_by_three_routes_and_proven_by_balls():
    objective, theta = net_with(BatchNorm(5))
    H = dense(hessian(objective, theta))
    assert distance(H, H.T) <= NEAR
    for route in ("complex step", "autograd", "hyper-dual"):
        assert distance(columns(hessian(objective, theta, route)), H) <= 4 * NEAR
    assert certify(hessian, objective, theta).digits >= 14


def test_gauss_newton_in_training_is_jacobians_of_the_whole_batch():
    objective, theta = net_with(BatchNorm(5))
    J = np.moveaxis(jvp(objective, theta, np.eye(theta.size)), 0, -1)            # (N, C, P)
    S = objective.output_hessian(objective.outputs(theta))
    G = np.einsum("ncp,ncd,ndq->pq", J, S, J)
    assert distance(dense(gauss_newton(objective, theta)), G) <= NEAR
    objective.x[6] += 0.1                    # example 6 has a part in what example 0 gives
    assert distance(jvp(objective, theta, np.eye(theta.size))[:, 0], J[0].T) > 1e-3


def test_a_part_of_the_batch_is_another_function_in_training_only():
    parts = [slice(0, 4), slice(4, 7)]

    def in_parts(objective, theta):
        return sum(len(part.x) * part.grad(theta) for part in map(objective.batch, parts)) / 7
    training, theta = net_with(BatchNorm(5))
    assert distance(in_parts(training, theta), training.grad(theta)) > 0.1
    evaluation, theta = net_with(BatchNorm(5, mean=np.zeros(5), variance=np.ones(5)))
    assert distance(in_parts(evaluation, theta), evaluation.grad(theta)) <= NEAR


def test_one_example_has_no_statistics():
    objective, theta = net_with(BatchNorm(5))
    with pytest.raises(ValueError, match="statistics of a single number.*examples"):
        objective.batch(slice(0, 1)).value(theta)
    for layer, shape in [(LayerNorm(1), (3, 1)), (GroupNorm(4, 4, spatial=0), (3, 4))]:
        with pytest.raises(ValueError, match="statistics of a single number"):
            layer.trace([np.ones((shape[1], 2))], np.ones(shape))


# ---- leading axes ----

@each_case
def test_leading_axes_of_theta_and_of_cotangents_are_loops(case):
    """Statistics are each leading axis's own; without affine part no W tells how many there are."""
    layer, shape, _, _ = case
    g = rng(3)
    for x_lead, lead in [((2, 3), (2, 3)), ((1, 1), (2, 3))]:
        Ws = [g.standard_normal(lead + s) for s in layer.shapes]
        x, dy = 2 + g.standard_normal(x_lead + shape), g.standard_normal((4,) + lead + shape)
        y, dx, dWs = pulled(layer, Ws, x, dy)
        x = np.broadcast_to(x, lead + shape)
        for k in np.ndindex((4,) + lead):
            one, one_dx, one_dWs = pulled(layer, [W[k[1:]] for W in Ws], x[k[1:]], dy[k])
            assert distance(np.broadcast_to(y, lead + shape)[k[1:]], one) <= NEAR
            assert distance(dx[k], one_dx) <= NEAR
            assert all(distance(dW[k], dw) <= NEAR for dW, dw in zip(dWs, one_dWs))


@each_case
def test_gradients_of_examples_add_up(case):
    layer, shape, _, _ = case
    Ws, x, dy = drawn(layer, shape)
    for use in layer.pull(Ws, layer.trace(Ws, x), dy)[0]:
        assert use.each().shape == shape[:1] + use.total().shape
        assert distance(use.each().sum(0), use.total()) <= NEAR


# ---- parameters, precision, bad input ----

@pytest.mark.parametrize("layer, shapes", [
    (LayerNorm((2, 5)), {"weight": (2, 5), "bias": (2, 5)}),
    (LayerNorm(5, bias=False), {"weight": (5,)}), (LayerNorm(5, affine=False), {}),
    (RMSNorm((2, 5)), {"weight": (2, 5)}), (GroupNorm(2, 4), {"weight": (4,), "bias": (4,)}),
    (BatchNorm(4, bias=False), {"weight": (4,)})], ids=str)
def test_gain_begins_at_one_and_offset_at_zero_under_pytorchs_names(layer, shapes):
    parts = layer.parts(layer.start(rng(0), None))
    assert {name: array.shape for name, array in parts.items()} == shapes
    assert all((array == (name == "weight")).all() for name, array in parts.items())


def test_named_parameters_come_back():
    net = Sequential(Dense(4, 6), LayerNorm((2, 6)), RMSNorm(6), Dense(6, 3))
    theta = rng(0).standard_normal(net.layout.size)
    assert net.named(theta)["1.bias"].shape == (2, 6)
    assert np.array_equal(net.named(theta)["1.weight"], net.matrices(theta)[1][:, 0].reshape(2, 6))
    assert np.array_equal(net.from_named(net.named(theta)), theta)
    begin = net.named(net.initial(rng(0)))
    assert (begin["1.weight"] == 1).all() and not begin["1.bias"].any()


def test_eps_of_rms_norm_is_one_number_in_every_precision():
    assert RMSNorm(5).eps == EPS and RMSNorm(5, 2 ** -23).eps == 2 ** -23
    x = np.full((1, 5), 1e-8, np.longdouble)
    assert distance(RMSNorm(5, affine=False).trace([], x)[-1],
                    x / np.sqrt(x * x + np.longdouble(EPS))) <= 4 * np.finfo(np.longdouble).eps


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_running_statistics_come_in_the_precision_of_x(dtype):
    layer = BatchNorm(5, mean=rng(0).standard_normal(5), variance=rng(1).random(5))
    objective, theta = net_with(layer)
    g = objective.to(dtype).grad(theta.astype(dtype))
    assert g.dtype == dtype and distance(g, objective.grad(theta)) <= 64 * max(
        np.finfo(dtype).eps, EPS)


def test_two_passes_keep_the_variance_of_numbers_far_from_zero():
    """One pass, mean x^2 - m^2, has none of its digits at a mean of 1e8."""
    x = rng(0).standard_normal((1, 50)) + 1e8
    c = x.astype(np.longdouble) - x.astype(np.longdouble).mean()
    _, r = LayerNorm(50, 0.0, affine=False).normalise(x)
    assert distance(r, 1 / np.sqrt((c * c).mean(-1, keepdims=True))) <= 1e-14
    assert abs((x * x).mean() - x.mean() ** 2 - x.var()) > 0.1


@pytest.mark.parametrize("layer, shape", [
    (LayerNorm(5), (4,)), (LayerNorm((4, 5)), (5,)), (LayerNorm((4, 5)), (5, 4)),
    (RMSNorm(5), (5, 4)), (GroupNorm(2, 4), (4, 5)), (GroupNorm(2, 4), (6, 5, 5)),
    (BatchNorm(4), (4, 5)), (BatchNorm(4), (5,)), (BatchNorm(4, spatial=2), (4, 5))], ids=str)
def test_shapes_that_do_not_fit_are_refused(layer, shape):
    with pytest.raises(ValueError, match=r"needs features .* got an example of shape"):
        layer.output_shape(shape)


@pytest.mark.parametrize("make, says", [
    (lambda: LayerNorm(0), "at least 1"), (lambda: LayerNorm(()), "at least one axis"),
    (lambda: RMSNorm((3, 2.5)), "whole number.* got 2.5"),
    (lambda: GroupNorm(4, 6), "choose a divisor"),
    (lambda: BatchNorm(4, spatial=-1), "whole number"),
    (lambda: LayerNorm(4, eps=-1e-5), "not negative"),
    (lambda: LayerNorm(4, eps=np.float32(1e-5)), "Python float"),
    (lambda: BatchNorm(2, mean=np.zeros(2)), "go together"),
    (lambda: BatchNorm(2, mean=np.zeros(3), variance=np.ones(2)), r"mean has shape \(3,\)"),
    (lambda: BatchNorm(2, mean=np.zeros(2), variance=np.ones(2, int)), "variance holds int"),
    (lambda: BatchNorm(2, mean=np.array([0, np.nan]), variance=np.ones(2)), "not finite"),
    (lambda: BatchNorm(2, mean=np.zeros(2), variance=-np.ones(2)), "must be positive"),
])
def test_bad_settings_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_switches_are_booleans_and_first_layers_take_data():
    with pytest.raises(TypeError, match="affine must be True or False"):
        LayerNorm(4, affine=1)
    net = Sequential(LayerNorm(4), Dense(4, 3))
    x = rng(0).standard_normal((5, 4))
    objective = Objective(net, SquaredError(), x, np.zeros((5, 3)))
    theta = rng(1).standard_normal(net.layout.size)
    assert net.vjp(theta, net.forward(theta, x), np.ones((5, 3)))[1][0] is None
    assert distance(objective.grad(theta), gradient(objective, theta, route="autograd")) <= NEAR
