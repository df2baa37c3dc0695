"""Where expand and reduce are the exact block, to rounding; beside each, where they are not.

With J_n = sum_t g_nt p_nt^T, expand is exact where the products of different places vanish or are
not there, and G is the same for all; reduce where all places of an example have one g, or one p.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest

import reference as ref
from reference.arrays import functions as F
from reference.arrays.precision import eps
from tests.derivatives.cases import distance

TOLERANCE, AWAY = 200 * eps(float), 1e-3
SQUARES = ref.SquaredError()


@dataclass(frozen=True)
class Swap(ref.Layer):
    """(N, A, B) -> (N, B, A): channels last, or places last."""

    def output_shape(self, shape):
        return shape[::-1]

    def forward(self, W, x):
        return F.swapaxes(x, -1, -2)

    def vjp(self, W, x, y, dy):
        return None, F.swapaxes(dy, -1, -2)


@dataclass(frozen=True, eq=False)
class Read(ref.Layer):
    """z_c = sum_t a_nt x_nct: (N, C, T) -> (N, C), a of shape (N or 1, T)."""

    a: Any

    def output_shape(self, shape):
        return shape[:1]

    def forward(self, W, x):
        return F.sum(x * F.constant(self.a[:, None], x), -1)

    def vjp(self, W, x, y, dy):
        return None, dy[..., None] * F.constant(self.a[:, None], dy)


MEANS = ref.AdaptiveAvgPool1d(1), ref.Flatten(-2)


def problem(layers, x, loss=SQUARES, **options):
    """Random targets of the outputs' shape, and a theta of moderate size."""
    rng, net = np.random.default_rng(4), ref.Sequential(*layers)
    shape = (len(x), *net.output_shape(x.shape[1:]))
    y = (rng.standard_normal(shape) if loss is SQUARES
         else rng.integers(0, shape[-1], shape[:-1]))
    return ref.Objective(net, loss, x, y, **options), 0.7 * rng.standard_normal(net.layout.size)


def data(*shape):
    return np.random.default_rng(5).standard_normal(shape)


def gaps(objective, theta, setting, kind="ggn"):
    """Of every matrix, how far its Kronecker product is from the block."""
    whole = (ref.gauss_newton(objective, theta) if kind == "ggn"
             else ref.fisher(objective, theta, kind))
    krons = ref.kfac(objective, theta, kind, setting=setting)
    return [distance(K.dense(), B)
            for K, B in zip(krons, ref.blocks(whole, objective.net.layout))]


def exact(gap):
    """Exact to rounding, or clearly not: nothing between."""
    assert gap <= TOLERANCE or gap > AWAY, gap
    return gap <= TOLERANCE


def verdicts(layers, x, setting, loss=SQUARES, **options):
    return [exact(gap) for gap in gaps(*problem(layers, x, loss, **options), setting)]


WEIGHTS = np.random.default_rng(6).random(7) + 0.5
PLACES, IMAGE = data(7, 3, 5), data(7, 2, 9)
DENSES = ref.Dense(5, 4), ref.Dense(4, 3, bias=False), ref.Dense(3, 2)
POINTS = ref.Conv1d(2, 4, 1), ref.Conv1d(4, 3, 1)
WINDOW = ref.Conv1d(2, 3, 4, stride=2, padding=1)
options = pytest.mark.parametrize("options", [{}, {"weights": WEIGHTS}, {"reduction": "sum"}],
                                  ids=str)


# ---- linear, squared error: a label at each place, or the mean over places ----

@options
@pytest.mark.parametrize("layers, x, alone", [
    (DENSES, PLACES, True), ((*POINTS, Swap()), IMAGE, True),
    ((WINDOW, ref.Conv1d(3, 5, 1), Swap()), IMAGE, True),
    ((ref.Conv1d(2, 3, 1), ref.Conv1d(3, 2, 3), Swap()), IMAGE, False)],
    ids=["dense", "1x1", "window and 1x1", "window above"])
