"""Every optimiser takes the same 20 steps on a device, and leaves its state there."""

import numpy as np
import pytest

import reference as ref
from reference.arrays.transfer import move, to_host
from tests.device import both
from tests.device.optimizers import OPTIMIZERS, classes

# Twenty steps magnify a rounding, 2e-16 of theta, by what the problem's curvature allows: below
# 1e3 for all here but "hessian-free, a part", whose CG stops at other residuals (5e4).  In float32
# a rounding is 6e-8 and the same holds of half as many steps.
TRAJECTORY = {"float64": (20, 1e-9), "float32": (10, 1e-2)}
QUICK = ["sgd", "kbfgs", "kfac", "newton", "hessian-free"]


@pytest.fixture(autouse=True)
def stand_in():
    with both.place("stand-in"):
        yield


def faults(name, dtype="float64", steps=None):
    """What differs after the steps: theta, the losses on the way, and what lies on the host."""
    optimizer, make = OPTIMIZERS[name]
    count, tolerance = TRAJECTORY[dtype]
    objective, theta = make(dtype)
    steps = steps or count
    there, seen = ref.run(optimizer, objective.to("cupy"), move(theta, "cupy"), steps)
    here, known = ref.run(optimizer, objective, theta, steps)
    assert seen.values.keys() == known.values.keys()
    losses = both.differences(to_host(seen["loss"]), known["loss"], dtype, tolerance)
    return (losses + both.differences(there, here, dtype, tolerance)
            + both.on_device(there) + both.on_device(seen.state))


@pytest.mark.parametrize("name", QUICK)
def test_five_steps_are_the_same(name):
    assert faults(name, steps=5) == []


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TRAJECTORY)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_the_same(name, dtype):
    assert faults(name, dtype) == []


def test_a_step_that_differs_is_told(monkeypatch):
    plain = ref.SGD.step

    def wrong(self, objective, theta, state):
        theta, state, info = plain(self, objective, theta, state)
        return theta * (1 + 1e-8 * (type(theta).__module__ == "cupy")), state, info

    monkeypatch.setattr(ref.SGD, "step", wrong)
    assert faults("sgd", steps=2) != []


def test_batches_are_cut_on_the_device_and_init_sees_the_whole():
    objective, theta = classes()

    def of(place):
        batches = ref.problems.batches(objective.to(place), 8, np.random.default_rng(0))
        return ref.run(ref.KBFGS(), batches, theta, 6)[0]                # theta follows the data

    assert both.differences(of("cupy"), of("numpy"), tolerance=1e-12) == []
    assert both.on_device(of("cupy")) == []


def test_laws_are_watched_on_a_device():
    objective, theta = classes()
    watch = ref.invariants(ref.KBFGS())
    ref.run(ref.KBFGS(), objective.to("cupy"), theta, 3, watch=watch)
    assert watch.violations == []


def test_a_state_goes_on_where_it_lies_and_nowhere_else():
    objective, theta = classes()
    there = objective.to("cupy")
    whole, _ = ref.run(ref.KBFGS(), there, theta, 4)
    half, seen = ref.run(ref.KBFGS(), there, theta, 2)
    rest, _ = ref.run(ref.KBFGS(), there, half, 2, seen.state)
    assert (rest == whole).all()
    with pytest.raises(TypeError, match="cupy"):
        ref.run(ref.KBFGS(), objective, half, 1, seen.state)             # theta is there, data here
    with pytest.raises(ValueError, match="state.m is a ndarray|state"):
        ref.run(ref.KBFGS(), objective, to_host(half), 1, seen.state)
