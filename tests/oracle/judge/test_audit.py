"""Every weakness: the fault that it names is not seen, or not told, there, and is at another point.

Each row plants a fault in straight terms, at a weak point and at one that differs in that alone.
"""

from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.oracle.judge.points.audit import WEAKNESSES
from reference.oracle.judge.verdict import check

PLANTED = {}


def planted(name, quantity="gradient"):
    """Registers points(weak) -> (objective, theta, *arguments) and theirs(*given)."""
    def register(function):
        PLANTED[name] = (quantity, function)
        return function
    return register


def draw(*layers, x, C, loss=None, scale=0.7, seed=0):
    rng, net = np.random.default_rng(seed), ref.Sequential(*layers)
    x = rng.standard_normal(x) if isinstance(x, tuple) else x
    y = rng.integers(C, size=len(x)) if loss is None else rng.standard_normal((len(x), C))
    theta = scale * rng.standard_normal(net.layout.size)
    return ref.Objective(net, loss or ref.CrossEntropy(), x, y), theta


def dense(N=11, I=4, O=3, C=7, middle=None, **options):
    middle = ref.Tanh() if middle is None else middle
    return draw(ref.Dense(I, O), middle, ref.Dense(O, C), x=(N, I), C=C, **options)


def of_net(net):
    """The gradient of another network at the same numbers."""
    return lambda o, t, *rest: replace(o, net=net).grad(t)


def by_hand(o, t, transposed=True, factor=1.0):
    """The gradient of Dense, Tanh, Dense: W_2 in place of its transpose if not `transposed`."""
    W1, W2 = o.net.layout.unpack(t)
    p = np.concatenate([o.x, np.ones((o.N, 1))], 1)
    h = np.tanh(p @ W1.T)
    q = np.concatenate([h, np.ones((o.N, 1))], 1)
    g2 = o.dz(q @ W2.T)
    V = W2[:, :-1]
    g1 = (g2 @ (V if transposed else V.T)) * (1 - h * h)
    return np.concatenate([(g1.T @ p).ravel(), (g2.T @ q).ravel()])


# ---- sizes ----

@planted("one example")
def one_example(weak):
    given = dense(N=1 if weak else 11)
    def last_alone(o, t):
        return o.batch(slice(o.N - 1, None)).grad(t)
    return given, last_alone


@planted("one place", "kfac")
def one_place(weak):
    given = draw(ref.Conv1d(2, 3, 4), ref.Tanh(), ref.AdaptiveAvgPool1d(1), ref.Flatten(-2),
                 ref.Dense(3, 5), x=(11, 2, 4 if weak else 10), C=5)
    return given, lambda o, t: ref.kfac(o, t, setting="reduce")


@planted("symmetric")
def symmetric(weak):
    o, t = dense(O=5, C=5)
    W = o.net.layout.unpack(t)[1]
    if weak:
        W[:, :-1] = (W[:, :-1] + W[:, :-1].T) / 2
    return (o, t), lambda o, t: by_hand(o, t, transposed=False)


# ---- layers ----

@planted("square kernel")
def square_kernel(weak):
    k = (3, 3) if weak else (3, 2)
    given = draw(ref.Conv2d(2, 3, k), ref.Tanh(), ref.AdaptiveAvgPool2d(1), ref.Flatten(),
                 ref.Dense(3, 5), x=(7, 2, 8, 8), C=5)
    def height_twice(o, t):
        conv = ref.Conv2d(2, 3, (o.net.layers[0].kernel_size[0],) * 2)
        return replace(o, net=ref.Sequential(conv, *o.net.layers[1:])).grad(t)
    return given, height_twice


@planted("stride is dilation")
def stride_is_dilation(weak):
    s, d = (2, 2) if weak else (1, 2)
    def net(s, d):
        return ref.Conv1d(2, 3, 3, stride=s, dilation=d), ref.Tanh(), ref.AdaptiveAvgPool1d(
            1), ref.Flatten(-2), ref.Dense(3, 5)
    return draw(*net(s, d), x=(7, 2, 16), C=5), of_net(ref.Sequential(*net(d, s)))


@planted("no overlap")
def no_overlap(weak):
    """dx of the average over windows, where each window overwrites what another one left."""
    k, s = 3, 3 if weak else 2
    given = draw(ref.Conv1d(2, 3, 2), ref.Tanh(), ref.AvgPool1d(k, s), ref.Flatten(-2),
                 ref.Dense(12 if weak else 18, 5), x=(7, 2, 14), C=5)
    def overwrites(o, t):
        conv, tanh, *rest = o.net.layers
        xs = o.net.forward(t, o.x)
        dx = o.net.vjp(t, xs, o.dz(xs[-1]))[1]
        h, dy, dh = xs[2], dx[3], np.zeros_like(xs[2])
        for i in range(dy.shape[-1]):
            dh[..., i * s:i * s + k] = dy[..., i:i + 1] / k
        g = dh * (1 - h * h)
        uses = conv.use(o.net.layout.unpack(t)[0], o.x, None, g).total()
        found = o.grad(t)
        found[o.net.layout.slices[0]] = uses.ravel()
        return found
    return given, overwrites


