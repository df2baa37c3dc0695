"""One small problem for every regime in which curvature matrices meet, or do not."""

import numpy as np

from ..network.affine import Dense
from ..network.branches import Tied
from ..network.compose import Sequential
from ..network.convolution import Conv1d
from ..network.elementwise import Elementwise
from ..network.losses import BinaryCrossEntropy, CrossEntropy, Gaussian, SquaredError
from ..network.objective import Objective
from ..network.padding import Flatten
from ..network.pooling import AdaptiveAvgPool1d
from ..network.recurrent import RNN

N, D, C = 7, 4, 3
BINARY, SQUARES = BinaryCrossEntropy(), SquaredError()
TANH = Elementwise("Tanh")
PLACES = (AdaptiveAvgPool1d(1), Flatten(-2))


def _problem(rng, layers, loss=BINARY, shape=(D,), n=N, **options):
    """Random inputs (n, *shape), targets as the loss wants them, and a theta of moderate size."""
    net, x = Sequential(*layers), rng.standard_normal((n, *shape))
    theta = 0.7 * rng.standard_normal(net.layout.size)
    z = net.forward(theta, x)[-1]
    y = (rng.integers(z.shape[-1], size=z.shape[:-1]) if loss == CrossEntropy()
         else rng.random(z.shape) if loss == BINARY
         else rng.standard_normal(z.shape[:-1] + (z.shape[-1] // 2,)) if loss == Gaussian()
         else rng.standard_normal(z.shape))
    return Objective(net, loss, x, y, **options), theta


def _deep(f=TANH, outputs=C):
    """4-3-2-C, f between."""
    return Dense(D, 3), f, Dense(3, 2), f, Dense(2, outputs)


def _with(objective, theta, x=None, y=None):
    """The same with other data; y is a function of z."""
    x = objective.x if x is None else x
    y = objective.y if y is None else y(objective.net.forward(theta, x)[-1])
    return Objective(objective.net, objective.loss, x, y), theta


def _one_input(rng):
    objective, theta = _problem(rng, _deep())
    return _with(objective, theta, objective.x[:1].repeat(N, 0))


def _fitted(rng):
    return _with(*_problem(rng, _deep(), SQUARES), y=lambda z: z)


def _expected(rng):
    """Each input 2 C times, with residuals +- sqrt(C) e_c: their mean is 0, their moment I."""
    objective, theta = _problem(rng, _deep(), SQUARES, n=3)
    r = np.sqrt(C) * np.concatenate([np.eye(C), -np.eye(C)])
    return _with(objective, theta, objective.x.repeat(2 * C, 0), lambda z: z + np.tile(r, (3, 1)))


def _least_squares(rng):
    objective, _ = _problem(rng, (Dense(D, C),), SQUARES)
    p = np.concatenate([objective.x, np.ones((N, 1))], 1)
    return objective, np.linalg.lstsq(p, objective.y, rcond=None)[0].T.reshape(-1)


def _upwards(target):
    """Softplus bends upwards; positive weights carry the sign of the residuals to every bend."""
    def problem(rng):
        objective, theta = _problem(rng, _deep(Elementwise("Softplus")), SQUARES)
        return _with(objective, np.abs(theta), y=lambda z: np.full(z.shape, target))
    return problem


def _constant(rng):
    objective, theta = _problem(rng, (Conv1d(1, 2, 3), TANH, Flatten(-2), Dense(8, C)), n=1,
                                shape=(1, 6))
    return _with(objective, theta, np.full((1, 1, 6), 0.7))


CASES = {
    "tanh": lambda rng: _problem(rng, _deep()),
    "tanh, two matrices": lambda rng: _problem(
        rng, (Dense(D, 3), TANH, Dense(3, 4)), CrossEntropy()),
    "tanh, one unit": lambda rng: _problem(
        rng, (Dense(D, 1), TANH, Dense(1, C, bias=False)), CrossEntropy()),
    "tanh, squared error": lambda rng: _problem(rng, _deep(), SQUARES),
    "N = 1": lambda rng: _problem(rng, _deep(), n=1),
    "identical inputs": _one_input,
    "linear model": lambda rng: _problem(rng, (Dense(D, C),), CrossEntropy()),
    "linear model, weight decay": lambda rng: _problem(rng, (Dense(D, C),), l2=0.1),
    "least squares": _least_squares,
    "deep linear, squared error": lambda rng: _problem(
        rng, _deep(Elementwise("Identity")), SQUARES),
    "deep linear": lambda rng: _problem(rng, _deep(Elementwise("Identity"))),
    "piecewise linear": lambda rng: _problem(rng, _deep(Elementwise("LeakyReLU", (0.2,)))),
    "zero residual": _fitted,
    "expected labels": _expected,
    "learned variance": lambda rng: _problem(rng, _deep(outputs=4), Gaussian()),
    "learned variance, linear": lambda rng: _problem(rng, (Dense(D, 4),), Gaussian()),
    "learned variance, N = 1": lambda rng: _problem(rng, _deep(outputs=4), Gaussian(), n=1),
    "bends upwards": _upwards(-1.0),
    "bends downwards": _upwards(100.0),
    "convolution": lambda rng: _problem(
        rng, (Conv1d(2, 3, 2), TANH, *PLACES, Dense(3, C)), shape=(2, 6)),
    "convolution, constant image": _constant,
    "convolution, two groups": lambda rng: _problem(
        rng, (Conv1d(4, 2, 3, groups=2), TANH, Flatten(-2), Dense(2, C)),
        shape=(4, 3), n=1),
    "linear, mean over places": lambda rng: _problem(
        rng, (Conv1d(2, 3, 2), Conv1d(3, 2, 1), *PLACES), SQUARES, (2, 6)),
    "linear, labels at places": lambda rng: _problem(
        rng, (Dense(D, 3), Dense(3, C)), SQUARES, (5, D)),
    "tanh, labels at places": lambda rng: _problem(
        rng, (Dense(D, 3), TANH, Dense(3, C)), CrossEntropy(), (5, D)),
    "shared matrix": lambda rng: _problem(
        rng, (Dense(D, 3), Tied("W", Dense(3, 3)), Tied("W", Dense(3, 3)), Dense(3, 2)), SQUARES),
    "recurrent": lambda rng: _problem(
        rng, (RNN(D, 3, last=True), Dense(3, C)), CrossEntropy(), (5, D)),
}


def case(name):
    """The objective and theta of a name in CASES, the same every time."""
    return CASES[name](np.random.default_rng(0))
