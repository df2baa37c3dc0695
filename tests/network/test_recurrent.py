"""RNN, LSTM and GRU against loops over examples and steps, theorems, and planted faults."""

from dataclasses import replace

import numpy as np
import pytest

from reference.arrays import functions as F
from reference.curvature.kfac import kfac
from reference.network import cells, direction
from reference.network.affine import Dense
from reference.network.compose import Sequential
from reference.network.elementwise import Tanh
from reference.network.losses import SquaredError
from reference.network.objective import Objective
from reference.network.recurrent import GRU, LSTM, RNN

N, T, I, H = 4, 5, 3, 2
KINDS = {"rnn": (RNN, {}), "relu": (RNN, {"nonlinearity": "relu"}), "lstm": (LSTM, {}),
         "gru": (GRU, {}), "before": (GRU, {"reset": "before"})}
each_kind = pytest.mark.parametrize("kind", KINDS)
HOLES = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 0, 1], [1, 1, 1, 1, 1], [0, 0, 0, 1, 0]], bool)
PADDED = np.arange(T) < np.array([3, 5, 1, 4])[:, None]


# ---- the textbook: one example, one step, one gate at a time; no function of the package ----

def sigma(x):
    return 1 / (1 + np.exp(-x))


def one_step(kind, weights, x, h, c):
    """The new (h, c) of one example, from {ih, hh: matrices, b_ih, b_hh: vectors}."""
    def inputs(k):
        return weights["ih"][k * H:(k + 1) * H] @ x + weights["b_ih"][k * H:(k + 1) * H]

    def recurrent(k, state=h):
        return weights["hh"][k * H:(k + 1) * H] @ state + weights["b_hh"][k * H:(k + 1) * H]
    if kind == "rnn":
        return np.tanh(inputs(0) + recurrent(0)), c
    if kind == "relu":
        s = inputs(0) + recurrent(0)
        return np.where(s.real > 0, s, 0), c
    if kind == "lstm":
        i, f, o = (sigma(inputs(k) + recurrent(k)) for k in (0, 1, 3))
        c = f * c + i * np.tanh(inputs(2) + recurrent(2))
        return o * np.tanh(c), c
    r, z = (sigma(inputs(k) + recurrent(k)) for k in (0, 1))
    n = np.tanh(inputs(2) + (recurrent(2, r * h) if kind == "before" else r * recurrent(2)))
    return (1 - z) * n + z * h, c


def textbook(kind, layer, named, x):
    """The outputs for x (N, T, I), and the last states of the top layer."""
    D = 1 + layer.bidirectional
    for k in range(layer.layers):
        ys, ends = [], []
        for way in range(D):
            key = f"_l{k}" + ("_reverse" if way else "")
            weights = {part: named[f"weight_{part}{key}"] for part in ("ih", "hh")}
            for part in ("ih", "hh"):
                weights["b_" + part] = named.get(f"bias_{part}{key}",
                                                 np.zeros(len(weights["ih"])))
            y, end = along(kind, layer, weights, x, k * D + way, range(T)[::-1 if way else 1])
            ys.append(y)
            ends.append(end)
        x = np.concatenate(ys, -1)
    return x, np.concatenate(ends, -1)


def along(kind, layer, weights, x, row, order):
    y, ends = np.zeros((N, T, H), complex), np.zeros((N, H), complex)
    for n in range(N):
        states = [a[row, n if a.shape[1] > 1 else 0] for a in layer.states] or [np.zeros(H)]
        h, c = states[0], states[-1]
        for t in order:
            if layer.mask is None or layer.mask[n, t]:
                h, c = one_step(kind, weights, x[n, t], h, c)
                y[n, t] = h
        ends[n] = h
    return y, ends


# ---- everything against the textbook ----

def make(kind, states=0, seed=0, **options):
    """A layer, with initial states of so many examples, its network, x and theta."""
    cls, own = KINDS[kind]
    rng = np.random.default_rng(seed)
    layer = cls(I, H, **{**own, **options})
    if states:
        shape = layer.layers * (1 + layer.bidirectional), states, H
        pair = tuple(rng.standard_normal(shape) for _ in range(2))
        layer = replace(layer, initial=pair if kind == "lstm" else pair[0])
    net = Sequential(layer, names=("",))
    return layer, net, rng.standard_normal((N, T, I)), rng.standard_normal(net.layout.size)


