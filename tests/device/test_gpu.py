"""The comparisons of this folder on a real device; skipped without one, never passed.

    python -m pytest -m gpu                 # all of them; those that are many are marked slow, too
"""

import numpy as np
import pytest

import reference as ref
from reference.arrays.transfer import move, to_host
from reference.problems.layers import LAYERS
from tests.device import both, problems
from tests.device.groups import CASES, faults
from tests.device.optimizers import OPTIMIZERS
from tests.device.real import cupy_or_skip
from tests.device.test_quantities import ACTIVATIONS, elementwise

pytestmark = pytest.mark.gpu
TRAJECTORY = {"float64": (20, 1e-9), "float32": (10, 2e-2)}


@pytest.fixture(autouse=True, scope="module")
def device():
    """CuPy with a device, or these tests are skipped."""
    return cupy_or_skip()


@pytest.mark.slow
@pytest.mark.parametrize("group, dtype", CASES)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_quantity_of_every_layer(layer, group, dtype):
    assert faults("gpu", group, *problems.layer(layer), dtype) == {}


@pytest.mark.slow
@pytest.mark.parametrize("group, dtype", CASES)
@pytest.mark.parametrize("setting", problems.SETTINGS)
def test_every_quantity_of_every_setting(setting, group, dtype):
    assert faults("gpu", group, *problems.SETTINGS[setting](), dtype) == {}


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation_by_every_number_system(activation):
    names = [f"hvp by {route}" for route in ("complex step", "dual", "bicomplex")]
    assert faults("gpu", "routes", *elementwise(activation), names=names) == {}


@pytest.mark.parametrize("dtype", TRAJECTORY)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_the_same(name, dtype):
    optimizer, make = OPTIMIZERS[name]
    (objective, theta), (steps, tolerance) = make(dtype), TRAJECTORY[dtype]
    there, seen = ref.run(optimizer, objective.to("cupy"), move(theta, "cupy"), steps)
    here, _ = ref.run(optimizer, objective, theta, steps)
    assert both.differences(there, here, dtype, tolerance) == []
    assert both.on_device(there) + both.on_device(seen.state) == []


@pytest.mark.parametrize("optimizer", [ref.KBFGS(), ref.KFAC(), ref.Adam(0.01)],
                         ids=lambda each: type(each).__name__)
def test_training_resumes_bit_for_bit(optimizer, tmp_path):
    """Of a dense network: its formulas have no atomic additions, whose order is anyone's."""
    task = ref.problems.task("digits", "tiny").to("cupy")
    ref.train(task, optimizer, tmp_path / "a", epochs=1)
    resumed, _ = ref.train(task, optimizer, tmp_path / "a", epochs=3, resume=True)
    whole, _ = ref.train(task, optimizer, tmp_path / "b", epochs=3)
    assert (to_host(resumed.theta) == to_host(whole.theta)).all()


def test_log1p_and_expm1_of_complex_numbers_keep_the_digits_of_small_ones(device):
    from reference.arrays import functions as F
    x = np.array([1e-20 + 1e-30j, -1e-9 + 1e-9j, 1e-3 - 2e-5j, -0.5 + 0.1j, 3 + 1j])
    for function in (F.log1p, F.expm1, F.tanh, F.exp, F.sqrt, F.sin):
        there, here = to_host(function(device.asarray(x))), function(x)
        for part in (np.real, np.imag):
            assert np.abs(part(there) / part(here) - 1).max() < 1e-14, function.__name__


def test_a_failing_factorisation_raises(device):
    bad = device.asarray(-np.eye(3))
    with pytest.raises(np.linalg.LinAlgError):
        ref.solve(bad, device.ones(3))


def test_the_rules_that_the_stand_in_obeys_are_cupys(device):
    x = device.asarray(np.arange(4.0))
    for breach in (lambda: np.asarray(x), lambda: x + np.ones(4), lambda: x.max(initial=0),
                   lambda: np.add.at(x + 1j, device.arange(2), 1), lambda: x[:1] @ np.ones(1),
                   lambda: np.concatenate([x, np.ones(2)])):
        with pytest.raises((TypeError, ValueError)):
            breach()
    assert to_host(x[device.asarray([5, -1])]).tolist() == [1, 3]          # they wrap
    assert to_host(np.log1p(device.asarray([1e-20 + 0j]))).real[0] == 0    # digits are lost
    assert np.isfinite(x).dtype == bool and np.frexp(x)[1].dtype == "i"
