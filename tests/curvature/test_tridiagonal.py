"""Block-tridiagonal K-FAC against explicit dense formulas, and what defines it."""

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.curvature.between import KronRectangle
from reference.curvature.tridiagonal import KronTridiagonal
from tests.curvature import brute
from tests.curvature.test_between import CHAINS, each_chain, each_net, factored

TOLERANCE = 200 * eps(float)          # of sums over N C^2 terms; times conditions of inverses
LAM = 0.01


def found(net, damping=LAM, **options):
    """The damped approximation, and the layout's slices."""
    objective, theta = brute.NETS[net](**options)
    setting = "expand" if net in CHAINS else "reduce"
    T = ref.kfac_tridiagonal(objective, theta, setting=setting)
    return T.damped(damping), objective.net.layout.slices


def by_definition(F, slices):
    """(F^, its inverse) from F~ by dense Psi, Sigma, Xi and Lambda."""
    F, P = F.astype(float), len(F)
    Xi, Lambda = np.eye(P), np.zeros((P, P))
    for s, r in zip(slices, slices[1:]):
        psi = F[s, r] @ np.linalg.inv(F[r, r])
        Xi[s, r] = -psi
        Lambda[s, s] = np.linalg.inv(F[s, s] - psi @ F[r, r] @ psi.T)
    last = slices[-1]
    Lambda[last, last] = np.linalg.inv(F[last, last])
    inverse = Xi.T @ Lambda @ Xi
    return np.linalg.inv(inverse), inverse


# ---- by brute force ----

@pytest.mark.parametrize("damping", [LAM, 1.0])
@each_chain
def test_matrix_and_inverse_are_the_dense_formulas(net, damping):
    (T, slices), F = found(net, damping), factored(*brute.NETS[net](), damping=damping)
    matrix, inverse = by_definition(F, slices)
    bound = TOLERANCE * np.linalg.cond(inverse)
    assert brute.distance(T.dense(), matrix) <= bound
    assert brute.distance(T.inv().dense(), inverse) <= bound


def test_a_chain_read_backwards_is_the_same_and_in_another_order_is_not():
    """[MG15] conditions on the layer above; what is Markov one way is so the other way."""
    (T, (first, second, third)), F = found("deep"), factored(*brute.deep(), damping=LAM)
    bound = TOLERANCE * np.linalg.cond(F.astype(float))
    backwards, other = (by_definition(F, order)[0]
                        for order in ((third, second, first), (second, first, third)))
    assert brute.distance(T.dense(), backwards) <= bound
    assert brute.distance(T.dense(), other) > 0.01


@each_chain
def test_conditional_covariances_are_schur_complements_and_definite(net):
    T, slices = found(net)
    F = factored(*brute.NETS[net](), damping=LAM).astype(float)
    for l, (s, r) in enumerate(zip(slices, slices[1:])):
        truth = F[s, s] - F[s, r] @ np.linalg.solve(F[r, r], F[r, s])
        sigma = T.conditional(l)
        assert brute.distance(sigma.dense(), truth) <= TOLERANCE * np.linalg.cond(F[r, r])
        assert np.linalg.eigvalsh(truth)[0] > 0
        V = np.random.default_rng(0).standard_normal((2, *sigma.kron.shape))
        solved = np.linalg.solve(truth, V.reshape(2, -1).T).T.reshape(V.shape)
        assert brute.distance(sigma.inv() @ V, solved) <= TOLERANCE * np.linalg.cond(truth)
        assert brute.distance(T.psi(l).dense(), F[s, r] @ np.linalg.inv(F[r, r])) <= (
            TOLERANCE * np.linalg.cond(F[r, r]))


# ---- what defines it ----

