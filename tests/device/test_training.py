"""Training on a device: the same losses, resumed bit for bit, by checkpoints of its own."""

import numpy as np
import pytest

import reference as ref
from reference.arrays.transfer import move, to_host
from tests.device import both


@pytest.fixture(autouse=True)
def stand_in():
    with both.place("stand-in"):
        yield


@pytest.fixture
def task():
    return ref.problems.task("digits", "tiny")


def trained(task, out=None, epochs=2, **named):
    """(Progress, Record) of K-BFGS."""
    return ref.train(task, ref.KBFGS(), out, epochs=epochs, **named)


def test_losses_are_those_of_the_host(task):
    there, seen = trained(task.to("cupy"), epochs=1)
    here, known = trained(task, epochs=1)
    assert both.on_device(there.theta) == [] and both.on_device(there.state) == []
    assert both.differences(there.theta, here.theta, tolerance=1e-11) == []
    for row, other in zip(seen.epochs, known.epochs):
        assert row[3:5] == pytest.approx(other[3:5], rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [ref.KBFGS(), ref.KFAC(), ref.Adam(0.01), ref.LBFGS()],
                         ids=lambda each: type(each).__name__)
def test_a_resumed_run_ends_bit_for_bit_as_one_that_was_not(task, tmp_path, optimizer):
    there = task.to("cupy")
    ref.train(there, optimizer, tmp_path / "a", epochs=1)
    resumed, _ = ref.train(there, optimizer, tmp_path / "a", epochs=3, resume=True)
    whole, _ = ref.train(there, optimizer, tmp_path / "b", epochs=3)
    assert both.on_device(resumed.theta) == []
    assert (to_host(resumed.theta) == to_host(whole.theta)).all()


def test_a_resumed_run_of_kbfgs_ends_bit_for_bit(task, tmp_path):
    there = task.to("cupy")
    trained(there, tmp_path / "a", epochs=1)
    resumed, _ = trained(there, tmp_path / "a", resume=True)
    whole, _ = trained(there)
    assert (to_host(resumed.theta) == to_host(whole.theta)).all()
    assert both.on_device(resumed.state) == []


def test_a_device_s_checkpoint_is_not_gone_on_with_on_the_host(task, tmp_path):
    trained(task.to("cupy"), tmp_path, epochs=1)
    with pytest.raises((TypeError, ValueError), match="cupy|device"):
        trained(task, tmp_path, resume=True)


def test_a_host_s_checkpoint_is_not_gone_on_with_on_a_device(task, tmp_path):
    trained(task, tmp_path, epochs=1)
    with pytest.raises((TypeError, ValueError), match="cupy|device|numpy"):
        trained(task.to("cupy"), tmp_path, resume=True)


@pytest.mark.parametrize("order", "CF")
def test_an_array_keeps_its_order_on_the_way_and_back(order):
    """So that what was written rounds in the next product as what was not."""
    there = move(np.array(np.arange(6.0).reshape(2, 3), order=order), "cupy")
    for array in (there, to_host(there), move(to_host(there), "cupy")):
        assert (array.flags.c_contiguous, array.flags.f_contiguous) == (order == "C", order == "F")
