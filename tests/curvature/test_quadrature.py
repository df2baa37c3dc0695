"""Stochastic Lanczos quadrature: Gauss' theorem, exactness with all unit vectors, z-scores."""

import numpy as np
import pytest

import reference as ref
from reference.curvature import quadrature as module
from reference.curvature.quadrature import quadrature
from tests.curvature.test_spectrum import EPS, each_matrix, each_net, opaque, operator, rng, turned

VALUES = np.linspace(-1, 2, 12)


def moments(S, degree):
    """v^T B^degree v of each probe, as the quadrature has it."""
    return (S.weights * S.nodes ** degree).sum(1)


def moment_errors(M, V, steps):
    """Errors of v^T B^d v/v^T v, largest over the probes, for d = 0 .. 2 steps."""
    S, found, power = quadrature(M, V, steps), [], V
    for degree in range(2 * steps + 1):
        exact = (V * power).sum(0) / (V * V).sum(0)
        found.append(np.abs(moments(S, degree) - exact).max())
        power = M @ power
    return np.array(found)


# ---- Gauss' theorem ----

@pytest.mark.parametrize("steps", [1, 2, 5])
def test_k_steps_are_exact_for_polynomials_of_degree_2_k_minus_1_and_no_further(steps):
    errors = moment_errors(turned(VALUES), rng().standard_normal((12, 4)), steps)
    scale = 2.0 ** np.arange(2 * steps + 1)
    assert (errors[:-1] <= 100 * EPS * scale[:-1]).all()
    assert errors[-1] > 1e-3


WRONG = {"not squared": lambda theta, Y: np.abs(Y[0]) / np.abs(Y[0]).sum(),
         "first column": lambda theta, Y: Y[:, 0] ** 2,
         "last row": lambda theta, Y: Y[-1] ** 2,
         "equal": lambda theta, Y: np.full(len(theta), 1 / len(theta))}


@pytest.mark.parametrize("weights", WRONG.values(), ids=WRONG)
def test_other_weights_fail_the_theorem_though_they_sum_to_one(weights, monkeypatch):
    def rule(T):
        theta, Y = np.linalg.eigh(T)
        return theta, weights(theta, Y)
    monkeypatch.setattr(module, "_rule", rule)
    errors = moment_errors(turned(VALUES), rng().standard_normal((12, 4)), 5)
    assert errors[0] <= 100 * EPS and errors[1] > 1e-3


@each_net
@each_matrix
def test_all_unit_vectors_and_all_steps_give_the_traces_of_functions_exactly(net, name):
    M = ref.dense(operator(net, name))[:25, :25] + 0.0
    values, S = np.linalg.eigvalsh(M), quadrature(M, np.eye(25), 25)
    size = np.abs(values).max()
    for f in (np.ones_like, lambda x: x, np.square, np.exp, lambda x: 1 / (x + 2 * size),
              lambda x: np.log(x + 2 * size), lambda x: x < -0.2 * size):
        assert abs(S.sum(f).value - f(values).sum()) <= 1e-11 * max(np.abs(f(values)).sum(), 1)


# ---- estimates ----

@pytest.mark.parametrize("f", [lambda x: x, np.log, np.reciprocal, lambda x: x < 1.5],
                         ids=["trace", "log det", "trace of the inverse", "count"])
def test_sums_over_eigenvalues_are_within_their_errors(f):
    """60 runs: the mean within 4 standard errors, the stated errors right to a factor of 1.5."""
    values = np.r_[np.linspace(1, 1.2, 20), np.linspace(3, 5, 20)]        # a gap for the count
    M, draws = turned(values), rng(8)
    each = [ref.spectral_density(M, draws, 8, 20).sum(f) for _ in range(60)]
    found, stated = np.array([(e.value, e.standard_error) for e in each]).T
    spread = found.std(ddof=1)
    assert abs(found.mean() - f(values).sum()) <= 4 * spread / np.sqrt(60) + 1e-6
    assert 1 / 1.5 <= np.sqrt((stated ** 2).mean()) / spread <= 1.5
    assert {e.products for e in each} == {2 + 160}


def test_the_density_is_that_of_the_eigenvalues_smoothed():
    M = ref.dense(operator("pooled digits", "H"))
    values, width = np.linalg.eigvalsh(M), 0.1
    grid = np.linspace(values[0] - 1, values[-1] + 1, 400)
    exact = np.exp(-((grid[:, None] - values) / width) ** 2 / 2).mean(1) / (width
                                                                            * np.sqrt(2 * np.pi))
    all_units = quadrature(M, np.eye(len(M)), 40).density(grid, width)
    assert np.abs(all_units - exact).max() <= 1e-3 * exact.max()
    drawn = ref.spectral_density(operator("pooled digits", "H"), rng(), 30, 40).density(grid, width)
    assert np.abs(drawn - exact).max() <= 0.1 * exact.max()               # 30 probes
    for density in (exact, all_units, drawn):
        assert abs(density.sum() * (grid[1] - grid[0]) - 1) <= 1e-6
    assert np.abs(exact - quadrature(M, np.eye(len(M)), 2).density(grid, width)).max() > 1e-2


