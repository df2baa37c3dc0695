"""Convolutions: loops over every entry, what each equals for special options, and bad input."""

from itertools import product

import numpy as np
import pytest

from reference.arrays.dual import Dual
from reference.curvature.kfac import kfac
from reference.network.affine import Dense
from reference.network.compose import Sequential
from reference.network.convolution import Conv1d, Conv2d
from reference.network.initial import glorot, he, pytorch, sparse
from reference.network.losses import SquaredError
from reference.network.objective import Objective
from reference.network.padding import Flatten
from reference.network.transposed import ConvTranspose1d, ConvTranspose2d

EPS = np.finfo(float).eps
N = 3


def near(a, b, ulps=256):
    """Equal up to the rounding of sums of some hundred terms of order one."""
    size = max(1, np.abs(b).max(initial=0))
    return np.shape(a) == np.shape(b) and np.abs(a - b).max(initial=0) <= ulps * EPS * size


# ---- the textbook, entry by entry ----

def inside(place, sizes):
    return all(0 <= u < size for u, size in zip(place, sizes))


def meetings(x, w, out, stride, before, dilation, groups, transposed=False):
    """All (entry of w, entry of x, entry of y) that are multiplied, without the example."""
    sizes, kernel = x.shape[2:], w.shape[2:]
    C, O = x.shape[1] // groups, out[0] // groups
    wide, narrow = (sizes, out[1:]) if not transposed else (out[1:], sizes)
    for j, o, c in product(range(groups), range(O), range(C)):
        for t, k in product(np.ndindex(*narrow), np.ndindex(*kernel)):
            u = tuple(a * s - b + i * d for a, s, b, i, d in zip(t, stride, before, k, dilation))
            if inside(u, wide) and not transposed:
                yield (j * O + o, c, *k), (j * C + c, *u), (j * O + o, *t)
            elif inside(u, wide):
                yield (j * C + c, o, *k), (j * C + c, *t), (j * O + o, *u)


def textbook(x, w, b, out, dy, **options):
    """y, dx, dw, db of a convolution or its transpose."""
    y, dx, dw = np.zeros((len(x), *out)), np.zeros(x.shape), np.zeros(w.shape)
    y = y + b.reshape((-1,) + (1,) * (len(out) - 1))
    for i, u, t in meetings(x, w, out, **options):
        u, t = (slice(None), *u), (slice(None), *t)
        y[t] += w[i] * x[u]
        dx[u] += w[i] * dy[t]
        dw[i] += dy[t] @ x[u]
    return y, dx, dw, dy.sum(axis=(0, *range(2, dy.ndim)))


def options_of(layer):
    """How the textbook writes a layer's options; "same" by the rule of its documentation."""
    before = layer.padding
    if before == "same":
        before = [d * (k - 1) // 2 for d, k in zip(layer.dilation, layer.kernel_size)]
    return dict(stride=layer.stride, before=before, dilation=layer.dilation, groups=layer.groups,
                transposed=isinstance(layer, (ConvTranspose1d, ConvTranspose2d)))


CASES = {
    "plain": (Conv2d(2, 3, (3, 2)), (2, 5, 4), (3, 3, 3)),
    "strided, with a remainder": (Conv2d(1, 2, (2, 3), stride=(3, 2)), (1, 7, 6), (2, 2, 2)),
    "padded": (Conv2d(2, 3, (3, 2), padding=(2, 1)), (2, 3, 4), (3, 5, 5)),
    "same": (Conv2d(2, 1, (4, 3), padding="same"), (2, 3, 5), (1, 3, 5)),
    "same, dilated": (Conv2d(1, 2, (2, 3), padding="same", dilation=(3, 2)), (1, 4, 5), (2, 4, 5)),
    "valid": (Conv2d(2, 3, 2, padding="valid"), (2, 3, 4), (3, 2, 3)),
    "dilated": (Conv2d(2, 1, (2, 3), dilation=(3, 2)), (2, 5, 7), (1, 2, 3)),
    "everything": (Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (2, 3), 2), (4, 7, 5), (6, 3, 6)),
    "depthwise": (Conv2d(3, 6, (2, 3), groups=3), (3, 4, 5), (6, 3, 3)),
    "without bias": (Conv2d(2, 3, 2, bias=False, groups=1), (2, 3, 4), (3, 2, 3)),
    "one axis": (Conv1d(2, 3, 4), (2, 7), (3, 4)),
    "one axis, everything": (Conv1d(4, 2, 3, 2, 3, 2, 2, False), (4, 9), (2, 6)),
    "one axis, same": (Conv1d(2, 3, (4,), padding="same", dilation=3), (2, 5), (3, 5)),
    "transposed": (ConvTranspose2d(2, 3, (3, 2)), (2, 4, 5), (3, 6, 6)),
    "transposed, strided": (ConvTranspose2d(2, 1, (2, 3), stride=(3, 2)), (2, 3, 2), (1, 8, 5)),
    "transposed, everything": (
        ConvTranspose2d(4, 6, (3, 2), (3, 2), (1, 2), (2, 1), 2, True, (1, 3)), (4, 3, 5),
        (6, 9, 9)),
    "transposed, without bias": (ConvTranspose2d(3, 3, 2, groups=3, bias=False), (3, 2, 3),
                                 (3, 3, 4)),
    "transposed, one axis": (ConvTranspose1d(2, 3, 3, 2, 1, 1), (2, 4), (3, 8)),
    "transposed, one axis, dilated": (ConvTranspose1d(2, 1, 2, 1, 0, 2, 1, True, 3), (2, 4),
                                      (1, 9)),
}
each_case = pytest.mark.parametrize("layer, shape, out", CASES.values(), ids=CASES)


