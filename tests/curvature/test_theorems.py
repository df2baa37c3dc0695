"""What Hessian, Gauss-Newton and Fisher matrices equal, and when: exact, to rounding."""

import numpy as np
import pytest

from reference import (CrossEntropy, Dense, Gaussian, HardTanh, LeakyReLU, Objective, ReLU, Tanh,
                       blocks, columns, dense, fisher, gauss_newton, hessian, per_example_gradients)
from reference.arrays.precision import eps
from reference.derivatives.routes import ROUTES, offering
from tests.derivatives.cases import LOSSES, distance, make, small, weighted

# Sums of some 100 products, each rounded: some tens of eps relative to the largest entry.
TOLERANCE = 45 * eps(float)
WEIGHTS = np.random.default_rng(1).random(7) + 0.5


# ---- Hessian ----

@pytest.mark.parametrize("name", [n for n in offering("hvp") if ROUTES[n].exact])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_hessian_is_symmetric_by_every_route(loss, name):
    H = columns(hessian(*small(loss=loss), route=name))
    assert distance(H, H.T) <= ROUTES[name].error(eps(float))


def test_the_assembled_hessian_is_symmetric_bit_by_bit():
    H = dense(hessian(*weighted()))
    assert (H == H.T).all()


def test_weight_decay_is_in_the_hessian_and_not_in_gauss_newton_or_fisher():
    (plain, theta), (decayed, _) = small(), small(l2=0.3)
    I = np.eye(theta.size)
    for way in (dense, columns):
        shifted = way(hessian(plain, theta)) + 0.3 * I
        assert distance(way(hessian(decayed, theta)), shifted) <= TOLERANCE
        for matrix in (gauss_newton, fisher):
            assert (way(matrix(decayed, theta)) == way(matrix(plain, theta))).all()


# ---- Gauss-Newton ----

@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", LOSSES)
def test_gauss_newton_equals_the_hessian_of_a_linear_model(loss, reduction):
    objective, theta = make((Dense(5, 4),), LOSSES[loss], weights=WEIGHTS, reduction=reduction)
    for way in (dense, columns):
        G, H = way(gauss_newton(objective, theta)), way(hessian(objective, theta))
        assert distance(G, H) <= TOLERANCE


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kinked", [ReLU(), LeakyReLU(0.2), HardTanh()], ids=repr)
def test_blocks_of_piecewise_linear_networks_are_those_of_the_hessian(kinked, loss):
    objective, theta = make((Dense(5, 3), kinked, Dense(3, 2), kinked, Dense(2, 4)), LOSSES[loss])
    layout = objective.net.layout
    G, H = gauss_newton(objective, theta), hessian(objective, theta)
    for g, h in zip(blocks(G, layout), blocks(H, layout)):
        assert np.abs(g - h).max() <= TOLERANCE * np.abs(dense(H)).max()
    assert distance(dense(G), dense(H)) > 1e-3             # off the diagonal they differ


def test_blocks_of_a_bent_network_are_not_those_of_the_hessian():
    objective, theta = small("Tanh")
    g, h = (blocks(B(objective, theta), objective.net.layout)[0] for B in (gauss_newton, hessian))
    assert distance(g, h) > 1e-3


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "Gaussian"])
def test_gauss_newton_of_a_convex_loss_is_positive_semidefinite(loss):
    objective, theta = small(loss=loss)
    values = np.linalg.eigvalsh(dense(gauss_newton(objective, theta)))
    assert values[0] >= -TOLERANCE * values[-1]
    assert np.linalg.eigvalsh(dense(hessian(objective, theta)))[0] < -1e-3 * values[-1]


# ---- Fisher: the expectation over labels, written out ----

def categories(objective, z):
    """(probability (N,), labels) for each category."""
    p = np.exp(z - z.max(1, keepdims=True))
    return [(q, np.full(len(z), c)) for c, q in enumerate((p / p.sum(1, keepdims=True)).T)]


def bits(objective, z):
    """Each of the 2^C label vectors."""
    p, C = 1 / (1 + np.exp(-z)), z.shape[1]
    ys = [np.array([k >> c & 1 for c in range(C)], float) for k in range(2 ** C)]
    return [(np.where(y, p, 1 - p).prod(1), np.tile(y, (len(z), 1))) for y in ys]


def gaussian(objective, z):
    """Gauss-Hermite quadrature, exact for the polynomials of degree 4 that occur."""
    t, w = np.polynomial.hermite_e.hermegauss(5)
    if objective.loss.name == "Gaussian":
        z, s = np.split(z, 2, axis=1)
        deviation = np.exp(s / 2)
    else:
        deviation = np.ones(z.shape)
    grid = np.array(np.meshgrid(*[np.arange(5)] * z.shape[1])).reshape(z.shape[1], -1).T
    return [(np.full(len(z), (w[k] / w.sum()).prod()), z + deviation * t[k]) for k in grid]


