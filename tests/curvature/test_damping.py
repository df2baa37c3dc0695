"""Every rule of damping against the inverse of the damped matrix written out by numpy.kron."""

import numpy as np
import pytest

import reference as ref
from reference import Kron, KronBlocks
from reference.arrays import ball, linalg
from reference.arrays.precision import eps
from reference.arrays.transfer import move, to_host
from reference.curvature.damping import ON_THE_PRODUCT, RULES, damped_inverse
from tests.curvature.brute import dense, distance
from tests.curvature.test_kron import SINGULAR, kron, positive, rank_one
from tests.stand_in.modules import installed

SHAPES = [(3, 5), (7, 2), (1, 4), (5, 1), (1, 1)]


def product(O, I, dtype=float):
    return Kron(positive(O, O, 0.2).astype(dtype), positive(I, 10 + I, 3.0).astype(dtype))


# ---- the damped matrices, by their definitions ----

def shifted(K, s, t):
    O, I = K.shape
    return np.kron(K.G + s * np.eye(O), K.A + t * np.eye(I))


def balanced(norm):
    """pi^2 = |I (x) A|/|G (x) I|, by the norm of the large matrices themselves [MG15, sec. 6.3]."""
    def matrix(K, lam):
        O, I = K.shape
        size_A, size_G = norm(np.kron(np.eye(O), K.A)), norm(np.kron(K.G, np.eye(I)))
        pi = np.sqrt(size_A / size_G) if size_A * size_G > 0 else 1
        return shifted(K, np.sqrt(lam) / pi, np.sqrt(lam) * pi)
    return matrix


DAMPED = {
    "pi": balanced(np.trace), "pi frobenius": balanced(lambda M: np.sqrt((M * M).sum())),
    "pi spectral": balanced(lambda M: np.linalg.norm(M.astype(float), 2)),
    "factored": lambda K, lam: shifted(K, np.sqrt(lam), np.sqrt(lam)),
    "per factor": lambda K, lam: shifted(K, lam, lam),
    "shifts": lambda K, lam: shifted(K, 0.3 * lam, 2 * lam),
    "exact": lambda K, lam: K.dense() + lam * np.eye(K.shape[0] * K.shape[1]),
    "marquardt": lambda K, lam: K.dense() + lam * np.diag(np.diag(K.dense())),
}
WITHOUT_EIGENVECTORS = [rule for rule in RULES if rule != "pi spectral"]
each_rule = pytest.mark.parametrize("rule", DAMPED)


def inverse(K, lam, rule):
    return K.inv((0.3 * lam, 2 * lam) if rule == "shifts" else lam, rule)


def test_every_rule_is_here():
    assert set(DAMPED) == {*RULES, *ON_THE_PRODUCT}


