"""ONNX files become networks with the outputs of ONNX's own evaluator, or are refused by name."""

import numpy as np
import pytest

import reference as ref

onnx = pytest.importorskip("onnx")
helper, TensorProto = onnx.helper, onnx.TensorProto

CLOSE = 1e-12                          # some thousand roundings, of theirs and of ours
SINGLE = 1e-6                          # the same in float32, for networks as small


def array(name, value):
    return onnx.numpy_helper.from_array(np.asarray(value), name)


def model(nodes, arrays, shape, output="y", opset=21, x=TensorProto.DOUBLE, **more):
    """A graph from x to y of these nodes, its examples of this shape."""
    given = helper.make_tensor_value_info("x", x, ["N", *shape])
    wanted = helper.make_tensor_value_info(output, TensorProto.DOUBLE, None)
    graph = helper.make_graph(nodes, "graph", [given], [wanted],
                              [array(*each) for each in arrays.items()], **more)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def chain(*steps):
    """(nodes, arrays) of (op, {name: array}, attributes), each on the output of the one before."""
    nodes, arrays, last = [], {}, "x"
    for i, (op, own, attributes) in enumerate(steps):
        out = "y" if i == len(steps) - 1 else f"h{i}"
        names = [f"{i}.{key}" if key else "" for key in own]
        inputs = [*names, last] if op == "Gather" else [last, *names]
        nodes.append(helper.make_node(op, inputs, [out], name=f"n{i}", **attributes))
        arrays |= {f"{i}.{key}": value for key, value in own.items() if key}
        last = out
    return nodes, arrays


def normal(rng, *shape):
    return rng.standard_normal(shape)


def agrees(tmp_path, made, x, close=CLOSE, shape=None):
    """The network of a model, once its outputs are those of ONNX's evaluator."""
    from onnx.reference import ReferenceEvaluator
    onnx.save(made, tmp_path / "net.onnx")
    net, theta = ref.from_onnx(tmp_path / "net.onnx", shape)
    expected, = ReferenceEvaluator(made).run(None, {"x": x})
    y = net.forward(theta, x)[-1]
    assert y.shape == expected.shape and y.dtype == expected.dtype
    assert np.abs(y - expected).max() <= close * np.abs(expected).max()
    return net, theta


# ---- operators ----

def gemm(r, o, i, **more):
    return "Gemm", {"weight": normal(r, o, i), "bias": normal(r, o)}, {"transB": 1, **more}


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


# ---- what is refused ----

def refused(tmp_path, made, words, **more):
    """The error of a model, or of bytes."""
    path = tmp_path / "net.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    with pytest.raises(ValueError) as told:
        ref.from_onnx(path, **more)
    assert words in str(told.value), str(told.value)


def test_the_shape_may_be_given_where_the_file_is_silent(tmp_path):
    rng = np.random.default_rng(0)
    made = model(*chain(("Flatten", {}, {}), gemm(rng, 2, 6)), (2, 3))
    made.graph.input[0].type.tensor_type.ClearField("shape")
    refused(tmp_path, made, "pass shape=")
    agrees(tmp_path, made, normal(rng, 3, 2, 3), shape=(2, 3))


def spoiled(change):
    """Bytes of a good model, changed."""
    made = model(*chain(gemm(np.random.default_rng(0), 5, 4), ("Tanh", {}, {})), (4,))
    change(made.graph)
    return made


def outside(graph, **entries):
    """The weight is said to be in another file."""
    weight = graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        weight.external_data.add(key=key, value=str(value))


REFUSED = {
    "operator": (lambda g: setattr(g.node[1], "op_type", "Softmax"), "node 'n1', Softmax has no"),
    "unknown operator": (lambda g: setattr(g.node[1], "op_type", "Cube"), "no operator of ONNX 21"),
    "domain": (lambda g: setattr(g.node[1], "domain", "mine"), "operators of 'mine'"),
    "transA": (lambda g: g.node[0].attribute.append(helper.make_attribute("transA", 1)),
               "node 'n0', Gemm: transA=1 is not here"),
    "kind of attribute": (lambda g: g.node[0].attribute.append(
        helper.make_attribute("alpha", "much")), "'alpha' is not what ONNX"),
    "no input": (lambda g: g.node[0].ClearField("input"), "lacks an input"),
    "cycle": (lambda g: g.node[0].input.__setitem__(0, "y"), "without cycles"),
    "twice": (lambda g: g.node[1].output.__setitem__(0, "x"), "not computed before"),
    "made twice": (lambda g: g.node.append(helper.make_node("Relu", ["x"], ["y"])), "made twice"),
    "huge": (lambda g: g.initializer[0].dims.__setitem__(0, 2 ** 50), "is damaged"),
    "negative": (lambda g: g.initializer[0].dims.__setitem__(0, -5), "has shape (-5, 4)"),
    "text": (lambda g: setattr(g.initializer[0], "data_type", TensorProto.STRING), "type 8"),
    "above": (lambda g: outside(g, location="../secret"), "no file in the folder"),
    "absolute": (lambda g: outside(g, location="/etc/passwd"), "no file in the folder"),
    "link": (lambda g: outside(g, location="link"), "no file in the folder"),
    "folder": (lambda g: outside(g, location="."), "no file in the folder"),
    "no name": (lambda g: outside(g, location="a\0b"), "no file in the folder"),
    "too short": (lambda g: outside(g, location="short"), "has not so many"),
    "before it": (lambda g: outside(g, location="beside", offset=-8), "has not so many"),
    "another length": (lambda g: outside(g, location="beside", length=8), "has not so many"),
    "two inputs": (lambda g: g.input.append(helper.make_tensor_value_info(
        "z", TensorProto.DOUBLE, [3])), "one of each"),
    "empty": (lambda g: g.Clear(), "one of each"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_files_are_refused_and_nothing_outside_is_read(tmp_path, name):
    change, words = REFUSED[name]
    folder = tmp_path / "folder"
    folder.mkdir()
    for path, size in (("secret", 160), ("folder/beside", 160), ("folder/short", 9)):
        (tmp_path / path).write_bytes(bytes(size))
    (folder / "link").symlink_to(tmp_path / "secret")
    refused(folder, spoiled(change), words)


def test_arrays_beside_the_model_are_read(tmp_path):
    made = spoiled(lambda g: outside(g, location="beside", offset=8, length=160))
    (tmp_path / "beside").write_bytes(np.arange(21.0).tobytes())
    onnx_path = tmp_path / "net.onnx"
    onnx_path.write_bytes(made.SerializeToString())
    net, theta = ref.from_onnx(onnx_path)
    assert np.array_equal(net.named(theta)["0.weight"], np.arange(1.0, 21).reshape(5, 4))


def test_a_file_cut_short_anywhere_is_refused_or_is_no_network(tmp_path):
    whole = spoiled(lambda graph: None).SerializeToString()
    for end in range(0, len(whole), 7):
        refused(tmp_path, whole[:end], "")
    refused(tmp_path / ".", b"nonsense", "no ONNX file")
    with pytest.raises(ValueError, match="is no file"):
        ref.from_onnx(tmp_path / "absent.onnx")
