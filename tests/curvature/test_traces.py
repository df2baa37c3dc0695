"""Traces and diagonals: unbiased by enumeration of signs, exact where they must be, z-scores."""

from itertools import product

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

import reference as ref
from reference.curvature import traces
from tests.curvature.test_spectrum import EPS, opaque, operator, rng, turned

METHODS, DIAGONALS, PROBES = traces.TRACES, traces.DIAGONALS, traces.PROBES
each_method = pytest.mark.parametrize("method", METHODS)
each_probe = pytest.mark.parametrize("probes", PROBES)


def random(P, seed=7):
    M = rng(seed).standard_normal((P, P))
    return M + M.T


def low_rank(P, r, seed=3):
    """Indefinite, of rank r."""
    U = rng(seed).standard_normal((P, r))
    return (U * np.resize([3.0, -1.0, 0.5], r)) @ U.T


def all_signs(P, m):
    """Every matrix (P, m) of signs."""
    return (np.array(signs, float).reshape(P, m) for signs in product((-1, 1), repeat=P * m))


def enumerated(estimator, M, m, *probes):
    """The estimates for all draws."""
    return [estimator(lambda V: M @ V, W, *probes) for W in all_signs(len(M), m)]


# ---- unbiased, exactly: the mean over all draws ----

@pytest.mark.parametrize("method, P, m", [("hutchinson", 5, 2), ("hutch++", 3, 4),
                                          ("xtrace", 4, 2), ("xtrace", 3, 3)])
def test_the_mean_over_all_signs_is_the_trace(method, P, m):
    M = random(P)
    each = enumerated(METHODS[method][0], M, m, "rademacher")
    assert abs(np.mean([e.value for e in each]) - np.trace(M)) <= 100 * EPS * np.abs(M).sum()


@pytest.mark.parametrize("method, P, m", [("hutchinson", 4, 2), ("xdiag", 4, 2), ("xdiag", 3, 3)])
def test_the_mean_over_all_signs_is_the_diagonal(method, P, m):
    M = random(P)
    each = enumerated(DIAGONALS[method][0], M, m)
    assert np.abs(np.mean([e.value for e in each], 0) - np.diag(M)).max() <= 1e-13


def test_a_projector_of_the_very_vector_would_be_biased():
    """Why one column is left out: with all of Y for Q, the mean over all signs is wrong."""
    def careless(apply, W, probes):
        Q, _ = traces.leave_one_out(apply(W))
        U = W - Q @ (Q.T @ W)
        return traces.averaged(np.trace(Q.T @ apply(Q)) + (U * apply(U)).sum(0), 4)
    M = random(4)
    each = enumerated(careless, M, 2, "rademacher")
    assert abs(np.mean([e.value for e in each]) - np.trace(M)) > 0.1


# ---- draws that are one vector, up to sign ----

def test_draws_that_are_one_vector_of_signs_claim_no_certainty():
    """Else the wrong 1.222 for the trace 5 has standard error 0: four signs, thrice the same."""
    E = ref.trace(np.diag([1.0, 2, 3, -1]), 6, rng())
    assert abs(E.value - 5) > 1 and E.standard_error == np.inf


@each_method
@pytest.mark.parametrize("P", [2, 3, 5])
def test_an_error_of_zero_is_never_stated_of_a_wrong_trace(method, P):
    each = [ref.trace(random(P), 6, rng(seed), method) for seed in range(200)]
    wrong = [abs(E.value - np.trace(random(P))) > 1e-9 for E in each]
    certain = [E.standard_error < 1e-9 for E in each]
    exact = (method, P) == ("hutch++", 2)                          # two vectors span everything
    assert any(wrong) != exact and not any(a and b for a, b in zip(wrong, certain))
    unsure = P == 2 if method == "hutchinson" else not exact
    assert any(E.standard_error == np.inf for E in each) == unsure
    assert not any(E.standard_error == np.inf for E in
                   (ref.trace(random(P), 6, rng(seed), method, "gaussian") for seed in range(50)))


