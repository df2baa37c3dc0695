"""One small problem for every layer and option: what the layer table and its tests run over."""

import numpy as np

from ..network.affine import Dense
from ..network.attention import Attention, MultiHeadAttention
from ..network.branches import Parallel, Residual, Tied
from ..network.compose import Sequential
from ..network.convolution import Conv1d, Conv2d
from ..network.dropout import dropout
from ..network.elementwise import Tanh
from ..network.embedding import Embedding, LearnedPositions, SinusoidalPositions, Unembedding
from ..network.losses import CrossEntropy
from ..network.maxpool import MaxPool1d, MaxPool2d
from ..network.normalise import LayerNorm, RMSNorm
from ..network.normalise_channels import BatchNorm, GroupNorm, InstanceNorm
from ..network.objective import Objective
from ..network.padding import Flatten, Transpose, ZeroPad1d, ZeroPad2d
from ..network.pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d
from ..network.recurrent import GRU, LSTM, RNN
from ..network.transformer import TransformerEncoder, TransformerEncoderLayer
from ..network.transposed import ConvTranspose1d, ConvTranspose2d

N, CLASSES = 5, 3


def classify(rng, layers, shape, n=N, **options):
    """Random data (n, *shape), the layers with outputs (n, [T,] CLASSES), cross-entropy."""
    x = rng.standard_normal((n, *shape))
    return labelled(rng, Sequential(*layers), x, **options)


def labelled(rng, net, x, **options):
    """Random labels for the network's outputs at x, and a random theta of moderate size."""
    y = rng.integers(0, CLASSES, (len(x), *net.output_shape(x.shape[1:])[:-1]))
    theta = 0.6 * rng.standard_normal(net.layout.size)
    return Objective(net, CrossEntropy(), x, y, **options), theta


# ---- dense layers, branches, shared matrices ----

LAYERS = {
    "Dense": lambda rng: classify(rng, (Dense(4, 3), Tanh(), Dense(3, 3)), (4,)),
    "Dense without bias": lambda rng: classify(
        rng, (Dense(4, 5, bias=False), Tanh(), Dense(5, 3, bias=False)), (4,)),
    "Dense at places": lambda rng: classify(rng, (Dense(4, 5), Tanh(), Dense(5, 3)), (2, 4)),
    "Residual": lambda rng: classify(
        rng, (Dense(2, 4), Residual(Tanh(), Dense(4, 4)), Dense(4, 3)), (2,)),
    "Parallel, added": lambda rng: classify(
        rng, (Parallel(Dense(2, 4), Sequential(Dense(2, 5), Tanh(), Dense(5, 4))), Dense(4, 3)),
        (2,)),
    "Parallel, concatenated": lambda rng: classify(
        rng, (Parallel(Dense(2, 4), Sequential(Dense(2, 5), Tanh()), join="concatenate"),
              Dense(9, 3)), (2,)),
    "Tied": lambda rng: classify(
        rng, (Dense(2, 4), Tied("W", Dense(4, 4)), Tanh(), Tied("W", Dense(4, 4)), Tanh(),
              Dense(4, 3)), (2,)),
}


# ---- normalisation and dropout ----

def normalised(rng, shape, *layers, **options):
    """Examples (..., 4) through Dense(4, 5), the layers, tanh and Dense(5, 3)."""
    return classify(rng, (Dense(4, 5), *layers, Tanh(), Dense(5, 3)), shape, **options)


def evaluated(rng):
    """BatchNorm with running statistics."""
    mean, variance = 0.5 * rng.standard_normal(5), 0.5 + rng.random(5)
    return normalised(rng, (4,), BatchNorm(5, mean=mean, variance=variance))