def enumerated_fisher(objective, theta, labels):
    """(1/R) sum_n w_n sum_y p(y) g_n(y) g_n(y)^T, from per-example gradients at every y."""
    w = 1 if objective.example_weights is None else objective.example_weights
    bare = CrossEntropy() if objective.loss.name == "CrossEntropy" else objective.loss
    total = 0
    for p, y in labels(objective, objective.outputs(theta)):
        g = per_example_gradients(Objective(objective.net, bare, objective.x, y), theta)
        total = total + (g.T * (w * p)) @ g
    return total / objective.R


LABELS = {"CrossEntropy": categories, "BinaryCrossEntropy": bits, "SquaredError": gaussian,
          "Gaussian": gaussian}
SHALLOW = (Dense(5, 3), Tanh(), Dense(3, 4))
INFORMED = CrossEntropy(weights=(1, 2, 0.5, 3), ignore=2)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", [*map(LOSSES.get, LABELS), INFORMED, CrossEntropy(smoothing=0.1)],
                         ids=repr)
def test_the_fisher_matrix_is_the_expectation_over_the_models_labels(loss, reduction):
    objective, theta = make(SHALLOW, loss, weights=WEIGHTS, reduction=reduction, l2=0.3)
    F = fisher(objective, theta)
    truth = enumerated_fisher(objective, theta, LABELS[loss.name])
    assert distance(dense(F), truth) <= TOLERANCE
    assert distance(columns(F), truth) <= TOLERANCE


def test_the_fisher_matrix_of_counts_is_the_expectation_over_them():
    objective, theta = make((Dense(5, 3), Tanh(), Dense(3, 1)), LOSSES["Poisson"])

    def counts(objective, z):
        p = np.exp(-np.exp(z[:, 0]))
        for k in range(80):                               # the tail beyond is below 1e-30
            yield p, np.full(z.shape, float(k))
            p = p * np.exp(z[:, 0]) / (k + 1)
    assert objective.outputs(theta).max() < 2.1
    truth = enumerated_fisher(objective, theta, counts)
    assert distance(dense(fisher(objective, theta)), truth) <= TOLERANCE


@pytest.mark.parametrize("loss", [*map(LOSSES.get, ["CrossEntropy", "BinaryCrossEntropy", "Poisson",
                                                    "SquaredError"]), INFORMED], ids=repr)
def test_fisher_equals_gauss_newton_where_the_score_is_linear_in_the_label(loss):
    objective, theta = make(SHALLOW, loss, weights=WEIGHTS)
    F, G = dense(fisher(objective, theta)), dense(gauss_newton(objective, theta))
    assert distance(F, G) <= TOLERANCE


def test_fisher_of_a_learned_variance_is_not_gauss_newton():
    objective, theta = make(SHALLOW, Gaussian())
    assert distance(dense(fisher(objective, theta)), dense(gauss_newton(objective, theta))) > 0.1


@pytest.mark.parametrize("loss", LOSSES)
def test_the_empirical_fisher_is_the_mean_outer_product_of_gradients(loss):
    objective, theta = make(SHALLOW, LOSSES[loss], weights=WEIGHTS, l2=0.2)
    g = per_example_gradients(objective, theta)
    truth = (g.T * WEIGHTS) @ g / 7
    assert distance(dense(fisher(objective, theta, "empirical")), truth) <= TOLERANCE


def test_every_matrix_scales_with_the_sum_over_examples():
    for matrix in (hessian, gauss_newton, fisher):
        (mean, theta), (total, _) = small(), small(reduction="sum")
        assert distance(7 * dense(matrix(mean, theta)), dense(matrix(total, theta))) <= TOLERANCE


# ---- bad input ----

def test_a_fisher_matrix_that_is_not_defined_is_refused():
    objective, theta = small()
    with pytest.raises(ValueError, match="one of type-2, mc, empirical, centred, got 'exact'"):
        fisher(objective, theta, "exact")
    with pytest.raises(TypeError, match="rng=None is not a generator"):
        fisher(objective, theta, "mc")
    for samples in (0, 1.5, "a", True, np.inf):
        with pytest.raises(ValueError, match="samples must be a whole number of at least 1, got"):
            fisher(objective, theta, "mc", rng=np.random.default_rng(0), samples=samples)
    objective, theta = small(loss="Huber")
    for kind in ("type-2", "mc"):
        with pytest.raises(ValueError, match="has no Fisher matrix; use the Gauss-Newton"):
            fisher(objective, theta, kind, rng=np.random.default_rng(0))