@pytest.mark.parametrize("lam", [0.0, 0.01, 2.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@each_rule
def test_a_damped_inverse_is_that_of_the_matrix_written_out(rule, shape, lam):
    K, V = product(*shape), np.random.default_rng(0).standard_normal((2, *shape))
    damped, result = DAMPED[rule](K, lam), inverse(K, lam, rule)
    bound, truth = 45 * eps(float) * np.linalg.cond(damped), np.linalg.inv(damped)
    assert distance(result.dense(), truth) <= bound
    assert distance(result @ V, (V.reshape(2, -1) @ truth).reshape(V.shape)) <= bound
    assert distance(result.matvec(V.reshape(2, -1)), V.reshape(2, -1) @ truth) <= bound
    assert result.shape == shape


def test_rules_are_different_matrices():
    inverses = {rule: inverse(kron(), 0.5, rule).dense() for rule in DAMPED}
    for one in inverses:
        for other in inverses:
            assert one == other or distance(inverses[one], inverses[other]) > 1e-3


@each_rule
def test_as_damping_goes_to_zero_every_rule_becomes_the_inverse(rule):
    """The error falls as lam or as sqrt(lam): by 1e-4 at least where lam falls by 1e-8."""
    K = kron()
    whole = np.linalg.inv(K.dense())
    near, far = (distance(inverse(K, lam, rule).dense(), whole) for lam in (1e-12, 1e-4))
    assert near <= 2e-4 * far and distance(inverse(K, 0, rule).dense(), whole) <= 1e-12


@each_rule
def test_as_damping_grows_the_factors_no_longer_matter(rule):
    """s t times the inverse becomes I; with Marquardt's rule, which is relative, it never does."""
    K, lam = kron(), 1e16
    scale = {"per factor": lam ** 2, "shifts": 0.6 * lam ** 2}.get(rule, lam)
    limit = np.eye(15) if rule != "marquardt" else np.diag(1 / np.diag(K.dense()))
    assert distance(scale * inverse(K, lam, rule).dense(), limit) <= 1e-6       # |A|/sqrt(lam)


# ---- what the Kronecker rules are to the exact one ----

BALANCED = ["pi", "pi frobenius", "pi spectral", "factored"]


@pytest.mark.parametrize("rule", BALANCED)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rules_whose_shifts_multiply_to_lam_damp_more_than_the_exact_one(rule, shape):
    """(G + s I) (x) (A + t I) - (G (x) A + lam I) = s I (x) A + t G (x) I is semidefinite."""
    K = product(*shape)
    extra = DAMPED[rule](K, 0.1) - DAMPED["exact"](K, 0.1)
    assert np.linalg.eigvalsh(extra)[0] >= -45 * eps(float) * np.abs(extra).max()
    difference = inverse(K, 0.1, "exact").dense() - inverse(K, 0.1, rule).dense()
    assert np.linalg.eigvalsh(difference)[0] >= -1e-13 / 0.1


def test_with_an_indefinite_factor_or_other_shifts_they_do_not():
    K = kron()
    indefinite, small = Kron(K.G - 2 * np.trace(K.G) * np.eye(3), K.A), Kron(K.G / 1e3, K.A / 1e3)
    for B, rule in ((indefinite, "factored"), (small, "per factor")):
        assert np.linalg.eigvalsh(DAMPED[rule](B, 0.1) - DAMPED["exact"](B, 0.1))[0] < -0.01


@pytest.mark.parametrize("rule, norm", [("pi", np.trace), ("pi frobenius", np.linalg.norm),
                                        ("pi spectral", lambda M: np.linalg.norm(M, 2))])
def test_pi_makes_the_bound_on_what_is_added_smallest(rule, norm):
    """s |I (x) A| + t |G (x) I| with s t = lam, by a scan of s: that is how [MG15] choose pi."""
    K, lam = product(3, 5), 0.1
    size_A, size_G = norm(np.kron(np.eye(3), K.A)), norm(np.kron(K.G, np.eye(5)))
    s, t = ref.shifts(K, lam, rule)
    others = np.geomspace(0.1, 10, 200) * s
    bounds = others * size_A + lam / others * size_G
    assert s * size_A + t * size_G <= bounds.min() and bounds.max() > 4 * bounds.min()
    wrong, _ = ref.shifts(K, lam, "factored")
    assert wrong * size_A + lam / wrong * size_G > 1.5 * bounds.min()


def test_pi_takes_rounding_for_a_factor():
    """The trap of `balance`: it knows no scale of G but G's own, so a tiny G may be meant."""
    A = positive(5, 1)
    exact, rounded = (ref.shifts(Kron(size * np.eye(3), A), 1.0, "pi") for size in (0.0, 1e-28))
    assert exact == (1, 1)
    assert rounded[1] > 1e13 and rounded[0] * rounded[1] == pytest.approx(1, rel=4 * eps(float))


def test_the_spectral_norm_is_of_the_largest_eigenvalue_of_either_sign():
    K = Kron(np.diag([1.0, -4.0]), np.eye(3))                               # pi^2 = 1/4
    assert np.allclose(ref.shifts(K, 1.0, "pi spectral"), (2, 0.5), rtol=4 * eps(float))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_a_factor_whose_inverse_has_no_digit_is_refused_though_positive(dtype):
    size = np.finfo(dtype).eps
    for last, refused in ((size, True), (10 * size, False)):               # n eps is 2 eps here
        K = Kron(np.diag(np.array([1, last], dtype)), np.eye(2, dtype=dtype))
        if refused:
            with pytest.raises(np.linalg.LinAlgError, match="add damping"):
                K.inv()
        else:
            assert abs(K.inv().G[1, 1] * last - 1) <= 4 * size


# ---- precision ----

def test_longdouble_is_not_refused_for_what_narrower_numbers_cannot_invert():
    """A condition of 1e10: small eigenvalues are of either sign in float32."""
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((8, 8)))[0].astype(np.longdouble)
    G = (Q * np.array([1] * 4 + [1e-10] * 4, np.longdouble)) @ Q.T
    K = Kron((G + G.T) / 2, np.eye(2, dtype=np.longdouble))
    assert np.linalg.eigvalsh(K.G.astype(np.float32))[0] < 0
    assert np.abs(K.inv().G @ K.G - np.eye(8)).max() <= 45 * eps(np.longdouble) * 1e10


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
@each_rule
def test_inverses_keep_the_precision_or_refuse(rule, shape, dtype):
    K = product(*shape, dtype)
    if dtype == np.longdouble and rule not in WITHOUT_EIGENVECTORS:
        with pytest.raises(TypeError, match="eigh of .* would lose digits"):
            inverse(K, 0.01, rule)
        return
    result = inverse(K, 0.01, rule).dense()
    wide = Kron(K.G.astype(np.longdouble), K.A.astype(np.longdouble))
    damped = DAMPED[rule](wide, np.longdouble(0.01))
    bound = 45 * eps(dtype) * np.linalg.cond(damped.astype(float))
    assert result.dtype == dtype and distance(result, linalg.inverse(damped)) <= bound


@pytest.mark.parametrize("rule", WITHOUT_EIGENVECTORS)
def test_balls_prove_the_damped_inverses(rule):
    objective, theta = dense()

    def quantity(objective, theta):
        return [inverse(K, 0.01, rule) for K in ref.kfac(objective, theta)]
    assert ref.certify(quantity, objective, theta).digits > 13


@pytest.mark.parametrize("rule", [*ON_THE_PRODUCT, "pi spectral"])
def test_what_needs_eigenvectors_refuses_balls(rule):
    K = Kron(ball.exact(positive(3, 1)), ball.exact(positive(2, 1)))
    with pytest.raises(TypeError, match="eigh of object would lose digits"):
        K.inv(0.1, rule)


def test_complex_steps_go_through_the_rules_that_are_analytic():
    """The derivative of inv(G + t E) by t, against central differences of order 2."""
    K, E = kron(), positive(3, 5)
    for rule in WITHOUT_EIGENVECTORS:
        step = inverse(Kron(K.G + 1e-20j * E, K.A + 0j), 0.1, rule).dense().imag / 1e-20
        up, down = (inverse(Kron(K.G + h * E, K.A), 0.1, rule).dense() for h in (1e-6, -1e-6))
        assert distance((up - down) / 2e-6, step) <= 1e-7        # (h/0.02)^2, 0.02 least of G
    with pytest.raises(TypeError, match="a factor holds complex128"):
        Kron(K.G + 0j, K.A + 0j).inv(0.1, "pi spectral")


@each_rule
def test_a_number_of_any_kind_is_the_same_damping_and_widens_nothing(rule):
    K, number = product(3, 5, np.float32), 0.3
    expected = inverse(K, number, rule).dense()
    for lam in (np.float64(number), np.array(number), np.longdouble(number),
                np.array(number, np.longdouble)):
        pair = (0.3 * lam, 2 * lam) if rule == "shifts" else lam
        assert K.inv(pair, rule).dense().dtype == np.float32
        assert distance(K.inv(pair, rule).dense(), expected) <= 4 * eps(np.float32)
    if rule in WITHOUT_EIGENVECTORS:
        wide = np.longdouble(1) / 3
        K = product(3, 5, np.longdouble)
        assert not np.array_equal(inverse(K, wide, rule).dense(),
                                  inverse(K, float(wide), rule).dense())        # and narrows none


def test_complex_shifts_of_a_real_factor_raise_no_warning():
    """pi is complex if either trace is."""
    K, E = kron(), positive(3, 5)
    steps = [Kron(K.G + 1e-20j * E, A).inv(0.1).dense() for A in (K.A, K.A + 0j)]
    assert distance(steps[0].imag, steps[1].imag) <= 45 * eps(float) * np.linalg.cond(K.dense())


# ---- factors without an inverse ----

@pytest.mark.parametrize("rule", [*RULES, "exact"])
@pytest.mark.parametrize("name", SINGULAR)
def test_singular_factors_are_inverted_if_damped_and_refused_with_advice_if_not(name, rule):
    K = SINGULAR[name]
    damped = DAMPED[rule](K, 0.1)
    bound = 45 * eps(float) * np.linalg.cond(damped)
    assert distance(inverse(K, 0.1, rule).dense(), np.linalg.inv(damped)) <= bound
    with pytest.raises(np.linalg.LinAlgError, match="condition number .* add damping") as refusal:
        inverse(K, 0.0, rule)
    usable = float(str(refusal.value).split("for instance ")[1].rstrip("."))
    result = K.inv((usable, usable) if rule == "shifts" else usable, rule).dense()
    assert np.isfinite(result).all() and np.linalg.eigvalsh(result)[0] > 0


def test_marquardt_says_which_unit_is_dead_and_otherwise_what_damping_would_do():
    for name in ("1x1 zero", "all zero", "dead outputs", "dead inputs"):
        with pytest.raises(np.linalg.LinAlgError, match=r"diagonal of [GA] .* \[0\] = 0.0e\+00"):
            SINGULAR[name].inv(0.1, "marquardt")
    dead = np.diag([1.0, 0.0, 0.0])
    with pytest.raises(np.linalg.LinAlgError, match=r"A has 2 entries .* \[1\] = .*another rule"):
        Kron(positive(2, 1), dead).inv(0.1, "marquardt")
    K = Kron(rank_one(3), rank_one(5))
    with pytest.raises(np.linalg.LinAlgError, match="condition number infinite .* 1.5e-05"):
        K.inv(0.0, "marquardt")                                 # unit diagonal: trace 15, rank 1
    damped = DAMPED["marquardt"](K, 1.5e-5)
    bound = 45 * eps(float) * np.linalg.cond(damped)
    assert distance(K.inv(1.5e-5, "marquardt").dense(), np.linalg.inv(damped)) <= bound


def test_marquardt_does_not_see_the_scales_of_the_parameters():
    K, d, e = kron(), np.array([1e-3, 1.0, 50.0]), np.array([1.0, 2.0, 1e4, 1.0, 1e-2])
    scaled = Kron(K.G * d * d[:, None], K.A * e * e[:, None])
    both = np.multiply.outer(d, e).reshape(-1)
    expected = K.inv(0.1, "marquardt").dense() / both / both[:, None]
    result = scaled.inv(0.1, "marquardt").dense() * both * both[:, None]
    assert distance(result, expected * both * both[:, None]) <= 1e-13
    exact = scaled.inv(0.1, "exact").dense() * both * both[:, None]
    assert distance(exact, K.inv(0.1, "exact").dense()) > 0.1


# ---- refusals ----

@pytest.mark.parametrize("pair", [0.1, (0.1,), (1, 2, 3), np.array([1.0, 2.0]), "ab"])
def test_shifts_are_a_pair(pair):
    with pytest.raises(ValueError, match=r"'shifts' takes damping=\(on G, on A\), a pair, got"):
        kron().inv(pair, "shifts")


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, (0.1, 0.1), "0.1", None, True])
def test_a_damping_is_a_number_that_is_not_negative(bad):
    for rule in DAMPED:
        with pytest.raises(ValueError, match="damping must be a number, finite and not negative"):
            kron().inv((0.1, bad) if rule == "shifts" else bad, rule)
    with pytest.raises(ValueError, match="damping must be a number, finite and not negative, got"):
        kron().eigen().inv(bad)