LAYERS |= {
    "LayerNorm": lambda rng: normalised(rng, (4,), LayerNorm(5)),
    "LayerNorm first": lambda rng: classify(rng, (LayerNorm(4), Dense(4, 3)), (4,)),
    "LayerNorm without bias, at places": lambda rng: normalised(
        rng, (2, 4), LayerNorm(5, bias=False)),
    "LayerNorm without affine part": lambda rng: normalised(
        rng, (4,), LayerNorm(5, 0.1, affine=False)),
    "LayerNorm over two axes": lambda rng: normalised(rng, (2, 3, 4), LayerNorm((3, 5))),
    "RMSNorm": lambda rng: normalised(rng, (4,), RMSNorm(5)),
    "RMSNorm without gain, over two axes": lambda rng: normalised(
        rng, (2, 4), RMSNorm((2, 5), 1e-3, affine=False)),
    "GroupNorm": lambda rng: normalised(rng, (6, 2, 4), GroupNorm(2, 6), n=3),
    "GroupNorm without bias, one spatial axis": lambda rng: normalised(
        rng, (6, 4), GroupNorm(3, 6, bias=False, spatial=1)),
    "GroupNorm without affine part": lambda rng: normalised(
        rng, (4, 4), GroupNorm(2, 4, affine=False, spatial=1)),
    "InstanceNorm": lambda rng: normalised(rng, (2, 3, 4), InstanceNorm(2, affine=True)),
    "BatchNorm": lambda rng: normalised(rng, (4,), BatchNorm(5), n=7),
    "BatchNorm of images": lambda rng: normalised(
        rng, (2, 3, 4), BatchNorm(2, bias=False, spatial=2)),
    "BatchNorm without affine part": lambda rng: normalised(
        rng, (2, 4), BatchNorm(2, 0.1, affine=False, spatial=1)),
    "BatchNorm in evaluation": evaluated,
    "Dropout": lambda rng: normalised(rng, (4,), dropout(rng, (N, 5), 0.3)),
    "Dropout, one mask": lambda rng: normalised(
        rng, (2, 4), dropout(rng, (2, 5), 0.3, shared=True)),
}


# ---- convolutions, pooling, padding ----

def placed(rng, shape, *layers, n=N, **options):
    """Examples (C, *places) through the layers, tanh, and what is flat then through Dense."""
    body = (*layers, Tanh(), Flatten(-len(shape)))
    width, = Sequential(*body).output_shape(shape)
    return classify(rng, (*body, Dense(width, 3)), shape, n, **options)


def decided(rng, shape, layer, pool, n=4, step=0.4):
    """Examples whose largest entries stay the largest if a parameter of the layer moves a step."""
    objective, theta = placed(rng, shape, layer, pool, n=3000)
    own = objective.net.layout.slices[0]
    theta[own] *= 2
    steps = step * np.eye(theta.size)[own]
    winners = [pool.winners(layer.forward(objective.net.matrices(t)[0], objective.x[None]))
               for t in (theta[None], theta + steps, theta - steps)]
    sure = np.all([(w == winners[0]).all((0, 1)) for w in winners], axis=0)
    return objective.batch(np.flatnonzero(sure)[:n]), theta


