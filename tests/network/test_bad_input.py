"""What is refused, with the value and what to do; and what is accepted, unchanged."""

import re
import sys

import numpy as np
import pytest

from reference.arrays.cuda import NoDevice
from reference.network import elementwise
from reference.network.affine import Dense
from reference.network.compose import Sequential
from reference.network.elementwise import Elementwise, Tanh
from reference.network.losses import (BinaryCrossEntropy, CrossEntropy, Gaussian, Huber, Loss,
                                      Poisson, SquaredError)
from reference.network.objective import Objective

NET = Sequential(Dense(2, 3), Tanh(), Dense(3, 3))
X, LABELS, TARGETS = np.ones((4, 2)), np.array([0, 1, 2, 0]), np.ones((4, 3))
REAL = {"loss": SquaredError(), "y": TARGETS}
IGNORE = CrossEntropy(ignore=0)


def objective(**changes):
    return Objective(**{"net": NET, "loss": CrossEntropy(), "x": X, "y": LABELS, **changes})


def spoilt(array, *entries):
    array = array.astype(float)
    for index, value in entries:
        array[index] = value
    return array


# ---- data: (what changes, error, message) ----

CAST = "astype(float) if these are numbers to compute with"
FLOATS = "use float32, float64 or longdouble"
NOTHING = "every example is ignored or has weight 0; nothing is left"

