"""What layers refuse when they are made or put together: the field, its value and what to do."""

import copy
import pickle
import re

import numpy as np
import pytest

import reference as ref
from reference import (GRU, LSTM, RNN, AdaptiveAvgPool2d, Attention, AvgPool1d, BatchNorm, Conv1d,
                       Conv2d, Dense, Embedding, Flatten, GroupNorm, LayerNorm, LearnedPositions,
                       MaxPool2d, MultiHeadAttention, Unembedding, ZeroPad1d, ZeroPad2d)

MASK = np.arange(5) < np.array([5, 3, 2])[:, None]


# ---- counts ----

@pytest.mark.parametrize("make, says", [
    (lambda: Dense(True, 3), "Dense: inputs must be a whole number of at least 1, got True."),
    (lambda: Dense(3, 0), "Dense: outputs must be a whole number of at least 1, got 0."),
    (lambda: Conv2d(1, 2, 3, stride=True), "stride must be a whole number"),
    (lambda: Conv1d(2, 2, 3, groups=0), "Conv1d: groups must be a whole number of at least 1"),
    (lambda: Conv1d(2, 2, (True,)), "kernel_size must be"),
    (lambda: MaxPool2d(2, padding=False), "padding must be"),
    (lambda: AvgPool1d(True), "kernel_size must be"),
    (lambda: AdaptiveAvgPool2d(True), "output_size must be"),
    (lambda: ZeroPad1d(True), "padding must be"),
    (lambda: Flatten(False), "start_dim counts from the end"),
    (lambda: LayerNorm((3, True)), "LayerNorm: features must be a whole number of at least 1"),
    (lambda: BatchNorm(3, spatial=True), "spatial, the number of axes"),
    (lambda: GroupNorm(2, 4, True), "eps must be a Python float, finite and not "
     "negative, got True"),
    (lambda: ref.LeakyReLU(True), "parameters of LeakyReLU must be finite numbers, got (True,)"),
    (lambda: GroupNorm(0, 4), "GroupNorm: groups must be a whole number of at least 1, got 0."),
    (lambda: Embedding(3, 4, True), "padding_idx must be None or one of 0, ..., 2, got True."),
    (lambda: LearnedPositions(5, True), "LearnedPositions: features must be"),
    (lambda: Unembedding(5, 0), "Unembedding: size must be"),
    (lambda: Attention(4, 0), "Attention: heads must be a whole number of at least 1, got 0."),
    (lambda: MultiHeadAttention(4, True), "heads must be a whole number of at least 1, got True."),
    (lambda: LSTM(2, 4, True), "LSTM: layers must be a whole number of at least 1, got True."),
    (lambda: GRU(2, 4, 0), "GRU: layers must be a whole number of at least 1, got 0."),
    (lambda: LSTM(2, 4, MASK), "layers must be a whole number of at least 1, got <bool array "
     "(3, 5)>."),
])
def test_whole_numbers_are_named_with_their_value_and_booleans_are_none(make, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        make()


def test_an_array_in_the_place_of_a_switch_is_shown_by_its_shape():
    with pytest.raises(TypeError, match=r"bidirectional must be .*, got <bool array \(3, 5\)>\."):
        RNN(2, 4, 1, MASK)


def test_a_matrix_of_numpy_is_refused_since_its_products_are_others():
    with pytest.warns(PendingDeprecationWarning):
        x = np.matrix(np.ones((3, 2)))
    net, y = ref.Sequential(Dense(2, 1)), np.ones((3, 1))
    with pytest.raises(TypeError, match=r"x is a numpy.matrix.*; pass numpy.asarray\(x\)"):
        ref.Objective(net, ref.SquaredError(), x, y)


# ---- cuts ----

@pytest.mark.parametrize("layer, shape", [
    (ZeroPad1d((-2, -1)), (2, 3)), (ZeroPad1d((-4, 5)), (2, 3)), (ZeroPad1d((5, -4)), (2, 3)),
    (ZeroPad2d((0, 0, -3, 4)), (1, 2, 5))])
def test_padding_cuts_no_more_than_there_is(layer, shape):
    with pytest.raises(ValueError, match="leaves nothing of an axis of"):
        layer.output_shape(shape)
    assert ZeroPad1d((-2, 1)).output_shape((2, 3)) == (2, 2)


# ---- arrays that layers hold ----

STATES = np.full((1, 3, 4), 0.5)

HOLDERS = {                                                # a layer, from arrays that it may keep
    "LSTM": lambda mask, h, m: LSTM(2, 4, mask=mask, initial=(h, h)),
    "GRU": lambda mask, h, m: GRU(2, 4, mask=mask, initial=h, last=True),
    "Attention": lambda mask, h, m: Attention(4, 2, mask=mask),
    "MultiHeadAttention": lambda mask, h, m: MultiHeadAttention(4, 2, mask=mask),
    "Dropout": lambda mask, h, m: ref.Dropout(mask, 0.25),
    "BatchNorm": lambda mask, h, m: BatchNorm(3, mean=m, variance=m),
}


def arrays_of(layer):
    values = [getattr(layer, name) for name in layer.arrays]
    flat = [a for v in values for a in (v if isinstance(v, tuple) else (v,)) if a is not None]
    assert flat
    return flat


@pytest.mark.parametrize("kind", HOLDERS)
def test_arrays_are_copied_and_read_only_in_parts_of_the_batch_and_copies_too(kind):
    given = MASK.copy(), STATES.copy(), np.ones(3)
    layer, same = HOLDERS[kind](*given), HOLDERS[kind](MASK, STATES, np.ones(3))
    given[0][:, 0], given[1][:], given[2][:] = False, 7, 7
    assert all(map(np.array_equal, arrays_of(layer), arrays_of(same)))
    copies = layer.batch(slice(0, 2)), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))
    for a in arrays_of(layer) + [a for each in copies for a in arrays_of(each)]:
        with pytest.raises(ValueError, match="read-only"):
            a[:] = 0


