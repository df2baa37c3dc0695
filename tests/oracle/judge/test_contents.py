"""Contents: each planted by hand in NumPy, and named, with its kind."""

from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from tests.curvature.brute import NETS

from . import by_hand
from .by_hand import along, gradients, hessian, jacobians, mean_gradient

OBJECTIVE, THETA = NETS["dense"]()
N, C, P = OBJECTIVE.N, 7, THETA.size
RNG = np.random.default_rng(5)
V, U = RNG.standard_normal(P), RNG.standard_normal((N, C))
ARGUMENTS = {"hvp": (V,), "ggnvp": (V,), "jvp": (V,), "vjp": (U,), "fisher_mc": (3,)}


def found(theirs, quantity, objective=OBJECTIVE, theta=THETA):
    """(content, kind) of the best explanation; every factor must be 1."""
    report = ref.check(theirs, quantity, objective, theta, *ARGUMENTS.get(quantity, ()))
    best = report.explanation
    assert best is not None, f"{report}"
    assert all(f.text == "" for f in best.factors.values()), f"{report}"
    return best.content, best.kind


def spoiled(slope):
    return lambda theta: mean_gradient(OBJECTIVE, theta, slope=slope)


def own(theta):
    return mean_gradient(OBJECTIVE, theta)


def sandwich(S):
    """sum_n J_n^T S_n J_n/N."""
    J = jacobians(OBJECTIVE, THETA)
    return np.einsum("ncp,ncd,ndq->pq", J, S, J, optimize=True) / N


PROB = by_hand.softmax(by_hand.outputs(OBJECTIVE, THETA))
EYE = np.eye(C)
OUTER = PROB[:, :, None] * PROB[:, None, :]
S = PROB[:, :, None] * EYE - OUTER
SCORES = by_hand.residuals(OBJECTIVE, by_hand.outputs(OBJECTIVE, THETA))
H, G = hessian(own, THETA), sandwich(S)


def test_by_hand_is_right():
    """Otherwise what is planted would be something else."""
    assert ref.check(own(THETA), "gradient", OBJECTIVE, THETA).passed
    assert ref.check(H, "hessian", OBJECTIVE, THETA).passed
    assert ref.check(G, "gauss_newton", OBJECTIVE, THETA).passed
    assert ref.check(jacobians(OBJECTIVE, THETA), "jacobian", OBJECTIVE, THETA).passed


# ---- activations ----

SLOPES = {
    "slope at the output": lambda s, a: 1 - np.tanh(a) ** 2,
    "no slope": lambda s, a: 1,
    "slope reversed": lambda s, a: np.tanh(s) ** 2 - 1,
}
BENDS = {
    "second derivative lost": by_hand.frozen,
    "second derivative like the first": by_hand.like_itself,
    "second derivative reversed": by_hand.bent_backwards,
}


@pytest.mark.parametrize("quantity", ["gradient", "jacobian", "vjp", "hvp", "hessian", "ggnvp"])
@pytest.mark.parametrize("name", SLOPES)
def test_slopes(name, quantity):
    slope = SLOPES[name]
    J = jacobians(OBJECTIVE, THETA, slope=slope)
    theirs = {
        "gradient": lambda: spoiled(slope)(THETA),
        "per_example_gradients": lambda: gradients(OBJECTIVE, THETA, slope=slope),
        "jacobian": lambda: J, "vjp": lambda: np.einsum("ncp,nc->p", J, U),
        "hvp": lambda: along(spoiled(slope), THETA, V),
        "hessian": lambda: hessian(spoiled(slope), THETA),
        "gauss_newton": lambda: np.einsum("ncp,ncd,ndq->pq", J, S, J, optimize=True) / N,
        "ggnvp": lambda: np.einsum("ncp,ncd,ndq,q->p", J, S, J, V, optimize=True) / N}
    if name == "slope reversed" and quantity == "gradient":      # one layer's sign, told as such
        report = ref.check(theirs[quantity](), quantity, OBJECTIVE, THETA)
        assert report.verdict == "differs" and "-1" in report.explanation.text or \
            report.explanation.content == name
        return
    assert found(theirs[quantity](), quantity) == (name, "error")


