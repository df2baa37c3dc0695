"""Layers with weights: leading axes of theta, places, biases, and layers of one's own."""

from dataclasses import dataclass

import numpy as np
import pytest

from reference.arrays import functions as F
from reference.arrays.dual import Dual
from reference.network.affine import Dense, beside
from reference.network.compose import Sequential
from reference.network.elementwise import Sine, Tanh
from reference.network.layer import Layer
from reference.network.layout import Layout
from reference.network.losses import SquaredError
from reference.network.objective import Objective
from reference.network.uses import Use

EPS = np.finfo(float).eps


def near(a, b, ulps=64):
    """Equal up to the rounding of sums of some ten terms of order one."""
    size = max(1, np.abs(b).max())
    return np.shape(a) == np.shape(b) and np.abs(a - b).max() <= ulps * EPS * size


# ---- the layout ----

def test_pack_and_unpack_are_inverse_and_the_slices_cut_theta():
    layout = Layout(((2, 3), (1, 4), (3, 1)))
    for lead in ((), (5,), (2, 3)):
        theta = np.random.default_rng(0).standard_normal(lead + (layout.size,))
        matrices = layout.unpack(theta)
        assert [W.shape for W in matrices] == [lead + s for s in layout.shapes]
        assert np.array_equal(layout.pack(matrices), theta)
        assert all(np.array_equal(W.reshape(lead + (-1,)), theta[..., cut])
                   for W, cut in zip(matrices, layout.slices))
    assert layout.size == 13 and layout.slices == (slice(0, 6), slice(6, 10), slice(10, 13))


def test_layouts_hold_rows_one_after_the_other():
    assert Layout(((2, 3),)).unpack(np.arange(6))[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    dual = Layout(((2, 3),)).unpack(Dual(np.arange(6.0), np.ones((4, 6))))[0]
    assert dual.shape == (2, 3) and dual.du.shape == (4, 2, 3)


# ---- dense ----

NETS = {
    "two dense": Sequential(Dense(3, 4), Tanh(), Dense(4, 2)),
    "without bias": Sequential(Dense(3, 4, bias=False), Sine(), Dense(4, 2, bias=False)),
    "one": Sequential(Dense(3, 2)),
    "starting elementwise": Sequential(Tanh(), Dense(3, 2)),
}
each_net = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
PLACES = {"(N, D)": (5, 3), "(N, T, D)": (5, 4, 3), "(N, T, U, D)": (5, 2, 3, 3)}
each_shape = pytest.mark.parametrize("shape", PLACES.values(), ids=PLACES)


def problem(net, shape, lead=(), **options):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape)
    y = rng.standard_normal(shape[:1] + net.output_shape(shape[1:]))
    theta = rng.standard_normal(lead + (net.layout.size,))
    return Objective(net, SquaredError(), x, y, **options), theta


def complex_gradient(objective, theta, h=1e-20):
    steps = 1j * h * np.eye(theta.size)
    return np.array([objective.value(theta + step).imag / h for step in steps])


def test_dense_is_the_textbooks_affine_map_at_every_place():
    rng = np.random.default_rng(2)
    W, x = rng.standard_normal((2, 4)), rng.standard_normal((5, 6, 3))
    expected = np.einsum("oi,nti->nto", W[:, :3], x) + W[:, 3]
    assert near(Dense(3, 2).forward(W, x), expected)
    assert near(Dense(3, 2, bias=False).forward(W[:, :3], x), expected - W[:, 3])
    assert Dense(3, 2).shape == (2, 4) and Dense(3, 2, bias=False).shape == (2, 3)
    assert Dense(3, 2).output_shape((6, 3)) == (6, 2)


@each_shape
@each_net
def test_the_gradient_is_that_of_the_complex_step(net, shape):
    objective, theta = problem(net, shape, l2=0.3)
    assert near(objective.grad(theta), complex_gradient(objective, theta))


@pytest.mark.parametrize("lead", [(3,), (1,), (2, 3)], ids=str)
@each_shape
@each_net
def test_leading_axes_of_theta_are_a_loop_over_thetas(net, shape, lead):
    objective, theta = problem(net, shape, lead, l2=0.3)
    rows = theta.reshape(-1, net.layout.size)
    for function in (objective.value, objective.grad, objective.outputs, objective.losses):
        loop = np.array([function(row) for row in rows])
        assert near(function(theta), loop.reshape(lead + loop.shape[1:]))


@each_net
def test_leading_axes_of_the_cotangent_are_a_loop_over_cotangents(net):
    objective, theta = problem(net, (5, 4, 3))
    xs = net.forward(theta, objective.x)
    dz = np.random.default_rng(3).standard_normal((6, 5, 4, 2))
    gradients, _ = net.vjp(theta, xs, dz)
    assert near(gradients, np.array([net.vjp(theta, xs, one)[0] for one in dz]))


