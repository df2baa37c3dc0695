"""The stand-in's rules: each is broken here, and that is an error; the record is CuPy's own."""

import json

import numpy as np
import pytest

from tests.stand_in import array, record
from tests.stand_in.modules import installed

rng = np.random.default_rng(0)


@pytest.fixture
def cupy():
    with installed() as found:
        yield found


@pytest.fixture
def x(cupy):
    return cupy.asarray(np.arange(12.0).reshape(3, 4))


@pytest.fixture
def i(cupy):
    return cupy.asarray(np.array([0, 2]))


HOST = np.ones((3, 4))
BREACHES = {                                 # rule: what breaks it, the error
    "implicit conversion": [
        (lambda c, x, i: np.asarray(x), TypeError, "Implicit conversion"),
        (lambda c, x, i: np.array([x, x]), TypeError, "number by number|Implicit"),
        (lambda c, x, i: np.ascontiguousarray(x), TypeError, "Implicit conversion"),
        (lambda c, x, i: HOST[:, 0].dot(x), TypeError, "Implicit|Unsupported")],
    "NumPy array beside a device array": [
        (lambda c, x, i: x + HOST, TypeError, "Unsupported type"),
        (lambda c, x, i: HOST + x, TypeError, "Unsupported type"),
        (lambda c, x, i: HOST.T @ x, TypeError, "takes device arrays"),
        (lambda c, x, i: np.where(x > 1, x, HOST), TypeError, "Unsupported type"),
        (lambda c, x, i: np.concatenate([x, HOST]), TypeError, "takes device arrays"),
        (lambda c, x, i: x.dot(HOST.T), TypeError, "Unsupported type"),
        (lambda c, x, i: x.__setitem__(0, HOST[0]), TypeError, "Unsupported type"),
        (lambda c, x, i: x.__iadd__(HOST), TypeError, "Unsupported type")],
    "NumPy array or list as an index": [
        (lambda c, x, i: x[np.array([0])], TypeError, "hidden transfer"),
        (lambda c, x, i: x[..., HOST[0] > 0], TypeError, "hidden transfer"),
        (lambda c, x, i: x[[0, 1]], TypeError, "hidden transfer"),
        (lambda c, x, i: HOST[i], (TypeError, IndexError), ".")],
    "what a search or a count by items is": [
        (lambda c, x, i: list(x[0]), TypeError, "number by number"),
        (lambda c, x, i: sum(x[0]), TypeError, "number by number"),
        (lambda c, x, i: 1.0 in x, TypeError, "search"),
        (lambda c, x, i: x.item(), TypeError, "hidden round trip"),
        (lambda c, x, i: x.tolist(), TypeError, "hidden round trip"),
        (lambda c, x, i: range(i[0]), TypeError, "interpreted as an integer"),
        (lambda c, x, i: [1, 2][i[0]], TypeError, "indices must be integers"),
        (lambda c, x, i: hash(x), TypeError, "unhashable"),
        (lambda c, x, i: bool(x), ValueError, "ambiguous")],
    "types beyond 64 bits": [
        (lambda c, x, i: c.asarray(np.ones(2, np.longdouble)), ValueError, "Unsupported dtype"),
        (lambda c, x, i: c.asarray(np.ones(2, object)), ValueError, "Unsupported dtype"),
        (lambda c, x, i: x.astype(np.longdouble), ValueError, "Unsupported dtype"),
        (lambda c, x, i: x.astype(object), ValueError, "Unsupported dtype"),
        (lambda c, x, i: x * np.longdouble(2), TypeError, "Wrong type")],
    "functions that CuPy has not": [
        (lambda c, x, i: np.block([x, x]), TypeError, "no implementation|number by number"),
        (lambda c, x, i: np.spacing(x), AttributeError, "spacing"),
        (lambda c, x, i: np.linalg.multi_dot([x, x.T]), TypeError, "no implementation"),
        (lambda c, x, i: x.setflags(write=False), AttributeError, "setflags")],
    "parameters that CuPy has not": [
        (lambda c, x, i: x.max(initial=0), TypeError, "unexpected keyword"),
        (lambda c, x, i: np.sum(x, where=x > 1), TypeError, "unexpected keyword"),
        (lambda c, x, i: np.take(x, i, mode="clip"), TypeError, "unexpected keyword"),
        (lambda c, x, i: np.add(x, x, where=x > 1), TypeError, "unexpected keyword"),
        (lambda c, x, i: np.add(x, x, order="F"), TypeError, "unexpected keyword"),
        (lambda c, x, i: np.einsum("ij->ij", x, out=x), TypeError, "einsum does not take"),
        (lambda c, x, i: np.add.reduce(x), TypeError, "returned NotImplemented")],
    "types that a ufunc has not": [
        (lambda c, x, i: np.left_shift(x, 2), TypeError, "Wrong type"),
        (lambda c, x, i: np.frexp(x + 1j), TypeError, "Wrong type"),
        (lambda c, x, i: x & x, TypeError, "Wrong type"),
        (lambda c, x, i: c.cbrt(x + 1j), TypeError, "Wrong type")],
    "what is no device array": [
        (lambda c, x, i: c.sum([1.0, 2.0]), TypeError, "takes device arrays"),
        (lambda c, x, i: c.stack([x[0], 3.0]), TypeError, "takes device arrays"),
        (lambda c, x, i: c.column_stack([x, HOST]), TypeError, "takes device arrays"),
        (lambda c, x, i: c.where(HOST > 0, x, x), AttributeError, "as condition"),
        (lambda c, x, i: c.linalg.inv(HOST), np.linalg.LinAlgError, "only supports")],
    "places on the device": [
        (lambda c, x, i: np.split(x, i), TypeError, "from the host"),
        (lambda c, x, i: np.repeat(x, i, 0), TypeError, "from the host")],
    "scatter": [
        (lambda c, x, i: np.add.at(x + 1j, i, 1), TypeError, "not defined for complex"),
        (lambda c, x, i: np.add.at(x > 0, i, True), TypeError, "not defined for bool"),
        (lambda c, x, i: np.add.at(i, i, 1), TypeError, "not defined for int64"),
        (lambda c, x, i: np.multiply.at(x, i, 2.0), TypeError, "not defined")],
    "stacks of linear systems": [
        (lambda c, x, i: np.linalg.solve(c.ones((5, 2, 2)), c.ones((2, 1))), ValueError, "K"),
        (lambda c, x, i: np.linalg.cholesky(c.ones((2, 3))), np.linalg.LinAlgError, "square")],
    "in-place arithmetic that narrows": [
        (lambda c, x, i: x.__iadd__(1j * x), TypeError, "Cannot cast"),
        (lambda c, x, i: i.__itruediv__(2), TypeError, "Cannot cast")],
    "error states": [
        (lambda c, x, i: __import__("cupyx").errstate(divide="raise").__enter__(),
         NotImplementedError, "^$")],
}
CASES = [(rule, k) for rule, breaches in BREACHES.items() for k in range(len(breaches))]


