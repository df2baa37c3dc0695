"""Numbers of other libraries as ours: by formulas written out, and back again exactly."""

from dataclasses import fields, replace

import numpy as np
import pytest

import reference as ref
from reference.oracle.conventions import CONVENTIONS, convention
from reference.oracle.conventions.quantities import CHANGES
from reference.oracle.conventions.record import CERTAINTIES
from reference.oracle.conventions.scales import Impossible
from reference.oracle.judge.subjects import SUBJECTS
from tests.curvature.brute import NETS

SAME = 1e-13                           # a factor and its inverse: a few roundings


def image(loss=None, y=None, **options):
    """N = 7; 3 x 5 places of 13-3, 46-5 without places."""
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Conv2d(2, 3, (2, 3)), ref.Tanh(), ref.Flatten(), ref.Dense(45, 5))
    x, theta = rng.standard_normal((7, 2, 4, 7)), 0.3 * rng.standard_normal(net.layout.size)
    y = rng.integers(5, size=7) if loss is None else rng.standard_normal((7, 5))
    return ref.Objective(net, loss or ref.CrossEntropy(), x, y, **options), theta


def uses(objective, theta, labels=True):
    """(p (N, S, I), g of loss_n (N, S, O)) of the convolution, g at the data's labels."""
    xs = objective.net.forward(theta, objective.x)
    found = objective.net.backward(theta, xs, objective.dz(xs[-1]))[0]
    p, g = found[0].pairs()[0]
    return p, objective.R * g


def near(a, b):
    return np.abs(np.asarray(a) - b).max() <= SAME * np.abs(b).max()


def arguments_of(subject, objective, theta):
    rng = np.random.default_rng(0)
    known = {"v": rng.standard_normal(theta.size), "seed": 3, "damping": 0.1,
             "u": rng.standard_normal(objective.output_shape)}
    return [known[name] for name in subject.arguments]


def ours(name, objective, theta):
    subject = SUBJECTS[name]
    pieces = subject.pieces(objective, theta, *arguments_of(subject, objective, theta))
    arrays = [piece.array for piece in pieces]
    return arrays[0] if CHANGES[name].form not in ("blocks", "factors") else arrays


LEAST = {"per_example_gradients": {"ours", "torch.func", "backpack", "jax"},
         "kfac": {"ours", "curvlinops"}, "kfac_inverse": {"ours", "curvlinops"},
         "ekfac": {"ours", "curvlinops"}, "kfac_blocks": {"ours", "curvlinops"},
         "kflr": {"ours", "curvlinops"}}


@pytest.mark.parametrize("net", ["dense", "convolutional", "recurrent"])
def test_there_and_back_is_the_identity_or_is_refused(net):
    objective, theta = NETS[net]()
    for name in CHANGES:
        value, done = ours(name, objective, theta), set()
        for other in CONVENTIONS:
            try:
                there = ref.convert(value, name, objective, "ours", other)
                back = ref.convert(there, name, objective, other)
            except Impossible:
                continue
            done.add(other)
            assert all(map(near, flat(back), flat(value))), (name, other)
        assert LEAST.get(name, {"ours", "torch", "jax", "keras", "curvlinops"}) <= done, name


def flat(value):
    """All arrays of a list or of pairs."""
    if not isinstance(value, (list, tuple)):
        return [value]
    return [a for each in value for a in flat(each)]


def test_between_two_others_is_by_way_of_ours():
    objective, theta = image()
    K = ref.kfac(objective, theta, "empirical")
    def to(value, source, target):
        return ref.convert(value, "kfac", objective, source, target, kind="empirical")
    theirs = to(K, "ours", "kfac-pytorch")
    for (G, A), (G2, A2) in zip(to(theirs, "kfac-pytorch", "kfc"), to(K, "ours", "kfc")):
        assert near(G, G2) and near(A, A2)


# ---- formulas, written out ----