@pytest.mark.parametrize("method", DIAGONALS)
def test_nor_of_a_wrong_diagonal(method):
    for seed in range(50):
        E = ref.diagonal_estimate(random(2), 4, rng(seed), method)
        wrong = np.abs(E.value - np.diag(random(2))) > 1e-9
        assert E.value.shape == E.standard_error.shape == (2,)
        assert not (wrong & (E.standard_error < 1e-9)).any()


# ---- very large and very small ----

@each_method
@pytest.mark.parametrize("power, dtype", [(-600, float), (600, float), (-76, np.float32),
                                          (76, np.float32)])
def test_a_power_of_two_passes_through_the_estimates(method, power, dtype):
    M = random(20).astype(dtype)
    E, scaled = (ref.trace(B, 12, rng(), method) for B in (M, np.ldexp(M, power)))
    assert scaled.value == np.ldexp(E.value, power) and scaled.value.dtype == dtype
    assert scaled.standard_error == np.ldexp(E.standard_error, power) > 0
    for kind in DIAGONALS:
        E, scaled = (ref.diagonal_estimate(B, 12, rng(), kind) for B in (M, np.ldexp(M, power)))
        assert np.array_equal(scaled.value, np.ldexp(E.value, power))
        assert np.array_equal(scaled.standard_error, np.ldexp(E.standard_error, power))


# ---- variances ----

def test_variances_of_one_vector_of_signs_by_enumeration():
    M = random(5)
    d, F2 = np.diag(M), (M * M).sum()
    values = [w @ M @ w for w in all_signs(5, 1) for w in w.T]
    assert abs(np.var(values) - 2 * (F2 - d @ d)) <= 1e-12 * F2
    entries = [w * (M @ w) for w in all_signs(5, 1) for w in w.T]
    assert np.abs(np.var(entries, 0) - ((M * M).sum(1) - d * d)).max() <= 1e-12 * F2


@each_probe
def test_variances_and_standard_errors_by_z_scores(probes):
    """4000 quadratic forms, whose own variance is known; the sample variance of n values of
    kurtosis kappa has the relative standard error sqrt((kappa - 1)/n)."""
    M, P, n = random(9) + np.diag(np.arange(9.0)), 9, 4000
    d, F2, t = np.diag(M), (M * M).sum(), np.trace(M)
    variance = {"rademacher": 2 * (F2 - d @ d), "gaussian": 2 * F2,
                "sphere": 2 * P / (P + 2) * (F2 - t * t / P)}[probes]
    W = traces.draw(rng(1), np.eye(P), n, probes)
    values = (W * (M @ W)).sum(0)
    kurtosis = ((values - values.mean()) ** 4).mean() / values.var() ** 2
    assert abs(values.mean() - t) <= 4 * np.sqrt(variance / n)
    assert abs(values.var() / variance - 1) <= 4 * np.sqrt((kurtosis - 1) / n)
    others = {2 * (F2 - d @ d), 2 * F2, 2 * P / (P + 2) * (F2 - t * t / P)} - {variance}
    assert all(abs(values.var() / v - 1) > 4 * np.sqrt((kurtosis - 1) / n) for v in others)
    E = traces.hutchinson(lambda V: M @ V, W, probes)
    assert abs(E.standard_error / np.sqrt(values.var(ddof=1) / n) - 1) <= 1e-12


@each_method
@each_probe
@pytest.mark.parametrize("name", ["H", "G", "F"])
def test_estimates_are_within_their_errors_on_curvature_matrices(method, probes, name):
    """60 runs: the mean within 4 standard errors; the stated error right to a factor of 2."""
    M = ref.dense(operator("dense", name))
    draws = rng(2)
    each = [ref.trace(M, 18, draws, method, probes) for _ in range(60)]
    values, stated = np.array([(e.value, e.standard_error) for e in each]).T
    assert abs(values.mean() - np.trace(M)) <= 4 * values.std(ddof=1) / np.sqrt(60)
    assert 0.5 <= np.sqrt((stated ** 2).mean()) / values.std(ddof=1) <= 2
    assert {e.products for e in each} <= {18, 17, 16, 15, 14, 13, 12}