@each_net
def test_the_trace_of_the_hessian_is_found_by_products(net):
    H = operator(net, "H")
    E = ref.spectral_density(H, rng(), 10, 3).sum(lambda x: x)
    assert abs(E.value - np.trace(ref.dense(H))) <= 4.5 * E.standard_error       # t, 9 degrees
    assert E.products == 2 + 30 and E.standard_error > 0


# ---- limits ----

@pytest.mark.parametrize("power, dtype", [(-650, float), (650, float), (-76, np.float32),
                                          (76, np.float32)])
def test_a_power_of_two_passes_through_nodes_and_sums(power, dtype):
    M = turned(VALUES).astype(dtype)
    S, scaled = (ref.spectral_density(B, rng(), 4, 6) for B in (M, np.ldexp(M, power)))
    assert np.array_equal(scaled.nodes, np.ldexp(S.nodes, power))
    assert np.array_equal(scaled.weights, S.weights)
    E, scaled = S.sum(abs), scaled.sum(abs)
    assert abs(scaled.value / np.ldexp(E.value, power) - 1) <= 10 * EPS
    assert abs(scaled.standard_error / np.ldexp(E.standard_error, power) - 1) <= 100 * EPS


def test_probes_that_are_one_vector_of_signs_claim_no_certainty():
    M = np.array([[1.0, 2.0], [2.0, -3.0]])
    for seed in range(20):
        E = ref.spectral_density(M, rng(seed), 2).sum(lambda x: x)
        assert E.standard_error > 1 or abs(E.value + 2) < 1e-13
    assert quadrature(M, np.array([[1, -1], [1, -1.0]]), 2).sum(abs).standard_error == np.inf

def test_exhausted_krylov_spaces_are_padded_by_weights_of_zero():
    """A probe that is an eigenvector has one node; the others have two."""
    M = np.diag([1.0, 1.0, 5.0, 5.0])
    S = quadrature(M, np.array([[1, 0, 0, 0], [1, 0, 1, 0], [1, 2, 3, 4.0]]).T, 4)
    assert S.nodes.shape == (3, 2) and S.products == 2 + 5
    assert np.array_equal(S.weights[0], [1, 0]) and np.allclose(S.weights[1], 0.5)
    assert np.isfinite(S.sum(np.log).value)


def test_zero_and_one_by_one_matrices_and_float32():
    S = ref.spectral_density(np.zeros((3, 3)), rng())
    assert S.sum(lambda x: x).value == 0 and S.sum(np.ones_like).value == 3
    S = ref.spectral_density(np.array([[-2.0]]), rng())
    assert S.sum(lambda x: x).value == -2 and S.sum(lambda x: x).standard_error == 0
    M = turned(VALUES)
    narrow = ref.spectral_density(M.astype(np.float32), rng(), 5, 6)
    assert narrow.nodes.dtype == narrow.weights.dtype == np.float32
    wide = ref.spectral_density(opaque(M), rng(), 5, 6)
    assert abs(narrow.sum(np.exp).value - wide.sum(np.exp).value) <= 1e-4
    assert np.array_equal(wide.nodes, ref.spectral_density(M, rng(), 5, 6).nodes)


def test_bad_questions_are_refused():
    S = ref.spectral_density(turned(VALUES), rng(), 3, 4)
    for call, error, words in [
            (lambda: ref.spectral_density(np.eye(3), 0), TypeError, "default_rng"),
            (lambda: ref.spectral_density(np.eye(3), rng(), 1), ValueError, "probes .* got 1"),
            (lambda: ref.spectral_density(np.eye(3), rng(), 3, 0), ValueError, "steps"),
            (lambda: S.sum(np.log), ValueError, "not finite at the node -"),
            (lambda: S.sum(lambda x: 1.0), ValueError, "entry by entry"),
            (lambda: S.sum(lambda x: np.sqrt(x + 0j)), TypeError, "complex128"),
            (lambda: S.density([0.0], 1), TypeError, "grid is a list"),
            (lambda: S.density(np.zeros(3), 0.0), ValueError, "width")]:
        with pytest.raises(error, match=words):
            call()
