"""Every activation against its textbook formula in balls: value, slope and second derivative."""

from functools import cache

import numpy as np
import pytest

from reference.arrays import functions as F
from reference.arrays.bicomplex import Bicomplex
from reference.arrays.dual import Dual
from reference.arrays.precision import complex_step_length
from reference.network.elementwise import ACTIVATIONS, Activation, Elementwise
from tests.network.textbook import ACTIVATIONS as TEXTBOOK
from tests.truth import derivatives, exact, relative, tiny, worst

# ---- how near: eps relative to the truth, unless there is a reason here ----

LIMIT = {0: 4, 1: 16, 2: 16}

# (name, order of derivative): as much again is granted for x being off by eps/2.
CONDITIONED = {
    # near a root of f^(k), x f^(k+1)/f^(k) amplifies every rounding
    ("GELU", 1), ("GELU", 2), ("SiLU", 1), ("SiLU", 2), ("Mish", 1), ("Mish", 2),
    # the tail is exp(-2 u) with u ~ 0.036 x^3 rounded: an error of |u| eps
    ("GELUTanh", 0), ("GELUTanh", 1), ("GELUTanh", 2),
}

# three rounded factors, x, Mills' ratio and the density, of which the last two cost 2.5 eps each
VALUE_LIMIT = {"GELU": 7}


def allowance(name, order, truths, x):
    """What an error is measured against, for each entry: |f^(k)|, or with the condition added."""
    size = [abs(t[order]) for t in truths]
    if (name, order) in CONDITIONED:
        size = [s + abs(exact(u) * t[order + 1]) / 2 for s, u, t in zip(size, x, truths)]
    return size


# ---- where ----

TYPES = {"float32": np.float32, "float64": np.float64, "longdouble": np.longdouble}
EXTREME = [1e-8, 1, 20, 40, 700]


@cache
def points(dtype):
    smallest = 1e-30 if dtype == np.float32 else 1e-300
    extreme = np.array([smallest, *EXTREME], dtype)
    rng = np.random.default_rng(2)
    fill = np.concatenate([rng.uniform(-30, 30, 200), rng.uniform(-3, 3, 100)]).astype(dtype)
    last_bits = rng.uniform(-1e-17, 1e-17, 300).astype(dtype)          # seen by longdouble only
    return np.concatenate([[dtype(0)], extreme, -extreme, fill + last_bits])


@cache
def truths(name, dtype):
    """[f, f', f'', f'''] at every point."""
    return [derivatives(TEXTBOOK[name], t, 3) for t in points(dtype)]


each_activation = pytest.mark.parametrize("name", list(ACTIVATIONS))
each_type = pytest.mark.parametrize("dtype", TYPES.values(), ids=TYPES)


def dual(x):
    return Dual(x, np.ones_like(x))


def du(y, x):
    """The derivative part; a result without one is constant."""
    return y.du if isinstance(y, Dual) else np.zeros_like(x)


def slope(layer, x):
    return layer.slope(x, layer.forward(None, x))


def own_formulas(name, x):
    """Value, slope, and slope run in dual numbers."""
    layer = Elementwise(name)
    return [layer.forward(None, x), slope(layer, x), du(slope(layer, dual(x)), x)]


def check_own_formulas(name, dtype):
    x, truth = points(dtype), truths(name, dtype)
    for order, result in enumerate(own_formulas(name, x)):
        assert result.dtype == dtype
        wrong = worst(result, [t[order] for t in truth], allowance(name, order, truth, x), tiny(x))
        limit = VALUE_LIMIT.get(name, LIMIT[0]) if order == 0 else LIMIT[order]
        assert wrong <= limit, f"{name}, derivative {order}: {wrong:.3g} eps"


@each_type
@each_activation
def test_value_slope_and_second_derivative_are_those_of_the_textbook(name, dtype):
    check_own_formulas(name, dtype)


def test_the_textbook_has_every_activation_and_no_idle_reason():
    assert list(TEXTBOOK) == list(ACTIVATIONS)
    for name, order in CONDITIONED:
        x, truth = points(np.float64), [t[order] for t in truths(name, np.float64)]
        assert relative(own_formulas(name, x)[order], truth, tiny(x)) > LIMIT[order] / 2


# ---- other routes to the derivatives: the value alone, in richer numbers ----

def hyper(x):
    return Dual(dual(x), Dual(np.ones_like(x), np.zeros_like(x)))


def routes(layer, x):
    """name -> (order, result, what part of it may be lost to underflow: h or h^2 in front)."""
    h = complex_step_length(x.dtype)
    f = lambda u: layer.forward(None, u)                                          # noqa: E731
    return {
        "dual": (1, f(dual(x)).du, 1),
        "complex step": (1, f(x + 1j * h).imag / h, h),
        "hyper-dual": (2, f(hyper(x)).du.du, 1),
        "bicomplex": (2, f(Bicomplex(x + 1j * h, 0 * x + h + 0j)).du.imag / h / h, h * h),
        "complex step of the slope": (2, slope(layer, x + 1j * h).imag / h, h),
    }


