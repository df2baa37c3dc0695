"""Pooling, padding and flattening: loops over windows, what each equals, and bad input."""

from itertools import product

import numpy as np
import pytest

from reference.arrays import ball
from reference.arrays import functions as F
from reference.arrays.dual import Dual
from reference.network.compose import Sequential
from reference.network.convolution import Conv1d, Conv2d
from reference.network.maxpool import MaxPool1d, MaxPool2d
from reference.network.padding import Flatten, Transpose, ZeroPad1d, ZeroPad2d
from reference.network.places import adaptive, fractional, frozen, gathered_sum, inverse, window
from reference.network.pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d
from reference.network.recurrent import LSTM

EPS = np.finfo(float).eps
N, C = 3, 2


def near(a, b, ulps=64):
    """Equal up to the rounding of sums of some ten terms of order one."""
    size = max(1, np.abs(b).max(initial=0))
    return np.shape(a) == np.shape(b) and np.abs(a - b).max(initial=0) <= ulps * EPS * size


# ---- the textbook: windows as slices of the padded input ----

def padded(x, padding, value):
    return np.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in padding], constant_values=value)


def windows(layer, x):
    """(place of the output, the window as an index into the padded x), clipped at its end."""
    sizes = [size + 2 * p for size, p in zip(x.shape[2:], layer.padding)]
    dilation = getattr(layer, "dilation", (1,) * len(sizes))
    starts = []
    for size, k, s, p, d in zip(sizes, layer.kernel_size, layer.stride, layer.padding, dilation):
        reach = d * (k - 1) + 1
        last = min(size - p - 1, size - reach + s - 1) if layer.ceil_mode else size - reach
        starts.append([range(a, min(size, a + reach), d) for a in range(0, last + 1, s)])
    for t in product(*(range(len(axis)) for axis in starts)):
        yield t, np.ix_(*(axis[i] for axis, i in zip(starts, t)))


def textbook(layer, x, dy):
    """y and dx of a pool with windows."""
    largest = isinstance(layer, (MaxPool1d, MaxPool2d))
    wide = padded(x, layer.padding, -np.inf if largest else 0)
    counted = padded(np.ones_like(x), layer.padding, getattr(layer, "count_include_pad", 0))
    y, dwide = np.zeros_like(dy), np.zeros_like(wide)
    for t, seen in windows(layer, x):
        for n, c in np.ndindex(x.shape[:2]):
            entries, size = wide[n, c][seen], counted[n, c][seen].sum()
            y[(n, c, *t)] = entries.max() if largest else entries.sum() / size
            share = entries == entries.max() if largest else 1 / size
            dwide[n, c][seen] += dy[(n, c, *t)] * share
    inner = tuple(slice(p, p + size) for p, size in zip(layer.padding, x.shape[2:]))
    return y, dwide[(..., *inner)]


AVERAGES = [AvgPool2d(k, s, p, *flags) for k, s, p, flags in product(
    [(2, 3), 3], [None, (2, 1), 4], [0, (1, 1)], product([False, True], repeat=2))]
AVERAGES += [AvgPool1d(k, s, p, *flags) for k, s, p, flags in product(
    [2, 3], [None, 1, 5], [0, 1], product([False, True], repeat=2))]
MAXIMA = [MaxPool2d(k, s, p, d, ceil) for k, s, p, d, ceil in product(
    [(2, 3), 2], [None, (3, 1)], [0, (1, 1)], [1, (2, 1)], [False, True])]
MAXIMA += [MaxPool1d(k, s, p, d, ceil) for k, s, p, d, ceil in product(
    [2, 3], [None, 1, 5], [0, 1], [1, 2], [False, True])]


def image(layer):
    """x (N, C, 7, 8), or the first axis of places of it; below 0, where padding would win."""
    x = np.random.default_rng(0).standard_normal((N, C, 7, 8)) - 5
    return x if layer.axes == 2 else x[..., 0]


def drawn(layer):
    x = image(layer)
    return x, np.random.default_rng(1).standard_normal((N, *layer.output_shape(x.shape[1:])))


