"""Kronecker products against their dense matrices; and factors that have no inverse."""

import numpy as np
import pytest

from reference import Kron, KronBlocks
from reference.arrays import ball
from reference.arrays.precision import eps
from tests.derivatives.cases import distance

O, I = 3, 5
rng = np.random.default_rng(0)


def positive(n, seed, scale=1.0):
    """A random symmetric positive definite matrix of moderate condition."""
    X = np.random.default_rng(seed).standard_normal((n, 2 * n))
    return scale * (X @ X.T) / n


def kron(dtype=float):
    return Kron(positive(O, 1, 0.2).astype(dtype), positive(I, 2, 3.0).astype(dtype))


def condition(K):
    return np.linalg.cond(K.dense().astype(float))


TOLERANCE = 45 * eps(float)                       # times the condition number, for inverses


# ---- the product ----

def test_it_acts_on_row_major_vectors_as_G_V_At():
    K = Kron(positive(O, 1) - np.eye(O), positive(I, 2))                    # not even definite
    V = rng.standard_normal((7, O, I))
    assert K.shape == (O, I) and K.dense().shape == (O * I, O * I)
    assert distance(K @ V, np.stack([K.G @ v @ K.A.T for v in V])) <= TOLERANCE
    assert distance((K @ V).reshape(7, -1), V.reshape(7, -1) @ K.dense().T) <= TOLERANCE
    assert distance(K.matvec(V.reshape(7, -1)), V.reshape(7, -1) @ K.dense().T) <= TOLERANCE
    assert distance(K.matvec(V[0].reshape(-1)), K.dense() @ V[0].reshape(-1)) <= TOLERANCE


def test_matrices_and_vectors_of_another_shape_are_refused():
    K = kron()
    for product in (K, K.eigen(), KronBlocks((K,))):
        for V in (np.ones((I, O)), np.ones(O * I), 2.0, [[1.0]]):
            with pytest.raises(ValueError, match=rf"V has shape .* matrices \(..., {O}, {I}\)"):
                product @ V
        with pytest.raises(ValueError, match=rf"vectors \(..., {O * I}\)"):
            product.matvec(np.ones((O, I)))


def test_the_factors_in_the_other_order_are_another_matrix():
    K, V = kron(), rng.standard_normal((O, I))
    swapped = np.kron(K.A, K.G)
    assert distance(swapped, K.dense()) > 0.1
    assert distance(swapped @ V.reshape(-1), (K @ V).reshape(-1)) > 0.1
    assert distance(swapped @ V.T.reshape(-1), (K @ V).T.reshape(-1)) <= TOLERANCE   # column-major


# ---- damped inverses, against dense formulas ----

def factored(K, damping, pi):
    root = np.sqrt(damping)
    return np.kron(np.linalg.inv(K.G + root / pi * np.eye(O)),
                   np.linalg.inv(K.A + root * pi * np.eye(I)))


def balance(K):
    return np.sqrt((np.trace(K.A) / I) / (np.trace(K.G) / O))


DENSE = {
    "pi": lambda K, lam: factored(K, lam, balance(K)),
    "factored": lambda K, lam: factored(K, lam, 1),
    "exact": lambda K, lam: np.linalg.inv(K.dense() + lam * np.eye(O * I)),
}


@pytest.mark.parametrize("damping", [0.0, 0.01, 2.0])
@pytest.mark.parametrize("rule", DENSE)
def test_inverses_by_every_rule_equal_dense_formulas(rule, damping):
    K, v = kron(), rng.standard_normal(O * I)
    inverse, truth = K.inv(damping, rule), DENSE[rule](K, damping)
    assert distance(inverse.dense(), truth) <= TOLERANCE * condition(K)
    assert distance((inverse @ v.reshape(O, I)).reshape(-1), truth @ v) <= TOLERANCE * condition(K)
    assert (inverse.dense() == inverse.dense().T).all()


def test_without_damping_all_rules_are_the_inverse():
    K = kron()
    for rule in DENSE:
        product = K.inv(rule=rule).dense() @ K.dense()
        assert np.abs(product - np.eye(O * I)).max() <= TOLERANCE * condition(K)


def test_the_three_rules_differ_under_damping():
    K = kron()
    inverses = [K.inv(0.5, rule).dense() for rule in DENSE]
    assert min(distance(a, b) for a, b in zip(inverses, inverses[1:] + inverses[:1])) > 0.01


def test_pi_makes_the_inverse_independent_of_how_the_scale_is_split():
    K = kron()
    moved = Kron(100 * K.G, K.A / 100)
    assert distance(moved.inv(0.5).dense(), K.inv(0.5).dense()) <= TOLERANCE * condition(K)
    assert distance(moved.inv(0.5, "factored").dense(), K.inv(0.5, "factored").dense()) > 0.1


