"""Every number system takes by index, scatters as the adjoint, and finds the first largest."""

import autograd
import flint
import numpy as np
import pytest
from autograd.core import make_vjp

from reference.arrays import ball, floats, tape
from reference.arrays import functions as F
from reference.arrays.dual import Dual
from tests.arrays.contract import check, curve, each_system
from tests.arrays.systems import SYSTEMS, balls

INDICES = {"one axis": np.array([3, 1, 0]), "repeats": np.array([2, 0, 2, 2, 0]),
           "two axes": np.array([[1, 1, 3], [0, 1, 2]], "int8"), "no axis": np.array(2),
           "three axes": np.arange(12).reshape(2, 2, 3) % 3, "unsigned": np.array([2, 2], "uint64")}
each_index = pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
LEADS = [(), (2,), (3, 1, 2), (0, 2)]


def scattered(x, index, size):
    """The definition, entry by entry."""
    lead = x.shape[:x.ndim - index.ndim]
    y = np.zeros(lead + (size,), object) + flint.arb(0)
    for i in np.ndindex(lead):
        for p in np.ndindex(index.shape):
            y[(*i, index[p])] = y[(*i, index[p])] + x[i + p]
    return y


@each_system
@each_index
def test_take_and_its_derivatives(system, index):
    for lead in LEADS[1:3]:
        check(system, lambda x: F.take(x * x, index), lambda x: (x * x)[..., index],
              curve(*lead, 4))


@each_system
@each_index
def test_scatter_adds_what_meets(system, index):
    for lead in LEADS[1:3]:
        check(system, lambda x: F.scatter(x * x, index, 4),
              lambda x: scattered(x * x, index, 4), curve(*lead, *index.shape))


@each_system
def test_without_leading_axes_too(system):
    index = INDICES["two axes"]
    check(system, lambda x: F.take(x, index), lambda x: x[index], curve(4))
    check(system, lambda x: F.scatter(x, index, 5), lambda x: scattered(x, index, 5), curve(2, 3))


@each_system
@each_index
def test_scatter_is_the_adjoint_of_take(system, index):
    x, y = curve(2, 4), curve(2, *index.shape, seed=1)
    axes = tuple(range(-index.ndim, 0))
    check(system, lambda x, y: F.sum(F.take(x, index) * y, axes) if axes else F.take(x, index) * y,
          lambda x, y: (x * scattered(y, index, 4)).sum(-1), x, y)
    check(system, lambda x, y: F.sum(x * F.scatter(y, index, 4), -1),
          lambda x, y: (x * scattered(y, index, 4)).sum(-1), x, y)


@each_system
def test_no_places_are_places_too(system):
    nowhere = np.zeros((2, 0), int)

    def f(x):
        y = F.take(x, nowhere)
        assert y.shape == (3, 2, 0)
        return x + F.scatter(y, nowhere, 4)
    check(system, f, lambda x: x, curve(3, 4))


@pytest.mark.parametrize("lead", LEADS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, float, np.longdouble, complex, np.clongdouble])
def test_rows_may_be_any_number_laid_out_anyhow(dtype, lead):
    rng = np.random.default_rng(0)
    index = rng.integers(0, 50, (30, 7))
    x = rng.integers(-9, 9, (7, 30) + lead).astype(dtype).T
    x.flags.writeable = False
    assert x.shape == lead[::-1] + (30, 7)
    one_hot = np.eye(50, dtype=dtype)[index.reshape(-1)]
    for block in (1, 500, 2 ** 16):
        y = floats.scatter(x, index, 50, block)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, x.reshape(lead[::-1] + (210,)) @ one_hot)


