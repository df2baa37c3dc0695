"""Attention by plain loops, what masks promise, PyTorch's names, and faults that must be seen."""

from cmath import exp, sqrt

import numpy as np
import pytest

from reference import (Attention, CrossEntropy, Dense, LayerNorm, MultiHeadAttention, Objective,
                       Sequential, TransformerEncoder, TransformerEncoderLayer, hvp)
from reference.network.elementwise import ACTIVATIONS

EPS = np.finfo(float).eps
N, T, D = 3, 5, 4
MASK = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)


def near(a, b, ulps=128):
    size = max(1, np.abs(b).max())
    return np.shape(a) == np.shape(b) and np.abs(a - b).max() <= ulps * EPS * size


# ---- the textbook: one number at a time ----

def textbook(x, heads, causal=False, mask=None):
    """(N, T, 3D) -> (N, T, D), real or complex: only the keys seen are ever looked at."""
    N, T, width = x.shape
    D, d = width // 3, width // 3 // heads
    y = np.zeros((N, T, D), x.dtype)
    for n in range(N):
        for h in range(heads):
            q, k, v = (x[n, :, i * D + h * d:i * D + (h + 1) * d] for i in range(3))
            for t in range(T):
                seen = [s for s in range(T) if (mask is None or mask[n, s])
                        and (not causal or s <= t)]
                scores = [sum(a * b for a, b in zip(q[t], k[s])) / sqrt(d) for s in seen]
                top = max(score.real for score in scores)
                e = [exp(score - top) for score in scores]
                for j in range(d):
                    total = sum(a * v[s, j] for a, s in zip(e, seen)) / sum(e)
                    y[n, t, h * d + j] = total if x.dtype.kind == "c" else total.real
    return y


