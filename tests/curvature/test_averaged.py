"""Averaged recursions against their definition by loops, and where they equal the exact blocks."""

from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.network.elementwise import Elementwise
from reference.problems.layers import LAYERS
from tests.curvature import brute
from tests.curvature.test_positive_curvature import PHI, SECOND, cotangent
from tests.derivatives.cases import LOSSES, make

DIGITS = 1e-14                        # of sums of up to 13 x 7 x 11 terms in float64
ROUNDING = 1e-13                      # of eigenvalues, relative to the largest

SLOPE = {"Tanh": lambda s: 1 - np.tanh(s) ** 2, "Sigmoid": lambda s: 1 / (4 * np.cosh(s / 2) ** 2)}
CHAINS = "dense", "deep", "words"
VARIANTS = [(phi, slopes, inputs) for phi in PHI for slopes in ("mean", "outer")
            for inputs in ("second moment", "mean")]

each_chain = pytest.mark.parametrize("net", CHAINS)


# ---- the definition, by loops in longdouble ----

def definition(objective, theta, phi, slopes, inputs):
    """[(C, A), ...]: means over examples and places one after the other, and phi behind them."""
    wide, layers = theta.astype(np.longdouble), objective.net.layers
    p = brute.probabilities(objective, theta)
    C = sum(np.diag(row) - np.outer(row, row) for rows in p for row in rows) / objective.R
    x = objective.x.astype(np.longdouble)
    xs, Ws = objective.net.forward(wide, x), objective.net.layout.unpack(wide)
    factors = []
    for e, layer in reversed(list(enumerate(layers))):
        rows = xs[e].reshape(-1, xs[e].shape[-1])
        if isinstance(layer, Elementwise):
            after = ref.Sequential(*layers[e + 1:])
            dx = sum(cotangent(after, Ws[len(Ws) - len(factors):], xs[e + 1][n:n + 1],
                               objective.y[n]) * SECOND[layer.name](xs[e][n:n + 1])
                     for n in range(objective.N)) / objective.R
            f = [SLOPE[layer.name](row) for row in rows]
            J = sum(np.outer(a, a) for a in f) / len(f)
            if slopes == "mean":
                J = np.outer(sum(f), sum(f)) / len(f) ** 2
            C = J * C + np.diag(PHI[phi](dx.reshape(-1, dx.shape[-1]).sum(0)))
        else:
            V = Ws[len(Ws) - len(factors) - 1][:, :layer.inputs]
            ps = [np.append(row, 1) if layer.bias else row for row in rows]
            A = sum(np.outer(p, p) for p in ps) / len(ps)
            if inputs == "mean":
                A = np.outer(sum(ps), sum(ps)) / len(ps) ** 2
            factors.insert(0, (C, A))
            C = V.T @ C @ V
    return factors


def close(found, truth):
    return [max(brute.distance(K.G, C), brute.distance(K.A, A))
            for K, (C, A) in zip(found, truth, strict=True)]


@pytest.mark.parametrize("phi, slopes, inputs", VARIANTS)
@each_chain
def test_every_step_is_a_mean_over_examples_and_places(net, phi, slopes, inputs):
    objective, theta = brute.NETS[net]()
    truth = definition(objective, theta, phi, slopes, inputs)
    found = ref.bda_pch(objective, theta, phi, slopes, inputs)
    assert max(close(found, truth)) <= DIGITS
    other = {"mean": "outer", "outer": "mean"}[slopes]
    assert close(ref.bda_pch(objective, theta, phi, other, inputs), truth)[0] > 1e-3


@each_chain
def test_kfra_has_no_bends_and_the_means_of_products_of_slopes(net):
    objective, theta = brute.NETS[net]()
    truth = definition(objective, theta, "zero", "outer", "second moment")
    assert max(close(ref.kfra(objective, theta), truth)) <= DIGITS


def test_defaults_are_those_of_the_paper_with_the_second_moment_of_inputs():
    objective, theta = brute.deep()
    for K, same in zip(ref.bda_pch(objective, theta),
                       ref.bda_pch(objective, theta, "abs", "mean", "second moment")):
        assert (K.G == same.G).all() and (K.A == same.A).all()


# ---- phi after the mean ----

def exact_blocks(objective, theta, phi):
    return ref.blocks(ref.positive_curvature(objective, theta, phi), objective.net.layout)