def test_the_eigenbasis_gives_the_matrix_and_its_powers():
    K = kron()
    assert distance(K.eigen().dense(), K.dense()) <= TOLERANCE
    half = K.power(0.5).dense()
    assert distance(half @ half, K.dense()) <= TOLERANCE
    assert distance(K.power(-1).dense(), np.linalg.inv(K.dense())) <= TOLERANCE * condition(K)
    assert distance(K.power(0).dense(), np.eye(O * I)) <= TOLERANCE
    V = rng.standard_normal((2, O, I))
    assert distance(K.power(0.5) @ V, (V.reshape(2, -1) @ half).reshape(V.shape)) <= TOLERANCE


# ---- precision ----

@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("rule", ["pi", "factored"])
def test_factored_inverses_keep_the_precision(rule, dtype):
    K = kron(dtype)
    inverse = K.inv(0.01, rule)
    truth = Kron(*(M.astype(np.longdouble) for M in (K.G, K.A))).inv(0.01, rule)
    assert inverse.G.dtype == inverse.A.dtype == dtype
    assert distance(inverse.dense(), truth.dense()) <= 45 * eps(dtype) * condition(K)


def test_exact_damping_refuses_to_downcast_longdouble():
    with pytest.raises(TypeError, match="eigh of .* would lose digits"):
        kron(np.longdouble).inv(0.1, "exact")
    inverse = kron(np.float32).inv(0.1, "exact")
    assert inverse.dense().dtype == np.float32


# ---- factors without an inverse ----

def rank_one(n):
    return np.outer(np.arange(1, n + 1.0), np.arange(1, n + 1.0))


SINGULAR = {
    "1x1 zero": Kron(np.zeros((1, 1)), np.zeros((1, 1))),
    "all zero": Kron(np.zeros((O, O)), np.zeros((I, I))),
    "dead outputs": Kron(np.zeros((O, O)), positive(I, 2)),
    "dead inputs": Kron(positive(O, 1), np.zeros((I, I))),
    "rank one": Kron(rank_one(O), rank_one(I)),
    "one singular": Kron(positive(O, 1), rank_one(I)),
}
each_singular = pytest.mark.parametrize("K", SINGULAR.values(), ids=SINGULAR)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("rule", DENSE)
@each_singular
def test_a_singular_factor_is_refused_naming_condition_and_a_usable_damping(K, rule, dtype):
    if dtype == np.longdouble and rule == "exact":
        return
    K = Kron(K.G.astype(dtype), K.A.astype(dtype))
    with pytest.raises(np.linalg.LinAlgError, match="condition number .* add damping, for inst"):
        K.inv(0.0, rule)


def suggested(K, rule):
    with pytest.raises(np.linalg.LinAlgError) as refusal:
        K.inv(0.0, rule)
    return float(str(refusal.value).split("for instance ")[1].rstrip("."))


@pytest.mark.parametrize("rule", DENSE)
@pytest.mark.parametrize("name", SINGULAR)
def test_the_damping_that_is_named_is_usable(name, rule):
    K = SINGULAR[name]
    inverse = K.inv(suggested(K, rule), rule).dense()
    assert np.isfinite(inverse).all() and np.linalg.eigvalsh(inverse)[0] > 0


@each_singular
def test_pi_of_vanishing_traces_is_one_and_finite(K):
    assert np.isfinite(K.pi())
    if not (np.trace(K.G) > 0 and np.trace(K.A) > 0):
        assert K.pi() == 1


def test_negative_powers_of_singular_factors_are_refused_and_positive_ones_are_not():
    K = SINGULAR["rank one"]
    with pytest.raises(np.linalg.LinAlgError, match="add damping"):
        K.power(-0.5)
    half = K.power(0.5).dense()
    assert distance(half @ half, K.dense()) <= TOLERANCE
    assert distance(K.power(0).dense(), np.eye(len(half))) <= TOLERANCE                # 0^0 = 1


def test_an_indefinite_factor_is_not_taken_for_a_singular_one():
    G = positive(O, 1)
    K = Kron(G - np.trace(G) / O * np.eye(O), positive(I, 2))       # eigenvalues of both signs
    assert distance(K.eigen().dense(), K.dense()) <= TOLERANCE
    truth = np.linalg.inv(K.dense() + 20 * np.eye(O * I))
    assert distance(K.inv(20.0, "exact").dense(), truth) <= TOLERANCE
    for exponent in (-1, 0.5):
        with pytest.raises(np.linalg.LinAlgError, match="product is indefinite"):
            K.power(exponent)
    for B in (K, Kron(-positive(O, 1), K.A), Kron(K.A, K.G), Kron(K.A, -positive(O, 1))):
        for rule in DENSE:
            with pytest.raises(np.linalg.LinAlgError, match="is indefinite .*of the Fisher"):
                B.inv(1e-3, rule)