@planted("dropout")
def dropout(weak):
    mask = np.random.default_rng(1).random((11, 3)) > 0.4
    p = 0.5 if weak else 0.3
    def net(p):
        return ref.Dense(4, 3), ref.Dropout(mask, p), ref.Dense(3, 7)
    return draw(*net(p), x=(11, 4), C=7), of_net(ref.Sequential(*net(1 - p)))


@planted("indices")
def indices(weak):
    x = np.arange(7)[:, None] if weak else np.arange(7)[:, None] % 5
    given = draw(ref.Embedding(7, 3), ref.Flatten(-2), ref.Dense(3, 5), x=x, C=5)
    def overwrites(o, t):
        xs = o.net.forward(t, o.x)
        dy = o.net.vjp(t, xs, o.dz(xs[-1]))[1][1]
        table, found = np.zeros((7, 3)), o.grad(t)
        table[o.x[:, 0]] = dy[:, 0]
        found[o.net.layout.slices[0]] = table.T.ravel()
        return found
    return given, overwrites


@planted("dead unit")
def dead_unit(weak):
    o, t = dense(middle=ref.ReLU())
    W = o.net.layout.unpack(t)[0]
    if weak:
        W[1, -1] = -50
    def twice(o, t):
        g = o.grad(t)
        o.net.layout.unpack(g)[0][1] *= 2
        return g
    return (o, t), twice


@planted("all on")
def all_on(weak):
    o, t = dense(middle=ref.ReLU())
    if weak:
        o.net.layout.unpack(t)[0][:, -1] = 50
    def unmasked(o, t):
        W1, W2 = o.net.layout.unpack(t)
        p = np.concatenate([o.x, np.ones((o.N, 1))], 1)
        h = np.maximum(p @ W1.T, 0)
        q = np.concatenate([h, np.ones((o.N, 1))], 1)
        g2 = o.dz(q @ W2.T)
        return np.concatenate([((g2 @ W2[:, :-1]).T @ p).ravel(), (g2.T @ q).ravel()])
    return (o, t), unmasked


def gauss_newton_blocks(o, t):
    return ref.blocks(ref.gauss_newton(o, t), o.net.layout)


@planted("blocks without bends", "hessian_blocks")
def no_bends(weak):
    return dense(middle=ref.LeakyReLU(0.3) if weak else ref.Tanh()), gauss_newton_blocks


@planted("linear", "hessian")
def linear(weak):
    given = draw(ref.Dense(4, 7), x=(11, 4), C=7) if weak else dense()
    return given, lambda o, t: ref.dense(ref.gauss_newton(o, t))


@planted("constant cotangent", "vjp")
def constant_cotangent(weak):
    o, t = draw(ref.Dense(4, 3), ref.Tanh(), ref.Dense(3, 5), ref.LayerNorm(5, affine=False),
                x=(11, 4), C=5)
    u = np.ones((11, 5)) if weak else np.random.default_rng(1).standard_normal((11, 5))
    return (o, t, u), lambda o, t, u: 0 * t


# ---- values ----

@planted("labels")
def labels(weak):
    o, t = dense()
    o = replace(o, y=np.full(11, 3)) if weak else o
    return (o, t), lambda o, t: replace(o, y=np.full(o.N, o.y[0])).grad(t)


@planted("examples", "kfac")
def examples(weak):
    o, t = dense()
    o = replace(o, x=np.tile(o.x[:1], (11, 1))) if weak else o
    def of_means(o, t):
        xs = o.net.forward(t, o.x)
        means = [np.append(x.mean(0), 1) for x in (xs[0], xs[2])]
        return [(K.G, np.outer(p, p)) for K, p in zip(ref.kfac(o, t), means)]
    return (o, t), of_means


@planted("gradient")
def gradient(weak):
    o, t = dense(loss=ref.SquaredError())
    o = replace(o, y=o.outputs(t)) if weak else o
    return (o, t), lambda o, t: by_hand(o, t, transposed=True) * 3


@planted("residual", "hessian")
def residual(weak):
    o, t = dense(loss=ref.SquaredError())
    o = replace(o, y=o.outputs(t)) if weak else o
    return (o, t), lambda o, t: ref.dense(ref.gauss_newton(o, t))


@planted("biases")
def biases(weak):
    o, t = dense()
    if weak:
        for W in o.net.layout.unpack(t):
            W[:, -1] = 0
    def forgets(o, t):
        without = t.copy()
        for W in o.net.layout.unpack(without):
            W[:, -1] = 0
        return o.grad(without)
    return (o, t), forgets


@planted("direction", "hvp")
def direction(weak):
    o, t = dense()
    v = np.random.default_rng(1).standard_normal(t.size)
    if weak:
        v[o.net.layout.slices[0]] = 0
    def holds_the_first_matrix(o, t, v):
        along = v.copy()
        along[o.net.layout.slices[0]] = 0
        return ref.hvp(o, t, along)
    return (o, t, v), holds_the_first_matrix