@pytest.mark.parametrize("quantity", ["hvp", "hessian", "hessian_blocks", "hessian_diagonal"])
@pytest.mark.parametrize("name", BENDS)
def test_second_derivatives(name, quantity):
    wrong = hessian(spoiled(BENDS[name]), THETA)
    theirs = {"hvp": wrong @ V, "hessian": wrong, "hessian_diagonal": np.diagonal(wrong),
              "hessian_blocks": [wrong[s, s] for s in OBJECTIVE.net.layout.slices]}
    if name == "second derivative lost" and quantity in ("hessian_blocks", "hessian_diagonal"):
        name = "Gauss-Newton"                      # where each matrix is used once, they are one
    assert found(theirs[quantity], quantity) == (name, "error")


@pytest.mark.parametrize("quantity", ["value", "gradient", "jvp", "hessian"])
def test_another_activation(quantity):
    how = {"f": lambda s: 1 / (1 + np.exp(-s)), "slope": lambda s, a: a * (1 - a)}
    z = by_hand.outputs(OBJECTIVE, THETA, how["f"])
    theirs = {
        "value": lambda: -np.log(by_hand.softmax(z)[range(N), OBJECTIVE.y]).mean(),
        "gradient": lambda: mean_gradient(OBJECTIVE, THETA, **how),
        "jvp": lambda: jacobians(OBJECTIVE, THETA, **how) @ V,
        "hessian": lambda: hessian(lambda t: mean_gradient(OBJECTIVE, t, **how), THETA)}
    assert found(theirs[quantity](), quantity) == ("activation Sigmoid", "error")


# ---- matrices ----

def _empirical(labels):
    rows = by_hand.rows(OBJECTIVE, THETA, PROB - EYE[labels])
    return rows.T @ rows / N


def _centred():
    rows = gradients(OBJECTIVE, THETA)
    return np.cov(rows.T, bias=True)


def _bends(phi):
    """J^T S J + sum_n phi(b_n) (ds_n/dtheta)^T (ds_n/dtheta) for the one hidden layer."""
    W1, W2 = by_hand.matrices(OBJECTIVE, THETA)
    p = by_hand.one_beside(OBJECTIVE.x)
    a = np.tanh(p @ W1.T)
    b = (SCORES @ W2[:, :-1]) * -2 * a * (1 - a ** 2)
    B = G.copy()
    for o in range(2):
        index = np.arange(5) + 5 * o
        B[np.ix_(index, index)] += (p.T * phi(b[:, o])) @ p / N
    return B


def _eigen(change):
    values, Q = np.linalg.eigh(H)
    return (Q * change(values)) @ Q.T


def _blocks_of(M):
    kept = np.zeros((P, P), bool)
    for s in OBJECTIVE.net.layout.slices:
        kept[s, s] = True
    return np.where(kept, M, 0)


MEAN = own(THETA)
FAMILY = {
    "Hessian": (H, "error"), "Gauss-Newton": (G, "error"), "residual part": (H - G, "error"),
    "Fisher, empirical": (_empirical(OBJECTIVE.y), "error"),
    "Fisher, likeliest labels": (_empirical(PROB.argmax(1)), "error"),
    "Fisher, centred": (_centred(), "error"),
    "squared mean gradient": (np.outer(MEAN, MEAN), "error"),
    "diag(p) alone": (sandwich(PROB[:, :, None] * EYE), "error"),
    "p p^T alone": (sandwich(OUTER), "error"),
    "S's diagonal": (sandwich(S * EYE), "error"),
    "no S": (sandwich(EYE + 0 * S), "error"),
    "S without the loss's": (H - G + sandwich(PROB[:, :, None] * EYE), "error"),
    "positive curvature: abs": (_bends(np.abs), "convention"),
    "positive curvature: clip": (_bends(lambda b: np.maximum(b, 0)), "convention"),
    "|H|": (_eigen(np.abs), "convention"),
    "H clipped": (_eigen(lambda e: np.maximum(e, 0)), "convention"),
}
BELONG = {"|H|": ("hvp", "hessian"), "H clipped": ("hvp", "hessian"),
          "S without the loss's": ("hvp", "hessian", "hessian_blocks", "hessian_diagonal"),
          "Hessian": ("ggnvp", "gauss_newton", "gauss_newton_blocks", "fisher_type2",
                      "fisher_diagonal"),
          "Gauss-Newton": ("hvp", "hessian", "hessian_blocks", "hessian_diagonal",
                           "fisher_empirical")}
