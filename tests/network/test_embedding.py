"""Embeddings, positions and tied outputs: against loops, against Dense on one-hot rows."""

from math import cos, sin

import numpy as np
import pytest

from reference import (CrossEntropy, Dense, Embedding, LearnedPositions, Objective, Sequential,
                       SinusoidalPositions, SquaredError, Tanh, Tied, Unembedding, fisher, gradient,
                       hvp, jacobian, kfac, per_example_gradients)
from reference.curvature.operator import dense
from reference.network.uses import Lookup

EPS = np.finfo(float).eps
N, T, V, D = 5, 4, 7, 3
X = np.random.default_rng(0).integers(0, V, (N, T))                # 20 words, so some twice


def near(a, b, ulps=64):
    size = max(1, np.abs(b).max())
    return np.shape(a) == np.shape(b) and np.abs(a - b).max() <= ulps * EPS * size


def data(shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def problem(*layers, x=X, loss=CrossEntropy(), **options):
    net = Sequential(*layers)
    shape = net.output_shape(x.shape[1:])
    y = np.random.default_rng(2).integers(0, shape[-1], (len(x),) + shape[:-1])
    return Objective(net, loss, x, y, **options), data(net.layout.size)


# ---- embeddings ----

@pytest.mark.parametrize("x", [X, X[:, 0], X[:, None], X.astype("uint8"), X[:, ::-1]],
                         ids=["(N, T)", "(N,)", "(N, 1, T)", "bytes", "reversed"])
def test_an_embedding_looks_columns_up_and_adds_cotangents_up(x):
    layer, W = Embedding(V, D), data((D, V))
    dy = data(x.shape + (D,), 3)
    y, dW = np.zeros(x.shape + (D,)), np.zeros((D, V))
    for place in np.ndindex(x.shape):
        for d in range(D):
            y[place + (d,)] = W[d, x[place]]
            dW[d, x[place]] += dy[place + (d,)]
    trace = layer.trace([W], x)
    uses, dx = layer.pull([W], trace, dy)
    assert np.array_equal(trace[-1], y) and near(uses[0].total(), dW) and dx is None
    assert layer.output_shape(x.shape[1:]) == y.shape[1:]


def test_leading_axes_of_theta_and_cotangents_are_loops():
    layer, W, dy = Embedding(V, D), data((2, D, V)), data((6, 2, N, T, D), 3)
    trace = layer.trace([W], X)
    use = layer.pull([W], trace, dy)[0][0]
    assert near(trace[-1], np.stack([layer.trace([w], X)[-1] for w in W]))
    alone = [[layer.pull([W[0]], layer.trace([W[0]], X), one)[0][0] for one in row] for row in dy]
    assert near(use.total(), np.array([[one.total() for one in row] for row in alone]))
    assert near(use.each(), np.array([[one.each() for one in row] for row in alone]))


@pytest.mark.parametrize("x", [X, X[:, 0]], ids=["(N, T)", "(N,)"])
def test_an_embedding_is_dense_on_one_hot_rows(x):
    rest = Tanh(), Dense(D, 4)
    words, theta = problem(Embedding(V, D), *rest, x=x, l2=0.1)
    rows, _ = problem(Dense(V, D, bias=False), *rest, x=np.eye(V)[x], l2=0.1)
    v = data(theta.size, 4)
    for function in (Objective.value, gradient, per_example_gradients, jacobian,
                     lambda *both: hvp(*both, v), lambda *both: dense(fisher(*both))):
        assert near(function(words, theta), function(rows, theta))
    for setting in ("expand", "reduce"):
        for a, b in zip(*(kfac(o, theta, setting=setting) for o in (words, rows))):
            assert near(a.G, b.G) and near(a.A, b.A)


def test_an_overwriting_scatter_is_seen(monkeypatch):
    """Repeated words are in the data: adding up and overwriting differ."""
    def overwriting(use):
        dW = np.zeros((D, V))
        dW[:, use.index.reshape(-1)] = use.g.reshape(-1, D).T
        return dW
    objective, theta = problem(Embedding(V, D), Dense(D, 4))
    truth = gradient(objective, theta)
    monkeypatch.setattr(Lookup, "total", overwriting)
    assert not near(gradient(objective, theta), truth)


def test_padding_is_zero_whatever_its_column_holds_and_has_no_gradient():
    padded, theta = problem(Embedding(V, D, padding_idx=2), Dense(D, 4))
    plain, _ = problem(Embedding(V, D), Dense(D, 4))
    zero = theta.copy()
    zero[:D * V].reshape(D, V)[:, 2] = 0
    assert (X == 2).any() and not padded.net.forward(theta, X)[1][X == 2].any()
    assert near(padded.value(theta), plain.value(zero))
    g = gradient(padded, theta)
    at = padded.net.entries()["0.weight"][2]
    others = np.setdiff1d(np.arange(theta.size), at)
    assert not g[at].any() and near(g[others], gradient(plain, zero)[others])
    rows = per_example_gradients(padded, theta)
    assert near(rows.sum(0) / N, g) and not rows[:, at].any()
    A = kfac(padded, theta)[0].A
    assert not A[2].any() and not A[:, 2].any()


def test_words_begin_normal_and_padding_zero():
    W, = Embedding(400, 30, padding_idx=3).start(np.random.default_rng(0), None)
    assert W.shape == (30, 400) and not W[:, 3].any()
    assert abs(W.std() - 1) < 5 / np.sqrt(2 * W.size) + 1 / 400
    assert np.delete(W, 3, 1).all()


def test_pytorch_stores_the_transpose():
    net = Sequential(Embedding(V, D), LearnedPositions(6, D), Unembedding(D, 2))
    named = net.named(data(net.layout.size))
    assert {name: a.shape for name, a in named.items()} == {
        "0.weight": (V, D), "1.weight": (6, D), "2.weight": (2, D)}
    assert np.array_equal(net.forward(net.from_named(named), X)[1], named["0.weight"][X])


# ---- positions ----

def test_learned_positions_are_an_embedding_of_the_places():
    """Also of sequences shorter than the longest."""
    layer, W, x = LearnedPositions(6, D), data((D, 6)), data((2, N, T, D), 3)
    loop = np.array([[[[x[k, n, t, d] + W[d, t] for d in range(D)] for t in range(T)]
                      for n in range(N)] for k in range(2)])
    assert near(layer.forward(W, x), loop)
    use, = layer.pull([W], layer.trace([W], x[0]), x[1])[0]
    assert near(use.total()[:, :T], x[1].sum(0).T) and not use.total()[:, T:].any()
    assert near(use.each()[..., :T], np.swapaxes(x[1], -1, -2)) and use.each().shape == (N, D, 6)


def test_sinusoidal_positions_are_the_formula():
    length, width = 50, 6
    x = data((1, length, width))
    e = SinusoidalPositions(width).forward(None, x) - x
    for t in range(length):
        for i in range(width // 2):
            angle = t / 10000 ** (2 * i / width)
            assert abs(e[0, t, 2 * i] - sin(angle)) < 400 * EPS       # the angle, up to 50, rounded
            assert abs(e[0, t, 2 * i + 1] - cos(angle)) < 400 * EPS
    single = SinusoidalPositions(width).forward(None, x.astype("float32"))
    assert single.dtype == np.float32


# ---- the output that shares the embedding's matrix ----

def tied(layers=(Tanh(), Dense(D, D))):
    return problem(Tied("E", Embedding(V, D)), *layers, Tied("E", Unembedding(D, V)))


def test_an_unembedding_is_dense_with_the_matrix_transposed():
    head, x, W = Unembedding(D, V), data((2, N, T, D)), data((D, V))
    plain = Dense(D, V, bias=False)
    assert near(head.forward(W, x[0]), plain.forward(W.T, x[0]))
    dy = data((6, N, T, V), 4)
    (use,), dx = head.pull([W], head.trace([W], x[0]), dy)
    (known,), truth = plain.pull([W.T], plain.trace([W.T], x[0]), dy)
    assert near(dx, truth) and near(use.total(), np.swapaxes(known.total(), -1, -2))
    assert near(use.each(), np.swapaxes(known.each(), -1, -2))
    Ws = data((2, D, V))
    assert near(head.forward(Ws, x), np.stack([head.forward(w, one) for w, one in zip(Ws, x)]))


def test_tied_words_are_one_block_whose_gradient_is_the_sum_of_both_uses():
    objective, theta = tied()
    assert objective.net.layout.shapes == ((D, V), (D, D + 1))
    apart, _ = problem(Embedding(V, D), Tanh(), Dense(D, D), Unembedding(D, V))
    E, rest = theta[:D * V], theta[D * V:]
    g = gradient(apart, np.concatenate([E, rest, E]))
    assert near(objective.value(theta), apart.value(np.concatenate([E, rest, E])))
    assert near(gradient(objective, theta), np.concatenate([g[:E.size] + g[-E.size:],
                                                            g[E.size:-E.size]]))


def test_second_derivatives_and_rows_of_tied_words_are_exact():
    objective, theta = tied()
    v = data(theta.size, 4)
    truth = objective.grad(theta + 1e-20j * v).imag / 1e-20
    assert near(hvp(objective, theta, v), truth, 512)
    assert near(hvp(objective, theta, v, route="hyper-dual"), truth, 512)
    alone = [objective.batch(slice(n, n + 1)).grad(theta) for n in range(N)]
    assert near(per_example_gradients(objective, theta), np.array(alone))


def test_tied_words_have_two_names_of_equal_entries():
    objective, theta = tied()
    named = objective.net.named(theta)
    assert np.array_equal(named["0.weight"], named["3.weight"])
    assert np.array_equal(objective.net.from_named(named), theta)
    named["3.weight"] = named["3.weight"] + 1
    with pytest.raises(ValueError, match="weight shares a matrix"):
        objective.net.from_named(named)


def test_there_are_no_kronecker_factors_of_a_matrix_used_both_ways():
    with pytest.raises(TypeError, match="Kronecker factors are not defined.*untie"):
        kfac(*tied())


# ---- bad input ----

def test_words_out_of_range_and_floats_are_refused_with_what_to_write():
    net, y = Sequential(Embedding(V, D)), np.zeros((N, T, D))
    for wrong, first in ((-1, "-1"), (V, "7")):
        x = X.copy()
        x[1, 2] = x[3, 0] = wrong
        with pytest.raises(ValueError, match=rf"x must be integers in 0..6; x\[1, 2\] = {first} "
                                             r"\(2 entries"):
            Objective(net, SquaredError(), x, y)
    with pytest.raises(ValueError, match=r"x holds float64.*write x.astype\(int\)"):
        Objective(net, SquaredError(), X * 1.0, y)
    with pytest.raises(ValueError, match="x holds bool"):
        Objective(net, SquaredError(), X > 2, y)
    with pytest.raises(ValueError, match=r"x holds int64; write x.astype\(float\)"):
        Objective(Sequential(Dense(T, D)), SquaredError(), X, y[:, 0])
    with pytest.raises(ValueError, match="layer 1: Embedding.* must be the first layer"):
        Sequential(Dense(T, T), Embedding(V, D))


@pytest.mark.parametrize("make, message", [
    (lambda: Embedding(0, 3), "at least 1"),
    (lambda: Embedding(7, 3, padding_idx=7), "padding_idx must be None or one of 0, ..., 6, got 7"),
    (lambda: Embedding(7, 3, padding_idx=-1), "got -1"),
    (lambda: SinusoidalPositions(5), "even number of features"),
    (lambda: SinusoidalPositions(4).output_shape((4,)), r"needs shape \(T, 4\)"),
    (lambda: LearnedPositions(4, 3).output_shape((5, 3)), r"T <= 4, got \(5, 3\)"),
    (lambda: Unembedding(4, 7).output_shape((7,)), "needs 4 input features"),
])
def test_bad_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
