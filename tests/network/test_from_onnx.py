"""ONNX files become networks with the outputs of ONNX's own evaluator, or are refused by name."""

import numpy as np
import pytest

import reference as ref
from reference.network import onnx_recurrent

pytest.importorskip("onnx")

from tests.network.onnx_models import (CLOSE, SINGLE, TensorProto, agrees, chain, gemm,  # noqa: E402
                                       helper, model, normal, onnx, refused)


# ---- operators ----

def chains(r):
    """name -> (shape of an example, steps)."""
    pointwise = [(op, {}, {}) for op in ("Tanh", "Sigmoid", "Softplus", "Softsign", "Mish", "Sin",
                                         "Relu", "LeakyRelu", "Elu", "Identity")]
    four = {key: normal(r, 3) for key in ("weight", "bias", "mean")} | {"var": r.random(3) + 0.5}
    return {
        "gemm": ((4,), [("Gemm", {"weight": normal(r, 4, 5), "bias": normal(r, 1, 5)},
                         {"alpha": 0.7, "beta": -1.3}), *pointwise, gemm(r, 3, 5)]),
        "matmul": ((2, 4), [("MatMul", {"weight": normal(r, 4, 5)}, {}),
                            ("Add", {"bias": normal(r, 5)}, {}), ("Elu", {}, {"alpha": 0.3}),
                            ("MatMul", {"weight": normal(r, 5, 2)}, {})]),
        "images": ((4, 9, 8), [
            ("Conv", {"weight": normal(r, 6, 2, 3, 2), "bias": normal(r, 6)},
             {"group": 2, "strides": [2, 1], "pads": [1, 0, 2, 1], "dilations": [1, 2]}),
            ("AveragePool", {}, {"kernel_shape": [2, 2], "strides": [2, 1], "pads": [1, 0, 1, 0]}),
            ("ConvTranspose", {"weight": normal(r, 6, 3, 2, 3)},
             {"strides": [2, 1], "pads": [1, 0, 1, 0], "output_padding": [1, 0]}),
            ("BatchNormalization", four, {"epsilon": 1e-3}),
            ("MaxPool", {}, {"kernel_shape": [2, 2]}), ("Dropout", {}, {}),
            ("Flatten", {}, {})]),
        "sequences": ((3, 11), [
            ("Conv", {"weight": normal(r, 3, 3, 4)}, {"auto_pad": "SAME_LOWER"}),
            ("InstanceNormalization", {"weight": normal(r, 3), "bias": normal(r, 3)}, {}),
            ("ConvTranspose", {"weight": normal(r, 3, 4, 2), "bias": normal(r, 4)},
             {"strides": [3], "dilations": [2]}),
            ("GroupNormalization", {"weight": normal(r, 4), "bias": normal(r, 4)},
             {"num_groups": 2, "stash_type": TensorProto.DOUBLE}),
            ("AveragePool", {}, {"kernel_shape": [3], "pads": [1, 1], "count_include_pad": 1}),
            ("Transpose", {}, {"perm": [0, 2, 1]}),
            ("LayerNormalization", {"weight": normal(r, 4), "bias": normal(r, 4)}, {}),
            ("Transpose", {}, {"perm": [0, 2, 1]}), ("GlobalAveragePool", {}, {}),
            ("Squeeze", {"axes": np.array([2])}, {})]),
        "reshaped": ((2, 3), [("Reshape", {"shape": np.array([-1, 6])}, {}), gemm(r, 2, 6)]),
    }


@pytest.mark.parametrize("name", ["gemm", "matmul", "images", "sequences", "reshaped"])
def test_outputs_are_those_of_onnx(tmp_path, name):
    rng = np.random.default_rng(0)
    shape, steps = chains(rng)[name]
    net, theta = agrees(tmp_path, model(*chain(*steps), shape), normal(rng, 3, *shape))
    if name == "images":
        assert set(net.named(theta)) == {"0.weight", "0.bias", "2.weight", "3.weight", "3.bias"}


def test_float32_stays_float32(tmp_path):
    rng = np.random.default_rng(0)
    nodes, arrays = chain(gemm(rng, 5, 4), ("Selu", {}, {}), ("Gelu", {}, {}),   # float32 in ONNX
                          ("Gelu", {}, {"approximate": "tanh"}), gemm(rng, 2, 5))
    arrays = {name: a.astype(np.float32) for name, a in arrays.items()}
    made = model(nodes, arrays, (4,), x=TensorProto.FLOAT)
    agrees(tmp_path, made, normal(rng, 3, 4).astype(np.float32), SINGLE)


def test_words_are_read_and_scored_by_one_matrix(tmp_path):
    rng = np.random.default_rng(0)
    nodes, arrays = chain(("Gather", {"weight": normal(rng, 7, 4)}, {}), ("Tanh", {}, {}))
    nodes[-1].output[0] = "h"
    nodes += [helper.make_node("Transpose", ["0.weight"], ["turned"], perm=[1, 0]),
              helper.make_node("MatMul", ["h", "turned"], ["y"])]
    made = model(nodes, arrays, (2,), x=TensorProto.INT64)
    net, theta = agrees(tmp_path, made, rng.integers(0, 7, (3, 2)))
    assert theta.size == 28 and "Tied" in repr(net)