FORMS = {
    "hessian": lambda M: M, "hvp": lambda M: M @ V, "ggnvp": lambda M: M @ V,
    "gauss_newton": lambda M: M, "fisher_type2": lambda M: M, "fisher_empirical": lambda M: M,
    "hessian_diagonal": np.diagonal, "gauss_newton_diagonal": np.diagonal,
    "fisher_diagonal": np.diagonal,
    "hessian_blocks": lambda M: [M[s, s] for s in OBJECTIVE.net.layout.slices],
    "gauss_newton_blocks": lambda M: [M[s, s] for s in OBJECTIVE.net.layout.slices]}
OF_S = ("gauss_newton_blocks", "fisher_type2", "ggnvp", "fisher_diagonal")


def _pairs():
    for name in FAMILY:
        default = OF_S if name in ("diag(p) alone", "p p^T alone", "S's diagonal") \
            else ("hvp", "gauss_newton_blocks", "gauss_newton_diagonal")
        for quantity in BELONG.get(name, default):
            if (name, quantity) != ("Fisher, empirical", "fisher_empirical"):
                yield name, quantity


@pytest.mark.parametrize("name, quantity", list(_pairs()))
def test_another_matrix(name, quantity):
    matrix, kind = FAMILY[name]
    assert found(FORMS[quantity](matrix), quantity) == (name, kind)


PARTS = {
    "block-diagonal": (_blocks_of, ("hvp", "hessian", "ggnvp", "gauss_newton")),
    "diagonal alone": (lambda M: np.diag(np.diagonal(M)), ("hvp", "hessian", "ggnvp")),
}


@pytest.mark.parametrize("name, quantity", [(n, q) for n in PARTS for q in PARTS[n][1]])
def test_parts_of_matrices(name, quantity):
    M = H if quantity in ("hvp", "hessian") else G
    assert found(FORMS[quantity](PARTS[name][0](M)), quantity) == (name, "convention")


@pytest.mark.parametrize("name, quantity, theirs, kind", [
    ("one number", "fisher_diagonal", np.full(P, np.diagonal(G).mean()), "error"),
    ("gradient for squares", "fisher_diagonal", MEAN, "error"),
    ("negative entries clipped", "hessian_diagonal", np.maximum(np.diagonal(H), 0), "error"),
    ("absolute entries", "hessian_diagonal", np.abs(np.diagonal(H)), "error"),
    ("v does not enter: gradient", "hvp", MEAN, "error"),
    ("v does not enter: squares", "hvp", MEAN ** 2, "error"),
    ("v returned", "hvp", V, "error"), ("v times H v", "hvp", V * (H @ V), "error"),
    ("H twice", "hvp", H @ H @ V, "error"),
    ("squared mean gradient", "ggnvp", MEAN * (MEAN @ V), "error"),
    ("squares times v", "ggnvp", MEAN ** 2 * V, "error"),
    ("probabilities", "jacobian", S @ jacobians(OBJECTIVE, THETA), "error")])
def test_directions_and_squares(name, quantity, theirs, kind):
    assert found(theirs, quantity) == (name, kind)


# ---- losses, weights, decay, examples ----