def test_bends_of_two_examples_cancel_before_phi_and_not_after():
    """One x with targets on both sides of its output: the gradients are opposite."""
    net = ref.Sequential(ref.Dense(2, 3), ref.Tanh(), ref.Dense(3, 2))
    theta, x = np.random.default_rng(0).standard_normal(17), np.array([[1.0, 2.0], [1.0, 2.0]])
    z = net.forward(theta, x)[-1]
    objective = ref.Objective(net, ref.SquaredError(), x, z + np.array([[9.0], [-9.0]]))
    (averaged, exact), (averaged_none, exact_none) = (
        (ref.bda_pch(objective, theta, phi)[0].dense(), exact_blocks(objective, theta, phi)[0])
        for phi in ("abs", "zero"))
    assert brute.distance(averaged, averaged_none) <= DIGITS
    assert brute.distance(averaged, exact_none) <= DIGITS and brute.distance(averaged, exact) > 0.1


# ---- where it equals the exact block ----

def from_exact(krons, blocks):
    return [brute.distance(K.dense(), B) for K, B in zip(krons, blocks, strict=True)]


@pytest.mark.parametrize("phi, slopes, inputs", VARIANTS)
@pytest.mark.parametrize("net", ["dense", "deep"])
def test_for_one_example_it_is_the_exact_block(net, phi, slopes, inputs):
    objective, theta = brute.NETS[net]()
    one, two = objective.batch([3]), objective.batch([3, 4])
    assert max(from_exact(ref.bda_pch(one, theta, phi, slopes, inputs),
                          exact_blocks(one, theta, phi))) <= DIGITS
    assert from_exact(ref.bda_pch(two, theta, phi, slopes, inputs),
                      exact_blocks(two, theta, phi))[0] > 1e-3


LINEAR = ref.Dense(5, 3), ref.Identity(), ref.Dense(3, 2), ref.Dense(2, 4)


@pytest.mark.parametrize("slopes", ["mean", "outer"])
def test_of_deep_linear_networks_with_squared_error_it_is_the_exact_block(slopes):
    objective, theta = make(LINEAR, ref.SquaredError(), weights=np.arange(1.0, 8), reduction="sum")
    H = ref.blocks(ref.hessian(objective, theta), objective.net.layout)
    assert max(from_exact(ref.bda_pch(objective, theta, "abs", slopes), H)) <= DIGITS
    assert min(from_exact(ref.bda_pch(objective, theta, "abs", slopes, "mean"), H)) > 0.1
    softmax, theta = make(LINEAR, ref.CrossEntropy())
    H = ref.blocks(ref.hessian(softmax, theta), softmax.net.layout)
    assert min(from_exact(ref.bda_pch(softmax, theta, "abs", slopes), H)) > 1e-3


def test_the_last_layers_kfra_is_its_k_fac_with_the_loss_hessian_and_the_others_are_not():
    objective, theta = brute.deep(weights=np.arange(1.0, 14))
    pairs = list(zip(ref.kfra(objective, theta), ref.kfac(objective, theta, "ggn")))
    off = [brute.distance(K.dense(), L.dense()) for K, L in pairs]
    assert off[-1] <= DIGITS and min(off[:-1]) > 1e-3


def test_the_last_layers_kfra_is_the_gauss_newton_block_for_squared_error():
    layers = ref.Dense(5, 3), ref.Tanh(), ref.Dense(3, 4)
    for loss in ref.SquaredError(), ref.CrossEntropy():
        objective, theta = make(layers, loss)
        G = ref.blocks(ref.gauss_newton(objective, theta), objective.net.layout)
        off = from_exact(ref.kfra(objective, theta), G)
        assert off[0] > 1e-3 and (off[1] <= DIGITS) == (loss == ref.SquaredError())


def test_of_a_piecewise_linear_network_every_phi_is_kfra():
    objective, theta = make((ref.Dense(5, 3), ref.ReLU(), ref.Dense(3, 4)), ref.CrossEntropy())
    for phi in PHI:
        for K, L in zip(ref.bda_pch(objective, theta, phi, "outer"), ref.kfra(objective, theta)):
            assert (K.G == L.G).all() and (K.A == L.A).all()


# ---- order ----