def test_an_eigenbasis_takes_exact_damping_and_no_other():
    E = kron().eigen()
    assert (E.inv(0.1).dense() == E.inv(0.1, "exact").dense()).all()
    for product in (E, KronBlocks((E,))):
        for rule in ("pi", "marquardt"):
            with pytest.raises(ValueError, match=f"no factors to damp by '{rule}'; pass rule='ex"):
                product.inv(0.1, rule)


@pytest.mark.parametrize("values", [(2.0, 1.0, 0.5), (1.0, 1e-9, 1e-9), (1.0, 1e-20, 0.0),
                                    (1.0, -0.5, 0.3)], ids=str)
def test_a_gpu_inverts_and_refuses_what_the_host_does(values):
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    M = (Q * values) @ Q.T

    def answer(M):
        try:
            return to_host(damped_inverse("A", M, 0.0)), ""
        except np.linalg.LinAlgError as error:
            return np.zeros(0), str(error)[:40]
    with installed():
        there, why = answer(move(M, "cupy"))
    here, reason = answer(M)
    assert why == reason and bool(why) == (min(values) <= 0)
    assert there.shape == here.shape and np.abs(there - here).max(initial=0) <= 1e-6 * max(
        np.abs(here).max(initial=0), 1)                          # condition 1e9 at the worst