def drawn(layer, shape, out, seed=0):
    """W, x and dy."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s) for s in (layer.shape, (N, *shape), (N, *out))]


@each_case
def test_forward_and_backward_are_the_loops_of_the_textbook(layer, shape, out):
    W, x, dy = drawn(layer, shape, out)
    named = layer.parts([W])
    b = named.get("bias", np.zeros(layer.outputs))
    y, dx, dw, db = textbook(x, named["weight"], b, out, dy, **options_of(layer))
    assert layer.output_shape(shape) == out
    assert near(layer.forward(W, x), y)
    dW, ours = layer.vjp(W, x, y, dy)
    assert near(ours, dx)
    named = layer.parts([dW])
    assert near(named["weight"], dw)
    assert ("bias" in named) == layer.bias and (not layer.bias or near(named["bias"], db))


@each_case
def test_the_uses_of_the_matrix_agree_with_each_other(layer, shape, out):
    W, x, dy = drawn(layer, shape, out)
    (use,), _ = layer.pull([W], layer.trace([W], x), dy)
    dW = layer.vjp(W, x, None, dy)[0]
    assert near(use.total(), dW) and near(use.each().sum(0), dW)
    alone = [layer.vjp(W, x[n:n + 1], None, dy[n:n + 1])[0] for n in range(N)]
    assert near(use.each(), np.array(alone))
    pairs = use.pairs()
    assert len(pairs) == layer.groups
    assert near(np.concatenate([np.einsum("nto,nti->oi", g, p) for p, g in pairs]), dW)


@each_case
def test_the_matrix_is_a_move_of_pytorchs_entries_and_back(layer, shape, out):
    net = Sequential(layer)
    theta = np.random.default_rng(1).standard_normal(net.layout.size)
    named = net.named(theta)
    assert np.array_equal(net.from_named(named), theta)
    O, C, J = layer.outputs, layer.inputs, layer.groups
    transposed = isinstance(layer, (ConvTranspose1d, ConvTranspose2d))
    assert named["0.weight"].shape == ((C, O // J) if transposed else (O, C // J)) + (
        layer.kernel_size)


@each_case
def test_directions_and_leading_axes_are_loops(layer, shape, out):
    W, x, dy = drawn(layer, shape, out)
    RW, Rx = drawn(layer, shape, out, seed=1)[:2]
    dual = layer.trace([Dual(W, RW)], Dual(x, Rx))
    bias = np.zeros((layer.outputs, 1)) if layer.bias else np.zeros((layer.outputs, 0))
    still = np.concatenate([W[:, :W.shape[1] - layer.bias], bias], 1)
    assert near(dual[-1].du, layer.forward(RW, x) + layer.forward(still, Rx))
    thetas, cotangents = np.stack([W, RW]), np.stack([[dy, -dy], [2 * dy, dy], [dy, 0 * dy]])
    trace = layer.trace([thetas], x[None])
    (use,), dx = layer.pull([thetas], trace, cotangents)
    for m, k in np.ndindex(3, 2):
        (one,), down = layer.pull([thetas[k]], layer.trace([thetas[k]], x), cotangents[m, k])
        assert near(dx[m, k], down) and near(use.total()[m, k], one.total())
        assert near(use.each()[m, k], one.each())


# ---- mistakes that others made ----

def right_and_wrong(case, **changed):
    layer, shape, out = CASES[case]
    W, x, dy = drawn(layer, shape, out)
    named = layer.parts([W])
    rest = x, named["weight"], named["bias"], out, dy
    y, dx, dw, _ = textbook(*rest, **{**options_of(layer), **changed})
    dW, ours = layer.vjp(W, x, None, dy)
    return (layer.forward(W, x), ours, layer.parts([dW])["weight"]), (y, dx, dw)


@pytest.mark.parametrize("case, changed", [
    ("dilated", dict(stride=(3, 2), dilation=(1, 1))), ("everything", dict(before=(0, 0))),
    ("strided, with a remainder", dict(stride=(1, 1), dilation=(3, 2))),
    ("same", dict(before=(2, 1))), ("transposed, strided", dict(stride=(2, 3)))],
    ids=["dilation as stride", "no padding", "stride as dilation", "same padded before",
         "stride of the other axis"])
def test_the_loops_tell_mistakes_of_the_options_apart(case, changed):
    for ours, wrong in zip(*right_and_wrong(case, **changed)):
        assert not near(ours, wrong, 1e6)


def test_the_kernel_gradient_is_a_sum_over_places_and_no_mean():
    layer, x = Conv2d(1, 1, (2, 3)), np.ones((1, 1, 5, 7))
    dW, _ = layer.vjp(np.zeros((1, 7)), x, None, np.ones((1, 1, 4, 5)))
    assert np.array_equal(dW, np.full((1, 7), 20))


def test_rows_that_no_window_reaches_have_cotangent_zero_and_keep_their_place():
    layer, x = Conv2d(1, 1, 2, stride=3), np.ones((1, 1, 7, 9))
    y = layer.forward(np.ones((1, 5)), x)
    _, dx = layer.vjp(np.ones((1, 5)), x, y, np.ones_like(y))
    rows, columns = np.arange(7) % 3 < 2, np.arange(9) % 3 < 2
    rows[6:] = False
    assert y.shape == (1, 1, 2, 3) and np.array_equal(dx[0, 0], np.outer(rows, columns))


def test_groups_see_their_own_channels_alone():
    layer = Conv2d(4, 6, 2, groups=2)
    W, x, _ = drawn(layer, (4, 3, 3), (6, 2, 2))
    moved = x.copy()
    moved[:, 2:] += 1
    changed = (layer.forward(W, x) != layer.forward(W, moved)).any((0, 2, 3))
    assert changed.tolist() == [False] * 3 + [True] * 3


def test_output_padding_adds_places_after_and_nothing_before():
    W, x, _ = drawn(ConvTranspose1d(2, 3, 3, 3), (2, 4), (3, 12))
    plain = ConvTranspose1d(2, 3, 3, 3).forward(W, x)
    more = ConvTranspose1d(2, 3, 3, 3, output_padding=2).forward(W, x)
    assert plain.shape == (N, 3, 12) and more.shape == (N, 3, 14)
    assert near(more[..., :12], plain)
    assert near(more[..., 12:], np.broadcast_to(W[:, -1:], (N, 3, 2)))
    cropped = ConvTranspose1d(2, 3, 3, 3, padding=1, output_padding=1).forward(W, x)
    assert near(cropped, plain[..., 1:])                 # what the padding took, it brings back


# ---- special cases ----

def test_a_kernel_as_large_as_the_image_is_a_dense_layer_factors_included():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((N, 2, 3, 4)), rng.standard_normal((N, 5))
    layers = Sequential(Conv2d(2, 5, (3, 4)), Flatten()), Sequential(Flatten(), Dense(24, 5))
    theta = rng.standard_normal(125)
    one, other = (Objective(net, SquaredError(), x, y) for net in layers)
    assert near(one.outputs(theta), other.outputs(theta)) and near(one.grad(theta),
                                                                   other.grad(theta))
    for a, b in zip(kfac(one, theta), kfac(other, theta)):
        assert near(a.A, b.A) and near(a.G, b.G)


def test_a_kernel_of_one_place_is_a_dense_layer_at_every_place():
    layer = Conv2d(3, 4, 1)
    W, x, _ = drawn(layer, (3, 2, 5), (4, 2, 5))
    assert near(layer.forward(W, x),
                np.moveaxis(Dense(3, 4).forward(W, np.moveaxis(x, 1, -1)), -1, 1))


@pytest.mark.parametrize("options", [
    dict(stride=(2, 3), padding=(1, 0)), dict(dilation=(1, 2), stride=2), dict(groups=2)], ids=str)
def test_the_transposed_layer_is_the_adjoint_of_the_layer(options):
    """(K x, y) = (x, K^T y) for one kernel in PyTorch's shape; output_padding fills up the rest."""
    conv = Conv2d(4, 6, (3, 2), bias=False, **options)
    W, x, y = drawn(conv, (4, 8, 7), conv.output_shape((4, 8, 7)))
    short = ConvTranspose2d(6, 4, (3, 2), bias=False, **options).output_shape(y.shape[1:])
    missing = tuple(a - b for a, b in zip((8, 7), short[1:]))
    back = ConvTranspose2d(6, 4, (3, 2), bias=False, output_padding=missing, **options)
    V = Sequential(back).from_named({"0.weight": conv.weight(W)}).reshape(back.shape)
    assert near((conv.forward(W, x) * y).sum(), (x * back.forward(V, y)).sum())
    assert near(conv.vjp(W, x, None, y)[1], back.forward(V, y))


