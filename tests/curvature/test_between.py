"""F~, the whole Fisher matrix with every block factored: its definition, and where it is exact."""

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from tests.curvature import brute

TOLERANCE = 200 * eps(float)          # of sums over N C^2 terms, which cancel a digit

CHAINS = ["dense", "deep"]
each_chain = pytest.mark.parametrize("net", CHAINS)
each_net = pytest.mark.parametrize("net", brute.NETS)
WEIGHTS = {"dense": np.arange(1.0, 12), "deep": np.arange(1.0, 14)}


def moments(objective, theta):
    """p (N, I) and dz/ds (N, O, C) of each matrix of a chain, from longdouble complex steps.

    The columns of dz/dtheta at the biases are dz/ds; the last matrix of `deep`, which has none,
    makes z itself.
    """
    N, layout = objective.N, objective.net.layout
    J = brute.jacobians(objective, theta)
    x = objective.net.forward(theta.astype(np.longdouble), objective.x.astype(np.longdouble))[::2]
    found = []
    for s, (O, I), x in zip(layout.slices, layout.shapes, x):
        bias = x.shape[1] < I
        p = np.concatenate([x, np.ones((N, 1))], axis=1) if bias else x
        ds = J[:, :, s].reshape(N, -1, O, I)[..., -1].swapaxes(1, 2) if bias else np.eye(O)[None]
        found.append((p, np.broadcast_to(ds, (N, O, J.shape[1]))))
    return found


def damped(G, A, damping):
    """G + sqrt(lam)/pi I and A + sqrt(lam) pi I."""
    (O, I), root = (len(G), len(A)), np.sqrt(np.longdouble(damping))
    pi = np.sqrt(np.trace(A) / I / (np.trace(G) / O))
    return G + root / pi * np.eye(O), A + root * pi * np.eye(I)


def factored(objective, theta, kind="type-2", damping=0.0):
    """F~ by loops over pairs of matrices, examples and labels; K-FAC's damping on the diagonal."""
    q, C = brute.probabilities(objective, theta)[:, 0], objective.output_shape[-1]
    w = np.ones(objective.N) if objective.weights is None else objective.weights
    labels = range(C) if kind == "type-2" else [objective.y]
    rows, parts = [], moments(objective, theta)
    for p, J in parts:
        row = []
        for r, K in parts:
            A = sum(w[n] * np.outer(p[n], r[n]) for n in range(len(w))) / w.sum()
            G = np.zeros((J.shape[1], K.shape[1]), np.longdouble)
            for c in labels:
                s = brute.scores(objective, theta, c)[:, 0]
                for n in range(len(w)):
                    share = w[n] / objective.R * (q[n, c] if kind == "type-2" else 1)
                    G += share * np.outer(J[n] @ s[n], K[n] @ s[n])
            row.append(np.kron(*(damped(G, A, damping) if p is r else (G, A))))
        rows.append(row)
    return np.block(rows)


# ---- the definition ----

@pytest.mark.parametrize("kind", ["type-2", "empirical"])
@each_chain
def test_every_block_is_the_product_of_the_moments_between_two_matrices(net, kind):
    objective, theta = brute.NETS[net](weights=WEIGHTS[net])
    F = ref.kfac_dense(objective, theta, kind)
    assert brute.distance(F, factored(objective, theta, kind)) <= TOLERANCE
    s, r = objective.net.layout.slices[:2]
    swapped = F.copy()
    swapped[s, r] = F[r, s].reshape(F[s, r].shape)
    assert brute.distance(swapped, factored(objective, theta, kind)) > 0.01


@each_net
def test_the_diagonal_blocks_are_those_of_kfac(net):
    objective, theta = brute.NETS[net]()
    setting = "expand" if net in CHAINS else "reduce"
    F = ref.kfac_dense(objective, theta, setting=setting)
    for K, s in zip(ref.kfac(objective, theta, setting=setting), objective.net.layout.slices):
        assert brute.distance(F[s, s], K.dense()) <= TOLERANCE


@each_net
def test_it_is_symmetric_and_semidefinite(net):
    """As the block-wise product of two semidefinite matrices."""
    F = ref.kfac_dense(*brute.NETS[net](), setting="reduce")
    values = np.linalg.eigvalsh(F)
    assert (F == F.T).all() and values[0] >= -TOLERANCE * values[-1]


