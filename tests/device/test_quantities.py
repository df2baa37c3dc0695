"""Every quantity on device arrays is what it is on NumPy's, and a device array."""

import numpy as np
import pytest

import reference as ref
from reference.problems.layers import LAYERS
from tests.device import both, problems
from tests.device.groups import CASES, faults

CORE = ["Dense", "Conv2d", "LSTM"]
FEW = ["value", "gradient", "jvp", "per-example gradients", "batch of places", "batch of bools",
       "batch of places there"]
SOME = ["hvp", "gauss_newton: product", "hessian: dense", "gauss_newton: blocks", "gram", "ntk"]


@pytest.fixture(autouse=True)
def stand_in():
    with both.place("stand-in"):
        yield


@pytest.mark.parametrize("group", ["first", "second", "kronecker", "solved", "routes"])
def test_a_dense_network_is_the_same_on_a_device(group):
    assert faults("stand-in", group, *problems.layer("Dense")) == {}


@pytest.mark.parametrize("layer", CORE[1:])
def test_other_layers_are_the_same_on_a_device(layer):
    objective, theta = problems.layer(layer)
    assert faults("stand-in", "first", objective, theta, names=FEW) == {}
    assert faults("stand-in", "second", objective, theta, names=SOME) == {}


@pytest.mark.parametrize("setting", problems.SETTINGS)
def test_every_loss_and_weighting_is_the_same_on_a_device(setting):
    objective, theta = problems.SETTINGS[setting]()
    assert faults("stand-in", "first", objective, theta, names=FEW) == {}
    assert faults("stand-in", "second", objective, theta, names=SOME) == {}


@pytest.mark.slow
@pytest.mark.parametrize("group, dtype", CASES)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_quantity_of_every_layer(layer, group, dtype):
    assert faults("stand-in", group, *problems.layer(layer), dtype) == {}


@pytest.mark.slow
@pytest.mark.parametrize("group, dtype", CASES)
@pytest.mark.parametrize("setting", problems.SETTINGS)
def test_every_quantity_of_every_setting(setting, group, dtype):
    assert faults("stand-in", group, *problems.SETTINGS[setting](), dtype) == {}


# ---- the comparison can fail ----

WRONG = {
    "a digit": lambda o, t, v: o.grad(t) * (1 + 1e-9 * (type(t).__module__ == "cupy")),
    "the host": lambda o, t, v: ref.to_host(o.grad(t)),
    "the type": lambda o, t, v: o.grad(t).astype("f" if type(t).__module__ == "cupy" else "d"),
    "the shape": lambda o, t, v: o.grad(t)[:3 if type(t).__module__ == "cupy" else None],
    "NaN": lambda o, t, v: o.grad(t) * (float("nan") if type(t).__module__ == "cupy" else 1),
    "the parts": lambda o, t, v: [t] * (1 + (type(t).__module__ == "cupy")),
    "a refusal here": lambda o, t, v: t if type(t).__module__ == "cupy" else np.linalg.inv(t),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_differs_is_told(name):
    objective, theta = problems.layer("Dense")
    assert both.compared(WRONG[name], objective, theta, problems.direction(theta))


# ---- complex and dual numbers, which no route shows alone ----

@pytest.mark.parametrize("route", ["complex step", "dual", "bicomplex", "hyper-dual"])
@pytest.mark.parametrize("layer", ["Embedding", "GRU", "MaxPool2d", "MultiHeadAttention"])
def test_routes_through_gathering_and_kinks_agree(layer, route):
    objective, theta = problems.layer(layer)
    assert faults("stand-in", "routes", objective, theta, names=[f"hvp by {route}"]) == {}


ACTIVATIONS = [ref.ELU(), ref.GELU(), ref.GELUTanh(), ref.HardTanh(), ref.LeakyReLU(0.1),
               ref.Mish(), ref.ReLU(), ref.SELU(), ref.Sigmoid(), ref.SiLU(), ref.Sine(),
               ref.Softplus(), ref.Softsign(), ref.Tanh()]


def elementwise(activation):
    """Inputs of all sizes through one activation, among them those near 0 and in both tails."""
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(3, 4), activation, ref.Dense(4, 2))
    x = rng.standard_normal((7, 3)) * 10.0 ** np.arange(-5, 2)[:, None]
    return ref.Objective(net, ref.SquaredError(), x, rng.standard_normal((7, 2))), net.initial(rng)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation_by_every_number_system(activation):
    names = [f"hvp by {route}" for route in ("complex step", "dual", "bicomplex")]
    assert faults("stand-in", "routes", *elementwise(activation), names=names) == {}