@each_net
def test_the_diagonal_and_the_blocks_beside_it_are_those_of_the_whole_factored_matrix(net):
    T, slices = found(net)
    objective, theta = brute.NETS[net]()
    whole, F = ref.kfac_dense(objective, theta, setting="reduce"), T.dense()
    for s, r in zip(slices, slices[1:]):
        assert brute.distance(F[s, r], whole[s, r]) <= TOLERANCE
        assert brute.distance(F[r, s], whole[r, s]) <= TOLERANCE
    for s, K in zip(slices, T.krons):
        assert brute.distance(F[s, s], K.dense()) <= TOLERANCE
    if len(slices) > 2:
        s, r = slices[0], slices[2]
        assert brute.distance(F[s, r], whole[s, r]) > 0.1


@pytest.mark.parametrize("net", ["deep", "recurrent"])
def test_the_inverse_is_block_tridiagonal(net):
    T, slices = found(net)
    F, s, r = T.dense(), slices[0], slices[2]
    objective, theta = brute.NETS[net]()
    whole = ref.kfac_dense(objective, theta, setting="reduce")
    for first in slices:
        for second in slices:
            if abs(slices.index(first) - slices.index(second)) < 2:
                whole[first, second] = F[first, second]
    bound = TOLERANCE * np.linalg.cond(F) * np.abs(np.linalg.inv(F)).max()
    assert np.abs(np.linalg.inv(F)[s, r]).max() <= bound
    assert (T.inv().dense()[s, r] == 0).all()
    assert np.abs(np.linalg.inv(whole)[s, r]).max() > 1e3 * bound     # not by itself


def test_of_all_matrices_with_these_blocks_it_has_the_largest_determinant():
    """The chain is the Gaussian of most entropy; corners on the way to F~ and beyond have less."""
    (T, slices), whole = found("deep"), factored(*brute.deep(), damping=LAM).astype(float)
    F = T.dense()
    for corner in -0.3, 0.3, 1.0:
        other = F + corner * (whole - F)
        sign, logarithm = np.linalg.slogdet(other)
        assert sign == 1 and logarithm < np.linalg.slogdet(F)[1]
        assert brute.distance(other[slices[0], slices[1]], F[slices[0], slices[1]]) <= TOLERANCE


def test_one_matrix_is_kfac():
    rng = np.random.default_rng(1)
    objective = ref.Objective(ref.Sequential(ref.Dense(4, 3)), ref.CrossEntropy(),
                              rng.standard_normal((7, 4)), rng.integers(3, size=7))
    theta = rng.standard_normal(15)
    T, [K] = ref.kfac_tridiagonal(objective, theta), ref.kfac(objective, theta)
    assert brute.distance(T.dense(), K.dense()) <= TOLERANCE
    assert brute.distance(T.inv(LAM).dense(), K.inv(LAM).dense()) <= TOLERANCE / LAM
    v = rng.standard_normal((2, 15))
    assert brute.distance(T.solve(v, LAM), K.inv(LAM).matvec(v)) <= TOLERANCE / LAM


@pytest.mark.parametrize("net, equal", [("dense", True), ("convolutional", True), ("deep", False)])
def test_two_matrices_are_the_whole_factored_matrix(net, equal):
    """Undamped: nothing has to be inverted."""
    objective, theta = brute.NETS[net]()
    T = ref.kfac_tridiagonal(objective, theta, setting="reduce")
    if not equal:
        T = T.damped(1e-12)                       # the middle matrix's products are singular
    whole = ref.kfac_dense(objective, theta, setting="reduce")
    assert (brute.distance(T.dense(), whole) <= TOLERANCE) == equal


def test_undamped_it_is_the_fisher_matrix_of_a_linear_network_with_two_matrices():
    rng = np.random.default_rng(2)
    net = ref.Sequential(ref.Dense(4, 2), ref.Dense(2, 3))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((7, 4)),
                              rng.standard_normal((7, 3)))
    theta = rng.standard_normal(net.layout.size)
    F = ref.dense(ref.fisher(objective, theta))
    assert brute.distance(ref.kfac_tridiagonal(objective, theta).dense(), F) <= TOLERANCE


# ---- the inverse ----