def test_drawn_labels_are_those_of_the_generator():
    objective, theta = brute.dense()
    F, again, other = (ref.kfac_dense(objective, theta, "mc", np.random.default_rng(seed), 2)
                       for seed in (1, 1, 2))
    assert (F == again).all() and brute.distance(other, F) > 0.01
    K = ref.kfac(objective, theta, "mc", np.random.default_rng(1), 2)[0].dense()
    assert brute.distance(F[:len(K), :len(K)], K) <= TOLERANCE


# ---- where it is exact ----

@each_chain
def test_it_is_the_whole_fisher_matrix_for_one_example(net):
    objective, theta = brute.NETS[net]()
    for examples, exact in (1, True), (2, False):
        one = objective.batch(slice(0, examples))
        F = ref.dense(ref.fisher(one, theta))
        assert (brute.distance(ref.kfac_dense(one, theta), F) <= TOLERANCE) == exact


@pytest.mark.parametrize("layer, exact", [(ref.Identity(), True), (ref.Tanh(), False)])
def test_it_is_the_whole_fisher_matrix_for_linear_networks_and_squared_error(layer, exact):
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(4, 2), layer, ref.Dense(2, 3, bias=False), ref.Dense(3, 5))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((7, 4)),
                              rng.standard_normal((7, 5)), rng.random(7))
    theta = rng.standard_normal(net.layout.size)
    gap = brute.distance(ref.kfac_dense(objective, theta), ref.dense(ref.fisher(objective, theta)))
    assert (gap <= TOLERANCE) == exact


def test_reduced_places_have_the_exact_blocks_of_the_biases():
    """Their input is the constant 1, and sum_t g their gradient: between matrices, too."""
    objective, theta = brute.convolutional()
    F, exact = ref.kfac_dense(objective, theta, setting="reduce"), brute.fisher(objective, theta)
    biases = [s.start + o * I + I - 1
              for s, (O, I) in zip(objective.net.layout.slices, objective.net.layout.shapes)
              for o in range(O)]
    assert brute.distance(F[np.ix_(biases, biases)], exact[np.ix_(biases, biases)]) <= TOLERANCE
    assert brute.distance(F, exact) > 1e-3


# ---- number systems, refusals ----

@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_precision_is_kept(dtype):
    objective, theta = brute.deep()
    F = ref.kfac_dense(objective.to(dtype), theta.astype(dtype))
    assert F.dtype == dtype
    assert brute.distance(F, ref.kfac_dense(objective, theta)) <= 200 * max(eps(dtype), eps(float))


def test_balls_prove_14_digits():
    assert ref.certify(ref.kfac_dense, *brute.dense()).digits >= 14


@pytest.mark.parametrize("f", [ref.kfac_dense, ref.kfac_tridiagonal])
def test_places_groups_and_coupled_examples_are_refused(f):
    objective, theta = brute.convolutional()
    with pytest.raises(ValueError, match=r"matrix 0 \(3, 5\) is used at 7 places.*'reduce'"):
        f(objective, theta)
    with pytest.raises(ValueError, match="setting must be one of"):
        f(objective, theta, setting="both")
    net = ref.Sequential(ref.Dense(4, 3), ref.Tanh(), ref.Dense(3, 7))
    words = ref.Objective(net, ref.CrossEntropy(), np.ones((3, 2, 4)), np.ones((3, 2), int))
    with pytest.raises(ValueError, match=r"matrix 0 \(3, 5\) is used at 2 places"):
        f(words, np.ones(net.layout.size))
    x, y = np.random.default_rng(1).standard_normal((11, 4)), np.arange(11) % 7
    for layer, words in ((ref.LayerNorm(3), r"matrix 1 \(3, 2\) has 3 groups of rows"),
                         (ref.BatchNorm(3), "couples the examples")):
        net = ref.Sequential(ref.Dense(4, 3), layer, ref.Dense(3, 7))
        with pytest.raises(ValueError, match=words):
            f(ref.Objective(net, ref.CrossEntropy(), x, y), np.ones(net.layout.size))