def test_kfac_pytorch_divides_by_places_before_it_averages():
    objective, theta = image()
    p, g = uses(objective, theta)
    N, S, I = p.shape
    rows, means = p.reshape(-1, I) / S, g.reshape(N * S, -1) / N / S
    theirs = [(means.T @ means / len(means), rows.T @ rows / len(rows))]
    K = ref.kfac(objective, theta, "empirical")
    last = ref.convert(K, "kfac", objective, "ours", "kfac-pytorch", kind="empirical")[1]
    found = ref.convert([theirs[0], last], "kfac", objective, "kfac-pytorch", kind="empirical")
    assert near(found[0][0], K[0].G) and near(found[0][1], K[0].A)
    assert near(last[0], K[1].G / objective.N ** 2)


def test_kfc_sums_inputs_over_places_and_averages_gradients():
    objective, theta = image()
    p, g = uses(objective, theta)
    N, S, I = p.shape
    K = ref.kfac(objective, theta, "empirical")
    (Gamma, Omega), _ = ref.convert(K, "kfac", objective, "ours", "kfc", kind="empirical")
    assert near(Omega, np.einsum("nsi,nsj->ij", p, p) / N)
    assert near(Gamma, np.einsum("nsi,nsj->ij", g, g) / (N * S))


def test_kfac_jax_has_the_channels_last_and_the_constant_behind():
    objective, theta = image()
    p, g = uses(objective, theta)
    N, S, I = p.shape
    places = np.moveaxis(p[..., :-1].reshape(N, S, 2, 2, 3), 2, -1).reshape(N, S, I - 1)
    q = np.concatenate([places, np.ones((N, S, 1))], -1)
    K = ref.kfac(objective, theta)
    (_, A), _ = ref.convert(K, "kfac", objective, "ours", "kfac-jax")
    assert near(A, np.einsum("nsi,nsj->ij", q, q) / (N * S))


def test_backpack_mixes_settings_where_there_are_places():
    objective, theta = image()
    with pytest.raises(Impossible, match="G is that of 'reduce', which sums over places"):
        ref.convert(ref.kfac(objective, theta), "kfac", objective, "ours", "backpack")
    dense, t = NETS["dense"]()
    K = ref.kfac(dense, t)
    theirs = ref.convert(K, "kfac", dense, "ours", "backpack")
    assert [A.shape for _, A in theirs] == [(4, 4), (2, 2)]
    with pytest.raises(Impossible, match="no constant 1"):
        ref.convert(theirs, "kfac", dense, "backpack")


@pytest.mark.parametrize("setting, target, refused", [
    ("reduce", "kfc", True), ("expand", "kfc", False), ("reduce", "curvlinops", False)])
def test_reduce_is_never_made_into_expand(setting, target, refused):
    objective, theta = image()
    K = ref.kfac(objective, theta, setting=setting)
    if refused:
        with pytest.raises(Impossible, match="neither setting can be made of the other"):
            ref.convert(K, "kfac", objective, "ours", target, setting=setting)
    else:
        assert ref.convert(K, "kfac", objective, "ours", target, setting=setting)


def torch_order(objective, theta):
    return np.concatenate([a.reshape(-1) for a in objective.net.named(theta).values()])


@pytest.mark.parametrize("loss, scale", [(ref.SquaredError(), 2 / 5), (None, 1),
                                         (ref.Huber(), 1 / 5)])
def test_torch_s_means_are_over_elements(loss, scale):
    objective, theta = image(loss)
    g = objective.grad(theta)
    theirs = ref.convert(g, "gradient", objective, "ours", "torch")
    assert near(theirs, scale * torch_order(objective, g))
    named = {name: scale * a for name, a in objective.net.named(g).items()}
    assert near(ref.convert(named, ref.gradient, objective, "torch"), g)
    sums = replace(objective, reduction="sum")
    assert near(ref.convert(g, "gradient", sums, "ours", "torch"),
                (2 if scale == 2 / 5 else 1) * torch_order(objective, g))


