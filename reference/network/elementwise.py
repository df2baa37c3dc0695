"""Activations as a table: one line each, value and slope; everything else follows.

The slope is given y = value(x) too.  Second derivatives come from running the slope in dual
numbers, so each slope is written to keep its relative accuracy in both tails, and so that its own
derivative does.  At a kink the value of the left side is taken (hard-tanh: slope 0 at both ends).
"""

from dataclasses import dataclass
from typing import Callable

from ..arrays.checks import is_finite, plain
from ..arrays.functions import (cos, exp, expm1, gaussian_density, magnitude, modulus, ndtr,
                                    negative_part, ones_like, pi, positive, positive_part, primal,
                                    sech2, sigmoid, sigmoid_slope, sin, softplus, sqrt, tanh,
                                    where, zeros_like)
from .layer import Layer


@dataclass(frozen=True)
class Activation:
    """value(x, *parameters), slope(x, y, *parameters), and the parameters' names and defaults."""

    value: Callable
    slope: Callable
    parameters: tuple = ()          # ((name, default), ...)
    kinks: tuple = ()               # where the slope or its own slope jumps
    linear_pieces: bool = False     # whether the second derivative vanishes off the kinks


@dataclass(frozen=True)
class Elementwise(Layer):
    """y = f(x) entry by entry, f a line of ACTIVATIONS.

    Parameters
    ----------
    name : str
        A key of ACTIVATIONS.
    parameters : tuple of float
        In the order of the table line; its defaults if empty.
    """

    name: str
    parameters: tuple = ()

    def __post_init__(self):
        if self.name not in ACTIVATIONS:
            raise ValueError(f"no activation {self.name!r}; choose one of "
                             f"{', '.join(ACTIVATIONS)}.")
        defaults = tuple(value for _, value in ACTIVATIONS[self.name].parameters)
        object.__setattr__(self, "parameters", tuple(map(plain, self.parameters)) or defaults)
        if len(self.parameters) != len(defaults):
            raise ValueError(f"{self.name} takes {len(defaults)} parameters, "
                             f"got {self.parameters}.")
        if not all(map(is_finite, self.parameters)):
            raise ValueError(f"parameters of {self.name} must be finite numbers, got "
                             f"{self.parameters}.")

    def __repr__(self):
        return f"{self.name}({', '.join(map(str, self.parameters))})"

    def slope(self, x, y):
        """f'(x), entry by entry."""
        return ACTIVATIONS[self.name].slope(x, y, *self.parameters)

    def forward(self, W, x):
        """f(x); W is None."""
        return ACTIVATIONS[self.name].value(x, *self.parameters)

    def vjp(self, W, x, y, dy):
        """No weights, and dx = f'(x) dy."""
        return None, dy * self.slope(x, y)


# ---- helpers of more than a line ----

def _mish(x):
    """x tanh(log(1 + e^x)) = x n/(n + 2), n = e^x (e^x + 2), in powers of e^-|x|."""
    e = exp(-magnitude(x))
    return x * where(primal(x) > 0, 1 - 2 * e * e / (1 + 2 * e + 2 * e * e),
                     e * (2 + e) / (2 + e * (2 + e)))


def _mish_slope(x, y):
    """m + x m' with m = tanh(softplus(x)), m' = 4 e^x (1 + e^x)/(2 + 2 e^x + e^2x)^2."""
    e = exp(-magnitude(x))
    up, down = 1 + 2 * e + 2 * e * e, 2 + e * (2 + e)
    right = 1 - 2 * e * e / up + x * 4 * e * e * (1 + e) / (up * up)
    left = e * (2 + e) / down + x * 4 * e * (1 + e) / (down * down)
    return where(primal(x) > 0, right, left)


def _gelu_tanh_argument(x):
    """2 u = 2 sqrt(2/pi) (x + 0.044715 x^3), so that (1 + tanh u)/2 = sigmoid(2 u)."""
    return sqrt(8 / pi(x)) * (x + 0.044715 * x * x * x)


def _gelu_tanh_slope(x, y):
    u = _gelu_tanh_argument(x)
    return sigmoid(u) + x * sigmoid_slope(u) * sqrt(8 / pi(x)) * (1 + 3 * (0.044715 * x * x))


def _inside(x):
    """-1 < x < 1."""
    return positive(x + 1) & positive(1 - x)


# ---- the table ----

# SELU's constants are these float64 numbers, as every library has them [KUM17].
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848

ACTIVATIONS = {
    "Identity": Activation(lambda x: x, lambda x, y: ones_like(x), linear_pieces=True),
    "Tanh": Activation(tanh, sech2),
    "Sigmoid": Activation(sigmoid, lambda x, y: sigmoid_slope(x)),
    "Softplus": Activation(softplus, lambda x, y: sigmoid(x)),
    "ReLU": Activation(positive_part, lambda x, y: where(positive(x), 1, zeros_like(x)),
                       kinks=(0,), linear_pieces=True),
    "LeakyReLU": Activation(lambda x, a: where(positive(x), x, a * x),
                            lambda x, y, a: where(positive(x), 1, a * ones_like(x)),
                            (("slope", 0.01),), kinks=(0,), linear_pieces=True),
    "ELU": Activation(lambda x, a: positive_part(x) + a * expm1(negative_part(x)),
                      lambda x, y, a: where(positive(x), 1, a * exp(negative_part(x))),
                      (("alpha", 1.0),), kinks=(0,)),
    "SELU": Activation(lambda x: SELU_SCALE * (positive_part(x)
                                               + SELU_ALPHA * expm1(negative_part(x))),
                       lambda x, y: SELU_SCALE * where(positive(x), 1,
                                                       SELU_ALPHA * exp(negative_part(x))),
                       kinks=(0,)),
    "GELU": Activation(lambda x: x * ndtr(x), lambda x, y: ndtr(x) + x * gaussian_density(x)),
    "GELUTanh": Activation(lambda x: x * sigmoid(_gelu_tanh_argument(x)), _gelu_tanh_slope),
    "SiLU": Activation(lambda x: x * sigmoid(x), lambda x, y: sigmoid(x) + x * sigmoid_slope(x)),
    "Mish": Activation(_mish, _mish_slope),
    "HardTanh": Activation(lambda x: where(_inside(x), x, where(positive(x), 1, -ones_like(x))),
                           lambda x, y: where(_inside(x), 1, zeros_like(x)),
                           kinks=(-1, 1), linear_pieces=True),
    "Softsign": Activation(lambda x: x / (1 + modulus(x)),
                           lambda x, y: 1 / ((1 + modulus(x)) * (1 + modulus(x))), kinks=(0,)),
    "Sine": Activation(sin, lambda x, y: cos(x)),
}


def _constructor(name):
    def build(*parameters, **named):
        rest = dict(ACTIVATIONS[name].parameters[len(parameters):])
        if not named.keys() <= rest.keys():
            raise TypeError(f"{name}({names}) got {named} beside {parameters}.")
        return Elementwise(name, parameters + tuple({**rest, **named}.values()))
    names = ", ".join(f"{key}={value}" for key, value in ACTIVATIONS[name].parameters)
    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"{name}({names}): the layer y = f(x) of the line {name!r} of ACTIVATIONS."
    return build


def __getattr__(name):
    """Every line of the table is also a constructor: Tanh(), LeakyReLU(slope=0.2), ..."""
    if name in ACTIVATIONS:
        return _constructor(name)
    raise AttributeError(f"no activation {name!r}")
