"""One contract for every number system: NumPy's meaning, the system's digits, its derivatives.

`contract.check` is what all have in common; test_arranging.py holds the rest of the vocabulary.
"""

import operator

import flint
import numpy as np
import pytest

from reference.arrays import functions as F
from reference.arrays.dual import Dual
from reference.arrays.namespace import namespace
from tests.arrays.contract import check, curve, each_system, real_type
from tests.arrays.counting import Counted
from tests.arrays.systems import SYSTEMS, series
from tests.truth import exact
from tests.device.real import cupy_or_skip

# ---- the elementwise functions ----


def each(function):
    return np.frompyfunc(function, 1, 1)


ELEMENTWISE = {
    "exp": lambda t: t.exp(), "expm1": lambda t: t.exp() - 1, "log": lambda t: t.log(),
    "log1p": lambda t: (1 + t).log(), "sqrt": lambda t: t.sqrt(), "sin": lambda t: t.sin(),
    "cos": lambda t: t.cos(), "tanh": lambda t: 1 - 2 / ((2 * t).exp() + 1),
    "ndtr": lambda t: (-t / flint.arb(2).sqrt()).erfc() / 2,
}


@each_system
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_functions_and_their_derivatives(system, name):
    low = 0.5 if name in ("log", "sqrt") else -0.75
    check(system, getattr(F, name), each(ELEMENTWISE[name]), curve(2, 3, low=low))


def cosh(t):
    return (t.exp() + (-t).exp()) / 2


OWN_FORMS = {                    # written once for all, but some systems have shorter forms
    "sigmoid": (F.sigmoid, lambda t: 1 / (1 + (-t).exp())),
    "sigmoid_slope": (F.sigmoid_slope, lambda t: 1 / (2 * cosh(t / 2)) ** 2),
    "sech2": (lambda x: F.sech2(x, F.tanh(x)), lambda t: 1 / cosh(t) ** 2),
}


@each_system
@pytest.mark.parametrize("name", OWN_FORMS)
def test_shorter_forms_of_one_system_are_the_common_function(system, name):
    function, truth = OWN_FORMS[name]
    for low in (-0.75, 3.0, -9.0):
        check(system, function, each(truth), curve(2, 3, low=low))


@pytest.mark.parametrize("x", [-745.0, -710.0, -700.0, 40.0, 710.0])
def test_the_sigmoid_keeps_its_digits_where_the_exponential_overflows(x):
    with flint.ctx.workprec(300):
        true = float(1 / (1 + (-flint.arb(x)).exp()))
    for y in (F.sigmoid(np.array([x, 0.5]))[0], F.sigmoid(np.array(x))):
        assert abs(y - true) <= 4 * np.finfo(float).eps * true + 5e-324


# series of balls say how wide they are instead
@pytest.mark.parametrize("system", [s for s in SYSTEMS if s.name != "ball-series"], ids=repr)
@pytest.mark.parametrize("name", ["expm1", "log1p", "sin", "tanh"])
def test_functions_with_a_root_at_zero_stay_relatively_accurate_there(system, name):
    x = np.array([2.0 ** -30, -2.0 ** -30])
    check(system, lambda t: getattr(F, name)(t) / x.astype(np.float32),
          lambda t: each(ELEMENTWISE[name])(t) / series(x, 0 * x), (x, 0 * x))


def test_the_contract_covers_the_vocabulary():
    structural = ("primal positive argmax where pi constant zeros_like ones_like sum einsum "
                  "concatenate stack swapaxes reshape broadcast_to take scatter").split()
    assert sorted([*ELEMENTWISE, *structural]) == sorted(F.VOCABULARY)


@each_system
def test_what_is_computed_from_constants_alone_has_the_digits_of_the_system(system):
    x = np.array([0.1, 1.0, 3.0])                         # 0.1 * 0.1 is rounded in float64
    data = x.astype(np.float32 if system.eps > 1e-10 else float)

    def square_of_data(t):
        c = F.constant(data, t)
        return c * c + 0 * t
    check(system, square_of_data, lambda t: each(exact)(data) * each(exact)(data) + 0 * t, curve(3))


# ---- arithmetic, with everything that broadcasts ----

SHAPES = [((2, 3), (2, 3)), ((3,), (2, 3)), ((2, 3), (3,)), ((4, 1, 3), (2, 1)), ((), (2, 3))]


@each_system
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("op", "add sub mul truediv".split())
def test_arithmetic_broadcasts_on_either_side(system, op, shapes):
    act = getattr(operator, op)
    check(system, act, act, curve(*shapes[0]), curve(*shapes[1], seed=1))


@each_system
@pytest.mark.parametrize("op", "add sub mul truediv".split())
@pytest.mark.parametrize("constant", [3, 0.375, "vector", "array", "flags"])
def test_arithmetic_with_constants_on_either_side(system, op, constant):
    act, named = getattr(operator, op), isinstance(constant, str)
    plain = {"vector": curve(3, seed=2)[0], "array": curve(4, 2, 3, seed=2)[0],
             "flags": np.eye(3, dtype="int8") + 1}.get(constant, constant)
    here = plain.astype(real_type(system)) if named and constant != "flags" else plain
    there = series(plain, 0 * plain) if named else plain
    for curves in [curve(3, 3), curve(5, 1, 3, 3)] if constant == "flags" else [curve(2, 3)]:
        check(system, lambda a: act(a, here), lambda a: act(a, there), curves)
        check(system, lambda a: act(here, a), lambda a: act(there, a), curves)


