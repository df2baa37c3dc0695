"""Tokens in, labels out: no float of the data says a precision, so theta's is that of everything.

What smoothing and class weights make of labels is kept in longdouble and rounded once.
"""

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.derivatives.routes import offering

RNG = np.random.default_rng(0)
NET = ref.Sequential(ref.Embedding(5, 3), ref.Tanh(), ref.Dense(3, 4))
THETA = RNG.standard_normal(NET.layout.size)
X, Y = RNG.integers(0, 5, (3, 2)), np.array([[0, 3], [1, 2], [3, -1]])
CLASSES = (0.3, 1.7, 0.9, 1.1)
LOSSES = {"smoothing": ref.CrossEntropy(smoothing=0.1), "ignore": ref.CrossEntropy(ignore=-1),
          "class weights": ref.CrossEntropy(CLASSES),
          "all": ref.CrossEntropy(CLASSES, smoothing=0.1, ignore=-1)}
each_loss = pytest.mark.parametrize("loss", LOSSES)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
wide_enough = pytest.mark.skipif(eps(np.longdouble) > 1e-18, reason="longdouble is float64 here")


def objective(loss, reduction="mean over labels", **options):
    y = Y if LOSSES[loss].parameters[2] == -1 else abs(Y)
    return ref.Objective(NET, LOSSES[loss], X, y, reduction=reduction, **options)


def factors(krons):
    return [a for K in krons for a in (K.G, K.A)]


def fisher(kind):
    return lambda o, t: ref.dense(ref.fisher(o, t, kind, np.random.default_rng(1)))


QUANTITIES = {
    "value": lambda o, t: o.value(t), "losses": lambda o, t: o.losses(t),
    "grad": lambda o, t: o.grad(t),
    **{f"gradient, {name}": f for name, f in offering("gradient").items()},
    **{f"hvp, {name}": (lambda o, t, f=f: f(o, t, t)) for name, f in offering("hvp").items()},
    "per example": ref.per_example_gradients,
    "Hessian": lambda o, t: ref.dense(ref.hessian(o, t)),
    "Gauss-Newton": lambda o, t: ref.dense(ref.gauss_newton(o, t)),
    "Gauss-Newton, products": lambda o, t: ref.columns(ref.gauss_newton(o, t)),
    **{f"Fisher, {kind}": fisher(kind) for kind in ("type-2", "empirical", "mc")},
    **{f"K-FAC, {setting}": (lambda o, t, s=setting: factors(ref.kfac(o, t, setting=s)))
       for setting in ("expand", "reduce")},
}


@each_dtype
@each_loss
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_is_in_the_precision_of_theta(quantity, loss, dtype):
    answer = QUANTITIES[quantity](objective(loss), THETA.astype(dtype))
    found = answer if isinstance(answer, list) else [answer]
    assert {a.dtype for a in found} == {np.dtype(dtype)}


@each_dtype
def test_kbfgs_is_in_the_precision_of_theta(dtype):
    """One label per example, since K-BFGS takes one weight each."""
    some = ref.Objective(NET, LOSSES["all"], X[:, 0], Y[:, 0])
    theta = THETA.astype(dtype)
    first = ref.kbfgs_factors(some, theta, 0.3)
    for old, new in zip(first, ref.kbfgs_update(some, theta, 0.9 * theta, first, 0.3)):
        found = old.A, old.Ha, new.A, new.Ha, new.Hg, new.s, new.y
        assert {a.dtype for a in found} == {np.dtype(dtype)}


def test_example_weights_are_floats_that_nothing_narrows():
    weights = np.array([0.1, 0.7, 1.3])
    assert objective("all", weights=weights).value(THETA.astype(np.float32)).dtype == float
    narrow = objective("all", weights=weights.astype(np.float32))
    assert narrow.value(THETA.astype(np.float32)).dtype == np.float32


def probabilities(dtype):
    """The same targets and weights, written out in a dtype: q (N, T, C) and w (N, T)."""
    hot, w = np.eye(4, dtype=dtype)[Y], np.asarray(CLASSES, dtype)
    s = dtype(0.1)
    q = ((1 - s) * hot + s / 4) * w
    return q, np.where(Y == -1, 0, q.sum(-1)), np.where(Y == -1, 0, w[Y]).sum()


@wide_enough
def test_in_longdouble_no_digit_of_the_targets_is_lost():
    theta = THETA.astype(np.longdouble)
    z = NET.forward(theta, X)[-1]
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    values = {}
    for dtype in (np.float64, np.longdouble):
        q, mass, R = probabilities(dtype)
        values[dtype] = -((mass > 0) * (q * log_p).sum(-1)).sum() / R
    found = objective("all").value(theta)
    assert abs(found - values[np.longdouble]) <= 1e-18 < abs(found - values[np.float64])


@wide_enough
def test_labels_are_the_longdouble_probabilities_that_they_stand_for():
    theta = THETA.astype(np.longdouble)
    labels = objective("smoothing", reduction="mean")
    s = np.longdouble(0.1)
    q = (1 - s) * np.eye(4, dtype=np.longdouble)[abs(Y)] + s / 4
    soft = ref.Objective(NET, ref.CrossEntropy(), X, q)
    assert abs(labels.value(theta) - soft.value(theta)) <= 1e-18
    assert abs(labels.grad(theta) - soft.grad(theta)).max() <= 1e-18


@wide_enough
@each_loss
@pytest.mark.parametrize("quantity", [QUANTITIES["value"], ref.gradient,
                                      ref.per_example_gradients])
def test_proofs_count_the_rounding_of_targets(quantity, loss):
    """The float64 answer is within its proven radius of the longdouble one, whose own is proven."""
    wide, where = THETA.astype(np.longdouble), objective(loss)
    near = ref.certify(quantity, where, THETA)
    exact = ref.certify(quantity, where, wide)
    assert near.digits > 14 and exact.digits > 17
    off = np.abs(near.value - exact.value)
    assert (off <= near.errors[0] + exact.errors[0]).all()
