"""Faults of Kronecker factors, planted in straight NumPy, are named; right factors are not."""

import numpy as np
import pytest

import reference as ref
from reference.oracle.judge.causes.scales import RECORDS

from . import plain

PLACES = "two convolutions", "recurrent"
ALL = ("dense", *PLACES)


def flat(factors):
    return [M for G, A, _ in factors for M in (G, A)]


def judged(theirs, subject, name, *arguments, **options):
    return ref.check(theirs, subject, *plain.problem(name), *arguments, **options)


def found(theirs, subject, name, *arguments, **options):
    report = judged(theirs, subject, name, *arguments, **options)
    return report.explanation.content, report.explanation.kind


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("reduce", [False, True])
def test_right_factors_raise_no_alarm(name, reduce):
    options = {"setting": "reduce" if reduce else "expand"}
    right = plain.moments(name, reduce=reduce)
    for theirs, subject in ((flat(right), "kfac"), ([G for G, _, _ in right], "kfac_G"),
                            ([A for _, A, _ in right], "kfac_A"),
                            ([np.kron(G, A) for G, A, _ in right], "kfac_blocks")):
        assert judged(theirs, subject, name, **options).verdict == "agrees"
    single = [M.astype("float32") for M in flat(right)]
    assert judged(single, "kfac", name, **options).verdict == "agrees"


@pytest.mark.parametrize("name", PLACES)
def test_the_other_setting_is_a_convention(name):
    theirs = flat(plain.moments(name, reduce=True))
    assert found(theirs, "kfac", name) == ("kfac: reduce", "convention")
    theirs = flat(plain.moments(name))
    assert found(theirs, "kfac", name, setting="reduce") == ("kfac: expand", "convention")


@pytest.mark.parametrize("name", ALL)
def test_other_labels(name):
    _, prob, y = plain.uses(name)
    C = prob.shape[1]
    for labels, content in ((y, "kfac: empirical"), (prob.argmax(1), "kfac: predicted labels")):
        theirs = plain.moments(name, plain.one_hot(labels, C))
        for arrays, subject in ((flat(theirs), "kfac"), ([G for G, _, _ in theirs], "kfac_G"),
                                ([np.kron(G, A) for G, A, _ in theirs], "kfac_blocks")):
            assert found(arrays, subject, name) == (content, "error")
    theirs = flat(plain.moments(name))
    assert found(theirs, "kfac", name, kind="empirical") == ("kfac: type-2", "error")


def power(powers, N, S):
    return float(N) ** powers.get("N", 0) * float(S) ** powers.get("S", 0)


# peers.md's table of scales, in the words of the KFC paper: Omega = S A, Gamma = G/S
OMEGA_GAMMA = {
    "KFC [GM16]": lambda O, Ga, N, S: (Ga, O),
    "curvlinops, expand": lambda O, Ga, N, S: (S * Ga, O / S),
    "ASDL": lambda O, Ga, N, S: (S * Ga, O / S),
    "kfac-jax": lambda O, Ga, N, S: (Ga, O / S),
    "nngeometry": lambda O, Ga, N, S: (Ga, O),
    "kfac-pytorch": lambda O, Ga, N, S: (Ga / (N * S) ** 2, O / S ** 3),
}


@pytest.mark.parametrize("library", OMEGA_GAMMA)
def test_scales_of_libraries_are_named_with_a_power_per_factor(library):
    name = "two convolutions"
    objective, _ = plain.problem(name)
    theirs = []
    for l, (G, A, S) in enumerate(plain.moments(name)):
        theirs += OMEGA_GAMMA[library](S * A, G / S, objective.N, S)
    report = judged(theirs, "kfac", name)
    if library in ("curvlinops, expand", "ASDL"):
        assert report.verdict == "agrees"
        return
    says = RECORDS[library]
    assert report.verdict == "agrees after a convention"
    alike = {each for each, record in RECORDS.items() if (record.G, record.A) == (says.G, says.A)}
    assert report.explanation.content.removeprefix("scales of ") in alike
    for subject, pick in (("kfac_A", theirs[1::2]), ("kfac_G", theirs[::2])):
        assert judged(pick, subject, name).verdict == "agrees after a convention" or (
            subject == "kfac_A" and library == "kfac-jax")
    blocks = [np.kron(G, A) for G, A in zip(theirs[::2], theirs[1::2])]
    verdict = judged(blocks, "kfac_blocks", name).verdict
    product = {s: says.G.get(s, 0) + says.A.get(s, 0) for s in ("N", "S")}
    assert verdict == ("agrees" if not any(product.values()) else "agrees after a convention")