def test_branches_that_part_and_meet_are_added(tmp_path):
    rng = np.random.default_rng(0)
    told = ("MatMul x a p", "Tanh p q", "MatMul q b r", "Add r c s", "Add p s t", "MatMul x d u",
            "Add t u y")
    nodes = [helper.make_node(op, inputs, [out])
             for op, *inputs, out in (line.split() for line in told)]
    shapes = {"a": (4, 5), "b": (5, 5), "c": (5,), "d": (4, 5)}
    arrays = {name: normal(rng, *shape) for name, shape in shapes.items()}
    net, theta = agrees(tmp_path, model(nodes, arrays, (4,)), normal(rng, 3, 4))
    assert theta.size == 70
    nodes[-2].input[0] = "q"                              # a layer in both branches, and apart
    refused(tmp_path, model(nodes, arrays | {"d": normal(rng, 5, 5)}, (4,)), "share a layer")


# ---- recurrent ----

@pytest.mark.parametrize("op, gates, more", [
    ("RNN", 1, {}), ("LSTM", 4, {}),
    ("GRU", 3, {"linear_before_reset": 1}), ("GRU", 3, {"linear_before_reset": 0})])
@pytest.mark.parametrize("output", ["all", "last"])
@pytest.mark.parametrize("ways", [1, 2])
def test_gates_are_in_onnxs_order(tmp_path, op, gates, more, output, ways):
    rng, T, I, H = np.random.default_rng(0), 5, 3, 4
    arrays = {"W": normal(rng, ways, gates * H, I), "R": normal(rng, ways, gates * H, H),
              "B": normal(rng, ways, 2 * gates * H), "shape": np.array([0, 0, -1])}
    given = "bidirectional" if ways == 2 else "forward"
    nodes = [helper.make_node("Transpose", ["x"], ["s"], perm=[1, 0, 2]),
             helper.make_node(op, ["s", "W", "R", "B"], ["a", "l"], hidden_size=H, direction=given,
                              **more)]
    if output == "all":
        nodes += [helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3]),
                  helper.make_node("Reshape", ["b", "shape"], ["c"]),
                  helper.make_node("Transpose", ["c"], ["y"], perm=[1, 0, 2])]
    else:
        nodes += [helper.make_node("Transpose", ["l"], ["b"], perm=[1, 0, 2]),
                  helper.make_node("Flatten", ["b"], ["y"])]
    agrees(tmp_path, model(nodes, arrays, (T, I)), normal(rng, 2, T, I))


def test_an_rnn_may_have_relu_and_a_state_to_begin_with_and_no_other_options(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"W": normal(rng, 1, 2, 3), "R": normal(rng, 1, 2, 2), "h": normal(rng, 1, 1, 2)}
    nodes = [helper.make_node("RNN", ["x", "W", "R", "", "", "h"], ["", "l"], layout=1,
                              activations=["Relu"]),
             helper.make_node("Flatten", ["l"], ["y"])]
    onnx.save(model(nodes, arrays, (1, 3)), tmp_path / "net.onnx")
    net, theta = ref.from_onnx(tmp_path / "net.onnx")
    x, h = normal(rng, 4, 1, 3), arrays["h"][0]
    expected = np.maximum(x[:, 0] @ arrays["W"][0].T + h @ arrays["R"][0].T, 0)
    assert np.abs(net.forward(theta, x)[-1] - expected).max() <= CLOSE
    for more, words in (({"clip": 1.0}, "clip"), ({"direction": "reverse"}, "direction='reverse'"),
                        ({"activations": ["Affine"]}, "Tanh and Relu")):
        nodes[0] = helper.make_node("RNN", ["x", "W", "R"], ["", "l"], layout=1, **more)
        refused(tmp_path, model(nodes, arrays, (1, 3)), words)


def test_gates_in_another_order_are_another_network(tmp_path, monkeypatch):
    monkeypatch.setitem(onnx_recurrent.BLOCKS, "GRU", (0, 1, 2))
    with pytest.raises(AssertionError):
        test_gates_are_in_onnxs_order(tmp_path, "GRU", 3, {}, "all", 1)


def test_zeros_for_as_many_examples_as_come_are_no_initial_state(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"W": normal(rng, 1, 4, 3), "R": normal(rng, 1, 4, 4), "zero": np.zeros((1, 1, 1)),
              "one": np.array([1]), "four": np.array([4]), "first": np.array(0)}
    nodes = [helper.make_node("Shape", ["x"], ["n"], end=1),
             helper.make_node("Concat", ["one", "n", "four"], ["sizes"], axis=0),
             helper.make_node("Expand", ["zero", "sizes"], ["h"]),
             helper.make_node("Transpose", ["x"], ["s"], perm=[1, 0, 2]),
             helper.make_node("RNN", ["s", "W", "R", "", "", "h"], ["", "l"], hidden_size=4),
             helper.make_node("Gather", ["l", "first"], ["y"], axis=0)]
    agrees(tmp_path, model(nodes, arrays, (5, 3)), normal(rng, 2, 5, 3))
    arrays["zero"] += 1
    refused(tmp_path, model(nodes, arrays, (5, 3)), "Expand has no counterpart")


def test_the_shape_may_be_given_where_the_file_is_silent(tmp_path):
    rng = np.random.default_rng(0)
    made = model(*chain(("Flatten", {}, {}), gemm(rng, 2, 6)), (2, 3))
    made.graph.input[0].type.tensor_type.ClearField("shape")
    refused(tmp_path, made, "pass shape=")
    agrees(tmp_path, made, normal(rng, 3, 2, 3), shape=(2, 3))