def check(kind, **options):
    """Outputs, and the gradient as the complex step of the textbook."""
    layer, net, x, theta = make(kind, **options)
    weights = np.random.default_rng(1).standard_normal((N, *net.output_shape((T, I))))

    def truth(theta):
        y = textbook(kind, layer, net.named(theta), x)[int(layer.last)]
        return y, ((y - weights) ** 2).sum() / 2
    y = net.forward(theta, x)[-1]
    assert y.shape == weights.shape
    assert np.abs(y - truth(theta)[0]).max() < 1e-13
    objective = Objective(net, SquaredError(), x, weights, reduction="sum")
    steps = np.array([truth(theta + 1e-20j * e)[1].imag / 1e-20 for e in np.eye(theta.size)])
    assert np.abs(objective.grad(theta) - steps).max() < 1e-12 * max(1, np.abs(steps).max())


@each_kind
@pytest.mark.parametrize("bias, last", [(1, 0), (1, 1), (0, 0), (0, 1)])
def test_one_layer_is_the_textbooks_loop(kind, bias, last):
    check(kind, bias=bool(bias), last=bool(last))


@each_kind
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("mask", [HOLES, PADDED, None], ids=["holes", "padded", "all"])
def test_layers_directions_states_and_masks_are_the_textbooks(kind, mask, last):
    check(kind, layers=2, bidirectional=True, mask=mask, states=N, last=last)
    check(kind, mask=mask, states=1, last=last)


def test_hidden_size_one_by_hand():
    """c = sigma(i) tanh(g), h = sigma(o) tanh(c) from rest; all numbers written out."""
    net = Sequential(LSTM(1, 1))
    theta = np.array([0.1, 0, 0.2, 0, 0.3, 0, 0.4, 0] + [0.5, 0, 0.6, 0.1, 0.7, 0, 0.8, 0])
    c1 = sigma(0.1) * np.tanh(0.3)
    h1 = sigma(0.4) * np.tanh(c1)
    c2 = sigma(0.4 + 0.6 * h1 + 0.1) * c1 + sigma(0.2 + 0.5 * h1) * np.tanh(0.6 + 0.7 * h1)
    h2 = sigma(0.8 + 0.8 * h1) * np.tanh(c2)
    x = np.array([[[1.0], [2.0]]])
    # the forget gate's bias 0.1 acts at the first step too, on c = 0
    assert np.allclose(net.forward(theta, x)[-1].ravel(), [h1, h2], rtol=1e-14)


# ---- theorems ----

def outputs(kind, x, theta, **options):
    return make(kind, **options)[1].forward(theta, x)[-1]


def test_one_step_from_rest_is_a_dense_layer():
    _, net, x, theta = make("rnn")
    W, V = net.layout.unpack(theta)
    both = np.concatenate([W[:, :-1], W[:, -1:] + V[:, -1:]], 1)
    dense = Sequential(Dense(I, H), Tanh()).forward(both.ravel(), x[:, :1])[-1]
    assert np.abs(net.forward(theta, x[:, :1])[-1] - dense).max() < 1e-15


@each_kind
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_at_the_end_is_a_shorter_sequence(kind, bidirectional):
    """As PyTorch's packed sequences, in both directions."""
    options = {"bidirectional": bidirectional, "layers": 2}
    _, net, x, theta = make(kind, **options)
    y = outputs(kind, x, theta, mask=PADDED, **options)
    ends = outputs(kind, x, theta, mask=PADDED, last=True, **options)
    for n, length in enumerate(PADDED.sum(1)):
        short = net.forward(theta, x[n:n + 1, :length])[-1][0]
        assert np.abs(y[n, :length] - short).max() < 1e-14 and not y[n, length:].any()
        end = outputs(kind, x[n:n + 1, :length], theta, last=True, **options)
        assert np.abs(ends[n] - end[0]).max() < 1e-14


@each_kind
def test_what_is_masked_moves_nothing(kind):
    layer, net, x, theta = make(kind, mask=HOLES, bidirectional=True)
    other = np.where(HOLES[..., None], x, 1e3 - x)
    y = np.ones((N, T, 2 * H))
    a, b = (Objective(net, SquaredError(), data, y).grad(theta) for data in (x, other))
    assert np.abs(a - b).max() < 1e-14 * np.abs(a).max()      # saturated gates round otherwise


@each_kind
def test_a_hole_is_a_sequence_without_the_step(kind):
    _, net, x, theta = make(kind)
    y = outputs(kind, x, theta, mask=HOLES)
    for n in range(N):
        kept = net.forward(theta, x[n:n + 1, HOLES[n]])[-1][0]
        assert np.abs(y[n, HOLES[n]] - kept).max() < 1e-14


