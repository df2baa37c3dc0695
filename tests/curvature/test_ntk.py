"""The neural tangent kernel: against Jacobians, of every layer, in pieces, and in closed form."""

import tracemalloc

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.curvature import ntk
from reference.derivatives import directions, dual
from reference.problems.layers import LAYERS
from tests.curvature import brute
from tests.derivatives.cases import distance, small, wide

DIGITS = 1e-14                        # sums of up to 108 terms in float64

each_net = pytest.mark.parametrize("net", brute.NETS)


def forward_rows(objective, theta):
    """J (N M, P), column by column in forward mode."""
    columns = directions.along_axes(lambda E: dual.derivative(objective.outputs, theta, E), theta)
    return columns.reshape(theta.size, -1).T


@each_net
def test_it_is_the_product_of_jacobians_example_by_example(net):
    objective, theta = brute.NETS[net]()
    J, K = brute.jacobians(objective, theta), ref.ntk(objective, theta)
    N, M, _ = J.shape
    truth = np.zeros((N * M, N * M), np.longdouble)
    for n in range(N):
        for m in range(N):
            truth[n * M:(n + 1) * M, m * M:(m + 1) * M] = J[n] @ J[m].T
    assert brute.distance(K, truth) <= DIGITS and (K == K.T).all()
    outputs_first = K.reshape(N, M, N, M).transpose(1, 0, 3, 2).reshape(N * M, N * M)
    assert brute.distance(outputs_first, truth) > 0.1


@each_net
def test_between_two_batches_it_is_a_block_of_the_whole(net):
    objective, theta = brute.NETS[net]()
    whole, some, rest = ref.ntk(objective, theta), slice(0, 5), slice(5, None)
    M = len(whole) // objective.N
    for other in objective.batch(rest), objective.x[rest]:
        assert brute.distance(ref.ntk(objective.batch(some), theta, other),
                              whole[:5 * M, 5 * M:]) <= DIGITS


@pytest.mark.parametrize("net", ["dense", "words"])
def test_room_for_one_example_or_two_changes_nothing(net, monkeypatch):
    objective, theta = brute.NETS[net]()
    whole, other = ref.ntk(objective, theta), objective.x[:3]
    block = ref.ntk(objective, theta, other)
    one = sum(map(ntk._numbers, ntk.Rows(objective.net, theta, objective.x[:1]).uses()))
    for room in (1, 2 * one):
        monkeypatch.setattr(ntk, "ROOM", room)
        pieces = ntk.Rows(objective.net, theta, objective.x).pieces()
        assert [len(piece.x) for piece in pieces][0] == max(1, room // one)
        again = ref.ntk(objective, theta)
        assert brute.distance(again, whole) <= DIGITS and (again == again.T).all()
        assert brute.distance(ref.ntk(objective, theta, other), block) <= DIGITS


@pytest.mark.parametrize("case", LAYERS)
def test_every_layer(case):
    objective, theta = LAYERS[case](np.random.default_rng(0))
    if objective.net.couples:
        with pytest.raises(ValueError, match="couples the examples of a batch"):
            ref.ntk(objective, theta)
        return
    J = forward_rows(objective, theta)
    assert distance(ref.ntk(objective, theta), J @ J.T) <= 500 * eps(float)


def test_other_inputs_may_have_more_places_than_ours():
    """One place here and three there: only here is the gradient one outer product."""
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Conv1d(2, 3, 4), ref.Tanh(), ref.AdaptiveAvgPool1d(1), ref.Flatten(-2),
                         ref.Dense(3, 2))
    theta, labels = rng.standard_normal(net.layout.size), np.zeros(5, int)
    short, long = (ref.Objective(net, ref.CrossEntropy(), rng.standard_normal((5, 2, L)), labels)
                   for L in (4, 6))
    J, other = (ref.jacobian(o, theta).reshape(10, -1) for o in (short, long))
    assert distance(ref.ntk(short, theta, long.x), J @ other.T) <= DIGITS
    assert distance(ref.ntk(long, theta, short.x), other @ J.T) <= DIGITS


def test_of_a_linear_model_it_is_the_inputs_products_times_the_identity():
    rng = np.random.default_rng(0)
    x, net = rng.standard_normal((7, 3)), ref.Sequential(ref.Dense(3, 5))
    objective = ref.Objective(net, ref.SquaredError(), x, rng.standard_normal((7, 5)))
    p = np.hstack([x, np.ones((7, 1))])
    K = ref.ntk(objective, rng.standard_normal(20))
    assert distance(K, np.kron(p @ p.T, np.eye(5))) <= 8 * eps(float)


def test_it_asks_neither_for_labels_nor_weights():
    plain, theta = small()
    other, _ = small(weights=np.arange(7.0), reduction="sum", l2=3.0)
    assert (ref.ntk(plain, theta) == ref.ntk(other, theta)).all()


def test_matrices_used_once_never_become_jacobians():
    rng, N, D = np.random.default_rng(0), 40, 100
    net = ref.Sequential(ref.Dense(D, D), ref.Tanh(), ref.Dense(D, 5))
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((N, D)),
                              rng.standard_normal((N, 5)))
    theta = net.initial(rng)
    tracemalloc.start()
    ref.ntk(objective, theta)
    peak = tracemalloc.get_traced_memory()[1]
    ref.jacobian(objective, theta)
    formed = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert formed > 8 * N * 5 * theta.size and peak < formed / 8


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_precision_is_kept(dtype):
    objective, theta = brute.dense()
    objective, theta = objective.to(dtype), theta.astype(dtype)
    K = ref.ntk(objective, theta)
    assert K.dtype == dtype and distance(K, ref.ntk(*wide(objective, theta))) <= 45 * eps(dtype)


@pytest.mark.parametrize("net", ["dense", "recurrent"])
def test_balls_prove_it(net):
    objective, theta = brute.NETS[net]()
    assert ref.certify(ref.ntk, objective.batch(slice(0, 4)), theta).digits >= 14


def test_other_inputs_must_fit():
    objective, theta = brute.dense()
    for other, error, words in [
            (brute.deep()[0], ValueError, r"other has weight matrices \[\(2, 5\), \(7, 3\), \(11"),
            (objective.x[:, :3], ValueError, "needs 4 input features"),
            (np.nan * objective.x, ValueError, "other has 44 entries that are not finite"),
            (objective.x[:0], ValueError, r"other is empty: it has shape \(0, 4\)"),
            (objective.x.tolist(), TypeError, "other is a list")]:
        with pytest.raises(error, match=words):
            ref.ntk(objective, theta, other)
    with pytest.raises(ValueError, match=r"theta has shape \(30,\)"):
        ref.ntk(objective, theta[:-1])