@pytest.mark.parametrize("kind", HOLDERS)
def test_layers_are_equal_if_their_arrays_are_and_survive_pickling(kind):
    make = HOLDERS[kind]
    layer, same, other = (make(MASK, STATES, m) for m in (np.ones(3), np.ones(3), 2 * np.ones(3)))
    assert layer == same and hash(layer) == hash(same)
    assert pickle.loads(pickle.dumps(layer)) == layer
    cut = make(MASK[:2], STATES[:, :2], np.zeros(3))
    assert layer != cut and (layer == other) == (kind != "BatchNorm") and layer != "a layer"


@pytest.mark.parametrize("make", [
    lambda: LSTM(2, 3), lambda: RNN(2, 3), lambda: GRU(2, 3, last=True), lambda: BatchNorm(3),
    lambda: GroupNorm(2, 4), lambda: MultiHeadAttention(4, 2), lambda: Attention(4, 2),
    lambda: ref.Residual(Dense(2, 2), ref.Tied("V", Dense(2, 2))), lambda: Conv2d(1, 2, 3),
    lambda: ref.TransformerEncoder(4, 2, 3, 2)])
def test_networks_without_arrays_are_equal_to_their_copies_and_hashable(make):
    net = ref.Sequential(make())
    net.shapes, net.ties                           # what is remembered is no part of it
    assert net == ref.Sequential(make()) == pickle.loads(pickle.dumps(net))
    assert hash(net) == hash(ref.Sequential(make()))
    assert LSTM(2, 3) != LSTM(2, 3, last=True) and LSTM(2, 3) != GRU(2, 3)


def test_arrays_are_shown_by_their_shape():
    assert repr(BatchNorm(3)) == "BatchNorm(features=3)"
    assert repr(BatchNorm(3, mean=np.zeros(3), variance=np.ones(3))) == (
        "BatchNorm(features=3, mean=<float64 array (3,)>, variance=<float64 array (3,)>)")
    assert repr(LSTM(2, 4, mask=MASK, initial=(STATES, STATES))) == (
        "LSTM(inputs=2, hidden=4, initial=(<float64 array (1, 3, 4)>, <float64 array (1, 3, 4)>), "
        "mask=<bool array (3, 5)>)")
    assert repr(MultiHeadAttention(4, 2, mask=MASK)) == (
        "MultiHeadAttention(features=4, heads=2, mask=<bool array (3, 5)>)")
    assert repr(ref.Dropout(MASK, 0.25)) == "Dropout(mask=<bool array (3, 5)>, p=0.25)"