def test_the_contract_fails_for_a_scatter_that_overwrites(monkeypatch):
    def overwriting(x, index, size):
        y = np.zeros(x.shape[:x.ndim - index.ndim] + (size,), x.dtype)
        y[..., index] = x
        return y
    monkeypatch.setattr(floats, "scatter", overwriting)
    failed, index = set(), INDICES["repeats"]
    for system in SYSTEMS:
        try:
            check(system, lambda x: F.scatter(x, index, 4), lambda x: scattered(x, index, 4),
                  curve(2, 5))
        except AssertionError:
            failed.add(system.name)
    assert failed == {s.name for s in SYSTEMS} - {"counting"}             # which bound it before


# ---- what is refused ----

@each_system
@pytest.mark.parametrize("place", [-1, 4])
def test_places_outside_are_refused_by_name(system, place):
    def f(x):
        for call in (lambda: F.take(x, np.array([0, place, 1])),
                     lambda: F.scatter(x[..., :3], np.array([0, place, 1]), 4)):
            with pytest.raises(IndexError, match=f"index {place} is outside an axis of 4"):
                call()
        return x
    check(system, f, lambda x: x, curve(2, 4))


@pytest.mark.parametrize("index", [np.array([0.0, 1.0]), np.array([True, False]), np.array([None])])
def test_places_are_integers(index):
    for call in (lambda: F.take(np.ones(3), index), lambda: F.scatter(np.ones(2), index, 3)):
        with pytest.raises(TypeError, match="places are counted by integers"):
            call()


def test_what_is_scattered_has_one_entry_per_place():
    with pytest.raises(ValueError, match=r"\(2, 6\) does not end with the shape of index"):
        F.scatter(np.ones((2, 6)), np.zeros((2, 3), int), 4)
    with pytest.raises(ValueError, match="does not end with"):
        F.scatter(np.ones(3), np.zeros((2, 3), int), 4)


# ---- the tape ----

def test_reverse_mode_of_the_pair_is_its_adjoint_for_complex_numbers_too():
    rng, index = np.random.default_rng(0), INDICES["two axes"]
    count = np.bincount(index.reshape(-1), minlength=4)
    x, g = rng.normal(size=(2, 3, 4)) + 1j * rng.normal(size=(2, 3, 4))
    vjp, y = make_vjp(lambda x: F.scatter(F.take(x, index), index, 4), x)
    np.testing.assert_allclose(y, count * x, rtol=1e-15)
    np.testing.assert_allclose(vjp(g), count * g, rtol=1e-15)


def test_hessian_vector_products_go_through_two_tapes():
    index, x, v = INDICES["repeats"], *curve(4)
    there = lambda x: F.scatter(F.take(x, index) ** 3, index, 4)                  # noqa: E731
    slope = autograd.grad(lambda x: tape.sum(there(x)))
    Hv = autograd.grad(lambda x: tape.sum(slope(x) * v))(x)
    count = np.bincount(index, minlength=4)
    np.testing.assert_allclose(Hv, count * 6 * x * v, rtol=1e-15)


# ---- the first largest ----

