"""Every number system indexes, reshapes, joins, selects and contracts as NumPy does."""

import operator

import flint
import numpy as np
import pytest

from reference.arrays import functions as F
from reference.arrays.ball import boxed
from tests.arrays.contract import check, curve, each_system, real_type
from tests.arrays.systems import series

INDICES = {"[..., None]": np.s_[..., None], "[None]": np.s_[None], "[1]": np.s_[1],
           "[:, 1:]": np.s_[:, 1:], "[..., -1]": np.s_[..., -1], "[..., :1]": np.s_[..., :1],
           "[::-1, None, ..., 0]": np.s_[::-1, None, ..., 0], "[[1, 0, 1]]": np.array([1, 0, 1])}


@each_system
@pytest.mark.parametrize("index", INDICES)
def test_indexing(system, index):
    take = operator.itemgetter(INDICES[index])
    check(system, take, take, curve(2, 3, 4))


ARRANGE = {
    "reshape": (lambda x: F.reshape(x, (4, 6)), lambda x: x.reshape(4, 6)),
    "reshape with -1": (lambda x: F.reshape(x, (2, -1)), lambda x: x.reshape(2, -1)),
    "reshape as a method": (lambda x: x.reshape(-1), lambda x: x.reshape(-1)),
    "swapaxes": (lambda x: F.swapaxes(x, -1, -3), lambda x: x.swapaxes(-1, -3)),
    "transpose": (F.transpose, lambda x: x.swapaxes(-1, -2)),
    "T": (lambda x: x[0].T, lambda x: x[0].T),
    "sum": (lambda x: F.sum(x, -1), lambda x: x.sum(-1)),
    "sum over two": (lambda x: F.sum(x, (-3, -1)), lambda x: x.sum((-3, -1))),
    "sum over all": (lambda x: F.sum(x, (-3, -2, -1)), lambda x: x.sum()),
    "broadcast_to": (lambda x: F.broadcast_to(x, (5, 2, 3, 4)),
                     lambda x: np.broadcast_to(x, (5, 2, 3, 4))),
    "zeros_like": (lambda x: x * F.zeros_like(x), lambda x: 0 * x),
    "ones_like": (lambda x: x + F.ones_like(x[..., :1]), lambda x: x + 1),
    "pi": (lambda x: x * F.pi(x), lambda x: x * flint.arb.pi()),
}


@each_system
@pytest.mark.parametrize("name", ARRANGE)
def test_arranging(system, name):
    check(system, *ARRANGE[name], curve(2, 3, 4))


@each_system
@pytest.mark.parametrize("spec, first, second", [
    ("ij,jk->ik", (2, 3), (3, 4)), ("nto,nti->oi", (5, 2, 3), (5, 2, 4)), ("i,j->ij", (2,), (3,)),
    ("...i,...i->...", (4, 1, 3), (2, 3)), ("nij,nj->ni", (4, 2, 3), (4, 3)),
    ("...nc,ncd->...nd", (5, 4, 3), (4, 3, 3))])
def test_einsum(system, spec, first, second):
    (a, da), (b, db) = curve(*first), curve(*second, seed=1)
    contract = lambda x, y: boxed(np.einsum(spec, x, y))       # noqa: E731
    check(system, lambda x, y: F.einsum(spec, x, y), contract, (a, da), (b, db))
    a_here, b_here = a.astype(real_type(system)), b.astype(real_type(system))
    a_there, b_there = series(a, 0 * a), series(b, 0 * b)
    check(system, lambda x: F.einsum(spec, x, b_here), lambda x: contract(x, b_there), (a, da))
    check(system, lambda y: F.einsum(spec, a_here, y), lambda y: contract(a_there, y), (b, db))


@each_system
def test_joining_broadcasts_and_takes_constants(system):
    a, b, one = curve(4, 1, 3), curve(2, 2, seed=1), np.ones((1, 1), real_type(system))
    wide = lambda x, *shape: np.broadcast_to(x, shape)                            # noqa: E731
    whole = series(np.ones((1, 1)), np.zeros((1, 1)))
    check(system, lambda x, y: F.concatenate([x, one, y]), lambda x, y: np.concatenate(
        [wide(x, 4, 2, 3), wide(whole, 4, 2, 1), wide(y, 4, 2, 2)], -1), a, b)
    check(system, lambda x, y: F.stack([one, x[..., :2], y]), lambda x, y: np.stack(
        [wide(whole, 4, 2, 2), wide(x[..., :2], 4, 2, 2), wide(y, 4, 2, 2)], -1), a, b)


@each_system
def test_where_selects_among_arrays_and_constants_and_broadcasts(system):
    condition = np.array([[True], [False], [True]])
    a, b = curve(3), curve(4, 1, 3, seed=1)
    for x_there, y_there in [(lambda x: x, lambda y: y), (lambda x: 1, lambda y: y),
                             (lambda x: x, lambda y: 0)]:
        check(system, lambda x, y: F.where(condition, x_there(x), y_there(y)) + 0 * x + 0 * y,
              lambda x, y: np.where(condition, x_there(x), y_there(y)) + 0 * x + 0 * y, a, b)
