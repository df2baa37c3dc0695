"""The nearest Kronecker product: against alternating least squares, and where it is exact."""

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from tests.curvature import brute

EPS = eps(float)
TOLERANCE = 200 * EPS                 # of a singular vector: eps over the relative gap, here > 0.1
NEAREST = 2 * EPS ** 0.5              # what equal singular values may cost, see `nearest`

each_net = pytest.mark.parametrize("net", brute.NETS)
each_size = pytest.mark.parametrize("O, I", [(2, 5), (3, 4), (7, 3), (1, 4), (5, 1), (1, 1)])


def random(n, seed, rank=None):
    """Symmetric; semidefinite of a rank, if one is given."""
    M = np.random.default_rng(seed).standard_normal((n, rank or n))
    return M @ M.T if rank else M + M.T


def blocks(net):
    """[(block of the type-2 Fisher matrix, shape, K-FAC's products), ...]."""
    objective, theta = brute.NETS[net]()
    layout = objective.net.layout
    krons = zip(*(ref.kfac(objective, theta, setting=s) for s in ("expand", "reduce")))
    return list(zip(ref.blocks(ref.fisher(objective, theta), layout), layout.shapes, krons))


def alternating(B, shape, steps=300):
    """G (x) A by least squares in one factor after the other, entry by entry, in longdouble."""
    O, I = shape
    B, A = B.astype(np.longdouble), np.eye(I, dtype=np.longdouble)
    part = [[B[o * I:(o + 1) * I, q * I:(q + 1) * I] for q in range(O)] for o in range(O)]
    for _ in range(steps):
        G = np.array([[(part[o][q] * A).sum() for q in range(O)] for o in range(O)]) / (A * A).sum()
        A = sum(G[o, q] * part[o][q] for o in range(O) for q in range(O)) / (G * G).sum()
    return np.kron(G, A)


# ---- it is the nearest ----

@each_net
def test_it_is_what_alternating_least_squares_ends_at(net):
    for B, shape, _ in blocks(net):
        K, residual = ref.nearest_kron(B, shape)
        truth = alternating(B, shape)
        assert brute.distance(K.dense(), truth) <= TOLERANCE
        assert abs(residual - brute.distance(truth, B)) <= TOLERANCE
        assert not brute.distance(alternating(B, shape, 1), truth) <= TOLERANCE


@each_net
def test_it_is_never_farther_than_kfac_in_either_setting(net):
    gained = []
    for B, shape, krons in blocks(net):
        K, residual = ref.nearest_kron(B, shape)
        assert abs(residual - brute.distance(K.dense(), B)) <= TOLERANCE
        for other in krons:
            gained.append(brute.distance(other.dense(), B) - residual)
    assert min(gained) >= -NEAREST and max(gained) > 0.01


@each_size
def test_a_change_of_either_factor_leads_away(O, I):
    B = random(O * I, 1, rank=O * I)
    K, residual = ref.nearest_kron(B, (O, I))
    for seed in range(5):
        dG, dA = 1e-3 * random(O, seed), 1e-3 * random(I, seed + 9)
        for other in ref.Kron(K.G + dG, K.A), ref.Kron(K.G, K.A + dA):
            assert brute.distance(other.dense(), B) > residual


@each_net
def test_the_residual_is_what_the_other_singular_values_are(net):
    for B, shape, _ in blocks(net):
        s = ref.kron_singular_values(B, shape)
        assert s.shape == (min(shape) ** 2,) and (np.diff(s) <= 0).all()
        assert abs(np.linalg.norm(s) / np.linalg.norm(B) - 1) <= TOLERANCE
        rest = np.linalg.norm(s[1:]) / np.linalg.norm(s)
        assert abs(ref.nearest_kron(B, shape)[1] - rest) <= TOLERANCE


# ---- where it is exact ----

@each_size
def test_a_product_is_found_and_has_no_residual(O, I):
    """Whatever the scale of its factors: their squares neither overflow nor vanish."""
    for rank, scale in (None, 1), (2, 1), (2, 1e170), (2, 1e-170):
        G, A = random(O, 2, rank), random(I, 3, rank)
        K, residual = ref.nearest_kron(scale * np.kron(G, A), (O, I))
        assert brute.distance(K.dense() / scale, np.kron(G, A)) <= TOLERANCE
        assert residual <= TOLERANCE and (K.G == K.G.T).all() and (K.A == K.A.T).all()
        if rank:
            assert K.pi() == pytest.approx(1, abs=TOLERANCE)
            assert brute.distance(K.G / np.trace(K.G), G / np.trace(G)) <= TOLERANCE


@pytest.mark.parametrize("shape", [(1, 6), (6, 1)])
def test_every_symmetric_matrix_is_a_product_with_a_number(shape):
    assert ref.nearest_kron(random(6, 4), shape)[1] <= TOLERANCE