@pytest.mark.parametrize("method", DIAGONALS)
def test_diagonals_are_within_their_errors_on_curvature_matrices(method):
    M = ref.dense(operator("dense", "H"))
    draws = rng(2)
    each = [ref.diagonal_estimate(M, 20, draws, method).value for _ in range(100)]
    errors = np.std(each, 0, ddof=1) / 10
    assert (np.abs(np.mean(each, 0) - np.diag(M)) <= 4.5 * errors + 1e-15).all()     # 31 entries


def test_xtrace_needs_fewer_products_than_the_others_where_the_spectrum_decays():
    M, draws = turned(0.7 ** np.arange(60)), rng(4)
    spread = {method: np.std([ref.trace(M, 30, draws, method).value for _ in range(40)])
              for method in METHODS}
    assert 3 * spread["xtrace"] < spread["hutch++"] and 3 * spread["hutch++"] < spread["hutchinson"]


@pytest.mark.parametrize("M", [random(30), np.ones((1, 1)), np.zeros((4, 4))],
                         ids=["30 x 30", "1 x 1", "zero"])
def test_products_are_counted(M):
    def counted(V):
        counts.append(V.size // len(M))
        return M @ V
    B = LinearOperator(M.shape, matvec=counted, matmat=counted, dtype=float)
    for estimate, methods in (ref.trace, METHODS), (ref.diagonal_estimate, DIAGONALS):
        for method in methods:
            counts = []
            E = estimate(B, 20, rng(), method)
            assert sum(counts) == E.products <= 20
            assert E.products >= 18 or len(M) < 10


# ---- the leave-one-out formulas ----

def projector(Y):
    U, s, _ = np.linalg.svd(Y, full_matrices=False)
    U = U[:, s > len(Y) * EPS * s.max(initial=0)]
    return U @ U.T, U.shape[1]


@each_probe
@pytest.mark.parametrize("rank, m", [(20, 6), (4, 6), (6, 6), (5, 6), (2, 6), (20, 2), (0, 3)])
def test_xtrace_and_xdiag_equal_the_loops_that_leave_one_out(probes, rank, m):
    M = low_rank(20, rank)
    W = traces.draw(rng(rank + m), np.eye(20), m, probes)
    traced, diagonals = [], []
    for i in range(m):
        Qi, r = projector(np.delete(M @ W, i, 1))
        u = W[:, i] - Qi @ W[:, i]
        scale = (20 - r) / (u @ u) if probes == "sphere" else 1
        traced.append(np.trace(Qi @ M @ Qi) + scale * (u @ M @ u))
        diagonals.append(np.diag(Qi @ M) + W[:, i] * (M @ W[:, i] - Qi @ M @ W[:, i]))
    found, size = METHODS["xtrace"][0](lambda V: M @ V, W, probes), np.abs(M).sum() + 1
    assert abs(found.value - np.mean(traced)) <= 1e-13 * size
    assert abs(found.standard_error - np.std(traced, ddof=1) / np.sqrt(m)) <= 1e-13 * size
    assert found.products == m + min(rank, m)
    if probes == "rademacher":
        found = DIAGONALS["xdiag"][0](lambda V: M @ V, W)
        assert np.abs(found.value - np.mean(diagonals, 0)).max() <= 1e-13 * size
        error = np.std(diagonals, 0, ddof=1) / np.sqrt(m)
        assert np.abs(found.standard_error - error).max() <= 1e-13 * size


def test_a_column_that_depends_on_some_others_and_one_that_does_not():
    a, b, c = np.eye(5)[:3]
    Q, S = traces.leave_one_out(np.stack([a, b, a, c + a], 1))
    assert np.array_equal((S * S).sum(0).round(12), [0, 1, 0, 1])
    for i in range(4):
        without = projector(np.delete(np.stack([a, b, a, c + a], 1), i, 1))[0]
        P = Q @ (np.eye(3) - np.outer(S[:, i], S[:, i])) @ Q.T
        assert np.abs(P - without).max() <= 100 * EPS


# ---- exact ----

@each_probe
@pytest.mark.parametrize("method, products, rank", [("hutch++", 18, 6), ("xtrace", 18, 8)])
def test_low_rank_is_exact(method, products, rank, probes):
    M = low_rank(30, rank)
    E = ref.trace(M, products, rng(), method, probes)
    size = np.abs(np.linalg.eigvalsh(M)).sum()
    assert abs(E.value - np.trace(M)) <= 1e-12 * size and E.standard_error <= 1e-12 * size
    more = low_rank(30, rank + 1)
    assert abs(ref.trace(more, products, rng(), method, probes).value - np.trace(more)) > 1e-6


def test_xdiag_is_exact_for_low_rank():
    M = low_rank(30, 8)
    assert np.abs(ref.diagonal_estimate(M, 18, rng(), "xdiag").value - np.diag(M)).max() <= 1e-11
    M = low_rank(30, 9)
    assert np.abs(ref.diagonal_estimate(M, 18, rng(), "xdiag").value - np.diag(M)).max() > 1e-6


def test_signs_are_exact_on_diagonal_matrices_and_the_sphere_on_multiples_of_the_identity():
    D = np.diag(np.arange(1.0, 12))
    for E, truth in ((ref.trace(D, 2, rng(), "hutchinson"), 66),
                     (ref.diagonal_estimate(D, 2, rng()), np.arange(1, 12))):
        assert np.abs(E.value - truth).max() <= 66 * 4 * EPS and np.max(E.standard_error) <= 1e-13
    assert ref.trace(D, 2, rng(), "hutchinson", "gaussian").standard_error > 1
    for method in METHODS:
        E = ref.trace(opaque(3 * np.eye(11)), 12, rng(), method, "sphere")
        assert abs(E.value - 33) <= 1e-12 and E.standard_error <= 1e-12
        if method != "hutchinson":
            assert abs(ref.trace(3 * np.eye(11), 12, rng(), method).value - 33) > 1e-3


@each_method
@each_probe
@pytest.mark.parametrize("M", [np.zeros((4, 4)), np.array([[-2.0]]), -np.ones((3, 3))],
                         ids=["zero", "1 x 1", "rank one"])
def test_small_and_zero_matrices_are_answered(method, probes, M):
    E = ref.trace(M, 40, rng(), method, probes)
    assert np.isfinite([E.value, E.standard_error]).all() and E.products <= 40
    if method != "hutchinson" or (probes == "rademacher" and len(M) != 3) or not M.any():
        assert abs(E.value - np.trace(M)) <= 1e-12
    for kind in DIAGONALS:
        E = ref.diagonal_estimate(M, 40, rng(), kind)
        assert np.isfinite(E.value).all() and E.value.shape == (len(M),)


@each_method
@each_probe
def test_estimates_keep_the_precision_of_the_matrix_and_draw_from_the_generator(method, probes):
    M = random(20)
    narrow = ref.trace(M.astype(np.float32), 30, rng(), method, probes)
    wide = ref.trace(M, 30, rng(), method, probes)
    assert narrow.value.dtype == np.float32 and wide.value.dtype == float
    assert abs(narrow.value - wide.value) <= 1e-4 * np.abs(M).sum()       # 20 x 20 terms, projected
    assert wide.value == ref.trace(M, 30, rng(), method, probes).value
    assert wide.value != ref.trace(M, 30, rng(1), method, probes).value


def test_bad_questions_are_refused():
    M = np.eye(4)
    for call, error, words in [
            (lambda: ref.trace(M, 10, 0), TypeError, "default_rng"),
            (lambda: ref.trace(M, 10, None), TypeError, "default_rng"),
            (lambda: ref.diagonal_estimate(M, 10, 3), TypeError, "default_rng"),
            (lambda: ref.trace(M, 10, rng(), "exact"), ValueError, "hutchinson, hutch"),
            (lambda: ref.trace(M, 10, rng(), ["xtrace"]), ValueError, r"got \['xtrace'\]"),
            (lambda: ref.trace(M, 10, rng(), probes="signs"), ValueError, "rademacher, gaussian"),
            (lambda: ref.trace(M, 3, rng(), "xtrace"), ValueError, "at least 4 for xtrace, got 3"),
            (lambda: ref.trace(M, 5, rng(), "hutch++"), ValueError, "at least 6"),
            (lambda: ref.trace(M, 1.0, rng(), "hutchinson"), ValueError, "got 1.0"),
            (lambda: ref.diagonal_estimate(M, 10, rng(), "xtrace"), ValueError, "xdiag")]:
        with pytest.raises(error, match=words):
            call()
