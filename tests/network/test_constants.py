"""Constants of layers in longdouble, against truths that run no layer: balls and a float64 constant
would agree with each other, the code being the same."""

import flint
import numpy as np
import pytest

from reference import (GRU, LSTM, RNN, AdaptiveAvgPool1d, Attention, BatchNorm, Conv1d, Dense,
                       Dropout, Embedding, LayerNorm, Objective, Parallel, Sequential,
                       SinusoidalPositions, SquaredError, Tanh, Tied, certify, gradient,
                       per_example_gradients)
from reference.arrays import functions as F
from reference.arrays.precision import eps
from tests.truth import exact

WIDE = np.longdouble
TINY = 4 * eps(WIDE)


def forward(layer, x):
    return layer.trace([], x)[-1]


def distance(value, truth):
    """Of a longdouble from a ball, relative to the ball."""
    with flint.ctx.workprec(200):
        return float(abs((exact(value) - truth) / truth).upper())


def test_attention_divides_by_the_root_of_d_to_the_last_digit():
    """One query sees scores q.k/sqrt 3 and 0, so that y = sigmoid of the first."""
    q, k, v = np.zeros((3, 1, 2, 3), WIDE)
    q[0, 0], k[0, 0], v[0, 0] = 1, [0.5, 0.25, 0.125], 1
    y = forward(Attention(3, 1), np.concatenate([q, k, v], axis=-1))[0, 0, 0]
    with flint.ctx.workprec(200):
        truth = 1 / (1 + (-flint.arb(0.875) / flint.arb(3).sqrt()).exp())
    assert distance(y, truth) <= TINY


def test_positions_have_all_digits_of_10000_to_a_power():
    table = forward(SinusoidalPositions(4), np.zeros((1, 3, 4), WIDE))[0]
    with flint.ctx.workprec(200):
        angle = 2 / flint.arb(10000) ** (flint.arb(2) / 4)
        truths = [flint.arb(2).sin(), flint.arb(2).cos(), angle.sin(), angle.cos()]
    assert max(map(distance, table[2], truths)) <= TINY


def test_windows_of_unequal_length_are_divided_exactly():
    y = forward(AdaptiveAvgPool1d(3), np.ones((1, 1, 5), WIDE))
    assert np.array_equal(y, np.ones((1, 1, 3)))
    y = forward(AdaptiveAvgPool1d(3), np.array([[[1, 0, 0, 1, 0]]], WIDE))[0, 0]     # 2, 3, 2 wide
    assert np.array_equal(y, WIDE(1) / np.array([2, 3, 2], WIDE) * [1, 1, 1])


def test_dropout_and_eps_are_the_given_floats_exactly():
    y = forward(Dropout(np.ones((1, 1), bool), 0.1), np.ones((1, 1), WIDE))[0, 0]
    with flint.ctx.workprec(200):
        assert distance(y, 1 / (1 - exact(0.1))) <= TINY
    y = forward(LayerNorm(2, eps=0.1, affine=False), np.array([[1, -1]], WIDE))[0, 0]
    with flint.ctx.workprec(200):
        assert distance(y, 1 / (1 + exact(0.1)).sqrt()) <= TINY


def test_running_statistics_and_initial_states_keep_a_longdouble():
    third = WIDE(1) / 3
    bn = BatchNorm(1, affine=False, eps=0.5, mean=np.array([third]), variance=np.array([third]))
    with flint.ctx.workprec(200):
        truth = (1 - exact(third)) / (exact(third) + exact(0.5)).sqrt()
    assert distance(forward(bn, np.ones((2, 1), WIDE))[0, 0], truth) <= TINY
    rnn = RNN(1, 1, bias=False, last=True, initial=np.full((1, 1, 1), third))
    net = Sequential(rnn)
    h = net.forward(np.ones(2, WIDE), np.zeros((1, 1, 1), WIDE))[-1][0, 0]
    with flint.ctx.workprec(200):
        e = (2 * exact(third)).exp()
        assert distance(h, (e - 1) / (e + 1)) <= TINY


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_a_certificate_knows_the_digits_of_a_longdouble_initial_state(cell):
    """The gradient at the state rounded to float64 is another gradient, and not proven by balls."""
    rng = np.random.default_rng(0)
    h0 = rng.standard_normal((1, 1, 2)) / WIDE(3)
    x, y = (rng.standard_normal(s).astype(WIDE) for s in ((3, 2, 2), (3, 1)))

    def problem(state):
        start = (state, state) if cell is LSTM else state
        net = Sequential(cell(2, 2, last=True, initial=start), Dense(2, 1))
        return Objective(net, SquaredError(), x, y)
    theta = rng.standard_normal(problem(h0).net.layout.size).astype(WIDE)
    right, wrong = (gradient(problem(h), theta) for h in (h0, h0.astype(float).astype(WIDE)))
    proven = certify(gradient, problem(h0), theta)
    assert np.abs(right - proven.value).max() <= proven.radius
    assert np.abs(wrong - proven.value).max() > 10 * proven.radius > 0


# ---- arrays per example, and what is cut with them ----

def test_batch_keeps_every_other_option():
    mask, index = np.ones((3, 4), bool), np.array([2, 0])
    assert Attention(2, 1, causal=True, mask=mask).batch(index).causal
    wide = Parallel(Conv1d(2, 3, 1), Conv1d(2, 3, 1), join="concatenate", axis=-2)
    assert wide.batch(index).axis == -2 and wide.batch(index).output_shape((2, 5)) == (6, 5)
    named = Sequential(Dense(2, 2), Tanh(), names=("first", "bent"))
    assert named.batch(index).names == ("first", "bent")
    mask[2, 3] = False
    tied = Sequential(Tied("R", RNN(2, 2, mask=mask)), Tied("R", RNN(2, 2, mask=mask)))
    rng = np.random.default_rng(0)
    x, theta = rng.standard_normal((3, 4, 2)), rng.standard_normal(tied.layout.size)
    there = tied.batch(index).forward(theta, x[index])[-1]
    assert np.array_equal(there, tied.forward(theta, x)[-1][index])


def test_indices_of_any_integer_type_tell_examples_apart():
    net = Sequential(Embedding(5, 2), Dense(2, 1))
    rng = np.random.default_rng(0)
    tokens, theta = rng.integers(0, 5, (3, 4)), rng.standard_normal(net.layout.size)
    rows = [per_example_gradients(Objective(net, SquaredError(), tokens.astype(kind),
                                            np.ones((3, 4, 1))), theta)
            for kind in (np.int64, np.uint64, np.uint8)]
    assert np.array_equal(rows[0], rows[1]) and np.array_equal(rows[0], rows[2])


def test_fitted_numbers_have_the_precision_of_what_they_stand_beside():
    third = np.array([WIDE(1) / 3])
    for dtype in (np.float32, float, WIDE):
        assert F.fitted(third, np.ones(1, dtype)).dtype == dtype
    assert F.fitted(np.array([3]), np.ones(1, np.float32)).dtype == np.float32
