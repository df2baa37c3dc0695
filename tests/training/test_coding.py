"""Coding: every kind of value comes back as it was, and nothing else comes back at all."""

from dataclasses import dataclass

import numpy as np
import pytest

from reference.curvature.kron import Kron
from reference.curvature.limited_memory import LimitedMemory
from reference.optim.first_order import Adam, Moments
from reference.optim.newton_krylov import NewtonKrylov
from reference.training.coding import KNOWN, decode, encode, settings

A = np.arange(6.0).reshape(2, 3)


def back(value):
    return decode(*encode(value))


@pytest.mark.parametrize("value", [None, True, 3, 0.1, float("inf"), "text", (1, (2.0, [None]))],
                         ids=repr)
def test_plain_values_come_back_with_their_types(value):
    assert back(value) == value and repr(back(value)) == repr(value)


@pytest.mark.parametrize("array", [A, A.T, A[:, ::2], A[:0], A.astype("float32"), np.array(2.0),
                                   A.astype("longdouble"), A > 2, A.astype(int), 1j * A],
                         ids=lambda a: f"{a.dtype}{a.shape}{a.strides}")
def test_arrays_come_back_with_dtype_and_order_in_memory_of_their_own(array):
    found = back(array)
    assert found.dtype == array.dtype and found.shape == array.shape
    assert np.array_equal(found, array) and not np.shares_memory(found, array)
    assert found.flags.c_contiguous or found.flags.f_contiguous
    for order in ("c_contiguous", "f_contiguous"):
        assert not getattr(array.flags, order) or getattr(found.flags, order)


def test_numpy_scalars_stay_numpy_scalars_and_arrays_without_axes_arrays():
    assert type(back(np.float32(0.1))) is np.float32 and back(np.float32(0.1)) == np.float32(0.1)
    assert type(back(np.array(0.1))) is np.ndarray


def test_dataclasses_come_back_field_by_field():
    memory = LimitedMemory(A, A + 1, 5)
    found = back(Moments(m=[Kron(np.eye(2), np.eye(3)), memory], v=None, k=7))
    assert type(found) is Moments and found.k == 7 and found.v is None
    assert type(found.m[0]) is Kron and type(found.m[1]) is LimitedMemory
    assert np.array_equal(found.m[1].Y, memory.Y) and found.m[1].memory == 5


@dataclass(frozen=True)
class Foreign:
    x: int = 0


@pytest.mark.parametrize("value", [Foreign(), {1: 2}, {3}, len, np.array([None]),
                                   np.random.default_rng(0), np.matrix("1 2; 3 4").view(np.matrix)],
                         ids=lambda value: type(value).__name__)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_what_is_not_listed_is_not_written(value):
    with pytest.raises(TypeError, match="not written"):
        encode((1, value))


@pytest.mark.parametrize("code", [
    {"class": "os.system", "fields": {}}, {"class": "optim.first_order.Moments", "fields": {}},
    {"class": "optim.first_order.Moments", "fields": {"m": None, "v": None, "k": 0, "x": 0}},
    {"array": 1}, {"array": -1}, {"array": 0, "more": 0}, {"scalar": 0}, {"tuple": 3}, {}, [1]],
    ids=str)
def test_what_is_of_another_form_is_not_read(code):
    with pytest.raises(ValueError):
        decode(code, [A])


def test_a_class_checks_what_it_is_read_with():
    code, arrays = encode(LimitedMemory(A, A + 1, 5))
    with pytest.raises(ValueError, match="positive definite"):
        decode(code, [arrays[0], -arrays[1]])


def test_the_known_classes_are_named_by_where_they_are():
    assert KNOWN["optim.first_order.Moments"] is Moments and len(KNOWN) == 15


def test_settings_are_the_fields_that_compare_nested_ones_too():
    assert settings(Adam(length=0.1))["length"] == 0.1
    assert settings(NewtonKrylov())["choose"]["class"] == "ErrorMonitored"