@pytest.mark.parametrize("make, says", [
    (lambda: LSTM(2, 4, mask=MASK[:0]), "the mask has shape (0, 5); give one entry"),
    (lambda: Attention(4, 2, mask=MASK[:0]), "got <bool array (0, 5)>."),
    (lambda: LSTM(2, 4, mask=MASK).output_shape((4, 2)),
     "mask=<bool array (3, 5)>): the mask has 5 steps and the data 4"),
    (lambda: MultiHeadAttention(4, 2, mask=MASK).output_shape((4, 4)),
     "mask has shape (3, 5), but the data ask for (3, 4)"),
])
def test_a_mask_that_does_not_fit_is_told_with_its_whole_shape(make, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        make()


# ---- names ----

@pytest.mark.parametrize("make, says", [
    (lambda: ref.Sequential(Dense(2, 2), Dense(2, 2), names=("a", "a")), "the name 'a'"),
    (lambda: ref.Parallel(Dense(2, 2), Dense(2, 2), names=("b", "b")), "the name 'b'"),
    (lambda: ref.Parallel(Dense(2, 2), Dense(2, 2), names=("b",)), "2 layers got 1 names"),
])
def test_equal_names_are_refused_at_once(make, says):
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize("net, name", [
    (ref.Sequential(Dense(2, 2), Dense(2, 2), names=("", "")), "weight"),
    (ref.Sequential(Dense(2, 2), ref.Sequential(Dense(2, 2), names=("1",)), Dense(2, 2),
                    names=("0", "", "1")), "1.weight"),
    (ref.Sequential(ref.Sequential(Dense(2, 2), names=("b",)), Dense(2, 2), names=("a", "a.b")),
     "a.b.weight")])
def test_names_that_collide_are_refused_where_arrays_are_named(net, name):
    theta = net.initial(np.random.default_rng(0))
    for ask in (net.entries, lambda: net.named(theta), lambda: net.from_named({name: theta})):
        with pytest.raises(ValueError, match=f"two arrays have the name '{name}'"):
            ask()


def test_named_arrays_cannot_be_written_and_copies_can():
    net = ref.Sequential(Dense(2, 3), ref.GRU(3, 2, reset="before"))
    theta = net.initial(np.random.default_rng(0))
    named = net.named(theta)
    for array in named.values():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 99
    assert theta.flags.writeable and np.array_equal(net.from_named(named), theta)
    named["0.bias"] = named["0.bias"] + 1
    assert np.array_equal(net.from_named(named)[[2, 5, 8]], theta[[2, 5, 8]] + 1)


TIED = ref.Sequential(ref.Tied("V", Dense(2, 2)), ref.Tanh(), ref.Tied("V", Dense(2, 2)))
W, B = np.array([[1.0, 2], [3, 4]]), np.array([5.0, 6])


def test_one_name_of_a_shared_matrix_suffices():
    whole = TIED.from_named({"0.weight": W, "0.bias": B, "2.weight": W, "2.bias": B})
    assert np.array_equal(TIED.from_named({"0.weight": W, "2.bias": B}), whole)
    with pytest.raises(ValueError, match=r"missing names \['0.bias', '2.bias'\]"):
        TIED.from_named({"2.weight": W})


@pytest.mark.parametrize("arrays, error, says", [
    ([W, B], TypeError, "arrays is a list; pass {name: array}"),
    ({"weight": W, "bias": B * np.nan}, ValueError, "bias has 2 entries that are not finite"),
    ({"weight": W, "bias": B.astype(np.float16)}, ValueError, "bias holds float16; use"),
    ({"weight": W, "bias": B.astype(int)}, ValueError, "bias holds int64; write bias.astype"),
    ({"weight": W, "bias": B, "running_mean": B}, ValueError,
     "unknown names ['running_mean']; the network's are ['bias', 'weight']. Running statistics are "
     "no parameters: drop them, and pass them to BatchNorm as mean= and variance=."),
    ({"weight": W}, ValueError, "missing names ['bias'] and unknown names []"),
])
def test_from_named_refuses(arrays, error, says):
    with pytest.raises(error, match=re.escape(says)):
        ref.Sequential(Dense(2, 2), names=("",)).from_named(arrays)


# ---- indices ----

def word_objective(net, x):
    return ref.Objective(net, ref.SquaredError(), x, np.zeros((len(x),) + net.output_shape((2,))))


@pytest.mark.parametrize("make", [
    lambda: ref.Sequential(ref.Identity(), Embedding(5, 3)),
    lambda: ref.Sequential(Dense(2, 2), ref.Tied("E", Embedding(5, 3))),
    lambda: ref.Sequential(Dense(2, 2), ref.Parallel(Embedding(5, 3), Embedding(5, 3))),
    lambda: ref.Sequential(Dense(2, 2), ref.Sequential(Embedding(5, 3), Dense(3, 2)))])
def test_an_embedding_is_the_first_layer(make):
    with pytest.raises(ValueError, match="layer 1: .* takes indices: it must be the first layer"):
        make()


def test_every_branch_of_a_first_layer_is_asked_for_its_input():
    two = ref.Sequential(ref.Parallel(Embedding(5, 3), Embedding(4, 3)), Dense(3, 2))
    assert word_objective(two, np.array([[0, 3]])).value(two.initial(np.random.default_rng(0))) > 0
    with pytest.raises(ValueError, match="x must be integers in 0..3; x.0, 1. = 4"):
        word_objective(two, np.array([[0, 4]]))
    with pytest.raises(ValueError, match="an embedding counts by integers"):
        word_objective(two, np.array([[0.0, 1.0]]))
    joined = ref.Parallel(ref.Identity(), ref.Sequential(Embedding(5, 3), Flatten(-2)),
                          join="concatenate")
    for x in (np.array([[0, 3]]), np.array([[0.0, 3.0]])):
        with pytest.raises(ValueError, match=r"branch 0: Identity\(\) takes numbers"):
            word_objective(ref.Sequential(joined, Dense(8, 2)), x)
    with pytest.raises(ValueError, match="branches cannot be added"):
        ref.Sequential(ref.Residual(Embedding(5, 3))).output_shape((2,))


# ---- depth, and what else composites refuse ----

NET = ref.Sequential(Dense(2, 3), ref.Sequential(BatchNorm(3)), ref.Tanh(), Dense(3, 2))


@pytest.mark.parametrize("make, error, says", [
    (lambda: ref.TransformerEncoder(4, 2, layers=0), ValueError,
     "TransformerEncoder: layers must be a whole number of at least 1, got 0."),
    (lambda: ref.TransformerEncoder(4, 2, layers=-1), ValueError, "got -1."),
    (lambda: ref.TransformerEncoder(4, 2, layers=1.5), ValueError, "got 1.5."),
    (lambda: ref.Residual(), ValueError, "Residual() has nothing to add to x"),
    (lambda: ref.Parallel(), ValueError, "got 0 branches"),
    (lambda: ref.Sequential([Dense(2, 2), ref.Tanh()]), TypeError,
     "layer 0 is a list of 2; unpack it, as in Sequential(*layers)."),
    (lambda: ref.Sequential(Dense(2, 2), names=(0,)), TypeError, "names are strings, got 0."),
    (lambda: NET.initial(np.random.default_rng(0), "he"), TypeError,
     "scheme is 'he'; pass a function of (rng, layer), such as reference.network.initial.he."),
    (lambda: NET.output_shape(3), TypeError, "a tuple, as (3,); got 3."),
    (lambda: ref.Parallel(Dense(2, 2), join="concatenate", axis=-3).output_shape((2,)), ValueError,
     "branches cannot be joined along axis -3, which outputs of shapes [(2,)] have not."),
    (lambda: NET.matrices(np.ones(3)), ValueError, "the network of 4 layers needs 23 parameters"),
])
def test_a_composite_refuses(make, error, says):
    with pytest.raises(error, match=re.escape(says)):
        make()


@pytest.mark.parametrize("ask", [ref.jacobian, ref.per_example_gradients, ref.kfac])
def test_the_layer_that_couples_the_examples_is_named(ask):
    objective = ref.Objective(NET, ref.SquaredError(), np.eye(3, 2), np.ones((3, 2)))
    says = re.escape("layer 1.0: BatchNorm(features=3) couples the examples of a batch")
    with pytest.raises(ValueError, match="^" + says):
        ask(objective, NET.initial(np.random.default_rng(0)))


def test_an_empty_sequential_is_the_identity_wherever_it_stands():
    x, y = np.eye(3, 2), np.ones((3, 2))
    plain = ref.Sequential(Dense(2, 2))
    theta = plain.initial(np.random.default_rng(0))
    for net in (ref.Sequential(ref.Sequential(), Dense(2, 2)),
                ref.Sequential(Dense(2, 2), ref.Sequential())):
        for ask in (ref.gradient, ref.jacobian):
            assert np.array_equal(*(ask(ref.Objective(each, ref.SquaredError(), x, y), theta)
                                    for each in (plain, net)))


# ---- statistics that do not exist ----

@pytest.mark.parametrize("layer, shape", [
    (LayerNorm(3, eps=0), (3,)), (ref.RMSNorm(3, eps=0.0), (3,)), (BatchNorm(3, eps=0.0), (3,)),
    (GroupNorm(1, 3, eps=0.0, spatial=0), (3,)), (LayerNorm(3, eps=1e-60), (3,))])
def test_constant_features_without_eps_are_refused_and_not_nan(layer, shape):
    """1e-60 is 0 among float32."""
    net = ref.Sequential(layer)
    theta, x = net.initial(np.random.default_rng(0)).astype(np.float32), np.ones((2,) + shape, "f")
    with pytest.raises(ValueError, match="is constant, and eps=.*; give a larger eps"):
        net.forward(theta, 0 * x)
    x = np.random.default_rng(1).standard_normal(x.shape).astype("f")
    assert np.isfinite(net.forward(theta, x)[-1]).all()


@pytest.mark.parametrize("layer, shape", [
    (GroupNorm(4, 4, spatial=0), (4,)), (ref.InstanceNorm(2), (2, 1, 1)), (LayerNorm(1), (5, 1))])
def test_statistics_of_a_single_number_are_refused_by_shape(layer, shape):
    with pytest.raises(ValueError, match="layer 0: the statistics of a single number"):
        ref.Sequential(layer).output_shape(shape)
    assert ref.InstanceNorm(2).output_shape((2, 1, 3)) == (2, 1, 3)


def test_tensors_of_other_programs_are_refused_by_their_type():
    class Tensor:
        shape, dtype = (3,), "torch.float64"
    with pytest.raises(TypeError, match=r"mean is a Tensor; pass numpy.asarray\(mean\)"):
        BatchNorm(3, mean=Tensor(), variance=np.ones(3))
    with pytest.raises(TypeError, match=r"mask is a Tensor; pass numpy.asarray\(mask\)"):
        LSTM(2, 3, mask=Tensor())


# ---- numbers and flags of any origin ----

@pytest.mark.parametrize("options", [
    dict(l2=np.float64(0.1)), dict(loss=ref.CrossEntropy(smoothing=np.float64(0.1)))])
def test_a_numpy_scalar_widens_nothing(options):
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(3, 3), ref.LeakyReLU(np.float64(0.1)), ref.Dense(3, 3))
    theta = net.initial(rng).astype("float32")
    objective = ref.Objective(net, options.pop("loss", ref.CrossEntropy()),
                              rng.standard_normal((4, 3)).astype("float32"),
                              np.array([0, 1, 2, 0]), **options)
    for answer in (objective.value(theta), objective.grad(theta), ref.hvp(objective, theta, theta),
                   ref.hvp(objective, theta, theta, route="autograd"),
                   ref.kfac(objective, theta)[0].inv(np.float64(0.1)).A):
        assert answer.dtype == np.float32