def test_a_shifted_input_gives_a_shifted_output():
    layer = Conv2d(2, 3, (3, 2))
    W, x, _ = drawn(layer, (2, 8, 7), (3, 6, 6))
    y = layer.forward(W, x)
    assert near(layer.forward(W, x[..., 1:, 2:]), y[..., 1:, 2:])


# ---- initial matrices ----

@pytest.mark.parametrize("layer, fans", [
    (Conv2d(4, 6, (3, 2)), (24, 36)), (Conv2d(4, 6, (3, 2), groups=2), (12, 36)),
    (Conv1d(4, 6, 5, bias=False), (20, 30)), (ConvTranspose2d(4, 6, (3, 2)), (36, 24)),
    (ConvTranspose1d(4, 6, 5, groups=2), (15, 20))], ids=str)
def test_fans_count_the_places_of_the_kernel(layer, fans):
    """As torch.nn.init: sizes 1 and 0 of the weight times its places."""
    assert layer.fans == fans
    draw = np.random.default_rng
    W = pytorch(draw(0), layer)
    assert W.shape == layer.shape and np.abs(W).max() <= 1 / np.sqrt(fans[0])
    W0 = glorot(draw(0), layer)[:, :layer.shape[1] - layer.bias]
    assert 0.8 < np.abs(W0).max() / np.sqrt(6 / sum(fans)) <= 1
    assert he(draw(0), layer).shape == sparse(draw(0), layer).shape == layer.shape


