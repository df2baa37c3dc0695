"""Recurrent tasks: images read pixel by pixel, a chaotic series, the next character of a text."""

from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.embedding import Embedding
from ..network.losses import CrossEntropy, SquaredError
from ..network.recurrent import LSTM, RNN
from .digits import digits
from .idx import mnist
from .series import PARAGRAPH, characters, load_text, mackey_glass, steps
from .training import pose


def pooled(x, side, width):
    """Images (N, side^2), averaged over width x width pixels, as steps (N, (side/width)^2, 1)."""
    places = side // width
    return x.reshape(-1, places, width, places, width).mean((2, 4)).reshape(-1, places ** 2, 1)


_PIXELS = {"tiny": (4, 200, 100, 50), "small": (16, 5_000, 1_000, 500),
           "paper": (32, None, None, 1000)}


def sequential_mnist(size, folder, dtype):
    """A stack of three LSTMs reads 49 means of pixels one by one; its last state is classified."""
    hidden, *counts, batch = _PIXELS[size]
    if folder is None:
        x, y = digits(300)
        parts = (x[:200], y[:200]), (x[200:], y[200:])
        side, width = 8, 2
    else:
        parts = [tuple(a[:n] for a in mnist(folder, split))
                 for split, n in zip(("train", "test"), counts)]
        side, width = 28, 4
    net = Sequential(LSTM(1, hidden, layers=3, last=True), Dense(hidden, 10))
    note = ("Sequential MNIST of [ZXB17]: images averaged to 7 x 7, three LSTMs, the last hidden "
            "state, a dense layer. Read pixel by pixel, row after row: 49 steps of one number. "
            "That order, 32 units, batch 1000 and PyTorch's start are ours."
            + {"tiny": " Here bundled digits averaged to 4 x 4, 16 steps, 4 units.",
               "small": " Here 5000 images and 16 units.", "paper": ""}[size])
    return pose("sequential-mnist", size, dtype, net, CrossEntropy(),
                *((pooled(x, side, width), y) for x, y in parts), batch, note)


_SERIES = {"tiny": (4, 16, 8, 4), "small": (10, 25, 40, 10), "paper": (10, 50, 100, 25)}


def chaotic_series(size, folder, dtype):
    """y_t = x_{t+1}: one step ahead of the Mackey-Glass series, by a net of tanh units."""
    hidden, T, n, n_test = _SERIES[size]
    x, y = (a[..., None] for a in steps(mackey_glass((n + n_test) * T + 1), T))
    note = (f"One step ahead of a chaotic series, for the recurrent Levenberg-Marquardt of [CS99]: "
            f"Mackey-Glass by Euler's recurrence (problems.mackey_glass), {n} pieces of {T} values "
            f"to train and the {n_test} after them to test, RNN of {hidden} tanh units and a "
            "linear output, half the squared error summed over steps; the whole batch. The series, "
            "sizes and PyTorch's start are ours: those of the paper are not known.")
    return pose("chaotic-series", size, dtype, Sequential(RNN(1, hidden), Dense(hidden, 1)),
                SquaredError(), (x[:n], y[:n]), (x[n:], y[n:]), n, note)


_TEXT = {"tiny": (4, 6, 16, 16), "small": (16, 64, 50, 50), "paper": (32, 256, 100, 100)}


def text(size, file, dtype):
    """z_t of characters 1..t predicts character t + 1: embedding, LSTM, dense; labels at places."""
    features, hidden, T, batch = _TEXT[size]
    codes, alphabet = characters(PARAGRAPH if file is None else load_text(file))
    C = len(alphabet)
    x, y = steps(codes, T)
    n = len(x) - max(1, len(x) // 10)
    if n < 1:
        raise ValueError(f"{file} has {len(codes)} characters; {2 * T + 1} at least are needed for "
                         "a piece to train and one to test.")
    net = Sequential(Embedding(C, features), LSTM(features, hidden), Dense(hidden, C))
    note = (f"The next character of {'a bundled paragraph' if file is None else 'a text'}: pieces "
            f"of {T}, an embedding of {features}, an LSTM of {hidden} units from the state 0, "
            "natural logarithm per character; the last tenth tests. Of none of the papers; the "
            "alphabet is that of the whole text.")
    return pose("text", size, dtype, net, CrossEntropy(), (x[:n], y[:n]), (x[n:], y[n:]), batch,
                note, reduction="mean over labels")