@pytest.mark.parametrize("layer", AVERAGES + MAXIMA, ids=str)
def test_pools_are_loops_over_windows(layer):
    x, dy = drawn(layer)
    y, dx = textbook(layer, x, dy)
    assert (y != 0).all()
    assert near(layer.forward(None, x), y)
    nothing, ours = layer.vjp(None, x, y, dy)
    assert nothing is None and near(ours, dx)


@pytest.mark.parametrize("layer, sizes", [
    (AdaptiveAvgPool2d(1), (1, 1)), (AdaptiveAvgPool2d((3, 5)), (3, 5)),
    (AdaptiveAvgPool2d((None, 3)), (7, 3)), (AdaptiveAvgPool2d((9, 2)), (9, 2)),
    (AdaptiveAvgPool1d(4), (4,)), (AdaptiveAvgPool1d((10,)), (10,))], ids=str)
def test_adaptive_averages_are_loops_over_nearly_equal_windows(layer, sizes):
    x, dy = drawn(layer)
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    for t in np.ndindex(*sizes):
        bounds = [(np.floor(i * s / T), np.ceil((i + 1) * s / T))
                  for i, s, T in zip(t, x.shape[2:], sizes)]
        seen = (..., *(slice(int(a), int(b)) for a, b in bounds))
        size = x[seen][0, 0].size
        y[(..., *t)] = x[seen].reshape(N, C, -1).mean(-1)
        dx[seen] += dy[(..., *t)].reshape((N, C) + (1,) * layer.axes) / size
    assert near(layer.forward(None, x), y) and near(layer.vjp(None, x, y, dy)[1], dx)


# ---- what each equals ----

def test_the_global_average_is_the_mean_over_places():
    x = image(AdaptiveAvgPool2d(1))
    assert near(AdaptiveAvgPool2d(1).forward(None, x)[..., 0, 0], x.mean((-2, -1)))


def test_adaptive_averages_that_divide_are_plain_ones():
    x = image(AvgPool2d(2))[..., :6, :]
    assert near(AdaptiveAvgPool2d((3, 2)).forward(None, x), AvgPool2d((2, 4)).forward(None, x))


def test_an_average_is_a_depthwise_convolution_with_equal_weights():
    x = image(AvgPool2d(2))
    conv = Conv2d(C, C, (2, 3), stride=(2, 1), padding=(1, 1), groups=C, bias=False)
    options = (2, 3), (2, 1), (1, 1)
    assert near(AvgPool2d(*options).forward(None, x), conv.forward(np.full((C, 6), 1 / 6), x))


def test_the_divisor_counts_the_padding_unless_it_should_not():
    """Ones stay ones only where zeros are not counted; a last window is cut before counting."""
    x = np.ones((1, 1, 5))
    assert np.array_equal(AvgPool1d(2, 2, 1).forward(None, x)[0, 0], [0.5, 1, 1])
    assert np.array_equal(AvgPool1d(2, 2, 1, True).forward(None, x)[0, 0], [0.5, 1, 1])
    assert (AvgPool1d(2, 2, 1, False, False).forward(None, x) == 1).all()
    assert np.array_equal(AvgPool1d(4, 2, 1, True).forward(None, x)[0, 0], [0.75, 1, 2 / 3])


def test_the_divisor_is_exact_in_every_precision():
    x = image(AvgPool2d(3))
    for dtype in (np.float32, np.longdouble):
        for layer in (AvgPool2d(3), AvgPool2d(3, 2, 1, False, False), AdaptiveAvgPool2d(3)):
            y = layer.forward(None, x.astype(dtype))
            assert y.dtype == dtype
            assert np.abs(y - layer.forward(None, x)).max() < 40 * max(np.finfo(dtype).eps, EPS)
    third = AvgPool1d(3).forward(None, np.array([[[1, 0, 0]]], np.longdouble))
    assert third[0, 0, 0] == np.longdouble(1) / 3


def test_windows_side_by_side_drop_the_rows_that_remain():
    x = np.arange(7.0).reshape(1, 1, 7)
    assert AvgPool1d(3).forward(None, x)[0, 0].tolist() == [1, 4]
    assert AvgPool1d(3).vjp(None, x, None, np.ones((1, 1, 2)))[1][0, 0, 6] == 0
    assert MaxPool1d(3, ceil_mode=True).forward(None, x)[0, 0].tolist() == [2, 5, 6]