# ---- bad input ----

@pytest.mark.parametrize("make, says", [
    (lambda: Conv2d(0, 3, 2), "inputs must be a whole number"),
    (lambda: Conv2d(2, 3, 0), "kernel_size"),
    (lambda: Conv2d(2, 3, (2, 2, 2)), "tuple of 2"), (lambda: Conv2d(2, 3, 1.5), "1.5"),
    (lambda: Conv2d(2, 3, 2, stride=0), "stride"), (lambda: Conv2d(2, 3, 2, padding=-1), "padding"),
    (lambda: Conv2d(2, 3, 2, padding="full"), "full"), (lambda: Conv2d(2, 3, 2, bias=1), "bias"),
    (lambda: Conv2d(2, 3, 2, groups=2), "divide"), (lambda: Conv1d(2, 3, (2, 2)), "tuple of 1"),
    (lambda: Conv2d(2, 3, 2, stride=2, padding="same"), "stride 1"),
    (lambda: ConvTranspose2d(2, 3, 2, 2, 0, 2), "smaller than"),
    (lambda: ConvTranspose1d(2, 3, 2, padding="same"), "same")], ids=range(13))
def test_bad_options_are_refused(make, says):
    with pytest.raises((ValueError, TypeError), match=says):
        make()


@pytest.mark.parametrize("layer, shape, says", [
    (Conv2d(2, 3, 4), (2, 3, 5), "a window of 4 places .* larger than the 3 of an axis"),
    (Conv2d(2, 3, 2, dilation=3), (2, 3, 5), "a window of 4 places"),
    (Conv2d(2, 3, 2), (3, 4, 5), r"with 2 channels, got shape \(3, 4, 5\)"),
    (Conv2d(2, 3, 2), (2, 5), "2 axes of places"), (Conv1d(2, 3, 2), (2, 4, 5), "1 axes of places"),
    (ConvTranspose1d(2, 3, 2, padding=3), (2, 3), "padding 3")], ids=range(6))
def test_examples_that_do_not_fit_are_refused_with_what_is_needed(layer, shape, says):
    with pytest.raises(ValueError, match=says):
        layer.output_shape(shape)