LAYERS |= {
    "Conv1d": lambda rng: placed(rng, (2, 7), Conv1d(2, 3, 3)),
    "Conv1d, same, dilated, without bias": lambda rng: placed(
        rng, (2, 7), Conv1d(2, 3, 4, padding="same", dilation=2, bias=False), n=4),
    "Conv2d": lambda rng: placed(rng, (1, 4, 5), Conv2d(1, 2, (2, 3))),
    "Conv2d, strided and padded": lambda rng: placed(
        rng, (2, 5, 3), Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0)), n=4),
    "Conv2d, dilated": lambda rng: placed(rng, (1, 5, 4), Conv2d(1, 3, 2, dilation=(3, 1))),
    "Conv2d, two groups": lambda rng: placed(
        rng, (4, 3, 4), Conv2d(4, 6, (2, 3), stride=(1, 2), padding=(0, 1), groups=2), n=4),
    "Conv2d, depthwise": lambda rng: placed(
        rng, (3, 3, 2), Conv2d(3, 6, 2, groups=3, bias=False)),
    "Conv2d twice": lambda rng: placed(
        rng, (1, 7, 5), Conv2d(1, 3, (2, 3)), Tanh(), AvgPool2d((2, 1)), Conv2d(3, 2, 2), n=3),
    "ConvTranspose1d": lambda rng: placed(
        rng, (3, 4), ConvTranspose1d(3, 2, 3, stride=2, padding=1, output_padding=1)),
    "ConvTranspose2d": lambda rng: placed(
        rng, (2, 2, 3), ConvTranspose2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0)), n=4),
    "ConvTranspose2d, two groups, dilated": lambda rng: placed(
        rng, (4, 3, 2), ConvTranspose2d(4, 2, 2, (1, 2), (1, 0), (0, 1), 2, False, 2), n=4),
    "AvgPool1d": lambda rng: placed(rng, (2, 8), Conv1d(2, 3, 2), AvgPool1d(3, 2, 1)),
    "AvgPool2d, with ceil and without padding's zeros": lambda rng: placed(
        rng, (1, 5, 6), Conv2d(1, 2, 2), AvgPool2d((3, 2), (2, 3), (1, 0), True, False)),
    "MaxPool1d": lambda rng: decided(rng, (2, 5), Conv1d(2, 2, 2), MaxPool1d(3, 2, 1)),
    "MaxPool2d": lambda rng: decided(
        rng, (1, 4, 4), Conv2d(1, 2, 2), MaxPool2d(2, (3, 2), (1, 0), (1, 2), True)),
    "AdaptiveAvgPool1d": lambda rng: placed(rng, (2, 6), Conv1d(2, 3, 2), AdaptiveAvgPool1d(3)),
    "AdaptiveAvgPool2d": lambda rng: placed(
        rng, (1, 5, 4), Conv2d(1, 2, 2), AdaptiveAvgPool2d((3, None))),
    "AdaptiveAvgPool2d, global": lambda rng: placed(
        rng, (1, 5, 4), Conv2d(1, 4, 3), AdaptiveAvgPool2d(1)),
    "ZeroPad1d": lambda rng: placed(rng, (2, 5), Conv1d(2, 2, 3), ZeroPad1d((1, -1)),
                                    Conv1d(2, 3, 2)),
    "ZeroPad2d": lambda rng: placed(rng, (1, 4, 3), Conv2d(1, 2, 2), ZeroPad2d((1, 0, -1, 2)),
                                    Conv2d(2, 2, (2, 3))),
    "Transpose": lambda rng: placed(rng, (2, 5), Conv1d(2, 3, 2), Transpose(), Dense(3, 2)),
}
# ---- embeddings, attention, transformers ----

def words(rng, shape, *layers, size=7, **options):
    """Examples of words 0, ..., size - 1 through the layers."""
    return labelled(rng, Sequential(*layers), rng.integers(0, size, (N, *shape)), **options)


def attentive(rng, *layers, T=2):
    """Examples (T, 4) through the layers, which keep their shape, tanh and Dense(4, 3)."""
    return classify(rng, (*layers, Tanh(), Dense(4, 3)), (T, 4))


def keys(T=2):
    """A mask of N examples with T, T - 1, ..., 1, T, ... keys that count."""
    return np.arange(T) < T - np.arange(N)[:, None] % T


def ignoring(rng):
    """A language model, two of whose labels are ignored, by the mean over labels."""
    embedded = Tied("E", Embedding(5, 4)), LearnedPositions(2, 4)
    net = Sequential(*embedded, TransformerEncoderLayer(4, 2, 3, "GELU", True, causal=True),
                     Tied("E", Unembedding(4, 5)))
    x, y = rng.integers(0, 5, (N, 2)), rng.integers(0, 5, (N, 2))
    y[[1, 3], [1, 0]] = -1
    theta = 0.6 * rng.standard_normal(net.layout.size)
    return Objective(net, CrossEntropy(ignore=-1), x, y, reduction="mean over labels"), theta


def switched(rng):
    """A TransformerEncoderLayer whose ReLUs are far from 0, on or off."""
    objective, theta = attentive(rng, TransformerEncoderLayer(4, 2, 3))
    where = np.isin(np.arange(theta.size), objective.net.entries()["0.linear1.bias"])
    return objective, np.where(where, 4 * np.cos(np.pi * np.cumsum(where)), theta)


