"""Where CuPy is installed, but no device: it takes every call that the stand-in takes.

Each is made up to where something would be computed.  With a device the tests marked `gpu` compute;
these are skipped, since their arrays claim host memory, which no kernel may touch.
"""

import numpy as np
import pytest

import reference as ref
from reference.arrays.transfer import move
from reference.problems.layers import LAYERS
from tests.device import groups, optimizers, problems
from tests.stand_in import array
from tests.stand_in.beside import Beside, beside
from tests.stand_in.test_stand_in import BREACHES, CASES


@pytest.fixture(scope="module")
def cupy():
    found = pytest.importorskip("cupy")
    try:
        found.cuda.runtime.getDeviceCount()
    except found.cuda.runtime.CUDARuntimeError:
        return found
    pytest.skip("a device's kernels may not touch host memory; the tests marked gpu compute there")


def asked(cupy, layer, names):
    """What CuPy said to the calls of these groups of quantities of a layer's small problem."""
    with beside(cupy) as found:
        for group in names:
            assert groups.faults("stand-in", group, *problems.layer(layer)) == {}
    return found


def test_cupy_takes_the_calls_of_a_dense_network(cupy):
    found = asked(cupy, "Dense", ["first", "second"])
    assert found.faults == {}
    assert len(found.seen) > 500                    # 900 kinds of calls when written


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
def test_cupy_takes_the_calls_of_every_layer(cupy, layer):
    assert asked(cupy, layer, ["first", "second", "kronecker"]).faults == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_cupy_takes_the_calls_of_every_optimizer(cupy, name):
    optimizer, make = optimizers.OPTIMIZERS[name]
    objective, theta = make()
    with beside(cupy) as found:
        ref.run(optimizer, objective.to("cupy"), move(theta, "cupy"), 2)
    assert found.faults == {} and len(found.seen) > 50


def test_what_cupy_refuses_is_found(cupy, monkeypatch):
    monkeypatch.setitem(array.RECORD["methods"], "max", None)               # anything goes
    with beside(cupy) as found:
        array.ndarray([[1.0, 2.0]]).max(initial=0)
    (said, ours), = found.faults.values()
    assert said.startswith("TypeError: max() got an unexpected keyword") and ours == "<float64 ()>"


def test_what_cupy_answers_otherwise_is_found(cupy, monkeypatch):
    monkeypatch.setattr(array, "wrapped", lambda x: array.ndarray(x).T)
    with beside(cupy) as found:
        array.ndarray([[1.0, 2.0]]).reshape(1, 2)
    assert list(found.faults.values()) == [("<float64 (1, 2)>", "<float64 (2, 1)>")]


# ---- what the stand-in refuses ----

REFUSALS = (TypeError, ValueError, AttributeError, NotImplementedError, DeprecationWarning)
STRICTER = ("NumPy array or list as an index", "what a search or a count by items is")


@pytest.mark.parametrize("rule, k", [each for each in CASES if each[0] not in STRICTER],
                         ids=lambda each: str(each))
def test_cupy_refuses_what_the_stand_in_refuses(cupy, rule, k):
    """Or asks for the device first, where there is none: then nothing is told."""
    breach, error, _ = BREACHES[rule][k]
    real = Beside(cupy)
    x, i = (real.real(array.ndarray(host)) for host in (np.arange(12.0).reshape(3, 4),
                                                        np.array([0, 2])))
    with pytest.raises((error, *REFUSALS, *real.reached)):
        breach(cupy, x, i)