@pytest.mark.parametrize("loss", LOSSES)
def test_semidefinite_where_the_loss_is_convex_and_in_the_order_of_the_exact_matrices(loss):
    layers = ref.Dense(5, 3), ref.Tanh(), ref.Dense(3, 2), ref.Sigmoid(), ref.Dense(2, 4)
    objective, theta = make(layers, LOSSES[loss])

    def lowest(M):
        return np.linalg.eigvalsh(M)[0] / size

    for slopes in "mean", "outer":
        C = {phi: ref.bda_pch(objective, 2 * theta, phi, slopes) for phi in PHI}
        for l in range(3):
            G = {phi: krons[l].G for phi, krons in C.items()}
            size = np.linalg.norm(G["abs"], 2)
            assert min(lowest(G["abs"] - G["clip"]), lowest(G["clip"] - G["zero"]),
                       lowest(G["clip"] - G["identity"])) >= -ROUNDING
            if loss != "Gaussian":
                assert lowest(G["zero"]) >= -ROUNDING
        assert loss == "Gaussian" or np.linalg.eigvalsh(C["identity"][0].G)[0] < 0


# ---- scale ----

def test_the_product_is_on_the_scale_of_the_block():
    objective, theta = brute.deep()
    total = replace(objective, reduction="sum")
    for K, S in zip(ref.bda_pch(objective, theta), ref.bda_pch(total, theta)):
        assert brute.distance(13 * K.G, S.G) <= DIGITS and (K.A == S.A).all()


def test_a_weight_of_two_is_an_example_met_twice():
    objective, theta = brute.deep()
    twice = objective.batch([0, 1, 1, 2])
    weighted = replace(objective.batch([0, 1, 2]), weights=np.array([1.0, 2, 1]))
    for K, W in zip(ref.bda_pch(twice, theta), ref.bda_pch(weighted, theta), strict=True):
        assert brute.distance(K.G * 4, W.G * 3) <= DIGITS and brute.distance(K.A, W.A) <= DIGITS


def test_labels_that_are_ignored_count_nowhere():
    objective, theta = brute.words()
    x, y, counted = objective.x, objective.y.copy(), objective.y > 2
    y[~counted] = 0
    ignoring = replace(objective, loss=ref.CrossEntropy(ignore=0), y=y, reduction="sum")
    alone = replace(objective, x=x[counted], y=y[counted], reduction="sum")
    for K, L in zip(ref.bda_pch(ignoring, theta), ref.bda_pch(alone, theta), strict=True):
        assert brute.distance(K.G, L.G) <= DIGITS and brute.distance(K.A, L.A) <= DIGITS


# ---- numbers and bad input ----

@pytest.mark.parametrize("options", [{}, {"phi": "clip", "slopes": "outer", "inputs": "mean"}])
def test_it_is_proven_by_balls_and_as_wide_as_theta(options):
    objective, theta = brute.deep()
    assert ref.certify(ref.bda_pch, objective, theta, **options).digits > 14
    assert ref.certify(ref.kfra, objective, theta).digits > 14
    for dtype in "float32", "longdouble":
        K = ref.bda_pch(objective.to(dtype), theta.astype(dtype), **options)[0]
        assert K.G.dtype == K.A.dtype == np.dtype(dtype)


@pytest.mark.parametrize("name, layer", [("Conv1d", "Conv1d"), ("LSTM", "LSTM"),
                                         ("Dropout", "Dropout"), ("LayerNorm", "LayerNorm"),
                                         ("Embedding", "Embedding"), ("Residual", "Parallel")])
@pytest.mark.parametrize("recursion", [ref.bda_pch, ref.kfra])
def test_a_layer_that_is_neither_dense_nor_elementwise_is_named(recursion, name, layer):
    objective, theta = LAYERS[name](np.random.default_rng(0))
    with pytest.raises(ValueError, match=rf"^{layer}\(.* is neither Dense nor elementwise"):
        recursion(objective, theta)


def test_shared_matrices_are_refused():
    with pytest.raises(ValueError, match="a matrix is shared by several layers"):
        ref.bda_pch(*LAYERS["Tied"](np.random.default_rng(0)))


@pytest.mark.parametrize("options, words", [
    ({"phi": "relu"}, "phi must be one of abs, clip, zero, identity, got 'relu'"),
    ({"slopes": "Mean"}, "slopes must be one of mean, outer, got 'Mean'"),
    ({"inputs": "rank one"}, "inputs must be one of second moment, mean, got 'rank one'")])
def test_a_wrong_name_is_refused_with_the_choices(options, words):
    with pytest.raises(ValueError, match=words):
        ref.bda_pch(*brute.dense(), **options)