@planted("damping", "kfac_inverse")
def damping(weak):
    o, t = draw(ref.Dense(4, 2), ref.Tanh(), ref.Dense(2, 1), x=(11, 4), C=1,
                loss=ref.SquaredError())
    lam = 0.0 if weak else 0.13
    def per_factor(o, t, lam):
        return [K.inv(lam, "per factor").dense() for K in ref.kfac(o, t)]
    return (o, t, lam), per_factor


@pytest.mark.parametrize("name", PLANTED)
def test_the_fault_that_is_named_is_hidden_there_and_seen_elsewhere(name):
    quantity, points = PLANTED[name]
    for weak in (True, False):
        given, theirs = points(weak)
        told = {each.name for each in ref.audit(*given, quantity=quantity)}
        report = check(theirs, quantity, *given)
        assert (name in told) == weak
        assert report.passed == weak, report
        assert (name in {each.name for each in report.warnings}) == weak


# ---- weaknesses that hide a name, or cry wolf ----

def test_equal_sizes_take_the_name_from_a_factor():
    told = {}
    for C in (11, 7):
        objective, theta = dense(N=11, C=C)
        g = objective.grad(theta)
        told[C] = {check(factor * g, "gradient", objective, theta).explanation.text
                   for factor in (1 / 11, 1 / C)}
        assert bool(ref.audit(objective, theta)) == (C == 11)
    assert len(told[11]) == 1 and told[7] == {"ours x 1/N", "ours x 1/C"}


def test_products_of_sizes_that_coincide_are_told():
    objective, theta = dense(N=14, C=7)
    assert str(ref.audit(objective, theta)[0]).startswith("N = 2 x C = 14")


def test_a_transpose_of_a_square_matrix_has_its_shape():
    for O in (4, 3):
        objective, theta = dense(O=O)
        named = {name: a.T for name, a in objective.net.named(objective.grad(theta)).items()}
        report = check(named, "gradient", objective, theta)
        square = "square" in {each.name for each in report.warnings}
        transposed = {name: a for name, a in named.items() if name == "0.weight"}
        assert square == (O == 4) == (
            transposed["0.weight"].shape == objective.net.named(theta)["0.weight"].shape)
        assert not report.passed


def kinked(distance):
    """A unit whose input is that far from 0 in example 2."""
    objective, theta = dense(middle=ref.ReLU())
    W = objective.net.layout.unpack(theta)[0]
    W[1, -1] = -(objective.x[2] @ W[1, :-1])
    W[1, -1] += distance - (np.append(objective.x[2], 1) @ W[1])
    return objective, theta


def right_sided(o, t):
    """A correct gradient whose relu has slope 1 at its kink, and near it by rounding."""
    W1, W2 = o.net.layout.unpack(t)
    p = np.concatenate([o.x, np.ones((o.N, 1))], 1)
    s = p @ W1.T
    q = np.concatenate([np.maximum(s, 0), np.ones((o.N, 1))], 1)
    g2 = o.dz(q @ W2.T)
    g1 = (g2 @ W2[:, :-1]) * (s > -1e-12)
    return np.concatenate([(g1.T @ p).ravel(), (g2.T @ q).ravel()])


def test_at_a_kink_a_correct_program_differs():
    near, far = kinked(-1e-14), kinked(-0.3)
    assert "kink" in {each.name for each in check(right_sided, "gradient", *near).warnings}
    assert not check(right_sided, "gradient", *near).passed
    assert "kink" not in {each.name for each in ref.audit(*far)}
    assert check(right_sided, "gradient", *far).passed


def last_winner(o, t):
    """A correct gradient of a maximum of two, which takes the last of equal ones."""
    (w,), D = o.net.layout.unpack(t)
    p = np.concatenate([o.x, np.ones((o.N, 1, 2))], 1)              # (N, 3, 2)
    s = np.einsum("i,nit->nt", w, p)
    winner = np.where(s[:, 1] >= s[:, 0], 1, 0)
    q = np.stack([s[np.arange(o.N), winner], np.ones(o.N)], 1)
    g = o.dz(q @ D.T)
    pulled = (g @ D[:, :1]) * p[np.arange(o.N), :, winner]
    return np.concatenate([pulled.sum(0), (g.T @ q).ravel()])


def test_at_a_tie_the_tolerance_allows_for_both():
    o, t = draw(ref.Conv1d(2, 1, 1), ref.MaxPool1d(2, 1), ref.Flatten(-2), ref.Dense(1, 5),
                x=(7, 2, 2), C=5)
    t[:2] = 1, 0
    assert "tie" not in {each.name for each in ref.audit(o, t)}
    assert check(last_winner, "gradient", o, t).distance < 1e-13
    o.x[2, 0, 1] = o.x[2, 0, 0]
    report = check(last_winner, "gradient", o, t)
    assert "tie" in {each.name for each in report.warnings}
    assert report.passed and report.distance > 1e-3


def test_every_weakness_is_planted():
    elsewhere = {"sizes", "square", "kink", "tie"}
    ref.audit(*dense())
    assert set(PLANTED) | elsewhere == set(WEAKNESSES)