LAYERS |= {
    "Embedding": lambda rng: words(rng, (2,), Embedding(7, 4), Tanh(), Dense(4, 3)),
    "Embedding of one word": lambda rng: words(rng, (), Embedding(7, 4), Tanh(), Dense(4, 3)),
    "Embedding with padding": lambda rng: words(
        rng, (2,), Embedding(3, 4, padding_idx=1), Tanh(), Dense(4, 3), size=3),
    "LearnedPositions": lambda rng: words(
        rng, (2,), Embedding(7, 4), LearnedPositions(5, 4), Tanh(), Dense(4, 3)),
    "SinusoidalPositions": lambda rng: attentive(rng, Dense(4, 4), SinusoidalPositions(4)),
    "Unembedding": lambda rng: classify(rng, (Dense(2, 4), Tanh(), Unembedding(4, 3)), (2,)),
    "Embedding, tied to the output": lambda rng: words(
        rng, (2,), Tied("E", Embedding(7, 4)), Tanh(), Dense(4, 4), Tied("E", Unembedding(4, 7))),
    "Attention": lambda rng: classify(
        rng, (Dense(2, 12), Attention(4, 2), Tanh(), Dense(4, 3)), (7, 2)),
    "MultiHeadAttention": lambda rng: attentive(rng, MultiHeadAttention(4, 2)),
    "MultiHeadAttention, one head": lambda rng: attentive(rng, MultiHeadAttention(4, 1), T=3),
    "MultiHeadAttention without bias": lambda rng: attentive(
        rng, MultiHeadAttention(4, 4, bias=False)),
    "MultiHeadAttention, causal": lambda rng: attentive(
        rng, MultiHeadAttention(4, 2, causal=True), T=3),
    "MultiHeadAttention, masked": lambda rng: attentive(
        rng, MultiHeadAttention(4, 2, mask=keys(3)), T=3),
    "MultiHeadAttention, causal and masked": lambda rng: attentive(
        rng, MultiHeadAttention(4, 2, causal=True, mask=keys(3)), T=3),
    "TransformerEncoderLayer": switched,
    "TransformerEncoderLayer, norm first": lambda rng: attentive(
        rng, TransformerEncoderLayer(4, 2, 3, "GELU", norm_first=True)),
    "TransformerEncoderLayer, causal, masked, without bias": lambda rng: attentive(
        rng, TransformerEncoderLayer(4, 2, 3, "GELU", eps=0.1, causal=True, mask=keys(),
                                     bias=False)),
    "TransformerEncoder": lambda rng: attentive(
        rng, TransformerEncoder(4, 2, 1, layers=2, norm=True, activation="GELU", norm_first=True)),
    "Language model, labels ignored": ignoring,
}


# ---- recurrent layers ----

def recurrent(rng, kind, **options):
    """T = 4 steps of 3 features through a recurrent layer of 2, and Dense."""
    layer = kind(3, 2, **options)
    return classify(rng, (layer, Dense(layer.output_shape((4, 3))[-1], 3)), (4, 3), n=N)


def masked(rng, kind, **options):
    """The same with steps skipped: padding at the end, at the beginning, a hole, nothing."""
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
    return recurrent(rng, kind, mask=mask, **options)


def states(rng, rows, n=N):
    """Initial states (rows, n, 2)."""
    return rng.standard_normal((rows, n, 2))


LAYERS |= {
    "RNN": lambda rng: recurrent(rng, RNN),
    "RNN, relu, last, without bias": lambda rng: recurrent(
        rng, RNN, nonlinearity="relu", last=True, bias=False),
    "RNN, two layers, both directions, from a state": lambda rng: recurrent(
        rng, RNN, layers=2, bidirectional=True, initial=states(rng, 4)),
    "RNN, masked, last, both directions": lambda rng: masked(
        rng, RNN, bidirectional=True, last=True),
    "LSTM": lambda rng: recurrent(rng, LSTM),
    "LSTM, last, without bias": lambda rng: recurrent(rng, LSTM, last=True, bias=False),
    "LSTM, both directions, masked, from a state": lambda rng: masked(
        rng, LSTM, bidirectional=True, initial=(states(rng, 2), states(rng, 2, 1))),
    "LSTM, two layers, last": lambda rng: recurrent(rng, LSTM, layers=2, last=True),
    "GRU": lambda rng: recurrent(rng, GRU),
    "GRU, two layers, masked, last": lambda rng: masked(rng, GRU, layers=2, last=True),
    "GRU without bias": lambda rng: recurrent(rng, GRU, bias=False),
    "GRU, reset before": lambda rng: recurrent(rng, GRU, reset="before"),
    "GRU, reset before, masked, both directions, from a state": lambda rng: masked(
        rng, GRU, reset="before", bidirectional=True, last=True, initial=states(rng, 2)),
}