def test_outer_products_square_the_factor_of_the_loss():
    """4/(N C), as measured in curvlinops with MSELoss: 0.8 for C = 5."""
    objective, theta = image(ref.SquaredError())
    K = ref.kfac(objective, theta, "empirical")
    theirs = ref.convert(K, "kfac", objective, "ours", "curvlinops", kind="empirical")
    assert near(theirs[0][0], 0.8 * K[0].G) and near(theirs[0][1], K[0].A)
    closed = ref.convert(ref.kfac(objective, theta), "kfac", objective, "ours", "curvlinops")
    assert near(closed[1][0], 0.4 * ref.kfac(objective, theta)[1].G)


def test_backpack_s_gradients_of_examples_carry_the_mean():
    """2/35, as measured with MSELoss for N = 7 and C = 5."""
    objective, theta = image(ref.SquaredError())
    J = ref.per_example_gradients(objective, theta)
    theirs = ref.convert(J, "per_example_gradients", objective, "ours", "backpack")
    assert near(theirs[3], 2 / 35 * torch_order(objective, J[3]))
    alone = ref.convert(J, "per_example_gradients", objective, "ours", "torch.func")
    assert near(alone[3], 2 / 5 * torch_order(objective, J[3]))


def test_a_damped_inverse_goes_with_its_damping():
    objective, theta = image()
    K = ref.kfac(objective, theta)
    blocks = [k.inv(0.1).dense() for k in K]
    S = 15
    theirs = ref.convert(blocks, "kfac_inverse", objective, "ours", "kfc")
    lam = ref.convert_damping(K[0], 0.1, "pi", "pi", (1 / S, S))
    inverse = ref.Kron(K[0].G / S, K[0].A * S).inv(lam)
    assert near(theirs[0], np.kron(inverse.A, inverse.G))


# ---- what is refused ----

@pytest.mark.parametrize("quantity, source, match", [
    ("kfac", "torch", "no Kronecker factors"),
    ("gradient", "nngeometry", "scale of CrossEntropy is not known"),
    ("per_example_gradients", "torch", "single examples")])
def test_what_is_not_known_is_not_invented(quantity, source, match):
    objective, theta = NETS["dense"]()
    with pytest.raises(Impossible, match=match):
        ref.convert(ours(quantity, objective, theta), quantity, objective, source)


def test_rows_in_groups_are_refused():
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(4, 5), ref.LayerNorm(5))
    objective = ref.Objective(net, ref.CrossEntropy(), rng.standard_normal((7, 4)),
                              rng.integers(5, size=7))
    with pytest.raises(Impossible, match="rows fall into groups"):
        ref.convert(ref.kfac(objective, net.initial(rng)), "kfac", objective, "ours", "kfc")


def test_weight_decay_is_no_part_of_their_loss():
    objective, theta = image(ref.SquaredError(), l2=0.1)
    with pytest.raises(Impossible, match="weight decay"):
        ref.convert(objective.grad(theta), "gradient", objective, "torch")


@pytest.mark.parametrize("value, quantity, source, match", [
    (np.ones(3), "gradient", "torch", "31 entries of theta"),
    (np.ones(31), "gradient", "theano", "no convention 'theano'"),
    ([np.eye(2)], "gauss_newton_blocks", "torch", "each of the 2 matrices"),
    (np.ones(31), "gradients", "torch", "nothing that can be checked")])
def test_what_does_not_fit_is_refused(value, quantity, source, match):
    with pytest.raises(ValueError, match=match):
        ref.convert(value, quantity, NETS["dense"]()[0], source)


# ---- records ----

@pytest.mark.parametrize("name", CONVENTIONS)
def test_every_record_says_where_it_was_read(name):
    record = convention(name)
    assert record.name == name and record.source and record.certainty in CERTAINTIES
    assert all(hasattr(record, each.name) for each in fields(record))
    with pytest.raises(AttributeError):
        record.name = "another"
