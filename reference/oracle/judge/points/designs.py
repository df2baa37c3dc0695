"""Networks whose sizes are pairwise coprime where a factor could be confused, one of each kind.

name -> (make(rng, N), loss, shape of an example, N).
"""

from ....network.affine import Dense
from ....network.attention import MultiHeadAttention
from ....network.compose import Sequential
from ....network.convolution import Conv1d, Conv2d
from ....network.dropout import dropout
from ....network.elementwise import Elementwise
from ....network.embedding import Embedding
from ....network.losses import BinaryCrossEntropy, CrossEntropy, Gaussian, Poisson, SquaredError
from ....network.maxpool import MaxPool1d
from ....network.normalise import LayerNorm
from ....network.padding import Flatten
from ....network.pooling import AdaptiveAvgPool1d
from ....network.recurrent import GRU, LSTM, RNN

TANH, LEAKY = Elementwise("Tanh"), Elementwise("LeakyReLU", (0.3,))


def chain(*layers):
    """A function that makes the same net whatever is drawn."""
    return lambda rng, N: Sequential(*layers)


def _masked(rng, N):
    return Sequential(Dense(4, 3), TANH, dropout(rng, (N, 3), 0.3), Dense(3, 7))


DESIGNS = {
    "dense": (chain(Dense(4, 2), TANH, Dense(2, 7)), CrossEntropy(), (4,), 11),
    "deep": (chain(Dense(4, 3), TANH, Dense(3, 5), Elementwise("Sigmoid"),
                   Dense(5, 7, bias=False)), CrossEntropy(), (4,), 11),
    "regression": (chain(Dense(4, 3), TANH, Dense(3, 7)), SquaredError(), (4,), 11),
    "coins": (chain(Dense(4, 3), TANH, Dense(3, 7)), BinaryCrossEntropy(), (4,), 11),
    "counts": (chain(Dense(4, 3), TANH, Dense(3, 7)), Poisson(), (4,), 11),
    "variance": (chain(Dense(4, 3), TANH, Dense(3, 10)), Gaussian(), (4,), 11),
    "relu": (chain(Dense(4, 3), LEAKY, Dense(3, 5), TANH, Dense(5, 7)), CrossEntropy(), (4,), 11),
    "conv": (chain(Conv1d(2, 3, 3, stride=2), TANH, AdaptiveAvgPool1d(1), Flatten(-2),
                   Dense(3, 11)), CrossEntropy(), (2, 15), 13),
    "image": (chain(Conv2d(2, 3, (2, 3), stride=(1, 2), dilation=(2, 1)), TANH, Flatten(),
                    Dense(27, 11)), CrossEntropy(), (2, 5, 7), 13),
    "pooled": (chain(Conv1d(2, 3, 3, stride=2), TANH, MaxPool1d(3, 2), Flatten(-2),
                     Dense(9, 11)), CrossEntropy(), (2, 15), 13),
    "words": (chain(Dense(4, 3), TANH, Dense(3, 11)), CrossEntropy(), (7, 4), 13),
    "embedding": (chain(Embedding(5, 3), TANH, Dense(3, 11)), CrossEntropy(), (7,), 13),
    "recurrent": (chain(RNN(4, 3, last=True), Dense(3, 11)), CrossEntropy(), (7, 4), 13),
    "lstm": (chain(LSTM(4, 3, last=True), Dense(3, 11)), CrossEntropy(), (7, 4), 13),
    "gru": (chain(GRU(4, 3, last=True), Dense(3, 11)), CrossEntropy(), (7, 4), 13),
    "normalised": (chain(Dense(4, 3), LayerNorm(3), TANH, Dense(3, 7)), CrossEntropy(), (4,), 11),
    "attention": (chain(MultiHeadAttention(4, 2), Dense(4, 11)), CrossEntropy(), (7, 4), 13),
    "dropout": (_masked, CrossEntropy(), (4,), 11),
}