def test_singular_values_count_the_products_that_a_matrix_is_a_sum_of():
    terms = [np.kron(random(3, seed), random(5, seed + 10)) for seed in range(3)]
    for k in range(1, 4):
        s = ref.kron_singular_values(sum(terms[:k]), (3, 5))
        assert (s > TOLERANCE * s[0]).sum() == k
    assert ref.nearest_kron(terms[0] + terms[1], (3, 5))[1] > 0.1


@pytest.mark.parametrize("net, exact", [("dense", True), ("deep", True), ("convolutional", False)])
def test_it_is_kfac_for_one_example_without_places(net, exact):
    objective, theta = brute.NETS[net]()
    objective = objective.batch(slice(0, 1))
    first = ref.kfac(objective, theta)[0]
    B = ref.blocks(ref.fisher(objective, theta), objective.net.layout)[0]
    K, residual = ref.nearest_kron(B, first.shape)
    assert (brute.distance(first.dense(), K.dense()) <= TOLERANCE) == exact
    assert (residual <= TOLERANCE) == exact


# ---- semidefinite ----

def smallest(M):
    """The smallest eigenvalue over the largest."""
    values = np.linalg.eigvalsh(M)
    return values[0] / values[-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rank", [1, 2, 3, 30])
def test_semidefinite_matrices_have_semidefinite_factors(rank, dtype):
    for seed in range(5):
        K, _ = ref.nearest_kron(random(15, seed, rank).astype(dtype), (3, 5))
        assert K.G.dtype == K.A.dtype == dtype
        assert min(smallest(K.G), smallest(K.A)) >= -200 * eps(dtype)


def tied(gap=0.0):
    """Two products of the same size: a mixture of singular vectors is as good, and indefinite."""
    return np.diag([1.0, 0, 0, 1 - gap])


@pytest.mark.parametrize("gap", [0, 1e-14, 1e-12, 1e-9, 1e-7, 1e-3])
def test_of_equal_singular_values_a_semidefinite_pair_is_taken(gap):
    Q = np.linalg.qr(np.random.default_rng(5).standard_normal((2, 2)))[0]
    turn = np.kron(Q, Q)
    K, residual = ref.nearest_kron(turn @ tied(gap) @ turn.T, (2, 2))
    assert min(smallest(K.G), smallest(K.A)) >= -NEAREST
    assert abs(residual - (1 - gap) / np.hypot(1, 1 - gap)) <= NEAREST
    indefinite = np.diag([0.8, -0.6])
    as_good = brute.distance(np.kron(indefinite, indefinite), tied())
    assert as_good == pytest.approx(0.5 ** 0.5, abs=TOLERANCE)


def test_zero_has_zero_factors_and_no_residual():
    K, residual = ref.nearest_kron(np.zeros((6, 6)), (2, 3))
    assert residual == 0 and not K.G.any() and not K.A.any() and K.shape == (2, 3)
    assert not ref.kron_singular_values(np.zeros((6, 6)), (2, 3)).any()


# ---- indefinite ----

def test_factors_without_a_trace_have_equal_norms():
    G, A = np.diag([1.0, -1]), np.diag([3.0, -1, -2])
    K, residual = ref.nearest_kron(np.kron(G, A), (2, 3))
    assert residual <= TOLERANCE
    assert np.linalg.norm(K.G) == pytest.approx(np.linalg.norm(K.A), rel=TOLERANCE)


def test_skew_factors_are_not_taken_though_nearer():
    """Which is possible for an indefinite matrix alone."""
    skew = np.array([[0.0, 1], [-1, 0]])
    B = np.kron(skew, skew)
    K, residual = ref.nearest_kron(B, (2, 2))
    assert residual == 1 and not K.dense().any()
    assert np.allclose(ref.kron_singular_values(B, (2, 2)), [2, 0, 0, 0], atol=TOLERANCE)
    assert np.linalg.eigvalsh(B)[0] == pytest.approx(-1, abs=TOLERANCE)


# ---- what is refused ----

@pytest.mark.parametrize("f", [ref.nearest_kron, ref.kron_singular_values])
def test_what_is_no_block_is_refused(f):
    B = np.eye(6)
    for shape in (2, 4), (3, 3):
        with pytest.raises(ValueError, match="has shape .6, 6., but a weight matrix"):
            f(B, shape)
    for shape in 6, (2.0, 3), (0, 6), (2, 3, 1), None:
        with pytest.raises(ValueError, match="shape must be .O, I."):
            f(B, shape)
    with pytest.raises(ValueError, match="B is not symmetric"):
        f(np.triu(np.ones((6, 6))), (2, 3))
    with pytest.raises(ValueError, match="entries that are not finite"):
        f(np.where(B, np.nan, 0), (2, 3))
    with pytest.raises(TypeError, match="would lose digits"):
        f(B.astype(np.longdouble), (2, 3))
    with pytest.raises(ValueError, match="astype"):
        f(B.astype(int), (2, 3))
    with pytest.raises(TypeError, match="pass numpy.asarray"):
        f(B.tolist(), (2, 3))


def test_a_shape_may_be_a_list():
    assert ref.nearest_kron(np.eye(6), [2, 3])[0].shape == (2, 3)