DATA = {
    "NaN in x": (dict(x=spoilt(X, ((1, 1), np.nan), ((3, 0), -np.inf))), ValueError,
                 "x has 2 entries that are not finite; the first is x[1, 1] = nan."),
    "infinity in y": (dict(REAL, y=spoilt(TARGETS, ((2, 0), np.inf))), ValueError,
                      "y has 1 entries that are not finite; the first is y[2, 0] = inf."),
    "NaN in probabilities": (dict(y=spoilt(TARGETS / 3, ((0, 2), np.nan))), ValueError,
                             "the first is y[0, 2] = nan."),
    "NaN in weights": (dict(weights=spoilt(np.ones(4), (3, np.nan))), ValueError,
                       "weights has 1 entries that are not finite; the first is weights[3] = nan."),
    "labels (N, 1)": (dict(y=LABELS[:, None]), ValueError, "y has shape (4, 1), but one label for "
                      "each of the network's outputs asks for (4,); shapes must match exactly."),
    "labels too few": (dict(y=LABELS[:3]), ValueError, "(3,), but one label"),
    "y (N,) for (N, 1)": (dict(REAL, net=Sequential(Dense(2, 1)), y=np.ones(4)), ValueError,
                          "y has shape (4,), but the network's output asks for (4, 1)"),
    "y (N, 1) for (N, C)": (dict(REAL, y=TARGETS[:, :1]), ValueError, "(4, 1), but the network's"),
    "y (1, C)": (dict(REAL, y=TARGETS[:1]), ValueError, "y has shape (1, 3)"),
    "weights (N, 1)": (dict(weights=np.ones((4, 1))), ValueError,
                       "weights has shape (4, 1), but the batch asks for (4,)"),
    "float labels": (dict(y=LABELS * 1.0), ValueError, "labels hold float64; write y.astype(int)"),
    "bool labels": (dict(y=LABELS > 0), ValueError, "labels hold bool; write y.astype(int)"),
    "object labels": (dict(y=LABELS.astype(object)), ValueError, "labels hold object; write"),
    "negative labels": (dict(y=LABELS - 1), ValueError,
                        "y must be labels in 0..2; y[0] = -1 (2 entries are wrong)."),
    "labels >= C": (dict(y=LABELS + 1), ValueError, "y must be labels in 0..2; y[2] = 3"),
    "rows of no distribution": (dict(y=TARGETS), ValueError, "rows that sum to 1; y[0] = 3.0"),
    "probability 1.5": (dict(loss=BinaryCrossEntropy(), y=spoilt(TARGETS, ((1, 2), 1.5))),
                        ValueError, "y must be probabilities in [0, 1]; y[1, 2] = 1.5"),
    "half a count": (dict(loss=Poisson(), y=TARGETS / 2), ValueError, "whole numbers >= 0"),
    "negative count": (dict(loss=Poisson(), y=-TARGETS), ValueError, "y[0, 0] = -1.0"),
    "odd outputs": (dict(loss=Gaussian(), y=TARGETS), ValueError, "even number of outputs"),
    "integer x": (dict(x=X.astype(int)), ValueError, f"x holds int64; write x.{CAST}"),
    "bool x": (dict(x=X > 0), ValueError, f"x holds bool; write x.{CAST}"),
    "integer y": (dict(REAL, y=TARGETS.astype(int)), ValueError, f"y holds int64; write y.{CAST}"),
    "integer weights": (dict(weights=np.ones(4, int)), ValueError, f"weights.{CAST}"),
    "float16 x": (dict(x=X.astype(np.float16)), ValueError, f"x holds float16; {FLOATS}"),
    "object x": (dict(x=X.astype(object)), ValueError, f"x holds object; {FLOATS}"),
    "complex x": (dict(x=X + 0j), ValueError, f"x holds complex128; {FLOATS}"),
    "complex y": (dict(REAL, y=TARGETS + 0j), ValueError, f"y holds complex128; {FLOATS}"),
    "object weights": (dict(weights=np.ones(4, object)), ValueError, "weights holds object"),
    "x a list": (dict(x=X.tolist()), TypeError, "x is a list; pass numpy.asarray(x)."),
    "y a list": (dict(y=LABELS.tolist()), TypeError, "y is a list; pass numpy.asarray(y)."),
    "weights a list": (dict(weights=[1.0] * 4), TypeError, "weights is a list; pass"),
    "empty batch": (dict(x=X[:0], y=LABELS[:0]), ValueError,
                    "the batch is empty: x has shape (0, 2)"),
    "no places": (dict(x=np.ones((4, 0, 2)), y=np.ones((4, 0), int)), ValueError, "(4, 0, 2)"),
    "a number for x": (dict(x=np.array(1.0)), ValueError, "the batch is empty: x has shape ()"),
    "all ignored": (dict(loss=IGNORE, y=0 * LABELS), ValueError, NOTHING),
    "all weights 0": (dict(weights=np.zeros(4)), ValueError, NOTHING),
    "all class weights 0": (dict(loss=CrossEntropy(weights=(0, 0, 0))), ValueError, NOTHING),
    "ignored or weight 0": (dict(loss=IGNORE, weights=np.array([1.0, 0, 0, 1])), ValueError,
                            NOTHING),
    "negative weight": (dict(weights=np.array([1.0, -2, 0, 1])), ValueError,
                        "weights must not be negative; the smallest is -2.0"),
    "class weights too few": (dict(loss=CrossEntropy(weights=(1, 2))), ValueError,
                              "class weights has shape (2,), but the number of classes asks for"),
    "reduction": (dict(reduction="avg"), ValueError,
                  "one of ('mean', 'mean over labels', 'sum'), got 'avg'"),
    "negative l2": (dict(l2=-1.0), ValueError, "l2 must be one finite number, not negative, got "
                    "-1.0"),
    "NaN l2": (dict(l2=np.nan), ValueError, "not negative, got nan"),
    "text for l2": (dict(l2="1"), ValueError, "not negative, got '1'"),
    "array for l2": (dict(l2=np.ones(21)), ValueError, "l2 must be one finite number"),
    "masked x": (dict(x=np.ma.masked_invalid(X)), TypeError, "x is a masked array, whose mask "
                 "would be ignored; pass x.filled(value)"),
    "masked y": (dict(y=np.ma.array(LABELS)), TypeError, "y is a masked array"),
    "masked weights": (dict(weights=np.ma.ones(4)), TypeError, "weights is a masked array"),
    "name for a loss": (dict(loss="Huber"), TypeError, "loss is 'Huber'; call its constructor"),
    "function for a loss": (dict(loss=Huber), TypeError,
                            "call its constructor, as in CrossEntropy()"),
    "unknown loss": (dict(loss=Loss("Hinge")), ValueError, "no loss 'Hinge'; choose one of Cross"),
    "layer for a net": (dict(net=Dense(2, 3)), TypeError, "write Sequential(layer, ...)"),
    "first layer unfit": (dict(net=Sequential(Dense(3, 3))), ValueError,
                          "layer 0: Dense(inputs=3, outputs=3, bias=True) needs 3 input features"),
    "later layer unfit": (dict(net=Sequential(Dense(2, 3), Tanh(), Dense(4, 1))), ValueError,
                          "layer 2: Dense(inputs=4, outputs=1, bias=True) needs 4 input features, "
                          "got shape (3,)."),
}


