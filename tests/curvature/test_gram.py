"""The Gram form of Gauss-Newton: the same eigenvalues and solutions, and where it has none."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import reference as ref
from reference.arrays import functions as F
from reference.arrays.precision import eps
from reference.curvature import ntk
from reference.curvature.gram import output_root
from reference.network import targets
from reference.network.losses import LOSSES, Line, Loss
from reference.problems.layers import LAYERS
from tests.curvature import brute
from tests.derivatives.cases import directions, distance, small, weighted, wide

TOLERANCE = 200 * eps(float)
FEW, ALL = 4, 13                      # examples: N M below P, and above

each_net = pytest.mark.parametrize("net", brute.NETS)


@cache
def problem(net, examples=ALL):
    """The objective, theta, and Gauss-Newton by brute force."""
    objective, theta = brute.NETS[net]()
    objective = objective.batch(slice(examples))
    return objective, theta, brute.fisher(objective, theta).astype(float)


def unlike(a, b):
    """The largest difference of two spectra, the shorter filled with zeros, over the largest."""
    size = max(len(a), len(b))
    a, b = (np.sort(np.append(w, np.zeros(size - len(w)))) for w in (a, b))
    return distance(a, b)


# ---- eigenvalues ----

@pytest.mark.parametrize("examples", [FEW, ALL], ids=["few", "all"])
@each_net
def test_it_has_the_eigenvalues_of_gauss_newton_and_zeros(net, examples):
    objective, theta, G = problem(net, examples)
    gamma = ref.gram(objective, theta)
    assert gamma.shape == (objective.outputs(theta).size,) * 2
    assert unlike(np.linalg.eigvalsh(gamma), np.linalg.eigvalsh(G)) <= TOLERANCE
    assert unlike(np.linalg.eigvalsh(gamma / objective.N), np.linalg.eigvalsh(G)) > 0.1


@each_net
def test_it_is_the_kernel_between_roots(net):
    objective, theta = brute.NETS[net]()
    z = objective.outputs(theta)
    B = output_root(objective, z).reshape(-1, z.shape[-1], z.shape[-1])
    whole = np.zeros((z.size,) * 2)
    for k, root in enumerate(B):
        own = slice(k * len(root), (k + 1) * len(root))
        whole[own, own] = root
    truth = whole.T @ ref.ntk(objective, theta) @ whole
    assert distance(ref.gram(objective, theta), truth) <= TOLERANCE


@pytest.mark.parametrize("kind", ["ggn", "type-2"])
@pytest.mark.parametrize("loss", ["CrossEntropy", "BinaryCrossEntropy", "SquaredError", "Huber",
                                  "Poisson", "Gaussian"])
def test_every_loss_with_weights_and_a_sum(loss, kind):
    objective, theta = weighted(loss=loss)
    if loss == {"ggn": "Gaussian", "type-2": "Huber"}[kind]:
        with pytest.raises(ValueError, match="indefinite" if kind == "ggn" else "no Fisher matrix"):
            ref.gram(objective, theta, kind)
        return
    B = (ref.gauss_newton if kind == "ggn" else ref.fisher)(objective, theta)
    assert unlike(np.linalg.eigvalsh(ref.gram(objective, theta, kind)),
                  np.linalg.eigvalsh(ref.dense(B))) <= TOLERANCE


# ---- solutions ----

@pytest.mark.parametrize("damping", [1e-4, 0.1, 10.0])
@each_net
def test_woodbury_solves_the_dense_system(net, damping):
    objective, theta, G = problem(net, FEW)
    damped, b = G + damping * np.eye(len(G)), directions(theta, 3)
    found, truth = ref.gram_solve(objective, theta, b, damping), np.linalg.solve(damped, b.T).T
    assert distance(found, truth) <= 10 * eps(float) * np.linalg.cond(damped) + TOLERANCE
    assert distance(found[1], ref.gram_solve(objective, theta, b[1], damping)) <= TOLERANCE
    assert distance(found, np.linalg.solve(damped + damping * np.eye(len(G)), b.T).T) > 1e-3


def test_the_solution_is_of_the_kind_asked_for():
    objective, theta = weighted(loss="Gaussian")
    F, b = ref.dense(ref.fisher(objective, theta)), directions(theta, 1)[0]
    truth = np.linalg.solve(F + 0.1 * np.eye(len(F)), b)
    assert distance(ref.gram_solve(objective, theta, b, 0.1, "type-2"), truth) <= 10 * TOLERANCE


@pytest.mark.parametrize("case", ["Tied", "Embedding, tied to the output", "Conv2d, two groups",
                                  "LayerNorm", "GRU", "Language model, labels ignored"])
def test_shared_and_grouped_matrices(case):
    objective, theta = LAYERS[case](np.random.default_rng(0))
    G, b = ref.columns(ref.gauss_newton(objective, theta)), directions(theta, 1)[0]
    assert unlike(np.linalg.eigvalsh(ref.gram(objective, theta)),
                  np.linalg.eigvalsh(G)) <= TOLERANCE
    truth = np.linalg.solve(G + 0.1 * np.eye(len(G)), b)
    assert distance(ref.gram_solve(objective, theta, b, 0.1), truth) <= 10 * TOLERANCE


def test_in_pieces_it_is_the_same(monkeypatch):
    objective, theta = brute.words()
    whole = ref.gram(objective, theta)
    monkeypatch.setattr(ntk, "ROOM", 1)
    assert distance(ref.gram(objective, theta), whole) <= TOLERANCE


# ---- roots ----

def test_the_softmax_root_keeps_its_digits_where_the_model_is_sure():
    z = np.array([[40.0, 0.0, -3.0], [1.0, 2.0, 3.0]])
    objective = ref.Objective(ref.Sequential(ref.Dense(3, 3)), ref.CrossEntropy(), z,
                              np.array([0, 2]), reduction="sum")
    B, truth = (output_root(objective, a) for a in (z, z.astype(np.longdouble)))
    assert (np.abs(B - truth) <= 8 * eps(float) * np.abs(truth)).all()
    e = np.exp(z - z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    plain = np.sqrt(p)[..., None] * np.eye(3) - p[..., None] * np.sqrt(p)[:, None]
    assert not (np.abs(plain - truth) <= 1e-3 * np.abs(truth)).all()
    assert distance(B @ B.swapaxes(-1, -2), objective.output_hessian(z)) <= 8 * eps(float)


PRECISION = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 1.0]])


def correlated(matrix):
    """r^T M r/2 with r = z - y."""
    def Mr(z, y):
        return F.einsum("ij,...j->...i", matrix, z - y)
    return Line(lambda z, y: F.sum((z - y) * Mr(z, y), -1) / 2, Mr,
                lambda z, y: matrix + 0 * z[..., None] * z[..., None, :], targets.real)


@pytest.mark.parametrize("matrix", [PRECISION, np.ones((3, 3))], ids=["definite", "of rank one"])
def test_a_loss_of_any_convex_kind_has_a_root_by_eigenvectors(monkeypatch, matrix):
    monkeypatch.setitem(LOSSES, "Correlated", correlated(matrix))
    rng, net = np.random.default_rng(0), ref.Sequential(ref.Dense(2, 3))
    objective = ref.Objective(net, Loss("Correlated"), rng.standard_normal((5, 2)),
                              rng.standard_normal((5, 3)))
    theta = rng.standard_normal(9)
    G = ref.dense(ref.gauss_newton(objective, theta))
    assert unlike(np.linalg.eigvalsh(ref.gram(objective, theta)),
                  np.linalg.eigvalsh(G)) <= TOLERANCE
    with pytest.raises(TypeError, match="eigh of .* would lose digits"):
        ref.gram(*wide(objective, theta))
    monkeypatch.setitem(LOSSES, "Correlated", correlated(matrix - 2.5 * np.eye(3)))
    with pytest.raises(ValueError, match=r"Correlated\(\) in z is indefinite, with eigenvalues "
                                         r"from -.* at example"):
        ref.gram(objective, theta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_an_indefinite_loss_is_refused_in_every_precision(dtype):
    objective, theta = small(loss="Gaussian")
    with pytest.raises(ValueError, match=r"Gaussian\(\) in z is indefinite.* take kind='type-2'"):
        ref.gram(objective.to(dtype), theta.astype(dtype))


# ---- precision and proof ----

@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_precision_is_kept(dtype):
    objective, theta = small()
    objective, theta = objective.to(dtype), theta.astype(dtype)
    b = directions(theta, 1)[0]
    gamma, x = ref.gram(objective, theta), ref.gram_solve(objective, theta, b, 0.1)
    exact, truth = wide(objective, theta), ref.gram_solve(*wide(objective, theta, b), 0.1)
    assert gamma.dtype == x.dtype == dtype
    assert distance(gamma, ref.gram(*exact)) <= 45 * eps(dtype)
    assert distance(x, truth) <= 200 * eps(dtype)                # conditions are about 10


def test_balls_prove_both():
    objective, theta = small(weights=np.arange(7.0))             # one example has weight 0
    assert ref.certify(ref.gram, objective, theta).digits >= 14
    b = directions(theta, 1)[0]
    assert ref.certify(ref.gram_solve, objective, theta, b, 0.1).digits >= 13.5


# ---- bad input ----

def test_what_has_no_answer_is_refused():
    objective, theta = small()
    for damping in (0.0, -1.0, np.inf, np.nan, "small"):
        with pytest.raises(ValueError, match="damping must be positive and finite, got"):
            ref.gram_solve(objective, theta, theta, damping)
    with pytest.raises(ValueError, match="kind must be one of ggn, type-2, got 'mc'"):
        ref.gram(objective, theta, "mc")
    with pytest.raises(ValueError, match=r"b has shape \(33,\) and theta \(34,\)"):
        ref.gram_solve(objective, theta, theta[:-1], 0.1)
    coupled, there = LAYERS["BatchNorm of images"](np.random.default_rng(0))
    for act in (lambda: ref.gram(coupled, there),
                lambda: ref.gram_solve(coupled, there, there, 0.1)):
        with pytest.raises(ValueError, match="couples the examples of a batch"):
            act()


def test_weight_decay_is_left_to_the_damping():
    objective, theta = small()
    decayed = replace(objective, l2=0.3)
    assert (ref.gram(objective, theta) == ref.gram(decayed, theta)).all()
    H, b = ref.dense(ref.gauss_newton(decayed, theta)), directions(theta, 1)[0]
    truth = np.linalg.solve(H + (0.1 + decayed.l2) * np.eye(len(H)), b)
    assert distance(ref.gram_solve(decayed, theta, b, 0.1 + decayed.l2), truth) <= TOLERANCE


@pytest.mark.parametrize("dtype", [np.float32, float])
def test_damping_that_rounding_hides_is_refused_with_one_that_is_not(dtype):
    objective, theta, _ = problem("dense")
    objective, theta = objective.to(dtype), theta.astype(dtype)
    with pytest.raises(np.linalg.LinAlgError, match="leaves no digit.*; take damping=") as refusal:
        ref.gram_solve(objective, theta, theta, 1e-18)
    lam = float(re.search(r"take damping=(\S+),", str(refusal.value))[1])
    x = ref.gram_solve(objective, theta, theta, lam)
    G = ref.dense(ref.gauss_newton(objective, theta))
    assert distance(G @ x + lam * x, theta) <= 0.1


def test_a_right_hand_side_that_is_not_finite_is_refused():
    objective, theta, _ = problem("dense")
    with pytest.raises(ValueError, match="b has .* not finite"):
        ref.gram_solve(objective, theta, theta * np.nan, 0.1)