def test_softmax_twice():
    z = by_hand.outputs(OBJECTIVE, THETA)
    dp = by_hand.residuals(OBJECTIVE, by_hand.softmax(z))
    dz = PROB * (dp - (PROB * dp).sum(1, keepdims=True))
    assert found(by_hand.rows(OBJECTIVE, THETA, dz).mean(0), "gradient")[0] == "softmax twice"
    assert found(by_hand.rows(OBJECTIVE, THETA, dp).mean(0),
                 "gradient")[0] == "softmax twice forwards"


def test_weights():
    w = RNG.uniform(0.5, 2, N)
    weighted = replace(OBJECTIVE, weights=w)
    assert found(MEAN, "gradient", weighted) == ("example weights ignored", "error")
    assert found(w[:, None] * gradients(OBJECTIVE, THETA), "per_example_gradients",
                 weighted) == ("weighted gradients", "convention")
    by_sum = w @ gradients(OBJECTIVE, THETA) / w.sum()
    report = ref.check(by_sum, "gradient", weighted, THETA)
    best = report.explanation
    assert best.text == "ours x 1/(sum w/N)" and best.kind == "convention"
    for loss, name in ((ref.CrossEntropy(weights=RNG.uniform(1, 2, C)), "class weights ignored"),
                       (ref.CrossEntropy(smoothing=0.1), "no smoothing"),
                       (ref.CrossEntropy(ignore=int(OBJECTIVE.y[0])), "ignored labels counted")):
        assert found(MEAN, "gradient", replace(OBJECTIVE, loss=loss)) == (name, "error")


@pytest.mark.parametrize("name, kind, factor", [
    ("no decay", "convention", 0), ("decay doubled", "convention", 2),
    ("decay over N", "error", 1 / N), ("decay times N", "error", N),
    ("weights alone decay", "convention", "weights")])
def test_decay(name, kind, factor):
    decayed, kept = replace(OBJECTIVE, l2=0.3), np.ones(P)
    if factor == "weights":
        kept[[4, 9, *range(12, P, 3)]] = 0
        factor = kept
    assert found(MEAN + 0.3 * factor * THETA, "gradient", decayed) == (name, kind)
    assert found(H + 0.3 * np.diag(factor * np.ones(P)), "hessian", decayed) == (name, kind)
    assert found(H @ V + 0.3 * factor * V, "hvp", decayed) == (name, kind)


def test_decay_where_ours_has_none():
    decayed = replace(OBJECTIVE, l2=0.3)
    assert found(G + 0.3 * np.eye(P), "gauss_newton", decayed) == ("decay in it", "convention")
    rows = gradients(OBJECTIVE, THETA)
    assert found(rows + 0.3 * THETA, "per_example_gradients", decayed) == (
        "decayed gradients", "convention")


@pytest.mark.parametrize("name, index", [
    ("first", slice(0, 1)), ("last", slice(-1, None)), ("all but the last", slice(0, -1)),
    ("all but the first", slice(1, None))])
def test_some_examples(name, index):
    theirs = gradients(OBJECTIVE, THETA)[index].mean(0)
    assert found(theirs, "gradient") == (f"examples: {name}", "error")


def test_micro_batches():
    rows = gradients(OBJECTIVE, THETA)
    theirs = np.mean([rows[k:k + 4].mean(0) for k in (0, 4, 8)], axis=0)
    assert found(theirs, "gradient") == ("mean of means", "error")


@pytest.mark.parametrize("n, which", [(0, "first"), (-1, "last")])
def test_biases_of_one_example(n, which):
    theirs, biases = MEAN.copy(), [4, 9, *range(12, P, 3)]
    theirs[biases] = gradients(OBJECTIVE, THETA)[n, biases] / N
    assert found(theirs, "gradient") == (f"biases of the {which} example", "error")


def test_labels_at_places():
    objective, theta = NETS["words"]()
    rows = ref.per_example_gradients(objective, theta)
    assert found(rows.T @ rows / objective.N, "fisher_empirical", objective, theta) == (
        "squared sums of places", "error")
    per_label = objective.grad(theta) / 7
    text = ref.check(per_label, "gradient", objective, theta).explanation.text
    assert text == "ours x 1/T"