def test_the_only_window_may_leave_the_input_with_ceil_mode():
    """As in PyTorch: (L - k)/s is rounded up to 0 as long as L > k - s."""
    x = np.array([1.0, 2, 3, 6]).reshape(1, 1, 4)
    assert AvgPool1d(5, 2, ceil_mode=True).forward(None, x).tolist() == [[[3]]]
    assert MaxPool1d(6, 3, ceil_mode=True).forward(None, x).tolist() == [[[6]]]
    for size, stride, ceil in ((5, 2, False), (5, 1, True), (6, 2, True), (8, 4, True)):
        with pytest.raises(ValueError, match="is larger than the 4 of an axis"):
            MaxPool1d(size, stride, ceil_mode=ceil).forward(None, x)


def test_padding_is_numpys_and_cutting_is_slicing():
    x = image(ZeroPad2d(1))
    assert np.array_equal(ZeroPad1d((2, 1)).forward(None, x[..., 0]),
                          np.pad(x[..., 0], [(0, 0), (0, 0), (2, 1)]))
    y = ZeroPad2d((1, 2, 0, 3)).forward(None, x)
    assert np.array_equal(y, np.pad(x, [(0, 0), (0, 0), (0, 3), (1, 2)]))
    assert np.array_equal(ZeroPad2d((1, 2, 0, 3)).vjp(None, x, y, y)[1], x)
    assert np.array_equal(ZeroPad2d((-1, 0, -2, -1)).forward(None, x), x[:, :, 2:-1, 1:])


def test_padding_before_a_convolution_is_padding_in_it():
    x, W = image(ZeroPad2d(1)), np.random.default_rng(2).standard_normal((3, 13))
    conv = Conv2d(2, 3, (3, 2), stride=2)
    assert np.array_equal(conv.forward(W, ZeroPad2d((1, 1, 2, 2)).forward(None, x)),
                          Conv2d(2, 3, (3, 2), stride=2, padding=(2, 1)).forward(W, x))


def test_flattening_is_pytorchs_order():
    x = np.arange(48.0).reshape(2, 2, 3, 4)
    assert np.array_equal(Flatten().forward(None, x), x.reshape(2, 24))
    assert np.array_equal(Flatten(-2).forward(None, x), x.reshape(2, 2, 12))
    assert np.array_equal(Flatten().vjp(None, x, None, x.reshape(2, 24))[1], x)
    assert Flatten().output_shape((2, 3, 4)) == (24,)
    assert Flatten(-2).output_shape((2, 3, 4)) == (2, 12)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)
    assert np.array_equal(Flatten().forward(None, last), x.reshape(2, 24))


def test_transposing_leads_from_a_convolution_to_the_steps_of_a_recurrence():
    x = np.arange(24.0).reshape(2, 3, 4)
    y = Transpose().forward(None, x)
    assert y.shape[1:] == Transpose().output_shape((3, 4)) == (4, 3)
    assert all((y[n, t, c] == x[n, c, t]) for n in range(2) for t in range(4) for c in range(3))
    assert np.array_equal(Transpose().vjp(None, x, y, y)[1], x)
    net = Sequential(Conv1d(2, 3, 2), Transpose(), LSTM(3, 4))
    assert net.output_shape((2, 6)) == (5, 4)
    with pytest.raises(ValueError, match=r"Transpose\(\) needs examples of two axes or more"):
        Transpose().output_shape((3,))


# ---- maxima decide ----

def test_a_tie_goes_to_the_first_and_balls_refuse_it():
    x = np.array([[[1.0, 1.0, 0.5]]])
    layer = MaxPool1d(3)
    assert layer.vjp(None, x, None, np.ones((1, 1, 1)))[1].tolist() == [[[1, 0, 0]]]
    with ball.precision(53):
        close = ball.exact(x) + np.array([0, 1e-30, 0]) * ball.pi(ball.exact(x))
        with pytest.raises(ball.Undecided, match="kink"):
            layer.forward(None, close)
    with ball.precision(200):
        close = ball.exact(x) + np.array([0, 1e-30, 0]) * ball.pi(ball.exact(x))
        assert layer.forward(None, close)[0, 0, 0] > 1