def test_expand_is_exact_if_each_place_has_a_label_and_a_way_of_its_own(layers, x, alone, options):
    """A window above mixes the places of the matrix below, of which the theorem then fails."""
    assert verdicts(layers, x, "expand", **options) == [alone, True, True][:len(
        [layer for layer in layers if layer.shapes])]
    assert not any(verdicts(layers, x, "reduce", **options))


@options
@pytest.mark.parametrize("layers, x, alone", [
    ((*DENSES, Swap(), *MEANS), PLACES, True), ((*POINTS, *MEANS), IMAGE, True),
    ((WINDOW, ref.Conv1d(3, 5, 1), *MEANS, ref.Dense(5, 4)), IMAGE, True),
    ((ref.Conv1d(2, 3, 1), ref.Conv1d(3, 2, 3), *MEANS), IMAGE, False)],
    ids=["dense", "1x1", "window and 1x1", "window above"])
def test_reduce_is_exact_if_the_mean_over_places_is_labelled(layers, x, alone, options):
    """A window above meets the places at the border less often than others."""
    assert verdicts(layers, x, "reduce", **options) == [alone, True, True][:len(
        [layer for layer in layers if layer.shapes])]
    assert not any(verdicts(layers, x, "expand", **options)[:2])


@pytest.mark.parametrize("layers, x, setting", [
    ((ref.Dense(5, 4), ref.Tanh(), ref.Dense(4, 2)), PLACES, "expand"),
    ((POINTS[0], ref.Tanh(), POINTS[1], *MEANS), IMAGE, "reduce")])
def test_neither_is_exact_with_tanh_or_cross_entropy(layers, x, setting):
    linear = [layer for layer in layers if not isinstance(layer, type(ref.Tanh()))]
    assert verdicts(layers, x, setting) == [False, True]              # the last is linear in W
    assert verdicts(linear, x, setting) == [True, True]
    assert verdicts(linear, x, setting, ref.CrossEntropy()) == [False, False]


def test_reduce_is_not_exact_if_places_are_read_with_unequal_weights():
    equal, unequal = np.full((1, 9), 0.3), np.arange(1.0, 10)[None]
    assert verdicts((*POINTS, Read(equal)), IMAGE, "reduce") == [True, True]
    assert verdicts((*POINTS, Read(unequal)), IMAGE, "reduce") == [False, False]


@pytest.mark.parametrize("axes", [(3,), (2, 3)], ids=["one axis", "two axes"])
@pytest.mark.parametrize("kind", ["ggn", "type-2"])
def test_expand_stays_exact_with_labels_ignored_and_weighted_where_A_is_weighted_alike(kind, axes):
    """If S is the same at all places but for the labels' weights: at logits that are constant."""
    x = data(7, *axes, 5)
    loss = ref.CrossEntropy(weights=(0.5, 2.0, 1.5), ignore=0)
    objective, theta = problem((ref.Dense(5, 4), ref.Dense(4, 3)), x, loss, weights=WEIGHTS)
    W, V = objective.net.matrices(theta)
    V = V.copy()
    V[:, :4] -= V[:, :4] @ W[:, :5] @ np.linalg.pinv(W[:, :5])        # V0 W0 = 0
    for theta, constant in (objective.net.layout.pack([W, V]), True), (theta, False):
        assert [exact(gap) for gap in gaps(objective, theta, "expand", kind)] == [constant] * 2
    K = ref.kfac(objective, objective.net.layout.pack([W, V]), kind)[0]
    p = np.concatenate([x.reshape(-1, 5), np.ones((x[..., 0].size, 1))], axis=1)
    w = objective.example_weights.reshape(-1)
    assert w.min() == 0 and distance(K.A, (w * p.T) @ p / w.sum()) <= TOLERANCE
    assert distance(K.A, p.T @ p / len(p)) > 0.01                     # labels not counted


# ---- places whose labels are ignored ----

IGNORING = ref.CrossEntropy(weights=(0.5, 2.0, 1.5), ignore=0)
SAID = np.array([[0, 1, 0], [2, 0, 1], [1, 1, 2], [0, 0, 0], [2, 1, 0], [0, 0, 2], [1, 2, 1]])