@each_net
def test_inv_and_solve_are_of_the_damped_matrix(net):
    T, _ = found(net, 0.0)
    F = T.damped(LAM).dense()
    one, bound = np.eye(len(F)), TOLERANCE * np.linalg.cond(F)
    assert np.abs(T.inv(LAM).dense() @ F - one).max() <= bound
    assert np.abs(T.inv(2 * LAM).dense() @ F - one).max() > 0.1
    v = np.random.default_rng(3).standard_normal((2, len(F)))
    truth = np.linalg.solve(F, v.T).T
    assert brute.distance(T.solve(v, LAM), truth) <= bound
    assert brute.distance(T.solve(v[0], LAM), truth[0]) <= bound
    values = np.linalg.eigvalsh(T.inv(LAM).dense())
    assert values[0] > 0


def test_of_five_matrices_every_block_is_a_product_of_psi():
    rng, sizes = np.random.default_rng(4), (3, 4, 2, 5, 3, 2)
    layers = [layer for I, O in zip(sizes, sizes[1:]) for layer in (ref.Dense(I, O), ref.Tanh())]
    net = ref.Sequential(*layers)
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((17, 3)),
                              rng.standard_normal((17, 2)))
    T = ref.kfac_tridiagonal(objective, rng.standard_normal(net.layout.size)).damped(LAM)
    F, s = T.dense(), net.layout.slices
    bound = TOLERANCE * np.linalg.cond(F)
    assert np.abs(T.inv().dense() @ F - np.eye(len(F))).max() <= bound
    for l in range(5):
        for m in range(l + 2, 5):
            truth = T.psi(l).dense() @ F[s[l + 1], s[m]]
            assert brute.distance(F[s[l], s[m]], truth) <= bound
            assert np.array_equal(F[s[m], s[l]], F[s[l], s[m]].T)


def test_weights_of_examples_reach_all_blocks():
    w = np.arange(1.0, 12)
    heavy, _ = found("dense", 0.0, weights=w)
    objective, theta = brute.dense(weights=w)
    assert brute.distance(heavy.dense(), factored(objective, theta)) <= TOLERANCE
    plain, _ = found("dense", 0.0)
    assert brute.distance(heavy.dense(), plain.dense()) > 0.1


def test_what_is_singular_says_which_damping_to_add():
    """Softmax gradients sum to 0."""
    T, _ = found("deep", 0.0)
    for f in T.inv, lambda: T.solve(np.ones(108)), lambda: T.psi(1):
        with pytest.raises(np.linalg.LinAlgError, match="add damping, for instance"):
            f()
    with pytest.raises(ValueError, match="damping must be a number"):
        T.damped(-1.0)
    with pytest.raises(ValueError, match=r"acts on vectors \(..., 108\)"):
        T.solve(np.ones(107), LAM)