def test_padding_is_never_the_largest_not_even_for_balls():
    x = np.array([[[-3.0, -5.0, -4.0]]])
    for numbers in (x, ball.exact(x), Dual(x, np.ones_like(x)), x + 1j):
        y = MaxPool1d(2, 2, 1).forward(None, numbers)
        assert F.primal(y).astype(float).tolist() == [[[-3, -4]]]


def test_leading_axes_decide_for_themselves():
    rng = np.random.default_rng(4)
    layer = MaxPool2d(2, 1, 1)
    x, dy = rng.standard_normal((4, N, C, 3, 5)), rng.standard_normal((2, 4, N, C, 4, 6))
    trace = layer.trace([], x)
    dx = layer.pull([], trace, dy)[1]
    shared = layer.pull([], layer.trace([], x[:1]), dy)[1]
    for m, k in np.ndindex(2, 4):
        alone = layer.trace([], x[k])
        assert np.array_equal(trace[-1][k], alone[-1])
        assert near(dx[m, k], layer.pull([], alone, dy[m, k])[1])
        assert near(shared[m, k], layer.pull([], layer.trace([], x[0]), dy[m, k])[1])


# ---- tables ----

def test_the_inverse_table_is_the_adjoint_of_a_gather():
    rng = np.random.default_rng(5)
    for index in (rng.integers(0, 7, (4, 5)), np.zeros((2, 3), int), rng.integers(-1, 2, (3, 4))):
        dp = rng.standard_normal((N, index.size))
        back = frozen(inverse(index, 9), index.size)
        expected = np.zeros((N, 9))
        for row, place in zip(dp.T, index.ravel()):
            if place >= 0:
                expected[:, place] += row
        assert near(gathered_sum(dp, back), expected)


def test_tables_say_where_each_offset_lies():
    assert window(5, 2, 2, 1, 0).tolist() == [[-1, 0], [1, 2], [3, 4]]
    assert window(4, 2, 1, 0, 0, 3).tolist() == [[0, 3]]
    assert fractional(2, 2, 2).tolist() == [[0, -1], [-1, 0], [1, -1], [-1, 1]]
    assert fractional(2, 1, 3, 0, 1, 2).tolist() == [[0], [-1], [-1], [1], [-1], [-1]]
    assert adaptive(5, 3).tolist() == [[0, 1, -1], [1, 2, 3], [3, 4, -1]]


# ---- bad input ----

@pytest.mark.parametrize("make, says", [
    (lambda: AvgPool2d(0), "kernel_size"), (lambda: AvgPool2d((2, 2, 2)), "tuple of 2"),
    (lambda: AvgPool2d(2, 0), "stride"), (lambda: AvgPool1d(3, 1, 2), "half of the kernel"),
    (lambda: MaxPool2d(2, 2, (0, 2)), "half of the kernel"), (lambda: MaxPool1d(2, 1, 0, 0), "dil"),
    (lambda: AvgPool2d(2, ceil_mode=1), "ceil_mode"),
    (lambda: AvgPool2d(2, count_include_pad="no"), "count_include_pad"),
    (lambda: AdaptiveAvgPool2d(0), "output_size"), (lambda: AdaptiveAvgPool1d((2, 2)), "output_si"),
    (lambda: ZeroPad2d((1, 2)), "tuple of 4"), (lambda: ZeroPad1d(0.5), "0.5"),
    (lambda: Flatten(1), "counts from the end")], ids=range(13))
def test_bad_options_are_refused(make, says):
    with pytest.raises((ValueError, TypeError), match=says):
        make()


@pytest.mark.parametrize("layer, shape, says", [
    (AvgPool2d(4), (2, 3, 5), "a window of 4 places .* larger than the 3"),
    (MaxPool2d(2, dilation=4), (2, 6, 4), "a window of 5 places .* larger than the 4"),
    (AvgPool2d(2), (3, 4), "2 axes of places"), (MaxPool1d(2), (4,), "1 axes of places"),
    (MaxPool1d(2, 1, 1, 3), (2, 2), "nothing but padding"),
    (ZeroPad1d((-2, -2)), (2, 3), "does not fit"),
    (Flatten(), (3, 4), r"write Flatten\(-2\)")], ids=range(7))
def test_examples_that_do_not_fit_are_refused_with_what_is_needed(layer, shape, says):
    with pytest.raises(ValueError, match=says):
        layer.output_shape(shape)
