"""What layers refuse when they are made or put together: the field, its value and what to do."""

import re

import numpy as np
import pytest

import reference as ref
from reference import (GRU, LSTM, RNN, AdaptiveAvgPool2d, Attention, AvgPool1d, BatchNorm, Conv1d,
                       Conv2d, Dense, Embedding, Flatten, GroupNorm, LayerNorm, LearnedPositions,
                       MaxPool2d, MultiHeadAttention, Unembedding, ZeroPad1d, ZeroPad2d)

MASK = np.arange(5) < np.array([5, 3, 2])[:, None]


# ---- counts ----

@pytest.mark.parametrize("make, says", [
    (lambda: Dense(True, 3), "Dense: inputs must be a whole number of at least 1, got True."),
    (lambda: Dense(3, 0), "Dense: outputs must be a whole number of at least 1, got 0."),
    (lambda: Conv2d(1, 2, 3, stride=True), "stride must be a whole number"),
    (lambda: Conv1d(2, 2, 3, groups=0), "Conv1d: groups must be a whole number of at least 1"),
    (lambda: Conv1d(2, 2, (True,)), "kernel_size must be"),
    (lambda: MaxPool2d(2, padding=False), "padding must be"),
    (lambda: AvgPool1d(True), "kernel_size must be"),
    (lambda: AdaptiveAvgPool2d(True), "output_size must be"),
    (lambda: ZeroPad1d(True), "padding must be"),
    (lambda: Flatten(False), "start_dim counts from the end"),
    (lambda: LayerNorm((3, True)), "LayerNorm: features must be a whole number of at least 1"),
    (lambda: BatchNorm(3, spatial=True), "spatial, the number of axes"),
    (lambda: GroupNorm(0, 4), "GroupNorm: groups must be a whole number of at least 1, got 0."),
    (lambda: Embedding(3, 4, True), "padding_idx must be None or one of 0, ..., 2, got True."),
    (lambda: LearnedPositions(5, True), "LearnedPositions: features must be"),
    (lambda: Unembedding(5, 0), "Unembedding: size must be"),
    (lambda: Attention(4, 0), "Attention: heads must be a whole number of at least 1, got 0."),
    (lambda: MultiHeadAttention(4, True), "heads must be a whole number of at least 1, got True."),
    (lambda: LSTM(2, 4, True), "LSTM: layers must be a whole number of at least 1, got True."),
    (lambda: GRU(2, 4, 0), "GRU: layers must be a whole number of at least 1, got 0."),
    (lambda: LSTM(2, 4, MASK), "layers must be a whole number of at least 1, got <bool array (3, 5)>."),
])
def test_whole_numbers_are_named_with_their_value_and_booleans_are_none(make, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        make()


def test_an_array_in_the_place_of_a_switch_is_shown_by_its_shape():
    with pytest.raises(TypeError, match=r"bidirectional must be .*, got <bool array \(3, 5\)>\."):
        RNN(2, 4, 1, MASK)


def test_a_matrix_of_numpy_is_refused_since_its_products_are_others():
    with pytest.warns(PendingDeprecationWarning):
        x = np.matrix(np.ones((3, 2)))
    net, y = ref.Sequential(Dense(2, 1)), np.ones((3, 1))
    with pytest.raises(TypeError, match=r"x is a numpy.matrix.*; pass numpy.asarray\(x\)"):
        ref.Objective(net, ref.SquaredError(), x, y)


# ---- cuts ----

@pytest.mark.parametrize("layer, shape", [
    (ZeroPad1d((-2, -1)), (2, 3)), (ZeroPad1d((-4, 5)), (2, 3)), (ZeroPad1d((5, -4)), (2, 3)),
    (ZeroPad2d((0, 0, -3, 4)), (1, 2, 5))])
def test_padding_cuts_no_more_than_there_is(layer, shape):
    with pytest.raises(ValueError, match="leaves nothing of an axis of"):
        layer.output_shape(shape)
    assert ZeroPad1d((-2, 1)).output_shape((2, 3)) == (2, 2)
