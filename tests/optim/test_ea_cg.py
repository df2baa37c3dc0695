"""EA-CG steps against explicit Kronecker products, solved densely."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg

import reference as ref
from reference.curvature.bends import PHI
from reference.optim.ea_cg import EACG
from tests.curvature.brute import NETS, deep, dense, words
from tests.derivatives.cases import distance, make, wide

EXACT = EACG(tolerance=1e-14, maxiter=2000)
CHAINS = {"dense": dense, "deep": deep, "words": words}


def twin(objective, theta, optimizer, product=np.kron):
    """-[(1 - a) (C (x) A + l2 I) + a I]^-1 g, layer by layer, from the dense matrices."""
    g, a, pieces = objective.grad(theta), optimizer.mixing, []
    factors = ref.bda_pch(objective, theta, optimizer.phi, optimizer.slopes, optimizer.inputs)
    for K, s in zip(factors, objective.net.layout.slices):
        eye = np.eye(s.stop - s.start)
        B = product(K.G, K.A) + objective.l2 * eye
        pieces.append(scipy.linalg.solve((1 - a) * B + a * eye, -g[s]))
    return np.concatenate(pieces)


@pytest.mark.parametrize("net", CHAINS)
@pytest.mark.parametrize("options", [{}, {"phi": "clip"}, {"phi": "zero", "slopes": "outer"},
                                     {"inputs": "mean"}, {"mixing": 0.3, "length": 1.0}], ids=str)
def test_run_to_the_end_the_step_is_that_of_the_dense_blocks(net, options):
    objective, theta = CHAINS[net](l2=0.01)
    optimizer = replace(EXACT, **options)
    after, _, info = optimizer.step(objective, theta, 0)
    d = twin(objective, theta, optimizer)
    assert distance(info["direction"], d) < 1e-11          # residual 1e-14, conditions up to 1e3
    assert distance(after, theta + optimizer.length * d) < 1e-11
    B = scipy.linalg.block_diag(*(np.kron(K.G, K.A) for K in info["factors"]))
    assert info["slope"] < 0 and abs(info["curvature"] / (d @ B @ d + 0.01 * d @ d) - 1) < 1e-11


def test_the_other_order_of_the_product_is_another_step():
    objective, theta = dense()
    info = EXACT.step(objective, theta, 0)[2]
    swapped = twin(objective, theta, EXACT, lambda G, A: np.kron(A, G))
    assert distance(info["direction"], swapped) > 0.01


def by_hand(objective, theta, a):
    """The step of a 5-3-4 sigmoid net with cross-entropy, from the formulas, sums written out."""
    W, V = theta[:18].reshape(3, 6), theta[18:].reshape(4, 4)
    N, C1, C2, dW, dV = objective.N, 0, 0, 0, 0
    inputs = [np.append(x, 1) for x in objective.x]
    hidden = [1 / (1 + np.exp(-W @ p)) for p in inputs]
    outputs = [V @ np.append(h, 1) for h in hidden]
    soft = [np.exp(z) / np.exp(z).sum() for z in outputs]
    bend = slope = 0
    for p, h, q, label in zip(inputs, hidden, soft, objective.y):
        dz, f1 = q - np.eye(4)[label], h * (1 - h)
        dh = V[:, :3].T @ dz
        dV, dW = dV + np.outer(dz, np.append(h, 1)) / N, dW + np.outer(f1 * dh, p) / N
        C2 = C2 + (np.diag(q) - np.outer(q, q)) / N
        slope, bend = slope + f1 / N, bend + f1 * (1 - 2 * h) * dh / N
    C1 = np.diag(slope) @ V[:, :3].T @ C2 @ V[:, :3] @ np.diag(slope) + np.diag(np.abs(bend))
    A1 = sum(np.outer(p, p) for p in inputs) / N
    A2 = sum(np.outer(np.append(h, 1), np.append(h, 1)) for h in hidden) / N
    return np.concatenate([-np.linalg.solve((1 - a) * np.kron(C, A) + a * np.eye(g.size), g.ravel())
                           for C, A, g in ((C1, A1, dW), (C2, A2, dV))])


def test_the_direction_is_that_of_a_script_of_the_paper():
    layers = ref.Dense(5, 3), ref.Sigmoid(), ref.Dense(3, 4)
    objective, theta = make(layers, ref.CrossEntropy())
    info = EXACT.step(objective, theta, 0)[2]
    assert distance(info["direction"], by_hand(objective, theta, 0.02)) < 1e-12
    assert distance(info["direction"], by_hand(objective, theta, 0.03)) > 1e-3


def test_cut_short_each_block_is_the_best_of_its_krylov_space():
    objective, theta = deep()
    g = objective.grad(theta)
    for k in (1, 3):
        info = EACG(tolerance=1e-14, maxiter=k).step(objective, theta, 0)[2]
        for K, s, solved in zip(info["factors"], objective.net.layout.slices, info["blocks"]):
            B = 0.98 * np.kron(K.G, K.A) + 0.02 * np.eye(s.stop - s.start)
            Q = np.linalg.qr(np.stack([np.linalg.matrix_power(B, j) @ g[s] for j in range(k)],
                                      1))[0]
            truth = -Q @ np.linalg.solve(Q.T @ B @ Q, Q.T @ g[s])
            assert distance(solved.x, truth) < 1e-12 and solved.iterations == k


def test_by_default_a_tenth_of_the_gradient_may_be_left():
    objective, theta = deep()
    info = EACG().step(objective, theta, 0)[2]
    for K, s, solved in zip(info["factors"], objective.net.layout.slices, info["blocks"]):
        size = np.linalg.norm(solved.residual) / np.linalg.norm(info["gradient"][s])
        assert solved.reason == "converged" and 1e-6 < size <= 0.1


def test_only_identity_may_meet_negative_curvature_and_goes_no_further():
    """Bends of either sign against moderate output curvature: phi = identity is indefinite."""
    objective, theta = deep(weights=np.full(13, 5.0))
    reasons = {phi: {block.reason for block in
                     replace(EXACT, phi=phi).step(objective, 3 * theta, 0)[2]["blocks"]}
               for phi in PHI}
    assert reasons.pop("identity") == {"negative curvature", "converged"}
    assert set().union(*reasons.values()) == {"converged"}
    assert EACG(phi="identity").step(objective, 3 * theta, 0)[2]["slope"] < 0


def test_mixing_of_nearly_one_is_gradient_descent():
    objective, theta = dense()
    info = EACG(mixing=1 - 1e-9, tolerance=1e-9).step(objective, theta, 0)[2]
    assert distance(info["direction"], -info["gradient"]) < 1e-8


def test_the_loss_falls():
    objective, theta = deep()
    _, history = ref.run(EACG(), objective, theta, 10)
    assert (np.diff(history["loss"]) < 0).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.longdouble])
def test_states_resume_and_precision_is_kept(kind):
    objective, theta = deep()
    objective, theta = objective.to(kind), theta.astype(kind)
    whole, history = ref.run(EACG(), objective, theta, 4)
    half, first = ref.run(EACG(), objective, theta, 2)
    rest, _ = ref.run(EACG(), objective, half, 2, pickle.loads(pickle.dumps(first.state)))
    assert whole.dtype == kind and (whole == rest).all() and history.state == 4
    truth, _ = ref.run(EACG(), *wide(objective, theta), 4)
    assert distance(whole, truth) < 1e3 * np.finfo(kind).eps    # four steps, conditions of 50


def test_other_nets_and_bad_parameters_are_refused():
    objective, theta = NETS["convolutional"]()
    with pytest.raises(ValueError, match="neither Dense nor elementwise"):
        EACG().step(objective, theta, 0)
    for make_it, match in [(lambda: EACG(mixing=1.0), "below 1"), (lambda: EACG(mixing=0), "above"),
                           (lambda: EACG(tolerance=1.5), "tolerance of EACG is 1.5; .*below 1"),
                           (lambda: EACG(phi="half"), "abs, clip, zero, identity"),
                           (lambda: EACG(maxiter=2.5), "2.5")]:
        with pytest.raises(ValueError, match=match):
            make_it()