def linear(seed):
    """Two square linear layers: each one's gradients follow from the other's, so F^ is singular."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 6))
    net = ref.Sequential(ref.Dense(d, d, bias=False), ref.Dense(d, d, bias=False))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((4 * d, d)),
                              rng.standard_normal((4 * d, d)))
    return ref.kfac_tridiagonal(objective, rng.standard_normal(net.layout.size))


@pytest.mark.parametrize("seed", [11, 35, 38, *range(8)])
def test_a_singular_matrix_is_refused_whatever_rounding_makes_of_it(seed):
    """Rounding leaves the eigenvalues of Sigma positive in the first three, and not in the rest."""
    T = linear(seed)
    assert np.linalg.cond(T.dense()) > 1e15
    with pytest.raises(np.linalg.LinAlgError, match="conditional covariance is singular .* follow "
                                                    ".* add damping, for instance") as refusal:
        T.inv()
    usable = float(str(refusal.value).split("for instance ")[1].rstrip("."))
    for damping, bound in ((usable, 1e-9), (1e-12, 1e-3)):      # some eps cond(F)
        F = T.damped(damping).dense()
        assert np.abs(T.inv(damping).dense() @ F - np.eye(len(F))).max() <= bound


def test_what_is_inverted_for_the_conditional_covariance_counts_by_its_condition():
    """1 - s t = 1e-12 is far above rounding beside I (x) I, and is not beside a condition of 1e6.
    """
    one, size = ref.Kron(np.eye(2), np.eye(3)), (1 - 1e-12) ** 0.5
    wide = ref.Kron(np.diag([1.0, 1e-6]), np.eye(3))
    for K, after in ((one, one), (wide, one), (one, wide)):
        beside = KronRectangle(size * np.sqrt(K.G @ after.G), one.A)
        T = KronTridiagonal((K, after), (beside,))
        if K is after:
            assert np.abs(T.inv().dense() @ T.dense() - np.eye(12)).max() <= 1e-3
            continue
        with pytest.raises(np.linalg.LinAlgError, match=r"is singular .* rounding of \d\.\de-10"):
            T.inv()


def test_blocks_that_no_covariance_has_are_refused():
    """Beside I (x) I on the diagonal, 2 I (x) I: a correlation of 2, and Sigma = -3 I (x) I."""
    one = ref.Kron(np.eye(2), np.eye(3))
    for size in (0.5, 2.0):
        T = KronTridiagonal((one, one), (KronRectangle(size * one.G, one.A),))
        if size < 1:
            assert brute.distance(T.inv().dense() @ T.dense(), np.eye(12)) <= TOLERANCE
            continue
        with pytest.raises(np.linalg.LinAlgError, match="conditional covariance is indefinite"):
            T.inv()


def test_precision_and_proof():
    objective, theta = brute.dense()
    wide = ref.kfac_tridiagonal(objective.to(np.longdouble), theta.astype(np.longdouble))
    F = wide.damped(LAM).dense()
    assert F.dtype == np.longdouble
    T = ref.kfac_tridiagonal(objective, theta)
    assert brute.distance(T.damped(LAM).dense(), F) <= TOLERANCE
    with pytest.raises(TypeError, match="would lose digits"):
        wide.inv(LAM)
    narrow = ref.kfac_tridiagonal(objective.to(np.float32), theta.astype(np.float32))
    assert narrow.inv(LAM).dense().dtype == narrow.dense().dtype == np.float32
    assert ref.certify(ref.kfac_tridiagonal, objective, theta).digits >= 14


def test_balls_prove_the_blocks_far_from_the_diagonal():
    def far(objective, theta):
        return ref.kfac_tridiagonal(objective, theta).damped(LAM).dense()
    assert ref.certify(far, *brute.deep(), bits=192).digits >= 12      # inverses of condition 100


def test_complex_steps_are_refused_where_eigenvectors_are_needed_and_taken_where_not():
    objective, theta = brute.dense()
    g = objective.grad(theta)
    step = ref.kfac_tridiagonal(objective, theta + 1e-20j * g).damped(LAM)
    for f in (step.inv, lambda: step.solve(g), lambda: step.conditional(0).inv()):
        with pytest.raises(TypeError, match="a factor holds complex128, .* without eigenvectors"):
            f()
    up, down = (ref.kfac_tridiagonal(objective, theta + h * g).damped(LAM).dense()
                for h in (1e-6, -1e-6))
    truth = (up - down) / 2e-6
    assert brute.distance(step.dense().imag / 1e-20, truth) <= 1e-6        # of differences


@pytest.mark.parametrize("l", [-1, 1, 5, 0.5, None, "0"])
def test_a_matrix_that_no_other_follows_has_no_regression(l):
    T, _ = found("dense")
    for f in (T.psi, T.conditional):
        with pytest.raises(ValueError, match="l must be a whole number below 1, .* got"):
            f(l)


def test_products_that_are_not_there_say_what_to_take():
    T, _ = found("dense")
    v = np.ones(31)
    for f in (lambda: T @ v, lambda: v @ T):
        with pytest.raises(TypeError, match=r"no product of its own; take .dense\(\) @ v"):
            f()
    for f in (lambda: T.inv() @ v, lambda: v @ T.inv()):
        with pytest.raises(TypeError, match=r"take .matvec\(v\)"):
            f()
    with pytest.raises(TypeError, match="v is a list"):
        T.solve(v.tolist())
