"""The positive-curvature Hessian against its definition, and against its neighbours."""

import tracemalloc

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.curvature.bends import strange
from reference.network.elementwise import Elementwise
from reference.problems.layers import LAYERS
from tests.curvature import brute
from tests.derivatives.cases import LOSSES, make, small

DIGITS = 1e-14                        # of sums of up to 13 x 7 x 11 terms in float64
ROUNDING = 1e-13                      # of eigenvalues, relative to the largest, P up to 110

PHI = {"abs": np.abs, "clip": lambda b: np.maximum(b, 0), "zero": lambda b: 0 * b,
       "identity": lambda b: b}
SECOND = {"Tanh": lambda s: -2 * np.tanh(s) * (1 - np.tanh(s) ** 2),
          "Sigmoid": lambda s: -np.tanh(s / 2) / (4 * np.cosh(s / 2) ** 2)}

each_phi = pytest.mark.parametrize("phi", PHI)
each_net = pytest.mark.parametrize("net", ["dense", "deep", "convolutional", "words"])


# ---- the definition, by brute force ----

def loss(z, labels):
    """-sum over places of log p_label, one example."""
    z = z.reshape(-1, z.shape[-1])
    return -sum(row[c] - np.log(np.exp(row).sum()) for row, c in zip(z, np.ravel(labels)))


def cotangent(after, Ws, x, labels):
    """dloss/dx, entry by entry, by complex steps through the layers behind."""
    dx = np.empty(x.shape, np.longdouble)
    for entry in np.ndindex(x.shape):
        moved = x.astype(np.clongdouble)
        moved[entry] += brute.STEP * 1j
        dx[entry] = loss(after.trace(Ws, moved)[-1], labels).imag / np.longdouble(brute.STEP)
    return dx


def jacobian(before, theta, x):
    """ds/dtheta (M, P), parameter by parameter, by complex steps through the layers before."""
    wide, columns = theta.astype(np.clongdouble), []
    for k in range(theta.size):
        moved = wide.copy()
        moved[k] += brute.STEP * 1j
        columns.append(before.forward(moved, x)[-1].imag.reshape(-1) / np.longdouble(brute.STEP))
    return np.stack(columns, axis=-1)


def definition(objective, theta, phi):
    """Gauss-Newton, and (1/R) sum_n sum_e (ds/dtheta)^T diag(phi(f'' dloss/dx)) (ds/dtheta)."""
    B, layers = brute.fisher(objective, theta), objective.net.layers
    wide = theta.astype(np.longdouble)
    for e, layer in enumerate(layers):
        if not isinstance(layer, Elementwise):
            continue
        before, after = ref.Sequential(*layers[:e]), ref.Sequential(*layers[e + 1:])
        P = before.layout.size
        Ws = objective.net.matrices(wide)[len(before.shapes):]
        for n in range(objective.N):
            x = objective.x[n:n + 1].astype(np.longdouble)
            s = before.forward(wide[:P], x)[-1]
            dx = cotangent(after, Ws, layer.forward(None, s), objective.y[n])
            b = PHI[phi](SECOND[layer.name](s) * dx).reshape(-1)
            J = jacobian(before, wide[:P], x)
            B[:P, :P] += J.T @ (b[:, None] * J) / objective.R
    return B


@each_phi
@each_net
def test_it_is_the_sum_over_examples_and_elementwise_layers(net, phi):
    objective, theta = brute.NETS[net]()
    truth = definition(objective, theta, phi)
    B = ref.positive_curvature(objective, theta, phi)
    assert brute.distance(ref.dense(B), truth) <= DIGITS
    assert brute.distance(ref.columns(B), truth) <= DIGITS
    for block, s in zip(ref.blocks(B, objective.net.layout), objective.net.layout.slices):
        assert brute.distance(block, truth[s, s]) <= DIGITS
    for other in PHI.keys() - {phi}:
        wrong = ref.dense(ref.positive_curvature(objective, theta, other))
        assert brute.distance(wrong, truth) > 0.01