@pytest.mark.parametrize("rule, k", CASES, ids=lambda each: str(each))
def test_breaking_a_rule_is_an_error(cupy, x, i, rule, k):
    breach, error, words = BREACHES[rule][k]
    with pytest.raises(error, match=words):
        breach(cupy, x, i)


# ---- rules whose breach gives other numbers, not an error ----

def test_indices_out_of_range_wrap_unsaid(cupy, x):
    far = cupy.asarray(np.array([4, -5]))
    assert (x[..., far]._host == x._host[..., [0, 3]]).all()
    assert (np.take(x, far, axis=1)._host == x._host[:, [0, 3]]).all()
    y = cupy.zeros(4)
    np.add.at(y, far, cupy.ones(2))
    assert y._host.tolist() == [1, 0, 0, 1]
    x[far] = 7
    assert (x._host[[1, 1]] == 7).all()             # rows 4 and -5 of three
    with pytest.raises(IndexError):
        x[5]                                        # a number, unlike an array, is looked at


def test_reductions_are_arrays_without_axes_and_numbers_from_them_are_noted(cupy, x):
    for found in (x.sum(), np.max(x), np.count_nonzero(x), np.array_equal(x, x), np.trace(x),
                  x @ x.T @ cupy.ones(3) @ cupy.ones(3), np.linalg.norm(x), x[0, 0]):
        assert isinstance(found, cupy.ndarray) and found.shape == ()
    assert array.trips == []
    assert float(x.sum()) == 66 and x.any() and f"{x[0, 1]}" == "1.0" and 0 < x.max() < 99
    assert array.trips == ["float", "bool", "str", "bool", "bool"]


def test_what_a_ufunc_gives_has_the_type_of_cupys_loop(cupy, x, i):
    assert (x.astype("f") * 2.0).dtype == "f" and (x.astype("f") * np.float64(2)).dtype == "d"
    assert (x.astype("f") + x).dtype == "d" and (i / 2).dtype == "d"
    significand, exponent = np.frexp(x)
    assert (significand.dtype, exponent.dtype) == ("d", "i")
    assert np.ldexp(np.float32(1), exponent).dtype == "f" and np.isfinite(x).dtype == bool