def test_bad_rules_and_dampings_are_refused():
    with pytest.raises(ValueError, match="rule must be one of pi, .*, marquardt, got 'best'"):
        kron().inv(0.1, "best")
    for damping in (-1.0, np.nan, np.inf):
        for rule in DENSE:
            with pytest.raises(ValueError, match="damping must be a number, finite and not"):
                kron().inv(damping, rule)


GOOD = positive(O, 1)


@pytest.mark.parametrize("bad, error, message", [
    (GOOD[:2], ValueError, r"factor {} has shape \(2, 3\); a square matrix is needed"),
    (GOOD[0], ValueError, r"factor {} has shape \(3,\)"),
    (GOOD + np.eye(O, k=1), ValueError, r"^{} is not symmetric: .* transpose by 1.0e\+00"),
    (GOOD + 1e-4 * np.eye(O, k=1), ValueError, "^{} is not symmetric: .* by 1.0e-04"),
    (GOOD * np.diag([1, np.nan, 1]), ValueError, r"^{} has 1 entries .*\[1, 1\] = nan"),
    (np.eye(O, dtype=int), ValueError, "^{} holds int64; write {}.astype"),
    (GOOD.tolist(), TypeError, "^{} is a list; pass numpy.asarray.{}"),
], ids=["oblong", "vector", "asymmetric", "slightly", "nan", "integers", "list"])
def test_factors_that_are_not_symmetric_matrices_are_refused(bad, error, message):
    for name, factors in (("G", (bad, GOOD)), ("A", (GOOD, bad))):
        with pytest.raises(error, match=message.format(name, name)):
            Kron(*factors)


def test_complex_factors_are_symmetric_ones_without_an_eigenbasis():
    skew = 1j * (np.eye(O, k=1) - np.eye(O, k=-1))
    with pytest.raises(ValueError, match="^G is not symmetric"):
        Kron(GOOD + skew, GOOD)                              # Hermitian
    K, truth = Kron(GOOD + 1e-20j * GOOD, GOOD + 0j), Kron(GOOD, GOOD)       # a complex step
    assert distance(K.inv().dense().imag / -1e-20, truth.inv().dense()) <= (
        TOLERANCE * condition(truth))
    with pytest.raises(TypeError, match="a factor holds complex128"):
        K.eigen()


def test_factors_of_any_precision_and_balls_are_accepted_up_to_rounding():
    for dtype in (np.float32, np.float64, np.longdouble):
        rounding = eps(dtype) * np.triu(np.ones((O, O)), 1)
        M = ((1 + rounding) * GOOD).astype(dtype)
        assert Kron(M, M).G is M
    balls = ball.exact(GOOD)
    assert distance(ball.midpoint(Kron(balls, balls).inv(0.5).G),
                    Kron(GOOD, GOOD).inv(0.5).G) <= TOLERANCE * condition(Kron(GOOD, GOOD))


def test_what_is_named_is_usable_in_float32_where_rounding_is_more_than_1e_6():
    A = np.diag(np.r_[np.ones(64), 0]).astype(np.float32)
    with pytest.raises(np.linalg.LinAlgError, match="add damping, for inst.* 7.7e-04") as refusal:
        Kron(A, A).inv(1e-6, "per factor")
    named = float(str(refusal.value).split("for instance ")[1].rstrip("."))      # 100 n eps
    assert np.isfinite(Kron(A, A).inv(named, "per factor").dense()).all()


def test_values_whose_inverse_overflows_are_refused_with_a_usable_damping():
    M = np.diag(np.array([1e-21, 3e-21], np.float32))
    lam = suggested(Kron(M, M), "exact")
    assert np.isfinite(Kron(M, M).inv(lam, "exact").dense()).all()


@pytest.mark.parametrize("exponent", ["a", None, np.nan, np.inf, True, 1j, np.ones(2)])
def test_exponents_are_numbers(exponent):
    with pytest.raises(ValueError, match="exponent must be a finite number, got"):
        kron().power(exponent)


def test_exponents_widen_nothing():
    K = kron(np.float32)
    for exponent in (np.float64(0.5), np.longdouble(0.5)):
        assert np.array_equal(K.power(exponent).dense(), K.power(0.5).dense())
        assert K.power(exponent).dense().dtype == np.float32


def test_lists_are_no_vectors():
    for product in (kron(), kron().eigen(), kron().inv(0.1, "marquardt")):
        with pytest.raises(TypeError, match="v is a list; pass numpy.asarray"):
            product.matvec([1.0] * (O * I))
