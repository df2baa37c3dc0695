"""The diagonal of every matrix, without the matrix."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

import reference as ref
from reference.arrays.precision import eps
from reference.curvature import assembly, bottleneck, dense, layerwise, sandwich
from reference.curvature.bends import strange
from reference.derivatives import dual
from tests.curvature import brute
from tests.curvature.test_dense import CHAINS, WEIGHTS
from tests.curvature.test_layerwise import WAYS
from tests.curvature.whole import CASES, MATRICES, TOLERANCE, off, problem, whole
from tests.derivatives.cases import LOSSES, make, small, wide

each_matrix = pytest.mark.parametrize("matrix", MATRICES)


@pytest.mark.parametrize("name, matrix", CASES)
def test_the_diagonal_is_that_of_the_columns_of_products(name, matrix):
    _, operator, truth = whole(name, matrix)
    assert off(ref.diagonal(operator), np.diagonal(truth), truth) <= TOLERANCE


@pytest.mark.parametrize("phi", ["abs", "clip"])
@pytest.mark.parametrize("name", ["Dense", "Conv2d twice", "Residual", "Dense at places"])
def test_of_positive_curvature_too(name, phi):
    objective, theta = problem(name)
    assert strange(objective.net) is None
    B = ref.positive_curvature(objective, theta, phi)
    truth = ref.columns(B)
    assert off(ref.diagonal(B), np.diagonal(truth), truth) <= TOLERANCE


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_of_a_chain_under_any_loss_with_weights_and_decay(chain, loss):
    """Gaussian's loss Hessian is indefinite: no square root of it is taken."""
    objective, theta = make(chain, LOSSES[loss], weights=WEIGHTS, l2=0.3)
    for matrix in (ref.hessian, ref.gauss_newton):
        truth = ref.columns(matrix(*wide(objective, theta)))
        found = ref.diagonal(matrix(objective, theta))
        assert off(found, np.diagonal(truth), truth) <= TOLERANCE


@pytest.mark.parametrize("net", brute.NETS)
def test_fisher_diagonals_are_those_of_the_definition(net):
    objective, theta = brute.NETS[net]()
    for kind in ("type-2", "empirical"):
        truth = np.diagonal(brute.fisher(objective, theta, kind))
        found = ref.diagonal(ref.fisher(objective, theta, kind))
        assert brute.distance(found, truth) <= 1e-14         # sums of up to 13 x 7 x 11 terms


@pytest.mark.parametrize("net", brute.NETS)
def test_hessian_diagonals_are_second_derivatives_of_the_function_alone(net):
    objective, theta = brute.NETS[net](l2=0.1)
    objective, t = objective.to(np.longdouble), theta.astype(np.longdouble)
    truth = [dual.hyper_curvature(objective, t, e[None], e[None])[0, 0] for e in np.eye(t.size)]
    assert brute.distance(ref.diagonal(ref.hessian(*brute.NETS[net](l2=0.1))), truth) <= 1e-14


@each_matrix
@pytest.mark.parametrize("name", ["Dense", "Conv2d", "LSTM", "Tied", "Dense at places"])
def test_work_may_come_in_pieces_of_any_size(name, matrix, monkeypatch):
    _, operator, truth = whole(name, matrix)
    monkeypatch.setattr(sandwich, "ROOM", 200)
    monkeypatch.setattr(assembly, "BATCH", 100)
    assert off(ref.diagonal(operator), np.diagonal(truth), truth) <= TOLERANCE


@pytest.mark.parametrize("way", ["own block", "bottleneck", "pre-activations"])
@pytest.mark.parametrize("name", [
    "Conv2d", "Conv2d twice", "AvgPool2d, with ceil and without padding's zeros", "Dense at places",
    "Conv1d, same, dilated, without bias", "MaxPool1d", "ConvTranspose2d", "LSTM"])
def test_every_way_to_the_rows_has_its_diagonal(name, way, monkeypatch):
    _, operator, truth = whole(name, "hessian")
    monkeypatch.setattr(layerwise, "way", WAYS[way])
    monkeypatch.setattr(bottleneck, "AT_ONCE", 5)
    assert off(ref.diagonal(operator), np.diagonal(truth), truth) <= TOLERANCE


def test_no_block_is_formed_for_it(monkeypatch):
    """A convolution before pooling, and one before a Dense layer: neither block is multiplied."""
    objective, theta = problem("Conv2d twice")
    H = ref.hessian(objective, theta)
    truth = np.diagonal(ref.columns(H))
    monkeypatch.setattr(bottleneck, "_bent", None)
    monkeypatch.setattr(dense, "chain_blocks", None)
    assert off(ref.diagonal(H), truth, truth) <= TOLERANCE
    with pytest.raises(TypeError):
        ref.blocks(H, objective.net.layout)


def test_of_any_operator_by_products():
    H = ref.hessian(*small())
    M = ref.dense(H)
    for operator, truth in ((H + 0.5 * aslinearoperator(np.eye(34)), np.diagonal(M) + 0.5),
                            (H @ H, np.diagonal(M @ M)), (aslinearoperator(M), np.diagonal(M))):
        assert off(ref.diagonal(operator), truth, truth) <= TOLERANCE
    many = np.random.default_rng(0).standard_normal(131)      # more than are multiplied at a time
    assert np.array_equal(ref.diagonal(aslinearoperator(np.diag(many))), many)


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_precision_is_kept(dtype):
    for name in ("Dense", "Conv2d", "Dense at places"):
        objective, theta = problem(name)
        objective, theta = objective.to(dtype), theta.astype(dtype)
        for matrix in MATRICES.values():
            truth = ref.columns(matrix(*wide(objective, theta)))
            found = ref.diagonal(matrix(objective, theta))
            assert found.dtype == dtype
            assert off(found, np.diagonal(truth), truth) <= 45 * eps(dtype)


def test_balls_prove_the_diagonal():
    certificate = ref.certify(lambda o, t: ref.diagonal(ref.hessian(o, t)), *small())
    assert certificate.digits > 14


def test_one_wrong_entry_would_be_seen():
    _, operator, truth = whole("Dense", "hessian")
    wrong = ref.diagonal(operator)
    wrong[3] += 1e-13 * np.abs(truth).max()
    assert off(wrong, np.diagonal(truth), truth) > TOLERANCE


def test_what_is_no_operator_is_refused():
    with pytest.raises(TypeError, match="operator is a Objective; pass a LinearOperator"):
        ref.diagonal(small()[0])
