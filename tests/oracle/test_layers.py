"""check_layer: every built-in layer keeps its promises, and every planted fault is named."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

import reference as ref
from reference.arrays import functions as F
from reference.network.affine import Affine, beside
from reference.network.uses import Scaling, Use, places
from reference.oracle.layers import Finding, Report, check_layer
from reference.problems.layers import LAYERS


def rng():
    return np.random.default_rng(0)


@cache
def met():
    """{name: (layer, x)}: every layer in a problem of LAYERS once, at an input that it meets."""
    found = {}
    for name, make in LAYERS.items():
        objective, theta = make(rng())
        for layer, x in zip(objective.net.layers, objective.net.forward(theta, objective.x)):
            if repr(layer) not in {repr(known) for known, _ in found.values()}:
                found[f"{name}: {type(layer).__name__} {len(found)}"] = layer, np.asarray(x)
    return found


@pytest.mark.parametrize("name", met())
def test_every_layer_keeps_its_promises(name):
    layer, x = met()[name]
    report = check_layer(layer, x.shape[1:], rng(), x=x)
    assert report.passed, str(report)


@pytest.mark.parametrize("name", ref.network.elementwise.ACTIVATIONS)
def test_every_activation_keeps_its_promises(name):
    report = check_layer(ref.network.elementwise.Elementwise(name), (5,), rng())
    assert report.passed, str(report)


# ---- layers of one's own ----

@dataclass(frozen=True)
class Scale(ref.Layer):
    """y_i = w_i x_i: two methods, W (1, D)."""

    features: int

    @property
    def shape(self):
        return 1, self.features

    def forward(self, W, x):
        return x * beside(W, x.ndim)

    def vjp(self, W, x, y, dy):
        axes = tuple(range(W.ndim - y.ndim - 2, -1))
        return F.sum(dy * x, axes)[..., None, :], dy * beside(W, y.ndim)


class Telling(Scale):
    """The same, telling its uses: a Scaling of W (D, 1)."""

    bias = False

    @property
    def shape(self):
        return self.features, 1

    def forward(self, W, x):
        return x * beside(F.transpose(W), x.ndim)

    def pull(self, Ws, trace, dy, data=False):
        rank = trace[-1].ndim + 1 - Ws[0].ndim
        return ([Scaling(places(trace[0], rank), places(dy, rank), False)],
                dy * beside(F.transpose(Ws[0]), trace[-1].ndim))


def test_ten_lines_of_ones_own_pass_and_what_was_not_asked_says_why():
    report = check_layer(Scale(4), (3, 4), rng())
    assert report.passed, str(report)
    unasked = {f.name: f.note for f in report.findings if f.error is None}
    assert unasked.keys() == {"each", "pairs", "start"} and unasked["each"] == "not affine"
    assert "net.initial needs `bias`, or `start`" in unasked["start"]
    report = check_layer(Telling(4), (3, 4), rng())
    assert report.passed and all(f.error is not None for f in report.findings), str(report)


def test_a_layer_for_indices_is_asked_about_given_integers():
    report = check_layer(Table(5, 3), (2,), rng(), x=rng().integers(0, 5, (3, 2)))
    assert report.passed, str(report)
    assert not any(f.name.startswith("dx") for f in report.findings)
    with pytest.raises(ValueError, match="announced"):
        check_layer(Table(5, 3), (4,), rng(), x=rng().integers(0, 5, (3, 2)))


# ---- planted faults ----

@dataclass(frozen=True)
class Square(Affine):
    """s = W x, W (D, D)."""

    features: int
    bias = False

    @property
    def shape(self):
        return self.features, self.features

    def forward(self, W, x):
        return x @ F.transpose(beside(W, x.ndim))

    def use(self, W, x, y, dy):
        rank = y.ndim + 1 - W.ndim
        return Use(places(x, rank), places(dy, rank))

    def input_vjp(self, W, x, y, dy):
        return dy @ beside(W, y.ndim)


class OffByNano(Scale):
    def vjp(self, W, x, y, dy):
        dW, dx = Scale.vjp(self, W, x, y, dy)
        return dW * (1 + 1e-9), dx


class NoFactor(Scale):
    def vjp(self, W, x, y, dy):
        return Scale.vjp(self, W, x, y, dy)[0], dy


class Transposed(Square):
    def vjp(self, W, x, y, dy):
        dW, dx = Affine.vjp(self, W, x, y, dy)
        return F.transpose(dW), dx

    def pull(self, Ws, trace, dy, data=False):
        return ref.Layer.pull(self, Ws, trace, dy, data)


class WritesInput(Scale):
    def forward(self, W, x):
        x *= beside(W, x.ndim)
        return x


class WritesOutput(Scale):
    def vjp(self, W, x, y, dy):
        dW, dx = Scale.vjp(self, W, x, y, dy)
        y[...] = 0
        return dW, dx


class Remembers(Scale):
    """Backward uses the input that forward met last."""

    def forward(self, W, x):
        object.__setattr__(self, "last", x)
        return Scale.forward(self, W, x)

    def vjp(self, W, x, y, dy):
        return Scale.vjp(self, W, self.last, y, dy)


class Counts(Scale):
    def forward(self, W, x):
        object.__setattr__(self, "calls", getattr(self, "calls", 0) + 1)
        return self.calls * Scale.forward(self, W, x)


class Absolute(ref.Layer):
    """y = |x|, as NumPy has it."""

    def forward(self, W, x):
        return np.abs(x)

    def vjp(self, W, x, y, dy):
        return None, dy * F.where(F.primal(x) > 0, 1, -F.ones_like(x))


class Conjugate(ref.Layer):
    """y = x for real x."""

    def forward(self, W, x):
        return np.conj(x) if isinstance(x, np.ndarray) and x.dtype.kind == "c" else 1 * x

    def vjp(self, W, x, y, dy):
        return None, dy


class Upcasts(Scale):
    """A table in float64, which widens float32."""

    def forward(self, W, x):
        return Scale.forward(self, W, x) + np.linspace(0, 1, x.shape[-1])


class PythonRoot(ref.Layer):
    """y = x sqrt(2), the root of 53 bits."""

    def forward(self, W, x):
        return x * float(np.sqrt(2))

    def vjp(self, W, x, y, dy):
        return None, dy * float(np.sqrt(2))


class Rooted(ref.Layer):
    """One constant in Python floats where forward has it in the numbers of x."""

    def forward(self, W, x):
        return x * F.sqrt(2 * F.ones_like(x[..., :1]))

    def vjp(self, W, x, y, dy):
        return None, dy * float(np.sqrt(2))


class Cancels(ref.Layer):
    """tanh, whose slope is 0 from x = 20 on, where 1 - y y is."""

    def forward(self, W, x):
        return F.tanh(x)

    def vjp(self, W, x, y, dy):
        return None, (1 - y * y) * dy


class OneAnswer(ref.Layer):
    """dx, and nothing beside it."""

    def forward(self, W, x):
        return 2 * x

    def vjp(self, W, x, y, dy):
        return 2 * dy


class IgnoresLeads(Scale):
    def vjp(self, W, x, y, dy):
        return F.sum(dy * x, -dy.ndim)[..., None, :], dy * beside(W, y.ndim)


class KnowsFirstAxis(ref.Layer):
    """The mean of each example, told from the batch by the first axis."""

    def output_shape(self, shape):
        return (1,)

    def forward(self, W, x):
        return F.reshape(x, (x.shape[0], -1))[:, :1]

    def vjp(self, W, x, y, dy):
        rest = 0 * F.reshape(x, (x.shape[0], -1))[:, 1:]
        return None, F.reshape(F.concatenate([dy + 0 * y, rest]), x.shape)


class WrongEach(Scaling):
    def each(self):
        return Scaling.each(self) * 2


class WrongPairs(Scaling):
    def pairs(self):
        return Scaling.pairs(self)[::-1]


@dataclass(frozen=True)
class Using(Telling):
    """Telling, with another kind of use."""

    kind: type

    def pull(self, Ws, trace, dy, data=False):
        (use,), dx = Telling.pull(self, Ws, trace, dy, data)
        return [self.kind(use.x, use.g, False)], dx


@dataclass(frozen=True)
class Table(Affine):
    """Column W[:, i] for an index i: an embedding."""

    size: int
    outputs: int
    bias = False

    @property
    def shape(self):
        return self.outputs, self.size

    def output_shape(self, shape):
        return (*shape, self.outputs)

    def require_input(self, x):
        if x.dtype.kind not in "iu":
            raise TypeError(f"indices are integers, got {x.dtype}.")

    def forward(self, W, x):
        columns = F.take(W, x)                                           # (..., O, N, T)
        return F.swapaxes(F.swapaxes(columns, -3, -2), -2, -1)

    def use(self, W, x, y, dy):
        return ref.network.uses.Lookup(x, dy, self.size)

    def input_vjp(self, W, x, y, dy):
        return None


class Overwrites(ref.Layer):
    """y = x[1, 1, 0], whose backward pass writes where it should add."""

    def output_shape(self, shape):
        return (3,)

    def forward(self, W, x):
        return F.take(x, np.array([1, 1, 0]))

    def vjp(self, W, x, y, dy):
        last = F.stack([dy[..., 2], dy[..., 1]])
        return None, F.concatenate([last, F.zeros_like(x[..., 2:])])


class Couples(ref.Layer):
    """y = x less its mean over the batch, without saying so."""

    def forward(self, W, x):
        return x - F.sum(x, -2)[..., None, :] / x.shape[-2]

    def vjp(self, W, x, y, dy):
        return None, dy - F.sum(dy, -2)[..., None, :] / dy.shape[-2]


class WrongShape(Scale):
    def output_shape(self, shape):
        return (*shape, 1)


class NoGradient(ref.Layer):
    """y = sin x, and a slope that is right at the point but no derivative: its own is 0."""

    def forward(self, W, x):
        return F.sin(x)

    def vjp(self, W, x, y, dy):
        return None, dy * F.cos(F.primal(x) + F.zeros_like(x))


class Named(Telling):
    def parts(self, Ws):
        return {"weight": 2 * Ws[0]}


class Loses(Telling):
    def parts(self, Ws):
        return {"weight": Ws[0][..., 1:, :]}


class DataDiffers(Telling):
    def pull(self, Ws, trace, dy, data=False):
        uses, dx = Telling.pull(self, Ws, trace, dy)
        return ([Scaling(u.x, 2 * u.g, False) for u in uses] if data else uses), dx


class Narrow(Telling):
    def start(self, rng, scheme):
        return [np.zeros((1, 1))]


PLANTED = {
    "dW off by 1e-9": (OffByNano(4), {"dW by dual numbers", "dW by complex step",
                                      "dW by autograd"}),
    "dx without its factor": (NoFactor(4), {f"dx by {route}" for route in (
        "dual numbers", "complex step", "autograd", "differences")}),
    "dW transposed": (Transposed(4), {"dW by dual numbers", "dW by differences"}),
    "x overwritten": (WritesInput(4), {"writes nothing"}),
    "y overwritten": (WritesOutput(4), {"writes nothing"}),
    "the last input remembered": (Remembers(4), {"the same twice"}),
    "calls counted": (Counts(4), {"the same twice"}),
    "abs": (Absolute(), {"dx by complex step"}),
    "conj": (Conjugate(), {"dx by complex step"}),
    "a table in float64": (Upcasts(4), {"float32"}),
    "a root in Python floats": (Rooted(), {"longdouble, by dual numbers"}),
    "a slope that cancels": (Cancels(), {"dx in the tails"}),
    "one answer": (OneAnswer(), {"output_shape"}),
    "leading axes ignored": (IgnoresLeads(4), {"leading axes of theta"}),
    "axes counted from the front": (KnowsFirstAxis(), {"leading axes of theta"}),
    "each": (Using(4, WrongEach), {"each"}),
    "pairs": (Using(4, WrongPairs), {"pairs"}),
    "scatter that overwrites": (Overwrites(), {"dx by dual numbers", "dx by autograd"}),
    "coupled in secret": (Couples(), {"examples alone"}),
    "output_shape": (WrongShape(4), {"output_shape"}),
    "the slope of a constant": (NoGradient(), {"H v by forward alone"}),
    "entries scaled": (Named(4), {"parts"}),
    "entries lost": (Loses(4), {"parts"}),
    "data differs": (DataDiffers(4), {"data"}),
    "start": (Narrow(4), {"start"}),
}


@pytest.mark.parametrize("fault", PLANTED)
@pytest.mark.filterwarnings("default")
def test_a_planted_fault_is_named(fault):
    layer, named = PLANTED[fault]
    report = check_layer(layer, (4,), rng(), n=5)
    assert not report.passed and named <= set(report.failed), str(report)


def test_what_is_right_about_a_faulty_layer_is_said_too():
    """Differences share nothing with the complex step, and tell a wrong dW from a lost step."""
    failed = set(check_layer(Conjugate(), (4,), rng()).failed)
    assert "dx by complex step" in failed
    assert not failed & {"dx by differences", "dx by dual numbers", "dx by autograd"}
    failed = check_layer(OffByNano(4), (4,), rng()).failed
    assert not any(name.startswith("dx") for name in failed)
    report = check_layer(Upcasts(4), (4,), rng())
    assert "F.fitted" in str(report) and "dW by dual numbers" not in report.failed


def test_a_constant_in_python_floats_is_another_function_unless_forward_has_it_too():
    """What forward and backward share is the definition; that it is wrong no route can see."""
    assert check_layer(PythonRoot(), (4,), rng()).passed


def test_a_layer_that_cannot_begin_is_a_report_too():
    report = check_layer(ref.Dense(3, 2), (4,), rng())
    assert report.failed == ("begins",) and "needs 3 input features" in str(report)


def test_one_answer_is_said_to_be_one():
    assert "vjp returned one ndarray; return dW, dx" in str(check_layer(OneAnswer(), (4,), rng()))


def test_tails_are_asked_of_what_acts_entry_by_entry():
    asked = {name: next(f for f in check_layer(layer, (4,), rng()).findings
                        if f.name == "dx in the tails")
             for name, layer in {"one": ref.Tanh(), "weights": Scale(4), "mixes": ref.LayerNorm(4),
                                 "shrinks": ref.Dense(4, 3)}.items()}
    assert asked["one"].error < 1e-12 and asked["weights"].error < 1e-12
    assert asked["mixes"].note == asked["shrinks"].note == "not elementwise"


@pytest.mark.parametrize("change, error, message", [
    (dict(rng=0), TypeError, "rng=0 is not a generator"),
    (dict(layer=ref.Dense), TypeError, "layer is <class .*: call its constructor"),
    (dict(layer=ref.Tanh), TypeError, "layer is <function Tanh"),
    (dict(n=0), ValueError, "n must be a whole number of at least 1, got 0"),
    (dict(n=2.0), ValueError, "got 2.0"), (dict(shape=(0,)), ValueError, r"got \(0,\)"),
    (dict(shape="a"), ValueError, "shape must be whole numbers"),
    (dict(x=np.ones((0, 4))), ValueError, r"x has shape \(0, 4\).* pass one at least"),
    (dict(x=[[1.0] * 4]), TypeError, "x is a list")])
def test_what_no_layer_can_be_asked_with_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        check_layer(**{"layer": ref.Tanh(), "shape": (4,), "rng": rng(), **change})


def test_nan_fails_and_the_table_says_what_is_wrong():
    report = Report(ref.Tanh(), (Finding("a", np.nan, 1.0, "meaning"), Finding("b", 0.5, 1.0),
                                 Finding("c", None, 1.0, "reason")))
    assert report.failed == ("a",) and not report.passed
    lines = str(report).splitlines()
    assert "WRONG: meaning" in lines[2] and lines[3].endswith("ok")
    assert lines[4].endswith("not asked: reason") and lines[5] == "2 promises asked, 1 wrong."


class NotANumber(Scale):
    """Right at one point, nan at several."""

    def forward(self, W, x):
        return Scale.forward(self, W, x) * (np.nan if W.ndim > 3 else 1)


def test_nan_is_not_lost_among_good_errors():
    assert "leading axes of theta" in check_layer(NotANumber(4), (4,), rng()).failed
