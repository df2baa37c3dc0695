"""ONNX models made by hand, and what must come of them."""

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


def gemm(r, o, i, **more):
    return "Gemm", {"weight": normal(r, o, i), "bias": normal(r, o)}, {"transB": 1, **more}


def refused(tmp_path, made, words, **more):
    """The error of a model, or of bytes."""
    path = tmp_path / "net.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    with pytest.raises(ValueError) as told:
        ref.from_onnx(path, **more)
    assert words in str(told.value), str(told.value)