def said(x, *bend):
    """Dense layers at places whose labels 0 are ignored: one example has no others."""
    net = ref.Sequential(ref.Dense(5, 4), *bend, ref.Dense(4, 3))
    theta = 0.7 * np.random.default_rng(4).standard_normal(net.layout.size)
    return ref.Objective(net, IGNORING, x, SAID), theta


@pytest.mark.parametrize("setting", ["expand", "reduce"])
def test_padding_whose_labels_are_ignored_enters_no_factor(setting):
    padded = PLACES + 10 * (SAID == 0)[..., None]
    both = [ref.kfac(*said(x, ref.Tanh()), setting=setting) for x in (PLACES, padded)]
    for K, L in zip(*both):
        assert (K.A == L.A).all() and (K.G == L.G).all()


def test_reduce_takes_means_over_places_and_examples_as_their_labels_count():
    K = ref.kfac(*said(PLACES), setting="reduce")[0]
    p = np.concatenate([PLACES, np.ones((7, 3, 1))], axis=-1)
    w = np.array([0, 2.0, 1.5])[SAID]
    A = sum(w[n].sum() * np.outer(q, q) for n in range(7) if w[n].any()
            for q in [np.average(p[n], axis=0, weights=w[n])]) / w.sum()
    assert distance(K.A, A) <= TOLERANCE


def test_reduce_is_exact_for_one_example_whose_patches_are_equal_where_labels_count():
    equal = np.where(SAID[..., None] == 0, PLACES, PLACES[:, 2:])
    for n in range(7):
        if (SAID[n] > 0).any():
            one, theta = said(equal, ref.Tanh())
            assert [exact(gap) for gap in gaps(one.batch([n]), theta, "reduce")] == [True, True]
    two, theta = said(PLACES, ref.Tanh())
    assert [exact(gap) for gap in gaps(two.batch([1]), theta, "reduce")] == [False, False]


def test_reduce_is_exact_where_S_depends_on_the_labels_weight_alone():
    """Of many examples, each of equal patches where its labels count, at constant logits."""
    objective, theta = said(np.where(SAID[..., None] == 0, PLACES, PLACES[:, 2:]))
    W, V = objective.net.matrices(theta)
    W = np.concatenate([W[:, :2] @ W[:2, :5], W[:, 5:]], axis=1)      # W0 of rank 2
    seen = W[:, :5] @ np.linalg.pinv(W[:, :5])
    blind = np.concatenate([V[:, :4] - V[:, :4] @ seen, V[:, 4:]], axis=1)        # V0 W0 = 0
    for last, constant in (blind, True), (V, False):
        at = objective.net.layout.pack([W, last])
        assert [exact(gap) for gap in gaps(objective, at, "reduce")] == [constant] * 2
        assert ref.columns(ref.gauss_newton(objective, at))[:24, :24].any()


# ---- one place, one example, equal patches ----

DEEP = ref.Conv1d(2, 3, 9), ref.Tanh(), ref.Flatten(-2), ref.Dense(3, 4)


def test_for_one_place_the_settings_are_one():
    both = [ref.kfac(*problem(DEEP, IMAGE, ref.CrossEntropy()), setting=s)
            for s in ("expand", "reduce")]
    for K, L in zip(*both):
        assert distance(K.G, L.G) <= TOLERANCE and distance(K.A, L.A) <= TOLERANCE
    several = ref.Conv1d(2, 3, 8), ref.Tanh(), ref.Flatten(-2), ref.Dense(6, 4)
    both = [ref.kfac(*problem(several, IMAGE, ref.CrossEntropy()), setting=s)[0]
            for s in ("expand", "reduce")]
    assert distance(both[0].G, both[1].G) > AWAY and distance(both[0].A, both[1].A) > AWAY


@pytest.mark.parametrize("setting", ["expand", "reduce"])
def test_one_example_at_one_place_is_exact_with_any_loss_and_labels_at_places(setting):
    """The second matrix is used at 3 places, the first at 1: of more examples none is exact."""
    layers = (ref.Conv1d(2, 5, 9), ref.Tanh(), ref.ConvTranspose1d(5, 4, 3), Swap())
    assert verdicts(layers, IMAGE[:1], setting, ref.CrossEntropy()) == [True, False]
    assert verdicts(layers, IMAGE, setting, ref.CrossEntropy()) == [False, False]