@each_kind
def test_reversed_input_swaps_the_halves_of_two_directions(kind):
    _, net, x, theta = make(kind, bidirectional=True)
    halves = theta.reshape(2, -1)                   # the matrices of one direction, of the other
    y = net.forward(theta, x)[-1]
    z = net.forward(halves[::-1].ravel(), x[:, ::-1])[-1][:, ::-1]
    assert np.array_equal(z, np.concatenate([y[..., H:], y[..., :H]], -1))


@pytest.mark.parametrize("kind", ["rnn", "relu"])
def test_without_recurrent_weights_the_steps_are_independent(kind):
    _, net, x, theta = make(kind)
    theta = np.where(np.arange(theta.size) < H * (I + 1), theta, 0)
    y = net.forward(theta, x)[-1]
    order = np.random.default_rng(3).permutation(T)
    assert np.array_equal(net.forward(theta, x[:, order])[-1], y[:, order])


@pytest.mark.parametrize("kind", ["rnn", "gru", "before"])
def test_a_sequence_goes_on_from_its_last_state(kind):
    layer, net, x, theta = make(kind)
    y = net.forward(theta, x)[-1]
    rest = Sequential(replace(layer, initial=y[None, :, 1]))
    assert np.abs(rest.forward(theta, x[:, 2:])[-1] - y[:, 2:]).max() < 1e-14


def test_padding_equals_shorter_batches_in_gradient_and_batch_cuts_mask_and_states():
    layer, net, x, theta = make("lstm", states=N, mask=PADDED, bidirectional=True)
    objective = Objective(net, SquaredError(), x, np.ones((N, T, 2 * H)), reduction="sum")
    parts = [objective.batch(np.array(i)) for i in ([2, 0], [3], [1])]
    total = sum(part.grad(theta) for part in parts)
    assert np.abs(total - objective.grad(theta)).max() < 1e-12
    assert replace(layer, initial=None, mask=None).batch([0]).initial is None
    one = make("gru", states=1)[0]
    assert one.batch(slice(2)).initial.shape == (1, 1, H)


# ---- the places of Kronecker factors ----

def test_places_are_steps_in_the_order_of_the_data_in_both_directions():
    _, net, x, theta = make("gru", bidirectional=True)
    uses, _ = net.backward(theta, net.forward(theta, x), np.ones((N, T, 2 * H)))
    for first in (uses[0], uses[2]):
        (p, g), = first.pairs()
        assert np.array_equal(p[..., :-1], x) and g.shape == (N, T, 3 * H)
    y = net.forward(theta, x)[-1]
    (forth, _), (back, _) = uses[1].pairs() + uses[3].pairs()
    assert np.array_equal(forth[:, 1:, :-1], y[:, :-1, :H]) and not forth[:, 0, :-1].any()
    assert np.array_equal(back[:, :-1, :-1], y[:, 1:, H:]) and not back[:, -1, :-1].any()


def test_kronecker_factors_exist_for_every_matrix():
    _, net, x, theta = make("before", last=True)
    objective = Objective(net, SquaredError(), x, np.zeros((N, H)))
    assert [k.shape for k in kfac(objective, theta)] == list(net.layout.shapes)


# ---- names, shapes, beginnings ----

def test_names_and_shapes_are_those_of_pytorch():
    net = Sequential(LSTM(I, H, 2, True), names=("",))
    named = net.named(np.arange(float(net.layout.size)))
    assert list(named)[:8] == [
        f"{kind}_{part}_l0{way}" for way in ("", "_reverse") for kind in ("weight", "bias")
        for part in ("ih", "hh")]
    assert named["weight_ih_l1_reverse"].shape == (4 * H, 2 * H)
    assert named["bias_hh_l1"].shape == (4 * H,)


@each_kind
def test_names_go_back_to_theta(kind):
    for bias in (True, False):
        _, net, _, theta = make(kind, layers=2, bidirectional=True, bias=bias)
        assert np.array_equal(net.from_named(net.named(theta)), theta)


def test_reset_before_and_after_have_the_same_names():
    a, b = (Sequential(GRU(I, H, reset=r)) for r in ("after", "before"))
    shapes = [{k: v.shape for k, v in net.named(np.zeros(net.layout.size)).items()}
              for net in (a, b)]
    assert shapes[0] == shapes[1]
    assert b.layout.shapes == ((3 * H, I + 1), (2 * H, H + 1), (H, H + 1))


