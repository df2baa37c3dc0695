"""One contract for every number system: NumPy's meaning, the system's digits, its derivatives.

The truth is plain NumPy on object arrays of power series with ball coefficients, at 300 bits.
"""

import operator
import sys

import flint
import numpy as np
import pytest
from autograd import grad

from reference.arrays import ball, dual, floats
from reference.arrays import functions as F
from reference.arrays.ball import boxed
from reference.arrays.bicomplex import Bicomplex
from reference.arrays.dual import Dual
from reference.arrays.namespace import namespace
from tests.arrays.counting import Counted
from tests.arrays.systems import SYSTEMS, read_series, series
from tests.truth import exact

each_system = pytest.mark.parametrize("system", SYSTEMS, ids=repr)


def curve(*shape, low=0.5, seed=0):
    """x (shape) in [low, low + 1.5) and a tangent, in few enough bits to be exact in float32."""
    rng = np.random.default_rng((seed, *shape))
    x, dx = (np.round(rng.uniform(0, 1.5, shape) * 4096) / 4096 for _ in range(2))
    return x + low, dx - 0.75


def check(system, f, truth, *curves):
    """system.apply(f) against `truth`, a NumPy function: shape, dtype, 16 eps of the largest entry.

    Each derivative is known to eps of the largest of it and of the value: what cancels in a
    quotient is as large as that.
    """
    with flint.ctx.workprec(300):
        true = read_series(boxed(truth(*(series(x, dx) for x, dx in curves))))
    for order, (result, expected) in enumerate(zip(system.apply(f, *curves), true)):
        result = np.asarray(result)
        assert result.shape == expected.shape, f"derivative {order}"
        assert np.result_type(result, result) == np.empty(0, system.dtype).real.dtype
        with flint.ctx.workprec(300):
            size = max(float(abs(t).upper()) for t in [*true[0].flat, *expected.flat, flint.arb(0)])
            wrong = max(float(abs(_ball(r) - t).upper())
                        for r, t in zip(result.flat, expected.flat))
        assert wrong <= 16 * system.eps * size, f"derivative {order}: {wrong / size:.3g}"


def _ball(t):
    return t.mid() if isinstance(t, flint.arb) else exact(t)


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


# series of balls say how wide they are instead
@pytest.mark.parametrize("system", [s for s in SYSTEMS if s.name != "ball-series"], ids=repr)
@pytest.mark.parametrize("name", ["expm1", "log1p", "sin", "tanh"])
def test_functions_with_a_root_at_zero_stay_relatively_accurate_there(system, name):
    x = np.array([2.0 ** -30, -2.0 ** -30])
    check(system, lambda t: getattr(F, name)(t) / x.astype(np.float32),
          lambda t: each(ELEMENTWISE[name])(t) / series(x, 0 * x), (x, 0 * x))


def test_the_contract_covers_the_vocabulary():
    structural = ("primal positive where pi constant zeros_like ones_like sum einsum concatenate "
                  "stack swapaxes reshape broadcast_to").split()
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


def real_type(system):
    return float if system.dtype is object else np.empty(0, system.dtype).real.dtype


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


# ---- arranging ----

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


@each_system
def test_branches_are_decided_on_plain_real_numbers(system):
    x = np.array([-2.0, 0.0, 0.5])

    def f(t):
        assert type(F.primal(t)) is np.ndarray and F.primal(t).dtype.kind == "f"
        assert F.positive(t).dtype == bool and F.positive(t).tolist() == [False, False, True]
        assert F.primal(t).tolist() == x.tolist()
        return t
    check(system, f, lambda t: t, (x, np.ones(3)))


# ---- what must not happen ----

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


# ---- which system ----

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
    (Stranger(), "test_contract.Stranger: its module states no RANK and no vocabulary")])
def test_what_is_no_number_is_refused_by_name(x, message):
    with pytest.raises(TypeError, match=message):
        F.exp(x)


@pytest.mark.gpu
def test_cupy_arrays_have_the_vocabulary():
    cupy = pytest.importorskip("cupy")
    x = cupy.asarray(curve(2, 3)[0])
    assert all(hasattr(namespace(x), name) for name in F.VOCABULARY)
    for name in ELEMENTWISE:
        np.testing.assert_allclose(getattr(F, name)(x).get(), getattr(F, name)(x.get()), rtol=1e-14)