def test_phi_acts_on_each_layer_of_a_run_by_itself():
    """Layers of a run bend against each other, and the sum of |bends| is not |the sum|."""
    run = ref.Sine(), ref.Tanh(), ref.Softplus()
    objective, theta = make((ref.Dense(4, 3), *run, ref.Dense(3, 4), *run), ref.SquaredError())
    one = objective.batch(slice(0, 1))
    for phi in PHI:
        B = ref.positive_curvature(objective, theta, phi)
        assert brute.distance(ref.dense(B), ref.columns(B)) <= DIGITS
    last = objective.net.layout.slices[1]                 # whose pre-activations meet one run each
    apart, total, none = (np.diagonal(ref.dense(ref.positive_curvature(one, theta, phi)))[last]
                          for phi in ("abs", "identity", "zero"))
    assert (apart - none > 1.1 * np.abs(total - none)).any()


def test_channels_are_joined_where_the_branches_say():
    """Branches joined along channels: cotangents of their bends are cut along the same axis."""
    rng, both = np.random.default_rng(2), (ref.Conv2d(1, 2, 2), ref.Tanh())
    net = ref.Sequential(ref.Parallel(ref.Sequential(*both), ref.Sequential(ref.Sine(), *both),
                                      join="concatenate", axis=-3),
                         ref.Conv2d(4, 2, (1, 2)), ref.Tanh(), ref.Flatten(-3), ref.Dense(8, 3))
    objective = ref.Objective(net, ref.CrossEntropy(), rng.standard_normal((5, 1, 3, 4)),
                              rng.integers(0, 3, 5))
    theta = rng.standard_normal(net.layout.size)
    H = ref.dense(ref.hessian(objective, theta))
    B = ref.positive_curvature(objective, theta, "identity")
    for s, block in zip(net.layout.slices, ref.blocks(B, net.layout)):
        assert np.abs(block - H[s, s]).max() <= DIGITS * np.abs(H).max()


def test_examples_count_with_their_weights_and_weight_decay_is_left_out():
    w = np.random.default_rng(1).random(13) + 0.5
    objective, theta = brute.convolutional(weights=w, l2=0.3)
    plain, _ = brute.convolutional(reduction="sum")
    each = [ref.dense(ref.positive_curvature(plain.batch(slice(n, n + 1)), theta))
            for n in range(13)]
    B = ref.dense(ref.positive_curvature(objective, theta))
    assert brute.distance(B, np.einsum("n,npq->pq", w, each) / 13) <= DIGITS


def test_a_shared_layer_is_that_of_the_network_that_shares_none_folded():
    """B(theta) = E^T B_apart(E theta) E, E the copies of theta."""
    def cell():
        return ref.Sequential(ref.Dense(3, 3), ref.Tanh())
    ends = ref.Dense(4, 3), ref.Dense(3, 5)
    net = ref.Sequential(ends[0], ref.Tied("W", cell()), ref.Tied("W", cell()), ends[1])
    apart = ref.Sequential(ends[0], cell(), cell(), ends[1])
    copies = np.r_[0:27, 15:47]
    theta, x = np.random.default_rng(0).standard_normal(47), np.ones((1, 4))
    B, whole = (ref.dense(ref.positive_curvature(ref.Objective(n, ref.CrossEntropy(), x,
                                                               np.array([2])), t))
                for n, t in ((net, theta), (apart, theta[copies])))
    E = np.eye(47)[copies]
    assert brute.distance(B, E.T @ whole @ E) <= DIGITS


# ---- what it equals, and when ----

def orders(larger, smaller):
    """Smallest eigenvalue of the difference, over the largest in absolute value of the first."""
    return np.linalg.eigvalsh(larger - smaller)[0] / np.abs(np.linalg.eigvalsh(larger)).max()


def all_phi(objective, theta):
    return {phi: ref.dense(ref.positive_curvature(objective, theta, phi)) for phi in PHI}


ACCEPTED = [name for name, problem in LAYERS.items()
            if strange(problem(np.random.default_rng(0))[0].net) is None]


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_holds_for_every_layer(name):
    """dense = products; zero is Gauss-Newton; the order; and identity has the Hessian's blocks."""
    objective, theta = LAYERS[name](np.random.default_rng(0))
    H, G = ref.dense(ref.hessian(objective, theta)), ref.dense(ref.gauss_newton(objective, theta))
    B = all_phi(objective, theta)
    assert brute.distance(B["abs"], ref.columns(ref.positive_curvature(objective, theta))) <= DIGITS
    assert brute.distance(B["zero"], G) <= DIGITS < brute.distance(B["abs"], G)
    assert min(orders(B["abs"], B["clip"]), orders(B["clip"], B["zero"]),
               orders(B["clip"], B["identity"])) >= -ROUNDING
    assert np.linalg.eigvalsh(B["zero"])[0] >= -ROUNDING * np.abs(B["zero"]).max()
    assert brute.distance(2 * B["clip"], B["abs"] + B["identity"]) <= DIGITS
    off = [np.abs(B["identity"][s, s] - H[s, s]).max() for s in objective.net.layout.slices]
    shared = len(objective.net.layout.shapes) < len(objective.net.shapes)
    assert (max(off) <= DIGITS * np.abs(H).max()) == (not shared)