def test_each_gate_begins_by_its_own_fans():
    net = Sequential(LSTM(40, 20))
    W = net.layout.unpack(net.initial(np.random.default_rng(0)))[0]
    assert 0.9 * np.sqrt(6 / 60) < np.abs(W).max() <= np.sqrt(6 / 60) and not W[:, -1].any()


# ---- bad input ----

def refused(error, match, make):
    with pytest.raises(error, match=match):
        make()


def test_bad_arguments_are_refused():
    refused(ValueError, "nonlinearity must be tanh or relu, got 'sine'",
            lambda: RNN(I, H, nonlinearity="sine"))
    refused(ValueError, "reset must be after or before, got 'never'",
            lambda: GRU(I, H, reset="never"))
    refused(ValueError, "hidden must be a whole number", lambda: LSTM(I, 0))
    refused(TypeError, "bidirectional must be True or False", lambda: LSTM(I, H, 1, 2))
    refused(TypeError, "pair", lambda: LSTM(I, H, initial=np.zeros((1, 1, H))))
    refused(ValueError, r"shape \(1, 1, 2\); .* needs \(2, N or 1, 2\)",
            lambda: GRU(I, H, 2, initial=np.zeros((1, 1, H))))
    refused(ValueError, "not finite|NaN|nan", lambda: RNN(I, H, initial=np.full((1, 1, H), np.nan)))
    refused(TypeError, "booleans", lambda: RNN(I, H, mask=np.ones((N, T))))
    refused(ValueError, r"skips every step of example 1 \(1 such",
            lambda: RNN(I, H, mask=np.arange(T) < np.array([3, 0])[:, None]))


def test_data_that_do_not_fit_are_refused():
    layer, net, x, theta = make("rnn", mask=PADDED)
    refused(ValueError, r"examples of shape \(T, 3\), got \(5, 2\)",
            lambda: net.output_shape((T, 2)))
    refused(ValueError, "mask has 5 steps and the data 4", lambda: net.output_shape((4, I)))
    refused(ValueError, r"mask \(4, 5\) is for 4 examples, the batch has 3",
            lambda: net.forward(theta, x[:3]))
    other = make("rnn", states=N)[1]
    refused(ValueError, "initial is for 4 examples", lambda: other.forward(theta, x[:3]))


# ---- planted faults: the comparison with the textbook fails ----

def wrong_order(monkeypatch):
    """i, f, o, g."""
    step = cells.LongShort.step

    def swapped(self, s, Ws, state):
        rows = np.arange(4 * H).reshape(4, H)[[0, 1, 3, 2]].ravel()
        return step(self, s[..., rows, :], [Ws[0][..., rows, :]], state)
    monkeypatch.setattr(cells.LongShort, "step", swapped)


def forget_meets_the_new_cell(monkeypatch):
    coefficients = cells.LongShort.coefficients
    monkeypatch.setattr(cells.LongShort, "coefficients", lambda self, kept, states: coefficients(
        self, kept, (states[0], kept[3])))


def resets_mixed(monkeypatch):
    monkeypatch.setattr(cells.GatedAfter, "gathered", lambda self, gradients, coefficients: (
        cells.times(coefficients[0], gradients[0]), (cells.times(coefficients[0], gradients[0]),)))


def leak_at_padding(monkeypatch):
    monkeypatch.setattr(direction, "silent", lambda skips, a: a)


def truncated(monkeypatch):
    back = cells.Elman.back
    monkeypatch.setattr(cells.Elman, "back", lambda self, c, Ws, d: (
        back(self, c, Ws, d)[0], (F.zeros_like(d[0]),)))


@pytest.mark.parametrize("fault, kind, options", [
    (wrong_order, "lstm", {}), (forget_meets_the_new_cell, "lstm", {}), (resets_mixed, "gru", {}),
    (leak_at_padding, "gru", {"mask": PADDED}), (truncated, "rnn", {})])
def test_a_planted_fault_is_found(monkeypatch, fault, kind, options):
    check(kind, **options)
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        check(kind, **options)


@each_kind
def test_what_a_recurrent_layer_is_made_of_is_shown_as_that_layer(kind):
    layer, options = KINDS[kind]
    shown = f"{layer.__name__}(inputs={I}, hidden={H})"
    assert repr(layer(I, H, **options).inner.layers[0]) == shown