@pytest.mark.parametrize("changes, error, message", DATA.values(), ids=DATA)
def test_an_objective_refuses(changes, error, message):
    with pytest.raises(error, match=re.escape(message)):
        objective(**changes)


@pytest.mark.parametrize("make, error, message", [
    (lambda: Dense(0, 3), ValueError, "Dense: inputs must be a whole number of at least 1, got 0."),
    (lambda: Dense(2.5, 3), ValueError, "inputs must be a whole number of at least 1, got 2.5."),
    (lambda: Sequential().layout, ValueError,
     "Sequential() needs a layer with weights, as Dense(2, 1)."),
    (lambda: Sequential(Tanh()).layout, ValueError,
     "Sequential(Tanh()) needs a layer with weights"),
    (lambda: Sequential(Dense(2, 3), Tanh), TypeError, "layer 1 is <function Tanh"),
    (lambda: Sequential([Dense(2, 3)]), TypeError, "layer 0 is a list of 1; unpack it, as "
     "in Sequential(*layers)."),
    (lambda: Sequential(Dense), TypeError, "call its constructor, as in Tanh()."),
    (lambda: Elementwise("tanh"), ValueError, "no activation 'tanh'; choose one of Identity, Tanh"),
    (lambda: elementwise.Tahn, AttributeError, "no activation 'Tahn'"),
    (lambda: elementwise.LeakyReLU(1, 2), ValueError, "LeakyReLU takes 1 parameters, got (1, 2)"),
    (lambda: elementwise.ELU(np.nan), ValueError, "parameters of ELU must be finite numbers, got "
     "(nan,)"),
    (lambda: elementwise.LeakyReLU("a"), ValueError, "LeakyReLU must be finite numbers, got ('a',"),
    (lambda: elementwise.LeakyReLU(slop=0.2), TypeError, "LeakyReLU(slope=0.01) got {'slop': 0.2}"),
    (lambda: elementwise.LeakyReLU(1, slope=2), TypeError, "got {'slope': 2} beside (1,)"),
    (lambda: elementwise.Tanh(slope=2), TypeError, "Tanh() got {'slope': 2}"),
    (lambda: Dense(3, 4, 2), TypeError, "bias must be True or False, got 2."),
    (lambda: Dense(3, 4, bias=None), TypeError, "bias must be True or False, got None."),
    (lambda: CrossEntropy(smoothing=np.nan), ValueError, "smoothing must be in [0, 1), got nan"),
    (lambda: CrossEntropy(smoothing=1), ValueError, "got 1."),
    (lambda: CrossEntropy(weights=(1, np.nan)), ValueError, "not negative; got (1, nan)"),
    (lambda: CrossEntropy(ignore=0.5), ValueError, "ignore must be a whole number"),
    (lambda: Huber(0), ValueError, "delta must be positive and finite, got 0."),
    (lambda: Huber("a"), ValueError, "delta must be positive and finite, got 'a'."),
    (lambda: CrossEntropy(smoothing="a"), ValueError, "smoothing must be in [0, 1), got 'a'"),
    (lambda: Huber(np.nan), ValueError, "delta must be positive and finite, got nan."),
    (lambda: objective(loss=CrossEntropy(ignore=0), y=np.full((4, 3), 1 / 3)), ValueError,
     "ignore=0 speaks of labels, but y holds probabilities (4, 3); leave ignore out"),
    (lambda: NET.initial(0), TypeError, "rng=0 is not a generator; pass numpy.random.default_rng"),
    (lambda: CrossEntropy().score(None, TARGETS), TypeError, "rng=None is not a generator"),
    (lambda: objective().to("gpu"), ValueError, "no place 'gpu'"),
    (lambda: objective().to(None), ValueError, "no place None: choose one of numpy, cupy, or"),
    (lambda: objective().to(complex), ValueError, "no place <class 'complex'>"),
    (lambda: objective().to(int), ValueError, "no place <class 'int'>"),
    (lambda: objective().batch(np.array([], int)), ValueError, "the batch is empty"),
    (lambda: objective().batch([]), ValueError, "the batch is empty"),
    *[(lambda index=index: objective().batch(index), ValueError,
       f"{index!r} picks no examples: pass a slice, booleans of shape (4,), or whole numbers from "
       "0 to 3 in an array (n,) or a list.") for index in (
           2, True, None, 1.0, "a", [0, 4], np.array([-5]), np.array([0.0, 1.0]), [[0, 1], [2, 3]],
           np.ones(3, bool), np.ones((4, 1), bool), slice(0.5), slice(0, 4, 0), (0, 1))],
])
def test_a_constructor_refuses(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


# ---- theta ----

THETA = NET.initial(np.random.default_rng(0))


@pytest.mark.parametrize("use", [lambda o, t: o.value(t), lambda o, t: o.grad(t),
                                 lambda o, t: o.net.forward(t, o.x)])
@pytest.mark.parametrize("theta, error, message", [
    (THETA[:-1], ValueError, "theta has shape (20,) but the network of 3 layers needs 21 "
     "parameters on the last axis; build it with net.initial(rng)."),
    (THETA[:, None], ValueError, "theta has shape (21, 1)"),
    (np.ones(21, int), ValueError, f"theta holds int64; write theta.{CAST}"),
    (np.ones(21, bool), ValueError, "theta holds bool"),
    (THETA.astype(np.float16), ValueError, f"theta holds float16; {FLOATS}"),
    (THETA.tolist(), TypeError, "theta is a list; pass numpy.asarray(theta)."),
    (np.ma.array(THETA), TypeError, "theta is a masked array"),
], ids="short column integer bool float16 list masked".split())
def test_a_network_refuses_theta(theta, error, message, use):
    with pytest.raises(error, match=re.escape(message)):
        use(objective(), theta)


def test_a_gpu_without_cupy_is_refused_saying_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(NoDevice, match="CuPy is not there.* pip install '.\\[cupy12x\\]'"):
        objective().to("cupy")


# ---- accepted ----

def test_parameters_of_an_activation_may_be_named():
    assert elementwise.LeakyReLU(slope=0.2) == elementwise.LeakyReLU(0.2)
    assert elementwise.ELU(alpha=2.0) == elementwise.ELU(2.0) != elementwise.ELU()
    assert elementwise.ELU() == elementwise.ELU(alpha=1.0)


def layouts(a):
    """The same numbers, lying differently in memory."""
    wide = np.repeat(a, 2, axis=-1)
    frozen = a.copy()
    frozen.flags.writeable = False
    return {"fortran": np.asfortranarray(a), "strided": wide[..., ::2], "read-only": frozen,
            "reversed": np.ascontiguousarray(a[::-1])[::-1]}


@pytest.mark.parametrize("kind", layouts(X))
@pytest.mark.parametrize("loss, y", [(CrossEntropy(), LABELS), (SquaredError(), TARGETS)])
def test_any_memory_layout_gives_the_same_numbers_and_stays_unchanged(kind, loss, y):
    rng = np.random.default_rng(1)
    x, weights = rng.standard_normal((4, 2)), rng.random(4)
    plain = Objective(NET, loss, x, y, weights, l2=0.1)
    arrays = [layouts(a)[kind] for a in (x, y, weights, THETA)]
    before = [a.copy() for a in arrays]
    other = Objective(NET, loss, *arrays[:3], l2=0.1)
    assert abs(other.value(arrays[3]) - plain.value(THETA)) < 1e-15             # BLAS may differ
    assert np.abs(other.grad(arrays[3]) - plain.grad(THETA)).max() < 1e-15
    assert all(map(np.array_equal, arrays, before))


@pytest.mark.parametrize("labels", [np.uint8, np.int32, np.int64])
def test_labels_of_any_integer_type_and_ignored_ones_out_of_range_are_accepted(labels):
    assert objective(y=LABELS.astype(labels)).value(THETA) == objective().value(THETA)
    far = CrossEntropy(ignore=-100)
    assert np.isfinite(objective(loss=far, y=np.array([0, -100, 1, 2])).value(THETA))


def test_complex_theta_is_accepted_and_keeps_its_imaginary_part():
    v = np.arange(21.0)
    assert objective().value(THETA + 0j).imag == 0
    slope = objective().value(THETA + 1e-20j * v).imag / 1e-20
    assert abs(slope - objective().grad(THETA) @ v) < 1e-13                 # 21 terms of order 10