@each_system
def test_argmax_is_the_first_largest_in_plain_integers(system):
    x = np.array([[[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], [[-4.0, -1.0, -2.0], [0.0, 0.0, 0.5]]])

    def f(t):
        for places, there in ((F.argmax(t), [[1, 0], [1, 2]]), (F.argmax(t[0, 0]), 1)):
            assert type(places) is np.ndarray and places.dtype == int and places.tolist() == there
        return F.take(t, np.array([0]))
    check(system, f, lambda t: t[..., :1], (x, np.ones_like(x)))


def test_argmax_is_decided_by_the_innermost_real_part():
    x, y = np.array([1 + 5j, 2 - 9j, 2 + 9j]), np.array([9.0, 1.0, 5.0])
    assert F.argmax(x) == 1
    assert F.argmax(Dual(Dual(x, y), Dual(y, y))) == 1


ARB, SERIES = flint.arb, lambda *c: flint.arb_series(list(c), prec=3)             # noqa: E731


@pytest.mark.parametrize("row, place", [
    ([ARB(0, 0.5), ARB(0.25, 0.5), ARB(3, 1)], 2),              # only the largest must be known
    ([ARB(1), ARB((2 ** 90 + 1, -90))], 1),                     # equal in float64
    ([ARB(0, 0.5), ARB(1), ARB(1)], 1),
    ([ARB("-inf"), ARB(-1, 0.5)], 1),
    ([SERIES(1, 2), SERIES(1, 2)], 0), ([SERIES(1, 2), SERIES(2, 1)], 1)])
def test_argmax_of_balls_is_proven(row, place):
    assert F.argmax(np.array([*row, None], object)[:-1]) == place


@pytest.mark.parametrize("row", [
    [ARB(1, 0.5), ARB(1, 0.5)], [ARB(1), ARB(1.25, 0.5)], [ARB(0, 1), ARB(1)], [ARB("nan"), ARB(1)],
    [SERIES(1, 2), SERIES(1, 3)], [SERIES(1, 2), ARB(1)], [SERIES(1, ARB(2, 0.1))] * 2], ids=str)
def test_argmax_of_balls_refuses_a_tie_that_is_not_exact(row):
    x = np.array([*row, None], object)[:-1]
    for t in (x, Dual(x, x), np.array([x, x])):
        with pytest.raises(ball.Undecided, match="which is larger is a kink, and not proven"):
            F.argmax(t)


def test_sums_of_balls_enclose_and_untouched_places_are_exact_zeros():
    with balls(53).context():
        y = F.scatter(np.array([ARB(1, 0.25), ARB(2, 0.5), ARB(1) / 3]), np.array([1, 1, 3]), 5)
        assert all(type(t) is flint.arb for t in y)
        assert y[1].contains(ARB(3, 0.75)) and y[3].contains(ARB(1) / 3)
        assert all(y[k] == 0 for k in (0, 2, 4))


@pytest.mark.parametrize("index", [np.array([1]), np.arange(12).reshape(3, 4) % 4],
                         ids=["few", "many"])
def test_take_is_the_same_for_every_order_of_the_axes_in_memory(index):
    x = np.random.default_rng(0).standard_normal((2, 5, 4))
    for order in ((0, 1, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0)):
        laid = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        assert np.array_equal(F.take(laid, index), x[..., index])
        assert np.array_equal(F.take(laid[0, 0], index), x[0, 0][index])


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble", "complex128"])
@pytest.mark.parametrize("index", [np.array([3, 1, 3]), np.arange(12).reshape(3, 4) % 5],
                         ids=["one axis", "two axes"])
def test_scatter_is_the_same_for_every_order_of_the_axes_in_memory(index, dtype):
    x = np.random.default_rng(0).standard_normal((2, 9, *index.shape)).astype(dtype)
    expected = np.zeros((2, 9, 6), dtype)
    for p in np.ndindex(index.shape):
        expected[:, :, index[p]] += x[(slice(None), slice(None), *p)]
    for last in (0, 1, x.ndim - 1):
        laid = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, last, -1)), -1, last)
        y = F.scatter(laid, index, 6)
        assert y.dtype == x.dtype
        assert np.abs(y - expected).max() <= 8 * max(np.finfo(dtype).eps, np.finfo(float).eps)


@pytest.mark.parametrize("count", [1, 4, 16, 17])
def test_the_largest_of_many_rows_is_the_first_and_nan_where_there_is_one(count):
    x = np.random.default_rng(0).integers(0, 5, (70, 30, count)) + 0.0             # many ties
    laid = np.ascontiguousarray(x.transpose(2, 0, 1)).transpose(1, 2, 0)
    assert np.array_equal(F.argmax(x), x.argmax(-1))
    assert np.array_equal(F.argmax(laid + 1j), x.argmax(-1))
    x[3, 4, count // 2] = np.nan
    assert np.array_equal(F.argmax(x), x.argmax(-1)) and F.argmax(x)[3, 4] == count // 2