def data(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def drawn(layer):
    """Normal matrices for a layer."""
    return [data(shape, 5) for shape in layer.shapes]


def cotangent_by_complex_steps(function, x, dy):
    """d(sum dy y)/dx, entry by entry."""
    dx = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = x + 0j
        step[i] += 1e-20j
        dx[i] = (dy * function(step)).sum().imag / 1e-20
    return dx


OPTIONS = {
    "one head": dict(heads=1), "two heads": dict(heads=2), "as many as features": dict(heads=4),
    "causal": dict(heads=2, causal=True), "masked": dict(heads=2, mask=MASK),
    "causal and masked": dict(heads=2, causal=True, mask=MASK),
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def agrees(options):
    """Whether output and cotangent of Attention are the textbook's."""
    layer, x, dy = Attention(D, **options), data((N, T, 3 * D)), data((N, T, D), 1)
    trace = layer.trace([], x)
    uses, dx = layer.pull([], trace, dy)
    truth = cotangent_by_complex_steps(lambda c: textbook(c, **options), x, dy)
    return uses == [] and near(trace[-1], textbook(x, **options)) and near(dx, truth)


@each_option
def test_attention_and_its_cotangent_are_those_of_plain_loops(options):
    assert agrees(options)


@each_option
def test_leading_axes_of_inputs_and_cotangents_are_a_loop(options):
    layer, x, dy = Attention(D, **options), data((2, N, T, 3 * D)), data((6, 2, N, T, D), 1)
    trace = layer.trace([], x)
    alone = [layer.trace([], one) for one in x]
    assert near(trace[-1], np.stack([one[-1] for one in alone]))
    loop = [[layer.pull([], one, c)[1] for one, c in zip(alone, cs)] for cs in dy]
    assert near(layer.pull([], trace, dy)[1], np.array(loop))


# ---- faults that must be seen ----

def no_root(self, x):
    return self.features // self.heads


def sees(k):
    def seen(self, s):
        causal = np.tri(s.shape[-1], k=k, dtype=bool) | (np.arange(s.shape[-1]) == 0)
        return causal if self.mask is None else self.mask[:, None, None, :] & causal
    return seen


def no_sum(self, Ws, trace, dy, data=False):
    """The softmax's backward pass without - sum P dP."""
    q, k, v, P = trace.kept
    return _pull(self, trace, dy, P * (self._by_heads(dy, self.heads) @ np.swapaxes(v, -1, -2)))


def leaking(self, Ws, trace, dy, data=False):
    """Probabilities of masked keys that are not 0 on the way back."""
    q, k, v, _ = trace.kept
    s = q @ np.swapaxes(k, -1, -2)
    e = np.exp(s - s.max(-1, keepdims=True))
    P = e / e.sum(-1, keepdims=True)
    dP = self._by_heads(dy, self.heads) @ np.swapaxes(v, -1, -2)
    return _pull(self, trace, dy, P * (dP - (P * dP).sum(-1, keepdims=True)))


def _pull(self, trace, dy, dS):
    q, k, v, P = trace.kept
    parts = (dS @ k / self._root(trace[0]), np.swapaxes(dS, -1, -2) @ q,
             np.swapaxes(P, -1, -2) @ self._by_heads(dy, self.heads))
    return [], np.concatenate([self._joined(part) for part in parts], axis=-1)


FAULTS = {
    "scores over d": ("_root", no_root, "two heads"),
    "causal one key too far": ("_seen", sees(1), "causal"),
    "causal one key too few": ("_seen", sees(-1), "causal"),
    "softmax backward without the sum": ("pull", no_sum, "two heads"),
    "masked keys leak backward": ("pull", leaking, "masked"),
    "the mask is forgotten": ("_seen", lambda self, s: None, "masked"),
}


@pytest.mark.parametrize("name, fault, where", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_seen(monkeypatch, name, fault, where):
    monkeypatch.setattr(Attention, name, fault)
    assert not agrees(OPTIONS[where])


# ---- special cases ----

def test_a_score_is_the_product_over_the_root_of_d():
    """q.k = 4 and 0 with d = 4: P is the sigmoid of 2."""
    x = np.zeros((1, 2, 12))
    x[0, 0, 0] = x[0, 0, 4] = 2
    x[0, 0, 8] = 1
    assert near(Attention(4, 1).trace([], x)[-1][0, 0, 0], 1 / (1 + np.exp(-2.0)))


@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])
def test_attention_with_equal_keys_is_the_mean_of_the_values_seen(mask):
    x = data((N, T, 3 * D))
    x[..., D:2 * D] = x[:, :1, D:2 * D]
    y = Attention(D, 2, mask=mask).trace([], x)[-1]
    w = np.ones((N, T)) if mask is None else mask
    mean = (w[..., None] * x[..., 2 * D:]).sum(1) / w.sum(1)[:, None]
    assert near(y, np.repeat(mean[:, None], T, 1))


def test_a_vector_added_to_all_keys_changes_nothing():
    x, moved = data((N, T, 3 * D)), data((N, T, 3 * D))
    moved[..., D:2 * D] += data(D, 3)
    layer = Attention(D, 2)
    assert near(layer.trace([], x)[-1], layer.trace([], moved)[-1])


def test_permuting_places_permutes_the_outputs():
    layer, order = MultiHeadAttention(D, 2), [3, 0, 4, 1, 2]
    Ws, x = drawn(layer), data((N, T, D))
    assert near(layer.trace(Ws, x[:, order])[-1], layer.trace(Ws, x)[-1][:, order])


def jacobian_in_x(layer, x):
    """dy/dx (N, T, D, N, T, 3D)."""
    trace = layer.trace([], x)
    unit = np.eye(trace[-1].size).reshape((-1,) + trace[-1].shape)
    return layer.pull([], trace, unit)[1].reshape(trace[-1].shape + x.shape)


def test_causal_outputs_do_not_depend_on_later_inputs_nor_examples_on_others():
    J = jacobian_in_x(Attention(D, 2, causal=True), data((N, T, 3 * D)))
    for n, t, m, s in np.ndindex(N, T, N, T):
        assert J[n, t, :, m, s].any() == (n == m and s <= t)


def test_masked_keys_get_no_gradient_and_their_queries_still_do():
    J = jacobian_in_x(Attention(D, 2, mask=MASK), data((N, T, 3 * D)))
    for n, s in np.ndindex(N, T):
        assert J[n, :, :, n, s, D:].any() == MASK[n, s]
        alone = MASK[n].sum() == 1                      # of one key P = 1, whatever the query
        assert J[n, s, :, n, s, :D].any() != alone


def test_masked_keys_are_never_read_and_large_scores_do_not_overflow():
    x, layer = data((N, T, 3 * D)), Attention(D, 2, mask=MASK)
    read = MASK[..., None] | (np.arange(3 * D) < D)                # keys and values, not queries
    wild = np.where(read, x, 1e200)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.array_equal(layer.trace([], wild)[-1], layer.trace([], x)[-1])
        y = Attention(D, 1).trace([], 1e3 * x)[-1]
    best = (x[..., :D] @ np.swapaxes(x[..., D:2 * D], 1, 2)).argmax(-1)
    assert near(y, 1e3 * np.take_along_axis(x[..., 2 * D:], best[..., None], 1), 1e6)


def test_padding_at_the_end_is_as_if_it_were_not_there():
    layer = MultiHeadAttention(D, 2, causal=True, mask=np.arange(T) < [[3]] * N)
    Ws, x = drawn(layer), data((N, T, D))
    short = MultiHeadAttention(D, 2, causal=True).trace(Ws, x[:, :3])[-1]
    assert near(layer.trace(Ws, x)[-1][:, :3], short)


def test_a_mask_is_copied_frozen_and_cut_with_the_batch():
    given = MASK.copy()
    layer = Sequential(MultiHeadAttention(D, 2, mask=given), Dense(D, 3))
    given[:] = False
    assert np.array_equal(layer.layers[0].mask, MASK)
    objective = Objective(layer, CrossEntropy(), data((N, T, D)), np.zeros((N, T), int))
    theta = data(layer.layout.size)
    for index in (slice(1, 3), [2, 0], np.array([False, True, True])):
        cut = objective.batch(index)
        assert np.array_equal(cut.net.layers[0].mask, MASK[index])
        assert near(cut.outputs(theta), objective.outputs(theta)[index])


# ---- the matrices, as PyTorch names them ----

def test_multi_head_attention_is_projections_around_attention():
    layer, x = MultiHeadAttention(D, 2, causal=True), data((N, T, D))
    net = Sequential(layer, names=("",))
    named = net.named(data(net.layout.size))
    shapes = {name: a.shape for name, a in named.items()}
    assert shapes == {"in_proj_weight": (3 * D, D), "in_proj_bias": (3 * D,),
                      "out_proj.weight": (D, D), "out_proj.bias": (D,)}
    qkv = [x @ named["in_proj_weight"][i:i + D].T + named["in_proj_bias"][i:i + D]
           for i in (0, D, 2 * D)]
    y = textbook(np.concatenate(qkv, -1), 2, causal=True)
    expected = y @ named["out_proj.weight"].T + named["out_proj.bias"]
    assert near(net.forward(net.from_named(named), x)[-1], expected)
    assert set(Sequential(MultiHeadAttention(D, 2, bias=False), names=("a",)).entries()) == {
        "a.in_proj_weight", "a.out_proj.weight"}


LAYER = ["self_attn.in_proj_weight", "self_attn.in_proj_bias", "self_attn.out_proj.weight",
         "self_attn.out_proj.bias", "linear1.weight", "linear1.bias", "linear2.weight",
         "linear2.bias", "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"]


def encoder_by_hand(x, p, heads, activation, norm_first, eps, **seen):
    """A TransformerEncoderLayer from PyTorch's arrays p, place by place."""
    def norm(x, i):
        c = x - x.mean(-1, keepdims=True)
        return c / np.sqrt((c * c).mean(-1, keepdims=True) + eps) * p[f"norm{i}.weight"] \
            + p[f"norm{i}.bias"]

    def attend(x):
        y = textbook(x @ p["self_attn.in_proj_weight"].T + p["self_attn.in_proj_bias"], heads,
                     **seen)
        return y @ p["self_attn.out_proj.weight"].T + p["self_attn.out_proj.bias"]

    def feed(x):
        s = ACTIVATIONS[activation].value(x @ p["linear1.weight"].T + p["linear1.bias"])
        return s @ p["linear2.weight"].T + p["linear2.bias"]
    if norm_first:
        u = x + attend(norm(x, 1))
        return u + feed(norm(u, 2))
    u = norm(x + attend(x), 1)
    return norm(u + feed(u), 2)


@pytest.mark.parametrize("seen", [{}, dict(causal=True), dict(mask=MASK)], ids=str)
@pytest.mark.parametrize("norm_first", [False, True], ids=["norm after", "norm first"])
@pytest.mark.parametrize("activation", ["ReLU", "GELU"])
def test_an_encoder_layer_is_attention_and_feed_forward_with_norms(activation, norm_first, seen):
    layer = TransformerEncoderLayer(D, 2, 7, activation, norm_first, eps=0.1, **seen)
    net, x = Sequential(layer, names=("",)), data((N, T, D))
    theta = data(net.layout.size)
    named = net.named(theta)
    assert sorted(named) == sorted(LAYER)
    assert named["linear1.weight"].shape == (7, D) and named["norm1.weight"].shape == (D,)
    truth = encoder_by_hand(x, named, 2, activation, norm_first, 0.1, **seen)
    assert near(net.forward(theta, x)[-1], truth)
    assert np.array_equal(net.from_named(named), theta)


def test_an_encoder_is_its_layers_and_a_last_norm():
    net = Sequential(TransformerEncoder(D, 2, 7, layers=2, norm=True, eps=0.1, activation="GELU",
                                        norm_first=True, causal=True), names=("",))
    theta, x = data(net.layout.size), data((N, T, D))
    named, y = net.named(theta), x
    assert sorted(named) == sorted([f"layers.{i}.{name}" for i in (0, 1) for name in LAYER]
                                   + ["norm.weight", "norm.bias"])
    for i in (0, 1):
        own = {name: named[f"layers.{i}.{name}"] for name in LAYER}
        y = encoder_by_hand(y, own, 2, "GELU", True, 0.1, causal=True)
    last = LayerNorm(D, 0.1).trace([np.stack([named["norm.weight"], named["norm.bias"]], -1)], y)
    assert near(net.forward(theta, x)[-1], last[-1])


def test_without_bias_an_encoder_layer_has_weights_alone():
    net = Sequential(TransformerEncoderLayer(D, 2, 7, bias=False), names=("",))
    weights = [name for name in LAYER if name.endswith("weight")]
    assert sorted(net.entries()) == sorted(weights)
    net = Sequential(TransformerEncoder(D, 2, 7, layers=1, norm=True, bias=False), names=("",))
    assert sorted(net.entries()) == sorted(["norm.weight"] + [f"layers.0.{w}" for w in weights])


def test_second_derivatives_through_an_encoder_are_those_of_complex_steps():
    layer = TransformerEncoderLayer(D, 2, 3, "GELU", causal=True, mask=MASK)
    net = Sequential(layer, Dense(D, 3))
    y = np.random.default_rng(2).integers(0, 3, (N, T))
    objective, theta = Objective(net, CrossEntropy(), data((N, T, D)), y), data(net.layout.size)
    v = data(theta.size, 4)
    assert near(hvp(objective, theta, v), objective.grad(theta + 1e-20j * v).imag / 1e-20, 1024)


# ---- bad input ----

@pytest.mark.parametrize("make, message", [
    (lambda: Attention(6, 4), "6 features cannot be shared by 4 heads"),
    (lambda: Attention(6, 0), "at least 1"),
    (lambda: Attention(4, 2, mask=MASK * 1.0), "mask must be bool of shape .* <float64"),
    (lambda: Attention(4, 2, mask=MASK[0]), r"mask must be bool of shape \(N, T\)"),
    (lambda: Attention(4, 2, mask=MASK & False), r"example 0 of mask has no key that counts.*\(3"),
    (lambda: Attention(4, 2, True, MASK[:, ::-1]), "example 0 of mask has no key at its first"),
    (lambda: MultiHeadAttention(6, 4), "heads must divide"),
    (lambda: Attention(4, 2).output_shape((5, 4)), r"needs shape \(T, 12\)"),
    (lambda: Attention(4, 2, mask=MASK).output_shape((4, 12)), r"mask has shape \(3, 5\)"),
    (lambda: Attention(4, 2, mask=MASK).trace([], data((2, 5, 12))), "mask has shape"),
    (lambda: TransformerEncoderLayer(4, 2, activation="relu"), "no activation 'relu'"),
])
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_switches_are_switches():
    with pytest.raises(TypeError, match="causal must be True or False"):
        Attention(4, 2, causal=1)
    with pytest.raises(TypeError, match="bias must be True or False"):
        MultiHeadAttention(4, 2, bias=0)