def test_the_list_of_layers_is_not_empty_and_not_all():
    assert {"Dense", "Residual", "Tied", "Conv2d twice", "MaxPool2d", "Dropout",
            "BatchNorm in evaluation", "Unembedding"} <= set(ACCEPTED)
    assert {"LayerNorm", "BatchNorm", "LSTM", "Attention", "GRU"}.isdisjoint(ACCEPTED)


def test_only_the_diagonal_blocks_are_those_of_the_hessian():
    objective, theta = brute.deep()
    H = ref.dense(ref.hessian(objective, theta))
    assert brute.distance(all_phi(objective, theta)["identity"], H) > 0.1


@pytest.mark.parametrize("kinked", [ref.ReLU(), ref.LeakyReLU(0.2), ref.HardTanh()], ids=repr)
def test_of_piecewise_linear_networks_all_are_gauss_newton(kinked):
    objective, theta = make((ref.Dense(5, 3), kinked, ref.Dense(3, 4)), ref.CrossEntropy())
    G = ref.dense(ref.gauss_newton(objective, theta))
    assert all((B == G).all() for B in all_phi(objective, theta).values())


def test_of_deep_linear_networks_all_are_gauss_newton():
    layers = ref.Dense(5, 3), ref.Dense(3, 2), ref.Identity(), ref.Dense(2, 4)
    objective, theta = make(layers, ref.CrossEntropy())
    G = ref.dense(ref.gauss_newton(objective, theta))
    assert all((B == G).all() for B in all_phi(objective, theta).values())


def rising(target):
    """Softplus bends upwards; V > 0 and outputs beyond their targets: no bend is negative."""
    net = ref.Sequential(ref.Dense(4, 3), ref.Softplus(), ref.Dense(3, 2), ref.Softplus())
    rng = np.random.default_rng(0)
    objective = ref.Objective(net, ref.SquaredError(), rng.standard_normal((5, 4)),
                              np.full((5, 2), target))
    return objective, rng.random(net.layout.size)


def test_where_no_bend_is_negative_abs_and_clip_leave_the_hessians_blocks():
    objective, theta = rising(-1.0)
    B, layout = all_phi(objective, theta), objective.net.layout
    assert (B["abs"] == B["identity"]).all() and (B["clip"] == B["identity"]).all()
    for block, H in zip((B["abs"][s, s] for s in layout.slices),
                        ref.blocks(ref.hessian(objective, theta), layout)):
        assert brute.distance(block, H) <= DIGITS


def test_where_no_bend_is_positive_clip_is_gauss_newton_and_abs_its_mirror_image():
    B = all_phi(*rising(100.0))
    assert (B["clip"] == B["zero"]).all()
    assert brute.distance(B["abs"] - B["zero"], B["zero"] - B["identity"]) <= DIGITS
    assert np.linalg.eigvalsh(B["identity"])[0] < -1


@pytest.mark.parametrize("loss", LOSSES)
def test_semidefinite_where_the_loss_is_convex_and_not_elsewhere(loss):
    layers = ref.Dense(5, 3), ref.Tanh(), ref.Dense(3, 2), ref.Sigmoid(), ref.Dense(2, 4)
    objective, theta = make(layers, LOSSES[loss])
    B = all_phi(objective, 2 * theta)
    lowest = {phi: np.linalg.eigvalsh(M)[0] / np.linalg.norm(M, 2) for phi, M in B.items()}
    if loss == "Gaussian":
        assert lowest["abs"] < -1e-3 and lowest["zero"] < -1e-3
    else:
        assert min(lowest["abs"], lowest["clip"]) >= -ROUNDING and lowest["identity"] < -1e-3


# ---- parts, and room ----