def test_backpacks_convolution_sums_places_before_the_outer_product():
    name = "two convolutions"
    pairs = zip(plain.moments(name, reduce=True), plain.moments(name))
    theirs = [M for (G, _, _), (_, A, S) in pairs for M in (G, S * A)]
    assert found(theirs, "kfac", name) == ("scales of BackPACK", "convention")
    pairs = zip(plain.moments(name, reduce=True), plain.moments(name))
    theirs = [M for (G, _, _), (_, A, _) in pairs for M in (G, A)]
    assert found(theirs, "kfac", name) == ("kfac: sums over places, A expanded", "convention")


def test_gradients_that_carry_the_mean():
    for name in ALL:
        N = plain.problem(name)[0].N
        theirs = [M for G, A, _ in plain.moments(name) for M in (G / N ** 2, A)]
        report = judged(theirs, "kfac", name)
        assert report.verdict == "agrees after a convention"
        assert "carry the 1/N of the batch mean" in report.explanation.text


@pytest.mark.parametrize("name", ALL[:2])
def test_orders_and_the_bias(name):
    right = plain.moments(name)
    G, A = [[each[k] for each in right] for k in (0, 1)]
    for theirs, arrangement in (
            ([M for pair in zip(A, G) for M in pair], "A before G"),
            (G + A, "all G, then all A"), (A + G, "all A, then all G"),
            ([M for g, a in zip(G, A) for M in (g, np.roll(a, (1, 1), (0, 1)))],
             "bias column first"),
            ([M for g, a in zip(G, A) for M in (g, a[:-1, :-1])], "bias column missing")):
        explanation = judged(theirs, "kfac", name).explanation
        assert (explanation.arrangement, explanation.kind) == (arrangement, "convention")
    report = judged([np.kron(a, g) for g, a in zip(G, A)], "kfac_blocks", name)
    assert report.verdict == "agrees after a convention"
    assert "column by column" in report.explanation.text


def rooted(M):
    values, Q = np.linalg.eigh(M)                  # the root of a rounding is no rounding
    return Q @ np.diag(np.sqrt(np.where(values > 1e-12, values, 0))) @ Q.T


@pytest.mark.parametrize("spoil, content, kind", [
    (lambda G, A, N: (rooted(G), rooted(A)), "kfac: square roots", "error"),
    (lambda G, A, N: (np.triu(G), np.triu(A)), "upper triangle", "error"),
    (lambda G, A, N: (G * np.eye(len(G)), A), "kfac: diagonal of G", "error"),
    (lambda G, A, N: (G, A * np.eye(len(A))), "kfac: diagonal of A", "error"),
    (lambda G, A, N: (0.05 * G, 0.05 * A), "kfac: first average by 0.95, from 0", "convention"),
    (lambda G, A, N: (0.95 * np.eye(len(G)) + 0.05 * G, 0.95 * np.eye(len(A)) + 0.05 * A),
     "kfac: first average by 0.95, from I", "convention"),
    (lambda G, A, N: (G * N / (N - 1), A * N / (N - 1)), "Bessel's correction", "error")])
@pytest.mark.parametrize("name", ALL[:2])
def test_what_became_of_right_factors(name, spoil, content, kind):
    N = plain.problem(name)[0].N
    theirs = [M for G, A, _ in plain.moments(name) for M in spoil(G, A, N)]
    assert found(theirs, "kfac", name) == (content, kind)


@pytest.mark.parametrize("name", ALL)
def test_products_of_means_are_no_means_of_products(name):
    pairs, _, y = plain.uses(name)
    mean, centred, batch = [], [], []
    for (p, g), (G, A, _) in zip(pairs, plain.moments(name)):
        rows = p.reshape(-1, p.shape[-1])
        own = sum(g[y[n], n].sum(0) for n in range(len(y)))
        mean += [G, np.outer(rows.mean(0), rows.mean(0))]
        centred += [G, np.cov(rows.T, bias=True)]
        batch += [np.outer(own, own), A]
    assert found(mean, "kfac", name) == ("kfac: A of the mean p", "error")
    assert found(centred, "kfac", name) == ("kfac: A centred", "error")
    assert found(batch, "kfac", name) == ("kfac: G of the gradient of the batch", "error")


def test_nothing_known_fits_noise():
    rng = np.random.default_rng(0)
    for name in ALL:
        theirs = [M + 0.1 * rng.standard_normal(M.shape) for M in flat(plain.moments(name))]
        report = judged(theirs, "kfac", name)
        assert report.verdict == "differs" and report.explanation is None


# ---- EKFAC ----