@pytest.mark.parametrize("weights", [3, "abc", [1, None], [True, 2.0], np.ones((3, 2)), [-1.0]])
def test_class_weights_are_a_sequence_of_numbers(weights):
    with pytest.raises(ValueError, match="class weights must be a sequence of finite numbers"):
        ref.CrossEntropy(weights=weights)


@pytest.mark.parametrize("make, says", [
    (lambda: ref.CrossEntropy(ignore=True), "ignore must be a whole number"),
    (lambda: ref.TransformerEncoderLayer(4, 2, 5, norm_first="no"), "norm_first must be True or"),
    (lambda: ref.TransformerEncoder(4, 2, 5, 1, norm=2), "norm must be True or False, got 2"),
    (lambda: ref.Sequential(ref.Conv2d(1, 2, 2), ref.BatchNorm(2)).output_shape((1, 3, 3)),
     "pass spatial=2 for images"),
    (lambda: ref.Sequential(ref.Dense(4, 4), ref.Residual(ref.Tanh(), ref.Dense(5, 4)))
     .output_shape((4,)), "layer 1.1: Dense"),
    (lambda: ref.LSTM(3, 2, initial=[np.zeros((1, 4, 2))] * 2), "<float64 array .1, 4, 2.>"),
    (lambda: ref.Sequential(ref.Tied("V", ref.Dense(3, 4)), ref.Tied("V", ref.Dense(4, 3))).layout,
     "tied by the name 'V'"),
])
def test_what_is_wrong_is_said_where_it_is(make, says):
    with pytest.raises((TypeError, ValueError), match=says):
        make()