@each_net
def test_the_vjp_hands_back_a_cotangent_for_every_layer_but_affine_data(net):
    objective, theta = problem(net, (5, 3))
    xs = net.forward(theta, objective.x)
    _, dxs = net.vjp(theta, xs, objective.dz(xs[-1]))
    assert len(dxs) == len(xs)
    assert (dxs[0] is None) == isinstance(net.layers[0], Dense)
    assert all(dx.shape == x.shape for dx, x in zip(dxs[1:], xs[1:]))


def test_per_example_gradients_sum_to_the_gradient():
    """Each example's gradient by a batch of its own."""
    objective, theta = problem(NETS["two dense"], (5, 4, 3), reduction="sum")
    alone = [objective.batch(slice(n, n + 1)).grad(theta) for n in range(5)]
    assert near(np.sum(alone, 0), objective.grad(theta))


def test_uses_and_beside_align_leading_axes_with_places():
    rng = np.random.default_rng(4)
    g, p, W = (rng.standard_normal(s) for s in ((7, 5, 6, 2), (5, 6, 3), (7, 2, 3)))
    assert near(Use(p, g).total(), np.einsum("knto,nti->koi", g, p))
    assert near(Use(p, g).each(), np.einsum("knto,nti->knoi", g, p))
    assert beside(W, 4).shape == (7, 1, 2, 3) and beside(W, 3) is W and beside(W[0], 9).ndim == 2


# ---- a deep linear network is its product ----

def test_a_linear_network_is_the_product_of_its_matrices_and_least_squares_solves_it():
    deep = Sequential(Dense(3, 4, bias=False), Dense(4, 5, bias=False), Dense(5, 2, bias=False))
    objective, theta = problem(deep, (9, 3))
    W1, W2, W3 = deep.layout.unpack(theta)
    P, x, y = W3 @ W2 @ W1, objective.x, objective.y
    assert near(objective.outputs(theta), x @ P.T)
    dP = (x @ P.T - y).T @ x / 9
    expected = [(W3 @ W2).T @ dP, W3.T @ dP @ W1.T, dP @ (W2 @ W1).T]
    assert near(objective.grad(theta), deep.layout.pack(expected), 512)
    one = Objective(NETS["one"], SquaredError(), x, y)
    best = np.linalg.lstsq(np.column_stack([x, np.ones(9)]), y, rcond=None)[0].T
    assert np.abs(one.grad(best.ravel())).max() < 100 * EPS


# ---- layers of one's own: two methods ----

@dataclass(frozen=True)
class Scale(Layer):
    """y_i = w_i x_i: a layer with weights (1, I), anywhere in a network."""

    inputs: int

    @property
    def shape(self):
        return 1, self.inputs

    def output_shape(self, shape):
        return shape

    def forward(self, W, x):
        return x * beside(W, x.ndim)

    def vjp(self, W, x, y, dy):
        axes = tuple(range(-1 - (y.ndim + 1 - W.ndim), -1))
        return F.sum(dy * x, axes)[..., None, :], dy * beside(W, y.ndim)


@dataclass(frozen=True)
class Mean(Layer):
    """(T, D) -> (D), the mean over places: a layer without weights."""

    def output_shape(self, shape):
        return shape[1:]

    def forward(self, W, x):
        return F.sum(x, -2) / x.shape[-2]

    def vjp(self, W, x, y, dy):
        shape = dy.shape[:-1] + x.shape[-2:]
        return None, F.broadcast_to(dy[..., None, :] / x.shape[-2], shape)


OWN = {
    "scale first": (Sequential(Scale(3), Tanh(), Dense(3, 2)), (5, 3)),
    "scale inside": (Sequential(Dense(3, 4), Scale(4), Tanh(), Dense(4, 2)), (5, 3)),
    "scale last": (Sequential(Tanh(), Dense(3, 2), Scale(2)), (5, 4, 3)),
    "mean inside": (Sequential(Dense(3, 4), Tanh(), Mean(), Dense(4, 2)), (5, 4, 3)),
    "mean first": (Sequential(Mean(), Dense(3, 2)), (5, 4, 3)),
}


@pytest.mark.parametrize("net, shape", OWN.values(), ids=OWN)
def test_a_layer_of_two_methods_is_differentiated_like_any_other(net, shape):
    objective, theta = problem(net, shape)
    assert near(objective.grad(theta), complex_gradient(objective, theta))
    thetas = np.random.default_rng(7).standard_normal((2, 3, theta.size))
    loop = np.array([[objective.grad(t) for t in row] for row in thetas])
    assert near(objective.grad(thetas), loop)
    v = np.linspace(-1, 1, theta.size)
    Hv = objective.grad(Dual(theta, v)).du
    assert near(Hv, objective.grad(theta + 1e-20j * v).imag / 1e-20)
    assert near(v @ objective.grad(theta), objective.value(Dual(theta, v)).du)


def test_a_layer_with_a_wrong_vjp_is_caught_by_the_complex_step():
    class Wrong(Scale):
        def vjp(self, W, x, y, dy):
            dW, dx = Scale.vjp(self, W, x, y, dy)
            return dW * (1 + 1e-9), dx
    objective, theta = problem(Sequential(Wrong(3), Tanh(), Dense(3, 2)), (5, 3))
    assert not near(objective.grad(theta), complex_gradient(objective, theta))