# Mills' fraction has 500 rounded terms where |Re x| is just above 1
ROUTE_LIMIT = {"GELU": 64}


@each_type
@each_activation
def test_every_number_system_finds_the_derivatives_from_the_value_alone(name, dtype):
    """To 16 eps of |f^(k)| + |f|/max(1, |x|)^k: that much of the value cancels on the way."""
    x, truth = points(dtype), truths(name, dtype)
    for route, (order, result, lost) in routes(Elementwise(name), x).items():
        assert result.dtype == dtype
        size = [s + abs(t[0]) / exact(max(1, abs(u))) ** order
                for s, t, u in zip(allowance(name, order, truth, x), truth, x)]
        wrong = worst(result, [t[order] for t in truth], size, tiny(x) / exact(lost))
        assert wrong <= ROUTE_LIMIT.get(name, LIMIT[order]), f"{route}: {wrong:.3g} eps"


@each_type
@each_activation
def test_the_vjp_is_the_transpose_of_the_forward_derivative(name, dtype):
    layer, x = Elementwise(name), points(dtype)
    dy = np.linspace(-2, 3, x.size).astype(dtype)
    none, dx = layer.vjp(None, x, layer.forward(None, x), dy)
    assert none is None and dx.dtype == dtype
    forward = layer.forward(None, dual(x))
    size = np.abs(forward.du) * (1 + np.abs(x)) + np.abs(forward.re) / np.maximum(1, np.abs(x))
    # each side is within 16 eps of the truth, up to the condition |x| of the conditioned ones
    assert np.all(np.abs(dx - forward.du * dy) <= 32 * np.finfo(dtype).eps * size * np.abs(dy))


# ---- no warnings: filterwarnings = error; underflow alone is silent, since it is the truth ----

@each_type
@each_activation
def test_nothing_overflows_or_turns_invalid_far_out(name, dtype):
    x = np.array([-1e4, -700, -90, 90, 700, 1e4], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        results = own_formulas(name, x)
        results += [result for _, result, _ in routes(Elementwise(name), x).values()]
    assert all(np.isfinite(result).all() for result in results)


# ---- kinks ----

@pytest.mark.parametrize("name, at, slope_there", [
    ("ReLU", 0, 0), ("LeakyReLU", 0, 0.01), ("ELU", 0, 1), ("HardTanh", 1, 0), ("HardTanh", -1, 0),
    ("SELU", 0, 1.0507009873554804934 * 1.6732632423543772848), ("Softsign", 0, 1)])
def test_at_a_kink_the_slope_is_the_documented_one(name, at, slope_there):
    assert at in ACTIVATIONS[name].kinks
    np.testing.assert_allclose(slope(Elementwise(name), np.array([float(at)])), slope_there,
                               rtol=4 * np.finfo(float).eps)


@each_activation
def test_away_from_the_listed_kinks_the_slope_is_continuous(name):
    kinks = set(ACTIVATIONS[name].kinks)
    for at in {-1.0, 0.0, 1.0, -0.5, 0.5} - kinks:
        a, b = slope(Elementwise(name), at + np.array([-1e-9, 1e-9]))
        assert abs(a - b) < 1e-8                       # slopes here have a Lipschitz constant < 2.3


@each_activation
def test_linear_pieces_is_said_exactly_of_those_without_a_second_derivative(name):
    x = points(np.float64)
    second = du(slope(Elementwise(name), dual(x)), x)
    assert ACTIVATIONS[name].linear_pieces == (not second.any())


# ---- a new line, and a wrong one ----

def test_an_activation_is_one_line_of_the_table(monkeypatch):
    bump = Activation(lambda x: 1 / (1 + x * x), lambda x, y: -2 * x * y * y)
    monkeypatch.setitem(ACTIVATIONS, "Bump", bump)
    monkeypatch.setitem(TEXTBOOK, "Bump", lambda x: 1 / (1 + x * x))
    monkeypatch.setitem(globals(), "CONDITIONED", {("Bump", 2)})             # f'' has roots
    for dtype in TYPES.values():
        check_own_formulas("Bump", dtype)


@pytest.mark.parametrize("wrong", [
    Activation(lambda x: F.tanh(x) * (1 + 3e-15), F.sech2),
    Activation(F.tanh, lambda x, y: 1 - y * y),
    Activation(F.tanh, lambda x, y: F.where(F.primal(x) > 25, 0, F.sech2(x, y))),
], ids=["value", "cancelling slope", "lost tail"])
def test_the_check_fails_for_a_wrong_line(monkeypatch, wrong):
    monkeypatch.setitem(ACTIVATIONS, "Tanh", wrong)
    with pytest.raises(AssertionError, match="Tanh, derivative"):
        check_own_formulas("Tanh", np.float64)