@pytest.mark.parametrize("name", ["Dense", "Conv2d twice", "Residual", "Tied", "Conv1d"])
def test_diagonal_stream_and_partitions_are_of_the_matrix(name):
    objective, theta = LAYERS[name](np.random.default_rng(0))
    B, layout = ref.positive_curvature(objective, theta), objective.net.layout
    matrix = ref.dense(B)
    assert brute.distance(ref.diagonal(B), np.diagonal(matrix)) <= DIGITS
    for (l, m), part in ref.stream(B, layout):
        assert np.abs(part - matrix[layout.slices[l], layout.slices[m]]).max() <= DIGITS
    mixed = np.arange(theta.size)[::2], np.arange(theta.size)[1::2]
    for groups in ref.partition(objective.net, "weights and biases"), mixed:
        for group, block in zip(groups, ref.blocks(B, groups), strict=True):
            assert np.abs(block - matrix[np.ix_(group, group)]).max() <= DIGITS


@pytest.mark.parametrize("layers", [
    (ref.Flatten(), ref.Dense(64, 16), ref.Tanh(), ref.Dense(16, 10)),
    (ref.Conv2d(1, 6, 3), ref.Tanh(), ref.Conv2d(6, 10, 6), ref.Flatten()),
    (ref.Conv2d(1, 6, 3), ref.Tanh(), ref.AvgPool2d(2), ref.Conv2d(6, 8, 2), ref.Tanh(),
     ref.Flatten(), ref.Dense(32, 20), ref.Tanh(), ref.Dense(20, 10))],
    ids=["chain", "convolutions", "both"])
def test_the_room_that_is_stated_is_what_is_taken(layers):
    net, (x, y) = ref.Sequential(*layers), ref.problems.digits(60)
    objective = ref.Objective(net, ref.CrossEntropy(), x.reshape(60, 1, 8, 8), y)
    B = ref.positive_curvature(objective, net.initial(np.random.default_rng(0)))
    tracemalloc.start()
    ref.dense(B)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / 3 < ref.room(B) < 3 * peak                   # the factor that `room` promises


# ---- numbers ----

def test_it_is_proven_by_balls_and_as_wide_as_theta():
    objective, theta = brute.convolutional()
    assert ref.certify(ref.positive_curvature, objective, theta).digits > 14
    wide = ref.dense(ref.positive_curvature(objective.to("longdouble"), theta.astype("longdouble")))
    narrow = ref.dense(ref.positive_curvature(objective.to("float32"), theta.astype("float32")))
    assert wide.dtype == np.longdouble and narrow.dtype == np.float32
    truth = definition(objective, theta, "abs")
    assert brute.distance(wide, truth) <= 1e3 * eps(np.longdouble)         # as DIGITS, of float64
    assert 1e-9 < brute.distance(narrow, truth) <= 100 * eps(np.float32)


def test_an_operator_stays_at_its_point():
    objective, theta = brute.dense()
    moving = theta.copy()
    B = ref.positive_curvature(objective, moving)
    moving += 1
    assert (ref.dense(B) == ref.dense(ref.positive_curvature(objective, theta))).all()
    assert (B @ np.ones(theta.size) == ref.positive_curvature(objective, theta)
            @ np.ones(theta.size)).all()


# ---- bad input ----

@pytest.mark.parametrize("name, layer", [("LSTM", "LSTM"), ("LayerNorm", "LayerNorm"),
                                         ("MultiHeadAttention", "Attention"),
                                         ("BatchNorm", "BatchNorm")])
def test_a_layer_that_is_neither_affine_nor_elementwise_is_named(name, layer):
    objective, theta = LAYERS[name](np.random.default_rng(0))
    with pytest.raises(ValueError, match=rf"^{layer}\(.* is neither affine nor elementwise"):
        ref.positive_curvature(objective, theta)


def test_a_wrong_phi_and_a_wrong_theta_are_refused():
    objective, theta = brute.dense()
    with pytest.raises(ValueError, match="one of abs, clip, zero, identity, got 'absolute'"):
        ref.positive_curvature(objective, theta, "absolute")
    with pytest.raises(ValueError, match=r"theta has shape \(30,\)"):
        ref.positive_curvature(objective, theta[1:])


@pytest.mark.parametrize("function", [ref.positive_curvature, ref.bda_pch])
def test_a_list_is_no_name_of_phi(function):
    with pytest.raises(ValueError, match=r"phi must be one of .*, got \['abs'\]"):
        function(*small(), ["abs"])