def test_log1p_and_expm1_of_complex_numbers_lose_digits_as_cupys_do(cupy):
    from reference.arrays import functions as F
    x = cupy.asarray(np.array([1e-20 + 1e-30j, 1e-9 + 1e-9j]))
    for function in (np.log1p, np.expm1):
        assert abs(function(x)._host[0].real) < 1e-50
    assert (abs(F.log1p(x)._host / x._host - 1) < 2e-9).all()         # log(1 + x) = x - x^2/2 ...
    assert (abs(F.expm1(x)._host / x._host - 1) < 2e-9).all()


def test_a_failing_factorisation_is_silent_unless_it_is_asked(cupy):
    import cupyx
    bad = cupy.asarray(-np.eye(2))
    assert np.isnan(np.linalg.cholesky(bad)._host).all()
    assert np.isnan(np.linalg.solve(0 * bad, cupy.ones(2))._host).all()
    assert np.isnan(np.linalg.inv(0 * bad)._host).all()
    with cupyx.errstate(linalg="raise"):
        for fails in (lambda: np.linalg.cholesky(bad), lambda: np.linalg.inv(0 * bad)):
            with pytest.raises(np.linalg.LinAlgError):
                fails()


def test_no_warning_of_numbers_is_given(cupy, x):
    assert np.isinf(1 / x[0, :1])._host.all() and np.isnan(np.sqrt(-1 - x))._host.all()


def test_what_crosses_is_noted_and_the_package_crosses_in_transfer_alone(cupy):
    from reference.arrays import transfer
    x = cupy.asarray(np.ones(3))
    x.get(), cupy.asarray(x), cupy.zeros(3), transfer.to_host(x), transfer.move(np.ones(2), "cupy")
    assert array.moves == [("asarray", (3,)), ("get", (3,)), ("get", (3,)), ("asarray", (2,))]
    elsewhere = eval("lambda c, x: (lambda: x.get(), lambda: c.asarray([1.0]))",
                     {"__name__": "reference.optim.step"})
    for crossing in elsewhere(cupy, x):
        with pytest.raises(TypeError, match="reference.optim.step.<lambda> moves an array"):
            crossing()


def test_operators_are_sums_products_and_multiples(cupy):
    from cupyx.scipy.sparse.linalg import LinearOperator

    class Diagonal(LinearOperator):
        def _matmat(self, V):
            return cupy.asarray(np.array([1.0, 2.0]))[:, None] * V

        def _matvec(self, v):
            return self._matmat(v.reshape(-1, 1))

    A, I = Diagonal("f", (2, 2)), cupy.eye(2)
    for op, value in ((A + A, [2, 4]), (3 * A, [3, 6]), (A @ A, [1, 4]), (A - 2 * A, [-1, -2]),
                      (A ** 3, [1, 8]), (np.float64(2) * A, [2, 4])):
        assert ((op @ I)._host == np.diag(value)).all()
        assert ((op @ cupy.ones(2))._host == value).all() and op.shape == (2, 2)
    assert (A + A).dtype == "f" and (3.0 * A).dtype == "d"
    for breach in (lambda: A @ 2.0, lambda: A @ cupy.ones(3), lambda: A * cupy.ones(()),
                   lambda: A + Diagonal("f", (3, 3))):
        with pytest.raises(ValueError):
            breach()


def test_the_real_cupy_comes_back(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, "cupy", marker := object())
    with installed():
        assert sys.modules["cupy"] is not marker
    assert sys.modules["cupy"] is marker


# ---- the record is CuPy's ----

def differences(ours, theirs, path=()):
    """Paths at which two records differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            yield from differences(ours.get(key), theirs.get(key), (*path, key))
    elif ours != theirs:
        yield ".".join(path)


def test_the_record_is_what_cupy_says_of_itself():
    real = pytest.importorskip("cupy")
    if real.__version__ != array.RECORD["version"]:
        pytest.skip(f"the record is of CuPy {array.RECORD['version']}")
    assert list(differences(array.RECORD, json.loads(json.dumps(record.record())))) == []


def test_a_difference_of_records_is_found():
    other = json.loads(json.dumps(array.RECORD))
    other["modules"]["cupy"]["sum"].append("initial")
    del other["methods"]["sort"]
    assert list(differences(array.RECORD, other)) == ["methods.sort", "modules.cupy.sum"]
