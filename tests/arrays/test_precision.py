"""Precisions and their complex partners; and what crosses between precisions and devices."""

import numpy as np
import pytest

from reference.arrays import precision, transfer
from tests.device.real import cupy_or_skip

PAIRS = [(np.float32, np.complex64), (np.float64, np.complex128), (np.longdouble, np.clongdouble)]
each_pair = pytest.mark.parametrize("real, partner", PAIRS)


@each_pair
def test_real_and_complex_types_are_partners(real, partner):
    assert precision.complex_dtype(real) == precision.complex_dtype(partner) == partner
    assert precision.real_dtype(real) == precision.real_dtype(partner) == real
    assert np.ones(1, partner).real.dtype == real


@each_pair
def test_eps_is_the_spacing_next_to_one(real, partner):
    one = real(1)
    assert one + real(precision.eps(real)) == np.nextafter(one, real(2))
    assert precision.eps(real) == precision.eps(partner)


@each_pair
def test_the_complex_step_loses_nothing_to_truncation_or_underflow(real, partner):
    """h^2 below eps, so the error h^2/6 f''' is not seen; h^3 is a normal number."""
    h = precision.complex_step_length(partner)
    assert h.dtype == real and h == precision.complex_step_length(real)
    assert 0 < h * h < precision.eps(real) / 1000
    assert h * h * h > np.finfo(real).tiny
    assert float(h) > 1e-150


@pytest.mark.parametrize("wrong", [np.float16, int, bool, object, "U3"])
def test_other_types_have_no_precision(wrong):
    for function in (precision.real_dtype, precision.complex_dtype, precision.eps):
        with pytest.raises(TypeError, match="is no floating-point type; use float32, float64"):
            function(wrong)


def test_cast_changes_floats_and_leaves_labels_alone():
    labels = np.array([0, 1])
    assert transfer.cast(np.ones(2), np.float32).dtype == np.float32
    assert transfer.cast(labels, np.float32) is labels and transfer.cast(None, np.float32) is None


def test_moving_to_the_host_keeps_the_array():
    x = np.ones(2)
    assert transfer.move(x, "numpy") is x and transfer.to_host(x) is x
    assert transfer.move(None, "numpy") is None and transfer.move(None, "cupy") is None


def test_an_unknown_home_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown home 'gpu'; choose one of numpy, cupy"):
        transfer.move(np.ones(2), "gpu")


@pytest.mark.gpu
def test_arrays_go_to_the_device_and_back():
    cupy_or_skip()
    x = np.arange(3.0)
    there = transfer.move(x, "cupy")
    assert type(there).__module__.startswith("cupy")
    assert np.array_equal(transfer.to_host(there), x)


def test_what_is_no_array_is_not_moved():
    with pytest.raises(TypeError, match="a dict is no array.*objective.to\\('numpy'\\)"):
        transfer.move({}, "numpy")
