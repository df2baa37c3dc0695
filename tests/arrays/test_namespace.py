"""Which number system acts is read off the arrays; what is no number is refused."""

import sys

import numpy as np
import pytest
from autograd import grad

from reference.arrays import ball, dual, floats
from reference.arrays import functions as F
from reference.arrays.bicomplex import Bicomplex
from reference.arrays.dual import Dual
from reference.arrays.namespace import namespace
from tests.arrays.counting import Counted


def test_the_system_of_highest_rank_acts_and_floats_mix_with_all():
    x, pair = np.ones(2), Dual(np.ones(2), np.ones(2))
    assert namespace(x, 2.0, True, 3j) is floats
    assert namespace(x, ball.exact(x)) is ball
    assert namespace(pair, x, ball.exact(x)) is dual
    assert namespace(Counted(x), x) is sys.modules[Counted.__module__]


def traced(check):
    """check(box) within a traced function."""
    return grad(lambda t: [t * 1.0, check(t * np.ones(2))][0])(1.0)


def test_systems_of_one_rank_do_not_mix():
    with pytest.raises(TypeError, match="do not mix: reference.arrays.ball, reference.arrays.tape"):
        traced(lambda t: namespace(t, ball.exact(np.ones(2))))
    with pytest.raises(TypeError, match="reference.arrays.bicomplex, reference.arrays.dual"):
        namespace(Dual(1.0, 1.0), Bicomplex(1.0, 1.0))


class Stranger:
    """No number: its module states no RANK."""


@pytest.mark.parametrize("x, message", [
    ([1.0, 2.0], r"no number system for list; pass an array \(numpy.asarray\)"),
    (None, "no number system for NoneType"), ("1", "no number system for str"),
    (Stranger(), "test_namespace.Stranger: its module states no RANK and no vocabulary")])
def test_what_is_no_number_is_refused_by_name(x, message):
    with pytest.raises(TypeError, match=message):
        F.exp(x)