@pytest.mark.parametrize("padding, equal", [(0, True), (1, False)])
def test_reduce_is_exact_for_one_example_whose_patches_are_equal(padding, equal):
    """A constant image without padding; expand is not."""
    layers = (ref.Conv2d(1, 2, 2, padding=padding), ref.Tanh(), ref.Conv2d(2, 3, 2), ref.Tanh(),
              ref.Flatten(), ref.Dense((5 if padding else 3) * (4 if padding else 2) * 3, 3))
    constant = np.full((1, 1, 5, 4), 0.7)
    assert verdicts(layers, constant, "reduce", ref.CrossEntropy()) == [equal, equal, True]
    assert verdicts(layers, constant, "expand", ref.CrossEntropy()) == [False, False, True]
    two = np.concatenate([constant, 2 * constant])
    assert not any(verdicts(layers, two, "reduce", ref.CrossEntropy()))


@pytest.mark.parametrize("setting", ["expand", "reduce"])
def test_a_kernel_over_the_whole_image_is_a_dense_layer(setting):
    x, rest = data(7, 2, 3, 4), (ref.Flatten(), ref.Tanh(), ref.Dense(5, 3))
    image, theta = problem((ref.Conv2d(2, 5, (3, 4)), *rest), x, ref.CrossEntropy())
    flat = ref.Objective(ref.Sequential(ref.Flatten(), ref.Dense(24, 5), *rest[1:]), image.loss, x,
                         image.y)
    krons = [ref.kfac(objective, theta, setting=setting) for objective in (image, flat)]
    for K, L in zip(*krons):
        assert distance(K.G, L.G) <= TOLERANCE and distance(K.A, L.A) <= TOLERANCE
    turned = ref.Objective(flat.net, image.loss, np.ascontiguousarray(x[..., ::-1]), image.y)
    assert distance(ref.kfac(turned, theta)[0].A, krons[0][0].A) > AWAY     # correlation


@pytest.mark.parametrize("kind", ["type-2", "ggn", "empirical"])
@options
def test_reduce_is_exact_among_biases_whatever_the_network(kind, options):
    """Their p is 1 at all places; expand leaves out the pairs of places."""
    layers = (ref.Conv1d(2, 3, 4), ref.Tanh(), ref.Conv1d(3, 4, 2), ref.Flatten(-2),
              ref.Dense(20, 3))
    objective, theta = problem(layers, IMAGE, ref.CrossEntropy(), **options)
    whole = (ref.gauss_newton(objective, theta) if kind == "ggn"
             else ref.fisher(objective, theta, kind))
    settings = [ref.kfac(objective, theta, kind, setting=s) for s in ("reduce", "expand")]
    for B, K, L in zip(ref.blocks(whole, objective.net.layout)[:2], *settings):
        O, I = K.shape
        own = B.reshape(O, I, O, I)[:, -1, :, -1]
        assert distance(K.G, own) <= TOLERANCE and abs(K.A[-1, -1] - 1) <= TOLERANCE
        assert distance(L.G, own) > AWAY


# ---- attention ----

def test_out_proj_is_exact_in_expand_and_in_proj_in_reduce_while_attention_is_uniform():
    """Zero queries and keys: every place has the mean of all values, and no other way to it.  Zero
    keys alone leave equal patches to out_proj, but in_proj gradients of the keys that differ."""
    layers = ref.Dense(4, 12), ref.Attention(4, 2), ref.Dense(4, 2)
    objective, theta = problem(layers, data(7, 3, 4))
    W, V = objective.net.matrices(theta)
    for zero, reduce in (range(0), [False, False]), (range(4, 8), [False, True]), (
            range(8), [True, True]):                              # rows: queries, keys, values
        at = objective.net.layout.pack([np.where(np.isin(np.arange(12), zero)[:, None], 0, W), V])
        assert [exact(gap) for gap in gaps(objective, at, "expand")] == [False, True]
        assert [exact(gap) for gap in gaps(objective, at, "reduce")] == reduce


# ---- places without correlation: what makes expand exact after all [GM16] ----