@pytest.mark.parametrize("name", ALL)
def test_ekfac_in_words(name):
    pairs, prob, _ = plain.uses(name)
    right, kfac, standard, by_place = [], [], [], []
    for (p, g), (G, A, _) in zip(pairs, plain.moments(name)):
        (a, U), (b, Q) = np.linalg.eigh(A), np.linalg.eigh(G)
        X = np.einsum("cnso,nsi->cnsoi", g @ Q, p @ U)
        right.append(np.einsum("nc,cnoi->oi", prob, X.sum(2) ** 2) / len(p))
        by_place.append(np.einsum("nc,cnsoi->oi", prob, X ** 2) / len(p))
        kfac.append(np.outer(b, a))
        raw = np.einsum("cnso,nsi->cnoi", g, p)
        standard.append(np.einsum("nc,cnoi->oi", prob, raw ** 2) / len(p))
    assert judged(right, "ekfac_values", name).verdict == "agrees"
    assert found(kfac, "ekfac_values", name) == ("EKFAC: K-FAC's values", "error")
    assert found(standard, "ekfac_values", name) == ("EKFAC: values outside the basis", "error")
    if name != "dense":
        assert found(by_place, "ekfac_values", name) == ("EKFAC: squares place by place", "error")


# ---- scales by positions, other recursions, other losses ----

def test_positions_of_the_input_counted():
    """K11: A over the input's positions, G over the output's."""
    name = "two convolutions"
    positions = (12, 11, 1)
    theirs = [M for (G, A, S), P in zip(plain.moments(name), positions) for M in (G, A * S / P)]
    assert found(theirs, "kfac", name) == ("places of the input counted", "error")


def test_kfra_is_told_from_kfac():
    pairs, prob, _ = plain.uses("dense")
    objective, theta = plain.problem("dense")
    (p1, _), (p2, _) = pairs
    W = plain.matrices(objective, theta)[1][:, :-1]
    C = (np.diag(prob.sum(0)) - prob.T @ prob) / len(prob)
    slopes = 1 - p2[:, 0, :-1] ** 2
    C1 = (W.T @ C @ W) * (slopes.T @ slopes / len(slopes))
    A1, A2 = (p[:, 0].T @ p[:, 0] / len(p) for p in (p1, p2))
    theirs = [C1, A1, C, A2]
    assert judged(theirs, "kfra", "dense").verdict == "agrees"
    assert found(theirs, "kfac", "dense") == ("factors of KFRA", "convention")
    right = flat(plain.moments("dense"))
    assert judged(right, "kflr", "dense").verdict == "agrees"
    assert found(right, "kfra", "dense") == ("factors of KFLR", "convention")


def test_the_two_of_squared_error_and_of_its_sampler():
    rng = np.random.default_rng(1)
    net = ref.Sequential(ref.Dense(4, 2), ref.Tanh(), ref.Dense(2, 7))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((11, 4)),
                              rng.standard_normal((11, 7)))
    theta = rng.standard_normal(net.layout.size)
    for c, text in ((2, "G: ours x 2"), (0.5, "G: ours x 1/2"), (2 / 7, "G: ours x 2/C")):
        theirs = [(c * K.G, K.A) for K in ref.kfac(objective, theta)]
        report = ref.check(theirs, "kfac", objective, theta)
        assert (report.verdict, report.explanation.text) == ("agrees after a convention", text)


def in_orders(name):
    G, A, _ = zip(*plain.moments(name))
    back = G[::-1]
    return {"last matrix first": [M for pair in zip(back, A[::-1]) for M in pair],
            "A before G, last matrix first": [M for pair in zip(A[::-1], back) for M in pair],
            "G reversed": [M for pair in zip(back, A) for M in pair],
            "A before G, G reversed": [M for pair in zip(A, back) for M in pair]}


@pytest.mark.parametrize("name", ALL)
def test_lists_in_the_order_of_the_backward_pass(name):
    for order, theirs in in_orders(name).items():
        best = judged(theirs, "kfac", name).explanation
        assert best.arrangement == order
        assert best.kind == ("error" if order.endswith("G reversed") else "convention")


def test_a_scale_is_told_of_the_factor_that_has_it_wherever_that_stands():
    moments = plain.moments("dense")
    N = plain.problem("dense")[0].N
    for theirs in ([M for G, A, _ in moments for M in (A, G / N)],
                   [G / N for G, _, _ in moments] + [A for _, A, _ in moments]):
        assert "G: ours x 1/N" in judged(theirs, "kfac", "dense").explanation.text


@pytest.mark.parametrize("s, t", [(0.1, 0.1), (0.3, 0.0)])
def test_damped_factors(s, t):
    theirs = [M for G, A, _ in plain.moments("dense")
              for M in (G + s * np.eye(len(G)), A + t * np.eye(len(A)))]
    assert found(theirs, "kfac", "dense") == ("kfac: damped", "convention")
    theirs[0][0, 0] += 0.01
    assert judged(theirs, "kfac", "dense").explanation is None
