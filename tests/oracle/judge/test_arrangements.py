"""Arrangements and factors of layers: planted by hand, and named, with the right kind."""

import numpy as np
import pytest

import reference as ref
from tests.curvature.brute import NETS

from .test_orders import NETS as ORDERED

OBJECTIVE, THETA = NETS["dense"]()
N, C, P = OBJECTIVE.N, 7, THETA.size
GRADIENT, H = OBJECTIVE.grad(THETA), ref.dense(ref.hessian(OBJECTIVE, THETA))
J = ref.jacobian(OBJECTIVE, THETA)
BLOCKS = ref.blocks(ref.gauss_newton(OBJECTIVE, THETA), OBJECTIVE.net.layout)
BIASES = [4, 9, *range(12, P, 3)]
WEIGHTS = [i for i in range(P) if i not in BIASES]
W1, W2 = (np.arange(10).reshape(2, 5), 10 + np.arange(21).reshape(7, 3))
BY_HAND = {
    "torch": [W1[:, :-1], W1[:, -1], W2[:, :-1], W2[:, -1]],
    "weights, then biases": [W1[:, :-1], W2[:, :-1], W1[:, -1], W2[:, -1]],
    "sorted names": [W1[:, -1], W1[:, :-1], W2[:, -1], W2[:, :-1]],
    "columns, bias first": [W1[:, -1], W1[:, :-1].T, W2[:, -1], W2[:, :-1].T],
    "columns": [W1.T, W2.T], "last layer first": [W2, W1],
    "bias column first": [W[:, [-1, *range(W.shape[1] - 1)]] for W in (W1, W2)],
}


def found(theirs, quantity, *arguments, objective=OBJECTIVE, theta=THETA):
    report = ref.check(theirs, quantity, objective, theta, *arguments)
    best = report.explanation
    assert best is not None, str(report)
    return best.arrangement, best.kind, {key: f.text for key, f in best.factors.items()}


@pytest.mark.parametrize("name", BY_HAND)
def test_orders_of_theta(name):
    p = np.concatenate([np.ravel(a) for a in BY_HAND[name]])
    for theirs, quantity in ((GRADIENT[p], "gradient"), (H[np.ix_(p, p)], "hessian"),
                             (J[..., p], "jacobian")):
        assert found(theirs, quantity) == (name, "convention", {"": ""})
    assert found(GRADIENT[p] / N, "gradient")[2] == {"": "1/N"}


def test_lists_in_the_shapes_of_others():
    """A pytree in JAX's shapes, and its dict under other names."""
    arrays = [GRADIENT[a] for a in BY_HAND["columns, bias first"]]
    for theirs in (arrays, dict(zip(("b0", "k0", "b1", "k1"), arrays))):
        assert found(theirs, "gradient")[0] == "columns, bias first"


@pytest.mark.parametrize("quantity, theirs, name", [
    ("jacobian", J.transpose(1, 0, 2), "axes outputs, examples, parameters"),
    ("jacobian", J.reshape(-1, P), "reshaped"),
    ("jacobian", J.transpose(2, 0, 1), "axes parameters, examples, outputs"),
    ("per_example_gradients", ref.per_example_gradients(OBJECTIVE, THETA).T,
     "axes parameters, examples"),
    ("gradient", GRADIENT[:, None], "reshaped"),
    ("gradient", GRADIENT[WEIGHTS], "no biases"),
    ("hessian", H[np.ix_(WEIGHTS, WEIGHTS)], "no biases"),
    ("gradient", GRADIENT[[*range(4), *range(5, 9), *(10 + 3 * o + i for i in range(2)
                                                      for o in range(7))]], None)])
def test_axes_and_entries_left_out(quantity, theirs, name):
    if name is None:                               # the first matrix by rows, the second by columns
        assert ref.check(theirs, quantity, OBJECTIVE, THETA).explanation is None
    else:
        assert found(theirs, quantity)[:2] == (name, "convention")


def test_blocks_by_columns_have_their_kronecker_products_turned():
    turned = [B.reshape(o, i, o, i).transpose(1, 0, 3, 2).reshape(o * i, -1)
              for B, (o, i) in zip(BLOCKS, ((2, 5), (7, 3)))]
    assert found(turned, "gauss_newton_blocks")[:2] == ("columns", "convention")


@pytest.mark.parametrize("net, name, rows", [
    ("lstm", "gates figo", [1, 0, 2, 3]), ("lstm", "gates ifog", [0, 1, 3, 2])])
def test_gates(net, name, rows):
    net = ORDERED[net][0]
    rng = np.random.default_rng(2)
    objective = ref.Objective(net, ref.CrossEntropy(), rng.standard_normal((7, 5, 2)),
                              rng.integers(2, size=7))
    theta = rng.standard_normal(net.layout.size)
    g, parts = objective.grad(theta), []
    for part in (g[:36].reshape(4, 3, 3), g[36:84].reshape(4, 3, 4)):
        parts.append(part[rows].ravel())
    assert found(np.concatenate([*parts, g[84:]]), "gradient", objective=objective,
                 theta=theta)[:2] == (name, "convention")


# ---- one layer ----

def scaled(factor, entries):
    g = GRADIENT.copy()
    g[entries] *= factor
    return g


@pytest.mark.parametrize("factor, entries, told", [
    (-1, slice(10, P), "-1"), (0, slice(0, 10), "0"), (N, slice(10, P), "N"),
    (1 / N, BIASES[:2], "1/N"), (1.37, slice(10, P), None)])
def test_one_layer_is_scaled(factor, entries, told):
    _, kind, factors = found(scaled(factor, entries), "gradient")
    assert kind == "error" and list(factors.values()) == [told]


def test_one_block_of_a_matrix_is_scaled():
    M = H.copy()
    M[:10, :10] *= 0
    assert list(found(M, "hessian")[2].values()) == ["0"]


def test_random_factors_everywhere_are_no_explanation():
    """A pattern that fits whatever comes explains nothing."""
    theirs = GRADIENT * np.random.default_rng(0).uniform(0.5, 2, P)
    assert ref.check(theirs, "gradient", OBJECTIVE, THETA).explanation is None


# ---- what factors mean ----

def test_the_2_is_that_of_squared_error_alone():
    objective, theta = ref.problems.ZOO["uncertain regression"](np.random.default_rng(0))
    squared = ref.Objective(OBJECTIVE.net, ref.SquaredError(), OBJECTIVE.x,
                            np.random.default_rng(1).standard_normal((N, C)))
    best = ref.check(2 * squared.grad(THETA), "gradient", squared, THETA).explanation
    assert best.kind == "convention" and "squared error" in best.advice
    assert ref.check(2 * GRADIENT, "gradient", OBJECTIVE, THETA).explanation.kind == "error"


@pytest.mark.parametrize("quantity, scale, kind", [
    ("per_example_gradients", 1 / N, "convention"), ("jacobian", 1 / N, "error"),
    ("gradient", 1 / P, "error"), ("gradient", N, "convention")])
def test_kinds_of_factors(quantity, scale, kind):
    ours = {"per_example_gradients": ref.per_example_gradients(OBJECTIVE, THETA), "jacobian": J,
            "gradient": GRADIENT}[quantity]
    assert found(scale * ours, quantity)[1] == kind


def test_contracted_with_v_twice():
    v = np.random.default_rng(4).standard_normal(P)
    assert found(v @ v * (H @ v), "hvp", v)[1:] == ("error", {"": "|v|^2"})