T = 3
SIGNS = np.array(list(product([-1.0, 1.0], repeat=T)))                  # (8, 3): all patterns


def test_expand_is_exact_if_gradients_at_different_places_are_uncorrelated():
    """Each of 5 images with every pattern of signs: the mean of g_t g_u is 0 for t other than u."""
    images, a = data(5, 2, T + 1).repeat(8, axis=0), np.tile(SIGNS, (5, 1))
    for count, uncorrelated in (40, True), (39, False):
        layers = ref.Conv1d(2, 3, 2), Read(a[:count])
        assert verdicts(layers, images[:count], "expand") == [uncorrelated]
        assert verdicts(layers, images[:count], "reduce") == [False]


@pytest.mark.parametrize("bias", [False, True])
def test_expand_is_exact_if_patches_at_different_places_are_uncorrelated(bias):
    """Images of every pattern of signs, places read unequally; a bias is a patch that is not."""
    layers = ref.Conv1d(1, 3, 1, bias=bias), Read(np.array([[1.0, 2.0, 4.0]]))
    for count, uncorrelated in (8, not bias), (7, False):
        assert verdicts(layers, SIGNS[:count, None], "expand") == [uncorrelated]
        assert verdicts(layers, SIGNS[:count, None], "reduce") == [False]


# ---- groups of rows ----

@pytest.mark.parametrize("setting", ["expand", "reduce"])
@pytest.mark.parametrize("groups", [2, 4])
def test_grouped_factors_are_those_of_one_convolution_whose_other_weights_are_zero(groups, setting):
    """Its G cut to the group's rows, its A to the group's patches."""
    x, rest = data(7, 4, 6), (ref.Tanh(), ref.Flatten(-2), ref.Dense(32, 3))
    grouped, theta = problem((ref.Conv1d(4, 8, 3, groups=groups), *rest), x, ref.CrossEntropy())
    W, V = grouped.net.matrices(theta)
    whole = np.zeros((8, 13))
    rows, own = 8 // groups, 12 // groups
    columns = [[*range(j * own, (j + 1) * own), 12] for j in range(groups)]
    for j in range(groups):
        whole[np.ix_(range(j * rows, (j + 1) * rows), columns[j])] = W[j * rows:(j + 1) * rows]
    net = ref.Sequential(ref.Conv1d(4, 8, 3), *rest)
    one = ref.Objective(net, grouped.loss, x, grouped.y)
    K, _ = ref.kfac(one, net.layout.pack([whole, V]), setting=setting)
    blocks = ref.kfac(grouped, theta, setting=setting)[0].blocks
    assert len(blocks) == groups
    for j, block in enumerate(blocks):
        assert distance(block.G, K.G[j * rows:(j + 1) * rows, j * rows:(j + 1) * rows]) <= TOLERANCE
        assert distance(block.A, K.A[np.ix_(columns[j], columns[j])]) <= TOLERANCE
    assert distance(blocks[0].A, blocks[1].A) > AWAY


@pytest.mark.parametrize("layers, shape, groups", [
    ((ref.Conv1d(4, 6, 3, groups=2), Swap()), (4, 6), 2),
    ((ref.Conv1d(4, 4, 3, groups=4), Swap()), (4, 6), 4), ((ref.LayerNorm(5),), (3, 5), 5)],
    ids=["grouped", "depthwise", "LayerNorm"])
def test_the_product_of_groups_is_the_diagonal_part_of_the_block(layers, shape, groups):
    """All of it if outputs have labels of their own; a matrix above couples the groups."""
    x, last = data(7, *shape), ref.Sequential(*layers).output_shape(shape)[-1]
    assert verdicts(layers, x, "expand") == [True]
    objective, theta = problem((*layers, ref.Dense(last, 2)), x)
    K, B = (first[0] for first in (ref.kfac(objective, theta), ref.blocks(
        ref.gauss_newton(objective, theta), objective.net.layout)))
    kept = np.kron(np.eye(groups), np.ones((len(B) // groups,) * 2))
    assert distance(K.dense(), B * kept) <= TOLERANCE
    assert distance(B * kept, B) > 0.01