MATRICES = [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2))]


@each_system
@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matrix_products_broadcast_like_numpys(system, shapes):
    a, b = curve(*shapes[0]), curve(*shapes[1], seed=1)
    check(system, operator.matmul, operator.matmul, a, b)
    here, there = (b[0].astype(real_type(system)), series(b[0], 0 * b[0]))
    check(system, lambda x: x @ here, lambda x: x @ there, a)
    here, there = (a[0].astype(real_type(system)), series(a[0], 0 * a[0]))
    check(system, lambda x: here @ x, lambda x: there @ x, b)


@each_system
def test_powers_and_negation(system):
    check(system, lambda x: -x ** 3, lambda x: -(x * x * x), curve(2, 3))


@each_system
def test_the_ring_axioms_hold_to_rounding(system):
    a, b, c = curve(2, 3), curve(3, seed=1), curve(2, 1, seed=2)
    zero = lambda x, y, z: 0 * (x + y + z)                                        # noqa: E731
    shift = lambda f: (lambda x, y, z: f(x, y, z) + (x + y + z))                  # noqa: E731
    for f in (lambda x, y, z: (x + y) * z - (x * z + y * z), lambda x, y, z: x * y - y * x,
              lambda x, y, z: (x * y) * z - x * (y * z), lambda x, y, z: x + y + z - (z + y + x)):
        check(system, shift(f), shift(zero), a, b, c)


@each_system
def test_branches_are_decided_on_plain_real_numbers(system):
    kink = [] if system.name == "ball-series" else [0.0]        # a series at 0 moves off it
    x = np.array([-2.0, *kink, 0.5])

    def f(t):
        assert type(F.primal(t)) is np.ndarray and F.primal(t).dtype.kind == "f"
        assert F.positive(t).dtype == bool and F.positive(t).tolist() == (x > 0).tolist()
        assert F.primal(t).tolist() == x.tolist()
        return t
    check(system, f, lambda t: t, (x, np.ones_like(x)))


# ---- what must not happen ----

@pytest.mark.parametrize("compare", [operator.eq, operator.ne, operator.lt, operator.ge])
def test_pairs_are_not_compared_but_by_their_primal_part(compare):
    x = Dual(np.ones(2), np.ones(2))
    for left, right in ((x, 1.0), (1.0, x), (x, x), (np.ones(2), x)):
        with pytest.raises(TypeError):
            compare(left, right)


def leaves(t):
    """The plain arrays inside: what could be written to."""
    if isinstance(t, np.ndarray):
        return [t]
    if isinstance(t, Counted):
        return [t.value]
    return leaves(t.re) + leaves(t.du) if hasattr(t, "du") else []


@each_system
def test_inputs_are_never_written_to(system):
    def f(x):
        arrays, before = leaves(x), [a.copy() for a in leaves(x)]
        for a in arrays:
            a.flags.writeable = False
        for name in ELEMENTWISE:
            getattr(F, name)(x)
        F.softplus(x * x @ F.transpose(x) / (1 + x @ F.transpose(x)) - F.sigmoid(F.sum(x, -1)))
        F.where(F.positive(x), F.concatenate([x[:, :1], x])[:, 1:], F.broadcast_to(x, (2, 3)))
        assert all(map(np.array_equal, arrays, before))
        return x
    check(system, f, lambda x: x, curve(2, 3))


def test_counting_counts():
    before = Counted.operations
    F.sigmoid(Counted(np.ones(3)))
    assert before + 5 < Counted.operations < before + 20


def test_the_contract_fails_for_a_wrong_rule():
    for wrong in (lambda t: F.exp(t) * (1 + 2.0 ** -20), lambda t: F.exp(t)[None],
                  lambda t: F.where(F.positive(t), F.exp(F.primal(t)), F.exp(t))):
        failed = 0
        for system in SYSTEMS:
            try:
                check(system, wrong, each(ELEMENTWISE["exp"]), curve(2, 3))
            except AssertionError:
                failed += 1
        assert failed >= 8                  # the last keeps the value: only derivatives can tell


@pytest.mark.parametrize("a, b", [((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,))])
def test_pairs_refuse_to_multiply_vectors_by_at_whose_axis_could_be_a_direction(a, b):
    x, y = (Dual(np.ones(s), np.ones((3,) + s)) for s in (a, b))
    for left, right in ((x, y), (x, y.re), (x.re, y)):
        with pytest.raises(ValueError, match="pairs multiply matrices; give vectors a second axis"):
            left @ right


@pytest.mark.gpu
def test_cupy_arrays_have_the_vocabulary():
    cupy = cupy_or_skip()
    x = cupy.asarray(curve(2, 3)[0])
    assert all(hasattr(namespace(x), name) for name in F.VOCABULARY)
    for name in ELEMENTWISE:
        np.testing.assert_allclose(getattr(F, name)(x).get(), getattr(F, name)(x.get()), rtol=1e-14)
    assert np.array_equal(F.argmax(x).get(), F.argmax(x.get()))
    for t, index in ((x, np.array([1, 0, 1])), (x + 1j * x, cupy.asarray([1, 0, 1]))):
        assert np.array_equal(F.take(t, index).get(), t.get()[:, [1, 0, 1]])
        there = t.get() @ np.eye(4)[[1, 0, 1]]
        np.testing.assert_allclose(F.scatter(t, index, 4).get(), there, rtol=1e-14)
